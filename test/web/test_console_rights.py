# SPDX-License-Identifier: Apache-2.0
"""What a role does not allow is not shown, and the server refuses it to whoever asks all the same."""
import json

import pytest
from playwright.sync_api import expect

from console import is_settled, make_console, make_paths  # noqa: F401 (fixtures)

READ_ONLY = "owner who only looks"
# Pages that show what only owners may see at all.
ONLY_OWNERS = {"access", "users", "a user", "sessions", "tenants"}
ISSUE = "/issue/issue_2zIhXWVBqWZUkVDSzVwVk8xnWoQ"
OPERATIONAL = "/operational-webhook/endpoint/ep_2zIhXWVBqWZUkVDSzVwVk8xnWoQ"
RULE, VIEW, USER = "/alert-rule/rule_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", "/view/view_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", "/user/user_2zIhXWVBqWZUkVDSzVwVk8xnWoQ"
SOURCE, MESSAGE = "/ingest/source/src_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", "/app/{app}/msg/msg_2zIhXWVBqWZUkVDSzVwVk8xnWoQ"
BULK = ("POST", "/bulk", {"plan": "x"})  # whoever only looks may count, but begin nothing
SOURCES = ["source", "request", "source endpoints", "source settings", "changes of a source"]
ENDPOINTS = ["endpoint", "messages of an endpoint", "headers", "changes of an endpoint"]
# What a control that is hidden from somebody would have called.
CALLS = {
    "New application": ("POST", "/app", {"name": "x"}),
    "Portal link": ("POST", "/auth/app-portal-access/{app}", {}),
    "Throttle": ("PATCH", "/app/{app}", {"throttleRate": 1}),
    "Send a message": ("POST", "/app/{app}/msg", {"eventType": "a.b", "payload": {}}),
    "Edit": ("PATCH", "/app/{app}/endpoint/{ep}", {"description": "mine"}),
    "Delete": ("DELETE", "/app/{app}", None),
    "End all portal sessions": ("POST", "/auth/app/{app}/expire-all", {}),
    "Send test event": ("POST", "/app/{app}/endpoint/{ep}/send-example", {"eventType": "svix.ping"}),
    "Disable": ("PATCH", "/app/{app}/endpoint/{ep}", {"disabled": True}),
    "Enable": ("POST", "/app/{app}/endpoint/{ep}/enable", None),
    "Rotate": ("POST", "/app/{app}/endpoint/{ep}/secret/rotate", {}),
    "Show for 30 s": ("GET", "/app/{app}/endpoint/{ep}/secret", None),
    "Copy without showing": ("GET", "/app/{app}/endpoint/{ep}/secret", None),
    "Add header": ("PATCH", "/app/{app}/endpoint/{ep}/headers", {"headers": {"a": "b"}}),
    "Resend": BULK,
    "All that match": BULK,
    "New webfilter": ("POST", "/app/{app}/filter", {"event": "a", "url": "http://x.test/"}),
    "Add webfilter": ("POST", "/app/{app}/filter", {"event": "a", "url": "http://x.test/"}),
    "Add filter": ("POST", "/app/{app}/filter", {"event": "a", "url": "http://x.test/"}),
    "Take out of the chain": ("DELETE", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", None),
    "Move": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"order": 1}),
    "Plugin URL": ("POST", "/app/{app}/filter-chain/LoginRequested/url", {}),
    "Run by hand": ("POST", "/app/{app}/filter-chain/LoginRequested", {"data": {}}),
    "Try it on the last runs": ("POST", "/app/{app}/filter-chain/LoginRequested/trial", {}),
    "Ask another processor the same": ("POST", "/app/{app}/filter-run/frun_2zIhXWVBqWZUkVDSzVwVk8xnWoQ/replay", {"url": "http://x.test/"}),
    "New source": ("POST", "/ingest/source", {"name": "x", "type": "github"}),
    "Pause": ("PATCH", "/ingest/source/src_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"paused": True}),
    "New secret": ("POST", "/ingest/source/src_2zIhXWVBqWZUkVDSzVwVk8xnWoQ/secret/rotate", {"secret": "x"}),
    "Replay": BULK,
    "New URL": ("POST", "/ingest/source/src_2zIhXWVBqWZUkVDSzVwVk8xnWoQ/token/rotate", {}),
    "Add endpoint": ("POST", "/app/{app}/endpoint", {"url": "http://x.test/"}),
    "Save": ("PATCH", "/ingest/source/src_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"name": "x"}),
    "Import OpenAPI": ("POST", "/event-type/import/openapi", {"spec": {}}),
    "New event type": ("POST", "/event-type", {"name": "x.y", "description": ""}),
    "Import": ("POST", "/app/{app}/filter", {"event": "a", "url": "http://x.test/"}),
    "Make the URL": ("POST", "/ingest/source", {"name": "x", "type": "openedx"}),
    "Add webhook": ("POST", "/app/{app}/endpoint", {"url": "http://x.test/"}),
    "Send an event": ("POST", "/app/{app}/msg", {"eventType": "a.b", "payload": {}}),
    "Unsubscribe all": ("DELETE", "/app/{app}/endpoint/{ep}", None),
    "New webhook": ("POST", "/gaia/webhook", {"tenant": 1, "datasource": "a", "event": "b", "apiToken": "t"}),
    "New token": ("POST", "/token", {"name": "x"}),
    "Revoke": ("DELETE", "/token/1", None),
    "4xx": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"haltOn4xx": True}),
    "5xx": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"haltOn5xx": True}),
    "no answer": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"haltOnRequestException": True}),
    "Halt on anything invalid": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"failClosed": True}),
    "Use WWW form encoding": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"encoding": "form"}),
    "Enabled": ("PATCH", "/app/{app}/endpoint/{ep}", {"disabled": True}),
    "Mode": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"mode": "shadow"}),
    "Select": ("POST", "/app/{app}/endpoint/{ep}/enable", None),
    "messages: Select": BULK,
    "deliveries of an application: Select": ("POST", MESSAGE + "/endpoint/{ep}/resend", {}),
    # issues, operational webhooks, rules for alerts
    "Acknowledge": ("POST", ISSUE + "/acknowledge", {}),
    "Mute": ("POST", ISSUE + "/mute", {"until": "2030-01-01T00:00:00Z"}),
    "operational: New endpoint": ("POST", "/operational-webhook/endpoint", {"url": "http://x.test/"}),
    "More actions: ops.example.com > Edit": ("PUT", OPERATIONAL, {"url": "http://x.test/"}),
    "More actions: ops.example.com > Delete": ("DELETE", OPERATIONAL, None),
    "More actions: ops.example.com > Send": ("POST", OPERATIONAL + "/send-example", {"eventType": "endpoint.created"}),
    "operational: New rule": ("POST", "/alert-rule", {"name": "x"}),
    "More actions: All that lasts > Edit": ("PUT", RULE, {"name": "x"}),
    "More actions: All that lasts > Delete": ("DELETE", RULE, None),
    # saved views
    "Edit Paid": ("PATCH", VIEW, {"name": "x"}),
    "Delete Paid": ("DELETE", VIEW, None),
    # who has access
    "access: Replace": ("POST", "/token/1/rotate", {}),
    "sessions: Filter": ("GET", "/session", None),
    "sessions: End all others": ("POST", "/session/end", {}),
    "sessions: End": ("DELETE", "/session/1", None),
    "New user": ("POST", "/user", {"name": "x", "roles": ["owner"]}),
    "a user: Close": ("GET", "/user", None),
    "a user: Edit": ("PATCH", USER, {"roles": ["owner"]}),
    "a user: Delete": ("DELETE", USER, None),
    "a user: Disable": ("PATCH", USER, {"disabled": True}),
    "a user: Set password": ("POST", USER + "/password", {"password": "correct horse"}),
    "a user: Add": ("POST", USER + "/second-factor", None),
    "a user: Create one": ("POST", USER + "/shared-secret", None),
    "New tenant": ("POST", "/tenant", {"name": "x"}),
    "tenants: Copy id": ("GET", "/tenant", None),
    # what stands in menus
    **{f"{page}: {item}": call for page in SOURCES for item, call in {
        "Delete": ("DELETE", SOURCE, None), "New URL": ("POST", SOURCE + "/token/rotate", {}),
        "New secret": ("POST", SOURCE + "/secret/rotate", {"secret": "x"})}.items()},
    **{f"{page}: {item}": call for page in ENDPOINTS for item, call in {
        "Delete": ("DELETE", "/app/{app}/endpoint/{ep}", None), "Recover what failed": BULK,
        "Send": BULK, "Send test event": ("POST", "/app/{app}/endpoint/{ep}/send-example", {"eventType": "svix.ping"}),
        "Drop what waits": BULK}.items()},
    "messages: Send again": BULK,
    "messages: Remove payloads": BULK,
    "Remove the payload": ("DELETE", MESSAGE + "/content", None),
    "Remove what the receiver answered": ("DELETE", MESSAGE + "/attempt/atmpt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ/content", None),
    "Resend to": ("POST", MESSAGE + "/endpoint/{ep}/resend", {}),
    "chain: How it is run": ("PUT", "/app/{app}/filter-chain/LoginRequested", {"keep": "none"}),
    "event type: Edit": ("PATCH", "/event-type/invoice.paid", {"description": "x"}),
    "event type: Add a version": ("PATCH", "/event-type/invoice.paid", {"schemas": {}}),
    "event type: Archive": ("PATCH", "/event-type/invoice.paid", {"archived": True}),
    "event type: Delete for good": ("DELETE", "/event-type/invoice.paid", None),
}
# All that can be pressed, with what stands in menus that are closed: "menu > item". A menu without an item is "menu > ".
NAMES = """() => {
    const found = [], nameOf = one => one.getAttribute('aria-label') || one.labels?.[0]?.innerText.split('\\n')[0] || one.innerText || one.textContent || one.outerHTML.slice(0, 120);
    const isThere = one => one.offsetParent && !one.matches(':disabled');
    for (const one of document.querySelectorAll(':is(main, dialog[open]) :is(button, summary, input[type=checkbox], select)'))
        if (isThere(one) && !one.closest('.menubox')) found.push(nameOf(one));
    for (const menu of document.querySelectorAll('main details > div.menu')) {
        const items = [...menu.querySelectorAll('button')].map(nameOf), label = nameOf(menu.parentElement.querySelector('summary'));
        for (const item of items.length ? items : ['']) found.push(label + ' > ' + item);
    }
    return found;
}"""


