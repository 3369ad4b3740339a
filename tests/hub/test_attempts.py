"""The tries at a password are counted by where they come from: by network."""

import sqlite3
from contextlib import closing

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


class TestWhoIsBlocked:
    """Leaves nothing behind, and takes no tries of others."""

    @pytest.fixture
    def hub_options(self, tmp_path):
        return {"store": f"sqlite:///{tmp_path}/hub.db"}

    @pytest.fixture
    def kept(self, tmp_path):
        """How much the hub has in its store of tries."""

        def count():
            with closing(sqlite3.connect(tmp_path / "hub.db")) as database:
                found = database.execute("SELECT count(*) FROM texts")
                return found.fetchone()[0]

        return count

    def test_by_what_was_tried_from_there(self, is_blocked, kept, monkeypatch):
        monkeypatch.setattr("eilogin.hub.attempts._MOST_FROM_A_PLACE", 3)
        for number in range(3):
            assert not is_blocked("192.0.2.1", f"n{number}")
        before = kept()
        assert before
        for number in range(3, 9):
            assert is_blocked("192.0.2.1", f"n{number}")
        assert kept() == before

    def test_for_one_name(self, is_blocked, kept, monkeypatch):
        monkeypatch.setattr("eilogin.hub.attempts._MOST_FROM_A_PLACE", 6)
        for _ in range(5):
            assert not is_blocked("192.0.2.1")
        before = kept()
        for _ in range(5):
            assert is_blocked("192.0.2.1")
        assert kept() == before
        assert not is_blocked("192.0.2.1", "bram"), "the last one from there"

    def test_for_a_name_that_is_tried_from_everywhere(
        self, is_blocked, kept, monkeypatch
    ):
        monkeypatch.setattr("eilogin.hub.attempts._MOST_FOR_A_NAME", 2)
        for number in range(2):
            assert not is_blocked(f"192.0.2.{number}")
        before = kept()
        assert is_blocked("192.0.2.3")
        assert kept() == before


def test_an_address_of_ipv4_is_counted_by_itself(is_blocked):
    assert [is_blocked("192.0.2.1") for _ in range(6)][-1]
    assert not is_blocked("192.0.2.2")
