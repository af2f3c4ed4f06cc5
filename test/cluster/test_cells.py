# SPDX-License-Identifier: Apache-2.0
"""Several databases, each with its nodes, that serve each other's organisations."""
import http.client
import json
import secrets
import signal
import string
import subprocess
import threading
import urllib.parse

import pytest
from pyPreservica.webHooksAPI import TriggerType, WebHooksAPI
from svix.api import ApplicationIn, EndpointIn, MessageGetOptions, MessageIn, Svix, SvixOptions
from svix.exceptions import HttpError

from cluster import QUICK, Receiver, url_of, wait_until
from preservica_receiver import SECRET, PreservicaReceiver

SAME_SITE = {"sec-fetch-site": "same-origin", "content-type": "application/json"}
RANGE = 1 << 40


class Cells:
    """Databases with one node each; more can be started."""

    def __init__(self, databases, ways, nodes, names):
        self.databases, self.ways, self.nodes, self.names = databases, ways, nodes, names

    def __getitem__(self, at):
        return self.nodes[at]


def settings(at, ports, names):
    others = [f"{name}={url_of(port)}" for i, (name, port) in enumerate(zip(names, ports, strict=True)) if i != at]
    return {"GRAPNEL_CELL_NAME": names[at], "GRAPNEL_CELL_NUMBER": str(at), "GRAPNEL_CELL_OTHERS": ",".join(others)}


@pytest.fixture
def make_cells(make_postgres, make_way, make_node):
    def make(count=2, *flags):
        names = [f"cell-{chr(97 + i)}" for i in range(count)]
        databases = [make_postgres() for _ in range(count)]
        ways = [make_way(database.port) for database in databases]  # to each database from everywhere
        nodes = []
        for at in range(count):
            nodes.append(make_node(ways[at].port))
            nodes[-1].env.update(settings(at, [way.port for way in ways], names))
            nodes[-1].spawn(*QUICK, *flags)
        for node in nodes:
            node.wait_log("server.started")
        cells = Cells(databases, ways, nodes, names)
        for node in nodes:
            wait_until(lambda node=node: reaches(node) == count - 1, "each cell to see the others at work")
        return cells
    return make


@pytest.fixture
def two(make_cells):
    return make_cells()


def reaches(node):
    return sum(value for name, value in node.metrics().items() if name.startswith("grapnel_cell_reachable"))


def counted(node, name):
    return node.metrics()[f"grapnel_cell_{name}_total"]


def with_token(token, **more):
    return {"authorization": f"Bearer {token}", "content-type": "application/json", **more}


def garbage():
    return "gk_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))


def source_of(node, **limits):
    answer = node.raw("POST", "/ingest/api/v1/source", json.dumps({"name": "source", "type": "generic-webhook", "settings": limits}),
                      with_token(node.token))
    assert answer.status == 201, answer.body
    made = json.loads(answer.body)
    return made["id"], "/in/" + made["ingestUrl"].rsplit("/in/", 1)[1]


# --- reaching what is elsewhere ----------------------------------------------------------------------------------


def test_a_token_works_at_every_node_of_every_cell(two, make_node, receiver):
    second = make_node(two.ways[0].port)  # stands by in the first cell
    second.env.update({name: value for name, value in two[0].env.items() if name.startswith("GRAPNEL_CELL_")})
    second.spawn(*QUICK)
    second.wait_log("link.aimed")
    tokens = [node.token for node in two.nodes]
    for token, owner in zip(tokens, two.nodes, strict=True):
        app = owner.application()
        owner.endpoint(app, receiver.url)
        for at in [*two.nodes, second]:
            assert at.call("GET", f"/app/{app}", token=token).body["id"] == app
            sent = at.call("POST", f"/app/{app}/msg", {"eventType": "test.event", "payload": {"n": 1}}, token=token)
            assert sent.status == 202, sent.body
            assert at.call("GET", f"/app/{app}/msg/{sent.body['id']}", token=token).status == 200
        apps = [at.call("GET", "/app", token=token).body for at in [*two.nodes, second]]
        assert apps[0] == apps[1] == apps[2] and [a["id"] for a in apps[0]["data"]] == [app]
    wait_until(lambda: len(set(receiver.ids())) == 6, "each message to arrive")
    assert counted(two[0], "lookups") == 1 and counted(two[1], "lookups") == 1  # the rest is remembered


