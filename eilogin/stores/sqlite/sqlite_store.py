"""The verbs of a store, over one SQLite file."""

from collections.abc import Sequence
from pathlib import Path

from eilogin import clock
from eilogin.stores import logout_reserve
from eilogin.stores.sqlite import copied_files, sqlite_backup, sqlite_rows
from eilogin.stores.sqlite.sqlite_file import SQLiteFile, needs_room
from eilogin.stores.sqlite.sqlite_schema import number_of
from eilogin.stores.store_interface import (
    EndedSession,
    Residence,
    StoredSession,
    StoreFigures,
)


class SQLiteStore(SQLiteFile):
    """A :class:`eilogin.stores.Store` in the file at ``path``.

    A new file is for this user alone (mode 0600), in an existing folder. An operation
    waits ``timeout`` seconds for other writers. Readers wait only to write down an
    expired record (:meth:`read`, :meth:`get`).
    """

    residence = Residence.FILE

    # --- sessions ---

    @needs_room
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
            old = None if replaces is None else sqlite_rows.live(write, replaces, now)
            if old is None and replaces is not None:
                return False
            if sqlite_rows.is_marked(write, session.labels, issued, now):
                return False
            inherited = old.labels if old is not None and inherit else ()
            labels = (*session.labels, *inherited)
            if not sqlite_rows.insert(write, session, labels, now):
                return False
            if old is not None:
                if inherit:
                    sqlite_rows.inherit(write, old, session)
                sqlite_rows.delete(write, old.number, old.labels)
            return True

    def read(self, key: str) -> StoredSession | None:
        """See :meth:`eilogin.stores.Store.read`."""
        rows = self._ask(
            "SELECT data, seen, until FROM sessions WHERE id = ? AND key = ?",
            (number_of(key), key),
        )
        if not rows:
            return None
        data, seen, until = rows[0]
        if not type(seen) is type(until) is float or type(data) is not str:
            self._garbage.note("a session")
            return None
        if until > clock.now():
            return StoredSession(key, data, seen, until)
        self._forget(sqlite_rows.delete_over, key)
        return None

    @needs_room
    def touch(self, key: str, seen: float, before: float) -> bool:
        """See :meth:`eilogin.stores.Store.touch`."""
        with self._writing(durable=False) as (write, now):
            touched = write.execute(
                "UPDATE sessions SET seen = ?"
                " WHERE id = ? AND key = ? AND until > ? AND seen < ?",
                (seen, number_of(key), key, now, min(seen, before)),
            )
            return touched.rowcount > 0

    @needs_room
    def append(self, key: str, item: str, labels: Sequence[str] = ()) -> bool:
        """See :meth:`eilogin.stores.Store.append`."""
        with self._writing() as (write, now):
            row = sqlite_rows.live(write, key, now)
            if row is None:
                return False
            write.execute(
                "INSERT INTO items (session, item) VALUES (?, ?)", (row.number, item)
            )
            sqlite_rows.add_labels(write, row, labels)
            return True

    def items(self, key: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.items`."""
        rows = self._ask(
            "SELECT item FROM sessions JOIN items ON items.session = sessions.id"
            " WHERE sessions.id = ? AND key = ? AND until > ? ORDER BY items.id",
            (number_of(key), key, clock.now()),
        )
        return self._texts("an item", rows)

    def find(self, label: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.find`."""
        rows = self._ask(
            "SELECT key FROM labels JOIN sessions ON sessions.id = labels.session"
            " WHERE label = ? AND until > ? AND key IS NOT NULL",
            (label, clock.now()),
        )
        return self._texts("the key of a session", rows)

    def end(
        self,
        *,
        keys: Sequence[str] = (),
        labels: Sequence[str] = (),
        mark: float | None = None,
        mark_until: float = 0.0,
    ) -> list[EndedSession]:
        """See :meth:`eilogin.stores.Store.end`."""
        with logout_reserve.for_logout():
            return self._end(keys, labels, mark, mark_until)

    @needs_room
    def _end(
        self,
        keys: Sequence[str],
        labels: Sequence[str],
        mark: float | None,
        mark_until: float,
    ) -> list[EndedSession]:
        with self._writing() as (write, now):
            if mark is not None:
                sqlite_rows.mark(write, labels, mark, mark_until, now)
            sessions = sqlite_rows.found_by(write, keys, labels, now)
            ended = [
                (sqlite_rows.end(write, session, now), session.is_live)
                for session in sessions
            ]
            sqlite_rows.unlabel(write, labels)
        return [session for session, is_live in ended if is_live]

    # --- values ---

    @needs_room
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
            number = None
            if owner is not None:
                row = sqlite_rows.live(write, owner, now)
                if row is None:
                    return False
                number = row.number
            sqlite_rows.delete_value_over(write, key, now)
            added = write.execute(
                "INSERT INTO texts (key, until, owner, value) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (key) DO NOTHING",
                (key, until, number, value),
            )
            return added.rowcount > 0

    def get(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.get`."""
        rows = self._ask(
            f"SELECT value, {sqlite_rows.VALUE_UNTIL} FROM texts WHERE key = ?",  # noqa: S608 - ours
            (key,),
        )
        if not rows:
            return None
        value, until = rows[0]
        if type(until) is not float or type(value) is not str:
            self._garbage.note("a value")
            return None
        if until > clock.now():
            return value
        self._forget(sqlite_rows.delete_value_over, key)
        return None

    @needs_room
    def take(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.take`."""
        with self._writing() as (write, now):
            sqlite_rows.delete_value_over(write, key, now)
            rows = write.execute(
                "DELETE FROM texts WHERE key = ? RETURNING value, until", (key,)
            ).fetchall()
        if not rows:
            return None
        value, until = rows[0]
        if type(until) is not float or type(value) is not str:
            self._garbage.note("a value")
            return None
        return value

    @needs_room
    def swap(
        self, key: str, old: str, new: str, until: float, *, durable: bool = True
    ) -> bool:
        """See :meth:`eilogin.stores.Store.swap`."""
        with self._writing(durable=durable) as (write, now):
            sqlite_rows.delete_value_over(write, key, now)
            swapped = write.execute(
                "UPDATE texts SET value = ?, until = ? WHERE key = ? AND value = ?",
                (new, until, key, old),
            )
            return swapped.rowcount > 0

    # --- housekeeping ---

    @needs_room
    def end_all(self) -> int:
        """See :meth:`eilogin.stores.Store.end_all`."""
        with self._writing() as (write, now):
            return copied_files.end_everything(write, now)

    def exists(self) -> bool:
        """See :meth:`eilogin.stores.store_interface.DurableStore.exists`."""
        return self.path.exists()

    def backup(self, to: Path) -> None:
        """Write a backup of the store to a file, while others use it.

        See :func:`eilogin.stores.sqlite.sqlite_backup.back_up`.
        """
        with self._apart() as connection:
            sqlite_backup.back_up(connection, to)

    def restore(self, source: Path) -> int:
        """End every session, and add a backup; return how many sessions were live.

        See :func:`eilogin.stores.sqlite.sqlite_backup.restore`.
        """
        with self._apart() as connection:
            return sqlite_backup.restore(connection, source)

    def figures(self, *patterns: str) -> StoreFigures:
        """See :meth:`eilogin.stores.store_interface.DurableStore.figures`."""
        now = clock.now()
        (sessions, *fitting) = (
            self._ask(
                "SELECT count(*) FROM sessions WHERE until > ? AND key GLOB ?",
                (now, pattern),
            )
            for pattern in ("*", *patterns)
        )
        (values,) = self._ask(
            f"SELECT count(*) FROM texts WHERE {sqlite_rows.VALUE_UNTIL} > ?",  # noqa: S608 - ours
            (now,),
        )
        (marks,) = self._ask("SELECT count(*) FROM marks WHERE until > ?", (now,))
        (schema,) = self._ask("SELECT value FROM meta WHERE name = 'schema'", ())
        files = [Path(f"{self.path}{tail}") for tail in ("", "-wal", "-shm")]
        return StoreFigures(
            kinds=(f"SQLite, tables of version {int(schema[0])}",),
            sessions=sessions[0][0],
            values=values[0],
            marks=marks[0],
            fitting=tuple(count for [(count,)] in fitting),
            size=sum(file.stat().st_size for file in files if file.exists()),
        )
