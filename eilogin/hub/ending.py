"""The end of sessions at the hub, and who hears of it: no browser and no page.

What a LogoutRequest names ends, and with it all of that citizen's; everybody else is
told over SOAP (:mod:`eilogin.hub.propagation`). What comes of it is an
:class:`Outcome`, from which :mod:`eilogin.hub.logout` goes on.
"""

import json
import secrets
import time
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from eilogin import audit, clock
from eilogin.errors import Unavailable
from eilogin.hub import untold
from eilogin.hub.browser_proof import new_proof
from eilogin.hub.propagation import Propagation, Told
from eilogin.saml import messages
from eilogin.saml.checks import LIFETIME, SKEW, check_logout_request
from eilogin.sessions import Login, Participant, Subject
from eilogin.stores import Values
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How often to look whether the same logout is done elsewhere, in seconds.
_LOOK_AGAIN = 0.1

DONE = messages.Status()
PARTLY = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))
#: Nobody is known by what was named, so nobody can be said to be logged out.
UNKNOWN = messages.Status((messages.RESPONDER, messages.UNKNOWN_PRINCIPAL))


class Outcome(NamedTuple):
    """What came of a LogoutRequest."""

    #: Whether any session was named by it.
    is_known: bool
    #: Names it in the addresses of its pages, if it has any.
    handle: str
    #: Whom no message from server to server has reached.
    missed: Sequence[Told]
    #: Whether another logout has ended it meanwhile, which knows who was not reached.
    is_overtaken: bool = False
    #: Names of the logins at the hub above that it came from.
    above: Sequence[str] = ()
    #: Keys of her sessions that it has ended, in whatever browsers.
    ended: Sequence[str] = ()
    #: What the cookie of her browser says by which it is known afterwards.
    proof: str = ""

    def to_json(self) -> str:
        """JSON text, as the store keeps it."""
        missed = [told.as_json() for told in self.missed]
        return json.dumps([self.is_known, self.handle, missed, *self[3:]])

    @classmethod
    def from_json(cls, text: str) -> "Outcome":
        """The value of which :meth:`to_json` made this."""
        is_known, handle, missed, *rest = json.loads(text)
        return cls(is_known, handle, [Told.from_json(one) for one in missed], *rest)

    @property
    def status(self) -> messages.Status:
        """The status to answer with (SAML core 3.7.3.2)."""
        if not self.is_known:
            return UNKNOWN
        return PARTLY if self.missed or self.is_overtaken else DONE


class Endings:
    """Ends sessions, and tells participants by ``propagation``.

    A hub that ``is_below`` another one notes who is ended until all are known to know.
    """

    def __init__(self, propagation: Propagation, *, is_below: bool = False) -> None:
        self._propagation = propagation
        self._is_below = is_below

    def end_everywhere(
        self, environ: "WSGIEnvironment", login: Login
    ) -> list[Told] | None:
        """End all sessions of a citizen; whom no message to a server has reached.

        None where another logout has ended them meanwhile: it tells the participants.
        """
        noted = untold.note(environ, [login.who]) if self._is_below else []
        participants = env.sessions(environ).end_citizen(login)
        if participants is None:
            return None
        missed = self._propagation.tell(env.trust(environ), participants)
        if not missed:
            untold.forget(environ, noted)
        return missed

    def end_subjects(
        self,
        environ: "WSGIEnvironment",
        subjects: Collection[Subject],
        above: Collection[str],
    ) -> bool:
        """End all sessions of some; whether all whom they concern know it.

        ``above`` names the logins above that have ended: what a logout before this one
        did not reach is not reached now either.
        """
        sessions = env.sessions(environ)
        was_missed = untold.is_noted(environ, above)
        noted = untold.note(environ, subjects)
        ended = [sessions.end_all_of(subject) for subject in subjects]
        told = [participant for told in ended if told for participant in told]
        missed = self._propagation.tell(env.trust(environ), told)
        # It comes from above, where her browser goes on.
        self._propagation.note_no_browser(env.trust(environ), missed)
        if missed or was_missed:
            return False
        untold.forget(environ, noted)
        return True

    def execute(
        self,
        environ: "WSGIEnvironment",
        request: messages.LogoutRequest,
        issuer: str,
        address: str,
    ) -> Outcome:
        """End what is named, and with it all of hers.

        A request that was seen before has the outcome that it had, and ends nothing.
        """
        trust, values = env.trust(environ), env.values(environ)
        now = clock.now()
        check_logout_request(
            request,
            issuer=issuer,
            destination=trust.own.url(address),
            destination_required=address == "slo",
            now=now,
        )
        seen = f"logout-request:{issuer}\0{request.id}"
        until = now + LIFETIME + 2 * SKEW
        if not values.add(seen, "", until):
            return Outcome.from_json(self.recorded(values, seen))
        outcome = self._ended(environ, request, issuer)
        values.swap(seen, "", outcome.to_json(), until)
        return outcome

    def _ended(
        self, environ: "WSGIEnvironment", request: messages.LogoutRequest, issuer: str
    ) -> Outcome:
        """End what a request names that was not seen before, and tell all others."""
        hub = env.trust(environ).own.entity_id
        named = Subject.named(request.name_id, issuer=hub, audience=issuer)
        logins = _found(environ, named, request.session_indexes)
        citizens = {login.who for login in logins}
        keys = [
            login.key
            for who in citizens
            for login in env.sessions(environ).find_all_of(who)
        ]
        noted = untold.note(environ, citizens) if self._is_below else []
        ended = [env.sessions(environ).end_citizen(login) for login in logins]
        participants = [
            participant for told in ended if told is not None for participant in told
        ]
        audit.event("logout.received", peer=issuer)
        others = _others(participants, named, request.session_indexes)
        missed = self._propagation.tell(env.trust(environ), others)
        # All are of one citizen, so the first of them has ended all that there were.
        is_overtaken = bool(ended) and ended[0] is None
        if not missed and not is_overtaken:
            untold.forget(environ, noted)
        return Outcome(
            bool(logins),
            new_handle(),
            missed,
            is_overtaken,
            above=[login.session_index for login in logins if login.session_index],
            ended=keys,
            proof=new_proof(),
        )

    def recorded(self, values: Values, seen: str) -> str:
        """What came of a request that came before, also if it is under way still."""
        for _ in range(int(self._propagation.longest / _LOOK_AGAIN) + 1):
            text = values.get(seen)
            if text:
                return text
            time.sleep(_LOOK_AGAIN)
        raise Unavailable("the same logout is under way, and takes too long")


def new_handle() -> str:
    """What names a logout in the addresses of its pages."""
    return secrets.token_urlsafe(16)


def _found(
    environ: "WSGIEnvironment", named: Subject, indexes: Sequence[str]
) -> list[Login]:
    """The sessions that a LogoutRequest names, whoever's browser brings it."""
    sessions = env.sessions(environ)
    found = [
        login
        for index in indexes or (None,)
        for login in sessions.find_told(named, index)
    ]
    return list({login.key: login for login in found}.values())


def _others(
    participants: Iterable[Participant], named: Subject, indexes: Collection[str]
) -> list[Participant]:
    """All but the sessions that the participant who asks has ended itself.

    It may know her by more names (a transient one in each browser, say), and has ended
    none but those of the one that it names.
    """
    # Names that mean the same may differ in what is left out of them.
    label = named.told_label()
    return [
        participant
        for participant in participants
        if participant.subject.told_label() != label
        or (indexes and participant.session_index not in indexes)
    ]
