"""The arguments that commands for one site share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from eilogin.cli.inifiles.ini_members import chosen
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.reports import reporting_errors

SECTION = click.option(
    "--section",
    help="Section of the site, such as filter:eilogin. Required if "
    "FILE has several sites.",
)


def of_a_site(function: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments FILE and --section, and report errors."""

    @click.argument("file", type=click.Path(path_type=Path))
    @SECTION
    @wraps(function)
    def command(file: Path, section: str | None, **options: Any) -> None:
        with reporting_errors():
            ini = IniFile.read(file)
            function(ini, chosen(ini, section), **options)

    return command