def test_a_source_is_reached_through_the_other_cell(two):
    ident, path = source_of(two[1], maxBodyBytes=4 << 20)
    for body in (b'{"n":1}', b"x" * (3 << 20)):  # the second comes after its head, and is larger than the API would take
        answer = two[0].raw("POST", path, body, {"content-type": "application/octet-stream"})
        assert answer.status < 300, answer.body
    assert two[0].raw("POST", path, b"x" * (5 << 20)).status == two[1].raw("POST", path, b"x" * (5 << 20)).status == 413
    assert two[0].raw("GET", "/in/nothing-of-the-kind").status == two[1].raw("GET", "/in/nothing-of-the-kind").status == 404
    rows = json.loads(two[1].raw("GET", f"/ingest/api/v1/source/{ident}/request", None, with_token(two[1].token)).body)
    assert len(rows["data"]) == 2 and all(row["peer"] == "127.0.0.1" for row in rows["data"] if "peer" in row)


def test_a_chain_of_webfilters_is_asked_through_the_other_cell(two):
    processor = Receiver((200, {"content-type": "application/json"}, b'{"data": {"name": "Bea"}}'))
    try:
        app = two[1].application("site")
        two[1].ok("POST", f"/app/{app}/filter", {"event": "Login", "url": processor.url})
        path = urllib.parse.urlsplit(two[1].ok("POST", f"/app/{app}/filter-chain/Login/url", {})["url"]).path
        for chain, status in ((path, 200), (path[:-4] + "nope", 404)):
            here, there = [node.raw("POST", chain, b'{"name": "Ann"}', {"content-type": "application/json"}) for node in two.nodes]
            assert here.status == there.status == status and here.body == there.body, (here.body, there.body)
        assert len(processor.received) == 2
    finally:
        processor.close()


