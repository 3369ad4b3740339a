"""Find the server: a single one, the sentinels' master, or a node of a Cluster.

One thread does it, at most once in a pause, in half of a server's time to answer. The
others use the last result. A change is retried only if a server has said that it did
nothing.
"""

import binascii
import logging
import math
import os
import re
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

from redis.exceptions import AuthenticationError, ResponseError

from eilogin.errors import StoreUnavailable
from eilogin.stores.circuit_breaker import PAUSE
from eilogin.stores.redis.lua_scripts import packed
from eilogin.stores.redis.redis_nodes import FAILURES, Misfit, Node, ask_any
from eilogin.stores.redis.redis_urls import Address, Kind, RedisURL

SLOTS = 16384
REDIRECTIONS = 4

_ASKING = packed("ASKING")

_log = logging.getLogger("eilogin.stores")


class Servers(ABC):
    """The servers of a store, as this process knows them."""

    def __init__(self, url: RedisURL, timeout: float) -> None:
        self.url = url
        self.timeout = timeout
        self._pid = os.getpid()

    def is_of_this_process(self) -> bool:
        """Whether this process made it, not its parent before a fork."""
        return self._pid == os.getpid()

    @abstractmethod
    def node_of(self, name: bytes) -> Node:
        """Return the server of a key; raises StoreUnavailable if none is known."""

    @abstractmethod
    def masters(self) -> list[Node]:
        """Return all servers that have keys."""

    @abstractmethod
    def known_nodes(self) -> list[Node]:
        """Return the servers known so far."""

    def close_idle(self) -> None:
        """Close the idle connections."""
        for node in self.known_nodes():
            node.close_idle()

    def close(self) -> None:
        """Close all connections, those in use when they come back."""
        for node in self.known_nodes():
            node.close()

    def redirected(self, error: ResponseError) -> Node | None:
        """Return the server to which an error redirects, if any."""
        return None

    def ask(
        self,
        name: bytes,
        command: bytes,
        *,
        is_question: bool = True,
        durable: bool = False,
        is_alone: bool = True,
    ) -> Any:
        """Ask the server of a key; see :meth:`Node.ask`.

        With ``is_alone``, the command reads no other key.
        """
        node = self.node_of(name)
        for _ in range(REDIRECTIONS):
            try:
                return node.ask(command, is_question=is_question, durable=durable)
            except ResponseError as error:
                if _code_of(error) == "ASK":
                    return self._asking(error, command, is_alone=is_alone)
                if _code_of(error) == "READONLY":
                    # The server is a replica now. Queries find that out by
                    # reconnecting.
                    node.close_idle()
                other = self.redirected(error)
                if other is None:
                    raise
                node = other
        raise StoreUnavailable(
            f"the store {self.url}: its servers redirect in a circle"
        )

    def _asking(self, error: ResponseError, command: bytes, *, is_alone: bool) -> Any:
        """Ask at the server to which a slot is being moved, key by key."""
        if not is_alone:
            # The place may be split: an end would find nothing, and the session would
            # arrive at the new server later.
            raise StoreUnavailable(
                f"the store {self.url}: the Cluster is moving a part of it to "
                "another server"
            )
        _, address = _target_of(error)
        _, reply = ask_any(self.url, [address], (_ASKING, command), self.timeout)
        return reply


def servers_of(url: RedisURL, timeout: float) -> Servers:
    """Return the servers that a URL names, not connected yet."""
    kinds: dict[Kind, type[OneServer | SentinelSet | Cluster]] = {
        "server": OneServer,
        "sentinel": SentinelSet,
        "cluster": Cluster,
    }
    return kinds[url.kind](url, timeout)


def _code_of(error: ResponseError) -> str:
    """Return the first word of a server's error, for the errors that matter here.

    Versions of redis-py remove some words, and make classes of them.
    """
    kind = type(error).__name__.removesuffix("Error").upper()
    if "READONLY" in str(error):
        # Redis 6 puts it inside another error for scripts.
        kind = "READONLY"
    return kind if kind in ("ASK", "MOVED", "READONLY") else str(error).split(" ")[0]


def _target_of(error: ResponseError) -> tuple[int, Address]:
    match = re.search(r"(\d+) (\S*):(\d+)$", str(error))
    if match is None:
        raise StoreUnavailable("a server redirects, and does not say where") from error
    return int(match[1]), Address(match[2].strip("[]"), int(match[3]))


