"""Measure the CPU time of a call, in tests that some work stays small.

CPU time instead of the clock, because other processes use the machine too. Python's
garbage collector is paused: one full collection in a process that holds all tests takes
longer than most of the calls, and has nothing to do with them.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds. A call that takes no longer than this needs no second try.
_CHEAP = 0.002


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the garbage collector of this process."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def cpu_seconds(call: Callable[[], object], tries: int = 5) -> float:
    """Return the least CPU time in seconds that this thread needs for a call.

    The least of some tries, because a busy machine makes each of them longer and none
    of them shorter. Where a second call finds the result of the first in a cache, allow
    one try.
    """
    least = math.inf
    with no_collection():
        for _ in range(tries):
            began = time.thread_time()
            call()
            least = min(least, time.thread_time() - began)
            if least <= _CHEAP:
                break
    return least
