"""Report the expiry of a certificate ahead, in stages and not every day.

Peers take a key from metadata and check no further (metadata interoperability profile
2.6.1), but DigiD, some others and TLS do. A new certificate, and its way into the
metadata of others, take weeks.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from eilogin import clock
from eilogin.errors import CERTIFICATE_ENDS, CERTIFICATE_EXPIRED
from eilogin.saml.messages import write_instant

_log = logging.getLogger("eilogin")

_DAY = 86400.0
#: Seconds before the end.
STAGES = (60 * _DAY, 30 * _DAY, 7 * _DAY, 0.0)

SOON = STAGES[0]
_URGENT = 7 * _DAY


class ExpiryKey(NamedTuple):
    """The fields that tell an :class:`Expiry` from others."""

    peer: str
    name: str
    ends: float


@dataclass(frozen=True, slots=True)
class Expiry:
    """The end of a certificate without which something fails."""

    option: str
    #: A short stable name among the certificates of an entity.
    name: str
    #: The certificate, in words.
    subject: str
    ends: float
    #: The owner; "" for our own.
    peer: str = ""
    cure: str = "replace it in time"

    @property
    def key(self) -> ExpiryKey:
        """An identifier; a newer certificate has another one."""
        return ExpiryKey(self.peer, self.name, self.ends)

    @property
    def code(self) -> str:
        """The code that leads to the cure."""
        is_over = self.ends < clock.now()
        return CERTIFICATE_EXPIRED if is_over else CERTIFICATE_ENDS

    @property
    def is_soon(self) -> bool:
        """Whether the first stage is reached."""
        return self.ends < clock.now() + SOON

    @property
    def message(self) -> str:
        """The end and the cure, in words."""
        when = ends_in_words(self.ends)
        is_over = self.ends < clock.now()
        return (
            f"{self.subject} {when}"
            if is_over
            else f"{self.subject} {when}: {self.cure}"
        )


def ends_in_words(ends: float) -> str:
    """``ends at … (in 12 days)``, or ``expired at …``."""
    seconds, instant = ends - clock.now(), write_instant(ends)
    if seconds < 0:
        return f"expired at {instant}"
    days = int(seconds / _DAY)
    in_days = "within a day" if not days else f"in {days} day{'s' * (days > 1)}"
    return f"ends at {instant} ({in_days})"


class Alarms:
    """Log each of ``endings`` at each stage, once in a process."""

    def __init__(self, site: str, endings: Callable[[], Iterable[Expiry]]) -> None:
        self._site, self._endings = site, endings
        #: The last logged stage, from 1.
        self._logged_stages: dict[ExpiryKey, int] = {}
        self._next = 0.0
        self._lock = threading.Lock()
        self._look(is_silent=True)

    def see(self) -> None:
        """Log the expiries that are due."""
        if clock.now() < self._next or not self._lock.acquire(blocking=False):
            return
        try:
            self._look()
        finally:
            self._lock.release()

    def look_again(self) -> None:
        """Read the endings again."""
        self._next = 0.0

    def _look(self, *, is_silent: bool = False) -> None:
        now, stages = clock.now(), dict[ExpiryKey, int]()
        # Look once a day, because our keys may change.
        following = now + _DAY
        for ending in self._endings():
            before = self._logged_stages.get(ending.key, 0)
            stage = sum(ending.ends - at <= now for at in STAGES)
            if stage > before and not is_silent:
                self._log_ending(ending, now)
            stages[ending.key] = max(stage, before)
            coming = (ending.ends - at for at in STAGES)
            following = min([following, *(at for at in coming if at > now)])
        self._logged_stages, self._next = stages, following

    def _log_ending(self, ending: Expiry, now: float) -> None:
        is_urgent = ending.ends - now <= _URGENT
        level = logging.ERROR if is_urgent else logging.WARNING
        text = f"{ending.option}: {ending.message} ({ending.code})"
        _log.log(level, "%s: %s", self._site, text)
