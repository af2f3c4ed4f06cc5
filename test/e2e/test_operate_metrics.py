# SPDX-License-Identifier: Apache-2.0
"""What alarms are built from: messages accepted and refused, the disk, certificates; and the lines about what was given up."""
import hashlib
import hmac
import json
import os
import re
import signal
import ssl
import subprocess
import urllib.request

import pytest

from conftest import wait_until

ACCEPTED = "grapnel_messages_accepted_total"


def refused(server):
    """{reason: count}, without the zeros."""
    rows = {name: int(value) for name, value in server.metrics().items() if name.startswith("grapnel_messages_refused_total")}
    assert len(rows) == 8, "the reasons are few and always there"
    return {re.search('reason="(.*)"', name)[1]: value for name, value in rows.items() if value}


def test_accepted_and_refused_messages_are_counted_by_reason(make_grapnel):
    server = make_grapnel().serve("http.body_max=64KiB")
    app = server.application()
    path = f"/app/{app}/msg"
    body = {"eventType": "count.me", "payload": {}}
    key = {"idempotency-key": "one"}
    server.ok("POST", path, body, key)
    server.ok("POST", path, body, key)  # the same again is no other message
    assert server.metrics()[ACCEPTED] == 1 and refused(server) == {}
    assert server.call("POST", path, {**body, "payload": {"n": 1}}, key).status == 409
    assert server.call("POST", path, body, token="wrong").status == 401
    assert server.call("POST", "/app/nowhere/msg", body).status == 404
    assert server.call("POST", path, {"eventType": "count.me"}).status == 422
    assert server.call("POST", path, {**body, "payload": {"long": "x" * 70_000}}).status == 413
    assert server.raw("POST", "/api/v1" + path, "{", {"authorization": f"Bearer {server.token}"}).status == 422
    assert refused(server) == {"conflict": 1, "unauthorized": 1, "not_found": 1, "invalid": 2, "too_large": 1}
    assert server.metrics()[ACCEPTED] == 1
    assert server.call("GET", f"/app/{app}/msg/msg_nothing").status in (400, 404, 422)
    assert sum(refused(server).values()) == 6, "only what hands in messages counts"


@pytest.mark.parametrize("atomic, accepted, wrong", [(False, 2, 1), (True, 0, 3)])
def test_a_batch_counts_message_by_message(grapnel, atomic, accepted, wrong):
    app = grapnel.application()
    good = {"eventType": "count.me", "payload": {}}
    grapnel.call("POST", f"/app/{app}/msg/batch", {"messages": [good, {"eventType": "count.me"}, good], "atomic": atomic})
    assert grapnel.metrics()[ACCEPTED] == accepted
    assert sum(refused(grapnel).values()) == wrong
    grapnel.ok("POST", f"/app/{app}/msg/batch", {"messages": [good, good], "atomic": atomic})
    assert grapnel.metrics()[ACCEPTED] == accepted + 2


def test_a_large_batch_without_a_token_is_one_refusal(grapnel):
    app = grapnel.application()
    good = {"eventType": "count.me", "payload": {"long": "x" * 1000}}
    answer = grapnel.call("POST", f"/app/{app}/msg/batch", {"messages": [good] * 300}, token="wrong")
    assert answer.status == 401 and refused(grapnel) == {"unauthorized": 1}


def test_requests_at_sources_count_whatever_the_source_answers(grapnel, receiver):
    app = grapnel.application()
    grapnel.endpoint(app, receiver.url)
    made = grapnel.raw("POST", "/ingest/api/v1/source",
                       json.dumps({"name": "shop", "type": "github", "config": {"secret": "s3cret"},
                                   "routes": [{"appId": app}], "settings": {"reject": {"status": 200}}}),
                       {"authorization": f"Bearer {grapnel.token}", "content-type": "application/json"})
    assert made.status in (200, 201), made.body
    url = json.loads(made.body)["ingestUrl"]
    path = "/" + url.split("/", 3)[3]
    body = b'{"zen": "count"}'
    signature = "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-github-event": "push", "x-github-delivery": "1"}
    good = grapnel.raw("POST", path, body, {**headers, "x-hub-signature-256": signature})
    assert good.status < 300
    assert grapnel.metrics()[ACCEPTED] == 1, "one event, however many applications it goes to"
    grapnel.raw("POST", path, body, {**headers, "x-hub-signature-256": signature})
    assert grapnel.metrics()[ACCEPTED] == 1 and refused(grapnel) == {}, "a duplicate is neither"
    forged = grapnel.raw("POST", path, body, {**headers, "x-hub-signature-256": "sha256=" + "0" * 64})
    assert forged.status == 200
    assert grapnel.raw("POST", "/in/nowhere", body, headers).status == 404
    assert refused(grapnel) == {"unauthorized": 1, "not_found": 1}


