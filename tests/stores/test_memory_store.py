# ruff: noqa: SLF001 - what is left behind can only be seen inside

from dataclasses import replace

from eilogin.stores import StoredSession
from eilogin.stores.memory_store import MemoryStore
from eilogin.stores.store_interface import SWEEP


def test_two_of_them_have_nothing_in_common(now: float) -> None:
    store, other_store = MemoryStore(), MemoryStore()
    store.add("key", "value", now + 60)
    assert other_store.get("key") is None


def test_nothing_is_kept_of_what_is_over(now, clock_at_noon) -> None:
    store = MemoryStore()
    session = StoredSession("key", "{}", now, now + 60, ("subject",))
    store.create(session, issued=now)
    store.append("key", "item", ("participant",))
    store.add("owned", "value", now + 60, owner="key")
    store.swap("owned", "value", "other", now + 30)
    store.end(labels=["mark"], mark=now, mark_until=now + 60)
    clock_at_noon.shift(60)
    store.take("unknown")
    empty = MemoryStore()
    for attribute in ("_sessions", "_belongings", "_labelled", "_values", "_marks"):
        assert getattr(store, attribute) == getattr(empty, attribute)
    assert store._expiries == []


def test_a_verb_that_writes_cleans_up_a_little(now, clock_at_noon) -> None:
    store = MemoryStore()
    for number in range(SWEEP + 8):
        store.add(f"key{number}", "value", now + 60)
    clock_at_noon.shift(60)
    store.take("unknown")
    assert len(store._values) == 8
    store.take("unknown")
    assert store._values == {}


def test_a_session_made_anew_between_a_look_and_the_cleaning_is_left_alone(
    now, clock_at_noon
) -> None:
    store = MemoryStore()
    over = StoredSession("key", "{}", now, now + 60)
    store.create(over, issued=now)
    clock_at_noon.shift(60)

    class Lock:
        """Another thread is quicker to get the lock, and uses the key again."""

        def __enter__(self) -> None:
            store._sessions["key"] = replace(over, until=now + 120)

        def __exit__(self, *_: object) -> None:
            pass

    store._lock = Lock()
    assert store.read("key") is None
    assert store.read("key") is not None


def test_frequent_changes_use_no_more_memory(now, clock_at_noon) -> None:
    store = MemoryStore()
    store.add("key", "0", now + 60)
    for number in range(100):
        assert store.swap("key", f"{number}", f"{number + 1}", now + 120)
        store.end(labels=["label"], mark=now + number, mark_until=now + 60 + number)
    assert len(store._expiries) == 2
    clock_at_noon.shift(119)
    assert store.get("key") == "100"
    store.take("unknown")
    clock_at_noon.shift(100)
    store.take("unknown")
    assert (store._values, store._marks, store._expiries) == ({}, {}, [])
