"""Objects that keep data of a session outside the store, and delete it at its end.

When the session ends, such data must become unreachable even without a call: eilogin
calls no keeper if the session expires, another process ends it, or a call fails.
"""

import logging
import weakref
from collections.abc import Iterable
from typing import Protocol

from eilogin.sessions.session_records import Login

_log = logging.getLogger("eilogin.sessions")


class Keeper(Protocol):
    """An object that keeps data of sessions."""

    def forget(self, login: Login) -> None:
        """Delete the data of an ended login, of any site of this process."""


#: Replaced, never changed: other threads iterate over it.
_keepers: "tuple[weakref.ref[Keeper], ...]" = ()


def register_keeper(keeper: Keeper) -> None:
    """Register a keeper, by a weak reference."""
    global _keepers  # noqa: PLW0603 - what a process knows
    registered = (reference for reference in _keepers if reference() is not None)
    _keepers = (*registered, weakref.ref(keeper))


def has_keepers() -> bool:
    """Return whether any keeper is registered."""
    return any(reference() is not None for reference in _keepers)


def notify_keepers(logins: Iterable[Login]) -> None:
    """Notify all keepers that logins have ended; raises nothing."""
    for login in logins:
        for reference in _keepers:
            keeper = reference()
            try:
                if keeper is not None:
                    keeper.forget(login)
            except Exception:  # noqa: BLE001 - whatever is theirs
                _log.exception(
                    "logout: cannot delete the kept data of a login that has ended"
                )
