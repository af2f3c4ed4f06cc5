# SPDX-License-Identifier: Apache-2.0
"""The console's pages: each is looked at by axe, keeps to its policy and its width, and shows strangers' words as words."""
import gzip
import json
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

import canaries
from conftest import SLOWER, wait_until
from console import REFUSED, is_settled, link_of, make_console, make_paths, make_source, requests_of, send  # noqa: F401 (fixtures)


# Another language is some 40 % longer, and has accents above and below: the page's words are made so where they stand.
PSEUDO_AT = (1280, 320)
PSEUDO = """() => {
    const to = {a: 'á', e: 'ë', i: 'ï', o: 'ø', u: 'û', c: 'ç', n: 'ñ', y: 'ÿ', A: 'Å', E: 'É', O: 'Ö', S: 'Š'};
    const longer = word => [...word].map(c => to[c] || c).join('') + 'ẋÿžþ'.repeat(3).slice(0, Math.ceil(word.length * 0.4));
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode())
        if (!text.parentElement.closest('bdi, code, pre, .mono, .json, svg, script, style, .num, time, option'))
            text.data = text.data.replace(/[A-Za-z]{2,}/g, longer);
}"""
# What must not be cut: what one presses, and what names a page, a column or a field.
BROKEN = """() => {
    const found = [];
    const over = document.documentElement.scrollWidth - innerWidth;
    if (over > 0) found.push(`the page is ${over} px too wide`);
    for (const one of document.querySelectorAll('main button, main .btn, main h1, main h2, main label > span, main .st, main .tabs a, nav.side a')) {
        if (!one.offsetParent || one.closest('.trunc, .tabs, .seg, .filters, .sr, details:not([open]) > :not(summary)') || one.matches('.trunc, .sr')) continue;
        const box = one.getBoundingClientRect();
        if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0) found.push(`"${one.textContent.slice(0, 40)}" is cut by ${one.scrollWidth - one.clientWidth} px`);
        else if (box.right > innerWidth + 1) found.push(`"${one.textContent.slice(0, 40)}" stands out by ${Math.round(box.right - innerWidth)} px`);
    }
    return found;
}"""
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (320, "dark")]


@pytest.mark.parametrize("width,theme", LOOKS, ids=lambda value: str(value))
def test_every_page_is_accessible_and_keeps_to_its_width(console, paths, world, width, theme):
    page = console(width=width, theme=theme)
    page.watched.look_at_end = False  # each is looked at where it stands, in its own words
    page.watched.expects(REFUSED)  # a task is looked for in two lists, and nowhere is nowhere
    too_wide, broken = [], []
    for name, path in paths.items():
        page.goto(world.server.url + "/console" + path)
        expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
        is_settled(page)
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        too_wide += [f"{name} is {over} px too wide at {width}"] if over > 0 else []
        page.watched.look()
        if width in PSEUDO_AT:
            page.evaluate(PSEUDO)
            broken += [f"{name} at {width}, in longer words: {one}" for one in page.evaluate(BROKEN)]
    assert not too_wide
    assert not broken, "\n".join(sorted(set(broken))[:40])
    assert not page.watched.complaints, "\n".join(sorted(set(page.watched.complaints)))


# Payloads that are JSON and no pleasure: each is accepted, and its page shows it.
ODD = {
    "nul": '{"\\u0000key": "before\\u0000after", "twice": 1, "twice": 2, "big": 1e400}',
    "deep": '{"deep": ' + "[" * 200 + "]" * 200 + "}",
    "long": json.dumps({"long": canaries.LONG, "after": "the long one"}),
    "backwards": json.dumps({canaries.BACKWARDS: canaries.BACKWARDS}, ensure_ascii=False),
    "surrogates": '{"pair": "\\ud83d\\ude00", "marks": "\\u200f\\u202e\\u2067"}',
}


