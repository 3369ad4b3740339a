"""The filters and applications of eilogin; their environ keys determine the order."""

from collections.abc import Mapping, Sequence
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import EntryPoint, distribution
from types import MappingProxyType
from typing import ClassVar

FILTERS = "paste.filter_app_factory"
APPS = "paste.app_factory"

#: The filter of all filters with a text in ``WITHOUT``.
MAIN = "main"


class PipelinePart:
    """A filter or application of eilogin; its class declares its place."""

    eilogin_part: ClassVar[str]
    #: Keys that filters before it set.
    NEEDS: ClassVar[Sequence[str]] = ()
    #: Keys that it sets; it may also change earlier ones.
    WRITES: ClassVar[Sequence[str]] = ()
    #: More filters before it, if in the pipeline.
    AFTER: ClassVar[Sequence[str]] = ()
    #: Filters that must be between it and the application.
    NEEDS_INSIDE: ClassVar[Sequence[str]] = ()
    #: Filters that are unnecessary inside of it or before it.
    SPARES: ClassVar[Sequence[str]] = ()
    #: The only role of an entity that can have it; "" for any.
    ROLE: ClassVar[str] = ""
    #: The consequence if a participant lacks it; "" if it is optional.
    WITHOUT: ClassVar[str] = ""


@cache
def points(group: str) -> Mapping[str, EntryPoint]:
    """Return eilogin's entry points of a group by name; load none of them."""
    declared = distribution("eilogin").entry_points.select(group=group)
    return MappingProxyType({point.name: point for point in declared})


def _part(point: EntryPoint | None) -> type[PipelinePart] | None:
    """Load an entry point, and return the class that its factory makes, if a part."""
    made = None if point is None else point.load().__annotations__["return"]
    return made if isinstance(made, type) and issubclass(made, PipelinePart) else None


@cache
def filters() -> Mapping[str, type[PipelinePart]]:
    """Return the filters by name, in the order of a pipeline, the outermost first."""
    parts = map(_part, points(FILTERS).values())
    declared = {part.eilogin_part: part for part in parts if part is not None}
    before = {
        name: {
            other
            for other in declared
            if other in part.AFTER or _serves(declared[other], part)
        }
        for name, part in declared.items()
    }
    order = TopologicalSorter(before).static_order()
    return MappingProxyType({name: declared[name] for name in order})


def _serves(part: type[PipelinePart], other: type[PipelinePart]) -> bool:
    return not set(part.WRITES).isdisjoint(other.NEEDS)


def provided(name: str | None) -> Sequence[type[PipelinePart]]:
    """Return the parts of ``egg:eilogin#NAME``, the outermost first."""
    if name == MAIN:
        return [part for part in filters().values() if part.WITHOUT]
    part = filters().get(name or "") or _part(points(APPS).get(name or ""))
    return [] if part is None else [part]


def needed_before(part: type[PipelinePart]) -> Sequence[str]:
    """Return the names of the filters that set the keys that ``part`` needs."""
    return [name for name, other in filters().items() if _serves(other, part)]


def setter(key: str) -> str:
    """Return the name of the filter that sets an environ key."""
    return next(name for name, part in filters().items() if key in part.WRITES)


def order() -> str:
    """Return the order of a pipeline, for errors."""
    return " ".join((*filters(), "app"))
