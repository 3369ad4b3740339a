"""AuthnRequests of participants that the hub has not answered yet.

The hub verifies an AuthnRequest, and keeps it in a sealed cookie of the browser that
brought it. The sign-in page has an address of its own, which names that cookie and no
message. So the visitor can reload the page, the address does not work in another
browser, and requests without end leave nothing in the store. Only a request that is too
long for a cookie lies there, within limits.

A pending request can be answered for :data:`LIFETIME` seconds. The cookie lasts longer:
after that time it still names the participant at which the visitor has to begin again.
"""

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from eilogin import clock
from eilogin.errors import (
    Busy,
    CookiesRefused,
    InNameOf,
    LoginLost,
    UnknownPeer,
)
from eilogin.sessions.session_records import UNREADABLE
from eilogin.web import environ as env
from eilogin.web.browser import per_tab_cookies
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.handles import handle_of, is_handle
from eilogin.web.browser.sealing import Sealer, as_text, from_text
from eilogin.web.limits.client_network import network_here, wider
from eilogin.web.limits.login_loops import takes_cookies
from eilogin.web.limits.storage_quota import Room, counted

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long a visitor may take to sign in, in seconds.
LIFETIME = 30 * 60.0
#: How long the browser keeps a pending login, in seconds.
KEPT_FOR = 24 * 60 * 60
#: The same of one that is answered: for a double click and the back button.
_ANSWERED_FOR = 2 * 60

#: Parameters of an address of the hub: the handle of a request, and its issuer.
PARAMETER, _ISSUER = "request", "of"

#: Pending logins that a browser keeps; the oldest gives way to a new one. More than a
#: participant keeps, so that its limit is reached first: its page explains more.
_MOST_TABS = 8
#: Most characters of all cookies of pending logins in one browser.
_MOST_ROOM = 3600
#: A longer cookie is kept in the store: its RelayState is unusually long.
_LONGEST = 1800
#: Bytes of all long pending logins that the store keeps. Without room a cookie keeps
#: one, though some proxies refuse a cookie as long as that.
_MOST_STORED = 32 * 1024 * 1024
_COOKIES = "eilogin-asked-"
#: Characters of the longest entityID that an address names.
_LONGEST_ISSUER = 300


@dataclass(frozen=True, slots=True)
class PendingAuthnRequest:
    """A verified AuthnRequest, and where its Response goes."""

    #: ID and issuer of its AuthnRequest.
    request_id: str
    issuer: str
    #: A verified address of its metadata, and the binding there.
    acs_url: str
    binding: str
    relay_state: str
    #: The level to prove; "" if the hub offers no sufficient one.
    level: str
    #: All sufficient levels, the lowest first, and the classes of the request.
    levels: tuple[str, ...]
    classes: tuple[str, ...]
    #: The Format of its NameIDPolicy, or "".
    name_id_format: str
    force: bool
    passive: bool
    #: When we received it.
    received: float
    #: Its IssueInstant, by the clock of the participant.
    issued: float = 0.0
    #: Its AttributeConsumingServiceIndex; None for the default.
    service_index: int | None = None
    #: The faulty Response that a tester chose (hub.signin.rehearsal), or "".
    rehearsal: str = ""
    #: Seconds of inactivity that ended the session at the participant; 0 if that is not
    #: why the visitor logs in.
    idle_limit: int = 0

    @property
    def name(self) -> str:
        """The name of this AuthnRequest in the store, however often it comes."""
        text = f"{self.issuer}\0{self.request_id}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def handle(self) -> str:
        """The name of this pending login in our addresses; the oldest sort first."""
        return handle_of(self.name, self.received)

    @property
    def is_over(self) -> bool:
        """Whether the visitor took too long, so that nothing can be answered."""
        return clock.now() - self.received >= LIFETIME


# --- in the browser -------------------------------------------------------------------


