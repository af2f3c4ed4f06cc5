# SPDX-License-Identifier: Apache-2.0
"""What operators see: metrics, logs, debug pages, TLS, systemd."""
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import urllib.request

import pytest

from conftest import PATIENCE_S, binary, is_signed, wait_until
from test_receiving import door, github_headers, make_source


def test_metrics_count_what_happened(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=50ms", "deliver.jitter=0")
    app = server.application()
    server.endpoint(app, make_receiver(500, 204).url)
    server.publish(app)

    def attempts():
        rows = server.metrics()
        done = {name: value for name, value in rows.items() if "attempt" in name and value > 0}
        return rows if sum(done.values()) >= 2 else None
    rows = wait_until(attempts, "two attempts in the metrics")
    assert rows["grapnel_http_requests_total"] >= 4
    assert all(re.fullmatch(r"[a-z_:][a-z0-9_:]*(\{.*\})?", name) for name in rows)
    assert rows["process_resident_memory_bytes"] > 1 << 20


def test_log_lines_join_by_message_and_request(grapnel, make_receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, make_receiver(500, 204).url)
    message = grapnel.publish(app)
    assert endpoint in grapnel.wait_log(rf"msg={message}.*endpoint=|endpoint=.*msg={message}")


def test_json_logs_are_json(make_grapnel):
    server = make_grapnel().serve("log.format=json")
    server.stop()
    lines = [json.loads(line) for line in server.log().splitlines()]
    assert {"server.started", "server.stopping", "server.stopped"} <= {value for line in lines for value in line.values()
                                                                      if isinstance(value, str)}


def test_secrets_are_in_no_log_and_in_no_debug_page(make_grapnel, receiver):
    server = make_grapnel().serve("log.level=debug", "debug.enabled=true", "debug.token=0123456789abcdef",
                                  "server.main_secret=a-very-secret-main-secret")
    app = server.application()
    endpoint = server.endpoint(app, receiver.url)
    secret = server.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")["key"]
    server.publish(app)
    assert is_signed(receiver.wait(1)[0], secret)
    page = server.raw("GET", "/debug/conf", headers={"authorization": "Bearer 0123456789abcdef"}).body.decode()
    server.stop()
    for text in (server.log(), page):
        assert secret not in text and server.token not in text and "a-very-secret" not in text
    assert "server.main_secret = (set)" in page


@pytest.mark.parametrize("page, word", [("conf", "store.dir"), ("threads", "loop-0"), ("loops", "loop-0"),
                                        ("store", "segments="), ("lanes", "")])
def test_debug_pages_need_their_token(make_grapnel, page, word):
    server = make_grapnel().serve("debug.enabled=true", "debug.token=0123456789abcdef")
    assert server.raw("GET", f"/debug/{page}").status == 401
    assert server.raw("GET", f"/debug/{page}", headers={"authorization": "Bearer 0123456789abcdeX"}).status == 401
    seen = server.raw("GET", f"/debug/{page}", headers={"authorization": "Bearer 0123456789abcdef"})
    assert seen.status == 200 and word in seen.body.decode()


def test_the_system_is_one_answer_for_operators(make_grapnel, make_receiver):
    server = make_grapnel().serve("server.main_secret=a-very-secret-main-secret", "server.loops=2", "deliver.retry=1h")
    app = server.application()
    endpoint = server.endpoint(app, make_receiver(*[500] * 20).url)
    server.publish(app)

    def seen():
        system = server.ok("GET", "/system")
        return system if [lane["waiting"] for lane in system["delivering"]["busiest"]] == [1] else None
    system = wait_until(seen, "a delivery that waits for its next try")
    assert system["version"] and system["uptimeSeconds"] >= 0 and abs(system["clock"]["aheadMs"]) < 5000
    assert [loop["name"] for loop in system["loops"]] == ["loop-0", "loop-1"]
    lane = system["delivering"]["busiest"][0]
    assert lane["endpointId"] == endpoint and lane["failuresInRow"] == 1 and not lane["moreInStore"]
    store = system["store"]
    assert store["healthy"] and store["reason"] is None and store["freeBytes"] > store["freeMinBytes"]
    assert store["daysLeft"] is None and store["segmentCount"] == len(store["segments"]) == 1
    assert store["segments"][0]["messages"] == 1 and store["segments"][0]["until"] is None
    options = {option["name"]: option for option in system["options"]}
    assert options["server.main_secret"]["value"] == "(set)" and options["server.main_secret"]["secret"]
    assert options["server.loops"]["value"] == "2" and options["server.loops"]["source"] == "flag"
    limits = {limit["name"]: limit for limit in system["limits"]}
    assert limits["deliver.items_max"]["used"] == 1
    assert limits["deliver.items_max"]["max"] == 2 * int(options["deliver.items_max"]["value"])
    assert "a-very-secret" not in json.dumps(system) and server.token not in json.dumps(system)


def test_operators_see_whose_payloads_fill_the_disk(make_grapnel):
    server = make_grapnel().serve()
    loud, quiet = server.application("Loud"), server.application("Quiet")
    for n in range(3):
        server.publish(loud, {"n": n, "text": "x" * 1000})
    server.publish(quiet)
    tenant = server.ok("POST", "/tenant", {"name": "Other"})
    token = server.ok("POST", f"/tenant/{tenant['id']}/token", {"name": "theirs", "role": "owner"})["token"]
    theirs = server.call("POST", "/app", {"name": "Their secret plan"}, token=token).body["id"]
    message = {"eventType": "a.b", "payload": {"text": "x" * 9000}}
    assert server.call("POST", f"/app/{theirs}/msg", message, token=token).status == 202

    def seen():
        found = server.ok("GET", "/system/largest")
        return found if [row["messages"] for row in found["data"]] == [1, 3, 1] else None
    found = wait_until(seen, "the figures")
    first, second, third = found["data"]
    assert (first["id"], first["name"], first["organisation"]) == (theirs, None, "Other")  # another organisation's name stays its own
    assert (second["id"], second["name"], second["kind"]) == (loud, "Loud", "application") and third["id"] == quiet
    assert first["bytes"] > 9000 and 3000 < second["bytes"] < 4000
    assert found["bytes"] == sum(row["bytes"] for row in found["data"])
    assert server.call("GET", "/system/largest", token=token).status == 403


def test_sources_and_an_organisations_own_events_are_among_those_who_fill_the_disk(make_grapnel, make_receiver):
    server, receiver = make_grapnel().serve(), make_receiver()
    source, body = make_source(server), b'{"text":"' + b"x" * 3000 + b'"}'
    assert server.raw("POST", door(source), body, github_headers(body)).status == 200
    own = server.ok("POST", "/operational-webhook/endpoint", {"url": receiver.url})["id"]
    server.ok("POST", f"/operational-webhook/endpoint/{own}/send-example", {"eventType": "endpoint.disabled"})
    found = wait_until(lambda: (rows := server.ok("GET", "/system/largest")["data"]) and rows[1:] and rows, "both")
    assert (found[0]["kind"], found[0]["id"], found[0]["name"]) == ("source", source["id"], "github")
    assert (found[1]["kind"], found[1]["name"]) == ("operational", found[1]["organisation"]) and found[1]["id"].startswith("org_")
    assert len(found) == 2


def test_who_fills_the_disk_is_not_known_without_statistics(make_grapnel):
    server = make_grapnel().serve("stats.size_max=0")
    answer = server.call("GET", "/system/largest")
    assert answer.status == 404 and "stats.size_max" in answer.body["detail"]


def test_the_doctor_comes_to_a_running_server(grapnel):
    found = grapnel.ok("POST", "/system/doctor")
    checks = {check["name"]: check for check in found["checks"]}
    assert {"configuration", "disk space", "clock", "addresses", "main secret"} <= checks.keys()
    assert "stored data" not in checks
    assert checks["configuration"]["verdict"] == checks["addresses"]["verdict"] == "ok"
    assert found["verdict"] in ("ok", "warn", "fail")


def test_lanes_show_what_an_endpoint_is_up_to(make_grapnel, make_receiver):
    headers = {"authorization": "Bearer 0123456789abcdef"}
    server = make_grapnel().serve("debug.enabled=true", "debug.token=0123456789abcdef", "deliver.breaker_failures=2",
                                  "deliver.retry=1ms,10m", "deliver.jitter=0")
    app, held = server.application(), threading.Event()
    slow = server.endpoint(app, make_receiver(lambda handler: held.wait(PATIENCE_S)).url)
    dead = server.endpoint(app, make_receiver(500).url)
    server.publish(app)

    def health(endpoint):
        return server.ok("GET", f"/app/{app}/endpoint/{endpoint}/health")
    try:
        wait_until(lambda: health(slow)["inFlightCount"] == 1, "an attempt under way")
        seen = wait_until(lambda: health(dead)["parkedUntil"] and health(dead), "the breaker")
        assert seen["failuresInRow"] == 2 and seen["window"] >= 1 and seen["inFlightCount"] == 0
        page = server.raw("GET", "/debug/lanes", headers=headers).body.decode()
        assert re.search(rf"endpoint={slow} .*in_flight=1 ", page)
        assert re.search(rf"endpoint={dead} .*failures=2 parked_ms=[1-9]", page)
    finally:
        held.set()
    fresh = server.endpoint(app, "http://127.0.0.1:1/")
    assert health(fresh)["queuedCount"] == health(fresh)["window"] == 0 and health(fresh)["parkedUntil"] is None


def test_a_parked_endpoint_that_is_deleted_or_stopped_with_the_server_is_not_said_to_be_open_again(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.breaker_failures=2", "deliver.retry=1ms,10m", "deliver.jitter=0")
    app = server.application()
    deleted, kept = (server.endpoint(app, make_receiver(500).url) for _ in range(2))
    server.publish(app)
    for endpoint in (deleted, kept):
        wait_until(lambda e=endpoint: re.search(rf"event=deliver.lane_parked endpoint={e} ", server.log()), "the breaker")
    server.ok("DELETE", f"/app/{app}/endpoint/{deleted}")
    assert server.stop() == 0
    assert "lane_reopened" not in server.log()


def test_debug_pages_are_not_there_unless_enabled(grapnel):
    assert grapnel.raw("GET", "/debug/conf").status == 404


def make_certificate(folder):
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def certificate(tmp_path):
    return make_certificate(tmp_path)


def test_a_tls_listener_serves_and_refuses_old_versions(make_grapnel, certificate):
    cert, key = certificate
    server = make_grapnel().serve(f"server.tls_cert={cert}", f"server.tls_key={key}")
    trust = ssl.create_default_context(cafile=cert)
    answer = urllib.request.urlopen(f"https://127.0.0.1:{server.port}/metrics", timeout=PATIENCE_S, context=trust)
    assert answer.status == 200
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S))


