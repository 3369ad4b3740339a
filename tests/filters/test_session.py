"""The filter that finds the visitor's session, alone and in front of the others."""

import itertools
import re
import time
from wsgiref.validate import validator

import pytest
from real_parts import free_ports
from webtest import TestApp as Client

from eilogin import clock as instants
from eilogin.errors import ConfigurationError, InvalidOptions, StoreUnavailable
from eilogin.filters import session as session_room
from eilogin.filters.session import make_session
from eilogin.sessions import Login, Subject
from eilogin.stores import START_TIMEOUT, circuit_breaker
from eilogin.stores.memory_store import MemoryStore
from eilogin.web import environ as env

MINUTE = 60
HOUR = 3600


@pytest.fixture
def make(clock, witness):
    """The filter around an application; ``options`` over a memory store."""

    def make(**options):
        said = {"store": "memory:", **options}
        return make_session(validator(witness), {}, **said)

    return make


@pytest.fixture
def session(make):
    return make()


def visit(session, cookie=""):
    """One request with this Cookie header."""
    headers = {"Cookie": cookie} if cookie else {}
    return Client(validator(session)).get("https://uwv.test/mijn", headers=headers)


@pytest.fixture
def log_in():
    """Make a login at a session filter; the return is the Cookie header."""

    def make_login(session, name="eilogin"):
        started = instants.now()
        login = Login(
            who=Subject("https://hub.test/", "https://uwv.test/", "anna"),
            level="basis",
            started=started,
            ends=float("inf"),
            confirmed=started,
        )
        token = session.sessions.create_login(login, issued=started)
        return f"__Host-{name}={token}"

    return make_login


class CountingStore:
    """The reads of a store."""

    def __init__(self, store):
        self.store = store
        self.asked = []

    def __getattr__(self, verb):
        self.asked.append(verb)
        return getattr(self.store, verb)


class BrokenStore:
    """A store that does not answer, until it is ``whole`` again."""

    def __init__(self, whole):
        self.whole = whole

    def __getattr__(self, verb):
        raise StoreUnavailable("the disk is gone")


class TestWhoHasNoSession:
    def test_is_nobody(self, session, witness):
        visit(session)
        assert witness.environ[env.SESSION] is None

    def test_costs_no_read_of_the_store(self, session):
        session.sessions.store = CountingStore(session.sessions.store)
        visit(session)
        assert session.sessions.store.asked == []

    def test_passes_with_what_the_other_filters_need(self, session, witness):
        visit(session)
        assert witness.environ[env.SESSIONS] is session.sessions
        assert witness.environ[env.COOKIE].name == "eilogin"
        assert env.SESSION_FAULT not in witness.environ

    @pytest.mark.parametrize(
        "cookie",
        [
            "__Host-eilogin=",
            "__Host-eilogin=x",
            "__Host-eilogin=" + "a" * 45,
            "__Host-eilogin=" + "A" * 10_000,
            "eilogin={token}",
            "__Host-eilogin={key}",
            "__Host-eilogin={token}; __Host-eilogin=other",
        ],
        ids=["empty", "short", "made up", "long", "no prefix", "store's key", "two"],
    )
    def test_gets_none_by_a_cookie_that_is_not_ours(
        self, session, log_in, witness, cookie
    ):
        token = log_in(session).partition("=")[2]
        key = session.sessions.key_of(token)
        visit(session, cookie.format(token=token, key=key))
        assert witness.environ[env.SESSION] is None


