# SPDX-License-Identifier: Apache-2.0
"""How the portal is entered and left: the link, what is kept of it, frames of other sites with and without storage."""
import base64
import json
import re

import pytest
from playwright.sync_api import expect

from conftest import ARGUMENTS, CHROMIUM, support

HOST = "<!doctype html><html lang=en><head><title>Host</title></head><body><main><h1>Host</h1>" \
       "<iframe title=Webhooks width=1000 height=700></iframe></main><script src=/host.js></script></body></html>"
SCRIPT = """
window.told = [];
addEventListener('message', e => told.push(e.data));
"""


def show(page, link):
    page.evaluate("link => { document.querySelector('iframe').src = link; }", link)


def opened(open_page, world, link):
    page = open_page()
    page.watched.may_ask(world.server.url)
    page.goto(link)
    return page


def test_the_key_is_taken_out_of_the_address_and_nothing_is_kept_but_in_this_tab(open_page, world):
    page = opened(open_page, world, world.portal())
    expect(page.get_by_role("heading", name="Endpoints", exact=True)).to_be_visible()
    assert "#" not in page.url and "key" not in page.url
    assert page.context.cookies() == []
    assert page.evaluate("Object.keys(localStorage).length") == 0
    page.reload()
    expect(page.get_by_role("heading", name="Endpoints", exact=True)).to_be_visible()
    other = page.context.new_page()
    other.goto(f"{world.server.url}/portal")
    expect(other.get_by_text("Open this page by the link that you were given")).to_be_visible()


def test_a_link_holds_a_code_that_is_no_token(world):
    access = world.access()
    key = json.loads(base64.b64decode(access["url"].split("#key=")[1]))
    assert key["appId"] == world.app and key["token"] != access["token"]
    assert world.server.call("GET", f"/app/{world.app}/endpoint", token=key["token"]).status == 401
    assert world.server.call("GET", f"/app/{world.app}/endpoint", token=access["token"]).status == 200


def test_svixs_address_of_the_portal_leads_to_ours(open_page, world):
    page = opened(open_page, world, world.portal(query="next=/endpoints").replace("/portal?", "/login?"))
    expect(page.get_by_role("heading", name="Endpoints", exact=True)).to_be_visible()


def test_next_leads_to_a_page_and_navigation_can_be_left_out(open_page, world):
    page = opened(open_page, world, world.portal(query=f"next=/endpoints/{world.endpoints['ok']}&hideNavigation=true&noGutters=true"))
    expect(page.get_by_role("heading", name="The ok one")).to_be_visible()
    expect(page.get_by_role("navigation", name="Webhooks")).to_have_count(0)
    assert page.locator(".portal").evaluate("e => getComputedStyle(e).paddingLeft") == "0px"


def test_a_session_that_is_ended_leaves_a_quiet_panel_and_keeps_nothing(open_page, world):
    app = world.server.application("Ended")
    page = opened(open_page, world, world.portal(app))
    page.watched.expects(r"console: Failed to load resource.*401")
    page.get_by_role("link", name="Event types", exact=True).click()
    expect(page.get_by_role("link", name="invoice.paid")).to_be_visible()
    world.server.ok("POST", f"/auth/app/{app}/expire-all", {})
    page.get_by_role("link", name="Endpoints", exact=True).click()
    expect(page.get_by_text(re.compile("its session has ended"))).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('grapnel.portal')") is None
    page.goto(world.portal(app))  # in the same tab one goes on where one was
    expect(page.get_by_text("Say where events are to be sent")).to_be_visible()
    assert page.url.endswith("/portal/endpoints")


def test_what_was_typed_outlives_a_session_and_the_host_hands_in_a_new_link(open_page, world, make_site):
    app = world.server.application("Typing")
    site = make_site({"/": HOST, "/host.js": SCRIPT})
    page = open_page()
    page.watched.may_ask(site.url, world.server.url)
    page.watched.expects(r"console: Failed to load resource.*401")
    page.goto(site.url)
    show(page, world.portal(app, query="next=/endpoints/new"))
    inside = page.frame_locator("iframe")
    inside.get_by_label("URL").fill("https://typed.example.com/hook")
    world.server.ok("POST", f"/auth/app/{app}/expire-all", {})
    inside.get_by_role("button", name="Create endpoint").click()
    expect(inside.get_by_text(re.compile("its session has ended"))).to_be_visible()
    expect(inside.get_by_label("URL")).to_be_hidden()
    page.wait_for_function("told.some(m => m.type == 'grapnel.portal.expired' && m.next == '/endpoints/new')")
    page.evaluate("""url => document.querySelector('iframe').contentWindow.postMessage(
        { type: 'grapnel.portal.link', url }, new URL(url).origin)""", world.portal(app))
    # The call that was refused is made again with the new session.
    expect(inside.get_by_role("heading", name="typed.example.com/hook")).to_be_visible()
    assert world.server.ok("GET", f"/app/{app}/endpoint")["data"][0]["url"] == "https://typed.example.com/hook"


