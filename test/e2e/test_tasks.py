# SPDX-License-Identifier: Apache-2.0
"""Background tasks tell how far they are, and are held, paced and ended while they run, through a crash, too."""
import datetime
import time

import pytest

from conftest import wait_until

HOUR_AGO = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).isoformat()
COUNT = 400
SLOW = "store.queue_max=16"  # a step asks for a hundred at once: it gets on by sixteen at a time


def shown(server, task):
    return server.ok("GET", f"/background-task/{task}")


def until_state(server, task, state):
    return wait_until(lambda: shown(server, task)["data"]["state"] == state and shown(server, task), f"the task to be {state}")


def control(server, task, verb, body=None):
    return server.ok("POST", f"/background-task/{task}/{verb}", body)


def publish_many(server, app, count):
    for start in range(0, count, 100):
        server.ok("POST", f"/app/{app}/msg/batch", {"messages": [{"eventType": "a.b", "payload": {"n": n}} for n in range(start, start + 100)]})


@pytest.fixture(name="running")
def make_running(make_grapnel, make_receiver):
    """A server in the middle of sending an endpoint what it never got."""
    server = make_grapnel().serve()
    app, receiver = server.application(), make_receiver()
    publish_many(server, app, COUNT)
    server.restart(SLOW)
    endpoint = server.endpoint(app, receiver.url)
    task = server.ok("POST", f"/app/{app}/endpoint/{endpoint}/replay-missing", {"since": HOUR_AGO})["id"]
    receiver.wait(1)
    return server, app, receiver, task


def pass_time(server, app, receiver):
    """What is published now comes after all that was asked for before."""
    message = server.publish(app, {"late": True})
    wait_until(lambda: message in receiver.ids(), "the late message")


def test_a_paused_task_sends_nothing_until_it_is_resumed_and_stays_so_through_a_crash(running):
    server, app, receiver, task = running
    paused = control(server, task, "pause")
    assert (paused["status"], paused["data"]["state"]) == ("running", "paused")
    server.kill()
    server.serve(SLOW)
    before = shown(server, task)
    assert before["data"]["state"] == "paused" and before["data"]["done"] < COUNT
    pass_time(server, app, receiver)
    assert shown(server, task)["data"] == before["data"]
    assert control(server, task, "resume")["data"]["state"] == "running"
    data = until_state(server, task, "finished")["data"]
    assert (data["done"], data["failed"], data["messages_sent"], data["eta"]) == (COUNT, 0, COUNT, None)
    wait_until(lambda: len(set(receiver.ids())) == COUNT + 1, "all to arrive")


def test_a_canceled_task_ends_where_it_is_and_says_so(running):
    server, app, receiver, task = running
    assert control(server, task, "cancel")["data"]["state"] in ("canceling", "canceled")
    ended = until_state(server, task, "canceled")
    assert (ended["status"], ended["data"]["error"]) == ("failed", "It was canceled.")
    assert ended["data"]["done"] < COUNT
    pass_time(server, app, receiver)
    assert len(set(receiver.ids())) <= COUNT
    for verb in ("cancel", "pause", "resume"):
        refused = server.call("POST", f"/background-task/{task}/{verb}")
        assert (refused.status, refused.body["code"]) == (409, "task_ended")


def test_a_paused_task_can_be_canceled(running):
    server, _, _, task = running
    control(server, task, "pause")
    control(server, task, "cancel")
    until_state(server, task, "canceled")


def test_a_task_in_the_middle_goes_on_after_a_crash_and_counts_each_message_once(running):
    server, _, receiver, task = running
    server.kill()
    server.serve(SLOW)
    data = until_state(server, task, "finished")["data"]
    assert (data["done"], data["failed"]) == (COUNT, 0)
    wait_until(lambda: len(set(receiver.ids())) == COUNT, "all to arrive")


def test_a_rate_is_kept_until_it_is_lifted(running):
    server, _, receiver, task = running
    rate = 20
    assert control(server, task, "rate", {"rate": rate})["data"]["rate"] == rate
    done = shown(server, task)["data"]["done"]
    wait_until(lambda: shown(server, task)["data"]["done"] > done, "the step that was under way to end")
    began, have = time.monotonic(), shown(server, task)["data"]["done"]
    wait_until(lambda: shown(server, task)["data"]["done"] >= have + 3 * rate, "three seconds' worth")
    assert time.monotonic() - began > 1.5
    assert control(server, task, "rate", {"rate": None})["data"]["rate"] is None
    until_state(server, task, "finished")
    wait_until(lambda: len(set(receiver.ids())) == COUNT, "all to arrive")


def test_a_recovery_tells_how_much_there_is_who_asked_and_when_it_will_have_ended(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=10ms", "deliver.jitter=0", "deliver.breaker_failures=100000")
    app, receiver = server.application(), make_receiver(500)
    endpoint = server.endpoint(app, receiver.url)
    publish_many(server, app, 200)
    base = f"/app/{app}/endpoint/{endpoint}"
    wait_until(lambda: server.ok("GET", base + "/stats")["fail"] == 200, "all to be given up")
    receiver.answers[:] = [204]
    server.restart(*server.flags, SLOW)
    task = server.ok("POST", base + "/recover", {"since": HOUR_AGO})["id"]
    control(server, task, "rate", {"rate": 50})
    data = wait_until(lambda: shown(server, task)["data"]["eta"] and shown(server, task)["data"], "an estimate")
    assert (data["total"], data["startedBy"]["kind"], data["startedBy"]["name"]) == (200, "token", "test")
    control(server, task, "rate", {"rate": None})
    data = until_state(server, task, "finished")["data"]
    assert (data["total"], data["done"], data["failed"]) == (200, 200, 0)


@pytest.mark.parametrize("rate", [0, -1, 100001, "fast", 1.5])
def test_a_rate_that_is_none_is_refused_by_name(grapnel, rate):
    task = grapnel.ok("PUT", "/stats/usage/event-types")["id"]
    answer = grapnel.call("POST", f"/background-task/{task}/rate", {"rate": rate})
    assert answer.status == 422 and answer.body["detail"][0]["loc"] == ["body", "rate"]


def test_an_applications_token_holds_its_own_tasks_and_no_others(running):
    server, app, _, task = running
    other = server.application("other")

    def portal(of, **more):
        return server.ok("POST", f"/auth/app-portal-access/{of}", more)["token"]
    path = f"/background-task/{task}/pause"
    assert server.call("POST", path, token=portal(other)).status == 404
    assert server.call("POST", path, token=portal(app, capabilities=["ViewBase"])).status == 403
    assert server.call("POST", path, token=portal(app)).body["data"]["state"] == "paused"
