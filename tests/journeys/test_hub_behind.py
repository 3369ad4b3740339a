# ruff: noqa: SLF001 - a store and hooks from inside
"""A hub behind another one: a municipality's one connection for all that it has.

The hub above (``inloggen.test``) knows the municipality's hub as one participant; the
municipality's own applications stand behind the hub of ``gemeente.test``.
"""

from urllib.parse import urlsplit

import pytest
from lxml import etree, html
from webob import Request

from eilogin import clock as instants
from eilogin.errors import PeerUnavailable, StoreUnavailable
from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.hub.logout.session_endings import SessionEndings
from eilogin.participant.logout.logout_hooks import LogoutHooks
from eilogin.participant.logout.operator_logout import OperatorLogout
from eilogin.saml import bindings, messages, safe_xml, xml_signatures
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.messages import PARTIAL_LOGOUT
from eilogin.web.pipeline.pipeline_objects import object_in
from tests.journeys.conftest import go_on

HUB = "https://gemeente.test"
ZORG = "https://zorg.test/mijn"
WERK = "https://werk.test/mijn"
MINUTE = 60


def show_visitor(environ, start_response):
    """An app that says who it sees, at which level and until when."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    login = environ["eilogin.session"]
    user = environ.get("REMOTE_USER", "")
    facts = "" if login is None else f"{login.level} until {login.until:%H.%M}"
    name = "" if login is None else "".join(login.attributes.get("name", []))
    return [f"<p>user=[{user}] {name} {facts}</p>".encode()]


@pytest.fixture
def above_options():
    """Options of the hub above, for a test that wants others."""
    return {}


@pytest.fixture
def hub_above_options():
    """Options of the hub above itself."""
    return {}


@pytest.fixture
def below_options():
    """The same of the municipality's hub."""
    return {}


@pytest.fixture
def below_rules():
    """What is ruled in the metadata of the municipality's federation, by host."""
    return {}


@pytest.fixture
def below(eilogin_federation, clock, below_options, below_rules):
    """The municipality's federation: its hub, two applications and one of others."""
    needs = {
        "protect": "/ optional\n/mijn basis\n/percelen midden\n/kluis hoog"
        "\n/vers basis max_age=2m"
    }
    return eilogin_federation(
        dict.fromkeys(("zorg.test", "werk.test", "derde.test"), show_visitor),
        options={
            "zorg.test": {**needs, "silent": "true"},
            "werk.test": {"acs": "post", **needs},
            "derde.test": needs,
        },
        hub="gemeente.test",
        rules=below_rules,
        hub_options={
            "sign_in": "above",
            "passed_on_to": "https://zorg.test/eilogin/metadata "
            "https://werk.test/eilogin/metadata",
            **below_options,
        },
    )


@pytest.fixture
def federation(eilogin_federation, below, above_options, hub_above_options):
    """All of it: the hub above, and the municipality's hub as its participant."""
    above = eilogin_federation(
        {"gemeente.test": below.apps["gemeente.test"], "elders.test": show_visitor},
        options={
            "gemeente.test": {
                "hub_inside": "/",
                "cookie": "eilogin-above",
                "protect": "/ optional",
                **above_options,
            }
        },
        hub_options=hub_above_options,
    )
    below.apps.update(above.apps)
    above.apps.update(below.apps)
    below.above = above
    return below


@pytest.fixture
def everywhere(anna):
    """Anna, logged in at both applications."""
    anna.log_in(ZORG)
    assert anna.is_let_in(WERK)
    return anna


@pytest.fixture
def told_above(federation, everywhere, hub_of):
    """Have the hub above say over SOAP that this login ends; the status it gets."""
    hub, url = hub_of(federation.above), f"{HUB}/eilogin/slo/soap"
    key = federation.above.trusts["gemeente.test"].own.key.public
    site = federation.apps["gemeente.test"]
    login = site.sessions.find(
        everywhere.browser.cookie("gemeente.test", "__Host-eilogin-above")
    )

    def tell():
        named = login.who.as_name_id(), url, login.session_index
        body = hub.by_soap(hub.logout_request(*named))
        request = Request.blank(url, method="POST", body=body)
        request.content_type = "text/xml"
        answer = request.get_response(federation)
        element = xml_signatures.signed(bindings.unwrap_soap(answer.body), [key])
        return messages.read_logout_response(element).status

    return tell


@pytest.fixture
def sessions_above(federation):
    """The sessions of the hub above."""
    return federation.apps["inloggen.test"].sessions


