"""A tester rehearses the connection to DigiD, in a real browser before the demo."""

import pytest

pytestmark = pytest.mark.real

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


def test_who_cancels_is_back_where_she_began_and_reads_it_once(tester):
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
        "Te laat: DigiD kent het artifact",
        "Een antwoord waarvan de tijd voorbij is",
        "Een antwoord van tien minuten geleden",
        "Een handtekening die niet klopt",
    ],
)
def test_what_cannot_be_taken_logs_nobody_in(tester, answer):
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
