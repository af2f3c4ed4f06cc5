# SPDX-License-Identifier: Apache-2.0
"""Messages through the API: who gets them, in which bytes, what is recorded, and sending them again."""
import base64
import datetime
import json
import time
import urllib.parse

import pytest

from conftest import is_signed, wait_until

NOW = datetime.datetime.now(datetime.timezone.utc)
HOUR_AGO = (NOW - datetime.timedelta(hours=1)).isoformat()


def finished(grapnel, task):
    def look():
        shown = grapnel.ok("GET", f"/background-task/{task}")
        return shown if shown["status"] != "running" else None
    return wait_until(look, "the task to end")


def stats(grapnel, app, endpoint):
    return grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}/stats")


def test_the_payload_arrives_byte_for_byte(grapnel, receiver):
    app = grapnel.application(uid="a")
    grapnel.endpoint(app, receiver.url)
    payload = '{ "b" :1.50,\n"a":"\\u00e9\\/", "n": 12345678901234567890 }'
    answer = grapnel.raw("POST", "/api/v1/app/a/msg", '{"eventType":"a.b", "payload": ' + payload + "}",
                         {"authorization": f"Bearer {grapnel.token}"})
    assert answer.status == 202
    assert receiver.wait()[0].body == payload.encode()
    assert payload.encode() in answer.body


def test_filters_decide_who_gets_a_message(grapnel, make_receiver):
    app = grapnel.application()
    for name in ("x.a", "x.b"):
        grapnel.ok("POST", "/event-type", {"name": name, "description": ""})
    every, typed, channel, off = (make_receiver() for _ in range(4))
    grapnel.endpoint(app, every.url)
    grapnel.endpoint(app, typed.url, eventTypes=["x.a"])
    grapnel.endpoint(app, channel.url, channels=["c1", "c2"])
    grapnel.endpoint(app, off.url, disabled=True)
    assert grapnel.ok("POST", f"/app/{app}/msg/precheck/active", {"eventType": "x.q"})["active"]
    sent = [grapnel.publish(app, event_type="x.a"), grapnel.publish(app, event_type="x.b", channels=["c2"]),
            grapnel.publish(app, event_type="x.b", channels=["other"])]
    every.wait(3)
    typed.wait(1)
    channel.wait(1)
    assert sorted(every.ids()) == sorted(sent)
    assert typed.ids() == sent[:1] and channel.ids() == sent[1:2] and off.ids() == []


