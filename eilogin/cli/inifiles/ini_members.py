"""The sections of an ini file that are members of a federation.

They use ``egg:eilogin`` or ``egg:eilogin#trust``. Their own options set their entityID
and their addresses.
"""

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
    """Whether a section is a member of a federation."""
    return part.entry_point in _ENTRY_POINTS


def parts_of(ini: IniFile) -> list[Part]:
    """All sections that could be members: filters and apps that use eilogin.

    Raises :class:`eilogin.errors.InvalidOptions` if the file cannot be read whole.
    """
    sections = ini.of_kind("filter", "filter-app", "app", "composite")
    pipelines = Pipelines(ini)
    parts = [pipelines.part(section) for section in sections]
    if ini.faults:
        raise InvalidOptions(ini.faults)
    return [part for part in parts if part.entry_point is not None]


def own_of_part(ini: IniFile, part: Part, **instead: str) -> Own:
    """The entity of a section, with or without a federation's metadata.

    The options ``instead`` replace those of the section. Raises
    :class:`eilogin.errors.InvalidOptions`.
    """
    return own_of(options_of_part(OwnOptions, ini, part, **instead))


def options_of_part(
    declared: type[OptionsT], ini: IniFile, part: Part, **instead: str
) -> OptionsT:
    """The options of a section that ``declared`` has; see :func:`own_of_part`."""
    known = {
        option: value
        for option, value in {**part.options, **instead}.items()
        if option in declared.model_fields
    }
    options, faults = config.attempt(declared, str(ini.path), part.title, known)
    if options is None:
        raise InvalidOptions(faults)
    return options


def chosen(ini: IniFile, section: str | None) -> Part:
    """The section of a site that a command means: the named one, or the only one.

    Raises :class:`click.ClickException` if that is ambiguous.
    """
    members = {part.title: part for part in parts_of(ini) if is_member(part)}
    if section is not None and section in members:
        return members[section]
    if section is None and len(members) == 1:
        return next(iter(members.values()))
    known = ", ".join(members) or "none"
    raise click.ClickException(
        f"{ini.path}: which site? --section takes one of: {known}"
    )
