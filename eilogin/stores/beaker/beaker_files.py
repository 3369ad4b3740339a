"""``file``: Beaker's files in a folder, for the processes of one machine.

One JSON file for each name under ``container_file``, written elsewhere and renamed, so
that readers need no lock. Its modification time is its expiry, readable without opening
it.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from beaker.container import FileNamespaceManager
from beaker.synchronization import file_synchronizer

from eilogin import clock
from eilogin.errors import StoreUnavailable

_KEY = "session"
#: Seconds between tries.
_RETRY_INTERVAL = 0.005
#: Files and folders that each write cleans up: more than it adds.
_STEPS = 8
#: Errors for a file that eilogin did not write.
_UNREADABLE = (LookupError, OverflowError, RecursionError, TypeError, ValueError)
#: Most octets around a text.
_ENVELOPE = 100


class _Namespace(FileNamespaceManager):  # type: ignore[misc]
    """A file of Beaker's with JSON, of at most ``largest`` octets."""

    largest = 0

    def get_access_lock(self) -> Any:
        # Beaker makes a lock file for each name, and never deletes it.
        return file_synchronizer(self.namespace[:2], lock_dir=self.lock_dir)

    def do_open(self, flags: str, replace: bool) -> None:  # noqa: FBT001 - Beaker's
        self._is_changed = False
        try:
            with open(self.file, "rb", opener=_open_without_waiting) as file:
                text, until = json.loads(file.read(self.largest))[_KEY]
            self.hash = {_KEY: (str(text), float(until))}
        except (*_UNREADABLE, FileNotFoundError):
            self.hash = {}

    def __setitem__(self, key: str, value: tuple[str, float]) -> None:
        self.hash[key], self._is_changed = value, True

    def do_close(self) -> None:
        if self._is_changed:
            temporary = Path(f"{self.file}.temp")
            with open(temporary, "w", encoding="ascii", opener=_open_private) as file:
                json.dump(self.hash, file)
            until = self.hash[_KEY][1]
            os.utime(temporary, (until, until))
            temporary.rename(self.file)
        self.hash = {}

    def text(self) -> str | None:
        text, until = self.hash.get(_KEY, (None, 0.0))
        return text if until > clock.now() else None


def _open_without_waiting(path: str, flags: int) -> int:
    # Do not wait for the writer of a pipe.
    return os.open(path, flags | os.O_NONBLOCK)


def _open_private(path: str, flags: int) -> int:
    # A link may lead to another's file.
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


class Files:
    """See :class:`eilogin.stores.beaker.NamedTexts`; raises ``OSError`` too."""

    def __init__(self, folder: Path, timeout: float, largest: int) -> None:
        self._folder = folder
        self._largest = largest
        self._timeout = timeout
        self._sweeping = threading.Lock()
        self._sweeper = self._sweep()

    def get(self, name: str) -> str | None:
        """See :meth:`eilogin.stores.beaker.NamedTexts.get`."""
        namespace = self._namespace(name)
        namespace.do_open("r", replace=False)
        return namespace.text()

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """See :meth:`eilogin.stores.beaker.NamedTexts.swap`."""
        self._sweep_a_little()
        with self._locked(name) as namespace:
            is_unchanged = namespace.text() == old
            if is_unchanged:
                namespace[_KEY] = (new, until)
            return is_unchanged

    def delete(self, name: str) -> None:
        """See :meth:`eilogin.stores.beaker.NamedTexts.delete`."""
        with self._locked(name) as namespace:
            namespace.do_remove()

    def _namespace(self, name: str) -> _Namespace:
        namespace = _Namespace(name, data_dir=str(self._folder), digest_filenames=False)
        namespace.largest = self._largest + _ENVELOPE
        return namespace

    @contextmanager
    def _locked(self, name: str) -> Iterator[_Namespace]:
        namespace = self._namespace(name)
        deadline = time.monotonic() + self._timeout
        while not namespace.acquire_write_lock(wait=False):
            # The holder may be stopped, or on another machine.
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"{self._folder}: another process keeps it locked"
                )
            time.sleep(_RETRY_INTERVAL)
        try:
            yield namespace
        finally:
            namespace.release_write_lock()

    def _sweep_a_little(self) -> None:
        with self._sweeping:
            for _ in range(_STEPS):
                if next(self._sweeper):
                    break

    def _sweep(self) -> Iterator[bool]:
        """Visit files for ever; yield whether that was the last of a round."""
        while True:
            for folder, _, names in os.walk(self._folder / "container_file"):
                yield False
                for name in names:
                    with suppress(OSError):
                        self._remove_if_expired(Path(folder, name))
                    yield False
            yield True

    def _remove_if_expired(self, path: Path) -> None:
        if path.suffix == ".temp":
            self._remove_if_unlocked(path)
        elif path.suffix == ".cache" and path.stat().st_mtime <= clock.now():
            path.unlink()

    def _remove_if_unlocked(self, path: Path) -> None:
        lock = self._namespace(path.name.partition(".")[0]).access_lock
        if lock.acquire_write_lock(wait=False):
            # An unlocked file is left over from a crash.
            try:
                path.unlink()
            finally:
                lock.release_write_lock()
