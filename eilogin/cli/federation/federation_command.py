"""``eilogin federation``: the group of the commands of a federation's operator."""

from typing import Any

import click

from eilogin.cli.federation.init_command import init_command
from eilogin.cli.federation.member_commands import (
    add_command,
    list_command,
    remove_command,
    show_command,
)
from eilogin.cli.federation.rollover_command import rollover_command
from eilogin.cli.federation.rules_command import rules_command
from eilogin.cli.federation.signing_commands import (
    diff_command,
    publish_command,
    sign_command,
)
from eilogin.cli.federation.verify_command import verify_command
from eilogin.cli.terminal.reports import reporting_errors


class _Commands(click.Group):
    def invoke(self, context: click.Context) -> Any:
        with reporting_errors():
            return super().invoke(context)


@click.group("federation", cls=_Commands, short_help="Operate a federation.")
def federation_command() -> None:
    """Operate a federation: choose its members and their rules, and sign the metadata.

    A folder DIR holds all of it in plain files; keep it in git. To make a federation:

    \b
        eilogin federation init DIR --name 'My federation'
        eilogin federation add DIR hub.xml      the metadata of a member ("eilogin
        eilogin federation add DIR site.xml       metadata site.ini" prints it)
        eilogin federation sign DIR
        eilogin federation publish DIR /srv/www/federation

    Members then write the address of metadata.xml into their ini files ("federation =
    https://…/metadata.xml"), and DIR/operator.crt as "federation_certificate". Sign
    and publish again after each change, and from a timer well before the signature
    expires: "sign" asks no question.

    \b
        eilogin federation diff DIR             show what is not signed yet
        eilogin federation verify DIR           check everything, and what expires
        eilogin federation rollover DIR         replace the key that signs
    """  # noqa: D301 - \b is click's sign for "do not wrap"


for _command in (
    init_command,
    add_command,
    remove_command,
    list_command,
    show_command,
    rules_command,
    sign_command,
    publish_command,
    diff_command,
    verify_command,
    rollover_command,
):
    federation_command.add_command(_command)
