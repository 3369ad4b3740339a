"""The tries at passwords and codes, counted over all processes of the hub.

Passwords are counted by username together with the client's network, so that who tries
from elsewhere does not lock a citizen out at once; and, with more room, by each of the
two alone. In IPv6 that is 64 bits of the address: the rest is the client's to choose.
Codes are counted by citizen, wherever they come from, and a sign-in without one frees
none of them: who has the password can sign in as often as he likes. A try is taken
before it is made, so that many at the same time are counted like any others.

The page says how many tries are left by a count of its own, which a sign-in does not
clear. Otherwise a neighbour in the same network could see that somebody has a username,
and has just signed in.

Who tries all day, from wherever, does not keep a citizen out of her own browser: one in
which she has signed in before (``known_browsers``) has tries of its own; at
codes where she has given one there. Who knows her password can make many of them known,
so all of hers together have no more than all others have at her name. A try at a code
is one at a password too, so this holds for both.
"""

import hashlib
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.hub.signin.citizens import Citizen, plain
from eilogin.hub.signin.known_browsers import known_browser
from eilogin.web import environ as env
from eilogin.web.limits.client_network import network_here, wider

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long a try counts, in seconds.
_COUNTS_FOR = 15 * 60.0
#: Tries at one password from one network, and at one citizen's code.
_MOST = 5
#: So few of these are left when the sign-in page begins to warn.
_FEW = 2
#: Tries at one password from wherever, and at whatever passwords from one network.
_MOST_FOR_A_NAME = 25
_MOST_FROM_A_PLACE = 250
#: And from 48 bits of IPv6, in which a household may have as many networks as it likes.
_MOST_FROM_WIDER = 1000
#: How often others may be faster at the same count.
_ROUNDS = 100


class Attempts:
    """The tries that are left for one username from where this request comes.

    ``citizen`` is who is called so, or nobody (``Citizens.called``).
    """

    def __init__(
        self, environ: "WSGIEnvironment", username: str, citizen: Citizen
    ) -> None:
        self._values = env.values(environ)
        self._name = name = plain(username)
        known, network = known_browser(environ, citizen), network_here(environ)
        self._browser = browser = known.number
        #: The browser, where it has codes of its own to try.
        self._for_codes = browser if known.with_code else ""
        self._here = f"password\0{name}\0{browser or network}"
        self._told = f"told\0{name}\0{browser or network}"
        self._places = [(f"place\0{network}", _MOST_FROM_A_PLACE)]
        if (wide := wider(network)) != network:
            self._places.append((f"wide\0{wide}", _MOST_FROM_WIDER))
        # What may hold a "\0" is last.
        self._everywhere = f"{'known' if browser else 'name'}\0{name}"
        #: What is counted of this try: each, and the instant until which it is.
        self._taken: list[tuple[str, float]] = []
        #: Tries that are left by the last count that was taken of.
        self._left = 0
        #: Whether the page says that this name has only a few tries left here.
        self.has_few_left = False
        #: Whether the page says that it has none.
        self.has_none_left = False

    @property
    def is_in_her_own_browser(self) -> bool:
        """Whether who is called so has signed in in this browser before."""
        return bool(self._browser)

    def may_try_here(self) -> bool:
        """Take one of the tries that this network has, whatever name it is for.

        What is tried for a name that has none left counts here too.
        """
        if self.is_in_her_own_browser:
            return True
        return all(self._take(place, most) for place, most in self._places)

    def may_try_password(self) -> bool:
        """Take one of the tries that are left for this name, or say that none is."""
        self.has_none_left = not self._take(self._told, _MOST)
        self.has_few_left = not self.has_none_left and self._left <= _FEW
        if not self._take(self._here, _MOST):
            return False
        if self._take(self._everywhere, _MOST_FOR_A_NAME):
            return True
        # It is not made, so it does not count.
        for taken in (one for one in self._taken if one[0] in (self._told, self._here)):
            self._give_back(*taken)
        return False

    def may_try_code(self, citizen_id: str) -> bool:
        """The same for a citizen's code; "" is nobody's, of whom the same is asked."""
        return self._take(self._code_of(citizen_id or f"\0{self._name}"), _MOST)

    def forget(self, citizen_id: str, *, with_code: bool) -> None:
        """She has signed in: this try does not count, nor those before it here.

        Those at codes count on, unless she has signed in ``with_code``.
        """
        for what, until in self._taken:
            self._give_back(what, until)
        self._values.take(_key(self._here))
        if with_code:
            self._values.take(_key(self._code_of(citizen_id)))

    def _code_of(self, who: str) -> str:
        return f"code\0{who}\0{self._for_codes}"

    # --- one count ------------------------------------------------------------------

    def _take(self, what: str, most: int) -> bool:
        for _ in range(_ROUNDS):
            kept, counted = self._counted(what)
            if len(counted) >= most:
                return False
            until = clock.now() + _COUNTS_FOR
            if self._put(what, kept, [*counted, until]):
                self._taken.append((what, until))
                self._left = most - len(counted) - 1
                return True
        # That many at the same time are no citizen.
        return False

    def _give_back(self, what: str, until: float) -> None:
        for _ in range(_ROUNDS):
            kept, counted = self._counted(what)
            if until not in counted:
                return
            counted.remove(until)
            if self._put(what, kept, counted):
                return

    def _counted(self, what: str) -> tuple[str | None, list[float]]:
        """What the store has, and until when each try of it counts that does so now."""
        kept = self._values.get(_key(what))
        instants = map(float, (kept or "").split())
        now = clock.now()
        return kept, [until for until in instants if until > now]

    def _put(self, what: str, kept: str | None, counted: list[float]) -> bool:
        """Put a new count in the place of what was ``kept``, if that is there still.

        A count of nothing is over at once, so that it takes no room in the store.
        """
        key, text = _key(what), " ".join(map(repr, counted))
        until = clock.now() + (_COUNTS_FOR if counted else 0.0)
        if kept is None:
            return self._values.add(key, text, until, durable=False)
        return self._values.swap(key, kept, text, until, durable=False)


def _key(what: str) -> str:
    return f"attempts:{hashlib.sha256(what.encode()).hexdigest()}"