class Sown:
    """A server in which strangers wrote wherever they can write: names, ids, tags, payloads, headers, answers of
    receivers, filters and sources. `paths` are the console's pages that show it."""

    def __init__(self, server, make_receiver):
        self.server = server
        hostile = make_receiver(canaries.answer())
        halts = make_receiver((409, {"content-type": "application/json", "x-canary": "no"},
                               b'{"exception": {"PreventEnrollment": {"message": "<img src=x onerror=alert(1)>"}}}'))
        self.apps = [server.application(name) for name in canaries.NAMES]
        app = self.app = self.apps[0]
        server.ok("POST", "/event-type", {"name": "order.created", "description": canaries.MARKUP, "groupName": "group"})
        users = [server.ok("POST", "/user", {"name": name, "roles": ["viewer"]})["id"] for name in canaries.NAMES]
        for name in canaries.NAMES:
            server.ok("POST", "/view", {"name": name[:100], "page": "/apps", "query": f"q={quote(name)}", "shared": True})
            server.ok("POST", "/alert-rule", {"name": name[:100], "afterSeconds": 86400})
        server.ok("POST", "/operational-webhook/endpoint", {"url": hostile.url + "/?q=%3Cscript%3E", "description": canaries.SCRIPT, "disabled": True})
        server.ok("POST", "/token", {"name": canaries.MARKUP})
        endpoint = server.endpoint(app, hostile.url + "/?q=%3Cscript%3E", description=canaries.SCRIPT,
                                   metadata={canaries.LINK: canaries.MARKUP, canaries.BACKWARDS: canaries.DATA})
        server.ok("PUT", f"/app/{app}/endpoint/{endpoint}/headers", {"headers": {"x-canary": canaries.TEMPLATE, "x-other": canaries.LINK}})
        message = server.publish(app, canaries.payload(), "order.created", eventId="plain-1", tags=["plain"])
        self.odd = {name: self.publish_text(text) for name, text in ODD.items()}
        assert self.publish_text('{"lone": "\\ud800"}') is None  # nobody could write it down again
        wait_until(lambda: len(server.attempts(app, message)) >= 2, "the attempts")
        source = make_source(server, name=canaries.MARKUP)
        server.raw("POST", source["path"], canaries.SCRIPT.encode(), {"x-canary": canaries.MARKUP.replace('"', "'"), "x-github-event": "<b>"})
        send(server, source, b'{"n": "<script>"}', event="push", delivery=canaries.LINK)
        request = requests_of(server, source)[-1]["id"]
        server.ok("POST", f"/app/{app}/filter", {"event": "Enrol", "url": halts.url + "/?x=%22%3E%3Cscript%3E", "description": canaries.MARKUP, "haltOn4xx": True})
        server.ok("PUT", f"/app/{app}/filter-chain/Enrol", {"keep": "all"})
        run = server.ok("POST", f"/app/{app}/filter-chain/Enrol", {"data": {canaries.MARKUP: canaries.SCRIPT}})["id"]
        server.ok("POST", "/token", {"name": canaries.MARKUP, "role": "viewer"})
        plan = server.ok("POST", "/bulk/count", {"action": "replay", "appId": app})["plan"]
        task = server.ok("POST", "/bulk", {"plan": plan})["id"]
        self.message = message
        wait_until(lambda: server.ok("GET", "/issue")["data"], "the trouble")
        for issue in server.ok("GET", "/issue")["data"]:
            server.ok("POST", f"/issue/{issue['issueId']}/acknowledge", {"note": canaries.SCRIPT})
        server.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"metadata": {canaries.LINK: canaries.SCRIPT, "other": canaries.MARKUP}})
        row = server.ok("GET", f"/audit?object_id={endpoint}")["data"][0]["id"]
        self.paths = ["/", "/apps", *(f"/apps/{one}" for one in self.apps), f"/apps/{app}/messages", f"/apps/{app}/settings", f"/apps/{app}/filters", f"/apps/{app}/runs",
                      f"/apps/{app}/runs/{run}", f"/apps/{app}/chains/Enrol", f"/apps/{app}/endpoints/{endpoint}", f"/apps/{app}/endpoints/{endpoint}/messages",
                      f"/apps/{app}/endpoints/{endpoint}/headers", f"/apps/{app}/messages/{message}", f"/apps/{app}/messages/{message}?rules=now", "/sources",
                      f"/sources/{source['id']}?request={request}", f"/sources/{source['id']}/endpoints", f"/sources/{source['id']}/settings", "/webfilters",
                      "/event-types", "/event-types/order.created", "/tasks", f"/tasks/{task}", "/live", "/access", "/access/users", "/access/sessions",
                      "/audit", f"/audit?row={row}", f"/apps/{app}/changes", "/system", "/integrations/ckan",
                      f"/integrations/openedx?site={app}", "/integrations/openedx", f"/find/{message}", *(f"/access/users?user={user}" for user in users[:2]),
                      f"/apps/{app}/deliveries?text=onerror", f"/deliveries?text={quote(canaries.SCRIPT)}", "/operational", "/settings",
                      *(f"/apps/{app}/messages/{odd}" for odd in self.odd.values())]

    def publish_text(self, payload):
        """A message with a payload that is not what json.dumps would write; None: it is refused."""
        answer = self.server.raw("POST", f"/api/v1/app/{self.app}/msg", f'{{"eventType": "order.created", "payload": {payload}}}'.encode(),
                                 {"authorization": f"Bearer {self.server.token}", "content-type": "application/json"})
        assert answer.status in (202, 422), answer
        return json.loads(answer.body).get("id")


