"""Find the section of an ini file that gave a factory its options."""

import configparser
from collections.abc import Mapping

from eilogin.config.option_declarations import Options


def section_of(
    declared: type[Options], file: str, local_conf: Mapping[str, str]
) -> str:
    """Return the section that contains these values, or "" if that is ambiguous.

    PasteDeploy does not tell a factory its section. Values with a ``%`` are not
    compared, because PasteDeploy has replaced a part of them.
    """
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        # In the encoding of the locale, as PasteDeploy reads it.
        parser.read(file)
    except (configparser.Error, UnicodeDecodeError):
        return ""
    uses = {f"egg:eilogin#{declared.entry_point}"}
    if declared.entry_point == "main":
        uses.add("egg:eilogin")
    fitting = [
        name
        for name in parser.sections()
        if parser.get(name, "use", fallback="") in uses
        and _could_give(dict(parser.items(name)), local_conf)
    ]
    return fitting[0] if len(fitting) == 1 else ""


def _could_give(raw: Mapping[str, str], values: Mapping[str, str]) -> bool:
    return all(
        option in raw and ("%" in raw[option] or raw[option] == value)
        for option, value in values.items()
    )
