"""Reference numbers: what a visitor reads out to a help desk, such as ``K7F-4MP``."""

import re
import secrets

# Without 0, O, 1 and I, which nobody can tell apart on the telephone.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_REFERENCE = re.compile(f"[{ALPHABET}]{{3}}-[{ALPHABET}]{{3}}")


def new_reference() -> str:
    """A new reference number: 30 random bits, as two groups of three characters."""
    first, last = ("".join(secrets.choice(ALPHABET) for _ in range(3)) for _ in "12")
    return f"{first}-{last}"


def read_reference(text: str) -> str:
    """A reference number that somebody brings; "" for what is none."""
    return text if _REFERENCE.fullmatch(text) else ""
