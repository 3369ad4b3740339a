"""Disk space that a store keeps for logouts, as a file beside it (``PATH-reserve``).

To end a session, SQLite needs new pages too. If the disk is full, a logout deletes the
file. Until the disk can hold it again, the store refuses all else that needs room.
"""

import errno
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from eilogin.errors import StoreUnavailable
from eilogin.stores.sqlite.copied_files import make_like

#: Octets: about thirty logouts between two checkpoints.
SIZE = 1024 * 1024
#: Free octets to make the file: enough for a login too.
_ENOUGH = 2 * SIZE
#: Octets that a store needs besides.
_A_LOGIN = SIZE // 4

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
#: SQLite's errors if a file cannot grow, by quota or fault.
_CANNOT_GROW = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
)


class ReserveFile:
    """The reserve of the store at ``path``."""

    def __init__(self, path: Path) -> None:
        self._store = path
        self._path = path.with_name(f"{path.name}-reserve")
        self._name = os.fspath(self._path)

    def is_whole(self) -> bool:
        """Whether the file is there, in its full size."""
        try:
            return os.stat(self._name).st_size >= SIZE  # noqa: PTH116 - quicker
        except OSError:
            return False

    def ensure(self) -> None:
        """Make the file, if it is missing.

        Raises StoreUnavailable if the disk is too full. Without permission there is no
        reserve.
        """
        if self.is_whole():
            return
        try:
            self._make()
        except OSError as error:
            if error.errno in _NO_ROOM:
                self.release()
                raise StoreUnavailable(
                    f"the store {self._store}: the disk is full "
                    f"({error.strerror}); eilogin keeps the reserve for logouts"
                ) from error

    def release(self) -> None:
        """Delete the file, so that SQLite can use its disk space."""
        with suppress(OSError):
            self._path.unlink()

    def _make(self) -> None:
        if not _has(os.statvfs(self._path.parent), _ENOUGH):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        # Another process may make it now.
        with suppress(FileExistsError):
            make_like(self._store, self._path)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
        finally:
            os.close(descriptor)


def shortage_at(path: Path) -> str:
    """Return why the disk of a store takes nothing now; "" if it does."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return ""
    if disk.f_flag & os.ST_RDONLY:
        return "the disk is read-only"
    needed = _A_LOGIN if ReserveFile(path).is_whole() else _ENOUGH
    return "" if _has(disk, needed) else "the disk is full"


def _has(disk: os.statvfs_result, needed: int) -> bool:
    # Some file systems do not know their size.
    return not disk.f_blocks or disk.f_bavail * disk.f_frsize >= needed


def is_full(error: BaseException | None) -> bool:
    """Whether an error of SQLite or of the system means a full disk."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return getattr(error, "sqlite_errorcode", 0) in _CANNOT_GROW
