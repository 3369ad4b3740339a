"""Limit what browsers and shared caches may keep of a response.

Unless the application sets a cache rule, the browser keeps no pages of a signed-in
visitor: on a shared computer, the Back button would show them after a logout.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from webob import Response

from eilogin.web import environ as env
from eilogin.web import shared_caches
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

_NOTHING, _PRIVATE = "no-store", "private"
_NO_STORE = ("Cache-Control", _NOTHING)
#: Parts of a page without data of the visitor (Fetch Metadata, 2.1).
_PARTS = frozenset(("style", "script", "font"))
#: Checked too, because a neighbouring site may request a page as a script.
_is_part = re.compile(r"text/css|[^;]*(javascript|font)", re.IGNORECASE).match


def not_in_advance() -> Response:
    """Return 503 to a prefetch, so that the browser requests the page at the click."""
    return Response(status=503, content_type="text/plain", cache_control="no-store")


def for_visitor(
    visit: Visit, start_response: "StartResponse", *, no_store: bool
) -> "StartResponse":
    """Return ``start_response`` with cache headers for a response of the application.

    With ``no_store``, a signed-in visitor's browser keeps nothing, unless the
    application sets a cache rule. Exceptions: styles, scripts, fonts and 304.
    """
    # No closures and few calls here, because this runs for every page.
    environ = visit.environ
    if environ[env.SESSION] is None:
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
    if status[:3] == "304":
        # Cache-Control here would replace that of the kept response.
        otherwise = ""
    if otherwise == _NOTHING and not shared_caches.are_about_caches(headers):
        headers = [*headers, _NO_STORE]
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
    # For a server, None may differ from "no exc_info".
    if exc_info is None:
        return start_response(status, headers)
    return start_response(status, headers, exc_info)
