"""Members in quarantine: each stays as it was, while all others follow the sources."""

import json
from dataclasses import replace

import pytest
import time_machine
from kept_federations import ALL, BURG, DORP, HUB, KAMP, STAD, UWV, Party

from eilogin.errors import ConfigurationError, MetadataExpired, UnknownPeer
from eilogin.federation import Membership
from eilogin.federation.changes.approval_decisions import approve, reject
from eilogin.federation.changes.departed_members import departed_of
from eilogin.federation.changes.federation_changes import id_of
from eilogin.federation.changes.quarantine import QuarantinedMember, held_of, remaining
from eilogin.federation.local.local_options import own_of
from eilogin.federation.refresh.usable_hubs import hubs_of
from eilogin.federation.state.state_records import Approval
from eilogin.federation.trust_start import trust_of
from eilogin.saml import bindings
from eilogin.saml.metadata import (
    NO_SSO,
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    ServiceProvider,
)

DAY = 86_400.0
ANNA, BOB = Approval("anna", 1000, 1.0), Approval("bob", 1001, 2.0)


@pytest.fixture
def clock():
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def hub(sources, clock):
    return Party(sources, role="hub", public_url="https://hub.test")


@pytest.fixture
def site(sources, clock):
    return Party(sources, hub=HUB)


class TestAMemberThatWaits:
    def test_stays_as_it_was_while_all_others_follow(self, hub):
        hub.refresh(moved=[STAD])
        new = "https://new.test/eilogin/metadata"
        outcome = hub.refresh(
            *(HUB, UWV, STAD, DORP, KAMP, new),
            moved=[STAD],
            keys={UWV: ("next", "member")},
        )
        assert (outcome.what, outcome.is_newer) == ("waiting", True)
        assert outcome.held == (STAD,)
        assert hub.names == {HUB, UWV, STAD, DORP, KAMP, new}
        assert not hub.is_moved(STAD)
        assert hub.keys(UWV) == {"member", "next"}
        assert BURG in departed_of(hub.folder)

    def test_is_valid_for_as_long_as_the_operator_signs_it(self, hub, clock):
        for _ in range(4):
            clock.shift(20 * DAY)
            assert hub.refresh(moved=[STAD]).held == (STAD,)
            assert hub.federation.entity(STAD)
        clock.shift(31 * DAY)
        with pytest.raises(UnknownPeer, match="expired"):
            hub.federation.entity(STAD)

    def test_goes_at_once_where_it_is_gone(self, hub):
        hub.refresh(moved=[STAD])
        hub.refresh(HUB, UWV, DORP, KAMP, BURG)
        assert STAD not in hub.names
        assert hub.waits == []
        # Nor does it come back with what waited.
        hub.refresh(moved=[STAD])
        assert hub.waits == [STAD]
        assert STAD not in hub.names

    def test_is_as_it_was_after_an_update(self, hub):
        """Of eilogin, which makes its index anew of metadata that has the change."""
        hub.refresh(moved=[STAD])
        for path in hub.folder.path.glob("index-*"):
            path.write_bytes(b"of another version")
        for _ in range(2):
            assert hub.refresh().held == (STAD,)
            assert not hub.is_moved(STAD)
        trust = trust_of(hub.options)
        assert "moved.test" not in repr(trust.federation.entity(STAD))

    def test_is_as_it_was_by_other_options(self, hub):
        hub.refresh(moved=[STAD])
        said = {"role": "hub", "public_url": "https://hub.test"}
        trust = trust_of(hub.sources.site(federation_validity="400d", **said))
        assert "moved.test" not in repr(trust.federation.entity(STAD))
        assert hub.waits == [STAD]

    def test_is_active_once_it_is_approved(self, hub):
        hub.refresh(moved=[STAD, DORP])
        stad = next(x for x in hub.folder.open_quarantine.open if x.entity_id == STAD)
        assert approve(hub.folder, stad.id, ANNA) == (replace(stad, approvals=(ANNA,)),)
        assert hub.is_moved(STAD)
        assert hub.waits == [DORP]
        approve(hub.folder, hub.folder.open_quarantine.id, ANNA)
        assert hub.is_moved(DORP)
        assert hub.refresh().what == "same"
        assert hub.folder.active.state.held == ""

    def test_is_not_asked_again_until_it_changes_again(self, hub):
        hub.refresh(moved=[STAD])
        reject(hub.folder, hub.folder.open_quarantine.id, ANNA)
        for _ in range(2):
            outcome = hub.refresh(moved=[STAD])
            assert (outcome.what, outcome.held) == ("rejected", (STAD,))
            assert not hub.is_moved(STAD)
        hub.refresh(moved=[STAD], keys={STAD: ("thief",)})
        assert hub.waits == [STAD]

    def test_is_told_with_what_cures_it(self, hub, caplog):
        hub.refresh(moved=[STAD])
        assert (
            "needs approval, 1 of its members is pending ('eilogin trust diff"
        ) in caplog.text

    def test_damaged_quarantine_file_stops_the_refresh(self, hub):
        hub.refresh(moved=[STAD])
        path = hub.folder.path / hub.folder.active.state.held
        path.write_bytes(b"{}\n")
        with pytest.raises(
            ConfigurationError, match="the records of members in quarantine"
        ):
            hub.refresh()
        assert not hub.is_moved(STAD)


