"""Tables of an older version, of a later one, and two versions side by side."""

# ruff: noqa: SLF001 - the plans of statements are looked at from inside

import json
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from eilogin import clock
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores import StoredSession
from eilogin.stores.sqlite import SQLiteStore, sqlite_schema
from eilogin.stores.sqlite.sqlite_schema import number_of
from eilogin.stores.store_interface import SWEEP

LATER = Path(__file__).with_name("later.py")
HOUR = 3600.0

VERSION_1 = Path(__file__).with_name("version_1.sql").read_text()


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    opened = SQLiteStore(path)
    yield opened
    opened.close()


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def shape(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT type, name, sql FROM sqlite_master ORDER BY name"
        ).fetchall()


@pytest.fixture
def version_1(path: Path) -> Path:
    until = clock.now() + HOUR
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(VERSION_1)
        old.executemany(
            "INSERT INTO session VALUES (?, ?, 1.0, ?)",
            [("a" * 64, '{"anna": 1}', until), ("b" * 64, "{}", until)],
        )
        old.executemany(
            "INSERT INTO label VALUES (?, ?)",
            [("anna", "a" * 64), ("index", "a" * 64), ("bert", "b" * 64)],
        )
        old.executemany(
            "INSERT INTO item (session, item) VALUES (?, ?)",
            [("a" * 64, "uwv"), ("b" * 64, "stad"), ("a" * 64, "kadaster")],
        )
        old.executemany(
            "INSERT INTO value VALUES (?, ?, ?, ?)",
            [("used", "", until, None), ("hers", "text", until, "a" * 64)],
        )
        old.execute("INSERT INTO mark VALUES ('gone', ?, ?)", (until, until))
    return path


