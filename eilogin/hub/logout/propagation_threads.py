"""Threads for what is said to participants, of which none takes more than its share.

Work for one participant stands in a line of its own, from which only some is done at
the same time: a few things where the half of all threads is free, and one where not,
or where it did not answer what it was told last. So one that is slow, or dead, keeps
nobody waiting but those in its own line, however much there is to say to it; and so do
many that did not answer before, while they are fewer than the threads.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

#: Something to be done; it says whether the participant has answered, or None where it
#: was asked nothing: its turn came too late.
_Work = Callable[[], bool | None]


#: Seconds for which a participant that did not answer counts as away.
_AWAY_FOR = 60.0


class ParticipantQueues:
    """The lines of one process: threads do not live on in its children.

    ``for_one`` participant so much is done at the same time, and ``for_all`` so much.
    """

    def __init__(self, for_one: int, for_all: int) -> None:
        self._for_one = for_one
        self._for_all = for_all
        self._threads = ThreadPoolExecutor(for_all, "eilogin-logout")
        self._lock = threading.Lock()
        #: Who has something done now; how much, and what waits for its turn.
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, deque[_Work]] = {}
        #: When each participant last failed to answer, if it has not answered since.
        self._away: dict[str, float] = {}

    def put(self, name: str, work: _Work) -> None:
        """Have ``work`` done in its turn, in the line of the participant ``name``."""
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
            # Behind what others have waiting, where all threads are taken.
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
        """What is begun now in a line, of what waits in it."""
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
