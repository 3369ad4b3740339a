"""DigiD's answers as XML (DIGID.md 1.5): what it says, and what it leaves out.

The ArtifactResponse around them is always signed, and the Response never; the assertion
is for who wants that in its metadata.
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
    """Writes them; no option of the hub changes anything in them.

    Nothing is encrypted, so nothing is ever in the way (:meth:`obstacle`).
    """

    def __init__(self) -> None:
        super().__init__()

    def login(
        self, trust: Trust, role: ServiceProvider, told: Confirmed
    ) -> etree._Element:
        """The answer that she is logged in."""
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
        """The answer that there is no login; it has no words beside its codes."""
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
        # Of this answer: DigiD tells nobody when she logged in, nor until when.
        authn_instant=told.now,
        session_ends=None,
        attributes={},
        address=told.address,
    )
