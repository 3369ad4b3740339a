"""From what sources have now to the state that is active, member by member."""

import logging
import os
import re
import shutil
import signal
from contextlib import suppress

import pytest
import time_machine

from eilogin import clock as instants
from eilogin.errors import (
    BindingMissing,
    ConfigurationError,
    HubUnknown,
    MetadataUnavailable,
    MetadataUnusable,
    UnknownPeer,
)
from eilogin.federation import Membership
from eilogin.federation.changes.approval_decisions import approve, reject
from eilogin.federation.changes.departed_members import departed_of
from eilogin.federation.changes.quarantine import signed_index
from eilogin.federation.local.local_options import own_of
from eilogin.federation.refresh import metadata_refresh
from eilogin.federation.refresh.metadata_refresh import refresh
from eilogin.federation.refresh.usable_hubs import folder_of
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_origin import configuration_of
from eilogin.federation.state.state_records import Approval
from eilogin.federation.trust_start import members_at_start, trust_of

HUB, UWV = "https://hub.test/metadata", "https://uwv.test/eilogin/metadata"
STAD = "https://stad.test/eilogin/metadata"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
ANNA, BOB = Approval("anna", 1000, 1.0), Approval("bob", 1001, 2.0)


@pytest.fixture
def clock():
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def sources(clock, sources):
    """Those that are told elsewhere, of which the time is told here."""
    return sources


def members(folder):
    federation = Membership.from_index(folder.index(folder.active.state))
    return [entity.entity_id for entity in federation.entities]


def is_moved(folder):
    """Whether the new address of anybody is used."""
    federation = Membership.from_index(folder.index(folder.active.state))
    return "moved.test" in repr([*federation.members.values()])


class TestAFirstStart:
    def test_has_what_is_there(self, site):
        trust = trust_of(site)
        assert trust.hub_ids == (HUB,)
        active = folder_of(site).active
        assert active.state.members == 2
        assert active.tries.failures == 0
        assert active.tries.worked == instants.now()

    def test_of_several_sites_in_one_folder(self, site, sources):
        other = sources.site(
            entity_id="https://stad.test/x", public_url="https://x.test"
        )
        trust_of(site)
        trust_of(other)
        assert folder_of(site).path.parent == folder_of(other).path.parent
        assert folder_of(site).path != folder_of(other).path

    def test_is_none_without_a_source(self, site, sources):
        sources.close()
        with pytest.raises(MetadataUnavailable):
            trust_of(site)
        assert folder_of(site).active is None

    def test_is_none_where_everybody_can_write_to_the_folder(self, site):
        site.federation_folder.chmod(0o777)
        with pytest.raises(ConfigurationError, match=r"\(mode 0777\)"):
            trust_of(site)

    def test_is_none_without_our_hub(self, sources, site):
        sources.publish(UWV)
        with pytest.raises(HubUnknown):
            trust_of(site)
        assert folder_of(site).active is None


class TestANextStart:
    def test_asks_nobody(self, site, sources, folder):
        asked = len(sources.asked)
        assert trust_of(site).hub_ids == (HUB,)
        assert len(sources.asked) == asked

    def test_is_by_what_is_kept_until_that_expires(self, site, sources, folder, clock):
        sources.close()
        clock.shift(DAY)
        assert trust_of(site).hub_ids == (HUB,)
        clock.shift(30 * DAY)
        with pytest.raises(
            MetadataUnavailable, match=r"the previous copy either: .* expired at"
        ):
            trust_of(site)

    def test_of_a_hub_is_by_what_is_kept_until_that_expires(self, sources, clock):
        hub = sources.site(role="hub", public_url="https://hub.test")
        trust_of(hub)
        sources.close()
        clock.shift(31 * DAY)
        with pytest.raises(
            MetadataUnavailable, match=r"the previous copy either: .* expired at"
        ):
            trust_of(hub)

    def test_by_other_options_does_not_use_what_is_kept(self, sources, folder, key_of):
        """Whose key is no longer believed has signed what is there."""
        sources.certificate("other.crt", key_of("another operator"))
        other = sources.site(federation_certificate="other.crt")
        with pytest.raises(
            ConfigurationError, match="matches no key of the expected signer"
        ):
            trust_of(other)
        sources.publish(HUB, UWV, STAD, key=key_of("another operator"))
        trust_of(other)
        assert members(folder) == [HUB, UWV, STAD]

    def test_by_another_signer_minds_nothing_of_the_first(
        self, sources, folder, key_of
    ):
        sources.certificate("other.crt", key_of("another operator"))
        with time_machine.travel("2026-11-23T09:00:00Z"):
            sources.publish(HUB, UWV, STAD, key=key_of("another operator"))
        trust_of(sources.site(federation_certificate="other.crt"))
        assert members(folder) == [HUB, UWV, STAD]

    @pytest.mark.parametrize("damage", [b"", b"eilogin index 0\n", None])
    def test_makes_an_index_anew_that_it_cannot_read(
        self, site, sources, folder, damage
    ):
        """As after eilogin itself was upgraded; the source may be down."""
        sources.close()
        path = folder.index(folder.active.state)
        path.unlink() if damage is None else path.write_bytes(damage)
        assert trust_of(site).hub_ids == (HUB,)
        assert members(folder) == [HUB, UWV]

    def test_by_other_options_waits_for_who_refreshes_by_those_before(
        self, site, sources, folder, monkeypatch
    ):
        """As at a restart: what comes of that is no state to use."""
        trust_of(site)
        lock = SiteFolder.lock

        def refreshed_first(self):
            monkeypatch.undo()
            number = lock(self)
            refresh(site, folder)
            return number

        monkeypatch.setattr(SiteFolder, "lock", refreshed_first)
        other = sources.site(federation_validity="400d")
        assert trust_of(other).hub_ids == (HUB,)

    def test_makes_the_index_again_that_another_version_made_meanwhile(
        self, site, sources, folder, monkeypatch
    ):
        """As if both versions started at once with new options."""
        trust_of(site)
        other = sources.site(federation_validity="400d")
        lock = SiteFolder.lock

        def refreshed_first(self):
            monkeypatch.undo()
            number = lock(self)
            refresh(other, folder)
            folder.index(folder.active.state).write_bytes(b"of another version")
            return number

        monkeypatch.setattr(SiteFolder, "lock", refreshed_first)
        assert trust_of(other).hub_ids == (HUB,)
        assert members(folder) == [HUB, UWV]

    def test_waits_for_who_is_at_it(self, site, monkeypatch):
        folder = folder_of(site)
        folder.prepare()
        number = folder.lock()

        def meanwhile(_):
            monkeypatch.undo()
            os.close(number)

        monkeypatch.setattr("time.sleep", meanwhile)
        assert trust_of(site).hub_ids == (HUB,)