class TestAKeyThatIsGone:
    def test_is_gone_at_once_though_the_rest_waits(self, hub):
        hub.refresh(keys={STAD: ("member", "next")})
        hub.refresh(keys={STAD: ("next", "third")}, moved=[STAD])
        assert hub.waits == [STAD]
        assert hub.keys(STAD) == {"next"}
        assert not hub.is_moved(STAD)

    def test_is_told(self, hub, events):
        hub.refresh(keys={STAD: ("member", "next")})
        hub.refresh(keys={STAD: ("next",)}, moved=[STAD])
        told = "\n".join(events("trust.changed")[-1]["changes"])
        assert "participant: key gone: " in told
        assert "moved.test" not in told

    def test_is_told_once(self, hub, events):
        hub.refresh(keys={STAD: ("member", "next")})
        hub.refresh(keys={STAD: ("next",)}, moved=[STAD])
        hub.refresh(*ALL[:-1], keys={STAD: ("next",)}, moved=[STAD])
        told = "\n".join(events("trust.changed")[-1]["changes"])
        assert "Members gone (1):" in told
        assert "key gone: " not in told

    def test_was_the_only_one_of_a_participant_and_closes_it_at_its_hub(self, hub):
        hub.refresh(keys={STAD: ("next",)})
        assert hub.waits == [STAD]
        assert hub.keys(STAD) == set()
        trust = trust_of(hub.options)
        assert trust.participant(STAD).keys == ()
        approve(hub.folder, hub.folder.open_quarantine.id, ANNA)
        assert hub.keys(STAD) == {"next"}

    def test_was_the_only_one_of_our_hub_and_stays_until_somebody_has_looked(
        self, site
    ):
        site.refresh(keys={HUB: ("thief",)})
        assert site.waits == [HUB]
        assert site.keys(HUB) == {"member"}

    def test_of_our_hub_is_gone_where_another_stays(self, site):
        site.refresh(keys={HUB: ("member", "next")})
        site.refresh(keys={HUB: ("next",)}, moved=[HUB])
        assert site.keys(HUB) == {"next"}
        assert not site.is_moved(HUB)

    def test_is_of_no_use_where_its_hub_is_gone_after_that(self, site):
        site.refresh(keys={HUB: ("member", "next")})
        site.refresh(keys={HUB: ("next",)}, moved=[HUB])
        site.refresh(UWV, STAD, DORP, KAMP, BURG)
        assert site.waits == [HUB]
        assert site.keys(HUB) == {"next"}

    def test_is_taken_again_where_its_member_is_as_it_was(self, hub):
        hub.refresh(keys={STAD: ("next",)})
        hub.refresh(*ALL)
        assert hub.keys(STAD) == {"member"}
        assert hub.waits == []

    @pytest.mark.parametrize("left", [("next",), ("third",)])
    def test_is_not_brought_back_by_another_source(self, sources, clock, left):
        """Though its member is gone from the one that it was of."""
        partner = sources.folder / "partner.xml"
        theirs = "https://partner.test/eilogin/metadata"
        partner.write_bytes(sources.made(theirs))
        lines = f"{sources.url}\n{partner}"
        said = {"role": "hub", "public_url": "https://hub.test", "federation": lines}
        hub = Party(sources, **said)
        hub.refresh(keys={STAD: ("member", "next")})
        hub.refresh(keys={STAD: left}, moved=[STAD])
        counted = {"next"} & {*left}
        assert hub.keys(STAD) == counted
        partner.write_bytes(sources.made(theirs, STAD))
        for _ in range(2):
            hub.refresh(HUB, UWV, DORP, KAMP, BURG)
            assert hub.waits == [STAD]
            assert hub.keys(STAD) == counted