def test_raw_payloads_and_headers_of_a_message_are_delivered(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    params = {"rawPayload": "a=1&b=é", "headers": {"content-type": "application/x-www-form-urlencoded", "X-Mine": "1"}}
    message = grapnel.publish(app, transformationsParams=params)
    got = receiver.wait()[0]
    assert got.body == "a=1&b=é".encode()
    assert got.headers["content-type"] == "application/x-www-form-urlencoded" and got.headers["x-mine"] == "1"
    shown = grapnel.ok("GET", f"/app/{app}/msg/{message}")
    assert shown["payload"]["raw"] == "a=1&b=é"
    wait_until(lambda: stats(grapnel, app, endpoint)["success"] == 1, "the outcome")
    grapnel.ok("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend")
    assert receiver.wait(2)[1].body == got.body


def test_a_list_from_a_time_on_misses_nothing(grapnel):
    app = grapnel.application()
    since = datetime.datetime.now(datetime.timezone.utc)

    def page(after, **more):
        query = urllib.parse.urlencode({"after": after, "limit": 7, **more})
        return grapnel.ok("GET", f"/app/{app}/msg?{query}")

    ids = [grapnel.publish(app, {"n": n}) for n in range(40)]
    by_time, after = [], since.isoformat()
    while fresh := [m for m in reversed(page(after)["data"]) if m["id"] not in by_time]:
        by_time += [m["id"] for m in fresh]
        after = fresh[-1]["timestamp"]
    by_iterator, got = [], page(since.isoformat())
    while got["data"]:
        by_iterator += [m["id"] for m in reversed(got["data"])]
        assert got["done"] == (len(by_iterator) == 40) and got["prevIterator"] == "-" + got["data"][0]["id"]
        got = page(since.isoformat(), iterator=got["iterator"])
    assert by_time == ids and by_iterator == ids
    assert got["done"] and got["iterator"] == "-" + ids[-1]
    late = grapnel.publish(app)
    assert [m["id"] for m in page(since.isoformat(), iterator=got["iterator"])["data"]] == [late]


def test_a_message_is_shown_with_the_time_it_was_accepted(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)

    def wall_was_set(since_us):
        """The two clocks run alike, but for what a time service does to one of them."""
        return abs(time.time() - time.monotonic() - since_us) > 50e-6
    rounds = 0
    while rounds < 20:
        apart = time.time() - time.monotonic()
        before = datetime.datetime.now(datetime.timezone.utc)
        message = grapnel.ok("POST", f"/app/{app}/msg", {"eventType": "a", "payload": {}})
        after = datetime.datetime.now(datetime.timezone.utc)
        if wall_was_set(apart):
            continue
        rounds += 1
        assert before <= datetime.datetime.fromisoformat(message["timestamp"]) <= after
        assert grapnel.ok("GET", f"/app/{app}/msg/{message['id']}")["timestamp"] == message["timestamp"]
        query = urllib.parse.urlencode({"after": before.isoformat()})
        assert [m["id"] for m in grapnel.ok("GET", f"/app/{app}/msg?{query}")["data"]] == [message["id"]]
    query = urllib.parse.urlencode({"after": before.isoformat(), "limit": 250})
    wait_until(lambda: message["id"] in [a["msgId"] for a in grapnel.ok(
        "GET", f"/app/{app}/attempt/endpoint/{endpoint}?{query}")["data"]], "the last attempt in the list")


def test_an_event_id_is_taken_once(grapnel):
    app = grapnel.application()
    message = grapnel.publish(app, eventId="e1")
    assert grapnel.call("POST", f"/app/{app}/msg", {"eventType": "a.b", "payload": {}, "eventId": "e1"}).status == 409
    assert grapnel.ok("GET", f"/app/{app}/msg/e1")["id"] == message


def test_a_message_brings_its_application_along(grapnel):
    body = {"eventType": "a.b", "payload": {}}

    def send(path, application):
        return grapnel.call("POST", f"/app/{path}/msg", {**body, "application": application})
    assert grapnel.call("POST", "/app/new/msg", body).status == 404
    assert send("new", {"name": "n"}).body["detail"][0]["type"] == "application_uid_missing"
    assert send("new", {"name": "n", "uid": "else"}).body["detail"][0]["type"] == "application_uid_mismatch"
    assert send("new", {"name": "", "uid": "new"}).status == 422
    assert send("new", {"name": "n", "uid": "new"}).status == 202
    assert send("new", {"name": "other", "uid": "new"}).status == 202
    assert grapnel.ok("GET", "/app/new")["name"] == "n"
    assert len(grapnel.ok("GET", "/app/new/msg")["data"]) == 2


def test_a_later_delivery_waits_and_shows_as_pending(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    at = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)).isoformat()
    message = grapnel.publish(app, deliverAt=at)
    shown = grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}/msg")["data"]
    assert [(m["id"], m["status"], m["statusText"]) for m in shown] == [(message, 1, "pending")]
    assert shown[0]["nextAttempt"] and shown[0]["deliverAt"]
    health = grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}/health")
    assert (health["status"], health["pendingCount"]) == ("healthy", 1) and health["nextAttemptAt"]
    assert receiver.received == []


def test_a_response_that_is_no_text_is_shown_as_base64(grapnel, make_receiver):
    receiver = make_receiver((200, {}, b"\xff\xfe"))
    app = grapnel.application()
    grapnel.endpoint(app, receiver.url)
    message = grapnel.publish(app)
    attempt = wait_until(lambda: grapnel.attempts(app, message), "an attempt")[0]
    assert base64.b64decode(attempt["response"]) == b"\xff\xfe"
    filtered = grapnel.ok("GET", f"/app/{app}/attempt/msg/{message}?with_content=false&with_msg=true")["data"][0]
    assert filtered["response"] == "{}" and filtered["msg"]["payload"] == {}