def test_operational_webhooks_are_not_handed_in_by_anybody(grapnel, receiver):
    grapnel.ok("POST", "/operational-webhook/endpoint", {"url": receiver.url})
    app = grapnel.application()
    grapnel.endpoint(app, "http://127.0.0.1:1/")  # tells endpoint.created
    assert json.loads(receiver.wait(1)[0].body)["type"] == "endpoint.created"
    assert grapnel.metrics()[ACCEPTED] == 0
    grapnel.publish(app)
    assert grapnel.metrics()[ACCEPTED] == 1


def test_a_disk_that_is_nearly_full_shows_in_the_metrics(make_grapnel):
    server = make_grapnel().serve("store.free_min=1GiB")
    disk = os.statvfs(server.store)
    rows = server.metrics()
    assert rows["grapnel_store_free_min_bytes"] == 1 << 30
    assert abs(rows["grapnel_store_free_bytes"] - disk.f_bavail * disk.f_frsize) < 4 << 30
    app = server.application()
    server.restart("store.free_min=1TiB")
    assert server.call("POST", f"/app/{app}/msg", {"eventType": "disk.test", "payload": {}}).status == 507
    assert refused(server) == {"disk": 1} and server.metrics()[ACCEPTED] == 0
    good = {"eventType": "disk.test", "payload": {}}
    for atomic in (True, False):
        server.call("POST", f"/app/{app}/msg/batch", {"messages": [good, good], "atomic": atomic})
    assert refused(server) == {"disk": 5}, "a batch counts message by message"


def certificate(folder, name, days):
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", f"/CN={name}",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def not_after(cert):
    text = subprocess.run(["openssl", "x509", "-enddate", "-noout", "-in", cert], check=True, capture_output=True, text=True)
    return ssl.cert_time_to_seconds(text.stdout.strip().split("=", 1)[1])


def test_the_expiry_of_each_certificate_in_use_is_a_metric_and_follows_a_renewal(make_grapnel, tmp_path):
    server_cert, server_key = certificate(tmp_path, "server", 5)
    client_cert, client_key = certificate(tmp_path, "client", 6)
    authority, _ = certificate(tmp_path, "authority", 7)
    server = make_grapnel().serve(f"server.tls_cert={server_cert}", f"server.tls_key={server_key}",
                                  f"fetch.cert={client_cert}", f"fetch.key={client_key}", f"fetch.ca_file={authority}")
    trust = ssl._create_unverified_context()

    def expiries():
        with urllib.request.urlopen(f"https://127.0.0.1:{server.port}/metrics", context=trust) as answer:
            text = answer.read().decode()
        return {use: int(value) for use, value in re.findall(r'^grapnel_tls_certificate_expiry_seconds\{use="(\w+)"\} (\d+)$',
                                                             text, re.MULTILINE)}
    assert expiries() == {"server": not_after(server_cert), "client": not_after(client_cert),
                          "authorities": not_after(authority)}
    certificate(tmp_path, "server", 90)
    server.child.send_signal(signal.SIGHUP)
    wait_until(lambda: expiries()["server"] == not_after(server_cert), "the renewed certificate's date")


def test_without_certificates_there_is_no_date_of_one(grapnel):
    assert not any(name.startswith("grapnel_tls_certificate_expiry") for name in grapnel.metrics())


def test_a_message_that_is_given_up_has_a_line_at_info(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1ms", "deliver.jitter=0", "log.level=info")
    app = server.application()
    endpoint = server.endpoint(app, make_receiver(500).url)
    message = server.publish(app)
    line = server.wait_log(f"event=deliver.given_up .*msg={message}")
    assert f"endpoint={endpoint}" in line and f"app={app}" in line
    assert "attempts=2" in line and "status=500" in line and "why=exhausted" in line
    dead = server.endpoint(app, "http://127.0.0.1:1/")
    second = server.publish(app)
    assert "connection refused" in server.wait_log(f"event=deliver.given_up .*msg={second} .*endpoint={dead}").lower()


def test_a_dead_receiver_has_ten_lines_a_minute_and_the_rest_is_counted(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=", "deliver.jitter=0", "log.level=info", "deliver.breaker_failures=1000")
    app = server.application()
    endpoint = server.endpoint(app, make_receiver(500).url)
    other = server.application("other")
    server.endpoint(other, make_receiver(500).url)
    messages = [{"eventType": "test.event", "payload": {}}] * 200
    server.ok("POST", f"/app/{app}/msg/batch", {"messages": messages})
    wait_until(lambda: server.metrics()["grapnel_deliveries_failed_total"] == 200, "all to be given up")
    alone = server.publish(other)
    server.wait_log(f"event=deliver.given_up .*msg={alone}")
    server.stop()
    lines = [line for line in server.log().splitlines() if f"endpoint={endpoint}" in line]
    assert len([line for line in lines if "event=deliver.given_up " in line]) == 10
    assert [re.search(r"count=(\d+)", line)[1] for line in lines if "event=deliver.given_up_more" in line] == ["190"]
