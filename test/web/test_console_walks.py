# SPDX-License-Identifier: Apache-2.0
"""The console, used the way an operator uses it when something is wrong."""
import base64
import csv
import hashlib
import hmac
import json
import re
import sqlite3
import struct
import time
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import expect

from conftest import wait_until
from console import REFUSED, is_settled, link_of, make_console, make_source, requests_of, send  # noqa: F401 (a fixture)


def stats(server, app, endpoint):
    return server.ok("GET", f"/app/{app}/endpoint/{endpoint}/stats")


# --- signing in ---


@pytest.mark.sanitized
def test_the_link_signs_in_once_and_its_code_leaves_the_address(open_page, world):
    link = link_of(world.server)
    page = open_page(link)
    expect(page.get_by_role("banner")).to_be_visible()
    assert "#" not in page.url and "gc_" not in page.url
    page.reload()
    expect(page.get_by_role("banner")).to_be_visible()
    again = open_page()
    again.watched.may_ask(link)
    again.watched.expects(REFUSED)
    again.goto(link)
    expect(again.get_by_text("older than five minutes")).to_be_visible()
    expect(again.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_token_signs_in_a_wrong_one_is_told_so_and_one_can_sign_out(open_page, world):
    page = open_page(world.server.url + "/console/apps")
    page.watched.expects(REFUSED)
    page.get_by_label("API token").fill("gk_" + "x" * 40)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("401")
    page.get_by_label("API token").fill(world.server.token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Applications")).to_be_visible()
    page.goto(world.server.url + "/console/settings")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert world.server.token not in page.content() and world.server.token not in page.evaluate("JSON.stringify(localStorage)")


def test_what_was_typed_survives_a_session_that_ends(console, world):
    page = console("/apps")
    page.watched.expects(REFUSED)
    page.get_by_role("button", name="New application").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Typed before the session ended")
    page.context.clear_cookies()
    page.get_by_role("button", name="Create").click()
    again = page.get_by_role("dialog", name="Your session has ended")
    again.get_by_label("API token").fill(world.server.token)
    again.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Typed before the session ended")).to_be_visible()


# --- something is wrong ---


def test_what_is_wrong_stands_on_top_of_the_overview_one_click_away(console, make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1h", "deliver.jitter=0")
    app = server.application("Harbour Clinics")
    server.endpoint(app, make_receiver((502, {}, b"upstream is down")).url, description="results-intake")
    server.publish(app)
    wait_until(lambda: server.ok("GET", "/trouble")["data"], "the trouble")
    page = console(server=server)
    expect(page.get_by_role("heading", name="1 thing needs you")).to_be_visible()
    row = page.get_by_role("region", name="What is wrong now").get_by_role("listitem")
    expect(row).to_contain_text("It answers 502.")
    row.get_by_role("link", name="Harbour Clinics: results-intake fails").click()
    expect(page.get_by_role("heading", name="results-intake", level=1)).to_be_visible()
    expect(page.get_by_text(re.compile("Fails since"))).to_be_visible()


def test_an_event_id_is_found_by_one_word(console, world):
    page = console()
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("invoice-1")
    expect(page.get_by_role("option").first).to_contain_text("Acme GmbH")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="invoice.paid", level=1)).to_be_visible()
    assert page.url.endswith(world.messages[1])


def test_a_message_says_of_each_endpoint_why_it_came_or_did_not(console, world):
    server, app = world.server, world.app
    other = server.endpoint(app, world.receivers["ok"].url, description="only others", eventTypes=["customer.created"])
    narrow = server.endpoint(app, world.receivers["ok"].url, description="only large", filter={"body": {"amount": {"$gt": 100000}}})
    message = server.publish(app, {"id": "in_9", "amount": 900}, "invoice.paid")
    world.settle(app)
    page = console(f"/apps/{app}/messages/{message}")
    why = page.get_by_role("region", name="Why, for each endpoint")
    expect(why.get_by_role("row", name=re.compile("The ok one"))).to_contain_text("Delivered")
    expect(why.get_by_role("row", name=re.compile("The failing one"))).to_contain_text("Given up")
    expect(why.get_by_role("row", name=re.compile("The off one"))).to_contain_text("Disabled")
    expect(why.get_by_role("row", name=re.compile("only others"))).to_contain_text("customer.created")
    expect(why.get_by_role("row", name=re.compile("only large"))).to_contain_text("Filtered out")
    expect(why.get_by_text("/body/amount")).to_be_visible()
    why.get_by_role("button", name="Attempts to The failing one").click()
    expect(page.get_by_role("region", name="Response")).to_contain_text("onerror=")
    for endpoint in (other, narrow):
        server.ok("DELETE", f"/app/{app}/endpoint/{endpoint}")


def test_what_was_given_up_is_counted_sent_again_at_a_pace_and_arrives(console, world, make_receiver):
    server = world.server
    app = server.application("Meridale")
    receiver = make_receiver(500)
    endpoint = server.endpoint(app, receiver.url, description="orders-prod", retrySchedule=[])
    for n in range(5):
        server.publish(app, {"n": n})
    wait_until(lambda: stats(server, app, endpoint)["fail"] == 5, "five given up")
    receiver.answers = [204]
    server.ok("POST", f"/app/{app}/endpoint/{endpoint}/enable")
    page = console(f"/apps/{app}/endpoints/{endpoint}")
    page.get_by_role("button", name="Resend 5").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("deliveries failed at this time")).to_be_visible()
    dialog.get_by_label("At most").select_option("200")
    dialog.get_by_role("button", name="Resend 5 at 200/s").click()
    expect(page.get_by_role("heading", name="Recover what failed")).to_be_visible()
    expect(page.get_by_text("5 of 5")).to_be_visible()
    wait_until(lambda: stats(server, app, endpoint)["success"] == 5, "all five to arrive")


