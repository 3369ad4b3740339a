"""Read values of several lines, and name the line of each fault."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from eilogin.config.redaction import without_password

_T = TypeVar("_T")


def split(text: str) -> tuple[str, ...]:
    """Return the lines of a text without blank ones, and without blanks around them."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def read_lines(lines: Sequence[str], read_line: Callable[[str], _T]) -> tuple[_T, ...]:
    """Read each line with ``read_line``; ValueError with the faults of all lines."""
    values, faults = [], []
    for number, line in enumerate(lines, 1):
        try:
            values.append(read_line(line))
        except ValueError as fault:
            faults.append(f"{fault}{_in_line(number, line)}")
    if faults:
        raise ValueError("; expected ".join(faults))
    return tuple(values)


def _in_line(number: int, line: str) -> str:
    return f" (line {number}: {without_password(line)!r})"


def is_quoted(value: str, expected: str) -> bool:
    """Return whether an error of :func:`read_lines` quotes a line of this value."""
    lines = enumerate(split(value), 1)
    return any(_in_line(number, line) in expected for number, line in lines)


def comment_in(value: str) -> str:
    """Return the comment mark (" ;" or " #") in a value, or ""."""
    return next((mark for mark in (" ;", " #") if mark in value), "")


def no_comments(value: str) -> str:
    """Return a hint if a value seems to contain a comment, or ""."""
    mark = comment_in(value)
    hint = f"an ini file has no comments after a value: '{mark}' is a part of it"
    return f" ({hint})" if mark else ""
