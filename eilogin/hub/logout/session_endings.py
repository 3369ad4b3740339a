"""End sessions at the hub and notify the participants, without a browser or a page.

A LogoutRequest ends the sessions that it names, and with them all others of that
visitor. The other participants are notified over SOAP
(:mod:`eilogin.hub.logout.logout_propagation`). The result is a :class:`LogoutOutcome`,
with which :mod:`eilogin.hub.logout.single_logout` continues.
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

#: How often to check whether the same logout is done elsewhere, in seconds.
_LOOK_AGAIN = 0.1
#: How many requests with the same message have threads here: one that executes it, and
#: one that waits for the result.
_WITH_THE_SAME = 2
#: A pending logout without a result after so many times its longest duration is dead:
#: its process was killed.
_TIMES = 2
#: The prefix of the mark of a pending logout; its instant follows. No outcome, which is
#: JSON, begins so.
_UNDER_WAY = "@"
#: The number of parts of a stored outcome after the first three.
_MORE = 7
#: The mark of a logout that failed.
_FAILED = f"{_UNDER_WAY}0"

#: How many seconds a logout waits for a free slot.
_PATIENCE = 5.0
#: The slots of logouts that wait for participants, by message, and of all ("").
_WAITING = Slots()

DONE = messages.Status()
PARTLY = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))
#: No session matches the request, so nobody can be reported as logged out.
UNKNOWN = messages.Status((messages.RESPONDER, messages.UNKNOWN_PRINCIPAL))


class LogoutOutcome(NamedTuple):
    """The outcome of a LogoutRequest."""

    #: Whether the request matched a session.
    is_known: bool
    #: The name of the logout in the addresses of its pages, if it has any.
    handle: str
    #: The recipients that SOAP did not reach.
    missed: Sequence[Recipient]
    #: Whether another logout ended it first, which knows the missed recipients.
    is_overtaken: bool = False
    #: Names of the logins at the hub above.
    above: Sequence[str] = ()
    #: Keys of the visitor's sessions that it ended, in whatever browsers.
    ended: Sequence[str] = ()
    #: The value of the cookie by which the visitor's browser is known afterwards.
    proof: str = ""
    #: The entityIDs of participants that confirmed it.
    reached: Sequence[str] = ()
    #: The label of the visitor's sessions.
    whose: str = ""
    #: Handles of the visitor's earlier logouts that had not reached all.
    older: Sequence[str] = ()

    def to_json(self) -> str:
        """Return JSON text for the store."""
        missed = [told.as_json() for told in self.missed]
        return json.dumps([self.is_known, self.handle, missed, *self[3:]])

    @classmethod
    def from_json(cls, text: str) -> "LogoutOutcome":
        """Read the result of :meth:`to_json`; raise MessageUnexpected if it is none."""
        with readable_record():
            is_known, handle, missed, *rest = json.loads(text)
            told = [Recipient.from_json(one) for one in missed]
            return cls(is_known, handle, told, *rest[:_MORE])

    @property
    def status(self) -> messages.Status:
        """The status for the LogoutResponse (SAML core 3.7.3.2)."""
        if not self.is_known:
            return UNKNOWN
        return PARTLY if self.missed or self.is_overtaken else DONE


class EndingResult(NamedTuple):
    """The result of ending sessions."""

    #: The handle of the logout.
    handle: str
    #: The recipients that SOAP did not reach.
    missed: Sequence[Recipient]
    #: The entityIDs of participants that confirmed it.
    reached: Sequence[str]
    #: Handles of the visitor's earlier logouts that had not reached all.
    older: Sequence[str]
    #: Whether there was a session to end, or an earlier attempt to continue.
    is_known: bool
    #: Whether another logout ended the sessions first.
    is_overtaken: bool
    #: Whether it continued an earlier attempt.
    is_resumed: bool

    def outcome(self) -> LogoutOutcome:
        """Return the same as an outcome, without the visitor's label."""
        return LogoutOutcome(
            self.is_known,
            self.handle,
            self.missed,
            self.is_overtaken,
            proof=new_proof(),
            reached=self.reached,
            older=self.older,
        )


