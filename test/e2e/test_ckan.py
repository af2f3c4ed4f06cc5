# SPDX-License-Identifier: Apache-2.0
"""CKAN's webhooks: the public ckanapi client, unmodified, against the server and a stand-in for the CKAN site."""
import datetime
import http.server
import json
import socket
import threading
import urllib.parse

import ckanapi
import pytest

from conftest import free_port, is_signed, wait_until

ORG, OTHER_ORG = "org-0001", "org-0002"


class Site:
    """The three actions of a CKAN site that are asked; users by credential."""

    def __init__(self):
        site = self
        self.users = {}      # credential: (id, sysadmin, {organisation: capacity})
        self.asked, self.is_down = [], False

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802 (the base class's name)
                url = urllib.parse.urlsplit(self.path)
                given = dict(urllib.parse.parse_qsl(url.query))
                name = url.path.removeprefix("/api/3/action/")
                site.asked.append(name)
                status, answer = site.answer(name, given, self.headers.get("authorization"))
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, name, given, credential):
        if self.is_down:
            return 502, {}
        asking = self.users.get(credential)
        if name == "user_show":
            found = asking if "id" not in given else next((u for u in self.users.values() if u[0] == given["id"]), None)
            if found is None:
                return 404, {"success": False, "error": {"__type": "Not Found Error", "message": "Not found"}}
            shown = {"id": found[0], "name": found[0], "state": "active"}
            if asking and (asking[1] or asking is found):
                shown["sysadmin"] = found[1]
            return 200, {"success": True, "result": shown}
        if name == "organization_list_for_user" and asking:
            return 200, {"success": True, "result": [{"id": o, "capacity": c} for o, c in asking[2].items()]}
        if name == "member_list" and asking and asking[1]:
            members = [[u[0], "user", u[2][given["id"]].title()] for u in self.users.values() if given["id"] in u[2]]
            return 200, {"success": True, "result": members}
        return 403, {"success": False, "error": {"__type": "Authorization Error", "message": "Access denied"}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def site():
    made = Site()
    made.users = {
        "cred-nobody": ("user-nobody", False, {}),
        "cred-member": ("user-member", False, {ORG: "member"}),
        "cred-editor": ("user-editor", False, {ORG: "editor"}),
        "cred-admin": ("user-admin", False, {OTHER_ORG: "admin", ORG: "member"}),
        "cred-sysadmin": ("user-sysadmin", True, {}),
        "cred-us": ("user-us", True, {}),
    }
    yield made
    made.close()


@pytest.fixture
def make(make_grapnel, site):
    def serve(*flags):
        return make_grapnel().serve("ckan.enabled=true", f"ckan.site_url={site.url}", "ckan.token=cred-us",
                                    "deliver.retry=50ms,100ms,200ms", "deliver.jitter=0", "log.level=debug", *flags)
    return serve


@pytest.fixture
def grapnel(make):
    return make()


def client(grapnel, name=None):
    return ckanapi.RemoteCKAN(grapnel.url, apikey=None if name is None else f"cred-{name}")


def action(grapnel, name, body, credential=None, **headers):
    if credential:
        headers["authorization"] = credential
    text = body if isinstance(body, (bytes, str)) else json.dumps(body)
    answer = grapnel.raw("POST", f"/api/3/action/{name}", text, {"content-type": "application/json", **headers})
    return answer.status, json.loads(answer.body)


def send_event(grapnel, topic, entity, **more):
    status, answer = action(grapnel, "webhook_event", {"topic": topic, "entity": entity, **more}, f"Bearer {grapnel.token}")
    assert status == 200, answer
    return answer["result"]


def dataset(name="ds", **more):
    return {"id": f"id-{name}", "name": name, "private": False, "state": "active", "owner_org": ORG, **more}


def test_events_of_the_site_count_as_accepted_or_refused_messages(grapnel):
    send_event(grapnel, "dataset/create", dataset())
    assert grapnel.metrics()["grapnel_messages_accepted_total"] == 1
    assert action(grapnel, "webhook_event", {"topic": "dataset/create"}, f"Bearer {grapnel.token}")[0] == 409
    assert action(grapnel, "webhook_event", {"topic": "dataset/create", "entity": dataset()}, "Bearer wrong")[0] == 401
    assert action(grapnel, "webhook_list", {}, "wrong")[0] == 403
    rows = {name: value for name, value in grapnel.metrics().items() if name.startswith("grapnel_messages_refused") and value}
    assert rows == {'grapnel_messages_refused_total{reason="invalid"}': 1,
                    'grapnel_messages_refused_total{reason="unauthorized"}': 1}


def test_an_operator_sees_how_the_site_is_set_and_tries_it(grapnel, site):
    shown = grapnel.ok("GET", "/ckan/site")
    assert (shown["enabled"], shown["siteUrl"], shown["hasToken"]) == (True, site.url, True)
    assert "cred-us" not in json.dumps(shown)
    tried = grapnel.ok("POST", "/ckan/site/test")
    assert (tried["reached"], tried["accepted"], tried["user"], tried["sysadmin"], tried["status"]) == (True, True, "user-us", True, 200)
    assert grapnel.ok("GET", "/ckan/user/user-editor") == {"id": "user-editor", "name": "user-editor"}
    assert grapnel.call("GET", "/ckan/user/nobody-known").status == 404
    site.users.pop("cred-us")
    refused = grapnel.ok("POST", "/ckan/site/test")
    assert (refused["reached"], refused["accepted"], refused["user"]) == (True, False, None)
    site.close()
    gone = grapnel.ok("POST", "/ckan/site/test")
    assert (gone["reached"], gone["accepted"], gone["status"]) == (False, False, None) and gone["detail"]


# --- the actions ---

def test_a_webhook_is_created_shown_listed_and_deleted_with_ckanapi(grapnel, receiver):
    editor = client(grapnel, "editor")
    first = editor.action.webhook_create(topic="dataset/create", address=receiver.url)
    second = editor.action.webhook_create(topic="resource/delete", address=receiver.url)
    shown = editor.action.webhook_show(id=first)
    assert set(shown) == {"id", "address", "topic", "user_id", "created_at"}
    assert (shown["id"], shown["address"], shown["topic"], shown["user_id"]) == (
        first, receiver.url, "dataset/create", "user-editor")
    assert len(shown["created_at"]) == 26 and shown["created_at"][10] == "T"
    assert editor.action.webhook_list() == [first, second]
    assert editor.action.webhook_list(topic="resource/delete") == [second]
    assert client(grapnel, "member").action.webhook_list() == []
    assert editor.action.webhook_delete(id=first) == first
    with pytest.raises(ckanapi.NotFound):
        editor.action.webhook_show(id=first)
    assert editor.action.webhook_list() == [second]


def test_an_operator_sees_everybodys_webhooks(grapnel, receiver):
    mine = client(grapnel, "editor").action.webhook_create(topic="dataset/create", address=receiver.url)
    client(grapnel, "admin").action.webhook_create(topic="resource/delete", address=receiver.url, entity_id="my-set")
    rows = grapnel.ok("GET", "/ckan/webhook?order=ascending")["data"]
    assert [(r["user"], r["topic"], r["entity"], r["disabled"]) for r in rows] == [
        ("user-editor", "dataset/create", None, False), ("user-admin", "resource/delete", "my-set", False)]
    assert rows[0]["id"] == mine and rows[0]["address"] == receiver.url
    assert [r["user"] for r in grapnel.ok("GET", "/ckan/webhook?topic=resource/delete")["data"]] == ["user-admin"]
    grapnel.ok("PATCH", f"/app/ckan/endpoint/{rows[0]['endpointId']}", {"disabled": True})
    disabled = grapnel.ok("GET", "/ckan/webhook?user=user-editor")["data"][0]
    assert (disabled["disabled"], disabled["disabledReason"], disabled["deletedAfter"]) == (True, "manual", None)


def test_reads_work_with_get_and_under_both_paths(grapnel, receiver):
    made = client(grapnel, "editor").action.webhook_create(topic="dataset/create", address=receiver.url)
    for path in ("/api/3/action", "/api/action"):
        answer = grapnel.raw("GET", f"{path}/webhook_show?id={made}", headers={"x-ckan-api-key": "cred-editor"})
        assert (answer.status, json.loads(answer.body)["result"]["id"]) == (200, made)
    only_get = ckanapi.RemoteCKAN(grapnel.url, apikey="cred-editor", get_only=True)
    assert only_get.action.webhook_list(topic="dataset/create") == [made]


@pytest.mark.parametrize("given, field", [
    ({"address": "http://a.example/"}, "topic"),
    ({"topic": "", "address": "http://a.example/"}, "topic"),
    ({"topic": "dataset/explode", "address": "http://a.example/"}, "topic"),
    ({"topic": "no topic", "address": "http://a.example/"}, "topic"),
    ({"topic": "dataset/create"}, "address"),
    ({"topic": "dataset/create", "address": "not a url"}, "address"),
    ({"topic": "dataset/create", "address": "ftp://a.example/"}, "address"),
    ({"topic": "dataset/create", "address": "http://a.example/", "entity_id": "a.b"}, "entity_id"),
])
def test_bad_input_is_ckans_validation_error(grapnel, given, field):
    with pytest.raises(ckanapi.ValidationError) as wrong:
        client(grapnel, "editor").call_action("webhook_create", given)
    fields = wrong.value.error_dict
    assert list(fields) == [field, "__type"] and isinstance(fields[field][0], str)


def test_errors_have_ckans_json(grapnel):
    status, answer = action(grapnel, "webhook_create", {}, "cred-editor")
    assert status == 409
    assert answer == {"help": f"{grapnel.url}/api/3/action/help_show?name=webhook_create", "success": False,
                      "error": {"__type": "Validation Error", "topic": ["Missing value"], "address": ["Missing value"]}}
    status, answer = action(grapnel, "webhook_show", {"id": "unknown"}, "cred-editor")
    assert (status, answer["error"]) == (404, {"__type": "Not Found Error", "message": "Not found"})
    status, answer = action(grapnel, "webhook_show", {"id": "unknown"})
    assert status == 403 and answer["error"]["__type"] == "Authorization Error"
    assert answer["error"]["message"].startswith("Access denied")
    assert action(grapnel, "webhook_explode", {}) == (400, "Bad request - Action name not known: webhook_explode")
    for body in ("{", "[]", "1", b"\xff"):
        status, answer = action(grapnel, "webhook_create", body, "cred-editor")
        assert status == 400 and answer.startswith("Bad request - JSON Error: ")
    assert grapnel.raw("GET", "/api/3/action/webhook_create?topic=a", headers={"authorization": "cred-editor"}).status == 400
    answer = json.loads(grapnel.raw("GET", "/api/3/action/help_show?name=webhook_create").body)
    assert answer["success"] and "address" in answer["result"]


# --- who may ---

ROLES = ("anonymous", "unknown", "nobody", "member", "editor", "admin", "sysadmin")
MAY = {
    "none": {"nobody", "member", "editor", "admin", "sysadmin"},
    "": {"nobody", "member", "editor", "admin", "sysadmin"},
    "editor": {"editor", "admin", "sysadmin"},
    "admin": {"admin", "sysadmin"},
    "sysadmin": {"sysadmin"},
    "emperor": set(),
}


@pytest.mark.parametrize("minimum", MAY)
def test_minimum_auth_cell_by_cell(make, minimum):
    grapnel = make(f"ckan.minimum_auth={minimum}")
    for role in ROLES:
        user = client(grapnel, None if role == "anonymous" else role)
        calls = {
            "webhook_create": {"topic": "dataset/create", "address": "http://a.example/"},
            "webhook_list": {},
            "webhook_show": {"id": "none"},
            "webhook_delete": {"id": "none"},
        }
        for name, given in calls.items():
            try:
                user.call_action(name, given)
                may = True
            except ckanapi.NotFound:
                may = True  # there is none, but it was looked for
            except ckanapi.NotAuthorized:
                may = False
            assert may == (role in MAY[minimum]), f"minimum_auth={minimum}: {role} {name}"
    if minimum == "emperor":
        grapnel.wait_log("ckan.minimum_auth_unknown.*value=emperor")


def test_a_webhook_is_its_creators_and_sysadmins(grapnel):
    made = client(grapnel, "editor").action.webhook_create(topic="dataset/create", address="http://a.example/")
    for role in ("nobody", "member", "admin"):
        for name in ("webhook_show", "webhook_delete", "webhook_secret"):
            with pytest.raises(ckanapi.NotAuthorized):
                client(grapnel, role).call_action(name, {"id": made})
    assert client(grapnel, "sysadmin").action.webhook_show(id=made)["user_id"] == "user-editor"
    assert client(grapnel, "sysadmin").action.webhook_delete(id=made) == made


def test_the_sites_word_is_cached_for_a_while(make, site):
    grapnel = make("ckan.auth_cache=1h")
    for _ in range(3):
        client(grapnel, "editor").action.webhook_list()
        with pytest.raises(ckanapi.NotAuthorized):
            client(grapnel, "unknown").action.webhook_list()
    assert site.asked == ["user_show", "user_show"]
    fresh = make("ckan.auth_cache=0")
    del site.users["cred-editor"]
    with pytest.raises(ckanapi.NotAuthorized):
        client(fresh, "editor").action.webhook_list()


@pytest.mark.parametrize("minimum", ["Sysadmin", " SYSADMIN ", "sysadmin"])
def test_minimum_auth_may_be_in_any_case(make, minimum):
    server = make(f"ckan.minimum_auth={minimum}")
    assert isinstance(client(server, "sysadmin").action.webhook_list(), list)


def test_a_site_that_does_not_answer_lets_nobody_in(make, site):
    grapnel = make("ckan.auth_cache=0")
    site.is_down = True
    status, answer = action(grapnel, "webhook_list", {}, "cred-sysadmin")
    assert status == 503 and answer["success"] is False
    grapnel.wait_log("ckan.site_failed")
    site.is_down = False
    assert client(grapnel, "sysadmin").action.webhook_list() == []


def test_a_user_has_a_bounded_number_of_webhooks(make):
    grapnel = make("ckan.webhooks_max=2")
    editor = client(grapnel, "editor")
    made = [editor.action.webhook_create(topic="dataset/create", address="http://a.example/") for _ in range(2)]
    with pytest.raises(ckanapi.ValidationError):
        editor.action.webhook_create(topic="dataset/create", address="http://a.example/")
    editor.action.webhook_delete(id=made[0])
    editor.action.webhook_create(topic="dataset/create", address="http://a.example/")
    client(grapnel, "member").action.webhook_create(topic="dataset/create", address="http://a.example/")


def test_long_and_broken_credentials_are_refused_unasked(grapnel, site):
    status, _ = action(grapnel, "webhook_list", {}, "x" * 5000)
    assert status == 403
    assert site.asked == []


# --- deliveries ---

@pytest.mark.parametrize("topic", [f"{what}/{done}" for what in ("dataset", "resource") for done in ("create", "update", "delete")])
def test_a_delivery_has_the_payload_subscribers_know(grapnel, site, receiver, topic):
    editor = client(grapnel, "editor")
    made = editor.action.webhook_create(topic=topic, address=receiver.url)
    entity = {**dataset(), "title": "Größe", "extras": [{"key": "n", "value": 1.50}]}
    send_event(grapnel, topic, entity, private=False)
    got = receiver.wait()[0]
    payload = json.loads(got.body)
    assert list(payload) == ["entity", "address", "webhook_id", "ckan", "topic", "user_ref"]
    assert payload == {"entity": entity, "address": receiver.url, "webhook_id": made, "ckan": site.url, "topic": topic,
                       "user_ref": "user-editor"}
    assert json.dumps(entity).encode() in got.body  # byte for byte as the site sent it
    assert got.headers["content-type"] == "application/json"
    assert is_signed(got, editor.action.webhook_secret(id=made))


def test_a_delivery_is_retried_and_its_history_kept(grapnel, make_receiver):
    receiver = make_receiver(500, 503, 200)
    made = client(grapnel, "editor").action.webhook_create(topic="dataset/create", address=receiver.url)
    message = send_event(grapnel, "dataset/create", dataset())
    bodies = {r.body for r in receiver.wait(3)}
    assert len(bodies) == 1
    attempts = wait_until(lambda: len(a := grapnel.attempts("ckan", message)) == 3 and a, "three attempts")
    assert {a["endpointId"] for a in attempts} == {made}


def test_a_delivery_is_cut_after_two_seconds(grapnel, make_receiver):
    release = threading.Event()
    receiver = make_receiver(lambda handler: release.wait(30))
    client(grapnel, "editor").action.webhook_create(topic="dataset/create", address=receiver.url)
    message = send_event(grapnel, "dataset/create", dataset())
    first = wait_until(lambda: grapnel.attempts("ckan", message), "an attempt")[-1]
    release.set()
    assert 1900 <= first["responseDurationMs"] < 2900


def test_a_webhook_is_an_endpoint_like_any_other(grapnel, receiver):
    editor = client(grapnel, "editor")
    made = editor.action.webhook_create(topic="dataset/create", address=receiver.url)
    shown = grapnel.ok("GET", f"/app/ckan/endpoint/{made}")
    assert (shown["url"], shown["eventTypes"], shown["timeoutMs"]) == (receiver.url, ["dataset.create"], 2000)
    grapnel.ok("PATCH", f"/app/ckan/endpoint/{made}", {"disabled": True})
    send_event(grapnel, "dataset/create", dataset("one"))
    grapnel.ok("PATCH", f"/app/ckan/endpoint/{made}", {"disabled": False})
    send_event(grapnel, "dataset/create", dataset("two"))
    grapnel.publish("ckan", {"id": "native"}, "dataset.create", channels=["public"])
    got = [json.loads(r.body) for r in receiver.wait(2)]
    assert {e["entity"]["id"] for e in got} == {"id-two", "native"}
    assert {e["webhook_id"] for e in got} == {made}
    grapnel.ok("DELETE", f"/app/ckan/endpoint/{made}")
    with pytest.raises(ckanapi.NotFound):
        editor.action.webhook_show(id=made)
    mine = grapnel.endpoint("ckan", receiver.url)  # an operator's own: the plain payload, and no webhook of CKAN's
    with pytest.raises(ckanapi.NotFound):
        client(grapnel, "sysadmin").action.webhook_show(id=mine)


def test_any_topic_the_site_sent_can_be_subscribed_to(grapnel, receiver):
    editor = client(grapnel, "editor")
    with pytest.raises(ckanapi.ValidationError):
        editor.action.webhook_create(topic="showcase/create", address=receiver.url)
    send_event(grapnel, "showcase/create", {"id": "s1"})
    editor.action.webhook_create(topic="showcase/create", address=receiver.url)
    send_event(grapnel, "showcase/create", {"id": "s2"}, private=False)
    assert json.loads(receiver.wait()[0].body)["topic"] == "showcase/create"


def test_a_webhook_may_be_about_one_entity(grapnel, make_receiver):
    by_id, by_name, of_package = make_receiver(), make_receiver(), make_receiver()
    editor = client(grapnel, "editor")
    editor.action.webhook_create(topic="dataset/update", address=by_id.url, entity_id="id-one")
    editor.action.webhook_create(topic="dataset/update", address=by_name.url, entity_id="two")
    editor.action.webhook_create(topic="resource/create", address=of_package.url, entity_id="id-one")
    for name in ("one", "two", "three"):
        send_event(grapnel, "dataset/update", dataset(name))
        send_event(grapnel, "dataset/update", dataset(name, private=True))
        send_event(grapnel, "resource/create", {"id": f"r-{name}", "package_id": f"id-{name}"}, private=False)
    assert {json.loads(r.body)["entity"]["id"] for r in by_id.wait(2)} == {"id-one"}
    assert {json.loads(r.body)["entity"]["id"] for r in by_name.wait(2)} == {"id-two"}
    assert json.loads(of_package.wait()[0].body)["entity"]["id"] == "r-one"
    assert [len(r.received) for r in (by_id, by_name, of_package)] == [2, 2, 1]


# --- who may see ---

SEES = {  # role: public, private of ORG, private of OTHER_ORG, private of no organization
    "nobody": (True, False, False, False),
    "member": (True, True, False, False),
    "editor": (True, True, False, False),
    "admin": (True, True, True, False),
    "sysadmin": (True, True, True, True),
}
ENTITIES = [dataset("public"), dataset("private", private=True), dataset("other", private=True, owner_org=OTHER_ORG),
            dataset("orphan", private=True, owner_org=None)]


def test_private_datasets_events_reach_those_who_may_see_them_cell_by_cell(grapnel, make_receiver):
    receivers = {role: make_receiver() for role in SEES}
    for role, receiver in receivers.items():
        client(grapnel, role).action.webhook_create(topic="dataset/update", address=receiver.url)
    for entity in ENTITIES:
        send_event(grapnel, "dataset/update", entity)
    send_event(grapnel, "dataset/update", dataset("last"))  # everybody's: what came before it is out
    for role, receiver in receivers.items():
        expected = {e["id"] for e, sees in zip(ENTITIES, SEES[role]) if sees} | {"id-last"}
        receiver.wait(len(expected))
        assert {json.loads(r.body)["entity"]["id"] for r in receiver.received} == expected, role


@pytest.mark.parametrize("topic, entity, more", [
    ("dataset/update", {"id": "d", "owner_org": ORG}, {}),                                          # nothing said
    ("dataset/update", {"id": "d", "owner_org": ORG, "private": "False"}, {}),                      # said badly
    ("dataset/update", {"id": "d", "owner_org": ORG, "private": False, "state": "draft"}, {}),
    ("dataset/update", {"id": "d", "owner_org": ORG, "private": False}, {"private": True}),
    ("dataset/update", {"id": "d", "owner_org": ORG, "private": False}, {"private": "no"}),
    ("resource/update", {"id": "r", "package_id": "d"}, {}),
    ("resource/update", {"id": "r", "package_id": "d"}, {"private": True, "owner_org": ORG}),
    ("user/update", {"id": "u", "email": "a@b.example"}, {}),
])
def test_what_nobody_says_is_public_is_private(grapnel, make_receiver, topic, entity, more):
    stranger, sysadmin = make_receiver(), make_receiver()
    client(grapnel, "nobody").action.webhook_create(topic=topic, address=stranger.url)
    client(grapnel, "sysadmin").action.webhook_create(topic=topic, address=sysadmin.url)
    send_event(grapnel, topic, entity, **more)
    send_event(grapnel, topic, {"id": "last"}, private=False)
    assert len(sysadmin.wait(2)) == 2
    assert json.loads(stranger.wait()[0].body)["entity"] == {"id": "last"}
    assert len(stranger.received) == 1


def test_a_private_event_waits_for_a_site_that_is_down(make, site, receiver):
    grapnel = make("ckan.auth_cache=0")
    client(grapnel, "member").action.webhook_create(topic="dataset/update", address=receiver.url)
    site.is_down = True
    event = {"topic": "dataset/update", "entity": dataset("p", private=True), "id": "e1"}
    assert action(grapnel, "webhook_event", event, f"Bearer {grapnel.token}")[0] == 503
    site.is_down = False
    assert action(grapnel, "webhook_event", event, f"Bearer {grapnel.token}")[0] == 200
    assert len(receiver.wait()) == 1


def test_without_a_token_of_the_sites_private_events_reach_nobody(make, make_receiver):
    grapnel = make("ckan.token=")
    receivers = {role: make_receiver() for role in ("member", "sysadmin")}
    for role, receiver in receivers.items():
        client(grapnel, role).action.webhook_create(topic="dataset/update", address=receiver.url)
    send_event(grapnel, "dataset/update", dataset("private", private=True))
    send_event(grapnel, "dataset/update", dataset("last"))
    for receiver in receivers.values():
        assert json.loads(receiver.wait()[0].body)["entity"]["name"] == "last"
        assert len(receiver.received) == 1
    grapnel.wait_log("ckan.members_refused")


def test_who_lost_the_right_to_see_gets_no_more(make, site, receiver):
    grapnel = make("ckan.auth_cache=0")
    client(grapnel, "member").action.webhook_create(topic="dataset/update", address=receiver.url)
    send_event(grapnel, "dataset/update", dataset("one", private=True))
    receiver.wait()
    site.users["cred-member"] = ("user-member", False, {})
    send_event(grapnel, "dataset/update", dataset("two", private=True))
    send_event(grapnel, "dataset/update", dataset("three"))
    assert [json.loads(r.body)["entity"]["name"] for r in receiver.wait(2)] == ["one", "three"]


def test_a_replay_of_private_events_reaches_only_those_who_may_see_them(grapnel, make_receiver):
    since = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).isoformat()
    receivers, hooks = {role: make_receiver() for role in ("nobody", "member")}, {}
    send_event(grapnel, "dataset/update", dataset("before", private=True))  # nobody is subscribed
    for role, receiver in receivers.items():
        hooks[role] = client(grapnel, role).action.webhook_create(topic="dataset/update", address=receiver.url)
        grapnel.ok("PATCH", f"/app/ckan/endpoint/{hooks[role]}", {"disabled": True})
    events = [("private", dataset("private", private=True)), ("other", dataset("other", private=True, owner_org=OTHER_ORG)),
              ("public", dataset("public"))]
    for _, entity in events:
        send_event(grapnel, "dataset/update", entity)
    for hook in hooks.values():
        grapnel.ok("PATCH", f"/app/ckan/endpoint/{hook}", {"disabled": False})
        for way in ("replay-missing", "recover", "bulk-replay"):
            grapnel.ok("POST", f"/app/ckan/endpoint/{hook}/{way}", {"since": since})
    wait_until(lambda: all(task["status"] == "finished" for task in grapnel.ok("GET", "/background-task")["data"]), "the replays")
    for receiver in receivers.values():
        send_event(grapnel, "dataset/update", dataset("last"))
        wait_until(lambda r=receiver: "id-last" in seen_by(r), "the last event")
    assert seen_by(receivers["nobody"]) == {"id-public", "id-last"}
    assert seen_by(receivers["member"]) == {"id-public", "id-private", "id-last"}
    private = next(m["id"] for m in grapnel.ok("GET", "/app/ckan/msg")["data"] if m["channels"] == ["user.user-member"])
    refused = grapnel.call("POST", f"/app/ckan/msg/{private}/endpoint/{hooks['nobody']}/resend")
    assert (refused.status, refused.body["code"]) == (400, "not_for_endpoint")
    before = len(receivers["member"].received)
    grapnel.ok("POST", f"/app/ckan/msg/{private}/endpoint/{hooks['member']}/resend")
    receivers["member"].wait(before + 1)
    assert seen_by(receivers["nobody"]) == {"id-public", "id-last"}


