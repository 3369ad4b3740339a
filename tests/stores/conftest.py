"""A store of each kind, and a clock that moves only when a test moves it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
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


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/store.db"}
    opened = open_store(urls[request.param])
    opened.prepare()
    yield opened
    opened.close()
