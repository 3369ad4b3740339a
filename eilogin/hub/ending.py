"""The end of sessions at the hub, and who hears of it: no browser and no page.

What a LogoutRequest names ends, and with it all of that citizen's; everybody else is
told over SOAP (:mod:`eilogin.hub.propagation`). What comes of it is an
:class:`Outcome`, from which :mod:`eilogin.hub.logout` goes on.
"""

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, NamedTuple

from eilogin import audit, clock
from eilogin.errors import Busy, Unavailable
from eilogin.hub import untold
from eilogin.hub.browser_proof import new_proof
from eilogin.hub.propagation import Propagation, Told
from eilogin.saml import messages
from eilogin.saml.checks import KNOWN_FOR, check_logout_request
from eilogin.sessions import Login, Participant, Subject
from eilogin.stores import Values
from eilogin.visit.whereabouts import network_here
from eilogin.web import environ as env
from eilogin.web.places import USUAL, Full, Places

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How often to look whether the same logout is done elsewhere, in seconds.
_LOOK_AGAIN = 0.1
#: How many requests with the same message have threads here: one that executes it, and
#: one that waits for what comes of that.
_WITH_THE_SAME = 2
#: For how many times as long as a logout may take one is thought to be under way, if
#: nothing has come of it: its process was killed then.
_TIMES = 2
#: With what a mark begins of a logout that is under way; its instant follows. No
#: outcome, which is JSON, begins so.
_UNDER_WAY = "@"
#: The mark of one that could not be executed.
_FAILED = f"{_UNDER_WAY}0"

#: The logouts that tell participants now, by message, and all of this process ("").
_WAITING = Places()

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
    """Ends sessions, and tells participants by ``propagation``, so many ``at_once``.

    A hub that ``is_below`` another one notes who is ended until all are known to know.
    """

    def __init__(
        self,
        propagation: Propagation,
        *,
        is_below: bool = False,
        at_once: int = USUAL,
    ) -> None:
        self._propagation = propagation
        self._is_below = is_below
        self._at_once = at_once

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
        trust, now = env.trust(environ), clock.now()
        check_logout_request(
            request,
            issuer=issuer,
            destination=trust.own.url(address),
            destination_required=address == "slo",
            now=now,
        )
        # Before anything is noted of it: a name may be refused.
        named = Subject.named(
            request.name_id, issuer=trust.own.entity_id, audience=issuer
        )
        seen = f"logout-request:{issuer}\0{request.id}"
        text = self.once(
            environ,
            seen,
            now + KNOWN_FOR,
            lambda tried: self._ended(
                environ,
                named,
                request.session_indexes,
                f"left:{seen}",
                again=bool(tried),
            ).to_json(),
            by_server="" if address == "slo" else issuer,
        )
        return Outcome.from_json(text)

    def _ended(
        self,
        environ: "WSGIEnvironment",
        named: Subject,
        indexes: Sequence[str],
        left: str,
        *,
        again: bool,
    ) -> Outcome:
        """End what a request names that was not seen before, and tell all others.

        ``named`` is who, as the participant that asks knows her, ``indexes`` in which
        of her sessions there; all where there are none. Under the name ``left`` it is
        kept who is to be told ``again``, where that has failed.
        """
        logins = _found(environ, named, indexes)
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
        audit.event("logout.received", peer=named.audience)
        others = _others(participants, named, indexes)
        before = _taken(env.values(environ), left) if again else []
        others += before
        try:
            missed = self._propagation.tell(env.trust(environ), others)
        except Exception:
            # Such as: the machine has no thread for it now.
            _keep(env.values(environ), left, others)
            raise
        # All are of one citizen, so the first of them has ended all that there were.
        # Her login at the hub above is not known any more where it comes again.
        is_overtaken = ended[0] is None if ended else bool(before and self._is_below)
        if not missed and not is_overtaken:
            untold.forget(environ, noted)
        return Outcome(
            bool(logins or before),
            new_handle(),
            missed,
            is_overtaken,
            above=[login.session_index for login in logins if login.session_index],
            ended=keys,
            proof=new_proof(),
        )

    # --- once, and few at a time --------------------------------------------------

    @contextmanager
    def room(
        self, environ: "WSGIEnvironment", message: str = "", *, by_server: str = ""
    ) -> Iterator[None]:
        """Room for a logout that may wait for participants; Busy where there is none.

        Nothing has come of it then, and it may be tried again. Of the same ``message``
        there is room for few in any case. Those from one network have half of all, so
        that nobody has all others wait; so has a member whose server brings them
        (``by_server``, which has been proven), but it has as many at least as a
        participant brings at once: they are of all its visitors, of whom it lets no
        network have them all.
        """
        if by_server:
            whose, at_least = f"soap {by_server}", USUAL
        else:
            whose, at_least = network_here(environ), 1
        try:
            same = _WAITING.one(message, _WITH_THE_SAME) if message else nullcontext()
            # Who waits for another one has a place too: it holds a thread as well.
            place = _WAITING.one("", self._at_once, whose, at_least=at_least)
            with same, place:
                yield
        except Full as full:
            raise Busy(
                f"logouts that wait for participants at this moment: {full.taken}, and"
                " no more may (of one network, or one member's server, half as many):"
                " does one of them answer slowly (logouts_at_once, logout_timeout), or"
                " is one message sent over and over?"
            ) from None

    def once(
        self,
        environ: "WSGIEnvironment",
        seen: str,
        until: float,
        execute: Callable[[str], str],
        *,
        by_server: str = "",
    ) -> str:
        """What comes of a message that is executed once, named ``seen``, as a text.

        One that came before has what came of it then, also if that is under way still.
        If it could not be executed it is when it comes again; ``execute`` is told, by
        the mark of who tried ("" for none), that nobody knows what that one has ended.
        """
        values = env.values(environ)
        with self.room(environ, seen, by_server=by_server):
            mark = f"{_UNDER_WAY}{clock.now()}"
            before = self._come_of(values, seen, mark, until)
            if before and not before.startswith(_UNDER_WAY):
                return before
            # Where the store does not answer, the mark is too old in a while, and says
            # the same as one that has failed.
            try:
                text = execute(before)
            except Exception:
                with suppress(Unavailable):
                    values.swap(seen, mark, _FAILED, until)
                raise
            with suppress(Unavailable):
                values.swap(seen, mark, text, until)
            return text

    def _come_of(self, values: Values, seen: str, mark: str, until: float) -> str:
        """What came of a message before.

        This one has to execute it where that is "", or the mark of who failed.
        """
        for _ in range(int(self._propagation.longest / _LOOK_AGAIN) + 1):
            text = values.get(seen)
            if text is None:
                if values.add(seen, mark, until):
                    return ""
            elif not text.startswith(_UNDER_WAY) or (
                self._is_dead(text) and values.swap(seen, text, mark, until)
            ):
                return text
            time.sleep(_LOOK_AGAIN)
        raise Unavailable("the same logout is under way, and takes too long")

    def _is_dead(self, mark: str) -> bool:
        age = abs(clock.now() - float(mark.removeprefix(_UNDER_WAY)))
        return age > _TIMES * self._propagation.longest


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


def _keep(values: Values, left: str, others: Iterable[Participant]) -> None:
    """Keep who is still to be told of a logout, for when it comes again."""
    text = json.dumps([one.to_json() for one in others])
    with suppress(Unavailable):
        values.add(left, text, clock.now() + KNOWN_FOR)


def _taken(values: Values, left: str) -> list[Participant]:
    """Those who were kept so, and are not any more."""
    return [Participant.from_json(one) for one in json.loads(values.take(left) or "[]")]


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
