"""Instants as SAML writes them: UTC, ending in ``Z`` (SAML core 1.3.3)."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from eilogin.errors import MalformedMessage

# xs:dateTime also knows time zones, 24:00:00 and years beyond 9999: each of them a
# second way to say an instant, which somebody else may read differently.
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,32})?Z"
)

#: Milliseconds until the end of the year 9999. A float of the last microseconds before
#: it is rounded up to it.
_LAST = 253_402_300_799_999


def write_instant(instant: float) -> str:
    """Seconds since 1970-01-01T00:00:00Z as ``2026-01-31T12:00:00Z``.

    Milliseconds are written where there are any (``…:00.250Z``); what is finer is
    rounded to them, but never into the year 10000, which no message could say.
    """
    seconds, milliseconds = divmod(min(round(instant * 1000), _LAST), 1000)
    text = _write_second(seconds)
    return f"{text}.{milliseconds:03d}Z" if milliseconds else f"{text}Z"


# One message names the same second in several places, and the next one does again.
@lru_cache(maxsize=64)
def _write_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def read_instant(text: str) -> float:
    """Seconds since 1970-01-01T00:00:00Z of ``YYYY-MM-DDThh:mm:ss(.f+)?Z``.

    Raises :class:`eilogin.errors.MalformedMessage` for anything else, and for a day
    or second that no calendar has. What is finer than microseconds is cut off.
    """
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text).timestamp()
        except ValueError:
            pass  # such as 30 February
    raise MalformedMessage("an instant is not of the form 2026-01-31T12:00:00Z")
