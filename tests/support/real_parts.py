"""What tests that need a real part (browser, server) have in common."""

import contextlib
import os
import socket
from typing import NoReturn

import pytest


def unavailable(reason: str) -> NoReturn:
    """Skip the test, because a part is missing; fail where there has to be one."""
    if os.environ.get("EILOGIN_REQUIRE_REAL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def free_ports(count: int) -> list[int]:
    """Ports of loopback at which nobody listens now, no two of them alike."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]
