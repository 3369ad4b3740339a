"""Read each EntityDescriptor of trusted metadata, and the federation's own values.

One member must not shut out others: eilogin skips unused parts and records an unusable
member.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from lxml import etree

from eilogin.errors import MalformedMessage, PeerUnusable, PeerWithoutKeys
from eilogin.saml.messages import read_duration
from eilogin.saml.metadata.descriptors.descriptor_parts import (
    DescriptorParts,
    MemberReading,
    by_tag,
)
from eilogin.saml.metadata.descriptors.extension_reading import (
    attributes_in,
    read_algorithms,
    read_entity_attributes,
    read_registrar,
)
from eilogin.saml.metadata.descriptors.role_descriptor_reading import (
    read_identity_provider,
    read_service_provider,
    role_of,
)
from eilogin.saml.metadata.descriptors.ui_info_reading import (
    read_links,
    read_logos,
    read_texts,
)
from eilogin.saml.metadata.metadata_texts import clean, in_full_with_cure, line, shown
from eilogin.saml.metadata.metadata_values import (
    CONTACT_KINDS,
    ENTITY_CATEGORY,
    ENTITY_CATEGORY_SUPPORT,
    PUBLICATION_INFO,
    Contact,
    EntityDescriptor,
    FederationMetadata,
    ServiceProvider,
)
from eilogin.saml.metadata.rule_attributes import read_ruled
from eilogin.saml.metadata.schema_validation import (
    SOUND,
    Verdict,
    earliest,
    end_of,
    entities_in,
    instant_of,
)
from eilogin.saml.reading_progress import iteration
from eilogin.saml.safe_xml import q

_OF_CONTACT = tuple(map(q, ("md:Company", "md:EmailAddress", "md:TelephoneNumber")))
_URI = re.compile("[!-~]{1,1024}")


def read_tree(
    root: etree._Element,
    verdicts: Mapping[int, Verdict],
    *,
    on_loopback: bool,
    is_part: bool = False,
) -> FederationMetadata:
    """Read a trusted document; ``verdicts`` are those of :func:`verdicts_on`.

    Raises the error of the first member if none can be used, except in a part of a
    document.
    """
    entities: dict[str, EntityDescriptor] = {}
    left_out: dict[str, PeerUnusable] = {}
    remarks: list[str] = []
    members = list(entities_in(root, None))
    elements_by_id: dict[str, list[etree._Element]] = {}
    for element, _ in members:
        elements_by_id.setdefault(element.get("entityID", ""), []).append(element)
    entity_ids = set(elements_by_id)
    for number, (element, valid_until) in enumerate(iteration()(members)):
        written_id = element.get("entityID", "")
        try:
            entity_id = _entity_id(written_id, entity_ids)
        except PeerUnusable as error:
            left_out[written_id] = _with_facts_of(error, element)
            continue
        if len(elements_by_id[written_id]) > 1:
            if element is elements_by_id[written_id][0]:
                left_out[entity_id] = _repetition(entity_id, elements_by_id[written_id])
            continue
        entity_ids.add(entity_id)
        verdict = verdicts.get(number, SOUND)
        member = MemberReading(entity_id, on_loopback, verdict, remarks)
        try:
            entities[entity_id] = _read_entity(element, member, valid_until)
        except PeerUnusable as error:
            left_out[entity_id] = _with_facts_of(error, element)
    if not entities and left_out and not is_part:
        raise next(iter(left_out.values()))
    return FederationMetadata(
        entities=tuple(entities.values()),
        valid_until=end_of(root),
        name=clean(root.get("Name", "")),
        created=created_in(root),
        id=clean(root.get("ID", "")),
        cache_duration=earliest(*map(_cache_duration, _levels_of(root))),
        is_aggregate=root.tag == q("md:EntitiesDescriptor"),
        left_out=left_out,
        remarks=tuple(remarks),
    )


def created_in(root: etree._Element) -> float | None:
    """Return when the operator created a document, or None."""
    extensions = root.find(q("md:Extensions"))
    publication = None if extensions is None else extensions.find(PUBLICATION_INFO)
    return None if publication is None else instant_of(publication, "creationInstant")


def _levels_of(root: etree._Element) -> Iterator[etree._Element]:
    yield root
    for group in root.iterchildren(q("md:EntitiesDescriptor")):
        yield from _levels_of(group)


def _cache_duration(element: etree._Element) -> float | None:
    return read_duration(element.get("cacheDuration", ""))


def _with_facts_of(error: PeerUnusable, element: etree._Element) -> PeerUnusable:
    error.is_hub = element.find(q("md:IDPSSODescriptor")) is not None
    error.registrar = read_registrar(element)
    attributes = read_entity_attributes(element)
    error.categories = frozenset(attributes.get(ENTITY_CATEGORY, ()))
    return error


def _repetition(entity_id: str, elements: Sequence[etree._Element]) -> PeerUnusable:
    text = (
        f"entity '{entity_id}' occurs {len(elements)} times, so eilogin skips all"
        " of them; ask the operator which one is right"
    )
    error = _with_facts_of(PeerUnusable(text), elements[-1])
    error.alternatives = tuple(
        _with_facts_of(PeerUnusable(text), element) for element in elements
    )
    error.is_hub = any(alternative.is_hub for alternative in error.alternatives)
    return error


def _entity_id(written: str, entity_ids: Collection[str]) -> str:
    """Return the entityID, an xs:anyURI, without white space around it.

    Raises PeerUnusable if it is then one of ``entity_ids``, so that nobody shuts out
    another member.
    """
    entity_id = written.strip(" \t\r\n")
    if not _URI.fullmatch(entity_id):
        raise PeerUnusable(
            f"entity {shown(written)}: its entityID is empty, too long or not a URI;"
            " ask its administrator for metadata with a valid one"
        )
    if entity_id != written and entity_id in entity_ids:
        raise PeerUnusable(
            f"entity {shown(written)}: another entity has the same entityID without"
            " the white space; ask the operator which one is right"
        )
    return entity_id


def _read_entity(
    element: etree._Element, member: MemberReading, inherited: float | None
) -> EntityDescriptor:
    fault = member.verdict.fault
    if fault is not None:
        raise PeerUnusable(
            f"entity '{member.entity_id}': {in_full_with_cure(fault)}; ask its"
            " administrator for valid metadata"
        ) from fault
    for text in member.verdict.remarks:
        member.remark(text)
    try:
        return _read_roles(element, inherited, member)
    except PeerWithoutKeys as error:
        raise PeerWithoutKeys(f"entity '{member.entity_id}': {error}") from error
    except MalformedMessage as error:
        raise PeerUnusable(f"entity '{member.entity_id}': {error}") from error


def _read_roles(
    element: etree._Element, inherited: float | None, member: MemberReading
) -> EntityDescriptor:
    entity = DescriptorParts.of(element)
    hub_role = role_of(entity, "md:IDPSSODescriptor", member)
    hub = None if hub_role is None else read_identity_provider(hub_role, entity, member)
    # An unusable role costs itself alone. But without its role as a hub the whole
    # member is left out: another one could become the hub in its place.
    participant_role, participant = _participant_of(entity, member, is_hub=bool(hub))
    roles = [role for role in (participant_role, hub_role) if role is not None]
    ui_infos = [by_tag(role.extensions.get(q("mdui:UIInfo"), ())) for role in roles]
    attributes = attributes_in(entity.extensions)
    contacts = (_read_contact(contact) for contact in entity.all("md:ContactPerson"))
    return EntityDescriptor(
        entity_id=member.entity_id,
        service_provider=participant,
        identity_provider=hub,
        names=read_texts(ui_infos, "mdui:DisplayName"),
        descriptions=read_texts(ui_infos, "mdui:Description"),
        information_urls=read_links(ui_infos, "mdui:InformationURL", member.remark),
        keywords=read_texts(ui_infos, "mdui:Keywords"),
        logos=read_logos(ui_infos, member.remark),
        contacts=tuple(
            contact for contact in contacts if contact.kind in CONTACT_KINDS
        ),
        entity_categories=frozenset(attributes.get(ENTITY_CATEGORY, ())),
        supported_categories=frozenset(attributes.get(ENTITY_CATEGORY_SUPPORT, ())),
        digest_methods=read_algorithms(entity, "alg:DigestMethod"),
        signing_methods=read_algorithms(entity, "alg:SigningMethod"),
        registrar=read_registrar(element),
        **read_ruled(attributes),
        valid_until=earliest(
            inherited, end_of(element), *(end_of(role.element) for role in roles)
        ),
    )


def _participant_of(
    entity: DescriptorParts, member: MemberReading, *, is_hub: bool
) -> tuple[DescriptorParts | None, ServiceProvider | None]:
    """Return the role as a participant; none if it is unusable and ``is_hub``."""
    try:
        role = role_of(entity, "md:SPSSODescriptor", member)
        if role is None:
            return None, None
        end_of(role.element)
        return role, read_service_provider(role, member)
    except (MalformedMessage, PeerWithoutKeys) as error:
        if not is_hub:
            raise
        member.remark(f"eilogin skips its SPSSODescriptor: {error}")
        return None, None


def _read_contact(element: etree._Element) -> Contact:
    texts = dict.fromkeys(_OF_CONTACT, "")
    for child in element:
        if texts.get(child.tag) == "":
            texts[child.tag] = line(child)
    company, email, telephone = texts.values()
    email = email.removeprefix("mailto:").strip()
    return Contact(element.get("contactType", ""), company, email, telephone)
