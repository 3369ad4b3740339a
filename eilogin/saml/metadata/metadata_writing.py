"""Write metadata as XML, in the order of its schema, and sign it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from lxml import etree

from eilogin import clock
from eilogin.saml.messages import new_id, read_instant, write_instant
from eilogin.saml.metadata.metadata_values import (
    DISCOVERY_RESPONSE,
    ENTITY_CATEGORY,
    ENTITY_CATEGORY_SUPPORT,
    IDPDISC,
    MDRPI,
    PUBLICATION_INFO,
    REGISTRATION_INFO,
    AttributeService,
    Contact,
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    Logo,
    Role,
    ServiceProvider,
)
from eilogin.saml.metadata.rule_attributes import (
    RELEASED_ATTRIBUTES,
    REQUIRED_LEVEL,
    SSO_DOMAIN,
    Ruled,
)
from eilogin.saml.safe_xml import (
    ACTIVITY,
    ALG,
    DS,
    MD,
    MDATTR,
    MDUI,
    SAML,
    SAMLP,
    XENC11,
    add,
    q,
    serialize,
)
from eilogin.saml.signing_keys import SigningKey, key_name
from eilogin.saml.xml_encryption import EncryptionMethod
from eilogin.saml.xml_signatures import sign

_NAMESPACES = {"md": MD, "mdui": MDUI, "ds": DS}
_LANGUAGE = q("xml:lang")

#: SAML core 8.2.2.
_URI_NAME = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"


def write_entity(descriptor: EntityDescriptor, key: SigningKey | None = None) -> bytes:
    """Write an ``md:EntityDescriptor`` document in UTF-8, signed if a key is given."""
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
    """Write a signed ``md:EntitiesDescriptor`` document in UTF-8, created now.

    ``valid_until`` is in seconds since 1970-01-01T00:00:00Z.
    """
    members = map(_entity_element, descriptors)
    return sign_federation(
        members, name=name, publisher=name, valid_until=valid_until, key=key
    )


def sign_federation(
    members: Iterable[etree._Element],
    *,
    name: str,
    publisher: str,
    valid_until: float,
    key: SigningKey,
) -> bytes:
    """Sign a document of members; ``publisher`` is responsible for it (mdrpi 2.2)."""
    return _publish(group_of(members, name), publisher, valid_until, key)


def group_of(members: Iterable[etree._Element], name: str = "") -> etree._Element:
    """Put members into an ``md:EntitiesDescriptor``, with its prefixes in scope."""
    root = etree.Element(
        q("md:EntitiesDescriptor"),
        {"Name": name},
        nsmap={**_NAMESPACES, "mdrpi": MDRPI},
    )
    root.extend(members)
    return root


def sign_entity(
    member: etree._Element, *, publisher: str, valid_until: float, key: SigningKey
) -> bytes:
    """Sign an ``md:EntityDescriptor``, and return the document.

    Changes the element. If its own validUntil is earlier, that stays.
    """
    earlier_end = member.get("validUntil")
    ends = (
        valid_until
        if earlier_end is None
        else min(valid_until, read_instant(earlier_end))
    )
    return _publish(member, publisher, ends, key)


def _publish(
    root: etree._Element, publisher: str, valid_until: float, key: SigningKey
) -> bytes:
    root.set("ID", new_id())
    root.set("validUntil", write_instant(valid_until))
    publication = etree.Element(PUBLICATION_INFO, nsmap={"mdrpi": MDRPI})
    publication.set("publisher", publisher)
    publication.set("creationInstant", write_instant(clock.now()))
    _extensions_of(root).insert(0, publication)
    sign(root, key)
    return serialize(root)


def add_ruled(element: etree._Element, ruled: Ruled) -> None:
    """Put the operator's rules for a member into its ``md:EntityDescriptor``."""
    for attributes in _entity_attributes(EntityDescriptor(entity_id="", **ruled)):
        extensions = _extensions_of(element)
        existing = extensions.find(q("mdattr:EntityAttributes"))
        if existing is None:
            extensions.append(attributes)
        else:
            existing.extend(attributes)


def add_registrar(element: etree._Element, registrar: str) -> None:
    """Put the registrar into an ``md:EntityDescriptor`` (mdrpi 2.1)."""
    registration = etree.Element(REGISTRATION_INFO, nsmap={"mdrpi": MDRPI})
    registration.set("registrationAuthority", registrar)
    _extensions_of(element).insert(0, registration)


def _extensions_of(element: etree._Element) -> etree._Element:
    extensions = element.find(q("md:Extensions"))
    if extensions is None:
        extensions = etree.Element(q("md:Extensions"))
        element.insert(0, extensions)
    return extensions


