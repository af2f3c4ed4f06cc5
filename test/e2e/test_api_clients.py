# SPDX-License-Identifier: Apache-2.0
"""What clients count on, in particular those that were written for Svix: upserts by uid, dates, mistakes that are named,
why a delivery failed, packed bodies, links that lead somewhere."""
import base64
import gzip
import hashlib
import hmac
import json
import time
import urllib.parse
import zlib

import pytest

from conftest import wait_until

MANAGEMENT = "org_00000000000SvixManagement00"
SECRET = "the secret that signs the tokens of these tests"


def plain(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(claims, **header):
    signed = plain(json.dumps({"alg": "HS256", **header}).encode()) + "." + plain(json.dumps(claims).encode())
    return signed + "." + plain(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest())


@pytest.fixture
def signing(make_grapnel):
    """A server that takes JWTs."""
    return make_grapnel().serve("deliver.retry=50ms,100ms,200ms", "deliver.jitter=0", "log.level=debug",
                                f"server.jwt_secret={SECRET}")


def place(answer):
    assert answer.status == 422, answer
    return ".".join(answer.body["detail"][0]["loc"]), answer.body["detail"][0]["msg"]


# --- upserts ---

def bodies_by_uid(grapnel):
    grapnel.application(uid="own")
    return {"/app/billing": {"name": "n"},
            "/app/own/endpoint/billing": {"url": "http://x/"},
            "/operational-webhook/endpoint/billing": {"url": "http://x/"},
            "/event-type/billing": {"description": "d"}}


@pytest.mark.parametrize("path", ["/app/billing", "/app/own/endpoint/billing", "/operational-webhook/endpoint/billing",
                                  "/event-type/billing"])
def test_a_put_by_uid_makes_one_thing_and_keeps_its_uid(grapnel, path):
    body = bodies_by_uid(grapnel)[path]
    answers = [grapnel.call("PUT", path, body) for _ in range(3)]
    assert [a.status for a in answers] == [201, 200, 200]
    assert all(a.body.get("uid", a.body.get("name")) == "billing" for a in answers)
    assert len({json.dumps(a.body["createdAt"]) for a in answers}) == 1
    assert grapnel.call("GET", path).status == 200
    assert grapnel.call("PUT", path, {**body, "uid": None}).status in (200, 422)  # an event type has no uid


def test_a_source_is_put_by_uid_and_so_are_its_endpoints(grapnel):
    def put(path, body):
        answer = grapnel.raw("PUT", "/ingest/api/v1" + path, json.dumps(body), {"authorization": f"Bearer {grapnel.token}"})
        return answer.status, json.loads(answer.body)
    body = {"name": "s", "type": "generic-webhook"}
    codes = [put("/source/shop", body) for _ in range(2)]
    assert [(status, shown["uid"]) for status, shown in codes] == [(201, "shop"), (200, "shop")]
    codes = [put("/source/shop/endpoint/e", {"url": "http://x/"}) for _ in range(2)]
    assert [(status, shown["uid"]) for status, shown in codes] == [(201, "e"), (200, "e")]


def test_the_uid_of_the_body_wins_and_an_unknown_id_makes_nothing(grapnel):
    assert grapnel.call("PUT", "/app/one", {"name": "n", "uid": "two"}).body["uid"] == "two"
    assert grapnel.call("PUT", "/app/app_" + "0" * 27, {"name": "n"}).status == 404
    assert grapnel.call("PUT", "/app/two/endpoint/ep_" + "0" * 27, {"url": "http://x/"}).status == 404
    assert grapnel.call("PUT", "/app/a%20b", {"name": "n"}).status == 422
    made = grapnel.application(uid="by-id")
    assert grapnel.ok("PUT", f"/app/{made}", {"name": "n"})["uid"] is None


# --- what an SDK shows ---

def test_an_attempt_without_an_answer_says_why_in_its_response(grapnel):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, "http://127.0.0.1:1/")
    message = grapnel.publish(app)
    attempt = wait_until(lambda: grapnel.attempts(app, message), "an attempt")[0]
    assert attempt["responseStatusCode"] == 0 and attempt["response"] == attempt["errorDetail"] != ""
    for path in (f"/app/{app}/attempt/endpoint/{endpoint}?with_content=false", f"/app/{app}/attempt/msg/{message}?with_content=false"):
        assert grapnel.ok("GET", path)["data"][0]["response"] == attempt["response"]
    one = grapnel.ok("GET", f"/app/{app}/msg/{message}/attempt/{attempt['id']}")
    assert one["response"] == attempt["response"]