def test_attempts_are_filtered_by_status_and_class(grapnel, make_receiver):
    receiver = make_receiver(503, 404, 200)
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    grapnel.publish(app)
    base = f"/app/{app}/attempt/endpoint/{endpoint}"
    wait_until(lambda: len(grapnel.ok("GET", base)["data"]) == 3, "three attempts")

    def codes(query):
        return [a["responseStatusCode"] for a in grapnel.ok("GET", base + query)["data"]]
    assert codes("?status=0") == [200]
    assert codes("?status=2") == [404, 503]
    assert codes("?status_code_class=500") == [503]
    assert codes("?status_code_class=400") == [404]
    assert codes("?limit=2") == [200, 404]
    assert codes("?event_types=never.sent") == []


def test_resending_to_a_disabled_endpoint_is_refused_and_works_once_enabled(grapnel, make_receiver):
    receiver = make_receiver(410, 200)
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    message = grapnel.publish(app)
    base = f"/app/{app}/endpoint/{endpoint}"
    wait_until(lambda: grapnel.ok("GET", base)["disabled"], "410 to disable the endpoint")
    grapnel.wait_log(rf"deliver.endpoint_disabled app={app} endpoint={endpoint} reason=gone")
    assert grapnel.ok("GET", base)["disabledReason"] == "gone"
    assert grapnel.ok("GET", base + "/health")["status"] == "disabled"
    refused = grapnel.call("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend")
    assert (refused.status, refused.body["code"]) == (400, "endpoint_disabled")
    assert grapnel.call("POST", base + "/recover", {"since": HOUR_AGO}).status == 400
    assert not grapnel.ok("POST", base + "/enable")["disabled"]
    grapnel.ok("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend")
    assert receiver.wait(2)[1].headers["webhook-id"] == message


def test_the_history_says_why_a_delivery_ended_without_success(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=20ms")
    app = server.application()

    def destination(message, endpoint):
        listed = server.ok("GET", f"/app/{app}/msg/{message}/endpoint?expanded_statuses=true")["data"]
        return next((d["statusText"], d["statusReason"]) for d in listed if d["id"] == endpoint)

    def ends(message, endpoint, text, reason):
        wait_until(lambda: destination(message, endpoint) == (text, reason), f"{text} for {reason}")

    failing, leaving = make_receiver(500), make_receiver(410)
    endpoint = server.endpoint(app, failing.url)
    message = server.publish(app)
    ends(message, endpoint, "fail", "exhausted")
    assert [a["statusReason"] for a in server.attempts(app, message)] == ["exhausted", None]
    listed = server.ok("GET", f"/app/{app}/attempt/endpoint/{endpoint}")["data"]
    assert [a["statusReason"] for a in listed] == ["exhausted", None]
    listed = server.ok("GET", f"/app/{app}/endpoint/{endpoint}/msg")["data"]
    assert [(m["id"], m["statusReason"]) for m in listed] == [(message, "exhausted")]
    server.ok("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend")
    ends(message, endpoint, "fail", "manual")
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"url": "http://[::ffff:169.254.1.1]/"})
    ends(server.publish(app), endpoint, "fail", "refused")
    server.ok("DELETE", f"/app/{app}/endpoint/{endpoint}")
    ends(message, endpoint, "fail", "manual")  # history

    endpoint = server.endpoint(app, leaving.url)
    ends(server.publish(app), endpoint, "fail", "gone")

    endpoint = server.endpoint(app, failing.url, retrySchedule=[3600])
    messages = [server.publish(app) for _ in range(2)]
    failing.wait(5)
    ends(messages[0], endpoint, "sending", None)
    server.ok("DELETE", f"/app/{app}/endpoint/{endpoint}")
    for message in messages:
        ends(message, endpoint, "canceled", "endpoint_deleted")

    endpoint = server.endpoint(app, failing.url)
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)).isoformat()
    message = server.publish(app, deliverAt=soon)
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"disabled": True})
    ends(message, endpoint, "canceled", "endpoint_disabled")


