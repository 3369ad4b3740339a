"""Return a visitor who cancelled to the page where the login began, with a notice.

DigiD demands the notice on that page, in the same window (DigiD 6). ``html_injection``
adds a paragraph without script and style, which a Content-Security-Policy could block.
A mark in the query, which the application never gets, prevents a cached copy. A cookie
makes the notice appear once, on the first page that can show it.
"""

import html
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from webob import Response

from eilogin.federation import Own
from eilogin.participant.digid_profile import ENDED
from eilogin.participant.injection.html_injection import (
    ContentPlace,
    Headers,
    Insertion,
    inject,
)
from eilogin.participant.injection.page_headers import (
    HTML,
    PageHeaders,
    read_page_headers,
)
from eilogin.participant.login.return_targets import page_to_go_back_to
from eilogin.web import shared_caches
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.translations import FALLBACK
from eilogin.web.requests import origin_of
from eilogin.web.site_urls import at, see_other, this_page
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MARK = "eilogin=cancelled"

_NOTICE = Cookie("eilogin-cancelled")
#: Its value if the cancelled login also ended a session.
_WITH_SESSION_END = "ended"
#: Seconds for which the notice waits for a page.
_WAITS = 120
#: Request headers for a cached, compressed or partial answer, which takes no insertion.
_OF_COPIES = (
    "HTTP_ACCEPT_ENCODING",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_RANGE",
)


def page_before(visit: Visit, own: Own) -> str:
    """Return the page with the link to the login, or "" (Referer, RFC 9110 10.1.3)."""
    referer = visit.environ.get("HTTP_REFERER", "")
    site = origin_of(own.public_url)
    if not referer.startswith(f"{site}/"):
        return ""
    path, _, query = referer.removeprefix(site).partition("#")[0].partition("?")
    query = _unmarked(query)
    return page_to_go_back_to(own, f"{path}?{query}" if query else path)


def redirect_back(
    visit: Visit,
    target: str,
    headers: Iterable[tuple[str, str]],
    *,
    ended: bool = False,
) -> Response:
    """Redirect to ``target`` with the notice; ``ended``: a session has ended too."""
    path, _, query = target.partition("?")
    unmarked = _unmarked(query)
    marked = f"{path}?{unmarked}&{MARK}" if unmarked else f"{path}?{MARK}"
    public_url = visit.trust.own.public_url
    cookie = _NOTICE.set(_WITH_SESSION_END if ended else "1", max_age=_WAITS)
    return see_other(at(public_url, marked), [cookie, *headers])


def has_ended(visit: Visit) -> bool:
    """Return whether the cancelled login ended a session."""
    return _NOTICE.read(visit.cookie_header) == _WITH_SESSION_END


def forget(visit: Visit) -> list[tuple[str, str]]:
    """Return the header that drops the notice for a new try."""
    return [] if _NOTICE.read(visit.cookie_header) is None else [_NOTICE.expire()]


def may_concern(visit: Visit) -> bool:
    """Return quickly whether a request may need the notice."""
    return MARK in visit.query_string or _NOTICE.name in visit.cookie_header


def take_mark(visit: Visit) -> bool:
    """Remove the mark from the query; return whether it had one."""
    query = visit.query_string
    visit.environ["QUERY_STRING"] = _unmarked(query)
    return visit.query_string != query


def is_due(visit: Visit) -> bool:
    """Return whether an anonymous visitor with the cookie opens a page."""
    return (
        _NOTICE.read(visit.cookie_header) is not None
        and visit.method == "GET"
        and visit.wants_page
        and visit.session_or_none is None
    )


def to_plain_page(visit: Visit) -> Response | None:
    """Redirect a reload of the marked address to the one without the mark."""
    if visit.method != "GET" or not visit.is_looked_at:
        return None
    public_url = visit.trust.own.public_url
    return see_other(at(public_url, this_page(visit, public_url)))


class CancelledLoginNotice:
    """Shows ``texts``, by language, on pages of ``app`` where ``says_it_at``."""

    def __init__(
        self,
        app: "WSGIApplication",
        texts: Mapping[str, str],
        says_it_at: Callable[[Visit], bool],
    ) -> None:
        self._app = app
        self._texts = texts
        self._says_it_at = says_it_at

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Return the answer of the application."""
        visit = Visit(environ)
        if may_concern(visit) and self._says_it_at(visit):
            return self._inject_notice(environ, start_response)
        return self._app(environ, start_response)

    def _inject_notice(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        visit = Visit(environ)
        for name in _OF_COPIES:
            environ.pop(name, None)
        is_shown = False
        tag = self._tag(visit)

        def choose(status: str, headers: Headers) -> Insertion | None:
            nonlocal is_shown
            is_shown = _can_show(status, read_page_headers(headers))
            return Insertion(tag, ContentPlace(), headers) if is_shown else None

        def start(
            status: str, headers: Headers, *error: Any
        ) -> Callable[[bytes], object]:
            if is_shown:
                uncached = shared_caches.without_words(headers)
                headers = [*uncached, ("Cache-Control", "no-store"), _NOTICE.expire()]
            return start_response(status, headers, *error)

        return inject(self._app, environ, start, choose)

    def _tag(self, visit: Visit) -> bytes:
        preferred = language_of(visit)
        language = preferred if preferred in self._texts else FALLBACK
        notice = self._texts[language]
        if has_ended(visit):
            notice = f"{notice} {ENDED[language]}"
        text = html.escape(notice)
        tag = f'<p role="status" lang="{language}"><strong>{text}</strong></p>'
        # ASCII is valid in every charset that a page may have.
        return tag.encode("ascii", "xmlcharrefreplace")


def _can_show(status: str, page_headers: PageHeaders) -> bool:
    return (
        status.startswith("200")
        and page_headers.kind == HTML
        and not page_headers.is_download
        and not page_headers.unreadable
    )


def _unmarked(query: str) -> str:
    return "&".join(part for part in query.split("&") if part != MARK)
