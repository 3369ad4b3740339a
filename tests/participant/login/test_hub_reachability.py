# ruff: noqa: PLR0913, PLR0917 - fixtures are arguments
"""A hub that is away takes nobody's page along; by real sockets."""

import time
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from raw_peer import Peer
from real_parts import free_ports

from eilogin.http_client import BackChannel, Reachability

UWV = "https://uwv.test"
STAD = "https://stad.test"
MINUTE = 60
#: Public pages on which a stranger is asked for silently, and her own ones.
OPTIONS = {"protect": "/mijn basis\n/ optional", "silent": "true"}
RETRYING = "Wij blijven proberen u ook bij de andere diensten uit te loggen."
AGAIN = "Probeer opnieuw uit te loggen"


def show(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [b"<title>Page</title><h1>the page</h1>"]


@pytest.fixture
def federation(clock, eilogin_federation):
    """By artifact, and by POST."""
    return eilogin_federation(
        {"uwv.test": show, "stad.test": show},
        options={"uwv.test": OPTIONS, "stad.test": {**OPTIONS, "acs": "post"}},
    )


@pytest.fixture
def anna(federation):
    """A stranger still."""
    return federation.browser()


@pytest.fixture(params=[UWV, STAD], ids=["artifact", "post"])
def site(request):
    return request.param


class OverSockets(BackChannel):
    """Looks at one port of this machine, wherever the hub's address is."""

    def __init__(self, port, cut_off=(), refused=()):
        super().__init__()
        self._port = port
        self._cut_off = cut_off
        self._refused = refused

    def look(self, url, *, timeout=2.0):
        path = urlsplit(url).path
        if path in self._cut_off:
            return Reachability.CUT_OFF
        port = free_ports(1)[0] if path in self._refused else self._port
        return super().look(f"http://127.0.0.1:{port}{path}", timeout=0.5)


@pytest.fixture
def find_at(federation, site):
    """Have the site look for its hub at a port."""

    def find_at(*where):
        visited = federation.apps[urlsplit(site).hostname].app
        visited.trust = replace(visited.trust, back_channel=OverSockets(*where))

    return find_at


@pytest.fixture
def answering():
    """The port of what does this with each request."""
    with ExitStack() as stack:

        def start(behave):
            peer = Peer(behave)
            stack.callback(peer.close)
            return peer.port

        yield start


def with_status(status):
    head = f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n".encode()
    return lambda _, connection: connection.sendall(head)


def hang(peer, connection):
    peer.stop.wait(120)


@pytest.fixture(params=["opens_a_public_page", "goes_on_after_a_while"])
def stays(request, anna, site, federation, clock, find_at):
    """Do it while the hub is to be found so; whether she stays at her page."""

    asked, hub = [], federation.apps["inloggen.test"]

    def counted(environ, start_response):
        asked.append(environ["PATH_INFO"])
        return hub(environ, start_response)

    def stays(*where):
        if request.param == "goes_on_after_a_while":
            anna.visit(f"{site}/mijn")
            anna.press("Inloggen", username="anna", password="demo-anna")
            clock.shift(10 * MINUTE)
        find_at(*where)
        federation.apps["inloggen.test"] = counted
        anna.visit(f"{site}/nieuws")
        assert "the page" in anna.text
        return "/sso" not in asked

    return stays


class TestHerPage:
    """In the silent question to the hub, and when a login is kept alive."""

    @pytest.mark.parametrize("status", [502, 503, 504])
    def test_is_hers_while_a_gateway_answers_for_the_hub(
        self, stays, answering, status
    ):
        assert stays(answering(with_status(status)))

    def test_is_hers_while_the_hub_refuses_connections(self, stays):
        assert stays(*free_ports(1))

    def test_is_hers_while_the_hub_hangs(self, stays, answering):
        began = time.monotonic()
        assert stays(answering(hang))
        assert time.monotonic() - began < 30

    @pytest.mark.parametrize("status", [204, 302, 400, 403, 405, 500])
    def test_waits_for_a_hub_that_answers_whatever_that_is(
        self, stays, answering, status
    ):
        assert not stays(answering(with_status(status)))

    def test_waits_for_a_hub_that_this_server_reaches_for_artifacts_alone(
        self, stays, answering, site
    ):
        port = answering(with_status(405))
        assert stays(port, ["/sso"]) == (site == STAD)

    def test_waits_for_a_hub_whose_pages_this_server_may_not_ask_for(
        self, stays, answering, site, caplog
    ):
        """A firewall of its own refuses them, and lets it fetch artifacts."""
        port = answering(with_status(405))
        assert stays(port, (), ["/sso"]) == (site == STAD)
        assert "is down: it, or a firewall before it, refuses" in caplog.text

    def test_is_hers_where_a_gateway_answers_for_that_hub(self, stays, answering):
        assert stays(answering(with_status(503)), (), ["/sso"])

    def test_is_hers_where_this_server_reaches_nothing_of_the_hub(
        self, stays, answering
    ):
        assert stays(answering(with_status(204)), ["/sso", "/artifact"])


def test_the_hub_is_not_asked_for_each_page(anna, federation, site, find_at):
    hub = Peer(with_status(503))
    try:
        find_at(hub.port)
        for number in range(10):
            anna.visit(f"{site}/nieuws?{number}")
        assert len(hub.requests) == 1
        assert hub.requests[0].startswith(b"HEAD /sso ")
    finally:
        hub.close()


class TestHerLogout:
    @pytest.fixture
    def leaves(self, anna, site, find_at):
        """Have her log out while the hub is to be found so; her browser."""

        def leaves(*where):
            anna.visit(f"{site}/mijn")
            anna.press("Inloggen", username="anna", password="demo-anna")
            find_at(*where)
            anna.stops_before = "/slo"
            anna.visit(f"{site}/eilogin/logout")
            return anna

        return leaves

    @pytest.mark.parametrize("status", [502, 503, 504])
    def test_ends_here_while_a_gateway_answers_for_the_hub(
        self, leaves, answering, status
    ):
        anna = leaves(answering(with_status(status)))
        assert RETRYING in anna.text
        anna.click(AGAIN)
        assert "SAMLRequest=" in anna.url, "she may go there all the same"

    def test_ends_here_while_the_hub_refuses_connections(self, leaves):
        anna = leaves(*free_ports(1))
        assert RETRYING in anna.text
        anna.click(AGAIN)
        assert "SAMLRequest=" in anna.url

    @pytest.mark.parametrize("status", [204, 302, 400, 405, 500])
    def test_goes_to_a_hub_that_answers_whatever_that_is(
        self, leaves, answering, status
    ):
        assert "SAMLRequest=" in leaves(answering(with_status(status))).url

    def test_goes_to_a_hub_that_hangs(self, leaves, answering):
        began = time.monotonic()
        anna = leaves(answering(hang))
        assert "SAMLRequest=" in anna.url, "it may be that her browser gets there"
        assert time.monotonic() - began < 30

    def test_ends_here_where_nothing_of_the_hub_is_reached_that_always_is(
        self, leaves, answering, site
    ):
        anna = leaves(answering(with_status(204)), ["/slo", "/artifact"])
        assert (RETRYING in anna.text) == (site == UWV)

    @pytest.mark.parametrize("behave", [with_status(204), hang], ids=["there", "hangs"])
    def test_goes_to_a_hub_that_refuses_only_where_something_else_of_it_answers(
        self, leaves, answering, site, behave
    ):
        anna = leaves(answering(behave), (), ["/slo"])
        is_reachable = site == UWV and behave is not hang
        assert ("SAMLRequest=" in anna.url) == is_reachable
        assert (RETRYING in anna.text) != is_reachable
