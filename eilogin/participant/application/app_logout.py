"""Start a single logout behind the application's own logout.

First the application handles its logout address. If it reports no error, eilogin ends
the session and notifies the hub. eilogin's answer sets the application's cookies, and
leads to the page of its redirect.

A link or form of another site must not sign anybody out everywhere, so such a visitor
has to confirm. A script cannot follow a redirect to the hub: it gets the application's
answer, and the hub gets the LogoutRequest over SOAP.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin

from webob import Request, Response

from eilogin.config import site_path
from eilogin.participant.login.return_targets import is_own_address
from eilogin.participant.logout.logout_hooks import APPLICATION
from eilogin.participant.logout.logout_start import ParticipantLogout
from eilogin.stores import logout_reserve
from eilogin.web import environ as env
from eilogin.web.cache_headers import not_in_advance
from eilogin.web.requests import (
    is_from_other_site,
    is_own_navigation,
    origin_of,
    safe_next,
)
from eilogin.web.site_urls import at, whole_target
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")

#: Response headers of the application that eilogin's answer repeats.
_KEPT = ("set-cookie", "clear-site-data")
#: Lowest HTTP status with which the application reports that it did nothing.
REFUSED = 400
#: Bytes of its answer to read: an application may work while it streams.
_MOST_READ = 1024 * 1024
_CHANGES_NOTHING = ("HEAD", "OPTIONS", "TRACE")


_PATHS = "paths of this site such as '/logout' or 'POST /logout'"
#: The application gets no request below this path, unless ``prefix`` changes it.
_OURS = "/eilogin/"


class LogoutAddress(NamedTuple):
    """A path, and a method or "" for any."""

    path: str
    method: str = ""


def read_addresses(value: object) -> object:
    """Parse paths, each perhaps after a method; a non-string stays as it is."""
    if not isinstance(value, str):
        return value
    addresses, method = [], ""
    for word in value.split():
        if not method and word.isascii() and word.isalpha() and word.isupper():
            method = word
            continue
        addresses.append(LogoutAddress(path_of(word, _PATHS), method))
        method = ""
    if method:
        raise ValueError(_PATHS)
    return tuple(addresses)


def path_of(word: str, expected: str) -> str:
    """Return the path in a word of an option, or raise ValueError with ``expected``."""
    if word.endswith((",", ";")):
        raise ValueError("paths with blanks between them, without commas")
    try:
        path = site_path(word)
    except ValueError:
        raise ValueError(expected) from None
    if "?" in path or "#" in path:
        raise ValueError(expected)
    if f"{path}/".startswith(_OURS):
        raise ValueError(
            f"addresses of the application; paths below {_OURS} belong to eilogin"
        )
    return path


class AppLogout:
    """The application, with a single logout behind its logout ``addresses``."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it needs for its answers
        self,
        app: "WSGIApplication",
        addresses: Sequence[LogoutAddress],
        logout: ParticipantLogout,
        ask_first: Callable[[Visit], Response],
        refuse: Callable[[Visit, Exception], Response],
        usual: str,
    ) -> None:
        self._app = app
        self._methods: dict[str, set[str]] = {}
        for address in addresses:
            # WSGI represents octets as latin-1.
            path = unquote(address.path, encoding="latin-1")
            self._methods.setdefault(path, set()).add(address.method)
        self._logout = logout
        self._ask_first = ask_first
        self._refuse = refuse
        self._usual = usual

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Return the application's answer, or eilogin's after a logout."""
        visit = Visit(environ)
        if not self.is_at_one(environ):
            return self._app(environ, start_response)
        if visit.is_in_advance:
            # At the click, the browser would show the prefetched page without a logout.
            return not_in_advance()(environ, start_response)
        # A copy, because the application may change environ.
        request = Request(environ.copy())
        # catch_exc_info: no answer has gone out yet, so an error page is an answer too.
        app_answer = request.call_application(self._app, catch_exc_info=True)
        status, headers, body = app_answer[:3]
        has_logged_out = int(status[:3]) < REFUSED
        answer = self._answer(visit, headers) if has_logged_out else None
        if answer is None:
            start_response(status, headers)
            return body
        try:
            read_some(body)
        except Exception:  # noqa: BLE001 - the application has reported success
            _log.exception("app_logout: the application failed in its own logout")
        return answer(environ, start_response)

    def is_at_one(self, environ: "WSGIEnvironment") -> bool:
        """Return whether a request is at a logout address of the application."""
        visible = environ.get(env.VISIBLE)
        script, below = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        methods = self._methods.get(script + below if visible is None else visible.path)
        method = environ["REQUEST_METHOD"]
        return (
            methods is not None
            and method not in _CHANGES_NOTHING
            and not methods.isdisjoint((method, ""))
        )

    def _answer(self, visit: Visit, headers: list[tuple[str, str]]) -> Response | None:
        # None stands for the application's own answer with these headers.
        try:
            with logout_reserve.for_logout():
                answer = self._single_logout(visit, headers)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self._refuse(visit, error)
        if answer is None:
            return None
        repeated = [(name, text) for name, text in headers if name.lower() in _KEPT]
        answer.headerlist.extend(repeated)
        return answer

    def _single_logout(
        self, visit: Visit, headers: list[tuple[str, str]]
    ) -> Response | None:
        login = visit.session_to_end()
        public_url = visit.trust.own.public_url
        is_page = visit.is_looked_at and visit.fills_window
        if is_page and is_own_navigation(visit, public_url):
            target = self._target(visit, headers)
            if login is None:
                # After a double click, a browser shows only this second answer.
                return self._logout.leave_without_session(visit, target)
            return self._logout.leave(visit, login, target, cause=APPLICATION)
        if login is None:
            return None
        if is_page:
            return self._ask_first(visit)
        if not is_from_other_site(visit, public_url):
            headers += self._logout.end_by_script(visit, login)
        return None

    def _target(self, visit: Visit, headers: Iterable[tuple[str, str]]) -> str:
        location = next(
            (text for name, text in headers if name.lower() == "location"), ""
        )
        if not location:
            return self._usual
        own = visit.trust.own
        page = at(own.public_url, whole_target(visit, own.public_url))
        try:
            url = urljoin(page, location)
        except ValueError:
            # The address is invalid, but the visitor has logged out.
            return self._usual
        site = f"{origin_of(own.public_url)}/"
        path = "/" + url.partition("#")[0].removeprefix(site)
        if not url.startswith(site) or is_own_address(own, path.partition("?")[0]):
            return self._usual
        return safe_next(path, self._usual)


def read_some(body: Iterable[bytes]) -> None:
    """Read the body, so that the application finishes its work, and close it."""
    with ExitStack() as stack:
        if hasattr(body, "close"):
            stack.callback(body.close)
        remaining = _MOST_READ
        for part in body:
            remaining -= max(len(part), 1)
            if remaining <= 0:
                break
