"""Trac: after ``/login``, ``trac_auth`` alone says who somebody is, for ten days."""

import pytest
from app_sites import twin_of

KNOWN = "SELECT count(*) FROM auth_cookie WHERE name = ?"
TICKETS = "SELECT count(*) FROM ticket WHERE reporter = ?"
DATABASE = "db/trac.db"


@pytest.fixture
def site(running):
    return running.applications["Trac"]


def test_she_writes_a_ticket_until_she_has_logged_out(running, site, anna):
    user = anna.log_in(site).user
    anna.visit(site.url("/newticket"))
    anna.browser.press("Ticket aanmaken", field_summary="De brug staat open")
    assert site.rows(DATABASE, TICKETS, user) == 1
    twin = twin_of(anna, site)
    running.log_out_elsewhere(anna)
    for one in (anna, twin):
        one.visit(site.url("/newticket"))
        assert one.browser.page.status_int == 403, one.where
        assert one.user is None
    assert site.rows(DATABASE, TICKETS, user) == 1


def test_trac_itself_forgets_her_when_she_logs_out_elsewhere(running, site, anna):
    """Its own logout is called, with its cookies and the token of its forms."""
    user = anna.log_in(site).user
    assert site.rows(DATABASE, KNOWN, user) == 1
    running.log_out_elsewhere(anna)
    assert site.rows(DATABASE, KNOWN, user) == 0
    assert not anna.is_known_at(site)
    assert anna.browser.cookie(site.host, "trac_auth") is None


def test_its_own_button_ends_what_it_knows(site, anna):
    user = anna.log_in(site).user
    anna.leave(site)
    assert site.rows(DATABASE, KNOWN, user) == 0
