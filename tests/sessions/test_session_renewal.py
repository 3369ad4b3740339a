"""A login in the place of another one; what other tabs do meanwhile is in journeys."""

from dataclasses import replace

import pytest

from eilogin.errors import LoginEnded
from eilogin.sessions import Subject, create_in_place
from tests.sessions.session_examples import HUB, NOON, live_login

HERE = "https://uwv.example/metadata"


def test_logged_out_subject_does_not_replace_current_session(sessions, anna):
    """Nor is it tried for ever: she who is in has not changed."""
    bert = replace(anna, who=Subject(HUB, HERE, "bert"))
    token = sessions.create_login(bert, issued=NOON)
    sessions.end_subject(anna.who, issued=NOON)
    with pytest.raises(LoginEnded):
        create_in_place(
            sessions, anna, alone=anna, issued=NOON, current=live_login(sessions, token)
        )
    assert live_login(sessions, token).who == bert.who
