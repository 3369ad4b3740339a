"""Threads that send messages to participants, with a fair share for each.

Each participant has a queue. It gets a few threads while half of all are free and it
answered the last message, otherwise one. So unavailable participants delay only
themselves, while they are fewer than the threads.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

#: Returns whether the participant answered; None if it was too late to send.
_Work = Callable[[], bool | None]


#: Seconds for which a missing answer counts.
_AWAY_FOR = 60.0


class ParticipantQueues:
    """Runs at most ``for_one`` tasks of a participant at a time, ``for_all`` of all."""

    def __init__(self, for_one: int, for_all: int) -> None:
        self._for_one = for_one
        self._for_all = for_all
        self._threads = ThreadPoolExecutor(for_all, "eilogin-logout")
        self._lock = threading.Lock()
        #: Running and waiting tasks by participant.
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, deque[_Work]] = {}
        #: When a participant last failed to answer, if it did not answer since.
        self._away: dict[str, float] = {}

    def put(self, name: str, work: _Work) -> None:
        """Queue a task for the participant ``name``."""
        with self._lock:
            self._waiting.setdefault(name, deque()).append(work)
            begun = self._begun(name)
        self._submit(name, begun)

    def is_away(self, name: str) -> bool:
        """Whether a participant did not answer its last message, within a minute."""
        with self._lock:
            since = self._away.get(name)
        return since is not None and time.monotonic() - since < _AWAY_FOR

    def _submit(self, name: str, begun: list[_Work]) -> None:
        for work in begun:
            # If all threads are busy, it waits behind others.
            self._threads.submit(self._do, name, work)

    def _do(self, name: str, work: _Work) -> None:
        is_well: bool | None = False
        try:
            is_well = work()
        finally:
            with self._lock:
                self._busy[name] -= 1
                if is_well:
                    self._away.pop(name, None)
                elif is_well is not None:
                    self._away[name] = time.monotonic()
                begun = self._begun(name)
                if not self._busy[name]:
                    del self._busy[name]
            self._submit(name, begun)

    def _begun(self, name: str) -> list[_Work]:
        waiting, begun = self._waiting.get(name), list[_Work]()
        while waiting and self._has_room(name):
            begun.append(waiting.popleft())
            self._busy[name] = self._busy.get(name, 0) + 1
        if not waiting:
            self._waiting.pop(name, None)
        return begun

    def _has_room(self, name: str) -> bool:
        busy = self._busy.get(name, 0)
        if not busy:
            return True
        is_half_free = sum(self._busy.values()) * 2 < self._for_all
        return busy < self._for_one and name not in self._away and is_half_free
