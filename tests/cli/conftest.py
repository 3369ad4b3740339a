"""A federation in a folder of its own: ``paste.ini``, and what the demo makes."""

import logging
import os
import re
import shutil
import signal
import socket
import textwrap
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner
from real_parts import free_ports

from eilogin.cli import main
from eilogin.cli.checks.configuration_check import check
from eilogin.cli.commands.demo.demo_preparation import Demo
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.stores.sqlite import mounts

START = "2026-11-24T09:00:00Z"
#: Answers with the length of the body that it read.
LENGTH_APP = """
def app(environ, start_response):
    length = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(length).encode()]
"""
TEMPLATE = """\
[DEFAULT]
federation_file = %(here)s/var/federation.xml
operator = %(here)s/var/federation.crt

[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{port}
threads = 4
max_request_body_size = 16777216
connection_limit = 500

[server:back]
use = egg:waitress#main
listen = 127.0.0.1:{back}
threads = 4

[composite:main]
use = egg:eilogin#hosts
inloggen.localhost = inloggen
uwv.localhost = uwv
gemeente.localhost = gemeente

[pipeline:inloggen]
pipeline = hub-session hub-trust hub

[filter:hub-session]
use = egg:eilogin#session
store = sqlite:///%(here)s/var/eilogin.db

[filter:hub-trust]
use = egg:eilogin#trust
role = hub
public_url = http://inloggen.localhost:6543
back_channel_url = http://inloggen.localhost:6544
key = %(here)s/var/inloggen.key
certificate = %(here)s/var/inloggen.crt
federation = %(federation_file)s
federation_certificate = %(operator)s

[app:hub]
use = egg:eilogin#hub
citizens = %(here)s/var/citizens.json
name_id_key = file:%(here)s/var/name-id.key

[pipeline:uwv]
pipeline = uwv-eilogin app

[filter:uwv-eilogin]
use = egg:eilogin
store = sqlite:///%(here)s/var/uwv/eilogin.db
public_url = http://uwv.localhost:6543
name = UWV
key = %(here)s/var/uwv.key
certificate = %(here)s/var/uwv.crt
federation = %(federation_file)s
federation_certificate = %(operator)s

[pipeline:gemeente]
pipeline = g-session g-trust g-login g-logout g-identity app

[filter:g-session]
use = hub-session

[filter:g-trust]
use = egg:eilogin#trust
public_url = http://gemeente.localhost:6543
key = %(here)s/var/gemeente.key
certificate = %(here)s/var/gemeente.crt
federation = %(federation_file)s
federation_certificate = %(operator)s

[filter:g-login]
use = egg:eilogin#login

[filter:g-logout]
use = egg:eilogin#logout

[filter:g-identity]
use = egg:eilogin#identity

[app:app]
use = egg:eilogin#wsgi
app = wsgiref.simple_server:demo_app
"""


@dataclass
class Site:
    """The folder, and the ini file in it."""

    folder: Path
    port: int
    back: int

    @property
    def file(self) -> Path:
        return self.folder / "paste.ini"

    @property
    def var(self) -> Path:
        return self.folder / "var"

    def change(self, old: str, new: str) -> None:
        """Replace one piece of the ini file, which has to be there."""
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new, 1))

    def set(self, section: str, **options: str | None) -> None:
        """Set options of a section; None takes one away."""
        text = self.file.read_text()
        head, found, rest = text.partition(f"[{section}]\n")
        assert found
        body, _, rest = re.split(r"(^\[|\Z)", rest, maxsplit=1, flags=re.MULTILINE)
        for option, value in options.items():
            body = re.sub(rf"(?m)^{re.escape(option)} = .*\n", "", body)
            if value is not None:
                body = f"{option} = {value}\n{body}"
        tail = f"[{rest}" if rest else ""
        self.file.write_text(head + found + body + tail)

    def prepare(self):
        return list(Demo(self.file).prepare())

    def faults(self, **variables):
        return list(check(IniFile.read(self.file, variables)).faults)

    def fault(self):
        """The one fault that the file has."""
        found = self.faults()
        assert len(found) == 1, "\n".join(map(str, found))
        assert found[0].file == str(self.file)
        return found[0]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """What the demo makes: keys take time, and no test changes these."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "paste.ini").write_text(TEMPLATE.format(port=1, back=2))
    # Some tests have a clock of their own, and nothing is made in a time to come.
    with time_machine.travel(START):
        list(Demo(folder / "paste.ini").prepare())
    return folder / "var"


@pytest.fixture
def bare_site(tmp_path, monkeypatch):
    """A clone, as far as the demo can see, in which nothing was made yet."""
    # Where tests are run may be a file system in memory, which is worth a note.
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "no such table")
    (tmp_path / "setup.cfg").touch()
    (tmp_path / "eilogin").mkdir()
    (tmp_path / "eilogin/__init__.py").touch()
    site = Site(tmp_path, *free_ports(2))
    site.file.write_text(TEMPLATE.format(port=site.port, back=site.back))
    return site


@pytest.fixture
def site(bare_site, made_once):
    """The same, with everything in it that it needs."""
    shutil.copytree(made_once, bare_site.var)
    return bare_site


@pytest.fixture
def logging_as_before():
    root = logging.getLogger()
    before = list(root.handlers), root.level
    yield
    for handler in root.handlers[:]:
        if handler not in before[0]:
            root.removeHandler(handler)
            handler.close()
    root.setLevel(before[1])


@pytest.fixture
def run():
    """Run a command of ``eilogin`` in this process."""

    def invoke(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def serve_length(bare_site, run):
    """Run ``ask`` while ``eilogin serve`` serves an application; return its result.

    The application answers with the length of the body that it read. ``option`` is a
    line of its server; ``ask`` takes a function that opens a socket to it.
    """

    def serve(option, ask):
        (bare_site.folder / "eilogintestlength.py").write_text(LENGTH_APP)
        bare_site.file.write_text(
            textwrap.dedent(f"""\
            [server:main]
            use = egg:waitress#main
            listen = 127.0.0.1:{bare_site.port}
            threads = 2
            {option}

            [app:main]
            use = egg:eilogin#wsgi
            app = eilogintestlength:app
            path = %(here)s
            """)
        )
        answers = []

        def visit():
            with ExitStack() as stack:
                stack.callback(os.kill, os.getpid(), signal.SIGTERM)

                def connect(sent=b""):
                    one = stack.enter_context(connected(bare_site.port))
                    one.sendall(sent)
                    return one

                answers.append(ask(connect))

        visitor = threading.Thread(target=visit)
        visitor.start()
        result = run("serve", bare_site.file)
        visitor.join()
        assert result.exit_code == 0, result.output
        return answers[0]

    return serve


def connected(port):
    """A socket to the server, once it listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
