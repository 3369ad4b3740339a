"""End sessions at the hub and notify the participants, without a browser."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from eilogin import audit, clock, metrics
from eilogin.errors import Unavailable
from eilogin.hub.logout.logout_outcomes import EndingResult, LogoutOutcome
from eilogin.hub.logout.logout_propagation import (
    Delivery,
    Propagation,
    Recipient,
    merged,
    recipients_of,
)
from eilogin.hub.logout.logout_record_reading import readable_record
from eilogin.hub.logout.logout_slots import LogoutSlots
from eilogin.hub.logout.requested_logouts import (
    RequestedLogout,
    not_ended_by_requester,
    note_received,
)
from eilogin.hub.logout.retry_queue import incomplete_logouts
from eilogin.hub.logout.retry_queue.departed_participants import with_departed
from eilogin.hub.logout.retry_queue.hub_logout_queue import (
    QueuedLogout,
    RetryQueue,
    new_handle,
    queue_of,
)
from eilogin.hub.logout.retry_queue.missed_recipients import store_missed
from eilogin.hub.participants.name_id_matching import MatchedSessions, match
from eilogin.saml.message_checks import KNOWN_FOR
from eilogin.sessions import MOST_LOGINS, Login, Participant, Sessions, Subject
from eilogin.stores import Values
from eilogin.web.limits.slots import USUAL
from eilogin.web.visit import Visit

#: Selects participants for a LogoutRequest.
TargetFilter = Callable[[list[Participant]], list[Participant]]


class SessionEndings:
    """Ends sessions and notifies participants, in at most ``at_once`` logouts.

    With ``is_below``, it notes incomplete logouts. With ``of_browser``, sessions in
    other browsers go on.
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
        self.slots = LogoutSlots(at_once, propagation.longest)
        self._of_browser = of_browser

    # --- end sessions -------------------------------------------------------------

    def end(
        self,
        visit: Visit,
        whom: Collection[Login | Subject],
        *,
        handle: str = "",
        spare: TargetFilter = list,
    ) -> EndingResult:
        """End all sessions of these, and notify participants that ``spare`` selects.

        With ``of_browser``, a login ends alone. A failed logout continues by its
        ``handle``.
        """
        sessions = visit.sessions
        queue = queue_of(visit, self._propagation)
        begun, handle = clock.now(), handle or new_handle()
        logins = self._ending(sessions, whom)
        known = [one for login in logins for one in sessions.participants(login)]
        # Stored first, so that it survives the death of this process.
        before = queue.begin(handle, logins, recipients_of(spare(known)))
        participants, is_overtaken = self._end_all(sessions, whom)
        own = [*recipients_of(spare(participants)), *before]
        older = _left_before(visit, queue, handle, whom)
        told, came = self._notify(visit, handle, own, older)
        missed = list(came)
        if told and not missed:
            metrics.logout_took(clock.now() - begun)
        away = {one.entity_id for one in missed}
        return EndingResult(
            handle,
            missed,
            reached=sorted({one.entity_id for one in told} - away),
            older=[entry.handle for entry in older if entry.begun < begun],
            is_known=bool(logins or before),
            is_overtaken=is_overtaken,
            is_resumed=bool(before),
        )

    def _notify(
        self,
        visit: Visit,
        handle: str,
        own: Sequence[Recipient],
        older: Sequence[QueuedLogout],
    ) -> tuple[Sequence[Recipient], Mapping[Recipient, Delivery]]:
        """Notify for this and ``older`` logouts; return recipients and failures."""
        sessions, values = visit.sessions, visit.values
        left = [one for entry in older for one in entry.left.values()]
        told = merged([*left, *own])
        trust = with_departed(visit.trust, sessions)
        came = {
            one.left: one for one in self._propagation.tell(trust, told) if one.left
        }
        queue = queue_of(visit, self._propagation)
        # If it fails, they get one more message.
        with suppress(Unavailable):
            store_missed(visit, self._propagation, handle, own, came)
            for entry in older:
                queue.confirmed_by_later_logout(values, entry, list(came))
                queue.refused(values, entry, came.values())
        return told, came

    def end_unseen(self, visit: Visit, login: Login) -> None:
        """End one login of a citizen who has too many; the retry queue notifies later.

        If the queue has :data:`MOST_LOGINS` logouts of this citizen, notify once, now:
        participants that miss it keep the session until its limit.
        """
        sessions, own = visit.sessions, visit.trust.own
        queue, handle = queue_of(visit, self._propagation), new_handle()
        is_kept = len(queue.left_before(handle, [login.who])) < MOST_LOGINS
        if is_kept:
            queue.begin(handle, [login], recipients_of(sessions.participants(login)))
        told = recipients_of(sessions.drop(login) or ())
        if is_kept:
            # A faster process notifies them.
            missed = {one: Delivery(one) for one in told}
            store_missed(visit, self._propagation, handle, told, missed)
        else:
            # No later logout would reach them, and it would report "everywhere".
            self._propagation.tell(with_departed(visit.trust, sessions), told)
        pseudonym = own.pseudonym(login.who.name_id)
        audit.event("session.ended", pseudonym=pseudonym, reason="too-many")

    def _ending(
        self, sessions: Sessions, whom: Collection[Login | Subject]
    ) -> list[Login]:
        found: dict[str, Login] = {}
        for one in whom:
            if isinstance(one, Login) and self._of_browser:
                found[one.key] = one
                continue
            who = one if isinstance(one, Subject) else one.who
            found |= {login.key: login for login in sessions.find_all_of(who)}
        return list(found.values())

    def _end_all(
        self, sessions: Sessions, whom: Collection[Login | Subject]
    ) -> tuple[list[Participant], bool]:
        """End the sessions; return their participants, and whether it was too late."""
        ended = [self._end_one(sessions, one) for one in whom]
        participants = [one for told in ended if told is not None for one in told]
        # All are of one citizen, so the first ended all, unless another logout did.
        return participants, None in (ended if self._of_browser else ended[:1])

    def _end_one(
        self, sessions: Sessions, one: Login | Subject
    ) -> list[Participant] | None:
        if isinstance(one, Subject):
            return sessions.end_all_of(one)
        return sessions.drop(one) if self._of_browser else sessions.end_citizen(one)

    def end_everywhere(
        self, visit: Visit, whom: Login | Subject, reason: str
    ) -> EndingResult:
        """End all sessions of a citizen without a requester; audit ``reason``."""
        who = whom if isinstance(whom, Subject) else whom.who
        noted = self._note_incomplete(visit, [who])
        ending = self.end(visit, [whom])
        if ending.is_known:
            pseudonym = visit.trust.own.pseudonym(who.name_id)
            audit.event("session.ended", pseudonym=pseudonym, reason=reason)
        if not ending.missed and not ending.is_overtaken:
            incomplete_logouts.forget(visit, noted)
        return ending

    def _note_incomplete(
        self, visit: Visit, citizens: Collection[Subject]
    ) -> list[str]:
        return incomplete_logouts.note(visit, citizens) if self._is_below else []

    def end_subjects(
        self,
        visit: Visit,
        subjects: Collection[Subject],
        above: Collection[str],
        lead: Callable[["EndingResult"], Collection[Recipient]] = lambda _: (),
    ) -> bool:
        """End all sessions of these subjects; return whether all confirmed.

        An earlier logout may have missed participants of the logins ``above``. ``lead``
        selects recipients for the browser.
        """
        was_missed = incomplete_logouts.is_noted(visit, above)
        noted = incomplete_logouts.note(visit, subjects)
        ending = self.end(visit, subjects)
        missed = ending.missed
        led = {one.whom for one in lead(ending)} if missed else set()
        self._propagation.note_no_browser(
            visit.trust, [one for one in missed if one.whom not in led]
        )
        if missed or was_missed:
            return False
        incomplete_logouts.forget(visit, noted)
        return True

    def is_known(
        self,
        visit: Visit,
        subjects: Collection[Subject],
        above: Collection[str],
    ) -> bool:
        """Whether all participants know that these logins ``above`` have ended."""
        sessions = visit.sessions
        alive = (one for who in subjects for one in sessions.find_all_of(who))
        if any(login.session_index in above for login in alive):
            # The hub did not learn of it then.
            return False
        queue = queue_of(visit, self._propagation)
        return not queue.has_any_of(visit.values, subjects)

    # --- answer a LogoutRequest ----------------------------------------------------

    def execute(
        self,
        visit: Visit,
        named: RequestedLogout,
        *,
        known_for: float = KNOWN_FOR,
        by_server: bool = False,
    ) -> LogoutOutcome:
        """End a visitor's sessions for a request, once in ``known_for`` seconds."""
        issuer = named.who.audience
        seen = f"logout-request:{issuer}\0{named.request_id}"
        text = self.slots.once(
            visit,
            seen,
            clock.now() + known_for,
            lambda tried: self._ended(
                visit, named, f"begun-{seen}", again=bool(tried), by_server=by_server
            ).to_json(),
            by_server=issuer if by_server else "",
        )
        return LogoutOutcome.from_json(text)

    def found(
        self,
        visit: Visit,
        named: RequestedLogout,
        *,
        by_server: bool = False,
    ) -> list[Login]:
        """Return the sessions that a LogoutRequest names, in any browser.

        With ``of_browser`` but no SessionIndex, only this browser's, unless a server
        sends it.
        """
        matched = match(visit.sessions, named.who, named.indexes)
        return self._to_end(visit, named, matched, by_server=by_server)

    def _to_end(
        self,
        visit: Visit,
        named: RequestedLogout,
        matched: MatchedSessions,
        *,
        by_server: bool,
    ) -> list[Login]:
        found = [one for one in matched.logins if not one.proven_since(named.since)]
        if self._of_browser and not (named.indexes or by_server):
            here = visit.session_to_end()
            return [one for one in found if here and one.name == here.name]
        return found

    def _ended(
        self,
        visit: Visit,
        named: RequestedLogout,
        begun: str,
        *,
        again: bool,
        by_server: bool,
    ) -> LogoutOutcome:
        """End the sessions of a new request; store them as ``begun``."""
        values, sessions = visit.values, visit.sessions
        matched = match(sessions, named.who, named.indexes)
        logins = self._to_end(visit, named, matched, by_server=by_server)
        keys = [login.key for login in self._ending(sessions, logins)]
        noted = self._note_incomplete(visit, {login.who for login in logins})
        whose = logins[0].who.label() if logins else ""
        kept = values.get(begun) if again else None
        note_received(sessions, named, is_known=bool(matched.logins or kept))
        handle, keys, whose = _begin(values, begun, kept, keys, whose)
        ending = self.end(
            visit,
            logins,
            handle=handle,
            spare=lambda told: not_ended_by_requester(visit, told, named, matched),
        )
        # The visitor's login above is unknown the second time.
        is_overtaken = ending.is_overtaken or (
            not logins and ending.is_resumed and self._is_below
        )
        if not ending.missed and not is_overtaken:
            incomplete_logouts.forget(visit, noted)
        return ending.outcome()._replace(
            is_overtaken=is_overtaken,
            above=_above(logins),
            ended=keys,
            whose=whose,
        )


