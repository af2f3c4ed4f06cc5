# SPDX-License-Identifier: Apache-2.0
"""Links to the portal: what is in them, how long they are good, and what they are changed for."""
import base64
import binascii
import json
import re
import struct
import zlib

import pytest

from conftest import wait_until

SESSION = "/api/v1/auth/portal-session"


@pytest.fixture(autouse=True)
def with_pages(grapnel):
    """A build without network has no pages; CI's has (-Dweb=enabled)."""
    answer = grapnel.raw("GET", "/console/")
    if answer.status == 404 and b"when it was built" in answer.body:
        pytest.skip("this build has no pages")


def portal_access(grapnel, app, **body):
    return grapnel.ok("POST", f"/auth/app-portal-access/{app}", body)


def key_of(access):
    """As Svix' own clients take a link apart."""
    url = access["url"]
    return json.loads(base64.b64decode(url[url.index("#key=") + 5:], validate=True))


def open_link(grapnel, code):
    answer = grapnel.raw("POST", SESSION, json.dumps({"code": code}), {"content-type": "application/json"})
    return answer.status, json.loads(answer.body)


def opened(grapnel, access):
    status, body = open_link(grapnel, key_of(access)["token"])
    assert status == 200, body
    return body["token"]


def sees(grapnel, app, token):
    return grapnel.call("GET", f"/app/{app}", token=token).status == 200


def test_a_link_has_the_shape_of_svix_and_a_code_that_is_no_token(grapnel):
    app = grapnel.application()
    access = portal_access(grapnel, app)
    key = key_of(access)
    assert access["url"].startswith(f"{grapnel.url}/portal#key=") and key["appId"] == app and set(key) == {"appId", "token"}
    assert access["token"].startswith("gk_") and sees(grapnel, app, access["token"])
    assert key["token"] != access["token"] and not sees(grapnel, app, key["token"])


def test_a_code_is_changed_for_a_token_with_the_rights_of_the_link(grapnel):
    app, other = grapnel.application(), grapnel.application()
    access = portal_access(grapnel, app, capabilities=["ViewBase"], readOnly=True, featureFlags=["beta"], sessionId="s1", expiry=3600)
    token = opened(grapnel, access)
    assert sees(grapnel, app, token) and not sees(grapnel, other, token)
    mine, theirs = (grapnel.call("GET", "/auth/whoami", token=t).body for t in (token, access["token"]))
    assert mine["kind"] == "portal" and theirs["kind"] == "token"
    for same in ("applicationId", "capabilities", "readOnly", "featureFlags", "expiresAt", "organisationId"):
        assert mine[same] == theirs[same], same
    assert mine["readOnly"] and mine["capabilities"] == ["ViewBase"]


def test_a_link_may_be_opened_again_within_its_time(grapnel):
    app = grapnel.application()
    access = portal_access(grapnel, app)
    first, second = opened(grapnel, access), opened(grapnel, access)
    assert first != second and sees(grapnel, app, first) and sees(grapnel, app, second)


def test_with_link_once_it_opens_once(grapnel):
    grapnel.restart("portal.link_once=true")
    app = grapnel.application()
    access = portal_access(grapnel, app)
    token = opened(grapnel, access)
    status, body = open_link(grapnel, key_of(access)["token"])
    assert status == 401 and body["code"] == "link_ended" and sees(grapnel, app, token)


def test_after_its_time_a_link_is_dead_and_what_it_opened_lives(grapnel):
    grapnel.restart("portal.link_lifetime=2s")
    app = grapnel.application()
    access = portal_access(grapnel, app)
    token = opened(grapnel, access)
    later = portal_access(grapnel, app)
    wait_until(lambda: open_link(grapnel, key_of(later)["token"])[0] == 401, "the end of a link made after it")
    assert open_link(grapnel, key_of(access)["token"])[0] == 401
    assert sees(grapnel, app, token) and sees(grapnel, app, access["token"])


@pytest.mark.parametrize("how", ["all", "session", "its token", "application"])
def test_what_ends_the_links_token_ends_the_link_and_all_it_opened(grapnel, how):
    app = grapnel.application()
    access = portal_access(grapnel, app, sessionId="one")
    other = portal_access(grapnel, app, sessionId="two")
    token, others = opened(grapnel, access), opened(grapnel, other)
    if how == "all":
        grapnel.ok("POST", f"/auth/app/{app}/expire-all", {})
    elif how == "session":
        grapnel.ok("POST", f"/auth/app/{app}/expire-all", {"sessionIds": ["one"]})
    elif how == "its token":
        assert grapnel.call("POST", "/auth/logout", token=access["token"]).status == 204
    else:
        grapnel.ok("DELETE", f"/app/{app}")
    assert not sees(grapnel, app, token) and open_link(grapnel, key_of(access)["token"])[0] in (401, 404)
    assert sees(grapnel, app, others) == (how in ("session", "its token"))


def test_logging_out_of_the_portal_ends_that_session_only(grapnel):
    app = grapnel.application()
    access = portal_access(grapnel, app)
    first, second = opened(grapnel, access), opened(grapnel, access)
    assert grapnel.call("POST", "/auth/logout", token=first).status == 204
    assert not sees(grapnel, app, first) and sees(grapnel, app, second) and sees(grapnel, app, access["token"])


