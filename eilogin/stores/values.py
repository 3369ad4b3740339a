"""The short-lived values of one party, apart from those of all others.

Several sites may keep their state in one store; what one of them put there must not be
found by another, or an answer that was checked for one would be taken at the other.
"""

import hashlib

from eilogin.stores.interface import Store


class Values:
    """The value verbs of a store (see :class:`Store`), for one party by its name."""

    def __init__(self, store: Store, party: str) -> None:
        self._store = store
        self._mine = hashlib.sha256(party.encode()).hexdigest()[:16]

    def _key(self, key: str) -> str:
        return f"{self._mine}:{key}"

    def add(self, key: str, value: str, until: float, *, durable: bool = True) -> bool:
        """Store a value under a key that has none; ``False`` where it has one.

        Without ``durable`` a power failure may undo it (see :meth:`Store.add`).
        """
        return self._store.add(self._key(key), value, until, durable=durable)

    def get(self, key: str) -> str | None:
        """The value, if its time is not over."""
        return self._store.get(self._key(key))

    def take(self, key: str) -> str | None:
        """The value, which is gone now: of all who ask, one gets it."""
        return self._store.take(self._key(key))

    def swap(
        self, key: str, old: str, new: str, until: float, *, durable: bool = True
    ) -> bool:
        """Put ``new`` in the place of ``old``; ``False`` where ``old`` is not there.

        Without ``durable`` a power failure may undo it (see :meth:`Store.swap`).
        """
        return self._store.swap(self._key(key), old, new, until, durable=durable)
