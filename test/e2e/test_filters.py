# SPDX-License-Identifier: Apache-2.0
"""Filters and transforms of endpoints, and trying them out, against the real server."""
import datetime
import json
import pathlib

import pytest

from conftest import SLOWER, is_signed, wait_until


HOUR_AGO = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).isoformat()


TRANSFORM_TIME = f"transform.time={min(1000 * SLOWER, 10000):.0f}ms"  # a busy machine may take that for any program


@pytest.fixture
def grapnel(make_grapnel):
    return make_grapnel().serve("deliver.retry=50ms,100ms,200ms", "deliver.jitter=0", "log.level=debug", TRANSFORM_TIME)


def invalid(answer, where):
    assert answer.status == 422, answer.body
    detail = answer.body["detail"][0]
    assert ".".join(map(str, detail["loc"])) == where, detail
    return detail["msg"]


def attempts_of(grapnel, app, endpoint):
    return grapnel.ok("GET", f"/app/{app}/attempt/endpoint/{endpoint}")["data"]


# --- filters ---

def test_only_messages_that_match_are_delivered(grapnel, make_receiver):
    app = grapnel.application()
    every, large, tagged = (make_receiver() for _ in range(3))
    grapnel.endpoint(app, every.url)
    grapnel.endpoint(app, large.url, filter={"body": {"order.total": {"$gt": 100}}})
    grapnel.endpoint(app, tagged.url, filter={"$or": [{"body": {"tags": "vip"}}, {"eventType": "test.other"}]})
    sent = [grapnel.publish(app, {"order": {"total": 250}, "tags": []}),
            grapnel.publish(app, {"order": {"total": 100}, "tags": ["new", "vip"]}),
            grapnel.publish(app, {"order": {"total": "500"}}),
            grapnel.publish(app, {"tags": "vip"}, event_type="test.other")]
    every.wait(4)
    large.wait(1)
    tagged.wait(2)
    assert sorted(every.ids()) == sorted(sent)
    assert large.ids() == sent[:1]
    assert sorted(tagged.ids()) == sorted([sent[1], sent[3]])


def test_a_changed_filter_counts_at_once_and_null_takes_it_away(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url, filter={"body": {"a": 1}})
    assert grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}")["filter"] == {"body": {"a": 1}}
    grapnel.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"filter": {"body": {"a": 2}}})
    grapnel.publish(app, {"a": 1})
    second = grapnel.publish(app, {"a": 2})
    receiver.wait(1)
    shown = grapnel.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"filter": None})
    assert "filter" not in shown
    third = grapnel.publish(app, {"a": 3})
    receiver.wait(2)
    assert receiver.ids() == [second, third]


def test_numbers_of_a_filter_stay_as_written(grapnel, receiver):
    app = grapnel.application(uid="exact")
    body = '{"url":"%s","filter":{"body":{"n":0.1}}}' % receiver.url
    headers = {"authorization": f"Bearer {grapnel.token}"}
    assert grapnel.raw("POST", "/api/v1/app/exact/endpoint", body, headers).status == 201
    grapnel.publish(app, {"n": 0.1000000000000001})
    message = grapnel.publish(app, {"n": 0.1})
    receiver.wait(1)
    assert receiver.ids() == [message]


def test_a_bad_filter_is_refused_with_its_place(grapnel):
    app = grapnel.application()
    url = f"/app/{app}/endpoint"
    words = invalid(grapnel.call("POST", url, {"url": "http://a.test/", "filter": {"body": {"a": {"$foo": 1}}}}),
                    "body.filter/body/a/$foo")
    assert "no such operator" in words
    invalid(grapnel.call("POST", url, {"url": "http://a.test/", "filter": {"body": {"a": {"$regex": "("}}}}),
            "body.filter/body/a/$regex")
    invalid(grapnel.call("POST", url, {"url": "http://a.test/", "filter": "x"}), "body.filter")
    assert grapnel.ok("GET", url)["data"] == []


def test_replaying_missing_messages_respects_the_filter(grapnel, make_receiver):
    app = grapnel.application()
    early, late = make_receiver(), make_receiver()
    grapnel.endpoint(app, early.url)
    grapnel.publish(app, {"a": 1})
    wanted = grapnel.publish(app, {"a": 2})
    early.wait(2)
    endpoint = grapnel.endpoint(app, late.url, filter={"body": {"a": 2}})
    task = grapnel.ok("POST", f"/app/{app}/endpoint/{endpoint}/replay-missing", {"since": HOUR_AGO})
    wait_until(lambda: grapnel.ok("GET", f"/background-task/{task['id']}")["status"] != "running", "the task")
    late.wait(1)
    assert late.ids() == [wanted]


