"""All sessions at one participant end, as before it leaves the federation."""

from collections import Counter

import pytest

from eilogin.errors import UnknownPeer
from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.logout.retry_queue import participant_removal
from eilogin.saml import bindings, messages
from eilogin.web.pipeline.pipeline_objects import object_in

HUB = "https://inloggen.test/metadata"
STAD = "https://stad.test/eilogin/metadata"
#: Seconds after which the hub tells again who was not reached.
SOON = 10
ALL = {"inloggen.test", "uwv.test", "stad.test", "land.test"}
NO_MORE = ALL - {"stad.test"}


@pytest.fixture
def hub(federation):
    """The hub as a command has it."""
    return object_in(federation.apps["inloggen.test"], HubJobs)


@pytest.fixture
def remove(hub):
    """End all sessions at the participant stad.test, and say what came of it."""

    def remove():
        counts = Counter()
        its = hub.removal(STAD)
        for removed in its.end(its.find()):
            counts.update(removed._asdict())
        return {what: count for what, count in counts.items() if count}

    return remove


@pytest.fixture
def bram(anna, another, everywhere):
    """Another citizen, logged in everywhere too."""
    another.sign_in("bram")
    return everywhere(another)


def log_out(citizen):
    """By the hub's own button; what the page says of it."""
    citizen.browser.visit("https://inloggen.test/")
    citizen.browser.press("Overal uitloggen")
    return citizen.browser.title


class TestAParticipant:
    def test_ends_its_sessions_and_nobody_else_any(self, anna, bram, remove, told):
        told()
        assert remove() == {"logins": 2, "reached": 2}
        assert (anna.is_in, bram.is_in) == (NO_MORE, NO_MORE)
        assert told() == ["stad.test", "stad.test"]

    def test_is_told_whom_it_knows_and_in_which_session(self, federation, anna, remove):
        before = anna.login_at("stad.test")
        remove()
        [request] = _requests(federation)
        assert request.name_id.value == before.who.name_id
        assert request.session_indexes == (before.session_index,)

    def test_is_named_no_more_where_she_is_logged_in(self, anna, remove):
        remove()
        anna.browser.visit("https://inloggen.test/")
        assert "uwv.test" in anna.browser.text
        assert "stad.test" not in anna.browser.text

    def test_is_told_once(self, anna, remove, told):
        remove()
        told()
        assert remove() == {}
        assert "U bent overal uitgelogd" in log_out(anna)
        assert told() == ["land.test", "uwv.test"]

    def test_that_leaves_then_keeps_no_logout_from_being_complete(
        self, anna, remove, leaves
    ):
        remove()
        leaves("stad.test")
        assert "U bent overal uitgelogd" in log_out(anna)

    def test_at_which_she_logs_in_again_is_told_again(self, anna, remove, told, clock):
        remove()
        clock.shift(1)
        anna.browser.visit("https://stad.test/mijn")
        assert anna.browser.url == "https://stad.test/mijn"
        anna.logins["stad.test"] = anna.login_at("stad.test")
        told()
        assert remove() == {"logins": 1, "reached": 1}
        assert anna.is_in == NO_MORE
        assert told() == ["stad.test"]

    def test_is_told_nothing_of_who_has_left_since_the_look(self, anna, hub, told):
        for leave in (lambda its: [*its.end(its.find())], lambda its: log_out(anna)):
            its = hub.removal(STAD)
            names = its.find()
            leave(its)
            told()
            [removed] = its.end(names or ["nobody"])
            assert removed == (1, 0, 0, 0)
            assert told() == []

    def test_that_nobody_knows_is_refused(self, hub):
        with pytest.raises(UnknownPeer):
            hub.removal("https://nobody.test")
        with pytest.raises(UnknownPeer):
            hub.removal(HUB)

    def test_is_in_the_audit_log_with_it(self, anna, remove, events):
        remove()
        [event] = events("session.ended")
        assert (event["peer"], event["reason"]) == (STAD, "operator")
        assert len(event["pseudonym"]) == 16


class TestWhoIsAway:
    @pytest.fixture(autouse=True)
    def _away(self, federation, anna):
        federation.down.add("stad.test")

    @pytest.fixture
    def come_back(self, federation, hub, clock):
        """It is there again, and the hub at work; how many have heard then."""

        def come_back():
            federation.down.clear()
            clock.shift(SOON)
            return hub.work()

        return come_back

    def test_is_told_again_and_she_stays_elsewhere(self, anna, remove, hub, come_back):
        assert remove() == {"logins": 1, "waiting": 1}
        assert come_back() == 1
        assert anna.is_in == NO_MORE
        assert hub.undelivered.count() == 0

    def test_is_told_though_she_has_proven_herself_since(
        self, anna, remove, clock, come_back
    ):
        """That login goes on; but not there."""
        remove()
        clock.shift(1)
        anna.citizen.sign_in()
        assert come_back() == 1
        assert not anna.is_in_at("stad.test")

    def test_is_asked_about_few(self, bram, remove, hub, told, monkeypatch):
        monkeypatch.setattr(participant_removal, "_AT_ONCE", 1)
        told()
        assert remove() == {"logins": 2, "waiting": 2}
        assert told() == ["stad.test"]
        assert hub.undelivered.count() == 2

    def test_is_told_with_her_next_logout(self, federation, anna, remove, hub):
        remove()
        federation.down.clear()
        assert "U bent overal uitgelogd" in log_out(anna)
        assert anna.is_in == set()
        assert hub.undelivered.count() == 0

    def test_keeps_her_next_logout_from_being_complete_till_then(self, anna, remove):
        remove()
        assert "U bent overal uitgelogd" not in log_out(anna)
        assert "stad.test" in anna.browser.text


class TestWhoNeedsHerBrowser:
    @pytest.fixture
    def hub_options(self):
        return {"logout_binding": f"{STAD} browser"}

    def test_is_told_in_it_with_her_next_logout(self, anna, remove, hub, caplog):
        assert remove() == {"logins": 1, "unreachable": 1}
        assert hub.undelivered.count() == 0
        assert f"not delivered to {STAD}" in caplog.text
        assert anna.is_in == ALL
        assert "overal" not in log_out(anna)
        anna.browser.open_frames()
        anna.browser.click("Ga verder")
        assert "U bent overal uitgelogd" in anna.browser.title
        assert anna.is_in == set()


def _requests(federation):
    """The LogoutRequests that were sent over SOAP."""
    return [
        messages.read_logout_request(bindings.unwrap_soap(body))
        for _, body in federation.back_channel_log
        if b"LogoutRequest" in body
    ]