class TestALogin:
    def test_at_the_hub_above_is_one_at_the_application(self, anna):
        anna.log_in(ZORG)
        assert "Anna de Proef" in anna.browser.text

    def test_is_one_at_all_applications_of_the_municipality(self, everywhere):
        assert everywhere.is_let_in(ZORG)
        assert everywhere.is_let_in(WERK)

    def test_names_her_otherwise_at_every_application_and_the_same_next_time(
        self, everywhere, citizen_of
    ):
        at_werk = everywhere.visit(WERK).user
        at_zorg = everywhere.visit(ZORG).user
        assert at_werk != at_zorg
        assert citizen_of("anna").log_in(ZORG).user == at_zorg
        assert citizen_of("bram").log_in(ZORG).user != at_zorg

    def test_is_not_passed_on_to_anybody_else(self, anna, caplog):
        anna.visit("https://derde.test/mijn")
        assert anna.user is None
        assert not anna.is_asked_for_password
        assert "derde.test/eilogin/metadata gets no login: passed_on_to" in caplog.text
        assert "RequestDenied" in caplog.text

    def test_that_she_cancels_is_told_to_the_application(self, anna):
        anna.visit(ZORG)
        anna.browser.press("Annuleren")
        assert anna.browser.url.startswith("https://zorg.test/eilogin/acs")
        assert "U hebt het inloggen geannuleerd" in anna.browser.text
        assert anna.user is None

    def test_may_begin_at_the_hub_itself(self, anna):
        anna.visit(f"{HUB}/")
        anna.browser.click("Inloggen")
        assert anna.is_asked_for_password
        anna.type_password()
        assert anna.browser.url == f"{HUB}/"
        assert "Overal uitloggen" in anna.browser.text
        assert anna.is_let_in(ZORG)

    def test_at_the_hub_itself_may_be_cancelled(self, anna):
        anna.visit(f"{HUB}/login")
        anna.browser.press("Annuleren")
        assert anna.browser.url == f"{HUB}/"
        assert "U bent niet ingelogd" in anna.browser.text

    def test_of_who_is_logged_in_at_the_hub_needs_no_prompt(self, everywhere):
        everywhere.visit(f"{HUB}/login?next=/")
        assert everywhere.browser.url == f"{HUB}/"

    def test_of_another_citizen_ends_that_of_the_first_everywhere(
        self, federation, everywhere, citizen_of
    ):
        """Somebody else logs in above in the same browser; the hub here hears of it."""
        at_zorg = everywhere.visit(ZORG).user
        browser = everywhere.browser
        browser.visit("https://inloggen.test/login")
        bram = citizen_of("bram", browser)
        bram.type_password()
        assert bram.is_let_in(WERK)
        bram.visit(ZORG)
        assert bram.user
        assert bram.user != at_zorg

    @pytest.mark.parametrize("below_options", [{}, {"cookie": "hub"}])
    def test_of_another_citizen_that_only_this_hub_hears_of_does_so_too(
        self, federation, everywhere, citizen_of, ask_as, clock
    ):
        """The hub above could not tell us that it has logged out the first one."""
        at_zorg, browser = everywhere.visit(ZORG).user, everywhere.browser
        federation.above.down.add("gemeente.test")
        browser.visit("https://inloggen.test/login")
        bram = citizen_of("bram", browser)
        bram.type_password()
        federation.above.down.clear()
        clock.shift(1)
        ask_as(bram, "werk.test", force_authn=True)
        clock.shift(1)
        bram.type_password()
        assert bram.visit(ZORG).user != at_zorg
        assert bram.user

    @pytest.mark.parametrize("below_options", [{}, {"cookie": "hub"}])
    def test_of_another_citizen_says_where_the_first_one_may_be_met_still(
        self, federation, everywhere, citizen_of, clock
    ):
        """Neither hub could tell werk that she is logged out."""
        federation.above.down.add("gemeente.test")
        clock.shift(MINUTE)
        browser = everywhere.browser
        browser.visit("https://inloggen.test/login")
        bram = citizen_of("bram", browser)
        bram.type_password()
        federation.above.down.clear()
        federation.down.add("werk.test")
        # Nobody goes on to her session there before he has seen this.
        browser.visit(f"{HUB}/eilogin/login?next=/login&fresh=yes")
        clock.shift(1)
        bram.type_password()
        assert "Iemand anders wordt uitgelogd" in browser.title
        assert "werk.test" in browser.text
        browser.open_frames()
        browser.click("Ga verder")
        assert browser.url == f"{HUB}/"
        assert bram.is_let_in(ZORG)
        assert bram.is_let_in(WERK)


class TestALoginThatIsRestricted:
    """SAML core 2.5.1.6 and 3.4.1.2: how far it may be passed on."""

    @pytest.fixture
    def above_options(self):
        return {"acs": "post"}

    @pytest.fixture
    def answered(self, federation, hub_of, asked):
        """Bring a good answer of the hub above, with this in its Conditions."""
        hub, browser = hub_of(federation.above), federation.browser()

        def answer(*restrictions):
            browser.stops_before = "https://inloggen.test/sso?SAMLRequest="
            browser.visit(WERK)
            question, relay_state = asked(browser.url)
            browser.stops_before = None
            assertion = hub.assertion(question)
            assertion.find(safe_xml.q("saml:Conditions")).extend(restrictions)
            response = hub.response(question, hub.signed(assertion))
            octets = safe_xml.serialize(response)
            fields = bindings.post_fields("SAMLResponse", octets, relay_state)
            browser.post(question.acs_url, site="cross-site", **fields)
            return browser

        return answer

    def test_not_at_all_is_passed_on(self, answered):
        assert answered().url == WERK

    @pytest.mark.parametrize(
        "said",
        [
            ' Count="0"/>',
            ' Count="2"/>',
            "><r:Audience>x</r:Audience></r:ProxyRestriction>",
        ],
    )
    def test_is_not_passed_on(self, answered, said, caplog):
        text = f'<r:ProxyRestriction xmlns:r="{safe_xml.SAML}"{said}'
        browser = answered(etree.fromstring(text))
        assert browser.page.status_int == 400
        assert browser.url == f"{HUB}/eilogin/acs"
        assert "a ProxyRestriction, and hub_inside passes" in caplog.text

    @pytest.mark.parametrize("count", ["0", "-00", " +0 "])
    def test_so_that_no_other_hub_is_asked(self, federation, count, events):
        assert self.ask(federation, count).url.startswith("https://werk.test/")
        assert "ProxyCountExceeded" in [told["reason"] for told in events("login")]

    @pytest.mark.parametrize("count", ["1", "10", "0" * 5000 + "1"])
    def test_less_than_that_asks_the_hub_above(self, federation, count):
        assert self.ask(federation, count).url.startswith("https://inloggen.test/")

    def ask(self, federation, count):
        """Bring a question of an application, with this ProxyCount."""
        trust = federation.trusts["werk.test"]
        request = messages.AuthnRequest(
            id=messages.new_id(),
            issued=instants.now(),
            issuer=trust.own.entity_id,
            destination=f"{HUB}/sso",
        )
        element = messages.write_authn_request(request)
        safe_xml.add(element, "samlp:Scoping", ProxyCount=count)
        url = bindings.redirect_url(
            f"{HUB}/sso", "SAMLRequest", safe_xml.serialize(element), "", trust.own.key
        )
        browser = federation.browser()
        browser.visit(url)
        return browser