def signed_in(open_page, world, role):
    if role == READ_ONLY:
        token = world.server.run("token", "create", "--read-only", f"--store.dir={world.server.store}").stdout.strip()
    else:
        token = world.server.ok("POST", "/token", {"name": role, "role": role})["token"]
    page = open_page(world.server.url + "/console/apps", width=1440)
    page.get_by_label("API token").fill(token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("banner")).to_be_visible()
    page.watched.look_at_end = False
    page.watched.expects(r"Failed to load resource.*404")
    return page, token


def controls(page, world, paths):
    """The names of what can be pressed, by page."""
    found = {}
    for name, path in paths.items():
        page.goto(world.server.url + "/console" + path)
        expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
        is_settled(page)
        found[name] = {" ".join(text.split()) for text in page.evaluate(NAMES)}
        empty = [one for one in found[name] if one.endswith(" >")]
        assert not empty, f"{name} has a menu without anything in it: {empty}"
    return found


def call_of(page, control):
    """The row whose name the control's begins with: that of its menu, else that of its page, else of any; the longest."""
    item = control.rsplit(" > ", 1)[-1]
    for called in (control if item != control else "", f"{page}: {item}", item):
        fits = [name for name in CALLS if called.startswith(name)]
        if fits:
            return CALLS[max(fits, key=len)]
    return None


