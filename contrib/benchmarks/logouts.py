"""Ending sessions: in a store, and at all participants that a hub has told."""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from measuring import Bench, Row, Size, Variant
from sites import site

from eilogin import clock
from eilogin.backchannel import BackChannel
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import open_store
from eilogin.testing import Federation
from eilogin.testing.federation import HUB

#: How many participants have a session to end, and how long the slowest one takes.
PARTICIPANTS = 10
SLOWEST = 0.5

# --- in a store ---------------------------------------------------------------------


@contextmanager
def _ending(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    store = open_store(f"sqlite:///{folder / 'sessions.db'}")
    sessions = Sessions(store, idle=900.0, max_session=7200.0)
    subject = Subject("https://inloggen.test", "https://uwv.test", "q7Xw2")

    def log_in() -> None:
        now = clock.now()
        login = Login(subject, "basis", started=now, ends=now + 7200, confirmed=now)
        sessions.create_login(login, issued=now)

    def end() -> None:
        assert sessions.end_subject(subject, issued=clock.now()), "nothing to end"

    with closing(store), closing(_one_row(folder / "floor.db")) as connection:
        yield {
            "end": Variant(end, before=log_in),
            "floor": Variant(
                lambda: connection.execute("INSERT INTO mark VALUES (?)", (1.0,))
            ),
        }


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
        what="all sessions of a subject ended in sqlite:///, with its mark, beside one "
        "durable commit of one row",
        rows=(Row(name="sessions ended by subject", this="end", floor="floor"),),
        setting=_ending,
        samples=20,
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
