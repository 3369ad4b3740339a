"""Passwords are checked in few threads, in which client networks take turns."""

import os
import threading
import time
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from eilogin.errors import Busy
from eilogin.hub.signin import hashing_threads
from eilogin.hub.signin.hashing_threads import HashingThreads


def hashing():
    return {one for one in threading.enumerate() if one.name == "eilogin-hashing"}


def wait_for_end_of_threads():
    while hashing():
        time.sleep(0.001)


def resident():
    """Octets of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    monkeypatch.setattr(hashing_threads, "_THREADS", 2)
    monkeypatch.setattr(hashing_threads, "_MOST", 8)
    monkeypatch.setattr(hashing_threads, "_MOST_OF_NETWORK", 5)
    monkeypatch.setattr(hashing_threads, "_IDLE", 0.05)
    # Of another test.
    wait_for_end_of_threads()


@pytest.fixture
def callers():
    with ThreadPoolExecutor(16) as callers:
        yield callers


class Work:
    """Jobs that wait until they may go on."""

    def __init__(self, callers):
        self.threads = HashingThreads()
        self.may_go_on = threading.Event()
        #: Their names, in the order in which they ran, and who ran them.
        self.ran, self.by = [], set()
        self._callers = callers
        self._begun = 0

    def _job(self, name):
        self.ran.append(name)
        self.by.add(threading.get_ident())
        assert self.may_go_on.wait(10)
        return name

    def put(self, network, name=""):
        """Let a caller wait for a job; return when that waits or runs."""
        self._begun += 1
        job = partial(self._job, name)
        result = self._callers.submit(self.threads.run, network, job)
        counts = self.threads._jobs._counts  # noqa: SLF001 - nobody else counts them
        most = min(self._begun, 8)
        while sum(counts.values()) < most and not result.done():
            time.sleep(0.001)
        return result

    def refuses(self, network):
        """Whether one more job is refused."""
        try:
            self.threads.run(network, int)
        except Busy:
            return True
        return False


@pytest.fixture
def work(callers):
    work = Work(callers)
    yield work
    work.may_go_on.set()


def test_returns_the_result_of_a_job():
    assert HashingThreads().run("a", lambda: 7) == 7


def test_raises_the_error_of_a_job():
    with pytest.raises(ValueError, match="wrong"):
        HashingThreads().run("a", partial(int, "wrong"))
    with pytest.raises(KeyboardInterrupt):
        HashingThreads().run("a", partial(_raise, KeyboardInterrupt))


def _raise(error):
    raise error


def test_runs_few_at_once_in_threads_of_its_own(work):
    results = [work.put("a", "1"), work.put("b", "2"), work.put("c", "3")]
    while len(work.ran) < 2:
        time.sleep(0.001)
    assert sorted(work.ran) == ["1", "2"]
    work.may_go_on.set()
    assert [result.result() for result in results] == ["1", "2", "3"]
    assert len(work.by) == 2
    assert threading.get_ident() not in work.by


def test_starts_no_thread_while_one_is_idle():
    before = hashing()
    running = HashingThreads()
    for _ in range(5):
        running.run("a", int)
    assert len(hashing() - before) == 1


def test_lets_networks_take_turns(work, monkeypatch):
    monkeypatch.setattr(hashing_threads, "_THREADS", 1)
    work.threads = HashingThreads()
    work.put("other", "first")
    for name in ("a1", "a2", "a3"):
        work.put("a", name)
    for name in ("b1", "b2"):
        last = work.put("b", name)
    work.may_go_on.set()
    last.result()
    assert work.ran[:5] == ["first", "a1", "b1", "a2", "b2"]


def test_refuses_one_network_before_others(work):
    for _ in range(5):
        work.put("a")
    assert work.refuses("a")
    assert not work.put("b").done()


def test_refuses_all_when_it_is_full(work):
    for network in "abcdefgh":
        last = work.put(network)
    assert work.refuses("i")
    assert work.refuses("a")
    work.may_go_on.set()
    last.result()


def test_when_full_refuses_the_newest_job_of_the_network_with_most(work):
    """Two networks cannot shut out all others."""
    a_results = [work.put("a", f"a{n}") for n in range(5)]
    b_results = [work.put("b", f"b{n}") for n in range(3)]
    c_result = work.put("c", "c0")
    with pytest.raises(Busy, match="8 passwords wait for their check, 5 of them"):
        a_results[4].result(10)
    work.may_go_on.set()
    results = [*a_results[:4], *b_results, c_result]
    expected = ["a0", "a1", "a2", "a3", "b0", "b1", "b2", "c0"]
    assert [result.result(10) for result in results] == expected
    assert sorted(work.ran) == expected
    wait_for_end_of_threads()
    assert not work.threads._jobs._counts  # noqa: SLF001
    assert not work.threads._jobs._waiting  # noqa: SLF001


def test_accepts_others_when_jobs_are_done(work):
    results = [work.put("a") for _ in range(5)]
    work.may_go_on.set()
    for result in results:
        result.result()
    while work.refuses("a"):
        time.sleep(0.001)


def test_end_when_no_job_comes_and_start_again():
    running = HashingThreads()
    for _ in range(2):
        running.run("a", int)
        wait_for_end_of_threads()


def test_hold_nothing_of_a_job_that_is_done():
    class Password:
        pass

    running, password = HashingThreads(), Password()
    reference = weakref.ref(password)
    running.run("a", partial(id, password))
    del password
    assert hashing()
    while reference() is not None:
        time.sleep(0.001)


def test_waits_for_no_thread_that_cannot_start(monkeypatch):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    running = HashingThreads()
    with monkeypatch.context() as no_threads:
        no_threads.setattr(threading.Thread, "start", fail)
        for _ in range(4):
            with pytest.raises(Busy, match="can't start new thread"):
                running.run("a", int)
    assert running.run("a", lambda: 7) == 7
    # Those that were refused do not count.
    while running._jobs._counts:  # noqa: SLF001
        time.sleep(0.001)


class TestMemory:
    """Is given back by a thread that ends."""

    def test_goes_back_when_no_job_comes(self, callers, monkeypatch):
        monkeypatch.setattr(hashing_threads, "_IDLE", 1.0)
        monkeypatch.setattr(hashing_threads, "_MOST_OF_NETWORK", 8)
        running, before = HashingThreads(), resident()
        hash_password = PasswordHasher(2, 19_456, 1).hash
        for _ in range(2):
            # The first ones start the threads.
            hashes = [
                callers.submit(running.run, "a", partial(hash_password, "x"))
                for _ in range(6)
            ]
            for each in hashes:
                each.result()
        kept = resident() - before
        wait_for_end_of_threads()
        left = resident() - before
        # At least one hash: the threads may share a heap.
        assert kept > 15 * 2**20
        assert left < 10 * 2**20

    def test_is_kept_from_one_job_to_the_next(self, monkeypatch):
        monkeypatch.setattr(hashing_threads, "_IDLE", 1.0)
        given = []
        monkeypatch.setattr(
            hashing_threads, "_give_memory_back", lambda: given.append(1)
        )
        running = HashingThreads()
        for _ in range(20):
            running.run("a", int)
        assert given == []
        wait_for_end_of_threads()
        assert given == [1]

    def test_stays_where_the_system_cannot_take_it(self, monkeypatch):
        monkeypatch.setattr(hashing_threads, "_mallopt", None)
        running = HashingThreads()
        assert running.run("a", lambda: 7) == 7
        wait_for_end_of_threads()
        assert running.run("a", lambda: 7) == 7


def test_works_in_a_forked_process(work):
    work.put("a")
    child = os.fork()
    if child == 0:
        ran = work.threads.run("a", lambda: 7)
        os._exit(ran)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_hashes_of_all_networks_are_counted_apart(work):
    assert Counter(map(work.refuses, "abcdefghijkl")) == {False: 12}
