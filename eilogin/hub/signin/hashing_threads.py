"""Threads for the hashes of passwords, in which client networks take turns.

A hash takes 19 MB, and glibc keeps freed memory for each thread that used it. So few
threads hash, and the threads of the server wait for them. A thread ends when it had no
job for a while, and gives its memory back to the system. It does not after each hash,
because the system clears such memory, which takes half as long as a hash.
"""

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from eilogin.errors import Busy

#: Threads of a process. More than processors would only take more memory.
_THREADS = min(4, os.cpu_count() or 1)
#: Seconds for which a thread waits for a job.
_IDLE = 2.0
#: Jobs that run or wait, of all networks and of one.
_MOST, _MOST_OF_NETWORK = 100, 50

# Parameters of mallopt(3), in octets. Only glibc has it.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: A heap with less free memory than this at its end keeps it.
_KEEPING, _GIVING = 40 * 2**20, 2**20
#: A block from this size on goes back as soon as it is free; a hash is smaller.
_MAPPED = 32 * 2**20
#: If a block of this size is freed, glibc looks at the end of the heap.
_BLOCK = 2**17

_T = TypeVar("_T")
_libc = ctypes.CDLL(None)
_mallopt = getattr(_libc, "mallopt", None)
_malloc_trim = getattr(_libc, "malloc_trim", None)


class HashingThreads:
    """Runs jobs in threads that start when needed."""

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


class _Job(NamedTuple):
    network: str
    work: Callable[[], Any]
    result: "Future[Any]"

    def run(self) -> None:
        try:
            self.result.set_result(self.work())
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            self.result.set_exception(error)


class _Jobs:
    """The jobs of one process, and the threads that run them."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._changed = threading.Condition()
        self._giving = threading.Lock()
        #: All threads, and those without a job.
        self._threads = self._idle_threads = 0
        #: Jobs that run or wait, by network.
        self._counts: dict[str, int] = {}
        #: Jobs that wait, by network; the first network is next.
        self._waiting: dict[str, deque[_Job]] = {}

    def put(self, network: str, work: Callable[[], Any]) -> "Future[Any]":
        """Queue a job; raise Busy at a limit."""
        job = _Job(network, work, Future())
        with self._changed:
            of_all = sum(self._counts.values())
            of_network = self._counts.get(network, 0)
            if of_network >= _MOST_OF_NETWORK or (
                of_all >= _MOST and not self._makes_room(of_network + 1)
            ):
                raise _busy(of_all, of_network)
            self._counts[network] = of_network + 1
            self._waiting.setdefault(network, deque()).append(job)
            waiting = sum(map(len, self._waiting.values()))
            if self._idle_threads < waiting and self._threads < _THREADS:
                self._start_thread(job)
            self._changed.notify()
        return job.result

    def _makes_room(self, count: int) -> bool:
        """Refuse the newest job of the network with most, if more than ``count``."""
        most = max(self._waiting, key=self._counts.__getitem__, default="")
        of_network = self._counts.get(most, 0)
        if of_network <= count:
            return False
        self._newest_of(most).result.set_exception(_busy(_MOST, of_network))
        return True

    def _newest_of(self, network: str) -> _Job:
        """Take the newest job of a network out of those that wait."""
        job = self._waiting[network].pop()
        if not self._waiting[network]:
            del self._waiting[network]
        self._uncount(network)
        return job

    def _uncount(self, network: str) -> None:
        self._counts[network] -= 1
        if not self._counts[network]:
            del self._counts[network]

    def _start_thread(self, job: _Job) -> None:
        try:
            threading.Thread(
                target=self._run, name="eilogin-hashing", daemon=True
            ).start()
        except RuntimeError as error:
            if not self._threads:
                self._newest_of(job.network)
                raise Busy(f"a password cannot be checked: {error}") from None
        else:
            self._threads += 1

    # --- in the threads ---------------------------------------------------------------

    def _run(self) -> None:
        _keep_memory()
        while job := self._next():
            job.run()
            with self._changed:
                self._uncount(job.network)
            # While the thread waits, it must not hold what the caller holds.
            del job
        # Another thread would set the threshold back in between.
        with self._giving:
            _give_memory_back()

    def _next(self) -> _Job | None:
        """Wait for a job; return None after a while, for the end of the thread."""
        with self._changed:
            self._idle_threads += 1
            self._changed.wait_for(lambda: self._waiting, _IDLE)
            self._idle_threads -= 1
            if not self._waiting:
                self._threads -= 1
                return None
            network = next(iter(self._waiting))
            jobs = self._waiting.pop(network)
            job = jobs.popleft()
            if jobs:
                self._waiting[network] = jobs
            return job


def _busy(of_all: int, of_network: int) -> Busy:
    return Busy(
        f"{of_all} passwords wait for their check, {of_network} of them from this"
        " client network. Check for an attack, or add processors and processes of the"
        " hub"
    )


def _keep_memory() -> None:
    if _mallopt is not None:
        _mallopt(_M_MMAP_THRESHOLD, _MAPPED)
        _mallopt(_M_TRIM_THRESHOLD, _KEEPING)


def _give_memory_back() -> None:
    if _mallopt is None or _malloc_trim is None:
        return
    # malloc_trim leaves the end of a heap, where the hash was.
    _mallopt(_M_TRIM_THRESHOLD, _GIVING)
    bytearray(_BLOCK)
    _mallopt(_M_TRIM_THRESHOLD, _KEEPING)
    # If threads share a heap, the end is elsewhere.
    _malloc_trim(0)