def test_an_answer_is_never_replaced_by_words(grapnel, make_receiver):
    app = grapnel.application()
    grapnel.endpoint(app, make_receiver((500, {}, b"theirs")).url)
    message = grapnel.publish(app)
    assert wait_until(lambda: grapnel.attempts(app, message), "an attempt")[-1]["response"] == "theirs"


# --- dates, booleans, nothing ---

@pytest.mark.parametrize("text", [
    "2026-11-29T09:00:00Z", "2026-11-29 09:00:00 UTC", "2026-11-29 09:00:00Z", "2026-11-29T09:00Z", "2026-11-29T09:00+00:00",
    "2026-11-29T09:00:00 00:00", "2026-11-29 09:00:00 00:00", "2026-11-29T09:00:00.5+0100", "2026-11-29t09:00:00z"])
def test_dates_are_read_as_people_and_programs_write_them(grapnel, text):
    app = grapnel.application()
    assert grapnel.call("GET", f"/app/{app}/msg?before={urllib.parse.quote(text)}").status == 200
    assert grapnel.call("POST", f"/app/{app}/msg", {"eventType": "a.b", "payload": {}, "deliverAt": text}).status == 202


def test_a_plus_that_arrives_as_a_blank_is_a_plus(grapnel):
    app = grapnel.application()
    assert grapnel.call("GET", f"/app/{app}/msg?before=2026-11-29T09:00:00+00:00").status == 200
    assert grapnel.call("GET", f"/app/{app}/msg?before=2026-11-29+09:00:00+00:00").status == 200


@pytest.mark.parametrize("text", ["2026-11-29", "09:00", "2026-11-29T09:00:00", "2026-13-01T00:00:00Z", "2026-11-29T09:00:00 soon"])
def test_what_is_no_date_is_refused(grapnel, text):
    app = grapnel.application()
    assert grapnel.call("GET", f"/app/{app}/msg?before={urllib.parse.quote(text)}").status == 422


@pytest.mark.parametrize("path", ["/app/a/msg?with_content=perhaps", "/app?get_if_exists=2", "/event-type?include_archived=ja"])
def test_a_boolean_is_true_or_false(grapnel, path):
    grapnel.application(uid="a")
    method, body = ("POST", {"name": "n"}) if "get_if" in path else ("GET", None)
    answer = grapnel.call(method, path, body)
    assert answer.status == 400 and path.split("?")[1].split("=")[0] in answer.body["detail"]
    for value in ("true", "false", "False", "1", "0", ""):
        assert grapnel.call(method, path.split("=")[0] + "=" + value, body).status in (200, 201)


def test_a_null_body_is_none_where_none_is_needed(grapnel):
    grapnel.application(uid="a")
    token = {"authorization": f"Bearer {grapnel.token}"}
    assert grapnel.raw("POST", "/api/v1/auth/app-portal-access/a", "null", token).status == 200
    assert grapnel.raw("POST", "/api/v1/app", "null", token).status == 422


def test_metadata_of_null_is_none(grapnel):
    assert grapnel.ok("POST", "/app", {"name": "n", "metadata": None})["metadata"] == {}
    app = grapnel.application()
    assert grapnel.ok("POST", f"/app/{app}/endpoint", {"url": "http://x/", "metadata": None})["metadata"] == {}


def test_a_list_goes_on_after_the_one_it_stopped_at_was_deleted(grapnel, receiver):
    app = grapnel.application()
    made = [grapnel.endpoint(app, receiver.url) for _ in range(4)]
    message = grapnel.publish(app)
    receiver.wait(4)
    for base in (f"/app/{app}/endpoint?order=ascending&limit=2", f"/app/{app}/msg/{message}/endpoint?limit=2"):
        page = grapnel.ok("GET", base)
        assert [e["id"] for e in page["data"]] == made[:2]
        if "order" not in base:
            grapnel.ok("DELETE", f"/app/{app}/endpoint/{page['iterator']}")
        assert [e["id"] for e in grapnel.ok("GET", base + "&iterator=" + page["iterator"])["data"]] == made[2:]
    assert grapnel.call("GET", f"/app/{app}/msg/{message}/endpoint?iterator=ep_" + "0" * 27).status == 422


def test_lengths_are_counted_in_characters(grapnel):
    assert grapnel.call("POST", "/app", {"name": "é" * 8192}).status == 201
    answer = grapnel.call("POST", "/app", {"name": "é" * 8193})
    assert answer.status == 422 and "8192" in answer.body["detail"][0]["msg"]


