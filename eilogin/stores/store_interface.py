"""The promises that every store keeps; ``tests/stores`` holds them to it.

Two kinds of things are stored:

*Sessions* are rows that live until they are ended or their time is over. A session
that was ended can never come back: no verb writes a row that is not there, except
:meth:`Store.create`, which needs a new key. Each session carries *labels*, by which
it can be found and ended without knowing its key (a LogoutRequest names a subject),
and *items*, which are appended and never rewritten (the participants of a hub's
session).

*Values* are short-lived texts under a key: artifacts, forms that are kept until she
has logged in, what an application keeps of a session, identifiers of messages that
were used.

A *mark* on a label says "sessions with this label that stem from an assertion issued
at or before this instant are not to be": it is how a logout wins against an answer
that is still on its way. A mark on :data:`EVERYBODY` says it of all sessions.

A key of a session and a label may begin with a *shard*: two hexadecimal digits before
the first colon (:data:`SHARDS`). A session and all the labels that it is created with
are of one shard, which a store over several machines keeps together, so that they
change together; so are a session and the one that inherits from it. Labels that come
later (:meth:`Store.append`) may be of any shard.

Every verb is atomic: it happens as a whole or not at all, whatever other threads and
processes do. In a store that outlives the process it is durable when it returns, but
for :meth:`Store.touch`, and for :meth:`Store.add` and :meth:`Store.swap` without
``durable``: a power failure may undo those, the last ones first.

All instants are seconds since 1970-01-01T00:00:00Z. What was read once as over is
gone for good: a clock that is stepped back afterwards revives nothing. Verbs that
write take a little away of what is over, so that a store does not grow by it. A store
that cannot answer raises :class:`eilogin.errors.StoreUnavailable`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

#: Seconds that a store has to answer, where nobody says otherwise: longer than any
#: takes that is well, and short enough for a visitor.
TIMEOUT = 2.0

#: Seconds that a store may wait for others at work in it when a server starts, before
#: anybody is served: another process may be bringing a large file up to date.
START_TIMEOUT = 60.0

#: The label under which a mark is for all sessions; no session carries it.
EVERYBODY = ""

#: Seconds for which answers are refused that were made before every session was ended:
#: longer than any of them may be used.
REFUSED_FOR = 86_400.0

#: What the key of a session may have for a shard; "" where it has none.
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
    #: What it can be ended by.
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that this very call has ended, with the items it had."""

    key: str
    data: str
    items: tuple[str, ...]


def shard_of(name: str) -> str:
    """The shard that a session's key, or a label, names; "" where it names none."""
    return name.partition(":")[0] if ":" in name else ""


def mark_on_everybody(now: float) -> tuple[float, float]:
    """The mark that an end of all sessions leaves: its instant, and its until."""
    # What is issued at this very instant is issued afterwards.
    return math.nextafter(now, 0.0), now + REFUSED_FOR


class Store(Protocol):
    """Sessions and values, with atomic verbs."""

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
        """Insert a session; ``False``, with nothing changed, where it may not be.

        It may not be where one of its labels, or everybody (:meth:`end_all`), has a
        mark at or after ``issued``, where its key exists already, or where ``replaces``
        is given and is not live. The session ``replaces`` is ended in the same
        transaction. With ``inherit`` its items move to the new one, and so do the
        values that it owns and those of its labels that the new one does not have,
        which then go when the new one does; without, they go with the old one.
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
        """End every session, with all that belongs to it; how many were live.

        For a store that was brought back from a copy: a session that was ended after
        the copy was made must not live again. Marks and used identifiers stay.

        The marks and the used identifiers that came after the copy are lost with it. So
        everybody gets a mark: nothing makes a session any more that was issued before
        this instant (:data:`REFUSED_FOR`). An assertion that was used, or whose subject
        was logged out since, was issued before it. What nobody issues is not covered: a
        one-time code that was used is good again for the minute or two that it lasts.
        """

    def close(self) -> None:
        """Let go of what this process holds open; the next verb opens it again.

        For who makes a store and is done with it; a server need not call it.
        """
