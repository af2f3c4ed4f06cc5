# SPDX-License-Identifier: Apache-2.0
"""Sources: what comes in is verified, kept once, answered as the provider wants, and routed on."""
import base64
import gzip
import concurrent.futures
import hashlib
import hmac
import json
import os
import pathlib
import time

import pytest
import svix
from svix import models

import presets
from conftest import binary, wait_until

DAY_S = 86400
SECRET = "a secret that was agreed on"


def ingest(server, method, path, body=None):
    text = None if body is None else json.dumps(body)
    answer = server.raw(method, "/ingest/api/v1" + path, text,
                        {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
    return answer.status, json.loads(answer.body) if answer.body else None


def make_source(server, kind="github", secret=SECRET, **more):
    config = {} if secret is None else {"config": {"secret": secret}}
    status, source = ingest(server, "POST", "/source", {"name": kind, "type": kind, **config, **more})
    assert status == 201, source
    return source


def door(source):
    return source["ingestUrl"][source["ingestUrl"].index("/in/"):]


def github_headers(body, secret=SECRET, event="push", delivery="d-1"):
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={signature}", "x-github-event": event, "x-github-delivery": delivery,
            "content-type": "application/json"}


def requests_of(server, source, query=""):
    status, page = ingest(server, "GET", f"/source/{source['id']}/request{query}")
    assert status == 200, page
    return page["data"]


def test_a_signed_request_reaches_the_sources_endpoint_byte_for_byte(grapnel, receiver):
    source = make_source(grapnel)
    status, _ = ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    assert status == 201
    body = b'{ "zen" :\t"Keep it \\u006cogically awesome.", "hook_id": 1.0e2 }\n'
    answer = grapnel.raw("POST", door(source), body, github_headers(body))
    assert answer.status == 200
    got = receiver.wait(1)[0]
    assert got.body == body
    assert got.headers["x-github-event"] == "push"
    assert got.headers["content-type"] == "application/json"
    assert "webhook-signature" in got.headers


@pytest.mark.parametrize("signed", ["before", "after"])
@pytest.mark.parametrize("kind", ["github", "svix"])
def test_a_packed_request_verifies_by_the_bytes_before_or_after_packing(grapnel, receiver, signed, kind):
    secret = SECRET if kind == "github" else "whsec_" + base64.b64encode(b"k" * 24).decode()
    source = make_source(grapnel, kind, secret)
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    plain = b'{"zen": "Keep it packed.", "type": "push"}'
    sent = gzip.compress(plain)
    what = plain if signed == "before" else sent
    if kind == "github":
        headers = github_headers(what)
    else:
        now = str(int(time.time()))
        mac = hmac.new(b"k" * 24, b"msg_1." + now.encode() + b"." + what, hashlib.sha256).digest()
        headers = {"svix-id": "msg_1", "svix-timestamp": now, "svix-signature": "v1," + base64.b64encode(mac).decode(),
                   "content-type": "application/json"}
    answer = grapnel.raw("POST", door(source), sent, {**headers, "content-encoding": "gzip"})
    assert answer.status in (200, 202, 204), answer
    got = receiver.wait(1)[0]
    assert got.body == plain and "content-encoding" not in {name.lower() for name in got.headers}
    again = grapnel.raw("POST", door(source), sent, {**headers, "content-encoding": "gzip"})
    assert again.status == answer.status and requests_of(grapnel, source)[0]["outcome"] == "duplicate"
    spoilt = grapnel.raw("POST", door(source), gzip.compress(plain + b" "), {**headers, "content-encoding": "gzip"})
    assert spoilt.status == 401 and requests_of(grapnel, source)[0]["reason"] == "no_matching_key"


def test_a_packed_request_is_bounded_and_what_is_not_gzip_is_taken_as_it_came(grapnel, receiver):
    source = make_source(grapnel, "generic-webhook", None)
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    answer = grapnel.raw("POST", door(source), gzip.compress(b" " * (64 << 20)), {"content-encoding": "gzip"})
    assert answer.status == 413 and b"once unpacked" in answer.body
    assert requests_of(grapnel, source)[0]["reason"] == "body_too_large"
    for body, encoding in ((b'{"n": 1}', "gzip"), (gzip.compress(b"{}")[:-1], "gzip"), (b"\x0b\x02\x80{}\x03", "br"), (b"{}", "identity")):
        assert grapnel.raw("POST", door(source), body, {"content-encoding": encoding}).status < 300, encoding
    assert sorted(r.body for r in receiver.wait(4)) == sorted([b'{"n": 1}', gzip.compress(b"{}")[:-1], b"\x0b\x02\x80{}\x03", b"{}"])


@pytest.mark.parametrize("spoil", ["key", "body", "signature", "missing"])
def test_what_is_not_signed_right_is_refused(grapnel, receiver, spoil):
    source = make_source(grapnel)
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    body = b'{"n":1}'
    headers = github_headers(body, secret="another" if spoil == "key" else SECRET)
    if spoil == "signature":
        headers["x-hub-signature-256"] = headers["x-hub-signature-256"][:-2]
    if spoil == "missing":
        del headers["x-hub-signature-256"]
    answer = grapnel.raw("POST", door(source), b'{"n":2}' if spoil == "body" else body, headers)
    assert answer.status == 401
    assert answer.body == b""
    assert receiver.received == []


def test_every_preset_accepts_its_own_and_refuses_the_rest(grapnel):
    made = [p for p in presets.load(binary()) if p.is_signed_in_headers]
    assert len(made) > 60
    wrong = []
    for number, preset in enumerate(made):
        source = make_source(grapnel, preset.name, None,
                             config={"secret": preset.secret(), "companion": preset.companion})
        url, path = source["ingestUrl"], door(source)

        def sign(secret, at=None):
            return presets.sign(binary(), preset, [secret], url, preset.headers(number), preset.body(number), at)

        def send(headers, change=b""):
            answer = grapnel.raw("POST", path, preset.body(number) + change, headers)
            outcome = requests_of(grapnel, source)[0]
            return 200 <= answer.status < 300, outcome["outcome"], outcome["reason"]

        good = sign(preset.secret())
        cases = [(sign(preset.secret(other=True)), b"", (False, "rejected", "no_matching_key")),
                 (good, b"", (True, "accepted", None)),
                 (good, b"", (True, "duplicate" if preset.is_known_again else "accepted", None))]
        if preset.is_bound_to_body:
            cases.append((good, b" ", (False, "rejected", "no_matching_key")))
        if preset.is_dated:
            cases.append((sign(preset.secret(), time.time() - 2 * DAY_S - 10), b"", (False, "rejected", "timestamp_too_old")))
        for headers, change, expected in cases:
            got = send(headers, change)
            if got != expected:
                wrong.append(f"{preset.name}: expected {expected}, got {got}")
    assert not wrong, "\n".join(wrong)


def test_a_storm_of_concurrent_duplicates_is_one_message(grapnel, receiver):
    source = make_source(grapnel)
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    body = b'{"storm":true}'
    headers = github_headers(body, delivery="storm-1")
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: grapnel.raw("POST", door(source), body, headers).status, range(200)))
    assert set(answers) == {200}
    receiver.wait(1)
    outcomes = [r["outcome"] for r in requests_of(grapnel, source, "?limit=250")]
    assert outcomes.count("accepted") == 1
    assert outcomes.count("duplicate") == 199
    assert len(receiver.received) == 1


