"""``eilogin federation sign | publish | diff``: sign and publish the metadata."""

from contextlib import nullcontext
from pathlib import Path

import click

from eilogin.cli.federation.verify_command import print_unsigned_notes
from eilogin.cli.terminal.progress_bar import bar
from eilogin.cli.terminal.reports import many
from eilogin.registry import (
    NEXT_CERTIFICATE,
    Folder,
    differences,
    elements_to_sign,
    last_signed,
    operator_key,
    publish,
    publish_next,
    sign_all,
)
from eilogin.saml.messages import write_instant

_DAY = 86_400.0


def sign_members(folder: Path, days: int | None) -> None:
    """Sign the metadata of all members as they are now."""
    registry = Folder(folder, bar("reading"))
    seconds = days * _DAY if days else registry.options.validity
    with operator_key(registry) as key:
        metadata = sign_all(registry, key, seconds)
    count = many(len(metadata.entities), "member")
    expiry = write_instant(metadata.valid_until or 0.0)
    click.echo(f"{registry.signed}: {count}, signed until {expiry}")


def publish_metadata(folder: Path, target: Path, *, no_mdq: bool) -> None:
    """Write the signed metadata to the folder of a web server."""
    registry = Folder(folder)
    with nullcontext() if no_mdq else operator_key(registry) as key:
        count = publish(registry, target, key, bar("signing"))
    extras = "" if no_mdq else f", and {many(count, 'answer')} in entities/"
    if publish_next(registry, target):
        extras += f", and {NEXT_CERTIFICATE}"
    click.echo(f"{target}: metadata.xml{extras}")
    if last := last_signed(registry):
        print_unsigned_notes(registry, last.elements)


def show_unsigned(folder: Path) -> None:
    """Print what the next signature would change."""
    registry = Folder(folder, bar("reading"))
    last = last_signed(registry)
    lines = list(differences(last.elements if last else {}, elements_to_sign(registry)))
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo(
            "nothing has changed since the last signature"
            if last
            else "there are no members yet"
        )
