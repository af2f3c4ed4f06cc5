# SPDX-License-Identifier: Apache-2.0
"""What a link does not allow is not shown, and the server refuses it to whoever asks all the same."""
import pytest
from playwright.sync_api import expect

ALL = ["ViewBase", "ViewEndpointSecret", "ManageEndpointSecret", "ManageTransformations", "CreateAttempts", "ManageEndpoint"]
# What is on the pages of an endpoint that only this capability allows: the tab, the words.
CONTROLS = {
    "ViewEndpointSecret": ("verify", "Show"),
    "ManageEndpointSecret": ("verify", "Change the secret"),
    "CreateAttempts": ("verify", "Send"),
    "ManageEndpoint": ("settings", "Add header"),
    "ManageTransformations": ("settings", "Program"),
}
# What is asked of the server with that capability alone missing.
CALLS = {
    "ViewEndpointSecret": ("GET", "/endpoint/{ep}/secret", None),
    "ManageEndpointSecret": ("POST", "/endpoint/{ep}/secret/rotate", {}),
    "CreateAttempts": ("POST", "/endpoint/{ep}/send-example", {"eventType": "svix.ping"}),
    "ManageEndpoint": ("PATCH", "/endpoint/{ep}", {"description": "mine"}),
    "ManageTransformations": ("PATCH", "/endpoint/{ep}/transformation", {"code": "."}),
}


def control(page, words):
    return page.get_by_label(words, exact=True) if words == "Program" else page.get_by_role("button", name=words, exact=True)


def opened(open_page, world, path="", query="", **how):
    page = open_page()
    page.watched.may_ask(world.server.url)
    page.goto(world.portal(path=path, query=query, **how))
    return page


@pytest.mark.parametrize("missing", CONTROLS)
def test_a_capability_that_is_missing_is_neither_shown_nor_granted(open_page, world, missing):
    endpoint = world.endpoints["ok"]
    have = [one for one in ALL if one != missing]
    tab, words = CONTROLS[missing]
    page = opened(open_page, world, f"/endpoints/{endpoint}", f"tab={tab}", capabilities=have)
    expect(page.get_by_role("heading", name="The ok one")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(control(page, words)).to_have_count(0)
    method, path, body = CALLS[missing]
    token = world.access(capabilities=have)["token"]
    refused = world.server.call(method, f"/app/{world.app}" + path.format(ep=endpoint), body, token=token)
    assert refused.status == 403 and missing in str(refused.body)
    # The same page with it, so that what is looked for is known to be there.
    page = opened(open_page, world, f"/endpoints/{endpoint}", f"tab={tab}")
    expect(control(page, words)).to_be_visible()


def test_a_link_that_may_only_look_shows_no_control_that_changes_anything(open_page, world):
    page = opened(open_page, world, readOnly=True)
    expect(page.get_by_text("You can look at everything here, and change nothing.")).to_be_visible()
    expect(page.get_by_role("link", name="Add endpoint")).to_have_count(0)
    page.get_by_role("link", name="See what failed").first.click()
    expect(page.get_by_role("heading", name="What was sent")).to_be_visible()
    expect(page.get_by_role("button", name="Send all")).to_have_count(0)
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    token = world.access(readOnly=True)["token"]
    assert world.server.call("POST", f"/app/{world.app}/endpoint", {"url": "https://a.example/"}, token=token).status == 403


def test_the_form_is_not_there_for_those_who_may_not_add(open_page, world):
    page = opened(open_page, world, "/endpoints/new", capabilities=["ViewBase"])
    expect(page.get_by_role("heading", name="Endpoints")).to_be_visible()
    expect(page.get_by_role("button", name="Create endpoint")).to_have_count(0)


def test_nothing_of_another_customer_is_shown_under_any_address(open_page, world):
    server = world.server
    endpoint = server.endpoint(world.other, world.receivers["ok"].url, description="Not yours")
    message = server.publish(world.other, {"not": "yours"}, eventId="not-yours")
    for path in (f"/endpoints/{endpoint}", f"/endpoints/{endpoint}/created", f"/messages/{message}", "/messages/not-yours"):
        page = opened(open_page, world, path)
        page.watched.expects(r"console: Failed to load resource.*404")
        expect(page.get_by_text("There is no such page")).to_be_visible()
        expect(page.get_by_text("yours", exact=True)).to_have_count(0)


def test_event_types_behind_a_flag_are_shown_to_those_who_have_it(open_page, world):
    world.server.ok("POST", "/event-type", {"name": "beta.thing", "description": "New", "featureFlags": ["beta"]})
    page = opened(open_page, world, "/event-types", featureFlags=["beta"])
    expect(page.get_by_role("link", name="beta.thing")).to_be_visible()
    page = opened(open_page, world, "/event-types", featureFlags=[])
    expect(page.get_by_role("link", name="invoice.paid")).to_be_visible()
    expect(page.get_by_role("link", name="beta.thing")).to_have_count(0)
