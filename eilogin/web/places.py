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
        #: How many of them are of the network that asks.
        self.of_one = of_one


class Places:
    """The places of one kind, by a name such as that of the peer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[str, list[str]] = {}

    @contextmanager
    def one(self, name: str, most: int, network: str | None = None) -> Iterator[None]:
        """One of ``most`` places, for as long as the block runs; or :class:`Full`.

        With a ``network`` no more than half of them, rounded up, are for who come from
        that, so that none has all others wait.
        """
        self._take(name, most, network)
        try:
            yield
        finally:
            self._give_back(name, network or "")

    def _take(self, name: str, most: int, network: str | None) -> None:
        with self._lock:
            taken = self._taken.get(name, [])
            of_one = 0 if network is None else taken.count(network)
            if len(taken) >= most or of_one >= (most + 1) // 2:
                raise Full(len(taken), of_one)
            self._taken[name] = [*taken, network or ""]

    def _give_back(self, name: str, network: str) -> None:
        with self._lock:
            taken = self._taken[name]
            taken.remove(network)
            if not taken:
                del self._taken[name]
