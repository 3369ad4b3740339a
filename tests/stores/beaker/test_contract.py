# ruff: noqa: SLF001 - seen from inside
"""What each of Beaker's backends promises here, and what who writes to it cannot do.

The same tests run against all of them; Redis and memcached are real servers.
"""

import os
import pickle
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import beaker_backends
import pytest
import time_machine

from eilogin.errors import StoreUnavailable
from eilogin.stores.beaker import beaker_database, open_backend

NAME = "0123456789abcdef" * 4
OTHER = "f" * 64
NOON = 1_800_000_000.0
UNTIL = NOON + 3600


@pytest.fixture(autouse=True)
def travel():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def opened(lying):
    def make():
        return open_backend(lying.kind, next(iter(lying.where.values()), ""))

    return make


@pytest.fixture
def backend(opened):
    made = opened()
    yield made
    made.delete(NAME)
    made.delete(OTHER)


class TestSwap:
    def test_puts_a_text_where_there_is_none(self, backend):
        assert backend.get(NAME) is None
        assert backend.swap(NAME, None, "one", UNTIL)
        assert backend.get(NAME) == "one"
        assert backend.get(OTHER) is None

    def test_takes_the_place_of_what_was_read(self, backend):
        backend.swap(NAME, None, "one", UNTIL)
        assert backend.swap(NAME, "one", "two", UNTIL)
        assert backend.get(NAME) == "two"

    @pytest.mark.parametrize("old", [None, "other", "", "eno"])
    def test_and_of_nothing_else(self, backend, old):
        backend.swap(NAME, None, "one", UNTIL)
        assert not backend.swap(NAME, old, "two", UNTIL)
        assert backend.get(NAME) == "one"

    def test_brings_nothing_back_that_was_deleted(self, backend):
        backend.swap(NAME, None, "one", UNTIL)
        backend.delete(NAME)
        assert backend.get(NAME) is None
        assert not backend.swap(NAME, "one", "two", UNTIL)
        assert backend.get(NAME) is None
        assert backend.swap(NAME, None, "three", UNTIL)

    def test_one_of_many_at_once_succeeds(self, opened, backend):
        for old, new in ((None, "first"), ("first", "second")):
            barrier = threading.Barrier(8)

            def put(number, old=old, new=new, barrier=barrier):
                own_backend = opened()
                barrier.wait(30)
                text = new if number == 0 else f"{new}-{number}"
                return own_backend.swap(NAME, old, text, UNTIL) and text

            with ThreadPoolExecutor(8) as pool:
                [text] = filter(None, pool.map(put, range(8)))
            assert backend.get(NAME) == text
            backend.swap(NAME, text, new, UNTIL)

    def test_takes_as_much_as_a_session_may_be(self, backend):
        large = "x" * 950_000
        assert backend.swap(NAME, None, large, UNTIL)
        assert backend.swap(NAME, large, f"{large}y", UNTIL)
        assert backend.get(NAME) == f"{large}y"


class TestDelete:
    def test_leaves_nothing(self, backend, lying):
        backend.swap(NAME, None, "one", UNTIL)
        assert lying.count() == 1
        backend.delete(NAME)
        assert lying.count() == 0
        assert lying.read(NAME) is None

    def test_of_nothing_does_nothing(self, backend, lying):
        backend.swap(OTHER, None, "one", UNTIL)
        backend.delete(NAME)
        assert backend.get(OTHER) == "one"
        assert lying.count() == 1


class TestAnother:
    """One that is opened on the same, as another worker does."""

    def test_has_the_same(self, backend, opened):
        backend.swap(NAME, None, "one", UNTIL)
        assert opened().get(NAME) == "one"
        opened().delete(NAME)
        assert backend.get(NAME) is None


