# SPDX-License-Identifier: Apache-2.0
"""The pages as files: what is served, how it is cached and compressed, and the headers that guard it."""
import gzip
import re
import subprocess
import urllib.parse

import pytest


CSP = ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'",
       "require-trusted-types-for 'script'", "trusted-types 'none'")


def page(grapnel, path="/console/", **headers):
    return grapnel.raw("GET", path, headers=headers)


def assets(text):
    return re.findall(r'(?:href|src)="([^"]*/assets/[^"]*)"', text)


@pytest.fixture(autouse=True)
def with_pages(grapnel):
    """A build without network has no pages; CI's has (-Dweb=enabled)."""
    answer = page(grapnel)
    if answer.status == 404 and b"when it was built" in answer.body:
        pytest.skip("this build has no pages")


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/apps/app_1/endpoints", "/portal", "/portal/endpoints/ep_1"])
def test_every_path_of_a_face_is_its_page_under_a_strict_policy(grapnel, path):
    got = page(grapnel, path)
    assert got.status == 200 and got.headers["content-type"] == "text/html; charset=utf-8"
    policy = got.headers["content-security-policy"]
    assert all(part in policy for part in CSP) and "unsafe" not in policy
    assert got.headers["x-content-type-options"] == "nosniff" and got.headers["referrer-policy"] == "no-referrer"
    assert got.headers["cross-origin-resource-policy"] == "same-origin"
    text = got.body.decode()
    assert "{{" not in text and not re.search(r"<script[^>]*>[^<]|\son\w+=|\sstyle=|<style", text)


def test_only_the_portal_may_be_framed(grapnel):
    assert "frame-ancestors 'none'" in page(grapnel).headers["content-security-policy"]
    assert page(grapnel).headers["cross-origin-opener-policy"] == "same-origin"
    assert page(grapnel, "/portal").headers["content-security-policy"].endswith("frame-ancestors *")
    grapnel.restart("portal.frame_ancestors=https://a.example, https://*.b.example", "portal.icon_origins=https://cdn.example")
    policy = page(grapnel, "/portal").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://a.example https://*.b.example") and "img-src 'self' data: https://cdn.example;" in policy
    assert "cdn.example" not in page(grapnel).headers["content-security-policy"]
    grapnel.restart("portal.frame_ancestors=")
    assert page(grapnel, "/portal").headers["content-security-policy"].endswith("frame-ancestors 'none'")


@pytest.mark.parametrize("option", ["portal.frame_ancestors", "portal.icon_origins"])
@pytest.mark.parametrize("value", ["https://a.example; script-src *", "https://a b", "\"x\""])
def test_an_origin_that_would_change_the_policy_is_refused(grapnel, option, value):
    grapnel.stop()
    grapnel.spawn(f"{option}={value}")
    assert grapnel.child.wait(60) != 0 and option in grapnel.log()


def test_the_page_is_asked_for_again_and_answered_with_304(grapnel):
    first = page(grapnel)
    assert first.headers["cache-control"] == "no-cache"
    for tag in (first.headers["etag"], "W/" + first.headers["etag"], f'"x", {first.headers["etag"]}', "*"):
        again = page(grapnel, **{"if-none-match": tag})
        assert again.status == 304 and again.body == b"" and again.headers["etag"] == first.headers["etag"]
    assert page(grapnel, **{"if-none-match": '"other"'}).status == 200


def test_head_is_the_same_without_the_page(grapnel):
    got, head = page(grapnel), grapnel.raw("HEAD", "/console/")
    assert head.status == 200 and head.body == b"" and head.headers["content-length"] == str(len(got.body))
    assert head.headers["etag"] == got.headers["etag"]


