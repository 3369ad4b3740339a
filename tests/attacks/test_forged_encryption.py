"""Answers of which something is encrypted, over HTTP; see :mod:`forging.encrypted`."""

import pytest
from arena import KADASTER
from attempts import Attempts, each_of
from forging.encrypted import ENCRYPTED, OPENED


@pytest.fixture(scope="module")
def attempts(arena):
    attempts = Attempts(arena, KADASTER)
    yield attempts
    attempts.close()


@pytest.mark.parametrize(("forgery", "place"), each_of(ENCRYPTED))
def test_rejects_forged_encryption(attempts, forgery, place):
    attempts.refuses(forgery, forgery.make(attempts.asked(place)))


@pytest.mark.parametrize(("oddity", "place"), each_of(OPENED))
def test_decrypts_unusual_but_valid_encryption(attempts, oddity, place):
    asked = attempts.asked(place)
    attempts.takes(oddity.make(asked), asked.name)
