"""End a command at Ctrl-C and SIGTERM."""

import contextlib
import math
import signal
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue

#: Seconds between two checks, because another thread may get the signal, and does not
#: wake the waiting one.
_CHECK_INTERVAL = 1.0


class Stop:
    """A flag that a signal or any thread sets."""

    # Not an Event: a signal handler runs in the main thread, which may already hold the
    # lock of an Event, and would then wait for ever.

    def __init__(self) -> None:
        self.is_set = False
        self._wakeups: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Set the flag."""
        self.is_set = True
        self._wakeups.put(None)

    def wait(self, seconds: float = math.inf) -> None:
        """Wait until the flag is set, or for about ``seconds``."""
        until = time.monotonic() + seconds
        while not self.is_set and time.monotonic() < until:
            with contextlib.suppress(Empty):
                self._wakeups.get(timeout=_CHECK_INTERVAL)


@contextlib.contextmanager
def signals() -> Iterator[Stop]:
    """Let Ctrl-C and SIGTERM set a flag; restore their handlers afterwards."""
    stop, numbers = Stop(), (signal.SIGINT, signal.SIGTERM)
    old_handlers = {n: signal.signal(n, lambda *_: stop.set()) for n in numbers}
    try:
        yield stop
    finally:
        for number, handler in old_handlers.items():
            signal.signal(number, handler)
