# SPDX-License-Identifier: Apache-2.0
"""The portal's pages, used the way a customer uses them."""
import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from conftest import wait_until


@pytest.fixture(name="portal")
def make_portal(open_page, world):
    """portal("/endpoints", app=...): a page of the portal, opened by a link."""
    def go(path="", app=None, width=1280, theme="light", query="", **how):
        page = open_page(width=width, theme=theme)
        page.watched.may_ask(world.server.url)
        page.goto(world.portal(app, path, query, **how))
        return page
    return go


def an_app(world, name, **endpoint):
    """An application of its own, and an endpoint of it when a URL is given."""
    app = world.server.application(name)
    return app, (world.server.endpoint(app, **endpoint) if endpoint else None)


@pytest.mark.sanitized
def test_a_customer_adds_the_first_endpoint_and_sees_a_test_event_arrive(portal, world, make_receiver):
    app, _ = an_app(world, "First")
    receiver = make_receiver((200, {}, b"thanks"))
    page = portal(app=app)
    page.get_by_role("link", name="Add endpoint").click()
    page.get_by_label("URL").fill(receiver.url)
    page.get_by_label("Description").fill("Shop back end")
    page.get_by_label("Search event types").fill("money")
    expect(page.get_by_role("checkbox", name="invoice.created")).to_have_count(0)
    page.get_by_role("checkbox", name="invoice.paid").check()
    page.get_by_role("button", name="Create endpoint").click()

    expect(page.get_by_role("heading", name="Shop back end")).to_be_visible()
    made = world.server.ok("GET", f"/app/{app}/endpoint")["data"][0]
    assert made["url"] == receiver.url and made["eventTypes"] == ["invoice.paid"]
    secret = world.server.ok("GET", f"/app/{app}/endpoint/{made['id']}/secret")["key"]
    expect(page.get_by_label("The secret of this endpoint")).to_have_text(secret)
    page.get_by_role("combobox", name="Event", exact=True).select_option("invoice.paid")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("It arrived.")).to_be_visible()
    expect(page.get_by_text("Your server answered 200 OK after")).to_be_visible()
    assert b"in_42" in receiver.wait()[0].body
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("Delivering")).to_be_visible()


def test_what_is_wrong_in_the_form_is_said_at_the_field(portal, world):
    app, _ = an_app(world, "Wrong")
    page = portal("/endpoints/new", app=app)
    page.watched.expects(r"console: Failed to load resource.*4[02]2")
    page.get_by_role("button", name="Create endpoint").click()
    expect(page.get_by_text("Enter the URL of your server")).to_be_visible()
    page.get_by_label("URL").fill("example.com/hooks")
    expect(page.get_by_text("This is no URL.")).to_be_visible()
    page.get_by_label("URL").fill("ftp://example.com/hooks")
    page.get_by_role("button", name="Create endpoint").click()
    field = page.locator("label.field", has_text="URL")
    expect(field.get_by_role("alert")).to_contain_text("must start with http")
    assert world.server.ok("GET", f"/app/{app}/endpoint")["data"] == []


def test_whole_groups_of_event_types_are_chosen_at_once(portal, world):
    app, endpoint = an_app(world, "Groups", url="https://groups.example.com/hook")
    page = portal(f"/endpoints/{endpoint}", app=app)
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("checkbox", name="customer", exact=True).check()
    expect(page.get_by_text("2 of 6", exact=True)).to_be_visible()
    page.get_by_role("checkbox", name="customer.deleted").uncheck()
    assert page.get_by_role("checkbox", name="customer", exact=True).evaluate("e => e.indeterminate")
    page.get_by_label("Limit").fill("10")
    page.get_by_label("Channels").fill("emea, apac")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    now = world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}")
    assert (now["eventTypes"], now["throttleRate"], now["channels"]) == (["customer.created"], 10, ["emea", "apac"])


