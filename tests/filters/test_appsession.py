# ruff: noqa: PLR0913, PLR0917 - seen from inside; fixtures are arguments
"""The application's session: Beaker's verbs, the login's life, and no update lost."""

import base64
import json
import os
import pickle
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
import time_machine
import webtest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from note_takers import ANNA, BERT, NOON, Request, Visitor, Watched, notes, over, own

from eilogin.errors import InvalidOptions, StoreUnavailable
from eilogin.filters.appsession import make_appsession
from eilogin.participant.application import app_session_stores
from eilogin.participant.application.app_session_objects import TRIES
from eilogin.participant.application.app_session_records import keys_in
from eilogin.sessions import Sessions
from eilogin.stores import Store, open_store
from eilogin.web import environ as env


@pytest.fixture
def travel() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture(params=["memory", "sqlite"])
def make_store(
    request: pytest.FixtureRequest, tmp_path: Path, travel: time_machine.Traveller
) -> Iterator[Callable[[], Store]]:
    """Opens the store, once more each time; of ``memory:`` there is only one."""
    opened: list[Store] = []

    def make() -> Store:
        if request.param == "sqlite" or not opened:
            urls = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/store.db"}
            opened.append(open_store(urls[request.param]))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def sessions(make_store: Callable[[], Store]) -> Sessions:
    return over(make_store())


@pytest.fixture
def watched(sessions: Sessions) -> Watched:
    """The store of ``sessions``, which from now on is watched."""
    watched = Watched(sessions.store)
    sessions.store = watched
    return watched


@pytest.fixture
def visitor(sessions: Sessions) -> Visitor:
    return Visitor(sessions)


class TestWithALogin:
    @pytest.fixture(autouse=True)
    def logged_in(self, visitor: Visitor) -> None:
        visitor.log_in()

    def test_saved_value_is_available_in_the_next_request(self, visitor) -> None:
        assert visitor.get("/write?note=one") == {"note": "one"}
        assert visitor.get("/") == {"note": "one"}

    def test_unsaved_value_is_absent_in_the_next_request(
        self, visitor: Visitor
    ) -> None:
        visitor.get("/write?note=one")
        assert visitor.get("/forget-to-save?note=two") == {"note": "two"}
        assert visitor.get("/") == {"note": "one"}

    def test_with_auto_changing_is_saving(self, sessions) -> None:
        visitor = Visitor(sessions, auto="true")
        visitor.log_in()
        visitor.get("/forget-to-save?note=two")
        assert visitor.get("/") == {"note": "two"}

    def test_a_key_may_begin_as_beakers_own_do(self, visitor: Visitor) -> None:
        """Pyramid's token against forgery does."""
        visitor.get("/write?_csrft_=x")
        assert visitor.get("/") == {"_csrft_": "x"}

    def test_it_is_kept_over_a_step_up_and_ends_with_that(self, visitor) -> None:
        visitor.get("/write?note=one")
        visitor.step_up()
        assert visitor.get("/") == {"note": "one"}
        visitor.sessions.end_citizen(visitor.login)
        assert visitor.stored() is None

    def test_it_is_kept_for_as_long_as_a_login_that_is_prolonged(
        self, visitor, travel
    ) -> None:
        """The hub says by and by how long she is logged in."""
        visitor.log_in(replace(ANNA, ends=NOON + 900))
        visitor.get("/write?note=one")
        travel.shift(600)
        visitor.log_in(replace(ANNA, ends=NOON + 1500), replaces=visitor.login)
        travel.shift(899)
        assert visitor.get("/write?more=two") == {"note": "one", "more": "two"}
        travel.shift(1)
        assert visitor.stored() is None

    def test_its_id_says_nothing_and_is_not_for_the_browser_to_choose(
        self, visitor: Visitor
    ) -> None:
        visitor.get("/write?note=one")
        assert len(visitor.name) == 64
        assert visitor.login.family not in visitor.name
        assert visitor.token not in visitor.name
        cookie = {"Cookie": f"beaker.session.id={visitor.name}"}
        visitor.token = ""
        assert visitor.browser.get("/", headers=cookie).text == "{}"

    @pytest.mark.parametrize("verb", ["delete", "invalidate"])
    def test_deleting_it_deletes_what_was_stored(self, visitor, verb) -> None:
        visitor.get("/write?note=one")
        assert visitor.get(f"/{verb}") == {}
        assert visitor.stored() is None
        assert visitor.get("/") == {}
        visitor.get("/write?note=two")
        assert visitor.get("/") == {"note": "two"}

    def test_regenerating_its_id_loses_nothing(self, visitor: Visitor) -> None:
        visitor.get("/write?note=one")
        visitor.get("/regenerate_id")
        assert visitor.get("/") == {"note": "one"}

    @pytest.mark.parametrize("path", ["/ignore", "/", "/save", "/delete"])
    def test_that_has_nothing_in_it_is_not_stored(self, visitor, path) -> None:
        visitor.get(path)
        assert visitor.stored() is None

    def test_two_logins_do_not_see_each_others(self, visitor: Visitor) -> None:
        visitor.get("/write?note=one")
        first = visitor.token
        visitor.log_in()
        assert visitor.get("/") == {}
        visitor.get("/write?note=two")
        visitor.token = first
        assert visitor.get("/") == {"note": "one"}

    def test_every_process_and_machine_has_it(self, visitor, make_store) -> None:
        visitor.get("/write?note=one")
        elsewhere = Visitor(over(make_store()))
        elsewhere.token = visitor.token
        assert elsewhere.get("/") == {"note": "one"}


