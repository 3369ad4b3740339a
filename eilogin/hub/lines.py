"""Threads for what is said to participants, of which none takes more than its share.

Work for one participant stands in a line of its own, from which only some is done at
the same time. So one that is slow, or dead, keeps nobody waiting but those in its own
line, however much there is to say to it. The threads are more than a good many of such
participants can hold.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_Work = Callable[[], None]


class Lines:
    """The lines of one process: threads do not live on in its children.

    ``for_one`` participant so much is done at the same time, and ``for_all`` so much.
    """

    def __init__(self, for_one: int, for_all: int) -> None:
        self._for_one = for_one
        self._threads = ThreadPoolExecutor(for_all, "eilogin-logout")
        self._lock = threading.Lock()
        #: Who has something done now; how much, and what waits for its turn.
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, deque[_Work]] = {}

    def put(self, name: str, work: _Work) -> None:
        """Have ``work`` done in its turn, in the line of the participant ``name``."""
        with self._lock:
            busy = self._busy.get(name, 0)
            if busy == self._for_one:
                self._waiting.setdefault(name, deque()).append(work)
                return
            self._busy[name] = busy + 1
        self._threads.submit(self._do, name, work)

    def _do(self, name: str, work: _Work) -> None:
        try:
            work()
        finally:
            following = self._next(name)
            if following is not None:
                # Behind what others have waiting, where all threads are taken.
                self._threads.submit(self._do, name, following)

    def _next(self, name: str) -> _Work | None:
        """What is done now in a line in which something is done; None: nothing."""
        with self._lock:
            waiting = self._waiting.get(name)
            if waiting:
                return waiting.popleft()
            self._waiting.pop(name, None)
            self._busy[name] -= 1
            if not self._busy[name]:
                del self._busy[name]
            return None
