"""Who keeps something of a login outside of the store, and takes it away at its end.

What the store keeps with a login goes in one transaction with it. What is kept
elsewhere must be out of reach from that instant on without anybody's doing; whoever
keeps it hears of the end here, to tidy up. That is for ends in this process; where that
fails, or a login runs out by itself, nobody hears of it.
"""

import logging
import weakref
from collections.abc import Iterable
from typing import Protocol

from eilogin.sessions.session_records import Login

_log = logging.getLogger("eilogin.sessions")


class Keeper(Protocol):
    """Who keeps something of logins."""

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
