"""Whether DigiD asks a citizen again, and where it takes her to be logged in.

DIGID.md 2.2 and 2.3. Each answer keeps her in for fifteen minutes more. In the fifteen
after those who is in already is answered still without a question to her, and nobody
else is. The absolute limit is that of the hub's session, which is there longer than
that, so that a logout reaches everybody who was told of it.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from eilogin import clock
from eilogin.hub.signin.password_signin import network
from eilogin.sessions import Login, Participant
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long she is in without an answer to anybody, and how long after that who is in
#: already is answered still; in seconds.
IDLE = 15 * 60.0
GRACE = 15 * 60.0

#: In the place of an entityID, which is never empty.
_RUN = ""


class _Run(NamedTuple):
    """A time in which she was never away for too long."""

    began: float
    #: When somebody was answered last.
    last: float


class DigidPresence:
    """One citizen's, in the browser that a request comes from."""

    def __init__(self, environ: "WSGIEnvironment", login: Login) -> None:
        self._environ = environ
        self._values = env.values(environ)
        self._login = login

    def must_prove(self, issuer: str) -> bool:
        """Whether she has to sign in (again) before a participant is answered at all.

        She comes from another network, or was away for too long.
        """
        is_here = self._login.address == network(self._environ)
        return not is_here or self._is_away(issuer)

    @property
    def lasts_until(self) -> float:
        """Until when who is in nowhere yet is answered without a question to her."""
        # Who has just signed in was not answered to anybody yet.
        last = max(self._run.last, self._login.confirmed)
        return min(last + IDLE, self._login.ends)

    def has(self, entity_id: str) -> bool:
        """Whether she is in at a participant."""
        return self._since(entity_id) is not None

    def services(self, participants: Iterable[Participant]) -> list[Participant]:
        """Those of the participants at which she is in, and since when."""
        return [
            replace(told, since=since)
            for told in participants
            if (since := self._since(told.entity_id)) is not None
        ]

    def enter(self, entity_id: str) -> None:
        """A participant is answered that she is logged in."""
        now, run = clock.now(), self._run
        if now - run.last > IDLE + GRACE:
            run = run._replace(began=now)
        kept = self._values.get(self._name(_RUN))
        self._keep(_RUN, kept, json.dumps(run._replace(last=now)))
        if not self.has(entity_id):
            self.leave(entity_id)
            self._keep(entity_id, None, json.dumps(now))

    def leave(self, entity_id: str) -> None:
        """A participant is answered that there is no login: it ends its own session."""
        self._values.take(self._name(entity_id))

    def _since(self, entity_id: str) -> float | None:
        kept = self._values.get(self._name(entity_id))
        since = None if kept is None else float(kept)
        return None if since is None or since < self._run.began else since

    def _is_away(self, entity_id: str) -> bool:
        # Who has just signed in was not answered to anybody yet.
        away = clock.now() - max(self._run.last, self._login.confirmed)
        return away > IDLE and not (away <= IDLE + GRACE and self.has(entity_id))

    @property
    def _run(self) -> _Run:
        kept = self._values.get(self._name(_RUN))
        return _Run(*json.loads(kept)) if kept else _Run(0.0, 0.0)

    def _keep(self, entity_id: str, old: str | None, new: str) -> None:
        name, until = self._name(entity_id), self._login.ends
        if old is None:
            self._values.add(name, new, until, durable=False)
        else:
            # Who was quicker has said the same.
            self._values.swap(name, old, new, until, durable=False)

    def _name(self, entity_id: str) -> str:
        return f"presence:{self._login.family}\0{entity_id}"
