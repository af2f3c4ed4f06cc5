# SPDX-License-Identifier: Apache-2.0
"""Signing in to the console with a real OpenID provider (glewlwyd), in a real browser, to the end."""
import glewlwyd
import pytest
from playwright.sync_api import expect

THEIRS = r"console: .*|policy: .*|exception: .*|.*: (console|exception): .*"  # what the provider's own pages do


@pytest.fixture(name="served")
def make_served(make_grapnel, tmp_path):
    if not glewlwyd.running():
        pytest.skip("glewlwyd is not installed (tools/install test)")
    provider = glewlwyd.Glewlwyd(tmp_path / "glewlwyd")
    try:
        provider.add_user("ada", "admins")
        provider.add_user("nemo", "guests")
        server = make_grapnel()
        server.take_port()
        provider.allow(server.url + "/console/api/oidc/callback")
        server.serve(f"server.public_url={server.url}", f"console.oidc_issuer={provider.issuer}",
                     "console.oidc_roles=admins=owner", f"console.oidc_client_id={glewlwyd.CLIENT}",
                     f"console.oidc_client_secret={glewlwyd.SECRET}", "console.oidc_name=The Works")
        yield server, provider
    finally:
        provider.stop()


def give_name(page, name):
    """At the provider's own page."""
    page.get_by_placeholder("Your username").fill(name)
    page.get_by_placeholder("Your password").fill(glewlwyd.PASSWORD)
    page.get_by_role("button", name="OK").click()
    page.get_by_role("button", name="Continue").click()


def test_somebody_signs_in_at_the_provider_and_out_again(open_page, served):
    server, provider = served
    page = open_page(server.url + "/console/apps")
    page.watched.may_ask(provider.url)
    page.watched.expects(THEIRS)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.watched.look()
    page.get_by_role("link", name="Sign in with The Works").click()
    give_name(page, "ada")
    expect(page.get_by_role("heading", name="Applications")).to_be_visible()
    assert page.url == server.url + "/console/apps" and "grapnel" not in page.evaluate("document.cookie")
    page.get_by_role("button", name="Sign out").first.click()
    expect(page.get_by_text("You are signed out here, but not at the provider.")).to_be_visible()
    end = page.get_by_role("link", name="Sign out at The Works, too")
    expect(end).to_have_attribute("href", "/console/api/oidc/end")
    page.watched.look()


def test_somebody_without_a_role_reads_why(open_page, served):
    server, provider = served
    page = open_page(server.url + "/console/", theme="dark", width=390)
    page.watched.may_ask(provider.url)
    page.watched.expects(THEIRS)
    page.get_by_role("link", name="Sign in with The Works").click()
    give_name(page, "nemo")
    expect(page.get_by_text("you have no role here")).to_be_visible()
    assert page.url == server.url + "/console/"  # the word is taken out of the address
