"""The sections of an ini file that are members of a federation."""

import click

from eilogin import config
from eilogin.cli.inifiles.ini_pipelines import Part, Pipelines
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.config import OptionsT
from eilogin.errors import InvalidOptions
from eilogin.federation import Own
from eilogin.federation.local.local_options import OwnOptions, own_of

_ENTRY_POINTS = ("main", "trust")


def is_member(part: Part) -> bool:
    """Return whether a section is a member of a federation."""
    return part.entry_point in _ENTRY_POINTS


def parts_of(ini: IniFile) -> list[Part]:
    """Return all sections that use eilogin; raise InvalidOptions for a faulty file."""
    sections = ini.of_kind("filter", "filter-app", "app", "composite")
    pipelines = Pipelines(ini)
    parts = [pipelines.part(section) for section in sections]
    if ini.faults:
        raise InvalidOptions(ini.faults)
    return [part for part in parts if part.entry_point is not None]


def own_of_part(ini: IniFile, part: Part, **instead: str) -> Own:
    """Make the entity of a section, without the metadata of its federation.

    The options ``instead`` replace those of the section. Raises ``InvalidOptions``.
    """
    return own_of(options_of_part(OwnOptions, ini, part, **instead))


def options_of_part(
    declared: type[OptionsT], ini: IniFile, part: Part, **instead: str
) -> OptionsT:
    """Read the options of a section that ``declared`` has; see :func:`own_of_part`."""
    values = {
        option: value
        for option, value in {**part.options, **instead}.items()
        if option in declared.model_fields
    }
    options, faults = config.attempt(declared, str(ini.path), part.title, values)
    if options is None:
        raise InvalidOptions(faults)
    return options


def chosen(ini: IniFile, section: str | None) -> Part:
    """Return the site of the named section, or the only site, or raise an error."""
    members = {part.title: part for part in parts_of(ini) if is_member(part)}
    if section is not None and section in members:
        return members[section]
    if section is None and len(members) == 1:
        return next(iter(members.values()))
    titles = ", ".join(members) or "none"
    raise click.ClickException(
        f"{ini.path}: which site? --section takes one of: {titles}"
    )