class TestAFileHere:
    @pytest.fixture
    def site(self, sources):
        return sources.site(federation=f"{sources.folder}/federation.xml")

    def test_is_read_anew_at_a_start_where_it_changed(self, site, sources, folder):
        generation = folder.active.state.generation
        trust_of(site)
        assert folder.active.state.generation == generation
        sources.publish(HUB, UWV, STAD)
        trust = trust_of(site)
        assert trust.federation.entity(STAD)

    def test_that_is_broken_leaves_what_was(self, site, sources, folder, caplog):
        (sources.folder / "federation.xml").write_bytes(b"<half")
        with caplog.at_level(logging.WARNING, "eilogin"):
            assert trust_of(site).hub_ids == (HUB,)
        assert "eilogin uses the previous copy" in caplog.text
        assert "(metadata-unusable)" in caplog.text

    def test_that_is_gone_leaves_what_was(self, site, sources, folder, caplog):
        # The options are read anew at a start, and refuse that: this is a refresh.
        (sources.folder / "federation.xml").unlink()
        assert refresh(site, folder).what == "same"
        assert "No such file" in folder.active.state.sources[0].why

    def test_does_not_get_around_approval_by_a_restart(
        self, site, sources, folder, judged
    ):
        judged.append("the only key of hub is replaced")
        sources.publish(HUB, UWV, STAD)
        for _ in range(2):
            trust = trust_of(site)
            with pytest.raises(UnknownPeer):
                trust.federation.entity(STAD)
        assert folder.open_quarantine.reasons == tuple(judged)


@pytest.fixture
def judged(monkeypatch):
    """Why a site that comes, or is otherwise, has to wait."""
    reasons = []

    def held(changes, _):
        new = {one.entity_id for one in changes.changes} - {""}
        return {name: list(reasons) for name in new if reasons}

    monkeypatch.setattr(metadata_refresh.Changes, "held", held)
    return reasons


class TestARefresh:
    def test_without_news_leaves_all_as_it_was(self, site, sources, folder):
        before = folder.active
        assert refresh(site, folder).what == "same"
        assert folder.active.state.index == before.state.index
        assert folder.active.since == before.since
        assert sources.statuses[-1] == 304

    def test_with_news_is_active(self, site, sources, folder, clock):
        clock.shift(HOUR)
        sources.publish(HUB, UWV, STAD)
        outcome = refresh(site, folder)
        assert (outcome.what, outcome.members) == ("active", 3)
        assert members(folder) == [HUB, UWV, STAD]
        assert folder.active.since == instants.now()

    def test_that_only_lasts_longer_is_active_too(self, site, sources, folder, clock):
        clock.shift(10 * DAY)
        sources.publish(HUB, UWV)
        assert refresh(site, folder).what == "active"
        clock.shift(25 * DAY)
        assert members(folder) == [HUB, UWV]

    def test_of_what_is_older_is_none(self, site, sources, folder, clock):
        old = sources.octets
        clock.shift(HOUR)
        sources.publish(HUB, UWV, STAD)
        refresh(site, folder)
        digest = folder.active.state.digest
        sources.octets = old
        outcome = refresh(site, folder)
        assert outcome.what == "same"
        assert "(metadata-older)" in outcome.failures[0]
        assert folder.active.state.digest == digest

    def test_of_what_was_there_once_is_none_though_nobody_says_when(
        self, site, sources, folder
    ):
        made = []
        for who in ((HUB, UWV, STAD), (HUB, UWV)):
            sources.publish(*who, says_when=False)
            made.append(sources.octets)
        # Who says when it was made once, says it always: so from the beginning.
        for path in folder.path.iterdir():
            path.unlink()
        for octets in made:
            sources.octets = octets
            trust_of(site)
            refresh(site, folder)
        sources.octets = made[0]
        assert "(metadata-older)" in refresh(site, folder).failures[0]
        assert members(folder) == [HUB, UWV]

    def test_without_our_hub_leaves_that_as_it_was(self, site, sources, folder):
        sources.publish(UWV, STAD)
        [reason] = refresh(site, folder).reasons
        assert reason.startswith(f"{HUB}: our hub: ")
        assert members(folder) == [UWV, STAD, HUB]

    def test_without_what_we_need_of_our_hub_is_none(self, site, sources, folder):
        sources.publish(HUB, UWV, resolvers=False)
        with pytest.raises(BindingMissing):
            refresh(site, folder)
        assert members(folder) == [HUB, UWV]

    def test_leaves_no_files_behind(self, site, sources, folder, clock):
        for _ in range(3):
            clock.shift(HOUR)
            sources.publish(HUB, UWV, resolvers=False)
            with pytest.raises(BindingMissing):
                refresh(site, folder)
        assert len([*folder.path.glob("copy-*")]) == 1
        assert len([*folder.path.glob("index-*")]) == 1


