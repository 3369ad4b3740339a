"""Who is no member any more is told to end its sessions, and gets nothing more."""

from dataclasses import replace

import pytest

from eilogin.errors import StoreUnavailable
from eilogin.federation import Membership
from eilogin.federation.changes.quarantine import remaining
from eilogin.saml import bindings, messages
from eilogin.saml.metadata import FederationMetadata

HUB = "https://inloggen.test"
STAD = "https://stad.test/eilogin/metadata"
ALL = {"inloggen.test", "uwv.test", "stad.test", "land.test"}
NO_MORE = ALL - {"stad.test"}
#: Seconds after which all processes know who has left.
SOON = 3


@pytest.fixture
def work(federation, clock):
    """The hub at work, some seconds later; how many have heard late then."""

    def work(seconds=SOON):
        clock.shift(seconds)
        return federation.work()

    return work


@pytest.fixture
def removed(federation, anna, leaves):
    """Let a participant leave while she is logged in there."""
    federation.work()
    leaves("stad.test")
    federation.work()


@pytest.fixture
def come_back(federation):
    """Let all be members again."""

    def come_back():
        hub = federation.apps["inloggen.test"].app
        members = federation.trusts["inloggen.test"].federation.entities
        metadata = FederationMetadata(tuple(members), None, "Test", None)
        hub.trust = replace(hub.trust, federation=Membership(metadata))
        federation.work()

    return come_back


