# SPDX-License-Identifier: Apache-2.0
"""Strangers' words stay words: everything that others can name, send or answer is hostile here, on every page."""
import json
import re

import canaries
import pytest
from playwright.sync_api import expect

from conftest import Receiver


@pytest.fixture(name="hostile", scope="module")
def sow_canaries(world):
    """An application whose names, payloads, headers and receivers are canaries."""
    server, receiver = world.server, Receiver(canaries.answer())
    app = server.application(canaries.MARKUP)
    endpoints = [server.endpoint(app, receiver.url, description=name, headers={"x-canary": canaries.MARKUP}) for name in canaries.NAMES]
    server.ok("POST", "/event-type", {"name": "canary.type", "description": canaries.SCRIPT, "groupName": "canary",
                                      "schemas": {"1": {"type": "object", "description": "*/ " + canaries.SCRIPT,
                                                        "properties": {canaries.MARKUP: {"type": "string", "description": canaries.LINK}},
                                                        "examples": [canaries.payload(big=1)]}}})
    # A program that says a canary as a comment, and a filter that compares with one.
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoints[1]}/transformation", {"code": f"# {canaries.MARKUP}\n.", "enabled": True})
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoints[2]}", {"filter": {"body": {"script": {"$in": [canaries.SCRIPT]}}}})
    server.endpoint(app, f"http://{canaries.SIGN.lower()}.invalid/hook", description=canaries.SCRIPT)  # its error has the name
    message = server.publish(app, {**canaries.payload(), "nul": "before\u0000after"}, "canary.type", eventId="canary-1", tags=["a-b"])
    deep = json.dumps({"end": 1})
    for _ in range(200):
        deep = '{"<i>": ' + deep + "}"
    answer = server.raw("POST", f"/api/v1/app/{app}/msg", '{"eventType":"canary.type","payload":' + deep + "}",
               {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
    assert answer.status == 202, answer
    long = server.publish(app, {"long": canaries.LONG[:500_000]}, "canary.type")
    world.settle(app)
    yield {"app": app, "endpoints": endpoints, "messages": [message, long, json.loads(answer.body)["id"]]}
    receiver.close()


PAGES = ["", "/endpoints/new", "/endpoints/{endpoint}", "/endpoints/{endpoint}?tab=settings", "/endpoints/{endpoint}?tab=verify",
         "/endpoints/{endpoint}/created", "/activity", "/activity?text=onerror", "/live", "/messages", "/messages/{message}", "/messages/{long}", "/messages/{deep}", "/event-types",
         "/event-types/canary.type", "/playground?tab=filter&event={message}&endpoint={endpoint}"]


def test_no_canary_sings_on_any_page(open_page, world, hostile):
    page = open_page()
    page.watched.may_ask(world.server.url)
    for one in PAGES:
        path, _, query = one.format(endpoint=hostile["endpoints"][1], message=hostile["messages"][0],
                                    long=hostile["messages"][1], deep=hostile["messages"][2]).partition("?")
        page.goto("about:blank")
        page.goto(world.portal(hostile["app"], path, query))
        expect(page.locator("main h1, main h2").first).to_be_visible()
        expect(page.locator("html[data-loading]")).to_have_count(0)  # a live page never has an idle network
        for _ in range(8):
            if page.locator("button[aria-expanded=false]").count():
                page.locator("button[aria-expanded=false]").first.click()
        expect(page.locator("html[data-loading]")).to_have_count(0)  # a live page never has an idle network
        assert page.title().lower().endswith("webhooks")
        page.watched.look()


def test_what_a_receiver_answered_is_shown_as_its_words(open_page, world, hostile):
    page = open_page()
    page.watched.may_ask(world.server.url)
    page.goto(world.portal(hostile["app"], f"/messages/{hostile['messages'][0]}"))
    page.get_by_role("button", name=re.compile("500")).first.click()
    said = page.get_by_role("region", name="The answer of your server, as it came").first
    expect(said).to_contain_text("<script>document.title")
    expect(page.get_by_role("region", name="Headers of the answer").first).to_contain_text("<img src=x onerror=")
    assert page.locator("main img, main script, main h1:has-text('49')").count() == 0


WISHES = [
    "next=//evil.example/x", "next=https://evil.example/", "next=javascript:alert(1)", "next=/endpoints/../../console",
    "primaryColor=red;background:url(//evil.example)", "primaryColorLight=\"><script>alert(1)</script>",
    "icon=https://evil.example/x.png", "icon=javascript:alert(1)", "fontFamily=x;}*{background:url(//evil.example)}",
    "darkMode=<img src=x>", "hideNavigation=<script>", "noGutters=\"onload=alert(1)",
]


def test_parameters_of_a_link_can_do_nothing_but_what_they_are_for(open_page, world):
    page = open_page()
    page.watched.may_ask(world.server.url)
    for query in WISHES:
        page.goto("about:blank")
        page.goto(world.portal(query=query))
        expect(page.get_by_role("heading", name="Endpoints")).to_be_visible()
        assert page.evaluate("location.pathname") == "/portal"
        assert "evil" not in (page.evaluate("document.documentElement.getAttribute('style')") or "")


DAMAGED = ["#key=", "#key=%00%ff", "#key=" + "A" * 100_000, "#key=eyJ0b2tlbiI6MX0=", "#<script>alert(1)</script>", "#key=bm9ib2R5",
           "#key=gk_0000000000000000000000000000000000000000"]


def test_a_link_that_is_damaged_is_said_to_be(open_page, world):
    page = open_page()
    page.watched.may_ask(world.server.url)
    page.watched.expects(r"console: Failed to load resource.*4\d\d")
    for fragment in DAMAGED:
        page.goto("about:blank")
        page.goto(f"{world.server.url}/portal{fragment}")
        expect(page.get_by_text("Go back to the site that sent you here")).to_be_visible()
        assert "#" not in page.url
