"""Threads for the hashes of passwords, in which client networks take turns.

A hash takes 19 MB, and glibc keeps freed memory for each thread that used it. So few
threads hash, and the threads of the server wait for them. After many hashes, the last
one gives the free memory back to the system.
"""

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from eilogin.errors import Busy

#: Threads of a process. More than processors would only take more memory.
_THREADS = min(4, os.cpu_count() or 1)
#: Jobs that run or wait, of all networks and of one.
_MOST, _MOST_OF_NETWORK = 100, 50

#: Jobs after which an idle process gives memory back: it costs as much as two hashes.
_MANY = 32

_T = TypeVar("_T")
#: Only glibc has it.
_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


class HashingThreads:
    """Runs jobs in threads that start when first needed and end with this object."""

    def __init__(self) -> None:
        self._jobs = _Jobs()

    def run(self, network: str, job: Callable[[], _T]) -> _T:
        """Run a job of a client network, and return its result or raise its error.

        Raise Busy if too many wait, of this network or of all. If too many wait of all,
        the network with most jobs loses its newest one to a network with fewer.
        """
        if self._jobs.pid != os.getpid():
            # A fork copies no threads, and perhaps a locked lock.
            self._jobs = _Jobs()
        result: _T = self._jobs.put(network, job).result()
        return result


class _Jobs:
    """The jobs of one process, and the threads that run them."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, "eilogin-hashing")
        self._done = 0
        #: Jobs that run or wait, by network.
        self._counts: dict[str, int] = {}
        #: Jobs that wait, by network; the first network is next.
        self._waiting: dict[str, deque[tuple[Callable[[], Any], Future[Any]]]] = {}

    def put(self, network: str, job: Callable[[], Any]) -> "Future[Any]":
        """Queue a job; raise Busy at a limit."""
        future = Future[Any]()
        with self._lock:
            of_all = sum(self._counts.values())
            of_network = self._counts.get(network, 0)
            is_full = of_all >= _MOST
            if of_network >= _MOST_OF_NETWORK or (
                is_full and not self._makes_room(of_network + 1)
            ):
                raise _busy(of_all, of_network)
            self._counts[network] = of_network + 1
            self._waiting.setdefault(network, deque()).append((job, future))
        if is_full:
            # A thread will come for the job that made room.
            return future
        try:
            # The thread takes a job of the network whose turn it is.
            self._threads.submit(self._run_next)
        except RuntimeError as error:
            # No thread can start, so perhaps none is there.
            if future.cancel():
                raise Busy(f"a password cannot be checked: {error}") from None
        return future

    def _makes_room(self, count: int) -> bool:
        """Refuse the newest job of the network with most, if more than ``count``."""
        most = max(self._waiting, key=self._counts.__getitem__, default="")
        of_network = self._counts.get(most, 0)
        if of_network <= count:
            return False
        _, future = self._waiting[most].pop()
        if not self._waiting[most]:
            del self._waiting[most]
        self._counts[most] -= 1
        if future.set_running_or_notify_cancel():
            future.set_exception(_busy(_MOST, of_network))
        return True

    def _run_next(self) -> None:
        with self._lock:
            network = next(iter(self._waiting))
            jobs = self._waiting.pop(network)
            job, future = jobs.popleft()
            if jobs:
                self._waiting[network] = jobs
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                future.set_exception(error)
        with self._lock:
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]
            self._done += 1
            is_due = self._done >= _MANY and not self._counts
            if is_due:
                self._done = 0
        if is_due and _malloc_trim is not None:
            _malloc_trim(0)


def _busy(of_all: int, of_network: int) -> Busy:
    return Busy(
        f"{of_all} passwords wait for their check, {of_network} of them from this"
        " client network. Check for an attack, or add processors and processes of the"
        " hub"
    )