class TestAnOlderFile:
    def test_keeps_its_live_sessions_and_all_that_is_theirs(self, version_1) -> None:
        store = SQLiteStore(version_1)
        store.prepare()
        session = store.read("a" * 64)
        assert session is not None
        assert (session.data, session.seen) == ('{"anna": 1}', 1.0)
        assert store.items("a" * 64) == ["uwv", "kadaster"]
        assert store.find("bert") == ["b" * 64]
        assert not store.add("used", "", clock.now() + 60)
        assert store.get("hers") == "text"
        now = clock.now()
        marked = StoredSession("new", "{}", now, now + 60, ("gone",))
        assert not store.create(marked, issued=now)
        [ended] = store.end(labels=["anna"])
        assert (ended.key, ended.items) == ("a" * 64, ("uwv", "kadaster"))
        assert store.find("index") == []
        assert store.get("hers") is None
        assert store.read("b" * 64) is not None
        store.close()

    def test_has_the_same_tables_afterwards_as_a_new_one(
        self, version_1: Path, tmp_path: Path
    ) -> None:
        SQLiteStore(version_1).prepare()
        SQLiteStore(tmp_path / "new.db").prepare()
        assert shape(version_1) == shape(tmp_path / "new.db")

    def test_is_left_as_it_is_where_a_step_fails(self, version_1, monkeypatch) -> None:
        monkeypatch.setitem(
            sqlite_schema.STEPS,
            1,
            (*sqlite_schema.STEPS[1], "INSERT INTO nowhere VALUES (1)"),
        )
        before = shape(version_1)
        with pytest.raises(ConfigurationError, match="no such table: nowhere"):
            SQLiteStore(version_1).prepare()
        assert shape(version_1) == before

    def test_is_brought_up_to_date_once_by_many(self, version_1: Path) -> None:
        barrier = threading.Barrier(8)
        faults: list[Exception] = []

        def prepare() -> None:
            barrier.wait()
            try:
                SQLiteStore(version_1).prepare()
            except Exception as fault:  # noqa: BLE001 - whatever it is
                faults.append(fault)

        threads = [threading.Thread(target=prepare) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        store = SQLiteStore(version_1)
        assert store.items("a" * 64) == ["uwv", "kadaster"]
        store.close()

    def test_fails_closed_for_a_process_that_is_older(self, version_1: Path) -> None:
        """It finds no table, where it might else have ended nothing and said so."""
        with closing(sqlite3.connect(version_1, isolation_level=None)) as old:
            key = ("a" * 64,)
            question = "SELECT data FROM session WHERE key = ?"
            assert old.execute(question, key).fetchall()
            SQLiteStore(version_1).prepare()
            for statement in (question, "DELETE FROM session WHERE key = ?"):
                with pytest.raises(sqlite3.OperationalError, match="no such table"):
                    old.execute(statement, key)


class TestALaterFile:
    @pytest.fixture
    def later(self, path: Path) -> Path:
        SQLiteStore(path).prepare()
        execute(
            path,
            "ALTER TABLE sessions ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'",
            "ALTER TABLE texts ADD COLUMN colour TEXT",
            "CREATE TABLE colours (name TEXT)",
            "UPDATE meta SET value = '9' WHERE name = 'schema'",
        )
        return path

    def test_is_used_where_it_says_that_we_may(self, later: Path) -> None:
        store = SQLiteStore(later)
        store.prepare()
        now = clock.now()
        made = StoredSession("key", "{}", now, now + HOUR, ("label",))
        assert store.create(made, issued=now)
        assert store.add("value", "text", now + HOUR, owner="key")
        assert [session.key for session in store.end(labels=["label"])] == ["key"]
        assert store.get("value") is None
        store.close()

    def test_is_refused_where_it_says_that_we_may_not(self, later: Path) -> None:
        execute(later, "UPDATE meta SET value = '8' WHERE name = 'oldest'")
        with pytest.raises(ConfigurationError) as refused:
            SQLiteStore(later).prepare()
        for text in (str(later), "version 9", "version 8", "version 2"):
            assert text in str(refused.value)

    def test_is_named_once_in_what_is_said_of_it(self, later: Path) -> None:
        execute(later, "UPDATE meta SET value = '8' WHERE name = 'oldest'")
        store = SQLiteStore(later)
        for verb in (store.figures, store.end_all):
            with pytest.raises(StoreUnavailable) as refused:
                verb()
            assert str(refused.value).startswith(f"the store {later} has tables of")
            assert "does not answer" not in str(refused.value)
            assert str(refused.value).count(str(later)) == 1

    def test_that_came_in_our_place_answers_nothing_any_more(self, later) -> None:
        store = SQLiteStore(later)
        store.prepare()
        execute(
            later,
            "ALTER TABLE sessions RENAME TO logins",
            "UPDATE meta SET value = '8' WHERE name = 'oldest'",
        )
        with pytest.raises(StoreUnavailable, match="expected the eilogin that wrote"):
            store.read("key")
        with pytest.raises(StoreUnavailable, match="expected the eilogin that wrote"):
            store.end(keys=["key"])


@contextmanager
def later_process(path: Path) -> Iterator["LaterProcess"]:
    process = subprocess.Popen(
        [sys.executable, str(LATER), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield LaterProcess(process)
    finally:
        process.kill()
        process.communicate()


class LaterProcess:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def do(self, verb: str, name: str = "-") -> object:
        self.process.stdin.write(f"{verb} {name}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def test_two_versions_work_side_by_side(path: Path, store: SQLiteStore) -> None:
    now = clock.now()

    def create(name: str) -> bool:
        made = StoredSession(name, "{}", now, now + HOUR, (f"label-{name}",))
        return store.create(made, issued=now)

    store.prepare()
    assert create("before")
    with later_process(path) as later:
        assert later.do("prepare") == sqlite_schema.SCHEMA_VERSION + 1
        version = sqlite_schema.SCHEMA_VERSION + 1
        assert store.figures().kinds == (f"SQLite, tables of version {version}",)
        assert later.do("read", "before")
        assert create("ours")
        assert later.do("create", "theirs")
        assert store.read("theirs") is not None
        assert later.do("read", "ours")
        assert later.do("end", "ours") == ["ours"]
        assert store.read("ours") is None
        assert [session.key for session in store.end(labels=["label-theirs"])] == [
            "theirs"
        ]
        assert not later.do("read", "theirs")
        assert later.do("end", "before") == ["before"]
        # One more process of ours starts, as after a crash.
        again = SQLiteStore(path)
        again.prepare()
        assert again.read("before") is None
        again.close()


def test_an_sqlite_that_is_too_old_is_told(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(ConfigurationError, match=r"expected 3\.35 or later"):
        SQLiteStore(path).prepare()


class TestNumbers:
    def test_come_from_the_hash_that_a_key_ends_in(self) -> None:
        assert number_of(f"ab:{'f' * 64}") == 16**15 - 1

    @pytest.mark.parametrize(
        "key", ["", "key", "x" * 64, "é" * 40, "\ud800" * 40, f"{'f' * 63}g"]
    )
    def test_come_from_any_text(self, key: str) -> None:
        assert 0 <= number_of(key) < 2**63
        assert number_of(key) == number_of(key)

    def test_that_two_keys_share_are_no_session_of_the_other(self, store) -> None:
        now = clock.now()
        key, other_key = (f"{name * 49}{'0' * 15}" for name in "ab")
        assert number_of(key) == number_of(other_key)
        assert store.create(StoredSession(key, "{}", now, now + HOUR), issued=now)
        assert not store.create(
            StoredSession(other_key, "{}", now, now + 9), issued=now
        )
        assert store.read(other_key) is None
        assert not store.touch(other_key, now + 9, now + 9)
        assert not store.append(other_key, "item")
        assert store.items(other_key) == store.end(keys=[other_key]) == []
        assert store.read(key) is not None


class TestPlans:
    """No verb looks through a table: with a million sessions that takes seconds."""

    @staticmethod
    def verbs(store: SQLiteStore) -> None:
        now = clock.now()
        for name in ("one", "two"):
            made = StoredSession(name, "{}", now, now + HOUR, ("label", name))
            assert store.create(made, issued=now)
            store.append(name, "item", ("more",))
            store.add(f"value-{name}", "text", now + HOUR, owner=name)
        store.add("free", "text", now + HOUR)
        heir = StoredSession("heir", "{}", now, now + HOUR, ("label",))
        assert store.create(heir, issued=now, replaces="one")
        store.touch("heir", now + 1, now + 1)
        store.items("heir")
        store.find("label")
        store.get("free")
        store.swap("free", "text", "new", now + HOUR)
        store.take("free")
        store.end(keys=["two"], labels=["label"], mark=now, mark_until=now + HOUR)

    def test_have_no_scan_in_them(self, store, clock_at_noon, monkeypatch) -> None:
        plans: list[str] = []
        real = sqlite3.connect

        def connect(*args: object, **options: object) -> sqlite3.Connection:
            connection = real(*args, **options)
            connection.set_trace_callback(plans.append)
            return connection

        store.prepare()
        monkeypatch.setattr(sqlite3, "connect", connect)
        self.verbs(store)
        clock_at_noon.shift(2 * HOUR)
        store.read("heir")
        store.take("unknown")  # and sweeps
        store.close()
        monkeypatch.undo()
        looking = {s for s in plans if s.split()[0] in self.LOOKING}
        # What the file says of itself is some lines long, for ever.
        verbs = [s for s in looking if not re.search("sqlite_master| meta|LIMIT 0", s)]
        assert len(verbs) > 40
        for verb in verbs:
            plan = store._ask(f"EXPLAIN QUERY PLAN {verb}", ())
            scans = [step for *_, step in plan if step.startswith("SCAN")]
            assert [s for s in scans if s != "SCAN CONSTANT ROW"] == [], verb

    LOOKING = ("SELECT", "UPDATE", "DELETE", "INSERT")

    def test_of_sweeping_take_every_kind(self, store, clock_at_noon) -> None:
        self.verbs(store)
        clock_at_noon.shift(2 * HOUR)
        store.take("unknown")
        for table in ("sessions", "labels", "items", "texts", "marks"):
            assert store._ask(f"SELECT count(*) FROM {table}", ()) == [(0,)]  # noqa: S608

    def test_one_verb_sweeps_only_a_little(self, store, clock_at_noon, now) -> None:
        for number in range(SWEEP + 1):
            made = StoredSession(str(number), "{}", now, now + 1, ("label",))
            assert store.create(made, issued=now)
        clock_at_noon.shift(2)
        store.take("unknown")
        assert store._ask("SELECT count(*) FROM labels", ()) == [(1,)]
