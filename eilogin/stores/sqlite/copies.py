"""What becomes of a file that was copied, and of one that was put back.

A copy is from an earlier instant: sessions live in it that have been ended since. So
whoever opens a file that was copied or put back, by whatever means, ends every session
in it, in one transaction, before anything is read from it. Marks and used identifiers
stay; those that came after the copy are lost, so nobody is logged in any more by an
answer that was made before that moment.

A file tells in three ways that it was copied or put back:

* a *backup* that eilogin made carries a mark (``sealed``), wherever it comes to stand;
* the file remembers which file it is: inode and instant of birth (``file``), which no
  copy has in common with it;
* every second in which something was written, an *epoch* is counted up, in the file and
  beside it (``PATH-epoch``): a file that was written over with its older content is
  behind.

What nobody can see in the file is that a whole disk or machine was set back with
everything on it: then ``eilogin store end-all`` is for who did it.
"""

import ctypes
import logging
import math
import os
import secrets
import sqlite3
import stat
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.stores.interface import EVERYBODY, REFUSED_FOR
from eilogin.stores.sqlite import rows
from eilogin.stores.sqlite.schema import bring_up_to_date, facts, make_tables, note

_log = logging.getLogger("eilogin.stores")


# --- telling copies from what they are copies of --------------------------------


def settle(connection: sqlite3.Connection, path: Path) -> None:
    """Have an opened file be the one at ``path``; end its sessions if it is a copy.

    Of several processes that find it one does it, and the others wait.
    """
    # In this order: who is writing counts in the file first, then beside it.
    beside = epoch_beside(path)
    if _settled(facts(connection), path, beside):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        epoch = next_epoch(connection, path, beside)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    note_beside(path, epoch)


def next_epoch(connection: sqlite3.Connection, path: Path, beside: int) -> int:
    """The same inside a transaction, which counts the epoch up; returns it."""
    told = facts(connection)
    why = _is_copy(told, path, beside)
    epoch = max(_epoch(told), beside) + 1
    if why:
        now = clock.now()
        count = end_everything(connection, now)
        connection.execute("DELETE FROM meta WHERE name = 'sealed'")
        _log.warning(
            "the store %s %s: its sessions are ended (%d were live), and answers to a"
            " login from before this moment are refused",
            path,
            why,
            count,
        )
    note(connection, epoch=epoch, file=file_at(path))
    return epoch


def end_everything(connection: sqlite3.Connection, now: float) -> int:
    """End every session, and refuse answers from before; how many were live."""
    count = rows.delete_all(connection, now)
    until = now + REFUSED_FOR
    # What is issued at this very instant is issued afterwards.
    rows.mark(connection, [EVERYBODY], math.nextafter(now, 0.0), until, now)
    return count


def _settled(told: Mapping[str, str], path: Path, beside: int) -> bool:
    return "file" in told and not _is_copy(told, path, beside)


def _is_copy(told: Mapping[str, str], path: Path, beside: int) -> str:
    """Why the sessions of a file cannot be what they were; "" where they can."""
    if "sealed" in told:
        return "is a backup"
    if "file" in told and not _is_same_file(told["file"], file_at(path)):
        return "was copied from elsewhere, or put back by hand"
    if _epoch(told) < beside:
        return "is older than the one that stood there before, as if put back by hand"
    return ""


def _epoch(told: Mapping[str, str]) -> int:
    try:
        return int(told.get("epoch", "0"))
    except ValueError:
        return 0


# --- which file it is -----------------------------------------------------------


def file_at(path: Path) -> str:
    """Inode and instant of birth of the file at ``path``; 0 for what is not known.

    An inode alone is given to the next file when a file is deleted.
    """
    return f"{path.stat().st_ino}:{_born(path)}"


def _is_same_file(one: str, other: str) -> bool:
    inode, _, born = one.partition(":")
    other_inode, _, other_born = other.partition(":")
    return inode == other_inode and (born == other_born or "0" in (born, other_born))


#: statx(2), which Python does not have; not there on others than Linux.
_statx = getattr(ctypes.CDLL(None, use_errno=True), "statx", None)
_AT_FDCWD = -100
_STATX_BTIME = 0x800
#: Where struct statx has its mask, and seconds and nanoseconds of the birth.
_MASK, _BIRTH = struct.Struct("=I"), struct.Struct("=qI")
_BIRTH_AT = 80
_ROOM = 256


def _born(path: Path) -> int:
    """Nanoseconds, or 0 where the file system does not say."""
    if _statx is None:
        return 0
    told = ctypes.create_string_buffer(_ROOM)
    failed = _statx(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, told)
    if failed or not _MASK.unpack_from(told)[0] & _STATX_BTIME:
        return 0
    seconds, nanoseconds = _BIRTH.unpack_from(told, _BIRTH_AT)
    return int(seconds * 1_000_000_000 + nanoseconds)


# --- the epoch beside the file --------------------------------------------------

