"""Slow clients of a site behind nginx, with the lines of the manual, word for word.

Only its addresses, files and seconds are those of the test.
"""

import socket
import threading
from contextlib import ExitStack
from http.client import HTTPSConnection

import pytest
import waitress
from nginx_servers import nginx, recipe
from peer_servers import ANY_CERTIFICATE
from real_parts import free_ports
from waitress import wasyncore

HOST = "uwv.example.nl"
#: More than the server takes, and fewer than nginx does.
SLOW = 150
#: Seconds. Without the lines of the manual nginx waits 60 s for a slow client.
PATIENCE = 30
HEAD = b"POST / HTTP/1.1\r\nHost: uwv.example.nl\r\nContent-Length: 100\r\n"

pytestmark = pytest.mark.real


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    seen = environ.get("HTTP_X_FORWARDED_FOR"), environ["HTTP_HOST"]
    return [f"{len(environ['wsgi.input'].read())} {seen}".encode()]


@pytest.fixture
def upstream(tmp_path):
    """A waitress with few connections, at a Unix socket."""
    channels, is_over, path = {}, threading.Event(), tmp_path / "web.sock"
    server = waitress.create_server(
        app,
        map=channels,
        unix_socket=str(path),
        threads=2,
        connection_limit=20,
        clear_untrusted_proxy_headers=False,
    )

    def run():
        while not is_over.is_set():
            wasyncore.loop(timeout=0.05, map=channels, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    yield path
    is_over.set()
    thread.join()
    wasyncore.close_all(channels, ignore_all=True)
    server.task_dispatcher.shutdown()


@pytest.fixture
def port(tmp_path, upstream):
    """Where nginx listens, with TLS."""
    [port] = free_ports(1)
    lines = recipe(tmp_path, port, upstream, HOST, {"10s": "1s"})
    with nginx(tmp_path, lines, port):
        yield port


def connect(port, address="127.0.0.1"):
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE, (address, 0))
    return ANY_CERTIFICATE.wrap_socket(plain, server_hostname=HOST)


def ask(port, address="127.0.0.9", body=b"hello"):
    """What a visitor gets."""
    connection = HTTPSConnection(
        "127.0.0.1",
        port,
        timeout=PATIENCE,
        source_address=(address, 0),
        context=ANY_CERTIFICATE,
    )
    connection.request("POST", "/", body, {"Host": HOST})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_keep_nobody_waiting(port):
    """Half of them send no whole head, half no whole body."""
    with ExitStack() as stack:
        slow = []
        for number in range(SLOW):
            one = stack.enter_context(connect(port, f"127.0.1.{1 + number // 30}"))
            one.sendall(HEAD if number % 2 else HEAD + b"\r\nx")
            slow.append(one)
        for _ in range(5):
            status, text = ask(port)
            assert (status, text) == (200, "5 ('127.0.0.9', 'uwv.example.nl')")
        # nginx closes them all, some with a page that says why.
        while slow.pop().recv(4096):
            pass


def test_of_one_address_are_so_many(port):
    with ExitStack() as stack:
        for _ in range(50):
            one = stack.enter_context(connect(port, "127.0.1.1"))
            one.sendall(HEAD + b"\r\nx")
        # Until nginx has read those.
        statuses = {ask(port, "127.0.1.1")[0] for _ in range(20)}
        assert 429 in statuses
        assert ask(port)[0] == 200
