"""Operations on every session of all servers: the end of all, and figures."""

import fnmatch
from collections import Counter
from collections.abc import Sequence

from eilogin import clock
from eilogin.stores.redis import lua_scripts
from eilogin.stores.redis.cluster_hints import Hints, hints_in
from eilogin.stores.redis.lua_scripts import packed
from eilogin.stores.redis.redis_client import Client
from eilogin.stores.redis.redis_nodes import Node, facts_of
from eilogin.stores.store_interface import (
    EVERYBODY,
    SHARDS,
    StoreFigures,
    mark_on_everybody,
)

#: Most sessions that one script deletes: the server does nothing else meanwhile.
_BATCH = 200


def end_all(client: Client, hints: Hints) -> int:
    """End every session; return how many were live (:meth:`.Store.end_all`).

    Sessions made meanwhile but issued earlier also end, or are rejected. Those issued
    meanwhile may end.
    """
    # The first pass frees memory for the marks. The second one ends the sessions that
    # were made before all marks were set.
    count = _wipe(client, hints)
    _mark_everybody(client)
    return count + _wipe(client, hints)


def _mark_everybody(client: Client) -> None:
    mark = [str(instant) for instant in mark_on_everybody(clock.now())]
    places = (client.place_of(f"{shard}:") for shard in SHARDS)
    for place in dict.fromkeys(places):
        client.run(lua_scripts.END, place, mark, (), [EVERYBODY], ())


def _wipe(client: Client, hints: Hints) -> int:
    count = 0
    for keys in client.sessions():
        by_place: dict[bytes, list[str]] = {}
        for key in keys:
            by_place.setdefault(client.place_of(key), []).append(key)
        for place, place_keys in by_place.items():
            for start in range(0, len(place_keys), _BATCH):
                batch = place_keys[start : start + _BATCH]
                live, foreign = client.run(lua_scripts.WIPE, place, batch)
                hints.forget(hints_in(foreign))
                count += live
    return count


def figures(client: Client, patterns: Sequence[str]) -> StoreFigures:
    """Count records by reading every name, also those expired up to a minute ago.

    ``*`` in a pattern of keys matches any text. Raises StoreUnavailable.
    """
    with client.guarded():
        nodes = client.servers().masters()
        servers = tuple(map(_server_at, nodes))
    counts = Counter[str]()
    for keys in client.sessions():
        for pattern in ("*", *patterns):
            counts[pattern] += len(fnmatch.filter(keys, pattern))
    values = sum(map(len, client.scanned(f"{client.url.prefix}:v:*".encode())))
    fitting = tuple(counts[pattern] for pattern in patterns)
    return StoreFigures(servers, counts["*"], values, fitting)


def _server_at(node: Node) -> str:
    facts = facts_of(node.ask(packed("INFO")))
    # Valkey reports both versions.
    name = "valkey" if "valkey_version" in facts else "redis"
    version = facts.get(f"{name}_version", "of no version")
    return f"{name.capitalize()} {version} at {node.address}"
