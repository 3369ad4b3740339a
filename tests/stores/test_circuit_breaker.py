"""A store that does not answer is not asked by every request."""

# ruff: noqa: SLF001 - a late thread is brought about from inside

import threading

import pytest

from eilogin.errors import StoreUnavailable
from eilogin.stores import circuit_breaker as module
from eilogin.stores.circuit_breaker import Breaker


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
    raises = pytest.raises(StoreUnavailable, match="the store at rest does not answer")
    with raises, breaker.call():
        raise TimeoutError("too long")


def ask(breaker: Breaker) -> str:
    with breaker.call():
        return "answer"


def is_refused(breaker: Breaker) -> bool:
    with pytest.raises(StoreUnavailable, match="will ask it again later"):
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

    def test_lets_no_other_try_however_long_that_one_waits(
        self, breaker, clock
    ) -> None:
        fail(breaker)
        clock.now += 11
        raises = pytest.raises(StoreUnavailable)
        with raises, breaker.call():
            clock.now += 60
            assert is_refused(breaker)
            raise TimeoutError("too long")
        assert is_refused(breaker)
        clock.now += 11
        assert ask(breaker) == "answer"

    def test_that_one_is_alone_also_where_an_older_call_fails_meanwhile(
        self, breaker, clock
    ) -> None:
        older = breaker.call()
        fail(breaker)
        clock.now += 11
        with breaker.call():
            with pytest.raises(StoreUnavailable), older:
                raise TimeoutError("too long")
            clock.now += 11
            assert is_refused(breaker)
        assert ask(breaker) == "answer"

    def test_an_older_call_that_succeeds_opens_it_for_all(self, breaker, clock) -> None:
        older = breaker.call()
        fail(breaker)
        clock.now += 11
        with breaker.call():
            with older:
                pass
            assert ask(breaker) == "answer"
        assert ask(breaker) == "answer"

    def test_another_error_of_that_one_does_not_close_it_for_good(
        self, breaker, clock
    ) -> None:
        fail(breaker)
        clock.now += 11
        with pytest.raises(KeyError), breaker.call():
            raise KeyError("no such thing")
        assert is_refused(breaker)
        clock.now += 11
        assert ask(breaker) == "answer"

    def test_is_told_once_when_it_fails_and_once_when_it_is_back(
        self, breaker, clock, caplog
    ) -> None:
        fail(breaker)
        clock.now += 11
        fail(breaker)
        clock.now += 11
        ask(breaker)
        ask(breaker)
        warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert warnings == [
            "the store at rest does not answer: too long",
            "the store at rest answers again",
        ]

    def test_waits_again_where_that_one_fails(self, breaker, clock) -> None:
        fail(breaker)
        clock.now += 11
        fail(breaker)
        assert is_refused(breaker)

    def test_late_success_does_not_change_closed_breaker(self, breaker, clock) -> None:
        class Lock:
            """Whoever gets it has waited, until somebody else has had an answer."""

            def __enter__(self) -> None:
                breaker._lock = threading.Lock()
                assert ask(breaker) == "answer"

            def __exit__(self, *_: object) -> None:
                pass

        fail(breaker)
        clock.now += 11
        breaker._lock = Lock()
        with breaker.call():
            assert ask(breaker) == "answer"

    def test_store_error_with_own_message_is_logged_once(self, caplog) -> None:
        breaker = Breaker("the store", (StoreUnavailable,))
        with pytest.raises(StoreUnavailable) as raised, breaker.call():
            raise StoreUnavailable("the store redis://host:1 does not answer: silence")
        message = "the store redis://host:1 does not answer: silence"
        assert str(raised.value) == message
        assert caplog.messages == [message]
        assert breaker.is_open

    def test_an_answer_that_is_an_error_is_an_answer(self, breaker: Breaker) -> None:
        with pytest.raises(KeyError), breaker.call():
            raise KeyError("no such thing")
        assert ask(breaker) == "answer"
