"""Every error has a code of its own, and the list of errors has its cure."""

import re
from collections import Counter
from pathlib import Path

import pytest

import eilogin
from eilogin import errors
from eilogin.cli.inifiles import entry_points

LIST = Path(eilogin.__file__).parent.parent / "contrib/manual/reference/errors.rst"


def all_of(kind):
    return [kind, *(each for child in kind.__subclasses__() for each in all_of(child))]


def documented():
    """What the list says of each code: its HTTP status, or "", and the text."""
    entries = re.findall(
        r"^``([a-z-]+)``(?: \((\d+)\))?\n((?:    .+\n|\n(?=    ))+)",
        LIST.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(entries) == len({code for code, _, _ in entries}), "a code twice"
    return {code: (status, " ".join(text.split())) for code, status, text in entries}


@pytest.fixture(scope="module")
def kinds():
    # Of all rooms: an error may be declared anywhere.
    assert entry_points.declared()
    # Each once, also where it is of two kinds.
    # Who makes one of these more precise, as a store does, keeps its code.
    all_kinds = dict.fromkeys(all_of(errors.EiloginError))
    return [kind for kind in all_kinds if "code" in vars(kind)]


def test_no_two_errors_have_one_code(kinds):
    count = Counter([kind.code for kind in kinds] + list(errors.NOTES))
    assert [code for code, times in count.items() if times > 1] == []


def test_every_code_is_in_the_list_and_no_other(kinds):
    assert set(documented()) == {kind.code for kind in kinds} | set(errors.NOTES)


def test_the_list_has_the_status_of_the_page(kinds):
    listed = {code: status for code, (status, _) in documented().items()}
    for kind in kinds:
        # What can be wrong at both times has a page too.
        is_at_start = issubclass(kind, errors.ConfigurationError) and not issubclass(
            kind, errors.Refused
        )
        assert listed[kind.code] == ("" if is_at_start else str(kind.status)), kind


@pytest.mark.parametrize("word", ["*Expected:*", "*Cure:*", "*Ask:*"])
def test_the_list_says_of_each_what_was_expected_its_cure_and_whom_to_ask(word):
    assert [code for code, (_, text) in documented().items() if word not in text] == []
