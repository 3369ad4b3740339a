"""Convert the lines of federation options into values."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

from eilogin.config import (
    Lines,
    did_you_mean,
    name_of,
    read_lines,
    seconds_of,
    split,
    words_of,
)
from eilogin.saml.assurance_levels import LEVELS, Classes
from eilogin.saml.metadata import LONGEST_KEYWORD, MOST_KEYWORDS
from eilogin.saml.weak_algorithms import WEAK

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")

_DAY = 86400.0
_WHOLE = 100

#: In seconds; spares the server.
_SHORTEST_INTERVAL = 60.0

_REQUIRED = "required"


def _weak(value: object) -> object:
    names = words_of(value)
    if not isinstance(names, tuple):
        return names
    for name in names:
        if name not in WEAK:
            hint = did_you_mean(name, WEAK)
            raise ValueError(f"some of {' '.join(WEAK)}, not {name!r}{hint}")
    return frozenset(names)


def _classes(value: object) -> object:
    if not isinstance(value, str):
        return value
    by_level: dict[str, tuple[str, ...]] = {}
    listed: set[str] = set()

    def read(line: str) -> None:
        level, *classes = line.split()
        if level not in LEVELS:
            hint = did_you_mean(level, LEVELS)
            raise ValueError(f"a level ({', '.join(LEVELS)}) first{hint}")
        if level in by_level:
            raise ValueError("each level once, followed by all its classes")
        if not classes or not all(map(_URI.fullmatch, classes)):
            raise ValueError("a level, followed by the URIs of its classes")
        if len(set(classes)) < len(classes) or listed & set(classes):
            raise ValueError("each class once, at one level")
        by_level[level] = tuple(classes)
        listed.update(classes)

    read_lines(split(value), read)
    if not by_level:
        raise ValueError("a line for each level, with its classes")
    return Classes({level: by_level[level] for level in LEVELS if level in by_level})


@dataclass(frozen=True, slots=True)
class RequestedAttribute:
    """An attribute that a participant requests."""

    name: str
    is_required: bool = False


def _requested(line: str) -> RequestedAttribute:
    name, _, word = line.rpartition(" ")
    # Names of attributes may contain blanks.
    is_slip = name and word != _REQUIRED and _REQUIRED in word.lower()
    if word != _REQUIRED or not name:
        name, word = line, ""
    name = name.strip()
    if not name.isprintable() or is_slip:
        raise ValueError(
            "the name of an attribute, and optionally 'required' behind it"
        )
    return RequestedAttribute(name_of(name), is_required=bool(word))


def _of_lines(read_line: Callable[[str], object]) -> Callable[[object], object]:
    def read(value: object) -> object:
        return read_lines(split(value), read_line) if isinstance(value, str) else value

    return read


def _keywords(value: object) -> object:
    if not isinstance(value, str):
        return value
    texts = (" ".join(word.split()) for word in value.replace("\n", ",").split(","))
    words = tuple(dict.fromkeys(filter(None, texts)))
    is_odd = any(
        len(word) > LONGEST_KEYWORD or "+" in word or not word.isprintable()
        for word in words
    )
    if is_odd or len(words) > MOST_KEYWORDS:
        raise ValueError(
            f"at most {MOST_KEYWORDS} words, separated by commas, each of at most"
            f" {LONGEST_KEYWORD} characters and without a plus sign"
        )
    return words


def uri(line: str) -> str:
    """Return a URI unchanged, or raise ValueError."""
    if not _URI.fullmatch(line):
        raise ValueError("a URI such as 'https://refeds.org/category/personalized'")
    return line


def days_of(value: object) -> object:
    """Convert days to seconds, ``off`` to None."""
    if not isinstance(value, str):
        return value
    if value.strip() == "off":
        return None
    days = re.fullmatch(r"\s*([1-9]\d{0,4})\s*d\s*", value, re.ASCII)
    if days is None:
        raise ValueError("a number of days such as '30d', or 'off'")
    return int(days[1]) * _DAY


def _interval(value: object) -> object:
    if isinstance(value, str) and value.strip() == "off":
        return None
    try:
        seconds = seconds_of(value)
    except ValueError:
        seconds = 0.0
    if isinstance(seconds, float) and seconds < _SHORTEST_INTERVAL:
        raise ValueError("a duration of a minute or more such as '1h', or 'off'")
    return seconds


def _percent(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip() == "off":
        return None
    percent = re.fullmatch(r"\s*(\d{1,3})\s*%?\s*", value, re.ASCII)
    if percent is None or not 1 <= int(percent[1]) <= _WHOLE:
        raise ValueError(f"a percentage of 1 to {_WHOLE} such as '25', or 'off'")
    return float(percent[1])


#: Days, in seconds; None for ``off``.
Days = Annotated[float | None, BeforeValidator(days_of)]
#: A percentage; None for ``off``.
Percent = Annotated[float | None, BeforeValidator(_percent)]
#: A duration in seconds; None for ``off``.
Interval = Annotated[float | None, BeforeValidator(_interval)]
WeakAlgorithms = Annotated[frozenset[str], BeforeValidator(_weak)]
LevelClasses = Annotated[Classes, BeforeValidator(_classes)]
RequestedAttributes = Annotated[
    tuple[RequestedAttribute, ...], BeforeValidator(_of_lines(_requested))
]
Keywords = Annotated[tuple[str, ...], BeforeValidator(_keywords)]
URIs = Annotated[Lines, BeforeValidator(_of_lines(uri))]
