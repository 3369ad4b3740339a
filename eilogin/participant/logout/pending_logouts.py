"""A logout that the store could not carry out, which the browser keeps until it can.

The answer replaces the session cookie by a sealed cookie that holds its value. The
browser's first request that reaches the store ends the session and notifies the hub.

The sealed cookie acts only on the session that it names; a forged one, or one of
another site, counts as none. Another session of the browser goes on: an attacker who
plants such a cookie ends only their own.
"""

import hmac
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from webob import Request, Response

from eilogin.errors import StoreUnavailable
from eilogin.participant.inner_hub import InnerHub
from eilogin.participant.session_end import end_here
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.requests import is_from_other_site, is_in_advance, is_own_navigation

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SUFFIX = "-out"
_MARK = f"{_SUFFIX}="

#: Whether a session cookie may be ours, and is worth sealing.
_is_token = re.compile(r"[A-Za-z0-9_-]{1,100}").fullmatch

_LOGOUTS = ("logout", env.APP_LOGOUT)
#: Where a visitor may fail to log out: those, and the application's.
_BEGUN_AT = (*_LOGOUTS, None)

#: Statuses without a page: the logout is done, or not yet.
DONE, NOT_YET = 204, 503
_FAILED = 500


def is_there(environ: "WSGIEnvironment") -> bool:
    """Return whether a request may bring such a cookie; cheap, for every request."""
    return _MARK in environ.get("HTTP_COOKIE", "")


def begun(environ: "WSGIEnvironment", error: Exception) -> list[tuple[str, str]]:
    """Return the headers that keep a logout, if the store's ``error`` stopped one.

    No headers for a request of another site or without a session cookie.
    """
    if not isinstance(error, StoreUnavailable) or not _is_wanted(environ):
        return []
    session = env.cookie(environ)
    token = session.read(environ) or ""
    if not _is_token(token):
        return []
    sealed = as_text(_sealer(environ).seal(token.encode(), *_bound_to(environ)))
    longest = int(env.sessions(environ).max_session)
    return [_cookie(environ).set(sealed, max_age=longest), session.expire()]


def _is_wanted(environ: "WSGIEnvironment") -> bool:
    public_url = env.trust(environ).own.public_url
    if env.address(environ) not in _BEGUN_AT or is_in_advance(environ):
        return False
    if environ["REQUEST_METHOD"] == "GET":
        return is_own_navigation(environ, public_url)
    return not is_from_other_site(environ, public_url)


def let_go(environ: "WSGIEnvironment") -> list[tuple[str, str]]:
    """Return the header by which the browser forgets its pending logout, if any."""
    cookie = _cookie(environ)
    return [] if cookie.read(environ) is None else [cookie.expire()]


CarryOut = Callable[["WSGIEnvironment"], Response]


class PendingLogouts:
    """Carries out pending logouts, before any page of a party is answered.

    ``carry_out`` answers with :data:`DONE`, :data:`NOT_YET`, or a page for a person.
    ``end_other`` ends only a session that is not the one of the browser any more.
    """

    def __init__(
        self, carry_out: CarryOut, end_other: Callable[["WSGIEnvironment"], object]
    ) -> None:
        self._carry_out = carry_out
        self._end_other = end_other

    def respond(
        self,
        environ: "WSGIEnvironment",
        start_response: "StartResponse",
        go_on: "WSGIApplication",
    ) -> Iterable[bytes]:
        """Answer a request; the page of a pending logout replaces one for a person.

        ``go_on`` answers other requests, as anonymous ones.
        """
        token = _read(environ)
        if token is None:
            return go_on(environ, start_response)
        held = env.cookie(environ).read(environ) or ""
        with_session = _with_session(environ, token)
        if held and not hmac.compare_digest(held.encode(), token.encode()):
            headers = self._other_ended(with_session)
            return go_on(environ, _adding(headers, start_response))
        _make_anonymous(environ)
        if env.address(environ) in _LOGOUTS:
            return go_on(with_session, start_response)
        is_too_soon = is_in_advance(environ)
        answer = (
            Response(status=NOT_YET) if is_too_soon else self._carry_out(with_session)
        )
        if answer.status_code not in (DONE, NOT_YET):
            return answer(environ, start_response)
        return go_on(environ, _adding(cookies_of(answer), start_response))

    def _other_ended(self, with_session: "WSGIEnvironment") -> list[tuple[str, str]]:
        try:
            self._end_other(with_session)
        except StoreUnavailable:
            return []
        return let_go(with_session)


def by_filter(app: "WSGIApplication") -> CarryOut:
    """Have the filter ``logout``, which ``app`` is, carry out a logout."""

    def carry_out(environ: "WSGIEnvironment") -> Response:
        is_page = env.address(environ) is None
        environ[env.ADDRESS] = env.PENDING_LOGOUT if is_page else env.PENDING_QUIETLY
        answer = Request(environ).get_response(app)
        return Response(status=NOT_YET) if answer.status_code >= _FAILED else answer

    return carry_out


def ending_here(inner_hub: InnerHub) -> Callable[["WSGIEnvironment"], object]:
    """End a session at a participant, and at a hub that stands ``inside``."""
    return lambda environ: end_here(environ, "logged-out-before", inner_hub)


def cookies_of(answer: Response) -> list[tuple[str, str]]:
    """Return the headers of an answer that set cookies."""
    return [pair for pair in answer.headerlist if pair[0] == "Set-Cookie"]


def _read(environ: "WSGIEnvironment") -> str | None:
    text = _cookie(environ).read(environ)
    if text is None:
        return None
    try:
        return _sealer(environ).open(from_text(text), *_bound_to(environ)).decode()
    except NotSealed:
        return None


def _with_session(environ: "WSGIEnvironment", token: str) -> "WSGIEnvironment":
    copied: WSGIEnvironment = environ.copy()
    _make_anonymous(copied)
    mine = env.cookie(environ).set(token)[1].partition(";")[0]
    copied["HTTP_COOKIE"] = f"{copied['HTTP_COOKIE']}; {mine}"
    return copied


def _make_anonymous(environ: "WSGIEnvironment") -> None:
    session = env.cookie(environ)
    pairs = environ.get("HTTP_COOKIE", "").split(";")
    kept = (pair.strip() for pair in pairs if session.read_in(pair.strip()) is None)
    environ["HTTP_COOKIE"] = "; ".join(kept)
    environ[env.SESSION] = None
    if isinstance(environ.get(env.SESSION_FAULT), StoreUnavailable):
        del environ[env.SESSION_FAULT]


def _adding(
    headers: list[tuple[str, str]], start_response: "StartResponse"
) -> "StartResponse":
    def start(
        status: str, own: list[tuple[str, str]], *error: Any
    ) -> Callable[[bytes], object]:
        return start_response(status, [*own, *headers], *error)

    return start


def _cookie(environ: "WSGIEnvironment") -> Cookie:
    return Cookie(f"{env.cookie(environ).name}{_SUFFIX}")


def _sealer(environ: "WSGIEnvironment") -> Sealer:
    return Sealer(env.trust(environ).own.sealing_secrets, "pending logout")


def _bound_to(environ: "WSGIEnvironment") -> tuple[str, str]:
    return env.trust(environ).own.entity_id, env.cookie(environ).name
