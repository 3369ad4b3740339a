"""The same applications over real HTTP: ``eilogin serve``, in a process of its own."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from eilogin.cli.demo import Demo
from eilogin.testing import Browser

#: What belongs to one connection, and not to what is sent over it (RFC 9110 7.6.1).
HOP_BY_HOP = {"connection", "transfer-encoding"}


def over_http(environ, start_response):
    """Ask the server at the port of the address; ``*.localhost`` is this machine."""
    port = int(environ["SERVER_PORT"])
    length = int(environ.get("CONTENT_LENGTH") or 0)
    headers = {
        key.removeprefix("HTTP_").replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("HTTP_") or key == "CONTENT_TYPE"
    }
    query = environ["QUERY_STRING"]
    path = environ["PATH_INFO"] + (f"?{query}" if query else "")
    body = environ["wsgi.input"].read(length)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(environ["REQUEST_METHOD"], path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP]
    start_response(f"{answer.status} {answer.reason}", kept)
    return [content]


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture
def served(ini_file, applications):
    """The port for visitors, and the server, which has ended well afterwards."""
    visitors, servers = free_ports(2)
    text = ini_file.read_text()
    text = text.replace("visitors = 8080", f"visitors = {visitors}")
    ini_file.write_text(text.replace("servers = 8081", f"servers = {servers}"))
    # Other addresses are other metadata, signed anew.
    list(Demo(ini_file).prepare())
    code = "from eilogin.cli import main; main()"
    log = ini_file.with_name("eilogin.log")
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-c", code, "serve", str(ini_file)],
            env={**os.environ, "PYTHONPATH": str(applications / "guestbook")},
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        try:
            for port in (visitors, servers):
                told = process.stdout.readline().decode()
                assert told == f"serving on http://127.0.0.1:{port}\n", log.read_text()
            yield visitors, log
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0, log.read_text()


def test_logs_in_once_is_known_everywhere_and_is_logged_out_everywhere(
    served, citizen_at
):
    port, log = served
    pages = {
        f"http://reports.localhost:{port}": "/reports",
        f"http://permits.localhost:{port}": "/application/",
        f"http://guestbook.localhost:{port}": "/book",
    }
    anna = citizen_at(Browser(over_http))
    first, *others = [site + page for site, page in pages.items()]
    anna.log_in(first)
    pseudonym = anna.user
    assert all(anna.is_let_in(page) for page in others), "by artifact and by POST"
    assert anna.user == "Anna de Proef"
    anna.browser.press("Send", text="groeten")
    assert "groeten" in anna.browser.text
    anna.browser.click("Log out")
    assert anna.browser.url == f"http://guestbook.localhost:{port}/"
    for site, page in pages.items():
        anna.visit(f"{site}/")
        assert "You are not logged in." in anna.browser.text, site
        anna.visit(site + page)
        assert anna.is_asked_for_password, site
    anna.type_password()
    assert anna.browser.url == others[-1]

    told = log.read_text()
    assert "Traceback" not in told
    assert not re.search(rf"demo-anna|9000000|{re.escape(pseudonym)}", told)