@pytest.fixture(name="everything", scope="module")
def what_an_owner_sees():
    """By page, filled as roles are compared."""
    return {}


@pytest.mark.parametrize("role", ["viewer", "operator", READ_ONLY])
def test_what_a_role_hides_the_server_refuses_on_every_page(open_page, world, paths, everything, role):
    paths = {name: path for name, path in paths.items() if name not in ("nowhere", "other tasks", "live")}
    if role == READ_ONLY:  # what is hidden from a viewer is hidden by the same rights
        paths = {name: path for name, path in paths.items() if name in {*ONLY_OWNERS, "operational", "endpoint"}}
    new = {name: path for name, path in paths.items() if name not in everything}
    if new:
        everything.update(controls(signed_in(open_page, world, "owner")[0], world, new))
    other, token = signed_in(open_page, world, role)
    allowed = controls(other, world, paths)  # a call that is refused there is a complaint
    hidden = {(name, control) for name in allowed for control in everything[name] - allowed[name]}
    unknown = {one for one in hidden if call_of(*one) is None}
    assert not unknown, f"hidden from the {role}, and not known here: {sorted(unknown)}"
    assert len(hidden) > {"viewer": 100, "operator": 10, READ_ONLY: 20}[role], sorted(hidden)
    for one, (method, path, body) in {json.dumps(call_of(*one)): (one, call_of(*one)) for one in hidden}.values():
        answer = world.server.call(method, path.format(app=world.app, ep=world.endpoints["ok"]), body, token=token) if not path.startswith("/ingest") \
            else world.server.raw(method, "/ingest/api/v1" + path.removeprefix("/ingest"), b"{}", {"authorization": f"Bearer {token}", "content-type": "application/json"})
        assert answer.status == 403, (one, method, path, answer)
    if role != READ_ONLY:
        expect(other.get_by_role("link", name="Access")).to_have_count(0)
        for name in ONLY_OWNERS:
            assert not allowed[name], (name, allowed[name])
        for path in ("/token", "/user", "/session"):
            assert world.server.call("GET", path, token=token).status == 403, path
