"""What tests that need a real part (browser, server) have in common."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

#: Seconds for a server to listen.
PATIENCE = 60.0


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


def free_ports(count: int) -> list[int]:
    """Ports of loopback at which nobody listens now, no two of them alike."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]


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
