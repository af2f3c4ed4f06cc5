# SPDX-License-Identifier: Apache-2.0
"""Presets beside the providers' own libraries: what one accepts the other accepts, and what one refuses the other refuses.

Needs the libraries (requirements.txt, package.json); tools/check-presets installs them and runs this. What the two judge
differently on purpose stands in DIFFERENCES with its reason, and nowhere else."""
import base64
import dataclasses
import hashlib
import hmac
import importlib.metadata
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import cases_go  # noqa: E402
import cases_javascript  # noqa: E402
import cases_python  # noqa: E402
import presets  # noqa: E402

BINARY = os.environ.get("GRAPNEL_BIN", str(HERE.parent.parent / "build/gcc/grapnel"))
PRESETS = {preset.name: preset for preset in presets.load(BINARY)}
URL = "https://hooks.example.com/in/abc"
FORM = "application/x-www-form-urlencoded"

JUDGES = [(name, "Python", *what) for name, what in sorted(cases_python.JUDGES.items())]
JUDGES += [(name, "JavaScript", *what) for name, what in sorted(cases_javascript.JUDGES.items())]
JUDGES += [(name, "Go", *what) for name, what in sorted(cases_go.JUDGES.items())]
IDS = [f"{name}-{language}" for name, language, *_ in JUDGES]


@dataclasses.dataclass
class Request:
    preset: str
    secret: str
    body: bytes
    headers: dict
    url: str = URL
    companion: str = ""

    def but(self, **changes):
        return dataclasses.replace(self, **changes)


# --- ours ---------------------------------------------------------------------------------------------------------

def ours(r):
    command = [BINARY, "verify", f"--preset={r.preset}", f"--secret={r.secret}", "--method=POST", f"--url={r.url}"]
    command += [f"--header={name}: {value}" for name, value in r.headers.items()]
    command += [f"--companion={r.companion}"] if r.companion else []
    return subprocess.run(command, input=r.body, capture_output=True, check=False).returncode == 0


def theirs(judge, r):
    try:
        return bool(judge(r))
    except Exception as refused:  # whatever a library raises is its refusal; an accepted request never gets here
        theirs.last = refused
        return False


# --- requests as the provider makes them ------------------------------------------------------------------------------

BODY = {"id": "evt-1", "type": "made", "event": "made", "time_ms": 0, "event_type": "made"}
SECRETS = {
    "base64": ["whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (65, 66, 67)],
    "raw": ["the first secret of some length", "the second secret, as long as it", "a third one that nobody knows of"],
    "sha1": ["the first private key of some length", "the second private key", "a third private key"],
    "hex": ["41" * 32, "42" * 32, "43" * 32],
}


def signed(name, secrets, body, headers, at, url=URL, companion=""):
    """By our own program, as `grapnel verify --sign` does it."""
    command = [BINARY, "verify", "--sign", f"--preset={name}", "--method=POST", f"--url={url}"]
    command += [f"--secret={secret}" for secret in secrets] + [f"--header={key}: {value}" for key, value in headers.items()]
    command += [f"--companion={companion}"] if companion else []
    command += [f"--at={int(at)}"]
    made = subprocess.run(command, input=body, capture_output=True, check=True).stdout.decode()
    return made


def with_headers(headers, made):
    lines = (line.split(": ", 1) for line in made.splitlines())
    return {**headers, **{key.lower(): value for key, value in lines}}


def default_headers(preset):
    headers = {"content-type": "application/json"}
    for place in preset.all("id")[:1]:
        if place.startswith("header "):
            headers[place.split()[1].lower()] = "delivery-1"
    for rule in preset.all("require"):
        match = re.match(r"header (\S+) = ([^{]+)$", rule)
        if match:
            headers[match[1].lower()] = match[2]
    for header in re.findall(r"\{header:([^}|]+)", preset.first("msg") or ""):
        headers.setdefault(header.lower(), "made")
    return headers


def make_shared(name, secrets, at):
    preset = PRESETS[name]
    body = {**BODY, "time_ms": int(at * 1000), "webhookTimestamp": int(at * 1000), "events": [{"id": "EV1", "action": "made"}]}
    body = json.dumps([BODY] if preset.first("items") == "root" else body, separators=(",", ":")).encode()
    headers = default_headers(preset)
    return Request(name, secrets[0], body, with_headers(headers, signed(name, secrets, body, headers, at)))


def twilio_settings(name):
    return {"x-twilio-webhooks-signature-settings": "key=SK1,algorithm=HMAC_SHA256"} if name.endswith("sha256") else {}


def make_form(name, secrets, at):
    body = b"Body=Hello+%C3%A9&From=%2B15551234&Empty=&Twice=2&Twice=1"
    headers = {"content-type": FORM, **twilio_settings(name)}
    return Request(name, secrets[0], body, with_headers(headers, signed(name, secrets, body, headers, at)))


def make_twilio_json(name, secrets, at):
    body = json.dumps(BODY).encode()
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"content-type": "application/json", **twilio_settings(name)}
    return Request(name, secrets[0], body, with_headers(headers, signed(name, secrets, body, headers, at, url)), url)