def seen_by(receiver):
    return {json.loads(r.body)["entity"]["id"] for r in receiver.received}


# --- the way in of events ---

def test_events_need_a_token_of_the_organisation(grapnel):
    event = {"topic": "dataset/create", "entity": {"id": "d"}}
    assert action(grapnel, "webhook_event", event)[0] == 401
    assert action(grapnel, "webhook_event", event, "cred-sysadmin")[0] == 401
    assert action(grapnel, "webhook_event", event, f"Bearer {grapnel.token}")[0] == 200
    assert action(grapnel, "webhook_import", {}, "cred-sysadmin")[0] == 401


def test_an_event_that_comes_twice_goes_out_once(grapnel, receiver):
    client(grapnel, "editor").action.webhook_create(topic="dataset/create", address=receiver.url)
    for _ in range(2):
        send_event(grapnel, "dataset/create", dataset("one"), id="event-1")
    send_event(grapnel, "dataset/create", dataset("two"), id="event-2")
    receiver.wait(2)
    assert {json.loads(r.body)["entity"]["name"] for r in receiver.received} == {"one", "two"}
    assert len(receiver.received) == 2


@pytest.mark.parametrize("event, field", [
    ({"entity": {}}, "topic"), ({"topic": "dataset", "entity": {}}, "topic"), ({"topic": "a/b/c", "entity": {}}, "topic"),
    ({"topic": "dataset/create"}, "entity"), ({"topic": "dataset/create", "entity": "x"}, "entity"),
    ({"topic": "dataset/create", "entity": {}, "id": "x" * 300}, "id"),
])
def test_a_malformed_event_is_refused(grapnel, event, field):
    status, answer = action(grapnel, "webhook_event", event, f"Bearer {grapnel.token}")
    assert status == 409 and field in answer["error"]


