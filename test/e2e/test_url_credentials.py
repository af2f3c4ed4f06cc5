# SPDX-License-Identifier: Apache-2.0
"""User and password in a URL: they are used, and neither shown nor kept in clear, wherever a URL is taken."""
import base64
import json
import re
import sqlite3

import pytest

import conftest
from conftest import ROOT, wait_until
from test_ckan import action, site  # noqa: F401 (a fixture)
from test_handshakes import Asked, say
from test_receiving import door, github_headers, ingest, make_source

CANARY = "an%20chor-77"  # as it stands in the URL
PLAIN = "an chor-77"
BASIC = "Basic " + base64.b64encode(f"boat:{PLAIN}".encode()).decode()
FORMS = [form.encode() for form in (CANARY, PLAIN, BASIC.split()[1])]


def with_user(url, user=f"boat:{CANARY}"):
    return url.replace("://", f"://{user}@")


@pytest.fixture
def grapnel(make_grapnel):
    return make_grapnel().serve("deliver.retry=50ms,100ms", "deliver.jitter=0", "log.level=debug", "debug.enabled=true",
                                "debug.token=look-at-everything", "handshake.per_minute=1000")


def readable(grapnel, known):
    """The answers of all GET routes: `known` has ids by the names of parameters."""
    paths = json.loads((ROOT / "docs" / "reference" / "openapi.json").read_text())["paths"]
    for path in (path for path, methods in paths.items() if "get" in methods):
        filled = re.sub(r"{(\w+)}", lambda m: known.get(m[1], "none"), path)
        if path == "/api/v1/stream":  # it would go on
            filled += "?seconds=1"
        yield filled, grapnel.raw("GET", filled, headers={"authorization": f"Bearer {grapnel.token}"}).body
    yield "/metrics", grapnel.raw("GET", "/metrics").body
    for page in ("threads", "conf", "loops", "lanes", "store"):
        yield page, grapnel.raw("GET", f"/debug/{page}", headers={"authorization": "Bearer look-at-everything"}).body


def assert_secret(grapnel, **known):
    """Nothing that can be read, no line of the log and no file of the store has it."""
    for path, text in readable(grapnel, known):
        assert not any(form in text for form in FORMS), f"{path}: {text}"
    assert_not_on_disk(grapnel)


def assert_not_on_disk(grapnel):
    log = grapnel.log_path.read_bytes()
    assert not any(form in log for form in FORMS)
    for path in (path for path in grapnel.store.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not any(form in content for form in FORMS), path


def authorization(received):
    return received.headers.get("authorization")


def test_an_endpoints_credentials_are_used_and_neither_shown_nor_kept_in_clear(grapnel, make_receiver):
    receiver = make_receiver((500, {}, b"no"), 204)
    app = grapnel.application("app")
    made = grapnel.call("POST", f"/app/{app}/endpoint", {"url": with_user(receiver.url)}, {"idempotency-key": "once"})
    assert made.status == 201 and made.body["url"] == receiver.url
    message = grapnel.publish(app)
    assert [authorization(r) for r in receiver.wait(2)] == [BASIC, BASIC]
    found = wait_until(lambda: (lambda a: a if len(a) == 2 else None)(grapnel.attempts(app, message)), "both attempts")
    assert {a["url"] for a in found} == {receiver.url}
    assert_secret(grapnel, app_id=app, endpoint_id=made.body["id"], msg_id=message, attempt_id=found[0]["id"])


@pytest.mark.parametrize("url, expected", [("{url}", BASIC), ("http://@{rest}", None), ("{url}/else", None),
                                           ("http://other:word@{rest}", "Basic b3RoZXI6d29yZA==")])
def test_credentials_stay_with_their_url_until_it_says_otherwise(grapnel, receiver, url, expected):
    app = grapnel.application("app")
    endpoint = grapnel.endpoint(app, with_user(receiver.url))
    changed = url.format(url=receiver.url, rest=receiver.url.removeprefix("http://"))
    shown = grapnel.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"url": changed})["url"]
    assert shown == re.sub("//.*@", "//", changed)
    grapnel.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"description": "another"})
    grapnel.publish(app)
    assert authorization(receiver.wait()[0]) == expected


def test_the_users_of_http_and_of_brokers_do_not_mix(grapnel, receiver):
    app = grapnel.application("app")
    endpoint = grapnel.endpoint(app, "amqp://rabbit:hole@127.0.0.1:1/", disabled=True)
    grapnel.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"url": receiver.url, "disabled": False})
    grapnel.publish(app)
    assert authorization(receiver.wait()[0]) is None


def test_operational_webhooks_keep_credentials_secret(grapnel, receiver):
    made = grapnel.ok("POST", "/operational-webhook/endpoint", {"url": with_user(receiver.url)})
    assert made["url"] == receiver.url
    app = grapnel.application("app")
    grapnel.endpoint(app, "http://127.0.0.1:1/")
    assert authorization(receiver.wait()[0]) == BASIC
    assert_secret(grapnel, endpoint_id=made["id"])