def test_events_that_look_alike_go_on_unless_the_source_says_otherwise(grapnel):
    for settings, expected in [({}, "accepted"), ({"deduplicate": "body"}, "duplicate"),
                               ({"deduplicate": "off"}, "accepted"), ({"dedupe": {"body": "unsigned"}}, "duplicate")]:
        source = make_source(grapnel, settings=settings)
        body = b'{"action":"dispatched"}'
        grapnel.raw("POST", door(source), body, github_headers(body, delivery="one"))
        grapnel.raw("POST", door(source), body, github_headers(body, delivery="two"))
        first, second = reversed(requests_of(grapnel, source))
        assert (first["outcome"], second["outcome"]) == ("accepted", expected)
        assert second["original"] == (first["id"] if expected == "duplicate" else None)


def test_a_source_names_the_fields_by_which_it_knows_an_event(grapnel):
    source = make_source(grapnel, settings={"deduplicate": ["header X-GitHub-Event", "json /order"]})
    for number, (event, body) in enumerate([("paid", b'{"order":7,"try":1}'), ("paid", b'{"order":7,"try":2}'),
                                            ("sent", b'{"order":7}'), ("sent", b'{}'), ("sent", b'{}')]):
        grapnel.raw("POST", door(source), body, github_headers(body, event=event, delivery=f"fields-{number}"))
    rows = list(reversed(requests_of(grapnel, source)))
    assert [r["outcome"] for r in rows] == ["accepted", "duplicate", "accepted", "accepted", "accepted"]
    assert (rows[1]["original"], rows[1]["dedupeId"]) == (rows[0]["id"], "paid 7")


def test_a_notification_that_always_reads_the_same_goes_on_each_time(grapnel):
    body = b'{"list_folder":{"accounts":["dbid:AAA"]},"delta":{"users":[1]}}'
    source = make_source(grapnel, "dropbox")
    for _ in range(3):
        grapnel.raw("POST", door(source), body, {"x-dropbox-signature": mac(body.decode())})
    assert [r["outcome"] for r in requests_of(grapnel, source)] == ["accepted"] * 3
    source = make_source(grapnel, "mollie", secret=None)
    for _ in range(2):
        grapnel.raw("POST", door(source), b"id=tr_1", {"content-type": "application/x-www-form-urlencoded"})
    assert [r["outcome"] for r in requests_of(grapnel, source)] == ["accepted"] * 2


