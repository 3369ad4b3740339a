"""``eilogin options FILTER``: list the options of a filter or app."""

import shutil
import textwrap

import click

from eilogin.cli.inifiles import entry_points
from eilogin.config import OptionDescription, Options, describe, did_you_mean, plain

#: Another name for the entry point ``main``.
_PARTICIPANT_FILTER = "participant"

#: Columns of a line in reference/options.rst, and the fewest for a meaning.
_RST_WIDTH = 88
_NARROWEST = 40


def print_options(name: str | None, *, rst: bool) -> None:
    """Print the options of a filter or app, or of all."""
    declared = entry_points.declared()
    if name == _PARTICIPANT_FILTER:
        name = "main"
    if name is not None and name not in declared:
        names = ", ".join(declared)
        hint = did_you_mean(name, declared)
        raise click.ClickException(f"there is no '{name}'{hint} (there are: {names})")
    selected = declared if name is None else {name: declared[name]}
    render = as_rst if rst else as_columns
    click.echo("\n".join(render(options) for options in selected.values()), nl=False)


def as_columns(options: type[Options]) -> str:
    """Write the options as aligned text, as wide as the terminal."""
    rows = describe(options)
    use = "egg:eilogin" + ("" if options.entry_point == "main" else "#{}")
    lines = [f"use = {use.format(options.entry_point)}", ""]
    width = max((len(row.name) for row in rows), default=0)
    meaning_width = max(_NARROWEST, shutil.get_terminal_size().columns - width - 4)
    for row in rows:
        indent = " " * (width + 4)
        meaning = plain(f"{row.meaning} {_default(row, 'Default', '.')}")
        first_line, *other_lines = textwrap.wrap(
            meaning, meaning_width, break_on_hyphens=False
        )
        lines.append(f"  {row.name:<{width}}  {first_line}")
        lines += [indent + other_line for other_line in other_lines]
    return "\n".join([*lines, ""])


def as_rst(options: type[Options]) -> str:
    """Write the options as a definition list in reStructuredText."""
    return "\n".join(map(_item, describe(options)))


def _item(row: OptionDescription) -> str:
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


def _default(row: OptionDescription, head: str, end: str) -> str:
    if not row.default:
        return ""
    if row.default.startswith("required"):
        text = row.default if head.islower() else row.default.capitalize()
        return f"{text}{end}"
    return (
        f"{head}: ``{row.default}``{end}"
        if row.is_literal
        else (f"{head}: {row.default}{end}")
    )
