"""Read the endpoints of a role; keep those whose address can be used."""

from collections.abc import Sequence

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml import bindings
from eilogin.saml.metadata.descriptors.descriptor_parts import (
    DescriptorParts,
    MemberReading,
    flag_of,
    index_of,
)
from eilogin.saml.metadata.metadata_addresses import require_address
from eilogin.saml.metadata.metadata_texts import plain
from eilogin.saml.metadata.metadata_values import Endpoint
from eilogin.saml.printable_text import short

#: An address for another binding may be anything.
_SPOKEN = (bindings.REDIRECT, bindings.POST, bindings.ARTIFACT, bindings.SOAP)


def read_endpoints(
    role: DescriptorParts, name: str, member: MemberReading
) -> tuple[Endpoint, ...]:
    """Return the endpoints of one service of a role."""
    return read_addresses(role.all(name), member)


def read_addresses(
    elements: Sequence[etree._Element], member: MemberReading
) -> tuple[Endpoint, ...]:
    """Return the endpoints of one service whose address can be used.

    Raises :class:`~eilogin.errors.MalformedMessage` if only faulty ones have a known
    binding.
    """
    endpoints, faults = [], []
    for element in elements:
        try:
            endpoints.append(_read_endpoint(element, on_loopback=member.on_loopback))
        except MalformedMessage as error:
            name = etree.QName(element).localname
            binding = element.get("Binding", "")
            if binding in _SPOKEN:
                faults.append(f"its {name} by {short(binding)}: {error}")
            else:
                article = "an" if name.startswith("A") else "a"
                member.remark(f"eilogin skips {article} {name}: {error}")
    if faults and not any(endpoint.binding in _SPOKEN for endpoint in endpoints):
        raise MalformedMessage(
            f"{faults[0]}; ask its administrator for metadata with another address"
        )
    for fault in faults:
        member.remark(f"eilogin skips an address and uses others: {fault}")
    return tuple(endpoints)


def _read_endpoint(element: etree._Element, *, on_loopback: bool) -> Endpoint:
    # Read at once, for speed: there are many endpoints.
    attributes = dict(element.items())
    location = attributes.get("Location", "")
    response_location = attributes.get("ResponseLocation", "")
    require_address(location, on_loopback=on_loopback)
    if response_location:
        require_address(response_location, on_loopback=on_loopback)
    return Endpoint(
        plain(attributes.get("Binding", "")),
        location,
        response_location,
        index_of(attributes.get("index")),
        flag_of(attributes.get("isDefault")),
    )
