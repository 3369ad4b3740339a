"""Which question a citizen has proven herself for.

Who asks for a fresh proof (ForceAuthn) wants it given for this very question: with the
page of one that was left alone, nobody may go on by what she did for another one
meanwhile, at a machine that she may have left since. So each sign-in notes for which
page it was made; the note is good for a few minutes, and once.
"""

import hashlib
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.sessions import Login
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long a proof is a fresh one, in seconds: time for the way back from the sign-in.
FRESH_FOR = 5 * 60.0


def note(environ: "WSGIEnvironment", token: str, target: str) -> None:
    """Note that who has this cookie value now has just proven who she is for a page."""
    values, key = env.values(environ), _key(target)
    login, until = env.sessions(environ).key_of(token), clock.now() + FRESH_FOR
    values.take(key)
    values.add(key, login, until, durable=False)


def take(environ: "WSGIEnvironment", login: Login | None, target: str) -> bool:
    """Whether it was her who has done so for this page; after that, not any more.

    By this very login: one that was proven in its place is another proof.
    """
    if login is None:
        return False
    return env.values(environ).take(_key(target)) == login.key


def _key(target: str) -> str:
    # It may be long, and say something of her.
    return f"proven-for:{hashlib.sha256(target.encode()).hexdigest()}"