def test_the_same_id_with_other_bytes_is_a_duplicate_unless_switched_off(grapnel):
    for settings, expected in [({}, "duplicate"), ({"deduplicate": "off"}, "accepted"),
                               ({"dedupe": {"id": False}}, "accepted")]:
        source = make_source(grapnel, settings=settings)
        for body in (b'{"n":1}', b'{"n":2}'):
            grapnel.raw("POST", door(source), body, github_headers(body, delivery="same"))
        assert requests_of(grapnel, source)[0]["outcome"] == expected


def test_an_old_url_works_until_its_grace_is_over(grapnel):
    source = make_source(grapnel)
    body = b'{"n":1}'
    status, rotated = ingest(grapnel, "POST", f"/source/{source['id']}/token/rotate")
    assert status == 200
    assert rotated["ingestUrl"] != source["ingestUrl"]
    assert grapnel.raw("POST", door(source), body, github_headers(body, delivery="a")).status == 200
    assert grapnel.raw("POST", door(rotated), body, github_headers(body, delivery="b")).status == 200
    status, last = ingest(grapnel, "POST", f"/source/{source['id']}/token/rotate", {"gracePeriodSeconds": 0})
    assert status == 200
    assert grapnel.raw("POST", door(source), body, github_headers(body)).status == 404
    assert grapnel.raw("POST", door(rotated), body, github_headers(body)).status == 404
    assert grapnel.raw("POST", door(last), body, github_headers(body, delivery="c")).status == 200


def test_an_old_secret_works_until_its_grace_is_over(grapnel):
    source = make_source(grapnel)
    status, _ = ingest(grapnel, "POST", f"/source/{source['id']}/secret/rotate", {"secret": "new one"})
    assert status == 204
    for number, (secret, expected) in enumerate([(SECRET, 200), ("new one", 200), ("neither", 401)]):
        body = b'{"n":%d}' % number
        assert grapnel.raw("POST", door(source), body, github_headers(body, secret, delivery=f"{number}")).status == expected
    ingest(grapnel, "POST", f"/source/{source['id']}/secret/rotate", {"secret": "third", "gracePeriodSeconds": 0})
    body = b'{"n":9}'
    assert grapnel.raw("POST", door(source), body, github_headers(body, SECRET)).status == 401
    assert grapnel.raw("POST", door(source), body, github_headers(body, "third")).status == 200


def test_routes_take_by_type_and_filter(grapnel, make_receiver):
    pushes, big, all_of_them = make_receiver(), make_receiver(), make_receiver()
    apps = [grapnel.application(name) for name in ("pushes", "big", "all")]
    for app, target in zip(apps, (pushes, big, all_of_them)):
        grapnel.endpoint(app, target.url)
    source = make_source(grapnel, settings={"routes": [
        {"eventTypes": ["push"], "applications": [apps[0]]},
        {"filter": {"body": {"size": {"$gt": 10}}}, "applications": [apps[1]]},
        {"applications": [apps[2]]}]})
    for number, (event, size) in enumerate([("push", 1), ("issues", 11), ("push", 12), ("issues", 2)]):
        body = json.dumps({"size": size, "n": number}).encode()
        assert grapnel.raw("POST", door(source), body, github_headers(body, event=event, delivery=f"{number}")).status == 200
    assert sorted(json.loads(r.body)["n"] for r in all_of_them.wait(4)) == [0, 1, 2, 3]
    assert sorted(json.loads(r.body)["n"] for r in pushes.wait(2)) == [0, 2]
    assert sorted(json.loads(r.body)["n"] for r in big.wait(2)) == [1, 2]


def test_a_route_may_transform_and_a_wrong_program_is_refused(grapnel, receiver):
    app = grapnel.application("transformed")
    grapnel.endpoint(app, receiver.url)
    source = make_source(grapnel, settings={"routes": [{"applications": [app], "transform": "{only: .body.keep}"}]})
    body = b'{"keep": 7, "drop": 8}'
    assert grapnel.raw("POST", door(source), body, github_headers(body)).status == 200
    assert json.loads(receiver.wait(1)[0].body) == {"only": 7}
    status, answer = ingest(grapnel, "PATCH", f"/source/{source['id']}",
                            {"settings": {"routes": [{"applications": [app], "transform": "{only: "}]}})
    assert status == 422
    assert "transform" in json.dumps(answer)


def test_a_route_to_no_application_is_refused(grapnel):
    status, answer = ingest(grapnel, "POST", "/source", {"name": "x", "type": "github",
                                                         "settings": {"routes": [{"applications": ["app_nothing"]}]}})
    assert status == 422
    assert "app_nothing" in json.dumps(answer)


@pytest.mark.parametrize("settings, word", [({"nonsense": 1}, "nonsense"), ({"accept": {"status": 99}}, "accept"),
                                            ({"routes": [{"applications": []}]}, "routes.0"),
                                            ({"dedupe": {"body": "maybe"}}, "dedupe")])
def test_wrong_settings_are_refused_with_their_place(grapnel, settings, word):
    status, answer = ingest(grapnel, "POST", "/source", {"name": "x", "type": "github", "settings": settings})
    assert status == 422
    assert word in json.dumps(answer)


