from dataclasses import replace

import pytest

from eilogin.errors import LoginLost
from eilogin.hub.questions import PARAMETER, Question, Questions
from eilogin.saml import bindings
from eilogin.stores import Values, open_store

MINUTE = 60
QUESTION = Question(
    request_id="_1",
    issuer="https://uwv.test/",
    acs_url="https://uwv.test/acs",
    binding=bindings.POST,
    relay_state="handle",
    level="basis",
    levels=("basis", "midden"),
    classes=("urn:basis",),
    name_id_format="",
    force=False,
    passive=False,
    received=1_795_510_800.0,
)


@pytest.fixture
def values(clock):
    return Values(open_store("memory:"), "https://inloggen.test/")


@pytest.fixture
def questions(values):
    return Questions(values)


def test_a_question_is_found_by_its_handle_as_it_was(questions):
    assert questions.remember(QUESTION) == QUESTION
    assert questions.find(QUESTION.handle) == QUESTION


def test_a_repetition_is_the_first_one_still(questions):
    questions.remember(QUESTION)
    later = replace(QUESTION, received=QUESTION.received + 5, relay_state="other")
    assert questions.remember(later) == QUESTION


@pytest.mark.parametrize(
    "changes", [{"request_id": "_2"}, {"issuer": "https://stad.test/"}]
)
def test_another_question_has_another_handle(changes):
    assert replace(QUESTION, **changes).handle != QUESTION.handle


def test_a_handle_tells_nothing_and_fits_an_address():
    assert QUESTION.handle.isalnum()
    assert "uwv" not in QUESTION.handle


def test_a_question_waits_for_half_an_hour(questions, clock):
    questions.remember(QUESTION)
    clock.shift(30 * MINUTE - 1)
    assert questions.find(QUESTION.handle)
    clock.shift(1)
    with pytest.raises(LoginLost):
        questions.find(QUESTION.handle)


@pytest.mark.parametrize("handle", ["", "made-up", "a" * 5000])
def test_an_unknown_handle_is_lost(questions, handle):
    with pytest.raises(LoginLost, match="was not asked for, or too long ago"):
        questions.find(handle)


class TestBehindAnAddress:
    def test_is_the_question_that_it_goes_on_with(self, questions):
        questions.remember(QUESTION)
        target = f"/sso?{PARAMETER}={QUESTION.handle}"
        assert questions.behind(target) == QUESTION

    @pytest.mark.parametrize("target", ["/", "/?x=y", "/sso", f"/sso?{PARAMETER}="])
    def test_is_none_where_it_names_none(self, questions, target):
        assert questions.behind(target) is None

    def test_is_lost_where_it_is_too_old(self, questions):
        with pytest.raises(LoginLost):
            questions.behind(f"/sso?{PARAMETER}={QUESTION.handle}")


def test_one_that_another_version_kept_is_lost(questions, values):
    values.add("question:older", '{"request": "_1"}', 2e9)
    with pytest.raises(LoginLost, match="another version"):
        questions.find("older")