def _entity_element(descriptor: EntityDescriptor) -> etree._Element:
    element = etree.Element(
        q("md:EntityDescriptor"),
        {"entityID": descriptor.entity_id},
        nsmap=_NAMESPACES,
    )
    if descriptor.valid_until is not None:
        element.set("validUntil", write_instant(descriptor.valid_until))
    _add_extensions(element, descriptor)
    if descriptor.identity_provider is not None:
        _add_identity_provider(element, descriptor, descriptor.identity_provider)
    if descriptor.service_provider is not None:
        _add_service_provider(element, descriptor, descriptor.service_provider)
    for contact in descriptor.contacts:
        _add_contact(element, contact)
    return element


def _add_extensions(parent: etree._Element, descriptor: EntityDescriptor) -> None:
    extensions = [*_algorithms(descriptor), *_entity_attributes(descriptor)]
    if extensions:
        add(parent, "md:Extensions").extend(extensions)


def _algorithms(entity_or_role: EntityDescriptor | Role) -> Iterator[etree._Element]:
    methods = {
        "alg:DigestMethod": entity_or_role.digest_methods,
        "alg:SigningMethod": entity_or_role.signing_methods,
    }
    for name, algorithms in methods.items():
        for algorithm in algorithms:
            attributes = {"Algorithm": algorithm}
            yield etree.Element(q(name), attributes, nsmap={"alg": ALG})


def _entity_attributes(descriptor: EntityDescriptor) -> Iterator[etree._Element]:
    values_by_name = dict(_entity_attributes_of(descriptor))
    if values_by_name:
        namespaces = {"mdattr": MDATTR, "saml": SAML}
        element = etree.Element(q("mdattr:EntityAttributes"), nsmap=namespaces)
        for name, values in values_by_name.items():
            attribute = add(element, "saml:Attribute", Name=name, NameFormat=_URI_NAME)
            for value in sorted(values):
                add(attribute, "saml:AttributeValue", value)
        yield element


def _entity_attributes_of(
    descriptor: EntityDescriptor,
) -> Iterator[tuple[str, Collection[str]]]:
    if descriptor.entity_categories:
        yield ENTITY_CATEGORY, descriptor.entity_categories
    if descriptor.supported_categories:
        yield ENTITY_CATEGORY_SUPPORT, descriptor.supported_categories
    if descriptor.sso_domain:
        yield SSO_DOMAIN, [descriptor.sso_domain]
    if descriptor.required_level:
        yield REQUIRED_LEVEL, [descriptor.required_level]
    if descriptor.released is not None:
        # An attribute without a value means that no attribute may be released.
        yield RELEASED_ATTRIBUTES, descriptor.released


def _add_identity_provider(
    parent: etree._Element, descriptor: EntityDescriptor, role: IdentityProvider
) -> None:
    element = _add_role(parent, "md:IDPSSODescriptor", descriptor, role)
    element.set("WantAuthnRequestsSigned", _boolean(role.want_authn_requests_signed))
    _add_endpoints(element, "md:ArtifactResolutionService", role.artifact_resolutions)
    _add_logouts_and_formats(element, role)
    _add_endpoints(element, "md:SingleSignOnService", role.single_sign_ons)


def _add_service_provider(
    parent: etree._Element, descriptor: EntityDescriptor, role: ServiceProvider
) -> None:
    element = _add_role(parent, "md:SPSSODescriptor", descriptor, role)
    element.set("AuthnRequestsSigned", _boolean(role.authn_requests_signed))
    element.set("WantAssertionsSigned", _boolean(role.want_assertions_signed))
    _add_logouts_and_formats(element, role)
    _add_endpoints(element, "md:AssertionConsumerService", role.assertion_consumers)
    for service in role.attribute_services:
        _add_attribute_service(element, descriptor, service)


def _add_attribute_service(
    parent: etree._Element, descriptor: EntityDescriptor, service: AttributeService
) -> None:
    index = str(service.index)
    element = add(parent, "md:AttributeConsumingService", index=index)
    if service.is_default is not None:
        element.set("isDefault", _boolean(service.is_default))
    names = descriptor.names or {"en": descriptor.entity_id}
    _add_texts(element, "md:ServiceName", names)
    for name in service.requested:
        _add_requested(element, name, is_required=name in service.required)


def _add_requested(parent: etree._Element, name: str, *, is_required: bool) -> None:
    element = add(parent, "md:RequestedAttribute", Name=name)
    if name.startswith(("urn:", "http://", "https://")):
        element.set("NameFormat", _URI_NAME)
    if is_required:
        element.set("isRequired", _boolean(flag=True))


