"""The application's own cookies are worth what the login is in which they were set.

Most applications keep a session of their own by a cookie, and that outlives a logout at
the hub. So what the application sets is *sealed* on its way to the browser, with a
secret of the login (its family, which no browser ever gets), and opened on its way
back. The application sees its values as it set them; out of the browser nobody reads
them. Once the login is over nothing opens them any more, the next day, in another
process, and for who has copied them: the application does not get them, and the browser
is told to forget them. All of that comes from the cookie and from the login that was
read; nothing is kept of a visitor.

What a request without a login sets is sealed too, by a secret of the site: as
*anonymous*. A login does not take it over, or an attacker could have prepared it; so a
session that was begun before a login is not there after it.

On ``off`` paths nothing is changed: what the application sets there is *bare*. It gets
what is bare and what is anonymous, and nothing of a login, for nobody is logged in
there. Who edits the site at an ``off`` path by the application's own login is let be;
her session is seen by public pages too while she is not logged in as a citizen, and
neither takes the other's place, for what is set in a login has another name in the
browser. Within a login the application gets no bare cookie of a name that it sets
itself (see ``app_cookie_names``), and without a login only if it sets
that on ``off`` paths: who plants one there gains nothing.

Left alone is what holds nothing, what is exempt, eilogin's own, and what a hub inside
sets. Nothing is forgotten while she is only idle, for she may go on with it. What
cannot be told apart from a stranger's because the store does not answer is not given to
the application, and stays in the browser; in a login that is all that is bare and not
exempt, until a process has once heard from the store which names there are.
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

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")

#: The most sealed cookies of a request that are opened: no browser keeps as many of one
#: site, and each takes a while.
MOST = 200
#: How often the log says so, in seconds: each request of anybody could be such a one.
_WARNS_EVERY = 60.0
#: Of how many cookies in all the application gets any; no browser brings a tenth.
MOST_PAIRS = 5000
#: How many Cookie headers a process remembers opened, and how long one is at most.
_REMEMBERED, _LONGEST_HEADER = 512, 8192

#: Our own, which end by themselves.
_OURS = "__Host-eilogin"
#: A name that an option can have (RFC 9110 5.6.2), maybe with an asterisk behind it.
_is_word = re.compile(
    r"-?[A-Za-z0-9!#$%&'+.^_`|~][A-Za-z0-9!#$%&'+.^_`|~-]*\*?"
).fullmatch
#: All that some reader of a Cookie header could take for the name of a cookie. Python's
#: own begins a new one at a blank, and lets a name have more signs than it should;
#: WebOb's begins one at whatever should not be in a name; and Django takes any blank of
#: Unicode away from a name, which comes here as octets of UTF-8.
#: Each sign begins one at most once, or a long header would hold up everybody.
_SIGN = r"A-Za-z0-9!#$%&'*+.^_`|~-"
_tokens_in = re.compile(rf"(?<![={_SIGN}])([{_SIGN}]+)[^!-~]*=").findall
_words_in = re.compile(r"(?<![!-~])([!-:<>-~]+)[^!-~]*=").findall
#: What says that an answer may be given to others, that it may not, and by which a
#: cache may think so where nothing is said.
_says_for_all = re.compile(r"\b(public|s-maxage)\b", re.IGNORECASE).search
_says_for_her = re.compile(r"\b(private|no-store)\b", re.IGNORECASE).search
_asks_first = re.compile(r"\b(no-cache|must-revalidate)\b", re.IGNORECASE).search
_USED_AGAIN = ("expires", "last-modified", "etag")


class CookieNamePatterns(NamedTuple):
    """Names of cookies: whole ones, and what others begin with."""

    whole: frozenset[str] = frozenset()
    starts: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Iterable[str]) -> "CookieNamePatterns":
        """Of words as they stand in the option, ``name`` or ``name*``."""
        all_words = set(words)
        starts = {word for word in all_words if word.endswith("*")}
        cut = tuple(sorted(word[:-1] for word in starts))
        return cls(frozenset(all_words - starts), cut)

    def has(self, name: str) -> bool:
        """Whether it is one of these."""
        return name in self.whole or name.startswith(self.starts)


class AppCookieChoice(NamedTuple):
    """Which cookies of the application are guarded."""

    #: Whether all are that it sets HttpOnly.
    is_auto: bool = False
    also: CookieNamePatterns = CookieNamePatterns()
    exempt: CookieNamePatterns = CookieNamePatterns()

    def guards(self, name: str, *, is_http_only: bool) -> bool:
        """Whether a cookie is, that the application sets."""
        if name.startswith(_OURS) or self.exempt.has(name):
            return False
        return (self.is_auto and is_http_only) or self.also.has(name)

    def without(self, name: str) -> "AppCookieChoice":
        """The same, with one more that is exempt."""
        return self._replace(
            exempt=self.exempt._replace(whole=self.exempt.whole | {name})
        )

    def may_guard(self, name: str) -> bool:
        """Whether a cookie is guarded, should the application set it HttpOnly."""
        return self.guards(name, is_http_only=True)


def read_app_cookies(value: object) -> object:
    """``auto``, names, ``-`` before those that are exempt; None for ``off``.

    For validators; what is not a text stays as it is.
    """
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
    """What came of a Cookie header."""

    #: What the application gets, "" for none at all; None where that is what came.
    header: str | None
    #: What is over, and the browser may forget.
    gone: Sequence[SealedCookie]
    #: Whether there is a name in it that may be known elsewhere, and is not here.
    has_strangers: bool


#: Of which login, whether on an ``off`` path, and the Cookie header.
_Key = tuple[str | None, bool, str]


class _Reading:
    """A Cookie header while it is read."""

    def __init__(
        self, which: AppCookieChoice, names: AppCookieNames, sealer: CookieSealer
    ) -> None:
        self._which = which
        self._names = names
        self._sealer = sealer
        #: Of the header what the application gets,
        self._kept: list[str] = []
        #: and the names in it. Beside such a one a neighbour may have made one up, so
        #: that the good one be forgotten.
        self._good: set[str] = set()
        #: What is over, each once.
        self._over: dict[SealedCookie, None] = {}
        self._has_strangers = False
        #: How many were sealed, as they say.
        self._sealed = 0
        #: What the store said, which is asked once: a header has room for many.
        self._is_sure: bool | None = None

    def read(self, environ: "WSGIEnvironment", family: str | None) -> _Seen:
        """What comes of the header of a request, of who has the login ``family``."""
        header, is_off = environ["HTTP_COOKIE"], env.OFF in environ
        pairs = header.split(";")
        if len(pairs) > MOST_PAIRS:
            return _Seen(None if is_off else "", (), has_strangers=False)
        for pair in pairs:
            name, value = pair_of(pair)
            if value.startswith(MARK) and not name.startswith(_OURS):
                cookie = sealed_cookies.read(name, value)
                self._take_sealed(environ, pair, cookie, family)
            elif name.endswith(LOGIN_SUFFIX):
                # Nobody but us gives such a name, and that to what is sealed.
                continue
            elif not value:
                self._kept.append(pair)
            elif is_off or self._passes(environ, pair, family):
                self._kept.append(pair)
                self._good.add(name)
        text = ";".join(self._kept)
        if self._kept[:1] != pairs[:1]:
            text = text.lstrip(BLANKS)
        gone = [cookie for cookie in self._over if cookie.name not in self._good]
        # In a flood good ones may be among those that were not looked at.
        return _Seen(
            None if text == header else text,
            () if is_off or self.is_flood else gone,
            self._has_strangers,
        )

    @property
    def is_flood(self) -> bool:
        """Whether there were more sealed ones than were opened."""
        return self._sealed > MOST

    def _take_sealed(
        self,
        environ: "WSGIEnvironment",
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
            # What takes it away may not say HttpOnly.
            self._names.note(environ, self._names.guarded, cookie.own_name)
        elif self._sealer.is_ours(cookie) and self._which.may_guard(cookie.own_name):
            self._over[cookie] = None

    def _passes(
        self, environ: "WSGIEnvironment", pair: str, family: str | None
    ) -> bool:
        """Whether the application gets what is bare outside of ``off`` paths."""
        names = dict.fromkeys((pair_of(pair)[0], *_tokens_in(pair), *_words_in(pair)))
        return all(self._passes_name(environ, name, family) for name in names)

    def _passes_name(
        self, environ: "WSGIEnvironment", name: str, family: str | None
    ) -> bool:
        names = self._names
        if not self._which.guards(name, is_http_only=names.are_guarded(name)):
            if not self._which.may_guard(name):
                return True
            self._has_strangers = True
            # In a login nothing passes by chance, because the names are not here yet.
            return family is None or names.are_known
        is_sure = name in names.off or self._knows(environ, family)
        if is_sure and name not in names.off and is_name(name):
            self._over[SealedCookie(name, b"", Place())] = None
        return family is None and name in names.off

    def _knows(self, environ: "WSGIEnvironment", family: str | None) -> bool:
        """Whether what others have noted is known; it may be afterwards."""
        if family is not None:
            return True
        if self._is_sure is None:
            # Who edits the site may have come to another process a moment ago.
            self._is_sure = self._names.share(environ)
        return self._is_sure


class AppCookies:
    """The application, whose cookies are sealed in the browser as ``which`` says."""

    def __init__(self, app: "WSGIApplication", which: AppCookieChoice) -> None:
        self._app = app
        self._which = which
        #: What came of headers that were read lately: most come with every request.
        self.remembered: dict[_Key, _Seen] = {}
        self._names = AppCookieNames(self._forget)
        self._sealer: CookieSealer | None = None
        self._warns_at = 0.0

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Pass on with what this visitor may bring, and seal what is set."""
        login = environ.get(env.SESSION)
        family = None if login is None else login.family
        gone: Sequence[tuple[str, str]] = ()
        header = environ.get("HTTP_COOKIE")
        if header is not None:
            key = (family, env.OFF in environ, header)
            seen = self.remembered.get(key) or self._look(environ, key)
            if seen.has_strangers and monotonic() >= self._names.looks_at:
                seen = self._look_again(environ, key, seen)
            if seen.header is not None:
                # Who stands outside, and may log it, keeps what came.
                environ = environ.copy()
                environ["HTTP_COOKIE"] = seen.header
                if seen.gone or not seen.header:
                    gone = _gone(environ, seen)
        return self._app(
            environ, partial(self._start, start_response, environ, family, gone)
        )

    def _sealer_of(self, environ: "WSGIEnvironment") -> CookieSealer:
        if self._sealer is None:
            # By which she is logged in, whatever its name is.
            self._which = self._which.without(f"__Host-{env.cookie(environ).name}")
            self._sealer = CookieSealer(env.trust(environ).own)
        return self._sealer

    # --- on the way in ---

    def _forget(self) -> None:
        """Forget what was read by fewer names, and what others are reading by them."""
        self.remembered = {}

    def _look(self, environ: "WSGIEnvironment", key: _Key) -> _Seen:
        """What comes of a Cookie header, which is remembered."""
        family, _, header = key
        # Before it is read: there may be news meanwhile.
        remembered = self.remembered
        sealer = self._sealer_of(environ)
        reading = _Reading(self._which, self._names, sealer)
        seen = reading.read(environ, family)
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

    def _look_again(self, environ: "WSGIEnvironment", key: _Key, seen: _Seen) -> _Seen:
        """The same with the names that others may have noted since."""
        names = self._names
        if key[0] is None and (names.are_known or monotonic() < names.tries_at):
            # For strangers the store is asked only where it matters. Of others it has
            # just said that they are logged in.
            return seen
        names.share(environ)
        return self.remembered.get(key) or self._look(environ, key)

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
            # Before a call: this is done at every answer.
            if len(name) == LENGTH and is_set_cookie(name):
                headers = self._sealed(environ, family, headers)
                break
        if gone and not _is_for_all(headers):
            # Before the application's own, which may be of the same name.
            headers = [*gone, *headers]
        # A server may tell "no exc_info" from None.
        if exc_info is None:
            return start_response(status, headers)
        return start_response(status, headers, exc_info)

    def _sealed(
        self,
        environ: "WSGIEnvironment",
        family: str | None,
        headers: list[tuple[str, str]],
    ) -> list[tuple[str, str]]:
        """The headers of an answer of the application as the browser gets them."""
        return [
            (name, self._on_its_way(environ, family, text))
            if is_set_cookie(name)
            else (name, text)
            for name, text in headers
        ]

    def _on_its_way(
        self, environ: "WSGIEnvironment", family: str | None, text: str
    ) -> str:
        """The same of one that sets a cookie."""
        pair, semicolon, behind = text.partition(";")
        name, value = pair_of(pair)
        attributes = attributes_of(behind)
        # Once it was, it is: else what is set now would be withheld as planted.
        is_http_only = "httponly" in attributes or self._names.are_guarded(name)
        if not self._which.guards(name, is_http_only=is_http_only):
            return text
        # Sealed with the login here they would end with it, and the hub has to know
        # whom it had when the next one logs in.
        if is_at_inner_hub(environ):
            return text
        browser_name = name_of(name, family)
        if value in NOTHING:
            # A browser keeps what has no name at all under none.
            return text.replace(name, browser_name, 1) if "=" in pair else text
        if env.OFF in environ:
            self._names.note(environ, self._names.off, name)
            return text
        if not self._which.guards(name, is_http_only=False):
            self._names.note(environ, self._names.guarded, name)
        if not is_name(name):
            _log.warning(
                "the application sets the cookie %r, whose name is not valid "
                "(RFC 6265), so it does not get the cookie back; rename it",
                name,
            )
        place = place_of(environ, attributes)
        sealed = self._sealer_of(environ).seal(name, value, place, family)
        if len(browser_name) + len(sealed) > LONGEST:
            _log.warning(
                "the application sets the cookie %r, which is too long once it "
                "is sealed (%d octets), so browsers drop it; make it smaller, or "
                "exempt it in app_cookies",
                name,
                len(sealed),
            )
        return f"{browser_name}={sealed}{semicolon}{behind}"


