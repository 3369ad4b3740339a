"""Show how many members have been read."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

#: Goes through members, or what stands for them.
Through = Callable[[list[Any]], Iterable[Any]]
_gone_through: ContextVar[Through] = ContextVar("_gone_through", default=iter)


def gone_through() -> Through:
    """How members are gone through here."""
    return _gone_through.get()


@contextmanager
def showing(through: Through) -> Iterator[None]:
    """Have members that are read inside gone through by a function that shows it."""
    token = _gone_through.set(through)
    try:
        yield
    finally:
        _gone_through.reset(token)
