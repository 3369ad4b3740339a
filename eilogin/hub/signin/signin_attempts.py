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
from collections.abc import Sequence
from typing import NamedTuple

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
        #: Two counts in one record: those that the page shows, and the others.
        self._here = f"here\0{name}\0{browser or network}"
        self._networks = [(f"place\0{network}", _MOST_FROM_A_PLACE)]
        if (wide := wider(network)) != network:
            self._networks.append((f"wide\0{wide}", _MOST_FROM_WIDER))
        # Last, because a username may contain a "\0".
        self._everywhere = f"{'known' if browser else 'name'}\0{name}"
        self._taken: list[_Attempt] = []
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
        # A network without attempts left must not write.
        return all(
            self._take(name, most, text=self._read(name))[0] >= 0
            for name, most in self._networks
        )

    def may_try_password(self) -> bool:
        """Count an attempt at this username; False if none is left."""
        shown_left, left = self._take(self._here, _MOST, _MOST)
        self.has_none_left = shown_left < 0
        self.has_few_left = 0 <= shown_left <= _FEW
        if left < 0:
            return False
        if self._take(self._everywhere, _MOST_FOR_A_NAME)[0] >= 0:
            return True
        # An attempt that is not made must not count.
        for attempt in self._taken:
            if attempt.name == self._here:
                self._give_back(attempt)
        return False

    def give_back(self) -> None:
        """Uncount the attempts, because none was made."""
        for attempt in self._taken:
            self._give_back(attempt)

    def may_try_code(self, citizen_id: str) -> bool:
        """Count an attempt at a code; "" stands for an unknown citizen."""
        name = self._code_of(citizen_id or f"\0{self._name}")
        return self._take(name, _MOST)[0] >= 0

    def forget(self, citizen_id: str, *, with_code: bool) -> None:
        """Reset the counts after a sign-in; those of codes only ``with_code``."""
        code = self._code_of(citizen_id)
        for attempt in self._taken:
            if attempt.name == self._here:
                self._give_back(attempt, cleared=1)
            elif attempt.name != code:
                self._give_back(attempt)
        if with_code:
            self._values.take(_key(code))

    def _code_of(self, citizen_id: str) -> str:
        return f"code\0{citizen_id}\0{self._for_codes}"

    # --- one record -----------------------------------------------------------------

    def _take(self, name: str, *limits: int, text: str | None = None) -> Sequence[int]:
        """Add an attempt to each count of a record that is below its limit.

        Return the attempts left of each count, -1 for one at its limit. ``text`` is the
        record as far as known; mostly there is none.
        """
        for _ in range(_ROUNDS):
            counts = _counts(text, len(limits))
            left = [
                limit - len(counted) - 1
                for limit, counted in zip(limits, counts, strict=True)
            ]
            if max(left) < 0:
                return left
            until = clock.now() + _COUNTS_FOR
            new_counts = [
                [*counted, until] if remaining >= 0 else counted
                for remaining, counted in zip(left, counts, strict=True)
            ]
            if self._put(name, text, new_counts):
                self._taken.append(_Attempt(name, until, new_counts))
                return left
            text = self._read(name)
        # So many at once are an attack.
        return [-1 for _ in limits]

    def _give_back(self, attempt: "_Attempt", cleared: int | None = None) -> None:
        """Remove an attempt from its record, and clear a count of it."""
        text: str | None = _text_of(attempt.counts)
        for _ in range(_ROUNDS):
            counts = _counts(text, len(attempt.counts))
            new_counts = [_without(attempt.until, counted) for counted in counts]
            if cleared is not None:
                new_counts[cleared] = []
            is_written = new_counts == counts or self._put(
                attempt.name, text, new_counts
            )
            if is_written:
                return
            text = self._read(attempt.name)

    def _read(self, name: str) -> str | None:
        return self._values.get(_key(name))

    def _put(self, name: str, stored: str | None, counts: "_Counts") -> bool:
        # A record of empty counts expires at once.
        key, text = _key(name), _text_of(counts)
        until = clock.now() + (_COUNTS_FOR if any(counts) else 0.0)
        if stored is None:
            return self._values.add(key, text, until, durable=False)
        return self._values.swap(key, stored, text, until, durable=False)


#: The instants until which attempts count, of each count of a record.
_Counts = Sequence[list[float]]


class _Attempt(NamedTuple):
    """A counted attempt, and its record as it was then."""

    name: str
    until: float
    counts: _Counts


def _text_of(counts: _Counts) -> str:
    return "|".join(" ".join(map(repr, counted)) for counted in counts)


def _counts(text: str | None, number: int) -> list[list[float]]:
    now = clock.now()
    texts = text.split("|") if text else [""] * number
    return [
        [until for until in map(float, counted.split()) if until > now]
        for counted in texts
    ]


def _without(until: float, counted: list[float]) -> list[float]:
    remaining = list(counted)
    if until in remaining:
        remaining.remove(until)
    return remaining


def _key(name: str) -> str:
    return f"attempts:{hashlib.sha256(name.encode()).hexdigest()}"
