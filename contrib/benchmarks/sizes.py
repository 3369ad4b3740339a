"""Bytes that a live session takes in each kind of store, at a site and at a hub."""

import gc
import multiprocessing
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from measuring import Bench, Row, Size, Variant
from servers import HAS_REDIS, redis_server
from sites import COOKIE, guarded
from visitors import one_more

from eilogin import clock
from eilogin.saml.messages import new_id
from eilogin.sessions import Login, Participant, Sessions, Subject

#: How many sessions are there before it is measured, and how many are made then: fewer
#: would be lost in what a process and a file take at a time.
BEFORE, MADE, FEWEST = 500, 2_000, 500
#: Participants of each session of a hub.
PARTICIPANTS = 2

_KINDS = ("memory", "sqlite", *(("redis",) if HAS_REDIS else ()))
#: The stores and the participants of each session, by the name of the row.
_ROWS: Mapping[str, tuple[str, int]] = {
    f"session at a {place}, {kind}:": (kind, participants)
    for place, participants in (("site", 0), ("hub", PARTICIPANTS))
    for kind in _KINDS
}

#: How many bytes a store takes now.
_Taken = Callable[[], int]


@contextmanager
def _sizes(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    count = max(FEWEST, size.of(MADE))

    def measured(kind: str, participants: int) -> Mapping[str, float]:
        own = folder / f"{kind}-{participants}"
        own.mkdir()
        # A process of its own: here, earlier benchmarks have left free memory.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as processes:
            call = processes.submit(_bytes_each, kind, own, count, participants)
            each, text = call.result()
        return {"bytes": each, "text": text}

    yield {name: Variant(partial(measured, *what)) for name, what in _ROWS.items()}


def _bytes_each(
    kind: str, folder: Path, count: int, participants: int
) -> tuple[float, int]:
    """Bytes that each of ``count`` sessions takes, and those of its record's text."""
    with ExitStack() as stack:
        url, taken = stack.enter_context(_store(kind, folder))
        app, cookies = stack.enter_context(guarded(folder, url))
        made: Sessions = app.sessions  # type: ignore[attr-defined]
        login = made.find(cookies.removeprefix(f"{COOKIE}="))
        assert login is not None
        _make(made, login, BEFORE, participants)
        before = taken()
        _make(made, login, count, participants)
        return (taken() - before) / count, len(login.to_json())


def _make(sessions: Sessions, login: Login, count: int, participants: int) -> None:
    for _ in range(count):
        cookie = one_more(sessions, login)
        if participants:
            _add(sessions, cookie, participants)


def _add(sessions: Sessions, cookie: str, participants: int) -> None:
    login = sessions.find(cookie)
    assert login is not None
    for number in range(participants):
        entity_id = f"https://participant-{number}.example.nl/eilogin/metadata"
        who = Subject(login.who.issuer, entity_id, login.who.name_id)
        told = Participant(entity_id, who, new_id(), clock.now())
        assert sessions.add_participant(login, told), "the session has no room"


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[tuple[str, _Taken]]:
    if kind == "memory":
        yield "memory:", _resident
    elif kind == "sqlite":
        path = folder / "uwv.db"
        yield f"sqlite:///{path}", lambda: _size_of(path)
    else:
        with redis_server(folder / "redis") as url:
            yield url, lambda: _used_by(url)


def _resident() -> int:
    """Bytes of memory that this process has (proc_pid_statm(5), "resident")."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _size_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        # What is in the -wal only until now: that is written over again and again.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def _used_by(url: str) -> int:
    # Not needed, and not there, where nothing of Redis is measured.
    from redis import Redis  # noqa: PLC0415

    with Redis.from_url(url) as client:
        return int(client.info("memory")["used_memory"])


BENCHES = (
    Bench(
        name="session-bytes",
        what="bytes that a live session takes in a store, at a site, and at a hub with "
        f"{PARTICIPANTS} participants; and those of the session's own record",
        rows=tuple(Row(name=name, this=name) for name in _ROWS),
        setting=_sizes,
        columns=("bytes", "text"),
        is_heavy=True,
        most_rounds=1,
        seconds=30,
    ),
)
