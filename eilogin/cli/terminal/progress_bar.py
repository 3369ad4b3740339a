"""How far a long piece of work is, for who waits for it at a terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import click

_T = TypeVar("_T")

#: How many there have to be for a progress bar.
_MANY = 200


def bar(label: str) -> Callable[[list[_T]], Iterable[_T]]:
    """Goes through something, and on a terminal shows how far it is."""

    def through(items: list[_T]) -> Iterator[_T]:
        hidden = len(items) < _MANY or not sys.stderr.isatty()
        with click.progressbar(
            items, label=label, file=sys.stderr, hidden=hidden
        ) as shown:
            yield from shown

    return through
