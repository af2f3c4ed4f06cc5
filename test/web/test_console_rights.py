# SPDX-License-Identifier: Apache-2.0
"""What a role does not allow is not shown, and the server refuses it to whoever asks all the same."""
import pytest
from playwright.sync_api import expect

from console import is_settled, make_console, make_paths  # noqa: F401 (fixtures)

# Pages that show what only some may see at all.
ONLY_OWNERS = {"access", "users", "sessions", "tenants"}
# What a control that is hidden from somebody would have called.
CALLS = {
    "What to do about": ("POST", "/issue/issue_2zIhXWVBqWZUkVDSzVwVk8xnWoQ/acknowledge", {}),
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
    "Resend": ("POST", "/bulk/count", {"action": "recover"}),
    "Select": ("POST", "/app/{app}/endpoint/{ep}/enable", None),
    "All that match": ("POST", "/bulk/count", {"action": "replay"}),
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
    "Replay": ("POST", "/bulk/count", {"action": "replay"}),
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
    "More actions": ("DELETE", "/app/{app}/endpoint/{ep}", None),
    "4xx": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"haltOn4xx": True}),
    "5xx": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"haltOn5xx": True}),
    "no answer": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"haltOnRequestException": True}),
    "Halt on anything invalid": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"failClosed": True}),
    "Use WWW form encoding": ("PATCH", "/app/{app}/filter/flt_2zIhXWVBqWZUkVDSzVwVk8xnWoQ", {"encoding": "form"}),
    "Enabled": ("PATCH", "/app/{app}/endpoint/{ep}", {"disabled": True}),
}
NAMES = """() => [...document.querySelectorAll('main button, main summary, main input[type=checkbox]')].filter(one => one.offsetParent && !one.matches(':disabled') && !one.closest('details:not([open]) > .menu'))
    .map(one => one.getAttribute('aria-label') || one.labels?.[0]?.innerText || one.innerText || one.outerHTML.slice(0, 120))"""


def signed_in(open_page, world, role):
    token = world.server.ok("POST", "/token", {"name": role, "role": role})["token"]
    page = open_page(world.server.url + "/console/apps", width=1440)
    page.get_by_label("API token").fill(token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("banner")).to_be_visible()
    return page, token


def controls(page, world, paths):
    """The names of what can be pressed, by page."""
    found = {}
    for name, path in paths.items():
        page.goto(world.server.url + "/console" + path)
        expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
        is_settled(page)
        found[name] = {" ".join(text.split()) for text in page.evaluate(NAMES)}
    return found


def call_of(control):
    """The row whose name the control's begins with; the longest, if there are more."""
    fits = [name for name in CALLS if control.startswith(name)]
    return CALLS[max(fits, key=len)] if fits else None


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_what_a_role_hides_the_server_refuses_on_every_page(open_page, world, paths, role):
    owner, _ = signed_in(open_page, world, "owner")
    other, token = signed_in(open_page, world, role)
    paths = {name: path for name, path in paths.items() if name not in ("nowhere", "other tasks", "live")}
    for page in (owner, other):
        page.watched.look_at_end = False
        page.watched.expects(r"Failed to load resource.*404")
    shown_to_all = {name: path for name, path in paths.items() if name not in ONLY_OWNERS}
    everything = controls(owner, world, shown_to_all)
    allowed = controls(other, world, shown_to_all)  # a call that is refused there is a complaint
    hidden = {control for name in everything for control in everything[name] - allowed[name]}
    unknown = {control for control in hidden if call_of(control) is None}
    assert not unknown, f"hidden from the {role}, and not known here: {sorted(unknown)}"
    if role == "viewer":
        assert len(hidden) > 20, hidden
    for control in hidden:
        method, path, body = call_of(control)
        answer = world.server.call(method, path.format(app=world.app, ep=world.endpoints["ok"]), body, token=token) if not path.startswith("/ingest") \
            else world.server.raw(method, "/ingest/api/v1" + path.removeprefix("/ingest"), b"{}", {"authorization": f"Bearer {token}", "content-type": "application/json"})
        assert answer.status == 403, (control, answer)
    expect(other.get_by_role("link", name="Access")).to_have_count(0)
    assert world.server.call("GET", "/token", token=token).status == 403
