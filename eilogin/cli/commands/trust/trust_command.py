"""``eilogin trust``: show the active metadata, and decide on pending changes.

A change that is pending at several sites of a file has one ID and needs one approval.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from eilogin.cli.commands.trust.site_refresh import refresh_site
from eilogin.cli.commands.trust.trust_decisions import (
    approve_case,
    decide_on,
    reject_case,
    require_approvable,
)
from eilogin.cli.commands.trust.trust_reports import active_lines, pending_lines
from eilogin.cli.commands.trust.trust_sites import sites_of, sites_with_change
from eilogin.cli.terminal.reports import escaped, reporting_errors
from eilogin.saml.printable_text import printable


def show_active(file: Path, variables: Sequence[str], section: str | None) -> None:
    """Print the active metadata of each site, and its sources."""
    with reporting_errors():
        for site in sites_of(file, variables, section):
            click.echo(f"{site.part.title} ({site.entity_id})")
            for line in active_lines(site):
                click.echo(f"  {printable(line)}")


def show_pending(
    file: Path, variables: Sequence[str], section: str | None, *, is_all: bool
) -> None:
    """Print the changes that wait for approval."""
    with reporting_errors():
        pending = [
            (site, quarantine)
            for site in sites_of(file, variables, section)
            if (quarantine := site.folder.open_quarantine) is not None
        ]
        for site, quarantine in pending:
            click.echo(
                escaped("\n".join(pending_lines(site, quarantine, is_all=is_all)))
            )
    if not pending:
        click.echo("nothing waits for approval")


def approve(
    file: Path,
    state_id: str,
    variables: Sequence[str],
    section: str | None,
    *,
    is_all: bool,
) -> None:
    """Approve all changes that wait, or the change of one member."""
    with reporting_errors():
        sites = sites_with_change(file, state_id, variables, section)
        require = partial(require_approvable, is_all=is_all)
        decide_on(sites, state_id, approve_case, require)


def reject(
    file: Path, state_id: str, variables: Sequence[str], section: str | None
) -> None:
    """Reject all changes that wait, or the change of one member."""
    with reporting_errors():
        sites = sites_with_change(file, state_id, variables, section)
        decide_on(sites, state_id, reject_case)


def refresh(file: Path, variables: Sequence[str], section: str | None) -> None:
    """Fetch all sources of each site now; exit with 1 if one failed."""
    with reporting_errors():
        are_done = [refresh_site(site) for site in sites_of(file, variables, section)]
    raise SystemExit(0 if all(are_done) else 1)
