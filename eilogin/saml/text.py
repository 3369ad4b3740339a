"""Texts as messages carry them: base64, and the characters that no text may hold."""

import base64
import re

#: C0, DEL, C1 (with U+0085) and the Unicode line and paragraph separators: in a header,
#: a log line or a file of lines each of them could begin another one.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def to_base64(octets: bytes) -> str:
    """Octets in base64 (RFC 4648 4), in one line."""
    return base64.b64encode(octets).decode("ascii")
