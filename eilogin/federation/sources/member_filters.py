"""Select the members of a source that match one filter of each kind on its line."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

from eilogin.errors import MetadataUnusable, PeerUnusable
from eilogin.saml.metadata import EntityDescriptor, FederationMetadata
from eilogin.saml.metadata.packed_members import without_decoding
from eilogin.saml.printable_text import some

_MOST_NAMED = 3

#: To distinguish it from a path.
ENTITY_ID = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")

#: Ends the remark that counts skipped members.
SKIPPED_MEMBERS = "skipped, as its line of 'federation' wants it"

#: A remark on a member: an entityID has no blanks.
_ABOUT = re.compile(r"entity '(\S+)': ")

Role = Literal["hub", "participant"]


@dataclass(frozen=True, slots=True, repr=False)
class MemberFilters:
    """The filters of a source; an empty one, or None, selects all."""

    role: Role | None = None
    #: In entityIDs, `*` matches any text.
    entities: tuple[str, ...] = ()
    #: mdrpi registrationAuthority.
    registrars: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    #: entityIDs, or files with one on each line.
    include: tuple[str | Path, ...] = ()
    exclude: tuple[str | Path, ...] = ()

    def __repr__(self) -> str:
        """Return the text that earlier versions hashed into the stored state.

        So nodes of both versions can share one folder. `Choice` is the former name.
        """
        names = (field.name for field in fields(self))
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"Choice({values})"

    def read(self) -> "MemberSelection":
        """The filters with the present lists; raises MetadataUnusable."""
        included = frozenset(_entity_ids(self.include)) if self.include else None
        return MemberSelection(self, included, frozenset(_entity_ids(self.exclude)))


ANYBODY = MemberFilters()


@dataclass(frozen=True, slots=True)
class MemberSelection:
    """Filters with the content of their lists."""

    filters: MemberFilters
    included: frozenset[str] | None
    excluded: frozenset[str]

    @property
    def version(self) -> str:
        """An identifier; "" if all are selected."""
        if self.filters == ANYBODY:
            return ""
        lists = (sorted(self.included or ()), sorted(self.excluded))
        return hashlib.sha256(repr((self.filters, lists)).encode()).hexdigest()

    def select(self, name: str, metadata: FederationMetadata) -> FederationMetadata:
        """Select the members of metadata from ``name``."""
        if self.filters == ANYBODY:
            return metadata
        parts = (self._selected_part(entity) for entity in metadata.entities)
        entities = tuple(part for part in parts if part is not None)
        left_out = {
            entity_id: error
            for entity_id, error in metadata.left_out.items()
            if self._wants_unusable(entity_id, error)
        }
        count = len(metadata.entities) + len(metadata.left_out)
        skipped = count - len(entities) - len(left_out)
        selected = {entity.entity_id for entity in entities} | left_out.keys()
        return replace(
            metadata,
            entities=entities,
            left_out=left_out,
            remarks=(
                *_skipped_remarks(name, skipped, count),
                *self._unknown_remarks(name, metadata),
                *(text for text in metadata.remarks if _entity_id_in(text) in selected),
            ),
            # An absent entity may still be a member.
            is_aggregate=metadata.is_aggregate and not skipped,
        )

    def _selected_part(self, entity: EntityDescriptor) -> EntityDescriptor | None:
        if not self._wants(
            entity.entity_id, entity.registrar, entity.entity_categories
        ):
            return None
        if self.filters.role == "hub":
            entity = replace(entity, service_provider=None)
            return entity if entity.identity_provider else None
        if self.filters.role == "participant":
            entity = replace(entity, identity_provider=None)
            return entity if entity.service_provider else None
        return entity

    def _wants_unusable(self, entity_id: str, error: PeerUnusable) -> bool:
        if error.alternatives:
            # Any of these may be the wanted one.
            return any(
                self._wants_unusable(entity_id, alternative)
                for alternative in error.alternatives
            )
        role = self.filters.role
        is_in_role = role is None or error.is_hub is (role == "hub")
        return is_in_role and self._wants(entity_id, error.registrar, error.categories)

    def _wants(
        self, entity_id: str, registrar: str, categories: Collection[str]
    ) -> bool:
        filters = self.filters
        return (
            entity_id not in self.excluded
            and (self.included is None or entity_id in self.included)
            and (not filters.registrars or registrar in filters.registrars)
            and (
                not filters.categories
                or any(category in categories for category in filters.categories)
            )
            and (
                not filters.entities
                or any(_matches(entity_id, pattern) for pattern in filters.entities)
            )
        )

    def _unknown_remarks(
        self, name: str, metadata: FederationMetadata
    ) -> Iterator[str]:
        usable = (entity.entity_id for entity in without_decoding(metadata.entities))
        known = {*usable, *metadata.left_out}
        lists: Mapping[str, Collection[str]] = {
            "include": self.included or (),
            "exclude": self.excluded,
        }
        for option, names in lists.items():
            if unknown := [*map(repr, sorted(set(names) - known))]:
                shown = some(unknown, _MOST_NAMED)
                yield (
                    f"{name}: '{option}' names an entity that is not in the metadata:"
                    f" {shown}"
                )


def _skipped_remarks(name: str, skipped: int, count: int) -> Iterator[str]:
    if skipped:
        members = "1 member" if count == 1 else f"{count} members"
        yield f"{name}: {skipped} of {members} {SKIPPED_MEMBERS}"


def _entity_id_in(remark: str) -> str:
    match = _ABOUT.match(remark)
    return match[1] if match else ""


def _matches(text: str, pattern: str) -> bool:
    """Match ``*`` in linear time, because others choose the text."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first):
        return False
    end = len(first)
    for part in middle:
        start = text.find(part, end)
        if start < 0:
            return False
        end = start + len(part)
    return text.endswith(last) and len(text) - len(last) >= end


def _entity_ids(entries: Sequence[str | Path]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        else:
            yield from _entity_ids_in(entry)


def _entity_ids_in(path: Path) -> Iterator[str]:
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
