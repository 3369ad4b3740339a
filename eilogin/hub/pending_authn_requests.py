"""AuthnRequests of participants that the hub has not answered yet.

A sealed cookie keeps each one, and the sign-in page's address names the cookie. So a
reload works, another browser does not, and endless requests do not fill the store. The
store keeps only those too long for a cookie, within limits.
"""

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from urllib.parse import parse_qs, urlencode, urlsplit

from eilogin import clock
from eilogin.errors import (
    Busy,
    CookiesRefused,
    EiloginError,
    InNameOf,
    LoginLost,
    UnknownPeer,
)
from eilogin.sessions.session_records import UNREADABLE
from eilogin.web.browser import per_tab_cookies
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.random_handles import handle_of, is_handle
from eilogin.web.browser.sealing import Sealer, as_text, from_text
from eilogin.web.limits.client_network import network_here, wider
from eilogin.web.limits.login_loops import takes_cookies
from eilogin.web.limits.storage_quota import Room, counted
from eilogin.web.visit import Visit

#: Seconds that a visitor has to sign in.
LIFETIME = 30 * 60.0
#: Seconds that the browser keeps a pending login.
KEPT_FOR = 24 * 60 * 60
#: The same after the answer: double click, back button.
_ANSWERED_FOR = 2 * 60

#: Parameters: the handle of a request, and its issuer.
PARAMETER, _ISSUER = "request", "of"

#: Pending logins of a browser; a participant has fewer, and explains its limit.
_MOST_TABS = 8
#: Characters of all these cookies in one browser.
_MOST_ROOM = 3600
#: Characters of a cookie; the store keeps a longer one.
_LONGEST = 1800
#: Bytes in the store. When it is full, a cookie keeps more, though some proxies refuse
#: it.
_MOST_STORED = 32 * 1024 * 1024
_COOKIES = "eilogin-asked-"
#: Characters of an entityID in an address.
_LONGEST_ISSUER = 300


@dataclass(frozen=True, slots=True)
class PendingAuthnRequest:
    """A verified AuthnRequest, and where its Response goes."""

    request_id: str
    issuer: str
    #: A verified address of its metadata, and its binding.
    acs_url: str
    binding: str
    relay_state: str
    #: The level to prove; "" if the hub offers no sufficient one.
    level: str
    #: All sufficient levels, the lowest first; the request's classes.
    levels: tuple[str, ...]
    classes: tuple[str, ...]
    #: The Format of its NameIDPolicy, or "".
    name_id_format: str
    force: bool
    passive: bool
    #: When it came, by our clock.
    received: float
    #: IssueInstant, by the participant's clock.
    issued: float = 0.0
    #: AttributeConsumingServiceIndex, or None.
    service_index: int | None = None
    #: The faulty Response that a tester chose, or "".
    rehearsal: str = ""
    #: Seconds of inactivity that ended the participant's session, or 0.
    idle_limit: int = 0

    @property
    def name(self) -> str:
        """The name of this AuthnRequest in the store."""
        text = f"{self.issuer}\0{self.request_id}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def handle(self) -> str:
        """The name in our addresses; the oldest sort first."""
        return handle_of(self.name, self.received)

    @property
    def is_over(self) -> bool:
        """Whether the visitor took too long."""
        return clock.now() - self.received >= LIFETIME


# --- in the browser -------------------------------------------------------------------


def remember(visit: Visit, pending: PendingAuthnRequest) -> Iterator[tuple[str, str]]:
    """Return the headers by which this browser keeps a pending login.

    The oldest make room. Busy if it is too long and the store is full.
    """
    octets = zlib.compress(json.dumps(astuple(pending)).encode())
    text = as_text(_sealer(visit).seal(octets, pending.handle))
    if len(text) > _LONGEST and _has_room(visit, text):
        until = pending.received + LIFETIME
        visit.values.add(_stored_key(pending.handle), text, until, durable=False)
        text = as_text(_sealer(visit).seal(b"", pending.handle))
    if len(text) > _MOST_ROOM:
        raise Busy(
            "the store has no room for one more pending login with a long RelayState"
        )
    yield from per_tab_cookies.make_room(
        visit.cookie_header, _COOKIES, _MOST_ROOM - len(text), most=_MOST_TABS
    )
    yield _cookie(pending.handle).set(text, max_age=KEPT_FOR)