class TestWithoutALogin:
    def test_there_is_a_session_that_is_forgotten(self, visitor: Visitor) -> None:
        assert visitor.get("/write?note=one") == {"note": "one"}
        assert visitor.get("/") == {}

    @pytest.mark.parametrize("verb", ["delete", "invalidate", "regenerate_id"])
    def test_every_verb_works(self, visitor: Visitor, verb: str) -> None:
        assert visitor.get(f"/{verb}") == {}

    @pytest.mark.parametrize("options", [{}, {"timeout": "60s"}, {"auto": "on"}])
    def test_nothing_is_asked_of_the_store(self, sessions, watched, options) -> None:
        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            session = environ["beaker.session"]
            session["note"] = "one"
            session.save()
            session.persist()
            session.load()
            assert session.get_by_id(session.id) is None
            assert own(environ["beaker.get_session"]()) == {}
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b""]

        Visitor(sessions, app, **options).get("/")
        assert watched.asked == []


class TestAfterTheLogin:
    @pytest.fixture(autouse=True)
    def noted(self, visitor: Visitor) -> None:
        visitor.log_in()
        visitor.get("/write?note=secret")

    @pytest.mark.parametrize(
        "end",
        [
            pytest.param(lambda s, login: s.end_citizen(login), id="she logs out"),
            pytest.param(
                lambda s, login: s.end_subject(login.who, issued=NOON),
                id="the hub says so",
            ),
            pytest.param(
                lambda s, login: s.create_login(BERT, issued=NOON, replaces=login),
                id="another citizen takes her place",
            ),
        ],
    )
    def test_it_is_gone_at_once_wherever_that_was(
        self, visitor, make_store, end
    ) -> None:
        end(over(make_store()), visitor.login)
        assert visitor.stored() is None
        assert visitor.get("/") == {}

    def test_another_citizen_finds_nothing_of_it(self, visitor: Visitor) -> None:
        visitor.log_in(BERT, replaces=visitor.login)
        assert visitor.get("/") == {}

    def test_a_new_login_finds_nothing_of_it(self, visitor: Visitor) -> None:
        visitor.sessions.end_citizen(visitor.login)
        visitor.log_in()
        assert visitor.get("/") == {}

    def test_it_is_gone_with_a_login_whose_time_is_over(self, visitor, travel) -> None:
        travel.shift(7199)
        assert visitor.stored() is not None
        travel.shift(1)
        assert visitor.stored() is None

    def test_it_is_there_as_long_as_the_login(self, visitor, travel) -> None:
        for _ in range(9):
            travel.shift(799)
            visitor.sessions.touch(visitor.login)
        assert visitor.get("/") == {"note": "secret"}


class TestASlowRequest:
    """It has looked at its session, and something overtakes it."""

    @pytest.fixture(params=["at first", "later"])
    def slow(self, visitor: Visitor, request: pytest.FixtureRequest) -> Request:
        visitor.log_in()
        if request.param == "later":
            visitor.get("/write?note=before")
        return Request(visitor).write(note="slow")

    def test_that_a_logout_overtakes_writes_nothing_back(self, visitor, slow) -> None:
        visitor.sessions.end_citizen(visitor.login)
        slow.finish()
        assert visitor.stored() is None

    @pytest.mark.parametrize("verb", ["add", "swap", "get"])
    def test_that_a_logout_overtakes_while_it_is_written_leaves_nothing(
        self, visitor, watched, slow, verb
    ) -> None:
        login = visitor.login
        # Something to try again for, where it would ask what is there.
        Request(visitor).write(other="x").finish()
        watched.before[verb] = lambda: visitor.sessions.end_citizen(login)
        slow.finish()
        visitor.sessions.end_citizen(login)
        assert visitor.stored() is None

    def test_that_a_step_up_overtakes_is_stored(self, visitor, slow) -> None:
        visitor.step_up()
        slow.finish()
        assert own(Request(visitor).session) == {"note": "slow"}
        visitor.sessions.end_citizen(visitor.login)
        assert visitor.stored() is None

    def test_that_a_delete_overtakes_stores_what_it_changed(
        self, visitor, slow
    ) -> None:
        Request(visitor).write(other="x").finish()
        Request(visitor).session.delete()
        slow.finish()
        assert own(Request(visitor).session) == {"note": "slow"}