def test_every_asset_is_there_immutable_and_the_same_in_every_coding(grapnel):
    for face in ("/console/", "/portal"):
        names = assets(page(grapnel, face).body.decode())
        assert any(name.endswith(".js") for name in names) and any(name.endswith(".css") for name in names)
        for name in names:
            raw = page(grapnel, name, **{"accept-encoding": "identity"})
            assert raw.status == 200 and "content-encoding" not in raw.headers
            assert raw.headers["cache-control"] == "public, max-age=31536000, immutable" and raw.headers["vary"] == "Accept-Encoding"
            packed = page(grapnel, name, **{"accept-encoding": "gzip"})
            assert packed.headers["content-encoding"] == "gzip" and gzip.decompress(packed.body) == raw.body
            small = page(grapnel, name, **{"accept-encoding": "gzip, deflate, br, zstd"})
            assert small.headers["content-encoding"] == "br" and len(small.body) <= len(packed.body)
            opened = subprocess.run(["brotli", "-dc"], input=small.body, capture_output=True, check=True).stdout
            assert opened == raw.body
            tags = {answer.headers["etag"] for answer in (raw, packed, small)}
            assert len(tags) == 3
            assert page(grapnel, name, **{"accept-encoding": "br", "if-none-match": small.headers["etag"]}).status == 304


@pytest.mark.parametrize("path", ["/assets/console-AAAAAAAA.js", "/assets/console.html", "/assets/..%2fkey", "/assets/",
                                  "/console/api/nothing", "/api/console", "/consoles", "/in", "/debug/x"])
def test_what_is_not_there_stays_a_404_in_json(grapnel, path):
    got = page(grapnel, path)
    assert got.status == 404 and got.headers["content-type"] == "application/json" and b'"code":"not_found"' in got.body


def test_the_root_leads_to_the_console_and_login_to_the_portal(grapnel):
    assert (page(grapnel, "/").status, page(grapnel, "/").headers["location"]) == (302, "/console/")
    assert page(grapnel, "/login?darkMode=true").headers["location"] == "/portal?darkMode=true"


def test_below_a_path_every_address_of_the_page_has_it(grapnel):
    grapnel.restart("server.public_url=https://hooks.example/a/b/")
    for face, host in (("/console/", {"host": "hooks.example"}), ("/portal", {})):
        text = page(grapnel, face, **host).body.decode()
        assert 'data-base="/a/b"' in text and assets(text) and all(name.startswith("/a/b/assets/") for name in assets(text))
    assert page(grapnel, "/").headers["location"] == "/a/b/console/"
    assert page(grapnel, "/login").headers["location"] == "/a/b/portal"


def test_a_name_that_only_leads_here_gets_no_console(grapnel):
    grapnel.restart("server.public_url=https://hooks.example")
    for host in ("hooks.example", "HOOKS.example:8071", "127.0.0.1", "192.0.2.7:8071", "[::1]:8071", "localhost:8071", "a.localhost"):
        assert page(grapnel, host=host).status == 200, host
    for host in ("rebound.example", "hooks.example.evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]"):
        got = page(grapnel, host=host)
        assert got.status == 421 and b"server.public_url" in got.body, host


def test_no_answer_of_a_face_lets_other_origins_read_it(grapnel):
    names = assets(page(grapnel).body.decode())
    for path in ("/console/", "/portal", names[0]):
        assert "access-control-allow-origin" not in page(grapnel, path, origin="https://evil.example").headers


def test_a_face_that_is_switched_off_says_so(grapnel):
    grapnel.restart("console.enabled=false")
    got = page(grapnel)
    assert got.status == 404 and b"console.enabled is false" in got.body
    assert page(grapnel, "/").status == 404 and page(grapnel, "/portal").status == 200


def test_without_the_portal_its_links_lead_to_a_page_of_text(grapnel):
    grapnel.restart("portal.enabled=false")
    grapnel.application(uid="a")
    link = grapnel.ok("POST", "/auth/app-portal-access/a", {})
    path = urllib.parse.urlsplit(link["url"]).path
    got = page(grapnel, path)
    text = got.body.decode()
    assert got.status == 200 and got.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in got.headers["content-security-policy"] and "<script" not in text and "style=" not in text
    assert "Bearer" in text and link["token"] not in grapnel.log()
    shown = page(grapnel, path + "?app=%3Cb%3E").body.decode()
    assert "<b>" not in shown and "/app/a/endpoint" in page(grapnel, path + "?app=a").body.decode()
    assert page(grapnel, "/portal/endpoints").status == 404
