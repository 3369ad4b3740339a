"""``eilogin keys``: the group of commands that make, list and check keys."""

import click

from eilogin.cli.commands.keys.key_calendar import calendar_command
from eilogin.cli.commands.keys.key_list import list_command
from eilogin.cli.commands.keys.key_ready import ready_command
from eilogin.cli.commands.keys.new_key import new_command


@click.group("keys", short_help="Make and replace the keys of a site.")
def keys_command() -> None:
    """Make and replace the keys of a site.

    \b
        eilogin keys new app.ini       make the next key; it does not sign yet
        eilogin keys ready app.ini     check whether all peers know it
        eilogin keys list app.ini      list all keys and their use now
        eilogin keys calendar app.ini  list the dates of keys and certificates
    """  # noqa: D301 - \b is click's sign for "do not wrap"


for _command in (new_command, ready_command, list_command, calendar_command):
    keys_command.add_command(_command)