def test_a_renewed_certificate_is_taken_on_sighup_and_a_bad_one_is_not(make_grapnel, certificate, tmp_path):
    cert, key = certificate
    server = make_grapnel().serve(f"server.tls_cert={cert}", f"server.tls_key={key}")

    def served():
        return ssl.get_server_certificate(("127.0.0.1", server.port), timeout=PATIENCE_S)
    old = cert.read_text()
    before = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=PATIENCE_S,
                                         context=ssl.create_default_context(cafile=cert))
    before.request("GET", "/metrics")
    assert before.getresponse().read() and served() == old
    make_certificate(tmp_path)
    assert cert.read_text() != old
    server.child.send_signal(signal.SIGHUP)
    wait_until(lambda: served() == cert.read_text(), "the new certificate")
    before.request("GET", "/metrics")
    assert before.getresponse().read(), "a connection that is open goes on"
    good = cert.read_text()
    key.write_text("this is no key")
    server.child.send_signal(signal.SIGHUP)
    assert str(key) in server.wait_log("event=server.certificate_kept")
    server.wait_log("event=server.reloaded")
    assert served() == good
    before.close()


def test_a_receiver_with_a_certificate_from_a_given_authority_is_delivered_to(make_grapnel, make_receiver, certificate):
    cert, key = certificate
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    receiver = make_receiver(tls=tls)
    trusting = make_grapnel().serve(f"fetch.ca_file={cert}")
    app = trusting.application()
    trusting.endpoint(app, receiver.url)
    trusting.publish(app)
    receiver.wait(1)
    doubting = make_grapnel().serve()
    app = doubting.application()
    doubting.endpoint(app, receiver.url)
    message = doubting.publish(app)
    wait_until(lambda: doubting.attempts(app, message), "the failed attempt")
    assert len(receiver.received) == 1


def test_systemd_is_told_when_ready_and_when_stopping(make_grapnel, tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(PATIENCE_S)
        server = make_grapnel(env={"NOTIFY_SOCKET": os.fspath(path)})
        server.serve()
        told = [notify.recv(100)]
        server.stop()
        while told[-1] != b"STOPPING=1":
            told.append(notify.recv(100))
        assert told[0] == b"READY=1"


def test_a_local_receiver_shows_and_verifies_deliveries(make_grapnel):
    server = make_grapnel().serve()
    app = server.application()
    secret = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
    with open(server.folder / "listen.log", "wb") as out:
        listener = subprocess.Popen([binary(), "listen", f"--secret={secret}", "--count=1"], stdout=out)
    try:
        text = server.folder / "listen.log"
        line = wait_until(lambda: re.search(r"http://\S+", text.read_text()), "the receiver's address")
        server.endpoint(app, line[0] + "/hook", secret=secret)
        message = server.publish(app, {"hello": "world"})
        assert listener.wait(PATIENCE_S) == 0
        assert re.search(rf"{message}  verified  .*hello", text.read_text())
    finally:
        listener.kill()