def test_the_list_says_how_every_endpoint_does_and_what_to_do(portal):
    page = portal()
    row = page.locator("li.ep", has_text="The failing one")
    expect(row).to_contain_text("Failing")
    expect(page.locator("li.ep", has_text="The ok one")).to_contain_text("Delivering")
    expect(page.locator("li.ep", has_text="The gone one")).to_contain_text("Off")
    expect(page.get_by_text(re.compile("The failing one has answered 500 Internal Server Error since"))).to_be_visible()
    expect(page.get_by_text(re.compile("The dead one cannot be reached .*refused"))).to_be_visible()
    expect(page.get_by_text("Nothing listens at this address")).to_be_visible()


def test_a_customer_who_gets_nothing_finds_the_reason_and_mends_it_in_four_clicks(portal, world, make_receiver):
    """"Nothing since Tuesday": open the portal, see the reason, mend, recover."""
    receiver = make_receiver((404, {}, b"no such page"))
    app, endpoint = an_app(world, "Moved", url=receiver.url, description="Bookkeeping")
    sent = [world.server.publish(app, {"n": n}) for n in range(3)]
    world.settle(app)
    page = portal(app=app)
    clicks = []
    page.expose_function("clicked", lambda: clicks.append(1))
    page.evaluate("addEventListener('click', e => e.isTrusted && e.detail && clicked(), {capture: true})")

    expect(page.get_by_text(re.compile("Bookkeeping has answered 404 Not Found since"))).to_be_visible()
    page.get_by_role("link", name="See what failed").click()
    expect(page.get_by_text("no such page").first).to_be_visible()
    receiver.answers[:] = [204]  # mended at the receiver
    before = len(receiver.received)
    page.get_by_role("button", name="Send all 3 again").click()
    expect(page.get_by_text("3 events have arrived.")).to_be_visible()
    assert len(clicks) <= 4
    again = receiver.wait(before + 3)[before:]
    assert {request.headers["webhook-id"] for request in again} == set(sent)
    assert world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}/stats")["success"] == 3


def test_an_endpoint_that_was_turned_off_for_failing_is_turned_on_and_gets_what_failed(portal, world, make_receiver):
    receiver = make_receiver(410)
    app, endpoint = an_app(world, "Was gone", url=receiver.url)
    message = world.server.publish(app)
    wait_until(lambda: world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}")["disabled"], "410 to turn it off")
    receiver.answers[:] = [204]
    page = portal(f"/endpoints/{endpoint}", app=app)
    expect(page.get_by_text("your server answered 410 Gone")).to_be_visible()
    page.get_by_role("button", name="Turn on and send it again").click()
    expect(page.get_by_text("1 event has arrived.")).to_be_visible()
    assert receiver.wait(2)[1].headers["webhook-id"] == message
    assert not world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}")["disabled"]


def test_what_an_endpoint_missed_is_sent(portal, world, make_receiver):
    receiver = make_receiver()
    app, _ = an_app(world, "Late")
    message = world.server.publish(app)
    endpoint = world.server.endpoint(app, receiver.url)
    page = portal(f"/endpoints/{endpoint}", app=app)
    page.get_by_role("button", name="Send what was missed").click()
    expect(page.get_by_text("1 event that was missed is on the way.")).to_be_visible()
    assert receiver.wait()[0].headers["webhook-id"] == message
    page.get_by_role("button", name="Send what was missed").click()
    expect(page.get_by_text("Nothing was missed.")).to_be_visible()
    assert len(receiver.received) == 1


