"""Texts of messages, and how an error quotes them."""

import base64
import re
from collections.abc import Sequence

#: C0, DEL, C1 (with U+0085), Unicode line and paragraph separators: each could begin a
#: new header or log line.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_SPACE = re.compile("[ \t\r\n]+")


def to_base64(octets: bytes) -> str:
    """Write octets in base64 (RFC 4648 4), in one line."""
    return base64.b64encode(octets).decode("ascii")


def printable(text: str) -> str:
    """Escape all unprintable characters of a text."""
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape").decode()
        for character in text
    )


def collapsed(uri: str) -> str:
    """Collapse the white space of an ``xs:anyURI`` (XML schema 2, 4.3.6)."""
    return _SPACE.sub(" ", uri).strip(" ")


def short(uri: str) -> str:
    """Return the last part of a URN, such as ``HTTP-POST`` of a binding."""
    return uri.rpartition(":")[2]


def some(texts: Sequence[str], most: int) -> str:
    """Join the first few for a message, with a ``…`` if there are more; "" for none."""
    more = ["…"] if len(texts) > most else []
    return ", ".join([*texts[:most], *more])


def first_of(texts: Sequence[str], most: int) -> list[str]:
    """Return the first few, and as the last entry the number of the others."""
    more = len(texts) - most
    return [*texts[:most], *([f"and {more} more"] if more > 0 else [])]
