"""Paths as rules see them, what Zope would obey, and the identity that an app is given.

Property: a request gets a rule or PathRefused (of Zope's forms MalformedMessage or
MessageTooLarge too). The quick way to judge a path gives what the thorough one does; no
rule is less strict than that of the path decoded once more, cut off at a parameter, or
with letters that look alike folded. What an application gets as REMOTE_USER, in a
header or under a key of its own, is on one line, is latin-1, and decodes to what the
hub said; what a client said of itself is gone.

The first octet of an input chooses; the lines of the rest are a path and headers, or
the values of an attribute.
"""

import io
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote

from fuzz_parts import HUB, NOW, PARTICIPANT

from eilogin.errors import MalformedMessage, PathRefused
from eilogin.filters.identity import make_identity
from eilogin.participant.policy import zope_paths
from eilogin.participant.policy.path_rules import PathRules
from eilogin.participant.policy.path_variants import (
    Segment,
    canonical,
    is_plain,
    segments_of,
)
from eilogin.participant.policy.strictest_rule import NEEDS, PathRule
from eilogin.saml.printable_text import CONTROL
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env
from eilogin.web.visit import Visit

_RULES = PathRules.parse(
    [
        "=/              optional",
        "/nieuws         optional",
        "/nieuws/intern  midden   idle=5m",
        "/static         off",
        "/mijn/bezwaar   midden",
        "/mijn/bezwaar   hoog     methods=POST",
        "=/mijn/hulp     optional",
        "/caf%C3%A9      off",
        "/@@zaken        hoog",
    ]
)
_TRUST = SimpleNamespace(own=SimpleNamespace(mount="/app"), trusted_proxies=())
_HEADERS = (
    "HTTP_DESTINATION",
    "HTTP_X_ORIGINAL_URL",
    "HTTP_X_REWRITE_URL",
    "HTTP_X_SCRIPT_NAME",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_VHM_ROOT",
    "HTTP_X_HTTP_METHOD_OVERRIDE",
    "SCRIPT_NAME",
    "QUERY_STRING",
    "REQUEST_URI",
)
_FORGED = {
    "REMOTE_USER": "forged",
    "AUTH_TYPE": "forged",
    "HTTP_REMOTE_USER": "forged",
    "HTTP_X_REMOTE_USER": "forged",
    "HTTP_X_NAAM": "forged",
    "NAAM": "forged",
}


def check(octets: bytes) -> None:
    """Hold one request or identity against the property."""
    kind, text = octets[:1], octets[1:].decode("latin-1")
    _CHECKS[kind[0] % len(_CHECKS) if kind else 0](text)


# --- paths ------------------------------------------------------------------------


def _path(text: str) -> None:
    path, *headers = text.split("\n")
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, env.TRUST: _TRUST}
    for line in headers[:3]:
        number = ord(line[:1] or "\0") % len(_HEADERS)
        environ[_HEADERS[number]] = line[1:]
    try:
        rule = _RULES.rule_of(Visit(environ))
    except PathRefused:
        return
    assert rule.need in NEEDS
    if not headers:
        _judge(path, rule)


def _judge(path: str, rule: PathRule) -> None:
    plain = canonical(path)
    assert canonical(plain.encode().decode("latin-1")) == plain
    assert not CONTROL.search(plain.replace("\u2028", "").replace("\u2029", ""))
    assert plain.startswith("/")
    assert not {"", ".", ".."} & set(segments_of(plain))
    if is_plain(path):
        segments = [Segment.of(name) for name in segments_of(plain)]
        found = {held.under(("GET",)) for held in _RULES._rules_of_readings(segments)}  # noqa: SLF001 - both ways
        assert found == {rule}, "the quick way judges otherwise"
    for read in _READERS:
        names = [name for name in read(plain).split("/") if name]
        other = _RULES._longest(names).under(("GET",))  # noqa: SLF001 - as no client spells it
        assert NEEDS.index(rule.need) >= NEEDS.index(other.need), f"{read(plain)!r}"


def _names(path: str, change: Callable[[str], str]) -> str:
    return "/".join(change(name) for name in path.split("/"))


_READERS: tuple[Callable[[str], str], ...] = (
    lambda path: _names(path, lambda name: normalize("NFC", unquote(name))),
    lambda path: _names(path, lambda name: name.partition(";")[0]),
    lambda path: _names(path, lambda name: normalize("NFKC", name)),
)


