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

_FILE = click.argument("file", type=click.Path(path_type=Path))
_VARIABLES = click.argument("variables", nargs=-1, metavar="[NAME=VALUE]...")
_ID = click.argument("state_id", metavar="ID")
_ALL = "--all", "is_all"
_SECTION = click.option(
    "--section", help="Only the site of this section, such as filter:eilogin."
)


@click.group("trust", short_help="Look at the metadata, decide on pending changes.")
def trust_command() -> None:
    """Show the active metadata of the federation, and decide on pending changes.

    eilogin compares each refresh with the active metadata. A change that could give
    logins to another party waits until you approve it: for example if the only key of
    a member is replaced. Until then that member keeps its old record, and all others
    follow.

    \b
        eilogin trust show app.ini           since when, which sources, what waits
        eilogin trust diff app.ini           the pending changes, in words
        eilogin trust approve app.ini ID     activate all, or the change of one member
        eilogin trust reject app.ini ID      keep the old record
        eilogin trust refresh app.ini        fetch the sources now
    """  # noqa: D301 - \b is click's sign for "do not wrap"


@trust_command.command("show", short_help="Show the active metadata and its sources.")
@_FILE
@_VARIABLES
@_SECTION
def show_command(file: Path, variables: Sequence[str], section: str | None) -> None:
    """Show the active metadata of each site of an ini FILE.

    \b
        eilogin trust show app.ini

    The command prints since when it is active, how many members it has, when each
    source was fetched, what failed, and which changes wait for approval. NAME=VALUE
    works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with reporting_errors():
        for site in sites_of(file, variables, section):
            click.echo(f"{site.part.title} ({site.entity_id})")
            for line in active_lines(site):
                click.echo(f"  {printable(line)}")


@trust_command.command("diff", short_help="Show the pending changes, in words.")
@_FILE
@_VARIABLES
@_SECTION
@click.option(*_ALL, is_flag=True, help="Show every change.")
def diff_command(
    file: Path, variables: Sequence[str], section: str | None, *, is_all: bool
) -> None:
    """Show the changes that wait for approval, against the active metadata.

    \b
        eilogin trust diff app.ini
        eilogin trust diff app.ini --all

    The reasons come first, and then all changes; "!" marks a change that always
    waits. The command shows 50 changes of each kind, and the number of the others.
    The last lines show what to type. NAME=VALUE works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
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


@trust_command.command("approve", short_help="Approve pending changes.")
@_FILE
@_ID
@_VARIABLES
@_SECTION
@click.option(
    *_ALL,
    is_flag=True,
    help='Confirm that you have read all changes with "diff --all", if'
    " there are more than 50.",
)
def approve_command(
    file: Path,
    state_id: str,
    variables: Sequence[str],
    section: str | None,
    *,
    is_all: bool,
) -> None:
    """Approve all changes that wait, or the change of one member, by ID.

    \b
        eilogin trust approve app.ini 5f0c1a2b

    "eilogin trust diff FILE" shows the IDs. An approved change is active at once, in
    all processes within a second. If other changes wait by now, the command refuses:
    you cannot approve unseen changes. With "four_eyes = true" two people have to
    approve, each as a system user of their own.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with reporting_errors():
        sites = sites_with_change(file, state_id, variables, section)
        require = partial(require_approvable, is_all=is_all)
        decide_on(sites, state_id, approve_case, require)


@trust_command.command("reject", short_help="Reject pending changes.")
@_FILE
@_ID
@_VARIABLES
@_SECTION
def reject_command(
    file: Path, state_id: str, variables: Sequence[str], section: str | None
) -> None:
    """Reject all changes that wait, or the change of one member, by ID.

    \b
        eilogin trust reject app.ini 5f0c1a2b

    The member keeps its old record, and eilogin does not ask again until the record
    changes again. "eilogin trust diff FILE" shows the IDs.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with reporting_errors():
        sites = sites_with_change(file, state_id, variables, section)
        decide_on(sites, state_id, reject_case)


@trust_command.command("refresh", short_help="Fetch the sources now.")
@_FILE
@_VARIABLES
@_SECTION
def refresh_command(file: Path, variables: Sequence[str], section: str | None) -> None:
    """Fetch all sources of each site of an ini FILE now, and print the result.

    \b
        eilogin trust refresh app.ini

    New metadata is active at once, or waits for approval, as at every refresh. The
    exit code is 1 if a source failed. NAME=VALUE works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with reporting_errors():
        are_done = [refresh_site(site) for site in sites_of(file, variables, section)]
    raise SystemExit(0 if all(are_done) else 1)