class TestAQuestion:
    def test_for_more_goes_up_and_the_other_application_stays(self, everywhere):
        everywhere.visit("https://zorg.test/percelen")
        assert everywhere.is_asked_for_password
        everywhere.type_password(everywhere.code)
        assert everywhere.browser.url == "https://zorg.test/percelen"
        assert "midden" in everywhere.browser.text
        assert everywhere.is_let_in("https://werk.test/percelen")

    def test_for_more_than_there_is_above_is_answered_so(self, everywhere, caplog):
        everywhere.visit("https://zorg.test/kluis")
        assert everywhere.browser.url.startswith("https://zorg.test/eilogin/acs")
        assert "NoAuthnContext" in caplog.text
        assert everywhere.is_let_in(ZORG)

    def test_for_silence_asks_nobody_anything(self, anna):
        anna.visit("https://zorg.test/")
        assert anna.browser.url.partition("?")[0] == "https://zorg.test/"
        assert not anna.is_asked_for_password
        trail = anna.browser.trail
        assert any(url.startswith("https://inloggen.test/sso") for url in trail)
        assert anna.user is None

    def test_for_silence_greets_who_is_known_above(self, anna, federation):
        anna.visit("https://inloggen.test/login")
        anna.type_password()
        anna.visit("https://zorg.test/")
        assert anna.user

    def test_for_a_fresh_proof_has_her_prove_it_above(
        self, everywhere, federation, ask_as, clock
    ):
        clock.shift(MINUTE)
        ask_as(everywhere, "zorg.test", force_authn=True)
        assert everywhere.is_asked_for_password
        clock.shift(MINUTE)
        everywhere.type_password()
        assert everywhere.browser.url.startswith("https://zorg.test/eilogin/acs")

    def test_for_a_fresh_proof_that_is_not_given_above(  # noqa: PLR0913, PLR0917
        self, everywhere, federation, asked, hub_of, clock, caplog
    ):
        """The hub above lets her through without a prompt, as some do."""
        clock.shift(5 * MINUTE)
        everywhere.browser.stops_before = "https://inloggen.test/sso"
        everywhere.visit("https://zorg.test/vers")
        everywhere.browser.stops_before = None
        request, handle = asked(everywhere.browser.url)
        assert request.force_authn
        above = federation.above.apps["inloggen.test"] = hub_of(federation.above)
        above.carried = above.answer(request, authn_instant=instants.now() - 5 * MINUTE)
        address = bindings.artifact_url(request.acs_url, above.artifact(), handle)
        everywhere.visit(address)
        assert "(proof-too-old)" in caplog.text
        assert everywhere.browser.url.startswith("https://zorg.test/eilogin/acs")
        assert "NoAuthnContext" in caplog.text

    def test_for_a_fresh_proof_takes_none_that_was_given_for_another(
        self, anna, federation, ask_as, clock
    ):
        """One page was left alone above; in another tab she logs in at werk."""
        ask_as(anna, "zorg.test", force_authn=True)
        way_on = next(url for url in anna.browser.trail if "/sso?request=" in url)
        clock.shift(5)
        anna.log_in(WERK)
        clock.shift(MINUTE)
        anna.visit(way_on)
        assert anna.is_asked_for_password

    def test_for_a_fresh_proof_right_after_a_login_goes_up(self, anna, clock):
        """The form with the first answer leads on to the hub above."""
        anna.log_in(ZORG)
        clock.shift(3 * MINUTE)
        anna.visit("https://werk.test/vers")
        assert anna.is_asked_for_password
        clock.shift(1)
        anna.type_password()
        assert anna.browser.url == "https://werk.test/vers"

    def test_for_a_fresh_proof_that_is_given_at_once_is_asked_only_once(
        self, anna, ask_as, clock
    ):
        """What the hub above tells of it has whole milliseconds."""
        clock.shift(0.0007)
        ask_as(anna, "zorg.test", force_authn=True)
        anna.type_password()
        assert anna.browser.url.startswith("https://zorg.test/eilogin/acs")

    def test_that_is_long_is_not_cut_to_keep_her_login_above_alive(
        self, everywhere, ask_as, clock
    ):
        clock.shift(11 * MINUTE)
        classes = tuple(f"urn:example:{number}:{'x' * 60}" for number in range(40))
        basis = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
        ask_as(everywhere, "zorg.test", level_classes=(basis, *classes))
        assert everywhere.browser.url.startswith("https://zorg.test/eilogin/acs")

    def test_in_a_long_address_comes_back_from_above(self, anna, ask_as):
        """What a browser is sent back to is short, whatever the question is."""
        classes = tuple(f"urn:example:{number}:{'x' * 60}" for number in range(40))
        basis = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
        ask_as(anna, "zorg.test", level_classes=(basis, *classes))
        assert anna.is_asked_for_password
        anna.type_password()
        assert anna.browser.url.startswith("https://zorg.test/eilogin/acs")


@pytest.fixture
def ask_as(federation):
    """Bring a question of an application to the hub; it did not ask it itself."""

    def ask(citizen, host, **changes):
        own = federation.trusts[host].own
        request = messages.AuthnRequest(
            id=messages.new_id(),
            issued=instants.now(),
            issuer=own.entity_id,
            destination=f"{HUB}/sso",
            **changes,
        )
        octets = safe_xml.serialize(messages.write_authn_request(request))
        url = bindings.redirect_url(
            f"{HUB}/sso", bindings.REQUEST, octets, "handle", own.key
        )
        citizen.visit(url)

    return ask


