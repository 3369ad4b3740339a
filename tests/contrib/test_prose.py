"""The gates on English: each finds a bad text, and lets a good one pass."""

import contextlib
import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONG = "The filter " + "reads one more file and " * 5 + "then it stops there."


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


prose = load("prose")
subjects = load("subjects")

BAD = {
    LONG: "31 words",
    "Who has no session gets a page.": "relative clause",
    "Whom the hub names the filter accepts.": "relative clause",
    "What is fetched must be signed.": "relative clause",
    "Of a logout all participants learn.": "relative clause",
    "Tell the operator; who has no key asks again.": "relative clause",
    "The hub is told of the logout.": "is told",
    "An unknown entity is passed over.": "passed over",
    "The NameID comes along with the answer.": "comes along",
    "The visitor sees her page.": "her",
    "Sign the metadata anew.": "anew",
    "The application sees a stranger.": "stranger",
}
GOOD = [
    "The filter reads one file. " * 9,
    "Who is signed in?",
    "What you need:",
    "If the store does not answer, the visitor gets a page with status 503.",
    "Run ``eilogin is told her`` in the folder.",
    "Where the hub is too slow, the filter retries; the visitor waits there.",
]


def faults_in(text, name="page.rst", folder=None):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return list(prose.check([file], folder))


@pytest.mark.parametrize("sentence", BAD)
class TestABadSentence:
    def test_fails_on_a_page(self, sentence, tmp_path):
        [fault] = faults_in(f"Page\n====\n\n{sentence}\n", folder=tmp_path)
        assert fault.startswith("page.rst:")
        assert BAD[sentence] in fault

    def test_fails_in_a_cell_of_a_table(self, sentence, tmp_path):
        rule = "==== " + "=" * 300
        [fault] = faults_in(f"{rule}\nname {sentence}\n{rule}\n", folder=tmp_path)
        assert BAD[sentence] in fault

    def test_fails_in_a_message(self, sentence, tmp_path):
        code = f'raise ValueError(f"{{name}}: no. " "{sentence}")\n'
        [fault] = faults_in(code, "code.py", tmp_path)
        assert fault.startswith("code.py:1: ")
        assert BAD[sentence] in fault

    def test_fails_in_the_help_of_a_command(self, sentence, tmp_path):
        code = f'@main.command("run")\ndef run():\n    """Run it.\n\n    {sentence}\n'
        [fault] = faults_in(f'{code}    """\n', "code.py", tmp_path)
        assert BAD[sentence] in fault

    def test_fails_on_a_page_for_citizens(self, sentence, tmp_path):
        po = f'msgid ""\n"{sentence}"\nmsgstr "Goed"\n'
        [fault] = faults_in(po, "nl.po", tmp_path)
        assert fault.startswith("nl.po:1: ")
        assert BAD[sentence] in fault


@pytest.mark.parametrize("sentence", GOOD)
def test_a_plain_sentence_passes(sentence, tmp_path):
    assert faults_in(f"Who is who\n==========\n\n{sentence}", folder=tmp_path) == []


def test_code_blocks_and_docstrings_are_not_read(tmp_path):
    assert faults_in("Page\n====\n\n::\n\n  Who is told her\n", folder=tmp_path) == []
    code = 'def run():\n    """Who has none is told anew."""\n'
    assert faults_in(code, "code.py", tmp_path) == []


def test_an_exception_names_file_words_and_reason(tmp_path):
    page = tmp_path / "page.rst"
    page.write_text("The hub is told of it.\n\nThe hub is told that.\n")
    exceptions = tmp_path / "prose_exceptions.txt"
    exceptions.write_text("# comment\npage.rst | told of it | a quotation\n")
    [fault] = prose.check([page], tmp_path, tmp_path)
    assert fault.startswith("page.rst:3: ")
    exceptions.write_text("page.rst | told of it\n")
    assert any(
        "FILE | WORDS | REASON" in f for f in prose.check([], tmp_path, tmp_path)
    )


