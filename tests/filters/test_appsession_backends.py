# ruff: noqa: SLF001 - seen from inside
"""The application's session in each of Beaker's backends, and what Beaker lets happen.

Measured with the middleware of Beaker 1.14.1, on each of them: a request in flight
writes back what a logout has ended; an id that somebody has chosen is taken;
``invalidate()`` and ``regenerate_id()`` leave the old id good; what lies there is read
as a pickle (but in memory); nothing is ever over. None of that is reachable here.
"""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import beaker_backends
import pytest
import time_machine
from beaker_backends import Lying
from note_takers import ANNA, BERT, NOON, Request, Visitor, Watched, over, own
from pydantic import ValidationError

from eilogin.errors import InvalidOptions, StoreUnavailable
from eilogin.filters.appsession import make_appsession
from eilogin.filters.appsession_options import AppSessionOptions
from eilogin.sessions import Sessions
from eilogin.stores import open_store
from eilogin.stores.store_opening import StoreAddress

SECRET = "what nobody else may read"


@pytest.fixture(autouse=True)
def travel() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def sessions() -> Sessions:
    return over(open_store("memory:"))


@pytest.fixture
def visitor(sessions: Sessions, lying: Lying) -> Iterator[Visitor]:
    """Anna, logged in, with a note in her session."""
    visitor = Visitor(sessions, **lying.options)
    visitor.log_in()
    visitor.get(f"/write?note={SECRET}")
    yield visitor
    # For other tests, of what all of them share.
    visitor.sessions.end_all_of(ANNA.who)
    visitor.sessions.end_all_of(BERT.who)


def place_of(visitor: Visitor) -> str:
    """Under which name hers lies."""
    return hashlib.sha256(visitor.name.encode()).hexdigest()


def by_id(visitor: Visitor, name: str) -> Any:
    """What the application gets that asks for an id."""
    return Request(visitor).session.get_by_id(name)


class TestWhileALoginLives:
    def test_it_is_as_it_is_in_the_store(self, visitor: Visitor) -> None:
        assert visitor.get("/") == {"note": SECRET}
        visitor.step_up()
        assert visitor.get("/write?more=two") == {"note": SECRET, "more": "two"}
        assert visitor.get("/drop?note") == {"more": "two"}
        assert visitor.get("/") == {"more": "two"}
        assert visitor.get("/delete") == {}
        assert visitor.get("/write?other=three") == {"other": "three"}

    def test_requests_that_overlap_keep_the_keys_of_each(self, visitor) -> None:
        one, other = Request(visitor).write(a=1), Request(visitor).write(b=2)
        dropping = Request(visitor).drop("note")
        other.finish()
        dropping.finish()
        one.finish()
        assert own(Request(visitor).session) == {"a": 1, "b": 2}

    def test_two_that_begin_one_at_the_same_time_share_it(self, visitor) -> None:
        visitor.log_in()
        one, other = Request(visitor).write(a=1), Request(visitor).write(b=2)
        one.finish()
        other.finish()
        assert own(Request(visitor).session) == {"a": 1, "b": 2}

    def test_one_that_was_deleted_under_a_request_begins_anew(self, visitor) -> None:
        slow = Request(visitor).write(slow=1)
        Request(visitor).session.delete()
        slow.finish()
        assert own(Request(visitor).session) == {"slow": 1}

    def test_that_of_another_can_be_had_by_who_knows_its_id(self, visitor) -> None:
        hers, name = visitor.token, visitor.name
        visitor.log_in(BERT)
        session = by_id(visitor, name)
        session["b"] = 2
        session.save()
        visitor.token = hers
        assert own(Request(visitor).session) == {"note": SECRET, "b": 2}

    def test_it_can_be_emptied_when_it_was_not_used(self, sessions, lying, travel):
        visitor = Visitor(sessions, timeout="60s", **lying.options)
        visitor.log_in()
        visitor.get("/write?note=one")
        travel.shift(60)
        assert visitor.get("/") == {"note": "one"}
        travel.shift(61)
        assert visitor.get("/") == {}
        sessions.end_citizen(visitor.login)
        assert lying.count() == 0

    def test_nobody_reads_in_a_backend_what_is_in_it(self, visitor, lying) -> None:
        lies = lying.read(place_of(visitor))
        assert SECRET.encode() not in lies
        assert b"note" not in lies
        # Not the id either, which an application may take from somebody.
        assert visitor.name.encode() not in lies
        assert lying.read(visitor.name) is None


