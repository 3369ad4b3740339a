"""``sqlite:///path`` keeps everything in one file: for one machine, any processes.

The file is in WAL mode, in which readers and the one writer do not wait for each
other. A commit is on the disk when the verb returns (``synchronous=FULL``): a logout,
a mark or a used message is not forgotten when the power fails. Where the promises say
that it may be, the commit does not wait for the disk (``synchronous=NORMAL``), and
the file is whole all the same (https://www.sqlite.org/wal.html, 2.3). Foreign keys do
what the promises say: with a session go its labels, its items and the values that it
owns.

Connections are made when they are needed and kept: as many as verbs were ever at
work at once. A process that was forked makes its own, as SQLite wants it
(https://www.sqlite.org/howtocorrupt.html, 2.6).
"""

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eilogin import clock
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores.interface import EndedSession, StoredSession

#: Version of the tables; a file with a higher one was written by a later eilogin.
SCHEMA_VERSION = 1

#: Seconds that a verb waits for another writer before it says that it cannot. Long
#: for a commit, which takes milliseconds, and short for a visitor.
BUSY_TIMEOUT = 5.0

#: How many rows that are over a writing verb takes away with it, of each table. A
#: verb writes fewer than this, so that the file does not grow.
SWEEP = 32

_SCHEMA = (
    (
        "CREATE TABLE session (key TEXT PRIMARY KEY, data TEXT NOT NULL,"
        " seen REAL NOT NULL, until REAL NOT NULL) WITHOUT ROWID"
    ),
    "CREATE INDEX session_until ON session (until)",
    (
        "CREATE TABLE label (label TEXT, session TEXT REFERENCES session (key)"
        " ON DELETE CASCADE, PRIMARY KEY (label, session)) WITHOUT ROWID"
    ),
    "CREATE INDEX label_session ON label (session)",
    # Never reused while it counts: the next id is above all that are there.
    (
        "CREATE TABLE item (id INTEGER PRIMARY KEY, session TEXT NOT NULL"
        " REFERENCES session (key) ON DELETE CASCADE, item TEXT NOT NULL)"
    ),
    "CREATE INDEX item_session ON item (session)",
    (
        "CREATE TABLE value (key TEXT PRIMARY KEY, value TEXT NOT NULL,"
        " until REAL NOT NULL, owner TEXT REFERENCES session (key)"
        " ON DELETE CASCADE) WITHOUT ROWID"
    ),
    "CREATE INDEX value_until ON value (until)",
    "CREATE INDEX value_owner ON value (owner)",
    (
        "CREATE TABLE mark (label TEXT PRIMARY KEY, instant REAL NOT NULL,"
        " until REAL NOT NULL) WITHOUT ROWID"
    ),
    "CREATE INDEX mark_until ON mark (until)",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)

_SWEEPS = (
    (
        "DELETE FROM value WHERE key IN"
        " (SELECT key FROM value WHERE until <= ? ORDER BY until LIMIT ?)"
    ),
    (
        "DELETE FROM session WHERE key IN"
        " (SELECT key FROM session WHERE until <= ? ORDER BY until LIMIT ?)"
    ),
    (
        "DELETE FROM mark WHERE label IN"
        " (SELECT label FROM mark WHERE until <= ? ORDER BY until LIMIT ?)"
    ),
)

_Row = tuple[Any, ...]


