"""Plone from PyPI, made and joined as the manual says, and served behind an nginx.

Plone and eilogin have an environment of their own, with the versions that are in
``tests/apps/raad/requirements.txt``. It is made for one run, or kept in the folder
that ``EILOGIN_PLONE`` names.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from manual_blocks import block, blocks, with_changes
from nginx_servers import nginx
from peer_servers import Server, over_http
from real_parts import free_ports, unavailable

from eilogin.testing import Browser

HOUSE = Path(__file__).parents[2]
RAAD = HOUSE / "tests" / "apps" / "raad"
PAGE = "protect/plone.rst"
#: The user of Zope who may do everything, and Plone's editor.
ADMIN = "admin:Secret-of-admin-1"
EDITOR = "editor", "Secret-of-editor-1"
#: Where the manual says that the site is, and how its nginx says it to Zope.
_PUBLIC = "https://raad.example.nl"
_HOST = "https/raad.example.nl:443"


class Environment:
    """A virtual environment with Plone and eilogin in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"

    def make(self) -> None:
        """Install Plone from PyPI, unless it is there."""
        finished = self.folder / "finished.txt"
        pins = RAAD / "requirements.txt"
        if not finished.exists() or finished.read_text() != pins.read_text():
            shutil.rmtree(self.folder, ignore_errors=True)
            self._install(pins)
            shutil.copy(pins, finished)

    def _install(self, pins: Path) -> None:
        venv = [sys.executable, "-m", "venv", "--without-pip", self.folder]
        subprocess.run(venv, check=True)
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install"]
        how = "-q", "--no-deps", "--no-compile", "--only-binary=:all:"
        done = subprocess.run(
            [*pip, *how, "-r", pins], capture_output=True, text=True, check=False
        )
        if done.returncode:
            told = done.stderr[-500:]
            unavailable(f"needs Plone from PyPI: pip install -r {pins}: {told}")
        self._add_eilogin()

    def _add_eilogin(self) -> None:
        """Have the eilogin of this checkout there, as if it were installed."""
        (packages,) = self.folder.glob("lib/python*/site-packages")
        (packages / "checkout.pth").write_text(f"{HOUSE}\n")
        (found,) = Path(sysconfig.get_path("purelib")).glob("eilogin-*.dist-info")
        shutil.copytree(found, packages / found.name)


class _Zope(Server):
    """Has much to read before it answers, on a machine that may be busy."""

    patience = 120.0


class PloneSite:
    """A site in ``folder``, which ``environment`` serves at a port of its own."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.folder = folder
        self._environment = environment
        self._port, self._behind = free_ports(2)
        self.host = f"raad.localhost:{self._port}"
        self._instance = folder / "instance"
        self.ini_file = self._instance / "etc" / "zope.ini"

    # --- making it ----------------------------------------------------------------

    def make(self) -> None:
        """Make Zope's instance, Plone's site, and what the manual has besides."""
        self.run("mkwsgiinstance", "-d", self._instance, "-u", ADMIN)
        text = self.ini_file.read_text()
        self.ini_file.write_text(text.replace("port = 8080", f"port = {self._behind}"))
        self._add_on()
        here = {_PUBLIC: f"http://{self.host}"}
        script = block(PAGE, "Give visitors a user and a role", "python")
        made = (RAAD / "make_site.py").read_text() + with_changes(script, here)
        (self.folder / "script.py").write_text(made)
        configuration = self.ini_file.with_name("zope.conf")
        self.run("zconsole", "run", configuration, self.folder / "script.py")

    def _add_on(self) -> None:
        package = self.folder / "raad"
        shutil.copytree(RAAD / "raad", package)
        module = block(PAGE, "Stop acquisition", "python")
        (package / "acquisition.py").write_text(module)
        includes = self.ini_file.parent / "package-includes"
        includes.mkdir()
        (includes / "raad-configure.zcml").write_text('<include package="raad" />\n')

    def join(self, *arguments: str | Path) -> str:
        """Have eilogin stand around it; what that says."""
        _, command, *_ = blocks(PAGE, "Install and join")
        words = with_changes(
            command,
            {_PUBLIC: f"http://{self.host}", "etc/zope.ini": f"{self.ini_file}"},
        ).split()
        assert words[0] == "eilogin"
        return self.run("python", "-m", *words, *arguments, "--yes")

    def configure(self, lines: str) -> None:
        """Write lines into the section of the filter; ``protect`` comes anew."""
        text, _, _ = self.ini_file.read_text().partition("protect =")
        self.ini_file.write_text(f"{text}{lines}\n")

    def run(self, name: str, *arguments: str | Path) -> str:
        """Run a command of the environment; what it says."""
        program = [self._environment.python.with_name(name)]
        if name != "python":
            program.insert(0, self._environment.python)
        done = subprocess.run(
            [*program, *arguments],
            capture_output=True,
            text=True,
            env=self.variables,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables of its processes."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
        return kept | {"PYTHONPATH": f"{self.folder}", "PYTHONWARNINGS": "ignore"}

    # --- asking it ----------------------------------------------------------------

    def server(self) -> Server:
        """What serves it, once it is entered."""
        command: Sequence[str | Path] = [
            *(self._environment.python, "-m", "eilogin", "serve", self.ini_file)
        ]
        return _Zope(
            self.ini_file.parent, command, self._behind, environment=self.variables
        )

    def proxy(self) -> AbstractContextManager[None]:
        """The nginx of the manual before it, to which browsers come."""
        here = {
            "127.0.0.1:8080": f"127.0.0.1:{self._behind}",
            _HOST: f"http/{self.host}",
        }
        location = with_changes(block(PAGE, "Install and join", "nginx"), here)
        server = f"server {{ listen 127.0.0.1:{self._port};\n{location}\n}}"
        return nginx(self.folder, server, self._port)

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}{path}"

    def browser(self) -> Browser:
        return Browser(_asked)


def _asked(environ, start_response):
    return over_http(environ, partial(_with_type, start_response))


def _with_type(start_response, status, headers, exc_info=None):
    """Zope leaves the type of an empty answer out, which the browser's lint refuses."""
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = [*headers, ("Content-Type", "text/plain")]
    return start_response(status, headers, exc_info)
