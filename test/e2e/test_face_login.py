# SPDX-License-Identifier: Apache-2.0
"""Signing in to the console by OpenID Connect, at a real provider (glewlwyd) and at one that lies."""
import base64
import json
import re
import threading
import urllib.parse

import glewlwyd
import pytest
from conftest import SLOWER, free_port
from lying_provider import CLIENT, Key, LyingProvider, by_shared_secret, unsigned

SESSION, WAYS = "/console/api/session", "/console/api/ways"
START, CALLBACK = "/console/api/oidc/start", "/console/api/oidc/callback"
TICKET, COOKIE = "__Host-grapnel-oidc", "__Host-grapnel"
ROLES = "console.oidc_roles=admins=owner,operators=operator,staff=viewer"


class Browser:
    """Keeps the cookies, and shows where it is led to."""

    def __init__(self, grapnel, prefix=""):
        self.grapnel, self.jar, self.csrf, self.prefix = grapnel, {}, None, prefix

    def ask(self, method, path, body=None, **headers):
        sent = {"sec-fetch-site": "same-origin", "content-type": "application/json"}
        if self.jar:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        if self.csrf:
            sent["x-grapnel-csrf"] = self.csrf
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        answer = self.grapnel.raw(method, path, None if body is None else json.dumps(body), sent)
        for given in answer.headers.get_all("set-cookie") or []:
            name, value = re.match(r"([^=]+)=([^;]*);", given).groups()
            self.jar[name] = value
            if not value:
                del self.jar[name]
        return answer

    def start(self, query=""):
        """Where the provider is."""
        answer = self.ask("GET", START + query)
        assert answer.status == 303, answer.body
        return answer.headers["location"]

    def come_back(self, location):
        """Goes where the provider has sent the browser; the answer."""
        parts = urllib.parse.urlsplit(location)
        assert f"{parts.scheme}://{parts.netloc}" == self.grapnel.url and parts.path == self.prefix + CALLBACK, location
        return self.ask("GET", f"{CALLBACK}?{parts.query}", sec_fetch_site="cross-site")

    def session(self):
        shown = json.loads(self.ask("GET", SESSION).body)
        self.csrf = shown.get("csrf")
        return shown

    def works(self):
        return self.ask("GET", "/api/v1/app").status == 200


def refusal(answer):
    """The word the page is told, of an answer that lets nobody in."""
    assert answer.status == 303 and COOKIE not in str(answer.headers.get_all("set-cookie")).replace(TICKET, ""), answer.headers
    return re.fullmatch(r".*/console/#refused=(\w+)", answer.headers["location"])[1]


def query_of(location):
    return {name: values[0] for name, values in urllib.parse.parse_qs(urllib.parse.urlsplit(location).query).items()}


# --- at a real provider -----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    if not glewlwyd.running():
        pytest.skip("glewlwyd is not installed (tools/install test)")
    made = glewlwyd.Glewlwyd(tmp_path_factory.mktemp("provider") / "glewlwyd")
    for name, groups in {"ada": ["staff", "admins"], "oskar": ["operators"], "vera": ["staff"], "nemo": ["guests"]}.items():
        made.add_user(name, *groups)
    yield made
    made.stop()


def skip_without_pages(grapnel):
    """A build without network has no pages; CI's has (-Dweb=enabled)."""
    answer = grapnel.raw("GET", "/console/")
    if answer.status == 404 and b"when it was built" in answer.body:
        pytest.skip("this build has no pages")
    return grapnel


@pytest.fixture
def served(make_grapnel, provider):
    """A server that knows the provider, and is known there."""
    server = make_grapnel()
    server.take_port()
    provider.allow(server.url + CALLBACK)
    server.serve(f"server.public_url={server.url}", f"console.oidc_issuer={provider.issuer}", ROLES,
                 f"console.oidc_client_id={glewlwyd.CLIENT}", f"console.oidc_client_secret={glewlwyd.SECRET}",
                 "console.oidc_name=The Works")
    return skip_without_pages(server)


