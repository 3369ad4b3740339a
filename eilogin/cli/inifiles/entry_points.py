"""The entry points that eilogin offers to an ini file, and their options."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from eilogin.config import REGISTRY, Options
from eilogin.web.environ import ORDER

#: The group of entry points for each kind of section.
_GROUPS = {
    "filter": "paste.filter_app_factory",
    "app": "paste.app_factory",
    "composite": "paste.composite_factory",
}


@cache
def names(kind: str) -> tuple[str, ...]:
    """The names that ``egg:eilogin#NAME`` can have in a section of a kind.

    ``kind`` is ``filter``, ``app`` or ``composite``. Loading them declares their
    options.
    """
    found = [
        point
        for point in entry_points(group=_GROUPS[kind])
        if point.dist is not None and point.dist.name == "eilogin"
    ]
    for point in found:
        point.load()
    return tuple(point.name for point in found)


def kind_of(name: str) -> str | None:
    """The kind of section for a name, or None for an unknown one."""
    return next((kind for kind in _GROUPS if name in names(kind)), None)


def declared() -> Mapping[str, type[Options]]:
    """The options of each filter and app, in the order of a pipeline."""
    filters = sorted(names("filter"), key=("main", *ORDER).index)
    known = [*filters, *names("app"), *names("composite")]
    return {name: REGISTRY[name] for name in known if name in REGISTRY}
