"""A citizen before servers of ours and of others, over HTTP."""

import base64
import itertools
import re
import shutil
import sys
import tempfile
from datetime import datetime
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from chromium import launched
from eilogin_sites import PASSWORD, person
from peer_servers import over_http

from eilogin.testing import Browser

#: Milliseconds for a page.
PATIENCE = 60_000


class Citizen:
    """A citizen at her browser; she has an account with whoever asks for one."""

    def __init__(self, name):
        self.browser = Browser(self._over_http)
        self.name = name
        #: The answers that her browser has carried to somebody by POST, as XML.
        self.carried = []
        #: The questions, about a login or a logout, that it has.
        self.questions = []
        #: All addresses that her browser has asked for something.
        self.asked = []

    def _over_http(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.carried += _messages(body, "SAMLResponse")
        self.questions += _messages(body, "SAMLRequest")
        self.asked.append(f"http://{environ['HTTP_HOST']}{environ['PATH_INFO']}")
        environ["wsgi.input"] = BytesIO(body)
        return over_http(environ, start_response)

    # --- what she does ---

    def visit(self, url):
        self.browser.visit(url)
        return self

    def type_password(self, **more):
        assert self.is_asked_for_password, self.where
        self.browser.press("Inloggen", username=self.name, password=PASSWORD, **more)
        return self

    def type_code(self, code):
        """Prove a higher level, as a citizen whom the hub knows."""
        assert not self.is_asked_for_password, self.where
        self.browser.press("Inloggen", code=code)
        return self

    def log_in(self, url):
        self.visit(url).type_password()
        assert self.is_at(url), self.where
        return self

    def log_out(self):
        """Follow the link to log out, and wait for what goes on in frames."""
        self.browser.click("Uitloggen")
        return self.waits()

    def waits(self):
        if "U wordt uitgelogd" in self.browser.text:
            self.browser.open_frames()
            self.browser.click("Ga verder")
        return self

    # --- what she sees ---

    @property
    def is_asked_for_password(self):
        return "Wachtwoord" in self.browser.text

    def is_let_in(self, url):
        """Whether she gets this page without being asked anything."""
        return self.visit(url).is_at(url)

    def is_at(self, url):
        """Whether she looks at this page, and the site knows her."""
        return self.browser.url == url and bool(self.user)

    @property
    def is_logged_out_everywhere(self):
        """Whether she reads so."""
        return "U bent overal uitgelogd" in self.browser.text

    @property
    def user(self):
        """Who the site says she is, or None."""
        match = re.search(r"user=\[(?!\(none\))([^]]+)\]", self.browser.text)
        return match and match[1]

    @property
    def where(self):
        """For messages of tests."""
        trail = [url.partition("?")[0] for url in self.browser.trail]
        return f"{trail}, {self.browser.page.status}: {self.browser.text}"


def _messages(body, name):
    """The messages in a form as XML; one that is kept from a redirect is left out."""
    texts = parse_qs(body.decode("latin-1")).get(name, [])
    all_of_it = map(base64.b64decode, texts)
    return [octets.decode() for octets in all_of_it if octets.startswith(b"<")]


@pytest.fixture(scope="module")
def folder():
    """A folder that a server which is not run as root can read, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="eilogin-peers-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new_name():
    """A citizen of whom no server knows anything yet, by her name."""
    numbers = itertools.count()
    return lambda: person(next(numbers))


@pytest.fixture
def anna(new_name):
    return Citizen(new_name())


@pytest.fixture
def elsewhere():
    """The same citizen at another browser."""
    return lambda citizen: Citizen(citizen.name)


@pytest.fixture(autouse=True)
def log(servers):
    """What our servers, or others', have logged since the test began.

    ``servers`` is of the folder with the tests: theirs, and ours, while they run.
    """
    before = {server: len(server.log) for server in (servers.theirs, servers.ours)}

    def read(server=servers.ours):
        return server.log[before[server] :]

    yield read
    # Shown where a test fails.
    for server in before:
        sys.stdout.write(read(server))


@pytest.fixture
def told_times(log):
    """The two instants that a refusal in our log tells of: theirs, and ours."""

    def read():
        for line in log().splitlines():
            found = re.findall(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line)
            if "(message-expired)" in line and len(found) == 2:
                return [datetime.fromisoformat(text) for text in found]
        raise AssertionError(f"no refusal with two instants: {log()}")

    return read


# --- in a real browser ----------------------------------------------------------------


@pytest.fixture
def page():
    """A tab of Chromium; afterwards none of its pages may have complained."""
    complaints = []
    with launched() as chromium:
        context = chromium.new_context(locale="nl-NL")
        context.set_default_timeout(PATIENCE)
        context.on("weberror", lambda e: complaints.append(str(e.error)))
        context.on(
            "console",
            lambda message: message.type == "error" and complaints.append(message.text),
        )
        yield context.new_page()
        context.close()
    is_missing_icon = re.compile("Failed to load resource: .* status of 404").match
    assert [text for text in complaints if not is_missing_icon(text)] == []
