"""Hints at sessions of other shards, in a Cluster, that may carry a label.

A *hint* at the label names a session, which alone confirms it. It is written before the
session gets the label, and deleted after, so none is missing.
"""

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence

from eilogin.errors import StoreUnavailable
from eilogin.stores.redis import lua_scripts
from eilogin.stores.redis.redis_client import Client, text_of

Hint = tuple[str, str]

_log = logging.getLogger("eilogin.stores")


class Hints:
    """The hints at all labels."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def write(self, key: str, labels: Iterable[str], until: float) -> None:
        """Hint at a session from each of the labels."""
        for label in labels:
            place = self._client.place_of(label)
            hint = (key, str(until))
            if not self._client.run(lua_scripts.HINT, place, label, 0, hint):
                self.mend(label)
                self._client.run(lua_scripts.HINT, place, label, 0, hint)

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
        found: list[str] = []
        for keys in self._client.sessions():
            for there, some in self.by_place((key, label) for key in keys):
                carrying = self._client.run(
                    lua_scripts.CARRY, there, flat_pairs(some), is_question=True
                )
                found += map(text_of, carrying)
        place = self._client.place_of(label)
        self._client.run(lua_scripts.HINT, place, label, 1, found)

    def at(self, labels: Sequence[str]) -> set[Hint]:
        """The hints at these labels."""
        hints: set[Hint] = set()
        for label in dict.fromkeys(labels):
            place = self._client.place_of(label)
            _, found = self._client.run(
                lua_scripts.FIND, place, label, is_question=True
            )
            hints.update((text_of(key), label) for key in found or ())
        return hints

    def forget(self, hints: Iterable[Hint]) -> None:
        """Delete useless hints; they may also stay until they expire."""
        swapped = {(label, key) for key, label in hints}
        try:
            for place, some in self.by_place(swapped):
                words = flat_pairs(some)
                self._client.run(lua_scripts.UNHINT, place, words, durable=False)
        except StoreUnavailable as error:
            _log.info(
                "the store %s: cannot delete an index entry of an ended session: %s",
                self._client.url,
                error,
            )

    def by_place(
        self, pairs: Iterable[tuple[str, str]]
    ) -> Iterator[tuple[bytes, list[tuple[str, str]]]]:
        """Group pairs by the place of the first of each."""

        def place(pair: tuple[str, str]) -> bytes:
            return self._client.place_of(pair[0])

        for there, some in itertools.groupby(sorted(pairs, key=place), key=place):
            yield there, list(some)


def flat_pairs(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return pairs as arguments of a script."""
    return [word for pair in pairs for word in pair]


def pairs_in(words: Sequence[bytes]) -> list[tuple[str, str]]:
    """Return pairs from the result of a script."""
    texts = [text_of(word) for word in words]
    return list(zip(texts[::2], texts[1::2], strict=True))
