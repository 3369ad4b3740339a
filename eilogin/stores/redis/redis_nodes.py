"""One server, and its idle connections.

House rules:

1. Every wait ends: ``timeout`` seconds to connect, and as many for an answer. A command
   that timed out is not retried.
2. A query is retried once if a kept connection is dead; a change never.
3. A server that does not answer is left alone for a while (:class:`Breaker`).
"""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from redis.connection import Connection
from redis.exceptions import AuthenticationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from eilogin.errors import StoreUnavailable
from eilogin.stores.circuit_breaker import Breaker
from eilogin.stores.redis.lua_scripts import packed
from eilogin.stores.redis.redis_connections import connect
from eilogin.stores.redis.redis_urls import Address, RedisURL

#: Seconds for which the number of replicas is cached.
REPLICAS_KNOWN = 5.0
#: Seconds for a change to wait for replicas.
LONGEST_WAIT = 1.0

FAILURES = (RedisConnectionError, RedisTimeoutError, OSError)
_REPLICATION = packed("INFO", "replication")

_log = logging.getLogger("eilogin.stores")


class Misfit(StoreUnavailable):
    """A server that answers, but is unfit for sessions."""


class IsReplica(RedisConnectionError):
    """A server that has become a replica; its data may be old."""


def facts_of(info: bytes) -> dict[str, str]:
    """Parse the answer to INFO."""
    pairs = (line.partition(":") for line in info.decode(errors="replace").splitlines())
    return {name: value for name, colon, value in pairs if colon}


