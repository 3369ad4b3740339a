"""The pages on security say what is done about each norm and each attacker."""

import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
TEXT = "\n\n".join(
    (HOUSE / page).read_text(encoding="utf-8")
    for page in ("SECURITY.rst", "contrib/manual/audit/norms.rst")
)
NORMS = [
    "U/TV.01",
    *(f"U/WA.0{number}" for number in range(2, 6)),
    *(f"U/PW.0{number}" for number in (2, 3, 5, 7)),
    "C.06",
    "C.07",
]
ROLES = [
    "on the internet",
    "Another site",
    "A neighbour host",
    "The citizen",
    "stolen",
    "Another member",
    "The hub",
    "operator",
    "on the network",
    "reads logs",
]


def below(term):
    """What stands below a term, up to the next one."""
    title = rf"^\*\*[^*\n]*{re.escape(term)}[^*\n]*\*\*.*\n"
    [found] = re.findall(rf"{title}((?:  .*\n)+)", TEXT, re.MULTILINE)
    return found


@pytest.mark.parametrize("norm", NORMS)
def test_a_norm_says_what_is_here_what_is_yours_and_which_test_shows_it(norm):
    said = below(norm)
    for field in (":asks:", ":here:", ":yours:", ":shown by:"):
        assert field in said
    tests = re.findall(r"``(tests/[\w./]+)``", said.partition(":shown by:")[2])
    assert tests
    assert [test for test in tests if not (HOUSE / test).is_file()] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_what_is_not_defended(role):
    assert "*Not defended:*" in " ".join(below(role).split())
