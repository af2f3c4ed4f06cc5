# SPDX-License-Identifier: Apache-2.0
"""The console's sessions: how one signs in, what the cookie is good for, and what ends it."""
import json
import re
import subprocess
import time

import pytest

from conftest import binary, wait_until

SESSION = "/console/api/session"


@pytest.fixture(autouse=True)
def with_pages(grapnel):
    """A build without network has no pages; CI's has (-Dweb=enabled)."""
    answer = grapnel.raw("GET", "/console/")
    if answer.status == 404 and b"when it was built" in answer.body:
        pytest.skip("this build has no pages")


class Browser:
    """What a browser does of its own accord: it keeps the cookie and says where a call comes from."""

    def __init__(self, grapnel, origin=None):
        self.grapnel, self.cookie, self.csrf, self.set_cookie = grapnel, None, None, None
        self.origin = origin or grapnel.url

    def ask(self, method, path, body=None, csrf=True, **headers):
        sent = {"content-type": "application/json", "sec-fetch-site": "same-origin", "origin": self.origin}
        if self.cookie:
            sent["cookie"] = f"other=1; __Host-grapnel={self.cookie}; more=2"
        if csrf and self.csrf:
            sent["x-grapnel-csrf"] = self.csrf
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        sent = {name: value for name, value in sent.items() if value is not None}
        answer = self.grapnel.raw(method, path, None if body is None else json.dumps(body), sent)
        given = answer.headers["set-cookie"]
        if given:
            self.set_cookie = given
            self.cookie = re.match(r"__Host-grapnel=([^;]*);", given)[1] or None
        return answer

    def sign_in(self, **body):
        answer = self.ask("POST", SESSION, body)
        if answer.status == 200:
            self.csrf = json.loads(answer.body)["csrf"]
        return answer

    def works(self):
        return self.ask("GET", "/api/v1/app").status == 200

    def session(self):
        answer = self.ask("GET", SESSION, csrf=False)
        assert answer.status == 200
        return json.loads(answer.body)


@pytest.fixture
def browser(grapnel):
    browser = Browser(grapnel)
    assert browser.sign_in(token=grapnel.token).status == 200
    return browser


