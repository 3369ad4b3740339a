"""Flask: by Flask-Login's cookie a reader is remembered for a year."""

import pytest
from app_sites import OURS, Citizen

#: As her browser knows it in her login.
REMEMBERS = "remember_token~eil"


@pytest.fixture
def site(running):
    return running.applications["Flask"]


def reopened(citizen, site):
    """Her browser after she has closed it: what lasts for a session is gone."""
    again = Citizen(citizen.name)
    for name, value in citizen.browser.cookies(site.host).items():
        if name == REMEMBERS or name.startswith(OURS):
            again.browser.set_cookie(site.host, name, value)
    return again


def test_during_the_login_its_cookie_remembers_her(site, anna):
    user = anna.log_in(site).user
    again = reopened(anna, site)
    assert again.is_known_at(site)
    assert again.user == user


def test_after_a_logout_elsewhere_its_cookie_remembers_nobody(running, site, anna):
    anna.log_in(site)
    again = reopened(anna, site)
    assert again.browser.cookie(site.host, REMEMBERS)
    running.log_out_elsewhere(anna)
    assert not again.is_known_at(site)
    assert again.browser.cookie(site.host, REMEMBERS) is None, "it is taken away"


def test_it_remembers_the_citizen_who_came_later_and_not_the_first(
    running, site, anna, citizen
):
    user = anna.log_in(site).user
    old = anna.browser.cookie(site.host, REMEMBERS)
    running.log_out_elsewhere(anna)
    bram = citizen(anna.browser).log_in(site)
    bram.browser.set_cookie(site.host, "session~eil", "")
    bram.browser.set_cookie(site.host, REMEMBERS, old)
    assert not bram.is_known_at(site) or bram.user != user
    bram.visit(site.url("/books"))
    assert bram.user not in (None, user)
