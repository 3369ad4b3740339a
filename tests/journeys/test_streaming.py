"""What passes through real servers: large bodies in both directions, and little ones.

Nothing of it is held in our memory. (waitress keeps an upload on disk until it has
come in; gunicorn lets the application read it as it comes.)
"""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import pytest
from real_parts import free_ports, wait_until_it_listens
from unmeasured import unmeasured

from eilogin import clock
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import open_store
from eilogin.testing import Federation

GIGABYTE = 1_000_000_000
PART = bytes(range(256)) * 1024
#: What a server may take more for it, all its processes together, in kB.
LITTLE = 64 * 1024

APP = '''
import os
import time
import zlib

PART = bytes(range(256)) * 1024
PAGE = b"0123456789" * 100


def app(environ, start_response):
    assert environ["REMOTE_USER"] == "anna"
    return globals()[environ["PATH_INFO"].strip("/")](environ, start_response)


def up(environ, start_response):
    size = crc = 0
    while part := environ["wsgi.input"].read(65536):
        size, crc = size + len(part), zlib.crc32(part, crc)
    told = f"{size} {crc}".encode()
    length = ("Content-Length", str(len(told)))
    start_response("200 OK", [("Content-Type", "text/plain"), length])
    return [told]


def down(environ, start_response):
    left = int(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    while left > 0:
        yield PART[:left]
        left -= len(PART)


def slow(environ, start_response):
    """The second part waits until whoever reads the first one has made a file."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    deadline = time.monotonic() + 30
    while not os.path.exists(environ["QUERY_STRING"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield b"second"


def page(environ, start_response):
    """As any web framework does it: whole, in part, or not changed."""
    etag = ("ETag", '"one"')
    if environ.get("HTTP_IF_NONE_MATCH") == '"one"':
        start_response("304 Not Modified", [etag])
        return []
    if environ.get("HTTP_RANGE") == "bytes=5-9":
        kind = ("Content-Type", "text/plain")
        told = [etag, kind, ("Content-Range", f"bytes 5-9/{len(PAGE)}"),
                ("Content-Length", "5")]
        start_response("206 Partial Content", told)
        return [PAGE[5:10]]
    told = [etag, ("Content-Type", "text/plain"), ("Content-Length", str(len(PAGE)))]
    start_response("200 OK", told)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else PAGE]
'''

INI = """\
[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{port}
threads = 4
recv_bytes = 262144
max_request_body_size = 1073741824

[pipeline:main]
pipeline = eilogin app

[filter:eilogin]
use = egg:eilogin
public_url = http://wire.localhost:{port}
store = sqlite:///%(here)s/eilogin.db
key = %(here)s/wire.localhost.key
certificate = %(here)s/wire.localhost.crt
federation = %(here)s/federation.xml
federation_certificate = %(here)s/federation.crt

[app:app]
use = egg:eilogin#wsgi
app = wire:app
path = %(here)s
"""


# --- a site, served by a process of its own -------------------------------------------


def eilogin_serve(file, port):
    """The command line of ``eilogin serve``."""
    return [sys.executable, "-c", "from eilogin.cli import main; main()", "serve",
            str(file)]  # fmt: skip


def gunicorn(file, port):
    """The command line of gunicorn, with several workers, for the same file."""
    return [sys.executable, "-m", "gunicorn", "--paste", str(file), "-k", "gthread",
            "--threads", "4", "-w", "2", "-b", f"127.0.0.1:{port}"]  # fmt: skip


