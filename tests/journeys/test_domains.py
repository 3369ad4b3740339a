"""A federation of which not everybody shares a session with everybody.

``uwv.test`` and ``stad.test`` share one; ``zorg.test`` and ``apotheek.test`` share
another one, ``bank.test`` none with anybody.
"""

import pytest

from tests.journeys.conftest import show_visitor

UWV, STAD = "https://uwv.test/mijn", "https://stad.test/mijn"
ZORG, APOTHEEK = "https://zorg.test/mijn", "https://apotheek.test/mijn"
BANK = "https://bank.test/mijn"
ALL = (UWV, STAD, ZORG, APOTHEEK, BANK)
MINUTE = 60


@pytest.fixture
def rules():
    return {
        "zorg.test": {"sso_domain": "zorg"},
        "apotheek.test": {"sso_domain": "zorg"},
        "bank.test": {"sso_domain": "none"},
    }


@pytest.fixture
def federation(eilogin_federation, clock, rules):
    hosts = ("uwv.test", "stad.test", "zorg.test", "apotheek.test", "bank.test")
    return eilogin_federation(dict.fromkeys(hosts, show_visitor), rules=rules)


@pytest.fixture
def everywhere(anna):
    """Anna, logged in at all of them."""
    for url in (UWV, ZORG, BANK):
        anna.log_in(url)
    assert anna.is_let_in(STAD)
    assert anna.is_let_in(APOTHEEK)
    return anna


def test_she_logs_in_once_in_each_domain(anna):
    anna.log_in(UWV)
    assert anna.is_let_in(STAD)
    anna.log_in(ZORG)
    assert anna.is_let_in(APOTHEEK)
    assert anna.is_let_in(UWV)


def test_she_logs_in_by_herself_where_there_is_no_single_sign_on(anna, federation):
    anna.log_in(UWV)
    anna.log_in(BANK)
    assert anna.is_let_in(BANK), "her own session there"
    assert anna.is_let_in(STAD)
    federation.apps["bank.test"].sessions.store.end_all()
    anna.visit(BANK)
    assert anna.is_asked_for_password


def test_she_stays_where_there_is_none_while_she_is_there(anna, clock):
    """The hub would not say that she is: it is not asked to keep that alive."""
    anna.log_in(BANK)
    for _ in range(3):
        clock.shift(11 * MINUTE)
        assert anna.is_let_in(BANK)


def test_a_logout_at_one_reaches_all(everywhere):
    everywhere.visit("https://apotheek.test/eilogin/logout")
    assert "U bent overal uitgelogd" in everywhere.browser.text
    for url in ALL:
        everywhere.visit(url)
        assert everywhere.is_asked_for_password, url


def test_the_hub_names_all_of_them(everywhere):
    everywhere.visit("https://inloggen.test/")
    for host in ("uwv", "stad", "zorg", "apotheek", "bank"):
        assert f"{host}.test" in everywhere.browser.text


def test_all_is_over_at_the_limit_of_the_first_login(anna, clock):
    anna.log_in(UWV)
    clock.shift(14 * MINUTE)
    anna.log_in(ZORG)
    for _ in range(8):
        clock.shift(13 * MINUTE)
        assert anna.is_let_in(APOTHEEK)
    clock.shift(2 * MINUTE)
    anna.visit(APOTHEEK)
    assert anna.is_asked_for_password


def test_a_session_is_kept_alive_in_its_own_domain(anna, clock):
    anna.log_in(UWV)
    anna.log_in(ZORG)
    for _ in range(3):
        clock.shift(11 * MINUTE)
        assert anna.is_let_in(UWV)
        assert anna.is_let_in(ZORG)
