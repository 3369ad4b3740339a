"""``eilogin federation verify``: check the signed metadata and its expiry."""

from collections.abc import Iterator
from pathlib import Path

import click

from eilogin import clock
from eilogin.cli.terminal.progress_bar import bar
from eilogin.cli.terminal.reports import escaped, many
from eilogin.errors import ConfigurationError
from eilogin.federation.members.expiry_alarms import Expiry, ends_in_words
from eilogin.registry import (
    Elements,
    Folder,
    RegistryMember,
    SignedMetadata,
    differences,
    elements_to_sign,
    endings_of,
    fault_without_members,
    faults_of,
    last_signed,
    member_endings,
)
from eilogin.saml.messages import write_instant
from eilogin.saml.printable_text import first_of, printable
from eilogin.shell_quoting import typed

_DAY = 86_400.0
#: Seconds.
_SIGNATURE_NOTICE = 3 * _DAY
#: Days. For so long, an old copy of the metadata still has a removed member.
_LONGEST_VALIDITY = 90
_MOST_NOTES = 20

#: The exit code with ``--strict`` if there are notes.
_NOTES_EXIT = 3


def verify_folder(folder: Path, *, strict: bool, days: int) -> None:
    """Check a folder and its signature; exit with 1 or 3 if there is a finding."""
    registry = Folder(folder, bar("reading"))
    last, faults = _last_signed(registry)
    for fault in faults:
        click.echo(escaped(fault), err=True)
    if last is None or faults:
        raise SystemExit(1)
    members = many(len(registry.members), "member")
    click.echo(
        f"{folder}: everything in order: {members}, signed until "
        f"{write_instant(last.ends)}"
    )
    notes = [*_notes(registry, last, days)]
    for note in notes:
        click.echo(f"note: {printable(note)}")
    if notes and strict:
        raise SystemExit(_NOTES_EXIT)


def _last_signed(
    registry: Folder,
) -> tuple[SignedMetadata | None, list[str]]:
    faults = faults_of(registry)
    try:
        last = last_signed(registry)
    except ConfigurationError as error:
        return None, [*faults, str(error)]
    ends = last.ends if last else 0.0
    if ends <= clock.now():
        fault = f"expired at {write_instant(ends)}" if last else "missing"
        cure = typed("eilogin federation sign", registry.path)
        faults.append(f"{registry.signed}: {fault}: '{cure}'")
    return last, faults


def _notes(registry: Folder, last: SignedMetadata, days: int) -> Iterator[str]:
    if last.ends - clock.now() < _SIGNATURE_NOTICE:
        yield "the signature expires soon: sign and publish again"
    validity = registry.options.validity / _DAY
    if validity > _LONGEST_VALIDITY:
        yield (
            f"validity = {validity:.0f}d: for so long, a site with an old copy "
            "still accepts a removed member, and sites may reject such metadata "
            f"(federation_validity); expected at most {_LONGEST_VALIDITY}d"
        )
    limit = clock.now() + days * _DAY
    endings = sorted(
        (
            ending
            for ending in endings_of(registry)
            if ending.option != "signed" and ending.ends < limit
        ),
        key=lambda ending: (ending.ends, ending.subject),
    )
    yield from first_of([*map(_ending_note, endings)], _MOST_NOTES)
    differences = [
        f"the signed metadata differs from {registry.files[entity_id]}: {text}"
        for entity_id, member in registry.members.items()
        for text in member.repairs
    ]
    yield from first_of(differences, _MOST_NOTES)
    yield from _unsigned_notes(registry, last.elements)


def _ending_note(ending: Expiry) -> str:
    note = f"{ending.subject} {ends_in_words(ending.ends)}"
    if ending.name != "metadata":
        note += (
            ": eilogin uses only the key, but other products may reject the certificate"
        )
    return f"{note}; {ending.cure}"


def print_unsigned_notes(registry: Folder, elements: Elements) -> None:
    """Print a note if the folder differs from the signed metadata."""
    for note in _unsigned_notes(registry, elements):
        click.echo(f"note: {note}")


def _unsigned_notes(registry: Folder, elements: Elements) -> Iterator[str]:
    try:
        if not registry.members:
            yield f"some changes are not signed: {fault_without_members(registry)}"
            return
        is_signed = not any(differences(elements, elements_to_sign(registry)))
    except ConfigurationError:
        # "verify" reports the fault; the published file is still valid.
        is_signed = False
    if not is_signed:
        diff = typed("eilogin federation diff", registry.path)
        yield f"some changes are not signed: see '{diff}'"


def first_expiry(member: RegistryMember) -> Iterator[str]:
    """Describe the first end of a member's certificate or metadata, if any."""
    first = min(member_endings(member), key=lambda ending: ending.ends, default=None)
    if first is not None:
        kind = "metadata" if first.name == "metadata" else "certificate"
        text = f"{kind} until {write_instant(first.ends)[:10]}"
        yield f"{text} ({ends_in_words(first.ends)})" if first.is_soon else text