def test_a_receiver_ends_a_message_or_its_endpoint_with_a_header(make_grapnel, make_receiver):
    grapnel = make_grapnel().serve("deliver.retry=100ms,100ms")
    app = grapnel.application()
    answers = {(status, word): make_receiver((status, {"Webhook-Delivery": word}, b""))
               for status in (200, 500) for word in ("abort-message", "disable")}
    endpoints = {key: grapnel.endpoint(app, receiver.url) for key, receiver in answers.items()}
    message = grapnel.publish(app)

    def states():
        rows = grapnel.ok("GET", f"/app/{app}/msg/{message}/endpoint?expanded_statuses=true")["data"]
        shown = {row["id"]: (row["statusText"], row.get("statusReason")) for row in rows}
        return [shown[endpoints[key]] for key in answers]
    wait_until(lambda: all(text in ("success", "fail") for text, _ in states()), "all four to end")
    assert states() == [("success", None), ("success", None), ("fail", "aborted"), ("fail", "gone")]
    for (status, word), endpoint in endpoints.items():
        path = f"/app/{app}/endpoint/{endpoint}"
        wait_until(lambda p=path, w=word: grapnel.ok("GET", p)["disabled"] == (w == "disable"), f"{status} {word}")
    assert [len(r.received) for r in answers.values()] == [1, 1, 1, 1]


def test_statuses_that_are_not_worth_a_retry_end_a_delivery(make_grapnel, make_receiver):
    grapnel = make_grapnel().serve("deliver.retry=100ms,100ms", "deliver.retry_except_status=400, 422")
    app = grapnel.application()
    by_server, by_endpoint, retried = make_receiver(422), make_receiver(404), make_receiver(400)
    grapnel.endpoint(app, by_server.url)
    own = grapnel.endpoint(app, by_endpoint.url, retryExceptStatuses=[404])
    grapnel.endpoint(app, retried.url, retryExceptStatuses=[])
    message = grapnel.publish(app)

    def ends():
        rows = grapnel.ok("GET", f"/app/{app}/msg/{message}/endpoint?expanded_statuses=true")["data"]
        return sorted(row.get("statusReason") or "" for row in rows)
    wait_until(lambda: ends() == ["exhausted", "status", "status"], "all three to end")
    assert [len(r.received) for r in (by_server, by_endpoint, retried)] == [1, 1, 3]
    assert grapnel.ok("GET", f"/app/{app}/endpoint/{own}")["retryExceptStatuses"] == [404]
    for bad in ([200], [1000], [4.5], ["404"]):
        assert grapnel.call("PATCH", f"/app/{app}/endpoint/{own}", {"retryExceptStatuses": bad})[0] == 422


def test_a_url_is_taken_as_people_paste_it(make_grapnel, make_receiver):
    receiver = make_receiver()
    grapnel = make_grapnel().serve("fetch.resolve=xn--bcher-kva.test=127.0.0.1")
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, f" http://b\u00fccher.test:{receiver.port}/a b?token=12|abc\n")
    shown = grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}")["url"]
    assert shown == f"http://xn--bcher-kva.test:{receiver.port}/a%20b?token=12%7Cabc"
    grapnel.publish(app)
    got = receiver.wait()[0]
    assert got.path == "/a%20b?token=12%7Cabc" and got.headers["host"] == f"xn--bcher-kva.test:{receiver.port}"


def test_deliveries_accept_any_answer_and_say_so(grapnel, receiver):
    app = grapnel.application()
    grapnel.endpoint(app, receiver.url)
    grapnel.publish(app)
    assert receiver.wait()[0].headers.get_all("accept") == ["*/*"]