#: Selects the participants that need a LogoutRequest.
TargetFilter = Callable[[list[Participant]], list[Participant]]


class RequestedLogout(NamedTuple):
    """The content of a LogoutRequest that selects sessions."""

    #: The visitor, as the requester knows them.
    who: Subject
    #: The SessionIndexes of their sessions there; all sessions if it is empty.
    indexes: Sequence[str]
    request_id: str
    #: When it was written, by the requester's clock.
    issued: float
    #: Sessions with a later sign-in go on: the hub executes the request later than it
    #: came, and nobody confirmed it since.
    since: float = inf

    @classmethod
    def from_parts(cls, who: Mapping[str, object], *rest: Any) -> "RequestedLogout":
        """Return the value with these :meth:`parts`."""
        indexes, request_id, issued, *_ = rest
        return cls(Subject.from_parts(who), indexes, request_id, float(issued))

    def parts(self) -> list[Any]:
        """Return its parts for JSON."""
        return [self.who.as_json(), *self[1:4]]


class SessionEndings:
    """Ends sessions and notifies participants, ``at_once`` so many logouts at most.

    A hub that ``is_below`` another one notes ended sessions until all participants
    know. If a logout is ``of_browser`` alone, the visitor's sessions in other browsers
    go on.
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
        """End all sessions of these, and notify participants that ``spare`` selects.

        If a logout is of one browser, a login ends alone. A logout that failed under
        this ``handle`` continues with the participants that are left.
        """
        sessions = env.sessions(environ)
        queue = queue_of(environ, self._propagation)
        begun, handle = clock.now(), handle or new_handle()
        logins = self._ending(sessions, whom)
        known = [one for login in logins for one in sessions.participants(login)]
        # Stored before a session ends, so that it survives the death of this process.
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
        # Otherwise they get one more message, which does no harm.
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
            # All are of one citizen, so the first has ended all sessions there were,
            # unless another logout did.
            is_overtaken=None in (ended if self._of_browser else ended[:1]),
            is_resumed=bool(before),
        )

    def end_unseen(self, environ: "WSGIEnvironment", login: Login) -> None:
        """End one login of a citizen who has too many; notify its participants later.

        They go into the logout retry queue, so the sign-in does not wait for them. If
        that queue has :data:`MOST_LOGINS` logouts of this citizen already, this
        notifies them now, and once: those that do not answer keep the session until its
        limit.
        """
        sessions, own = env.sessions(environ), env.trust(environ).own
        queue, handle = queue_of(environ, self._propagation), new_handle()
        is_kept = len(queue.left_before(handle, [login.who])) < MOST_LOGINS
        if is_kept:
            queue.begin(handle, [login], recipients_of(sessions.participants(login)))
        told = recipients_of(sessions.drop(login) or ())
        if is_kept:
            # If another process was faster, that one notifies them.
            self.settle(environ, handle, told, {one: Delivery(one) for one in told})
        else:
            # No later logout would reach them, and it would report "everywhere".
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
        """Store the recipients of a logout that were missed, and why.

        ``own`` are the recipients of this logout alone, ``missed`` those of all.
        """
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
        # Recipients that cannot be retried are held for the visitor's next logout.
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
        """Return unfinished logouts of these visitors, to notify their participants.

        The visitors may still be signed in there. Then the result "everywhere" would
        not be true.
        """
        queue = queue_of(environ, self._propagation)
        subjects = {one if isinstance(one, Subject) else one.who for one in whom}
        values, sessions = env.values(environ), env.sessions(environ)
        found = queue.left_before(handle, subjects)
        older = [queue.without_final(values, entry) for entry in found]
        is_digid = env.trust(environ).own.is_digid

        def is_ours(entry: QueuedLogout) -> bool:
            # If its sessions are alive, its process still works or has died; another
            # process ends them. And no message may end a session that goes on.
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
        """Return the logins that end."""
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
        """End all sessions of a citizen, without a request of a participant.

        If another logout has ended them first, that one notifies the participants.
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
        """End all sessions of these subjects; return whether all participants know.

        ``above`` names the logins above that have ended; an earlier logout may have
        missed participants of them. ``lead`` selects the missed recipients that the
        browser notifies next.
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
        """Whether all participants know that these logins above have ended.

        ``above`` names the logins of these ``subjects``.
        """
        sessions = env.sessions(environ)
        alive = (one for who in subjects for one in sessions.find_all_of(who))
        if any(login.session_index in above for login in alive):
            # The hub did not learn of it at that time.
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
        """Return the content of a LogoutRequest; raise Refused if it is not valid.

        ``address`` is the name of our address that it came to.
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
        """End the sessions that a request names, and all others of the visitor.

        For ``known_for`` seconds, a repeated request gets the same outcome and ends
        nothing.
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
        """Return the sessions that a LogoutRequest names, in whatever browsers.

        If logouts are of one browser, a request without a SessionIndex selects the
        session of this browser only, unless a server sends it.
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
        """End the sessions of a new request, and notify all other participants.

        The store keeps the handle and the sessions under the name ``begun``, to
        continue if this fails and the request comes ``again``.
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
            # Stored before a session ends: after that, nobody knows whose it was.
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
        # The second time, the visitor's login at the hub above is unknown.
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
        """Hold a slot for a logout that waits for participants; Busy if none is free.

        It waits a few seconds for a slot. After Busy nothing has happened, and the
        request may come again. A single ``message`` gets few slots in any case. One
        network gets half of all slots, so that nobody blocks all others. So does a
        member whose server sends the requests (``by_server``, which is authenticated).
        But a member gets at least as many slots as a participant uses at once: its
        requests are of all its visitors, and it shares them among networks itself.
        """
        if by_server:
            whose, at_least = f"soap {by_server}", USUAL
        else:
            whose, at_least = network_here(environ), 1
        try:
            same = _WAITING.one(message, _WITH_THE_SAME) if message else nullcontext()
            # A request that waits for another one has a slot too: it holds a thread as
            # well.
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
        """Return the result of a message that is executed once, named ``seen``.

        A repeated message gets the first result, even if that is still pending. If the
        first attempt failed, this one executes the message. ``execute`` gets the mark
        of the attempt that failed ("" for none): nobody knows which sessions that one
        ended.
        """
        values = env.values(environ)
        with self.room(environ, seen, by_server=by_server):
            mark = f"{_UNDER_WAY}{clock.now()}"
            before = self._come_of(values, seen, mark, until)
            if before and not before.startswith(_UNDER_WAY):
                return before
            # If the store does not answer, the mark expires, which has the same effect.
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
        """Return the earlier result of a message.

        The caller has to execute it if that is "", or the mark of a failed attempt.
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
    """Make the name of a logout for the addresses of its pages."""
    return secrets.token_urlsafe(16)


def _note_received(
    sessions: Sessions, named: RequestedLogout, *, is_known: bool
) -> None:
    """Write a received LogoutRequest to the audit log, and whether it matched."""
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
    """Return all participants except the sessions that the requester ended itself.

    The requester may know the visitor by several NameIDs (such as a transient one in
    each browser), and has ended only the sessions of the one in its request. If it sent
    an AuthnRequest after it wrote the LogoutRequest, in another tab, the visitor may be
    signed in there again; both instants are by its own clock.
    """
    # NameIDs that mean the same may differ in the parts that they leave out.
    labels = {one.told_label() for one in matched.subjects}
    return [
        participant
        for participant in participants
        if participant.subject.told_label() not in labels
        or (named.indexes and participant.session_index not in named.indexes)
        or asked_at(environ, participant) > named.issued
    ]
