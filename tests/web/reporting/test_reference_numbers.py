"""Reference numbers can be read out on the telephone."""

import re

from eilogin.web.reporting.reference_numbers import new_reference, read_reference


def test_it_has_two_groups_without_letters_that_look_like_digits():
    for _ in range(200):
        assert re.fullmatch(r"[2-9A-HJ-NP-Z]{3}-[2-9A-HJ-NP-Z]{3}", new_reference())


def test_no_two_in_a_row_are_the_same():
    assert len({new_reference() for _ in range(100)}) == 100


def test_one_that_is_brought_is_read_and_nothing_else_is():
    reference = new_reference()
    assert read_reference(reference) == reference
    for text in ("", "K7F", "k7f-4mp", "K7F-4M0", f"{reference}\n", f" {reference}"):
        assert not read_reference(text)