ENDS = [
    pytest.param(lambda s, login: s.end_citizen(login), id="she logs out"),
    pytest.param(
        lambda s, login: s.end_subject(login.who, issued=NOON - 1), id="the hub says so"
    ),
    pytest.param(lambda s, login: s.drop(login), id="the hub knows of no login"),
    pytest.param(
        lambda s, login: s.create_login(BERT, issued=NOON, replaces=login),
        id="another citizen takes her place",
    ),
]


@pytest.mark.parametrize("end", ENDS)
def test_when_the_login_ends_nothing_is_left(
    visitor: Visitor, lying: Lying, end: Callable[..., Any]
) -> None:
    assert lying.count() == 1
    end(visitor.sessions, visitor.login)
    assert lying.count() == 0
    assert visitor.get("/") == {}
    visitor.log_in()
    assert visitor.get("/") == {}


#: Another process, which is told of stores and of options; nobody has visited it.
ENDING = """
import json, sys
from eilogin.filters.appsession import make_appsession
from eilogin.filters.appsession_options import AppSessionOptions
from eilogin.sessions import Sessions, Subject
from eilogin.stores import open_store
from eilogin.stores.store_opening import StoreAddress

anna, url, *options = map(json.loads, sys.argv[1:])
filters = [make_appsession(None, {}, **given) for given in options]
sessions = Sessions(open_store(url), idle=900, max_session=7200)
ended = sessions.end_subject(Subject(**anna), issued=0)
assert len(ended) == len(options), ended
"""


def test_an_end_in_another_process_is_one_here(
    backend_of: Callable[[str], Lying], tmp_path: Path
) -> None:
    """As by a server for the hub alone, to which no visitor ever comes."""
    url, now = f"sqlite:///{tmp_path}/store.db", NOON
    lies, visitors = [], []
    for kind in beaker_backends.SHARED:
        lies.append(backend_of(kind))
        visitors.append(Visitor(over(open_store(url)), **lies[-1].options))
        visitors[-1].log_in(replace(ANNA, started=now, ends=now + 900))
        visitors[-1].get("/write?note=one")
    assert [lying.count() for lying in lies] == [1] * 4
    told = [asdict(ANNA.who), url, *(lying.options for lying in lies)]
    command = [sys.executable, "-c", ENDING, *map(json.dumps, told)]
    subprocess.run(command, check=True)
    assert [lying.count() for lying in lies] == [0] * 4
    for visitor in visitors:
        assert visitor.get("/") == {}
        visitor.sessions.store.close()


class TestARequestInFlight:
    """It has looked at its session, and a logout overtakes it."""

    def end(self, visitor: Visitor) -> None:
        visitor.sessions.end_all_of(ANNA.who)

    def end_unheard(self, visitor: Visitor) -> None:
        """As in another process, which was at the backend already."""
        visitor.sessions.store.end(labels=[ANNA.who.label()])

    def test_writes_nothing_back(self, visitor, lying) -> None:
        slow = Request(visitor).write(note="slow")
        self.end(visitor)
        slow.finish()
        assert lying.count() == 0
        visitor.log_in()
        assert visitor.get("/") == {}

    def test_makes_none_of_what_was_not_there(self, visitor, lying) -> None:
        visitor.get("/delete")
        slow = Request(visitor).write(note="slow")
        self.end(visitor)
        slow.finish()
        assert lying.count() == 0

    @pytest.mark.parametrize("when", ["before", "while"])
    @pytest.mark.parametrize("path", ["new", "there"])
    def test_takes_away_itself_what_it_has_just_written(
        self, visitor, lying, monkeypatch, when, path
    ) -> None:
        """Whoever ended the login may have been at the backend before it."""
        if path == "new":
            visitor.get("/delete")
        slow = Request(visitor).write(note="slow")
        backend = visitor.opening._backend
        swap = backend.swap

        def overtaken(*arguments: Any) -> bool:
            if when == "before":
                self.end(visitor)
            is_put = swap(*arguments)
            if when == "while":
                assert is_put
                self.end_unheard(visitor)
            return is_put

        monkeypatch.setattr(backend, "swap", overtaken)
        slow.finish()
        assert lying.count() == 0

    def test_that_is_killed_as_it_has_written_leaves_what_nobody_can_read(
        self, visitor, lying, monkeypatch
    ) -> None:
        slow, name = Request(visitor).write(note="slow"), visitor.name
        backend = visitor.opening._backend
        swap = backend.swap

        def killed(*arguments: Any) -> None:
            assert swap(*arguments)
            self.end_unheard(visitor)
            raise KeyboardInterrupt

        monkeypatch.setattr(backend, "swap", killed)
        with pytest.raises(KeyboardInterrupt):
            slow.finish()
        assert lying.count() == 1
        visitor.log_in()
        assert by_id(visitor, name) is None
        assert visitor.get("/") == {}
        backend.delete(hashlib.sha256(name.encode()).hexdigest())


