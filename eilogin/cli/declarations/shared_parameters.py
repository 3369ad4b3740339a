"""The arguments, options and choices that several commands share."""

from pathlib import Path

import click

FILE = click.argument("file", type=click.Path(path_type=Path))
VARIABLES = click.argument("variables", nargs=-1, metavar="[NAME=VALUE]...")
SITE_SECTION = click.option(
    "--section",
    help="Section of the site, such as filter:eilogin. Required if "
    "FILE has several sites.",
)

#: The names of the profiles; a test compares them with those of ``profiles``.
PROFILE_NAMES = ("saml", "digid")