# Marks that turn what follows around end with the name that they stand in. How many there are, and which do not end.
TURNED = """() => {
    let all = 0;
    const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode())
        if (/[\\u202a-\\u202e\\u2066-\\u2069]/.test(text.data) && ++all && !text.parentElement.closest('bdi, option, textarea, [dir]'))
            found.push(text.parentElement.outerHTML.slice(0, 200));
    return [all, found];
}"""


def test_what_strangers_write_is_shown_as_text_on_every_page_of_both_faces(console, open_page, make_grapnel, make_receiver):
    sown = Sown(make_grapnel().serve("deliver.retry=50ms", "deliver.jitter=0"), make_receiver)
    page, all_marks = console(server=sown.server), 0
    for path in sown.paths:
        page.goto(sown.server.url + "/console" + path)
        is_settled(page)
        page.watched.look()
        assert not page.watched.complaints, f"{path}: {page.watched.complaints}"
        marks, turned = page.evaluate(TURNED)
        all_marks += marks
        assert not turned, f"{path}: {turned}"
    assert all_marks > 10
    page.get_by_label("Saved views").click()
    expect(page.get_by_role("button", name=canaries.MARKUP[:100])).to_be_visible()
    page.watched.look()
    page.goto(f"{sown.server.url}/console/apps/{sown.app}/messages/{sown.message}")
    expect(page.get_by_text("12345678901234567890")).to_be_visible()
    expect(page.get_by_text("onerror=", exact=False).first).to_be_visible()
    customer = open_page()
    customer.watched.may_ask(sown.server.url)
    link = sown.server.ok("POST", f"/auth/app-portal-access/{sown.app}", {})["url"]
    path, fragment = link[link.index("/portal"):].split("#", 1)
    for place in ("", "/messages", f"/messages/{sown.message}", "/catalogue"):
        customer.goto(f"{sown.server.url}{path}{place}#{fragment}")
        customer.wait_for_load_state("networkidle")
        customer.watched.look()
        assert not customer.watched.complaints, f"portal {place}: {customer.watched.complaints}"


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


def spent_s(devtools):
    """CPU time of the page's main thread: what it costs, however busy the machine is."""
    return next(one["value"] for one in devtools.send("Performance.getMetrics")["metrics"] if one["name"] == "TaskDuration")


USABLE_S = 5


def test_a_page_with_an_unpleasant_payload_stays_usable(console, make_grapnel, make_receiver):
    """Long, deep and odd ones, and answers that no JSON parser takes: the page shows them, and the next click is taken."""
    server = make_grapnel().serve("deliver.retry=50ms", "deliver.jitter=0")
    app = server.application("Odd")
    odd = {name: json.loads(server.raw("POST", f"/api/v1/app/{app}/msg", f'{{"eventType": "odd.one", "payload": {payload}}}'.encode(),
                                       {"authorization": f"Bearer {server.token}", "content-type": "application/json"}).body)["id"] for name, payload in ODD.items()}
    said = [b'{"lone": "\\ud800", "\\ud800": 1}', b"before\x00after \xff\xfe", b"[" * 200 + b"]" * 200, canaries.BACKWARDS.encode(), b"z" * 1_000_000]
    for n, body in enumerate(said):
        server.endpoint(app, make_receiver((500, {"content-type": "application/json"}, body)).url, description=f"says {n}", retrySchedule=[])
    odd["answered"] = server.publish(app)
    wait_until(lambda: len(server.attempts(app, odd["answered"])) == len(said), "an answer of each")
    shown = {"nul": "before", "deep": "deep", "long": "the long one", "backwards": "gnp.exe", "surrogates": "pair", "answered": "n"}
    page = console(server=server)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    for name, message in odd.items():
        page.goto(f"{server.url}/console/apps/{app}/messages/{message}", wait_until="commit")
        before = spent_s(devtools)  # a page that is gone is not counted any more
        expect(page.get_by_label("Payload").get_by_text(shown[name]).first).to_be_visible()
        is_settled(page)
        page.keyboard.press("/")
        expect(page.get_by_role("combobox")).to_be_focused()
        page.keyboard.press("Escape")
        for n in range(len(said) if name == "answered" else 0):
            page.get_by_role("button", name=f"Attempts to says {n}").click()
            expect(page.get_by_role("region", name="Response")).to_be_visible()
            is_settled(page)
        spent = spent_s(devtools) - before
        assert 0 < spent < USABLE_S * SLOWER, f"{name}: {spent:.1f} s"