class TestAnIdThatSomebodyHasChosen:
    def test_is_taken_from_no_cookie(self, visitor, lying) -> None:
        chosen = "c" * 64
        for token in (visitor.token, ""):
            visitor.token = token
            cookie = {"Cookie": f"beaker.session.id={chosen}"}
            visitor.browser.get("/write?note=planted", headers=cookie)
            visitor.browser.get("/regenerate_id", headers=cookie)
        assert lying.count() == 1
        assert lying.read(hashlib.sha256(chosen.encode()).hexdigest()) is None
        assert lying.read(chosen) is None

    def test_is_nobodys_and_becomes_nobodys(self, visitor) -> None:
        chosen = "c" * 64
        assert by_id(visitor, chosen) is None
        session = Request(visitor).session
        assert session.id == visitor.name != chosen

    def test_is_not_hers_after_the_login(self, visitor) -> None:
        before = visitor.name
        visitor.log_in(replaces=None)
        assert visitor.name != before
        assert visitor.get("/") == {}

    @pytest.mark.parametrize("verb", ["invalidate", "regenerate_id", "delete"])
    def test_is_not_good_any_more_where_the_application_wants_another(
        self, visitor, lying, verb
    ) -> None:
        name = visitor.name
        request = Request(visitor)
        getattr(request.session, verb)()
        request.write(new=1).finish()
        # There is one, which nobody else could ever name, and it is the new one.
        assert lying.count() == 1
        assert "note" not in by_id(visitor, name) or verb == "regenerate_id"
        assert by_id(visitor, name)["new"] == 1

    def test_is_not_good_after_the_logout_though_somebody_kept_it(
        self, visitor, lying
    ) -> None:
        name = visitor.name
        kept = by_id(visitor, name)
        # By hand, so that nobody in this process hears of it.
        visitor.sessions.store.end(labels=[ANNA.who.label()])
        assert lying.count() == 1
        visitor.log_in(BERT)
        assert by_id(visitor, name) is None
        kept["note"] = "again"
        kept.save()
        assert lying.count() == 0


class TestWhoeverMayWriteToIt:
    def test_runs_nothing_and_the_log_is_told(
        self, visitor, lying, tmp_path, caplog
    ) -> None:
        class Evil:
            def __reduce__(self) -> tuple[Any, ...]:
                return os.mkdir, (str(tmp_path / "was here"),)

        lying.spoil(place_of(visitor), pickle.dumps({"session": Evil()}, 0))
        assert visitor.get("/") == {}
        assert not (tmp_path / "was here").exists()
        assert SECRET not in caplog.text
        assert visitor.get("/write?note=new") == {"note": "new"}
        assert visitor.get("/") == {"note": "new"}

    def test_makes_nobody_another_one(self, visitor, lying, caplog) -> None:
        """A text of ours at another place, or one of JSON, says nothing."""
        hers, anna = lying.text(place_of(visitor)), visitor.token
        visitor.log_in(BERT)
        visitor.get("/write?note=bert")
        for planted in (hers, '{"created": 1, "accessed": 1, "keys": {"a": 1}}'):
            lying.plant(place_of(visitor), planted)
            caplog.clear()
            assert visitor.get("/") == {}
            assert "cannot read an application's session" in caplog.text
        visitor.token = anna
        assert visitor.get("/") == {"note": SECRET}


