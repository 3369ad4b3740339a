"""Pending logins: from the AuthnRequest to the Response.

An opaque handle, the RelayState, names each login. A sealed cookie, one per tab, holds
it. So it survives a restart, any process can continue it, and endless requests leave
nothing in the store. One Response *claims* the login in the store, and its session
*spends* it. For two more minutes the cookie leads to the page, for a double click.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from eilogin import clock
from eilogin.errors import CookiesRefused, LoginLost
from eilogin.saml.assurance_levels import LEVELS
from eilogin.saml.message_checks import SKEW
from eilogin.sessions import Login
from eilogin.web.browser import per_tab_cookies
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.random_handles import instant_of, new_handle
from eilogin.web.browser.sealing import Sealer, as_text, from_text
from eilogin.web.limits.login_loops import takes_cookies
from eilogin.web.visit import Visit

#: Seconds that a visitor may take at the hub.
LIFETIME = 30 * 60.0
#: Seconds of its cookie in the browser, so that an expired login can restart.
KEPT_FOR = 24 * 60 * 60
#: Seconds for which a spent login leads to its page.
SPENT_LIFETIME = 2 * 60.0
#: Characters of all these cookies; a common proxy accepts 8 kB of cookies.
_MOST_ROOM = 4000

#: Stands for the session's key until the session exists.
CLAIMED = "claimed"

_COOKIES = "eilogin-login-"
#: The fields in the cookie; a new one goes to the end.
_STORED = (
    "target",
    "level",
    "hub",
    "is_passive",
    "is_forced",
    "began",
    "begun_as",
    "is_required",
)


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """The content of an AuthnRequest, and the page after its Response."""

    #: Path and query of the page after the Response.
    target: str
    level: str
    hub: str
    is_passive: bool = False
    #: Whether ForceAuthn was set.
    is_forced: bool = False
    #: Path and query of the page with the link, unless that is the target.
    began: str = ""
    #: Whether the visitor cannot see the target without this login.
    is_required: bool = False
    #: :func:`tag_of` the session at the AuthnRequest.
    begun_as: str = ""
    handle: str = field(default_factory=new_handle)
    is_unsolicited: bool = False
    #: The store's key of its session, :data:`CLAIMED` before that, or "".
    spent_by: str = ""

    @property
    def requested_at(self) -> float:
        """POSIX timestamp of the AuthnRequest."""
        return _instant_of(self.handle)

    @property
    def request_id(self) -> str:
        """ID of the AuthnRequest, which InResponseTo must name."""
        return request_id_of(self.handle)


def tag_of(login: Login | None) -> str:
    """Return a tag of a session, which a step-up keeps; "" for none."""
    if login is None:
        return ""
    # Hashed, because the family is a secret.
    digest = hashlib.sha256(b"begun as\0" + login.family.encode())
    return digest.hexdigest()[:16]


def request_id_of(handle: str) -> str:
    """Return the ID of a login's AuthnRequest, or raise LoginLost if it has expired."""
    if is_over(handle):
        raise LoginLost("the pending login has expired", handle)
    # The hash needs no secret: both values travel together, and only we can sign a
    # request with this ID.
    digest = hashlib.sha256(b"eilogin request\0" + handle.encode())
    return f"_{digest.hexdigest()[:40]}"


def _instant_of(handle: str) -> float:
    instant = instant_of(handle)
    if instant is None:
        raise LoginLost("no pending login has this RelayState")
    return instant


def cookie_headers(visit: Visit, pending: PendingLogin) -> Iterator[tuple[str, str]]:
    """Return headers that keep a login in this browser, and expire the oldest ones."""
    fields = [getattr(pending, name) for name in _STORED]
    octets = json.dumps(fields, separators=(",", ":")).encode()
    text = as_text(_sealer(visit).seal(octets, *_bound_to(visit, pending.handle)))
    yield from per_tab_cookies.make_room(
        visit.cookie_header, _COOKIES, _MOST_ROOM - len(text)
    )
    age = int(LIFETIME) if pending.is_passive else KEPT_FOR
    yield _cookie(pending.handle).set(text, max_age=age)


def of_browser(visit: Visit, handle: str) -> PendingLogin:
    """Return the pending login in this browser; raise LoginLost or CookiesRefused."""
    request_id_of(handle)
    spent_by = visit.values.get(_key(handle)) or ""
    text = _cookie(handle).read(visit.cookie_header)
    if text is None:
        if not spent_by and not takes_cookies(visit):
            raise CookiesRefused(_without_cookies(visit), handle)
        raise LoginLost("this login began in another browser, or has been used", handle)
    try:
        return _opened(visit, handle, text, spent_by)
    except ValueError as error:
        raise LoginLost(
            f"the cookie of the pending login is invalid: {error}", handle
        ) from None