def _has_room(visit: Visit, text: str) -> bool:
    """Reserve room: by POST, anybody can repeat a message with another RelayState."""
    own = visit.trust.own
    network = own.pseudonym(f"network\0{wider(network_here(visit))}")
    room = Room(visit.values, 0, contents="pending logins", in_all=_MOST_STORED)
    return room.reserve(counted(len(text)), network)


def answered(visit: Visit, pending: PendingAuthnRequest) -> Iterator[tuple[str, str]]:
    """Return the headers that soon delete an answered one."""
    cookie = _cookie(pending.handle)
    text = cookie.read(visit.cookie_header)
    if text is not None:
        yield cookie.set(text, max_age=_ANSWERED_FOR)


def find(visit: Visit, handle: str) -> PendingAuthnRequest:
    """Return a pending login of this browser; raise LoginLost or CookiesRefused."""
    text = _cookie(handle).read(visit.cookie_header) if is_handle(handle) else None
    if text is None:
        if is_handle(handle) and not takes_cookies(visit):
            raise CookiesRefused(
                "the browser sent none of the cookies that it got with its"
                " AuthnRequest; browsers keep them only with https, or with http on"
                " this machine (*.localhost)"
            )
        raise LoginLost(
            "another browser began this login, or it began more than a day ago, or"
            " never"
        )
    try:
        octets = _sealer(visit).open(from_text(text), handle)
        if not octets:
            stored = visit.values.get(_stored_key(handle)) or ""
            octets = _sealer(visit).open(from_text(stored), handle)
        return _read(octets)
    except ValueError as error:
        raise LoginLost(f"the cookie of this login: {error}") from None


def _read(octets: bytes) -> PendingAuthnRequest:
    try:
        pending = PendingAuthnRequest(*json.loads(zlib.decompress(octets)))
        return replace(
            pending, levels=tuple(pending.levels), classes=tuple(pending.classes)
        )
    except (*UNREADABLE, zlib.error):
        raise LoginLost("another version of eilogin wrote this pending login") from None


def _cookie(handle: str) -> Cookie:
    return Cookie(_COOKIES + handle)


def _stored_key(handle: str) -> str:
    return f"question:{handle}"


def _sealer(visit: Visit) -> Sealer:
    own = visit.trust.own
    return Sealer(own.sealing_secrets, f"pending login at {own.entity_id}")


# --- in an address --------------------------------------------------------------------


def address_of(visit: Visit, pending: PendingAuthnRequest) -> str:
    """Return our address that continues a pending login."""
    query = {PARAMETER: pending.handle}
    if len(pending.issuer) <= _LONGEST_ISSUER:
        query[_ISSUER] = pending.issuer
    return f"{visit.trust.own.url('sso')}?{urlencode(query)}"


def handle_in(target: str) -> str | None:
    """Return the handle in an address, or None."""
    return _query_of(target).get(PARAMETER)


def behind(visit: Visit, target: str) -> PendingAuthnRequest | None:
    """Return the pending login in an address, or None."""
    query = _query_of(target)
    return named_in(visit, query) if PARAMETER in query else None


def named_in(visit: Visit, query: Mapping[str, str]) -> PendingAuthnRequest:
    """Return the pending login of a query; raise as :func:`find` for its issuer."""
    try:
        return find(visit, query.get(PARAMETER, ""))
    except EiloginError:
        with InNameOf(_member_in(visit, query)):
            raise


def _member_in(visit: Visit, query: Mapping[str, str]) -> str:
    """Return the unverified participant of a query, for an error page's link."""
    issuer = query.get(_ISSUER, "")
    try:
        visit.trust.participant(issuer)
    except UnknownPeer:
        return ""
    return issuer


def _query_of(target: str) -> Mapping[str, str]:
    values = parse_qs(urlsplit(target).query)
    return {name: texts[0] for name, texts in values.items()}
