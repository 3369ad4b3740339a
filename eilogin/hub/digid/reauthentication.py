"""The timers by which DigiD asks a citizen to sign in again (DigiD 2.2 and 2.3).

Each Response extends the session by :data:`IDLE`. During :data:`GRACE` after that, only
participants where the citizen is signed in get a Response without a new sign-in. The
hub's session outlives these timers, so that a logout reaches every participant.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from eilogin import clock
from eilogin.hub.signin.password_signin import network
from eilogin.sessions import Login, Participant
from eilogin.web.visit import Visit

#: Seconds.
IDLE = 15 * 60.0
GRACE = 15 * 60.0

#: Stands for an entityID, which is never empty.
_RUN = ""


class _Run(NamedTuple):
    """A period without too long an idle time: its begin and its last Response."""

    began: float
    last: float


class DigidPresence:
    """The participants where this browser is signed in, by DigiD's timers."""

    def __init__(self, visit: Visit, login: Login) -> None:
        self._visit = visit
        self._values = visit.values
        self._login = login

    def must_prove(self, issuer: str) -> bool:
        """Whether a participant needs a new sign-in: other network or idle too long."""
        is_here = self._login.address == network(self._visit)
        return not is_here or self._is_away(issuer)

    @property
    def lasts_until(self) -> float:
        """The instant until which a new participant needs no new sign-in."""
        # A citizen who has just signed in has no Response yet.
        last = max(self._run.last, self._login.confirmed)
        return min(last + IDLE, self._login.ends)

    def has(self, entity_id: str) -> bool:
        """Whether the citizen is signed in at a participant."""
        return self._since(entity_id) is not None

    def services(self, participants: Iterable[Participant]) -> list[Participant]:
        """Return the participants where the citizen is signed in, and since when."""
        return [
            replace(participant, since=since)
            for participant in participants
            if (since := self._since(participant.entity_id)) is not None
        ]

    def enter(self, entity_id: str) -> None:
        """Note that a participant gets a Response with a login."""
        now, run = clock.now(), self._run
        if now - run.last > IDLE + GRACE:
            run = run._replace(began=now)
        stored = self._values.get(self._name(_RUN))
        self._store(_RUN, stored, json.dumps(run._replace(last=now)))
        if not self.has(entity_id):
            self.leave(entity_id)
            self._store(entity_id, None, json.dumps(now))

    def leave(self, entity_id: str) -> None:
        """Note that a participant got no login, which ends its own session."""
        self._values.take(self._name(entity_id))

    def _since(self, entity_id: str) -> float | None:
        stored = self._values.get(self._name(entity_id))
        since = None if stored is None else float(stored)
        return None if since is None or since < self._run.began else since

    def _is_away(self, entity_id: str) -> bool:
        away = clock.now() - max(self._run.last, self._login.confirmed)
        return away > IDLE and not (away <= IDLE + GRACE and self.has(entity_id))

    @property
    def _run(self) -> _Run:
        stored = self._values.get(self._name(_RUN))
        return _Run(*json.loads(stored)) if stored else _Run(0.0, 0.0)

    def _store(self, entity_id: str, stored: str | None, text: str) -> None:
        name, until = self._name(entity_id), self._login.ends
        if stored is None:
            self._values.add(name, text, until, durable=False)
        else:
            # If this fails, a faster request has written the same.
            self._values.swap(name, stored, text, until, durable=False)

    def _name(self, entity_id: str) -> str:
        return f"presence:{self._login.family}\0{entity_id}"


def presence_by_timers(
    visit: Visit, login: Login
) -> tuple[Sequence[Participant], Sequence[Participant]]:
    """Return where the citizen needs no new sign-in now, and the others."""
    presence = DigidPresence(visit, login)
    # A participant that got a Response without login ended its session.
    signed_in = presence.services(visit.sessions.participants(login))
    certain = [p for p in signed_in if not presence.must_prove(p.entity_id)]
    return certain, [p for p in signed_in if p not in certain]
