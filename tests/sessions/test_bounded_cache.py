"""Values of visitors stay in memory for a minute or two, and only so many."""

import threading
from collections.abc import Iterator

import pytest
import time_machine

from eilogin.sessions import bounded_cache
from eilogin.sessions.bounded_cache import KEPT_FOR, BoundedCache

NOON = 1_800_000_000.0


@pytest.fixture(autouse=True)
def travel() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def cache() -> BoundedCache[str, str]:
    return BoundedCache(len)


def test_keeps_a_value_that_is_used(cache, travel) -> None:
    cache.put("a", "1")
    for _ in range(5):
        travel.shift(KEPT_FOR)
        assert cache.get("a") == "1"


def test_forgets_a_value_that_nobody_uses(cache, travel) -> None:
    cache.put("a", "1")
    for _ in range(2):
        travel.shift(KEPT_FOR)
        cache.put("b", "2")
    assert cache.get("a") is None
    assert len(cache) == 1


def test_forgets_an_ended_session_in_both_generations(cache, travel) -> None:
    cache.put("a", "1")
    travel.shift(KEPT_FOR)
    cache.put("b", "2")
    for key in ("a", "b", "c"):
        cache.forget(key)
        assert cache.get(key) is None
    assert len(cache) == 0


def test_replaces_a_value_in_both_generations(cache, travel) -> None:
    cache.put("a", "1")
    travel.shift(KEPT_FOR)
    cache.put("a", "2")
    cache.forget("a")
    assert cache.get("a") is None


def test_goes_on_when_the_clock_is_set_back(cache, travel) -> None:
    cache.put("a", "1")
    travel.shift(-3600)
    for _ in range(2):
        cache.put("b", "2")
        travel.shift(KEPT_FOR)
    assert cache.get("a") is None


def test_bounds_the_octets_of_both_generations(cache, monkeypatch) -> None:
    monkeypatch.setattr(bounded_cache, "MOST_OCTETS", 100_000)
    for number in range(1000):
        cache.put(f"{number}", "x" * 9000)
        assert cache.get(f"{number}") is not None
        assert len(cache) <= 20


def test_counts_a_changing_value_once(cache, monkeypatch) -> None:
    monkeypatch.setattr(bounded_cache, "MOST_OCTETS", 100_000)
    cache.put("other", "x")
    for number in range(1000):
        cache.put("a", f"{number}" * 100)
    assert cache.get("other") == "x"


def test_a_used_value_outlasts_a_flood(cache, monkeypatch) -> None:
    monkeypatch.setattr(bounded_cache, "MOST_OCTETS", 100_000)
    cache.put("a", "1")
    for number in range(1000):
        cache.put(f"{number}", "x" * 9000)
        assert cache.get("a") == "1"


def test_threads_get_only_values_of_their_keys(cache, monkeypatch) -> None:
    monkeypatch.setattr(bounded_cache, "MOST_OCTETS", 30_000)
    wrong = set[str]()

    def use(start: int) -> None:
        for number in range(start, start + 2000):
            key = f"{number % 50}"
            wrong.update({cache.get(key) or key} - {key})
            cache.put(key, key)
            cache.forget(f"{number % 9}")

    threads = [threading.Thread(target=use, args=(n,)) for n in (0, 10, 20, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    for number in range(50):
        cache.forget(f"{number}")
    assert cache._octets == 0  # noqa: SLF001 - or the bound would drift
