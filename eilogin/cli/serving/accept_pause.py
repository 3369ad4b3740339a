"""Pause accepting connections while the process has no file descriptor left.

Without it, waitress writes a traceback and retries at once. During the pause, new
connections wait in the queue of the system.
"""

import errno
import logging
import time
from collections.abc import Callable
from typing import Any

#: Seconds.
PAUSE = 0.5
#: Seconds between two log lines.
LOG_INTERVAL = 60.0

#: Too many open files in this process or in the system, or no memory for one.
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger("eilogin")

_Accepted = tuple[Any, Any] | None


class Accepting:
    """Accept connections of ``server``, one listening socket of waitress."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._accept: Callable[[], _Accepted] = server.accept
        self._paused_until: float | None = None
        self._logged_at = -LOG_INTERVAL
        server.accept = self.accept

    def accept(self) -> _Accepted:
        """Return a connection; None without one or a descriptor. Raises OSError."""
        try:
            return self._accept()
        except OSError as error:
            if error.errno not in _NO_DESCRIPTOR:
                raise
            self._pause(error)
            return None

    def resume(self) -> None:
        """Accept connections again if the pause is over."""
        if self._paused_until is not None and time.monotonic() >= self._paused_until:
            self._paused_until = None
            self._server.accepting = True

    def _pause(self, error: OSError) -> None:
        now = time.monotonic()
        self._paused_until = now + PAUSE
        self._server.accepting = False
        if now >= self._logged_at + LOG_INTERVAL:
            self._logged_at = now
            _log.error(
                "serve: cannot accept a connection: %s; new visitors wait until others"
                " have left. Raise the limit of open files (systemd: LimitNOFILE=,"
                " shell: ulimit -n)",
                error.strerror,
            )
