"""Connections that find ``*.localhost`` and read a response until a deadline."""

import io
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
)

from eilogin.config import is_loopback


def _addresses(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, Any]]:
    """Yield families and addresses, in order; raises OSError for an unknown name."""
    if is_loopback(host) and host.rstrip(".").endswith("localhost"):
        yield socket.AF_INET, ("127.0.0.1", port)
        yield socket.AF_INET6, ("::1", port, 0, 0)
        return
    for family, _, _, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        yield family, address


def _connected(host: str, port: int, timeout: float) -> socket.socket:
    """Connect to the first address that accepts, within ``timeout`` in all."""
    deadline = time.monotonic() + timeout
    failure: OSError = OSError(f"{host} has no address")
    for family, address in _addresses(host, port):
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a family that this machine does not have
            failure = error
            continue
        try:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError as error:
            sock.close()
            # A refused connection tells more than a missing route.
            if not isinstance(failure, ConnectionRefusedError):
                failure = error
        else:
            return sock
    raise failure


class _Deadline(io.RawIOBase):
    """Read a socket until a deadline; its own timeout restarts with each read."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, seconds: float) -> None:
        self._sock = sock
        self._raw = raw
        self._end = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        seconds_left = self._end - time.monotonic()
        if seconds_left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(seconds_left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        seconds_left = sock.gettimeout() or 0.0
        self.fp = io.BufferedReader(_Deadline(sock, self.fp.detach(), seconds_left))


class _Connecting(HTTPConnection):
    # Before that, urllib3 sets the socket to the rest of the total timeout.
    response_class = _Response

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            # A reused connection has the rest of the previous timeout.
            self.sock.settimeout(self.timeout)
        super().request(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        timeout = float(self.timeout or 0.0)
        try:
            return _connected(self._dns_host, self.port, timeout)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, str(error)) from error


class _Connection(_Connecting):
    """A connection without TLS, which only loopback addresses have."""


class _TLSConnection(_Connecting, HTTPSConnection):
    """A connection over TLS."""


class Pool(HTTPConnectionPool):
    """Connections without TLS."""

    ConnectionCls = _Connection


class TLSPool(HTTPSConnectionPool):
    """Connections over TLS."""

    ConnectionCls = _TLSConnection
