"""The pages for auditors list every event and every cookie of the code."""

import re
from pathlib import Path

import pytest

import eilogin

HOUSE = Path(eilogin.__file__).parent
AUDIT = HOUSE.parent / "contrib" / "manual" / "audit"
SOURCES = "\n".join(file.read_text("utf-8") for file in sorted(HOUSE.rglob("*.py")))

EVENTS = set(re.findall(r'audit\.event\(\s*"([a-z.-]+)"', SOURCES))
EVENTS |= set(re.findall(r'"(trust\.[a-z]+)"', SOURCES))
EVENTS |= set(re.findall(r'_note\((?:case, )?"([a-z]+\.[a-z-]+)"', SOURCES))
COOKIES = set(re.findall(r'Cookie\("(eilogin-[a-z-]+)"', SOURCES))
COOKIES |= set(re.findall(r'_COOKIES = "(eilogin-[a-z-]+)"', SOURCES))


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_the_page_of_events_lists_each_event(event):
    assert f"\n``{event}`` " in (AUDIT / "events.rst").read_text("utf-8")


@pytest.mark.parametrize("cookie", sorted(COOKIES))
def test_the_page_of_personal_data_lists_each_cookie(cookie):
    assert f"\n``{cookie}" in (AUDIT / "data.rst").read_text("utf-8")


def test_finds_the_events_and_cookies_of_the_code():
    assert {"session.ended", "trust.waiting", "store.end-all"} < EVENTS
    assert {"eilogin-known", "eilogin-login-"} < COOKIES