def test_turning_off_is_undone_and_deleting_asks_for_the_name(portal, world):
    app, endpoint = an_app(world, "Off", url="https://off.example.org/hook", description="Staging")
    page = portal(f"/endpoints/{endpoint}", app=app)
    page.get_by_label("More").click()
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("This endpoint is off. Nothing is sent to it.")).to_be_visible()
    assert world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}")["disabled"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("This endpoint is off. Nothing is sent to it.")).to_have_count(0)
    page.get_by_label("More").click()
    page.get_by_role("button", name="Delete").click()
    delete = page.get_by_role("dialog").get_by_role("button", name="Delete")
    expect(delete).to_be_disabled()
    page.get_by_role("dialog").get_by_role("textbox").fill("off.example.org")
    delete.click()
    expect(page.get_by_text("Say where events are to be sent")).to_be_visible()
    assert world.server.ok("GET", f"/app/{app}/endpoint")["data"] == []


def test_the_secret_is_changed_with_a_day_of_overlap(portal, world, make_receiver):
    receiver = make_receiver()
    app, endpoint = an_app(world, "Rotates", url=receiver.url)
    old = world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")["key"]
    page = portal(f"/endpoints/{endpoint}", app=app)
    page.get_by_role("link", name="Verify and test").click()
    expect(page.get_by_label("The secret of this endpoint")).not_to_contain_text(old)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("The secret of this endpoint")).to_have_text(old)
    page.get_by_role("button", name="Change the secret").click()
    page.get_by_role("dialog").get_by_role("button", name="Change the secret").click()
    expect(page.get_by_text("Put it on your server within 24 hours.")).to_be_visible()
    new = world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")["key"]
    expect(page.get_by_label("The secret of this endpoint")).to_have_text(new)
    assert new != old
    world.server.publish(app)
    assert len(receiver.wait()[0].headers["webhook-signature"].split()) == 2


def test_headers_are_added_hidden_where_they_are_secret_and_removed(portal, world, make_receiver):
    receiver = make_receiver()
    app, endpoint = an_app(world, "Headers", url=receiver.url)
    page = portal(f"/endpoints/{endpoint}", app=app)
    page.get_by_role("link", name="Settings").click()
    panel = page.locator("section", has_text="Sent with every event, for a password")
    for name, value in (("X-Tenant", "acme"), ("Authorization", "Bearer s3cret")):
        panel.get_by_label("Name").fill(name)
        panel.get_by_label("Value").fill(value)
        panel.get_by_role("button", name="Add header").click()
        expect(panel.locator("li", has_text=re.compile(name, re.I))).to_be_visible()
    expect(panel).to_contain_text("acme")
    expect(panel).not_to_contain_text("s3cret")
    world.server.publish(app)
    assert receiver.wait()[0].headers["authorization"] == "Bearer s3cret"
    panel.get_by_role("button", name=re.compile("Remove x-tenant", re.I)).click()
    expect(panel.locator("li")).to_have_count(1)


def test_a_program_is_tried_and_changes_what_is_sent(portal, world, make_receiver):
    receiver = make_receiver()
    app, endpoint = an_app(world, "Changes", url=receiver.url)
    page = portal(f"/endpoints/{endpoint}", app=app)
    page.watched.expects(r"console: Failed to load resource.*422")
    page.get_by_role("link", name="Settings").click()
    panel = page.locator("section", has_text="A jq program that gets the event")
    panel.get_by_label("Program").fill("{paid: .body.amount}")
    panel.get_by_role("button", name="Try").click()
    expect(panel.get_by_role("region", name="What your server would get")).to_contain_text("1999")
    panel.get_by_label("Program").fill("{paid: ")
    panel.get_by_role("button", name="Save").click()
    expect(panel.get_by_role("alert")).to_contain_text("syntax error")
    panel.get_by_label("Program").fill("{paid: .body.amount}")
    panel.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    world.server.publish(app, {"amount": 7}, "invoice.paid")
    assert receiver.wait()[0].body == b'{"paid":7}'


