"""A request of a visitor with a valid session, without any server around it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hand_guards import ByDictionary, ByGet, BySelect, by_beaker
from measuring import Bench, Row, Size, Variant
from servers import HAS_REDIS, redis_server
from sites import (
    COOKIE,
    guarded,
    requests_to,
    site,
    site_with_cookies,
)


def _requests_to_beaker() -> Callable[[], object]:
    """A call that asks for the page behind Beaker's memory session once."""
    app, (cookies,) = by_beaker()
    return requests_to(app, cookies)


@contextmanager
def _memory(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    known = {"q7Xw2": ("anna", time.time() + 7200)}
    floor = ByDictionary(site, known)
    with (
        guarded(folder, "memory:") as (app, cookies),
        guarded(
            folder / "off", "memory:", site_with_cookies, app_cookies="off"
        ) as bare,
        guarded(folder / "auto", "memory:", site_with_cookies) as sealed,
    ):
        yield {
            "filters": Variant(requests_to(app, cookies)),
            "bare": Variant(requests_to(*bare)),
            "sealed": Variant(requests_to(*sealed)),
            "floor": Variant(requests_to(floor, f"{COOKIE}=q7Xw2")),
            "beaker": Variant(_requests_to_beaker()),
            "app": Variant(requests_to(site, "")),
        }


@contextmanager
def _sqlite(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    path = folder / "uwv.db"
    with guarded(folder, f"sqlite:///{path}") as (app, cookies):
        floor = BySelect(site, path)
        yield {
            "filters": Variant(requests_to(app, cookies)),
            "floor": Variant(requests_to(floor, floor.cookies()[0])),
            "beaker": Variant(_requests_to_beaker()),
        }
        floor.connection().close()


@contextmanager
def _redis(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    with (
        redis_server(folder / "redis") as url,
        guarded(folder, url) as (app, cookies),
    ):
        floor = ByGet(site, url)
        yield {
            "filters": Variant(requests_to(app, cookies)),
            "floor": Variant(requests_to(floor, floor.cookies()[0])),
        }
        floor.client.close()


BENCHES = (
    Bench(
        name="request-memory",
        what="five filters in process with store = memory:, beside a dictionary by "
        "cookie and Beaker's memory session",
        rows=(
            Row(
                name="request, five filters, memory:",
                this="filters",
                floor="floor",
                goal=6.2,
                peer="beaker",
                peer_goal=1 / 9,
            ),
            Row(
                name="request, three app cookies, memory:",
                this="sealed",
                floor="floor",
                goal=6.2,
            ),
            Row(
                name="request, three app cookies, app_cookies = off",
                this="bare",
                floor="floor",
            ),
            Row(name="request, Beaker memory", this="beaker", floor="floor"),
            Row(name="request, bare app", this="app", floor="floor"),
        ),
        setting=_memory,
    ),
    Bench(
        name="request-sqlite",
        what="the same with store = sqlite:///, beside one SELECT and its JSON",
        rows=(
            Row(
                name="request, five filters, sqlite:",
                this="filters",
                floor="floor",
                goal=1.8,
                peer="beaker",
            ),
        ),
        setting=_sqlite,
    ),
    *(
        (
            Bench(
                name="request-redis",
                what="the same with store = redis://, beside one GET of redis-py",
                rows=(
                    Row(
                        name="request, five filters, redis:",
                        this="filters",
                        floor="floor",
                        goal=1.4,
                    ),
                ),
                setting=_redis,
            ),
        )
        if HAS_REDIS
        else ()
    ),
)
