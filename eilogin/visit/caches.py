"""What a browser may keep of the pages that somebody sees while she is logged in.

Nothing, where the application does not say otherwise: on a shared computer the Back
button would show them to the next visitor, long after she has logged out.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Headers by which an application says itself what may be kept (RFC 9111 5).
_SAID = frozenset(("cache-control", "expires", "pragma"))
_LENGTHS = frozenset(map(len, _SAID))
_NOTHING = ("Cache-Control", "no-store")
#: What a page is made with, and what says nothing of her (Fetch Metadata, 2.1).
_PARTS = frozenset(("style", "script", "font"))
#: What such a part is (Content-Type), and a page is not, however it is asked for: a
#: neighbour's page may ask for one of hers as a script.
_is_part = re.compile(r"text/css|[^;]*(javascript|font)", re.IGNORECASE).match


def not_in_advance() -> Response:
    """For a browser that asks in advance for what is to be had at the click alone.

    What it has so it shows whatever has happened since, and no cache rule keeps it from
    that. It throws away what has no good status, and asks again then (Prefetch, 503).
    """
    return Response(status=503, content_type="text/plain", cache_control="no-store")


def keeping_nothing(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> "StartResponse":
    """``start_response`` for an answer to who is logged in.

    It adds ``Cache-Control: no-store``, but not where the application says something of
    caching, not to the word that what was kept is good still (304), and not to a style,
    script or font, which every page would load anew.
    """
    if environ.get("HTTP_SEC_FETCH_DEST") in _PARTS:
        return partial(_start_part, start_response)
    # No function of its own for each page, which would be made anew each time.
    return partial(_start, start_response)


def _start_part(
    start_response: "StartResponse",
    status: str,
    headers: list[tuple[str, str]],
    exc_info: Any = None,
    /,
) -> Callable[[bytes], object]:
    kinds = [text for name, text in headers if name.lower() == "content-type"]
    if not (kinds and all(map(_is_part, kinds))):
        return _start(start_response, status, headers, exc_info)
    # A server may tell "no exc_info" from None.
    if exc_info is None:
        return start_response(status, headers)
    return start_response(status, headers, exc_info)


def _start(
    start_response: "StartResponse",
    status: str,
    headers: list[tuple[str, str]],
    exc_info: Any = None,
    /,
) -> Callable[[bytes], object]:
    for name, _ in headers:
        # Few names are as long as one of these.
        if len(name) in _LENGTHS and name.lower() in _SAID:
            break
    else:
        if not status.startswith("304"):
            headers = [*headers, _NOTHING]
    # A server may tell "no exc_info" from None.
    if exc_info is None:
        return start_response(status, headers)
    return start_response(status, headers, exc_info)
