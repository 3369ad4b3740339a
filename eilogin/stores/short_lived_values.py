"""The short-lived values of one party, apart from those of all others.

Otherwise a site that shares a store would accept a Response checked for another.
"""

import hashlib
from collections.abc import Callable

from eilogin.stores.store_interface import Store

_TRIES = 20


class Values:
    """The value verbs of a store (see :class:`Store`), for one party by its name."""

    def __init__(self, store: Store, party: str) -> None:
        self._store = store
        self._prefix = hashlib.sha256(party.encode()).hexdigest()[:16]

    def _key(self, key: str) -> str:
        return f"{self._prefix}:{key}"

    def add(self, key: str, value: str, until: float, *, durable: bool = True) -> bool:
        """Store a value under a free key; return whether it was free.

        Without ``durable`` a power failure may undo it (see :meth:`Store.add`).
        """
        return self._store.add(self._key(key), value, until, durable=durable)

    def get(self, key: str) -> str | None:
        """Return the value, unless it has expired."""
        return self._store.get(self._key(key))

    def take(self, key: str) -> str | None:
        """Remove and return the value, for one caller of all."""
        return self._store.take(self._key(key))

    def swap(
        self, key: str, old: str, new: str, until: float, *, durable: bool = True
    ) -> bool:
        """Replace ``old`` by ``new``; return whether ``old`` was there.

        Without ``durable`` a power failure may undo it (see :meth:`Store.swap`).
        """
        return self._store.swap(self._key(key), old, new, until, durable=durable)

    def change(
        self, key: str, change: Callable[[str | None], str | None], until: float
    ) -> bool:
        """Replace a value by the result of ``change``, and retry if others change it.

        ``change`` gets None for no value, and returns None to change nothing. Returns
        False if others were always quicker. A power failure may undo it.
        """
        for _ in range(_TRIES):
            old = self.get(key)
            new = change(old)
            if new is None:
                return True
            is_written = (
                self.add(key, new, until, durable=False)
                if old is None
                else self.swap(key, old, new, until, durable=False)
            )
            if is_written:
                return True
        return False
