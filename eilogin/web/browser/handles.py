"""Handles: names of what waits for a browser, which nobody guesses.

Each begins with the millisecond in which it was made, so that handles sort by age: a
browser that opens its tabs again asks for all of them in one second.
"""

import base64
import hashlib
import re
import secrets

from eilogin import clock

# Digits of the instant: enough until the year 2527.
_DIGITS = 11
#: What a handle looks like: the instant, and 16 random bytes.
HANDLE = rf"[0-9a-f]{{{_DIGITS}}}-[A-Za-z0-9_-]{{22}}"
HANDLE_LENGTH = _DIGITS + 23

#: What stands behind that of a question that is asked silently: an answer by POST comes
#: without the cookies that would say so.
_SILENT = "."

#: The same of a login that begins for the second time, because the first one was lost.
_SECOND = "_"

_match = re.compile(f"{HANDLE}[{_SILENT}{_SECOND}]?").fullmatch


def new_handle(*, is_silent: bool = False, is_second: bool = False) -> str:
    """A handle that was never there before, made now."""
    end = _SILENT if is_silent else _SECOND if is_second else ""
    return _handle(clock.now(), secrets.token_bytes(16)) + end


def handle_of(text: str, instant: float) -> str:
    """The one handle of what has this name, and was made at that instant.

    Who knows both knows the handle: it is no secret.
    """
    return _handle(instant, hashlib.sha256(text.encode()).digest()[:16])


def _handle(instant: float, octets: bytes) -> str:
    random = base64.urlsafe_b64encode(octets).decode().rstrip("=")
    return f"{int(instant * 1000):0{_DIGITS}x}-{random}"


def is_handle(text: str) -> bool:
    """Whether a text can be a handle."""
    return _match(text) is not None


def is_silent(text: str) -> bool:
    """Whether a text can be the handle of a question that was asked silently."""
    return is_handle(text) and text.endswith(_SILENT)


def is_second(text: str) -> bool:
    """Whether a text can be the handle of a login that began for the second time."""
    return is_handle(text) and text[HANDLE_LENGTH:] == _SECOND


def instant_of(text: str) -> float | None:
    """When a handle was made, in seconds; None for what can be no handle."""
    return int(text[:_DIGITS], 16) / 1000 if is_handle(text) else None
