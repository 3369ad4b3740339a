"""Participants that are no members any more, and have to hear that sessions ended.

Nobody is served from the moment on at which the members are others. But whoever was
logged in there is so still, and the metadata that says where to tell it is gone. So the
process that sees it first writes down what the metadata said of it last, beside the
sessions in the store; one process takes it up and ends what it has
(``participant_removal``), and whoever tells it anything later knows it by that, for
as long as a session can last. It is asked nothing and told nothing else.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from eilogin import clock
from eilogin.errors import EiloginError
from eilogin.federation import Federation, Trust
from eilogin.saml.metadata import EntityDescriptor, read_unsigned, write_entity
from eilogin.sessions import UNREADABLE, Sessions
from eilogin.stores import StoredSession

#: How long after it left it is told, in seconds: when all processes know it, and once
#: more of who was let in by a request that had begun before that.
_LOOKS = (2.0, 60.0)
#: For how long one process has it, if it does not come to an end.
_TAKEN_FOR = 600.0


@dataclass(frozen=True, slots=True)
class DepartedParticipant:
    """One participant that has left."""

    #: In the store.
    key: str
    #: As the metadata had it last.
    entity: EntityDescriptor
    #: When it was seen to be gone.
    begun: float
    #: How often it was told so far.
    looks: int

    @property
    def is_told(self) -> bool:
        """Whether it was told of all."""
        return self.looks >= len(_LOOKS)

    @property
    def is_due(self) -> bool:
        """Whether it is to be told now."""
        return not self.is_told and clock.now() >= self.begun + _LOOKS[self.looks]


class DepartedParticipants:
    """Those of the hub that is called ``party``, by its sessions."""

    def __init__(self, sessions: Sessions, party: str) -> None:
        self._sessions, self._store = sessions, sessions.store
        mine = hashlib.sha256(party.encode()).hexdigest()[:16]
        #: No shard: a colon would end the name of one.
        self._label = f"departed-{mine}"

    def note(self, entity: EntityDescriptor) -> bool:
        """Write down who has left; False where another process has done so."""
        now = clock.now()
        text = json.dumps([now, write_entity(entity).decode()])
        key = f"{self._label}-{hashlib.sha256(entity.entity_id.encode()).hexdigest()}"
        until = now + self._sessions.max_session
        row = StoredSession(key, text, now, until, (self._label,))
        known = self._read(key)
        if known is not None and now > known.begun + _LOOKS[-1]:
            # It was a member once more since, whether it was told of all by then or
            # not; another process that sees the same departure does so sooner.
            self._store.end(keys=(key,))
        return self._store.create(row, issued=now)

    def all(self) -> list[DepartedParticipant]:
        """All that can be read."""
        found = map(self._read, self._store.find(self._label))
        return [one for one in found if one is not None]

    def take_up(self, one: DepartedParticipant) -> bool:
        """Take one up to tell it; of all processes one may."""
        until = clock.now() + _TAKEN_FOR
        return self._store.add(self._taken(one), "", until, owner=one.key)

    def done(self, one: DepartedParticipant) -> None:
        """It was told of all who were there."""
        self._store.append(one.key, "told")

    def _taken(self, one: DepartedParticipant) -> str:
        return f"{one.key}-{one.looks}"

    def _read(self, key: str) -> DepartedParticipant | None:
        stored = self._store.read(key)
        if stored is None:
            return None
        try:
            begun, text, *_ = json.loads(stored.data)
            # It was believed when it was written; on this machine too.
            [entity] = read_unsigned(text.encode(), on_loopback=True).entities
            looks = len(self._store.items(key))
            return DepartedParticipant(key, entity, float(begun), looks)
        except (*UNREADABLE, EiloginError):
            return None


def left(before: Federation, now: Federation) -> Iterator[EntityDescriptor]:
    """The participants of a federation that are none in another one."""
    for entity_id, _ in before.digests.items() - now.digests.items():
        entity = before.members[entity_id]
        if entity.service_provider is not None and not is_participant(now, entity_id):
            yield entity


def is_participant(federation: Federation, entity_id: str) -> bool:
    """Whether somebody is a member as a participant, over or not."""
    entity = federation.members.get(entity_id)
    return entity is not None and entity.service_provider is not None


def with_departed(trust: Trust, sessions: Sessions) -> Trust:
    """The same trust, in which those who have left can be told of the end of sessions.

    For that alone: a request that comes in their name is nobody's.
    """
    departed = {
        one.entity.entity_id: one.entity
        for one in DepartedParticipants(sessions, trust.own.entity_id).all()
        if not is_participant(trust.federation, one.entity.entity_id)
    }
    return replace(trust, departed=departed) if departed else trust
