"""URLs of this site, always from ``public_url``, never from a Host header.

A *target* is a path with an optional query, as the browser sees it, such as
``/mijn?jaar=2026``.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# RFC 3986 3.3: what may stand in a path as it is.
_PATH_SAFE = "/:@!$&'()*+,;=~-._"


def this_page(environ: "WSGIEnvironment", public_url: str) -> str:
    """The target of the page that is asked for."""
    path = environ.get("PATH_INFO", "").encode("latin-1")
    query = environ.get("QUERY_STRING", "")
    target = urlsplit(public_url).path + quote(path, safe=_PATH_SAFE)
    return f"{target}?{query}" if query else target


def see_other(
    location: str, headers: Iterable[tuple[str, str]] = (), *, status: int = 303
) -> Response:
    """A redirect that no cache keeps; ``location`` is a full URL."""
    response = Response(status=status, location=location, content_type="text/plain")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    for name, value in headers:
        response.headers.add(name, value)
    return response
