"""Behind a proxy that speaks over a Unix socket: everybody has her own network still.

A real waitress there, and a proxy that says for whom it asks.
"""

import socket
import threading
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
import waitress
from waitress import wasyncore

#: More wrong passwords than one network has for a name.
TRIES = 6


class Proxy(HTTPConnection):
    """Asks for somebody at ``client``, over the socket at ``path``."""

    def __init__(self, path, client):
        super().__init__("proxy", timeout=30)
        self._path, self._client = path, client

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def ask(self, method, host, path, form=None, cookies=()):
        headers = {
            "Host": host,
            "Accept": "text/html",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies),
            "Sec-Fetch-Site": "same-origin",
            "X-Forwarded-For": self._client,
        }
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = None if form is None else urlencode(form)
        self.request(method, path, body, headers)
        answer = self.getresponse()
        answer.text = answer.read().decode()
        self.close()
        return answer


@pytest.fixture
def trusted():
    return "unix"


@pytest.fixture
def federation(clock, witness, eilogin_federation, trusted):
    return eilogin_federation(
        {"uwv.test": witness},
        options={"uwv.test": {"trusted_proxies": trusted, "bind_address": "enforce"}},
        hub_options={"trusted_proxies": trusted},
    )


@pytest.fixture
def ask_from(federation, tmp_path):
    """Ask the server on the socket, as the proxy does for somebody at an address."""
    channels, is_over = {}, threading.Event()
    path = str(tmp_path / "s")
    server = waitress.create_server(
        federation,
        map=channels,
        unix_socket=path,
        # As `eilogin serve` has it where proxies are trusted.
        clear_untrusted_proxy_headers=False,
    )

    def run():
        while not is_over.is_set():
            wasyncore.loop(timeout=0.1, map=channels, count=1)

    runs = threading.Thread(target=run, daemon=True)
    runs.start()
    yield lambda client, *what, **more: Proxy(path, client).ask(*what, **more)
    is_over.set()
    runs.join(30)
    server.close()


@pytest.fixture
def sign_in(ask_from):
    """Somebody at an address who signs in at the hub; the status."""

    def sign_in(client, username, password):
        form = {"username": username, "password": password}
        cookies = [("__Host-eilogin-sign-in", "yes")]
        host = "inloggen.test"
        return ask_from(client, "POST", host, "/login", form, cookies).status

    return sign_in


def guess(sign_in):
    """Wrong passwords of anna's, each from another address."""
    for number in range(TRIES):
        assert sign_in(f"198.51.100.{number}", "anna", "x") == 200


def test_failed_passwords_of_another_network_do_not_block_visitor(sign_in):
    guess(sign_in)
    assert sign_in("203.0.113.1", "anna", "demo-anna") == 303


def test_failed_passwords_of_same_network_block_visitor(sign_in):
    for _ in range(TRIES):
        sign_in("198.51.100.1", "anna", "x")
    assert sign_in("198.51.100.1", "anna", "demo-anna") == 200
    assert sign_in("198.51.100.2", "anna", "demo-anna") == 303


def test_a_session_is_good_in_its_own_network_alone(federation, ask_from):
    browser = federation.browser()
    browser.address = "203.0.113.1"
    browser.visit("https://uwv.test/mijn")
    browser.press("Inloggen", username="anna", password="demo-anna")
    cookies = browser.cookies("uwv.test").items()

    def status(client):
        return ask_from(client, "GET", "uwv.test", "/mijn", cookies=cookies).status

    assert status("203.0.113.1") == 200
    assert status("203.0.113.2") == 302


class TestWhereThatProxyIsNotTrusted:
    @pytest.fixture
    def trusted(self):
        return "127.0.0.1 ::1"

    def test_all_are_one_network_and_the_log_says_so_once(self, sign_in, caplog):
        guess(sign_in)
        assert sign_in("203.0.113.1", "anna", "demo-anna") == 200
        told = [one for one in caplog.messages if "'unix' in trusted_proxies" in one]
        assert len(told) == 1
        assert told[0].startswith("https://inloggen.test/metadata: ")
