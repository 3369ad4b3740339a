"""Slow clients of a site behind nginx, with the lines of the manual, word for word.

Only its addresses, files and seconds are those of the test.
"""

import re
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest
import waitress
from manual_blocks import block, with_changes
from real_parts import free_ports, unavailable, wait_until_it_listens
from waitress import wasyncore

NGINX = Path("/usr/sbin/nginx")
#: More than the server takes, and fewer than nginx does.
SLOW = 150
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
    """Where nginx listens."""
    if not NGINX.exists():
        unavailable("needs nginx: apt install nginx-light")
    [port] = free_ports(1)
    replaced = {
        "listen 443 ssl": f"listen 127.0.0.1:{port}",
        "/run/eilogin/web.sock": str(upstream),
        "10s": "1s",
    }
    said = re.sub(r"\n *ssl_certificate.*", "", block("serving.rst", "Slow clients"))
    lines = with_changes(said, replaced)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "\n".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    config, log = tmp_path / "nginx.conf", tmp_path / "nginx.log"
    config.write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid;\n"
        f"error_log {log};\nevents {{ worker_connections 768; }}\n"
        f"http {{ access_log off;\n{folders}\n{lines}\n}}\n"
    )
    command = [NGINX, "-p", tmp_path, "-c", config, "-e", log]
    with subprocess.Popen(command) as process:
        try:
            wait_until_it_listens(port, process, log)
            yield port
        finally:
            process.terminate()


def connect(port, address="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", port), 10, (address, 0))


def ask(port, address="127.0.0.9", body=b"hello"):
    """What a visitor gets."""
    connection = HTTPConnection("127.0.0.1", port, 10, source_address=(address, 0))
    connection.request("POST", "/", body, {"Host": "uwv.example.nl"})
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
        begun = time.monotonic()
        for _ in range(5):
            status, text = ask(port)
            assert (status, text) == (200, "5 ('127.0.0.9', 'uwv.example.nl')")
        assert time.monotonic() - begun < 5
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