class TestWhatIsOver:
    def test_is_used_by_nobody(self, site, sources, folder, clock):
        trust = trust_of(site)
        clock.shift(31 * DAY)
        with pytest.raises(UnknownPeer, match="expired"):
            trust.federation.entity(HUB)
        sources.close()
        with pytest.raises(ConfigurationError):
            refresh(site, folder)


class TestTheNextTry:
    def due(self, folder):
        return folder.active.tries.due - instants.now()

    def test_is_after_the_usual_time(self, folder):
        assert HOUR <= self.due(folder) <= 1.1 * HOUR

    def test_is_when_the_options_say(self, sources):
        site = sources.site(federation_refresh="10m")
        trust_of(site)
        assert 600 <= self.due(folder_of(site)) <= 660

    @pytest.mark.parametrize(
        ("says", "wait"), [("PT10M", 600), ("PT1S", 60), ("P1D", HOUR)]
    )
    def test_is_sooner_where_the_metadata_says_so(self, site, sources, says, wait):
        sources.publish(HUB, UWV, cache=says)
        trust_of(site)
        assert wait <= self.due(folder_of(site)) <= 1.1 * wait

    def test_is_before_the_metadata_is_over(self, sources, clock):
        site = sources.site()
        sources.publish(HUB, UWV, days=1 / 24)
        trust_of(site)
        assert 1800 <= self.due(folder_of(site)) <= 1980

    def test_is_later_and_later_where_it_fails(self, site, sources, folder):
        sources.close()
        waits = []
        for _ in range(9):
            refresh(site, folder)
            waits.append(self.due(folder) / MINUTE)
        expected = [1, 2, 4, 8, 16, 32, 60, 60, 60]
        assert all(
            e <= wait <= 1.1 * e for wait, e in zip(waits, expected, strict=True)
        )
        (source,) = folder.active.state.sources
        assert (source.failures, folder.active.tries.failures) == (9, 9)
        assert "refuses connections" in source.why

    def test_is_as_usual_once_it_went_well(self, site, sources, folder):
        octets, sources.octets = sources.octets, b"<html>"
        refresh(site, folder)
        sources.octets = octets
        refresh(site, folder)
        assert self.due(folder) >= HOUR
        (source,) = folder.active.state.sources
        assert (source.failures, source.why) == (0, "")


def test_log_describes_changes_that_need_no_approval(
    site, sources, folder, events, caplog
):
    sources.publish(HUB, UWV, STAD)
    refresh(site, folder)
    told = f"Members added (1):|    {STAD}: 'Employee Insurance Agency', participant"
    [event] = events("trust.changed")
    assert "|".join(event["changes"]).startswith(told)
    assert f"federation:     {STAD}: 'Employee Insurance Agency', part" in caplog.text


class TestWhatWaits:
    def test_leaves_active_what_was(self, site, sources, folder, judged):
        judged.append("reason")
        sources.publish(HUB, UWV, STAD)
        outcome = refresh(site, folder)
        assert (outcome.what, outcome.reasons) == ("waiting", ("reason",))
        assert outcome.held == (STAD,)
        assert members(folder) == [HUB, UWV]
        assert [one.entity_id for one in folder.open_quarantine.open] == [STAD]
        assert folder.active.tries.failures == 0

    def test_is_active_once_somebody_approves(self, site, sources, folder, judged):
        judged.append("reason")
        sources.publish(HUB, UWV, STAD)
        refresh(site, folder)
        approve(folder, folder.open_quarantine.id, Approval("anna", 1000, 1.0))
        assert members(folder) == [HUB, UWV, STAD]
        assert refresh(site, folder).what == "same"

    def test_is_gone_where_the_source_takes_it_back(
        self, site, sources, folder, judged
    ):
        judged.append("reason")
        sources.publish(HUB, UWV, STAD)
        refresh(site, folder)
        sources.publish(HUB, UWV)
        refresh(site, folder)
        assert folder.open_quarantine is None

    def test_waits_on_while_the_source_is_down(self, site, sources, folder, judged):
        judged.append("reason")
        sources.publish(HUB, UWV, STAD)
        refresh(site, folder)
        sources.close()
        refresh(site, folder)
        assert folder.open_quarantine is not None

    def test_waits_on_beside_what_another_source_has_new(self, sources, clock):
        stad = sources.folder / "stad.xml"
        stad.write_bytes(sources.made(STAD))
        site = sources.site(federation=f"{sources.url}\n{stad}")
        trust_of(site)
        folder = folder_of(site)
        sources.publish(HUB, UWV, moved=[HUB])
        refresh(site, folder)
        waits, moved = folder.open_quarantine.open, sources.octets
        sources.octets = b"<html>"
        clock.shift(MINUTE)
        stad.write_bytes(sources.made(STAD, days=29))
        outcome = refresh(site, folder)
        assert (outcome.what, outcome.is_newer) == ("waiting", True)
        assert folder.open_quarantine.open == waits
        sources.octets = moved
        assert refresh(site, folder).what == "waiting"
        assert not is_moved(folder)
        approve(folder, waits[0].id, ANNA)
        assert members(folder) == [HUB, UWV, STAD]
        assert is_moved(folder)

    def test_stops_no_start_after_an_update(self, site, sources, folder, judged):
        """By a version of eilogin that cannot read the index of the one before."""
        judged.append("reason")
        folder.index(folder.active.state).write_bytes(b"of another version")
        sources.publish(HUB, UWV, STAD)
        refresh(site, folder)
        trust = trust_of(site)
        assert [one.entity_id for one in trust.federation.entities] == [HUB, UWV]
        assert [one.entity_id for one in folder.open_quarantine.open] == [STAD]

    def test_is_nobody_who_is_gone_and_over_but_they_are_known_again(
        self, site, sources, folder, clock
    ):
        dorp = "https://dorp.test/eilogin/metadata"
        sources.publish(HUB, UWV, STAD, dorp)
        refresh(site, folder)
        folder.index(folder.active.state).write_bytes(b"of another version")
        clock.shift(40 * DAY)
        sources.publish(HUB, UWV)
        assert refresh(site, folder).what == "active"
        assert set(departed_of(folder)) == {STAD, dorp}

    def test_does_not_come_back_once_it_was_rejected(
        self, site, sources, folder, judged
    ):
        judged.append("reason")
        sources.publish(HUB, UWV, STAD)
        refresh(site, folder)
        reject(folder, folder.open_quarantine.id, ANNA)
        assert refresh(site, folder).what == "rejected"
        assert folder.open_quarantine is None
        assert members(folder) == [HUB, UWV]
        # Nor where the rules have become other ones.
        judged.clear()
        assert refresh(site, folder).what == "rejected"
        assert members(folder) == [HUB, UWV]


