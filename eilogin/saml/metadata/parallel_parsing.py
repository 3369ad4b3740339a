"""A second process that does a part of the work if the machine has a free core.

A fork knows everything already. It needs a process with one thread, because it would
never finish another thread's work. With a nice value, one more core stays free.
"""

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import NoReturn

_THREADS = Path("/proc/self/task")


@contextmanager
def second_process(work: Callable[[Connection], object]) -> Iterator[Connection | None]:
    """Run ``work`` in a second process; yield the connection to it, or None.

    It ends with the block, and when we are killed: a read from the connection then
    raises EOFError or OSError, and the caller does the rest.
    """
    if not (_has_core() and _is_alone()):
        yield None
        return
    ours, theirs = Pipe()
    alive, held = os.pipe()
    with closing(ours), os.fdopen(held, "wb"):
        with closing(theirs), os.fdopen(alive, "rb"):
            number = _fork()
            if number == 0:
                ours.close()
                os.close(held)
                _be_second(work, theirs, alive)
        try:
            yield None if number is None else ours
        finally:
            if number is not None:
                _end(number)


def _has_core() -> bool:
    is_nice = os.getpriority(os.PRIO_PROCESS, 0) > 0
    return len(os.sched_getaffinity(0)) > (2 if is_nice else 1)


def _is_alone() -> bool:
    """Whether this process has one thread, also of those unknown to Python."""
    try:
        return len(list(_THREADS.iterdir())) == 1
    except OSError:
        return False


def _fork() -> int | None:
    try:
        return os.fork()
    except (OSError, RuntimeError):
        # No more processes, or not in this interpreter.
        return None


def _end(number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)
    # A server may wait for any child.
    with suppress(ChildProcessError):
        os.waitpid(number, 0)


def _be_second(
    work: Callable[[Connection], object], line: Connection, alive: int
) -> NoReturn:
    """Work in the fork, and end without our own exit handlers."""
    try:
        # A signal must end it without our handlers.
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
        gc.disable()
        work(line)
    finally:
        os._exit(0)


def _end_with(alive: int) -> None:
    """End when nobody holds the other end of a pipe."""
    os.read(alive, 1)
    os._exit(0)
