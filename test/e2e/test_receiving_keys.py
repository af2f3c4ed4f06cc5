# SPDX-License-Identifier: Apache-2.0
"""Public keys, signed tokens, signatures in bodies, and the handshakes that need one of them, through the server."""
import base64
import functools
import hashlib
import hmac
import json
import pathlib
import subprocess
import tempfile
import time
import urllib.parse

import pytest

from test_receiving import SECRET, door, ingest, mac, make_source, requests_of

JSON = {"content-type": "application/json"}


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, check=True, capture_output=True).stdout


class Pair:
    """A key pair, and signatures made with it by somebody else's program."""

    def __init__(self, *kind):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "key.pem"
        openssl("genpkey", *kind, "-out", str(self.path))
        self.der = openssl("pkey", "-in", str(self.path), "-pubout", "-outform", "DER")
        self.pem = openssl("pkey", "-in", str(self.path), "-pubout").decode()

    @property
    def raw(self):
        return self.der[-32:]  # of Ed25519

    def sign(self, data, digest="-sha256"):
        return openssl("dgst", digest, "-sign", str(self.path), data=data)

    def sign_ed25519(self, data):
        file = self.path.with_name("data")
        file.write_bytes(data)
        return openssl("pkeyutl", "-sign", "-inkey", str(self.path), "-rawin", "-in", str(file))


@functools.lru_cache(None)
def ed25519(number=0):
    return Pair("-algorithm", "ed25519")


