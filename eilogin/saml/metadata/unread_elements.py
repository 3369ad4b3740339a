"""Remove parts of metadata that eilogin does not read, before schema validation.

Roles and extensions of other protocols must not make a member unusable: AD FS and Entra
ID publish ``RoleDescriptor`` elements of WS-Federation (metadata 2.4.1).
"""

from collections.abc import Iterator

from lxml import etree

from eilogin.saml.metadata.metadata_values import (
    DISCOVERY_RESPONSE,
    PUBLICATION_INFO,
    REGISTRATION_INFO,
)
from eilogin.saml.safe_xml import SAMLP, add, q

#: Read if they are of SAML 2.0.
READ_ROLES = (q("md:SPSSODescriptor"), q("md:IDPSSODescriptor"))
_OTHER_ROLES = frozenset(
    map(
        q,
        (
            "md:RoleDescriptor",
            "md:AttributeAuthorityDescriptor",
            "md:AuthnAuthorityDescriptor",
            "md:PDPDescriptor",
        ),
    )
)
_EXTENSIONS = q("md:Extensions")
_SIGNATURE = q("ds:Signature")
_MEMBER, _GROUP = q("md:EntityDescriptor"), q("md:EntitiesDescriptor")

_ALGORITHMS = (q("alg:DigestMethod"), q("alg:SigningMethod"))
#: Extensions that eilogin reads, by the element around them.
_READ_OF_GROUP = frozenset((PUBLICATION_INFO, REGISTRATION_INFO))
_READ_OF_MEMBER = frozenset(
    (
        REGISTRATION_INFO,
        PUBLICATION_INFO,
        q("mdattr:EntityAttributes"),
        q("shibmd:Scope"),
        *_ALGORITHMS,
    )
)
_READ_OF_ROLE = frozenset(
    (
        DISCOVERY_RESPONSE,
        q("act:ActivityService"),
        q("mdui:UIInfo"),
        q("shibmd:Scope"),
        *_ALGORITHMS,
    )
)


def drop_unread(element: etree._Element) -> None:
    """Remove the parts that eilogin does not read from a group or a member.

    Call it only after a verification of the signature.
    """
    _drop_around(element, _READ_OF_MEMBER if element.tag == _MEMBER else _READ_OF_GROUP)
    if element.tag == _MEMBER:
        _drop_roles(element)
        return
    for child in element.iterchildren(_MEMBER, _GROUP):
        drop_unread(child)


def speaks_saml2(role: etree._Element) -> bool:
    """Whether a role is one of SAML 2.0."""
    return SAMLP in role.get("protocolSupportEnumeration", "").split()


def add_placeholder(member: etree._Element, index: int) -> None:
    """Add a substitute to a member without a role, because the schema wants one."""
    placeholder = add(member, "md:AffiliationDescriptor", affiliationOwnerID="x")
    add(placeholder, "md:AffiliateMember", "x")
    member.insert(index, placeholder)


def _drop_roles(member: etree._Element) -> None:
    unread = [*_unread_roles(member)]
    if not unread:
        return
    index = member.index(unread[0])
    for role in unread:
        member.remove(role)
    if next(member.iterchildren(*READ_ROLES), None) is None:
        add_placeholder(member, index)


def _unread_roles(member: etree._Element) -> Iterator[etree._Element]:
    for child in member:
        if child.tag in _OTHER_ROLES:
            yield child
        elif child.tag in READ_ROLES:
            _drop_around(child, _READ_OF_ROLE)
            # A role without any protocol is faulty, and stays.
            if not speaks_saml2(child) and child.get("protocolSupportEnumeration"):
                yield child


def _drop_around(element: etree._Element, read_names: frozenset[str]) -> None:
    for signature in list(element.iterchildren(_SIGNATURE)):
        element.remove(signature)
    # The schema rejects two Extensions, so both stay.
    all_extensions = list(element.iterchildren(_EXTENSIONS))
    for extensions in all_extensions:
        for extension in list(extensions):
            if extension.tag not in read_names:
                extensions.remove(extension)
        if not len(extensions) and len(all_extensions) == 1:
            element.remove(extensions)
