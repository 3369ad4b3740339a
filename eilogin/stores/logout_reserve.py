"""Mark what a request writes as a part of a logout, which a full store still accepts.

A store without room refuses logins and everything else that needs room. A logout must
not fail for that. So each store has a reserve, and only a logout may use it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_IS_LOGOUT = ContextVar("eilogin.stores.logout_reserve", default=False)


@contextmanager
def for_logout() -> Iterator[None]:
    """Let the store verbs that this context calls use the reserve."""
    token = _IS_LOGOUT.set(True)
    try:
        yield
    finally:
        _IS_LOGOUT.reset(token)


def may_be_used() -> bool:
    """Return whether the current context belongs to a logout."""
    return _IS_LOGOUT.get()
