# ruff: noqa: INP001 - a script
"""Check the subjects of the commits: imperative, at most 72 characters, no full stop.

    python .ci/subjects.py

It reads the last 100 commits, back to the one that added this script. If that one is
unknown, as in a shallow clone, it reads only the last commit.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

LONGEST = 72
_FEWEST = 3
_MOST = 100
#: Imperatives that end like another form of a verb.
_IMPERATIVES = """bring embed exceed feed need ping proceed seed shed speed
    string""".split()  # noqa: SIM905 - a list of words reads best as a text
#: Verbs whose third person is a usual mistake.
_VERBS = """add allow accept answer ask avoid build change check clean close compare
    correct count create delete describe document drop end explain find fix follow give
    improve introduce keep let link log make measure move name print prove put raise
    read refactor reject remove rename replace report return rewrite run say send show
    skip sort speak split start stop store support take tell test turn update use wait
    work write""".split()  # noqa: SIM905 - a list of words reads best as a text


def faults_of(subject: str) -> Iterator[str]:
    """Yield the faults of the first line of a commit message."""
    if len(subject) > LONGEST:
        yield f"{len(subject)} characters, at most {LONGEST}"
    words = re.sub(r"^[\w.-]+: ", "", subject).split()
    if len(words) < _FEWEST:
        yield f"{len(words)} words, at least {_FEWEST}"
    verb = words[0].lower() if words else ""
    if verb not in _IMPERATIVES and re.search(r"(?:ing|ed)$", verb):
        yield f"'{verb}' is no imperative"
    if verb in {word + ending for word in _VERBS for ending in ("s", "es")}:
        yield f"'{verb}' is no imperative"
    if subject.endswith("."):
        yield "ends with a full stop"


def subjects(root: Path) -> Sequence[str]:
    """Subjects of the last commits, but none from before this script."""
    first = _git(root, "log", "--diff-filter=A", "--format=%H", "--", ".ci/subjects.py")
    since = [f"-{_MOST}", f"{first[-1]}..HEAD"] if first else ["-1"]
    return _git(root, "log", "--no-merges", "--format=%s", *since)


def _git(root: Path, *words: str) -> Sequence[str]:
    command = ["git", "-C", str(root), *words]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return run.stdout.splitlines()


def main(root: Path) -> int:
    """Print every fault; 1 where there is one."""
    found = [
        f"{fault}: {subject}\n"
        for subject in subjects(root)
        for fault in faults_of(subject)
    ]
    sys.stdout.write("".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[1]))
