"""``eilogin options FILTER``: what a filter or app understands."""

import shutil
import textwrap
from collections.abc import Sequence

import click

from eilogin.cli import inventory
from eilogin.settings import Described, Options, describe, did_you_mean, plain

_HEADS = ("option", "default", "meaning")

#: As people call the filter of `use = egg:eilogin`, whose name is main.
_FILTER_OF_ALL = "participant"

#: Columns of a table in the manual's options.rst, and of the last column of any table.
_RST_WIDTH = 88
_NARROWEST = 40


@click.command("options", short_help="Print the options of a filter or app.")
@click.argument("name", metavar="[FILTER]", required=False)
@click.option("--rst", is_flag=True, help="As a table in reStructuredText.")
def options_command(name: str | None, *, rst: bool) -> None:
    """Print what FILTER understands in an ini file; without it, all of them.

    FILTER is the NAME of `use = egg:eilogin#NAME`; that of `use = egg:eilogin` is main,
    or participant.
    """
    declared = inventory.declared()
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
        meaning = plain(row.meaning)
        if row.default:
            is_required = row.default == "required"
            told = "required" if is_required else f"default: {plain(row.default)}"
            meaning = f"{meaning} ({told})"
        first, *more = textwrap.wrap(meaning, room, break_on_hyphens=False)
        lines.append(f"  {row.name:<{width}}  {first}")
        lines += [indent + line for line in more]
    return "\n".join([*lines, ""])


def as_rst(options: type[Options]) -> str:
    """The options of one filter or app as a simple table in reStructuredText."""
    rows = [_HEADS, *map(_cells, describe(options))]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    widths.append(max(_NARROWEST, _RST_WIDTH - sum(widths) - 2))
    rule = " ".join("=" * width for width in widths)
    head, *body = [_lines(row, widths) for row in rows]
    return "\n".join([rule, head, rule, *body, rule, ""])


def _cells(row: Described) -> Sequence[str]:
    default = f"``{row.default}``" if row.is_literal else row.default
    return f"``{row.name}``", default, row.meaning


def _lines(row: Sequence[str], widths: Sequence[int]) -> str:
    """One row; a line with an empty first column goes on with the row before it."""
    name, default, meaning = row
    first, *more = textwrap.wrap(meaning, widths[2], break_on_hyphens=False)
    lines = [f"{name:<{widths[0]}} {default:<{widths[1]}} {first}"]
    indent = " " * (sum(widths[:2]) + 2)
    return "\n".join([*lines, *(indent + line for line in more)])