@functools.lru_cache(None)
def p256(number=0):
    return Pair("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


@functools.lru_cache(None)
def rsa(number=0):
    return Pair("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


def b64(data):
    return base64.b64encode(data).decode()


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def outcome(server, source):
    row = requests_of(server, source)[0]
    return row["outcome"], row["reason"]


# --- Ed25519 --------------------------------------------------------------------------------------------


def discord(body, pair, at="1700000000"):
    return {**JSON, "x-signature-timestamp": at, "x-signature-ed25519": pair.sign_ed25519(at.encode() + body).hex()}


def test_discord_pings_are_answered_and_interactions_arrive(grapnel, receiver):
    source = make_source(grapnel, "discord", None, config={"publicKey": ed25519().raw.hex()})
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    ping = b'{"id":"1","type":1,"version":1}'
    answer = grapnel.raw("POST", door(source), ping, discord(ping, ed25519()))
    assert (answer.status, json.loads(answer.body)) == (200, {"type": 1})
    for headers in (discord(ping, ed25519(1)), {**discord(ping, ed25519()), "x-signature-timestamp": "1700000001"}):
        refused = grapnel.raw("POST", door(source), ping, headers)  # Discord probes with a wrong signature
        assert (refused.status, refused.body) == (401, b"")
    command = b'{"id":"2","type":2,"data":{"name":"hello"}}'
    assert grapnel.raw("POST", door(source), command, discord(command, ed25519())).status == 200
    assert receiver.wait(1)[0].body == command
    assert grapnel.raw("POST", door(source), command + b" ", discord(command, ed25519())).status == 401
    assert outcome(grapnel, source) == ("rejected", "no_matching_key")


def test_discords_events_have_a_ping_of_their_own(grapnel):
    source = make_source(grapnel, "discord-events", None, config={"publicKey": ed25519().raw.hex()})
    ping = b'{"version":1,"application_id":"1","type":0}'
    answer = grapnel.raw("POST", door(source), ping, discord(ping, ed25519()))
    assert (answer.status, answer.body) == (204, b"")
    assert grapnel.raw("POST", door(source), ping, discord(ping, ed25519(1))).status == 401
    event = b'{"type":1,"event":{"type":"APPLICATION_AUTHORIZED","timestamp":"2026-01-01T00:00:00Z"}}'
    assert grapnel.raw("POST", door(source), event, discord(event, ed25519())).status == 204
    assert requests_of(grapnel, source)[0]["eventType"] == "APPLICATION_AUTHORIZED"


def test_a_second_public_key_verifies_while_the_first_one_does(grapnel):
    source = make_source(grapnel, "telnyx", None, config={"publicKey": b64(ed25519().raw)})

    def send(pair, number, at=None):
        at, body = str(int(at or time.time())), b'{"n":%d}' % number
        headers = {**JSON, "telnyx-timestamp": at, "telnyx-signature-ed25519": b64(pair.sign_ed25519(at.encode() + b"|" + body))}
        return grapnel.raw("POST", door(source), body, headers).status
    assert (send(ed25519(), 1), send(ed25519(1), 2)) == (200, 401)
    ingest(grapnel, "POST", f"/source/{source['id']}/secret/rotate", {"secret": b64(ed25519(1).raw)})
    assert (send(ed25519(), 3), send(ed25519(1), 4)) == (200, 200)
    assert send(ed25519(1), 5, time.time() - 400) == 401
    assert outcome(grapnel, source) == ("rejected", "timestamp_too_old")
    grapnel.restart()
    assert send(ed25519(), 6) == 200


def test_standard_webhooks_takes_public_keys(grapnel):
    source = make_source(grapnel, "standard-webhooks", None, config={"secret": "whpk_" + b64(ed25519().raw)})
    body, at = b'{"type":"a.b"}', str(int(time.time()))
    for pair, status in ((ed25519(), 200), (ed25519(1), 401)):
        signature = b64(pair.sign_ed25519(f"msg_1.{at}.".encode() + body))
        headers = {**JSON, "webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": f"v1a,{signature}"}
        assert grapnel.raw("POST", door(source), body, headers).status == status


# --- ECDSA, RSA -------------------------------------------------------------------------------------------


def test_sendgrids_signed_events_arrive_one_by_one(grapnel, receiver):
    source = make_source(grapnel, "sendgrid", None, config={"publicKey": b64(p256().der)})
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    events = [b'{"email":"a@example.com","event":"dropped","sg_event_id":"ZHJvcC0x"}', b'{"event":"open","sg_event_id":"b3Blbg"}']
    body = b"[" + b",\r\n".join(events) + b"]\r\n"

    def send(pair, text):
        headers = {**JSON, "x-twilio-email-event-webhook-timestamp": "1600112502",
                   "x-twilio-email-event-webhook-signature": b64(pair.sign(b"1600112502" + body))}
        return grapnel.raw("POST", door(source), text, headers).status
    assert send(p256(), body) == 200
    assert sorted(r.body for r in receiver.wait(2)) == sorted(events)
    assert (send(p256(1), body), send(p256(), body.replace(b"open", b"OPEN")), send(p256(), body[:-2])) == (401, 401, 401)
    assert send(p256(), body) == 200
    assert outcome(grapnel, source) == ("duplicate", None)


def test_rsa_signatures_over_a_body_and_over_a_form_field(grapnel):
    wise = make_source(grapnel, "wise", None, config={"publicKey": rsa().pem})
    body = b'{"event_type":"transfers#state-change","n":1}'
    for pair, status in ((rsa(), 200), (rsa(1), 401)):
        headers = {**JSON, "x-signature-sha256": b64(pair.sign(body)), "x-delivery-id": "d-1"}
        assert grapnel.raw("POST", door(wise), body, headers).status == status
    travis = make_source(grapnel, "travis-ci", None, config={"publicKey": rsa().pem})
    payload = '{"id":1,"type":"push","message":"a & b + \u00fc"}'
    form = "payload=" + urllib.parse.quote_plus(payload)
    headers = {"content-type": "application/x-www-form-urlencoded", "signature": b64(rsa().sign(payload.encode(), "-sha1"))}
    assert grapnel.raw("POST", door(travis), form, headers).status == 200
    assert grapnel.raw("POST", door(travis), form.replace("push", "pull"), headers).status == 401


@pytest.mark.parametrize("kind, key", [("discord", "00" * 31), ("sendgrid", "not base64"), ("wise", "-----BEGIN PUBLIC KEY-----\nAAAA\n"),
                                       ("wise", "a shared secret")])
def test_a_key_of_the_wrong_form_verifies_nothing(grapnel, kind, key):
    status, source = ingest(grapnel, "POST", "/source", {"name": kind, "type": kind, "config": {"publicKey": key}})
    if status == 422:
        return
    headers = {**JSON, "x-signature-timestamp": "1", "x-signature-ed25519": "00" * 64, "x-signature-sha256": "AAAA",
               "x-twilio-email-event-webhook-timestamp": "1", "x-twilio-email-event-webhook-signature": "AAAA"}
    assert grapnel.raw("POST", door(source), b"{}", headers).status == 401
    assert outcome(grapnel, source) == ("rejected", "malformed_key")


# --- signed tokens ----------------------------------------------------------------------------------------


def token(claims, sign, alg="HS256", **head):
    text = b64url(json.dumps({"alg": alg, "typ": "JWT", **head}).encode()) + "." + b64url(json.dumps(claims).encode())
    return text + "." + b64url(sign(text.encode()))


def hs256(data, key=SECRET.encode()):
    return hmac.new(key, data, hashlib.sha256).digest()


def test_a_token_is_bound_to_its_body_and_its_algorithm(grapnel, receiver):
    source = make_source(grapnel, "netlify")
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    body = b'{"id":"deploy-1","state":"ready"}'
    claims = {"iss": "netlify", "sha256": hashlib.sha256(body).hexdigest()}

    def send(value, text=body):
        return grapnel.raw("POST", door(source), text, {**JSON, "x-webhook-signature": value}).status
    assert send(token(claims, hs256)) == 200
    assert receiver.wait(1)[0].body == body
    cases = [(token(claims, lambda data: hs256(data, b"another")), body, "no_matching_key"),
             (token(claims, hs256), body + b" ", "claim_mismatch"),
             (token({**claims, "iss": "evil"}, hs256), body, "claim_mismatch"),
             (token(claims, lambda data: b"", alg="none"), body, "unsupported"),
             (token(claims, hs256, alg="HS512"), body, "unsupported"),
             (token(claims, rsa().sign, alg="RS256"), body, "unsupported")]
    for value, text, reason in cases:
        assert send(value, text) == 401
        assert outcome(grapnel, source) == ("rejected", reason)
    assert send("nonsense") == 401 and len(receiver.received) == 1


def test_a_public_key_is_no_shared_secret_of_a_token(grapnel):
    source = make_source(grapnel, "kinde", None, config={"publicKey": rsa().pem})
    claims = {"type": "user.created", "event_id": "event_1"}

    def send(text):
        return grapnel.raw("POST", door(source), text.encode(), {"content-type": "application/jwt"}).status
    assert send(token(claims, rsa().sign, alg="RS256", kid="1")) == 200
    assert send(token(claims, lambda data: hs256(data, rsa().pem.encode()))) == 401
    assert outcome(grapnel, source) == ("rejected", "unsupported")
    assert send(token(claims, rsa(1).sign, alg="RS256")) == 401
    assert outcome(grapnel, source) == ("rejected", "no_matching_key")


def test_a_detached_token_signs_the_body(grapnel):
    source = make_source(grapnel, "fireblocks-v2", None, config={"publicKey": rsa().pem})
    body = b'{"id":"1","eventType":"transaction.created"}'
    head = b64url(b'{"alg":"RS512","kid":"1"}')
    signature = b64url(rsa().sign(f"{head}.{b64url(body)}".encode(), "-sha512"))
    headers = {**JSON, "fireblocks-webhook-signature": f"{head}..{signature}"}
    assert grapnel.raw("POST", door(source), body, headers).status == 200
    assert grapnel.raw("POST", door(source), body + b"\n", headers).status == 401


# --- signatures in bodies ----------------------------------------------------------------------------------


def test_mailguns_signature_is_in_the_body_and_its_token_counts_once(grapnel):
    source = make_source(grapnel, "mailgun")
    at = str(int(time.time()))

    def send(signature, number=1):
        body = {"signature": {"timestamp": at, "token": "a" * 50, "signature": signature}, "event-data": {"event": "opened", "n": number}}
        return grapnel.raw("POST", door(source), json.dumps(body).encode(), JSON).status
    assert send(mac(at + "a" * 50)) == 200
    assert requests_of(grapnel, source)[0]["eventType"] == "opened"
    assert send(mac(at + "b" * 50)) == 401
    assert send(mac(at + "a" * 50), 2) == 200
    assert outcome(grapnel, source) == ("duplicate", None)  # what the signature does not cover cannot be replayed with it


def test_every_item_of_adyens_must_be_signed_and_they_stay_together(grapnel, receiver):
    key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
    source = make_source(grapnel, "adyen", secret=key)
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})

    def item(reference, event="AUTHORISATION", secret=key):
        signed = f"{reference}::Merchant:order:1130:EUR:{event}:true"
        signature = b64(hmac.new(bytes.fromhex(secret), signed.encode(), hashlib.sha256).digest())
        return {"NotificationRequestItem": {
            "pspReference": reference, "merchantAccountCode": "Merchant", "merchantReference": "order",
            "amount": {"currency": "EUR", "value": 1130}, "eventCode": event, "success": "true",
            "additionalData": {"hmacSignature": signature}}}

    def send(*items):
        return grapnel.raw("POST", door(source), json.dumps({"live": "false", "notificationItems": items}).encode(), JSON)
    answer = send(item("p-1"))
    assert (answer.status, answer.body) == (200, b"[accepted]")
    assert send(item("p-1", "CAPTURE")).status == 200  # another event of the same payment
    assert [r["outcome"] for r in requests_of(grapnel, source)] == ["accepted", "accepted"]
    assert send(item("p-2"), item("p-3")).status == 200
    assert json.loads(receiver.wait(3)[2].body)["live"] == "false"
    assert send(item("p-4"), item("p-5", secret="00" * 32)).status == 401
    assert outcome(grapnel, source) == ("rejected", "no_matching_key")


