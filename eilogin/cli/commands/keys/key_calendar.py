"""``eilogin keys calendar FILE``: the dates of keys and certificates."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click

from eilogin import clock
from eilogin.cli.commands.keys.key_list import day_of
from eilogin.cli.commands.keys.key_ready import trust_at_sources
from eilogin.cli.inifiles.ini_members import chosen, options_of_part, own_of_part
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.icalendar import Event, as_ical
from eilogin.cli.terminal.reports import reporting_errors
from eilogin.errors import EiloginError
from eilogin.federation import Membership, Own
from eilogin.federation.members import certificate_expiry
from eilogin.federation.members.certificate_expiry import key_endings
from eilogin.federation.members.expiry_alarms import Expiry
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.registry import Folder, endings_of
from eilogin.saml.printable_text import printable


def print_calendar(file: Path, section: str | None, *, ical: bool) -> None:
    """Print the dates of a site, or of the folder of a federation."""
    with reporting_errors():
        if file.is_dir():
            _print_calendar(*_federation_calendar(Folder(file)), ical=ical)
            return
        ini = IniFile.read(file)
        part = chosen(ini, section)
        own = own_of_part(ini, part)
        host = urlsplit(own.public_url).hostname or ""
        events = _events(own, _endings(ini, part, own))
        _print_calendar(own.entity_id, host, events, ical=ical)


def _print_calendar(
    name: str, host: str, events: Iterable[Event], *, ical: bool
) -> None:
    future_events = sorted(
        (event for event in events if event.at >= clock.now()),
        key=lambda event: (event.at, event.name),
    )
    if ical:
        click.echo(as_ical(name, host, future_events), nl=False)
        return
    for event in future_events:
        click.echo(printable(f"{day_of(event.at)}  {event.text}"))


def _federation_calendar(folder: Folder) -> tuple[str, str, Iterator[Event]]:
    name = folder.options.name
    host = urlsplit(folder.options.publisher).hostname or name
    return name, host, map(_ending_event, endings_of(folder))


def _endings(ini: IniFile, part: Part, own: Own) -> Iterator[Expiry]:
    yield from key_endings(own.keys)
    options, federation = None, Membership()
    hubs: Sequence[str] = ()
    try:
        options = options_of_part(TrustOptions, ini, part)
        trust = trust_at_sources(options)
        federation, hubs = trust.federation, trust.hub_ids
    except EiloginError as error:
        click.echo(
            f"cannot read the metadata, so the dates of others are missing: {error}",
            err=True,
        )
    if options is not None:
        yield from certificate_expiry.endings_of(options, own, federation, hubs)


def _events(own: Own, endings: Iterable[Expiry]) -> Iterator[Event]:
    for key in own.keys if len(own.keys) > 1 else ():
        if key.signs:
            text = f"key {key.name} signs from now on; check before: eilogin keys ready"
            yield Event(key.begins, f"begins {key.name}", text, (7,))
        text = f"key {key.name} has ended: our metadata no longer contains it"
        yield Event(key.ends, f"ends {key.name}", text)
    yield from map(_ending_event, endings)


def _ending_event(ending: Expiry) -> Event:
    name = f"ends {ending.peer} {ending.name}"
    text = f"{ending.subject} ends: {ending.cure}"
    # A signature lasts for days, and a certificate for years.
    reminders = (3, 1) if ending.option == "signed" else (60, 30, 7)
    return Event(ending.ends, name, text, reminders)
