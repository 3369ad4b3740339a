"""The tries at a password are counted by where they come from: by network."""

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from webob import Request

from eilogin.hub.signin.hashing_threads import HashingThreads

HUB = "https://inloggen.test"
MINUTE = 60


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


def test_addresses_of_one_ipv6_network_share_their_attempts(is_blocked):
    tries = [is_blocked(f"2001:db8::{number}") for number in range(1, 7)]
    assert tries == [False] * 5 + [True]
    assert not is_blocked("2001:db8:0:1::1"), "another network"


def test_limits_attempts_from_all_ipv6_networks_of_a_household(
    is_blocked, monkeypatch, attempt
):
    """That has as many networks of IPv6 as it likes."""
    monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FROM_WIDER", 3)
    tries = [is_blocked(f"2001:db8:0:{n}::1", f"n{n}") for n in range(4)]
    assert tries == [False] * 3 + [True]
    assert "te vaak geprobeerd via deze" in attempt("2001:db8:0:9::9").text
    assert not is_blocked("2001:db8:1::1", "another"), "another household"
    assert not is_blocked("192.0.2.1", "one more")


def test_limits_attempts_with_any_usernames_from_one_network(
    is_blocked, monkeypatch, attempt
):
    monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FROM_A_PLACE", 3)
    tries = [is_blocked(f"2001:db8::{number}", f"n{number}") for number in range(1, 5)]
    assert tries == [False] * 3 + [True]
    assert "te vaak geprobeerd via deze" in attempt("2001:db8::9").text


def test_blocked_attempts_count_for_the_network(is_blocked, monkeypatch):
    """It is as much work as another one."""
    monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FROM_A_PLACE", 7)
    for _ in range(7):
        is_blocked("192.0.2.1")
    assert is_blocked("192.0.2.1", "bram")


def test_each_try_counts_for_a_quarter_of_an_hour(is_blocked, clock):
    for number in range(5):
        assert not is_blocked("192.0.2.1")
        clock.shift(MINUTE if number == 2 else 0)
    clock.shift(14 * MINUTE)
    assert [is_blocked("192.0.2.1") for _ in range(4)] == [False] * 3 + [True]
    clock.shift(MINUTE)
    assert [is_blocked("192.0.2.1") for _ in range(3)] == [False] * 2 + [True]


def test_successful_sign_ins_use_up_no_attempts(is_blocked, attempt, monkeypatch):
    """Many do so from one network, and one from many machines."""
    monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FROM_A_PLACE", 2)
    monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FOR_A_NAME", 2)
    for _ in range(3):
        assert attempt("192.0.2.1", "anna", "demo-anna").status_int == 303
    assert [is_blocked("192.0.2.1") for _ in range(3)] == [False, False, True]


def test_a_try_costs_as_much_however_many_there_were(
    federation, is_blocked, monkeypatch
):
    """Else who is told that he tries too often keeps the store busy by that."""
    monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FROM_A_PLACE", 40)
    store, asked = federation.apps["inloggen.test"].sessions.store, []
    for name in ("add", "get", "take", "swap"):
        real = getattr(store, name)

        def counted(*arguments, real=real, **more):
            asked.append(arguments)
            return real(*arguments, **more)

        monkeypatch.setattr(store, name, counted)
    costs = []
    for number in range(42):
        asked.clear()
        assert is_blocked("192.0.2.1", f"n{number}") == (number >= 40)
        costs.append(len(asked))
    assert max(costs) <= 8, costs
    assert max(costs[40:]) <= 2, costs


class TestManyAtTheSameTime:
    """Each is counted once, whoever was faster."""

    @pytest.fixture(params=["memory", "sqlite", "redis"])
    def hub_options(self, request, tmp_path):
        if request.param == "redis":
            return {"store": request.getfixturevalue("redis_url")("redis")}
        url = f"sqlite:///{tmp_path}/hub.db" if request.param == "sqlite" else "memory:"
        return {"store": url}

    def test_have_the_tries_that_there_are(self, attempt, events):
        with ThreadPoolExecutor(8) as threads:
            tries = [threads.submit(attempt, "192.0.2.1") for _ in range(16)]
            assert {one.result().status_int for one in tries} == {200}
        reasons = Counter(event["reason"] for event in events("sign-in"))
        assert reasons == {"wrong": 5, "too-often": 11}

    def test_are_refused_where_they_cannot_be_counted(self, attempt, monkeypatch):
        """Of too many the slowest has found others faster each time."""
        monkeypatch.setattr("eilogin.hub.signin.signin_attempts._ROUNDS", 0)
        assert attempt("192.0.2.1", "anna", "demo-anna").status_int == 200