class OneServer(Servers):
    """A server that does not change."""

    def __init__(self, url: RedisURL, timeout: float) -> None:
        super().__init__(url, timeout)
        self._node = Node(url, url.hosts[0], timeout)

    def node_of(self, name: bytes) -> Node:
        """See :class:`Servers`."""
        return self._node

    def masters(self) -> list[Node]:
        """See :class:`Servers`."""
        return [self._node]

    def known_nodes(self) -> list[Node]:
        """See :class:`Servers`."""
        return [self._node]


class _DiscoveredServers(Servers):
    """Servers that other servers name."""

    def __init__(self, url: RedisURL, timeout: float) -> None:
        super().__init__(url, timeout)
        #: Hosts to ask, beginning with the last one that answered.
        self._hosts = list(url.hosts)
        self._discovery_lock = threading.Lock()
        self._not_before = 0.0
        self._failure: Exception | None = None

    @abstractmethod
    def _discover(self) -> None:
        """Find the servers."""

    def _rediscover(self, *, is_known: bool) -> None:
        """Find the servers again, unless that was done a moment ago.

        If they are known, nobody waits, and it may fail.
        """
        if not self._discovery_lock.acquire(blocking=not is_known):
            return
        try:
            if time.monotonic() >= self._not_before:
                self._discover_and_note()
        finally:
            self._discovery_lock.release()

    def _discover_and_note(self) -> None:
        try:
            self._discover()
        except (*FAILURES, ResponseError, StoreUnavailable) as error:
            self._failure = error
        else:
            self._failure = None
        finally:
            self._not_before = time.monotonic() + PAUSE

    def _unknown(self) -> StoreUnavailable:
        failure = self._failure
        if isinstance(failure, StoreUnavailable):
            # A new exception for this thread.
            return type(failure)(*failure.args)
        unknown = StoreUnavailable(
            f"the store {self.url}: cannot find out its servers: {failure}"
        )
        unknown.__cause__ = failure
        return unknown

    def _ask_any(self, *command: str, url: RedisURL) -> Any:
        seconds = self.timeout / 2
        address, reply = ask_any(url, self._hosts, [packed(*command)], seconds)
        self._hosts.sort(key=lambda each: each != address)
        return reply


class SentinelSet(_DiscoveredServers):
    """The server that its sentinels name as the master, asked every second.

    A replaced but healthy master continues until the sentinels tell it. The successor
    loses its writes until then.
    """

    def __init__(self, url: RedisURL, timeout: float) -> None:
        super().__init__(url, timeout)
        # Sentinels have no databases, and mostly no password.
        self._without_password = replace(url, db=0, username=None, password=None)
        self._node: Node | None = None

    def node_of(self, name: bytes) -> Node:
        """See :class:`Servers`."""
        node = self._node
        if node is None or time.monotonic() >= self._not_before:
            self._rediscover(is_known=node is not None)
            node = self._node
            if node is None:
                raise self._unknown()
        return node

    def ask(
        self,
        name: bytes,
        command: bytes,
        *,
        is_question: bool = True,
        durable: bool = False,
        is_alone: bool = True,
    ) -> Any:
        """See :class:`Servers`."""
        asked_at = time.monotonic() if durable else math.inf
        reply = super().ask(
            name,
            command,
            is_question=is_question,
            durable=durable,
            is_alone=is_alone,
        )
        node = self._node
        if node is not None and node.doubted_at >= asked_at:
            self._not_before = 0.0
            self._rediscover(is_known=False)
            if self._node is not node:
                raise StoreUnavailable(
                    f"the store {self.url}: another server has become the master"
                )
        return reply

    def _discover(self) -> None:
        command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.url.service)
        try:
            master = self._ask_any(*command, url=self._without_password)
        except AuthenticationError:
            master = self._with_password(*command)
        if master is None:
            raise Misfit(
                f"the store {self.url}: its sentinels do not know this service"
            )
        address = Address(master[0].decode(), int(master[1]))
        old = self._node
        if old is None or old.address != address:
            self._node = Node(self.url, address, self.timeout)
            if old is not None:
                _note_successor(old, self._node)
                old.close()

    def _with_password(self, *command: str) -> Any:
        try:
            return self._ask_any(*command, url=replace(self.url, db=0))
        except AuthenticationError as error:
            raise Misfit(
                f"the store {self.url}: its sentinel at {error}; expected "
                "sentinels without a password, or with that of their master"
            ) from error

    def masters(self) -> list[Node]:
        """See :class:`Servers`."""
        return [self.node_of(b"")]

    def known_nodes(self) -> list[Node]:
        """See :class:`Servers`."""
        return [] if self._node is None else [self._node]