def test_a_resend_with_a_key_is_done_once(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    message = grapnel.publish(app)
    wait_until(lambda: stats(grapnel, app, endpoint)["success"] == 1, "the outcome")
    path = f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend"
    for _ in range(3):
        assert grapnel.call("POST", path, headers={"idempotency-key": "r"}).status == 202
        wait_until(lambda: len(grapnel.attempts(app, message)) == 2, "one more attempt")
    access = [grapnel.ok("POST", f"/auth/app-portal-access/{app}", {}, {"idempotency-key": "p"}) for _ in range(2)]
    assert access[0] == access[1]
    assert len(receiver.received) == 2


def test_a_task_goes_on_after_the_server_was_killed(make_grapnel, make_receiver):
    grapnel = make_grapnel().serve("deliver.retry=50ms", "server.workers=1")
    app = grapnel.application()
    for _ in range(2):
        grapnel.ok("POST", f"/app/{app}/msg/batch", {"messages": [{"eventType": "a.b", "payload": {}}] * 1000})
    receiver = make_receiver()
    endpoint = grapnel.endpoint(app, receiver.url)
    task = grapnel.ok("POST", f"/app/{app}/endpoint/{endpoint}/replay-missing", {"since": HOUR_AGO})["id"]
    receiver.wait(1)
    grapnel.kill()
    grapnel.serve("deliver.retry=50ms")
    assert finished(grapnel, task)["status"] == "finished"
    wait_until(lambda: stats(grapnel, app, endpoint)["success"] == 2000, "all 2000 to be delivered")
    assert len(set(receiver.ids())) == 2000


def test_an_expunged_message_cannot_be_sent_again(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    message = grapnel.publish(app)
    wait_until(lambda: stats(grapnel, app, endpoint)["success"] == 1, "the outcome")
    result = grapnel.ok("POST", f"/app/{app}/msg/bulk-expunge", {"ids": [message, "nobody"]})["results"]
    assert result == {message: "expunged", "nobody": "not-found"}
    assert grapnel.ok("GET", f"/app/{app}/msg/{message}")["payload"] == {"expired": True}
    refused = grapnel.call("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend")
    assert (refused.status, refused.body["code"]) == (400, "missing_payload")


def test_replay_missing_sends_what_a_new_endpoint_never_got(grapnel, make_receiver):
    app = grapnel.application()
    sent = [grapnel.publish(app, {"n": n}) for n in range(150)]
    receiver = make_receiver()
    endpoint = grapnel.endpoint(app, receiver.url)
    sent.append(grapnel.publish(app))
    receiver.wait(1)
    task = grapnel.ok("POST", f"/app/{app}/endpoint/{endpoint}/replay-missing", {"since": HOUR_AGO})
    assert (task["task"], task["status"]) == ("endpoint.replay", "running")
    receiver.wait(151)
    shown = finished(grapnel, task["id"])
    assert shown["status"] == "finished" and shown["data"]["messages_sent"] == 150
    assert sorted(receiver.ids()) == sorted(sent)


def test_a_task_that_waits_for_the_store_ends_with_a_stop_and_goes_on_after(make_grapnel, make_receiver):
    server = make_grapnel().serve("store.queue_max=16")
    app = server.application()
    sent = [server.publish(app, {"n": n}) for n in range(150)]
    receiver = make_receiver()
    endpoint = server.endpoint(app, receiver.url)
    task = server.ok("POST", f"/app/{app}/endpoint/{endpoint}/replay-missing", {"since": HOUR_AGO})
    receiver.wait(1)  # a hundred do not fit into the queue: the rest of the step is waiting
    assert server.ok("GET", f"/background-task/{task['id']}")["status"] == "running"
    assert server.restart() and finished(server, task["id"])["status"] == "finished"
    receiver.wait(150)
    assert set(receiver.ids()) == set(sent)


def test_recover_sends_failed_ones_and_bulk_replay_all_that_fit(grapnel, make_receiver):
    receiver = make_receiver(*[500] * 8, 200)
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    sent = [grapnel.publish(app, event_type=f"x.{n}") for n in range(2)]
    wait_until(lambda: stats(grapnel, app, endpoint)["fail"] == 2, "both to be given up")
    base = f"/app/{app}/endpoint/{endpoint}"
    task = finished(grapnel, grapnel.ok("POST", base + "/recover", {"since": HOUR_AGO})["id"])
    assert task["data"]["messages_sent"] == 2
    wait_until(lambda: stats(grapnel, app, endpoint)["success"] == 2, "both to arrive")
    task = finished(grapnel, grapnel.ok("POST", base + "/recover", {"since": HOUR_AGO})["id"])
    assert task["data"]["messages_sent"] == 0
    grapnel.ok("POST", base + "/bulk-replay", {"since": HOUR_AGO, "eventTypes": ["x.1"]})
    receiver.wait(11)
    assert receiver.ids()[10] == sent[1]
    too_old = (NOW - datetime.timedelta(days=15)).isoformat()
    assert grapnel.call("POST", base + "/recover", {"since": too_old}).status == 422


def test_usage_tasks_count_and_purge_forgets(grapnel, receiver):
    app = grapnel.application(uid="a")
    grapnel.endpoint(app, receiver.url)
    message = grapnel.publish(app)
    receiver.wait()
    until = (NOW + datetime.timedelta(hours=1)).isoformat()
    task = grapnel.ok("POST", "/stats/usage/app", {"since": HOUR_AGO, "until": until, "appIds": ["a", "nobody"]})
    assert task["unresolvedAppIds"] == ["nobody"]
    shown = finished(grapnel, task["id"])["data"]["app_stats"]
    assert shown == [{"appId": app, "appUid": "a", "messageDestinations": 1}]
    types = finished(grapnel, grapnel.ok("PUT", "/stats/usage/event-types")["id"])["data"]["event_types"]
    assert types == [{"appId": app, "explicitlySubscribedEventTypes": [], "hasCatchAllEndpoint": True}]
    purge = finished(grapnel, grapnel.ok("POST", f"/app/{app}/msg/expunge-all-contents")["id"])
    assert purge["data"]["messages_purged"] == 1
    assert grapnel.ok("GET", f"/app/{app}/msg/{message}")["payload"] == {"expired": True}
    listed = grapnel.ok("GET", "/background-task?task=application.stats&status=finished")["data"]
    assert [t["id"] for t in listed] == [task["id"]]


def test_operational_webhooks_tell_what_happens_to_endpoints_and_deliveries(grapnel, make_receiver):
    operator, customer = make_receiver(), make_receiver(*[500] * 5, 200, 410)
    own = grapnel.ok("POST", "/operational-webhook/endpoint", {"url": operator.url})
    secret = grapnel.ok("GET", f"/operational-webhook/endpoint/{own['id']}/secret")["key"]
    assert [a["name"] for a in grapnel.ok("GET", "/app")["data"]] == []  # the internal application is nobody's

    def told(kind):
        def look():
            events = [json.loads(r.body) for r in operator.received]
            return next((e["data"] for e in events if e["type"] == kind), None)
        return wait_until(look, kind)
    app = grapnel.application(uid="cust")
    endpoint = grapnel.endpoint(app, customer.url, uid="ep1", retrySchedule=[0.02] * 4)
    ids = {"appId": app, "appUid": "cust", "endpointId": endpoint, "endpointUid": "ep1"}
    assert told("endpoint.created") == ids
    base = f"/app/{app}/endpoint/{endpoint}"
    grapnel.ok("PATCH", base, {"description": "x"})
    assert told("endpoint.updated") == ids
    grapnel.ok("PATCH", base, {"disabled": True})
    assert told("endpoint.disabled") == {**ids, "trigger": "manual"}
    grapnel.ok("PATCH", base, {"disabled": False})
    assert told("endpoint.enabled") == ids

    message = grapnel.publish(app, eventId="e1")
    for kind in ("message.attempt.failing", "message.attempt.exhausted"):
        data = told(kind)
        assert (data["msgId"], data["msgEventId"], data["endpointId"]) == (message, "e1", endpoint)
        assert data["lastAttempt"]["responseStatusCode"] == 500 and data["lastAttempt"]["id"].startswith("atmpt_")
    grapnel.ok("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend")
    assert told("message.attempt.recovered")["msgId"] == message
    grapnel.ok("PUT", "/stats/usage/event-types")
    assert told("background_task.finished")["task"] == "event-type.aggregate"
    operator.received.clear()
    grapnel.publish(app)
    assert told("endpoint.disabled")["trigger"] == "automatic"
    grapnel.ok("DELETE", base)
    assert told("endpoint.deleted") == ids
    assert all(is_signed(r, secret) for r in operator.received)


def test_a_batch_accepts_each_message_by_itself(grapnel, receiver):
    app = grapnel.application()
    grapnel.endpoint(app, receiver.url)
    messages = [{"eventType": "a.b", "payload": {"n": n}} for n in range(100)]
    messages[3] = {"eventType": "a.b"}
    messages[5]["eventId"] = messages[6]["eventId"] = "same"
    key = {"idempotency-key": "batch"}
    done = grapnel.ok("POST", f"/app/{app}/msg/batch", {"messages": messages}, key)
    assert (done["accepted"], done["failed"]) == (98, 2)
    assert done["results"][3]["status"] == 422
    assert done["results"][3]["error"]["detail"][0]["loc"] == ["body", "messages", "3", "payload"]
    assert [done["results"][n]["status"] for n in (5, 6)] == [202, 409]
    receiver.wait(98)
    assert sorted(receiver.ids()) == sorted(r["message"]["id"] for r in done["results"] if r["status"] == 202)
    again = grapnel.ok("POST", f"/app/{app}/msg/batch", {"messages": messages}, key)
    assert again == done
    assert len(receiver.received) == 98


def test_applications_are_listed_by_what_endpoints_they_have(grapnel):
    bare, off, on, mixed, gone = (grapnel.application(name) for name in ("bare", "off", "on", "mixed", "gone"))
    url = "http://127.0.0.1:1/"
    for app, states in ((off, [True]), (on, [False]), (mixed, [True, False])):
        for disabled in states:
            grapnel.endpoint(app, url, disabled=disabled)
    grapnel.ok("DELETE", f"/app/{gone}/endpoint/{grapnel.endpoint(gone, url)}")

    def listed(query):
        return {app["id"] for app in grapnel.ok("GET", f"/app?{query}")["data"]}
    assert listed("exclude_apps_with_no_endpoints=true") == {off, on, mixed}
    assert listed("exclude_apps_with_disabled_endpoints=true") == {bare, on, mixed, gone}
    assert listed("exclude_apps_with_no_endpoints=true&exclude_apps_with_disabled_endpoints=true&order=descending") == \
        {on, mixed}
    assert listed("exclude_apps_with_svix_play_endpoints=true") == {bare, off, on, mixed, gone} == listed("")


def test_an_atomic_batch_is_delivered_and_replayed_whole(grapnel, receiver):
    app = grapnel.application()
    grapnel.endpoint(app, receiver.url)
    batch = {"messages": [{"eventType": "a.b", "payload": {"n": n}, "eventId": f"e{n}"} for n in range(20)], "atomic": True}
    key = {"idempotency-key": "whole"}
    done = grapnel.ok("POST", f"/app/{app}/msg/batch", batch, key)
    assert (done["accepted"], done["failed"]) == (20, 0)
    receiver.wait(20)
    assert sorted(receiver.ids()) == sorted(r["message"]["id"] for r in done["results"])
    assert grapnel.ok("POST", f"/app/{app}/msg/batch", batch, key) == done
    other = {"messages": [{"eventType": "a.b", "payload": {}, "eventId": name} for name in ("new", "e7")], "atomic": True}
    refused = grapnel.call("POST", f"/app/{app}/msg/batch", other)
    assert refused.status == 422 and [r["status"] for r in refused.body["results"]] == [424, 409]
    assert [r["error"]["detail"] for r in refused.body["results"]] == ["Others of this batch were refused.",
                                                                      "A message with this eventId exists."]
    assert len(grapnel.ok("GET", f"/app/{app}/msg?limit=50")["data"]) == 20 == len(receiver.received)


def test_an_atomic_batch_is_accepted_whole_or_not_at_all(grapnel):
    app = grapnel.application()
    good = {"eventType": "a.b", "payload": {}}
    refused = grapnel.call("POST", f"/app/{app}/msg/batch", {"messages": [good, {"eventType": "a b"}], "atomic": True})
    assert refused.status == 422 and [r["status"] for r in refused.body["results"]] == [424, 422]
    assert grapnel.ok("GET", f"/app/{app}/msg")["data"] == []
    done = grapnel.ok("POST", f"/app/{app}/msg/batch?with_content=true", {"messages": [good, good], "atomic": True})
    assert done["accepted"] == 2 and done["results"][0]["message"]["payload"] == {}


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": {}}, {"messages": [{}] * 1001},
                                  {"messages": [{}], "atomic": 1}])