def test_endpoints_of_sources_keep_credentials_secret_and_a_public_url_has_none(grapnel, receiver):
    source = make_source(grapnel)
    status, endpoint = ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": with_user(receiver.url)})
    assert status == 201 and endpoint["url"] == receiver.url
    status, refused = ingest(grapnel, "POST", "/source", {"name": "in", "type": "github",
                                                          "settings": {"publicUrl": with_user("https://hooks.example")}})
    assert status == 422 and refused["detail"][0]["loc"] == ["body", "settings", "publicUrl"]
    assert not any(form in json.dumps(refused).encode() for form in FORMS)
    assert grapnel.raw("POST", door(source), b'{"n":1}', github_headers(b'{"n":1}')).status == 200
    assert authorization(receiver.wait()[0]) == BASIC
    assert_secret(grapnel, source_id=source["id"], endpoint_id=endpoint["id"])


def test_a_handshake_asks_with_the_credentials_and_its_proof_outlives_them(grapnel, make_receiver):
    asked = Asked(lambda handler, query: say(handler, WebHook_Allowed_Origin="*"))
    app = grapnel.application("app")
    made = grapnel.ok("POST", f"/app/{app}/endpoint", {"url": with_user(asked.url), "handshake": {"kind": "cloudevents"}})
    assert made["handshake"]["verified"] and not made["disabled"]
    assert {r[2].get("authorization") for r in asked.received} == {BASIC}
    grapnel.publish(app)
    wait_until(asked.deliveries, "a delivery")
    assert asked.deliveries()[0][2].get("authorization") == BASIC
    assert_secret(grapnel, app_id=app, endpoint_id=made["id"])
    asked.close()


def test_webfilters_keep_credentials_secret(grapnel, make_receiver):
    receiver = make_receiver((200, {"content-type": "application/json"}, b'{"data":{"a":2}}'))
    app = grapnel.application("site")
    made = grapnel.ok("POST", f"/app/{app}/filter", {"event": "Login", "url": with_user(receiver.url)})
    assert made["url"] == receiver.url
    path = f"/app/{app}/filter/{made['id']}"
    assert grapnel.ok("PATCH", path, {"url": receiver.url, "order": 2})["url"] == receiver.url
    run = grapnel.ok("POST", f"/app/{app}/filter-chain/Login", {"data": {"a": 1}})
    assert run["data"] == {"a": 2} and authorization(receiver.wait()[0]) == BASIC
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Login", {"keep": "all"})
    grapnel.ok("POST", f"/app/{app}/filter-chain/Login", {"data": {"a": 1}})
    kept = wait_until(lambda: [r for r in grapnel.ok("GET", f"/app/{app}/filter-run")["data"] if r["hasData"]], "a kept run")[0]
    elsewhere = make_receiver((200, {}, b"{}"))
    grapnel.ok("POST", f"/app/{app}/filter-run/{kept['id']}/replay", {"url": elsewhere.url})
    assert authorization(elsewhere.wait()[0]) is None
    refused = grapnel.call("PATCH", path, {"redirectOn4xx": with_user("https://login.example/")})
    assert refused.status == 422 and refused.body["detail"][0]["loc"] == ["body", "redirectOn4xx"]
    assert_secret(grapnel, app_id=app, filter_id=made["id"], event="Login", run_id=kept["id"])
    grapnel.ok("PATCH", path, {"url": receiver.url.replace("://", "://@")})
    grapnel.ok("POST", f"/app/{app}/filter-chain/Login", {"data": {"a": 3}})
    assert authorization(receiver.wait(3)[2]) is None


def test_webhooks_of_ckan_keep_credentials_secret(make_grapnel, site, receiver):  # noqa: F811
    grapnel = make_grapnel().serve("ckan.enabled=true", f"ckan.site_url={site.url}", "ckan.token=cred-us", "log.level=debug",
                                   "debug.enabled=true", "debug.token=look-at-everything")
    status, made = action(grapnel, "webhook_create", {"topic": "dataset/create", "address": " " + with_user(receiver.url)},
                          "cred-editor")
    assert status == 200, made
    status, shown = action(grapnel, "webhook_show", {"id": made["result"]}, "cred-editor")
    assert shown["result"]["address"] == receiver.url
    action(grapnel, "webhook_event", {"topic": "dataset/create", "entity": {
        "id": "id-ds", "name": "ds", "private": False, "state": "active", "owner_org": "org-0001"}}, f"Bearer {grapnel.token}")
    got = receiver.wait()[0]
    assert authorization(got) == BASIC and json.loads(got.body)["address"] == receiver.url
    assert_secret(grapnel, app_id="ckan", endpoint_id=made["result"])


