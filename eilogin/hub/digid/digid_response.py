"""Write DigiD's Response and assertion as XML (DIGID.md 1.5).

The ArtifactResponse around the Response is always signed, the Response never. The
assertion is signed for participants that want that in their metadata.
"""

from collections.abc import Sequence
from dataclasses import replace

from lxml import etree

from eilogin.federation import Trust
from eilogin.hub.pending_requests import Question
from eilogin.hub.signin import rehearsal
from eilogin.hub.sso.response_writing import (
    ANSWER_FOR,
    Answers,
    Confirmed,
    assertion_of,
    response_to,
)
from eilogin.saml import messages, xml_signatures
from eilogin.saml.metadata import ServiceProvider


class DigidResponseWriter(Answers):
    """Writes Responses as DigiD does; no option of the hub changes them.

    Nothing is encrypted, so there is never an obstacle (:meth:`obstacle`).
    """

    def __init__(self) -> None:
        super().__init__()

    def login(
        self, trust: Trust, role: ServiceProvider, told: Confirmed
    ) -> etree._Element:
        """Write the Response of a successful login."""
        question = told.question
        said = _assertion(trust, told)
        assertion = messages.write_assertion(
            rehearsal.changed_assertion(question, said, trust.classes)
        )
        if role.want_assertions_signed:
            xml_signatures.sign(assertion, trust.key_for(question.issuer))
        envelope = _response(trust, question, messages.Status())
        return messages.write_response(
            rehearsal.changed_response(question, envelope), assertion
        )

    def refusal(
        self, trust: Trust, question: Question, codes: Sequence[str]
    ) -> etree._Element:
        """Write the Response of a failed login: its status codes, without a message."""
        status = messages.Status(tuple(codes))
        return messages.write_response(_response(trust, question, status), None)


def _response(
    trust: Trust, question: Question, status: messages.Status
) -> messages.Response:
    return replace(response_to(trust, question, status), destination="")


def _assertion(trust: Trust, told: Confirmed) -> messages.Assertion:
    return replace(
        assertion_of(trust, told),
        name_id=messages.NameID(told.participant.subject.name_id),
        not_before=told.now - ANSWER_FOR,
        # The instant of this Response: DigiD does not report when the citizen signed
        # in, nor when the session ends.
        authn_instant=told.now,
        session_ends=None,
        attributes={},
        address=told.address,
    )
