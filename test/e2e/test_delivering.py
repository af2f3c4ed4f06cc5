# SPDX-License-Identifier: Apache-2.0
"""What waits: sent now when it is asked for, erased before it leaves, and shown with what it waits for."""
import datetime
import json

import pytest

from conftest import wait_until

HOUR_AGO = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).isoformat()


def finished(server, task):
    def look():
        shown = server.ok("GET", f"/background-task/{task}")
        return shown if shown["status"] != "running" else None
    return wait_until(look, "the task to end")


def destination(server, app, message, expanded=True):
    return server.ok("GET", f"/app/{app}/msg/{message}/endpoint?expanded_statuses={str(expanded).lower()}")["data"][0]


def in_seconds(date):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (datetime.datetime.fromisoformat(date.replace("Z", "+00:00")) - now).total_seconds()


def wait_state(server, app, message, state):
    wait_until(lambda: destination(server, app, message)["statusText"] == state, f"the delivery to be {state}")


@pytest.fixture(name="waiting")
def make_waiting(grapnel, make_receiver):
    """A message whose next try is an hour away."""
    receiver = make_receiver(500)
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url, retrySchedule=[3600, 3600])
    message = grapnel.publish(app)
    wait_state(grapnel, app, message, "sending")
    return app, endpoint, message, receiver


def test_a_resend_of_what_waits_is_sent_now(grapnel, waiting):
    app, endpoint, message, receiver = waiting
    path = f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend"
    assert grapnel.call("POST", path).status == 202
    receiver.wait(2)
    wait_until(lambda: len(grapnel.attempts(app, message)) == 2, "the outcome")
    shown = destination(grapnel, app, message)
    assert shown["statusText"] == "sending" and in_seconds(shown["nextAttempt"]) > 3000  # its schedule goes on
    receiver.answers[:] = [204]
    assert grapnel.call("POST", path).status == 202
    wait_state(grapnel, app, message, "success")
    assert [a["triggerType"] for a in grapnel.attempts(app, message)] == [1, 1, 0]


@pytest.mark.parametrize("how", ["recover", "replay-missing", "bulk-replay"])
def test_a_task_sends_what_waits_now(grapnel, waiting, how):
    app, endpoint, message, receiver = waiting
    receiver.answers[:] = [204]
    task = grapnel.ok("POST", f"/app/{app}/endpoint/{endpoint}/{how}", {"since": HOUR_AGO})["id"]
    assert finished(grapnel, task)["data"]["messages_sent"] == 1
    wait_state(grapnel, app, message, "success")
    assert len(receiver.received) == 2


def test_a_message_nobody_received_is_never_a_success(grapnel, waiting):
    app, endpoint, message, _ = waiting
    grapnel.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"disabled": True})
    grapnel.call("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend")
    grapnel.ok("DELETE", f"/app/{app}/endpoint/{endpoint}")
    wait_state(grapnel, app, message, "canceled")
    shown = destination(grapnel, app, message, expanded=False)
    assert (shown["status"], shown["statusText"]) == (2, "fail")
    assert destination(grapnel, app, message)["status"] == 4


@pytest.mark.parametrize("query,found", [("status=0", False), ("status=2", True), ("status=4", True),
                                         ("status=2&expanded_statuses=true", False), ("status=4&expanded_statuses=true", True)])
def test_filters_by_status_agree_with_what_is_shown(grapnel, waiting, query, found):
    app, endpoint, message, _ = waiting
    grapnel.ok("DELETE", f"/app/{app}/msg/{message}/content")
    wait_state(grapnel, app, message, "canceled")
    listed = grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}/msg?{query}")["data"]
    assert [m["id"] for m in listed] == ([message] if found else [])


@pytest.mark.parametrize("how", ["one", "bulk", "all"])
def test_what_is_erased_does_not_leave(grapnel, receiver, how):
    app = grapnel.application()
    grapnel.endpoint(app, receiver.url, throttleRate=1)
    messages = [grapnel.publish(app, {"n": n}) for n in range(10)]
    receiver.wait(1)
    if how == "one":
        for message in messages:
            assert grapnel.call("DELETE", f"/app/{app}/msg/{message}/content").status == 204
    elif how == "bulk":
        grapnel.ok("POST", f"/app/{app}/msg/bulk-expunge", {"ids": messages})
    else:
        task = grapnel.ok("POST", f"/app/{app}/msg/expunge-all-contents")["id"]
        assert finished(grapnel, task)["data"]["messages_purged"] == 10
    sent = len(receiver.received)
    states = [destination(grapnel, app, m) for m in messages]
    assert {s["statusReason"] for s in states if s["statusText"] != "success"} == {"payload_gone"}
    assert sum(s["statusText"] == "success" for s in states) <= sent
    marker = grapnel.publish(app, {"n": "after"})  # what waited would have gone first
    wait_until(lambda: marker in receiver.ids(), "the message that was sent afterwards")
    assert len(receiver.received) == sent + 1


def test_an_erased_message_is_not_retried(grapnel, waiting):
    app, endpoint, message, receiver = waiting
    grapnel.ok("DELETE", f"/app/{app}/msg/{message}/content")
    shown = destination(grapnel, app, message)
    assert (shown["statusText"], shown["statusReason"], shown["nextAttempt"]) == ("canceled", "payload_gone", None)
    refused = grapnel.call("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend")
    assert (refused.status, refused.body["code"]) == (400, "missing_payload")
    assert len(receiver.received) == 1


def test_an_ordered_endpoint_shows_when_it_goes_on_and_what_it_waits_for(grapnel, make_receiver):
    receiver = make_receiver(500)
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url, ordered=True, retrySchedule=[600])
    first, second = grapnel.publish(app), grapnel.publish(app)
    wait_state(grapnel, app, first, "sending")
    health = grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}/health")
    assert in_seconds(health["nextAttempt"]) > 400 and health["blockedBy"] == first
    assert in_seconds(grapnel.attempts(app, first)[0]["nextAttempt"]) > 400
    listed = {m["id"]: m for m in grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}/msg")["data"]}
    assert [listed[m]["blockedBy"] for m in (first, second)] == [None, first]
    assert all(in_seconds(listed[m]["nextAttempt"]) > 400 for m in (first, second))
    assert destination(grapnel, app, second)["blockedBy"] == first
    grapnel.restart()  # keeps the time
    assert in_seconds(destination(grapnel, app, first)["nextAttempt"]) > 400
    receiver.answers[:] = [204]
    grapnel.ok("POST", f"/app/{app}/msg/{first}/endpoint/{endpoint}/resend")
    wait_state(grapnel, app, second, "success")
    assert receiver.ids() == [first, first, second]


def test_a_throttled_delivery_says_until_when(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url, throttleRate=1)
    for _ in range(30):
        grapnel.publish(app)

    def throttled():
        listed = grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}/msg?status=1")["data"]
        return listed and all(m["throttledUntil"] and m["nextAttempt"] >= m["throttledUntil"] for m in listed)
    wait_until(throttled, "the listing to name the throttle")
    assert json.loads(receiver.wait(1)[0].body)