# --- stale webhooks ---

def test_a_stale_webhook_is_disabled_then_deleted_with_notice(make, make_receiver):
    grapnel = make("deliver.disable_after=1s", "deliver.retry=300ms,300ms,300ms,300ms,300ms,300ms", "ckan.stale_delete=1s")
    notices, dead = make_receiver(), make_receiver(500)
    grapnel.ok("POST", "/operational-webhook/endpoint", {"url": notices.url})
    editor = client(grapnel, "editor")
    made = editor.action.webhook_create(topic="dataset/create", address=dead.url)
    send_event(grapnel, "dataset/create", dataset())
    wait_until(lambda: grapnel.ok("GET", f"/app/ckan/endpoint/{made}")["disabled"], "the webhook to be disabled")

    def is_gone():
        send_event(grapnel, "dataset/update", dataset())  # looking for stale ones comes with the events
        return made not in editor.action.webhook_list()
    wait_until(is_gone, "the webhook to be deleted")
    grapnel.wait_log(f"ckan.webhook_removed.*endpoint={made}")
    wait_until(lambda: {"endpoint.created", "endpoint.disabled", "endpoint.deleted"} <= {
        json.loads(r.body)["type"] for r in notices.received}, "the notices")


# --- taking over ---

OLD = [
    {"id": "0d3a2a0e-6a43-4b8e-9c80-000000000001", "address": "http://a.example/1", "user_id": "user-editor",
     "topic": "dataset/create", "created_at": "2015-03-04 05:06:07.891"},
    {"id": "0d3a2a0e-6a43-4b8e-9c80-000000000002", "address": "http://a.example/2?q=%22x,y%22", "user_id": "user-member",
     "topic": "resource/update", "created_at": "2015-03-04T05:06:07"},
]


