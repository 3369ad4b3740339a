"""Check that the metadata of each federation is sound, and knows us and our hubs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from eilogin import config
from eilogin.cli.checks.check_notes import Note
from eilogin.cli.checks.peer_capabilities import CheckedTrust, capability_remarks
from eilogin.cli.inifiles import entry_points
from eilogin.cli.inifiles.ini_pipelines import Part, Stack
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.config import Options, did_you_mean
from eilogin.errors import ConfigurationError, EiloginError
from eilogin.federation import Membership, Own
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.local.local_options import own_of
from eilogin.federation.members import certificate_expiry, hub_requirements
from eilogin.federation.members.trust_options import (
    TrustOptions,
    operator_keys,
    sources_in_words,
)
from eilogin.federation.trust_notes import remarks_on
from eilogin.federation.trust_start import members_at_start
from eilogin.saml.signing_keys import fingerprints


def check_federation(
    file: IniFile, title: str, options: TrustOptions, own: Own
) -> tuple[list[Note], CheckedTrust | None]:
    """Check the metadata of a section; return notes, and its trust if usable."""
    try:
        operator_keys(options)
    except ConfigurationError as error:
        file.add_fault(title, "federation_certificate", "", str(error))
        return [], None
    try:
        federation = members_at_start(options, own)
    except ConfigurationError as error:
        file.add_fault(title, "federation", "", _with_code(error), error.code)
        return [], None
    notes = _check_membership(file, title, options, own, federation)
    hubs = _check_hub(file, title, options, own, federation)
    notes += _check_remarks(file, title, options, own, federation, hubs)
    return notes, CheckedTrust(own, federation, hubs)


def _check_remarks(  # noqa: PLR0913,PLR0917 - the metadata of one section
    file: IniFile,
    title: str,
    options: TrustOptions,
    own: Own,
    federation: Membership,
    hubs: Sequence[str],
) -> Iterator[Note]:
    expired = list(certificate_expiry.faults(options))
    for remark in expired:
        expected = (
            f"{remark.text}; DigiD answers 404 to a site with an expired certificate"
        )
        file.add_fault(title, remark.option, "", expected, remark.code)
    for remark in remarks_on(options, own, federation, hubs):
        if remark.is_fault:
            file.add_fault(title, remark.option, "", remark.text_with_code, remark.code)
        elif remark not in expired:
            yield Note.of(remark, title)


def _with_code(error: EiloginError) -> str:
    return f"{error} ({error.code})"


def _check_membership(
    file: IniFile, title: str, options: TrustOptions, own: Own, federation: Membership
) -> list[Note]:
    members = {entity.entity_id: entity for entity in federation.entities}
    entity = members.get(own.entity_id)
    if entity is None and not federation.is_aggregate:
        # The file holds one entity, such as a hub that is not eilogin.
        return []
    if entity is None and options.federation_unsigned:
        text = (
            f"the metadata does not contain us, {own.entity_id}; does the hub know us?"
        )
        return [Note(title, "federation", text, "not-a-member")]
    if entity is None:
        hint = did_you_mean(own.entity_id, members)
        expected = (
            "the metadata of this federation does not contain us, "
            f"{own.entity_id}{hint}"
        )
        file.add_fault(title, "federation", "", expected, "not-a-member")
        return []
    role = entity.identity_provider if own.role == HUB else entity.service_provider
    if role is None:
        expected = f"{own.entity_id} has no role {own.role} in this federation"
        file.add_fault(title, "role", repr(own.role), expected)
    elif own.key.public not in role.keys:
        our_fingerprint = fingerprints(own.key.certificate_text)
        known_fingerprints = "; ".join(map(fingerprints, role.signing_certificates))
        expected = (
            f"the federation knows another key of {own.entity_id} than ours. It "
            f"knows the one of {known_fingerprints}; ours is {our_fingerprint}. "
            "Use the key that it knows. Or send our new metadata to its operator, "
            "and fetch the federation's metadata again"
        )
        file.add_fault(title, "certificate", "", expected)
    return []


def _check_hub(
    file: IniFile, title: str, options: TrustOptions, own: Own, federation: Membership
) -> Sequence[str]:
    if own.role == HUB:
        return []
    try:
        hub_ids = hub_requirements.wanted(options.hub, federation)
    except ConfigurationError as error:
        expected = f"{sources_in_words(options)}: {_with_code(error)}"
        file.add_fault(title, "hub", "", expected, error.code)
        return []
    usable = []
    for hub_id in hub_ids:
        try:
            hub_requirements.require(own, federation, hub_id)
        except ConfigurationError as error:
            file.add_fault(title, "hub", "", _with_code(error), error.code)
        else:
            usable.append(hub_id)
    return usable


def hidden_federations(file: IniFile, parts: Sequence[Part]) -> dict[str, CheckedTrust]:
    """Check the metadata of sections whose other options have faults."""
    trust_by_section: dict[str, CheckedTrust] = {}
    for part in parts:
        declared = entry_points.options_of(part.entry_point) or Options
        if not issubclass(declared, TrustOptions):
            continue
        values = {
            name: value
            for name, value in part.options.items()
            if name in TrustOptions.model_fields
        }
        # Their faults are reported already.
        options, _ = config.attempt(TrustOptions, str(file.path), part.title, values)
        if options is not None:
            _, trust = check_federation(file, part.title, options, own_of(options))
            if trust is not None:
                trust_by_section[part.title] = trust
    return trust_by_section


def check_capabilities(
    file: IniFile,
    stacks: Sequence[Stack],
    options_by_section: Mapping[str, Options],
    trust_by_section: Mapping[str, CheckedTrust],
) -> Sequence[Note]:
    """Check that the metadata of peers fits our options; return the notes."""
    # One filter may stand in several pipelines.
    remarks = dict.fromkeys(
        remark
        for stack in stacks
        for remark in capability_remarks(stack, options_by_section, trust_by_section)
    )
    for remark in remarks:
        if remark.is_fault:
            file.add_fault(
                remark.section, remark.option, "", remark.text_with_code, remark.code
            )
    return [Note.of(remark) for remark in remarks if not remark.is_fault]


def check_addresses(file: IniFile, own_entities: Mapping[str, Own]) -> None:
    """Reject two entities at one address, where one would answer for the other."""
    addresses = {title: own.url("metadata") for title, own in own_entities.items()}
    counts = Counter(addresses.values())
    for title, address in addresses.items():
        if counts[address] > 1:
            sections = [
                f"[{other_title}]"
                for other_title, other_address in addresses.items()
                if other_address == address
            ]
            expected = (
                f"one party for each address; found {' and '.join(sections)} at the "
                "same one"
            )
            file.add_fault(title, "public_url", repr(address), expected)
