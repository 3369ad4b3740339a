"""Which way participants are told of a logout, where an option of the hub says it."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from eilogin.config import read
from eilogin.errors import ConfigurationError
from eilogin.federation.local.profiles import DIGID_PROFILE, PROFILES, SAML_PROFILE
from eilogin.hub.hub_options import HubOptions, contradictions
from eilogin.saml import bindings, messages, safe_xml

HUB = "https://inloggen.test"
SLO = f"{HUB}/slo"
STAD = "https://stad.test/eilogin/metadata"
SECRET = {"name_id_key": "0123456789abcdef", "citizens": __file__}


def options(lines):
    return read(HubOptions, {}, {**SECRET, "logout_binding": lines})


class TestTheLines:
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logout_binding", "* soap"),
        ("logout_in_browser", "one-by-one"),
        ("logout_scope", "browser"),
        ("confirm_logout", "true"),
    ],
)
def test_check_reports_logout_options_that_contradict_digid(name, value):
    """``check`` says so, where half of the hub would not keep to it."""
    said = read(HubOptions, {}, {**SECRET, name: value})
    assert [found for found, _ in contradictions(said, HUB, DIGID_PROFILE)] == [name]
    assert list(contradictions(said, HUB, SAML_PROFILE)) == []


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_hub_explains_each_option_that_a_profile_refuses(profile):
    values = {name: object() for name in profile.refused_hub_options}
    found = dict(contradictions(HubOptions.model_construct(**values), HUB, profile))
    assert found.keys() == values.keys()
    assert all(text.startswith("expected") for text in found.values())


class TestALogout:
    @pytest.fixture
    def log_out(self, anna, party, logout_of):
        """Log out at uwv, which asks the hub in her browser, or in another one."""

        def visit(browser=anna.browser):
            request = logout_of(destination=SLO)
            url = party("uwv.test").by_redirect(SLO, "SAMLRequest", request)
            browser.visit(url)

        return visit

    @pytest.fixture
    def ask_over_soap(self, party, logout_of, call):
        """Have uwv's server ask for one logout; the status that it gets."""
        body = party("uwv.test").by_soap(logout_of(destination=f"{SLO}/soap"))

        def ask():
            answer = call("POST", f"{SLO}/soap", body, Content_Type="text/xml")
            said = bindings.unwrap_soap(answer.body)
            return messages.read_logout_response(said).status

        return ask

    @pytest.fixture
    def outcome_of(self):
        """The status with which the hub has sent a browser back to uwv."""

        def read(browser):
            back = next(url for url in browser.trail if "SAMLResponse=" in url)
            received = bindings.read_redirect(urlsplit(back).query)
            return messages.read_logout_response(safe_xml.parse(received.octets)).status

        return read

    @pytest.fixture
    def outcome(self, anna, outcome_of):
        """The same of hers."""
        return lambda: outcome_of(anna.browser)

    @pytest.fixture
    def not_told(self, events, caplog):
        """Check who is written down as not told: they need a browser, and none is."""

        def check(*hosts):
            found = [
                (urlsplit(e["peer"]).hostname, e["reason"])
                for e in events("logout.delivered")
                if e["outcome"] == "failed"
            ]
            assert found == [(host, "binding-missing") for host in hosts]
            told = "it accepts a LogoutRequest only in the visitor's browser"
            assert caplog.text.count(told) == len(hosts)

        return check

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
        told = (
            "accepts a LogoutRequest by none of SOAP; its metadata has: HTTP-Redirect"
        )
        assert told in caplog.text

    @pytest.mark.parametrize(
        "hub_options", [{"logout_binding": "* browser"}], ids=["all"]
    )
    def test_that_comes_without_a_browser_reaches_nobody_who_needs_one(
        self, anna, ask_over_soap, over_soap, not_told
    ):
        status = ask_over_soap()
        assert status.codes == (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        assert over_soap() == set()
        assert "stad.test" in anna.is_in
        not_told("land.test", "stad.test")
        assert ask_over_soap() == status
        # Once is enough.
        not_told("land.test", "stad.test")

    @pytest.mark.parametrize(
        "hub_options", [{"logout_binding": f"{STAD} browser"}], ids=["stad"]
    )
    def test_in_another_browser_than_hers_reaches_nobody_who_needs_hers(
        self, anna, another, log_out, outcome_of, not_told
    ):
        log_out(another.browser)
        status = outcome_of(another.browser)
        assert status.codes == (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        assert "stad.test" in anna.is_in
        not_told("stad.test")

    @pytest.mark.parametrize(
        ("who", "reasons"),
        [
            ("is down", ["peer-unavailable"]),
            ("takes none", ["binding-missing"]),
            ("is done but for who is behind it", ["PartialLogout"]),
        ],
    )
    def test_without_a_browser_is_written_down_once_of_who_needs_none(
        self, stad_that, ask_over_soap, events, who, reasons
    ):
        stad_that(who)
        assert messages.PARTIAL_LOGOUT in ask_over_soap().codes
        failed = [e for e in events("logout.delivered") if e["outcome"] == "failed"]
        assert [e["reason"] for e in failed] == reasons

    @pytest.fixture
    def stad_that(self, federation, hub_believes, party):
        """Have stad be one that a logout does not reach, or not wholly."""

        def make(who):
            if who == "is down":
                federation.down.add("stad.test")
            elif who == "takes none":
                hub_believes("stad.test", without_logout)
            else:
                federation.apps["stad.test"] = done_in_part(party("stad.test"))

        return make


def without_logout(entity):
    role = replace(entity.service_provider, single_logouts=())
    return replace(entity, service_provider=role)


def done_in_part(speaker):
    """A participant that is a hub itself, behind which somebody was not reached."""
    status = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))

    def app(environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        request = messages.read_logout_request(bindings.unwrap_soap(body))
        answer = speaker.by_soap(speaker.logout_response(request, status=status))
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [answer]

    return app
