"""One who is slow holds up nobody but those in its own line."""

import threading
from concurrent.futures import Future

import pytest

from eilogin.hub.lines import Lines

#: Longer than any test waits for another thread that does come.
PATIENCE = 10


class Slow:
    """Work that is begun, and goes on until it is let go."""

    def __init__(self):
        self.is_begun = Future()
        self.let_go = threading.Event()
        self.is_done = Future()

    def __call__(self):
        self.is_begun.set_result(None)
        self.let_go.wait(PATIENCE)
        self.is_done.set_result(None)


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


def test_one_is_told_so_much_at_the_same_time_and_the_rest_in_its_turn(slow):
    lines = Lines(2, 8)
    works = slow(4)
    for work in works:
        lines.put("dead", work)
    assert done(works[0].is_begun)
    assert done(works[1].is_begun)
    assert not works[2].is_begun.done()
    works[1].let_go.set()
    assert done(works[2].is_begun)
    assert not works[3].is_begun.done()
    for work in works:
        work.let_go.set()
    assert all(done(work.is_done) for work in works)


def test_all_others_go_on_meanwhile(slow):
    lines = Lines(2, 3)
    for work in slow(50):
        lines.put("dead", work)
    for _ in range(5):
        [well] = slow(1)
        well.let_go.set()
        lines.put("well", well)
        assert done(well.is_done)


def test_a_line_goes_on_after_work_that_fails():
    lines = Lines(1, 1)
    [last] = works = [Slow()]

    def fail():
        raise RuntimeError("a fault of ours")

    last.let_go.set()
    for work in (fail, fail, *works):
        lines.put("one", work)
    assert done(last.is_done)


def test_nothing_is_kept_of_a_line_that_is_done():
    """A hub has many participants over time, and some leave."""
    lines = Lines(1, 1)
    for name in ("one", "two", "three"):
        works = [Slow(), Slow()]
        for work in works:
            work.let_go.set()
            lines.put(name, work)
        assert all(done(work.is_done) for work in works)
    lines._threads.shutdown()  # noqa: SLF001 - after which all is put away
    assert not lines._busy  # noqa: SLF001
    assert not lines._waiting  # noqa: SLF001