class TestALogoutFromBelow:
    def test_ends_all_below_and_above(self, everywhere, sessions_above):
        everywhere.visit("https://zorg.test/eilogin/logout")
        assert everywhere.browser.url.startswith("https://zorg.test/eilogin/slo")
        assert "U bent overal uitgelogd" in everywhere.browser.text
        trail = [url.partition("?")[0] for url in everywhere.browser.trail]
        assert trail.index(f"{HUB}/slo") < trail.index("https://inloggen.test/slo")
        for url in (ZORG, WERK):
            everywhere.visit(url)
            assert everywhere.is_asked_for_password

    def test_tells_the_others_below_before_it_goes_up(self, federation, everywhere):
        federation.back_channel_log.clear()
        everywhere.visit("https://zorg.test/eilogin/logout")
        urls = [url for url, _ in federation.back_channel_log]
        assert urls[0] == "https://werk.test/eilogin/slo/soap"

    def test_that_does_not_reach_all_above_is_partial(self, federation, everywhere):
        """The hub above has another participant, which is down."""
        assert everywhere.is_let_in("https://elders.test/")
        federation.above.down.add("elders.test")
        everywhere.visit("https://zorg.test/eilogin/logout")
        assert "elders.test" in everywhere.browser.text
        everywhere.browser.click("Ga verder")
        everywhere.browser.click("Ga verder")
        assert everywhere.browser.url.startswith("https://zorg.test/eilogin/slo")
        assert "U bent overal uitgelogd" not in everywhere.browser.text
        everywhere.visit(WERK)
        assert everywhere.is_asked_for_password

    def test_by_the_button_of_the_hub_goes_up_too(self, everywhere):
        everywhere.visit(f"{HUB}/")
        everywhere.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" in everywhere.browser.text
        for url in (ZORG, WERK):
            everywhere.visit(url)
            assert everywhere.is_asked_for_password

    @pytest.fixture
    def ask_directly(self, federation, everywhere):
        """Send the LogoutRequest of an application from server to server."""

        def ask(host="zorg.test", message_id=""):
            cookie = everywhere.browser.cookie(host, "__Host-eilogin")
            login = federation.apps[host].sessions.find(cookie)
            trust = federation.trusts[host]
            element = messages.write_logout_request(
                messages.LogoutRequest(
                    id=message_id or messages.new_id(),
                    issued=instants.now(),
                    issuer=trust.own.entity_id,
                    name_id=login.who.as_name_id(),
                    destination=f"{HUB}/slo/soap",
                    session_indexes=(login.session_index,),
                )
            )
            xml_signatures.sign(element, trust.own.key)
            octets = trust.back_channel.post(
                f"{HUB}/slo/soap", bindings.wrap_soap(element)
            )
            answer = messages.read_logout_response(bindings.unwrap_soap(octets))
            return answer.status

        return ask

    def test_from_server_to_server_goes_up_the_same_way(
        self, everywhere, ask_directly, sessions_above
    ):
        cookie = everywhere.browser.cookie("inloggen.test", "__Host-eilogin")
        assert sessions_above.find(cookie)
        assert ask_directly() == messages.Status()
        assert sessions_above.find(cookie) is None
        everywhere.visit(WERK)
        assert everywhere.is_asked_for_password

    def test_from_server_to_server_that_cannot_go_up_is_partial(
        self, federation, everywhere, ask_directly, clock
    ):
        federation.above.down.add("inloggen.test")
        assert messages.PARTIAL_LOGOUT in ask_directly().codes
        clock.shift(1)
        # That is what partial means: the hub above knows her still.
        federation.above.down.clear()
        assert everywhere.is_let_in(WERK)

    def test_from_server_to_server_that_failed_half_way_is_partial_the_next_time(
        self, federation, everywhere, ask_directly, monkeypatch
    ):
        """All below are told then; of which login above it came nobody knows."""

        def no_thread(*args):
            raise RuntimeError("can't start new thread")

        at_werk = everywhere.browser.cookie("werk.test", "__Host-eilogin")
        werk, again = federation.apps["werk.test"].sessions, messages.new_id()
        with monkeypatch.context() as patch:
            patch.setattr(Propagation, "send", no_thread)
            with pytest.raises(PeerUnavailable):
                ask_directly(message_id=again)
        assert werk.find(at_werk)
        assert messages.PARTIAL_LOGOUT in ask_directly(message_id=again).codes
        assert werk.find(at_werk) is None

    def test_from_server_to_server_finds_a_login_that_was_renewed_above(
        self, everywhere, ask_directly, sessions_above, clock
    ):
        clock.shift(11 * MINUTE)
        everywhere.visit(f"{HUB}/")
        trail = everywhere.browser.trail
        assert any(url.startswith("https://inloggen.test/sso") for url in trail)
        cookie = everywhere.browser.cookie("inloggen.test", "__Host-eilogin")
        clock.shift(1)
        assert ask_directly() == messages.Status()
        assert sessions_above.find(cookie) is None

    @pytest.mark.parametrize("above_options", [{"logout_binding": "redirect"}])
    def test_from_server_to_server_cannot_go_through_a_browser(self, ask_directly):
        assert messages.PARTIAL_LOGOUT in ask_directly().codes

    def test_that_another_browser_brings_ends_hers_too(
        self, federation, everywhere, sessions_above
    ):
        everywhere.browser.stops_before = f"{HUB}/slo?SAMLRequest"
        everywhere.visit("https://zorg.test/eilogin/logout")
        cookie = everywhere.browser.cookie("inloggen.test", "__Host-eilogin")
        assert sessions_above.find(cookie)
        federation.browser().visit(everywhere.browser.url)
        assert sessions_above.find(cookie) is None

    def test_that_another_citizen_brings_ends_hers_and_not_his(
        self, federation, everywhere, citizen_of, sessions_above
    ):
        bram = citizen_of("bram").log_in(ZORG)
        his, hers = (
            one.browser.cookie("inloggen.test", "__Host-eilogin")
            for one in (bram, everywhere)
        )
        everywhere.browser.stops_before = f"{HUB}/slo?SAMLRequest"
        everywhere.visit("https://zorg.test/eilogin/logout")
        bram.browser.stops_before = "https://zorg.test/eilogin/slo"
        bram.visit(everywhere.browser.url)
        received = bindings.read_redirect(urlsplit(bram.browser.url).query)
        response = messages.read_logout_response(safe_xml.parse(received.octets))
        assert response.status == messages.Status()
        assert sessions_above.find(hers) is None
        assert sessions_above.find(his)
        bram.browser.stops_before = None
        assert bram.is_let_in(ZORG)
        everywhere.browser.stops_before = None
        assert everywhere.visit(WERK).is_asked_for_password

    def test_shows_where_she_is_to_her_own_browser_alone(self, federation, everywhere):
        federation.down.add("werk.test")
        everywhere.browser.stops_before = f"{HUB}/slo?SAMLRequest"
        everywhere.visit("https://zorg.test/eilogin/logout")
        url, stranger = everywhere.browser.url, federation.browser()
        stranger.visit(url)
        assert stranger.url.startswith("https://zorg.test/eilogin/slo")
        assert "werk" not in stranger.text
        everywhere.browser.stops_before = None
        everywhere.visit(url)
        assert "werk.test" in everywhere.browser.text

    def test_does_not_come_back_with_the_back_button_when_she_has_deleted_it(
        self, federation, everywhere
    ):
        federation.down.add("werk.test")
        everywhere.visit("https://zorg.test/eilogin/logout")
        assert "werk.test" in everywhere.browser.text
        way_up = next(u for u in everywhere.browser.trail if "/slo?above=" in u)
        everywhere.visit(f"{HUB}/logout")
        everywhere.browser.press("Verwijder dit overzicht")
        everywhere.visit(way_up)
        assert everywhere.browser.url.startswith(f"{HUB}/")
        assert "werk.test" not in everywhere.browser.text

    def test_that_has_not_gone_up_yet_logs_nobody_in_again_later_either(
        self, everywhere, clock
    ):
        """The filters have kept the login above alive meanwhile."""
        clock.shift(1)
        everywhere.browser.stops_before = f"{HUB}/slo?above"
        everywhere.visit("https://zorg.test/eilogin/logout")
        everywhere.browser.stops_before = None
        clock.shift(11 * MINUTE)
        everywhere.visit(WERK)
        assert everywhere.is_asked_for_password

    def test_that_has_not_gone_up_yet_logs_nobody_in_again_unasked(
        self, everywhere, clock
    ):
        clock.shift(1)
        everywhere.browser.stops_before = f"{HUB}/slo?above"
        everywhere.visit("https://zorg.test/eilogin/logout")
        everywhere.browser.stops_before = None
        clock.shift(1)
        everywhere.visit(WERK)
        assert everywhere.is_asked_for_password
        everywhere.type_password()
        assert everywhere.browser.url == WERK

    def test_is_over_an_hour_later(self, everywhere, clock):
        everywhere.browser.stops_before = "https://inloggen.test/slo"
        everywhere.visit("https://zorg.test/eilogin/logout")
        way_up = next(u for u in everywhere.browser.trail if "/slo?above=" in u)
        clock.shift(61 * MINUTE)
        everywhere.browser.stops_before = None
        everywhere.visit(way_up)
        assert everywhere.browser.page.status_int == 400


