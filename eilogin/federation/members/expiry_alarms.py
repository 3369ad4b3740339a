"""How near the end of a certificate is, told in time and not every day.

Peers take a key from metadata and look no further (metadata interoperability profile
2.6.1), but DigiD and others do, and TLS does. A new certificate takes weeks, and its
way into the metadata of others too: so it is told 60, 30 and 7 days before.
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
#: How long before the end it is told, and at the end itself.
STAGES = (60 * _DAY, 30 * _DAY, 7 * _DAY, 0.0)

#: From when on it is told: the first of the stages.
SOON = STAGES[0]
_URGENT = 7 * _DAY

_Key = tuple[str, str, float]


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
    cure: str = "replace it in time"

    @property
    def key(self) -> _Key:
        """What tells it from others: a newer certificate is another one."""
        return (self.peer, self.name, self.ends)

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

    ``endings`` gives those that there are at the moment. What is near already when this
    is made has been told: at the start of a site.
    """

    def __init__(self, site: str, endings: Callable[[], Iterable[Ending]]) -> None:
        self._site, self._endings = site, endings
        #: Which stage has been told of each, the first one as 1.
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
        """Others end from now on: what is near already of those is told once too."""
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

    def _tell(self, ending: Ending, now: float) -> None:
        is_urgent = ending.ends - now <= _URGENT
        level = logging.ERROR if is_urgent else logging.WARNING
        said = f"{ending.option}: {ending.told} ({ending.code})"
        _log.log(level, "%s: %s", self._site, said)
