"""A logout that does not reach all at once is not forgotten: who was away is told."""

import logging
import re

import pytest
from webob import Request

from eilogin.errors import StoreUnavailable
from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.web.pipeline.pipeline_objects import object_in

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
LAND = "https://land.test/mijn"
LOG_OUT = "https://uwv.test/eilogin/logout"
#: Seconds after which the hub tells again: its logout may last 7.5 of them.
SOON = 10
MINUTE = 60


def told(federation, host):
    """How many messages have gone to a participant."""
    return sum(f"//{host}/" in url for url, _ in federation.back_channel_log)


def test_is_told_when_it_is_there_again(federation, everywhere, clock):
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    federation.down.clear()
    assert federation.work() == 0, "its turn has not come"
    assert everywhere.is_let_in(STAD)
    clock.shift(SOON)
    assert federation.work() == 1
    everywhere.visit(STAD)
    assert everywhere.is_asked_for_password
    clock.shift(MINUTE)
    assert federation.work() == 0, "it knows"


def test_is_asked_less_and_less_often_while_it_is_away(federation, everywhere, clock):
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    tried = []
    for second in range(300):
        before = told(federation, "stad.test")
        federation.work()
        tried += [second] * (told(federation, "stad.test") - before)
        clock.shift(1)
    assert tried == [10, 20, 40, 80, 140, 200, 260]


def test_is_not_told_any_more_when_her_session_would_be_over(
    federation, everywhere, clock
):
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    clock.shift(120 * MINUTE)
    federation.down.clear()
    assert federation.work() == 0


def test_the_others_are_told_once(federation, everywhere, clock):
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    before = told(federation, "land.test")
    clock.shift(SOON)
    federation.work()
    assert told(federation, "land.test") == before == 1


def test_a_new_login_is_not_ended_by_the_word_of_an_older_logout(
    federation, everywhere, clock
):
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    federation.down.clear()
    everywhere.visit(STAD)
    # As if its own session had ended meanwhile.
    everywhere.browser.forget("stad.test")
    everywhere.log_in(STAD)
    clock.shift(SOON)
    assert federation.work() == 1, "it is told of the sessions that have ended"
    assert everywhere.is_let_in(STAD)


class TestALogoutAfterOneThatHasNotReachedAll:
    """She has logged in anew elsewhere, and her session is still there at stad."""

    @pytest.fixture
    def again(self, federation, everywhere, clock):
        federation.down.add("stad.test")
        everywhere.visit(LOG_OUT)
        clock.shift(1)
        everywhere.log_in(LAND)
        return everywhere

    def test_does_not_say_everywhere(self, federation, again):
        again.visit("https://land.test/eilogin/logout")
        assert "U bent overal uitgelogd" not in again.browser.text
        assert "stad.test" in again.browser.text
        federation.down.clear()
        assert again.is_let_in(STAD), "it could not know"

    def test_tells_whom_that_has_missed(self, federation, again):
        federation.down.clear()
        again.visit("https://land.test/eilogin/logout")
        assert "U bent overal uitgelogd" in again.browser.text
        again.visit(STAD)
        assert again.is_asked_for_password

    def test_is_nothing_to_anybody_else(self, again, citizen_of):
        bram = citizen_of("bram").log_in(LAND)
        bram.visit("https://land.test/eilogin/logout")
        assert "U bent overal uitgelogd" in bram.browser.text


class TestAHubThatDies:
    def test_before_it_has_told_anybody(
        self, federation, everywhere, clock, monkeypatch
    ):
        """What it was to tell, others tell for it."""
        with monkeypatch.context() as patch:
            patch.setattr(Propagation, "send", _die)
            with pytest.raises(SystemExit):
                everywhere.visit(LOG_OUT)
        assert everywhere.is_let_in(STAD), "it does not know yet"
        clock.shift(SOON)
        assert federation.work() == 2
        for url in (STAD, LAND):
            everywhere.visit(url)
            assert everywhere.is_asked_for_password, url

    def test_before_her_session_there_has_ended(
        self, federation, everywhere, clock, monkeypatch
    ):
        sessions = federation.apps["inloggen.test"].sessions
        with monkeypatch.context() as patch:
            patch.setattr(sessions, "end_citizen", _die)
            with pytest.raises(SystemExit):
                everywhere.visit(LOG_OUT)
        clock.shift(SOON)
        assert federation.work() == 3, "who asked is told too, and knows"
        everywhere.visit(STAD)
        assert everywhere.is_asked_for_password

    def test_with_nobody_to_tell(self, federation, anna, clock, monkeypatch):
        """She was logged in nowhere but where she logged out."""
        anna.log_in(UWV)
        with monkeypatch.context() as patch:
            patch.setattr(Propagation, "send", _die)
            with pytest.raises(SystemExit):
                anna.visit(LOG_OUT)
        [waiting] = hub_at_work(federation).undelivered.all()
        assert not waiting.pending
        clock.shift(SOON)
        assert federation.work() == 0
        assert hub_at_work(federation).undelivered.count() == 0, "nothing waits"


def hub_at_work(federation):
    """The hub, as an operator's command has it."""
    return object_in(federation.apps["inloggen.test"], HubJobs)


def _die(*args, **kwargs):
    raise SystemExit


def test_a_store_that_does_not_answer_is_tried_again(
    federation, everywhere, clock, monkeypatch
):
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    federation.down.clear()
    clock.shift(SOON)
    store = federation.apps["inloggen.test"].sessions.store
    with monkeypatch.context() as patch:
        patch.setattr(store, "find", _away)
        with pytest.raises(StoreUnavailable):
            federation.work()
    assert federation.work() == 1


def _away(*args):
    raise StoreUnavailable("no")


def test_the_log_says_who_was_told_late(federation, everywhere, clock, caplog):
    caplog.set_level(logging.INFO, "eilogin.audit")
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    federation.down.clear()
    clock.shift(SOON)
    caplog.clear()
    federation.work()
    [event] = [text for text in caplog.messages if "delivered" in text]
    assert '"outcome": "ok"' in event
    assert "stad.test" in event


def test_the_numbers_say_how_long_it_took(eilogin_federation, clock, citizen_at):
    hub = {"metrics_token": "a token of sixteen bytes"}
    federation = eilogin_federation(
        {"uwv.test": _page, "stad.test": _page}, hub_options=hub
    )
    anna = citizen_at(federation.browser())

    def numbers():
        request = Request.blank("https://inloggen.test/metrics")
        request.authorization = ("Bearer", hub["metrics_token"])
        return request.get_response(federation).text

    before = _logouts(numbers())
    anna.visit(UWV)
    anna.type_password()
    anna.visit(STAD)
    federation.down.add("stad.test")
    anna.visit(LOG_OUT)
    assert "eilogin_logouts_undelivered 1.0" in numbers()
    assert _logouts(numbers()) == before, "it is not over"
    federation.down.clear()
    clock.shift(SOON)
    federation.work()
    assert "eilogin_logouts_undelivered 0.0" in numbers()
    count, seconds = _logouts(numbers())
    assert (count - before[0], seconds - before[1]) == (1, SOON)


def _page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"a page"]


def _logouts(text):
    """How many have come to their end, and how many seconds they took together."""
    found = dict(re.findall(r"(?m)^eilogin_logout_seconds_(count|sum) (.+)$", text))
    return float(found["count"]), float(found["sum"])
