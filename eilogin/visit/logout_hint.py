"""The logout hint: a sealed cookie with which a browser can log out at its hub.

The session of a participant can be gone while that of the hub lives: a ``memory:``
store was restarted, or the session cookie was lost. The hint names that session as a
LogoutRequest does (hub, NameID, SessionIndex), so that a click on "log out" still
reaches the hub, which knows whether there is anything to end.

A login sets the cookie, and the hub's answer to a logout takes it away. Nobody but this
participant can make, read or change it. It signs nobody in. It can end the session that
it names, once, until the instant at which that ends anyway: a logout here spends it,
with all its copies.
"""

import json
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.sessions import UNREADABLE, Login
from eilogin.visit.sealing import Sealer, as_text, from_text
from eilogin.web import environ as env
from eilogin.web.cookies import Cookie

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_COOKIE = Cookie("eilogin-logout-hint")
#: A longer value is not set: some browsers drop cookies of more than 4096 characters.
_LONGEST = 3000


def keep(environ: "WSGIEnvironment", token: str) -> list[tuple[str, str]]:
    """The headers that give this browser the hint of a new session, by its cookie.

    Without a NameID no LogoutRequest is possible, so an older hint is taken away.
    """
    login = env.sessions(environ).find(token)
    if login is None or login.named is None:
        return let_go(environ)
    # A LogoutRequest needs none of these; the family gives the name of the login.
    slim = replace(login, attributes={}, proven={}, domains=None, address="")
    octets = zlib.compress(json.dumps([slim.to_json()]).encode())
    text = as_text(_sealer(environ).seal(octets, *_bound_to(environ)))
    if len(text) > _LONGEST:
        return let_go(environ)
    left = _end_of(environ, login) - clock.now()
    return [_COOKIE.set(text, max_age=max(0, int(left)))]


def read(environ: "WSGIEnvironment") -> Login | None:
    """The login that the hint of this browser names, while it is good; or None."""
    login = _opened(environ)
    if login is None or env.values(environ).get(_spent(login)) is not None:
        return None
    return login if clock.now() < _end_of(environ, login) else None


def spend(environ: "WSGIEnvironment", login: Login) -> None:
    """Make the hints of a login that ends by a logout here good for nothing."""
    env.values(environ).add(_spent(login), "", _end_of(environ, login), durable=False)


def _opened(environ: "WSGIEnvironment") -> Login | None:
    text = held(environ)
    if not text:
        return None
    try:
        octets = _sealer(environ).open(from_text(text), *_bound_to(environ))
        said, *_ = json.loads(zlib.decompress(octets))
        return Login.from_json(said, key="", seen=0.0)
    except (*UNREADABLE, zlib.error):
        # Forged, sealed with a key that is not ours any more, or of another version.
        return None


def held(environ: "WSGIEnvironment") -> str:
    """The value of the cookie, whatever it is worth; "" without one."""
    return _COOKIE.read(environ) or ""


def drop() -> tuple[str, str]:
    """The header that takes the hint away.

    Also where a request brings none: the browser keeps it back from the POST of another
    site, such as that of the hub's answer.
    """
    return _COOKIE.expire()


def let_go(environ: "WSGIEnvironment") -> list[tuple[str, str]]:
    """The same where this browser has one."""
    return [drop()] if held(environ) else []


def _end_of(environ: "WSGIEnvironment", login: Login) -> float:
    """When a session ends, as the store has it; a hub may say no end."""
    return min(login.ends, login.started + env.sessions(environ).max_session)


def _spent(login: Login) -> str:
    return f"logout-hint:{login.name}"


def _sealer(environ: "WSGIEnvironment") -> Sealer:
    return Sealer(env.trust(environ).own.sealing_secrets, "logout hint")


def _bound_to(environ: "WSGIEnvironment") -> tuple[str, ...]:
    return (env.trust(environ).own.entity_id,)