def test_a_running_replay_is_slowed_down_and_stopped(console, world, make_receiver):
    server = world.server
    app = server.application("Slow")
    endpoint = server.endpoint(app, make_receiver(204).url)
    for n in range(30):
        server.publish(app, {"n": n})
    wait_until(lambda: stats(server, app, endpoint)["success"] == 30, "all to arrive")
    plan = server.ok("POST", "/bulk/count", {"action": "replay", "appId": app, "endpointId": endpoint})["plan"]
    task = server.ok("POST", "/bulk", {"plan": plan, "rate": 1})["id"]
    page = console(f"/tasks/{task}")
    page.get_by_label("At most, a second").select_option("5")
    wait_until(lambda: server.ok("GET", f"/bulk/{task}")["data"]["rate"] == 5, "the new pace")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused").first).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped").first).to_be_visible()


def test_a_refused_request_is_explained_and_taken_in_once_the_secret_is_right(console, world):
    server = world.server
    source = make_source(server, "Pennyweir")
    assert send(server, source, b'{"n":7}', secret="the new one") == 401
    page = console(f"/sources/{source['id']}")
    page.get_by_role("button", name="no type").click()
    panel = page.get_by_role("region", name="Why it was refused")
    expect(panel.get_by_text("No secret of this source makes this signature.")).to_be_visible()
    expect(panel.get_by_text('{"n":7}').first).to_be_visible()
    panel.get_by_role("button", name="New secret").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("New signing secret").fill("the new one")
    dialog.get_by_role("button", name="Save").click()
    expect(panel.get_by_text("It would be accepted now.")).to_be_visible()
    panel.get_by_role("button", name="Replay this one").click()
    expect(page.get_by_text(re.compile("Sent on again as req_"))).to_be_visible()
    wait_until(lambda: any(one["outcome"] == "accepted" for one in requests_of(server, source)), "the replay to be accepted")