def test_an_event_shows_its_content_to_the_byte_and_what_came_of_it(portal, world, make_receiver):
    receiver = make_receiver()
    app, _ = an_app(world, "Exact", url=receiver.url, description="Takes it")
    world.server.endpoint(app, "https://types.example.com/x", description="Wants others", eventTypes=["customer.created"])
    text = '{"big":12345678901234567890,"2":1,"1":2,"tiny":1e400}'
    answer = world.server.raw("POST", f"/api/v1/app/{app}/msg", '{"eventType":"invoice.paid","payload":' + text + "}",
                              {"authorization": f"Bearer {world.server.token}", "content-type": "application/json"})
    assert answer.status == 202, answer.body
    receiver.wait()
    page = portal("/messages", app=app)
    page.get_by_role("link", name="invoice.paid").click()
    content = page.locator("[aria-label=Content]")
    expect(content).to_contain_text("12345678901234567890")
    expect(content).to_contain_text("1e400")
    page.get_by_role("button", name="Raw").click()
    expect(content).to_have_text(text)
    expect(page.locator("li.out", has_text="Takes it")).to_contain_text("Delivered")
    expect(page.locator("li.out", has_text="Wants others")).to_contain_text("This endpoint does not ask for invoice.paid.")
    page.locator("li.out", has_text="Takes it").get_by_role("button", name="Send again").click()
    receiver.wait(2)


def test_an_event_is_found_by_its_id_and_one_that_is_not_there_is_said_to_be(portal, world):
    page = portal("/messages")
    page.watched.expects(r"console: Failed to load resource.*404")
    page.get_by_label("Find by id").fill("invoice-1")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text(world.messages[1])).to_be_visible()
    page.get_by_role("link", name="All events").click()
    page.get_by_label("Find by id").fill("no-such-event")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("There is no such page")).to_be_visible()


def test_the_catalogue_shows_what_is_sent_and_gives_a_type_to_copy(portal):
    page = portal("/event-types")
    page.get_by_label("Search event types").fill("paid")
    page.get_by_role("link", name="invoice.paid").click()
    expect(page.locator(".json[aria-label=Example]")).to_contain_text("in_42")
    expect(page.locator(".json[aria-label=Schema]")).to_contain_text("required")
    expect(page.locator("pre[aria-label=TypeScript]")).to_contain_text('currency?: "EUR" | "USD";')
    page.get_by_role("link", name="Add an endpoint for it").click()
    expect(page.get_by_role("checkbox", name="invoice.paid")).to_be_checked()



def test_a_try_is_verified_and_a_filter_is_tried_before_it_is_saved(portal, world, make_receiver):
    app = world.server.application("Trying")
    receiver = make_receiver(204)
    world.server.endpoint(app, receiver.url, description="Shop")
    event = world.server.publish(app, {"id": 9007199254740993}, "invoice.paid")
    receiver.wait()
    page = portal(f"/messages/{event}", app=app)
    page.locator("button.try").first.click()
    page.get_by_role("link", name="Verify the signature").click()
    page.get_by_role("button", name="Check").click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("The signature is right")
    expect(result.get_by_role("region").last).to_contain_text("9007199254740993")
    page.get_by_role("link", name="Filter", exact=True).click()
    page.get_by_role("textbox", name="Filter").fill('{"body": {"id": 9007199254740995}}')
    page.get_by_role("button", name="Try", exact=True).click()
    expect(result).to_contain_text("It does not fit")
    page.get_by_role("button", name="Try the change").click()
    expect(page.get_by_text("Of the last 1, 1 come now and 0 would.")).to_be_visible()
    page.get_by_role("button", name="Save for Shop").click()
    expect(page.get_by_text("Saved for Shop.")).to_be_visible()
    assert world.server.ok("GET", f"/app/{app}/endpoint")["data"][0]["filter"] == {"body": {"id": 9007199254740995}}


