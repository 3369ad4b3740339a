"""The one door to the time of day.

An instant inside eilogin is a ``float``: seconds since 1970-01-01T00:00:00Z. It has
no time zone that could be forgotten and no summer time; midnight does nothing to it.
It becomes an aware ``datetime`` where a person or an application reads it, and text
ending in ``Z`` where SAML does (SAML core 1.3.3).

Tests move this clock with time-machine. python3-saml goes by it too.
"""

import time
from datetime import UTC, datetime

#: The present instant, in seconds since 1970-01-01T00:00:00Z; asked some five times at
#: every request, so not wrapped in a function of ours.
now = time.time


def utc(instant: float) -> datetime:
    """The same instant as an aware ``datetime`` in UTC."""
    return datetime.fromtimestamp(instant, UTC)