def _add_role(
    parent: etree._Element, name: str, descriptor: EntityDescriptor, role: Role
) -> etree._Element:
    element = add(parent, name, protocolSupportEnumeration=SAMLP)
    extensions = etree.Element(q("md:Extensions"))
    _add_ui_info(extensions, descriptor)
    extensions.extend(_algorithms(role))
    if isinstance(role, ServiceProvider):
        _add_discovery_responses(extensions, role.discovery_responses)
    if isinstance(role, IdentityProvider):
        _add_activity_services(extensions, role.activity_services)
    if len(extensions):
        element.append(extensions)
    for text in role.signing_certificates:
        _add_key(element, "signing", text, is_named=role.names_keys)
    for text in role.encryption_certificates:
        key = _add_key(element, "encryption", text, is_named=role.names_keys)
        for method in role.encryption_methods:
            _add_encryption_method(key, method)
    return element


def _add_ui_info(parent: etree._Element, descriptor: EntityDescriptor) -> None:
    ui_info = etree.Element(q("mdui:UIInfo"))
    _add_texts(ui_info, "mdui:DisplayName", descriptor.names)
    _add_texts(ui_info, "mdui:Description", descriptor.descriptions)
    _add_texts(ui_info, "mdui:Keywords", descriptor.keywords)
    _add_texts(ui_info, "mdui:InformationURL", descriptor.information_urls)
    for logo in descriptor.logos:
        _add_logo(ui_info, logo)
    if len(ui_info):
        parent.append(ui_info)


def _add_encryption_method(parent: etree._Element, method: EncryptionMethod) -> None:
    element = add(parent, "md:EncryptionMethod", Algorithm=method.algorithm)
    if method.digest:
        add(element, "ds:DigestMethod", Algorithm=method.digest)
    if method.mask:
        etree.SubElement(
            element,
            q("xenc11:MGF"),
            {"Algorithm": method.mask},
            nsmap={"xenc11": XENC11},
        )


def _add_discovery_responses(
    parent: etree._Element, endpoints: Sequence[Endpoint]
) -> None:
    for endpoint in endpoints:
        element = etree.SubElement(
            parent, DISCOVERY_RESPONSE, nsmap={"idpdisc": IDPDISC}
        )
        _set_address(element, endpoint)


def _add_activity_services(
    parent: etree._Element, endpoints: Sequence[Endpoint]
) -> None:
    for endpoint in endpoints:
        element = etree.SubElement(
            parent, q("act:ActivityService"), nsmap={"act": ACTIVITY}
        )
        _set_address(element, endpoint)


def _add_key(
    parent: etree._Element, use: str, certificate: str, *, is_named: bool
) -> etree._Element:
    element = add(parent, "md:KeyDescriptor", use=use)
    key_info = add(element, "ds:KeyInfo")
    if is_named:
        add(key_info, "ds:KeyName", key_name(certificate))
    add(add(key_info, "ds:X509Data"), "ds:X509Certificate", certificate)
    return element


def _add_logouts_and_formats(parent: etree._Element, role: Role) -> None:
    _add_endpoints(parent, "md:SingleLogoutService", role.single_logouts)
    for name_id_format in role.name_id_formats:
        add(parent, "md:NameIDFormat", name_id_format)


def _add_endpoints(
    parent: etree._Element, name: str, endpoints: Sequence[Endpoint]
) -> None:
    for endpoint in endpoints:
        _set_address(add(parent, name), endpoint)


def _set_address(element: etree._Element, endpoint: Endpoint) -> None:
    element.set("Binding", endpoint.binding)
    element.set("Location", endpoint.location)
    if endpoint.response_location:
        element.set("ResponseLocation", endpoint.response_location)
    if endpoint.index is not None:
        element.set("index", str(endpoint.index))
    if endpoint.is_default is not None:
        element.set("isDefault", _boolean(endpoint.is_default))


def _add_texts(parent: etree._Element, name: str, texts: Mapping[str, str]) -> None:
    for language, text in texts.items():
        add(parent, name, text).set(_LANGUAGE, language)


def _add_logo(parent: etree._Element, logo: Logo) -> None:
    sides = {"width": str(logo.width), "height": str(logo.height)}
    element = add(parent, "mdui:Logo", logo.url, **sides)
    if logo.language:
        element.set(_LANGUAGE, logo.language)


def _add_contact(parent: etree._Element, contact: Contact) -> None:
    element = add(parent, "md:ContactPerson", contactType=contact.kind)
    if contact.company:
        add(element, "md:Company", contact.company)
    if contact.email:
        add(element, "md:EmailAddress", f"mailto:{contact.email}")
    if contact.telephone:
        add(element, "md:TelephoneNumber", contact.telephone)


def _boolean(flag: bool) -> str:  # noqa: FBT001 - the one thing it is about
    return "true" if flag else "false"
