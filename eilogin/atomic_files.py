"""Write files atomically: whole or not at all."""

import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

#: For its owner alone.
SECRET = 0o600
#: For everybody to read.
PUBLIC = 0o644

#: The name of a file until it is complete.
_UNFINISHED = re.compile(r"\.[0-9a-f]{16}\.new")
#: Seconds after which nobody is writing one any more.
_LEFT = 3600.0
#: The folders that this process has looked into for those.
_cleared: set[Path] = set()


def create(path: Path, octets: bytes, *, mode: int) -> None:
    """Write a new file, as :func:`write`; FileExistsError if it exists."""
    with _whole(path, octets, mode) as fresh:
        # A link is made or refused, and takes the place of nothing.
        path.hardlink_to(fresh)


def write(path: Path, octets: bytes, *, mode: int) -> None:
    """Write a whole file or none, readable by others only where ``mode`` says so.

    After a kill or a power failure, the file is either the old or the new one.
    """
    with _whole(path, octets, mode) as fresh:
        fresh.replace(path)


def write_under(paths: Sequence[Path], octets: bytes, *, mode: int) -> None:
    """Write one file under several names of one folder, by hard links.

    If the file system has no hard links, each name is a file of its own.
    """
    first, *others = paths
    write(first, octets, mode=mode)
    for path in others:
        fresh = _fresh(path)
        try:
            fresh.hardlink_to(first)
            fresh.replace(path)
        except OSError:
            write(path, octets, mode=mode)
        finally:
            with suppress(OSError):
                fresh.unlink()


@contextmanager
def _whole(path: Path, octets: bytes, mode: int) -> Iterator[Path]:
    """A file beside ``path`` with all its octets on the disk, until it has its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = _fresh(path)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        if path.parent not in _cleared:
            _clear(path.parent, fresh.stat().st_mtime)
        yield fresh
    finally:
        with suppress(OSError):
            fresh.unlink()


def _fresh(path: Path) -> Path:
    """Return a temporary name in the same folder, different for each writer."""
    return path.with_name(f".{secrets.token_hex(8)}.new")


def _clear(folder: Path, now: float) -> None:
    """Remove temporary files of killed writers, once for each process.

    To do so at each of thousands of writes would be too often.
    """
    _cleared.add(folder)
    with suppress(OSError), os.scandir(folder) as found:
        for one in found:
            if not _UNFINISHED.fullmatch(one.name):
                continue
            # It may be another's, or gone by now.
            with suppress(OSError):
                known = one.stat(follow_symlinks=False)
                if stat.S_ISREG(known.st_mode) and known.st_mtime < now - _LEFT:
                    Path(one).unlink()