def link_of(grapnel):
    made = grapnel.run("console", f"--store.dir={grapnel.store}")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def add_user(grapnel, name, roles, *more):
    made = subprocess.run([binary(), "user", "create", name, f"--roles={roles}", f"--store.dir={grapnel.store}", *more],
                          input="correct horse\n", capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


def user_verb(grapnel, *arguments, stdin=""):
    made = subprocess.run([binary(), "user", *arguments, f"--store.dir={grapnel.store}"], input=stdin, capture_output=True,
                          text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def detail(answer):
    return json.loads(answer.body)["code"]


# --- signing in -----------------------------------------------------------------------------------------

def test_a_token_opens_a_session_whose_cookie_scripts_cannot_read(grapnel):
    browser = Browser(grapnel)
    answer = browser.sign_in(token=grapnel.token)
    shown = json.loads(answer.body)
    assert answer.status == 200 and shown["signedIn"] and shown["who"]["kind"] == "session" and shown["who"]["name"] == "test"
    for part in ("; Path=/;", "; Secure", "; HttpOnly", "; SameSite=Strict", "Max-Age=604800"):
        assert part in browser.set_cookie
    assert "Domain" not in browser.set_cookie and answer.headers["cache-control"] == "no-store"
    assert browser.works() and browser.cookie not in grapnel.log() and browser.cookie != grapnel.token
    assert "access.signed_in" in grapnel.log()


def test_a_session_is_told_its_header_again_after_a_reload(grapnel, browser):
    shown = browser.session()
    assert shown["signedIn"] and shown["csrf"] == browser.csrf and shown["who"]["readOnly"] is False
    assert Browser(grapnel).session() == {"signedIn": False}


def test_the_link_of_grapnel_console_signs_in_once(grapnel):
    link = link_of(grapnel)
    found = re.fullmatch(re.escape(grapnel.url) + r"/console/#login=(gc_[0-9A-Za-z]{40})", link)
    browser = Browser(grapnel)
    assert browser.sign_in(code=found[1]).status == 200 and browser.works()
    again = Browser(grapnel).sign_in(code=found[1])
    assert again.status == 401 and b"used before" in again.body
    assert grapnel.call("GET", "/app", token=found[1]).status == 401


def test_the_link_of_grapnel_console_leads_to_the_public_url(grapnel):
    grapnel.restart("server.public_url=https://hooks.example/grapnel/")
    assert link_of(grapnel).startswith("https://hooks.example/grapnel/console/#login=gc_")


def test_without_a_server_or_a_console_the_command_says_so(grapnel):
    grapnel.restart("console.enabled=false")
    made = grapnel.run("console", f"--store.dir={grapnel.store}")
    assert made.returncode != 0 and "console.enabled" in made.stderr
    assert grapnel.raw("GET", SESSION).status == 404
    grapnel.stop()
    made = grapnel.run("console", f"--store.dir={grapnel.store}")
    assert made.returncode != 0 and "grapnel serve" in made.stderr


def test_a_user_signs_in_by_password_as_their_roles_allow(grapnel):
    add_user(grapnel, "ann", "operator")
    add_user(grapnel, "vic", "viewer")
    add_user(grapnel, "dee", "manager")
    ann, vic = Browser(grapnel), Browser(grapnel)
    assert ann.sign_in(name="ann", password="correct horse").status == 200
    assert ann.session()["who"]["name"] == "ann" and ann.ask("POST", "/api/v1/app", {"name": "a"}).status == 201
    assert vic.sign_in(name="vic", password="correct horse").status == 200
    assert vic.works() and vic.ask("POST", "/api/v1/app", {"name": "a"}).status == 403
    refused = Browser(grapnel).sign_in(name="dee", password="correct horse")
    assert refused.status == 403 and b"operator" in refused.body
    wrong = Browser(grapnel).sign_in(name="ann", password="wrong horse")
    nobody = Browser(grapnel).sign_in(name="nobody", password="wrong horse")
    assert wrong.status == nobody.status == 401 and wrong.body == nobody.body


def test_a_second_factor_is_asked_for_and_taken_once(grapnel):
    add_user(grapnel, "ann", "admin")
    secret = re.search(r"[A-Z2-7]{32}", user_verb(grapnel, "totp", "ann"))[0]
    first = Browser(grapnel).sign_in(name="ann", password="correct horse")
    assert first.status == 401 and detail(first) == "second_factor_needed"
    assert detail(Browser(grapnel).sign_in(name="ann", password="wrong horse")) == "wrong_login"
    otp = totp(secret)
    assert Browser(grapnel).sign_in(name="ann", password="correct horse", otp="abcdef").status == 401
    assert Browser(grapnel).sign_in(name="ann", password="correct horse", otp=otp).status == 200
    assert Browser(grapnel).sign_in(name="ann", password="correct horse", otp=otp).status == 401


def totp(secret):
    import base64  # noqa: PLC0415
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415
    import struct  # noqa: PLC0415
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


@pytest.mark.parametrize("body", [{}, {"token": "x", "code": "y"}, {"name": "ann"}, {"password": "x"},
                                  {"token": "x", "name": "ann", "password": "y"}, {"token": ""}])
def test_one_proof_is_needed_and_no_more(grapnel, body):
    assert Browser(grapnel).sign_in(**body).status == 422


def test_a_token_of_an_application_a_jwt_and_nonsense_open_nothing(grapnel):
    grapnel.restart("server.jwt_secret=a-long-enough-secret")
    app = grapnel.application()
    portal = grapnel.ok("POST", f"/auth/app-portal-access/{app}", {})["token"]
    assert Browser(grapnel).sign_in(token=portal).status == 403
    assert Browser(grapnel).sign_in(token=jwt("a-long-enough-secret")).status == 403
    assert Browser(grapnel).sign_in(token="gk_" + 40 * "0").status == 401
    browser = Browser(grapnel)
    assert browser.sign_in(token=grapnel.token).status == 200
    assert Browser(grapnel).sign_in(token=browser.cookie).status == 401


def jwt(secret):
    import base64  # noqa: PLC0415
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415
    def part(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=")
    text = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps({"sub": "org_x", "iat": int(time.time())}).encode())
    return (text + b"." + part(hmac.new(secret.encode(), text, hashlib.sha256).digest())).decode()


def test_guessing_is_slowed_down_and_does_not_lock_others_out(grapnel):
    answers = [Browser(grapnel).sign_in(token=f"gk_{n:040d}").status for n in range(51)]
    assert answers.count(401) == 50 and answers[-1] == 429
    assert Browser(grapnel).sign_in(code="gc_" + 40 * "0").headers["retry-after"]
    assert grapnel.call("GET", "/app").status == 200  # who has a token goes on


# --- what the cookie is good for --------------------------------------------------------------------------

def test_a_stolen_cookie_is_nothing_without_the_header_beside_it(grapnel, browser):
    assert browser.works()
    for headers in ({"csrf": False}, {"x_grapnel_csrf": ""}, {"x_grapnel_csrf": "A" * 43}, {"x_grapnel_csrf": browser.csrf[:-1]}):
        assert browser.ask("GET", "/api/v1/app", **headers).status == 401
    assert grapnel.call("GET", "/app", token=browser.cookie).status == 401
    assert browser.ask("POST", "/api/v1/app", {"name": "a"}, csrf=False).status == 401


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"},
                                     {"sec_fetch_site": "same-site"}, {"sec_fetch_site": "none"},
                                     {"origin": "https://127.0.0.1"}, {"origin": "http://127.0.0.1.evil.example"}])
