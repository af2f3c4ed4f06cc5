# SPDX-License-Identifier: Apache-2.0
"""The Preservica dialect with the real pyPreservica: its client, and its own receivers."""
import hashlib
import http.client
import json
import pathlib
import subprocess
import threading
import time
import urllib.parse

import flask
import pyotp
import pyPreservica
import pytest
import requests
import werkzeug.serving
from pyPreservica.webHooksAPI import FlaskWebhookHandler, TriggerType, WebHooksAPI

from conftest import SLOWER, binary, wait_until
from preservica_receiver import SECRET, PreservicaReceiver

PASSWORD = "correct horse"
MANAGERS = ("admin", "manager", "config-manager")


class Tenants:
    """A server with the dialect on, and its users and tenants."""

    def __init__(self, grapnel):
        self.grapnel = grapnel

    def command(self, *arguments, given=""):
        done = subprocess.run([binary(), *arguments, f"--store.dir={self.grapnel.store}"], input=given, text=True,
                              capture_output=True, check=False, timeout=60)
        return done

    def ok(self, *arguments, given=""):
        done = self.command(*arguments, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def tenant(self, name):
        self.ok("tenant", "create", name)

    def user(self, name, tenant, roles="manager", password=PASSWORD):
        self.ok("user", "create", name, f"--tenant={tenant}", f"--roles={roles}", given=password + "\n")

    def client(self, name="ann", tenant="LIB", password=PASSWORD, **more):
        return WebHooksAPI(username=name, password=password, tenant=tenant, protocol="http",
                           server=f"127.0.0.1:{self.grapnel.port}", **more)

    def login(self, path="login", **fields):
        answer = requests.post(f"{self.grapnel.url}/api/accesstoken/{path}", data=fields, timeout=30)
        return answer.status_code, answer.json()

    def login_from(self, address, **fields):
        """The status of a login that comes from an address of this machine."""
        connection = http.client.HTTPConnection("127.0.0.1", self.grapnel.port, timeout=30, source_address=(address, 0))
        connection.request("POST", "/api/accesstoken/login", urllib.parse.urlencode(fields),
                           {"content-type": "application/x-www-form-urlencoded"})
        status = connection.getresponse().status
        connection.close()
        return status

    def api(self, tenant):
        """A call to the native API with a token of the tenant."""
        token = self.ok("tenant", "token", tenant)
        return lambda method, path, body=None: self.grapnel.call(method, path, body, token=token)

    def trigger(self, tenant, trigger, payload):
        answer = self.api(tenant)("POST", "/app/preservica/msg", {"eventType": trigger, "payload": payload})
        assert answer.status == 202, answer.body
        return answer.body["id"]


@pytest.fixture
def tenants(make_grapnel, monkeypatch, tmp_path):
    for name in ("USERNAME", "PASSWORD", "TENANT", "SERVER", "2FA_TOKEN"):
        monkeypatch.delenv("PRESERVICA_" + name, raising=False)
    monkeypatch.chdir(tmp_path)  # no credentials.properties of anyone's
    made = Tenants(make_grapnel().serve("preservica.enabled=true", "deliver.retry=50ms,100ms", f"handshake.timeout={5 * SLOWER:.0f}s",
                                        "handshake.per_minute=1000"))
    made.tenant("LIB")
    made.user("ann", "LIB")
    return made


class Flask:
    """The Flask application of pyPreservica's documentation."""

    def __init__(self, secret=SECRET):
        self.worked, app = [], flask.Flask("receiver")

        @app.route("/hook", methods=["POST"])
        def hook():
            handler = FlaskWebhookHandler(flask.request, secret)
            if handler.is_challenge():
                return handler.verify_challenge()
            self.worked += list(handler.process_request())
            return handler.response_ok()

        self.server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Ours:
    """grapnel receive, as it comes."""

    def __init__(self, folder, secret=SECRET):
        self.out = folder / "received"
        with open(self.out, "wb") as out:
            self.child = subprocess.Popen([binary(), "receive", "--preset=preservica", f"--secret={secret}", "--json"], stdout=out)
        line = wait_until(lambda: self.out.read_text().partition("\n")[0] or (self.child.poll() is not None and self.fail()), "a port")
        self.url = line.split()[-1] + "/any/path?kept=1"

    def fail(self):
        raise AssertionError(f"grapnel receive ended with {self.child.returncode}")

    @property
    def worked(self):
        """Every event of what came, as pyPreservica's receiver for Flask hands it over."""
        lines = [json.loads(line) for line in self.out.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        assert all(line["verified"] for line in lines)
        return [event for line in lines for event in json.loads(line["body"])["events"]]

    def close(self):
        self.child.terminate()
        assert self.child.wait(30 * SLOWER) == 0


@pytest.fixture(params=[PreservicaReceiver, Flask, Ours])
def receiver(request, tmp_path):
    made = request.param(tmp_path) if request.param is Ours else request.param()
    yield made
    made.close()


@pytest.fixture
def plain():
    made = PreservicaReceiver()
    yield made
    made.close()


# --- the client and the receivers ---------------------------------------------------------------------

def test_the_client_subscribes_lists_and_unsubscribes_one_and_all(tenants, receiver):
    client = tenants.client()
    assert client.version == "7.5.0" and client.roles == ["ROLE_SDB_MANAGER_USER"]
    assert client.subscriptions() == []
    made = [json.loads(client.subscribe(receiver.url, trigger, SECRET)) for trigger in TriggerType]
    assert [s["triggerType"] for s in made] == [trigger.value for trigger in TriggerType]
    assert all(s["url"] == receiver.url and s["includeIdentifiers"] is True for s in made)
    assert {s["id"] for s in client.subscriptions()} == {s["id"] for s in made}
    assert SECRET not in json.dumps(client.subscriptions())
    client.unsubscribe(made[0]["id"])
    assert len(client.subscriptions()) == 4
    with pytest.raises(pyPreservica.common.HTTPException):
        client.unsubscribe(made[0]["id"])
    client.unsubscribe_all()
    assert client.subscriptions() == []


def test_an_operator_sees_the_tenants_subscriptions_and_no_others(tenants, receiver):
    client = tenants.client()
    made = json.loads(client.subscribe(receiver.url, TriggerType.MOVED, SECRET))
    client.subscribe(receiver.url, TriggerType.INDEXED, SECRET)
    rows = tenants.api("LIB")("GET", "/preservica/subscription?trigger=MOVED").body["data"]
    assert [(r["id"], r["url"], r["handshakePassed"], r["disabled"]) for r in rows] == [
        (made["id"], receiver.url, True, False)]
    assert len(tenants.api("LIB")("GET", "/preservica/subscription").body["data"]) == 2
    tenants.tenant("MUSEUM")
    assert tenants.api("MUSEUM")("GET", "/preservica/subscription").body["data"] == []


def test_each_trigger_arrives_verified_at_the_packages_own_receivers(tenants, receiver):
    client = tenants.client()
    ids = {t.value: json.loads(client.subscribe(receiver.url, t, SECRET))["id"] for t in TriggerType}
    event = {"entityRef": "a1", "entityType": "IO", "title": "caf\u00e9 \u20ac \U0001f600", "identifiers": [{"isbn": "7"}]}
    for n, trigger in enumerate(ids):
        tenants.trigger("LIB", trigger, {**event, "n": n})
    wait_until(lambda: len(receiver.worked) == 5, "five events")
    got = receiver.worked
    if isinstance(receiver, PreservicaReceiver):
        assert {(w["subscriptionId"], w["trigger"], w["tenant"]) for w in got} == {(i, t, "LIB") for t, i in ids.items()}
        got = [e for w in got for e in w["events"]]
    assert sorted(got, key=lambda e: e["n"]) == [{**event, "n": n} for n in range(5)]


def test_identifiers_are_left_out_unless_they_are_asked_for(tenants, plain):
    token = tenants.login(username="ann", password=PASSWORD, tenant="LIB")[1]["token"]
    body = {"url": plain.url, "triggerType": "MOVED", "secret": SECRET, "includeIdentifiers": "false"}
    made = requests.post(f"{tenants.grapnel.url}/api/webhook/subscriptions", json=body,
                         headers={"Preservica-Access-Token": token}, timeout=30)
    assert made.status_code == 200 and made.json()["includeIdentifiers"] is False
    tenants.trigger("LIB", "MOVED", {"events": [{"entityRef": "a", "entityType": "SO", "identifiers": [{"x": "y"}]},
                                                {"entityRef": "b", "entityType": "CO"}]})
    wait_until(lambda: plain.worked, "the event")
    assert plain.worked[0]["events"] == [{"entityRef": "a", "entityType": "SO"}, {"entityRef": "b", "entityType": "CO"}]


def test_a_subscription_is_an_ordinary_endpoint_with_history_and_may_be_made_natively(tenants, plain):
    api, client = tenants.api("LIB"), tenants.client()
    first = json.loads(client.subscribe(plain.url, TriggerType.MOVED, SECRET))["id"]
    shown = api("GET", f"/app/preservica/endpoint/{first}").body
    assert (shown["scheme"], shown["eventTypes"], shown["handshake"]["verified"]) == ("preservica", ["MOVED"], True)
    native = api("POST", "/app/preservica/endpoint", {
        "url": plain.url + "native", "eventTypes": ["MOVED"], "scheme": "preservica", "schemeSecret": SECRET,
        "handshake": {"kind": "preservica"}})
    assert native.status == 201, native.body
    assert {s["id"] for s in client.subscriptions()} == {first, native.body["id"]}
    message = tenants.trigger("LIB", "MOVED", {"entityRef": "a", "entityType": "IO"})
    wait_until(lambda: len(plain.worked) == 2, "both")
    assert {w["subscriptionId"] for w in plain.worked} == {first, native.body["id"]}
    wait_until(lambda: len(api("GET", f"/app/preservica/attempt/msg/{message}").body["data"]) == 2, "the history")


def test_a_subscriptions_credentials_are_used_and_not_shown(tenants, plain):
    client = tenants.client()
    with_user = plain.url.replace("://", "://boat:anchor-77@")
    made = json.loads(client.subscribe(with_user, TriggerType.MOVED, SECRET))
    shown = tenants.api("LIB")("GET", f"/app/preservica/endpoint/{made['id']}").body
    assert (made["url"], shown["url"], shown["handshake"]["verified"]) == (plain.url, plain.url, True)
    assert [s["url"] for s in client.subscriptions()] == [plain.url]
    tenants.trigger("LIB", "MOVED", {"entityRef": "a", "entityType": "IO"})
    wait_until(lambda: plain.worked, "the event")
    assert not [path for path in tenants.grapnel.store.rglob("*") if path.is_file() and b"anchor-77" in path.read_bytes()]


def test_an_operator_has_a_receiver_asked_again(tenants):
    plain, call = PreservicaReceiver(), tenants.api("LIB")
    made = json.loads(tenants.client().subscribe(plain.url, TriggerType.MOVED, SECRET))["id"]
    before = call("GET", "/preservica/subscription").body["data"][0]["handshakeAt"]
    again = call("POST", f"/preservica/subscription/{made}/handshake")
    assert (again.status, again.body["handshakePassed"]) == (200, True) and again.body["handshakeAt"] > before
    assert "at" not in call("GET", f"/app/preservica/endpoint/{made}").body["handshake"]
    plain.server.secret_key = "another one"
    refused = call("POST", f"/preservica/subscription/{made}/handshake")
    assert (refused.status, refused.body["code"]) == (422, "handshake_failed")
    assert call("GET", "/preservica/subscription").body["data"][0]["handshakeAt"] == again.body["handshakeAt"]
    other = call("POST", "/app/preservica/endpoint", {"url": plain.url, "eventTypes": ["MOVED"]}).body["id"]
    assert call("POST", f"/preservica/subscription/{other}/handshake").status == 404
    plain.close()


# --- handshakes ---------------------------------------------------------------------------------------

def test_a_receiver_with_another_secret_is_not_subscribed_and_nothing_is_stored(tenants):
    other = PreservicaReceiver(secret="not ours")
    client = tenants.client()
    with pytest.raises(pyPreservica.common.HTTPException) as refused:
        client.subscribe(other.url, TriggerType.MOVED, SECRET)
    assert "challengeResponse" in str(refused.value)
    assert client.subscriptions() == []
    assert tenants.api("LIB")("GET", "/app").body["data"] == []
    other.close()


@pytest.mark.parametrize("body, words", [
    ({"url": "ftp://x"}, "url"), ({"url": "http://10.0.0.1/"}, "not allowed here"), ({"triggerType": "DELETED"}, "triggerType"),
    ({"secret": ""}, "secret"), ({"secret": "caf\u00e9"}, "secret"), ({"secret": "x" * 257}, "secret")])
def test_what_cannot_be_subscribed_is_refused_with_the_reason(tenants, plain, body, words):
    token = tenants.login(username="ann", password=PASSWORD, tenant="LIB")[1]["token"]
    whole = {"url": plain.url, "triggerType": "MOVED", "secret": SECRET, "includeIdentifiers": "true", **body}
    answer = requests.post(f"{tenants.grapnel.url}/api/webhook/subscriptions", json=whole,
                           headers={"Preservica-Access-Token": token}, timeout=30)
    assert answer.status_code == 400 and words in answer.json()["message"]


def test_grapnel_receive_with_another_secret_is_not_subscribed(tenants, tmp_path):
    other = Ours(tmp_path, secret="not ours")
    with pytest.raises(pyPreservica.common.HTTPException) as refused:
        tenants.client().subscribe(other.url, TriggerType.MOVED, SECRET)
    assert "challengeResponse" in str(refused.value) and tenants.client().subscriptions() == []
    other.close()


# --- logging in ---------------------------------------------------------------------------------------

def test_a_client_without_a_tenant_is_told_the_one_it_has(tenants):
    assert tenants.client(tenant=None).tenant == "LIB"
    tenants.tenant("MUSEUM")
    tenants.user("ann", "MUSEUM")
    assert tenants.login(username="ann", password=PASSWORD, includeUserDetails="true")[0] == 401  # which ann?


def test_a_shared_secret_logs_in_and_only_near_its_time(tenants, plain):
    secret = tenants.ok("user", "shared-secret", "ann", "--tenant=LIB")
    client = tenants.client(password=secret, use_shared_secret=True)
    assert client.subscribe(plain.url, TriggerType.MOVED, SECRET)

    def attempt(at, key=secret, name="ann"):
        digest = hashlib.sha1(f"preservica-external-auth{at}{name}{key}".encode()).hexdigest()
        return tenants.login("acquire-external", username=name, tenant="LIB", timestamp=at, hash=digest)[0]
    now = int(time.time())
    assert attempt(now) == 200
    assert [attempt(now - 400), attempt(now + 400), attempt(now, "other"), attempt(now, name="bob")] == [401] * 4
    tenants.ok("user", "shared-secret", "ann", "--tenant=LIB", "--off")
    assert attempt(int(time.time())) == 401


def test_a_second_factor_is_asked_for_and_a_code_is_taken_once(tenants):
    key = tenants.ok("user", "totp", "ann", "--tenant=LIB")
    assert tenants.client(two_fa_secret_key=key).roles == ["ROLE_SDB_MANAGER_USER"]
    with pytest.raises(RuntimeError, match="2FA"):
        tenants.client()
    status, asked = tenants.login(username="ann", password=PASSWORD, tenant="LIB")
    assert (status, asked["message"], asked["tenant"]) == (401, "needs.2fa", "LIB")

    def complete(code, token=asked["continuationToken"], name="ann"):
        return tenants.login("complete-2fa", username=name, tenant="LIB", continuationToken=token, twoFactorToken=code)[0]
    now = time.time()
    assert complete(pyotp.TOTP(key).at(now)) == 401  # the client above used it
    assert complete(pyotp.TOTP(key).at(now + 30), name="bob") == 401
    assert complete(pyotp.TOTP(key).at(now + 30), token="x" + asked["continuationToken"]) == 401
    assert complete(pyotp.TOTP(key).at(now + 30)) == 200
    assert complete(pyotp.TOTP(key).at(now + 30)) == 401
    assert complete("000000") == 401
    headers = {"Preservica-Access-Token": asked["continuationToken"]}  # not an access token
    assert requests.get(f"{tenants.grapnel.url}/api/user/details", headers=headers, timeout=30).status_code == 401


def test_codes_may_be_used_again_where_the_operator_says_so(tenants):
    tenants.grapnel.restart("preservica.enabled=true", "preservica.totp_reuse=true")
    key = tenants.ok("user", "totp", "ann", "--tenant=LIB")
    for _ in range(2):
        assert tenants.client(two_fa_secret_key=key).token


@pytest.mark.parametrize("fields", [
    {"password": "wrong"}, {"username": "nobody"}, {"tenant": "NOWHERE"}, {"password": ""}, {"username": ""},
    {"password": PASSWORD + "x" * 2000}, {"username": "a" * 5000}])
def test_a_login_that_is_wrong_does_not_say_in_what(tenants, fields):
    status, body = tenants.login(**{"username": "ann", "password": PASSWORD, "tenant": "LIB", **fields})
    assert (status, body) == (401, {"success": False, "message": "The user, the tenant, or what proves them is wrong."})


def test_guessing_is_limited_for_those_who_are_there_and_those_who_are_not(tenants):
    tenants.user("bob", "LIB")
    for name in ("ann", "nobody"):
        seen = [tenants.login(username=name, password=f"guess {n}", tenant="LIB")[0] for n in range(12)]
        assert seen == [401] * 10 + [429] * 2
    assert tenants.login(username="ann", password=PASSWORD, tenant="LIB")[0] == 429
    assert tenants.login(username="bob", password=PASSWORD, tenant="LIB")[0] == 200


def test_guessers_do_not_lock_out_who_knows_the_password(tenants):
    tenants.user("bob", "LIB")
    assert tenants.login_from("127.0.0.3", username="bob", password=PASSWORD, tenant="LIB") == 200
    for n in range(11):
        guessed = tenants.login_from("127.0.0.2", username="ann", password=f"guess {n}", tenant="LIB")
    assert guessed == 429
    assert tenants.login_from("127.0.0.3", username="ann", password=PASSWORD, tenant="LIB") == 200
    for guesser in range(10, 22):  # together they use up what strangers may try with this name
        for n in range(10):
            guessed = tenants.login_from(f"127.0.0.{guesser}", username="bob", password=f"guess {n}", tenant="LIB")
    assert guessed == 429
    assert tenants.login_from("127.0.0.30", username="bob", password=PASSWORD, tenant="LIB") == 429
    assert tenants.login_from("127.0.0.3", username="bob", password=PASSWORD, tenant="LIB") == 200


def test_an_address_that_guesses_at_many_names_is_limited(tenants):
    seen = [tenants.login_from("127.0.0.2", username=f"user {n}", password="guess", tenant="LIB") for n in range(100)]
    assert seen[:50] == [401] * 50
    assert 429 in seen[50:]  # another guess is free each six seconds
    assert tenants.login_from("127.0.0.3", username="ann", password=PASSWORD, tenant="LIB") == 200


def test_who_is_not_there_takes_as_long_as_who_is(tenants):
    def work_done():
        """Nanoseconds of processor the server has had: what time means on a machine that others use too."""
        tasks = pathlib.Path(f"/proc/{tenants.grapnel.child.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def took(name):
        before = work_done()
        for n in range(5):
            tenants.login(username=f"{name}{n}", password="wrong password", tenant="LIB")
        return work_done() - before
    for n in range(5):
        tenants.user(f"there{n}", "LIB")
    there, missing = took("there"), took("missing")
    assert missing > there / 2 and there > missing / 2


def test_a_token_ends_with_its_time_and_the_client_gets_another(tenants, plain):
    tenants.grapnel.restart("preservica.enabled=true", "preservica.token_lifetime=1s")
    client = tenants.client()
    before = client.token
    wait_until(lambda: requests.get(f"{tenants.grapnel.url}/api/user/details", timeout=30, headers={
        "Preservica-Access-Token": before}).status_code == 401, "the end of the token")
    assert client.subscriptions() == [] and client.token != before


# --- who may do what ----------------------------------------------------------------------------------

CALLS = {
    "details": ("GET", "/api/user/details", None), "version": ("GET", "/api/entity/versiondetails/version", None),
    "list": ("GET", "/api/webhook/subscriptions", None), "subscribe": ("POST", "/api/webhook/subscriptions", "body"),
    "unsubscribe": ("DELETE", "/api/webhook/subscriptions/{id}", None)}
GOOD = {"details": 200, "version": 200, "list": 200, "subscribe": 200, "unsubscribe": 204}
ONLY_READS = {**GOOD, "list": 403, "subscribe": 403, "unsubscribe": 403}
STRANGER = dict.fromkeys(GOOD, 401)
WHO = {
    **{role: GOOD for role in MANAGERS},
    "user": ONLY_READS, "ROLE_SDB_USER_MANAGER_USER": ONLY_READS, "ROLE_OF_OUR_OWN": ONLY_READS, "": ONLY_READS,
    "a manager of another tenant": {**GOOD, "unsubscribe": 404},
    "no token": STRANGER, "a token that is not ours": STRANGER, "an API token of the tenant": STRANGER,
    "a manager whose roles were taken away": {**STRANGER}, "a manager with a new password": STRANGER,
    "a manager who was deleted": STRANGER}


def token_of(tenants, who):
    """An access token of such a person."""
    if who == "no token":
        return None
    if who == "a token that is not ours":
        return "AS6SXhrDzp6VHTsLClEvgJzLDBKQzWGBQ+ke2OiT00BNfJpPO890ZUhRaxTmJe6NOCTKi/rfjBg18h6r3uDS5g=="
    if who == "an API token of the tenant":
        return tenants.ok("tenant", "token", "LIB")
    tenant = "MUSEUM" if "another tenant" in who else "LIB"
    if tenant == "MUSEUM":
        tenants.tenant("MUSEUM")
    tenants.user("who", tenant, roles="manager" if who.startswith("a manager") else who)
    token = tenants.login(username="who", password=PASSWORD, tenant=tenant)[1]["token"]
    if "taken away" in who:
        tenants.ok("user", "roles", "who", "--tenant=LIB", "--roles=user")
    if "new password" in who:
        tenants.ok("user", "passwd", "who", "--tenant=LIB", given="another one\n")
    if "deleted" in who:
        tenants.ok("user", "delete", "who", "--tenant=LIB")
    return token


@pytest.mark.parametrize("who", WHO)
def test_who_may_do_what(tenants, plain, who):
    token = token_of(tenants, who)
    existing = json.loads(tenants.client().subscribe(plain.url, TriggerType.MOVED, SECRET))["id"]
    body = {"url": plain.url, "triggerType": "MOVED", "secret": SECRET, "includeIdentifiers": "true"}
    seen = {}
    for call, (method, path, has_body) in CALLS.items():
        answer = requests.request(method, tenants.grapnel.url + path.format(id=existing), timeout=30,
                                  json=body if has_body else None,
                                  headers={"Preservica-Access-Token": token} if token else {})
        seen[call] = answer.status_code
        if call == "list" and answer.ok:
            assert [s["id"] for s in answer.json()] == ([] if "another tenant" in who else [existing])
        if answer.status_code >= 400:
            assert answer.json()["message"]
    assert seen == WHO[who]
    left = [s["id"] for s in tenants.client().subscriptions()]
    assert (existing in left) == (WHO[who]["unsubscribe"] != 204)


def test_an_access_token_is_none_of_the_native_api(tenants):
    token = tenants.login(username="ann", password=PASSWORD, tenant="LIB")[1]["token"]
    assert tenants.grapnel.call("GET", "/app", token=token).status == 401


def test_tenants_do_not_see_or_trigger_each_others_subscriptions(tenants, plain):
    tenants.tenant("MUSEUM")
    tenants.user("eve", "MUSEUM")
    tenants.client().subscribe(plain.url, TriggerType.MOVED, SECRET)
    tenants.client("eve", "MUSEUM").subscribe(plain.url, TriggerType.MOVED, SECRET)
    tenants.trigger("MUSEUM", "MOVED", {"entityRef": "m", "entityType": "IO"})
    wait_until(lambda: plain.worked, "the museum's event")
    tenants.trigger("LIB", "MOVED", {"entityRef": "l", "entityType": "IO"})
    wait_until(lambda: len(plain.worked) == 2, "the library's event")
    assert [(w["tenant"], w["events"][0]["entityRef"]) for w in plain.worked] == [("MUSEUM", "m"), ("LIB", "l")]


# --- the command line ---------------------------------------------------------------------------------

def test_users_and_tenants_are_kept_with_and_without_a_server(tenants):
    tenants.grapnel.stop()
    tenants.tenant("ARCHIVE")
    tenants.user("bob", "ARCHIVE", roles="admin,ROLE_OF_OUR_OWN")
    tenants.ok("user", "create", "robot", "--tenant=ARCHIVE", "--roles=manager", "--no-password")
    secret = tenants.ok("user", "shared-secret", "robot", "--tenant=ARCHIVE")
    tenants.grapnel.serve("preservica.enabled=true")
    assert tenants.client("robot", "ARCHIVE", secret, use_shared_secret=True).subscriptions() == []
    listed = tenants.ok("user", "list", "--tenant=ARCHIVE")
    assert "bob" in listed and "ROLE_OF_OUR_OWN" in listed and "ann" not in listed and PASSWORD not in listed
    assert all(name in tenants.ok("user", "list") for name in ("ann", "bob", "robot"))
    assert all(name in tenants.ok("tenant", "list") for name in ("default", "LIB", "ARCHIVE"))
    assert tenants.login(username="robot", password="", tenant="ARCHIVE")[0] == 401


def test_factors_are_made_through_the_server_that_alone_knows_the_main_secret(make_grapnel):
    server = make_grapnel(env={"GRAPNEL_SERVER_MAIN_SECRET": "only the service has this one"})
    tenants = Tenants(server)
    tenants.tenant("LIB")
    tenants.user("ann", "LIB")
    for what in ("totp", "shared-secret"):
        done = tenants.command("user", what, "ann", "--tenant=LIB")
        assert done.returncode != 0 and "do this while the server runs" in done.stderr and done.stdout == ""
    assert not (server.store / "main-secret").exists()
    server.serve("preservica.enabled=true")
    key = tenants.ok("user", "totp", "ann", "--tenant=LIB")
    assert tenants.client(two_fa_secret_key=key).token
    secret = tenants.ok("user", "shared-secret", "ann", "--tenant=LIB")
    assert tenants.client(password=secret, use_shared_secret=True).token
    server.stop()
    tenants.ok("user", "totp", "ann", "--tenant=LIB", "--off")
    assert not (server.store / "main-secret").exists()


def test_a_tenants_tokens_are_listed_and_end_at_once(tenants):
    token = tenants.ok("tenant", "token", "LIB")
    assert tenants.grapnel.call("GET", "/app", token=token).status == 200
    number = tenants.ok("tenant", "tokens", "LIB").splitlines()[-1].split()[0]
    assert tenants.command("tenant", "revoke", "default", number).returncode != 0  # not one of that tenant
    tenants.ok("tenant", "revoke", "LIB", number)
    assert tenants.grapnel.call("GET", "/app", token=token).status == 401


@pytest.mark.parametrize("arguments, given, words", [
    (["user", "create", "ann", "--tenant=LIB"], "long enough\n", "already"),
    (["user", "create", "cy", "--tenant=NOWHERE"], "long enough\n", "no tenant NOWHERE"),
    (["user", "create", "cy", "--tenant=LIB"], "short\n", "8 to 256"),
    (["user", "create", "cy", "--tenant=LIB"], "", "standard input"),
    (["user", "create", "cy", "--tenant=LIB", "--roles=boss"], "long enough\n", "roles"),
    (["user", "create", ""], "long enough\n", "a name has"), (["user", "create"], "", "needs the user's name"),
    (["user", "passwd", "cy", "--tenant=LIB"], "long enough\n", "no user cy"), (["user", "totp", "cy"], "", "no user cy"),
    (["user", "frob"], "", "create, list"), (["tenant", "create", "LIB"], "", "already"),
    (["tenant", "create", "org_x"], "", "does not begin"), (["tenant", "token", "NOWHERE"], "", "no tenant"), (["tenant", "revoke", "LIB"], "", "which token"),
    (["tenant", "revoke", "LIB", "99"], "", "no token 99")])
def test_commands_that_make_no_sense_say_so(tenants, arguments, given, words):
    done = tenants.command(*arguments, given=given)
    assert done.returncode != 0 and words in done.stderr