class TestWhoIsBlocked:
    """Leaves nothing behind, and takes no tries of others."""

    @pytest.fixture
    def hub_options(self, tmp_path):
        return {"store": f"sqlite:///{tmp_path}/hub.db"}

    @pytest.fixture
    def kept(self, tmp_path):
        """What the hub has in its store of tries."""

        def read():
            with closing(sqlite3.connect(tmp_path / "hub.db")) as database:
                found = database.execute("SELECT key, value, until FROM texts")
                return sorted(found)

        return read

    def test_by_what_was_tried_from_there(self, is_blocked, kept, monkeypatch):
        monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FROM_A_PLACE", 3)
        for number in range(3):
            assert not is_blocked("192.0.2.1", f"n{number}")
        before = kept()
        assert before
        for number in range(3, 9):
            assert is_blocked("192.0.2.1", f"n{number}")
        assert kept() == before

    def test_for_one_name(self, is_blocked, monkeypatch):
        monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FOR_A_NAME", 7)
        for _ in range(5):
            assert not is_blocked("192.0.2.1")
        for _ in range(5):
            assert is_blocked("192.0.2.1")
        elsewhere = [is_blocked("192.0.2.2") for _ in range(3)]
        assert elsewhere == [False, False, True], "what the name had left"
        assert not is_blocked("192.0.2.1", "bram")

    def test_for_a_name_that_is_tried_from_everywhere(
        self, is_blocked, clock, monkeypatch
    ):
        monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FOR_A_NAME", 2)
        for number in range(2):
            assert not is_blocked(f"192.0.2.{number}")
        clock.shift(10 * MINUTE)
        for _ in range(6):
            assert is_blocked("192.0.2.3")
        clock.shift(5 * MINUTE)
        assert not is_blocked("192.0.2.3"), "it has all of its own"


def test_an_address_of_ipv4_is_counted_by_itself(is_blocked):
    assert [is_blocked("192.0.2.1") for _ in range(6)][-1]
    assert not is_blocked("192.0.2.2")


class TestHerOwnBrowser:
    """One in which she has signed in before, which its cookie says."""

    @pytest.fixture
    def locked(self, is_blocked, monkeypatch):
        """Somebody tries her password all day, from her network and from others."""
        monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FOR_A_NAME", 7)

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
        monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FROM_A_PLACE", 3)
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

    def test_stays_the_same_one_when_she_signs_in_again(self, known, is_blocked):
        cookie = known()
        again, another = known(cookie=cookie), known()
        for _ in range(5):
            assert not is_blocked("192.0.2.1", cookie=again)
        assert is_blocked("192.0.2.1", cookie=cookie)
        assert not is_blocked("192.0.2.1", cookie=another)

    @pytest.mark.parametrize(
        "forged",
        ["x", "", "." * 50, "A" * 100, "A" * 99, "é" * 100],
        ids=["short", "empty", "dots", "base64", "not base64", "not ASCII"],
    )
    def test_is_none_that_says_so(self, locked, attempt, forged):
        locked()
        cookie = f"__Host-eilogin-known={forged}"
        answer = attempt("192.0.2.1", "anna", "demo-anna", cookie)
        assert answer.status_int == 200

    @pytest.mark.parametrize("place", [8, 40, -8])
    def test_is_none_whose_cookie_was_changed(self, known, locked, attempt, place):
        name, _, value = known().partition("=")
        letters = list(value)
        letters[place] = "A" if letters[place] != "A" else "B"
        locked()
        cookie = f"{name}={''.join(letters)}"
        answer = attempt("192.0.2.1", "anna", "demo-anna", cookie)
        assert answer.status_int == 200

    def test_is_known_to_the_last_four_of_a_household(self, known, locked, attempt):
        hers = known()
        strangers = ".".join(hers.partition("=")[2][::-1] for _ in range(5))
        again = known("bram", f"{hers}.{strangers}")
        assert len(again.split(".")) == 4
        locked()
        assert attempt("192.0.2.1", "anna", "demo-anna", again).status_int == 303


class TestABusyHub:
    @pytest.fixture
    def busy(self, monkeypatch):
        name = "eilogin.hub.signin.hashing_threads._MOST"
        return lambda most=0: monkeypatch.setattr(name, most)

    def test_asks_to_try_again(self, attempt, busy):
        busy()
        answer = attempt("192.0.2.1", "anna", "demo-anna")
        assert answer.status_int == 503
        assert answer.headers["Retry-After"]
        assert f'href="{HUB}/login"' in answer.text or 'href="/login"' in answer.text

    def test_takes_all_ipv6_networks_of_a_household_for_one(self, attempt, monkeypatch):
        run, networks = HashingThreads.run, []

        def run_and_note(threads, network, job):
            networks.append(network)
            return run(threads, network, job)

        monkeypatch.setattr(HashingThreads, "run", run_and_note)
        for address in ("2001:db8:0:1::1", "2001:db8:0:2::1", "192.0.2.1"):
            attempt(address)
        assert networks == ["2001:db8::/48", "2001:db8::/48", "192.0.2.1/32"]

    def test_counts_no_attempt(self, attempt, busy, is_blocked):
        busy()
        for _ in range(7):
            assert attempt("192.0.2.1", "anna", "demo-anna").status_int == 503
        busy(100)
        assert [is_blocked("192.0.2.1") for _ in range(6)] == [False] * 5 + [True]
