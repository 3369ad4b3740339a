"""A second process, which does a part of the work where the machine has a core for it.

It is forked, so it knows all that we know and has to read nothing first. That is done
only where no other thread runs: what one of those was at would never be done in the
fork. Who was told to be nice leaves a core to others.
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

#: Has the threads of this process, by their numbers.
_THREADS = Path("/proc/self/task")


@contextmanager
def second_process(work: Callable[[Connection], object]) -> Iterator[Connection | None]:
    """The line to a process that does ``work`` with the other end; None without one.

    It is gone when the block is left, whatever it was at, and where we are killed. What
    it does not say has to be done without it: who reads the line has an EOFError or an
    OSError then.
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
    """Whether there is one thread in this process, also of those that Python lacks."""
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
    # A server may wait for whatever child there is.
    with suppress(ChildProcessError):
        os.waitpid(number, 0)


def _be_second(
    work: Callable[[Connection], object], line: Connection, alive: int
) -> NoReturn:
    """Do the work in the fork, and end without what is to be done at our own end."""
    try:
        # What ends us asks no handler of theirs.
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
        gc.disable()
        work(line)
    finally:
        os._exit(0)


def _end_with(alive: int) -> None:
    """End as soon as nobody holds the other end of a pipe."""
    os.read(alive, 1)
    os._exit(0)
