# SPDX-License-Identifier: Apache-2.0
"""The integrations' pages, the way an operator uses them: what their users registered, and what can be done about it."""
import json
import re

from playwright.sync_api import expect

from console import REFUSED, make_console  # noqa: F401 (a fixture)

DUMP = [
    {"model": "openedx_webhooks.webhook", "pk": 1, "fields": {"description": "CRM", "event": "SESSION_LOGIN_COMPLETED", "webhook_url": "https://crm.example/in",
                                                              "enabled": True, "use_www_form_encoding": True}},
    {"model": "openedx_webhooks.webhook", "pk": 2, "fields": {"description": "", "event": "NO_SUCH_EVENT", "webhook_url": "https://crm.example/x"}},
    {"model": "openedx_webhooks.webfilter", "pk": 3, "fields": {"description": "Seats", "event": "CourseEnrollmentStarted", "webhook_url": "https://seats.example/",
                                                                "enabled": True, "halt_on_4xx": True, "redirect_on_4xx": "https://campus.example/full"}},
]


def test_a_plugins_dump_is_shown_before_it_is_taken_over_and_again_changes_nothing(console, world):
    server = world.server
    app = server.application("Import campus", uid="import-campus")
    page = console("/integrations/openedx?site=import-campus")
    file = {"name": "dump.json", "mimeType": "application/json", "buffer": json.dumps(DUMP).encode()}
    page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Dump").set_input_files({**file, "buffer": b"{}"})
    expect(dialog.get_by_text("This is no output of Django’s dumpdata")).to_be_visible()
    dialog.get_by_label("Dump").set_input_files(file)
    expect(dialog.get_by_role("row", name=re.compile("NO_SUCH_EVENT"))).to_contain_text("Not taken over")
    expect(dialog.get_by_role("row", name=re.compile("SESSION_LOGIN_COMPLETED"))).to_contain_text("New")
    assert server.ok("GET", f"/app/{app}/endpoint")["data"] == [] and server.ok("GET", f"/app/{app}/filter")["data"] == []
    dialog.get_by_role("button", name="Take over 2").click()
    expect(dialog.get_by_text("2 rows are taken over.")).to_be_visible()
    url = server.ok("GET", f"/app/{app}/filter-chain/CourseEnrollmentStarted")["url"]
    expect(dialog.get_by_text(url)).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    made = server.ok("GET", f"/app/{app}/endpoint")["data"][0]
    assert (made["description"], made["uid"], made["encoding"], made["disabled"]) == ("CRM", "openedx-webhook-1", "form", False)
    kept = server.ok("GET", f"/app/{app}/filter")["data"][0]
    assert (kept["description"], kept["haltOn4xx"], kept["redirectOn4xx"], kept["order"]) == ("Seats", True, "https://campus.example/full", 3)
    page.get_by_role("button", name="Import").click()
    page.get_by_role("dialog").get_by_label("Dump").set_input_files(file)
    expect(page.get_by_role("dialog").get_by_text("Everything in the dump is there already.")).to_be_visible()


def test_a_site_gets_the_url_for_its_webhooks(console, world):
    world.server.application("URL campus", uid="url-campus")
    page = console("/integrations/openedx?site=url-campus")
    page.get_by_role("button", name="Make the URL").click()
    expect(page.get_by_text("No event has come yet.")).to_be_visible()
    url = page.locator(".secret code").first.inner_text()
    body = {"event_metadata": {"id": "e-1", "event_type": "org.openedx.learning.auth.session.login.completed.v1"}, "user": {}}
    assert world.server.raw("POST", url[url.index("/in/"):], json.dumps(body), {"content-type": "application/json"}).status == 200
    page.reload()
    expect(page.get_by_text(re.compile("The last event came"))).to_be_visible()


def test_a_chain_is_tried_with_what_it_was_asked_last_and_shows_what_a_learner_would_see(console, world, make_receiver):
    server = world.server
    app = server.application("Try campus")
    receiver = make_receiver((200, {"content-type": "application/json"}, b'{"exception": {"PreventEnrollment": {"message": "No seats left"}}}'))
    server.ok("POST", f"/app/{app}/filter", {"event": "CourseEnrollmentStarted", "url": receiver.url, "description": "seats"})
    server.ok("PUT", f"/app/{app}/filter-chain/CourseEnrollmentStarted", {"keep": "all"})
    server.ok("POST", f"/app/{app}/filter-chain/CourseEnrollmentStarted", {"data": {"user": "ann"}})
    page = console(f"/apps/{app}/chains/CourseEnrollmentStarted")
    page.get_by_role("button", name="Run by hand").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Data of the last run").click()
    expect(dialog.get_by_label("Data")).to_have_value(re.compile('"user": "ann"'))
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(dialog.get_by_text("The user would see")).to_be_visible()
    expect(dialog.locator(".learner")).to_contain_text("No seats left")


