"""Parse one line of ``protect``: a path, a need, methods, limits and attributes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

from pydantic import TypeAdapter, ValidationError

from eilogin.config import Seconds, did_you_mean
from eilogin.errors import PathRefused
from eilogin.participant.policy.attribute_conditions import PREFIX, Condition
from eilogin.participant.policy.path_variants import (
    Segment,
    fault_in,
    segments_of,
    without_view_prefix,
)
from eilogin.participant.policy.strictest_rule import NEEDS, PathRule
from eilogin.saml.assurance_levels import LEVELS

#: Seconds: activity is written once a minute, and clocks may differ by one.
_SHORTEST = {"idle": 120.0, "max_age": 60.0}

_EXAMPLE = "a path and a rule, such as '/mijn/bezwaar midden'"
_SETTINGS = ("methods", "idle", "max_age")


class RuleLine(NamedTuple):
    """The content of one line."""

    #: Decoded; begins with ``=`` if the rule holds for no path below it.
    path: str
    rule: PathRule
    #: Empty for all.
    methods: Sequence[str]


def read_line(line: str) -> RuleLine:
    """Parse a line, or raise ValueError."""
    match line.split():
        case [written, need, *words]:
            pass
        case _:
            raise ValueError(_EXAMPLE)
    settings, conditions = _settings_and_conditions(words)
    path = _path_of(written)
    if need not in NEEDS:
        hint = did_you_mean(need, NEEDS)
        raise ValueError(f"one of {', '.join(NEEDS)}, found {need!r}{hint}")
    limits = {name: _limit(name, settings) for name in _SHORTEST if name in settings}
    additions = [*limits, *sorted(condition.name for condition in conditions)]
    if additions and need not in LEVELS:
        raise ValueError(
            f"a level on a line with {' and '.join(additions)}, found {need!r}"
        )
    located = frozenset(replace(condition, path=written) for condition in conditions)
    rule = PathRule(need, **limits, conditions=located)
    return RuleLine(path, rule, _methods_in(settings.get("methods")))


def _settings_and_conditions(
    words: Sequence[str],
) -> tuple[dict[str, str], set[Condition]]:
    settings: dict[str, str] = {}
    conditions = set()
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(
                f"{_EXAMPLE}, followed only by methods=, idle=, max_age= or "
                f"attributes as in role=admin; found {word!r}"
            )
        if name in settings:
            raise ValueError(f"{name}= once on a line, found {word!r} too")
        if name in _SETTINGS:
            settings[name] = value
        else:
            _require_no_typo(name, word)
            conditions.add(Condition.parse(word))
    return settings, conditions


def _require_no_typo(name: str, word: str) -> None:
    hint = did_you_mean(name.lower(), _SETTINGS)
    if hint and not word.startswith(PREFIX):
        raise ValueError(
            f"methods=, idle= or max_age=, found {word!r}{hint} (for an attribute "
            f"of that name write '{PREFIX}{word}')"
        )


def _path_of(written: str) -> str:
    if re.search(r"[*?#]", written):
        raise ValueError(
            "a path without '*', '?' and '#' (it covers all paths below it), found "
            f"{written!r}"
        )
    try:
        path = normalize("NFC", unquote(written, errors="strict"))
    except UnicodeError:
        raise ValueError(f"a path in UTF-8, found {written!r}") from None
    if not path.startswith(("/", "=/")):
        raise ValueError(f"a path that begins with '/' or '=/', found {written!r}")
    bare = path.removeprefix("=")
    fault = fault_in(bare)
    if fault:
        raise ValueError(f"a path that a request can have, found one that {fault}")
    names = map(without_view_prefix, segments_of(bare))
    if not all(name and _reads_in_one_way(name) for name in names):
        raise ValueError(f"a path with only one possible reading, found {written!r}")
    return path


def _reads_in_one_way(name: str) -> bool:
    try:
        return len(Segment.of(name).readings) == 1
    except PathRefused:
        return False


_seconds = TypeAdapter(Seconds).validate_python


def _limit(name: str, settings: Mapping[str, str]) -> float:
    text, shortest = settings[name], _SHORTEST[name]
    try:
        seconds = _seconds(text)
    except ValidationError:
        seconds = 0.0
    if seconds < shortest:
        least = f"{shortest / 60:.0f}m"
        raise ValueError(
            f"{name}= with a duration such as '10m', at least {least}, found {text!r}"
        )
    return seconds


def _methods_in(text: str | None) -> Sequence[str]:
    if text is None:
        return ()
    names = text.split(",")
    if not all(re.fullmatch(r"[A-Z]+(?:-[A-Z]+)*", name) for name in names):
        raise ValueError(f"methods= with names such as 'GET,POST', found {text!r}")
    return names