def make_mercado_pago(name, secrets, at):
    url = f"{URL}?data.id=ABC123&type=payment"
    headers = {"content-type": "application/json", "x-request-id": "r-1"}
    return Request(name, secrets[0], json.dumps(BODY).encode(),
                   with_headers(headers, signed(name, secrets, b"{}", headers, at, url)), url)


def make_braintree(name, secrets, at):
    payload = base64.encodebytes(b"<notification><kind>check</kind><timestamp type=\"datetime\">2026-01-01T00:00:00Z</timestamp>"
                                 b"<subject><check type=\"boolean\">true</check></subject></notification>").decode()
    headers = {"content-type": FORM}
    body = urllib.parse.urlencode({"bt_payload": payload}).encode()
    signature = signed(name, secrets, body, headers, at, companion="public-key").strip()
    body = urllib.parse.urlencode({"bt_payload": payload, "bt_signature": signature}).encode()
    return Request(name, secrets[0], body, headers, companion="public-key")


def make_adyen(name, secrets, at):
    import Adyen.util
    items = []
    for number in (1, 2):
        item = {"pspReference": f"psp-{number}", "originalReference": "", "merchantAccountCode": "M", "merchantReference": "a:b\\c",
                "amount": {"value": 1130, "currency": "EUR"}, "eventCode": "AUTHORISATION", "success": "true"}
        signature = Adyen.util.generate_notification_sig(item, secrets[0]).decode()
        items.append({"NotificationRequestItem": {**item, "additionalData": {"hmacSignature": signature}}})
    return Request(name, secrets[0], json.dumps({"live": "false", "notificationItems": items}).encode(),
                   {"content-type": "application/json"})


def ed25519_pair(encode):
    key = ed25519.Ed25519PrivateKey.generate()
    return key, encode(key.public_key().public_bytes_raw())


def make_discord(name, secrets, at):
    body, stamp = json.dumps({"type": 2}).encode(), str(int(at))
    pair = make_discord.pairs.setdefault(secrets[0], ed25519_pair(lambda raw: raw.hex()))
    headers = {"x-signature-ed25519": pair[0].sign(stamp.encode() + body).hex(), "x-signature-timestamp": stamp}
    return Request(name, pair[1], body, headers)


def make_telnyx(name, secrets, at):
    body, stamp = json.dumps(BODY).encode(), str(int(at))
    pair = make_discord.pairs.setdefault(secrets[0] + "b64", ed25519_pair(lambda raw: base64.b64encode(raw).decode()))
    signature = base64.b64encode(pair[0].sign(f"{stamp}|".encode() + body)).decode()
    return Request(name, pair[1], body, {"telnyx-signature-ed25519": signature, "telnyx-timestamp": stamp})


make_discord.pairs = {}


