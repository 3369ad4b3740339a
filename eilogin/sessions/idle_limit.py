"""The idle limit: a session without activity for so long is over.

The last activity is written at most once a minute, because each write is a commit.
"""

import math

from eilogin import clock
from eilogin.sessions.session_records import Login
from eilogin.stores import Store

#: Seconds between two writes.
TOUCH_INTERVAL = 60.0

#: Most sessions in memory.
_REMEMBERED = 10_000


class IdleLimit:
    """The last activity of sessions, and whether that is too long ago."""

    def __init__(self, store: Store, idle: float) -> None:
        self.store = store
        self.idle = idle
        #: By key, for activity since the last write: exact in this process, and up to a
        #: minute stricter in others.
        self._last_activity: dict[str, float] = {}

    def is_idle(self, login: Login) -> bool:
        """Return whether the session had no activity for longer than the idle limit."""
        return login.seen >= login.ends or clock.now() > self.idle_at(login)

    def idle_at(self, login: Login) -> float:
        """Return the instant from which the session is idle without more activity."""
        return max(login.seen, self._last_activity.get(login.key, 0.0)) + self.idle

    def touch(self, login: Login) -> float:
        """Note activity now, and return this instant; an idle session stays idle."""
        now = clock.now()
        idle_seconds = now - login.seen
        if 0 <= idle_seconds <= self.idle or not self.is_idle(login):
            self._last_activity[login.key] = now
            if idle_seconds > TOUCH_INTERVAL:
                self._bound_memory()
                self.store.touch(login.key, now, now - TOUCH_INTERVAL)
        return now

    def active_at(self, login: Login) -> float:
        """Return a login's last activity, as far as this process knows."""
        return self.idle_at(login) - self.idle

    def note_activity(self, login: Login, instant: float) -> bool:
        """Note a visitor's earlier activity at another party; False if it is over."""
        if self.is_idle(login):
            return False
        if instant <= self.active_at(login):
            return True
        return self.store.touch(login.key, instant, instant)

    def rearm(self, login: Login) -> bool:
        """Write the visitor's confirmation as activity now, unless it is idle.

        Return whether it was written: then the login is live.
        """
        now = clock.now()
        self._last_activity[login.key] = now
        self._bound_memory()
        return self.store.touch(login.key, now, now)

    def _bound_memory(self) -> None:
        # A forgotten entry makes the limit up to a minute stricter, once.
        if len(self._last_activity) > _REMEMBERED:
            self._last_activity.clear()

    def _write_idle(self, login: Login) -> None:
        # A live session never has its end as its last activity. If another process
        # noted activity, this has no effect.
        if login.seen < login.ends:
            self.store.touch(
                login.key, login.ends, math.nextafter(login.seen, math.inf)
            )

    def _forget(self, *keys: str) -> None:
        for key in keys:
            self._last_activity.pop(key, None)