class TestWhoIsLoggedIn:
    def test_is_found_by_her_cookie(self, session, log_in, witness):
        visit(session, f"lang=nl; {log_in(session)}; x")
        assert witness.environ[env.SESSION].subject == "anna"

    def test_costs_one_read_of_the_store(self, session, log_in):
        cookie = log_in(session)
        session.sessions.store = CountingStore(session.sessions.store)
        visit(session, cookie)
        assert session.sessions.store.asked == ["read"]

    def test_gets_no_new_cookie(self, session, log_in):
        assert "Set-Cookie" not in visit(session, log_in(session)).headers

    def test_is_nobody_from_the_request_after_a_logout_elsewhere(
        self, session, log_in, witness
    ):
        cookie = log_in(session)
        visit(session, cookie)
        session.sessions.end_citizen(witness.environ[env.SESSION])
        visit(session, cookie)
        assert witness.environ[env.SESSION] is None

    @pytest.mark.parametrize(
        "limit",
        [
            ({}, 15 * MINUTE),
            ({"idle": "5m"}, 5 * MINUTE),
            ({"idle": "3h"}, 2 * HOUR),
            ({"idle": "3h", "max_session": "1h"}, HOUR),
        ],
        ids=["idle", "idle as told", "two hours", "as long as told"],
    )
    def test_is_known_until_her_limits(self, make, log_in, clock, witness, limit):
        options, lasts = limit
        session = make(**options)
        cookie = log_in(session)
        clock.shift(lasts - 1)
        visit(session, cookie)
        assert witness.environ[env.SESSION] is not None
        clock.shift(2)
        visit(session, cookie)
        assert witness.environ[env.SESSION] is None

    def test_has_a_cookie_of_another_name_where_an_option_says_so(
        self, make, log_in, witness
    ):
        session = make(cookie="__Host-uwv")
        visit(session, log_in(session, "uwv"))
        assert witness.environ[env.SESSION] is not None
        visit(session, log_in(session, "eilogin"))
        assert witness.environ[env.SESSION] is None


class TestWhileTheStoreIsDown:
    def test_nobody_is_logged_in_and_the_others_can_tell_why(
        self, session, log_in, witness
    ):
        cookie = log_in(session)
        session.sessions.store = BrokenStore(session.sessions.store)
        assert visit(session, cookie).status_int == 200
        assert witness.environ[env.SESSION] is None
        fault = witness.environ[env.SESSION_FAULT]
        assert isinstance(fault, StoreUnavailable)

    @pytest.fixture
    def browser(self, federation, hub, asked):
        """Logged in at a participant whose store then breaks."""
        browser = federation.browser()
        browser.visit("https://land.test/mijn")
        request, handle = asked(browser.trail[1])
        browser.post(
            "https://land.test/eilogin/acs",
            site="cross-site",
            **hub.by_post("SAMLResponse", hub.answer(request), handle),
        )
        assert browser.url == "https://land.test/mijn"
        sessions = federation.apps["land.test"].sessions
        sessions.store = BrokenStore(sessions.store)
        return browser

    def test_nobody_is_said_to_have_failed_to_log_in(self, browser, events, caplog):
        events_before = len(events())
        browser.visit("https://land.test/mijn")
        browser.fetch("https://land.test/eilogin/session")
        assert len(events()) == events_before
        told = [m for m in caplog.messages if "(store-unavailable)" in m]
        assert len(told) == 2
        assert all(" store failed " in message for message in told)

    def test_login_returns_503_while_the_store_is_down(self, browser, events):
        browser.visit("https://land.test/eilogin/login")
        assert browser.page.status_int == 503
        [event] = events("login")[-1:]
        assert (event["outcome"], event["reason"]) == ("failed", "store-unavailable")

    def test_a_page_that_needs_a_login_says_so(self, browser, witness, caplog):
        seen = len(witness.seen)
        browser.visit("https://land.test/mijn")
        assert browser.trail == ["https://land.test/mijn"]
        assert browser.page.status_int == 503
        reference = re.search(r"\b\w{3}-\w{3}\b", browser.text)[0]
        assert any(m.startswith(reference) for m in caplog.messages)
        assert "disk" not in browser.text
        assert len(witness.seen) == seen

    def test_a_background_call_gets_json_that_says_so(self, browser):
        answer = browser.fetch("https://land.test/mijn")
        assert answer.status_int == 503
        assert answer.json["reason"] == "store-unavailable"

    def test_pages_that_are_off_go_on(self, browser, witness):
        browser.visit("https://land.test/static/style.css")
        assert browser.page.status_int == 200
        assert "REMOTE_USER" not in witness.environ

    def test_an_open_page_takes_who_may_be_logged_in_for_no_stranger(self, browser):
        browser.visit("https://land.test/")
        assert browser.page.status_int == 503
        assert browser.page.headers["Retry-After"] == "10"

    def test_when_it_is_back_she_is_logged_in_as_before(
        self, federation, browser, witness
    ):
        sessions = federation.apps["land.test"].sessions
        browser.visit("https://land.test/mijn")
        sessions.store = sessions.store.whole
        browser.visit("https://land.test/mijn")
        assert browser.page.status_int == 200
        assert witness.environ["REMOTE_USER"] == "anna"