def test_another_origin_gets_nothing_by_the_cookie(grapnel, browser, headers):
    assert browser.ask("GET", "/api/v1/app", **headers).status == 401
    assert browser.ask("GET", SESSION, csrf=False, **headers).status == 403
    assert browser.ask("POST", SESSION, {"token": grapnel.token}, **headers).status == 403
    assert browser.ask("DELETE", SESSION, **headers).status == 401
    assert browser.works()


def test_a_picture_or_a_link_elsewhere_gets_no_data(grapnel, browser):
    answer = browser.ask("GET", "/api/v1/app", csrf=False, origin=None, sec_fetch_site="cross-site")
    assert answer.status == 401
    assert browser.ask("GET", "/api/v1/app", csrf=False, origin=None, sec_fetch_site=None).status == 401


def test_behind_a_proxy_the_public_url_is_the_origin(grapnel):
    grapnel.restart("server.public_url=https://hooks.example/below")
    browser = Browser(grapnel, "https://hooks.example")
    assert browser.sign_in(token=grapnel.token).status == 200 and browser.works()
    assert browser.ask("GET", "/api/v1/app", origin="https://hooks.example.evil").status == 401
    assert browser.ask("GET", "/api/v1/app", origin="http://hooks.example").status == 401


def test_plain_http_elsewhere_is_told_why_it_cannot_sign_in(grapnel):
    browser = Browser(grapnel, "http://192.0.2.1:8071")
    answer = browser.ask("POST", SESSION, {"token": grapnel.token}, host="192.0.2.1:8071")
    assert answer.status == 400 and detail(answer) == "https_needed" and browser.cookie is None


def test_no_answer_to_a_cookie_may_be_read_by_other_origins(grapnel, browser):
    for method, path in (("GET", "/api/v1/app"), ("GET", "/api/v1/app/none"), ("POST", "/api/v1/app"), ("GET", SESSION)):
        answer = browser.ask(method, path, {"name": "a"} if method == "POST" else None)
        assert "access-control-allow-origin" not in answer.headers, (method, path)
        assert answer.headers.get_all("cache-control") == ["no-store"], (method, path)
    app = grapnel.application()
    sent = browser.ask("POST", f"/api/v1/app/{app}/msg", {"eventType": "a", "payload": {}})
    assert sent.status == 202 and "access-control-allow-origin" not in sent.headers
    refused = browser.ask("GET", "/api/v1/app", origin="https://evil.example")
    assert refused.status == 401 and "access-control-allow-origin" not in refused.headers
    bearer = grapnel.call("GET", "/app", headers={"origin": "https://a.example"})
    assert bearer.headers["access-control-allow-origin"] == "*"  # as ever: nothing a browser adds by itself


def test_a_bearer_counts_alone_also_beside_a_cookie(grapnel, browser):
    assert grapnel.call("GET", "/app", headers={"cookie": f"__Host-grapnel={browser.cookie}"}).status == 200
    bad = browser.ask("GET", "/api/v1/app", authorization="Bearer gk_none")
    assert bad.status == 401


def test_a_message_sent_in_a_session_is_accepted_also_by_a_cold_server(grapnel, browser):
    app = grapnel.application()
    grapnel.restart()
    body = {"eventType": "a", "payload": {"text": "x" * 200000}}
    assert browser.ask("POST", f"/api/v1/app/{app}/msg", body).status == 202
    assert browser.ask("POST", f"/api/v1/app/{app}/msg", body).status == 202


# --- what ends it ----------------------------------------------------------------------------------------

def test_signing_out_ends_the_session_in_every_tab(grapnel, browser):
    tab = Browser(grapnel)
    tab.cookie, tab.csrf = browser.cookie, browser.csrf
    assert browser.ask("DELETE", SESSION, csrf=False).status == 401 and tab.works()
    assert browser.ask("DELETE", SESSION).status == 204
    assert "Max-Age=0" in browser.set_cookie and not tab.works() and tab.session() == {"signedIn": False}
    assert grapnel.call("GET", "/app").status == 200  # the token it was made with stays


