"""What visitors do every day, over real HTTP: wait, reload, and log out once more."""

import pytest
from eilogin_sites import PASSWORD, Ours, person
from peer_servers import Clock, over_http

from eilogin.testing import Browser

EVERYWHERE = "U bent overal uitgelogd"


@pytest.fixture
def ours(tmp_path):
    """A hub, a site whose sessions end with its process, and another site."""
    ours = Ours(tmp_path, {"gemeente": {"store": "memory:"}, "uwv": {}}, {})
    ours.join(*map(ours.metadata, ("inloggen", "gemeente", "uwv")))
    return ours


@pytest.fixture
def anna(citizen_at):
    return citizen_at(Browser(over_http), person(1))


def sign_in(citizen):
    assert citizen.is_asked_for_password, citizen.browser.text
    citizen.browser.press("Inloggen", username=citizen.name, password=PASSWORD)


def test_a_logout_after_a_restart_of_the_site_reaches_everybody(ours, anna):
    gemeente, uwv = ours.url("gemeente"), ours.url("uwv")
    with ours.running() as server:
        anna.visit(gemeente)
        sign_in(anna)
        assert anna.is_let_in(uwv)
        with server.down():
            pass
        anna.visit(ours.url("gemeente", "/eilogin/logout"))
        assert EVERYWHERE in anna.browser.text
        # The other site was open in another tab, with a button of its own.
        anna.visit(ours.url("uwv", "/eilogin/logout"))
        assert EVERYWHERE in anna.browser.text
        for url in (gemeente, uwv):
            anna.visit(url)
            assert anna.is_asked_for_password, url


def test_a_sign_in_page_that_waits_is_good_for_half_an_hour(
    ours, anna, tmp_path, citizen_at
):
    clock, gemeente = Clock(tmp_path), ours.url("gemeente", "/?jaar=2026")
    with ours.running(clock):
        anna.visit(gemeente)
        page = anna.browser.url
        other = citizen_at(Browser(over_http))
        other.visit(page)
        assert "Ga terug naar de website" in other.browser.text
        for minutes, is_the_same in ((4, True), (29, True), (31, False)):
            with clock.shifted(minutes=minutes):
                anna.browser.reload()
                assert anna.is_asked_for_password, anna.browser.text
                assert (anna.browser.url == page) is is_the_same
                if not is_the_same:
                    sign_in(anna)
                    assert anna.browser.url == gemeente
                    assert anna.user
