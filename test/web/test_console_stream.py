# SPDX-License-Identifier: Apache-2.0
"""The live stream in the browser: one for all tabs that ask the same, and words for what could not be seen."""
import re

import pytest
from playwright.sync_api import expect

from conftest import wait_until
from console import REFUSED, link_of, make_console  # noqa: F401 (a fixture)
from proxy import BufferingProxy

HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
    document.dispatchEvent(new Event('visibilitychange'));
}"""
LIVE = re.compile(r"^(Live|[\d,]+/s)$")


@pytest.fixture
def own(make_grapnel):
    return make_grapnel().serve()


def streams(server):
    return server.metrics()["grapnel_http_streams"]


def rows(page):
    return page.locator(".ticker li")


def is_live(page):
    expect(page.locator(".phead").get_by_role("status")).to_have_text(LIVE)


def another_tab(page, server, path):
    tab = page.context.new_page()
    tab.goto(server.url + "/console" + path)
    return tab


def test_tabs_that_ask_the_same_share_a_stream_and_the_next_reads_when_one_is_closed(console, own):
    page, app = console("/live", server=own), own.application("Shared")
    is_live(page)
    tab = another_tab(page, own, "/live")
    is_live(tab)
    own.publish(app, event_type="seen.by-both")
    for one in (page, tab):
        expect(rows(one).filter(has_text="seen.by-both")).to_be_visible()
    wait_until(lambda: streams(own) == 1, "one stream for all")
    third = another_tab(page, own, "/live")
    is_live(third)
    page.watched.look_at_end = False
    page.close()
    own.publish(app, event_type="seen.between")  # perhaps before another tab reads: it goes on where the first one was
    for one in (tab, third):
        expect(rows(one).filter(has_text="seen.between")).to_be_visible()
        expect(one.get_by_text("this page was cut off")).to_have_count(0)
    wait_until(lambda: streams(own) == 1, "one stream for all")


def test_six_tabs_that_ask_for_different_things_leave_connections_for_a_seventh(console, own):
    app = own.application("Crowd")
    page = console("/live", server=own)
    is_live(page)
    tabs = [another_tab(page, own, f"/live?kinds={kinds}") for kinds in ("message", "attempt", "request", "run", "task")]
    wait_until(lambda: streams(own) == 3, "as many streams as there are places")
    expect(tabs[-1].get_by_text("watch three other things")).to_be_visible()
    seventh = another_tab(page, own, "/apps")
    expect(seventh.get_by_role("link", name="Crowd")).to_be_visible()
    wait_until(lambda: streams(own) == 3, "three streams")
    own.publish(app, event_type="seen.at-once")
    expect(rows(page).filter(has_text="seen.at-once")).to_be_visible()
    for tab in tabs[:3]:
        tab.close()
    expect(tabs[-1].get_by_text("watch three other things")).to_have_count(0)


def test_after_a_restart_the_page_goes_on_and_says_what_it_missed(console, own):
    app = own.application("Restarted")
    page = console("/live", server=own)
    page.watched.expects(r"console: Failed to load resource", r"console: .*ERR_")
    is_live(page)
    own.publish(app, event_type="before.it")
    expect(rows(page).filter(has_text="before.it")).to_be_visible()
    own.restart()
    expect(page.get_by_text(re.compile(r"From [\d:]+ to [\d:]+ this page was cut off"))).to_be_visible()
    own.publish(app, event_type="after.it")
    expect(rows(page).filter(has_text="after.it")).to_be_visible()
    expect(rows(page).filter(has_text="before.it")).to_be_visible()


def test_when_the_session_ends_the_page_asks_to_sign_in(console, own):
    page = console("/live", server=own)
    page.watched.expects(REFUSED)
    is_live(page)
    tab = another_tab(page, own, "/apps")
    tab.evaluate("""async () => {
        const {csrf} = await (await fetch('/console/api/session')).json();
        await fetch('/console/api/session', {method: 'DELETE', headers: {'X-Grapnel-CSRF': csrf}});
    }""")
    expect(page.get_by_role("dialog").get_by_role("button", name="Sign in")).to_be_visible()
    wait_until(lambda: streams(own) == 0, "no stream")


def test_through_a_proxy_that_holds_answers_back_the_page_asks_instead_and_says_so(open_page, own):
    app, proxy = own.application("Held back"), BufferingProxy(own.port)
    try:
        page = open_page()
        page.watched.may_ask(f"http://127.0.0.1:{proxy.port}")
        page.goto(link_of(own).replace(f":{own.port}/", f":{proxy.port}/"))
        expect(page.get_by_role("banner")).to_be_visible()
        page.clock.install()
        page.get_by_role("link", name="Live", exact=True).first.click()
        expect(page.locator(".phead").get_by_role("status")).to_have_text("Connecting")
        page.clock.fast_forward(11_000)
        expect(page.get_by_text("holds answers back")).to_be_visible()
        expect(page.locator(".phead").get_by_role("status")).to_have_text("Every 5 s")
        own.publish(app, event_type="held.back")
        expect(rows(page).filter(has_text="held.back")).to_be_visible()
    finally:
        proxy.close()


def test_without_locks_a_tab_reads_by_itself(open_page, own):
    app = own.application("Alone")
    page = open_page()
    page.watched.may_ask(own.url)
    page.add_init_script("delete Navigator.prototype.locks; delete window.BroadcastChannel;")
    page.goto(link_of(own))
    expect(page.get_by_role("banner")).to_be_visible()
    page.get_by_role("link", name="Live", exact=True).first.click()
    is_live(page)
    own.publish(app, event_type="seen.alone")
    expect(rows(page).filter(has_text="seen.alone")).to_be_visible()


def test_a_hidden_tab_lets_go_of_its_stream_and_takes_it_up_where_it_was(console, own):
    app, page = own.application("Hidden"), console("/live", server=own)
    is_live(page)
    page.clock.install()
    page.evaluate(HIDE, True)
    page.clock.fast_forward(31_000)
    wait_until(lambda: streams(own) == 0, "no stream")
    own.publish(app, event_type="seen.meanwhile")
    page.evaluate(HIDE, False)
    expect(rows(page).filter(has_text="seen.meanwhile")).to_be_visible()
    expect(page.get_by_text("this page was cut off")).to_have_count(0)


def test_a_page_that_was_away_says_how_much_is_missing(console, own):
    app, page = own.application("Away"), console("/live?kinds=message", server=own)
    is_live(page)
    page.clock.install()
    page.evaluate(HIDE, True)
    page.clock.fast_forward(31_000)
    wait_until(lambda: streams(own) == 0, "no stream")
    own.ok("POST", f"/app/{app}/msg/batch", {"messages": [{"eventType": "many.more", "payload": {}}] * 507})
    page.evaluate(HIDE, False)
    expect(page.get_by_text("7 events of that time are not shown")).to_be_visible()
    expect(rows(page)).to_have_count(500)