class LateStore:
    """A store that answers from the moment on that it is ``up``."""

    def __init__(self, *, raises=None):
        self.whole = MemoryStore()
        self.up = False
        self.raises = raises
        self.prepared = 0

    def prepare(self, *, patience=None):
        self.prepared += 1
        self.patience = patience
        if self.raises and self.up:
            raise self.raises
        self.read("")

    def read(self, key):
        if not self.up:
            raise StoreUnavailable("connection refused")
        return self.whole.read(key)


class TestAStoreThatIsDownAtTheStart:
    @pytest.fixture
    def start(self, make, monkeypatch):
        def start(store):
            # As a server that is not there yet: no store of this process can be that.
            monkeypatch.setattr(session_room, "open_store", lambda url, timeout: store)
            return make()

        return start

    @pytest.fixture
    def later(self, monkeypatch):
        """Let the time pass in which a store that is down is left alone."""
        passed = itertools.count(1)

        def wait():
            ahead = 2.0 * next(passed)
            real = time.monotonic
            monkeypatch.setattr(
                circuit_breaker.time, "monotonic", lambda: real() + ahead
            )

        return wait

    def test_stops_no_server_and_is_told_to_the_log(self, make, caplog):
        pytest.importorskip("redis")
        (port,) = free_ports(1)
        make(store=f"redis://:secret@127.0.0.1:{port}", store_timeout="1s")
        [error] = [r for r in caplog.records if r.levelname == "ERROR"]
        assert "the server starts, but" in error.getMessage()
        assert "refused" in error.getMessage()
        assert "secret" not in caplog.text

    def test_lets_strangers_be_and_no_other(self, start, witness):
        session = start(LateStore())
        visit(session)
        assert env.SESSION_FAULT not in witness.environ
        visit(session, "__Host-eilogin=x")
        assert isinstance(witness.environ[env.SESSION_FAULT], StoreUnavailable)

    def test_is_used_when_it_is_there_without_a_restart(self, start, witness, later):
        store = LateStore()
        session = start(store)
        store.up = True
        later()
        visit(session, "__Host-eilogin=x")
        assert env.SESSION_FAULT not in witness.environ
        prepared = store.prepared
        visit(session, "__Host-eilogin=x")
        assert store.prepared == prepared

    def test_is_not_asked_at_every_request(self, start):
        store = LateStore()
        session = start(store)
        for _ in range(20):
            visit(session, "__Host-eilogin=x")
        assert store.prepared == 2

    def test_is_waited_for_longer_at_the_start_than_by_a_visitor(self, start, later):
        store = LateStore()
        session = start(store)
        assert store.patience == START_TIMEOUT
        later()
        visit(session, "__Host-eilogin=x")
        assert store.prepared == 2
        assert store.patience is None

    def test_is_not_waited_for_by_strangers(self, start, later):
        store = LateStore()
        session = start(store)
        later()
        visit(session)
        assert store.prepared == 1

    def test_that_cannot_be_used_logs_nobody_in(self, start, witness, later, caplog):
        store = LateStore(raises=ConfigurationError("maxmemory-policy: allkeys-lru"))
        session = start(store)
        store.up = True
        later()
        for _ in range(3):
            visit(session, "__Host-eilogin=x")
            assert isinstance(witness.environ[env.SESSION_FAULT], StoreUnavailable)
        assert caplog.text.count("allkeys-lru") == 1
        visit(session)
        assert env.SESSION_FAULT not in witness.environ


class TestOptions:
    def test_a_store_that_cannot_be_written_stops_the_start(self, make, tmp_path):
        path = tmp_path / "missing" / "eilogin.db"
        with pytest.raises(ConfigurationError, match=str(path)):
            make(store=f"sqlite:///{path}")

    def test_a_store_that_cannot_be_used_is_told_with_its_place(self, tmp_path):
        ini = tmp_path / "app.ini"
        store = f"sqlite:///{tmp_path}"
        ini.write_text(f"[filter:s]\nuse = egg:eilogin#session\nstore = {store}\n")
        with pytest.raises(InvalidOptions) as refused:
            make_session(None, {"__file__": str(ini)}, store=store)
        assert f"{ini}: [filter:s] store: cannot use the store {tmp_path}" in str(
            refused.value
        )

    @pytest.mark.parametrize(
        "options",
        [{"stor": "memory:"}, {"store": "mysql://x"}, {"idle": "soon"},
         {"cookie": "a b"}],
        ids=lambda options: next(iter(options)),
    )  # fmt: skip
    def test_that_cannot_be_used_are_refused(self, make, options):
        with pytest.raises(InvalidOptions, match=next(iter(options))):
            make(**options)
