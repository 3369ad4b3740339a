"""``eilogin join``: prepare a site to become a member of a federation."""

from pathlib import Path

import click

from eilogin.cli.commands.joining.existing_sections import (
    require_same,
    require_same_headers,
)
from eilogin.cli.commands.joining.ini_file_change import IniFileChange, change_of
from eilogin.cli.commands.joining.join_questions import JoinWish, with_application
from eilogin.cli.commands.joining.joined_files import make_files, print_remaining_steps
from eilogin.cli.inifiles.pipeline_wrapping import Host
from eilogin.cli.terminal.prompts import require_yes
from eilogin.cli.terminal.reports import reporting_errors

_NEW_FILE = "site.ini"


def join_site(  # noqa: PLR0913 - one for each option
    wrap: Path | None,
    app: str | None,
    folder: Path | None,
    section: str | None,
    headers: tuple[str, ...],
    *,
    kind: str,
    dry_run: bool,
    yes: bool,
    **filter_options: str | Path | None,
) -> None:
    """Make the files of a site that joins a federation."""
    with reporting_errors():
        wish = JoinWish(wrap, app, folder, section or "", kind, filter_options, headers)
        _join(wish, dry_run=dry_run, yes=yes)


def _join(wish: JoinWish, *, dry_run: bool, yes: bool) -> None:
    wish = with_application(wish)
    folder = wish.folder or (wish.wrap.parent if wish.wrap else Path())
    ini = wish.wrap or folder / _NEW_FILE
    host = Host.read(ini, wish.section) if ini.exists() else None
    if host is not None and host.guards:
        require_same(host, wish)
        require_same_headers(host, wish.headers)
        click.echo(f"{ini}: contains eilogin already")
    else:
        change = change_of(wish, ini, folder, host)
        _change_file(change, dry_run=dry_run, yes=yes)
    if dry_run:
        click.echo("\nNothing was written (--dry-run).")
        return
    for line in make_files(Host.read(ini, wish.section), wish.kind):
        click.echo(line)
    print_remaining_steps(ini)


def _change_file(change: IniFileChange, *, dry_run: bool, yes: bool) -> None:
    for line in change.lines:
        click.echo(line)
    if dry_run:
        return
    if not yes:
        require_yes(f"\nWrite {change.path}?")
    click.echo(change.carry_out())