def test_a_host_whose_links_are_refused_is_not_asked_without_end(open_page, world, make_site):
    """Each answer of this host is a link that is no good."""
    site = make_site({"/": HOST, "/host.js": SCRIPT + """
addEventListener('message', e => e.data.type == 'grapnel.portal.expired' &&
    document.querySelector('iframe').contentWindow.postMessage({ type: 'grapnel.portal.link', url: '/portal#key=gk_no_good_at_all' }, '*'));
"""})
    page = open_page()
    page.watched.may_ask(site.url, world.server.url)
    page.watched.expects(r"console: Failed to load resource.*4\d\d")
    page.goto(site.url)
    page.clock.install()
    show(page, f"{world.server.url}/portal")  # without a key
    inside = page.frame_locator("iframe")
    expect(inside.get_by_text("This link cannot be used any more")).to_be_visible()
    asked = "told.filter(m => m.type == 'grapnel.portal.expired').length"
    assert page.evaluate(asked) == 1
    page.clock.fast_forward(5100)
    page.wait_for_function(f"{asked} == 2")


def test_a_link_for_another_customer_begins_anew(open_page, world, make_site):
    one, two = world.server.application("One"), world.server.application("Two")
    world.server.endpoint(one, "https://one.example.com/hook", description="Of the first")
    site = make_site({"/": HOST, "/host.js": SCRIPT})
    page = open_page()
    page.watched.may_ask(site.url, world.server.url)
    page.watched.expects(r"console: Failed to load resource.*401")
    page.goto(site.url)
    show(page, world.portal(one))
    inside = page.frame_locator("iframe")
    expect(inside.get_by_text("Of the first")).to_be_visible()
    world.server.ok("POST", f"/auth/app/{one}/expire-all", {})
    inside.get_by_role("link", name="Events", exact=True).click()
    expect(inside.get_by_text(re.compile("its session has ended"))).to_be_visible()
    show(page, world.portal(two))
    expect(inside.get_by_text("Say where events are to be sent")).to_be_visible()
    expect(inside.get_by_text("Of the first")).to_have_count(0)


@pytest.fixture(name="blocked")
def make_blocked(playwright, tmp_path):
    """A browser whose user has forbidden third-party storage, as private windows do."""
    profile = tmp_path / "profile" / "Default"
    profile.mkdir(parents=True)
    (profile / "Preferences").write_text(json.dumps({"profile": {"block_third_party_cookies": True, "cookie_controls_mode": 1}}))
    context = playwright.chromium.launch_persistent_context(str(profile.parent), executable_path=CHROMIUM, args=ARGUMENTS,
                                                            reduced_motion="reduce")
    context.set_default_timeout(support.PATIENCE_S * 1000)
    yield context
    context.close()


def test_the_portal_works_in_a_frame_where_storage_throws(blocked, world, make_site):
    site = make_site({"/": HOST, "/host.js": SCRIPT})
    page = blocked.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.goto(site.url)
    show(page, world.portal())
    inside = page.frame_locator("iframe")
    expect(inside.get_by_role("heading", name="Endpoints", exact=True)).to_be_visible()
    assert page.frames[1].evaluate("(() => { try { sessionStorage.length; return 'kept'; } catch (e) { return e.name; } })()") == "SecurityError"
    inside.get_by_role("link", name="See what failed").first.click()
    expect(inside.get_by_role("heading", name="The failing one")).to_be_visible()
    inside.get_by_role("button", name=re.compile("Dark colours")).click()
    # A reload has nothing to go on with: the host is asked for a new link, and brings it.
    page.frames[1].evaluate("location.reload()")
    expect(inside.get_by_text("Open this page by the link that you were given")).to_be_visible()
    page.wait_for_function("told.some(m => m.type == 'grapnel.portal.expired')")
    show(page, world.portal())
    expect(inside.get_by_role("heading", name="Endpoints", exact=True)).to_be_visible()
    assert errors == []


def test_the_portal_works_in_a_frame_of_another_site(open_page, world, make_site):
    site = make_site({"/": HOST, "/host.js": SCRIPT})
    page = open_page()
    page.watched.may_ask(site.url, world.server.url)
    page.goto(site.url)
    show(page, world.portal(query="darkMode=true"))
    inside = page.frame_locator("iframe")
    expect(inside.get_by_role("heading", name="Endpoints", exact=True)).to_be_visible()
    page.wait_for_function("told.some(m => m.type == 'svix.iframe-resizer-height' && m.payload.height > 100)")
    assert page.context.cookies() == []


def test_who_may_show_it_in_a_frame_is_the_operators_choice(open_page, make_grapnel, make_site):
    server = make_grapnel()
    server.take_port()
    server.serve(f"server.public_url={server.url}", "portal.frame_ancestors=https://app.example.com")
    app = server.application("Framed")
    site = make_site({"/": HOST, "/host.js": SCRIPT})
    page = open_page(look=False)
    page.watched.may_ask(site.url, server.url)
    page.watched.expects("frame-ancestors", "chrome-error://")
    page.goto(site.url)
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        show(page, server.ok("POST", f"/auth/app-portal-access/{app}", {})["url"])
