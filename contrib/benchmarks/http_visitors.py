"""Many visitors at once over HTTP: a load generator that costs little processor time.

One thread serves all visitors. A visitor is a *script*: a generator that yields the
octets of a request and gets the :class:`Reply`. All visitors share connections that are
kept, as those of a proxy.
"""

import re
import selectors
import socket
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from measuring import quantile

#: Seconds without an answer after which a visit counts as failed.
PATIENCE = 60.0
_MOST_REDIRECTS = 10
_CHUNK = 262_144

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")
_SET_COOKIE = re.compile(r"(?i)\r\nset-cookie: *([^=;\r\n]+)=([^;\r\n]*)([^\r\n]*)")
_LOCATION = re.compile(r"(?i)\r\nlocation: *([^\r\n]+)")
_OVER = re.compile(r"(?i);\s*max-age=0(?![0-9])")


class VisitFailed(Exception):
    """A visitor got another answer than the script expects."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status line and headers as text, and its body."""

    status: int
    head: str
    body: bytes

    @property
    def location(self) -> str:
        """The address of a redirect, or ""."""
        found = _LOCATION.search(self.head)
        return found[1] if found else ""


#: Yields requests, gets the replies, and raises VisitFailed.
Script = Generator[bytes, Reply, None]
#: A part of a script that ends with a reply.
Steps = Generator[bytes, Reply, Reply]


@dataclass(slots=True)
class HttpVisitor:
    """A browser at one host: its cookies, and the address that a proxy forwards."""

    host: str
    address: str
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Steps:
        """Ask for a page; follow redirects as long as they lead to the same host."""
        reply = yield from self._exchange("GET", path)
        return (yield from self._followed(reply))

    def post(self, path: str, fields: Mapping[str, str]) -> Steps:
        """Send a form of the host's own page, and follow redirects."""
        reply = yield from self._exchange("POST", path, urlencode(fields).encode())
        return (yield from self._followed(reply))

    def _followed(self, reply: Reply) -> Steps:
        for _ in range(_MOST_REDIRECTS):
            if not 300 <= reply.status < 400:
                return reply
            parts = urlsplit(reply.location)
            if parts.netloc not in ("", self.host):
                return reply
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            reply = yield from self._exchange("GET", path)
        raise VisitFailed(f"too many redirects to {reply.location}")

    def _exchange(self, method: str, path: str, body: bytes = b"") -> Steps:
        reply = yield self._request(method, path, body)
        for name, value, attributes in _SET_COOKIE.findall(reply.head):
            if _OVER.search(attributes):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return reply

    def _request(self, method: str, path: str, body: bytes) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self.host}",
            "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
            "Accept-Language: nl",
            "Sec-Fetch-Site: same-origin",
            "Sec-Fetch-Mode: navigate",
            f"X-Forwarded-For: {self.address}",
            "X-Forwarded-Proto: https",
        ]
        if self.cookies:
            pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            lines.append(f"Cookie: {pairs}")
        if method == "POST":
            lines.append("Content-Type: application/x-www-form-urlencoded")
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


def soap_call(host: str, path: str, envelope: bytes) -> bytes:
    """Return the octets of a SOAP message from server to server."""
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: text/xml; charset=utf-8",
        f"Content-Length: {len(envelope)}",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + envelope


@dataclass(slots=True)
class Outcomes:
    """Figures of the visits of one kind; times are seconds of a whole visit."""

    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def at(self, share: float) -> float:
        """Return the time that this share of the visits did not exceed."""
        return quantile(sorted(self.times), share) if self.times else float("nan")

    def require_success(self) -> None:
        """Raise VisitFailed if there is no visit, or if one failed."""
        if self.failures:
            raise VisitFailed(f"{len(self.failures)} failed: {self.failures[0]}")
        if not self.times:
            raise VisitFailed("no visit ended in time")


@dataclass(slots=True)
class _Visit:
    script: Script
    since: float
    outcomes: Outcomes
    done: Callable[[], object]
    request: bytes = b""
    answer: bytearray = field(default_factory=bytearray)
    #: Length of the whole answer, when its head has come.
    length: int = 0
    asked: float = 0.0


