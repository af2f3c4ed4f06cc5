# SPDX-License-Identifier: Apache-2.0
"""Challenge handshakes of endpoints: who passes, who does not, and that nobody unverified gets anything."""
import hashlib
import hmac
import http.server
import json
import threading
import time
import urllib.parse

import pytest

from conftest import PATIENCE_S, SLOWER, free_port, wait_until

SECRET = "between us"

TIMEOUT_S = 3 * SLOWER
RELEASED = threading.Event()  # those that hang may go on


class Asked:
    """A receiver whose answer to each request is what `answer(handler, query)` writes; keeps what came."""

    def __init__(self, answer):
        self.received = []
        asked = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                asked.received.append((self.command, self.path, self.headers, body))
                answer(self, query)

            do_POST = do_GET = do_OPTIONS = handle_any  # noqa: N815

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def deliveries(self):
        return [r for r in self.received if "webhook-signature" in r[2] and b"grapnel.ping" not in r[3]]


def say(handler, status=200, body=b"", **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def response_to(code, secret=SECRET):
    return hmac.new(secret.encode(), code.encode(), hashlib.sha256).hexdigest()


def preservica(handler, query):
    code = query.get("challengeCode")
    if code is None:
        say(handler)
    else:
        say(handler, 200, json.dumps({"challengeCode": code, "challengeResponse": response_to(code)}).encode())


@pytest.fixture
def grapnel(make_grapnel):
    return make_grapnel().serve(f"handshake.timeout={TIMEOUT_S * 1000:.0f}ms")


@pytest.fixture
def asked():
    made = []

    def make(answer):
        made.append(Asked(answer))
        return made[-1]
    RELEASED.clear()
    yield make
    RELEASED.set()
    for receiver in made:
        receiver.close()


def create(grapnel, app, url, handshake, **more):
    return grapnel.call("POST", f"/app/{app}/endpoint", {"url": url, "handshake": handshake, **more})


def slow(handler, _query):
    """Past any deadline."""
    RELEASED.wait(20 * TIMEOUT_S)
    say(handler)


def dripping(handler, query):
    """The head at once, the body never."""
    handler.send_response(200)
    handler.send_header("content-length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.wfile.flush()
    RELEASED.wait(20 * TIMEOUT_S)


def other(code="", response=""):
    def answer(handler, query):
        good = query["challengeCode"]
        say(handler, 200, json.dumps({"challengeCode": code or good,
                                      "challengeResponse": response or response_to(code or good)}).encode())
    return answer


def upper(handler, query):
    code = query["challengeCode"]
    say(handler, 200, json.dumps({"challengeCode": code, "challengeResponse": response_to(code).upper()}).encode())


FAILURES = {
    "wrong HMAC": ("preservica", other(response="0" * 64), "not the HMAC-SHA256"),
    "HMAC in capitals": ("preservica", upper, "lower-case hex"),
    "HMAC of another secret": ("preservica", lambda h, q: say(h, 200, json.dumps(
        {"challengeCode": q["challengeCode"], "challengeResponse": response_to(q["challengeCode"], "x")}).encode()),
        "not the HMAC-SHA256"),
    "wrong code": ("preservica", other(code="1234"), "not the one it was sent"),
    "not JSON": ("preservica", lambda h, q: say(h, 200, b"<html>"), "not a JSON object"),
    "a JSON list": ("preservica", lambda h, q: say(h, 200, b"[]"), "not a JSON object"),
    "empty": ("preservica", lambda h, q: say(h), "not a JSON object"),
    "201": ("preservica", lambda h, q: say(h, 201, b"{}"), "another status than 200"),
    "404": ("preservica", lambda h, q: say(h, 404), "other than 2xx"),
    "redirect": ("preservica", lambda h, q: say(h, 302, location="/elsewhere"), "redirect"),
    "slow": ("preservica", slow, "in time"),
    "a body that does not end": ("preservica", dripping, "did not end in time"),
    "huge": ("preservica", lambda h, q: say(h, 200, b"x" * 10000), "longer than 4096 bytes"),
    "no consent": ("cloudevents", lambda h, q: say(h), "no WebHook-Allowed-Origin"),
    "consent for another": ("cloudevents", lambda h, q: say(h, WebHook_Allowed_Origin="other.example"), "another origin"),
    "consent at rate 0": ("cloudevents", lambda h, q: say(h, WebHook_Allowed_Origin="*", WebHook_Allowed_Rate="0"),
                          "WebHook-Allowed-Rate"),
    "consent without success": ("cloudevents", lambda h, q: say(h, 403, WebHook_Allowed_Origin="*"), "other than 2xx"),
    "echo with more": ("websub", lambda h, q: say(h, 200, q["hub.challenge"].encode() + b"\n"), "not the hub.challenge"),
    "echo of nothing": ("websub", lambda h, q: say(h), "not the hub.challenge"),
    "ping refused": ("ping", lambda h, q: say(h, 500), "other than 2xx"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_receiver_that_does_not_pass_is_refused_and_nothing_is_stored(grapnel, asked, case):
    kind, answer, words = FAILURES[case]
    receiver, app = asked(answer), grapnel.application()
    refused = create(grapnel, app, receiver.url, {"kind": kind}, schemeSecret=SECRET)
    assert (refused.status, refused.body["code"]) == (422, "handshake_failed")
    assert words in refused.body["detail"] and f"the {kind} handshake" in refused.body["detail"]
    assert grapnel.ok("GET", f"/app/{app}/endpoint")["data"] == []
    assert len(receiver.received) == 1  # once: a redirect is not followed, nothing is tried again


@pytest.mark.parametrize("url, words", [
    ("http://10.1.2.3:9/x", "not allowed here"), ("http://169.254.169.254/latest", "not allowed here"),
    ("http://[::ffff:10.0.0.1]/x", "not allowed here"), ("http://nowhere.invalid/x", "does not resolve"),
    ("http://127.0.0.1:{free}/x", "no connection came about")])
def test_the_address_policy_holds_and_the_words_map_no_network(grapnel, url, words):
    app = grapnel.application()
    refused = create(grapnel, app, url.format(free=free_port()), {"kind": "ping"})
    assert refused.status == 422 and words in refused.body["detail"]
    assert "10." not in refused.body["detail"] and "refused" not in refused.body["detail"]
    assert grapnel.ok("GET", f"/app/{app}/endpoint")["data"] == []


def test_a_preservica_receiver_passes_and_the_challenge_is_new_random_hex_each_time(grapnel, asked):
    receiver, app = asked(preservica), grapnel.application()
    for _ in range(2):
        made = create(grapnel, app, receiver.url + "?mine=1#part", {"kind": "preservica"}, schemeSecret=SECRET)
        assert made.status == 201 and made.body["handshake"] == {"kind": "preservica", "verified": True}
        assert SECRET not in json.dumps(made.body)
    paths = [urllib.parse.parse_qs(urllib.parse.urlsplit(r[1]).query) for r in receiver.received]
    codes = [path["challengeCode"][0] for path in paths]
    assert all(path["mine"] == ["1"] for path in paths) and len(set(codes)) == 2
    assert all(len(code) == 64 and int(code, 16) >= 0 for code in codes)


def test_the_signing_secret_serves_when_there_is_no_scheme_secret(grapnel, asked):
    key = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA=="
    receiver = asked(lambda h, q: say(h, 200, json.dumps(
        {"challengeCode": q["challengeCode"], "challengeResponse": response_to(q["challengeCode"], key)}).encode()))
    app = grapnel.application()
    assert create(grapnel, app, receiver.url, {"kind": "preservica"}, secret=key).status == 201
    assert create(grapnel, app, receiver.url, {"kind": "preservica"}).status == 422


def test_a_cloudevents_receiver_says_how_fast_and_is_obeyed(grapnel, asked):
    def consent(handler, _query):
        if handler.command == "OPTIONS":
            say(handler, WebHook_Allowed_Origin="127.0.0.1", WebHook_Allowed_Rate="240")
        else:
            arrived.append(time.monotonic())
            say(handler)
    arrived, receiver, app = [], asked(consent), grapnel.application()
    made = create(grapnel, app, receiver.url, {"kind": "cloudevents", "rate": 600})
    assert made.body["handshake"] == {"kind": "cloudevents", "rate": 600, "verified": True, "allowedPerMinute": 240}
    method, _, headers, _ = receiver.received[0]
    assert (method, headers["webhook-request-origin"], headers["webhook-request-rate"]) == ("OPTIONS", "127.0.0.1", "600")
    for n in range(5):
        grapnel.publish(app, {"n": n})
    wait_until(lambda: len(arrived) == 5, "five deliveries")
    assert arrived[4] - arrived[0] > 4 * 0.25 - 0.1  # 240 a minute is one each 250 ms


def test_a_websub_receiver_echoes_and_a_ping_is_signed_with_the_given_secret(grapnel, asked):
    echo = asked(lambda h, q: say(h, 200, q.get("hub.challenge", "").encode()))
    app = grapnel.application()
    assert create(grapnel, app, echo.url, {"kind": "websub", "topic": "https://t.example/a b"}).status == 201
    asked_for = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(echo.received[0][1]).query))
    assert (asked_for["hub.mode"], asked_for["hub.topic"]) == ("subscribe", "https://t.example/a b")
    ping = asked(lambda h, q: say(h, 204))
    key = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA=="
    assert create(grapnel, app, ping.url, {"kind": "ping"}, secret=key).status == 201
    _, _, headers, body = ping.received[0]
    from standardwebhooks.webhooks import Webhook
    assert Webhook(key).verify(body, dict(headers.items()))["type"] == "grapnel.ping"


def test_a_changed_url_is_asked_again_and_stays_as_it_was_when_it_does_not_pass(grapnel, asked):
    good, bad, app = asked(preservica), asked(lambda h, q: say(h, 404)), grapnel.application()
    ep = create(grapnel, app, good.url, {"kind": "preservica"}, schemeSecret=SECRET).body["id"]
    path = f"/app/{app}/endpoint/{ep}"
    assert grapnel.call("PATCH", path, {"url": bad.url}).status == 422
    assert grapnel.ok("GET", path)["url"] == good.url
    assert grapnel.ok("PATCH", path, {"description": "no new URL, no new question"})["handshake"]["verified"]
    assert len(good.received) == 1
    assert grapnel.ok("PATCH", path, {"url": good.url + "/2"})["handshake"]["verified"]
    assert len(good.received) == 2
    whole = {"url": bad.url, "handshake": {"kind": "preservica"}}
    assert grapnel.call("PUT", path, whole).status == 422
    assert grapnel.ok("GET", path)["url"] == good.url + "/2"


def test_a_changed_scheme_secret_is_asked_for_again(grapnel, asked):
    receiver, app = asked(preservica), grapnel.application()
    ep = create(grapnel, app, receiver.url, {"kind": "preservica"}, schemeSecret=SECRET).body["id"]
    path = f"/app/{app}/endpoint/{ep}"
    refused = grapnel.call("PATCH", path, {"schemeSecret": "not the receiver's"})
    assert refused.status == 422 and "not the HMAC-SHA256" in refused.body["detail"]
    assert grapnel.ok("GET", path)["handshake"]["verified"] and len(receiver.received) == 2
    grapnel.ok("PATCH", path, {"schemeSecret": SECRET})  # what it was: nothing to ask
    grapnel.publish(app, {"n": 1})
    wait_until(lambda: len(receiver.received) == 3, "a delivery, signed as before")
    off = grapnel.ok("PATCH", path, {"disabled": True, "schemeSecret": "the next one"})
    assert off["disabled"] and off["handshake"]["verified"] is False and len(receiver.received) == 3
    assert grapnel.call("POST", path + "/enable").status == 422
    assert grapnel.ok("PATCH", path, {"disabled": False, "schemeSecret": SECRET})["handshake"]["verified"]


def test_an_unverified_endpoint_receives_nothing_until_it_is_enabled_and_passes(grapnel, asked):
    willing = []
    receiver = asked(lambda h, q: say(h, 204 if willing else 500))
    app = grapnel.application()
    made = create(grapnel, app, receiver.url, {"kind": "ping"}, disabled=True)
    assert made.status == 201 and receiver.received == []
    assert (made.body["disabled"], made.body["disabledReason"]) == (True, "unverified")
    assert made.body["handshake"]["verified"] is False
    path = f"/app/{app}/endpoint/{made.body['id']}"
    missed = grapnel.publish(app, {"n": 1})
    assert grapnel.call("POST", path + "/enable").status == 422
    assert grapnel.call("PATCH", path, {"disabled": False}).status == 422
    assert grapnel.ok("GET", path)["disabledReason"] == "unverified"
    willing.append(True)
    assert grapnel.ok("POST", path + "/enable")["handshake"]["verified"]
    sent = grapnel.publish(app, {"n": 2})
    wait_until(lambda: receiver.deliveries(), "the delivery")
    assert [json.loads(r[3]) for r in receiver.deliveries()] == [{"n": 2}]
    assert grapnel.attempts(app, missed) == [] and len(grapnel.attempts(app, sent)) <= 1


def test_handshakes_are_limited_an_application_and_at_once(make_grapnel, asked):
    server = make_grapnel().serve("handshake.per_minute=2", "handshake.at_once=1", "handshake.timeout=5s")
    gate = threading.Event()

    def wait(handler, _query):
        gate.wait(PATIENCE_S)
        say(handler)
    held, quick = asked(wait), asked(lambda h, q: say(h))
    one, two = server.application(), server.application()
    first = threading.Thread(target=create, args=(server, one, held.url, {"kind": "ping"}))
    first.start()
    wait_until(lambda: held.received, "the first handshake")
    assert create(server, two, quick.url, {"kind": "ping"}).status == 503  # at once
    gate.set()
    first.join()
    assert create(server, one, quick.url, {"kind": "ping"}).status == 201
    limited = create(server, one, quick.url, {"kind": "ping"})  # the third of that application
    assert (limited.status, limited.body["code"]) == (429, "too_many_handshakes")
    assert create(server, two, quick.url, {"kind": "ping"}).status == 201


@pytest.mark.parametrize("body, where", [
    ({"handshake": {"kind": "knock"}}, "kind"), ({"handshake": {}}, "kind"), ({"scheme": "rot13"}, "scheme"),
    ({"schemeSecret": "caf\u00e9"}, "schemeSecret"), ({"handshake": {"kind": "preservica"}}, "schemeSecret"),
    ({"handshake": {"kind": "cloudevents", "rate": 0}}, "rate")])
def test_what_makes_no_sense_is_refused(grapnel, body, where):
    app = grapnel.application()
    answer = grapnel.call("POST", f"/app/{app}/endpoint", {"url": "http://127.0.0.1:1/", **body})
    assert answer.status == 422 and where in json.dumps(answer.body)
