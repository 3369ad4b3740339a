"""What a hub does without a visitor: what its operator asks of it."""

import pytest

from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.logout import logout_propagation
from eilogin.saml.messages import EMAIL
from eilogin.sessions import Participant, Subject
from eilogin.web.pipeline.pipeline_objects import object_in

UWV = "https://uwv.test/eilogin/metadata"
STAD = "https://stad.test/eilogin/metadata"
LAND = "https://land.test/eilogin/metadata"
MINUTE = 60


@pytest.fixture
def hub(federation):
    """The hub as a command has it."""
    return object_in(federation.apps["inloggen.test"], HubJobs)


@pytest.fixture
def end(hub):
    """End all sessions of who is called so, who has to be one citizen."""

    def end(name):
        [who] = hub.called(name)
        return hub.end(who, None)

    return end


class TestAnEnd:
    def test_is_for_all_sessions_everywhere(self, anna, elsewhere, end, told):
        told()
        ended = end("anna")
        assert (anna.is_in, elsewhere.is_in) == (set(), set())
        assert (ended.sessions, ended.reached) == (2, [LAND, STAD, UWV])
        assert (ended.waiting, ended.unreachable, ended.is_above_notified) == (
            [],
            [],
            True,
        )
        assert told() == ["land.test", "stad.test", "uwv.test"]

    @pytest.mark.parametrize("name", ["Anna", " anna ", "ANNA"])
    def test_is_for_her_however_her_name_is_typed(self, anna, end, name):
        assert end(name).sessions == 1

    def test_is_for_who_is_called_so_at_a_participant(self, anna, end):
        name_id = anna.logins["stad.test"].who.name_id
        assert end(name_id).sessions == 1
        assert anna.is_in == set()

    def test_is_for_who_has_that_name_in_whatever_format(self, anna, end, sessions):
        login = sessions.find(anna.cookie)
        there = Subject(login.who.issuer, UWV, "anna@burger.test", EMAIL)
        sessions.add_participant(login, Participant(UWV, there, "_1", login.started))
        assert end("anna@burger.test").sessions == 1

    @pytest.mark.parametrize("name", ["nobody", "", "https://uwv.test"])
    def test_is_for_nobody_of_another_name(self, anna, hub, name):
        assert hub.called(name) == set()

    def test_refuses_a_login_that_was_proven_before(self, federation, citizen, hub):
        """Of who is logged in nowhere too: she may be about to be."""
        citizen.sign_in()
        [who] = hub.called("anna")
        assert hub.end(who, None).sessions == 1
        assert hub.end(who, None).sessions == 0

    def test_leaves_others_alone(self, anna, another, everywhere, end):
        another.browser.visit("https://inloggen.test/login")
        another.sign_in("bram", url=None)
        end("anna")
        another.visit("https://inloggen.test/")
        assert "Overal uitloggen" in another.browser.text

    def test_is_told_again_to_who_is_away(self, federation, anna, end, hub, clock):
        federation.down.add("stad.test")
        ended = end("anna")
        assert (ended.waiting, ended.unreachable) == ([STAD], [])
        assert hub.undelivered.count() == 1
        federation.down.clear()
        clock.shift(10)
        assert hub.work() == 1
        assert anna.is_in == set()

    @pytest.mark.parametrize(
        "hub_options", [{"logout_binding": f"{STAD} browser"}], ids=["browser"]
    )
    def test_cannot_be_told_to_who_needs_her_browser(self, anna, end, hub, caplog):
        ended = end("anna")
        assert (ended.waiting, ended.unreachable) == ([], [STAD])
        assert hub.undelivered.count() == 0
        assert f"not delivered to {STAD}" in caplog.text

    def test_of_nobody_is_not_in_the_audit_log(self, citizen, end, hub, events):
        """That says what has ended."""
        citizen.sign_in()
        [who] = hub.called("anna")
        hub.end(who, None)
        hub.end(who, None)
        assert len(events("session.ended")) == 1

    def test_is_in_the_audit_log_without_her_name(self, anna, end, events, caplog):
        end("anna")
        [event] = events("session.ended")
        assert (event["outcome"], event["reason"]) == ("ok", "operator")
        assert len(event["pseudonym"]) == 16
        assert "anna" not in caplog.text


class TestTheLimit:
    def test_is_told_by_one_of_all_processes(self, anna, hub, told, monkeypatch):
        """Another one was faster, between the look and the end."""
        login = hub.sessions.find(anna.cookie)
        assert len(hub.sessions.drop(login)) == 3
        told()
        monkeypatch.setattr(hub.sessions, "find_ending", lambda *asked: [login])
        assert hub.work() == 0
        assert told() == []

    @pytest.mark.parametrize(
        "hub_options", [{"logout_timeout": "1s"}, {"logout_timeout": "60s"}]
    )
    def test_is_at_most_a_minute_before(self, anna, hub, clock, sessions):
        """However long participants may take to answer."""
        login = sessions.find(anna.cookie)
        clock.move_to(login.ends - MINUTE - 1)
        hub.work()
        assert "stad.test" in anna.is_in
        clock.move_to(login.ends - 5)
        hub.work()
        assert "stad.test" not in anna.is_in

    @pytest.mark.parametrize("hub_options", [{"logout_timeout": "60s"}])
    def test_leaves_a_login_that_is_short_most_of_its_time(
        self, citizen, hub, sessions, monkeypatch
    ):
        monkeypatch.setattr(sessions, "max_session", 40.0)
        citizen.sign_in(url="https://stad.test/mijn")
        hub.work()
        assert sessions.find(citizen.cookie)

    @pytest.mark.parametrize("hub_options", [{"logout_timeout": "60s"}])
    def test_is_not_missed_for_one_that_is_silent(self, hub, monkeypatch):
        """The next look is to be before the limit of those who have a minute left."""
        waited = []
        monkeypatch.setattr(
            logout_propagation, "wait", lambda tasks, timeout: waited.append(timeout)
        )
        hub.end_expired_sessions()
        assert len(waited) == 1
        assert waited[0] < MINUTE
