"""Receive the hub's LogoutRequests, which need no cookie, and end their sessions."""

import json
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from webob import Response

from eilogin import audit, clock
from eilogin.errors import MessageUnexpected
from eilogin.federation import Peer, Trust
from eilogin.participant.digid_profile import named
from eilogin.participant.inner_hub import InnerHub
from eilogin.participant.logout.logout_hooks import ELSEWHERE, LogoutHooks
from eilogin.saml import bindings, messages
from eilogin.saml.message_checks import KNOWN_FOR, check_logout_request
from eilogin.saml.metadata import Endpoint, IdentityProvider
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env
from eilogin.web.inbound_messages import Inbound, receive_soap
from eilogin.web.logout_above import Through
from eilogin.web.outbound_messages import (
    binding_missing,
    logout_response,
    send_through_browser,
    soap_answer,
)
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

#: Status by outcome. ``partly``: an inner hub has not notified all its participants.
#: ``unknown``: the visitor may be signed in under a name that the hub does not use.
_STATUS = {
    "done": messages.Status(),
    "partly": messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT)),
    "unknown": messages.Status((messages.RESPONDER, messages.UNKNOWN_PRINCIPAL)),
}


#: The parameter with which the browser comes back from an inner hub.
AFTER = "after"


class _PendingLogoutRequest(NamedTuple):
    issuer: str
    request_id: str
    relay_state: str

    @classmethod
    def of_message(
        cls, inbound: Inbound[IdentityProvider], request_id: str
    ) -> "_PendingLogoutRequest":
        return cls(inbound.issuer, request_id, inbound.relay_state)