def _begin(
    values: Values, begun: str, kept: str | None, keys: list[str], whose: str
) -> tuple[str, list[str], str]:
    """Return handle, session keys and label of a new logout, or of one ``kept``."""
    if kept is None:
        handle, until = new_handle(), clock.now() + KNOWN_FOR
        # Stored first: later, nobody knows whose it was.
        said = json.dumps([handle, keys, whose])
        values.add(begun, said, until, durable=False)
    else:
        with readable_record():
            handle, keys, whose, *_ = json.loads(kept)
    return handle, keys, whose


def _left_before(
    visit: Visit,
    queue: RetryQueue,
    handle: str,
    whom: Collection[Login | Subject],
) -> list[QueuedLogout]:
    """Return unfinished logouts: "everywhere" would not be true without them."""
    subjects = {one if isinstance(one, Subject) else one.who for one in whom}
    values, sessions = visit.values, visit.sessions
    found = queue.left_before(handle, subjects)
    older = [queue.without_final(values, entry) for entry in found]
    has_index = visit.trust.own.profile.has_session_index

    def is_ours(entry: QueuedLogout) -> bool:
        # With living sessions, its process works or another ends them. And no message
        # may end a session that goes on.
        return (
            bool(entry.left)
            and not any(map(sessions.named, entry.logins))
            and not any(
                queue.may_end_more(entry, number, has_index=has_index)
                for number in entry.left
            )
        )

    return list(filter(is_ours, older))


def _above(logins: Iterable[Login]) -> list[str]:
    return [login.session_index for login in logins if login.session_index]
