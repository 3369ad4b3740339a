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
def test_a_norm_says_what_is_here_and_what_is_yours(norm):
    said = below(norm)
    for field in (":asks:", ":here:", ":yours:"):
        assert field in said


@pytest.mark.parametrize("norm", NORMS)
def test_each_norm_has_tests_and_what_each_of_them_shows(norm):
    page = (HOUSE / "contrib/manual/audit/evidence.rst").read_text(encoding="utf-8")
    [said] = re.findall(
        rf"^{re.escape(norm)} .*\n-+\n((?:(?!.+\n-+\n)(?:.*\n))+)", page, re.MULTILINE
    )
    shown = re.findall(r"^\* ``(tests/[\w./]+)``: (\S.*)$", said, re.MULTILINE)
    assert len(shown) == said.count("\n* ")
    assert len(shown) >= 3
    assert [test for test, _ in shown if not (HOUSE / test).is_file()] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_what_is_not_defended(role):
    assert "*Not defended:*" in " ".join(below(role).split())
