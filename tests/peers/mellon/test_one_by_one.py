"""A hub that leads her along sites of mod_auth_mellon, which get their cookies so."""

import pytest
from chromium import arrive
from eilogin_sites import HUB, PASSWORD

pytestmark = [
    pytest.mark.real,
    pytest.mark.any_python,
    pytest.mark.parametrize("run", ["one-by-one"], indirect=True, scope="module"),
]

MIJN = "/mijn/"
#: Sites that take a logout by Redirect and not over SOAP, the last one without cookie.
SITES = ("artifact", "careful")


@pytest.fixture
def everywhere(mellon, ours, anna):
    """Anna, logged in at sites of theirs and of ours."""
    anna.log_in(mellon.url("mellon", MIJN))
    for site in SITES:
        assert anna.is_let_in(mellon.url(site, MIJN)), anna.where
    assert anna.is_let_in(ours.url("uwv")), anna.where
    return anna


def is_out_at_all_of_theirs(mellon, citizen):
    for site in ("mellon", *SITES):
        assert citizen.visit(mellon.url(site)).user is None, site
        assert citizen.visit(mellon.url(site, MIJN)).is_asked_for_password, site
    return True


def test_a_logout_at_ours_ends_a_site_that_needs_its_cookie(mellon, ours, everywhere):
    everywhere.log_out()
    assert everywhere.browser.url.startswith(ours.url("uwv")), everywhere.where
    assert everywhere.is_logged_out_everywhere, everywhere.where
    assert is_out_at_all_of_theirs(mellon, everywhere)


def test_a_logout_there_ends_a_site_that_needs_its_cookie(mellon, ours, everywhere):
    everywhere.visit(mellon.url("mellon")).log_out()
    assert everywhere.browser.url == mellon.url("mellon"), everywhere.where
    assert is_out_at_all_of_theirs(mellon, everywhere)
    assert everywhere.visit(ours.url("uwv")).is_asked_for_password


def test_a_logout_at_the_hub_itself_ends_it_too(mellon, ours, everywhere):
    everywhere.visit(ours.url(HUB)).browser.press("Overal uitloggen")
    assert everywhere.is_logged_out_everywhere, everywhere.where
    assert is_out_at_all_of_theirs(mellon, everywhere)


def test_a_site_with_an_error_keeps_her_and_the_rest_is_told_later(
    mellon, ours, everywhere
):
    everywhere.browser.forget("careful.localhost")
    everywhere.log_out()
    assert everywhere.browser.url.startswith(mellon.url("careful")), everywhere.where
    assert everywhere.browser.page.status_int == 403
    everywhere.visit(ours.url(HUB, "/logout"))
    assert "nog niet overal uitgelogd" in everywhere.browser.text, everywhere.where
    everywhere.browser.click("Verder uitloggen")
    assert "careful.localhost" in everywhere.browser.text
    assert everywhere.browser.text.count("Hier is uitloggen niet gelukt") == 1, (
        everywhere.where
    )
    for site in ("mellon", "artifact"):
        assert everywhere.visit(mellon.url(site)).user is None, site


def test_in_a_real_browser(mellon, ours, page, new_name):
    page.goto(mellon.url("careful", MIJN))
    page.locator("[name=username]").fill(new_name())
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=login]").click()
    page.wait_for_url(mellon.url("careful", MIJN))
    for url in (mellon.url("artifact", MIJN), ours.url("stad"), ours.url("uwv")):
        arrive(page, url, "user=[")
    page.get_by_role("link", name="Uitloggen").click()
    heading = page.get_by_role("heading", level=1, name="U bent overal uitgelogd")
    heading.wait_for()
    assert page.url.startswith(ours.url("uwv"))
    for site in SITES:
        page.goto(mellon.url(site))
        assert "user=[(none)]" in page.content(), site