def test_the_reply_is_what_the_source_says(grapnel):
    source = make_source(grapnel, settings={"accept": {"status": 202, "contentType": "text/x-ack", "body": "[accepted]"},
                                            "reject": {"status": 403}})
    body = b'{}'
    answer = grapnel.raw("POST", door(source), body, github_headers(body))
    assert (answer.status, answer.headers["content-type"], answer.body) == (202, "text/x-ack", b"[accepted]")
    assert grapnel.raw("POST", door(source), body, github_headers(body, "wrong")).status == 403


def test_an_unknown_url_is_nobodys(grapnel):
    assert grapnel.raw("POST", "/in/" + "a" * 43, b"{}").status == 404
    assert grapnel.raw("POST", "/in/..%2f..%2fapi", b"{}").status == 404


def test_a_pending_source_answers_handshakes_and_keeps_nothing(grapnel):
    source = make_source(grapnel, "slack", secret=None)
    assert source["state"] == "pending"
    challenge = json.dumps({"type": "url_verification", "challenge": "abcDEF123", "token": "t"}).encode()
    answer = grapnel.raw("POST", door(source), challenge, {"content-type": "application/json"})
    assert answer.status == 200
    assert b"abcDEF123" in answer.body
    assert grapnel.raw("POST", door(source), b'{"type":"event_callback"}', {"content-type": "application/json"}).status == 401
    assert requests_of(grapnel, source) == []


def test_a_secret_is_learned_once(grapnel):
    source = make_source(grapnel, "asana", secret=None)
    first = grapnel.raw("POST", door(source), b"", {"x-hook-secret": "learned-secret-1"})
    assert (first.status, first.headers["x-hook-secret"]) == (200, "learned-secret-1")
    assert grapnel.raw("POST", door(source), b"", {"x-hook-secret": "learned-secret-2"}).status == 401
    body = b'{"events":[]}'
    for secret, expected in [("learned-secret-1", 200), ("learned-secret-2", 401)]:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        assert grapnel.raw("POST", door(source), body, {"x-hook-signature": signature}).status == expected
    grapnel.restart()
    body = b'{"events":[1]}'
    signature = hmac.new(b"learned-secret-1", body, hashlib.sha256).hexdigest()
    assert grapnel.raw("POST", door(source), body, {"x-hook-signature": signature}).status == 200


def test_a_crc_handshake_is_answered_and_is_no_oracle(grapnel):
    source = make_source(grapnel, "x")
    answer = grapnel.raw("GET", door(source) + "?crc_token=abc123")
    expected = base64.b64encode(hmac.new(SECRET.encode(), b"abc123", hashlib.sha256).digest()).decode()
    assert json.loads(answer.body) == {"response_token": "sha256=" + expected}
    forged = grapnel.raw("GET", door(source) + "?crc_token=%7B%22forged%22%3Atrue%7D")
    assert forged.status == 401
    assert b"response_token" not in forged.body
    assert [r["outcome"] for r in requests_of(grapnel, source)] == ["rejected", "ignored"]


def test_a_paused_source_keeps_what_comes_for_later(grapnel, receiver):
    source = make_source(grapnel, paused=True)
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    body = b'{"later":1}'
    assert grapnel.raw("POST", door(source), body, github_headers(body)).status == 200
    kept = requests_of(grapnel, source)[0]
    assert (kept["outcome"], kept["reason"]) == ("ignored", "paused")
    status, _ = ingest(grapnel, "POST", f"/source/{source['id']}/request/{kept['id']}/replay")
    assert status == 409
    ingest(grapnel, "PATCH", f"/source/{source['id']}", {"paused": False})
    status, again = ingest(grapnel, "POST", f"/source/{source['id']}/request/{kept['id']}/replay")
    assert status == 202, again
    assert receiver.wait(1)[0].body == body


def test_refused_requests_are_replayed_once_they_verify(grapnel, receiver):
    source = make_source(grapnel, secret="not what the provider uses")
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    for number in range(5):
        body = b'{"n":%d}' % number
        assert grapnel.raw("POST", door(source), body, github_headers(body, delivery=f"{number}")).status == 401
    forged = b'{"n":99}'
    grapnel.raw("POST", door(source), forged, github_headers(forged, "forged", delivery="99"))
    path = f"/source/{source['id']}/request/replay"
    status, plan = ingest(grapnel, "POST", path, {"outcome": "rejected", "dryRun": True})
    assert (status, plan["matched"], plan["replayed"], plan["done"]) == (200, 6, 0, True)
    status, result = ingest(grapnel, "POST", path, {"outcome": "rejected"})
    assert (status, result["replayed"], result["refused"]) == (202, 0, 6)
    ingest(grapnel, "PATCH", f"/source/{source['id']}", {"config": {"secret": SECRET}})
    status, result = ingest(grapnel, "POST", path, {"outcome": "rejected"})
    assert (status, result["replayed"], result["refused"]) == (202, 5, 1)
    assert sorted(json.loads(r.body)["n"] for r in receiver.wait(5)) == [0, 1, 2, 3, 4]


