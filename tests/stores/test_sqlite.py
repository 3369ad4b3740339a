# ruff: noqa: SLF001 - faults and forks are brought about from inside

import gc
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eilogin import clock
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores import StoredSession
from eilogin.stores.sqlite import (
    SQLiteStore,
    sqlite_connections,
    sqlite_rows,
    sqlite_schema,
)
from eilogin.stores.store_interface import SWEEP

RACER = Path(__file__).with_name("racer.py")


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    opened = SQLiteStore(path)
    yield opened
    opened.close()


def session(key: str = "key") -> StoredSession:
    now = clock.now()
    return StoredSession(key, "{}", now, now + 3600, ("subject",))


def open_files(path: Path) -> list[str]:
    """What this process holds open of the store."""
    descriptors = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if target.startswith(str(path)):
            descriptors.append(target)
    return descriptors


class TestFile:
    def test_is_not_made_before_the_first_verb(self, path: Path) -> None:
        SQLiteStore(path)
        assert not path.exists()

    def test_is_for_this_user_alone(self, store: SQLiteStore, path: Path) -> None:
        store.add("key", "value", clock.now() + 60)
        files = [path, Path(f"{path}-wal"), Path(f"{path}-shm")]
        modes = [stat.S_IMODE(file.stat().st_mode) for file in files]
        assert modes == [0o600] * 3

    def test_that_is_there_keeps_its_mode(self, path: Path) -> None:
        path.touch()
        path.chmod(0o660)
        SQLiteStore(path).prepare()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660

    def test_is_in_wal_mode_and_keeps_nothing_of_what_is_gone(
        self, store: SQLiteStore
    ) -> None:
        assert store._ask("PRAGMA journal_mode", ()) == [("wal",)]
        assert store._ask("PRAGMA secure_delete", ()) == [(1,)]

    def test_keeps_everything_over_a_restart(self, path: Path) -> None:
        now = clock.now()
        first = SQLiteStore(path)
        assert first.create(session(), issued=now)
        first.append("key", "item", ("participant",))
        first.touch("key", now + 1, now + 1)
        first.add("owned", "one", now + 60, owner="key")
        first.end(labels=["gone"], mark=now, mark_until=now + 60)
        first.close()
        second = SQLiteStore(path)
        stored = second.read("key")
        assert stored is not None
        assert stored.seen == now + 1
        assert second.items("key") == ["item"]
        assert second.find("participant") == ["key"]
        marked = StoredSession("new", "{}", now, now + 60, ("gone",))
        assert not second.create(marked, issued=now)
        second.end(keys=["key"])
        second.close()
        third = SQLiteStore(path)
        assert third.read("key") is None
        assert third.get("owned") is None
        third.close()


class TestPrepare:
    def test_makes_the_file_and_leaves_nothing_open(self, path: Path) -> None:
        SQLiteStore(path).prepare()
        assert path.is_file()
        assert open_files(path) == []

    def test_says_yes_to_what_is_there(self, path: Path) -> None:
        SQLiteStore(path).prepare()
        SQLiteStore(path).prepare()

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda path: path.mkdir(), id="a folder"),
            pytest.param(lambda path: path.write_text("x" * 4096), id="another file"),
            pytest.param(
                lambda path: path.parent.rmdir(), id="a folder that is missing"
            ),
            pytest.param(
                lambda path: (path.parent.rmdir(), path.parent.touch()),
                id="a file in place of the folder",
            ),
        ],
    )
    def test_refuses_what_cannot_be_written_and_names_it(self, tmp_path, spoil) -> None:
        path = tmp_path / "var" / "store.db"
        path.parent.mkdir()
        spoil(path)
        with pytest.raises(ConfigurationError, match=str(path)):
            SQLiteStore(path).prepare()
        assert open_files(path) == []

    def test_refuses_the_tables_of_somebody_else(self, path: Path) -> None:
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE session (id)")
        other.close()
        with pytest.raises(ConfigurationError, match="has the tables session"):
            SQLiteStore(path).prepare()

    @pytest.mark.parametrize(
        ("spoil", "tables"),
        [
            pytest.param(
                "DELETE FROM meta", "no version that this eilogin knows", id="not told"
            ),
            pytest.param(
                "UPDATE meta SET value = 'two' WHERE name = 'schema'",
                "no version that this eilogin knows",
                id="no number",
            ),
            pytest.param("DROP TABLE marks", "no such table: marks", id="no table"),
            pytest.param(
                "ALTER TABLE texts RENAME owner TO whose",
                "no such column: owner",
                id="no column",
            ),
        ],
    )
    def test_refuses_tables_that_it_does_not_know(self, path, spoil, tables) -> None:
        SQLiteStore(path).prepare()
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute(spoil)
        other.close()
        with pytest.raises(ConfigurationError, match=tables):
            SQLiteStore(path).prepare()


