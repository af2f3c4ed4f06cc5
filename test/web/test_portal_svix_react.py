# SPDX-License-Identifier: Apache-2.0
"""Svix's own React package, unmodified: its hooks against this server from another site, and its frame with our portal."""
import contextlib
import json
import os
import re
import subprocess
from urllib.parse import quote

import pytest
from playwright.sync_api import TimeoutError as Late, expect

from conftest import HERE, NODE_MODULES, wait_until

PAGE = "<!doctype html><html lang=en><head><title>Host</title></head><body><main><h1>Host</h1><div id=host></div></main>" \
       "<script src=/host.js></script></body></html>"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """The host's page as one script."""
    out = tmp_path_factory.mktemp("host") / "host.js"
    # Their components want a client of its first major version, which reads `process` unguarded.
    subprocess.run(["esbuild", HERE / "svix_host.jsx", "--bundle", f"--outfile={out}", "--log-level=error", "--platform=browser",
                    '--banner:js=var process={env:{NODE_ENV:"production"},versions:{}};', "--loader:.css=empty", "--alias:svix=svix1"],
                   check=True, env={**os.environ, "NODE_PATH": str(NODE_MODULES)})
    return out.read_text()


@pytest.fixture
def host(open_page, make_site, bundle, world):
    """host(mode=..., ...): the host's page on a site of its own."""
    def go(width=1280, theme="light", **told):
        site = make_site({"/": PAGE, "/host.js": bundle})
        page = open_page(width=width, theme=theme)
        page.watched.may_ask(site.url, world.server.url)
        page.watched.expects(r"axe: frame-title")  # their frame has no name, and it is not ours to give
        page.goto(f"{site.url}/#{quote(json.dumps(told))}")
        return page
    return go


def portal_in(page):
    return page.frame_locator("iframe")


def test_all_hooks_and_actions_work_from_another_site(host, world, make_receiver):
    receiver = make_receiver()
    app = world.server.application("Hooked")
    endpoint = world.server.endpoint(app, receiver.url)
    message = world.server.publish(app)
    receiver.wait()
    world.settle(app)
    page = host(mode="hooks", token=world.access(app)["token"], appId=app, server=world.server.url, endpoint=endpoint,
                message=message, endpointUrl=receiver.url, newUrl="https://hook.example.com/")
    reads = json.loads(page.locator("#reads").inner_text())
    assert not [name for name, value in reads.items() if isinstance(value, str)], reads
    assert reads["endpoint"]["id"] == endpoint and reads["message"]["id"] == message and reads["stats"]["success"] == 1
    assert len(reads["types"]) >= 6 and reads["messageAttempts"][0]["responseStatusCode"] == 204
    page.get_by_role("button", name="Act").click()
    done = json.loads(page.locator("#done").inner_text())
    assert not [name for name, value in done.items() if str(value).startswith("error")], done
    assert done["update"] == "changed by a hook" and done["list"] == 2
    left = world.server.ok("GET", f"/app/{app}/endpoint")["data"]
    assert [one["description"] for one in left] == ["made by a hook"]


def test_the_portal_fills_their_frame_and_tells_how_high_it_is(host, world):
    page = host(mode="portal", url=world.portal(), props={"fullSize": True})
    expect(portal_in(page).get_by_role("heading", name="Endpoints", exact=True)).to_be_visible()
    page.wait_for_function("heights.length > 0")
    high = "heights[heights.length - 1]"
    page.wait_for_function(f"Math.abs(document.querySelector('iframe').clientHeight - {high}) < 2")
    frame = page.frames[1]
    wait_until(lambda: frame.evaluate("document.documentElement.scrollHeight <= innerHeight"), "the frame to be as high as its page")
    listed = page.evaluate(high)
    portal_in(page).get_by_role("link", name="Event types").click()
    expect(portal_in(page).get_by_role("heading", name="Event types")).to_be_visible()
    page.wait_for_function(f"{high} != {listed}")
    wait_until(lambda: frame.evaluate("document.documentElement.scrollHeight <= innerHeight"), "the frame to follow")


@pytest.mark.parametrize("props, check", [
    ({"darkMode": True}, "getComputedStyle(document.body).backgroundColor == 'rgb(12, 30, 35)'"),
    ({"darkMode": "auto"}, "getComputedStyle(document.body).backgroundColor == 'rgb(12, 30, 35)'"),  # the reader's system is dark
    ({}, "getComputedStyle(document.body).backgroundColor == 'rgb(255, 255, 255)'"),
    ({"primaryColor": "8a1e52"}, "getComputedStyle(document.querySelector('.btn.primary')).backgroundColor == 'rgb(138, 30, 82)'"),
    ({"fontFamily": "Georgia"}, "getComputedStyle(document.body).fontFamily.startsWith('georgia')"),
    ({"icon": "https://elsewhere.example/icon.png"}, "document.images.length == 0"),
])
def test_every_parameter_of_their_component_does_what_it_says(host, world, props, check):
    page = host(mode="portal", url=world.portal(), props=props, theme="dark")
    expect(portal_in(page).get_by_role("link", name="Add endpoint")).to_be_visible()
    wait_until(lambda: page.frames[1].evaluate(check), check)


def test_the_host_is_told_when_the_session_has_ended_and_brings_a_new_link(host, world):
    app = world.server.application("Renewed")
    page = host(mode="portal", url=world.portal(app), props={})
    page.watched.expects(r"console: Failed to load resource.*401")
    expect(portal_in(page).get_by_role("link", name="Add endpoint")).to_be_visible()
    world.server.ok("POST", f"/auth/app/{app}/expire-all", {})
    with contextlib.suppress(Late):  # a call that was still under way may have noticed it before
        portal_in(page).get_by_role("link", name="Events", exact=True).click(timeout=5000)
    expect(portal_in(page).get_by_text(re.compile("its session has ended"))).to_be_visible()
    page.wait_for_function("expired.length == 1")
    assert page.evaluate("expired[0].next") in ("/messages", "/endpoints", "/")
    page.evaluate("url => showPortal(url)", world.portal(app, query="next=/messages"))
    expect(portal_in(page).get_by_role("heading", name="Events", exact=True)).to_be_visible()


def test_a_link_that_differs_in_its_key_alone_is_taken_without_a_new_load(host, world):
    page = host(mode="portal", url=world.portal(), props={})
    expect(portal_in(page).get_by_text("The ok one")).to_be_visible()
    page.evaluate("url => showPortal(url)", world.portal(world.server.application("Another")))
    expect(portal_in(page).get_by_role("heading", name="Say where events are to be sent")).to_be_visible()
    expect(portal_in(page).get_by_text("The ok one")).to_have_count(0)
