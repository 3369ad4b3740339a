"""Reference numbers, such as ``K7F-4MP``, for the visitor and the help desk."""

import re
import secrets

# Without 0, O, 1 and I, which sound or look alike.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_REFERENCE = re.compile(f"[{ALPHABET}]{{3}}-[{ALPHABET}]{{3}}")


def new_reference() -> str:
    """A new reference number: 30 random bits, as twice three characters."""
    first, last = ("".join(secrets.choice(ALPHABET) for _ in range(3)) for _ in "12")
    return f"{first}-{last}"


def read_reference(text: str) -> str:
    """The reference number in a text; "" if it is none."""
    return text if _REFERENCE.fullmatch(text) else ""
