"""The second process: its work, its end, and where none is started."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from real_parts import ended_at_last

from eilogin.saml.metadata import parallel_parsing as processes

RUN = """
import os, sys, time
from eilogin.saml.metadata import parallel_parsing

def work(line):
    line.send_bytes(str(os.getpid()).encode())
    time.sleep(60)

parallel_parsing._has_core = lambda: True
with parallel_parsing.second_process(work) as line:
    print(line.recv_bytes().decode(), flush=True)
    sys.stdin.read()
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    print("no child is left")
"""


@pytest.fixture
def running():
    """A process that has a second one, and the number of that."""
    with ended_at_last(
        [sys.executable, "-c", RUN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, int(process.stdout.readline())


def is_gone(number):
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    # Whose parent is gone may wait for the first process of the machine to see it.
    return state in "ZX"


def test_it_is_gone_when_it_is_not_needed_any_more(running):
    process, second = running
    output, _ = process.communicate("", timeout=30)
    assert output == "no child is left\n"
    assert is_gone(second)


def test_it_is_gone_where_we_are_killed(running):
    process, second = running
    process.kill()
    process.wait(timeout=30)
    ends = time.monotonic() + 30
    while not is_gone(second):
        assert time.monotonic() < ends
        time.sleep(0.01)


def none_is_begun(monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process was begun"))
    with processes.second_process(pytest.fail) as line:
        return line is None


@pytest.mark.parametrize(("cores", "nice"), [(1, 0), (2, 10), (1, 10)])
def test_there_is_none_where_no_core_is_left_for_it(monkeypatch, cores, nice):
    monkeypatch.setattr(processes, "_has_one_thread", lambda: True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(os, "getpriority", lambda *_: nice)
    assert none_is_begun(monkeypatch)


def test_there_is_none_where_another_thread_runs(monkeypatch):
    monkeypatch.setattr(processes, "_has_core", lambda: True)
    ends = threading.Event()
    thread = threading.Thread(target=ends.wait)
    thread.start()
    try:
        assert none_is_begun(monkeypatch)
    finally:
        ends.set()
        thread.join()


def test_there_is_none_where_the_system_does_not_tell_of_threads(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "_has_core", lambda: True)
    monkeypatch.setattr(processes, "_THREADS", tmp_path / "none")
    assert none_is_begun(monkeypatch)


@pytest.mark.parametrize("error", [OSError, RuntimeError])
def test_there_is_none_where_the_machine_has_none(monkeypatch, error):
    def none_left():
        raise error

    for name in ("_has_core", "_has_one_thread"):
        monkeypatch.setattr(processes, name, lambda: True)
    monkeypatch.setattr(os, "fork", none_left)
    with processes.second_process(pytest.fail) as line:
        assert line is None
