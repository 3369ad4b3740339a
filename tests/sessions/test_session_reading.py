"""A text is taken apart once, for as long as somebody is at work in its session."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import time_machine

from eilogin.sessions import Login, Subject, bounded_cache
from eilogin.sessions.session_reading import Reader
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


class TestReader:
    def test_parses_a_text_once(self, reader: Reader) -> None:
        login = reader.cached(TOKEN, STORED)
        assert login == replace(LOGIN, key="key", seen=NOON)
        parsed = reader.cache.get(TOKEN)
        assert parsed is not None
        assert parsed.login is login
        assert parsed.is_of(replace(STORED))

    def test_sees_each_change(self, reader: Reader) -> None:
        reader.cached(TOKEN, STORED)
        parsed = reader.cache.get(TOKEN)
        assert parsed is not None
        data = replace(LOGIN, level="midden").to_json()
        for changed in (replace(STORED, seen=NOON + 60), replace(STORED, data=data)):
            assert not parsed.is_of(changed)
        changed = replace(STORED, data=data)
        login = reader.cached(TOKEN, changed)
        assert login is not None
        assert login.level == "midden"
        assert reader.cache.get(TOKEN) is not parsed

    def test_parses_no_text_for_another_activity(
        self, reader: Reader, monkeypatch
    ) -> None:
        reader.cached(TOKEN, STORED)
        parsed = reader.cache.get(TOKEN)
        monkeypatch.setattr(Login, "from_json", None)
        login = reader.cached(TOKEN, replace(STORED, seen=NOON + 60), parsed)
        assert login == replace(LOGIN, key="key", seen=NOON + 60)
        latest = reader.cache.get(TOKEN)
        assert latest is not None
        assert latest.login is login

    def test_parses_another_text_for_the_same_activity(self, reader: Reader) -> None:
        reader.cached(TOKEN, STORED)
        parsed = reader.cache.get(TOKEN)
        data = replace(LOGIN, level="midden").to_json()
        login = reader.cached(TOKEN, replace(STORED, data=data), parsed)
        assert login is not None
        assert login.level == "midden"

    def test_caches_nothing_that_it_cannot_read(self, reader: Reader) -> None:
        assert reader.cached(TOKEN, replace(STORED, data="{}")) is None
        assert len(reader.cache) == 0

    def test_caches_only_so_many_octets(self, reader: Reader, monkeypatch) -> None:
        monkeypatch.setattr(bounded_cache, "MOST_OCTETS", 20_000)
        for number in range(100):
            assert reader.cached(f"{number}", STORED)
        assert len(reader.cache) <= 40
