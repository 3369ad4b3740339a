"""The short-lived values of one party, apart from those of all others.

Several sites may keep their state in one store. A site must not find the values of
another: it would accept a Response that was checked for the other.
"""

import hashlib
from collections.abc import Callable

from eilogin.stores.store_interface import Store

#: Most tries to change a value that others change at the same moment.
_TRIES = 20


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

    def change(
        self, key: str, change: Callable[[str | None], str | None], until: float
    ) -> bool:
        """Put what ``change`` makes of a value in its place, whoever else does so.

        It is given None where there is none, and gives None where all is well as it
        is. ``False`` where others were quicker each time. A power failure may undo it.
        """
        for _ in range(_TRIES):
            old = self.get(key)
            new = change(old)
            if new is None:
                return True
            is_put = (
                self.add(key, new, until, durable=False)
                if old is None
                else self.swap(key, old, new, until, durable=False)
            )
            if is_put:
                return True
        return False