class TestALogoutFromAbove:
    def test_ends_all_below(self, everywhere):
        everywhere.visit("https://inloggen.test/")
        everywhere.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" in everywhere.browser.text
        for url in (ZORG, WERK):
            everywhere.visit(url)
            assert everywhere.is_asked_for_password

    def test_that_does_not_reach_all_below_is_partial(self, federation, everywhere):
        federation.down.add("werk.test")
        everywhere.visit("https://inloggen.test/")
        everywhere.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" not in everywhere.browser.text
        everywhere.visit(ZORG)
        assert everywhere.is_asked_for_password

    @pytest.mark.parametrize("below_options", [{"logout_binding": "* browser"}])
    def test_reaches_nobody_below_who_needs_her_browser(
        self, everywhere, events, caplog
    ):
        everywhere.visit("https://inloggen.test/")
        everywhere.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" not in everywhere.browser.text
        failed = {
            (urlsplit(e["peer"]).hostname, e["reason"])
            for e in events("logout.delivered")
            if e["outcome"] == "failed"
        }
        assert failed >= {
            ("werk.test", "binding-missing"),
            ("zorg.test", "binding-missing"),
        }
        assert "only in the visitor's browser" in caplog.text

    def test_after_one_below_knows_whom_that_has_missed(
        self, federation, everywhere, clock
    ):
        """She began at zorg, and did not go on to the hub above."""
        federation.down.add("werk.test")
        everywhere.browser.stops_before = f"{HUB}/slo?above"
        everywhere.visit("https://zorg.test/eilogin/logout")
        everywhere.browser.stops_before = None
        clock.shift(5)
        everywhere.visit("https://inloggen.test/")
        everywhere.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" not in everywhere.browser.text
        assert "gemeente.test" in everywhere.browser.text

    def test_after_one_below_that_reached_all_is_everywhere(self, everywhere, clock):
        everywhere.browser.stops_before = f"{HUB}/slo?above"
        everywhere.visit("https://zorg.test/eilogin/logout")
        everywhere.browser.stops_before = None
        clock.shift(5)
        everywhere.visit("https://inloggen.test/")
        everywhere.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" in everywhere.browser.text

    def test_that_is_told_above_once_more_says_again_that_not_all_know(
        self, federation, everywhere, told_above
    ):
        """The hub above did not wait for the first answer, and tells it anew."""
        federation.down.add("werk.test")
        assert [told_above().codes[1:] for _ in range(3)] == [(PARTIAL_LOGOUT,)] * 3

    def test_that_is_told_above_once_more_is_a_success_when_all_have_heard(
        self, federation, everywhere, told_above, clock
    ):
        """The hub here has told werk by itself meanwhile."""
        federation.down.add("werk.test")
        assert told_above().codes[1:] == (PARTIAL_LOGOUT,)
        federation.down.clear()
        clock.shift(15)
        assert federation.work() == 1
        assert [told_above() for _ in range(2)] == [messages.Status()] * 2

    def test_that_is_told_above_once_more_ends_no_login_that_came_after_it(
        self, federation, everywhere, told_above, clock
    ):
        federation.down.add("werk.test")
        everywhere.visit("https://inloggen.test/")
        everywhere.browser.press("Overal uitloggen")
        clock.shift(5)
        everywhere.log_in(ZORG)
        assert told_above().codes[1:] == (PARTIAL_LOGOUT,)
        assert everywhere.is_let_in(ZORG)

    def test_that_the_hub_here_could_not_note_is_no_success_later(
        self, everywhere, told_above, monkeypatch, clock
    ):
        """It knows of nobody who is still to hear, and all are in."""

        def away(*args):
            raise StoreUnavailable("away")

        with monkeypatch.context() as during:
            during.setattr(SessionEndings, "end_subjects", away)
            assert told_above().codes[1:] == (PARTIAL_LOGOUT,)
        clock.shift(15)
        assert told_above().codes[1:] == (PARTIAL_LOGOUT,)
        assert everywhere.is_let_in(WERK)

    @pytest.mark.parametrize("is_told_late", [True, False])
    def test_after_one_that_missed_somebody_is_everywhere_again(
        self, federation, everywhere, clock, is_told_late
    ):
        browser = everywhere.browser
        federation.down.add("werk.test")
        everywhere.visit("https://inloggen.test/")
        browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" not in browser.text
        federation.down.clear()
        clock.shift(15)
        assert not is_told_late or federation.work()
        for _ in range(2):
            clock.shift(MINUTE)
            everywhere.log_in(ZORG)
            assert everywhere.is_let_in(WERK)
            everywhere.visit("https://inloggen.test/")
            browser.press("Overal uitloggen")
            assert "U bent overal uitgelogd" in browser.text

    def test_that_is_told_above_once_more_reaches_all_as_the_first_one_did(
        self, everywhere, told_above
    ):
        assert [told_above() for _ in range(2)] == [messages.Status()] * 2

    def test_that_is_told_above_while_another_one_is_at_work_is_not_a_success_yet(
        self, everywhere, told_above, monkeypatch
    ):
        statuses, tell = [], Propagation.send

        def meanwhile(*args, **options):
            monkeypatch.setattr(Propagation, "send", tell)
            statuses.append(told_above())
            return tell(*args, **options)

        monkeypatch.setattr(Propagation, "send", meanwhile)
        statuses.append(told_above())
        assert [s.codes[1:] for s in statuses] == [(PARTIAL_LOGOUT,), ()]

    def test_after_one_of_the_filters_that_did_not_go_on_says_whom_that_missed(
        self, federation, everywhere, clock
    ):
        """She left before her browser was at the hub above."""
        federation.down.add("werk.test")
        everywhere.browser.stops_before = "https://inloggen.test/slo"
        everywhere.visit(f"{HUB}/eilogin/logout")
        everywhere.browser.stops_before = None
        clock.shift(5)
        everywhere.visit("https://inloggen.test/")
        everywhere.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" not in everywhere.browser.text
        assert "gemeente.test" in everywhere.browser.text

    @pytest.mark.parametrize("query", ["", "?next=/"])
    def test_by_the_address_of_the_filters_says_whom_it_missed_below(
        self, federation, everywhere, query
    ):
        federation.down.add("werk.test")
        everywhere.visit(f"{HUB}/eilogin/logout{query}")
        assert "Bij een of meer andere diensten" in everywhere.browser.text

    def test_by_the_address_of_the_filters_leads_on_where_all_know(self, everywhere):
        everywhere.visit(f"{HUB}/eilogin/logout?next=/")
        assert everywhere.browser.url == f"{HUB}/"

    def test_of_nobody_leaves_nothing_behind(self, federation, citizen_of):
        kept = federation.apps["gemeente.test"].sessions.store._values
        before = set(kept)
        stranger = citizen_of("anna")
        stranger.visit(f"{HUB}/eilogin/logout?next=/x")
        assert stranger.browser.url == f"{HUB}/x"
        assert set(kept) == before

    def test_by_the_address_of_the_filters_before_the_hub_ends_all_below_too(
        self, everywhere
    ):
        everywhere.visit(f"{HUB}/eilogin/logout")
        for url in (ZORG, WERK):
            everywhere.visit(url)
            assert everywhere.is_asked_for_password

    @pytest.mark.parametrize("above_options", [{"hub_inside": "/idp"}])
    @pytest.mark.parametrize(
        "address", ["https://inloggen.test/", f"{HUB}/eilogin/logout"]
    )
    def test_is_never_everywhere_where_no_hub_is_below_the_prefix(
        self, everywhere, address, caplog
    ):
        """``eilogin check`` says so too; other servers do not ask it."""
        everywhere.visit(address)
        if "inloggen" in address:
            everywhere.browser.press("Overal uitloggen")
        assert "uitgelogd" in everywhere.browser.text
        assert "U bent overal uitgelogd" not in everywhere.browser.text
        told = "the hub inside did not answer (found no hub with this prefix"
        records = [r for r in caplog.records if told in r.getMessage()]
        assert [record.levelname for record in records] == ["ERROR"]
        assert "as our 'hub_inside', which is '/idp'" in records[0].getMessage()


