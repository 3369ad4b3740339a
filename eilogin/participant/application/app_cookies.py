"""Bind the application's own cookies to the login in which it set them.

An application's session cookie outlives a logout at the hub. So eilogin *seals* the
cookies on the way to the browser, and opens them on the way back. The key comes from a
secret of the login (its family), which no browser gets. After the login, nobody can
open these cookies: eilogin withholds them from the application, and expires them in the
browser, unless the session is only idle. There are three kinds:

* *of a login*: set within a login, and sealed with its secret;
* *anonymous*: set without a login, and sealed with a secret of the site. The
  application does not get it within a login, because an attacker could have prepared
  it;
* *bare*: set on an ``off`` path, where eilogin seals nothing. There the application
  gets bare and anonymous cookies, and none of a login. So an editor can use the
  application's own login there.

Somebody may plant a bare cookie. Within a login the application gets none with a name
that it sets itself (``app_cookie_names``). Without a login it gets such a cookie only
if it sets the name on ``off`` paths. If the store does not answer, eilogin withholds
all cookies that may be planted, and leaves them in the browser. Within a login those
are all bare, not exempt cookies, until the process has read the names once.

eilogin does not seal empty and exempt cookies, its own ones, and those of an inner hub.
"""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.participant.application.app_cookie_choice import AppCookieChoice
from eilogin.participant.application.app_cookie_names import AppCookieNames
from eilogin.participant.application.app_cookie_reading import (
    MOST,
    HeaderReader,
    HeaderReading,
    octets_of,
)
from eilogin.participant.application.sealed_cookies import (
    LONGEST,
    MARK,
    CookieSealer,
    is_name,
    name_of,
)
from eilogin.participant.inner_hub import is_at_inner_hub
from eilogin.sessions.bounded_cache import BoundedCache
from eilogin.web import environ as env
from eilogin.web.set_cookie_headers import (
    LENGTH,
    NOTHING,
    attributes_of,
    is_set_cookie,
    pair_of,
    path_of,
    place_of,
)
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")

#: Seconds between log lines about a flood of sealed cookies.
_WARNS_EVERY = 60.0
#: Most characters of a cached Cookie header.
_LONGEST_HEADER = 8192

#: Headers and directives about a cache that may give a response to others.
_says_public = re.compile(r"\b(public|s-maxage)\b", re.IGNORECASE).search
_says_private = re.compile(r"\b(private|no-store)\b", re.IGNORECASE).search
_says_revalidate = re.compile(r"\b(no-cache|must-revalidate)\b", re.IGNORECASE).search
_CACHED_WITH = ("expires", "last-modified", "etag")


#: A visitor: the secret of the login. Otherwise also whether the path is ``off``, and a
#: text that distinguishes anonymous visitors.
_Key = str | tuple[str | None, bool, str]


def _key_of(environ: "WSGIEnvironment", family: str | None) -> _Key:
    is_off = env.OFF in environ
    if family is not None and not is_off:
        return family
    header: str = environ["HTTP_COOKIE"]
    # The first sealed cookie, because others may change at each request.
    first = header.partition(f"={MARK}")[2].partition(";")[0]
    return family, is_off, first or header


