"""For at most two hours, and not while nobody is there."""

import re

import pytest

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
MINUTE = 60


@pytest.fixture(autouse=True)
def standing_clock(clock):
    return clock


def stay_active(anna, clock, url, seconds):
    """Look at a page every four minutes, and be let in each time."""
    while seconds > 4 * MINUTE:
        clock.shift(4 * MINUTE)
        seconds -= 4 * MINUTE
        assert anna.is_let_in(url)
    clock.shift(seconds)


def test_two_hours_after_the_first_login_it_is_over(anna, clock):
    anna.log_in(UWV)
    stay_active(anna, clock, UWV, 60 * MINUTE)
    assert anna.is_let_in(STAD), "single sign-on does not ask"
    stay_active(anna, clock, STAD, 60 * MINUTE - 1)
    assert anna.is_let_in(STAD)
    clock.shift(2)
    anna.visit(STAD)
    assert anna.is_asked_for_password
    anna.visit(UWV)
    assert anna.is_asked_for_password


def test_idle_for_a_quarter_of_an_hour_and_the_session_here_is_over(anna, clock):
    anna.log_in(UWV)
    clock.shift(14 * MINUTE + 59)
    assert anna.is_let_in(UWV)
    clock.shift(15 * MINUTE + 1)
    anna.visit(UWV)
    assert anna.is_asked_for_password


def test_the_hub_asks_again_after_a_quarter_of_an_hour(anna, clock):
    anna.log_in(UWV)
    clock.shift(14 * MINUTE + 59)
    assert anna.is_let_in(STAD)
    clock.shift(15 * MINUTE + 1)
    anna.visit("https://land.test/mijn")
    assert anna.is_asked_for_password


def test_activity_at_one_participant_keeps_hub_session_alive(anna, clock):
    anna.log_in(UWV)
    stay_active(anna, clock, UWV, 50 * MINUTE)
    assert anna.is_let_in(STAD), "the keep-alive has told the hub that she is there"


def test_without_a_hub_that_answers_she_just_goes_on(federation, anna, clock):
    anna.log_in(UWV)
    clock.shift(11 * MINUTE)
    federation.down.add("inloggen.test")
    assert anna.is_let_in(UWV)
    assert anna.browser.trail == [UWV]


def test_a_hub_that_does_not_know_her_any_more_is_not_asked_at_every_page(anna, clock):
    anna.log_in(UWV)
    clock.shift(9 * MINUTE)
    assert anna.is_let_in(UWV)
    clock.shift(9 * MINUTE)
    assert anna.is_let_in(UWV)
    assert len(anna.browser.trail) > 1, "asked, in vain: the hub was idle for too long"
    assert anna.is_let_in(UWV)
    assert anna.browser.trail == [UWV]


def test_a_long_address_is_not_cut_by_the_keep_alive(anna, clock):
    anna.log_in(UWV)
    clock.shift(11 * MINUTE)
    page = f"{UWV}?question={'x' * 2048}"
    anna.visit(page)
    assert anna.browser.trail == [page]


def test_a_form_is_never_interrupted_by_the_keep_alive(anna, clock):
    anna.log_in(UWV)
    clock.shift(11 * MINUTE)
    anna.browser.post(UWV, tekst="een bezwaar")
    assert anna.browser.trail == [UWV]
    assert anna.user


def test_script_requests_do_not_keep_session_alive(anna, clock):
    anna.log_in(UWV)
    for _ in range(16):
        clock.shift(MINUTE)
        anna.browser.fetch("https://uwv.test/eilogin/session")
        anna.browser.fetch("https://uwv.test/nieuws.json")
        anna.browser.fetch("https://uwv.test/concept.json", "POST")
    anna.visit(UWV)
    assert anna.is_asked_for_password


def test_the_page_can_ask_how_long_still(anna, clock):
    anna.log_in(UWV)
    clock.shift(10 * MINUTE)
    told = anna.browser.fetch("https://uwv.test/eilogin/session").json
    assert re.fullmatch("[0-9a-f]{16}", told.pop("pseudonym"))
    assert told == {
        "logged_in": True,
        "level": "basis",
        "until": "2026-11-24T11:00:00+00:00",
        "absolute_seconds_left": 110 * MINUTE,
        "idle_seconds_left": 5 * MINUTE,
        "idle_seconds": 15 * MINUTE,
    }
    clock.shift(6 * MINUTE)
    told = anna.browser.fetch("https://uwv.test/eilogin/session").json
    assert told == {"logged_in": False}


def test_a_step_up_does_not_prolong_the_session(anna, clock):
    anna.log_in("https://land.test/mijn")
    stay_active(anna, clock, "https://land.test/mijn", 100 * MINUTE)
    anna.visit("https://land.test/percelen")
    anna.type_password(anna.code)
    assert anna.user
    stay_active(anna, clock, "https://land.test/mijn", 20 * MINUTE - 1)
    assert anna.is_let_in("https://land.test/mijn")
    clock.shift(2)
    anna.visit("https://land.test/mijn")
    assert anna.is_asked_for_password


def test_logout_reaches_participants_of_a_hub_session_that_is_idle(anna, clock):
    anna.log_in(UWV)
    anna.is_let_in(STAD)
    clock.shift(14 * MINUTE)
    anna.browser.fetch(STAD, **{"Sec-Fetch-Mode": "navigate"})
    clock.shift(2 * MINUTE)
    anna.visit("https://inloggen.test/")
    anna.browser.press("Overal uitloggen")
    anna.visit(STAD)
    assert anna.is_asked_for_password
