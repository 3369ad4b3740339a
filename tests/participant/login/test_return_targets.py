"""Where a visitor may be sent on to: pages, and no address that does something."""

from types import SimpleNamespace

import pytest

from eilogin.participant.login.return_targets import page_to_go_to, wanted_page


def own(mount=""):
    """Of a participant all that counts here."""
    url = f"https://uwv.test{mount}"
    return SimpleNamespace(public_url=url, mount=mount, prefix="/eilogin")


@pytest.mark.parametrize(
    "wanted",
    [
        "/eilogin/logout",
        "/eilogin/logout?next=/mijn",
        "/eilogin/logout#top",
        "/%65ilogin/logout",
        "/%2565ilogin/logout",
        "/eilogin%2Flogout",
        "/eilogin/",
        "/eilogin",
        "/eilogin/slo?x=y",
        "https://evil.test/",
        "//evil.test/",
        "",
        None,
    ],
)
def test_is_the_first_page_in_the_place_of_others(wanted):
    assert page_to_go_to(own(), wanted) == "/"
    below = own("/app")
    if wanted and wanted.startswith("/eilogin"):
        assert page_to_go_to(below, wanted) == wanted, "of another application"
        assert page_to_go_to(below, f"/app{wanted}") == "/app/"


@pytest.mark.parametrize(
    "wanted", ["/", "/mijn?a=b#c", "/eilogin-nieuws", "/a/eilogin/logout"]
)
def test_is_any_other_page(wanted):
    assert page_to_go_to(own(), wanted) == wanted


def test_is_our_own_page_with_a_form_that_was_kept():
    wanted = "/eilogin/again?form=x"
    assert page_to_go_to(own(), wanted) == wanted


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, None),
        ({"next": "/mijn", "came_from": "/nieuws"}, "/mijn"),
        ({"came_from": "/nieuws?a=b"}, "/nieuws?a=b"),
        ({"came_from": "https://uwv.test/nieuws"}, "/nieuws"),
        ({"came_from": "https://uwv.test//evil.test"}, "//evil.test"),
        ({"came_from": "https://uwv.test.evil.test/"}, "https://uwv.test.evil.test/"),
        ({"came_from": "https://uwv.test@evil.test/"}, "https://uwv.test@evil.test/"),
        ({"came_from": "http://uwv.test/nieuws"}, "http://uwv.test/nieuws"),
        ({"next": "https://uwv.test/nieuws"}, "https://uwv.test/nieuws"),
    ],
)
def test_plone_says_where_somebody_came_from(query, page):
    assert wanted_page(own(), query) == page
    assert wanted_page(own("/app"), query) == page
