"""Many refusals of one kind write few lines, and every reference leads to one."""

import json
import re

import pytest

from eilogin.web.reporting.refusal_log_limits import FEW, MOST_KINDS, Kind, RefusalLines

ACS = "https://uwv.test/eilogin/acs"
REFERENCE = re.compile(r"\b[2-9A-Z]{3}-[2-9A-Z]{3}\b")
MANY = 200


@pytest.fixture
def audited(caplog):
    def events() -> list[dict[str, str]]:
        lines = (r.getMessage() for r in caplog.records if r.name == "eilogin.audit")
        return [json.loads(line) for line in lines]

    caplog.set_level("INFO", "eilogin.audit")
    return events


def logged(caplog) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "eilogin"]


def references_of(browser, count: int) -> list[str]:
    """The references on the pages of as many requests of a bot."""
    shown = []
    for number in range(count):
        browser.post(ACS, SAMLResponse=f"rubbish {number}")
        shown.append(REFERENCE.search(browser.text)[0])
    return shown


def test_a_bot_fills_no_log(federation, caplog, audited) -> None:
    references_of(federation.browser(), MANY)
    assert len(logged(caplog)) <= FEW + 1
    assert len(audited()) <= FEW + 1


def test_every_reference_leads_to_a_line(federation, caplog, audited) -> None:
    shown = references_of(federation.browser(), MANY)
    starts = {line.split()[0] for line in logged(caplog)}
    assert set(shown) == starts
    assert {event["reference"] for event in audited()} == starts
    assert len(set(shown[:FEW])) == FEW, "the first ones have references of their own"
    assert len(set(shown[FEW:])) == 1
    line = next(line for line in logged(caplog) if line.startswith(shown[-1]))
    assert "further refusals of this kind" in line


def test_the_log_says_how_many_they_were(federation, caplog, clock) -> None:
    shown = references_of(federation.browser(), MANY)
    clock.shift(61)
    (later,) = references_of(federation.browser(), 1)
    assert later not in shown
    assert f"{MANY - FEW} refusals within a minute" in caplog.text
    assert logged(caplog)[-1].startswith(later)


def test_other_kinds_have_their_own_lines(federation, caplog) -> None:
    browser = federation.browser()
    references_of(browser, MANY)
    browser.visit("https://uwv.test/eilogin/nothing")
    assert logged(caplog)[-1].startswith(REFERENCE.search(browser.text)[0])


def test_each_refusal_of_signed_in_visitor_has_own_log_line(federation, caplog) -> None:
    anna = federation.browser()
    anna.visit("https://uwv.test/mijn")
    anna.press("Inloggen", username="anna", password="demo-anna")
    caplog.clear()
    shown = set()
    for _ in range(FEW + 10):
        anna.visit("https://uwv.test/eilogin/nothing")
        shown.update(REFERENCE.findall(anna.text))
    assert len(shown) == FEW + 10
    assert len(logged(caplog)) == FEW + 10


def test_kinds_are_bounded_though_anybody_may_be_claimed() -> None:
    lines = RefusalLines()
    written = 0
    for number in range(10_000):
        line, _ = lines.line_of(Kind("login", "signature-invalid", f"peer {number}"))
        written += line.is_written
    assert written <= MOST_KINDS + FEW + 1


def test_a_clock_that_is_set_back_begins_anew(clock) -> None:
    lines = RefusalLines()
    for _ in range(FEW + 5):
        lines.line_of(Kind("login", "code"))
    clock.shift(-1000)
    line, totals = lines.line_of(Kind("login", "code"))
    assert line.is_written
    assert not line.is_shared
    assert [total.times for total in totals] == [5]
