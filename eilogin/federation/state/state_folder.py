"""The state of a federation on disk: a folder for each site in ``federation_folder``.

``active.json`` names the active state: its index, the copies of its metadata, and the
tries since. ``quarantine.json`` has the pending changes, and ``log.jsonl`` the
decisions. eilogin replaces the first two as a whole, and never rewrites a file that
they name, so a reader finds the old or the new state.

A user who can write the folder decides whom we trust. If a file has another format,
eilogin does not start: it would forget the older metadata.
"""

import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import stat
import time
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from eilogin import atomic_files, clock
from eilogin.errors import ConfigurationError
from eilogin.federation.state.state_records import (
    LONGEST,
    REMOVABLE,
    Active,
    Decision,
    Quarantine,
    Source,
    State,
    Tries,
    decisions_to_json,
    read_active,
    read_decisions,
    read_old_quarantine,
    read_quarantine,
    to_json,
)
from eilogin.saml.metadata.member_cache import MemberCache
from eilogin.shell_quoting import typed

_log = logging.getLogger("eilogin")

_SLOT = "turn-"
_ACTIVE, _QUARANTINE = "active.json", "quarantine.json"
_DECISIONS = "decisions.json"
#: Seconds, and number of decisions.
_KEEP_DECISIONS, _MOST_DECISIONS = 30 * 86_400.0, 20_000
#: From older versions, which approved a whole state.
_OLD_QUARANTINE = "waiting.json"

#: Follow no link elsewhere, never wait at a pipe.
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_T = TypeVar("_T")


class Stamp(NamedTuple):
    """A value that changes with the file of the active state."""

    inode: int
    mtime_ns: int
    size: int


#: Seconds between tries of the lock.
_LOCK_INTERVAL = 0.1


def slot_count() -> int:
    """The number of simultaneous refreshes: each needs a core and much memory."""
    return min(2, len(os.sched_getaffinity(0)))


def forget_all(folder: Path) -> None:
    """Remove the state of all sites; raises OSError."""
    for path in folder.glob("*-" + "[0-9a-f]" * 12):
        shutil.rmtree(path)
    for path in folder.glob(f"{_SLOT}[0-9]"):
        path.unlink()


