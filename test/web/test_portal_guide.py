# SPDX-License-Identifier: Apache-2.0
"""The page that the guide gives to hosts, run as it is printed; and what an operator says about the portal's look."""
import json
import re
import struct
import zlib

from playwright.sync_api import expect

from conftest import ROOT


def printed_page():
    return re.search(r"```html\n(.*?)```", (ROOT / "docs" / "guide" / "portal.md").read_text(), re.DOTALL).group(1)


def test_the_guides_page_shows_the_portal_follows_its_height_and_renews_it(open_page, make_site, world):
    app = world.server.application("Guided")
    site = make_site({"/": printed_page(), "/webhooks-link": json.dumps(world.access(app))})
    page = open_page()
    page.watched.may_ask(site.url, world.server.url)
    page.watched.expects(r"console: Failed to load resource.*401")
    page.goto(site.url)
    inside = page.frame_locator("iframe")
    expect(inside.get_by_role("link", name="Add endpoint")).to_be_visible()
    assert inside.get_by_role("link", name="Add endpoint").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(138, 30, 82)"
    page.wait_for_function("frame => frame.height != 650", arg=page.locator("iframe").element_handle())
    world.server.ok("POST", f"/auth/app/{app}/expire-all", {})
    site.files["/webhooks-link"] = json.dumps(world.access(app))
    inside.get_by_role("link", name="Event types", exact=True).click()
    inside.get_by_role("link", name="invoice.paid").wait_for()
    inside.get_by_role("link", name="Events", exact=True).click()
    # The session has ended: the host is told, brings a new link, and the reader is where they were.
    expect(inside.get_by_text("No event has happened yet")).to_be_visible()


def small_png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = zlib.compress(b"\x00\x8a\x1e\x52" * 1)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows)
            + chunk(b"IEND", b""))


def test_the_portal_has_the_operators_name_logo_and_help_and_hides_what_they_hide(open_page, make_grapnel, tmp_path):
    logo = tmp_path / "logo.png"
    logo.write_bytes(small_png())
    server = make_grapnel()
    server.take_port()
    server.serve(f"server.public_url={server.url}", "portal.name=Kestrel", f"portal.logo={logo}",
                 "portal.support_url=https://kestrel.example/help", "portal.hide=headers,transforms,channels,throttle,catalogue")
    server.ok("POST", "/event-type", {"name": "a.b", "description": "A"})
    app = server.application("Acme")
    endpoint = server.endpoint(app, "https://acme.example/hook", description="Shop")

    def go(next_page=""):
        page = open_page()
        page.watched.may_ask(server.url)
        link = server.ok("POST", f"/auth/app-portal-access/{app}", {})["url"]
        page.goto(link.replace("/portal#", f"/portal?next={next_page}#"))
        return page

    page = go()
    expect(page.get_by_text("Kestrel sends events to these URLs as they happen.")).to_be_visible()
    assert page.get_by_role("link", name="Help").get_attribute("href") == "https://kestrel.example/help"
    assert page.locator("img.hostlogo").evaluate("e => e.decode().then(() => e.naturalWidth)") == 1
    expect(page.get_by_role("link", name="Event types")).to_have_count(0)
    page = go(f"/endpoints/{endpoint}")
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_label("Description")).to_have_value("Shop")
    for hidden in ("Channels", "Limit", "Program"):
        expect(page.get_by_label(hidden)).to_have_count(0)
    expect(page.get_by_role("button", name="Add header")).to_have_count(0)
    expect(go("/event-types").get_by_text("There is no such page")).to_be_visible()


def test_a_sources_link_shows_where_to_send_and_what_came(open_page, world, make_receiver):
    server, receiver = world.server, make_receiver()

    def ingest(method, path, body):
        answer = server.raw(method, "/ingest/api/v1" + path, json.dumps(body),
                            {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
        assert answer.status < 300, answer
        return json.loads(answer.body)

    source = ingest("POST", "/source", {"name": "Shop <b>", "type": "generic-webhook"})
    page = open_page()
    page.watched.may_ask(server.url)
    page.goto(ingest("POST", f"/source/{source['id']}/dashboard", {})["url"])
    expect(page.get_by_role("heading", name="Events from Shop <b>")).to_be_visible()
    expect(page.get_by_text(source["ingestUrl"])).to_be_visible()
    expect(page.get_by_text("Nothing has come in yet")).to_be_visible()
    page.get_by_label("URL", exact=True).fill(receiver.url)
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.get_by_text("The endpoint is there.")).to_be_visible()
    assert server.raw("POST", source["ingestUrl"].replace(server.url, ""), b'{"order": 12345678901234567890}',
                      {"content-type": "application/json"}).status < 300
    assert receiver.wait()[0].body == b'{"order": 12345678901234567890}'
    page.get_by_role("cell", name="Accepted").first.click()
    expect(page.get_by_text("12345678901234567890")).to_be_visible()
