"""``memory:`` keeps everything in this process: for tests, and for one process.

One lock makes every write atomic; a read is one look-up of a frozen value.
"""

import heapq
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from eilogin import clock
from eilogin.stores.store_interface import (
    EVERYBODY,
    SWEEP,
    EndedSession,
    Residence,
    StoredSession,
    mark_on_everybody,
)

_Kind = Literal["session", "value", "mark"]


@dataclass(frozen=True, slots=True)
class _Value:
    text: str
    until: float
    owner: str | None


@dataclass(frozen=True, slots=True)
class _Mark:
    instant: float
    until: float


@dataclass(slots=True)
class _Belongings:
    #: A dictionary for its order.
    labels: dict[str, None]
    items: list[str] = field(default_factory=list)
    values: set[str] = field(default_factory=set)


class _Expiry(NamedTuple):
    until: float
    kind: _Kind
    name: str


class MemoryStore:
    """A :class:`eilogin.stores.Store` in dictionaries, guarded by one lock."""

    residence = Residence.PROCESS

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, StoredSession] = {}
        self._belongings: dict[str, _Belongings] = {}
        self._labelled: dict[str, dict[str, None]] = {}
        self._values: dict[str, _Value] = {}
        self._marks: dict[str, _Mark] = {}
        #: Possible expiries, the earliest first, at least one for each row. The row has
        #: the real one.
        self._expiries: list[_Expiry] = []

    def prepare(self, *, patience: float | None = None) -> None:
        """Do nothing: memory is always available."""

    # --- sessions ---

    def create(
        self,
        session: StoredSession,
        *,
        issued: float,
        replaces: str | None = None,
        inherit: bool = True,
    ) -> bool:
        """See :meth:`eilogin.stores.Store.create`."""
        with self._lock:
            now = self._swept()
            if self._live(session.key, now) or self._is_marked(session, issued, now):
                return False
            if replaces is not None and not self._live(replaces, now):
                return False
            self._insert(session)
            if replaces is not None:
                if inherit:
                    self._inherit(session.key, replaces)
                self._delete_session(replaces)
            return True

    def _is_marked(self, session: StoredSession, issued: float, now: float) -> bool:
        labels = (EVERYBODY, *session.labels)
        marks = (self._marks.get(label) for label in labels)
        return any(m and m.until > now and m.instant >= issued for m in marks)

    def _insert(self, session: StoredSession) -> None:
        self._delete_session(session.key)
        self._belongings[session.key] = _Belongings({})
        self._label(session.key, session.labels)
        self._sessions[session.key] = replace(session, labels=())
        self._note_expiry(session.until, "session", session.key)

    def _label(self, key: str, labels: Sequence[str]) -> None:
        for label in labels:
            self._belongings[key].labels[label] = None
            self._labelled.setdefault(label, {})[key] = None

    def _inherit(self, heir: str, replaced: str) -> None:
        inherited = self._belongings[replaced]
        self._label(heir, tuple(inherited.labels))
        self._belongings[heir].items = inherited.items
        values, inherited.values = inherited.values, set()
        for key in values:
            self._put(key, replace(self._values[key], owner=heir))

    def _put(self, key: str, value: _Value) -> None:
        if value.owner is not None:
            self._belongings[value.owner].values.add(key)
        previous = self._values.get(key)
        self._values[key] = value
        # Otherwise an earlier entry exists: a key that changes often needs no new one.
        if previous is None or value.until < previous.until:
            self._note_expiry(value.until, "value", key)

    def read(self, key: str) -> StoredSession | None:
        """See :meth:`eilogin.stores.Store.read`."""
        session = self._sessions.get(key)
        if session is None:
            return None
        if session.until > clock.now():
            return session
        with self._lock:
            if not self._live(key, clock.now()):
                self._delete_session(key)
        return None

    def touch(self, key: str, seen: float, before: float) -> bool:
        """See :meth:`eilogin.stores.Store.touch`."""
        with self._lock:
            session = self._live(key, self._swept())
            if session is None or session.seen >= min(seen, before):
                return False
            self._sessions[key] = replace(session, seen=seen)
            return True

    def append(self, key: str, item: str, labels: Sequence[str] = ()) -> bool:
        """See :meth:`eilogin.stores.Store.append`."""
        with self._lock:
            if not self._live(key, self._swept()):
                return False
            self._belongings[key].items.append(item)
            self._label(key, labels)
            return True

    def items(self, key: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.items`."""
        with self._lock:
            if not self._live(key, clock.now()):
                return []
            return list(self._belongings[key].items)

    def find(self, label: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.find`."""
        with self._lock:
            now = clock.now()
            return [k for k in self._labelled.get(label, ()) if self._live(k, now)]

    def end(
        self,
        *,
        keys: Sequence[str] = (),
        labels: Sequence[str] = (),
        mark: float | None = None,
        mark_until: float = 0.0,
    ) -> list[EndedSession]:
        """See :meth:`eilogin.stores.Store.end`."""
        with self._lock:
            now = self._swept()
            if mark is not None:
                for label in labels:
                    self._mark(label, _Mark(mark, mark_until), now)
            matching_keys = dict.fromkeys(keys)
            for label in labels:
                matching_keys.update(self._labelled.get(label, {}))
            return list(self._end_each(matching_keys, now))

    def _end_each(self, keys: dict[str, None], now: float) -> Iterator[EndedSession]:
        for key in keys:
            session = self._live(key, now)
            if session is not None:
                items = tuple(self._belongings[key].items)
                self._delete_session(key)
                yield EndedSession(key, session.data, items)

    def _mark(self, label: str, mark: _Mark, now: float) -> None:
        previous = self._marks.get(label)
        if previous is not None and previous.until > now:
            mark = _Mark(
                max(mark.instant, previous.instant), max(mark.until, previous.until)
            )
        self._marks[label] = mark
        if previous is None:
            self._note_expiry(mark.until, "mark", label)

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
        """See :meth:`eilogin.stores.Store.add`; nothing is durable here."""
        with self._lock:
            now = self._swept()
            if self._current(key, now) is not None:
                return False
            if owner is not None and not self._live(owner, now):
                return False
            self._delete_value(key)
            self._put(key, _Value(value, until, owner))
            return True

    def get(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.get`."""
        with self._lock:
            value = self._current(key, clock.now())
            if value is None:
                self._delete_value(key)
                return None
            return value.text

    def take(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.take`."""
        with self._lock:
            value = self._current(key, self._swept())
            self._delete_value(key)
            return None if value is None else value.text

    def swap(
        self, key: str, old: str, new: str, until: float, *, durable: bool = True
    ) -> bool:
        """See :meth:`eilogin.stores.Store.swap`."""
        with self._lock:
            value = self._current(key, self._swept())
            if value is None or value.text != old:
                return False
            self._put(key, replace(value, text=new, until=until))
            return True

    # --- housekeeping ---

    def end_all(self) -> int:
        """See :meth:`eilogin.stores.Store.end_all`."""
        with self._lock:
            now = clock.now()
            self._mark(EVERYBODY, _Mark(*mark_on_everybody(now)), now)
            were_live = [self._live(key, now) is not None for key in self._sessions]
            for key in list(self._sessions):
                self._delete_session(key)
            return sum(were_live)

    def close(self) -> None:
        """Do nothing: memory holds nothing open."""

    # --- rows, with the lock held ---

    def _live(self, key: str, now: float) -> StoredSession | None:
        session = self._sessions.get(key)
        return session if session is not None and session.until > now else None

    def _current(self, key: str, now: float) -> _Value | None:
        value = self._values.get(key)
        if value is None or value.until <= now:
            return None
        # A value is over when its owner is, and deleted with it.
        is_free = value.owner is None or self._live(value.owner, now) is not None
        return value if is_free else None

    def _delete_session(self, key: str) -> None:
        if self._sessions.pop(key, None) is None:
            return
        belongings = self._belongings.pop(key)
        for label in belongings.labels:
            keys = self._labelled[label]
            del keys[key]
            if not keys:
                del self._labelled[label]
        for value in belongings.values:
            del self._values[value]

    def _delete_value(self, key: str) -> None:
        value = self._values.pop(key, None)
        if value is not None and value.owner is not None:
            self._belongings[value.owner].values.discard(key)

    def _note_expiry(self, until: float, kind: _Kind, name: str) -> None:
        heapq.heappush(self._expiries, _Expiry(until, kind, name))

    def _swept(self) -> float:
        """Delete a few expired rows; return the present instant."""
        now = clock.now()
        for _ in range(SWEEP):
            if not self._expiries or self._expiries[0].until > now:
                break
            expiry = heapq.heappop(self._expiries)
            self._delete_if_over(expiry.kind, expiry.name, now)
        return now

    def _delete_if_over(self, kind: _Kind, name: str, now: float) -> None:
        rows: dict[
            _Kind, dict[str, StoredSession] | dict[str, _Value] | dict[str, _Mark]
        ]
        rows = {"session": self._sessions, "value": self._values, "mark": self._marks}
        row = rows[kind].get(name)
        if row is None:
            return
        if row.until > now:
            self._note_expiry(row.until, kind, name)
            return
        if kind == "session":
            self._delete_session(name)
        elif kind == "value":
            self._delete_value(name)
        else:
            del self._marks[name]
