"""Limits of the attempts at passwords and codes, counted over all processes of the hub.

Attempts at passwords are counted by username and client network together, so an
attacker elsewhere does not lock a citizen out at once. With higher limits they are also
counted by username alone and by network alone. For IPv6 a network is 64 bits, because
the client chooses the rest. Attempts at codes are counted by citizen, from wherever
they come. A sign-in without a code does not reset them: an attacker with the password
could sign in at will. An attempt is counted before it is made, so parallel attempts
count like any others.

The page shows how many attempts are left by a separate count, which a sign-in does not
reset. Otherwise a neighbour in the same network could see that a username exists and
has just signed in.

An attacker who uses up all attempts does not lock a citizen out of a known browser
(``known_browsers``), which has attempts of its own. It has attempts at codes of its own
if a code was given there. An attacker with the password can make many browsers known.
So all known browsers of a citizen together have no more attempts than all others have
at that username. An attempt at a code is one at a password too, so this limit holds for
both.
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

#: How long an attempt counts, in seconds.
_COUNTS_FOR = 15 * 60.0
#: Attempts at one password from one network, and at the code of one citizen.
_MOST = 5
#: The sign-in page warns from this number on.
_FEW = 2
#: Attempts at one password from anywhere, and at all passwords from one network.
_MOST_FOR_A_NAME = 25
_MOST_FROM_A_PLACE = 250
#: The same from 48 bits of IPv6: one household may have many networks.
_MOST_FROM_WIDER = 1000
#: Retries when other processes change the same count.
_ROUNDS = 100


class SignInAttempts:
    """The attempts left for a username, from where this request comes.

    ``citizen`` is the citizen with that name, or the placeholder (``Citizens.called``).
    """

    def __init__(
        self, environ: "WSGIEnvironment", username: str, citizen: Citizen
    ) -> None:
        self._values = env.values(environ)
        self._name = name = plain(username)
        known, network = known_browser(environ, citizen), network_here(environ)
        self._browser = browser = known.number
        #: The number of the browser, if attempts at codes count by it.
        self._for_codes = browser if known.with_code else ""
        self._here = f"password\0{name}\0{browser or network}"
        self._told = f"told\0{name}\0{browser or network}"
        self._places = [(f"place\0{network}", _MOST_FROM_A_PLACE)]
        if (wide := wider(network)) != network:
            self._places.append((f"wide\0{wide}", _MOST_FROM_WIDER))
        # The username is last, because it may contain a "\0".
        self._everywhere = f"{'known' if browser else 'name'}\0{name}"
        #: Counts of this attempt, and until when they hold.
        self._taken: list[tuple[str, float]] = []
        #: Attempts left by the latest count.
        self._left = 0
        #: Whether the page warns that few attempts are left.
        self.has_few_left = False
        #: Whether the page says that none are left.
        self.has_none_left = False

    @property
    def is_in_her_own_browser(self) -> bool:
        """Whether the citizen has signed in in this browser before."""
        return bool(self._browser)

    def may_try_here(self) -> bool:
        """Count an attempt of this network, at any username; False if none is left.

        Attempts at a username that has none left count here too.
        """
        if self.is_in_her_own_browser:
            return True
        return all(self._take(place, most) for place, most in self._places)

    def may_try_password(self) -> bool:
        """Count an attempt at this username; False if none is left."""
        self.has_none_left = not self._take(self._told, _MOST)
        self.has_few_left = not self.has_none_left and self._left <= _FEW
        if not self._take(self._here, _MOST):
            return False
        if self._take(self._everywhere, _MOST_FOR_A_NAME):
            return True
        # The attempt is not made, so it must not count.
        for taken in (one for one in self._taken if one[0] in (self._told, self._here)):
            self._give_back(*taken)
        return False

    def may_try_code(self, citizen_id: str) -> bool:
        """Count an attempt at a code; "" stands for an unknown citizen."""
        return self._take(self._code_of(citizen_id or f"\0{self._name}"), _MOST)

    def forget(self, citizen_id: str, *, with_code: bool) -> None:
        """Reset the counts after a sign-in.

        The count of codes is reset only after a sign-in ``with_code``.
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
        # So many parallel attempts are an attack.
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
        """Return the stored text, and until when each live attempt counts."""
        kept = self._values.get(_key(what))
        instants = map(float, (kept or "").split())
        now = clock.now()
        return kept, [until for until in instants if until > now]

    def _put(self, what: str, kept: str | None, counted: list[float]) -> bool:
        """Replace a count, if the store still has what was ``kept``.

        An empty count expires at once and takes no space in the store.
        """
        key, text = _key(what), " ".join(map(repr, counted))
        until = clock.now() + (_COUNTS_FOR if counted else 0.0)
        if kept is None:
            return self._values.add(key, text, until, durable=False)
        return self._values.swap(key, kept, text, until, durable=False)


def _key(what: str) -> str:
    return f"attempts:{hashlib.sha256(what.encode()).hexdigest()}"