class Visitors:
    """Carries out scripts at a server on this machine, many at the same time."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._selector = selectors.DefaultSelector()
        self._idle: list[socket.socket] = []
        self._visits: dict[socket.socket, _Visit] = {}
        self._looked = 0.0

    def close(self) -> None:
        """Close all connections."""
        for connection in [*self._idle, *self._visits]:
            connection.close()
        self._selector.close()

    def hang_up(self) -> None:
        """Close the connections that nobody uses."""
        for connection in list(self._idle):
            self._drop(connection)

    @property
    def count(self) -> int:
        """The number of visits that have not ended."""
        return len(self._visits)

    def begin(
        self,
        script: Script,
        outcomes: Outcomes,
        done: Callable[[], object] = int,
        since: float | None = None,
    ) -> None:
        """Start a visit; its time counts from ``since``, by default from now."""
        now = time.perf_counter()
        visit = _Visit(script, now if since is None else since, outcomes, done)
        self._go_on(visit, None)

    def serve(self, seconds: float) -> None:
        """Handle what arrives first within this time, and return."""
        for key, _ in self._selector.select(max(0.0, seconds)):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            self._receive(connection)
        self._give_up()

    def finish(self) -> None:
        """Wait until all visits have ended."""
        while self._visits:
            self.serve(1.0)

    def _go_on(self, visit: _Visit, reply: Reply | None) -> None:
        try:
            visit.request = visit.script.send(reply) if reply else next(visit.script)
        except StopIteration:
            visit.outcomes.times.append(time.perf_counter() - visit.since)
            visit.done()
        except VisitFailed as failure:
            self._fail(visit, str(failure))
        else:
            self._send(visit)

    def _fail(self, visit: _Visit, why: str) -> None:
        visit.script.close()
        visit.outcomes.failures.append(why)
        visit.done()

    def _send(self, visit: _Visit) -> None:
        visit.answer.clear()
        visit.length, visit.asked = 0, time.perf_counter()
        connection = self._idle.pop() if self._idle else self._connection()
        self._visits[connection] = visit
        connection.settimeout(PATIENCE)
        try:
            connection.sendall(visit.request)
        except OSError as error:
            self._drop(connection)
            self._fail(visit, repr(error))
        else:
            connection.settimeout(0.0)

    def _connection(self) -> socket.socket:
        connection = socket.create_connection(self._address, timeout=PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_READ)
        return connection

    def _drop(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        self._visits.pop(connection, None)
        if connection in self._idle:
            self._idle.remove(connection)
        connection.close()

    def _receive(self, connection: socket.socket) -> None:
        visit = self._visits.get(connection)
        try:
            octets = connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            # The server may close a connection that nobody uses.
            self._drop(connection)
            if visit is not None:
                self._fail(visit, "the server closed the connection")
            return
        assert visit is not None, "the server sent an answer without a request"
        visit.answer += octets
        if not visit.length:
            visit.length = _length_of(visit.answer)
        if visit.length and len(visit.answer) >= visit.length:
            self._answered(connection, visit)

    def _answered(self, connection: socket.socket, visit: _Visit) -> None:
        head, _, body = bytes(visit.answer).partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        del self._visits[connection]
        if "\r\nconnection: close" in text.lower():
            self._drop(connection)
        else:
            self._idle.append(connection)
        self._go_on(visit, Reply(int(text[9:12]), text, body))

    def _give_up(self) -> None:
        now = time.perf_counter()
        if now < self._looked + 1.0:
            return
        self._looked, too_late = now, now - PATIENCE
        for connection, visit in list(self._visits.items()):
            if visit.asked < too_late:
                self._drop(connection)
                self._fail(visit, f"no answer within {PATIENCE:g} s")


def _length_of(answer: bytes | bytearray) -> int:
    """Return the length of an answer as a whole, or 0 if its head is incomplete."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    found = _LENGTH.search(answer, 0, end + 2)
    assert found, f"an answer without Content-Length: {bytes(answer[:300])!r}"
    return end + 4 + int(found[1])
