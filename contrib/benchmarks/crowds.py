"""A request among few sessions and among many: what it costs must not grow."""

import gc
import itertools
import random
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from measuring import Bench, Row, Size, Variant
from servers import HAS_REDIS, redis_server
from sites import COOKIE, answer, environ, guarded, requests_to

from eilogin import clock
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import Store, StoredSession
from eilogin.stores.memory_store import MemoryStore
from eilogin.stores.sqlite import SQLiteStore, sqlite_rows

#: How many sessions live in the store.
CROWDS = (10, 10_000, 1_000_000)
#: How many of them, picked at random, somebody is at work in.
AT_WORK = 1_000

_STORES = ("memory", "sqlite", *(("redis",) if HAS_REDIS else ()))


def _among(kind: str) -> Any:
    @contextmanager
    def setting(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
        with ExitStack() as stack:
            calls = {
                str(crowd): _requests(stack, kind, folder / str(crowd), size.of(crowd))
                for crowd in CROWDS
            }
            for call in calls.values():
                # They are seen now, which is written once a minute and not measured.
                for _ in range(AT_WORK):
                    call()
            yield {name: Variant(call) for name, call in calls.items()}

    return setting


def _requests(
    stack: ExitStack, kind: str, folder: Path, crowd: int
) -> Callable[[], object]:
    """A call that asks for the page, each time as another of those at work."""
    folder.mkdir()
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{folder / 'uwv.db'}"}
    if kind == "redis":
        urls["redis"] = stack.enter_context(redis_server(folder / "redis"))
    app, cookies = stack.enter_context(guarded(folder, urls[kind]))
    sessions: Sessions = app.sessions  # type: ignore[attr-defined]
    login = sessions.find(cookies.partition("=")[2])
    assert login is not None
    tokens = [one_more(sessions, login) for _ in range(min(crowd, AT_WORK))]
    _fill(sessions.store, login, crowd - len(tokens))
    random.Random(0).shuffle(tokens)  # noqa: S311 - no secret
    requests_to(app, f"{COOKIE}={tokens[0]}")()
    # As many requests for few as for many, so that they differ in nothing else.
    some = itertools.islice(itertools.cycle(tokens), AT_WORK)
    asked = itertools.cycle([environ(f"{COOKIE}={token}") for token in some])
    gc.freeze()
    return lambda: answer(app, next(asked))


def one_more(sessions: Sessions, login: Login) -> str:
    """The cookie of one more citizen."""
    who = Subject(login.who.issuer, login.who.audience, secrets.token_hex(16))
    now = clock.now()
    return sessions.create_login(replace(login, who=who, family="", key=""), issued=now)


def _fill(store: Store, login: Login, count: int) -> None:
    """Sessions of others, who do nothing now; as long as any, and quickly made."""
    made = (_idle(login.to_json()) for _ in range(count))
    if isinstance(store, SQLiteStore):
        now = clock.now()
        with store._writing() as (write, _):  # noqa: SLF001 - a verb for it is not needed
            for one in made:
                sqlite_rows.insert(write, one, one.labels, now)
    elif isinstance(store, MemoryStore):
        for one in made:
            store.create(one, issued=clock.now())
    else:
        _fill_redis(store, made)


def _idle(data: str) -> StoredSession:
    names = [secrets.token_hex(33) for _ in range(3)]
    key, *labels = [f"{name[:2]}:{name[2:]}" for name in names]
    now = clock.now()
    # Of the same shard as their session, in whatever order they come.
    labels = [f"{key[:2]}{label[2:]}" for label in labels]
    return StoredSession(key, data[:-1] + " }", now, now + 7200, tuple(labels))


def _fill_redis(store: Any, made: Iterator[StoredSession]) -> None:
    # Not needed, and not there, where nothing of Redis is measured.
    from redis import Redis  # noqa: PLC0415

    with Redis.from_url(str(store.url)) as client:
        pipeline = client.pipeline(transaction=False)
        for number, one in enumerate(made, 1):
            text = f"{one.until!r} {one.seen!r} {one.data}"
            pipeline.set(f"{{eilogin}}:s:{one.key}", text, ex=7200)
            if number % 1_000 == 0:
                pipeline.execute()
        pipeline.execute()


def _rows(kind: str) -> tuple[Row, ...]:
    few = CROWDS[0]
    return tuple(
        Row(
            name=f"request among {crowd:,} sessions, {kind}:",
            this=str(crowd),
            floor=str(few),
            goal=1.3,
        )
        for crowd in CROWDS[1:]
    )


BENCHES = tuple(
    Bench(
        name=f"crowd-{kind}",
        what=f"a request with store = {kind}:, of one of {AT_WORK:,} who are at work, "
        f"where many sessions live, beside the same where {CROWDS[0]} do; takes long "
        "and gigabytes, so only where it is asked for by name",
        rows=_rows(kind),
        setting=_among(kind),
        is_heavy=True,
    )
    for kind in _STORES
)
