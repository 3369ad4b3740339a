"""Guarded sites over HTTP, each in a process of its own: see ``serving.py``."""

import json
import math
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sites import HOST, PATH

_TIMEOUT = 30.0

#: The headers of a click, besides the cookies.
HEADERS = {
    "Host": HOST,
    "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "nl",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
}


@dataclass(frozen=True, slots=True)
class Served:
    """A site that a process serves, and the cookies of each of its visitors."""

    pid: int
    port: int
    cookies: Sequence[str]
    path: str = PATH

    def knows(self, cookies: str) -> bool:
        """Whether the page has the name of whoever has these cookies."""
        answer, nobodys = map(self._answer, (cookies, "nobody=1"))
        return _is_page(answer) and len(answer) > len(nobodys)

    def lets_in(self, cookies: str) -> bool:
        """Whether somebody with these cookies gets the page."""
        return _is_page(self._answer(cookies))

    def _answer(self, cookies: str) -> bytes:
        with socket.create_connection(self._address, timeout=_TIMEOUT) as connection:
            connection.sendall(_question(self.path, cookies))
            return _whole_answer(connection)

    @contextmanager
    def connection(self) -> Iterator[Callable[[], object]]:
        """A call that asks for the page once, over a connection that is kept."""
        with socket.create_connection(self._address, timeout=_TIMEOUT) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield _exchange(connection, _question(self.path, self.cookies[0]))

    @property
    def _address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port


@contextmanager
def served(kind: str, folder: Path) -> Iterator[Callable[[], object]]:
    """A call that asks waitress for the page once, over a connection that is kept."""
    with all_served([kind], folder) as (one,), one.connection() as ask:
        yield ask


@contextmanager
def all_served(
    kinds: Sequence[str], folder: Path, server: str = "waitress", visitors: int = 1
) -> Iterator[list[Served]]:
    """Sites of these kinds, each in a folder of its own; they start together."""
    program = str(Path(__file__).with_name("serving.py"))
    with ExitStack() as stack:
        processes = []
        for kind in kinds:
            own = folder if len(kinds) == 1 else folder / kind
            own.mkdir(exist_ok=True)
            command = [sys.executable, program, kind, str(own), server, str(visitors)]
            process = stack.enter_context(
                subprocess.Popen(  # noqa: S603 - our own file, by our own interpreter
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            assert process.stdin is not None
            # It ends then; the process is waited for.
            stack.callback(process.stdin.close)
            processes.append(process)
        yield [
            _announced(kind, process)
            for kind, process in zip(kinds, processes, strict=True)
        ]


def _announced(kind: str, process: "subprocess.Popen[str]") -> Served:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the site {kind!r} did not start"
    told = json.loads(line)
    return Served(process.pid, told["port"], told["cookies"])


def _exchange(connection: socket.socket, question: bytes) -> Callable[[], object]:
    """No HTTP client: its own work would hide that of the server."""
    connection.sendall(question)
    answer = _whole_answer(connection)
    assert _is_page(answer), answer
    length = len(answer)

    def ask() -> None:
        connection.sendall(question)
        missing = length
        while missing > 0:
            received = len(connection.recv(65_536))
            assert received, "the server has hung up"
            missing -= received

    return ask


def _question(path: str, cookies: str) -> bytes:
    headers = {**HEADERS, "Cookie": f"taal=nl; {cookies}"}
    lines = [f"GET {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _whole_answer(connection: socket.socket) -> bytes:
    """The first answer; all others are as long."""
    answer, length = b"", math.inf
    while len(answer) < length:
        received = connection.recv(65_536)
        assert received, "the server has hung up"
        answer += received
        head, end, _ = answer.partition(b"\r\n\r\n")
        if end:
            said = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
            assert said, head
            length = len(head) + len(end) + int(said[1])
    return answer


def _is_page(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.1 200 ")
