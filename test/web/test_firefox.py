# SPDX-License-Identifier: Apache-2.0
"""The same pages in Debian's Firefox ESR: what depends on the browser, and a look at every kind of page.

The tests use the fixtures of the Chromium ones, `browser` alone is another. axe looks where colours and frames are the
matter; at every page it looks in Chromium. One Firefox serves all of them; three more, whose
users treat third parties otherwise, show the portal in a frame.
"""
import re

import pytest
from playwright.sync_api import expect

import firefox
from conftest import wait_until
from console import is_settled, link_of, make_console, make_paths  # noqa: F401 (fixtures)
from test_portal_frame import HOST, SCRIPT, show
from test_watch import PAGE, complaints_about

pytestmark = pytest.mark.skipif(firefox.missing() is not None, reason=f"{firefox.missing()} is not installed (tools/install test)")

# Name in `paths` -> the title of the window, and what the page shows.
CONSOLE = {
    "overview": ("Overview", ["The failing one", "Acme GmbH"]),
    "application": ("Acme GmbH", ["The ok one", "The failing one"]),
    "endpoint": ("The failing one", ["Fails since", "500"]),
    "message": ("invoice.paid", ["The ok one", "Delivered", "Given up", "Disabled"]),
    "request": ("Shop", ["No secret of this source makes this signature."]),
    "playground": ("Playground", ["Filter", "Transform"]),
    "audit": ("Audit log", ["Created an application"]),
}


@pytest.fixture(scope="module")
def browser(playwright, tmp_path_factory):
    """What open_page opens pages in, here."""
    running = firefox.launch(playwright, tmp_path_factory.mktemp("firefox"))
    yield running
    running.close()


@pytest.fixture(name="portal")
def make_portal(open_page, world):
    def go(**how):
        page = open_page(**how)
        page.watched.may_ask(world.server.url)
        page.goto(world.portal())
        return page
    return go


def test_whatever_a_page_does_wrong_in_firefox_is_complained_about(open_page, make_site):
    stranger = make_site({"/x.png": ""})
    site = make_site({"/": PAGE.format(head="<script src=/wrong.js></script>",
                                       body=f"<p style='color: red' id=to></p><script>1</script><img src='{stranger.url}/x.png'>"),
                      "/wrong.js": "addEventListener('load', () => { try { to.innerHTML = 'x'; } catch {} console.error('wrong'); throw new Error('thrown'); })"},
                     {"content-security-policy": "default-src 'none'; script-src 'self'; img-src *; require-trusted-types-for 'script'"})
    page = open_page(site.url)
    for expected in ("policy: style-src-attr", "policy: script-src-elem", "policy: require-trusted-types-for", "console: wrong",
                     "exception: thrown", f"another origin: GET {stranger.url}"):
        # Playwright tells what it has heard when it is asked something.
        wait_until(lambda: page.evaluate("true") and any(expected in text for text in page.watched.complaints), expected)
    assert any("axe: image-alt" in text for text in complaints_about(page))


# --- the console ---


def test_the_link_signs_in_and_the_session_lasts(open_page, world):
    """Firefox has to take the cookie, which is `Secure`, from http://127.0.0.1."""
    page = open_page(link_of(world.server), look=False)
    expect(page.get_by_role("banner")).to_be_visible()
    assert "#" not in page.url and "gc_" not in page.url
    page.reload()
    expect(page.get_by_role("banner")).to_be_visible()
    assert page.evaluate("document.cookie") == ""


def test_a_token_signs_in_and_one_can_sign_out(open_page, world):
    page = open_page(world.server.url + "/console/apps", look=False)
    page.get_by_label("API token").fill(world.server.token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Applications")).to_be_visible()
    expect(page).to_have_title("Applications · Grapnel")
    page.get_by_role("button", name="Sign out").first.click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert world.server.token not in page.evaluate("document.documentElement.outerHTML + JSON.stringify(localStorage)")


def test_the_pages_of_the_console_show_what_they_are_for(console, paths, world):
    page = console(look=False)
    for name, (title, words) in CONSOLE.items():
        page.goto(world.server.url + "/console" + paths[name])
        expect(page).to_have_title(f"{title} · Grapnel")
        is_settled(page)
        for text in words:
            expect(page.get_by_role("main").get_by_text(text).first).to_be_visible()
        assert not page.watched.complaints, f"{name}: {page.watched.complaints}"


def test_an_event_that_is_published_later_comes_to_the_live_page(console, world):
    page = console("/live", look=False)
    expect(page.locator(".phead").get_by_role("status")).to_have_text(re.compile(r"^(Live|[\d,]+/s)$"))
    app = world.server.application("Later")
    world.server.publish(app, event_type="published.later")
    expect(page.locator(".ticker li").filter(has_text="published.later")).to_be_visible()


def test_main_pages_are_accessible_in_light_and_dark(console, portal, paths, world):
    page, customers = console(look=False), portal(look=False)
    for at, path in ((page, paths["overview"]), (page, paths["message"]), (customers, None)):
        if path:
            at.goto(world.server.url + "/console" + path)
            is_settled(at)
        else:
            expect(at.locator("li.ep", has_text="The failing one")).to_be_visible()
        for theme, button in (("dark", "Dark colours"), ("light", "Light colours")):
            at.get_by_role("button", name="Light or dark" if path else button).click()
            expect(at.locator("html")).to_have_attribute("data-theme", theme)
            at.watched.look()


def test_the_finder_and_dialogs_are_used_by_keys_alone(console, world):
    page = console("/apps", look=False)
    page.keyboard.press("/")
    expect(page.get_by_role("dialog").get_by_role("combobox")).to_be_focused()
    page.keyboard.type("invoice-1")
    expect(page.get_by_role("dialog").get_by_role("option").first).to_contain_text("Acme GmbH")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="invoice.paid", level=1)).to_be_visible()
    page.go_back()
    opener = page.get_by_role("button", name="New application")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Name")).to_be_focused()
    # After its last button the focus may be the browser's own for a while, when the page's body has it; nothing else may.
    is_inside = "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
    for step in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(is_inside), f"step {step} led out of the dialog"


