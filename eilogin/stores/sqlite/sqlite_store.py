"""The verbs of a store, over one SQLite file."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

from eilogin import clock
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores import logout_reserve
from eilogin.stores.sqlite import copied_files, disk_space, sqlite_backup, sqlite_rows
from eilogin.stores.sqlite.mounts import network_file_system
from eilogin.stores.sqlite.reserve_file import ReserveFile, is_full, shortage_at
from eilogin.stores.sqlite.sqlite_connections import (
    Connections,
    FileIsGone,
    Outage,
    Presence,
    text_or_none,
    unavailable,
)
from eilogin.stores.sqlite.sqlite_schema import damage, number_of
from eilogin.stores.store_interface import TIMEOUT, EndedSession, StoredSession
from eilogin.stores.unreadable_records import Garbage

_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts and the size of a store."""

    schema: int
    #: Sessions and values that are not over, and marks that still count.
    sessions: int
    values: int
    marks: int
    #: For each pattern of the caller, the number of sessions whose keys match it.
    fitting: tuple[int, ...]
    #: The size of the file on the disk, with SQLite's files beside it.
    size: int


_P = ParamSpec("_P")
_T = TypeVar("_T")


def _needs_room(
    verb: Callable[Concatenate["SQLiteStore", _P], _T],
) -> Callable[Concatenate["SQLiteStore", _P], _T]:
    """Give a verb that writes the reserve in a logout, and keep the reserve otherwise.

    Raises StoreUnavailable, besides what the verb raises, if the disk has no more room
    than a logout may need.
    """

    @wraps(verb)
    def with_room(store: "SQLiteStore", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        if not logout_reserve.may_be_used():
            store.keep_reserve()
            return verb(store, *args, **kwargs)
        for make_room in (store.reuse_log, store.release_reserve):
            try:
                return verb(store, *args, **kwargs)
            except StoreUnavailable as error:
                if not is_full(error.__cause__):
                    raise
                make_room()
        return verb(store, *args, **kwargs)

    return with_room


class SQLiteStore:
    """A :class:`eilogin.stores.Store` in the file at ``path``.

    Only this user can read and write a new file (mode 0600); an existing file keeps its
    mode. Its folder must exist. ``timeout`` is the number of seconds that an operation
    waits for other writers. Readers do not wait, with one exception: an expired record
    is written down so that it stays over (:meth:`read`, :meth:`get`). That waits as a
    write does.
    """

    def __init__(self, path: Path, timeout: float = TIMEOUT) -> None:
        self.path = path
        self._timeout = timeout
        self._presence = Presence(path)
        self._connections = Connections(path, timeout, self._presence)
        self._garbage = Garbage(f"the store {path}")
        #: That nobody can write.
        self._outage = Outage(path)
        self._reserve = ReserveFile(path)
        #: That the disk has no more room than the reserve.
        self._shortage = Outage(path)

    def prepare(self, *, patience: float | None = None) -> None:
        """See :meth:`eilogin.stores.Store.prepare`."""
        kind = network_file_system(self.path)
        if kind is not None:
            raise ConfigurationError(
                f"the store {self.path} is on a network file system (found "
                f"{kind!r}), where two machines do not see each other's logouts; "
                "expected a local disk, or redis:// for several machines"
            )
        # Another process may be bringing the tables up to date.
        own = Connections(
            self.path,
            self._timeout if patience is None else patience,
            self._presence,
        )
        try:
            with own.writer.transaction(durable=True) as connection:
                sqlite_rows.sweep(connection, clock.now())
            with closing(own.file.open()) as connection:
                disk_space.rewrite(connection, self.path)
            self.keep_reserve()
        except _FAILURES as error:
            self._refuse(error)
        finally:
            own.close()
            self._renewed()

    def _refuse(self, error: Exception) -> NoReturn:
        """Raise the error for the sysadmin: a fault, or only a busy file."""
        if isinstance(error, ConfigurationError):
            raise error
        if self._may_pass(error):
            raise unavailable(self.path, error) from error
        if _code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise ConfigurationError(damage(self.path, error)) from error
        raise ConfigurationError(
            f"cannot use the store {self.path}: {error}; expected an SQLite file "
            "that this user may write to, in an existing folder that this user "
            "may write to"
        ) from error

    def _may_pass(self, error: Exception) -> bool:
        """Return whether nothing is wrong with the configuration: the disk is."""
        return (
            _is_busy(error)
            or is_full(error)
            or isinstance(error, FileIsGone)
            or shortage_at(self.path) != ""
        )

    # --- sessions ---

    @_needs_room
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
        found = self._ask(
            "SELECT data, seen, until FROM sessions WHERE id = ? AND key = ?",
            (number_of(key), key),
        )
        if not found:
            return None
        data, seen, until = found[0]
        if not type(seen) is type(until) is float or type(data) is not str:
            self._garbage.note("a session")
            return None
        if until > clock.now():
            return StoredSession(key, data, seen, until)
        self._forget(sqlite_rows.delete_over, key)
        return None

    @_needs_room
    def touch(self, key: str, seen: float, before: float) -> bool:
        """See :meth:`eilogin.stores.Store.touch`."""
        with self._writing(durable=False) as (write, now):
            touched = write.execute(
                "UPDATE sessions SET seen = ?"
                " WHERE id = ? AND key = ? AND until > ? AND seen < ?",
                (seen, number_of(key), key, now, min(seen, before)),
            )
            return touched.rowcount > 0

    @_needs_room
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
        found = self._ask(
            "SELECT item FROM sessions JOIN items ON items.session = sessions.id"
            " WHERE sessions.id = ? AND key = ? AND until > ? ORDER BY items.id",
            (number_of(key), key, clock.now()),
        )
        return self._texts("an item", found)

    def find(self, label: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.find`."""
        found = self._ask(
            "SELECT key FROM labels JOIN sessions ON sessions.id = labels.session"
            " WHERE label = ? AND until > ? AND key IS NOT NULL",
            (label, clock.now()),
        )
        return self._texts("the key of a session", found)

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

    @_needs_room
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
            found = sqlite_rows.found_by(write, keys, labels, now)
            ended = [(sqlite_rows.end(write, one, now), one.is_live) for one in found]
            sqlite_rows.unlabel(write, labels)
        return [one for one, is_live in ended if is_live]

    # --- values ---

    @_needs_room
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
        found = self._ask(
            f"SELECT value, {sqlite_rows.VALUE_UNTIL} FROM texts WHERE key = ?",  # noqa: S608 - ours
            (key,),
        )
        if not found:
            return None
        value, until = found[0]
        if type(until) is not float or type(value) is not str:
            self._garbage.note("a value")
            return None
        if until > clock.now():
            return value
        self._forget(sqlite_rows.delete_value_over, key)
        return None

    @_needs_room
    def take(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.take`."""
        with self._writing() as (write, now):
            sqlite_rows.delete_value_over(write, key, now)
            found = write.execute(
                "DELETE FROM texts WHERE key = ? RETURNING value, until", (key,)
            ).fetchall()
        if not found:
            return None
        value, until = found[0]
        if type(until) is not float or type(value) is not str:
            self._garbage.note("a value")
            return None
        return value

    @_needs_room
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

    @_needs_room
    def end_all(self) -> int:
        """See :meth:`eilogin.stores.Store.end_all`."""
        with self._writing() as (write, now):
            return copied_files.end_everything(write, now)

    def backup(self, to: Path) -> None:
        """Write a backup of the store to a file, while others are at work in it.

        See :mod:`eilogin.stores.sqlite.sqlite_backup` for what is in it. Raises
        :class:`eilogin.errors.ConfigurationError` where ``to`` is something else than
        an earlier backup, or its folder is not there or cannot be written.
        """
        with self._apart() as connection:
            sqlite_backup.back_up(connection, to)

    def restore(self, source: Path) -> int:
        """End every session, and put a backup in; how many sessions were live.

        Others may be at work in the store: to them it is one verb. Raises
        :class:`eilogin.errors.ConfigurationError` where ``source`` is no store.
        """
        with self._apart() as connection:
            return sqlite_backup.restore(connection, source)

    def figures(self, *patterns: str) -> Figures:
        """How much is in the store; of sessions too with keys that fit ``patterns``.

        In those ``*`` is anything.
        """
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
        return Figures(
            schema=int(schema[0]),
            sessions=sessions[0][0],
            values=values[0],
            marks=marks[0],
            fitting=tuple(count for [(count,)] in fitting),
            size=sum(file.stat().st_size for file in files if file.exists()),
        )

    def close(self) -> None:
        """See :meth:`eilogin.stores.Store.close`."""
        self._presence = Presence(self.path)
        self._renewed()

    # --- room on the disk ---

    def keep_reserve(self) -> None:
        """Make the reserve, if it is missing; StoreUnavailable if the disk is full."""
        try:
            self._reserve.keep()
        except StoreUnavailable as error:
            self._shortage.note(error)
            raise
        self._shortage.end()

    def reuse_log(self) -> None:
        """Make room in the log of SQLite, which it writes from its beginning then."""
        with (
            suppress(StoreUnavailable, ConfigurationError),
            self._apart() as connection,
        ):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def release_reserve(self) -> None:
        """Give the disk space of the reserve to SQLite, until the disk has more."""
        self._reserve.release()
        # The pages that wait in the log come first: the log is free after that.
        self.reuse_log()

    # --- connections ---

    def _current(self) -> Connections:
        found = self._connections
        return found if found.file.is_current() else self._renewed()

    def _renewed(self) -> Connections:
        old, self._connections = (
            self._connections,
            Connections(self.path, self._timeout, self._presence),
        )
        old.close()
        return self._connections

    def _ask(self, question: str, values: _Row) -> list[_Row]:
        """The rows of one SELECT, outside of any transaction."""
        connections = self._current()
        try:
            cursor = connections.take()
            try:
                found = _rows_of(cursor, question, values)
            except BaseException:
                cursor.connection.close()
                raise
        except _FAILURES as error:
            raise unavailable(self.path, error) from error
        connections.give(cursor)
        return found

    @contextmanager
    def _writing(
        self, *, durable: bool = True
    ) -> Iterator[tuple[sqlite3.Connection, float]]:
        """A transaction, and the instant it began; takes a little away of what is over.

        With ``durable`` it is on the disk when it is over itself.
        """
        writer = self._current().writer
        try:
            with writer.transaction(durable=durable) as connection:
                self._outage.end()
                now = clock.now()
                sqlite_rows.sweep(connection, now)
                yield connection, now
        except _FAILURES as error:
            said = unavailable(self.path, error)
            # The log already has the report of a missing file.
            if writer.is_held and not isinstance(error, FileIsGone):
                self._outage.note(said)
            raise said from error

    @contextmanager
    def _apart(self) -> Iterator[sqlite3.Connection]:
        """A connection that is used once; whoever asks for it begins what it does."""
        connections = self._current()
        try:
            connection = connections.file.open()
            try:
                yield connection
            finally:
                connection.close()
        except ConfigurationError:
            raise
        except _FAILURES as error:
            raise unavailable(self.path, error) from error

    def _forget(
        self, delete: Callable[[sqlite3.Connection, str, float], None], key: str
    ) -> None:
        """Write down that something is over, so that it stays over."""
        with logout_reserve.for_logout():
            self._deleted(delete, key)

    @_needs_room
    def _deleted(
        self, delete: Callable[[sqlite3.Connection, str, float], None], key: str
    ) -> None:
        with self._writing() as (write, now):
            delete(write, key, now)

    def _texts(self, what: str, found: Sequence[_Row]) -> list[str]:
        texts = [text for (text,) in found if isinstance(text, str)]
        if len(texts) < len(found):
            self._garbage.note(what)
        return texts


#: Exceptions for a damaged, locked, replaced or missing file. UnicodeError: SQLite's
#: message about a damaged file may quote its bytes.
_FAILURES = (sqlite3.Error, OSError, UnicodeError, ConfigurationError)


def _rows_of(cursor: sqlite3.Cursor, question: str, values: _Row) -> list[_Row]:
    """The rows of a SELECT, with None in the place of a text that is not UTF-8."""
    try:
        return cursor.execute(question, values).fetchall()
    except sqlite3.OperationalError as error:
        # Python's own, which SQLite knows nothing of.
        if hasattr(error, "sqlite_errorcode"):
            raise
    connection = cursor.connection
    connection.text_factory = text_or_none
    try:
        return cursor.execute(question, values).fetchall()
    finally:
        connection.text_factory = str


def _is_busy(error: BaseException) -> bool:
    return _code_of(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code_of(error: BaseException) -> int:
    """Return SQLite's primary error code; 0 for another exception."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
