"""The headers of an answer that say whether an element may be put into its page."""

import re
from functools import lru_cache

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


class PageHeaders:
    """The type, encoding and caching headers of an answer."""

    def __init__(self, headers: Headers) -> None:
        self._values: dict[str, str] = {}
        for name, value in headers:
            lower = name.lower()
            if lower in _READ_HEADERS:
                # RFC 9110 5.3: repeated headers form one list.
                earlier = self._values.get(lower)
                self._values[lower] = f"{earlier}, {value}" if earlier else value
        self.kind, self._is_charset_known = _read_type(self._value("content-type"))

    def _value(self, name: str) -> str:
        return self._values.get(name, "")

    @property
    def is_download(self) -> bool:
        """Whether the browser saves the answer (Content-Disposition: attachment)."""
        kind = self._value("content-disposition").partition(";")[0]
        return kind.strip().lower() == "attachment"

    def unreadable(self) -> str:
        """Return why eilogin cannot read the bytes of the page, or ""."""
        if self._value("content-encoding").strip().lower() not in ("", "identity"):
            return (
                "the page is compressed already; let the server before eilogin "
                "compress it"
            )
        if not self._is_charset_known:
            return "the Content-Type of the page has no charset; add one, such as utf-8"
        return ""

    def obstacle(self) -> str:
        """Return why eilogin must not change the page, or ""."""
        if "no-transform" in self._value("cache-control").lower():
            return "the page has Cache-Control: no-transform"
        return self.unreadable()


@lru_cache(maxsize=64)
def _read_type(content_type: str) -> tuple[str, bool]:
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    match = _CHARSET.search(parameters)
    charset = match[1] if match else ""
    # XML without a charset is UTF-8 (XML 1.0, 4.3.3).
    is_default = kind == XHTML and not charset
    return kind, is_default or _ASCII_COMPATIBLE.fullmatch(charset) is not None
