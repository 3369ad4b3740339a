"""``eilogin trust``: show the active metadata, and decide on pending changes."""

from typing import Any

import click

from eilogin.cli.declarations.shared_parameters import FILE, VARIABLES

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
@FILE
@VARIABLES
@_SECTION
def show_command(**values: Any) -> None:
    """Show the active metadata of each site of an ini FILE.

    \b
        eilogin trust show app.ini

    The command prints since when it is active, how many members it has, when each
    source was fetched, what failed, and which changes wait for approval. NAME=VALUE
    works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.trust.trust_command import show_active

    show_active(**values)


@trust_command.command("diff", short_help="Show the pending changes, in words.")
@FILE
@VARIABLES
@_SECTION
@click.option(*_ALL, is_flag=True, help="Show every change.")
def diff_command(**values: Any) -> None:
    """Show the changes that wait for approval, against the active metadata.

    \b
        eilogin trust diff app.ini
        eilogin trust diff app.ini --all

    The reasons come first, and then all changes; "!" marks a change that always
    waits. The command shows 50 changes of each kind, and the number of the others.
    The last lines show what to type. NAME=VALUE works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.trust.trust_command import show_pending

    show_pending(**values)


@trust_command.command("approve", short_help="Approve pending changes.")
@FILE
@_ID
@VARIABLES
@_SECTION
@click.option(
    *_ALL,
    is_flag=True,
    help='Confirm that you have read all changes with "diff --all", if'
    " there are more than 50.",
)
def approve_command(**values: Any) -> None:
    """Approve all changes that wait, or the change of one member, by ID.

    \b
        eilogin trust approve app.ini 5f0c1a2b

    "eilogin trust diff FILE" shows the IDs. An approved change is active at once, in
    all processes within a second. If other changes wait by now, the command refuses:
    you cannot approve unseen changes. With "four_eyes = true" two people have to
    approve, each as a system user of their own.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.trust.trust_command import approve

    approve(**values)


@trust_command.command("reject", short_help="Reject pending changes.")
@FILE
@_ID
@VARIABLES
@_SECTION
def reject_command(**values: Any) -> None:
    """Reject all changes that wait, or the change of one member, by ID.

    \b
        eilogin trust reject app.ini 5f0c1a2b

    The member keeps its old record, and eilogin does not ask again until the record
    changes again. "eilogin trust diff FILE" shows the IDs.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.trust.trust_command import reject

    reject(**values)


@trust_command.command("refresh", short_help="Fetch the sources now.")
@FILE
@VARIABLES
@_SECTION
def refresh_command(**values: Any) -> None:
    """Fetch all sources of each site of an ini FILE now, and print the result.

    \b
        eilogin trust refresh app.ini

    New metadata is active at once, or waits for approval, as at every refresh. The
    exit code is 1 if a source failed. NAME=VALUE works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.trust.trust_command import refresh

    refresh(**values)
