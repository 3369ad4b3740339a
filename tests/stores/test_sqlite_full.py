"""A disk without room, or that can only be read: logouts come before all else."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import small_disks
from small_disks import SmallDisk

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.stores import Store, StoredSession, logout_reserve, open_store

HOUR = 3600.0


@pytest.fixture
def disk(tmp_path) -> Iterator[SmallDisk]:
    with small_disks.mounted(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def store(disk) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{disk.folder}/store.db")
    opened.prepare()
    yield opened
    opened.close()


def make(store: Store, key: str, *labels: str) -> None:
    now = clock.now()
    made = StoredSession(key, "x" * 500, now, now + HOUR, labels)
    assert store.create(made, issued=now)


def make_many(store: Store, count: int) -> None:
    for number in range(count):
        make(store, f"ab:{number}", f"ab:label{number}")


def end(store: Store, number: int) -> list[str]:
    """End a session as a logout does it."""
    now = clock.now()
    ended = store.end(labels=[f"ab:label{number}"], mark=now, mark_until=now + HOUR)
    return [session.key for session in ended]


def use_up_the_log(store: Store) -> None:
    """Store forms until the file of SQLite's log has no room for more."""
    with suppress(StoreUnavailable):
        for number in range(1000):
            store.add(f"form {number}", "x" * 4000, clock.now() + HOUR)
        pytest.fail("the disk is not full")


def test_ends_sessions_on_a_full_disk(store, disk) -> None:
    make_many(store, 200)
    disk.fill()
    for number in range(200):
        disk.fill()
        assert end(store, number) == [f"ab:{number}"]
        assert store.read(f"ab:{number}") is None


def test_ends_sessions_on_a_full_disk_while_others_read(store, disk) -> None:
    make_many(store, 60)
    other = open_store(f"sqlite:///{disk.folder}/store.db")
    disk.fill()
    for number in range(60):
        assert other.read(f"ab:{number}") is not None
        assert end(store, number) == [f"ab:{number}"]
        assert other.read(f"ab:{number}") is None
    other.close()


def test_keeps_marks_that_were_set_on_a_full_disk(store, disk) -> None:
    before = clock.now()
    make_many(store, 1)
    disk.fill()
    assert end(store, 0)
    disk.make_room()
    late = StoredSession("ab:late", "{}", before, before + HOUR, ("ab:label0",))
    assert not store.create(late, issued=before)


def test_refuses_logins_on_a_full_disk(store, disk) -> None:
    make_many(store, 50)
    disk.fill()
    use_up_the_log(store)
    for number in range(50):
        with pytest.raises(StoreUnavailable):
            make(store, "cd:new")
        assert end(store, number), "no login has used the reserve"


def test_stores_what_a_logout_needs_on_a_full_disk(store, disk) -> None:
    until = clock.now() + HOUR
    disk.fill()
    use_up_the_log(store)
    with logout_reserve.for_logout():
        assert store.add("notice", "x", until)
        assert store.swap("notice", "x", "y", until)
        assert store.take("notice") == "y"


def test_works_again_when_the_disk_has_room(store, disk, caplog) -> None:
    make_many(store, 1)
    disk.fill()
    store.release_reserve()
    assert end(store, 0)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="keeps the reserve for logouts"):
            make(store, "ab:new")
    disk.make_room()
    make(store, "ab:new")
    messages = [m for m in caplog.messages if "full" in m or "again" in m]
    assert len(messages) == 2, messages
    disk.fill()
    assert store.end(keys=["ab:new"])


def test_waits_for_room_when_it_starts_on_a_full_disk(disk) -> None:
    disk.fill()
    store = open_store(f"sqlite:///{disk.folder}/store.db")
    with pytest.raises(StoreUnavailable, match="full"):
        store.prepare()
    disk.make_room()
    store.prepare()
    make(store, "ab:key")
    store.close()


def test_waits_for_a_disk_that_can_be_written_when_it_starts(disk) -> None:
    disk.be_read_only()
    store = open_store(f"sqlite:///{disk.folder}/store.db")
    with pytest.raises(StoreUnavailable, match=r"[Rr]ead-only"):
        store.prepare()
    disk.be_read_only(is_so=False)
    store.prepare()
    make(store, "ab:key")
    store.close()


def test_reads_sessions_on_a_disk_that_can_only_be_read(store, disk) -> None:
    make_many(store, 1)
    store.close()
    disk.be_read_only()
    with pytest.raises(StoreUnavailable):
        store.end(keys=["ab:0"])
