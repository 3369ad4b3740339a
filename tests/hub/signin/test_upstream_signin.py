"""A hub that takes its sign-in from above, and what has to stand before it."""

from wsgiref.validate import validator

import pytest
from webtest import TestApp as Client

from eilogin.errors import InvalidOptions, PipelineOrder
from eilogin.hub import make_hub
from eilogin.hub.signin.upstream_signin import login_above
from eilogin.web import environ as env
from eilogin.web.visit import Visit

ABOVE = {"sign_in": "above", "passed_on_to": "https://uwv.test/"}


@pytest.fixture
def logged_by(eilogin_federation, clock, caplog):
    """What the log says where its page is asked for, behind a participant or not."""

    def visit(path="/login", **outer):
        below = eilogin_federation({}, hub="gemeente.test", hub_options=ABOVE)
        app = below.apps["gemeente.test"]
        if outer:
            above = eilogin_federation(
                {"gemeente.test": app}, options={"gemeente.test": outer}
            )
            app = above.apps["gemeente.test"]
        answer = Client(app).get(f"https://gemeente.test{path}", status=500)
        assert "hub_inside" not in answer.text
        return caplog.text

    return visit


def test_stands_behind_the_filters_of_a_participant(logged_by):
    assert "'hub_inside' before the filters of this hub" in logged_by()


@pytest.mark.parametrize("there", [env.LOGIN, env.LOGOUT])
def test_stands_behind_both_of_them(there):
    with pytest.raises(
        PipelineOrder, match=("'hub_inside' before the filters of this hub")
    ):
        login_above(Visit({there: object()}))


def test_stands_behind_filters_that_know_of_it(logged_by):
    outer = {"cookie": "eilogin-above", "protect": "/ optional"}
    assert "'hub_inside' before the filters of this hub" in logged_by(**outer)


def test_has_a_cookie_of_another_name_than_theirs(logged_by):
    told = logged_by(hub_inside="/", protect="/ optional")
    assert "use the same cookie name 'eilogin'" in told


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"sign_in": "above"}, "passed_on_to: is required with sign_in = above"),
            ({}, "citizens: is required with sign_in = own"),
            ({"sign_in": "below"}, "sign_in: found 'below'; expected 'own' or 'above'"),
        ],
    )
    def test_say_who_signs_in(self, options, told):
        with pytest.raises(InvalidOptions) as refused:
            make_hub({}, name_id_key="a secret of this test", **options)
        assert told in str(refused.value)

    def test_need_no_citizens_where_they_sign_in_above(self):
        assert validator(make_hub({}, name_id_key="a secret of this test", **ABOVE))
