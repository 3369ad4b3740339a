"""Call the application's own logout after a login has ended, anywhere.

The application would keep its session on the server. So with ``app_logout_call``,
eilogin keeps in the store the cookies that the application sets within a login. Later
it calls the application's logout with them in this process, for that visitor
(REMOTE_USER). The cookies are sealed with a secret of the site and one of the login. So
neither the store alone, nor the secret of the site after the login, opens them.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlencode

from webob import Request, Response

from eilogin import clock
from eilogin.errors import EiloginError
from eilogin.participant.application import app_logout
from eilogin.participant.logout.logout_hooks import (
    APPLICATION,
    Hook,
    LogoutEvent,
    LogoutHooks,
)
from eilogin.saml.assurance_levels import reaches
from eilogin.sessions import UNREADABLE, Login
from eilogin.web import environ as env
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.requests import origin_of
from eilogin.web.set_cookie_headers import (
    NOTHING,
    Place,
    attributes_of,
    is_set_cookie,
    pair_of,
    place_of,
)
from eilogin.web.site_urls import at, root
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")

NAME = "app_logout_call"
#: Most cookies for a login, and most characters of them all.
MOST, LARGEST = 20, 16_384
#: Most simultaneous calls, if the application hangs.
MOST_AT_ONCE = 8
_METHODS = ("GET", "POST")
_PATH = "one path of this site, such as '/logout' or 'POST /logout' (only GET and POST)"
#: Keys of environ that the call gets from the request of the logout.
_OURS = (env.SESSIONS, env.COOKIE, env.TRUST)
_is_field = re.compile(r"[A-Za-z0-9_.-]+=[A-Za-z0-9!#$%&'*+.^_`|~-]+").fullmatch


class AppLogoutRequest(NamedTuple):
    """A call of the application's logout."""

    path: str
    method: str = "GET"
    #: Names of form fields, each with the name of the cookie that has its value.
    fields: Sequence[tuple[str, str]] = ()


def read_app_logout_call(value: object) -> object:
    """Parse ``[GET|POST] /logout [FIELD=COOKIE …]``; a non-string stays as it is."""
    if not isinstance(value, str):
        return value
    words = value.split()
    method = words.pop(0) if words[:1] and words[0] in _METHODS else _METHODS[0]
    path = app_logout.path_of(words[0] if words else "", _PATH)
    fields = words[1:]
    if not all(map(_is_field, fields)):
        raise ValueError("words such as 'FIELD=COOKIE' after 'POST /logout'")
    if fields and method != "POST":
        example = " ".join(("POST", path, *fields))
        raise ValueError(f"POST, because FIELD=COOKIE needs a form: {example!r}")
    pairs = [pair_of(field) for field in fields]
    return AppLogoutRequest(path, method, tuple(pairs))


class _Cookie(NamedTuple):
    name: str
    path: str
    value: str


class AppLogoutCall:
    """The application, with its cookies kept for a call of its logout.

    It must be next to the application, to get the cookies before eilogin seals them.
    """

    def __init__(self, app: "WSGIApplication", how: AppLogoutRequest) -> None:
        self._app = app
        self._how = how

    # --- within a login ---

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Call the application, and keep the cookies of a login."""
        visit = Visit(environ)
        login = environ.get(env.SESSION)
        if login is not None:
            start_response = partial(self._start, start_response, visit, login)
        return self._app(environ, start_response)

    def _start(  # noqa: PLR0913, PLR0917 - start_response of PEP 3333, with its request
        self,
        start_response: "StartResponse",
        visit: Visit,
        login: Login,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,
        /,
    ) -> Callable[[bytes], object]:
        set_cookies = [text for name, text in headers if is_set_cookie(name)]
        if set_cookies:
            try:
                _store_cookies(visit, login, set_cookies)
            except EiloginError as error:
                _log.warning(
                    "app_logout_call: cannot keep the application's cookies for "
                    "its logout: %s",
                    error,
                )
        # A server may distinguish a missing exc_info from None.
        if exc_info is None:
            return start_response(status, headers)
        return start_response(status, headers, exc_info)

    # --- when it has ended ---

    def prepare(
        self, visit: Visit, logins: Sequence[Login], done: Login | None
    ) -> Mapping[str, Hook]:
        """Return the calls for ended logins with kept cookies, by login name."""
        # "done" gets none: the application's own logout has ended it.
        calls: dict[str, Hook] = {}
        try:
            for login in logins:
                sealed_cookies = visit.values.take(_key(login))
                cookies = _read(visit, login, sealed_cookies)
                is_done = done is not None and login.name == done.name
                if cookies and not is_done:
                    environ = _environ_of_call(visit, self._how, login, cookies)
                    calls[login.name] = partial(self._call, environ)
        except EiloginError as error:
            _log.error(
                "app_logout_call: cannot call the application's logout: %s", error
            )
        return calls

    def _call(self, environ: "WSGIEnvironment", _: LogoutEvent) -> None:
        request = Request(environ)
        answer = request.call_application(self._app, catch_exc_info=True)
        app_logout.read_some(answer[2])
        code = int(answer[0][:3])
        if code < app_logout.REFUSED:
            _log.info("app_logout_call: the application answered %d", code)
        else:
            _log.error(
                "app_logout_call: the application answered %d to %s %s, so its "
                "own session of that visitor may go on",
                code,
                self._how.method,
                self._how.path,
            )


class HooksWithAppLogout(LogoutHooks):
    """The hooks of a logout, and the call of the application's own logout."""

    def __init__(
        self, hooks: Mapping[str, Hook], timeout: float, app_logout_call: AppLogoutCall
    ) -> None:
        super().__init__(hooks, timeout)
        # A session that is locked in the application delays its own call only.
        self._threads = {NAME: MOST_AT_ONCE}
        self._app_logout_call = app_logout_call

    def tell(
        self,
        visit: Visit,
        logins: Sequence[Login],
        cause: str,
        own: Login | None = None,
    ) -> None:
        """Tell the hooks, and call the application's logout."""
        done = own if cause == APPLICATION else None
        # If too many calls wait, eilogin drops further ones with their cookies.
        calls = self._app_logout_call.prepare(visit, logins, done)
        self._tell(visit, logins, cause, {NAME: calls})