def as_csv(rows):
    names = ["id", "address", "user_id", "topic", "created_at"]
    lines = [",".join(names)] + [",".join('"' + row[n].replace('"', '""') + '"' for n in names) for row in rows]
    return "\r\n".join(lines) + "\r\n"


@pytest.mark.parametrize("form", ["csv", "json", "lines"])
def test_the_old_table_is_imported_and_its_ids_stay_valid(grapnel, tmp_path, receiver, form):
    rows = [{**OLD[0], "address": receiver.url}, OLD[1]]
    dump = tmp_path / f"webhooks.{form}"
    dump.write_text({"csv": as_csv(rows), "json": json.dumps(rows),
                     "lines": "\n".join(json.dumps(row) for row in rows)}[form])
    for _ in range(2):  # a second time changes nothing
        done = grapnel.run("import", "ckan", f"--url={grapnel.url}", f"--token={grapnel.token}", str(dump))
        assert done.returncode == 0, done.stderr
    assert "2 webhooks" in done.stdout
    editor = client(grapnel, "editor")
    assert editor.action.webhook_list() == [rows[0]["id"]]
    shown = editor.action.webhook_show(id=rows[0]["id"])
    assert shown == {**rows[0], "created_at": "2015-03-04T05:06:07.891000"}
    assert client(grapnel, "member").action.webhook_show(id=rows[1]["id"])["address"] == rows[1]["address"]
    send_event(grapnel, "dataset/create", dataset())
    assert json.loads(receiver.wait()[0].body)["webhook_id"] == rows[0]["id"]
    assert editor.action.webhook_delete(id=rows[0]["id"]) == rows[0]["id"]