def test_requests_are_searched_and_hold_no_secret(grapnel):
    source = make_source(grapnel, "gitlab", secret="the-gitlab-token")
    body = json.dumps({"object_kind": "push", "needle": "in the haystack"}).encode()
    headers = {"x-gitlab-token": "the-gitlab-token", "x-gitlab-event": "Push Hook", "authorization": "Bearer private",
               "content-type": "application/json"}
    assert grapnel.raw("POST", door(source) + "?a=the-gitlab-token", body, headers).status == 200
    grapnel.raw("POST", door(source), b"{}", {"x-gitlab-token": "a wrong one"})
    found = requests_of(grapnel, source, "?text=haystack&with_content=true")
    assert [r["eventType"] for r in found] == ["Push.Hook"]
    everything = json.dumps(requests_of(grapnel, source, "?with_content=true"))
    for secret in ("the-gitlab-token", "private", "a wrong one", door(source)[4:]):
        assert secret not in everything
    assert [r["reason"] for r in requests_of(grapnel, source, "?outcome=rejected")] == ["no_matching_key"]
    assert requests_of(grapnel, source, "?reason=missing_header") == []
    status, one = ingest(grapnel, "GET", f"/source/{source['id']}/request/{found[0]['id']}")
    assert (status, one["body"]) == (200, body.decode())


def test_what_is_not_accepted_is_kept_within_bounds(grapnel):
    source = make_source(grapnel)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: grapnel.raw("POST", door(source), b"{}", {}), range(1300)))
    status, count = ingest(grapnel, "POST", f"/source/{source['id']}/request/replay", {"dryRun": True})
    assert status == 200
    assert 1000 <= count["matched"] <= 1064


def test_an_explanation_shows_what_was_signed_and_where_it_would_go(grapnel):
    app = grapnel.application("target")
    source = make_source(grapnel, settings={"routes": [{"eventTypes": ["push"], "applications": [app]}]})
    body = '{"explain":1}'
    path = f"/source/{source['id']}/explain"
    status, good = ingest(grapnel, "POST", path, {"headers": github_headers(body.encode()), "body": body})
    assert (status, good["verdict"], good["accepted"], good["typeSigned"]) == (200, "verified", True, False)
    assert [(d["application"], d["takes"]) for d in good["destinations"]] == [(None, True), (app, True)]
    status, bad = ingest(grapnel, "POST", path, {"headers": github_headers(body.encode(), "wrong"), "body": body})
    assert (bad["verdict"], bad["accepted"]) == ("no_matching_key", False)
    assert body in bad["explanation"]
    assert SECRET not in bad["explanation"]
    assert requests_of(grapnel, source) == []


def test_an_operators_preset_works_and_a_wrong_one_stops_the_start(make_grapnel, tmp_path):
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "our-erp.scheme").write_text("title Our ERP\nauth hmac\nhash sha512\nkey raw\nsig header X-Erp\nenc hex\nmsg {body}\n")
    server = make_grapnel().serve(f"inbound.presets={folder}")
    source = make_source(server, "our-erp")
    body = b"<order/>"
    signature = hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()
    assert server.raw("POST", door(source), body, {"x-erp": signature}).status == 200
    server.stop()
    (folder / "bad.scheme").write_text("title Bad\nauth hmac\nhash md5\n")
    server.spawn(f"inbound.presets={folder}")
    assert server.child.wait(30) == 1
    assert "bad.scheme:3" in server.log()
    (folder / "bad.scheme").unlink()


def test_a_scheme_of_ones_own_is_data(grapnel):
    scheme = "auth hmac\nhash sha256\nkey hex\nsig header X-Own\nprefix v9=\nenc base64\nmsg {method}:{body}\nid json /id\ntype {json:/kind}\n"
    source = make_source(grapnel, "custom", secret="00112233445566778899aabbccddeeff", scheme=scheme)
    body = b'{"id":"1","kind":"thing.made"}'
    signature = base64.b64encode(hmac.new(bytes.fromhex("00112233445566778899aabbccddeeff"), b"POST:" + body, hashlib.sha256).digest())
    assert grapnel.raw("POST", door(source), body, {"x-own": "v9=" + signature.decode()}).status == 200
    assert requests_of(grapnel, source)[0]["eventType"] == "thing.made"
    status, answer = ingest(grapnel, "POST", "/source", {"name": "bad", "type": "custom", "scheme": "auth hmac\nnonsense 1\n"})
    assert status == 422
    assert "line 2" in json.dumps(answer)


def test_what_was_accepted_survives_a_kill(make_grapnel, receiver):
    server = make_grapnel().serve("deliver.retry=50ms")
    source = make_source(server)
    body = b'{"kill":1}'
    assert server.raw("POST", door(source), body, github_headers(body)).status == 200
    server.kill()
    server.serve()
    assert [r["outcome"] for r in requests_of(server, source)] == ["accepted"]
    assert server.raw("POST", door(source), body, github_headers(body)).status == 200
    assert requests_of(server, source)[0]["outcome"] == "duplicate"


