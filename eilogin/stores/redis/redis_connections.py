"""Connect to a server, with or without TLS.

Python calls poll() before each send and receive on a socket with a time-out, and lets
other threads run each time. Without TLS, the kernel keeps the time-out instead, which
takes half as many system calls for a query.
"""

import _socket
import socket
import ssl
import struct
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from eilogin.stores.redis.redis_urls import Address, RedisURL

_TIMEVAL = struct.Struct("ll")


class KernelTimedConnection(Connection):
    """A connection whose time-out the kernel keeps (SO_RCVTIMEO, socket(7))."""

    def _connect(self) -> socket.socket:
        connected: socket.socket = super()._connect()  # type: ignore[no-untyped-call]
        if self.socket_timeout is None or not isinstance(connected, _socket.socket):
            # A socket of gevent, which knows Python's time-out alone.
            return connected
        seconds, fraction = divmod(self.socket_timeout, 1)
        # Zero would wait without end.
        period = _TIMEVAL.pack(int(seconds), max(1, int(fraction * 1e6)))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connected.setsockopt(socket.SOL_SOCKET, option, period)
        connected.settimeout(None)
        return connected

    def send_packed_command(self, *args: Any, **options: Any) -> None:
        """Send a packed command; RedisTimeoutError if the server takes none."""
        try:
            super().send_packed_command(*args, **options)  # type: ignore[no-untyped-call]
        except RedisConnectionError as error:
            raise self._reason_for(error) from error

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Return the next answer; RedisTimeoutError if none comes in time."""
        try:
            return super().read_response(*args, **options)
        except RedisConnectionError as error:
            raise self._reason_for(error) from error

    def _reason_for(self, error: RedisConnectionError) -> RedisError:
        # redis-py takes the kernel's EAGAIN for a lost connection.
        if isinstance(error.__context__, BlockingIOError):
            return RedisTimeoutError(f"Timeout talking to {self.host}:{self.port}")
        return error


def connect(url: RedisURL, address: Address, timeout: float) -> Connection:
    """Return a new connection, ready for commands."""
    options: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "db": url.db,
        "username": url.username,
        "password": url.password,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # The older protocol gives the same answers, with one query less to connect.
        "protocol": 2,
        # redis-py's own retries take longer than a visitor waits.
        "retry": Retry(NoBackoff(), 0),
    }
    kind: type[Connection] = KernelTimedConnection
    if url.is_encrypted:
        kind = SSLConnection
        options |= {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_ca_certs": None if url.ca is None else str(url.ca),
        }
        if url.cert is not None:
            options |= {"ssl_certfile": str(url.cert), "ssl_keyfile": str(url.key)}
    connection = kind(**options)
    try:
        connection.connect()
    except ResponseError as error:
        # A server without AUTH quotes the command.
        text = str(error)
        if url.password and url.password in text:
            raise ResponseError("it does not accept a password") from None
        raise
    except RedisConnectionError as error:
        if url.is_encrypted and has_hung_up(error.__context__):
            _raise_alert(url, address, timeout / 4)
        raise
    return connection


def has_hung_up(error: BaseException | None) -> bool:
    """Whether the peer closed a connection, TLS or not, without a reason.

    Python 3.11 has no class for all of these.
    """
    if isinstance(error, ssl.SSLError):
        return error.errno in (ssl.SSL_ERROR_SYSCALL, ssl.SSL_ERROR_EOF)
    return isinstance(error, ConnectionError)


def _raise_alert(url: RedisURL, address: Address, seconds: float) -> None:
    """Raise the server's TLS alert, if one comes before the close.

    In TLS 1.3 the alert comes after the handshake, and may be lost.
    """
    context = ssl.create_default_context(cafile=url.ca)
    if url.cert is not None:
        context.load_cert_chain(url.cert, url.key)
    try:
        with (
            socket.create_connection(address, seconds) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as encrypted,
        ):
            encrypted.recv(1)
    except OSError as error:
        if isinstance(error, ssl.SSLError) and not has_hung_up(error):
            raise RedisConnectionError(str(error)) from error
