"""A LogoutRequest travels with its requester, which the hub looks up once."""

import pytest
from lookups import lookups
from webob import Request

HUB = "https://inloggen.test"


def test_looks_requester_up_once_for_a_logout_request_over_soap(
    logout_of, party, call, monkeypatch
):
    uwv = party("uwv.test")
    body = uwv.by_soap(logout_of())
    counted = lookups(monkeypatch)
    assert call("POST", f"{HUB}/slo/soap", body).status_int == 200
    assert counted[uwv.entity_id] == 1


@pytest.mark.parametrize("hub_options", [{}, {"profile": "digid"}], ids=repr)
def test_looks_requester_up_once_for_a_logout_request_in_the_browser(
    logout_of, party, federation, monkeypatch
):
    uwv = party("uwv.test")
    request = logout_of(destination=f"{HUB}/slo")
    url = uwv.by_redirect(f"{HUB}/slo", "SAMLRequest", request)
    counted = lookups(monkeypatch)
    answer = Request.blank(url).get_response(federation)
    assert answer.location.startswith("https://uwv.test/")
    assert counted[uwv.entity_id] == 1
