"""A small site, bare and behind what can guard it, with a visitor who is logged in.

The site does next to nothing, so that what is measured is what stands before it.
"""

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beaker.middleware import SessionMiddleware
from webob import Request

from eilogin.testing import Federation
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST, HUB = "uwv.test", "inloggen.test"
PATH = "/mijn/zaken"
COOKIE = "__Host-eilogin"
_LENGTH_OF_A_SESSION = 900
_BODY = b"<p>" + b"Uw zaken. " * 100


def site(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """A page of a kilobyte, which needs nothing."""
    start_response("200 OK", [("Content-Type", "text/html")])
    # One part, of which a server can tell the length, and keep the connection.
    return [_BODY + environ.get("REMOTE_USER", "").encode("latin-1")]


def site_with_cookies(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """The same, which sets three cookies where it finds none."""
    if "remember=" in environ.get("HTTP_COOKIE", ""):
        return site(environ, start_response)
    names = ("sessionid", "remember", "basket")
    told = [
        ("Set-Cookie", f"{name}={secrets.token_hex(16)}; HttpOnly") for name in names
    ]
    start_response("200 OK", [("Content-Type", "text/html"), *told])
    return [_BODY]


_HTML = (
    b'<!doctype html>\n<html lang="nl">\n<head>\n<meta charset="utf-8">\n'
    b"<title>Mijn zaken</title>\n</head>\n<body>\n<main>\n<h1>Mijn zaken</h1>\n"
    + b"<p>Uw zaken. Lees hier hoe het ermee staat.</p>\n" * 170
    + b"</main>\n</body>\n</html>\n"
)
_AS_HTML = ("Content-Type", "text/html; charset=utf-8")


def html_page(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """A page of eight kilobytes, which begins as pages do."""
    start_response("200 OK", [_AS_HTML])
    return [_HTML]


def html_page_with_policy(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """The same with a policy that is another one each time."""
    nonce = secrets.token_hex(8)
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'"
    start_response("200 OK", [_AS_HTML, ("Content-Security-Policy", policy)])
    return [_HTML]


@contextmanager
def guarded(
    folder: Path, store: str, app: "WSGIApplication" = site, **options: str
) -> Iterator[tuple["WSGIApplication", str]]:
    """The site behind the five filters, and the cookies of who is logged in.

    First that of the session, then those of the application.
    """
    # Another benchmark measures the cost of the warning.
    said = {"store": store, "warn": "off", **options}
    folder.mkdir(exist_ok=True)
    federation = Federation(folder, {HOST: app}, options={HOST: said})
    browser = federation.browser()
    browser.visit(f"https://{HOST}{PATH}")
    browser.press("Inloggen", username="anna", password="demo-anna")  # noqa: S106
    token = browser.cookie(HOST, COOKIE)
    assert token, browser.text
    pairs = [f"{COOKIE}={token}"]
    for name, value in browser.cookies(HOST).items():
        if not name.startswith(COOKIE):
            pairs.append(f"{name}={value}")
    yield federation.apps[HOST], "; ".join(pairs)
    federation.apps[HOST].sessions.store.close()  # type: ignore[attr-defined]


class ByDictionary:
    """The floor: who carries this cookie is in a dictionary.

    ``users`` has by cookie value the user, and until when.
    """

    def __init__(
        self, app: "WSGIApplication", users: Mapping[str, tuple[str, float]]
    ) -> None:
        self.app = app
        self.users = users

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Say who it is, and pass on."""
        user, until = self.users.get(_cookie(environ), ("", 0.0))
        if until > time.time():
            environ["REMOTE_USER"] = user
        return self.app(environ, start_response)


class BySelect:
    """The floor with a store that others share: one SELECT, and what it gives as JSON.

    ``path`` is a store of eilogin; the cookie has the number of the session in it.
    """

    def __init__(self, app: "WSGIApplication", path: Path) -> None:
        self.app = app
        # A thread of a server may be another one than that which made it.
        self.connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False
        )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Say who it is, and pass on."""
        rows = self.connection.execute(
            "SELECT data, until FROM sessions WHERE id = ?", (_cookie(environ),)
        ).fetchall()
        if rows and rows[0][1] > time.time():
            # The last line of a record is the greater part of it.
            record = json.loads(rows[0][0].rpartition("\n")[2])
            environ["REMOTE_USER"] = record["who"]["name_id"]
        return self.app(environ, start_response)

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[tuple["BySelect", str]]:
        """The floor on the one session of a store, and the cookies with its key."""
        floor = cls(site, path)
        with closing(floor.connection):
            (number,) = floor.connection.execute("SELECT id FROM sessions").fetchone()
            yield floor, f"{COOKIE}={number}"


class ByGet:
    """The floor with a Redis that others share: one GET by redis-py and hiredis.

    ``url`` is a server; the cookie has the name of what it has.
    """

    def __init__(self, app: "WSGIApplication", url: str) -> None:
        # Not needed, and not there, where nothing of Redis is measured.
        from redis import Redis  # noqa: PLC0415

        self.app = app
        self.client = Redis.from_url(url)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Say who it is, and pass on."""
        if self.client.get(_cookie(environ)):
            environ["REMOTE_USER"] = "anna"
        return self.app(environ, start_response)

    @classmethod
    @contextmanager
    def opened(cls, url: str) -> Iterator[tuple["ByGet", str]]:
        """The floor on a value as long as a session, and the cookies with its name."""
        floor = cls(site, url)
        with closing(floor.client):
            floor.client.set("q7Xw2", "x" * _LENGTH_OF_A_SESSION)
            yield floor, f"{COOKIE}=q7Xw2"


def _cookie(environ: "WSGIEnvironment") -> str:
    for pair in environ.get("HTTP_COOKIE", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return str(value)
    return ""


def by_beaker() -> tuple["WSGIApplication", str]:
    """The site behind Beaker's own middleware in memory, and a visitor's cookies."""

    def inner(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        session = environ["beaker.session"]
        if environ["PATH_INFO"] == "/login":
            session["user"] = "q7Xw2"
            session.save()
        environ["REMOTE_USER"] = session.get("user", "")
        return site(environ, start_response)

    app = SessionMiddleware(inner, {"session.type": "memory"})
    response = Request(environ("", "/login")).get_response(app)
    return app, response.headers["Set-Cookie"].partition(";")[0].strip()


def _note(told: list[str], status: str, *_: object) -> Any:
    """A start_response that keeps the status."""
    told.append(status)


def _ignore(status: str, headers: object, exc_info: object = None) -> Any:
    """A start_response that starts nothing."""


def environ(cookies: str, path: str = PATH) -> dict[str, Any]:
    """What a server hands over for a click of a browser that has these cookies."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": HOST,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": HOST,
        "HTTP_ACCEPT": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "nl",
        "HTTP_COOKIE": f"taal=nl; {cookies}",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "HTTP_SEC_FETCH_MODE": "navigate",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": None,
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def requests_to(app: "WSGIApplication", cookies: str) -> Callable[[], object]:
    """A call that asks ``app`` for the page once; its visitor must be known there."""
    asked = environ(cookies)
    # At the second request too.
    for _ in range(2):
        told: list[str] = []
        note = partial(_note, told)
        body = b"".join(answer(app, asked, note))
        assert told == ["200 OK"], body
        assert not cookies or body != _BODY, "the visitor is not known"
    return partial(answer, app, asked)


def answer(
    app: "WSGIApplication", asked: dict[str, Any], start_response: Any = _ignore
) -> Iterable[bytes]:
    """What ``app`` answers to an environ, which may have been asked before.

    A server makes it anew, which would be a good part of the time that is taken. So
    that alone is set back by which a filter knows that it stands inside of another
    site's filters. It is not taken out: a dictionary with holes, which no server hands
    over, takes four times as long to copy.
    """
    asked[env.COOKIE] = None
    return app(asked, start_response)
