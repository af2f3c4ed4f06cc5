# SPDX-License-Identifier: Apache-2.0
"""Acting on many rows of a list: chosen by boxes and keys, done to each, and said what came of it."""
import re

import pytest
from playwright.sync_api import expect

from conftest import wait_until
from console import is_settled, make_console  # noqa: F401 (a fixture)


@pytest.fixture(name="shop")
def make_shop(make_grapnel, make_receiver):
    """An application with three endpoints that gave up two messages each."""
    server = make_grapnel().serve("deliver.retry=", "deliver.jitter=0")
    app, receiver = server.application("Shop"), make_receiver(503)
    names = ("first", "second", "third")
    endpoints = {name: server.endpoint(app, f"{receiver.url}/{name}", description=name, retrySchedule=[]) for name in names}
    messages = [server.publish(app, {"n": n}) for n in range(2)]
    wait_until(lambda: all(stats_of(server, app, one)["fail"] == 2 for one in endpoints.values()), "all to be given up")
    receiver.answers = [204]
    server.app, server.endpoints, server.messages, server.receiver = app, endpoints, messages, receiver
    return server


def stats_of(server, app, endpoint):
    return server.ok("GET", f"/app/{app}/endpoint/{endpoint}/stats")


def states_of(server):
    return {name: server.ok("GET", f"/app/{server.app}/endpoint/{one}")["disabled"] for name, one in server.endpoints.items()}


def test_endpoints_are_chosen_by_boxes_and_keys_and_switched_together(console, shop):
    page = console(f"/apps/{shop.app}", server=shop)
    is_settled(page)
    page.get_by_role("checkbox", name="Select first").click()
    page.get_by_role("checkbox", name="Select third").click(modifiers=["Shift"])  # and what is between them
    bar = page.get_by_role("group", name="3 endpoints chosen")
    bar.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("3 endpoints disabled. What waits for them stays.")).to_be_visible()
    assert states_of(shop) == {"first": True, "second": True, "third": True}
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("3 endpoints enabled.")).to_be_visible()
    assert not any(states_of(shop).values())
    bar.get_by_role("button", name="Clear the selection").click()
    expect(bar).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press(" ")
    expect(page.get_by_role("group", name="1 endpoint chosen")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+ ")
    expect(page.get_by_role("group", name="3 endpoints chosen")).to_be_visible()
    page.get_by_role("checkbox", name="Select all on this page").click()
    expect(page.get_by_role("group", name="chosen")).to_have_count(0)


def test_what_failed_at_the_chosen_endpoints_is_counted_and_recovered(console, shop):
    shop.ok("PATCH", f"/app/{shop.app}/endpoint/{shop.endpoints['third']}", {"disabled": True})
    page = console(f"/apps/{shop.app}", server=shop)
    is_settled(page)
    page.get_by_role("checkbox", name="Select all on this page").click()
    page.get_by_role("group", name="3 endpoints chosen").get_by_role("button", name="Recover what failed").click()
    dialog = page.get_by_role("dialog", name="Recover what failed at 3 endpoints")
    expect(dialog.get_by_text("One of them is disabled and is left out: enable it first.")).to_be_visible()
    dialog.get_by_role("button", name="Resend 4 at 50/s").click()
    expect(page).to_have_url(re.compile("/console/tasks$"))  # one for each endpoint
    wait_until(lambda: [stats_of(shop, shop.app, shop.endpoints[name])["success"] for name in shop.endpoints] == [2, 2, 0], "what was chosen to arrive")


def test_chosen_messages_go_to_one_endpoint_and_lose_their_payloads(console, shop):
    page = console(f"/apps/{shop.app}/messages", server=shop)
    is_settled(page)
    page.get_by_role("checkbox", name="Select all on this page").click()
    bar = page.get_by_role("group", name="2 messages chosen")
    bar.get_by_role("button", name="Send to an endpoint").click()
    dialog = page.get_by_role("dialog", name="Send 2 messages to an endpoint")
    dialog.get_by_label("Endpoint").select_option(shop.endpoints["second"])
    dialog.get_by_role("button", name="Send 2").click()
    expect(page.get_by_text("2 messages are being sent.")).to_be_visible()
    wait_until(lambda: [stats_of(shop, shop.app, shop.endpoints[name])["success"] for name in shop.endpoints] == [0, 2, 0], "both to arrive at the second")
    page.get_by_role("row").nth(1).get_by_role("checkbox").click()
    page.get_by_role("group", name="1 message chosen").get_by_role("button", name="Remove payloads").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove payloads").click()
    expect(page.get_by_text("1 payload removed.")).to_be_visible()
    gone = [shop.ok("GET", f"/app/{shop.app}/msg/{one}")["payload"] for one in shop.messages]
    assert gone == [{"n": 0}, {"expired": True}], gone  # the newest stood first


def test_what_the_server_says_of_a_deed_that_fails_is_shown(console, shop):
    page = console(f"/apps/{shop.app}/messages", server=shop)
    is_settled(page)
    page.get_by_role("checkbox", name="Select all on this page").click()
    page.get_by_role("group", name="2 messages chosen").get_by_role("button", name="Send to an endpoint").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Endpoint")).to_be_visible()
    for one in shop.messages:
        shop.ok("DELETE", f"/app/{shop.app}/msg/{one}/content")
    page.watched.expects(r"Failed to load resource.*4\d\d")
    dialog.get_by_role("button", name="Send 2").click()
    expect(dialog.get_by_role("alert")).to_contain_text("payload")
    expect(page.get_by_text("2 of 2 could not be sent.")).to_be_visible()


def test_deliveries_are_searched_between_two_times(console, shop):
    page = console(f"/apps/{shop.app}/deliveries?since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z", server=shop)
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("button", name="Remove the filter Until").click()
    expect(page.get_by_role("table", name="Deliveries").get_by_role("row")).to_have_count(7)
    assert "since=" in page.url and "until=" not in page.url
    page.goto(f"{shop.url}/console/apps/{shop.app}/deliveries?until=2999-01-01T00:00:00Z")
    page.get_by_role("checkbox", name=re.compile("^Select msg")).first.click()
    page.get_by_role("group", name="1 delivery chosen").get_by_role("button", name="All that match").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Until")).to_have_value("2999-01-01T00:00:00Z")  # what was filtered for is what is done
    expect(dialog.get_by_role("button", name="Replay 6")).to_be_visible()
