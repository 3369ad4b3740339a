"""Show how many members have been read."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

#: Iterates over members, or what stands for them.
Through = Callable[[list[Any]], Iterable[Any]]
_gone_through: ContextVar[Through] = ContextVar("_gone_through", default=iter)


def gone_through() -> Through:
    """The present way to iterate over members."""
    return _gone_through.get()


@contextmanager
def showing(through: Through) -> Iterator[None]:
    """Iterate over members inside by a function that shows it."""
    token = _gone_through.set(through)
    try:
        yield
    finally:
        _gone_through.reset(token)