def test_a_second_login_in_a_browser_replaces_the_first(grapnel, browser):
    old = Browser(grapnel)
    old.cookie, old.csrf = browser.cookie, browser.csrf
    assert browser.sign_in(token=grapnel.token).status == 200
    assert browser.works() and not old.works()


def test_two_browsers_have_sessions_of_their_own(grapnel, browser):
    other = Browser(grapnel)
    assert other.sign_in(token=grapnel.token).status == 200 and other.cookie != browser.cookie
    assert browser.ask("DELETE", SESSION).status == 204 and other.works()


def test_a_session_ends_with_its_token(grapnel):
    made = grapnel.run("token", "create", "--name=for a while", f"--store.dir={grapnel.store}").stdout.strip()
    browser = Browser(grapnel)
    assert browser.sign_in(token=made).status == 200 and browser.works()
    assert grapnel.call("POST", "/auth/logout", token=made).status == 204
    assert not browser.works() and browser.session() == {"signedIn": False}


def test_a_session_lasts_no_longer_than_its_token(grapnel):
    made = grapnel.run("token", "create", "--lifetime=2s", f"--store.dir={grapnel.store}").stdout.strip()
    browser = Browser(grapnel)
    assert browser.sign_in(token=made).status == 200
    wait_until(lambda: not browser.works(), "the end of the token's session")


def test_a_read_only_token_opens_a_session_that_only_reads(grapnel):
    made = grapnel.run("token", "create", "--read-only", f"--store.dir={grapnel.store}").stdout.strip()
    browser = Browser(grapnel)
    assert browser.sign_in(token=made).status == 200 and browser.session()["who"]["readOnly"]
    assert browser.works() and browser.ask("POST", "/api/v1/app", {"name": "a"}).status == 403


@pytest.mark.parametrize("change", ["passwd", "roles", "delete"])
def test_a_change_of_the_user_ends_their_sessions(grapnel, change):
    add_user(grapnel, "ann", "operator")
    add_user(grapnel, "ben", "operator")
    ann, ben = Browser(grapnel), Browser(grapnel)
    assert ann.sign_in(name="ann", password="correct horse").status == 200 and ann.works()
    assert ben.sign_in(name="ben", password="correct horse").status == 200
    if change == "passwd":
        user_verb(grapnel, "passwd", "ann", stdin="another horse\n")
    elif change == "roles":
        user_verb(grapnel, "roles", "ann", "--roles=viewer")
    else:
        user_verb(grapnel, "delete", "ann")
    assert not ann.works() and ben.works()


def test_sessions_outlive_a_restart_and_stand_in_the_list_of_tokens(grapnel, browser):
    grapnel.restart()
    assert browser.works()
    listed = grapnel.run("token", "list", f"--store.dir={grapnel.store}").stdout
    number = re.search(r"^(\d+) .* session ", listed, re.MULTILINE)[1]
    assert grapnel.run("token", "revoke", number, f"--store.dir={grapnel.store}").returncode == 0
    assert not browser.works()


# --- who ---------------------------------------------------------------------------------------------------

def test_whoami_says_what_a_token_is_and_may_do(grapnel):
    who = grapnel.ok("GET", "/auth/whoami")
    assert (who["kind"], who["name"], who["applicationId"], who["readOnly"], who["expiresAt"]) == ("token", "test", None, False, None)
    assert len(who["capabilities"]) == 6 and who["version"] and who["serverTime"] and who["organisationId"].startswith("org_")
    app = grapnel.application(uid="a")
    access = grapnel.ok("POST", "/auth/app-portal-access/a", {"capabilities": ["ViewBase", "CreateAttempts"], "readOnly": True,
                                                              "featureFlags": ["beta"]})
    who = grapnel.call("GET", "/auth/whoami", token=access["token"]).body
    assert (who["applicationId"], who["readOnly"], who["featureFlags"]) == (app, True, ["beta"])
    assert sorted(who["capabilities"]) == ["CreateAttempts", "ViewBase"] and who["sourceId"] is None and who["expiresAt"]
    assert grapnel.raw("GET", "/api/v1/auth/whoami").status == 401
    source = json.loads(grapnel.raw("POST", "/ingest/api/v1/source", json.dumps({"name": "s", "type": "generic-webhook"}),
                                    {"authorization": f"Bearer {grapnel.token}", "content-type": "application/json"}).body)["id"]
    access = json.loads(grapnel.raw("POST", f"/ingest/api/v1/source/{source}/dashboard", "{}",
                                    {"authorization": f"Bearer {grapnel.token}", "content-type": "application/json"}).body)
    assert grapnel.call("GET", "/auth/whoami", token=access["token"]).body["sourceId"] == source
