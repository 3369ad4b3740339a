"""Whole requests: a participant and a hub, from the outermost filter inward.

Property: every request has an answer, and none is a fault of ours: no status of 500 or
more, but of a SOAP address, which answers with a Fault. No answer leads to another host
than those of the federation, has a control character in a header, or repeats markup
that came with the request. The application learns of nobody, whatever the request says.

Where a query has ``@request`` in it, a good AuthnRequest of now stands there: what is
around it is the attacker's. The first octet of an input chooses the address, the second
the method; the lines of the rest are a query, headers, each after an octet that chooses
its name, and, behind an empty line, a body.
"""

import io
import re
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from eilogin.testing import Federation

_HOSTS = ("uwv.test", "stad.test", "inloggen.test")
_BELOW = (
    "/", "/mijn", "/open", "/eilogin/acs", "/eilogin/login", "/eilogin/logout",
    "/eilogin/slo", "/eilogin/slo/soap", "/eilogin/session", "/eilogin/metadata",
    "/eilogin/discovery", "/eilogin/again", "/eilogin/", "/eilogin/warning.js",
    "/eilogin/language",
)  # fmt: skip
_AT_HUB = (
    "/", "/sso", "/slo", "/slo/soap", "/artifact", "/metadata", "/login", "/logout",
    "/health", "/activity",
)  # fmt: skip
_ADDRESSES = (
    *((host, path) for host in _HOSTS[:2] for path in _BELOW),
    *((_HOSTS[2], path) for path in _AT_HUB),
)
_METHODS = ("GET", "POST", "HEAD", "PUT", "OPTIONS", "get", "")
_HEADERS = (
    "HTTP_COOKIE", "HTTP_ACCEPT", "HTTP_ACCEPT_LANGUAGE", "HTTP_ORIGIN",
    "HTTP_REFERER", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_DEST", "HTTP_X_FORWARDED_FOR", "HTTP_X_REQUESTED_WITH",
    "CONTENT_TYPE", "HTTP_REMOTE_USER", "HTTP_X_REMOTE_USER", "HTTP_DESTINATION",
    "HTTP_X_ORIGINAL_URL", "HTTP_IF_NONE_MATCH", "HTTP_RANGE", "HTTP_USER_AGENT",
    "PATH_INFO", "SCRIPT_NAME", "REMOTE_ADDR", "CONTENT_LENGTH", "HTTP_PURPOSE",
    "HTTP_AUTHORIZATION", "HTTP_X_HTTP_METHOD_OVERRIDE", "REQUEST_URI",
)  # fmt: skip
_MARKUP = "<zz\"'>"
_SOAP = ("/eilogin/slo/soap", "/slo/soap", "/artifact", "/activity")
#: Requests after which the federation is made anew, with empty stores.
_MANY = 20_000
_FAULT = 500
#: In the place of the parameters of an AuthnRequest.
_GOOD = "@request"
_FOLDER = tempfile.TemporaryDirectory(prefix="eilogin-fuzz-")
_served = {"requests": 0}


def check(octets: bytes) -> None:
    """Hold one request against the property."""
    _served["requests"] += 1
    if _served["requests"] % _MANY == 0:
        _federation.cache_clear()
    environ = _environ_of(octets)
    status, headers, body = _answer(environ)
    is_soap = environ["PATH_INFO"] in _SOAP and "xml" in headers.get("content-type", "")
    # No site here has a path: elsewhere each of them answers nobody.
    is_misplaced = environ.get("SCRIPT_NAME", "") not in ("", "/")
    assert is_misplaced or int(status[:3]) < _FAULT or is_soap, status
    for name, value in headers.items():
        assert not re.search(r"[\x00-\x1f\x7f]", value), name
    if "location" in headers:
        parts = urlsplit(headers["location"])
        assert parts.scheme == "https"
        assert parts.netloc in _HOSTS
    for action in re.findall(rb'action="([^"]*)"', body):
        host = urlsplit(action.decode()).netloc
        assert host in ("", *_HOSTS)
    assert _MARKUP.encode() not in body
    assert b"<zz" not in body
    assert b"Traceback" not in body


def _environ_of(octets: bytes) -> dict[str, Any]:
    head, _, body = octets[2:].partition(b"\n\n")
    query, *lines = head.decode("latin-1").split("\n")
    if _GOOD in query:
        query = query.replace(_GOOD, _good_request())
    host, path = (
        _ADDRESSES[octets[0] % len(_ADDRESSES)] if octets else ("uwv.test", "/")
    )
    environ: dict[str, Any] = {
        "REQUEST_METHOD": _METHODS[octets[1] % len(_METHODS)] if octets[1:] else "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "REMOTE_ADDR": "127.0.0.1",
    }
    for line in lines[:8]:
        environ[_HEADERS[ord(line[0]) % len(_HEADERS)] if line else "X"] = line[1:]
    return {
        **environ,
        "HTTP_HOST": host,
        "SERVER_NAME": host,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _good_request() -> str:
    """The query by which a participant asks the hub; of a minute ago at most."""
    return _asked_in(int(time.monotonic() // 60))


@cache
def _asked_in(_minute: int) -> str:
    environ = {**_environ_of(b"\1\0"), "HTTP_ACCEPT": "text/html"}
    _, headers, _ = _answer(environ)
    return urlsplit(headers["location"]).query


def _answer(environ: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
    told: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert exc_info is None
        told[:] = [status, {name.lower(): value for name, value in headers}]

    answered = _federation()(environ, start)
    try:
        body = b"".join(answered)
    finally:
        close = getattr(answered, "close", None)
        if close is not None:
            close()
    status, headers = told
    return status, headers, body


def _app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """An application that must not be told of anybody."""
    told = {"REMOTE_USER", "AUTH_TYPE", "HTTP_REMOTE_USER", "HTTP_X_REMOTE_USER"}
    assert not told & environ.keys(), "somebody was let in"
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [b"<!doctype html><html><head></head><body><h1>x</h1></body></html>"]


@cache
def _federation() -> Federation:
    return Federation(
        Path(_FOLDER.name),
        {"uwv.test": _app, "stad.test": _app},
        options={
            "uwv.test": {"protect": "/open optional", "silent": "true"},
            "stad.test": {
                "acs": "post",
                "protect": "=/ off\n/open optional",
                "trusted_proxies": "127.0.0.0/8",
                "unsolicited": "true",
                "bind_address": "warn",
                "headers": "X-Remote-User subject",
            },
        },
    )


def seeds() -> Iterator[bytes]:
    """Requests to every address, and some with what was tried before."""
    yield bytes([_ADDRESSES.index(("inloggen.test", "/sso")), 0]) + _GOOD.encode()
    for number in range(len(_ADDRESSES)):
        for method in range(2):
            start = bytes([number, method])
            yield start
            yield start + b"next=%2Fmijn&level=basis\n\x05same-origin\n\x06navigate"
            yield start + b"SAMLRequest=s0lMAgA%3D&RelayState=x\n\2nl,en;q=0.5"
            yield start + f"hub={quote(_MARKUP)}&next={quote(_MARKUP)}".encode()
            yield (
                start
                + b"\n\0__Host-eilogin=x; a=b\n\x03null\n\nSAMLResponse=PGEvPg%3D%3D"
            )
            yield start + b"\n\x0atext/xml\n\n<a/>"
