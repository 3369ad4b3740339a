"""Logouts that the hub has not confirmed, kept for a further click of the visitor.

For an hour, each further click notifies the hub again. While the first message is
valid, eilogin sends the same one, so that the hub answers with its outcome.

The notice in the store is encrypted with our secret and one of this browser. That
secret derives from the old session cookie while the message is valid, and is in a
cookie of its own afterwards. So neither the store alone nor an address reveals the
notice. eilogin deletes it when the hub confirms, or after a login in this browser.
"""

import hashlib
import json
import math
from dataclasses import replace
from typing import NamedTuple

from eilogin import clock
from eilogin.participant import logout_hint
from eilogin.saml import messages
from eilogin.saml.message_checks import LIFETIME
from eilogin.sessions import UNREADABLE, Login
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import Sealer, as_text, from_text
from eilogin.web.visit import Visit

#: Seconds for which a logout is kept.
KEPT_FOR = 60 * 60.0

#: The secret of the browser, which opens only notices.
_COOKIE = Cookie("eilogin-logout-again")


class UnconfirmedLogout(NamedTuple):
    """The content of a LogoutRequest that a hub has not confirmed."""

    login: Login
    request_id: str
    issued: float
    #: Whether it missed a participant, whatever the hub answers.
    is_partial: bool = False
    #: The secret of the browser in which it is kept, or "".
    secret: str = ""

    @property
    def key(self) -> str:
        """Its key in the store, or ""."""
        return _key(self.secret) if self.secret else ""


def new_notice(login: Login) -> UnconfirmedLogout:
    """Return the notice of a login that ends now, without storing it."""
    return UnconfirmedLogout(login, messages.new_id(), clock.now(), bool(login.left))


def store(visit: Visit, login: Login, held: str = "") -> UnconfirmedLogout:
    """Store and return the notice of a login that is about to end, or an earlier one.

    ``held`` is a secret cookie of this browser, by default its session cookie. Without
    a NameID no message is possible, so nothing is stored.
    """
    token = held or visit.token or ""
    notice = new_notice(login)
    if not token or login.named is None:
        return notice
    # Nobody knows yet which participants an inner hub will reach.
    has_hub = visit.trust.own.hub_inside is not None
    notice = notice._replace(
        is_partial=notice.is_partial or has_hub, secret=_secret_of(token)
    )
    if _write(visit, notice):
        return notice
    earlier = _read(visit, notice.secret)
    return notice if earlier is None else as_of_now(visit, earlier)


def find(visit: Visit) -> UnconfirmedLogout | None:
    """Return the notice of this browser, or None."""
    secret = _COOKIE.read(visit.cookie_header)
    notice = None if secret is None else _read(visit, secret)
    if notice is not None:
        return notice
    # A copy of the session cookie must not cause new messages long afterwards.
    tokens = (visit.token, logout_hint.held(visit))
    notices = (_read(visit, _secret_of(token)) for token in tokens if token)
    return next((kept for kept in notices if kept is not None and _is_new(kept)), None)


def of_session(visit: Visit) -> UnconfirmedLogout | None:
    """Return the notice for the request's session cookie, however old it is."""
    # The caller, pending_logouts, has a proof of the browser's intent.
    token = visit.token
    return _read(visit, _secret_of(token)) if token else None


def _is_new(notice: UnconfirmedLogout) -> bool:
    return 0 <= clock.now() - notice.issued < LIFETIME


def as_of_now(visit: Visit, notice: UnconfirmedLogout) -> UnconfirmedLogout:
    """Return a stored notice, with a new message if the old one has expired."""
    newer = renewed(notice)
    if newer is not notice:
        visit.values.take(notice.key)
        _write(visit, newer)
    return newer


def renewed(notice: UnconfirmedLogout) -> UnconfirmedLogout:
    """Return a notice, with a new message if the old one has expired."""
    if _is_new(notice):
        return notice
    return notice._replace(request_id=messages.new_id(), issued=clock.now())


def store_briefly(visit: Visit, notice: UnconfirmedLogout) -> None:
    """Store a confirmed notice while its message is valid, so that a reload works."""
    forget(visit, notice.key)
    _write(visit, notice, notice.issued + LIFETIME)


def forget(visit: Visit, key: str) -> None:
    """Delete the notice under a key; "" is none."""
    if key:
        visit.values.take(key)


def is_stored(visit: Visit, key: str) -> bool:
    """Return whether a notice exists under this key; "" is none."""
    return bool(key) and visit.values.get(key) is not None


def hold(notice: UnconfirmedLogout) -> tuple[str, str]:
    """Return the header by which this browser keeps the secret of a notice."""
    return _COOKIE.set(notice.secret, max_age=int(KEPT_FOR))


def void(visit: Visit) -> None:
    """Delete the browser's notice, also for a cookie thief. Raise StoreUnavailable."""
    if secret := _COOKIE.read(visit.cookie_header):
        forget(visit, _key(secret))


def let_go(visit: Visit) -> list[tuple[str, str]]:
    """Return the header that removes the secret from this browser, if it has one."""
    return [] if _COOKIE.read(visit.cookie_header) is None else [_COOKIE.expire()]


def _secret_of(token: str) -> str:
    return hashlib.sha256(b"eilogin logout again\0" + token.encode()).hexdigest()


def _write(visit: Visit, notice: UnconfirmedLogout, until: float = math.inf) -> bool:
    """Store a notice; False if this browser has one of the same session."""
    # Without the fields that a LogoutRequest does not need.
    login = replace(notice.login, attributes={}, family="")
    fields = [login.to_json(), notice.request_id, notice.issued, notice.is_partial]
    octets = json.dumps(fields).encode()
    sealed = _sealer(visit).seal(
        octets, *_bound_to(visit), also_by=notice.secret.encode()
    )
    until = min(clock.now() + KEPT_FOR, notice.login.ends, until)
    # Not durable: after a power failure, the visitor reads that the outcome is unknown.
    values = visit.values
    return values.add(notice.key, as_text(sealed), until, durable=False)


def _read(visit: Visit, secret: str) -> UnconfirmedLogout | None:
    text = visit.values.get(_key(secret))
    if text is None:
        return None
    try:
        octets = _sealer(visit).open(
            from_text(text), *_bound_to(visit), also_by=secret.encode()
        )
        login, request_id, issued, is_partial = json.loads(octets)
        ended_login = Login.from_json(login, key="", seen=0.0)
    except UNREADABLE:
        # Sealed with a former key, or by another version.
        return None
    return UnconfirmedLogout(ended_login, request_id, issued, is_partial, secret)


def _key(secret: str) -> str:
    # Keys of the store must not reveal the secret.
    return f"unheard:{hashlib.sha256(secret.encode()).hexdigest()}"


def _sealer(visit: Visit) -> Sealer:
    return Sealer(visit.trust.own.sealing_secrets, "logout")


def _bound_to(visit: Visit) -> tuple[str, ...]:
    return (visit.trust.own.entity_id,)