def sign_in(served, provider, name, browser=None):
    browser = browser or Browser(served)
    return browser, browser.come_back(provider.authorize(browser.start(), provider.log_in(name)))


@pytest.mark.parametrize("name, role", [("ada", "owner"), ("oskar", "operator"), ("vera", "viewer")])
def test_the_claim_decides_the_role_and_the_strongest_counts(served, provider, name, role):
    browser, answer = sign_in(served, provider, name)
    assert answer.status == 303 and answer.headers["location"] == "/console/", served.log()
    who = browser.session()["who"]
    assert (who["name"], who["role"], who["readOnly"], who["kind"]) == (name, role, role == "viewer", "session")
    assert browser.works() and TICKET not in browser.jar
    assert "how=oidc" in served.wait_log("access.signed_in")


def test_somebody_without_a_role_is_turned_away_with_the_reason(served, provider):
    browser, answer = sign_in(served, provider, "nemo")
    assert refusal(answer) == "role" and TICKET not in browser.jar and not browser.session()["signedIn"]
    line = served.wait_log("access.sign_in_refused.*why=role")
    assert "guests" in line and "how=oidc" in line


def test_nothing_secret_is_logged_or_sent_along(served, provider):
    browser = Browser(served)
    location = browser.start()
    given = query_of(location)
    assert given["code_challenge_method"] == "S256" and len(given["code_challenge"]) == 43
    assert (given["response_type"], given["client_id"]) == ("code", glewlwyd.CLIENT)
    answer = browser.come_back(provider.authorize(location, provider.log_in("ada")))
    assert answer.headers["referrer-policy"] == "no-referrer" and answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] is None
    for secret in (glewlwyd.SECRET, browser.jar[COOKIE], given["state"], given["nonce"]):
        assert secret not in served.log()


def test_the_session_says_how_it_was_opened_and_ends_by_signing_out(served, provider):
    browser, _ = sign_in(served, provider, "ada")
    assert browser.session()["how"] == "oidc"
    listed = json.loads(browser.ask("GET", "/api/v1/session").body)["data"]
    assert [(one["name"], one["how"]) for one in listed] == [("ada", "oidc")]
    old = dict(browser.jar)
    assert browser.ask("DELETE", SESSION).status == 204 and COOKIE not in browser.jar
    browser.jar = old
    assert not browser.works()
    assert json.loads(browser.ask("GET", WAYS).body)["openIdConnect"] == {"name": "The Works", "signsOut": True}
    end = browser.ask("GET", "/console/api/oidc/end").headers["location"]
    assert end.startswith(provider.issuer + "/end_session?")
    assert query_of(end) == {"client_id": glewlwyd.CLIENT, "post_logout_redirect_uri": served.url + "/console/"}


def test_a_code_that_was_used_counts_no_second_time(served, provider):
    browser = Browser(served)
    location = browser.start()
    ticket = dict(browser.jar)
    back = provider.authorize(location, provider.log_in("ada"))
    assert browser.come_back(back).headers["location"] == "/console/"
    again = Browser(served)
    again.jar = ticket  # whoever has read all that the browser sent
    assert refusal(again.come_back(back)) == "stale" and "used before" in served.log()
    other = Browser(served)  # the same code in a login of their own: the provider knows it
    own = query_of(other.start())["state"]
    assert refusal(other.ask("GET", f"{CALLBACK}?code={query_of(back)['code']}&state={own}")) == "denied"


