"""An answer by artifact that does not come, or comes more than once."""

from urllib.parse import quote, urlsplit

import pytest

from eilogin.saml import bindings

UWV = "https://uwv.test/mijn"
ACS = "https://uwv.test/eilogin/acs"
HUB = "https://inloggen.test/metadata"


@pytest.fixture(autouse=True)
def standing_clock(clock):
    return clock


@pytest.fixture
def invented(anna):
    """Bring artifacts that nobody has made, for a login that she has begun."""
    anna.browser.stops_before = "SAMLRequest="
    anna.visit(UWV)
    anna.browser.stops_before = None
    handle = bindings.read_redirect(urlsplit(anna.browser.url).query).relay_state

    def bring(times=1, handle=handle):
        for _ in range(times):
            artifact = quote(bindings.new_artifact(HUB), safe="")
            anna.visit(f"{ACS}?SAMLart={artifact}&RelayState={handle}")

    return bring


def test_visitor_with_artifacts_unknown_to_hub_must_start_again(
    anna, invented, federation
):
    invented(5)
    assert len(federation.back_channel_log) == 3
    assert anna.browser.page.status_int == 400
    assert "is niet meer geldig" in anna.browser.text
    anna.browser.click("Probeer het opnieuw")
    assert anna.is_asked_for_password
    anna.type_password()
    assert anna.user


def test_a_login_of_another_tab_goes_on_all_the_same(anna, invented):
    invented(5)
    anna.log_in(UWV)
    assert anna.user


def test_visitor_with_invented_artifacts_learns_of_existing_session(anna, invented):
    anna.log_in(UWV)
    invented(4)
    assert anna.browser.title.startswith("U bent ingelogd bij")
    assert anna.is_let_in(UWV)