def _zope_path(text: str) -> None:
    environ: dict[str, Any] = {
        "PATH_INFO": text,
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "GET",
    }
    try:
        seen = zope_paths.visible(Visit(environ), "/app", ())
        environ = {**environ, env.VISIBLE: seen, env.TRUST: _TRUST}
        assert _RULES.rule_of(Visit(environ)).need in NEEDS
    except PathRefused:
        return
    assert seen.path.endswith(seen.below)


def _zope_form(text: str) -> None:
    query, _, body = text.partition("\n")
    kind, _, body = body.partition("\n")
    octets = body.encode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/nieuws",
        "QUERY_STRING": query,
        "CONTENT_TYPE": kind or "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(octets)),
        "wsgi.input": io.BytesIO(octets),
        env.TRUST: _TRUST,
        env.VISIBLE: env.Visible("/nieuws", "/nieuws"),
    }
    try:
        assert _RULES.rule_of(Visit(environ)).need in NEEDS
        if env.UNSEEN_PARTS in environ:
            zope_paths.require_no_call_in_parts(Visit(environ))
            assert environ["wsgi.input"].read() == octets, "Zope reads another form"
    except (PathRefused, MalformedMessage):
        return


def _start(*_: Any) -> Any:
    """``start_response`` of nobody: these applications never answer."""


# --- the identity -----------------------------------------------------------------


def _identity(text: str) -> None:
    values = text.encode("latin-1").decode(errors="replace").split("\n\n")
    login = Login(
        who=Subject(HUB, PARTICIPANT, "q7Xw2"),
        level="basis",
        started=NOW,
        ends=NOW,
        confirmed=NOW,
        attributes={"naam": values},
    )
    seen: dict[str, Any] = {}
    app = make_identity(
        lambda environ, start_response: seen.update(environ) or [],
        {},
        user="attribute:naam subject",
        attributes="naam NAAM",
        headers="X-Naam attribute:naam",
    )
    app({**_FORGED, env.SESSION: login, env.ADDRESS: None}, _start)
    assert "forged" not in seen.values() or "forged" in values
    first = values[0]
    is_name = bool(first) and not CONTROL.search(first)
    assert _decoded(seen["REMOTE_USER"]) == (first if is_name else "q7Xw2")
    assert _decoded(seen["HTTP_X_NAAM"]) == CONTROL.sub(" ", first)
    told = _split(_decoded(seen["NAAM"]))
    assert told == [CONTROL.sub(" ", value) for value in values]


def _decoded(text: str) -> str:
    octets = text.encode("latin-1")
    assert not {*b"\r\n\0"} & {*octets}
    found = octets.decode()
    assert not CONTROL.search(found)
    return found


def _split(text: str) -> list[str]:
    """The values in a text that has ``;`` between them, as Shibboleth writes it."""
    values, now, characters = [], "", iter(text)
    for character in characters:
        if character == ";":
            values.append(now)
            now = ""
        else:
            now += next(characters) if character == "\\" else character
    return [*values, now]


_CHECKS = (_path, _zope_path, _zope_form, _identity)


def seeds() -> Iterator[bytes]:
    """Paths, forms and names, and some that were tried before."""
    for path in (
        "", "/", "/nieuws/intern", "/nieuws/%69ntern", "/mijn/bezwaar;v=1/x",
        "/@@zaken", "/caf\xc3\xa9", "/cafe\xcc\x81", "/++lang++nl/nieuws",
        "/mijn/hulp?x", "/a/..;/b", "/static/%252e%252e/x",
        "/\xef\xbd\x8dijn/bezwaar", "/mijn/bezwaar. ",
        "/nieuws\n\1/mijn/bezwaar", "/mijn\n\7/app\n\0https://x.test/static",
        "/nieuws\n\x08_method=POST",
    ):  # fmt: skip
        yield b"\0" + path.encode("latin-1")
    for path in (
        "/VirtualHostBase/https/a.test:443/site/VirtualHostRoot/_vh_app/mijn",
        "/nieuws/VirtualHostRoot/x",
    ):
        yield b"\1" + path.encode()
    for form in (
        "a=b\n\nbezwaar:method=1",
        '\nmultipart/form-data; boundary=x\n--x\r\n\r\nname="a:method"',
        "x:action=1\ntext/xml\n<methodCall/>",
    ):
        yield b"\2" + form.encode()
    for name in (
        "Merel", "\u00c9lodie\n\nx;y\\z", "", "a\r\nX-Admin: 1", "\u2028\x85",
        "admin\n\nforged",
    ):  # fmt: skip
        yield b"\3" + name.encode()
