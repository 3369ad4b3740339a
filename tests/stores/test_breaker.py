"""A store that does not answer is not asked by every request."""

import pytest

from eilogin.errors import StoreUnavailable
from eilogin.stores import breaker as module
from eilogin.stores.breaker import Breaker


@pytest.fixture
def breaker() -> Breaker:
    return Breaker("the store at rest", (TimeoutError,), pause=10)


class Clock:
    """In the place of the time module: it stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def fail(breaker: Breaker) -> None:
    said = pytest.raises(StoreUnavailable, match="the store at rest does not answer")
    with said, breaker.call():
        raise TimeoutError("too long")


def ask(breaker: Breaker) -> str:
    with breaker.call():
        return "answer"


def is_refused(breaker: Breaker) -> bool:
    with pytest.raises(StoreUnavailable, match="is not asked now"):
        ask(breaker)
    return True


class TestBreaker:
    def test_lets_calls_through(self, breaker: Breaker) -> None:
        assert [ask(breaker), ask(breaker)] == ["answer", "answer"]

    def test_refuses_at_once_after_a_failure(self, breaker: Breaker) -> None:
        fail(breaker)
        assert all(is_refused(breaker) for _ in range(3))

    def test_lets_one_call_try_after_the_pause(self, breaker, clock) -> None:
        fail(breaker)
        clock.now += 9
        assert is_refused(breaker)
        clock.now += 2
        with breaker.call():
            assert is_refused(breaker)
        assert ask(breaker) == "answer"

    def test_waits_again_where_that_one_fails(self, breaker, clock) -> None:
        fail(breaker)
        clock.now += 11
        fail(breaker)
        assert is_refused(breaker)

    def test_an_answer_that_is_an_error_is_an_answer(self, breaker: Breaker) -> None:
        with pytest.raises(KeyError), breaker.call():
            raise KeyError("no such thing")
        assert ask(breaker) == "answer"
