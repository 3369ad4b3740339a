"""A small site, bare and behind what can guard it, with a visitor who is logged in.

The site does next to nothing, so that what is measured is what stands before it.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST, HUB = "uwv.test", "inloggen.test"
PATH = "/mijn/zaken"
COOKIE = "__Host-eilogin"
_CLIENT = "127.0.0.1"
_BODY = b"<p>" + b"Uw zaken. " * 100


def site(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """A page of a kilobyte, which needs nothing."""
    body = _BODY + environ.get("REMOTE_USER", "").encode("latin-1")
    # gunicorn sends a body of unknown length in chunks.
    headers = [("Content-Type", "text/html"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


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
    folder: Path,
    store: str,
    app: "WSGIApplication" = site,
    *,
    release: str = "* requested",
    **options: str,
) -> Iterator[tuple["WSGIApplication", str]]:
    """The site behind the five filters, and the cookies of who is logged in.

    First that of the session, then those of the application. ``release`` says which
    attributes the hub gives.
    """
    # It imports the hub too, which takes a second: a bare site must not wait for it.
    from eilogin.testing import Federation  # noqa: PLC0415

    # Another benchmark measures the cost of the warning.
    said = {"store": store, "warn": "off", **options}
    folder.mkdir(exist_ok=True)
    federation = Federation(
        folder, {HOST: app}, options={HOST: said}, hub_options={"release": release}
    )
    browser = federation.browser()
    # As in environ(): ``bind_address`` compares them.
    browser.address = _CLIENT
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
        "REMOTE_ADDR": _CLIENT,
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
