"""Before a session ends: how long still, and a warning in the application's pages.

A page that is looked at for a long time, such as a long form, hears nothing of its
session's end. Where the option ``warn`` asks for it, one tag is put into such a page
(:mod:`eilogin.visit.injection`), which loads one script of ours. It asks
``/eilogin/session`` how long still, and shows a dialog in time: to go on, which sends
POST there and loses nothing of what was filled in; or, when the end is final, to save.
The same POST says that she sees a page which her browser had asked for in advance.

It is put in for who looks at a page while logged in: into whole answers with status
200 to a navigation, in HTML or XHTML, also where the browser asks in advance. It is
left out, and the log is told why, once, where it would do harm or nothing: the answer
is compressed, its charset is not known, it forbids to be changed (``Cache-Control:
no-transform``), or its own Content-Security-Policy would block the script. The script
is a file of this site, has no inline parts and needs no more than ``script-src 'self';
connect-src 'self'``.

Its texts come from the message catalogue, in all languages; which one is spoken, the
language of the page decides. They are part of the file, and the file's hash is part of
its address, so that browsers may keep it.
"""

import hashlib
import html
import json
import logging
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from webob import Response

from eilogin import clock
from eilogin.sessions import Login
from eilogin.visit.injection import Headers, Place, inject
from eilogin.web import environ as env
from eilogin.web.pages import Pages, json_answer
from eilogin.web.requests import (
    allow_only,
    fills_window,
    is_navigation,
    origin_of,
    require_own_form,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")

_FILE = "static/warning.js"
_HTML = "text/html"
_XHTML = "application/xhtml+xml"
# Charsets in which the beginning of a document is ASCII, and only that looks like it.
_ASCII_INSIDE = re.compile(
    r"utf-?8|(?:us-)?ascii|iso-?8859-?\d{1,2}|latin-?\d|(?:windows-|cp)125\d",
    re.IGNORECASE,
)
#: A year: the address changes when the script does.
_KEPT = "public, max-age=31536000, immutable"


def tell_session(environ: "WSGIEnvironment") -> Response:
    """``/eilogin/session``: how long still, as JSON.

    GET keeps no session alive, however often a page asks. POST, which only a page of
    this site can send, says "I am still here": the idle limit begins anew, as by
    looking at a page. The hub is not asked, for that would take her away from the page;
    it gets a report in the background (:mod:`eilogin.visit.activity`), and her next
    page asks it, as always (``keep_alive``).

    Raises :class:`eilogin.errors.CrossSite`, MethodNotAllowed, or the EiloginError for
    which nobody can tell.
    """
    allow_only(environ, "GET", "HEAD", "POST")
    login = env.session(environ)
    if environ["REQUEST_METHOD"] == "POST":
        require_own_form(environ, env.trust(environ).own.public_url)
        login = login and _still_here(environ, login)
    told: dict[str, object] = {"logged_in": login is not None}
    if login is not None:
        told.update(_told_of(environ, login))
    return json_answer(environ, told)


def _still_here(environ: "WSGIEnvironment", login: Login) -> Login | None:
    """Her login when she was seen now, or None where that came too late."""
    sessions = env.sessions(environ)
    sessions.rearm(login)
    token = env.cookie(environ).read(environ)
    return sessions.find(token) if token else None


def _told_of(environ: "WSGIEnvironment", login: Login) -> Mapping[str, object]:
    sessions, now = env.sessions(environ), clock.now()
    return {
        "level": login.level,
        # What an operator finds in the audit log; never the NameID, which may be a BSN.
        "pseudonym": env.trust(environ).own.pseudonym(login.who.name_id),
        "until": login.until.isoformat(timespec="seconds"),
        "absolute_seconds_left": max(0, int(login.ends - now)),
        "idle_seconds_left": max(0, int(sessions.idle_at(login) - now)),
        # The whole limit: what to say when it is over.
        "idle_seconds": int(sessions.idle),
    }


class EndWarning:
    """The script, and the way into a page; ``seconds`` before the end it warns."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._told: set[str] = set()

    # --- the script -----------------------------------------------------------------

    def script(self, environ: "WSGIEnvironment") -> Response:
        """The script itself, which a browser keeps if it asked for this version."""
        allow_only(environ, "GET", "HEAD")
        script = self._script(environ)
        is_this_one = environ.get("QUERY_STRING") == script.query
        return Response(
            body=script.text,
            headerlist=[
                ("Content-Type", "text/javascript; charset=utf-8"),
                ("Cache-Control", _KEPT if is_this_one else "no-cache"),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )

    def _script(self, environ: "WSGIEnvironment") -> "_Script":
        return _script(self._seconds, env.trust(environ).own.templates)

    def _tag(self, environ: "WSGIEnvironment") -> bytes:
        # A path: the page may be seen under another name of this site, and may have a
        # <base>, which comes later.
        path = urlsplit(env.trust(environ).own.url("warning")).path
        address = html.escape(f"{path}?{self._script(environ).query}")
        # Not "defer": the page's own scripts must not wait for this one.
        return f'<script src="{address}" async=""></script>'.encode()

    # --- the page -------------------------------------------------------------------

    def answer(
        self,
        app: "WSGIApplication",
        environ: "WSGIEnvironment",
        start_response: "StartResponse",
    ) -> Iterable[bytes]:
        """The answer of ``app``, with the script in it where that makes sense."""
        if not _is_page_of_who_is_logged_in(environ):
            return app(environ, start_response)
        environ[env.WARNS] = True
        origin = origin_of(env.trust(environ).own.public_url)

        def choose(status: str, headers: Headers) -> Place | None:
            return self._choose(status, headers, origin)

        return inject(app, environ, start_response, self._tag(environ), choose)

    def _choose(self, status: str, headers: Headers, origin: str) -> Place | None:
        said = Said(headers)
        if not status.startswith("200") or said.kind not in (_HTML, _XHTML):
            return None
        if said.is_download:
            return None
        obstacle = said.obstacle(origin)
        if obstacle:
            self._tell_once(obstacle)
            return None
        return Place(is_xml=said.kind == _XHTML)

    def _tell_once(self, obstacle: str) -> None:
        if obstacle not in self._told:
            self._told.add(obstacle)
            _log.warning("a page gets no warning before the session ends: %s", obstacle)


class _Script(NamedTuple):
    """The script, and the query that names this version of it."""

    text: bytes
    query: str


@cache
def _script(seconds: float, templates: Path | None) -> _Script:
    """The file, in a scope of its own, called with its settings: made once."""
    told = Pages().texts("warning_texts.json", templates)
    texts = {language: json.loads(text) for language, text in told.items()}
    settings = {"warnSeconds": seconds, "texts": texts}
    source = resources.files(__package__).joinpath(_FILE).read_text("utf-8")
    call = f"warnBeforeTheEnd({json.dumps(settings, sort_keys=True)});"
    whole = f"(() => {{\n{source}\n{call}\n}})();\n".encode()
    return _Script(whole, f"v={hashlib.sha256(whole).hexdigest()[:16]}")


def _is_page_of_who_is_logged_in(environ: "WSGIEnvironment") -> bool:
    """Whether this asks for a whole page, in a window of its own, of the application.

    Its answer to a form counts too: a page is a page. So does its head alone.
    """
    return (
        env.session_or_none(environ) is not None
        and env.address(environ) is None
        and environ["REQUEST_METHOD"] in ("GET", "HEAD", "POST")
        and "HTTP_RANGE" not in environ
        and is_navigation(environ)
        and fills_window(environ)
    )


class Said:
    """What an answer says of itself."""

    def __init__(self, headers: Headers) -> None:
        self._headers = [(name.lower(), value) for name, value in headers]
        self.kind, _, parameters = self._value("content-type").partition(";")
        self.kind = self.kind.strip().lower()
        match = re.search(
            r"""charset\s*=\s*["']?([^"';\s]+)""", parameters, re.IGNORECASE
        )
        self._charset = match[1] if match else ""

    def _value(self, name: str) -> str:
        """All values of a header, as one (RFC 9110 5.3)."""
        return ", ".join(value for found, value in self._headers if found == name)

    @property
    def is_download(self) -> bool:
        """Whether it goes to the disk, and to no window."""
        kind = self._value("content-disposition").partition(";")[0]
        return kind.strip().lower() == "attachment"

    def unreadable(self) -> str:
        """Why nobody can tell what its bytes mean, or ""."""
        if self._value("content-encoding").strip().lower() not in ("", "identity"):
            return "it is compressed already; let the server before eilogin do that"
        if not self._is_charset_known:
            return "its Content-Type should name a charset such as utf-8"
        return ""

    def obstacle(self, origin: str) -> str:
        """Why a page of the site at ``origin`` should be left as it is, or ""."""
        if "no-transform" in self._value("cache-control").lower():
            return "it says Cache-Control: no-transform"
        if unreadable := self.unreadable():
            return unreadable
        policies = self._value("content-security-policy").split(",")
        if not all(_lets_in(policy, origin) for policy in policies):
            return (
                "its Content-Security-Policy blocks it; "
                "it needs script-src 'self' and connect-src 'self'"
            )
        return ""

    @property
    def _is_charset_known(self) -> bool:
        # XML is UTF-8 where nothing else is said (XML 1.0, 4.3.3).
        is_default = self.kind == _XHTML and not self._charset
        return is_default or _ASCII_INSIDE.fullmatch(self._charset) is not None


# --- Content-Security-Policy ------------------------------------------------------


def _lets_in(policy: str, origin: str) -> bool:
    """Whether one policy lets the script load, and ask us (CSP 3, 6.7)."""
    directives: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        name, *values = directive.lower().split() or [""]
        # The first one counts (2.2.1).
        directives.setdefault(name, values)
    script = _sources(directives, "script-src-elem", "script-src", "default-src")
    connect = _sources(directives, "connect-src", "default-src")
    return (
        "sandbox" not in directives
        # With it only what a trusted script adds is loaded (8.2).
        and "'strict-dynamic'" not in script
        and _names(script, origin)
        and _names(connect, origin)
    )


def _sources(directives: dict[str, list[str]], *names: str) -> list[str]:
    """The sources of the first directive that is there; all, where none is."""
    return next((directives[name] for name in names if name in directives), ["*"])


def _names(sources: list[str], origin: str) -> bool:
    scheme = origin.partition(":")[0]
    # "http:" means https too (6.7.2.8).
    return bool({"'self'", "*", origin, f"{scheme}:", "http:"}.intersection(sources))
