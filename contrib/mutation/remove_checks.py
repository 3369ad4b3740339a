"""Remove each check in turn, and see whether a test notices."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import click
from checks_removed import Mutant, mutants_of
from coverage import CoverageData

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
#: Where what comes from outside is judged.
ROOMS = (
    "saml/",
    "federation/",
    "hub/",
    "participant/",
    "web/",
    "sessions/",
    "filters/",
)
ROOMS += ("http_client/", "config/")
#: What takes minutes and starts servers of others shows nothing more here.
LEFT_OUT = ("tests/peers", "tests/journeys", "tests/apps", "tests/stores", "tests/cli")
#: So many tests are tried first, and up to so many if they notice nothing: what is on
#: the way of all has thousands.
FIRST, MOST = 40, 600
#: Seconds for the tests of one check; what takes longer hangs without it.
PATIENCE = 300.0
#: And for all tests, with coverage.
LONG_PATIENCE = 20 * PATIENCE
#: Statuses of pytest: all passed; a test failed, or a module could not be imported.
PASSED, NOTICED = 0, (1, 2)
#: And ours for one that was ended.
TOO_LONG = -1

_COPIED = ("eilogin", "tests", "contrib", "setup.cfg", "pyproject.toml", "paste.ini")
_COPIED += ("README.rst", "CHANGES.rst", "SECURITY.rst", ".ci", "LICENSE")
_COVERAGE = "[run]\nsource = eilogin\ndata_file = {file}\ncore = ctrace\n"


@dataclass(frozen=True)
class Verdict:
    """Whether a test noticed, and how many had the chance."""

    mutant: Mutant
    is_noticed: bool
    tests: int


def pytest_in(folder: Path, *arguments: str, coverage: str = "") -> int:
    """Run pytest in a copy of the tree; its status."""
    run = ["-m", "coverage", "run", f"--rcfile={coverage}"] if coverage else []
    command = [sys.executable, *run, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = os.environ | {
        # Processes that tests start are to be of the copy too.
        "PYTHONPATH": os.pathsep.join((str(folder), str(HERE))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        return subprocess.run(  # noqa: S603 - our own interpreter
            [*command, *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LONG_PATIENCE if coverage else PATIENCE,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return TOO_LONG


@contextmanager
def a_copy() -> Iterator[Path]:
    """The tree in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in _COPIED:
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, folder / part, ignore=ignored)
            elif source.exists():
                shutil.copy(source, folder / part)
        yield folder


def who_goes_where(paths: Sequence[str], kept: Path) -> Mapping[str, Mapping]:
    """By file and line, the tests that go through it; ``kept`` holds what was found."""
    if not kept.exists():
        with a_copy() as folder:
            settings = folder / "coverage.cfg"
            settings.write_text(_COVERAGE.format(file=folder / "data"))
            left_out = [f"--ignore={name}" for name in LEFT_OUT]
            arguments = ("-p", "per_test", *left_out, *paths)
            status = pytest_in(folder, *arguments, coverage=str(settings))
            if status == TOO_LONG:
                raise click.ClickException(f"tests take more than {LONG_PATIENCE:g} s")
            if status != PASSED:
                raise click.ClickException(
                    "a test fails with all checks in place: run pytest, and mend that"
                )
            data = CoverageData(str(folder / "data"))
            data.read()
            kept.write_text(json.dumps(_numbered(data, folder)))
    found = json.loads(kept.read_text())
    tests = found["tests"]
    return {
        file: {line: [tests[number] for number in of] for line, of in lines.items()}
        for file, lines in found["files"].items()
    }


