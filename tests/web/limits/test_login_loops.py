"""Logins that come round are counted by a cookie that nobody has to believe."""

import re

import pytest
import time_machine

from eilogin import clock as instants
from eilogin.errors import LoginLoops
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.limits import login_loops
from eilogin.web.visit import Visit

PAGE = "/mijn?a=b"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False) as traveller:
        yield traveller


class Visitor:
    """What a browser brings along: the cookie of the rounds, and others."""

    def __init__(self):
        self.rounds = ""
        self.others = []
        self.login = None

    @property
    def environ(self):
        mine = [f"__Host-eilogin-rounds={self.rounds}"] if self.rounds else []
        return {
            "HTTP_COOKIE": "; ".join([*mine, *self.others]),
            env.COOKIE: Cookie("eilogin"),
            env.SESSION: self.login,
        }

    def comes_round(self, target=PAGE):
        name, header = login_loops.note(Visit(self.environ), target)
        assert name == "Set-Cookie"
        assert "; Max-Age=60; " in header
        self.rounds = re.match(r"__Host-eilogin-rounds=([^;]*);", header)[1]

    def is_stopped(self, target=PAGE, **how):
        try:
            login_loops.require_end(Visit(self.environ), target, **how)
        except LoginLoops as error:
            return error
        return None


@pytest.fixture
def visitor():
    return Visitor()


def test_four_rounds_are_let_be_and_the_fifth_is_the_last(visitor, clock):
    for _ in range(4):
        assert not visitor.is_stopped()
        clock.shift(10)
        visitor.comes_round()
    assert visitor.is_stopped()


def test_rounds_of_more_than_a_minute_ago_do_not_count(visitor, clock):
    for _ in range(12):
        assert not visitor.is_stopped()
        visitor.comes_round()
        clock.shift(15)


def test_fast_clicks_on_links_do_not_count_as_quick_loop(visitor, clock):
    for _ in range(5):
        visitor.comes_round()
        clock.shift(2.5)
    assert visitor.is_stopped()
    assert visitor.is_stopped(period=login_loops.QUICK_PERIOD + 1)
    assert not visitor.is_stopped(period=login_loops.QUICK_PERIOD)


def test_other_pages_do_not_add_up(visitor):
    for number in range(30):
        assert not visitor.is_stopped(f"/zaak/{number}")
        visitor.comes_round(f"/zaak/{number}")


def test_two_pages_that_send_her_to_and_fro_do(visitor):
    for _ in range(4):
        visitor.comes_round("/a")
        visitor.comes_round("/b")
    assert visitor.is_stopped("/a")
    assert visitor.is_stopped("/b")


def test_a_query_that_is_another_one_each_time_is_the_same_page(visitor):
    for number in range(5):
        visitor.comes_round(f"/mijn?nonce={number}")
    assert visitor.is_stopped("/mijn")


def test_login_loop_record_stays_small(visitor):
    for number in range(100):
        visitor.comes_round(f"/zaak/{number}")
    assert len(visitor.rounds) < 200
    assert "zaak" not in visitor.rounds


@pytest.mark.parametrize(
    "text",
    ["x", "." * 5000, "zzzzzzzz12345678", "0" * 8, "12345678ffffffff.." * 900,
     "12345678" + "f" * 400],
    ids=["x", "dots", "letters", "short", "future", "long"],
)  # fmt: skip
def test_invented_login_loop_record_is_ignored(visitor, text):
    visitor.rounds = text
    assert not visitor.is_stopped()
    visitor.comes_round()
    assert not visitor.is_stopped()


def test_it_can_be_forgotten():
    assert login_loops.forget()[1].startswith("__Host-eilogin-rounds=; Max-Age=0;")


class TestTheLikelyCause:
    @pytest.fixture
    def stopped(self, visitor):
        def stop():
            for _ in range(5):
                visitor.comes_round()
            return visitor.is_stopped()

        return stop

    def test_is_that_the_cookie_does_not_come_back(self, stopped):
        error = stopped()
        assert error.cause == login_loops.NOT_KEPT
        assert "5 logins in 0 s led to '/mijn' (not-kept)" in str(error)
        assert "Set-Cookie" in str(error)
        assert str(error).endswith("request: eilogin-rounds")

    def test_is_that_it_comes_twice(self, visitor, stopped):
        visitor.others = ["__Host-eilogin=a", "__Host-eilogin=b"]
        error = stopped()
        assert error.cause == login_loops.TWICE
        assert str(error).endswith("request: eilogin eilogin-rounds")

    def test_is_that_no_session_is_known_by_it(self, visitor, stopped):
        visitor.others = ["__Host-eilogin=a"]
        error = stopped()
        assert error.cause == login_loops.UNKNOWN
        assert "Do all servers use one store" in str(error)

    def test_is_that_the_application_asks_again(self, visitor, stopped):
        now = instants.now()
        who = Subject("https://hub.test/", "https://uwv.test/", "anna")
        visitor.login = Login(who, "midden", now, now + 60, now)
        error = stopped()
        assert error.cause == login_loops.ASKED_AGAIN
        assert "Level of the session: at midden" in str(error)
        assert "anna" not in str(error)

    def test_is_told_without_what_stands_in_cookies_and_queries(self, visitor, stopped):
        visitor.others = ["__Host-eilogin=tokentoken", "sid=secret"]
        told = str(stopped())
        assert not re.search(r"tokentoken|secret|sid|a=b", told)


def test_a_session_cookie_of_any_name_is_a_cookie_of_ours():
    environ = {env.COOKIE: Cookie("uwv"), "HTTP_COOKIE": "a=b; __Host-uwvs=x"}
    assert not login_loops.takes_cookies(Visit(environ))
    environ["HTTP_COOKIE"] += "; __Host-uwv=x"
    assert login_loops.takes_cookies(Visit(environ))