class TestOtherOptions:
    """They decide whom to believe from now on, and nothing of what those say."""

    DORP = "https://dorp.test/eilogin/metadata"

    @pytest.fixture
    def partner(self, sources):
        """Another source, a file that a partner of ours writes."""
        path = sources.folder / "partner.xml"

        def write(*names, **how):
            path.write_bytes(sources.made(*names, **how))
            return str(path)

        return write

    def started(self, sources, **said):
        """A start by these options, whoever it knows; and the folder."""
        site = sources.site(**said)
        trust = trust_of(site)
        return folder_of(site), [one.entity_id for one in trust.federation.entities]

    @pytest.mark.parametrize(
        "how", ["timeout=7s", "longest=9MB", "validity=60d", "proxy=off", "role=hub"]
    )
    def test_let_nothing_through_that_waits(self, sources, folder, how):
        sources.publish(HUB, UWV, moved=[HUB])
        line = f"{sources.url} {how}"
        _, known = self.started(sources, federation=line)
        assert known == ([HUB] if how == "role=hub" else [HUB, UWV])
        refresh(sources.site(federation=line), folder)
        [reason, *_] = folder.open_quarantine.reasons
        assert "hub: login requests (SSO) go to https://moved.test" in reason
        assert not is_moved(folder)

    def test_that_say_the_same_otherwise_change_nothing(self, sources, folder):
        before, asked = folder.active, len(sources.asked)
        self.started(sources, federation=f"{sources.url} timeout=7s")
        assert folder.active == before
        assert len(sources.asked) == asked
        self.started(sources, federation=f"{sources.url} validity=60d")
        assert folder.active.state.index == before.state.index
        assert folder.active.since == before.since

    def test_have_what_waits_wait_anew(self, site, sources, folder):
        """By the older ones it would be active, of which no process knows any more."""
        sources.publish(HUB, UWV, moved=[HUB])
        refresh(site, folder)
        line = f"{sources.url} validity=60d"
        refresh(sources.site(federation=line), folder)
        assert folder.open_quarantine.configuration == folder.active.state.configuration
        assert not is_moved(folder)

    def other(self, sources, fails):
        """A site by other options, whose refresh is going to fail in this way."""
        if fails == "by a signer who has signed nothing":
            sources.certificate("other.crt", sources.key_of("another operator"))
            return sources.site(federation_certificate="other.crt")
        sources.publish(HUB, UWV, STAD, resolvers=False)
        choice = f" exclude={UWV}" if fails.endswith(", of others") else ""
        return sources.site(federation=f"{sources.url} validity=60d{choice}")

    @pytest.mark.parametrize(
        "fails",
        [
            "by a signer who has signed nothing",
            "without what we need of our hub",
            "without what we need of our hub, of others",
        ],
    )
    def test_that_fail_keep_what_waits_and_let_nothing_through(
        self, site, sources, folder, fails
    ):
        """Nor with who has approved it, which counts by the options of then."""
        sources.publish(HUB, UWV, moved=[HUB])
        refresh(site, folder)
        before, moved = folder.open_quarantine, sources.octets
        assert not approve(folder, before.id, ANNA, 2)
        other = self.other(sources, fails)
        with suppress(ConfigurationError):
            assert refresh(other, folder).failures
        [one] = folder.open_quarantine.open
        assert (one.id, one.approvals) == (before.id, (ANNA,))
        assert signed_index(folder, folder.active.state).exists()
        with pytest.raises(ConfigurationError, match="is out of date"):
            approve(folder, before.id, BOB, 2)
        # By those of before it is as it was then.
        sources.octets = moved
        assert refresh(site, folder).what == "waiting"
        assert folder.open_quarantine.open[0].approvals == (ANNA,)
        assert folder.open_quarantine.since == before.since
        assert approve(folder, before.id, BOB, 2)
        assert is_moved(folder)

    def test_that_name_what_cannot_be_read_let_nothing_through(
        self, site, sources, folder
    ):
        sources.publish(HUB, UWV, moved=[HUB])
        refresh(site, folder)
        (sources.folder / "operator.crt").unlink()
        with pytest.raises(ConfigurationError, match=r"operator\.crt"):
            refresh(site, folder)
        assert folder.active.tries.failures == 1
        with pytest.raises(ConfigurationError, match="is out of date"):
            approve(folder, folder.open_quarantine.id, ANNA)

    def test_take_nobody_for_who_has_approved_it_by_others(self, site, sources, folder):
        sources.publish(HUB, UWV, moved=[HUB])
        refresh(site, folder)
        before, moved = folder.open_quarantine, sources.octets
        approve(folder, before.id, ANNA, 2)
        other = sources.site(federation=f"{sources.url} validity=60d")
        sources.octets = b"<html>"
        refresh(other, folder)
        sources.octets = moved
        refresh(other, folder)
        assert folder.open_quarantine.id == before.id, "it is the same change"
        assert folder.open_quarantine.open[0].approvals == ()
        assert not approve(folder, before.id, BOB, 2)
        # Nor have those approved it who did so by the other ones.
        refresh(site, folder)
        assert folder.open_quarantine.open[0].approvals == ()
        assert not is_moved(folder)

    def test_by_which_nothing_waits_are_no_reason_to_keep_it(
        self, site, sources, folder
    ):
        sources.publish(HUB, UWV, moved=[HUB])
        refresh(site, folder)
        sources.publish(HUB, UWV)
        other = sources.site(federation_validity="400d")
        assert refresh(other, folder).what == "active"
        assert folder.open_quarantine is None

    def test_bring_nothing_to_wait_that_was_rejected(self, site, sources, folder):
        sources.publish(HUB, UWV, moved=[UWV])
        refresh(site, folder)
        reject(folder, folder.open_quarantine.id, ANNA)
        sources.publish(HUB, UWV, moved=[HUB, UWV])
        refresh(site, folder)
        assert [one.entity_id for one in folder.open_quarantine.open] == [HUB]
        other = sources.site(federation_validity="400d")
        assert refresh(other, folder).what == "waiting"
        assert [one.entity_id for one in folder.open_quarantine.open] == [HUB]
        assert not is_moved(folder)

    def test_bring_in_another_source_at_once(self, sources, folder, partner):
        lines = f"{partner(STAD)}\n{sources.url}"
        sources.publish(HUB, UWV, moved=[HUB])
        _, known = self.started(sources, federation=lines)
        assert known == [STAD, HUB, UWV]
        assert not is_moved(folder)
        approve(folder, folder.open_quarantine.id, Approval("anna", 1000, 1.0))
        assert members(folder) == [STAD, HUB, UWV]

    def test_take_a_source_away_at_once(self, sources, partner):
        lines = f"{partner(STAD, self.DORP)}\n{sources.url}"
        folder, _ = self.started(sources, federation=lines)
        sources.publish(HUB, UWV, moved=[UWV])
        _, known = self.started(sources)
        assert known == [HUB, UWV]
        [reason, *_] = folder.open_quarantine.reasons
        assert reason.startswith(f"{UWV}: participant: Responses to logins (ACS) go to")
        # Who went with it is known again.
        assert {STAD, self.DORP} == set(departed_of(folder))

    def test_choose_otherwise_at_once(self, sources):
        sources.publish(HUB, UWV, STAD, self.DORP)
        folder, _ = self.started(sources)
        sources.publish(HUB, UWV, STAD, self.DORP, moved=[UWV, STAD])
        line = f"{sources.url} exclude={STAD} exclude={self.DORP}"
        _, known = self.started(sources, federation=line)
        assert known == [HUB, UWV]
        assert not any(STAD in reason for reason in folder.open_quarantine.reasons)
        assert UWV in folder.open_quarantine.reasons[0]

    def test_with_one_signer_more_let_nothing_through(self, sources, folder, key_of):
        other = key_of("another operator")
        sources.certificate("other.crt", other)
        sources.publish(HUB, UWV, moved=[HUB], key=other)
        both = "operator.crt\nother.crt"
        _, known = self.started(sources, federation_certificate=both)
        assert known == [HUB, UWV]
        assert folder.open_quarantine is not None
        # With that one alone it has been decided whom to believe, not what it says.
        self.started(sources, federation_certificate="other.crt")
        assert folder.open_quarantine is not None
        assert not is_moved(folder)

    def test_by_which_nobody_signs_let_nothing_through(self, sources, partner):
        line = partner(HUB, UWV)
        folder, _ = self.started(sources, federation=line)
        partner(HUB, UWV, moved=[HUB])
        line += " unsigned=true"
        _, known = self.started(sources, federation=line, federation_certificate=None)
        assert known == [HUB, UWV]
        assert folder.open_quarantine is not None

    def test_let_in_no_file_that_came_into_a_folder_meanwhile(self, sources):
        path = sources.folder / "all"
        path.mkdir()
        (path / "a.xml").write_bytes(sources.made(HUB, UWV))
        folder, _ = self.started(sources, federation=str(path), hub="all")
        (path / "b.xml").write_bytes(sources.made("https://hub.evil.test/metadata"))
        line = f"{path} validity=60d"
        _, known = self.started(sources, federation=line, hub="all")
        assert known == [HUB, UWV]
        assert "a new hub" in folder.open_quarantine.reasons[0]
        # Nor does one go meanwhile, and another come in its place.
        (path / "b.xml").write_bytes(sources.made(HUB, UWV, moved=[HUB]))
        (path / "a.xml").unlink()
        self.started(sources, federation=str(path), hub="all")
        assert folder.open_quarantine is not None
        assert not is_moved(folder)

    def test_let_nothing_through_where_what_was_is_over(self, sources, folder, clock):
        """The hub is still a member, by the new signature: as it was."""
        clock.shift(40 * DAY)
        sources.publish(HUB, UWV, moved=[HUB])
        _, known = self.started(sources, federation=f"{sources.url} validity=60d")
        assert known == [HUB, UWV]
        assert f"{HUB}: hub: login requests" in folder.open_quarantine.reasons[0]
        assert not is_moved(folder)

    def test_let_nothing_through_where_a_copy_is_broken(self, sources, folder, key_of):
        """Whose it was nobody can tell: so all is compared with what is active."""
        other = key_of("another operator")
        sources.certificate("other.crt", other)
        sources.publish(HUB, UWV, moved=[HUB], key=other)
        [source] = folder.active.state.sources
        folder.copy(source).write_bytes(b"<half")
        for _ in range(2):
            self.started(sources, federation_certificate="other.crt")
            assert folder.open_quarantine is not None
            assert not is_moved(folder)

    def test_come_with_an_update(self, sources, folder):
        """Of eilogin: what another version wrote is made anew from the copies."""
        folder.index(folder.active.state).write_bytes(b"of another version")
        sources.publish(HUB, UWV, moved=[HUB])
        line = f"{sources.url} validity=60d"
        _, known = self.started(sources, federation=line)
        assert known == [HUB, UWV]
        assert folder.open_quarantine is not None

    def test_do_not_notice_a_signer_before_that_is_active(
        self, sources, folder, partner, key_of
    ):
        """What waits beside is no reason to forget whose the copy is."""
        other = key_of("another operator")
        sources.certificate("other.crt", other)
        lines = f"{sources.url}\n{partner(STAD)} {sources.folder}/other.crt"
        with pytest.raises(ConfigurationError):
            self.started(sources, federation=lines)
        partner(STAD, key=other)
        sources.publish(HUB, UWV, moved=[HUB])
        _, known = self.started(sources, federation=lines)
        assert known == [HUB, UWV, STAD]


