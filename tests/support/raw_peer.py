"""A peer over real sockets that answers whatever a test likes, and how it likes."""

import contextlib
import re
import socket
import ssl
import threading

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"


def read_request(connection):
    """One request, head and body, or b"" where the caller has gone."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65_536)
        if not part:
            return b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = int((re.search(rb"(?i)content-length: (\d+)", head) or [0, 0])[1])
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


class Peer:
    """A server on loopback that answers each request with what ``behave`` does."""

    def __init__(self, behave, tls=None, family=socket.AF_INET):
        self.behave = behave
        self.tls = tls
        self.requests = []
        self.connections = 0
        self.open = []
        self.stop = threading.Event()
        self.listener = socket.create_server(
            ("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family
        )
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def url(self, host="127.0.0.1", path="/soap"):
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def _accept(self):
        while not self.stop.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            thread = threading.Thread(target=self._serve, args=[connection])
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(60)
            if self.tls:
                connection = self._handshaken(connection)
                self.open.append(connection)
            with connection:
                while request := read_request(connection):
                    self.requests.append(request)
                    self.behave(self, connection)

    def _handshaken(self, connection):
        wrapped = self.tls.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        try:
            wrapped.do_handshake()
        except ssl.SSLError:
            # As servers do: bytes left unread would cause a reset, which may overtake
            # the alert by which the certificate was refused.
            with socket.socket(fileno=wrapped.detach()) as raw:
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(65_536):
                    pass
            raise
        return wrapped

    def close(self):
        self.stop.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)