class SQLiteStore:
    """A :class:`eilogin.stores.Store` in the file at ``path``.

    A new file can be read and written by this user alone (mode 0600); one that is
    there keeps the mode it has. Its folder has to exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pool = _Pool(path)

    def prepare(self) -> None:
        """See :meth:`eilogin.stores.Store.prepare`."""
        try:
            with self._writing():
                pass
        except StoreUnavailable as error:
            raise ConfigurationError(
                f"the store {self.path} cannot be used: {error.__cause__}; expected"
                " an SQLite file that this user may write, in a folder that exists"
                " and that this user may write too"
            ) from error
        finally:
            self.close()

    # --- sessions ---

    def create(
        self,
        session: StoredSession,
        *,
        issued: float,
        replaces: str | None = None,
        inherit: bool = True,
    ) -> bool:
        """See :meth:`eilogin.stores.Store.create`."""
        with self._writing() as (write, now):
            if not _may_be(write, session, issued, replaces, now):
                return False
            write.execute("DELETE FROM session WHERE key = ?", (session.key,))
            write.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?)",
                (session.key, session.data, session.seen, session.until),
            )
            _label(write, session.key, session.labels)
            if replaces is not None:
                if inherit:
                    _inherit(write, session.key, replaces)
                write.execute("DELETE FROM session WHERE key = ?", (replaces,))
            return True

    def read(self, key: str) -> StoredSession | None:
        """See :meth:`eilogin.stores.Store.read`."""
        rows = self._ask("SELECT data, seen, until FROM session WHERE key = ?", (key,))
        if not rows:
            return None
        data, seen, until = rows[0]
        if until > clock.now():
            return StoredSession(key, data, seen, until)
        with self._writing() as (write, now):
            write.execute(
                "DELETE FROM session WHERE key = ? AND until <= ?", (key, now)
            )
        return None

    def touch(self, key: str, seen: float, before: float) -> bool:
        """See :meth:`eilogin.stores.Store.touch`."""
        with self._writing(durable=False) as (write, now):
            touched = write.execute(
                "UPDATE session SET seen = ? WHERE key = ? AND until > ? AND seen < ?",
                (seen, key, now, min(seen, before)),
            )
            return touched.rowcount > 0

    def append(self, key: str, item: str, labels: Sequence[str] = ()) -> bool:
        """See :meth:`eilogin.stores.Store.append`."""
        with self._writing() as (write, now):
            if not _is_live(write, key, now):
                return False
            write.execute("INSERT INTO item (session, item) VALUES (?, ?)", (key, item))
            _label(write, key, labels)
            return True

    def items(self, key: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.items`."""
        rows = self._ask(
            "SELECT item FROM item JOIN session ON session.key = item.session"
            " WHERE item.session = ? AND session.until > ? ORDER BY item.id",
            (key, clock.now()),
        )
        return [item for (item,) in rows]

    def find(self, label: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.find`."""
        rows = self._ask(
            "SELECT key FROM session JOIN label ON label.session = session.key"
            " WHERE label.label = ? AND session.until > ?",
            (label, clock.now()),
        )
        return [key for (key,) in rows]

    def end(
        self,
        *,
        keys: Sequence[str] = (),
        labels: Sequence[str] = (),
        mark: float | None = None,
        mark_until: float = 0.0,
    ) -> list[EndedSession]:
        """See :meth:`eilogin.stores.Store.end`."""
        with self._writing() as (write, now):
            if mark is not None:
                _mark(write, labels, mark, mark_until, now)
            named = dict.fromkeys(keys)
            for label in labels:
                found = write.execute(
                    "SELECT session FROM label WHERE label = ?", (label,)
                )
                named.update((key, None) for (key,) in found)
            ended = (_end(write, key, now) for key in named)
            return [session for session in ended if session is not None]

    # --- values ---

    def add(
        self,
        key: str,
        value: str,
        until: float,
        *,
        owner: str | None = None,
        durable: bool = True,
    ) -> bool:
        """See :meth:`eilogin.stores.Store.add`."""
        with self._writing(durable=durable) as (write, now):
            if owner is not None:
                if not _is_live(write, owner, now):
                    return False
                until = min(until, _until(write, owner))
            added = write.execute(
                "INSERT INTO value VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
                " value = excluded.value, until = excluded.until,"
                " owner = excluded.owner WHERE value.until <= ?",
                (key, value, until, owner, now),
            )
            return added.rowcount > 0

    def get(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.get`."""
        rows = self._ask("SELECT value, until FROM value WHERE key = ?", (key,))
        if not rows:
            return None
        value: str = rows[0][0]
        if rows[0][1] > clock.now():
            return value
        with self._writing() as (write, now):
            write.execute("DELETE FROM value WHERE key = ? AND until <= ?", (key, now))
        return None

    def take(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.take`."""
        with self._writing() as (write, now):
            rows = write.execute(
                "DELETE FROM value WHERE key = ? RETURNING value, until", (key,)
            ).fetchall()
            return rows[0][0] if rows and rows[0][1] > now else None

    def swap(self, key: str, old: str, new: str, until: float) -> bool:
        """See :meth:`eilogin.stores.Store.swap`."""
        with self._writing() as (write, now):
            swapped = write.execute(
                "UPDATE value SET value = :new, until = min(:until, coalesce((SELECT"
                " until FROM session WHERE session.key = value.owner), :until))"
                " WHERE key = :key AND value = :old AND until > :now",
                {"new": new, "until": until, "key": key, "old": old, "now": now},
            )
            return swapped.rowcount > 0

    # --- housekeeping ---

    def end_all(self) -> int:
        """See :meth:`eilogin.stores.Store.end_all`."""
        with self._writing() as (write, _now):
            return write.execute("DELETE FROM session").rowcount

    def close(self) -> None:
        """See :meth:`eilogin.stores.Store.close`."""
        old, self._pool = self._pool, _Pool(self.path)
        old.close()

    # --- connections ---

    def _own_pool(self) -> "_Pool":
        if self._pool.pid != os.getpid():
            self.close()
        return self._pool

    def _ask(self, question: str, values: _Row) -> list[_Row]:
        """The rows of one SELECT, outside of any transaction."""
        pool = self._own_pool()
        try:
            connection = pool.take()
            try:
                rows = connection.execute(question, values).fetchall()
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error
        pool.give(connection)
        return rows

    @contextmanager
    def _writing(
        self, *, durable: bool = True
    ) -> Iterator[tuple[sqlite3.Connection, float]]:
        """A transaction with no other writer beside it, and the instant it began.

        It takes away a little of what is over; with ``durable`` it is on the disk
        when it is over itself. Whatever goes wrong inside undoes it: closing a
        connection rolls back.
        """
        synchronous = "FULL" if durable else "NORMAL"
        pool = self._own_pool()
        try:
            with pool.turn():
                connection = pool.take()
                try:
                    # Each time, for the connection may have been used otherwise.
                    connection.execute(f"PRAGMA synchronous = {synchronous}")
                    connection.execute("BEGIN IMMEDIATE")
                    now = clock.now()
                    _sweep(connection, now)
                    yield connection, now
                    connection.execute("COMMIT")
                except BaseException:
                    connection.close()
                    raise
                pool.give(connection)
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"the store {self.path} does not answer: {error}")


