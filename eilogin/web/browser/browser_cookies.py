"""Cookies: their name, their attributes, and a tolerant look for one of them.

Every cookie of ours has the prefix ``__Host-``: a browser takes it only from this
very host, over https (or ``*.localhost``), for ``Path=/``, so no neighbour under the
same domain can plant one (RFC 6265bis 4.1.3.2).

The Cookie header is shared with the application and with everything else that ever
set a cookie here, so much of it is not ours and some of it is odd: JSON, quotes, names
with brackets, words without ``=``. None of that may lose our own.
"""

import re
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PREFIX = "__Host-"
# RFC 6265 4.1.1, less what would need quoting somewhere on the way.
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
# RFC 6265bis 5.7: prefixes that mean something to a browser, in upper or lower case.
_RESERVED = re.compile(r"__(host|secure|http|host-http)-", re.IGNORECASE)
# What a browser leaves out around a pair, and no more: a neighbour may set a cookie
# whose name is a hard space and then ``__Host-...``, which its browser does not guard.
_BLANKS = " \t"
_VALUE = re.compile(r"[A-Za-z0-9!#$%&'()*+./:<=>?@^_`{|}~-]*")


def _cookie_name(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip().removeprefix(_PREFIX)
    if not _NAME.fullmatch(text):
        raise ValueError("a name of letters, digits, '.', '_' and '-'")
    if _RESERVED.match(text):
        # A browser reads the prefix in any case, and then wants other attributes.
        raise ValueError(
            f"a name without '{text.partition('-')[0]}-': eilogin puts '{_PREFIX}'"
            " before it itself"
        )
    return text


#: The type of an ini option that names a cookie; ``__Host-`` may be left out.
CookieName = Annotated[str, BeforeValidator(_cookie_name)]


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie of ours, by its name without ``__Host-``.

    ``same_site="Lax"`` lets it come along when a link or redirect of another site
    leads here, and keeps it away from another site's POST. ValueError where the name
    is not made of letters, digits, ``.``, ``_`` and ``-``.
    """

    name: str
    _: KW_ONLY
    same_site: Literal["Lax", "Strict", "None"] = "Lax"
    # What stands before the value in a header.
    _start: str = field(init=False, repr=False, compare=False)
    _length: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"not the name of a cookie: {self.name!r}")
        object.__setattr__(self, "_start", f"{_PREFIX}{self.name}=")
        object.__setattr__(self, "_length", len(self._start))

    def read(self, environ: "WSGIEnvironment") -> str | None:
        """The value that the browser sent, or None.

        None too where it was sent with two different values: no browser does that
        with a ``__Host-`` cookie, so one of them is forged and nobody can say which.
        """
        return self.read_in(environ.get("HTTP_COOKIE", ""))

    def read_in(self, header: str) -> str | None:
        """The same of a Cookie header."""
        wanted = self._start
        start = header.find(wanted)
        if start == -1:
            return None
        behind = start + self._length
        is_plain = start == 0 or header[start - 2 : start] == "; "
        if is_plain and header.find(wanted, behind) == -1:
            # As every browser writes it: once, and where a pair begins.
            end = header.find(";", behind)
            value = header[behind:] if end == -1 else header[behind:end]
            return value.strip(_BLANKS) or None
        return self._read_of_many(header)

    def _read_of_many(self, header: str) -> str | None:
        position = 0
        found = None
        while (start := header.find(self._start, position)) != -1:
            end = header.find(";", start)
            end = len(header) if end == -1 else end
            if _begins_a_pair(header, position, start):
                value = header[start + self._length : end].strip(_BLANKS)
                if found is not None and value != found:
                    return None
                found = value
            # Whether it was ours or stood inside of another's value: what follows
            # can begin only behind the next semicolon.
            position = end
        return found or None

    def left_out_of(self, header: str) -> str:
        """Return a Cookie header without this cookie, and all else as it came."""
        if self._start not in header:
            return header
        pairs = header.split(";")
        kept = [p for p in pairs if not p.lstrip(_BLANKS).startswith(self._start)]
        text = ";".join(kept)
        # The blank behind a semicolon that is not there any more.
        return text if kept[:1] == pairs[:1] else text.lstrip(_BLANKS)

    def set(self, value: str, *, max_age: int | None = None) -> tuple[str, str]:
        """The header that sets this cookie.

        ``max_age`` in seconds; without it the cookie goes when the browser closes.
        ValueError where the value could be read as anything but one value.
        """
        if not _VALUE.fullmatch(value):
            raise ValueError(f"not a value for the cookie {self.name}")
        age = "" if max_age is None else f"; Max-Age={max_age}"
        attributes = f"{age}; Path=/; Secure; HttpOnly; SameSite={self.same_site}"
        return ("Set-Cookie", f"{self._start}{value}{attributes}")

    def expire(self) -> tuple[str, str]:
        """The header that removes this cookie from the browser."""
        return self.set("", max_age=0)


def _begins_a_pair(header: str, position: int, start: int) -> bool:
    """Whether nothing but blanks stands between the last semicolon and ``start``."""
    return not header[header.rfind(";", position, start) + 1 : start].strip(_BLANKS)


def names(environ: "WSGIEnvironment", prefix: str) -> list[str]:
    """The names of all our cookies in a request that begin with ``prefix``.

    They come without ``__Host-``, as :class:`Cookie` takes them, each once, in the
    order of the header.
    """
    wanted = _PREFIX + prefix
    found = (
        pair.partition("=")[0].strip(_BLANKS)
        for pair in environ.get("HTTP_COOKIE", "").split(";")
    )
    return list(
        dict.fromkeys(
            name.removeprefix(_PREFIX)
            for name in found
            if name.startswith(wanted) and _NAME.fullmatch(name, len(_PREFIX))
        )
    )
