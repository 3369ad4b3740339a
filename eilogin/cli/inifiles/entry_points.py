"""The entry points that eilogin offers to an ini file, and their options."""

from collections.abc import Mapping

from eilogin.config import REGISTRY, Options
from eilogin.web.pipeline import pipeline_parts
from eilogin.web.pipeline.pipeline_parts import APPS, FILTERS, MAIN

_GROUPS = {
    "filter": FILTERS,
    "app": APPS,
    "composite": "paste.composite_factory",
}


def names(kind: str) -> tuple[str, ...]:
    """Return the names in ``egg:eilogin#NAME`` for filters, apps or composites."""
    return tuple(pipeline_parts.points(_GROUPS[kind]))


def kind_of(name: str) -> str | None:
    """Return the kind of section for a name, or None for an unknown one."""
    return next((kind for kind in _GROUPS if name in names(kind)), None)


def options_of(name: str | None) -> type[Options] | None:
    """Return the options of ``egg:eilogin#NAME``; load only that filter or app."""
    for group in _GROUPS.values():
        if point := pipeline_parts.points(group).get(name or ""):
            point.load()
    return REGISTRY.get(name or "")


def declared() -> Mapping[str, type[Options]]:
    """Return the options of each filter and app, in the order of a pipeline."""
    entry_points = [MAIN, *pipeline_parts.filters(), *names("app"), *names("composite")]
    return {name: options for name in entry_points if (options := options_of(name))}
