"""Hints at sessions of other shards, in a Cluster, that may carry a label.

A *hint* at the label names a session, which alone confirms it. It is written before the
session gets the label, and deleted after, so none is missing.
"""

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from eilogin.errors import StoreUnavailable
from eilogin.stores.redis import lua_scripts
from eilogin.stores.redis.redis_client import Client, text_of

_log = logging.getLogger("eilogin.stores")


class Hint(NamedTuple):
    """A session that may carry a label of another shard."""

    key: str
    label: str


class Hints:
    """The hints at all labels."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def write(self, key: str, labels: Iterable[str], until: float) -> None:
        """Hint at a session from each of the labels."""
        for label in labels:
            place = self._client.place_of(label)
            entry = (key, str(until))
            if not self._client.run(lua_scripts.HINT, place, label, 0, entry):
                self.mend(label)
                self._client.run(lua_scripts.HINT, place, label, 0, entry)

    def mended(self, labels: Iterable[str]) -> set[Hint]:
        """Restore lost hints at labels, and return them."""
        lost = list(labels)
        for label in lost:
            self.mend(label)
        return self.at(lost)

    def mend(self, label: str) -> None:
        """Write the hints of a label again, if another type is at their key.

        Asks every session. Until then, no other session can write its hint.
        """
        entries: list[str] = []
        for keys in self._client.sessions():
            for place, words in self.by_place(Hint(key, label) for key in keys):
                carrying = self._client.run(
                    lua_scripts.CARRY, place, words, is_question=True
                )
                entries += map(text_of, carrying)
        label_place = self._client.place_of(label)
        self._client.run(lua_scripts.HINT, label_place, label, 1, entries)

    def at(self, labels: Sequence[str]) -> set[Hint]:
        """Return the hints at these labels."""
        hints: set[Hint] = set()
        for label in dict.fromkeys(labels):
            place = self._client.place_of(label)
            _, keys = self._client.run(lua_scripts.FIND, place, label, is_question=True)
            hints.update(Hint(text_of(key), label) for key in keys or ())
        return hints

    def forget(self, hints: Iterable[Hint]) -> None:
        """Delete useless hints; they may also stay until they expire."""
        swapped = {(hint.label, hint.key) for hint in hints}
        try:
            for place, words in self._by_first(swapped):
                self._client.run(lua_scripts.UNHINT, place, words, durable=False)
        except StoreUnavailable as error:
            _log.info(
                "the store %s: cannot delete an index entry of an ended session: %s",
                self._client.url,
                error,
            )

    def by_place(self, hints: Iterable[Hint]) -> Iterator[tuple[bytes, list[str]]]:
        """Group hints by the place of the session, as the arguments of a script."""
        return self._by_first(hints)

    def _by_first(
        self, pairs: Iterable[tuple[str, str]]
    ) -> Iterator[tuple[bytes, list[str]]]:
        def place(pair: tuple[str, str]) -> bytes:
            return self._client.place_of(pair[0])

        for shared_place, group in itertools.groupby(
            sorted(pairs, key=place), key=place
        ):
            yield shared_place, [word for pair in group for word in pair]


def hints_in(words: Sequence[bytes]) -> list[Hint]:
    """Return the hints in a script's result, which alternates keys and labels."""
    texts = [text_of(word) for word in words]
    return list(map(Hint, texts[::2], texts[1::2]))
