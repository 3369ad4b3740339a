"""Report the expiry of a certificate ahead, in stages and not every day.

Peers take a key from metadata and check no further (metadata interoperability profile
2.6.1), but DigiD and others do, and TLS does. A new certificate takes weeks, and so
does its way into the metadata of others. So eilogin reports the expiry 60, 30 and 7
days before.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from eilogin import clock
from eilogin.errors import CERTIFICATE_ENDS, CERTIFICATE_EXPIRED
from eilogin.saml.messages import write_instant

_log = logging.getLogger("eilogin")

_DAY = 86400.0
#: The times before the end when it is reported, and the end itself.
STAGES = (60 * _DAY, 30 * _DAY, 7 * _DAY, 0.0)

#: The first of the stages.
SOON = STAGES[0]
_URGENT = 7 * _DAY

_Key = tuple[str, str, float]


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a certificate ends without which something fails."""

    #: The option that it is about.
    option: str
    #: A short stable name for one of the certificates of an entity.
    name: str
    #: The same in words.
    what: str
    ends: float
    #: The entityID of the owner; "" for our own.
    peer: str = ""
    #: The action that the operator should take.
    cure: str = "replace it in time"

    @property
    def key(self) -> _Key:
        """An identifier of this expiry: a newer certificate has another one."""
        return (self.peer, self.name, self.ends)

    @property
    def code(self) -> str:
        """The code under which the documentation has the cure."""
        is_over = self.ends < clock.now()
        return CERTIFICATE_EXPIRED if is_over else CERTIFICATE_ENDS

    @property
    def is_soon(self) -> bool:
        """Whether it is due for a report: within the time of the first stage."""
        return self.ends < clock.now() + SOON

    @property
    def told(self) -> str:
        """When it ends, in words."""
        when = ends_in_words(self.ends)
        is_over = self.ends < clock.now()
        return f"{self.what} {when}" if is_over else f"{self.what} {when}: {self.cure}"


def ends_in_words(ends: float) -> str:
    """``ends at … (in 12 days)``, or ``expired at …``."""
    left, instant = ends - clock.now(), write_instant(ends)
    if left < 0:
        return f"expired at {instant}"
    days = int(left / _DAY)
    in_days = "within a day" if not days else f"in {days} day{'s' * (days > 1)}"
    return f"ends at {instant} ({in_days})"


class Alarms:
    """Log each expiry at each stage, once in a process.

    ``endings`` returns the present ones. An expiry that is near when this object is
    made counts as logged: the start of a site reports it.
    """

    def __init__(self, site: str, endings: Callable[[], Iterable[Expiry]]) -> None:
        self._site, self._endings = site, endings
        #: The last stage that was logged of each, counted from 1.
        self._told: dict[_Key, int] = {}
        self._next = 0.0
        self._lock = threading.Lock()
        self._look(is_told=True)

    def see(self) -> None:
        """Tell what there is to tell; asked as often as anybody likes."""
        if clock.now() < self._next or not self._lock.acquire(blocking=False):
            return
        try:
            self._look()
        finally:
            self._lock.release()

    def look_again(self) -> None:
        """Read the endings again; a new one that is near already is logged once."""
        self._next = 0.0

    def _look(self, *, is_told: bool = False) -> None:
        now, told = clock.now(), dict[_Key, int]()
        # Somebody may have taken another key meanwhile.
        following = now + _DAY
        for ending in self._endings():
            before = self._told.get(ending.key, 0)
            stage = sum(ending.ends - at <= now for at in STAGES)
            if stage > before and not is_told:
                self._tell(ending, now)
            told[ending.key] = max(stage, before)
            coming = (ending.ends - at for at in STAGES)
            following = min([following, *(at for at in coming if at > now)])
        self._told, self._next = told, following

    def _tell(self, ending: Expiry, now: float) -> None:
        is_urgent = ending.ends - now <= _URGENT
        level = logging.ERROR if is_urgent else logging.WARNING
        said = f"{ending.option}: {ending.told} ({ending.code})"
        _log.log(level, "%s: %s", self._site, said)