class TestWhoIsInTwoSources:
    """No source takes another's member, or keeps that from being refreshed."""

    DORP = "https://dorp.test/eilogin/metadata"

    @pytest.fixture
    def partner(self, sources):
        path = sources.folder / "partner.xml"

        def write(*names, **how):
            path.write_bytes(sources.made(*names, **how))

        write(STAD)
        return write

    @pytest.fixture(params=["first", "last"])
    def site(self, request, sources, partner):
        """Two lines, of which that of the partner is first or last."""
        lines = [sources.url, f"{sources.folder}/partner.xml"]
        if request.param == "first":
            lines.reverse()
        site = sources.site(federation="\n".join(lines))
        trust_of(site)
        return site

    @pytest.fixture
    def folder(self, site):
        return folder_of(site)

    def host_of(self, folder, name):
        federation = Membership.from_index(folder.index(folder.active.state))
        [first, *_] = federation.entity(name).service_provider.assertion_consumers
        return first.location.split("/")[2]

    def test_stays_of_whose_it_was(self, site, sources, folder, partner, caplog):
        partner(STAD, UWV, moved=[UWV])
        sources.publish(HUB, UWV, self.DORP)
        for _ in range(2):
            assert refresh(site, folder).what in ("active", "same")
            assert set(members(folder)) == {HUB, UWV, STAD, self.DORP}
            assert self.host_of(folder, UWV) == "uwv.test"
        told = (
            rf"partner\.xml: 1 member is in another source .*: '{UWV}'; add 'exclude='"
        )
        assert len(re.findall(told, caplog.text)) == 1, "once"
        # Each goes on for itself.
        sources.publish(HUB, UWV)
        kamp = "https://kamp.test/eilogin/metadata"
        partner(STAD, UWV, kamp)
        assert refresh(site, folder).what == "active"
        assert self.host_of(folder, kamp) == "kamp.test"

    def test_is_told_at_a_start_and_stays_so_after_an_update(
        self, site, sources, folder, partner, caplog
    ):
        partner(STAD, UWV, moved=[UWV])
        refresh(site, folder)
        folder.index(folder.active.state).write_bytes(b"of another version")
        caplog.clear()
        trust_of(site)
        assert self.host_of(folder, UWV) == "uwv.test"
        assert "partner.xml: 1 member is in another source" in caplog.text
        assert members_at_start(site, own_of(site)).entity(UWV)

    def test_does_not_become_of_the_other_unseen(self, site, sources, folder, partner):
        partner(STAD, UWV)
        refresh(site, folder)
        sources.publish(HUB, self.DORP)
        [reason] = refresh(site, folder).reasons
        assert reason.startswith(f"{UWV}: comes from {sources.folder}/partner.xml now")
        assert set(members(folder)) == {HUB, UWV, STAD, self.DORP}
        assert refresh(site, folder).reasons == (reason,), "for as long as it is so"
        # Not where the options say so.
        lines = f"{sources.url} exclude={UWV}\n{sources.folder}/partner.xml"
        trust_of(sources.site(federation=lines))
        assert set(members(folder)) == {HUB, UWV, STAD, self.DORP}

    def test_is_not_shut_out_by_several_of_its_name_in_the_other(
        self, site, sources, folder, partner
    ):
        partner(STAD, UWV, UWV)
        for _ in range(2):
            refresh(site, folder)
            assert UWV in members(folder)
            assert self.host_of(folder, UWV) == "uwv.test"

    def test_does_not_become_of_the_other_where_its_own_has_several(
        self, site, sources, folder, partner
    ):
        partner(STAD, UWV, moved=[UWV])
        sources.publish(HUB, UWV, UWV, self.DORP)
        for _ in range(2):
            refresh(site, folder)
            assert UWV not in members(folder)

    def test_does_not_become_of_the_other_as_it_was_either(
        self, site, sources, folder, partner
    ):
        """Else a key could come beside the old one the next time."""
        partner(STAD, UWV)
        sources.publish(HUB, self.DORP)
        outcome = refresh(site, folder)
        told = f"{UWV}: comes from {sources.folder}/partner.xml now"
        assert outcome.reasons == (told,)
        assert set(members(folder)) == {HUB, UWV, STAD, self.DORP}
        approve(folder, folder.open_quarantine.id, Approval("anna", 1000, 1.0))
        # It is of that one from now on.
        partner(STAD, UWV, moved=[UWV])
        sources.publish(HUB, UWV, self.DORP)
        assert told not in refresh(site, folder).reasons
        assert f"{UWV}: participant: Responses" in folder.open_quarantine.reasons[0]

    def test_does_not_change_hands_where_nothing_else_is_otherwise(self, sources):
        """The members in their order are those that they were."""
        (sources.folder / "a.xml").write_bytes(sources.made(HUB, UWV))
        (sources.folder / "b.xml").write_bytes(sources.made(STAD))
        lines = f"{sources.folder}/a.xml\n{sources.folder}/b.xml"
        site = sources.site(federation=lines)
        trust_of(site)
        folder = folder_of(site)
        (sources.folder / "a.xml").write_bytes(sources.made(HUB))
        (sources.folder / "b.xml").write_bytes(sources.made(UWV, STAD))
        outcome = refresh(site, folder)
        assert outcome.reasons == (f"{UWV}: comes from {sources.folder}/b.xml now",)
        assert folder.open_quarantine is not None

    def test_may_be_in_another_file_of_a_folder(self, sources):
        path = sources.folder / "all"
        path.mkdir()
        (path / "a.xml").write_bytes(sources.made(HUB, UWV))
        site = sources.site(federation=f"{path}\n{sources.url}")
        sources.publish(STAD)
        trust_of(site)
        (path / "a.xml").rename(path / "b.xml")
        assert refresh(site, folder_of(site)).reasons == ()

    def test_of_a_responder_stays_of_that(self, sources, folder, partner, caplog):
        """Though that is the last that is asked."""
        sources.publish(HUB)
        lines = f"mdq:{sources.url}/\n{sources.folder}/partner.xml"
        site = sources.site(federation=lines, hub=HUB)
        partner(STAD)
        trust_of(site)
        partner(STAD, HUB, moved=[HUB])
        refresh(site, folder)
        assert set(members(folder)) == {HUB, STAD}
        federation = Membership.from_index(folder.index(folder.active.state))
        [where, *_] = federation.entity(HUB).identity_provider.single_sign_ons
        assert where.location.startswith("https://hub.test/")
        assert f"eilogin uses that one: '{HUB}'" in caplog.text

    def test_stays_where_the_address_of_its_source_is_another(
        self, site, sources, folder, partner
    ):
        partner(STAD, UWV, moved=[UWV])
        refresh(site, folder)
        lines = f"{sources.folder}/partner.xml\n{sources.folder}/federation.xml"
        trust_of(sources.site(federation=lines))
        assert self.host_of(folder, UWV) == "uwv.test"

    def test_is_of_the_first_line_where_it_is_new_in_both(
        self, site, sources, folder, partner
    ):
        partner(STAD, self.DORP, moved=[self.DORP])
        sources.publish(HUB, UWV, self.DORP)
        refresh(site, folder)
        is_first = str(site.federation[0]).endswith("partner.xml")
        host = "moved.test" if is_first else "dorp.test"
        assert self.host_of(folder, self.DORP) == host

    def test_is_refused_at_a_first_start(self, sources, site, folder, partner):
        shutil.rmtree(folder.path)
        partner(STAD, UWV)
        with pytest.raises(MetadataUnusable, match="is in another file"):
            trust_of(site)


