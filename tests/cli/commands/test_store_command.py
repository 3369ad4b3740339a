"""``eilogin store``: what is in the stores of an ini file, backup, restore, end-all."""

import re
import socket
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from eilogin import clock
from eilogin.cli import main
from eilogin.cli.commands.store_command import _stores
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.retry_queue.hub_logout_queue import RetryQueue
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import TIMEOUT, Store, StoredSession, Values, open_store
from eilogin.stores.sqlite import SQLiteStore

ONE = """
[filter:uwv]
use = egg:eilogin
store = sqlite:///%(here)s/uwv.db
public_url = https://uwv.test
idle = 10m

[filter:uwv-session]
use = uwv
idle = 20m
"""
TWO = f"""{ONE}
[filter:stad]
use = egg:eilogin#session
store = sqlite:///stad.db
"""
LOGGERS = """
[loggers]
keys = root

[handlers]
keys = file

[formatters]
keys = plain

[logger_root]
level = INFO
handlers = file

[handler_file]
class = FileHandler
args = ('%(here)s/eilogin.log',)
formatter = plain

[formatter_plain]
format = %(name)s: %(message)s
"""
MEMORY = "[filter:m]\nuse = egg:eilogin#session\nstore = memory:\n"
REDIS = (
    "[filter:r]\nuse = egg:eilogin#session\n"
    "store = redis://anna:geheim@127.0.0.1:1/0\nstore_timeout = 1s\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "app.ini"


def store_with(path: Path, *names: str) -> SQLiteStore:
    store = SQLiteStore(path)
    now = clock.now()
    for name in names:
        made = StoredSession(name, "{}", now, now + 3600)
        assert store.create(made, issued=now)
    assert store.add("used", "", now + 3600)
    return store


def leave_logouts(store: Store) -> None:
    """Two that a hub tells again, and one that her browser tells."""
    queue = RetryQueue(Sessions(store, idle=60, max_session=60), "the hub", 5.0)
    who = Subject("the hub", "the hub", "anna")
    now = clock.now()
    login = Login(who, "basis", now, now + 60, now)
    told = [Recipient("https://uwv.test", who, ("_1",))]
    for handle in ("one", "other", "third"):
        queue.begin(handle, [login], told)
    queue.settle(Values(store, "the hub"), "third", told, {}, told)


@pytest.fixture
def uwv(tmp_path: Path):
    store = store_with(tmp_path / "uwv.db", "anna", "bert")
    yield store
    store.close()


@pytest.fixture
def stad(tmp_path: Path):
    store = store_with(tmp_path / "stad.db", "carla")
    yield store
    store.close()


class TestShow:
    def test_tells_what_is_in_each_store(self, run, file, uwv, stad) -> None:
        file.write_text(TWO)
        result = run("store", "show", file)
        assert result.exit_code == 0
        first, second = result.output.split("sqlite:///")[1:]
        assert first.startswith(f"{uwv.path} (filter:uwv, filter:uwv-session)\n")
        assert "sessions  2 live" in first
        assert "values    1 (used messages, kept forms, what apps keep)" in first
        assert "marks     0 " in first
        assert "tables of version 2" in first
        assert "bytes on the disk" in first
        assert " for each session" in first
        assert second.startswith(f"{stad.path} (filter:stad)\n")
        assert "sessions  1 live" in second

    def test_tells_of_one_section(self, run, file, uwv, stad) -> None:
        file.write_text(TWO)
        output = run("store", "show", file, "--section", "filter:stad").output
        assert "stad.db" in output
        assert "uwv.db" not in output

    def test_counts_logouts_that_are_to_be_told_apart(self, run, file, uwv) -> None:
        leave_logouts(uwv)
        file.write_text(ONE)
        output = run("store", "show", file).output
        assert "sessions  2 live\n" in output
        assert (
            "logouts   2 pending (eilogin logouts), and 1 for the"
            " visitor's next logout\n" in output
        )

    def test_makes_no_store(self, run, file, tmp_path) -> None:
        file.write_text(ONE)
        result = run("store", "show", file)
        assert result.exit_code == 0
        assert "does not exist yet" in result.output
        assert list(tmp_path.iterdir()) == [file]

    def test_says_nothing_of_bytes_a_session_where_there_is_none(
        self, run, file, tmp_path
    ) -> None:
        store_with(tmp_path / "uwv.db").close()
        file.write_text(ONE)
        assert " a session" not in run("store", "show", file).output

    def test_says_where_other_kinds_are(self, run, file) -> None:
        file.write_text(MEMORY)
        assert "ends with it" in run("store", "show", file).output

    def test_tells_that_a_server_does_not_answer(self, run, file) -> None:
        file.write_text(REDIS)
        result = run("store", "show", file)
        assert result.exit_code == 1
        assert "does not answer" in result.stderr
        assert "geheim" not in result.output + result.stderr

    @pytest.mark.parametrize("kind", ["redis", "cluster"])
    def test_counts_what_servers_have(self, run, file, redis_url, kind) -> None:
        url = redis_url(kind)
        store = open_store(url)
        now = clock.now()
        for name in ("ab:anna", "cd:bert"):
            made = StoredSession(name, "{}", now, now + 3600)
            assert store.create(made, issued=now)
        assert store.add("used", "", now + 3600)
        store.close()
        file.write_text(f"[filter:r]\nuse = egg:eilogin#session\nstore = {url}\n")
        output = run("store", "show", file).output
        assert re.search(
            r"kind      (Redis|Valkey) \d+\.\d+.* at 127\.0\.0\.1:", output
        )
        assert "sessions  2\n" in output
        assert "logouts   0 pending (eilogin logouts)\n" in output
        assert "values    1 " in output
        assert "is on a server" in output

    def test_tells_what_is_wrong_with_a_store(self, run, file, tmp_path) -> None:
        (tmp_path / "uwv.db").write_bytes(b"x" * 4096)
        file.write_text(ONE)
        result = run("store", "show", file)
        assert result.exit_code == 1
        assert "not a database" in result.stderr


class TestBackupAndRestore:
    def test_end_every_session_and_keep_what_was_used(
        self, run, file, tmp_path, uwv
    ) -> None:
        file.write_text(ONE)
        backup = tmp_path / "backup.db"
        result = run("store", "backup", file, backup)
        assert result.exit_code == 0
        assert result.output.startswith(f"{backup}: the backup of sqlite:///")
        assert uwv.read("anna") is not None
        result = run("store", "restore", file, backup)
        assert result.exit_code == 0
        assert f"{backup} was restored; 2 sessions ended" in result.output
        # By a process that was at work all the time.
        assert uwv.read("anna") is None
        assert not uwv.add("used", "", clock.now() + 60)

    def test_in_a_folder_that_is_not_there_is_told(
        self, run, file, tmp_path, uwv
    ) -> None:
        file.write_text(ONE)
        result = run("store", "backup", file, tmp_path / "gone" / "backup.db")
        assert result.exit_code == 1
        assert f"expected an existing folder {tmp_path / 'gone'}" in result.stderr

    def test_make_no_store_to_back_up(self, run, file, tmp_path) -> None:
        file.write_text(ONE)
        result = run("store", "backup", file, tmp_path / "backup.db")
        assert result.exit_code == 1
        assert "uwv.db: does not exist yet; " in result.stderr
        assert list(tmp_path.iterdir()) == [file]

    def test_ask_which_store_where_there_are_several(
        self, run, file, tmp_path, uwv, stad
    ) -> None:
        file.write_text(TWO)
        backup = tmp_path / "backup.db"
        for verb in ("backup", "restore"):
            result = run("store", verb, file, backup)
            assert result.exit_code == 1
            assert "there are 2" in result.stderr
            assert "filter:uwv, filter:stad" in result.stderr
        chosen = ("--section", "filter:stad")
        assert run("store", "backup", file, backup, *chosen).exit_code == 0
        output = run("store", "restore", file, backup, *chosen).output
        assert "1 session ended" in output
        assert stad.read("carla") is None
        assert uwv.read("anna") is not None

    def test_do_not_write_over_other_files(self, run, file, uwv) -> None:
        file.write_text(ONE)
        result = run("store", "backup", file, file)
        assert result.exit_code == 1
        assert "is no backup of a store" in result.stderr
        assert file.read_text() == ONE

    def test_tell_what_is_wrong_with_a_backup(self, run, file, tmp_path, uwv) -> None:
        file.write_text(ONE)
        result = run("store", "restore", file, tmp_path / "gone.db")
        assert result.exit_code == 1
        assert "gone.db: unable to open" in result.stderr
        assert uwv.read("anna") is not None

    def test_make_a_new_store_where_it_was_moved_away(
        self, run, file, tmp_path, uwv
    ) -> None:
        file.write_text(ONE)
        backup = tmp_path / "backup.db"
        run("store", "backup", file, backup)
        uwv.close()
        for one in tmp_path.glob("uwv.db*"):
            one.unlink()
        result = run("store", "restore", file, backup)
        assert f"{backup} was restored; 0 sessions ended\n" in result.output
        assert not uwv.add("used", "", clock.now() + 60)

    def test_a_restore_is_in_the_audit_log(
        self, run, file, uwv, tmp_path, events
    ) -> None:
        file.write_text(ONE)
        backup = tmp_path / "backup.db"
        run("store", "backup", file, backup)
        run("store", "restore", file, backup)
        assert [event["code"] for event in events()] == ["store.restore"]

    @pytest.mark.parametrize(
        ("text", "said"), [(MEMORY, "ends with it"), (REDIS, "its own tools")]
    )
    def test_are_for_sqlite_alone(self, run, file, text, said) -> None:
        file.write_text(text)
        for verb in ("backup", "restore"):
            result = run("store", verb, file, "backup.db")
            assert result.exit_code == 1
            assert said in result.stderr


class TestEndAll:
    def test_ends_every_session_of_every_store(self, run, file, uwv, stad) -> None:
        file.write_text(TWO)
        result = run("store", "end-all", file, "--yes")
        assert result.exit_code == 0
        assert "uwv.db: 2 sessions ended" in result.output
        assert "stad.db: 1 session ended" in result.output
        assert uwv.read("anna") is stad.read("carla") is None

    @pytest.mark.parametrize("kind", ["sqlite", "redis"])
    def test_says_which_logouts_nobody_is_told_any_more(
        self, run, file, tmp_path, request, kind
    ) -> None:
        url = f"sqlite:///{tmp_path}/hub.db"
        if kind == "redis":
            url = request.getfixturevalue("redis_url")(kind)
        file.write_text(f"[filter:r]\nuse = egg:eilogin#session\nstore = {url}\n")
        store, now = open_store(url), clock.now()
        made = StoredSession("ab:anna", "{}", now, now + 3600)
        assert store.create(made, issued=now)
        leave_logouts(store)
        store.close()
        said = run("store", "end-all", file, "--yes").output
        assert said.endswith(
            ": 1 session ended; deleted, so participants do not learn of them:"
            " 3 logouts\n"
        )

    def test_asks_first(self, run, file, uwv) -> None:
        file.write_text(ONE)
        result = run("store", "end-all", file)
        assert result.exit_code == 1
        assert (
            f"End every session in sqlite:///{uwv.path}"
            " (filter:uwv, filter:uwv-session)? [y/N]" in result.output
        )
        assert uwv.read("anna") is not None

    def test_names_whom_it_hits_beside_the_section_that_was_asked_for(
        self, run, file, uwv
    ) -> None:
        file.write_text(ONE)
        chosen = ("--section", "filter:uwv-session")
        output = run("store", "end-all", file, *chosen).output
        assert "(filter:uwv, filter:uwv-session)? [y/N]" in output
        said = " ".join(run("store", "end-all", "--help").output.split())
        assert "also those that --section does not name" in said
        assert "the hub and other sites keep" not in said

    def test_does_nothing_where_the_answer_is_no(self, file, uwv) -> None:
        file.write_text(ONE)
        result = CliRunner().invoke(main, ["store", "end-all", str(file)], input="n\n")
        assert result.exit_code == 1
        assert result.stderr == "nothing was done\n"
        assert uwv.read("anna") is not None

    def test_does_it_where_the_answer_is_yes(self, file, uwv) -> None:
        file.write_text(ONE)
        result = CliRunner().invoke(main, ["store", "end-all", str(file)], input="y\n")
        assert result.exit_code == 0
        assert uwv.read("anna") is None

    @pytest.mark.parametrize("more", [(), ("--yes",)], ids=["asking", "yes"])
    def test_makes_no_store(self, run, file, tmp_path, more) -> None:
        file.write_text(ONE)
        result = run("store", "end-all", file, *more)
        assert result.exit_code == 0
        assert "uwv.db: does not exist yet; " in result.output
        assert "End every session" not in result.output
        assert list(tmp_path.iterdir()) == [file]

    def test_ends_those_that_there_are(self, run, file, tmp_path, stad) -> None:
        file.write_text(TWO)
        result = run("store", "end-all", file)
        assert "uwv.db: does not exist yet; " in result.output
        assert f"End every session in sqlite:///{stad.path} (filter:stad)?" in (
            result.output
        )
        assert "1 session ended" in run("store", "end-all", file, "--yes").output
        assert not (tmp_path / "uwv.db").exists()

    def test_says_what_a_script_needs(self, run, file, uwv) -> None:
        file.write_text(ONE)
        result = run("store", "end-all", file)
        assert "In a script, use --yes" in result.stderr

    @pytest.mark.usefixtures("logging_as_before")
    def test_is_in_the_log_and_the_audit_log_of_the_file(
        self, run, file, uwv, tmp_path
    ) -> None:
        file.write_text(ONE + LOGGERS)
        run("store", "end-all", file, "--yes")
        line, event = (tmp_path / "eilogin.log").read_text().splitlines()
        assert line.startswith("eilogin.stores: eilogin store end-all: sqlite:///")
        assert line.endswith("uwv.db: 2 sessions ended")
        assert '"code": "store.end-all", "outcome": "ok"' in event

    def test_is_not_for_memory(self, run, file) -> None:
        file.write_text(MEMORY)
        result = run("store", "end-all", file, "--yes")
        assert result.exit_code == 1
        assert "ends with it; stop that process" in result.stderr

    def test_ends_those_on_a_server(self, run, file, redis_url) -> None:
        url = redis_url("redis")
        store = open_store(url)
        now = clock.now()
        made = StoredSession("ab:anna", "{}", now, now + 3600)
        assert store.create(made, issued=now)
        file.write_text(f"[filter:r]\nuse = egg:eilogin#session\nstore = {url}\n")
        result = run("store", "end-all", file, "--yes")
        assert "1 session ended" in result.output
        assert store.read("ab:anna") is None
        store.close()

    def test_waits_no_longer_than_the_file_says(self, run, file) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
            section = f"use = egg:eilogin#session\nstore = {url}\nstore_timeout = "
            file.write_text(f"[filter:a]\n{section}1s\n[filter:b]\n{section}1s\n")
            # A busy machine may delay one try, and does not delay all of them.
            for _ in range(5):
                began = time.monotonic()
                result = run("store", "end-all", file, "--yes")
                took = time.monotonic() - began
                assert result.exit_code == 1
                assert "does not answer" in result.stderr
                if took < TIMEOUT:
                    break
        assert 1 <= took < TIMEOUT

    def test_waits_as_long_as_any_section_says(self, file) -> None:
        section = "use = egg:eilogin#session\nstore = sqlite:///s.db\n"
        file.write_text(
            f"[filter:a]\n{section}store_timeout = 1s\n"
            f"[filter:b]\n{section}store_timeout = 10s\n"
        )
        [kept] = _stores(file, None)
        assert kept.timeout == 10

    def test_tells_that_a_server_does_not_answer(self, run, file) -> None:
        file.write_text(REDIS)
        result = run("store", "end-all", file, "--yes")
        assert result.exit_code == 1
        assert "does not answer" in result.stderr
        assert "geheim" not in result.output + result.stderr


class TestFile:
    @pytest.mark.parametrize("verb", ["show", "end-all"])
    def test_without_a_store_is_told(self, run, file, verb) -> None:
        file.write_text("[app:main]\nuse = egg:eilogin#wsgi\napp = x:y\n")
        result = run("store", verb, file)
        assert result.exit_code == 1
        assert "takes one of: none" in result.stderr

    def test_has_to_have_the_section(self, run, file) -> None:
        file.write_text(TWO)
        result = run("store", "show", file, "--section", "filter:gone")
        assert result.exit_code == 1
        assert "filter:uwv, filter:uwv-session, filter:stad" in result.stderr

    def test_with_a_fault_is_told(self, run, file) -> None:
        file.write_text(ONE.replace("sqlite:///", "mysql://").replace("10m", "long"))
        result = run("store", "show", file)
        assert result.exit_code == 1
        assert "[filter:uwv] store: found 'mysql://" in result.stderr
        assert "[filter:uwv] idle: found 'long'" in result.stderr

    def test_that_is_not_there_is_told(self, run, file) -> None:
        result = run("store", "show", file)
        assert result.exit_code == 1
        assert str(file) in result.stderr

    def test_help_teaches(self, run) -> None:
        output = run("store", "--help").output
        for verb in ("show", "backup", "restore", "end-all"):
            assert f"eilogin store {verb} app.ini" in output
            assert run("store", verb, "--help").exit_code == 0
