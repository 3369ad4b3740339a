"""A request of one of 2,000 visitors among 100,000 sessions, beside a single visitor.

The values that eilogin caches for a visitor must hold for all visitors.
"""

import gc
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import Bench, Row, Size, Variant
from servers import HAS_REDIS, redis_server
from sites import answer, environ, guarded, site_with_cookies
from visitors import tokens_of, with_app_cookies

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: Sessions in the store, and those of them with a visitor at work.
SESSIONS, AT_WORK = 100_000, 2_000

_STORES = ("memory", "sqlite", *(("redis",) if HAS_REDIS else ()))


def _among(kind: str) -> Any:
    @contextmanager
    def setting(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
        with ExitStack() as stack:
            urls = {"memory": "memory:", "sqlite": f"sqlite:///{folder / 'uwv.db'}"}
            if kind == "redis":
                urls["redis"] = stack.enter_context(redis_server(folder / "redis"))
            app, cookies = stack.enter_context(
                guarded(folder, urls[kind], site_with_cookies)
            )
            count = size.of(AT_WORK)
            tokens = tokens_of(app, cookies, count, size.of(SESSIONS) - count)
            many = [with_app_cookies(app, token) for token in tokens]
            calls = {"many": _turns(app, many), "one": _turns(app, many[:1] * count)}
            for call in calls.values():
                for _ in range(2 * count):
                    call()
            # A collection would look at all of them.
            gc.collect()
            gc.freeze()
            try:
                yield {name: Variant(call) for name, call in calls.items()}
            finally:
                gc.unfreeze()

    return setting


def _turns(app: "WSGIApplication", cookies: Sequence[str]) -> Callable[[], object]:
    """A call that asks for the page, each time with the next cookies.

    It has as many requests of one visitor as of many, so that they differ in nothing
    else.
    """
    requests = [environ(each) for each in cookies]
    random.Random(0).shuffle(requests)  # noqa: S311 - no secret
    turns = itertools.cycle(requests)
    return lambda: answer(app, next(turns))


BENCHES = tuple(
    Bench(
        name=f"visitors-{kind}",
        what=f"a request with store = {kind}:, of {AT_WORK:,} visitors who take turns "
        f"among {SESSIONS:,} sessions, each with three cookies of the application's "
        "and one of another; beside a single visitor there",
        rows=(
            Row(
                name=f"{AT_WORK:,} visitors, {kind}:",
                this="many",
                floor="one",
                goal=1.3,
            ),
        ),
        setting=_among(kind),
        seconds=8,
    )
    for kind in _STORES
)
