# SPDX-License-Identifier: Apache-2.0
"""When the disk is full, or fails in places."""
import contextlib
import datetime
import os
import resource
import sqlite3
import subprocess

import pytest

from conftest import PATIENCE_S, wait_until

HOUR_AGO = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).isoformat()


def publish_until_refused(server, app, most=3000):
    """(accepted ids, the refusal)"""
    accepted = []
    for n in range(most):
        answer = server.call("POST", f"/app/{app}/msg", {"eventType": "disk.test", "payload": {"n": n, "pad": "x" * 30000}})
        if answer.status >= 300:
            return accepted, answer
        accepted.append(answer.body["id"])
    raise AssertionError(f"{most} messages of 30 KB fitted")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MiB, when this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


class Ballast:
    """A file that takes all the room a disk has left."""

    def __init__(self, folder):
        self.file = folder / "ballast"

    def fill(self):
        with open(self.file, "ab", buffering=0) as ballast:
            try:
                while ballast.write(b"x" * 65536) == 65536:
                    pass
            except OSError:
                pass

    def drop(self):
        self.file.unlink()


def publish(server, app):
    return server.call("POST", f"/app/{app}/msg", {"eventType": "disk.test", "payload": {}})


def assert_kept(server, app, accepted):
    for message in (accepted[0], accepted[len(accepted) // 2], accepted[-1]):
        assert server.ok("GET", f"/app/{app}/msg/{message}")["id"] == message


def test_below_the_free_space_limit_messages_are_refused_and_the_history_stays_readable(make_grapnel):
    server = make_grapnel().serve()
    app = server.application()
    message = server.publish(app)
    server.restart("store.free_min=1TiB")
    answer = server.call("POST", f"/app/{app}/msg", {"eventType": "disk.test", "payload": {}})
    assert answer.status in (503, 507)
    assert server.ok("GET", f"/app/{app}/msg/{message}")["id"] == message


def test_a_full_disk_refuses_keeps_what_was_accepted_and_recovers(make_grapnel, small_disk):
    server, ballast = make_grapnel(), Ballast(small_disk)
    server.store = small_disk / "store"
    server.serve("store.free_min=0")
    app = server.application()
    first = publish(server, app).body["id"]
    ballast.fill()
    accepted, refused = publish_until_refused(server, app)
    assert refused.status in (500, 503, 507)
    assert server.raw("GET", "/metrics").status == 200
    assert_kept(server, app, [first, *accepted])
    ballast.drop()
    wait_until(lambda: publish(server, app).status == 202, "accepting again once there is room")
    server.restart()
    assert_kept(server, app, [first, *accepted])


def test_a_start_on_a_full_disk_serves_the_history_refuses_and_recovers(make_grapnel, small_disk):
    """The log of what was accepted cannot be moved into its file: there is no room for both."""
    server, ballast = make_grapnel(), Ballast(small_disk)
    server.store = small_disk / "store"
    server.serve("store.free_min=0")
    app = server.application()
    accepted, _ = publish_until_refused(server, app)
    server.kill()
    ballast.fill()
    server.restart()
    server.wait_log("store.log_kept")
    assert_kept(server, app, accepted)
    more, refused = publish_until_refused(server, app)  # a few may fit where the log ends
    assert refused.status in (500, 503, 507)
    accepted += more
    ballast.drop()
    subprocess.run(["mount", "-o", "remount,size=192m", small_disk], check=True)
    wait_until(lambda: publish(server, app).status == 202, "accepting again once there is room")
    server.restart()
    assert "store.log_kept" not in server.log()
    assert_kept(server, app, accepted)


def test_a_file_size_limit_is_a_refusal_and_not_an_end(make_grapnel):
    """The same without the right to mount: no file may grow past 8 MiB."""
    server = make_grapnel()
    server.serve("store.free_min=0", preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20)))
    app = server.application()
    accepted, refused = publish_until_refused(server, app)
    assert accepted and refused.status in (500, 503, 507)
    assert server.child.poll() is None
    server.restart()
    listed = server.ok("GET", f"/app/{app}/msg/{accepted[-1]}")
    assert listed["id"] == accepted[-1]
    assert os.path.getsize(server.store / "config.db") > 0


