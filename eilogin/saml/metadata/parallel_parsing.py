"""A second process that does a part of the work if the machine has a free core.

It is a fork, which has all data already. eilogin forks only a process with one thread:
a fork would never finish another thread's work. With a nice value, one more core stays
free.
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

    The second process ends with the block, and with this process. If it ends earlier, a
    read from the connection raises EOFError or OSError: the caller does the rest.
    """
    if not (_has_core() and _has_one_thread()):
        yield None
        return
    own_end, other_end = Pipe()
    alive_reader, alive_writer = os.pipe()
    with closing(own_end), os.fdopen(alive_writer, "wb"):
        with closing(other_end), os.fdopen(alive_reader, "rb"):
            pid = _fork()
            if pid == 0:
                own_end.close()
                os.close(alive_writer)
                _run_second(work, other_end, alive_reader)
        try:
            yield None if pid is None else own_end
        finally:
            if pid is not None:
                _end(pid)


def _has_core() -> bool:
    is_nice = os.getpriority(os.PRIO_PROCESS, 0) > 0
    return len(os.sched_getaffinity(0)) > (2 if is_nice else 1)


def _has_one_thread() -> bool:
    try:
        return len(list(_THREADS.iterdir())) == 1
    except OSError:
        return False


def _fork() -> int | None:
    try:
        return os.fork()
    except (OSError, RuntimeError):
        # The limit of processes is reached, or this interpreter cannot fork.
        return None


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    # The server may have waited for it already.
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _run_second(
    work: Callable[[Connection], object], connection: Connection, alive_reader: int
) -> NoReturn:
    try:
        # A signal must end the fork without our handlers.
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        threading.Thread(
            target=_end_at_close, args=(alive_reader,), daemon=True
        ).start()
        gc.disable()
        work(connection)
    finally:
        os._exit(0)


def _end_at_close(alive_reader: int) -> None:
    os.read(alive_reader, 1)
    os._exit(0)
