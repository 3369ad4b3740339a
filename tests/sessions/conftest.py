"""Sessions over a store of each kind, and a clock that a test moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis_servers
import time_machine

from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import open_store

NOON = 1_800_000_000.0
HUB = "https://hub.example/metadata"
HERE = "https://uwv.example/metadata"


@pytest.fixture
def travel() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture(params=["memory", "sqlite"])
def sessions(
    request: pytest.FixtureRequest, tmp_path: Path, travel: time_machine.Traveller
) -> Iterator[Sessions]:
    if request.param in redis_servers.KINDS:
        url = request.getfixturevalue("redis_url")(request.param)
    else:
        urls = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/store.db"}
        url = urls[request.param]
    store = open_store(url)
    yield Sessions(store, idle=15 * 60, max_session=120 * 60)
    store.close()


@pytest.fixture
def anna() -> Login:
    """A login as an answer gives it; nothing is stored yet."""
    return Login(
        who=Subject(HUB, HERE, "anna"),
        level="basis",
        started=NOON,
        ends=NOON + 120 * 60,
        confirmed=NOON,
        attributes={"urn:name": ["Anna"], "urn:bsn": ["900000000"]},
        session_index="index",
    )