class TestALogoutFromAboveInTheBrowser:
    """That is here at this moment, so it tells those too whom no server reaches."""

    @pytest.fixture
    def in_turn(self):
        """Whether the hub above leads her own window, and no frame."""
        return False

    @pytest.fixture
    def hub_above_options(self, in_turn):
        return {
            "logout_binding": f"{HUB}/eilogin/metadata browser",
            "logout_in_browser": "one-by-one" if in_turn else "frames",
        }

    @pytest.fixture
    def below_options(self):
        return {"logout_binding": "* browser"}

    @pytest.fixture
    def log_out(self, everywhere):
        """Log out at the hub above; the browser, at what comes then."""

        def press():
            everywhere.visit("https://inloggen.test/")
            everywhere.browser.press("Overal uitloggen")
            return everywhere.browser

        return press

    @pytest.fixture
    def asked_at(self, everywhere):
        """The applications at which she is asked for her password."""

        def ask():
            found = []
            for url in (ZORG, WERK):
                everywhere.visit(url)
                if everywhere.is_asked_for_password:
                    found.append(url)
            return found

        return ask

    def test_is_in_frames_of_a_frame(self, federation, log_out, asked_at):
        browser = log_out()
        [shown] = browser.open_frames()
        page = html.document_fromstring(shown.text)
        frames = [one.get("src") for one in page.iter("iframe")]
        assert len(frames) == 2
        back = page.get_element_by_id("go-on").get("href")
        assert shown.headers["Refresh"] == f"6; url={back}", "without JavaScript too"
        # No cookie comes there.
        for url in (*frames, back):
            inner = federation.browser()
            inner.visit(url)
            assert 'id="done"' in inner.page.text
        browser.click("Ga verder")
        assert "U bent overal uitgelogd" in browser.text
        assert asked_at() == [ZORG, WERK]

    @pytest.mark.parametrize("in_turn", [True])
    def test_is_in_frames_of_her_own_window(self, log_out, asked_at):
        browser = log_out()
        assert browser.url.startswith(f"{HUB}/slo?lead=")
        assert all('id="done"' in one.text for one in browser.open_frames())
        browser.click("Ga verder")
        assert browser.url.startswith("https://inloggen.test/slo?look=")
        assert "U bent overal uitgelogd" in browser.text
        assert asked_at() == [ZORG, WERK]

    @pytest.mark.parametrize("in_turn", [True])
    def test_is_partial_where_one_has_not_answered(self, federation, log_out, asked_at):
        def silent(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"nothing to see here"]

        werk, federation.apps["werk.test"] = federation.apps["werk.test"], silent
        browser = log_out()
        browser.open_frames()
        browser.click("Ga verder")
        assert browser.url.startswith("https://inloggen.test/")
        assert "U bent overal uitgelogd" not in browser.text
        assert "gemeente.test" in browser.text
        federation.apps["werk.test"] = werk
        assert asked_at() == [ZORG]

    @pytest.mark.parametrize("below_options", [{}])
    def test_shows_no_page_where_servers_have_told_all(self, log_out, asked_at):
        browser = log_out()
        [shown] = browser.open_frames()
        assert 'id="done"' in shown.text
        browser.click("Ga verder")
        assert "U bent overal uitgelogd" in browser.text


