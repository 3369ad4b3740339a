"""``eilogin federation sign | publish | diff``: sign and publish the metadata."""

from contextlib import nullcontext
from pathlib import Path

import click

from eilogin.cli.federation.federation_lookup import DIR
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


@click.command("sign", short_help="Sign all members as they are now.")
@DIR
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    help="Number of days that the signature is valid.",
)
def sign_command(folder: Path, days: int | None) -> None:
    """Sign the metadata of all members with their rules, as they are in DIR now.

    \b
        eilogin federation sign DIR

    The command writes DIR/metadata.xml as a whole, or leaves it as it is. If "verify"
    would report something wrong, such as expired metadata or rules without a member,
    the command does not sign.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    registry = Folder(folder, bar("reading"))
    seconds = days * _DAY if days else registry.options.validity
    with operator_key(registry) as key:
        metadata = sign_all(registry, key, seconds)
    count = many(len(metadata.entities), "member")
    expiry = write_instant(metadata.valid_until or 0.0)
    click.echo(f"{registry.signed}: {count}, signed until {expiry}")


@click.command("publish", short_help="Write the files for the web server.")
@DIR
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--no-mdq", is_flag=True, help="Do not write files for single members (MDQ)."
)
def publish_command(folder: Path, target: Path, *, no_mdq: bool) -> None:
    """Write the signed metadata to FOLDER, from which a web server serves it.

    \b
        eilogin federation publish DIR /srv/www/federation

    metadata.xml has all members. The folder entities/ has signed files for each
    member, for the Metadata Query Protocol (MDQ): one by the encoded entityID
    (https%3A%2F%2F…), one by its hash ({sha1}…). So the command needs the key, unless
    --no-mdq is given. The web server must not decode the address:
    contrib/manual/federation/publish.rst has the lines for nginx and Apache.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    registry = Folder(folder)
    with nullcontext() if no_mdq else operator_key(registry) as key:
        count = publish(registry, target, key, bar("signing"))
    extras = "" if no_mdq else f", and {many(count, 'answer')} in entities/"
    if publish_next(registry, target):
        extras += f", and {NEXT_CERTIFICATE}"
    click.echo(f"{target}: metadata.xml{extras}")
    if last := last_signed(registry):
        print_unsigned_notes(registry, last.elements)


@click.command("diff", short_help="Show what is not signed yet.")
@DIR
def diff_command(folder: Path) -> None:
    """Show what "sign" would change: the members now, and as they were signed.

    \b
        eilogin federation diff DIR
    """  # noqa: D301 - \b is click's sign for "do not wrap"
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
