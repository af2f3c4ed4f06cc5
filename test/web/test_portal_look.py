# SPDX-License-Identifier: Apache-2.0
"""A host's colours: whatever is asked for, words stay readable. axe measures it at the end of each test."""
import pytest
from playwright.sync_api import expect

COLOURS = ["000000", "ffffff", "ffff00", "8a1e52", "777777"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_is_made_readable(open_page, world, theme):
    page = open_page(theme=theme)
    page.watched.may_ask(world.server.url)
    for colour in COLOURS:
        page.goto("about:blank")
        page.goto(world.portal(path=f"/endpoints/{world.endpoints['failing']}", query=f"primaryColor={colour}"))
        expect(page.get_by_role("button", name="Send all 3 again")).to_be_visible()
        page.watched.look()
        assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent')").startswith("light-dark(")


def test_light_and_dark_have_colours_of_their_own(open_page, world):
    def button(theme):
        page = open_page(theme=theme)
        page.watched.may_ask(world.server.url)
        page.goto(world.portal(query="primaryColorLight=8a1e52&primaryColorDark=ff9ac6"))
        return page.get_by_role("link", name="Add endpoint").evaluate("e => getComputedStyle(e).backgroundColor")
    assert (button("light"), button("dark")) == ("rgb(138, 30, 82)", "rgb(255, 154, 198)")
