# SPDX-License-Identifier: Apache-2.0
"""Pages as pictures, against those that somebody has looked at: `make pictures`, and `make pictures ACCEPT=1` once the
changed ones were looked at. Not among the other tests: a picture changes with every wanted change of a page.

What differs from run to run is taken out before: numbers, times, ids, units, and what charts show.
"""
import base64
import os
import pathlib
import subprocess

import pytest
from playwright.sync_api import expect

from conftest import ROOT
from console import is_settled, make_console, make_paths  # noqa: F401 (fixtures)

KEPT = pathlib.Path(__file__).resolve().parent / "pictures"
CHANGED = ROOT / "build" / "pictures"
ACCEPTS = bool(os.environ.get("ACCEPT"))
TOLERANCE = 0.005  # of the pixels; fonts and edges are drawn a little differently on other machines
WIDTHS = (390, 1280)
THEMES = ("light", "dark")
CONSOLE = ("overview", "application", "endpoint", "messages", "message", "chain", "request", "audit", "system")
PORTAL = {"endpoints": ("", ""), "endpoint": ("/endpoints/{failing}", ""), "verification": ("/endpoints/{ok}", "tab=verify")}

STEADY = """() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (const one of document.querySelectorAll('svg.chart')) one.replaceChildren();
    for (let at = texts.nextNode(); at; at = texts.nextNode()) {
        const text = at.data.replace(/\\b(app|atmpt|ep|frun|in|msg|org|req|src)_[0-9A-Za-z]{4,}…?/g, '$1_x')
            .replace(/\\d[\\d.,:]*(\\s?(ms|s|min|h|d|%|B|KiB|MiB|GiB|KB|MB|GB)\\b)?/g, '0').replace(/0( 0)+/g, '0');
        if (text !== at.data) at.data = text;
    }
    for (const field of document.querySelectorAll('input')) if (/\\d{4,}/.test(field.value)) field.value = field.value.replace(/\\d+/g, '0');
}"""

# How many of the pixels differ in a colour by more than 40 of 255, as a share; 1 when the sizes do.
DIFFERENCE = """async ([was, is]) => {
    const [a, b] = await Promise.all([was, is].map(async (data) => {
        const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], { type: 'image/png' }));
        const canvas = new OffscreenCanvas(picture.width, picture.height), drawn = canvas.getContext('2d');
        drawn.drawImage(picture, 0, 0);
        return drawn.getImageData(0, 0, picture.width, picture.height);
    }));
    if (a.width !== b.width || a.height !== b.height) return 1;
    let count = 0;
    for (let i = 0; i < a.data.length; i += 4)
        if ([0, 1, 2].some((c) => Math.abs(a.data[i + c] - b.data[i + c]) > 40)) count++;
    return count / (a.data.length / 4);
}"""


@pytest.fixture(scope="module")
def blank(browser):
    """A page in which pictures are compared."""
    page = browser.new_page()
    yield page
    page.close()


def difference(blank, was, taken):
    return blank.evaluate(DIFFERENCE, [base64.b64encode(was).decode(), base64.b64encode(taken).decode()])


def take(page):
    page.evaluate(STEADY)
    return page.screenshot(animations="disabled", caret="hide")


def accept(path, taken):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(subprocess.run(["pngquant", "--strip", "64", "-"], input=taken, capture_output=True, check=True).stdout)


def compare(page, blank, name, settle):
    """The sentence of what is wrong; None. A page that draws itself anew while it is made steady gets two more tries."""
    kept = KEPT / f"{name}.png"
    if not kept.exists() and not ACCEPTS:
        return f"{name}: there is no picture yet"
    share = 1.0
    for _ in range(3):
        settle()
        taken = take(page)
        share = difference(blank, kept.read_bytes(), taken) if kept.exists() else 1.0
        if share <= TOLERANCE:
            return None
        page.reload()
    if ACCEPTS:
        accept(kept, taken)
        return None
    CHANGED.mkdir(parents=True, exist_ok=True)
    (CHANGED / f"{name}-was.png").write_bytes(kept.read_bytes())
    (CHANGED / f"{name}-is.png").write_bytes(taken)
    return f"{name}: {share:.1%} differs; look at build/pictures/{name}-is.png and -was.png"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_console_looks_as_it_was_last_looked_at(console, blank, paths, world, width, theme):
    page, wrong = console(width=width, theme=theme, look=False), []
    for name in CONSOLE:
        page.goto(world.server.url + "/console" + paths[name])
        wrong.append(compare(page, blank, f"console-{name}-{width}-{theme}", lambda: is_settled(page)))
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_portal_looks_as_it_was_last_looked_at(open_page, blank, world, width, theme):
    page, wrong = open_page(width=width, theme=theme, look=False), []
    page.watched.may_ask(world.server.url)
    for name, (path, query) in PORTAL.items():
        page.goto("about:blank")
        page.goto(world.portal(path=path.format(**world.endpoints), query=query))

        def settle():
            expect(page.get_by_role("main")).to_be_visible()
            is_settled(page)
        wrong.append(compare(page, blank, f"portal-{name}-{width}-{theme}", settle))
    assert not any(wrong), "\n".join(filter(None, wrong))
