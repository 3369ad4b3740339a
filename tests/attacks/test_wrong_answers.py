"""Login answers of the right key that are wrong, brought over HTTP to a participant.

See :mod:`attempts`. What is odd and good, as real peers send it, is taken.
"""

import pytest
from arena import UWV
from attempts import Attempts, once_each
from forging import INSIDE, ROOT
from forging.answers import ANSWERS, CONTROLS, GOOD, LATE, VALUES


@pytest.fixture(scope="module")
def attempts(arena):
    attempts = Attempts(arena, UWV)
    yield attempts
    attempts.close()


@pytest.mark.parametrize(("forgery", "place"), once_each(ANSWERS))
def test_an_answer_that_is_not_for_this_login_is_refused(attempts, forgery, place):
    attempts.refuses(forgery, forgery.make(attempts.asked(place)))


@pytest.mark.parametrize(("forgery", "place"), once_each(LATE))
def test_an_answer_that_is_not_enough_logs_nobody_in(arena, attempts, forgery, place):
    octets = forgery.make(attempts.asked(place))
    under_way = attempts.under_way
    attempts.begin()
    answer = arena.brings(under_way, octets)
    assert answer.status == 303
    assert arena.is_ours(answer.location)
    told = arena.refuses(under_way.visitor.get(answer.location))
    forgery.expects(told["reason"])
    assert not arena.is_logged_in(under_way)


@pytest.mark.parametrize(("oddity", "place"), once_each(GOOD))
def test_an_odd_answer_that_is_good_is_taken(attempts, oddity, place):
    attempts.takes(oddity.make(attempts.asked(place)))


@pytest.mark.parametrize("place", [INSIDE, ROOT])
def test_an_attribute_is_told_to_the_letter(arena, attempts, place):
    """Whatever is in it: to the application it is a text, and no header (I1)."""
    values = [f"a{text}b" for text in (*CONTROLS.values(), *VALUES.values())]
    attempts.takes(attempts.asked(place).answer(attributes={"x": values}))
    login = arena.witness.seen[-1]["eilogin.session"]
    assert login.attributes == {"x": values}


def test_an_attribute_with_the_name_of_a_header_is_none(arena, attempts):
    """What identity is, is said by options, and never by the name of an attribute."""
    named = ("REMOTE_USER", "HTTP_X_ADMIN", "X-Admin", "AUTH_TYPE", "eilogin.session")
    asked = attempts.asked(INSIDE)
    attempts.takes(asked.answer(attributes={name: ["koningin"] for name in named}))
    seen = arena.witness.seen[-1]
    assert seen["REMOTE_USER"] == asked.name
    assert seen["AUTH_TYPE"] == "eilogin"
    assert "HTTP_X_ADMIN" not in seen
    assert seen["eilogin.session"].attributes["X-Admin"] == ["koningin"]
