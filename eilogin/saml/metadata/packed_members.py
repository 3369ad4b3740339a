"""Members in memory and in files: an outline, and bytes for the rest.

A process needs few of thousands of members. As bytes, decoded on use, they take a third
of the memory. The format is JSON, which builds nothing but the values of this version.
"""

import json
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from functools import cache
from typing import NamedTuple, Self, overload

from pydantic import TypeAdapter

from eilogin.errors import PeerUnusable, PeerWithoutKeys
from eilogin.saml.metadata.metadata_values import EntityDescriptor

#: Bytes that hold the length of the head.
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


#: Bytes, or a function that reads them from a file.
Content = bytes | Callable[[], bytes]


def loaded(content: Content) -> bytes:
    """Return the bytes; those of a file are read at each use."""
    return content if isinstance(content, bytes) else content()


class Packed(NamedTuple):
    """A member: its outline, and bytes for the rest."""

    entity_id: str
    outline: Outline
    content: Content

    @classmethod
    def of(cls, entity: EntityDescriptor) -> Self:
        """Pack a member."""
        return cls(entity.entity_id, Outline.of(entity), encoded(entity))

    @property
    def body(self) -> bytes:
        """The bytes for the rest."""
        return loaded(self.content)

    @property
    def entity(self) -> EntityDescriptor:
        """Decode the member."""
        return decoded(self.body, self.outline.valid_until)


class Members(Sequence[EntityDescriptor]):
    """Packed members, each decoded on each use."""

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
    """Members of several sources by entityID, decoded once; the latest counts."""

    def __init__(self, sources: Iterable[Iterable[EntityDescriptor]]) -> None:
        self._members = {
            member.entity_id: member
            for source in sources
            for member in without_decoding(source)
        }

    def __getitem__(self, entity_id: str) -> EntityDescriptor:
        member = self._members[entity_id]
        if isinstance(member, Packed):
            member = self._members[entity_id] = member.entity
        return member

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, entity_id: object) -> bool:
        return entity_id in self._members

    def packed(self) -> Iterator[Packed]:
        """Return all members, packed."""
        for member in self._members.values():
            yield member if isinstance(member, Packed) else Packed.of(member)

    def outlines(self) -> dict[str, Outline]:
        """Return the outline of each member, without decoding it."""
        return {
            name: member.outline if isinstance(member, Packed) else Outline.of(member)
            for name, member in self._members.items()
        }


def without_decoding(
    members: Iterable[EntityDescriptor],
) -> Iterable[EntityDescriptor | Packed]:
    """Return the members packed or decoded, as they are; both have the entityID."""
    return members.packed if isinstance(members, Members) else members


def members_except(
    members: Sequence[EntityDescriptor], names: Collection[str]
) -> Sequence[EntityDescriptor]:
    """Return the members except some, packed or decoded as they are."""
    if isinstance(members, Members):
        return Members(
            [member for member in members.packed if member.entity_id not in names]
        )
    return tuple(member for member in members if member.entity_id not in names)


class LeftOut(NamedTuple):
    """The reason why a member is left out."""

    code: str
    text: str
    is_hub: bool
    registrar: str
    categories: list[str]

    @classmethod
    def of(cls, error: PeerUnusable) -> Self:
        """Encode an error."""
        return cls(
            error.code,
            str(error),
            error.is_hub,
            error.registrar,
            sorted(error.categories),
        )

    def error(self) -> PeerUnusable:
        """Decode the error."""
        error = _ERRORS[self.code](self.text)
        error.is_hub = self.is_hub
        error.registrar = self.registrar
        error.categories = frozenset(self.categories)
        return error


class Share(NamedTuple):
    """The result of reading a part of the members."""

    members: list[Packed]
    left_out: dict[str, PeerUnusable]
    remarks: list[str]
    #: Seconds; the shortest duration of all groups.
    cache_duration: float | None

    def to_bytes(self) -> bytes:
        """Encode the result for another process."""
        lines = [
            (member.entity_id, *member.outline, len(member.body))
            for member in self.members
        ]
        left_out = {name: LeftOut.of(error) for name, error in self.left_out.items()}
        facts = (lines, left_out, self.remarks, self.cache_duration)
        head = json.dumps(facts).encode()
        bodies = (member.body for member in self.members)
        return b"".join((len(head).to_bytes(_LENGTH), head, *bodies))

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """Decode the result of another process."""
        start = _LENGTH + int.from_bytes(octets[:_LENGTH])
        lines, left_out, remarks, cache_duration = json.loads(octets[_LENGTH:start])
        members = []
        for entity_id, *outline, length in lines:
            body = octets[start : start + length]
            members.append(Packed(entity_id, Outline(*outline), body))
            start += length
        errors = {name: LeftOut(*fields).error() for name, fields in left_out.items()}
        return cls(members, errors, remarks, cache_duration)


def encoded(entity: EntityDescriptor) -> bytes:
    """Encode a member without its ``valid_until``, which its outline has."""
    excluded = {"valid_until"}
    return entity_type().dump_json(entity, exclude=excluded, exclude_defaults=True)


def decoded(body: bytes, valid_until: float | None) -> EntityDescriptor:
    """Decode a member that :func:`encoded` wrote, with its ``valid_until``."""
    # Adding to the text is faster than replacing in the value.
    end = b',"valid_until":%b}' % json.dumps(valid_until).encode()
    return entity_type().validate_json(body[:-1] + end)


# Slow, and few processes need it: so not at import.
@cache
def entity_type() -> TypeAdapter[EntityDescriptor]:
    """Return the pydantic type of a member."""
    return TypeAdapter(EntityDescriptor)
