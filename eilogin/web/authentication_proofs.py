"""Remember the page for which a visitor has just authenticated.

A party that sets ForceAuthn wants a fresh proof for this very request. The visitor may
have left the machine since, so nobody may continue an abandoned request with a proof
that the visitor gave for another one. Each sign-in notes the page for which it was
made. A note holds for a few minutes, and for one use.
"""

import hashlib
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.sessions import Login
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long a proof is fresh, in seconds: time for the way back from the sign-in.
FRESH_FOR = 5 * 60.0


def note(environ: "WSGIEnvironment", token: str, target: str) -> None:
    """Note that the owner of this cookie value has just authenticated for a page."""
    values, key = env.values(environ), _key(target)
    login, until = env.sessions(environ).key_of(token), clock.now() + FRESH_FOR
    values.take(key)
    values.add(key, login, until, durable=False)


def take(environ: "WSGIEnvironment", login: Login | None, target: str) -> bool:
    """Whether this session has just authenticated for a page; True only once.

    A session that replaced it does not count, because its proof is another one.
    """
    if login is None:
        return False
    return env.values(environ).take(_key(target)) == login.key


def _key(target: str) -> str:
    # The target may be long, and may contain personal data.
    return f"proven-for:{hashlib.sha256(target.encode()).hexdigest()}"