class TestRequestsThatOverlap:
    @pytest.fixture(autouse=True)
    def noted(self, visitor: Visitor) -> None:
        visitor.log_in()
        Request(visitor).write(a=1, b=[1], c="c").finish()

    def test_keep_the_keys_of_each(self, visitor: Visitor) -> None:
        one, other = Request(visitor).write(a=2, x=1), Request(visitor).write(b=[2])
        other.finish()
        one.finish()
        assert own(Request(visitor).session) == {
            "a": 2, "b": [2], "c": "c", "x": 1,
        }  # fmt: skip

    def test_of_the_same_key_the_last_one_wins(self, visitor: Visitor) -> None:
        one, other = Request(visitor).write(a="one"), Request(visitor).write(a="other")
        other.finish()
        one.finish()
        assert Request(visitor).session["a"] == "one"

    def test_deleted_key_stays_deleted_after_an_overlapping_write(
        self, visitor: Visitor
    ) -> None:
        one, other = Request(visitor).drop("a"), Request(visitor).write(b=2)
        one.finish()
        other.finish()
        assert own(Request(visitor).session) == {"b": 2, "c": "c"}

    def test_unless_the_other_changed_it(self, visitor: Visitor) -> None:
        one, other = Request(visitor).drop("a"), Request(visitor).write(a=2)
        one.finish()
        other.finish()
        assert Request(visitor).session["a"] == 2

    def test_both_make_a_session_that_was_not_there(self, visitor: Visitor) -> None:
        visitor.log_in()
        one, other = Request(visitor).write(a=1), Request(visitor).write(b=2)
        one.finish()
        other.finish()
        assert own(Request(visitor).session) == {"a": 1, "b": 2}

    def test_overlapping_write_keeps_a_change_inside_a_value(self, visitor) -> None:
        one, other = Request(visitor), Request(visitor).write(a=2)
        one.session["b"].append(2)
        other.finish()
        one.finish()
        assert own(Request(visitor).session) == {"a": 2, "b": [1, 2], "c": "c"}

    def test_saves_true_over_the_equal_value_1(self, visitor: Visitor) -> None:
        Request(visitor).write(a=True).finish()
        assert Request(visitor).session["a"] is True

    def test_the_last_key_of_one_is_not_the_end_of_the_other(self, visitor) -> None:
        one, other = Request(visitor).drop("a", "b", "c"), Request(visitor).write(d=1)
        other.finish()
        one.finish()
        assert own(Request(visitor).session) == {"d": 1}

    def test_a_session_that_lost_its_keys_is_new(self, visitor: Visitor) -> None:
        Request(visitor).drop("a", "b", "c").finish()
        assert Request(visitor).session.is_new
        Request(visitor).write(d=1).finish()
        assert own(Request(visitor).session) == {"d": 1}

    def test_a_request_may_store_twice(self, visitor: Visitor) -> None:
        one, other = Request(visitor).write(x=1), Request(visitor).write(y=1)
        other.finish()
        one.session.save()
        one.session.persist()
        Request(visitor).write(x="other", z=1).finish()
        one.write(a=2).finish()
        assert own(Request(visitor).session) == {
            "a": 2, "b": [1], "c": "c", "x": "other", "y": 1, "z": 1,
        }  # fmt: skip

    def test_a_slow_one_does_not_make_the_session_older(self, visitor, travel) -> None:
        slow = Request(visitor).write(a="slow")
        travel.shift(50)
        Request(visitor).write(a="quick").finish()
        slow.finish()
        session = Request(visitor).session
        assert (session["a"], session.last_accessed) == ("slow", NOON + 50)
        assert session.created == NOON

    def test_that_never_end_are_given_up_and_the_log_knows(
        self, visitor, watched, caplog
    ) -> None:
        one = Request(visitor).write(a="one")
        count = 0

        def another() -> None:
            nonlocal count
            count += 1
            text = json.dumps({"created": 1, "accessed": 1, "keys": {"count": count}})
            watched.store.swap(visitor.key, visitor.stored(), text, NOON + 60)
            watched.before["swap"] = another

        watched.before["swap"] = another
        one.finish()
        assert count == TRIES
        assert "another request of the same visitor" in caplog.text
        watched.before.clear()
        assert own(Request(visitor).session) == {"count": count}

    @pytest.mark.parametrize("is_there", [True, False])
    def test_in_threads_lose_nothing(self, visitor, make_store, is_there) -> None:
        """Each has seen the session as it was before any of the others."""
        before = {"a": 1, "b": [1], "c": "c"} if is_there else {}
        if not is_there:
            visitor.log_in()
        crowd = Crowd(8, rounds=5)
        visitors = [Visitor(over(make_store()), crowd.app) for _ in range(8)]
        for one in visitors:
            one.token = visitor.token
        crowd.visit(visitors)
        found = visitor.get("/")
        # In each round one key was for all, and a key for each.
        assert 1 <= found.pop("count") <= 5
        assert found == before | {f"{who}-{lap}": "it" for who, lap in crowd.been}
        assert len(crowd.been) == 40


