"""A store of each kind, and a clock that moves only when a test moves it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis_servers
import time_machine

from eilogin.stores import Store, open_store

#: Some afternoon.
NOON = 1_800_000_000.0


@pytest.fixture
def clock_at_noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def now(clock_at_noon: time_machine.Traveller) -> float:
    return NOON


@pytest.fixture(params=["memory", "sqlite", *redis_servers.KINDS])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new store of this kind is, with nothing in it."""
    match request.param:
        case "memory":
            return "memory:"
        case "sqlite":
            return f"sqlite:///{tmp_path}/store.db"
        case kind:
            return request.getfixturevalue("redis_url")(kind)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a store of SQLite."""
    return tmp_path / "store.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    opened.prepare()
    yield opened
    opened.close()
