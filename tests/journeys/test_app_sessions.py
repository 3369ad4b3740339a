"""A citizen logs out somewhere, and what an application kept of her is gone there too.

Whichever of Beaker's backends the application is given; the hub says so over SOAP.
"""

from urllib.parse import parse_qsl

import pytest

from eilogin.filters.appsession import make_appsession

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"


def basket(environ, start_response):
    """An application that knows Beaker and nothing of logins."""
    session = environ["beaker.session"]
    for name, value in parse_qsl(environ["QUERY_STRING"]):
        session[name] = value
        session.save()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    user = environ.get("REMOTE_USER", "")
    return [f"user=[{user}] bread=[{session.get('bread', '')}]".encode()]


@pytest.fixture
def federation(clock, lying, eilogin_federation):
    apps = {
        "uwv.test": make_appsession(basket, {}, **lying.options),
        "stad.test": make_appsession(basket, {}),
    }
    return eilogin_federation(apps)


@pytest.fixture
def anna(citizen_of):
    return citizen_of("anna").log_in(UWV)


def test_logs_out_elsewhere_and_her_basket_is_gone(anna, lying):
    anna.visit(f"{UWV}?bread=rye")
    anna.visit(UWV)
    assert "bread=[rye]" in anna.browser.text
    assert anna.is_let_in(STAD)
    assert lying.count() == 1
    anna.visit("https://stad.test/eilogin/logout")
    assert "U bent overal uitgelogd" in anna.browser.text
    assert lying.count() == 0
    anna.log_in(UWV)
    assert "bread=[]" in anna.browser.text


def test_her_basket_stays_when_she_proves_more_and_is_no_one_elses(
    anna, lying, citizen_of
):
    anna.visit(f"{UWV}?bread=rye")
    bram = citizen_of("bram").log_in(UWV)
    assert "bread=[]" in bram.browser.text
    bram.visit(f"{UWV}?bread=white")
    bram.visit("https://uwv.test/eilogin/logout")
    anna.visit(UWV)
    assert "bread=[rye]" in anna.browser.text
    anna.visit("https://uwv.test/eilogin/logout")
    assert lying.count() == 0


def test_logs_out_at_the_hub_and_her_basket_is_gone(anna, lying):
    anna.visit(f"{UWV}?bread=rye")
    anna.visit("https://inloggen.test/")
    anna.browser.press("Overal uitloggen")
    assert lying.count() == 0
