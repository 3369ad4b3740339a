"""``eilogin sessions end FILE``: end all sessions of a person, or at a participant.

Names come from standard input, because all users of the machine can see an argument,
and the shell's history keeps it. No output and no log repeats a name.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import click

from eilogin import config
from eilogin.cli.commands.command_setup import set_up_logging, variables_of
from eilogin.cli.commands.running.loaded_members import (
    Member,
    members_of,
    require_store,
)
from eilogin.cli.commands.running.participant_end import end_at_participant
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.reports import many, reporting_errors
from eilogin.filters.login_options import LoginOptions
from eilogin.hub.hub_jobs import EndedSessions

#: Exit codes: a peer has not confirmed; nobody is signed in.
UNCONFIRMED, NOBODY = 3, 4
#: A NameID has at most 256 characters (SAML core 8.3.7).
_LONGEST_NAME = 1024


def end_sessions(  # noqa: PLR0913 - one for each option
    file: Path,
    variables: Sequence[str],
    participant: str | None,
    section: str | None,
    *,
    by_subject: bool,
    yes: bool,
) -> None:
    """End all sessions of people, or at a participant; exit with 0, 3 or 4."""
    if by_subject == (participant is not None):
        raise click.UsageError(
            "whose sessions? Expected --subject, which reads names from standard "
            "input, or --participant ENTITYID"
        )
    if not all("=" in variable for variable in variables):
        # The value may be somebody's name or number, so no message repeats it.
        raise click.UsageError(
            "found a name in the command, where all users of the machine can see "
            "it. Expected --subject, and the name on standard input"
        )
    ini = IniFile.read(file, variables_of(variables))
    member = _choose(ini, members_of(ini, variables_of(variables)), section)
    with reporting_errors():
        if "loggers" in ini.sections:
            set_up_logging(ini)
        hub_or_site = member.hub() if member.is_hub else member.site()
        require_store(member.own.entity_id, hub_or_site.sessions)
        if participant is None:
            exit_codes = [_end(member, name, line) for line, name in _names(sys.stdin)]
        else:
            exit_codes = [_end_at_participant(member, participant, is_sure=yes)]
    if not exit_codes:
        raise click.ClickException("no name was given; nothing was done")
    raise SystemExit(max(exit_codes))


def _choose(ini: IniFile, members: Sequence[Member], section: str | None) -> Member:
    """Return the named member, or else the only hub, or else the only member."""
    if section is not None:
        matches = [member for member in members if member.title == section]
    else:
        hubs = [member for member in members if member.is_hub]
        matches = hubs or list(members)
    if len(matches) == 1:
        return matches[0]
    titles = ", ".join(member.title for member in members) or "none"
    raise click.ClickException(
        f"{ini.path}: which member? --section takes one of: {titles}"
    )


def _names(stream: TextIO) -> Iterator[tuple[str, str]]:
    """Yield ``line N: `` or "" for messages, and a name, until the input ends."""
    number = 0
    while True:
        number += 1
        if stream.isatty():
            line = click.prompt(
                "Name (Enter to stop)", default="", show_default=False, err=True
            )
        else:
            line = stream.readline(_LONGEST_NAME + 2)
        name = line.strip()
        if len(name) > _LONGEST_NAME:
            raise click.ClickException(
                f"a name has more than {_LONGEST_NAME} characters"
            )
        if name:
            yield ("" if stream.isatty() else f"line {number}: "), name
        elif not line or stream.isatty():
            return


def _end(member: Member, name: str, line: str) -> int:
    end = _end_at_hub if member.is_hub else _end_at_site
    return end(member, name, line)


def _end_at_participant(member: Member, entity_id: str, *, is_sure: bool) -> int:
    if not member.is_hub:
        raise click.UsageError("--participant works only with the file of a hub")
    return (
        0
        if end_at_participant(member.hub(), entity_id, is_sure=is_sure)
        else UNCONFIRMED
    )


def _end_at_hub(member: Member, name: str, line: str) -> int:
    hub, hub_above = member.hub(), member.hub_above()
    results = [hub.end(subject, hub_above) for subject in hub.called(name)]
    if not any(result.sessions for result in results):
        return _print_nobody(line)
    for result in results:
        _print_ended(result, line)
    is_confirmed = all(result.is_above_notified for result in results)
    is_confirmed &= not any(result.waiting or result.unreachable for result in results)
    return 0 if is_confirmed else UNCONFIRMED


def _print_ended(result: EndedSessions, line: str) -> None:
    sessions = many(result.sessions, "session")
    participants = many(len(result.reached), "participant")
    click.echo(f"{line}{sessions} ended; {participants} confirmed it")
    for entity_id in result.waiting:
        click.echo(f"  no confirmation yet, will retry: {entity_id}")
    for entity_id in result.unreachable:
        click.echo(f"  cannot be reached (see the log): {entity_id}")
    if not result.is_above_notified:
        click.echo("  the hub above has not confirmed the logout (see the log)")


def _end_at_site(member: Member, name: str, line: str) -> int:
    site = member.site()
    logins = site.called(name, _sources(member))
    if not logins:
        return _print_nobody(line)
    is_everywhere = site.end(logins)
    outcome = (
        "the hub has confirmed that all participants ended theirs"
        if is_everywhere
        else "the hub has not confirmed that all participants ended theirs (see the "
        "log)"
    )
    click.echo(f"{line}{many(len(logins), 'session')} ended; {outcome}")
    return 0 if is_everywhere else UNCONFIRMED


def _sources(member: Member) -> Sequence[str]:
    login_parts = [
        part for part in member.parts if part.entry_point in ("main", "login")
    ]
    subject = login_parts[0].options.get("subject") if login_parts else None
    return config.read(
        LoginOptions, {}, {"subject": subject} if subject else {}
    ).subject


def _print_nobody(line: str) -> int:
    click.echo(f"{line}nobody with that name is signed in here")
    return NOBODY
