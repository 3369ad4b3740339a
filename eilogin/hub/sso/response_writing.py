"""Write a Response, with an Assertion or with the reason for none (SAML core 3.3.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from eilogin import clock
from eilogin.errors import AlgorithmMissing, EncryptionKeyMissing, Refused
from eilogin.federation import Peer, Trust
from eilogin.hub.participants import requested_levels
from eilogin.hub.participants.response_protection import (
    Encrypt,
    Sign,
    encrypted_for,
    signed_for,
)
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.saml import messages, safe_xml, xml_signatures
from eilogin.saml.metadata import ServiceProvider
from eilogin.saml.xml_encryption import EncryptionMethod, encrypt, require_common
from eilogin.sessions import Login, Participant

#: Seconds that a Response is valid.
RESPONSE_LIFETIME = 120.0
#: Seconds by which NotBefore is earlier than now, because clocks differ.
_SET_BACK = 60.0


@dataclass(frozen=True, slots=True)
class AssertedLogin:
    """The contents of a Response with a login."""

    pending: PendingAuthnRequest
    #: With the visitor's subject there.
    participant: Participant
    login: Login
    attributes: Mapping[str, Sequence[str]]
    #: When the Assertion is issued.
    now: float
    formats: Mapping[str, str] = field(default_factory=dict)
    address: str = field(default="", repr=False)


class EncryptionObstacle(NamedTuple):
    """The reason to send no login: status codes, and a cause for the log."""

    codes: Sequence[str]
    cause: Refused


class ResponseWriter:
    """Writes Responses; ``sign`` and ``encrypt`` have a setting by entityID."""

    def __init__(
        self,
        sign: Mapping[str, Sign] = MappingProxyType({}),
        encrypt: Mapping[str, Encrypt] = MappingProxyType({}),
    ) -> None:
        self._sign = sign
        self._encrypt = encrypt

    def obstacle(
        self, role: ServiceProvider, pending: PendingAuthnRequest
    ) -> EncryptionObstacle | None:
        """Return why the hub cannot encrypt as it must, or None."""
        if role.encryption_keys:
            return self._obstacle_in_methods(role, pending)
        if encrypted_for(self._encrypt, pending.issuer) == "required":
            cause = _no_key(pending, "encrypt = required")
            return EncryptionObstacle(
                (messages.RESPONDER, messages.REQUEST_DENIED), cause
            )
        if _wants_encrypted_name(pending):
            cause = _no_key(pending, "it asks for an encrypted NameID")
            codes = (messages.REQUESTER, messages.INVALID_NAME_ID_POLICY)
            return EncryptionObstacle(codes, cause)
        return None

    def _obstacle_in_methods(
        self, role: ServiceProvider, pending: PendingAuthnRequest
    ) -> EncryptionObstacle | None:
        is_off = encrypted_for(self._encrypt, pending.issuer) == "off"
        if is_off and not _wants_encrypted_name(pending):
            return None
        try:
            require_common(role.encryption_methods)
        except AlgorithmMissing as error:
            cause = AlgorithmMissing(f"{pending.issuer} gets no login: {error}")
            return EncryptionObstacle(
                (messages.RESPONDER, messages.REQUEST_DENIED), cause
            )
        return None

    def login(
        self, trust: Trust, peer: Peer[ServiceProvider], contents: AssertedLogin
    ) -> etree._Element:
        """Write the Response with an Assertion, if :meth:`obstacle` returned None."""
        pending, role = contents.pending, peer.role
        assertion = messages.write_assertion(assertion_of(trust, contents))
        sign, own_key = signed_for(self._sign, pending.issuer), trust.key_for(peer)
        is_off = encrypted_for(self._encrypt, pending.issuer) == "off"
        key = next(iter(role.encryption_keys), None)
        if key is not None and _wants_encrypted_name(pending):
            _encrypt_name(assertion, key, role.encryption_methods)
        if sign != "response" or role.want_assertions_signed:
            xml_signatures.sign(assertion, own_key)
        if key is not None and not is_off:
            assertion = encrypt(
                assertion, "saml:EncryptedAssertion", key, role.encryption_methods
            )
        response = messages.write_response(
            response_to(trust, pending, messages.Status()), assertion
        )
        if sign != "assertion":
            xml_signatures.sign(response, own_key)
        return response

    def refusal(
        self,
        trust: Trust,
        peer: Peer[ServiceProvider],
        pending: PendingAuthnRequest,
        codes: Sequence[str],
    ) -> etree._Element:
        """Write the signed Response without a login (SAML core 3.2.2.2)."""
        status = messages.Status(tuple(codes))
        response = messages.write_response(response_to(trust, pending, status), None)
        xml_signatures.sign(response, trust.key_for(peer))
        return response


def _no_key(pending: PendingAuthnRequest, reason: str) -> EncryptionKeyMissing:
    return EncryptionKeyMissing(
        f"{pending.issuer} gets no login: {reason}, but its metadata has no"
        " encryption key; ask its administrator for a KeyDescriptor for encryption"
    )


def _wants_encrypted_name(pending: PendingAuthnRequest) -> bool:
    return pending.name_id_format == messages.ENCRYPTED


def _encrypt_name(
    assertion: etree._Element, key: RSAPublicKey, methods: Sequence[EncryptionMethod]
) -> None:
    name_id = assertion.find(
        f"{safe_xml.q('saml:Subject')}/{safe_xml.q('saml:NameID')}"
    )
    assert name_id is not None  # noqa: S101 - written a moment ago
    subject = name_id.getparent()
    assert subject is not None  # noqa: S101 - it was found inside
    subject.insert(0, encrypt(name_id, "saml:EncryptedID", key, methods))
    subject.remove(name_id)


def response_to(
    trust: Trust, pending: PendingAuthnRequest, status: messages.Status
) -> messages.Response:
    """Make a Response without Assertion."""
    return messages.Response(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=trust.own.entity_id,
        status=status,
        in_response_to=pending.request_id,
        destination=pending.acs_url,
    )


def assertion_of(trust: Trust, contents: AssertedLogin) -> messages.Assertion:
    """Make the Assertion of a login."""
    pending, login, now = contents.pending, contents.login, contents.now
    subject = contents.participant.subject
    level = requested_levels.to_confirm(pending.levels, login.level)
    return messages.Assertion(
        id=messages.new_id(),
        issued=now,
        issuer=trust.own.entity_id,
        name_id=subject.as_name_id() if subject.has_name_id else None,
        recipient=pending.acs_url,
        in_response_to=pending.request_id,
        confirmation_ends=now + RESPONSE_LIFETIME,
        not_before=now - _SET_BACK,
        not_on_or_after=now + RESPONSE_LIFETIME,
        audiences=((pending.issuer,),),
        authn_instant=login.proven_at(level),
        session_index=contents.participant.session_index,
        session_ends=login.ends,
        level_class=requested_levels.class_to_say(
            level, pending.classes, trust.classes
        ),
        attributes=contents.attributes,
        attribute_formats=contents.formats,
    )