def remember(
    environ: "WSGIEnvironment", pending: PendingAuthnRequest
) -> Iterator[tuple[str, str]]:
    """The headers by which this browser keeps a pending login.

    The oldest ones make room for it. Raises :class:`eilogin.errors.Busy` where it is
    too long for a cookie, and the store has no room for it.
    """
    octets = zlib.compress(json.dumps(astuple(pending)).encode())
    text = as_text(_sealer(environ).seal(octets, pending.handle))
    if len(text) > _LONGEST and _has_room(environ, text):
        until = pending.received + LIFETIME
        env.values(environ).add(_kept(pending.handle), text, until, durable=False)
        text = as_text(_sealer(environ).seal(b"", pending.handle))
    if len(text) > _MOST_ROOM:
        raise Busy(
            "the store has no room for one more pending login with a long RelayState"
        )
    yield from per_tab_cookies.make_room(
        environ, _COOKIES, _MOST_ROOM - len(text), most=_MOST_TABS
    )
    yield _cookie(pending.handle).set(text, max_age=KEPT_FOR)


def _has_room(environ: "WSGIEnvironment", text: str) -> bool:
    """Reserve room in the store for a long pending login, if there is any.

    Anybody can bring the message of a participant again and again, with another
    RelayState each time: a message by POST does not sign it.
    """
    own = env.trust(environ).own
    network = own.pseudonym(f"network\0{wider(network_here(environ))}")
    room = Room(env.values(environ), 0, what="pending logins", in_all=_MOST_STORED)
    return room.reserve(counted(len(text)), network)


def answered(
    environ: "WSGIEnvironment", pending: PendingAuthnRequest
) -> Iterator[tuple[str, str]]:
    """The headers that let the browser keep an answered one for a short while only."""
    cookie = _cookie(pending.handle)
    text = cookie.read(environ)
    if text is not None:
        yield cookie.set(text, max_age=_ANSWERED_FOR)


def find(environ: "WSGIEnvironment", handle: str) -> PendingAuthnRequest:
    """The pending login with this handle, which this browser keeps.

    It may be over (:attr:`PendingAuthnRequest.is_over`). Raises
    :class:`eilogin.errors.LoginLost` where this browser keeps none with this handle,
    or :class:`eilogin.errors.CookiesRefused` where it brings no cookie of ours at all.
    """
    text = _cookie(handle).read(environ) if is_handle(handle) else None
    if text is None:
        if is_handle(handle) and not takes_cookies(environ):
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
        octets = _sealer(environ).open(from_text(text), handle)
        if not octets:
            kept = env.values(environ).get(_kept(handle)) or ""
            octets = _sealer(environ).open(from_text(kept), handle)
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


def _kept(handle: str) -> str:
    return f"question:{handle}"


def _sealer(environ: "WSGIEnvironment") -> Sealer:
    own = env.trust(environ).own
    return Sealer(own.sealing_secrets, f"pending login at {own.entity_id}")


# --- in an address --------------------------------------------------------------------


def address_of(environ: "WSGIEnvironment", pending: PendingAuthnRequest) -> str:
    """The address of ours at which a pending login goes on."""
    query = {PARAMETER: pending.handle}
    if len(pending.issuer) <= _LONGEST_ISSUER:
        query[_ISSUER] = pending.issuer
    return f"{env.trust(environ).own.url('sso')}?{urlencode(query)}"


def handle_in(target: str) -> str | None:
    """The handle of the pending login that an address goes on with, or None."""
    return _query_of(target).get(PARAMETER)


def behind(environ: "WSGIEnvironment", target: str) -> PendingAuthnRequest | None:
    """The pending login that an address goes on with; None if it names none.

    Raises what :func:`named_in` raises.
    """
    query = _query_of(target)
    return named_in(environ, query) if PARAMETER in query else None


def named_in(
    environ: "WSGIEnvironment", query: Mapping[str, str]
) -> PendingAuthnRequest:
    """The pending login that the query of an address names.

    Raises what :func:`find` raises, in the name of the participant that it names.
    """
    with InNameOf(_member_in(environ, query)):
        return find(environ, query.get(PARAMETER, ""))


def _member_in(environ: "WSGIEnvironment", query: Mapping[str, str]) -> str:
    """The participant that a query names, or "".

    Anybody can write one there. It only says to which website the page of an error
    leads back.
    """
    issuer = query.get(_ISSUER, "")
    try:
        env.trust(environ).participant(issuer)
    except UnknownPeer:
        return ""
    return issuer


def _query_of(target: str) -> Mapping[str, str]:
    found = parse_qs(urlsplit(target).query)
    return {name: values[0] for name, values in found.items()}
