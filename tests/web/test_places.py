"""Places: as many as there are, for whoever comes, and given back whatever happens."""

import threading
from contextlib import ExitStack

import pytest

from eilogin.web.places import Full, Places


@pytest.fixture
def places():
    return Places()


def taken(places, *networks, most=3, name="hub", at_least=1):
    """How many of these get a place, one after another."""
    with ExitStack() as stack:
        for count, network in enumerate(networks):
            try:
                place = places.one(name, most, network, at_least=at_least)
                stack.enter_context(place)
            except Full:
                return count
        return len(networks)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_there_are_as_many_as_may_be(places, most):
    assert taken(places, *[None] * 5, most=most) == most


@pytest.mark.parametrize(
    ("most", "share"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (8, 4)]
)
def test_one_network_gets_half_of_them_rounded_up(places, most, share):
    assert taken(places, *["192.0.2.1"] * 9, most=most) == share


@pytest.mark.parametrize(
    ("most", "share"), [(2, 2), (3, 3), (4, 3), (6, 3), (7, 4), (8, 4)]
)
def test_who_is_to_have_more_gets_as_many_as_there_are(places, most, share):
    assert taken(places, *["a member"] * 9, most=most, at_least=3) == share


def test_the_rest_is_for_others(places):
    networks = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert taken(places, *networks) == 3


def test_who_finds_none_hears_how_many_there_are(places):
    with places.one("hub", 3, "a"), places.one("hub", 3, "a"):
        with pytest.raises(Full) as found, places.one("hub", 3, "a"):
            pytest.fail("there is none")
        assert (found.value.taken, found.value.of_one) == (2, 2)
        with places.one("hub", 3, "b"):
            with pytest.raises(Full) as found, places.one("hub", 3, "c"):
                pytest.fail("there is none")
            assert (found.value.taken, found.value.of_one) == (3, 0)


def test_each_name_has_its_own(places):
    with places.one("hub", 1), places.one("another", 1):
        assert taken(places, None, most=1) == 0
        assert taken(places, None, most=2) == 1


def test_one_is_given_back_whatever_happens(places):
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), places.one("hub", 1, "a"):
            raise ZeroDivisionError
    assert taken(places, "a", most=1) == 1


def test_nothing_is_kept_of_a_name_that_is_over(places):
    """Names come from messages."""
    with places.one("message", 2), places.one("message", 2, "a"):
        pass
    assert not places._taken  # noqa: SLF001 - or count memory


def test_who_is_refused_takes_nothing_away(places):
    with places.one("hub", 2, "a"):
        for _ in range(3):
            assert taken(places, "a", most=2) == 0
        assert taken(places, "b", most=2) == 1


def test_threads_that_come_together_get_no_more(places):
    together, over = threading.Barrier(17), threading.Event()
    outcomes = []

    def come():
        together.wait()
        try:
            with places.one("hub", 3):
                outcomes.append(True)
                over.wait(10)
        except Full:
            outcomes.append(False)
            if outcomes.count(False) == 13:
                over.set()

    threads = [threading.Thread(target=come) for _ in range(16)]
    for thread in threads:
        thread.start()
    together.wait()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == [False] * 13 + [True] * 3
