"""The promises that every store keeps; ``tests/stores`` tests them.

A store holds two kinds of data:

*Sessions* are rows that live until they end or expire. An ended session can never come
back: no operation writes a row that does not exist, except :meth:`Store.create`, which
needs a new key. Each session carries *labels*, which find and end it without its key (a
LogoutRequest names a subject). It also carries *items*, which are appended and never
rewritten (the participants of a hub's session).

*Values* are short-lived texts under a key: artifacts, forms that wait for a login,
session data of an application, identifiers of used messages.

A *mark* on a label rejects new sessions with this label whose assertion was issued at
or before an instant. So a logout wins against a Response that is still on its way. A
mark on :data:`EVERYBODY` rejects all such sessions.

A key of a session and a label may begin with a *shard*: two hexadecimal digits before
the first colon (:data:`SHARDS`). A session and its labels at creation are of one shard.
A store over several machines keeps a shard together, so that all of it changes
together. A session and the one that inherits from it are of one shard too. Later labels
(:meth:`Store.append`) may be of any shard.

Every operation is atomic: it happens as a whole or not at all, whatever other threads
and processes do. In a store that outlives the process, an operation is durable when it
returns. The exceptions are :meth:`Store.touch`, and :meth:`Store.add` and
:meth:`Store.swap` without ``durable``: a power failure may undo those, the last ones
first.

All instants are seconds since 1970-01-01T00:00:00Z. A record that was once read as
expired is gone for good: setting the clock back revives nothing. Write operations
delete a few expired records each, so that a store does not grow by them. A store that
cannot answer raises :class:`eilogin.errors.StoreUnavailable`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeGuard

#: Seconds that a store has to answer, where nobody says otherwise: longer than any
#: takes that is well, and short enough for a visitor.
TIMEOUT = 2.0

#: Seconds that a store may wait for other processes when a server starts, before the
#: first request: another process may be migrating a large file.
START_TIMEOUT = 60.0

#: The label under which a mark is for all sessions; no session carries it.
EVERYBODY = ""

#: Seconds for which answers are refused that were made before every session was ended:
#: longer than any of them may be used.
REFUSED_FOR = 86_400.0

#: The allowed shards of the key of a session; "" for none.
SHARDS = ("", *(f"{number:02x}" for number in range(256)))

#: How many rows that are over a writing verb takes away with it (in SQLite, of each
#: table). A verb writes fewer than this, so that a store does not grow, and none waits
#: long for it.
SWEEP = 32


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as the store knows it."""

    #: Its name: a hash of the secret in the cookie, never the secret itself.
    key: str
    #: JSON text; written at creation and never again.
    data: str
    #: When the visitor was last seen; the one field that changes.
    seen: float
    #: From this instant on the session is not there any more.
    until: float
    #: The labels that can end it.
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that this very call has ended, with the items it had."""

    key: str
    data: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """The counts and the size of a store."""

    #: Each server or file format, with its version.
    kinds: tuple[str, ...]
    sessions: int
    values: int
    #: For each pattern of the caller, the number of sessions whose keys match it.
    fitting: tuple[int, ...]
    #: Marks that still count; None if the store does not count them.
    marks: int | None = None
    #: Bytes on the disk; None for a store on servers.
    size: int | None = None


class Residence(Enum):
    """The place of the data of a store, which decides what a command can do with it."""

    #: In the process that opened it; no command sees it, and it ends with the process.
    PROCESS = "process"
    #: In a file of this machine (:class:`FileStore`).
    FILE = "file"
    #: On servers, which have their own tools to save and restore data.
    SERVER = "server"


def shard_of(name: str) -> str:
    """The shard that a session's key, or a label, names; "" where it names none."""
    return name.partition(":")[0] if ":" in name else ""


def mark_on_everybody(now: float) -> tuple[float, float]:
    """The mark that an end of all sessions leaves: its instant, and its until."""
    # An assertion of this very instant counts as later.
    return math.nextafter(now, 0.0), now + REFUSED_FOR