class TestAParticipant:
    """It waits for its hubs and for itself."""

    def test_follows_whatever_another_one_does(self, site):
        outcome = site.refresh(moved=[STAD], keys={STAD: ("next",)})
        assert outcome.what == "active"
        assert site.is_moved(STAD)
        assert site.keys(STAD) == {"next"}

    def test_waits_for_itself(self, site):
        assert site.refresh(moved=[UWV]).held == (UWV,)
        assert not site.is_moved(UWV)

    def test_keeps_its_hub_that_is_gone_for_no_longer_than_it_was_valid(
        self, site, clock
    ):
        clock.shift(20 * DAY)
        site.refresh(UWV, STAD, DORP, KAMP, BURG)
        assert site.waits == [HUB]
        assert HUB in site.names
        clock.shift(11 * DAY)
        with pytest.raises(ConfigurationError, match="is not a member"):
            site.refresh(UWV, STAD, DORP, KAMP, BURG)

    def test_has_no_hub_more_where_no_option_names_its_own(self, sources, clock):
        site = Party(sources)
        other = "https://hub.evil.test/metadata"
        site.refresh(*ALL, other)
        assert site.waits == [other]
        assert site.names == {*ALL}
        assert trust_of(site.options).hub_ids == (HUB,)


class TestANewHubThatWaits:
    """Where visitors may be sent to every hub."""

    OTHER = "https://hub.evil.test/metadata"

    @pytest.fixture
    def site(self, sources, clock):
        return Party(sources, hub="all")

    def test_is_no_member(self, site):
        for _ in range(2):
            assert site.refresh(*ALL, self.OTHER).held == (self.OTHER,)
            assert site.names == {*ALL}

    def test_is_let_in_by_no_other_options(self, site):
        site.refresh(*ALL, self.OTHER)
        other = site.sources.site(hub="all", federation_validity="400d")
        for _ in range(2):
            assert trust_of(other).hub_ids == (HUB,)
            assert site.names == {*ALL}
            assert site.waits == [self.OTHER]

    def test_is_one_once_it_is_approved(self, site):
        site.refresh(*ALL, self.OTHER)
        approve(site.folder, site.folder.open_quarantine.id, ANNA)
        assert trust_of(site.options).hub_ids == (HUB, self.OTHER)


class TestMetadataThatIsOver:
    """Every message says which command helps."""

    def error(self, site):
        federation = site.federation
        with pytest.raises(MetadataExpired) as raised:
            hubs_of(site.options, own_of(site.options), federation)
        return str(raised.value)

    def test_is_told_with_what_waits(self, site, clock):
        site.refresh(moved=[HUB])
        clock.shift(31 * DAY)
        told = self.error(site)
        assert "'eilogin trust refresh FILE' fetches the sources now" in told
        assert (
            f"then 'eilogin trust approve FILE {site.folder.open_quarantine.id}'"
            in told
        )

    def test_is_mended_by_a_refresh_while_a_change_waits(self, site, clock):
        site.refresh(moved=[HUB])
        clock.shift(31 * DAY)
        site.refresh(moved=[HUB])
        assert site.waits == [HUB]
        assert hubs_of(site.options, own_of(site.options), site.federation) == (HUB,)

    def test_is_told_with_a_refresh(self, site, clock):
        clock.shift(31 * DAY)
        assert ("'eilogin trust refresh FILE' fetches the sources now") in self.error(
            site
        )


class TestVeryManyAtOnce:
    def test_that_are_gone_stay_and_others_follow(self, hub):
        hub.refresh(HUB, UWV, STAD, DORP, moved=[DORP])
        assert hub.names == {*ALL}
        assert set(hub.waits) == {KAMP, BURG, DORP}
        # New ones do not make them a small part.
        more = [f"https://site{n}.test/eilogin/metadata" for n in range(20)]
        hub.refresh(HUB, UWV, STAD, *more)
        assert {KAMP, BURG} <= hub.names
        assert DORP not in hub.names
        for one in hub.folder.open_quarantine.open:
            approve(hub.folder, one.id, ANNA)
        assert hub.names == {HUB, UWV, STAD, *more}
        assert {KAMP, BURG} <= set(departed_of(hub.folder))

    def test_that_are_gone_go_once_they_are_over(self, hub, clock):
        hub.refresh(HUB, UWV, STAD)
        assert hub.names == {*ALL}
        clock.shift(31 * DAY)
        hub.refresh(HUB, UWV, STAD)
        assert hub.waits == []
        assert hub.names == {HUB, UWV, STAD}

    def test_with_other_keys_are_not_closed(self, hub):
        """Else who has the operator's key could close a whole federation."""
        hub.refresh(keys=dict.fromkeys(ALL[1:], ("thief",)))
        assert len(hub.waits) == 5
        assert hub.keys(STAD) == {"member"}