def test_credentials_in_options_are_not_shown_and_an_address_that_is_told_has_none(make_grapnel, tmp_path):
    grapnel = make_grapnel().serve("fetch.client=curl", f"fetch.proxy=http://boat:{CANARY}@127.0.0.1:1", "debug.enabled=true",
                                   "debug.token=look-at-everything")
    page = grapnel.raw("GET", "/debug/conf", headers={"authorization": "Bearer look-at-everything"}).body
    assert b"fetch.proxy = http://127.0.0.1:1" in page and not any(form in page for form in FORMS)
    grapnel.stop()
    other = make_grapnel().spawn(f"server.public_url=https://boat:{CANARY}@hooks.example")
    assert other.child.wait(60) == 2
    assert "server.public_url" in other.log() and CANARY not in other.log()


def test_a_command_names_a_url_without_its_credentials(make_grapnel, tmp_path):
    grapnel = make_grapnel()
    done = grapnel.run("import", "gaia", f"--etcd=http://boat:{CANARY}@127.0.0.1:1", "--url=http://127.0.0.1:1", "--token=t")
    assert done.returncode != 0 and "http://127.0.0.1:1" in done.stderr
    assert CANARY not in done.stderr + done.stdout


def put_in_clear(grapnel, statements):
    """As builds before did: `statements` with their parameters, on the database of a server that is stopped."""
    db = sqlite3.connect(grapnel.store / "config.db")
    for sql, parameters in statements:
        db.execute(sql, parameters)
        db.commit()
    db.execute("DELETE FROM setting WHERE name = 'credentials of URLs'")
    db.commit()
    db.close()


def test_what_older_versions_kept_in_clear_is_sealed_at_the_next_start(grapnel, make_receiver):
    asked = Asked(lambda handler, query: say(handler, WebHook_Allowed_Origin="*"))
    processor = make_receiver((200, {"content-type": "application/json"}, b"{}"))
    app = grapnel.application("app")
    endpoint = grapnel.ok("POST", f"/app/{app}/endpoint", {"url": asked.url, "handshake": {"kind": "cloudevents"}})["id"]
    gone = grapnel.endpoint(app, "http://127.0.0.1:1/gone")
    grapnel.ok("POST", f"/app/{app}/filter", {"event": "Login", "url": processor.url})
    source = make_source(grapnel, settings={"publicUrl": "https://hooks.example"})
    grapnel.call("POST", f"/app/{app}/endpoint", {"url": "http://127.0.0.1:1/answered"}, {"idempotency-key": "once"})
    grapnel.call("DELETE", f"/app/{app}/endpoint/{gone}")
    grapnel.stop()
    put_in_clear(grapnel, [
        ("UPDATE endpoint SET url = ? WHERE id = ?", (with_user("http://127.0.0.1:1/before" + "x" * 3000), gone)),
        ("UPDATE endpoint SET url = replace(url, '://', ?)", (f"://boat:{CANARY}@",)),
        ("UPDATE filter SET url = replace(url, '://', ?)", (f"://boat:{CANARY}@",)),
        ("UPDATE source SET config = replace(config, '://', ?)", (f"://boat:{CANARY}@",)),
        ("UPDATE answer SET body = CAST(replace(CAST(body AS TEXT), '://', ?) AS BLOB)", (f"://boat:{CANARY}@",)),
    ])
    with pytest.raises(AssertionError):
        assert_not_on_disk(grapnel)
    grapnel.serve(*grapnel.flags)
    grapnel.wait_log("server.urls_sealed")
    assert_secret(grapnel, app_id=app, endpoint_id=endpoint, source_id=source["id"])
    assert ingest(grapnel, "GET", f"/source/{source['id']}")[1]["settings"] == {"publicUrl": "https://hooks.example"}
    shown = grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}")
    assert shown["url"] == asked.url
    again = grapnel.call("POST", f"/app/{app}/endpoint", {"url": "http://127.0.0.1:1/answered"}, {"idempotency-key": "once"})
    assert again.body["url"] == "http://127.0.0.1:1/answered"
    grapnel.publish(app)
    grapnel.ok("POST", f"/app/{app}/filter-chain/Login", {"data": {}})
    assert authorization(processor.wait()[0]) == BASIC
    grapnel.restart()
    assert "server.urls_sealed" not in grapnel.log()


def test_a_handshake_that_older_versions_passed_with_credentials_stands(grapnel):
    asked = Asked(lambda handler, query: say(handler, WebHook_Allowed_Origin="*"))
    app = grapnel.application("app")
    endpoint = grapnel.ok("POST", f"/app/{app}/endpoint", {"url": asked.url, "handshake": {"kind": "cloudevents"}})["id"]
    grapnel.stop()

    def sha256(text):
        return conftest.hashlib.sha256(text).digest()
    proof = sha256(sha256(b"cloudevents") + sha256(with_user(asked.url).encode())).hex()
    put_in_clear(grapnel, [
        ("UPDATE endpoint SET url = ?, options = json_set(options, '$.handshake.proof', ?)", (with_user(asked.url), proof))])
    grapnel.serve(*grapnel.flags)
    assert grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}")["handshake"]["verified"]
    grapnel.publish(app)
    wait_until(asked.deliveries, "a delivery")
    assert asked.deliveries()[0][2].get("authorization") == BASIC
    assert_not_on_disk(grapnel)
    asked.close()
