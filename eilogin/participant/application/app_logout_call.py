"""The application's own logout is called when a login has ended, wherever she did that.

She logged out elsewhere, and her browser is not here: the application keeps a session
on the server, and would keep it until that is over. So what it sets of cookies within a
login is kept in the store until the login ends, and then its own logout is called with
them, inside of this process, as her browser would have done: by the application's own
code, for whom the filters inside say she is (REMOTE_USER), and for nobody's eyes.

What is kept lies in the store sealed with a secret of the site and one of the login:
who reads the store can use none of it, and once the login is over nor can who has the
secret of the site. It is there only where ``app_logout_call`` asks for it.

The call is a hook among the others (``logout_hooks``): a thread of its own,
one after another while none of them hangs, and a logout that waits for it only so long.
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

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")

#: What the log calls it, as one of the hooks.
NAME = "app_logout_call"
#: The most cookies of a login that are kept, and characters of all of them.
MOST, LARGEST = 20, 16_384
#: The most calls at a time, where the application hangs in the others.
MOST_AT_ONCE = 8
_METHODS = ("GET", "POST")
#: What the option begins with.
_PATH = "one path of this site, such as '/logout' or 'POST /logout' (only GET and POST)"
#: Keys of environ that do not come from a visitor.
_OURS = (env.SESSIONS, env.COOKIE, env.TRUST)
_is_word = re.compile(r"[A-Za-z0-9_.-]+=[A-Za-z0-9!#$%&'*+.^_`|~-]+").fullmatch


class AppLogoutRequest(NamedTuple):
    """How the application logs out."""

    path: str
    method: str = "GET"
    #: Fields of its form, each with the cookie whose value it has.
    fields: Sequence[tuple[str, str]] = ()


def read_app_logout_call(value: object) -> object:
    """``/logout``, ``POST /logout`` or ``POST /logout FIELD=COOKIE``.

    For validators; what is not a text stays as it is.
    """
    if not isinstance(value, str):
        return value
    words = value.split()
    method = words.pop(0) if words[:1] and words[0] in _METHODS else _METHODS[0]
    path = app_logout.path_of(words[0] if words else "", _PATH)
    fields = words[1:]
    if not all(map(_is_word, fields)):
        raise ValueError("words such as 'FIELD=COOKIE' after 'POST /logout'")
    if fields and method != "POST":
        example = " ".join(("POST", path, *fields))
        raise ValueError(f"POST, because FIELD=COOKIE needs a form: {example!r}")
    pairs = [pair_of(field) for field in fields]
    return AppLogoutRequest(path, method, tuple(pairs))


class _Cookie(NamedTuple):
    """One that the application has set."""

    name: str
    path: str
    value: str


class AppLogoutCall:
    """The application, whose cookies are kept to call its logout with them.

    It stands as near to the application as it can: what it sees set is what the
    application sets.
    """

    def __init__(self, app: "WSGIApplication", how: AppLogoutRequest) -> None:
        self._app = app
        self._how = how

    # --- within a login ---

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Pass on, and keep what is set within a login."""
        login = environ.get(env.SESSION)
        if login is not None:
            start_response = partial(self._start, start_response, environ, login)
        return self._app(environ, start_response)

    def _start(  # noqa: PLR0913, PLR0917 - of its request, and as PEP 3333 has it
        self,
        start_response: "StartResponse",
        environ: "WSGIEnvironment",
        login: Login,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,
        /,
    ) -> Callable[[bytes], object]:
        set_cookies = [text for name, text in headers if is_set_cookie(name)]
        if set_cookies:
            try:
                _keep(environ, login, set_cookies)
            except EiloginError as error:
                _log.warning(
                    "app_logout_call: cannot keep the application's cookies for "
                    "its logout: %s",
                    error,
                )
        # A server may tell "no exc_info" from None.
        if exc_info is None:
            return start_response(status, headers)
        return start_response(status, headers, exc_info)

    # --- when it has ended ---

    def prepare(
        self, environ: "WSGIEnvironment", logins: Sequence[Login], done: Login | None
    ) -> Mapping[str, Hook]:
        """What calls the application's logout for each of these, which have ended.

        By the names of the logins; for a thread that may wait. None is there where
        nothing was kept, and of the one that is ``done``: the application's own logout
        has ended it.
        """
        calls: dict[str, Hook] = {}
        try:
            for login in logins:
                kept = env.values(environ).take(_key(login))
                cookies = _read(environ, login, kept)
                is_done = done is not None and login.name == done.name
                if cookies and not is_done:
                    request = _request(environ, self._how, login, cookies)
                    calls[login.name] = partial(self._call, request)
        except EiloginError as error:
            _log.error(
                "app_logout_call: cannot call the application's logout: %s", error
            )
        return calls

    def _call(self, environ: "WSGIEnvironment", _: LogoutEvent) -> None:
        request = Request(environ)
        # An application may have caught its error, and make a page of that.
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
    """Hooks, with the call of the application's own logout as one more."""

    def __init__(
        self, hooks: Mapping[str, Hook], timeout: float, called: AppLogoutCall
    ) -> None:
        super().__init__(hooks, timeout)
        # Who keeps a request open, and with it her session locked, holds up her own
        # logout and not that of others.
        self._threads = {NAME: MOST_AT_ONCE}
        self._called = called

    def tell(
        self,
        environ: "WSGIEnvironment",
        logins: Sequence[Login],
        cause: str,
        own: Login | None = None,
    ) -> None:
        """See :meth:`eilogin.participant.logout.logout_hooks.Hooks.tell`."""
        done = own if cause == APPLICATION else None
        # What is not told, because too many wait, is forgotten with its cookies.
        calls = self._called.prepare(environ, logins, done)
        self._tell(environ, logins, cause, {NAME: calls})