def test_the_gate_reads_pages_and_messages(tmp_path):
    (tmp_path / "eilogin").mkdir()
    (tmp_path / "SECURITY.rst").write_text("The hub is told of it.\n")
    (tmp_path / "eilogin" / "hub.py").write_text('TEXT = "the hub is told of it"\n')
    (tmp_path / "prose_exceptions.txt").touch()
    (tmp_path / "prose_later.txt").touch()
    faults = [fault.split(":")[0] for fault in prose.gate(tmp_path, tmp_path)]
    assert faults == ["SECURITY.rst", "eilogin/hub.py"]


CODE = '''"""Send a message.

Who has none is skipped.

* What a list says.

::

    Who is told in a block of code passes.
"""

# The hub is told
# of it.
text = "a"  # noqa: S105 - no secret
#: Of the rest the log says nothing.
'''


def test_docstrings_and_comments_are_read_unless_they_are_listed_for_later(tmp_path):
    (tmp_path / "eilogin").mkdir()
    (tmp_path / "eilogin" / "hub.py").write_text(CODE)
    (tmp_path / "prose_exceptions.txt").touch()
    later = tmp_path / "prose_later.txt"
    later.touch()
    found = [fault.split(": ")[-1] for fault in prose.gate(tmp_path, tmp_path)]
    assert found == [
        "Who has none is skipped.",
        "What a list says.",
        "The hub is told of it.",
        "Of the rest the log says nothing.",
    ]
    later.write_text("eilogin/hub.py\n")
    assert list(prose.gate(tmp_path, tmp_path)) == []
    later.write_text("eilogin/hub.py\neilogin/gone/\n")
    assert list(prose.gate(tmp_path, tmp_path)) == [
        "prose_later.txt: there is no eilogin/gone/"
    ]


def test_every_exception_is_of_a_file_that_exists():
    named = [line.split(" | ")[0] for line in prose.lines_of(prose.EXCEPTIONS)]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_numbers_count_sentences_of_one_file_and_of_all(tmp_path):
    page = tmp_path / "page.rst"
    page.write_text(f"{LONG}\n\nWho has none sees nothing.\n\nThe hub answers.\n")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert prose.main(["--numbers", str(page)], tmp_path) == 0
    heads, row, total = said.getvalue().splitlines()
    assert heads.split()[0] == "sentences"
    assert row.split()[:-1] == total.split()[:-1]
    assert row.split()[:-1] == ["3", "13.0", "1", "33.3", "1", "5"]


@pytest.mark.parametrize(
    "subject",
    [
        "Adds a gate on English",
        "Manual: fixes a link",
        "Tests: moved the long ones",
        "Checking the English",
        "Check the English.",
        "x",
        f"Check {'the English ' * 6}",
    ],
)
def test_a_subject_that_is_long_or_no_imperative_fails(subject):
    assert list(subjects.faults_of(subject))


@pytest.mark.parametrize(
    "subject",
    [
        "Check the English",
        "Manual: feed the hub",
        "Embed a page",
        f"Check it {'x' * 63}",
    ],
)
def test_an_imperative_subject_passes(subject):
    assert list(subjects.faults_of(subject)) == []


def test_only_commits_after_the_gate_on_subjects_are_read(tmp_path):
    def git(*words):
        who = ["-c", "user.name=A", "-c", "user.email=a@example.nl"]
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True)

    def commit(subject):
        git("commit", "-q", "--allow-empty", "-m", subject)

    git("init", "-q")
    commit("Added before")
    assert subjects.subjects(tmp_path) == ["Added before"]
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/subjects.py").touch()
    git("add", ".")
    commit("Add the gate")
    commit("Added a line after")
    assert subjects.subjects(tmp_path) == ["Added a line after"]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert subjects.main(tmp_path) == 1
    assert said.getvalue() == "'added' is no imperative: Added a line after\n"