def test_a_provider_that_is_down_is_said_and_does_not_hold_anybody_up(served, provider):
    provider.stop()
    try:
        answer = Browser(served).ask("GET", START)
        assert refusal(answer) == "unreachable" and TICKET not in str(answer.headers)
        assert "refused" in served.wait_log("access.provider_unreachable").lower()
        found = served.run("doctor", f"--store.dir={served.store}", *("--" + flag for flag in served.flags),
                           "--fetch.allow=127.0.0.0/8")
        assert re.search(r"logins.*nobody can log in by OpenID Connect", found.stdout), found.stdout
    finally:
        provider.start()
    assert sign_in(served, provider, "ada")[1].headers["location"] == "/console/"
    found = served.run("doctor", f"--store.dir={served.store}", *("--" + flag for flag in served.flags),
                       "--fetch.allow=127.0.0.0/8")
    assert f"it must know the redirect URI {served.url}{CALLBACK}" in found.stdout


def test_keys_that_the_provider_has_changed_are_asked_for_again(served, provider):
    assert sign_in(served, provider, "ada")[1].headers["location"] == "/console/"
    provider.change_keys(glewlwyd.rsa_key("second"))
    assert sign_in(served, provider, "ada")[1].headers["location"] == "/console/", served.log()
    provider.change_keys(glewlwyd.rsa_key("third"))  # within the minute: the set that is kept has to do
    assert refusal(sign_in(served, provider, "ada")[1]) == "token"


# --- at one that lies -------------------------------------------------------------------------------------

@pytest.fixture
def liar():
    made = LyingProvider()
    yield made
    made.close()


@pytest.fixture
def believer(make_grapnel, liar):
    """A server that takes the liar for its provider."""
    def serve(*flags, below=""):
        server = make_grapnel()
        server.take_port()
        server.serve(f"server.public_url={server.url}{below}", f"console.oidc_issuer={liar.issuer}", ROLES,
                     f"console.oidc_client_id={CLIENT}", *flags)
        return skip_without_pages(server)
    return serve


def enter(server, liar, browser=None):
    browser = browser or Browser(server)
    return browser.come_back(liar.authorize(browser.start()))


def test_tokens_count_by_all_three_signatures_and_by_no_other(believer, liar):
    server = believer()
    for alg in ("RS256", "ES256", "EdDSA"):
        liar.key, liar.keys = Key(alg, alg), None
        server.restart()  # keys are asked for once a minute
        assert enter(server, liar).headers["location"] == "/console/", (alg, server.log())
    liar.make_token = unsigned
    assert refusal(enter(server, liar)) == "token"
    liar.make_token = lambda claims: by_shared_secret(claims, json.dumps(liar.key.jwk).encode())
    assert refusal(enter(server, liar)) == "token"
    liar.make_token = lambda claims: Key("EdDSA", liar.key.kid).token(claims)  # another key of that name
    assert refusal(enter(server, liar)) == "token"
    liar.make_token = lambda claims: liar.key.token(claims, crit=["exp"])
    assert refusal(enter(server, liar)) == "token"


def test_a_token_without_a_key_id_means_the_only_key(believer, liar):
    liar.key = Key("RS256", None)
    server = believer()
    assert enter(server, liar).headers["location"] == "/console/", server.log()
    liar.keys = [liar.key.jwk, Key("RS256", None).jwk]
    server.restart()
    assert refusal(enter(server, liar)) == "token"


LIES = {
    "iss": [{"iss": "http://127.0.0.1:1"}, {"iss": None}],
    "aud": [{"aud": "another"}, {"aud": ["another"]}, {"aud": None}, {"aud": []}, {"aud": [CLIENT, "another"]},
            {"aud": [CLIENT, "another"], "azp": "another"}, {"azp": "another"}],
    "nonce": [{"nonce": "wrong"}, {"nonce": None}, {"nonce": ""}],
    "time": [{"exp": lambda now: now - 120}, {"exp": None}, {"iat": None}, {"exp": "soon"}, {"nbf": lambda now: now + 3600},
             {"iat": lambda now: now + 3600}],
    "sub": [{"sub": None}, {"sub": ""}, {"sub": "x" * 256}],
}


