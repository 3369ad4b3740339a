"""The names of the cookies that the application sets, as far as they matter.

A cookie in a request does not say whether it was set HttpOnly, nor on which path. So a
process notes the names that it sees the application set, *guarded* ones and ones of
``off`` paths, and has them from the store that other processes noted, or an earlier one
of which this is the successor. These are words of the application's code: few, the same
for all visitors, and of nobody.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.errors import EiloginError
from eilogin.sessions import UNREADABLE
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: The most names of a kind that are noted of answers to who is not logged in, and in
#: all, so that strangers do not take the room of others; and the most characters of
#: one. An application that makes up names as it goes would fill the store with them.
MOST_OF_STRANGERS, MOST, LONGEST = 100, 200, 128
#: How often a process looks what others have noted, in seconds.
LOOKS_EVERY = 10.0
#: How long the store keeps them, in seconds: no browser keeps a cookie for longer
#: (RFC 6265bis 5.5).
_KEPT = 400 * 24 * 3600.0

#: How many characters of a name the log shows.
_SHOWN = 8

_PLACE = "app-cookie-names"
_NONE = "[[], []]"


class AppCookieNames:
    """What is known of them in this process.

    ``on_news`` is called after each new one, and when those of others are first had.
    """

    def __init__(self, on_news: Callable[[], object]) -> None:
        #: Set HttpOnly on paths that are not ``off``,
        self.guarded: set[str] = set()
        #: and guarded ones that are set on ``off`` paths.
        self.off: set[str] = set()
        #: Whether those of others were ever had.
        self.are_known = False
        self._on_news = on_news
        #: When, by a clock that is never set, it is time to look again: always, while
        #: those of others were never had.
        self.looks_at = 0.0
        #: The same for who does not need to know, where the store may be away.
        self.tries_at = 0.0
        #: One at a time has them first, and the others wait for that.
        self._first = threading.Lock()
        self._failed_at = 0.0
        self._has_warned = False

    def are_guarded(self, name: str) -> bool:
        """Whether cookies of a name are, be they set on ``off`` paths alone."""
        return name in self.guarded or name in self.off

    def note(self, environ: "WSGIEnvironment", kind: set[str], name: str) -> None:
        """Note a name as one of :attr:`guarded`, or of :attr:`off`."""
        if name in kind or len(name) > LONGEST:
            return
        is_stranger = env.session_or_none(environ) is None
        if len(kind) >= (MOST_OF_STRANGERS if is_stranger else MOST):
            self._warn_of(name)
            return
        kind.add(name)
        self._on_news()
        self.share(environ)

    def _warn_of(self, name: str) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        # What makes it another name each time may be a secret, and stands at its end.
        _log.warning(
            "the application sets cookies of too many names, such as %r...: "
            "eilogin cannot tell a forged cookie of these names from a real one. "
            "Name their prefix in app_cookies ('auto NAME*'), or exempt it "
            "('auto -NAME*')",
            name[:_SHOWN],
        )

    def share(self, environ: "WSGIEnvironment") -> bool:
        """Take over what is in the store, and put there what is not.

        False while it does not answer: what is known here has to do then.
        """
        began = time.monotonic()
        self.tries_at = began + LOOKS_EVERY
        if self.are_known:
            self.looks_at = self.tries_at
        with nullcontext() if self.are_known else self._first:
            if self._failed_at > began:
                # While this one waited: a store that hangs holds up all at once.
                return False
            try:
                self._share(environ)
            except EiloginError:
                self._failed_at = time.monotonic()
                return False
            if not self.are_known:
                self.are_known = True
                self._on_news()
                self.looks_at = time.monotonic() + LOOKS_EVERY
        return True

    def _share(self, environ: "WSGIEnvironment") -> None:
        until = clock.now() + _KEPT
        env.values(environ).change(_PLACE, self._beside, until)

    def _beside(self, stored: str | None) -> str | None:
        """All that are known, after those that are there were taken over."""
        self._take_over(stored)
        here = json.dumps([sorted(self.guarded), sorted(self.off)])
        return None if here == (stored or _NONE) else here

    def _take_over(self, stored: str | None) -> None:
        try:
            guarded, off = (
                set(map(str, names)) for names in json.loads(stored or _NONE)
            )
        except UNREADABLE:
            # Of another version; it is replaced.
            return
        if not (guarded <= self.guarded and off <= self.off):
            self.guarded |= guarded
            self.off |= off
            self._on_news()
