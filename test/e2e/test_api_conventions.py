# SPDX-License-Identifier: Apache-2.0
"""What holds for every route: errors, validation, paging, idempotency, absent and null."""
import json

import pytest


def detail(answer):
    """(place, type) of a 422."""
    assert answer.status == 422, answer
    first = answer.body["detail"][0]
    assert set(first) >= {"loc", "msg", "type"} and first["msg"]
    return ".".join(first["loc"]), first["type"]


def test_unknown_routes_and_methods_answer_json(grapnel):
    for method, path, status in (("GET", "/nothing", 404), ("DELETE", "/app", 405)):
        answer = grapnel.call(method, path)
        assert answer.status == status and set(answer.body) >= {"code", "detail"}


@pytest.mark.parametrize("path, body, place", [
    ("/app", {"name": ""}, "body.name"),
    ("/app", {}, "body.name"),
    ("/app", {"name": 1}, "body.name"),
    ("/app", {"name": "x", "uid": "with space"}, "body.uid"),
    ("/app", {"name": "x", "uid": "app_like_an_id"}, "body.uid"),
    ("/app", {"name": "x", "uid": "x" * 257}, "body.uid"),
    ("/app", {"name": "x\u0001"}, "body.name"),
    ("/app", {"name": "x", "metadata": {"a": 1}}, "body.metadata"),
    ("/app", {"name": "x", "metadata": {"a": "x" * 5000}}, "body.metadata"),
    ("/app", {"name": "x", "throttleRate": 65536}, "body.throttleRate"),
    ("/app/a/endpoint", {"url": "ftp://x/"}, "body.url"),
    ("/app/a/endpoint", {"url": "http://0x7f.1/"}, "body.url"),
    ("/app/a/endpoint", {"url": "/relative"}, "body.url"),
    ("/app/a/endpoint", {"url": "http://x/", "channels": []}, "body.channels"),
    ("/app/a/endpoint", {"url": "http://x/", "channels": ["a"] * 11}, "body.channels"),
    ("/app/a/endpoint", {"url": "http://x/", "eventTypes": ["never.made"]}, "body.eventTypes"),
    ("/app/a/endpoint", {"url": "http://x/", "secret": "whsec_c2hvcnQ="}, "body.secret"),
    ("/app/a/endpoint", {"url": "http://x/", "headers": {"Host": "x"}}, "body.headers"),
    ("/app/a/endpoint", {"url": "http://x/", "headers": {"X": "a\r\nb"}}, "body.headers"),
    ("/app/a/endpoint", {"url": "http://x/", "timeoutMs": 1}, "body.timeoutMs"),
    ("/app/a/endpoint", {"url": "http://x/", "retrySchedule": [-1]}, "body.retrySchedule.0"),
    ("/event-type", {"name": "with space", "description": ""}, "body.name"),
    ("/event-type", {"name": "x"}, "body.description"),
    ("/app/a/msg", {"payload": {}}, "body.eventType"),
    ("/app/a/msg", {"eventType": "a.b"}, "body.payload"),
    ("/app/a/msg", {"eventType": "a.b", "payload": []}, "body.payload"),
    ("/app/a/msg", {"eventType": "a b", "payload": {}}, "body.eventType"),
    ("/app/a/msg", {"eventType": "a.b", "payload": {}, "channels": []}, "body.channels"),
    ("/app/a/msg", {"eventType": "a.b", "payload": {}, "tags": ["a"] * 6}, "body.tags"),
    ("/app/a/msg", {"eventType": "a.b", "payload": {}, "payloadRetentionPeriod": 91}, "body.payloadRetentionPeriod"),
    ("/app/a/msg", {"eventType": "a.b", "payload": {}, "deliverAt": "soon"}, "body.deliverAt"),
    ("/app/a/msg", {"eventType": "a.b", "payload": {}, "deliverAt": "2999-01-01T00:00:00Z"}, "body.deliverAt"),
    ("/app/a/msg", {"eventType": "a.b", "payload": {}, "eventId": "msg_x"}, "body.eventId"),
    ("/auth/app-portal-access/a", {"expiry": 1}, "body.expiry"),
    ("/auth/app-portal-access/a", {"capabilities": ["Everything"]}, "body.capabilities"),
])
def test_what_is_wrong_with_a_body_is_named(grapnel, path, body, place):
    grapnel.application(uid="a")
    assert detail(grapnel.call("POST", path, body)) == (place, "value_error")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name":"x",}', '{"name":"x","name":"y"}', "\ufeff{}"])