def examples():
    """The public example payloads: (event, body) pairs."""
    node = pathlib.Path(os.environ.get("GRAPNEL_NODE", pathlib.Path(__file__).parents[2] / "build" / "node"))
    index = node / "node_modules" / "@octokit" / "webhooks-examples" / "api.github.com" / "index.json"
    return [(entry["name"], json.dumps(example, ensure_ascii=False).encode())
            for entry in json.loads(index.read_text()) for example in entry["examples"]]


def test_githubs_example_payloads_arrive_unchanged_and_by_event(grapnel, make_receiver):
    sent = examples()
    assert len(sent) > 300
    events = sorted({event for event, _ in sent})
    everything = make_receiver()
    apps = {event: grapnel.application(event) for event in events[:20]}
    targets = {event: make_receiver() for event in apps}
    for event, app in apps.items():
        grapnel.endpoint(app, targets[event].url)
    source = make_source(grapnel, settings={"routes": [{"eventTypes": [event], "applications": [app]}
                                                       for event, app in apps.items()]})
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": everything.url})
    for number, (event, body) in enumerate(sent):
        answer = grapnel.raw("POST", door(source), body, github_headers(body, event=event, delivery=f"gh-{number}"))
        assert answer.status == 200, (event, number)
    unique = {(event, body) for event, body in sent}
    got = everything.wait(len(sent))
    assert {(r.headers["x-github-event"], r.body) for r in got} <= unique
    assert {r.body for r in got} == {body for _, body in sent}
    for event, target in targets.items():
        wanted = {body for name, body in sent if name == event}
        assert {r.body for r in target.wait(len(wanted))} == wanted


def test_the_official_sdks_ingest_methods_work(grapnel):
    client = svix.Svix(grapnel.token, svix.SvixOptions(server_url=grapnel.url))
    source = client.ingest.source.create(models.IngestSourceIn(
        name="from the SDK", uid="sdk-source", type="github", config=models.GithubConfig(secret=SECRET)))
    assert source.type == "github" and source.ingest_url
    assert client.ingest.source.get("sdk-source").id == source.id
    assert [s.id for s in client.ingest.source.list().data] == [source.id]
    rotated = client.ingest.source.rotate_token(source.id)
    assert rotated.ingest_url != source.ingest_url
    replaced = client.ingest.source.upsert(source.id, models.IngestSourceIn(
        name="renamed", uid="sdk-source", type="stripe", config=models.StripeConfig(secret=SECRET)))
    assert (replaced.name, replaced.type) == ("renamed", "stripe")
    endpoint = client.ingest.endpoint.create(source.id, models.IngestEndpointIn(url="http://127.0.0.1:9/", uid="sdk-endpoint"))
    assert client.ingest.endpoint.get(source.id, "sdk-endpoint").id == endpoint.id
    assert [e.id for e in client.ingest.endpoint.list(source.id).data] == [endpoint.id]
    key = client.ingest.endpoint.get_secret(source.id, endpoint.id).key
    assert key.startswith("whsec_")
    client.ingest.endpoint.rotate_secret(source.id, endpoint.id, models.IngestEndpointSecretIn())
    assert client.ingest.endpoint.get_secret(source.id, endpoint.id).key != key
    client.ingest.endpoint.set_headers(source.id, endpoint.id, models.IngestEndpointHeadersIn(headers={"x-a": "b"}))
    assert client.ingest.endpoint.get_headers(source.id, endpoint.id).headers == {"x-a": "b"}
    client.ingest.endpoint.upsert(source.id, endpoint.id, models.IngestEndpointUpsertIn(url="http://127.0.0.1:10/"))
    client.ingest.endpoint.transformation.patch(source.id, endpoint.id, models.IngestEndpointTransformationPatch(
        code="{wrapped: .body}", enabled=True))
    assert client.ingest.endpoint.transformation.get(source.id, endpoint.id).code == "{wrapped: .body}"
    client.ingest.endpoint.delete(source.id, endpoint.id)
    client.ingest.source.delete(source.id)
    assert client.ingest.source.list().data == []


def mac(text, digest=hashlib.sha256, secret=SECRET):
    return hmac.new(secret.encode(), text.encode(), digest).hexdigest()


