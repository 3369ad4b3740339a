"""Which way participants are told of a logout, where an option of the hub says it."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from eilogin.errors import ConfigurationError
from eilogin.hub.app import HubOptions, contradictions
from eilogin.saml import bindings, messages, xml
from eilogin.settings import read

HUB = "https://inloggen.test"
SLO = f"{HUB}/slo"
STAD = "https://stad.test/eilogin/metadata"
SECRET = {"name_id_key": "0123456789abcdef", "citizens": __file__}


def options(lines):
    return read(HubOptions, {}, {**SECRET, "logout_binding": lines})


class TestTheLines:
    def test_say_it_of_each_and_of_all_others(self):
        found = options(f"{STAD} browser\n * soap").logout_binding
        assert found == {STAD: "browser", "*": "soap"}

    def test_may_have_a_sign_between(self):
        assert options(f"{STAD} = soap").logout_binding == {STAD: "soap"}

    @pytest.mark.parametrize(
        ("lines", "told"),
        [
            (STAD, "'soap' or 'browser' behind it"),
            (f"{STAD} post", "'soap' or 'browser' behind it"),
            (f"{STAD} soap browser", "'soap' or 'browser' behind it"),
            (f"{STAD} = = soap", "'soap' or 'browser' behind it"),
            ("stad soap", "an entityID or"),
            (f"{STAD} soap\n {STAD} browser", "one line for each"),
        ],
    )
    def test_are_refused_where_they_say_no_way(self, lines, told):
        with pytest.raises(ConfigurationError, match=f"logout_binding.*{told}"):
            options(lines)

    def test_are_not_for_who_plays_digid(self):
        (found,) = contradictions(options("* soap"), f"{HUB}", is_digid=True)
        assert found[0] == "logout_binding"
        assert list(contradictions(options("* soap"), HUB, is_digid=False)) == []


class TestALogout:
    @pytest.fixture
    def log_out(self, anna, party, logout_of):
        """Log out at uwv, which asks the hub in her browser."""

        def visit():
            request = logout_of(destination=SLO)
            url = party("uwv.test").by_redirect(SLO, "SAMLRequest", request)
            anna.browser.visit(url)

        return visit

    @pytest.fixture
    def outcome(self, anna):
        """The status with which the hub has sent her back to uwv."""

        def read():
            back = next(url for url in anna.browser.trail if "SAMLResponse=" in url)
            received = bindings.read_redirect(urlsplit(back).query)
            return messages.read_logout_response(xml.parse(received.octets)).status

        return read

    @pytest.fixture
    def over_soap(self, federation):
        """The hosts that were told from server to server."""
        federation.back_channel_log.clear()
        return lambda: {
            urlsplit(url).hostname for url, _ in federation.back_channel_log
        }

    @pytest.mark.parametrize(
        "hub_options", [{"logout_binding": f"{STAD} browser"}], ids=["stad"]
    )
    def test_is_told_in_her_browser_to_who_is_to_be_told_so(
        self, anna, over_soap, log_out, outcome
    ):
        log_out()
        assert over_soap() == {"land.test"}
        assert "Wij loggen u ook uit bij: stad.test" in anna.browser.text
        [shown] = anna.browser.open_frames()
        assert 'id="done"' in shown.text
        anna.browser.click("Ga verder")
        assert outcome().codes == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}

    @pytest.mark.parametrize("hub_options", [{"logout_binding": "* soap"}], ids=["all"])
    def test_goes_to_no_browser_where_servers_alone_are_to_speak(
        self, anna, federation, over_soap, log_out, outcome
    ):
        federation.down.add("stad.test")
        log_out()
        assert over_soap() >= {"land.test"}
        assert "Wij loggen u ook uit bij" not in anna.browser.text
        assert "stad.test" in anna.browser.text
        anna.browser.click("Ga verder")
        assert outcome().codes == (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        assert "stad.test" in anna.is_in

    @pytest.mark.parametrize("hub_options", [{"logout_binding": "* soap"}], ids=["all"])
    def test_that_cannot_be_told_so_says_what_there_is(
        self, anna, hub_believes, log_out, outcome, caplog
    ):
        def by_redirect_alone(entity):
            role = entity.service_provider
            kept = [e for e in role.single_logouts if e.binding == bindings.REDIRECT]
            return replace(
                entity, service_provider=replace(role, single_logouts=tuple(kept))
            )

        hub_believes("stad.test", by_redirect_alone)
        log_out()
        anna.browser.click("Ga verder")
        assert outcome().codes == (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        told = "takes a LogoutRequest by none of SOAP; its metadata has: HTTP-Redirect"
        assert told in caplog.text

    @pytest.mark.parametrize(
        "hub_options", [{"logout_binding": "* browser"}], ids=["all"]
    )
    def test_that_comes_without_a_browser_reaches_nobody_who_needs_one(
        self, anna, party, logout_of, call, over_soap
    ):
        body = party("uwv.test").by_soap(logout_of(destination=f"{SLO}/soap"))
        call("POST", f"{SLO}/soap", body, Content_Type="text/xml")
        assert over_soap() == set()
        assert "stad.test" in anna.is_in