# --- mistakes ---

@pytest.mark.parametrize("path, body, member, meant", [
    ("/app/a/endpoint", {"url": "http://x/", "event_types": ["a.b"]}, "event_types", "eventTypes"),
    ("/app/a/endpoint", {"url": "http://x/", "eventType": ["a.b"]}, "eventType", "eventTypes"),
    ("/app/a/endpoint", {"url": "http://x/", "oauth": {}}, "oauth", ""),
    ("/app/a/endpoint", {"url": "http://x/", "handshake": {"kind": "ping", "rates": 1}}, "rates", "rate"),
    ("/app", {"name": "n", "meta_data": {}}, "meta_data", "metadata"),
    ("/app/a/msg", {"eventType": "a.b", "payload": {}, "channel": ["x"]}, "channel", "channels"),
    ("/app/a/msg", {"eventType": "a.b", "payload": {}, "deliver_at": "x"}, "deliver_at", "deliverAt"),
    ("/app/a/msg", {"eventType": "a.b", "payload": {}, "headers": {}}, "headers", ""),
    ("/app/a/msg", {"eventType": "a.b", "payload": {}, "transformationsParams": {"raw_payload": ""}}, "raw_payload", "rawPayload"),
    ("/app/a/msg/batch", {"messages": [], "Atomic": True}, "Atomic", "atomic"),
    ("/auth/app-portal-access/a", {"read_only": True}, "read_only", "readOnly"),
])
def test_a_member_that_meant_something_is_refused_and_the_nearest_named(grapnel, path, body, member, meant):
    grapnel.application(uid="a")
    where, words = place(grapnel.call("POST", path, body))
    assert where.endswith(member) and member in words and (meant == "" or f"'{meant}'" in words)


