# SPDX-License-Identifier: Apache-2.0
"""Endpoints of kind amqp against a real RabbitMQ: published, confirmed, retried, in order, never lost."""
import json
import subprocess
import threading

import pytest

import rabbit
from conftest import SLOWER, wait_until

pytestmark = pytest.mark.skipif(not rabbit.is_installed(), reason="rabbitmq-server is not installed")

RETRIES = ",".join(["100ms"] * 5 + ["1s"] * 27)


def certificates(folder):
    """An authority, and its certificate for localhost: (authority, certificate, key)."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "req.pem", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost")
    openssl("x509", "-req", "-in", "req.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "cert.pem",
            "-extfile", "names")
    return folder / "ca.pem", folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    node = rabbit.Rabbit(tmp_path_factory.mktemp("rabbit") / "node")
    node.authority, *pair = certificates(tmp_path_factory.mktemp("tls"))
    node.use_tls(node.authority, *pair)
    node.start()
    yield node
    node.close()


@pytest.fixture
def server(make_grapnel):
    return make_grapnel().serve(f"deliver.retry={RETRIES}", "deliver.jitter=0", "deliver.breaker_time=100ms",
                                "deliver.breaker_time_max=300ms", "deliver.timeout=5s")


def endpoint(server, broker, app, more=None, **amqp):
    return server.ok("POST", f"/app/{app}/endpoint", {"url": broker.url, "amqp": amqp, **(more or {})})


def numbers(messages):
    return [json.loads(body)["n"] for _, _, body in messages]


def test_a_message_is_published_as_the_settings_say(server, broker):
    broker.queue("said", "events", key="shop.#")
    app = server.application(uid="shop")
    made = endpoint(server, broker, app, exchange="events", routingKey="{app.uid}.{eventType}.{json:/who/0}",
                    headers={"tenant": "t-{channel}", "fixed": "{{x}}"})
    assert "guest" not in json.dumps(made)
    body = '{"who": ["me"],   "n": 1.50}'
    answer = server.raw("POST", f"/api/v1/app/{app}/msg",
                        '{"eventType": "user.made", "channels": ["red"], "payload": ' + body + "}",
                        {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
    message = json.loads(answer.body)["id"]
    (key, properties, got), = broker.collect("said", lambda m: len(m) == 1, "the message")
    assert (key, got.decode()) == ("shop.user.made.me", body)
    assert properties.headers == {"tenant": "t-red", "fixed": "{x}"}
    assert (properties.message_id, properties.delivery_mode, properties.type) == (message, 2, "user.made")
    attempt = wait_until(lambda: server.attempts(app, message), "the attempt")[0]
    assert (attempt["status"], attempt["responseStatusCode"]) == (0, 200)
    assert attempt["url"] == broker.url.replace("guest:guest@", "")


def test_settings_that_cannot_be_are_refused(server, broker):
    app = server.application()
    for amqp, where in [({"exchange": 1}, "exchange"), ({"routingKey": "{nothing}"}, "routingKey"),
                        ({"exchangeType": "star"}, "exchangeType"), ({"other": 1}, "amqp")]:
        answer = server.call("POST", f"/app/{app}/endpoint", {"url": broker.url, "amqp": amqp})
        assert answer.status == 422 and answer.body["detail"][0]["loc"][-1] == where
    answer = server.call("POST", f"/app/{app}/endpoint", {"url": "http://127.0.0.1/", "amqp": {}})
    assert answer.status == 422
    for url in ["amqp://", "amqp://host/a/b", "amqp://host/%zz"]:
        assert server.call("POST", f"/app/{app}/endpoint", {"url": url}).status == 422


def test_credentials_are_kept_with_the_same_broker_and_dropped_with_another(server, broker):
    broker.ctl("add_user", "other", "s3:cret/")
    broker.ctl("set_permissions", "other", ".*", ".*", ".*")
    broker.queue("kept")
    app = server.application()
    url = f"amqp://other:s3%3Acret%2F@127.0.0.1:{broker.port}/"
    made = server.ok("POST", f"/app/{app}/endpoint", {"url": url, "amqp": {"routingKey": "kept"}})
    assert "s3" not in json.dumps(made) and "other" not in made["url"]
    server.ok("PATCH", f"/app/{app}/endpoint/{made['id']}", {"url": made["url"], "description": "shown and sent back"})
    server.publish(app)
    broker.collect("kept", lambda m: len(m) == 1, "the message by the sealed user")
    assert broker.ctl("list_connections", "user").count("other") >= 1


def test_what_the_broker_says_is_in_the_history(server, broker):
    app = server.application()
    cases = {endpoint(server, broker, app, {"retrySchedule": []}, exchange="not-there")["id"]: (404, "no exchange 'not-there'"),
             endpoint(server, broker, app, {"retrySchedule": []}, routingKey="nobody", mandatory=True)["id"]: (404, "NO_ROUTE"),
             server.ok("POST", f"/app/{app}/endpoint", {"url": broker.url.replace("guest@", "wrong@"), "retrySchedule": []})["id"]:
                 (403, "ACCESS_REFUSED")}
    message = server.publish(app)
    attempts = wait_until(lambda: (a := server.attempts(app, message)) and len(a) == 3 and a, "three attempts")
    for attempt in attempts:
        status, words = cases[attempt["endpointId"]]
        assert attempt["responseStatusCode"] == status and words in attempt["errorDetail"], attempt


def test_what_comes_back_is_of_the_endpoint_whose_key_no_queue_wants(server, broker):
    broker.queue("wanted")
    app = server.application()
    statuses = {endpoint(server, broker, app, {"retrySchedule": []}, routingKey="wanted", mandatory=True)["id"]: 200,
                endpoint(server, broker, app, {"retrySchedule": []}, routingKey="nobody", mandatory=True)["id"]: 404}
    for message in [server.publish(app) for _ in range(20)]:
        attempts = wait_until(lambda m=message: (a := server.attempts(app, m)) and len(a) == 2 and a, "two attempts")
        assert {a["endpointId"]: a["responseStatusCode"] for a in attempts} == statuses


def test_addresses_are_guarded_after_dns(make_grapnel, broker):
    server = make_grapnel().serve("deliver.retry=", "fetch.deny=127.0.0.0/8,::1/128")
    app = server.application()
    server.ok("POST", f"/app/{app}/endpoint", {"url": f"amqp://localhost:{broker.port}/"})
    message = server.publish(app)
    attempt = wait_until(lambda: server.attempts(app, message), "the attempt")[0]
    assert attempt["error"] == "address"


def test_tls_checks_the_authority_and_the_name(make_grapnel, broker):
    cases = [("localhost", [f"fetch.ca_file={broker.authority}"], 200), ("127.0.0.1", [f"fetch.ca_file={broker.authority}"], 0),
             ("localhost", [], 0)]
    for host, flags, status in cases:
        server = make_grapnel().serve("deliver.retry=", *flags)
        app = server.application()
        server.ok("POST", f"/app/{app}/endpoint", {"url": f"amqps://{host}:{broker.tls_port}/"})
        message = server.publish(app)
        attempt = wait_until(lambda s=server, a=app, m=message: s.attempts(a, m), "the attempt")[0]
        assert attempt["responseStatusCode"] == status and (status == 200 or attempt["error"] == "tls"), attempt


def publish_many(server, app, count, start=0):
    for n in range(start, start + count):
        server.publish(app, {"n": n})


def test_a_broker_that_crashes_and_comes_back_loses_nothing(server, broker):
    broker.queue("crash")
    app = server.application()
    endpoint(server, broker, app, routingKey="crash")
    sender = threading.Thread(target=publish_many, args=(server, app, 300))
    sender.start()
    wait_until(lambda: server.metrics()['grapnel_broker_messages_total{result="confirmed"}'] > 50, "50 confirms")
    broker.kill()
    server.wait_log("broker.lost|broker.unreachable")
    sender.join()
    broker.start()
    got = broker.collect("crash", lambda m: len(set(numbers(m))) == 300, "all of them", 60 * SLOWER)
    assert set(numbers(got)) == set(range(300))


def test_a_missing_exchange_holds_nobody_else_up_and_gets_everything_later(server, broker):
    broker.queue("fine")
    app = server.application()
    endpoint(server, broker, app, exchange="comes-late", mandatory=True)  # it is there before its queue is bound
    endpoint(server, broker, app, routingKey="fine")
    publish_many(server, app, 100)
    broker.collect("fine", lambda m: len(m) == 100, "those to the exchange that is there")
    server.wait_log("broker.channel_closed")
    broker.queue("late", "comes-late")
    got = broker.collect("late", lambda m: len(set(numbers(m))) == 100, "those that waited", 60 * SLOWER)
    assert set(numbers(got)) == set(range(100))


def test_a_memory_alarm_is_waited_out(server, broker):
    broker.queue("alarm")
    app = server.application()
    endpoint(server, broker, app, routingKey="alarm")
    publish_many(server, app, 10)
    broker.collect("alarm", lambda m: len(m) == 10, "the first ones")
    broker.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        publish_many(server, app, 50, 10)
        server.wait_log("broker.blocked")
        assert server.metrics()["grapnel_broker_blocked"] == 1
    finally:
        broker.ctl("set_vm_memory_high_watermark", "0.9")
    got = broker.collect("alarm", lambda m: len(set(numbers(m))) == 50, "the others", 60 * SLOWER)
    assert set(numbers(got)) == set(range(10, 60))
    server.wait_log("broker.unblocked")


def test_an_ordered_endpoint_keeps_order_through_a_crash(server, broker):
    broker.queue("order")
    app = server.application()
    endpoint(server, broker, app, {"ordered": True}, routingKey="order")
    sender = threading.Thread(target=publish_many, args=(server, app, 200))
    sender.start()
    wait_until(lambda: server.metrics()['grapnel_broker_messages_total{result="confirmed"}'] > 20, "20 confirms")
    broker.kill()
    sender.join()
    broker.start()
    got = numbers(broker.collect("order", lambda m: len(set(numbers(m))) == 200, "all of them", 60 * SLOWER))
    assert list(dict.fromkeys(got)) == list(range(200)), "first appearances are in order"


def test_an_ordered_http_endpoint_sends_the_failed_one_first(server, make_receiver):
    receiver = make_receiver(204, 503, 503, 204)
    app = server.application()
    server.endpoint(app, receiver.url, ordered=True)
    publish_many(server, app, 6)
    got = [json.loads(r.body)["n"] for r in receiver.wait(8)]
    assert got == [0, 1, 1, 1, 2, 3, 4, 5]


def test_what_was_waiting_is_published_in_order_after_a_restart(server, broker):
    broker.queue("restart")
    app = server.application()
    endpoint(server, broker, app, {"ordered": True, "disabled": False}, routingKey="restart")
    broker.kill()
    publish_many(server, app, 60)
    server.kill()
    broker.start()
    server.serve(*server.flags)
    got = numbers(broker.collect("restart", lambda m: len(set(numbers(m))) == 60, "all of them", 60 * SLOWER))
    assert list(dict.fromkeys(got)) == list(range(60))
