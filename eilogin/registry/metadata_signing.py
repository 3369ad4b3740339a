"""Sign the metadata of all members, with the operator's rules."""

import difflib
from collections.abc import Collection, Iterator
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from eilogin import clock
from eilogin.atomic_files import PUBLIC, write
from eilogin.config import did_you_mean
from eilogin.errors import (
    ConfigurationError,
    MetadataUnusable,
    PeerUnusable,
    Refused,
    UntrustedSignature,
)
from eilogin.federation.changes.federation_changes import compare
from eilogin.federation.members.membership import Membership
from eilogin.registry.member_rules import MemberRule
from eilogin.registry.metadata_repair import fault_of
from eilogin.registry.operator_keys import operator_public_key
from eilogin.registry.registry_folder import RULES, Folder
from eilogin.registry.registry_members import VALID, RegistryMember
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import (
    FederationMetadata,
    add_registrar,
    add_ruled,
    group_of,
    read_federation,
    read_unsigned,
    sign_federation,
)
from eilogin.saml.printable_text import printable
from eilogin.saml.safe_xml import METADATA, canonical, parse, q, serialize
from eilogin.saml.signing_keys import SigningKey
from eilogin.shell_quoting import typed

Elements = dict[str, etree._Element]  # noqa: SLF001 - lxml has no other name


@dataclass(frozen=True, eq=False)
class SignedMetadata:
    """One generation of the signed metadata, verified."""

    octets: bytes
    metadata: FederationMetadata
    elements: Elements

    @property
    def ends(self) -> float:
        """The end of its validity, 0.0 without one."""
        return self.metadata.valid_until or 0.0


def sign_all(folder: Folder, key: SigningKey, seconds: float) -> FederationMetadata:
    """Sign all members for some seconds from now, and replace the last signed file.

    Return the metadata as others read it. Raises ConfigurationError if they could not
    use it, and keeps the last file.
    """
    if faults := faults_of(folder):
        raise ConfigurationError("\n".join(faults))
    _require_later(folder)
    octets = sign_federation(
        elements_to_sign(folder).values(),
        name=folder.options.name,
        publisher=folder.options.publisher or folder.options.name,
        valid_until=int(clock.now() + seconds),
        key=key,
    )
    metadata = _read(folder, octets)
    if fault := fault_of(parse(octets, METADATA)):
        raise MetadataUnusable(f"{folder.signed}: {fault}")
    write(folder.signed, octets, mode=PUBLIC)
    return metadata


def elements_to_sign(folder: Folder) -> Elements:
    """The members with their rules, unsigned."""
    return {
        entity_id: _with_rule(
            member, folder.rules.get(entity_id, MemberRule()), folder.options.publisher
        )
        for entity_id, member in folder.members.items()
    }


def _with_rule(
    member: RegistryMember, rule: MemberRule, registrar: str
) -> etree._Element:
    element = deepcopy(member.element)
    add_ruled(element, rule.ruled)
    if registrar:
        add_registrar(element, registrar)
    # Now, because a signed element must not change.
    etree.indent(element)
    element.tail = "\n"
    return element


def faults_of(folder: Folder) -> list[str]:
    """The reasons, as sentences, why the members cannot be signed."""
    faults = []
    if not folder.members:
        faults.append(fault_without_members(folder))
    for entity_id, member in folder.members.items():
        ends = member.descriptor.valid_until
        if ends is not None and ends <= clock.now():
            faults.append(
                f"{folder.files[entity_id]}: the metadata of '{entity_id}' expired"
                f" at {write_instant(ends)}; add newer metadata, or remove it"
            )
        if member.fault:
            faults.append(
                f"{folder.files[entity_id]}: other products would reject the whole"
                f" federation, because '{entity_id}' is not valid:"
                f" {member.fault}{VALID}, or remove it"
            )
    for entity_id in folder.rules.keys() - folder.members.keys():
        hint = did_you_mean(entity_id, folder.members)
        faults.append(
            f"{folder.path / RULES}: [{entity_id}]: found rules for an entity that"
            f" is not a member{hint}"
        )
    return faults


def fault_without_members(folder: Folder) -> str:
    """The fault of a federation without members, and what is valid now.

    Metadata needs a member (saml-metadata 2.3.1), and nothing revokes the last metadata
    before its end.
    """
    fault = (
        f"{folder.path}: has no members; SAML metadata needs at least one. Add one:"
        f" '{typed('eilogin federation add', folder.path)} FILE'"
    )
    try:
        last = last_signed(folder)
    except ConfigurationError:
        last = None
    ends = last.ends if last else 0.0
    if ends <= clock.now():
        return fault
    return (
        f"{fault}; until then, others use the last signed metadata, until"
        f" {write_instant(ends)} at the latest. You can remove the published file,"
        " so that no other member reads it"
    )


def last_signed(folder: Folder) -> SignedMetadata | None:
    """Read and verify the last signed metadata, if any; raises ConfigurationError."""
    try:
        octets = folder.signed.read_bytes()
    except FileNotFoundError:
        return None
    metadata = _read(folder, octets)
    members = parse(octets, METADATA).iterchildren(q("md:EntityDescriptor"))
    elements = {member.get("entityID", ""): member for member in members}
    return SignedMetadata(octets, metadata, elements)


def _read(folder: Folder, octets: bytes) -> FederationMetadata:
    file = folder.signed
    try:
        metadata = read_federation(
            octets,
            [operator_public_key(folder)],
            on_loopback=folder.options.loopback,
        )
    except UntrustedSignature as error:
        raise ConfigurationError(
            f"{file}: {error}; expected the key of {folder.options.certificate}"
        ) from error
    except (Refused, PeerUnusable) as error:
        raise MetadataUnusable(f"{file}: {error}") from error
    for left_out in metadata.left_out.values():
        raise MetadataUnusable(f"{file}: {left_out}")
    return metadata


def _require_later(folder: Folder) -> None:
    """Refuse to sign metadata that members would reject as older."""
    try:
        last = last_signed(folder)
    except ConfigurationError:
        # Such as after a change of the operator's key.
        return
    created = last.metadata.created if last else None
    if created is not None and created > clock.now():
        raise ConfigurationError(
            f"{folder.signed}: was made at {write_instant(created)}, and the time here"
            f" is {write_instant(clock.now())}; members reject older metadata. Set"
            " the clock"
        )


def differences(before: Elements, after: Elements) -> Iterator[str]:
    """The differences of members: in the words of ``eilogin trust``, then in full.

    ``!`` marks changes that need approval at a site.
    """
    full: list[str] = []
    differing = set()
    for entity_id in sorted(before.keys() | after.keys()):
        old, new = _lines(before.get(entity_id)), _lines(after.get(entity_id))
        if old != new:
            differing.add(entity_id)
            names = (entity_id, entity_id, "before", "after")
            full += difflib.unified_diff(old, new, *names, lineterm="")
    old_members, new_members = (
        _federation(elements, differing) for elements in (before, after)
    )
    yield from compare(old_members, new_members).lines
    yield from full


def _federation(elements: Elements, entity_ids: Collection[str]) -> Membership:
    # Earlier checks have judged loopback addresses.
    metadata = (
        read_unsigned(serialize(element), on_loopback=True)
        for entity_id, element in elements.items()
        if entity_id in entity_ids
    )
    return Membership(*metadata)


def _lines(element: etree._Element | None) -> list[str]:
    # Canonical: layout and namespace prefixes do not count.
    if element is None:
        return []
    [member] = group_of([deepcopy(element)])
    return [printable(line) for line in canonical(member).decode().split("\n")]
