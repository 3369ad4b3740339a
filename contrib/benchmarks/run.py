"""Measure eilogin beside what it cannot be faster than, and beside what others do."""

import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import click
import crowds
import end_warnings
import federations
import login_answers
import logout_crowds
import logouts
import logouts_received
import refreshes
import requests_in_process
import requests_over_http
from measuring import Bench, Figures, Size, measure

BENCHES: tuple[Bench, ...] = (
    *requests_in_process.BENCHES,
    *requests_over_http.BENCHES,
    *end_warnings.BENCHES,
    *crowds.BENCHES,
    *login_answers.BENCHES,
    *logouts_received.BENCHES,
    *logouts.BENCHES,
    *logout_crowds.BENCHES,
    *federations.BENCHES,
    *refreshes.BENCHES,
)

_PACKAGES = (
    "eilogin",
    "lxml",
    "cryptography",
    "waitress",
    "Beaker",
    "python3-saml",
)
_HEADINGS = ("", "this µs", "floor µs", "ratio", "goal", "peer ratio", "goal")
_ENOUGH_ROUNDS = 7
_QUICK = Size(rounds=1, stretch=0.001, divisor=50)

_HELP = f"""Measure eilogin, and print a table.

Variants take turns within a round; each time is the median of all rounds, in
microseconds for one call. A ratio is the median of the ratios within the rounds, so it
need not be the quotient of the two times beside it. It is the figure to look at: times
are those of this machine today.

"floor" is the least that the same work can take, such as a dictionary keyed by cookie;
"peer" is somebody else's way to do it. A goal says what a ratio should be at most; one
that is missed has a "!" behind it. Less than {_ENOUGH_ROUNDS} rounds are only a look.

\b
Benchmarks:
{{names}}

\b
Examples:
  run.py                          all but what waits for its name, in half a minute
  run.py --only verify --rounds 21
  run.py --quick                  whether everything runs; the figures mean nothing
"""


def _names() -> str:
    width = max(len(bench.name) for bench in BENCHES)
    return "\n".join(
        click.wrap_text(
            bench.what,
            width=78,
            initial_indent=f"  {bench.name:{width}}  ",
            subsequent_indent=" " * (width + 4),
        )
        for bench in BENCHES
    )


@click.command(help=_HELP.format(names=_names()))
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=_ENOUGH_ROUNDS,
    show_default=True,
    help="How many rounds the medians are taken of.",
)
@click.option(
    "--only",
    metavar="NAME",
    multiple=True,
    type=click.Choice([bench.name for bench in BENCHES]),
    help="Run this benchmark alone; may be given more than once.",
)
@click.option(
    "--quick", is_flag=True, help="One short round, to see that everything runs."
)
def main(rounds: int, only: Sequence[str], quick: bool) -> None:  # noqa: FBT001 - click's way
    """Run the command; the text that teaches is ``_HELP``."""
    # Where it is set, each new KeysManager of xmlsec reads that bundle: 7 ms.
    os.environ.pop("SSL_CERT_FILE", None)
    size = _QUICK if quick else Size(rounds=rounds)
    click.echo(_machine(size))
    benches = [
        bench
        for bench in BENCHES
        if bench.name in only or not (only or (bench.is_heavy and not quick))
    ]
    click.echo(_table(_measured(benches, size)))


def _measured(benches: Sequence[Bench], size: Size) -> list[Figures]:
    figures: list[Figures] = []
    with click.progressbar(
        length=len(benches) * size.rounds,
        # Elsewhere than on a terminal the label would be all that is seen of it.
        label="Measuring" if sys.stderr.isatty() else None,
        file=sys.stderr,
    ) as bar:
        for bench in benches:
            with tempfile.TemporaryDirectory() as folder:
                figures += measure(bench, Path(folder), size, lambda: bar.update(1))
    return figures


def _machine(size: Size) -> str:
    """Where and with what this was measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} cores, {platform.python_implementation()}"
        f" {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {versions};"
        f" rounds: {size.rounds}"
    )


def _table(figures: Sequence[Figures]) -> str:
    lines = [_HEADINGS, *(_cells(line) for line in figures)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0])]
            + [cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)]
        ).rstrip()
        for line in lines
    )


def _cells(line: Figures) -> tuple[str, ...]:
    return (
        line.row.name,
        _microseconds(line.this),
        _microseconds(line.floor),
        _ratio(line.ratio, line.row.goal),
        _goal(line.row.goal),
        _ratio(line.peer_ratio, line.row.peer_goal),
        _goal(line.row.peer_goal),
    )


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.{2 if seconds < 1e-4 else 0}f}"


def _ratio(ratio: float | None, goal: float | None) -> str:
    if ratio is None:
        return ""
    is_missed = goal is not None and ratio > goal
    return f"{ratio:.2f}{'!' if is_missed else ' '}"


def _goal(goal: float | None) -> str:
    return "" if goal is None else f"{goal:.2f}"


if __name__ == "__main__":
    main()
