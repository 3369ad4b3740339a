"""Back up the parts of a store worth keeping to another file, and restore them.

A backup has marks, and values without a session, such as used identifiers and logout
receipts, but no sessions. By its mark (``sealed``), eilogin rejects assertions from
before it was opened, in every place (:mod:`.copied_files`).
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.stores.sqlite.copied_files import end_everything
from eilogin.stores.sqlite.sqlite_schema import (
    bring_up_to_date,
    make_tables,
    read_meta,
    write_meta,
)

_FOR_BACKUP = (
    (
        "INSERT INTO other.marks (label, instant, until)"
        " SELECT label, instant, until FROM main.marks"
    ),
    (
        "INSERT INTO other.texts (key, until, value)"
        " SELECT key, until, value FROM main.texts WHERE owner IS NULL"
    ),
)
_TO_RESTORE = (
    (
        "INSERT INTO main.marks (label, instant, until)"
        " SELECT label, instant, until FROM other.marks WHERE TRUE"
        " ON CONFLICT (label) DO UPDATE SET"
        " instant = max(marks.instant, excluded.instant),"
        " until = max(marks.until, excluded.until)"
    ),
    (
        "INSERT INTO main.texts (key, until, value)"
        " SELECT key, until, value FROM other.texts WHERE owner IS NULL"
        " ON CONFLICT (key) DO NOTHING"
    ),
)


def back_up(connection: sqlite3.Connection, to: Path) -> None:
    """Copy the parts of a store worth keeping to a file, while others write.

    It copies no sessions: a restore would end them, and they hold data of citizens.
    Raises :class:`eilogin.errors.ConfigurationError` if ``to`` exists and is no backup,
    or cannot be written.
    """
    try:
        _back_up(connection, to)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {to}: {error.strerror}; expected an existing folder "
            f"{to.parent} that this user may write to"
        ) from error


def _back_up(connection: sqlite3.Connection, to: Path) -> None:
    if to.exists() and not _is_backup(to):
        raise ConfigurationError(
            f"{to} exists, and is no backup of a store; expected a new name, or "
            "an earlier backup to replace"
        )
    with _temporary_beside(to) as temporary:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
            copy.execute("BEGIN")
            make_tables(copy)
            write_meta(
                copy, sealed=clock.utc(clock.now()).isoformat(timespec="seconds")
            )
            copy.execute("COMMIT")
        with _attached(connection, temporary):
            connection.execute("BEGIN")
            for statement in _FOR_BACKUP:
                connection.execute(statement)
            connection.execute("COMMIT")
        temporary.replace(to)


def restore(connection: sqlite3.Connection, source: Path) -> int:
    """End every session of a store, and add a backup; return how many were live.

    In one transaction. Messages that are used in one of both stay used. Raises
    :class:`eilogin.errors.ConfigurationError` if ``source`` is no store.
    """
    (path,) = (
        Path(file)
        for _, name, file in connection.execute("PRAGMA database_list")
        if name == "main"
    )
    with _temporary_beside(path) as temporary:
        _copy_to_current(source, temporary)
        with _attached(connection, temporary):
            connection.execute("BEGIN IMMEDIATE")
            count = end_everything(connection, clock.now())
            for statement in _TO_RESTORE:
                connection.execute(statement)
            connection.execute("COMMIT")
    return count


@contextmanager
def _attached(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Attach another store as ``other``; roll an unfinished transaction back."""
    connection.execute("ATTACH ? AS other", (str(path),))
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("DETACH other")


def _copy_to_current(source: Path, to: Path) -> None:
    """Copy another file, and migrate the copy to the present tables."""
    try:
        uri = f"{source.absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(uri, uri=True)) as original,
            closing(sqlite3.connect(to, isolation_level=None)) as copy,
        ):
            if not original.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise ConfigurationError(f"{source} is empty; expected a backup")
            original.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            bring_up_to_date(copy, source)
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"cannot read {source}: {error}; expected a backup of a store"
        ) from error


def _is_backup(path: Path) -> bool:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return "sealed" in read_meta(connection)
    except sqlite3.Error:
        return False


@contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    """Make an empty file beside another; delete it unless it was renamed."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield temporary
    finally:
        for tail in ("", "-journal", "-wal", "-shm"):
            Path(f"{temporary}{tail}").unlink(missing_ok=True)
