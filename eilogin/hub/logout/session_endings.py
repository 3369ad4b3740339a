"""The end of sessions at the hub, and who hears of it: no browser and no page.

What a LogoutRequest names ends, and with it all of that citizen's; everybody else is
told over SOAP (:mod:`eilogin.hub.logout.logout_propagation`). What comes of it is an
:class:`LogoutOutcome`, from which :mod:`eilogin.hub.logout.single_logout` goes on.
"""

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from eilogin import audit, clock, metrics
from eilogin.errors import Busy, PrincipalUnknown, Unavailable
from eilogin.hub.browser_proof import new_proof
from eilogin.hub.logout import incomplete_logouts
from eilogin.hub.logout.departed_participants import with_departed
from eilogin.hub.logout.logout_propagation import (
    Delivery,
    Propagation,
    Recipient,
    merged,
    recipients_of,
)
from eilogin.hub.logout.logout_redelivery import QueuedLogout, queue_of
from eilogin.hub.logout.stored_pages import readable_record
from eilogin.hub.participants.name_id_matching import Match, match, note_miss
from eilogin.hub.participants.signed_in_services import asked_at
from eilogin.saml import messages
from eilogin.saml.message_checks import KNOWN_FOR, check_logout_request
from eilogin.sessions import MOST_LOGINS, Login, Participant, Sessions, Subject
from eilogin.stores import Values
from eilogin.web import environ as env
from eilogin.web.limits.client_network import network_here
from eilogin.web.limits.slots import USUAL, Full, Slots

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
#: What an outcome in the store has behind its first three parts.
_MORE = 7
#: The mark of one that could not be executed.
_FAILED = f"{_UNDER_WAY}0"

#: How many seconds a logout waits for its turn, while others have theirs.
_PATIENCE = 5.0
#: The logouts that tell participants now, by message, and all of this process ("").
_WAITING = Slots()

DONE = messages.Status()
PARTLY = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))
#: Nobody is known by what was named, so nobody can be said to be logged out.
UNKNOWN = messages.Status((messages.RESPONDER, messages.UNKNOWN_PRINCIPAL))


class LogoutOutcome(NamedTuple):
    """What came of a LogoutRequest."""

    #: Whether any session was named by it.
    is_known: bool
    #: Names it in the addresses of its pages, if it has any.
    handle: str
    #: Whom no message from server to server has reached.
    missed: Sequence[Recipient]
    #: Whether another logout has ended it meanwhile, which knows who was not reached.
    is_overtaken: bool = False
    #: Names of the logins at the hub above that it came from.
    above: Sequence[str] = ()
    #: Keys of her sessions that it has ended, in whatever browsers.
    ended: Sequence[str] = ()
    #: What the cookie of her browser says by which it is known afterwards.
    proof: str = ""
    #: entityIDs of those who have confirmed it.
    reached: Sequence[str] = ()
    #: Whose sessions they were: their label.
    whose: str = ""
    #: Handles of earlier logouts of hers that had not reached all.
    older: Sequence[str] = ()

    def to_json(self) -> str:
        """JSON text, as the store keeps it."""
        missed = [told.as_json() for told in self.missed]
        return json.dumps([self.is_known, self.handle, missed, *self[3:]])

    @classmethod
    def from_json(cls, text: str) -> "LogoutOutcome":
        """The value of which :meth:`to_json` made this; else MessageUnexpected."""
        with readable_record():
            is_known, handle, missed, *rest = json.loads(text)
            told = [Recipient.from_json(one) for one in missed]
            return cls(is_known, handle, told, *rest[:_MORE])

    @property
    def status(self) -> messages.Status:
        """The status to answer with (SAML core 3.7.3.2)."""
        if not self.is_known:
            return UNKNOWN
        return PARTLY if self.missed or self.is_overtaken else DONE


class EndingResult(NamedTuple):
    """What came of an end of sessions."""

    #: Names the logout.
    handle: str
    #: Whom no message from server to server has reached.
    missed: Sequence[Recipient]
    #: entityIDs of those who have confirmed it.
    reached: Sequence[str]
    #: Handles of earlier logouts of hers that had not reached all.
    older: Sequence[str]
    #: Whether there was anything to end, or to go on with.
    is_known: bool
    #: Whether another logout has ended it meanwhile.
    is_overtaken: bool
    #: Whether it went on with what one before it has left.
    is_resumed: bool

    def outcome(self) -> LogoutOutcome:
        """The same as what came of a logout; whose it is, is not known here."""
        return LogoutOutcome(
            self.is_known,
            self.handle,
            self.missed,
            self.is_overtaken,
            proof=new_proof(),
            reached=self.reached,
            older=self.older,
        )


