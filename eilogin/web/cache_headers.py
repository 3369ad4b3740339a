"""Say what browsers and shared caches may keep of an answer.

The browser keeps nothing of the pages of a signed-in visitor, unless the application
says otherwise: on a shared computer the Back button would show them to the next
visitor, long after a logout. Shared caches keep nothing of them in any case
(:mod:`eilogin.web.shared_caches`).
"""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from webob import Response

from eilogin.web import environ as env
from eilogin.web import shared_caches

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_NOTHING, _PRIVATE = "no-store", "private"
#: Parts of a page, which say nothing of the visitor (Fetch Metadata, 2.1).
_PARTS = frozenset(("style", "script", "font"))
#: The Content-Type of such a part. A page has another one, however it is asked for: a
#: neighbouring site may ask for a page as if it were a script.
_is_part = re.compile(r"text/css|[^;]*(javascript|font)", re.IGNORECASE).match


def not_in_advance() -> Response:
    """For a browser that asks in advance for what is to be had at the click alone.

    What it has so it shows whatever has happened since, and no cache rule keeps it from
    that. It throws away what has no good status, and asks again then (Prefetch, 503).
    """
    return Response(status=503, content_type="text/plain", cache_control="no-store")


def for_visitor(
    environ: "WSGIEnvironment", start_response: "StartResponse", *, no_store: bool
) -> "StartResponse":
    """Return ``start_response`` for an answer of the application, with headers added.

    If the visitor is signed in, and the application says nothing of caching, the
    browser keeps none of the answer (``no_store``), with two exceptions. A style,
    script or font would be loaded anew by every page. "Not modified" (304) says that
    the answer that was kept is good still.
    """
    # No function of its own for each page, which would be made anew each time.
    if environ[env.SESSION] is None:
        # The answer on an "off" path is the same for everybody.
        is_off = env.OFF in environ
        return start_response if is_off else partial(_start_varying, start_response)
    if not no_store:
        return partial(_start, start_response, _PRIVATE)
    if environ.get("HTTP_SEC_FETCH_DEST") in _PARTS:
        return partial(_start_part, start_response)
    return partial(_start, start_response, _NOTHING)


def _start_part(
    start_response: "StartResponse",
    status: str,
    headers: list[tuple[str, str]],
    exc_info: Any = None,
    /,
) -> Callable[[bytes], object]:
    kinds = [text for name, text in headers if name.lower() == "content-type"]
    otherwise = _PRIVATE if kinds and all(map(_is_part, kinds)) else _NOTHING
    return _start(start_response, otherwise, status, headers, exc_info)


def _start(
    start_response: "StartResponse",
    otherwise: str,
    status: str,
    headers: list[tuple[str, str]],
    exc_info: Any = None,
    /,
) -> Callable[[bytes], object]:
    if status.startswith("304"):
        # It would take the place of what was said of the answer that was kept.
        otherwise = ""
    if otherwise == _NOTHING and not shared_caches.are_about_caches(headers):
        headers = [*headers, ("Cache-Control", _NOTHING)]
    else:
        headers = shared_caches.for_one_visitor(headers, otherwise)
    return _pass_on(start_response, status, headers, exc_info)


def _start_varying(
    start_response: "StartResponse",
    status: str,
    headers: list[tuple[str, str]],
    exc_info: Any = None,
    /,
) -> Callable[[bytes], object]:
    headers = shared_caches.varying(headers)
    return _pass_on(start_response, status, headers, exc_info)


def _pass_on(
    start_response: "StartResponse",
    status: str,
    headers: list[tuple[str, str]],
    exc_info: Any,
) -> Callable[[bytes], object]:
    # A server may tell "no exc_info" from None.
    if exc_info is None:
        return start_response(status, headers)
    return start_response(status, headers, exc_info)
