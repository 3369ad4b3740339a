"""Single logout at the hub: what asks for it, and what the citizen gets to see.

A participant asks through the browser or over SOAP, or the citizen on the hub's own
page. All her sessions here end, whoever's browser brings the message, and everybody
else is told (:mod:`eilogin.hub.propagation`). Who was not reached is named to her.
"""

import json
import secrets
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from webob import Response

from eilogin import audit, clock
from eilogin.errors import MessageUnexpected, Unavailable
from eilogin.hub.propagation import Propagation
from eilogin.saml import bindings, messages
from eilogin.saml.checks import LIFETIME, SKEW, check_logout_request
from eilogin.sessions import Login, Participant, Subject
from eilogin.stores import Values
from eilogin.web import environ as env
from eilogin.web.inbound import receive, receive_soap
from eilogin.web.outbound import logout_response, redirect_with, soap_answer
from eilogin.web.pages import Pages, language_of
from eilogin.web.requests import allow_only, read_query, require_own_form

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long a citizen may look at the page of a partial logout, in seconds.
_CONTINUE_FOR = 60 * 60.0
_CONTINUE = "continue"
#: How often to look whether the same logout is done elsewhere, in seconds.
_LOOK_AGAIN = 0.1

_DONE = messages.Status()
_PARTLY = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))
#: Nobody is known by what was named, so nobody can be said to be logged out.
_UNKNOWN = messages.Status((messages.RESPONDER, messages.UNKNOWN_PRINCIPAL))


class _Outcome(NamedTuple):
    """What came of a LogoutRequest."""

    #: Whether any session was named by it.
    is_known: bool
    #: entityIDs of who was not reached.
    unreached: Sequence[str]
    #: Whether another logout has ended it meanwhile, which knows who was not reached.
    is_overtaken: bool = False

    @property
    def status(self) -> messages.Status:
        """The status to answer with (SAML core 3.7.3.2)."""
        if not self.is_known:
            return _UNKNOWN
        return _PARTLY if self.unreached or self.is_overtaken else _DONE


class _Back(NamedTuple):
    """To whom a logout is answered."""

    entity_id: str
    request_id: str
    relay_state: str


