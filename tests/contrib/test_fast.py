"""The fast loop runs the linters of the gate, and finds the tests of a change."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTERS = [
    "ruff format --check .",
    "ruff check .",
    "mypy",
    "lint-imports",
    "python .ci/house_rules.py",
]
PYTEST = "python -m pytest -q -n auto -m not real and not any_python"

SPEC = importlib.util.spec_from_file_location("changed", ROOT / ".ci/changed.py")
changed = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(changed)

TREE = [
    "eilogin/audit.py",
    "eilogin/clock.py",
    "eilogin/hub/app.py",
    "eilogin/hub/sso/request.py",
    "eilogin/web/pages.py",
    "eilogin/web/locale/nl/LC_MESSAGES/eilogin.po",
    "tests/conftest.py",
    "tests/test_audit.py",
    "tests/hub/conftest.py",
    "tests/hub/test_app.py",
    "tests/hub/sso/test_request.py",
    "tests/hub/logout/test_received.py",
    "tests/support/redis_servers.py",
    "tests/web/test_redis.py",
    "tests/contrib/test_prose.py",
    "contrib/manual/index.rst",
    ".ci/prose.py",
    "README.rst",
    "setup.cfg",
]


def git(folder, *words):
    names = {
        f"GIT_{role}_{key}": "x@x"
        for role in ("AUTHOR", "COMMITTER")
        for key in ("NAME", "EMAIL")
    }
    subprocess.run(
        ["git", "-C", folder, *words], check=True, env={**os.environ, **names}
    )


@pytest.fixture
def tree(tmp_path):
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / "tests/web/test_redis.py").write_text("from redis_servers import x\n")
    (tmp_path / "tests/contrib/test_prose.py").write_text("# .ci/prose.py\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "Begin")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("eilogin/audit.py", "tests/test_audit.py"),
        ("eilogin/clock.py", ""),
        ("eilogin/hub/app.py", "tests/hub"),
        ("eilogin/hub/sso/request.py", "tests/hub/sso tests/hub/test_app.py"),
        ("eilogin/web/locale/nl/LC_MESSAGES/eilogin.po", "tests/web"),
        ("tests/hub/test_app.py", "tests/hub/test_app.py"),
        ("tests/hub/conftest.py", "tests/hub"),
        ("tests/conftest.py", ""),
        ("tests/support/redis_servers.py", "tests/web/test_redis.py"),
        (".ci/prose.py", "tests/contrib/test_prose.py"),
        ("README.rst", ""),
    ],
)
def test_tests_of_a_changed_file(tree, file, tests):
    assert changed.tests_of([file], tree) == sorted([*tests.split(), changed.ALWAYS])


def test_a_folder_stands_for_the_files_in_it(tree):
    files = ["eilogin/hub/app.py", "tests/hub/sso/test_request.py"]
    assert changed.tests_of(files, tree) == ["tests/hub", changed.ALWAYS]


def test_without_a_change_there_are_no_tests(tree):
    assert changed.tests_of(changed.changed_files(tree, "main"), tree) == []


def test_changes_are_those_of_the_branch_and_those_not_committed(tree):
    git(tree, "checkout", "-q", "-b", "topic")
    (tree / "eilogin/clock.py").write_text("committed = 1\n")
    (tree / "eilogin/audit.py").unlink()
    git(tree, "commit", "-q", "-a", "-m", "Change")
    (tree / "README.rst").write_text("not committed\n")
    (tree / "eilogin/new.py").write_text("git does not know it\n")
    git(tree, "checkout", "-q", "main", "--", "setup.cfg")
    git(tree, "branch", "-q", "older")
    found = changed.changed_files(tree, "main")
    assert found == ["README.rst", "eilogin/clock.py", "eilogin/new.py"]
    assert changed.changed_files(tree, "older") == ["README.rst", "eilogin/new.py"]


def test_an_unknown_commit_is_an_error(tree):
    with pytest.raises(SystemExit, match="git knows no 'gone'"):
        changed.changed_files(tree, "gone")


def test_texts_are_pages_catalogues_and_code():
    assert changed.texts_of(TREE) == [
        *(name for name in TREE if name.startswith("eilogin/")),
        "contrib/manual/index.rst",
        "README.rst",
    ]


@pytest.mark.parametrize(
    "room", sorted(path.parent.name for path in ROOT.glob("eilogin/*/__init__.py"))
)
def test_each_room_has_tests(room):
    assert changed.tests_of([f"eilogin/{room}/any.py"], ROOT)[0].startswith("tests/"), (
        room
    )
    assert (ROOT / "tests" / room).is_dir()


@pytest.fixture
def fast(tree):
    """Run the script with tools that write down their words, and may fail."""
    shutil.copy(ROOT / ".ci/fast", tree / ".ci/fast")
    shutil.copy(ROOT / ".ci/changed.py", tree / ".ci/changed.py")
    git(tree, "add", ".ci")
    git(tree, "commit", "-q", "-m", "Add the scripts")
    tools = tree / ".venv/bin"
    tools.mkdir(parents=True)
    (tree / ".git/info").mkdir(exist_ok=True)
    (tree / ".git/info/exclude").write_text(".venv\nwords\n")
    for name in ("ruff", "mypy", "lint-imports", "python"):
        (tools / name).write_text(
            "#!/bin/bash\n"
            'if [[ $1 == .ci/changed.py ]]; then exec python3 "$@"; fi\n'
            f'line="{name}${{*:+ $*}}"\n'
            'echo "$line" >>words\n'
            '[[ -z $FAILS || $line != *"$FAILS"* ]] || exit "${STATUS:-1}"\n'
        )
        (tools / name).chmod(0o755)

    def run(*words, fails="", status="1"):
        (tree / "words").write_text("")
        env = {**os.environ, "FAILS": fails, "STATUS": status}
        done = subprocess.run(
            [tree / ".ci/fast", *words],
            capture_output=True,
            text=True,
            env=env,
            check=False,
        )
        return done, (tree / "words").read_text().splitlines()

    return run


class TestTheScript:
    def test_runs_linters_alone_where_nothing_changed(self, fast):
        done, ran = fast()
        assert done.returncode == 0, done.stderr
        assert ran == LINTERS

    def test_runs_the_tests_of_a_change(self, fast, tree):
        (tree / "eilogin/hub/sso/request.py").write_text("new = 1\n")
        done, ran = fast()
        assert done.returncode == 0, done.stderr
        assert ran == [
            *LINTERS,
            "python .ci/prose.py eilogin/hub/sso/request.py",
            f"{PYTEST} tests/hub/sso tests/hub/test_app.py tests/test_house.py",
        ]

    def test_lints_the_whole_project_for_the_gate(self, fast, tree):
        (tree / "eilogin/hub/app.py").write_text("new = 1\n")
        assert fast("--lint")[1] == [*LINTERS, "python .ci/prose.py"]

    @pytest.mark.parametrize(
        ("fails", "step"), [("ruff check", "ruff check"), ("-m pytest", "tests: ")]
    )
    def test_names_what_failed_and_runs_the_rest(self, fast, tree, fails, step):
        (tree / "eilogin/hub/app.py").write_text("new = 1\n")
        done, ran = fast(fails=fails)
        assert done.returncode == 1
        assert f"failed: {step}" in done.stdout
        assert ran[-1].startswith(PYTEST)

    def test_takes_tests_that_are_all_left_out_as_passed(self, fast, tree):
        (tree / "eilogin/hub/app.py").write_text("new = 1\n")
        assert fast(fails="-m pytest", status="5")[0].returncode == 0

    def test_refuses_an_unknown_commit(self, fast):
        done, _ = fast("gone")
        assert done.returncode == 2
        assert "git knows no 'gone'" in done.stderr


def test_the_gate_runs_the_same_linters():
    assert ".ci/fast --lint" in (ROOT / ".ci/run").read_text("utf-8")


@pytest.mark.parametrize(
    ("command", "end"),
    [
        ("test_command", "python -m pytest -n auto"),
        ("measured_test_command", "coverage combine -q && .venv/bin/coverage report"),
        ("short_test_command", 'python -m pytest -n auto -m "not any_python"'),
    ],
)
def test_gate_makes_its_test_commands_of_the_line_in_the_readme(command, end):
    gate = (ROOT / ".ci/run").read_text("utf-8")
    functions = re.findall(
        r"^\w*test_command\(\) \{\n.*?^\}\n", gate, re.MULTILINE | re.DOTALL
    )
    script = "set -euo pipefail\n" + "".join(functions) + command
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    line = done.stdout.strip()
    assert line.startswith("python3 -m venv .venv && ")
    assert line.endswith(f" && .venv/bin/{end}")
    assert ("coverage run -m pytest -n auto && " in line) == command.startswith("m")
    assert "\n" not in line
