"""Background work of a hub: retry logouts, end expired sessions, serve operators.

The command ``eilogin work`` does it, and a thread of each process. The first one that
claims a logout delivers it (``hub_logout_queue``).
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from eilogin import audit, clock
from eilogin.errors import EiloginError
from eilogin.federation import Membership, Trust
from eilogin.federation.refresh.refresh_schedule import TrustUpdate
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.hub.logout.logout_recipients import Recipient, recipients_of
from eilogin.hub.logout.retry_queue.departed_participants import (
    DepartedParticipants,
    is_participant,
    newly_departed,
    with_departed,
)
from eilogin.hub.logout.retry_queue.hub_logout_queue import RetryQueue, queue_of
from eilogin.hub.logout.retry_queue.logout_retries import LogoutRetries
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
#: Seconds before its limit that a session ends, plus the time to notify all: a round
#: may be late, and the store forgets a session at its limit.
_EARLY = 10.0
#: Limits of that: seconds, and a share of ``max_session``.
_EARLIEST, _SHARE_OF_IT = 60.0, 0.25
#: The share of that time to notify all, before the next sessions end.
_TELLING = 0.8


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
        self._retries = LogoutRetries(propagation)

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
        """The most seconds by which a session ends before its limit."""
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
        return self._retries.retry_due(self._visit)


@contextmanager
def noted_failure(failure: str) -> Iterator[None]:
    """Log an error of the block, and go on."""
    try:
        yield
    except EiloginError as error:
        _log.warning("%s: %s", failure, error)
    except Exception:  # noqa: BLE001 - the next round may be well
        _log.exception("%s", failure)
