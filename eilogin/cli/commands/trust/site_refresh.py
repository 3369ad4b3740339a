"""Refresh the metadata of a site now, and print the outcome."""

from collections.abc import Iterator

import click

from eilogin.cli.commands.trust.trust_decisions import LOCK_PATIENCE
from eilogin.cli.commands.trust.trust_sites import TrustSite
from eilogin.cli.inifiles.ini_members import options_of_part
from eilogin.cli.terminal.reports import many
from eilogin.errors import ConfigurationError, InvalidOptions
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.refresh.metadata_refresh import RefreshResult, refresh


def refresh_site(site: TrustSite) -> bool:
    """Refresh a site; return whether all sources answered."""
    title = site.part.title
    try:
        options = options_of_part(TrustOptions, site.ini, site.part)
        site.folder.prepare()
        with site.folder.locked(LOCK_PATIENCE):
            outcome = refresh(options, site.folder)
    except ConfigurationError as error:
        if isinstance(error, InvalidOptions):
            raise
        click.echo(
            f"{title}: not refreshed; the active metadata stays the same: {error}",
            err=True,
        )
        return False
    for line in _outcome_lines(outcome):
        click.echo(f"{title}: {line}")
    for reason in outcome.reasons:
        click.echo(f"  {reason}")
    for failure in outcome.failures:
        click.echo(f"  using the last good copy: {failure}", err=True)
    if outcome.what == "waiting":
        click.echo(f"look at the changes: {site.typed('diff')}")
    return not outcome.failures


def _outcome_lines(outcome: RefreshResult) -> Iterator[str]:
    outcome_name = "same" if outcome.held else outcome.what
    text = _OUTCOMES["active" if outcome.is_newer else outcome_name]
    if outcome.failures and not outcome.is_newer:
        text = "a source failed; the active metadata stays the same"
    yield f"{text}: {many(outcome.members, 'member')}"
    pending = len(outcome.held) - outcome.rejected
    if pending:
        yield f"a change of {many(pending, 'member')} waits for approval"
    if outcome.rejected and outcome.held:
        yield f"a change of {many(outcome.rejected, 'member')} was rejected"


_OUTCOMES = {
    "same": "nothing is new",
    "active": "newer metadata is active",
    "waiting": "the active metadata stays the same, because newer metadata waits "
    "for approval",
    "rejected": "the active metadata stays the same, because newer metadata was "
    "rejected",
}
