"""Decide which source a member belongs to, if several name it or its source changed.

Nobody signs for a federation of several sources as a whole. The author of one source
may be trusted less than the author of another: only for members that no other source
has. So a member belongs to the source that named it first. eilogin skips it in other
sources, without an error. A move to another source needs approval. Otherwise the other
source could name the member unchanged, and change it a day later. The files of a folder
count as one source as far as the same keys sign them.
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

#: The line of a source, and who signs.
_Hand = tuple[str, str]


class MemberSources:
    """The sources of the members of a state; none if there was no state.

    ``names`` gives the members of each source by its key; it is called at the first
    use.
    """

    def __init__(
        self, state: State | None, names: Callable[[], Mapping[str, Collection[str]]]
    ) -> None:
        self._sources = () if state is None else state.sources
        self._names = names

    def whose(
        self, name: str, places: Found, *, is_ambiguous: bool = False
    ) -> MetadataSource | None:
        """Return the source of a member that several sources have: its source before.

        A member that is new in all of them belongs to the first one. A source that had
        to leave the member to another is left out: its address may have changed. None
        for a new member if ``is_ambiguous``.
        """
        had = [x for x in places if name in self._before.get(key_of(x[0]), ())]
        if is_ambiguous and not had:
            return None
        free = [x for x in places if name not in self._passed.get(key_of(x[0]), ())]
        return (had or free or places)[0][0]

    def moved(self, found: Found) -> dict[str, str]:
        """Why those wait who are of another source now, by their entityIDs."""
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
        """The source that a member is of."""
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
    """How many members come from where, in their order."""
    some = [one for one in sources if one.members]
    return [
        (hand, sum(one.members for one in found))
        for hand, found in groupby(some, _hand)
    ]


def by_order(
    sources: Sequence[Source], members: Collection[str]
) -> dict[str, frozenset[str]] | None:
    """Members of each source by its key: they stand in the order of the sources.

    None where that is not as many as the sources have.
    """
    if sum(one.members for one in sources) != len(members):
        return None
    names = iter(members)
    return {one.key: frozenset(islice(names, one.members)) for one in sources}


def _hand(known: Source) -> _Hand:
    return known.line, known.signers
