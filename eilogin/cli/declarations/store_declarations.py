"""``eilogin store``: show the stores of an ini file, and back them up."""

from pathlib import Path
from typing import Any

import click

from eilogin.cli.declarations.shared_parameters import FILE

_SECTION = click.option(
    "--section",
    help="Only the store of this section, such as filter:eilogin.",
)


@click.group("store", short_help="Look into a store, back it up, end its sessions.")
def store_command() -> None:
    """Look into the stores of a paste ini file, back them up, end their sessions.

    Each command reads the ini FILE and finds its stores. Several sections with the
    same store count as one. Servers may run meanwhile.

    \b
        eilogin store show app.ini               count sessions and bytes
        eilogin store backup app.ini nightly.db  back up a store of SQLite
        eilogin store restore app.ini nightly.db restore that backup
        eilogin store end-all app.ini            sign everybody out
    """  # noqa: D301 - \b is click's sign for "do not wrap"


@store_command.command("show", short_help="Show what is in a store.")
@FILE
@_SECTION
def show_command(**values: Any) -> None:
    """Show how many sessions and bytes are in the stores of an ini FILE.

    \b
        eilogin store show app.ini
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.store_command import show_stores

    show_stores(**values)


@store_command.command("backup", short_help="Back up a store of SQLite.")
@FILE
@click.argument("to", type=click.Path(path_type=Path))
@_SECTION
def backup_command(**values: Any) -> None:
    """Write a backup of the store of an ini FILE to the file TO.

    \b
        eilogin store backup app.ini nightly.db

    The backup records which messages were used, and which sessions a logout has
    ended. It has no sessions, because a restore ends every session. It can have
    records of visitors that last an hour, such as kept forms and logout receipts. So
    protect it like the store. If TO is an earlier backup, the command replaces it.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.store_command import back_up

    back_up(**values)


@store_command.command("restore", short_help="Restore a backup of a store of SQLite.")
@FILE
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path))
@_SECTION
def restore_command(**values: Any) -> None:
    """Restore the backup FROM into the store of an ini FILE, and end its sessions.

    \b
        eilogin store restore app.ini nightly.db

    A session that ended after the backup must not live again. So the command ends all
    sessions, and eilogin then rejects every Response from before this moment. The
    records of used messages in the store and in the backup are merged. Running
    servers see the change with their next request.

    The command refuses a store that cannot be read. In that case stop the servers,
    move the store away with the files beside it (-wal, -shm), and restore: that makes
    a new store.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.store_command import restore

    restore(**values)


@store_command.command("end-all", short_help="End every session.")
@FILE
@_SECTION
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def end_all_command(**values: Any) -> None:
    """End every session in the stores of an ini FILE: everybody has to log in again.

    \b
        eilogin store end-all app.ini

    Run it after you have restored the data of a server (Redis: RDB or AOF) or a whole
    machine, because sessions that had ended would live again. Run it also after you
    have moved a site to another prefix or an empty database. eilogin then rejects
    every Response from before this moment, because the records of used messages are
    lost too.

    All sites that share the store lose their sessions: all sections of the file
    with that store, also those that --section does not name, and sites of other ini
    files. Sites and hubs with another store keep their sessions, and get no message.
    Pending logouts of a hub are deleted.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.store_command import end_all

    end_all(**values)
