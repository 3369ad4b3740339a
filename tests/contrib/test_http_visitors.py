"""The load generator of the benchmarks behaves as browsers do, and counts failures."""

import importlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "contrib" / "benchmarks"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/broken":
            self.close_connection = True
            return
        if self.path == "/away":
            self.send_response(303)
            self.send_header("Location", "https://other.test/")
        elif self.path == "/login":
            self.send_response(303)
            self.send_header("Location", "https://site.test/page?a=1")
            self.send_header("Set-Cookie", "kept=yes; Path=/; Secure")
            self.send_header("Set-Cookie", "gone=x; Max-Age=60")
        else:
            self.send_response(200)
            self.send_header("Set-Cookie", "gone=; Max-Age=0")
        body = f"{self.path} {self.headers['Cookie']}".encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def setup(self):
        super().setup()
        self.server.clients.append(self.client_address)

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def visitors(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module("http_visitors")
    for name in ("http_visitors", "measuring", "measured_tables"):
        del sys.modules[name]


@pytest.fixture
def clients():
    """The addresses of all connections."""
    return []


@pytest.fixture
def port(clients):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.clients = True, clients
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def crowd(visitors, port):
    crowd = visitors.Visitors(port)
    yield crowd
    crowd.close()


def carried_out(visitors, crowd, *steps):
    """The replies to these steps of one visitor, and the outcomes."""
    replies, outcomes = [], visitors.Outcomes()

    def script():
        for step in steps:
            reply = yield from step
            replies.append(reply)

    crowd.begin(script(), outcomes)
    crowd.finish()
    return replies, outcomes


def test_follows_redirects_on_the_same_host_and_sends_cookies(visitors, crowd):
    browser = visitors.HttpVisitor("site.test", "192.0.2.1")
    (reply,), outcomes = carried_out(visitors, crowd, browser.get("/login"))
    outcomes.require_success()
    assert reply.body == b"/page?a=1 kept=yes; gone=x"
    assert browser.cookies == {"kept": "yes"}


def test_stops_at_a_redirect_to_another_host(visitors, crowd):
    browser = visitors.HttpVisitor("site.test", "192.0.2.1")
    (reply,), _ = carried_out(visitors, crowd, browser.get("/away"))
    assert reply.location == "https://other.test/"


def test_sends_a_form(visitors, crowd):
    browser = visitors.HttpVisitor("site.test", "192.0.2.1")
    (reply,), _ = carried_out(visitors, crowd, browser.post("/", {"name": "a b&c"}))
    assert reply.body == b"name=a+b%26c"


def test_counts_a_visit_without_an_answer_as_failed(visitors, crowd):
    browser = visitors.HttpVisitor("site.test", "192.0.2.1")
    _, outcomes = carried_out(visitors, crowd, browser.get("/broken"))
    assert not outcomes.times
    with pytest.raises(visitors.VisitFailed, match="closed the connection"):
        outcomes.require_success()


def test_counts_a_visit_that_its_script_rejects_as_failed(visitors, crowd):
    outcomes, done = visitors.Outcomes(), []
    browser = visitors.HttpVisitor("site.test", "192.0.2.1")

    def script():
        yield from browser.get("/page")
        raise visitors.VisitFailed("another page")

    crowd.begin(script(), outcomes, lambda: done.append("done"))
    crowd.finish()
    assert outcomes.failures == ["another page"]
    assert done == ["done"]


def test_a_visit_after_hanging_up_opens_a_connection(visitors, crowd, clients):
    browser = visitors.HttpVisitor("site.test", "192.0.2.1")
    carried_out(visitors, crowd, browser.get("/page"))
    crowd.hang_up()
    _, outcomes = carried_out(visitors, crowd, browser.get("/page"))
    outcomes.require_success()
    assert len(clients) == 2


def test_many_visits_share_few_connections(visitors, crowd, clients):
    outcomes = visitors.Outcomes()
    for _ in range(3):
        for number in range(5):
            browser = visitors.HttpVisitor("site.test", f"192.0.2.{number}")
            crowd.begin(browser.get("/page"), outcomes)
        crowd.finish()
    outcomes.require_success()
    assert len(outcomes.times) == 15
    assert len(clients) == 5
