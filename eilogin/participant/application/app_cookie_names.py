"""The names of the cookies that the application sets.

A Cookie header shows neither HttpOnly nor the path of a cookie. So each process notes
the names of cookies that eilogin *guards*, and of those that the application sets on
``off`` paths, and shares them over the store. They identify nobody.
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
#: one. Without limits, invented names could fill the store.
MOST_OF_ANONYMOUS, MOST, LONGEST = 100, 200, 128
#: Seconds between reads of the names that other processes noted.
READ_EVERY = 10.0
#: Seconds in the store; no browser keeps a cookie for longer (RFC 6265bis 5.5).
_KEPT = 400 * 24 * 3600.0

#: Characters of a name in the log.
_SHOWN = 8

_VALUE_NAME = "app-cookie-names"
_NONE = "[[], []]"


class AppCookieNames:
    """The known names; calls ``on_change`` after a new one, and the first read."""

    def __init__(self, on_change: Callable[[], object]) -> None:
        self.guarded: set[str] = set()
        self.off: set[str] = set()
        self.have_been_read = False
        self._on_change = on_change
        #: When to read the names of other processes again (monotonic clock).
        self.next_read_at = 0.0
        #: When to try again, for a request that does not need these names.
        self.next_try_at = 0.0
        self._first_read = threading.Lock()
        self._failed_at = 0.0
        self._has_warned = False

    def are_guarded(self, name: str) -> bool:
        """Return whether a name is guarded, also if only ``off`` paths set it."""
        return name in self.guarded or name in self.off

    def note(self, visit: Visit, kind: set[str], name: str) -> None:
        """Add a name to :attr:`guarded` or :attr:`off`."""
        if name in kind or len(name) > LONGEST:
            return
        is_anonymous = visit.session_or_none is None
        if len(kind) >= (MOST_OF_ANONYMOUS if is_anonymous else MOST):
            self._warn_of(name)
            return
        kind.add(name)
        self._on_change()
        self.share(visit)

    def _warn_of(self, name: str) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        # Somebody may have put a secret at the end of an invented name.
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
        self.next_try_at = began + READ_EVERY
        if self.have_been_read:
            self.next_read_at = self.next_try_at
        with nullcontext() if self.have_been_read else self._first_read:
            if self._failed_at > began:
                # While this thread waited for the lock, the store failed. Each waiting
                # thread would hang in turn.
                return False
            try:
                self._share(visit)
            except EiloginError:
                self._failed_at = time.monotonic()
                return False
            if not self.have_been_read:
                self.have_been_read = True
                self._on_change()
                self.next_read_at = time.monotonic() + READ_EVERY
        return True

    def _share(self, visit: Visit) -> None:
        until = clock.now() + _KEPT
        visit.values.change(_VALUE_NAME, self._merged, until)

    def _merged(self, stored: str | None) -> str | None:
        self._add_stored(stored)
        text = json.dumps([sorted(self.guarded), sorted(self.off)])
        return None if text == (stored or _NONE) else text

    def _add_stored(self, stored: str | None) -> None:
        try:
            guarded, off = (
                set(map(str, names)) for names in json.loads(stored or _NONE)
            )
        except UNREADABLE:
            # Another version wrote the value: replace it.
            return
        if not (guarded <= self.guarded and off <= self.off):
            self.guarded |= guarded
            self.off |= off
            self._on_change()