class TestDurability:
    """What SQLite waits for at the COMMIT of each verb (PRAGMA synchronous)."""

    FULL, NORMAL = 2, 1

    @pytest.fixture
    def synced(self, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        assert store.create(session(), issued=clock.now())
        store.add("value", "old", clock.now() + 60)
        modes: list[int] = []
        real = sqlite_rows.sweep

        def note(write: sqlite3.Connection, now: float) -> None:
            modes.extend(*write.execute("PRAGMA synchronous"))
            real(write, now)

        monkeypatch.setattr(sqlite_rows, "sweep", note)
        return modes

    @pytest.mark.parametrize(
        ("verb", "level"),
        [
            pytest.param(
                lambda s, now: s.create(session("new"), issued=now), FULL, id="create"
            ),
            pytest.param(
                lambda s, now: s.touch("key", now + 9, now + 9), NORMAL, id="touch"
            ),
            pytest.param(lambda s, now: s.append("key", "item"), FULL, id="append"),
            pytest.param(lambda s, now: s.end(keys=["key"]), FULL, id="end"),
            pytest.param(
                lambda s, now: s.add("new", "", now + 60), FULL, id="a value used once"
            ),
            pytest.param(
                lambda s, now: s.add("new", "", now + 60, durable=False),
                NORMAL,
                id="a value that may be forgotten",
            ),
            pytest.param(lambda s, now: s.take("value"), FULL, id="take"),
            pytest.param(
                lambda s, now: s.swap("value", "old", "new", now + 60), FULL, id="swap"
            ),
            pytest.param(lambda s, now: s.end_all(), FULL, id="end_all"),
        ],
    )
    def test_is_as_promised_whatever_was_written_before(
        self, store: SQLiteStore, synced: list[int], verb, level: int
    ) -> None:
        now = clock.now()
        store.touch("key", now + 5, now + 5)
        assert verb(store, now)
        store.take("unknown")
        assert synced == [self.NORMAL, level, self.FULL]

    def test_of_what_may_be_forgotten_lacks_nothing_that_others_see(
        self, store: SQLiteStore, path: Path
    ) -> None:
        other = SQLiteStore(path)
        store.add("key", "value", clock.now() + 60, durable=False)
        assert other.get("key") == "value"
        other.close()


class TestSweep:
    def test_takes_a_little_away_of_each_table(
        self, store: SQLiteStore, clock_at_noon, now: float
    ) -> None:
        for number in range(SWEEP + 8):
            name = str(number)
            store.add(name, "", now + 60)
            store.end(labels=[name], mark=now, mark_until=now + 60)
            made = StoredSession(name, "{}", now, now + 60)
            assert store.create(made, issued=now)
        clock_at_noon.shift(60)
        store.take("unknown")
        assert self.rows(store) == [8, 8, 8]
        store.take("unknown")
        assert self.rows(store) == [0, 0, 0]

    def test_is_not_waited_for_by_what_is_over(
        self, store: SQLiteStore, clock_at_noon, now: float
    ) -> None:
        """More is over than one verb sweeps; it counts for nothing all the same."""
        for number in range(4 * SWEEP):
            until = now + 60 + number / 1000
            made = StoredSession(str(number), "old", now, until, (f"old{number}",))
            assert store.create(made, issued=now)
        clock_at_noon.shift(120)
        again = StoredSession("127", "new", now + 120, now + 600, ("new",))
        assert store.create(again, issued=now + 120)
        assert store.find("old127") == []
        assert store.read("126") is None
        assert store.read("127") is not None

    def test_is_not_needed_for_a_citizen_who_logs_out_however_often(
        self, store: SQLiteStore, now: float
    ) -> None:
        """Or each logout would look at all that were before it."""
        for number in range(20):
            assert store.create(session(str(number)), issued=now)
            assert store.end(labels=["subject"])
        labelled = "SELECT count(*) FROM labels WHERE label = 'subject'"
        assert store._ask(labelled, ()) == [(0,)]

    @staticmethod
    def rows(store: SQLiteStore) -> list[int]:
        tables = ("sessions", "texts", "marks")
        counts = [
            store._ask(f"SELECT count(*) FROM {table}", ())  # noqa: S608 - ours
            for table in tables
        ]
        return [count for ((count,),) in counts]


class TestFaults:
    def test_of_reading_are_told_as_such(self, path: Path) -> None:
        path.mkdir()
        with pytest.raises(StoreUnavailable, match=str(path)):
            SQLiteStore(path).read("key")

    def test_in_a_question_leave_nothing_open(
        self, store: SQLiteStore, path: Path
    ) -> None:
        with pytest.raises(StoreUnavailable):
            store._ask("SELECT nothing", ())
        assert open_files(path) == []

    def test_while_writing_undo_the_whole_verb(
        self, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert store.create(session(), issued=clock.now())

        def fail(*_: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(sqlite_rows, "inherit", fail)
            with pytest.raises(StoreUnavailable, match="disk I/O error"):
                store.create(session("new"), issued=clock.now(), replaces="key")
        assert store.read("key") is not None
        assert store.read("new") is None

    def test_that_are_not_the_stores_undo_the_verb_too(
        self, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(sqlite_rows, "_label", interrupt)
            with pytest.raises(KeyboardInterrupt):
                store.create(session(), issued=clock.now())
        assert store.read("key") is None


class TestConnections:
    def test_are_kept(self, store: SQLiteStore, path: Path) -> None:
        store.get("key")
        store.take("key")
        before = open_files(path)
        for _ in range(20):
            store.get("key")
            store.take("key")
        assert open_files(path) == before != []

    def test_are_as_many_as_verbs_at_work_not_as_threads(
        self, store: SQLiteStore, path: Path
    ) -> None:
        for _ in range(20):
            thread = threading.Thread(target=store.get, args=("key",))
            thread.start()
            thread.join()
        assert open_files(path).count(str(path)) == 1

    def test_are_let_go_by_close(self, store: SQLiteStore, path: Path) -> None:
        store.get("key")
        store.close()
        assert open_files(path) == []

    def test_at_work_while_the_store_is_closed_are_let_go_after_it(
        self, store: SQLiteStore, path: Path
    ) -> None:
        with store._writing():
            store.close()
        assert open_files(path) == []

    def test_that_read_while_the_store_is_closed_are_let_go_after_it(
        self, store: SQLiteStore, path: Path
    ) -> None:
        connections = store._connections
        reading = connections.take()
        store.close()
        connections.give(reading)
        assert open_files(path) == []

    def test_go_with_a_store_that_is_dropped(self, path: Path) -> None:
        store = SQLiteStore(path)
        store.get("key")
        del store
        gc.collect()
        assert open_files(path) == []


class TestProcesses:
    def test_that_are_forked_make_connections_of_their_own(
        self, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What a fork leaves in the child: the same objects under another process id.
        assert store.create(session(), issued=clock.now())
        store.get("key")
        [parents] = store._connections._idle
        real = os.getpid()
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: real + 1)
            assert store.read("key") is not None
            assert parents not in store._connections._idle
            assert parents in sqlite_connections._inherited
            # It was neither used nor closed.
            assert parents.execute("SELECT 1").fetchone() == (1,)
            store.close()
        for inherited in sqlite_connections._inherited:
            getattr(inherited, "connection", inherited).close()
        sqlite_connections._inherited.clear()

    def test_that_race_have_one_winner(self, store: SQLiteStore, path: Path) -> None:
        until = clock.now() + 60
        for number in range(20):
            store.add(f"old{number}", "value", until)
            store.create(session(f"session{number}"), issued=clock.now())
        racers = [self.start(path) for _ in range(2)]
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        won = [json.loads(racer.communicate(timeout=60)[0]) for racer in racers]
        assert [racer.returncode for racer in racers] == [0, 0]
        for prize in ("added", "taken", "ended"):
            assert sum(each[prize] for each in won) == 20

    def test_that_make_a_store_at_the_same_time_agree(self, path: Path) -> None:
        racers = [self.start(path) for _ in range(2)]
        won = [
            json.loads(racer.communicate("go\n", 60)[0].split("\n")[1])
            for racer in racers
        ]
        assert sum(each["added"] for each in won) == 20

    def test_make_the_tables_once_though_both_found_none(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        SQLiteStore(path).prepare()
        real, versions = sqlite_schema._version, iter([0])
        monkeypatch.setattr(
            sqlite_schema,
            "_version",
            lambda write, path: next(versions, real(write, path)),
        )
        SQLiteStore(path).prepare()

    def test_see_at_once_what_another_ended(
        self, store: SQLiteStore, path: Path
    ) -> None:
        other = SQLiteStore(path)
        assert store.create(session(), issued=clock.now())
        assert other.read("key") is not None
        store.end(keys=["key"])
        assert other.read("key") is None
        other.close()

    @staticmethod
    def start(path: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(RACER), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
