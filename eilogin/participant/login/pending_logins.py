"""Logins that are under way: from the redirect to the hub until its answer.

Each is known by an opaque handle, which travels as RelayState, and lives in a cookie of
its own, one per tab, which is sealed: this browser holds it, and can neither read nor
change it. So it survives a restart, any process goes on with it, and whoever asks for
pages without end leaves nothing in the store.

The store learns of a login when its answer comes: then it is *claimed* by the one
answer that it gets, and *spent* when the session is there. For two minutes after that
the cookie still leads to the page, so that a double click or the back button does no
harm.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.errors import CookiesRefused, LoginLost
from eilogin.saml.assurance_levels import LEVELS
from eilogin.saml.message_checks import SKEW
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.browser import per_tab_cookies
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.handles import instant_of, new_handle
from eilogin.web.browser.sealing import Sealer, as_text, from_text
from eilogin.web.limits.login_loops import takes_cookies

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long a visitor may take at the hub, in seconds.
LIFETIME = 30 * 60.0
#: How long the browser keeps a login, in seconds: one that is over can begin anew.
KEPT_FOR = 24 * 60 * 60
#: How long a spent login still leads to its page, in seconds.
SPENT_LIFETIME = 2 * 60.0
#: Most characters of all their cookies: a common proxy takes 8 kB of cookies in all.
_MOST_ROOM = 4000

#: In the place of a login's key while there is none yet.
CLAIMED = "claimed"

_COOKIES = "eilogin-login-"


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """What was asked of the hub, and where the visitor goes when it has answered."""

    #: Path and query on this site.
    target: str
    level: str
    #: entityID of the hub that was asked.
    hub: str
    is_passive: bool = False
    #: Whether a fresh proof was asked for (ForceAuthn).
    is_forced: bool = False
    #: Path and query of the page where she began it, "" where that is the target.
    began: str = ""
    #: Whether the target itself asked for this login, so it cannot be shown without.
    is_required: bool = False
    #: Stands for the login that she had then (:func:`tag_of`), "" for a stranger.
    begun_as: str = ""
    handle: str = field(default_factory=new_handle)
    #: Whether nobody asked: the hub sent her by itself, and she has agreed.
    is_unsolicited: bool = False
    #: The store's key of the login that came of it, :data:`CLAIMED` before there is
    #: one, or "" before an answer came.
    spent_by: str = ""

    @property
    def asked(self) -> float:
        """When we asked, in seconds."""
        return _instant_of(self.handle)

    @property
    def request_id(self) -> str:
        """ID of our AuthnRequest, which the answer must name in InResponseTo."""
        return request_id_of(self.handle)


def tag_of(login: Login | None) -> str:
    """What stands for a login, also after a step-up; "" for none."""
    if login is None:
        return ""
    # The family is a secret.
    digest = hashlib.sha256(b"begun as\0" + login.family.encode())
    return digest.hexdigest()[:16]


def request_id_of(handle: str) -> str:
    """The ID of the AuthnRequest of the login under way with this handle.

    Good enough to check an answer against, not to log anybody in: that takes the
    browser's cookie. :class:`eilogin.errors.LoginLost` where no login can be under way
    with this handle (any more).
    """
    if is_over(handle):
        raise LoginLost("the pending login has expired", handle)
    # No secret: the two travel together. Nobody but us can sign a request with it.
    digest = hashlib.sha256(b"eilogin request\0" + handle.encode())
    return f"_{digest.hexdigest()[:40]}"


def _instant_of(handle: str) -> float:
    instant = instant_of(handle)
    if instant is None:
        raise LoginLost("no pending login has this RelayState")
    return instant


# --- in the browser -------------------------------------------------------------------


def keep(
    environ: "WSGIEnvironment", pending: PendingLogin
) -> Iterator[tuple[str, str]]:
    """The headers by which this browser keeps a login that begins.

    The oldest ones make room for it.
    """
    fields = [
        pending.target,
        pending.level,
        pending.hub,
        pending.is_passive,
        pending.is_forced,
        pending.began,
        pending.begun_as,
        pending.is_required,
    ]
    octets = json.dumps(fields, separators=(",", ":")).encode()
    text = as_text(_sealer(environ).seal(octets, *_bound_to(environ, pending.handle)))
    yield from per_tab_cookies.make_room(environ, _COOKIES, _MOST_ROOM - len(text))
    age = int(LIFETIME) if pending.is_passive else KEPT_FOR
    yield _cookie(pending.handle).set(text, max_age=age)


def of_browser(environ: "WSGIEnvironment", handle: str) -> PendingLogin:
    """The login under way with this handle, which this browser holds.

    Raises :class:`eilogin.errors.LoginLost`, or
    :class:`eilogin.errors.CookiesRefused` where it was begun a short while ago and not
    a single cookie of ours came.
    """
    request_id_of(handle)
    spent_by = env.values(environ).get(_key(handle)) or ""
    text = _cookie(handle).read(environ)
    if text is None:
        if not spent_by and not takes_cookies(environ):
            raise CookiesRefused(_without_cookies(environ), handle)
        raise LoginLost("this login began in another browser, or has been used", handle)
    try:
        return _opened(environ, handle, text, spent_by)
    except ValueError as error:
        raise LoginLost(
            f"the cookie of the pending login is invalid: {error}", handle
        ) from None


def lost(environ: "WSGIEnvironment", handle: str) -> PendingLogin | None:
    """The lost login as this browser still keeps it; None if it does not.

    No answer is taken for it: it only says what the visitor wanted.
    """
    text = _cookie(handle).read(environ)
    try:
        return None if text is None else _opened(environ, handle, text, "")
    except ValueError:
        return None


def is_claimed(environ: "WSGIEnvironment", handle: str) -> bool:
    """Whether an answer came to the login with this handle already."""
    return env.values(environ).get(_key(handle)) is not None


def is_over(handle: str) -> bool:
    """Whether the login with this handle was begun too long ago."""
    return clock.now() - _instant_of(handle) >= LIFETIME


def _opened(
    environ: "WSGIEnvironment", handle: str, text: str, spent_by: str
) -> PendingLogin:
    """The login that a cookie says; ValueError where it is not sealed for this one."""
    octets = _sealer(environ).open(from_text(text), *_bound_to(environ, handle))
    target, level, hub, is_passive, is_forced, *rest = json.loads(octets)
    # A version before this one kept less.
    began, begun_as, is_required = [*rest, "", "", False][:3]
    return PendingLogin(
        target,
        level,
        hub,
        is_passive=is_passive,
        is_forced=is_forced,
        began=began,
        begun_as=begun_as,
        is_required=is_required is True,
        handle=handle,
        spent_by=spent_by,
    )


def unsolicited(
    environ: "WSGIEnvironment", target: str, hub: str, handle: str
) -> PendingLogin:
    """A login that no question of ours began, and to which the visitor has agreed."""
    spent_by = env.values(environ).get(_key(handle)) or ""
    return PendingLogin(
        target, LEVELS[0], hub, handle=handle, is_unsolicited=True, spent_by=spent_by
    )


def again(environ: "WSGIEnvironment", pending: PendingLogin) -> PendingLogin:
    """The same login under way, as it is now."""
    if pending.is_unsolicited:
        return unsolicited(environ, pending.target, pending.hub, pending.handle)
    return of_browser(environ, pending.handle)


def spent_cookie(
    environ: "WSGIEnvironment", pending: PendingLogin
) -> Iterator[tuple[str, str]]:
    """The headers that let the browser keep a spent login for a short while only."""
    if not pending.is_unsolicited:
        cookie = _cookie(pending.handle)
        yield cookie.set(cookie.read(environ) or "", max_age=int(SPENT_LIFETIME))


def drop(handle: str) -> tuple[str, str]:
    """The header after which this browser holds no login with this handle any more."""
    return _cookie(handle).expire()


def _cookie(handle: str) -> Cookie:
    return Cookie(_COOKIES + handle)


def _sealer(environ: "WSGIEnvironment") -> Sealer:
    return Sealer(env.trust(environ).own.sealing_secrets, "login")


def _bound_to(environ: "WSGIEnvironment", handle: str) -> tuple[str, ...]:
    """A login is taken for no other one, and at no other site."""
    return (env.trust(environ).own.entity_id, handle)


def _without_cookies(environ: "WSGIEnvironment") -> str:
    others = (
        "other cookies came"
        if environ.get("HTTP_COOKIE")
        else "no other cookies came either"
    )
    public_url = env.trust(environ).own.public_url
    return (
        f"the browser sends none of the cookies that it got at {public_url} "
        f"({others}): browsers return them over https, and over http only on this "
        "machine (*.localhost)"
    )


# --- in the store ---------------------------------------------------------------------


def require_store(environ: "WSGIEnvironment") -> None:
    """Raise :class:`eilogin.errors.StoreUnavailable` where the store does not answer.

    A login begins without it and cannot end without it.
    """
    env.values(environ).get(_key(""))


def claim(environ: "WSGIEnvironment", pending: PendingLogin) -> bool:
    """Take a login for the one answer that it gets; False where that is taken."""
    # A power failure may undo it: the answer itself is used once, durably.
    key = _key(pending.handle)
    return env.values(environ).add(key, CLAIMED, until(pending), durable=False)


def spend(environ: "WSGIEnvironment", pending: PendingLogin, login_key: str) -> None:
    """Note that the session with this key in the store came of a claimed login."""
    key = _key(pending.handle)
    values = env.values(environ)
    values.swap(key, CLAIMED, login_key, until(pending), durable=False)


def close(environ: "WSGIEnvironment", handle: str) -> None:
    """Note that no session comes of the login with this handle.

    Who loads the page anew, and has no cookie of it any more, is not taken for somebody
    whose browser keeps none.
    """
    env.values(environ).add(_key(handle), CLAIMED, _until(handle), durable=False)


def until(pending: PendingLogin) -> float:
    """Until when the store remembers what came of a login under way."""
    return _until(pending.handle)


def _until(handle: str) -> float:
    # Longer than its cookie can be used, on whatever machine.
    return _instant_of(handle) + LIFETIME + 2 * SKEW


def _key(handle: str) -> str:
    return f"login:{handle}"
