"""The idle limit: a session without activity for so long is over.

The time of the last activity is the only field that is written while a session lives,
at most once a minute. Each write is a commit to the disk, and a page with fifty
pictures would make fifty.
"""

import math

from eilogin import clock
from eilogin.sessions.session_records import Login
from eilogin.stores import Store

#: Seconds between two writes of the last activity of one session.
TOUCH_INTERVAL = 60.0

#: How many logins this process remembers as seen since their last write.
_REMEMBERED = 10_000


class IdleLimit:
    """The last activity of sessions, and whether it is more than ``idle`` seconds ago.

    A session that was once found idle stays idle, whatever the clock does afterwards.
    """

    def __init__(self, store: Store, idle: float) -> None:
        self.store = store
        self.idle = idle
        #: The last activity of a session since the last write, by key. So the limit is
        #: exact to the second, though it is written once a minute. Another process does
        #: not know it; there the limit is up to a minute stricter.
        self._seen: dict[str, float] = {}

    def is_idle(self, login: Login) -> bool:
        """Whether the session had no activity for longer than the idle limit."""
        return login.seen >= login.ends or clock.now() > self.idle_at(login)

    def idle_at(self, login: Login) -> float:
        """Return the instant from which the session is idle without more activity."""
        return max(login.seen, self._seen.get(login.key, 0.0)) + self.idle

    def touch(self, login: Login) -> float:
        """Note activity now and return this instant; write it at most once a minute.

        ``login`` is as :meth:`find` returned it. An idle session stays as it is.
        """
        now = clock.now()
        since = now - login.seen
        if 0 <= since <= self.idle or not self.is_idle(login):
            self._seen[login.key] = now
            if since > TOUCH_INTERVAL:
                self._make_room()
                self.store.touch(login.key, now, now - TOUCH_INTERVAL)
        return now

    def active_at(self, login: Login) -> float:
        """When a login was last active, as far as this process knows."""
        return self.idle_at(login) - self.idle

    def note_activity(self, login: Login, instant: float) -> bool:
        """Note that a visitor was active at another party, at an instant in the past.

        Returns False, and changes nothing, if the login is idle or has ended. If the
        instant is before the last activity, returns True and changes nothing.
        """
        if self.is_idle(login):
            return False
        if instant <= self.active_at(login):
            return True
        return self.store.touch(login.key, instant, instant)

    def rearm(self, login: Login) -> None:
        """Note activity now, and write it at once, because the visitor confirmed it.

        A session that was once found idle stays so: the visitor signs in again.
        """
        now = clock.now()
        self._seen[login.key] = now
        self._make_room()
        self.store.touch(login.key, now, now)

    def _make_room(self) -> None:
        # Each session is noted once a minute. A forgotten entry makes the idle limit up
        # to a minute stricter, once.
        if len(self._seen) > _REMEMBERED:
            self._seen.clear()

    def _keep_idle(self, login: Login) -> None:
        # No live session was last seen at its end, and nothing moves that back. If
        # another process noted activity first, this changes nothing.
        if login.seen < login.ends:
            self.store.touch(
                login.key, login.ends, math.nextafter(login.seen, math.inf)
            )

    def _forget(self, *keys: str) -> None:
        for key in keys:
            self._seen.pop(key, None)