# --- handshakes ------------------------------------------------------------------------------------------


def test_twitchs_callback_is_verified_when_it_is_signed(grapnel):
    source = make_source(grapnel, "twitch")
    body = '{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{"id":"1"}}'

    def send(secret, kind="webhook_callback_verification", number=1):
        at = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime())
        headers = {**JSON, "twitch-eventsub-message-id": f"m-{number}", "twitch-eventsub-message-timestamp": at,
                   "twitch-eventsub-message-type": kind,
                   "twitch-eventsub-message-signature": "sha256=" + mac(f"m-{number}{at}{body}", secret=secret)}
        return grapnel.raw("POST", door(source), body, headers)
    answer = send(SECRET)
    assert (answer.status, answer.body) == (200, b"pogchamp-kappa-360noscope-vohiyo")
    assert answer.headers["content-type"].startswith("text/plain")
    refused = send("another")
    assert refused.status == 401 and b"pogchamp" not in refused.body
    assert 200 <= send(SECRET, "revocation", 2).status < 300
    assert requests_of(grapnel, source)[0]["eventType"] == "revocation"


def test_braintrees_challenge_is_answered_and_no_oracle(grapnel):
    source = make_source(grapnel, "braintree", None, config={"secret": "private_key", "companion": "integration_public_key"})
    key = hashlib.sha1(b"private_key").digest()

    def challenge(text):
        return grapnel.raw("GET", door(source) + "?bt_challenge=" + urllib.parse.quote(text))
    code = "20f9f8ed05f77439fe955c977e4c8a53"
    answer = challenge(code)
    assert answer.status == 200
    assert answer.body.decode() == "integration_public_key|" + hmac.new(key, code.encode(), hashlib.sha1).hexdigest()
    for forged in ("PG5vdGlmaWNhdGlvbj4=", code.upper(), code + "00", "<xml/>"):
        refused = challenge(forged)
        assert refused.status == 401 and b"integration_public_key" not in refused.body
    payload = base64.encodebytes(b"<notification><kind>check</kind></notification>").decode()
    for secret, status in ((key, 200), (b"x" * 20, 401)):
        signature = "integration_public_key|" + hmac.new(secret, payload.encode(), hashlib.sha1).hexdigest()
        form = urllib.parse.urlencode({"bt_signature": signature, "bt_payload": payload})
        assert grapnel.raw("POST", door(source), form, {"content-type": "application/x-www-form-urlencoded"}).status == status


