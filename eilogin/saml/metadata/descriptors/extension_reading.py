"""Read Extensions: entity attributes, registrar, algorithms and scopes."""

from lxml import etree

from eilogin.saml.metadata.descriptors.descriptor_parts import (
    EXTENSIONS,
    ByTag,
    DescriptorParts,
    by_tag,
)
from eilogin.saml.metadata.metadata_texts import attribute_of, clean, line
from eilogin.saml.metadata.metadata_values import REGISTRATION_INFO
from eilogin.saml.safe_xml import q

_MEMBERS = (q("md:EntityDescriptor"), q("md:EntitiesDescriptor"))


def read_registrar(element: etree._Element | None) -> str:
    """Return the registrar of a member, or of its group (mdrpi 2.1), or ""."""
    while element is not None:
        for extensions in element.iterchildren(EXTENSIONS, *_MEMBERS):
            if extensions.tag in _MEMBERS:
                # The Extensions of a group precede its many members.
                break
            for registration in extensions.iterchildren(REGISTRATION_INFO):
                return clean(registration.get("registrationAuthority", "")).strip()
        element = element.getparent()
    return ""


def read_entity_attributes(entity: etree._Element) -> dict[str, list[str]]:
    """Return the values of each entity attribute of a member, by its Name."""
    return attributes_in(DescriptorParts.of(entity).extensions)


def attributes_in(extensions: ByTag) -> dict[str, list[str]]:
    """Return the values of each entity attribute, by its Name."""
    groups = by_tag(extensions.get(q("mdattr:EntityAttributes"), ()))
    values_by_name: dict[str, list[str]] = {}
    for attribute in groups.get(q("saml:Attribute"), ()):
        values = attribute.iterchildren(q("saml:AttributeValue"))
        values_by_name.setdefault(attribute.get("Name", ""), []).extend(
            map(line, values)
        )
    return values_by_name


def read_algorithms(part: DescriptorParts, name: str) -> tuple[str, ...]:
    """Return the algorithms that an entity or role accepts (algorithm support 2.4)."""
    methods = part.extensions.get(q(name), ())
    return tuple(attribute_of(method, "Algorithm") for method in methods)


def read_scopes(
    role: DescriptorParts, entity: DescriptorParts
) -> frozenset[str] | None:
    """Return the scopes of a hub, in its role or its entity, in ASCII as on the wire.

    Regular expressions are ignored: their author would decide what they cover, and how
    long a match takes.
    """
    name = q("shibmd:Scope")
    scopes = [*role.extensions.get(name, ()), *entity.extensions.get(name, ())]
    if not scopes:
        return None
    plain = (
        scope
        for scope in scopes
        if scope.get("regexp", "").strip() in ("", "false", "0")
    )
    return frozenset(_as_domain(line(scope)) for scope in plain)


def _as_domain(text: str) -> str:
    try:
        return text.encode("idna").decode().lower()
    except UnicodeError:
        return text
