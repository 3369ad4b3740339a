"""A bad road from the hub to the SOAP addresses of participants.

Each message has a fate, which is drawn: it hangs on who it is for, and on how many came
before it. It may come late or twice, or not at all, and so may what is answered.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Self

from peer_servers import PATIENCE

from promise.chance import drawn_by


class _Message:
    """One request: its bytes, and for whom it is."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.path = lines[0].split(" ")[1]
        self.headers = dict(line.split(": ", 1) for line in lines[1:])
        named = {name.lower(): value for name, value in self.headers.items()}
        self.host = named["host"].partition(":")[0]
        self.body = body


class Chaos:
    """The road; ``routes`` has the true port by host, once that is known.

    What ``slow`` hosts say takes a while, whatever else befalls it.
    """

    def __init__(self, slow: Collection[str] = (), *, is_calm: bool = False) -> None:
        self.routes: Mapping[str, int] = {}
        #: Whether everything passes now, unharmed.
        self.is_calm = is_calm
        #: How often each fate was drawn.
        self.fates: Counter[str] = Counter()
        self._slow = slow
        self._numbers: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]

    @contextlib.contextmanager
    def open(self) -> Iterator[Self]:
        """Carry what comes, until the end of the block."""
        accepting = threading.Thread(target=self._accept)
        accepting.start()
        try:
            yield self
        finally:
            self._is_over.set()
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            accepting.join(PATIENCE)
            self._listener.close()
            self.wait()

    def wait(self) -> None:
        """Until all that was on its way has come, or never will."""
        while self._threads:
            self._threads.pop().join(PATIENCE)

    def _begin(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._begin(self._carry, connection)

    def _carry(self, connection: socket.socket) -> None:
        # What goes wrong on this road is what it is for.
        with connection, contextlib.suppress(OSError, http.client.HTTPException):
            connection.settimeout(PATIENCE)
            message = _read(connection)
            if message is not None:
                fate = self._drawn(message.host)
                getattr(self, f"_{fate}")(connection, message)

    def _drawn(self, host: str) -> str:
        if self.is_calm:
            return "passes"
        with self._lock:
            self._numbers[host] += 1
            draw = drawn_by(f"road to {host}, {self._numbers[host]}")
            [fate] = draw.choices(list(_WEIGHTS), _WEIGHTS.values())
            self.fates[fate] += 1
        if host in self._slow:
            self._is_over.wait(0.3)
        return fate

    # --- what may befall a message ----------------------------------------------------

    def _passes(self, connection: socket.socket, message: _Message) -> None:
        connection.sendall(self._asked(message))

    def _is_slow(self, connection: socket.socket, message: _Message) -> None:
        self._is_over.wait(0.7)
        connection.sendall(self._asked(message))

    def _comes_twice(self, connection: socket.socket, message: _Message) -> None:
        self._begin(self._come_late, message, 0.0)
        connection.sendall(self._asked(message))

    def _is_lost(self, connection: socket.socket, message: _Message) -> None:
        """Nothing comes, and nobody says so: until the hub has waited long enough."""
        connection.recv(1)

    def _is_refused(self, connection: socket.socket, message: _Message) -> None:
        """The connection breaks before the message has come."""

    def _is_late(self, connection: socket.socket, message: _Message) -> None:
        """It comes when nobody waits for an answer any more."""
        self._begin(self._come_late, message, 1.5)

    def _come_late(self, message: _Message, seconds: float) -> None:
        time.sleep(seconds)
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._asked(message)

    def _is_unanswered(self, connection: socket.socket, message: _Message) -> None:
        """It has come, and what is answered has not."""
        self._asked(message)

    def _is_cut(self, connection: socket.socket, message: _Message) -> None:
        """Half of what is answered comes."""
        answer = self._asked(message)
        connection.sendall(answer[: len(answer) // 2])

    def _asked(self, message: _Message) -> bytes:
        """The answer of the participant, as bytes for the hub."""
        port = self.routes[message.host]
        peer = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.closing(peer):
            peer.request("POST", message.path, message.body, message.headers)
            answer = peer.getresponse()
            body = answer.read()
        head = (
            f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
            f"Content-Type: {answer.headers['Content-Type']}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


#: How likely each is, of the words that name the methods.
_WEIGHTS = {
    "passes": 68,
    "is_slow": 5,
    "comes_twice": 9,
    "is_lost": 2,
    "is_refused": 4,
    "is_late": 4,
    "is_unanswered": 4,
    "is_cut": 4,
}


def _read(connection: socket.socket) -> _Message | None:
    """One request, or None where the connection closes before it is whole."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65_536)
        if not part:
            return None
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    message = _Message(head, body)
    length = int({k.lower(): v for k, v in message.headers.items()}["content-length"])
    while len(message.body) < length:
        part = connection.recv(65_536)
        if not part:
            return None
        message.body += part
    return message
