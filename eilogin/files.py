"""Writing files: whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: For its owner alone.
SECRET = 0o600
#: For everybody to read.
PUBLIC = 0o644


def create(path: Path, octets: bytes, *, mode: int) -> None:
    """As :func:`write`, but never in the place of a file: FileExistsError."""
    with _whole(path, octets, mode) as fresh:
        # A link is made or refused, and takes the place of nothing.
        path.hardlink_to(fresh)


def write(path: Path, octets: bytes, *, mode: int) -> None:
    """Write a whole file or none, readable by others only where ``mode`` says so.

    Whoever is killed meanwhile, or loses power, leaves what was there or what is new.
    """
    with _whole(path, octets, mode) as fresh:
        fresh.replace(path)


@contextmanager
def _whole(path: Path, octets: bytes, mode: int) -> Iterator[Path]:
    """A file beside ``path`` with all its octets on the disk, until it has its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: who writes the same file at once has another.
    fresh = path.with_name(f".{secrets.token_hex(8)}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        yield fresh
    finally:
        with suppress(OSError):
            fresh.unlink()
