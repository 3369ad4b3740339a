"""``ext:memcached``: one memcached or several, at the names that Beaker gives.

A server deletes expired texts and, without memory, long unread ones.
"""

import math
import os
import re
from typing import Any

import memcache

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.stores.circuit_breaker import PAUSE

_SERVER = re.compile(
    r"([\w.-]+|inet6:\[[0-9a-f:.]+\])(:\d{1,5})?|unix:/\S+", re.ASCII | re.IGNORECASE
)

#: Seconds up to which the protocol counts from now, and not from 1970.
_FROM_NOW = 30 * 86_400


class Memcached:
    """See :class:`eilogin.stores.beaker.NamedTexts`.

    ``url`` is ``host:port``, or several separated by ``;``; else ValueError. No server
    stands in for another: it would come back with old texts.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._servers = url.split(";")
        if not all(map(_SERVER.fullmatch, self._servers)):
            raise ValueError(
                "an address such as '127.0.0.1:11211', or several with ';' between them"
            )
        self._timeout = timeout
        #: A forked process makes its own.
        self._clients: list[Any] = []
        self._pid = 0

    def get(self, name: str) -> str | None:
        """See :meth:`eilogin.stores.beaker.NamedTexts.get`."""
        client = self._client(name)
        text = self._read(client, name)
        if text is None:
            _require_alive(client)
        return text

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """See :meth:`eilogin.stores.beaker.NamedTexts.swap`."""
        client, key, octets = self._client(name), _key(name), new.encode("latin-1")
        try:
            if old is None:
                is_written = client.add(key, octets, _time(until))
                if not is_written and self._read(client, name) is None:
                    _require_alive(client)
                    raise StoreUnavailable(f"{_name_of(client)} accepts no values")
            else:
                # The client remembers the version in the reply, for the next line.
                is_unchanged = self._read(client, name) == old
                is_written = is_unchanged and client.cas(key, octets, _time(until))
        finally:
            client.reset_cas()
        if not is_written:
            _require_alive(client)
        return bool(is_written)

    def delete(self, name: str) -> None:
        """See :meth:`eilogin.stores.beaker.NamedTexts.delete`."""
        client = self._client(name)
        if not client.delete(_key(name)):
            _require_alive(client)

    def _read(self, client: Any, name: str) -> str | None:
        try:
            octets = client.gets(_key(name))
        except ValueError:
            octets = _UnreadValue()
        if octets is not None and not isinstance(octets, bytes):
            # A value of another program blocks ours.
            client.delete(_key(name))
            return None
        return None if octets is None else octets.decode("latin-1")

    def _client(self, name: str) -> Any:
        if self._pid != os.getpid():
            self._clients = [self._connected(server) for server in self._servers]
            self._pid = os.getpid()
        return self._clients[int(name[:8], 16) % len(self._clients)]

    def _connected(self, server: str) -> Any:
        # Each thread gets its own connections.
        return _Client(
            [server],
            unpickler=_UnreadValue,
            decompressor=_no_octets,
            dead_retry=PAUSE,
            socket_timeout=self._timeout,
            cache_cas=True,
        )


class _Connection(memcache._Host):  # type: ignore[misc] # noqa: SLF001 - the driver's
    """A connection that closes with its thread, which the driver leaves to Python."""

    def __del__(self) -> None:
        self.close_socket()


class _Client(memcache.Client):  # type: ignore[misc]
    def set_servers(self, servers: list[str]) -> None:
        self.servers = [
            _Connection(
                server,
                dead_retry=self.dead_retry,
                socket_timeout=self.socket_timeout,
            )
            for server in servers
        ]
        self._init_buckets()


class _UnreadValue:
    """An unpickler that reads nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def load(self) -> "_UnreadValue":
        return self


def _no_octets(_: bytes) -> bytes:
    # A little compressed data may expand to a great deal.
    return b""


def _require_alive(client: Any) -> None:
    [server] = client.servers
    if server.deaduntil:
        raise StoreUnavailable(f"{_name_of(client)} does not answer")


def _name_of(client: Any) -> str:
    return f"memcached at {client.servers[0].address}"


def _key(name: str) -> str:
    return f"{name}_session"


def _time(until: float) -> int:
    seconds = max(1, math.ceil(until - clock.now()))
    return seconds if seconds <= _FROM_NOW else math.ceil(until)
