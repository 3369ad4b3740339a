"""One server, and the connections to it.

House rules:

1. Every wait has an end: ``timeout`` seconds to connect to a server, and as many for
   its answer. A command that timed out is not retried.
2. A change that may have been made is not repeated. A query is retried once if a kept
   connection turns out to be dead; a change is not.
3. A server that does not answer is left alone for a while (:class:`Breaker`).
"""

import logging
import re
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.exceptions import AuthenticationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from eilogin.errors import StoreUnavailable
from eilogin.stores.circuit_breaker import Breaker
from eilogin.stores.redis.lua_scripts import packed
from eilogin.stores.redis.redis_urls import Address, RedisURL, shown

#: Seconds for which the number of replicas is taken as known.
REPLICAS_KNOWN = 5.0
#: The longest that a change waits for the replicas, in seconds.
LONGEST_WAIT = 1.0

#: How redis-py says that a server does not answer.
FAILURES = (RedisConnectionError, RedisTimeoutError, OSError)
_REPLICATION = packed("INFO", "replication")

_log = logging.getLogger("eilogin.stores")


class Misfit(StoreUnavailable):
    """A server that answers, and is not one that sessions can be kept in."""


class IsReplica(RedisConnectionError):
    """A server that has become the replica of another; its data may be old."""


def facts_of(info: bytes) -> dict[str, str]:
    """The answer to INFO, line by line."""
    pairs = (line.partition(":") for line in info.decode(errors="replace").splitlines())
    return {name: value for name, colon, value in pairs if colon}


class Node:
    """One server, and the connections to it that no verb is using just now."""

    def __init__(self, url: RedisURL, address: Address, timeout: float) -> None:
        self.address = address
        # Also where sentinels named it: it is one server.
        scheme = "rediss" if url.is_encrypted else "redis"
        self.name = f"the store {scheme}://{shown(address)}"
        self.breaker = Breaker(self.name, FAILURES)
        self._url = url
        self._timeout = timeout
        self._idle: list[Connection] = []
        self._is_closed = False
        #: When a replica last did not confirm a change, by a clock that is never set.
        self.doubted = 0.0
        #: How many replicas are waited for, and until when that is taken as known.
        self._replicas = 0
        self._replicas_until = 0.0

    def ask(
        self, command: bytes, *, is_question: bool = True, durable: bool = False
    ) -> Any:
        """The answer to a packed command.

        A command that is no question is not sent twice. With ``durable`` the replicas
        are waited for. Raises StoreUnavailable where the server does not answer, and
        redis-py's ResponseError where its answer is an error.
        """
        with self.breaker.call():
            answer = self._asked(command, is_question=is_question, durable=durable)
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def _asked(self, command: bytes, *, is_question: bool, durable: bool) -> Any:
        connection = self._kept(is_checked=not is_question)
        if connection is None:
            return self._exchanged(self._connected(), command, durable=durable)
        try:
            return self._exchanged(connection, command, durable=durable)
        except RedisConnectionError:
            if not is_question:
                raise
            # The server closed it some time ago, and the others with it, as likely.
            self.let_go()
        return self._exchanged(self._connected(), command, durable=durable)

    def _kept(self, *, is_checked: bool) -> Connection | None:
        """A connection that was kept; ``is_checked``: one that is not dead already."""
        try:
            connection = self._idle.pop()
        except IndexError:
            return None
        if not is_checked or _is_sound(connection):
            return connection
        connection.disconnect()
        self.let_go()
        return None

    def _exchanged(
        self, connection: Connection, command: bytes, *, durable: bool
    ) -> Any:
        try:
            replicas = self._replicas_to_wait_for(connection) if durable else 0
            if replicas:
                command += packed("WAIT", replicas, int(self._wait * 1000))
            connection.send_packed_command((command,))
            answer = _answer(connection)
            confirmed = self._confirmed(connection) if replicas else 0
        except BaseException:
            connection.disconnect()
            raise
        if not isinstance(answer, ResponseError):
            self._judge(replicas, confirmed)
        self._give(connection)
        return answer

    # --- replicas ---

    @property
    def _wait(self) -> float:
        # Less than the time-out of the connection that it is waited on.
        return min(self._timeout / 2, LONGEST_WAIT)

    def _replicas_to_wait_for(self, connection: Connection) -> int:
        if time.monotonic() >= self._replicas_until:
            connection.send_packed_command((_REPLICATION,))
            self._note_replicas(facts_of(connection.read_response()))
        return self._replicas

    def _note_replicas(self, facts: dict[str, str]) -> None:
        told = (v for k, v in facts.items() if re.fullmatch(r"slave\d+", k))
        self._expect(sum("state=online" in replica for replica in told))

    def _expect(self, replicas: int) -> None:
        self._replicas = replicas
        self._replicas_until = time.monotonic() + REPLICAS_KNOWN

    def _confirmed(self, connection: Connection) -> int | ResponseError:
        """How many replicas have confirmed what was done; none where it takes long.

        An error where the server refuses to wait for them. Raises redis-py's
        ConnectionError where the server is lost meanwhile: nobody can say whether the
        one that takes its place has it.
        """
        try:
            answer = _answer(connection)
        except RedisTimeoutError:
            # The change is made, and its answer is valid.
            connection.disconnect()
            return 0
        known: int | ResponseError = answer
        return known

    def _judge(self, replicas: int, confirmed: int | ResponseError) -> None:
        """Whether what was done is where it should be."""
        if isinstance(confirmed, ResponseError):
            self._doubt(0, f"it cannot wait for its replicas: {confirmed}")
        elif confirmed < replicas:
            few = f"only {confirmed} of {replicas} replicas confirmed a change within"
            self._doubt(confirmed, f"{few} {self._wait:g} s")

    def _doubt(self, confirmed: int, what: str) -> None:
        self.doubted = time.monotonic()
        # The next command does not wait for the missing replicas until the server has
        # been checked again.
        self._expect(confirmed)
        _log.warning(
            "%s: %s; if this server is lost before they have the change, a "
            "session that ended may live again, and a used message may be "
            "accepted again",
            self.name,
            what,
        )

    # --- connections ---

    def _connected(self) -> Connection:
        with _named(self.address):
            connection = connect(self._url, self.address, self._timeout)
            try:
                if self._url.kind != "cluster":
                    # A node of a Cluster that is a replica sends us on by itself.
                    self._check_role(connection)
            except BaseException:
                connection.disconnect()
                raise
        return connection

    def _check_role(self, connection: Connection) -> None:
        connection.send_packed_command((_REPLICATION,))
        facts = facts_of(connection.read_response())
        if "role" not in facts:
            # It has no data, and so none of others.
            raise Misfit(
                f"{self.name} is a sentinel; expected 'redis+sentinel:' for it"
            )
        if facts["role"] != "master":
            raise IsReplica(f"it is a replica of {facts.get('master_host')}")
        self._note_replicas(facts)

    def _give(self, connection: Connection) -> None:
        self._idle.append(connection)
        if self._is_closed:
            self.let_go()

    def close(self) -> None:
        """Let go of what is kept, and of what comes back."""
        self._is_closed = True
        self.let_go()

    def let_go(self) -> None:
        """Close what is kept; a connection that is at work is kept when it is done."""
        while self._idle:
            # Another thread may be quicker.
            with suppress(IndexError):
                self._idle.pop().disconnect()