def test_a_replay_that_was_to_be_tried_only_is_not_begun(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    for kind in ("bulk-replay", "replay-missing", "recover"):
        answer = grapnel.call("POST", f"/app/{app}/endpoint/{endpoint}/{kind}", {"since": "2026-11-29T00:00:00Z", "dryRun": True})
        assert place(answer)[0] == "body.dryRun"
    assert grapnel.ok("GET", "/background-task")["data"] == []


@pytest.mark.parametrize("path, body", [("/app", {"name": "n", "colour": "red"}),
                                        ("/app/a/msg", {"eventType": "a.b", "payload": {}, "colour": "red"}),
                                        ("/app/a/msg/batch", {"messages": [{"eventType": "a.b", "payload": {}, "colour": 1}]})])
def test_a_member_of_a_newer_client_is_let_pass_and_named(grapnel, path, body):
    grapnel.application(uid="a")
    answer = grapnel.call("POST", path, body)
    assert answer.status < 300 and "colour" in answer.headers["grapnel-warning"]


def test_what_was_shown_may_be_sent_back(grapnel):
    app = grapnel.application()
    shown = grapnel.ok("POST", f"/app/{app}/endpoint", {"url": "http://x/", "handshake": None})
    for method, path, what in (("PUT", f"/app/{app}/endpoint/{shown['id']}", shown), ("PUT", f"/app/{app}", grapnel.ok("GET", f"/app/{app}"))):
        answer = grapnel.call(method, path, what)
        assert answer.status == 200 and answer.headers["grapnel-warning"] is None
    kind = grapnel.ok("POST", "/event-type", {"name": "a.b", "description": ""})
    assert grapnel.call("PUT", "/event-type/a.b", {k: v for k, v in kind.items() if k != "name"}).headers["grapnel-warning"] is None
    exported = grapnel.ok("POST", "/environment/export")
    answer = grapnel.call("POST", "/environment/import", exported)
    assert answer.status == 204 and answer.headers["grapnel-warning"] is None


def test_query_parameters_are_known_or_named(grapnel):
    app = grapnel.application()
    where, words = place(grapnel.call("GET", f"/app/{app}/msg?event_type=a.b"))
    assert where == "query.event_type" and "'event_types'" in words
    assert place(grapnel.call("POST", "/app?getIfExist=true", {"name": "n"}))[0] == "query.getIfExist"
    assert place(grapnel.call("POST", f"/app/{app}/msg?dry_run=true", {"eventType": "a.b", "payload": {}}))[0] == "query.dry_run"
    answer = grapnel.call("GET", f"/app/{app}/msg?shade=blue")
    assert answer.status == 200 and "query.shade" in answer.headers["grapnel-warning"]
    assert len(answer.headers.get_all("grapnel-warning")) == 1


def test_an_answer_given_before_is_marked(grapnel):
    app, key = grapnel.application(uid="a"), {"idempotency-key": "k"}
    for path, body in (("/app", {"name": "x"}), ("/app/a/msg", {"eventType": "a.b", "payload": {}}),
                       ("/app/a/msg/batch", {"messages": [{"eventType": "a.b", "payload": {}}]}),
                       ("/auth/app-portal-access/a", {})):
        first, again = (grapnel.call("POST", path, body, key) for _ in range(2))
        assert first.headers["idempotency-replayed"] is None and again.headers["idempotency-replayed"] == "true", path
        assert again.body == first.body and app


# --- bodies ---

def packed(grapnel, path, data, encoding="gzip"):
    answer = grapnel.raw("POST", "/api/v1" + path, data, {"authorization": f"Bearer {grapnel.token}", "content-encoding": encoding})
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("path, body", [("/app", {"name": "n"}), ("/app/a/msg", {"eventType": "a.b", "payload": {"n": 1}}),
                                        ("/app/a/msg/batch", {"messages": [{"eventType": "a.b", "payload": {}}]})])
def test_gzip_bodies_are_taken(grapnel, receiver, path, body):
    app = grapnel.application(uid="a")
    grapnel.endpoint(app, receiver.url)
    data = json.dumps(body).encode()
    for text in (gzip.compress(data), gzip.compress(data[:5]) + gzip.compress(data[5:])):
        assert packed(grapnel, path, text)[0] in (201, 202)
    assert packed(grapnel, path, data, "identity")[0] in (201, 202)
    if path == "/app/a/msg":
        assert [r.body for r in receiver.wait(3)] == [b'{"n": 1}'] * 3


@pytest.mark.parametrize("path", ["/app", "/app/a/msg"])
def test_what_cannot_be_unpacked_is_refused_in_the_right_words(grapnel, path):
    grapnel.application(uid="a")
    assert packed(grapnel, path, b"x", "br")[0] == 415
    assert packed(grapnel, path, b"x", "deflate")[1]["code"] == "unsupported_media_type"
    whole = gzip.compress(b'{"name": "n"}')
    for broken in (b"", b"{}", whole[:-1], whole + b"x", zlib.compress(b"{}")):
        assert packed(grapnel, path, broken)[0] == 400, broken
    bomb = gzip.compress(b" " * (64 << 20))
    status, body = packed(grapnel, path, bomb)
    assert (status, body["code"]) == (413, "payload_too_large")


def test_two_mebibytes_are_taken(grapnel):
    app = grapnel.application()
    payload = {"text": "x" * ((2 << 20) - 200)}
    assert grapnel.call("POST", f"/app/{app}/msg?with_content=false", {"eventType": "a.b", "payload": payload}).status == 202


# --- event types ---

def test_an_archived_event_type_does_not_lock_its_endpoints(grapnel):
    app = grapnel.application()
    for name in ("a.b", "a.c"):
        grapnel.ok("POST", "/event-type", {"name": name, "description": ""})
    endpoint = grapnel.endpoint(app, "http://x/", eventTypes=["a.b", "a.c"])
    grapnel.ok("DELETE", "/event-type/a.b")
    grapnel.ok("DELETE", "/event-type/a.c?expunge=true")
    body = {"url": "http://y/", "eventTypes": ["a.b", "a.c"]}
    assert grapnel.call("PUT", f"/app/{app}/endpoint/{endpoint}", body).status == 200
    assert grapnel.call("PATCH", f"/app/{app}/endpoint/{endpoint}", {"eventTypes": ["a.c"]}).status == 200
    assert place(grapnel.call("POST", f"/app/{app}/endpoint", body))[0] == "body.eventTypes"


@pytest.mark.parametrize("schema, keyword", [
    ({"type": "thing"}, "type"), ({"type": []}, "type"), ({"properties": []}, "properties"), ({"required": "name"}, "required"),
    ({"properties": {"a": {"minLength": -1}}}, "minLength"), ({"allOf": []}, "allOf"), ({"items": 1}, "items"), ({"enum": "x"}, "enum")])
def test_a_schema_must_be_one(grapnel, schema, keyword):
    def refused(method, path, body):
        return keyword in place(grapnel.call(method, path, body))[0]
    schemas = {"1": schema}
    assert refused("POST", "/event-type", {"name": "a.b", "description": "", "schemas": schemas})
    assert refused("PUT", "/event-type/a.b", {"description": "", "schemas": schemas})
    assert refused("POST", "/environment/import", {"eventTypes": [{"name": "a.b", "description": "", "schemas": schemas}]})
    grapnel.ok("POST", "/event-type", {"name": "a.c", "description": ""})
    assert refused("PATCH", "/event-type/a.c", {"schemas": schemas})


BOATS = """
openapi: 3.1.0
info: {title: Boats, version: "1"}
x-shared: &shared
  type: object
components:
  schemas:
    Harbor:
      type: object
      properties: {name: {type: string}, berths: {type: integer, minimum: 3}}
    Boat:
      <<: *shared
      properties:
        id: {type: string, format: uuid}
        on: {type: boolean}
        harbor: {$ref: '#/components/schemas/Harbor'}
        tender: {$ref: "#/components/schemas/Boat"}
  requestBodies:
    Moored:
      content:
        application/json:
          schema: {$ref: '#/components/schemas/Boat'}
          examples:
            calm: {value: {id: calm}}
            storm: {value: {id: storm}}
webhooks:
  boat.moored:
    post:
      description: A boat was moored.
      requestBody: {$ref: '#/components/requestBodies/Moored'}
  boat.sunk:
    post:
      requestBody:
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Harbor'}
"""


def test_an_openapi_document_is_taken_as_yaml_and_what_it_imports_is_of_use(grapnel, receiver):
    answer = grapnel.ok("POST", "/event-type/import/openapi", {"specRaw": BOATS})
    assert answer["data"]["modified"] == ["boat.moored", "boat.sunk"]
    moored = grapnel.ok("GET", "/event-type/boat.moored")
    schema = moored["schemas"]["1"]
    assert schema["properties"]["harbor"]["properties"]["berths"] == {"type": "integer", "minimum": 3}
    assert schema["type"] == "object" and "on" in schema["properties"] and schema["$defs"]["Boat"]["type"] == "object"
    assert "#/components" not in json.dumps(moored)
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    for index, kind in enumerate(("boat.moored", "boat.moored", "boat.sunk")):
        grapnel.ok("POST", f"/app/{app}/endpoint/{endpoint}/send-example", {"eventType": kind, "exampleIndex": index % 2})
        receiver.wait(index + 1)
    sent = [json.loads(r.body) for r in receiver.received]
    assert sent == [{"id": "calm"}, {"id": "storm"}, {"name": "text", "berths": 3}]


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2", "- 1", "", "*nobody", "a: &a [x]\nb: &b [*a, *a]\n? [x]\n: 1"])
def test_what_is_no_document_is_a_422(grapnel, text):
    assert place(grapnel.call("POST", "/event-type/import/openapi", {"specRaw": text}))[0] == "body.specRaw"


def test_a_document_cannot_grow_by_naming_itself(grapnel):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "too large" in place(grapnel.call("POST", "/event-type/import/openapi", {"specRaw": "\n".join(lines)}))[1]


def test_a_reference_that_leads_nowhere_is_named(grapnel):
    spec = {"webhooks": {"a.b": {"post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/nowhere"}}}}}}}}
    assert "#/nowhere" in place(grapnel.call("POST", "/event-type/import/openapi", {"spec": spec}))[1]