def test_ebays_challenge_is_a_hash_of_code_token_and_address(grapnel):
    source = make_source(grapnel, "ebay", None, config={"verifyToken": "71745723-d031-455c-bfa5-f90d11b4f20a"})
    answer = grapnel.raw("GET", door(source) + "?challenge_code=a8628072-3d33-45ee-9004-bee86830a22d")
    signed = "a8628072-3d33-45ee-9004-bee86830a22d" + "71745723-d031-455c-bfa5-f90d11b4f20a" + source["ingestUrl"]
    assert (answer.status, json.loads(answer.body)) == (200, {"challengeResponse": hashlib.sha256(signed.encode()).hexdigest()})
    assert answer.headers["content-type"].startswith("application/json")
    assert grapnel.raw("GET", door(source) + "?challenge_code=" + "a" * 300).status == 401
    bare = make_source(grapnel, "ebay", None)
    assert b"challengeResponse" not in grapnel.raw("GET", door(bare) + "?challenge_code=abc").body


def test_adobe_signs_client_id_is_echoed_when_it_is_ours(grapnel):
    source = make_source(grapnel, "adobe-sign", None, config={"clientId": "UB7E5BXCXY"})
    answer = grapnel.raw("GET", door(source), None, {"x-adobesign-clientid": "UB7E5BXCXY"})
    assert (answer.status, answer.headers["x-adobesign-clientid"]) == (200, "UB7E5BXCXY")
    refused = grapnel.raw("GET", door(source), None, {"x-adobesign-clientid": "ANOTHER"})
    assert refused.status == 401 and "x-adobesign-clientid" not in refused.headers
    assert grapnel.raw("POST", door(source), b"{}", {**JSON, "x-adobesign-clientid": "UB7E5BXCXY"}).status == 200
    assert grapnel.raw("POST", door(source), b"{}", JSON).status == 401


