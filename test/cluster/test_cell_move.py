# SPDX-License-Identifier: Apache-2.0
"""Moving an organisation between two cells: two databases, a node at work in each."""
import json
import subprocess
import threading
import time
import urllib.parse
import uuid

import pytest

from cluster import QUICK, Receiver, url_of, wait_until


class Cells:
    """Two cells and an organisation that lives in the first."""

    def __init__(self, databases, nodes, receiver):
        self.databases, self.nodes, self.receiver = databases, nodes, receiver

    def start(self):
        for number, node in enumerate(self.nodes):
            other = 1 - number
            node.env["GRAPNEL_CELL_NAME"] = f"cell{number}"
            node.env["GRAPNEL_CELL_NUMBER"] = str(number)
            node.env["GRAPNEL_CELL_OTHERS"] = f"cell{other}={url_of(self.databases[other].port)}"
            node.serve(*QUICK)
        made = self.nodes[0].ok("POST", "/tenant", {"name": "moving"})
        self.org = made["id"]
        self.token = self.nodes[0].ok("POST", f"/tenant/{self.org}/token", {"name": "theirs", "role": "owner"})["token"]
        return self

    def call(self, cell, method, path, body=None, headers=None):
        return self.nodes[cell].call(method, path, body, headers, token=self.token)

    def ok(self, cell, method, path, body=None, headers=None):
        answer = self.call(cell, method, path, body, headers)
        assert 200 <= answer.status < 300, (method, path, answer.status, answer.body)
        return answer.body

    def application(self, url, **more):
        app = self.ok(0, "POST", "/app", {"name": "theirs"})["id"]
        return app, self.ok(0, "POST", f"/app/{app}/endpoint", {"url": url, **more})["id"]

    def publish(self, cell, app, number, key=None):
        return self.ok(cell, "POST", f"/app/{app}/msg", {"eventType": "test.event", "payload": {"n": number}},
                       {"idempotency-key": key or str(uuid.uuid4())})["id"]

    def command(self, *arguments, cell=0):
        return self.nodes[cell].run("cell", "move", *arguments, f"--store.dir={self.nodes[cell].store}")

    def ask(self, to=1):
        """Asks for the move, and does not wait for it."""
        node = self.nodes[1 - to]
        return subprocess.Popen([*self.program(node), "cell", "move", self.org, f"--to=cell{to}", f"--store.dir={node.store}"],
                                env=node.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @staticmethod
    def program(node):
        from cluster import SUPPORT
        return [SUPPORT.binary()]

    def move(self, to=1):
        done = self.command(self.org, f"--to=cell{to}", cell=1 - to)
        assert done.returncode == 0, done.stdout + done.stderr + self.nodes[0].log()[-3000:] + self.nodes[1].log()[-3000:]
        return done.stdout

    def moving(self, cell):
        return self.databases[cell].ask(f"SELECT moving FROM organisation WHERE id = '{self.org}'")

    def served(self):
        """In which cells it is."""
        return [cell for cell in (0, 1)
                if self.databases[cell].ask(f"SELECT count(*) FROM organisation WHERE id = '{self.org}' AND moving = ''") == "1"]

    def history(self, cell, app, endpoint):
        """All that the API says of what was."""
        out = {}
        for name, path in (("messages", f"/app/{app}/msg"), ("attempts", f"/app/{app}/attempt/endpoint/{endpoint}"),
                           ("applications", "/app"), ("endpoints", f"/app/{app}/endpoint"), ("types", "/event-type"),
                           ("tokens", "/token"), ("views", "/view")):
            rows, iterator = [], None
            while True:
                page = self.call(cell, "GET", f"{path}?limit=100" + (f"&iterator={iterator}" if iterator else ""))
                if page.status != 200:
                    rows.append(page.status)
                    break
                rows += page.body["data"]
                iterator = page.body.get("iterator")
                if page.body.get("done", True) or not iterator:
                    break
            out[name] = rows
        return out


@pytest.fixture
def cells(make_postgres, make_node, receiver):
    databases = [make_postgres(), make_postgres()]
    return Cells(databases, [make_node(database.port) for database in databases], receiver).start()


class Publisher:
    """Publishes to whichever cell takes it, with a key that stays the same until it is taken."""

    def __init__(self, cells, app):
        self.cells, self.app, self.accepted, self.refused, self.ended = cells, app, {}, set(), threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def once(self, number, key):
        for cell in (0, 1):
            try:
                answer = self.cells.call(cell, "POST", f"/app/{self.app}/msg",
                                         {"eventType": "test.event", "payload": {"n": number}}, {"idempotency-key": key})
            except (OSError, ValueError):
                continue
            if answer.status == 202:
                return answer.body["id"]
            self.refused.add((answer.status, (answer.body or {}).get("code")))
        return None

    def work(self):
        number = 0
        while not self.ended.is_set():
            number += 1
            key, found = str(uuid.uuid4()), None
            while found is None and not self.ended.is_set():
                found = self.once(number, key)
                if found is None:
                    time.sleep(0.02)
            if found is not None:
                self.accepted[found] = number

    def grows(self, by):
        goal = len(self.accepted) + by
        wait_until(lambda: len(self.accepted) >= goal, f"{by} more messages to be accepted", 60)

    def end(self):
        self.ended.set()
        self.thread.join()


def test_an_organisation_that_moves_loses_nothing(cells):
    app, endpoint = cells.application(cells.receiver.url)
    settled = [cells.publish(0, app, n) for n in range(-300, 0)]
    wait_until(lambda: set(settled) <= set(cells.receiver.ids()), "the first to arrive")
    wait_until(lambda: len(cells.history(0, app, endpoint)["attempts"]) >= len(settled), "their attempts")
    before = cells.history(0, app, endpoint)
    publisher = Publisher(cells, app)
    publisher.grows(50)
    cells.move()
    publisher.grows(50)
    publisher.end()
    wait_until(lambda: set(publisher.accepted) <= set(cells.receiver.ids()), "all that was accepted to arrive")
    assert len(set(publisher.accepted.values())) == len(publisher.accepted)
    assert (503, "organisation_moving") in publisher.refused
    assert cells.served() == [1] and cells.moving(0) == "gone:cell1"
    after = cells.history(1, app, endpoint)
    for name in ("applications", "endpoints", "types", "tokens", "views"):
        assert after[name] == before[name], name
    for name in ("messages", "attempts"):
        rows = {row["id"]: row for row in after[name]}
        assert all(rows.get(row["id"]) == row for row in before[name]), name
    for table in ("message", "attempt", "waiting", "endpoint", "token WHERE org > 1"):
        assert cells.databases[0].ask(f"SELECT count(*) FROM {table}") in ("0", cells.databases[0].ask(
            "SELECT count(*) FROM token WHERE org = 1")), table


def test_a_repeated_key_after_a_move_answers_the_same_message(cells):
    app, _ = cells.application(cells.receiver.url)
    key = str(uuid.uuid4())
    first = cells.publish(0, app, 1, key)
    with_event = cells.ok(0, "POST", f"/app/{app}/msg", {"eventType": "test.event", "payload": {}, "eventId": "once"})["id"]
    made = cells.call(0, "POST", "/app", {"name": "another"}, {"idempotency-key": "app-once"}).body["id"]
    cells.move()
    assert cells.publish(1, app, 1, key) == first
    again = cells.call(1, "POST", f"/app/{app}/msg", {"eventType": "test.event", "payload": {}, "eventId": "once"})
    assert again.status == 409, (again.status, again.body, with_event)
    assert cells.call(1, "POST", "/app", {"name": "another"}, {"idempotency-key": "app-once"}).body["id"] == made


def test_retries_that_wait_move_along(cells):
    failing = Receiver(500)
    try:
        app, endpoint = cells.application(failing.url)
        ids = [cells.publish(0, app, n) for n in range(5)]
        wait_until(lambda: set(ids) <= set(failing.ids()), "a first attempt of each")
        cells.move()
        cells.ok(1, "PATCH", f"/app/{app}/endpoint/{endpoint}", {"url": cells.receiver.url})
        wait_until(lambda: set(ids) <= set(cells.receiver.ids()), "the retries to come from the other cell", 60)
    finally:
        failing.close()


def test_after_a_move_it_is_served_at_the_nodes_of_both_cells(cells):
    app, endpoint = cells.application(cells.receiver.url)
    cells.move()
    assert cells.served() == [1]
    for number, cell in enumerate((0, 1, 0)):
        message = wait_until(lambda cell=cell, number=number: cells.call(
            cell, "POST", f"/app/{app}/msg", {"eventType": "test.event", "payload": {"n": number}},
            {"idempotency-key": f"after {number}"}).body.get("id"), "a message to be accepted")
        wait_until(lambda message=message: message in cells.receiver.ids(), "it to arrive")
    assert cells.ok(0, "GET", f"/app/{app}/endpoint/{endpoint}") == cells.ok(1, "GET", f"/app/{app}/endpoint/{endpoint}")


class Hidden:
    """A source and operational webhooks, whose applications nobody sees."""

    def __init__(self, cells):
        self.cells = cells
        source = self.ingest(0, "POST", "/source", {"name": "theirs", "type": "generic-webhook"})
        self.source, self.door = source["id"], source["ingestUrl"][source["ingestUrl"].index("/in/"):]
        self.ingest(0, "POST", f"/source/{self.source}/endpoint", {"url": cells.receiver.url + "/from-the-source"})
        cells.ok(0, "POST", "/operational-webhook/endpoint", {"url": cells.receiver.url + "/operational"})

    def ingest(self, cell, method, path, body=None):
        answer = self.cells.nodes[cell].raw(method, "/ingest/api/v1" + path, None if body is None else json.dumps(body),
                                            {"authorization": f"Bearer {self.cells.token}", "content-type": "application/json"})
        assert 200 <= answer.status < 300, (method, path, answer)
        return json.loads(answer.body)

    def arrived(self, path):
        return [r for r in self.cells.receiver.received if r.path == "/hook" + path]

    def use(self, cell):
        """A request to the source, and a change that operational webhooks tell of."""
        before = {path: len(self.arrived(path)) for path in ("/from-the-source", "/operational")}
        answer = self.cells.nodes[cell].raw("POST", self.door, b'{"n": 1}', {"content-type": "application/json"})
        assert 200 <= answer.status < 300, (cell, answer)
        self.cells.ok(cell, "POST", f"/app/{self.cells.ok(cell, 'POST', '/app', {'name': 'n'})['id']}/endpoint", {"url": "http://x/"})
        for path, count in before.items():
            wait_until(lambda path=path, count=count: len(self.arrived(path)) > count, f"a delivery to {path}")

    def history(self, cell):
        operational = self.cells.ok(cell, "GET", "/operational-webhook/endpoint")["data"]
        sources = [{**source, "ingestUrl": source["ingestUrl"].split("/in/")[1]} for source in self.ingest(cell, "GET", "/source")["data"]]
        return operational, sources, [self.ingest(cell, "GET", f"/source/{self.source}/{what}")["data"] for what in ("request", "endpoint")]


def test_sources_and_operational_webhooks_move_along(cells):
    cells.nodes[1].ok("POST", "/tenant", {"name": "another"})
    hidden = Hidden(cells)
    hidden.use(0)
    before = hidden.history(0)
    cells.move()
    assert hidden.history(1) == before
    for cell in (0, 1):
        hidden.use(cell)
    cells.move(to=0)
    assert len(hidden.history(0)[2][0]) == 3
    for cell in (1, 0):
        hidden.use(cell)


def test_chains_of_webfilters_are_asked_in_both_cells_after_a_move(cells):
    processor = Receiver((200, {"content-type": "application/json"}, b'{"data": {"name": "Bea"}}'))
    try:
        app = cells.ok(0, "POST", "/app", {"name": "site"})["id"]
        cells.ok(0, "POST", f"/app/{app}/filter", {"event": "Login", "url": processor.url})
        path = urllib.parse.urlsplit(cells.ok(0, "POST", f"/app/{app}/filter-chain/Login/url", {})["url"]).path
        before = cells.nodes[0].raw("POST", path, b'{"name": "Ann"}', {"content-type": "application/json"})
        assert before.status == 200, before.body
        cells.move()
        for cell in (0, 1):
            after = cells.nodes[cell].raw("POST", path, b'{"name": "Ann"}', {"content-type": "application/json"})
            assert (after.status, after.body) == (before.status, before.body), (cell, after.body)
        wait_until(lambda: len(cells.ok(1, "GET", f"/app/{app}/filter-run")["data"]) == 3, "its runs to be listed, the one of before among them")
    finally:
        processor.close()


def test_operational_webhooks_of_others_stay(cells):
    staying = cells.nodes[0].ok("POST", "/tenant", {"name": "staying"})
    token = cells.nodes[0].ok("POST", f"/tenant/{staying['id']}/token", {"name": "theirs", "role": "owner"})["token"]
    made = cells.nodes[0].call("POST", "/operational-webhook/endpoint", {"url": cells.receiver.url + "/theirs"}, token=token)
    assert made.status == 201, made
    cells.ok(0, "POST", "/operational-webhook/endpoint", {"url": cells.receiver.url + "/operational"})
    cells.move()
    listed = cells.nodes[0].call("GET", "/operational-webhook/endpoint", token=token).body["data"]
    assert [e["id"] for e in listed] == [made.body["id"]]
    app = cells.nodes[0].call("POST", "/app", {"name": "n"}, token=token).body["id"]
    cells.nodes[0].call("POST", f"/app/{app}/endpoint", {"url": "http://x/"}, token=token)
    wait_until(lambda: [r for r in cells.receiver.received if r.path == "/hook/theirs"], "their operational webhook")


def test_a_name_that_several_organisations_have_moves_none_of_them(cells):
    cells.nodes[1].ok("POST", "/tenant", {"name": "moving"})
    done = cells.command("moving", "--to=cell1")
    assert done.returncode != 0 and "several organisations have the name" in done.stderr
    assert cells.served() == [0]
    done = cells.command("nobody", "--to=cell1")
    assert done.returncode != 0 and "no cell has an organisation" in done.stderr


def test_other_organisations_notice_nothing(cells):
    app, _ = cells.application(cells.receiver.url)
    for n in range(300):
        cells.publish(0, app, n)
    node, longest = cells.nodes[0], [0.0]
    own_app = node.application()
    statuses, ended = set(), threading.Event()

    def publish():
        while not ended.is_set():
            began = time.monotonic()
            statuses.add(node.call("POST", f"/app/{own_app}/msg", {"eventType": "test.event", "payload": {}}).status)
            longest[0] = max(longest[0], time.monotonic() - began)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        cells.move()
    finally:
        ended.set()
        thread.join()
    assert statuses == {202}
    assert longest[0] < 5, longest


def test_a_move_that_is_taken_back_leaves_everything_where_it_was(cells):
    app, _ = cells.application(cells.receiver.url)
    cells.publish(0, app, 1)
    cells.nodes[1].stop()
    command = cells.ask()
    wait_until(lambda: cells.moving(0) == "to:cell1", "it to be held")
    assert cells.call(0, "GET", "/app").status == 503
    assert cells.command(cells.org, "--cancel").returncode == 0
    assert command.wait(60) != 0
    assert cells.served() == [0]
    wait_until(lambda: cells.publish(0, app, 2) in cells.receiver.ids(), "it to go on")


STEPS = [(0, "holding"), (0, "held"), (1, "cleaning"), (1, "copying"), (1, "there"), (0, "gone"), (1, "served"), (0, "done")]


@pytest.mark.parametrize("cell, step", STEPS, ids=[step for _, step in STEPS])
def test_a_move_goes_on_after_a_kill_at_every_step(cells, cell, step):
    """Whoever would take the step hangs in its commit, and is killed there."""
    app, endpoint = cells.application(cells.receiver.url)
    ids = [cells.publish(0, app, n) for n in range(40)]
    wait_until(lambda: set(ids) <= set(cells.receiver.ids()), "them to arrive")
    wait_until(lambda: len(cells.history(0, app, endpoint)["attempts"]) >= len(ids), "their attempts")
    before = cells.history(0, app, endpoint)
    database, node = cells.databases[cell], cells.nodes[cell]
    database.ask(f"""CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        IF NEW.step = '{step}' THEN PERFORM pg_advisory_xact_lock(4711); END IF; RETURN NEW; END$$;
        CREATE TRIGGER stop_here BEFORE INSERT OR UPDATE ON cell_move FOR EACH ROW EXECUTE FUNCTION stop_here()""")
    client = database.hold("BEGIN; SELECT pg_advisory_xact_lock(4711); SELECT 1")
    command = cells.ask()
    try:
        wait_until(lambda: database.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"
                                        " AND NOT granted") == "1", f"the step {step}", 60)
        assert len(cells.served()) <= 1
        node.kill()
    finally:
        client.kill()
        client.wait()
    database.ask("DROP TRIGGER stop_here ON cell_move")
    assert len(cells.served()) <= 1
    node.serve(*QUICK)
    assert command.wait(90) == 0, command.stdout.read()
    cells.move()
    assert cells.served() == [1]
    after = cells.history(1, app, endpoint)
    assert {name: after[name] for name in before} == before
    assert json.loads(json.dumps(after)) == after
    wait_until(lambda: cells.publish(1, app, 99) in cells.receiver.ids(), "it to be served in the other cell")
