"""Warn in log and metrics before the certificates of a hub's participants expire.

The hub ignores these dates, others do not. There may be thousands, so a thread checks
them with pauses, once a day and after new metadata.
"""

import threading
import time
from collections.abc import Callable, Iterator

from eilogin import clock
from eilogin.federation import Membership, Trust
from eilogin.federation.members.expiry_alarms import Alarms, Expiry
from eilogin.federation.members.hub_requirements import participant_ending

_DAY = 86400.0
#: Members in a millisecond or so, and the pause after them in seconds.
_AT_ONCE, _PAUSE = 10, 0.005


class ParticipantCertificates:
    """Expiring certificates; ``trust`` returns the current Trust."""

    def __init__(self, trust: Callable[[], Trust]) -> None:
        self._trust = trust
        self._expiring: tuple[Expiry, ...] = ()
        self._federation: Membership | None = None
        self._due = 0.0
        self._alarms: Alarms | None = None
        self._lock = threading.Lock()

    def soon(self, pause: float = 0.0) -> tuple[Expiry, ...]:
        """Return expired and expiring certificates; ``pause`` is in seconds."""
        trust = self._trust()
        if not self._lock.acquire(blocking=self._federation is None):
            return self._expiring
        try:
            if trust.federation is not self._federation or clock.now() >= self._due:
                self._expiring = tuple(_soon(trust, pause))
                self._federation = trust.federation
                self._due = clock.now() + _DAY
            return self._expiring
        finally:
            self._lock.release()

    def see(self) -> None:
        """Log new warnings."""
        if self._alarms is None:
            entity_id = self._trust().own.entity_id
            self._alarms = Alarms(entity_id, lambda: self.soon(_PAUSE))
        elif self._trust().federation is not self._federation:
            self._alarms.look_again()
        self._alarms.see()


def _soon(trust: Trust, pause: float) -> Iterator[Expiry]:
    now = clock.now()
    # One at a time, because all at once need much memory.
    for number, entity in enumerate(trust.federation.members.values()):
        if pause and not number % _AT_ONCE:
            time.sleep(pause)
        is_over = entity.valid_until is not None and entity.valid_until <= now
        ending = None if is_over else participant_ending(trust.own, entity)
        if ending is not None and ending.is_soon:
            yield ending
