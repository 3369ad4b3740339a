"""How a command reaches the members of an ini file."""

from types import SimpleNamespace

import pytest

from eilogin.cli.commands.running.loaded_members import Member
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.participant.logout.operator_logout import OperatorLogout
from eilogin.web.pipeline.pipeline_parts import PipelinePart

UWV = SimpleNamespace(entity_id="https://uwv.test/app/eilogin/metadata")
SITE = Part("filter:uwv", "filter", "egg:eilogin")


class HandsOnLogout(PipelinePart):
    """In place of the filters of a participant."""

    eilogin_part = "logout"
    app = None

    def __init__(self):
        self.logout = OperatorLogout(None, None, SimpleNamespace(own=UWV), None)

    def __call__(self, environ, start_response):
        raise AssertionError("a request")

    def hand_on(self, outer):
        return (self.logout,)


@pytest.mark.parametrize(
    ("outer", "script_name"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param(
            [Part("composite:main", "composite", "egg:Paste#urlmap", branch="/app")],
            "/app",
            id="urlmap",
        ),
        pytest.param(
            [Part("filter:p", "filter", "egg:PasteDeploy#prefix", {"prefix": "/app/"})],
            "/app",
            id="prefix-of-pastedeploy",
        ),
    ],
)
def test_a_site_calls_its_application_where_others_mount_it(outer, script_name):
    inner = Part("composite:in", "composite", "egg:Paste#urlmap", branch="/inner")
    app = HandsOnLogout()
    member = Member(SITE.title, UWV, [*outer, SITE, inner], app)
    assert member.site() is app.logout
    assert app.logout.mounted_at == script_name
