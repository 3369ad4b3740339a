"""Participants that have left the federation, and still need LogoutRequests.

Visitors are still signed in there. ``HubJobs.follow`` notices in each process that a
participant has left. The first process stores its last metadata, for LogoutRequests
alone, and one process ends the sessions (``participant_removal``).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from eilogin import clock
from eilogin.errors import EiloginError
from eilogin.federation import Membership, Trust
from eilogin.saml.metadata import EntityDescriptor, read_unsigned, write_entity
from eilogin.sessions import UNREADABLE, Sessions
from eilogin.stores import StoredSession

#: Seconds until the hub ends its sessions: when all processes know, and after their
#: last requests.
_ENDED_AFTER = (2.0, 60.0)
#: Seconds until another process takes over.
_CLAIM_FOR = 600.0


@dataclass(frozen=True, slots=True)
class DepartedParticipant:
    """A participant that has left the federation."""

    key: str
    #: Its last metadata.
    entity: EntityDescriptor
    #: When a process noticed.
    begun: float
    #: How often the hub ended its sessions.
    looks: int

    @property
    def has_ended(self) -> bool:
        """Whether the hub has ended all its sessions."""
        return self.looks >= len(_ENDED_AFTER)

    @property
    def is_due(self) -> bool:
        """Whether to end its sessions now."""
        return (
            not self.has_ended and clock.now() >= self.begun + _ENDED_AFTER[self.looks]
        )


class DepartedParticipants:
    """The departed participants of the hub ``party``."""

    def __init__(self, sessions: Sessions, party: str) -> None:
        self._sessions, self._store = sessions, sessions.store
        party_hash = hashlib.sha256(party.encode()).hexdigest()[:16]
        #: Has no colon, because text before a colon is a shard (``shard_of``).
        self._label = f"departed-{party_hash}"

    def note(self, entity: EntityDescriptor) -> bool:
        """Store a departure; return False if another process has done so."""
        now = clock.now()
        text = json.dumps([now, write_entity(entity).decode()])
        key = f"{self._label}-{hashlib.sha256(entity.entity_id.encode()).hexdigest()}"
        until = now + self._sessions.max_session
        row = StoredSession(key, text, now, until, (self._label,))
        earlier = self._read(key)
        if earlier is not None and now > earlier.begun + _ENDED_AFTER[-1]:
            # It joined again: another process with the same departure comes sooner.
            self._store.end(keys=(key,))
        return self._store.create(row, issued=now)

    def all(self) -> list[DepartedParticipant]:
        """Return all readable departures."""
        departures = map(self._read, self._store.find(self._label))
        return [departure for departure in departures if departure is not None]

    def take_up(self, departure: DepartedParticipant) -> bool:
        """Claim a departure; True in one of all processes."""
        until = clock.now() + _CLAIM_FOR
        return self._store.add(
            self._claim_key(departure), "", until, owner=departure.key
        )

    def done(self, departure: DepartedParticipant) -> None:
        """Note that the hub ended its sessions once."""
        self._store.append(departure.key, "told")

    def _claim_key(self, departure: DepartedParticipant) -> str:
        return f"{departure.key}-{departure.looks}"

    def _read(self, key: str) -> DepartedParticipant | None:
        stored = self._store.read(key)
        if stored is None:
            return None
        try:
            begun, text, *_ = json.loads(stored.data)
            # Verified before it was stored; addresses of this machine too.
            [entity] = read_unsigned(text.encode(), on_loopback=True).entities
            looks = len(self._store.items(key))
            return DepartedParticipant(key, entity, float(begun), looks)
        except (*UNREADABLE, EiloginError):
            return None


def newly_departed(before: Membership, now: Membership) -> Iterator[EntityDescriptor]:
    """Yield the participants that are missing in a later federation."""
    for entity_id, _ in before.digests.items() - now.digests.items():
        entity = before.members[entity_id]
        if entity.service_provider is not None and not is_participant(now, entity_id):
            yield entity


def is_participant(federation: Membership, entity_id: str) -> bool:
    """Whether an entity has a service provider here, expired or not."""
    entity = federation.members.get(entity_id)
    return entity is not None and entity.service_provider is not None


def with_departed(trust: Trust, sessions: Sessions) -> Trust:
    """Return the trust with departed participants, for LogoutRequests only."""
    departed = {
        departure.entity.entity_id: departure.entity
        for departure in DepartedParticipants(sessions, trust.own.entity_id).all()
        if not is_participant(trust.federation, departure.entity.entity_id)
    }
    return replace(trust, departed=departed) if departed else trust
