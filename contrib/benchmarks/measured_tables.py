"""Tables of measured figures: as text, and as a results file that is kept.

``run.py`` prints the tables and writes the file. ``speed.py`` puts its tables into the
manual. The file is JSON::

    {"tables": {"request-memory": {
        "version": "0.1.0", "commit": "18759bd9", "date": "2026-12-03",
        "machine": "2 cores, CPython 3.13.5, ...", "form": "full", "missing": "",
        "headings": ["this µs", "floor µs", "ratio", "goal"],
        "limits": [false, false, false, true],
        "rows": [["request, five filters, memory:", 4.1, 0.78, 5.29, 5.0]]}}}

A table has its own commit and date, because one benchmark can be measured again alone.
``missing`` says why a benchmark could not be measured.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

#: Figures below it have two decimals, others none.
_LARGE = 100


@dataclass(frozen=True, slots=True)
class TableRow:
    """A line: its name, and a figure or None for each heading."""

    name: str
    cells: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of one benchmark."""

    headings: tuple[str, ...]
    #: Of each heading, whether it has what the figure on its left is at most.
    limits: tuple[bool, ...]
    rows: tuple[TableRow, ...]

    def text(self) -> str:
        """The lines, in columns. A figure above its limit has a "!" behind it."""
        return texts([self])[0]


@dataclass(frozen=True, slots=True)
class Stamp:
    """Of what, when, where and how long something was measured."""

    version: str
    commit: str
    #: As in ISO 8601.
    date: str
    machine: str
    form: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A table with its stamp; or why there is none."""

    stamp: Stamp
    table: Table
    missing: str = ""


def texts(tables: list[Table]) -> list[str]:
    """The text of each table; the columns of all with the same headings are aligned."""
    grids = [
        [("", *table.headings), *map(_cells(table), table.rows)] for table in tables
    ]
    widths: dict[tuple[str, ...], list[int]] = {}
    for grid in grids:
        own = [max(map(len, column)) for column in zip(*grid, strict=True)]
        others = widths.get(grid[0], own)
        widths[grid[0]] = list(map(max, own, others))
    return ["\n".join(_line(line, widths[grid[0]]) for line in grid) for grid in grids]


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    first, *others = cells
    padded = [cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True)]
    return "  ".join([first.ljust(widths[0]), *padded]).rstrip()


def _cells(table: Table) -> Any:
    def cells(row: TableRow) -> tuple[str, ...]:
        shown = [row.name]
        for place, value in enumerate(row.cells):
            text = "" if value is None else number(value)
            if place + 1 < len(row.cells) and table.limits[place + 1]:
                limit = row.cells[place + 1]
                is_missed = None not in (value, limit) and value > limit
                # A blank, so that the digits stay below each other.
                text += "!" if is_missed else " " if text else ""
            shown.append(text)
        return tuple(shown)

    return cells


def number(value: float) -> str:
    """A figure as people read it."""
    return f"{value:,.{2 if value < _LARGE else 0}f}"


# --- the results file -----------------------------------------------------------------


def read(path: Path) -> dict[str, Measured]:
    """The tables of a results file, by the name of the benchmark."""
    known = json.loads(path.read_text("utf-8"))["tables"]
    return {name: _read_one(one) for name, one in known.items()}


def _read_one(one: Mapping[str, Any]) -> Measured:
    rows = tuple(TableRow(name, tuple(cells)) for name, *cells in one["rows"])
    table = Table(tuple(one["headings"]), tuple(one["limits"]), rows)
    stamp = Stamp(**{name: one[name] for name in Stamp.__slots__})
    return Measured(stamp, table, one["missing"])


def write(path: Path, tables: Mapping[str, Measured]) -> None:
    """Write a results file anew, whole or not at all."""
    document = {"tables": {name: _written(one) for name, one in tables.items()}}
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    fresh.replace(path)


def _written(one: Measured) -> Mapping[str, Any]:
    rows = [[row.name, *map(_rounded, row.cells)] for row in one.table.rows]
    return {
        **asdict(one.stamp),
        "missing": one.missing,
        "headings": one.table.headings,
        "limits": one.table.limits,
        "rows": rows,
    }


def _rounded(value: float | None) -> float | None:
    """Four digits that count: more of them are chance."""
    return None if value is None else float(f"{value:.4g}")
