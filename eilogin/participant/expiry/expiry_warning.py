"""Warn the visitor in the pages of the application before the session ends.

eilogin inserts one tag into pages for a visitor with a session
(contrib/manual/protect/warning.rst). Its script asks ``/eilogin/session`` for the time
left. A POST continues the session, and leaves a form on the page as it is. It also
records that the visitor looks at a prefetched page.

The tag goes into whole answers with status 200 to a navigation or prefetch, and never
into pages of an inner hub. It has a hash (``integrity``) only if a policy asks for it,
because another process may send the script during an upgrade. The address of the script
contains its hash, so that browsers may cache it.
"""

import base64
import hashlib
import html
import json
import logging
from collections.abc import Iterable, Mapping
from functools import cache, partial
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
from eilogin.participant.injection.page_headers import HTML, XHTML, read_page_headers
from eilogin.participant.inner_hub import is_at_inner_hub
from eilogin.sessions import Login
from eilogin.web.pages.page_rendering import Pages, json_answer
from eilogin.web.requests import (
    origin_of,
    require_own_form,
)
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")

_FILE = "static/warning.js"
#: A year: the address changes when the script does.
_CACHING = "public, max-age=31536000, immutable"


def tell_session(visit: Visit) -> Response:
    """``/eilogin/session``: the time left, as JSON; raise EiloginError.

    A POST of this site restarts the idle limit as a page view does, also at the hub
    (``activity_reports``), but starts no passive login, which would leave the page.
    """
    visit.allow_only("GET", "HEAD", "POST")
    login = visit.session
    if visit.method == "POST":
        require_own_form(visit, visit.trust.own.public_url)
        login = login and _restart_idle_limit(visit, login)
    content: dict[str, object] = {"logged_in": login is not None}
    if login is not None:
        content.update(_time_left(visit, login))
    return json_answer(visit, content)


def _restart_idle_limit(visit: Visit, login: Login) -> Login | None:
    sessions = visit.sessions
    sessions.rearm(login)
    token = visit.token
    return sessions.find(token) if token else None


def _time_left(visit: Visit, login: Login) -> Mapping[str, object]:
    sessions, now = visit.sessions, clock.now()
    return {
        "level": login.level,
        # Never the NameID, which may be a BSN.
        "pseudonym": visit.trust.own.pseudonym(login.who.name_id),
        "until": login.until.isoformat(timespec="seconds"),
        "absolute_seconds_left": max(0, int(login.ends - now)),
        "idle_seconds_left": max(0, int(sessions.idle_at(login) - now)),
        "idle_seconds": int(sessions.idle),
    }


class ExpiryWarning:
    """The script and its tag; it warns ``seconds`` before the end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._logged: set[str] = set()
        self._made: _Made | None = None

    # --- the script -----------------------------------------------------------------

    def script(self, visit: Visit) -> Response:
        """Return the script; browsers may cache the version that they asked for."""
        visit.allow_only("GET", "HEAD")
        script = self._script(visit)
        is_this_version = visit.query_string == script.query
        return Response(
            body=script.text,
            headerlist=[
                ("Content-Type", "text/javascript; charset=utf-8"),
                ("Cache-Control", _CACHING if is_this_version else "no-cache"),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )

    def _script(self, visit: Visit) -> "_Script":
        return self._made_for(visit.trust.own).script

    def _made_for(self, own: Own) -> "_Made":
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
        """Return the answer of ``app``, with the tag if the page allows it."""
        visit = Visit(environ)
        if not _is_page_with_session(visit):
            return app(environ, start_response)
        made = self._made_for(visit.trust.own)
        return inject(app, environ, start_response, partial(self._choose, made))

    def _choose(self, made: "_Made", status: str, headers: Headers) -> Insertion | None:
        if status.startswith("304"):
            # The browser's cached page may get these headers (RFC 9111 3.2).
            return Insertion(b"", None, extend(headers, made.ours).headers)
        page_headers = read_page_headers(headers)
        if not status.startswith("200") or page_headers.kind not in (HTML, XHTML):
            return None
        if page_headers.is_download:
            return None
        extended = extend(headers, made.ours)
        obstacle = page_headers.obstacle or extended.obstacle
        if obstacle:
            self._log_once(obstacle)
            return None
        tag = made.tag_with_digest if extended.by_digest else made.tag
        return Insertion(
            tag, HeadPlace(is_xml=page_headers.kind == XHTML), extended.headers
        )

    def _log_once(self, obstacle: str) -> None:
        if obstacle not in self._logged:
            self._logged.add(obstacle)
            _log.warning(
                "warning: a page of the application gets no warning before the "
                "session ends: %s",
                obstacle,
            )


class _Made(NamedTuple):
    own: Own
    script: "_Script"
    ours: Ours
    tag: bytes
    tag_with_digest: bytes


def _made(own: Own, script: "_Script") -> _Made:
    url = own.url("warning")
    # A path, because the site may have other names, and the page may have a <base>.
    address = html.escape(f"{urlsplit(url).path}?{script.query}")
    # An Integrity-Policy demands CORS in addition to the hash.
    digest_attributes = f' integrity="{script.digest}" crossorigin=""'
    # Not "defer": the page's own scripts must not wait for this one.
    tags = (
        f'<script src="{address}"{more} async=""></script>'.encode()
        for more in ("", digest_attributes)
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
    return f"{origin}{urlsplit(url).path}"


class _Script(NamedTuple):
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
    json_texts = Pages().texts("warning_texts.json", templates, dict(names))
    texts = {language: json.loads(text) for language, text in json_texts.items()}
    settings = {"warnSeconds": seconds, "texts": texts, "accent": accent}
    source = resources.files(__package__).joinpath(_FILE).read_text("utf-8")
    call = f"warnBeforeTheEnd({json.dumps(settings, sort_keys=True)});"
    whole = f"(() => {{\n{source}\n{call}\n}})();\n".encode()
    digest = hashlib.sha256(whole).digest()
    coded = base64.b64encode(digest).decode()
    return _Script(whole, f"v={digest.hex()[:16]}", f"sha256-{coded}")


def _is_page_with_session(visit: Visit) -> bool:
    return (
        visit.session_or_none is not None
        and visit.address is None
        and visit.method in ("GET", "HEAD", "POST")
        and "HTTP_RANGE" not in visit.environ
        and visit.is_navigation
        and visit.fills_window
        and not is_at_inner_hub(visit)
    )
