# SPDX-License-Identifier: Apache-2.0
"""What the guide gives to hosts, run as it is printed; and what an operator says about the portal's look."""
import json
import os
import re
import socket
import struct
import subprocess
import sys
import urllib.request
import zlib

import canaries
import pytest
from playwright.sync_api import expect

from conftest import NODE_MODULES, PATIENCE_S, ROOT, support, wait_until

HOST = "<!doctype html><html lang=en><head><title>Host</title></head><body><main><h1>Host</h1><div id=host></div></main>" \
       "<script src=/host.js></script></body></html>"


def printed(language):
    """The example of the guide in this language; each has one."""
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "guide" / "portal.md").read_text(), re.DOTALL)
    assert len(found) == 1, language
    return found[0]


def test_the_guides_page_shows_the_portal_follows_its_height_and_renews_it(open_page, make_site, world):
    app = world.server.application("Guided")
    site = make_site({"/": printed("html"), "/webhooks-link": json.dumps(world.access(app))})
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


@pytest.fixture(name="run_backend")
def make_run_backend(world, tmp_path):
    """Runs a backend of the guide; the port it listens at."""
    children = []

    def run(command, name, code):
        port = support.foreign_port()
        (tmp_path / name).write_text(code)
        if not (tmp_path / "node_modules").exists():
            (tmp_path / "node_modules").symlink_to(NODE_MODULES)
        with open(tmp_path / "log", "wb") as log:
            children.append(subprocess.Popen([command, name], cwd=tmp_path, stdout=log, stderr=log, env={
                **os.environ, "PORT": str(port), "GRAPNEL_URL": world.server.url, "GRAPNEL_TOKEN": world.server.token}))
        wait_until(lambda: is_listening(port) or children[-1].poll() is not None, f"{name} to listen")
        assert children[-1].poll() is None, (tmp_path / "log").read_text()
        return port

    yield run
    for child in children:
        child.kill()
        child.wait()


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
        return True
    except OSError:
        return False


def link_from(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/webhooks-link", timeout=PATIENCE_S) as answer:
        return json.load(answer)


@pytest.mark.parametrize("language, command, name", [("python", sys.executable, "backend.py"), ("js", "node", "backend.mjs")])
def test_the_guides_backends_get_a_link_that_opens_the_portal(open_page, world, run_backend, language, command, name):
    link = link_from(run_backend(command, name, printed(language)))
    assert world.server.call("GET", "/app/acme/endpoint", token=link["token"]).status == 200
    page = open_page()
    page.watched.may_ask(world.server.url)
    page.goto(link["url"])
    expect(page.get_by_text("The ok one")).to_be_visible()


def test_the_guides_react_components_show_the_portal_and_read_by_hooks(open_page, make_site, world, tmp_path):
    access = world.access()
    (tmp_path / "guide.jsx").write_text(printed("jsx"))
    told = json.dumps({"url": access["url"], "appId": world.app, "token": access["token"], "serverUrl": world.server.url})
    (tmp_path / "main.jsx").write_text(
        'import React from "react"; import { createRoot } from "react-dom/client"; import { Own, Webhooks } from "./guide.jsx";'
        f'const told = {told}; createRoot(document.getElementById("host")).render(<><Webhooks url={{told.url}} /><Own {{...told}} /></>);')
    subprocess.run(["esbuild", tmp_path / "main.jsx", "--bundle", f"--outfile={tmp_path / 'out.js'}", "--log-level=error", "--jsx=automatic",
                    '--banner:js=var process={env:{NODE_ENV:"production"},versions:{}};', "--loader:.css=empty", "--alias:svix=svix1"],
                   check=True, env={**os.environ, "NODE_PATH": str(NODE_MODULES)})
    site = make_site({"/": HOST, "/host.js": (tmp_path / "out.js").read_text()})
    page = open_page()
    page.watched.may_ask(site.url, world.server.url)
    page.watched.expects(r"axe: frame-title")  # their frame has no name, and it is not ours to give
    page.goto(site.url)
    expect(page.frame_locator("iframe").get_by_text("The ok one")).to_be_visible()
    expect(page.get_by_text("https://off.example.com/hook", exact=True)).to_be_visible()


def small_png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = zlib.compress(b"\x00\x8a\x1e\x52" * 1)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows)
            + chunk(b"IEND", b""))


def test_the_portal_has_the_operators_name_logo_and_help_and_hides_what_they_hide(open_page, make_grapnel, make_site, tmp_path):
    logo = tmp_path / "logo.png"
    logo.write_bytes(small_png())
    cdn = make_site({"/icon.png": small_png()})
    server = make_grapnel()
    server.take_port()
    server.serve(f"server.public_url={server.url}", f"portal.icon_origins={cdn.near}", "portal.name=Kestrel <b>", f"portal.logo={logo}",
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
    expect(page.get_by_text("Kestrel <b> sends events to these URLs as they happen.")).to_be_visible()
    assert page.get_by_role("link", name="Help").get_attribute("href") == "https://kestrel.example/help"
    assert page.locator("img.hostlogo").evaluate("e => e.decode().then(() => e.naturalWidth)") == 1
    expect(page.get_by_role("link", name="Event types")).to_have_count(0)
    assert page.locator("link[rel=icon]").get_attribute("href") == page.locator("img.hostlogo").get_attribute("src")
    page = open_page()  # a picture that the link brings, from where the operator allows it
    page.watched.may_ask(server.url, cdn.near)
    page.goto(server.ok("POST", f"/auth/app-portal-access/{app}", {})["url"].replace("/portal#", f"/portal?icon={cdn.near}/icon.png#"))
    expect(page.locator(f"img.hostlogo[src='{cdn.near}/icon.png']")).to_be_attached()
    assert page.locator("img.hostlogo").evaluate("e => e.decode().then(() => e.naturalWidth)") == 1
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
                      {"content-type": "application/json", "x-canary": canaries.MARKUP}).status < 300
    assert receiver.wait()[0].body == b'{"order": 12345678901234567890}'
    page.get_by_role("cell", name="Accepted").first.click()
    expect(page.get_by_text("12345678901234567890")).to_be_visible()
    expect(page.get_by_role("region", name="Headers")).to_contain_text(canaries.MARKUP)
