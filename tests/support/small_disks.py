"""A disk of a few megabytes, which a test can fill; a tmpfs of its own."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from real_parts import unavailable

#: Octets that a test disk has, where nobody says otherwise.
SIZE = 8 * 1024 * 1024


class SmallDisk:
    """A disk that is mounted at ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Take all the space that is left."""
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)

    def make_room(self) -> None:
        """Give back what :meth:`fill` took."""
        self._filler.unlink()

    def be_read_only(self, *, is_so: bool = True) -> None:
        """Refuse every write from now on, or no longer."""
        mode = "ro" if is_so else "rw"
        _run("mount", "-o", f"remount,{mode}", os.fspath(self.folder))


@contextlib.contextmanager
def mounted(folder: Path, size: int = SIZE) -> Iterator[SmallDisk]:
    """Mount a disk at ``folder``, a new one, and unmount it afterwards."""
    folder.mkdir()
    where = os.fspath(folder)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", where)
    except (OSError, subprocess.CalledProcessError):
        unavailable("needs to mount a tmpfs: run the tests as root")
    try:
        yield SmallDisk(folder)
    finally:
        _run("umount", "-l", where)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
