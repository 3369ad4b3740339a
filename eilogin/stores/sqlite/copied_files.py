"""End the sessions of a file that was copied or restored.

A copy holds sessions that have ended since. So a process that opens one first ends all,
in one transaction. Used identifiers since the copy are lost, so earlier assertions sign
nobody in.

A file shows in three ways that it was copied or restored:

* A *backup* of eilogin (:mod:`.sqlite_backup`) carries a mark (``sealed``).
* The file remembers its inode and instant of birth (``file``), which no copy shares.
* In every second with a write, eilogin increments an *epoch*, in the file and beside it
  (``PATH-epoch``). A file overwritten with older content is behind.

If a whole disk or machine was set back, the operator runs ``eilogin store end-all``.
"""

import ctypes
import logging
import os
import sqlite3
import stat
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from eilogin import clock
from eilogin.stores.sqlite import sqlite_rows
from eilogin.stores.sqlite.sqlite_schema import read_meta, write_meta
from eilogin.stores.store_interface import EVERYBODY, mark_on_everybody

_log = logging.getLogger("eilogin.stores")


# --- telling copies from what they are copies of --------------------------------


def adopt(connection: sqlite3.Connection, path: Path) -> None:
    """Accept an opened file as the one at ``path``; end its sessions if it is a copy.

    One process does it; the others wait.
    """
    # In this order: a writer increments in the file first, then beside it.
    beside = epoch_beside(path)
    if _is_adopted(read_meta(connection), path, beside):
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
    """Do the same inside a transaction; increment and return the epoch."""
    told = read_meta(connection)
    why = _is_copy(told, path, beside)
    epoch = max(_epoch(told), beside) + 1
    if why:
        now = clock.now()
        count = end_everything(connection, now)
        connection.execute("DELETE FROM meta WHERE name = 'sealed'")
        _log.warning(
            "the store %s %s: eilogin ended its sessions (%d were live), and "
            "rejects Responses from before this moment",
            path,
            why,
            count,
        )
    write_meta(connection, epoch=epoch, file=file_at(path))
    return epoch


def end_everything(connection: sqlite3.Connection, now: float) -> int:
    """End every session, and reject earlier answers; return how many were live."""
    count = sqlite_rows.delete_all(connection, now)
    sqlite_rows.mark(connection, [EVERYBODY], *mark_on_everybody(now), now)
    return count


def _is_adopted(told: Mapping[str, str], path: Path, beside: int) -> bool:
    return "file" in told and not _is_copy(told, path, beside)


def _is_copy(told: Mapping[str, str], path: Path, beside: int) -> str:
    """The reason why a file is a copy; "" if it is none."""
    if "sealed" in told:
        return "is a backup"
    if "file" in told and not _is_same_file(told["file"], file_at(path)):
        return (
            "was copied from elsewhere or put back by hand, or its file has "
            "another time of birth, as after the clock was set back"
        )
    if _epoch(told) < beside:
        return "is older than the store that was here before, as if put back by hand"
    return ""


def _epoch(told: Mapping[str, str]) -> int:
    try:
        return int(told.get("epoch", "0"))
    except ValueError:
        return 0


# --- which file it is -----------------------------------------------------------


def file_at(path: Path) -> str:
    """Return inode and instant of birth of the file at ``path``; 0 if unknown.

    Another file may get a deleted file's inode.
    """
    return f"{path.stat().st_ino}:{_born(path)}"


def _is_same_file(one: str, other: str) -> bool:
    inode, _, born = one.partition(":")
    other_inode, _, other_born = other.partition(":")
    return inode == other_inode and (born == other_born or "0" in (born, other_born))


#: statx(2), of Linux alone, is not in Python.
_statx = getattr(ctypes.CDLL(None, use_errno=True), "statx", None)
_AT_FDCWD = -100
_STATX_BTIME = 0x800
#: Offsets in struct statx.
_MASK, _BIRTH = struct.Struct("=I"), struct.Struct("=qI")
_BIRTH_AT = 80
_ROOM = 256


def _born(path: Path) -> int:
    """Nanoseconds, or 0 if unknown."""
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

#: Root may work in another user's folder ("eilogin store"), with a link or a pipe
#: there.
_WARY = os.O_NOFOLLOW | os.O_NONBLOCK


def epoch_beside(path: Path) -> int:
    """The epoch beside a store, or 0."""
    try:
        descriptor = os.open(_beside(path), os.O_RDONLY | _WARY)
        try:
            return int(_EPOCH.unpack(os.read(descriptor, _EPOCH.size))[0])
        finally:
            os.close(descriptor)
    except (OSError, struct.error):
        return 0


def note_beside(path: Path, epoch: int) -> None:
    """Write the epoch beside a store, after the file itself.

    It may fail or be lost: to be behind says nothing.
    """
    beside = _beside(path)
    try:
        if not os.path.lexists(beside):
            # Another process may be quicker.
            with suppress(FileExistsError):
                make_like(path, beside)
        descriptor = os.open(beside, os.O_WRONLY | _WARY)
        try:
            os.write(descriptor, _EPOCH.pack(epoch))
        finally:
            os.close(descriptor)
    except OSError as error:
        _log.warning("the store %s: cannot write its epoch: %s", path, error)


def make_like(path: Path, beside: Path) -> None:
    """Make a file with the same users and permissions, as SQLite does.

    Raises ``OSError``, such as ``FileExistsError``.
    """
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
