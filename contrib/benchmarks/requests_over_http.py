"""Guarded pages over HTTP for 8 and 32 connections at once, beside guards by hand.

The server has one process with four threads: waitress, or gunicorn's gthread.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from load import COMPARED, FIGURES, Load
from measuring import Bench, Row, Size, Variant
from served_sites import Served, all_served
from servers import HAS_REDIS
from sites import COOKIE

CONNECTIONS = (8, 32)
#: Each with a session of its own.
VISITORS = 1_000

#: The served sites, and the names of their rows.
_KINDS: Mapping[str, str] = {
    "bare": "bare application",
    "dictionary": "dictionary by hand",
    "look-memory": "same look by hand, memory",
    "memory": "eilogin, memory:",
    "select": "SELECT by hand",
    "look-sqlite": "same look by hand, sqlite",
    "sqlite": "eilogin, sqlite:",
    **(
        {
            "get": "GET by hand",
            "look-redis": "same look by hand, redis",
            "redis": "eilogin, redis:",
        }
        if HAS_REDIS
        else {}
    ),
    "beaker": "Beaker, memory",
}
_STORES = ("memory", "sqlite", "redis")
#: By server and connections: at most so many times the bare application, by store.
_GOALS: Mapping[tuple[str, int], tuple[float, ...]] = {
    ("waitress", 8): (1.15, 1.55, 1.60),
    ("waitress", 32): (1.10, 2.21, 1.83),
    ("gunicorn", 8): (1.12, 1.35, 1.40),
}
#: And so many times the same look by hand.
_LOOK_GOALS: Mapping[tuple[str, int], tuple[float, ...]] = {
    ("waitress", 8): (1.1, 1.1),
    ("gunicorn", 8): (1.1, 1.1),
}
_SERVERS = {"waitress": "waitress", "gunicorn": "gunicorn gthread"}


def _loads(server: str) -> Any:
    @contextmanager
    def setting(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
        visitors = size.of(VISITORS)
        with all_served(tuple(_KINDS), folder, server, visitors) as sites:
            variants = {}
            for kind, site in zip(_KINDS, sites, strict=True):
                _check(kind, site)
                load = Load(site, folder)
                for connections in CONNECTIONS[:1] if size.is_brief else CONNECTIONS:
                    call = partial(load.figures, connections, size.seconds)
                    variants[f"{kind} {connections}"] = Variant(call)
            yield variants

    return setting


def _check(kind: str, site: Served) -> None:
    """See that a guard knows its visitors, and eilogin nobody else."""
    if kind == "bare":
        return
    for cookies in (site.cookies[0], site.cookies[-1]):
        if kind in _STORES:
            assert site.lets_in(cookies), kind
        else:
            assert site.knows(cookies), kind
    if kind in _STORES:
        assert not site.lets_in(f"{COOKIE}=nobody"), kind


def _row(server: str, connections: int, kind: str) -> Row:
    def goal(goals: Mapping[tuple[str, int], tuple[float, ...]]) -> float | None:
        by_store = dict(
            zip(_STORES, goals.get((server, connections), ()), strict=False)
        )
        return by_store.get(kind)

    return Row(
        name=f"{_SERVERS[server]}, {connections}: {_KINDS[kind]}",
        this=f"{kind} {connections}",
        floor=f"bare {connections}" if kind != "bare" else "",
        goal=goal(_GOALS),
        peer=f"look-{kind} {connections}" if kind in _STORES else "",
        peer_goal=goal(_LOOK_GOALS),
    )


BENCHES = tuple(
    Bench(
        name=server,
        what=f"pages over HTTP by {name} with one process and 4 threads, for 8 and 32 "
        "connections at once: the bare application, guards by hand, Beaker, and the "
        "five filters with each store; wrk asks on the same cores, 8 connections only "
        "in the quick form",
        rows=tuple(
            _row(server, connections, kind)
            for connections in CONNECTIONS
            for kind in _KINDS
        ),
        setting=_loads(server),
        columns=FIGURES,
        compared=COMPARED,
        ratios=("bare/this", "look/this"),
        most_rounds=7,
        seconds=175,
    )
    for server, name in _SERVERS.items()
)
