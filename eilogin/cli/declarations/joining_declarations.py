"""``eilogin join`` and ``eilogin join-hub``: the files of a new member."""

from pathlib import Path
from typing import Any

import click

from eilogin.cli.declarations.shared_parameters import PROFILE_NAMES
from eilogin.cli.terminal.key_kinds import KEY_KINDS
from eilogin.cli.terminal.prompts import one_line


def _public_url(text: str) -> str:
    from eilogin.cli.commands.joining.join_values import public_url_of

    return public_url_of(text)


def _source(text: str) -> str:
    from eilogin.cli.commands.joining.join_values import source_of

    return source_of(text)


def _headers(
    context: click.Context, _: click.Parameter, lines: tuple[str, ...]
) -> tuple[str, ...]:
    # A shell asks for completions: there may be no value yet.
    if context.resilient_parsing:
        return ()
    from eilogin.cli.commands.joining.join_values import headers_of

    return headers_of("\n".join(lines))


def _existing_file(text: str) -> Path:
    from eilogin.cli.commands.joining.join_values import existing_file

    return existing_file(text)


@click.command("join", short_help="Make the files of a site that joins a federation.")
@click.option(
    "--wrap",
    metavar="INI",
    type=_existing_file,
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
    type=_public_url,
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
    type=_source,
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
    type=click.Choice(PROFILE_NAMES),
    help="Interface of your hub; digid is exactly that of DigiD.  [saml]",
)
@click.option(
    "--header",
    "headers",
    metavar="LINE",
    multiple=True,
    callback=_headers,
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
    type=click.Choice(KEY_KINDS),
    default="rsa",
    help="Kind of the key. Every hub accepts RSA (3072 bits); not "
    "every hub accepts a curve. Peers cannot encrypt for a curve.",
)
@click.option("--dry-run", is_flag=True, help="Show the files, and do not write them.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
def join_command(**values: Any) -> None:
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
    from eilogin.cli.commands.joining.join_command import join_site

    join_site(**values)


@click.command(
    "join-hub", short_help="Make the files of a hub that joins a federation."
)
@click.option(
    "--public-url",
    metavar="URL",
    type=_public_url,
    required=True,
    help="Address of the hub, such as https://inloggen.example.nl.",
)
@click.option(
    "--back-channel-url",
    metavar="URL",
    type=_public_url,
    help="Address for servers, if it has another host or port.",
)
@click.option(
    "--name",
    metavar="TEXT",
    type=one_line,
    help="Name of the hub for people.  [the host name]",
)
@click.option(
    "--federation",
    metavar="URL|FILE",
    type=_source,
    help="Metadata of the federation.  [federation.xml in the folder]",
)
@click.option(
    "--operator-certificate",
    metavar="FILE",
    type=Path,
    help="Certificate of the federation's operator.  [operator.crt in the folder]",
)
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder for hub.ini and all other files.  [the current folder]",
)
@click.option(
    "--kind",
    type=click.Choice(KEY_KINDS),
    default="rsa",
    help="Kind of the key. Every participant accepts RSA (3072 bits); "
    "not every one accepts a curve.",
)
@click.option("--dry-run", is_flag=True, help="Show the files, and do not write them.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
def join_hub_command(**values: Any) -> None:
    """Make the files of a hub that joins a federation.

    The command makes hub.ini, a key with its certificate, the secret for its NameIDs,
    an empty list of citizens, and the metadata for the operator. It overwrites no
    file; a second run makes only what is missing.

    \b
        eilogin join-hub --public-url https://inloggen.example.nl
        eilogin join-hub --public-url http://inloggen.localhost:8090 --folder hub
        eilogin join-hub --public-url … --dry-run   show the file first
        eilogin citizen add citizens.json           then add a citizen
        eilogin serve hub.ini

    The manual has more about it: contrib/manual/hub/index.rst.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.joining.join_hub_command import join_hub

    join_hub(**values)
