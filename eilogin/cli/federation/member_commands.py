"""``eilogin federation add | remove | list | show``: the members."""

from pathlib import Path

import click

from eilogin import clock, config
from eilogin.cli.federation.federation_lookup import (
    chosen_member,
    sign_hint,
    user_name,
)
from eilogin.cli.federation.rules_command import rule_in_words
from eilogin.cli.federation.verify_command import first_expiry
from eilogin.cli.terminal.progress_bar import bar
from eilogin.cli.terminal.prompts import require_yes
from eilogin.cli.terminal.reports import many
from eilogin.errors import MetadataExpired, MetadataUnusable
from eilogin.federation.sources.metadata_downloads import MetadataClient
from eilogin.registry import (
    LONGEST,
    VALID,
    Folder,
    MemberRule,
    RegistryMember,
    description_lines,
    differences,
    fault_without_members,
    octets_of,
    prove,
    read_member,
)
from eilogin.saml.messages import write_instant
from eilogin.saml.printable_text import printable
from eilogin.shell_quoting import as_word

#: Bytes of a proof to read; an AuthnRequest is smaller.
_LONGEST_PROOF = 256 * 1024


def add_member(  # noqa: PLR0913 - one for each option
    folder: Path,
    source: str,
    proof: Path | None,
    challenge: str,
    without_proof: str,
    *,
    yes: bool,
) -> None:
    """Add the member whose metadata is at ``source``, or update it."""
    _require_one_proof(proof, challenge, without_proof)
    registry = Folder(folder, bar("reading"))
    octets = _read_source(source)
    member = read_member(source, octets, on_loopback=registry.options.loopback)
    _require_unexpired(source, member)
    if member.fault:
        raise MetadataUnusable(f"{source}: {member.fault}{VALID}")
    old_member = registry.members.get(member.entity_id)
    proof_text = f"without proof: {printable(without_proof)}"
    if not without_proof:
        request = proof.read_bytes()[:_LONGEST_PROOF] if proof else b""
        proof_text = prove(octets, member, old_member, request, challenge)
    for line in description_lines(member, registry.members.values()):
        click.echo(line)
    click.echo(f"proof         {proof_text}")
    if old_member is not None and not _print_difference(old_member, member):
        click.echo(
            "it is a member already, with the same metadata; nothing was changed"
        )
        return
    if not yes:
        require_yes(f"{'Add' if old_member is None else 'Update'} this member?")
    now = write_instant(int(clock.now()))
    path = registry.put(member, f"added {now} by {user_name()}; {proof_text}")
    click.echo(f"{path}: kept; {sign_hint(folder)}")


def _require_one_proof(proof: Path | None, challenge: str, reason: str) -> None:
    if challenge and not proof:
        raise click.UsageError(
            "--challenge: expected --proof too, because the word is in that request"
        )
    if reason and proof:
        raise click.UsageError("--proof, --without-proof: expected only one of them")


def _print_difference(old_member: RegistryMember, new_member: RegistryMember) -> bool:
    lines = list(
        differences(
            {old_member.entity_id: old_member.element},
            {new_member.entity_id: new_member.element},
        )
    )
    for line in lines:
        click.echo(line)
    return bool(lines)


def _read_source(source: str) -> bytes:
    if "://" not in source:
        return octets_of(Path(source))
    try:
        config.web_address(source)
    except ValueError as error:
        raise click.BadParameter(
            f"found '{source}'; expected a file, or {error}", param_hint="FILE|URL"
        ) from error
    return MetadataClient(longest=LONGEST).fetch(source).body


def _require_unexpired(source: str, member: RegistryMember) -> None:
    expiry = member.descriptor.valid_until
    if expiry is not None and expiry <= clock.now():
        raise MetadataExpired(
            f"{source}: this metadata expired at {write_instant(expiry)}; ask its "
            "administrator for newer metadata"
        )


def remove_member(folder: Path, entity_id: str, *, yes: bool) -> None:
    """Remove a member, and its rules."""
    registry = Folder(folder, bar("reading"))
    member = chosen_member(registry, entity_id)
    click.echo(f"{member.entity_id}: {_name(member)}")
    if not yes:
        require_yes("Remove this member and its rules?")
    registry.remove(member.entity_id)
    if len(registry.members) > 1:
        click.echo(f"removed; {sign_hint(folder)}")
    else:
        click.echo(
            f"removed; this was the last member: {fault_without_members(registry)}"
        )


def _name(member: RegistryMember) -> str:
    return printable(member.descriptor.name("nl"))


def list_members(folder: Path) -> None:
    """Print the members: role, name, file, and first certificate to expire."""
    registry = Folder(folder, bar("reading"))
    for entity_id, member in registry.members.items():
        entity = member.descriptor
        roles = {
            "hub": entity.identity_provider,
            "participant": entity.service_provider,
        }
        kind = " and ".join(name for name, role in roles.items() if role)
        file = registry.files[entity_id].relative_to(folder)
        # Users copy the entityID, and a member chooses its own.
        line = f"{as_word(entity_id)}  {kind}  {_name(member)}  {file}"
        click.echo("  ".join([line, *first_expiry(member)]))
    click.echo(f"{many(len(registry.members), 'member')}")


def show_member(folder: Path, entity_id: str) -> None:
    """Print one member and its rules."""
    registry = Folder(folder, bar("reading"))
    member = chosen_member(registry, entity_id)
    for line in description_lines(member, registry.members.values()):
        click.echo(line)
    rule = registry.rules.get(member.entity_id, MemberRule())
    click.echo(printable(f"rules         {rule_in_words(rule)}"))
    click.echo(printable(f"file          {registry.files[member.entity_id]}"))
    if member.note:
        click.echo(printable(f"              {member.note}"))
