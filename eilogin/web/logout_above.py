"""A logout above a hub: what a participant's filters tell the hub inside of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eilogin.sessions import Login, Subject


class EndedBefore(NamedTuple):
    """Name and subject of a login that had ended before."""

    name: str
    who: Subject


@dataclass
class Through:
    """The browser that brought a logout from the hub above."""

    #: The site that may frame the next page, and the address back there.
    framed_by: str
    back: str
    #: The address at which the inner hub notifies its participants, or "".
    way_on: str = ""


@dataclass(frozen=True)
class EndedAbove:
    """Logins that ended above."""

    logins: Sequence[Login]
    #: Logins that had ended before: the inner hub only reports on these.
    before: Sequence[EndedBefore] = ()
    through: Through | None = None


@dataclass(frozen=True)
class InnerHubLogout:
    """The logout of a hub that signs citizens in by a participant's login."""

    home: str
    #: Ends the hub's sessions of these logins, and notifies its participants; returns
    #: whether all of them know. Raises StoreUnavailable.
    end: Callable[[EndedAbove], bool]
