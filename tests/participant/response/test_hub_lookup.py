"""A message of the hub travels with its sender, which a participant looks up once."""

import pytest
from lookups import lookups
from webob import Request

from eilogin.participant.expiry import activity_reports

HUB = "https://inloggen.test/metadata"
STAD = "https://stad.test"


@pytest.fixture
def acs():
    return "post"


@pytest.fixture
def site(acs, clock, witness, eilogin_federation):
    return eilogin_federation(
        {"stad.test": witness}, options={"stad.test": {"acs": acs}}
    )


@pytest.fixture
def browser(site):
    browser = site.browser()
    browser.visit(f"{STAD}/mijn")
    return browser


@pytest.mark.parametrize("acs", ["post", "artifact"])
def test_looks_hub_up_once_for_a_response(browser, monkeypatch):
    # The page after the login reports its visitor to the hub, in a message of its own.
    monkeypatch.setattr(activity_reports, "_route", lambda *_: None)
    counted = lookups(monkeypatch)
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert browser.url == f"{STAD}/mijn"
    assert counted[HUB] == 1


def test_looks_hub_up_once_for_a_logout_request(
    browser, site, hub_of, witness, monkeypatch
):
    browser.press("Inloggen", username="anna", password="demo-anna")
    name_id = witness.environ["eilogin.session"].who.as_name_id()
    hub = hub_of(site)
    address = f"{STAD}/eilogin/slo/soap"
    body = hub.by_soap(hub.logout_request(name_id, address))
    counted = lookups(monkeypatch)
    answer = Request.blank(address, method="POST", body=body).get_response(site)
    assert answer.status_int == 200
    assert counted[HUB] == 1


def test_looks_hub_up_once_for_a_logout_request_in_the_browser(
    browser, site, hub_of, witness, monkeypatch
):
    browser.press("Inloggen", username="anna", password="demo-anna")
    name_id = witness.environ["eilogin.session"].who.as_name_id()
    hub, address = hub_of(site), f"{STAD}/eilogin/slo"
    request = hub.logout_request(name_id, address)
    counted = lookups(monkeypatch)
    url = hub.by_redirect(address, "SAMLRequest", request)
    answer = Request.blank(url).get_response(site)
    assert answer.location.startswith("https://inloggen.test/slo?SAMLResponse=")
    assert counted[HUB] == 1