def _gone(environ: "WSGIEnvironment", seen: _Seen) -> Sequence[tuple[str, str]]:
    """What the browser is to forget of who may bring less than she brought."""
    if not seen.header:
        del environ["HTTP_COOKIE"]
    if not seen.gone or env.SESSION_FAULT in environ or _is_only_idle(environ):
        return ()
    if environ.get("HTTP_SEC_FETCH_SITE") == "cross-site":
        # A good one may not have come along (SameSite), and one that was made up has.
        return ()
    # From another place nothing has come, and a good one that lies there would have to
    # go at the word of one that was made up.
    path = path_of(environ)
    return [cookie.forgotten() for cookie in seen.gone if cookie.place.is_sent_to(path)]


def _is_only_idle(environ: "WSGIEnvironment") -> bool:
    """Whether she may go on with what she had, when she logs in again."""
    try:
        return (
            env.session(environ) is None
            and env.session_beyond_idle(environ) is not None
        )
    except StoreUnavailable:
        return True


def _is_for_all(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a cache may give an answer to others too, cookies and all (RFC 9111)."""
    fields = [(name.lower(), text) for name, text in headers]
    directives = ",".join(text for name, text in fields if name == "cache-control")
    if _says_for_all(directives) or _says_for_her(directives):
        return _says_for_all(directives) is not None
    if _asks_first(directives):
        # What was over before it came is of no use to a cache (5.3). Trac says so.
        fields = [
            field for field in fields if field[0] != "expires" or _is_to_come(field[1])
        ]
    return "max-age" in directives.lower() or any(
        name in _USED_AGAIN for name, _ in fields
    )


def _is_to_come(expires: str) -> bool:
    """Whether Expires says an instant that is not over; what is none of them is."""
    try:
        return parsedate_to_datetime(expires).timestamp() > clock.now()
    except ValueError:
        return False