@pytest.mark.parametrize("claim", LIES)
def test_a_claim_that_lies_lets_nobody_in(believer, liar, claim):
    server = believer()
    for lie in LIES[claim]:
        liar.claims = lie
        assert refusal(enter(server, liar)) == "token", lie
    liar.claims = {"aud": [CLIENT, "another"], "azp": CLIENT, "exp": lambda now: now - 20}  # within the tolerance of a minute
    assert enter(server, liar).headers["location"] == "/console/", server.log()


def test_roles_come_from_a_text_a_list_or_within_objects(believer, liar):
    server = believer("console.oidc_roles_claim=/realm_access/roles")
    liar.claims = {"realm_access": {"roles": ["nothing", "operators"]}}
    browser = Browser(server)
    assert enter(server, liar, browser).headers["location"] == "/console/"
    assert browser.session()["who"]["role"] == "operator" and browser.session()["who"]["name"] == "ada@example.com"
    for claims in ({"realm_access": {"roles": "staff"}}, {"realm_access": {"roles": ["staff", 7, None, {}]}}):
        liar.claims = claims
        assert enter(server, liar, browser).headers["location"] == "/console/"
        assert browser.session()["who"]["role"] == "viewer"
    for claims in ({"realm_access": {"roles": {"admins": True}}}, {"realm_access": "admins"}, {}, {"realm_access": {}}):
        liar.claims = claims
        assert refusal(enter(server, liar, Browser(server))) == "role", claims


def test_only_the_browser_that_began_a_login_can_finish_it(believer, liar):
    server = believer()
    mine, theirs = Browser(server), Browser(server)
    back = liar.authorize(mine.start())
    assert refusal(theirs.come_back(back)) == "stale"  # no cookie
    theirs.start()
    assert refusal(theirs.come_back(back)) == "stale"  # one of another login
    theirs.jar = {TICKET: mine.jar[TICKET][:-2] + "AA"}
    assert refusal(theirs.come_back(back)) == "stale"  # one that was changed
    assert mine.come_back(back + "&iss=http%3A%2F%2F127.0.0.1%3A1").headers["location"].endswith("#refused=token")
    assert refusal(mine.ask("GET", f"{CALLBACK}?error=access_denied&state=x")) == "stale"
    state = query_of(mine.start())["state"]
    assert refusal(mine.ask("GET", f"{CALLBACK}?error=access_denied&error_description=no&state={state}")) == "denied"
    assert "access_denied no" in server.log() and liar.count("/token") == 0


def test_one_goes_on_to_the_page_one_came_from_and_nowhere_else(believer, liar):
    server = believer(below="/hooks")
    browser = Browser(server, prefix="/hooks")
    where = {"/hooks/console/apps?q=a": True, "/hooks/console/": True, "https://evil.example/": False, "//evil.example/": False,
             "/console/apps": False, "/hooks/console/\\evil": False, "/hooks/consolex": False, "/hooks/console/" + "x" * 600: False,
             "/hooks/console/\r\nx: y": False}
    for next_page, may in where.items():
        location = browser.start("?next=" + urllib.parse.quote(next_page, safe=""))
        assert location.startswith(liar.issuer + "/authorize?tenant=1&response_type=code&")
        assert query_of(location)["redirect_uri"] == server.url + "/hooks" + CALLBACK
        answer = browser.come_back(liar.authorize(location))
        assert answer.headers["location"] == (next_page if may else "/hooks/console/"), next_page


def hang():
    threading.Event().wait(20 * SLOWER)
    return 200, {}


BAD_ANSWERS = {
    "/.well-known/openid-configuration": [(500, b""), (200, b"<html>"), (200, b"[]"), (200, b"x" * 70000), (302, b""), hang,
                                          (200, {"issuer": "http://127.0.0.1:1"})],
    "/token": [(500, b""), (200, b"[]"), (200, b"x" * 70000)],
    "/keys": [(500, b""), (200, b"{}"), (200, b"[" * 1000), (200, b"x" * 70000)],
}


