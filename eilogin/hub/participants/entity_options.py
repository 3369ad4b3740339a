"""Lines of an option of the hub that say something of each participant.

The first word of a line is its entityID, or ``*`` for everybody who has no line; a
``=`` may stand behind it::

    https://uwv.example.nl/eilogin/metadata   browser
    *                                       = soap
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from eilogin.config import read_lines, split

_T = TypeVar("_T")

#: In the place of an entityID: everybody who has no line.
EVERYBODY = "*"


def said_for(lines: Mapping[str, _T], entity_id: str) -> _T | None:
    """What is said of a participant; None where nothing is of it nor of everybody."""
    return lines.get(entity_id, lines.get(EVERYBODY))


def read_by_entity(
    value: object, expected: str, read_rest: Callable[[Sequence[str]], _T | None]
) -> object:
    """The text of such an option, by entityID; what is no text comes back as it is.

    ``read_rest`` makes what is meant of the other words of a line, or None where they
    mean nothing. ValueError says what is ``expected`` of a line that cannot be read, or
    of whom there are two.
    """
    if not isinstance(value, str):
        return value

    def read_line(line: str) -> tuple[str, _T]:
        who, *rest = line.split()
        found = read_rest(rest[1:] if rest[:1] == ["="] else rest)
        if found is None or not (who == EVERYBODY or ":" in who):
            raise ValueError(expected)
        return who, found

    lines = read_lines(split(value), read_line)
    found = dict(lines)
    if len(found) < len(lines):
        named = [who for who, _ in lines]
        twice = next(who for who in named if named.count(who) > 1)
        raise ValueError(f"one line for each entityID; {twice!r} has two")
    return found
