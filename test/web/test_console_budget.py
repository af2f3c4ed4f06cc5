# SPDX-License-Identifier: Apache-2.0
"""How much the console brings when it is first opened, and how much comes later: sizes are those of the wire, packed by gzip."""
import gzip
import re

from playwright.sync_api import expect

from console import is_settled, link_of
from test_portal_budget import KIB, files_of, size_of

FIRST, LATER = 60 * KIB, 130 * KIB  # charts are drawn by the pages themselves and are a part of the first


def total(files):
    return sum(size_of(request.response()) for request in files)


def names(files):
    return [(request.url.rsplit("/", 1)[-1], size_of(request.response())) for request in files]


def test_the_consoles_first_page_is_small_and_comes_in_few_files(open_page, world):
    page = open_page()
    page.watched.may_ask(world.server.url)
    page.goto(world.server.url + "/console/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    sign_in = files_of(page, world.server.url)
    assert len(sign_in) <= 6 and total(sign_in) <= FIRST, f"{total(sign_in) / KIB:.1f} KiB: {names(sign_in)}"
    page.goto("about:blank")  # to the same page with another fragment no browser goes again
    del page.watched.asked[:]
    page.goto(link_of(world.server))
    expect(page.get_by_role("banner")).to_be_visible()
    is_settled(page)
    overview = files_of(page, world.server.url)
    assert len(overview) <= 6 and total(overview) <= FIRST, f"{total(overview) / KIB:.1f} KiB: {names(overview)}"


def test_what_comes_later_is_small_as_well(world):
    """Each file that a page asks for when it needs it."""
    page = world.server.raw("GET", "/console/").body
    todo = re.findall(rb"/assets/([\w.-]+\.js)", page)
    seen = {}
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        text = world.server.raw("GET", "/assets/" + name.decode()).body
        seen[name] = len(gzip.compress(text, 9, mtime=0))
        todo += re.findall(rb"\./([\w-]+-[A-Z0-9]{8}\.js)", text)
    assert len(seen) > 5 and max(seen.values()) <= LATER, seen