class Cluster(_DiscoveredServers):
    """The servers of a Cluster, each of which has some of the slots."""

    def __init__(self, url: RedisURL, timeout: float) -> None:
        super().__init__(url, timeout)
        #: Replaced, never changed: other threads iterate over it.
        self._nodes: dict[Address, Node] = {}
        self._by_slot: list[Node | None] = []
        #: Slots that servers reported as moved since the last look began.
        self._moved: dict[int, Node] = {}
        self._changing = threading.Lock()

    def node_of(self, name: bytes) -> Node:
        """See :class:`Servers`."""
        slot = slot_of(name)
        node = self._by_slot[slot] if self._by_slot else None
        if node is None or node.breaker.is_open:
            node = self._slots()[slot]
            if node is None:
                raise StoreUnavailable(
                    f"the store {self.url}: no server has a part of it"
                )
        return node

    def _slots(self) -> list[Node | None]:
        self._rediscover(is_known=bool(self._by_slot))
        if not self._by_slot:
            raise self._unknown()
        return self._by_slot

    def _discover(self) -> None:
        url = self.url
        unlisted = [address for address in self._nodes if address not in self._hosts]
        self._hosts += unlisted
        with self._changing:
            self._moved = {}
        slot_ranges = self._ask_any("CLUSTER", "SLOTS", url=url)
        with self._changing:
            removed = self._read_slots(slot_ranges)
        for node in removed:
            node.close()

    def _read_slots(self, slot_ranges: Any) -> list[Node]:
        """Read the answer to CLUSTER SLOTS; return the servers that lost all slots."""
        by_slot: list[Node | None] = [None] * SLOTS
        nodes: dict[Address, Node] = {}
        for first_slot, last_slot, master, *_replicas in slot_ranges:
            # A node without a name is the one that answered.
            host = (master[0] or b"").decode() or self._hosts[0].host
            address = Address(host, master[1])
            node = nodes[address] = self._node_at(address)
            by_slot[first_slot : last_slot + 1] = [node] * (last_slot + 1 - first_slot)
        for slot, node in self._moved.items():
            # Probably newer than the answer.
            nodes[node.address] = by_slot[slot] = node
        # Empty before the first look.
        for old_node, new_node in dict(
            zip(self._by_slot, by_slot, strict=False)
        ).items():
            if old_node and new_node and old_node.address not in nodes:
                _note_successor(old_node, new_node)
        old_nodes, self._nodes, self._by_slot = self._nodes, nodes, by_slot
        self._hosts = list(dict.fromkeys((self._hosts[0], *nodes, *self.url.hosts)))
        return [old_nodes[address] for address in old_nodes.keys() - nodes.keys()]

    def _node_at(self, address: Address) -> Node:
        return self._nodes.get(address) or Node(self.url, address, self.timeout)

    def masters(self) -> list[Node]:
        """See :class:`Servers`."""
        if None in self._slots():
            raise Misfit(f"the store {self.url}: no server has a slot of the Cluster")
        return self.known_nodes()

    def known_nodes(self) -> list[Node]:
        """See :class:`Servers`."""
        return list(self._nodes.values())

    def redirected(self, error: ResponseError) -> Node | None:
        """See :class:`Servers`: a slot that is at another server now."""
        if _code_of(error) != "MOVED":
            return None
        slot, address = _target_of(error)
        self._rediscover(is_known=True)
        with self._changing:
            node = self._node_at(address)
            self._nodes = {**self._nodes, address: node}
            self._by_slot[slot] = self._moved[slot] = node
        return node


def _note_successor(old: Node, new: Node) -> None:
    if old.breaker.is_open:
        _log.warning("%s: %s took its place", old.name, new.address)


def slot_of(name: bytes) -> int:
    """Return the slot of a key, by its first braces.

    https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
    """
    _, brace, rest = name.partition(b"{")
    tag, end, _ = rest.partition(b"}")
    return binascii.crc_hqx(tag if brace and end and tag else name, 0) % SLOTS