def test_a_recovery_waits_for_a_full_disk_and_then_sends_all_of_it(make_grapnel, make_receiver, small_disk):
    server, ballast, receiver = make_grapnel(), Ballast(small_disk), make_receiver(500)
    server.store = small_disk / "store"
    server.serve("store.free_min=0", "deliver.retry=10ms", "deliver.jitter=0", "deliver.breaker_failures=100000")
    app = server.application()
    endpoint = server.endpoint(app, receiver.url)
    base = f"/app/{app}/endpoint/{endpoint}"
    for n in range(150):
        server.publish(app, {"n": n})
    wait_until(lambda: server.ok("GET", base + "/stats")["fail"] == 150, "all to be given up")
    receiver.answers[:] = [204]
    task = server.ok("POST", base + "/recover", {"since": HOUR_AGO})["id"]
    ballast.fill()
    ballast.drop()

    def look():
        shown = server.ok("GET", f"/background-task/{task}")
        return shown if shown["status"] != "running" else None
    shown = wait_until(look, "the task to end")
    assert (shown["status"], shown["data"]["messages_sent"]) == ("finished", 150)
    wait_until(lambda: server.ok("GET", base + "/stats")["success"] == 150, "all of it to arrive")


def test_an_outcome_that_cannot_be_written_holds_up_nobody_else(grapnel, make_receiver):
    """A row that cannot be changed stands for one on a page that went bad."""
    app, bad, good = grapnel.application(), make_receiver(), make_receiver()
    spoilt, fine = grapnel.endpoint(app, bad.url), grapnel.endpoint(app, good.url)
    with contextlib.closing(sqlite3.connect(grapnel.store / "config.db")) as config:
        number, = config.execute("SELECT num FROM endpoint WHERE id = ?", (spoilt,)).fetchone()
    segment = max((grapnel.store / "segments").glob("*.db"))
    def change(sql):
        with contextlib.closing(sqlite3.connect(segment, timeout=PATIENCE_S)) as db:
            db.execute(sql)
    change(f"CREATE TRIGGER spoilt BEFORE UPDATE ON delivery WHEN OLD.endpoint = {number} BEGIN SELECT abs(-9223372036854775807 - 1); END")
    messages = [grapnel.publish(app, {"n": n}) for n in range(30)]
    good.wait(30)
    grapnel.wait_log("deliver.record_failed")
    def ended(endpoint):
        page = grapnel.ok("GET", f"/app/{app}/attempt/endpoint/{endpoint}?limit=250&status=0")["data"]
        return {attempt["msgId"] for attempt in page} == set(messages)
    wait_until(lambda: ended(fine), "the outcomes of the other endpoint")
    assert not ended(spoilt)
    more = [grapnel.publish(app, {"n": n}) for n in range(3)]  # nothing that is accepted is refused for it
    good.wait(33)
    change("DROP TRIGGER spoilt")
    messages += more
    wait_until(lambda: ended(spoilt), "the outcomes that were held up")
    assert len(bad.ids()) == 33 == len(set(bad.ids()))  # and none was sent twice


def test_a_task_that_cannot_be_read_is_told_of_and_goes_on_once_it_can(make_grapnel, receiver):
    server = make_grapnel().serve("deliver.retry=10ms", "deliver.jitter=0", "deliver.breaker_failures=100000")
    app = server.application()
    server.endpoint(app, receiver.url)
    receiver.answers[:] = [500]
    sent = {server.publish(app, {"n": number}) for number in range(20)}
    wait_until(lambda: server.ok("POST", "/bulk/count", {"action": "recover", "appId": app})["matched"] == len(sent), "all to be given up")
    receiver.answers[:] = [204]
    receiver.received.clear()
    plan = server.ok("POST", "/bulk/count", {"action": "recover", "appId": app})["plan"]
    task = server.ok("POST", "/bulk", {"plan": plan, "rate": 5})["id"]
    receiver.wait(1)
    server.kill()
    config = server.store / "config.db"
    with contextlib.closing(sqlite3.connect(config)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = db.execute("PRAGMA page_size").fetchone()[0]
        at = (db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'task'").fetchone()[0] - 1) * size
    whole = config.read_bytes()
    config.write_bytes(whole[:at] + b"\xff" * size + whole[at + size:])
    server.serve("deliver.retry=10ms", "deliver.jitter=0", "deliver.breaker_failures=100000")
    server.wait_log("api.tasks_unreadable")
    with open(config, "r+b") as file:
        file.seek(at)
        file.write(whole[at:at + size])
    server.application()  # a change, after which SQLite keeps no page from before
    wait_until(lambda: sent <= set(receiver.ids()), "the rest to be sent")
    wait_until(lambda: server.ok("GET", f"/background-task/{task}")["status"] == "finished", "the task to end")
