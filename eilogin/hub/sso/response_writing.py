"""The answer to a question as XML: a login, or why there is none (SAML core 3.3.3).

What is signed and what is encrypted is said by options of the hub; a participant that
wants its assertions signed (metadata 2.4.4) gets them so, whatever they say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from eilogin import clock
from eilogin.errors import AlgorithmMissing, EncryptionKeyMissing, Refused
from eilogin.federation import Trust
from eilogin.hub.participants import requested_levels
from eilogin.hub.participants.response_protection import (
    Encrypt,
    Sign,
    encrypted_for,
    signed_for,
)
from eilogin.hub.pending_requests import Question
from eilogin.saml import messages, safe_xml, xml_signatures
from eilogin.saml.metadata import ServiceProvider
from eilogin.saml.xml_encryption import EncryptionMethod, encrypt, require_common
from eilogin.sessions import Login, Participant

#: How long a participant may take to use an answer, in seconds.
ANSWER_FOR = 120.0
#: NotBefore is set back by so much: participants' clocks are not ours.
_SET_BACK = 60.0


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a participant is told: her login, in answer to its question."""

    question: Question
    #: Who is told, and whom she is there.
    participant: Participant
    login: Login
    attributes: Mapping[str, Sequence[str]]
    #: From when on it is true.
    now: float
    #: NameFormats of attributes, by their names, where they were chosen.
    formats: Mapping[str, str] = field(default_factory=dict)
    #: The address that she comes from, where it is told.
    address: str = field(default="", repr=False)


class Obstacle(NamedTuple):
    """Why a participant cannot be told a login: status codes, and more for our log."""

    codes: Sequence[str]
    cause: Refused


class Answers:
    """Writes answers; ``sign`` and ``encrypt`` say how, by entityID."""

    def __init__(
        self,
        sign: Mapping[str, Sign] = MappingProxyType({}),
        encrypt: Mapping[str, Encrypt] = MappingProxyType({}),
    ) -> None:
        self._sign = sign
        self._encrypt = encrypt

    def obstacle(self, role: ServiceProvider, question: Question) -> Obstacle | None:
        """What is in the way where something has to be encrypted and cannot be."""
        if role.encryption_keys:
            return self._obstacle_in_methods(role, question)
        if encrypted_for(self._encrypt, question.issuer) == "required":
            cause = _no_key(question, "encrypt = required")
            return Obstacle((messages.RESPONDER, messages.REQUEST_DENIED), cause)
        if _wants_encrypted_name(question):
            cause = _no_key(question, "it asks for an encrypted NameID")
            codes = (messages.REQUESTER, messages.INVALID_NAME_ID_POLICY)
            return Obstacle(codes, cause)
        return None

    def _obstacle_in_methods(
        self, role: ServiceProvider, question: Question
    ) -> Obstacle | None:
        """The same of who has a key, and takes nothing that we could encrypt with."""
        is_off = encrypted_for(self._encrypt, question.issuer) == "off"
        if is_off and not _wants_encrypted_name(question):
            return None
        try:
            require_common(role.encryption_methods)
        except AlgorithmMissing as error:
            cause = AlgorithmMissing(f"{question.issuer} gets no login: {error}")
            return Obstacle((messages.RESPONDER, messages.REQUEST_DENIED), cause)
        return None

    def login(
        self, trust: Trust, role: ServiceProvider, told: Confirmed
    ) -> etree._Element:
        """The answer that she is logged in.

        Where :meth:`obstacle` has found nothing in the way.
        """
        question = told.question
        assertion = messages.write_assertion(assertion_of(trust, told))
        sign = signed_for(self._sign, question.issuer)
        is_off = encrypted_for(self._encrypt, question.issuer) == "off"
        key = next(iter(role.encryption_keys), None)
        if key is not None and _wants_encrypted_name(question):
            _encrypt_name(assertion, key, role.encryption_methods)
        if sign != "response" or role.want_assertions_signed:
            xml_signatures.sign(assertion, trust.key_for(question.issuer))
        if key is not None and not is_off:
            assertion = encrypt(
                assertion, "saml:EncryptedAssertion", key, role.encryption_methods
            )
        response = messages.write_response(
            response_to(trust, question, messages.Status()), assertion
        )
        if sign != "assertion":
            xml_signatures.sign(response, trust.key_for(question.issuer))
        return response

    def refusal(
        self, trust: Trust, question: Question, codes: Sequence[str]
    ) -> etree._Element:
        """The answer that there is no login, signed (SAML core 3.2.2.2)."""
        status = messages.Status(tuple(codes))
        response = messages.write_response(response_to(trust, question, status), None)
        xml_signatures.sign(response, trust.key_for(question.issuer))
        return response


def _no_key(question: Question, why: str) -> EncryptionKeyMissing:
    return EncryptionKeyMissing(
        f"{question.issuer} gets no login: {why}, but its metadata has no"
        " encryption key; ask its administrator for a KeyDescriptor for encryption"
    )


def _wants_encrypted_name(question: Question) -> bool:
    return question.name_id_format == messages.ENCRYPTED


def _encrypt_name(
    assertion: etree._Element, key: RSAPublicKey, methods: Sequence[EncryptionMethod]
) -> None:
    """Put an EncryptedID in the place of the NameID (SAML core 2.2.4)."""
    name_id = assertion.find(
        f"{safe_xml.q('saml:Subject')}/{safe_xml.q('saml:NameID')}"
    )
    assert name_id is not None  # noqa: S101 - written a moment ago
    subject = name_id.getparent()
    assert subject is not None  # noqa: S101 - it was found inside
    subject.insert(0, encrypt(name_id, "saml:EncryptedID", key, methods))
    subject.remove(name_id)


def response_to(
    trust: Trust, question: Question, status: messages.Status
) -> messages.Response:
    """The envelope of an answer."""
    return messages.Response(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=trust.own.entity_id,
        status=status,
        in_response_to=question.request_id,
        destination=question.acs_url,
    )


def assertion_of(trust: Trust, told: Confirmed) -> messages.Assertion:
    """What is said of her."""
    question, login, now = told.question, told.login, told.now
    subject = told.participant.subject
    level = requested_levels.to_confirm(question.levels, login.level)
    return messages.Assertion(
        id=messages.new_id(),
        issued=now,
        issuer=trust.own.entity_id,
        name_id=subject.as_name_id() if subject.has_name_id else None,
        recipient=question.acs_url,
        in_response_to=question.request_id,
        confirmation_ends=now + ANSWER_FOR,
        not_before=now - _SET_BACK,
        not_on_or_after=now + ANSWER_FOR,
        audiences=((question.issuer,),),
        authn_instant=login.proven_at(level),
        session_index=told.participant.session_index,
        session_ends=login.ends,
        level_class=requested_levels.class_to_say(
            level, question.classes, trust.classes
        ),
        attributes=told.attributes,
        attribute_formats=told.formats,
    )
