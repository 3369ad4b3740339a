"""The promises that every store keeps; ``tests/stores`` tests them.

A store holds two kinds of data:

*Sessions* are rows that live until they end or expire, for good. Only
:meth:`Store.create` makes rows, with a new key. *Labels* find and end them without
their keys. *Items* are appended and never rewritten (the participants of a hub's
session).

*Values* are short-lived texts under a key: artifacts, forms that wait for a login,
session data of an application, identifiers of used messages.

A *mark* on a label rejects new sessions with this label whose assertion was issued at
or before an instant, so a logout wins against a Response on its way. A mark on
:data:`EVERYBODY` rejects all such sessions.

The key of a session, and a label, may begin with a *shard*: two hexadecimal digits
before the first colon (:data:`SHARDS`). A store over several machines keeps a shard
together: a session, its labels at creation, and its heir. Later labels
(:meth:`Store.append`) may be of any shard.

Every operation is atomic over all threads and processes. In a store that outlives the
process, it is durable when it returns. A power failure may undo only
:meth:`Store.touch`, and :meth:`Store.add` and :meth:`Store.swap` without ``durable``,
the last ones first.

Instants are seconds since 1970-01-01T00:00:00Z. A record once read as expired is gone,
however the clock is set. Each write deletes a few. A store that cannot answer raises
:class:`eilogin.errors.StoreUnavailable`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeGuard

#: Default seconds for an answer: a healthy store is faster, and a visitor can wait.
TIMEOUT = 2.0

#: Seconds to wait for other processes when a server starts: one may be migrating a
#: large file.
START_TIMEOUT = 60.0

#: The label of a mark for all sessions; no session carries it.
EVERYBODY = ""

#: Seconds of the mark of ``end_all``: longer than any Response is valid.
REFUSED_FOR = 86_400.0

#: Allowed shards of a session's key; "" for none.
SHARDS = ("", *(f"{number:02x}" for number in range(256)))

#: Expired rows that a write deletes (in SQLite, of each table): few, but more than it
#: writes.
SWEEP = 32


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as the store knows it."""

    #: A hash of the secret in the cookie, never the secret itself.
    key: str
    #: JSON, written once.
    data: str
    #: The last activity, and the one field that changes.
    seen: float
    until: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that this very call has ended, with its items."""

    key: str
    data: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """The counts and the size of a store."""

    #: Servers or file formats, with versions.
    kinds: tuple[str, ...]
    sessions: int
    values: int
    #: Sessions whose keys match each pattern of the caller.
    fitting: tuple[int, ...]
    #: Marks that still count; None if not counted.
    marks: int | None = None
    #: Bytes on the disk; None for servers.
    size: int | None = None


class Residence(Enum):
    """The place of the data of a store, which decides what a command can do with it."""

    #: The process that opened it; no command sees it.
    PROCESS = "process"
    FILE = "file"
    #: Servers, with their own tools to save and restore.
    SERVER = "server"


def shard_of(name: str) -> str:
    """Return the shard of a session's key or label, or ""."""
    return name.partition(":")[0] if ":" in name else ""


def mark_on_everybody(now: float) -> tuple[float, float]:
    """Return instant and until of the mark that ends all sessions."""
    # An assertion of this very instant counts as later.
    return math.nextafter(now, 0.0), now + REFUSED_FOR


