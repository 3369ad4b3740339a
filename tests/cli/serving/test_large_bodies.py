"""``eilogin serve`` and a body above ``max_request_body_size``, over real HTTP."""

import http.client
import socket
import time

import pytest

from eilogin.cli.serving import slow_clients

pytestmark = pytest.mark.usefixtures("logging_as_before")

LIMIT = 64 * 1024
BROWSER = {"Sec-Fetch-Mode": "navigate", "Accept-Language": "nl"}


@pytest.fixture
def served(serve_length):
    """Run ``ask`` with an HTTP connection to a server that takes bodies up to LIMIT."""

    def serve(ask):
        def visit(connect):
            connection = http.client.HTTPConnection("127.0.0.1")
            connection.sock = connect()
            return ask(connection)

        return serve_length(f"max_request_body_size = {LIMIT}", visit)

    return serve


def send(connection, body, **headers):
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    return answer, answer.read().decode()


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("nl", "Uw formulier is te groot"),
        ("en-GB", "Your form is too large"),
    ],
)
def test_is_a_page_that_says_the_limit_after_the_whole_body(served, language, title):
    """The client sends all of it first: more than any buffer on the way can take."""
    headers = BROWSER | {"Accept-Language": language}
    answer, text = served(lambda c: send(c, bytes(20 * 1024**2), **headers))
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert title in text
    assert "64 kB" in text
    assert "waitress" not in text


def test_is_for_a_client_that_takes_longer_than_a_slow_one(served, monkeypatch):
    """What it has sent counts, as of a body that is not too large."""
    monkeypatch.setattr(slow_clients, "IN_TIME", 0.1)
    monkeypatch.setattr(slow_clients, "CHECK_INTERVAL", 0.0)
    monkeypatch.setattr(slow_clients, "RATE", LIMIT)

    def ask(connection):
        begun(connection, 4 * LIMIT, answers=False)
        for _ in range(4):
            time.sleep(0.15)
            connection.sock.sendall(bytes(LIMIT))
        return connection.sock.recv(100)

    assert served(ask).startswith(b"HTTP/1.1 413 ")


def test_is_json_for_a_script(served):
    headers = {"Sec-Fetch-Mode": "cors"}
    answer, text = served(lambda c: send(c, bytes(LIMIT + 1), **headers))
    assert answer.status == 413
    assert text == '{"reason": "message-too-large"}'


def test_leaves_a_smaller_body_to_the_application(served):
    _, text = served(lambda c: send(c, bytes(LIMIT - 1), **BROWSER))
    assert text == str(LIMIT - 1)


def test_answers_at_once_to_who_waits_for_an_answer_before_the_body(served):
    """Expect: 100-continue (RFC 9110 10.1.1), as curl sends it."""

    def ask(connection):
        return begun(connection, LIMIT * 2, "Expect: 100-continue")

    assert served(ask).startswith(b"HTTP/1.1 413 ")


def test_answers_at_once_where_the_rest_is_too_much_to_read(served):
    assert served(lambda c: begun(c, 10**12)).startswith(b"HTTP/1.1 413 ")


def begun(connection, length, *lines, answers=True):
    """What the server says after the head of a request whose body does not come."""
    head = ["POST / HTTP/1.1", "Host: x", f"Content-Length: {length}", *lines]
    connection.sock.sendall("\r\n".join([*head, "", ""]).encode())
    connection.sock.settimeout(60)
    return connection.sock.recv(100) if answers else b""


def test_leaves_other_errors_to_the_server(served):
    def ask(connection):
        connection.sock.sendall(b"nonsense\r\n\r\n")
        connection.sock.shutdown(socket.SHUT_WR)
        return connection.sock.recv(100)

    assert served(ask).startswith(b"HTTP/1.0 400 ")
