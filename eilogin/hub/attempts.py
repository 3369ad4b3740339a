"""The tries at passwords and codes, counted over all processes of the hub.

Passwords are counted by username together with the client's network, so that who tries
from elsewhere does not lock a citizen out at once; and, with more room, by each of the
two alone. In IPv6 that is 64 bits of the address: the rest is the client's to choose.
Codes are counted by citizen, wherever they come from, and a sign-in without one frees
none of them: who has the password can sign in as often as he likes. A try is taken
before it is made, so that many at the same time are counted like any others.

Who tries all day, from wherever, does not keep a citizen out of her own browser: one in
which she has signed in before (:mod:`eilogin.hub.browsers`) has tries of its own; at
codes where she has given one there.
"""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.hub.browsers import known_browser
from eilogin.hub.citizens import plain
from eilogin.visit.whereabouts import network_here
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long a try counts, in seconds.
_COUNTS_FOR = 15 * 60.0
#: Tries at one password from one network, and at one citizen's code.
_MOST = 5
#: Tries at one password from wherever, and at whatever passwords from one network.
_MOST_FOR_A_NAME = 25
_MOST_FROM_A_PLACE = 250


class Attempts:
    """The tries that are left for one username from where this request comes."""

    def __init__(self, environ: "WSGIEnvironment", username: str) -> None:
        self._values = env.values(environ)
        self._name = name = plain(username)
        known, network = known_browser(environ, username), network_here(environ)
        self._browser = browser = known.number
        #: The browser, where it has codes of its own to try.
        self._for_codes = browser if known.with_code else ""
        self._here = f"password\0{name}\0{browser or network}"
        self._place = (f"place\0{network}", _MOST_FROM_A_PLACE)
        self._password = [(self._here, _MOST)]
        if not browser:
            self._password.append((f"name\0{name}", _MOST_FOR_A_NAME))
        self._taken: list[str] = []

    @property
    def is_in_her_own_browser(self) -> bool:
        """Whether who is called so has signed in in this browser before."""
        return bool(self._browser)

    def may_try_here(self) -> bool:
        """Take one of the tries that this network has, whatever name it is for.

        What is tried for a name that has none left counts here too.
        """
        return self.is_in_her_own_browser or self._take(*self._place)

    def may_try_password(self) -> bool:
        """Take one of the tries that are left for this name, or say that none is."""
        before = len(self._taken)
        if all(self._take(what, most) for what, most in self._password):
            return True
        # It is not made, so it does not count.
        for key in self._taken[before:]:
            self._values.take(key)
        return False

    def may_try_code(self, citizen_id: str) -> bool:
        """The same for a citizen's code; "" is nobody's, of whom the same is asked."""
        who = citizen_id or f"\0{self._name}"
        return self._take(self._code_of(who), _MOST)

    def forget(self, citizen_id: str, *, with_code: bool) -> None:
        """She has signed in: this try does not count, nor those before it here.

        Those at codes count on, unless she has signed in ``with_code``.
        """
        codes = _slots(self._code_of(citizen_id), _MOST) if with_code else ()
        for key in (*self._taken, *_slots(self._here, _MOST), *codes):
            self._values.take(key)

    def _code_of(self, who: str) -> str:
        return f"code\0{who}\0{self._for_codes}"

    def _take(self, what: str, most: int) -> bool:
        until = clock.now() + _COUNTS_FOR
        for key in _slots(what, most):
            if self._values.add(key, "", until, durable=False):
                self._taken.append(key)
                return True
        return False


def _slots(what: str, most: int) -> Iterator[str]:
    digest = hashlib.sha256(what.encode()).hexdigest()
    return (f"attempt:{digest}:{n}" for n in range(most))
