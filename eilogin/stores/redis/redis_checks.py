"""The properties that a server needs to keep sessions.

A server that evicts keys forgets a logout before the session, and a replica answers
with old data.
"""

import logging
import ssl

from redis.exceptions import (
    AuthenticationError,
    InvalidResponse,
    RedisError,
    ResponseError,
)

from eilogin.errors import StoreUnavailable
from eilogin.stores.redis.lua_scripts import SCHEMA, packed
from eilogin.stores.redis.redis_connections import has_hung_up
from eilogin.stores.redis.redis_nodes import (
    IsReplica,
    Misfit,
    Node,
    facts_of,
)
from eilogin.stores.redis.redis_servers import Servers

#: The oldest server with all features; Valkey says that it is 7.2.
OLDEST_SERVER = (6, 2)

#: The version of what is written, and the oldest whose eilogin may work beside it.
SCHEMA_VERSION = 1
OLDEST_SCHEMA = 1

_WAIT_FOR_NONE = packed("WAIT", 0, 0)
_LONGEST_ANSWER = 200

_log = logging.getLogger("eilogin.stores")


def check(servers: Servers) -> dict[Node, dict[str, str]]:
    """Return the properties of each server.

    Raises :class:`Misfit` for an unfit server, or StoreUnavailable without an answer.
    """
    try:
        facts = {node: facts_of(node.ask(packed("INFO"))) for node in servers.masters()}
        for node, node_facts in facts.items():
            _check_facts(node.name, node_facts, servers.url.kind)
            # Waits for no replica: a test of the permission that a logout needs.
            node.ask(_WAIT_FOR_NONE)
        _check_schema(servers)
    except StoreUnavailable as error:
        fault = _fault_in(error.__cause__)
        if fault is None:
            raise
        raise Misfit(f"the store {servers.url}: {fault}") from error
    except RedisError as error:
        raise Misfit(f"the store {servers.url}: {_describe(error)}") from error
    return facts


def _describe(error: RedisError) -> str:
    finding = f"found {str(error)[:_LONGEST_ANSWER]!r}; expected"
    if isinstance(error, InvalidResponse):
        return f"{finding} a Redis or Valkey server at this address"
    if "DB index" in str(error):
        return f"{finding} the number of a database that the server has ('databases')"
    return (
        f"{finding} a server that lets this user do +@read +@write +@scripting "
        "+info +wait with the keys of this prefix. A database other than 0 needs "
        "+select too, and a Cluster +cluster +asking"
    )


def _fault_in(error: BaseException | None) -> str | None:
    text = str(error)
    if isinstance(error, AuthenticationError):
        return f"found {text!r}; expected a user and a password that it knows"
    if isinstance(error, IsReplica):
        return (
            f"{text}; expected the master (with redis+sentinel:, eilogin finds it "
            "after a failover)"
        )
    cause = None if error is None else error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLError) and "_ALERT_" in str(cause.reason):
        # The server's alert: it rejects our certificate.
        return (
            f"found {text!r}; expected a server that accepts clients without a "
            "certificate ('tls-auth-clients no'), or 'cert=FILE&key=FILE' with a "
            "certificate by an authority that it trusts"
        )
    is_certificate = isinstance(cause, (ssl.SSLError, FileNotFoundError))
    if is_certificate and not has_hung_up(cause):
        return (
            f"found {text!r}; expected a server with a certificate for this host, "
            "by an authority in 'ca='"
        )
    if isinstance(error, ResponseError) and "cluster support disabled" in text:
        return "found a server outside a Cluster; expected 'redis:' for it"
    return None


def _check_facts(name: str, facts: dict[str, str], kind: str) -> None:
    version = facts.get("redis_version", "")
    if _version(version) < OLDEST_SERVER:
        oldest = ".".join(map(str, OLDEST_SERVER))
        raise Misfit(
            f"{name}: found Redis {version or 'of no version'}; expected Redis "
            f"{oldest} or later, or Valkey"
        )
    if kind != "cluster" and facts.get("cluster_enabled") == "1":
        raise Misfit(
            f"{name}: found a part of a Cluster; expected 'redis+cluster:' for it"
        )
    policy = facts.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        raise Misfit(
            f"{name}: found maxmemory-policy {policy}; expected noeviction, "
            "because with any other policy a full server deletes sessions and "
            "logouts"
        )


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")[:2]
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)


def _check_schema(servers: Servers) -> None:
    name = f"{servers.url.prefix}:schema".encode()
    versions = (str(SCHEMA_VERSION), str(OLDEST_SCHEMA))
    # By text, to find a server without scripts or without write permission.
    reply = servers.ask(name, SCHEMA.by_text(name, versions), is_question=False)
    schema, oldest = (int(number) for number in reply)
    if oldest > SCHEMA_VERSION:
        raise Misfit(
            f"the store {servers.url} has version {schema}, which needs an "
            f"eilogin that knows version {oldest} or later; this one knows "
            f"version {SCHEMA_VERSION}; expected a newer eilogin"
        )


def warn(node: Node, facts: dict[str, str]) -> None:
    """Log what a power failure at a server can lose."""
    if facts.get("aof_enabled") != "1":
        _log.warning(
            "%s: appendonly is off: after a crash or a power failure, sessions "
            "that had ended live again; set 'appendonly yes' and 'appendfsync "
            "always'",
            node.name,
        )
        return
    try:
        reply = node.ask(packed("CONFIG", "GET", "appendfsync"))
    except ResponseError:
        # This user may not read it, so it is unknown.
        return
    policy = reply[1].decode() if reply else "unknown"
    if policy != "always":
        _log.warning(
            "%s: appendfsync is %s: a power failure loses the last seconds, so a "
            "session that ended in them lives again; set 'appendfsync always'",
            node.name,
            policy,
        )
