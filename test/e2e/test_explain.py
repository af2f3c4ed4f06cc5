# SPDX-License-Identifier: Apache-2.0
"""Why a message came or did not: the explanation of real deliveries, at receivers that fail, throttle and keep order."""
import datetime
import json
import os
import subprocess

import pytest

from conftest import SLOWER, binary, free_port, wait_until


def explain(server, app, message, endpoint=None):
    """The explanation; of one endpoint, its item."""
    query = f"?endpoint_id={endpoint}" if endpoint else ""
    answer = server.ok("GET", f"/app/{app}/msg/{message}/explain{query}")
    return answer["data"][0] if endpoint else answer


def finished(server, app, message, endpoint):
    return wait_until(lambda: (e := explain(server, app, message, endpoint))["delivery"]["nextAttempt"] is None and e,
                      "the delivery to end")


def waits(item):
    return {wait["for"]: wait for wait in item["delivery"]["waitsFor"]}


def test_a_delivery_is_shown_with_each_attempt_and_what_the_receiver_said(grapnel, make_receiver):
    receiver = make_receiver((502, {}, b"the upstream is down"), 204)
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    message = grapnel.publish(app)
    item = finished(grapnel, app, message, endpoint)
    assert item["delivery"]["statusText"] == "success" and item["delivery"]["waitsFor"] == []
    first, second = item["delivery"]["attempts"]
    assert (first["success"], first["responseStatusCode"], first["response"]) == (False, 502, "the upstream is down")
    assert (second["success"], second["responseStatusCode"], second["attemptNumber"]) == (True, 204, 2)
    assert {first["id"], second["id"]} == {a["id"] for a in grapnel.attempts(app, message)}
    assert item["schedule"] == {"delaysMs": [50, 100, 200], "own": False}
    assert item["then"] == {"wanted": True, "rule": None, "exact": True,
                            "words": "It was wanted: the endpoint has a delivery of the message."}
    assert item["now"]["outcome"] == "send" and receiver.url in item["now"]["words"]


def test_explaining_sends_nothing(grapnel, receiver):
    app = grapnel.application()
    grapnel.endpoint(app, receiver.url)
    answer = grapnel.ok("POST", f"/app/{app}/msg/explain", {"eventType": "a.b", "payload": {"n": 1}})
    assert answer["wantedNowCount"] == 1 and answer["data"][0]["now"]["outcome"] == "send"
    message = grapnel.publish(app)
    receiver.wait()
    explain(grapnel, app, message)
    assert receiver.ids() == [message]
    assert [m["id"] for m in grapnel.ok("GET", f"/app/{app}/msg")["data"]] == [message]


