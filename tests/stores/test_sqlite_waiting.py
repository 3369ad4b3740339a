"""Somebody else has the write lock: nobody waits long, and readers not at all."""

# ruff: noqa: SLF001 - a disk that hangs is brought about from inside

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from eilogin import clock
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores import StoredSession
from eilogin.stores.sqlite import SQLiteStore

TIMEOUT = 1.0
#: By when who waits that long has an answer on a busy machine. If they waited one after
#: another it would be 50 s, and a hanging thread or the patience of a start 60 s.
SOON = TIMEOUT + 29
THREADS = 50

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("released", flush=True)
"""


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    opened = SQLiteStore(path, TIMEOUT)
    now = clock.now()
    assert opened.create(StoredSession("key", "{}", now, now + 3600), issued=now)
    opened.add("value", "text", now + 3600)
    yield opened
    opened.close()


@contextmanager
def held_by_another_process(path: Path) -> Iterator[None]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        yield
        holder.stdin.write("go\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "released\n"
    finally:
        holder.kill()
        holder.communicate()


def fate(verb: Callable[[], object]) -> tuple[str, float]:
    """What came of a verb, and how many seconds it took."""
    start = time.monotonic()
    try:
        verb()
    except StoreUnavailable as error:
        return str(error), time.monotonic() - start
    return "done", time.monotonic() - start


def least_wait(verb: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some calls.

    A busy machine may delay some of them. A verb that waits delays each of them.
    """
    return min(fate(verb)[1] for _ in range(5))


def test_many_writes_are_all_answered_in_time_and_reads_go_on(
    store, path, caplog
) -> None:
    def write() -> tuple[str, float]:
        return fate(lambda: store.end(keys=["unknown"]))

    def read() -> tuple[str, float]:
        return fate(lambda: store.read("key").data + store.get("value"))

    with ThreadPoolExecutor(THREADS + 10) as threads:
        with held_by_another_process(path):
            writes = [threads.submit(write) for _ in range(THREADS)]
            reads = [threads.submit(read) for _ in range(THREADS)]
            answers = [future.result() for future in writes]
            assert all("does not answer" in outcome for outcome, _ in answers)
            assert max(took for _, took in answers) < SOON
            assert {
                outcome for outcome, _ in (future.result() for future in reads)
            } == {"done"}
            # From now on it is known, and not one waits for the whole time-out.
            assert least_wait(lambda: store.take("value")) < TIMEOUT / 2
            assert read()[0] == "done"
        answers = [future.result() for future in [threads.submit(write)] * THREADS]
    assert {outcome for outcome, _ in answers} == {"done"}
    assert [session.key for session in store.end(keys=["key"])] == ["key"]
    # However many they were, the log is told twice.
    [down, back] = caplog.messages
    assert down.startswith(f"the store {path} does not answer: ")
    assert back == f"the store {path} answers again"


def test_each_time_that_nobody_can_write_is_told_once(store, path, caplog) -> None:
    for _ in range(2):
        caplog.clear()
        with held_by_another_process(path):
            for _ in range(3):
                assert fate(lambda: store.take("unknown"))[0] != "done"
            assert store.read("key") is not None
            # Also where the connections were made anew meanwhile.
            store.close()
            assert fate(lambda: store.take("unknown"))[0] != "done"
        for _ in range(3):
            assert store.take("unknown") is None
        assert [
            (record.levelname, record.getMessage()) for record in caplog.records
        ] == [
            ("WARNING", f"the store {path} does not answer: database is locked"),
            ("WARNING", f"the store {path} answers again"),
        ]


def test_short_wait_for_the_writer_does_not_report_a_blocked_store(
    store, caplog
) -> None:
    """They waited a moment only, because nobody could write when they came."""
    writer = store._connections.writer

    class Turn:
        """Somebody has it, and is through with it when the moment is over."""

        def acquire(self, *, timeout: float) -> bool:
            assert timeout < TIMEOUT / 2
            writer.is_held = False
            return False

    real, writer._turn, writer.is_held = writer._turn, Turn(), True
    assert "another thread is still writing" in fate(lambda: store.take("value"))[0]
    writer._turn = real
    assert store.take("value") == "text"
    assert caplog.messages == []


def test_a_short_wait_is_no_failure(store, path) -> None:
    with held_by_another_process(path):
        waiting = ThreadPoolExecutor(1).submit(lambda: store.take("value"))
        while not store._connections.writer._turn.locked():
            assert not waiting.done()
    assert waiting.result() == "text"


def test_a_disk_that_hangs_holds_up_one_and_not_all(store) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        with store._writing():
            hangs.set()
            goes_on.wait(60)

    with ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(hang)
        assert hangs.wait(60)
        outcome, took = fate(lambda: store.take("value"))
        assert "another thread is still writing" in outcome
        assert took < SOON
        assert least_wait(lambda: store.take("value")) < TIMEOUT / 2
        goes_on.set()
        hanging.result()
    assert store.take("value") == "text"


def test_a_store_that_is_only_busy_is_no_fault_of_the_configuration(
    path, caplog
) -> None:
    SQLiteStore(path).prepare()
    with held_by_another_process(path), pytest.raises(StoreUnavailable) as busy:
        SQLiteStore(path, 0.1).prepare()
    assert not isinstance(busy.value, ConfigurationError)
    assert "locked" in str(busy.value)
    # Who starts, or asks, tells it.
    assert caplog.messages == []


@pytest.fixture
def unknown(path: Path) -> Path:
    """A file that has to be written before anything can be read from it."""
    SQLiteStore(path).prepare()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DELETE FROM meta WHERE name = 'file'")
    return path


def test_prepare_in_a_request_waits_no_longer_than_the_timeout(
    unknown,
) -> None:
    with held_by_another_process(unknown):
        outcome, took = fate(SQLiteStore(unknown, TIMEOUT).prepare)
    assert "locked" in outcome
    assert took < SOON


def test_prepare_at_startup_waits_for_its_longer_patience(unknown) -> None:
    store = SQLiteStore(unknown, 0.1)
    with ThreadPoolExecutor(1) as threads:
        with held_by_another_process(unknown):
            starting = threads.submit(lambda: store.prepare(patience=30))
            with pytest.raises(TimeoutError):
                starting.result(0.5)
        starting.result()
