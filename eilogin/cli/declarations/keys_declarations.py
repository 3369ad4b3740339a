"""``eilogin keys``: make, list and check the keys of a site."""

from pathlib import Path
from typing import Any

import click

from eilogin.cli.declarations.shared_parameters import FILE, SITE_SECTION
from eilogin.cli.terminal.key_kinds import KEY_KINDS


def _instant(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    # A shell asks for completions: there may be no value yet.
    if context.resilient_parsing or value is None:
        return None
    from eilogin.federation.local.local_keys import read_instant

    try:
        return read_instant(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


@click.group("keys", short_help="Make and replace the keys of a site.")
def keys_command() -> None:
    """Make and replace the keys of a site.

    \b
        eilogin keys new app.ini       make the next key; it does not sign yet
        eilogin keys ready app.ini     check whether all peers know it
        eilogin keys list app.ini      list all keys and their use now
        eilogin keys calendar app.ini  list the dates of keys and certificates
    """  # noqa: D301 - \b is click's sign for "do not wrap"


@keys_command.command("new", short_help="Make the next key of a site.")
@FILE
@SITE_SECTION
@click.option(
    "--from",
    "begins",
    callback=_instant,
    help="Start: the key signs from then on (UTC).",
)
@click.option(
    "--until",
    "ends",
    callback=_instant,
    help="End: the key is published until then (UTC).",
)
@click.option("--name", help="Name of its files. [default: the day on which it starts]")
@click.option(
    "--kind",
    type=click.Choice(KEY_KINDS),
    default="rsa",
    help="Kind of the key. Every peer accepts RSA (3072 bits); not "
    "every peer accepts a curve.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="For a site with a single key: new folder for that key and the next.",
)
def new_command(**values: Any) -> None:
    """Make the next key of a site of FILE, and its certificate.

    \b
        eilogin keys new app.ini
        eilogin keys new app.ini --folder keys    if the site has a single key

    A running site publishes the new key in its metadata within seconds. It signs with
    that key from --from on: 30 days from now, or a day before the last key expires.
    If --folder makes the first folder of a site, restart the site. The command
    overwrites no file.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.keys.new_key import make_next_key

    make_next_key(**values)


@keys_command.command("ready", short_help="Check whether peers know our keys.")
@FILE
@SITE_SECTION
@click.option(
    "--metadata-only", is_flag=True, help="Check only the metadata; ask no hub."
)
@click.option("--hub", "hubs", multiple=True, help="Ask only this hub (its entityID).")
def ready_command(**values: Any) -> None:
    """Check whether peers know the keys of a site of FILE, the next key too.

    \b
        eilogin keys ready app.ini
        eilogin keys ready app.ini --metadata-only    without questions to hubs

    The command fetches the federation's metadata, which must contain each of our
    keys. Then it asks each of our hubs whether it has read that metadata: by a
    passive AuthnRequest that the key signs. That request signs nobody in, and no
    person sees it. One more request has a signature by an unknown key, to see whether
    the hub verifies signatures; the hub may log a refusal.

    The exit code is 0 if all peers know all keys. It is 1 if one key is not known, or
    if the command cannot find out.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.keys.key_ready import check_readiness

    check_readiness(**values)


@keys_command.command("list", short_help="List the keys of a site.")
@FILE
@SITE_SECTION
def list_command(**values: Any) -> None:
    """List the keys of a site of FILE: the use of each now, its start and its end.

    \b
        eilogin keys list app.ini
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.keys.key_list import list_keys

    list_keys(**values)


@keys_command.command("calendar", short_help="List the dates of keys and certificates.")
@click.argument("file", metavar="FILE|DIR", type=click.Path(path_type=Path))
@SITE_SECTION
@click.option("--ical", is_flag=True, help="Print iCalendar, with reminders.")
def calendar_command(**values: Any) -> None:
    """List the dates of a site of FILE: starts of keys, ends of certificates.

    \b
        eilogin keys calendar app.ini
        eilogin keys calendar app.ini --ical > keys.ics

    If the metadata can be read, the list has the dates of your hubs too. For the
    folder DIR of a federation, it has those of the operator and of all members.
    --ical prints a calendar to import, with reminders 60, 30 and 7 days before an
    end.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.keys.key_calendar import print_calendar

    print_calendar(**values)