# --- the portal ---


def test_a_customer_looks_at_an_endpoint_tries_it_and_sees_the_events(portal, world):
    page = portal(look=False)
    expect(page).to_have_title("Endpoints, webhooks")
    expect(page.locator("li.ep", has_text="The failing one")).to_contain_text("Failing")
    page.locator("li.ep", has_text="The ok one").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="The ok one")).to_be_visible()
    page.get_by_role("link", name="Send test event").click()
    before = len(world.receivers["ok"].received)
    page.get_by_role("combobox", name="Event", exact=True).select_option("invoice.paid")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("It arrived.")).to_be_visible()
    assert len(world.receivers["ok"].wait(before + 1)) > before
    page.get_by_role("link", name="Events", exact=True).click()
    expect(page).to_have_title("Events, webhooks")
    expect(page.get_by_role("table", name="Events").get_by_text("invoice.paid").first).to_be_visible()


# What a Firefox keeps for third parties -> what scripts in a frame of another site get of sessionStorage and localStorage.
KEPT = {"everything": ["kept", "kept"], "apart": ["kept", "kept"], "session": ["kept", "SecurityError"], "nothing": ["SecurityError", "SecurityError"]}
STORAGE = """["sessionStorage", "localStorage"].map(name => {
    try { window[name].setItem("tried", "kept"); return window[name].getItem("tried"); } catch (e) { return e.name; }
})"""


@pytest.fixture(name="frames_in")
def make_frames_in(playwright, browser, tmp_path):
    """frames_in("nothing"): a Firefox that keeps no more for third parties, on a dark desktop; "apart" is everybody's default."""
    made = []

    def make(kept):
        if kept == "apart":
            return {"in_browser": browser}
        made.append(firefox.launch(playwright, tmp_path, theme="dark", kept=kept))
        return {"in_browser": made[-1], "theme": "dark"}

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("kept", KEPT)
def test_the_portal_works_in_a_frame_of_another_site(open_page, frames_in, world, make_site, kept):
    site = make_site({"/": HOST, "/host.js": SCRIPT})
    page = open_page(**frames_in(kept), look=kept == "nothing")
    page.watched.may_ask(site.url, world.server.url)
    page.goto(site.url)
    show(page, world.portal())
    inside = page.frame_locator("iframe")
    expect(inside.get_by_role("heading", name="Endpoints", exact=True)).to_be_visible()
    page.wait_for_function("told.some(m => m.type == 'svix.iframe-resizer-height' && m.payload.height > 100)")
    assert page.frames[1].evaluate(STORAGE) == KEPT[kept]
    # The driver cannot press in a frame that is a process of its own, as those of other sites are; an event gets there.
    inside.get_by_role("link", name="See what failed").first.dispatch_event("click")
    expect(inside.get_by_role("heading", name="The failing one")).to_be_visible()
    inside.get_by_role("link", name="Events", exact=True).dispatch_event("click")
    expect(inside.get_by_role("table", name="Events").get_by_text("invoice.paid").first).to_be_visible()
    page.frames[1].evaluate("document.documentElement.dataset.old = ''; setTimeout(() => location.reload())")
    expect(inside.locator("html:not([data-old])")).to_be_attached()
    if kept == "nothing":  # there is nothing to go on with: the host is asked for a new link, and brings it
        expect(inside.get_by_text("Open this page by the link that you were given")).to_be_visible()
        page.wait_for_function("told.some(m => m.type == 'grapnel.portal.expired')")
        show(page, world.portal(path="/messages"))
    expect(inside.get_by_role("table", name="Events").get_by_text("invoice.paid").first).to_be_visible()
