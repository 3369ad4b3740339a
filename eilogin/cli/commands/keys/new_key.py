"""``eilogin keys new FILE``: make the next key of a site."""

from pathlib import Path

import click

from eilogin import clock
from eilogin.cli.commands.keys.key_list import day_of
from eilogin.cli.commands.keys.new_key_files import (
    PlannedKey,
    folder_for_keys,
    lines_to_write,
    make_key_folder,
    present_key_name,
    write_planned_key,
)
from eilogin.cli.commands.keys.site_arguments import of_a_site
from eilogin.cli.inifiles.ini_members import options_of_part, own_of_part
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.federation.local.local_keys import NAME, last_in_line
from eilogin.federation.local.local_options import OwnOptions
from eilogin.shell_quoting import typed

_DAY = 86400.0
#: Seconds until the first signature. Peers read metadata once a day, and their
#: administrators may be on holiday.
_NOTICE = 30 * _DAY
#: The shortest such time, also after the end of the last key.
_SHORTEST_NOTICE = 2 * _DAY
#: Below this, some peers may not know the key when it signs.
_SHORT_NOTICE = 7 * _DAY
#: Seconds.
_VALIDITY = 3 * 365 * _DAY


@of_a_site
def make_next_key(  # noqa: PLR0913 - what can be said of a key
    ini: IniFile,
    part: Part,
    *,
    begins: float | None,
    ends: float | None,
    name: str | None,
    kind: str,
    folder: Path | None,
) -> None:
    """Make the next key of a site, and its certificate."""
    options = options_of_part(OwnOptions, ini, part)
    own = own_of_part(ini, part)
    key_folder = folder_for_keys(part, options, folder)
    key = _plan(options, begins, ends, name)
    is_current = options.keys is None and key.name == present_key_name(options)
    if is_current or (key_folder / f"{key.name}.key").exists():
        existing = "the current key" if is_current else "an existing file"
        raise click.ClickException(
            f"{key_folder / key.name}.key is {existing}; expected another name (--name)"
        )
    if options.keys is None:
        make_key_folder(key_folder, options, own)
    write_planned_key(key_folder, key, own, kind)
    click.echo(
        f"{key_folder / key.name}.key and .crt: signs from {day_of(key.begins)} until"
        f" {day_of(key.ends)} (UTC)"
    )
    if options.keys is None:
        click.echo(lines_to_write(ini, part, key_folder, options))
    if key.begins - clock.now() < _SHORT_NOTICE:
        click.echo(_SHORT_NOTICE_TEXT, err=True)
    first = _WITHOUT_RESTART if options.keys else _AFTER_RESTART
    metadata = typed("eilogin metadata", ini.path)
    ready = typed("eilogin keys ready", ini.path)
    day = day_of(key.begins)
    click.echo(_STEPS.format(first=first, metadata=metadata, day=day, ready=ready))


_SHORT_NOTICE_TEXT = (
    "That is less than a week. A peer that has not read our metadata by then rejects "
    "what we sign.\nYou can set a later 'from' in keys.ini, if the key before it is "
    "valid for longer.\n"
)
_AFTER_RESTART = "restart the site: its metadata"
_WITHOUT_RESTART = "within seconds, without a restart, the metadata of the site"
_STEPS = (
    "Then:\n1. {first} contains the new key; the old one still signs\n2. give the "
    "metadata to the operator of the federation: {metadata}\n3. before {day}, check "
    "whether all peers know the key: {ready}"
)


def _plan(
    options: OwnOptions, begins: float | None, ends: float | None, name: str | None
) -> PlannedKey:
    now = clock.now()
    if begins is None:
        last_key = last_in_line([key for key in options.own_keys if key.signs])
        latest = max(now + _SHORTEST_NOTICE, last_key.ends - _DAY)
        begins = min(_midnight(now + _NOTICE), _midnight(latest))
    ends = begins + _VALIDITY if ends is None else ends
    if not max(begins, now) < ends:
        raise click.ClickException(
            f"--until: expected a future day, after {day_of(begins)}, found "
            f"{day_of(ends)}"
        )
    name = f"{clock.utc(begins):%Y-%m-%d}" if name is None else name
    if not NAME.fullmatch(name):
        raise click.ClickException(
            f"--name: expected letters, digits, '.', '_' and '-', found {name!r}"
        )
    return PlannedKey(name, begins, ends)


def _midnight(instant: float) -> float:
    return instant - instant % _DAY