@pytest.mark.parametrize("path", ["/app", "/app/a/msg"])
def test_what_is_no_json_object_is_a_422(grapnel, path, text):
    grapnel.application(uid="a")
    answer = grapnel.raw("POST", "/api/v1" + path, text.encode(),
                         {"authorization": f"Bearer {grapnel.token}"})
    assert answer.status == 422 and json.loads(answer.body)["detail"][0]["loc"][0] == "body"


@pytest.mark.parametrize("query, place", [
    ("limit=251", "query.limit"), ("limit=0", "query.limit"), ("limit=x", "query.limit"), ("order=up", "query.order"),
    ("iterator=app_!!", "query.iterator"), ("iterator=msg_" + "0" * 27, "query.iterator"),
])
def test_what_is_wrong_with_a_query_is_named(grapnel, query, place):
    assert detail(grapnel.call("GET", "/app?" + query))[0] == place


@pytest.mark.parametrize("query", ["before=yesterday", "event_types=a%20b", "channel=%20", "iterator=msg_zzzzzzzzzzzzzzzzzzzzzzzzzzz"])
def test_wrong_message_queries_are_422(grapnel, query):
    app = grapnel.application()
    assert grapnel.call("GET", f"/app/{app}/msg?{query}").status == 422


def test_event_types_are_understood_in_every_spelling(grapnel):
    app = grapnel.application()
    for kind in ("x.a", "x.b", "x.c"):
        grapnel.publish(app, event_type=kind)
    for query in ("event_types=x.a,x.b", "event_types=x.a&event_types=x.b", "event_types[]=x.a&event_types[]=x.b",
                  "event_types%5B0%5D=x.a&event_types%5B1%5D=x.b"):
        found = grapnel.ok("GET", f"/app/{app}/msg?{query}")["data"]
        assert [m["eventType"] for m in found] == ["x.b", "x.a"], query


def test_patch_tells_absent_from_null(grapnel):
    app = grapnel.application(uid="u", metadata={"a": "1"}, throttleRate=5)
    assert grapnel.ok("PATCH", f"/app/{app}", {"name": "n"})["uid"] == "u"
    shown = grapnel.ok("PATCH", f"/app/{app}", {"uid": None, "throttleRate": None})
    assert (shown["uid"], shown["throttleRate"], shown["metadata"], shown["name"]) == (None, None, {"a": "1"}, "n")
    assert detail(grapnel.call("PATCH", f"/app/{app}", {"name": None}))[0] == "body.name"


def test_put_replaces_or_makes(grapnel):
    made = grapnel.call("PUT", "/app/fresh", {"name": "n", "uid": "fresh"})
    assert made.status == 201
    again = grapnel.call("PUT", "/app/fresh", {"name": "m", "uid": "fresh"})
    assert again.status == 200 and again.body["id"] == made.body["id"] and again.body["name"] == "m"
    assert grapnel.call("PUT", "/app/fresh/endpoint/e1", {"url": "http://x/", "uid": "e1"}).status == 201
    assert grapnel.call("PUT", "/app/fresh/endpoint/e1", {"url": "http://y/", "uid": "e1"}).body["url"] == "http://y/"
    assert grapnel.call("PUT", "/event-type/t.t", {"description": "d"}).status == 201
    assert grapnel.call("PUT", "/event-type/t.t", {"description": "e"}).status == 200


def test_a_uid_is_unique_while_its_owner_lives(grapnel):
    app = grapnel.application(uid="one")
    assert grapnel.call("POST", "/app", {"name": "x", "uid": "one"}).status == 409
    same = grapnel.call("POST", "/app?get_if_exists=true", {"name": "x", "uid": "one"})
    assert (same.status, same.body["id"]) == (200, app)
    grapnel.ok("DELETE", "/app/one")
    assert grapnel.call("GET", "/app/one").status == 404
    assert grapnel.application(uid="one") != app


