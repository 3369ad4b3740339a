"""Bytes for real servers, as no client would send them; and what these answer.

The sites are a hub, three participants and a portal. Each has a port of its own, at
which whatever host a request names is its own business, as it is where one site has a
server to itself; at one more port the host of a request decides. What stands behind the
filters says all that it is told of its visitor (:func:`tell_identity`).
"""

import contextlib
import http.client
import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import waitress
from peer_servers import Server
from real_parts import free_ports
from waitress import wasyncore

from eilogin.compose.hosts import Hosts
from eilogin.config import read
from eilogin.portal.portal_app import Portal, PortalOptions
from eilogin.saml.signing_keys import SigningKey
from eilogin.testing import Browser, Federation

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HUB = "inloggen.test"
#: By POST, with every option by which an application learns who somebody is.
UWV = "uwv.test"
#: By artifact; its application has a policy of its own.
STAD = "stad.test"
#: Has DigiD's portal.
MIJN = "mijn.test"
#: Takes what it did not ask for.
LAND = "land.test"

#: What stands in the ini file of ``uwv.test`` for request headers.
MAPPED = ("X-Name", "X-Level", "X-Class", "Citizen", "X-Role", "X-Kind", "X-Wiki-Admin")
_SAID = {
    UWV: {
        "acs": "post",
        "protect": "=/ optional\n/open optional\n/static off\n/midden midden",
        "headers": (
            "X-Name attribute:name\nX-Level level\nX-Class attribute:mail\n"
            'Citizen subject\nX-Role none\nX-Kind "citizen"\nX-Wiki-* none'
        ),
        "attributes": "name NAME\nmail MAIL",
        "next": "/",
        "accessibility_status": "none",
        "accessibility_date": "2026-01-01",
        "accessibility_contact": "help@uwv.test",
    },
    STAD: {"protect": "=/ optional\n/open optional"},
    MIJN: {"acs": "post", "protect": "/ optional"},
    LAND: {"acs": "post", "unsolicited": "true", "protect": "=/ optional"},
}
#: The policy of the application at ``stad.test``: stricter than ours.
STRICT = "default-src 'self'; form-action 'self'; frame-ancestors 'none'"

