# SPDX-License-Identifier: Apache-2.0
"""Stopping, restarting, reloading."""
import signal
import threading
import time

from conftest import LATE_MS, PATIENCE_S, wait_until

SLOW_ANSWER_S = 1.0


def test_a_stop_finishes_the_attempt_under_way(make_grapnel, make_receiver):
    arrived = threading.Event()

    def slow(handler):
        arrived.set()
        time.sleep(SLOW_ANSWER_S)  # the receiver's own slowness is what is tested
        handler.send_response(204)
        handler.end_headers()

    receiver = make_receiver(slow)
    server = make_grapnel().serve("log.level=debug")
    app = server.application()
    server.endpoint(app, receiver.url)
    message = server.publish(app)
    assert arrived.wait(PATIENCE_S)
    assert server.stop() == 0
    server.serve()
    attempts = server.attempts(app, message)
    assert [a["status"] for a in attempts] == [0]
    assert len(receiver.received) == 1


def test_a_clean_stop_leaves_no_socket_behind(grapnel):
    assert (grapnel.store / "admin.sock").exists()
    assert grapnel.stop() == 0
    assert not (grapnel.store / "admin.sock").exists()


def test_a_stop_past_its_deadline_cuts_and_the_delivery_comes_after_the_restart(make_grapnel, make_receiver):
    arrived, answered = threading.Event(), threading.Event()

    def hang(handler):
        arrived.set()
        answered.wait(PATIENCE_S)

    receiver = make_receiver(hang, 204)
    server = make_grapnel().serve("server.stop_timeout=300ms", "deliver.retry=50ms,50ms,50ms")
    app = server.application()
    server.endpoint(app, receiver.url)
    message = server.publish(app)
    assert arrived.wait(PATIENCE_S)
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 10 + LATE_MS / 1000
    server.serve("deliver.retry=50ms,50ms,50ms")
    receiver.wait(2)
    answered.set()
    assert set(receiver.ids()) == {message}


def test_a_second_signal_ends_the_server_at_once(make_grapnel, make_receiver):
    arrived, answered = threading.Event(), threading.Event()

    def hang(handler):
        arrived.set()
        answered.wait(PATIENCE_S)

    receiver = make_receiver(hang)
    server = make_grapnel().serve("server.stop_timeout=60s")
    app = server.application()
    server.endpoint(app, receiver.url)
    server.publish(app)
    assert arrived.wait(PATIENCE_S)
    server.child.send_signal(signal.SIGTERM)
    server.wait_log("server.stopping")
    server.child.send_signal(signal.SIGINT)
    assert server.child.wait(PATIENCE_S) == 1
    answered.set()
    assert "server.cut" in server.log()


def test_a_stop_under_load_loses_nothing_that_was_answered(make_grapnel, receiver):
    server = make_grapnel().serve()
    app = server.application()
    server.endpoint(app, receiver.url)
    server.token  # made before the threads race for it
    accepted, lock = [], threading.Lock()

    def publish():
        try:
            while True:
                message = server.publish(app)
                with lock:
                    accepted.append(message)
        except (OSError, AssertionError, ValueError):
            return  # stopped: refused or cut

    threads = [threading.Thread(target=publish) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(accepted) > 200, "a few hundred accepted messages")
    assert server.stop() == 0
    for thread in threads:
        thread.join()
    assert "server.stopped" in server.log()
    server.serve()
    wait_until(lambda: set(accepted) <= set(receiver.ids()), "every accepted message at the receiver")


def test_what_is_pending_survives_a_kill(make_grapnel, make_receiver):
    receiver = make_receiver(500, 204)
    server = make_grapnel().serve("deliver.retry=700ms,700ms", "deliver.jitter=0")
    app = server.application()
    server.endpoint(app, receiver.url)
    message = server.publish(app)
    receiver.wait(1)
    wait_until(lambda: server.attempts(app, message), "the failed attempt in the history")
    server.kill()
    server.serve("deliver.retry=700ms,700ms", "deliver.jitter=0")
    receiver.wait(2)
    wait_until(lambda: sorted(a["status"] for a in server.attempts(app, message))[0] == 0, "the success")
    assert set(receiver.ids()) == {message}


def test_a_reload_applies_what_may_change_and_names_what_needs_a_restart(make_grapnel, make_receiver, tmp_path):
    conf = tmp_path / "grapnel.conf"
    conf.write_text("log.level = info\nhttp.body_max = 1MiB\n")
    server = make_grapnel().serve(f"config={conf}")
    app = server.application()
    big = {"text": "x" * 20000}
    server.publish(app, big)
    conf.write_text("log.level = debug\nhttp.body_max = 4KiB\nserver.workers = 3\n")
    server.child.send_signal(signal.SIGHUP)
    server.wait_log("server.reloaded")
    assert "server.workers" in server.wait_log("server.needs_restart")
    assert server.call("POST", f"/app/{app}/msg", {"eventType": "a.b", "payload": big}).status == 413


def test_a_reload_with_an_error_changes_nothing(make_grapnel, tmp_path):
    conf = tmp_path / "grapnel.conf"
    conf.write_text("http.body_max = 1MiB\n")
    server = make_grapnel().serve(f"config={conf}")
    app = server.application()
    conf.write_text("http.body_max = 4KiB\nno.such.option = 1\n")
    server.child.send_signal(signal.SIGHUP)
    assert "no.such.option" in server.wait_log("server.reload_failed")
    server.publish(app, {"text": "x" * 20000})


def test_a_reloaded_retry_schedule_is_used_for_the_next_failure(make_grapnel, make_receiver, tmp_path):
    conf = tmp_path / "grapnel.conf"
    conf.write_text("deliver.retry = 10h\ndeliver.jitter = 0\n")
    server = make_grapnel().serve(f"config={conf}")
    receiver = make_receiver(500, 204)
    app = server.application()
    server.endpoint(app, receiver.url)
    conf.write_text("deliver.retry = 50ms\ndeliver.jitter = 0\n")
    server.child.send_signal(signal.SIGHUP)
    server.wait_log("server.reloaded")
    server.publish(app)
    receiver.wait(2)
