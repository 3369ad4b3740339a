"""The typed objects that the parts of a loaded pipeline hand on to a command."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from eilogin.web.pipeline.inner_parts import placed_inside

_T = TypeVar("_T")


class PipelineObjects:
    """The objects of one part and of the parts around it, the outermost first."""

    def __init__(self, objects: Sequence[object] = ()) -> None:
        self._objects = objects

    def get(self, kind: type[_T]) -> _T | None:
        """Return the innermost object of a type, or None."""
        fitting = (
            handed for handed in reversed(self._objects) if isinstance(handed, kind)
        )
        return next(fitting, None)

    def within(self, part: object) -> "PipelineObjects":
        """Return these objects, and those that the next part inside hands on."""
        if not isinstance(part, HandsOn):
            return self
        return PipelineObjects((*self._objects, *part.hand_on(self)))


@runtime_checkable
class HandsOn(Protocol):
    """A part of eilogin that hands on typed objects."""

    def hand_on(self, outer: PipelineObjects) -> Iterable[object]:
        """Return the objects of this part; ``outer`` are those of the parts around."""


def pipelines_with(app: object, kind: type[object]) -> Iterator[PipelineObjects]:
    """Yield the objects up to each part in ``app`` that hands on one of a type."""
    for placed in placed_inside(app):
        outer = PipelineObjects()
        for part in placed.around:
            outer = outer.within(part)
        inner = outer.within(placed.part)
        if inner.get(kind) is not outer.get(kind):
            yield inner


def object_in(app: object, kind: type[_T]) -> _T:
    """Return the object of a type that ``app`` hands on; raise LookupError without."""
    for objects in pipelines_with(app, kind):
        if (handed := objects.get(kind)) is not None:
            return handed
    raise LookupError(f"no part of eilogin hands on a {kind.__name__}")
