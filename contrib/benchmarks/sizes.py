"""Measure how many bytes a live session takes in each kind of store."""

import gc
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import click
from servers import HAS_REDIS, redis_server
from sites import COOKIE, guarded
from visitors import one_more

from eilogin import clock
from eilogin.saml.messages import new_id
from eilogin.sessions import Login, Participant, Sessions, Subject

#: How many sessions are there before it is measured, and how many are made then.
BEFORE = 2_000
MADE = 20_000

_HELP = f"""Measure how many bytes a live session takes, and print a table.

{MADE:,} citizens more log in where {BEFORE:,} are logged in already; what grows
meanwhile is the memory of this process, of Redis (used_memory), or the file of SQLite.
"text" is the session's own record; the rest is what finds it and keeps it in order.
A hub also keeps the participants of each session, for its logout.
"""

#: How many bytes a store takes now.
_Taken = Callable[[], int]


@click.command(help=_HELP)
@click.option("--sessions", default=MADE, show_default=True)
@click.option(
    "--participants",
    default=0,
    show_default=True,
    help="Participants of each session, as at a hub.",
)
def main(sessions: int, participants: int) -> None:
    """See ``_HELP``."""
    click.echo(f"{'':8}{'bytes':>8}{'text':>8}")
    for kind in ("memory", "sqlite", *(("redis",) if HAS_REDIS else ())):
        with tempfile.TemporaryDirectory() as folder:
            each, text = _bytes_each(kind, Path(folder), sessions, participants)
        click.echo(f"{kind:8}{each:8,.0f}{text:8,}")


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


if __name__ == "__main__":
    main()
