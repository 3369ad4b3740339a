"""Options with a line for each participant: an entityID or ``*``, and a value."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from eilogin.config import read_lines, split

_T = TypeVar("_T")

#: Stands for every participant without a line.
EVERYBODY = "*"


def value_for(lines: Mapping[str, _T], entity_id: str) -> _T | None:
    """Return the value for a participant, else that of ``*``, else None."""
    return lines.get(entity_id, lines.get(EVERYBODY))


def read_by_entity(
    value: object, expected: str, read_rest: Callable[[Sequence[str]], _T | None]
) -> object:
    """Read the option's text into values by entityID; return others unchanged.

    ``read_rest`` reads the words after the entityID, or returns None. Raises ValueError
    for an unreadable line, with the text ``expected``, or for two lines of an entityID.
    """
    if not isinstance(value, str):
        return value

    def read_line(line: str) -> tuple[str, _T]:
        first_word, *other_words = line.split()
        setting = read_rest(
            other_words[1:] if other_words[:1] == ["="] else other_words
        )
        if setting is None or not (first_word == EVERYBODY or ":" in first_word):
            raise ValueError(expected)
        return first_word, setting

    lines = read_lines(split(value), read_line)
    settings = dict(lines)
    if len(settings) < len(lines):
        first_words = [first_word for first_word, _ in lines]
        twice = next(
            first_word
            for first_word in first_words
            if first_words.count(first_word) > 1
        )
        raise ValueError(f"one line for each entityID; {twice!r} has two")
    return settings