def make_sendgrid(name, secrets, at):
    key = make_discord.pairs.setdefault(secrets[0] + "ec", ec.generate_private_key(ec.SECP256R1()))
    body, stamp = json.dumps([{"event": "open", "sg_event_id": "1"}]).encode() + b"\r\n", str(int(at))
    public = base64.b64encode(key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()
    signature = base64.b64encode(key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    return Request(name, public, body, {"x-twilio-email-event-webhook-signature": signature,
                                        "x-twilio-email-event-webhook-timestamp": stamp})


def make_token(name, secrets, at):
    body = json.dumps(BODY).encode()
    claims = {"jti": "j-1", "iat": int(at), "nbf": int(at), "exp": int(at) + 300, "payload_hash": hashlib.sha256(body).hexdigest()}
    if name == "messagebird":
        url = f"{URL}?a=1&b=%20c"
        token = jwt.encode({**claims, "iss": "MessageBird", "url_hash": hashlib.sha256(url.encode()).hexdigest()}, secrets[0])
        return Request(name, secrets[0], body, {"messagebird-signature-jwt": token}, url)
    if name == "atlassian-connect":
        claims.pop("payload_hash")
        return Request(name, secrets[0], body, {"authorization": f"JWT {jwt.encode(claims, secrets[0])}"})
    return Request(name, secrets[0], body, {"authorization": f"Bearer {jwt.encode(claims, secrets[0])}"})


def make_mailgun(name, secrets, at, shape="multipart"):
    fields = {"timestamp": str(int(at)), "token": "a" * 50}
    fields["signature"] = hmac.new(secrets[0].encode(), (fields["timestamp"] + fields["token"]).encode(), hashlib.sha256).hexdigest()
    if shape == "json":
        return Request(name, secrets[0], json.dumps({"signature": fields, "event-data": {"event": "made"}}).encode(),
                       {"content-type": "application/json"})
    if shape == "form":
        return Request(name, secrets[0], urllib.parse.urlencode(fields).encode(), {"content-type": FORM})
    parts = [f'--b1\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    attachment = '--b1\r\nContent-Disposition: form-data; name="attachment-1"; filename="x.png"\r\n\r\n--b2\r\n--b1--\r\n'
    return Request(name, secrets[0], "".join([*parts, attachment]).encode(), {"content-type": "multipart/form-data; boundary=b1"})


def make_basic(name, secrets, at):
    header = "Basic " + base64.b64encode(secrets[0].encode()).decode()
    return Request(name, secrets[0], json.dumps(BODY).encode(), {"content-type": "application/json", "authorization": header})


def make_wix(name, secrets, at):
    key = make_discord.pairs.setdefault(secrets[0] + "rsa", rsa.generate_private_key(public_exponent=65537, key_size=2048))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    data = json.dumps({"data": json.dumps({"id": "1"}), "instanceId": "i", "eventType": "made"})
    token = jwt.encode({"data": data, "iat": int(at), "exp": int(at) + 300}, key, "RS256")
    return Request(name, public, token.encode(), {"content-type": "text/plain"})


MAKERS = {"twilio": make_form, "twilio-json": make_twilio_json, "twilio-sha256": make_form, "twilio-json-sha256": make_twilio_json, "mercado-pago": make_mercado_pago, "braintree": make_braintree,
          "adyen": make_adyen, "discord": make_discord, "discord-events": make_discord, "telnyx": make_telnyx,
          "sendgrid": make_sendgrid, "vonage": make_token, "messagebird": make_token, "wix": make_wix, "mailgun": make_mailgun,
          "atlassian-connect": make_token, "chargebee": make_basic}


def secrets_of(name):
    kind = PRESETS[name].key
    if PRESETS[name].auth == "basic":
        return ["user:one password", "user:another", "somebody:one password"]
    return SECRETS.get(kind, SECRETS["raw"]) if name != "line" else SECRETS["raw"]


def make(name, at=None, secrets=None):
    return MAKERS.get(name, make_shared)(name, secrets or secrets_of(name)[:1], at or time.time())


# --- what the two judge differently, and why ---------------------------------------------------------------------------

# (preset, language or "any", what): (ours, theirs), why. `what`: "ahead" and "late" are times, "rotation" two signatures.
DIFFERENCES = {
    ("vonage", "any", "ahead"): (True, False, "clocks may differ by 60 s where a token has times of its own"),
    ("messagebird", "any", "ahead"): (True, False, "the same"),
    ("vonage", "any", "late"): (True, False, "the same"),
    ("messagebird", "any", "late"): (True, False, "the same"),
    ("vonage", "any", "altered"): (False, True, "the libraries leave the claim payload_hash to their callers"),
    ("atlassian-connect", "JavaScript", "late"): (False, True, "the library leaves the token's times to its callers"),
    ("atlassian-connect", "JavaScript", "ahead"): (False, True, "the same"),
    ("buildkite", "Go", "late"): (False, True, "the library leaves the time to its callers; the documents say to check it"),
    ("buildkite", "Go", "ahead"): (False, True, "the same"),
    ("wix", "JavaScript", "late"): (True, False, "clocks may differ by 60 s where a token has times of its own"),
    ("replicate", "JavaScript", "late"): (False, True, "only their Python library looks at the time"),
    ("replicate", "JavaScript", "ahead"): (False, True, "the same"),
    ("slack", "JavaScript", "ahead"): (False, True, "their Python library refuses what is 300 s ahead"),
    ("paddle", "JavaScript", "rotation"): (True, False, "their Python library takes any of several signatures, this one the last"),
    ("box", "any", "ahead"): (True, False, "the library allows no clock to be behind; a minute is allowed here"),
    ("pusher", "Python", "late"): (True, False, "only this one of their libraries looks at the time, and deliveries are repeated for "
                                                "just as long: a source sets a window if it wants one"),
    ("pusher", "Python", "ahead"): (True, False, "the same"),
    ("workos", "JavaScript", "ahead"): (False, True, "their Python library refuses what is 180 s ahead"),
    ("paddle", "JavaScript", "ahead"): (False, True, "their Python library refuses what is 5 s ahead"),
}
# Their libraries read one signature, and the provider sends one.
SINGLE = ("buildkite", "elevenlabs", "mercado-pago", "sanity", "workos")


def may_differ(name, language, what, verdicts):
    known = DIFFERENCES.get((name, language, what)) or DIFFERENCES.get((name, "any", what))
    return known is not None and verdicts == known[:2]


# --- the tests -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, language, package, judge", JUDGES, ids=IDS)
def test_both_accept_what_the_provider_signs(name, language, package, judge):
    request = make(name)
    assert ours(request)
    assert theirs(judge, request), getattr(theirs, "last", None)


@pytest.mark.parametrize("name, language, package, judge", JUDGES, ids=IDS)
def test_both_refuse_another_key(name, language, package, judge):
    request = make(name)
    other = make(name, secrets=secrets_of(name)[2:]).secret
    assert not ours(request.but(secret=other))
    assert not theirs(judge, request.but(secret=other))


def altered(request):
    if request.preset == "mailgun":
        return request.body.replace(b"a" * 50, b"a" * 49 + b"b")
    if request.preset == "adyen":
        return request.body.replace(b"1130", b"9130")
    if request.preset == "braintree":
        return request.body.replace(b"bt_payload=P", b"bt_payload=Q")
    return request.body.replace(b"made", b"Made", 1).replace(b"Hello", b"hello").replace(b'"type": 2', b'"type": 3').replace(
        b'"open"', b'"Open"')


@pytest.mark.parametrize("name, language, package, judge", JUDGES, ids=IDS)
def test_both_refuse_an_altered_body(name, language, package, judge):
    if name in ("mercado-pago", "wix", "atlassian-connect", "chargebee"):
        pytest.skip("the body is not signed, or is the token itself")
    request = make(name)
    forged = request.but(body=altered(request))
    assert forged.body != request.body
    assert not ours(forged)
    if not may_differ(name, language, "altered", (False, True)):
        assert not theirs(judge, forged)


@pytest.mark.parametrize("name, language, package, judge", JUDGES, ids=IDS)
def test_both_refuse_what_is_not_signed(name, language, package, judge):
    request = make(name)
    bare = request.but(headers={"content-type": request.headers.get("content-type", "")})
    if bare.headers == request.headers:
        pytest.skip("the signature is in the body")
    assert not ours(bare)
    assert not theirs(judge, bare)


AGES_S = [-90000, -3600, -400, -200, -30, -3, 3, 30, 70, 170, 200, 290, 310, 400, 590, 610, 1700, 1900, 90000]


@pytest.mark.parametrize("name, language, package, judge", JUDGES, ids=IDS)
def test_both_take_the_same_times(name, language, package, judge):
    differ = []
    for age in AGES_S:
        request = make(name, at=time.time() - age)
        verdicts = ours(request), theirs(judge, request)
        if verdicts[0] != verdicts[1] and not may_differ(name, language, "late" if age > 0 else "ahead", verdicts):
            differ.append((age, *verdicts))
    assert not differ, f"(age in seconds, ours, theirs): {differ}"


LISTS = [case for case in JUDGES if PRESETS[case[0]].all("accept") and PRESETS[case[0]].auth == "hmac"
         and case[0] not in ("braintree", *SINGLE)]


@pytest.mark.parametrize("name, language, package, judge", LISTS, ids=[f"{n}-{lang}" for n, lang, *_ in LISTS])
def test_both_accept_either_key_while_a_secret_is_replaced(name, language, package, judge):
    old, new, none = secrets_of(name)
    request = make(name, secrets=[old, new])
    for secret in (old, new):
        verdicts = ours(request.but(secret=secret)), theirs(judge, request.but(secret=secret))
        assert verdicts == (True, True) or may_differ(name, language, "rotation", verdicts), getattr(theirs, "last", None)
    assert not ours(request.but(secret=none))
    assert not theirs(judge, request.but(secret=none))


@pytest.mark.parametrize("shape", ["json", "form", "multipart"])
def test_mailguns_three_kinds_of_bodies_are_read_alike(shape):
    judge = cases_go.JUDGES["mailgun"][1]
    request = make_mailgun("mailgun", secrets_of("mailgun"), time.time(), shape)
    assert ours(request) and theirs(judge, request), getattr(theirs, "last", None)
    forged = request.but(body=altered(request))
    assert not ours(forged) and not theirs(judge, forged)


def checked_lines(name):
    return [line.removeprefix("checked ") for line in PRESETS[name].text.splitlines() if line.startswith("checked ")]


@pytest.mark.parametrize("name, language, package, judge", JUDGES, ids=IDS)
def test_the_preset_names_the_library_and_its_version(name, language, package, judge):
    versions = {"Python": importlib.metadata.version, "JavaScript": cases_javascript.version, "Go": cases_go.version}
    version = versions[language](package)
    assert any(line.startswith(f"library {package} {version} ({language}), ") for line in checked_lines(name)), checked_lines(name)


def test_no_preset_claims_a_library_that_is_not_run_here():
    run = {(name, package, language) for name, language, package, _ in JUDGES}
    claimed = {(name, match[1], match[2]) for name in PRESETS for line in checked_lines(name)
               if (match := re.match(r"library (\S+) \S+ \((\w+)\)", line))}
    assert claimed <= run
