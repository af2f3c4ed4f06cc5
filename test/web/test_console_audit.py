# SPDX-License-Identifier: Apache-2.0
"""The audit log in the console: who disabled this endpoint, what it was before, and the rows as a file."""
import csv
import json

from playwright.sync_api import expect

from console import is_settled, make_console  # noqa: F401 (a fixture)


def test_who_disabled_this_endpoint_is_one_click_away(console, world):
    server, app = world.server, world.app
    endpoint = server.endpoint(app, "http://127.0.0.1:1/", description="audited <b>orders</b>")
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"disabled": True, "metadata": {"team": "payments"}})
    page = console(f"/apps/{app}/endpoints/{endpoint}")
    page.get_by_role("link", name="Changes").click()
    newest = page.get_by_role("table", name="Rows of the audit log").locator("tbody tr").first
    expect(newest).to_contain_text("Changed an endpoint audited <b>orders</b>")
    expect(newest).to_contain_text("test")
    expect(newest).to_contain_text("disabled")

    newest.get_by_role("link").click()
    row = page.get_by_role("dialog", name="Changed an endpoint")
    expect(row.get_by_role("row", name="disabled false true")).to_be_visible()
    expect(row.get_by_role("row", name="metadata.team nothing payments")).to_be_visible()
    expect(row).to_contain_text("v1.endpoint.patch")
    page.reload()  # the open row is a part of the address
    expect(row).to_be_visible()
    page.keyboard.press("Escape")
    expect(row).to_have_count(0)


def test_the_log_is_filtered_by_its_address_and_exported(console, world, tmp_path):
    server = world.server
    first, second = server.application("=audited"), server.application("also audited")
    page = console(f"/audit?object={first}")
    table = page.get_by_role("table", name="Rows of the audit log")
    expect(table.locator("tbody tr")).to_have_count(1)
    expect(table).to_contain_text("Created an application =audited")
    page.get_by_role("button", name="Remove the filter Object").click()
    expect(table).to_contain_text("also audited")
    page.goto(f"{server.url}/console/audit?operation=v1.application.create&text=audited")
    is_settled(page)
    expect(table.locator("tbody tr")).to_have_count(2)

    for name, words in (("audit.csv", "Export CSV"), ("audit.ndjson", "Export JSON lines")):
        with page.expect_download() as download:
            page.get_by_role("button", name=words).click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
    expect(page.get_by_text("2 rows were exported.").first).to_be_visible()
    rows = list(csv.DictReader((tmp_path / "audit.csv").open(newline="")))
    assert [row["object_name"] for row in rows] == ["also audited", "'=audited"]
    lines = [json.loads(line) for line in (tmp_path / "audit.ndjson").read_text().splitlines()]
    assert [row["object"]["id"] for row in lines] == [second, first]


def test_a_chain_shows_its_own_changes(console, world):
    server, app = world.server, world.app
    server.ok("POST", f"/app/{app}/filter", {"event": "AuditedEvent", "url": "http://127.0.0.1:1/", "description": "gate"})
    server.ok("PUT", f"/app/{app}/filter-chain/AuditedEvent", {"keep": "none"})
    page = console(f"/apps/{app}/chains/AuditedEvent")
    panel = page.get_by_role("region", name="Changes")
    expect(panel.get_by_role("listitem")).to_have_count(2)
    expect(panel).to_contain_text("Created a webfilter gate")
    panel.get_by_role("link", name="Created a webfilter gate").click()
    expect(page.get_by_role("dialog", name="Created a webfilter")).to_be_visible()
