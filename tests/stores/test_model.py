"""Any sequence of verbs, against a model that is a few dictionaries."""

# ruff: noqa: PLR0913, PLR0917 - what hypothesis draws are arguments

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis_servers
import time_machine
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from eilogin.stores import Store, StoredSession, open_store, shard_of
from eilogin.stores.memory_store import MemoryStore
from eilogin.stores.sqlite import SQLiteStore

NOON = 1_800_000_000
REDIS_SETTINGS = settings(max_examples=25, stateful_step_count=40)
#: Of two shards and of none, which a store over several machines keeps apart.
KEYS = ("aa:1", "aa:2", "bb:1", "k1")
LABELS = ("aa:x", "aa:y", "bb:x", "l1")

keys = st.sampled_from(KEYS)
labels = st.lists(st.sampled_from(LABELS), max_size=2)
texts = st.sampled_from(["a", "b"])
lives = st.integers(1, 50)
ages = st.integers(-20, 20)


@dataclass
class Session:
    data: str
    seen: float
    until: float
    labels: set[str]
    items: list[str] = field(default_factory=list)


@dataclass
class Value:
    text: str
    until: float
    owner: str | None


class StoreMachine(RuleBasedStateMachine):
    """The model knows what is there now; what is over it forgets at once."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.travel = time_machine.travel(NOON, tick=False)
        self.clock = self.travel.start()
        self.now = float(NOON)
        self.sessions: dict[str, Session] = {}
        self.values: dict[str, Value] = {}
        self.marks: dict[str, tuple[float, float]] = {}
        #: What was issued before this is refused.
        self.refused_before = 0.0

    def teardown(self) -> None:
        self.travel.stop()
        self.store.close()

    @rule(seconds=st.integers(1, 30))
    def time_passes(self, seconds: int) -> None:
        self.clock.shift(seconds)
        self.now += seconds
        self.sessions = {k: s for k, s in self.sessions.items() if s.until > self.now}
        self.marks = {k: m for k, m in self.marks.items() if m[1] > self.now}
        self.forget_values()

    def forget_values(self) -> None:
        self.values = {
            k: v
            for k, v in self.values.items()
            if v.until > self.now and (v.owner is None or v.owner in self.sessions)
        }

    @rule(
        key=keys,
        data=texts,
        life=lives,
        labels=labels,
        age=ages,
        replaces=st.none() | keys,
        inherit=st.booleans(),
    )
    def create(self, key, data, life, labels, age, replaces, inherit) -> None:
        # What is promised of shards: the labels at the beginning are of the session's
        # own, and so is the one that it inherits from.
        labels = [label for label in labels if shard_of(label) == shard_of(key)]
        inherit = inherit and (replaces is None or shard_of(replaces) == shard_of(key))
        issued = self.now - age
        may_be = (
            key not in self.sessions
            and issued >= self.refused_before
            and (replaces is None or replaces in self.sessions)
            and not any(
                label in self.marks and self.marks[label][0] >= issued
                for label in labels
            )
        )
        made = StoredSession(key, data, self.now, self.now + life, tuple(labels))
        created = self.store.create(
            made, issued=issued, replaces=replaces, inherit=inherit
        )
        assert created == may_be
        if not may_be:
            return
        new = Session(data, self.now, self.now + life, set(labels))
        self.sessions[key] = new
        if replaces is not None:
            old = self.sessions.pop(replaces)
            if inherit:
                new.items = old.items
                new.labels |= old.labels
                for value in self.values.values():
                    if value.owner == replaces:
                        value.owner = key
        self.forget_values()

    @rule(key=keys, step=ages, before=ages)
    def touch(self, key, step, before) -> None:
        seen, before = self.now + step, self.now + before
        session = self.sessions.get(key)
        writes = session is not None and session.seen < min(seen, before)
        assert self.store.touch(key, seen, before) == writes
        if session is not None and writes:
            session.seen = seen

    @rule(key=keys, item=texts, labels=labels)
    def append(self, key, item, labels) -> None:
        session = self.sessions.get(key)
        assert self.store.append(key, item, labels) == (session is not None)
        if session is not None:
            session.items.append(item)
            session.labels |= set(labels)

    @rule(
        keys=st.lists(keys, max_size=2),
        labels=labels,
        age=st.none() | ages,
        life=lives,
    )
    def end(self, keys, labels, age, life) -> None:
        mark = None if age is None else self.now - age
        ended = self.store.end(
            keys=keys, labels=labels, mark=mark, mark_until=self.now + life
        )
        expected = {
            key: session
            for key, session in self.sessions.items()
            if key in keys or session.labels & set(labels)
        }
        assert len(ended) == len(expected)
        assert {
            session.key: (session.data, list(session.items)) for session in ended
        } == {key: (session.data, session.items) for key, session in expected.items()}
        for key in expected:
            del self.sessions[key]
        self.forget_values()
        if mark is not None:
            for label in labels:
                instant, until = self.marks.get(label, (mark, 0.0))
                self.marks[label] = (max(instant, mark), max(until, self.now + life))

    @rule(
        key=keys,
        text=texts,
        life=lives,
        owner=st.none() | keys,
        durable=st.booleans(),
    )
    def add(self, key, text, life, owner, durable) -> None:
        may_be = key not in self.values and (owner is None or owner in self.sessions)
        added = self.store.add(key, text, self.now + life, owner=owner, durable=durable)
        assert added == may_be
        if may_be:
            self.values[key] = Value(text, self.now + life, owner)

    @rule(key=keys)
    def take(self, key) -> None:
        value = self.values.pop(key, None)
        assert self.store.take(key) == (None if value is None else value.text)

    @rule(key=keys, old=texts, new=texts, life=lives)
    def swap(self, key, old, new, life) -> None:
        value = self.values.get(key)
        may_be = value is not None and value.text == old
        assert self.store.swap(key, old, new, self.now + life) == may_be
        if value is not None and may_be:
            value.text, value.until = new, self.now + life

    @rule()
    def end_all(self) -> None:
        assert self.store.end_all() == len(self.sessions)
        self.sessions = {}
        self.refused_before = self.now
        self.forget_values()

    @rule()
    def close(self) -> None:
        self.store.close()

    # Not after every step: looking at what is over takes it away, and it has to be
    # gone for the other verbs without that.
    @precondition(lambda self: self.now % 2 == 0)
    @invariant()
    def the_store_is_as_the_model_says(self) -> None:
        for key in KEYS:
            session = self.sessions.get(key)
            stored = self.store.read(key)
            assert (stored is None) == (session is None)
            assert self.store.items(key) == (session.items if session else [])
            if session is not None:
                expected = StoredSession(key, session.data, session.seen, session.until)
                assert stored == expected
            value = self.values.get(key)
            assert self.store.get(key) == (value.text if value else None)
        for label in LABELS:
            carriers = {k for k, s in self.sessions.items() if label in s.labels}
            found_keys = self.store.find(label)
            assert len(found_keys) == len(carriers)
            assert set(found_keys) == carriers


class MemoryMachine(StoreMachine):
    def __init__(self) -> None:
        self.store = MemoryStore()
        super().__init__()


class SQLiteMachine(StoreMachine):
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = SQLiteStore(Path(self.folder.name) / "store.db")
        super().__init__()

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


@pytest.mark.parametrize("kind", redis_servers.KINDS)
def test_redis(kind: str, redis_url) -> None:
    class RedisMachine(StoreMachine):
        def __init__(self) -> None:
            self.store = open_store(redis_url(kind))
            super().__init__()

    run_state_machine_as_test(RedisMachine, settings=REDIS_SETTINGS)


TestMemory = MemoryMachine.TestCase
TestMemory.settings = settings(max_examples=100)
TestSQLite = SQLiteMachine.TestCase
TestSQLite.settings = settings(max_examples=60, stateful_step_count=40)
