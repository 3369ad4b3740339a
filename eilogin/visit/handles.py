"""Handles: names of what waits for a browser, which nobody guesses.

Each begins with the second in which it was made, so that handles sort by age.
"""

import re
import secrets

from eilogin import clock

#: What a handle looks like: the instant, and 16 random bytes.
HANDLE = r"[0-9a-f]{8}-[A-Za-z0-9_-]{22}"
HANDLE_LENGTH = 31

_match = re.compile(HANDLE).fullmatch


def new_handle() -> str:
    """A handle that was never there before, made now."""
    return f"{int(clock.now()):08x}-{secrets.token_urlsafe(16)}"


def is_handle(text: str) -> bool:
    """Whether a text can be a handle."""
    return _match(text) is not None


def instant_of(text: str) -> float | None:
    """When a handle was made, in whole seconds; None for what can be no handle."""
    return float(int(text[:8], 16)) if is_handle(text) else None
