"""A visitor who works at one site for a while is still signed in everywhere.

The site reports to the hub that the visitor is active. Tests move the clock, and send
the reports that are due by ``federation.report_activity()``.
"""

import pytest
from webob import Request

from tests.journeys.conftest import Citizen, go_on, show_visitor

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
ACTIVITY = "https://inloggen.test/activity"
MINUTE = 60


@pytest.fixture
def reports(federation):
    """The reports that the hub got so far."""

    def read():
        return [body for url, body in federation.back_channel_log if url == ACTIVITY]

    return read


def work(federation, anna, clock, minutes):
    """Press "Stay logged in" every 13 minutes, without any navigation."""
    for _ in range(0, minutes, 13):
        clock.shift(13 * MINUTE)
        go_on(anna.browser)
        federation.report_activity()


def test_the_next_site_asks_for_no_password_after_an_hour_at_one_site(
    federation, anna, clock
):
    anna.log_in(UWV)
    work(federation, anna, clock, 65)
    assert anna.is_let_in(STAD)


def test_the_hub_lists_a_visitor_who_is_active_at_one_site(federation, anna, clock):
    anna.log_in(UWV)
    work(federation, anna, clock, 65)
    anna.visit("https://inloggen.test/")
    assert "U bent ingelogd" in anna.browser.text
    assert "Waar u bent ingelogd" in anna.browser.text


def test_without_activity_the_next_site_asks_for_the_password(federation, anna, clock):
    anna.log_in(UWV)
    for _ in range(16):
        clock.shift(MINUTE)
        # A page that asks by itself is no activity.
        anna.browser.fetch("https://uwv.test/eilogin/session")
        federation.report_activity()
    anna.visit(STAD)
    assert anna.is_asked_for_password


def test_the_hub_lists_nobody_as_signed_in_whom_it_would_ask(federation, anna, clock):
    anna.log_in(UWV)
    # The reports do not reach the hub.
    federation.down.add("inloggen.test")
    work(federation, anna, clock, 26)
    federation.down.clear()
    anna.visit("https://inloggen.test/")
    text = anna.browser.text
    assert "U moet opnieuw inloggen" in text
    assert "U hebt 15 minuten niets gedaan." in text
    assert "Waar u bent ingelogd" not in text
    assert "Waar u misschien nog bent ingelogd" in text
    anna.visit(STAD)
    assert anna.is_asked_for_password


def test_the_last_activity_counts_to_the_second(federation, anna, clock):
    anna.log_in(UWV)
    clock.shift(4 * MINUTE)
    anna.visit(UWV)
    clock.shift(MINUTE)
    assert federation.report_activity() == 1
    clock.shift(14 * MINUTE - 1)
    assert anna.is_let_in(STAD)


def test_after_the_last_activity_the_hub_becomes_idle(federation, anna, clock):
    anna.log_in(UWV)
    clock.shift(4 * MINUTE)
    anna.visit(UWV)
    clock.shift(MINUTE)
    assert federation.report_activity() == 1
    clock.shift(14 * MINUTE + 1)
    federation.report_activity()
    anna.visit(STAD)
    assert anna.is_asked_for_password


def test_the_absolute_limit_stays(federation, anna, clock):
    anna.log_in(UWV)
    work(federation, anna, clock, 117)
    clock.shift(3 * MINUTE + 1)
    anna.visit(STAD)
    assert anna.is_asked_for_password


def test_a_visitor_of_many_pages_causes_one_report_in_five_minutes(
    federation, anna, clock, reports
):
    anna.log_in(UWV)
    for _ in range(18):
        clock.shift(30)
        anna.visit(UWV)
        federation.report_activity()
    assert len(reports()) == 1


def test_a_report_has_no_name_of_a_citizen_but_that_of_the_session(
    federation, anna, clock, reports
):
    anna.log_in(UWV)
    work(federation, anna, clock, 13)
    [body] = reports()
    assert b"LastActivity" in body
    assert b"anna" not in body.lower()


def test_no_report_follows_a_logout(federation, anna, clock, reports):
    anna.log_in(UWV)
    clock.shift(13 * MINUTE)
    go_on(anna.browser)
    anna.visit("https://uwv.test/eilogin/logout")
    assert federation.report_activity() == 0
    assert reports() == []


def test_a_hub_that_is_down_is_told_later_and_the_log_says_so_once(
    federation, anna, clock, caplog, reports
):
    anna.log_in(UWV)
    federation.down.add("inloggen.test")
    clock.shift(12 * MINUTE)
    go_on(anna.browser)
    assert federation.report_activity() == 0
    assert federation.report_activity() == 0
    assert len(reports()) == 1
    told = [text for text in caplog.messages if text.startswith("activity: ")]
    assert len(told) == 1
    federation.down.clear()
    clock.shift(MINUTE)
    assert federation.report_activity() == 1
    clock.shift(5 * MINUTE)
    assert anna.is_let_in(STAD)


def test_two_sites_that_are_used_in_turn_both_report(federation, anna, clock, reports):
    anna.log_in(UWV)
    assert anna.is_let_in(STAD)
    for host in ("uwv.test", "stad.test", "uwv.test"):
        clock.shift(10 * MINUTE)
        for one in ("uwv.test", "stad.test"):
            go_on(anna.browser, one)
        assert federation.report_activity() == 2, host
    assert len(reports()) == 6


def test_the_button_of_the_warning_is_reported_by_itself(federation, anna, clock):
    anna.log_in(UWV)
    clock.shift(6 * MINUTE)
    assert federation.report_activity() == 0, "nothing new"
    clock.shift(6 * MINUTE)
    go_on(anna.browser)
    assert federation.report_activity() == 1
    clock.shift(14 * MINUTE)
    assert anna.is_let_in(STAD)


def test_a_report_survives_a_step_up(federation, anna, clock):
    anna.log_in("https://land.test/mijn")
    anna.visit("https://land.test/percelen")
    anna.type_password(anna.code)
    clock.shift(13 * MINUTE)
    go_on(anna.browser, "land.test")
    assert federation.report_activity() == 1
    clock.shift(13 * MINUTE)
    assert anna.is_let_in(STAD)


@pytest.mark.parametrize("domain", ["none", "other"])
def test_a_site_of_another_domain(clock, eilogin_federation, domain):
    """A site outside single sign-on reports nothing. One of another domain reports."""
    federation = eilogin_federation(
        {"uwv.test": show_visitor}, rules={"uwv.test": {"sso_domain": domain}}
    )
    anna = Citizen(federation.browser()).log_in(UWV)
    clock.shift(13 * MINUTE)
    go_on(anna.browser)
    assert federation.report_activity() == (domain == "other")


def test_with_the_profile_of_digid_nothing_is_reported(
    clock, eilogin_federation, caplog
):
    federation = eilogin_federation(
        {"uwv.test": show_visitor},
        hub_options={"profile": "digid"},
        options={"uwv.test": {"profile": "digid"}},
    )
    hub, site = federation.trusts["inloggen.test"], federation.trusts["uwv.test"]
    assert hub.own.descriptor().identity_provider.activity_services == ()
    assert site.hub(hub.own.entity_id).activity_service is None
    request = Request.blank(ACTIVITY, method="POST", body=b"<a/>")
    assert request.get_response(federation).status_int == 404
