"""She logs out here: her session ends, and the hub is told, which tells all others.

The session ends before anything is sent, so that whatever happens afterwards she is
logged out here. The hub is told in her browser, or over SOAP, and then she stays here.
"""

import hmac
import json
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from webob import Response

from eilogin import audit, clock
from eilogin.errors import (
    AlgorithmMissing,
    EiloginError,
    MessageUnexpected,
    Refused,
    UnknownPeer,
)
from eilogin.saml import bindings, messages
from eilogin.saml.metadata import Endpoint
from eilogin.sessions import Login
from eilogin.visit import inside, rounds
from eilogin.visit.inside import Inside
from eilogin.visit.logged_out import Afterwards, LoggedOut
from eilogin.visit.telling import HubTold, judged
from eilogin.web import environ as env
from eilogin.web.cookies import Cookie
from eilogin.web.inbound import verify
from eilogin.web.outbound import send_through_browser
from eilogin.web.pages import Pages, note_refusal
from eilogin.web.requests import safe_next

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long we wait for the hub to send the visitor back, in seconds: she may look at
#: its page of a partial logout for a while.
_PENDING = 60 * 60.0

#: How long the hub's answer may be brought again, in seconds.
_ANSWERED = 2 * 60.0

#: Ties a logout under way to its browser: nobody else's answer says "logged out" here.
#: It comes along with the hub's POST too, and holds nothing but the request's ID.
_UNDER_WAY = Cookie("eilogin-logout", same_site="None")


class Leaving:
    """Logs visitors out of one participant; ``usual`` is where they are afterwards."""

    def __init__(
        self,
        pages: Pages,
        hub_told: HubTold,
        inside_: Inside,
        logged_out: LoggedOut,
        usual: str,
    ) -> None:
        self._pages = pages
        self._hub_told = hub_told
        self._inside = inside_
        self._logged_out = logged_out
        self._usual = usual

    def leave(
        self,
        environ: "WSGIEnvironment",
        login: Login,
        target: str,
        *,
        is_hubs: bool = False,
    ) -> Response:
        """End a login here, and tell the hub; she is at ``target`` afterwards.

        ``is_hubs`` says that a hub inside began it, which knows itself whom it reached.
        """
        is_reached = self._end_here(environ, login)
        then = Afterwards(
            target,
            begun_inside=is_hubs,
            # It tells itself whom it reached; nobody told a hub that she left behind.
            is_partial=bool(login.left) or not (is_reached or is_hubs),
        )
        answer = self._tell_hub(environ, login, then)
        # Who logs out means to log in again, however soon that is.
        answer.headerlist.append(rounds.forget())
        return answer

    def end(self, environ: "WSGIEnvironment", login: Login) -> bool:
        """The same without her browser; whether the hub says that all know it."""
        self._end_here(environ, login)
        try:
            endpoints = self._hub_told.endpoints(env.trust(environ), login)
            for endpoint in endpoints:
                if endpoint.binding == bindings.SOAP:
                    others = self._hub_told.directly(environ, login, endpoint)
                    return others == "everywhere" and not login.left
        except EiloginError as error:
            note_refusal(error, "logout.answered", environ)
        return False

    def _end_here(self, environ: "WSGIEnvironment", login: Login) -> bool:
        """End it, and have a hub inside do so; whether all know whom that tells."""
        # The mark that this leaves refuses an answer of the hub that is on its way to
        # another tab; it says by the hub's clock when it was issued.
        issued = clock.now() + login.ahead
        env.sessions(environ).end_login(login, issued=issued)
        audit.event(
            "logout.sent",
            pseudonym=env.trust(environ).own.pseudonym(login.who.name_id),
            peer=login.who.issuer,
        )
        return self._inside.tell(environ, [login])

    # --- telling the hub --------------------------------------------------------------

    def _tell_hub(
        self, environ: "WSGIEnvironment", login: Login, then: Afterwards
    ) -> Response:
        expired = env.cookie(environ).expire()
        try:
            endpoints = self._hub_told.endpoints(env.trust(environ), login)
        except UnknownPeer as error:
            return self._untold(environ, then, error, [expired])
        reference = ""
        for endpoint in endpoints:
            if endpoint.binding != bindings.SOAP:
                try:
                    return self._send(environ, login, endpoint, then)
                except AlgorithmMissing as error:
                    return self._untold(environ, then, error, [expired])
            try:
                others = self._hub_told.directly(environ, login, endpoint)
            except EiloginError as error:
                reference = note_refusal(error, "logout.answered", environ)
            else:
                return self._logged_out.answer(environ, then, others, headers=[expired])
        return self._logged_out.answer(
            environ, then, "unconfirmed", headers=[expired], reference=reference
        )

    def _untold(
        self,
        environ: "WSGIEnvironment",
        then: Afterwards,
        error: EiloginError,
        headers: Iterable[tuple[str, str]],
    ) -> Response:
        """The page for a logout of which nobody can be told."""
        note_refusal(error, "logout.sent", environ)
        return self._logged_out.answer(environ, then, "not-told", headers=headers)

    def _send(
        self,
        environ: "WSGIEnvironment",
        login: Login,
        endpoint: Endpoint,
        then: Afterwards,
    ) -> Response:
        """Have her browser bring the LogoutRequest."""
        trust = env.trust(environ)
        request_id = messages.new_id()
        # Remembered by the ID that the hub's answer will name.
        until = clock.now() + _PENDING
        asked = _Asked(login.who.issuer, then)
        env.values(environ).add(_key(request_id), asked.text, until, durable=False)
        under_way = _UNDER_WAY.set(request_id, max_age=int(_PENDING))
        return send_through_browser(
            environ,
            self._pages,
            endpoint,
            bindings.REQUEST,
            self._hub_told.request(trust, login, endpoint, request_id),
            key=trust.key_for(login.who.issuer),
            headers=[env.cookie(environ).expire(), under_way],
        )

    # --- what it answers --------------------------------------------------------------

    def come_back(
        self, environ: "WSGIEnvironment", received: bindings.Received
    ) -> Response:
        """The hub's LogoutResponse, in her browser (SAML profiles 4.4.3.5).

        One that cannot be believed leaves her logged out here all the same, and says
        nothing of the others.
        """
        trust = env.trust(environ)
        held = _UNDER_WAY.read(environ) or ""
        stored = env.values(environ).get(_key(held)) if held else None
        # Who is logged in (again) is not told that she is not.
        if stored is None or env.session(environ) is not None:
            # Refused in any case; why, depends on whether it can be believed.
            verify(received, trust.hub_keys, trust.weak)
            raise _not_started_here()
        asked = _Asked.read(stored, self._usual)
        then = asked.then
        try:
            inbound = verify(received, trust.hub_keys, trust.weak)
            response = messages.read_logout_response(inbound.element)
            is_ours = _is_same(held, response.in_response_to)
            if is_ours:
                others = judged(response, asked.hub, held, trust.own.url("slo"))
        except Refused as error:
            reference = note_refusal(error, "logout.answered", environ)
            return self._logged_out.answer(
                environ,
                then,
                "unconfirmed",
                reference=reference,
                status=error.status,
            )
        if not is_ours:
            raise _not_started_here()
        headers = []
        if not asked.answered:
            asked = asked._replace(answered=clock.now())
            until = asked.answered + _ANSWERED
            values = env.values(environ)
            values.swap(_key(held), stored, asked.text, until, durable=False)
            headers.append(_UNDER_WAY.set(held, max_age=int(_ANSWERED)))
        return self._logged_out.answer(
            environ, then, others, headers=headers, at_instant=asked.answered
        )


