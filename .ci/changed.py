# ruff: noqa: INP001 - a script
"""Print what a change concerns, for ``.ci/fast``, a path on each line.

    python .ci/changed.py tests [REF]    test files and folders to run
    python .ci/changed.py texts [REF]    files whose English .ci/prose.py checks

A file has changed if it differs from the commit at which this branch left REF (default:
main), or if git does not know it yet. The tests of a module are those of the room of
the same name: for ``eilogin/hub/sso/request.py``, the folder ``tests/hub/sso`` and the
files that lie in ``tests/hub`` itself. A changed test file stands for itself, a changed
``conftest.py`` for its folder, and a changed module of ``tests/support`` for each test
file that imports it.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Rules that each change of the code or of the manual can break; they take a second.
ALWAYS = "tests/test_house.py"


def changed_files(root: Path, ref: str) -> Sequence[str]:
    """Return the changed files that exist, sorted."""
    base = _git(root, "merge-base", "HEAD", ref)
    if not base:
        raise SystemExit(f"git knows no {ref!r}; name a commit: .ci/fast COMMIT")
    names = _git(root, "diff", "--name-only", "--no-renames", base[0])
    names += _git(root, "ls-files", "--others", "--exclude-standard")
    return sorted(name for name in set(names) if (root / name).is_file())


def _git(root: Path, *words: str) -> list[str]:
    command = ["git", "-C", str(root), *words]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return run.stdout.splitlines()


def tests_of(files: Sequence[str], root: Path) -> Sequence[str]:
    """Return the test files and folders, none of them inside another."""
    found = {test for name in files for test in _tests_of_one(Path(name), root)}
    if files:
        found.add(ALWAYS)
    folders = {test for test in found if (root / test).is_dir()}
    return sorted(
        test for test in found if folders.isdisjoint(map(str, Path(test).parents))
    )


def _tests_of_one(file: Path, root: Path) -> Iterator[str]:
    first, *_ = file.parts
    if file.is_relative_to("tests/support"):
        yield from _importers_of(file, root)
    elif first == "tests" and file.match("test_*.py"):
        yield str(file)
    elif first == "tests" and len(file.parts) > len(("tests", "conftest.py")):
        yield str(file.parent)
    elif first == "eilogin":
        yield from _tests_of_module(Path("tests", *file.parts[1:]), root)
    elif first == ".ci":
        yield from (
            str(test.relative_to(root))
            for test in sorted(root.glob("tests/contrib/test_*.py"))
            if re.search(rf"\b{re.escape(file.stem)}\b", test.read_text("utf-8"))
            and ".ci" in test.read_text("utf-8")
        )


def _tests_of_module(place: Path, root: Path) -> Iterator[str]:
    """Yield the tests of a module, by the path that it would have below ``tests``."""
    if len(place.parts) == len(("tests", "module.py")):
        test = place.with_name(f"test_{place.name}")
        yield from [str(test)] if (root / test).exists() else []
        return
    rooms = list(place.parents)[:-2]
    nearest = next((room for room in rooms if (root / room).is_dir()), None)
    if nearest is not None:
        yield str(nearest)
        for room in rooms[rooms.index(nearest) + 1 :]:
            beside = sorted((root / room).glob("test_*.py"))
            yield from (str(test.relative_to(root)) for test in beside)


def _importers_of(file: Path, root: Path) -> Iterator[str]:
    """Yield the test files that import a module of ``tests/support``."""
    name = re.escape(file.relative_to("tests/support").parts[0].removesuffix(".py"))
    imports = re.compile(rf"^\s*(?:from|import) {name}\b", re.MULTILINE)
    for test in sorted(root.glob("tests/**/test_*.py")):
        if imports.search(test.read_text("utf-8")):
            yield str(test.relative_to(root))


def texts_of(files: Sequence[str]) -> Sequence[str]:
    """Return the files that people read: pages, catalogues, code of the package."""
    return [
        name
        for name in files
        if (name.startswith("eilogin/") and name.endswith((".py", ".po")))
        or (name.endswith(".rst") and (name.startswith("contrib/") or "/" not in name))
    ]


def main(words: Sequence[str], root: Path = ROOT) -> int:
    """Print the paths."""
    kind, *ref = words
    files = changed_files(root, ref[0] if ref else "main")
    paths = tests_of(files, root) if kind == "tests" else texts_of(files)
    sys.stdout.write("".join(f"{path}\n" for path in paths))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
