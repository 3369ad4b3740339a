"""Store and resolve artifacts as DigiD does, for a while after they expire too."""

import json

from webob import Response

from eilogin import clock
from eilogin.errors import Refused
from eilogin.hub.digid.digid_peers import refusals_as_not_found, valid_participant
from eilogin.hub.digid.digid_requests import require_recent_as_digid
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.hub.signin import rehearsal
from eilogin.hub.sso.artifact_endpoint import (
    artifact_key,
    artifact_response,
    note_unknown_artifact,
)
from eilogin.hub.sso.authn_request_intake import DENIED
from eilogin.hub.sso.response_writing import RESPONSE_LIFETIME
from eilogin.saml import messages, safe_xml
from eilogin.saml.message_checks import require_destination
from eilogin.web.inbound_messages import receive_soap
from eilogin.web.outbound_messages import soap_answer
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.visit import Visit

#: Seconds that an artifact outlives its Response.
_KNOWN_FOR = 15 * 60.0

_DENIED = messages.Status(DENIED)


def digid_record(pending: PendingAuthnRequest, text: str) -> tuple[str, float]:
    """Return the record of a Response, and when it expires."""
    until = clock.now() + RESPONSE_LIFETIME
    return json.dumps([until, text, pending.rehearsal]), until + _KNOWN_FOR


def resolve_digid_artifact(visit: Visit) -> Response:
    """Answer an ArtifactResolve with the stored Response, once, or a bare status."""
    trust = visit.trust
    with refusals_as_not_found():
        element, peer = receive_soap(visit, valid_participant(trust))
        request = messages.read_artifact_resolve(element)
    key, issuer = trust.key_for(peer), peer.entity_id
    try:
        require_recent_as_digid(request.issued, clock.now())
        require_destination(
            request.destination, trust.own.url("artifact"), required=False
        )
    except Refused as error:
        note_refusal(error, "login", visit)
        return soap_answer(artifact_response(trust, "", _DENIED), key)
    store = visit.sessions.store
    stored = store.take(artifact_key(request.artifact, issuer))
    if stored is None:
        note_unknown_artifact(issuer)
        return soap_answer(artifact_response(trust, request.id, _DENIED), key)
    until, text, choice = json.loads(stored)
    rehearsal.hold_back(choice)
    if choice == rehearsal.UNKNOWN:
        return soap_answer(artifact_response(trust, request.id, _DENIED), key)
    is_over = clock.now() >= until or choice == rehearsal.EXPIRED
    response = None if is_over else safe_xml.parse(text.encode())
    answer = soap_answer(
        artifact_response(trust, request.id, messages.Status(), response), key
    )
    return rehearsal.broken(answer) if choice == rehearsal.BROKEN else answer
