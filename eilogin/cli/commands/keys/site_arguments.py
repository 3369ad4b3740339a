"""Read the site for commands whose arguments are FILE and --section."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from eilogin.cli.inifiles.ini_members import chosen
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.reports import reporting_errors


def of_a_site(function: Callable[..., None]) -> Callable[..., None]:
    """Call a function with the site of FILE and --section, and report errors."""

    @wraps(function)
    def command(file: Path, section: str | None, **options: Any) -> None:
        with reporting_errors():
            ini = IniFile.read(file)
            function(ini, chosen(ini, section), **options)

    return command
