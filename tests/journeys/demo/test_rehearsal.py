"""A tester rehearses the connection to DigiD, in a real browser before the demo."""

import re

import pytest

pytestmark = [pytest.mark.real, pytest.mark.any_python]

SIGN_IN = "Inloggen bij Sociale Verzekeringsbank"
FAILED = "Inloggen is niet gelukt"


@pytest.fixture
def tester(anna):
    """Anna, on her way from the first page to DigiD."""
    return anna.visit("svb").sees("Welkom bij de SVB").click("Inloggen").sees(SIGN_IN)


def choose(tester, answer):
    """Say how DigiD shall answer, and sign in."""
    tester.page.get_by_text("Oefenen: hoe antwoordt DigiD?").click()
    tester.page.get_by_label(answer).check()
    return tester


def test_the_ordinary_answer_logs_in_without_telling_the_number(tester):
    tester.type_password().arrives("svb", "/mijn").photograph("svb")
    known_as = tester.fact("Kenmerk (REMOTE_USER)")
    assert len(known_as) == 40
    tester.click("Uitloggen").sees("U bent overal uitgelogd")
    again = tester.visit("svb", "/mijn").type_password().arrives("svb", "/mijn")
    assert again.fact("Kenmerk (REMOTE_USER)") == known_as


def test_a_higher_level_is_proven_anew(tester):
    tester.type_password().arrives("svb", "/mijn")
    tester.click("Mijn gezin").sees(SIGN_IN)
    tester.type_password(code=tester.shown_code).arrives("svb", "/mijn/gezin")
    assert tester.fact("Niveau") == "midden"


def test_cancelled_login_returns_to_start_page_with_message_shown_once(tester):
    tester.click("Annuleren").arrives("svb").sees("Welkom bij de SVB")
    said = tester.page.get_by_role("status")
    assert said.inner_text() == "U heeft het inloggen met DigiD geannuleerd."
    tester.photograph("svb-cancelled")
    tester.page.reload()
    tester.sees("Welkom bij de SVB")
    assert said.count() == 0


def test_a_cancel_that_is_chosen_is_one_too(tester):
    choose(tester, "Het inloggen wordt geannuleerd").page.locator("h1").focus()
    tester.photograph("rehearsal")
    tester.type_password().arrives("svb").sees("Welkom bij de SVB")
    assert tester.page.get_by_role("status").count() == 1


@pytest.mark.parametrize(
    "answer",
    [
        "De aansluiting van de dienst is niet actief",
        "Het niveau wordt niet gehaald",
        "Een nummer van een andere sector",
        "DigiD kent het artifact niet",
        "Te laat: DigiD kent het artifact",
        "Niets: de verbinding tussen de servers antwoordt niet op tijd",
        "Een antwoord waarvan de tijd voorbij is",
        "Een antwoord van tien minuten geleden",
        "Een handtekening die niet klopt",
    ],
)
def test_unusable_digid_answer_logs_nobody_in(tester, answer):
    choose(tester, answer).type_password().sees(FAILED)
    assert "in de communicatie met DigiD" in tester.text
    tester.visit("svb").sees("Welkom bij de SVB")
    assert "U bent hier niet ingelogd" in tester.text


def test_a_level_that_is_too_low_ends_the_session(demo, at_browser):
    # Another citizen: a code is good once.
    tester = at_browser(demo, "bram").visit("svb", "/mijn").sees(SIGN_IN)
    tester.type_password().arrives("svb", "/mijn").click("Mijn gezin").sees(SIGN_IN)
    choose(tester, "Een lager niveau dan de dienst vraagt")
    tester.type_password(code=tester.shown_code).sees(FAILED)
    tester.photograph("svb-failed").visit("svb").sees("Welkom bij de SVB")
    assert "U bent hier niet ingelogd" in tester.text


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("Het gewone antwoord", "U bent overal uitgelogd"),
        ("Bij uitloggen: ondertekend met rsa-sha1", "U bent uitgelogd"),
        ("Bij uitloggen: niet overal", "Let op: u bent nog niet overal uitgelogd"),
        ("Bij uitloggen: een handtekening die niet klopt", "U bent uitgelogd"),
    ],
)
def test_a_logout_is_answered_as_it_was_chosen(tester, answer, seen):
    tester.type_password().arrives("svb", "/mijn").visit("digid")
    choose(tester, answer).click("Bewaren voor het volgende antwoord")
    tester.page.wait_for_load_state()
    tester.visit("svb", "/mijn").click("Uitloggen").sees(seen)
    tester.visit("svb").sees("Welkom bij de SVB")
    assert "U bent hier niet ingelogd" in tester.text


