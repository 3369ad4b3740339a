# ruff: noqa: SLF001 - what a restart and another process do
"""The logout retry queue of a participant, entry by entry."""

import threading
import time

import pytest

from eilogin.errors import PeerUnavailable, StoreUnavailable
from eilogin.participant.logout import logout_retry_queue
from eilogin.participant.logout.logout_retry_queue import LogoutQueue, LogoutQueueThread
from eilogin.saml import bindings, messages
from eilogin.web import environ as env
from eilogin.web.visit import Visit

UWV = "https://uwv.test"
LOG_OUT = f"{UWV}/eilogin/logout"
HUB = "inloggen.test"
SOAP = f"https://{HUB}/slo/soap"


@pytest.fixture
def log_in(federation):
    def log_in(name="anna"):
        browser = federation.browser()
        browser.visit(f"{UWV}/mijn")
        browser.press("Inloggen", username=name, password=f"demo-{name}")
        assert browser.url == f"{UWV}/mijn"
        return browser

    return log_in


@pytest.fixture
def log_out(federation, log_in):
    """Log somebody out while the hub is down."""

    def log_out(name="anna"):
        browser = log_in(name)
        federation.down.add(HUB)
        browser.visit(LOG_OUT)
        federation.down.discard(HUB)
        return browser

    return log_out


@pytest.fixture
def environ(federation):
    """What a thread of UWV has."""
    sessions = federation.apps["uwv.test"].sessions
    return {env.TRUST: federation.trusts["uwv.test"], env.SESSIONS: sessions}


def asked(federation):
    """The LogoutRequests that the hub got over SOAP."""
    found = [body for url, body in federation.back_channel_log if url == SOAP]
    return [messages.read_logout_request(bindings.unwrap_soap(body)) for body in found]


def tries(federation, clock, seconds):
    """After how many seconds a try was made, in so many."""
    found = []
    for second in range(seconds):
        before = len(asked(federation))
        federation.deliver("uwv.test")
        found += [second] * (len(asked(federation)) - before)
        clock.shift(1)
    return found


class TestATry:
    def test_is_made_less_and_less_often_while_the_hub_is_away(
        self, federation, log_out, clock
    ):
        log_out()
        federation.down.add(HUB)
        assert tries(federation, clock, 200) == [2, 4, 8, 16, 32, 64, 124, 184]

    def test_is_made_by_one_process_at_a_time(self, federation, log_out, clock):
        log_out()
        clock.shift(10)
        counts, deliver = [], logout_retry_queue.LogoutQueue._try

        def meanwhile(queue, environ, entry):
            counts.append(federation.deliver("uwv.test"))
            return deliver(queue, environ, entry)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LogoutQueue, "_try", meanwhile)
            counts.append(federation.deliver("uwv.test"))
        assert counts == [0, 1]

    def test_names_the_session_that_has_ended(self, federation, log_in, clock):
        anna = log_in()
        token = anna.cookie("uwv.test", "__Host-eilogin")
        login = federation.apps["uwv.test"].sessions.find(token)
        federation.down.add(HUB)
        anna.visit(LOG_OUT)
        federation.down.clear()
        clock.shift(300)
        federation.deliver("uwv.test")
        [request] = asked(federation)
        assert request.session_indexes == (login.session_index,)
        assert request.name_id.value == login.who.name_id

    def test_is_a_new_message_once_the_first_is_too_old(
        self, federation, log_out, clock
    ):
        log_out()
        federation.down.add(HUB)
        for seconds in (10, 10, 300):
            clock.shift(seconds)
            federation.deliver("uwv.test")
        first, second, third = asked(federation)
        assert first.id == second.id
        assert third.id != first.id
        assert third.issued - first.issued == 320

    def test_that_the_hub_refuses_is_made_three_times(self, federation, log_out, clock):
        """Such as of a session that it does not know any more."""
        log_out()
        federation.apps[HUB].sessions.store.end_all()
        assert len(tries(federation, clock, 600)) == 3

    def test_at_an_away_hub_is_one_for_all_that_wait(self, federation, log_out, clock):
        for name in ("anna", "bram", "chaima"):
            log_out(name)
        federation.down.add(HUB)
        clock.shift(10)
        federation.deliver("uwv.test")
        assert len(asked(federation)) == 1

    def test_reaches_all_that_wait_once_the_hub_answers(
        self, federation, log_out, clock
    ):
        for name in ("anna", "bram", "chaima"):
            log_out(name)
        clock.shift(10)
        assert federation.deliver("uwv.test") == 3


