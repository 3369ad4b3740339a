"""``eilogin options FILTER``: list the options of a filter or app."""

import shutil
import textwrap

import click

from eilogin.cli.inifiles import entry_points
from eilogin.config import Described, Options, describe, did_you_mean, plain

#: The usual name of the filter `use = egg:eilogin`, whose entry point is main.
_FILTER_OF_ALL = "participant"

#: Columns of a line in reference/options.rst, and the fewest beside the names.
_RST_WIDTH = 88
_NARROWEST = 40


@click.command("options", short_help="Print the options of a filter or app.")
@click.argument("name", metavar="[FILTER]", required=False)
@click.option(
    "--rst", is_flag=True, help="Print a definition list in reStructuredText."
)
def options_command(name: str | None, *, rst: bool) -> None:
    """Print the options of FILTER, or of all filters and apps.

    \b
        eilogin options            all
        eilogin options login      those of egg:eilogin#login
        eilogin options main       those of egg:eilogin; "participant" is the same

    FILTER is the NAME of "use = egg:eilogin#NAME".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    declared = entry_points.declared()
    if name == _FILTER_OF_ALL:
        name = "main"
    if name is not None and name not in declared:
        known = ", ".join(declared)
        hint = did_you_mean(name, declared)
        raise click.ClickException(f"there is no '{name}'{hint} (there are: {known})")
    shown = declared if name is None else {name: declared[name]}
    as_text = as_rst if rst else as_columns
    click.echo("\n".join(as_text(options) for options in shown.values()), nl=False)


def as_columns(options: type[Options]) -> str:
    """The options of one filter or app as aligned text, as wide as the terminal."""
    rows = describe(options)
    use = "egg:eilogin" + ("" if options.entry_point == "main" else "#{}")
    lines = [f"use = {use.format(options.entry_point)}", ""]
    width = max((len(row.name) for row in rows), default=0)
    room = max(_NARROWEST, shutil.get_terminal_size().columns - width - 4)
    for row in rows:
        indent = " " * (width + 4)
        meaning = plain(f"{row.meaning} {_default(row, 'Default', '.')}")
        first, *more = textwrap.wrap(meaning, room, break_on_hyphens=False)
        lines.append(f"  {row.name:<{width}}  {first}")
        lines += [indent + line for line in more]
    return "\n".join([*lines, ""])


def as_rst(options: type[Options]) -> str:
    """The options of one filter or app as a definition list in reStructuredText."""
    return "\n".join(map(_item, describe(options)))


def _item(row: Described) -> str:
    default = _default(row, "default", "")
    term = f"``{row.name}``" + (f" ({default})" if default else "")
    meaning = textwrap.fill(
        row.meaning,
        _RST_WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )
    return f"{term}\n{meaning}\n"


def _default(row: Described, head: str, end: str) -> str:
    """The default in words, or nothing if the option has none."""
    if not row.default:
        return ""
    if row.default.startswith("required"):
        told = row.default if head.islower() else row.default.capitalize()
        return f"{told}{end}"
    return (
        f"{head}: ``{row.default}``{end}"
        if row.is_literal
        else (f"{head}: {row.default}{end}")
    )
