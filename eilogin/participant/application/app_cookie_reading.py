"""Read the Cookie header of a request: open sealed cookies, withhold planted ones.

:mod:`~eilogin.participant.application.app_cookies` says which ones these are.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from eilogin.participant.application import sealed_cookies
from eilogin.participant.application.app_cookie_choice import OURS, AppCookieChoice
from eilogin.participant.application.app_cookie_names import AppCookieNames
from eilogin.participant.application.sealed_cookies import (
    LOGIN_SUFFIX,
    MARK,
    CookieSealer,
    SealedCookie,
    is_name,
)
from eilogin.web.set_cookie_headers import BLANKS, Place, pair_of
from eilogin.web.visit import Visit

#: Most sealed cookies that eilogin opens in a request; no browser keeps as many.
MOST = 200
#: Most cookies in a request. With more, the application gets none.
MOST_PAIRS = 5000
#: Most pairs of a cached header.
_MOST_CACHED_PAIRS = 100
#: Octets of a cached pair beside its text.
_OCTETS_OF_PAIR = 300

#: All texts that some parser takes for a cookie name: Python's starts a name at a
#: blank, WebOb's at any invalid character, and Django's strips Unicode blanks (here
#: UTF-8). Each character starts at most one match, or a long header would delay
#: everybody.
_NAME_CHARACTERS = r"A-Za-z0-9!#$%&'*+.^_`|~-"
_is_token = re.compile(rf"[{_NAME_CHARACTERS}]+").fullmatch
_tokens_in = re.compile(
    rf"(?<![={_NAME_CHARACTERS}])([{_NAME_CHARACTERS}]+)[^!-~]*="
).findall
_words_in = re.compile(r"(?<![!-~])([!-:<>-~]+)[^!-~]*=").findall


class _PairReading(NamedTuple):
    """A pair of a Cookie header, as eilogin passes it on."""

    #: The pair for the application, or None.
    kept: str | None = None
    #: The name that the browser must keep, even with a planted second cookie of the
    #: name.
    good: str | None = None
    #: The cookie to expire: of an ended login, or planted.
    withdrawn: SealedCookie | None = None
    #: Whether it has a name that another process may have noted meanwhile.
    has_unknown_names: bool = False
    is_sealed: bool = False


_WITHHELD = _PairReading()


class HeaderReading(NamedTuple):
    """A Cookie header, as eilogin passes it on."""

    #: The header as received.
    source: str
    #: The header for the application; "" for none, None if unchanged.
    header: str | None
    withdrawn: Sequence[SealedCookie] = ()
    has_unknown_names: bool = False
    #: For the next header of the visitor, in which mostly only some pairs differ.
    pairs: Mapping[str, _PairReading] = MappingProxyType({})


def octets_of(reading: HeaderReading) -> int:
    """Return about how many octets of memory a reading takes."""
    texts = 2 * len(reading.source) + 2 * len(reading.header or "")
    return texts + _OCTETS_OF_PAIR * len(reading.pairs)


class HeaderReader:
    """Reads a header; ``known`` are the pairs of the visitor's header before it."""

    def __init__(
        self,
        which: AppCookieChoice,
        names: AppCookieNames,
        sealer: CookieSealer,
        known: Mapping[str, _PairReading],
    ) -> None:
        self._which = which
        self._names = names
        self._sealer = sealer
        self._known = known
        self._pairs: dict[str, _PairReading] = {}
        self._sealed = 0
        #: Whether the store answered; None before the only read.
        self._is_sure: bool | None = None

    def read(self, visit: Visit, family: str | None) -> HeaderReading:
        """Read the header of a request, within the login ``family`` or without one."""
        header, is_off = visit.environ["HTTP_COOKIE"], visit.is_off
        pairs = header.split(";")
        if len(pairs) > MOST_PAIRS:
            return HeaderReading(header, None if is_off else "")
        readings = [self._reading_of(visit, pair, family) for pair in pairs]
        kept = [reading.kept for reading in readings if reading.kept is not None]
        text = ";".join(kept)
        if kept[:1] != pairs[:1]:
            text = text.lstrip(BLANKS)
        # In a flood, good cookies may be among those that eilogin did not open.
        return HeaderReading(
            header,
            None if text == header else text,
            () if is_off or self.is_flood else _withdrawn(readings),
            any(reading.has_unknown_names for reading in readings),
            self._pairs if len(self._pairs) <= _MOST_CACHED_PAIRS else {},
        )

    @property
    def is_flood(self) -> bool:
        """Whether it had more sealed cookies than eilogin opens."""
        return self._sealed > MOST

    def _reading_of(self, visit: Visit, pair: str, family: str | None) -> _PairReading:
        reading = self._known.get(pair)
        if reading is None:
            reading = self._read_pair(visit, pair, family)
        elif reading.is_sealed:
            self._sealed += 1
        if reading.is_sealed and self.is_flood:
            return _WITHHELD
        # A pair that needed the store needs it again.
        if self._is_sure is None:
            self._pairs[pair] = reading
        return reading

    def _read_pair(self, visit: Visit, pair: str, family: str | None) -> _PairReading:
        name, value = pair_of(pair)
        if value.startswith(MARK) and not name.startswith(OURS):
            cookie = sealed_cookies.read(name, value)
            return self._open(visit, pair, cookie, family)
        if name.endswith(LOGIN_SUFFIX):
            # Only eilogin gives such a name, and only to sealed values.
            return _WITHHELD
        if not value:
            return _PairReading(pair)
        if visit.is_off:
            return _PairReading(pair, name)
        return self._read_bare(visit, pair, family)

    def _open(
        self, visit: Visit, pair: str, cookie: SealedCookie | None, family: str | None
    ) -> _PairReading:
        if cookie is None:
            return _WITHHELD
        self._sealed += 1
        if self.is_flood:
            return _PairReading(is_sealed=True)
        plain = self._sealer.open(cookie, family)
        if plain is not None:
            blank = pair[: len(pair) - len(pair.lstrip(BLANKS))]
            kept = f"{blank}{cookie.own_name}={plain}"
            # The application may expire it without HttpOnly.
            self._names.note(visit, self._names.guarded, cookie.own_name)
            return _PairReading(kept, cookie.name, is_sealed=True)
        is_over = self._sealer.is_ours(cookie) and self._which.may_guard(
            cookie.own_name
        )
        return _PairReading(withdrawn=cookie if is_over else None, is_sealed=True)

    def _read_bare(self, visit: Visit, pair: str, family: str | None) -> _PairReading:
        name, has_unknown_names = pair_of(pair)[0], False
        for each in _names_in(pair, name):
            if self._which.guards(each, is_http_only=self._names.are_guarded(each)):
                if family is not None or not self._is_off_name(visit, each):
                    planted = self._planted(each, family)
                    return _PairReading(None, None, planted, has_unknown_names)
            elif self._which.may_guard(each):
                has_unknown_names = True
                # Within a login, it passes only after the first read of the names.
                if family is not None and not self._names.have_been_read:
                    return _PairReading(has_unknown_names=True)
        return _PairReading(pair, name, None, has_unknown_names)

    def _is_off_name(self, visit: Visit, name: str) -> bool:
        if name not in self._names.off and self._is_sure is None:
            # Another process may just have noted the name, for an editor.
            self._is_sure = self._names.share(visit)
        return name in self._names.off

    def _planted(self, name: str, family: str | None) -> SealedCookie | None:
        is_sure = family is not None or self._is_sure
        is_planted = is_sure and name not in self._names.off and is_name(name)
        return SealedCookie(name, b"", Place()) if is_planted else None


def _withdrawn(readings: Sequence[_PairReading]) -> Sequence[SealedCookie]:
    good = {reading.good for reading in readings}
    cookies = dict.fromkeys(reading.withdrawn for reading in readings)
    return [c for c in cookies if c is not None and c.name not in good]


def _names_in(pair: str, name: str) -> Iterable[str]:
    if pair.count("=") == 1 and _is_token(name):
        # The same as below, without a search.
        return (name,)
    return dict.fromkeys((name, *_tokens_in(pair), *_words_in(pair)))
