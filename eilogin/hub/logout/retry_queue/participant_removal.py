"""The end of all sessions at one participant, which may have left the federation."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from eilogin import audit
from eilogin.errors import PeerUnavailable
from eilogin.hub.logout.logout_propagation import Delivery, Propagation
from eilogin.hub.logout.logout_recipients import Recipient, recipients_of
from eilogin.hub.logout.retry_queue.departed_participants import with_departed
from eilogin.hub.logout.retry_queue.hub_logout_queue import new_handle, queue_of
from eilogin.hub.logout.retry_queue.missed_recipients import store_missed
from eilogin.sessions import Participant
from eilogin.web.visit import Visit

_AT_ONCE = 50


class RemovalCounts(NamedTuple):
    """The results of one batch."""

    logins: int
    #: Messages confirmed, to retry, and out of reach.
    reached: int
    waiting: int
    unreachable: int


class ParticipantRemoval:
    """Ends a participant's sessions; audits ``reason``. Raises UnknownPeer."""

    def __init__(
        self,
        visit: Visit,
        propagation: Propagation,
        entity_id: str,
        reason: str = "operator",
    ) -> None:
        self._sessions = visit.sessions
        self._trust = with_departed(visit.trust, self._sessions)
        self._trust.participant(entity_id)
        self._queue = queue_of(visit, propagation)
        self._visit = visit
        self._propagation = propagation
        self._entity_id = entity_id
        self._reason = reason

    def find(self) -> list[str]:
        """Return the names of its sessions, or raise StoreUnavailable."""
        logins = self._sessions.find_all(self._trust.own.entity_id)
        return [
            login.name
            for login in logins
            if any(map(self._is_there, self._sessions.participants(login)))
        ]

    def end(self, names: Sequence[str]) -> Iterator[RemovalCounts]:
        """End these sessions there; yield counts, or raise StoreUnavailable."""
        is_away = False
        for start in range(0, len(names), _AT_ONCE):
            batch = names[start : start + _AT_ONCE]
            own_by_handle = dict(self._begin(batch))
            all_own = [r for own in own_by_handle.values() for r in own]
            recipients = [] if is_away else all_own
            results = self._propagation.retry(self._trust, recipients)
            is_away = is_away or any(it.is_away for it in results.values())
            counts = Counter[str]()
            for handle, own in own_by_handle.items():
                counts.update(self._settle(handle, own, results))
            yield RemovalCounts(
                len(batch),
                **{field: counts[field] for field in RemovalCounts._fields[1:]},
            )

    def _begin(self, names: Iterable[str]) -> Iterator[tuple[str, list[Recipient]]]:
        for login in filter(None, map(self._sessions.named, names)):
            sessions_there = filter(self._is_there, self._sessions.participants(login))
            if participants := list(sessions_there):
                handle, recipients = new_handle(), recipients_of(participants)
                # Stored first, so that no crash loses the message.
                self._queue.begin_at(handle, login, recipients)
                for participant in participants:
                    self._sessions.note_out(login, participant)
                pseudonym = self._trust.own.pseudonym(login.subject)
                audit.event(
                    "session.ended",
                    pseudonym=pseudonym,
                    peer=self._entity_id,
                    reason=self._reason,
                )
                yield handle, recipients

    def _settle(
        self,
        handle: str,
        own: Sequence[Recipient],
        results: Mapping[Recipient, Delivery],
    ) -> Iterator[str]:
        # Without a result, the message was not sent.
        deliveries = [results.get(r, Delivery(r, PeerUnavailable.code)) for r in own]
        missed = {it.missed: it for it in deliveries if it.missed is not None}
        store_missed(self._visit, self._propagation, handle, own, missed)
        self._propagation.note_no_browser(self._trust, missed)
        yield from ["reached"] * (len(own) - len(missed))
        for recipient in missed:
            can_reach = self._propagation.can_reach(self._trust, recipient)
            yield "waiting" if can_reach else "unreachable"

    def _is_there(self, participant: Participant) -> bool:
        return participant.entity_id == self._entity_id