def test_ckans_site_is_tried_an_event_sent_by_hand_and_a_webhook_ended(console, make_grapnel, make_receiver, make_site):
    user = {"id": "ann-1", "name": "ann", "state": "active", "sysadmin": True}  # whoever asks, and whoever is asked for
    site = make_site({"/api/3/action/user_show": json.dumps({"success": True, "result": user})})
    server = make_grapnel().serve("ckan.enabled=true", f"ckan.site_url={site.near}", "ckan.token=ours")
    receiver = make_receiver(200)
    hook = json.dumps({"topic": "dataset/update", "address": receiver.url})
    answer = server.raw("POST", "/api/3/action/webhook_create", hook, {"content-type": "application/json", "authorization": "hers"})
    assert answer.status == 200, answer
    page = console("/integrations/ckan", server=server)
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_text("The token is that of ann, a sysadmin.")).to_be_visible()
    page.get_by_role("button", name="Send an event").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Entity").fill('{"id": "set-1", "name": "air", "private": false, "state": "active"}')
    dialog.get_by_role("button", name="Send an event").click()
    assert receiver.wait()
    page.get_by_role("button", name="dataset/update").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("ann").first).to_be_visible()
    dialog.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing is registered")).to_be_visible()
    assert server.ok("GET", "/ckan/webhook")["data"] == []


def test_preservicas_receivers_are_asked_again_and_all_can_be_unsubscribed(console, world, make_receiver):
    server = world.server
    server.application("Preservica", uid="preservica")
    for trigger in ("MOVED", "INGEST_FAILED"):
        server.call("POST", "/event-type", {"name": trigger, "description": trigger})
        server.ok("POST", "/app/preservica/endpoint", {"url": make_receiver(200).url, "eventTypes": [trigger], "scheme": "preservica", "schemeSecret": "between us"})
    page = console("/integrations/preservica")
    page.watched.expects(REFUSED)  # the receiver does not know the secret
    page.get_by_role("button", name="MOVED").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Ask the receiver again").click()
    expect(dialog.get_by_role("alert")).to_contain_text("did not pass the handshake")
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Unsubscribe all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Unsubscribe 2")).to_be_disabled()
    dialog.get_by_role("textbox").fill("2")
    dialog.get_by_role("button", name="Unsubscribe 2").click()
    expect(page.get_by_text("Nothing is registered")).to_be_visible()
    assert server.ok("GET", "/preservica/subscription")["data"] == []


def test_gaias_webhook_is_made_pushed_to_shown_and_deleted(console, make_grapnel):
    server = make_grapnel().serve("gaia.enabled=true", "gaia.auth_server=127.0.0.1:1", "gaia.amqp_url=amqp://127.0.0.1:1/")
    page = console("/integrations/gaia", server=server)
    page.get_by_role("button", name="New webhook").click()
    dialog = page.get_by_role("dialog")
    for label, value in (("Tenant", "7"), ("Data source", "github"), ("Event", "push"), ("Host", "hooks.example"), ("API token", "seven-secret")):
        dialog.get_by_label(re.compile(f"^{label}")).fill(value)
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="push").click()
    dialog = page.get_by_role("dialog")
    assert "seven-secret" not in page.content()
    dialog.get_by_role("button", name="Show for 30 s").click()
    expect(dialog.get_by_text(re.compile("https://hooks.example/wh/seven-secret/"))).to_be_visible()
    dialog.get_by_role("button", name="Hide").click()
    dialog.get_by_role("button", name="Send a test event").click()
    expect(dialog.get_by_text("It was accepted.")).to_be_visible()
    app = server.ok("GET", "/gaia/webhook")["data"][0]["applicationId"]
    assert len(server.ok("GET", f"/app/{app}/msg")["data"]) == 1
    dialog.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing is registered")).to_be_visible()
    assert server.ok("GET", "/gaia/webhook")["data"] == []