def test_a_batch_that_is_none_is_refused(grapnel, body):
    app = grapnel.application()
    assert grapnel.call("POST", f"/app/{app}/msg/batch", body).status == 422


def test_examples_are_sent_to_one_endpoint(grapnel, make_receiver):
    one, other = make_receiver(), make_receiver()
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, one.url)
    grapnel.endpoint(app, other.url)
    schemas = {"1": {"type": "object", "examples": [{"n": 1}, {"n": 2}]}}
    grapnel.ok("POST", "/event-type", {"name": "x.y", "description": "", "schemas": schemas})
    grapnel.ok("POST", "/event-type", {"name": "x.z", "description": ""})
    base = f"/app/{app}/endpoint/{endpoint}/send-example"
    grapnel.ok("POST", base, {"eventType": "x.y", "exampleIndex": 1})
    assert json.loads(one.wait()[0].body) == {"n": 2}
    assert grapnel.call("POST", base, {"eventType": "x.z"}).body["code"] == "invalid_scheme"
    assert grapnel.call("POST", base, {"eventType": "nobody"}).status == 404
    assert other.received == []


def test_event_types_move_between_environments_and_from_openapi(grapnel):
    grapnel.ok("POST", "/event-type", {"name": "x.y", "description": "d", "schemas": {"1": {"type": "object"}}})
    exported = grapnel.ok("POST", "/environment/export")
    assert [t["name"] for t in exported["eventTypes"]] == ["x.y"]
    grapnel.ok("DELETE", "/event-type/x.y?expunge=true")
    assert grapnel.call("POST", "/environment/import", exported).status == 204
    assert grapnel.ok("GET", "/event-type/x.y")["schemas"] == {"1": {"type": "object"}}
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    spec = {"webhooks": {"pet.new": {"post": {"description": "A pet", "requestBody": {
        "content": {"application/json": {"schema": schema}}}}}}}
    dry = grapnel.ok("POST", "/event-type/import/openapi", {"spec": spec, "dryRun": True})
    assert dry["data"]["modified"] == ["pet.new"] and grapnel.call("GET", "/event-type/pet.new").status == 404
    grapnel.ok("POST", "/event-type/import/openapi", {"specRaw": json.dumps(spec), "replaceAll": True})
    assert grapnel.ok("GET", "/event-type/pet.new")["schemas"] == {"1": schema}
    assert [t["name"] for t in grapnel.ok("GET", "/event-type")["data"]] == ["pet.new"]


