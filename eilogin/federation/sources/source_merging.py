"""Merge several sources, so that each member belongs to exactly one."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from eilogin.errors import MetadataUnusable
from eilogin.federation.sources.metadata_sources import (
    AcceptedCopy,
    Fetched,
    MetadataSource,
)
from eilogin.saml.metadata import FederationMetadata
from eilogin.saml.metadata.packed_members import members_except, without_decoding
from eilogin.saml.printable_text import some

_NAMED = 3


class FetchedSource(NamedTuple):
    """A source and the metadata that eilogin accepted from it."""

    source: MetadataSource
    fetched: Fetched


class SourceChooser(Protocol):
    """Chooses the source of a member that several have."""

    def __call__(
        self,
        name: str,
        candidates: Sequence[FetchedSource],
        *,
        is_ambiguous: bool = False,
    ) -> MetadataSource | None:
        """Return the source; the earlier one or None if one has several (ambiguous)."""


def fetch_all(
    sources: Sequence[MetadataSource],
    longest: float | None,
    before: Callable[[MetadataSource], AcceptedCopy | None] = lambda _: None,
    whose: SourceChooser | None = None,
) -> list[FetchedSource]:
    """Fetch each source in order; ``before`` has the earlier records.

    A query without a record is left out if an earlier source has its usable member.
    Raises as :meth:`MetadataSource.fetch`, and MetadataUnusable for a member of two
    sources if ``whose`` is None.
    """
    fetched_sources: list[FetchedSource] = []
    names: set[str] = set()
    for source in sources:
        accepted = before(source)
        if accepted is None and source.only in names:
            continue
        fetched = source.fetch(accepted, longest)
        fetched_sources.append(FetchedSource(source, fetched))
        names.update(names_in(fetched.metadata))
    return each_once(fetched_sources, whose or _refuse_second_source)


def names_in(metadata: FederationMetadata) -> Iterator[str]:
    """The entityIDs of usable members."""
    return (entity.entity_id for entity in without_decoding(metadata.entities))


def each_once(
    fetched_sources: Sequence[FetchedSource], whose: SourceChooser
) -> list[FetchedSource]:
    """Keep each member in one source only, as ``whose`` decides."""
    # If one source has several entries of a name, another may have the member only if
    # it was its source before. Otherwise an attacker could add a second entry to the
    # first source, so that eilogin uses their own entry from the other.
    numbers_of: dict[str, list[int]] = {}
    for number, (_, fetched) in enumerate(fetched_sources):
        for name in names_in(fetched.metadata):
            numbers_of.setdefault(name, []).append(number)
    skipped: list[set[str]] = [set() for _ in fetched_sources]
    ambiguous = set(_ambiguous(fetched_sources))
    several = {name for name, numbers in numbers_of.items() if len(numbers) > 1}
    for name in several | (ambiguous & numbers_of.keys()):
        numbers = numbers_of[name]
        candidates = [fetched_sources[number] for number in numbers]
        chosen = whose(name, candidates, is_ambiguous=name in ambiguous)
        for number in numbers:
            if fetched_sources[number].source is not chosen:
                skipped[number].add(name)
    return [
        FetchedSource(source, _without(source, fetched, names, ambiguous))
        for (source, fetched), names in zip(fetched_sources, skipped, strict=True)
    ]


def _ambiguous(fetched_sources: Sequence[FetchedSource]) -> Iterator[str]:
    for _, fetched in fetched_sources:
        for name, error in fetched.metadata.left_out.items():
            if error.alternatives:
                yield name


def _without(
    source: MetadataSource,
    fetched: Fetched,
    names: Collection[str],
    ambiguous: Collection[str],
) -> Fetched:
    if not names:
        return fetched
    of_another = sorted(name for name in names if name not in ambiguous)
    remarks = (
        *_remarks(source, of_another, "and eilogin uses that one"),
        *_remarks(
            source,
            sorted({*names} - {*of_another}),
            "where several have the same entityID",
        ),
    )
    metadata = replace(
        without(fetched.metadata, names), remarks=(*remarks, *fetched.metadata.remarks)
    )
    passed = tuple(sorted({*fetched.passed, *names}))
    return replace(fetched, metadata=metadata, passed=passed)


def _remarks(source: MetadataSource, names: Sequence[str], how: str) -> Iterator[str]:
    if names:
        members = "1 member is" if len(names) == 1 else f"{len(names)} members are"
        shown = some([*map(repr, names)], _NAMED)
        yield (
            f"{source}: {members} in another source of 'federation' too, {how}:"
            f" {shown}; add 'exclude=' to one of the two lines, or ask the"
            " administrators of these sources"
        )


def without(metadata: FederationMetadata, names: Collection[str]) -> FederationMetadata:
    """The metadata without some members."""
    return replace(metadata, entities=members_except(metadata.entities, names))


def _refuse_second_source(
    name: str, candidates: Sequence[FetchedSource], *, is_ambiguous: bool = False
) -> MetadataSource | None:
    if is_ambiguous:
        return None
    first, second, *_ = candidates
    raise MetadataUnusable(
        f"{second.source}: {name!r} is in another file of 'federation' too,"
        f" {first.source}; remove one of them, or add 'exclude={name}' to the line of"
        " the other file"
    )
