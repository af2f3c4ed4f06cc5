# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on an ordinary day, and in how few clicks from the console's first page it is seen and mended.

A Hand does what an operator does and counts: a click, a choice in a list, or a word typed with Enter is one. Looking is
free. Each test says how many it may take."""
import json
import re

import pytest
from playwright.sync_api import expect

from conftest import wait_until
from console import SECRET, is_settled, make_console, make_source, requests_of, send  # noqa: F401 (a fixture)

SERVE = ("deliver.retry=50ms", "deliver.jitter=0")


class Hand:
    """Acts on a page, at most `most` times."""

    def __init__(self, page, most):
        self.page, self.most, self.done = page, most, []

    def count(self, what):
        self.done.append(what)
        assert len(self.done) <= self.most, f"more than {self.most}: {self.done}"

    def click(self, locator):
        self.count(f"click {locator}")
        locator.click()

    def choose(self, locator, value):
        self.count(f"choose {value}")
        locator.select_option(value)

    def find(self, word):
        """The search box takes a word and Enter; what it shows first is opened."""
        self.count(f"find {word}")
        self.page.keyboard.press("/")
        self.page.get_by_role("combobox").fill(word)
        expect(self.page.get_by_role("option").first).to_be_visible()
        self.page.keyboard.press("Enter")

    def enter(self, locator, text):
        self.count(f"type {text}")
        locator.fill(text)
        locator.press("Enter")


@pytest.fixture(name="begin")
def make_begin(console, make_grapnel):
    """A server, and a function that opens its console's first page for a hand of so many clicks."""
    server = make_grapnel().serve(*SERVE)

    def begin(most):
        page = console(server=server)
        is_settled(page)
        return Hand(page, most)
    begin.server = server
    return begin


def given_up(server, app, endpoint):
    return server.ok("GET", f"/app/{app}/endpoint/{endpoint}/stats")["fail"]


def test_acme_gets_nothing_is_seen_and_opened_in_one_click(begin, make_receiver):
    app = begin.server.application("Acme")
    begin.server.endpoint(app, make_receiver((502, {}, b"bad gateway")).url, description="orders")
    begin.server.publish(app)
    wait_until(lambda: begin.server.ok("GET", "/trouble")["data"], "the trouble")
    hand = begin(1)
    hand.click(hand.page.get_by_role("region", name="What is wrong now").get_by_role("link", name="Acme: orders fails"))
    expect(hand.page.get_by_text(re.compile("Fails since"))).to_be_visible()


def test_an_event_is_found_in_one_and_says_why_this_endpoint_did_not_get_it(begin, make_receiver):
    server = begin.server
    app = server.application("Acme")
    server.endpoint(app, make_receiver(200).url, description="takes all")
    server.endpoint(app, make_receiver(200).url, description="only large", filter={"body": {"amount": {"$gt": 1000}}})
    server.publish(app, {"amount": 42}, "invoice.paid", eventId="invoice-42")
    hand = begin(1)
    hand.find("invoice-42")
    row = hand.page.get_by_role("region", name="Why, for each endpoint").get_by_role("row", name=re.compile("only large"))
    expect(row).to_contain_text("Filtered out")  # no further click
    expect(hand.page.get_by_text("/body/amount")).to_be_visible()


def test_what_failed_in_three_hours_is_sent_again_fifty_a_second_in_four(begin, make_receiver):
    server = begin.server
    app = server.application("Meridale")
    receiver = make_receiver(503)
    endpoint = server.endpoint(app, receiver.url, description="orders-prod", retrySchedule=[])
    for n in range(4):
        server.publish(app, {"n": n})
    wait_until(lambda: given_up(server, app, endpoint) == 4, "all to be given up")
    receiver.answers = [204]
    server.ok("POST", f"/app/{app}/endpoint/{endpoint}/enable")
    hand = begin(4)
    hand.find(endpoint)
    hand.click(hand.page.get_by_role("button", name="Resend 4"))
    dialog = hand.page.get_by_role("dialog")
    expect(dialog.get_by_text("deliveries failed at this time")).to_be_visible()  # counted first
    hand.choose(dialog.get_by_label("At most"), "50")
    hand.click(dialog.get_by_role("button", name="Resend 4 at 50/s"))
    wait_until(lambda: server.ok("GET", f"/app/{app}/endpoint/{endpoint}/stats")["success"] == 4, "all to arrive")


