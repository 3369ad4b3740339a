"""``eilogin join``: prepare a site to become a member of a federation."""

from pathlib import Path

import click

from eilogin.cli.commands.joining.existing_sections import (
    require_same,
    require_same_headers,
)
from eilogin.cli.commands.joining.ini_file_change import IniFileChange, change_of
from eilogin.cli.commands.joining.join_questions import JoinWish, with_application
from eilogin.cli.commands.joining.join_values import (
    existing_file,
    headers_of,
    public_url_of,
    source_of,
)
from eilogin.cli.commands.joining.joined_files import make_files, print_remaining_steps
from eilogin.cli.inifiles.pipeline_wrapping import Host
from eilogin.cli.terminal.command_files import KINDS
from eilogin.cli.terminal.prompts import one_line, require_yes
from eilogin.cli.terminal.reports import reporting_errors
from eilogin.federation.local.profiles import PROFILES

_NEW_FILE = "site.ini"


@click.command("join", short_help="Make the files of a site that joins a federation.")
@click.option(
    "--wrap",
    metavar="INI",
    type=existing_file,
    help="Paste ini file of your application, such as production.ini. "
    "eilogin is put in front of its app. Or:",
)
@click.option(
    "--app",
    metavar="NAME",
    type=one_line,
    help="Application without an ini file: MODULE:CALLABLE, such as "
    "mysite.wsgi:application, or egg:PROJECT. The command makes "
    "site.ini.",
)
@click.option(
    "--public-url",
    metavar="URL",
    type=public_url_of,
    help="Address of your site, such as https://mijn.example.nl.",
)
@click.option(
    "--name",
    metavar="TEXT",
    type=one_line,
    help="Name of the site for people.  [the host name]",
)
@click.option(
    "--federation",
    metavar="URL|FILE",
    type=source_of,
    help="Metadata of the federation; ask the operator for it.  "
    "[federation.xml in the folder]",
)
@click.option(
    "--operator-certificate",
    metavar="FILE",
    type=Path,
    help="Certificate of the federation's operator.  [operator.crt in the folder]",
)
@click.option(
    "--hub",
    metavar="ENTITYID",
    type=one_line,
    help="Hub where your visitors log in, if there are several.",
)
@click.option(
    "--profile",
    type=click.Choice([*PROFILES]),
    help="Interface of your hub; digid is exactly that of DigiD.  [saml]",
)
@click.option(
    "--header",
    "headers",
    metavar="LINE",
    multiple=True,
    callback=lambda _, __, lines: headers_of("\n".join(lines)),
    help="Request header that your application trusts, and its value, "
    "such as 'X-Wiki-Name attribute:name' or 'X-Wiki-* none'. "
    "Repeat the option for every such header.",
)
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the key and all other files.  [that of the ini file]",
)
@click.option(
    "--section",
    metavar="NAME",
    help="Section of the app behind eilogin, such as app:mysite.  [the"
    " one called main]",
)
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="rsa",
    help="Kind of the key. Every hub accepts RSA (3072 bits); not "
    "every hub accepts a curve. Peers cannot encrypt for a curve.",
)
@click.option("--dry-run", is_flag=True, help="Show the files, and do not write them.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
def join_command(  # noqa: PLR0913 - one for each option
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
    """Make the files of a site that joins a federation.

    The command makes a key with its certificate, the metadata for the operator, and
    the lines of an ini file that put eilogin in front of your application. On a
    terminal it asks for each value that you did not give. It shows each change of
    your file, and keeps a copy of that file. It overwrites no file; a second run
    makes only what is missing.

    \b
        eilogin join                        it asks, and explains
        eilogin join --wrap production.ini  in front of the app of that file
        eilogin join --app mysite:app       with a new ini file
        eilogin join … --dry-run            show what it would do
        eilogin join … --kind p-256         with a key of an elliptic curve

    Then it prints the steps that are left, as 'eilogin check' does: send your
    metadata to the operator, get the metadata of the federation, and serve. The
    manual has all steps: contrib/manual/join/index.rst.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
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