def test_xeros_intent_to_receive_gets_200_and_401(grapnel):
    source = make_source(grapnel, "xero")
    body = b'{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}'
    for secret, status in ((SECRET, 200), ("wrong", 401), (SECRET, 200)):
        signature = b64(hmac.new(secret.encode(), body, hashlib.sha256).digest())
        answer = grapnel.raw("POST", door(source), body, {**JSON, "x-xero-signature": signature})
        assert (answer.status, answer.body) == (status, b"")


@pytest.mark.parametrize("kind, words", [("cron", "timer"), ("vgs", "not published"), ("nonsense", "no preset")])
def test_a_type_that_is_not_there_says_why(grapnel, kind, words):
    status, answer = ingest(grapnel, "POST", "/source", {"name": kind, "type": kind, "config": {"schedule": "* * * * *", "payload": "{}"}})
    assert status == 422 and words in json.dumps(answer)


# --- keys as providers hand them out, and what tokens must say -------------------------------------------


def test_a_certificate_and_a_json_web_key_are_taken_as_public_keys(grapnel, tmp_path):
    openssl("req", "-x509", "-key", str(rsa().path), "-out", str(tmp_path / "cert.pem"), "-subj", "/CN=x", "-days", "9")
    numbers = {"n": bytes.fromhex(openssl("rsa", "-in", str(rsa().path), "-noout", "-modulus").decode().strip().split("=")[1])}
    point = p256().der[-64:]
    body = b'{"event_type":"x"}'
    for kind, key, headers in [
            ("wise", (tmp_path / "cert.pem").read_text(), {"x-signature-sha256": b64(rsa().sign(body))}),
            ("wise", json.dumps({"kty": "RSA", "n": b64url(numbers["n"]), "e": "AQAB"}), {"x-signature-sha256": b64(rsa().sign(body))}),
            ("sendgrid", json.dumps({"kty": "EC", "crv": "P-256", "x": b64url(point[:32]), "y": b64url(point[32:])}),
             {"x-twilio-email-event-webhook-timestamp": "1", "x-twilio-email-event-webhook-signature": b64(p256().sign(b"1" + body))}),
            ("discord", json.dumps({"kty": "OKP", "crv": "Ed25519", "x": b64url(ed25519().raw)}), discord(body, ed25519()))]:
        source = make_source(grapnel, kind, None, config={"publicKey": key})
        assert grapnel.raw("POST", door(source), body, {**JSON, **headers}).status == 200, (kind, key)
        assert grapnel.raw("POST", door(source), body + b" ", {**JSON, **headers}).status == 401, (kind, key)
    for broken in ('{"kty":"RSA","n":"AQAB"}', '{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}', "{}", '{"kty":"oct","k":"AA"}'):
        status, _ = ingest(grapnel, "POST", "/source", {"name": "x", "type": "wise", "config": {"publicKey": broken}})
        assert status == 422


