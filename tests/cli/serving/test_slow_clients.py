"""``eilogin serve`` and clients that send slowly: nobody else waits for them."""

import http.client
import time

import pytest
from waitress.adjustments import Adjustments

from eilogin.cli.serving import slow_clients

pytestmark = pytest.mark.usefixtures("logging_as_before")

HEAD = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 1000\r\n"


@pytest.fixture
def served(serve_length):
    """Run ``ask`` while a server that takes twelve connections serves."""
    return lambda ask: serve_length("connection_limit = 12", ask)


def is_closed(connection):
    """Whether the server closes it now, or soon."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def status(connection, body=b""):
    """The status of the answer to a request."""
    length = str(len(body)).encode()
    connection.sendall(
        b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: %b\r\n\r\n%b"
        % (length, body)
    )
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr(slow_clients, "CHECK_INTERVAL", 0.05)
    # What waitress waits for at most before it looks.
    monkeypatch.setattr(Adjustments, "asyncore_loop_timeout", 0.05)


def test_slow_requests_are_closed_and_no_other_connection(served, monkeypatch, caplog):
    monkeypatch.setattr(slow_clients, "IN_TIME", 2.0)

    def ask(connect):
        waiting = connect()
        assert status(waiting) == 200
        slow = [connect(), connect(HEAD), connect(HEAD + b"\r\n" + b"x")]
        assert all(map(is_closed, slow))
        # It has sent a request in time, and may send another one.
        return status(waiting, b"more")

    assert served(ask) == 200
    assert "serve: closed " in caplog.text
    assert caplog.text.count("too slowly") == 1, "one line a minute"


def test_a_body_that_comes_fast_enough_may_take_long(served, monkeypatch):
    monkeypatch.setattr(slow_clients, "IN_TIME", 0.2)
    monkeypatch.setattr(slow_clients, "RATE", 100)

    def ask(connect):
        sends = connect(HEAD + b"\r\n" + b"x" * 500)
        time.sleep(0.2)
        other = connect()
        assert is_closed(other)
        sends.sendall(b"x" * 500)
        answer = http.client.HTTPResponse(sends)
        answer.begin()
        return answer.read()

    assert served(ask) == b"1000"


def test_a_crowd_of_slow_clients_keeps_nobody_out(served, monkeypatch):
    """More than the server takes at a time; each sends a byte now and then."""
    monkeypatch.setattr(slow_clients, "WHILE_FULL", 1.0)

    def ask(connect):
        idle = connect()
        assert status(idle) == 200
        for _ in range(30):
            connect(HEAD)
        return status(connect())

    assert served(ask) == 200


def test_a_crowd_that_stops_after_a_large_part_keeps_nobody_out(served, monkeypatch):
    """What each has sent is worth no pause of minutes."""
    monkeypatch.setattr(slow_clients, "WHILE_FULL", 1.0)
    large = HEAD.replace(b"Content-Length: 1000", b"Content-Length: 900000")
    assert large != HEAD

    def ask(connect):
        for _ in range(30):
            connect(large + b"\r\n" + b"x" * 50_000)
        return status(connect())

    assert served(ask) == 200
