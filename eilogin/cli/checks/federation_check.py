"""Check the metadata of each federation: it is sound, and knows us and our hubs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from eilogin import config
from eilogin.cli.checks.check_notes import Note
from eilogin.cli.checks.peer_capabilities import Known, lacks
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
    said_in,
)
from eilogin.federation.trust_notes import remarks_on
from eilogin.federation.trust_start import looked_at
from eilogin.saml.signing_keys import fingerprints


def check_federation(
    file: IniFile, title: str, options: TrustOptions, own: Own
) -> tuple[list[Note], Known | None]:
    """Check that the federation's metadata is sound, and knows us and our hubs.

    Return the notes and the known entities; None if the metadata is unusable.
    """
    try:
        operator_keys(options)
    except ConfigurationError as error:
        file.note(title, "federation_certificate", "", str(error))
        return [], None
    try:
        federation = looked_at(options, own)
    except ConfigurationError as error:
        file.note(title, "federation", "", _with_code(error), error.code)
        return [], None
    noted = _check_membership(file, title, options, own, federation)
    hubs = _check_hub(file, title, options, own, federation)
    noted += _check_remarks(file, title, options, own, federation, hubs)
    return noted, Known(own, federation, hubs)


def _check_remarks(  # noqa: PLR0913,PLR0917 - the metadata of one section
    file: IniFile,
    title: str,
    options: TrustOptions,
    own: Own,
    federation: Membership,
    hubs: Sequence[str],
) -> Iterator[Note]:
    """Note what the start of a site reports of its metadata and certificates."""
    over = list(certificate_expiry.faults(options))
    for remark in over:
        expected = (
            f"{remark.text}; DigiD answers 404 to a site with an expired certificate"
        )
        file.note(title, remark.option, "", expected, remark.code)
    for remark in remarks_on(options, own, federation, hubs):
        if remark.is_fault:
            file.note(title, remark.option, "", remark.told, remark.code)
        elif remark not in over:
            yield Note.of(remark, title)


def _with_code(error: EiloginError) -> str:
    """The text of an error, and its code, under which the manual has the cure."""
    return f"{error} ({error.code})"


def _check_membership(
    file: IniFile, title: str, options: TrustOptions, own: Own, federation: Membership
) -> list[Note]:
    members = {entity.entity_id: entity for entity in federation.entities}
    entity = members.get(own.entity_id)
    if entity is None and not federation.is_aggregate:
        # In a file of one entity, such as a hub of another kind, we are elsewhere.
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
        file.note(title, "federation", "", expected, "not-a-member")
        return []
    role = entity.identity_provider if own.role == HUB else entity.service_provider
    if role is None:
        expected = f"{own.entity_id} has no role {own.role} in this federation"
        file.note(title, "role", repr(own.role), expected)
    elif own.key.public not in role.keys:
        ours = fingerprints(own.key.certificate_text)
        theirs = "; ".join(map(fingerprints, role.signing_certificates))
        expected = (
            f"the federation knows another key of {own.entity_id} than ours. It "
            f"knows the one of {theirs}; ours is {ours}. Use the key that it "
            "knows. Or send our new metadata to its operator, and fetch the "
            "federation's metadata again"
        )
        file.note(title, "certificate", "", expected)
    return []


def _check_hub(
    file: IniFile, title: str, options: TrustOptions, own: Own, federation: Membership
) -> Sequence[str]:
    """Check each of our hubs, and return those that we can use."""
    if own.role == HUB:
        return []
    try:
        wanted = hub_requirements.wanted(options.hub, federation)
    except ConfigurationError as error:
        expected = f"{said_in(options)}: {_with_code(error)}"
        file.note(title, "hub", "", expected, error.code)
        return []
    usable = []
    for name in wanted:
        try:
            hub_requirements.require(own, federation, name)
        except ConfigurationError as error:
            file.note(title, "hub", "", _with_code(error), error.code)
        else:
            usable.append(name)
    return usable


def hidden_federations(file: IniFile, parts: Sequence[Part]) -> dict[str, Known]:
    """Check the metadata of sections in which faults of other options hide it.

    Return the known entities by section.
    """
    known: dict[str, Known] = {}
    for part in parts:
        declared = entry_points.declared().get(part.entry_point or "", Options)
        if not issubclass(declared, TrustOptions):
            continue
        values = {
            name: value
            for name, value in part.options.items()
            if name in TrustOptions.model_fields
        }
        # The faults of these are reported already.
        options, _ = config.attempt(TrustOptions, str(file.path), part.title, values)
        if options is not None:
            _, here = check_federation(file, part.title, options, own_of(options))
            if here is not None:
                known[part.title] = here
    return known


def check_capabilities(
    file: IniFile,
    stacks: Sequence[Stack],
    read: Mapping[str, Options],
    known: Mapping[str, Known],
) -> Sequence[Note]:
    """Check that peers have what our options need; return the notes."""
    # One filter may stand in several pipelines.
    found = dict.fromkeys(one for stack in stacks for one in lacks(stack, read, known))
    for one in found:
        if one.is_fault:
            file.note(one.section, one.option, "", one.told, one.code)
    return [Note.of(one) for one in found if not one.is_fault]


def check_twins(file: IniFile, owns: Mapping[str, Own]) -> None:
    """Refuse two entities at one address: they would answer for each other."""
    addresses = {title: own.url("metadata") for title, own in owns.items()}
    count = Counter(addresses.values())
    for title, address in addresses.items():
        if count[address] > 1:
            others = [f"[{t}]" for t, a in addresses.items() if a == address]
            expected = (
                f"one party for each address; found {' and '.join(others)} at the "
                "same one"
            )
            file.note(title, "public_url", repr(address), expected)
