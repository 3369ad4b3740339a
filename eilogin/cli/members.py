"""The sections of an ini file that are members of a federation.

They are those that use ``egg:eilogin`` or ``egg:eilogin#trust``; what they are called
in the federation, and where, comes from their own options.
"""

from eilogin import settings
from eilogin.cli.inifile import IniFile
from eilogin.cli.pipelines import Part, Pipelines
from eilogin.errors import InvalidOptions
from eilogin.federation import Own
from eilogin.federation.own_options import OwnOptions, own_of

_ENTRY_POINTS = ("main", "trust")


def is_member(part: Part) -> bool:
    """Whether a section is a member of a federation."""
    return part.entry_point in _ENTRY_POINTS


def parts_of(ini: IniFile) -> list[Part]:
    """All sections that could be members: filters and apps that use eilogin.

    Raises :class:`eilogin.errors.InvalidOptions` where the file cannot be read whole.
    """
    sections = ini.of_kind("filter", "filter-app", "app", "composite")
    pipelines = Pipelines(ini)
    parts = [pipelines.part(section) for section in sections]
    if ini.faults:
        raise InvalidOptions(ini.faults)
    return [part for part in parts if part.entry_point is not None]


def own_of_part(ini: IniFile, part: Part, **instead: str) -> Own:
    """Who a section is, whether or not there is a federation's metadata yet.

    ``instead`` are options that hold and not those of the section. Raises
    :class:`eilogin.errors.InvalidOptions`.
    """
    known = {
        option: value
        for option, value in {**part.options, **instead}.items()
        if option in OwnOptions.model_fields
    }
    file = str(ini.path)
    options, faults = settings.attempt(OwnOptions, file, part.title, known)
    if options is None:
        raise InvalidOptions(faults)
    return own_of(options)