class TestTheTimeOfALogin:
    def test_is_that_of_its_session(self, visitor, travel) -> None:
        """However often it was looked at."""
        for _ in range(9):
            travel.shift(799)
            visitor.sessions.touch(visitor.login)
            visitor.get("/write?more=x")
        assert visitor.get("/")["note"] == SECRET
        name = visitor.name
        travel.move_to(NOON + 7200)
        assert visitor.get("/") == {}
        later = replace(BERT, started=NOON + 7200, ends=NOON + 9000)
        visitor.token = visitor.sessions.create_login(later, issued=NOON + 7200)
        assert by_id(visitor, name) is None

    @pytest.mark.parametrize("lying", ["ext:redis"], indirect=True)
    def test_is_told_to_redis(self, visitor, lying, travel, redis_ttl) -> None:
        """And to memcached, whose own clock nobody can ask: see tests/stores/beaker."""
        travel.shift(100)
        visitor.get("/write?more=x")
        assert 7190 <= redis_ttl(place_of(visitor)) <= 7200

    @pytest.mark.parametrize("lying", ["memory", "file", "ext:database"], indirect=True)
    def test_is_in_the_backend_too(self, visitor, lying, travel) -> None:
        travel.shift(100)
        visitor.get("/write?more=x")
        travel.move_to(NOON + 7301)
        backend = visitor.filter._backend
        for number in range(16):
            backend.swap(f"{number:x}" * 64, None, "x", NOON + 7302)
            backend.delete(f"{number:x}" * 64)
        assert lying.count() == 0


@pytest.fixture
def redis_ttl(request: pytest.FixtureRequest) -> Callable[[str], int]:
    def ask(name: str) -> int:
        server = request.getfixturevalue("redis_kinds").redis
        key = f"beaker_cache:{name}:session"
        return int(server.ask("TTL", key, db=beaker_backends.REDIS_DB))

    return ask


