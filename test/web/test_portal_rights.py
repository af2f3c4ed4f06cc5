# SPDX-License-Identifier: Apache-2.0
"""What a link does not allow is not shown, and the server refuses it to whoever asks all the same."""
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import expect

SINCE = (datetime.now(timezone.utc) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
ALL = ["ViewBase", "ViewEndpointSecret", "ManageEndpointSecret", "ManageTransformations", "CreateAttempts", "ManageEndpoint"]
# What only this capability allows: where it is, and what it is called.
CONTROLS = {
    "ViewEndpointSecret": [("/endpoints/{ok}?tab=verify", "Show")],
    "ManageEndpointSecret": [("/endpoints/{ok}?tab=verify", "Change the secret")],
    "CreateAttempts": [("/endpoints/{ok}?tab=verify", "Send"), ("/endpoints/{failing}", "Send all 3 again"), ("/endpoints/{ok}", "Send what was missed"),
                       ("/endpoints/{ok}", "Send test event"), ("/messages/{message}", "Send again")],
    "ManageEndpoint": [("/endpoints/{ok}?tab=settings", "Add header"), ("/endpoints/{ok}?tab=settings", "Search event types"), ("/endpoints/{off}", "Turn on"),
                       ("/endpoints/{ok}", "More"), ("", "Add endpoint"), ("/endpoints/new", "Create endpoint"),
                       ("/event-types/invoice.paid", "Add an endpoint for it")],
    "ManageTransformations": [("/endpoints/{ok}?tab=settings", "Program")],
}
# What is asked of the server with that capability alone missing.
CALLS = {
    "ViewEndpointSecret": [("GET", "/endpoint/{ep}/secret", None)],
    "ManageEndpointSecret": [("POST", "/endpoint/{ep}/secret/rotate", {})],
    "CreateAttempts": [("POST", "/endpoint/{ep}/send-example", {"eventType": "svix.ping"}), ("POST", "/endpoint/{ep}/recover", {"since": SINCE}),
                       ("POST", "/endpoint/{ep}/replay-missing", {"since": SINCE}), ("POST", "/msg/{msg}/endpoint/{ep}/resend", None)],
    "ManageEndpoint": [("POST", "/endpoint", {"url": "https://a.example/"}), ("PATCH", "/endpoint/{ep}", {"description": "mine"}),
                       ("PUT", "/endpoint/{ep}", {"url": "https://a.example/"}), ("PATCH", "/endpoint/{ep}/headers", {"headers": {"x-a": "1"}}),
                       ("PUT", "/endpoint/{ep}/headers", {"headers": {}}), ("POST", "/endpoint/{ep}/enable", None), ("DELETE", "/endpoint/{ep}", None)],
    "ManageTransformations": [("PATCH", "/endpoint/{ep}/transformation", {"code": "."})],
}
READS = ["", "/endpoint", "/endpoint/{ep}", "/endpoint/{ep}/headers", "/endpoint/{ep}/stats", "/endpoint/{ep}/health", "/endpoint/{ep}/transformation",
         "/msg", "/msg/{msg}", "/msg/{msg}/explain", "/attempt/endpoint/{ep}", "/attempt/msg/{msg}", "/delivery"]


def control(page, words):
    """A button, a link, a field or a menu of this name."""
    return page.locator("main").get_by_role("button", name=words, exact=True).or_(
        page.locator("main").get_by_role("link", name=words, exact=True)).or_(page.locator("main").get_by_label(words, exact=True)).first


def opened(open_page, world, path="", query="", **how):
    page = open_page()
    page.watched.may_ask(world.server.url)
    page.goto(world.portal(path=path, query=query, **how))
    return page


def walk(page, world, places, **how):
    """Opens each place once, and gives (the page as it stands, the names that belong there)."""
    for place in dict.fromkeys(place for place, _ in places):
        path, _, query = place.format(message=world.messages[0], **world.endpoints).partition("?")
        page.goto("about:blank")
        page.goto(world.portal(path=path, query=query, **how))
        expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
        expect(page.locator("html[data-loading]")).to_have_count(0)
        yield page, [words for at, words in places if at == place]


def ask(world, token, method, path, body=None):
    return world.server.call(method, f"/app/{world.app}" + path.format(ep=world.endpoints["ok"], msg=world.messages[0]), body, token=token)


@pytest.mark.parametrize("missing", CONTROLS)
def test_a_capability_that_is_missing_is_neither_shown_nor_granted(open_page, world, missing):
    have = [one for one in ALL if one != missing]
    page = opened(open_page, world)
    for here, names in walk(page, world, CONTROLS[missing], capabilities=have):
        for words in names:
            expect(control(here, words), f"{words} at {here.url}").to_have_count(0)
    token = world.access(capabilities=have)["token"]
    for method, path, body in CALLS[missing]:
        refused = ask(world, token, method, path, body)
        assert refused.status == 403 and missing in str(refused.body), (method, path, refused)


def test_what_is_looked_for_is_there_for_those_who_may(open_page, world):
    """Without this the walk above could look for what no page has."""
    page = opened(open_page, world)
    for here, names in walk(page, world, [one for some in CONTROLS.values() for one in some]):
        for words in names:
            expect(control(here, words), f"{words} at {here.url}").to_be_visible()


def test_without_the_right_to_look_nothing_is_told(open_page, world):
    have = [one for one in ALL if one != "ViewBase"]
    token = world.access(capabilities=have)["token"]
    for path in READS:
        assert ask(world, token, "GET", path).status == 403, path
    for path in (f"/api/v1/stream?app={world.app}", f"/api/v1/series?of=application:{world.app}"):
        assert world.server.raw("GET", path, headers={"authorization": f"Bearer {token}"}).status == 403, path
    page = opened(open_page, world, capabilities=have)
    page.watched.expects(r"console: Failed to load resource.*403")
    expect(page.get_by_role("alert")).to_contain_text("ViewBase")
    expect(page.get_by_text("The ok one")).to_have_count(0)


# What is the organisation's: no link of a customer gets there, whatever it allows.
OTHERS = [("GET", "/app"), ("GET", "/issue"), ("POST", "/issue/issue_2zIhXWVBqWZUkVDSzVwVk8xnWoQ/mute"), ("GET", "/alert-rule"), ("POST", "/alert-rule"), ("GET", "/audit"),
          ("GET", "/audit/export"), ("GET", "/operational-webhook/endpoint"), ("POST", "/operational-webhook/endpoint"), ("GET", "/operational-webhook/message"),
          ("GET", "/view"), ("POST", "/view"), ("GET", "/user"), ("POST", "/user"), ("GET", "/token"), ("POST", "/token"), ("GET", "/session"), ("GET", "/tenant"),
          ("GET", "/system"), ("GET", "/app/{other}/delivery"), ("GET", "/app/{other}/msg"), ("GET", "/app/{other}/endpoint")]


def test_a_link_that_allows_everything_gets_nowhere_beyond_its_application(world):
    token = world.access(capabilities=ALL)["token"]
    assert world.server.call("GET", f"/app/{world.app}/delivery", token=token).status == 200
    for method, path in OTHERS:
        answer = world.server.call(method, path.format(other=world.other), {} if method == "POST" else None, token=token)
        assert answer.status in (403, 404), (method, path, answer)


def test_the_playground_saves_and_takes_secrets_only_as_the_link_allows(open_page, world):
    endpoint, message = world.endpoints["ok"], world.messages[0]
    page = opened(open_page, world, "/playground", f"tab=filter&event={message}&endpoint={endpoint}", capabilities=["ViewBase"])
    expect(page.get_by_role("button", name="Try the change")).to_be_visible()
    expect(page.get_by_role("button", name="Save for The ok one")).to_have_count(0)
    page.get_by_role("link", name="Signature").click()
    expect(page.get_by_text("Empty: the endpoint’s own")).to_have_count(0)
    expect(page.get_by_text("They are sent to the server for this check and are not kept.")).to_be_visible()


def test_a_link_that_may_only_look_shows_no_control_that_changes_anything(open_page, world):
    page = opened(open_page, world, readOnly=True)
    expect(page.get_by_text("You can look at everything here, and change nothing.")).to_be_visible()
    expect(page.get_by_role("link", name="Add endpoint")).to_have_count(0)
    page.get_by_role("link", name="See what failed").first.click()
    expect(page.get_by_role("heading", name="What was sent")).to_be_visible()
    expect(page.get_by_role("button", name="Send all")).to_have_count(0)
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    page.goto("about:blank")
    for here, names in walk(page, world, [one for some in CONTROLS.values() for one in some if one[1] != "Show"], readOnly=True):
        for words in names:
            expect(control(here, words), f"{words} at {here.url}").to_have_count(0)
    token = world.access(readOnly=True)["token"]
    for method, path, body in (call for calls in CALLS.values() for call in calls if call[0] != "GET"):
        assert ask(world, token, method, path, body).status == 403, (method, path)


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
