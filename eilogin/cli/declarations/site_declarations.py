"""``eilogin check``, ``options``, ``metadata`` and ``citizen``: before the start."""

from pathlib import Path
from typing import Any

import click

from eilogin.cli.declarations.shared_parameters import (
    FILE,
    PROFILE_NAMES,
    SITE_SECTION,
)
from eilogin.cli.terminal.prompts import one_line


@click.command("check", short_help="Find every fault of an ini file.")
@FILE
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a note.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check_command(**values: Any) -> None:
    """Find every fault of a paste ini FILE, without starting anything.

    The command checks options and their values, the order of pipelines, keys and
    certificates, the federation's metadata, the store and the servers. A fault stops
    'eilogin serve'. A note does not: it names something that is probably not
    intended, or that leaves the site open. If the site is not yet a member of its
    federation, the command lists the steps that are left, in order.

    \b
        eilogin check site.ini            for a person
        eilogin check site.ini --strict   before each deployment: no note either
        eilogin check site.ini --json     for a program

    --json prints a list with an object for each finding. Its keys are file, section,
    option, kind (fault, note or step), code and text.

    The exit code is 1 if there is a fault, with --strict also if there is a note;
    else 0.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.check_command import check_file

    check_file(**values)


@click.command("options", short_help="Print the options of a filter or app.")
@click.argument("name", metavar="[FILTER]", required=False)
@click.option(
    "--rst", is_flag=True, help="Print a definition list in reStructuredText."
)
def options_command(**values: Any) -> None:
    """Print the options of FILTER, or of all filters and apps.

    \b
        eilogin options            all
        eilogin options login      those of egg:eilogin#login
        eilogin options main       those of egg:eilogin; "participant" is the same

    FILTER is the NAME of "use = egg:eilogin#NAME".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.options_command import print_options

    print_options(**values)


@click.command("metadata", short_help="Print the metadata of a site.")
@FILE
@click.option(
    "--profile",
    type=click.Choice(PROFILE_NAMES),
    help="Use this profile instead of the one in the section.",
)
@click.option(
    "--proof",
    metavar="WORD",
    help="Print a signed login request with this word. It proves to "
    "the operator that you have the key.",
)
@SITE_SECTION
def metadata_command(**values: Any) -> None:
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
    from eilogin.cli.commands.metadata_command import print_metadata

    print_metadata(**values)


@click.group("citizen", short_help="Add a citizen who can sign in at the hub.")
def citizen_command() -> None:
    """Keep the citizens who can sign in at the hub itself (option 'citizens').

    \b
        eilogin citizen add citizens.json --username anna --name 'Anna de Vries'
    """  # noqa: D301 - \b is click's sign for "do not wrap"


@citizen_command.command("add", short_help="Add a citizen to a file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--username",
    metavar="NAME",
    type=one_line,
    required=True,
    help="Name to log in with. Case does not matter.",
)
@click.option(
    "--name",
    metavar="TEXT",
    type=one_line,
    required=True,
    help="The citizen's full name.",
)
@click.option("--email", metavar="ADDRESS", type=one_line, help="An e-mail address.")
@click.option(
    "--codes/--no-codes",
    "has_codes",
    default=True,
    help="Give the citizen one-time codes in an app. Every level above"
    " basis needs them.",
)
@click.option(
    "--issuer",
    metavar="TEXT",
    type=one_line,
    default="eilogin",
    show_default=True,
    help="Name of this hub in the app.",
)
@click.option(
    "--print",
    "is_printed",
    is_flag=True,
    help="Print the entry, with its secrets, and do not change FILE.",
)
def add_command(**values: Any) -> None:
    """Add a citizen to FILE, the 'citizens' of a hub.

    If FILE is missing, the command makes it. It asks for the password twice, and for
    the BSN, which may stay empty. It stores a hash of the password. It shows the
    secret of the one-time codes once, as a QR code for an app. Then restart the hub:
    it reads FILE at start.

    \b
        eilogin citizen add citizens.json --username anna --name 'Anna de Vries'
        eilogin citizen add citizens.json --username bram --name Bram --no-codes
        eilogin citizen add citizens.json … --print    for a file that you edit

    A script writes the password on the first line of standard input, and the BSN, if
    any, on the second. Other users of the machine cannot see them there.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.citizen_command import add_citizen

    add_citizen(**values)
