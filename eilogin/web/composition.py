"""Find the parts of eilogin inside a filter, and report a missing one.

PasteDeploy builds a pipeline from the inside out, so a filter has the application that
it wraps from the beginning. :func:`require_inside` searches that application, also
through filters of others. If a part is missing, the start fails, whatever server loads
the file. A part of eilogin has its name in the class attribute ``eilogin_part``.
"""

import gc
from collections import deque
from collections.abc import Iterable, Mapping
from types import (
    CellType,
    CodeType,
    FrameType,
    FunctionType,
    MappingProxyType,
    ModuleType,
    NoneType,
)

from eilogin.config import Options, section_of
from eilogin.errors import Fault, InvalidOptions
from eilogin.web.environ import ORDER

#: The consequence of a filter that is missing from the pipeline of a participant.
WITHOUT: Mapping[str, str] = MappingProxyType(
    {
        "session": "nobody can have a session",
        "trust": "nobody is trusted",
        "login": "nobody has to log in",
        "logout": "a logout elsewhere does not end the session here",
        "identity": "the application does not learn who the visitor is, and a client "
        "can forge Remote-User",
    }
)

#: The cure if a site is mounted elsewhere than ``public_url`` says.
MOUNT_CURE = (
    "put the filters around the composite, so that they guard the whole host. Or "
    "write the path behind the host in public_url, and send the new metadata to "
    "the operator"
)

#: Applications of eilogin that need no ``identity``.
WITHOUT_IDENTITY = frozenset(("hub", "portal"))

#: Most objects that a search visits. An inner filter is among the first ones.
_MOST = 5000
#: Types that may hold many objects, and the size up to which one is searched early.
_CONTAINERS, _FEW = (dict, list, tuple, set, frozenset, CellType), 100
#: Types of objects that hold no application.
_LEAVES = (str, bytes, int, float, type, ModuleType, CodeType, FrameType, NoneType)


def parts_inside(app: object) -> frozenset[str]:
    """Return the names of eilogin's parts that ``app`` consists of or refers to.

    The search follows callables, and the tables and objects in which a filter keeps
    them. It does not follow what these objects keep in turn. A logger, for example,
    leads to all other loggers, and so to other sites of this process. No code of
    ``app`` runs.
    """
    found: set[str] = set()
    seen: dict[int, object] = {}
    waiting, tables = deque([(app, 0)]), deque[tuple[object, int]]()
    while (waiting or tables) and len(seen) < _MOST:
        one, steps = (waiting or tables).popleft()
        kind = type(one)
        # No isinstance: it makes a lazy object load its target, to get the class.
        if id(one) in seen or issubclass(kind, _LEAVES):
            continue
        seen[id(one)] = one
        found.add(getattr(kind, "eilogin_part", ""))
        if kind not in _CONTAINERS:
            steps = 0 if callable(one) else steps + 1
        if steps <= 1:
            held = [(inner, steps) for inner in _held_by(one)]
            # Large tables of a filter, such as one of files, come last.
            is_table = kind in _CONTAINERS and len(held) > _FEW
            (tables if is_table else waiting).extend(held)
    return frozenset(found - {""})


def _held_by(one: object) -> Iterable[object]:
    if type(one) is FunctionType:
        # Skip its globals: they are the rest of its module.
        return (one.__closure__, one.__defaults__, one.__kwdefaults__, vars(one))
    if hasattr(type(one), "eilogin_part"):
        # In a part of eilogin, only ``app`` leads further inside.
        return (getattr(one, "app", None),)
    return gc.get_referents(one)


def missing_inside(app: object, *needed: str) -> list[str]:
    """Return those of ``needed`` that a search does not find inside ``app``."""
    found = parts_inside(app)
    if found & WITHOUT_IDENTITY:
        found |= {"identity"}
    return [name for name in needed if name not in found]


def lacks(name: str) -> str:
    """Describe the fault of a missing filter ``name``, and the cure."""
    return (
        f"expected the filter '{name}' between it and the application, because "
        f"without it {WITHOUT[name]}; add a section with 'use = "
        f"egg:eilogin#{name}'; the order is: {' '.join(ORDER)} app"
    )


def require_inside(
    app: object,
    needed: Iterable[str],
    declared: type[Options],
    global_conf: Mapping[str, str],
    local_conf: Mapping[str, str],
) -> None:
    """Refuse to build a filter around ``app`` if a part of ``needed`` is missing.

    Raises :class:`eilogin.errors.InvalidOptions`, which names the section of the filter
    with the options ``declared``.
    """
    missing = missing_inside(app, *needed)
    if missing:
        file = global_conf.get("__file__", "")
        section = section_of(declared, file, local_conf)
        raise InvalidOptions(
            [Fault(file, section, "", "", lacks(name)) for name in missing]
        )
