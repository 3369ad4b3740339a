"""Decide which source a member belongs to, if several name it or its source changed.

The author of one source may be trusted less than another. So a member belongs to the
source that named it first, and eilogin skips it in others without an error. A move
needs approval: otherwise the new source could name the member unchanged, and change it
a day later. The files of a folder are one source if the same keys sign them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from itertools import groupby, islice

from eilogin.federation.changes.member_differences import plain
from eilogin.federation.sources.metadata_sources import MetadataSource
from eilogin.federation.sources.source_merging import Found, names_in
from eilogin.federation.state.state_origin import hash_of, key_of, line_of
from eilogin.federation.state.state_records import Source, State

_SEVERAL = 2

#: The line of a source, and a hash of its signers.
_Hand = tuple[str, str]


class MemberSources:
    """The sources of members; ``names`` gives members by source key, when needed."""

    def __init__(
        self, state: State | None, names: Callable[[], Mapping[str, Collection[str]]]
    ) -> None:
        self._sources = () if state is None else state.sources
        self._names = names

    def whose(
        self, name: str, places: Found, *, is_ambiguous: bool = False
    ) -> MetadataSource | None:
        """Return the source of a member that several have: its source before.

        A new member belongs to the first source, or to none if ``is_ambiguous``. A
        source that had to leave the member does not count: its address may have
        changed.
        """
        had = [x for x in places if name in self._before.get(key_of(x[0]), ())]
        if is_ambiguous and not had:
            return None
        free = [x for x in places if name not in self._passed.get(key_of(x[0]), ())]
        return (had or free or places)[0][0]

    def moved(self, found: Found) -> dict[str, str]:
        """The reasons of members of another source now, by entityID."""
        now = {(line_of(source), hash_of(source.signers)) for source, _ in found}
        if len(now.union(map(_hand, self._sources))) < _SEVERAL:
            return {}
        told: dict[str, str] = {}
        hands: dict[_Hand, set[str]] = {}
        for one in self._sources:
            hands.setdefault(_hand(one), set()).update(self._before.get(one.key, ()))
        everybody = set().union(*hands.values())
        for source, fetched in found:
            before = hands.get((line_of(source), hash_of(source.signers)), set())
            names = names_in(fetched.metadata)
            came = [name for name in names if name in everybody and name not in before]
            told |= {n: f"{plain(n)}: comes from {source} now" for n in came}
        return told

    def origin_of(self, name: str) -> Source | None:
        """The source of a member."""
        return next(
            (one for one in self._sources if name in self._before.get(one.key, ())),
            None,
        )

    @cached_property
    def _before(self) -> Mapping[str, Collection[str]]:
        return self._names()

    @cached_property
    def _passed(self) -> Mapping[str, Collection[str]]:
        return {one.key: one.passed for one in self._sources}


def parts_of(sources: Sequence[Source]) -> list[tuple[_Hand, int]]:
    """Count the members of each run with one line and signers."""
    some = [one for one in sources if one.members]
    return [
        (hand, sum(one.members for one in found))
        for hand, found in groupby(some, _hand)
    ]


def by_order(
    sources: Sequence[Source], members: Collection[str]
) -> dict[str, frozenset[str]] | None:
    """Split the members, in order, by source key; None if the numbers differ."""
    if sum(one.members for one in sources) != len(members):
        return None
    names = iter(members)
    return {one.key: frozenset(islice(names, one.members)) for one in sources}


def _hand(known: Source) -> _Hand:
    return known.line, known.signers