def test_a_retry_that_is_planned_is_waited_for(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1h", "deliver.jitter=0")
    app = server.application()
    endpoint = server.endpoint(app, make_receiver(500).url)
    message = server.publish(app)
    item = wait_until(lambda: (e := explain(server, app, message, endpoint))["delivery"]["attempts"] and e, "an attempt")
    assert item["delivery"]["statusText"] == "sending"
    planned = datetime.datetime.fromisoformat(item["delivery"]["attempts"][0]["nextAttempt"])
    for shown in (waits(item)["retry"]["until"], item["delivery"]["nextAttempt"]):
        assert abs(datetime.datetime.fromisoformat(shown) - planned) < datetime.timedelta(seconds=1)
    assert item["now"]["outcome"] == "send"


def test_a_time_that_the_message_asked_for_is_waited_for(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    message = grapnel.publish(app, deliverAt=later.isoformat())
    item = explain(grapnel, app, message, endpoint)
    assert list(waits(item)) == ["deliver_at"] and item["delivery"]["attempts"] == []


def test_an_ordered_endpoint_names_the_message_that_comes_first(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1h", "deliver.jitter=0")
    app = server.application()
    endpoint = server.endpoint(app, make_receiver(500).url, ordered=True)
    first = server.publish(app)
    wait_until(lambda: explain(server, app, first, endpoint)["delivery"]["attempts"], "the first's attempt")
    second = server.publish(app)
    item = explain(server, app, second, endpoint)
    assert waits(item)["order"]["blockedBy"] == first
    assert item["now"]["outcome"] == "wait" and first in item["now"]["words"]
    assert "order" not in waits(explain(server, app, first, endpoint))


def test_a_parked_endpoint_is_waited_for(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1s,1s", "deliver.breaker_failures=2", "deliver.breaker_time=5m")
    app = server.application()
    endpoint = server.endpoint(app, make_receiver(500).url)
    messages = [server.publish(app) for _ in range(3)]
    item = wait_until(lambda: (e := explain(server, app, messages[0], endpoint)) and "breaker" in waits(e) and e, "parking")
    assert item["now"]["outcome"] == "wait" and item["now"]["until"] == waits(item)["breaker"]["until"]
    assert "failures in a row" in waits(item)["breaker"]["words"]


def test_a_receiver_that_asked_for_a_pause_is_waited_for(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1s")
    app = server.application()
    endpoint = server.endpoint(app, make_receiver((429, {"retry-after": "200"}, b"")).url)
    message = server.publish(app)
    item = wait_until(lambda: (e := explain(server, app, message, endpoint)) and "receiver" in waits(e) and e, "the pause")
    assert item["now"]["outcome"] == "wait" and item["now"]["until"] == waits(item)["receiver"]["until"]


def test_a_throttle_is_waited_for(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url, throttleRate=1)
    messages = [grapnel.publish(app) for _ in range(60)]
    item = wait_until(lambda: (e := explain(grapnel, app, messages[-1], endpoint)) and "throttle" in waits(e) and e,
                      "the throttle")
    assert item["now"]["outcome"] == "wait"


def test_what_a_transform_makes_is_shown_and_that_it_cancels(grapnel, receiver):
    app = grapnel.application()
    changed = grapnel.endpoint(app, receiver.url, transform='{"$body": {total: .body.n}, "$headers": {"x-mine": "1"}}')
    canceled = grapnel.endpoint(app, receiver.url, transform="empty")
    broken = grapnel.endpoint(app, receiver.url, transform='error("no such luck")')
    answer = grapnel.ok("POST", f"/app/{app}/msg/explain", {"eventType": "a.b", "payload": {"n": 7}})
    items = {item["endpointId"]: item["now"] for item in answer["data"]}
    assert items[changed]["transform"] == {"ran": True, "canceled": False, "body": {"total": 7},
                                           "headers": {"x-mine": "1"}, "error": None}
    assert items[changed]["outcome"] == "send"
    assert items[canceled]["transform"]["canceled"] and items[canceled]["outcome"] == "cancel"
    assert "no such luck" in items[broken]["transform"]["error"] and items[broken]["outcome"] == "fail"


def test_an_answer_runs_ten_transforms_and_says_which_it_did_not(grapnel, receiver):
    app = grapnel.application()
    endpoints = [grapnel.endpoint(app, receiver.url, transform=".") for _ in range(12)]
    body = {"eventType": "a.b", "payload": {"n": 7}}
    data = grapnel.ok("POST", f"/app/{app}/msg/explain", body)["data"]
    ran = [item["now"]["transform"]["ran"] for item in data]
    assert ran.count(True) <= 10 and "ask for this endpoint alone" in data[-1]["now"]["transform"]["error"]
    alone = grapnel.ok("POST", f"/app/{app}/msg/explain?endpoint_id={endpoints[-1]}", body)["data"]
    assert [item["now"]["transform"]["ran"] for item in alone] == [True]


def test_an_endpoint_that_was_disabled_for_its_receiver_says_so(grapnel, make_receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, make_receiver(410).url)
    message = grapnel.publish(app)
    item = wait_until(lambda: (e := explain(grapnel, app, message, endpoint)) and not e["now"]["wanted"] and e, "disabling")
    assert item["then"]["wanted"] and item["changedSince"]
    assert [r["rule"] for r in item["now"]["reasons"]] == ["disabled"]
    assert "wants nothing more" in item["now"]["reasons"][0]["words"]
    item = finished(grapnel, app, message, endpoint)
    assert item["delivery"]["statusReason"] == "gone"


def test_a_delivery_that_was_asked_for_by_hand_says_so(grapnel, receiver):
    grapnel.ok("POST", "/event-type", {"name": "other.type", "description": ""})
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url, eventTypes=["other.type"])
    message = grapnel.publish(app, event_type="a.b")
    assert explain(grapnel, app, message, endpoint)["then"]["rule"] == "event_type"
    grapnel.ok("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend")
    receiver.wait()
    item = finished(grapnel, app, message, endpoint)
    assert item["then"]["rule"] == "by_hand" and item["then"]["wanted"]
    assert not item["now"]["wanted"]


@pytest.mark.parametrize("kind", ["text", "bytes"])
def test_a_hostile_answer_is_text_or_left_out(grapnel, make_receiver, kind):
    body = b"<img src=x onerror=alert(1)>" * 100 if kind == "text" else b"\xff\xfe\x00" * 100
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, make_receiver((500, {}, body)).url)
    message = grapnel.publish(app)
    item = finished(grapnel, app, message, endpoint)
    shown = {a["response"] for a in item["delivery"]["attempts"]}
    assert shown == ({body[:500].decode()} if kind == "text" else {None})


def test_a_receiver_that_cannot_be_reached_is_named_with_the_error(make_grapnel):
    server = make_grapnel().serve("deliver.retry=1h")
    app = server.application()
    endpoint = server.endpoint(app, f"http://127.0.0.1:{free_port()}/")
    message = server.publish(app)
    item = wait_until(lambda: (e := explain(server, app, message, endpoint))["delivery"]["attempts"] and e, "an attempt")
    attempt = item["delivery"]["attempts"][0]
    assert attempt["error"] and attempt["responseStatusCode"] == 0
    assert waits(item)["connection"]["words"] == attempt["errorDetail"]


def command(server, *arguments, code=0):
    done = subprocess.run([binary(), "explain", *arguments, f"--url={server.url}"], text=True, capture_output=True, check=False,
                          timeout=60 * SLOWER, env={**os.environ, "GRAPNEL_TOKEN": server.token})
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def test_the_command_lays_it_out_for_people(grapnel, make_receiver):
    app = grapnel.application()
    failing = grapnel.endpoint(app, make_receiver((500, {}, b"out of \x1b[31mstock\n")).url)
    picky = grapnel.endpoint(app, make_receiver().url, filter={"body": {"amount": {"$gt": 100}}}, description="large orders")
    message = grapnel.publish(app, {"amount": 7}, eventId="order-7")
    finished(grapnel, app, message, failing)
    text = command(grapnel, message)
    assert f"{message} of the type test.event" in text and "1 have a delivery" in text
    assert "fail (exhausted), 4 attempts" in text and "500 after" in text and "out of  [31mstock" in text and "\x1b" not in text
    assert "large orders" in text and '"operand":100' in text and '"value":7' in text
    assert command(grapnel, "order-7") == text == command(grapnel, message, f"--app={app}")
    assert failing not in command(grapnel, message, f"--endpoint={picky}")
    assert json.loads(command(grapnel, message, "--json"))["msgId"] == message
    assert "there is no message nosuch" in command(grapnel, "nosuch", code=1)
    assert "which message?" in command(grapnel, code=2)
