"""Places for requests that wait for somebody else: so many at a time, and no more.

Whoever waits for a peer holds a thread, and one that hangs would soon hold them all. So
there are places, fewer than a server has threads. Who finds none does not wait for one
either: what she is told is there at once, and she comes again.

They are counted for the whole process, because all that it serves has the same threads.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Places at one peer where no option says otherwise: fewer than the four threads that
#: waitress has of itself.
USUAL = 3


class Full(Exception):
    """No place is free; ``taken`` says how many are not, and ``of_one`` whose."""

    def __init__(self, taken: int, of_one: int) -> None:
        super().__init__(taken, of_one)
        self.taken = taken
        #: How many of them are of who asks.
        self.of_one = of_one


class Places:
    """The places of one kind, by a name such as that of the peer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[str, list[str]] = {}

    @contextmanager
    def one(
        self, name: str, most: int, whose: str | None = None, *, at_least: int = 1
    ) -> Iterator[None]:
        """One of ``most`` places, for as long as the block runs; or :class:`Full`.

        Where it is said ``whose`` it is, such as of a network, no more than half of
        them, rounded up, are for that one, so that none has all others wait; but
        ``at_least`` so many, if there are.
        """
        share = max((most + 1) // 2, at_least)
        self._take(name, most, whose, share)
        try:
            yield
        finally:
            self._give_back(name, whose or "")

    def _take(self, name: str, most: int, whose: str | None, share: int) -> None:
        with self._lock:
            taken = self._taken.get(name, [])
            of_one = 0 if whose is None else taken.count(whose)
            if len(taken) >= most or of_one >= share:
                raise Full(len(taken), of_one)
            self._taken[name] = [*taken, whose or ""]

    def _give_back(self, name: str, whose: str) -> None:
        with self._lock:
            taken = self._taken[name]
            taken.remove(whose)
            if not taken:
                del self._taken[name]