def test_one_that_was_forked_asks_for_itself(backend_of):
    """In a process of its own: another thread of the tests may hold what is forked."""
    arguments = []
    for kind in beaker_backends.SHARED:
        lying = backend_of(kind)
        arguments += [kind, *lying.where.values()]
    forker = Path(__file__).with_name("forker.py")
    done = subprocess.run(
        [sys.executable, str(forker), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "right\n" * 8
    assert not done.stderr


@pytest.mark.parametrize("lying", beaker_backends.KINDS[:3], indirect=True)
class TestWhatIsOver:
    """By our own clock; servers have theirs."""

    def test_is_not_there_any_more(self, backend, travel):
        backend.swap(NAME, None, "one", UNTIL)
        travel.move_to(UNTIL - 1)
        assert backend.get(NAME) == "one"
        travel.move_to(UNTIL)
        assert backend.get(NAME) is None
        assert not backend.swap(NAME, "one", "two", UNTIL + 60)
        assert backend.swap(NAME, None, "three", UNTIL + 60)
        assert backend.get(NAME) == "three"

    def test_goes_when_others_come(self, backend, lying, travel):
        for number in range(40):
            backend.swap(f"{number:02x}" * 32, None, "one", UNTIL)
        assert backend.swap(NAME, None, "one", UNTIL)
        # It is used for longer than it was to last at first.
        assert backend.swap(NAME, "one", "two", UNTIL + 7200)
        travel.move_to(UNTIL + 1)
        backend.swap(OTHER, None, "0", UNTIL + 7200)
        for number in range(40):
            backend.swap(OTHER, str(number), str(number + 1), UNTIL + 7200)
        assert lying.count() == 2
        assert backend.get(NAME) == "two"


@pytest.mark.parametrize("lying", beaker_backends.KINDS[3:], indirect=True)
class TestAServer:
    def test_is_told_when_a_text_is_over(self, backend, lying):
        """The seconds that are left, whatever its own clock says."""
        backend.swap(NAME, None, "one", NOON + 0.5)
        backend.swap(OTHER, None, "one", NOON + 60)
        backend.swap(OTHER, "one", "two", NOON + 0.5)
        # By the server's clock, which no test moves.
        stops = threading.Event()
        for _ in range(400):
            if lying.read(NAME) is None and lying.read(OTHER) is None:
                break
            stops.wait(0.01)
        assert backend.get(NAME) is None
        assert backend.get(OTHER) is None

    def test_keeps_what_lasts_for_months(self, backend):
        far = NOON + 90 * 86_400
        assert backend.swap(NAME, None, "one", far)
        assert backend.get(NAME) == "one"


def evil(folder):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(folder / "was here"),)

    return pickle.dumps({"session": Evil()}, 0)


class TestWhoeverMayWriteToIt:
    @pytest.fixture(
        params=[
            "pickle",
            "nothing",
            "no JSON",
            "an array",
            "a number",
            "not ASCII",
            "much",
        ]
    )
    def octets(self, request, tmp_path):
        return {
            "pickle": evil(tmp_path),
            "nothing": b"",
            "no JSON": b"{",
            "an array": b"[]",
            "a number": b"1",
            "not ASCII": b"\x80\xff\xfe",
            "much": b"x" * 1_000_000,
        }[request.param]

    def test_runs_nothing_and_stops_nobody(self, backend, lying, octets, tmp_path):
        backend.swap(NAME, None, "one", UNTIL)
        lying.spoil(NAME, octets)
        text = backend.get(NAME)
        assert text != "one"
        assert not (tmp_path / "was here").exists()
        assert backend.swap(NAME, text, "two", UNTIL)
        assert backend.get(NAME) == "two"

    @pytest.mark.parametrize("lying", ["file"], indirect=True)
    @pytest.mark.parametrize(
        "text",
        [
            '{"session": 1}',
            '{"session": ["x"]}',
            '{"session": ["x", "y"]}',
            f'{{"session": ["x", 1{"0" * 400}]}}',
        ],
    )
    def test_leaves_a_file_that_counts_as_none(self, backend, lying, text):
        backend.swap(NAME, None, "one", UNTIL)
        lying.spoil(NAME, text.encode())
        assert backend.get(NAME) is None
        assert backend.swap(NAME, None, "two", UNTIL)

    @pytest.mark.parametrize("lying", beaker_backends.KINDS[1:4], indirect=True)
    def test_fills_nobodys_memory(self, lying):
        backend = open_backend(lying.kind, *lying.where.values(), largest=1000)
        assert backend.swap(NAME, None, "x" * 1000, UNTIL)
        assert backend.get(NAME) == "x" * 1000
        # A text as ours are, of which there is too much.
        spoilt = '{"session": ["%s", 9e9]}' if lying.kind == "file" else "%s"
        lying.spoil(NAME, (spoilt % ("x" * 2000)).encode())
        assert backend.get(NAME) is None
        assert backend.swap(NAME, None, "mine", UNTIL)
        backend.delete(NAME)

    def test_has_no_file_elsewhere_written_over(
        self, backend_of, tmp_path, monkeypatch
    ):
        lying = backend_of("file")
        backend = open_backend("file", str(lying.folder))
        backend.swap(NAME, None, "one", UNTIL)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_text("as it was")
        beside = lying.path(NAME).with_suffix(".cache.temp")
        beside.symlink_to(elsewhere)
        with monkeypatch.context() as patch:
            # Which takes away what lies beside a file.
            patch.setattr(backend._texts, "_sweep_a_little", lambda: None)
            with pytest.raises(StoreUnavailable):
                backend.swap(NAME, "one", "two", UNTIL)
        assert elsewhere.read_text() == "as it was"
        backend._breaker._reset()
        assert backend.swap(NAME, "one", "two", UNTIL)
        assert elsewhere.read_text() == "as it was"

    def test_keeps_nobody_waiting_by_a_pipe(self, backend_of):
        lying = backend_of("file")
        backend = open_backend("file", str(lying.folder))
        backend.swap(NAME, None, "one", UNTIL)
        lying.path(NAME).unlink()
        os.mkfifo(lying.path(NAME))
        assert backend.get(NAME) is None
        assert backend.swap(NAME, None, "two", UNTIL)
        assert backend.get(NAME) == "two"

    @pytest.mark.parametrize("lying", ["ext:redis"], indirect=True)
    def test_leaves_another_type_that_counts_as_none(self, backend, redis_kinds):
        key = f"beaker_cache:{NAME}:session"
        redis_kinds.redis.ask("SADD", key, "x", db=beaker_backends.REDIS_DB)
        assert backend.get(NAME) is None
        assert backend.swap(NAME, None, "two", UNTIL)

    #: A pickle, a number, text, what was compressed, and what nobody knows.
    @pytest.mark.parametrize("flags", [1, 2, 4, 8, 9, 16, 64])
    @pytest.mark.parametrize("lying", ["ext:memcached"], indirect=True)
    def test_says_of_no_text_what_it_is(self, backend, lying, flags, tmp_path):
        backend.swap(NAME, None, "one", UNTIL)
        lying.spoil(NAME, evil(tmp_path) + b"\xff", flags)
        text = backend.get(NAME)
        assert text in {None, ""}
        assert not (tmp_path / "was here").exists()
        assert backend.swap(NAME, text, "two", UNTIL)


class TestThatDoesNotAnswer:
    @pytest.fixture(params=["refused", "silent"])
    def nobody(self, request):
        listener = beaker_backends.silent_server()
        if request.param == "refused":
            listener.close()
            yield "127.0.0.1:1"
        else:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
            listener.close()

    # The driver of memcached leaves a socket that could not connect to Python.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize("kind", ["ext:redis", "ext:memcached"])
    def test_is_said_by_every_verb_and_not_asked_again_at_once(
        self, nobody, kind, caplog
    ):
        url = f"redis://:hunter2@{nobody}/1" if kind == "ext:redis" else nobody
        backend = open_backend(kind, url, timeout=0.1)
        for verb in (
            lambda: backend.get(NAME),
            lambda: backend.swap(NAME, None, "one", UNTIL),
            lambda: backend.swap(NAME, "one", "two", UNTIL),
            lambda: backend.delete(NAME),
        ):
            # No pause is needed: each is tried.
            backend._breaker._pause = 0
            with pytest.raises(StoreUnavailable) as caught:
                verb()
            assert "hunter2" not in str(caught.value) + caplog.text
            assert nobody in str(caught.value) or "127.0.0.1" in str(caught.value)

    def test_is_a_redis_that_lets_us_do_nothing(self, redis_kinds):
        server = redis_kinds.redis
        server.ask("ACL", "SETUSER", "nobody", "on", ">x", "+ping", "allkeys")
        url = server.url(1).replace("redis://", "redis://nobody:x@")
        backend = open_backend("ext:redis", url)
        with pytest.raises(StoreUnavailable, match="permissions") as caught:
            backend.get(NAME)
        server.ask("ACL", "DELUSER", "nobody")
        assert "nobody:x" not in str(caught.value)

    def test_is_a_folder_that_has_become_a_file(self, tmp_path):
        folder = tmp_path / "kept"
        folder.mkdir()
        backend = open_backend("file", str(folder))
        folder.rmdir()
        folder.write_text("")
        with pytest.raises(StoreUnavailable):
            backend.get(NAME)

    def test_is_a_file_that_is_locked(self, tmp_path):
        backend = open_backend("file", str(tmp_path), timeout=0.05)
        other = open_backend("file", str(tmp_path), timeout=0.05)
        with (
            other._texts._locked(NAME),
            ThreadPoolExecutor(1) as pool,
            pytest.raises(StoreUnavailable, match="locked"),
        ):
            pool.submit(backend.delete, NAME).result()

    def test_is_a_database_that_is_none(self, tmp_path):
        file = tmp_path / "kept.db"
        backend = open_backend("ext:database", f"sqlite:///{file}")
        file.write_text("no database, by any account" * 40)
        with pytest.raises(StoreUnavailable):
            backend.get(NAME)

    def test_is_one_in_a_folder_that_is_gone(self, tmp_path):
        backend = open_backend("ext:database", f"sqlite:///{tmp_path}/kept.db")
        tmp_path.rmdir()
        with pytest.raises(StoreUnavailable):
            backend.get(NAME)

    def test_is_one_in_which_the_file_was_removed_for_a_moment(self, tmp_path):
        """Who removes it has logged nobody out, and stops nobody."""
        backend = open_backend("ext:database", f"sqlite:///{tmp_path}/kept.db")
        backend.swap(NAME, None, "one", UNTIL)
        for file in tmp_path.glob("kept.db*"):
            file.unlink()
        assert backend.get(NAME) is None
        assert backend.swap(NAME, None, "two", UNTIL)


def test_the_file_of_a_database_is_for_this_user_alone(tmp_path):
    backend = open_backend("ext:database", f"sqlite:///{tmp_path}/kept.db")
    backend.swap(NAME, None, "one", UNTIL)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("kept.db*")}
    assert modes == {0o600}