@contextmanager
def _named(address: Address) -> Iterator[None]:
    """Whoever does not let us in is named: of several servers it may be any."""
    try:
        yield
    except AuthenticationError as error:
        raise AuthenticationError(f"{shown(address)} says: {error}") from error


def connect(url: RedisURL, address: Address, timeout: float) -> Connection:
    """A new connection that is ready to be asked."""
    options: dict[str, Any] = {
        "host": address[0],
        "port": address[1],
        "db": url.db,
        "username": url.username,
        "password": url.password,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # The older protocol answers the same to what is asked here, and connects
        # with one question less.
        "protocol": 2,
        # redis-py's clients try again by themselves, for longer than a visitor waits.
        "retry": Retry(NoBackoff(), 0),
    }
    kind: type[Connection] = Connection
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
        # A server that does not know AUTH tells what it was sent.
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
    """Whether the other end of a connection, TLS or not, has gone, and did not say why.

    Python 3.11 has no class of its own for all of these.
    """
    if isinstance(error, ssl.SSLError):
        return error.errno in (ssl.SSL_ERROR_SYSCALL, ssl.SSL_ERROR_EOF)
    return isinstance(error, ConnectionError)


def _raise_alert(url: RedisURL, address: Address, within: float) -> None:
    """Raise what a server says against us before it closes the connection, if it does.

    In TLS 1.3 that comes when we are speaking already, and may be lost by it.
    """
    context = ssl.create_default_context(cafile=url.ca)
    if url.cert is not None:
        context.load_cert_chain(url.cert, url.key)
    try:
        with (
            socket.create_connection(address, within) as plain,
            context.wrap_socket(plain, server_hostname=address[0]) as encrypted,
        ):
            encrypted.recv(1)
    except OSError as error:
        if isinstance(error, ssl.SSLError) and not has_hung_up(error):
            raise RedisConnectionError(str(error)) from error


def _answer(connection: Connection) -> Any:
    """The next answer, also where it is an error: then others may follow it."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _is_sound(connection: Connection) -> bool:
    # Nothing was asked, so whatever can be read is the end of it.
    try:
        return not connection.can_read()
    except FAILURES:
        return False


def asked_of_any(
    url: RedisURL,
    addresses: Sequence[Address],
    commands: Sequence[bytes],
    within: float,
) -> tuple[Address, Any]:
    """Return the first server that answers, and its answer to the last command.

    The first server gets half of the time, the next one half of the rest, and the last
    one all of the rest. If none answers, raises the failure of the last one. If one
    wants another password, raises redis-py's AuthenticationError.
    """
    deadline = time.monotonic() + within
    failure: Exception = RedisConnectionError("no server is known")
    for number, address in enumerate(addresses, 1):
        left = max(deadline - time.monotonic(), within / 16)
        share = left if number == len(addresses) else left / 2
        try:
            with _named(address):
                return address, _asked_once(url, address, commands, share)
        except AuthenticationError:
            # That is an answer, and the others will say the same.
            raise
        except (*FAILURES, ResponseError) as error:
            failure = error
    raise failure


def _asked_once(
    url: RedisURL, address: Address, commands: Sequence[bytes], timeout: float
) -> Any:
    connection = connect(url, address, timeout)
    try:
        connection.send_packed_command(commands)
        return [connection.read_response() for _ in commands][-1]
    finally:
        connection.disconnect()
