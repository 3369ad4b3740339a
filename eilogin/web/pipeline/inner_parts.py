"""Find the parts of eilogin inside a filter; a missing one stops the start."""

import gc
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import (
    CellType,
    CodeType,
    FrameType,
    FunctionType,
    ModuleType,
    NoneType,
)
from typing import NamedTuple, TypeGuard

from eilogin.config import Options, section_of
from eilogin.errors import Fault, InvalidOptions
from eilogin.web.pipeline.pipeline_parts import PipelinePart, filters, order

#: The cure if a site is mounted elsewhere than ``public_url`` says.
MOUNT_CURE = (
    "put the filters around the composite, so that they guard the whole host. Or "
    "write the path behind the host in public_url, and send the new metadata to "
    "the operator"
)

#: Most objects of a search; inner filters are among the first.
_MOST = 5000
#: Types with many objects, and the size for an early search.
_CONTAINERS, _FEW = (dict, list, tuple, set, frozenset, CellType), 100
_LEAVES = (str, bytes, int, float, type, ModuleType, CodeType, FrameType, NoneType)


class Placed(NamedTuple):
    """A part of eilogin, and the parts around it, the outermost first."""

    part: PipelinePart
    around: tuple[object, ...]


def parts_inside(app: object) -> frozenset[str]:
    """Return the names of eilogin's parts that ``app`` consists of or refers to."""
    return frozenset(placed.part.eilogin_part for placed in placed_inside(app))


def placed_inside(app: object) -> Iterator[Placed]:
    """Yield eilogin's parts that ``app`` consists of or refers to; run no code of it.

    The search follows callables, and the tables and objects in which a filter keeps
    them. It goes no further: a logger leads to other sites.
    """
    visited: dict[int, object] = {}
    waiting, tables = deque([_Reached(app)]), deque[_Reached]()
    while (waiting or tables) and len(visited) < _MOST:
        reached = (waiting or tables).popleft()
        held = reached.held
        # isinstance would make a lazy object load its target.
        if id(held) in visited or issubclass(type(held), _LEAVES):
            continue
        visited[id(held)] = held
        if _is_part(held):
            yield Placed(held, reached.around)
        further = reached.further()
        # Search large tables, such as one of files, last.
        is_table = type(held) in _CONTAINERS and len(further) > _FEW
        (tables if is_table else waiting).extend(further)


class _Reached(NamedTuple):
    held: object
    steps: int = 0
    around: tuple[object, ...] = ()

    def further(self) -> list["_Reached"]:
        steps, around = self.steps, self.around
        if type(self.held) not in _CONTAINERS:
            steps = 0 if callable(self.held) else steps + 1
        if steps > 1:
            return []
        if _is_part(self.held):
            around = (*around, self.held)
        return [_Reached(inner, steps, around) for inner in _held_by(self.held)]


def _is_part(held: object) -> TypeGuard[PipelinePart]:
    return issubclass(type(held), PipelinePart)


def _held_by(held: object) -> Iterable[object]:
    if type(held) is FunctionType:
        # Not its globals: they are the rest of its module.
        return (held.__closure__, held.__defaults__, held.__kwdefaults__, vars(held))
    if _is_part(held):
        return (getattr(held, "app", None),)
    return gc.get_referents(held)


def missing_inside(app: object, *needed: str) -> list[str]:
    """Return those of ``needed`` that are not inside ``app``."""
    names = {
        name
        for placed in placed_inside(app)
        for name in (placed.part.eilogin_part, *placed.part.SPARES)
    }
    return [name for name in needed if name not in names]


def lacks(name: str) -> str:
    """Return the fault of a missing filter ``name``, and the cure."""
    return (
        f"expected the filter '{name}' between it and the application, because "
        f"without it {filters()[name].WITHOUT}; add a section with 'use = "
        f"egg:eilogin#{name}'; the order is: {order()}"
    )


def require_inside(
    app: object,
    needed: Iterable[str],
    declared: type[Options],
    global_conf: Mapping[str, str],
    local_conf: Mapping[str, str],
) -> None:
    """Raise InvalidOptions for the section of a filter that lacks a part inside."""
    missing = missing_inside(app, *needed)
    if missing:
        file = global_conf.get("__file__", "")
        section = section_of(declared, file, local_conf)
        raise InvalidOptions(
            [Fault(file, section, "", "", lacks(name)) for name in missing]
        )