#: Of participants those that have to be told.
TargetFilter = Callable[[list[Participant]], list[Participant]]


class RequestedLogout(NamedTuple):
    """What a LogoutRequest names, and when."""

    #: Who, as the participant that asks knows her.
    who: Subject
    #: In which of her sessions there; all where there are none.
    indexes: Sequence[str]
    request_id: str
    #: When it was written, by the clock of who asks.
    issued: float
    #: What was proven after this instant goes on: it is executed later than it came,
    #: and nobody has said so now.
    since: float = inf

    @classmethod
    def from_parts(cls, who: Mapping[str, object], *rest: Any) -> "RequestedLogout":
        """The value of which :meth:`parts` are these."""
        indexes, request_id, issued, *_ = rest
        return cls(Subject.from_parts(who), indexes, request_id, float(issued))

    def parts(self) -> list[Any]:
        """What it is made of, for JSON."""
        return [self.who.as_json(), *self[1:4]]


class SessionEndings:
    """Ends sessions, and tells participants by ``propagation``, so many ``at_once``.

    A hub that ``is_below`` another one notes who is ended until all are known to know.
    Where a logout is ``of_browser`` alone, her sessions in other browsers go on.
    """

    def __init__(
        self,
        propagation: Propagation,
        *,
        is_below: bool = False,
        at_once: int = USUAL,
        of_browser: bool = False,
    ) -> None:
        self._propagation = propagation
        self._is_below = is_below
        self._at_once = at_once
        self._of_browser = of_browser

    # --- ending -------------------------------------------------------------------

    def end(
        self,
        environ: "WSGIEnvironment",
        whom: Collection[Login | Subject],
        *,
        handle: str = "",
        spare: TargetFilter = list,
    ) -> EndingResult:
        """End all sessions of some, and tell all others but whom they ``spare``.

        Of a login that one alone, where a logout is of a browser. One that has failed
        under its ``handle`` goes on with whom it left.
        """
        sessions = env.sessions(environ)
        queue = queue_of(environ, self._propagation)
        begun, handle = clock.now(), handle or new_handle()
        logins = self._ending(sessions, whom)
        known = [one for login in logins for one in sessions.participants(login)]
        # Before anything ends, so that it is not forgotten if this process dies.
        before = queue.begin(handle, logins, recipients_of(spare(known)))
        ended = [self._end_one(sessions, one) for one in whom]
        participants = [one for told in ended if told is not None for one in told]
        own = [*recipients_of(spare(participants)), *before]
        older = self._left_before(environ, handle, whom)
        left = [one for entry in older for one in entry.left.values()]
        told = merged([*left, *own])
        trust = with_departed(env.trust(environ), sessions)
        came = {
            one.left: one for one in self._propagation.tell(trust, told) if one.left
        }
        missed = list(came)
        # If not, they are told once more, which harms nobody.
        with suppress(Unavailable):
            self.settle(environ, handle, own, came)
            for entry in older:
                queue.confirmed_by_later_logout(env.values(environ), entry, missed)
                queue.refused(env.values(environ), entry, came.values())
        if told and not missed:
            metrics.logout_took(clock.now() - begun)
        away = {one.entity_id for one in missed}
        return EndingResult(
            handle,
            missed,
            reached=sorted({one.entity_id for one in told} - away),
            older=[entry.handle for entry in older if entry.begun < begun],
            is_known=bool(logins or before),
            # All are of one citizen, so the first of them has ended all that there
            # were; if not by itself alone.
            is_overtaken=None in (ended if self._of_browser else ended[:1]),
            is_resumed=bool(before),
        )

    def end_unseen(self, environ: "WSGIEnvironment", login: Login) -> None:
        """End one login of a citizen who has too many; tell its participants later.

        They go into the logout retry queue, so the sign-in does not wait for them. If
        that queue has :data:`MOST_LOGINS` logouts of this citizen already, this tells
        them now, and once: those that do not answer keep the session until its limit.
        """
        sessions, own = env.sessions(environ), env.trust(environ).own
        queue, handle = queue_of(environ, self._propagation), new_handle()
        is_kept = len(queue.left_before(handle, [login.who])) < MOST_LOGINS
        if is_kept:
            queue.begin(handle, [login], recipients_of(sessions.participants(login)))
        told = recipients_of(sessions.drop(login) or ())
        if is_kept:
            # If another process was faster, that one tells them.
            self.settle(environ, handle, told, {one: Delivery(one) for one in told})
        else:
            # No later logout would reach them, and it would say "everywhere".
            self._propagation.tell(with_departed(env.trust(environ), sessions), told)
        pseudonym = own.pseudonym(login.who.name_id)
        audit.event("session.ended", pseudonym=pseudonym, reason="too-many")

    def settle(
        self,
        environ: "WSGIEnvironment",
        handle: str,
        own: Sequence[Recipient],
        missed: Mapping[Recipient, Delivery],
    ) -> None:
        """Write down whom of its ``own`` a logout has missed, and why."""
        trust = with_departed(env.trust(environ), env.sessions(environ))
        reasons = {one.whom: came.reason for one, came in missed.items()}
        left = {one: reasons[one.whom] for one in own if one.whom in reasons}
        partial = {one.whom for one in missed if one.is_partial}
        by_browser = {one.whom for one in missed if one.by_browser}
        again = {
            one: why
            for one, why in left.items()
            if one.whom not in partial | by_browser
            and self._propagation.can_be_told(trust, one)
        }
        # Whoever cannot be told by itself is asked about with her next logout.
        held = [
            replace(
                one, is_partial=one.whom in partial, by_browser=one.whom in by_browser
            )
            for one in left
            if one not in again
        ]
        queue = queue_of(environ, self._propagation)
        values = env.values(environ)
        queue.settle(values, handle, own, again, held)
        for came in missed.values():
            if came.is_refusal and came.left is not None:
                queue.note_refusal(values, handle, came.left, came.reason)

    def _left_before(
        self, environ: "WSGIEnvironment", handle: str, whom: Collection[Login | Subject]
    ) -> list[QueuedLogout]:
        """What is left of other logouts of some: she may be logged in there still.

        That is told now, so that "everywhere" is said of them too, or is not said.
        """
        queue = queue_of(environ, self._propagation)
        subjects = {one if isinstance(one, Subject) else one.who for one in whom}
        values, sessions = env.values(environ), env.sessions(environ)
        found = queue.left_before(handle, subjects)
        older = [queue.without_final(values, entry) for entry in found]
        is_digid = env.trust(environ).own.is_digid

        def is_ours(entry: QueuedLogout) -> bool:
            # One whose logins live is under way still, or its process has died: then
            # who is at work ends them. And no session must end that goes on.
            return (
                bool(entry.left)
                and not any(map(sessions.named, entry.logins))
                and not any(
                    queue.may_end_more(entry, number, is_digid=is_digid)
                    for number in entry.left
                )
            )

        return list(filter(is_ours, older))

    def _ending(
        self, sessions: Sessions, whom: Collection[Login | Subject]
    ) -> list[Login]:
        """The logins that end."""
        found: dict[str, Login] = {}
        for one in whom:
            if isinstance(one, Login) and self._of_browser:
                found[one.key] = one
                continue
            who = one if isinstance(one, Subject) else one.who
            found |= {login.key: login for login in sessions.find_all_of(who)}
        return list(found.values())

    def _end_one(
        self, sessions: Sessions, one: Login | Subject
    ) -> list[Participant] | None:
        if isinstance(one, Subject):
            return sessions.end_all_of(one)
        return sessions.drop(one) if self._of_browser else sessions.end_citizen(one)

    def end_everywhere(
        self, environ: "WSGIEnvironment", whom: Login | Subject, reason: str
    ) -> EndingResult:
        """End all sessions of a citizen, whom no participant asks to log out.

        Where another logout has ended them meanwhile, that tells the participants.
        ``reason`` is for the audit log.
        """
        who = whom if isinstance(whom, Subject) else whom.who
        noted = incomplete_logouts.note(environ, [who]) if self._is_below else []
        ending = self.end(environ, [whom])
        if ending.is_known:
            pseudonym = env.trust(environ).own.pseudonym(who.name_id)
            audit.event("session.ended", pseudonym=pseudonym, reason=reason)
        if not ending.missed and not ending.is_overtaken:
            incomplete_logouts.forget(environ, noted)
        return ending

    def end_subjects(
        self,
        environ: "WSGIEnvironment",
        subjects: Collection[Subject],
        above: Collection[str],
        lead: Callable[["EndingResult"], Collection[Recipient]] = lambda _: (),
    ) -> bool:
        """End all sessions of some; whether all whom they concern know it.

        ``above`` names the logins above that have ended: what a logout before this one
        did not reach is not reached now either. ``lead`` says which of those that were
        missed are told in her browser next.
        """
        was_missed = incomplete_logouts.is_noted(environ, above)
        noted = incomplete_logouts.note(environ, subjects)
        ending = self.end(environ, subjects)
        missed = ending.missed
        led = {one.whom for one in lead(ending)} if missed else set()
        self._propagation.note_no_browser(
            env.trust(environ), [one for one in missed if one.whom not in led]
        )
        if missed or was_missed:
            return False
        incomplete_logouts.forget(environ, noted)
        return True

    def is_known(
        self,
        environ: "WSGIEnvironment",
        subjects: Collection[Subject],
        above: Collection[str],
    ) -> bool:
        """Whether all whom it concerns know that some logins above have ended.

        ``above`` names them, and they were those of these ``subjects``.
        """
        sessions = env.sessions(environ)
        alive = (one for who in subjects for one in sessions.find_all_of(who))
        if any(login.session_index in above for login in alive):
            # We did not hear of it then.
            return False
        queue = queue_of(environ, self._propagation)
        return not queue.has_any_of(env.values(environ), subjects)

    # --- what a LogoutRequest names ------------------------------------------------

    def requested_by(
        self,
        environ: "WSGIEnvironment",
        request: messages.LogoutRequest,
        issuer: str,
        address: str,
    ) -> RequestedLogout:
        """What a LogoutRequest names; Refused if it is not good.

        ``address`` is that of ours that it came to.
        """
        own, now = env.trust(environ).own, clock.now()
        check_logout_request(
            request,
            issuer=issuer,
            destination=own.url(address),
            destination_required=address == "slo",
            now=now,
        )
        who = Subject.named(request.name_id, issuer=own.entity_id, audience=issuer)
        return RequestedLogout(who, request.session_indexes, request.id, request.issued)

    def execute(
        self,
        environ: "WSGIEnvironment",
        named: RequestedLogout,
        *,
        known_for: float = KNOWN_FOR,
        by_server: bool = False,
    ) -> LogoutOutcome:
        """End what a request names, and with it all of hers.

        A request that was seen before has the outcome that it had, and ends nothing,
        for as many seconds as it may come again.
        """
        issuer = named.who.audience
        seen = f"logout-request:{issuer}\0{named.request_id}"
        text = self.once(
            environ,
            seen,
            clock.now() + known_for,
            lambda tried: self._ended(
                environ, named, f"begun-{seen}", again=bool(tried), by_server=by_server
            ).to_json(),
            by_server=issuer if by_server else "",
        )
        return LogoutOutcome.from_json(text)

    def found(
        self,
        environ: "WSGIEnvironment",
        named: RequestedLogout,
        *,
        by_server: bool = False,
    ) -> list[Login]:
        """The sessions that a LogoutRequest names, whoever's browser brings it.

        By her name alone: that of the browser, where a logout is of that, and no
        server brings it.
        """
        matched = match(env.sessions(environ), named.who, named.indexes)
        return self._to_end(environ, named, matched, by_server=by_server)

    def _to_end(
        self,
        environ: "WSGIEnvironment",
        named: RequestedLogout,
        matched: Match,
        *,
        by_server: bool,
    ) -> list[Login]:
        """Return the sessions that match and that this request may end."""
        found = [one for one in matched.logins if not one.proven_since(named.since)]
        if self._of_browser and not (named.indexes or by_server):
            here = env.session_to_end(environ)
            return [one for one in found if here and one.name == here.name]
        return found

    def _ended(
        self,
        environ: "WSGIEnvironment",
        named: RequestedLogout,
        begun: str,
        *,
        again: bool,
        by_server: bool,
    ) -> LogoutOutcome:
        """End what a request names that was not seen before, and tell all others.

        Under the name ``begun`` it is kept which logout it is, and of which sessions,
        to go on with it ``again`` where that has failed.
        """
        values, sessions = env.values(environ), env.sessions(environ)
        matched = match(sessions, named.who, named.indexes)
        logins = self._to_end(environ, named, matched, by_server=by_server)
        citizens = {login.who for login in logins}
        keys = [login.key for login in self._ending(sessions, logins)]
        noted = incomplete_logouts.note(environ, citizens) if self._is_below else []
        whose = logins[0].who.label() if logins else ""
        kept = values.get(begun) if again else None
        _note_received(sessions, named, is_known=bool(matched.logins or kept))
        if kept is None:
            handle, until = new_handle(), clock.now() + KNOWN_FOR
            # Before anything ends: after that nobody knows whose it was.
            said = json.dumps([handle, keys, whose])
            values.add(begun, said, until, durable=False)
        else:
            with readable_record():
                handle, keys, whose, *_ = json.loads(kept)
        ending = self.end(
            environ,
            logins,
            handle=handle,
            spare=lambda told: _others(environ, told, named, matched),
        )
        # Her login at the hub above is not known any more where it comes again.
        is_overtaken = ending.is_overtaken or (
            not logins and ending.is_resumed and self._is_below
        )
        if not ending.missed and not is_overtaken:
            incomplete_logouts.forget(environ, noted)
        return ending.outcome()._replace(
            is_overtaken=is_overtaken,
            above=[login.session_index for login in logins if login.session_index],
            ended=keys,
            whose=whose,
        )

    # --- once, and few at a time --------------------------------------------------

    @contextmanager
    def room(
        self, environ: "WSGIEnvironment", message: str = "", *, by_server: str = ""
    ) -> Iterator[None]:
        """Room for a logout that may wait for participants; Busy where there is none.

        It waits a few seconds for its turn, but not behind logouts that hang. Where
        that did not come nothing has happened, and it may be tried again. Of the same
        ``message`` there is room for few in any case. Those from one network have half
        of all, so that nobody has all others wait; so has a member whose server brings
        them (``by_server``, which has been proven), but it has as many at least as a
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
            place = _WAITING.one(
                "", self._at_once, whose, at_least=at_least, patience=_PATIENCE
            )
            with same, place:
                yield
        except Full as full:
            raise Busy(
                f"logouts that wait for participants: {full.taken}, so no slot is"
                " free (one network, or the server of one member, gets half of"
                " the slots). Check for a participant that answers slowly"
                " (logouts_at_once, logout_timeout), or a message that is sent"
                " again and again"
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
        raise Unavailable("the same logout is pending and takes too long")

    def _is_dead(self, mark: str) -> bool:
        age = abs(clock.now() - float(mark.removeprefix(_UNDER_WAY)))
        return age > _TIMES * self._propagation.longest


def new_handle() -> str:
    """What names a logout in the addresses of its pages."""
    return secrets.token_urlsafe(16)


def _note_received(
    sessions: Sessions, named: RequestedLogout, *, is_known: bool
) -> None:
    """Write to the audit log that a LogoutRequest came, and if it named nobody."""
    issuer = named.who.audience
    if is_known:
        audit.event("logout.received", peer=issuer)
        return
    audit.event("logout.received", "failed", peer=issuer, reason=PrincipalUnknown.code)
    note_miss(sessions, named.who, named.indexes)


def _others(
    environ: "WSGIEnvironment",
    participants: Iterable[Participant],
    named: RequestedLogout,
    matched: Match,
) -> list[Participant]:
    """All but the sessions that the participant who asks has ended itself.

    It may know her by more names (a transient one in each browser, say), and has ended
    none but those of the one that it names. Where it has asked for a login after it has
    written that, in another tab of hers, she may be in there again; by its own clock.
    """
    # Names that mean the same may differ in what is left out of them.
    labels = {one.told_label() for one in matched.subjects}
    return [
        participant
        for participant in participants
        if participant.subject.told_label() not in labels
        or (named.indexes and participant.session_index not in named.indexes)
        or asked_at(environ, participant) > named.issued
    ]
