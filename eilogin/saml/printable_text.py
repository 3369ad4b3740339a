"""Texts as messages carry them, and as an error names what is in them."""

import base64
import re
from collections.abc import Sequence

#: C0, DEL, C1 (with U+0085) and the Unicode line and paragraph separators: in a header,
#: a log line or a file of lines each of them could begin another one.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

#: White space in XML.
_SPACE = re.compile("[ \t\r\n]+")


def to_base64(octets: bytes) -> str:
    """Octets in base64 (RFC 4648 4), in one line."""
    return base64.b64encode(octets).decode("ascii")


def printable(text: str) -> str:
    """A text whose characters all stand where they are seen, and move nothing."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode()
        for one in text
    )


def collapsed(uri: str) -> str:
    """Return the value of an ``xs:anyURI``: white space of XML around it is no part.

    Runs of it inside become one blank (XML schema 2, 4.3.6). Other kinds of space stay.
    """
    return _SPACE.sub(" ", uri).strip(" ")


def short(uri: str) -> str:
    """Return the common name of a binding, status or format: ``HTTP-POST`` of a URN."""
    return uri.rpartition(":")[2]


def some(texts: Sequence[str], most: int) -> str:
    """The first few for a message, with a ``…`` where there are more; "" for none."""
    more = ["…"] if len(texts) > most else []
    return ", ".join([*texts[:most], *more])


def first_of(texts: Sequence[str], most: int) -> list[str]:
    """Return the first few, one entry each, and how many more there are."""
    more = len(texts) - most
    return [*texts[:most], *([f"and {more} more"] if more > 0 else [])]
