"""Bind the application's own cookies to the login in which it set them.

An application's session cookie outlives a logout at the hub. So eilogin *seals* the
cookies on the way to the browser, and opens them on the way back, with a secret of the
login (its family, which no browser gets). After the login nothing opens them, in any
process or for a thief: eilogin withholds them from the application, and expires them in
the browser. It stores nothing about a visitor.

A cookie that is set without a login is sealed as *anonymous*, with a secret of the
site. It does not pass into a login, because an attacker could have prepared it.

On ``off`` paths eilogin changes nothing: a cookie set there is *bare*. The application
gets bare and anonymous cookies there and none of a login, so an editor can use the
application's login. Public pages see that session too, while the editor is not signed
in at the hub.

A planted cookie gains nothing. Within a login the application gets no bare cookie with
a name that it sets itself (``app_cookie_names``); without one only the names that it
sets on ``off`` paths.

Empty and exempt cookies, eilogin's own, and those of a hub inside stay unsealed. None
is expired while the session is only idle, because the visitor may resume it. If the
store does not answer, the application does not get cookies that may be anonymous, and
they stay in the browser. Within a login those are all bare, not exempt cookies, until
the process has once read the names.
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

#: Most sealed cookies that eilogin opens in a request. No browser keeps as many for one
#: site, and each takes a while.
MOST = 200
#: Seconds between log lines about that: anybody can send such requests.
_WARNS_EVERY = 60.0
#: With more cookies than this the application gets none. No browser sends a tenth.
MOST_PAIRS = 5000
#: Most parsed Cookie headers in memory, and most characters of one.
_REMEMBERED, _LONGEST_HEADER = 512, 8192

_OURS = "__Host-eilogin"
#: A name in the option (RFC 9110 5.6.2), perhaps with an asterisk behind it.
_is_word = re.compile(
    r"-?[A-Za-z0-9!#$%&'+.^_`|~][A-Za-z0-9!#$%&'+.^_`|~-]*\*?"
).fullmatch
#: Everything that some parser takes for a cookie name. Python's starts one at a blank,
#: WebOb at any improper character; Django strips Unicode blanks (octets of UTF-8 here).
#: Each character starts at most one, or a long header would delay everybody.
_SIGN = r"A-Za-z0-9!#$%&'*+.^_`|~-"
_tokens_in = re.compile(rf"(?<![={_SIGN}])([{_SIGN}]+)[^!-~]*=").findall
_words_in = re.compile(r"(?<![!-~])([!-:<>-~]+)[^!-~]*=").findall
#: The directives and headers from which a cache concludes that a response is public or
#: private.
_says_for_all = re.compile(r"\b(public|s-maxage)\b", re.IGNORECASE).search
_says_for_her = re.compile(r"\b(private|no-store)\b", re.IGNORECASE).search
_asks_first = re.compile(r"\b(no-cache|must-revalidate)\b", re.IGNORECASE).search
_USED_AGAIN = ("expires", "last-modified", "etag")


class CookieNamePatterns(NamedTuple):
    """Names of cookies: whole names and prefixes."""

    whole: frozenset[str] = frozenset()
    starts: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Iterable[str]) -> "CookieNamePatterns":
        """Parse ``name`` and ``name*``."""
        all_words = set(words)
        starts = {word for word in all_words if word.endswith("*")}
        cut = tuple(sorted(word[:-1] for word in starts))
        return cls(frozenset(all_words - starts), cut)

    def has(self, name: str) -> bool:
        """Return whether a name matches."""
        return name in self.whole or name.startswith(self.starts)


class AppCookieChoice(NamedTuple):
    """The cookies of the application that eilogin guards."""

    #: Whether to guard all that are set HttpOnly.
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
    """Parse ``auto``, names and ``-`` names; None for ``off``; a non-string stays."""
    if not isinstance(value, str):
        return value
    words = value.split()
    if words == ["off"]:
        return None
    exempt = [word[1:] for word in words if word.startswith("-")]
    also = [word for word in words if not word.startswith("-") and word != "auto"]
    is_auto = "auto" in words
    if "off" in also or not all(map(_is_word, words)) or not (is_auto or also):
        raise ValueError("'auto', 'off', or names such as 'sessionid remember_*'")
    return AppCookieChoice(
        is_auto, CookieNamePatterns.of(also), CookieNamePatterns.of(exempt)
    )


class _Seen(NamedTuple):
    #: For the application; "" for none, None if unchanged.
    header: str | None
    #: Cookies of an ended login.
    gone: Sequence[SealedCookie]
    #: Whether only other processes may know a name in it.
    has_strangers: bool


#: Family, whether the path is ``off``, Cookie header.
_Key = tuple[str | None, bool, str]


class _Reading:
    def __init__(
        self, which: AppCookieChoice, names: AppCookieNames, sealer: CookieSealer
    ) -> None:
        self._which = which
        self._names = names
        self._sealer = sealer
        self._kept: list[str] = []
        #: If a neighbouring host plants such a name, the browser must keep the good
        #: cookie.
        self._good: set[str] = set()
        self._over: dict[SealedCookie, None] = {}
        self._has_strangers = False
        self._sealed = 0
        #: Whether the store answered: asked once, as a header can hold many cookies.
        self._is_sure: bool | None = None

    def read(self, visit: Visit, family: str | None) -> _Seen:
        """Parse the Cookie header within the login ``family``, if any."""
        header, is_off = visit.environ["HTTP_COOKIE"], visit.is_off
        pairs = header.split(";")
        if len(pairs) > MOST_PAIRS:
            return _Seen(None if is_off else "", (), has_strangers=False)
        for pair in pairs:
            self._read_pair(visit, pair, family)
        text = ";".join(self._kept)
        if self._kept[:1] != pairs[:1]:
            text = text.lstrip(BLANKS)
        gone = [cookie for cookie in self._over if cookie.name not in self._good]
        # In a flood, good cookies may be among the unopened ones.
        return _Seen(
            None if text == header else text,
            () if is_off or self.is_flood else gone,
            self._has_strangers,
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
        elif visit.is_off or self._passes(visit, pair, family):
            self._kept.append(pair)
            self._good.add(name)

    @property
    def is_flood(self) -> bool:
        return self._sealed > MOST

    def _take_sealed(
        self,
        visit: Visit,
        pair: str,
        cookie: SealedCookie | None,
        family: str | None,
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
            self._over[cookie] = None

    def _passes(self, visit: Visit, pair: str, family: str | None) -> bool:
        names = dict.fromkeys((pair_of(pair)[0], *_tokens_in(pair), *_words_in(pair)))
        return all(self._passes_name(visit, name, family) for name in names)

    def _passes_name(self, visit: Visit, name: str, family: str | None) -> bool:
        names = self._names
        if not self._which.guards(name, is_http_only=names.are_guarded(name)):
            if not self._which.may_guard(name):
                return True
            self._has_strangers = True
            # Within a login, no cookie passes because the names are not read yet.
            return family is None or names.are_known
        is_sure = name in names.off or self._knows(visit, family)
        if is_sure and name not in names.off and is_name(name):
            self._over[SealedCookie(name, b"", Place())] = None
        return family is None and name in names.off

    def _knows(self, visit: Visit, family: str | None) -> bool:
        if family is not None:
            return True
        if self._is_sure is None:
            # An editor may have used another process a moment ago.
            self._is_sure = self._names.share(visit)
        return self._is_sure


class AppCookies:
    """The application, whose cookies eilogin seals in the browser as ``which`` says."""

    def __init__(self, app: "WSGIApplication", which: AppCookieChoice) -> None:
        self._app = app
        self._which = which
        #: Recent results: most headers come with every request.
        self.remembered: dict[_Key, _Seen] = {}
        self._names = AppCookieNames(self._forget)
        self._sealer: CookieSealer | None = None
        self._warns_at = 0.0

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Call the application; open and seal its cookies."""
        login = environ.get(env.SESSION)
        family = None if login is None else login.family
        gone: Sequence[tuple[str, str]] = ()
        header = environ.get("HTTP_COOKIE")
        if header is not None:
            key = (family, env.OFF in environ, header)
            seen = self.remembered.get(key) or self._look(Visit(environ), key)
            if seen.has_strangers and monotonic() >= self._names.looks_at:
                seen = self._look_again(Visit(environ), key, seen)
            if seen.header is not None:
                # An outer component, which may log the header, keeps the original.
                environ = environ.copy()
                environ["HTTP_COOKIE"] = seen.header
                if seen.gone or not seen.header:
                    gone = _gone(Visit(environ), seen)
        return self._app(
            environ, partial(self._start, start_response, environ, family, gone)
        )

    def _sealer_of(self, visit: Visit) -> CookieSealer:
        if self._sealer is None:
            self._which = self._which.without(f"__Host-{visit.cookie.name}")
            self._sealer = CookieSealer(visit.trust.own)
        return self._sealer

    # --- on the way in ---

    def _forget(self) -> None:
        """Drop earlier results, also those of threads that parse now."""
        self.remembered = {}

    def _look(self, visit: Visit, key: _Key) -> _Seen:
        family, _, header = key
        # Read first, because names may be added meanwhile.
        remembered = self.remembered
        sealer = self._sealer_of(visit)
        reading = _Reading(self._which, self._names, sealer)
        seen = reading.read(visit, family)
        if reading.is_flood and monotonic() >= self._warns_at:
            self._warns_at = monotonic() + _WARNS_EVERY
            _log.warning(
                "a browser sends more than %d sealed cookies of the application; "
                "eilogin withholds the others",
                MOST,
            )
        if len(remembered) >= _REMEMBERED:
            remembered.clear()
        if len(header) <= _LONGEST_HEADER:
            remembered[key] = seen
        return seen

    def _look_again(self, visit: Visit, key: _Key, seen: _Seen) -> _Seen:
        """Parse again with the names that others may have added since."""
        names = self._names
        if key[0] is None and (names.are_known or monotonic() < names.tries_at):
            # Anonymous visitors cause a read only if it matters. For others the store
            # has just confirmed the session.
            return seen
        names.share(visit)
        return self.remembered.get(key) or self._look(visit, key)

    def _start(  # noqa: PLR0913, PLR0917 - of its request, and as PEP 3333 has it
        self,
        start_response: "StartResponse",
        environ: "WSGIEnvironment",
        family: str | None,
        gone: Sequence[tuple[str, str]],
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,
        /,
    ) -> Callable[[bytes], object]:
        for name, _ in headers:
            # Before a call, because this runs for every response.
            if len(name) == LENGTH and is_set_cookie(name):
                headers = self._sealed(Visit(environ), family, headers)
                break
        if gone and not _is_for_all(headers):
            # First: the application's own cookies may have the same name.
            headers = [*gone, *headers]
        # A server may distinguish "no exc_info" from None.
        if exc_info is None:
            return start_response(status, headers)
        return start_response(status, headers, exc_info)

    def _sealed(
        self,
        visit: Visit,
        family: str | None,
        headers: list[tuple[str, str]],
    ) -> list[tuple[str, str]]:
        return [
            (name, self._on_its_way(visit, family, text))
            if is_set_cookie(name)
            else (name, text)
            for name, text in headers
        ]

    def _on_its_way(self, visit: Visit, family: str | None, text: str) -> str:
        pair, semicolon, behind = text.partition(";")
        name, value = pair_of(pair)
        attributes = attributes_of(behind)
        # Or a new value without HttpOnly would be withheld as planted.
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


