"""Write messages as XML, in the order of the SAML schemas, without signatures.

There is no ``xsi:type``: exclusive canonicalisation does not see the prefix in its
value, so signed content could not be parsed again.
"""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from eilogin.saml.messages.instants import write_instant
from eilogin.saml.messages.message_values import (
    BEARER,
    TRANSIENT,
    ActivityReport,
    ArtifactResolve,
    ArtifactResponse,
    Assertion,
    AuthnRequest,
    LogoutRequest,
    LogoutResponse,
    NameID,
    Response,
    Status,
)
from eilogin.saml.safe_xml import ACTIVITY, SAML, SAMLP, add, q
from eilogin.saml.xml_encryption import EncryptionMethod, encrypt

_NAMESPACES = {"samlp": SAMLP, "saml": SAML}

# SAML core 8.2.1: our Names are plain words.
_UNSPECIFIED_NAMES = "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified"
_URI_NAMES = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"

_Message = (
    AuthnRequest
    | Response
    | LogoutRequest
    | LogoutResponse
    | ActivityReport
    | ArtifactResolve
    | ArtifactResponse
)


def write_authn_request(value: AuthnRequest) -> etree._Element:
    """Write a ``samlp:AuthnRequest`` (SAML core 3.4.1).

    For a transient NameID, errata E14 forbids AllowCreate.
    """
    element = _message("samlp:AuthnRequest", value, value.destination)
    _set(
        element,
        ForceAuthn="true" if value.force_authn else "",
        IsPassive="true" if value.is_passive else "",
        ProtocolBinding=value.protocol_binding,
        AssertionConsumerServiceIndex=_index(value.acs_index),
        AssertionConsumerServiceURL=value.acs_url,
        AttributeConsumingServiceIndex=_index(value.consumer_service_index),
        ProviderName=value.provider_name,
    )
    if value.idle_limit:
        extensions = add(element, "samlp:Extensions")
        attributes = {"Limit": f"{value.idle_limit}"}
        etree.SubElement(
            extensions, q("act:Ended"), attributes, nsmap={"act": ACTIVITY}
        )
    has_policy = value.name_id_format or value.asks_for_any_name
    if has_policy or not value.allow_create:
        may_create = value.allow_create and value.name_id_format != TRANSIENT
        policy = add(element, "samlp:NameIDPolicy")
        _set(
            policy,
            Format=value.name_id_format,
            AllowCreate="true" if may_create else "",
        )
    if value.level_classes:
        requested = add(
            element, "samlp:RequestedAuthnContext", Comparison=value.comparison
        )
        for level_class in value.level_classes:
            add(requested, "saml:AuthnContextClassRef", level_class)
    return element


def write_response(value: Response, assertion: etree._Element | None) -> etree._Element:
    """Write a ``samlp:Response`` (SAML core 3.3.3), and move ``assertion`` into it."""
    element = _message("samlp:Response", value, value.destination, value.in_response_to)
    _add_status(element, value.status)
    if assertion is not None:
        element.append(assertion)
    return element


def write_assertion(value: Assertion) -> etree._Element:
    """Write a ``saml:Assertion`` (SAML core 2.3.3) of a login by browser."""
    element = etree.Element(q("saml:Assertion"), nsmap={"saml": SAML})
    element.set("ID", value.id)
    element.set("Version", "2.0")
    element.set("IssueInstant", write_instant(value.issued))
    add(element, "saml:Issuer", value.issuer)
    _add_subject(element, value)
    _add_conditions(element, value)
    _add_authn_statement(element, value)
    if value.attributes:
        _add_attributes(element, value)
    return element


def write_logout_request(
    value: LogoutRequest,
    encrypt_for: RSAPublicKey | None = None,
    methods: Sequence[EncryptionMethod] = (),
) -> etree._Element:
    """Write a ``samlp:LogoutRequest`` (SAML core 3.7.1).

    The NameID is encrypted for the key ``encrypt_for``, by that party's ``methods``.
    """
    element = _message("samlp:LogoutRequest", value, value.destination)
    _set(element, Reason=value.reason, NotOnOrAfter=_instant(value.not_on_or_after))
    if value.is_asynchronous:
        add(add(element, "samlp:Extensions"), "aslo:Asynchronous")
    name_id = _add_name_id(element, value.name_id)
    if encrypt_for is not None:
        encrypted_id = encrypt(name_id, "saml:EncryptedID", encrypt_for, methods)
        element.replace(name_id, encrypted_id)
    for session_index in value.session_indexes:
        add(element, "samlp:SessionIndex", session_index)
    return element


def write_logout_response(value: LogoutResponse) -> etree._Element:
    """Write a ``samlp:LogoutResponse`` (SAML core 3.7.2)."""
    element = _message(
        "samlp:LogoutResponse", value, value.destination, value.in_response_to
    )
    _add_status(element, value.status)
    return element


