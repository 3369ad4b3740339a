"""Conditions on attributes in a line of ``protect``, which must all hold.

They are ``NAME=VALUE|VALUE`` or ``NAME=*``. eilogin compares names and values exactly.
Blanks, ``|``, and ``=`` in a name are encoded: ``role=hoofd%20beheer``. An attribute
with the name of a setting is ``attribute:NAME``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

Attributes = Mapping[str, Sequence[str]]

PREFIX = "attribute:"
_ANY = "*"
#: Matches a value that may name a person, so that no page or log shows it.
_may_name_somebody = re.compile(r"@|\d{5}").search


@dataclass(frozen=True, slots=True)
class Condition:
    """An attribute, and its accepted values."""

    name: str
    #: None for any value.
    values: frozenset[str] | None = None
    #: The path of its line of ``protect``, for the log.
    path: str = field(default="", compare=False)

    @classmethod
    def parse(cls, word: str) -> "Condition":
        """Parse ``NAME=VALUE|VALUE`` or ``NAME=*``, or raise ValueError."""
        name, _, values = word.removeprefix(PREFIX).partition("=")
        if values == _ANY:
            return cls(_decoded(name, word))
        if _ANY in values:
            raise ValueError(f"whole values, or '*' alone for any, found {word!r}")
        accepted = [_decoded(value, word) for value in values.split("|")]
        return cls(_decoded(name, word), frozenset(accepted))

    def is_met(self, attributes: Attributes) -> bool:
        """Return whether the hub's attributes meet the condition."""
        if self.values is None:
            return has_value(attributes, self.name)
        return not self.values.isdisjoint(attributes.get(self.name, ()))

    @property
    def shown(self) -> tuple[str, ...]:
        """The values for a page: none if one could name somebody."""
        values = self.values or frozenset()
        return () if any(map(_may_name_somebody, values)) else tuple(sorted(values))

    @property
    def log_text(self) -> str:
        """The condition for a log, with no more than a page may show."""
        hidden = "a value that the log does not show"
        values = _ANY if self.values is None else "|".join(self.shown) or hidden
        return f"{self.name}={values}"


def has_value(attributes: Attributes, name: str) -> bool:
    """Return whether an attribute exists and is not blank."""
    return any(value.strip() for value in attributes.get(name, ()))


def _decoded(text: str, word: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeError:
        raise ValueError(f"names and values in UTF-8, found {word!r}") from None
    if not decoded:
        raise ValueError(f"NAME=VALUE, such as 'role=admin', found {word!r}")
    return decoded
