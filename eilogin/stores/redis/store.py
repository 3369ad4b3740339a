"""The verbs, over one server or several.

All that one script has to see is at one *place*. Where one server has everything there
is one place for all of it. In a Cluster a place is a shard (:func:`shard_of`), and what
a verb does at several of them it does one after another, in an order in which each step
is safe to be the last:

* A label of another shard (:meth:`RedisStore.append`) is written there first, as a
  *hint*; only the session itself says whether it carries the label. So no session
  carries a label by which it cannot be found.
* A session that takes the place of one of another shard is made first. Nobody knows
  its key until the verb returns, so nobody can use it before the other has ended.
* A value may be at any place, whoever owns it (:mod:`.values`).
"""

import itertools
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eilogin import clock
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores.interface import (
    EVERYBODY,
    REFUSED_FOR,
    SHARDS,
    EndedSession,
    StoredSession,
    shard_of,
)
from eilogin.stores.redis import scripts
from eilogin.stores.redis.asking import PATIENCE, Asking, text_of
from eilogin.stores.redis.checks import check, warn
from eilogin.stores.redis.nodes import Misfit, Node, facts_of
from eilogin.stores.redis.scripts import packed
from eilogin.stores.redis.urls import RedisURL, shown
from eilogin.stores.redis.values import RedisValues

#: How many sessions one script takes away at most: nothing else is served meanwhile.
_BATCH = 200

#: A session and a label that it may carry.
_Hint = tuple[str, str]

_log = logging.getLogger("eilogin.stores")


@dataclass(frozen=True, slots=True)
class Figures:
    """What is in the servers, counted one after another while they are at work."""

    #: Each server as it calls itself.
    servers: tuple[str, ...]
    sessions: int
    values: int


