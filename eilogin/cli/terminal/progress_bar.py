"""Show the progress of long work at a terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import click

_T = TypeVar("_T")

#: The fewest items for a progress bar.
_MANY = 200


def bar(label: str) -> Callable[[list[_T]], Iterable[_T]]:
    """Return a function that iterates over a list and shows the progress."""

    def iterate(items: list[_T]) -> Iterator[_T]:
        hidden = len(items) < _MANY or not sys.stderr.isatty()
        with click.progressbar(
            items, label=label, file=sys.stderr, hidden=hidden
        ) as progress:
            yield from progress

    return iterate
