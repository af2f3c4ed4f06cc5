# SPDX-License-Identifier: Apache-2.0
"""The audit log: every operation that changes something leaves a row that says who did it, and no row has a secret."""
import csv
import datetime
import io
import json

from conftest import wait_until
from test_api_access import OPERATIONS, SINCE, WRITE, World, jwt, world  # noqa: F401 (a fixture)

# They hand messages in, or ask a chain for one: what flows is not audited.
FLOWS = {"v1.message.create", "v1.message.create-batch", "v1.filter-chain.run"}
# They ask, though not with GET; test_api_access.py proves that whoever may only read may call them.
ASKS = {"v1.event-type.example", "v1.environment.export", "v1.message.precheck", "v1.message.explain", "v1.bulk.count",
        "v1.filter.test", "v1.transform.test",
        "v1.ingest.source.explain", "v1.system.doctor", "v1.endpoint.trial", "v1.verify.test",
        "v1.openedx.dump.read"}
# They ask, but the answer takes a task, which is recorded.
TASKS = {"v1.statistics.aggregate-app-stats", "v1.statistics.aggregate-event-types"}
# They need something that may be over, or a code of the moment; their tables' rows are in test/store/test_audit.c.
IN_TIME = {"v1.background-task.cancel", "v1.background-task.pause", "v1.background-task.resume", "v1.background-task.rate",
           "v1.user.second-factor.confirm", "v1.issue.acknowledge", "v1.issue.mute", "v1.issue.reopen", "v1.session.end"}
# They ask another system, or need what the world does not have: a CKAN, a broker, a subscriber that answers, a filter run that was
# kept, a user's second factor. What they write is in tables that test/unit/store/test_audited.c knows, as of every route that may write.
OF_OTHERS = {"v1.ckan.site.test", "v1.preservica.subscription.handshake", "v1.gaia.webhook.put", "v1.gaia.webhook.delete",
             "v1.filter-run.replay", "v1.user.second-factor.remove", "v1.user.shared-secret.remove"}
# Sessions and what ends them: the rows are of their own kind, and tested below.
ACCOUNT = {"v1.account.set-password", "v1.account.second-factor.begin", "v1.account.second-factor.confirm", "v1.account.second-factor.remove",
           "v1.console.session.prove"}  # of a user's own session
SESSIONS = ACCOUNT | {"v1.console.session.proxy", "v1.authentication.logout", "v1.authentication.portal-session", "v1.console.session.create",
            "v1.console.session.delete"}
