"""The operations on sessions, over one server or several.

One script sees one *place*: a server, or a shard of a Cluster (:func:`shard_of`). An
operation at several places may stop safely after each:

* A label of another shard (:meth:`RedisStore.append`) is first written there as a
  *hint* (:mod:`.cluster_hints`). So every label of a session finds it.
* A session that replaces one of another shard is made first. Nobody knows its key until
  the other has ended.
* A value may be at any place, whoever owns it (:mod:`.redis_values`).
"""

from collections.abc import Sequence
from typing import Any

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.stores import logout_reserve
from eilogin.stores.redis import lua_scripts, redis_housekeeping
from eilogin.stores.redis.cluster_hints import Hint, Hints, hints_in
from eilogin.stores.redis.redis_checks import check, warn
from eilogin.stores.redis.redis_client import MOST_RETRIES, Client, text_of
from eilogin.stores.redis.redis_nodes import Misfit
from eilogin.stores.redis.redis_urls import RedisURL
from eilogin.stores.redis.redis_values import RedisValues
from eilogin.stores.store_interface import (
    SHARDS,
    EndedSession,
    Residence,
    StoredSession,
    StoreFigures,
    shard_of,
)


class RedisStore(RedisValues):
    """A :class:`eilogin.stores.Store` in the servers of a URL.

    A server has ``timeout`` seconds to answer.
    """

    residence = Residence.SERVER

    def __init__(self, url: RedisURL, timeout: float) -> None:
        super().__init__(Client(url, timeout))
        self.url = url
        self._hints = Hints(self._client)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.url)!r})"

    def prepare(self, *, patience: float | None = None) -> None:
        """See :meth:`eilogin.stores.Store.prepare`; ``patience`` changes nothing.

        Raises StoreUnavailable without an answer; the first operation checks again.
        """
        try:
            for node, facts in check(self._client.own_servers()).items():
                warn(node, facts)
            self._client.note_checked()
        except Misfit as error:
            raise ConfigurationError(str(error)) from error
        finally:
            # The next caller keeps their state, so the log reports once.
            self._client.close_idle()

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
        place = self._client.place_of(session.key)
        if shard_of(session.key) not in SHARDS:
            raise ValueError("a shard is two hexadecimal digits")
        if any(self._client.place_of(label) != place for label in session.labels):
            raise ValueError("a session has the shard of the labels it is made with")
        if replaces is None or self._client.place_of(replaces) == place:
            return self._create(session, issued, replaces, inherit=inherit)
        if inherit:
            raise ValueError("a session has the shard of the one it inherits from")
        if not self._create(session, issued, None, inherit=False):
            return False
        # Nobody has its key yet. After a failure, the new session is never used, and
        # the old one is as before or has ended, as it should.
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
        place = self._client.place_of(session.key)
        old = [] if replaces is None else [replaces]
        hints: list[str] = []
        for _ in range(MOST_RETRIES):
            outcome, *labels_read = self._client.run(
                lua_scripts.CREATE,
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
            labels = [text_of(label) for label in labels_read]
            if outcome == b"made":
                self._hints.forget(Hint(key, label) for key in old for label in labels)
                return True
            if outcome == b"refused":
                return False
            hints = labels
            self._hints.write(session.key, hints, session.until)
        raise self._client.too_busy()

    def read(self, key: str) -> StoredSession | None:
        """See :meth:`eilogin.stores.Store.read`."""
        name = b"%b:s:%b" % (self._client.place_of(key), key.encode())
        text = self._client.ask(
            name, b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(name), name)
        )
        if text is None:
            return None
        try:
            until, seen, data = text.split(b" ", 2)
            session = StoredSession(key, data.decode(), float(seen), float(until))
        except ValueError:
            self._client.garbage.note("a session")
            return None
        if session.until > clock.now():
            return session
        self._client.run(lua_scripts.FORGET, self._client.place_of(key), key)
        return None

    def touch(self, key: str, seen: float, before: float) -> bool:
        """See :meth:`eilogin.stores.Store.touch`."""
        place = self._client.place_of(key)
        touched = self._client.run(
            lua_scripts.TOUCH, place, key, seen, before, durable=False
        )
        return bool(touched)

    def append(self, key: str, item: str, labels: Sequence[str] = ()) -> bool:
        """See :meth:`eilogin.stores.Store.append`."""
        place = self._client.place_of(key)
        foreign = [label for label in labels if self._client.place_of(label) != place]
        local = [label for label in labels if label not in foreign]
        if foreign:
            session = self.read(key)
            if session is None:
                return False
            self._hints.write(key, foreign, session.until)
        if self._client.run(lua_scripts.APPEND, place, key, item, local, foreign):
            return True
        self._hints.forget(Hint(key, label) for label in foreign)
        return False

    def items(self, key: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.items`."""
        items = self._client.run(
            lua_scripts.ITEMS, self._client.place_of(key), key, is_question=True
        )
        return [text_of(item) for item in items]

    def find(self, label: str) -> list[str]:
        """See :meth:`eilogin.stores.Store.find`."""
        place = self._client.place_of(label)
        checked_hints: set[Hint] = set()
        hinted_keys: dict[str, None] = {}
        for _ in range(MOST_RETRIES):
            local, hinted = self._client.run(
                lua_scripts.FIND, place, label, is_question=True
            )
            if hinted is None:
                self._hints.mend(label)
                continue
            hints = {Hint(text_of(key), label) for key in hinted}
            if hints <= checked_hints:
                return [*map(text_of, local), *hinted_keys]
            # A missing session may have an heir, whose hint was written before: search
            # again.
            for session_place, words in self._hints.by_place(hints - checked_hints):
                # Key, until, key, until ...
                carrying = self._client.run(
                    lua_scripts.CARRY, session_place, words, is_question=True
                )
                hinted_keys |= dict.fromkeys(map(text_of, carrying[::2]))
            # Some of the found sessions may have an heir by now.
            if hinted_keys.keys() >= {hint.key for hint in hints}:
                return [*map(text_of, local), *hinted_keys]
            checked_hints |= hints
        raise self._client.too_busy()

    def end(
        self,
        *,
        keys: Sequence[str] = (),
        labels: Sequence[str] = (),
        mark: float | None = None,
        mark_until: float = 0.0,
    ) -> list[EndedSession]:
        """See :meth:`eilogin.stores.Store.end`.

        Atomic in each shard of a Cluster, one after another. Servers at ``maxmemory``
        end sessions and set marks too.
        """
        with logout_reserve.for_logout():
            return self._end(keys, labels, mark, mark_until)

    def _end(
        self,
        keys: Sequence[str],
        labels: Sequence[str],
        mark: float | None,
        mark_until: float,
    ) -> list[EndedSession]:
        marks = [] if mark is None else [str(mark), str(mark_until)]
        ended: list[EndedSession] = []
        foreign: set[Hint] = set()
        hints: set[Hint] = set()
        processed: set[Hint] = set()

        def note(reply: Any) -> None:
            for key, data, items, elsewhere in reply[0]:
                name = text_of(key)
                texts = tuple(map(text_of, items))
                ended.append(EndedSession(name, text_of(data), texts))
                foreign.update(Hint(name, text_of(label)) for label in elsewhere)
            hints.update(hints_in(reply[1]))
            hints.update(self._hints.mended(map(text_of, reply[2])))

        for place in dict.fromkeys(map(self._client.place_of, (*keys, *labels))):
            keys_here = [key for key in keys if self._client.place_of(key) == place]
            labels_here = [
                label for label in labels if self._client.place_of(label) == place
            ]
            note(
                self._client.run(
                    lua_scripts.END, place, marks, keys_here, labels_here, ()
                )
            )
        for _ in range(MOST_RETRIES):
            new_hints = hints - processed
            if not new_hints:
                self._hints.forget(foreign)
                return ended
            count_before = len(ended)
            for place, words in self._hints.by_place(new_hints):
                note(self._client.run(lua_scripts.END, place, (), (), (), words))
            processed |= new_hints
            if len(ended) - count_before < len(new_hints):
                hints |= self._hints.at(labels)
        raise self._client.too_busy()

    # --- housekeeping ---

    def end_all(self) -> int:
        """See :meth:`eilogin.stores.Store.end_all`."""
        with logout_reserve.for_logout():
            return redis_housekeeping.end_all(self._client, self._hints)

    def exists(self) -> bool:
        """Return True: an empty server is a store too."""
        return True

    def figures(self, *patterns: str) -> StoreFigures:
        """See :func:`eilogin.stores.redis.redis_housekeeping.figures`."""
        return redis_housekeeping.figures(self._client, patterns)

    def close(self) -> None:
        """See :meth:`eilogin.stores.Store.close`."""
        self._client.close()