class TestWhatCannotBeCompared:
    """Index and copy of what is active are both gone, or broken."""

    @pytest.fixture
    def broken(self, site, folder):
        folder.index(folder.active.state).write_bytes(b"of another version")
        [source] = folder.active.state.sources
        folder.copy(source).write_bytes(b"<half")
        return folder

    def test_waits(self, site, sources, broken):
        sources.publish(HUB, UWV, STAD)
        [reason] = refresh(site, broken).reasons
        assert reason.startswith(
            f"{sources.url}: eilogin can no longer read its active metadata"
        )
        with pytest.raises(
            ConfigurationError, match=r"needs approval.*no longer read its active"
        ):
            trust_of(site)
        approve(broken, broken.open_quarantine.id, Approval("anna", 1000, 1.0))
        assert trust_of(site).federation.entity(STAD)

    def test_is_what_it_was_where_the_source_has_the_same(self, site, sources, broken):
        assert trust_of(site).hub_ids == (HUB,)
        assert members(broken) == [HUB, UWV]

    def test_keeps_nobody_else_from_being_compared(self, sources):
        (sources.folder / "stad.xml").write_bytes(sources.made(STAD))
        lines = f"{sources.url}\n{sources.folder}/stad.xml"
        site = sources.site(federation=lines)
        trust_of(site)
        folder = folder_of(site)
        folder.index(folder.active.state).unlink()
        folder.copy(folder.active.state.sources[1]).unlink()
        (sources.folder / "stad.xml").write_bytes(sources.made(STAD, moved=[STAD]))
        sources.publish(HUB, UWV, moved=[HUB])
        lost, *moved = refresh(site, folder).reasons
        assert lost.startswith(f"{sources.folder}/stad.xml: eilogin can no longer read")
        assert all(one.startswith(f"{HUB}: hub: ") for one in moved)
        assert moved

    def test_is_nothing_where_the_whole_folder_is_lost(self, site, sources, broken):
        """Then it is a first start."""
        shutil.rmtree(broken.path)
        sources.publish(HUB, UWV, STAD, moved=[HUB])
        assert trust_of(site).federation.entity(STAD)


