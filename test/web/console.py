# SPDX-License-Identifier: Apache-2.0
"""How tests come into the console: by the link that `grapnel console` prints."""
import hashlib
import hmac
import json

import pytest
from playwright.sync_api import expect

from conftest import wait_until

REFUSED = r"console: Failed to load resource.*(40[134]|409|422)"  # what the browser says of an answer that is not 2xx


def link_of(server):
    """A link that signs in once."""
    made = server.run("console", f"--store.dir={server.store}")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip().splitlines()[-1]


@pytest.fixture(name="console")
def make_console(open_page, world):
    """console("/apps", width=390): a page of the console, signed in."""
    def go(path="/", server=None, **how):
        server = server or world.server
        page = open_page(**how)
        page.watched.may_ask(server.url)
        page.goto(link_of(server))
        expect(page.get_by_role("banner")).to_be_visible()
        page.goto(server.url + "/console" + path)
        expect(page.get_by_role("main").get_by_role("heading", level=1).first).to_be_visible()
        return page
    return go


# What is drawn now asks for more only after the next frame.
STILL = """async () => {
    for (let i = 0; i < 2; i++) await new Promise(next => requestAnimationFrame(next));
    await new Promise(next => setTimeout(next));
    return !document.querySelector('html[data-loading], .skel');
}"""


def is_settled(page):
    """Nothing is loading any more, nor about to. (A page with a live stream never has an idle network.)"""
    expect(page.get_by_role("main")).to_be_visible()

    def is_still():
        expect(page.locator("html[data-loading], .skel")).to_have_count(0)
        return page.evaluate(STILL)
    wait_until(is_still, "a page that loads nothing")


SECRET = "it's a secret to everybody"


def ingest(server, method, path, body=None):
    """A call of the API of sources that must succeed."""
    headers = {"authorization": f"Bearer {server.token}", "content-type": "application/json"}
    answer = server.raw(method, f"/ingest/api/v1{path}", None if body is None else json.dumps(body), headers)
    assert 200 <= answer.status < 300, f"{method} {path}: {answer.status} {answer.body}"
    return json.loads(answer.body) if answer.body else None


def make_source(server, name="Shop", secret=SECRET):
    """A source of GitHub's webhooks; `path` is where they are sent to."""
    made = ingest(server, "POST", "/source", {"name": name, "type": "github", "config": {"secret": secret}})
    return {**made, "path": made["ingestUrl"][made["ingestUrl"].index("/in/"):]}


def send(server, source, body, secret=SECRET, event="push", delivery="d-1"):
    """A webhook of GitHub's, signed with `secret`; the status it was answered with."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return server.raw("POST", source["path"], body, {
        "x-hub-signature-256": f"sha256={signature}", "x-github-event": event, "x-github-delivery": delivery,
        "content-type": "application/json"}).status


def requests_of(server, source):
    return ingest(server, "GET", f"/source/{source['id']}/request")["data"]


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
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"metadata": {"team": "<b>x</b>"}})
    row = server.ok("GET", f"/audit?object_id={endpoint}")["data"][0]["id"]
    server.ok("POST", "/operational-webhook/endpoint", {"url": "https://ops.example.com/hook", "disabled": True})
    server.ok("POST", "/alert-rule", {"name": "All that lasts", "afterSeconds": 86400})
    server.ok("POST", "/view", {"name": "Paid", "page": f"/apps/{app}/messages", "query": "type=invoice.paid", "shared": True})
    user = server.ok("POST", "/user", {"name": "cy@example.com", "roles": ["viewer"]})["id"]
    return {
        "overview": "/", "applications": "/apps", "application": f"/apps/{app}", "messages": f"/apps/{app}/messages",
        "application settings": f"/apps/{app}/settings", "webfilters of an application": f"/apps/{app}/filters",
        "deliveries of an application": f"/apps/{app}/deliveries", "deliveries": "/deliveries", "operational": "/operational",
        "endpoint": f"/apps/{app}/endpoints/{endpoint}", "messages of an endpoint": f"/apps/{app}/endpoints/{endpoint}/messages",
        "headers": f"/apps/{app}/endpoints/{endpoint}/headers", "message": f"/apps/{app}/messages/{message}",
        "message now": f"/apps/{app}/messages/{message}?rules=now", "chain": f"/apps/{app}/chains/LoginRequested",
        "runs": f"/apps/{app}/runs", "run": f"/apps/{app}/runs/{run}", "sources": "/sources", "source": f"/sources/{source['id']}",
        "request": f"/sources/{source['id']}?request={request}", "source endpoints": f"/sources/{source['id']}/endpoints",
        "source settings": f"/sources/{source['id']}/settings", "webfilters": "/webfilters", "tasks": "/tasks",
        "other tasks": "/tasks/other", "event types": "/event-types", "event type": "/event-types/invoice.paid",
         "live": "/live", "access": "/access", "users": "/access/users", "a user": f"/access/users?user={user}", "sessions": "/access/sessions", "tenants": "/access/tenants",
         "system": "/system", "settings": "/settings", "open edx": f"/integrations/openedx?site={app}", "ckan": "/integrations/ckan",
         "playground": "/playground",
         "filter of an endpoint": f"/playground?tab=filter&app={app}&message={message}&endpoint={endpoint}",
         "transform of an endpoint": f"/playground?tab=transform&app={app}&message={message}&endpoint={endpoint}",
         "audit": "/audit", "a row of the audit log": f"/audit?row={row}",
         "changes of an application": f"/apps/{app}/changes", "changes of an endpoint": f"/apps/{app}/endpoints/{endpoint}/changes",
         "changes of a source": f"/sources/{source['id']}/changes",
        "preservica": "/integrations/preservica", "gaia": "/integrations/gaia", "nowhere": "/no/such/page",
    }
