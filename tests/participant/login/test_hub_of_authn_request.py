"""An AuthnRequest travels with its hub, which a participant looks up once."""

from urllib.parse import urlencode

import pytest
from lookups import CountedRequests, lookups

from eilogin.participant.expiry import activity_reports

HUB = "https://inloggen.test/metadata"
STAD = "https://stad.test"
OPTIONS = {"protect": "/mijn basis\n/ optional", "silent": "true"}


@pytest.fixture
def site(clock, witness, eilogin_federation):
    return eilogin_federation({"stad.test": witness}, options={"stad.test": OPTIONS})


@pytest.fixture
def browser(site):
    return site.browser()


@pytest.fixture
def stad(site, browser, monkeypatch):
    """The participant, and its look-ups from now on."""
    counted = CountedRequests(site.apps["stad.test"], lookups(monkeypatch))
    site.apps["stad.test"] = counted
    return counted


@pytest.fixture
def signed_in(browser):
    browser.visit(f"{STAD}/mijn")
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert browser.url == f"{STAD}/mijn"


def test_looks_hub_up_once(stad, browser):
    browser.visit(f"{STAD}/mijn")
    assert browser.url.startswith("https://inloggen.test/")
    assert stad.of("/mijn?")[HUB] == 1


def test_looks_hub_up_once_for_a_renewed_session(
    signed_in, stad, browser, clock, monkeypatch
):
    # The page reports its visitor to the hub, in a message of its own.
    monkeypatch.setattr(activity_reports, "_route", lambda *_: None)
    clock.shift(10 * 60)
    browser.visit(f"{STAD}/mijn/berichten")
    assert stad.of("/mijn/berichten?")[HUB] == 1


def test_looks_hub_up_once_for_a_passive_login(stad, browser):
    browser.visit(f"{STAD}/nieuws")
    assert stad.of("/nieuws?")[HUB] == 1
    assert stad.of("/eilogin/login?")[HUB] == 1


def test_looks_up_once_the_hub_that_a_link_names(stad, browser):
    query = urlencode({"next": "/mijn", "hub": HUB})
    browser.visit(f"{STAD}/eilogin/login?{query}")
    assert browser.url.startswith("https://inloggen.test/")
    assert stad.of("/eilogin/login?")[HUB] == 1
