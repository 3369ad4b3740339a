"""The filters and applications of eilogin; their environ keys determine the order."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import entry_points
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
def factories(group: str) -> Mapping[str, Callable[..., object]]:
    """Load eilogin's entry points of a group, by name; this declares their options."""
    return MappingProxyType(
        {
            point.name: point.load()
            for point in entry_points(group=group)
            if point.dist is not None and point.dist.name == "eilogin"
        }
    )


def _declared(group: str) -> Mapping[str, type[PipelinePart]]:
    classes = [
        factory.__annotations__["return"] for factory in factories(group).values()
    ]
    parts = [
        cls
        for cls in classes
        if isinstance(cls, type) and issubclass(cls, PipelinePart)
    ]
    return {part.eilogin_part: part for part in parts}


@cache
def filters() -> Mapping[str, type[PipelinePart]]:
    """Return the filters by name, in the order of a pipeline, the outermost first."""
    declared = _declared(FILTERS)
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
    part = filters().get(name or "") or _declared(APPS).get(name or "")
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
