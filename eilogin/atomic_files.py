"""Write files atomically: whole or not at all."""

import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SECRET = 0o600
PUBLIC = 0o644

_TEMPORARY_NAME = re.compile(r"\.[0-9a-f]{16}\.new")
#: Seconds; an older temporary file is from a killed writer.
_LONGEST_WRITE = 3600.0
_cleaned: set[Path] = set()


def create(path: Path, octets: bytes, *, mode: int) -> None:
    """Write a new file as :func:`write` does; raises FileExistsError if it exists."""
    with _temporary_file(path, octets, mode) as temporary:
        # Unlike a rename, a link replaces no file.
        path.hardlink_to(temporary)


def write(path: Path, octets: bytes | Iterable[bytes], *, mode: int) -> None:
    """Write a file with permissions ``mode``; a crash leaves the old or the new one.

    ``octets`` may come in pieces.
    """
    with _temporary_file(path, octets, mode) as temporary:
        temporary.replace(path)


def write_under(paths: Sequence[Path], octets: bytes, *, mode: int) -> None:
    """Write one file under several names of a folder, by hard links or as copies."""
    first, *other_paths = paths
    write(first, octets, mode=mode)
    for path in other_paths:
        temporary = _temporary_path(path)
        try:
            temporary.hardlink_to(first)
            temporary.replace(path)
        except OSError:
            write(path, octets, mode=mode)
        finally:
            with suppress(OSError):
                temporary.unlink()


@contextmanager
def _temporary_file(
    path: Path, octets: bytes | Iterable[bytes], mode: int
) -> Iterator[Path]:
    """Write a file beside ``path``, and remove it after the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_path(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([octets] if isinstance(octets, bytes) else octets)
            file.flush()
            os.fsync(file.fileno())
        if path.parent not in _cleaned:
            _remove_leftovers(path.parent, temporary.stat().st_mtime)
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()


def _temporary_path(path: Path) -> Path:
    return path.with_name(f".{secrets.token_hex(8)}.new")


def _remove_leftovers(folder: Path, now: float) -> None:
    """Remove temporary files of killed writers; for speed, once in a process."""
    _cleaned.add(folder)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not _TEMPORARY_NAME.fullmatch(entry.name):
                continue
            # Another user may own it, or have removed it.
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if (
                    stat.S_ISREG(status.st_mode)
                    and status.st_mtime < now - _LONGEST_WRITE
                ):
                    Path(entry).unlink()
