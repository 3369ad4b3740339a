# ruff: noqa: INP001 - a script
"""Check the English of the manual, option texts, help, messages and pages.

    python .ci/prose.py                 the gate: every text of the project
    python .ci/prose.py FILE…           some files only
    python .ci/prose.py --inner FILE…   docstrings and comments of some Python files
    python .ci/prose.py --numbers …     count sentences instead

The gate reads README.rst, CHANGES.rst, SECURITY.rst, the manual,
``tests/support/README.rst``, the gettext catalogues and the string literals of eilogin.
It reports sentences of more than 30 words, sentences that begin with a relative clause
("Who has none …"), and the words of ``prose_words.txt``. It skips code blocks. It also
reads the docstrings and comments of eilogin, except in the folders and files of
``prose_later.txt``, which may only get shorter. ``prose_exceptions.txt`` lists single
sentences, each with a reason.
"""

import argparse
import ast
import io
import re
import sys
import textwrap
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree

HERE = Path(__file__).parent
GATE = (
    "README.rst",
    "CHANGES.rst",
    "SECURITY.rst",
    "contrib/**/*.rst",
    "tests/support/README.rst",
)
CODE = ("eilogin/**/*.py", "eilogin/**/*.po")

EXCEPTIONS = HERE / "prose_exceptions.txt"

LONGEST_SENTENCE = 30
#: Chunks of fewer words are names, not sentences, unless a full stop ends them.
_FEWEST_WORDS = 4

_HEADLESS = re.compile(r"(?:Who|Whom|Whose|What|Whoever|Whomever|Of)\b(?!-)")
_HEADLESS_IN_CODE = re.compile(r"(?:[Ww]ho|[Ww]hom|[Ww]hose|[Ww]hat|Of)\b(?!-)")
_HEADLESS_WITHIN = re.compile(r"; (?:who|whom|what|of what|of whom)\b")
_NEGATIVE = re.compile(r"\b(?:nobody|nothing|none|nowhere)\b", re.IGNORECASE)
_END = re.compile(
    r"(?<=[.!?])[)\u201d\u2019\"']*\s+(?=[\u201c\u2018\"'(<`A-Z0-9-]|eilogin)"
)

_NO_TEXT = re.compile(
    r"\s*(?:<|SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|ALTER|local )"
)
#: Three words in a row, or nearly.
_PHRASE = re.compile(r"(?:.*?(?<!\S)[A-Za-z][a-z']*(?=[\s.,:;])){3}")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
#: Comments for tools, and lines that part a file.
_NO_COMMENT = re.compile(r"#!|#:?\s*(?:noqa|nosec|type:|ruff|pragma|mypy|---|===|fmt:)")
_PO_ID = re.compile(r"^msgid (?P<text>(?:\".*\"\n)+)", re.MULTILINE)


