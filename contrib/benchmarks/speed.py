"""Put the tables of the results file into the manual.

    .venv/bin/python contrib/benchmarks/speed.py            write them
    .venv/bin/python contrib/benchmarks/speed.py --check    whether all are as measured

``run.py --form full --write`` measures them, and does this too. A page of the manual
says which tables it wants in a comment in front of a literal block::

    .. measured: request-memory request-sqlite

    ::

        (these lines are replaced)

The words are names of benchmarks. Tables with the same headings become one. ``stamp``
is what was measured, when and on what machine.
"""

import re
import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import click
from measured_tables import Measured, Table, read, texts

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")

_INDENT = "    "
#: A table of a page; the second group has the names.
#: A block of tables on a page; its second group has the names.
BLOCK = re.compile(r"(?m)^(\.\. measured: (.+)\n\n::\n)((?:\n| {4}.*\n)*)")


def pages() -> list[Path]:
    """The pages of the manual that have such tables."""
    return [
        page
        for page in sorted((ROOT / "contrib" / "manual").rglob("*.rst"))
        if BLOCK.search(page.read_text("utf-8"))
    ]


def with_tables(text: str, measured: Mapping[str, Measured]) -> str:
    """A page with the tables as they were measured."""

    def block(found: re.Match[str]) -> str:
        lines = _lines(found[2].split(), measured).splitlines()
        indented = [f"{_INDENT}{line}".rstrip() for line in lines]
        return "\n".join([found[1], *indented, "", ""])

    return BLOCK.sub(block, text)


def _lines(names: list[str], measured: Mapping[str, Measured]) -> str:
    if names == ["stamp"]:
        return _stamps(measured)
    found = [measured[name] for name in names if name in measured]
    lines = texts(_joined([one.table for one in found if not one.missing]))
    missing = {name: "it never was" for name in names if name not in measured}
    missing |= {n: measured[n].missing for n in names if n in measured}
    lines += [f"not measured: {name}: {why}" for name, why in missing.items() if why]
    return "\n\n".join(lines)


def _joined(tables: list[Table]) -> list[Table]:
    """Tables that follow each other with the same headings as one."""
    return [
        Table(*headings, tuple(row for table in group for row in table.rows))
        for headings, group in groupby(tables, lambda one: (one.headings, one.limits))
    ]


def _stamps(measured: Mapping[str, Measured]) -> str:
    """Return the version, commit and date of tables; their names if these differ."""
    names: dict[str, list[str]] = {}
    for name, one in measured.items():
        stamp = one.stamp
        machine = stamp.machine.replace(", SQLite", ",\nSQLite")
        told = f"eilogin {stamp.version}, commit {stamp.commit}, {stamp.date},"
        told = f"{told} form: {stamp.form}\n{machine}"
        names.setdefault(told, []).append(name)
    if len(names) == 1:
        return next(iter(names))
    return "\n\n".join(f"{told}:\n{', '.join(some)}" for told, some in names.items())


def write_pages(*, is_check: bool = False) -> list[Path]:
    """Write the pages that differ from the results file; which these are."""
    measured = read(RESULTS)
    different = []
    for page in pages():
        before = page.read_text("utf-8")
        after = with_tables(before, measured)
        if after != before:
            different.append(page)
            if not is_check:
                page.write_text(after, "utf-8")
    return different


@click.command(help=__doc__.partition("\n\n")[0] if __doc__ else None)
@click.option("--check", "is_check", is_flag=True, help="Write nothing.")
def main(*, is_check: bool) -> None:
    """Run the command."""
    different = write_pages(is_check=is_check)
    for page in different:
        click.echo(page.relative_to(ROOT))
    sys.exit(1 if is_check and different else 0)


if __name__ == "__main__":
    main()