class TestAnEntry:
    def test_is_one_however_often_somebody_clicks(self, federation, log_in, environ):
        anna = log_in()
        federation.down.add(HUB)
        anna.stops_before = "/slo"
        for _ in range(5):
            anna.visit(LOG_OUT)
        assert len(LogoutQueue.keys(Visit(environ))) == 1

    def test_goes_with_the_confirmation_in_the_browser(
        self, federation, log_out, environ
    ):
        anna = log_out()
        assert len(LogoutQueue.keys(Visit(environ))) == 1
        anna.click("Probeer opnieuw uit te loggen")
        assert "U bent overal uitgelogd" in anna.text
        assert LogoutQueue.keys(Visit(environ)) == []

    def test_cannot_be_read_by_who_has_the_store(self, federation, log_in, environ):
        anna = log_in()
        token = anna.cookie("uwv.test", "__Host-eilogin")
        login = environ[env.SESSIONS].find(token)
        federation.down.add(HUB)
        anna.visit(LOG_OUT)
        store = environ[env.SESSIONS].store
        [key] = LogoutQueue.keys(Visit(environ))
        for secret in (login.who.name_id, login.session_index, token):
            assert secret not in f"{key} {store.read(key).data}"

    def test_of_one_site_is_not_delivered_by_another_with_the_same_store(
        self, eilogin_federation, clock, witness, tmp_path
    ):
        said = {"store": f"sqlite:///{tmp_path}/e.db"}
        federation = eilogin_federation(
            {"uwv.test": witness, "stad.test": witness},
            options={"uwv.test": said, "stad.test": said},
        )
        anna = federation.browser()
        anna.visit(f"{UWV}/mijn")
        anna.press("Inloggen", username="anna", password="demo-anna")
        federation.down.add(HUB)
        anna.visit(LOG_OUT)
        federation.down.clear()
        clock.shift(10)
        assert federation.deliver("stad.test") == 0
        assert federation.deliver("uwv.test") == 1

    def test_that_cannot_be_read_is_left_alone(
        self, federation, log_out, environ, monkeypatch, clock
    ):
        """It is of another version, or sealed with a key that is gone."""
        log_out()
        monkeypatch.setattr(logout_retry_queue, "_bound_to", lambda *_: ("another",))
        clock.shift(10)
        assert federation.deliver("uwv.test") == 0

    def test_is_not_made_where_the_queue_is_full(
        self, federation, log_in, monkeypatch, environ
    ):
        monkeypatch.setattr(logout_retry_queue, "MOST", 1)
        browsers = [log_in(name) for name in ("anna", "bram")]
        federation.down.add(HUB)
        for browser in browsers:
            browser.visit(LOG_OUT)
        assert len(LogoutQueue.keys(Visit(environ))) == 1
        assert "Wij blijven proberen" in browsers[0].text
        assert "U bent alleen bij deze dienst uitgelogd." in browsers[1].text

    def test_is_not_made_where_the_store_fails(self, federation, log_in, monkeypatch):
        anna = log_in()
        federation.down.add(HUB)

        def down(*_, **__):
            raise StoreUnavailable("somebody has pulled the plug")

        monkeypatch.setattr(LogoutQueue, "add", down)
        anna.visit(LOG_OUT)
        assert anna.page.status_int == 200
        assert "U bent alleen bij deze dienst uitgelogd." in anna.text

    def test_without_an_index_goes_once_she_is_in_again(
        self, federation, log_in, clock, monkeypatch
    ):
        """The message names her alone, and would end what has begun since."""
        monkeypatch.setattr(
            logout_retry_queue, "_has_newer_session", lambda environ, login: bool(login)
        )
        anna = log_in()
        federation.down.add(HUB)
        anna.visit(LOG_OUT)
        federation.down.clear()
        clock.shift(10)
        assert federation.deliver("uwv.test") == 0
        assert asked(federation) == []


class TestTheThread:
    """Of a process, while anything is queued."""

    @pytest.fixture
    def queue(self):
        class Queue:
            def __init__(self):
                self.left, self.tried, self.fails = ["one"], 0, []

            def keys(self, environ):
                if self.fails:
                    raise self.fails.pop()
                return self.left

            def deliver(self, environ):
                self.tried += 1
                if self.fails:
                    raise self.fails.pop()
                self.left = []

        return Queue()

    @pytest.fixture(autouse=True)
    def _is_quick(self, monkeypatch):
        monkeypatch.setattr(logout_retry_queue, "EVERY", 0.01)

    def test_ends_when_the_queue_is_empty(self, queue, environ):
        LogoutQueueThread(queue).wake(Visit(environ))
        wait_until(lambda: not running())
        assert queue.tried == 1

    def test_begins_again_with_the_next_entry(self, queue, environ):
        courier = LogoutQueueThread(queue)
        for tried in (1, 2):
            queue.left = ["one"]
            courier.wake(Visit(environ))
            courier.wake(Visit(environ))
            wait_until(lambda: not running())
            assert queue.tried == tried

    @pytest.mark.parametrize(
        "error", [StoreUnavailable("away"), PeerUnavailable("away"), ValueError("odd")]
    )
    def test_goes_on_after_a_round_that_failed(self, queue, environ, error):
        queue.fails = [error]
        LogoutQueueThread(queue).wake(Visit(environ))
        wait_until(lambda: not running())
        assert queue.tried == 2

    def test_logs_a_store_that_is_down_once_a_minute(self, queue, environ, caplog):
        queue.fails = [StoreUnavailable("away"), StoreUnavailable("away")]
        LogoutQueueThread(queue).wake(Visit(environ))
        wait_until(lambda: not running())
        assert queue.tried == 3
        assert caplog.text.count("logout retry queue: a delivery failed") == 1

    def test_is_none_where_nothing_is_queued(self, queue, environ):
        queue.left = []
        LogoutQueueThread(queue).wake_if_queued(Visit(environ))
        assert not running()

    def test_is_none_where_the_store_cannot_tell(self, queue, environ, caplog):
        queue.fails = [StoreUnavailable("away")]
        LogoutQueueThread(queue).wake_if_queued(Visit(environ))
        assert not running()
        assert "logout retry queue: cannot read it" in caplog.text

    def test_is_none_where_the_process_ends_with_the_request(self, queue, environ):
        LogoutQueueThread(queue).wake(Visit({**environ, "wsgi.run_once": True}))
        assert not running()

    def test_is_told_where_the_machine_has_none(
        self, queue, environ, monkeypatch, caplog
    ):
        def start(thread):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)
        LogoutQueueThread(queue).wake(Visit(environ))
        assert "this process retries no logouts" in caplog.text


def running():
    return [one for one in threading.enumerate() if one.name == "eilogin-logout-queue"]


def wait_until(is_so):
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
