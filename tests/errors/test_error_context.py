"""A refusal of a proven Response is marked as such."""

import pytest

from eilogin import errors


@pytest.mark.parametrize(
    ("error", "is_proven"),
    [
        (errors.MalformedMessage("two assertions"), True),
        (errors.UnknownPeer("another issuer"), True),
        (errors.MessageUnexpected("to another question"), False),
        (errors.LoginLost("used already"), False),
    ],
)
def test_proven_block_marks_errors_except_unexpected_and_lost_login(error, is_proven):
    with pytest.raises(errors.Refused), errors.Proven():
        raise error
    assert error.is_proven is is_proven


def test_a_store_that_is_down_proves_nothing_of_an_answer():
    with pytest.raises(errors.StoreUnavailable) as caught, errors.Proven():
        raise errors.StoreUnavailable("down")
    assert not hasattr(caught.value, "is_proven")
