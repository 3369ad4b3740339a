"""The same over HTTP: waitress in a child process, loopback, kept connections."""

import json
import math
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from measuring import Bench, Row, Size, Variant
from servers import HAS_REDIS
from serving import KINDS
from sites import HOST, PATH

_TIMEOUT = 30.0


@contextmanager
def _over_http(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    with ExitStack() as stack:
        yield {
            kind: Variant(stack.enter_context(served(kind, folder / kind)))
            for kind in KINDS
        }


@contextmanager
def served(kind: str, folder: Path) -> Iterator[Callable[[], object]]:
    """A call that asks for the page once, over a connection that is kept."""
    folder.mkdir(exist_ok=True)
    command = [
        sys.executable,
        str(Path(__file__).with_name("serving.py")),
        kind,
        str(folder),
    ]
    with subprocess.Popen(  # noqa: S603 - our own file, by our own interpreter
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            told = json.loads(server.stdout.readline())
            address = ("127.0.0.1", told["port"])
            with socket.create_connection(address, timeout=_TIMEOUT) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                yield _exchange(connection, told["cookies"])
        finally:
            server.stdin.close()


def _exchange(connection: socket.socket, cookies: str) -> Callable[[], object]:
    """No HTTP client: its own work would hide that of the server."""
    question = _question(cookies)
    connection.sendall(question)
    length = len(_whole_answer(connection))

    def ask() -> None:
        connection.sendall(question)
        missing = length
        while missing > 0:
            received = len(connection.recv(65_536))
            assert received, "the server has hung up"
            missing -= received

    return ask


def _question(cookies: str) -> bytes:
    lines = (
        f"GET {PATH} HTTP/1.1",
        f"Host: {HOST}",
        "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
        "Accept-Language: nl",
        f"Cookie: taal=nl; {cookies}",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: navigate",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


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
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return answer


def _rows(
    kind: str, name: str, goal: float | None = None, peer: str = ""
) -> tuple[Row, Row]:
    return (
        Row(
            name=f"over waitress, {name}, p50",
            this=kind,
            floor="unguarded",
            goal=goal,
            peer=peer,
        ),
        Row(
            name=f"over waitress, {name}, p99",
            this=kind,
            floor="unguarded",
            goal=None if goal is None else 1.2,
            peer=peer,
            quantile=0.99,
        ),
    )


BENCHES = (
    Bench(
        name="waitress",
        what="guarded pages over HTTP, beside the same page unguarded, behind one "
        "look into the store and behind Beaker's memory session",
        rows=(
            *_rows("memory", "five filters, memory:", 1.05, "beaker"),
            *_rows("sqlite", "five filters, sqlite:", 1.15, "select"),
            *_rows("select", "one SELECT and its JSON"),
            *(
                (
                    *_rows("redis", "five filters, redis:", 1.5, "get"),
                    *_rows("get", "one GET by redis-py"),
                )
                if HAS_REDIS
                else ()
            ),
            *_rows("beaker", "Beaker memory"),
        ),
        setting=_over_http,
        samples=400,
    ),
)
