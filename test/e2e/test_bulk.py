# SPDX-License-Identifier: Apache-2.0
"""Acting on everything that a filter finds: counted first, then done as a task that can be paced, held and ended."""
import datetime
import hashlib
import hmac
import json
import threading
import time

import pytest

from conftest import wait_until
from test_tasks import control, pass_time, publish_many, shown, until_state

QUICK = ("deliver.retry=10ms", "deliver.jitter=0", "deliver.breaker_failures=100000")


def later(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat()


def count(server, action, app=None, **more):
    return server.ok("POST", "/bulk/count", {"action": action, **({"appId": app} if app else {}), **more})


def carry_out(server, counted, **more):
    return server.ok("POST", "/bulk", {"plan": counted["plan"], **more})["id"]


def finish(server, counted, **more):
    return until_state(server, carry_out(server, counted, **more), "finished")["data"]


def states(server, app, endpoint):
    return server.ok("GET", f"/app/{app}/endpoint/{endpoint}/stats")


@pytest.fixture(name="server")
def make_server(make_grapnel):
    return make_grapnel().serve(*QUICK)


@pytest.fixture(name="failed")
def make_failed(server, make_receiver):
    """An application with an endpoint that gave up COUNT messages, and is well again."""
    receiver = make_receiver(500)
    app = server.application()
    endpoint = server.endpoint(app, receiver.url)
    publish_many(server, app, 100)
    wait_until(lambda: states(server, app, endpoint)["fail"] == 100, "all to be given up")
    receiver.answers[:] = [204]
    receiver.received.clear()
    return app, endpoint, receiver


def test_what_is_counted_is_what_is_done(server, failed, make_receiver):
    app, endpoint, receiver = failed
    other = make_receiver(500)
    second = server.endpoint(app, other.url)
    late = server.publish(app)
    receiver.wait(1)
    wait_until(lambda: states(server, app, second)["fail"] == 1, "the other endpoint to fail")
    counted = count(server, "recover", app)
    assert (counted["matched"], counted["complete"], counted["byStatus"]) == (101, True, {"fail": 101})
    assert counted["oldest"] < counted["newest"] and len(counted["sample"]) == 5
    assert {s["status"] for s in counted["sample"]} == {"fail"} and counted["sample"][0]["id"].startswith("msg_")
    other.answers[:] = [204]
    other.received.clear()
    data = finish(server, counted)
    assert (data["total"], data["done"], data["failed"], data["action"], data["appId"]) == (101, 101, 0, "recover", app)
    wait_until(lambda: states(server, app, endpoint)["success"] == 101, "all to arrive")
    assert other.wait(1) and other.ids() == [late]
    assert count(server, "recover", app)["matched"] == 0


def test_a_rate_is_kept_from_the_start(server, failed):
    app, endpoint, receiver = failed
    began = time.time()
    task = carry_out(server, count(server, "recover", app, endpointId=endpoint), rate=40)
    receiver.wait(100)
    assert receiver.received[99].at - began > 1.2  # 100 at 40 a second take 2.4 s
    assert shown(server, task)["data"]["rate"] == 40


def test_a_task_is_paused_in_the_middle_survives_a_crash_and_goes_on(server, failed):
    app, endpoint, receiver = failed
    task = carry_out(server, count(server, "recover", app), rate=10)
    receiver.wait(5)
    control(server, task, "pause")
    server.kill()
    server.serve(*QUICK)
    before = shown(server, task)["data"]
    assert before["state"] == "paused" and 0 < before["done"] < 100
    pass_time(server, app, receiver)
    assert shown(server, task)["data"]["done"] == before["done"]
    control(server, task, "rate", {"rate": None})
    control(server, task, "resume")
    assert until_state(server, task, "finished")["data"]["done"] == 100
    wait_until(lambda: states(server, app, endpoint)["success"] == 101, "all to arrive")


def test_a_task_killed_in_the_middle_goes_on_by_itself(server, failed):
    app, endpoint, receiver = failed
    task = carry_out(server, count(server, "recover", app), rate=20)
    receiver.wait(5)
    server.kill()
    server.serve(*QUICK)
    assert shown(server, task)["data"]["rate"] == 20
    control(server, task, "rate", {"rate": None})
    data = until_state(server, task, "finished")["data"]
    assert (data["done"], data["failed"]) == (100, 0)
    wait_until(lambda: states(server, app, endpoint)["success"] == 100, "all to arrive")


def test_a_canceled_one_leaves_the_rest_as_it_was(server, failed):
    app, endpoint, receiver = failed
    task = carry_out(server, count(server, "recover", app), rate=10)
    receiver.wait(3)
    control(server, task, "cancel")
    done = until_state(server, task, "canceled")["data"]["done"]
    wait_until(lambda: states(server, app, endpoint)["success"] == done, "what was asked for to arrive")
    assert states(server, app, endpoint)["fail"] == 100 - done > 0


def test_filters_narrow_what_is_found(server, make_receiver):
    receiver = make_receiver(500, 500, 404)
    app = server.application()
    endpoint = server.endpoint(app, receiver.url)
    first = server.publish(app, event_type="a.b", channels=["eu"], tags=["x"])
    wait_until(lambda: states(server, app, endpoint)["fail"] == 1, "the first to be given up")
    second = server.publish(app, event_type="a.c", channels=["us"], tags=["y"])
    wait_until(lambda: states(server, app, endpoint)["fail"] == 2, "the second to be given up")
    first_at, second_at = (datetime.datetime.fromisoformat(server.ok("GET", f"/app/{app}/msg/{id_}")["timestamp"]) for id_ in (first, second))
    middle = (first_at + (second_at - first_at) / 2).isoformat()

    def found(**more):
        counted = count(server, "recover", app, **more)
        assert counted["complete"]
        return [s["id"] for s in counted["sample"]]
    assert len(found()) == 2
    for only_first in ({"eventTypes": ["a.b"]}, {"channels": ["eu", "asia"]}, {"tags": ["x"]}, {"until": middle}, {"statusCodeClass": 500}):
        assert found(**only_first) == [first], only_first
    assert first not in found(statusCodeClass=400) and len(found(statusCodeClass=400)) == 1
    assert found(since=later(0)) == [] and found(states=["sending"]) == []
    assert len(found(endpointId=endpoint)) == 2


def test_messages_are_sent_to_another_endpoint(server, failed, make_receiver):
    app, endpoint, receiver = failed
    elsewhere = make_receiver()
    to = server.endpoint(app, elsewhere.url)
    data = finish(server, count(server, "resend", app, endpointId=endpoint, to=to))
    assert (data["done"], data["toId"]) == (100, to)
    elsewhere.wait(100)
    assert len(set(elsewhere.ids())) == 100 and receiver.received == []


def test_what_waits_is_canceled_and_never_sent(server, make_receiver):
    receiver = make_receiver()
    app = server.application()
    endpoint = server.endpoint(app, receiver.url)
    waiting = [server.publish(app, {"n": n}, deliverAt=later(3)) for n in range(20)]
    counted = count(server, "cancel", app)
    assert counted["byStatus"] == {"pending": 20}
    assert finish(server, counted)["done"] == 20
    server.restart()
    last = server.publish(app, deliverAt=later(4))
    wait_until(lambda: last in receiver.ids(), "what is due later than all of those")
    assert receiver.ids() == [last]
    assert states(server, app, endpoint)["canceled"] == 20
    delivery, = server.ok("GET", f"/app/{app}/msg/{waiting[0]}/endpoint?expanded_statuses=true")["data"]
    assert (delivery["statusText"], delivery["statusReason"]) == ("canceled", "canceled")
    assert finish(server, count(server, "recover", app))["done"] == 20
    receiver.wait(21)


@pytest.mark.parametrize("status, text", [(204, "success"), (500, "canceled")])
def test_what_is_being_sent_is_let_finish_and_counts_as_it_ends(server, make_receiver, status, text):
    go_on = threading.Event()

    def answer(handler):
        go_on.wait(60)
        handler.send_response(status)
        handler.send_header("content-length", "0")
        handler.end_headers()
    receiver = make_receiver(answer)
    app = server.application()
    server.endpoint(app, receiver.url)
    message = server.publish(app)
    receiver.wait(1)
    assert finish(server, count(server, "cancel", app))["done"] == 1
    go_on.set()
    attempt, = wait_until(lambda: server.attempts(app, message), "the attempt to be recorded")
    assert attempt["responseStatusCode"] == status
    delivery, = server.ok("GET", f"/app/{app}/msg/{message}/endpoint?expanded_statuses=true")["data"]
    assert delivery["statusText"] == text


def test_payloads_are_erased_by_type(server, receiver):
    app = server.application()
    server.endpoint(app, receiver.url)
    gone, stays = server.publish(app, event_type="a.b"), server.publish(app, event_type="a.c")
    receiver.wait(2)
    counted = count(server, "expunge", app, eventTypes=["a.b"])
    assert (counted["matched"], counted["byStatus"]) == (1, {})
    assert finish(server, counted)["done"] == 1
    assert server.ok("GET", f"/app/{app}/msg/{gone}")["payload"] == {"expired": True}
    assert server.ok("GET", f"/app/{app}/msg/{stays}")["payload"] == {"n": 1}


def test_refused_requests_of_a_source_are_taken_in_once_its_secret_is_right(server, receiver):
    def ingest(method, path, body=None):
        answer = server.raw(method, "/ingest/api/v1" + path, None if body is None else json.dumps(body),
                            {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
        assert answer.status < 300, answer
        return json.loads(answer.body) if answer.body else None
    source = ingest("POST", "/source", {"name": "s", "type": "github", "config": {"secret": "wrong"}})
    ingest("POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    door = source["ingestUrl"][source["ingestUrl"].index("/in/"):]
    for n in range(12):
        body = json.dumps({"n": n}).encode()
        signature = "sha256=" + hmac.new(b"right", body, hashlib.sha256).hexdigest()
        answer = server.raw("POST", door, body, {"content-type": "application/json", "x-github-event": "push",
                                                 "x-github-delivery": f"d-{n}", "x-hub-signature-256": signature})
        assert answer.status == 401, answer
    counted = count(server, "replay", sourceId=source["id"])
    assert (counted["matched"], counted["byStatus"]) == (12, {"rejected": 12})
    assert counted["sample"][0]["id"].startswith("req_")
    data = finish(server, counted)
    assert (data["done"], data["failed"]) == (0, 12)
    ingest("POST", f"/source/{source['id']}/secret/rotate", {"secret": "right"})
    data = finish(server, count(server, "replay", sourceId=source["id"]))
    assert data["done"] == 12
    receiver.wait(12)
    assert sorted(json.loads(r.body)["n"] for r in receiver.received) == list(range(12))


def test_a_plan_is_used_once(server, failed):
    app, _, _ = failed
    counted = count(server, "replay", app)
    task = carry_out(server, counted)
    again = server.call("POST", "/bulk", {"plan": counted["plan"]})
    assert again.status == 409 and task in again.body["detail"]


def test_a_plan_that_was_changed_or_is_anothers_is_refused(server, failed):
    app, _, receiver = failed
    plan = count(server, "replay", app)["plan"]
    turned = plan[:40] + ("A" if plan[40] != "A" else "B") + plan[41:]
    own = server.ok("POST", f"/auth/app-portal-access/{app}", {})["token"]
    for text, token in ((turned, None), (plan[:-8], None), ("x", None), (plan, own)):
        answer = server.call("POST", "/bulk", {"plan": text}, token=token)
        assert answer.status == 422 and "count again" in answer.body["detail"][0]["msg"], answer
    assert receiver.received == []


def test_an_applications_token_acts_on_its_application_only(server, failed):
    app, _, receiver = failed
    other = server.application("other")

    def portal(of, **more):
        return server.ok("POST", f"/auth/app-portal-access/{of}", more)["token"]
    own = portal(app)
    assert server.call("POST", "/bulk/count", {"action": "replay", "appId": app}, token=portal(other)).status == 422
    assert server.call("POST", "/bulk/count", {"action": "replay"}, token=portal(app, capabilities=["ViewBase"])).status == 403
    assert server.call("POST", "/bulk/count", {"action": "expunge"}, token=own).status == 403
    counted = server.call("POST", "/bulk/count", {"action": "recover"}, token=own).body
    assert counted["matched"] == 100
    task = server.call("POST", "/bulk", {"plan": counted["plan"]}, token=own).body["id"]
    wait_until(lambda: server.call("GET", f"/bulk/{task}", token=own).body["data"]["state"] == "finished", "it to end")
    assert [t["id"] for t in server.call("GET", "/bulk", token=own).body["data"]] == [task]
    assert server.call("GET", f"/bulk/{task}", token=portal(other)).status == 404
    assert server.call("GET", "/bulk", token=portal(other)).body["data"] == []
    receiver.wait(100)


def test_a_server_stops_in_the_middle_of_a_task_and_goes_on_with_it_at_the_next_start(server, failed):
    app, endpoint, receiver = failed
    for _ in range(8):
        receiver.answers[:] = [500]
        task = carry_out(server, count(server, "recover", app))
        assert server.stop(patience_s=30) == 0
        server.serve(*QUICK)
        until_state(server, task, "finished")
        wait_until(lambda: states(server, app, endpoint)["fail"] == 100, "all to be given up again")


def test_older_clients_lists_of_tasks_hold_no_kinds_that_they_do_not_know(server, failed):
    app, _, _ = failed
    task = carry_out(server, count(server, "recover", app))
    assert server.ok("GET", "/background-task")["data"] == []
    assert [t["id"] for t in server.ok("GET", "/background-task?task=bulk.recover")["data"]] == [task]


@pytest.mark.parametrize("where, body", [
    ("action", {"action": "explode"}),
    ("appId", {"action": "recover"}),
    ("appId", {"action": "recover", "appId": "nobody"}),
    ("endpointId", {"action": "recover", "appId": "a", "endpointId": "nobody"}),
    ("states", {"action": "recover", "appId": "a", "states": ["success"]}),
    ("states", {"action": "cancel", "appId": "a", "states": ["fail"]}),
    ("to", {"action": "resend", "appId": "a", "endpointId": "e"}),
    ("to", {"action": "replay", "appId": "a", "to": "e"}),
    ("to", {"action": "resend", "appId": "a", "endpointId": "e", "to": "e"}),
    ("endpointId", {"action": "resend", "appId": "a", "to": "e"}),
    ("endpointId", {"action": "expunge", "appId": "a", "states": ["fail"]}),
    ("until", {"action": "recover", "appId": "a", "since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}),
    ("sourceId", {"action": "replay", "sourceId": "nobody"}),
    ("action", {"action": "cancel", "sourceId": "nobody"}),
    ("tags", {"action": "replay", "sourceId": "nobody", "tags": ["x"]}),
    ("outcomes", {"action": "replay", "appId": "a", "outcomes": ["rejected"]}),
])
def test_a_count_that_makes_no_sense_is_refused_by_name(grapnel, receiver, where, body):
    app = grapnel.application(uid="a")
    grapnel.endpoint(app, receiver.url, uid="e")
    answer = grapnel.call("POST", "/bulk/count", body)
    assert answer.status == 422 and answer.body["detail"][0]["loc"] == ["body", where], answer


def test_a_disabled_endpoint_is_not_sent_to(server, failed):
    app, endpoint, receiver = failed
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"disabled": True})
    refused = server.call("POST", "/bulk/count", {"action": "recover", "appId": app, "endpointId": endpoint})
    assert (refused.status, refused.body["code"]) == (400, "endpoint_disabled")
    assert count(server, "recover", app)["matched"] == 0
    assert receiver.received == []