# --- parts of verbs, inside a transaction ---------------------------------------


def _may_be(
    write: sqlite3.Connection,
    session: StoredSession,
    issued: float,
    replaces: str | None,
    now: float,
) -> bool:
    if _is_live(write, session.key, now):
        return False
    if replaces is not None and not _is_live(write, replaces, now):
        return False
    marks = (
        write.execute(
            "SELECT 1 FROM mark WHERE label = ? AND instant >= ? AND until > ?",
            (label, issued, now),
        ).fetchone()
        for label in session.labels
    )
    return not any(marks)


def _is_live(write: sqlite3.Connection, key: str, now: float) -> bool:
    found = write.execute(
        "SELECT 1 FROM session WHERE key = ? AND until > ?", (key, now)
    )
    return found.fetchone() is not None


def _until(write: sqlite3.Connection, key: str) -> float:
    row = write.execute("SELECT until FROM session WHERE key = ?", (key,)).fetchone()
    return float(row[0])


def _label(write: sqlite3.Connection, key: str, labels: Sequence[str]) -> None:
    write.executemany(
        "INSERT OR IGNORE INTO label VALUES (?, ?)", [(label, key) for label in labels]
    )


def _inherit(write: sqlite3.Connection, heir: str, replaced: str) -> None:
    # What the heir has too stays behind, and goes with the session replaced.
    labels = "UPDATE OR IGNORE label SET session = ? WHERE session = ?"
    write.execute(labels, (heir, replaced))
    write.execute("UPDATE item SET session = ? WHERE session = ?", (heir, replaced))
    write.execute(
        "UPDATE value SET owner = ?, until = min(until, ?) WHERE owner = ?",
        (heir, _until(write, heir), replaced),
    )


