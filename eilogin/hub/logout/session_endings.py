"""End sessions at the hub and notify the participants, without a browser."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from eilogin import audit, clock, metrics
from eilogin.errors import Unavailable
from eilogin.hub.logout.logout_outcomes import EndingResult, LogoutOutcome
from eilogin.hub.logout.logout_propagation import Delivery, Propagation
from eilogin.hub.logout.logout_recipients import Recipient, merged, recipients_of
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
from eilogin.web.limits.slots import DEFAULT_SLOTS
from eilogin.web.visit import Visit

#: Selects the participants that get a LogoutRequest.
TargetFilter = Callable[[list[Participant]], list[Participant]]


class _BegunLogout(NamedTuple):
    """The sessions that a LogoutRequest ends, stored until it has its outcome."""

    handle: str
    #: Keys of the sessions.
    keys: Sequence[str]
    #: The label of the visitor's sessions.
    whose: str


class SessionEndings:
    """Ends sessions and notifies participants, in at most ``at_once`` logouts.

    With ``is_below``, it records incomplete logouts. With ``of_browser``, sessions in
    other browsers go on.
    """

    def __init__(
        self,
        propagation: Propagation,
        *,
        is_below: bool = False,
        at_once: int = DEFAULT_SLOTS,
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
        to_end: Collection[Login | Subject],
        *,
        handle: str = "",
        spare: TargetFilter = list,
    ) -> EndingResult:
        """End the sessions of ``to_end``; notify the participants of ``spare``.

        With ``of_browser``, a login ends alone. A failed logout continues by its
        ``handle``.
        """
        sessions = visit.sessions
        queue = queue_of(visit, self._propagation)
        begun, handle = clock.now(), handle or new_handle()
        logins = self._ending(sessions, to_end)
        known_participants = [
            p for login in logins for p in sessions.participants(login)
        ]
        # Stored first, so that it survives the death of this process.
        resumed = queue.begin(handle, logins, recipients_of(spare(known_participants)))
        participants, is_overtaken = self._end_all(sessions, to_end)
        own = [*recipients_of(spare(participants)), *resumed]
        older = _unfinished_logouts(visit, queue, handle, to_end)
        notified, failures = self._notify(visit, handle, own, older)
        missed = list(failures)
        if notified and not missed:
            metrics.logout_took(clock.now() - begun)
        missed_ids = {recipient.entity_id for recipient in missed}
        return EndingResult(
            handle,
            missed,
            reached=sorted({r.entity_id for r in notified} - missed_ids),
            older=[entry.handle for entry in older if entry.begun < begun],
            is_known=bool(logins or resumed),
            is_overtaken=is_overtaken,
            is_resumed=bool(resumed),
        )

    def _notify(
        self,
        visit: Visit,
        handle: str,
        own: Sequence[Recipient],
        older: Sequence[QueuedLogout],
    ) -> tuple[Sequence[Recipient], Mapping[Recipient, Delivery]]:
        sessions, values = visit.sessions, visit.values
        older_recipients = [
            recipient for entry in older for recipient in entry.pending.values()
        ]
        recipients = merged([*older_recipients, *own])
        trust = with_departed(visit.trust, sessions)
        failures = {
            delivery.missed: delivery
            for delivery in self._propagation.send(trust, recipients)
            if delivery.missed
        }
        queue = queue_of(visit, self._propagation)
        # If it fails, they get one more message.
        with suppress(Unavailable):
            store_missed(visit, self._propagation, handle, own, failures)
            for entry in older:
                queue.confirmed_by_later_logout(values, entry, list(failures))
                queue.refused(values, entry, failures.values())
        return recipients, failures

    def end_unseen(self, visit: Visit, login: Login) -> None:
        """End one of too many sessions of a citizen; the retry queue notifies later.

        If the queue has :data:`MOST_LOGINS` logouts of this citizen, notify once, now.
        """
        sessions, own = visit.sessions, visit.trust.own
        queue, handle = queue_of(visit, self._propagation), new_handle()
        is_queued = len(queue.other_unfinished(handle, [login.who])) < MOST_LOGINS
        if is_queued:
            queue.begin(handle, [login], recipients_of(sessions.participants(login)))
        recipients = recipients_of(sessions.drop(login) or ())
        if is_queued:
            # A faster process notifies them.
            missed = {recipient: Delivery(recipient) for recipient in recipients}
            store_missed(visit, self._propagation, handle, recipients, missed)
        else:
            # No later logout would reach them, and it would report "everywhere".
            self._propagation.send(with_departed(visit.trust, sessions), recipients)
        pseudonym = own.pseudonym(login.who.name_id)
        audit.event("session.ended", pseudonym=pseudonym, reason="too-many")

    def _ending(
        self, sessions: Sessions, to_end: Collection[Login | Subject]
    ) -> list[Login]:
        logins: dict[str, Login] = {}
        for item in to_end:
            if isinstance(item, Login) and self._of_browser:
                logins[item.key] = item
                continue
            subject = item if isinstance(item, Subject) else item.who
            logins |= {login.key: login for login in sessions.find_all_of(subject)}
        return list(logins.values())

    def _end_all(
        self, sessions: Sessions, to_end: Collection[Login | Subject]
    ) -> tuple[list[Participant], bool]:
        ended = [self._end_one(sessions, item) for item in to_end]
        participants = [p for their in ended if their is not None for p in their]
        # All are of one citizen, so the first ended all, unless another logout did.
        return participants, None in (ended if self._of_browser else ended[:1])

    def _end_one(
        self, sessions: Sessions, item: Login | Subject
    ) -> list[Participant] | None:
        if isinstance(item, Subject):
            return sessions.end_all_of(item)
        return sessions.drop(item) if self._of_browser else sessions.end_citizen(item)

    def end_everywhere(
        self, visit: Visit, to_end: Login | Subject, reason: str
    ) -> EndingResult:
        """End all sessions of a citizen without a requester; audit ``reason``."""
        citizen = to_end if isinstance(to_end, Subject) else to_end.who
        noted = self._note_incomplete(visit, [citizen])
        ending = self.end(visit, [to_end])
        if ending.is_known:
            pseudonym = visit.trust.own.pseudonym(citizen.name_id)
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
        led = {recipient.principal for recipient in lead(ending)} if missed else set()
        self._propagation.note_no_browser(
            visit.trust,
            [recipient for recipient in missed if recipient.principal not in led],
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
        if any(
            login.session_index in above
            for subject in subjects
            for login in sessions.find_all_of(subject)
        ):
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
        """End a visitor's sessions, once in ``known_for`` seconds for one request."""
        issuer = named.who.audience
        name = f"logout-request:{issuer}\0{named.request_id}"
        text = self.slots.once(
            visit,
            name,
            clock.now() + known_for,
            lambda tried: self._ended(
                visit, named, f"begun-{name}", again=bool(tried), by_server=by_server
            ).to_json(),
            by_server=issuer if by_server else "",
        )
        return LogoutOutcome.from_json(text)

    def sessions_to_end(
        self,
        visit: Visit,
        named: RequestedLogout,
        *,
        by_server: bool = False,
    ) -> list[Login]:
        """Return the sessions that a LogoutRequest names.

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
        logins = [
            login for login in matched.logins if not login.proven_since(named.since)
        ]
        if self._of_browser and not (named.indexes or by_server):
            own_login = visit.session_to_end()
            return [
                login for login in logins if own_login and login.name == own_login.name
            ]
        return logins

    def _ended(
        self,
        visit: Visit,
        named: RequestedLogout,
        begun: str,
        *,
        again: bool,
        by_server: bool,
    ) -> LogoutOutcome:
        values, sessions = visit.values, visit.sessions
        matched = match(sessions, named.who, named.indexes)
        logins = self._to_end(visit, named, matched, by_server=by_server)
        keys = [login.key for login in self._ending(sessions, logins)]
        noted = self._note_incomplete(visit, {login.who for login in logins})
        whose = logins[0].who.label() if logins else ""
        stored = values.get(begun) if again else None
        note_received(sessions, named, is_known=bool(matched.logins or stored))
        logout = _begin(values, begun, stored, keys, whose)
        ending = self.end(
            visit,
            logins,
            handle=logout.handle,
            spare=lambda participants: not_ended_by_requester(
                visit, participants, named, matched
            ),
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
            ended=logout.keys,
            whose=logout.whose,
        )


def _begin(
    values: Values, begun: str, stored: str | None, keys: Sequence[str], whose: str
) -> _BegunLogout:
    if stored is not None:
        with readable_record():
            handle, keys, whose, *_ = json.loads(stored)
            return _BegunLogout(handle, keys, whose)
    logout = _BegunLogout(new_handle(), keys, whose)
    # Stored first: later, nobody knows whose it was.
    until = clock.now() + KNOWN_FOR
    values.add(begun, json.dumps(logout), until, durable=False)
    return logout


def _unfinished_logouts(
    visit: Visit,
    queue: RetryQueue,
    handle: str,
    to_end: Collection[Login | Subject],
) -> list[QueuedLogout]:
    # "Everywhere" would not be true without these logouts.
    subjects = {item if isinstance(item, Subject) else item.who for item in to_end}
    values, sessions = visit.values, visit.sessions
    entries = queue.other_unfinished(handle, subjects)
    older = [queue.without_final(values, entry) for entry in entries]
    has_index = visit.trust.own.profile.has_session_index

    def is_ours(entry: QueuedLogout) -> bool:
        # With living sessions, its process works or another ends them. And no message
        # may end a session that goes on.
        return (
            bool(entry.pending)
            and not any(map(sessions.named, entry.logins))
            and not any(
                queue.may_end_more(entry, number, has_index=has_index)
                for number in entry.pending
            )
        )

    return list(filter(is_ours, older))


def _above(logins: Iterable[Login]) -> list[str]:
    return [login.session_index for login in logins if login.session_index]