class TestAnApproval:
    def test_is_of_no_other_change_than_was_shown(self, hub):
        hub.refresh(keys={STAD: ("member", "next")}, moved=[STAD])
        shown = hub.folder.open_quarantine.id
        hub.refresh(keys={STAD: ("member", "thief")}, moved=[STAD])
        with pytest.raises(ConfigurationError, match="look at that one first"):
            approve(hub.folder, shown, ANNA)
        assert hub.keys(STAD) == {"member"}

    def test_counts_no_more_once_its_member_was_otherwise(self, hub):
        """A member that goes back and forth does not hide which change is approved."""
        hub.refresh(moved=[STAD])
        approve(hub.folder, hub.folder.open_quarantine.id, ANNA, 2)
        hub.refresh(*ALL)
        hub.refresh(moved=[STAD])
        assert not approve(hub.folder, hub.folder.open_quarantine.id, BOB, 2)
        assert not hub.is_moved(STAD)

    def test_of_two_people_is_theirs_for_each_member(self, hub):
        hub.refresh(moved=[STAD, DORP])
        stad = next(x for x in hub.folder.open_quarantine.open if x.entity_id == STAD)
        approve(hub.folder, stad.id, ANNA, 2)
        assert not approve(hub.folder, stad.id, ANNA, 2), "one person"
        done = approve(hub.folder, hub.folder.open_quarantine.id, BOB, 2)
        assert [one.entity_id for one in done] == [STAD]
        assert hub.waits == [DORP]

    def test_is_kept_while_others_change(self, hub):
        hub.refresh(moved=[STAD])
        approve(hub.folder, hub.folder.open_quarantine.id, ANNA, 2)
        hub.refresh(*ALL[:-1], moved=[STAD])
        assert approve(hub.folder, hub.folder.open_quarantine.id, BOB, 2)
        assert hub.is_moved(STAD)

    def test_is_not_of_what_came_meanwhile(self, hub):
        """What is active is another state than the change was compared with."""
        hub.refresh(moved=[STAD])
        waiting = hub.folder.open_quarantine
        hub.refresh(*ALL[:-1], moved=[STAD])
        hub.folder.put_quarantine(waiting)
        with pytest.raises(
            ConfigurationError, match="the active metadata have changed"
        ):
            approve(hub.folder, waiting.id, ANNA)

    def test_counts_no_more_where_it_waits_for_another_reason(self, hub):
        hub.refresh(moved=[STAD])
        approve(hub.folder, hub.folder.open_quarantine.id, ANNA, 2)
        waiting = hub.folder.open_quarantine
        [one] = waiting.pending
        other = replace(one, reasons=("by rules that are over",))
        hub.folder.put_quarantine(replace(waiting, pending=(other,)))
        hub.refresh()
        [one] = hub.folder.open_quarantine.open
        assert one.approvals == ()

    def test_may_be_stopped_before_anything_is_active(self, hub):
        hub.refresh(moved=[STAD])

        def stop(_):
            raise ConfigurationError("no hub")

        with pytest.raises(ConfigurationError, match="no hub"):
            approve(hub.folder, hub.folder.open_quarantine.id, ANNA, require=stop)
        assert not hub.is_moved(STAD)
        assert hub.waits == [STAD]

    def test_of_all_that_the_version_before_rejected_is_asked_of_nobody(self, hub):
        first = hub.folder.active
        hub.sources.publish(*ALL, moved=[STAD])
        hub.refresh()
        signed = Membership.from_index(hub.folder.path / hub.folder.active.state.signed)
        tries = replace(first.tries, rejected=id_of(signed))
        hub.folder.empty_quarantine()
        hub.folder.put_active(replace(hub.folder.active, tries=tries))
        assert hub.refresh().what == "rejected"


def test_pending_change_of_the_previous_version_is_judged_per_member(hub):
    """Its folder is read as it is."""
    active = json.loads((hub.folder.path / "active.json").read_bytes())
    # So that version wrote it, of which what is signed waits as a whole.
    state = {**active["state"], "id": "b" * 32}
    waiting = {
        "version": 1,
        "state": state,
        "reasons": ["a key"],
        "since": 1.0,
        "approvals": [],
        "than": state["digest"],
    }
    (hub.folder.path / "waiting.json").write_text(json.dumps(waiting))
    assert not {"held", "signed"} & active["state"].keys()
    with pytest.raises(ConfigurationError, match="is out of date"):
        approve(hub.folder, "b" * 32, ANNA)
    hub.refresh(*ALL[:-1], moved=[STAD])
    assert hub.waits == [STAD]
    assert BURG not in hub.names
    assert not (hub.folder.path / "waiting.json").exists()


