"""The names of the cookies that the application sets.

A request shows neither HttpOnly nor the path of a cookie. So a process notes the
*guarded* names, and those of ``off`` paths, and shares them over the store. They come
from the application's code and identify nobody.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext

from eilogin import clock
from eilogin.errors import EiloginError
from eilogin.sessions import UNREADABLE
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")

#: Most names of a kind from anonymous visitors, most in all, and most characters of
#: one: the store must not fill with invented names.
MOST_OF_STRANGERS, MOST, LONGEST = 100, 200, 128
#: Seconds between reads of the names of others.
LOOKS_EVERY = 10.0
#: Seconds: no browser keeps a cookie for longer (RFC 6265bis 5.5).
_KEPT = 400 * 24 * 3600.0

_SHOWN = 8

_PLACE = "app-cookie-names"
_NONE = "[[], []]"


class AppCookieNames:
    """The known names; calls ``on_news`` after a new one, and after a first read."""

    def __init__(self, on_news: Callable[[], object]) -> None:
        self.guarded: set[str] = set()
        #: Guarded names on ``off`` paths.
        self.off: set[str] = set()
        self.are_known = False
        self._on_news = on_news
        #: When to read the names of others again (monotonic clock).
        self.looks_at = 0.0
        #: When to try again, if a request can do without them.
        self.tries_at = 0.0
        #: One thread does the first read; the others wait.
        self._first = threading.Lock()
        self._failed_at = 0.0
        self._has_warned = False

    def are_guarded(self, name: str) -> bool:
        """Return whether cookies of a name are guarded, even on ``off`` paths alone."""
        return name in self.guarded or name in self.off

    def note(self, visit: Visit, kind: set[str], name: str) -> None:
        """Add a name to :attr:`guarded` or :attr:`off`."""
        if name in kind or len(name) > LONGEST:
            return
        is_stranger = visit.session_or_none is None
        if len(kind) >= (MOST_OF_STRANGERS if is_stranger else MOST):
            self._warn_of(name)
            return
        kind.add(name)
        self._on_news()
        self.share(visit)

    def _warn_of(self, name: str) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        # The end of an invented name may be a secret.
        _log.warning(
            "the application sets cookies of too many names, such as %r...: "
            "eilogin cannot tell a forged cookie of these names from a real one. "
            "Name their prefix in app_cookies ('auto NAME*'), or exempt it "
            "('auto -NAME*')",
            name[:_SHOWN],
        )

    def share(self, visit: Visit) -> bool:
        """Exchange names with the store; False if it does not answer."""
        began = time.monotonic()
        self.tries_at = began + LOOKS_EVERY
        if self.are_known:
            self.looks_at = self.tries_at
        with nullcontext() if self.are_known else self._first:
            if self._failed_at > began:
                # Otherwise a hanging store delays each waiting thread in turn.
                return False
            try:
                self._share(visit)
            except EiloginError:
                self._failed_at = time.monotonic()
                return False
            if not self.are_known:
                self.are_known = True
                self._on_news()
                self.looks_at = time.monotonic() + LOOKS_EVERY
        return True

    def _share(self, visit: Visit) -> None:
        until = clock.now() + _KEPT
        visit.values.change(_PLACE, self._beside, until)

    def _beside(self, stored: str | None) -> str | None:
        self._take_over(stored)
        here = json.dumps([sorted(self.guarded), sorted(self.off)])
        return None if here == (stored or _NONE) else here

    def _take_over(self, stored: str | None) -> None:
        try:
            guarded, off = (
                set(map(str, names)) for names in json.loads(stored or _NONE)
            )
        except UNREADABLE:
            # From another version: replace it.
            return
        if not (guarded <= self.guarded and off <= self.off):
            self.guarded |= guarded
            self.off |= off
            self._on_news()
