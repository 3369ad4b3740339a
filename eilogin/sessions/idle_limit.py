"""The idle limit: a login of which nothing is seen for a while is over.

When she was last seen is the one thing that is written while a login lives, and that
once a minute: each is a commit to the disk, and a page with fifty pictures would make
fifty.
"""

import math

from eilogin import clock
from eilogin.sessions.session_records import Login
from eilogin.stores import Store

#: Seconds between two writes of "she was seen" for one login.
TOUCH_INTERVAL = 60.0

#: How many logins this process remembers as seen since their last write.
_REMEMBERED = 10_000


class IdleLimit:
    """When logins were last seen, and whether that is longer ago than ``idle`` seconds.

    What was once found to be over for it stays so, whatever the clock does afterwards.
    """

    def __init__(self, store: Store, idle: float) -> None:
        self.store = store
        self.idle = idle
        #: When a login was seen since the store was told, by key: the limit is exact
        #: to the second though it is written once a minute. Another process does not
        #: know it, and there the limit is up to a minute stricter.
        self._seen: dict[str, float] = {}

    def is_idle(self, login: Login) -> bool:
        """Whether nothing was seen of her for longer than the idle limit."""
        return login.seen >= login.ends or clock.now() > self.idle_at(login)

    def idle_at(self, login: Login) -> float:
        """From which instant on she is idle, if nothing more is seen of her."""
        return max(login.seen, self._seen.get(login.key, 0.0)) + self.idle

    def touch(self, login: Login) -> float:
        """She was seen now, which is returned; written at most once a minute.

        ``login`` is as :meth:`find` gave it; it does nothing to a login that is idle.
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
        """She was seen now; written at once: she has just said so herself.

        A login that was once found idle stays so: her password makes a new one.
        """
        now = clock.now()
        self._seen[login.key] = now
        self._make_room()
        self.store.touch(login.key, now, now)

    def _make_room(self) -> None:
        # Each login comes by once a minute. What is forgotten makes the idle limit up
        # to a minute stricter, once.
        if len(self._seen) > _REMEMBERED:
            self._seen.clear()

    def _keep_idle(self, login: Login) -> None:
        # "Last seen when it ends" is what no login can be, and is never moved back.
        # If somebody was quicker, and she was seen, it changes nothing.
        if login.seen < login.ends:
            self.store.touch(
                login.key, login.ends, math.nextafter(login.seen, math.inf)
            )

    def _forget(self, *keys: str) -> None:
        for key in keys:
            self._seen.pop(key, None)