def forget(environ: "WSGIEnvironment") -> list[tuple[str, str]]:
    """The header after which no answer of a hub says "logged out": she is logged in."""
    return [] if _UNDER_WAY.read(environ) is None else [_UNDER_WAY.expire()]


def was_here(environ: "WSGIEnvironment") -> bool:
    """Whether this browser has had a session here that is over, or logs out just now.

    Its cookie is there until the browser hears of the end, which may have come in
    another tab, or from the hub.
    """
    had_session = env.cookie(environ).read(environ) is not None
    return had_session or _UNDER_WAY.read(environ) is not None


class _Asked(NamedTuple):
    """What is remembered of a logout under way."""

    hub: str
    then: Afterwards
    #: When the hub answered, or 0; for a double click it may once more, and the page
    #: says the same time.
    answered: float = 0.0

    @property
    def text(self) -> str:
        """For the store."""
        return json.dumps([self.hub, self.answered, *self.then])

    @classmethod
    def read(cls, text: str, usual: str) -> "_Asked":
        """What :attr:`text` says; ``usual`` is where she is if it says no page.

        Of a text that nobody can read no hub: none is believed then.
        """
        try:
            hub, answered, wanted, *known = json.loads(text)
        except ValueError:
            return cls("", Afterwards(usual))
        then = Afterwards(safe_next(wanted, usual), *known)
        return cls(hub, then, answered)


def _key(request_id: str) -> str:
    return f"logout:{request_id}"


def _not_started_here() -> MessageUnexpected:
    return MessageUnexpected("an answer to a logout that was not started here")


def _is_same(one: str, other: str) -> bool:
    # Bytes, for whatever a client sends.
    return hmac.compare_digest(one.encode(), other.encode())


class LogoutCall:
    """``environ['eilogin.logout']``: see :class:`eilogin.web.environ.LogoutService`."""

    __slots__ = ("_environ", "_leaving")

    def __init__(self, leaving: Leaving, environ: "WSGIEnvironment") -> None:
        self._leaving = leaving
        self._environ = environ

    def leave(self, target: str, names: Collection[str]) -> Response | None:
        """End the login of this visitor, and tell the hub of it, maybe through her."""
        login = env.session_to_end(self._environ)
        if login is None or env.sessions(self._environ).name_of(login) not in names:
            return None
        return self._leaving.leave(self._environ, login, target, is_hubs=True)

    def end(self, names: Collection[str]) -> bool:
        """End logins without her browser; whether all of them are out everywhere."""
        sessions = env.sessions(self._environ)
        logins = [sessions.named(name) for name in names]
        told = [
            login is not None and self._leaving.end(self._environ, login)
            for login in logins
        ]
        return all(told)

    def outcome(self, target: str) -> bool | None:
        """Whether she is logged out everywhere, after :meth:`leave`; None before."""
        return inside.outcome(self._environ, target)
