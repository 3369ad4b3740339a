"""Which certificates of a hub's participants end soon: told in time, to log and metric.

The hub itself takes a key for the metadata that names it, but others do not, and whose
certificate is over may have forgotten its key too. A federation may have thousands of
members, so all are looked at once a day, and when others have come of a refresh; by a
thread that waits between a few of them, so that no visitor waits for it.
"""

import threading
import time
from collections.abc import Callable, Iterator

from eilogin import clock
from eilogin.federation import Federation, Trust
from eilogin.federation.members.expiry_alarms import Alarms, Expiry
from eilogin.federation.members.hub_requirements import participant_ending

_DAY = 86400.0
#: So many members are looked at in a millisecond or so, and then it waits, in seconds.
_AT_ONCE, _PAUSE = 10, 0.005


class Certificates:
    """Those of the participants of a hub, with the ``trust`` of each moment."""

    def __init__(self, trust: Callable[[], Trust]) -> None:
        self._trust = trust
        self._found: tuple[Expiry, ...] = ()
        self._federation: Federation | None = None
        self._due = 0.0
        self._alarms: Alarms | None = None
        self._lock = threading.Lock()

    def soon(self, pause: float = 0.0) -> tuple[Expiry, ...]:
        """Of whom the last one is over, or nearly so; while they are looked at, as was.

        Nobody waits for who looks, but for the first time.
        """
        trust = self._trust()
        if not self._lock.acquire(blocking=self._federation is None):
            return self._found
        try:
            if trust.federation is not self._federation or clock.now() >= self._due:
                self._found = tuple(_soon(trust, pause))
                self._federation = trust.federation
                self._due = clock.now() + _DAY
            return self._found
        finally:
            self._lock.release()

    def see(self) -> None:
        """Tell the log what there is to tell; what was near at the start is told."""
        if self._alarms is None:
            who = self._trust().own.entity_id
            self._alarms = Alarms(who, lambda: self.soon(_PAUSE))
        elif self._trust().federation is not self._federation:
            self._alarms.look_again()
        self._alarms.see()


def _soon(trust: Trust, pause: float) -> Iterator[Expiry]:
    now = clock.now()
    # One after another: all at once they are much memory.
    for number, entity in enumerate(trust.federation.members.values()):
        if pause and not number % _AT_ONCE:
            time.sleep(pause)
        is_over = entity.valid_until is not None and entity.valid_until <= now
        ending = None if is_over else participant_ending(trust.own, entity)
        if ending is not None and ending.is_soon:
            yield ending