def test_older_spellings_are_accepted_and_shown(grapnel):
    app = grapnel.application(rateLimit=7)
    assert grapnel.ok("GET", f"/app/{app}")["throttleRate"] == 7
    grapnel.ok("POST", "/event-type", {"name": "a.b", "description": "", "featureFlag": "beta"})
    shown = grapnel.ok("POST", f"/app/{app}/endpoint", {"url": "http://x/", "filterTypes": ["a.b"], "rateLimit": 3})
    assert (shown["eventTypes"], shown["filterTypes"], shown["throttleRate"]) == (["a.b"], ["a.b"], 3)
    kind = grapnel.ok("GET", "/event-type/a.b")
    assert (kind["featureFlag"], kind["featureFlags"]) == ("beta", ["beta"])
    assert grapnel.ok("POST", f"/app/{app}/endpoint", {"url": "http://x/", "filterTypes": []})["eventTypes"] is None


def test_a_list_pages_both_ways_in_canonical_order(grapnel):
    app = grapnel.application()
    made = [grapnel.endpoint(app, f"http://x/{n}") for n in range(6)]
    base = f"/app/{app}/endpoint?limit=4"
    first = grapnel.ok("GET", base)
    assert [e["id"] for e in first["data"]] == made[:1:-1] and not first["done"]
    second = grapnel.ok("GET", base + "&iterator=" + first["iterator"])
    assert [e["id"] for e in second["data"]] == made[1::-1] and second["done"]
    back = grapnel.ok("GET", base + "&iterator=" + second["prevIterator"])
    assert back["data"] == first["data"]
    rising = grapnel.ok("GET", base + "&order=ascending")
    assert [e["id"] for e in rising["data"]] == made[:4]
    empty = grapnel.ok("GET", f"/app/{grapnel.application()}/endpoint")
    assert empty == {"data": [], "iterator": None, "prevIterator": None, "done": True}


def test_an_idempotent_post_makes_one_thing(grapnel):
    key = {"idempotency-key": "k1"}
    first = grapnel.call("POST", "/app", {"name": "x"}, key)
    again = grapnel.call("POST", "/app", {"name": "x"}, key)
    assert (again.status, again.body) == (first.status, first.body)
    assert len(grapnel.ok("GET", "/app")["data"]) == 1
    other = grapnel.call("POST", "/app", {"name": "y"}, key)
    assert (other.status, other.body["code"]) == (409, "idempotency_key_reused")
    # A refused request leaves the key free.
    assert grapnel.call("POST", "/app", {"name": ""}, {"idempotency-key": "k2"}).status == 422
    assert grapnel.call("POST", "/app", {"name": "z"}, {"idempotency-key": "k2"}).status == 201


def test_answers_to_idempotent_posts_outlive_a_restart(grapnel):
    app = grapnel.application(uid="a")
    message = {"eventType": "a.b", "payload": {"n": 1}}
    first = grapnel.call("POST", "/app/a/msg", message, {"idempotency-key": "m"})
    made = grapnel.call("POST", "/app", {"name": "x"}, {"idempotency-key": "a"})
    grapnel.restart()
    again = grapnel.call("POST", "/app/a/msg", message, {"idempotency-key": "m"})
    assert (again.status, again.body) == (first.status, first.body)
    assert grapnel.call("POST", "/app", {"name": "x"}, {"idempotency-key": "a"}).body == made.body
    assert len(grapnel.ok("GET", f"/app/{app}/msg")["data"]) == 1


def test_the_openapi_document_describes_every_schema_it_names(grapnel):
    document = json.loads(grapnel.raw("GET", "/api/v1/openapi.json").body)
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    for name in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert name in schemas
    page = grapnel.raw("GET", "/docs")
    assert page.status == 200 and b"v1.message.create" in page.body


def test_health_is_open_and_ping_is_empty(grapnel):
    answer = grapnel.raw("GET", "/api/v1/health")
    assert answer.status == 200 and json.loads(answer.body)["database"] == {"status": "ok"}
    assert grapnel.raw("GET", "/api/v1/health/ping").status == 204
    assert grapnel.raw("HEAD", "/api/v1/health/ping/").status == 204


def test_a_time_far_ahead_is_after_all_that_is_stored(grapnel):
    app = grapnel.application()
    message = grapnel.publish(app)
    for year in (2081, 2082, 2149, 2150, 2999):
        found = grapnel.ok("GET", f"/app/{app}/msg?before={year}-12-31T00:00:00Z")["data"]
        assert [one["id"] for one in found] == [message], year
        assert grapnel.ok("GET", f"/app/{app}/msg?after={year}-12-31T00:00:00Z")["data"] == [], year
