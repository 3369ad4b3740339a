"""A crowd that logs out at the same moment, at a hub with the usual number of slots."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from measuring import Bench, Row, Size, Variant
from sites import COOKIE, site

from eilogin import clock
from eilogin.saml import messages
from eilogin.sessions import Login, Participant, Sessions, Subject
from eilogin.testing import Federation
from eilogin.testing.in_process_federation import HUB
from eilogin.testing.strict_browser import Browser

#: So many visitors, each logged in at so many sites.
VISITORS = 100
SITES = 2
#: In how many seconds all of them are to be logged out everywhere.
ALLOWED = 10.0


@contextmanager
def _crowd(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    hosts = [f"p{number}.test" for number in range(SITES)]
    federation = Federation(folder, dict.fromkeys(hosts, site))
    browsers: list[Browser] = []

    def log_in() -> None:
        names = [f"visitor {messages.new_id()}" for _ in range(size.of(VISITORS))]
        browsers[:] = [_logged_in(federation, hosts, name) for name in names]

    def log_out() -> None:
        together = threading.Barrier(len(browsers))
        with ThreadPoolExecutor(len(browsers)) as threads:
            done = [threads.submit(_log_out, one, together) for one in browsers]
        for one in done:
            one.result()

    yield {
        "crowd": Variant(log_out, before=log_in),
        "allowed": Variant(lambda: ALLOWED / size.divisor, says_seconds=True),
    }


def _logged_in(federation: Federation, hosts: Sequence[str], name: str) -> Browser:
    """A browser at the button of the hub, of somebody who is in at all sites."""
    hub = federation.trusts[HUB].own.entity_id
    sessions = _sessions(federation, HUB)
    browser = federation.browser()
    browser.set_cookie(HUB, COOKIE, _created(sessions, Subject(hub, hub, name)))
    login = sessions.find(browser.cookie(HUB, COOKIE) or "")
    assert login is not None
    for host in hosts:
        entity_id = federation.trusts[host].own.entity_id
        who, index = Subject(hub, entity_id, name), messages.new_id()
        _created(_sessions(federation, host), who, index)
        told = Participant(entity_id, who, index, clock.now())
        assert sessions.add_participant(login, told), "the hub has no room for it"
    browser.visit(f"https://{HUB}/")
    return browser


def _created(sessions: Sessions, who: Subject, index: str | None = None) -> str:
    now = clock.now()
    login = Login(
        who, "basis", started=now, ends=now + 7200, confirmed=now, session_index=index
    )
    return sessions.create_login(login, issued=now)


def _sessions(federation: Federation, host: str) -> Sessions:
    return federation.apps[host].sessions  # type: ignore[attr-defined, no-any-return]


def _log_out(browser: Browser, together: threading.Barrier) -> None:
    """Press the button with all others; a page that comes back by itself does so."""
    together.wait()
    browser.press("Overal uitloggen")
    while browser.page.status_int == HTTPStatus.SERVICE_UNAVAILABLE:
        time.sleep(float(browser.page.headers["Refresh"]))
        browser.reload()
    assert "U bent overal uitgelogd" in browser.text, browser.text


BENCHES = (
    Bench(
        name="logout-crowd",
        what=f"{VISITORS} visitors press the hub's button at the same moment, each "
        f"logged in at {SITES} sites, until all are logged out everywhere, beside the "
        f"{ALLOWED:g} s that it may take; not without its name, for it takes seconds",
        rows=(
            Row(
                name=f"{VISITORS} logouts at once",
                this="crowd",
                floor="allowed",
                goal=1.0,
            ),
        ),
        setting=_crowd,
        is_heavy=True,
        most_rounds=3,
        seconds=12,
    ),
)
