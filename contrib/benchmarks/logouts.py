"""Ending sessions: in a store, and at all participants that a hub has told."""

import logging
import random
import secrets
import socket
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from measuring import Bench, Row, Size, Variant
from servers import HAS_REDIS, answering_participants, redis_server
from sites import site

from eilogin import clock
from eilogin.http_client import BackChannel
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import Store, StoredSession, open_store
from eilogin.stores.sqlite import SQLiteStore, sqlite_rows
from eilogin.testing import Federation
from eilogin.testing.in_process_federation import HUB

#: How many participants have a session to end. Some of them take a while, some refuse
#: to be called and some never answer; the others answer at once.
PARTICIPANTS = 100
SLOW = 30
REFUSED = 10
SILENT = 10
#: How long those take, and for how long a hub waits unless it says so, in seconds.
SLOWEST = 1.0
TIMEOUT = 5.0
#: For how long where the figures mean nothing: enough for a machine that is busy.
QUICK_TIMEOUT = 2.0

_WELL = "well"
_DEAD = ("refused", "silent")

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
            for one in others(size.of(count)):
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
        for one in others(count):
            sqlite_rows.insert(write, one, one.labels, now)
    return store


def others(count: int) -> Iterator[StoredSession]:
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


class _Road(BackChannel):
    """The real back channel, by which hosts are found where they answer.

    ``manners`` say by host how it answers, as ``answering`` takes them; those that are
    dead do so at once, too, unless ``has_dead``.
    """

    def __init__(
        self, manners: Mapping[str, str], port: int, refused: int, timeout: float
    ) -> None:
        super().__init__(timeout=timeout)
        self._manners = manners
        self._port = port
        self._refused = refused
        self.has_dead = False
        #: When each had answered, and what it was told last.
        self.answered: dict[str, float] = {}
        self.told: dict[str, tuple[str, bytes]] = {}

    def post(self, url: str, body: bytes, *, timeout: float | None = None) -> bytes:
        host = urlsplit(url).hostname or ""
        manner = self._manners[host]
        if manner in _DEAD and not self.has_dead:
            manner = _WELL
        port = self._refused if manner == "refused" else self._port
        # A host for each, so that no connection is shared.
        found = f"http://{host.removesuffix('.test')}.localhost:{port}/{manner}"
        answer = super().post(found, body, timeout=timeout)
        self.told[host] = found, body
        self.answered[host] = time.perf_counter()
        return answer

    @property
    def last(self) -> float:
        """When the last one had answered of those that always do so at once."""
        return max(
            when for host, when in self.answered.items() if self._manners[host] == _WELL
        )

    def has_all(self) -> bool:
        """Whether all have answered that are not dead."""
        return self.answered.keys() == {
            host
            for host, manner in self._manners.items()
            if manner not in _DEAD or not self.has_dead
        }


