"""``eilogin metadata FILE``: what the operator of the federation wants to have.

A site serves its metadata itself, but starts only once it is a member; this prints the
same before that.
"""

from pathlib import Path

import click

from eilogin.cli.check import tell
from eilogin.cli.inifile import IniFile
from eilogin.cli.members import is_member, own_of_part, parts_of
from eilogin.cli.pipelines import Part
from eilogin.errors import InvalidOptions
from eilogin.saml.metadata import write_entity


@click.command("metadata", short_help="Print the metadata of a site.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--profile",
    type=click.Choice(["saml", "digid"]),
    help="As this profile has it, whatever the section says.",
)
@click.option(
    "--section",
    help="Its section, such as filter:eilogin; needed where FILE has several sites.",
)
def metadata_command(file: Path, section: str | None, profile: str | None) -> None:
    """Print the metadata (EntityDescriptor) of a site of FILE, for the operator.

    It comes from the options of the section that uses egg:eilogin or egg:eilogin#trust;
    the federation's own metadata need not be there yet. With --profile digid it is what
    DigiD asks for, signed, and nothing else.
    """
    try:
        ini = IniFile.read(file)
        told = {} if profile is None else {"profile": profile}
        own = own_of_part(ini, _chosen(ini, section), **told)
    except InvalidOptions as error:
        tell(error.faults)
        raise SystemExit(1) from error
    click.echo(write_entity(own.descriptor(), own.key))


def _chosen(ini: IniFile, section: str | None) -> Part:
    members = {part.title: part for part in parts_of(ini) if is_member(part)}
    if section is not None and section in members:
        return members[section]
    if section is None and len(members) == 1:
        return next(iter(members.values()))
    known = ", ".join(members) or "none"
    raise click.ClickException(
        f"{ini.path}: which site? --section takes one of: {known}"
    )
