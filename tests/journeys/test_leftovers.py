"""What a login that is over leaves in the store of the hub."""

import sqlite3
from contextlib import closing

import pytest

from eilogin.clock import now

UWV, STAD = "https://uwv.test/mijn", "https://stad.test/mijn"
LOG_OUT = "https://uwv.test/eilogin/logout"
LOGINS = 10


def show_visitor(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"user=[{environ.get('REMOTE_USER', '')}]".encode()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "hub.db"


@pytest.fixture
def federation(path, clock, eilogin_federation):
    options = {"protect": "/ basis"}
    return eilogin_federation(
        {"uwv.test": show_visitor, "stad.test": show_visitor},
        options={"uwv.test": options, "stad.test": options},
        hub_options={"store": f"sqlite:///{path}"},
    )


def octets_in(path) -> dict[str, int]:
    """The octets of text in each table."""
    tables = {
        "sessions": "coalesce(length(key), 0) + length(data) + length(labels)",
        "labels": "length(label)",
        "items": "length(item)",
        "texts": "length(key) + length(value)",
        "marks": "length(label)",
    }
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(
                f"SELECT coalesce(sum({size}), 0) FROM {table}"  # noqa: S608 - ours
            ).fetchone()[0]
            for table, size in tables.items()
        }


@pytest.fixture
def after_logouts(federation, clock, citizen_at):
    """Log in and out at two sites, several times, and let some minutes pass."""
    for _ in range(LOGINS):
        anna = citizen_at(federation.browser()).log_in(UWV)
        assert anna.is_let_in(STAD)
        anna.visit(LOG_OUT)
        assert "U bent overal uitgelogd" in anna.browser.text
    clock.shift(6 * 60)
    for _ in range(2):
        citizen_at(federation.browser(), "bram").log_in(UWV)


def test_sessions_that_were_ended_leave_nothing(path, after_logouts) -> None:
    one_session = 2 * 1500
    left = octets_in(path)
    assert left["sessions"] + left["labels"] + left["items"] < 2 * one_session


def test_a_login_leaves_little_for_an_hour(path, after_logouts) -> None:
    left = octets_in(path)
    assert left["texts"] + left["marks"] < (LOGINS + 2) * 2560, left


def test_tries_that_succeeded_are_not_kept(path, after_logouts) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM texts WHERE key LIKE '%attempts:%' AND until > ?",
            (now(),),
        ).fetchone()
    assert count == 0
