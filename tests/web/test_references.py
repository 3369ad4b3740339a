"""Reference numbers can be read out on the telephone."""

import re

from eilogin.web.references import new_reference


def test_it_has_two_groups_without_letters_that_look_like_digits():
    for _ in range(200):
        assert re.fullmatch(r"[2-9A-HJ-NP-Z]{3}-[2-9A-HJ-NP-Z]{3}", new_reference())


def test_no_two_in_a_row_are_the_same():
    assert len({new_reference() for _ in range(100)}) == 100
