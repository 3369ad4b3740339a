"""Members in memory and in files: an outline, and bytes for the rest.

A process needs few of thousands of members. As bytes they take a third of the memory,
and go into a file as they are. Each is decoded when it is needed. The format is JSON,
which builds nothing but the values of this version.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple, Self, overload

from pydantic import TypeAdapter

from eilogin.errors import PeerUnusable, PeerWithoutKeys
from eilogin.saml.metadata.metadata_values import EntityDescriptor

#: Bytes that say how long the head of a share is.
_LENGTH = 8

_ERRORS = {error.code: error for error in (PeerUnusable, PeerWithoutKeys)}


class Outline(NamedTuple):
    """The fields of a member that need no decoding."""

    valid_until: float | None
    is_hub: bool
    is_participant: bool
    sso_domain: str

    @classmethod
    def of(cls, entity: EntityDescriptor) -> Self:
        """The outline of a member."""
        return cls(
            entity.valid_until,
            entity.identity_provider is not None,
            entity.service_provider is not None,
            entity.sso_domain,
        )


class Packed(NamedTuple):
    """A member whose rest is bytes."""

    entity_id: str
    outline: Outline
    body: bytes

    @classmethod
    def of(cls, entity: EntityDescriptor) -> Self:
        """A member, packed."""
        return cls(entity.entity_id, Outline.of(entity), encoded(entity))

    @property
    def entity(self) -> EntityDescriptor:
        """The member as a value."""
        return decoded(self.body, self.outline.valid_until)


class Members(Sequence[EntityDescriptor]):
    """Members that are packed, each decoded whenever it is asked for."""

    def __init__(self, packed: Sequence[Packed]) -> None:
        self.packed = packed

    def __len__(self) -> int:
        return len(self.packed)

    @overload
    def __getitem__(self, index: int) -> EntityDescriptor: ...
    @overload
    def __getitem__(self, index: slice) -> "Members": ...
    def __getitem__(self, index: int | slice) -> "EntityDescriptor | Members":
        if isinstance(index, slice):
            return Members(self.packed[index])
        return self.packed[index].entity


class Gathered(Mapping[str, EntityDescriptor]):
    """Members of several sources by entityID, each decoded when it is first asked for.

    Where two sources have one, it is that of the later.
    """

    def __init__(self, sources: Iterable[Iterable[EntityDescriptor]]) -> None:
        self._kept = {one.entity_id: one for some in sources for one in as_kept(some)}

    def __getitem__(self, entity_id: str) -> EntityDescriptor:
        one = self._kept[entity_id]
        if isinstance(one, Packed):
            one = self._kept[entity_id] = one.entity
        return one

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, entity_id: object) -> bool:
        return entity_id in self._kept

    def packed(self) -> Iterator[Packed]:
        """All of them, packed."""
        for one in self._kept.values():
            yield one if isinstance(one, Packed) else Packed.of(one)

    def outlines(self) -> dict[str, Outline]:
        """Return the outline of each member, without decoding it."""
        return {
            name: one.outline if isinstance(one, Packed) else Outline.of(one)
            for name, one in self._kept.items()
        }


def as_kept(
    members: Iterable[EntityDescriptor],
) -> Iterable[EntityDescriptor | Packed]:
    """Return the members packed or decoded, as they are; both have the entityID."""
    return members.packed if isinstance(members, Members) else members


def but_for(
    members: Sequence[EntityDescriptor], names: Collection[str]
) -> Sequence[EntityDescriptor]:
    """Members without some of them, as they are there."""
    if isinstance(members, Members):
        return Members([one for one in members.packed if one.entity_id not in names])
    return tuple(one for one in members if one.entity_id not in names)


class LeftOut(NamedTuple):
    """Why a member is left out."""

    code: str
    told: str
    is_hub: bool
    registrar: str
    categories: list[str]

    @classmethod
    def of(cls, error: PeerUnusable) -> Self:
        """An error, as it can be written."""
        return cls(
            error.code,
            str(error),
            error.is_hub,
            error.registrar,
            sorted(error.categories),
        )

    def error(self) -> PeerUnusable:
        """The error."""
        error = _ERRORS[self.code](self.told)
        error.is_hub = self.is_hub
        error.registrar = self.registrar
        error.categories = frozenset(self.categories)
        return error


class Share(NamedTuple):
    """The result of reading a part of the members."""

    members: list[Packed]
    #: Why others are left out, by entityID.
    left_out: dict[str, PeerUnusable]
    remarks: list[str]
    #: The shortest cacheDuration of a group of them, or None.
    cache_duration: float | None

    def to_bytes(self) -> bytes:
        """All of it, for another process of ours."""
        lines = [(one.entity_id, *one.outline, len(one.body)) for one in self.members]
        left_out = {name: LeftOut.of(error) for name, error in self.left_out.items()}
        facts = (lines, left_out, self.remarks, self.cache_duration)
        head = json.dumps(facts).encode()
        bodies = (one.body for one in self.members)
        return b"".join((len(head).to_bytes(_LENGTH), head, *bodies))

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """Decode the result of another process of ours."""
        start = _LENGTH + int.from_bytes(octets[:_LENGTH])
        lines, left_out, remarks, cache_duration = json.loads(octets[_LENGTH:start])
        members = []
        for entity_id, *outline, length in lines:
            body = octets[start : start + length]
            members.append(Packed(entity_id, Outline(*outline), body))
            start += length
        errors = {name: LeftOut(*said).error() for name, said in left_out.items()}
        return cls(members, errors, remarks, cache_duration)


def encoded(entity: EntityDescriptor) -> bytes:
    """All of a member but its end, which its outline has."""
    without = {"valid_until"}
    return entity_type().dump_json(entity, exclude=without, exclude_defaults=True)


def decoded(body: bytes, valid_until: float | None) -> EntityDescriptor:
    """A member from what :func:`encoded` gave, and its end."""
    # To put it into what was decoded takes longer.
    end = b',"valid_until":%b}' % json.dumps(valid_until).encode()
    return entity_type().validate_json(body[:-1] + end)


# It takes a moment to make it: only who has to do with many members needs it.
@cache
def entity_type() -> TypeAdapter[EntityDescriptor]:
    """How pydantic knows a member."""
    return TypeAdapter(EntityDescriptor)
