"""Log records in a store that eilogin cannot read, and count them as absent."""

import logging
import time

#: Seconds between log lines.
TOLD_EVERY = 60.0

_log = logging.getLogger("eilogin.stores")


class Garbage:
    """The unreadable records of a store with this name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told_at = -TOLD_EVERY

    def note(self, what: str) -> None:
        """Log it, once a minute: its cause may come with every request."""
        now = time.monotonic()
        if now >= self._told_at + TOLD_EVERY:
            self._told_at = now
            _log.warning(
                "%s contains a record that cannot be read (%s); eilogin treats "
                "it as missing",
                self._name,
                what,
            )