class TestTheEnd:
    def test_is_that_of_the_login_above_for_all(self, anna, clock):
        anna.log_in(ZORG)
        assert "until 11.00" in anna.browser.text
        clock.shift(10 * MINUTE)
        assert anna.is_let_in(WERK)
        assert "until 11.00" in anna.browser.text

    def test_is_no_later_than_what_was_left_above(self, anna, federation, clock):
        """She had logged in above a while ago, at somebody else's site."""
        anna.visit("https://inloggen.test/login")
        anna.type_password()
        clock.shift(14 * MINUTE)
        assert anna.is_let_in(ZORG)
        assert "until 11.00" in anna.browser.text


class TestDigidAbove:
    """A municipality's one DigiD connection, and an application of others beside it."""

    @pytest.fixture
    def federation(self, eilogin_federation, below):
        digid = {"profile": "digid"}
        above = eilogin_federation(
            {"gemeente.test": below.apps["gemeente.test"], "elders.test": show_visitor},
            options={
                "gemeente.test": {
                    "hub_inside": "/",
                    "cookie": "eilogin-above",
                    "protect": "/ optional",
                    **digid,
                },
                "elders.test": digid,
            },
            hub_options={"rehearsal": "true", **digid},
        )
        below.apps.update(above.apps)
        above.apps.update(below.apps)
        below.above = above
        return below

    @pytest.fixture
    def is_in_at(self, federation, everywhere):
        """Whether a session of before lives at an application."""
        cookies = {
            host: everywhere.browser.cookie(host, "__Host-eilogin")
            for host in ("zorg.test", "werk.test")
        }
        sessions = {host: federation.apps[host].sessions for host in cookies}
        return lambda host: sessions[host].find(cookies[host]) is not None

    def test_a_step_up_that_is_cancelled_ends_what_the_filters_have_and_all_below(
        self, everywhere, is_in_at, clock
    ):
        """DigiD 8; else nobody would know later whom to tell."""
        clock.shift(5)
        everywhere.visit("https://zorg.test/percelen")
        assert everywhere.is_asked_for_password
        everywhere.browser.press("Annuleren")
        assert "U hebt het inloggen geannuleerd" in everywhere.browser.text
        assert not is_in_at("zorg.test")
        assert not is_in_at("werk.test")

    @pytest.mark.parametrize("down", [[], ["werk.test"]], ids=["all", "partly"])
    def test_a_logout_after_that_says_who_may_not_know(
        self, federation, everywhere, is_in_at, clock, down
    ):
        assert everywhere.is_let_in("https://elders.test/")
        clock.shift(5)
        federation.down.update(down)
        everywhere.visit("https://zorg.test/percelen")
        everywhere.browser.press("Annuleren")
        clock.shift(5)
        everywhere.visit("https://inloggen.test/")
        everywhere.browser.press("Overal uitloggen")
        is_everywhere = "U bent overal uitgelogd" in everywhere.browser.text
        assert is_everywhere == (not down)
        assert is_in_at("werk.test") == bool(down)

    def test_another_citizen_ends_all_of_the_first_below(
        self, federation, everywhere, citizen_of, is_in_at, clock
    ):
        """DigiD tells nobody of another account (DigiD 2.3)."""
        clock.shift(11 * MINUTE)
        federation.above.down.add("gemeente.test")
        browser = everywhere.browser
        browser.visit("https://inloggen.test/login")
        bram = citizen_of("bram", browser)
        bram.type_password()
        federation.above.down.clear()
        bram.visit(WERK)
        assert "U bent uitgelogd" in browser.title
        assert not is_in_at("zorg.test")
        assert not is_in_at("werk.test")

    def test_login_after_logout_everywhere_needs_password_once(self, everywhere, clock):
        clock.shift(5)
        everywhere.visit("https://zorg.test/eilogin/logout")
        assert "U bent overal uitgelogd" in everywhere.browser.text
        clock.shift(5)
        everywhere.log_in(ZORG)
        assert everywhere.is_let_in(WERK)

    def test_login_after_logout_without_upstream_needs_password(
        self, everywhere, clock
    ):
        everywhere.browser.stops_before = f"{HUB}/slo?above"
        everywhere.visit("https://zorg.test/eilogin/logout")
        everywhere.browser.stops_before = None
        clock.shift(11 * MINUTE)
        everywhere.visit(WERK)
        assert everywhere.is_asked_for_password
        clock.shift(1)
        everywhere.type_password()
        assert everywhere.browser.url == WERK

    def test_a_higher_level_is_proven_for_every_question(self, anna, ask_as, clock):
        """However soon it is asked again, and by the same one."""
        anna.visit("https://zorg.test/kluis")
        anna.type_password(anna.code)
        assert anna.browser.url == "https://zorg.test/kluis"
        clock.shift(MINUTE)
        ask_as(anna, "zorg.test", level_classes=(DIGID.class_of("hoog"),))
        assert anna.is_asked_for_password

    def test_a_higher_level_is_not_passed_on_without_its_proof(self, anna, clock):
        anna.visit("https://zorg.test/kluis")
        anna.type_password(anna.code)
        assert anna.browser.url == "https://zorg.test/kluis"
        clock.shift(9 * MINUTE)
        assert anna.is_let_in(WERK)
        assert "midden" in anna.browser.text
        anna.visit("https://werk.test/kluis")
        assert anna.is_asked_for_password


