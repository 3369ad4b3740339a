"""Decisions on changes of the federation, which all nodes of a site share."""

import json
from dataclasses import replace

import pytest
import time_machine
from kept_federations import ALL, DORP, HUB, STAD, Party, new_sources

from eilogin import clock as instants
from eilogin.errors import StoreUnavailable
from eilogin.federation.changes.approval_decisions import approve, reject
from eilogin.federation.state.state_records import Approval
from eilogin.filters.trust import TrustFilter
from eilogin.participant import shared_trust_decisions
from eilogin.participant.shared_trust_decisions import SharedDecisions
from eilogin.sessions import Sessions
from eilogin.stores.memory_store import MemoryStore
from eilogin.web import environ as env

DAY = 86_400.0
SAID = {"role": "hub", "public_url": "https://hub.test"}


@pytest.fixture
def clock():
    with time_machine.travel("2026-12-01T09:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def sources(clock, tmp_path, monkeypatch):
    monkeypatch.setattr(shared_trust_decisions, "EVERY", 0.0)
    found = new_sources(tmp_path)
    yield found
    found.close()


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def nodes(sources, store):
    """Make nodes of the hub, each with a folder of its own and the store of all."""
    made = []

    def make(count=2, **said):
        for number in range(len(made), len(made) + count):
            folder = sources.folder / f"node{number}"
            folder.mkdir()
            node = Party(sources, federation_folder=str(folder), **(SAID | said))
            node.decisions = SharedDecisions(
                node.options, node.folder, lambda node=node: node.trust.own, store
            )
            made.append(node)
        return made

    return make


@pytest.fixture
def waiting(nodes, sources):
    """Two nodes at which a change of one member waits, and its ID."""

    def make(**said):
        one, two = nodes(**said)
        sources.publish(*ALL, moved=[STAD])
        for node in (one, two):
            node.refresh()
        assert one.folder.open_quarantine.id == two.folder.open_quarantine.id
        return one, two, one.folder.open_quarantine.id

    return make


def by(name, uid, ago=0.0):
    return Approval(name, uid, instants.now() - ago)


def share(*nodes):
    for node in nodes:
        node.decisions.share()


class TestAnApproval:
    def test_is_taken_over_by_the_other_nodes(self, waiting, events):
        one, two, change = waiting()
        approve(one.folder, change, by("anna", 1000))
        share(one, two)
        assert two.is_moved(STAD)
        assert two.waits == []
        [line] = (two.folder.path / "log.jsonl").read_text().splitlines()
        told = json.loads(line)
        assert (told["code"], told["who"], told["uid"]) == (
            "trust.approved",
            "anna",
            1000,
        )
        [event] = events("trust.approved")
        assert event["by"] == "anna (uid 1000), on another node"
        assert event["reference"] == change

    def test_needs_two_people_wherever_they_are(self, waiting):
        one, two, change = waiting(four_eyes="true")
        approve(one.folder, change, by("anna", 1000), 2)
        share(one, two, one)
        assert not one.is_moved(STAD)
        assert not two.is_moved(STAD)
        approve(two.folder, change, by("anna", 1000), 2)
        share(two, one)
        assert not one.is_moved(STAD), "she is one person at each node"
        assert not two.is_moved(STAD)
        approve(two.folder, change, by("bob", 1001), 2)
        share(two, one)
        assert two.is_moved(STAD)
        assert one.is_moved(STAD)

    @pytest.mark.parametrize("name", ["anna", "root, by sudo of anna"])
    def test_of_one_person_is_no_second_by_another_number(self, waiting, name):
        one, two, change = waiting(four_eyes="true")
        approve(one.folder, change, by("anna", 1000), 2)
        share(one, two)
        approve(two.folder, change, by(name, 1007), 2)
        assert not two.is_moved(STAD)

    def test_of_one_member_is_of_that_one(self, nodes, sources):
        one, two = nodes()
        sources.publish(*ALL, keys={STAD: ("next",)})
        for node in (one, two):
            node.refresh()
        sources.publish(*ALL, keys={STAD: ("next",)}, moved=[DORP])
        for node in (one, two):
            node.refresh()
        dorp = next(x for x in one.folder.open_quarantine.open if x.entity_id == DORP)
        approve(one.folder, dorp.id, by("anna", 1000))
        share(one, two)
        assert two.waits == [STAD]
        assert two.is_moved(DORP)

    @pytest.mark.parametrize(("at_once", "looks"), [(500, 1), (1, 2)])
    def test_of_several_members_is_of_each(
        self, nodes, sources, monkeypatch, at_once, looks
    ):
        """Of very many some at each look."""
        monkeypatch.setattr(shared_trust_decisions, "_AT_ONCE", at_once)
        one, two = nodes(federation_changes="off")
        sources.publish(*ALL, moved=[STAD, DORP])
        for node in (one, two):
            node.refresh()
        approve(one.folder, one.folder.open_quarantine.id, by("anna", 1000))
        share(one)
        for _ in range(looks):
            assert two.waits
            share(two)
        assert two.waits == []
        lines = (two.folder.path / "log.jsonl").read_text().splitlines()
        assert len(lines) == 2

    def test_comes_to_a_node_that_sees_the_change_later(self, nodes, sources, clock):
        one, two = nodes()
        sources.publish(*ALL, moved=[STAD])
        one.refresh()
        approve(one.folder, one.folder.open_quarantine.id, by("anna", 1000))
        share(one, two)
        clock.shift(3600)
        two.refresh()
        assert two.waits == [STAD]
        share(two)
        assert two.is_moved(STAD)

    def test_that_leaves_no_hub_is_not_taken_over(self, nodes, sources, caplog):
        """It is told once: at each look it would be no other."""
        site = {"role": "participant", "public_url": "https://uwv.test", "hub": HUB}
        one, two = nodes(**site)
        sources.publish(*[name for name in ALL if name != HUB])
        for node in (one, two):
            node.refresh()
        approve(one.folder, one.folder.open_quarantine.id, by("anna", 1000))
        share(one, two, two)
        assert two.waits == [HUB]
        assert HUB in two.names
        told = [x for x in caplog.messages if "cannot apply a decision" in x]
        assert len(told) == 1


class TestARejection:
    def test_is_taken_over_too(self, waiting, events):
        one, two, change = waiting()
        reject(one.folder, change, by("anna", 1000))
        share(one, two)
        assert two.waits == []
        assert not two.is_moved(STAD)
        assert two.refresh().what == "rejected"
        assert events("trust.rejected")


class TestWhoCanWriteToTheStore:
    """Can keep a decision from the other nodes, and make none."""

    def test_cannot_forge_one(self, waiting, store):
        _, two, change = waiting()
        label = two.decisions.label(change)
        who = {"name": "x", "uid": 1, "at": instants.now()}
        text = json.dumps({"id": change, "is_approved": True, "who": who})
        for number, data in enumerate((text, "", "AAAA", "x" * 1000)):
            row = shared_trust_decisions.StoredSession(
                f"{label}-{number}",
                data,
                instants.now(),
                instants.now() + DAY,
                (label,),
            )
            assert store.create(row, issued=instants.now())
        share(two)
        assert two.waits == [STAD]
        assert not two.is_moved(STAD)

    def test_cannot_have_very_many_be_read(self, waiting, store, monkeypatch):
        _, two, change = waiting()
        label = two.decisions.label(change)
        now = instants.now()
        for number in range(30):
            row = shared_trust_decisions.StoredSession(
                f"{label}-{number}", "AAAA", now, now + DAY, (label,)
            )
            store.create(row, issued=now)
        asked, read = [], store.read
        monkeypatch.setattr(store, "read", lambda key: asked.append(key) or read(key))
        share(two)
        assert len(asked) == 20

    def test_cannot_have_one_count_for_another_change(self, waiting, store, sources):
        one, two, change = waiting()
        approve(one.folder, change, by("anna", 1000))
        share(one)
        sources.publish(*ALL, moved=[STAD], keys={STAD: ("thief",)})
        two.refresh()
        other = two.folder.open_quarantine.id
        assert other != change
        [key] = store.find(two.decisions.label(change))
        label = two.decisions.label(other)
        row = replace(store.read(key), key=f"{label}-1", labels=(label,))
        assert store.create(row, issued=instants.now())
        share(two)
        assert two.waits == [STAD]

    def test_cannot_have_one_of_another_site_count(self, waiting, store):
        """Sites may have one store and one key."""
        one, two, change = waiting()
        there = replace(one.trust.own, entity_id="https://other.test/metadata")
        theirs = SharedDecisions(one.options, one.folder, lambda: there, store)
        approve(one.folder, change, by("anna", 1000))
        theirs.share()
        [key] = store.find(theirs.label(change))
        label = two.decisions.label(change)
        row = replace(store.read(key), key=f"{label}-1", labels=(label,))
        store.create(row, issued=instants.now())
        share(two)
        assert two.waits == [STAD]

    def test_cannot_bring_one_back(self, waiting, store, sources):
        """A change that was approved once and comes back waits again."""
        one, two, change = waiting()
        approve(one.folder, change, by("anna", 1000))
        share(one, two)
        sources.publish(*ALL)
        for node in (one, two):
            node.refresh()
            approve(node.folder, node.folder.open_quarantine.id, by("bob", 1001))
        sources.publish(*ALL, moved=[STAD])
        for node in (one, two):
            node.refresh()
            assert node.folder.open_quarantine.id == change, "it is the same change"
            share(node)
            assert node.waits == [STAD]

    def test_cannot_keep_one_for_long(self, nodes, sources, clock, store):
        one, two = nodes()
        sources.publish(*ALL, moved=[STAD])
        one.refresh()
        change = one.folder.open_quarantine.id
        approve(one.folder, change, by("anna", 1000))
        share(one)
        [key] = store.find(two.decisions.label(change))
        later = instants.now() + 30 * DAY
        row = replace(store.read(key), until=later, key=f"{key}1", labels=())
        label = two.decisions.label(change)
        assert store.create(replace(row, labels=(label,)), issued=instants.now())
        clock.shift(3 * DAY)
        two.refresh()
        share(one, two)
        assert two.waits == [STAD]

    def test_is_heard_no_earlier_than_the_decision_was_made(self, waiting, clock):
        """Else a date far ahead would have one count for longer than three days."""
        one, two, change = waiting()
        approve(one.folder, change, by("anna", 1000, ago=-600.0))
        share(one, two)
        assert two.waits == [STAD]
        clock.shift(600)
        share(two)
        assert two.is_moved(STAD)

    def test_stops_nobody_by_being_down(self, waiting, monkeypatch):
        one, two, change = waiting()
        approve(one.folder, change, by("anna", 1000))

        def down(*_, **__):
            raise StoreUnavailable("down")

        monkeypatch.setattr(MemoryStore, "create", down)
        monkeypatch.setattr(MemoryStore, "find", down)
        share(one, two)
        monkeypatch.undo()
        monkeypatch.setattr(shared_trust_decisions, "EVERY", 0.0)
        share(one, two)
        assert two.is_moved(STAD)


def test_a_node_that_refreshes_takes_it_the_next_time(waiting):
    one, two, change = waiting()
    approve(one.folder, change, by("anna", 1000))
    share(one)
    with two.folder.locked(0):
        share(two)
        assert two.waits == [STAD]
    share(two)
    assert two.is_moved(STAD)


def test_sites_that_run_share_their_decisions(waiting, store):
    """Each from its first request on, without anybody that asks for it."""
    one, two, change = waiting()
    approve(one.folder, change, by("anna", 1000))
    sessions = Sessions(store, idle=900.0, max_session=7200.0)
    for node in (one, two):
        site = TrustFilter(lambda *_: [], node.trust)
        environ = {"PATH_INFO": "/", env.SESSION: None, env.SESSIONS: sessions}
        site(environ, None)
        node.trust.watch.tick()
    assert two.is_moved(STAD)
