"""A logout that the store could not carry out, which the browser keeps until it can.

A sealed cookie with the value of the session cookie replaces it. The first request that
reaches the store ends that session and notifies the hub. A forged cookie, or one of
another site, counts as none. Another session of the browser goes on, so an attacker who
plants such a cookie ends only their own session.
"""

import hmac
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from webob import Response

from eilogin.errors import StoreUnavailable
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.requests import is_from_other_site, is_own_navigation
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

_SUFFIX = "-out"
_MARK = f"{_SUFFIX}="

_is_token = re.compile(r"[A-Za-z0-9_-]{1,100}").fullmatch

_LOGOUTS = ("logout", env.APP_LOGOUT)
#: Addresses where a visitor may fail to log out; None is the application's.
_BEGUN_AT = (*_LOGOUTS, None)

#: Statuses without a page: the logout is done, or not yet.
DONE, NOT_YET = 204, 503


def is_there(visit: Visit) -> bool:
    """Return whether a request may bring such a cookie; cheap, for every request."""
    return _MARK in visit.environ.get("HTTP_COOKIE", "")


def begun(visit: Visit, error: Exception) -> list[tuple[str, str]]:
    """Return the headers that keep a logout, if the store's ``error`` stopped one."""
    # Not for a request of another site or without a session cookie.
    if not isinstance(error, StoreUnavailable) or not _is_wanted(visit):
        return []
    token = visit.token or ""
    if not _is_token(token):
        return []
    sealed = as_text(_sealer(visit).seal(token.encode(), *_bound_to(visit)))
    longest = int(visit.sessions.max_session)
    return [_cookie(visit).set(sealed, max_age=longest), visit.cookie.expire()]


def _is_wanted(visit: Visit) -> bool:
    public_url = visit.trust.own.public_url
    if visit.address not in _BEGUN_AT or visit.is_in_advance:
        return False
    if visit.method == "GET":
        return is_own_navigation(visit, public_url)
    return not is_from_other_site(visit, public_url)


def let_go(visit: Visit) -> list[tuple[str, str]]:
    """Return the header by which the browser forgets its pending logout, if any."""
    cookie = _cookie(visit)
    return [] if cookie.read(visit.cookie_header) is None else [cookie.expire()]


CarryOut = Callable[[Visit], Response]


GoOn = Callable[[Visit, "StartResponse"], Iterable[bytes]]


class PendingLogouts:
    """Carries out pending logouts, before any page of a party is answered.

    ``carry_out`` answers with :data:`DONE`, :data:`NOT_YET`, or a page for a person.
    ``end_other`` ends only a session that is not the one of the browser any more.
    """

    def __init__(
        self, carry_out: CarryOut, end_other: Callable[[Visit], object]
    ) -> None:
        self._carry_out = carry_out
        self._end_other = end_other

    def respond(
        self,
        visit: Visit,
        start_response: "StartResponse",
        go_on: GoOn,
    ) -> Iterable[bytes]:
        """Answer a request: with the page of a pending logout, or else by ``go_on``."""
        token = _read(visit)
        if token is None:
            return go_on(visit, start_response)
        held = visit.token or ""
        with_session = _with_session(visit, token)
        if held and not hmac.compare_digest(held.encode(), token.encode()):
            headers = self._other_ended(with_session)
            return go_on(visit, _adding(headers, start_response))
        _make_anonymous(visit)
        if visit.address in _LOGOUTS:
            return go_on(with_session, start_response)
        is_too_soon = visit.is_in_advance
        answer = (
            Response(status=NOT_YET) if is_too_soon else self._carry_out(with_session)
        )
        if answer.status_code not in (DONE, NOT_YET):
            return answer(visit.environ, start_response)
        return go_on(visit, _adding(cookies_of(answer), start_response))

    def _other_ended(self, with_session: Visit) -> list[tuple[str, str]]:
        try:
            self._end_other(with_session)
        except StoreUnavailable:
            return []
        return let_go(with_session)


def cookies_of(answer: Response) -> list[tuple[str, str]]:
    """Return the Set-Cookie headers of an answer."""
    return [pair for pair in answer.headerlist if pair[0] == "Set-Cookie"]


def _read(visit: Visit) -> str | None:
    text = _cookie(visit).read(visit.cookie_header)
    if text is None:
        return None
    try:
        return _sealer(visit).open(from_text(text), *_bound_to(visit)).decode()
    except NotSealed:
        return None


def _with_session(visit: Visit, token: str) -> Visit:
    copied = visit.copy()
    _make_anonymous(copied)
    mine = visit.cookie.set(token)[1].partition(";")[0]
    copied.environ["HTTP_COOKIE"] = f"{copied.cookie_header}; {mine}"
    return copied


def _make_anonymous(visit: Visit) -> None:
    session = visit.cookie
    pairs = visit.cookie_header.split(";")
    kept = (pair.strip() for pair in pairs if session.read(pair.strip()) is None)
    visit.environ["HTTP_COOKIE"] = "; ".join(kept)
    visit.set_session(None)
    if isinstance(visit.environ.get(env.SESSION_FAULT), StoreUnavailable):
        del visit.environ[env.SESSION_FAULT]


def _adding(
    headers: list[tuple[str, str]], start_response: "StartResponse"
) -> "StartResponse":
    def start(
        status: str, own: list[tuple[str, str]], *error: Any
    ) -> Callable[[bytes], object]:
        return start_response(status, [*own, *headers], *error)

    return start


def _cookie(visit: Visit) -> Cookie:
    return Cookie(f"{visit.cookie.name}{_SUFFIX}")


def _sealer(visit: Visit) -> Sealer:
    return Sealer(visit.trust.own.sealing_secrets, "pending logout")


def _bound_to(visit: Visit) -> tuple[str, str]:
    return visit.trust.own.entity_id, visit.cookie.name
