"""Keep a response for one visitor out of caches that many visitors share.

A cache before the application (nginx, Varnish, a CDN) may give everybody a page that is
public to the application, which does not know of the login. Only the browser may keep
the response to a signed-in visitor:

* ``Cache-Control`` loses ``public`` and ``s-maxage`` and gets ``private``. Other
  directives are for the browser, and stay (RFC 9111 5.2.2).
* Headers for shared caches alone, which override it, forbid to keep it:
  ``CDN-Cache-Control`` and others of that form (RFC 9213), ``Surrogate-Control``,
  ``X-Accel-Expires`` of nginx.
* ``Expires`` in the future becomes ``max-age``, for caches that know Expires alone.
* ``Vary: Cookie``: the browser asks again if another visitor signs in.

The response to an anonymous visitor gets ``Vary: Cookie`` too.
"""

import re
from collections.abc import Iterable, Sequence
from email.utils import parsedate_to_datetime
from functools import lru_cache

from eilogin import clock

Headers = Sequence[tuple[str, str]]

_CONTROL, _EXPIRES, _PRAGMA, _VARY = "cache-control", "expires", "pragma", "vary"
_TO_BROWSERS = frozenset((_CONTROL, _EXPIRES, _PRAGMA))
#: The end of every header name that limits caches, and of few others.
_ENDS = frozenset(("control", "expires", "pragma"))
_END = 7
#: Their last letters, a quick test before that comparison.
_LAST = frozenset("lLsSaA")
_TO_SHARED = {
    "surrogate-control": "no-store",
    "edge-control": "no-store",
    "x-accel-expires": "0",
}
_TARGETED = f"-{_CONTROL}"
#: They open a response to shared caches, or qualify ``private`` and ``no-store`` (RFC
#: 9111 5.2.2.3 and 5.2.2.7).
_OPENING = frozenset(("public", "s-maxage", "private", "must-understand"))
#: A directive with its value (RFC 9110 5.6.2). Some applications write blanks instead
#: of commas.
_SIGN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]"
_DIRECTIVE = re.compile(rf'({_SIGN}+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|{_SIGN}+))?')
_LONGEST = 1000
#: The longest max-age, in seconds.
_YEAR = 365 * 86_400
_REMEMBERED = 256


def are_about_caches(headers: Headers) -> bool:
    """Whether headers limit caches; fast, because every response needs it."""
    # A generator would slow down each response.
    for name, _ in headers:
        if name[-1:] in _LAST and name[-_END:].lower() in _ENDS:
            return True
    return False


def for_one_visitor(headers: Headers, otherwise: str) -> list[tuple[str, str]]:
    """Return the headers of a response that only the browser of a visitor may keep.

    ``otherwise`` is the Cache-Control of a response without cache headers, or "".
    """
    told = [(name.lower(), text) for name, text in headers]
    expires = [text for name, text in told if name == _EXPIRES]
    fresh = min(map(_seconds_until, expires), default=0)
    kept = [
        (header[0], _closing(name) or header[1])
        for header, (name, _) in zip(headers, told, strict=True)
        if name != _CONTROL and not (name == _EXPIRES and fresh)
    ]
    value = _control_of(told, fresh, otherwise)
    if value:
        kept.append(("Cache-Control", value))
    return varying(kept)


def varying(headers: Headers) -> list[tuple[str, str]]:
    """Return the headers of a response that depends on the cookies of the request."""
    # Most responses have no name of this length.
    candidates = [header for header in headers if len(header[0]) == len(_VARY)]
    values = [value for name, value in candidates if name.lower() == _VARY]
    if not values:
        return [*headers, ("Vary", "Cookie")]
    fields = _fields_of(values)
    if "*" in fields or "cookie" in map(str.lower, fields):
        return [*headers]
    # A cache may read only one line.
    without_vary = [header for header in headers if header[0].lower() != _VARY]
    return [*without_vary, ("Vary", ", ".join([*fields, "Cookie"]))]


def _fields_of(values: Iterable[str]) -> Sequence[str]:
    """The request headers in all values of ``Vary`` (RFC 9110 12.5.5)."""
    return [
        field.strip() for value in values for field in value.split(",") if field.strip()
    ]


def without_words(headers: Headers) -> list[tuple[str, str]]:
    """Return the headers without those for browser caches and shared caches."""
    return [
        (name, text)
        for name, text in headers
        if name.lower() not in _TO_BROWSERS and not _closing(name.lower())
    ]


def _closing(name: str) -> str | None:
    """The value by which a header forbids shared caches to keep the response."""
    return "no-store" if name.endswith(_TARGETED) else _TO_SHARED.get(name)


def _control_of(told: Headers, fresh: int, otherwise: str) -> str:
    said = ",".join(text for name, text in told if name == _CONTROL)
    if not said:
        return _without_control(told, fresh) or otherwise
    return _narrowed(said, fresh) if len(said) <= _LONGEST else "no-store"


@lru_cache(_REMEMBERED)
def _narrowed(said: str, fresh: int) -> str:
    """Narrow a Cache-Control to the browser; cached, an application uses few."""
    if _DIRECTIVE.sub("", said).strip(" \t,"):
        # Each cache would read it differently.
        return "no-store"
    found = [
        (match[1].lower(), match[0])
        for match in _DIRECTIVE.finditer(said)
        if match[1].lower() not in _OPENING
    ]
    words = [text for _, text in found]
    if "no-store" in map(str.lower, words):
        return ", ".join(words)
    if fresh and "max-age" not in dict(found):
        words.append(f"max-age={fresh}")
    # First: some caches follow the first word that they know.
    return ", ".join(["private", *words])


def _without_control(told: Headers, fresh: int) -> str:
    """Return Expires and Pragma as Cache-Control, which overrides both."""
    if any(name == _PRAGMA and "no-cache" in text.lower() for name, text in told):
        return "private, no-cache"
    if fresh:
        return f"private, max-age={fresh}"
    return "private" if any(name in (_PRAGMA, _EXPIRES) for name, _ in told) else ""


def _seconds_until(expires: str) -> int:
    try:
        ends = parsedate_to_datetime(expires).timestamp()
    except (ValueError, OverflowError):
        return 0
    return max(0, min(_YEAR, int(ends - clock.now())))
