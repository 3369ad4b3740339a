"""What tests that need a real part (browser, server) have in common."""

import contextlib
import itertools
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

#: Seconds for a server to listen.
PATIENCE = 60.0

#: Ports for servers of tests: Linux gives none of them to a client that connects.
_PORTS = range(10_240, 32_768)


def unavailable(reason: str) -> NoReturn:
    """Skip the test, because a part is missing; fail where there has to be one."""
    if os.environ.get("EILOGIN_REQUIRE_REAL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def ended_at_last(
    command: Sequence[str], **options: Any
) -> Iterator[subprocess.Popen[Any]]:
    """Run a process, and kill it if the test ends earlier.

    ``subprocess.Popen`` by itself waits without a limit after a failed assertion.
    """
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def _ports_of_this_process() -> Iterator[int]:
    """Yield ports that no other process of pytest-xdist takes, again and again."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = (_PORTS.stop - _PORTS.start) // max(workers, worker + 1)
    ports = _PORTS[worker * share : (worker + 1) * share]
    # Another run of the tests begins elsewhere.
    begin = secrets.randbelow(share)
    return itertools.cycle([*ports[begin:], *ports[:begin]])


_ports = _ports_of_this_process()


def free_ports(count: int) -> list[int]:
    """Ports of loopback at which nobody listens now, no two of them alike."""
    free: list[int] = []
    while len(free) < count:
        port = next(_ports)
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            free.append(port)
    return free


def wait_until_it_listens(
    port: int, process: subprocess.Popen[bytes], log: Path
) -> None:
    """Wait for a server; what it wrote to its log says why it does not listen."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    pytest.fail(log.read_text())
