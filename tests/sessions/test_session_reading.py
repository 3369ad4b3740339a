"""A text is taken apart once, for as long as somebody is at work in its session."""

# ruff: noqa: SLF001 - what is remembered is nobody else's business

from collections.abc import Iterator
from dataclasses import replace

import pytest
import time_machine

from eilogin.sessions import Login, Subject, session_reading
from eilogin.sessions.session_reading import REMEMBERED_FOR, Reader
from eilogin.stores import StoredSession

NOON = 1_800_000_000.0
LOGIN = Login(
    who=Subject("https://hub.test/metadata", "https://uwv.test/metadata", "anna"),
    level="basis",
    started=NOON,
    ends=NOON + 7200,
    confirmed=NOON,
)
STORED = StoredSession("key", LOGIN.to_json(), NOON, LOGIN.ends)


TOKEN = "token"


@pytest.fixture(autouse=True)
def travel() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def reader() -> Reader:
    return Reader()


def remembered(reader: Reader) -> set[str]:
    return {*reader.recent, *reader._older}


class TestReader:
    def test_takes_the_same_text_apart_once(self, reader: Reader, travel) -> None:
        first = reader.remembered(TOKEN, STORED)
        assert first == replace(LOGIN, key="key", seen=NOON)
        assert reader.recent[TOKEN].login is first
        travel.shift(REMEMBERED_FOR)
        assert reader.remembered(TOKEN, STORED) is first

    @pytest.mark.parametrize("seconds", [0, REMEMBERED_FOR])
    def test_sees_each_change(self, reader: Reader, travel, seconds: float) -> None:
        reader.remembered(TOKEN, STORED)
        travel.shift(seconds)
        login = reader.remembered(TOKEN, replace(STORED, seen=NOON + 60))
        assert login is not None
        assert login.seen == NOON + 60
        data = replace(LOGIN, level="midden").to_json()
        changed = reader.remembered(TOKEN, replace(STORED, data=data))
        assert changed is not None
        assert changed.level == "midden"

    def test_forgets_what_nobody_asks_for(self, reader: Reader, travel) -> None:
        reader.remembered(TOKEN, STORED)
        for other in ("one", "another"):
            travel.shift(REMEMBERED_FOR)
            reader.remembered(other, STORED)
        assert remembered(reader) == {"one", "another"}

    def test_forgets_what_is_over(self, reader: Reader) -> None:
        reader.remembered(TOKEN, STORED)
        reader.forget(TOKEN)
        reader.forget(TOKEN)
        assert not remembered(reader)

    def test_remembers_nothing_that_it_cannot_read(self, reader: Reader) -> None:
        assert reader.remembered(TOKEN, replace(STORED, data="{}")) is None
        assert not remembered(reader)

    def test_remembers_only_so_many(self, reader: Reader, monkeypatch) -> None:
        monkeypatch.setattr(session_reading, "MOST_REMEMBERED", 10)
        for number in range(100):
            assert reader.remembered(f"{number}", STORED)
        assert len(remembered(reader)) <= 20

    def test_goes_on_when_the_clock_is_stepped_back(self, reader, travel) -> None:
        reader.remembered(TOKEN, STORED)
        travel.shift(-3600)
        for other in ("one", "another"):
            reader.remembered(other, STORED)
            travel.shift(REMEMBERED_FOR)
        assert remembered(reader) == {"one", "another"}
