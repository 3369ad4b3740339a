"""The tries at a password are counted by where they come from: by network."""

import sqlite3
from contextlib import closing

import pytest
from webob import Request

HUB = "https://inloggen.test"


@pytest.fixture
def attempt(federation):
    """Try a password from an address; the answer."""

    def send(address, username="anna", typed="x", cookie=""):
        form = {"username": username, "password": typed}
        request = Request.blank(f"{HUB}/login", method="POST", POST=form)
        request.environ["REMOTE_ADDR"] = address
        request.headers["Origin"] = HUB
        request.headers["Cookie"] = f"__Host-eilogin-sign-in=yes; {cookie}"
        return request.get_response(federation)

    return send


@pytest.fixture
def is_blocked(attempt, events):
    """Try a wrong password; whether that was once too often, which the log says."""

    def wrong(address, username="anna", **more):
        attempt(address, username, **more)
        return events("sign-in")[-1]["reason"] != "wrong"

    return wrong


@pytest.fixture
def known(attempt):
    """The cookie of a browser in which a citizen has signed in."""

    def sign_in(name="anna", cookie=""):
        answer = attempt("203.0.113.9", name, f"demo-{name}", cookie)
        assert answer.status_int == 303
        headers = answer.headers.getall("Set-Cookie")
        [header] = [h for h in headers if h.startswith("__Host-eilogin-known=")]
        assert "Max-Age=15552000; Path=/; Secure; HttpOnly; SameSite=Lax" in header
        return header.partition(";")[0]

    return sign_in


def test_who_has_a_whole_network_of_ipv6_has_the_tries_of_one(is_blocked):
    tries = [is_blocked(f"2001:db8::{number}") for number in range(1, 7)]
    assert tries == [False] * 5 + [True]
    assert not is_blocked("2001:db8:0:1::1"), "another network"


def test_whatever_passwords_are_tried_from_there(is_blocked, monkeypatch, attempt):
    monkeypatch.setattr("eilogin.hub.attempts._MOST_FROM_A_PLACE", 3)
    tries = [is_blocked(f"2001:db8::{number}", f"n{number}") for number in range(1, 5)]
    assert tries == [False] * 3 + [True]
    assert "te vaak geprobeerd via deze" in attempt("2001:db8::9").text


def test_what_is_tried_in_vain_counts_there_too(is_blocked, monkeypatch):
    """It is as much work as another one."""
    monkeypatch.setattr("eilogin.hub.attempts._MOST_FROM_A_PLACE", 7)
    for _ in range(7):
        is_blocked("192.0.2.1")
    assert is_blocked("192.0.2.1", "bram")


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

    def test_for_one_name(self, is_blocked, kept):
        for _ in range(5):
            assert not is_blocked("192.0.2.1")
        before = kept()
        for _ in range(5):
            assert is_blocked("192.0.2.1")
        assert kept() == before + 5, "in the count of the network alone"
        assert not is_blocked("192.0.2.2"), "from elsewhere"
        assert not is_blocked("192.0.2.1", "bram")

    def test_for_a_name_that_is_tried_from_everywhere(
        self, is_blocked, kept, monkeypatch
    ):
        monkeypatch.setattr("eilogin.hub.attempts._MOST_FOR_A_NAME", 2)
        for number in range(2):
            assert not is_blocked(f"192.0.2.{number}")
        before = kept()
        assert is_blocked("192.0.2.3")
        assert kept() == before + 1


def test_an_address_of_ipv4_is_counted_by_itself(is_blocked):
    assert [is_blocked("192.0.2.1") for _ in range(6)][-1]
    assert not is_blocked("192.0.2.2")


class TestHerOwnBrowser:
    """One in which she has signed in before, which its cookie says."""

    @pytest.fixture
    def locked(self, is_blocked, monkeypatch):
        """Somebody tries her password all day, from her network and from others."""
        monkeypatch.setattr("eilogin.hub.attempts._MOST_FOR_A_NAME", 7)

        def lock(name="anna"):
            for number in range(8):
                is_blocked("192.0.2.1", name)
                is_blocked(f"192.0.2.{number}", name)
            assert is_blocked("192.0.2.1", name)
            assert is_blocked("198.51.100.1", name)

        return lock

    def test_lets_her_in_whatever_others_try(self, known, locked, attempt):
        cookie = known()
        locked()
        assert attempt("192.0.2.1", "anna", "demo-anna").status_int == 200
        assert attempt("192.0.2.1", "ANNA ", "demo-anna", cookie).status_int == 303

    def test_lets_her_in_though_her_network_tries_everybody(
        self, known, is_blocked, attempt, monkeypatch
    ):
        monkeypatch.setattr("eilogin.hub.attempts._MOST_FROM_A_PLACE", 3)
        cookie = known()
        for number in range(4):
            is_blocked("192.0.2.1", f"n{number}")
        assert "te vaak geprobeerd via" in attempt("192.0.2.1").text
        assert attempt("192.0.2.1", "anna", "demo-anna", cookie).status_int == 303

    def test_has_five_tries_itself(self, known, is_blocked):
        cookie = known()
        tries = [is_blocked(f"192.0.2.{number}", cookie=cookie) for number in range(6)]
        assert tries == [False] * 5 + [True], "from wherever it comes"
        assert not is_blocked("192.0.2.1"), "others have theirs"

    def test_is_nobody_elses(self, known, locked, attempt):
        cookie = known("bram")
        locked()
        assert attempt("192.0.2.1", "anna", "demo-anna", cookie).status_int == 200

    def test_may_be_that_of_a_household(self, known, locked, attempt):
        cookie = known("bram", known("anna"))
        locked("anna")
        locked("bram")
        for name in ("anna", "bram"):
            password = f"demo-{name}"
            assert attempt("192.0.2.1", name, password, cookie).status_int == 303

    def test_stays_known_when_she_signs_in_again(self, known):
        cookie = known()
        assert known(cookie=cookie) == cookie
        assert known() != cookie, "another browser"

    @pytest.mark.parametrize(
        "forged",
        [
            "x",
            "",
            "." * 50,
            "A" * 22 + ":" + "0" * 80,
            "A" * 22 + ":" + "zz" * 40,
            "A" * 22 + ":" + "é" * 40,
        ],
    )
    def test_is_none_that_says_so(self, known, locked, attempt, forged):
        number = known().partition("=")[2].partition(":")[0]
        locked()
        for value in (forged, forged.replace("A" * 22, number)):
            cookie = f"__Host-eilogin-known={value}"
            answer = attempt("192.0.2.1", "anna", "demo-anna", cookie)
            assert answer.status_int == 200

    def test_is_known_to_the_last_four_of_a_household(self, known, attempt):
        cookie = known()
        number = cookie.partition("=")[2]
        strangers = ".".join("B" * 22 + f":{n:064x}" for n in range(5))
        again = known("bram", f"__Host-eilogin-known={number}.{strangers}")
        assert again.count(":") == 4
        assert number in again