class Crowd:
    """Requests that all wait for each other between reading and writing."""

    def __init__(self, size: int, rounds: int) -> None:
        self.rounds = rounds
        self.all_here = threading.Barrier(size)
        self.been: list[tuple[int, int]] = []

    def app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        session = environ["beaker.session"]
        session[environ["QUERY_STRING"]] = "it"
        session["count"] = session.get("count", 0) + 1
        self.all_here.wait(60)
        session.save()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]

    def visit(self, visitors: list[Visitor]) -> None:
        threads = [
            threading.Thread(target=self.ask, args=numbered)
            for numbered in enumerate(visitors)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)

    def ask(self, who: int, visitor: Visitor) -> None:
        for lap in range(self.rounds):
            visitor.get(f"/?{who}-{lap}")
            self.been.append((who, lap))


names = st.sampled_from("abc")
values = st.sampled_from([None, True, 1, 1.0, "1", [1], {"a": [1]}, ""])
numbers = st.integers(0, 1)


class Overlapping(RuleBasedStateMachine):
    """Two requests of one visitor, and what has to come of it.

    Each request does its changes, key by key, at the instant it is stored: so an order
    of all single changes explains what is there at any time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.travel = time_machine.travel(NOON, tick=False)
        self.travel.start()
        self.watched = Watched(open_store("memory:"))
        self.visitor = Visitor(over(self.watched))
        self.expected: dict[str, Any] = {}
        self.requests: list[Request] = []
        self.begun: list[dict[str, Any]] = []

    def teardown(self) -> None:
        self.travel.stop()

    @initialize()
    def two_requests_begin(self) -> None:
        self.visitor.log_in()
        self.requests = [Request(self.visitor), Request(self.visitor)]
        self.begun = [{}, {}]

    def seen(self, number: int) -> dict[str, Any]:
        # Nothing in it is shared with what the request has.
        return json.loads(json.dumps(own(self.requests[number].session)))

    def expect(self, number: int) -> None:
        """What this request did is done."""
        before, after = self.begun[number], self.seen(number)
        for name in before.keys() | after.keys():
            if name not in after:
                self.expected.pop(name, None)
            elif name not in before or repr(before[name]) != repr(after[name]):
                self.expected[name] = after[name]
        self.begun[number] = after

    @rule(number=numbers)
    def it_begins_anew(self, number) -> None:
        self.requests[number] = Request(self.visitor)
        self.begun[number] = self.seen(number)
        assert repr(self.begun[number]) == repr(self.begun[number] | self.expected)

    @rule(number=numbers, name=names, value=values)
    def it_writes(self, number, name, value) -> None:
        self.requests[number].write(**{name: value})

    @rule(number=numbers, name=names)
    def it_drops(self, number, name) -> None:
        self.requests[number].session.pop(name, None)

    @rule(number=numbers, name=names)
    def it_changes_something_inside(self, number, name) -> None:
        value = self.requests[number].session.get(name)
        if isinstance(value, list):
            value.append(2)

    @rule(number=numbers)
    def it_deletes_all(self, number) -> None:
        self.requests[number].session.delete()
        self.begun[number] = {}
        self.expected.clear()

    @rule(number=numbers)
    def it_is_stored(self, number) -> None:
        self.requests[number].finish()
        self.expect(number)

    @rule(number=numbers, verb=st.sampled_from(["add", "swap", "get"]))
    def it_is_stored_and_the_other_comes_in_between(self, number, verb) -> None:
        def come_between() -> None:
            self.requests[1 - number].finish()
            self.expect(1 - number)

        self.watched.before[verb] = come_between
        self.requests[number].finish()
        self.watched.before.clear()
        self.expect(number)

    @invariant()
    def all_is_there(self) -> None:
        if not self.visitor.token:
            return
        keys = keys_in(self.watched.store.get(self.visitor.key))
        assert {name: repr(value) for name, value in keys.items()} == {
            name: repr(value) for name, value in self.expected.items()
        }


TestOverlapping = Overlapping.TestCase
TestOverlapping.settings = settings(max_examples=80)


class TestARequest:
    """What it asks of the store, beside what ``session`` has to."""

    @pytest.mark.parametrize(
        ("more", "path", "asked"),
        [
            pytest.param({}, "/", ["get"], id="that looks"),
            pytest.param({}, "/forget-to-save?a=x", ["get"], id="that does not save"),
            pytest.param({}, "/ignore", [], id="that does not even look"),
            pytest.param({}, "/write?a=x", ["get", "swap"], id="that saves"),
            pytest.param({}, "/save", ["get"], id="that saves what it found"),
            pytest.param({}, "/delete", ["get", "take"], id="that deletes"),
            pytest.param({"auto": "on"}, "/", ["get"], id="auto, looks"),
            pytest.param({"auto": "on"}, "/ignore", [], id="auto, does not look"),
            pytest.param(
                {"auto": "on"}, "/forget-to-save?a=x", ["get", "swap"], id="auto"
            ),
            pytest.param({"timeout": "60s"}, "/", ["get", "swap"], id="postpones"),
            pytest.param({"timeout": "60s"}, "/ignore", [], id="does not postpone"),
        ],
    )
    def test_asks_the_store(self, sessions, watched, travel, more, path, asked) -> None:
        visitor = Visitor(sessions, **more)
        visitor.log_in()
        visitor.get("/write?note=one")
        travel.shift(1)
        watched.asked.clear()
        visitor.get(path)
        assert [verb for verb in watched.asked if verb != "read"] == asked

    @pytest.mark.parametrize("more", [{}, {"auto": "on"}, {"timeout": "60s"}])
    def test_at_a_session_that_is_not_there_postpones_nothing(
        self, sessions, watched, more
    ) -> None:
        visitor = Visitor(sessions, **more)
        visitor.log_in()
        watched.asked.clear()
        visitor.get("/")
        assert watched.asked == ["read", "get"]

    def test_that_does_not_look_derives_no_id(self, visitor, monkeypatch) -> None:
        visitor.log_in()
        monkeypatch.setattr(app_session_stores.hmac, "new", None)
        assert visitor.get("/ignore") is None


class TestWhileTheStoreIsDown:
    @pytest.fixture(autouse=True)
    def noted(self, visitor: Visitor) -> None:
        visitor.log_in()
        visitor.get("/write?note=one")

    def test_there_is_a_session_that_is_forgotten(self, visitor, monkeypatch) -> None:
        def down(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ[env.SESSIONS] = visitor.sessions
            environ[env.SESSION] = None
            environ[env.ADDRESS] = None
            environ[env.SESSION_FAULT] = StoreUnavailable("down")
            return visitor.filter(environ, start_response)

        with monkeypatch.context() as patch:
            patch.setattr(visitor.browser, "app", validator(down))
            assert visitor.get("/") == {}
            assert visitor.get("/write?note=two") == {"note": "two"}
        assert visitor.get("/") == {"note": "one"}

    @pytest.mark.parametrize(
        "path", ["/", "/write?note=two", "/delete", "/invalidate", "/write?a=b"]
    )
    def test_unreadable_session_stays_unchanged(
        self, visitor, watched, caplog, path
    ) -> None:
        with watched.failing("get"):
            visitor.get(path)
        assert "cannot be read: the store is down" in caplog.text
        assert visitor.get("/") == {"note": "one"}

    @pytest.mark.parametrize(
        ("path", "seen"),
        [
            pytest.param("/write?note=two", {"note": "two"}, id="write"),
            pytest.param("/delete", {}, id="delete"),
            pytest.param("/invalidate", {}, id="invalidate"),
        ],
    )
    def test_from_after_it_was_read_the_answer_goes_out_all_the_same(
        self, visitor, watched, caplog, path, seen
    ) -> None:
        with watched.failing("swap", "take"):
            assert visitor.get(path) == seen
        assert "the store is down" in caplog.text
        assert visitor.get("/") == {"note": "one"}

    def test_failed_delete_does_not_mix_old_and_new_values(
        self, visitor, watched
    ) -> None:
        request = Request(visitor)
        with watched.failing("take"):
            request.session.delete()
        request.write(a=1).finish()
        assert own(Request(visitor).session) == {"note": "one"}


class TestWhatTheAppSees:
    def see(self, sessions: Sessions, look: Callable[[Any], Any]) -> Any:
        seen = []

        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            seen.append(look(environ))
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b""]

        visitor = Visitor(sessions, app)
        visitor.log_in()
        visitor.get("/")
        return seen[0]

    def test_is_a_dictionary_with_beakers_attributes(self, sessions) -> None:
        def look(environ: dict[str, Any]) -> tuple[Any, ...]:
            session = environ["beaker.session"]
            session["a"], session["b"] = 1, 2
            del session["b"]
            return (
                "a" in session,
                session.has_key("a"),
                list(own(session)),
                session.is_new,
                session.created,
                session.last_accessed,
                session.was_invalidated,
                session.timeout,
            )

        seen = self.see(sessions, look)
        assert seen == (True, True, ["a"], True, NOON, None, False, None)

    def test_knows_when_it_was_made_and_last_changed(self, visitor, travel) -> None:
        visitor.log_in()
        Request(visitor).write(a=1).finish()
        travel.shift(60)
        Request(visitor).write(a=2).finish()
        travel.shift(60)
        Request(visitor).finish()
        session = Request(visitor).session
        assert not session.is_new
        assert (session.created, session.last_accessed) == (NOON, NOON + 60)
        assert session["_creation_time"] == NOON
        assert session["_accessed_time"] == NOON + 120

    def test_can_be_taken_back(self, visitor: Visitor) -> None:
        visitor.log_in()
        Request(visitor).write(a=1, b=2).finish()
        request = Request(visitor).write(a=2).drop("b")
        request.session.revert()
        request.write(c=3).finish()
        assert own(Request(visitor).session) == {"a": 1, "b": 2, "c": 3}

    def test_can_be_loaded_anew(self, visitor: Visitor) -> None:
        visitor.log_in()
        request = Request(visitor).write(a=1)
        Request(visitor).write(b=2).finish()
        request.session.load()
        assert own(request.session) == {"b": 2}
        assert not request.session.is_new

    def test_has_nothing_to_lock(self, sessions, watched) -> None:
        def look(environ: dict[str, Any]) -> None:
            environ["beaker.session"].lock()
            environ["beaker.session"].unlock()

        self.see(sessions, look)
        assert "swap" not in watched.asked

    def test_after_invalidate_is_a_new_one(self, visitor: Visitor) -> None:
        visitor.log_in()
        Request(visitor).write(a=1).finish()
        request = Request(visitor)
        request.session.invalidate()
        assert (request.session.is_new, request.session.was_invalidated) == (True, True)
        request.write(b=2).finish()
        assert own(Request(visitor).session) == {"b": 2}

    def test_is_not_told_by_who_prints_environ(self, sessions) -> None:
        def look(environ: dict[str, Any]) -> tuple[str, bool, str]:
            session = environ["beaker.session"]
            before, loaded = repr(environ), session.accessed()
            session["note"] = "a secret"
            return before, loaded, repr(environ)

        before, loaded, after = self.see(sessions, look)
        assert "<the application's session>" in before
        assert not loaded
        assert "a secret" not in after

    def test_can_be_had_once_more(self, sessions) -> None:
        def look(environ: dict[str, Any]) -> tuple[Any, ...]:
            session = environ["beaker.session"]
            session["a"] = "ë"
            session.save()
            session.persist()
            again = environ["beaker.get_session"]()
            by_id = session.get_by_id(session.id)
            return again["a"], by_id["a"]

        assert self.see(sessions, look) == ("ë", "ë")

    @pytest.mark.parametrize(
        "name", ["0" * 64, "", "../x", "A" * 64, "x\0", "\ud800", "0" * 64 + "\n"]
    )
    def test_by_an_id_that_nobody_has_is_none(self, sessions, name) -> None:
        def look(environ: dict[str, Any]) -> Any:
            return environ["beaker.session"].get_by_id(name)

        assert self.see(sessions, look) is None

    def test_of_another_login_can_be_changed_while_that_lives(self, visitor) -> None:
        """Where an application hands ids on, such as to a program that uploads."""
        visitor.log_in()
        hers, name = visitor.token, visitor.name
        Request(visitor).write(a=1).finish()
        visitor.log_in(BERT)
        by_id = Request(visitor).session.get_by_id(name)
        by_id["b"] = 2
        by_id.save()
        visitor.token = hers
        assert own(Request(visitor).session) == {"a": 1, "b": 2}
        visitor.sessions.end_citizen(visitor.login)
        by_id["b"] = 3
        by_id.save()
        assert visitor.sessions.store.get(f"appsession:{name}") is None

    def test_streams_as_before(self, sessions) -> None:
        made: list[int] = []

        def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
            session = environ["beaker.session"]
            session["note"] = "streamed"
            session.save()
            start_response("200 OK", [("Content-Type", "text/plain")])

            def parts() -> Iterator[bytes]:
                for number in range(3):
                    made.append(number)
                    yield b"x"

            return parts()

        visitor = Visitor(sessions)
        visitor.filter.app = app
        visitor.log_in()
        environ = {
            env.SESSIONS: sessions,
            env.SESSION: visitor.login,
            env.ADDRESS: None,
        }
        body = iter(visitor.filter(environ, lambda *_: None))
        assert made == []
        assert visitor.stored() is not None
        next(body)
        assert made == [0]

    def test_may_start_an_answer_again_after_a_fault(self, sessions) -> None:
        started = []

        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [])
            start_response("500 Oops", [], "exc_info")
            return [b""]

        sut = make_appsession(app, {})
        environ = {env.SESSIONS: sessions, env.SESSION: None, env.ADDRESS: None}
        sut(environ, lambda *given: started.append(given))
        assert started == [("200 OK", [], None), ("500 Oops", [], "exc_info")]

    def test_is_told_at_once_what_cannot_be_kept(self, visitor: Visitor) -> None:
        """JSON has no word for it: who writes the application wants to know."""
        visitor.log_in()
        with pytest.raises(TypeError, match="not JSON serializable"):
            Request(visitor).write(a=object()).finish()

    def test_comes_back_as_json_has_it(self, visitor: Visitor) -> None:
        visitor.log_in()
        Request(visitor).write(a=(1, 2), b={1: None}, c="\ud800").finish()
        assert own(Request(visitor).session) == {
            "a": [1, 2], "b": {"1": None}, "c": "\ud800",
        }  # fmt: skip


def evil(folder: Path) -> str:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(folder / "was here"),)

    return base64.b64encode(pickle.dumps(Evil())).decode()


class TestATextThatCannotBeRead:
    @pytest.fixture(
        params=[
            "",
            "no JSON",
            "[]",
            "null",
            "{",
            '{"keys": {}}',
            '{"created": 1, "accessed": 1}',
            '{"created": 1, "accessed": 1, "keys": [1]}',
            '{"created": "x", "accessed": 1, "keys": {"a": 1}}',
            '{"created": 1e999, "accessed": [], "keys": {"a": 1}}',
            f'{{"created": 1{"0" * 400}, "accessed": 1, "keys": {{"a": 1}}}}',
            "[" * 100_000,
            "a pickle",
        ],
        ids=str,
    )
    def text(self, request: pytest.FixtureRequest, tmp_path: Path) -> str:
        return evil(tmp_path) if request.param == "a pickle" else request.param

    @pytest.fixture(autouse=True)
    def written(self, visitor: Visitor, text: str) -> None:
        visitor.log_in()
        assert visitor.sessions.store_with(
            visitor.login, visitor.key, text, visitor.login.ends
        )

    def test_is_an_empty_session_and_the_log_knows(
        self, visitor, text, tmp_path, caplog
    ) -> None:
        assert visitor.get("/") == {}
        assert "another version" in caplog.text
        assert visitor.name not in caplog.text
        assert visitor.stored() == text
        assert not (tmp_path / "was here").exists()

    def test_gives_place_to_one_that_can(self, visitor: Visitor) -> None:
        visitor.get("/write?note=one")
        assert visitor.get("/") == {"note": "one"}


class TestSize:
    def test_that_is_too_much_is_not_stored_and_the_log_knows(
        self, sessions, caplog
    ) -> None:
        visitor = Visitor(sessions, max_size="1k")
        visitor.log_in()
        visitor.get("/write?note=one")
        large = "x" * 1024
        assert visitor.get(f"/write?note={large}") == {"note": large}
        [record] = caplog.records
        assert record.levelname == "WARNING"
        assert "1097 bytes, and max_size of appsession is 1024" in caplog.text
        assert visitor.get("/") == {"note": "one"}

    def test_that_is_allowed_is(self, sessions, caplog) -> None:
        visitor = Visitor(sessions)
        visitor.log_in()
        Request(visitor).write(note="x" * 255 * 1024).finish()
        assert len(Request(visitor).session["note"]) == 255 * 1024
        assert caplog.records == []

    def test_that_is_too_much_because_of_another_request_is_not_stored(
        self, sessions, caplog
    ) -> None:
        visitor = Visitor(sessions, max_size="1k")
        visitor.log_in()
        one, other = (Request(visitor).write(**{name: "x" * 600}) for name in "ab")
        other.finish()
        one.finish()
        assert list(own(Request(visitor).session)) == ["b"]
        assert "max_size" in caplog.text


class TestTimeout:
    @pytest.fixture
    def visitor(self, sessions: Sessions) -> Visitor:
        visitor = Visitor(sessions, timeout="60s")
        visitor.log_in()
        visitor.get("/write?note=one")
        return visitor

    @pytest.mark.parametrize(
        ("seconds", "notes"),
        [
            pytest.param(60, {"note": "one"}, id="within"),
            pytest.param(61, {}, id="after"),
        ],
    )
    def test_empties_what_was_not_used(self, visitor, travel, seconds, notes) -> None:
        travel.shift(50)
        visitor.get("/")
        travel.shift(seconds)
        assert visitor.get("/") == notes
        assert ("one" in visitor.stored()) == bool(notes)

    def test_stays_so_though_the_clock_is_set_back(self, visitor, travel) -> None:
        travel.shift(61)
        assert visitor.get("/") == {}
        travel.shift(-61)
        assert visitor.get("/") == {}

    def test_can_be_seen(self, visitor, travel) -> None:
        travel.shift(61)
        session = Request(visitor).session
        assert (session.is_new, session.was_invalidated) == (True, True)

    def test_lets_the_visitor_begin_anew(self, visitor, travel) -> None:
        travel.shift(61)
        visitor.get("/write?other=two")
        assert visitor.get("/") == {"other": "two"}

    def test_is_no_loss_for_a_request_that_came_in_time(
        self, visitor, watched, travel
    ) -> None:
        in_time = Request(visitor).write(note="in time")
        travel.shift(61)
        watched.before["swap"] = in_time.finish
        late = Request(visitor)
        assert own(late.session) == {}
        late.write(late=1).finish()
        keys = keys_in(visitor.stored())
        assert keys == {"note": "in time", "late": 1}

    def test_makes_no_session_of_what_was_not_saved(self, visitor) -> None:
        visitor.log_in()
        Request(visitor).write(a=1).session.persist()
        assert visitor.stored() is None

    def test_stores_that_it_was_used_and_not_what_was_done_to_it(
        self, sessions, travel
    ) -> None:
        def careless(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ["beaker.session"]["list"].append("not saved")
            environ["beaker.session"].pop("note")
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b""]

        visitor = Visitor(sessions, timeout="60s")
        visitor.log_in()
        Request(visitor).write(list=[], note="one").finish()
        visitor.filter.app = careless
        travel.shift(50)
        visitor.get("/")
        travel.shift(50)
        assert own(Request(visitor).session) == {"list": [], "note": "one"}


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            pytest.param({"type": "dbm"}, "type: .*expected 'store', 'me", id="type"),
            pytest.param({"timeout": "soon"}, "a duration", id="time-out"),
            pytest.param({"max_size": "huge"}, "a size such as", id="no size"),
            pytest.param(
                {"max_size": "off"}, "the application could store nothing", id="nothing"
            ),
        ],
    )
    def test_that_cannot_work_are_refused(self, options, message) -> None:
        with pytest.raises(InvalidOptions, match=message):
            make_appsession(notes, {}, **options)


def test_without_the_session_filter_there_is_a_calm_page_and_the_log_knows(
    caplog,
) -> None:
    sut = make_appsession(notes, {})
    answer = webtest.TestApp(validator(sut)).get(
        "/", headers={"Sec-Fetch-Mode": "navigate"}, status=500
    )
    assert answer.content_type == "text/html"
    assert "'session'" not in answer.text
    assert "the filter 'session' is missing" in caplog.text


def test_rewritten_value_survives_the_delete_by_another_request(
    sessions,
) -> None:
    visitor = Visitor(sessions)
    visitor.log_in()
    first, second = Request(visitor), Request(visitor)
    first.write(a=1)
    first.finish()
    second.write(b=2)
    second.finish()
    first.session.pop("a")
    first.session.save()
    first.finish()
    second.write(a=1)
    second.finish()
    assert keys_in(sessions.store.get(visitor.key)) == {"b": 2, "a": 1}