def test_trying_a_filter_out_explains(grapnel):
    answer = grapnel.ok("POST", "/filter/test", {
        "filter": {"body": {"a": {"$gt": 5}}, "headers": {"X-Kind": {"$in": ["a", "b"]}}},
        "request": {"body": {"a": 3}, "headers": {"x-kind": ["z", "b"]}}})
    assert not answer["matches"]
    first, second = answer["explanation"]["conditions"]
    assert first == {"path": "/body/a", "operator": "$gt", "operand": 5, "value": 3, "result": "false"}
    assert second["path"] == "/headers/x-kind" and second["result"] == "true"
    assert grapnel.ok("POST", "/filter/test", {"filter": {"body": {"$exist": False}},
                                               "request": {"rawBody": "<xml/>"}})["matches"]
    invalid(grapnel.call("POST", "/filter/test", {"filter": {"bodi": 1}, "request": {}}), "body.filter/bodi")
    assert grapnel.call("POST", "/filter/test", {"filter": {}, "request": {}}, token="wrong").status == 401


def test_a_hostile_filter_does_not_hold_up_the_server(grapnel, receiver):
    app = grapnel.application()
    slow = grapnel.application("slow")
    grapnel.endpoint(app, receiver.url)
    for _ in range(8):
        grapnel.endpoint(slow, receiver.url, filter={"body": {"a": {"$regex": "^(a+)+(a+)+(a+)+$"}}})
    for _ in range(5):
        grapnel.publish(slow, {"a": "a" * 10000 + "!"})
    message = grapnel.publish(app, {"ok": 1})
    receiver.wait(1)
    assert receiver.ids() == [message]
    assert grapnel.metrics()["grapnel_filter_exhausted_total"] >= 1


# --- transforms ---

def test_what_a_transform_makes_is_delivered_and_signed(grapnel, receiver):
    app = grapnel.application()
    program = '{text: "\\(.eventType): \\(.body.user)", id}'
    endpoint = grapnel.endpoint(app, receiver.url, transform=program)
    assert grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}")["transform"] == program
    secret = grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")["key"]
    message = grapnel.publish(app, {"user": "Ada"})
    got = receiver.wait()[0]
    assert json.loads(got.body) == {"text": "test.event: Ada", "id": message}
    assert is_signed(got, secret)
    assert grapnel.ok("GET", f"/app/{app}/msg/{message}")["payload"] == {"user": "Ada"}


def test_a_transform_sets_headers_and_cancels(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url, transform=(
        'if .body.skip then empty else {"$body": .body, "$headers": {"X-User": .body.user}} end'))
    canceled = grapnel.publish(app, {"skip": True})
    grapnel.publish(app, {"user": "Ada"})
    got = receiver.wait()[0]
    assert got.headers["x-user"] == "Ada" and json.loads(got.body) == {"user": "Ada"}

    def state():
        rows = grapnel.ok("GET", f"/app/{app}/msg/{canceled}/endpoint")["data"]
        return [row for row in rows if row["id"] == endpoint]
    wait_until(lambda: grapnel.metrics()["grapnel_deliveries_canceled_total"] == 1, "the cancellation")
    assert state() and len(receiver.received) == 1


def test_a_failing_transform_is_a_failed_attempt_and_heals(grapnel, receiver):
    grapnel.restart("deliver.retry=50ms,50ms,50ms,50ms,50ms,50ms,50ms,50ms")
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url, transform='error("broken today")')
    grapnel.publish(app, {"a": 1})
    failed = wait_until(lambda: attempts_of(grapnel, app, endpoint), "an attempt")[-1]
    assert "broken today" in json.dumps(failed)
    grapnel.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"transform": ".body"})
    assert json.loads(receiver.wait()[0].body) == {"a": 1}


def test_endless_transforms_hold_up_nobody_else(grapnel, make_receiver):
    app = grapnel.application()
    good, bad = make_receiver(), make_receiver()
    grapnel.endpoint(app, good.url)
    endpoint = grapnel.endpoint(app, bad.url, transform="last(repeat(1))")
    for _ in range(5):
        grapnel.publish(app, {"a": 1})
    good.wait(5)
    attempt = wait_until(lambda: attempts_of(grapnel, app, endpoint), "an attempt")[-1]
    assert "takes too long" in json.dumps(attempt)
    assert bad.received == []