PAGES = ["", "/endpoints/new", "/endpoints/{failing}", "/endpoints/{failing}?tab=settings", "/endpoints/{ok}?tab=verify",
         "/endpoints/{ok}/created", "/messages", "/messages/{message}", "/event-types", "/event-types/invoice.paid", "/activity", "/live",
         "/playground", "/playground?tab=filter&event={message}&endpoint={ok}", "/playground?tab=transform&event={message}", "/nowhere"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_any_screen_and_is_accessible(open_page, world, theme):
    """At 320 px nothing may stand out sideways; axe looks there and at 1280 px."""
    page = open_page(theme=theme, width=320)
    page.watched.may_ask(world.server.url)
    for one in PAGES:
        path, _, query = one.format(message=world.messages[0], **world.endpoints).partition("?")
        page.goto("about:blank")
        page.goto(world.portal(path=path, query=query))
        expect(page.locator("main h1, main h2").first).to_be_visible()
        expect(page.locator("html[data-loading]")).to_have_count(0)
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (one, width)
            page.watched.look()
        page.set_viewport_size({"width": 320, "height": 800})


def test_the_keyboard_reaches_everything_on_the_first_page(portal):
    page = portal()
    expect(page.locator("li.ep").first).to_be_visible()
    seen = []
    for _ in range(14):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel"))
    assert "Go to the content" in seen[0] and "Endpoints" in seen and "Add endpoint" in seen
    assert any("/hook" in (text or "") for text in seen)


def test_a_secret_hides_itself_is_never_printed_and_is_copied_unseen(portal, world):
    app, endpoint = an_app(world, "Secretive", url="https://secret.example.com/hook")
    secret = world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")["key"]
    page = portal("/endpoints")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=world.server.url)
    page.clock.install()
    page.goto("about:blank")
    page.goto(world.portal(app, f"/endpoints/{endpoint}", "tab=verify"))
    shown = page.get_by_label("The secret of this endpoint")
    page.get_by_role("button", name="Copy", exact=True).first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    expect(shown).not_to_contain_text(secret)
    page.get_by_role("button", name="Show").click()
    expect(shown).to_have_text(secret)
    page.emulate_media(media="print")
    assert shown.evaluate("e => getComputedStyle(e).visibility") == "hidden"
    page.emulate_media(media="screen")
    assert shown.evaluate("e => getComputedStyle(e).visibility") == "visible"
    for _ in range(31):  # it counts down second by second
        page.clock.run_for(1000)
    expect(shown).not_to_contain_text(secret)
    assert secret not in page.evaluate("document.title + location.href + JSON.stringify([{...localStorage}, {...sessionStorage}])")


def test_times_are_in_the_zone_one_chooses_and_keys_lead_to_the_pages(portal, world):
    page = portal("/messages")
    expect(page.get_by_role("table", name="Events").locator("tbody tr").first).to_be_visible()
    page.get_by_role("button", name="Times are in UTC").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Time zone").select_option("Asia/Tokyo")
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Times are in UTC+9")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Find by id")).to_be_focused()
    page.keyboard.type("g")  # a letter, in a field
    expect(page.get_by_label("Find by id")).to_have_value("g")
    page.get_by_label("Find by id").blur()
    for keys, heading, title in (("ga", "Activity", "Activity, webhooks"), ("ge", "Endpoints", "Endpoints, webhooks")):
        page.keyboard.type(keys)
        expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()
        expect(page).to_have_title(title)
    page.keyboard.press("?")
    dialog.get_by_role("checkbox", name="Keys are on").uncheck()
    dialog.get_by_role("button", name="Close").click()
    page.keyboard.type("ga")
    expect(page.get_by_role("heading", level=1, name="Endpoints")).to_be_visible()


def test_a_clock_that_is_wrong_is_told_and_one_that_is_right_is_not(portal, world):
    page = portal()
    note = page.get_by_text("The clock of this device and that of the server are")
    expect(page.get_by_text("The ok one")).to_be_visible()
    expect(note).to_have_count(0)
    page.clock.install(time=datetime.now() - timedelta(days=1, minutes=5))
    page.goto("about:blank")
    page.goto(world.portal())
    expect(note).to_contain_text("are 1 day apart")