HANDSHAKES = [
    # preset, config, (method, query, headers, body), (status, words of the answer or a header)
    ("meta", {"secret": SECRET, "verifyToken": "vt"},
     ("GET", "hub.mode=subscribe&hub.challenge=11582&hub.verify_token=vt", {}, None), (200, "11582")),
    ("strava", {"verifyToken": "vt"},
     ("GET", "hub.mode=subscribe&hub.challenge=15f7&hub.verify_token=vt", {}, None), (200, {"hub.challenge": "15f7"})),
    ("dropbox", {"secret": SECRET}, ("GET", "challenge=abc123", {}, None), (200, "abc123")),
    ("nylas", {"secret": SECRET}, ("GET", "challenge=abc123", {}, None), (200, "abc123")),
    ("okta", {"secret": SECRET}, ("GET", "", {"x-okta-verification-challenge": "abc123"}, None), (200, {"verification": "abc123"})),
    ("linkedin", {"secret": SECRET}, ("GET", "challengeCode=890e4665-4dfe", {}, None),
     (200, {"challengeCode": "890e4665-4dfe", "challengeResponse": mac("890e4665-4dfe")})),
    ("preservica", {"secret": SECRET}, ("POST", "challengeCode=c0de", {}, ""),
     (200, {"challengeCode": "c0de", "challengeResponse": mac("c0de")})),
    ("slack", None, ("POST", "", {"content-type": "application/json"}, '{"type":"url_verification","challenge":"c1","token":"t"}'), (200, "c1")),
    ("monday", None, ("POST", "", {"content-type": "application/json"}, '{"challenge":"c2"}'), (200, {"challenge": "c2"})),
    ("notion", None, ("POST", "", {"content-type": "application/json"}, '{"verification_token":"secret_abcdef"}'), (200, "")),
    ("ms-graph", {"secret": SECRET}, ("POST", "validationToken=Validation%3A+Testing", {}, ""), (200, "Validation: Testing")),
    ("azure-event-grid", {"secret": SECRET},
     ("POST", f"secret={SECRET.replace(' ', '%20')}", {"aeg-event-type": "SubscriptionValidation", "content-type": "application/json"},
      '[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6"}}]'),
     (200, {"validationResponse": "512d38b6"})),
    ("cloudevents", {"secret": SECRET}, ("OPTIONS", "", {"webhook-request-origin": "events.example.com"}, None),
     (200, ("webhook-allowed-origin", "events.example.com"))),
    ("trello", {"secret": SECRET}, ("HEAD", "", {}, None), (200, "")),
    ("woocommerce", {"secret": SECRET}, ("POST", "", {"content-type": "application/x-www-form-urlencoded"}, "webhook_id=7"), (200, "")),
    ("mailchimp", {"secret": SECRET}, ("GET", "", {}, None), (200, "")),
]


@pytest.mark.parametrize("preset, config, request_, expected", HANDSHAKES, ids=[row[0] for row in HANDSHAKES])
def test_a_handshake_is_answered_as_its_provider_wants(grapnel, preset, config, request_, expected):
    source = make_source(grapnel, preset, None, **({"config": config} if config else {}))
    method, query, headers, body = request_
    answer = grapnel.raw(method, door(source) + (f"?{query}" if query else ""), body, headers)
    status, words = expected
    assert answer.status == status
    if isinstance(words, tuple):
        assert answer.headers[words[0]] == words[1]
    elif isinstance(words, dict):
        assert json.loads(answer.body) == words
    else:
        assert words in answer.body.decode()


def test_a_verify_token_that_is_wrong_is_refused(grapnel):
    source = make_source(grapnel, "meta", None, config={"secret": SECRET, "verifyToken": "vt"})
    answer = grapnel.raw("GET", door(source) + "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=other")
    assert answer.status in (401, 403)
    assert b"1" not in answer.body


def test_zooms_handshake_is_signed_first(grapnel):
    source = make_source(grapnel, "zoom")
    body = '{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}'
    now = str(int(time.time()))
    headers = {"x-zm-request-timestamp": now, "x-zm-signature": "v0=" + mac(f"v0:{now}:{body}"), "content-type": "application/json"}
    answer = grapnel.raw("POST", door(source), body, headers)
    assert json.loads(answer.body) == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": mac("qgg8vlvZRS6UYooatFL8Aw")}
    headers["x-zm-signature"] = "v0=" + mac("something else")
    refused = grapnel.raw("POST", door(source), body, headers)
    assert refused.status == 401 and b"encryptedToken" not in refused.body


def test_an_ended_url_is_answered_404_and_comes_back_with_nothing(grapnel):
    source = make_source(grapnel)
    body = b'{"n":1}'
    assert grapnel.raw("POST", door(source), body, github_headers(body, delivery="a")).status == 200
    ingest(grapnel, "POST", f"/source/{source['id']}/token/rotate", {"gracePeriodSeconds": 1})
    assert grapnel.raw("POST", door(source), body, github_headers(body, delivery="b")).status == 200
    wait_until(lambda: grapnel.raw("POST", door(source), body, github_headers(body)).status == 404, "the end of the old URL")
    assert grapnel.raw("POST", door(source), body, github_headers(body)).status == 404


