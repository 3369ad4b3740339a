"""The application's own logout begins ours.

Its link or button says "log out", and she means everywhere. So the application does
first what it does at that address, with whatever method, and with whatever it asks of
a form of its own; and if it has not refused, who is logged in is logged out here, and
the hub is told. What it has set and expired of its own cookies goes along; of its page
the address counts, if it leads on to one.

A link or form of another site must not log anybody out everywhere: who comes from there
is asked, when the application has done its part. A script that logs out gets the
application's own answer, for it could not follow her to the hub; the hub is told over
SOAP then, if it takes that.
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
    fills_window,
    is_from_other_site,
    is_in_advance,
    is_looked_at,
    is_own_navigation,
    origin_of,
    safe_next,
)
from eilogin.web.site_urls import at, whole_target

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")

#: Headers of the application that hold without its page: for cookies, and for all that
#: a browser keeps of the site.
_KEPT = ("set-cookie", "clear-site-data")
#: The first status by which the application says that it has done nothing.
REFUSED = 400
#: How much of its page is read, in bytes; it may do some of its work while it is read.
_MOST_READ = 1024 * 1024
#: Methods by which nobody logs out.
_CHANGES_NOTHING = ("HEAD", "OPTIONS", "TRACE")


#: What ``app_logout`` is made of.
_PATHS = "paths of this site such as '/logout' or 'POST /logout'"
#: Below this the application is not asked, unless ``prefix`` says otherwise.
_OURS = "/eilogin/"


class LogoutAddress(NamedTuple):
    """Where the application logs out: a path of the site; a method, or "" for any."""

    path: str
    method: str = ""


def read_addresses(value: object) -> object:
    """Paths with blanks between them, each with a method before it or without.

    For validators; what is not a text stays as it is.
    """
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
    """The path that a word of an option is, as a browser has it.

    Raises ValueError for what is none (``expected`` says what is), and for one at which
    the application is never asked.
    """
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
    """The application, which logs out at some ``addresses``, with ours behind that.

    ``ask_first`` and ``refuse`` make the pages for who comes from another site, and
    for what fails; ``usual`` is where a visitor is afterwards, or "".
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it leads on to
        self,
        app: "WSGIApplication",
        addresses: Sequence[LogoutAddress],
        logout: ParticipantLogout,
        ask_first: "Callable[[WSGIEnvironment], Response]",
        refuse: "Callable[[WSGIEnvironment, Exception], Response]",
        usual: str,
    ) -> None:
        self._app = app
        self._methods: dict[str, set[str]] = {}
        for address in addresses:
            # As WSGI has it: the octets, seen as latin-1.
            path = unquote(address.path, encoding="latin-1")
            self._methods.setdefault(path, set()).add(address.method)
        self._logout = logout
        self._ask_first = ask_first
        self._refuse = refuse
        self._usual = usual

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """The application's answer; ours behind it where it has logged out."""
        if not self.is_at_one(environ):
            return self._app(environ, start_response)
        if is_in_advance(environ):
            # It would show the answer at the click, and ask nobody to log out.
            return not_in_advance()(environ, start_response)
        # What the application changes in environ is its own.
        request = Request(environ.copy())
        # An application may have caught its error, and make a page of that; nothing of
        # another one has gone out.
        answered = request.call_application(self._app, catch_exc_info=True)
        status, headers, body = answered[:3]
        has_logged_out = int(status[:3]) < REFUSED
        answer = self._answer(environ, headers) if has_logged_out else None
        if answer is None:
            start_response(status, headers)
            return body
        try:
            read_some(body)
        except Exception:  # noqa: BLE001 - it has said that all is well
            _log.exception("app_logout: the application failed in its own logout")
        return answer(environ, start_response)

    def is_at_one(self, environ: "WSGIEnvironment") -> bool:
        """Whether a request is at an address at which the application logs out."""
        seen = environ.get(env.VISIBLE)
        script, below = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        methods = self._methods.get(script + below if seen is None else seen.path)
        method = environ["REQUEST_METHOD"]
        return (
            methods is not None
            and method not in _CHANGES_NOTHING
            and not methods.isdisjoint((method, ""))
        )

    def _answer(
        self, environ: "WSGIEnvironment", headers: list[tuple[str, str]]
    ) -> Response | None:
        """Ours, with what the application wants a browser to forget.

        None, and a header more in the application's, where that is to be answered; as
        it is for who was not logged in.
        """
        try:
            with logout_reserve.for_logout():
                answer = self._ours(environ, headers)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self._refuse(environ, error)
        if answer is None:
            return None
        kept = [(name, text) for name, text in headers if name.lower() in _KEPT]
        answer.headerlist.extend(kept)
        return answer

    def _ours(
        self, environ: "WSGIEnvironment", headers: list[tuple[str, str]]
    ) -> Response | None:
        login = env.session_to_end(environ)
        public_url = env.trust(environ).own.public_url
        is_page = is_looked_at(environ) and fills_window(environ)
        if is_page and is_own_navigation(environ, public_url):
            target = self._target(environ, headers)
            if login is None:
                # Of a double click the browser takes the second answer.
                return self._logout.leave_without_session(environ, target)
            return self._logout.leave(environ, login, target, cause=APPLICATION)
        if login is None:
            return None
        if is_page:
            return self._ask_first(environ)
        if not is_from_other_site(environ, public_url):
            headers += self._logout.end_by_script(environ, login)
        return None

    def _target(
        self, environ: "WSGIEnvironment", headers: Iterable[tuple[str, str]]
    ) -> str:
        """The page of this site to which the application leads on, or the usual one."""
        location = next(
            (text for name, text in headers if name.lower() == "location"), ""
        )
        if not location:
            return self._usual
        own = env.trust(environ).own
        here = at(own.public_url, whole_target(environ, own.public_url))
        try:
            url = urljoin(here, location)
        except ValueError:
            # It is no address at all, and she has logged out all the same.
            return self._usual
        site = f"{origin_of(own.public_url)}/"
        path = "/" + url.partition("#")[0].removeprefix(site)
        if not url.startswith(site) or is_own_address(own, path.partition("?")[0]):
            return self._usual
        return safe_next(path, self._usual)


def read_some(body: Iterable[bytes]) -> None:
    """Have the application do what it does while it is read, and close it."""
    with ExitStack() as stack:
        if hasattr(body, "close"):
            stack.callback(body.close)
        remaining = _MOST_READ
        for part in body:
            remaining -= max(len(part), 1)
            if remaining <= 0:
                break
