"""Parts of operations, inside a transaction of the caller.

Every changed page slows a commit, and a logout should be fast. So the row of an ended
session stays for some minutes (:data:`ENDED_KEPT_FOR`), without a key, so that nobody
finds it. The indexes of its labels stay too. Its record, items and values are deleted
at once.

The row lists its labels, because foreign keys would need an index: one more page.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from eilogin.stores.sqlite.sqlite_schema import number_of
from eilogin.stores.store_interface import EVERYBODY, SWEEP, EndedSession, StoredSession

VALUE_UNTIL = (
    "min(texts.until, coalesce((SELECT sessions.until FROM sessions"
    " WHERE sessions.id = texts.owner), texts.until))"
)
_DUE = " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} WHERE until <= :now)"  # noqa: S608 - ours
    for table in ("sessions", "texts", "marks")
)
_SWEEPS = (
    (
        "DELETE FROM texts WHERE id IN"
        " (SELECT id FROM texts WHERE until <= ? ORDER BY until LIMIT ?)"
    ),
    (
        "DELETE FROM marks WHERE label IN"
        " (SELECT label FROM marks WHERE until <= ? ORDER BY until LIMIT ?)"
    ),
)


#: Seconds that an ended row stays, so that no logout sweeps rows of others.
ENDED_KEPT_FOR = 300.0


class Row(NamedTuple):
    """A live session, without its record."""

    number: int
    labels: tuple[str, ...]
    until: float


def live(write: sqlite3.Connection, key: str, now: float) -> Row | None:
    """Return the live session with this key, if any."""
    number = number_of(key)
    row = write.execute(
        "SELECT labels, until FROM sessions WHERE id = ? AND key = ? AND until > ?",
        (number, key, now),
    ).fetchone()
    return None if row is None else Row(number, _labels_of(row[0]), row[1])


def is_marked(
    write: sqlite3.Connection, labels: Iterable[str], issued: float, now: float
) -> bool:
    """Whether a mark on one of the labels rejects ``issued``."""
    marks = (
        write.execute(
            "SELECT 1 FROM marks WHERE label = ? AND instant >= ? AND until > ?",
            (label, issued, now),
        ).fetchone()
        for label in (EVERYBODY, *labels)
    )
    return any(marks)


def insert(
    write: sqlite3.Connection,
    session: StoredSession,
    labels: Iterable[str],
    now: float,
) -> bool:
    """Insert a session; False if its key, or its key's number, is live."""
    number = number_of(session.key)
    row = write.execute(
        "SELECT key IS NOT NULL AND until > ?, labels FROM sessions WHERE id = ?",
        (now, number),
    ).fetchone()
    if row is not None:
        if row[0]:
            return False
        delete(write, number, _labels_of(row[1]))
    carried = tuple(dict.fromkeys(labels))
    write.execute(
        "INSERT INTO sessions (id, key, seen, until, data, labels)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            number,
            session.key,
            session.seen,
            session.until,
            session.data,
            json.dumps(carried),
        ),
    )
    _label(write, number, carried)
    return True


def add_labels(write: sqlite3.Connection, row: Row, labels: Sequence[str]) -> None:
    """Add labels to a live session."""
    carried = tuple(dict.fromkeys((*row.labels, *labels)))
    if carried != row.labels:
        write.execute(
            "UPDATE sessions SET labels = ? WHERE id = ?",
            (json.dumps(carried), row.number),
        )
        _label(write, row.number, carried[len(row.labels) :])


def inherit(write: sqlite3.Connection, old: Row, heir: StoredSession) -> None:
    """Give the items and values of one session to another."""
    number = number_of(heir.key)
    write.execute(
        "UPDATE items SET session = ? WHERE session = ?", (number, old.number)
    )
    write.execute("UPDATE texts SET owner = ? WHERE owner = ?", (number, old.number))


def mark(
    write: sqlite3.Connection,
    labels: Iterable[str],
    instant: float,
    until: float,
    now: float,
) -> None:
    """Mark each of the labels; a valid mark never moves back."""
    write.executemany(
        "INSERT INTO marks (label, instant, until) VALUES (:label, :instant, :until)"
        " ON CONFLICT (label) DO UPDATE SET instant = CASE WHEN marks.until > :now"
        " THEN max(marks.instant, :instant) ELSE :instant END,"
        " until = max(marks.until, :until)",
        [
            {"label": label, "instant": instant, "until": until, "now": now}
            for label in labels
        ],
    )


class FoundSession(NamedTuple):
    """A session that may be expired, but has not been ended."""

    number: int
    #: None if it is unreadable.
    key: str | None
    data: str | None
    is_live: bool


_SELECT_SESSION = "SELECT sessions.id, key, data, until > ? FROM sessions"


