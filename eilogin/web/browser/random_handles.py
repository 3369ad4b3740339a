"""Handles: random names of records that wait for a browser; they sort by age."""

import base64
import hashlib
import re
import secrets

from eilogin import clock

# Hexadecimal milliseconds: enough until 2527.
_DIGITS = 11
HANDLE = rf"[0-9a-f]{{{_DIGITS}}}-[A-Za-z0-9_-]{{22}}"
HANDLE_LENGTH = _DIGITS + 23

#: Ends the handle of a passive login: a Response by POST comes without cookies.
_SILENT = "."

#: Ends the handle of a login that begins again, because the first was lost.
_SECOND = "_"

_match = re.compile(f"{HANDLE}[{_SILENT}{_SECOND}]?").fullmatch


def new_handle(*, is_silent: bool = False, is_second: bool = False) -> str:
    """A new unique handle of this moment."""
    suffix = _SILENT if is_silent else _SECOND if is_second else ""
    return _handle(clock.now(), secrets.token_bytes(16)) + suffix


def handle_of(text: str, instant: float) -> str:
    """The one handle for a name and a time of creation; it is no secret."""
    return _handle(instant, hashlib.sha256(text.encode()).digest()[:16])


def _handle(instant: float, octets: bytes) -> str:
    random = base64.urlsafe_b64encode(octets).decode().rstrip("=")
    return f"{int(instant * 1000):0{_DIGITS}x}-{random}"


def is_handle(text: str) -> bool:
    """Whether a text can be a handle."""
    return _match(text) is not None


def is_silent(text: str) -> bool:
    """Whether a text can be the handle of a passive login."""
    return is_handle(text) and text.endswith(_SILENT)


def is_second(text: str) -> bool:
    """Whether a text can be the handle of a login that began again."""
    return is_handle(text) and text[HANDLE_LENGTH:] == _SECOND


def instant_of(text: str) -> float | None:
    """The instant of a handle's creation; None for another text."""
    return int(text[:_DIGITS], 16) / 1000 if is_handle(text) else None