class EndedLoginService:
    """``environ['eilogin.login']`` in the call: she has ended her login a moment ago.

    See :class:`eilogin.web.environ.LoginService`. Nobody is there who could be asked
    for more, and whoever has made the request in which that was heard is another one.
    """

    tells_proof = False

    def __init__(self, environ: "WSGIEnvironment") -> None:
        self._environ = environ

    @property
    def login(self) -> Login | None:
        """The login that has ended."""
        return env.session(self._environ)

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """None where she was logged in at ``level`` or higher; else a refusal."""
        login = self.login
        is_enough = login is not None and reaches(login.level, level) and not force
        return None if is_enough or passive else Response(status=403)

    @staticmethod
    def take_proof() -> bool:
        """She gives no proof any more."""
        return False


# --- what is kept ---


def _key(login: Login) -> str:
    # Its name and not its key: it stays the same at a step-up. Not owned by the login,
    # with which it would go: it is needed when that has ended.
    return f"app-logout-call:{login.name}"


def _sealer(environ: "WSGIEnvironment") -> Sealer:
    own = env.trust(environ).own
    return Sealer(own.sealing_secrets, f"app logout at {own.entity_id}")


def _read(
    environ: "WSGIEnvironment", login: Login, kept: str | None
) -> Sequence[_Cookie]:
    """What was kept; none where nobody can read it (any more)."""
    if kept is None:
        return ()
    secret = login.family.encode()
    try:
        text = _sealer(environ).open(from_text(kept), also_by=secret)
        return tuple(_Cookie(*cookie) for cookie in json.loads(text))
    except (NotSealed, *UNREADABLE):
        return ()


def _keep(environ: "WSGIEnvironment", login: Login, set_cookies: Sequence[str]) -> None:
    """Keep what an answer sets, beside what others have set."""

    def beside(stored: str | None) -> str | None:
        before = _read(environ, login, stored)
        cookies = _bounded(_set(environ, before, set_cookies))
        if cookies == before:
            return None
        octets = json.dumps(cookies).encode()
        return as_text(_sealer(environ).seal(octets, also_by=login.family.encode()))

    # No login lasts longer than this; when it ends may be put off.
    until = clock.now() + env.sessions(environ).max_session
    env.values(environ).change(_key(login), beside, until)


def _set(
    environ: "WSGIEnvironment", before: Sequence[_Cookie], set_cookies: Sequence[str]
) -> Sequence[_Cookie]:
    """The cookies after an answer has set some, as a browser has them."""
    cookies = {(cookie.name, cookie.path): cookie for cookie in before}
    for text in set_cookies:
        pair, _, behind = text.partition(";")
        name, value = pair_of(pair)
        attributes = attributes_of(behind)
        path = place_of(environ, attributes).path
        cookies.pop((name, path), None)
        if value not in NOTHING and not _is_over(attributes.get("max-age", "")):
            cookies[name, path] = _Cookie(name, path, value)
    return tuple(cookies.values())


def _is_over(max_age: str) -> bool:
    return max_age.startswith("-") or max_age == "0"


def _bounded(cookies: Sequence[_Cookie]) -> Sequence[_Cookie]:
    """The newest ones, of which there is room for all."""
    kept = [*cookies[-MOST:]]
    while sum(map(len, map("".join, kept))) > LARGEST:
        del kept[0]
    return tuple(kept)


# --- the call ---


def _request(
    environ: "WSGIEnvironment",
    how: AppLogoutRequest,
    login: Login,
    cookies: Sequence[_Cookie],
) -> "WSGIEnvironment":
    """What the application is asked, as her browser would ask it."""
    public_url = env.trust(environ).own.public_url
    sent = [cookie for cookie in cookies if Place(cookie.path).is_sent_to(how.path)]
    # RFC 6265 5.4: those of longer paths first.
    sent.sort(key=lambda cookie: -len(cookie.path))
    values = {cookie.name: cookie.value for cookie in reversed(sent)}
    fields = {field: values.get(name, "") for field, name in how.fields}
    path = unquote(how.path, encoding="latin-1")
    mount = environ.get("SCRIPT_NAME", "")
    if not path.startswith(f"{mount}/"):
        mount = ""
    request = Request.blank("/", base_url=public_url, method=how.method)
    if how.method == "POST":
        request.content_type = "application/x-www-form-urlencoded"
        request.body = urlencode(fields).encode()
    environ_of_call = request.environ
    environ_of_call[env.LOGIN] = EndedLoginService(environ_of_call)
    environ_of_call.update({key: environ[key] for key in _OURS if key in environ})
    environ_of_call.update(
        {
            env.SESSION: login,
            env.ADDRESS: None,
            "SCRIPT_NAME": mount,
            "PATH_INFO": path.removeprefix(mount),
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_COOKIE": "; ".join(f"{c.name}={c.value}" for c in sent),
            "HTTP_ACCEPT": "text/html",
            # As browsers write it: Django compares it with the Referer.
            "HTTP_HOST": origin_of(public_url).partition("://")[2],
            "HTTP_REFERER": at(public_url, root(public_url)),
            "HTTP_SEC_FETCH_SITE": "same-origin",
            "HTTP_SEC_FETCH_MODE": "navigate",
            "wsgi.multithread": True,
            "wsgi.multiprocess": environ.get("wsgi.multiprocess", False),
        }
    )
    return environ_of_call
