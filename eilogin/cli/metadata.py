"""``eilogin metadata FILE``: what the operator of the federation wants to have.

A site serves its metadata itself, but starts only once it is a member; this prints the
same before that.
"""

from pathlib import Path

import click

from eilogin import clock
from eilogin.cli.check import telling_errors
from eilogin.cli.inifile import IniFile
from eilogin.cli.members import chosen, own_of_part
from eilogin.federation import Own
from eilogin.saml.messages import AuthnRequest, new_id, write_authn_request
from eilogin.saml.metadata import write_entity
from eilogin.saml.signatures import sign
from eilogin.saml.xml import serialize


@click.command("metadata", short_help="Print the metadata of a site.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--profile",
    type=click.Choice(["saml", "digid"]),
    help="As this profile has it, whatever the section says.",
)
@click.option(
    "--proof",
    metavar="WORD",
    help="Print a signed login request with this word in it: it proves to the operator"
    " that the key of the metadata is yours.",
)
@click.option(
    "--section",
    help="Its section, such as filter:eilogin; needed where FILE has several sites.",
)
def metadata_command(
    file: Path, section: str | None, profile: str | None, proof: str | None
) -> None:
    """Print the metadata (EntityDescriptor) of a site of FILE, for the operator.

    It comes from the options of the section that uses egg:eilogin or egg:eilogin#trust;
    the federation's own metadata need not be there yet. With --profile digid it is what
    DigiD asks for, signed, and nothing else.

    It is signed by its own key, which is the proof that the operator wants of a new
    member. Where the operator asks for a proof of its own, it comes with a word: see
    --proof.
    """
    with telling_errors():
        ini = IniFile.read(file)
        told = {} if profile is None else {"profile": profile}
        own = own_of_part(ini, chosen(ini, section), **told)
    if proof is None:
        click.echo(write_entity(own.descriptor(), own.key))
    else:
        click.echo(_proof(own, proof))


def _proof(own: Own, word: str) -> bytes:
    """A login request that nobody answers; who has asked for ``word`` knows its use."""
    request = AuthnRequest(
        id=new_id(), issued=clock.now(), issuer=own.entity_id, provider_name=word
    )
    element = write_authn_request(request)
    sign(element, own.key)
    return serialize(element)
