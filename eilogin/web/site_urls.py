"""URLs of this site, always from ``public_url``, never from a Host header.

A *target* is a path and query as the browser sees it: ``/mijn?jaar=2026``.
"""

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from webob import Response

from eilogin.config import LONGEST_TARGET
from eilogin.web.requests import origin_of
from eilogin.web.visit import Visit

# They need no encoding (RFC 3986 3.3 and 3.4). No server decodes a query, so encoded
# characters stay there. Browsers leave brackets too.
_PATH_SAFE = "/:@!$&'()*+,;=~-._"
_QUERY_SAFE = _PATH_SAFE + "?%[]"


def this_page(visit: Visit, public_url: str) -> str:
    """The target of the requested page, shortened to :data:`LONGEST_TARGET`."""
    whole = whole_target(visit, public_url)
    candidates = (whole, whole.partition("?")[0], root(public_url))
    return next(target for target in candidates if len(target) <= LONGEST_TARGET)


def whole_target(visit: Visit, public_url: str) -> str:
    """The target of the requested page, of any length."""
    visible = visit.visible
    below = visit.path_info if visible is None else visible.below
    path = urlsplit(public_url).path + _quoted(below, _PATH_SAFE)
    query = _quoted(visit.query_string, _QUERY_SAFE)
    return f"{path}?{query}" if query else path


def _quoted(text: str, safe: str) -> str:
    return quote(text.encode("latin-1"), safe=safe)


def at(public_url: str, target: str) -> str:
    """The full URL of a target of the site at ``public_url``."""
    return origin_of(public_url) + target


def root(public_url: str) -> str:
    """The target of the first page: ``/``, or ``/app/`` below a path."""
    return urlsplit(public_url).path.rstrip("/") + "/"


def see_other(
    location: str, headers: Iterable[tuple[str, str]] = (), *, status: int = 303
) -> Response:
    """Redirect to the full URL ``location``; no cache keeps it."""
    response = Response(status=status, location=location, content_type="text/plain")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    for name, value in headers:
        response.headers.add(name, value)
    return response
