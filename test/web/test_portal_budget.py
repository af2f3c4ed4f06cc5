# SPDX-License-Identifier: Apache-2.0
"""How much a first load brings, as a browser gets it: sizes are those of the wire, gzip or brotli."""
import gzip

import pytest
from playwright.sync_api import expect

KIB = 1024


def size_of(response):
    """Of the body when packed by gzip, whatever the browser asked for."""
    return len(gzip.compress(response.body(), 9, mtime=0))


def files_of(page, server_url):
    return [request for request in page.watched.asked
            if request.url.startswith(server_url) and "/api/" not in request.url and request.resource_type != "fetch"]


@pytest.mark.sanitized
def test_the_portals_first_page_is_small_and_comes_in_few_files(open_page, world):
    page = open_page()
    page.watched.may_ask(world.server.url)
    empty = world.server.application("Empty")
    page.goto(world.portal(empty))
    expect(page.get_by_role("link", name="Add endpoint")).to_be_visible()
    page.wait_for_load_state("networkidle")
    files = files_of(page, world.server.url)
    assert len(files) <= 6, [request.url for request in files]
    total = sum(size_of(request.response()) for request in files)
    assert total <= 45 * KIB, f"{total / KIB:.1f} KiB: {[(r.url, size_of(r.response())) for r in files]}"


def test_everything_that_is_served_stays_small(world, open_page):
    """All chunks of both faces together, found by following what names what."""
    server, names, todo = world.server, set(), ["/portal", "/console/"]
    total = 0
    import re  # pylint: disable=import-outside-toplevel
    while todo:
        path = todo.pop()
        answer = server.raw("GET", path, headers={"accept-encoding": "gzip"})
        assert answer.status == 200, path
        total += len(answer.body)
        text = gzip.decompress(answer.body) if answer.headers.get("content-encoding") == "gzip" else answer.body
        for name in re.findall(rb"[\w.]+-[A-Z0-9]{8}\.(?:js|css|svg)", text):
            if name not in names:
                names.add(name)
                todo.append("/assets/" + name.decode())
    assert len(names) > 8 and total <= 300 * KIB, f"{total / KIB:.1f} KiB in {len(names)} files"
