# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the pages: a real server with real receivers and messages, in a real Chromium (test_firefox.py: Firefox).

`world` is that server (one per file), `open_page` opens a page in a browser profile of its own. Every page is watched
from its first byte to the end of the test (watch.py), which fails on whatever the page did wrong. Nothing is mocked,
and nothing waits for time: tests wait for words on the page.
"""
import importlib.util
import os
import pathlib
import sys

import pytest
from playwright.sync_api import expect, sync_playwright

HERE = pathlib.Path(__file__).parent


def load_support():
    """The fixtures of test/e2e. Both files have the name that pytest wants, so this one is not imported by it."""
    sys.path.append(str(HERE.parent / "e2e"))
    spec = importlib.util.spec_from_file_location("e2e_support", HERE.parent / "e2e" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


support = load_support()
ROOT, PATIENCE_S, SLOWER = support.ROOT, support.PATIENCE_S, support.SLOWER
Grapnel, Receiver, wait_until = support.Grapnel, support.Receiver, support.wait_until
make_grapnel, grapnel = support.make_grapnel, support.grapnel
make_receiver, receiver = support.make_receiver, support.receiver
pytest_runtest_makereport = support.pytest_runtest_makereport

from sites import Site  # noqa: E402 (needs the path set above)
from watch import Watched  # noqa: E402
from world import World  # noqa: E402

# Pictures are compared by `make pictures` alone.
collect_ignore = [] if os.environ.get("GRAPNEL_PICTURES") else ["test_pictures.py"]
CHROMIUM = os.environ.get("GRAPNEL_CHROMIUM", "/usr/bin/chromium")
NODE_MODULES = pathlib.Path(os.environ.get("GRAPNEL_NODE", ROOT / "build" / "node")) / "node_modules"
# Chromium asks for updates and lists of its own otherwise; as root it runs only without its sandbox.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-first-run", "--disable-quic", "--force-color-profile=srgb"]


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitized: also run against the build with the address sanitizer")
    expect.set_options(timeout=PATIENCE_S * 1000)


def launch(playwright, *more):
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more])


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright):
    """One Chromium for the whole run. Pages do not share anything: each has a profile of its own."""
    chromium = launch(playwright)
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A server with an application whose endpoints do well, are slow, fail, are gone and are dead: see world.py.
    Tests of one file share it, so they add to it and leave alone what others look at."""
    made = World(Grapnel(tmp_path_factory.mktemp("world") / "grapnel"))
    yield made
    made.end()
    complaints = made.server.complaints()
    assert not complaints, "the server crashed or a sanitizer spoke:\n" + "\n".join(complaints)


@pytest.fixture
def open_page(browser, make_grapnel, make_receiver, make_site):  # these end after the pages that ask them
    """open_page(url, width=1280, theme="dark", ...): a watched page that has loaded `url`.

    `page.watched` says what the page may do beyond the usual (`expects`, `may_ask`); `in_browser` takes another
    browser. At the end of the test every page is looked through by axe where it stands, and all complaints fail it.
    """
    opened = []

    def open_one(url=None, width=1280, height=800, theme="light", in_browser=None, look=True, **options):
        context = (in_browser or browser).new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce",
            locale=options.pop("locale", "en-GB"), timezone_id=options.pop("timezone", "UTC"), **options)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.watched = Watched(page, NODE_MODULES / "axe-core" / "axe.min.js", look)
        opened.append((context, page))
        if url is not None:
            page.watched.may_ask(url)
            page.goto(url)
        return page

    yield open_one
    complaints = []
    for context, page in opened:
        complaints += page.watched.finish()
        context.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def make_site():
    """Makes web sites of strangers, such as the host of a frame: see sites.py."""
    made = []

    def make(files, headers=None):
        site = Site(files, headers)
        made.append(site)
        return site

    yield make
    for site in made:
        site.close()