@pytest.mark.parametrize("path", BAD_ANSWERS)
def test_an_answer_that_is_none_is_said_and_logged(believer, liar, path):
    server = believer()
    for bad in BAD_ANSWERS[path]:
        liar.answers = {path: bad}
        browser = Browser(server)
        answer = browser.ask("GET", START)
        if path in ("/token", "/keys"):
            answer = browser.come_back(liar.authorize(answer.headers["location"]))
        assert refusal(answer) == "unreachable", bad
        assert "access.provider_unreachable" in server.log()
    liar.answers = {}
    assert enter(server, liar).headers["location"] == "/console/"


def test_addresses_that_are_not_https_are_not_taken_from_a_provider(believer, liar):
    server = believer()
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"):
        for bad in ("http://example.com/x", "ftp://127.0.0.1/", "https://a:b@example.com/", "https://example.com/\r\nx: y", "x"):
            liar.document = {name: bad}
            assert refusal(Browser(server).ask("GET", START)) == "unreachable", (name, bad)


def test_the_secret_goes_where_the_provider_wants_it(believer, liar):
    server = believer("console.oidc_client_secret=ä & b")
    enter(server, liar)
    _, body, headers = liar.asked[-2] if liar.asked[-2][0] == "/token" else liar.asked[-1]
    pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == "grapnel:%C3%A4%20%26%20b" and "client_secret" not in body and len(body["code_verifier"][0]) == 43
    liar.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    server.restart()
    enter(server, liar)
    _, body, headers = next(one for one in reversed(liar.asked) if one[0] == "/token")
    assert body["client_secret"] == ["ä & b"] and headers["authorization"] is None and body["client_id"] == [CLIENT]


def test_who_fails_often_has_to_wait(believer, liar):
    server = believer()
    browser = Browser(server)
    words = {refusal(browser.ask("GET", f"{CALLBACK}?code=x&state=y")) for _ in range(60)}
    assert words == {"stale", "limited"} and liar.count("/token") == 0


@pytest.mark.parametrize("flags, words", [
    (["console.oidc_client_id=x", "console.oidc_roles=a=king"], "names no role"),
    (["console.oidc_client_id=x", "console.oidc_roles="], "console.oidc_roles: maps nothing"),
    (["console.oidc_client_id=", ROLES], "console.oidc_client_id"),
    (["console.oidc_client_id=x", ROLES, "console.oidc_scopes=profile"], "must hold openid"),
    (["console.oidc_client_id=x", ROLES, "console.oidc_issuer=http://example.com"], "not https"),
])
def test_options_that_cannot_work_are_refused_at_the_start(make_grapnel, flags, words):
    server = make_grapnel()
    server.spawn("console.oidc_issuer=https://example.com", *flags)
    assert server.child.wait(60 * SLOWER) == 2 and words in server.log()


# --- by a proxy -------------------------------------------------------------------------------------------

PROXY = ("console.proxy_user_header=X-Forwarded-User", "console.proxy_roles_header=X-Groups",
         "console.proxy_roles=admins=owner,staff=viewer")


def by_proxy(browser, **headers):
    return browser.ask("POST", SESSION + "/proxy", None, **headers)


def test_a_proxy_is_believed_from_its_own_address_only(make_grapnel):
    server = make_grapnel().serve(*PROXY, "console.proxy_from=127.0.0.1")
    browser = Browser(skip_without_pages(server))
    said = {"x_forwarded_user": "ada", "x_groups": "guests, admins"}
    assert json.loads(browser.ask("GET", WAYS, **said).body) == {"openIdConnect": None, "proxy": {"name": "ada"}}
    answer = by_proxy(browser, **said)
    assert answer.status == 200 and json.loads(answer.body)["who"]["role"] == "owner"
    browser.csrf = json.loads(answer.body)["csrf"]
    assert browser.works() and browser.ask("GET", SESSION, **said).status == 200
    assert by_proxy(browser, x_forwarded_user="eve", x_groups="guests").status == 403
    assert by_proxy(browser, x_groups="admins").status == 401
    other = make_grapnel().serve(*PROXY, "console.proxy_from=10.0.0.0/8")
    stranger = Browser(other)
    assert json.loads(stranger.ask("GET", WAYS, **said).body)["proxy"] is None
    refused = by_proxy(stranger, **said)
    assert refused.status == 403 and json.loads(refused.body)["code"] == "foreign_proxy"
    assert "why=foreign" in other.wait_log("access.sign_in_refused")