def _gone(visit: Visit, seen: _Seen) -> Sequence[tuple[str, str]]:
    if not seen.header:
        del visit.environ["HTTP_COOKIE"]
    if not seen.gone or visit.has_session_fault or _is_only_idle(visit):
        return ()
    if visit.environ.get("HTTP_SEC_FETCH_SITE") == "cross-site":
        # A good cookie may be missing (SameSite), and a forged one present.
        return ()
    # A forged cookie must not expire a good one of another path.
    path = path_of(visit)
    return [cookie.forgotten() for cookie in seen.gone if cookie.place.is_sent_to(path)]


def _is_only_idle(visit: Visit) -> bool:
    """Return whether a new login can resume an idle session."""
    try:
        return visit.session is None and visit.session_beyond_idle() is not None
    except StoreUnavailable:
        return True


def _is_for_all(headers: Iterable[tuple[str, str]]) -> bool:
    """Return whether a cache may give others the response (RFC 9111)."""
    fields = [(name.lower(), text) for name, text in headers]
    directives = ",".join(text for name, text in fields if name == "cache-control")
    if _says_for_all(directives) or _says_for_her(directives):
        return _says_for_all(directives) is not None
    if _asks_first(directives):
        # Past times allow a cache nothing (5.3). Trac sends that.
        fields = [
            field for field in fields if field[0] != "expires" or _is_to_come(field[1])
        ]
    return "max-age" in directives.lower() or any(
        name in _USED_AGAIN for name, _ in fields
    )


def _is_to_come(expires: str) -> bool:
    try:
        return parsedate_to_datetime(expires).timestamp() > clock.now()
    except ValueError:
        return False