def test_a_link_opened_very_often_keeps_the_latest_sessions(grapnel):
    app = grapnel.application()
    access = portal_access(grapnel, app)
    tokens = [opened(grapnel, access) for _ in range(102)]
    assert [sees(grapnel, app, token) for token in tokens[:3]] == [False, False, True] and sees(grapnel, app, tokens[-1])


@pytest.mark.parametrize("code", ["gl_" + 40 * "0", "x", "", None, 5, "gl_" + 61 * "0", "gl_\u0000" + 39 * "0"])
def test_nonsense_opens_nothing(grapnel, code):
    status, body = open_link(grapnel, code)
    assert status in (401, 422) and "token" not in body


def test_neither_tokens_nor_other_codes_are_links(grapnel):
    app = grapnel.application()
    access = portal_access(grapnel, app)
    login = grapnel.run("console", f"--store.dir={grapnel.store}").stdout.strip().rsplit("=", 1)[1]
    for text in (access["token"], grapnel.token, login, opened(grapnel, access)):
        assert open_link(grapnel, text)[0] == 401
    answer = grapnel.raw("POST", "/console/api/session", json.dumps({"code": key_of(access)["token"]}),
                         {"content-type": "application/json"})
    assert answer.status == 401


def test_guessing_codes_is_slowed_down(grapnel):
    statuses = [open_link(grapnel, f"gl_{n:040d}")[0] for n in range(52)]
    assert statuses.count(401) == 50 and statuses[-1] == 429


def test_a_link_of_a_source_opens_the_sources_application(grapnel):
    def ingest(path, body):
        answer = grapnel.raw("POST", "/ingest/api/v1" + path, json.dumps(body),
                             {"authorization": f"Bearer {grapnel.token}", "content-type": "application/json"})
        return json.loads(answer.body)
    source = ingest("/source", {"name": "s", "type": "generic-webhook"})["id"]
    access = ingest(f"/source/{source}/dashboard", {"readOnly": True})
    who = grapnel.call("GET", "/auth/whoami", token=opened(grapnel, access)).body
    assert who["sourceId"] == source and who["readOnly"] and key_of(access)["appId"] == who["applicationId"]


def test_an_answer_repeated_by_its_key_has_the_same_link(grapnel):
    app = grapnel.application()
    both = [grapnel.ok("POST", f"/auth/app-portal-access/{app}", {}, {"idempotency-key": "one"}) for _ in range(2)]
    assert both[0] == both[1] and opened(grapnel, both[1])


def test_without_the_portal_the_link_holds_the_token_itself(grapnel):
    grapnel.restart("portal.enabled=false")
    access = portal_access(grapnel, grapnel.application())
    assert access["url"].endswith("/portal#key=" + access["token"])


def test_below_a_path_the_link_has_it(grapnel):
    grapnel.restart("server.public_url=https://hooks.example/below/")
    assert portal_access(grapnel, grapnel.application())["url"].startswith("https://hooks.example/below/portal#key=")


# --- how the operator wants it ------------------------------------------------------------------------------

def config(grapnel, **headers):
    return grapnel.raw("GET", "/api/v1/portal/config", headers={name.replace("_", "-"): v for name, v in headers.items()})


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", binascii.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b""))


def test_the_portals_look_is_told_to_anybody_and_may_be_kept(grapnel):
    shown = config(grapnel)
    assert json.loads(shown.body) == {"name": None, "logo": None, "supportUrl": None, "hide": [], "iconOrigins": []}
    assert shown.headers["cache-control"] == "public, max-age=300"
    assert config(grapnel, if_none_match=shown.headers["etag"]).status == 304
    assert grapnel.raw("GET", "/portal/logo").status == 404
    logo = grapnel.folder / "logo.png"
    logo.write_bytes(png())
    grapnel.restart('portal.name=Acme "Inc" </script>', f"portal.logo={logo}", "portal.support_url=https://acme.example/help",
                    "portal.hide=channels, throttle", "portal.icon_origins=https://cdn.example")
    shown = json.loads(config(grapnel).body)
    assert shown["name"] == 'Acme "Inc" </script>' and shown["supportUrl"] == "https://acme.example/help"
    assert shown["hide"] == ["channels", "throttle"] and shown["iconOrigins"] == ["https://cdn.example"]
    assert re.fullmatch(r"/portal/logo\?v=[0-9a-f]{16}", shown["logo"])
    picture = grapnel.raw("GET", shown["logo"])
    assert picture.body == png() and picture.headers["content-type"] == "image/png"
    assert picture.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("option", "content"), [
    ("portal.hide=everything", None), ("portal.support_url=javascript:alert(1)", None), ("portal.name=" + "x" * 201, None),
    ("portal.logo={}", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"), ("portal.logo={}", b""),
    ("portal.logo={}", b"\x89PNG\r\n\x1a\n" + b"x" * 65536), ("portal.logo={}.gone", b""), ("portal.link_lifetime=0s", None)])
def test_a_look_that_cannot_be_is_refused_at_the_start(grapnel, option, content):
    file = grapnel.folder / "logo"
    if content is not None:
        file.write_bytes(content)
    grapnel.stop()
    grapnel.spawn(option.replace("{}", str(file)))
    assert grapnel.child.wait(60) != 0 and option.split("=")[0] in grapnel.log()
