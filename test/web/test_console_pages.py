# SPDX-License-Identifier: Apache-2.0
"""The console's pages: each is looked at by axe, keeps to its policy and its width, and shows strangers' words as words."""
import gzip

import pytest
from playwright.sync_api import expect

import canaries
from conftest import wait_until
from console import REFUSED, is_settled, link_of, make_console, make_source, requests_of, send  # noqa: F401 (a fixture)


@pytest.fixture(name="paths", scope="module")
def make_paths(world):
    """Every page of the console, by what is in the world."""
    server, app, endpoints = world.server, world.app, world.endpoints
    source = make_source(server, name="Shop")
    assert send(server, source, b'{"n":1}') == 200
    assert send(server, source, b'{"n":2}', secret="another", delivery="d-2") == 401
    request = requests_of(server, source)[0]["id"]
    receiver = world.receivers["ok"]
    server.ok("POST", f"/app/{app}/filter", {"event": "LoginRequested", "url": receiver.url, "description": "roster"})
    server.ok("PUT", f"/app/{app}/filter-chain/LoginRequested", {"keep": "all"})
    run = server.ok("POST", f"/app/{app}/filter-chain/LoginRequested", {"data": {"user": "ann"}})["id"]
    endpoint, message = endpoints["failing"], world.messages[0]
    return {
        "overview": "/", "applications": "/apps", "application": f"/apps/{app}", "messages": f"/apps/{app}/messages",
        "application settings": f"/apps/{app}/settings", "webfilters of an application": f"/apps/{app}/filters",
        "endpoint": f"/apps/{app}/endpoints/{endpoint}", "messages of an endpoint": f"/apps/{app}/endpoints/{endpoint}/messages",
        "headers": f"/apps/{app}/endpoints/{endpoint}/headers", "message": f"/apps/{app}/messages/{message}",
        "message now": f"/apps/{app}/messages/{message}?rules=now", "chain": f"/apps/{app}/chains/LoginRequested",
        "runs": f"/apps/{app}/runs", "run": f"/apps/{app}/runs/{run}", "sources": "/sources", "source": f"/sources/{source['id']}",
        "request": f"/sources/{source['id']}?request={request}", "source endpoints": f"/sources/{source['id']}/endpoints",
        "source settings": f"/sources/{source['id']}/settings", "webfilters": "/webfilters", "tasks": "/tasks",
        "other tasks": "/tasks/other", "event types": "/event-types", "event type": "/event-types/invoice.paid",
        "live": "/live", "access": "/access", "system": "/system", "settings": "/settings", "open edx": f"/integrations/openedx?site={app}", "ckan": "/integrations/ckan",
        "preservica": "/integrations/preservica", "gaia": "/integrations/gaia", "nowhere": "/no/such/page",
    }


LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (320, "dark")]


@pytest.mark.parametrize("width,theme", LOOKS, ids=lambda value: str(value))
def test_every_page_is_accessible_and_keeps_to_its_width(console, paths, world, width, theme):
    page = console(width=width, theme=theme)
    page.watched.expects(REFUSED)  # a task is looked for in two lists, and nowhere is nowhere
    too_wide = []
    for name, path in paths.items():
        page.goto(world.server.url + "/console" + path)
        expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
        is_settled(page)
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        too_wide += [f"{name} is {over} px too wide at {width}"] if over > 0 else []
        page.watched.look()
    assert not too_wide
    assert not page.watched.complaints, "\n".join(sorted(set(page.watched.complaints)))


def test_what_strangers_write_is_shown_as_text_on_every_page(console, make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=50ms", "deliver.jitter=0")
    receiver = make_receiver(canaries.answer())
    app = server.application(canaries.MARKUP)
    endpoint = server.endpoint(app, receiver.url + "/?q=%3Cscript%3E", description=canaries.SCRIPT, metadata={canaries.LINK: canaries.MARKUP})
    message = server.publish(app, canaries.payload(), "order.created", tags=["plain"])
    wait_until(lambda: len(server.attempts(app, message)) == 2, "both attempts")
    server.ok("POST", "/event-type", {"name": "order.created", "description": canaries.MARKUP})
    source = make_source(server, name=canaries.MARKUP)
    server.raw("POST", source["path"], canaries.SCRIPT.encode(), {"x-canary": canaries.MARKUP.replace('"', "'")})
    request = requests_of(server, source)[0]["id"]
    page = console(server=server)
    for path in ("/", "/apps", f"/apps/{app}", f"/apps/{app}/messages", f"/apps/{app}/settings", f"/apps/{app}/endpoints/{endpoint}",
                 f"/apps/{app}/messages/{message}", "/sources", f"/sources/{source['id']}?request={request}", "/event-types", "/event-types/order.created"):
        page.goto(server.url + "/console" + path)
        is_settled(page)
        page.watched.look()
        assert not page.watched.complaints, f"{path}: {page.watched.complaints}"
    page.goto(f"{server.url}/console/apps/{app}/messages/{message}")
    expect(page.get_by_text("12345678901234567890")).to_be_visible()
    expect(page.get_by_text("onerror=", exact=False).first).to_be_visible()


def test_a_page_of_somebody_else_says_that_it_is_not_there(console, world):
    page = console(f"/apps/{world.app}")
    page.watched.expects(REFUSED)
    page.goto(f"{world.server.url}/console/apps/app_2zIhXWVBqWZUkVDSzVwVk8xnWoQ")
    expect(page.get_by_role("alert").get_by_text("not found", exact=False)).to_be_visible()
    expect(page.get_by_text("Request web-")).to_be_visible()


def test_the_first_load_is_small_and_comes_in_few_files(open_page, world):
    page = open_page()
    page.watched.may_ask(world.server.url)
    page.goto(link_of(world.server))
    expect(page.get_by_role("banner")).to_be_visible()
    is_settled(page)
    files = [request for request in page.watched.asked if request.resource_type not in ("fetch", "xhr")]
    assert len(files) <= 6, [request.url for request in files]
    total = sum(len(gzip.compress(request.response().body(), 9, mtime=0)) for request in files)
    assert total <= 60 * 1024, f"{total} bytes: {[request.url for request in files]}"


def test_below_a_path_every_link_and_call_keeps_to_it(make_grapnel):
    server = make_grapnel()
    server.take_port()
    server.serve(f"server.public_url={server.url}/hooks")
    answer = server.raw("GET", "/console/")
    assert b'data-base="/hooks"' in answer.body and b'src="/hooks/assets/' in answer.body, answer.body[:400]