def write_activity_report(value: ActivityReport) -> etree._Element:
    """Write an :class:`ActivityReport` as a ``samlp:AuthnQuery``."""
    element = _message("samlp:AuthnQuery", value, value.destination)
    element.set("SessionIndex", value.session_index)
    extensions = add(element, "samlp:Extensions")
    attributes = {"Instant": write_instant(value.active_at)}
    name = q("act:LastActivity")
    etree.SubElement(extensions, name, attributes, nsmap={"act": ACTIVITY})
    _add_name_id(add(element, "saml:Subject"), value.name_id)
    return element


def write_artifact_resolve(value: ArtifactResolve) -> etree._Element:
    """Write a ``samlp:ArtifactResolve`` (SAML core 3.5.1)."""
    element = _message("samlp:ArtifactResolve", value, value.destination)
    add(element, "samlp:Artifact", value.artifact)
    return element


def write_artifact_response(
    value: ArtifactResponse, message: etree._Element | None
) -> etree._Element:
    """Write a ``samlp:ArtifactResponse`` (core 3.5.2); move ``message`` into it."""
    element = _message(
        "samlp:ArtifactResponse", value, in_response_to=value.in_response_to
    )
    _add_status(element, value.status)
    if message is not None:
        element.append(message)
    return element


def _message(
    name: str, value: _Message, destination: str = "", in_response_to: str = ""
) -> etree._Element:
    element = etree.Element(q(name), nsmap=_NAMESPACES)
    element.set("ID", value.id)
    element.set("Version", "2.0")
    element.set("IssueInstant", write_instant(value.issued))
    _set(element, Destination=destination, InResponseTo=in_response_to)
    add(element, "saml:Issuer", value.issuer)
    return element


def _set(element: etree._Element, **attributes: str) -> None:
    for name, text in attributes.items():
        if text:
            element.set(name, text)


def _instant(instant: float | None) -> str:
    return "" if instant is None else write_instant(instant)


def _index(index: int | None) -> str:
    return "" if index is None else str(index)


def _add_status(parent: etree._Element, status: Status) -> None:
    element = add(parent, "samlp:Status")
    outer = element
    for code in status.codes:
        outer = add(outer, "samlp:StatusCode", Value=code)
    if status.message:
        add(element, "samlp:StatusMessage", status.message)


def _add_name_id(parent: etree._Element, value: NameID) -> etree._Element:
    element = add(parent, "saml:NameID", value.value)
    _set(
        element,
        NameQualifier=value.name_qualifier,
        SPNameQualifier=value.sp_name_qualifier,
        Format=value.format,
    )
    return element


def _add_subject(parent: etree._Element, value: Assertion) -> None:
    subject = add(parent, "saml:Subject")
    if value.name_id is not None:
        _add_name_id(subject, value.name_id)
    confirmation = add(subject, "saml:SubjectConfirmation", Method=BEARER)
    data = add(
        confirmation,
        "saml:SubjectConfirmationData",
        NotOnOrAfter=write_instant(value.confirmation_ends),
        Recipient=value.recipient,
    )
    _set(data, InResponseTo=value.in_response_to)


def _add_conditions(parent: etree._Element, value: Assertion) -> None:
    conditions = add(parent, "saml:Conditions")
    _set(
        conditions,
        NotBefore=_instant(value.not_before),
        NotOnOrAfter=_instant(value.not_on_or_after),
    )
    for audiences in value.audiences:
        restriction = add(conditions, "saml:AudienceRestriction")
        for audience in audiences:
            add(restriction, "saml:Audience", audience)


def _add_authn_statement(parent: etree._Element, value: Assertion) -> None:
    statement = add(
        parent, "saml:AuthnStatement", AuthnInstant=write_instant(value.authn_instant)
    )
    _set(
        statement,
        SessionIndex=value.session_index or "",
        SessionNotOnOrAfter=_instant(value.session_ends),
    )
    if value.address:
        add(statement, "saml:SubjectLocality", Address=value.address)
    context = add(statement, "saml:AuthnContext")
    add(context, "saml:AuthnContextClassRef", value.level_class)


def _add_attributes(parent: etree._Element, value: Assertion) -> None:
    statement = add(parent, "saml:AttributeStatement")
    for name, texts in value.attributes.items():
        is_uri = name.startswith(("urn:", "http://", "https://"))
        default_format = _URI_NAMES if is_uri else _UNSPECIFIED_NAMES
        name_format = value.attribute_formats.get(name, default_format)
        attribute = add(statement, "saml:Attribute", Name=name, NameFormat=name_format)
        for text in texts:
            add(attribute, "saml:AttributeValue", text)
