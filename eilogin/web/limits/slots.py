"""Slots: a limit of simultaneous work for requests that wait for a peer.

A peer that hangs would soon hold all threads of the server. So each kind of work has
fewer slots, counted for the whole process. A request waits only while slots change
hands: if all slots in its way are held for a second, the peer hangs.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

#: Default slots at one peer: fewer than waitress's four threads.
USUAL = 3
#: Seconds that all slots in the way may be held.
_LONGEST_HELD = 1.0
#: Requests that wait for one name.
_MOST_WAITING = 100


class Full(Exception):
    """No slot is free: ``in_use`` are held, ``of_client`` of them by this client."""

    def __init__(self, in_use: int, of_client: int) -> None:
        super().__init__(in_use, of_client)
        self.in_use = in_use
        self.of_client = of_client


class _Held(NamedTuple):
    """A slot in use: its holder, and since when (monotonic clock)."""

    whose: str
    since: float


class Slots:
    """The slots of one kind of work, by a name such as that of the peer."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[str, list[_Held]] = {}
        self._waiting: dict[str, int] = {}

    @contextmanager
    def hold(
        self,
        name: str,
        most: int,
        whose: str | None = None,
        *,
        at_least: int = 1,
        patience: float = 0.0,
    ) -> Iterator[None]:
        """Hold one of ``most`` slots while the block runs; raise :class:`Full` if none.

        The client ``whose``, such as a network, gets at most half of the slots, rounded
        up, or ``at_least``. It waits up to ``patience`` seconds, and not while the
        slots in its way hang.
        """
        share = most if whose is None else max((most + 1) // 2, at_least)
        slot = self._take(name, min(most, share), most, whose or "", patience)
        try:
            yield
        finally:
            self._give_back(name, slot)

    def _take(
        self, name: str, share: int, most: int, whose: str, patience: float
    ) -> _Held:
        ends = time.monotonic() + patience
        with self._changed:
            while in_the_way := self._in_the_way(name, share, most, whose):
                newest = max(slot.since for slot in in_the_way)
                now = time.monotonic()
                remaining = min(ends, newest + min(patience, _LONGEST_HELD)) - now
                waiting = self._waiting.get(name, 0)
                if remaining <= 0 or waiting >= _MOST_WAITING:
                    raise self._full(name, whose)
                self._waiting[name] = waiting + 1
                try:
                    self._changed.wait(remaining)
                finally:
                    self._leave(name)
            new_slot = _Held(whose, time.monotonic())
            self._held.setdefault(name, []).append(new_slot)
            return new_slot

    def _in_the_way(self, name: str, share: int, most: int, whose: str) -> list[_Held]:
        # One of these must come free first.
        held = self._held.get(name, [])
        if len(held) >= most:
            return held
        client_slots = [slot for slot in held if slot.whose == whose]
        return client_slots if len(client_slots) >= share else []

    def _full(self, name: str, whose: str) -> Full:
        held = self._held.get(name, [])
        of_client = sum(slot.whose == whose for slot in held) if whose else 0
        return Full(len(held), of_client)

    def _leave(self, name: str) -> None:
        self._waiting[name] -= 1
        if not self._waiting[name]:
            del self._waiting[name]

    def _give_back(self, name: str, slot: _Held) -> None:
        with self._changed:
            held = self._held[name]
            held.remove(slot)
            if not held:
                del self._held[name]
            self._changed.notify_all()
