"""Single logout as DigiD does it (DIGID.md 3): by the session of the browser.

A LogoutRequest ends the session of who brings it, whomever it names. Where she is in at
more than one service a page names them all, and she goes on, or stays logged in; nobody
hears of it then. All others are told over SOAP, by her name alone, and who asked hears
that all of them know it, or not; no browser brings a message to them.

Without the cookie of the hub there is nothing to end, and that is a success. A form of
another site comes without it (it is Lax), so she is led on to an address of ours.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from webob import Response

from eilogin import audit, clock
from eilogin.errors import MessageUnexpected, NotFound
from eilogin.hub.digid.peers import keys_for, require_recent, telling_nobody
from eilogin.hub.digid.presence import Presence
from eilogin.hub.frames import Back, address
from eilogin.hub.logout import SingleLogout
from eilogin.hub.services import services_of
from eilogin.saml import bindings, messages
from eilogin.saml.checks import require_destination, require_issuer
from eilogin.saml.metadata import Endpoint, ServiceProvider
from eilogin.sessions import Login, Participant
from eilogin.web import environ as env
from eilogin.web.inbound import receive
from eilogin.web.pages import language_of
from eilogin.web.requests import allow_only, read_query, require_own_form
from eilogin.web.urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The parameter of ``/slo`` that names a logout which she has to confirm.
_LEAVING = "leaving"
#: How long she may take for that, in seconds.
_KEPT_FOR = 60 * 60.0

_DONE = messages.Status()
_PARTLY = messages.Status((messages.RESPONDER, messages.PARTIAL_LOGOUT))


class SingleLogoutAsDigid(SingleLogout):
    """Logs out as DigiD does."""

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """A LogoutRequest of a participant, or what she says to our page."""
        allow_only(environ, "GET", "POST")
        is_posted = environ["REQUEST_METHOD"] == "POST"
        if environ.get("QUERY_STRING", "").startswith(f"{_LEAVING}="):
            back = _kept(environ, read_query(environ).get(_LEAVING, ""))
            if not is_posted:
                return self._leave(environ, back)
            require_own_form(environ, env.trust(environ).own.public_url)
            return self._end(environ, back, env.session_to_end(environ))
        with telling_nobody():
            page = self._of_ours(environ)
            if page is not None:
                return page
            back = _read(environ)
        if is_posted:
            return see_other(_keep(environ, back))
        return self._leave(environ, back)

    def respond_soap(self, environ: "WSGIEnvironment") -> Response:
        """Nobody logs out here over SOAP: there is no browser behind it."""
        raise NotFound("DigiD takes no LogoutRequest over SOAP (DIGID.md 1.7)")

    def _answered_at(self, role: ServiceProvider) -> Endpoint | None:
        # Its ResponseLocation is not looked at.
        endpoint = role.single_logout(bindings.REDIRECT)
        return endpoint and replace(endpoint, response_location="")

    def _leave(self, environ: "WSGIEnvironment", back: Back) -> Response:
        """The page that names the services, where there are several; else the end."""
        login = env.session_to_end(environ)
        if login is None or env.values(environ).get(_done(back)) is not None:
            return self._end(environ, back, login)
        told = env.sessions(environ).participants(login)
        services = Presence(environ, login).services(told)
        if len({one.entity_id for one in services}) > 1:
            return self._confirm_page(environ, back, services)
        return self._end(environ, back, login)

    def _end(
        self, environ: "WSGIEnvironment", back: Back, login: Login | None
    ) -> Response:
        """End her session, tell the others, and answer who asked."""
        values, until = env.values(environ), clock.now() + _KEPT_FOR
        if not values.add(_done(back), "", until):
            codes = json.loads(self.endings.recorded(values, _done(back)))
            return self._back(environ, back, messages.Status(tuple(codes)))
        is_everywhere = login is None or self._ended(environ, back, login)
        audit.event("logout.received", peer=back.entity_id)
        status = _DONE if is_everywhere else _PARTLY
        values.swap(_done(back), "", json.dumps(status.codes), until)
        return self._back(environ, back, status)

    def _ended(self, environ: "WSGIEnvironment", back: Back, login: Login) -> bool:
        """End all sessions of hers; whether all know it who have to be told.

        Who asked has ended its own session of this browser.
        """
        sessions = env.sessions(environ)
        here = sessions.participants(login)
        told = sessions.end_citizen(login)
        if told is None:
            # Another logout was faster, and knows who was not reached.
            return False
        others = [
            one for one in told if one.entity_id != back.entity_id or one not in here
        ]
        return not self._propagation.tell(env.trust(environ), others)

    def _confirm_page(
        self, environ: "WSGIEnvironment", back: Back, told: Sequence[Participant]
    ) -> Response:
        trust, language = env.trust(environ), language_of(environ)
        _, role = trust.participant(back.entity_id)
        endpoint = self._answered_at(role)
        website = trust.federation.link_of(back.entity_id, language)
        return self._pages.page(
            environ,
            "log_out_of_services.html",
            # Its redirect leads on to who asked.
            form_action=[endpoint.location] if endpoint else [],
            action=_keep(environ, back),
            name=trust.federation.name_of(back.entity_id, language),
            # There she has logged out already.
            services=services_of(
                trust,
                [one for one in told if one.entity_id != back.entity_id],
                language,
            ),
            website_url=website or trust.own.url("home"),
        )


def _read(environ: "WSGIEnvironment") -> Back:
    """Who asks for a logout; one that is not in order is refused."""
    trust = env.trust(environ)
    inbound = receive(environ, keys_for(trust), trust.weak)
    if inbound.kind != bindings.REQUEST:
        raise MessageUnexpected("a LogoutResponse; DigiD asks nobody by the browser")
    request = messages.read_logout_request(inbound.element)
    require_issuer(request.issuer, inbound.issuer)
    require_destination(
        request.destination,
        trust.own.url("slo"),
        required=inbound.binding == bindings.POST,
    )
    require_recent(request.issued, clock.now())
    return Back(inbound.issuer, request.id, inbound.relay_state)


def _keep(environ: "WSGIEnvironment", back: Back) -> str:
    """Keep who asked; the address of ours that goes on with it."""
    handle = hashlib.sha256(_done(back).encode()).hexdigest()[:32]
    until = clock.now() + _KEPT_FOR
    env.values(environ).add(
        f"{_LEAVING}:{handle}", json.dumps(back), until, durable=False
    )
    return address(env.trust(environ), _LEAVING, handle)


def _kept(environ: "WSGIEnvironment", handle: str) -> Back:
    text = env.values(environ).get(f"{_LEAVING}:{handle}")
    if text is None:
        raise MessageUnexpected("this logout is over")
    return Back(*json.loads(text))


def _done(back: Back) -> str:
    """The name of what came of a LogoutRequest."""
    return f"logout-request:{back.entity_id}\0{back.request_id}"