class Store(Protocol):
    """Sessions and values, with atomic verbs."""

    @property
    def residence(self) -> Residence:
        """The place of the data."""

    def prepare(self, *, patience: float | None = None) -> None:
        """Make or check what the store needs, and leave nothing open behind.

        Called when a configuration is loaded, before any fork, and again by a request
        where the store did not answer then. ``patience`` is how many seconds it may
        wait for others who are at work in it; without, that is the store's own
        time-out. Raises :class:`eilogin.errors.ConfigurationError`, naming the path,
        where the store cannot be written.
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

        The session ``replaces`` ends in the same transaction. With ``inherit``, the new
        session gets its items, the values that it owns, and the labels that the new one
        does not have. They then go with the new session; without ``inherit`` they go
        with the old one.
        """

    def read(self, key: str) -> StoredSession | None:
        """The live session, or ``None``. ``labels`` are left empty: one read."""

    def touch(self, key: str, seen: float, before: float) -> bool:
        """Set ``seen`` where the session lives and was last seen before ``before``.

        Never makes a session, never moves ``seen`` back; says whether it wrote. A
        power failure may undo it.
        """

    def append(self, key: str, item: str, labels: Sequence[str] = ()) -> bool:
        """Add an item, and labels, to a live session; ``False`` where there is none."""

    def items(self, key: str) -> list[str]:
        """The items of a live session, in the order in which they came."""

    def find(self, label: str) -> list[str]:
        """The keys of the live sessions that carry a label."""

    def end(
        self,
        *,
        keys: Sequence[str] = (),
        labels: Sequence[str] = (),
        mark: float | None = None,
        mark_until: float = 0.0,
    ) -> list[EndedSession]:
        """End every live session with one of these keys or labels.

        Returns those that this call ended, each exactly once over all threads and
        processes; the values that they own cannot be had any more. With ``mark`` each
        of the labels gets that mark in the same transaction, kept until ``mark_until``
        and never moved back.
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
        """Store a value under a key that has none; ``False`` where it has one.

        With ``owner``, the key of a session, nothing is stored and ``False`` comes
        back unless that session lives; and the value goes when the session ends or
        is over. Without ``durable`` a power failure may undo it, which spares the
        wait for the disk: for what can be asked for again, never for what must be
        used once.
        """

    def get(self, key: str) -> str | None:
        """The value, if its time is not over."""

    def take(self, key: str) -> str | None:
        """The value, which is gone now: of all who ask, one gets it."""

    def swap(
        self, key: str, old: str, new: str, until: float, *, durable: bool = True
    ) -> bool:
        """Put ``new`` in the place of ``old``; ``False`` where ``old`` is not there.

        It is over with the session that owns it, whatever ``until`` says. Without
        ``durable`` a power failure may undo it, as with :meth:`add`.
        """

    # --- housekeeping ---

    def end_all(self) -> int:
        """End every session, with all its data; return how many were live.

        For a store that was restored from a copy: a session that ended after the copy
        must not live again. Marks and used identifiers stay.

        The marks and used identifiers of after the copy are lost with it. So everybody
        gets a mark: the store rejects every session that was issued before this instant
        (:data:`REFUSED_FOR`). A used assertion, or one of a subject who logged out
        since, was issued before it. The mark does not cover data that nobody issues: a
        used one-time code is valid again for the minute or two that it lasts.
        """

    def close(self) -> None:
        """Let go of what this process holds open; the next verb opens it again.

        For who makes a store and is done with it; a server need not call it.
        """


class DurableStore(Store, Protocol):
    """A store that outlives the process, so that a command can open it too."""

    def exists(self) -> bool:
        """Whether the store exists already, without making it."""

    def figures(self, *patterns: str) -> StoreFigures:
        """Count the records, and the sessions with keys that match ``patterns``.

        In those ``*`` matches any text.
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