def test_a_program_that_does_not_compile_is_refused(grapnel):
    app = grapnel.application()
    words = invalid(grapnel.call("POST", f"/app/{app}/endpoint", {"url": "http://a.test/", "transform": ".a |\n nosuch"}),
                    "body.transform")
    assert "nosuch/0 is not defined at <top-level>, line 2" in words


@pytest.mark.parametrize("program, result", [
    ("env", {}),
    ("$ENV", {}),
    ("[inputs]", []),
    ("input_filename", None),
])
def test_a_program_learns_nothing_of_the_server(grapnel, program, result):
    answer = grapnel.ok("POST", "/transform/test", {"transform": program, "request": {}})
    assert answer["body"] == result


def test_the_transformation_of_an_endpoint_may_rest(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    url = f"/app/{app}/endpoint/{endpoint}/transformation"
    assert grapnel.ok("GET", url)["code"] is None and not grapnel.ok("GET", url)["enabled"]
    assert grapnel.call("PATCH", url, {"code": "{made: .body.a}", "enabled": True}).status == 204
    grapnel.publish(app, {"a": 1})
    assert json.loads(receiver.wait(1)[0].body) == {"made": 1}
    assert grapnel.call("PATCH", url, {"enabled": False}).status == 204
    shown = grapnel.ok("GET", url)
    assert shown["code"] == "{made: .body.a}" and not shown["enabled"]
    grapnel.publish(app, {"a": 2})
    assert json.loads(receiver.wait(2)[1].body) == {"a": 2}
    assert grapnel.call("PATCH", url, {"enabled": True}).status == 204
    grapnel.publish(app, {"a": 3})
    assert json.loads(receiver.wait(3)[2].body) == {"made": 3}
    assert grapnel.call("PATCH", url, {"code": None}).status == 204
    assert grapnel.ok("GET", url)["code"] is None
    invalid(grapnel.call("PATCH", url, {"code": "function handler(webhook) { return webhook }"}), "body.code")


def test_trying_a_transform_out(grapnel):
    def attempt(program, request=None):
        return grapnel.call("POST", "/transform/test", {"transform": program, "request": request or {}})
    made = attempt(".body.a + 1", {"body": {"a": 41}}).body
    assert made == {"canceled": False, "body": 42, "headers": {}}
    assert attempt("empty").body["canceled"]
    assert attempt('{"$headers": {"a": "1"}}').body == {"canceled": False, "body": None, "headers": {"a": "1"}}
    assert "boom" in invalid(attempt('error("boom")'), "body.transform")
    assert "takes too long" in invalid(attempt("last(repeat(1))"), "body.transform")
    assert "longer than" in invalid(attempt('("x" * 1000) * 1100'), "body.transform")
    invalid(attempt("{\"$what\": 1}"), "body.transform")
    invalid(attempt('import "x" as x; .'), "body.transform")


def test_helpers_have_no_files_environment_or_descriptors(grapnel):
    grapnel.ok("POST", "/transform/test", {"transform": ".", "request": {}})
    pid = grapnel.child.pid
    children = [int(p) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                for p in (task / "children").read_text().split()]
    assert children
    for child in children:
        proc = pathlib.Path(f"/proc/{child}")
        assert (proc / "environ").read_bytes() == b""
        assert sorted(p.name for p in (proc / "fd").iterdir()) == ["0", "1", "2"]
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        assert status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1"


def test_no_helper_outlives_the_server(grapnel):
    grapnel.ok("POST", "/transform/test", {"transform": ".", "request": {}})
    pid = grapnel.child.pid
    children = [int(p) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                for p in (task / "children").read_text().split()]
    assert children
    grapnel.kill()
    wait_until(lambda: not any(pathlib.Path(f"/proc/{c}/exe").is_symlink() and
                               "State:\tZ" not in pathlib.Path(f"/proc/{c}/status").read_text()
                               for c in children if pathlib.Path(f"/proc/{c}").exists()), "the helpers to end")


def test_without_helpers_there_are_no_transforms(make_grapnel, receiver):
    server = make_grapnel().serve("transform.processes=0")
    app = server.application()
    words = invalid(server.call("POST", f"/app/{app}/endpoint", {"url": receiver.url, "transform": "."}), "body.transform")
    assert words == "This server runs no transforms."