@pytest.mark.parametrize(("agent", "status"), [
    ("svix-libs/1.99.1/java", 204),  # this one cannot read an answer to a rotation
    ("svix-libs/2.9.1/python", 200),  # this one cannot do without
    ("svix-libs/two/python", 204), ("svix-libs/2", 200), ("svix-libs/", 204), ("curl/8.0", 204), (None, 204)])
def test_rotating_answers_what_the_sdk_of_the_asking_version_reads(grapnel, agent, status):
    app = grapnel.application()
    base = f"/app/{app}/endpoint/{grapnel.endpoint(app, 'https://example.com/')}/secret"
    answer = grapnel.call("POST", base + "/rotate", {}, headers={"user-agent": agent} if agent else None)
    assert answer.status == status
    assert answer.body == (grapnel.ok("GET", base) if status == 200 else None)


def test_rotating_keeps_the_old_key_for_its_grace_and_at_most_ten(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url, secret="whsec_" + "A" * 32)
    base = f"/app/{app}/endpoint/{endpoint}/secret"
    assert grapnel.ok("GET", base)["key"] == "whsec_" + "A" * 32
    assert grapnel.call("POST", base + "/rotate", {"gracePeriodSeconds": 0}).status == 204
    new = grapnel.ok("GET", base)["key"]
    grapnel.publish(app)
    got = receiver.wait()[0]
    assert is_signed(got, new) and not is_signed(got, "whsec_" + "A" * 32)
    for _ in range(10):
        grapnel.ok("POST", base + "/rotate", {})
    full = grapnel.call("POST", base + "/rotate", {})
    assert (full.status, full.body["code"]) == (400, "limit_reached")
    grapnel.publish(app)
    assert len(receiver.wait(2)[1].headers["webhook-signature"].split()) == 11
