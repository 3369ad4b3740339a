"""A text is taken apart once, for as long as somebody is at work in its session."""

# ruff: noqa: SLF001 - what is remembered is nobody else's business

from dataclasses import replace

import pytest

from eilogin.sessions import Login, Subject, reading
from eilogin.sessions.reading import REMEMBERED_FOR, Reader
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


@pytest.fixture
def reader() -> Reader:
    return Reader()


def remembered(reader: Reader) -> set[str]:
    return {*reader._young, *reader._old}


class TestReader:
    def test_takes_the_same_text_apart_once(self, reader: Reader) -> None:
        first = reader.login(STORED, NOON)
        assert first == replace(LOGIN, key="key", seen=NOON)
        assert reader.login(STORED, NOON + 1) is first
        assert reader.login(STORED, NOON + REMEMBERED_FOR) is first
        assert reader.login(STORED, NOON + 2 * REMEMBERED_FOR) is first

    @pytest.mark.parametrize("seconds", [0, REMEMBERED_FOR])
    def test_sees_each_change(self, reader: Reader, seconds: float) -> None:
        reader.login(STORED, NOON)
        seen = reader.login(replace(STORED, seen=NOON + 60), NOON + seconds)
        assert seen is not None
        assert seen.seen == NOON + 60
        data = replace(LOGIN, level="midden").to_json()
        changed = reader.login(replace(STORED, data=data), NOON + seconds)
        assert changed is not None
        assert changed.level == "midden"

    def test_forgets_what_nobody_asks_for(self, reader: Reader) -> None:
        reader.login(STORED, NOON)
        for minute in (1, 2):
            other = replace(STORED, key=f"other{minute}")
            reader.login(other, NOON + minute * REMEMBERED_FOR)
        assert remembered(reader) == {"other1", "other2"}

    def test_forgets_what_is_over(self, reader: Reader) -> None:
        reader.login(STORED, NOON)
        reader.forget("key")
        reader.forget("key")
        assert not remembered(reader)

    def test_remembers_only_so_many(self, reader: Reader, monkeypatch) -> None:
        monkeypatch.setattr(reading, "MOST_REMEMBERED", 10)
        for number in range(100):
            assert reader.login(replace(STORED, key=f"{number}"), NOON)
        assert len(remembered(reader)) <= 20

    def test_goes_on_when_the_clock_is_stepped_back(self, reader: Reader) -> None:
        reader.login(STORED, NOON)
        reader.login(STORED, NOON - 3600)
        for minute in (1, 2):
            other = replace(STORED, key=f"other{minute}")
            reader.login(other, NOON - 3600 + minute * REMEMBERED_FOR)
        assert remembered(reader) == {"other1", "other2"}
