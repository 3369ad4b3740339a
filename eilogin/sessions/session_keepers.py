"""Objects that keep data of a session outside the store, and delete it at its end.

The store deletes the data of its own in the transaction that ends the session. Data
elsewhere must be out of reach from that instant without any call; this module calls its
keepers to tidy up. It covers ends in this process only: if the call fails, or a session
expires, no keeper is called.
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
        """This login, of whatever site of this process, has ended."""


#: Replaced and never changed: an end in another thread goes through them.
_keepers: "tuple[weakref.ref[Keeper], ...]" = ()


def keep_informed(keeper: Keeper) -> None:
    """Tell ``keeper`` of ends for as long as somebody else holds it."""
    global _keepers  # noqa: PLW0603 - what a process knows
    known = (one for one in _keepers if one() is not None)
    _keepers = (*known, weakref.ref(keeper))


def somebody_keeps() -> bool:
    """Whether there is anybody to tell."""
    return any(one() is not None for one in _keepers)


def tell_ended(logins: Iterable[Login]) -> None:
    """Tell all of them that these logins have ended.

    Nothing is raised: the logins have ended, whatever comes of this.
    """
    for login in logins:
        for one in _keepers:
            keeper = one()
            try:
                if keeper is not None:
                    keeper.forget(login)
            except Exception:  # noqa: BLE001 - whatever is theirs
                _log.exception(
                    "logout: cannot delete the kept data of a login that has ended"
                )
