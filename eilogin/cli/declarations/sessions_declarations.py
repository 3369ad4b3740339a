"""``eilogin sessions``: end the sessions of a person, or at a participant."""

from typing import Any

import click

from eilogin.cli.declarations.shared_parameters import FILE, VARIABLES


@click.group("sessions", short_help="End the sessions of a person or a participant.")
def sessions_command() -> None:
    """End sessions at the site or hub of an ini FILE, and at all participants.

    \b
        eilogin sessions end hub.ini --subject   asks for a name, or reads names
        eilogin sessions end hub.ini --participant https://uwv.example.nl/eilogin/metadata
    """  # noqa: D301 - \b is click's sign for "do not wrap"


@sessions_command.command(
    "end", short_help="End all sessions of a person or a participant."
)
@FILE
@VARIABLES
@click.option(
    "--subject",
    "by_subject",
    is_flag=True,
    help="Read names from standard input, one on each line.",
)
@click.option(
    "--participant",
    metavar="ENTITYID",
    help="At a hub: end the sessions of all people at this participant only.",
)
@click.option(
    "--yes", is_flag=True, help="With --participant: do not ask for confirmation."
)
@click.option(
    "--section",
    help="Section of the site or hub, such as filter:eilogin, if FILE has several.",
)
def end_command(**values: Any) -> None:
    """End all sessions of a person at the hub or site of an ini FILE, and everywhere.

    \b
        eilogin sessions end hub.ini --subject
        eilogin sessions end hub.ini --participant https://uwv.example.nl/eilogin/metadata

    At a hub, the name is the username of the person, or the NameID by which a
    participant knows them, while they are signed in. The hub sends a LogoutRequest to
    all participants, and retries those that do not answer ("eilogin logouts").

    At a site, the name is the NameID of the person, or the attribute that "subject"
    names; with DigiD also the BSN. With "user = subject" it is also the REMOTE_USER of
    the application, without "user_prefix". The site sends a LogoutRequest to the hub,
    if the hub accepts one over SOAP. If the file has both, the hub's section counts,
    unless --section chooses another.

    With --participant the hub ends all sessions at that participant, of all people.
    Their sessions at the hub and at other participants go on. Use it before you
    remove a participant from the metadata.

    NAME=VALUE works as for "eilogin serve".

    The exit code is 0 if all of it is done, and 1 if it failed. It is 3 if a
    participant or the hub has not confirmed yet, and 4 if a person is not signed in.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.running.sessions_command import end_sessions

    end_sessions(**values)
