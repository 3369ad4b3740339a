"""One who is slow holds up nobody but those in its own line."""

import threading
import time
from concurrent.futures import Future

import pytest

from eilogin.hub.logout.logout_propagation import Delivery, Propagation
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.propagation_threads import ParticipantQueues
from eilogin.hub.participants.logout_bindings import LogoutBindings
from eilogin.sessions import Subject

DEAD = "https://dead.test/metadata"

#: Longer than any test waits for another thread that does come.
PATIENCE = 60


class Slow:
    """Work that is begun, and goes on until it is let go; whether it went well."""

    def __init__(self, *, is_well=True):
        self.is_well = is_well
        self.is_begun = Future()
        self.let_go = threading.Event()
        self.is_done = Future()

    def __call__(self):
        self.is_begun.set_result(None)
        # Longer than a test waits for others, which are not to wait for it.
        self.let_go.wait(2 * PATIENCE)
        self.is_done.set_result(None)
        return self.is_well


def done(future):
    """Wait until it is."""
    future.result(PATIENCE)
    return True


@pytest.fixture
def slow():
    """Make slow works, all of which are let go in the end."""
    made = []

    def make(number):
        new = [Slow() for _ in range(number)]
        made.extend(new)
        return new

    yield make
    for work in made:
        work.let_go.set()


def answered(lines, name, *, is_well=True):
    """Have one answer what it is told, or not."""
    work = Slow(is_well=is_well)
    work.let_go.set()
    lines.put(name, work)
    assert done(work.is_done)
    while lines._busy.get(name):  # noqa: SLF001 - until that is put away too
        time.sleep(0.001)


def test_one_is_told_so_much_at_the_same_time_and_the_rest_in_its_turn(slow):
    lines = ParticipantQueues(2, 8)
    works = slow(4)
    for work in works:
        lines.put("slow", work)
    assert done(works[0].is_begun)
    assert done(works[1].is_begun)
    assert not works[2].is_begun.done()
    works[1].let_go.set()
    assert done(works[2].is_begun)
    assert not works[3].is_begun.done()
    for work in works:
        work.let_go.set()
    assert all(done(work.is_done) for work in works)


def test_failed_participant_gets_one_logout_message_at_a_time(slow):
    lines = ParticipantQueues(4, 8)
    answered(lines, "dead", is_well=False)
    first, second, third, fourth = slow(4)
    for work in (first, second, third):
        lines.put("dead", work)
    assert done(first.is_begun)
    assert not second.is_begun.done()
    first.is_well = False
    first.let_go.set()
    assert done(second.is_begun)
    assert not third.is_begun.done()
    second.let_go.set()
    assert done(third.is_begun)
    lines.put("dead", fourth)
    assert done(fourth.is_begun), "it has answered"


def test_so_it_is_where_those_behind_it_had_no_turn_in_time(monkeypatch):
    """Many log out at once, and who is dead has taken all the time of their logouts."""
    lock, at_once = threading.Lock(), [0]

    def is_silent(self, trust, told, ends):
        with lock:
            at_once.append(at_once[-1] + 1)
        time.sleep(0.1)
        with lock:
            at_once.append(at_once[-1] - 1)
        return Delivery(told, "peer-unavailable", is_away=True)

    monkeypatch.setattr(Propagation, "_delivery", is_silent)
    propagation = Propagation(0.1, LogoutBindings({}))

    def log_out(number):
        propagation.send(
            None, [Recipient(DEAD, Subject(DEAD, DEAD, f"n{number}"), ("_",))]
        )

    log_out("first")
    threads = [threading.Thread(target=log_out, args=(one,)) for one in range(20)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join(PATIENCE)
    assert max(at_once) == 1


def test_all_others_go_on_meanwhile(slow):
    """However many did not answer before, while they are fewer than the threads."""
    lines = ParticipantQueues(4, 8)
    for name in ("one", "two", "three", "four", "five", "six", "seven"):
        answered(lines, name, is_well=False)
        for work in slow(50):
            lines.put(name, work)
    for _ in range(5):
        [well] = slow(1)
        well.let_go.set()
        lines.put("well", well)
        assert done(well.is_done)


def test_a_line_goes_on_after_work_that_fails():
    lines = ParticipantQueues(1, 1)
    [last] = works = [Slow()]

    def fail():
        raise RuntimeError("a fault of ours")

    last.let_go.set()
    for work in (fail, fail, *works):
        lines.put("one", work)
    assert done(last.is_done)


def test_nothing_is_kept_of_a_line_that_is_done():
    """A hub has many participants over time, and some leave."""
    lines = ParticipantQueues(1, 1)
    for name in ("one", "two", "three"):
        works = [Slow(), Slow()]
        for work in works:
            work.let_go.set()
            lines.put(name, work)
        assert all(done(work.is_done) for work in works)
    lines._threads.shutdown()  # noqa: SLF001 - after which all is put away
    assert not lines._busy  # noqa: SLF001
    assert not lines._waiting  # noqa: SLF001


def test_one_that_did_not_answer_is_away_for_a_while(monkeypatch):
    lines = ParticipantQueues(4, 8)
    assert not lines.is_away("dead")
    answered(lines, "dead", is_well=False)
    assert lines.is_away("dead")
    assert not lines.is_away("another")
    monkeypatch.setattr("eilogin.hub.logout.propagation_threads._AWAY_FOR", 0.0)
    assert not lines.is_away("dead"), "nobody has looked for so long"


def test_nor_is_one_that_has_answered_since():
    lines = ParticipantQueues(4, 8)
    answered(lines, "dead", is_well=False)
    answered(lines, "dead")
    assert not lines.is_away("dead")
