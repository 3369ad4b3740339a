"""A LogoutRequest travels with its hub, which a participant looks up once."""

import pytest
from lookups import CountedRequests, lookups

HUB = "https://inloggen.test/metadata"
STAD = "https://stad.test"


@pytest.fixture
def site(witness, binding, eilogin_federation):
    return eilogin_federation(
        {"stad.test": witness}, options={"stad.test": {"logout_binding": binding}}
    )


@pytest.mark.parametrize("binding", ["soap", "redirect", "post"])
def test_looks_hub_up_once_for_a_logout_request(site, monkeypatch):
    browser = site.browser()
    browser.visit(f"{STAD}/mijn")
    browser.press("Inloggen", username="anna", password="demo-anna")
    counted = lookups(monkeypatch)
    stad = site.apps["stad.test"] = CountedRequests(site.apps["stad.test"], counted)
    browser.visit(f"{STAD}/eilogin/logout")
    assert "U bent overal uitgelogd" in browser.text
    assert stad.of("/eilogin/logout?")[HUB] == 1