@contextmanager
def _telling(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    is_quick = size.divisor > 1
    slowest = SLOWEST / size.divisor
    timeout = QUICK_TIMEOUT if is_quick else TIMEOUT
    kinds = [(f"slow/{slowest}", SLOW), ("refused", REFUSED), ("silent", SILENT)]
    kinds.append((_WELL, PARTICIPANTS - SLOW - REFUSED - SILENT))
    every = [manner for manner, count in kinds for _ in range(size.of(count))]
    # Mixed, so that those who are healthy are not told before or after all others.
    random.Random(7).shuffle(every)  # noqa: S311 - no secret
    manners = {f"p{number}.test": manner for number, manner in enumerate(every)}
    federation = Federation(
        folder,
        dict.fromkeys(manners, site),
        hub_options={"logout_timeout": f"{timeout:g}s"},
    )
    ids = {host: federation.trusts[host].own.entity_id for host in manners}
    log = logging.getLogger("eilogin")
    nowhere = logging.NullHandler()
    with (
        ExitStack() as stack,
        answering_participants(folder, ids) as port,
        closing(socket.socket()) as refusing,
    ):
        # Nobody listens at it, and nobody else gets it.
        refusing.bind(("127.0.0.1", 0))
        road = _Road(manners, port, refusing.getsockname()[1], timeout)
        hub = federation.apps[HUB].app  # type: ignore[attr-defined]
        hub.trust = replace(hub.trust, back_channel=road)
        # That some are not reached is what is measured, and need not be read.
        log.addHandler(nowhere)
        try:
            yield {
                # The times of the last ones are those of the logout above them.
                **_logout(federation, list(manners), road, has_dead=False),
                "ready": stack.enter_context(_ready(road, len(manners))),
                **_logout(federation, list(manners), road, has_dead=True),
                "slowest": Variant(lambda: slowest, says_seconds=True),
                "time-out": Variant(lambda: timeout, says_seconds=True),
            }
        finally:
            log.removeHandler(nowhere)


def _logout(
    federation: Federation, hosts: Sequence[str], road: _Road, *, has_dead: bool
) -> Mapping[str, Variant]:
    """A logout with the dead ones or without, and until when it tells a healthy one."""
    browser = federation.browser()
    began = 0.0

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
        road.has_dead = has_dead
        road.answered.clear()

    def log_out() -> None:
        nonlocal began
        began = time.perf_counter()
        browser.press("Overal uitloggen")
        is_everywhere = "U bent overal uitgelogd" in browser.text
        assert is_everywhere is not has_dead, browser.text
        assert road.has_all(), "somebody who is not dead was not told"

    name = "with dead" if has_dead else "without"
    return {
        name: Variant(log_out, before=log_in_everywhere),
        f"last {name}": Variant(lambda: road.last - began, says_seconds=True),
    }


@contextmanager
def _ready(road: _Road, count: int) -> Iterator[Variant]:
    """The messages of the logout before it, sent ready: no answer is looked at."""
    connections: dict[str, HTTPConnection] = {}

    def connect() -> None:
        for host, (url, _) in road.told.items():
            if host not in connections:
                at = urlsplit(url)
                connections[host] = HTTPConnection("127.0.0.1", at.port)
                connections[host].connect()

    def exchange(host: str) -> bytes:
        url, body = road.told[host]
        at, connection = urlsplit(url), connections[host]
        connection.request("POST", at.path, body, {"Host": at.netloc})
        return connection.getresponse().read()

    with ThreadPoolExecutor(count) as threads:
        yield Variant(lambda: list(threads.map(exchange, connections)), before=connect)
    for connection in connections.values():
        connection.close()


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
                seconds=25,
            ),
        )
        if HAS_REDIS
        else ()
    ),
    Bench(
        name="logout",
        what=f"a logout told to {PARTICIPANTS} participants over HTTP, of whom {SLOW} "
        f"take {SLOWEST:g} s, and of whom {REFUSED} refuse and {SILENT} are silent or "
        "none, beside the slowest answer or the time-out; the peer sends messages that "
        "are ready and reads no answer; not without its name, for it waits for them",
        rows=(
            Row(
                name=f"logout told to {PARTICIPANTS}, {SLOW} slow",
                this="without",
                floor="slowest",
                goal=1.1,
                peer="ready",
            ),
            Row(
                name=f"{PARTICIPANTS} ready messages sent at once, {SLOW} slow",
                this="ready",
                floor="slowest",
            ),
            Row(
                name=f"logout told to {PARTICIPANTS}, {SLOW} slow, "
                f"{REFUSED + SILENT} dead",
                this="with dead",
                floor="time-out",
                goal=1.1,
            ),
            Row(
                name="last healthy one told, with dead ones by without",
                this="last with dead",
                floor="last without",
                goal=1.5,
            ),
        ),
        setting=_telling,
        is_heavy=True,
        most_rounds=3,
        seconds=55,
    ),
)
