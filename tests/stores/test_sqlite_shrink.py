"""A file of SQLite gives back the space that it does not need any more."""

import sqlite3
from contextlib import closing

import pytest

from eilogin import clock
from eilogin.stores import StoredSession
from eilogin.stores.sqlite import (
    SQLiteStore,
    disk_space,
    sqlite_connections,
    sqlite_rows,
)

HOUR = 3600.0
NOON = 1_800_000_000.0


@pytest.fixture(autouse=True)
def _each_write_counts(monkeypatch) -> None:
    """As if a second lay between any two writes."""
    monkeypatch.setattr(sqlite_connections, "PULSE", 0.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def store(path):
    store = SQLiteStore(path)
    store.prepare()
    yield store
    store.close()


def fill(store, megabytes: int) -> None:
    for number in range(megabytes * 10):
        assert store.add(f"form {number}", "x" * 100_000, clock.now() + HOUR)


def write_on(store, times: int) -> None:
    for number in range(times):
        assert store.add(f"then {number}", "", clock.now() + HOUR)


def pages_of(path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("PRAGMA page_count").fetchone()
    return count


def test_a_file_shrinks_after_its_values_are_over(store, path, clock_at_noon) -> None:
    fill(store, 12)
    most = pages_of(path)
    clock_at_noon.shift(2 * HOUR)
    write_on(store, 20)
    assert pages_of(path) <= disk_space.SPARE + disk_space.AT_ONCE
    store.close()
    assert path.stat().st_size < most * 4096 / 2


def test_one_write_gives_back_a_bounded_number_of_pages(
    store, path, clock_at_noon
) -> None:
    fill(store, 12)
    clock_at_noon.shift(2 * HOUR)
    before = pages_of(path)
    for number in range(5):
        write_on(store, 1) if number == 0 else store.add(
            f"{number}", "", clock.now() + 9
        )
        now = pages_of(path)
        # And the map of those pages.
        assert before - now <= disk_space.AT_ONCE + 2
        before = now


def test_a_file_of_an_earlier_version_shrinks_too(path, clock_at_noon, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(disk_space, "set_up", lambda _: None)
        patch.setattr(disk_space, "rewrite", lambda *_: None)
        old = SQLiteStore(path)
        old.prepare()
        fill(old, 12)
        session = StoredSession("ab:key", "{}", NOON, NOON + 9 * HOUR, ("ab:label",))
        assert old.create(session, issued=NOON)
        old.close()
    store = SQLiteStore(path)
    store.prepare()
    assert store.read("ab:key") is not None
    assert store.find("ab:label") == ["ab:key"]
    clock_at_noon.shift(2 * HOUR)
    write_on(store, 20)
    assert pages_of(path) <= disk_space.SPARE + disk_space.AT_ONCE
    assert store.read("ab:key") is not None
    store.close()


def test_the_log_beside_a_file_does_not_stay_long(store, path, monkeypatch) -> None:
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM texts").fetchone()
    fill(store, 12)
    log = path.with_name("store.db-wal")
    assert log.stat().st_size > disk_space.LONGEST_LOG
    reader.execute("COMMIT")
    reader.close()
    fill_again = [f"later {number}" for number in range(20)]
    for name in fill_again:
        assert store.add(name, "x" * 100_000, clock.now() + HOUR)
    assert log.stat().st_size <= disk_space.LONGEST_LOG


def test_little_is_left_of_a_session_that_was_ended(store, path, clock_at_noon) -> None:
    labels = tuple(f"ab:{'x' * 70}{number}" for number in range(7))
    for number in range(200):
        key = f"ab:{number}"
        made = StoredSession(key, "x" * 600, NOON, NOON + 2 * HOUR, labels)
        assert store.create(made, issued=NOON)
        assert store.end(keys=[key])
    clock_at_noon.shift(sqlite_rows.ENDED_KEPT_FOR + 1)
    write_on(store, 20)
    with closing(sqlite3.connect(path)) as connection:
        for table in ("sessions", "labels"):
            (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - ours
            assert count == 0