class TestAParticipantThatLeaves:
    def test_ends_its_sessions_and_nobody_else_any(self, anna, removed, work, told):
        told()
        work()
        assert anna.is_in == NO_MORE
        assert told() == ["stad.test"]

    def test_is_told_once(self, anna, removed, work, told):
        work()
        told()
        for _ in range(3):
            work(70)
        assert told() == []

    def test_is_refused_from_the_next_request_on(self, removed, another, refused):
        another.visit("https://stad.test/mijn")
        refused(another.browser.page, "peer-unknown")

    def test_gets_nothing_for_what_was_begun_before(  # noqa: PLR0913, PLR0917
        self, citizen, service, party, call, leaves, refused
    ):
        asks = {"acs_url": "", "protocol_binding": bindings.ARTIFACT}
        citizen.visit(service.address(service.request(**asks)))
        citizen.sign_in(url=None)
        [answered] = service.came
        asked = service.request(**asks, force_authn=True)
        citizen.visit(service.address(asked))
        assert citizen.is_asked
        leaves("stad.test")
        page, carried = service.resolve(answered["SAMLart"])
        assert carried is None
        refused(page, "peer-unknown")
        name_id = messages.NameID("whoever")
        logout = party("stad.test").logout_request(name_id, f"{HUB}/slo/soap")
        soap = party("stad.test").by_soap(logout)
        refused(call("POST", f"{HUB}/slo/soap", soap), "peer-unknown")
        citizen.sign_in(url=None)
        refused(citizen.browser.page, "peer-unknown")
        citizen.visit(service.address(asked))
        refused(citizen.browser.page, "peer-unknown")
        assert service.came == [answered]

    @pytest.mark.parametrize("hub_options", [{"confirm_logout": "true"}])
    @pytest.mark.parametrize(
        ("button", "title", "stays"),
        [
            ("Overal uitloggen", "U bent overal uitgelogd", set()),
            ("Ingelogd blijven", "u bent nog niet overal uitgelogd", NO_MORE),
        ],
    )
    def test_keeps_nobody_from_the_logout_that_it_began(
        self, anna, leaves, button, title, stays
    ):
        anna.browser.visit("https://stad.test/eilogin/logout")
        leaves("stad.test")
        anna.browser.press(button)
        assert title in anna.browser.title
        assert anna.is_in == stays

    def test_is_in_the_log_and_the_audit_log(self, removed, work, events, caplog):
        work()
        [event] = events("session.ended")
        assert (event["peer"], event["reason"]) == (STAD, "removed")
        said = "\n".join(one.message for one in caplog.get_records("setup"))
        assert f"{STAD} is not a member of the federation any more" in said
        assert "sessions there: 1, confirmed as ended: 1" in caplog.text

    def test_that_does_not_answer_is_told_again(self, anna, federation, removed, work):
        federation.down.add("stad.test")
        work()
        assert anna.is_in == ALL
        federation.down.clear()
        assert work(10) == 1
        assert anna.is_in == NO_MORE

    def test_is_told_by_a_logout_too_that_comes_first(self, anna, removed):
        anna.browser.visit("https://inloggen.test/")
        anna.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" in anna.browser.title
        assert anna.is_in == set()

    def test_that_does_not_answer_is_no_secret_in_her_receipt(
        self, anna, federation, removed, work
    ):
        federation.down.add("stad.test")
        anna.browser.visit("https://inloggen.test/")
        anna.browser.press("Overal uitloggen")
        assert "stad.test Hier is uitloggen nog niet gelukt" in anna.browser.text
        federation.down.clear()
        work(10)
        anna.browser.visit("https://inloggen.test/logout")
        assert "stad.test Uitgelogd om" in anna.browser.text

    def test_keeps_its_sessions_where_it_is_back_soon(
        self, anna, removed, work, told, come_back
    ):
        told()
        come_back()
        work()
        assert told() == []
        assert anna.is_in == ALL

    def test_is_told_where_the_store_was_away_at_that_moment(  # noqa: PLR0913, PLR0917
        self, anna, federation, leaves, work, sessions, monkeypatch
    ):
        federation.work()
        leaves("stad.test")

        def away(*args, **options):
            raise StoreUnavailable("away")

        with monkeypatch.context() as patch:
            patch.setattr(sessions.store, "create", away)
            with pytest.raises(StoreUnavailable):
                federation.work()
        federation.work()
        work()
        assert anna.is_in == NO_MORE

    def test_may_be_one_that_is_no_participant_any_more(
        self, anna, federation, hub_believes, work, told
    ):
        federation.work()
        hub_believes("stad.test", lambda entity: replace(entity, service_provider=None))
        federation.work()
        told()
        work()
        assert told() == ["stad.test"]

    def test_is_not_one_whose_metadata_is_otherwise(
        self, anna, federation, hub_believes, work, told
    ):
        federation.work()
        hub_believes("stad.test", lambda entity: replace(entity, names={"nl": "Stad"}))
        federation.work()
        told()
        work()
        assert told() == []

    @pytest.mark.parametrize("is_told_of_all", [True, False])
    def test_is_told_again_when_it_leaves_again(  # noqa: PLR0913, PLR0917
        self, anna, federation, removed, leaves, work, come_back, is_told_of_all
    ):
        work()
        if is_told_of_all:
            work(70)
        come_back()
        work(70)
        anna.browser.visit("https://stad.test/mijn")
        anna.logins["stad.test"] = anna.login_at("stad.test")
        assert anna.is_in_at("stad.test")
        leaves("stad.test")
        federation.work()
        # Not before all processes know it, as the first time.
        assert anna.is_in_at("stad.test")
        work()
        assert anna.is_in == NO_MORE


class TestAParticipantOfWhichAllKeysAreReplaced:
    """It is closed until somebody approves that: who stole its old key is nobody."""

    @pytest.fixture
    def closed(self, federation, anna, hub_believes, attacker_key):
        def with_new_key(entity):
            role = entity.service_provider
            role = replace(role, signing_certificates=(attacker_key.certificate_text,))
            new = replace(entity, service_provider=role)
            return remaining(entity, new, closes=True)

        federation.work()
        hub_believes("stad.test", with_new_key)
        federation.work()

    def test_is_served_by_neither_key(self, closed, another, refused):
        another.visit("https://stad.test/mijn")
        refused(another.browser.page, "signature-untrusted")

    def test_keeps_its_sessions_and_hears_of_a_logout(self, closed, anna, work, told):
        told()
        work()
        assert anna.is_in == ALL
        assert told() == []
        anna.browser.visit("https://uwv.test/eilogin/logout")
        assert "stad.test" in told()