def test_what_happens_at_a_sources_endpoint_is_told_as_ingest_events(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=50ms,50ms,50ms,50ms", "deliver.jitter=0")
    told, failing = make_receiver(), make_receiver(500)
    server.ok("POST", "/operational-webhook/endpoint", {"url": told.url, "filterTypes": [
        "ingest.endpoint.disabled", "ingest.message.attempt.failing", "ingest.message.attempt.exhausted",
        "ingest.message.attempt.recovered"]})
    source = make_source(server)
    _, endpoint = ingest(server, "POST", f"/source/{source['id']}/endpoint", {"url": failing.url, "uid": "ours"})
    body = b'{"n":1}'
    server.raw("POST", door(source), body, github_headers(body, delivery="d-1"))

    def events():
        return {event["type"]: event["data"] for event in (json.loads(r.body) for r in list(told.received))}
    wait_until(lambda: "ingest.message.attempt.exhausted" in events(), "the end of the attempts")
    message = requests_of(server, source)[0]["messages"][0]
    for kind in ("failing", "exhausted"):
        data = events()["ingest.message.attempt." + kind]
        assert (data["sourceId"], data["endpointId"], data["msgId"], data["msgEventId"]) == (
            source["id"], endpoint["id"], message, "d-1")
        assert data["lastAttempt"]["responseStatusCode"] == 500 and "appId" not in data
    status, _ = ingest(server, "PUT", f"/source/{source['id']}/endpoint/ours", {"url": failing.url, "uid": "ours", "disabled": True})
    assert status == 200
    wait_until(lambda: "ingest.endpoint.disabled" in events(), "the event of the disabled endpoint")
    data = events()["ingest.endpoint.disabled"]
    assert (data["sourceId"], data["endpointUid"], data["trigger"]) == (source["id"], "ours", "manual")


def test_a_sources_portal_token_reaches_that_source_only(grapnel, receiver):
    source, other = make_source(grapnel), make_source(grapnel)
    path = f"/source/{source['id']}"

    def call(token, method, path, body=None):
        text = None if body is None else json.dumps(body)
        answer = grapnel.raw(method, "/ingest/api/v1" + path, text, {"authorization": f"Bearer {token}", "content-type": "application/json"})
        return answer.status
    tokens = {}
    for name, wish in (("full", {}), ("reader", {"readOnly": True, "expiry": 3600})):
        status, access = ingest(grapnel, "POST", path + "/dashboard", wish)
        assert status == 200 and "/portal#key=" in access["url"]
        tokens[name] = access["token"]
    assert call(tokens["full"], "GET", path) == 200
    assert call(tokens["full"], "POST", path + "/endpoint", {"url": receiver.url, "uid": "mine"}) == 201
    assert call(tokens["reader"], "GET", path + "/endpoint/mine") == 200
    assert call(tokens["reader"], "GET", path + "/request") == 200
    assert call(tokens["reader"], "DELETE", path + "/endpoint/mine") == 403
    for method, where, body in [("GET", f"/source/{other['id']}", None), ("GET", f"/source/{other['id']}/endpoint", None),
                                ("GET", "/source", None), ("PATCH", path, {"name": "x"}), ("DELETE", path, None),
                                ("POST", path + "/token/rotate", {}), ("POST", path + "/dashboard", {}),
                                ("GET", "/source/src_nothing/request", None)]:
        assert call(tokens["full"], method, where, body) == 403, (method, where)
    assert grapnel.call("GET", "/app", token=tokens["full"]).status == 403
    assert ingest(grapnel, "POST", path + "/dashboard", {"expiry": 1})[0] == 422


def test_endpoints_filters_hold_for_what_comes_in_at_sources(grapnel, make_receiver):
    own, routed = make_receiver(), make_receiver()
    app = grapnel.application("routed")
    grapnel.endpoint(app, routed.url, filter={"body": {"n": {"$lt": 2}}})
    source = make_source(grapnel, settings={"routes": [{"applications": [app]}]})
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": own.url, "filter": {"body": {"n": {"$gte": 2}}}})
    for n in range(4):
        body = b'{"n":%d}' % n
        assert grapnel.raw("POST", door(source), body, github_headers(body, delivery=f"{n}")).status == 200
    assert sorted(json.loads(r.body)["n"] for r in own.wait(2)) == [2, 3]
    assert sorted(json.loads(r.body)["n"] for r in routed.wait(2)) == [0, 1]


def test_a_routes_transform_sees_the_request_and_says_what_to_send(grapnel, receiver):
    app = grapnel.application("instructed")
    grapnel.endpoint(app, receiver.url)
    program = ('if .body.skip then {"$cancel": true} else {"$headers": {"x-made": .eventType}, '
               '"$body": {id, kind: .headers["x-github-event"], method, q: .query.q, n: .body.n}} end')
    source = make_source(grapnel, settings={"routes": [{"applications": [app], "transform": program}]})
    for number, body in enumerate([b'{"skip":true}', b'{"n":7}']):
        headers = {**github_headers(body, delivery=f"{number}"), "x-made": "the provider's"}
        assert grapnel.raw("POST", door(source) + "?q=a%20b", body, headers).status == 200
    got = receiver.wait(1)[0]
    message = requests_of(grapnel, source)[0]["messages"][0]
    assert json.loads(got.body) == {"id": message, "kind": "push", "method": "POST", "q": "a b", "n": 7}
    assert got.headers.get_all("x-made") == ["push"]
    assert len(receiver.received) == 1
