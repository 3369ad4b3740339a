"""End the sessions of a file that was copied or restored.

A copy holds sessions that have ended since. So a process that opens a copy first ends
all sessions, in one transaction. Identifiers used since are lost, so eilogin also
rejects all earlier assertions.

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


# --- recognise copies -----------------------------------------------------------


def adopt(connection: sqlite3.Connection, path: Path) -> None:
    """Accept an opened file as the one at ``path``; end its sessions if it is a copy.

    One process does it; the others wait.
    """
    # Read the epoch beside the file first: a writer increments it last.
    outer_epoch = epoch_beside(path)
    if _is_adopted(read_meta(connection), path, outer_epoch):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        epoch = next_epoch(connection, path, outer_epoch)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    note_beside(path, epoch)


def next_epoch(connection: sqlite3.Connection, path: Path, outer_epoch: int) -> int:
    """Do the same as :func:`adopt` in a transaction; increment and return the epoch."""
    meta = read_meta(connection)
    reason = _is_copy(meta, path, outer_epoch)
    epoch = max(_epoch(meta), outer_epoch) + 1
    if reason:
        now = clock.now()
        count = end_everything(connection, now)
        connection.execute("DELETE FROM meta WHERE name = 'sealed'")
        _log.warning(
            "the store %s %s: eilogin ended its sessions (%d were live), and "
            "rejects Responses from before this moment",
            path,
            reason,
            count,
        )
    write_meta(connection, epoch=epoch, file=file_at(path))
    return epoch


def end_everything(connection: sqlite3.Connection, now: float) -> int:
    """End every session, and reject earlier answers; return how many were live."""
    count = sqlite_rows.delete_all(connection, now)
    sqlite_rows.mark(connection, [EVERYBODY], *mark_on_everybody(now), now)
    return count


def _is_adopted(meta: Mapping[str, str], path: Path, outer_epoch: int) -> bool:
    return "file" in meta and not _is_copy(meta, path, outer_epoch)


def _is_copy(meta: Mapping[str, str], path: Path, outer_epoch: int) -> str:
    """Return the reason why a file is a copy; "" if it is none."""
    if "sealed" in meta:
        return "is a backup"
    if "file" in meta and not _is_same_file(meta["file"], file_at(path)):
        return (
            "was copied from elsewhere or put back by hand, or its file has "
            "another time of birth, as after the clock was set back"
        )
    if _epoch(meta) < outer_epoch:
        return "is older than the store that was here before, as if put back by hand"
    return ""


def _epoch(meta: Mapping[str, str]) -> int:
    try:
        return int(meta.get("epoch", "0"))
    except ValueError:
        return 0


# --- the identity of a file -----------------------------------------------------


def file_at(path: Path) -> str:
    """Return inode and instant of birth of the file at ``path``; 0 if unknown.

    Another file may get a deleted file's inode.
    """
    return f"{path.stat().st_ino}:{_birth_of(path)}"


def _is_same_file(identity: str, other_identity: str) -> bool:
    inode, _, birth = identity.partition(":")
    other_inode, _, other_birth = other_identity.partition(":")
    return inode == other_inode and (
        birth == other_birth or "0" in (birth, other_birth)
    )


#: statx(2), of Linux alone, is not in Python.
_statx = getattr(ctypes.CDLL(None, use_errno=True), "statx", None)
_AT_FDCWD = -100
_STATX_BTIME = 0x800
#: Offsets in struct statx.
_MASK, _BIRTH = struct.Struct("=I"), struct.Struct("=qI")
_BIRTH_AT = 80
_BUFFER_SIZE = 256


def _birth_of(path: Path) -> int:
    """Return the instant of birth in nanoseconds, or 0 if it is unknown."""
    if _statx is None:
        return 0
    buffer = ctypes.create_string_buffer(_BUFFER_SIZE)
    failed = _statx(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, buffer)
    if failed or not _MASK.unpack_from(buffer)[0] & _STATX_BTIME:
        return 0
    seconds, nanoseconds = _BIRTH.unpack_from(buffer, _BIRTH_AT)
    return int(seconds * 1_000_000_000 + nanoseconds)


# --- the epoch beside the file --------------------------------------------------

_EPOCH = struct.Struct("<Q")

#: Root may work in another user's folder ("eilogin store"), with a link or a pipe
#: there.
_SAFE_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK


def epoch_beside(path: Path) -> int:
    """Return the epoch beside a store, or 0."""
    try:
        descriptor = os.open(_epoch_file(path), os.O_RDONLY | _SAFE_FLAGS)
        try:
            return int(_EPOCH.unpack(os.read(descriptor, _EPOCH.size))[0])
        finally:
            os.close(descriptor)
    except (OSError, struct.error):
        return 0


def note_beside(path: Path, epoch: int) -> None:
    """Write the epoch beside a store, after the file itself.

    It may fail or be lost: an epoch beside the file that is behind proves nothing.
    """
    epoch_file = _epoch_file(path)
    try:
        if not os.path.lexists(epoch_file):
            # Another process may be quicker.
            with suppress(FileExistsError):
                make_like(path, epoch_file)
        descriptor = os.open(epoch_file, os.O_WRONLY | _SAFE_FLAGS)
        try:
            os.write(descriptor, _EPOCH.pack(epoch))
        finally:
            os.close(descriptor)
    except OSError as error:
        _log.warning("the store %s: cannot write its epoch: %s", path, error)


def make_like(path: Path, new_path: Path) -> None:
    """Make a file with the same users and permissions, as SQLite does.

    Raises ``OSError``, such as ``FileExistsError``.
    """
    status = path.stat()
    descriptor = os.open(
        new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE_FLAGS, 0o600
    )
    try:
        if os.geteuid() == 0:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    finally:
        os.close(descriptor)


def _epoch_file(path: Path) -> Path:
    return path.with_name(f"{path.name}-epoch")