class RedisStore:
    """A :class:`eilogin.stores.Store` in the servers of a URL.

    ``timeout`` is how many seconds a server has to answer.
    """

    def __init__(self, url: RedisURL, timeout: float) -> None:
        self.url = url
        self._asking = Asking(url, timeout)
        self._values = RedisValues(self._asking)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.url)!r})"

    def prepare(self) -> None:
        """See :meth:`eilogin.stores.Store.prepare`.

        Raises StoreUnavailable where the servers do not answer, which may be for now
        only; they are looked at before the first verb then.
        """
        try:
            for node, facts in check(self._asking.own_servers()).items():
                warn(node, facts)
            self._asking.note_checked()
        except Misfit as error:
            raise ConfigurationError(str(error)) from error
        finally:
            self.close()

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
        place = self._asking.place_of(session.key)
        if shard_of(session.key) not in SHARDS:
            raise ValueError("a shard is two hexadecimal digits")
        if any(self._asking.place_of(label) != place for label in session.labels):
            raise ValueError("a session has the shard of the labels it is made with")
        if replaces is None or self._asking.place_of(replaces) == place:
            return self._create(session, issued, replaces, inherit=inherit)
        if inherit:
            raise ValueError("a session has the shard of the one it inherits from")
        if not self._create(session, issued, None, inherit=False):
            return False
        # Nobody has its key yet. If this process dies here, or the other shard does
        # not answer, it is never used; and the one to be replaced is as it was, or
        # has ended, which is what it should.
        if self.end(keys=[replaces]):
            return True
        self.end(keys=[session.key])
        return False

    def _create(
        self,
        session: StoredSession,
        issued: float,
        replaces: str | None,
        *,
        inherit: bool,
    ) -> bool:
        place = self._asking.place_of(session.key)
        old = [] if replaces is None else [replaces]
        hints: list[str] = []
        for _ in range(PATIENCE):
            word, *found = self._asking.run(
                scripts.CREATE,
                place,
                session.key,
                session.until,
                session.seen,
                session.data,
                issued,
                old,
                int(inherit),
                session.labels,
                hints,
            )
            labels = [text_of(label) for label in found]
            if word == b"made":
                self._forget_hints((key, label) for key in old for label in labels)
                return True
            if word == b"refused":
                # Nothing is found by the hints; they go when their time is over.
                return False
            hints = labels
            self._hint(session.key, hints, session.until)
        raise self._asking.too_busy()

    def read(self, key: str) -> StoredSession | None:
        """See :meth:`eilogin.stores.Store.read`."""
        name = f"{self._asking.tag_of(key)}:s:{key}".encode()
        text = self._asking.ask(
            name, b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(name), name)
        )
        if text is None:
            return None
        try:
            until, seen, data = text.split(b" ", 2)
            found = StoredSession(key, data.decode(), float(seen), float(until))
        except ValueError:
            _log.warning("%s: a session cannot be read; nobody has it", self.url)
            return None
        if found.until > clock.now():
            return found
        self._asking.run(scripts.FORGET, self._asking.place_of(key), key)
        return None

    def touch(self, key: str, seen: float, before: float) -> bool:
        """See :meth:`eilogin.stores.Store.touch`."""
        place = self._asking.place_of(key)
        touched = self._asking.run(
            scripts.TOUCH, place, key, seen, before, durable=False
        )
        return bool(touched)

    def append(self, key: str, item: str, labels: Sequence[str] = ()) -> bool:
        """See :meth:`eilogin.stores.Store.append`."""
        place = self._asking.place_of(key)
        foreign = [label for label in labels if self._asking.place_of(label) != place]
        local = [label for label in labels if label not in foreign]
        if foreign:
            session = self.read(key)
            if session is None:
                return False
            self._hint(key, foreign, session.until)
        if self._asking.run(scripts.APPEND, place, key, item, local, foreign):
            return True
        self._forget_hints((key, label) for label in foreign)
        return False

    def items(self, key: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.items`."""
        items = self._asking.run(
            scripts.ITEMS, self._asking.place_of(key), key, is_question=True
        )
        return [text_of(item) for item in items]

    def find(self, label: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.find`."""
        place = self._asking.place_of(label)
        known: set[_Hint] = set()
        found: dict[str, None] = {}
        for _ in range(PATIENCE):
            local, hinted = self._asking.run(
                scripts.FIND, place, label, is_question=True
            )
            hints = {(text_of(key), label) for key in hinted}
            if hints <= known:
                return [*map(text_of, local), *found]
            # A session that is not there any more may have an heir, whose hint was
            # written before: whoever looks again finds it.
            for there, some in self._by_place(hints - known):
                keys = self._asking.run(
                    scripts.CARRY, there, _flat(some), is_question=True
                )
                found.update((text_of(key), None) for key in keys)
            if len(found) == len(hints):
                return [*map(text_of, local), *found]
            known |= hints
        raise self._asking.too_busy()

    def end(
        self,
        *,
        keys: Sequence[str] = (),
        labels: Sequence[str] = (),
        mark: float | None = None,
        mark_until: float = 0.0,
    ) -> list[EndedSession]:
        """See :meth:`eilogin.stores.Store.end`.

        In a Cluster it happens as a whole in each shard, and in one after another. If
        a server fails in between, what was ended until then stays so.
        """
        marks = [] if mark is None else [str(mark), str(mark_until)]
        ended: list[EndedSession] = []
        foreign: set[_Hint] = set()
        hints: set[_Hint] = set()
        done: set[_Hint] = set()

        def note(answer: Any) -> None:
            for key, data, items, elsewhere in answer[0]:
                name = text_of(key)
                texts = tuple(map(text_of, items))
                ended.append(EndedSession(name, text_of(data), texts))
                foreign.update((name, text_of(label)) for label in elsewhere)
            hints.update(_pairs(answer[1]))

        for place in dict.fromkeys(map(self._asking.place_of, (*keys, *labels))):
            here = [key for key in keys if self._asking.place_of(key) == place]
            named = [label for label in labels if self._asking.place_of(label) == place]
            note(self._asking.run(scripts.END, place, marks, here, named, ()))
        for _ in range(PATIENCE):
            new = hints - done
            if not new:
                self._forget_hints(foreign)
                return ended
            before = len(ended)
            for place, some in self._by_place(new):
                note(self._asking.run(scripts.END, place, (), (), (), _flat(some)))
            done |= new
            if len(ended) - before < len(new):
                # As in find: those that were not there may have an heir.
                hints |= self._hints_at(labels)
        raise self._asking.too_busy()

    # --- hints, in a Cluster ---

    def _hint(self, key: str, labels: Iterable[str], until: float) -> None:
        for label in labels:
            self._asking.run(
                scripts.HINT, self._asking.place_of(label), label, until, [key]
            )

    def _hints_at(self, labels: Sequence[str]) -> set[_Hint]:
        hints: set[_Hint] = set()
        for label in dict.fromkeys(labels):
            place = self._asking.place_of(label)
            _, found = self._asking.run(scripts.FIND, place, label, is_question=True)
            hints.update((text_of(key), label) for key in found)
        return hints

    def _forget_hints(self, hints: Iterable[_Hint]) -> None:
        """Take away what leads nowhere any more; it may also stay until it is over."""
        swapped = {(label, key) for key, label in hints}
        try:
            for place, some in self._by_place(swapped):
                self._asking.run(scripts.UNHINT, place, _flat(some), durable=False)
        except StoreUnavailable as error:
            _log.info("%s: a trace of a session is left: %s", self.url, error)

    def _by_place(
        self, pairs: Iterable[tuple[str, str]]
    ) -> Iterator[tuple[bytes, list[tuple[str, str]]]]:
        """Pairs by the place of the first of each."""

        def place(pair: tuple[str, str]) -> bytes:
            return self._asking.place_of(pair[0])

        for there, some in itertools.groupby(sorted(pairs, key=place), key=place):
            yield there, list(some)

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
        """See :meth:`eilogin.stores.Store.add`."""
        return self._values.add(key, value, until, owner=owner, durable=durable)

    def get(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.get`."""
        return self._values.get(key)

    def take(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.take`."""
        return self._values.take(key)

    def swap(
        self, key: str, old: str, new: str, until: float, *, durable: bool = True
    ) -> bool:
        """See :meth:`eilogin.stores.Store.swap`."""
        return self._values.swap(key, old, new, until, durable=durable)

    # --- housekeeping ---

    def end_all(self) -> int:
        """See :meth:`eilogin.stores.Store.end_all`.

        Others may be at work meanwhile: of what they make, all is ended or refused that
        was issued before, and what was issued afterwards may be ended too.
        """
        # First the sessions, for a server that is full has no room for marks; and then
        # those that were made before there were marks everywhere.
        count = self._wipe()
        self._mark_everybody()
        return count + self._wipe()

    def _mark_everybody(self) -> None:
        now = clock.now()
        # What is issued at this very instant is issued afterwards.
        mark = [str(math.nextafter(now, 0.0)), str(now + REFUSED_FOR)]
        places = (self._asking.place_of(f"{shard}:") for shard in SHARDS)
        for place in dict.fromkeys(places):
            self._asking.run(scripts.END, place, mark, (), [EVERYBODY], ())

    def _wipe(self) -> int:
        count = 0
        for keys in self._scanned(f"{self._asking.any_tag()}:s:*"):
            by_place: dict[bytes, list[str]] = {}
            for key in keys:
                by_place.setdefault(self._asking.place_of(key), []).append(key)
            for place, some in by_place.items():
                for start in range(0, len(some), _BATCH):
                    batch = some[start : start + _BATCH]
                    ended, foreign = self._asking.run(scripts.WIPE, place, batch)
                    self._forget_hints(_pairs(foreign))
                    count += ended
        return count

    def figures(self) -> Figures:
        """How much there is; those that have ended just now may be counted still.

        It looks at every name that the servers have. Raises StoreUnavailable.
        """
        with self._asking.guarded():
            nodes = self._asking.servers().masters()
            servers = tuple(map(_server_at, nodes))
        sessions = sum(map(len, self._scanned(f"{self._asking.any_tag()}:s:*")))
        values = sum(map(len, self._scanned(f"{self.url.prefix}:v:*")))
        return Figures(servers, sessions, values)

    def _scanned(self, pattern: str) -> Iterator[list[str]]:
        """The keys of the sessions whose names fit, a number of them at a time."""
        with self._asking.guarded():
            nodes = self._asking.servers().masters()
        for node in nodes:
            cursor = b"0"
            while True:
                command = packed("SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
                with self._asking.guarded():
                    cursor, names = node.ask(command)
                yield [text_of(name).partition("}:s:")[2] for name in names]
                if cursor == b"0":
                    break

    def close(self) -> None:
        """See :meth:`eilogin.stores.Store.close`."""
        self._asking.close()


def _server_at(node: Node) -> str:
    facts = facts_of(node.ask(packed("INFO")))
    # Valkey says both.
    name = "valkey" if "valkey_version" in facts else "redis"
    version = facts.get(f"{name}_version", "of no version")
    return f"{name.capitalize()} {version} at {shown(node.address)}"


def _flat(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [word for pair in pairs for word in pair]


def _pairs(words: Sequence[bytes]) -> list[tuple[str, str]]:
    texts = [text_of(word) for word in words]
    return list(zip(texts[::2], texts[1::2], strict=True))