class LogoutRequestIntake:
    """Executes and answers the LogoutRequests of the hub at one participant."""

    def __init__(self, pages: Pages, inner_hub: InnerHub, hooks: LogoutHooks) -> None:
        self._pages = pages
        self._inner_hub = inner_hub
        self._hooks = hooks

    def through_browser(
        self, visit: Visit, inbound: Inbound[IdentityProvider]
    ) -> Response:
        """Handle a LogoutRequest by Redirect or POST (SAML profiles 4.4.3.2)."""
        trust = visit.trust
        request = messages.read_logout_request(inbound.element, trust.decrypter)
        endpoint = self._answered_at(trust, inbound.peer)
        handle, pending = (
            secrets.token_urlsafe(16),
            _PendingLogoutRequest.of_message(inbound, request.id),
        )
        back = f"{trust.own.url('slo')}?{AFTER}={handle}"
        through = Through(endpoint.for_answers, back)
        # If this raises, no session has ended.
        status = self._execute(visit, request, inbound.issuer, "slo", through)
        if through.way_on:
            until, subject = (
                clock.now() + KNOWN_FOR,
                _subject_of(visit, request, pending),
            )
            text = json.dumps([pending, subject.as_json()])
            visit.values.add(_key(handle), text, until, durable=False)
            return see_other(through.way_on)
        return self._answer(visit, pending, inbound.peer, endpoint, status)

    def after_browser(self, visit: Visit, handle: str) -> Response:
        """Answer a LogoutRequest after an inner hub, or raise MessageUnexpected."""
        trust, values = visit.trust, visit.values
        stored = values.get(_key(handle))
        if stored is None:
            raise MessageUnexpected("this logout has ended")
        parts, subject, *_ = json.loads(stored)
        pending = _PendingLogoutRequest(*parts)
        noted = self._inner_hub.note(visit, Subject.from_parts(subject))
        outcome_key = _outcome_key(pending.issuer, pending.request_id)
        if self._inner_hub.tell(visit, noted, ()):
            until = clock.now() + KNOWN_FOR
            values.swap(outcome_key, "partly", "done", until)
        status = _status(values.get(outcome_key) or "partly")
        hub = trust.hub_peer(pending.issuer)
        endpoint = self._answered_at(trust, hub)
        return self._answer(visit, pending, hub, endpoint, status)

    def _answered_at(self, trust: Trust, hub: Peer[IdentityProvider]) -> Endpoint:
        # Redirect first, because the hub may do that in a frame of any page.
        usable = (bindings.REDIRECT, bindings.POST)
        endpoint = hub.role.single_logout(*usable)
        if endpoint is None:
            raise binding_missing(
                trust,
                hub.entity_id,
                "a LogoutResponse",
                usable,
                hub.role.single_logouts,
            )
        return endpoint

    def _answer(
        self,
        visit: Visit,
        pending: _PendingLogoutRequest,
        hub: Peer[IdentityProvider],
        endpoint: Endpoint,
        status: messages.Status,
    ) -> Response:
        trust, destination = visit.trust, endpoint.for_answers
        return send_through_browser(
            visit,
            self._pages,
            endpoint,
            bindings.RESPONSE,
            logout_response(
                trust, pending.request_id, status=status, destination=destination
            ),
            key=trust.key_for(hub),
            relay_state=pending.relay_state,
            framed_by=destination,
        )

    def directly(self, visit: Visit) -> Response:
        """``/eilogin/slo/soap``: a LogoutRequest over SOAP (SAML bindings 3.2)."""
        trust = visit.trust
        element, hub = receive_soap(visit, trust.hub_peer)
        request = messages.read_logout_request(element, trust.decrypter)
        status = self._execute(visit, request, hub.entity_id, "slo_soap")
        answer = logout_response(trust, request.id, status=status)
        return soap_answer(answer, trust.key_for(hub))

    def _execute(
        self,
        visit: Visit,
        request: messages.LogoutRequest,
        issuer: str,
        address: str,
        through: Through | None = None,
    ) -> messages.Status:
        """End the sessions of a request; no success if the visitor may be signed in."""
        trust, now = visit.trust, clock.now()
        check_logout_request(
            request,
            issuer=issuer,
            destination=trust.own.url(address),
            destination_required=address == "slo",
            now=now,
        )
        outcome_key = _outcome_key(issuer, request.id)
        values = visit.values
        outcome = values.get(outcome_key)
        if outcome is None:
            subject = named(trust.own, request.name_id, issuer)
            noted = self._inner_hub.note(visit, subject)
            ended = _end(visit, trust, request, subject, issuer)
            self._hooks.tell(visit, ended, ELSEWHERE)
            is_everywhere = self._inner_hub.tell(visit, noted, ended, through)
            outcome = "done" if is_everywhere else "partly"
            if not _is_known(visit, ended):
                outcome = "unknown"
            values.add(outcome_key, outcome, now + KNOWN_FOR)
        return _status(outcome)


def _status(outcome: str) -> messages.Status:
    # A newer version may have stored another outcome.
    return _STATUS.get(outcome, _STATUS["partly"])


def _subject_of(
    visit: Visit,
    request: messages.LogoutRequest,
    pending: _PendingLogoutRequest,
) -> Subject:
    subject = named(visit.trust.own, request.name_id, pending.issuer)
    if subject is None:
        raise MessageUnexpected("the LogoutRequest names no visitor")
    return subject


def _outcome_key(issuer: str, request_id: str) -> str:
    return f"logout-request:{issuer}\0{request_id}"


def _key(handle: str) -> str:
    return f"logout-after:{handle}"


def _is_known(visit: Visit, ended: Sequence[Login]) -> bool:
    # Otherwise a session may exist here under a name unknown to the hub.
    return bool(ended) or env.NAMELESS not in visit.environ


def _end(
    visit: Visit,
    trust: Trust,
    request: messages.LogoutRequest,
    subject: Subject | None,
    issuer: str,
) -> Sequence[Login]:
    ended: Sequence[Login] = ()
    if subject is not None:
        ended = visit.sessions.end_subject(
            subject, request.session_indexes, issued=request.issued
        )
    who = ended[0].who if ended else subject
    audit.event(
        "logout.received",
        # The same as at the login, where an attribute may identify the visitor.
        pseudonym=trust.own.pseudonym(who.name_id) if who else None,
        peer=issuer,
        reason=f"{len(ended)} ended",
    )
    return ended