_EPOCH = struct.Struct("<Q")

#: Root works in a folder of somebody else's ("eilogin store"): what stands there under
#: the name may be a link to another file, or something that never answers.
_WARY = os.O_NOFOLLOW | os.O_NONBLOCK


def epoch_beside(path: Path) -> int:
    """The epoch that stands beside a store; 0 where none does."""
    try:
        descriptor = os.open(_beside(path), os.O_RDONLY | _WARY)
        try:
            return int(_EPOCH.unpack(os.read(descriptor, _EPOCH.size))[0])
        finally:
            os.close(descriptor)
    except (OSError, struct.error):
        return 0


def note_beside(path: Path, epoch: int) -> None:
    """Write the epoch beside a store, after it is in the file itself.

    It need not reach the disk: after a power failure it is behind, which says nothing.
    Nor does it matter to the verb, which is committed, whether it can be written.
    """
    beside = _beside(path)
    try:
        if not os.path.lexists(beside):
            # Another process may be quicker.
            with suppress(FileExistsError):
                _make_like(path, beside)
        descriptor = os.open(beside, os.O_WRONLY | _WARY)
        try:
            os.write(descriptor, _EPOCH.pack(epoch))
        finally:
            os.close(descriptor)
    except OSError as error:
        _log.warning("the store %s: cannot write its epoch: %s", path, error)


def _make_like(path: Path, beside: Path) -> None:
    """A new file that the same users may write, as SQLite makes its own."""
    like = path.stat()
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _WARY, 0o600)
    try:
        if os.geteuid() == 0:
            os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}-epoch")


# --- backup and restore ---------------------------------------------------------

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
    """Copy what of a store is worth keeping to a file, while others write.

    Sessions and what belongs to them stay behind: they would be ended by a restore, and
    what a record says of a citizen need not lie about. Raises
    :class:`eilogin.errors.ConfigurationError` where ``to`` is there, and is no backup,
    and where its folder is not there or cannot be written.
    """
    try:
        _back_up(connection, to)
    except OSError as error:
        raise ConfigurationError(
            f"{to} cannot be written: {error.strerror}; expected a folder {to.parent}"
            " that is there, and that this user may write"
        ) from error


def _back_up(connection: sqlite3.Connection, to: Path) -> None:
    if to.exists() and not _is_backup(to):
        raise ConfigurationError(
            f"{to} is there, and is no backup of a store; expected a new name, or an"
            " earlier backup to replace"
        )
    with _beside_for_a_while(to) as making:
        with closing(sqlite3.connect(making, isolation_level=None)) as copy:
            copy.execute("BEGIN")
            make_tables(copy)
            note(copy, sealed=clock.utc(clock.now()).isoformat(timespec="seconds"))
            copy.execute("COMMIT")
        with _attached(connection, making):
            connection.execute("BEGIN")
            for statement in _FOR_BACKUP:
                connection.execute(statement)
            connection.execute("COMMIT")
        making.replace(to)


def put_back(connection: sqlite3.Connection, source: Path) -> int:
    """End every session of a store, and add what a backup has; how many were live.

    What the store has is kept beside it: a message that was used in either is used. One
    transaction, also for those who are at work in the store. Raises
    :class:`eilogin.errors.ConfigurationError` where ``source`` is no store.
    """
    (path,) = (
        Path(file)
        for _, name, file in connection.execute("PRAGMA database_list")
        if name == "main"
    )
    with _beside_for_a_while(path) as reading:
        _copy_whole(source, reading)
        with _attached(connection, reading):
            connection.execute("BEGIN IMMEDIATE")
            count = end_everything(connection, clock.now())
            for statement in _TO_RESTORE:
                connection.execute(statement)
            connection.execute("COMMIT")
    return count


@contextmanager
def _attached(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Another store as ``other``; a transaction that is not finished is undone."""
    connection.execute("ATTACH ? AS other", (str(path),))
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("DETACH other")


def _copy_whole(source: Path, to: Path) -> None:
    """All that is in another file, which is only read, in the tables of today."""
    try:
        uri = f"{source.absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(uri, uri=True)) as there,
            closing(sqlite3.connect(to, isolation_level=None)) as here,
        ):
            if not there.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise ConfigurationError(f"{source} is empty; expected a backup")
            there.backup(here)
            # One file, with nothing beside it.
            here.execute("PRAGMA journal_mode = DELETE")
            bring_up_to_date(here, source)
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"{source} cannot be read: {error}; expected a backup of a store"
        ) from error


def _is_backup(path: Path) -> bool:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as found:
            return "sealed" in facts(found)
    except sqlite3.Error:
        return False


@contextmanager
def _beside_for_a_while(path: Path) -> Iterator[Path]:
    """A new, empty file beside another one; gone afterwards, unless it was renamed."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    os.close(os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield made
    finally:
        for tail in ("", "-journal", "-wal", "-shm"):
            Path(f"{made}{tail}").unlink(missing_ok=True)
