"""Each check of a file, and the file without it.

A check is a ``raise``, an operand of ``or`` in the condition before one, or a call
whose name says that it checks and whose value nobody takes. Nothing is imported: a
mutant is a text.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

_CHECKS = re.compile(r"_*(check|require|refuse|validate|verify|confirm|forbid|expect)")


@dataclass(frozen=True)
class Mutant:
    """A file without one of its checks."""

    file: str
    #: Of the check, from 1 on.
    line: int
    #: The lines of which at least one is run where the check is.
    lines: Sequence[int]
    #: What was taken away, in one line.
    gone: str
    #: The whole text of the file.
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.gone}"


def mutants_of(file: str, text: str) -> Iterator[Mutant]:
    """All mutants of a file, in the order of their lines."""
    for node in ast.walk(ast.parse(text)):
        if _is_check(node):
            yield _without(file, text, node)
        elif isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise):
            yield from _less_strict(file, text, node)


def _is_check(node: ast.AST) -> TypeGuard[ast.stmt]:
    if isinstance(node, ast.Raise):
        return node.exc is not None
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    called = node.value.func
    name = called.attr if isinstance(called, ast.Attribute) else ""
    name = called.id if isinstance(called, ast.Name) else name
    return _CHECKS.match(name) is not None


def _without(file: str, text: str, node: ast.stmt) -> Mutant:
    last = node.end_lineno or node.lineno
    return Mutant(
        file=file,
        line=node.lineno,
        lines=range(node.lineno, last + 1),
        gone=_in_brief(node),
        text=_replaced(text, node, "pass"),
    )


def _less_strict(file: str, text: str, node: ast.If) -> Iterator[Mutant]:
    """The condition without each of its operands, where any of them is enough."""
    test = node.test
    if not (isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or)):
        return
    for operand in test.values:
        rest = [other for other in test.values if other is not operand]
        kept = rest[0] if len(rest) == 1 else ast.BoolOp(ast.Or(), rest)
        yield Mutant(
            file=file,
            line=operand.lineno,
            lines=range(node.lineno, node.body[0].lineno),
            gone=f"or {_in_brief(operand)}",
            text=_replaced(text, test, f"({ast.unparse(kept)})"),
        )


def _in_brief(node: ast.AST) -> str:
    words = " ".join(ast.unparse(node).split())
    return words if len(words) <= 100 else f"{words[:97]}..."


def _replaced(text: str, node: "ast.stmt | ast.expr", instead: str) -> str:
    """The text with something else in the place of a node; lines stay where they are.

    Columns of ``ast`` are bytes of UTF-8.
    """
    lines = text.encode().splitlines(keepends=True)
    end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
    before = lines[node.lineno - 1][: node.col_offset]
    after = lines[end_line - 1][end:]
    if isinstance(node, ast.stmt):
        filler = b"\n" * (end_line - node.lineno)
        middle = before + instead.encode() + filler + after
    else:
        middle = before + instead.encode() + after
    lines[node.lineno - 1 : end_line] = [middle]
    return b"".join(lines).decode()
