"""Keep a response for one visitor out of caches that many visitors share.

A cache before the application (nginx, Varnish, a CDN) may give everybody a page that is
public to the application, which does not know of the login. Only the browser may keep
the response to a signed-in visitor:

* ``Cache-Control`` loses ``public`` and ``s-maxage`` and gets ``private``.
* Headers for shared caches alone, which override it, forbid to keep it:
  ``CDN-Cache-Control`` and others of that form (RFC 9213), ``Surrogate-Control``,
  ``X-Accel-Expires`` of nginx.
* ``Expires`` in the future becomes ``max-age``, for caches that know Expires alone.

Outside of ``off`` paths, each response gets ``Vary: Cookie``: another visitor may sign
in.
"""

import re
from collections.abc import Iterable, Sequence
from email.utils import parsedate_to_datetime
from functools import lru_cache

from eilogin import clock

Headers = Sequence[tuple[str, str]]

_CONTROL, _EXPIRES, _PRAGMA, _VARY = "cache-control", "expires", "pragma", "vary"
_TO_BROWSERS = frozenset((_CONTROL, _EXPIRES, _PRAGMA))
#: The end of every header name that limits caches.
_ENDS = frozenset(("control", "expires", "pragma"))
_END = 7
#: Their last letters, for a quick test.
_LAST = frozenset("lLsSaA")
_TO_SHARED = {
    "surrogate-control": "no-store",
    "edge-control": "no-store",
    "x-accel-expires": "0",
}
_TARGETED = f"-{_CONTROL}"
#: These open a response to shared caches, or qualify ``private`` and ``no-store`` (RFC
#: 9111 5.2.2.3 and 5.2.2.7).
_OPENING = frozenset(("public", "s-maxage", "private", "must-understand"))
#: A directive with its value (RFC 9110 5.6.2), also between blanks.
_SIGN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]"
_DIRECTIVE = re.compile(rf'({_SIGN}+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|{_SIGN}+))?')
_LONGEST = 1000
#: Seconds.
_YEAR = 365 * 86_400
_REMEMBERED = 256


def are_about_caches(headers: Headers) -> bool:
    """Whether headers limit caches."""
    # A generator would slow down each response.
    for name, _ in headers:
        if name[-1:] in _LAST and name[-_END:].lower() in _ENDS:
            return True
    return False


def for_one_visitor(headers: Headers, otherwise: str) -> list[tuple[str, str]]:
    """Return the headers of a response that only the browser of a visitor may keep.

    ``otherwise`` is the Cache-Control of a response without cache headers, or "".
    """
    lowered = [(name.lower(), text) for name, text in headers]
    expires = [text for name, text in lowered if name == _EXPIRES]
    max_age = min(map(_seconds_until, expires), default=0)
    narrowed = [
        (header[0], _closing(name) or header[1])
        for header, (name, _) in zip(headers, lowered, strict=True)
        if name != _CONTROL and not (name == _EXPIRES and max_age)
    ]
    value = _control_of(lowered, max_age, otherwise)
    if value:
        narrowed.append(("Cache-Control", value))
    return varying(narrowed)


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
    return "no-store" if name.endswith(_TARGETED) else _TO_SHARED.get(name)


def _control_of(lowered: Headers, max_age: int, otherwise: str) -> str:
    control = ",".join(text for name, text in lowered if name == _CONTROL)
    if not control:
        return _without_control(lowered, max_age) or otherwise
    return _narrowed(control, max_age) if len(control) <= _LONGEST else "no-store"


@lru_cache(_REMEMBERED)
def _narrowed(control: str, max_age: int) -> str:
    # Cached, because an application uses few.
    if _DIRECTIVE.sub("", control).strip(" \t,"):
        # Each cache would read it differently.
        return "no-store"
    directives = [
        (match[1].lower(), match[0])
        for match in _DIRECTIVE.finditer(control)
        if match[1].lower() not in _OPENING
    ]
    texts = [text for _, text in directives]
    if "no-store" in map(str.lower, texts):
        return ", ".join(texts)
    if max_age and "max-age" not in dict(directives):
        texts.append(f"max-age={max_age}")
    # First: some caches follow the first word that they know.
    return ", ".join(["private", *texts])


def _without_control(lowered: Headers, max_age: int) -> str:
    # Cache-Control overrides both Expires and Pragma.
    if any(name == _PRAGMA and "no-cache" in text.lower() for name, text in lowered):
        return "private, no-cache"
    if max_age:
        return f"private, max-age={max_age}"
    return "private" if any(name in (_PRAGMA, _EXPIRES) for name, _ in lowered) else ""


def _seconds_until(expires: str) -> int:
    try:
        ends = parsedate_to_datetime(expires).timestamp()
    except (ValueError, OverflowError):
        return 0
    return max(0, min(_YEAR, int(ends - clock.now())))