def lines_of(file: Path) -> list[str]:
    """The lines that are neither empty nor comments."""
    lines = file.read_text("utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


@dataclass(frozen=True)
class Text:
    """A paragraph, title, cell, message: its first line, and what it says."""

    line: int
    words: str
    is_title: bool = False
    is_code: bool = False

    def sentences(self) -> list[str]:
        """Its sentences; names and fragments of a few words are none."""
        parts = (part.strip() for part in _END.split(self.words))
        return [
            part
            for part in parts
            if length(part) >= _FEWEST_WORDS or re.search(r"\w\w[.!?]$", part)
        ]


def length(sentence: str) -> int:
    """The number of words."""
    return len(re.findall(r"\S*\w\S*", sentence))


# --- where texts stand ------------------------------------------------------------


def texts_of(file: Path) -> Iterator[Text]:
    """Every text of a file that people read."""
    source = file.read_text("utf-8")
    if file.suffix == ".rst":
        return of_rst(source)
    return of_po(source) if file.suffix == ".po" else of_code(source)


def of_rst(source: str) -> Iterator[Text]:
    """Titles, paragraphs and cells of a page."""
    # Another step of the gate shows the faults that docutils finds.
    tree = publish_doctree(source, settings_overrides={"report_level": 5})
    for contents in list(tree.findall(nodes.topic)):
        # It repeats the titles.
        contents.parent.remove(contents)
    for node in tree.findall(nodes.TextElement):
        if isinstance(node, (nodes.title, nodes.paragraph, nodes.term, nodes.caption)):
            line = next((n.line for n in (node, *_above(node)) if n.line), 1)
            said = " ".join("".join(_plain(node)).split())
            yield Text(line, said, isinstance(node, (nodes.title, nodes.term)))


def _above(node: nodes.Node) -> Iterator[nodes.Element]:
    while node.parent is not None:
        node = node.parent
        yield node


def _plain(node: nodes.Node) -> Iterator[str]:
    """Its text, where a literal is one word."""
    for child in node.children:
        if isinstance(child, nodes.literal):
            yield "`" + re.sub(r"\s", "_", child.astext()) + "`"
        elif isinstance(child, nodes.Text):
            yield str(child)
        else:
            yield from _plain(child)


def of_po(source: str) -> Iterator[Text]:
    """The English sentences of a gettext catalogue."""
    for found in _PO_ID.finditer(source):
        text = "".join(map(ast.literal_eval, found["text"].splitlines()))
        line = source.count("\n", 0, found.start()) + 1
        yield Text(line, re.sub(r"%\(\w+\)[sd]", "X", text))


def of_code(source: str) -> Iterator[Text]:
    """The string literals that hold a phrase, and the help of commands."""
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                skipped.add(first.value)
                if _is_command(node):
                    yield from _of_help(first.lineno, ast.get_docstring(node) or "")
        elif isinstance(node, ast.JoinedStr):
            skipped.update(ast.walk(node))
            yield from _of_literal(node.lineno, "".join(map(_part, node.values)))
        elif isinstance(node, ast.Constant) and node not in skipped:
            yield from _of_literal(node.lineno, str(node.value))


def _is_command(node: ast.AST) -> bool:
    decorators = (ast.unparse(one) for one in getattr(node, "decorator_list", ()))
    return any(re.search(r"\.(command|group)\b", one) for one in decorators)


def _part(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else "X"


def _of_help(line: int, text: str) -> Iterator[Text]:
    for paragraph in text.split("\n\n"):
        # click's sign for lines to copy
        if not paragraph.startswith("\b"):
            yield Text(line, " ".join(paragraph.split()), is_code=True)


def _of_literal(line: int, text: str) -> Iterator[Text]:
    for one in text.splitlines():
        is_phrase = _PHRASE.match(one)
        if is_phrase and not _NO_TEXT.match(one):
            yield Text(line, one.strip(), is_code=True)


# --- docstrings and comments ------------------------------------------------------


def inner_texts_of(file: Path) -> Iterator[Text]:
    """The docstrings and comments of a Python file."""
    source = file.read_text("utf-8")
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and not _is_command(node):
            text = ast.get_docstring(node) or ""
            line = node.body[0].lineno if node.body else 1
            yield from (Text(line, words, is_code=True) for words in _paragraphs(text))
    yield from _comments(source)


def _paragraphs(docstring: str) -> Iterator[str]:
    """Its paragraphs and list items as one line each; blocks of code are left out."""
    is_block, is_table = False, False
    for paragraph in docstring.split("\n\n"):
        is_indented = all(line.startswith(" ") for line in paragraph.splitlines())
        is_block = is_block and is_indented
        if paragraph.startswith("=="):
            is_table = not paragraph.rstrip().endswith("==") or not is_table
        elif not is_block and not is_table:
            for item in re.split(r"\n(?=\* |- |\d+\. |``\w+``\n)", paragraph):
                words = re.sub(r"``[^`]*``", _one_word, textwrap.dedent(item))
                yield " ".join(re.sub(r"^(?:\* |- |\d+\. )", "", words).split())
        is_block = is_block or paragraph.rstrip().endswith("::")


def _one_word(literal: re.Match[str]) -> str:
    return "`" + re.sub(r"\s", "_", literal[0].strip("`")) + "`"


def _comments(source: str) -> Iterator[Text]:
    """Its comments; lines that follow each other are one text."""
    words: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or _NO_COMMENT.match(token.string):
            continue
        is_alone = not token.line[: token.start[1]].strip()
        if words and not (is_alone and token.start[0] == last + 1):
            yield Text(first, " ".join(words), is_code=True)
            words = []
        if not words:
            first = token.start[0]
        last = token.start[0]
        words.append(re.sub(r"``[^`]*``", _one_word, token.string.lstrip("#: ")))
    if words:
        yield Text(first, " ".join(words), is_code=True)


# --- what is wrong with them ----------------------------------------------------------


@cache
def words_to_avoid() -> Sequence[tuple[re.Pattern[str], str]]:
    """Each pattern, and what to write instead."""
    rows = (line.split("\t") for line in lines_of(HERE / "prose_words.txt"))
    return [(re.compile(rf"\b(?:{bad})\b", re.IGNORECASE), good) for bad, good in rows]


def faults_of(text: Text) -> Iterator[tuple[str, str]]:
    """(fault, the sentence that has it)."""
    for sentence in text.sentences() or [text.words]:
        for pattern, good in words_to_avoid():
            if found := pattern.search(sentence):
                yield f"'{found[0]}' (better: {good})", sentence
        if not text.is_title:
            if length(sentence) > LONGEST_SENTENCE:
                yield f"{length(sentence)} words in one sentence", sentence
            if is_headless(sentence, is_code=text.is_code):
                yield "a relative clause as a subject", sentence


def is_headless(sentence: str, *, is_code: bool = False) -> bool:
    """Whether a clause stands where a noun should."""
    if sentence.endswith(("?", ":")) or length(sentence) < _FEWEST_WORDS:
        return False
    start = _HEADLESS_IN_CODE if is_code else _HEADLESS
    return bool(start.match(sentence) or _HEADLESS_WITHIN.search(sentence))


# --- the gate -------------------------------------------------------------------------


def check(
    files: Sequence[Path],
    root: Path,
    here: Path = HERE,
    read: Callable[[Path], Iterable[Text]] = texts_of,
) -> Iterator[str]:
    """A line for each fault that is not excepted."""
    excepted = [
        tuple(part.strip() for part in line.split("|", 2))
        for line in lines_of(here / "prose_exceptions.txt")
    ]
    for line in excepted:
        if len(line) < len(("file", "words", "reason")) or not all(line):
            yield f"prose_exceptions.txt: expected FILE | WORDS | REASON: {line}"
    for file in files:
        name = str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
        allowed = [line[1] for line in excepted if line[0] == name]
        for text in read(file):
            for fault, sentence in faults_of(text):
                if not any(words in sentence for words in allowed):
                    yield f"{name}:{text.line}: {fault}: {sentence}"


def gate(root: Path, here: Path = HERE) -> Iterator[str]:
    """The faults of every file that a user reads."""
    files = sorted(file for glob in GATE + CODE for file in root.glob(glob))
    yield from check(files, root, here)
    later = tuple(lines_of(here / "prose_later.txt"))
    names = {file.relative_to(root).as_posix(): file for file in files}
    inner = [
        file
        for name, file in names.items()
        if file.suffix == ".py" and not name.startswith(later)
    ]
    yield from check(inner, root, here, inner_texts_of)
    for line in later:
        if not any(name.startswith(line) for name in names):
            yield f"prose_later.txt: there is no {line}"


def numbers(files: Sequence[Path]) -> Iterator[str]:
    """A row for each file, and one for all of them."""
    heads = ("sentences", "words", "headless", "negative%", "long", "lines")
    yield "".join(f"{head:>10}" for head in heads) + "  file"
    every: list[tuple[str, bool]] = []
    all_lines = 0
    for file in files:
        said = [
            (sentence, text.is_code)
            for text in texts_of(file)
            if not text.is_title
            for sentence in text.sentences()
        ]
        lines = len(file.read_text("utf-8").splitlines())
        yield _row(said, lines) + f"  {file}"
        every += said
        all_lines += lines
    yield _row(every, all_lines) + "  total"


def _row(said: Sequence[tuple[str, bool]], lines: int) -> str:
    count = len(said) or 1
    lengths = [length(sentence) for sentence, _ in said]
    headless = sum(is_headless(one, is_code=is_code) for one, is_code in said)
    negative = 100 * sum(bool(_NEGATIVE.search(one)) for one, _ in said) / count
    long = sum(words > LONGEST_SENTENCE for words in lengths)
    mean = sum(lengths) / count
    cells = (len(said), f"{mean:.1f}", headless, f"{negative:.1f}", long, lines)
    return "".join(f"{cell:>10}" for cell in cells)


def main(arguments: Sequence[str], root: Path = HERE.parent) -> int:
    """Print the faults, or numbers; 1 where there is a fault."""
    parser = argparse.ArgumentParser(description="Check the English of texts.")
    parser.add_argument("--numbers", action="store_true", help="count sentences")
    parser.add_argument("--inner", action="store_true", help="docstrings, comments")
    parser.add_argument("files", nargs="*", type=Path)
    asked = parser.parse_args(arguments)
    files = [file.absolute() for file in asked.files]
    if asked.numbers:
        pages = [file for glob in GATE for file in sorted(root.glob(glob))]
        print("\n".join(numbers(asked.files or pages)))  # noqa: T201
        return 0
    read = inner_texts_of if asked.inner else texts_of
    found = list(check(files, root, read=read) if files else gate(root))
    print("".join(f"{line}\n" for line in found), end="")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