def test_vonages_requests_without_a_body_need_no_hash_of_one(grapnel):
    source = make_source(grapnel, "vonage")

    def send(method, body, **claims):
        bearer = token({"iss": "Vonage", "iat": int(time.time()), **claims}, hs256)
        return grapnel.raw(method, door(source) + "?to=1", body, {**JSON, "authorization": f"Bearer {bearer}"}).status
    assert send("GET", b"") == 200
    assert send("POST", b"{}", payload_hash=hashlib.sha256(b"{}").hexdigest()) == 200
    assert send("POST", b"{}") == 401
    assert send("POST", b"{ }", payload_hash=hashlib.sha256(b"{}").hexdigest()) == 401


def test_mailguns_routed_mail_is_a_form_with_its_signature_beside_the_rest(grapnel):
    source = make_source(grapnel, "mailgun")
    at = str(int(time.time()))
    form = f"sender=a%40b.c&timestamp={at}&token={'a' * 50}&signature={mac(at + 'a' * 50)}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert grapnel.raw("POST", door(source), form.encode(), headers).status == 200
    assert grapnel.raw("POST", door(source), form.replace("token=a", "token=b").encode(), headers).status == 401
    assert grapnel.raw("POST", door(source), form.encode(), headers).status == 200
    assert outcome(grapnel, source) == ("duplicate", None)


def multipart(*parts):
    lines = [f'--b1\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n' for name, more, value in parts]
    return "".join([*lines, "--b1--\r\n"]).encode()


def test_mail_with_attachments_comes_as_a_multipart_form(grapnel):
    source = make_source(grapnel, "mailgun")
    at = str(int(time.time()))

    def send(token="a" * 50, signature=None, extra=()):
        body = multipart(("sender", "", "a@b.c"), ("attachment-1", '; filename="signature"\r\nContent-Type: image/png', "\x89--b1"),
                         ("timestamp", "", at), ("token", "", token), ("signature", "", signature or mac(at + "a" * 50)), *extra)
        return grapnel.raw("POST", door(source), body, {"content-type": "multipart/form-data; boundary=b1"}).status
    assert send() == 200
    assert outcome(grapnel, source) == ("accepted", None)
    assert send("b" * 50) == 401
    assert send(signature="0" * 64) == 401
    assert send(extra=[("token", "", "b" * 50)]) == 401  # which of the two would be the reader's?
    assert outcome(grapnel, source) == ("rejected", "duplicate_header")
    assert send() == 200
    assert outcome(grapnel, source) == ("duplicate", None)