def test_a_session_by_a_proxy_ends_when_the_proxy_says_somebody_else(make_grapnel):
    server = make_grapnel().serve(*PROXY, "console.proxy_from=127.0.0.0/8")
    for said in ({}, {"x_forwarded_user": "eve", "x_groups": "admins"}, {"x_forwarded_user": "ada", "x_groups": "staff"}):
        browser = Browser(skip_without_pages(server))
        assert by_proxy(browser, x_forwarded_user="ada", x_groups="admins").status == 200
        assert json.loads(browser.ask("GET", SESSION, x_forwarded_user="ada", x_groups="admins").body)["how"] == "proxy"
        assert json.loads(browser.ask("GET", SESSION, **said).body) == {"signedIn": False}
        assert json.loads(browser.ask("GET", SESSION, x_forwarded_user="ada", x_groups="admins").body) == {"signedIn": False}


@pytest.mark.parametrize("flags, words", [
    (["console.proxy_user_header=X-User", "console.proxy_role=viewer"], "needs console.proxy_from"),
    (["console.proxy_user_header=X-User", "console.proxy_from=10.0.0.0/33", "console.proxy_role=viewer"], "console.proxy_from"),
    (["console.proxy_user_header=X-User", "console.proxy_from=10.0.0.1"], "needs one of console.proxy_role"),
    (["console.proxy_user_header=X-User", "console.proxy_from=10.0.0.1", "console.proxy_role=king"], "console.proxy_role"),
    (["console.proxy_user_header=X User", "console.proxy_from=10.0.0.1", "console.proxy_role=viewer"], "no name of a header"),
])
def test_a_proxy_that_cannot_work_is_refused_at_the_start(make_grapnel, flags, words):
    server = make_grapnel()
    server.spawn(*flags)
    assert server.child.wait(60 * SLOWER) == 2 and words in server.log()


# --- an address of its own --------------------------------------------------------------------------------

def test_with_an_address_of_its_own_the_console_is_nowhere_else(make_grapnel):
    server = make_grapnel()
    server.take_port()
    port = free_port()
    server.serve(f"console.listen=127.0.0.1:{port}")
    for path in ("/console/", "/console", "/console/apps", SESSION, WAYS, START, CALLBACK, "/console/api/oidc/end"):
        answer = server.raw("GET", path)
        assert answer.status == 404, path
        if b"when it was built" in answer.body:
            pytest.skip("this build has no pages")
        assert b"console.listen" in answer.body, path
    assert server.raw("GET", "/").status == 404
    link = server.run("console", f"--store.dir={server.store}").stdout.strip()
    assert link.startswith(f"http://127.0.0.1:{port}/console/#login=gc_")
    public, server.port = server.port, port
    browser = Browser(server)
    assert browser.ask("GET", "/console/").status == 200 and browser.ask("GET", "/").headers["location"] == "/console/"
    assert browser.ask("GET", "/console/", host="evil.example").status == 421
    assert browser.ask("POST", SESSION, {"code": link.split("=")[1]}).status == 200
    browser.session()
    assert browser.works()
    server.port = public  # browsers send cookies to every port of a host: here it counts for nothing
    assert not browser.works() and browser.ask("DELETE", SESSION).status in (401, 404)
    assert server.call("GET", "/app").status == 200
