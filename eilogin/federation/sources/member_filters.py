"""Select members of a source, by the filters of its line in ``federation``.

A filter only narrows: a skipped entity is no member, as if the metadata did not name
it. A member must match one filter of each kind, and all kinds together.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from eilogin.errors import MetadataUnusable, PeerUnusable
from eilogin.saml.metadata import EntityDescriptor, FederationMetadata
from eilogin.saml.metadata.packed_members import as_kept
from eilogin.saml.printable_text import some

#: How many names a message shows.
_NAMED = 3

#: An entityID, as far as one can tell it from the path of a file.
ENTITY_ID = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")

#: The end of the remark that counts the skipped members.
PASSED_OVER = "skipped, as its line of 'federation' wants it"

#: How a remark on a member begins: an entityID has no blanks.
_ABOUT = re.compile(r"entity '(\S+)': ")

Role = Literal["hub", "participant"]


@dataclass(frozen=True, slots=True)
class MemberFilters:
    """The filters of a source; an empty one, or None, selects every member."""

    #: In which role, and in no other.
    role: Role | None = None
    #: Patterns of their entityIDs: `*` matches any text.
    entities: tuple[str, ...] = ()
    #: Their registrars (mdrpi registrationAuthority).
    registrars: tuple[str, ...] = ()
    #: The entity categories that they claim.
    categories: tuple[str, ...] = ()
    #: entityIDs, or files with one on a line: of those that may be there, and of those
    #: that may not.
    include: tuple[str | Path, ...] = ()
    exclude: tuple[str | Path, ...] = ()

    def read(self) -> "MemberSelection":
        """The same, with the lists of entityIDs as they are now.

        Raises :class:`eilogin.errors.MetadataUnusable`, which names the file.
        """
        included = frozenset(_names(self.include)) if self.include else None
        return MemberSelection(self, included, frozenset(_names(self.exclude)))


#: Who wants anybody.
ANYBODY = MemberFilters()


@dataclass(frozen=True, slots=True)
class MemberSelection:
    """A choice with its lists."""

    choice: MemberFilters
    included: frozenset[str] | None
    excluded: frozenset[str]

    @property
    def version(self) -> str:
        """An identifier of the selection; "" if it selects everybody."""
        if self.choice == ANYBODY:
            return ""
        lists = (sorted(self.included or ()), sorted(self.excluded))
        return hashlib.sha256(repr((self.choice, lists)).encode()).hexdigest()

    def of(self, name: str, metadata: FederationMetadata) -> FederationMetadata:
        """Select the members of metadata that came from ``name``."""
        if self.choice == ANYBODY:
            return metadata
        found = (self._wanted(entity) for entity in metadata.entities)
        entities = tuple(entity for entity in found if entity is not None)
        left_out = {
            entity_id: error
            for entity_id, error in metadata.left_out.items()
            if self._wants_unusable(entity_id, error)
        }
        count = len(metadata.entities) + len(metadata.left_out)
        passed_over = count - len(entities) - len(left_out)
        there = {entity.entity_id for entity in entities} | left_out.keys()
        return replace(
            metadata,
            entities=entities,
            left_out=left_out,
            remarks=(
                *_told(name, passed_over, count),
                *self._unknown(name, metadata),
                *(text for text in metadata.remarks if _about(text) in there),
            ),
            # Nobody can tell any more whether an absent entity was a member.
            is_aggregate=metadata.is_aggregate and not passed_over,
        )

    def _wanted(self, entity: EntityDescriptor) -> EntityDescriptor | None:
        """The member in the role that is wanted of it, or None."""
        if not self._wants(
            entity.entity_id, entity.registrar, entity.entity_categories
        ):
            return None
        if self.choice.role == "hub":
            entity = replace(entity, service_provider=None)
            return entity if entity.identity_provider else None
        if self.choice.role == "participant":
            entity = replace(entity, identity_provider=None)
            return entity if entity.service_provider else None
        return entity

    def _wants_unusable(self, entity_id: str, error: PeerUnusable) -> bool:
        if error.alternatives:
            # Each of those that are called so may be the one that is wanted.
            return any(
                self._wants_unusable(entity_id, one) for one in error.alternatives
            )
        is_in_role = self.choice.role is None or error.is_hub is (
            self.choice.role == "hub"
        )
        return is_in_role and self._wants(entity_id, error.registrar, error.categories)

    def _wants(
        self, entity_id: str, registrar: str, categories: Collection[str]
    ) -> bool:
        wanted = self.choice
        return (
            entity_id not in self.excluded
            and (self.included is None or entity_id in self.included)
            and (not wanted.registrars or registrar in wanted.registrars)
            and (not wanted.categories or not _apart(wanted.categories, categories))
            and (
                not wanted.entities
                or any(_looks_like(entity_id, one) for one in wanted.entities)
            )
        )

    def _unknown(self, name: str, metadata: FederationMetadata) -> Iterator[str]:
        """Entries of the lists that match no member: perhaps a mistake."""
        members = (one.entity_id for one in as_kept(metadata.entities))
        known = {*members, *metadata.left_out}
        lists: Mapping[str, Collection[str]] = {
            "include": self.included or (),
            "exclude": self.excluded,
        }
        for option, names in lists.items():
            if unknown := [*map(repr, sorted(set(names) - known))]:
                what = some(unknown, _NAMED)
                yield (
                    f"{name}: '{option}' names an entity that is not in the metadata:"
                    f" {what}"
                )


def _told(name: str, passed_over: int, count: int) -> Iterator[str]:
    if passed_over:
        members = "1 member" if count == 1 else f"{count} members"
        yield f"{name}: {passed_over} of {members} {PASSED_OVER}"


def _about(remark: str) -> str:
    """The entityID of the member that a remark is about."""
    found = _ABOUT.match(remark)
    return found[1] if found else ""


def _apart(some_names: Sequence[str], others: Collection[str]) -> bool:
    return not any(name in others for name in some_names)


def _looks_like(text: str, pattern: str) -> bool:
    """Whether it is the pattern, in which ``*`` stands for anything.

    In a time that grows with its length only, whatever somebody calls itself.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first):
        return False
    here = len(first)
    for part in middle:
        found = text.find(part, here)
        if found < 0:
            return False
        here = found + len(part)
    return text.endswith(last) and len(text) - len(last) >= here


def _names(said: Sequence[str | Path]) -> Iterator[str]:
    for one in said:
        if isinstance(one, str):
            yield one
        else:
            yield from _names_in(one)


def _names_in(path: Path) -> Iterator[str]:
    """The entityIDs in a file, one a line; ``#`` starts a comment."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MetadataUnusable(
            f"{path}: {error}; expected entityIDs, one on each line"
        ) from None
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        if not ENTITY_ID.fullmatch(line):
            raise MetadataUnusable(
                f"{path}: found {line[:80]!r} on line {number}; expected an entityID"
                " such as 'https://uwv.example.nl/eilogin/metadata'"
            )
        yield line