class TestACheck:
    def test_sees_what_is_active_and_writes_nothing(self, site, sources, folder):
        before = sorted(folder.path.iterdir())
        sources.close()
        found = members_at_start(site, own_of(site))
        assert found.hubs == [HUB]
        assert sorted(folder.path.iterdir()) == before

    def test_asks_where_nothing_is_active(self, site):
        found = members_at_start(site, own_of(site))
        assert found.hubs == [HUB]
        assert [*site.federation_folder.iterdir()] == []


# --- kill -9 ----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("verb", ["replace", "fsync", "unlink", "open"])
def test_killed_refresh_leaves_the_old_or_the_new_state(sources, verb):
    """The process is gone between two calls of the system: each place is tried."""
    site = sources.site(federation=f"{sources.folder}/federation.xml")
    trust_of(site)
    folder = folder_of(site)
    sources.publish(HUB, UWV, STAD)
    before = folder.active.state
    kept = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    for number in range(100):
        for path in folder.path.iterdir():
            path.unlink()
        for name, octets in kept.items():
            (folder.path / name).write_bytes(octets)
        status = _killed_at(number, verb, site, folder)
        active = folder.active.state
        federation = Membership.from_index(folder.index(active))
        assert len(federation.entities) == active.members
        assert active == before or active.members == 3
        assert all(folder.copy(one).exists() for one in active.sources)
        with folder.locked(0):
            refresh(site, folder)
        assert members(folder) == [HUB, UWV, STAD], "the next one goes on from there"
        if status == 0:
            assert active.members == 3
            assert number > 0
            return
        assert status == 9
    pytest.fail("it never came to its end")


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_killed_refresh_accepts_no_approval_under_other_options(sources):
    lines = [f"{sources.folder}/federation.xml", f"{sources.folder}/stad.xml"]
    trust_of(sources.site(federation=lines[0]))
    (sources.folder / "stad.xml").write_bytes(sources.made(STAD))
    sources.publish(HUB, UWV, moved=[HUB])
    site = sources.site(federation="\n".join(lines))
    folder = folder_of(site)
    refresh(sources.site(federation=lines[0]), folder)
    assert not approve(folder, folder.open_quarantine.id, ANNA, 2)
    kept = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    for number in range(100):
        for path in folder.path.iterdir():
            path.unlink()
        for name, octets in kept.items():
            (folder.path / name).write_bytes(octets)
        status = _killed_at(number, "replace", site, folder)
        assert members(folder) in ([HUB, UWV], [HUB, UWV, STAD])
        assert not is_moved(folder)
        # What waited does, and who approved it by the other options did that alone.
        [one] = folder.open_quarantine.open
        assert one.approvals == (() if is_by(site, folder.open_quarantine) else (ANNA,))
        if folder.open_quarantine.is_judged_by(folder.active):
            assert is_by(site, folder.open_quarantine) == is_by(
                site, folder.active.state
            )
        with folder.locked(0):
            refresh(site, folder)
        assert members(folder) == [HUB, UWV, STAD]
        assert folder.open_quarantine.open[0].approvals == ()
        if status == 0:
            assert number > 3
            return
        assert status == 9
    pytest.fail("it never came to its end")


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("verb", ["replace", "unlink"])
def test_killed_refresh_releases_nothing_from_quarantine(sources, verb):
    sources.publish(HUB, UWV, STAD)
    site = sources.site(federation=f"{sources.folder}/federation.xml")
    trust_of(site)
    folder = folder_of(site)
    sources.publish(HUB, UWV, STAD, moved=[HUB])
    refresh(site, folder)
    # The next one has the same change still, and somebody less.
    sources.publish(HUB, UWV, moved=[HUB])
    kept = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    for number in range(100):
        for path in folder.path.iterdir():
            path.unlink()
        for name, octets in kept.items():
            (folder.path / name).write_bytes(octets)
        status = _killed_at(number, verb, site, folder)
        assert members(folder) in ([HUB, UWV], [HUB, UWV, STAD])
        assert not is_moved(folder)
        with folder.locked(0):
            refresh(site, folder)
        assert members(folder) == [HUB, UWV]
        assert not is_moved(folder)
        approve(folder, folder.open_quarantine.id, ANNA)
        assert is_moved(folder)
        if status == 0:
            assert number > 0
            return
        assert status == 9
    pytest.fail("it never came to its end")


def is_by(site, judged):
    return judged.configuration == configuration_of(site)


def _killed_at(number, verb, site, folder):
    """Refresh in a fork that is killed at that call; its status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    signal.alarm(30)
    real, done = getattr(os, verb), []

    def call(*args, **options):
        done.append(args)
        if len(done) > number:
            os.kill(os.getpid(), 9)
        return real(*args, **options)

    setattr(os, verb, call)
    status = 1
    try:
        with folder.locked(0):
            refresh(site, folder)
        status = 0
    finally:
        os._exit(status)
