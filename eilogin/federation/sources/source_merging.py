"""What comes of several sources together: each member is of one of them only."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from eilogin.errors import MetadataUnusable
from eilogin.federation.sources.metadata_sources import Before, Fetched, MetadataSource
from eilogin.saml.metadata import FederationMetadata
from eilogin.saml.metadata.packed_members import as_kept, but_for
from eilogin.saml.printable_text import some

#: How many names a message shows.
_NAMED = 3

#: Sources, and what came of each.
Found = Sequence[tuple[MetadataSource, Fetched]]


class Whose(Protocol):
    """Says of which of several sources a member is that all of them have."""

    def __call__(
        self, name: str, places: Found, *, is_ambiguous: bool = False
    ) -> MetadataSource | None:
        """Return that source.

        If yet another source has several members of that name (``is_ambiguous``), it is
        the source that the member was of before, or None.
        """


def fetch_all(
    sources: Sequence[MetadataSource],
    longest: float | None,
    before: Callable[[MetadataSource], Before | None] = lambda _: None,
    whose: Whose | None = None,
) -> list[tuple[MetadataSource, Fetched]]:
    """What comes of each source, in their order; ``before`` says what is known of it.

    Who is asked for one party only is not asked where that one is in an earlier source,
    unless it was asked before. One that cannot be used does not count: it may be in
    another source too, and be used as that has it. Raises as
    :meth:`MetadataSource.fetch`, and where ``whose`` is None
    :class:`eilogin.errors.MetadataUnusable` for a member that is in two of them.
    """
    found: list[tuple[MetadataSource, Fetched]] = []
    names: set[str] = set()
    for source in sources:
        was = before(source)
        if was is None and source.only in names:
            continue
        fetched = source.fetch(was, longest)
        found.append((source, fetched))
        names.update(names_in(fetched.metadata))
    return each_once(found, whose or _refused)


def names_in(metadata: FederationMetadata) -> Iterator[str]:
    """The entityIDs of the members that can be used."""
    return (one.entity_id for one in as_kept(metadata.entities))


def each_once(found: Found, whose: Whose) -> list[tuple[MetadataSource, Fetched]]:
    """The same, with each member in one of them only: in the others it is passed over.

    ``whose`` is asked of those that several have. If one source has several members of
    a name, another one may have it only if the member was of that before: else somebody
    who got a second one into the first could have their own be used from the other.
    """
    places: dict[str, list[int]] = {}
    for number, (_, fetched) in enumerate(found):
        for name in names_in(fetched.metadata):
            places.setdefault(name, []).append(number)
    passed: list[set[str]] = [set() for _ in found]
    ambiguous = set(_ambiguous(found))
    several = {name for name, numbers in places.items() if len(numbers) > 1}
    for name in several | (ambiguous & places.keys()):
        numbers = places[name]
        there = [found[number] for number in numbers]
        kept = whose(name, there, is_ambiguous=name in ambiguous)
        for number in numbers:
            if found[number][0] is not kept:
                passed[number].add(name)
    return [
        (source, _without(source, fetched, names, ambiguous))
        for (source, fetched), names in zip(found, passed, strict=True)
    ]


def _ambiguous(found: Found) -> Iterator[str]:
    """The entityIDs that one source has several times."""
    for _, fetched in found:
        for name, error in fetched.metadata.left_out.items():
            if error.alternatives:
                yield name


def _without(
    source: MetadataSource,
    fetched: Fetched,
    names: Collection[str],
    ambiguous: Collection[str],
) -> Fetched:
    """Return a source without the members of another one, and ambiguous ones."""
    if not names:
        return fetched
    of_another = sorted(name for name in names if name not in ambiguous)
    told = (
        *_told(source, of_another, "and eilogin uses that one"),
        *_told(
            source,
            sorted({*names} - {*of_another}),
            "where several have the same entityID",
        ),
    )
    metadata = replace(
        without(fetched.metadata, names), remarks=(*told, *fetched.metadata.remarks)
    )
    passed = tuple(sorted({*fetched.passed, *names}))
    return replace(fetched, metadata=metadata, passed=passed)


def _told(source: MetadataSource, names: Sequence[str], how: str) -> Iterator[str]:
    if names:
        members = "1 member is" if len(names) == 1 else f"{len(names)} members are"
        shown = some([*map(repr, names)], _NAMED)
        yield (
            f"{source}: {members} in another source of 'federation' too, {how}:"
            f" {shown}; add 'exclude=' to one of the two lines, or ask the"
            " administrators of these sources"
        )


def without(metadata: FederationMetadata, names: Collection[str]) -> FederationMetadata:
    """The same without some members."""
    return replace(metadata, entities=but_for(metadata.entities, names))


def _refused(
    name: str, places: Found, *, is_ambiguous: bool = False
) -> MetadataSource | None:
    if is_ambiguous:
        return None
    (there, _), (source, _), *_ = places
    raise MetadataUnusable(
        f"{source}: {name!r} is in another file of 'federation' too, {there};"
        f" remove one of them, or add 'exclude={name}' to the line of the other"
        " file"
    )
