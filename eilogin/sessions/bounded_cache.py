"""Cache values of visitors in memory for a minute or two after their last use.

Two generations bound time and memory: *recent* values, and *older* ones. A used value
moves to the recent ones. If these are a minute old or full, they become the older ones,
and eilogin forgets the older ones before. In an idle process, that happens at the next
request.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from eilogin.clock import now

#: Seconds, up to twice as many, for which an unused value is cached.
KEPT_FOR = 60.0
#: Most octets of a generation of each cache: some 8,000 visitors.
MOST_OCTETS = 16 * 2**20
#: Octets of a value beside those of its texts.
_OVERHEAD = 1_000

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class BoundedCache(Generic[_Key, _Value]):
    """Values by key, for all threads; ``size`` returns the octets of a value's texts.

    A hit among the recent values takes no lock.
    """

    def __init__(self, size: Callable[[_Value], int]) -> None:
        self._size = size
        self._recent: dict[_Key, _Value] = {}
        self._older: dict[_Key, _Value] = {}
        self._octets = 0
        self._turns_at = 0.0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of values."""
        return len({*self._recent, *self._older})

    def get(self, key: _Key) -> _Value | None:
        """Return a value, or None."""
        value = self._recent.get(key)
        # The clock may be set back.
        if value is not None and 0.0 < self._turns_at - now() <= KEPT_FOR:
            return value
        with self._lock:
            self._turn_if_due()
            value = self._recent.get(key)
            if value is None:
                value = self._older.pop(key, None)
                if value is not None:
                    self._add(key, value)
            return value

    def put(self, key: _Key, value: _Value) -> None:
        """Cache a value."""
        with self._lock:
            self._turn_if_due()
            self._drop(key)
            self._add(key, value)

    def forget(self, key: _Key) -> None:
        """Forget a value, if there is one."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        value = self._recent.pop(key, None)
        if value is not None:
            self._octets -= self._octets_of(value)
        self._older.pop(key, None)

    def _add(self, key: _Key, value: _Value) -> None:
        octets = self._octets_of(value)
        if self._octets + octets > MOST_OCTETS:
            self._turn()
        self._recent[key] = value
        self._octets += octets

    def _octets_of(self, value: _Value) -> int:
        return self._size(value) + _OVERHEAD

    def _turn_if_due(self) -> None:
        if not 0.0 < self._turns_at - now() <= KEPT_FOR:
            self._turn()

    def _turn(self) -> None:
        self._older, self._recent = self._recent, {}
        self._octets = 0
        self._turns_at = now() + KEPT_FOR
