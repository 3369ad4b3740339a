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
from typing import TYPE_CHECKING, Any, NamedTuple

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.participant.application import sealed_cookies
from eilogin.participant.application.app_cookie_names import AppCookieNames
from eilogin.participant.application.sealed_cookies import (
    LOGIN_SUFFIX,
    LONGEST,
    MARK,
    CookieSealer,
    SealedCookie,
    is_name,
    name_of,
)
from eilogin.participant.inner_hub import is_at_inner_hub
from eilogin.web import environ as env
from eilogin.web.set_cookie_headers import (
    BLANKS,
    LENGTH,
    NOTHING,
    Place,
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

#: Most sealed cookies that eilogin opens in a request; no browser keeps as many.
MOST = 200
#: Seconds between log lines about more of them.
_WARNS_EVERY = 60.0
#: Most cookies in a request. With more, the application gets none.
MOST_PAIRS = 5000
#: Most parsed Cookie headers in memory, and most characters of one.
_REMEMBERED, _LONGEST_HEADER = 512, 8192

_OURS = "__Host-eilogin"
#: A name in the option (RFC 9110 5.6.2), perhaps with ``-`` before it and ``*`` behind.
_is_pattern = re.compile(
    r"-?[A-Za-z0-9!#$%&'+.^_`|~][A-Za-z0-9!#$%&'+.^_`|~-]*\*?"
).fullmatch
#: All texts that some parser takes for a cookie name: Python's starts a name at a
#: blank, WebOb's at any invalid character, and Django's strips Unicode blanks (here
#: UTF-8). Each character starts at most one match, or a long header would delay
#: everybody.
_NAME_CHARACTERS = r"A-Za-z0-9!#$%&'*+.^_`|~-"
_tokens_in = re.compile(
    rf"(?<![={_NAME_CHARACTERS}])([{_NAME_CHARACTERS}]+)[^!-~]*="
).findall
_words_in = re.compile(r"(?<![!-~])([!-:<>-~]+)[^!-~]*=").findall
#: Headers and directives about a cache that may give a response to others.
_says_public = re.compile(r"\b(public|s-maxage)\b", re.IGNORECASE).search
_says_private = re.compile(r"\b(private|no-store)\b", re.IGNORECASE).search
_says_revalidate = re.compile(r"\b(no-cache|must-revalidate)\b", re.IGNORECASE).search
_CACHED_WITH = ("expires", "last-modified", "etag")


class CookieNamePatterns(NamedTuple):
    """Names of cookies: whole names and prefixes."""

    whole: frozenset[str] = frozenset()
    starts: tuple[str, ...] = ()

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "CookieNamePatterns":
        """Parse ``name`` and ``name*``."""
        all_patterns = set(patterns)
        starts = {pattern for pattern in all_patterns if pattern.endswith("*")}
        prefixes = tuple(sorted(pattern[:-1] for pattern in starts))
        return cls(frozenset(all_patterns - starts), prefixes)

    def has(self, name: str) -> bool:
        """Return whether a name matches."""
        return name in self.whole or name.startswith(self.starts)


class AppCookieChoice(NamedTuple):
    """The cookies of the application that eilogin guards."""

    #: Whether to guard all HttpOnly cookies.
    is_auto: bool = False
    also: CookieNamePatterns = CookieNamePatterns()
    exempt: CookieNamePatterns = CookieNamePatterns()

    def guards(self, name: str, *, is_http_only: bool) -> bool:
        """Return whether eilogin guards a cookie that the application sets."""
        if name.startswith(_OURS) or self.exempt.has(name):
            return False
        return (self.is_auto and is_http_only) or self.also.has(name)

    def without(self, name: str) -> "AppCookieChoice":
        """Return this choice with one more exempt name."""
        return self._replace(
            exempt=self.exempt._replace(whole=self.exempt.whole | {name})
        )

    def may_guard(self, name: str) -> bool:
        """Return whether eilogin guards a cookie once it is set HttpOnly."""
        return self.guards(name, is_http_only=True)


def read_app_cookies(value: object) -> object:
    """Parse ``auto``, ``NAME`` and ``-NAME``; None for ``off``; a non-string stays."""
    if not isinstance(value, str):
        return value
    words = value.split()
    if words == ["off"]:
        return None
    exempt = [word[1:] for word in words if word.startswith("-")]
    also = [word for word in words if not word.startswith("-") and word != "auto"]
    is_auto = "auto" in words
    if "off" in also or not all(map(_is_pattern, words)) or not (is_auto or also):
        raise ValueError("'auto', 'off', or names such as 'sessionid remember_*'")
    return AppCookieChoice(
        is_auto, CookieNamePatterns.of(also), CookieNamePatterns.of(exempt)
    )


class _ParsedCookies(NamedTuple):
    #: The header for the application; "" for none, None if unchanged.
    header: str | None
    #: Cookies to expire: of an ended login, or planted.
    withdrawn: Sequence[SealedCookie]
    #: Whether it has a name that another process may have noted meanwhile.
    has_unknown_names: bool


class _Key(NamedTuple):
    """A Cookie header, with the facts that determine the result of reading it."""

    #: The secret of the login; None without one.
    family: str | None
    #: Whether the path is ``off``.
    is_off: bool
    header: str


class _HeaderReading:
    def __init__(
        self, which: AppCookieChoice, names: AppCookieNames, sealer: CookieSealer
    ) -> None:
        self._which = which
        self._names = names
        self._sealer = sealer
        self._kept: list[str] = []
        #: Names that the browser must keep, even with a planted second cookie of the
        #: name.
        self._good: set[str] = set()
        self._withdrawn: dict[SealedCookie, None] = {}
        self._has_unknown_names = False
        self._sealed = 0
        #: Whether the store answered; None before the only read.
        self._is_sure: bool | None = None

    def read(self, visit: Visit, family: str | None) -> _ParsedCookies:
        header, is_off = visit.environ["HTTP_COOKIE"], visit.is_off
        pairs = header.split(";")
        if len(pairs) > MOST_PAIRS:
            return _ParsedCookies(None if is_off else "", (), has_unknown_names=False)
        for pair in pairs:
            self._read_pair(visit, pair, family)
        text = ";".join(self._kept)
        if self._kept[:1] != pairs[:1]:
            text = text.lstrip(BLANKS)
        withdrawn = [
            cookie for cookie in self._withdrawn if cookie.name not in self._good
        ]
        # In a flood, good cookies may be among those that eilogin did not open.
        return _ParsedCookies(
            None if text == header else text,
            () if is_off or self.is_flood else withdrawn,
            self._has_unknown_names,
        )

    def _read_pair(self, visit: Visit, pair: str, family: str | None) -> None:
        name, value = pair_of(pair)
        if value.startswith(MARK) and not name.startswith(_OURS):
            cookie = sealed_cookies.read(name, value)
            self._take_sealed(visit, pair, cookie, family)
        elif name.endswith(LOGIN_SUFFIX):
            # Only eilogin gives such a name, and only to sealed values.
            return
        elif not value:
            self._kept.append(pair)
        elif visit.is_off or self._may_pass(visit, pair, family):
            self._kept.append(pair)
            self._good.add(name)

    @property
    def is_flood(self) -> bool:
        return self._sealed > MOST

    def _take_sealed(
        self, visit: Visit, pair: str, cookie: SealedCookie | None, family: str | None
    ) -> None:
        if cookie is None:
            return
        self._sealed += 1
        if self._sealed > MOST:
            return
        plain = self._sealer.open(cookie, family)
        if plain is not None:
            blank = pair[: len(pair) - len(pair.lstrip(BLANKS))]
            self._kept.append(f"{blank}{cookie.own_name}={plain}")
            self._good.add(cookie.name)
            # The application may expire it without HttpOnly.
            self._names.note(visit, self._names.guarded, cookie.own_name)
        elif self._sealer.is_ours(cookie) and self._which.may_guard(cookie.own_name):
            self._withdrawn[cookie] = None

    def _may_pass(self, visit: Visit, pair: str, family: str | None) -> bool:
        names = dict.fromkeys((pair_of(pair)[0], *_tokens_in(pair), *_words_in(pair)))
        return all(self._may_pass_name(visit, name, family) for name in names)

    def _may_pass_name(self, visit: Visit, name: str, family: str | None) -> bool:
        names = self._names
        if not self._which.guards(name, is_http_only=names.are_guarded(name)):
            if not self._which.may_guard(name):
                return True
            self._has_unknown_names = True
            # Within a login, it passes only after the first read of the names.
            return family is None or names.have_been_read
        is_sure = name in names.off or self._knows(visit, family)
        if is_sure and name not in names.off and is_name(name):
            self._withdrawn[SealedCookie(name, b"", Place())] = None
        return family is None and name in names.off

    def _knows(self, visit: Visit, family: str | None) -> bool:
        if family is not None:
            return True
        if self._is_sure is None:
            # Another process may just have noted the name, for an editor.
            self._is_sure = self._names.share(visit)
        return self._is_sure


class AppCookies:
    """The application, with its cookies sealed in the browser as ``which`` says."""

    def __init__(self, app: "WSGIApplication", which: AppCookieChoice) -> None:
        self._app = app
        self._which = which
        #: Recent results: a browser sends the same header with each request.
        self.remembered: dict[_Key, _ParsedCookies] = {}
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
            key = _Key(family, env.OFF in environ, header)
            parsed = self.remembered.get(key) or self._parse(Visit(environ), key)
            if parsed.has_unknown_names and monotonic() >= self._names.next_read_at:
                parsed = self._parse_again(Visit(environ), key, parsed)
            if parsed.header is not None:
                # The server and filters before this one keep the header of the browser.
                environ = environ.copy()
                environ["HTTP_COOKIE"] = parsed.header
                if parsed.withdrawn or not parsed.header:
                    expiring = _expiring_headers(Visit(environ), parsed)
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
        # Threads that parse now store their results in the old dict.
        self.remembered = {}

    def _parse(self, visit: Visit, key: _Key) -> _ParsedCookies:
        # Before parsing: if a name is added meanwhile, the result is outdated.
        remembered = self.remembered
        sealer = self._sealer_of(visit)
        reading = _HeaderReading(self._which, self._names, sealer)
        parsed = reading.read(visit, key.family)
        if reading.is_flood and monotonic() >= self._warns_at:
            self._warns_at = monotonic() + _WARNS_EVERY
            _log.warning(
                "a browser sends more than %d sealed cookies of the application; "
                "eilogin withholds the others",
                MOST,
            )
        if len(remembered) >= _REMEMBERED:
            remembered.clear()
        if len(key.header) <= _LONGEST_HEADER:
            remembered[key] = parsed
        return parsed

    def _parse_again(
        self, visit: Visit, key: _Key, parsed: _ParsedCookies
    ) -> _ParsedCookies:
        names = self._names
        if key.family is None and (
            names.have_been_read or monotonic() < names.next_try_at
        ):
            # For an anonymous visitor, _knows reads the names. For others the store has
            # just answered.
            return parsed
        names.share(visit)
        return self.remembered.get(key) or self._parse(visit, key)

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
    visit: Visit, parsed: _ParsedCookies
) -> Sequence[tuple[str, str]]:
    if not parsed.header:
        del visit.environ["HTTP_COOKIE"]
    if not parsed.withdrawn or visit.has_session_fault or _is_only_idle(visit):
        return ()
    if visit.environ.get("HTTP_SEC_FETCH_SITE") == "cross-site":
        # SameSite may hide a good cookie, while a forged one of its name is present.
        return ()
    # A forged cookie must not expire a good one for another path.
    path = path_of(visit)
    return [
        cookie.forgotten()
        for cookie in parsed.withdrawn
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
