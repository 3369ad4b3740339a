"""Show how many members have been read."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

#: Iterates over members, or over a placeholder for each.
Iterate = Callable[[list[Any]], Iterable[Any]]
_iteration: ContextVar[Iterate] = ContextVar("_iteration", default=iter)


def iteration() -> Iterate:
    """Return the function with which to iterate over members."""
    return _iteration.get()


@contextmanager
def showing(iterate: Iterate) -> Iterator[None]:
    """Iterate over members, in the block, by a function that shows progress."""
    token = _iteration.set(iterate)
    try:
        yield
    finally:
        _iteration.reset(token)
