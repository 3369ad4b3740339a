"""The logout hint: a sealed cookie with which a browser can log out at its hub.

The session here can be lost (``memory:`` store, cookie) while the hub still has one.
The hint names the session as a LogoutRequest does: hub, NameID, SessionIndex. It signs
nobody in. It can end its session once, until the session expires. A logout here
invalidates all copies.

From a logout until the hub confirms it, the cookie marks the browser as logged out. The
next login asks for a fresh proof (ForceAuthn), even if the store is lost.
"""

import hashlib
import hmac
import json
import zlib
from dataclasses import replace
from typing import NamedTuple

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.sessions import UNREADABLE, Login
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import Sealer, as_text, from_text
from eilogin.web.visit import Visit

_COOKIE = Cookie("eilogin-logout-hint")
#: Most characters; some browsers drop cookies of more than 4096.
_LONGEST = 3000


def hint_headers(visit: Visit, token: str) -> list[tuple[str, str]]:
    """Return headers that give this browser the hint of a new session."""
    # Without a NameID no LogoutRequest is possible, so an older hint expires.
    login = visit.sessions.find(token)
    if login is None or login.named is None:
        return let_go(visit)
    return _header(visit, login, _tag_of(token)) or let_go(visit)


def mark(visit: Visit, login: Login, notice_key: str) -> list[tuple[str, str]]:
    """Return headers that mark this browser as logged out of a session."""
    # "notice_key" names the logout for unmark; "" if no server can confirm it.
    return _header(visit, login, notice_key, has_left=True)


def mark_spent(visit: Visit) -> list[tuple[str, str]]:
    """Return :func:`mark` headers for a logout that the hub may not have received."""
    login = _of_session(visit)
    return [] if login is None else mark(visit, login, "")


class HintedLogout(NamedTuple):
    """A logout of this browser that the hub has not confirmed."""

    login: Login
    #: The key of its notice, or "".
    notice_key: str


def unconfirmed_logout(visit: Visit) -> HintedLogout | None:
    """Return this browser's unconfirmed last logout, or raise StoreUnavailable."""
    opened = _opened(visit)
    if opened is None or not _may_live(visit, opened.login):
        return None
    values, notice_key = visit.values, opened.name
    if not opened.has_left:
        # A Response in another tab may have removed the mark; the store has the logout.
        notice_key = values.get(_spent_key(opened.login)) or ""
        if not notice_key:
            return None
    if notice_key and values.get(_confirmed_key(notice_key)) is not None:
        return None
    return HintedLogout(opened.login, notice_key)


def has_left(visit: Visit) -> bool:
    """Return whether a login here needs a fresh proof; True if the store fails."""
    if not held(visit):
        return False
    try:
        return unconfirmed_logout(visit) is not None
    except StoreUnavailable:
        return True


def unmark(visit: Visit, notice_key: str, until: float) -> None:
    """Note that the hub has confirmed a logout; ``until``: POSIX timestamp."""
    visit.values.add(_confirmed_key(notice_key), "", until, durable=False)


def _header(
    visit: Visit, login: Login, name: str = "", *, has_left: bool = False
) -> list[tuple[str, str]]:
    # A LogoutRequest needs none of these fields. Login.name derives from the family.
    slim = replace(login, attributes={}, proven={}, domains=None, address="")
    if has_left:
        slim = replace(slim, family="")
    fields = [slim.to_json(), has_left, name]
    octets = zlib.compress(json.dumps(fields).encode())
    text = as_text(_sealer(visit).seal(octets, *_bound_to(visit)))
    if len(text) > _LONGEST:
        return []
    age = _end_of(visit, login) - clock.now()
    return [_COOKIE.set(text, max_age=max(0, int(age)))]


def read(visit: Visit) -> Login | None:
    """Return the login of this browser's valid hint, or None."""
    opened = _opened(visit)
    if opened is None or opened.has_left or not _may_live(visit, opened.login):
        return None
    is_spent = visit.values.get(_spent_key(opened.login)) is not None
    return None if is_spent else opened.login


def read_of_session(visit: Visit) -> Login | None:
    """Return :func:`read`, if the hint belongs to the request's session cookie."""
    return None if _of_session(visit) is None else read(visit)


def _of_session(visit: Visit) -> Login | None:
    opened, token = _opened(visit), visit.token
    if opened is None or opened.has_left or not token:
        return None
    is_same = hmac.compare_digest(opened.name, _tag_of(token))
    return opened.login if is_same and _may_live(visit, opened.login) else None


def spend(visit: Visit, login: Login, notice_key: str) -> None:
    """Invalidate all hints of a login; ``notice_key`` as in :func:`mark`."""
    until = _end_of(visit, login)
    visit.values.add(_spent_key(login), notice_key, until, durable=False)


class _Opened(NamedTuple):
    login: Login
    has_left: bool
    #: The key of the logout's notice, or the tag of the session's cookie.
    name: str


def _opened(visit: Visit) -> _Opened | None:
    text = held(visit)
    if not text:
        return None
    try:
        octets = _sealer(visit).open(from_text(text), *_bound_to(visit))
        login_text, has_left, name, *_ = json.loads(zlib.decompress(octets))
        return _Opened(Login.from_json(login_text, key="", seen=0.0), has_left, name)
    except (*UNREADABLE, zlib.error):
        # Forged, sealed with a former key, or from another version.
        return None


def held(visit: Visit) -> str:
    """Return the unchecked value of the cookie, or ""."""
    return _COOKIE.read(visit.cookie_header) or ""


def drop() -> tuple[str, str]:
    """Return the header that expires the hint, also for a request without it."""
    # A browser withholds the cookie from the POST of another site, such as the hub's.
    return _COOKIE.expire()


def let_go(visit: Visit) -> list[tuple[str, str]]:
    """Return the same header if this browser has a hint."""
    return [drop()] if held(visit) else []


def _end_of(visit: Visit, login: Login) -> float:
    # As in the store; a hub may send no end.
    return min(login.ends, login.started + visit.sessions.max_session)


def _may_live(visit: Visit, login: Login) -> bool:
    return clock.now() < _end_of(visit, login)


def _confirmed_key(notice_key: str) -> str:
    return f"logout-told:{notice_key}"


def _spent_key(login: Login) -> str:
    return f"logout-hint:{login.name}"


def _tag_of(token: str) -> str:
    return hashlib.sha256(b"eilogin hint of\0" + token.encode()).hexdigest()[:32]


def _sealer(visit: Visit) -> Sealer:
    return Sealer(visit.trust.own.sealing_secrets, "logout hint")


def _bound_to(visit: Visit) -> tuple[str, ...]:
    return (visit.trust.own.entity_id,)
