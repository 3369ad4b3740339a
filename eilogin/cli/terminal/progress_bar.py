"""Show the progress of a long piece of work at a terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import click

_T = TypeVar("_T")

#: The fewest items for a progress bar.
_MANY = 200


def bar(label: str) -> Callable[[list[_T]], Iterable[_T]]:
    """Iterate over a list, and show the progress at a terminal."""

    def through(items: list[_T]) -> Iterator[_T]:
        hidden = len(items) < _MANY or not sys.stderr.isatty()
        with click.progressbar(
            items, label=label, file=sys.stderr, hidden=hidden
        ) as shown:
            yield from shown

    return through
