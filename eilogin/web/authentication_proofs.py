"""Record for which page a visitor has just authenticated.

ForceAuthn asks for a fresh proof for this very request, because the visitor may have
left the machine. So a proof counts for one page, once, within minutes.
"""

import hashlib

from eilogin import clock
from eilogin.sessions import Login
from eilogin.web.visit import Visit

#: Seconds that the way back from the sign-in may take.
FRESH_FOR = 5 * 60.0


def note(visit: Visit, token: str, target: str) -> None:
    """Note that the owner of this cookie value has just authenticated for a page."""
    values, key = visit.values, _key(target)
    login, until = visit.sessions.key_of(token), clock.now() + FRESH_FOR
    if not values.add(key, login, until, durable=False):
        # One of an earlier sign-in for this page is left.
        values.take(key)
        values.add(key, login, until, durable=False)


def take(visit: Visit, login: Login | None, target: str) -> bool:
    """Whether this very session has just authenticated for a page; True only once."""
    if login is None:
        return False
    return visit.values.take(_key(target)) == login.key


def _key(target: str) -> str:
    # The target may be long or contain personal data.
    return f"proven-for:{hashlib.sha256(target.encode()).hexdigest()}"
