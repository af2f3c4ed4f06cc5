# SPDX-License-Identifier: Apache-2.0
"""The Gaia webhook service's APIs, driven by a Node client, with a stand-in tenant service and a real RabbitMQ;
and the import from a real etcd."""
import concurrent.futures
import http.server
import gzip
import json
import pathlib
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

import conftest
import rabbit
from conftest import SLOWER, foreign_port, wait_until

pytestmark = pytest.mark.skipif(not rabbit.is_installed(), reason="rabbitmq-server is not installed")

HERE = pathlib.Path(__file__).parent
EXCHANGE = "events-to-enrich"


class Sts:
    """Checks tokens as the tenant service does, and counts."""

    tenants = {"seven": {"tenantId": 7}, "seven-too": {"tenantId": 7}, "eight": {"tenantId": 8}, "words": {"tenantId": "7"}}

    def __init__(self):
        sts = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 (the base class's name)
                url = urllib.parse.urlsplit(self.path)
                token = urllib.parse.parse_qs(url.query)["token"][0]
                sts.asked.append((url.path, self.headers["accept"], token))
                found = sts.tenants.get(token)
                body = json.dumps(found or {"error": "invalid_token"}).encode()
                self.send_response(200 if found else 400)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def sts():
    made = Sts()
    yield made
    made.close()


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    node = rabbit.Rabbit(tmp_path_factory.mktemp("rabbit") / "node").start()
    yield node
    node.close()


def flags(sts, broker, *more):
    return ["gaia.enabled=true", f"gaia.auth_server={sts.address}", f"gaia.amqp_url={broker.url}", "deliver.jitter=0",
            "deliver.retry=" + ",".join(["200ms"] * 5 + ["1s"] * 27), "deliver.breaker_time=100ms",
            "deliver.breaker_time_max=300ms", *more]


def make_hook(server, token="seven", **body):
    answer = server.raw("POST", "/wh/config", json.dumps({"datasource": "jira", "event": "made", **body}),
                        {"authorization": f"Bearer {token}", "x-orig-server": "h", "content-type": "application/json"})
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_an_operator_sees_all_tenants_webhooks_and_no_credential(make_grapnel, sts, broker):
    server = make_grapnel().serve(*flags(sts, broker))
    hook = make_hook(server, tsField="time")
    shown = server.ok("GET", "/gaia/webhook")
    assert [(r["tenant"], r["datasource"], r["event"], r["tsField"], r["routingKey"], r["disabled"]) for r in shown["data"]] == [
        (7, "jira", "made", "time", "event.7.jira.made", False)]
    assert hook["token"] not in json.dumps(shown) and hook["apiToken"] not in json.dumps(shown)
    assert server.ok("GET", "/gaia/webhook?tenant=8")["data"] == []


def test_an_operator_makes_changes_shows_and_deletes_a_tenants_webhook(make_grapnel, sts, broker):
    server = make_grapnel().serve(*flags(sts, broker))
    body = {"tenant": 7, "datasource": "github", "event": "push", "host": "webhook.h.example"}
    refused = server.call("POST", "/gaia/webhook", body)
    assert refused.status == 422 and refused.body["detail"][0]["loc"] == ["body", "apiToken"]
    assert server.call("POST", "/gaia/webhook", {**body, "apiToken": "seven", "host": "a/b"}).status == 422
    made = server.call("POST", "/gaia/webhook", {**body, "apiToken": "seven"})
    assert (made.status, made.body["routingKey"], made.body["tsField"]) == (201, "event.7.github.push", None)
    changed = server.call("POST", "/gaia/webhook", {**body, "tsField": "at"})
    assert (changed.status, changed.body["tsField"], changed.body["applicationId"]) == (200, "at", made.body["applicationId"])
    url = server.ok("GET", f"/gaia/webhook/{made.body['applicationId']}/url")["url"]
    assert url.startswith("https://webhook.h.example/wh/seven/")
    path = url.removeprefix("https://webhook.h.example")
    assert server.raw("POST", path, b"{}", {"content-type": "application/json"}).status == 204
    assert [hook["token"] for hook in json.loads(server.raw("GET", "/wh/config", headers={"authorization": "Bearer seven"}).body)] == [path.split("/")[-1]]
    server.ok("DELETE", f"/gaia/webhook/{made.body['applicationId']}")
    assert server.raw("POST", path, b"{}", {"content-type": "application/json"}).status == 400
    assert server.ok("GET", "/gaia/webhook")["data"] == []


def push(server, hook, body=b"{}"):
    return server.raw("POST", f"/wh/{hook['apiToken']}/{hook['token']}", body, {"content-type": "application/json"})


def test_every_status_and_body_of_the_contract(make_grapnel, sts, broker):
    server = make_grapnel().serve(*flags(sts, broker))
    broker.queue("enrich", EXCHANGE, key="event.7.github.*")
    run = subprocess.run(["node", HERE / "js" / "gaia_client.cjs"], capture_output=True, text=True, check=False,
                         timeout=60 * SLOWER, env={**server.env, "GRAPNEL_PORT": str(server.port)})
    assert run.returncode == 0, run.stderr
    hook = json.loads(run.stdout)
    got = broker.collect("enrich", lambda m: len(m) == 2, "both events")
    for key, properties, body in got:
        assert key == "event.7.github.push"
        assert body == b'{"commits":  [{"timestamp": "2016-11-02T12:20:30+02:00"}], "n": 1.50}\n'
        assert properties.headers == {"tsField": "commits[0].timestamp"} and properties.delivery_mode == 2
    assert {a[:2] for a in sts.asked} == {("/sts/oauth/check_token", "application/json")}
    assert len(sts.asked) == len({a[2] for a in sts.asked}), "each token was asked for once"
    # It is an ordinary application with ordinary messages, which show the event's own time.
    messages = server.ok("GET", f"/app/gaia-{hook['token']}/msg")["data"]
    assert [m["tags"] for m in messages] == [["event-time/20161102T102030Z"]] * 2
    assert messages[0]["eventType"] == "github.push"
    shown = json.dumps(server.ok("GET", f"/app/gaia-{hook['token']}/endpoint")["data"])
    assert "seven" not in shown and "guest" not in shown


def test_an_event_is_answered_when_it_is_durable_and_survives_a_dead_broker(make_grapnel, sts, broker):
    server = make_grapnel().serve(*flags(sts, broker))
    hook = make_hook(server)
    broker.queue("later", EXCHANGE, key="event.7.jira.made")
    broker.kill()
    for n in range(20):
        assert push(server, hook, json.dumps({"n": n}).encode()).status == 204
    server.kill()
    broker.start()
    server.serve(*server.flags)
    got = broker.collect("later", lambda m: len({b for _, _, b in m}) == 20, "all of them", 60 * SLOWER)
    assert {json.loads(body)["n"] for _, _, body in got} == set(range(20))
    assert all(properties.headers == {} for _, properties, _ in got), "no tsField, an empty table"


def test_answering_after_the_broker(make_grapnel, sts, broker):
    server = make_grapnel().serve(*flags(sts, broker, "gaia.answer_after=broker"))
    hook = make_hook(server)
    broker.queue("now", EXCHANGE, key="event.7.jira.made")
    assert push(server, hook, b'{"n":1}').status == 204
    assert [body for _, _, body in broker.drain("now")] == [b'{"n":1}'], "it is there when the answer is"
    broker.kill()
    try:
        answer = push(server, hook, b'{"n":2}')
        assert answer.status == 500
        assert json.loads(answer.body) == {"status": "error", "msg": "Data push for event enricher failure"}
        rows = server.metrics()
        assert rows["grapnel_messages_accepted_total"] == 2, "it is kept, whatever was answered"
        assert sum(value for name, value in rows.items() if name.startswith("grapnel_messages_refused")) == 0
        wrong = {**hook, "apiToken": "wrong"}
        assert push(server, wrong).status == 400
        assert server.metrics()['grapnel_messages_refused_total{reason="unauthorized"}'] == 1
    finally:
        broker.start()
    broker.collect("now", lambda m: b'{"n":2}' in [b for _, _, b in m], "the retried one", 60 * SLOWER)


def test_no_answer_of_the_broker_in_ten_seconds_is_a_500(make_grapnel, sts, broker):
    server = make_grapnel().serve(*flags(sts, broker, "gaia.answer_after=broker", "deliver.timeout=30s"))
    hook = make_hook(server)
    assert push(server, hook).status == 204
    broker.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        start = time.monotonic()
        answer = push(server, hook)
        assert answer.status == 500 and 9 < time.monotonic() - start < 14 + conftest.LATE_MS / 1000
    finally:
        broker.ctl("set_vm_memory_high_watermark", "0.9")


@pytest.fixture
def etcd(tmp_path):
    if shutil.which("etcd") is None:
        pytest.skip("etcd-server is not installed")
    port, peer = foreign_port(), foreign_port()
    url = f"http://127.0.0.1:{port}"
    with open(tmp_path / "etcd.log", "wb") as log:
        child = subprocess.Popen(["etcd", "--enable-v2", "--data-dir", tmp_path / "etcd", "--listen-client-urls", url,
                                  "--advertise-client-urls", url, "--listen-peer-urls", f"http://127.0.0.1:{peer}"],
                                 stdout=log, stderr=log)

    def put(key, value):
        body = urllib.parse.urlencode({"value": value}).encode()
        request = urllib.request.Request(f"{url}/v2/keys/{key}", body, method="PUT")
        urllib.request.urlopen(request, timeout=10).read()

    def is_up():
        try:
            return bool(put("up", "1") or True)
        except OSError:
            time.sleep(0.05)
            return False
    wait_until(is_up, "etcd", 30 * SLOWER)
    put.url = url
    yield put
    child.kill()
    child.wait()


def test_an_installation_moves_with_every_url_valid(make_grapnel, sts, broker, etcd):
    server = make_grapnel().serve(*flags(sts, broker))
    old = {}
    for n in range(150):
        token = f"{n:040x}"
        old[token] = {"datasource": f"d{n}", "eventType": "push", "createdAt": 1478000000000 + n, "apiToken": "seven",
                      "tenantId": 7, "token": token, "hookUrl": f"https://webhook.x.com/wh/seven/{token}"}
        if n % 2:
            old[token]["tsField"] = "at"
        etcd(f"webhooks/{token}", json.dumps(old[token]))
    etcd("webhooks/broken", "no JSON")
    etcd("webhooks/partial", json.dumps({"token": "partial", "tenantId": 7}))

    def run(*more):
        return server.run("import", "gaia", f"--url={server.url}", f"--token={server.token}", f"--etcd={etcd.url}", *more)
    dry = run("--dry-run")
    assert "would be: 150 made, 0 changed, 0 as they were, 2 left out" in dry.stdout, dry.stderr
    assert push(server, old[f"{3:040x}"]).status == 400
    first = run()
    assert "150 made, 0 changed, 0 as they were, 2 left out" in first.stdout, first.stderr
    assert first.returncode == 1 and "broken" in first.stderr and "partial: left out: datasource" in first.stderr
    assert "0 made, 0 changed, 150 as they were, 2 left out" in run().stdout

    broker.queue("moved", EXCHANGE, key="event.7.d3.push")
    for token in list(old)[::10] + [f"{3:040x}"]:
        assert server.raw("HEAD", f"/wh/seven/{token}").status == 200
        assert push(server, old[token], b'{"at": 1}').status == 204
    (_, properties, _), = broker.collect("moved", lambda m: len(m) == 1, "the event of d3")
    assert properties.headers == {"tsField": "at"}
    listed = json.loads(server.raw("GET", "/wh/config", headers={"authorization": "Bearer seven"}).body)
    assert [{k: v for k, v in hook.items() if k != "event"} for hook in listed] == list(old.values())


def test_a_dry_run_says_what_the_run_does_and_every_url_stays_valid(make_grapnel, sts, broker, etcd):
    """Two webhooks of a tenant for one event, as the old service could come to have; a record with another's token; one that cannot be."""
    server = make_grapnel().serve(*flags(sts, broker))
    record = {"datasource": "jira", "eventType": "made", "createdAt": 1, "apiToken": "seven", "tenantId": 7}
    for token, more in (("first", {}), ("second", {"apiToken": "seven-too"}), ("third", {"token": "first", "tsField": "at"}), ("long", {"eventType": "e" * 101}),
                        ("slash", {"apiToken": "a/b"})):
        etcd(f"webhooks/{token}", json.dumps({**record, "token": token, **more}))

    def run(*more):
        return server.run("import", "gaia", f"--url={server.url}", f"--token={server.token}", f"--etcd={etcd.url}", *more).stdout
    for says in ("3 made, 0 changed, 0 as they were, 2 left out", "0 made, 0 changed, 3 as they were, 2 left out"):
        assert run("--dry-run") == "would be: " + says + "\n"
        assert run() == says + "\n"
    etcd("webhooks/second", json.dumps({**record, "token": "second", "apiToken": "seven-too", "tsField": "when"}))
    says = "0 made, 1 changed, 2 as they were, 2 left out\n"
    assert (run("--dry-run"), run("--dry-run"), run()) == ("would be: " + says, "would be: " + says, says)
    for api_token, token in (("seven", "first"), ("seven-too", "second"), ("seven", "third")):
        assert server.raw("HEAD", f"/wh/{api_token}/{token}").status == 200
        assert push(server, {"apiToken": api_token, "token": token}).status == 204


def test_a_push_may_begin_with_a_mark_and_expect_nothing_and_its_message_has_headers(make_grapnel, sts, broker):
    server = make_grapnel().serve(*flags(sts, broker))
    hook = make_hook(server, event="marked")
    broker.queue("marked", EXCHANGE, key="event.7.jira.marked")
    answer = server.raw("POST", f"/wh/{hook['apiToken']}/{hook['token']}", b'\xef\xbb\xbf{"a": 1}', {"content-type": "application/json", "expect": ""})
    assert answer.status == 204
    (_, properties, body), = broker.collect("marked", lambda m: len(m) == 1, "the event")
    assert (properties.headers, body) == ({}, b'{"a": 1}')


def test_a_packed_push_arrives_unpacked_and_is_bounded(make_grapnel, sts, broker):
    server = make_grapnel().serve(*flags(sts, broker))
    hook = make_hook(server, event="packed")
    broker.queue("packed", EXCHANGE, key="event.7.jira.packed")
    def packed_push(body, encoding="gzip"):
        return server.raw("POST", f"/wh/{hook['apiToken']}/{hook['token']}", body, {"content-type": "application/json", "content-encoding": encoding}).status
    assert packed_push(gzip.compress(b'{"a": 1}')) == packed_push(gzip.compress(b'\xef\xbb\xbf{"a": 2}')) == 204
    assert packed_push(gzip.compress(b" " * (64 << 20))) == 413
    assert packed_push(b'{"a": 1}') == 400 and packed_push(b"x", "br") == 415
    messages = broker.collect("packed", lambda m: len(m) == 2, "the events")
    assert sorted(body for _, _, body in messages) == [b'{"a": 1}', b'{"a": 2}']
    config = b'\xef\xbb\xbf' + json.dumps({"datasource": "jira", "event": "two"}).encode()
    answer = server.raw("POST", "/wh/config", gzip.compress(config), {
        "authorization": "Bearer seven", "x-orig-server": "h", "content-type": "application/json", "content-encoding": "gzip"})
    assert answer.status == 200, answer.body


def silent(connection):
    connection.recv(65536)
    time.sleep(20 * SLOWER)


STS_PEERS = {
    "refusing": (None, 503), "silent": (silent, 503), "closing": (lambda c: c.recv(65536), 503),
    "babbling": (lambda c: c.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 100), 503),
    "cut_short": (lambda c: (c.recv(65536), c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"tenantId": 7}')), 503),
    "endless": (lambda c: (c.recv(65536), c.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 1_000_000)), 503),
    "failing": (lambda c: (c.recv(65536), c.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")), 503),
    "lying": (lambda c: (c.recv(65536), c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"tenantId": "7"}')), 401),
    "redirecting": (lambda c: (c.recv(65536), c.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")), 401),
}


@pytest.mark.parametrize("name", STS_PEERS)
def test_a_tenant_service_that_does_not_answer_is_a_503_and_nobody_elses_loss(make_grapnel, sts, broker, name):
    talk, status = STS_PEERS[name]
    listener = socket.create_server(("127.0.0.1", 0))
    sts.address = f"127.0.0.1:{listener.getsockname()[1]}"

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection):
        with connection:
            try:
                talk(connection)
            except OSError:
                pass
    if talk is None:
        listener.close()
    threading.Thread(target=accept, daemon=True).start()
    server = make_grapnel().serve(*flags(sts, broker))

    def ask(n):
        return server.raw("GET", "/wh/config", headers={"authorization": f"Bearer t{n}"}).status
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(ask, n) for n in range(12)]
        assert server.ok("GET", "/app")["data"] == []  # the workers are not all waiting
        assert {one.result() for one in asked} <= {status, 503} and asked[0].result() is not None
    assert ask(99) == status
    listener.close()


def test_settings_that_cannot_be_stop_the_start(make_grapnel, sts):
    server = make_grapnel().spawn("gaia.enabled=true", f"gaia.auth_server={sts.address}", "gaia.amqp_url=http://x/")
    assert server.child.wait(30 * SLOWER) == 1 and "gaia.amqp_url" in server.log()
    server = make_grapnel().spawn("gaia.enabled=true", "gaia.auth_server=")
    assert server.child.wait(30 * SLOWER) == 1 and "gaia.auth_server" in server.log()


def test_without_the_setting_there_is_no_dialect(make_grapnel):
    server = make_grapnel().serve()
    assert server.raw("GET", "/wh/config").status == 404


def test_webhooks_follow_a_changed_broker(make_grapnel, sts, broker):
    server = make_grapnel().serve(*flags(sts, broker, "gaia.amqp_url=amqp://guest:old@127.0.0.1:1/"))
    hooks = [make_hook(server, event=f"e{n}") for n in range(3)]
    assert push(server, hooks[0], b'{"before":1}').status == 204
    server.restart(*flags(sts, broker))
    broker.queue("followed", EXCHANGE, key="event.7.jira.#")
    for hook in hooks:
        assert push(server, hook, b'{"after":1}').status == 204
    got = broker.collect("followed", lambda m: sum(b"after" in body for _, _, body in m) == 3, "what came after the move")
    assert sorted(key for key, _, body in got if b"after" in body) == [f"event.7.jira.e{n}" for n in range(3)]
    shown = {server.ok("GET", f"/app/gaia-{hook['token']}/endpoint")["data"][0]["url"] for hook in hooks}
    assert shown == {server.ok("GET", f"/app/gaia-{hooks[0]['token']}/endpoint")["data"][0]["url"]}
    assert "127.0.0.1:1/" not in shown.pop()
