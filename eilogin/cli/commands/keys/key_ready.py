"""``eilogin keys ready FILE``: check whether peers know the keys of a site."""

from collections.abc import Sequence

import click

from eilogin.cli.commands.keys.key_list import key_state
from eilogin.cli.commands.keys.site_arguments import of_a_site
from eilogin.cli.inifiles.ini_members import options_of_part
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.federation import Trust
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.local.local_options import own_of
from eilogin.federation.members import hub_requirements
from eilogin.federation.members.configured_sources import federation_of
from eilogin.federation.members.key_readiness import Finding, key_in_metadata
from eilogin.federation.members.trust_options import TrustOptions, back_channel_of
from eilogin.participant.login.hub_key_probe import HubKeyProbe

_MOST_HUBS = 20


def trust_at_sources(options: TrustOptions) -> Trust:
    """Read the trusted entities from the sources, not from a copy."""
    own, federation = own_of(options), federation_of(options)
    is_hub = own.role == HUB
    hubs = () if is_hub else hub_requirements.our_hubs(own, options.hub, federation)
    return Trust(own, federation, back_channel_of(options), hubs)


@of_a_site
def check_readiness(
    ini: IniFile, part: Part, *, metadata_only: bool, hubs: tuple[str, ...]
) -> None:
    """Print whether peers know the keys of a site; exit with 1 if not."""
    trust = trust_at_sources(options_of_part(TrustOptions, ini, part))
    is_hub = trust.own.role == HUB
    hub_ids = () if is_hub or metadata_only else hubs or trust.hub_ids
    if len(hub_ids) > _MOST_HUBS:
        raise click.ClickException(
            f"there are {len(hub_ids)} hubs, and eilogin asks at most "
            f"{_MOST_HUBS}; name some with --hub, or use --metadata-only"
        )
    if not _print_readiness(trust, [HubKeyProbe(trust, hub_id) for hub_id in hub_ids]):
        raise SystemExit(1)


def _print_readiness(trust: Trust, hubs: Sequence[HubKeyProbe]) -> bool:
    """Print who knows each signing key; return whether all know all keys."""
    are_ready = True
    for key in trust.own.keys:
        if not key.signs or key.pair not in trust.own.published_keys:
            continue
        metadata_finding = key_in_metadata(trust.own, trust.federation, key.pair)
        is_named = metadata_finding.is_known is not False
        hub_findings = [hub.knows(key.pair) for hub in hubs] if is_named else []
        is_known = _verdict(metadata_finding, hub_findings)
        are_ready = are_ready and is_known is True
        state = key_state(trust.own.keys, key)
        click.echo(f"{key.name or 'key'} ({state}): {_VERDICTS[is_known]}")
        for finding in (metadata_finding, *hub_findings):
            click.echo(f"  {finding.text}")
    return are_ready


def _verdict(metadata_finding: Finding, hub_findings: Sequence[Finding]) -> bool | None:
    """Return whether all know a key, or None; the answers of hubs have precedence."""
    answers = {finding.is_known for finding in hub_findings or (metadata_finding,)}
    if False in answers:
        return False
    return None if None in answers else True


_VERDICTS = {True: "ready", False: "NOT READY", None: "cannot find out"}