class SiteFolder:
    """The state folder of one site."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, folder: Path, entity_id: str) -> "SiteFolder":
        """The folder of a site in ``federation_folder``, which sites may share."""
        host = "".join(re.findall(r"//([a-z0-9.-]{1,80})", entity_id.lower())[:1])
        digest = hashlib.sha256(entity_id.encode()).hexdigest()[:12]
        return cls(folder / f"{host or 'site'}-{digest}")

    def __str__(self) -> str:
        return str(self.path)

    # --- the folder itself ----------------------------------------------------------

    def require_safe(self) -> None:
        """Raise ConfigurationError if other users can write here."""
        # The owner of the parent is safe: the author of the options chose it.
        if self.path.is_symlink():
            raise ConfigurationError(
                f"federation_folder: {self.path} is a symbolic link; expected a"
                f" folder. Make {self.path.parent} a link to the right place, or"
                " remove this link"
            )
        users = {0, os.geteuid()}
        for folder, status in self._folder_and_parent():
            mode = status.st_mode
            if mode & stat.S_IWOTH:
                raise ConfigurationError(
                    f"federation_folder: every user can write {folder} (mode"
                    f" {stat.S_IMODE(mode):04o}) and so decide whom this site"
                    f" trusts. Run: {typed('chmod o-w', folder)}"
                )
            if folder == self.path:
                _require_owner(folder, status, users)
            users.add(status.st_uid)

    def _require_ours(self) -> None:
        """Reject a folder that another user owns, unless root runs this."""
        if user := os.geteuid():
            for folder, status in self._folder_and_parent():
                _require_owner(folder, status, {0, user})

    def _folder_and_parent(self) -> Iterator[tuple[Path, os.stat_result]]:
        for folder in (self.path.parent, self.path):
            try:
                yield folder, folder.stat()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unusable(folder, error) from error

    def prepare(self) -> None:
        """Create the folder if missing; raises ConfigurationError."""
        self.require_safe()
        self._require_ours()
        try:
            self._make_parent()
            self.path.mkdir(mode=0o755, exist_ok=True)
            self.give_to_server(self.path)
        except OSError as error:
            raise _unusable(self.path, error) from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise ConfigurationError(
                f"federation_folder: this user cannot write in {self.path}"
            )

    def _make_parent(self) -> None:
        parent = self.path.parent
        try:
            parent.mkdir(mode=0o700)
        except FileExistsError:
            return
        if os.geteuid() == 0:
            owner = parent.parent.stat()
            os.chown(parent, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def give_to_server(self, file: Path | int) -> None:
        """Give root's file to the owner of the parent, the server; follow no link."""
        if os.geteuid() == 0:
            parent = self.path.parent.stat()
            owner = parent.st_uid, parent.st_gid
            if isinstance(file, int):
                os.fchown(file, *owner)
            else:
                os.chown(file, *owner, follow_symlinks=False)

    @staticmethod
    def _open(path: Path, flags: int) -> int:
        """Open a regular file of ours, no link; raises OSError."""
        descriptor = os.open(path, flags | _SAFELY, 0o644)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            os.close(descriptor)
            raise OSError(
                errno.EINVAL, "is not a regular file of this folder", str(path)
            )
        return descriptor

    # --- one process at a time ------------------------------------------------------

    def lock(self) -> int | None:
        """Take the refresh lock; None if it is held. Raises ConfigurationError.

        Returns a file descriptor, which a child may inherit: the last close frees it.
        """
        return self._lock_file(self.path / "lock")

    def slot(self) -> int | None:
        """Take a refresh slot in the parent folder, as :meth:`lock`."""
        parent = self.path.parent
        try:
            for number in range(slot_count()):
                slot = self._lock_file(parent / f"{_SLOT}{number}")
                if slot is not None:
                    return slot
        except ConfigurationError:
            # If this user cannot open these files, eilogin sets no limit.
            return os.open(os.devnull, os.O_RDONLY)
        return None

    def _lock_file(self, path: Path) -> int | None:
        try:
            descriptor = self._open(path, os.O_RDONLY | os.O_CREAT)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            self.give_to_server(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    @contextmanager
    def locked(self, patience: float) -> Iterator[None]:
        """Hold the lock within ``patience`` seconds, or raise ConfigurationError."""
        deadline = time.monotonic() + patience
        while (lock := self.lock()) is None:
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    "federation_folder: another process has been refreshing"
                    f" {self.path} for more than {patience:.0f} seconds"
                )
            time.sleep(_LOCK_INTERVAL)
        try:
            yield
        finally:
            os.close(lock)

    # --- active and pending states ----------------------------------------------------

    @property
    def stamp(self) -> Stamp | None:
        """A value that changes with ``active``; None before the first state."""
        try:
            status = (self.path / _ACTIVE).stat()
        except FileNotFoundError:
            return None
        return Stamp(status.st_ino, status.st_mtime_ns, status.st_size)

    @property
    def active(self) -> Active | None:
        """The active state; None before the first. Raises ConfigurationError."""
        return self._read(_ACTIVE, read_active)

    @property
    def open_quarantine(self) -> Quarantine | None:
        """The quarantine if a change is open; raises as :attr:`active`."""
        quarantine = self.quarantine
        return quarantine if quarantine is not None and quarantine.open else None

    @property
    def quarantine(self) -> Quarantine | None:
        """The pending and rejected changes; raises as :attr:`active`."""
        quarantine = self._read(_QUARANTINE, read_quarantine)
        if quarantine is None:
            return self._read(_OLD_QUARANTINE, read_old_quarantine)
        return quarantine

    def index(self, state: State) -> Path:
        """The index file of a state."""
        return self.path / state.index

    def copy(self, source: Source) -> Path | None:
        """The file of a source's copy, if any."""
        return self.path / source.copy if source.copy else None

    # --- changes, only under the lock -------------------------------------------------

    def next_generation(self) -> int:
        """The number of the next state."""
        return max((state.generation for state in self._states), default=0) + 1

    @property
    def _states(self) -> list[State]:
        records = [self.active, self.quarantine]
        states = [record.state for record in records if record is not None]
        return [state for state in states if state is not None]

    def keep(self, octets: bytes, name: str = "copy-{}.xml") -> str:
        """Store a copy; return its name, a hash of the content."""
        name = name.format(hashlib.sha256(octets).hexdigest())
        if not (self.path / name).exists():
            self.write(name, octets)
        return name

    def store_cache(self, cache: MemberCache) -> None:
        """Write the file of a cache if it is outdated, or remove it if useless."""
        if cache.is_outdated:
            self.write(cache.path.name, cache.to_pieces())
        elif cache.is_useless:
            self._remove(cache.path.name)

    def activate(self, state: State, tries: Tries) -> None:
        """Make a state active; pending changes stay."""
        earlier = self.active
        previous = "" if earlier is None else earlier.state.index
        self.put_active(Active(state, tries, clock.now(), previous))
        self.clean()

    def put_active(self, active: Active) -> None:
        """Replace the record of the active state, as with new sources and tries."""
        self.write(_ACTIVE, to_json(active))

    def put_quarantine(self, quarantine: Quarantine) -> None:
        """Replace the quarantine."""
        if not quarantine.pending:
            self.empty_quarantine()
            return
        self.write(_QUARANTINE, to_json(quarantine))
        self._remove(_OLD_QUARANTINE)
        self.clean()

    def empty_quarantine(self) -> None:
        """Empty the quarantine, and remove files that no state names."""
        self._remove(_QUARANTINE, _OLD_QUARANTINE)
        self.clean()

    def _remove(self, *names: str) -> None:
        for path in (self.path / name for name in names):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise _unusable(path, error) from error

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The recent decisions, newest last; raises as :attr:`active`."""
        return self._read(_DECISIONS, read_decisions) or ()

    def add_decisions(self, decisions: Sequence[Decision]) -> None:
        """Store the decisions, so that other nodes receive them."""
        since = clock.now() - _KEEP_DECISIONS
        recent = [decision for decision in self.decisions if decision.who.at > since]
        recent = [*recent, *decisions][-_MOST_DECISIONS:]
        self.write(_DECISIONS, decisions_to_json(recent))

    def log(self, fields: Mapping[str, Any]) -> None:
        """Append a line to the log of decisions."""
        path = self.path / "log.jsonl"
        line = json.dumps({"time": clock.now(), **fields}).encode() + b"\n"
        is_shared = not path.exists() and self.path.stat().st_mode & stat.S_IWGRP
        descriptor = self._open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            self.give_to_server(descriptor)
            if is_shared:
                # Each person decides as another user.
                os.fchmod(descriptor, 0o664)  # nosec B103 # all may write to the folder
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def clean(self) -> None:
        """Remove files that no state names, except the previous index; log failures."""
        active = self.active
        keep = set() if active is None else {active.previous}
        for state in self._states:
            keep |= state.files
        try:
            for path in self.path.iterdir():
                if REMOVABLE.fullmatch(path.name) and path.name not in keep:
                    path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s: cannot remove old files: %s", self.path, error)

    def _read(self, name: str, read: Callable[[bytes], _T]) -> _T | None:
        path = self.path / name
        try:
            with os.fdopen(self._open(path, os.O_RDONLY), "rb") as file:
                octets = file.read(LONGEST + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            return read(octets)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError(
                f"federation_folder: {path} is not as this version writes it"
                f" ({error!r}). Restore it, or remove the folder {self.path}: then"
                " the next start accepts all metadata without a comparison"
            ) from error

    def write(self, name: str, octets: bytes | Iterable[bytes]) -> None:
        """Replace a whole file, or leave the old one; raises ConfigurationError."""
        path = self.path / name
        try:
            # Public metadata; a check may run as another user.
            atomic_files.write(path, octets, mode=atomic_files.PUBLIC)
            self.give_to_server(path)
            self.sync()
        except OSError as error:
            raise _unusable(path, error) from error

    def sync(self) -> None:
        """Make renamed files survive a loss of power."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _require_owner(
    folder: Path, status: os.stat_result, users: Collection[int]
) -> None:
    if status.st_uid not in users:
        expected = ", ".join(map(str, sorted(users)))
        raise ConfigurationError(
            f"federation_folder: {folder} belongs to user {status.st_uid}, who could"
            " decide whom this site trusts; expected root or the user of the server"
            f" ({expected}). Change its owner with 'chown', or run the command as that"
            " user"
        )


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"federation_folder: {path}: {error.strerror or error}")