class Site:
    """A site behind eilogin, and how to ask it something as who is logged in there."""

    def __init__(self, folder, make_command):
        (self.port,) = free_ports(1)
        self.folder = folder
        own = {"public_url": f"http://wire.localhost:{self.port}"}
        host = "wire.localhost"
        Federation(folder, {host: lambda *_: []}, options={host: own})
        (folder / "wire.py").write_text(APP)
        file = folder / "wire.ini"
        file.write_text(INI.format(port=self.port))
        self.command = make_command(file, self.port)
        self.log = folder / "server.log"
        self.cookie = f"__Host-eilogin={self._log_in()}"

    def _log_in(self):
        store = open_store(f"sqlite:///{self.folder}/eilogin.db")
        store.prepare()
        sessions = Sessions(store, idle=900.0, max_session=7200.0)
        now = clock.now()
        us = f"http://wire.localhost:{self.port}/eilogin/metadata"
        who = Subject("https://inloggen.test/metadata", us, "anna")
        token = sessions.create_login(
            Login(who, "basis", now, float("inf"), now), issued=now
        )
        store.close()
        return token

    @contextlib.contextmanager
    def served(self):
        with (
            self.log.open("wb") as output,
            subprocess.Popen(
                self.command, env=unmeasured(), stdout=output, stderr=output
            ) as process,
        ):
            try:
                wait_until_it_listens(self.port, process, self.log)
                self.pid = process.pid
                yield self
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0, self.log.read_text()
        assert "Traceback" not in self.log.read_text()

    @contextlib.contextmanager
    def ask(self, method, path, body=None, **headers):
        """An answer that is read as it comes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        said = {"Host": f"wire.localhost:{self.port}", "Cookie": self.cookie}
        said.update({name.replace("_", "-"): text for name, text in headers.items()})
        try:
            connection.request(method, path, body, {k: v for k, v in said.items() if v})
            yield connection.getresponse()
        finally:
            connection.close()

    def peak(self):
        """The most memory that its processes ever had, together, in kB."""
        return sum(_status(pid, "VmHWM") for pid in [self.pid, *_children(self.pid)])


def _status(pid, field):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition(f"{field}:")[2].split()[0])


def _children(pid):
    return [
        int(status.parent.name)
        for status in Path("/proc").glob("[0-9]*/status")
        if _parent(status) == pid
    ]


def _parent(status):
    with contextlib.suppress(OSError):
        return int(status.read_text().partition("PPid:")[2].split()[0])
    return None


@pytest.fixture(scope="module", params=[eilogin_serve, gunicorn])
def site(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wire")
    with Site(folder, request.param).served() as site:
        # What a first request loads is not what a body takes.
        for _ in range(8):
            with site.ask("GET", "/page") as answer:
                assert answer.read()[:10] == b"0123456789", site.log.read_text()
        yield site


# --- large ----------------------------------------------------------------------------


def parts_of(size):
    while size > 0:
        yield PART[:size]
        size -= len(PART)


def crc_of(size):
    crc = 0
    for part in parts_of(size):
        crc = zlib.crc32(part, crc)
    return crc


def test_an_upload_of_a_gigabyte_is_not_held_in_memory(site):
    before = site.peak()
    body, length = parts_of(GIGABYTE), str(GIGABYTE)
    with site.ask("PUT", "/up", body, Content_Length=length) as answer:
        assert answer.read().decode() == f"{GIGABYTE} {crc_of(GIGABYTE)}"
    assert site.peak() - before < LITTLE


def test_a_download_of_a_gigabyte_is_not_held_in_memory(site):
    before = site.peak()
    size = crc = 0
    with site.ask("GET", f"/down?{GIGABYTE}") as answer:
        while part := answer.read(len(PART)):
            size, crc = size + len(part), zlib.crc32(part, crc)
    assert (size, crc) == (GIGABYTE, crc_of(GIGABYTE))
    assert site.peak() - before < LITTLE


def test_a_stranger_sends_a_large_body_in_vain(site):
    """None of it reaches the application or stays with us.

    waitress takes the whole of it first; gunicorn answers at once, and hangs up.
    """
    before = site.peak()
    body, length = parts_of(GIGABYTE // 4), str(GIGABYTE // 4)
    hangs_up = [ConnectionError] if "gunicorn" in site.command else []
    with (
        contextlib.suppress(*hangs_up),
        site.ask("PUT", "/up", body, Content_Length=length, Cookie="") as answer,
    ):
        assert answer.status == 401
    assert site.peak() - before < LITTLE
    assert "AssertionError" not in site.log.read_text()


def test_a_part_is_sent_before_the_next_one_is_made(site, tmp_path):
    read = tmp_path / "read"
    with site.ask("GET", f"/slow?{read}") as answer:
        assert answer.read(5) == b"first"
        read.touch()
        assert answer.read() == b"second"


# --- other methods and conditions -----------------------------------------------------


def test_a_look_at_the_headers_gets_those_of_the_page_and_no_body(site):
    with site.ask("HEAD", "/page") as answer:
        assert (answer.status, answer.read()) == (200, b"")
        assert answer.headers["Content-Length"] == "1000"
        assert answer.headers["ETag"] == '"one"'


def test_a_part_of_a_page_and_one_that_has_not_changed_are_the_applications(site):
    with site.ask("GET", "/page", Range="bytes=5-9") as answer:
        assert (answer.status, answer.read()) == (206, b"56789")
        assert answer.headers["Content-Range"] == "bytes 5-9/1000"
    with site.ask("GET", "/page", If_None_Match='"one"') as answer:
        assert (answer.status, answer.read()) == (304, b"")


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("HEAD", {}, 302),
        ("GET", {"Range": "bytes=5-9"}, 302),
        ("GET", {"If_None_Match": '"one"'}, 302),
        ("GET", {"If_None_Match": "*", "Sec_Fetch_Mode": "cors"}, 401),
        ("GET", {"Range": "bytes=5-9", "Sec_Fetch_Mode": "no-cors"}, 401),
        ("OPTIONS", {"Origin": "https://x.example"}, 401),
        ("PUT", {"If_Match": '"one"'}, 401),
    ],
)
def test_a_stranger_learns_nothing_of_a_page_by_any_of_them(
    site, method, headers, status
):
    with site.ask(method, "/page", Cookie="", **headers) as answer:
        body = answer.read()
        assert answer.status == status
        assert b"56789" not in body
        assert not {"ETag", "Content-Range", "Last-Modified"} & set(answer.headers)
        if status == 401:
            assert answer.headers["Content-Type"] == "application/json"
            assert answer.headers["Cache-Control"] == "no-store"


def request_head(site, cookie, length):
    text = f"""\
        PUT /up HTTP/1.1
        Host: wire.localhost:{site.port}
        Cookie: {cookie}
        Content-Length: {length}
        Expect: 100-continue

        """
    return textwrap.dedent(text).replace("\n", "\r\n").encode()


@pytest.mark.parametrize("is_known", [True, False])
def test_request_with_expect_continue_gets_one_correct_response(site, is_known):
    """Expect: 100-continue (RFC 9110 10.1.1), over a connection that is used again."""
    head = request_head(site, site.cookie if is_known else "a=b", 5)
    with (
        socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection,
        connection.makefile("rb") as answers,
    ):
        for _ in range(2):
            connection.sendall(head)
            assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert answers.readline() == b"\r\n"
            connection.sendall(b"hello")
            status, headers = answers.readline(), http.client.parse_headers(answers)
            assert status.split()[1] == (b"200" if is_known else b"401")
            length = int(headers["Content-Length"])
            body = answers.read(length)
            assert body.startswith(b"5 " if is_known else b'{"reason": "login-needed"')


@pytest.mark.parametrize("odd", ["null; {}", "x[y]=1; {}", 'a={{"b":1}}; {}'])
def test_odd_cookies_come_through_servers_and_do_not_lose_the_session(site, odd):
    with site.ask("GET", "/page", Cookie=odd.format(site.cookie)) as answer:
        assert answer.status == 200


def test_sixty_four_kilobytes_of_cookies_lose_the_session_nowhere(site):
    """A server may refuse them; it is not told that nobody is logged in."""
    cookies = f"x={'y' * 65536}; {site.cookie}"
    with site.ask("GET", "/page", Cookie=cookies) as answer:
        answer.read()
        assert answer.status in ((400, 431) if "gunicorn" in site.command else (200,))
    with site.ask("GET", "/page") as answer:
        assert answer.status == 200
