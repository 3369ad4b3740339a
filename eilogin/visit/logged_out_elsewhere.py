"""She logged out elsewhere: the hub says so, and what it names ends here.

By its NameID and SessionIndex, and without her cookie: no LogoutRequest needs one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from webob import Response

from eilogin import audit, clock
from eilogin.federation import Trust
from eilogin.saml import bindings, messages
from eilogin.saml.checks import KNOWN_FOR, check_logout_request
from eilogin.sessions import Login, Subject
from eilogin.visit.digid import named
from eilogin.visit.hooks import ELSEWHERE, Hooks
from eilogin.visit.inside import Inside
from eilogin.web import environ as env
from eilogin.web.inbound import Inbound, receive_soap
from eilogin.web.outbound import (
    binding_missing,
    logout_response,
    send_through_browser,
    soap_answer,
)
from eilogin.web.pages import Pages

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: What is answered, by how the store has what came of a request: all are told; a hub
#: inside has not told all; or she may be here by a name that the hub does not use.
_STATUS = {
    "done": messages.Status(),
    "partly": messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT)),
    "unknown": messages.Status((messages.RESPONDER, messages.UNKNOWN_PRINCIPAL)),
}


class LoggedOutElsewhere:
    """Executes LogoutRequests of the hub at one participant, and answers them."""

    def __init__(self, pages: Pages, inside: Inside, hooks: Hooks) -> None:
        self._pages = pages
        self._inside = inside
        self._hooks = hooks

    def through_browser(self, environ: "WSGIEnvironment", inbound: Inbound) -> Response:
        """One that came by Redirect or POST (SAML profiles 4.4.3.2)."""
        trust = env.trust(environ)
        request = messages.read_logout_request(inbound.element, trust.decrypter)
        hub = trust.hub(inbound.issuer)
        # A redirect may stand in a frame of the hub's page, whatever that page is.
        wanted = (bindings.REDIRECT, bindings.POST)
        endpoint = hub.single_logout(*wanted)
        if endpoint is None:
            raise binding_missing(
                trust, inbound.issuer, "a LogoutResponse", wanted, hub.single_logouts
            )
        # What is refused has ended nothing.
        status = self._execute(environ, request, inbound.issuer, "slo")
        destination = endpoint.for_answers
        return send_through_browser(
            environ,
            self._pages,
            endpoint,
            bindings.RESPONSE,
            logout_response(trust, request.id, status=status, destination=destination),
            key=trust.key_for(inbound.issuer),
            relay_state=inbound.relay_state,
            is_response=True,
            framed_by=destination,
        )

    def directly(self, environ: "WSGIEnvironment") -> Response:
        """``/eilogin/slo/soap``: one over SOAP (SAML bindings 3.2)."""
        trust = env.trust(environ)
        element, issuer = receive_soap(environ, trust.hub_keys)
        request = messages.read_logout_request(element, trust.decrypter)
        status = self._execute(environ, request, issuer, "slo_soap")
        answer = logout_response(trust, request.id, status=status)
        return soap_answer(answer, trust.key_for(issuer))

    def _execute(
        self,
        environ: "WSGIEnvironment",
        request: messages.LogoutRequest,
        issuer: str,
        address: str,
    ) -> messages.Status:
        """End what is named; a request that was seen before ends nothing more.

        The status to answer with: nobody is said to be out who may be in still.
        """
        trust, now = env.trust(environ), clock.now()
        check_logout_request(
            request,
            issuer=issuer,
            destination=trust.own.url(address),
            destination_required=address == "slo",
            now=now,
        )
        seen = f"logout-request:{issuer}\0{request.id}"
        values = env.values(environ)
        known = values.get(seen)
        if known is None:
            subject = named(trust.own, request.name_id, issuer)
            noted = self._inside.note(environ, subject)
            ended = _end(environ, trust, request, subject, issuer)
            self._hooks.tell(environ, ended, ELSEWHERE)
            is_told = self._inside.tell(environ, noted, ended)
            known = "done" if is_told else "partly"
            if not _is_known(environ, ended):
                known = "unknown"
            values.add(seen, known, now + KNOWN_FOR)
        # Of another version it is a word that is not known here.
        return _STATUS.get(known, _STATUS["partly"])


def _is_known(environ: "WSGIEnvironment", ended: Sequence[Login]) -> bool:
    """Whether nobody can be logged in here whom the hub meant, and we cannot know."""
    return bool(ended) or env.NAMELESS not in environ


def _end(
    environ: "WSGIEnvironment",
    trust: Trust,
    request: messages.LogoutRequest,
    subject: Subject | None,
    issuer: str,
) -> Sequence[Login]:
    """End the sessions that a request names; those that were there."""
    ended: Sequence[Login] = ()
    if subject is not None:
        ended = env.sessions(environ).end_subject(
            subject, request.session_indexes, issued=request.issued
        )
    whom = ended[0].who if ended else subject
    audit.event(
        "logout.received",
        # As at her login, which may be by an attribute.
        pseudonym=trust.own.pseudonym(whom.name_id) if whom else None,
        peer=issuer,
        reason=f"{len(ended)} ended",
    )
    return ended