# --- tokens ---

def test_the_capability_to_transform_is_what_it_says(grapnel):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, "http://x/", transform=".body")
    def token(*names):
        return grapnel.ok("POST", f"/auth/app-portal-access/{app}", {"capabilities": ["ViewBase", *names]})["token"]
    path = f"/app/{app}/endpoint/{endpoint}"
    may, may_not = token("ManageTransformations"), token("ManageEndpoint")
    assert grapnel.call("PATCH", path + "/transformation", {"code": "."}, token=may).status == 204
    assert grapnel.call("PATCH", path + "/transformation", {"code": ".."}, token=may_not).status == 403
    assert grapnel.call("PATCH", path, {"transform": ".."}, token=may_not).status == 403
    assert grapnel.call("PATCH", path, {"description": "d"}, token=may).status == 403
    assert grapnel.call("PUT", path, {"url": "http://y/"}, token=may_not).status == 200
    assert grapnel.ok("GET", path + "/transformation")["code"] == "."


def test_a_jwt_with_an_extension_that_must_be_known_is_refused(signing):
    claims = {"sub": "org_tests"}
    assert signing.call("GET", "/app", token=jwt(claims)).status == 200
    for critical in (["bound"], [], "exp", None):
        assert signing.call("GET", "/app", token=jwt(claims, crit=critical, bound="x")).status == 401


