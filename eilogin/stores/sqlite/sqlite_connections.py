"""The connections of a process to one file: any number of readers, one writer.

Connections are kept, with these limits:

* A forked process makes its own (https://www.sqlite.org/howtocorrupt.html, 2.6).
* If another file replaced the one at the path, the process closes its connections.
  Otherwise it would miss every logout.
* If no file is left at the path, the process makes no new one. Restoring the old file
  would undo everything that the new one confirmed.

Readers wait only to write down an expired record (:mod:`.sqlite_store`). Writers wait
for their turn in the process, and then for other processes, within the time-out.
"""

import errno
import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores import logout_reserve
from eilogin.stores.sqlite import copied_files, disk_space
from eilogin.stores.sqlite.reserve_file import is_full
from eilogin.stores.sqlite.sqlite_schema import bring_up_to_date

#: Seconds that a writer waits after another waited in vain, until the first success:
#: enough for a commit of others, too short for a queue.
SHORT_WAIT = 0.05

#: Most kibibytes of the file in memory. This holds the index pages, so that reading a
#: session among a million costs no more than among ten.
CACHE = 16_384

#: Seconds between checks of the file.
PULSE = 1.0

_log = logging.getLogger("eilogin.stores")


class Outage:
    """A fault that the log reports once, and once more when it is over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._is_logged = False

    def note(self, error: Exception) -> None:
        """Log the fault, once."""
        with self._lock:
            was_logged, self._is_logged = self._is_logged, True
        if not was_logged:
            _log.warning("%s", error)

    def end(self) -> None:
        """Log the end of the fault, if it was logged."""
        if not self._is_logged:
            return
        with self._lock:
            was_logged, self._is_logged = self._is_logged, False
        if was_logged:
            # A warning, like the one of the fault.
            _log.warning("the store %s answers again", self._path)


class FileIsGone(OSError):
    """The error for a store whose file was removed."""


class Presence:
    """The files that this process has seen at ``path``."""

    def __init__(self, path: Path) -> None:
        self.was_there = False
        self._path = path
        self._outage = Outage(path)

    def note(self) -> None:
        """Note that a file was opened."""
        self.was_there = True
        self._outage.end()

    def missing(self) -> FileIsGone:
        """Return the error for a file that was there before."""
        error = FileIsGone(
            "its file is gone; put it back, or restart to begin with a new one"
        )
        self._outage.note(unavailable(self._path, error))
        return error


def unavailable(path: Path, error: Exception) -> StoreUnavailable:
    """Return the error for a failure of the store."""
    if isinstance(error, ConfigurationError):
        # Its text names the store.
        return StoreUnavailable(str(error))
    return StoreUnavailable(f"the store {path} does not answer: {error}")


class StoreFile:
    """The file at ``path`` as this process first opened it.

    A missing file is made, unless one was seen before (``presence``).
    """

    def __init__(self, path: Path, timeout: float, presence: Presence) -> None:
        self.pid = os.getpid()
        self.path = path
        self.timeout = timeout
        self._name = os.fspath(path)
        self._presence = presence
        self._identity: tuple[int, int] | None = None

    def is_current(self) -> bool:
        """Whether it still is at its path, and this process was not forked since.

        Every verb checks it, in a microsecond: a replacement lacks confirmed logouts.
        """
        if self.pid != os.getpid():
            return False
        if self._identity is None:
            return True
        try:
            status = os.stat(self._name)  # noqa: PTH116 - quicker than Path.stat
        except OSError:
            return False
        device, inode = self._identity
        return status.st_ino == inode and status.st_dev == device

    def open(self) -> sqlite3.Connection:
        """Return a new connection that is ready for use.

        Raises :class:`eilogin.errors.ConfigurationError` for an unusable file, else
        ``sqlite3.Error`` or ``OSError``.
        """
        if not self._presence.was_there:
            create_file(self.path)
        identity = self._identity_or_gone()
        connection = sqlite3.connect(
            # SQLite must not make a file.
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self.timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            disk_space.set_up(connection)
            _use_wal(connection, self.path)
            # Overwrite a citizen's record when it is deleted.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA cache_size = -{CACHE}")
            bring_up_to_date(connection, self.path)
            copied_files.adopt(connection, self.path)
            self._recognise(identity)
        except BaseException:
            connection.close()
            raise
        self._presence.note()
        return connection

    def _identity_or_gone(self) -> tuple[int, int]:
        try:
            return self._at_path()
        except FileNotFoundError:
            if self._presence.was_there:
                raise self._presence.missing() from None
            raise

    def _recognise(self, identity: tuple[int, int]) -> None:
        self._identity = self._identity or identity
        if not self._identity == identity == self._at_path():
            raise OSError(errno.ESTALE, "another file has replaced it")

    def _at_path(self) -> tuple[int, int]:
        status = self.path.stat()
        return status.st_dev, status.st_ino


class Connections:
    """The connections of this process to the file at ``path``.

    They work in any thread, one at a time, and outlive it.
    """

    def __init__(self, path: Path, timeout: float, presence: Presence) -> None:
        self.file = StoreFile(path, timeout, presence)
        self.writer = Writer(self.file)
        self._idle: list[sqlite3.Cursor] = []
        self._is_closed = False
        # Close them also if the store is dropped, or the process ends.
        weakref.finalize(self, _close_own, self.file.pid, self._idle, self.writer.idle)

    def take(self) -> sqlite3.Cursor:
        """Return an idle cursor with its own connection, or a new one, to read."""
        try:
            return self._idle.pop()
        except IndexError:
            return self.file.open().cursor()

    def give(self, cursor: sqlite3.Cursor) -> None:
        """Keep a cursor of :meth:`take`, unless all were closed since."""
        self._idle.append(cursor)
        if self._is_closed:
            _close_own(self.file.pid, self._idle, [])

    def close(self) -> None:
        """Close idle connections now, and those in use when they come back."""
        self._is_closed = True
        _close_own(self.file.pid, self._idle, [])
        self.writer.close()


class Writer:
    """The one connection by which threads write in turn, without SQLite's sleeps."""

    def __init__(self, file: StoreFile) -> None:
        #: Empty during a turn, before the first, and after a fault.
        self.idle: list[sqlite3.Connection] = []
        self._file = file
        self._turn = threading.Lock()
        self._is_closed = False
        #: Whether the last writer could not begin.
        self.is_held = False
        self._synchronous = ""
        self._waits = file.timeout
        self._pulse_at = 0.0

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Run a transaction with no other writer beside it.

        With ``durable`` it waits for the disk. A failure rolls it back. On a full disk
        the connection stays open: the last close would delete SQLite's log, whose space
        the next logout uses.
        """
        with self._turn_taken() as deadline:
            connection = self._begin_in_time(deadline, durable=durable)
            try:
                epoch = self._next_epoch(connection) if durable else None
                yield connection
                if epoch is not None and not logout_reserve.may_be_used():
                    disk_space.give_back(connection)
                connection.execute("COMMIT")
            except BaseException as error:
                if is_full(error) and _rolls_back(connection):
                    self.idle.append(connection)
                else:
                    connection.close()
                raise
            self.idle.append(connection)
            if epoch is not None:
                copied_files.note_beside(self._file.path, epoch)

    def close(self) -> None:
        """Close its connection, now or when its turn is over."""
        self._is_closed = True
        _close_own(self._file.pid, [], self.idle)

    @contextmanager
    def _turn_taken(self) -> Iterator[float]:
        """Take a turn; yield the instant until which it may wait for others."""
        was_held = self.is_held
        patience = SHORT_WAIT if was_held else self._file.timeout
        deadline = time.monotonic() + patience
        if not self._turn.acquire(timeout=patience):
            # If this thread waited only a moment, the last result still holds.
            self.is_held = self.is_held or not was_held
            raise TimeoutError("another thread is still writing")
        try:
            yield deadline
        finally:
            self._turn.release()
            if self._is_closed:
                self.close()

    def _begin_in_time(self, deadline: float, *, durable: bool) -> sqlite3.Connection:
        try:
            connection = self._idle_or_new()
            try:
                self._begin(connection, deadline, durable=durable)
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, OSError):
            self.is_held = True
            raise
        self.is_held = False
        return connection

    def _idle_or_new(self) -> sqlite3.Connection:
        with suppress(IndexError):
            return self.idle.pop()
        connection = self._file.open()
        # A damaged text must not keep a verb from the other rows.
        connection.text_factory = text_or_none
        self._synchronous = ""
        self._waits = self._file.timeout
        return connection

    def _begin(
        self, connection: sqlite3.Connection, deadline: float, *, durable: bool
    ) -> None:
        synchronous = "FULL" if durable else "NORMAL"
        if synchronous != self._synchronous:
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            self._synchronous = synchronous
        seconds_left = max(0.0, deadline - time.monotonic())
        # The previous time-out is near enough, unless we waited for our turn.
        if abs(seconds_left - self._waits) > min(SHORT_WAIT, seconds_left):
            connection.execute(f"PRAGMA busy_timeout = {int(seconds_left * 1000)}")
            self._waits = seconds_left
        connection.execute("BEGIN IMMEDIATE")

    def _next_epoch(self, connection: sqlite3.Connection) -> int | None:
        """Check the file once in :data:`PULSE` seconds, and return the next epoch."""
        now = time.monotonic()
        if now < self._pulse_at:
            return None
        self._pulse_at = now + PULSE
        path = self._file.path
        return copied_files.next_epoch(
            connection, path, copied_files.epoch_beside(path)
        )


def _rolls_back(connection: sqlite3.Connection) -> bool:
    """Roll back; return whether the connection can be used again."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    return True


def create_file(path: Path) -> None:
    """Make an empty file that this user alone can read, if there is none."""
    # Closing an existing file would drop SQLite's locks on it in this process
    # (howtocorrupt.html, 2.2).
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def _use_wal(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise ConfigurationError(
            f"the store {path} is on a file system where processes cannot share "
            f"memory (journal mode: found {mode!r}; expected 'wal'): use a local "
            "disk"
        )


def text_or_none(raw: bytes) -> str | None:
    """Return a text of a row, or None if it is damaged."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


#: Connections copied by a fork, which SQLite forbids to use or close.
_inherited: list[sqlite3.Cursor | sqlite3.Connection] = []


def _close_own(
    pid: int, readers: list[sqlite3.Cursor], writers: list[sqlite3.Connection]
) -> None:
    if pid != os.getpid():
        _inherited.extend((*readers, *writers))
        readers.clear()
        writers.clear()
    # Another thread may be quicker.
    with suppress(IndexError):
        while True:
            readers.pop().connection.close()
    with suppress(IndexError):
        while True:
            writers.pop().close()
