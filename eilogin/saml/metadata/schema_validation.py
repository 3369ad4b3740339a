"""Validate metadata by the schema: the whole, each member, and each role.

An invalid member must not shut out others, nor an invalid part its whole member.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages import read_instant
from eilogin.saml.metadata.metadata_texts import in_full_with_cure, shown
from eilogin.saml.metadata.unread_elements import (
    READ_ROLES,
    add_placeholder,
    drop_unread,
)
from eilogin.saml.printable_text import first_of
from eilogin.saml.safe_xml import (
    MD,
    METADATA,
    has_early_fault,
    has_once,
    parse,
    parse_canonical,
    q,
    serialize,
    validate,
)
from eilogin.saml.xml_signatures import check_structure

_VALID_MEMBER = (
    f'<EntityDescriptor xmlns="{MD}" entityID="x">'
    '<AffiliationDescriptor affiliationOwnerID="x">'
    "<AffiliateMember>x</AffiliateMember></AffiliationDescriptor></EntityDescriptor>"
)

_OF_MEMBER = tuple(
    map(
        q,
        (
            "md:Extensions",
            "md:SPSSODescriptor",
            "md:AffiliationDescriptor",
            "md:Organization",
            "md:ContactPerson",
            "md:AdditionalMetadataLocation",
        ),
    )
)
_OF_ROLE = tuple(
    map(
        q,
        (
            "md:Extensions",
            "md:KeyDescriptor",
            "md:Organization",
            "md:ContactPerson",
            "md:ArtifactResolutionService",
            "md:SingleLogoutService",
            "md:ManageNameIDService",
            "md:NameIDFormat",
            "md:SingleSignOnService",
            "md:NameIDMappingService",
            "md:AssertionIDRequestService",
            "md:AttributeProfile",
            "saml:Attribute",
            "md:AssertionConsumerService",
            "md:AttributeConsumingService",
        ),
    )
)
#: Parts whose faults cost only themselves: no keys, and no Extensions, which hold the
#: operator's rules.
_SPARE = frozenset((*_OF_MEMBER[3:], *_OF_ROLE[2:]))
#: Faults of a member in the log; parts to validate one by one, at some 50 µs each.
_MOST_REMARKS, _MOST_PARTS = 5, 1000
_MOST_ELEMENTS = 5000
_COUNT_INSIDE = etree.XPath("count(.//*)", regexp=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The faults of a member by the schema."""

    fault: MalformedMessage | None = None
    #: Unusable roles and the reason, by the name of the element.
    roles: Mapping[str, str] = field(default_factory=dict)
    #: Reasons of unusable roles, by the name of the element.
    remarks: tuple[str, ...] = ()


SOUND = Verdict()


def parsed(octets: bytes) -> etree._Element:
    """Return the root of a metadata document, without a check of signatures.

    Raises :class:`~eilogin.errors.MalformedMessage`.
    """
    document = parse(octets, METADATA)
    if document.tag not in (q("md:EntitiesDescriptor"), q("md:EntityDescriptor")):
        raise MalformedMessage("the root element is not SAML metadata")
    return document


def to_be_verified(octets: bytes, *, id_is_unique: bool = False) -> etree._Element:
    """Return the root, after a check of the structure of its signature, if any.

    The signature is not verified, and those of members are ignored. With
    ``id_is_unique`` the caller checks that its ID is unique. Raises
    :class:`~eilogin.errors.MalformedMessage`, or
    :class:`~eilogin.errors.UntrustedSignature` for a weak algorithm.
    """
    document = parsed(octets)
    if id_is_unique:
        check_structure(document, only_its_own=True, ids_are_unique=True)
    else:
        require_unique_id(octets, document)
    return document


def require_unique_id(octets: bytes, document: etree._Element) -> None:
    """Reject a document if the ID that its signature refers to is not unique."""
    is_unique = has_once(octets, document.get("ID", ""))
    check_structure(document, only_its_own=True, ids_are_unique=is_unique)


def verdicts_on(document: etree._Element) -> Mapping[int, Verdict]:
    """Validate the members of an original document by the schema; remove unread parts.

    Only for trusted documents: the time grows with the square of the faults. Members
    are numbered as in :func:`entities_in`, also for the canonical form, which cannot be
    validated: it lacks namespaces that only a value uses (xsi:type). Raises
    :class:`~eilogin.errors.MalformedMessage` for faults outside the members, or of the
    only one.
    """
    if is_sound(document):
        return {}
    if document.tag == q("md:EntitiesDescriptor"):
        _require_sound_around(document)
    # Validate each as a document of its own, because members may share an ID.
    verdicts_in_order = (
        _verdict_on(element) for element, _ in entities_in(document, None)
    )
    verdicts = {
        number: verdict
        for number, verdict in enumerate(verdicts_in_order)
        if verdict is not SOUND
    }
    only_fault = verdicts.get(0, SOUND).fault
    if document.tag == q("md:EntityDescriptor") and only_fault is not None:
        raise only_fault
    return verdicts


def is_sound(document: etree._Element) -> bool:
    """Whether a document is valid by the schema; removes unread parts."""
    drop_unread(document)
    if any(_is_large_and_faulty(element) for element, _ in entities_in(document, None)):
        return False
    try:
        validate(document, "metadata")
    except MalformedMessage:
        return False
    return True