def test_temporary_file_of_a_crashed_write_is_removed(backend_of):
    lying = backend_of("file")
    backend = open_backend("file", str(lying.folder))
    backend.swap(NAME, None, "one", UNTIL)
    leftover = lying.path(NAME).with_suffix(".cache.temp")
    leftover.write_text("half of")
    with backend._texts._locked(NAME), ThreadPoolExecutor(1) as pool:
        # Somebody may be about to rename it.
        pool.submit(backend.swap, OTHER, None, "one", UNTIL).result()
        assert leftover.exists()
    for old, new in (("one", "two"), ("two", "three"), ("three", "four")):
        backend.swap(OTHER, old, new, UNTIL)
    assert not leftover.exists()
    assert backend.get(NAME) == "one"


def test_a_memcached_that_takes_nothing_says_so(backend_of):
    backend = open_backend("ext:memcached", *backend_of("ext:memcached").where.values())
    with pytest.raises(StoreUnavailable, match="accepts no values"):
        backend.swap(NAME, None, "x" * 1_100_000, UNTIL)


def test_names_are_spread_over_several_memcached(memcached_started):
    first = memcached_started()
    with type(first)() as second:
        backend = open_backend("ext:memcached", f"{first.url};{second.url}")
        names = [f"{number:08x}" + "0" * 56 for number in range(4)]
        for name in names:
            assert backend.swap(name, None, name, UNTIL)
        replies = [second.ask(f"get {name}_session".encode()) for name in names]
        assert [answer != b"END\r\n" for answer in replies] == [False, True] * 2
        second.kill()
        # The other one does not stand in for it, and goes on with what it has.
        with pytest.raises(StoreUnavailable):
            backend.get(names[1])
        backend._breaker._reset()
        assert backend.get(names[0]) == names[0]
        for name in names[::2]:
            backend.delete(name)


def test_a_process_leaves_the_connections_of_its_parent_alone():
    beaker_database._dispose(None, os.getpid() - 1)
