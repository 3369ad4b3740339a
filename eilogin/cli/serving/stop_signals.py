"""End a command at Ctrl-C and SIGTERM."""

import contextlib
import math
import signal
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue

#: Seconds between two checks for a signal that woke no thread.
_LOOK = 1.0


class Stop:
    """A flag that a command waits for; a signal or any of its threads sets it.

    It is no Event: the main thread runs the handler of a signal wherever it is. There
    it would wait for ever for the lock of an Event that it holds itself.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._told: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Set the flag; it may be set again."""
        self.is_set = True
        self._told.put(None)

    def wait(self, most: float = math.inf) -> None:
        """Wait until the flag is set, or for about ``most`` seconds.

        The system may deliver a signal to another thread, which does not wake this one.
        """
        until = time.monotonic() + most
        while not self.is_set and time.monotonic() < until:
            with contextlib.suppress(Empty):
                self._told.get(timeout=_LOOK)


@contextlib.contextmanager
def signals() -> Iterator[Stop]:
    """Have Ctrl-C and SIGTERM set a flag; restore their handlers afterwards."""
    stop, numbers = Stop(), (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, lambda *_: stop.set()) for n in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
