"""The tries at a password are counted by where they come from: by network."""

import pytest
from webob import Request

HUB = "https://inloggen.test"


@pytest.fixture
def is_blocked(federation):
    """Try a wrong password from an address; whether that was once too often."""

    def attempt(address, username="anna"):
        form = {"username": username, "password": "x"}
        request = Request.blank(f"{HUB}/login", method="POST", POST=form)
        request.environ["REMOTE_ADDR"] = address
        request.headers["Origin"] = HUB
        request.headers["Cookie"] = "__Host-eilogin-sign-in=yes"
        return "te vaak" in request.get_response(federation).text

    return attempt


def test_who_has_a_whole_network_of_ipv6_has_the_tries_of_one(is_blocked):
    tries = [is_blocked(f"2001:db8::{number}") for number in range(1, 7)]
    assert tries == [False] * 5 + [True]
    assert not is_blocked("2001:db8:0:1::1"), "another network"


def test_whatever_passwords_are_tried_from_there(is_blocked, monkeypatch):
    monkeypatch.setattr("eilogin.hub.attempts._MOST_FROM_A_PLACE", 3)
    tries = [is_blocked(f"2001:db8::{number}", f"n{number}") for number in range(1, 5)]
    assert tries == [False] * 3 + [True]


def test_an_address_of_ipv4_is_counted_by_itself(is_blocked):
    assert [is_blocked("192.0.2.1") for _ in range(6)][-1]
    assert not is_blocked("192.0.2.2")
