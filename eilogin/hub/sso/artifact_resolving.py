"""The address ``/artifact``."""

from webob import Response

from eilogin import clock
from eilogin.hub.sso.artifact_endpoint import (
    artifact_key,
    artifact_response,
    note_unknown_artifact,
)
from eilogin.hub.sso.authn_request_intake import DENIED
from eilogin.saml import messages, safe_xml
from eilogin.saml.message_checks import check_artifact_resolve
from eilogin.web.inbound_messages import receive_soap
from eilogin.web.outbound_messages import soap_answer
from eilogin.web.visit import Visit


def resolve_artifact(visit: Visit) -> Response:
    """Give a Response to its participant, once (SAML bindings 3.6.6)."""
    trust = visit.trust
    element, peer = receive_soap(visit, trust.participant)
    issuer = peer.entity_id
    request = messages.read_artifact_resolve(element)
    check_artifact_resolve(
        request,
        issuer=issuer,
        destination=trust.own.url("artifact"),
        now=clock.now(),
    )
    store = visit.sessions.store
    text = store.take(artifact_key(request.artifact, issuer))
    if text is None:
        # A wrong, used or foreign artifact (DigiD 1.6).
        note_unknown_artifact(issuer)
        response = artifact_response(trust, request.id, messages.Status(DENIED))
    else:
        carried = safe_xml.parse(text.encode())
        response = artifact_response(trust, request.id, messages.Status(), carried)
    return soap_answer(response, trust.key_for(peer))
