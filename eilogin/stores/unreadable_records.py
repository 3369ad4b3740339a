"""Log records in a store that eilogin cannot read, and count them as absent."""

import logging
import time

#: Seconds between log lines.
LOG_INTERVAL = 60.0

_log = logging.getLogger("eilogin.stores")


class Garbage:
    """The unreadable records of a store with this name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._logged_at = -LOG_INTERVAL

    def note(self, record: str) -> None:
        """Log a record, at most once a minute: every request may read it."""
        now = time.monotonic()
        if now >= self._logged_at + LOG_INTERVAL:
            self._logged_at = now
            _log.warning(
                "%s contains a record that cannot be read (%s); eilogin treats "
                "it as missing",
                self._name,
                record,
            )
