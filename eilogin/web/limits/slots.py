"""Slots: a limit of simultaneous work for requests that wait for a peer.

A peer that hangs would soon hold all threads of the server. So each kind of work has
fewer slots than that, counted for the whole process. A request waits for a slot only
while other requests return theirs. If none does so for a second, the peer hangs.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

#: Default slots at one peer: fewer than waitress's four threads.
DEFAULT_SLOTS = 3
#: Seconds until a peer that returns no slot counts as hanging.
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
    """A slot in use: its client, and since when (seconds of the monotonic clock)."""

    client: str
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
        client: str | None = None,
        *,
        at_least: int = 1,
        patience: float = 0.0,
    ) -> Iterator[None]:
        """Hold one of ``most`` slots while the block runs; raise :class:`Full` if none.

        A ``client``, such as a network, gets at most half of the slots, rounded up, or
        ``at_least`` slots if that is more. The call waits up to ``patience``
        seconds, and at most one second after another request took a slot that this one
        needs.
        """
        share = most if client is None else max((most + 1) // 2, at_least)
        slot = self._take(name, min(most, share), most, client or "", patience)
        try:
            yield
        finally:
            self._give_back(name, slot)

    def _take(
        self, name: str, share: int, most: int, client: str, patience: float
    ) -> _Held:
        ends = time.monotonic() + patience
        with self._changed:
            while in_the_way := self._in_the_way(name, share, most, client):
                newest = max(slot.since for slot in in_the_way)
                now = time.monotonic()
                remaining = min(ends, newest + min(patience, _LONGEST_HELD)) - now
                waiting = self._waiting.get(name, 0)
                if remaining <= 0 or waiting >= _MOST_WAITING:
                    raise self._full(name, client)
                self._waiting[name] = waiting + 1
                try:
                    self._changed.wait(remaining)
                finally:
                    self._leave(name)
            new_slot = _Held(client, time.monotonic())
            self._held.setdefault(name, []).append(new_slot)
            return new_slot

    def _in_the_way(self, name: str, share: int, most: int, client: str) -> list[_Held]:
        # One of these must come free first.
        held = self._held.get(name, [])
        if len(held) >= most:
            return held
        client_slots = [slot for slot in held if slot.client == client]
        return client_slots if len(client_slots) >= share else []

    def _full(self, name: str, client: str) -> Full:
        held = self._held.get(name, [])
        of_client = sum(slot.client == client for slot in held) if client else 0
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
