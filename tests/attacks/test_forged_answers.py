"""Forged login answers, brought over HTTP to a participant; see :mod:`attempts`.

Here is what is done to a good answer, by families that fit any message. What the right
key has signed, and is wrong all the same, is in ``test_wrong_answers.py``.
"""

import pytest
from arena import UWV
from attempts import WANTED, Attempts, each_of, once_each
from forging.documents import DOCUMENTS, LARGEST, SIZES, SPLITS
from forging.shapes import SHAPES
from forging.signatures import SIGNATURES


@pytest.fixture(scope="module")
def attempts(arena):
    attempts = Attempts(arena, UWV)
    yield attempts
    attempts.close()


@pytest.mark.parametrize(
    ("forgery", "place"), [*each_of(SHAPES), *once_each(SIGNATURES, DOCUMENTS, SIZES)]
)
def test_a_forged_answer_is_refused(attempts, forgery, place):
    message = attempts.asked(place).message(WANTED)
    attempts.refuses(forgery, forgery.make(message))


@pytest.mark.parametrize(("oddity", "place"), each_of(SPLITS, LARGEST))
def test_an_odd_document_says_what_was_signed(attempts, oddity, place):
    message = attempts.asked(place).message(WANTED)
    attempts.takes(oddity.make(message))
