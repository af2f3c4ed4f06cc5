# SPDX-License-Identifier: Apache-2.0
"""The portal's log of everything that was sent, and the same as it happens: the customer's own, and nobody else's."""
import re

import pytest
from playwright.sync_api import expect


@pytest.fixture(name="portal")
def make_portal(open_page, world):
    """portal("/activity", app=...): a page of the portal, opened by a link."""
    def go(path, app=None, query="", **how):
        page = open_page()
        page.watched.may_ask(world.server.url)
        page.goto(world.portal(app, path, query, **how))
        return page
    return go


def rows(page):
    return page.get_by_role("table", name="Activity").locator("tbody tr")


def test_the_log_is_filtered_by_state_and_endpoint_and_searched_in_what_was_sent_and_answered(portal, world):
    # Three events at the endpoints that are on; the one that is gone may have been turned off after the first.
    everything = len(world.server.ok("GET", f"/app/{world.app}/delivery?limit=100")["data"])
    assert everything > 9
    page = portal("/activity")
    expect(rows(page)).to_have_count(everything)
    expect(page.get_by_text(re.compile("^failed tries"))).to_be_visible()
    page.get_by_role("combobox", name="State").select_option("fail")
    page.get_by_role("combobox", name="Endpoint").select_option(label="The failing one")
    expect(rows(page)).to_have_count(3)
    assert "state=fail" in page.url and world.endpoints["failing"] in page.url
    page.reload()
    expect(rows(page)).to_have_count(3)
    page.get_by_role("searchbox", name="Search in contents and answers").fill("in_1")
    page.get_by_role("button", name="Search").click()
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("invoice-1")
    page.get_by_role("searchbox", name="Search in contents and answers").fill("nobody ever said this")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Show all").click()
    expect(rows(page)).to_have_count(everything)
    rows(page).first.click()
    expect(page.get_by_role("heading", name="What came of it")).to_be_visible()


def test_what_happens_is_seen_at_once_and_a_pause_holds_it(portal, world, make_receiver):
    receiver = make_receiver()
    app = world.server.application("Lively")
    world.server.endpoint(app, receiver.url, description="Takes it")
    page = portal("/live", app=app)
    events = page.get_by_role("list", name="Live").get_by_role("listitem")
    expect(page.get_by_text("Nothing happens at the moment")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    other = world.server.application("Next door")
    world.server.endpoint(other, receiver.url)
    world.server.publish(other, event_type="customer.deleted")
    message = world.server.publish(app, event_type="invoice.paid")
    expect(events).to_have_count(2)
    expect(events.nth(0)).to_contain_text("invoice.paid to Takes it")
    expect(events.nth(1)).to_contain_text("invoice.paid happened, for 1 endpoint")
    expect(page.get_by_text("customer.deleted")).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    world.server.publish(app, event_type="invoice.failed")
    page.get_by_role("button", name="Go on, 2 newer").wait_for()
    expect(events).to_have_count(2)
    page.get_by_role("button", name="Go on, 2 newer").click()
    expect(events.first).to_contain_text("invoice.failed")
    events.nth(2).get_by_role("link").click()
    expect(page.get_by_text(message)).to_be_visible()


def test_only_tries_that_failed_are_shown_when_asked_for(portal, world, make_receiver):
    app = world.server.application("Half well")
    well, bad = make_receiver(204), make_receiver(500)
    for name, receiver in (("Well", well), ("Bad", bad)):
        world.server.endpoint(app, receiver.url, description=name)
    page = portal("/live", app=app, query="show=failed")
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    world.server.publish(app, event_type="invoice.paid")
    events = page.get_by_role("list", name="Live").get_by_role("listitem")
    expect(events).to_have_count(3)  # the first try and two more
    expect(events.filter(has_text="to Well")).to_have_count(0)


def test_a_stream_that_a_proxy_holds_back_is_replaced_by_asking(portal, world, make_receiver):
    receiver = make_receiver()
    app = world.server.application("Behind a proxy")
    world.server.endpoint(app, receiver.url, description="Takes it")
    page = portal("/activity", app=app)
    expect(page.get_by_text("Nothing has been sent yet")).to_be_visible()
    page.clock.install()
    page.route("**/api/v1/stream*", lambda route: None)  # never answered
    page.get_by_role("link", name="Live", exact=True).click()
    expect(page.get_by_text("Connecting")).to_be_visible()
    world.server.publish(app, event_type="invoice.paid")
    receiver.wait()
    page.clock.fast_forward(21_000)
    expect(page.get_by_text("asked for every 5 seconds instead")).to_be_visible()
    page.clock.fast_forward(6_000)
    expect(page.get_by_role("listitem").filter(has_text="invoice.paid to Takes it")).to_be_visible()
    page.unroute_all(behavior="ignoreErrors")


def test_new_rows_wait_behind_a_button(portal, world, make_receiver):
    receiver = make_receiver()
    app = world.server.application("Busy")
    world.server.endpoint(app, receiver.url)
    world.server.publish(app, event_type="invoice.paid")
    receiver.wait()
    page = portal("/messages", app=app)
    listed = page.get_by_role("table", name="Events").locator("tbody tr")
    expect(listed).to_have_count(1)
    page.clock.install()
    for _ in range(2):
        world.server.publish(app, event_type="invoice.failed")
    page.reload()  # with the clock that can be moved
    expect(listed).to_have_count(3)
    world.server.publish(app, event_type="customer.created")
    page.clock.fast_forward(11_000)
    newer = page.get_by_role("button", name="Show 1 newer event")
    newer.wait_for()
    expect(listed).to_have_count(3)
    newer.click()
    expect(listed).to_have_count(4)
    expect(listed.first).to_contain_text("customer.created")