def test_preservicas_client_works_through_a_node_of_the_other_cell(make_cells, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # no credentials of anyone's
    two = make_cells(2, "preservica.enabled=true")
    receiver = PreservicaReceiver()
    try:
        for arguments, given in ((("tenant", "create", "LIB"), ""), (("user", "create", "ann", "--tenant=LIB", "--roles=manager"), "correct horse\n")):
            subprocess.run([two[1].child.args[0], *arguments, f"--store.dir={two[1].store}"], input=given, text=True, check=True,
                           env=two[1].env, capture_output=True)
        here, there = [WebHooksAPI(username="ann", password="correct horse", tenant="LIB", protocol="http", server=f"127.0.0.1:{node.port}")
                       for node in two.nodes]
        here.subscribe(receiver.url, TriggerType.MOVED, SECRET)
        assert here.subscriptions() == there.subscriptions() and receiver.url in str(there.subscriptions())
        token = subprocess.run([two[1].child.args[0], "tenant", "token", "LIB", f"--store.dir={two[1].store}"], text=True, check=True,
                               env=two[1].env, capture_output=True).stdout.strip()
        sent = two[0].call("POST", "/app/preservica/msg", {"eventType": "MOVED", "payload": {"entityRef": "e"}}, token=token)
        assert sent.status == 202, sent.body
        wait_until(lambda: receiver.worked, "its receiver to be told")
    finally:
        receiver.close()


def test_the_console_knows_users_of_every_cell_by_name(two):
    tenant = two[1].ok("POST", "/tenant", {"name": "acme"})
    assert tenant["cell"] == "cell-b" and two[0].ok("GET", "/tenant")["data"][0]["cell"] == "cell-a"
    subprocess.run([two[1].child.args[0], "user", "create", "ada", "--tenant=acme", "--roles=admin", f"--store.dir={two[1].store}"],
                   input="correct horse battery\n", text=True, check=True, env=two[1].env, capture_output=True)
    right = {"name": "ada", "tenant": "acme", "password": "correct horse battery"}
    answer = two[0].raw("POST", "/console/api/session", json.dumps(right), SAME_SITE)
    assert answer.status == 200, answer.body
    cookie = answer.headers["set-cookie"].split(";")[0]
    seen = [json.loads(node.raw("GET", "/console/api/session", None, {**SAME_SITE, "cookie": cookie}).body) for node in two.nodes]
    assert seen[0]["signedIn"] and all(s["who"]["organisationId"] == tenant["id"] and s["csrf"] == seen[0]["csrf"] for s in seen)
    asked = {**SAME_SITE, "cookie": cookie, "x-grapnel-csrf": seen[0]["csrf"]}
    assert two[0].raw("GET", "/api/v1/app", None, asked).status == 200
    for wrong in ({**right, "password": "wrong"}, {**right, "name": "eve"}):
        here, there = [node.raw("POST", "/console/api/session", json.dumps(wrong), SAME_SITE) for node in two.nodes]
        assert (here.status, here.body) == (there.status, there.body) and here.status == 401


def test_a_portal_link_and_a_live_stream_lead_to_the_cell_of_their_organisation(two):
    app = two[1].application()
    link = two[1].ok("POST", f"/auth/app-portal-access/{app}", {})
    assert two[0].call("GET", f"/app/{app}", token=link["token"]).status == 200
    connection = http.client.HTTPConnection("127.0.0.1", two[0].port, timeout=20)
    connection.request("GET", "/api/v1/stream", headers={"authorization": f"Bearer {two[1].token}"})
    answer = connection.getresponse()
    assert answer.status == 200 and answer.headers["content-type"] == "text/event-stream"
    message = two[1].publish(app)
    line = b""
    while message.encode() not in line:
        line = answer.readline()
        assert line
    answer.close()
    connection.close()


def test_the_real_sdk_works_through_a_node_of_the_other_cell(two, receiver):
    svix = Svix(two[1].token, SvixOptions(server_url=two[0].url))
    app = svix.application.create(ApplicationIn(name="through the other cell"))
    svix.endpoint.create(app.id, EndpointIn(url=receiver.url))
    sent = svix.message.create(app.id, MessageIn(event_type="user.signup", payload={"n": 1}))
    assert svix.message.get(app.id, sent.id, MessageGetOptions(with_content=True)).payload == {"n": 1}
    assert [a.id for a in svix.application.list().data] == [app.id]
    wait_until(lambda: sent.id in receiver.ids(), "the message to arrive")
    assert two[1].ok("GET", f"/app/{app.id}")["name"] == "through the other cell"
    with pytest.raises(HttpError) as refused:
        Svix(garbage(), SvixOptions(server_url=two[0].url)).application.list()
    assert refused.value.status_code == 401


# --- answers -------------------------------------------------------------------------------------------------------


def test_answers_are_the_same_in_every_cell(two):
    app = two[1].application()
    token = two[1].token
    packed = {"content-encoding": "gzip"}
    asked = [("GET", f"/api/v1/app/{app}", None, {}), ("GET", "/api/v1/app/app_3MqqXQkoMph9SSDqUXSApt89h7f", None, {}),
             ("POST", "/api/v1/app", b"{}", {}), ("POST", "/api/v1/app", b"{", {}), ("DELETE", "/api/v1/app", None, {}),
             ("GET", "/console", None, {}), ("GET", "/no/such/thing", None, {}), ("OPTIONS", "/api/v1/app", None, {}),
             ("HEAD", f"/api/v1/app/{app}", None, {}), ("GET", f"/api/v1/app/{app}/msg?limit=x%20y", None, {}),
             ("POST", f"/api/v1/app/{app}/msg", b"not gzip", packed), ("GET", "/api/v1/app", None, {"origin": "https://else.example"}),
             ("POST", f"/api/v1/app/{app}/msg", b"x" * (17 << 20), {}), ("GET", "/in/nothing", None, {})]
    assert two[0].call("GET", f"/app/{app}", token=token).status == 200  # from now on it is remembered
    for given in (token, garbage(), "no token of ours"):
        for method, path, body, more in asked:
            if given != token and body is not None:
                continue  # whether a body is read before its sender is refused depends on how it arrives
            here, there = [node.raw(method, path, body, with_token(given, **more)) for node in two.nodes]
            assert (here.status, here.body) == (there.status, there.body), f"{method} {path} {given}"
            left_out = ("date", "connection")
            lines = [sorted((k.lower(), v) for k, v in a.headers.items() if k.lower() not in left_out) for a in (here, there)]
            assert lines[0] == lines[1], f"{method} {path} {given}"


def test_the_other_cell_is_told_who_asked(two):
    two[0].raw("POST", "/api/v1/app", json.dumps({"name": "x"}),
               with_token(two[1].token, **{"x-request-id": "asked-by-me", "grapnel-origin-cell": "cell-x", "grapnel-origin-peer": "192.0.2.7"}))
    row = two[1].ok("GET", "/audit?limit=1")["data"][0]
    assert row["peer"] == "127.0.0.1" and row["requestId"] == "asked-by-me"


def test_nobody_is_passed_on_twice(two):
    """A memory that has become wrong ends in one answer, however wrong the memories of both cells are."""
    app = two[1].application()
    made = two[1].ok("POST", "/token", {"name": "short-lived"})
    assert two[0].call("GET", f"/app/{app}", token=made["token"]).status == 200
    two[1].ok("DELETE", f"/token/{made['id']}")
    before = [counted(node, "passed") for node in two.nodes]
    here, there = [node.call("GET", f"/app/{app}", token=made["token"]) for node in two.nodes]
    assert here.status == there.status == 401 and here.body == there.body
    assert counted(two[0], "passed") == before[0] + 1 and counted(two[1], "passed") == before[1]
    two[0].call("GET", f"/app/{app}", token=made["token"])
    assert counted(two[0], "passed") == before[0] + 1  # it is known to be nowhere


# --- bounds --------------------------------------------------------------------------------------------------------


def test_garbage_tokens_do_not_flood_the_other_cells(two):
    app = two[1].application()
    assert two[0].call("GET", f"/app/{app}", token=two[1].token).status == 200
    for bad in ("", "Bearer", "short", "x" * 43, "gk_" + "-" * 40, "x" * 5000):
        assert two[0].call("GET", "/app", token=bad or " ").status in (400, 401)
    assert counted(two[0], "lookups") == 1  # what cannot be a token is looked for nowhere
    same = garbage()
    for _ in range(20):
        assert two[0].call("GET", "/app", token=same).status == 401
    assert counted(two[0], "lookups") == 2
    statuses, lock = [], threading.Lock()

    def flood():
        connection = http.client.HTTPConnection("127.0.0.1", two[0].port, timeout=60)
        for _ in range(250):
            connection.request("GET", "/api/v1/app", headers=with_token(garbage()))
            answer = connection.getresponse()
            answer.read()
            with lock:
                statuses.append((answer.status, answer.headers.get("retry-after")))
        connection.close()

    threads = [threading.Thread(target=flood) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert two[0].call("GET", f"/app/{app}", token=two[1].token).status == 200
        assert two[0].ok("GET", "/app") is not None
    assert {status for status, _ in statuses} <= {401, 503} and 401 in {status for status, _ in statuses}
    assert all(later == "1" for status, later in statuses if status == 503)


def test_a_cell_that_is_away_takes_down_only_its_own_organisations(make_cells):
    cells = make_cells(3)
    apps = [node.application() for node in cells.nodes]
    for node, app in zip(cells.nodes, apps, strict=True):
        assert cells[0].call("GET", f"/app/{app}", token=node.token).status == 200
    new = cells[1].ok("POST", "/token", {"name": "not seen yet"})["token"]
    cells[2].kill()
    cells.ways[2].cut()
    wait_until(lambda: "cell.away" in cells[0].log() and "cell.away" in cells[1].log(), "both to see that it is away")
    for at in cells.nodes[:2]:
        for node, app in list(zip(cells.nodes, apps, strict=True))[:2]:
            assert at.call("GET", f"/app/{app}", token=node.token).status == 200
    assert cells[0].call("GET", f"/app/{apps[1]}", token=new).status == 200  # found although one could not be asked
    unknown = cells[0].call("GET", "/app", token=garbage())
    assert unknown.status == 503 and unknown.body["code"] == "cell_unreachable" and unknown.headers["retry-after"] == "1"
    assert cells[0].raw("POST", "/in/nobody-knows", b"{}").status == 503
    lost = cells[0].call("GET", f"/app/{apps[2]}", token=cells[2].token)
    assert lost.status == 503 and lost.headers["retry-after"] == "1"
    cells.ways[2].heal()
    cells[2].serve(*QUICK)
    wait_until(lambda: cells[0].call("GET", f"/app/{apps[2]}", token=cells[2].token).status == 200, "it to be served again")
    assert cells[0].call("GET", "/app", token=garbage()).status == 401


def test_requests_wait_while_a_node_takes_over_in_the_other_cell(two, make_node):
    app = two[1].application()
    second = make_node(two.ways[1].port)
    second.env.update({name: value for name, value in two[1].env.items() if name.startswith("GRAPNEL_CELL_")})
    second.spawn(*QUICK)
    second.wait_log("server.stands_by")
    assert two[0].call("GET", f"/app/{app}", token=two[1].token).status == 200
    two[1].child.send_signal(signal.SIGKILL)
    assert two[0].call("GET", f"/app/{app}", token=two[1].token).status == 200
    assert second.is_active()


# --- setting it up ----------------------------------------------------------------------------------------------------


def test_numbers_of_cells_do_not_meet(two):
    tables = ("organisation", "application", "token")
    two[0].application()
    two[1].application()
    for table in tables:
        numbers = [[int(n) for n in database.ask(f"SELECT num FROM {table}").split()] for database in two.databases]
        assert all(0 < n < RANGE for n in numbers[0]) and all(RANGE < n < 2 * RANGE for n in numbers[1]), table
    two[1].stop()
    two[1].serve(*QUICK)
    two[1].application("another")
    assert int(two.databases[1].ask("SELECT max(num) FROM application")) > RANGE


def refused(node, **changed):
    node.env.update(changed)
    node.spawn(*QUICK)
    assert node.child.wait(60) != 0
    return node.log()


def test_cells_that_do_not_fit_are_refused_with_the_remedy(two, make_node):
    third = make_node(two.ways[1].port)
    third.env.update({name: value for name, value in two[1].env.items() if name.startswith("GRAPNEL_CELL_")})
    two[1].stop()
    assert "stays so" in refused(third, GRAPNEL_CELL_NUMBER="5")
    assert "stays so" in refused(third, GRAPNEL_CELL_NUMBER="1", GRAPNEL_CELL_NAME="other")
    assert "set cell.name, cell.number and cell.others" in refused(third, GRAPNEL_CELL_NAME="", GRAPNEL_CELL_OTHERS="")
    third.env["GRAPNEL_CELL_NAME"] = "cell-b"
    third.env["GRAPNEL_CELL_OTHERS"] = two[1].env["GRAPNEL_CELL_OTHERS"]
    wrong = third.env["GRAPNEL_CELL_OTHERS"].replace("cell-a=", "cell-x=")
    assert "correct the name or the URL" in refused(third, GRAPNEL_CELL_OTHERS=wrong)


def test_two_cells_with_one_number_are_refused(two, make_postgres, make_node):
    database = make_postgres()
    node = make_node(database.port)
    others = f"cell-a={url_of(two.ways[0].port)},cell-b={url_of(two.ways[1].port)}"
    log = refused(node, GRAPNEL_CELL_NAME="cell-c", GRAPNEL_CELL_NUMBER="1", GRAPNEL_CELL_OTHERS=others)
    assert "give each cell a number of its own" in log


def test_cells_with_two_main_secrets_are_refused(two, make_postgres, make_node):
    database = make_postgres()
    node = make_node(database.port)
    others = f"cell-a={url_of(two.ways[0].port)},cell-b={url_of(two.ways[1].port)}"
    log = refused(node, GRAPNEL_CELL_NAME="cell-c", GRAPNEL_CELL_NUMBER="2", GRAPNEL_CELL_OTHERS=others,
                  GRAPNEL_SERVER_MAIN_SECRET="another one, of more than sixteen bytes")
    assert "the same main secret" in log


def test_a_database_that_was_in_use_is_cell_0(make_postgres, make_node):
    database = make_postgres()
    node = make_node(database.port)
    node.serve(*QUICK)
    app = node.application()
    node.stop()
    assert "set cell.number to 0" in refused(node, GRAPNEL_CELL_NAME="first", GRAPNEL_CELL_NUMBER="3")
    node.env["GRAPNEL_CELL_NUMBER"] = "0"
    node.serve(*QUICK)
    assert node.ok("GET", f"/app/{app}")["id"] == app


def test_operators_see_the_cells(two):
    listed = two[0].run("cell", "list", f"--store.dir={two[0].store}")
    assert listed.returncode == 0, listed.stderr
    first, second = listed.stdout.splitlines()
    assert first.startswith("cell-a\tthis cell\tnumber 0\t") and first.endswith("\t1 organisations")
    assert second.startswith("cell-b\tanother cell\tnumber 1\tat work at 127.0.0.1:") and second.endswith("\t1 organisations")
    system = two[0].ok("GET", "/system")
    assert system["cell"] == "cell-a" and [(c["name"], c["reach"]) for c in system["cells"]] == [("cell-b", "at work")]
    said = two[0].run("doctor", f"--store.dir={two[0].store}", "--server.listen=127.0.0.1:0").stdout
    assert "cell-b: number 1, 1 organisations, same main secret" in said
    assert url_of(two.ways[1].port) not in json.dumps(system)
    two[0].call("GET", "/app", token=two[1].token)
    assert two[0].metrics()['grapnel_cell_passed_to_total{cell="cell-b"}'] == 1