def test_an_import_names_addresses_that_need_an_allowance_once_a_host(grapnel, tmp_path):
    rows = [{**OLD[0], "address": "http://10.1.2.3/a"}, {**OLD[1], "address": "http://10.1.2.3/b"},
            {**OLD[1], "id": "third", "address": "http://[fd00::7]/c"}, {**OLD[1], "id": "fourth", "address": "http://8.8.8.8/"}]
    dump = tmp_path / "webhooks.json"
    dump.write_text(json.dumps(rows))
    done = grapnel.run("import", "ckan", f"--url={grapnel.url}/", f"--token={grapnel.token}", str(dump))
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stderr.splitlines() if "fetch.allow" in line]
    assert len(notes) == 2
    assert rows[0]["id"] in notes[0] and "--fetch.allow=10.1.2.3/32" in notes[0]
    assert "third" in notes[1] and "--fetch.allow=fd00::7/128" in notes[1]


def test_rows_that_cannot_be_imported_are_named_and_the_others_are(grapnel, tmp_path):
    rows = [OLD[0], {**OLD[1], "address": "nowhere"}, {**OLD[1], "id": "third"}]
    dump = tmp_path / "webhooks.json"
    dump.write_text(json.dumps(rows))
    done = grapnel.run("import", "ckan", f"--url={grapnel.url}", f"--token={grapnel.token}", str(dump))
    assert done.returncode == 1
    assert OLD[1]["id"] in done.stderr and "address" in done.stderr
    assert client(grapnel, "member").action.webhook_list() == ["third"]


@pytest.mark.parametrize("text", ["", "[", "[1]", "id,address\n1,2\n", '"id', '{"id": 1}', '{"id": ""}', "id,id\n,\n"])
def test_a_dump_that_is_none_is_refused(grapnel, tmp_path, text):
    dump = tmp_path / "dump"
    dump.write_text(text)
    done = grapnel.run("import", "ckan", f"--url={grapnel.url}", f"--token={grapnel.token}", str(dump))
    assert done.returncode == 1 and done.stderr


def test_an_import_without_server_or_token_says_what_is_missing(grapnel, tmp_path):
    dump = tmp_path / "dump"
    dump.write_text(json.dumps(OLD))
    assert grapnel.run("import", "ckan", str(dump)).returncode == 2
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        done = grapnel.run("import", "ckan", f"--url=http://127.0.0.1:{free_port()}", "--token=x", str(dump))
    assert done.returncode == 1 and done.stderr