#: By which names a server says what is no identity (PEP 3333, RFC 3875, gunicorn).
_OF_THE_REQUEST = {
    *("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE"),
    *("CONTENT_LENGTH", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"),
    *("SERVER_SOFTWARE", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "RAW_URI"),
    *("REQUEST_URI", "HTTP_HOST", "HTTP_COOKIE", "HTTP_CONNECTION"),
}
PATIENCE = 60.0


# --- the sites ------------------------------------------------------------------------


def tell_identity(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> list[bytes]:
    """All that could tell an application who asks, as JSON: an app.

    Every key of environ that says nothing of the request or the server.
    """
    told = {
        key: value
        for key, value in environ.items()
        if isinstance(value, str)
        and key not in _OF_THE_REQUEST
        and not key.startswith("wsgi.")
    }
    login = environ.get("eilogin.session")
    told["eilogin.session"] = None if login is None else login.subject
    headers = [("Content-Type", "application/json")]
    if environ["HTTP_HOST" if "HTTP_HOST" in environ else "SERVER_NAME"] == STAD:
        headers.append(("Content-Security-Policy", STRICT))
    start_response("200 OK", headers)
    return [json.dumps(told).encode()]


def tell_page(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> list[bytes]:
    """A page with a policy of its own, and a form that leads to where a login is."""
    start_response(
        "200 OK",
        [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", STRICT),
        ],
    )
    user = environ.get("REMOTE_USER", "")
    return [
        f"<!doctype html><title>stad</title><p>user=[{user}]</p>"
        '<form method="post" action="/mijn/verhuizen"><button>Send</button></form>'
        '<a href="/eilogin/login?next=/mijn">Log in</a>'
        '<a href="/eilogin/logout">Log out</a>'.encode()
    ]


def make_sites(folder: Path) -> Federation:
    """The sites, whose keys and metadata ``folder`` takes."""
    apps: Mapping[str, WSGIApplication] = {
        UWV: tell_identity,
        STAD: tell_page,
        MIJN: Portal(read(PortalOptions, {}, {})),
        LAND: tell_identity,
    }
    return Federation(folder, apps, options=_SAID)


def by_port(
    federation: Federation, ports: Mapping[str, int], any_port: int
) -> "WSGIApplication":
    """One app for all ports."""
    apps: dict[str, WSGIApplication] = {
        str(port): federation.apps[host] for host, port in ports.items()
    }
    apps[str(any_port)] = Hosts(federation.apps)

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        return apps[environ["SERVER_PORT"]](environ, start_response)

    return answer


@dataclass(frozen=True)
class Served:
    """Sites that a server of some kind serves."""

    kind: str
    #: The port by host, and the one at which the host of a request decides.
    ports: Mapping[str, int]
    any_port: int
    #: With keys and metadata.
    folder: Path
    #: Where they are in this process; None where they are in one of their own.
    federation: Federation | None = None
    #: What browsers were answered, by host and path.
    heard: list[tuple[str, str, "Answer"]] = field(default_factory=list)

    def trusts(self) -> SimpleNamespace:
        """Who a test may speak for: the key and the name of every member."""
        return SimpleNamespace(trusts={host: self._member(host) for host in self.ports})

    def _member(self, host: str) -> SimpleNamespace:
        ends = ("key", "crt")
        pair = [(self.folder / f"{host}.{end}").read_bytes() for end in ends]
        prefix = "" if host == HUB else "/eilogin"
        return SimpleNamespace(
            own=SimpleNamespace(
                entity_id=f"https://{host}{prefix}/metadata",
                key=SigningKey.load(*pair),
            )
        )

    def ask(self, octets: bytes, host: str = UWV) -> "Answer":
        """What the site answers to these bytes."""
        return ask(self.ports[host], octets)

    def browser(self) -> Browser:
        """A browser for which these sites are the world."""
        return Browser(self._over_sockets)

    def signed_in(
        self, url: str = f"https://{UWV}/mijn", name: str = "anna"
    ) -> Browser:
        """One in which a citizen has logged in for a page, and sees it."""
        browser = self.browser()
        browser.visit(url)
        assert urlsplit(browser.url).hostname == HUB, browser.text
        browser.press("Inloggen", username=name, password=f"demo-{name}")
        assert browser.url == url, browser.text
        return browser

    def _over_sockets(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> list[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        host = environ["HTTP_HOST"].partition(":")[0]
        lines = [
            f"{key.removeprefix('HTTP_').replace('_', '-')}: {value}"
            for key, value in environ.items()
            if key.startswith("HTTP_") and key != "HTTP_HOST"
        ]
        query = environ["QUERY_STRING"]
        target = environ["PATH_INFO"] + (f"?{query}" if query else "")
        if environ.get("CONTENT_TYPE"):
            lines.append(f"Content-Type: {environ['CONTENT_TYPE']}")
        body = environ["wsgi.input"].read(length)
        octets = request(
            environ["REQUEST_METHOD"], target, *lines, host=host, body=body
        )
        answer = self.ask(octets, host)
        self.heard.append((host, environ["PATH_INFO"], answer))
        kept = [(k, v) for k, v in answer.headers if k.lower() not in _HOP_BY_HOP]
        start_response(f"{answer.status} {answer.reason or 'Unknown'}", kept)
        return [answer.body]


_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


@contextlib.contextmanager
def waitress_serves(folder: Path) -> Iterator[Served]:
    """In a thread of this process."""
    hosts = (HUB, UWV, STAD, MIJN, LAND)
    *own, any_port = free_ports(len(hosts) + 1)
    ports = dict(zip(hosts, own, strict=True))
    federation = make_sites(folder)
    channels: dict[int, Any] = {}
    server = waitress.create_server(
        by_port(federation, ports, any_port),
        map=channels,
        listen=" ".join(f"127.0.0.1:{port}" for port in (*own, any_port)),
        threads=4,
    )
    is_over = threading.Event()

    def run() -> None:
        while not is_over.is_set():
            wasyncore.loop(timeout=0.1, map=channels, count=1)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield Served("waitress", ports, any_port, folder, federation)
    finally:
        # Not from outside: it would look at what is closed.
        is_over.set()
        thread.join(PATIENCE)
        server.close()


_SERVED = """\
import sys
from pathlib import Path

sys.path.insert(0, {support!r})

from raw_http import by_port, make_sites

app = by_port(make_sites(Path(__file__).parent), {ports!r}, {any_port!r})
"""

_INI = """\
[app:main]
use = egg:eilogin#wsgi
app = served:app
path = %(here)s
"""


@contextlib.contextmanager
def gunicorn_serves(folder: Path) -> Iterator[Served]:
    """As one worker with threads, of a process of its own, from an ini file."""
    hosts = (HUB, UWV, STAD, MIJN, LAND)
    *own, any_port = free_ports(len(hosts) + 1)
    ports = dict(zip(hosts, own, strict=True))
    support = str(Path(__file__).parent)
    served = _SERVED.format(support=support, ports=ports, any_port=any_port)
    (folder / "served.py").write_text(served)
    (folder / "paste.ini").write_text(_INI)
    addresses = [
        word for port in (*own, any_port) for word in ("-b", f"127.0.0.1:{port}")
    ]
    command = [sys.executable, "-m", "gunicorn", "--paste", "paste.ini", "-w", "1",
               "-k", "gthread", "--threads", "4", *addresses,
               # As servers were for long: a header with underscores is one with dashes.
               "--header-map", "dangerous"]  # fmt: skip
    with Server(folder, command, any_port) as server:
        yield Served("gunicorn", ports, any_port, folder)
        assert "Traceback" not in server.log, server.log


#: The servers that these tests know, by name.
SERVERS = {"waitress": waitress_serves, "gunicorn": gunicorn_serves}


# --- bytes ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What a server has said; status 0 where it hung up without a word."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """What every header of a name says."""
        return [v for k, v in self.headers if k.lower() == name.lower()]

    def one(self, name: str) -> str:
        """What the one header of a name says; "" where there is none."""
        found = self.all(name)
        assert len(found) <= 1, (name, found)
        return found[0] if found else ""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def request(
    method: str,
    target: str | bytes,
    *lines: str | bytes,
    host: str | None = UWV,
    body: bytes = b"",
    length: bool = True,
) -> bytes:
    """The bytes of a request; ``lines`` are of its head, as they are.

    Without a Host where that is None, and without Content-Length where no ``length`` is
    wanted; it asks for the connection to be closed.
    """
    head: list[str | bytes] = [method, target, "HTTP/1.1"]
    begin = b" ".join(map(_octets, head))
    all_lines: list[str | bytes] = [begin]
    if host is not None:
        all_lines.append(f"Host: {host}")
    all_lines += lines
    if body and length:
        all_lines.append(f"Content-Length: {len(body)}")
    all_lines += ["Connection: close", "", ""]
    return b"\r\n".join(map(_octets, all_lines)) + body


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def ask(port: int, octets: bytes) -> Answer:
    """Send bytes, and read one answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        # Who refuses early does not read it all.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(octets)
        method = octets.partition(b" ")[0].decode("latin-1")
        response = http.client.HTTPResponse(connection, method=method)
        try:
            response.begin()
            body = response.read()
        except (http.client.HTTPException, ConnectionResetError):
            return Answer(0)
        headers = tuple(response.getheaders())
        return Answer(response.status, response.reason, headers, body)


def cookies_of(browser: Browser, host: str) -> str:
    """The Cookie line with which a browser's own requests come."""
    pairs = (f"{name}={value}" for name, value in browser.cookies(host).items())
    return f"Cookie: {'; '.join(pairs)}"
