"""Which network a session belongs to."""

import logging
import re

import pytest

from eilogin.errors import StoreUnavailable
from eilogin.sessions import bounded_cache
from eilogin.web import environ as env
from eilogin.web.limits.client_network import ClientNetworkCheck, network_of
from eilogin.web.visit import Visit


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:db8:1:2:aaaa:bbbb:cccc:dddd", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        pytest.param("::ffff:192.0.2.7", "192.0.2.7/32", id="on a dual-stack socket"),
        pytest.param("::1", "::/64", id="this machine"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_a_household_has_a_network(address, network):
    assert network_of(address) == network


@pytest.fixture
def request_of(federation):
    """The environ of a request to a participant that carries no session."""
    trust = federation.trusts["stad.test"]

    def make(address, forwarded=""):
        forwarding = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
        return {
            env.TRUST: trust,
            env.SESSION: None,
            "REMOTE_ADDR": address,
            **forwarding,
        }

    return make


def test_a_mark_says_nothing_of_the_address(request_of):
    here = ClientNetworkCheck("warn")
    mark = here.mark(Visit(request_of("192.0.2.7")))
    assert mark == here.mark(Visit(request_of("192.0.2.7")))
    assert mark != here.mark(Visit(request_of("192.0.2.8")))
    assert re.fullmatch("[0-9a-f]{16}", mark), "no part of it"
    assert ClientNetworkCheck("off").mark(Visit(request_of("192.0.2.7"))) == ""


def test_a_mark_is_of_a_network_and_not_of_an_address(request_of):
    here = ClientNetworkCheck("warn")
    mark = here.mark(Visit(request_of("2001:db8::1")))
    assert mark == here.mark(Visit(request_of("2001:db8::2")))
    assert mark != here.mark(Visit(request_of("2001:db8:0:1::1")))


def test_memory_for_client_networks_is_limited(request_of, monkeypatch):
    monkeypatch.setattr(bounded_cache, "MOST_OCTETS", 3_500)
    here = ClientNetworkCheck("warn")
    marks = [here.mark(Visit(request_of(f"192.0.2.{n}"))) for n in range(9)]
    assert len(set(marks)) == 9
    assert here.mark(Visit(request_of("192.0.2.0"))) == marks[0]
    assert len(here._marks) <= 6  # noqa: SLF001 - no user sees it


def test_an_untrusted_peer_cannot_choose_its_network(request_of):
    here = ClientNetworkCheck("warn")
    mark = here.mark(Visit(request_of("192.0.2.7")))
    forged = here.mark(Visit(request_of("192.0.2.7", "192.0.2.8")))
    assert mark == forged != here.mark(Visit(request_of("192.0.2.8")))
    assert here.mark(Visit(request_of("192.0.2.8", "192.0.2.7"))) != mark


def test_long_forwarded_addresses_are_not_kept(request_of):
    here = ClientNetworkCheck("warn")
    forwarded = ", ".join(["192.0.2.8"] * 30)
    visits = [Visit(request_of("192.0.2.7", forwarded)) for _ in range(2)]
    assert here.mark(visits[0]) == here.mark(visits[1])
    assert len(here._marks) == 0  # noqa: SLF001 - no user sees it


def test_a_server_without_addresses_is_told_of_once(request_of, caplog):
    here = ClientNetworkCheck("enforce")
    with caplog.at_level(logging.WARNING, "eilogin"):
        assert here.mark(Visit(request_of(""))) == here.mark(Visit(request_of("")))
    assert caplog.text.count("eilogin cannot compare it") == 1


class TestASessionOfWhichNoNetworkIsKnown:
    """As one has that was made before the option was there."""

    @pytest.fixture
    def request_with(self, federation, request_of):
        browser = federation.browser()
        browser.visit("https://stad.test/mijn")
        browser.press("Inloggen", username="anna", password="demo-anna")
        sessions = federation.apps["stad.test"].sessions
        token = browser.cookie("stad.test", "__Host-eilogin")

        def make():
            login = sessions.find(token)
            assert login.address == ""
            cookie = federation.apps["stad.test"].cookie
            more = {env.SESSION: login, env.SESSIONS: sessions, env.COOKIE: cookie}
            return {**request_of("192.0.2.7"), **more}

        return make

    def test_is_left_alone_where_it_is_but_told(self, request_with, events):
        environ = request_with()
        ClientNetworkCheck("warn").check(Visit(environ))
        assert environ[env.SESSION] is not None
        assert not events("address-changed")

    def test_is_taken_out_where_it_is_enforced(self, request_with, events):
        environ = request_with()
        login = environ[env.SESSION]
        here = ClientNetworkCheck("enforce")
        assert here.of_this_network(Visit(environ), login) is None
        here.check(Visit(environ))
        assert environ[env.SESSION] is None
        (told,) = events("address-changed")
        assert told["outcome"] == "refused"
        assert told["pseudonym"]

    def test_is_told_of_though_the_store_is_down(
        self, request_with, events, monkeypatch
    ):
        environ = request_with()

        def down(*_args, **_more):
            raise StoreUnavailable("down")

        monkeypatch.setattr(type(environ[env.SESSIONS].store), "add", down)
        here = ClientNetworkCheck("enforce")
        for _ in range(2):
            here.check(Visit(dict(environ)))
        assert len(events("address-changed")) == 1
