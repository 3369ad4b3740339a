"""Background work of a hub: retry logouts, end expired sessions, serve operators.

The command ``eilogin work`` does it, and a thread of each process. The first one that
claims a logout delivers it (``hub_logout_queue``).
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from eilogin import audit, clock, metrics
from eilogin.errors import EiloginError
from eilogin.federation import Membership, Trust
from eilogin.federation.refresh.refresh_schedule import TrustUpdate
from eilogin.hub.logout.logout_propagation import Delivery, Propagation
from eilogin.hub.logout.logout_recipients import Recipient, recipients_of
from eilogin.hub.logout.retry_queue.departed_participants import (
    DepartedParticipants,
    is_participant,
    newly_departed,
    with_departed,
)
from eilogin.hub.logout.retry_queue.hub_logout_queue import (
    QueuedLogout,
    RetryQueue,
    queue_of,
)
from eilogin.hub.logout.retry_queue.participant_removal import (
    ParticipantRemoval,
    RemovalCounts,
)
from eilogin.hub.logout.session_endings import SessionEndings
from eilogin.hub.participant_certificates import ParticipantCertificates
from eilogin.hub.participants.name_ids import NameIDs, citizen_here
from eilogin.saml.metadata import EntityDescriptor
from eilogin.sessions import Participant, Sessions, Subject
from eilogin.stores import logout_reserve
from eilogin.web import environ as env
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")

#: Seconds between two rounds.
EVERY = 5.0
#: Seconds before this process retries an entry that it cannot fully deliver: another
#: may have newer metadata.
_BEHIND = 2 * EVERY
#: Seconds before its limit that a session ends, plus the time to notify all: a round
#: may be late, and the store forgets a session at its limit.
_EARLY = 10.0
#: Limits of that: seconds, and a share of ``max_session``.
_EARLIEST, _SHARE_OF_IT = 60.0, 0.25
#: The share of that time to notify all, before the next sessions end.
_TELLING = 0.8
#: Messages to one participant in a round.
_MOST_MESSAGES = 50

_Results = Mapping[Recipient, Delivery]


class EndedSessions(NamedTuple):
    """The result of an operator ending the sessions of a person."""

    sessions: int
    #: entityIDs of the participants that confirmed.
    reached: Sequence[str]
    #: entityIDs to retry, and those out of reach.
    waiting: Sequence[str]
    unreachable: Sequence[str]
    #: Whether the hub above knows, if there is one.
    is_above_notified: bool


class HubJobs:
    """A hub without a visitor; ``id_of`` returns a citizen's id by username, or ""."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of one hub
        self,
        trust: Trust,
        sessions: Sessions,
        endings: SessionEndings,
        propagation: Propagation,
        names: NameIDs,
        id_of: Callable[[str], str],
    ) -> None:
        self._names = names
        self._id_of = id_of
        self.trust = trust
        self.sessions = sessions
        self.endings = endings
        self._propagation = propagation
        self._departed: list[EntityDescriptor] = []
        self._older: Membership | None = None
        self._lock = threading.Lock()
        if self.trust.watch is not None:
            self.trust.watch.subscribe(self._swap)
        self.certificates = ParticipantCertificates(lambda: self.trust)
        self._due_at: dict[str, float] = {}
        #: entityIDs that were unavailable in the last round.
        self._unavailable: set[str] = set()

    @property
    def _visit(self) -> Visit:
        return Visit.without_request(self.trust, self.sessions)

    @property
    def _trust_with_departed(self) -> Trust:
        return with_departed(self.trust, self.sessions)

    # --- change members -------------------------------------------------------------

    def follow(self, trust: Trust) -> None:
        """Use other members from now on; notify those that left."""
        with self._lock:
            before = self.trust.federation
            # An older request has the older members.
            if trust.federation in {before, self._older}:
                return
            self._older, self.trust = before, trust
            self._departed += newly_departed(before, trust.federation)
        with noted_failure("recording the departed members failed"):
            self._record_departed()

    def _swap(self, _: Membership, update: TrustUpdate) -> None:
        self.follow(replace(self.trust, **update._asdict()))

    def _record_departed(self) -> None:
        with self._lock:
            while self._departed:
                entity = self._departed[0]
                if self._departures.note(entity):
                    _log.warning(
                        "%s is not a member of the federation any more; the hub"
                        " notifies it by its last metadata to end its sessions",
                        entity.entity_id,
                    )
                self._departed.pop(0)

    @property
    def _departures(self) -> DepartedParticipants:
        return DepartedParticipants(self.sessions, self.trust.own.entity_id)

    def end_at_departed(self) -> None:
        """Notify former members to end their sessions. Raises StoreUnavailable."""
        self._record_departed()
        departures = self._departures
        for departure in departures.all():
            entity_id = departure.entity.entity_id
            # It may be a member again, or still for this process.
            is_out = not is_participant(self.trust.federation, entity_id)
            if is_out and departure.is_due and departures.take_up(departure):
                removal = ParticipantRemoval(
                    self._visit, self._propagation, entity_id, "removed"
                )
                counts = Counter[str]()
                for removed in removal.end(removal.find()):
                    counts.update(removed._asdict())
                departures.done(departure)
                if counts:
                    _log.warning(
                        "%s has left the federation; sessions there: %d, confirmed as"
                        " ended: %d, to retry: %d, out of reach: %d",
                        entity_id,
                        *(counts[of] for of in RemovalCounts._fields),
                    )

    @property
    def undelivered(self) -> RetryQueue:
        """The logout retry queue."""
        return queue_of(self._visit, self._propagation)

    # --- serve an operator --------------------------------------------------------

    def called(self, name: str) -> set[Subject]:
        """Find persons by a username here, or a NameID of a live session."""
        hub = self.trust.own.entity_id
        citizen_id = self._id_of(name)
        if citizen_id:
            return {citizen_here(hub, citizen_id)}
        return {
            login.who
            for member in self.trust.federation.entities
            for subject in self._names.any_of(hub, member.entity_id, name)
            for login in self.sessions.find_with_participant(subject)
        }

    def end(self, subject: Subject, above: env.LogoutService | None) -> EndedSessions:
        """End a person's sessions, ``above`` too; may raise StoreUnavailable."""
        logins = self.sessions.find_all_of(subject)
        names = [login.session_index for login in logins if login.session_index]
        with logout_reserve.for_logout():
            ending = self.endings.end_everywhere(self._visit, subject, "operator")
        can_reach = partial(self._propagation.can_reach, self._trust_with_departed)
        missed = {recipient.entity_id for recipient in ending.missed}
        waiting = {r.entity_id for r in ending.missed if can_reach(r)}
        self._propagation.note_no_browser(self.trust, ending.missed)
        return EndedSessions(
            len(logins),
            ending.reached,
            sorted(waiting),
            sorted(missed - waiting),
            above is None or above.end(names),
        )

    def removal(self, entity_id: str) -> ParticipantRemoval:
        """Return the job that ends all sessions at a participant, or UnknownPeer."""
        return ParticipantRemoval(self._visit, self._propagation, entity_id)

    # --- do the work that is due --------------------------------------------------

    @property
    def soon(self) -> float:
        """How many seconds before its limit a session ends at the soonest."""
        most = min(_EARLIEST, self.sessions.max_session * _SHARE_OF_IT)
        return min(self._propagation.longest_retry + _EARLY, most)

    def work(self) -> int:
        """Do all due work; return how many were delivered. Raises StoreUnavailable."""
        with logout_reserve.for_logout():
            self.end_at_departed()
            self.end_expired_sessions()
            return self.retry_logouts()

    def end_expired_sessions(self) -> None:
        """End sessions shortly before their limit; notify participants once.

        Their limit is the same (SessionNotOnOrAfter), so a retry would come too late.
        """
        own, ended = self.trust.own, list[Participant]()
        for login in self.sessions.find_ending(own.entity_id, clock.now() + self.soon):
            participants = self.sessions.drop(login)
            if participants is not None:
                ended += participants
                pseudonym = own.pseudonym(login.subject)
                audit.event("session.ended", pseudonym=pseudonym, reason="limit")
        # Many sessions may be at their limit at once: each has its own time.
        recipients, longest = self._of_ended(ended), self.soon * _TELLING
        trust = self._trust_with_departed
        results = self._propagation.retry(trust, recipients, longest)
        missed = [it.missed for it in results.values() if it.missed is not None]
        self._propagation.note_no_browser(trust, missed)

    def _of_ended(self, participants: Iterable[Participant]) -> list[Recipient]:
        recipients = recipients_of(participants)
        if self.trust.own.profile.has_session_index:
            return recipients
        # It names no session, so it would end all of them (DigiD 3.2).
        return [r for r in recipients if not self.sessions.is_in(r.subject)]

    def retry_logouts(self) -> int:
        """Retry the due logouts; return how many were delivered."""
        queue = self.undelivered
        claimed = self._claim_due(queue)
        entries = [self._still_to_send(queue, entry) for entry in claimed]
        recipients = [r for entry in entries for r in entry.pending.values()]
        # Another process, or this one after a restart, may reach them.
        trust = self._trust_with_departed
        routes, results = self._propagation.look_up(trust, recipients)
        to_send, counts = list[Recipient](), Counter[str]()
        for recipient in (r for r in recipients if r not in results):
            counts[recipient.entity_id] += 1
            if counts[recipient.entity_id] <= self._share(recipient.entity_id):
                to_send.append(recipient)
        results |= self._propagation.retry(trust, to_send, routes=routes)
        self._unavailable = {r.entity_id for r, it in results.items() if it.is_away}
        for entry in entries:
            self._record_results(queue, entry, results)
        return sum(map(_needs_no_retry, results.values()))

    def _share(self, entity_id: str) -> int:
        return 1 if entity_id in self._unavailable else _MOST_MESSAGES

    def _claim_due(self, queue: RetryQueue) -> list[QueuedLogout]:
        """Claim due entries, the oldest first; a long queue must not delay others."""
        counts, claimed = Counter[str](), list[QueuedLogout]()
        for _, entry in sorted(self._due(queue), key=itemgetter(0)):
            entity_ids = {recipient.entity_id for recipient in entry.pending.values()}
            has_room = any(counts[name] < self._share(name) for name in entity_ids)
            # An entry without recipients still has to be recorded.
            if (has_room or not entity_ids) and queue.take_up(entry):
                counts.update(entity_ids)
                claimed.append(entry)
        return claimed

    def _due(self, queue: RetryQueue) -> Iterator[tuple[float, QueuedLogout]]:
        now, keys, trust = clock.now(), queue.keys(), self._trust_with_departed
        self._due_at = {key: self._due_at[key] for key in keys if key in self._due_at}
        for key in keys:
            if self._due_at.get(key, now) > now:
                continue
            entry = queue.read(key)
            if entry is None:
                continue
            due = queue.due_at(entry)
            can_reach = partial(self._propagation.can_reach, trust)
            if not all(map(can_reach, entry.pending.values())):
                due += _BEHIND
            if due > now:
                self._due_at[key] = due
            else:
                yield due, entry

    def _still_to_send(self, queue: RetryQueue, entry: QueuedLogout) -> QueuedLogout:
        """End an entry's sessions; return it with the messages that are still to send.

        A participant that goes by the NameID alone would end a new session too. So the
        queue holds its message once the visitor has signed in there again.
        """
        entry, alive = self._with_ended(queue, entry)
        over = [
            n
            for n, r in entry.pending.items()
            if {(r.entity_id, index) for index in r.session_indexes} <= alive
        ]
        # The process that should remove an empty entry may have died.
        if over or not entry.pending:
            entry = queue.done(entry, over)
        has_index = self.trust.own.profile.has_session_index
        held = {
            n: recipient
            for n, recipient in entry.pending.items()
            if queue.may_end_more(entry, n, has_index=has_index)
        }
        return queue.hold(entry, held) if held else entry

    def _with_ended(
        self, queue: RetryQueue, entry: QueuedLogout
    ) -> tuple[QueuedLogout, set[tuple[str, str]]]:
        """End the remaining sessions; return (entityID, SessionIndex) of the others."""
        # The process that began the logout may have died before that.
        logins = (self.sessions.named(name) for name in entry.logins)
        alive = set[tuple[str, str]]()
        for login in [login for login in logins if login is not None]:
            if login.proven_since(entry.begun):
                # The visitor has signed in since, so this session goes on.
                participants = self.sessions.participants(login)
                alive |= {(p.entity_id, p.session_index) for p in participants}
                continue
            entry = queue.with_more(
                entry, recipients_of(self.sessions.drop(login) or ())
            )
        return entry, alive

    def _record_results(
        self, queue: RetryQueue, entry: QueuedLogout, results: _Results
    ) -> None:
        tried = {n: results[r] for n, r in entry.pending.items() if r in results}
        values = self._visit.values
        partly = [n for n, it in tried.items() if it.missed and it.missed.is_partial]
        entry = queue.note_partial(values, entry, partly)
        confirmed = [n for n, it in tried.items() if it.missed is None]
        if confirmed:
            entry = queue.note_confirmed(values, entry, confirmed)
            if not queue.records_of(entry.handle):
                metrics.logout_took(clock.now() - entry.begun)
        self._note_failures(queue, entry, tried)

    def _note_failures(
        self, queue: RetryQueue, entry: QueuedLogout, tried: Mapping[int, Delivery]
    ) -> None:
        failed = {n: it.reason for n, it in tried.items() if not _needs_no_retry(it)}
        if failed:
            queue.failed(entry, failed)
            self._note_answers(queue, entry, tried)

    def _note_answers(
        self, queue: RetryQueue, entry: QueuedLogout, tried: Mapping[int, Delivery]
    ) -> None:
        values = self._visit.values
        refused = [delivery for delivery in tried.values() if delivery.is_refusal]
        if refused:
            queue.refused(values, entry, refused)
            entry = queue.without_final(values, entry)
        by_browser = {
            n: delivery.missed
            for n, delivery in tried.items()
            if delivery.missed and delivery.missed.by_browser and n in entry.pending
        }
        if by_browser:
            queue.hold(entry, by_browser)


def _needs_no_retry(delivery: Delivery) -> bool:
    return delivery.missed is None or delivery.missed.is_partial


@contextmanager
def noted_failure(failure: str) -> Iterator[None]:
    """Log an error of the block, and go on."""
    try:
        yield
    except EiloginError as error:
        _log.warning("%s: %s", failure, error)
    except Exception:  # noqa: BLE001 - the next round may be well
        _log.exception("%s", failure)
