"""``eilogin serve``: all servers of a file, until a signal comes."""

import http.client
import logging
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
import small_disks
from real_parts import ended_at_last
from redis_servers import wait_until

from eilogin.cli.commands.running import serve_command as room
from eilogin.stores.sqlite import SQLiteStore

APP = """
import time


def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        open(environ["QUERY_STRING"], "w").close()
        time.sleep(1.0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here"]


def broken(environ, start_response):
    raise RuntimeError
"""


pytestmark = pytest.mark.usefixtures("logging_as_before")


def answer(port, path="/", host="app.localhost", **headers):
    """The body that a server gives, once it listens."""
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", path, headers={"Host": host, **headers})
            return connection.getresponse().read()
        except ConnectionRefusedError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise AssertionError(port)


def processor_time(pid):
    """The seconds that a process has used of a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def small(bare_site):
    """An app without filters, with two servers."""
    (bare_site.folder / "eilogintestapp.py").write_text(APP)
    bare_site.file.write_text(
        textwrap.dedent(f"""\
        [server:main]
        use = egg:waitress#main
        listen = 127.0.0.1:{bare_site.port}
        threads = 2

        [server:back]
        use = server-of-others
        listen = 127.0.0.1:{bare_site.back}

        [server:server-of-others]
        use = egg:waitress#main
        listen = 127.0.0.1:0
        threads = 1

        [app:main]
        use = egg:eilogin#wsgi
        app = eilogintestapp:app
        path = %(here)s
        """)
    )
    return bare_site


class TestAFileInOrder:
    def test_is_served_by_all_its_servers_until_sigterm(self, small, run):
        answers = []

        def visit():
            answers.extend([answer(small.port), answer(small.back)])
            os.kill(os.getpid(), signal.SIGTERM)

        visitor = threading.Thread(target=visit)
        visitor.start()
        before = signal.getsignal(signal.SIGTERM)
        result = run("serve", small.file)
        visitor.join()
        assert answers == [b"here", b"here"]
        assert result.exit_code == 0, result.output
        assert signal.getsignal(signal.SIGTERM) is before
        assert f"serving on http://127.0.0.1:{small.port}\n" in result.output
        assert f"serving on http://127.0.0.1:{small.back}\n" in result.output
        for port in (small.port, small.back):
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0

    def test_stops_at_ctrl_c_without_a_traceback(self, small):
        small.change("[server:main]", "[DEFAULT]\nx = y\n\n[server:main]")
        code = "from eilogin.cli import main; main()"
        with ended_at_last(
            [sys.executable, "-c", code, "serve", str(small.file), "debug=true"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert answer(small.port) == b"here"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert b"Traceback" not in errors

    def test_waits_for_descriptors_and_says_so_once(self, small, tmp_path):
        code = "from eilogin.cli import main; main()"
        log = tmp_path / "log"
        with (
            log.open("wb") as errors,
            ended_at_last(
                [sys.executable, "-c", code, "serve", str(small.file)],
                stdout=subprocess.DEVNULL,
                stderr=errors,
            ) as process,
        ):
            assert answer(small.port) == b"here"
            descriptors = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            limit = descriptors + 5
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, limit))
            held = [
                socket.create_connection(("127.0.0.1", small.port)) for _ in range(20)
            ]
            wait_until(lambda: "cannot accept" in log.read_text())
            busy = processor_time(process.pid)
            time.sleep(1.0)
            assert processor_time(process.pid) - busy < 0.3, "it does not spin"
            for connection in held:
                connection.close()
            assert answer(small.port) == b"here"
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        said = log.read_text()
        assert said.count("cannot accept") == 1, said
        assert "LimitNOFILE" in said
        assert "Traceback" not in said

    def test_stops_at_a_signal_that_the_system_hands_to_another_thread(
        self, small, run
    ):
        ended, heard = threading.Event(), []

        def visit():
            answer(small.port)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            os.kill(os.getpid(), signal.SIGTERM)
            heard.append(ended.wait(60))
            if not heard[0]:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        visitor = threading.Thread(target=visit)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        try:
            visitor.start()
            result = run("serve", small.file)
            ended.set()
            visitor.join()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        assert result.exit_code == 0, result.output
        assert heard == [True]

    def test_finishes_what_is_under_way(self, small, run):
        started, answers = small.folder / "started", []

        def visit():
            answer(small.port)
            slow = threading.Thread(
                target=lambda: answers.append(answer(small.port, f"/slow?{started}"))
            )
            slow.start()
            while not started.exists():
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGTERM)
            slow.join()

        visitor = threading.Thread(target=visit)
        visitor.start()
        result = run("serve", small.file)
        visitor.join()
        assert result.exit_code == 0, result.output
        assert answers == [b"here"]

    def test_listens_where_it_says(self, small, run, monkeypatch):
        unix = small.folder / "s.sock"
        small.set("server:main", listen="127.0.0.1:0 [::1]:0")
        small.set("server:back", listen=None, use="egg:waitress#main")
        small.set("server:back", unix_socket=str(unix))
        monkeypatch.setattr(room, "_run", lambda *_: None)
        try:
            with socket.create_server(("::1", 0), family=socket.AF_INET6):
                pass
        except OSError:
            small.set("server:main", listen="127.0.0.1:0 127.0.0.1:0")
        output = run("serve", small.file).output
        assert re.search(
            r"serving on http://127\.0\.0\.1:\d+, http://\S+:\d+\n", output
        )
        assert f"serving on unix:{unix}\n" in output

    def test_prints_a_greeting_once_it_listens(self, small, monkeypatch, capsys):
        monkeypatch.setattr(room, "_run", lambda *_: None)
        room.serve(small.file, {}, ["Open one of:"])
        assert capsys.readouterr().out.endswith("Open one of:\n")

    def test_does_not_wait_for_a_store_that_does_not_answer(
        self, site, run, monkeypatch, caplog
    ):
        pytest.importorskip("redis")
        store = "redis://127.0.0.1:1"
        site.set("filter:uwv-eilogin", store=store, store_timeout="1s")
        monkeypatch.setattr(room, "_run", lambda *_: None)
        result = run("serve", site.file)
        assert result.exit_code == 0, result.output
        assert "serving on" in result.output
        assert "the server starts, but" in caplog.text

    @pytest.mark.parametrize("is_there", [True, False], ids=["a file", "no file"])
    @pytest.mark.parametrize("kind", ["full", "read-only"])
    def test_starts_on_a_disk_that_takes_nothing(  # noqa: PLR0913, PLR0917
        self, site, run, monkeypatch, caplog, tmp_path, kind, is_there
    ):
        with small_disks.mounted(tmp_path / "disk") as disk:
            path = disk.folder / "store.db"
            site.set("filter:uwv-eilogin", store=f"sqlite:///{path}")
            if is_there:
                store = SQLiteStore(path)
                store.prepare()
                store.close()
            disk.fill()
            if kind == "read-only":
                disk.be_read_only()
            monkeypatch.setattr(room, "_run", lambda *_: None)
            result = run("serve", site.file)
            assert result.exit_code == 0, result.output
            assert "serving on" in result.output
            assert "the server starts, but" in caplog.text
            assert str(path) in caplog.text
            result = run("check", site.file)
            assert result.exit_code == 1
            assert f"the store {path}: the disk" in result.output

    def test_does_not_go_on_with_half_of_its_servers(self, small, run, monkeypatch):
        ran = []

        def fail(**options):
            ran.append(options)
            raise OSError("no more")

        monkeypatch.setattr(room.wasyncore, "loop", fail)
        monkeypatch.setattr(threading, "excepthook", lambda args: None)
        assert run("serve", small.file).exit_code == 0
        assert ran


def test_prints_the_notes_before_it_serves(site, run):
    site.change("\n[app:app]", "\n[app:other]\nuse = app\n\n[app:app]")
    site.set("server:main", listen="192.0.2.1:80")
    result = run("serve", site.file)
    note = "note: [app:other]: no filter of eilogin is in front of it\n"
    assert note in result.stderr


class TestBehindAProxy:
    """The application of ``site`` shows its environ."""

    @pytest.mark.parametrize(
        ("proxies", "server", "is_heard"),
        [
            ("127.0.0.1", {}, True),
            (None, {}, False),
            ("127.0.0.1", {"clear_untrusted_proxy_headers": "true"}, False),
        ],
        ids=["that is known", "that nobody knows", "that the server does not believe"],
    )
    def test_the_address_of_a_visitor_comes_through(  # noqa: PLR0913, PLR0917
        self, site, run, caplog, proxies, server, is_heard
    ):
        site.set("filter:uwv-eilogin", trusted_proxies=proxies, protect="/ optional")
        site.set("server:main", **server)
        shown = []

        def visit():
            forwarded = {"X-Forwarded-For": "203.0.113.5"}
            shown.append(answer(site.port, host="uwv.localhost", **forwarded))
            os.kill(os.getpid(), signal.SIGTERM)

        visitor = threading.Thread(target=visit)
        visitor.start()
        result = run("serve", site.file)
        visitor.join()
        assert result.exit_code == 0, result.output
        assert b"PATH_INFO" in shown[0]
        assert (b"HTTP_X_FORWARDED_FOR = '203.0.113.5'" in shown[0]) is is_heard
        # One who has said what the server does with it knows.
        is_warned = f"{site.file}: X-Forwarded-For from 127.0.0.1" in caplog.text
        assert is_warned is (not is_heard and not server)
        assert ("X-Forwarded-For from" in caplog.text) is is_warned


class TestAFileThatCannotBeServed:
    def refused(self, run, *arguments):
        result = run("serve", *arguments)
        assert result.exit_code in (1, 2)
        assert result.stdout == ""
        return result.stderr

    def test_for_its_faults_tells_them(self, small, run):
        small.set("server:main", thread="4")
        small.set("app:main", ap="x")
        errors = self.refused(run, small.file)
        assert "[server:main]: waitress: " in errors
        assert "[app:main] ap: unknown option; did you mean 'app'?" in errors

    @pytest.mark.parametrize("option", ["listen", "port", "unix_socket"])
    def test_for_its_address_names_it_and_its_section(self, small, run, option):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            wanted = {
                "listen": {"listen": f"127.0.0.1:{port}"},
                "port": {"listen": None, "host": "127.0.0.1", "port": str(port)},
                "unix_socket": {"listen": None, "unix_socket": "/no/such/folder/s"},
            }[option]
            small.set("server:back", **wanted)
            small.set("server:server-of-others", listen=None)
            errors = self.refused(run, small.file)
        address = (
            "/no/such/folder/s" if option == "unix_socket" else f"127.0.0.1:{port}"
        )
        assert f"[server:back] cannot listen on {address}: " in errors
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", small.port)) != 0

    def test_for_lack_of_a_server(self, bare_site, run):
        bare_site.file.write_text("[app:main]\nuse = call:wsgiref.simple_server:x\n")
        bare_site.file.write_text("[loggers]\nkeys = root\n[handlers]\nkeys =\n")
        bare_site.file.write_text("[other]\n")
        errors = self.refused(run, bare_site.file)
        assert "there is no section [server:main] to serve" in errors

    def test_for_a_server_of_another_project(self, small, run):
        small.set("server:back", use="egg:gunicorn#main")
        errors = self.refused(run, small.file)
        assert "'egg:gunicorn#main'; expected egg:waitress" in errors

    def test_for_what_its_application_says(self, small, run):
        small.set("app:main", app="eilogintestapp:nothing")
        assert "to have 'nothing'" in self.refused(run, small.file)

    def test_for_variables_that_are_none(self, small, run):
        assert "expected NAME=VALUE, found 'x'" in self.refused(run, small.file, "x")
        assert "expected NAME=VALUE" in self.refused(run, small.file, "=x")
        assert "expected NAME=VALUE" in self.refused(run, small.file, "=x=y")

    def test_for_its_logging(self, small, run):
        with small.file.open("a") as file:
            file.write("\n[loggers]\nkeys = root\n")
        assert "[loggers]: KeyError('formatters')" in self.refused(run, small.file)


def test_logging_is_that_of_the_file(small, run, monkeypatch):
    log = small.folder / "eilogin.log"
    with small.file.open("a") as file:
        file.write(
            textwrap.dedent("""
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
            format = %(levelname)s %(message)s
            """)
        )
    monkeypatch.setattr(
        room, "_run", lambda *_: logging.getLogger("eilogin").info("in the file")
    )
    assert run("serve", small.file).exit_code == 0
    assert log.read_text().splitlines()[-1] == "INFO in the file"


class TestAnApplicationThatCannotBeMade:
    def test_because_it_is_not_in_the_file_is_told(self, small, run):
        small.change("[app:main]", "[app:other]")
        result = run("serve", small.file)
        assert result.exit_code == 1
        assert f"{small.file}: there is nothing to serve: expected one" in result.output

    def test_because_it_is_not_in_another_file_is_told(self, small, run):
        (small.folder / "other.ini").write_text("[app:main]\n")
        small.change("use = egg:eilogin#wsgi", "use = config:other.ini#gone")
        result = run("serve", small.file)
        assert result.exit_code == 1
        assert f"{small.file}: No section 'gone'" in result.output

    def test_because_of_its_own_code_shows_where_and_then_its_traceback(
        self, small, run
    ):
        module = small.folder / "eilogintestbroken.py"
        module.write_text("app = None\nraise RuntimeError('its own')\n")
        small.change("eilogintestapp:app", "eilogintestbroken:app")
        result = run("serve", small.file)
        assert isinstance(result.exception, RuntimeError)
        assert f"{small.file}: an application of this file failed" in result.output