@pytest.mark.parametrize(
    ("where", "cause"),
    [
        ("https://zorg.test/eilogin/logout", "inside"),
        ("https://elders.test/eilogin/logout", "elsewhere"),
        (f"{HUB}/eilogin/logout", "here"),
    ],
)
def test_hooks_of_the_filters_before_a_hub_hear_where_she_logged_out(
    everywhere, federation, where, cause
):
    """Once each, whichever half of the hub has begun it."""
    told = []
    logout = federation.apps["gemeente.test"].app.app.app
    for part in (logout._logout, logout._elsewhere):
        part._hooks = LogoutHooks({"a:hook": told.append}, 30.0)
    everywhere.visit("https://elders.test/mijn").visit(where)
    assert [event.cause for event in told] == [cause]


class TestAnOperatorOfTheHubBelow:
    @pytest.fixture
    def end(self, federation):
        """End all sessions of who is called so at an application."""

        def end(name):
            app = federation.apps[urlsplit(HUB).hostname]
            hub, site = object_in(app, HubJobs), object_in(app, OperatorLogout)
            [who] = hub.called(name)
            return hub.end(who, site.for_inner_hub())

        return end

    def test_ends_her_login_above_too(self, everywhere, end):
        ended = end(everywhere.visit(ZORG).user)
        assert (ended.sessions, ended.is_above_notified) == (1, True)
        for url in (ZORG, WERK):
            everywhere.visit(url)
            assert everywhere.is_asked_for_password

    def test_ends_those_of_two_browsers_above_too(self, everywhere, citizen_of, end):
        """The first of the two LogoutRequests has the hub above end both."""
        citizen_of("anna").log_in(ZORG)
        ended = end(everywhere.visit(ZORG).user)
        assert (ended.sessions, ended.is_above_notified) == (2, True)

    def test_hears_where_the_hub_above_does_not_know(self, federation, everywhere, end):
        federation.above.down.add("inloggen.test")
        ended = end(everywhere.visit(ZORG).user)
        assert not ended.is_above_notified


class TestAnSsoDomain:
    """Of the municipality's own; the hub above knows of none."""

    @pytest.fixture
    def below_rules(self):
        return {"werk.test": {"sso_domain": "werk"}}

    def test_has_its_own_login_above(self, anna):
        anna.log_in(ZORG)
        anna.log_in(WERK)
        assert anna.is_let_in(ZORG)
        assert anna.is_let_in(WERK)

    def test_serves_no_other_one(self, anna):
        anna.log_in(WERK)
        anna.log_in(ZORG)
        assert anna.is_let_in(WERK)

    def test_is_served_silently_once_she_has_logged_in_there(
        self, anna, federation, clock
    ):
        anna.log_in(WERK)
        clock.shift(1)
        federation.apps["werk.test"].sessions.store.end_all()
        assert anna.is_let_in(WERK)

    def test_is_not_entered_by_a_login_that_is_known_above(self, federation, anna):
        anna.log_in("https://elders.test/mijn")
        anna.visit(WERK)
        assert anna.is_asked_for_password
        anna.type_password()
        assert anna.browser.url == WERK


class TestWithoutSingleSignOn:
    @pytest.fixture
    def below_rules(self):
        return {"werk.test": {"sso_domain": "none"}}

    def test_each_login_is_proven_above(self, anna, ask_as):
        anna.log_in(ZORG)
        anna.log_in(WERK)
        ask_as(anna, "werk.test")
        assert anna.is_asked_for_password
        assert anna.is_let_in(ZORG)

    def test_no_login_is_for_anybody_else(self, anna):
        anna.log_in(WERK)
        anna.visit(ZORG)
        assert anna.is_asked_for_password


class TestAVisitorWhoWorksAtOneApplication:
    def test_is_still_known_at_both_hubs_after_an_hour(self, federation, anna, clock):
        anna.log_in(ZORG)
        for _ in range(5):
            clock.shift(13 * MINUTE)
            go_on(anna.browser, "zorg.test")
            # The site reports to its hub, and that hub to the one above.
            assert federation.report_activity() == 1
            assert federation.report_activity() == 1
        assert anna.is_let_in("https://elders.test/mijn")
        assert anna.is_let_in(WERK)

    def test_is_asked_again_where_nothing_is_reported(self, anna, clock):
        anna.log_in(ZORG)
        for _ in range(5):
            clock.shift(13 * MINUTE)
            go_on(anna.browser, "zorg.test")
        anna.visit(WERK)
        assert anna.is_asked_for_password