def _numbered(data: CoverageData, folder: Path) -> Mapping[str, object]:
    """What was measured, tests by number: some go through thousands of lines."""
    numbers: dict[str, int] = {}
    files = {
        str(Path(file).relative_to(folder)): {
            line: [numbers.setdefault(name, len(numbers)) for name in names if name]
            for line, names in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    return {"tests": list(numbers), "files": files}


def judged(mutant: Mutant, folder: Path, lines: Mapping[str, Sequence[str]]) -> Verdict:
    """Try the tests that go where the check was."""
    found = {test for line in mutant.lines for test in lines.get(str(line), ())}
    tests = _in_order(found, mutant)
    file = folder / mutant.file
    good = file.read_text()
    file.write_text(mutant.text)
    try:
        for some in (tests[:FIRST], tests[FIRST:MOST]):
            listed = folder / "tests.txt"
            listed.write_text("\n".join(some))
            status = pytest_in(folder, "-x", f"@{listed}") if some else PASSED
            # Below zero it was ended: by us, or by a system that it ate empty.
            if status in NOTICED or status < 0:
                return Verdict(mutant, is_noticed=True, tests=len(tests))
            if status != PASSED:
                raise click.ClickException(
                    f"{mutant}: pytest ended with {status}: is --map of other tests?"
                )
    finally:
        file.write_text(good)
    return Verdict(mutant, is_noticed=False, tests=len(tests))


def _in_order(tests: Iterable[str], mutant: Mutant) -> list[str]:
    """Those of its own file first; then one of each function, then a second, and on."""
    path = Path("tests", *Path(mutant.file).parts[1:])
    room = f"{path.parent}/"
    # Or those of its package, where that is tested as one.
    own = tuple(f"{one.parent}/test_{one.stem}.py::" for one in (path, path.parent))
    counts: Counter[str] = Counter()
    order = []
    for test in sorted(tests):
        function = test.partition("[")[0]
        order.append((counts[function], not test.startswith(room), test))
        counts[function] += 1
    order.sort(key=lambda one: (not one[2].startswith(own), *one))
    return [test for _, _, test in order]


def all_mutants(files: Iterable[str]) -> list[Mutant]:
    """Those of the files, or of the rooms, whose names begin so."""
    wanted = tuple(files) or tuple(f"eilogin/{room}" for room in ROOMS)
    names = (str(p.relative_to(ROOT)) for p in sorted(ROOT.glob("eilogin/**/*.py")))
    return [
        mutant
        for name in names
        if name.startswith(wanted)
        for mutant in mutants_of(name, (ROOT / name).read_text())
    ]


@click.command()
@click.argument("files", nargs=-1)
@click.option("--jobs", default=2, show_default=True, help="So many at once.")
@click.option(
    "--tests", multiple=True, help="Tests to go by; all but the slow ones if none."
)
@click.option(
    "--map",
    "kept",
    type=click.Path(path_type=Path),
    help="A file that keeps which test goes where, for the next run.",
)
def main(files: Sequence[str], jobs: int, tests: Sequence[str], kept: Path) -> None:
    """Remove each check in turn, and see whether a test notices.

    FILES are beginnings of names, such as eilogin/saml/ or
    eilogin/hub/sso/single_sign_on.py; without one, all rooms that judge what
    comes from outside. First all tests run once, to see
    which of them goes through which line (some minutes); then, for each check, those
    that go there (up to 600), until one fails. What nobody noticed is listed, and the
    status is 1.

    \b
    Examples:
      remove_checks.py eilogin/saml/message_checks.py
      remove_checks.py eilogin/saml/ --map /tmp/who-goes-where.json
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    mutants = all_mutants(files)
    if not mutants:
        raise click.UsageError(f"no check in a file of this name: {' '.join(files)}")
    click.echo(f"{len(mutants)} checks; first the tests as they are")
    with tempfile.TemporaryDirectory() as scratch:
        where = who_goes_where(tests or ["tests"], kept or Path(scratch) / "map.json")
        unnoticed = 0
        for one in _verdicts(mutants, where, jobs):
            if not one.is_noticed:
                unnoticed += 1
                click.echo(f"\n{one.mutant}   ({one.tests} tests go there)")
    click.echo(f"\n{len(mutants)} checks removed, {unnoticed} not noticed")
    sys.exit(1 if unnoticed else 0)


def _verdicts(
    mutants: Sequence[Mutant], where: Mapping[str, Mapping], jobs: int
) -> Iterator[Verdict]:
    copies: SimpleQueue[Path] = SimpleQueue()

    def judge(mutant: Mutant) -> Verdict:
        folder = copies.get()
        try:
            return judged(mutant, folder, where.get(mutant.file, {}))
        finally:
            copies.put(folder)

    with ThreadPoolExecutor(jobs) as pool, _copies(jobs) as folders:
        for folder in folders:
            copies.put(folder)
        told = pool.map(judge, mutants)
        with click.progressbar(told, length=len(mutants)) as verdicts:
            yield from verdicts


@contextmanager
def _copies(count: int) -> Iterator[Sequence[Path]]:
    if not count:
        yield ()
        return
    with a_copy() as first, _copies(count - 1) as rest:
        yield (first, *rest)


if __name__ == "__main__":
    main()
