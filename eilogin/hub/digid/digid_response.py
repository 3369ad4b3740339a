"""Write DigiD's Response and assertion as XML (DigiD 1.5)."""

from collections.abc import Sequence
from dataclasses import replace

from lxml import etree

from eilogin.federation import Peer, Trust
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.hub.signin import rehearsal
from eilogin.hub.sso.response_writing import (
    RESPONSE_LIFETIME,
    AssertedLogin,
    ResponseWriter,
    assertion_of,
    response_to,
)
from eilogin.saml import messages, xml_signatures
from eilogin.saml.metadata import ServiceProvider


class DigidResponseWriter(ResponseWriter):
    """Writes Responses without a signature: DigiD signs the ArtifactResponse."""

    def __init__(self) -> None:
        super().__init__()

    def login(
        self, trust: Trust, peer: Peer[ServiceProvider], contents: AssertedLogin
    ) -> etree._Element:
        """Write the Response of a successful login."""
        pending = contents.pending
        unsigned = _assertion(trust, contents)
        assertion = messages.write_assertion(
            rehearsal.changed_assertion(pending, unsigned, trust.classes)
        )
        if peer.role.want_assertions_signed:
            xml_signatures.sign(assertion, trust.key_for(peer))
        envelope = _response(trust, pending, messages.Status())
        return messages.write_response(
            rehearsal.changed_response(pending, envelope), assertion
        )

    def refusal(
        self,
        trust: Trust,
        peer: Peer[ServiceProvider],
        pending: PendingAuthnRequest,
        codes: Sequence[str],
    ) -> etree._Element:
        """Write the Response of a failed login, without a status message."""
        status = messages.Status(tuple(codes))
        return messages.write_response(_response(trust, pending, status), None)


def _response(
    trust: Trust, pending: PendingAuthnRequest, status: messages.Status
) -> messages.Response:
    return replace(response_to(trust, pending, status), destination="")


def _assertion(trust: Trust, contents: AssertedLogin) -> messages.Assertion:
    return replace(
        assertion_of(trust, contents),
        name_id=messages.NameID(contents.participant.subject.name_id),
        not_before=contents.now - RESPONSE_LIFETIME,
        # DigiD reports neither the sign-in nor the end of the session.
        authn_instant=contents.now,
        session_ends=None,
        attributes={},
        address=contents.address,
    )
