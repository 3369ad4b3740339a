"""Mark writes of a request as a part of a logout, which a full store still accepts.

Each store has a reserve for logouts, which no login may use.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_IS_LOGOUT = ContextVar("eilogin.stores.logout_reserve", default=False)


@contextmanager
def for_logout() -> Iterator[None]:
    """Let the store verbs in this context use the reserve."""
    token = _IS_LOGOUT.set(True)
    try:
        yield
    finally:
        _IS_LOGOUT.reset(token)


def may_be_used() -> bool:
    """Whether the current context belongs to a logout."""
    return _IS_LOGOUT.get()
