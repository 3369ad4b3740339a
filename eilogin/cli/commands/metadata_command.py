"""``eilogin metadata FILE``: print the metadata for the operator of a federation.

A site serves the same metadata itself, but starts only as a member.
"""

from pathlib import Path

import click

from eilogin import clock
from eilogin.cli.inifiles.ini_members import chosen, own_of_part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.reports import reporting_errors
from eilogin.federation import Own
from eilogin.federation.local.profiles import PROFILES
from eilogin.saml.messages import AuthnRequest, new_id, write_authn_request
from eilogin.saml.metadata import write_entity
from eilogin.saml.safe_xml import serialize
from eilogin.saml.xml_signatures import sign


@click.command("metadata", short_help="Print the metadata of a site.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--profile",
    type=click.Choice([*PROFILES]),
    help="Use this profile instead of the one in the section.",
)
@click.option(
    "--proof",
    metavar="WORD",
    help="Print a signed login request with this word. It proves to "
    "the operator that you have the key.",
)
@click.option(
    "--section",
    help="Section of the site, such as filter:eilogin. Required if "
    "FILE has several sites.",
)
def metadata_command(
    file: Path, section: str | None, profile: str | None, proof: str | None
) -> None:
    """Print the signed metadata (EntityDescriptor) of a site of FILE, for the operator.

    \b
        eilogin metadata app.ini > site.xml
        eilogin metadata app.ini --proof WORD > proof.xml

    The command reads the section that uses egg:eilogin or egg:eilogin#trust. The
    metadata of the federation may still be missing. The key of the site signs: that
    is the proof that the operator needs of a new member. If the operator asks for a
    proof with a word of their own, use --proof. With --profile digid the metadata is
    exactly what DigiD asks for.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with reporting_errors():
        ini = IniFile.read(file)
        overrides = {} if profile is None else {"profile": profile}
        own = own_of_part(ini, chosen(ini, section), **overrides)
    if proof is None:
        click.echo(write_entity(own.descriptor(), own.key))
    else:
        click.echo(_proof(own, proof))


def _proof(own: Own, challenge: str) -> bytes:
    request = AuthnRequest(
        id=new_id(), issued=clock.now(), issuer=own.entity_id, provider_name=challenge
    )
    element = write_authn_request(request)
    sign(element, own.key)
    return serialize(element)
