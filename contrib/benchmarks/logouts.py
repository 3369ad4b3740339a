"""Ending sessions: in a store, and at all participants that a hub has told."""

import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from measuring import Bench, Row, Size, Variant
from servers import HAS_REDIS, redis_server
from sites import site

from eilogin import clock
from eilogin.backchannel import BackChannel
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import Store, StoredSession, open_store
from eilogin.stores.sqlite import SQLiteStore, rows
from eilogin.testing import Federation
from eilogin.testing.federation import HUB

#: How many participants have a session to end, and how long the slowest one takes.
PARTICIPANTS = 10
SLOWEST = 0.5

#: How many others have a session in the store.
FEW = 1_000
MANY = 100_000

# --- in a store ---------------------------------------------------------------------


@contextmanager
def _ending(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    with (
        closing(_filled(folder / "few.db", size.of(FEW))) as few,
        closing(_filled(folder / "many.db", size.of(MANY))) as many,
        closing(_one_row(folder / "floor.db")) as connection,
    ):
        yield {
            "few": _one_more(few),
            "many": _one_more(many),
            "floor": Variant(
                lambda: connection.execute("INSERT INTO mark VALUES (?)", (1.0,))
            ),
        }


@contextmanager
def _ending_in_redis(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    # Not needed, and not there, where nothing of Redis is measured.
    from redis import Redis  # noqa: PLC0415

    with ExitStack() as stack:
        ends = {}
        for name, count in (("few", FEW), ("many", MANY)):
            url = stack.enter_context(redis_server(folder / name))
            client = stack.enter_context(closing(Redis.from_url(url)))
            store = stack.enter_context(closing(open_store(url)))
            # Not one by one to the disk until it is measured.
            client.config_set("appendfsync", "no")
            for one in _others(size.of(count)):
                store.create(one, issued=clock.now())
            client.config_set("appendfsync", "always")
            ends[name] = _one_more(store)
        yield {**ends, "floor": Variant(lambda: client.set("mark", "1.0"))}


def _one_more(store: Store) -> Variant:
    """She logs in, and then all her sessions are ended."""
    sessions = Sessions(store, idle=900.0, max_session=7200.0)
    subject = Subject("https://inloggen.test", "https://uwv.test", "q7Xw2")

    def log_in() -> None:
        now = clock.now()
        login = Login(subject, "basis", started=now, ends=now + 7200, confirmed=now)
        sessions.create_login(login, issued=now)

    def end() -> None:
        assert sessions.end_subject(subject, issued=clock.now()), "nothing to end"

    return Variant(end, before=log_in)


def _filled(path: Path, count: int) -> SQLiteStore:
    """A store with so many sessions of others, made in one transaction."""
    store = SQLiteStore(path)
    with store._writing() as (write, now):  # noqa: SLF001 - a verb for it is not needed
        for one in _others(count):
            rows.insert(write, one, one.labels, now)
    return store


def _others(count: int) -> Iterator[StoredSession]:
    """Sessions of a usual size, which end within the two hours, one by one."""
    now = clock.now()
    for number in range(count):
        shard = f"{number % 256:02x}"
        names = [f"{shard}:{secrets.token_hex(32)}" for _ in range(3)]
        until = now + 3600 + 3600 * number / count
        yield StoredSession(names[0], "-" * 600, now, until, tuple(names))


def _one_row(path: Path) -> sqlite3.Connection:
    """A table, and a connection of which each commit is on the disk."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE mark (instant REAL)")
    return connection


# --- at all participants ------------------------------------------------------------


class _Slow(BackChannel):
    """A back channel on which each peer takes its own time, the last one longest."""

    def __init__(self, inner: BackChannel, delays: Mapping[str, float]) -> None:
        super().__init__()
        self._inner = inner
        self._delays = delays

    def post(self, url: str, body: bytes, *, timeout: float | None = None) -> bytes:
        time.sleep(self._delays[urlsplit(url).hostname or ""])
        return self._inner.post(url, body, timeout=timeout)


@contextmanager
def _telling(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    hosts = [f"p{number}.test" for number in range(size.of(PARTICIPANTS))]
    delays = {
        host: SLOWEST * number / len(hosts) for number, host in enumerate(hosts, 1)
    }
    federation = Federation(folder, dict.fromkeys(hosts, site))
    slow = _Slow(federation.trusts[HUB].back_channel, delays)
    hub = federation.apps[HUB].app  # type: ignore[attr-defined]
    hub.trust = replace(hub.trust, back_channel=slow)
    browser = federation.browser()

    def log_in_everywhere() -> None:
        # Nobody logs in at one page as often as this: a browser would be stopped.
        nonlocal browser
        browser = federation.browser()
        browser.visit(f"https://{hosts[0]}/")
        browser.press("Inloggen", username="anna", password="demo-anna")  # noqa: S106
        for host in hosts[1:]:
            browser.visit(f"https://{host}/")
            assert browser.url == f"https://{host}/", browser.text
        browser.visit(f"https://{HUB}/")

    def log_out() -> None:
        browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" in browser.text

    yield {
        "logout": Variant(log_out, before=log_in_everywhere),
        "floor": Variant(lambda: time.sleep(SLOWEST)),
    }


BENCHES = (
    Bench(
        name="end",
        what="all sessions of a subject ended in sqlite:///, with its mark, where few "
        "or many others live, beside one durable commit of one row",
        rows=(
            Row(
                name=f"sessions ended by subject, {FEW:,} live",
                this="few",
                floor="floor",
                goal=1.5,
            ),
            Row(
                name=f"sessions ended by subject, {MANY:,} live",
                this="many",
                floor="floor",
                goal=1.5,
            ),
        ),
        setting=_ending,
        samples=20,
    ),
    *(
        (
            Bench(
                name="end-redis",
                what="the same in redis://, beside one SET of redis-py; not without "
                "its name, for it takes a while to make so many",
                rows=tuple(
                    Row(
                        name=f"sessions ended by subject, redis:, {count:,} live",
                        this=name,
                        floor="floor",
                        goal=1.5,
                    )
                    for name, count in (("few", FEW), ("many", MANY))
                ),
                setting=_ending_in_redis,
                samples=20,
                is_heavy=True,
            ),
        )
        if HAS_REDIS
        else ()
    ),
    Bench(
        name="logout",
        what=f"a logout told to {PARTICIPANTS} participants, beside the slowest one",
        rows=(
            Row(
                name=f"logout told to {PARTICIPANTS}",
                this="logout",
                floor="floor",
                goal=1.1,
            ),
        ),
        setting=_telling,
    ),
)
