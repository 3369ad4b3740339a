"""Options of the hub whose lines are of an entityID, or of everybody else."""

import pytest

from eilogin.config import read
from eilogin.errors import ConfigurationError
from eilogin.hub.hub_options import HubOptions
from eilogin.hub.participants.entity_options import value_for

STAD = "https://stad.test/eilogin/metadata"
SECRET = {"name_id_key": "0123456789abcdef", "citizens": __file__}

#: An option, what may stand in a line of it, and what comes of that.
OPTIONS = pytest.mark.parametrize(
    ("option", "words", "said"),
    [
        ("logout_binding", "soap", "soap"),
        ("sectors", "s00000001 s00000000", ("s00000001", "s00000000")),
        ("release", "name mail", ("name", "mail")),
    ],
)


def value(option, text):
    return getattr(read(HubOptions, {}, {**SECRET, option: text}), option)


@OPTIONS
@pytest.mark.parametrize("between", ["", "="])
def test_says_it_of_each_and_of_all_others(option, words, said, between):
    found = value(option, f"{STAD} {between} {words}\n * {words}")
    assert found == {STAD: said, "*": said}


@OPTIONS
def test_names_who_has_two_lines(option, words, said):
    lines = f"* {words}\n {STAD} {words}\n {STAD} = {words}"
    told = rf"{option}: .*expected one line for each entityID; '{STAD}' has two"
    with pytest.raises(ConfigurationError, match=told):
        value(option, lines)


@OPTIONS
def test_says_what_is_expected_in_which_line(option, words, said):
    told = rf"{option}: .*expected an entityID.*\(line 2: 'stad {words}'\)"
    with pytest.raises(ConfigurationError, match=told):
        value(option, f"* {words}\n stad {words}")


def test_parsed_entity_option_stays_unchanged():
    lines = {STAD: "soap"}
    assert HubOptions(**SECRET, logout_binding=lines).logout_binding == lines


def test_of_a_participant_its_own_line_counts_and_else_that_of_everybody():
    assert value_for({STAD: "a", "*": "b"}, STAD) == "a"
    assert value_for({"https://uwv.test/": "a", "*": "b"}, STAD) == "b"
    assert value_for({"https://uwv.test/": "a"}, STAD) is None