def test_at_another_service_who_is_logged_in_can_be_somebody_else(tester):
    tester.type_password().arrives("svb", "/mijn")
    tester.visit("duo", "/mijn").sees("U bent al ingelogd").photograph("not-me")
    tester.click("Dit ben ik niet: log overal uit")
    tester.sees("Inloggen bij Dienst Uitvoering Onderwijs").click("Bram van den Test")
    tester.page.locator("[name=login]:focus").click()
    tester.arrives("duo", "/mijn").photograph("duo")


@pytest.fixture
def shown_where(demo, at_browser):
    """Before the page that says where a citizen is in: at one a step-up has failed."""

    def shown(sign_in="Inloggen bij Sociale Verzekeringsbank", **options):
        tester = at_browser(demo, "chaima", **options).visit("svb", "/mijn")
        tester.sees(sign_in).type_password().arrives("svb", "/mijn")
        tester.visit("svb", "/mijn/gezin").sees(sign_in)
        tester.page.locator("[name=cancel]").click()
        tester.page.get_by_text(re.compile("geannuleerd|cancelled")).first.wait_for()
        return tester.visit("svb", "/mijn")

    return shown


def test_the_page_that_says_where_she_is_counts_how_long_still(shown_where):
    tester = shown_where().sees("U bent al ingelogd").photograph("known-already")
    shown = tester.page.get_by_role("timer")
    minutes = int(shown.inner_text())
    assert minutes in (14, 15)
    # The clock of the browser goes on by two minutes.
    tester.page.evaluate("(now => { Date.now = () => now() + 120000 })(Date.now)")
    changed = "left => document.querySelector('[role=timer]').innerText === left"
    tester.page.wait_for_function(changed, arg=str(minutes - 2))
    tester.click("Ga verder").arrives("svb", "/mijn")


def test_and_says_it_without_javascript(shown_where):
    tester = shown_where(java_script_enabled=False).sees("U bent al ingelogd")
    assert re.search(r"Dat kan tot [0-9]+\.[0-9]{2} uur", tester.text)
    assert not tester.page.get_by_role("timer").is_visible()
    choose(tester, "Een lager niveau dan de dienst vraagt").click("Ga verder")
    tester.sees(FAILED)


def test_in_english_in_the_dark_on_the_smallest_telephone_and_by_keyboard(shown_where):
    tester = shown_where(
        "Log in to Sociale Verzekeringsbank",
        locale="en-GB",
        color_scheme="dark",
        viewport={"width": 320, "height": 640},
    ).sees("You are already logged in")
    assert "You can do so until" in tester.text
    press = tester.page.keyboard.press
    press("Tab")
    assert tester.focused() == "Practise: how does DigiD answer?"
    press("Enter")
    for key in ("Tab", *["ArrowDown"] * 5):
        press(key)
    chosen = tester.page.locator("[name=rehearsal]:checked")
    assert chosen.get_attribute("value") == "sector"
    wide = "document.scrollingElement.scrollWidth"
    assert tester.page.evaluate(wide) <= 320
    larger = "size => document.documentElement.style.fontSize = size"
    tester.page.evaluate(larger, "200%")
    assert tester.page.evaluate(wide) <= 320, "with text of twice the size"
    tester.page.evaluate(larger, "")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert tester.page.evaluate(ground) == "rgb(16, 23, 24)"
    press("Tab")
    assert tester.focused() == "Continue"
    press("Enter")
    tester.sees("Logging in did not work")