class TestRollback:
    def test_of_what_was_signed_before_the_change_is_refused(self, hub, clock):
        old = hub.sources.octets
        clock.shift(60)
        hub.refresh(HUB, UWV, STAD, DORP, KAMP, moved=[STAD])
        hub.sources.octets = old
        outcome = hub.refresh()
        assert "(metadata-older)" in outcome.failures[0]
        assert BURG not in hub.names
        assert hub.waits == [STAD]


# --- what is left of one record -----------------------------------------------------


@pytest.fixture
def certificate(key_of):
    return lambda name: key_of(name).certificate_text


@pytest.fixture
def member(certificate):
    def make(signing, encryption="", **more):
        role = ServiceProvider(
            signing_certificates=tuple(map(certificate, signing)),
            encryption_certificates=tuple(map(certificate, encryption)),
            assertion_consumers=(Endpoint(bindings.POST, "https://uwv.test/acs"),),
        )
        return EntityDescriptor(entity_id=UWV, service_provider=role, **more)

    return make


@pytest.mark.parametrize(
    ("known", "new", "left"),
    [
        (("AB", "A"), ("BC", "A"), [("B", "A"), ("B", "A")]),
        (("A", "A"), ("B", "B"), [("", "A"), ("A", "A")]),
        (("A", "A"), ("A", "B"), [("", "A"), ("A", "A")]),
        (("A", "A"), ("A", ""), [("", "A"), ("A", "A")]),
        (("AB", "A"), ("B", "B"), [("B", "B"), ("B", "B")]),
        (("A", ""), ("AB", "B"), [("A", ""), ("A", "")]),
    ],
)
def test_keys_count_that_were_known_and_are_signed_still(
    member, certificate, known, new, left
):
    """At a hub, which closes who has none left, and at a participant."""
    for closes, (signing, encryption) in zip((True, False), left, strict=True):
        role = remaining(member(*known), member(*new), closes=closes).service_provider
        assert role.signing_certificates == tuple(map(certificate, signing))
        assert role.encryption_certificates == tuple(map(certificate, encryption))


@pytest.mark.parametrize(
    ("known", "new", "left"),
    [
        ({}, {"required_level": "hoog"}, {"required_level": "hoog"}),
        ({"required_level": "hoog"}, {}, {"required_level": "hoog"}),
        ({}, {"sso_domain": NO_SSO}, {"sso_domain": NO_SSO}),
        ({}, {"sso_domain": "zorg"}, {}),
        ({}, {"released": frozenset()}, {"released": frozenset()}),
        ({"released": frozenset("a")}, {}, {"released": frozenset("a")}),
    ],
)  # fmt: skip
def test_rules_count_at_once_where_they_are_stricter(member, known, new, left):
    found = remaining(member("A", **known), member("A", **new), closes=True)
    assert found == member("A", **left)


def test_a_role_that_is_gone_is_gone_but_at_a_participant(member):
    hub = EntityDescriptor(entity_id=UWV, identity_provider=IdentityProvider())
    assert remaining(member("A"), hub, closes=True).service_provider is None
    assert remaining(member("A"), hub, closes=True).identity_provider is None
    assert remaining(member("A"), hub, closes=False) == member("A")


def test_another_source_says_nothing_of_a_member_before_somebody_has_looked(member):
    """Neither which keys it has, nor how long it is valid."""
    known, new = member("AB", valid_until=1.0), member("B", valid_until=2.0)
    assert QuarantinedMember(UWV, known, is_moved=True).record(new) == known
    assert QuarantinedMember(UWV, known).record(new) == member("B", valid_until=2.0)
    assert QuarantinedMember(UWV, known).record(None) == known
    assert QuarantinedMember(UWV, None).record(new) is None


def test_quarantined_member_is_read_as_it_was_written(hub):
    hub.refresh(moved=[STAD])
    held = held_of(hub.folder, hub.folder.active.state)
    assert set(held) == {STAD}
    known = replace(held[STAD].known, valid_until=None)
    assert known == hub.sources.member(STAD)
    assert held[STAD].closes
    assert held_of(hub.folder, None) == {}
