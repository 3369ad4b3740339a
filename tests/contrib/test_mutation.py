"""Checks are found and taken away, and tests that bite are told from others."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from unmeasured import unmeasured

pytestmark = pytest.mark.any_python

FOLDER = Path(__file__).parents[2] / "contrib" / "mutation"

RAISES = """raise Refused(
            "à la"
        )"""
TEXT = """\
def judge(é, found):
    if not é or found > 3:
        raise Refused(
            "à la"
        )
    check_it(é)
    self.require(found); count(found)
    return require(found)
"""


@pytest.fixture
def mutants_of(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module("checks_removed").mutants_of
    sys.modules.pop("checks_removed")


def test_each_check_is_taken_away_by_itself(mutants_of):
    found = {one.gone: one for one in mutants_of("some.py", TEXT)}
    assert {gone: one.line for gone, one in found.items()} == {
        "raise Refused('à la')": 3,
        "or not é": 2,
        "or found > 3": 2,
        "check_it(é)": 6,
        "self.require(found)": 7,
    }


@pytest.mark.parametrize(
    ("gone", "old", "new"),
    [
        ("or not é", "not é or found > 3", "(found > 3)"),
        ("check_it(é)", "check_it(é)", "pass"),
        ("self.require(found)", "self.require(found);", "pass;"),
        ("raise Refused('à la')", RAISES, "pass\n\n"),
    ],
)
def test_the_rest_of_the_text_stays(mutants_of, gone, old, new):
    (mutant,) = (m for m in mutants_of("some.py", TEXT) if m.gone == gone)
    assert old in TEXT
    assert mutant.text == TEXT.replace(old, new)


def run(*arguments):
    command = [sys.executable, FOLDER / "remove_checks.py", *arguments]
    return subprocess.run(
        command,
        env=unmeasured(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_tests_of_a_room_bite():
    done = run(
        "eilogin/saml/sector_names.py", "--tests", "tests/saml/test_sector_names.py"
    )
    assert "checks removed, 0 not noticed" in done.stdout, done.stderr
    assert done.returncode == 0


def test_reports_surviving_mutants():
    done = run(
        "eilogin/saml/sector_names.py", "--tests", "tests/saml/test_printable_text.py"
    )
    assert done.returncode == 1, done.stderr
    assert "0 tests go there" in done.stdout
    assert "eilogin/saml/sector_names.py:" in done.stdout


def test_nothing_is_removed_while_a_test_fails():
    done = run("eilogin/saml/sector_names.py", "--tests", "tests/saml/no_such_test.py")
    assert done.returncode == 1
    assert "a test fails with all checks in place" in done.stderr


def test_a_name_of_no_file_is_told_before_any_test_runs():
    done = run("eilogin/saml/sectors.p7")
    assert done.returncode == 2
    assert "no check in a file of this name: eilogin/saml/sectors.p7" in done.stderr


def test_a_map_of_other_tests_is_told(tmp_path):
    kept = tmp_path / "map.json"
    lines = {str(line): [0] for line in range(1, 100)}
    files = {"eilogin/saml/sector_names.py": lines}
    tests = ["tests/saml/test_sector_names.py::test_of_yesterday"]
    kept.write_text(json.dumps({"tests": tests, "files": files}))
    done = run("eilogin/saml/sector_names.py", "--map", str(kept))
    assert done.returncode == 1
    assert "is --map of other tests?" in done.stderr
