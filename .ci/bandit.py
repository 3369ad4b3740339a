# ruff: noqa: INP001 - a script
"""bandit over a folder, with its exceptions: each on its line, with a reason.

    python .ci/bandit.py eilogin

ruff has most of bandit's checks too, under the same numbers, so a line on which it was
told ``noqa: S608 - the reason`` needs no second comment. What bandit alone finds is
excepted by ``nosec B106 # the reason``.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_NOQA = re.compile(r"# noqa: (?P<codes>[A-Z0-9, ]+?) - \S")
_NOSEC = re.compile(r"#\s*nosec\b")
_NOSEC_WITH_REASON = re.compile(r"# nosec B\d{3}(?:, B\d{3})* # \S")


def found_in(folder: Path) -> Sequence[Mapping[str, Any]]:
    """What bandit finds there; ``nosec`` comments count already."""
    command = [sys.executable, "-m", "bandit", "-q", "-r", "-f", "json", str(folder)]
    # Fixed words, and a folder that who runs this names.
    run = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    if not run.stdout:
        raise SystemExit(run.stderr.decode(errors="replace"))
    report = json.loads(run.stdout)
    if report["errors"]:
        raise SystemExit(f"bandit cannot read: {report['errors']}")
    found: Sequence[Mapping[str, Any]] = report["results"]
    return found


def is_excepted(issue: Mapping[str, Any]) -> bool:
    """Whether ruff was told, with a reason, of the same check on one of its lines."""
    lines = Path(issue["filename"]).read_text("utf-8").splitlines()
    code = issue["test_id"].replace("B", "S")
    first, last = min(issue["line_range"]), max(issue["line_range"])
    told = (_NOQA.search(line) for line in lines[first - 1 : last])
    return any(code in match["codes"].split(", ") for match in told if match)


def unreasoned(folder: Path) -> Iterator[str]:
    """Where an exception for bandit alone says no check, or no reason."""
    for file in sorted(folder.rglob("*.py")):
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if _NOSEC.search(line) and not _NOSEC_WITH_REASON.search(line):
                yield f"{file}:{number}: nosec without a check and a reason"


def main(folder: Path) -> int:
    """Tell what is found and not excepted; 1 where anything is."""
    told = [
        f"{issue['filename']}:{issue['line_number']}: {issue['test_id']}"
        f" {issue['issue_text']}"
        for issue in found_in(folder)
        if not is_excepted(issue)
    ]
    told += unreasoned(folder)
    sys.stdout.write("".join(f"{line}\n" for line in told))
    return 1 if told else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
