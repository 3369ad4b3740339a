"""bandit's exceptions stand on their lines, each with a reason."""

import contextlib
import importlib.util
import io
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/bandit.py"
SQL = 'db.execute(f"DELETE FROM {table} WHERE a = 1")'
HASH = "hashlib.md5(octets)"
NO_REASON = "nosec without a check and a reason"
TOLD = {
    SQL: "B608",
    f"{SQL}  # noqa: S608": "B608",
    f"{SQL}  # noqa: S101 - another check": "B608",
    f"{SQL}  # noqa: E501, S608": "B608",
    HASH: "B324",
    f"{HASH}  # nosec": NO_REASON,
    f"{HASH}  # nosec B324": NO_REASON,
    f"{HASH}  # nosec B324 #": NO_REASON,
}
EXCEPTED = [
    f"{SQL}  # noqa: S608 - the table is ours",
    f"{SQL}  # noqa: E501, S608 - the table is ours",
    f"{HASH}  # nosec B324 # nothing rests on it",
    'db.execute(\n    f"DELETE FROM {t}"\n    " WHERE a = 1"  # noqa: S608 - ours\n)',
    "value = 1",
]


@pytest.fixture(scope="module")
def judge():
    spec = importlib.util.spec_from_file_location("judge", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture(scope="module")
def told(judge, tmp_path_factory):
    """What is told of some lines; bandit takes a while, so it looks once at all."""
    folder = tmp_path_factory.mktemp("code")
    files = {line: folder / f"{n}.py" for n, line in enumerate([*TOLD, *EXCEPTED])}
    for line, file in files.items():
        file.write_text(f"import hashlib\n{line}\n")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert judge(folder) == 1
    lines = said.getvalue().splitlines()
    return lambda line: [one for one in lines if one.startswith(f"{files[line]}:")]


@pytest.mark.parametrize("line", TOLD)
def test_reports_the_line_of_a_finding_without_a_reason(told, line):
    [said] = told(line)
    assert ".py:2: " in said
    assert TOLD[line] in said


@pytest.mark.parametrize("line", EXCEPTED)
def test_accepts_a_finding_with_a_reason(told, line):
    assert told(line) == []


def test_passes_clean_code_and_fails_for_unreadable_code(judge, tmp_path):
    (tmp_path / "code.py").write_text("value = 1\n")
    assert judge(tmp_path) == 0
    (tmp_path / "code.py").write_text("def\n")
    with pytest.raises(SystemExit, match="cannot read"):
        judge(tmp_path)
