import pytest
import time_machine

from eilogin.errors import LoginLost
from eilogin.sessions import PendingLogin, PendingLogins
from eilogin.stores import Values, open_store

ASKED = PendingLogin("_1", "https://hub.test/metadata", "/mijn?a=b", "basis", 0.0)


@pytest.fixture
def clock():
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def values():
    return Values(open_store("memory:"), "https://uwv.test/")


@pytest.fixture
def pendings(values):
    return PendingLogins(values)


def test_is_found_by_its_handle(pendings):
    started, _ = pendings.start(ASKED)
    assert pendings.by_handle(started.handle) == started
    assert started.target == "/mijn?a=b"


def test_is_found_by_the_browser_that_started_it(pendings):
    started, secret = pendings.start(ASKED)
    assert pendings.of_browser(started.handle, secret) == started


@pytest.mark.parametrize("secret", [None, "", "guessed"])
def test_is_no_other_browsers(pendings, secret):
    started, _ = pendings.start(ASKED)
    with pytest.raises(LoginLost):
        pendings.of_browser(started.handle, secret)


@pytest.mark.parametrize("handle", ["", "invented"])
def test_an_invented_handle_is_nothing(pendings, handle):
    with pytest.raises(LoginLost):
        pendings.by_handle(handle)


def test_a_handle_fits_in_a_relay_state(pendings):
    started, _ = pendings.start(ASKED)
    assert len(started.handle.encode()) <= 80


def test_handles_sort_by_age(pendings, clock):
    older, _ = pendings.start(ASKED)
    clock.shift(1)
    newer, _ = pendings.start(ASKED)
    assert older.handle < newer.handle


def test_is_over_after_half_an_hour(pendings, clock):
    started, _ = pendings.start(ASKED)
    clock.shift(30 * 60 - 1)
    assert pendings.by_handle(started.handle)
    clock.shift(2)
    with pytest.raises(LoginLost):
        pendings.by_handle(started.handle)


def test_is_claimed_by_one_answer(pendings):
    started, _ = pendings.start(ASKED)
    assert pendings.claim(started)
    assert pendings.claim(started) is None


def test_a_spent_one_leads_to_its_page_for_two_minutes(pendings, clock):
    started, secret = pendings.start(ASKED)
    pendings.spend(pendings.claim(started), "key-of-login")
    assert pendings.of_browser(started.handle, secret).spent_by == "key-of-login"
    clock.shift(2 * 60 + 1)
    with pytest.raises(LoginLost):
        pendings.by_handle(started.handle)


def test_is_spent_once(pendings):
    started, _ = pendings.start(ASKED)
    claimed = pendings.claim(started)
    pendings.spend(claimed, "first")
    pendings.spend(claimed, "second")
    assert pendings.by_handle(started.handle).spent_by == "first"


def test_shows_no_secret_in_its_repr(pendings):
    started, secret = pendings.start(ASKED)
    assert started.browser not in repr(started)
    assert secret not in repr(started)


def test_one_that_another_version_started_is_lost(pendings, values):
    values.add("pending:older", '{"request": "_1"}', 2e9)
    with pytest.raises(LoginLost, match="another version"):
        pendings.by_handle("older")
