"""One answer of the hub makes one session, however often and wherever it is brought.

Attacks G8: sixteen threads, two processes that share a store, a restart, a clock
that is set back, and a store that fails at any of its verbs. And a LogoutRequest is
executed once.
"""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from wsgiref.validate import validator

import pytest

from eilogin.clock import now
from eilogin.errors import StoreUnavailable
from eilogin.participant.login import pending_logins
from eilogin.saml.bindings import post_fields
from eilogin.saml.safe_xml import serialize
from eilogin.stores import Values
from eilogin.stores.store_interface import SWEEP
from eilogin.testing import Browser, Federation

THREADS = 16
#: Brings an answer in a process of its own.
BRINGER = Path(__file__).with_name("bringer.py")
MINE = "https://stad.test/mijn"


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"user=[{environ.get('REMOTE_USER', '')}]".encode()]


def make(folder, store):
    # Each federation makes keys of its own; processes of one site share a secret.
    secret = "known to all processes"
    options = {"stad.test": {"acs": "post", "store": store, "secret": secret}}
    return Federation(folder, {"stad.test": app}, options=options)


@pytest.fixture(params=["memory:", "sqlite"])
def federation(request, tmp_path):
    store = request.param
    if store == "sqlite":
        store = f"sqlite:///{tmp_path}/stad.db"
    return make(tmp_path, store)


def sessions_made(responses):
    return [
        cookie
        for response in responses
        for cookie in response.headers.getall("Set-Cookie")
        if re.match(r"__Host-eilogin=[^;]{20,}", cookie)
    ]


@pytest.fixture
def answered(federation):
    """A browser that holds the cookie of its login, and an answer not yet fetched."""
    return with_an_answer(federation)


def with_an_answer(federation):
    browser = federation.browser()
    browser.visit(MINE)
    browser.stops_before = "answer="
    browser.press("Inloggen", username="anna", password="demo-anna")
    browser.stops_before = None
    assert "answer=" in browser.url
    return browser


def bring(browser, address):
    return browser.fetch(address, **{"Sec-Fetch-Mode": "navigate"})


def twin_of(browser):
    """Another tab, which holds the same cookies until one of them gets others."""
    twin = Browser(browser.app)
    for name, value in browser.cookies("stad.test").items():
        twin.set_cookie("stad.test", name, value)
    return twin


def test_of_sixteen_threads_one_gets_a_session(answered):
    address = answered.url
    twins = [twin_of(answered) for _ in range(THREADS)]

    with ThreadPoolExecutor(THREADS) as threads:
        responses = list(threads.map(lambda twin: bring(twin, address), twins))
    assert len(sessions_made(responses)) == 1
    assert {response.status_int for response in responses} == {303}


def test_of_two_at_the_same_moment_the_late_one_is_led_to_the_page(
    federation, answered, monkeypatch
):
    address, early, in_time = answered.url, twin_of(answered), []
    claim = pending_logins.claim

    def claim_too_late(visit, pending):
        monkeypatch.setattr(pending_logins, "claim", claim)
        in_time.append(bring(early, address))
        return claim(visit, pending)

    monkeypatch.setattr(pending_logins, "claim", claim_too_late)
    late = bring(answered, address)
    assert (late.status_int, late.location) == (303, MINE)
    assert sessions_made([late]) == []
    assert len(sessions_made(in_time)) == 1
    sessions = federation.apps["stad.test"].sessions
    login = sessions.find(early.cookie("stad.test", "__Host-eilogin"))
    assert sessions.store.find(login.who.label()) == [login.key]


def test_brought_again_after_a_logout_it_makes_none(answered):
    address = answered.url
    answered.follow(address)
    assert answered.url == MINE
    answered.visit("https://stad.test/eilogin/logout")
    for _ in range(2):
        answered.visit(address)
        assert answered.page.status_int == 400
    answered.visit(MINE)
    assert answered.url.startswith("https://inloggen.test/")


