# SPDX-License-Identifier: Apache-2.0
"""The watch over pages sees what it is for: each page here does one thing wrong."""
import pytest
from canaries import MARKUP, SIGN

PAGE = "<!doctype html><html lang='en'><head><title>Fine</title>{head}</head><body><main><h1>Fine</h1>{body}</main></body></html>"


def complaints_about(page):
    found = page.watched.finish()
    page.watched.complaints, page.watched.look_at_end = [], False
    return found


def test_a_page_that_does_nothing_wrong_is_not_complained_about(open_page, make_site):
    page = open_page(make_site({"/": PAGE.format(head="", body="<p>Words</p>")}).url)
    assert complaints_about(page) == []


@pytest.mark.parametrize("head, body, expected", [
    ("", "<script>1</script>", "policy: script-src-elem"),
    ("", "<p style='color: red'>Words</p>", "policy: style-src-attr"),
    ("<script src=/throw.js></script>", "", "exception: thrown"),
    ("<script src=/error.js></script>", "", "console: wrong"),
    ("<script src=/alert.js></script>", "", "dialog: hello"),
    ("<script src=/markup.js></script>", "<p id=to></p>", "policy: require-trusted-types-for"),
    ("", "<img src=/x.png>", "axe: image-alt"),
    ("", "<img src=/missing.png alt=Missing>", "console: Failed to load resource"),
])
def test_each_kind_of_wrong_is_complained_about(open_page, make_site, head, body, expected):
    site = make_site({"/": PAGE.format(head=head, body=body), "/throw.js": "throw new Error('thrown')", "/x.png": "",
                      "/error.js": "console.error('wrong')", "/alert.js": "alert('hello')",
                      "/markup.js": "addEventListener('load', () => { to.innerHTML = 'x'; })"},
                     {"content-security-policy": "default-src 'none'; script-src 'self'; img-src 'self'; "
                                                 "require-trusted-types-for 'script'"})
    page = open_page()
    page.watched.may_ask(site.url)
    page.goto(site.url, wait_until="networkidle")
    assert any(expected in text for text in complaints_about(page)), page.watched.complaints


def test_a_request_to_another_origin_is_complained_about(open_page, make_site):
    stranger = make_site({"/x.png": ""})
    page = open_page(make_site({"/": PAGE.format(head="", body=f"<img alt='' src='{stranger.url}/x.png'>")}).url)
    assert any("another origin" in text and stranger.url in text for text in complaints_about(page))


def test_a_canary_that_sings_is_heard(open_page, make_site):
    page = open_page(make_site({"/": PAGE.format(head="", body=MARKUP)}).url)
    page.wait_for_function(f"document.title == '{SIGN}'")
    assert any("a canary sang" in text for text in complaints_about(page))


def test_what_happens_in_a_frame_is_complained_about(open_page, make_site):
    inner = make_site({"/": PAGE.format(head="", body="<script>1</script><img src=/x.png>"), "/x.png": ""},
                      {"content-security-policy": "default-src 'none'; img-src 'self'"})
    outer = make_site({"/": PAGE.format(head="", body=f"<iframe title=inner src='{inner.near}'></iframe>")})
    page = open_page()
    page.watched.may_ask(inner.near)
    page.watched.may_ask(outer.url)
    page.goto(outer.url, wait_until="networkidle")
    found = complaints_about(page)
    assert any("policy: script-src-elem" in text for text in found), found
    assert any("axe: image-alt" in text for text in found), found