def test_a_jwt_is_logged_out_in_every_spelling(signing):
    token = jwt({"sub": "org_tests"})
    head, last = token[:-1], token[-1]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place_of = letters.index(last)
    others = [token + "=", token + "==", token.replace("-", "+").replace("_", "/") + "=",
              *(head + letters[place_of & ~3 | (place_of + n) % 4] for n in (1, 2, 3))]
    assert signing.call("POST", "/auth/logout", token=token).status == 204
    for other in [token, " " + token, token + "\t", *others]:
        assert signing.call("GET", "/app", token=other).status == 401, other


def test_clocks_of_jwts_may_differ_by_a_quarter_of_an_hour(signing):
    now = int(time.time())
    for claim, ago, status in (("exp", 600, 200), ("exp", 1000, 401), ("nbf", -600, 200), ("nbf", -1000, 401)):
        assert signing.call("GET", "/app", token=jwt({"sub": "org_tests", claim: now - ago})).status == status, (claim, ago)


def test_the_secret_itself_is_no_token_and_says_what_to_do(signing):
    answer = signing.call("GET", "/app", token=SECRET)
    assert answer.status == 401 and "JWT" in answer.body["detail"] and SECRET not in answer.body["detail"]


def test_generated_keys_are_of_the_kind_that_was_configured(make_grapnel):
    server = make_grapnel().serve("server.default_signature=ed25519")
    app = server.application()
    endpoint = server.endpoint(app, "http://x/")
    assert server.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")["key"].startswith("whpk_")


# --- operational webhooks ---

def told(receiver, kind):
    return wait_until(lambda: [json.loads(r.body) for r in receiver.received if json.loads(r.body)["type"] == kind], kind)[0]["data"]


def test_the_management_organisation_is_told_what_happens(signing, make_receiver):
    management, own = jwt({"sub": MANAGEMENT}), jwt({"sub": "org_boats"})
    operator = make_receiver()
    kinds = [t["name"] for t in signing.call("GET", "/event-type", token=management).body["data"]]
    assert {"endpoint.created", "endpoint.updated", "message.attempt.exhausted"} <= set(kinds)
    assert signing.call("POST", "/app", {"name": "boats", "uid": "org_boats"}, token=management).status == 201
    body = {"url": operator.url, "filterTypes": ["endpoint.created", "endpoint.updated"]}
    assert signing.call("POST", "/app/org_boats/endpoint", body, token=management).status == 201
    app = signing.call("POST", "/app", {"name": "a", "uid": "a"}, token=own).body["id"]
    endpoint = signing.call("POST", "/app/a/endpoint", {"url": "http://x/"}, token=own).body["id"]
    assert told(operator, "endpoint.created") == {"appId": app, "appUid": "a", "endpointId": endpoint, "endpointUid": None}
    assert signing.call("POST", f"/app/a/endpoint/{endpoint}/secret/rotate", {}, token=own).status == 204
    assert told(operator, "endpoint.updated")["endpointId"] == endpoint


def test_alerts_carry_what_the_message_was(grapnel, make_receiver):
    operator = make_receiver()
    grapnel.ok("POST", "/operational-webhook/endpoint", {"url": operator.url})
    app = grapnel.application()
    grapnel.endpoint(app, make_receiver(500).url)
    message = grapnel.publish(app, {"boat": 7}, "boat.sunk", eventId="e1")
    data = told(operator, "message.attempt.exhausted")
    assert (data["msgId"], data["msgEventId"], data["eventType"], data["payload"]) == (message, "e1", "boat.sunk", {"boat": 7})


@pytest.mark.parametrize("change", [("POST", "/secret/rotate", {}), ("PUT", "/headers", {"headers": {"x-a": "b"}}),
                                    ("PATCH", "/headers", {"headers": {"x-a": "c"}}), ("PATCH", "/transformation", {"code": "."})])
def test_every_change_of_an_endpoint_is_told(grapnel, make_receiver, change):
    operator = make_receiver()
    grapnel.ok("POST", "/operational-webhook/endpoint", {"url": operator.url})
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, "http://x/")
    grapnel.ok(change[0], f"/app/{app}/endpoint/{endpoint}{change[1]}", change[2])
    assert told(operator, "endpoint.updated")["endpointId"] == endpoint