def started(folder, name, answered):
    """A process of the same site, of the same store, that has the answer in hand."""
    told = json.dumps([answered.url, answered.cookies("stad.test")])
    return subprocess.Popen(
        [sys.executable, str(BRINGER), str(folder), name, told],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_of_two_processes_one_gets_a_session(tmp_path):
    answered = with_an_answer(make(tmp_path, f"sqlite:///{tmp_path}/stad.db"))
    with (
        started(tmp_path, "one", answered) as one,
        started(tmp_path, "two", answered) as two,
    ):
        processes = (one, two)
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        told = [process.communicate()[0] for process in processes]
    assert sorted(told) == ["0\n", "1\n"]


# --- after a restart ----------------------------------------------------------------


def started_again(folder, name):
    """The same site in a new process: from the same store, with the same secret."""
    own = Path(folder, name)
    own.mkdir()
    return make(own, f"sqlite:///{folder}/stad.db")


def test_a_restart_forgets_no_answer_that_was_used(tmp_path):
    answered = with_an_answer(make(tmp_path, f"sqlite:///{tmp_path}/stad.db"))
    address, twin = answered.url, twin_of(answered)
    answered.follow(address)
    assert answered.url == MINE
    answered.visit("https://stad.test/eilogin/logout")

    twin.app = validator(started_again(tmp_path, "restarted"))
    twin.visit(address)
    assert twin.page.status_int == 400
    assert twin.cookie("stad.test", "__Host-eilogin") is None


def test_nor_one_that_still_waits(tmp_path):
    """The good twin: it was not used before the restart."""
    answered = with_an_answer(make(tmp_path, f"sqlite:///{tmp_path}/stad.db"))
    answered.app = validator(started_again(tmp_path, "restarted"))
    answered.visit(answered.url)
    assert answered.url == MINE
    assert re.fullmatch(r"user=\[.+\]", answered.text)


# --- a store that fails -------------------------------------------------------------


class FailsOnce:
    """A store of which one call fails, before it has done anything or after that."""

    def __init__(self, store, number, *, is_done):
        self._store = store
        self._left = number
        self._is_done = is_done
        self.has_failed = False

    def __getattr__(self, name):
        found = getattr(self._store, name)
        return partial(self._call, found) if callable(found) else found

    def _call(self, verb, *values, **named):
        self._left -= 1
        if self._left != 0:
            return verb(*values, **named)
        self.has_failed = True
        if self._is_done:
            verb(*values, **named)
        raise StoreUnavailable("a test has it fail")


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_store_failure_never_lets_a_replay_create_two_sessions(tmp_path, is_done):
    """It fails at its first call, then at its second, until it did not fail."""
    for number in count(1):
        folder = tmp_path / str(number)
        folder.mkdir()
        federation = make(folder, "memory:")
        answered = with_an_answer(federation)
        address, sessions = answered.url, federation.apps["stad.test"].sessions
        store = FailsOnce(sessions.store, number, is_done=is_done)
        sessions.store = store
        first = bring(answered, address)
        if not store.has_failed:
            break
        assert first.status_int in (303, 503)
        if first.status_int == 503:
            assert sessions_made([first]) == []
        sessions.store = store._store  # noqa: SLF001 - our own
        again = bring(answered, address)
        assert again.status_int in (303, 400)
        made = sessions_made([first, again])
        assert len(made) <= 1
        assert len(sessions_in(sessions)) <= 1
    assert len(sessions_made([first])) == 1, "the good twin"
    assert number > 5


def sessions_in(sessions):
    """All of anna's, by the store."""
    return sessions.store._sessions  # noqa: SLF001 - of memory; there is no list


# --- a clock that is set back -------------------------------------------------------

HUB = "https://inloggen.test"
SKEW, MESSAGE = 60, 120


class TestAClockThatIsSetBack:
    """By less than clocks may differ, when what was used is too old to be kept."""

    @pytest.fixture
    def federation(self, clock, eilogin_federation):
        stad = {"acs": "post", "protect": "=/ optional"}
        return eilogin_federation(
            dict.fromkeys(("stad.test", "uwv.test"), app), options={"stad.test": stad}
        )

    @pytest.fixture
    def is_forgotten(self, federation, clock):
        """All that is over goes from the stores, and then the clock is set back."""

        hosts = ("stad.test", "inloggen.test")
        stores = [federation.apps[host].sessions.store for host in hosts]

        def step(seconds):
            clock.shift(seconds)
            for store in stores:
                for number in range(2 * SWEEP):
                    store.add(f"step {seconds} {number}", "", now() + 1)
            clock.shift(1 - SKEW)

        return step

    def signed_in(self, federation, citizen=None):
        browser = citizen or federation.browser()
        browser.visit(MINE)
        browser.press("Inloggen", username="anna", password="demo-anna")
        assert browser.url == MINE
        return browser

    def is_in(self, browser):
        return browser.fetch(MINE).status_int == 200

    def login_of(self, federation, browser):
        cookie = browser.cookie("stad.test", "__Host-eilogin")
        return federation.apps["stad.test"].sessions.find(cookie)

    def test_a_logout_that_the_hub_sent_is_known_still(
        self, federation, call, hub_of, clock, is_forgotten
    ):
        browser, hub = self.signed_in(federation), hub_of(federation)
        name_id = self.login_of(federation, browser).who.as_name_id()
        address = "https://stad.test/eilogin/slo/soap"
        # The hub's clock is ahead, so that it is fresh for as long as can be.
        element = hub.logout_request(name_id, address, issued=now() + SKEW)
        body = hub.by_soap(element)
        assert call("POST", address, body, Content_Type="text/xml").status_int == 200
        assert not self.is_in(browser)
        clock.shift(SKEW + 1)
        browser.visit(MINE)
        assert browser.url == MINE, "by the hub, which knows her still"
        is_forgotten(MESSAGE + SKEW)
        assert call("POST", address, body, Content_Type="text/xml").status_int == 200
        assert self.is_in(browser)

    def test_nor_is_one_at_the_hub_executed_twice(
        self, federation, party, call, clock, is_forgotten
    ):
        browser, stad = self.signed_in(federation), party("stad.test")
        browser.visit("https://uwv.test/mijn")
        name_id = self.login_of(federation, browser).who.as_name_id()
        address = f"{HUB}/slo/soap"
        element = stad.logout_request(name_id, address, issued=now() + SKEW)
        body = stad.by_soap(element)
        assert call("POST", address, body, Content_Type="text/xml").status_int == 200
        clock.shift(SKEW + 1)
        browser.forget("stad.test")
        self.signed_in(federation, browser)
        is_forgotten(MESSAGE + SKEW)
        assert call("POST", address, body, Content_Type="text/xml").status_int == 200
        browser.forget("stad.test")
        browser.visit(MINE)
        assert browser.url == MINE, "by the hub, which knows her still"

    def test_an_answer_is_used_once_though_a_power_failure_undid_the_rest(
        self, federation, hub_of, asked, is_forgotten, caplog
    ):
        """Only that it was used is on the disk before anybody is answered."""
        browser, hub = federation.browser(), hub_of(federation)
        federation.apps["inloggen.test"] = app
        browser.visit(MINE)
        request, handle = asked(browser.trail[1])
        thief = twin_of(browser)
        fields = post_fields("SAMLResponse", serialize(hub.answer(request)), handle)
        browser.post(request.acs_url, site="cross-site", **fields)
        assert browser.url == MINE
        sessions = federation.apps["stad.test"].sessions
        values = Values(sessions.store, federation.trusts["stad.test"].own.entity_id)
        assert values.take(f"login:{handle}") is not None
        is_forgotten(MESSAGE + SKEW)
        thief.post(request.acs_url, site="cross-site", **fields)
        assert thief.page.status_int == 400
        assert "(message-replayed)" in caplog.text
        assert thief.cookie("stad.test", "__Host-eilogin") is None
