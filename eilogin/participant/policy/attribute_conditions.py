"""What a line of ``protect`` says of attributes: what the hub must have told of her.

::

    /beheer   substantieel   role=beheerder|hoofd   urn:oid:2.5.4.10=*

All of these must hold: one of her values of ``role`` is ``beheerder`` or ``hoofd``, and
the attribute ``urn:oid:2.5.4.10`` has a value. Names and values are compared as they
are, letter by letter; what a line cannot have in it (a blank, ``|``, ``=`` in a name)
is written encoded, as in ``role=hoofd%20beheer``. ``attribute:NAME=VALUE`` says the
same, for an attribute that has the name of a setting.

Who is kept out by them is told so in ``attribute_access``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

Attributes = Mapping[str, Sequence[str]]

#: What stands before the name of an attribute where it could be mistaken.
PREFIX = "attribute:"
#: In the place of values: any will do.
_ANY = "*"
#: What could be somebody's address or number is shown to nobody.
_may_name_somebody = re.compile(r"@|\d{5}").search


@dataclass(frozen=True, slots=True)
class Condition:
    """An attribute, and the values of which she must have one."""

    name: str
    #: None where any value will do.
    values: frozenset[str] | None = None
    #: The path of the line that it stands in, as written, for the log.
    path: str = field(default="", compare=False)

    @classmethod
    def parse(cls, word: str) -> "Condition":
        """What ``NAME=VALUE|VALUE`` or ``NAME=*`` states, or ValueError."""
        name, _, values = word.removeprefix(PREFIX).partition("=")
        if values == _ANY:
            return cls(_decoded(name, word))
        if _ANY in values:
            raise ValueError(f"whole values, or '*' alone for any, found {word!r}")
        found = [_decoded(value, word) for value in values.split("|")]
        return cls(_decoded(name, word), frozenset(found))

    def is_met(self, attributes: Attributes) -> bool:
        """Whether what the hub told of somebody is enough."""
        if self.values is None:
            return has_value(attributes, self.name)
        return not self.values.isdisjoint(attributes.get(self.name, ()))

    @property
    def shown(self) -> tuple[str, ...]:
        """The values as a page may show them: none where one could name somebody."""
        values = self.values or frozenset()
        return () if any(map(_may_name_somebody, values)) else tuple(sorted(values))

    @property
    def told(self) -> str:
        """The condition as a log may repeat it, with no more than a page may show."""
        hidden = "a value that the log does not show"
        values = _ANY if self.values is None else "|".join(self.shown) or hidden
        return f"{self.name}={values}"


def has_value(attributes: Attributes, name: str) -> bool:
    """Whether an attribute is there and says something."""
    return any(value.strip() for value in attributes.get(name, ()))


def _decoded(text: str, word: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeError:
        raise ValueError(f"names and values in UTF-8, found {word!r}") from None
    if not decoded:
        raise ValueError(f"NAME=VALUE, such as 'role=admin', found {word!r}")
    return decoded
