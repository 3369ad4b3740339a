"""Metadata to XML, in the order of its schema; signed by who answers for it."""

from collections.abc import Mapping, Sequence

from lxml import etree

from eilogin import clock
from eilogin.saml.keys import SigningKey
from eilogin.saml.messages import new_id, write_instant
from eilogin.saml.metadata.values import (
    MDRPI,
    PUBLICATION_INFO,
    Contact,
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    Role,
    ServiceProvider,
)
from eilogin.saml.signatures import sign
from eilogin.saml.xml import DS, MD, MDUI, SAMLP, add, q, serialize

_NAMESPACES = {"md": MD, "mdui": MDUI, "ds": DS}
_LANGUAGE = q("xml:lang")


def write_entity(descriptor: EntityDescriptor, key: SigningKey | None = None) -> bytes:
    """An ``md:EntityDescriptor`` document in UTF-8; signed where a key is given."""
    element = _entity_element(descriptor)
    if key is not None:
        element.set("ID", new_id())
        sign(element, key)
    return serialize(element)


def write_federation(
    descriptors: Sequence[EntityDescriptor],
    *,
    name: str,
    valid_until: float,
    key: SigningKey,
) -> bytes:
    """A signed ``md:EntitiesDescriptor`` document in UTF-8, made now.

    ``name`` is the federation's, ``valid_until`` an instant in seconds since
    1970-01-01T00:00:00Z, ``key`` the operator's.
    """
    root = etree.Element(
        q("md:EntitiesDescriptor"),
        {"ID": new_id(), "Name": name, "validUntil": write_instant(valid_until)},
        nsmap={**_NAMESPACES, "mdrpi": MDRPI},
    )
    publication = etree.SubElement(add(root, "md:Extensions"), PUBLICATION_INFO)
    publication.set("publisher", name)
    publication.set("creationInstant", write_instant(clock.now()))
    for descriptor in descriptors:
        root.append(_entity_element(descriptor))
    sign(root, key)
    return serialize(root)


def _entity_element(descriptor: EntityDescriptor) -> etree._Element:
    element = etree.Element(
        q("md:EntityDescriptor"),
        {"entityID": descriptor.entity_id},
        nsmap=_NAMESPACES,
    )
    if descriptor.valid_until is not None:
        element.set("validUntil", write_instant(descriptor.valid_until))
    if descriptor.identity_provider is not None:
        _add_identity_provider(element, descriptor, descriptor.identity_provider)
    if descriptor.service_provider is not None:
        _add_service_provider(element, descriptor, descriptor.service_provider)
    for contact in descriptor.contacts:
        _add_contact(element, contact)
    return element


def _add_identity_provider(
    parent: etree._Element, descriptor: EntityDescriptor, role: IdentityProvider
) -> None:
    element = _add_role(parent, "md:IDPSSODescriptor", descriptor, role)
    element.set("WantAuthnRequestsSigned", _word(role.want_authn_requests_signed))
    _add_endpoints(element, "md:ArtifactResolutionService", role.artifact_resolutions)
    _add_logouts_and_formats(element, role)
    _add_endpoints(element, "md:SingleSignOnService", role.single_sign_ons)


def _add_service_provider(
    parent: etree._Element, descriptor: EntityDescriptor, role: ServiceProvider
) -> None:
    element = _add_role(parent, "md:SPSSODescriptor", descriptor, role)
    element.set("AuthnRequestsSigned", _word(role.authn_requests_signed))
    element.set("WantAssertionsSigned", _word(role.want_assertions_signed))
    _add_logouts_and_formats(element, role)
    _add_endpoints(element, "md:AssertionConsumerService", role.assertion_consumers)
    if role.requested_attributes:
        service = add(element, "md:AttributeConsumingService", index="0")
        names = descriptor.names or {"en": descriptor.entity_id}
        _add_texts(service, "md:ServiceName", names)
        for name in role.requested_attributes:
            add(service, "md:RequestedAttribute", Name=name)


def _add_role(
    parent: etree._Element, name: str, descriptor: EntityDescriptor, role: Role
) -> etree._Element:
    """The role with what is first in both: Extensions and keys."""
    element = add(parent, name, protocolSupportEnumeration=SAMLP)
    if descriptor.names or descriptor.descriptions or descriptor.information_urls:
        about = add(add(element, "md:Extensions"), "mdui:UIInfo")
        _add_texts(about, "mdui:DisplayName", descriptor.names)
        _add_texts(about, "mdui:Description", descriptor.descriptions)
        _add_texts(about, "mdui:InformationURL", descriptor.information_urls)
    for text in role.signing_certificates:
        _add_key(element, "signing", text)
    for text in role.encryption_certificates:
        _add_key(element, "encryption", text)
    return element


def _add_key(parent: etree._Element, use: str, certificate: str) -> None:
    key_info = add(add(parent, "md:KeyDescriptor", use=use), "ds:KeyInfo")
    add(add(key_info, "ds:X509Data"), "ds:X509Certificate", certificate)


def _add_logouts_and_formats(parent: etree._Element, role: Role) -> None:
    _add_endpoints(parent, "md:SingleLogoutService", role.single_logouts)
    for name_id_format in role.name_id_formats:
        add(parent, "md:NameIDFormat", name_id_format)


def _add_endpoints(
    parent: etree._Element, name: str, endpoints: Sequence[Endpoint]
) -> None:
    for endpoint in endpoints:
        element = add(
            parent, name, Binding=endpoint.binding, Location=endpoint.location
        )
        if endpoint.response_location:
            element.set("ResponseLocation", endpoint.response_location)
        if endpoint.index is not None:
            element.set("index", str(endpoint.index))
        if endpoint.is_default is not None:
            element.set("isDefault", _word(endpoint.is_default))


def _add_texts(parent: etree._Element, name: str, texts: Mapping[str, str]) -> None:
    for language, text in texts.items():
        add(parent, name, text).set(_LANGUAGE, language)


def _add_contact(parent: etree._Element, contact: Contact) -> None:
    element = add(parent, "md:ContactPerson", contactType=contact.kind)
    if contact.company:
        add(element, "md:Company", contact.company)
    if contact.email:
        add(element, "md:EmailAddress", f"mailto:{contact.email}")
    if contact.telephone:
        add(element, "md:TelephoneNumber", contact.telephone)


def _word(flag: bool) -> str:  # noqa: FBT001 - the one thing it is about
    return "true" if flag else "false"
