"""A bot that brings the same message again and again leaves little in the hub's store.

A message by POST does not sign its RelayState, so each copy can have another one.
"""

import secrets

import pytest

from eilogin import clock as now
from eilogin.errors import Busy
from eilogin.hub.logout.session_endings import SessionEndings
from eilogin.saml import messages

HUB, LONG = "https://inloggen.test", 1500
SSO, SLO = f"{HUB}/sso", f"{HUB}/slo"
#: Copies of one message.
TIMES = 12


@pytest.fixture
def stored(federation):
    """How many values the hub has stored."""
    store = federation.apps["inloggen.test"].sessions.store
    return lambda: len(store._values)  # noqa: SLF001 - what is left in it


@pytest.fixture
def bring(federation, clock):
    """Bring a form many times, each time with another RelayState; the browsers."""

    def bring(url, fields, times=TIMES):
        browsers = [federation.browser() for _ in range(times)]
        for browser in browsers:
            clock.shift(0.01)
            fields["RelayState"] = secrets.token_urlsafe(LONG)
            browser.stops_before = "turn="
            browser.post(url, site="cross-site", **fields)
        return browsers

    return bring


@pytest.fixture
def question(federation, party):
    """An AuthnRequest by POST, as stad.test gives to everybody."""
    own = federation.trusts["stad.test"].own
    request = messages.AuthnRequest(
        id=messages.new_id(),
        issued=now.now(),
        issuer=own.entity_id,
        destination=SSO,
        acs_url=own.url("acs"),
    )
    element = messages.write_authn_request(request)
    return party("stad.test").by_post("SAMLRequest", element)


@pytest.fixture
def logout(federation, party):
    """A LogoutRequest by POST, of a session that is over."""
    name_id = messages.NameID("nobody")
    element = party("stad.test").logout_request(name_id, SLO, "_1")
    return party("stad.test").by_post("SAMLRequest", element)


class TestALongQuestion:
    def test_is_answered(self, bring, question):
        [browser] = bring(SSO, question, 1)
        assert "Wachtwoord" in browser.text

    def test_takes_no_more_than_the_room_of_its_network(
        self, bring, question, stored, monkeypatch, caplog
    ):
        monkeypatch.setattr(
            "eilogin.hub.pending_authn_requests._MOST_STORED", 5 * 4 * 4096
        )
        before = stored()
        browsers = bring(SSO, question)
        # Five of them, and what counts them.
        assert stored() - before == 5 + 2
        assert "pending logins: not kept, because the store has no space" in caplog.text
        # The others are in longer cookies.
        assert all("Wachtwoord" in browser.text for browser in browsers)

    def test_that_fits_nowhere_is_refused(self, bring, question, monkeypatch):
        monkeypatch.setattr("eilogin.hub.pending_authn_requests._MOST_STORED", 1)
        monkeypatch.setattr("eilogin.hub.pending_authn_requests._MOST_ROOM", 1900)
        [browser] = bring(SSO, question, 1)
        assert browser.page.status_int == 503


class TestALogoutThatWaitsForItsTurn:
    @pytest.fixture(autouse=True)
    def busy(self, monkeypatch):
        def execute(*args, **kwargs):
            raise Busy("others have their turn")

        monkeypatch.setattr(SessionEndings, "execute", execute)

    def test_waits_once(self, bring, logout, stored):
        before = stored()
        browsers = bring(SLO, logout)
        assert {browser.url for browser in browsers} != {SLO}
        assert stored() - before == 1

    def test_waits_at_an_address_that_nobody_else_can_make(
        self, bring, logout, federation, party
    ):
        [browser] = bring(SLO, logout, 1)
        assert len(browser.url.partition("turn=")[2]) >= 32