def test_a_filter_that_stops_everybody_is_only_recorded_two_clicks_later(console, world, make_receiver):
    server = world.server
    app = server.application("Northlight")
    made = server.ok("POST", f"/app/{app}/filter", {"event": "Enrol", "url": make_receiver((409, {}, b"{}")).url, "description": "seat-check", "haltOn4xx": True})
    server.ok("PUT", f"/app/{app}/filter-chain/Enrol", {"keep": "all"})
    for _ in range(6):
        assert server.ok("POST", f"/app/{app}/filter-chain/Enrol", {"data": {"user": "ann"}})["halt"]
    page = console(f"/apps/{app}/chains/Enrol")
    expect(page.get_by_text("Halting 6").first).to_be_visible()
    page.get_by_label("Mode").select_option("shadow")
    page.get_by_role("button", name="Try it on the last runs").click()
    expect(page.get_by_text("0 of 6")).to_be_visible()
    page.get_by_role("button", name="Save chain").click()
    expect(page.get_by_text("The chain is saved.")).to_be_visible()
    assert server.ok("GET", f"/app/{app}/filter/{made['id']}")["mode"] == "shadow"
    assert not server.ok("POST", f"/app/{app}/filter-chain/Enrol", {"data": {"user": "ann"}})["halt"]


def test_a_chain_is_ordered_by_keys_and_saved_as_a_whole(console, world, make_receiver):
    server, url = world.server, make_receiver((200, {}, b"{}")).url
    app = server.application("Ordered")
    for n, name in enumerate(("one", "two", "three")):
        server.ok("POST", f"/app/{app}/filter", {"event": "Go", "url": url, "description": name, "order": n + 1})
    page = console(f"/apps/{app}/chains/Go")
    page.get_by_role("button", name="three", exact=True).focus()
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.get_by_text("changes not saved")).to_be_visible()
    page.get_by_role("button", name="Save chain").click()
    expect(page.get_by_text("The chain is saved.")).to_be_visible()
    filters = sorted(server.ok("GET", f"/app/{app}/filter")["data"], key=lambda one: one["order"])
    assert [one["description"] for one in filters] == ["three", "one", "two"]


# --- making and changing ---


def test_an_application_an_endpoint_and_a_message_are_made_by_hand(console, world, make_receiver):
    receiver = make_receiver(204)
    page = console("/apps")
    page.get_by_role("button", name="New application").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Kestrel Payments")
    page.get_by_label("Your id for it").fill("kestrel")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("button", name="Add endpoint").click()
    page.get_by_role("dialog").get_by_label("URL").fill(receiver.url)
    page.get_by_label("Description").fill("ledger-sync")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="ledger-sync", level=1)).to_be_visible()
    page.goto(world.server.url + "/console/apps/kestrel")
    page.get_by_role("button", name="Send a message").click()
    page.get_by_label("Event type").fill("payment.settled")
    page.get_by_label("Payload").fill('{"amount": 12345678901234567890, "b": 1, "a": 1.50}')
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("heading", name="payment.settled", level=1)).to_be_visible()
    assert receiver.wait()[0].body == b'{"amount": 12345678901234567890, "b": 1, "a": 1.50}'
    expect(page.get_by_text("12345678901234567890")).to_be_visible()


def test_the_servers_words_stand_at_the_field_they_are_about(console, world):
    app = world.server.application("Wrong")
    page = console(f"/apps/{app}")
    page.watched.expects(REFUSED)
    page.get_by_role("button", name="Add endpoint").click()
    url = page.get_by_role("dialog").get_by_label("URL")
    url.fill("ftp://nowhere.example/")
    page.get_by_role("button", name="Create").click()
    expect(url).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Request web-")).to_be_visible()


def test_a_secret_is_shown_on_asking_and_hidden_again_after_half_a_minute(console, world):
    endpoint = world.endpoints["ok"]
    secret = world.server.ok("GET", f"/app/{world.app}/endpoint/{endpoint}/secret")["key"]
    page = console()
    page.clock.install()
    page.goto(f"{world.server.url}/console/apps/{world.app}/endpoints/{endpoint}")
    expect(page.get_by_role("button", name="Show for 30 s")).to_be_visible()
    assert secret not in page.content()
    page.get_by_role("button", name="Show for 30 s").click()
    expect(page.get_by_text(secret)).to_be_visible()
    page.clock.run_for(31_000)
    expect(page.get_by_text(secret)).to_have_count(0)
    assert secret not in page.content() and secret not in page.url and secret not in page.title()


