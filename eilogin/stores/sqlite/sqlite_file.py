"""The file of an SQLite store: its connections, its transactions and its disk space."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

from eilogin import clock
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores import logout_reserve
from eilogin.stores.sqlite import disk_space, sqlite_rows
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
from eilogin.stores.sqlite.sqlite_schema import damage
from eilogin.stores.store_interface import (
    TIMEOUT,
)
from eilogin.stores.unreadable_records import Garbage

_Row = tuple[Any, ...]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_File = TypeVar("_File", bound="SQLiteFile")


def needs_room(
    verb: Callable[Concatenate[_File, _P], _T],
) -> Callable[Concatenate[_File, _P], _T]:
    """Give a writing verb the reserve in a logout, and keep the reserve otherwise.

    Raises StoreUnavailable if the disk has no more room than a logout may need.
    """

    @wraps(verb)
    def with_room(store: _File, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        if not logout_reserve.may_be_used():
            store.ensure_reserve()
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


class SQLiteFile:
    """The file at ``path``, which operations read and write."""

    def __init__(self, path: Path, timeout: float = TIMEOUT) -> None:
        self.path = path
        self._timeout = timeout
        self._presence = Presence(path)
        self._connections = Connections(path, timeout, self._presence)
        self._garbage = Garbage(f"the store {path}")
        self._outage = Outage(path)
        self._reserve = ReserveFile(path)
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
        # Another process may be migrating the tables.
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
            self.ensure_reserve()
        except _FAILURES as error:
            self._refuse(error)
        finally:
            own.close()
            self._renewed()

    def _refuse(self, error: Exception) -> NoReturn:
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
        """Whether the disk, not the configuration, is at fault."""
        return (
            _is_busy(error)
            or is_full(error)
            or isinstance(error, FileIsGone)
            or shortage_at(self.path) != ""
        )

    def close(self) -> None:
        """See :meth:`eilogin.stores.Store.close`."""
        self._presence = Presence(self.path)
        self._renewed()

    # --- room on the disk ---

    def ensure_reserve(self) -> None:
        """Make the reserve, if it is missing; StoreUnavailable if the disk is full."""
        try:
            self._reserve.ensure()
        except StoreUnavailable as error:
            self._shortage.note(error)
            raise
        self._shortage.end()

    def reuse_log(self) -> None:
        """Let SQLite write its log from the beginning again."""
        with (
            suppress(StoreUnavailable, ConfigurationError),
            self._apart() as connection,
        ):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def release_reserve(self) -> None:
        """Give the disk space of the reserve to SQLite, until the disk has more."""
        self._reserve.release()
        # Move the pages in the log to the file first; then the log is free.
        self.reuse_log()

    # --- connections ---

    def _current(self) -> Connections:
        connections = self._connections
        return connections if connections.file.is_current() else self._renewed()

    def _renewed(self) -> Connections:
        old, self._connections = (
            self._connections,
            Connections(self.path, self._timeout, self._presence),
        )
        old.close()
        return self._connections

    def _ask(self, query: str, values: _Row) -> list[_Row]:
        connections = self._current()
        try:
            cursor = connections.take()
            try:
                rows = _rows_of(cursor, query, values)
            except BaseException:
                cursor.connection.close()
                raise
        except _FAILURES as error:
            raise unavailable(self.path, error) from error
        connections.give(cursor)
        return rows

    @contextmanager
    def _writing(
        self, *, durable: bool = True
    ) -> Iterator[tuple[sqlite3.Connection, float]]:
        """Run a transaction with its instant, and delete a few expired rows.

        With ``durable`` it waits for the disk.
        """
        writer = self._current().writer
        try:
            with writer.transaction(durable=durable) as connection:
                self._outage.end()
                now = clock.now()
                sqlite_rows.sweep(connection, now)
                yield connection, now
        except _FAILURES as error:
            outage = unavailable(self.path, error)
            # The log already has the report of a missing file.
            if writer.is_held and not isinstance(error, FileIsGone):
                self._outage.note(outage)
            raise outage from error

    @contextmanager
    def _apart(self) -> Iterator[sqlite3.Connection]:
        """Open a connection for one use, without a transaction."""
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
        """Delete an expired record, so that it stays over."""
        with logout_reserve.for_logout():
            self._deleted(delete, key)

    @needs_room
    def _deleted(
        self, delete: Callable[[sqlite3.Connection, str, float], None], key: str
    ) -> None:
        with self._writing() as (write, now):
            delete(write, key, now)

    def _texts(self, record: str, rows: Sequence[_Row]) -> list[str]:
        texts = [text for (text,) in rows if isinstance(text, str)]
        if len(texts) < len(rows):
            self._garbage.note(record)
        return texts


#: Errors for a damaged, locked, replaced or missing file. SQLite may quote its bytes,
#: hence UnicodeError.
_FAILURES = (sqlite3.Error, OSError, UnicodeError, ConfigurationError)


def _rows_of(cursor: sqlite3.Cursor, query: str, values: _Row) -> list[_Row]:
    """Return the rows of a SELECT, with None for a text that is not UTF-8."""
    try:
        return cursor.execute(query, values).fetchall()
    except sqlite3.OperationalError as error:
        # Python's own error, not SQLite's.
        if hasattr(error, "sqlite_errorcode"):
            raise
    connection = cursor.connection
    connection.text_factory = text_or_none
    try:
        return cursor.execute(query, values).fetchall()
    finally:
        connection.text_factory = str


def _is_busy(error: BaseException) -> bool:
    return _code_of(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code_of(error: BaseException) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
