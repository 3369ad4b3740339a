"""The headers of an answer that say whether an element may be put into its page."""

import re
from functools import lru_cache
from typing import NamedTuple

from eilogin.participant.injection.html_injection import Headers

HTML = "text/html"
XHTML = "application/xhtml+xml"
# In these charsets, ASCII characters and no others have bytes of ASCII.
_ASCII_COMPATIBLE = re.compile(
    r"utf-?8|(?:us-)?ascii|iso-?8859-?\d{1,2}|latin-?\d|(?:windows-|cp)125\d",
    re.IGNORECASE,
)
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^"';\s]+)""", re.IGNORECASE)

_READ_HEADERS = frozenset(
    ("content-type", "content-disposition", "content-encoding", "cache-control")
)


class PageHeaders(NamedTuple):
    """The type, encoding and caching of an answer."""

    kind: str
    #: Whether the browser saves the answer (Content-Disposition: attachment).
    is_download: bool
    #: Why eilogin cannot read the bytes of the page, or "".
    unreadable: str
    #: Why eilogin must not change the page, or "".
    obstacle: str


def read_page_headers(headers: Headers) -> PageHeaders:
    """Read the headers of an answer; quick for those that many pages share."""
    values: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in _READ_HEADERS:
            # RFC 9110 5.3: repeated headers form one list.
            earlier = values.get(lower)
            values[lower] = f"{earlier}, {value}" if earlier else value
    return _read(
        values.get("content-type", ""),
        # A file may have the name of a visitor, which no cache must keep.
        values.get("content-disposition", "").partition(";")[0],
        values.get("content-encoding", ""),
        values.get("cache-control", ""),
    )


@lru_cache(maxsize=64)
def _read(
    content_type: str, disposition: str, encoding: str, caching: str
) -> PageHeaders:
    kind, is_charset_known = _read_type(content_type)
    unreadable = ""
    if encoding.strip().lower() not in ("", "identity"):
        unreadable = (
            "the page is compressed already; let the server before eilogin compress it"
        )
    elif not is_charset_known:
        unreadable = (
            "the Content-Type of the page has no charset; add one, such as utf-8"
        )
    is_fixed = "no-transform" in caching.lower()
    return PageHeaders(
        kind,
        disposition.strip().lower() == "attachment",
        unreadable,
        "the page has Cache-Control: no-transform" if is_fixed else unreadable,
    )


def _read_type(content_type: str) -> tuple[str, bool]:
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    match = _CHARSET.search(parameters)
    charset = match[1] if match else ""
    # XML without a charset is UTF-8 (XML 1.0, 4.3.3).
    is_default = kind == XHTML and not charset
    return kind, is_default or _ASCII_COMPATIBLE.fullmatch(charset) is not None