def found_by(
    write: sqlite3.Connection, keys: Iterable[str], labels: Iterable[str], now: float
) -> Iterable[FoundSession]:
    """Return the sessions with these keys or labels, each once."""
    sessions: dict[int, FoundSession] = {}
    for key in keys:
        query = f"{_SELECT_SESSION} WHERE id = ? AND key = ?"
        for row in write.execute(query, (now, number_of(key), key)):
            sessions[row[0]] = FoundSession._make(row)
    for label in labels:
        query = (
            f"{_SELECT_SESSION} JOIN labels ON labels.session = sessions.id"
            " WHERE label = ? AND key IS NOT NULL"
        )
        for row in write.execute(query, (now, label)):
            sessions[row[0]] = FoundSession._make(row)
    return sessions.values()


def end(write: sqlite3.Connection, session: FoundSession, now: float) -> EndedSession:
    """End a session, and return it as it was."""
    number = (session.number,)
    items = write.execute(
        "SELECT item FROM items WHERE session = ? ORDER BY id", number
    ).fetchall()
    write.execute(
        "UPDATE sessions SET key = NULL, data = '', until = min(until, ?) WHERE id = ?",
        (now + ENDED_KEPT_FOR, session.number),
    )
    write.execute("DELETE FROM texts WHERE owner = ?", number)
    if items:
        write.execute("DELETE FROM items WHERE session = ?", number)
    texts = tuple(item for (item,) in items if isinstance(item, str))
    data = session.data if isinstance(session.data, str) else ""
    return EndedSession(str(session.key), data, texts)


def unlabel(write: sqlite3.Connection, labels: Iterable[str]) -> None:
    """Delete labels whose sessions have all ended.

    They would slow down later logouts of the citizen. Other labels expire later.
    """
    write.executemany(
        "DELETE FROM labels WHERE label = ?", [(label,) for label in labels]
    )


def delete(write: sqlite3.Connection, number: int, labels: Iterable[str]) -> None:
    """Delete a session, with all its data."""
    write.execute("DELETE FROM sessions WHERE id = ?", (number,))
    write.executemany(
        "DELETE FROM labels WHERE label = ? AND session = ?",
        [(label, number) for label in labels],
    )
    write.execute("DELETE FROM texts WHERE owner = ?", (number,))
    write.execute("DELETE FROM items WHERE session = ?", (number,))


def delete_over(write: sqlite3.Connection, key: str, now: float) -> None:
    """Delete the session with this key, if it has expired."""
    number = number_of(key)
    row = write.execute(
        "SELECT labels FROM sessions WHERE id = ? AND key = ? AND until <= ?",
        (number, key, now),
    ).fetchone()
    if row is not None:
        delete(write, number, _labels_of(row[0]))


def delete_value_over(write: sqlite3.Connection, key: str, now: float) -> None:
    """Delete the value with this key, if it has expired."""
    write.execute(
        f"DELETE FROM texts WHERE key = ? AND {VALUE_UNTIL} <= ?",  # noqa: S608 - ours
        (key, now),
    )


def delete_all(write: sqlite3.Connection, now: float) -> int:
    """Delete every session with all data; return how many were live."""
    (count,) = write.execute(
        "SELECT count(*) FROM sessions WHERE until > ? AND key IS NOT NULL", (now,)
    ).fetchone()
    for table in ("sessions", "labels", "items"):
        write.execute(f"DELETE FROM {table}")  # noqa: S608 - ours
    write.execute("DELETE FROM texts WHERE owner IS NOT NULL")
    return int(count)


def sweep(write: sqlite3.Connection, now: float) -> None:
    """Delete a few expired rows."""
    # One query, because mostly nothing has expired.
    (is_due,) = write.execute(f"SELECT {_DUE}", {"now": now}).fetchone()
    if not is_due:
        return
    expired = write.execute(
        "SELECT id, labels FROM sessions WHERE until <= ? ORDER BY until LIMIT ?",
        (now, SWEEP),
    )
    for number, labels in expired.fetchall():
        delete(write, number, _labels_of(labels))
    for statement in _SWEEPS:
        write.execute(statement, (now, SWEEP))


def _label(write: sqlite3.Connection, number: int, labels: Iterable[str]) -> None:
    write.executemany(
        "INSERT OR IGNORE INTO labels (label, session) VALUES (?, ?)",
        [(label, number) for label in labels],
    )


def _labels_of(text: Any) -> tuple[str, ...]:
    try:
        labels = json.loads(text)
    except (TypeError, ValueError):
        return ()
    is_sound = isinstance(labels, list) and all(isinstance(x, str) for x in labels)
    return tuple(labels) if is_sound else ()
