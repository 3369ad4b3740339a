"""Whether metadata is sound by the schema: the whole, or what is around its members.

One member that is not must not shut out all others.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy

from lxml import etree

from eilogin.errors import MalformedMessage, PeerUnusable
from eilogin.saml.messages import read_instant
from eilogin.saml.metadata.texts import clean, shown
from eilogin.saml.signatures import check_structure
from eilogin.saml.xml import (
    MD,
    METADATA,
    has_once,
    in_full,
    parse,
    parse_canonical,
    q,
    serialize,
    validate,
)

#: A member that is valid by the schema, and nothing else.
_ANYBODY = (
    f'<EntityDescriptor xmlns="{MD}" entityID="x">'
    '<AffiliationDescriptor affiliationOwnerID="x">'
    "<AffiliateMember>x</AffiliateMember></AffiliationDescriptor></EntityDescriptor>"
)


def parsed(octets: bytes, *, id_is_unique: bool = False) -> etree._Element:
    """The document; what signature its root has is of the right shape, if any.

    It is not verified, but the ID that it refers to is unique; or somebody else sees to
    that, who says so. At those of its members nobody looks: what they sign is believed
    for the root's. Raises :class:`~eilogin.errors.MalformedMessage`, and
    :class:`~eilogin.errors.UntrustedSignature` for a weak algorithm.
    """
    document = parse(octets, METADATA)
    if document.tag not in (q("md:EntitiesDescriptor"), q("md:EntityDescriptor")):
        raise MalformedMessage("the root is not SAML metadata")
    if id_is_unique:
        check_structure(document, only_its_own=True, ids_are_unique=True)
    else:
        require_unique_id(octets, document)
    return document


def require_unique_id(octets: bytes, document: etree._Element) -> None:
    """Refuse a document in which the ID that its signature refers to is not unique."""
    is_unique = has_once(octets, document.get("ID", ""))
    check_structure(document, only_its_own=True, ids_are_unique=is_unique)


def faults_in(document: etree._Element) -> Mapping[int, PeerUnusable]:
    """What is wrong by the schema with which members of a document, as it came.

    They are numbered as :func:`entities_in` finds them, also in the canonical form,
    which cannot be asked any more: it lacks the namespaces that only a value uses
    (xsi:type). Only of what is trusted: how long it takes grows with the square of the
    number of faults. Raises :class:`~eilogin.errors.MalformedMessage` where what is
    around the members is not valid.
    """
    try:
        validate(document, "metadata")
    except MalformedMessage:
        if document.tag != q("md:EntitiesDescriptor"):
            raise
    else:
        return {}
    _require_sound_around(document)
    return _faults_of_members(document)


def _require_sound_around(document: etree._Element) -> None:
    """Refuse what would not be valid either with other members in their places."""
    copy = deepcopy(document)
    for element in [element for element, _ in entities_in(copy, None)]:
        other = etree.fromstring(_ANYBODY)
        other.tail = element.tail
        element.getparent().replace(element, other)
    # Validating marks IDs in a document, those of who was there before too.
    validate(parse_canonical(serialize(copy)), "metadata")


def _faults_of_members(document: etree._Element) -> dict[int, PeerUnusable]:
    """Why the schema refuses members, by their numbers.

    Each is looked at as a document of its own: an ID that another member has too is
    nobody's fault, and would be held against whichever comes last.
    """
    faults = {}
    for number, (element, _) in enumerate(entities_in(document, None)):
        try:
            _require_valid(element, 1)
        except PeerUnusable as error:
            faults[number] = error
    return faults


def _require_valid(element: etree._Element, line: int) -> None:
    before = b"\n" * (line - 1)
    try:
        validate(parse_canonical(before + serialize(element)), "metadata")
    except MalformedMessage as error:
        if line < (element.sourceline or 1):
            # Once more, to tell the line in what it stands in.
            _require_valid(element, element.sourceline or 1)
        told = f"{shown(element.get('entityID', ''))}: {clean(in_full(error))}"
        raise PeerUnusable(
            f"entity {told}; ask who runs it for metadata that is valid"
        ) from error


def entities_in(
    element: etree._Element, inherited: float | None
) -> Iterator[tuple[etree._Element, float | None]]:
    """Each EntityDescriptor, with the earliest validUntil on the way to it."""
    if element.tag == q("md:EntityDescriptor"):
        yield element, inherited
        return
    end = earliest(inherited, end_of(element))
    members = (q("md:EntityDescriptor"), q("md:EntitiesDescriptor"))
    for child in element.iterchildren(*members):
        yield from entities_in(child, end)


def end_of(element: etree._Element) -> float | None:
    """The validUntil of an element itself; None where it says none."""
    text = element.get("validUntil")
    return None if text is None else read_instant(text)


def earliest(*instants: float | None) -> float | None:
    """The first of those that there are, or None."""
    return min((i for i in instants if i is not None), default=None)
