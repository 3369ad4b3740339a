"""A site's own logo, from a line in its ini file to the hub's pages."""

from base64 import b64decode

import pytest
from lxml import html
from sloppy import DRAWING

UWV, STAD = "https://uwv.test/mijn", "https://stad.test/mijn"
LOGO = f"data:image/svg+xml;base64,{DRAWING}"


@pytest.fixture
def anna(clock, eilogin_federation, witness, citizen_at, tmp_path):
    """Anna before a hub that shows her session, and two sites: one has a logo."""
    drawing = tmp_path / "logo.svg"
    drawing.write_bytes(b64decode(DRAWING))
    federation = eilogin_federation(
        {"uwv.test": witness, "stad.test": witness},
        options={
            "uwv.test": {"acs": "post"},
            "stad.test": {"acs": "post", "logo": str(drawing)},
        },
        hub_options={"show_session": "true"},
    )
    return citizen_at(federation.browser())


def logos_on(citizen):
    """The images on a page that is not in its header."""
    page = html.document_fromstring(citizen.browser.page.text)
    return [
        (one.get("src"), one.get("alt")) for one in page.find(".//main").iter("img")
    ]


def test_is_where_a_citizen_logs_in_for_that_site(anna):
    anna.visit(UWV)
    assert logos_on(anna) == []
    anna.visit(STAD)
    assert anna.is_asked_for_password
    assert logos_on(anna) == [(LOGO, "")], "its name stands beside it"


def test_is_where_a_citizen_is_asked_if_they_want_to_go_there(anna):
    anna.log_in(UWV)
    anna.visit(STAD)
    assert anna.browser.title.startswith("U bent al ingelogd")
    assert logos_on(anna) == [(LOGO, "")]