def test_an_endpoint_is_disabled_and_that_is_undone(console, world, make_receiver):
    app = world.server.application("Undo")
    endpoint = world.server.endpoint(app, make_receiver(204).url, description="toggled")
    page = console(f"/apps/{app}/endpoints/{endpoint}")
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("Disabled toggled.")).to_be_visible()
    assert world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}")["disabled"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Enabled toggled.")).to_be_visible()
    assert not world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}")["disabled"]


def test_an_application_is_deleted_only_when_its_name_is_typed(console, world):
    app = world.server.application("To be deleted")
    page = console(f"/apps/{app}/settings")
    page.get_by_role("main").get_by_role("button", name="Delete").last.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    dialog.get_by_role("textbox").fill("To be deleted")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleted To be deleted.")).to_be_visible()
    assert world.server.call("GET", f"/app/{app}").status == 404


def test_a_token_is_shown_once_works_and_is_revoked(console, world):
    page = console("/access")
    page.get_by_role("button", name="New token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("night shift")
    dialog.get_by_role("button", name="Create").click()
    shown = dialog.locator("code")
    expect(shown).to_contain_text("gk_")
    token = shown.inner_text()
    dialog.get_by_role("button", name="Close").last.click()
    row = page.get_by_role("row").filter(has_text="night shift")
    expect(row).to_contain_text("operator")
    assert token not in page.content()
    assert world.server.call("GET", "/app", token=token).status == 200
    row.get_by_role("button", name="Replace").click()
    expect(dialog.get_by_text("127.0.0.1")).to_be_visible()
    dialog.get_by_role("button", name="Replace").click()
    expect(shown).to_contain_text("gk_")
    newer = shown.inner_text()
    assert newer != token
    dialog.get_by_role("button", name="Close").last.click()
    expect(row).to_have_count(2)
    for one in (token, newer):
        assert world.server.call("GET", "/app", token=one).status == 200
    row.last.get_by_role("button", name="Revoke").click()
    dialog.get_by_role("textbox").fill("night shift")
    dialog.get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(1)
    assert world.server.call("GET", "/app", token=token).status == 401
    assert world.server.call("GET", "/app", token=newer).status == 200


def test_a_user_is_made_signs_in_adds_a_second_factor_and_is_signed_out(console, open_page, world):
    page = console("/access/users")
    page.get_by_role("button", name="New user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(re.compile("^Name")).fill("ann@example.com")
    dialog.get_by_label("In the console").select_option("viewer")
    dialog.get_by_label(re.compile("^Password")).fill("correct horse")
    dialog.get_by_role("button", name="Create").click()
    expect(page.get_by_role("row").filter(has_text="ann@example.com")).to_contain_text("viewer")
    ann = open_page(world.server.url + "/console/settings")
    ann.get_by_role("button", name="Name and password").click()
    ann.get_by_label("Name").fill("ann@example.com")
    ann.get_by_label("Password").fill("correct horse")
    ann.get_by_role("button", name="Sign in").click()
    ann.get_by_role("button", name="Add").click()
    theirs = ann.get_by_role("dialog")
    theirs.get_by_label("Present password").fill("correct horse")
    theirs.get_by_role("button", name="Add").click()
    secret = theirs.locator("code").inner_text()
    expect(theirs.get_by_role("img", name="QR code of the secret")).to_be_visible()
    theirs.get_by_label("Code that it shows now").fill(code_of(secret))
    theirs.get_by_role("button", name="Confirm").click()
    expect(ann.get_by_text("A code is required in addition to the password.")).to_be_visible()
    page.get_by_role("link", name="Sessions").click()
    row = page.get_by_role("row").filter(has_text="ann@example.com")
    expect(row).to_contain_text("127.0.0.1")
    row.get_by_role("button", name="End").click()
    dialog.get_by_role("button", name="End").click()
    expect(row).to_have_count(0)
    ann.watched.expects(REFUSED)
    ann.get_by_role("button", name="Change password").click()
    theirs.get_by_label("Present password").fill("correct horse")
    theirs.get_by_label("New password").fill("another horse")
    theirs.get_by_role("button", name="Change password").click()
    expect(ann.get_by_role("heading", name="Your session has ended")).to_be_visible()


def code_of(secret):
    """What an authenticator shows now."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


def test_a_change_of_access_asks_for_a_new_proof_and_keeps_what_was_typed(console, make_grapnel):
    server = make_grapnel()
    server.take_port()
    server.serve()
    page = console("/access", server=server)
    page.watched.expects(REFUSED)
    is_settled(page)
    server.stop()
    with sqlite3.connect(server.store / "config.db") as db:  # an hour goes by
        db.execute("UPDATE token SET proved = proved - 3600000000 WHERE kind = 1")
    db.close()
    server.serve()
    page.reload()
    page.get_by_role("button", name="New token").click()
    form = page.get_by_role("dialog", name="New token")
    form.get_by_label("Name").fill("made later")
    form.get_by_role("button", name="Create").click()
    proof = page.get_by_role("dialog", name="Prove that it is you")
    field = proof.get_by_label("Token of an owner")
    field.fill("gk_" + 40 * "0")
    proof.get_by_role("button", name="Go on").click()
    expect(proof.get_by_role("alert")).to_contain_text("not a token of an owner")
    field.fill(server.token)
    proof.get_by_role("button", name="Go on").click()
    expect(form.locator("code")).to_contain_text("gk_")
    form.get_by_role("button", name="Close").last.click()
    expect(page.get_by_role("row").filter(has_text="made later")).to_be_visible()


def test_the_doctor_says_what_it_found(console, world):
    page = console("/system")
    page.get_by_role("button", name="Run the doctor").click()
    expect(page.get_by_role("button", name="Again")).to_be_visible(timeout=60_000)
    assert page.locator(".doctor").count() > 5
    expect(page.get_by_role("table", name="Limits against use")).to_contain_text("of 256 MiB")


def test_filters_stand_in_the_address_and_come_back_with_it(console, world):
    page = console(f"/apps/{world.app}/messages")
    page.locator("summary", has_text="Filter").click()
    page.get_by_label("Value").fill("invoice.paid")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("button", name="Remove the filter type")).to_be_visible()
    assert "type=invoice.paid" in page.url
    page.reload()
    expect(page.get_by_role("button", name="Remove the filter type")).to_be_visible()
    page.get_by_role("button", name="Remove the filter type").click()
    expect(page.get_by_role("button", name="Remove the filter type")).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("button", name="Remove the filter type")).to_be_visible()


def test_what_has_come_since_a_list_was_loaded_waits_behind_its_number(console, world):
    server = world.server
    app = server.application("Newer")
    server.publish(app, event_type="first.one")
    page = console()
    page.clock.install()
    page.goto(f"{server.url}/console/apps/{app}/messages")
    rows = page.get_by_role("table").locator("tbody tr")
    expect(rows).to_have_count(1)
    server.ok("POST", f"/app/{app}/msg/batch", {"messages": [{"eventType": "late.one", "payload": {}}] * 12})
    page.clock.run_for(10_000)
    newer = page.get_by_role("button", name="12 new", exact=True)
    expect(newer).to_be_visible()
    expect(rows).to_have_count(1)  # nothing moves under the reader's hand
    newer.click()
    expect(rows).to_have_count(13)
    expect(rows.first).to_contain_text("late.one")
    expect(newer).to_have_count(0)


def test_a_frozen_range_stands_in_the_address_and_shows_the_same_a_day_later(console, world):
    page = console()
    page.clock.install()
    page.goto(world.server.url + "/console/?range=1h")
    expect(page.get_by_role("button", name="Freeze")).to_be_visible()
    page.get_by_role("button", name="Freeze").click()
    expect(page.get_by_text("frozen")).to_be_visible()
    moments = dict(parse_qsl(urlsplit(page.url).query))
    assert datetime.fromisoformat(moments["to"]) - datetime.fromisoformat(moments["from"]) == timedelta(hours=1)
    page.clock.fast_forward("24:00:00")
    del page.watched.asked[:]
    page.reload()
    is_settled(page)
    expect(page.get_by_text("frozen")).to_be_visible()
    asked = [dict(parse_qsl(urlsplit(one.url).query)) for one in page.watched.asked if "/api/v1/series?" in one.url]
    of_all = [one for one in asked if one["of"] == "organisation"]
    assert of_all and all((one["from"], one["to"]) == (moments["from"], moments["to"]) for one in of_all), asked
    page.get_by_role("button", name="Up to now again").click()
    expect(page.get_by_role("button", name="Freeze")).to_be_visible()
    assert "from=" not in page.url and "to=" not in page.url


def test_applications_are_exported_as_what_was_searched_for_and_as_no_formula(console, world, tmp_path):
    names = ['=HYPERLINK("http://x")', 'exported, with "quotes"\nand a line', "exported plainly"]
    made = [world.server.application(name, uid=f"exported-{n}") for n, name in enumerate(names)]
    page = console("/apps?q=exported&sort=name")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export", exact=True).click()
    assert download.value.suggested_filename == "applications.csv"
    download.value.save_as(tmp_path / "applications.csv")
    rows = list(csv.DictReader((tmp_path / "applications.csv").open(newline="")))
    assert {row["id"]: row["name"] for row in rows} == dict(zip(made, ["'" + names[0], *names[1:]]))
    assert {row["uid"] for row in rows} == {"exported-0", "exported-1", "exported-2"}
    assert all(row["endpoints"] == "0" and row["createdAt"].endswith("Z") for row in rows)


def test_a_clock_that_is_wrong_is_told_and_one_that_is_right_is_not(console, world):
    page = console()
    is_settled(page)
    note = page.get_by_text("The clocks of this browser and of the server are")
    expect(note).to_have_count(0)
    page.clock.install(time=datetime.now() + timedelta(hours=2, minutes=5))
    page.reload()
    expect(note).to_contain_text(re.compile("are 2 h [45] min apart"))
    page.clock.set_system_time(datetime.now())
    page.get_by_role("link", name="Applications", exact=True).first.click()  # the next answer tells the time anew
    expect(page.get_by_role("heading", name="Applications")).to_be_visible()
    expect(note).to_have_count(0)


def test_keys_go_to_pages_and_rows_and_can_be_switched_off(console, world):
    page = console()
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Applications")).to_be_visible()
    is_settled(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Parts of the application")).to_be_visible()
    page.goto(world.server.url + "/console/settings")
    page.get_by_label("Single keys as shortcuts").uncheck()
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_theme_and_the_zone_are_kept(console, world):
    page = console("/settings")
    page.get_by_role("button", name="Dark", exact=True).click()
    page.get_by_role("combobox", name="Time zone").select_option("America/New_York")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    expect(page.get_by_role("combobox", name="Time zone")).to_have_value("America/New_York")
    page.goto(f"{world.server.url}/console/apps/{world.app}/messages/{world.messages[0]}")
    expect(page.get_by_text("UTC-5")).to_be_visible()


def test_a_link_to_the_portal_is_made_and_opens_it(console, open_page, world):
    page = console(f"/apps/{world.app}")
    page.get_by_role("button", name="Portal link").click()
    page.get_by_label("Read only").check()
    page.get_by_role("button", name="Make the link").click()
    link = page.locator("dialog .secret code").inner_text()
    customer = open_page()
    customer.watched.may_ask(world.server.url)
    customer.goto(link)
    expect(customer.get_by_text("The ok one")).to_be_visible()


def test_an_open_edx_webhook_is_an_endpoint_with_the_plugins_settings(console, world, make_receiver):
    app, url = world.server.application("Campus", uid="campus"), make_receiver(200).url
    page = console("/integrations/openedx?site=campus")
    page.watched.expects(REFUSED)  # the platform's event type is not there yet
    page.get_by_role("button", name="Add webhook").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Description").fill("Enrolments")
    dialog.get_by_label("Event").fill("COURSE_ENROLLMENT_CREATED")
    dialog.get_by_label("Webhook URL").fill(url)
    dialog.get_by_label("WWW form encoding").check()
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("Enrolments"))).to_contain_text("COURSE_ENROLLMENT_CREATED")
    made = world.server.ok("GET", f"/app/{app}/endpoint")["data"][0]
    assert (made["description"], made["url"], made["encoding"], made["disabled"]) == ("Enrolments", url, "form", False)
    assert made["eventTypes"] == ["org.openedx.learning.course.enrollment.created.v1"], json.dumps(made)


def test_what_happens_is_seen_live_and_can_be_held(console, world, make_receiver):
    app = world.server.application("Live one")
    endpoint = world.server.endpoint(app, make_receiver(204).url, description="watched")
    page = console(f"/live?app={app}")
    expect(page.get_by_text("Nothing happens at the moment")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text=re.compile(r"/s|Live"))).to_be_visible()
    message = world.server.publish(app, {"n": 1}, "stock.changed")
    row = page.get_by_role("listitem").filter(has_text="to watched")
    expect(row).to_contain_text("204")
    page.get_by_role("button", name="Pause").click()
    world.server.publish(app, {"n": 2}, "stock.emptied")
    wait_until(lambda: stats(world.server, app, endpoint)["success"] == 2, "the second to arrive")
    expect(page.get_by_text("stock.emptied")).to_have_count(0)
    row.get_by_role("link", name="stock.changed").click()
    expect(page.get_by_role("heading", name="stock.changed", level=1)).to_be_visible()
    assert message in page.url


# --- trying things ---


def count_clicks(page):
    """Counts clicks and Enter in the page, so that a walk can be held to a number of them."""
    page.evaluate("""() => {
        window.clicks = 0;
        addEventListener("click", (event) => event.detail && window.clicks++, true);
        addEventListener("keydown", (event) => event.key === "Enter" && window.clicks++, true);
    }""")


def test_a_filter_that_lost_messages_is_cured_on_what_was_stored_in_six_clicks(console, world, make_receiver):
    server = world.server
    app = server.application("Curing", uid="curing")
    receiver = make_receiver(204)
    endpoint = server.endpoint(app, receiver.url, description="big-orders", filter={"body": {"total": {"$gt": 90071992547409931}}})
    for total in (1, 90071992547409930, 90071992547409932):
        server.publish(app, {"total": total}, "invoice.paid")
    receiver.wait()
    page = console()
    page.watched.expects(REFUSED)  # a task is looked for in two lists
    count_clicks(page)
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("big-orders")
    expect(page.get_by_role("option").first).to_contain_text("big-orders")
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Settings").get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_role("textbox", name="Filter")
    assert "90071992547409931" in field.input_value()
    field.fill('{"body": {"total": {"$gte": 90071992547409930}}}')
    dialog.get_by_role("button", name="Try the change").click()
    trial = dialog.get_by_role("region", name="On the last 200")
    expect(trial).to_contain_text("Of the last 3, 1 come now and 2 would.")
    expect(trial).to_contain_text("one never came here")
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("dialog", name="Send what big-orders never got").get_by_role("button", name="Begin").click()
    wait_until(lambda: len(receiver.received) == 2, "the message that was missed")
    assert page.evaluate("window.clicks") <= 6
    assert server.ok("GET", f"/app/{app}/endpoint/{endpoint}")["filter"] == {"body": {"total": {"$gte": 90071992547409930}}}


def test_a_deliverys_signature_is_verified_in_one_click_and_a_secret_stays_in_its_field(console, world):
    page = console(f"/apps/{world.app}/messages/{world.messages[0]}?endpoint={world.endpoints['ok']}")
    page.get_by_role("button", name="Request", exact=True).click()
    page.get_by_role("link", name="Verify the signature").click()
    page.get_by_role("button", name="Check").click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("The signature is right")
    expect(result).to_contain_text("the endpoint’s own")
    expect(result.get_by_role("region", name=re.compile("What was signed")).last).to_contain_text('"id": "in_0"')
    page.get_by_label("Secret", exact=True).fill("whsec_" + "QUFB" * 8)
    page.get_by_role("button", name="Check").click()
    expect(result).to_contain_text("no_matching_key")
    assert "QUFB" not in page.url and "QUFB" not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.title])")
    assert "QUFB" not in result.inner_text()
    page.reload()
    expect(page.get_by_label("Secret", exact=True)).to_have_value("")


def test_a_view_is_saved_found_renamed_and_deleted(console, world):
    page = console(f"/apps/{world.app}/messages?type=invoice.paid")
    page.get_by_label("Saved views").click()
    page.get_by_role("button", name="Save this view").click()
    page.get_by_role("dialog").get_by_role("textbox", name="Name").fill("Paid invoices")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved the view Paid invoices.")).to_be_visible()
    page.goto(world.server.url + "/console/settings")
    page.get_by_role("button", name="Edit Paid invoices").click()
    page.get_by_role("dialog").get_by_role("textbox", name="Name").fill("What was paid")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="What was paid")).to_be_visible()
    page.keyboard.press("/")
    page.get_by_role("dialog").get_by_role("combobox").fill("what was")
    expect(page.get_by_role("dialog").get_by_role("option").first).to_contain_text("What was paid")
    page.keyboard.press("Enter")
    expect(page.get_by_text("type invoice.paid")).to_be_visible()
    assert page.url.endswith("/messages?type=invoice.paid")
    page.goto(world.server.url + "/console/settings")
    page.get_by_role("button", name="Delete What was paid").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No saved view yet")).to_be_visible()


def test_a_chain_is_tried_step_by_step_on_a_kept_run_and_without_one_of_its_filters(console, make_grapnel, make_receiver):
    server = make_grapnel().serve()
    app = server.application("Campus")
    seats = make_receiver((200, {"content-type": "application/json"}, b'{"data": {"seat": 12}}'))
    roster = make_receiver((409, {"content-type": "application/json"}, b'{"exception": {"PreventEnrollment": {"message": "The course is full."}}}'))
    server.ok("PUT", f"/app/{app}/filter-chain/Enrol", {"keep": "all"})
    for url, name, more in ((seats.url, "seats", {}), (roster.url, "roster", {"haltOn4xx": True})):
        server.ok("POST", f"/app/{app}/filter", {"event": "Enrol", "url": url, "description": name, "mode": "chained", **more})
    run = server.ok("POST", f"/app/{app}/filter-chain/Enrol", {"data": {"user": "ann"}})["id"]
    wait_until(lambda: server.ok("GET", f"/app/{app}/filter-run")["data"], "the run to be kept")
    page = console(f"/apps/{app}/runs/{run}", server=server)
    page.get_by_role("link", name="Step by step").click()
    expect(page.get_by_label("Data")).to_have_value(re.compile('"user": "ann"'))
    page.get_by_role("button", name="Try it, step by step").click()
    expect(page.get_by_role("region", name="seats").get_by_text("/seat")).to_be_visible()  # what it changed
    expect(page.get_by_role("region", name="roster").get_by_text("It stops the process: it answered 409, and it is set to halt on 4xx.")).to_be_visible()
    page.get_by_role("checkbox", name="roster").uncheck()
    page.get_by_label("Data").fill('{"user": "bob"}')
    page.get_by_role("button", name="Try it, step by step").click()
    expect(page.get_by_text("It passes")).to_be_visible()
    expect(page.get_by_role("region", name="roster")).to_have_count(0)
    assert b'"user":"bob"' in seats.received[-1].body.replace(b" ", b"") and len(server.ok("GET", f"/app/{app}/filter-run")["data"]) == 1
