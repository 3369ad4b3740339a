"""Measure eilogin beside what it cannot be faster than, and beside what others do."""

import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click
import crowds
import end_warnings
import federations
import hub_loads
import login_answers
import logins
import logout_crowds
import logouts
import logouts_received
import mellon_guard
import refreshes
import requests_in_process
import requests_over_http
import sizes
import speed
import starts
import usual_options
from measured_tables import Measured, Stamp, Table, read, texts, write
from measuring import Bench, NotMeasured, Size, measure, table_of

from eilogin import __version__

BENCHES: tuple[Bench, ...] = (
    *requests_in_process.BENCHES,
    *requests_over_http.BENCHES,
    *mellon_guard.BENCHES,
    *end_warnings.BENCHES,
    *usual_options.BENCHES,
    *crowds.BENCHES,
    *login_answers.BENCHES,
    *logins.BENCHES,
    *logouts_received.BENCHES,
    *logouts.BENCHES,
    *logout_crowds.BENCHES,
    *hub_loads.BENCHES,
    *starts.BENCHES,
    *sizes.BENCHES,
    *federations.BENCHES,
    *refreshes.BENCHES,
)

_PACKAGES = (
    "lxml",
    "cryptography",
    "waitress",
    "gunicorn",
    "Beaker",
    "python3-saml",
)
_FORMS = {
    "smoke": Size(rounds=1, stretch=0.001, divisor=50, seconds=0.2, is_brief=True),
    "quick": Size(rounds=3, seconds=0.4, is_brief=True),
    "full": Size(rounds=15, seconds=2.0),
}
_NO_TABLE = Table((), (), ())

_HELP = f"""Measure eilogin, and print tables.

Variants take turns within a round; each figure is the median of all rounds. Times are
in microseconds for one call, unless the heading has another unit. A ratio is the median
of the ratios within the rounds, so it need not be the quotient of the two times beside
it. It is the figure to look at: times are those of this machine today.

"floor" is the least that the same work can take, such as a dictionary keyed by cookie;
"peer" is somebody else's way to do it. A goal says what the figure on its left should
be at most; one that is missed has a "!" behind it.

\b
Forms:
  smoke   each benchmark once and briefly, to see that it runs; the figures mean nothing
  quick   {_FORMS["quick"].rounds} rounds, in less than 3 minutes; without the slow ones
  full    up to {_FORMS["full"].rounds} rounds, in less than 25 minutes

\b
Benchmarks:
{{names}}

\b
Examples:
  run.py                          the quick form
  run.py --form full --write      all, into the manual
  run.py --only verify --rounds 21
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
    "--form",
    type=click.Choice(list(_FORMS)),
    default="quick",
    show_default=True,
    help="How much is measured.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="How many rounds the medians are taken of; the form has a number.",
)
@click.option(
    "--only",
    metavar="NAME",
    multiple=True,
    type=click.Choice([bench.name for bench in BENCHES]),
    help="Run this benchmark alone; may be given more than once.",
)
@click.option(
    "--without",
    metavar="NAME",
    multiple=True,
    type=click.Choice([bench.name for bench in BENCHES]),
    help="Leave this benchmark out; may be given more than once.",
)
@click.option(
    "--write",
    "is_kept",
    is_flag=True,
    help="Keep the tables in results.json, and put them into the manual.",
)
def main(
    form: str,
    rounds: int | None,
    only: Sequence[str],
    without: Sequence[str],
    *,
    is_kept: bool,
) -> None:
    """Run the command; the text that teaches is ``_HELP``."""
    # Where it is set, each new KeysManager of xmlsec reads that bundle: 7 ms.
    os.environ.pop("SSL_CERT_FILE", None)
    size = _FORMS[form]
    if rounds:
        size = replace(size, rounds=rounds)
    stamp = _stamp(form)
    click.echo(f"{stamp.machine}; eilogin {stamp.version} {stamp.commit}; form: {form}")
    benches = [
        bench
        for bench in BENCHES
        if bench.name in only
        or not (only or bench.name in without or (bench.is_heavy and form == "quick"))
    ]
    start = time.monotonic()
    measured: dict[str, Measured] = {}
    for name, table, missing in _measured(benches, size):
        measured[name] = Measured(stamp, table, missing)
        if is_kept:
            # Now, so that an interrupted run is not lost.
            _keep(measured)
    tables = [one.table for one in measured.values() if not one.missing]
    click.echo("\n\n".join(["", *texts(tables)]).lstrip("\n"))
    if is_kept:
        speed.write_pages()
    missing = {name: one.missing for name, one in measured.items() if one.missing}
    click.echo(f"took {time.monotonic() - start:.0f} s", err=True)
    for name, why in missing.items():
        click.echo(f"not measured: {name}: {why}", err=True)
    sys.exit(1 if any(why.startswith(_FAILED) for why in missing.values()) else 0)


_FAILED, _LONGEST_REASON = "failed: ", 120


def _measured(benches: Sequence[Bench], size: Size) -> Iterator[tuple[str, Table, str]]:
    """Name and table of each; or why there is none."""
    whole = sum(bench.seconds for bench in benches)
    with click.progressbar(
        length=int(whole * 1000),
        # Elsewhere than on a terminal the label would be all that is seen of it.
        label="Measuring" if sys.stderr.isatty() else None,
        item_show_func=lambda name: name,
        file=sys.stderr,
    ) as bar:
        done = 0.0
        for bench in benches:

            def tick(part: float, bench: Bench = bench) -> None:
                bar.update(round(part * bench.seconds * 1000), bench.name)

            bar.update(0, bench.name)
            try:
                with tempfile.TemporaryDirectory() as folder:
                    table = table_of(bench, measure(bench, Path(folder), size, tick))
                yield bench.name, table, ""
            except NotMeasured as missing:
                yield bench.name, _NO_TABLE, str(missing)
            except Exception as error:  # noqa: BLE001 - the others can still be measured
                traceback.print_exc()
                yield bench.name, _NO_TABLE, f"{_FAILED}{error!r}"[:_LONGEST_REASON]
            done += bench.seconds
            bar.update(int(done * 1000) - bar.pos)


def _keep(measured: Mapping[str, Measured]) -> None:
    """Replace the tables that were measured now; an old one is better than none."""
    kept = read(speed.RESULTS) if speed.RESULTS.exists() else {}
    for name, one in measured.items():
        if name not in kept or not one.missing:
            kept[name] = one
    write(speed.RESULTS, {b.name: kept[b.name] for b in BENCHES if b.name in kept})


def _stamp(form: str) -> Stamp:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    machine = (
        f"{os.cpu_count()} cores, {platform.python_implementation()}"
        f" {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}"
    )
    today = datetime.now(UTC).date().isoformat()
    return Stamp(__version__, _commit(), today, machine, form)


def _commit() -> str:
    """The commit that is measured, with a "+" if files differ from it."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return done.stdout.strip()

    differs = git("status", "--porcelain", "-uno", "--", ":/", f":!{speed.RESULTS}")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if differs else "")


if __name__ == "__main__":
    main()
