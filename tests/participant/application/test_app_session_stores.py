# ruff: noqa: SLF001 - seen from inside
"""Where an application's session lies: the same promises in the store and elsewhere."""

import hashlib

import pytest
from note_takers import ANNA, BERT, NOON, over

from eilogin.errors import StoreUnavailable
from eilogin.participant.application.app_session_stores import (
    UNOPENED,
    BackendCleanup,
    BackendEntry,
    NoAppSession,
    SessionStoreEntry,
    id_of,
    sealed_size,
)
from eilogin.stores import open_store
from eilogin.stores.beaker import open_backend


@pytest.fixture
def backend():
    return open_backend("memory")


@pytest.fixture
def sessions(clock):
    clock.move_to(NOON)
    return over(open_store("memory:"))


@pytest.fixture
def log_in(sessions):
    def make(whom=ANNA):
        return sessions.find(sessions.create_login(whom, issued=NOON))

    return make


@pytest.fixture(params=["store", "backend"])
def place_of(request, sessions, backend):
    def make(login):
        if request.param == "store":
            return SessionStoreEntry(sessions, login)
        return BackendEntry(backend, sessions, login)

    return make


@pytest.fixture
def login(log_in):
    return log_in()


def test_the_id_is_a_logins_own_and_tells_nothing_of_it(log_in, login):
    assert id_of(login) == id_of(login) != id_of(log_in())
    assert login.family not in id_of(login)


def test_value_put_in_one_request_is_read_in_the_next(place_of, login):
    name = place_of(login).id
    assert place_of(login).read(name) is None
    assert place_of(login).put(name, None, "one")
    place = place_of(login)
    assert place.read(name) == "one"
    assert place.put(name, "one", "two")
    assert place.put(name, "two", "three")
    assert place_of(login).read(name) == "three"


def test_put_does_not_overwrite_value_of_concurrent_request(place_of, login):
    one, other = place_of(login), place_of(login)
    name = one.id
    one.read(name)
    other.read(name)
    assert one.put(name, None, "one")
    assert not other.put(name, None, "other")
    assert other.read(name) == "one"
    assert other.put(name, "one", "other")
    assert not one.put(name, "one", "once more")


def test_removed_value_reads_as_none(place_of, login):
    place = place_of(login)
    place.put(place.id, None, "one")
    place.remove(place.id)
    assert place.read(place.id) is None
    assert place.put(place.id, None, "two")


def test_that_of_another_login_is_changed_and_never_made(place_of, log_in, login):
    bert = log_in(BERT)
    name = id_of(bert)
    assert not place_of(login).put(name, None, "made")
    assert place_of(bert).read(name) is None
    place_of(bert).put(name, None, "berts")
    place = place_of(login)
    assert place.read(name) == "berts"
    assert place.put(name, "berts", "changed")
    assert place_of(bert).read(name) == "changed"


def test_after_the_end_nothing_is_read_and_nothing_put(place_of, sessions, login):
    place = place_of(login)
    place.put(place.id, None, "one")
    sessions.drop(login)
    assert place_of(login).read(place.id) is None
    assert not place.put(place.id, "one", "two")
    assert not place_of(login).put(place.id, None, "two")
    assert place_of(login).read(place.id) is None


def test_nobody_who_is_not_logged_in_has_one():
    place = NoAppSession()
    assert place.id is None
    assert place.put("x", None, "one")
    place.remove("x")
    assert place.read("x") is None


def test_value_not_sealed_for_this_entry_is_unreadable(sessions, backend, login):
    place = BackendEntry(backend, sessions, login)
    place.put(place.id, None, '{"mine": 1}')
    name = place.id
    hidden = hashlib.sha256(name.encode()).hexdigest()
    backend.delete(hidden)
    backend.swap(hidden, None, '{"made": "up"}', NOON + 60)
    assert place.read(name) == UNOPENED
    # It keeps nobody from putting one there.
    assert place.put(name, UNOPENED, "new")
    assert place.read(name) == "new"


def test_as_much_is_kept_as_was_said(sessions, backend, login):
    place = BackendEntry(backend, sessions, login)
    for size in (0, 1, 100, 1001):
        place.remove(place.id)
        place.put(place.id, None, "x" * size)
        assert len(place._last_sealed[place.id]) == sealed_size(size)


def test_a_backend_that_is_down_stops_no_end(sessions, backend, login, caplog):
    class Down:
        def delete(self, name):
            raise StoreUnavailable("it is down")

    BackendCleanup(Down()).forget(login)
    assert "will be deleted later: it is down" in caplog.text
    assert id_of(login) not in caplog.text