class Node:
    """One server, and its idle connections."""

    def __init__(self, url: RedisURL, address: Address, timeout: float) -> None:
        self.address = address
        scheme = "rediss" if url.is_encrypted else "redis"
        self.name = f"the store {scheme}://{address}"
        self.breaker = Breaker(self.name, FAILURES)
        self._url = url
        self._timeout = timeout
        self._idle: list[Connection] = []
        self._is_closed = False
        #: Monotonic instant at which a replica last did not confirm a change.
        self.doubted_at = 0.0
        #: Replicas to wait for, and until when that number is valid.
        self._replicas = 0
        self._replicas_until = 0.0

    def ask(
        self, command: bytes, *, is_question: bool = True, durable: bool = False
    ) -> Any:
        """Return the answer to a packed command.

        Only a query is sent twice. ``durable`` waits for the replicas. Raises
        StoreUnavailable without an answer, or redis-py's ResponseError.
        """
        with self.breaker.call():
            reply = self._send_once_or_twice(
                command, is_question=is_question, durable=durable
            )
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    def _send_once_or_twice(
        self, command: bytes, *, is_question: bool, durable: bool
    ) -> Any:
        connection = self._idle_connection(is_checked=not is_question)
        if connection is None:
            return self._exchange(self._connected(), command, durable=durable)
        try:
            return self._exchange(connection, command, durable=durable)
        except RedisConnectionError:
            if not is_question:
                raise
            # The server closed it, and probably the others.
            self.close_idle()
        return self._exchange(self._connected(), command, durable=durable)

    def _idle_connection(self, *, is_checked: bool) -> Connection | None:
        """Return an idle connection; with ``is_checked``, one that is not dead."""
        try:
            connection = self._idle.pop()
        except IndexError:
            return None
        if not is_checked or _is_sound(connection):
            return connection
        connection.disconnect()
        self.close_idle()
        return None

    def _exchange(
        self, connection: Connection, command: bytes, *, durable: bool
    ) -> Any:
        try:
            replicas = self._replicas_to_wait_for(connection) if durable else 0
            if replicas:
                command += packed("WAIT", replicas, int(self._wait * 1000))
            connection.send_packed_command((command,))
            reply = _read_reply(connection)
            confirmed = self._read_confirmations(connection) if replicas else 0
        except BaseException:
            connection.disconnect()
            raise
        if not isinstance(reply, ResponseError):
            self._judge(replicas, confirmed)
        self._put_back(connection)
        return reply

    # --- replicas ---

    @property
    def _wait(self) -> float:
        # Less than the time-out of that connection.
        return min(self._timeout / 2, LONGEST_WAIT)

    def _replicas_to_wait_for(self, connection: Connection) -> int:
        if time.monotonic() >= self._replicas_until:
            connection.send_packed_command((_REPLICATION,))
            self._note_replicas(facts_of(connection.read_response()))
        return self._replicas

    def _note_replicas(self, facts: dict[str, str]) -> None:
        replicas = (v for k, v in facts.items() if re.fullmatch(r"slave\d+", k))
        self._expect(sum("state=online" in replica for replica in replicas))

    def _expect(self, replicas: int) -> None:
        self._replicas = replicas
        self._replicas_until = time.monotonic() + REPLICAS_KNOWN

    def _read_confirmations(self, connection: Connection) -> int | ResponseError:
        """Return how many replicas confirmed in time; an error if waiting is refused.

        Raises redis-py's ConnectionError if the server is lost, because its successor
        may lack the change.
        """
        try:
            reply = _read_reply(connection)
        except RedisTimeoutError:
            # The change is made, and its answer is valid.
            connection.disconnect()
            return 0
        count: int | ResponseError = reply
        return count

    def _judge(self, replicas: int, confirmed: int | ResponseError) -> None:
        if isinstance(confirmed, ResponseError):
            self._doubt(0, f"it cannot wait for its replicas: {confirmed}")
        elif confirmed < replicas:
            shortfall = (
                f"only {confirmed} of {replicas} replicas confirmed a change within"
            )
            self._doubt(confirmed, f"{shortfall} {self._wait:g} s")

    def _doubt(self, confirmed: int, reason: str) -> None:
        self.doubted_at = time.monotonic()
        # The next command does not wait for the missing replicas until the server has
        # been checked again.
        self._expect(confirmed)
        _log.warning(
            "%s: %s; if this server is lost before they have the change, a "
            "session that ended may live again, and a used message may be "
            "accepted again",
            self.name,
            reason,
        )

    # --- connections ---

    def _connected(self) -> Connection:
        with _naming(self.address):
            connection = connect(self._url, self.address, self._timeout)
            try:
                if self._url.kind != "cluster":
                    # A replica in a Cluster redirects us by itself.
                    self._check_role(connection)
            except BaseException:
                connection.disconnect()
                raise
        return connection

    def _check_role(self, connection: Connection) -> None:
        connection.send_packed_command((_REPLICATION,))
        facts = facts_of(connection.read_response())
        if "role" not in facts:
            raise Misfit(
                f"{self.name} is a sentinel; expected 'redis+sentinel:' for it"
            )
        if facts["role"] != "master":
            raise IsReplica(f"it is a replica of {facts.get('master_host')}")
        self._note_replicas(facts)

    def _put_back(self, connection: Connection) -> None:
        self._idle.append(connection)
        if self._is_closed:
            self.close_idle()

    def close(self) -> None:
        """Close idle connections now, and those in use later."""
        self._is_closed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close idle connections; those in use become idle later."""
        while self._idle:
            # Another thread may be quicker.
            with suppress(IndexError):
                self._idle.pop().disconnect()


@contextmanager
def _naming(address: Address) -> Iterator[None]:
    """Name the server in errors: it may be any of several."""
    try:
        yield
    except AuthenticationError as error:
        raise AuthenticationError(f"{address} says: {error}") from error


def _read_reply(connection: Connection) -> Any:
    """Return the next answer, even an error, because others may follow it."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _is_sound(connection: Connection) -> bool:
    # No command waits for an answer, so readable data means the end.
    try:
        return not connection.can_read()
    except FAILURES:
        return False


def ask_any(
    url: RedisURL,
    addresses: Sequence[Address],
    commands: Sequence[bytes],
    seconds: float,
) -> tuple[Address, Any]:
    """Return the first server that answers, and its answer to the last command.

    Each server gets half of the remaining time, the last one all. Raises the last
    failure, or redis-py's AuthenticationError.
    """
    deadline = time.monotonic() + seconds
    failure: Exception = RedisConnectionError("no server is known")
    for number, address in enumerate(addresses, 1):
        seconds_left = max(deadline - time.monotonic(), seconds / 16)
        share = seconds_left if number == len(addresses) else seconds_left / 2
        try:
            with _naming(address):
                return address, _ask_once(url, address, commands, share)
        except AuthenticationError:
            # This is an answer, and other servers would give the same.
            raise
        except (*FAILURES, ResponseError) as error:
            failure = error
    raise failure


def _ask_once(
    url: RedisURL, address: Address, commands: Sequence[bytes], timeout: float
) -> Any:
    connection = connect(url, address, timeout)
    try:
        connection.send_packed_command(commands)
        return [connection.read_response() for _ in commands][-1]
    finally:
        connection.disconnect()
