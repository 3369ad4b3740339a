"""Decide which source a member belongs to, if several name it or its source changed.

The author of one source may be trusted less than another. So a member belongs to the
source that named it first, and eilogin skips it in others without an error. A move
needs approval: otherwise the new source could name the member unchanged, and change it
a day later. The files of a folder are one source if the same keys sign them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from itertools import groupby, islice
from typing import NamedTuple

from eilogin.federation.changes.member_differences import plain
from eilogin.federation.sources.metadata_sources import MetadataSource
from eilogin.federation.sources.source_merging import FetchedSource, names_in
from eilogin.federation.state.state_origin import hash_of, key_of, line_of
from eilogin.federation.state.state_records import Source, State

_SEVERAL = 2


class SourceOrigin(NamedTuple):
    """The line of ``federation`` that names a source, and the signers of its metadata.

    The ID of a state contains it as a JSON array (``id_of``): keep it a tuple, and keep
    the order of the fields.
    """

    #: The key of the line (``line_of``).
    line: str
    #: The hash of the signers (``hash_of``).
    signers: str


class MemberCount(NamedTuple):
    """The members of consecutive sources of one origin, counted; a tuple as above."""

    origin: SourceOrigin
    members: int


class MemberSources:
    """The sources of members; ``names`` gives members by source key, when needed."""

    def __init__(
        self, state: State | None, names: Callable[[], Mapping[str, Collection[str]]]
    ) -> None:
        self._sources = () if state is None else state.sources
        self._names = names

    def whose(
        self,
        name: str,
        candidates: Sequence[FetchedSource],
        *,
        is_ambiguous: bool = False,
    ) -> MetadataSource | None:
        """Return the source of a member that several have: its source before.

        A new member belongs to the first source, or to none if ``is_ambiguous``. A
        source that had to leave the member does not count: its address may have
        changed.
        """
        sources = [candidate.source for candidate in candidates]
        had = [s for s in sources if name in self._before.get(key_of(s), ())]
        if is_ambiguous and not had:
            return None
        free = [s for s in sources if name not in self._passed.get(key_of(s), ())]
        return (had or free or sources)[0]

    def moved(self, fetched_sources: Sequence[FetchedSource]) -> dict[str, str]:
        """The reasons of members of another source now, by entityID."""
        now = {_present_origin(source) for source, _ in fetched_sources}
        if len(now.union(map(_recorded_origin, self._sources))) < _SEVERAL:
            return {}
        reasons: dict[str, str] = {}
        names_before: dict[SourceOrigin, set[str]] = {}
        for record in self._sources:
            names = self._before.get(record.key, ())
            names_before.setdefault(_recorded_origin(record), set()).update(names)
        all_names = set().union(*names_before.values())
        for source, fetched in fetched_sources:
            before = names_before.get(_present_origin(source), set())
            came = [
                name
                for name in names_in(fetched.metadata)
                if name in all_names and name not in before
            ]
            reasons |= {n: f"{plain(n)}: comes from {source} now" for n in came}
        return reasons

    def origin_of(self, name: str) -> Source | None:
        """The source of a member."""
        return next(
            (x for x in self._sources if name in self._before.get(x.key, ())), None
        )

    @cached_property
    def _before(self) -> Mapping[str, Collection[str]]:
        return self._names()

    @cached_property
    def _passed(self) -> Mapping[str, Collection[str]]:
        return {source.key: source.passed for source in self._sources}


def parts_of(sources: Sequence[Source]) -> list[MemberCount]:
    """Count the members of consecutive sources with one line and signers."""
    with_members = [source for source in sources if source.members]
    return [
        MemberCount(origin, sum(source.members for source in of_origin))
        for origin, of_origin in groupby(with_members, _recorded_origin)
    ]


def by_order(
    sources: Sequence[Source], members: Collection[str]
) -> dict[str, frozenset[str]] | None:
    """Split the members, in order, by source key; None if the numbers differ."""
    if sum(source.members for source in sources) != len(members):
        return None
    names = iter(members)
    return {source.key: frozenset(islice(names, source.members)) for source in sources}


def _recorded_origin(record: Source) -> SourceOrigin:
    return SourceOrigin(record.line, record.signers)


def _present_origin(source: MetadataSource) -> SourceOrigin:
    return SourceOrigin(line_of(source), hash_of(source.signers))