def test_elevenlabs_signs_as_its_own_library_checks(grapnel):
    source = make_source(grapnel, "elevenlabs")
    body = '{"type":"post_call_transcription"}'

    def send(at, text=body):
        headers = {**JSON, "elevenlabs-signature": f"t={at},v0={mac(f'{at}.{body}')}"}
        return grapnel.raw("POST", door(source), text.encode(), headers).status
    now = int(time.time())
    assert [send(now), send(now - 1200), send(now - 2400), send(now, body + " ")] == [200, 200, 401, 401]


def test_notions_token_is_shown_and_replaced_until_an_event_verifies(grapnel):
    source = make_source(grapnel, "notion", secret=None)
    path = f"/source/{source['id']}"

    def hand_over(secret):
        return grapnel.raw("POST", door(source), json.dumps({"verification_token": secret}).encode(), JSON).status

    def send(secret, number):
        body = json.dumps({"id": f"e-{number}", "type": "page.created"})
        headers = {**JSON, "x-notion-signature": "sha256=" + mac(body, secret=secret)}
        return grapnel.raw("POST", door(source), body.encode(), headers).status

    def shown():
        return ingest(grapnel, "GET", path)[1]["config"].get("verificationToken")
    assert hand_over("secret_first_token") == 200 and shown() == "secret_first_token"
    assert hand_over("secret_second_token") == 200 and shown() == "secret_second_token"
    assert requests_of(grapnel, source) == []  # nothing of it is kept in clear
    assert ingest(grapnel, "POST", f"{path}/dashboard")[0] == 200
    assert send("secret_first_token", 1) == 401
    grapnel.restart()
    assert send("secret_second_token", 2) == 200
    assert shown() is None
    assert hand_over("secret_third_token") == 401
    assert send("secret_second_token", 3) == 200


def test_mandrill_asks_for_its_address_before_there_is_a_key(grapnel):
    source = make_source(grapnel, "mandrill", secret=None)
    assert grapnel.raw("HEAD", door(source)).status == 200
    assert grapnel.raw("POST", door(source), b"mandrill_events=[]", {"content-type": "application/x-www-form-urlencoded"}).status == 401


def test_events_come_by_the_methods_that_the_source_takes(grapnel):
    def methods_taken(source):
        return [method for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
                if grapnel.raw(method, door(source), b"{}" if method not in ("GET", "HEAD", "OPTIONS") else b"").status == 200]
    source = make_source(grapnel, "generic-webhook", None)
    assert methods_taken(source) == ["POST", "PUT"]
    rejected = [r for r in requests_of(grapnel, source) if r["outcome"] == "rejected"]
    assert {r["reason"] for r in rejected} == {"method_not_allowed"} and len(rejected) == 5
    answer = grapnel.raw("GET", door(source))
    assert (answer.status, answer.headers["allow"]) == (405, "POST, PUT")
    wide = make_source(grapnel, "generic-webhook", None, settings={"methods": ["GET", "DELETE"]})
    assert methods_taken(wide) == ["GET", "DELETE"]
    status, _ = ingest(grapnel, "POST", "/source", {"name": "x", "type": "generic-webhook", "settings": {"methods": ["HEAD"]}})
    assert status == 422


def test_a_challenge_code_may_hold_what_is_no_token(grapnel):
    source = make_source(grapnel, "preservica")
    code = 'a b"c\\d{e}:f'
    answer = grapnel.raw("POST", door(source) + "?challengeCode=" + urllib.parse.quote(code), b"")
    assert json.loads(answer.body) == {"challengeCode": code, "challengeResponse": mac(code)}
    oracle = urllib.parse.quote('preservica-webhook-auth{"events":[]}')
    assert grapnel.raw("POST", door(source) + "?challengeCode=" + oracle, b"").status == 401


def test_preservicas_trigger_is_the_type(grapnel):
    source = make_source(grapnel, "preservica")
    body = '{"trigger":"MOVED","events":[{"ref":"1"},{"ref":"2"}]}'
    headers = {**JSON, "preservica-signature": mac("preservica-webhook-auth" + body)}
    assert grapnel.raw("POST", door(source), body.encode(), headers).status == 200
    assert requests_of(grapnel, source)[0]["eventType"] == "MOVED"
