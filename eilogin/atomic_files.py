"""Write files atomically: whole or not at all."""

import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SECRET = 0o600
PUBLIC = 0o644

_UNFINISHED = re.compile(r"\.[0-9a-f]{16}\.new")
#: Seconds until a writer must be gone.
_LEFT = 3600.0
_cleared: set[Path] = set()


def create(path: Path, octets: bytes, *, mode: int) -> None:
    """Write a new file, as :func:`write`; FileExistsError if it exists."""
    with _whole(path, octets, mode) as fresh:
        # Unlike a rename, a link replaces no file.
        path.hardlink_to(fresh)


def write(path: Path, octets: bytes, *, mode: int) -> None:
    """Write a file with permissions ``mode``; a crash leaves the old or the new."""
    with _whole(path, octets, mode) as fresh:
        fresh.replace(path)


def write_under(paths: Sequence[Path], octets: bytes, *, mode: int) -> None:
    """Write one file under several names of a folder, by hard links or as copies."""
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
    """Write a file beside ``path``, and remove it after the block."""
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
    return path.with_name(f".{secrets.token_hex(8)}.new")


def _clear(folder: Path, now: float) -> None:
    """Remove temporary files of killed writers, once a process for speed."""
    _cleared.add(folder)
    with suppress(OSError), os.scandir(folder) as found:
        for one in found:
            if not _UNFINISHED.fullmatch(one.name):
                continue
            # Another user may own it, or have removed it.
            with suppress(OSError):
                known = one.stat(follow_symlinks=False)
                if stat.S_ISREG(known.st_mode) and known.st_mtime < now - _LEFT:
                    Path(one).unlink()
