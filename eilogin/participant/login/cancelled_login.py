"""She cancelled logging in: back to the page where she began, with a word that says so.

DigiD demands the same page, in the same window (DIGID.md 6); a page of its own that
says no more is refused. Where she began was open to everybody: that page is shown by
the application as ever, with one paragraph of ours where its content begins
(``html_injection``), which needs no script and no style and so is stopped
by no Content-Security-Policy. Where that page needs a login: a page of ours stands in
its place.

The way back has a mark in its query (``eilogin=cancelled``), so that no copy which a
browser has kept of the page is shown in its stead, and a cookie, so that the word is
said once: who opens the marked address later is sent to the plain one. The application
never sees the mark. A page to which the application leads on from there says it too.
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
from eilogin.participant.injection.page_headers import HTML, PageHeaders
from eilogin.participant.login.return_targets import page_to_go_back_to
from eilogin.web import environ as env
from eilogin.web import shared_caches
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.translations import FALLBACK
from eilogin.web.requests import is_looked_at, origin_of, wants_page
from eilogin.web.site_urls import at, see_other, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: What stands in the query of the page that she is led back to.
MARK = "eilogin=cancelled"

_WORD = Cookie("eilogin-cancelled")
#: What the cookie says where her session has ended with it.
_AND_OUT = "ended"
#: How long the word waits for a page that can say it, in seconds.
_WAITS = 120
#: What a browser says that has kept a page, or wants it packed or in parts: that is no
#: page in which something could be put.
_OF_COPIES = (
    "HTTP_ACCEPT_ENCODING",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_RANGE",
)

# --- the way back -----------------------------------------------------------------


def page_before(environ: "WSGIEnvironment", own: Own) -> str:
    """The page of this site on which she followed a link to log in, or "".

    Her browser says it (Referer, RFC 9110 10.1.3). None of our own addresses: there she
    began somewhere else.
    """
    referer = environ.get("HTTP_REFERER", "")
    site = origin_of(own.public_url)
    if not referer.startswith(f"{site}/"):
        return ""
    path, _, query = referer.removeprefix(site).partition("#")[0].partition("?")
    query = _unmarked(query)
    return page_to_go_back_to(own, f"{path}?{query}" if query else path)


def redirect_back(
    environ: "WSGIEnvironment",
    target: str,
    headers: Iterable[tuple[str, str]],
    *,
    ended: bool = False,
) -> Response:
    """The redirect to the page where she began, a target of this site.

    ``ended`` says whether she was logged in until now.
    """
    path, _, query = target.partition("?")
    rest = _unmarked(query)
    marked = f"{path}?{rest}&{MARK}" if rest else f"{path}?{MARK}"
    public_url = env.trust(environ).own.public_url
    word = _WORD.set(_AND_OUT if ended else "1", max_age=_WAITS)
    return see_other(at(public_url, marked), [word, *headers])


def has_ended(environ: "WSGIEnvironment") -> bool:
    """Whether she was logged in until she cancelled."""
    return _WORD.read(environ) == _AND_OUT


def forget(environ: "WSGIEnvironment") -> list[tuple[str, str]]:
    """The header after which nothing is said: she tries again."""
    return [] if _WORD.read(environ) is None else [_WORD.expire()]


# --- at the page ------------------------------------------------------------------


def may_concern(environ: "WSGIEnvironment") -> bool:
    """Whether a request may have to do with it at all; asked at every one."""
    return MARK in environ.get("QUERY_STRING", "") or _WORD.name in environ.get(
        "HTTP_COOKIE", ""
    )


def take_mark(environ: "WSGIEnvironment") -> bool:
    """Take the mark out of the query; whether it was there."""
    query = environ.get("QUERY_STRING", "")
    environ["QUERY_STRING"] = _unmarked(query)
    return bool(environ["QUERY_STRING"] != query)


def is_due(environ: "WSGIEnvironment") -> bool:
    """Whether the word is to be said on this page, to a stranger who looks at it."""
    return (
        _WORD.read(environ) is not None
        and environ["REQUEST_METHOD"] == "GET"
        and wants_page(environ)
        and env.session_or_none(environ) is None
    )


def to_plain_page(environ: "WSGIEnvironment") -> Response | None:
    """For who opens the marked address once more: the redirect to the plain one."""
    if environ["REQUEST_METHOD"] != "GET" or not is_looked_at(environ):
        return None
    public_url = env.trust(environ).own.public_url
    return see_other(at(public_url, this_page(environ, public_url)))


class CancelledLoginNotice:
    """An application whose pages say it; ``texts`` by language.

    ``says_it_at`` tells of a request that has to do with it whether its page does.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        texts: Mapping[str, str],
        says_it_at: "Callable[[WSGIEnvironment], bool]",
    ) -> None:
        self._app = app
        self._texts = texts
        self._says_it_at = says_it_at

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """The answer of the application."""
        if may_concern(environ) and self._says_it_at(environ):
            return self._say(environ, start_response)
        return self._app(environ, start_response)

    def _say(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """The same with the word in it, if it is a page of HTML.

        Where it is none, such as a redirect, the word waits for the next page.
        """
        for name in _OF_COPIES:
            environ.pop(name, None)
        is_said = False
        tag = self._tag(environ)

        def choose(status: str, headers: Headers) -> Insertion | None:
            nonlocal is_said
            is_said = _can_say(status, PageHeaders(headers))
            return Insertion(tag, ContentPlace(), headers) if is_said else None

        def start(
            status: str, headers: Headers, *error: Any
        ) -> Callable[[bytes], object]:
            if is_said:
                kept = shared_caches.without_words(headers)
                headers = [*kept, ("Cache-Control", "no-store"), _WORD.expire()]
            return start_response(status, headers, *error)

        return inject(self._app, environ, start, choose)

    def _tag(self, environ: "WSGIEnvironment") -> bytes:
        wanted = language_of(environ)
        language = wanted if wanted in self._texts else FALLBACK
        said = self._texts[language]
        if has_ended(environ):
            said = f"{said} {ENDED[language]}"
        text = html.escape(said)
        tag = f'<p role="status" lang="{language}"><strong>{text}</strong></p>'
        # In ASCII: whatever the charset of the page is.
        return tag.encode("ascii", "xmlcharrefreplace")


def _can_say(status: str, page_headers: PageHeaders) -> bool:
    return (
        status.startswith("200")
        and page_headers.kind == HTML
        and not page_headers.is_download
        and not page_headers.unreadable()
    )


def _unmarked(query: str) -> str:
    return "&".join(part for part in query.split("&") if part != MARK)
