"""A damaged store: a stated answer, the cause in the log, and no other exception."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from eilogin import clock
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores import StoredSession
from eilogin.stores.sqlite import SQLiteStore

HOUR = 3600.0
NOT_UTF_8 = "CAST(x'ff00fe' AS TEXT)"

#: What a row of somebody else's making could have in any column.
ODD = [
    pytest.param("NULL", id="NULL"),
    pytest.param("x'ff00'", id="a blob"),
    pytest.param("'text'", id="a text"),
    pytest.param("7", id="a number"),
    pytest.param(NOT_UTF_8, id="no UTF-8"),
]


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    """Two sessions of one citizen, and two values."""
    opened = SQLiteStore(path)
    now = clock.now()
    for name in ("bad", "good"):
        made = StoredSession(name, '{"a": 1}', now, now + HOUR, ("anna", name))
        assert opened.create(made, issued=now)
        assert opened.append(name, f"item of {name}")
        assert opened.add(f"value {name}", "text", now + HOUR)
    yield opened
    opened.close()


@pytest.fixture
def loose(store: SQLiteStore, path: Path) -> Path:
    """The same tables, which take anything."""
    store.close()
    execute(
        path,
        "CREATE TABLE a (id INTEGER PRIMARY KEY, key, seen, until, data, labels)",
        "INSERT INTO a SELECT id, key, seen, until, data, labels FROM sessions",
        "DROP TABLE sessions",
        "ALTER TABLE a RENAME TO sessions",
        "CREATE TABLE b (id INTEGER PRIMARY KEY, key UNIQUE, until, owner, value)",
        "INSERT INTO b SELECT id, key, until, owner, value FROM texts",
        "DROP TABLE texts",
        "ALTER TABLE b RENAME TO texts",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, session, item)",
        "INSERT INTO c SELECT id, session, item FROM items",
        "DROP TABLE items",
        "ALTER TABLE c RENAME TO items",
    )
    return path


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


class TestRows:
    @pytest.mark.parametrize("odd", ODD)
    @pytest.mark.parametrize("column", ["key", "data", "seen", "until", "labels"])
    def test_of_sessions_log_nobody_in_and_stop_no_logout(
        self, store, loose, column, odd
    ) -> None:
        spoil = f"UPDATE sessions SET {column} = {odd} WHERE key = 'bad'"  # noqa: S608
        execute(loose, spoil)
        session = store.read("bad")
        is_as_before = column == "labels" or (column, odd) == ("data", "'text'")
        assert (session is not None) == is_as_before
        assert store.items("bad") in ([], ["item of bad"])
        assert "good" in store.find("anna")
        store.touch("bad", clock.now() + 9, clock.now() + 9)
        store.append("bad", "item", ("more",))
        ended = store.end(labels=["anna"])
        assert "good" in [ended_session.key for ended_session in ended]
        assert all(isinstance(ended_session.data, str) for ended_session in ended)
        assert store.read("bad") is None
        assert store.read("good") is None

    @pytest.mark.parametrize("odd", ODD)
    def test_of_items_are_left_out(self, store, loose, odd) -> None:
        with closing(sqlite3.connect(loose, isolation_level=None)) as other:
            other.execute(
                f"UPDATE items SET item = {odd} WHERE item = 'item of bad'"  # noqa: S608
            )
        store.append("bad", "second")
        expected = ["text", "second"] if odd == "'text'" else ["second"]
        assert store.items("bad") == expected
        [ended] = store.end(keys=["bad"])
        assert list(ended.items) == expected

    @pytest.mark.parametrize("odd", ODD)
    @pytest.mark.parametrize("column", ["value", "until"])
    @pytest.mark.parametrize("verb", ["get", "take"])
    def test_of_values_are_none(self, store, loose, column, odd, verb) -> None:
        spoil = f"UPDATE texts SET {column} = {odd} WHERE key = 'value bad'"  # noqa: S608
        execute(loose, spoil)
        is_sound = (column, odd) == ("value", "'text'")
        assert getattr(store, verb)("value bad") == ("text" if is_sound else None)
        assert store.get("value good") == "text"

    def test_are_told_once_in_a_while(self, store, loose, caplog) -> None:
        execute(loose, "UPDATE sessions SET data = x'ff' WHERE key = 'bad'")
        for _ in range(5):
            assert store.read("bad") is None
        [line] = caplog.messages
        assert str(loose) in line
        assert "cannot be read" in line

    def test_text_with_invalid_owner_counts_as_unowned(self, store, loose) -> None:
        execute(loose, "UPDATE texts SET owner = 'nobody' WHERE key = 'value bad'")
        assert store.swap("value bad", "text", "new", clock.now() + 60)
        assert store.get("value bad") == "new"


def no_other_exception(path: Path) -> None:
    """Every verb, on whatever stands there."""
    store = SQLiteStore(path, 0.1)
    now = clock.now()
    with suppress(ConfigurationError):
        store.prepare()
    verbs = (
        lambda: store.read("good"),
        lambda: store.items("good"),
        lambda: store.find("anna"),
        lambda: store.get("value good"),
        lambda: store.touch("good", now + 9, now + 9),
        lambda: store.add("new", "text", now + HOUR, owner="good"),
        lambda: store.swap("value good", "text", "new", now + HOUR),
        lambda: store.take("value good"),
        lambda: store.append("good", "item", ("more",)),
        lambda: store.create(
            StoredSession("new", "{}", now, now + HOUR, ("anna",)),
            issued=now,
            replaces="good",
        ),
        lambda: store.end(labels=["anna"], mark=now, mark_until=now + HOUR),
        store.figures,
        store.end_all,
    )
    for verb in verbs:
        with suppress(StoreUnavailable):
            verb()
    store.close()


class TestFiles:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"x" * 8192, id="something else"),
            pytest.param(b"SQLite format 3\0" + b"x" * 8192, id="almost SQLite"),
        ],
    )
    def test_that_are_something_else_are_refused(self, path, content) -> None:
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=str(path)):
            SQLiteStore(path).prepare()
        with pytest.raises(StoreUnavailable, match=str(path)):
            SQLiteStore(path).read("good")
        with pytest.raises(StoreUnavailable, match=str(path)):
            SQLiteStore(path).take("value good")
        assert path.read_bytes() == content

    def test_that_were_cut_off_are_refused(self, store, path) -> None:
        store.close()
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(
            ConfigurationError, match=r"is damaged: .*malformed"
        ) as raised:
            SQLiteStore(path).prepare()
        message = str(raised.value)
        assert "move this file away, and restore a backup" in message
        assert "may write" not in message
        no_other_exception(path)

    def test_that_were_emptied_are_a_store_in_which_nobody_is(
        self, store, path, caplog
    ) -> None:
        store.close()
        path.write_bytes(b"")
        SQLiteStore(path).prepare()
        assert store.read("good") is None
        assert "as if put back by hand" in caplog.text
        # What was used before is not known any more: nobody logs in by what is old.
        now = clock.now()
        made = StoredSession("new", "{}", now, now + HOUR)
        assert not store.create(made, issued=now - 1)
        assert store.create(made, issued=now + 1)

    def test_lose_a_table_while_at_work(self, store, path) -> None:
        assert store.read("good") is not None
        execute(path, "DROP TABLE sessions")
        with pytest.raises(StoreUnavailable, match="sessions"):
            store.read("good")
        with pytest.raises(StoreUnavailable, match="no such table: sessions"):
            store.end(labels=["anna"])
        with pytest.raises(StoreUnavailable, match="is damaged"):
            store.end(labels=["anna"])

    def test_with_any_bytes_in_them_raise_nothing_else(self, store, path) -> None:
        store.close()
        whole = path.read_bytes()
        chance = random.Random(7)  # noqa: S311 - the same every time
        for _ in range(60):
            spoilt = bytearray(whole)
            for _ in range(chance.choice((1, 10, 100, 1000))):
                spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
            for leftover in path.parent.glob(f"{path.name}-*"):
                leftover.unlink()
            path.write_bytes(spoilt)
            no_other_exception(path)

    def test_say_of_themselves_what_is_no_text(self, store, path) -> None:
        store.close()
        spoil = f"UPDATE meta SET value = {NOT_UTF_8} WHERE name = 'epoch'"  # noqa: S608
        execute(path, spoil)
        with pytest.raises(StoreUnavailable, match="UTF-8"):
            store.read("good")
        with pytest.raises(ConfigurationError, match="UTF-8"):
            store.prepare()

    def test_say_of_themselves_what_is_no_number(self, store, path) -> None:
        store.close()
        execute(path, "UPDATE meta SET value = 'many' WHERE name = 'epoch'")
        assert store.read("good") is None
