"""Limits of the attempts at passwords and codes, over all processes of the hub.

Attempts at passwords count by username and client network together, so that an attacker
elsewhere does not lock a citizen out at once. With higher limits they also count by
username alone and by network alone. Attempts at codes count by citizen. Only a sign-in
with a code resets them, because an attacker may have the password. An attempt counts
before it is made, so parallel attempts gain nothing.

The page shows a separate count, which no sign-in resets. Otherwise a neighbour in the
network could see that a username exists.

A known browser (``known_browsers``) has a count of its own, so that an attacker
elsewhere does not lock the citizen out there. It has one for codes only if the citizen
gave a code there. An attacker with the password can make many browsers known. So all
known browsers of a citizen share a limit, as high as that of all other browsers.
"""

import hashlib

from eilogin import clock
from eilogin.hub.signin.citizen_accounts import Citizen, plain
from eilogin.hub.signin.known_browsers import known_browser
from eilogin.web.limits.client_network import network_here, wider
from eilogin.web.visit import Visit

#: Seconds that an attempt counts.
_COUNTS_FOR = 15 * 60.0
#: Attempts at a password from one network, and at a citizen's code.
_MOST = 5
#: Attempts left from which the page warns.
_FEW = 2
#: Attempts at a password from anywhere, and at all passwords from one network.
_MOST_FOR_A_NAME = 25
_MOST_FROM_A_PLACE = 250
#: The same from 48 bits of IPv6: one household may have many networks.
_MOST_FROM_WIDER = 1000
#: Retries of a count that other processes change.
_ROUNDS = 100


class SignInAttempts:
    """The attempts left for a username; ``citizen`` may be a placeholder."""

    def __init__(self, visit: Visit, username: str, citizen: Citizen) -> None:
        self._values = visit.values
        self._name = name = plain(username)
        known_here, network = known_browser(visit, citizen), network_here(visit)
        self._browser = browser = known_here.number
        #: The browser by which attempts at codes count, or "".
        self._for_codes = browser if known_here.with_code else ""
        self._here = f"password\0{name}\0{browser or network}"
        self._shown = f"told\0{name}\0{browser or network}"
        self._networks = [(f"place\0{network}", _MOST_FROM_A_PLACE)]
        if (wide := wider(network)) != network:
            self._networks.append((f"wide\0{wide}", _MOST_FROM_WIDER))
        # Last, because a username may contain a "\0".
        self._everywhere = f"{'known' if browser else 'name'}\0{name}"
        self._taken: list[tuple[str, float]] = []
        self._left = 0
        self.has_few_left = False
        self.has_none_left = False

    @property
    def is_in_known_browser(self) -> bool:
        """Whether the citizen has signed in in this browser before."""
        return bool(self._browser)

    def may_try_here(self) -> bool:
        """Count an attempt from here at any username; False if none is left."""
        if self.is_in_known_browser:
            return True
        return all(self._take(name, most) for name, most in self._networks)

    def may_try_password(self) -> bool:
        """Count an attempt at this username; False if none is left."""
        self.has_none_left = not self._take(self._shown, _MOST)
        self.has_few_left = not self.has_none_left and self._left <= _FEW
        if not self._take(self._here, _MOST):
            return False
        if self._take(self._everywhere, _MOST_FOR_A_NAME):
            return True
        # An attempt that is not made must not count.
        for attempt in (
            attempt
            for attempt in self._taken
            if attempt[0] in (self._shown, self._here)
        ):
            self._give_back(*attempt)
        return False

    def may_try_code(self, citizen_id: str) -> bool:
        """Count an attempt at a code; "" stands for an unknown citizen."""
        return self._take(self._code_of(citizen_id or f"\0{self._name}"), _MOST)

    def forget(self, citizen_id: str, *, with_code: bool) -> None:
        """Reset the counts after a sign-in; those of codes only ``with_code``."""
        for name, until in self._taken:
            self._give_back(name, until)
        self._values.take(_key(self._here))
        if with_code:
            self._values.take(_key(self._code_of(citizen_id)))

    def _code_of(self, citizen_id: str) -> str:
        return f"code\0{citizen_id}\0{self._for_codes}"

    # --- one count ------------------------------------------------------------------

    def _take(self, name: str, most: int) -> bool:
        for _ in range(_ROUNDS):
            stored, counted = self._counted(name)
            if len(counted) >= most:
                return False
            until = clock.now() + _COUNTS_FOR
            if self._put(name, stored, [*counted, until]):
                self._taken.append((name, until))
                self._left = most - len(counted) - 1
                return True
        # So many at once are an attack.
        return False

    def _give_back(self, name: str, until: float) -> None:
        for _ in range(_ROUNDS):
            stored, counted = self._counted(name)
            if until not in counted:
                return
            counted.remove(until)
            if self._put(name, stored, counted):
                return

    def _counted(self, name: str) -> tuple[str | None, list[float]]:
        stored = self._values.get(_key(name))
        instants = map(float, (stored or "").split())
        now = clock.now()
        return stored, [until for until in instants if until > now]

    def _put(self, name: str, stored: str | None, counted: list[float]) -> bool:
        # An empty count expires at once.
        key, text = _key(name), " ".join(map(repr, counted))
        until = clock.now() + (_COUNTS_FOR if counted else 0.0)
        if stored is None:
            return self._values.add(key, text, until, durable=False)
        return self._values.swap(key, stored, text, until, durable=False)


def _key(name: str) -> str:
    return f"attempts:{hashlib.sha256(name.encode()).hexdigest()}"
