import re

import pytest
import time_machine

START = "2026-11-24T09:00:00Z"


def show_visitor(environ, start_response):
    """An app that says who it sees, and nothing else."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    user = environ.get("REMOTE_USER", "")
    path = environ["PATH_INFO"]
    return [f"<p>{path} user=[{user}]</p>".encode()]


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
        return (
            self.browser.url.startswith("https://inloggen.test/")
            and "Wachtwoord" in self.browser.text
        )

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
        match = re.search(r"user=\[(.+?)\]", self.browser.text)
        return match[1] if match else None


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
def citizen_of(federation):
    """Make a citizen by name, at a browser of her own or at somebody else's."""

    def make(name, browser=None):
        return Citizen(browser or federation.browser(), name)

    return make
