"""The clock from which all of eilogin gets the time of day.

An instant is a ``float``: seconds since 1970-01-01T00:00:00Z. People and applications
get an aware ``datetime``; SAML messages get text ending in ``Z`` (SAML core 1.3.3).
Tests move this clock, and that of python3-saml, with time-machine.
"""

import time
from datetime import UTC, datetime

#: Return the present instant; no wrapper, because each request calls it often.
now = time.time


def utc(instant: float) -> datetime:
    """Return an instant as an aware ``datetime`` in UTC."""
    return datetime.fromtimestamp(instant, UTC)
