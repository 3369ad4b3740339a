"""Read an SPSSODescriptor or IDPSSODescriptor (SAML metadata 2.4)."""

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.metadata.descriptors.descriptor_parts import (
    DescriptorParts,
    MemberReading,
    index_of,
    read_flag,
)
from eilogin.saml.metadata.descriptors.endpoint_reading import (
    read_addresses,
    read_endpoints,
)
from eilogin.saml.metadata.descriptors.extension_reading import read_scopes
from eilogin.saml.metadata.descriptors.key_descriptor_reading import (
    read_keys,
    with_usable_keys,
)
from eilogin.saml.metadata.metadata_texts import attribute_of, line
from eilogin.saml.metadata.metadata_values import (
    DISCOVERY_RESPONSE,
    AttributeService,
    IdentityProvider,
    ServiceProvider,
)
from eilogin.saml.metadata.unread_elements import speaks_saml2
from eilogin.saml.safe_xml import q


def role_of(
    entity: DescriptorParts, name: str, member: MemberReading
) -> DescriptorParts | None:
    """Return the one role of a name for SAML 2.0, or None."""
    roles = [role for role in entity.all(name) if speaks_saml2(role)]
    if len(roles) > 1:
        raise MalformedMessage(
            f"it has more than one {name} for SAML 2.0; ask its administrator for"
            " metadata with one"
        )
    if fault := member.verdict.roles.get(q(name)):
        raise MalformedMessage(f"{fault}; ask its administrator for valid metadata")
    return DescriptorParts.of(roles[0]) if roles else None


def read_service_provider(
    role: DescriptorParts, member: MemberReading
) -> ServiceProvider:
    """Read an SPSSODescriptor."""
    services = role.all("md:AttributeConsumingService")
    responses = role.extensions.get(DISCOVERY_RESPONSE, ())
    provider = ServiceProvider(
        **read_keys(role),
        assertion_consumers=read_endpoints(role, "md:AssertionConsumerService", member),
        single_logouts=read_endpoints(role, "md:SingleLogoutService", member),
        discovery_responses=read_addresses(responses, member),
        name_id_formats=_read_formats(role),
        attribute_services=tuple(map(_read_attribute_service, services)),
        authn_requests_signed=read_flag(role.element, "AuthnRequestsSigned") is True,
        want_assertions_signed=read_flag(role.element, "WantAssertionsSigned") is True,
    )
    return with_usable_keys(provider, member.remark)


def read_identity_provider(
    role: DescriptorParts, entity: DescriptorParts, member: MemberReading
) -> IdentityProvider:
    """Read an IDPSSODescriptor."""
    resolutions = read_endpoints(role, "md:ArtifactResolutionService", member)
    wants_signed = read_flag(role.element, "WantAuthnRequestsSigned")
    activity = role.extensions.get(q("act:ActivityService"), ())
    provider = IdentityProvider(
        **read_keys(role),
        single_sign_ons=read_endpoints(role, "md:SingleSignOnService", member),
        single_logouts=read_endpoints(role, "md:SingleLogoutService", member),
        artifact_resolutions=resolutions,
        activity_services=read_addresses(activity, member),
        name_id_formats=_read_formats(role),
        want_authn_requests_signed=wants_signed is True,
        scopes=read_scopes(role, entity),
    )
    return with_usable_keys(provider, member.remark)


def _read_attribute_service(element: etree._Element) -> AttributeService:
    is_required_by_name: dict[str, bool] = {}
    for attribute in element.iterchildren(q("md:RequestedAttribute")):
        name = attribute_of(attribute, "Name")
        is_required = read_flag(attribute, "isRequired") is True
        is_required_by_name[name] = is_required or is_required_by_name.get(name, False)
    return AttributeService(
        requested=tuple(is_required_by_name),
        required=frozenset(
            name for name, is_required in is_required_by_name.items() if is_required
        ),
        index=index_of(element.get("index")) or 0,
        is_default=read_flag(element, "isDefault"),
    )


def _read_formats(role: DescriptorParts) -> tuple[str, ...]:
    return tuple(map(line, role.all("md:NameIDFormat")))
