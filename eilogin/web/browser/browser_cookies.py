"""Cookies: their names and attributes, and a tolerant reader of the Cookie header.

A browser accepts the prefix ``__Host-`` only from this host, over https (or
``*.localhost``), for ``Path=/``. So no neighbour under the same domain can plant a
cookie of eilogin (RFC 6265bis 4.1.3.2). Malformed cookies of others must not hide it.
"""

import re
from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated, Literal

from pydantic import BeforeValidator

_PREFIX = "__Host-"
# RFC 6265 4.1.1, without characters that some software would quote.
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
# RFC 6265bis 5.7, in any case.
_RESERVED = re.compile(r"__(host|secure|http|host-http)-", re.IGNORECASE)
# A browser strips exactly these around a pair. A neighbour may set a cookie with a
# no-break space before ``__Host-...``, which its browser does not protect.
_BLANKS = " \t"
_VALUE = re.compile(r"[A-Za-z0-9!#$%&'()*+./:<=>?@^_`{|}~-]*")


def _cookie_name(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip().removeprefix(_PREFIX)
    if not _NAME.fullmatch(text):
        raise ValueError("a name of letters, digits, '.', '_' and '-'")
    if _RESERVED.match(text):
        # A browser reads the prefix in any case, and requires its attributes.
        raise ValueError(
            f"a name without '{text.partition('-')[0]}-': eilogin puts '{_PREFIX}'"
            " before it itself"
        )
    return text


#: Option type for the name of a cookie; ``__Host-`` may be left out.
CookieName = Annotated[str, BeforeValidator(_cookie_name)]


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie of eilogin, by its name without ``__Host-``; ValueError for a bad one.

    With ``same_site="Lax"``, other sites can send it by link or redirect, not by POST.
    """

    name: str
    _: KW_ONLY
    same_site: Literal["Lax", "Strict", "None"] = "Lax"
    _start: str = field(init=False, repr=False, compare=False)
    _length: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"not the name of a cookie: {self.name!r}")
        object.__setattr__(self, "_start", f"{_PREFIX}{self.name}=")
        object.__setattr__(self, "_length", len(self._start))

    def read(self, header: str) -> str | None:
        """The value in a Cookie header; None for two, because one is forged."""
        pair_start = self._start
        start = header.find(pair_start)
        if start == -1:
            return None
        value_start = start + self._length
        is_plain = start == 0 or header[start - 2 : start] == "; "
        if is_plain and header.find(pair_start, value_start) == -1:
            # Browsers write it once, at the start of a pair.
            end = header.find(";", value_start)
            value = header[value_start:] if end == -1 else header[value_start:end]
            return value.strip(_BLANKS) or None
        return self._read_of_many(header)

    def _read_of_many(self, header: str) -> str | None:
        position = 0
        first_value = None
        while (start := header.find(self._start, position)) != -1:
            end = header.find(";", start)
            end = len(header) if end == -1 else end
            if _begins_a_pair(header, position, start):
                value = header[start + self._length : end].strip(_BLANKS)
                if first_value is not None and value != first_value:
                    return None
                first_value = value
            # The next pair begins after the semicolon.
            position = end
        return first_value or None

    def left_out_of(self, header: str) -> str:
        """Return a Cookie header without this cookie."""
        start = header.find(self._start)
        if start == -1:
            return header
        is_one = header.find(self._start, start + self._length) == -1
        if is_one and header[start - 2 : start] == "; ":
            # As in read(): most headers have it once, behind another pair.
            end = header.find(";", start)
            return header[: start - 2] + (header[end:] if end != -1 else "")
        pairs = header.split(";")
        other_pairs = [
            p for p in pairs if not p.lstrip(_BLANKS).startswith(self._start)
        ]
        text = ";".join(other_pairs)
        return text if other_pairs[:1] == pairs[:1] else text.lstrip(_BLANKS)

    def set(self, value: str, *, max_age: int | None = None) -> tuple[str, str]:
        """The header that sets this cookie, for ``max_age`` seconds or this session.

        Raises ValueError if the value has separators.
        """
        if not _VALUE.fullmatch(value):
            raise ValueError(f"not a value for the cookie {self.name}")
        age = "" if max_age is None else f"; Max-Age={max_age}"
        attributes = f"{age}; Path=/; Secure; HttpOnly; SameSite={self.same_site}"
        return ("Set-Cookie", f"{self._start}{value}{attributes}")

    def expire(self) -> tuple[str, str]:
        """The header that removes this cookie."""
        return self.set("", max_age=0)


def _begins_a_pair(header: str, position: int, start: int) -> bool:
    return not header[header.rfind(";", position, start) + 1 : start].strip(_BLANKS)


def names(header: str, prefix: str) -> list[str]:
    """The names with ``prefix`` of eilogin's cookies in a header, each once."""
    name_start = _PREFIX + prefix
    cookie_names = (pair.partition("=")[0].strip(_BLANKS) for pair in header.split(";"))
    return list(
        dict.fromkeys(
            name.removeprefix(_PREFIX)
            for name in cookie_names
            if name.startswith(name_start) and _NAME.fullmatch(name, len(_PREFIX))
        )
    )
