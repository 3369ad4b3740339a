# ruff: noqa: INP001 - a script
"""Check the sizes, the complexity and the names of the code.

    python .ci/house_rules.py            the gate: a line for each fault
    python .ci/house_rules.py --write    write the list of exceptions again

============  ======================================================  =======
rule          what it measures                                        at most
============  ======================================================  =======
complexity    cyclomatic complexity of a function, as radon counts,   12
              without its closures, which count by themselves
class         lines of code of a class                                250
file          lines of code of a module                               350
folder        modules of a package, without ``__init__`` and          15
              without those of its sub-packages
module-name   modules of one name                                     1
class-name    public classes of one name                              1
docstring     modules and sub-packages that the docstring of their    0
              package does not name
============  ======================================================  =======

A line of code holds a token that is neither blank, comment nor docstring. ruff's C901
does not count boolean operators, conditional expressions and comprehensions; radon
does. A docstring names a module in double backquotes, as ``:mod:``, or in an indented
block.

``house_exceptions.txt`` lists the exceptions as lines "RULE NAME VALUE". A value may
not grow. An exception that the code no longer needs is a fault too. ``--write`` refuses
to list more exceptions of a rule than before: to add one, edit the file.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from radon.visitors import ComplexityVisitor  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
PACKAGE = "eilogin"
EXCEPTIONS = Path(".ci/house_exceptions.txt")
LIMITS = {
    "complexity": 12,
    "class": 250,
    "file": 350,
    "folder": 15,
    "module-name": 1,
    "class-name": 1,
    "docstring": 0,
}

#: Values by rule and name.
Values = Mapping[tuple[str, str], int]

_LAYOUT = (
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)
_NAMED = re.compile(r"``([^`]+)``|:mod:`([^`]+)`|^ {4,}(.+)$", re.MULTILINE)
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_HEAD = """\
# Exceptions of .ci/house_rules.py: RULE NAME VALUE. They may only shrink.
"""


# --- counting -------------------------------------------------------------------------


@dataclass(frozen=True)
class Module:
    """A module or the ``__init__`` of a package: its dotted name and its source."""

    name: str
    source: str
    is_package: bool = False

    @property
    def package(self) -> str:
        """The dotted name of the package that the module is in."""
        return self.name.rpartition(".")[0]

    @property
    def stem(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def is_counted(self) -> bool:
        """Whether the module counts in its folder and needs a name of its own."""
        return not self.is_package and self.stem != "__main__"

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.source)

    @cached_property
    def comments(self) -> Sequence[tokenize.TokenInfo]:
        """All comments, in the order of the lines."""
        return [token for token in self._tokens if token.type == tokenize.COMMENT]

    @cached_property
    def code_lines(self) -> frozenset[int]:
        """Numbers of the lines with a token that is no layout, comment or docstring."""
        other = (*_LAYOUT, tokenize.COMMENT)
        return frozenset(
            number
            for token in self._tokens
            if token.type not in other
            for number in range(token.start[0], token.end[0] + 1)
            if number not in self.docstring_lines
        )

    @cached_property
    def docstring_lines(self) -> frozenset[int]:
        """Numbers of the lines of docstrings, blank ones too."""
        return frozenset(
            number
            for node in self._documented
            for number in range(node.body[0].lineno, _end(node.body[0]) + 1)
        )

    @cached_property
    def comment_lines(self) -> frozenset[int]:
        """Numbers of the lines that hold a comment alone."""
        return frozenset(one.start[0] for one in self.comments) - self.code_lines

    def docstrings(self) -> Iterator[str]:
        """Yield the docstrings of the module, its classes and its functions."""
        for node in self._documented:
            yield ast.get_docstring(node) or ""

    def complexities(self) -> Iterator[tuple[str, int]]:
        """Yield the complexity of each function, method and closure."""
        visitor = ComplexityVisitor.from_ast(self.tree)
        classes = list(visitor.classes)
        for one in classes:
            classes += one.inner_classes
        functions = [(function, function.fullname) for function in visitor.functions]
        functions += [(one, one.fullname) for each in classes for one in each.methods]
        for function, name in functions:
            functions += [(one, f"{name}.{one.name}") for one in function.closures]
            yield f"{self.name}.{name}", function.complexity

    def classes(self) -> Iterator[tuple[str, int]]:
        """Yield the lines of code of each class of the module."""
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef):
                lines = range(node.lineno, _end(node) + 1)
                yield node.name, len(self.code_lines.intersection(lines))

    def unnamed(self, parts: Iterable[str]) -> int:
        """Count the parts of this package that its docstring does not name."""
        docstring = ast.get_docstring(self.tree) or ""
        words = " ".join("".join(found) for found in _NAMED.findall(docstring))
        return len(set(parts).difference(re.findall(r"\w+", words)))

    @cached_property
    def _tokens(self) -> Sequence[tokenize.TokenInfo]:
        return list(tokenize.generate_tokens(io.StringIO(self.source).readline))

    @cached_property
    def _documented(self) -> Sequence[_Documented]:
        nodes = (node for node in ast.walk(self.tree) if isinstance(node, _Documented))
        return [node for node in nodes if ast.get_docstring(node) is not None]


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def modules_of(root: Path) -> Sequence[Module]:
    """Read all modules of the package in a checkout, sorted by path."""
    return [_module(root, file) for file in sorted((root / PACKAGE).rglob("*.py"))]


def _module(root: Path, file: Path) -> Module:
    parts = file.relative_to(root).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return Module(name, file.read_text("utf-8"), is_package)


def folder_sizes(modules: Iterable[Module]) -> Counter[str]:
    """Count the modules of each package."""
    return Counter(module.package for module in modules if module.is_counted)


def module_names(modules: Iterable[Module]) -> Counter[str]:
    """Count the modules of each name."""
    return Counter(module.stem for module in modules if module.is_counted)


def class_names(modules: Iterable[Module]) -> Counter[str]:
    """Count the public classes of each name."""
    names = (name for module in modules for name, _ in module.classes())
    return Counter(name for name in names if not name.startswith("_"))


# --- the rules ------------------------------------------------------------------------


def excesses(modules: Sequence[Module]) -> Values:
    """Return the values that are over the limit of their rule."""
    return {
        (rule, name): value
        # Of functions of one name the largest value, which comes last, stays.
        for rule, name, value in sorted(_measured(modules))
        if value > LIMITS[rule]
    }


def _measured(modules: Sequence[Module]) -> Iterator[tuple[str, str, int]]:
    for module in modules:
        for name, complexity in module.complexities():
            yield "complexity", name, complexity
        for name, lines in module.classes():
            yield "class", f"{module.name}.{name}", lines
        yield "file", module.name, len(module.code_lines)
        if module.is_package:
            parts = [part.stem for part in modules if part.package == module.name]
            parts = [part for part in parts if part != "__main__"]
            yield "docstring", module.name, module.unnamed(parts)
    counted = {
        "folder": folder_sizes(modules),
        "module-name": module_names(modules),
        "class-name": class_names(modules),
    }
    for rule, values in counted.items():
        for name, value in values.items():
            yield rule, name, value


def faults(found: Values, excepted: Values) -> Iterator[str]:
    """Yield a line for each new or larger excess and each unneeded exception."""
    for (rule, name), value in sorted(found.items()):
        allowed = excepted.get((rule, name), LIMITS[rule])
        if value > allowed:
            yield f"{rule} {name}: {value}, at most {allowed}"
    for rule, name in sorted(excepted.keys() - found.keys()):
        yield f"{rule} {name}: the exception is not needed any more; remove its line"


# --- the list of exceptions -----------------------------------------------------------


def read_exceptions(file: Path) -> Values:
    """Read the lines "RULE NAME VALUE"; a missing file holds none."""
    if not file.exists():
        return {}
    lines = file.read_text("utf-8").splitlines()
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return {(rule, name): int(value) for rule, name, value in rows}


def write_exceptions(file: Path, found: Values) -> Sequence[str]:
    """Write the list again, unless a rule would get more lines; return what grew."""
    before = Counter(rule for rule, _ in read_exceptions(file))
    after = Counter(rule for rule, _ in found)
    grown = [
        f"{rule}: {after[rule]} exceptions, {before[rule]} before"
        for rule in LIMITS
        if after[rule] > before[rule]
    ]
    if grown and file.exists():
        return grown
    order = list(LIMITS)
    rows = sorted(found.items(), key=lambda row: (order.index(row[0][0]), row[0][1]))
    lines = [f"{rule} {name} {value}\n" for (rule, name), value in rows]
    file.write_text(_HEAD + "".join(lines), "utf-8")
    return []


def main(words: Sequence[str], root: Path = ROOT) -> int:
    """Print every fault; return 1 if there is one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the exceptions")
    args = parser.parse_args(words)
    found = excesses(modules_of(root))
    file = root / EXCEPTIONS
    if args.write:
        lines = write_exceptions(file, found)
    else:
        lines = list(faults(found, read_exceptions(file)))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
