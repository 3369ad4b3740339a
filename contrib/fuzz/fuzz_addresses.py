"""Where to go on to, who speaks, and which address may be sent to.

Property: ``safe_next`` gives a path of this site, whoever reads it, in ASCII.
``client_address`` gives the address of the socket, or one that a trusted proxy named.
``origin_of``, ``web_host`` and ``require_address`` take addresses that are plain for
every reader; ``read_query`` and ``read_form`` give each field once, or
MalformedMessage.

The first octet of an input chooses; what follows is a text in latin-1.
"""

import io
import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from eilogin.config import LONGEST_TARGET
from eilogin.errors import MalformedMessage
from eilogin.saml.metadata.metadata_addresses import require_address, web_host
from eilogin.web.limits.client_network import network_of
from eilogin.web.requests import (
    client_address,
    is_from_other_site,
    origin_of,
    read_form,
    read_query,
    safe_next,
)
from eilogin.web.visit import Visit

_TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1"))
_SITE = "https://uwv.example.nl"
#: What a browser leaves out of an address, and takes for a slash (WHATWG URL 4.4).
_LEFT_OUT = re.compile(r"[\t\r\n]|^[\x00-\x20]+|[\x00-\x20]+$")


def check(octets: bytes) -> None:
    """Hold one text against the property."""
    kind, text = octets[:1], octets[1:].decode("latin-1")
    _CHECKS[kind[0] % len(_CHECKS) if kind else 0](text)


def _next(text: str) -> None:
    for value in (text, text.encode("latin-1").decode(errors="replace")):
        found = safe_next(value)
        assert found.isascii()
        assert found.isprintable()
        assert len(found) <= 9 * LONGEST_TARGET
        as_browser = _LEFT_OUT.sub("", found).replace("\\", "/")
        assert re.match(r"/(?!/)", as_browser), f"{found!r} leads elsewhere"
        assert "/../" not in as_browser.partition("?")[0]


def _client(text: str) -> None:
    socket, _, forwarded = text.partition(" ")
    visit = Visit({"REMOTE_ADDR": socket, "HTTP_X_FORWARDED_FOR": forwarded})
    found = client_address(visit, _TRUSTED)
    assert client_address(visit, ()) == socket
    if found != socket:
        # Told by somebody who is trusted, and an address.
        address = ipaddress.ip_address(found)
        believed = client_address(Visit({"REMOTE_ADDR": socket}), _TRUSTED)
        assert believed == socket
        assert str(address) == found
    network_of(found)


def _address(text: str) -> None:
    host = web_host(text)
    if host:
        parts = urlsplit(text)
        assert parts.username is None
        assert parts.hostname == host
        assert text.isascii()
        assert text.isprintable()
        assert not set(text) & set(' \\"<>#@') - set('"<>@')
        assert "@" not in parts.netloc
    for on_loopback in (False, True):
        try:
            require_address(text, on_loopback=on_loopback)
        except MalformedMessage:
            continue
        assert host


def _origin(text: str) -> None:
    try:
        origin = origin_of(text)
    except ValueError:
        return
    assert origin_of(origin) == origin
    assert re.fullmatch(r"https?://[a-z0-9._:\[\]-]+", origin)


def _referer(text: str) -> None:
    is_from_other_site(Visit({"HTTP_REFERER": text}), _SITE)
    is_from_other_site(Visit({"HTTP_ORIGIN": text}), _SITE)


def _query(text: str) -> None:
    try:
        found = read_query(Visit({"QUERY_STRING": text}))
    except MalformedMessage:
        return
    pairs = parse_qsl(text.encode("latin-1").decode())
    assert len(pairs) == len(found)
    assert dict(pairs) == found


def _form(text: str) -> None:
    body = text.encode("latin-1")
    environ = {
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    try:
        found = read_form(Visit(environ))
    except MalformedMessage:
        return
    assert dict(parse_qsl(text)) == found


_CHECKS = (_next, _client, _address, _origin, _referer, _query, _form)


def seeds() -> Iterator[bytes]:
    """Good ones of each kind, and some that were tried before."""
    for text in (
        "/mijn?jaar=2026#x", "//evil.test", "/\\evil.test", "/%2f/evil.test",
        "/\t/evil.test", "https:evil.test", "/..//evil.test", "/%252e%252e/", "/é",
        "javascript:alert(1)", "/x?next=https://evil.test/",
    ):  # fmt: skip
        yield b"\0" + text.encode("latin-1")
    for text in (
        "10.0.0.1 1.2.3.4, 10.0.0.2", "::1 [2001:db8::1]:443", "::ffff:10.0.0.1 ::1",
        "192.0.2.1 10.0.0.1", "10.0.0.1 unknown, 10.0.0.2:80",
    ):  # fmt: skip
        yield b"\1" + text.encode()
    for text in (
        "https://uwv.example.nl:8443/acs?x=y", "http://127.1/", "http://0x7f.1/",
        "https://a@b/", "https://[::1]/", "https://xn--e1a.test/", "https://a.test\\@b/",
    ):  # fmt: skip
        for kind in b"\2\3\4":
            yield bytes([kind]) + text.encode()
    for kind in b"\5\6":
        yield bytes([kind]) + b"next=%2Fmijn&hub=x&a="
        yield bytes([kind]) + b"a=1&a=2"
        yield bytes([kind]) + b"a=%ff&b=%c3%a9"
