"""Variables (``%(name)s``) and logging for commands that read an ini file."""

import logging
import logging.config
from collections.abc import Sequence

import click

from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.errors import ConfigurationError


def variables_of(assignments: Sequence[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` words; raise :class:`click.UsageError` for other words."""
    for assignment in assignments:
        name, equals, _ = assignment.partition("=")
        if not (name and equals):
            raise click.UsageError(f"expected NAME=VALUE, found '{assignment}'")
    return dict(assignment.split("=", 1) for assignment in assignments)


def set_up_logging(ini: IniFile) -> None:
    """Set up logging by the sections of the file, or else to stderr."""
    if "loggers" not in ini.sections:
        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
        )
        return
    try:
        logging.config.fileConfig(
            ini.path, defaults=dict(ini.defaults), disable_existing_loggers=False
        )
    except (RuntimeError, ValueError, KeyError, OSError, ImportError) as error:
        # A KeyError contains only the name of the missing part.
        raise ConfigurationError(f"{ini.path}: [loggers]: {error!r}") from error