def lost(visit: Visit, handle: str) -> PendingLogin | None:
    """Return the lost login in this browser, or None; no Response can complete it."""
    text = _cookie(handle).read(visit.cookie_header)
    try:
        return None if text is None else _opened(visit, handle, text, "")
    except ValueError:
        return None


def is_claimed(visit: Visit, handle: str) -> bool:
    """Return whether a Response already came for the login."""
    return visit.values.get(_key(handle)) is not None


def is_over(handle: str) -> bool:
    """Return whether the login has expired."""
    return clock.now() - _instant_of(handle) >= LIFETIME


def _opened(visit: Visit, handle: str, text: str, spent_by: str) -> PendingLogin:
    octets = _sealer(visit).open(from_text(text), *_bound_to(visit, handle))
    # The cookie of another version has fewer fields or more.
    fields = dict(zip(_STORED, json.loads(octets), strict=False))
    return PendingLogin(**fields, handle=handle, spent_by=spent_by)


def unsolicited(visit: Visit, target: str, hub: str, handle: str) -> PendingLogin:
    """Return the login of an unsolicited Response."""
    spent_by = visit.values.get(_key(handle)) or ""
    return PendingLogin(
        target, LEVELS[0], hub, handle=handle, is_unsolicited=True, spent_by=spent_by
    )


def again(visit: Visit, pending: PendingLogin) -> PendingLogin:
    """Read the same pending login again."""
    if pending.is_unsolicited:
        return unsolicited(visit, pending.target, pending.hub, pending.handle)
    return of_browser(visit, pending.handle)


def spent_cookie(visit: Visit, pending: PendingLogin) -> Iterator[tuple[str, str]]:
    """Return the header with which the cookie of a spent login expires soon."""
    if not pending.is_unsolicited:
        cookie = _cookie(pending.handle)
        yield cookie.set(
            cookie.read(visit.cookie_header) or "", max_age=int(SPENT_LIFETIME)
        )


def drop(handle: str) -> tuple[str, str]:
    """Return the header that deletes a login from the browser."""
    return _cookie(handle).expire()


def _cookie(handle: str) -> Cookie:
    return Cookie(_COOKIES + handle)


def _sealer(visit: Visit) -> Sealer:
    return Sealer(visit.trust.own.sealing_secrets, "login")


def _bound_to(visit: Visit, handle: str) -> tuple[str, ...]:
    return (visit.trust.own.entity_id, handle)


def _without_cookies(visit: Visit) -> str:
    other_cookies = (
        "other cookies came" if visit.cookie_header else "no other cookies came either"
    )
    public_url = visit.trust.own.public_url
    return (
        f"the browser sends none of the cookies that it got at {public_url} "
        f"({other_cookies}): browsers return them over https, and over http only "
        "on this machine (*.localhost)"
    )


def require_store(visit: Visit) -> None:
    """Raise StoreUnavailable if the store fails: a login could begin, but not end."""
    visit.values.get(_key(""))


def claim(visit: Visit, pending: PendingLogin) -> bool:
    """Claim a login for its one Response; False if another one has claimed it."""
    # Not durable, because use_once durably remembers the assertion.
    key = _key(pending.handle)
    return visit.values.add(key, CLAIMED, until(pending), durable=False)


def spend(visit: Visit, pending: PendingLogin, login_key: str) -> None:
    """Note the store's key of a login's session."""
    key = _key(pending.handle)
    values = visit.values
    values.swap(key, CLAIMED, login_key, until(pending), durable=False)


def close(visit: Visit, handle: str) -> None:
    """Note that a login ends without a session."""
    # Otherwise a reload without its cookie would report that the browser refuses
    # cookies.
    visit.values.add(_key(handle), CLAIMED, _until(handle), durable=False)


def until(pending: PendingLogin) -> float:
    """Return when the store forgets a login, in seconds."""
    return _until(pending.handle)


def _until(handle: str) -> float:
    # Beyond the use of its cookie, also if the clocks of nodes differ.
    return _instant_of(handle) + LIFETIME + 2 * SKEW


def _key(handle: str) -> str:
    return f"login:{handle}"
