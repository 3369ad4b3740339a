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
from eilogin.saml.messages import AuthnRequest, new_id, write_authn_request
from eilogin.saml.metadata import write_entity
from eilogin.saml.safe_xml import serialize
from eilogin.saml.xml_signatures import sign


def print_metadata(
    file: Path, section: str | None, profile: str | None, proof: str | None
) -> None:
    """Print the signed metadata of a site, or a proof of its key."""
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