def _is_large_and_faulty(member: etree._Element) -> bool:
    is_large = _COUNT_INSIDE(member) > _MOST_ELEMENTS
    return is_large and has_early_fault(member, "metadata")


def _require_sound_around(document: etree._Element) -> None:
    copy = deepcopy(document)
    for element in [element for element, _ in entities_in(copy, None)]:
        placeholder = etree.fromstring(_VALID_MEMBER)
        placeholder.tail = element.tail
        element.getparent().replace(element, placeholder)
    # Validation marks IDs in a document, also of earlier elements: so parse the copy.
    validate(parse_canonical(serialize(copy)), "metadata")


def _verdict_on(element: etree._Element) -> Verdict:
    if _is_large_and_faulty(element):
        text = (
            f"the XML is not valid by its schema, and has more than {_MOST_ELEMENTS}"
            " elements"
        )
        return Verdict(MalformedMessage(text))
    fault = _fault_of(element)
    if fault is None:
        return SOUND
    if sum(map(len, (element, *element.iterchildren(*READ_ROLES)))) > _MOST_PARTS:
        return Verdict(fault)
    # The copy begins at the element's own line, which an error names.
    copy = _own_document(element, element.sourceline or 1)
    remarks = tuple(first_of([*_without_faulty_parts(copy)], _MOST_REMARKS))
    fault = _fault_of(copy)
    if fault is None:
        return Verdict(remarks=remarks)
    roles = dict(_without_faulty_roles(copy))
    return Verdict(_fault_of(copy) if roles else fault, roles, remarks)


def _without_faulty_parts(member: etree._Element) -> Iterator[str]:
    roles = list(member.iterchildren(*READ_ROLES))
    fault_count = 0
    for parent, order in ((member, _OF_MEMBER), *((role, _OF_ROLE) for role in roles)):
        for child in list(parent):
            if child.tag in _SPARE and not _is_valid(child):
                # To find the line is slow, so only for the first faults.
                fault = _fault_of(child) if fault_count < _MOST_REMARKS else None
                fault_count += 1
                parent.remove(child)
                yield _remark_on(child, fault)
        if _put_in_order(parent, order):
            name = etree.QName(parent).localname
            yield (
                f"the parts of its {name} are in another order than in the schema."
                " eilogin reads them, but other products may reject them"
            )


def _remark_on(part: etree._Element, fault: MalformedMessage | None) -> str:
    name = etree.QName(part).localname
    reason = "" if fault is None else f": {in_full_with_cure(fault)}"
    return (
        f"eilogin reads only the valid part of its {name}{reason}; other products may"
        " reject it"
    )


def _put_in_order(parent: etree._Element, order: Sequence[str]) -> bool:
    children = list(parent)
    places = {name: place for place, name in enumerate(order)}
    # The schema allows roles in any order.
    places |= dict.fromkeys(READ_ROLES, places.get(READ_ROLES[0], 0))
    if not places.keys() >= {child.tag for child in children}:
        return False
    in_order = sorted(children, key=lambda part: places[part.tag])
    if in_order == children:
        return False
    for child in in_order:
        parent.append(child)
    return True


def _without_faulty_roles(member: etree._Element) -> Iterator[tuple[str, str]]:
    for role in list(member.iterchildren(*READ_ROLES)):
        fault = _fault_of(role)
        if fault is not None:
            index = member.index(role)
            member.remove(role)
            if next(member.iterchildren(*READ_ROLES), None) is None:
                add_placeholder(member, index)
            yield role.tag, in_full_with_cure(fault)


def _fault_of(element: etree._Element) -> MalformedMessage | None:
    if _is_valid(element):
        return None
    try:
        validate(_own_document(element, element.sourceline or 1), "metadata")
    except MalformedMessage as error:
        return error
    return None


def _is_valid(element: etree._Element) -> bool:
    try:
        validate(_own_document(element, 1), "metadata")
    except MalformedMessage:
        return False
    return True


def _own_document(element: etree._Element, line: int) -> etree._Element:
    return parse_canonical(b"\n" * (line - 1) + serialize(element))


def entities_in(
    element: etree._Element, inherited: float | None
) -> Iterator[tuple[etree._Element, float | None]]:
    """Yield each EntityDescriptor, with the earliest validUntil of its groups."""
    if element.tag == q("md:EntityDescriptor"):
        yield element, inherited
        return
    end = earliest(inherited, end_of(element))
    members = (q("md:EntityDescriptor"), q("md:EntitiesDescriptor"))
    for child in element.iterchildren(*members):
        yield from entities_in(child, end)


def end_of(element: etree._Element) -> float | None:
    """Return the validUntil of the element itself; None if absent."""
    return instant_of(element, "validUntil")


def instant_of(element: etree._Element, name: str) -> float | None:
    """Return the instant in an attribute; None if absent.

    Raises :class:`~eilogin.errors.MalformedMessage`, which names the attribute.
    """
    text = element.get(name)
    if text is None:
        return None
    try:
        return read_instant(text)
    except MalformedMessage as error:
        local = etree.QName(element).localname
        raise MalformedMessage(
            f"{name} of its {local} is {shown(text)}: {error}"
        ) from error


def earliest(*instants: float | None) -> float | None:
    """Return the earliest of the instants that are not None, or None."""
    return min((i for i in instants if i is not None), default=None)
