"""Slots: as many as there are, for whoever comes, and given back whatever happens."""

import threading
import time
from contextlib import ExitStack

import pytest

from eilogin.web.limits.slots import Full, Slots


@pytest.fixture
def slots():
    return Slots()


def taken(slots, *networks, most=3, name="hub", at_least=1):
    """How many of these get a slot, one after another."""
    with ExitStack() as stack:
        for count, network in enumerate(networks):
            try:
                slot = slots.hold(name, most, network, at_least=at_least)
                stack.enter_context(slot)
            except Full:
                return count
        return len(networks)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_there_are_as_many_as_may_be(slots, most):
    assert taken(slots, *[None] * 5, most=most) == most


@pytest.mark.parametrize(
    ("most", "share"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (8, 4)]
)
def test_one_network_gets_half_of_them_rounded_up(slots, most, share):
    assert taken(slots, *["192.0.2.1"] * 9, most=most) == share


@pytest.mark.parametrize(
    ("most", "share"), [(2, 2), (3, 3), (4, 3), (6, 3), (7, 4), (8, 4)]
)
def test_share_is_at_least_the_minimum_where_slots_allow(slots, most, share):
    assert taken(slots, *["a member"] * 9, most=most, at_least=3) == share


def test_the_rest_is_for_others(slots):
    networks = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert taken(slots, *networks) == 3


def test_full_error_reports_number_of_slots_in_use(slots):
    with slots.hold("hub", 3, "a"), slots.hold("hub", 3, "a"):
        with pytest.raises(Full) as found, slots.hold("hub", 3, "a"):
            pytest.fail("there is none")
        assert (found.value.in_use, found.value.of_client) == (2, 2)
        with slots.hold("hub", 3, "b"):
            with pytest.raises(Full) as found, slots.hold("hub", 3, "c"):
                pytest.fail("there is none")
            assert (found.value.in_use, found.value.of_client) == (3, 0)


def test_each_name_has_its_own(slots):
    with slots.hold("hub", 1), slots.hold("another", 1):
        assert taken(slots, None, most=1) == 0
        assert taken(slots, None, most=2) == 1


def test_one_is_given_back_whatever_happens(slots):
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.hold("hub", 1, "a"):
            raise ZeroDivisionError
    assert taken(slots, "a", most=1) == 1


def test_nothing_is_kept_of_a_name_that_is_over(slots):
    """Names come from messages."""
    with slots.hold("message", 2), slots.hold("message", 2, "a"):
        pass
    assert not slots._held  # noqa: SLF001 - or count memory


def test_refused_caller_uses_no_slot(slots):
    with slots.hold("hub", 2, "a"):
        for _ in range(3):
            assert taken(slots, "a", most=2) == 0
        assert taken(slots, "b", most=2) == 1


def test_threads_that_come_together_get_no_more(slots):
    together, over = threading.Barrier(17), threading.Event()
    outcomes = []

    def come():
        together.wait()
        try:
            with slots.hold("hub", 3):
                outcomes.append(True)
                over.wait(60)
        except Full:
            outcomes.append(False)
            if outcomes.count(False) == 13:
                over.set()

    threads = [threading.Thread(target=come) for _ in range(16)]
    for thread in threads:
        thread.start()
    together.wait()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == [False] * 13 + [True] * 3


# --- waiting for a slot ---------------------------------------------------------------


class Holder:
    """A thread that holds a slot until it is let go."""

    def __init__(self, slots, whose):
        self._slots, self._whose = slots, whose
        self._has_it, self._goes_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)
        self._thread.start()
        assert self._has_it.wait(60)

    def _hold(self):
        with self._slots.hold("hub", 3, self._whose):
            self._has_it.set()
            self._goes_on.wait(120)

    def let_go(self, after=0.0):
        threading.Timer(after, self._goes_on.set).start()

    def end(self):
        self._goes_on.set()
        self._thread.join(60)


@pytest.fixture
def nothing_hangs(monkeypatch):
    """However slow this machine is."""
    monkeypatch.setattr("eilogin.web.limits.slots._LONGEST_HELD", 60.0)


@pytest.fixture
def hold(slots):
    """Hold a slot in another thread."""
    holders = []

    def begin(whose):
        holders.append(Holder(slots, whose))
        return holders[-1]

    yield begin
    for holder in holders:
        holder.end()


@pytest.mark.usefixtures("nothing_hangs")
def test_waits_for_a_slot_that_comes_free(slots, hold):
    first, *_ = [hold("a"), hold("b"), hold("c")]
    first.let_go(after=0.05)
    with slots.hold("hub", 3, "d", patience=60):
        assert taken(slots, "e") == 0


@pytest.mark.usefixtures("nothing_hangs")
def test_waits_for_the_share_of_its_own_network(slots, hold):
    first, _ = hold("a"), hold("a")
    first.let_go(after=0.05)
    with slots.hold("hub", 3, "a", patience=60):
        assert taken(slots, "a") == 0


def test_waits_no_longer_than_its_patience(slots, hold):
    hold("a")
    hold("a")
    begun = time.monotonic()
    with pytest.raises(Full), slots.hold("hub", 3, "a", patience=0.05):
        pytest.fail("there is none")
    # A timer may fire a little early.
    assert 0.04 <= time.monotonic() - begun < 30


@pytest.fixture
def soon(monkeypatch):
    """A slot that is held for a moment hangs."""
    monkeypatch.setattr("eilogin.web.limits.slots._LONGEST_HELD", 0.05)


@pytest.mark.usefixtures("soon")
def test_does_not_wait_for_slots_that_hang(slots, hold):
    """However long its patience is: nobody knows when a dead peer gives up."""
    hold("a")
    hold("a")
    begun = time.monotonic()
    with pytest.raises(Full), slots.hold("hub", 3, "a", patience=60):
        pytest.fail("there is none")
    assert time.monotonic() - begun < 30
    assert taken(slots, "b") == 1, "what others hold is not in its way"


@pytest.mark.usefixtures("nothing_hangs")
def test_waits_while_one_of_the_slots_in_its_way_is_new(slots, hold):
    hold("a")
    [old] = slots._held["hub"]  # noqa: SLF001 - or wait for so long
    slots._held["hub"] = [old._replace(since=old.since - 100)]  # noqa: SLF001
    second = hold("a")
    second.let_go(after=0.02)
    with slots.hold("hub", 3, "a", patience=60):
        # Of the holder whose slot was changed nothing is left to give back.
        slots._held["hub"].append(old)  # noqa: SLF001


@pytest.mark.usefixtures("nothing_hangs")
def test_only_so_many_wait_for_the_same_peer(slots, hold, monkeypatch):
    monkeypatch.setattr("eilogin.web.limits.slots._MOST_WAITING", 0)
    first, _ = hold("a"), hold("a")
    first.let_go(after=0.5)
    with pytest.raises(Full), slots.hold("hub", 3, "a", patience=60):
        pytest.fail("there is none")


@pytest.mark.usefixtures("nothing_hangs")
def test_a_crowd_gets_through_one_after_another(slots):
    """Each holds its slot for a moment, as where every peer answers."""
    most, held, missed = [0], [], []

    def come():
        try:
            with slots.hold("hub", 3, "a", patience=60):
                held.append(1)
                most[0] = max(most[0], len(held))
                time.sleep(0.002)
                held.pop()
        except Full:
            missed.append(1)

    threads = [threading.Thread(target=come) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most, missed) == ([2], [])
    assert not slots._waiting  # noqa: SLF001 - or count memory
