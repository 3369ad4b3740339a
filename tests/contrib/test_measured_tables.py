"""The manual shows the tables of ``results.json``, and these are not too old.

The age of a table is measured against the newest commit of the tree, not against
today. So whoever runs the tests of an old release sees them pass on each day, and
whoever goes on with the tree has to measure anew after 60 days. In a tree without git,
such as an unpacked archive, the newest file of ``eilogin`` has the date: an archive
gives its files the date of the commit.
"""

import importlib
import json
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from benchmark_runs import FOLDER, run
from redis_servers import require_redis

from eilogin import __version__

ROOT = Path(__file__).parents[2]
#: Days between a table and the newest commit.
MOST = 60
RENEW = (
    "Renew the tables on a quiet machine:"
    " .venv/bin/python contrib/benchmarks/run.py --form full --write"
)
TABLES = json.loads((FOLDER / "results.json").read_text())["tables"]


@pytest.fixture
def names(monkeypatch):
    """The names after ``measured`` on the pages of the manual, by page."""
    monkeypatch.syspath_prepend(FOLDER)
    speed = importlib.import_module("speed")
    return {
        page.name: [
            name
            for found in speed.BLOCK.finditer(page.read_text("utf-8"))
            for name in found[2].split()
            if name != "stamp"
        ]
        for page in speed.pages()
    }


def benchmarks():
    """The names that ``--help`` has, at the begin of a line of its list."""
    require_redis()
    listed = run("--help").partition("Benchmarks:\n")[2].partition("\n\n")[0]
    return {line.split()[0] for line in listed.splitlines() if line[4:5].strip()}


def newest_commit(root):
    """The day of the newest commit of a tree; without git, of its newest file."""
    command = ["git", "-C", str(root), "log", "-1", "--format=%cs", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        told = ""
    else:
        told = done.stdout.strip()
    if told:
        return date.fromisoformat(told)
    newest = max(path.stat().st_mtime for path in (root / "eilogin").rglob("*.py"))
    return datetime.fromtimestamp(newest, UTC).date()


def too_old(measured, today):
    """Why a table of this day is too old; "" if it is not."""
    age = (today - date.fromisoformat(measured)).days
    return f"{age} days older than the newest commit" if age > MOST else ""


def test_every_page_shows_the_tables_of_the_results_file():
    assert run("--check", program="speed.py") == ""


def test_every_name_on_a_page_is_that_of_a_benchmark(names):
    assert {"speed.rst", "sizing.rst"} <= set(names)
    assert {name for some in names.values() for name in some} <= benchmarks()


def test_no_table_of_a_page_is_missing(names):
    wanted = {name for some in names.values() for name in some}
    found = {name for name, table in TABLES.items() if not table["missing"]}
    assert wanted - found == set(), RENEW


def test_the_results_file_has_tables_of_benchmarks_alone():
    assert set(TABLES) <= benchmarks()


@pytest.mark.parametrize("name", TABLES)
def test_no_table_is_of_another_version_or_too_old(name):
    table = TABLES[name]
    assert table["version"] == __version__, RENEW
    assert too_old(table["date"], newest_commit(ROOT)) == "", RENEW


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        ("2026-12-03", ""),
        ("2026-12-05", ""),
        ("2026-10-05", ""),
        ("2026-10-04", "61 days older than the newest commit"),
    ],
)
def test_a_table_is_too_old_after_60_days(measured, reason):
    # A day later: the clocks of two machines may differ.
    assert too_old(measured, date(2026, 12, 4)) == reason


def test_without_git_the_newest_file_has_the_date(tmp_path):
    (tmp_path / "eilogin").mkdir()
    (tmp_path / "eilogin" / "one.py").touch()
    today = datetime.now(UTC).date()
    assert abs((newest_commit(tmp_path) - today).days) <= 1
