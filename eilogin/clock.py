"""The one door to the time of day.

An instant is a ``float``: seconds since 1970-01-01T00:00:00Z, without time zone or
summer time. People and applications get an aware ``datetime``, and SAML text ending in
``Z`` (SAML core 1.3.3). Tests move this clock, and that of python3-saml, with
time-machine.
"""

import time
from datetime import UTC, datetime

#: The present instant. Each request calls it some five times, so it has no wrapper.
now = time.time


def utc(instant: float) -> datetime:
    """An instant as an aware ``datetime`` in UTC."""
    return datetime.fromtimestamp(instant, UTC)