def _mark(
    write: sqlite3.Connection,
    labels: Sequence[str],
    instant: float,
    until: float,
    now: float,
) -> None:
    write.executemany(
        "INSERT INTO mark VALUES (:label, :instant, :until)"
        " ON CONFLICT (label) DO UPDATE SET instant = CASE WHEN mark.until > :now"
        " THEN max(mark.instant, :instant) ELSE :instant END,"
        " until = max(mark.until, :until)",
        [
            {"label": label, "instant": instant, "until": until, "now": now}
            for label in labels
        ],
    )


def _end(write: sqlite3.Connection, key: str, now: float) -> EndedSession | None:
    items = write.execute("SELECT item FROM item WHERE session = ? ORDER BY id", (key,))
    texts = tuple(item for (item,) in items)
    rows = write.execute(
        "DELETE FROM session WHERE key = ? AND until > ? RETURNING data", (key, now)
    ).fetchall()
    return EndedSession(key, rows[0][0], texts) if rows else None


def _sweep(write: sqlite3.Connection, now: float) -> None:
    for sweep in _SWEEPS:
        write.execute(sweep, (now, SWEEP))


# --- connections ----------------------------------------------------------------


class _Pool:
    """The connections of this process that no verb is using just now.

    They are not bound to threads: a thread that is no more leaves none behind.
    ``sqlite3`` can be used from any thread, one at a time.
    """

    def __init__(self, path: Path) -> None:
        self.pid = os.getpid()
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._is_closed = False
        self._writers = threading.Lock()
        # A store that is dropped, or is there when the process ends, leaves nothing.
        weakref.finalize(self, _close_own, self.pid, self._idle)

    def take(self) -> sqlite3.Connection:
        """A kept connection, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return _open(self._path)

    def give(self, connection: sqlite3.Connection) -> None:
        """Keep a connection that ``take`` gave, unless the pool was closed since."""
        with self._guard:
            if not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is kept, and what comes back."""
        with self._guard:
            self._is_closed = True
            _close_own(self.pid, self._idle)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The threads of a process write one after another.

        SQLite would make them wait too, but by sleeping and asking again.
        """
        if not self._writers.acquire(timeout=BUSY_TIMEOUT):
            raise sqlite3.OperationalError("other threads are still writing")
        try:
            yield
        finally:
            self._writers.release()


#: Connections that a fork has copied from the parent. SQLite says to leave them
#: alone, so they are neither used nor closed.
_inherited: list[sqlite3.Connection] = []


def _close_own(pid: int, connections: list[sqlite3.Connection]) -> None:
    if pid != os.getpid():
        _inherited.extend(connections)
        connections.clear()
    while connections:
        connections.pop().close()


def _open(path: Path) -> sqlite3.Connection:
    _create_file(path)
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    try:
        for pragma in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA foreign_keys = ON",
            # What a citizen's record held is overwritten when it goes.
            "PRAGMA secure_delete = ON",
        ):
            connection.execute(pragma)
        _check_schema(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _create_file(path: Path) -> None:
    # A file that is there must not be opened here: closing it again would drop the
    # locks that SQLite holds on it in this process (howtocorrupt.html, 2.2).
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    version = _schema_version(connection)
    if version is None:
        connection.execute("BEGIN IMMEDIATE")
        if _schema_version(connection) is None:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA_VERSION),)
            )
        connection.execute("COMMIT")
        version = _schema_version(connection)
    if version != str(SCHEMA_VERSION):
        raise ConfigurationError(
            f"the store {path} has tables of version {version}, and this eilogin knows"
            f" version {SCHEMA_VERSION}; expected a store that this eilogin made, or"
            " the eilogin that made it"
        )


def _schema_version(connection: sqlite3.Connection) -> str | None:
    is_there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"
    if not connection.execute(is_there).fetchone():
        return None
    row = connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
    return str(row[0]) if row else "unknown"
