"""Whoever keeps something of a login elsewhere hears of its end."""

import gc

import pytest

from eilogin.sessions import Login, Sessions, Subject
from eilogin.sessions.session_keepers import has_keepers, register_keeper
from eilogin.stores import open_store

ANNA = Login(
    who=Subject("https://hub.example", "https://uwv.example", "anna"),
    level="basis",
    started=0.0,
    ends=1e12,
    confirmed=0.0,
)
BERT = Login(
    who=Subject("https://hub.example", "https://uwv.example", "bert"),
    level="basis",
    started=0.0,
    ends=1e12,
    confirmed=0.0,
)


class Keeper:
    def __init__(self):
        self.forgotten = []

    def forget(self, login):
        self.forgotten.append(login)


@pytest.fixture
def keeper():
    keeper = Keeper()
    register_keeper(keeper)
    return keeper


@pytest.fixture
def sessions():
    return Sessions(open_store("memory:"), idle=900, max_session=1e13)


@pytest.fixture
def login(sessions):
    return sessions.find(sessions.create_login(ANNA, issued=1.0))


@pytest.mark.parametrize(
    "end",
    [
        lambda s, login: s.end_citizen(login),
        lambda s, login: s.end_all_of(login.who),
        lambda s, login: s.end_login(login, issued=0.0),
        lambda s, login: s.end_subject(login.who, issued=0.0),
        lambda s, login: s.drop(login),
        lambda s, login: s.create_login(BERT, issued=1.0, replaces=login),
    ],
)
def test_is_told_once_by_whoever_ends_it(sessions, login, keeper, end):
    end(sessions, login)
    assert [each.family for each in keeper.forgotten] == [login.family]


def test_is_not_told_of_a_step_up(sessions, login, keeper):
    sessions.create_login(ANNA, issued=1.0, replaces=login)
    assert keeper.forgotten == []


def test_is_told_of_each_that_ends(sessions, login, keeper):
    sessions.create_login(ANNA, issued=1.0)
    sessions.end_citizen(login)
    assert len({login.family for login in keeper.forgotten}) == 2


def test_that_fails_keeps_nobody_from_logging_out(
    sessions, login, keeper, monkeypatch, caplog
):
    monkeypatch.setattr(keeper, "forget", lambda login: 1 / 0)
    other = Keeper()
    register_keeper(other)
    assert sessions.end_subject(login.who, issued=0.0)
    assert len(other.forgotten) == 1
    assert "ZeroDivisionError" in caplog.text
    assert login.family not in caplog.text


def test_that_is_gone_is_told_nothing(sessions, login):
    keeper = Keeper()
    register_keeper(keeper)
    assert has_keepers()
    forgotten = keeper.forgotten
    del keeper
    gc.collect()
    sessions.drop(login)
    assert forgotten == []