class TestABackendThatIsDown:
    @pytest.fixture
    def down(self, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise StoreUnavailable("the backend is down")

        for sut in (visitor.filter, visitor.opening):
            for verb in ("get", "swap", "delete"):
                monkeypatch.setattr(sut._backend, verb, fail)

    def test_has_a_session_that_is_forgotten(
        self, visitor, down, monkeypatch, caplog
    ) -> None:
        for path in ("/", "/write?note=two", "/delete"):
            visitor.get(path)
        assert "cannot be read: the backend is down" in caplog.text
        monkeypatch.undo()
        assert visitor.get("/") == {"note": SECRET}

    def test_keeps_nobody_from_logging_out(
        self, visitor, down, monkeypatch, caplog
    ) -> None:
        name = visitor.name
        visitor.sessions.end_citizen(visitor.login)
        assert "will be deleted later: the backend is down" in caplog.text
        assert name not in caplog.text
        monkeypatch.undo()
        visitor.log_in()
        assert by_id(visitor, name) is None
        assert visitor.get("/") == {}


class TestAStoreThatIsDown:
    """The key is in it."""

    def test_has_a_session_that_is_forgotten(self, visitor, monkeypatch) -> None:
        watched = Watched(visitor.sessions.store)
        monkeypatch.setattr(visitor.sessions, "store", watched)
        with watched.failing("get"):
            assert visitor.get("/") == {}
        assert visitor.get("/") == {"note": SECRET}

    def test_that_has_lost_the_key_begins_anew(self, visitor, caplog) -> None:
        """A power failure may undo that it was kept."""
        assert visitor.sessions.store.take(f"appsession-key:{visitor.name}")
        assert visitor.get("/") == {}
        visitor.get("/write?note=new")
        assert visitor.get("/") == {"note": "new"}

    def test_makes_no_second_key(self, visitor, monkeypatch) -> None:
        visitor.log_in()
        slow = Request(visitor).write(slow=1)
        watched = Watched(visitor.sessions.store)
        monkeypatch.setattr(visitor.sessions, "store", watched)
        # Between its look for a key and its making one.
        watched.before["add"] = Request(visitor).write(quick=1).finish
        slow.finish()
        assert own(Request(visitor).session) == {"quick": 1, "slow": 1}


def test_memory_is_for_one_process(sessions: Sessions, caplog: Any) -> None:
    visitor = Visitor(sessions, type="memory")
    visitor.log_in()
    answer = visitor.browser.get(
        "/", extra_environ={"wsgi.multiprocess": True}, status=500
    )
    assert "appsession" not in answer.text
    assert "type = memory of appsession works in one process" in caplog.text


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"type": "file"}, "data_dir: type = file needs one"),
            ({"data_dir": "."}, "data_dir: .*type = store has none"),
            ({"type": "memory", "url": "x"}, "url: .*type = memory has none"),
            ({"type": "ext:redis"}, "url: type = ext:redis needs one"),
            ({"type": "file", "data_dir": "/no/such"}, "an existing folder"),
            ({"type": "file", "data_dir": "."} | {"url": "x"}, "file has none"),
            ({"type": "ext:database", "url": "postgresql://x/y"}, "'sqlite:////var"),
            ({"type": "ext:database", "url": "sqlite:///:memory:"}, "a file such as"),
            ({"type": "ext:database", "url": "sqlite:////no/x.db"}, "existing folder"),
            ({"type": "ext:database", "url": "sqlite:///x.db?y"}, "a file such as"),
            ({"type": "ext:redis", "url": "http://x"}, "'redis://localhost:6379/1'"),
            ({"type": "ext:redis", "url": "redis://x:y/1"}, "'redis://localhost"),
            ({"type": "ext:redis", "url": "redis://x?decode_responses=1"}, "'ssl_"),
            ({"type": "ext:redis", "url": "redis://x/1 ; ours"}, "only an address"),
            ({"type": "ext:redis", "url": "env:NO_SUCH"}, "variable NO_SUCH"),
            ({"type": "ext:memcached", "url": "x:y"}, "'127.0.0.1:11211'"),
            ({"type": "ext:memcached", "url": "x:1;"}, "'127.0.0.1:11211'"),
            (
                {"type": "ext:memcached", "url": "x:1", "max_size": "701k"},
                "max_size: .*at most '700k'",
            ),
        ],
    )
    def test_that_cannot_work_are_refused(self, options, message) -> None:
        with pytest.raises(InvalidOptions, match=message):
            make_appsession(print, {}, **options)

    def test_do_not_show_a_password(self) -> None:
        url = "redis://:hunter2@localhost:6379/1?decode_responses=1"
        with pytest.raises(InvalidOptions) as caught:
            make_appsession(print, {}, type="ext:redis", url=url)
        assert "hunter2" not in str(caught.value)
        assert "localhost" in str(caught.value)

    def test_do_not_show_what_stands_elsewhere(self, monkeypatch) -> None:
        monkeypatch.setenv("OURS", "hunter2")
        with pytest.raises(InvalidOptions, match="found 'env:OURS'") as caught:
            make_appsession(print, {}, type="ext:redis", url="env:OURS")
        assert "hunter2" not in str(caught.value)

    def test_may_say_where_an_address_stands(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv("OURS", f"sqlite:///{tmp_path}/x.db")
        sut = make_appsession(print, {}, type="ext:database", url="env:OURS")
        assert sut._backend._texts._file == tmp_path / "x.db"

    def test_may_be_made_by_a_program(self) -> None:
        url = StoreAddress("localhost:11211")
        assert AppSessionOptions(type="ext:memcached", url=url).where == url
        with pytest.raises(ValidationError):
            AppSessionOptions(type="ext:memcached", url=11211)

    def test_mean_paths_from_the_folder_of_the_file(self, tmp_path) -> None:
        conf = {"__file__": str(tmp_path / "app.ini"), "here": str(tmp_path)}
        options = {"type": "ext:database", "url": "sqlite:///x.db"}
        sut = make_appsession(print, conf, **options)
        assert sut._backend._texts._file == tmp_path / "x.db"

    def test_want_a_folder_that_can_be_written(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr(os, "access", lambda *_: False)
        with pytest.raises(InvalidOptions, match="that this user may write"):
            make_appsession(print, {}, type="file", data_dir=str(tmp_path))

    @pytest.mark.parametrize(
        ("kind", "url", "driver"),
        [
            ("ext:database", "sqlite:////tmp/x", "sqlalchemy"),
            ("ext:redis", "redis://x", "redis"),
            ("ext:memcached", "x:1", "memcache"),
        ],
    )
    def test_name_what_has_to_be_installed(
        self, monkeypatch, kind, url, driver
    ) -> None:
        extra = kind.removeprefix("ext:")
        for known in [name for name in sys.modules if name.split(".")[0] == driver]:
            monkeypatch.delitem(sys.modules, known)
        monkeypatch.setitem(sys.modules, driver, None)
        monkeypatch.delitem(sys.modules, f"eilogin.stores.beaker.beaker_{extra}", False)
        message = f"the package '{driver}.*pip install 'eilogin.{extra}.'"
        with pytest.raises(InvalidOptions, match=message):
            make_appsession(print, {}, type=kind, url=url)
