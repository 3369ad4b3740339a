"""The accessibility statement, as options say it."""

from datetime import date

import pytest
import time_machine
from key_pairs import key_pair
from pydantic import TypeAdapter, ValidationError

from eilogin.config import attempt
from eilogin.federation.local.accessibility import (
    Accessibility,
    ContactAddress,
    Day,
    Gaps,
)
from eilogin.federation.local.local_options import OwnOptions, own_of

WHOLE = {
    "accessibility_status": "partly",
    "accessibility_date": "2026-12-01",
    "accessibility_contact": "toegankelijk@uwv.test",
    "accessibility_report": "https://uwv.test/rapport.pdf",
    "accessibility_gaps": "Het contrast is te laag.\n  De video heeft geen tekst.",
}


@pytest.fixture
def told(key_files):
    """What options give, and what they are told."""

    def read(**values):
        said = {"public_url": "https://uwv.test", **key_files, **values}
        with time_machine.travel("2026-12-01T23:30:00Z"):
            options, faults = attempt(OwnOptions, "app.ini", "filter:x", said)
        return own_of(options) if options else None, [str(one) for one in faults]

    return read


@pytest.fixture
def key_files(tmp_path):
    paths = {name: tmp_path / name for name in ("key", "certificate")}
    for path, octets in zip(paths.values(), key_pair("site"), strict=True):
        path.write_bytes(octets)
    return {name: str(path) for name, path in paths.items()}


def test_is_missing_where_nothing_is_said_of_it(told):
    own, _ = told()
    assert own.accessibility is None
    assert own.accessibility_url == ""


def test_says_how_far_the_pages_are(told):
    own, faults = told(**WHOLE)
    assert faults == []
    assert own.accessibility == Accessibility(
        status="partly",
        contact="mailto:toegankelijk@uwv.test",
        date=date(2026, 12, 1),
        report="https://uwv.test/rapport.pdf",
        gaps={"nl": ("Het contrast is te laag.", "De video heeft geen tekst.")},
    )
    assert own.accessibility_url == "https://uwv.test/eilogin/accessibility"


def test_has_the_address_of_the_help_desk_where_it_names_none(told):
    own, _ = told(
        accessibility_status="none",
        accessibility_date="2026-12-02",
        email="help@uwv.test",
        accessibility_gaps_en="The contrast is too low.",
    )
    assert own.accessibility.contact == "mailto:help@uwv.test"
    assert own.accessibility.gaps == {"en": ("The contrast is too low.",)}


@pytest.mark.parametrize(
    ("missing", "status"),
    [
        ("accessibility_date", "none"),
        ("accessibility_contact", "none"),
        ("accessibility_report", "full"),
        ("accessibility_report", "partly"),
        ("accessibility_gaps", "first"),
    ],
)
def test_needs_what_the_law_asks_of_it(told, missing, status):
    said = {name: value for name, value in WHOLE.items() if name != missing}
    _, [fault] = told(**said | {"accessibility_status": status})
    assert f"{missing}: is required with accessibility_status = {status}" in fault


def test_is_not_begun_without_its_status(told):
    _, [fault] = told(accessibility_date="2026-12-01")
    assert "accessibility_status: is required beside 'accessibility_date'" in fault


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("status", "AA", "'full', 'partly', 'first' or 'none'"),
        ("date", "2026-12-03", "a date that is not in the future"),
        ("date", "1 december", "a date such as '2026-12-01'"),
        ("contact", "javascript:alert(1)", "an e-mail address, or an https address"),
        ("report", "javascript:alert(1)", "an address such as"),
        ("appeal", "data:text/html,x", "an address such as"),
        ("gaps", "x\x07", "a sentence of at most 500 characters"),
        ("gaps", "x\n" * 31, "at most 30 lines"),
    ],
)
def test_refuses_what_it_cannot_say(told, option, value, expected):
    _, faults = told(**WHOLE | {f"accessibility_{option}": value})
    assert any(expected in fault for fault in faults), faults


def test_values_that_are_no_text_stay_as_they_are():
    day = date(2026, 12, 1)
    assert TypeAdapter(Day).validate_python(day) == day
    assert TypeAdapter(Gaps).validate_python(("x",)) == ("x",)
    with pytest.raises(ValidationError, match="a valid string"):
        TypeAdapter(ContactAddress).validate_python(1)