def test_a_replay_that_hurts_is_held_in_two(begin, make_receiver):
    server = begin.server
    app = server.application("Slow")
    endpoint = server.endpoint(app, make_receiver(204).url)
    for n in range(20):
        server.publish(app, {"n": n})
    wait_until(lambda: server.ok("GET", f"/app/{app}/endpoint/{endpoint}/stats")["success"] == 20, "all to arrive")
    plan = server.ok("POST", "/bulk/count", {"action": "replay", "appId": app, "endpointId": endpoint})["plan"]
    task = server.ok("POST", "/bulk", {"plan": plan, "rate": 1})["id"]
    hand = begin(2)
    hand.click(hand.page.get_by_role("link", name="Bulk and tasks").first)
    hand.click(hand.page.get_by_role("button", name="Pause"))
    wait_until(lambda: server.ok("GET", f"/bulk/{task}")["data"]["state"] == "paused", "the pause")
    expect(hand.page.get_by_role("button", name="Resume")).to_be_visible()


def test_what_a_provider_says_it_delivered_is_explained_in_three(begin):
    source = make_source(begin.server, "GitHub")
    assert send(begin.server, source, b'{"n":1}', secret="another") == 401
    hand = begin(3)
    hand.click(hand.page.get_by_role("link", name="Sources").first)
    hand.click(hand.page.get_by_role("link", name="GitHub"))
    hand.click(hand.page.get_by_role("row", name=re.compile("Refused")))
    panel = hand.page.get_by_role("region", name="Why it was refused")
    expect(panel.get_by_text("No secret of this source makes this signature.")).to_be_visible()
    expect(panel.get_by_role("button", name="New secret")).to_be_visible()  # the cure


def test_what_was_refused_is_taken_in_after_the_secret_was_corrected_in_three(begin):
    server = begin.server
    source = make_source(server, "GitHub")
    for n in range(3):
        assert send(server, source, b'{"n":%d}' % n, secret="the right one", delivery=f"d-{n}") == 401
    answer = server.raw("POST", f"/ingest/api/v1/source/{source['id']}/secret/rotate", b'{"secret":"the right one"}',
                        {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
    assert answer.status < 300, answer
    hand = begin(3)
    hand.click(hand.page.get_by_role("link", name="Explain"))
    hand.click(hand.page.get_by_role("button", name="Replay refused requests"))
    hand.click(hand.page.get_by_role("dialog").get_by_role("button", name=re.compile("Replay 3|Send 3")))
    wait_until(lambda: sum(one["outcome"] == "accepted" for one in requests_of(server, source)) == 3, "all three to be taken in")


def test_a_changed_filter_that_lost_messages_is_found_undone_and_made_good_in_six(begin, make_receiver):
    server = begin.server
    app, receiver = server.application("Meridale"), make_receiver(204)
    endpoint = server.endpoint(app, receiver.url, description="orders-prod", filter={"body": {"amount": {"$gte": 10}}})
    server.publish(app, {"amount": 50})
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"filter": {"body": {"amount": {"$gte": 1000}}}})
    for n in range(3):
        server.publish(app, {"amount": 20 + n})  # lost
    hand = begin(6)
    hand.find(endpoint)
    hand.click(hand.page.get_by_role("link", name="Changes"))
    hand.click(hand.page.get_by_role("link", name="Changed an endpoint orders-prod"))
    change = hand.page.get_by_role("dialog")
    expect(change.get_by_role("row", name=re.compile("filter"))).to_contain_text('{"$gte": 10}')  # what it was
    hand.click(change.get_by_role("button", name="Try what was before"))
    form = hand.page.get_by_role("dialog", name="Endpoint")
    expect(form.get_by_text("Of the last 4, 0 come now and 4 would.")).to_be_visible()  # the cure, tried without a click
    hand.click(form.get_by_role("button", name="Save"))
    missing = hand.page.get_by_role("dialog", name="Send what orders-prod never got")
    expect(missing.get_by_role("combobox")).to_contain_text("the change")  # counted from there
    hand.click(missing.get_by_role("button", name="Begin"))
    wait_until(lambda: {json.loads(one.body)["amount"] for one in receiver.received} == {50, 20, 21, 22}, "what was lost to arrive")


def test_a_filter_that_locks_everybody_out_is_only_recorded_after_three(begin, make_receiver):
    server = begin.server
    app = server.application("Campus")
    made = server.ok("POST", f"/app/{app}/filter", {"event": "Enrol", "url": make_receiver((409, {}, b"{}")).url, "description": "seats", "haltOn4xx": True})
    for _ in range(12):
        assert server.ok("POST", f"/app/{app}/filter-chain/Enrol", {"data": {}})["halt"]
    wait_until(lambda: server.ok("GET", "/trouble")["counts"]["filter_halting"], "the trouble")
    hand = begin(3)
    hand.click(hand.page.get_by_role("link", name="Campus: Enrol stops everybody"))
    hand.choose(hand.page.get_by_label("Mode"), "shadow")
    hand.click(hand.page.get_by_role("button", name="Save chain"))
    wait_until(lambda: server.ok("GET", f"/app/{app}/filter/{made['id']}")["mode"] == "shadow", "the change")
    assert not server.ok("POST", f"/app/{app}/filter-chain/Enrol", {"data": {}})["halt"]