class SingleLogout:
    """Logs out everywhere; ``timeout`` is what each participant gets, in seconds."""

    def __init__(self, pages: Pages, timeout: float) -> None:
        self._pages = pages
        self._propagation = Propagation(timeout)

    # --- /slo: through the browser --------------------------------------------------

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """A participant's LogoutRequest (SAML profiles 4.4.3.1), and the way back."""
        allow_only(environ, "GET", "POST")
        if environ.get("QUERY_STRING", "").startswith(f"{_CONTINUE}="):
            return self._go_on(environ, read_query(environ).get(_CONTINUE, ""))
        inbound = receive(environ, env.trust(environ).participant_keys)
        if inbound.kind != "SAMLRequest":
            raise MessageUnexpected("nobody was asked to log out through the browser")
        request = messages.read_logout_request(inbound.element)
        outcome = self._execute(
            environ, request, inbound.issuer, "slo", is_direct=False
        )
        back = _Back(inbound.issuer, request.id, inbound.relay_state)
        if not outcome.unreached:
            return self._back(environ, back, outcome.status)
        handle = secrets.token_urlsafe(16)
        until = clock.now() + _CONTINUE_FOR
        env.values(environ).add(
            f"continue:{handle}", json.dumps(back), until, durable=False
        )
        query = urlencode({_CONTINUE: handle})
        way_on = f"{env.trust(environ).own.url('slo')}?{query}"
        return self._partly(environ, outcome.unreached, way_on)

    def _go_on(self, environ: "WSGIEnvironment", handle: str) -> Response:
        stored = env.values(environ).get(f"continue:{handle}")
        if stored is None:
            raise MessageUnexpected("this logout is over")
        return self._back(environ, _Back(*json.loads(stored)), _PARTLY)

    def _back(
        self, environ: "WSGIEnvironment", back: _Back, status: messages.Status
    ) -> Response:
        """Send the citizen back to where she clicked, with the LogoutResponse."""
        trust = env.trust(environ)
        _, role = trust.participant(back.entity_id)
        endpoint = role.single_logout(bindings.REDIRECT)
        if endpoint is None:
            return self._done(environ, everywhere=status is _DONE)
        destination = endpoint.response_location or endpoint.location
        return redirect_with(
            destination,
            "SAMLResponse",
            logout_response(
                trust, back.request_id, status=status, destination=destination
            ),
            key=trust.own.key,
            relay_state=back.relay_state,
            headers=_expired_cookie(environ),
        )

    # --- /slo/soap: from server to server -------------------------------------------

    def respond_soap(self, environ: "WSGIEnvironment") -> Response:
        """A participant's LogoutRequest over SOAP."""
        trust = env.trust(environ)
        element, issuer = receive_soap(environ, trust.participant_keys)
        request = messages.read_logout_request(element)
        outcome = self._execute(environ, request, issuer, "slo_soap", is_direct=True)
        answer = logout_response(trust, request.id, status=outcome.status)
        return soap_answer(answer, trust.own.key)

    # --- /logout: the button on the hub's own page ----------------------------------

    def everywhere(self, environ: "WSGIEnvironment") -> Response:
        """End everything, because the citizen says so here."""
        allow_only(environ, "POST")
        require_own_form(environ, env.trust(environ).own.public_url)
        login = env.session_to_end(environ)
        unreached = None if login is None else self.end_everywhere(environ, login)
        if unreached:
            return self._partly(environ, unreached, None)
        # On a second click there is nothing to end, and the first knows who was told.
        return self._done(environ, everywhere=unreached is not None)

    def end_everywhere(
        self, environ: "WSGIEnvironment", login: Login
    ) -> list[str] | None:
        """End all sessions of a citizen; the entityIDs of who was not reached.

        None where another logout has ended them meanwhile: it tells the participants.
        """
        participants = env.sessions(environ).end_citizen(login)
        if participants is None:
            return None
        return self._propagation.tell(env.trust(environ), participants)

    # --- doing it -------------------------------------------------------------------

    def _execute(
        self,
        environ: "WSGIEnvironment",
        request: messages.LogoutRequest,
        issuer: str,
        address: str,
        *,
        is_direct: bool,
    ) -> _Outcome:
        """End what is named, and with it all of hers.

        A request that was seen before has the outcome that it had, and ends nothing.
        """
        trust, values = env.trust(environ), env.values(environ)
        now = clock.now()
        check_logout_request(
            request,
            issuer=issuer,
            destination=trust.own.url(address),
            destination_required=not is_direct,
            now=now,
        )
        seen = f"logout-request:{issuer}\0{request.id}"
        until = now + LIFETIME + 2 * SKEW
        if not values.add(seen, "", until):
            return self._recorded(values, seen)
        logins = self._named(environ, request, issuer)
        ended = [env.sessions(environ).end_citizen(login) for login in logins]
        participants = [
            participant for told in ended if told is not None for participant in told
        ]
        audit.event("logout.received", peer=issuer)
        others = _others(participants, request, issuer)
        unreached = self._propagation.tell(trust, others)
        # All are of one citizen, so the first of them has ended all that there were.
        is_overtaken = bool(ended) and ended[0] is None
        outcome = _Outcome(bool(logins), unreached, is_overtaken)
        values.swap(seen, "", json.dumps(outcome), until)
        return outcome

    def _recorded(self, values: Values, seen: str) -> _Outcome:
        """The outcome of a request that came before, also if it is under way still."""
        for _ in range(int(self._propagation.deadline / _LOOK_AGAIN) + 1):
            text = values.get(seen)
            if text:
                return _Outcome(*json.loads(text))
            time.sleep(_LOOK_AGAIN)
        raise Unavailable("the same logout is under way, and takes too long")

    def _named(
        self, environ: "WSGIEnvironment", request: messages.LogoutRequest, issuer: str
    ) -> list[Login]:
        """The sessions that a LogoutRequest names, whoever's browser brings it."""
        hub = env.trust(environ).own.entity_id
        subject = Subject.named(request.name_id, issuer=hub, audience=issuer)
        indexes: Sequence[str | None] = request.session_indexes or (None,)
        found = [
            login
            for index in indexes
            for login in env.sessions(environ).find_told(subject, index)
        ]
        return list({login.key: login for login in found}.values())

    # --- pages ----------------------------------------------------------------------

    def _done(self, environ: "WSGIEnvironment", *, everywhere: bool) -> Response:
        own = env.trust(environ).own
        return self._pages.page(
            environ,
            "logged_out.html",
            headers=_expired_cookie(environ),
            at=clock.now(),
            everywhere=everywhere,
            website_url=own.url("home"),
            login_url=own.url("login"),
        )

    def _partly(
        self,
        environ: "WSGIEnvironment",
        unreached: Sequence[str],
        continue_url: str | None,
    ) -> Response:
        federation, language = env.trust(environ).federation, language_of(environ)
        return self._pages.page(
            environ,
            "partly_logged_out.html",
            headers=_expired_cookie(environ),
            not_reached=[federation.name_of(e, language) for e in unreached],
            continue_url=continue_url,
            at=clock.now(),
        )


def _expired_cookie(environ: "WSGIEnvironment") -> list[tuple[str, str]]:
    """The header that takes the cookie away, unless it is of a session that lives.

    A link with somebody else's LogoutRequest must not cost a citizen her way to log
    out.
    """
    if env.session_beyond_idle(environ) is not None:
        return []
    return [env.cookie(environ).expire()]


def _others(
    participants: Iterable[Participant],
    request: messages.LogoutRequest,
    issuer: str,
) -> list[Participant]:
    """All but the sessions that the participant who asks has ended itself."""
    own_indexes = request.session_indexes
    return [
        participant
        for participant in participants
        if participant.entity_id != issuer
        or (own_indexes and participant.session_index not in own_indexes)
    ]