class EndedLoginService:
    """``environ['eilogin.login']`` in the call, which has no visitor."""

    tells_proof = False

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    @property
    def login(self) -> Login | None:
        """The login that has ended."""
        return self._visit.session

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """Return None if the login was at ``level`` or higher; else status 403."""
        login = self.login
        is_enough = login is not None and reaches(login.level, level) and not force
        return None if is_enough or passive else Response(status=403)

    @staticmethod
    def take_proof() -> bool:
        """Return False: there is no visitor who could give a proof."""
        return False


# --- what is kept ---


def _key(login: Login) -> str:
    # By name, which a step-up keeps. The value is not deleted with its login.
    return f"app-logout-call:{login.name}"


def _sealer(visit: Visit) -> Sealer:
    own = visit.trust.own
    return Sealer(own.sealing_secrets, f"app logout at {own.entity_id}")


def _read(visit: Visit, login: Login, sealed_cookies: str | None) -> Sequence[_Cookie]:
    if sealed_cookies is None:
        return ()
    secret = login.family.encode()
    try:
        text = _sealer(visit).open(from_text(sealed_cookies), also_by=secret)
        return tuple(_Cookie(*cookie) for cookie in json.loads(text))
    except (NotSealed, *UNREADABLE):
        return ()


def _store_cookies(visit: Visit, login: Login, set_cookies: Sequence[str]) -> None:
    def with_new(stored: str | None) -> str | None:
        kept = _read(visit, login, stored)
        cookies = _bounded(_set(visit, kept, set_cookies))
        if cookies == kept:
            return None
        octets = json.dumps(cookies).encode()
        return as_text(_sealer(visit).seal(octets, also_by=login.family.encode()))

    # No login lasts longer.
    until = clock.now() + visit.sessions.max_session
    visit.values.change(_key(login), with_new, until)


def _set(
    visit: Visit, kept: Sequence[_Cookie], set_cookies: Sequence[str]
) -> Sequence[_Cookie]:
    cookies = {(cookie.name, cookie.path): cookie for cookie in kept}
    for text in set_cookies:
        pair, _, attribute_text = text.partition(";")
        name, value = pair_of(pair)
        attributes = attributes_of(attribute_text)
        path = place_of(visit, attributes).path
        cookies.pop((name, path), None)
        if value not in NOTHING and not _is_over(attributes.get("max-age", "")):
            cookies[name, path] = _Cookie(name, path, value)
    return tuple(cookies.values())


def _is_over(max_age: str) -> bool:
    return max_age.startswith("-") or max_age == "0"


def _bounded(cookies: Sequence[_Cookie]) -> Sequence[_Cookie]:
    newest = [*cookies[-MOST:]]
    while sum(map(len, map("".join, newest))) > LARGEST:
        del newest[0]
    return tuple(newest)


# --- the call ---


def _environ_of_call(
    visit: Visit,
    how: AppLogoutRequest,
    login: Login,
    cookies: Sequence[_Cookie],
) -> "WSGIEnvironment":
    public_url = visit.trust.own.public_url
    sent_cookies = [
        cookie for cookie in cookies if Place(cookie.path).is_sent_to(how.path)
    ]
    # RFC 6265 5.4: cookies with longer paths first.
    sent_cookies.sort(key=lambda cookie: -len(cookie.path))
    values = {cookie.name: cookie.value for cookie in reversed(sent_cookies)}
    fields = {field: values.get(name, "") for field, name in how.fields}
    path = unquote(how.path, encoding="latin-1")
    mount = visit.script_name
    if not path.startswith(f"{mount}/"):
        mount = ""
    request = Request.blank("/", base_url=public_url, method=how.method)
    if how.method == "POST":
        request.content_type = "application/x-www-form-urlencoded"
        request.body = urlencode(fields).encode()
    environ = request.environ
    environ[env.LOGIN] = EndedLoginService(Visit(environ))
    environ.update({key: visit.environ[key] for key in _OURS if key in visit.environ})
    environ.update(
        {
            env.SESSION: login,
            env.ADDRESS: None,
            "SCRIPT_NAME": mount,
            "PATH_INFO": path.removeprefix(mount),
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_COOKIE": "; ".join(f"{c.name}={c.value}" for c in sent_cookies),
            "HTTP_ACCEPT": "text/html",
            # As browsers write it: Django compares it with the Referer.
            "HTTP_HOST": origin_of(public_url).partition("://")[2],
            "HTTP_REFERER": at(public_url, root(public_url)),
            "HTTP_SEC_FETCH_SITE": "same-origin",
            "HTTP_SEC_FETCH_MODE": "navigate",
            "wsgi.multithread": True,
            "wsgi.multiprocess": visit.environ.get("wsgi.multiprocess", False),
        }
    )
    return environ