def test_a_disk_that_fills_tells_when_and_by_whom_and_how_to_keep_less_in_two(begin):
    server = begin.server
    for name, n in (("Quiet", 1), ("Loud", 3)):
        app = server.application(name)
        for i in range(n):
            server.publish(app, {"i": i, "text": "x" * 2000})
    wait_until(lambda: [one["messages"] for one in server.ok("GET", "/system/largest")["data"]] == [3, 1], "the figures")
    hand = begin(2)
    expect(hand.page.get_by_text(re.compile("^(free|at the rate)"))).to_be_visible()
    hand.click(hand.page.get_by_role("link", name=re.compile(r"(MiB|GiB|TiB| d)$")))
    disk = hand.page.get_by_role("region", name="Disk")
    expect(disk.get_by_text("How long the disk will last is known once the server has been running for an hour.")).to_be_visible()  # when
    expect(disk.get_by_text(re.compile(r" of the .* that may be used")).first).to_be_visible()
    expect(disk.get_by_role("row").nth(1)).to_contain_text(re.compile("Loud.*75"))  # by whom
    hand.click(disk.get_by_role("button", name="Keep less"))
    cure = hand.page.get_by_role("dialog", name="Keep less")
    expect(cure.get_by_text("90 days (default)")).to_be_visible()
    expect(cure.get_by_text("store.retention = 1440h")).to_be_visible()
    expect(cure.get_by_text(re.compile("reload the server"))).to_be_visible()


def test_a_secret_that_leaked_is_replaced_with_an_overlap_in_three(begin, make_receiver):
    server = begin.server
    app = server.application("Leaky")
    endpoint = server.endpoint(app, make_receiver(204).url, description="leaked")
    before = server.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")["key"]
    hand = begin(3)
    hand.find(endpoint)
    hand.click(hand.page.get_by_role("button", name="Rotate"))
    dialog = hand.page.get_by_role("dialog")
    expect(dialog.get_by_role("combobox")).to_have_value("86400")  # the old one goes on for a day
    hand.click(dialog.get_by_role("button", name="Rotate"))
    wait_until(lambda: server.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")["key"] != before, "the new secret")


def test_a_token_that_leaked_is_replaced_with_an_overlap_and_its_users_are_seen_in_three(begin):
    server = begin.server
    leaked = server.ok("POST", "/token", {"name": "shop", "role": "operator"})
    assert server.call("GET", "/app", token=leaked["token"]).status == 200
    hand = begin(3)
    hand.click(hand.page.get_by_role("link", name="Access").first)
    hand.click(hand.page.get_by_role("row", name=re.compile("^shop")).get_by_role("button", name="Replace"))
    dialog = hand.page.get_by_role("dialog")
    expect(dialog.get_by_role("row", name=re.compile(r"127\.0\.0\.1"))).to_be_visible()  # who used it
    expect(dialog.get_by_role("combobox")).to_have_value("86400")  # the old one goes on for a day
    hand.click(dialog.get_by_role("button", name="Replace"))
    expect(dialog.get_by_text(re.compile("^gk_"))).to_be_visible()
    wait_until(lambda: len([one for one in server.ok("GET", "/token")["data"] if one["name"] == "shop"]) == 2, "the new token")
    assert server.call("GET", "/app", token=leaked["token"]).status == 200  # still


def test_a_tenant_that_floods_is_seen_and_throttled_in_three(begin, make_receiver):
    server = begin.server
    quiet, loud = server.application("Quiet"), server.application("Loud")
    for app, n in ((quiet, 1), (loud, 30)):
        server.endpoint(app, make_receiver(204).url)
        for i in range(n):
            server.publish(app, {"i": i})
    wait_until(lambda: server.ok("GET", f"/series/rows?of=application&ids={loud}&measure=accepted&from=now-1h&step=5m")["data"][0]["series"][0]["total"] == 30, "the figures")
    hand = begin(3)
    busiest = hand.page.get_by_role("table", name="Busiest applications")
    expect(busiest.get_by_role("row").nth(1)).to_contain_text("Loud")
    hand.click(busiest.get_by_role("link", name="Loud"))
    hand.click(hand.page.get_by_role("button", name="Throttle").first)
    hand.enter(hand.page.get_by_role("dialog").get_by_label("Throttle"), "50")
    wait_until(lambda: server.ok("GET", f"/app/{loud}")["throttleRate"] == 50, "the throttle")
    expect(hand.page.get_by_text("Loud is delivered at most 50 a second.")).to_be_visible()
