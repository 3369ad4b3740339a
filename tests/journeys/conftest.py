import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import time_machine
from eilogin_sites import Ours
from published import Published
from webob import Request

from eilogin.cli.commands.demo.demo_preparation import Demo

START = "2026-11-24T09:00:00Z"
FRAMEWORKS = Path(__file__).parent / "frameworks"


def show_visitor(environ, start_response):
    """An app that says who it sees, and nothing else."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    user = environ.get("REMOTE_USER", "")
    path = environ["PATH_INFO"]
    return [f"<p>{path} user=[{user}]</p>".encode()]


def go_on(browser, host="uwv.test", scheme="https"):
    """Press "Stay logged in" in the warning of an open page."""
    origin = f"{scheme}://{host}"
    request = Request.blank(f"{origin}/eilogin/session", method="POST")
    cookies = browser.cookies(host.partition(":")[0]).items()
    request.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies)
    request.headers["Origin"] = origin
    request.headers["Sec-Fetch-Site"] = "same-origin"
    request.headers["Sec-Fetch-Mode"] = "cors"
    response = request.get_response(browser.app)
    assert response.json["logged_in"]


class Citizen:
    """A citizen at her browser."""

    def __init__(self, browser, name="anna"):
        self.browser = browser
        self.name = name

    def visit(self, url):
        self.browser.visit(url)
        return self

    @property
    def is_asked_for_password(self):
        return "://inloggen." in self.browser.url and "Wachtwoord" in self.browser.text

    def log_in(self, url="https://uwv.test/mijn", code=None):
        self.visit(url)
        assert self.is_asked_for_password, f"{self.browser.url}: {self.browser.text}"
        self.type_password(code)
        assert self.browser.url == url, self.browser.text
        return self

    def type_password(self, code=None):
        fields = {"username": self.name, "password": f"demo-{self.name}"}
        if code is not None:
            fields["code"] = code
        self.browser.press("Inloggen", **fields)

    @property
    def code(self):
        """Her code, as the demonstration shows it on the page."""
        row = re.search(rf"demo-{self.name} Code: ([0-9]{{6}})", self.browser.text)
        return row[1]

    def is_let_in(self, url):
        """Whether she gets this page without being asked anything."""
        self.visit(url)
        return self.browser.url == url and self.user is not None

    @property
    def user(self):
        """Who the app says she is."""
        said = r"user=\[(.+?)\]|You are logged in as (.+?)\."
        match = re.search(said, self.browser.text)
        return match and (match[1] or match[2])


@pytest.fixture
def clock():
    """A clock that stands still until the test moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def federation(eilogin_federation):
    return eilogin_federation(
        {
            "uwv.test": show_visitor,
            "stad.test": show_visitor,
            "land.test": show_visitor,
        },
        options={
            "stad.test": {"acs": "post"},
            "land.test": {
                "protect": "=/ optional\n/static off\n/percelen midden",
            },
        },
    )


@pytest.fixture
def anna(federation):
    return Citizen(federation.browser())


@pytest.fixture
def everywhere(clock, anna):
    """Anna, logged in at all participants at 10.00 o'clock."""
    anna.log_in("https://uwv.test/mijn")
    for host in ("stad.test", "land.test"):
        assert anna.is_let_in(f"https://{host}/mijn")
    return anna


@pytest.fixture
def citizen_of(federation):
    """Make a citizen by name, at a browser of her own or at somebody else's."""

    def make(name, browser=None):
        return Citizen(browser or federation.browser(), name)

    return make


@pytest.fixture
def citizen_at():
    """Make a citizen at a browser, ``anna`` where no name is said."""
    return Citizen


@pytest.fixture
def published():
    """Where an operator publishes, over HTTP."""
    with Published() as server:
        yield server


@pytest.fixture
def served_hub(tmp_path):
    """A hub that a test may run as a process of its own."""
    (tmp_path / "hub").mkdir()
    return Ours(tmp_path / "hub", {}, {})


# --- applications of three frameworks, and an ini file around them ----------------


@pytest.fixture(scope="session")
def applications(tmp_path_factory):
    """The folder in which they are installed, each as its own manual would say."""
    folder = tmp_path_factory.mktemp("srv")
    shutil.copytree(FRAMEWORKS, folder, dirs_exist_ok=True)
    setup = ["-c", "import setuptools; setuptools.setup()", "-q", "egg_info"]
    migrate = ["manage.py", "migrate", "--verbosity=0"]
    for name, command in (("guestbook", setup), ("permits", migrate)):
        subprocess.run([sys.executable, *command], cwd=folder / name, check=True)
    with pytest.MonkeyPatch.context() as patch:
        # Takes away too what `path` in the ini file puts there.
        patch.syspath_prepend(folder / "guestbook")
        yield folder


@pytest.fixture(scope="session")
def prepared(applications, tmp_path_factory):
    """The ini file, with all that it names beside it: keys take time."""
    folder = tmp_path_factory.mktemp("prepared")
    text = (FRAMEWORKS / "federation.ini").read_text()
    file = folder / "federation.ini"
    file.write_text(text.replace("/srv/", f"{applications}/"))
    list(Demo(file).prepare())
    return folder


@pytest.fixture
def ini_file(prepared, tmp_path):
    """The ini file in a folder of this test, with a store in which nothing is yet."""
    return shutil.copytree(prepared, tmp_path / "etc") / "federation.ini"
