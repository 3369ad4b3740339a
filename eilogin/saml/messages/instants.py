"""Instants as SAML writes them: UTC, ending in ``Z`` (SAML core 1.3.3)."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from eilogin.errors import MalformedMessage

# xs:dateTime also allows time zones, 24:00:00 and years beyond 9999, which others may
# read differently.
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,32})?Z"
)

#: Milliseconds until the end of the year 9999, to which floats round up.
_LAST = 253_402_300_799_999


def write_instant(instant: float) -> str:
    """Write seconds since 1970-01-01T00:00:00Z as ``2026-01-31T12:00:00Z``.

    Milliseconds appear only if they are not zero (``…:00.250Z``).
    """
    seconds, milliseconds = divmod(min(round(instant * 1000), _LAST), 1000)
    text = _write_second(seconds)
    return f"{text}.{milliseconds:03d}Z" if milliseconds else f"{text}Z"


# Messages name the same second several times.
@lru_cache(maxsize=64)
def _write_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def read_instant(text: str) -> float:
    """Read ``YYYY-MM-DDThh:mm:ss(.f+)?Z`` as seconds since 1970-01-01T00:00:00Z.

    Raises :class:`eilogin.errors.MalformedMessage` for other texts.
    """
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text).timestamp()
        except ValueError:
            pass  # such as 30 February
    raise MalformedMessage("a time is not of the form 2026-01-31T12:00:00Z")


_DURATION = re.compile(
    r"P(?=[\dT])(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?"
    r"(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?",
    re.ASCII,
)
_DAY = 86_400.0
#: Seconds of year, month, day, hour, minute and second.
_LENGTHS = (365 * _DAY, 30 * _DAY, _DAY, 3600.0, 60.0, 1.0)


def read_duration(text: str) -> float | None:
    """Return the approximate seconds of an xs:duration; None if invalid or negative."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    return sum(
        int(number) * length
        for number, length in zip(match.groups("0"), _LENGTHS, strict=True)
    )