SPEC = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "webhooks": {"from.spec": {"post": {
    "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}}}}
BODIES = {"v1.event-type.import-openapi": {"spec": SPEC}, "v1.message.bulk-expunge-content": {"ids": ["msg_x"]}}


def rows(server, query=""):
    return server.ok("GET", "/audit?limit=250" + query)["data"]


def newest(server, query=""):
    return rows(server, query)[0]


def body_for(world, operation):  # noqa: F811
    if operation == "v1.bulk.create":
        return {"plan": world.server.ok("POST", "/bulk/count", {"action": "recover", "appId": world.app})["plan"]}
    if operation == "v1.message.bulk-expunge-content":
        return {"ids": [world.message]}
    return BODIES.get(operation, OPERATIONS[operation][2])


def walk(world):  # noqa: F811
    """What removes something last, and what others are in at the very end."""
    late = ["v1.endpoint.delete", "v1.ingest.source.delete", "v1.event-type.delete", "v1.application.delete"]
    listed = [r for r in world.routes() if r[1] != "GET"]
    return sorted(listed, key=lambda r: (r[1] == "DELETE" or "expunge" in r[0], late.index(r[0]) if r[0] in late else -1))


def test_every_operation_that_changes_something_leaves_a_row(world):  # noqa: F811
    server, refused = world.server, {}
    for operation, method, path in walk(world):
        if operation in FLOWS | ASKS | SESSIONS:
            continue
        assert OPERATIONS[operation][1] == WRITE or operation in TASKS, f"{operation}: does it change something? It is not said to"
        before = int(newest(server)["id"])
        answer = server.raw(method, path, json.dumps(body_for(world, operation)),
                            {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
        if answer.status >= 300:
            refused[operation] = answer
            continue
        left = [r for r in rows(server) if int(r["id"]) > before and r["operation"] == operation]
        assert left, f"{operation} left no row"
        for row in left:
            assert row["who"]["kind"] == "token" and row["who"]["name"] == "test", row
            assert row["peer"] == "127.0.0.1" and row["requestId"], row
            assert row["object"] is None or row["object"]["id"] or row["object"]["kind"] == "more", row
            assert row["object"] or operation in {"v1.environment.import", "v1.session.end-many"}, row
    assert set(refused) <= IN_TIME | OF_OTHERS, refused
    assert b"whsec_" not in server.raw("GET", "/api/v1/audit/export", headers={"authorization": f"Bearer {server.token}"}).body


def test_what_only_asks_leaves_none(world):  # noqa: F811
    server = world.server
    before = [r["id"] for r in rows(server)]
    for operation, method, path in world.routes():
        if operation in ASKS | FLOWS or (method == "GET" and operation != "v1.stream.get"):
            world.call(operation, method, path, server.token)
    assert [r for r in rows(server) if r["id"] not in before] == []


def test_who_disabled_an_endpoint_is_one_question(grapnel):
    app = grapnel.application("shop")
    endpoint = grapnel.endpoint(app, "http://127.0.0.1:1/a", description="orders")
    grapnel.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"disabled": True})
    row = newest(grapnel, f"&object_id={endpoint}")
    assert (row["action"], row["operation"], row["who"]["name"]) == ("changed", "v1.endpoint.patch", "test")
    assert row["object"] == {"kind": "endpoint", "id": endpoint, "name": "orders"}
    assert row["applicationId"] == app and row["applicationName"] == "shop"
    assert {"member": "disabled", "from": False, "to": True} in row["changes"]


def test_the_server_says_when_it_was_its_own_doing(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=50ms", "deliver.disable_after=1s")
    app = server.application()
    endpoint = server.endpoint(app, make_receiver(410).url)
    server.publish(app)
    row = wait_until(lambda: next((r for r in rows(server, f"&object_id={endpoint}") if r["action"] == "changed"), None),
                     "the endpoint to be disabled")
    assert row["who"] == {"kind": "server", "id": None, "name": None} and row["operation"] is None
    assert {"member": "disabledReason", "from": None, "to": "gone"} in row["changes"]


def test_secrets_are_never_in_it(grapnel):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, "http://user:hunter2@127.0.0.1:1/")
    base = f"/app/{app}/endpoint/{endpoint}"
    secret = grapnel.ok("GET", base + "/secret")["key"]
    grapnel.ok("PUT", base + "/headers", {"headers": {"authorization": "Bearer swordfish"}})
    grapnel.ok("POST", base + "/secret/rotate", {})
    changes = [c for r in rows(grapnel, f"&object_id={endpoint}") for c in r["changes"]]
    assert {"member": "secret", "to": "(set)"} in changes and {"member": "secret", "to": "(changed)"} in changes
    assert {"member": "headers", "to": "(set)"} in changes
    stored = b"".join(p.read_bytes() for p in grapnel.store.glob("config.db*"))
    for hidden in (secret.removeprefix("whsec_"), "swordfish", "hunter2"):
        assert hidden not in json.dumps(rows(grapnel)) and hidden.encode() not in stored


def test_a_repeated_request_is_recorded_once(grapnel):
    app = grapnel.application()
    receiver = f"/app/{app}/endpoint"
    endpoint = grapnel.endpoint(app, "http://127.0.0.1:1/")
    for _ in range(2):
        grapnel.ok("POST", f"{receiver}/{endpoint}/recover", {"since": SINCE}, headers={"idempotency-key": "again"})
    tasks = rows(grapnel, "&operation=v1.endpoint.recover")
    assert len(tasks) == 1 and tasks[0]["object"]["kind"] == "task" and tasks[0]["about"] == endpoint


def test_commands_logins_and_refusals_are_recorded(make_grapnel):
    server = make_grapnel().serve()
    assert server.token
    at = {"origin": server.url, "content-type": "application/json"}
    assert server.raw("POST", "/console/api/session", json.dumps({"token": "gk_" + "0" * 40}), at).status == 401
    assert server.raw("POST", "/console/api/session", json.dumps({"name": "eve", "password": "guess-it-all"}), at).status == 401
    assert server.raw("POST", "/console/api/session", json.dumps({"token": server.token}), at).status == 200
    signed, by_name, by_token = rows(server)[:3]
    assert (signed["action"], signed["who"]["kind"], signed["who"]["name"]) == ("signed-in", "session", "test")
    assert (by_name["action"], by_name["who"]["kind"]) == ("refused", "unknown")
    assert by_name["object"] == {"kind": "user", "id": None, "name": "eve"} and by_name["peer"] == "127.0.0.1"
    assert by_token["action"] == "refused" and "guess-it-all" not in json.dumps(rows(server))
    made = rows(server, "&operation=grapnel*")[0]
    assert (made["who"]["kind"], made["operation"], made["object"]["kind"]) == ("command", "grapnel token create", "token")


def test_each_organisation_sees_its_own_and_an_application_nothing(world):  # noqa: F811
    server = world.server
    stranger = server.call("POST", "/app", {"name": "theirs"}, token=world.stranger).body["id"]
    assert all(r["object"]["id"] != stranger for r in rows(server))
    theirs = server.call("GET", "/audit", token=world.stranger).body["data"]
    assert [r["object"]["id"] for r in theirs if r["object"]["kind"] == "application"] == [stranger]
    assert all(r["who"]["kind"] == "jwt" or r["object"]["kind"] == "organisation" for r in theirs)
    ours = newest(server)["id"]
    assert server.call("GET", f"/audit/{ours}").status == 200
    assert server.call("GET", f"/audit/{ours}", token=world.stranger).status == 404
    for path in ("/audit", "/audit/export", f"/audit/{ours}"):
        assert server.call("GET", path, token=world.portal(world.app)).status == 403


def test_filters_and_pages(grapnel):
    apps = [grapnel.application(f"shop {n}", uid=f"shop-{n}") for n in range(5)]
    grapnel.ok("DELETE", "/app/shop-4")
    assert [r["action"] for r in rows(grapnel, f"&object_id={apps[4]}")] == ["deleted", "created"]
    assert {r["applicationId"] for r in rows(grapnel, "&app_id=shop-1")} == {apps[1]}
    assert len(rows(grapnel, "&text=SHOP%202")) == 1 and rows(grapnel, "&text=%25") == []
    assert len(rows(grapnel, "&who=TEST&action=created")) == 5 and rows(grapnel, "&who=nobody") == []
    assert len(rows(grapnel, "&operation=v1.application.*")) == 6
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert rows(grapnel, f"&since={later}") == [] and len(rows(grapnel, f"&until={later}&who=test")) == 6
    seen, iterator = [], ""
    while True:
        page = grapnel.ok("GET", f"/audit?limit=2&who=test{iterator}")
        seen += [r["id"] for r in page["data"]]
        iterator = f"&iterator={page['iterator']}"
        if page["done"]:
            break
    assert seen == sorted(seen, key=int, reverse=True) and len(seen) == 6
    for query, word in (("action=x", "is no action"), ("iterator=x", "iterator"), ("since=x", "since"), ("who=" + "x" * 300, "who")):
        answer = grapnel.call("GET", f"/audit?{query}")
        assert answer.status == 422 and word in json.dumps(answer.body), (query, answer)
    assert grapnel.call("GET", "/audit?app_id=nowhere").status == 404


def export(server, query):
    return server.raw("GET", f"/api/v1/audit/export?{query}", headers={"authorization": f"Bearer {server.token}"})


def test_an_export_is_safe_for_spreadsheets_and_complete(grapnel):
    hostile = ["=1+1", "+1", "-1", "@x", '"a",b\r\nc', "<img src=x>"]
    for name in hostile:
        grapnel.application(name)
    answer = export(grapnel, "format=csv&operation=v1.application.create")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    names = [row["object_name"] for row in reversed(table)]
    assert names == ["'" + n if n[0] in "=+-@" else n for n in hostile]
    assert json.loads(table[0]["changes"])[0] == {"member": "name", "from": None, "to": hostile[-1]}
    lines = [json.loads(line) for line in export(grapnel, "operation=v1.application.create").body.splitlines()]
    assert [r["object"]["name"] for r in reversed(lines)] == hostile
    assert export(grapnel, "format=xls").status == 422


def test_an_export_goes_on_where_it_ended(grapnel):
    grapnel.ok("POST", "/environment/import", {"eventTypes": [{"name": f"t.{n}", "description": "", "schemas": None,
                                                              "deprecated": False} for n in range(3)]})
    for n in range(1003):
        grapnel.ok("PUT", f"/event-type/busy.{n % 3}", {"description": str(n)})
    first = export(grapnel, "text=busy.")
    rest = export(grapnel, f"text=busy.&iterator={first.headers['grapnel-iterator']}")
    assert len(first.body.splitlines()) == 1000 and len(rest.body.splitlines()) == 3
    assert rest.headers["grapnel-iterator"] is None


def test_the_command_prints_it(grapnel):
    app = grapnel.application("shop")
    endpoint = grapnel.endpoint(app, "http://127.0.0.1:1/")
    grapnel.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"disabled": True})
    at = [f"--url={grapnel.url}", f"--token={grapnel.token}"]
    shown = grapnel.run("audit", *at, f"--object={endpoint}")
    assert shown.returncode == 0, shown.stderr
    assert "v1.endpoint.patch" in shown.stdout and "disabled: false -> true" in shown.stdout
    assert [json.loads(line)["action"] for line in grapnel.run("audit", *at, "--json", f"--object={endpoint}").stdout.splitlines()] == ["changed", "created"]
    assert grapnel.run("audit", *at, "--action=x").returncode != 0


def test_jwts_that_log_out_are_recorded(make_grapnel):
    server = make_grapnel().serve("server.jwt_secret=a jwt secret of the tests")
    token = jwt({"sub": "org_" + "L" * 27})
    assert server.call("POST", "/auth/logout", token=token).status == 204
    other = jwt({"sub": "org_" + "L" * 27, "n": 1})
    assert server.call("GET", "/audit", token=other).body["data"][0]["action"] == "signed-out"
