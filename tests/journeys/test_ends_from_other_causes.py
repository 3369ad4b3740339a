"""Sessions that end everywhere though nobody logs out."""

import json
from dataclasses import replace

import pytest

from eilogin.federation import Membership
from eilogin.saml.metadata import FederationMetadata

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
LAND = "https://land.test/mijn"
HUB = "https://inloggen.test"
MINUTE = 60


def show_visitor(environ, start_response):
    """An app that says who it sees, and nothing else."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    user = environ.get("REMOTE_USER", "")
    return [f"<p>user=[{user}]</p>".encode()]


@pytest.fixture
def told(federation):
    """Who was told to log somebody out, as hosts, since the last look."""

    def read():
        hosts = sorted(
            url.split("/")[2]
            for url, body in federation.back_channel_log
            if b"LogoutRequest" in body
        )
        federation.back_channel_log.clear()
        return hosts

    return read


@pytest.fixture
def causes(caplog):
    """Why sessions have ended for which nobody asked, as the audit log says it."""
    caplog.set_level("INFO", "eilogin.audit")

    def read():
        events = [json.loads(one.getMessage()) for one in caplog.records]
        return [one["reason"] for one in events if one["code"] == "session.ended"]

    return read


class TestTheLimitAtTheHub:
    @pytest.fixture(autouse=True)
    def _everywhere(self, clock, anna):
        anna.log_in(UWV)
        for url in (STAD, LAND):
            assert anna.is_let_in(url)

    def test_is_told_to_all_when_it_comes(self, federation, clock, told, causes):
        clock.shift(119 * MINUTE)
        federation.work()
        assert told() == []
        clock.shift(45)
        federation.work()
        assert told() == ["land.test", "stad.test", "uwv.test"]
        federation.work()
        assert told() == []
        assert causes() == ["limit"]

    def test_ends_what_it_has_of_her_at_the_hub(self, federation, anna, clock):
        clock.shift(119 * MINUTE + 45)
        federation.work()
        anna.visit(f"{HUB}/")
        assert "U bent niet ingelogd" in anna.browser.text

    def test_ends_no_login_of_hers_in_another_browser(
        self, federation, citizen_of, clock, told
    ):
        clock.shift(MINUTE)
        other = citizen_of("anna").log_in(UWV)
        clock.shift(118 * MINUTE + 45)
        other.visit(UWV)
        federation.work()
        assert told() == ["land.test", "stad.test", "uwv.test"]
        other.visit(f"{HUB}/")
        assert "Overal uitloggen" in other.browser.text


class TestAnotherCitizenInHerBrowser:
    def test_ends_all_of_hers_first_and_all_are_told(
        self, anna, citizen_of, clock, told, causes
    ):
        anna.log_in(UWV)
        assert anna.is_let_in(STAD)
        clock.shift(15 * MINUTE + 1)
        bram = citizen_of("bram", anna.browser).log_in(LAND)
        assert told() == ["stad.test", "uwv.test"]
        assert causes() == ["another-citizen"]
        assert bram.is_let_in(UWV)


class TestHerOwnWord:
    def test_at_the_hub_is_written_down(self, anna, clock, told, causes):
        anna.log_in(UWV).visit(f"{HUB}/").browser.press("Overal uitloggen")
        assert told() == ["uwv.test"]
        assert causes() == ["here"]


class TestTheLimitAtAHub:
    def test_that_names_her_and_no_session_ends_no_other_one(
        self, eilogin_federation, citizen_at, clock
    ):
        """With DigiD's interface, of who is logged in there in another browser too."""
        digid = {"profile": "digid"}
        federation = eilogin_federation(
            {"uwv.test": show_visitor}, options={"uwv.test": digid}, hub_options=digid
        )
        citizen_at(federation.browser()).log_in(UWV)
        clock.shift(MINUTE)
        other = citizen_at(federation.browser()).log_in(UWV)
        federation.back_channel_log.clear()
        clock.shift(118 * MINUTE + 45)
        federation.work()
        assert federation.back_channel_log == []
        clock.shift(MINUTE)
        federation.work()
        assert len(federation.back_channel_log) == 1
        other.visit(UWV)
        assert other.is_asked_for_password

    def test_that_needs_her_browser_is_written_down(
        self, eilogin_federation, citizen_at, clock, caplog
    ):
        binding = "https://stad.test/eilogin/metadata browser"
        federation = eilogin_federation(
            {"uwv.test": show_visitor, "stad.test": show_visitor},
            hub_options={"logout_binding": binding},
        )
        anna = citizen_at(federation.browser()).log_in(UWV)
        assert anna.is_let_in(STAD)
        clock.shift(119 * MINUTE + 45)
        federation.work()
        assert "not delivered to https://stad.test" in caplog.text
        assert "not delivered to https://uwv.test" not in caplog.text


class TestAParticipantThatNobodyCanTell:
    """It asks the hub itself, once in a while."""

    @pytest.fixture
    def federation(self, eilogin_federation, clock):
        binding = "https://stad.test/eilogin/metadata browser"
        return eilogin_federation(
            {"uwv.test": show_visitor, "stad.test": show_visitor},
            hub_options={"logout_binding": binding},
        )

    def test_ends_her_session_when_the_hub_says_no(
        self, federation, anna, citizen_of, clock
    ):
        anna.log_in(STAD)
        citizen_of("anna").log_in(UWV).visit("https://uwv.test/eilogin/logout")
        assert anna.is_let_in(STAD), "it cannot know"
        clock.shift(10 * MINUTE + 1)
        anna.visit(STAD)
        assert anna.is_asked_for_password

    def test_leaves_her_in_who_was_away_from_the_hub(self, anna, clock):
        anna.log_in(STAD)
        clock.shift(9 * MINUTE)
        assert anna.is_let_in(STAD)
        clock.shift(14 * MINUTE)
        assert anna.is_let_in(STAD)
        anna.visit(UWV)
        assert anna.is_asked_for_password, "she is idle at the hub"


class TestAParticipantThatHasLeftTheFederation:
    @pytest.fixture
    def leaves(self, federation):
        """Start the hub with metadata in which a participant is not any more."""

        def leave(host):
            outermost = federation.apps["inloggen.test"].app
            trust = outermost.trust
            members = trust.federation.entities
            left = tuple(one for one in members if f"//{host}/" not in one.entity_id)
            metadata = FederationMetadata(left, None, "Test", None)
            outermost.trust = replace(trust, federation=Membership(metadata))

        return leave

    def test_is_told_by_its_metadata_as_it_was(self, anna, leaves, told):
        anna.log_in(UWV)
        for url in (STAD, LAND):
            assert anna.is_let_in(url)
        leaves("stad.test")
        anna.visit("https://uwv.test/eilogin/logout")
        assert "U bent overal uitgelogd" in anna.browser.text
        assert told() == ["land.test", "stad.test"]
        assert not anna.is_let_in(STAD)

    def test_gets_no_login_any_more(self, anna, leaves, clock):
        anna.log_in(UWV)
        leaves("stad.test")
        anna.visit(STAD)
        assert not anna.is_let_in(STAD)
