"""The names of the application's cookies are noted, for all processes of a site."""

import threading
import time
from queue import Queue
from types import SimpleNamespace

import pytest

from eilogin.errors import StoreUnavailable
from eilogin.participant.application import app_cookie_names
from eilogin.participant.application.app_cookie_names import (
    LONGEST,
    MOST,
    MOST_OF_ANONYMOUS,
    READ_EVERY,
    AppCookieNames,
)
from eilogin.sessions import Sessions
from eilogin.stores.memory_store import MemoryStore
from eilogin.web import environ as env
from eilogin.web.visit import Visit


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def environ(store):
    own = SimpleNamespace(entity_id="https://uwv.test/eilogin/metadata")
    return {
        env.SESSION: None,
        env.SESSIONS: Sessions(store, idle=900, max_session=7200),
        env.TRUST: SimpleNamespace(own=own),
    }


@pytest.fixture
def seconds(monkeypatch):
    """A clock that is never set, which the test moves."""
    passed = SimpleNamespace(by=100.0)
    monkeypatch.setattr(app_cookie_names.time, "monotonic", lambda: passed.by)
    return passed


class News(list):
    def __call__(self):
        self.append(1)


def test_worker_learns_cookie_names_of_another_worker(environ, seconds):
    news = News()
    one, other = AppCookieNames(int), AppCookieNames(news)
    assert other.next_read_at < seconds.by
    assert other.share(Visit(environ))
    assert other.have_been_read
    assert other.next_read_at == seconds.by + READ_EVERY
    one.note(Visit(environ), one.guarded, "a")
    one.note(Visit(environ), one.off, "b")
    other.share(Visit(environ))
    assert (other.guarded, other.off) == ({"a"}, {"b"})
    assert len(news) == 2, "that they are known, and which they are"
    other.note(Visit(environ), other.off, "b")
    assert len(news) == 2, "it is none"


def test_store_is_not_written_without_new_names(environ, store, monkeypatch):
    monkeypatch.setattr(store, "add", None)
    monkeypatch.setattr(store, "swap", None)
    assert AppCookieNames(int).share(Visit(environ))


def test_names_noted_during_store_outage_are_stored_later(environ, store, monkeypatch):
    def away(*_, **__):
        raise StoreUnavailable("the store is away")

    names = AppCookieNames(int)
    with monkeypatch.context() as patch:
        patch.setattr(store, "get", away)
        names.note(Visit(environ), names.guarded, "a")
        assert not names.share(Visit(environ))
        assert not names.have_been_read
        assert names.next_read_at == 0.0, "it is time to look"
        assert names.next_try_at > time.monotonic(), "not for who need not know"
    assert names.share(Visit(environ))
    other = AppCookieNames(int)
    assert other.share(Visit(environ))
    assert other.guarded == {"a"}


@pytest.mark.parametrize("answers", [True, False])
def test_one_has_them_first_and_others_wait_for_that(
    environ, store, monkeypatch, answers
):
    """A store that hangs does not hold up each of them in turn."""
    get, asked, goes_on = store.get, Queue(), threading.Event()

    def slow(*said):
        asked.put("asked")
        assert goes_on.wait(60)
        if not answers:
            raise StoreUnavailable("the store is away")
        return get(*said)

    monkeypatch.setattr(store, "get", slow)
    names, found = AppCookieNames(int), Queue()
    threads = [
        threading.Thread(target=lambda: found.put(names.share(Visit(environ))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
        while names.next_try_at == 0.0:
            time.sleep(0.001)
        names.next_try_at = 0.0
    assert asked.get(timeout=60)
    assert asked.empty()
    goes_on.set()
    for thread in threads:
        thread.join(timeout=60)
    assert [found.get_nowait() for _ in threads] == [answers] * 3
    assert asked.empty() is not answers, "those who waited look once more if it answers"


def test_concurrent_writers_lose_no_names(environ, store, monkeypatch):
    """Each time that one puts its names there, another was faster."""
    names, others = AppCookieNames(int), iter(range(100))
    swap, add = store.swap, store.add

    def between(verb):
        def put(*said, **more):
            number = next(others)
            if number < 3:
                other = AppCookieNames(int)
                other.guarded.add(f"other{number}")
                with monkeypatch.context() as patch:
                    patch.setattr(store, "swap", swap)
                    patch.setattr(store, "add", add)
                    other.share(Visit(environ))
            return verb(*said, **more)

        return put

    monkeypatch.setattr(store, "swap", between(swap))
    monkeypatch.setattr(store, "add", between(add))
    names.note(Visit(environ), names.guarded, "mine")
    monkeypatch.undo()
    last = AppCookieNames(int)
    last.share(Visit(environ))
    assert last.guarded == {"mine", "other0", "other1", "other2"}


def test_worker_that_loses_every_race_gives_up_until_next_time(
    environ, store, monkeypatch
):
    monkeypatch.setattr(store, "add", lambda *_, **__: False)
    names = AppCookieNames(int)
    names.guarded.add("a")
    assert names.share(Visit(environ))


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[[], [], []]", "nothing"])
def test_unreadable_record_is_replaced(environ, text):
    values = Visit(environ).values
    values.add("app-cookie-names", text, 1e12)
    names = AppCookieNames(int)
    names.note(Visit(environ), names.guarded, "a")
    other = AppCookieNames(int)
    other.share(Visit(environ))
    assert other.guarded == {"a"}


def test_there_is_room_for_so_many_and_so_long(environ, caplog):
    names = AppCookieNames(int)
    names.note(Visit(environ), names.guarded, "x" * (LONGEST + 1))
    assert not names.guarded
    for number in range(MOST + 5):
        names.note(Visit(environ), names.guarded, f"state_{number}-secret")
    assert len(names.guarded) == MOST_OF_ANONYMOUS
    [told] = caplog.messages
    assert "too many names, such as 'state_10'" in told
    assert "secret" not in told


def test_strangers_do_not_take_the_room_of_who_is_logged_in(environ):
    names = AppCookieNames(int)
    for number in range(MOST):
        names.note(Visit(environ), names.guarded, f"state_{number}")
    environ[env.SESSION] = "a login"
    for number in range(MOST):
        names.note(Visit(environ), names.guarded, f"sid{number}")
    assert "sid0" in names.guarded
    assert len(names.guarded) == MOST