class AppCookies:
    """The application, with its cookies sealed in the browser as ``which`` says."""

    def __init__(self, app: "WSGIApplication", which: AppCookieChoice) -> None:
        self._app = app
        self._which = which
        #: The latest header of each visitor: a browser sends it with each request.
        self.cache: BoundedCache[_Key, HeaderReading] = BoundedCache(octets_of)
        self._names = AppCookieNames(self._forget)
        self._sealer: CookieSealer | None = None
        self._warns_at = 0.0

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Call the application; open and seal its cookies."""
        login = environ.get(env.SESSION)
        family = None if login is None else login.family
        expiring: Sequence[tuple[str, str]] = ()
        header = environ.get("HTTP_COOKIE")
        if header is not None:
            key = _key_of(environ, family)
            reading = self.cache.get(key)
            if reading is None or reading.source != header:
                reading = self._read(Visit(environ), key, family)
            if reading.has_unknown_names and monotonic() >= self._names.next_read_at:
                reading = self._read_again(Visit(environ), key, family, reading)
            if reading.header is not None:
                # The server and filters before this one keep the header of the browser.
                environ = environ.copy()
                environ["HTTP_COOKIE"] = reading.header
                if reading.withdrawn or not reading.header:
                    expiring = _expiring_headers(Visit(environ), reading)
        return self._app(
            environ, partial(self._start, start_response, environ, family, expiring)
        )

    def _sealer_of(self, visit: Visit) -> CookieSealer:
        if self._sealer is None:
            self._which = self._which.without(f"__Host-{visit.cookie.name}")
            self._sealer = CookieSealer(visit.trust.own)
        return self._sealer

    # --- on the way in ---

    def _forget(self) -> None:
        # Threads that read now store their results in the old cache.
        self.cache = BoundedCache(octets_of)

    def _read(self, visit: Visit, key: _Key, family: str | None) -> HeaderReading:
        # Before reading: if a name is added meanwhile, the result is outdated.
        cache = self.cache
        header = visit.cookie_header
        latest = cache.get(key)
        if latest is not None and latest.source == header:
            return latest
        known = {} if latest is None else latest.pairs
        sealer = self._sealer_of(visit)
        reader = HeaderReader(self._which, self._names, sealer, known)
        reading = reader.read(visit, family)
        if reader.is_flood and monotonic() >= self._warns_at:
            self._warns_at = monotonic() + _WARNS_EVERY
            _log.warning(
                "a browser sends more than %d sealed cookies of the application; "
                "eilogin withholds the others",
                MOST,
            )
        if len(header) <= _LONGEST_HEADER:
            cache.put(key, reading)
        return reading

    def _read_again(
        self, visit: Visit, key: _Key, family: str | None, reading: HeaderReading
    ) -> HeaderReading:
        names = self._names
        if family is None and (names.have_been_read or monotonic() < names.next_try_at):
            # For an anonymous visitor, _is_off_name reads the names. For others the
            # store has just answered.
            return reading
        names.share(visit)
        return self._read(visit, key, family)

    def _start(  # noqa: PLR0913, PLR0917 - start_response of PEP 3333, with its request
        self,
        start_response: "StartResponse",
        environ: "WSGIEnvironment",
        family: str | None,
        expiring: Sequence[tuple[str, str]],
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,
        /,
    ) -> Callable[[bytes], object]:
        for name, _ in headers:
            # The length first, as a quick test: this runs for every response.
            if len(name) == LENGTH and is_set_cookie(name):
                headers = self._sealed(Visit(environ), family, headers)
                break
        if expiring and not _is_for_shared_cache(headers):
            # First, because the application may set a new cookie of the same name.
            headers = [*expiring, *headers]
        # A server may distinguish a missing exc_info from None.
        if exc_info is None:
            return start_response(status, headers)
        return start_response(status, headers, exc_info)

    def _sealed(
        self, visit: Visit, family: str | None, headers: list[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        return [
            (name, self._sealed_one(visit, family, text))
            if is_set_cookie(name)
            else (name, text)
            for name, text in headers
        ]

    def _sealed_one(self, visit: Visit, family: str | None, text: str) -> str:
        pair, semicolon, behind = text.partition(";")
        name, value = pair_of(pair)
        attributes = attributes_of(behind)
        # Without the second condition, eilogin would withhold a new value without
        # HttpOnly as planted.
        is_http_only = "httponly" in attributes or self._names.are_guarded(name)
        if not self._which.guards(name, is_http_only=is_http_only):
            return text
        # The hub has to recognise its previous user at the next login.
        if is_at_inner_hub(visit):
            return text
        browser_name = name_of(name, family)
        if value in NOTHING:
            # A browser keeps a pair without "=" as a value without a name.
            return text.replace(name, browser_name, 1) if "=" in pair else text
        if visit.is_off:
            self._names.note(visit, self._names.off, name)
            return text
        if not self._which.guards(name, is_http_only=False):
            self._names.note(visit, self._names.guarded, name)
        if not is_name(name):
            _log.warning(
                "the application sets the cookie %r, whose name is not valid "
                "(RFC 6265), so it does not get the cookie back; rename it",
                name,
            )
        place = place_of(visit, attributes)
        sealed = self._sealer_of(visit).seal(name, value, place, family)
        if len(browser_name) + len(sealed) > LONGEST:
            _log.warning(
                "the application sets the cookie %r, which is too long once it "
                "is sealed (%d octets), so browsers drop it; make it smaller, or "
                "exempt it in app_cookies",
                name,
                len(sealed),
            )
        return f"{browser_name}={sealed}{semicolon}{behind}"


def _expiring_headers(
    visit: Visit, reading: HeaderReading
) -> Sequence[tuple[str, str]]:
    if not reading.header:
        del visit.environ["HTTP_COOKIE"]
    if not reading.withdrawn or visit.has_session_fault or _is_only_idle(visit):
        return ()
    if visit.environ.get("HTTP_SEC_FETCH_SITE") == "cross-site":
        # SameSite may hide a good cookie, while a forged one of its name is present.
        return ()
    # A forged cookie must not expire a good one for another path.
    path = path_of(visit)
    return [
        cookie.forgotten()
        for cookie in reading.withdrawn
        if cookie.place.is_sent_to(path)
    ]


def _is_only_idle(visit: Visit) -> bool:
    try:
        return visit.session is None and visit.session_beyond_idle() is not None
    except StoreUnavailable:
        return True


def _is_for_shared_cache(headers: Iterable[tuple[str, str]]) -> bool:
    # RFC 9111
    fields = [(name.lower(), text) for name, text in headers]
    directives = ",".join(text for name, text in fields if name == "cache-control")
    if _says_public(directives) or _says_private(directives):
        return _says_public(directives) is not None
    if _says_revalidate(directives):
        # A past time allows a cache nothing (RFC 9111 5.3). Trac sends one.
        fields = [
            field
            for field in fields
            if field[0] != "expires" or _is_in_future(field[1])
        ]
    return "max-age" in directives.lower() or any(
        name in _CACHED_WITH for name, _ in fields
    )


def _is_in_future(expires: str) -> bool:
    try:
        return parsedate_to_datetime(expires).timestamp() > clock.now()
    except ValueError:
        return False
