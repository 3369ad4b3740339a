"""How near the end of a certificate is, told in time and not every day.

Peers take a key from metadata and look no further (metadata interoperability profile
2.6.1), but DigiD and others do, and TLS does. A new certificate takes weeks, and its
way into the metadata of others too: so it is told 60, 30 and 7 days before.
"""

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from eilogin import clock
from eilogin.errors import CERTIFICATE_ENDS, CERTIFICATE_EXPIRED
from eilogin.saml.messages import write_instant

_log = logging.getLogger("eilogin")

_DAY = 86400.0
#: How long before the end it is told, and at the end itself.
STAGES = (60 * _DAY, 30 * _DAY, 7 * _DAY, 0.0)

#: From when on it is told: the first of the stages.
SOON = STAGES[0]
_URGENT = 7 * _DAY


@dataclass(frozen=True, slots=True)
class Ending:
    """When a certificate ends without which something fails."""

    #: The option that it is about.
    option: str
    #: Of the certificates of one party, which: a short name that stays.
    name: str
    #: The same in words.
    what: str
    ends: float
    #: Whose it is, by its entityID; "" for our own.
    peer: str = ""
    #: What is to be done.
    cure: str = "get a new one in time"

    @property
    def code(self) -> str:
        """The code under which the documentation has the cure."""
        is_over = self.ends < clock.now()
        return CERTIFICATE_EXPIRED if is_over else CERTIFICATE_ENDS

    @property
    def is_soon(self) -> bool:
        """Whether it is to be told: there is no more time than the first stage has."""
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
    """Tells the log of each ending at each stage, once in a process.

    What is near already when it is made has been told: at the start of a site.
    """

    def __init__(self, site: str, endings: Sequence[Ending]) -> None:
        self._site, self._endings = site, endings
        self._seen = clock.now()
        self._next = self._after(self._seen)
        self._lock = threading.Lock()

    def see(self) -> None:
        """Tell what there is to tell; asked at each request for an address of ours."""
        now = clock.now()
        if now < self._next or not self._lock.acquire(blocking=False):
            return
        try:
            for ending in self._endings:
                if any(self._seen < ending.ends - at <= now for at in STAGES):
                    self._tell(ending, now)
            self._seen, self._next = now, self._after(now)
        finally:
            self._lock.release()

    def _tell(self, ending: Ending, now: float) -> None:
        is_urgent = ending.ends - now <= _URGENT
        level = logging.ERROR if is_urgent else logging.WARNING
        said = f"{ending.option}: {ending.told} ({ending.code})"
        _log.log(level, "%s: %s", self._site, said)

    def _after(self, now: float) -> float:
        """The first instant after ``now`` at which there is something to tell."""
        instants = (one.ends - stage for one in self._endings for stage in STAGES)
        return min((at for at in instants if at > now), default=math.inf)