class Store(Protocol):
    """Sessions and values, with atomic verbs."""

    @property
    def residence(self) -> Residence:
        """The place of the data."""

    def prepare(self, *, patience: float | None = None) -> None:
        """Make or check what the store needs, and leave nothing open behind.

        Called before any fork, and again by a request if the store did not answer.
        ``patience`` is the seconds to wait for other processes, by default the
        time-out. Raises :class:`eilogin.errors.ConfigurationError`, naming the path, if
        the store cannot be written.
        """

    # --- sessions ---

    def create(
        self,
        session: StoredSession,
        *,
        issued: float,
        replaces: str | None = None,
        inherit: bool = True,
    ) -> bool:
        """Insert a session; return False, with nothing changed, if it is rejected.

        The store rejects a session in these cases:

        * one of its labels, or everybody (:meth:`end_all`), has a mark at or after
          ``issued``
        * its key exists already
        * ``replaces`` is given and is not live

        ``replaces`` ends in the same transaction. With ``inherit``, its items, values
        and other labels go to the new session, and otherwise end too.
        """

    def read(self, key: str) -> StoredSession | None:
        """Return the live session, without ``labels``, or None, by one read."""

    def touch(self, key: str, seen: float, before: float) -> bool:
        """Set ``seen`` if the session lives and was last seen before ``before``.

        Never moves back; returns whether it wrote. A power failure may undo it.
        """

    def append(self, key: str, item: str, labels: Sequence[str] = ()) -> bool:
        """Add an item, and labels, to a live session; False if there is none."""

    def items(self, key: str) -> list[str]:
        """Return the items of a live session, the oldest first."""

    def find(self, label: str) -> list[str]:
        """Return the keys of the live sessions that carry a label."""

    def end(
        self,
        *,
        keys: Sequence[str] = (),
        labels: Sequence[str] = (),
        mark: float | None = None,
        mark_until: float = 0.0,
    ) -> list[EndedSession]:
        """End every live session with one of these keys or labels.

        Returns those that this call ended, each once over all threads and processes;
        their values are gone. ``mark`` is put on the labels in the same transaction,
        kept until ``mark_until`` and never moved back.
        """

    # --- values ---

    def add(
        self,
        key: str,
        value: str,
        until: float,
        *,
        owner: str | None = None,
        durable: bool = True,
    ) -> bool:
        """Store a value under a free key; return whether it was free.

        With ``owner``, the key of a live session (else False), the value ends with it.
        Without ``durable`` a power failure may undo it: never for identifiers that must
        be used once.
        """

    def get(self, key: str) -> str | None:
        """Return the value, unless it has expired."""

    def take(self, key: str) -> str | None:
        """Remove and return the value, for one caller of all."""

    def swap(
        self, key: str, old: str, new: str, until: float, *, durable: bool = True
    ) -> bool:
        """Replace ``old`` by ``new``; return whether ``old`` was there.

        The value ends with its owner too. ``durable`` is as in :meth:`add`.
        """

    # --- housekeeping ---

    def end_all(self) -> int:
        """End every session, with all its data; return how many were live.

        For a store restored from a copy: a session that ended since the copy must not
        live again. Marks and used identifiers since the copy are lost. So a mark on
        everybody rejects every session that was issued before (:data:`REFUSED_FOR`),
        for example by a used assertion, or for a subject who logged out since. Used
        one-time codes are valid again for their minute or two.
        """

    def close(self) -> None:
        """Release what this process holds open; the next verb opens it again.

        A server need not call it.
        """


class DurableStore(Store, Protocol):
    """A store that outlives the process, so that a command can open it too."""

    def exists(self) -> bool:
        """Whether the store exists already, without making it."""

    def figures(self, *patterns: str) -> StoreFigures:
        """Count the records, and the sessions with keys that match ``patterns``.

        ``*`` in a pattern matches any text.
        """


class FileStore(DurableStore, Protocol):
    """A store in a file, which eilogin backs up and restores."""

    def backup(self, to: Path) -> None:
        """Write a backup to a file, while others use the store."""

    def restore(self, source: Path) -> int:
        """End every session and restore a backup; return how many were live."""


def is_durable(store: Store) -> TypeGuard[DurableStore]:
    """Whether the store outlives the process."""
    return store.residence is not Residence.PROCESS


def is_file(store: Store) -> TypeGuard[FileStore]:
    """Whether the store is a file of this machine."""
    return store.residence is Residence.FILE
