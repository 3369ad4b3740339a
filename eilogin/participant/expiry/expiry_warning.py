"""Before a session ends: how long still, and a warning in the application's pages.

A page that is looked at for a long time, such as a long form, hears nothing of its
session's end. Unless the option ``warn`` is off, one tag is put into such a page
(``html_injection``), which loads one script of ours. It asks
``/eilogin/session`` how long still, and shows a dialog in time: to go on, which sends
POST there and loses nothing of what was filled in; or, when the end is final, to save.
The same POST says that she sees a page which her browser had asked for in advance.

It is put in for who looks at a page while logged in: into whole answers with status
200 to a navigation, in HTML or XHTML, also where the browser asks in advance. If the
Content-Security-Policy of the page would block the script, the policy is extended
(``content_security_policy``). The script is left out, and the log is told why,
once, where it would do harm or nothing: the answer is compressed, its charset is not
known, it forbids to be changed (``Cache-Control: no-transform``), or its policy cannot
be extended. It has no place in pages of a hub inside, which know their session better.

The script is a file of this site and has no inline parts. The tag names its hash
(``integrity``) only where a policy asks for that: while a new version is installed, one
process may have made the page and another one sends the script.

Its texts come from the message catalogue, in all languages; which one is spoken, the
language of the page decides. Its colours are those of the site (``accent``). Both are
part of the file, and the file's hash is part of its address, so that browsers may keep
it.
"""

import base64
import hashlib
import html
import json
import logging
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from webob import Response

from eilogin import clock
from eilogin.federation import Own
from eilogin.participant.injection.content_security_policy import Ours, extend
from eilogin.participant.injection.html_injection import (
    Headers,
    HeadPlace,
    Insertion,
    inject,
)
from eilogin.participant.injection.page_headers import HTML, XHTML, PageHeaders
from eilogin.participant.inner_hub import is_at_inner_hub
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.pages.page_rendering import Pages, json_answer
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
#: A year: the address changes when the script does.
_KEPT = "public, max-age=31536000, immutable"


def tell_session(environ: "WSGIEnvironment") -> Response:
    """``/eilogin/session``: how long still, as JSON.

    GET keeps no session alive, however often a page asks. POST, which only a page of
    this site can send, says "I am still here": the idle limit begins anew, as by
    looking at a page. The hub is not asked, for that would take her away from the page;
    it gets a report in the background (``activity_reports``), and her next
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


class ExpiryWarning:
    """The script, and the way into a page; ``seconds`` before the end it warns."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._told: set[str] = set()
        # What is put into a page changes with the site alone.
        self._made: _Made | None = None

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
        return self._made_for(env.trust(environ).own).script

    def _made_for(self, own: Own) -> "_Made":
        """Return the tags for the pages of this site."""
        made = self._made
        if made is None or made.own is not own:
            colours = own.accent.css.replace(":root", ":host") if own.accent else ""
            host = urlsplit(own.public_url).hostname or ""
            names = tuple(own.names.items()) or (("en", host),)
            script = _script(self._seconds, own.templates, colours, names)
            self._made = made = _made(own, script)
        return made

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
        made = self._made_for(env.trust(environ).own)

        def choose(status: str, headers: Headers) -> Insertion | None:
            return self._choose(status, headers, made)

        return inject(app, environ, start_response, choose)

    def _choose(self, status: str, headers: Headers, made: "_Made") -> Insertion | None:
        if status.startswith("304"):
            # The page that the browser has kept may get these headers (RFC 9111 3.2).
            return Insertion(b"", None, extend(headers, made.ours).headers)
        page_headers = PageHeaders(headers)
        if not status.startswith("200") or page_headers.kind not in (HTML, XHTML):
            return None
        if page_headers.is_download:
            return None
        extended = extend(headers, made.ours)
        obstacle = page_headers.obstacle() or extended.obstacle
        if obstacle:
            self._tell_once(obstacle)
            return None
        tag = made.tag_with_digest if extended.by_digest else made.tag
        return Insertion(
            tag, HeadPlace(is_xml=page_headers.kind == XHTML), extended.headers
        )

    def _tell_once(self, obstacle: str) -> None:
        if obstacle not in self._told:
            self._told.add(obstacle)
            _log.warning(
                "warning: a page of the application gets no warning before the "
                "session ends: %s",
                obstacle,
            )


class _Made(NamedTuple):
    """The tags for the pages of a site."""

    own: Own
    script: "_Script"
    ours: Ours
    tag: bytes
    tag_with_digest: bytes


def _made(own: Own, script: "_Script") -> _Made:
    url = own.url("warning")
    # A path: the page may be seen under another name of this site, and may have a
    # <base>, which comes later.
    address = html.escape(f"{urlsplit(url).path}?{script.query}")
    # An Integrity-Policy wants CORS beside the hash.
    keys = f' integrity="{script.digest}" crossorigin=""'
    # Not "defer": the page's own scripts must not wait for this one.
    tags = (
        f'<script src="{address}"{more} async=""></script>'.encode()
        for more in ("", keys)
    )
    origin = origin_of(own.public_url)
    ours = Ours(
        origin,
        _absolute(origin, url),
        _absolute(origin, own.url("session")),
        script.digest,
    )
    return _Made(own, script, ours, *tags)


def _absolute(origin: str, url: str) -> str:
    """An address of this site as a browser writes it."""
    return f"{origin}{urlsplit(url).path}"


class _Script(NamedTuple):
    """The script, and what names this version of it."""

    text: bytes
    query: str
    #: As in ``integrity`` (Subresource Integrity, 3.1).
    digest: str


@cache
def _script(
    seconds: float,
    templates: Path | None,
    accent: str,
    names: tuple[tuple[str, str], ...],
) -> _Script:
    """The file, in a scope of its own, called with its settings: made once.

    ``accent`` is CSS with the site's own colours, or ""; ``names`` are those of the
    site by language.
    """
    told = Pages().texts("warning_texts.json", templates, dict(names))
    texts = {language: json.loads(text) for language, text in told.items()}
    settings = {"warnSeconds": seconds, "texts": texts, "accent": accent}
    source = resources.files(__package__).joinpath(_FILE).read_text("utf-8")
    call = f"warnBeforeTheEnd({json.dumps(settings, sort_keys=True)});"
    whole = f"(() => {{\n{source}\n{call}\n}})();\n".encode()
    digest = hashlib.sha256(whole).digest()
    coded = base64.b64encode(digest).decode()
    return _Script(whole, f"v={digest.hex()[:16]}", f"sha256-{coded}")


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
        and not is_at_inner_hub(environ)
    )
