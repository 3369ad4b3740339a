# ruff: noqa: SLF001, PLR0913, PLR0917 - seen from inside; fixtures are arguments
import base64
import os
import pickle
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
import time_machine
import webtest

from eilogin.errors import ConfigurationError, InvalidOptions, StoreUnavailable
from eilogin.filters import appsession as module
from eilogin.filters.appsession import (
    AppSessionFilter,
    AppSessionOptions,
    make_appsession,
)
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import open_store
from eilogin.web import environ as env

NOON = 1_800_000_000.0
ANNA = Login(
    who=Subject("https://hub.example", "https://uwv.example", "anna"),
    level="basis",
    started=NOON,
    ends=NOON + 7200,
    confirmed=NOON,
)


@pytest.fixture
def travel() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def sessions(travel: time_machine.Traveller) -> Sessions:
    return Sessions(open_store("memory:"), idle=900, max_session=7200)


@pytest.fixture(params=["memory", "file"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    if request.param == "memory":
        return {"type": "memory"}
    return {"data_dir": str(tmp_path / "appsession")}


def notes(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """An app that keeps a note; it knows Beaker and nothing of logins."""
    session = environ["beaker.session"]
    path = environ["PATH_INFO"]
    if path == "/write":
        session["note"] = environ["QUERY_STRING"]
        session.save()
    elif path == "/forget-to-save":
        session["note"] = environ["QUERY_STRING"]
    elif path in ("/delete", "/invalidate", "/regenerate_id", "/clear"):
        getattr(session, path[1:])()
    body = b"" if path == "/ignore" else session.get("note", "no note").encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]


class Visitor:
    """A browser before a pipeline of a pretended ``session`` and the real filter."""

    def __init__(
        self,
        sessions: Sessions,
        options: dict[str, str],
        app: Callable[..., Iterable[bytes]] = notes,
    ) -> None:
        self.sessions = sessions
        self.filter = make_appsession(validator(app), {}, **options)
        self.token = ""
        self.browser = webtest.TestApp(validator(self.pipeline))

    def pipeline(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ[env.SESSIONS] = self.sessions
        environ[env.SESSION] = self.sessions.find(self.token)
        return self.filter(environ, start_response)

    def log_in(self, login: Login = ANNA, **more: Any) -> None:
        self.token = self.sessions.create_login(login, issued=NOON, **more)

    @property
    def login(self) -> Login:
        login = self.sessions.find(self.token)
        assert login is not None
        return login

    def get(self, path: str) -> str:
        answer = self.browser.get(path)
        assert "Set-Cookie" not in answer.headers
        return answer.text

    def stored(self) -> list[str]:
        """What is kept, by id."""
        shelf = self.filter._shelf
        if isinstance(shelf, module._Memory):
            return list(shelf._kept)
        return [file.stem for file in shelf._folder.iterdir()]


@pytest.fixture
def visitor(sessions: Sessions, options: dict[str, str]) -> Visitor:
    return Visitor(sessions, options)


class TestWithALogin:
    @pytest.fixture(autouse=True)
    def logged_in(self, visitor: Visitor) -> None:
        visitor.log_in()

    def test_what_is_saved_is_there_in_the_next_request(self, visitor) -> None:
        assert visitor.get("/write?one") == "one"
        assert visitor.get("/") == "one"

    def test_what_is_not_saved_is_not(self, visitor: Visitor) -> None:
        visitor.get("/write?one")
        assert visitor.get("/forget-to-save?two") == "two"
        assert visitor.get("/") == "one"

    def test_with_auto_looking_is_saving(self, sessions, options) -> None:
        visitor = Visitor(sessions, {**options, "auto": "true"})
        visitor.log_in()
        visitor.get("/forget-to-save?two")
        assert visitor.get("/") == "two"

    def test_it_is_kept_over_a_step_up(self, visitor: Visitor) -> None:
        visitor.get("/write?one")
        visitor.log_in(replaces=visitor.login)
        assert visitor.get("/") == "one"
        assert len(visitor.stored()) == 1

    def test_its_id_says_nothing_and_is_not_for_the_browser_to_choose(
        self, visitor: Visitor
    ) -> None:
        visitor.get("/write?one")
        [name] = visitor.stored()
        family = visitor.login.family
        assert len(name) == 64
        assert family not in name
        assert visitor.token not in name
        cookie = {"Cookie": f"beaker.session.id={name}"}
        visitor.token = ""
        assert visitor.browser.get("/", headers=cookie).text == "no note"

    @pytest.mark.parametrize("verb", ["delete", "invalidate"])
    def test_deleting_it_deletes_what_was_stored(self, visitor, verb) -> None:
        visitor.get("/write?one")
        assert visitor.get(f"/{verb}") == "no note"
        assert visitor.stored() == []
        assert visitor.get("/") == "no note"
        visitor.get("/write?two")
        assert visitor.get("/") == "two"

    def test_regenerating_its_id_loses_nothing(self, visitor: Visitor) -> None:
        visitor.get("/write?one")
        visitor.get("/regenerate_id")
        assert visitor.get("/") == "one"
        assert len(visitor.stored()) == 1

    def test_that_is_not_used_is_not_stored(self, visitor: Visitor) -> None:
        visitor.get("/ignore")
        visitor.get("/")
        assert visitor.stored() == []

    def test_two_logins_do_not_see_each_others(self, visitor: Visitor) -> None:
        visitor.get("/write?one")
        first = visitor.token
        visitor.log_in()
        assert visitor.get("/") == "no note"
        visitor.get("/write?two")
        visitor.token = first
        assert visitor.get("/") == "one"


class TestWithoutALogin:
    def test_there_is_a_session_that_is_forgotten(self, visitor: Visitor) -> None:
        assert visitor.get("/write?one") == "one"
        assert visitor.get("/") == "no note"
        assert visitor.stored() == []

    @pytest.mark.parametrize("verb", ["delete", "invalidate", "regenerate_id"])
    def test_every_verb_works(self, visitor: Visitor, verb: str) -> None:
        visitor.get(f"/{verb}")
        assert visitor.stored() == []

    def test_storing_it_by_hand_stores_nothing(self, sessions, options) -> None:
        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            session = environ["beaker.session"]
            session["note"] = "one"
            session.save()
            session.persist()
            assert session.get_by_id(session.id) is None
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b""]

        visitor = Visitor(sessions, options, app)
        visitor.get("/")
        assert visitor.stored() == []


class TestAfterTheLogin:
    @pytest.fixture(autouse=True)
    def noted(self, visitor: Visitor) -> None:
        visitor.log_in()
        visitor.get("/write?secret")

    def test_it_is_deleted_at_once(self, visitor: Visitor) -> None:
        visitor.sessions.end_citizen(visitor.login)
        assert visitor.stored() == []
        assert visitor.get("/") == "no note"

    def test_it_is_deleted_when_another_citizen_logs_in(self, visitor) -> None:
        bert = replace(ANNA, who=replace(ANNA.who, name_id="bert"))
        visitor.log_in(bert, replaces=visitor.login)
        assert visitor.get("/") == "no note"
        assert visitor.stored() == []

    def test_a_new_login_finds_nothing_of_it(self, visitor: Visitor) -> None:
        visitor.sessions.end_citizen(visitor.login)
        visitor.log_in()
        assert visitor.get("/") == "no note"

    def test_that_another_process_ended_it_cannot_be_reached(self, visitor) -> None:
        elsewhere = Sessions(visitor.sessions.store, idle=900, max_session=7200)
        elsewhere.end_citizen(visitor.login)
        assert visitor.get("/") == "no note"

    def test_what_is_left_of_logins_that_are_over_is_deleted(
        self, visitor, travel
    ) -> None:
        [old] = visitor.stored()
        travel.shift(7201)
        visitor.log_in(replace(ANNA, started=NOON + 7201, ends=NOON + 9000))
        visitor.get("/write?new")
        [new] = visitor.stored()
        assert new != old

    def test_what_may_be_of_a_login_that_lives_is_not(self, visitor, travel) -> None:
        first = visitor.token
        travel.shift(800)
        visitor.log_in()
        visitor.get("/write?other")
        visitor.token = first
        assert visitor.get("/") == "secret"


class TestASlowRequest:
    def app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        session = environ["beaker.session"]
        session["note"] = "slow"
        session.save()
        self.meanwhile()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    def slow(self, sessions: Sessions, options: dict[str, str]) -> Visitor:
        visitor = Visitor(sessions, options, self.app)
        visitor.log_in()
        return visitor

    def test_that_a_logout_overtakes_writes_nothing_back(
        self, sessions, options, monkeypatch
    ) -> None:
        visitor = self.slow(sessions, options)
        login = visitor.login
        self.meanwhile = lambda: sessions.end_citizen(login)
        monkeypatch.setattr(visitor.filter._shelf, "write", None)
        assert visitor.get("/") == "done"
        assert visitor.stored() == []

    def test_that_a_logout_in_another_process_overtakes_deletes_what_was_there(
        self, sessions, options
    ) -> None:
        visitor = self.slow(sessions, options)
        self.meanwhile = lambda: None
        visitor.get("/")
        assert len(visitor.stored()) == 1
        login = visitor.login
        elsewhere = Sessions(sessions.store, idle=900, max_session=7200)
        self.meanwhile = lambda: elsewhere.end_citizen(login)
        visitor.get("/")
        assert visitor.stored() == []

    def test_that_a_logout_overtakes_while_it_is_writing_leaves_nothing(
        self, sessions, options, monkeypatch
    ) -> None:
        visitor = self.slow(sessions, options)
        self.meanwhile = lambda: None
        login = visitor.login
        real = visitor.filter._shelf.write

        def write(name: str, content: str) -> None:
            sessions.end_citizen(login)
            real(name, content)

        monkeypatch.setattr(visitor.filter._shelf, "write", write)
        visitor.get("/")
        assert visitor.stored() == []

    def test_that_a_step_up_overtakes_is_stored(self, sessions, options) -> None:
        visitor = self.slow(sessions, options)
        login = visitor.login
        self.meanwhile = lambda: visitor.log_in(replaces=login)
        visitor.get("/")
        assert len(visitor.stored()) == 1


class TestARequestThatOnlyLooks:
    """It changes nothing, so it needs nothing of store or disk."""

    @pytest.fixture
    def asked(self, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> list[Login]:
        asked: list[Login] = []
        real = sessions.is_live
        monkeypatch.setattr(
            sessions, "is_live", lambda login: asked.append(login) or real(login)
        )
        return asked

    @pytest.mark.parametrize(
        ("more", "path", "times"),
        [
            pytest.param({}, "/", 0, id="looks"),
            pytest.param({}, "/forget-to-save?x", 0, id="does not save"),
            pytest.param({}, "/ignore", 0, id="does not even look"),
            pytest.param({}, "/write?x", 2, id="saves"),
            pytest.param({}, "/delete", 2, id="deletes"),
            pytest.param({"auto": "true"}, "/", 2, id="is saved by itself"),
            pytest.param({"auto": "true"}, "/ignore", 0, id="looks at nothing"),
            pytest.param({"timeout": "60s"}, "/", 2, id="postpones its end"),
            pytest.param({"timeout": "60s"}, "/ignore", 0, id="does not postpone it"),
        ],
    )
    def test_asks_nothing_about_its_login(
        self, sessions, options, asked, more, path, times
    ) -> None:
        visitor = Visitor(sessions, {**options, **more})
        visitor.log_in()
        visitor.get("/write?one")
        asked.clear()
        visitor.get(path)
        assert len(asked) == times

    def test_at_a_session_that_is_not_there_postpones_nothing(
        self, sessions, options, asked
    ) -> None:
        visitor = Visitor(sessions, {**options, "timeout": "60s"})
        visitor.log_in()
        visitor.get("/")
        assert asked == []

    def test_derives_no_id_before(self, sessions, options, monkeypatch) -> None:
        visitor = Visitor(sessions, options)
        visitor.log_in()
        monkeypatch.setattr(module, "_id_of", None)
        assert visitor.get("/ignore") == ""


class TestWhileTheStoreIsDown:
    @pytest.fixture(autouse=True)
    def noted(self, visitor: Visitor) -> None:
        visitor.log_in()
        visitor.get("/write?one")

    def test_there_is_a_session_that_is_forgotten(self, visitor, monkeypatch) -> None:
        def down(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ[env.SESSIONS] = visitor.sessions
            environ[env.SESSION] = None
            environ[env.SESSION_FAULT] = StoreUnavailable("down")
            return visitor.filter(environ, start_response)

        with monkeypatch.context() as patch:
            patch.setattr(visitor.browser, "app", validator(down))
            assert visitor.get("/") == "no note"
            assert visitor.get("/write?two") == "two"
        assert visitor.get("/") == "one"

    @pytest.mark.parametrize("answers", [0, 1], ids=["before", "after"])
    def test_the_answer_of_the_application_goes_out_all_the_same(
        self, visitor, monkeypatch, caplog, answers
    ) -> None:
        """Down from before the session is written, or from after it."""
        given = [True] * answers

        def is_live(login: Login) -> bool:
            if given:
                return given.pop()
            raise StoreUnavailable("the store is down")

        with monkeypatch.context() as patch:
            patch.setattr(visitor.sessions, "is_live", is_live)
            assert visitor.get("/write?two") == "two"
        assert "the store is down" in caplog.text
        assert visitor.get("/") == ("two" if answers else "one")


class TestWhileTheDiskFails:
    @pytest.fixture(autouse=True)
    def noted(self, visitor: Visitor) -> None:
        visitor.log_in()
        visitor.get("/write?one")

    @staticmethod
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    @pytest.mark.parametrize("verb", ["write", "sweep"])
    def test_the_answer_of_the_application_goes_out_all_the_same(
        self, visitor, monkeypatch, caplog, verb
    ) -> None:
        visitor.filter._swept = 0.0
        with monkeypatch.context() as patch:
            patch.setattr(visitor.filter._shelf, verb, self.fail)
            assert visitor.get("/write?two") == "two"
        assert "the disk is full" in caplog.text
        assert visitor.get("/") == ("one" if verb == "write" else "two")

    @pytest.mark.parametrize("path", ["/", "/write?two", "/delete", "/invalidate"])
    def test_what_cannot_be_read_is_left_alone(
        self, visitor, monkeypatch, caplog, path
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(visitor.filter._shelf, "read", self.fail)
            visitor.get(path)
        assert "the disk is full" in caplog.text
        assert visitor.get("/") == "one"


class TestWhatTheAppSees:
    def see(
        self, sessions: Sessions, options: dict[str, str], look: Callable[[Any], Any]
    ) -> Any:
        seen = []

        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            seen.append(look(environ))
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b""]

        visitor = Visitor(sessions, options, app)
        visitor.log_in()
        visitor.get("/")
        return seen[0]

    def test_is_a_dictionary_with_beakers_attributes(self, sessions, options) -> None:
        def look(environ: dict[str, Any]) -> tuple[Any, ...]:
            session = environ["beaker.session"]
            session["a"], session["b"] = 1, 2
            del session["b"]
            return (
                "a" in session,
                session.has_key("a"),
                [name for name in session if not name.startswith("_")],
                session.is_new,
                session.created,
                session.last_accessed,
            )

        seen = self.see(sessions, options, look)
        assert seen == (True, True, ["a"], True, NOON, None)

    def test_is_not_told_by_who_prints_environ(self, sessions, options) -> None:
        def look(environ: dict[str, Any]) -> tuple[str, bool, str]:
            session = environ["beaker.session"]
            before, loaded = repr(environ), session.accessed()
            session["note"] = "a secret"
            return before, loaded, repr(environ)

        before, loaded, after = self.see(sessions, options, look)
        assert "<the application's session>" in before
        assert not loaded
        assert "a secret" not in after

    def test_can_load_it_once_more(self, sessions, options) -> None:
        def look(environ: dict[str, Any]) -> tuple[Any, ...]:
            session = environ["beaker.session"]
            session["a"] = "ë"
            session.save()
            session.persist()
            again = environ["beaker.get_session"]()
            by_id = session.get_by_id(session.id)
            return again["a"], by_id["a"], session.get_by_id("0" * 64)

        assert self.see(sessions, options, look) == ("ë", "ë", None)

    def test_streams_as_before(self, sessions, options) -> None:
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

        visitor = Visitor(sessions, options)
        visitor.filter.app = app
        visitor.log_in()
        environ = {env.SESSIONS: sessions, env.SESSION: visitor.login}
        body = iter(visitor.filter(environ, lambda *_: None))
        assert made == []
        assert len(visitor.stored()) == 1
        next(body)
        assert made == [0]

    def test_may_start_an_answer_again_after_a_fault(self, sessions, options) -> None:
        started = []

        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [])
            start_response("500 Oops", [], "exc_info")
            return [b""]

        sut = make_appsession(app, {}, **options)
        environ = {env.SESSIONS: sessions, env.SESSION: None}
        sut(environ, lambda *given: started.append(given))
        assert started == [("200 OK", [], None), ("500 Oops", [], "exc_info")]

    def test_of_a_corrupt_record_is_an_empty_session(self, sessions, options) -> None:
        visitor = Visitor(sessions, options)
        visitor.log_in()
        visitor.get("/write?one")
        [name] = visitor.stored()
        visitor.filter._shelf.write(name, "no JSON")
        with pytest.warns(match="Invalidating corrupt session"):
            assert visitor.get("/") == "no note"
        assert visitor.stored() == []

    def test_is_never_unpickled(self, sessions, options, tmp_path) -> None:
        class Evil:
            def __reduce__(self) -> tuple[Any, ...]:
                return os.mkdir, (str(tmp_path / "was here"),)

        visitor = Visitor(sessions, options)
        visitor.log_in()
        visitor.get("/write?one")
        [name] = visitor.stored()
        evil = base64.b64encode(pickle.dumps(Evil())).decode()
        visitor.filter._shelf.write(name, evil)
        with pytest.warns(match="Invalidating corrupt session"):
            visitor.get("/")
        assert not (tmp_path / "was here").exists()


class TestTimeout:
    @pytest.mark.parametrize(
        ("seconds", "note"),
        [pytest.param(60, "one", id="within"), pytest.param(61, "no note", id="after")],
    )
    def test_empties_what_was_not_used(
        self, sessions, options, travel, seconds, note
    ) -> None:
        visitor = Visitor(sessions, {**options, "timeout": "60s"})
        visitor.log_in()
        visitor.get("/write?one")
        travel.shift(50)
        visitor.get("/")
        travel.shift(seconds)
        assert visitor.get("/") == note
        assert len(visitor.stored()) == (note == "one")

    def test_stores_that_it_was_used_and_not_what_was_done_to_it(
        self, sessions, options, travel
    ) -> None:
        visitor = Visitor(sessions, {**options, "timeout": "60s"})
        visitor.log_in()
        visitor.get("/write?one")
        assert visitor.get("/clear") == "no note"
        assert visitor.get("/") == "one"


class TestFolder:
    def test_and_its_files_are_for_this_user_alone(self, sessions, tmp_path) -> None:
        folder = tmp_path / "appsession"
        visitor = Visitor(sessions, {"data_dir": str(folder)})
        visitor.log_in()
        visitor.get("/write?one")
        [file] = folder.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_keeps_sessions_over_a_restart(self, sessions, tmp_path) -> None:
        first = Visitor(sessions, {"data_dir": str(tmp_path)})
        first.log_in()
        first.get("/write?one")
        second = Visitor(sessions, {"data_dir": str(tmp_path)})
        second.token = first.token
        assert second.get("/") == "one"

    def test_is_cleaned_of_our_own_files_only(self, tmp_path: Path) -> None:
        mine = [f"{'a' * 64}.json", f"{'b' * 64}.abc_12.new"]
        others = ["notes.json", f"{'a' * 64}.txt", f"{'A' * 64}.json"]
        for name in (*mine, *others):
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (NOON, NOON))
        module._Folder(tmp_path).sweep(NOON + 1)
        assert sorted(file.name for file in tmp_path.iterdir()) == sorted(others)

    def test_may_be_cleaned_by_two_at_once(self, tmp_path: Path) -> None:
        assert module._written(tmp_path / "gone") > NOON / 2
        module._Folder(tmp_path).remove("a" * 64)

    @pytest.mark.parametrize("path", ["missing/folder", "file"])
    def test_that_cannot_be_used_is_refused_at_the_start(self, tmp_path, path) -> None:
        (tmp_path / "file").touch()
        options = AppSessionOptions(data_dir=tmp_path / path)
        with pytest.raises(ConfigurationError, match=str(tmp_path / path)):
            AppSessionFilter(notes, options)


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            pytest.param({"type": "dbm"}, "'file' or 'memory'", id="a pickling type"),
            pytest.param({}, "type = file needs data_dir", id="no folder"),
            pytest.param(
                {"type": "memory", "data_dir": "/x"}, "no meaning", id="a folder"
            ),
            pytest.param(
                {"type": "memory", "timeout": "soon"}, "a duration", id="time-out"
            ),
        ],
    )
    def test_that_cannot_work_are_refused(self, options, message) -> None:
        with pytest.raises(InvalidOptions, match=message):
            make_appsession(notes, {}, **options)


def test_it_is_told_of_logouts_once_for_each_participant(sessions, options) -> None:
    visitor = Visitor(sessions, options)
    for _ in range(3):
        visitor.get("/")
    assert len(sessions._listeners) == 1


def test_it_is_told_of_logouts_once_though_two_first_requests_come_together(
    sessions, options
) -> None:
    visitor = Visitor(sessions, options)

    class Lock:
        """While we wait for the lock, another thread does the work."""

        def __enter__(self) -> None:
            visitor.filter._heard.add(sessions)

        def __exit__(self, *_: object) -> None:
            pass

    visitor.filter._lock = Lock()
    visitor.get("/")
    assert sessions._listeners == []


def test_without_the_session_filter_there_is_a_calm_page_and_the_log_knows(
    options, caplog
) -> None:
    sut = make_appsession(notes, {}, **options)
    answer = webtest.TestApp(validator(sut)).get(
        "/", headers={"Sec-Fetch-Mode": "navigate"}, status=500
    )
    assert answer.content_type == "text/html"
    assert "'session'" not in answer.text
    assert "the filter 'session' is missing" in caplog.text
