# ruff: noqa: PLR0913, PLR0917 - fixtures are arguments
"""The filter that starts a logout, receives one, and ends what it names."""

import base64
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote, urlsplit
from wsgiref.validate import validator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from hub_speaker import SECOND_HUB, add_hub
from lxml import etree, html
from webtest import TestApp as Client

from eilogin.clock import now
from eilogin.config import read
from eilogin.errors import InvalidOptions, StoreUnavailable
from eilogin.federation import Membership
from eilogin.federation.local.local_keys import OwnKey
from eilogin.federation.local.profiles import DIGID_PROFILE
from eilogin.filters.login import LoginFilter
from eilogin.filters.login_options import LoginOptions
from eilogin.filters.logout import LogoutFilter, make_logout
from eilogin.filters.logout_options import LogoutOptions
from eilogin.filters.trust import TrustFilter
from eilogin.http_client import Reachability
from eilogin.saml import bindings, messages, safe_xml, xml_signatures
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.metadata import Endpoint, FederationMetadata
from eilogin.saml.xml_encryption import Decrypter
from eilogin.sessions import Subject
from eilogin.stores import Values
from eilogin.web import environ as env

STAD = "https://stad.test/mijn"
LOGOUT = "https://stad.test/eilogin/logout"
SLO = "https://stad.test/eilogin/slo"
SOAP = "https://stad.test/eilogin/slo/soap"
MIDDEN = DIGID.class_of("midden")
ENTITY = "https://stad.test/eilogin/metadata"
HUB = "https://inloggen.test/metadata"
UWV_SOAP = "https://uwv.test/eilogin/slo/soap"
START = 1_795_510_800.0  # 2026-11-24T09:00:00Z
MINUTE = 60
PARTLY = (messages.SUCCESS, messages.PARTIAL_LOGOUT)
PARTLY_TOLD = "Bij een of meer andere diensten is uitloggen niet gelukt."

#: What a stranger reads who logs out.
NOT_HERE = {
    "nl": "U bent hier niet ingelogd Bij andere diensten bent u misschien nog "
    "ingelogd. Sluit nu uw hele browser, zeker als anderen dit apparaat ook gebruiken.",
    "en": "You are not logged in here You may still be logged in to other services. "
    "Close your whole browser now, especially if others use this device too.",
}


class Visitor:
    """Somebody who is logged in at a participant."""

    def __init__(self, federation, browser):
        self.browser = browser
        self.sessions = federation.apps["stad.test"].sessions
        self.cookie = browser.cookie("stad.test", "__Host-eilogin")

    @property
    def is_logged_in(self):
        return self.sessions.find(self.cookie) is not None


@pytest.fixture
def log_in(federation, hub, asked):
    """Log somebody in, as the hub of this test says it."""

    def log_in(name="anna", index="_s1", browser=None, **said):
        browser = browser or federation.browser()
        browser.visit(STAD)
        request, handle = asked(browser.trail[1])
        answer = hub.answer(request, name, session_index=index, **said)
        fields = bindings.post_fields(
            "SAMLResponse", safe_xml.serialize(answer), handle
        )
        browser.post(request.acs_url, site="cross-site", **fields)
        assert browser.url == STAD
        return Visitor(federation, browser)

    return log_in


@pytest.fixture
def anna(log_in):
    return log_in()


@pytest.fixture
def soap(call, hub):
    """Send a message over SOAP, by the hub's key or another."""

    def send(element, key=None, url=SOAP):
        hub.key = key or hub.key
        return call("POST", url, hub.by_soap(element), Content_Type="text/xml")

    return send


@pytest.fixture
def request_for(hub):
    """A LogoutRequest of the hub for somebody, over SOAP where nothing else is said."""

    def make(name="anna", *indexes, destination=SOAP, **changes):
        name_id = name if isinstance(name, messages.NameID) else messages.NameID(name)
        return hub.logout_request(name_id, destination, *indexes, **changes)

    return make


@pytest.fixture
def ends_nothing(anna, refused):
    """Assert that a message was refused, and that she is logged in as before."""

    def check(answer, code, status=400):
        refused(answer, code, status)
        assert anna.is_logged_in

    return check


def outcome_of(answer, federation):
    """The LogoutResponse in an answer over SOAP, which the participant signed."""
    assert answer.status_int == 200
    element = bindings.unwrap_soap(answer.body)
    key = federation.trusts["stad.test"].own.key.public
    return messages.read_logout_response(xml_signatures.signed(element, [key]))


# --- the visitor wants to go ----------------------------------------------------


class TestLoggingOut:
    def test_ends_the_session_here_before_anything_is_sent(self, anna, call):
        answer = call("GET", LOGOUT, Cookie=f"__Host-eilogin={anna.cookie}")
        assert answer.status_int == 302
        assert not anna.is_logged_in
        assert any(
            cookie.startswith("__Host-eilogin=;") and "Max-Age=0" in cookie
            for cookie in answer.headers.getall("Set-Cookie")
        )

    def test_tells_the_hub_whom_it_is_about(self, anna, call, federation):
        answer = call("GET", LOGOUT, Cookie=f"__Host-eilogin={anna.cookie}")
        received = bindings.read_redirect(urlsplit(answer.location).query)
        key = federation.trusts["stad.test"].own.key.public
        bindings.verify_redirect(received, [key])
        request = messages.read_logout_request(safe_xml.parse(received.octets))
        assert request.issuer == ENTITY
        assert request.destination == "https://inloggen.test/slo"
        assert request.session_indexes == ("_s1",)
        assert request.name_id.value == "anna"

    @pytest.mark.parametrize(
        "attributes",
        [
            {},
            {"Format": messages.TRANSIENT},
            {"Format": messages.UNSPECIFIED},
            {"Format": messages.EMAIL, "NameQualifier": HUB},
            {"SPNameQualifier": ENTITY},
            {
                "Format": messages.PERSISTENT,
                "NameQualifier": HUB,
                "SPNameQualifier": ENTITY,
            },
        ],
        ids=["alone", "Format", "unspecified", "qualified", "SPNameQualifier", "full"],
    )
    def test_repeats_the_name_id_literally(self, log_in, call, federation, attributes):
        filter_ = federation.apps["stad.test"].app.app
        assert isinstance(filter_, LoginFilter)
        options = read(LoginOptions, {}, {"name_id_mismatch": "warn"})
        filter_.__init__(filter_.app, options)
        said = messages.NameID(
            " anna ",
            attributes.get("Format", ""),
            attributes.get("NameQualifier", ""),
            attributes.get("SPNameQualifier", ""),
        )
        visitor = log_in(name_id=said)
        answer = call("GET", LOGOUT, Cookie=f"__Host-eilogin={visitor.cookie}")
        received = bindings.read_redirect(urlsplit(answer.location).query)
        name_id = safe_xml.parse(received.octets).find(safe_xml.q("saml:NameID"))
        assert (name_id.text, dict(name_id.attrib)) == (" anna ", attributes)

    def test_names_no_session_where_the_hub_had_none(self, log_in, call):
        visitor = log_in(index=None)
        answer = call("GET", LOGOUT, Cookie=f"__Host-eilogin={visitor.cookie}")
        received = bindings.read_redirect(urlsplit(answer.location).query)
        request = messages.read_logout_request(safe_xml.parse(received.octets))
        assert request.session_indexes == ()
        assert not visitor.is_logged_in

    def test_has_no_answer_of_the_hub_log_her_in_again(
        self, anna, hub, asked, federation, caplog
    ):
        """It was on its way to another tab when she logged out."""
        anna.browser.visit("https://stad.test/eilogin/login?level=midden")
        request, handle = asked(anna.browser.trail[1])
        answer = hub.answer(request, level_class=MIDDEN)
        anna.browser.visit(LOGOUT)
        fields = bindings.post_fields(
            "SAMLResponse", safe_xml.serialize(answer), handle
        )
        anna.browser.post(request.acs_url, site="cross-site", **fields)
        assert anna.browser.page.status_int >= 400
        assert anna.browser.cookie("stad.test", "__Host-eilogin") is None
        assert "(login-ended)" in caplog.text

    def test_of_a_hub_whose_clock_is_ahead_neither(
        self, hub, log_in, asked, clock, caplog
    ):
        """Its answer says that it was issued after she logged out here."""
        anna = log_in(issued=now() + 30.0)
        anna.browser.visit("https://stad.test/eilogin/login?level=midden")
        request, handle = asked(anna.browser.trail[1])
        answer = hub.answer(request, issued=now() + 30.0, level_class=MIDDEN)
        clock.shift(5)
        anna.browser.visit(LOGOUT)
        fields = bindings.post_fields(
            "SAMLResponse", safe_xml.serialize(answer), handle
        )
        anna.browser.post(request.acs_url, site="cross-site", **fields)
        assert anna.browser.cookie("stad.test", "__Host-eilogin") is None
        assert "(login-ended)" in caplog.text

    def test_is_done_by_the_form_of_our_own_page(self, anna):
        anna.browser.post(LOGOUT, site="same-origin", next="/")
        assert not anna.is_logged_in

    def test_is_not_done_by_a_form_of_another_site(self, anna, caplog):
        anna.browser.post(LOGOUT, site="cross-site")
        assert anna.browser.page.status_int == 403
        assert anna.is_logged_in

    def test_is_not_done_by_a_link_on_another_site_until_she_says_so(self, anna):
        anna.browser.visit("https://uwv.test/eilogin/x")
        anna.browser.follow(LOGOUT)
        assert anna.browser.page.status_int == 200
        assert anna.is_logged_in
        anna.browser.press("Overal uitloggen")
        assert not anna.is_logged_in

    @pytest.mark.parametrize(("language", "told"), NOT_HERE.items())
    @pytest.mark.parametrize("how", ["visit", "follow"])
    def test_without_a_session_says_so_and_asks_nobody(
        self, federation, how, language, told
    ):
        """Typed, or by a link of another site: the others may know her."""
        browser = federation.browser()
        browser.language = language
        browser.visit("https://uwv.test/eilogin/x")
        getattr(browser, how)(LOGOUT)
        assert browser.trail == [LOGOUT]
        assert browser.page.status_int == 200
        assert told in browser.text
        assert re.search("gelukt|was done", browser.text) is None
        assert re.search("Overal uitloggen|everywhere", browser.text) is None

    def test_of_who_is_logged_in_elsewhere_alone_does_not_say_that_it_is_done(
        self, anna
    ):
        """She is logged in at stad, and follows a link to log out at another."""
        anna.browser.follow("https://uwv.test/eilogin/logout")
        assert "U bent hier niet ingelogd" in anna.browser.text
        assert "U bent uitgelogd" not in anna.browser.text
        assert anna.is_logged_in

    def test_of_who_was_logged_out_meanwhile_asks_the_hub(
        self, anna, soap, request_for
    ):
        """By the hub, which knows what there is to end; this one has no session."""
        soap(request_for())
        anna.browser.visit(LOGOUT)
        assert any("inloggen.test/slo" in url for url in anna.browser.trail)
        assert anna.browser.title.startswith("U bent uitgelogd")
        assert "Wij konden niet controleren" in anna.browser.text

    def test_of_who_was_logged_out_meanwhile_by_another_sites_link_asks_first(
        self, anna, soap, request_for
    ):
        soap(request_for())
        anna.browser.visit("https://uwv.test/eilogin/x")
        anna.browser.follow(LOGOUT)
        assert anna.browser.trail == [LOGOUT]
        assert anna.browser.title.startswith("Wilt u uitloggen?")
        assert "Bij andere diensten bent u misschien nog ingelogd." in anna.browser.text
        assert "U bent ingelogd" not in anna.browser.text

    def test_by_another_sites_link_takes_no_cookie_away(self, call):
        """Nor by its picture, with which no cookie comes at all."""
        answer = call("GET", LOGOUT, Sec_Fetch_Site="cross-site")
        assert answer.status_int == 200
        assert "Set-Cookie" not in answer.headers
        assert call("GET", LOGOUT).headers["Set-Cookie"].startswith("__Host-eilogin=;")

    @pytest.mark.parametrize(
        ("method", "url", "headers"),
        [
            ("POST", SLO, {}),
            ("GET", f"{SLO}?SAMLResponse=x", {}),
            ("GET", SOAP, {}),
            ("POST", SLO, {"Content_Length": "99999999"}),
            ("POST", LOGOUT, {"Sec_Fetch_Site": "cross-site"}),
        ],
    )
    def test_that_is_refused_leads_to_the_home_page(self, call, method, url, headers):
        answer = call(method, url, **headers)
        assert answer.status_int >= 400
        [link] = html.document_fromstring(answer.text).find(".//main").iter("a")
        assert (link.get("href"), link.text_content()) == ("/", "Naar stad.test")

    def test_while_the_store_is_down_can_be_tried_again(self, anna, call, monkeypatch):
        def down(*_):
            raise StoreUnavailable("no store")

        monkeypatch.setattr(anna.sessions, "find_beyond_idle", down)
        cookie = {"Cookie": f"__Host-eilogin={anna.cookie}"}
        for site in ("same-origin", "cross-site"):
            answer = call("GET", LOGOUT, Sec_Fetch_Site=site, **cookie)
            assert answer.status_int == 503
            [link] = html.document_fromstring(answer.text).find(".//main").iter("a")
            assert link.get("href") == LOGOUT

    @pytest.mark.parametrize(
        ("query", "url"),
        [
            ("?next=/tot-ziens", "https://stad.test/tot-ziens"),
            ("?next=https://evil.test/", LOGOUT + "?next=https://evil.test/"),
            ("?next=//evil.test", LOGOUT + "?next=//evil.test"),
        ],
    )
    def test_leads_to_a_page_of_this_site_or_none(self, call, query, url):
        answer = call("GET", LOGOUT + query)
        if url.startswith(LOGOUT):
            assert answer.status_int == 200
        else:
            assert answer.location == url

    def test_at_a_hub_that_takes_none_is_done_here(self, anna, hub_takes, caplog):
        hub_takes()
        anna.browser.visit(LOGOUT)
        assert anna.browser.trail == [LOGOUT]
        assert "U bent alleen bij deze dienst uitgelogd" in anna.browser.text
        assert not anna.is_logged_in
        assert anna.browser.cookie("stad.test", "__Host-eilogin") is None
        assert (
            f"{HUB!r} accepts a LogoutRequest by none of HTTP-Redirect, HTTP-POST,"
            " SOAP; its metadata has: none; ask the administrator of"
        ) in caplog.text

    @pytest.mark.parametrize(
        ("binding", "options"),
        [
            (bindings.REDIRECT, {"signing_methods": ("urn:x:newer",)}),
            (bindings.SOAP, {"signing_methods": ("urn:x:newer",)}),
        ],
    )
    def test_at_a_hub_that_takes_no_algorithm_of_ours_is_done_here(
        self, anna, hub_takes, caplog, binding, options
    ):
        hub_takes(binding, **options)
        anna.browser.visit(LOGOUT)
        assert anna.browser.trail == [LOGOUT]
        assert anna.browser.page.status_int == 200
        assert not anna.is_logged_in
        assert anna.browser.cookie("stad.test", "__Host-eilogin") is None
        assert "(algorithm-missing)" in caplog.text

    def test_at_a_hub_that_gave_no_name_is_done_here(self, anna, monkeypatch, caplog):
        """An attribute says who she is: no message can name her (SAML core 3.7.1)."""
        monkeypatch.setattr(Subject, "has_name_id", False)
        anna.browser.visit(f"{LOGOUT}?next=/tot-ziens")
        assert "U bent alleen bij deze dienst uitgelogd" in anna.browser.text
        assert "sent no NameID for this visitor" in caplog.text
        assert not anna.is_logged_in
        anna.browser.stops_before = "/sso"
        anna.browser.click("Naar de website van stad.test")
        assert anna.browser.trail[0] == "https://stad.test/tot-ziens"


@pytest.fixture
def hub_takes(federation):
    """Let stad know a hub that takes a logout over these bindings and no other."""

    def change(*kinds, **changes):
        filter_ = federation.apps["stad.test"].app
        assert isinstance(filter_, TrustFilter)
        known = filter_.trust.federation

        class Known:
            def __getattr__(self, name):
                return getattr(known, name)

            def entity(self, entity_id):
                entity = known.entity(entity_id)
                role = entity.identity_provider
                kept = tuple(e for e in role.single_logouts if e.binding in kinds)
                changed = replace(role, single_logouts=kept, **changes)
                return replace(entity, identity_provider=changed)

        filter_.trust = replace(filter_.trust, federation=Known())

    return change


@pytest.fixture
def logging_out(federation):
    """Give the logout filter of stad other options."""

    def give(**options):
        filter_ = federation.apps["stad.test"].app.app.app
        assert isinstance(filter_, LogoutFilter)
        filter_.__init__(filter_.app, read(LogoutOptions, {}, options))

    return give


class TestHowTheHubIsTold:
    """What its metadata has, in the order that the options want."""

    @pytest.fixture
    def sent(self, anna, call, federation):
        """The LogoutRequest that leaves, and over what binding, signed by stad."""
        key = federation.trusts["stad.test"].own.key.public

        def log_out(who=anna):
            answer = call("GET", LOGOUT, Cookie=f"__Host-eilogin={who.cookie}")
            if federation.back_channel_log:
                url, body = federation.back_channel_log[0]
                assert url == "https://inloggen.test/slo/soap"
                element = bindings.unwrap_soap(body)
                return "soap", xml_signatures.signed(element, [key]), answer
            if answer.status_int == 302:
                query = urlsplit(answer.location).query
                received = bindings.read_redirect(query)
                bindings.verify_redirect(received, [key])
                return "redirect", safe_xml.parse(received.octets), answer
            [form] = html.document_fromstring(answer.text).iter("form")
            assert form.get("action") == "https://inloggen.test/slo"
            octets = base64.b64decode(form.fields["SAMLRequest"])
            return "post", xml_signatures.signed(safe_xml.parse(octets), [key]), answer

        return log_out

    @pytest.mark.parametrize(
        "case",
        [
            ("auto", (bindings.SOAP, bindings.POST, bindings.REDIRECT), "redirect"),
            ("auto", (bindings.SOAP, bindings.POST), "post"),
            ("auto", (bindings.SOAP,), "soap"),
            ("post redirect", (bindings.REDIRECT, bindings.POST), "post"),
            ("post redirect", (bindings.REDIRECT,), "redirect"),
            ("soap post", (bindings.POST, bindings.SOAP), "soap"),
        ],
    )
    def test_follows_its_metadata_and_the_option(
        self, sent, hub_takes, logging_out, anna, case
    ):
        wanted, has, used = case
        logging_out(logout_binding=wanted)
        hub_takes(*has)
        kind, element, _ = sent()
        request = messages.read_logout_request(element)
        assert kind == used
        assert request.name_id.value == "anna"
        assert request.session_indexes == ("_s1",)
        address = "slo/soap" if used == "soap" else "slo"
        assert request.destination == f"https://inloggen.test/{address}"
        assert not anna.is_logged_in

    def test_keeps_a_name_that_is_a_bsn_out_of_addresses(self, sent, federation):
        filter_ = federation.apps["stad.test"].app
        own = replace(filter_.trust.own, profile=DIGID_PROFILE)
        filter_.trust = replace(filter_.trust, own=own)
        kind, _, _ = sent()
        assert kind == "post"

    @pytest.mark.parametrize("name", ["s00000000:900000016", "NL900000016"])
    @pytest.mark.parametrize(
        ("has", "used"),
        [
            ((bindings.REDIRECT, bindings.POST, bindings.SOAP), "post"),
            ((bindings.REDIRECT, bindings.SOAP), "soap"),
            ((bindings.REDIRECT,), "redirect"),
        ],
    )
    def test_has_it_in_one_only_where_the_hub_takes_nothing_else(
        self, log_in, sent, hub_takes, name, has, used
    ):
        """As who takes a logout in the browser's address alone leaves no choice."""
        hub_takes(*has)
        kind, element, _ = sent(log_in(name))
        assert kind == used
        assert messages.read_logout_request(element).name_id.value == name

    def test_by_post_may_lead_on_to_a_hub_above_it(self, sent, logging_out):
        logging_out(logout_binding="post")
        _, _, answer = sent()
        policy = answer.headers["Content-Security-Policy"]
        assert "form-action" not in policy
        assert "frame-ancestors 'none'" in policy

    @pytest.mark.parametrize("binding", ["redirect", "post"])
    def test_by_the_browser_leads_back(self, anna, log_in, logging_out, binding):
        """The real hub, which does not know her: it says so, and that is not all."""
        logging_out(logout_binding=binding)
        anna.browser.visit(LOGOUT)
        assert anna.browser.url.startswith("https://stad.test/eilogin/slo")
        assert "U bent uitgelogd" in anna.browser.text
        assert "Wij konden niet controleren" in anna.browser.text

    @pytest.mark.parametrize("binding", ["redirect", "post", "soap"])
    @pytest.mark.parametrize("encrypts", ["true", "false"])
    def test_encrypts_who_it_is_where_the_hub_has_a_key(
        self, sent, hub_takes, logging_out, federation, binding, encrypts
    ):
        key = federation.trusts["inloggen.test"].own.key
        hub_takes(
            *(bindings.REDIRECT, bindings.POST, bindings.SOAP),
            encryption_certificates=(key.certificate_text,),
        )
        logging_out(logout_binding=binding, encrypt_name_id=encrypts)
        kind, element, _ = sent()
        assert kind == binding
        is_encrypted = element.find(safe_xml.q("saml:EncryptedID")) is not None
        assert is_encrypted == (encrypts == "true")
        assert (b"anna" in safe_xml.serialize(element)) != is_encrypted
        request = messages.read_logout_request(element, Decrypter([key.private]))
        assert request.name_id.value == "anna"

    def test_encrypts_nothing_for_a_hub_without_a_key(
        self, sent, hub_takes, logging_out
    ):
        hub_takes(bindings.REDIRECT, encryption_certificates=())
        logging_out(encrypt_name_id="true")
        _, element, _ = sent()
        assert messages.read_logout_request(element).name_id.value == "anna"

    @pytest.mark.parametrize(
        "wrong", ["", " ", "auto post", "post post", "artifact", "redirect, post"]
    )
    def test_is_one_of_those_words(self, witness, wrong):
        with pytest.raises(InvalidOptions, match="'redirect', 'post' and 'soap'"):
            make_logout(witness, {}, logout_binding=wrong)


class TestALogoutToldOverSoap:
    """From server to server: she stays here."""

    @pytest.fixture
    def hub_says(self, anna, federation, hub, logging_out):
        """What the hub answers when she has logged in; gives what it was asked."""
        assert anna.is_logged_in
        logging_out(logout_binding="soap redirect")
        requests = []

        def answer(*codes, speaker=hub, **changes):
            def app(environ, start_response):
                body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
                element = bindings.unwrap_soap(body)
                requests.append(messages.read_logout_request(element))
                status = messages.Status(codes or (messages.SUCCESS,))
                made = {"status": status, **changes}
                response = speaker.logout_response(requests[-1], **made)
                start_response("200 OK", [("Content-Type", "text/xml")])
                return [speaker.by_soap(response)]

            federation.apps["inloggen.test"] = app
            return requests

        return answer

    def test_ends_it_everywhere_and_shows_that(self, anna, hub_says, events):
        requests = hub_says()
        anna.browser.visit(LOGOUT)
        assert anna.browser.trail == [LOGOUT, SLO]
        assert "U bent overal uitgelogd" in anna.browser.text
        assert anna.browser.cookie("stad.test", "__Host-eilogin") is None
        assert not anna.is_logged_in
        assert len(requests) == 1
        assert events("logout.answered")[-1]["outcome"] == "ok"

    @pytest.mark.parametrize("is_up", [True, False], ids=["asked", "raises"])
    def test_ends_it_here_before_the_hub_hears_of_it(
        self, anna, hub_says, federation, is_up
    ):
        hub_says()
        answers, seen = federation.apps["inloggen.test"], []

        def hub(environ, start_response):
            seen.append(anna.is_logged_in)
            if not is_up:
                raise RuntimeError("the line is cut")
            return answers(environ, start_response)

        federation.apps["inloggen.test"] = hub
        anna.browser.stops_before = "SAMLRequest="
        anna.browser.visit(LOGOUT)
        assert seen == [False]
        assert not anna.is_logged_in

    @pytest.mark.parametrize(
        ("codes", "told", "later"),
        [
            ((), "U bent overal uitgelogd", "is om 10.00 uur overal uitgelogd."),
            (PARTLY, PARTLY_TOLD, PARTLY_TOLD),
        ],
        ids=["everywhere", "partly"],
    )
    def test_reads_calmly_when_it_is_loaded_anew(
        self, anna, hub_says, clock, codes, told, later
    ):
        requests = hub_says(*codes)
        anna.browser.visit(LOGOUT)
        for seconds, text in ((0, told), (11, later), (60, later)):
            clock.shift(seconds)
            anna.browser.reload()
            assert text in anna.browser.text
            assert "om 10.00 uur" in anna.browser.text
            assert "U bent hier niet ingelogd" not in anna.browser.text
        assert len(requests) == 1

    def test_leads_where_the_link_said(self, anna, hub_says):
        hub_says()
        anna.browser.stops_before = "/sso"
        anna.browser.visit(f"{LOGOUT}?next=/tot-ziens")
        assert anna.browser.trail[1] == "https://stad.test/tot-ziens"

    def test_says_where_not_all_were_reached(self, anna, hub_says):
        hub_says(messages.SUCCESS, messages.PARTIAL_LOGOUT)
        anna.browser.visit(f"{LOGOUT}?next=/tot-ziens")
        assert anna.browser.trail == [f"{LOGOUT}?next=/tot-ziens", SLO]
        assert "Bij een of meer andere diensten" in anna.browser.text
        anna.browser.stops_before = "/sso"
        anna.browser.click("Naar de website van stad.test")
        assert anna.browser.trail[0] == "https://stad.test/tot-ziens"

    @pytest.fixture(
        params=[
            "by another key",
            "another's",
            "another hub's",
            "to another request",
            "old",
            "down",
        ]
    )
    def no_good_answer(
        self, request, hub_says, federation, party, attacker_key, monkeypatch
    ):
        if request.param == "by another key":
            hub_says(speaker=party("inloggen.test", attacker_key))
        elif request.param == "another's":
            hub_says(speaker=party("uwv.test"))
        elif request.param == "another hub's":
            # Which we trust too, and which was not asked.
            add_hub(federation, "stad.test", "Ander loket", attacker_key, SECOND_HUB)
            speaker = party("inloggen.test", attacker_key)
            speaker.entity_id = SECOND_HUB
            hub_says(speaker=speaker)
        elif request.param == "to another request":
            hub_says(in_response_to="_other")
        elif request.param == "old":
            hub_says(issued=START - 4 * MINUTE)
        else:
            hub_says()
            federation.down.add("inloggen.test")
            # Its address for servers alone.
            back_channel = type(federation.trusts["stad.test"].back_channel)
            monkeypatch.setattr(
                back_channel, "look", lambda *_, **__: Reachability.THERE
            )

    @pytest.mark.usefixtures("no_good_answer")
    def test_goes_on_in_the_browser_where_no_good_answer_comes(self, anna):
        anna.browser.stops_before = "SAMLRequest="
        anna.browser.visit(LOGOUT)
        assert anna.browser.url.startswith("https://inloggen.test/slo?SAMLRequest=")

    def test_that_is_answered_at_a_second_click_shows_that(
        self, anna, hub_says, federation
    ):
        """Her browser was sent with the same message before, and stayed away."""
        hub_says(messages.RESPONDER)
        anna.browser.stops_before = "SAMLRequest="
        anna.browser.visit(LOGOUT)
        assert anna.browser.url.startswith("https://inloggen.test/slo?SAMLRequest=")
        anna.browser.stops_before = None
        hub_says()
        anna.browser.visit(LOGOUT)
        assert anna.browser.url == SLO
        assert "U bent overal uitgelogd" in anna.browser.text

    def test_says_that_it_is_tried_again_where_there_is_no_other_way(
        self, anna, federation, logging_out, refused
    ):
        logging_out(logout_binding="soap")
        federation.down.add("inloggen.test")
        anna.browser.visit(LOGOUT)
        assert "Wij blijven proberen" in anna.browser.text
        refused(anna.browser.page, "peer-unavailable", 200)
        assert not anna.is_logged_in

    @pytest.mark.parametrize("binding", ["soap", "soap redirect"])
    def test_holds_no_more_than_three_threads_while_the_hub_hangs(
        self, log_in, federation, logging_out, refused, binding
    ):
        """Who comes after those is logged out here too; her browser goes on with it."""
        logging_out(logout_binding=binding)
        visitors = [log_in(f"anna{n}", f"_s{n}") for n in range(4)]
        # Of one network there would be two.
        for number, visitor in enumerate(visitors):
            visitor.browser.address = f"192.0.2.{number}"
        asked, goes_on = threading.Semaphore(0), threading.Event()

        def hang(environ, start_response):
            asked.release()
            assert goes_on.wait(30)
            start_response("500 Oh", [("Content-Type", "text/plain")])
            return [b""]

        federation.apps["inloggen.test"] = hang
        *first, last = (visitor.browser for visitor in visitors)
        last.stops_before = "SAMLRequest="
        with ThreadPoolExecutor(3) as threads:
            try:
                waiting = [threads.submit(one.visit, LOGOUT) for one in first]
                assert all(asked.acquire(timeout=30) for _ in first)
                last.visit(LOGOUT)
                assert not visitors[-1].is_logged_in
                if binding == "soap":
                    assert "Wij blijven proberen" in last.text
                    refused(last.page, "peer-busy", 200)
                else:
                    assert last.url.startswith("https://inloggen.test/slo?SAMLRequest=")
            finally:
                for one in first:
                    one.stops_before = "SAMLRequest="
                goes_on.set()
            for one in waiting:
                one.result(30)
        assert not any(visitor.is_logged_in for visitor in visitors)

    def test_waits_as_long_as_the_option_says(
        self, anna, federation, logging_out, monkeypatch
    ):
        logging_out(logout_binding="soap", logout_timeout="42s")
        seen = []
        channel = type(federation.trusts["stad.test"].back_channel)
        post = channel.post

        def note(self, url, body, *, timeout=None):
            seen.append(timeout)
            return post(self, url, body, timeout=timeout)

        monkeypatch.setattr(channel, "post", note)
        anna.browser.visit(LOGOUT)
        assert seen == [42.0]


# --- the hub is done ------------------------------------------------------------


class TestTheHubsAnswer:
    @pytest.fixture
    def under_way(self, anna, federation, asked, hub):
        """A logout that the hub has not answered yet; gives the address that does."""

        def answer(*codes, **changes):
            status = messages.Status(codes or (messages.SUCCESS,))
            response = hub.logout_response(
                under_way, **{"destination": SLO, "status": status, **changes}
            )
            return hub.by_redirect(SLO, "SAMLResponse", response)

        federation.apps["inloggen.test"] = waiting
        anna.browser.visit(f"{LOGOUT}")
        query = urlsplit(anna.browser.trail[1]).query
        octets = bindings.read_redirect(query).octets
        under_way = messages.read_logout_request(safe_xml.parse(octets))
        answer.request = under_way
        return answer

    def test_of_success_says_everywhere(self, anna, under_way, events):
        anna.browser.visit(under_way())
        assert "U bent overal uitgelogd" in anna.browser.text
        assert events("logout.answered")[-1]["outcome"] == "ok"

    @pytest.mark.parametrize(
        "codes",
        [
            PARTLY,
            (messages.RESPONDER, messages.PARTIAL_LOGOUT),
        ],
        ids=["as SAML has it", "as DigiD has it"],
    )
    def test_of_less_says_here_and_no_more(self, anna, under_way, codes, events):
        anna.browser.visit(under_way(*codes))
        assert anna.browser.title.startswith("Let op: u bent nog niet overal uitgelogd")
        assert "U bent hier uitgelogd om" in anna.browser.text
        assert "Bij een of meer andere diensten" in anna.browser.text
        assert events("logout.answered")[-1]["outcome"] == "failed"

    def test_says_nothing_in_another_browser(self, under_way, federation, refused):
        browser = federation.browser()
        browser.visit(under_way())
        refused(browser.page, "message-unexpected")

    def test_by_post_is_taken_too(self, anna, under_way, hub):
        response = hub.logout_response(under_way.request, SLO)
        fields = hub.by_post("SAMLResponse", response)
        anna.browser.post(SLO, site="cross-site", **fields)
        assert "U bent overal uitgelogd" in anna.browser.text

    @pytest.mark.parametrize("codes", [(), PARTLY], ids=["everywhere", "partly"])
    def test_can_be_read_for_an_hour_at_an_address_without_it(
        self, anna, under_way, clock, codes
    ):
        told = "Bij een of meer andere diensten" if codes else "U bent overal uitgelogd"
        answer = under_way(*codes)
        for url in (answer, SLO):
            anna.browser.visit(url)
            assert anna.browser.url == SLO
            assert told in anna.browser.text
            done = "U bent hier uitgelogd om" if codes else "Dit is gelukt om"
            assert f"{done} 10.00 uur." in anna.browser.text
        # When it was done, not when it is shown; and what is so no more than then.
        later = told if codes else "In deze browser is om 10.00 uur overal uitgelogd."
        for url in (SLO, answer, SLO):
            clock.shift(15 * MINUTE)
            anna.browser.visit(url)
            assert anna.browser.url == SLO
            assert later in anna.browser.text
            assert "om 10.00 uur" in anna.browser.text
            assert "U bent overal uitgelogd" not in anna.browser.text
        clock.shift(15 * MINUTE)
        anna.browser.visit(SLO)
        assert "U bent hier niet ingelogd" in anna.browser.text
        assert "10.00" not in anna.browser.text

    def test_is_of_now_for_as_long_as_the_way_to_its_page_takes(
        self, anna, under_way, clock
    ):
        anna.browser.visit(under_way())
        clock.shift(10)
        anna.browser.visit(SLO)
        assert "U bent overal uitgelogd" in anna.browser.text
        clock.shift(1)
        anna.browser.visit(SLO)
        assert anna.browser.title.startswith("U bent hier uitgelogd")

    @pytest.mark.parametrize(
        ("codes", "told", "later"),
        [
            (
                (),
                "U bent overal uitgelogd",
                "In deze browser is om 10.00 uur overal uitgelogd.",
            ),
            (PARTLY, PARTLY_TOLD, PARTLY_TOLD),
        ],
        ids=["everywhere", "partly"],
    )
    def test_is_calm_for_who_came_by_a_link_of_the_hub_and_loads_it_anew(
        self, anna, under_way, clock, codes, told, later
    ):
        """Browsers say of it again then that another site has led here."""
        anna.browser.visit("https://inloggen.test/slo")
        anna.browser.follow(under_way(*codes))
        assert told in anna.browser.text
        clock.shift(11)
        anna.browser.reload()
        assert anna.browser.url == SLO
        assert "U bent hier niet ingelogd" not in anna.browser.text
        assert later in anna.browser.text

    def test_is_what_comes_of_a_second_click(self, anna, under_way, clock):
        anna.browser.visit(under_way())
        anna.browser.visit(LOGOUT)
        assert "U bent overal uitgelogd" in anna.browser.text
        clock.shift(11)
        anna.browser.visit(LOGOUT)
        assert "In deze browser is om 10.00 uur overal uitgelogd." in anna.browser.text

    def test_is_no_less_by_what_another_one_says(self, anna, under_way):
        anna.browser.visit(under_way())
        anna.browser.visit(under_way(*PARTLY))
        assert "U bent overal uitgelogd" in anna.browser.text

    def test_is_more_where_another_one_says_so(self, anna, under_way, clock):
        anna.browser.visit(under_way(*PARTLY))
        clock.shift(2 * MINUTE)
        for url in (under_way(), SLO, under_way(*PARTLY), SLO):
            anna.browser.visit(url)
            assert "U bent overal uitgelogd" in anna.browser.text
            assert "Dit is gelukt om 10.02 uur." in anna.browser.text

    @pytest.mark.parametrize(
        "changes",
        [{"codes": (messages.RESPONDER,)}, {"issued": START - 4 * MINUTE}],
        ids=["failed", "old"],
    )
    def test_is_kept_beyond_one_that_cannot_be_believed(
        self, anna, under_way, changes, events
    ):
        anna.browser.visit(under_way(*PARTLY))
        codes = changes.pop("codes", ())
        anna.browser.visit(under_way(*codes, **changes))
        assert anna.browser.url == SLO
        assert "Bij een of meer andere diensten" in anna.browser.text
        assert events("logout.answered")[-1]["outcome"] == "refused"

    def test_is_kept_beyond_one_to_another_logout(self, anna, under_way, refused):
        anna.browser.visit(under_way(*PARTLY))
        anna.browser.visit(under_way(in_response_to="_other"))
        refused(anna.browser.page, "message-unexpected")
        anna.browser.visit(SLO)
        assert "Bij een of meer andere diensten" in anna.browser.text

    def test_is_read_in_her_browser_alone(self, anna, under_way, federation):
        anna.browser.visit(under_way())
        browser = federation.browser()
        browser.visit(SLO)
        assert "U bent hier niet ingelogd" in browser.text

    def test_is_of_the_past_for_who_has_logged_in_again(
        self, anna, under_way, log_in, clock, federation
    ):
        anna.browser.visit(under_way())
        clock.shift(1)
        log_in(browser=anna.browser)
        anna.browser.visit(SLO)
        assert anna.browser.url == "https://stad.test/"
        clock.shift(20 * MINUTE)
        anna.browser.visit(SLO)
        assert "U was al uitgelogd." in anna.browser.text

    def test_leads_nowhere_by_what_stands_in_the_address(self, anna, under_way):
        anna.browser.visit(under_way())
        for target in ("//evil.test", "/elders"):
            anna.browser.visit(f"{SLO}?next={target}")
            assert anna.browser.trail == [f"{SLO}?next={target}"]
            assert anna.browser.page.status_int == 400

    @pytest.mark.parametrize("is_answered", [True, False])
    def test_says_nothing_to_who_has_logged_in_again(
        self, anna, under_way, log_in, hub, is_answered, refused, clock
    ):
        """Not even that it cannot be believed: she is not logged out."""
        if is_answered:
            anna.browser.visit(under_way())
        clock.shift(1)
        log_in(browser=anna.browser)
        anna.browser.visit(under_way())
        refused(anna.browser.page, "message-unexpected")
        assert "U bent uitgelogd" not in anna.browser.text
        unsigned = safe_xml.serialize(hub.logout_response(under_way.request, SLO))
        fields = bindings.post_fields("SAMLResponse", unsigned, "")
        anna.browser.post(SLO, site="cross-site", **fields)
        refused(anna.browser.page, "signature-untrusted")
        anna.browser.visit(STAD)
        assert anna.browser.url == STAD

    def test_says_nothing_to_who_is_logged_in_whatever_her_browser_kept(
        self, anna, under_way, log_in, refused, clock
    ):
        clock.shift(1)
        held = anna.browser.cookie("stad.test", "__Host-eilogin-logout")
        log_in(browser=anna.browser)
        anna.browser.set_cookie("stad.test", "__Host-eilogin-logout", held)
        anna.browser.visit(under_way())
        refused(anna.browser.page, "message-unexpected")

    @pytest.mark.parametrize("text", ["", f"{HUB}\0\0/", "[]", "{}", '[""]'])
    def test_to_a_logout_of_which_nothing_can_be_read_says_nothing_of_the_others(
        self, anna, under_way, text, is_unconfirmed
    ):
        values = Values(anna.sessions.store, ENTITY)
        name = f"logout:{under_way.request.id}"
        assert values.swap(name, values.get(name), text, now() + MINUTE)
        anna.browser.visit(under_way())
        is_unconfirmed("peer-unknown")

    def test_to_a_logout_that_was_not_started_is_refused(
        self, anna, under_way, refused
    ):
        anna.browser.visit(under_way(in_response_to="_other"))
        refused(anna.browser.page, "message-unexpected")

    def test_that_comes_after_an_hour_is_refused(self, anna, under_way, clock, refused):
        clock.shift(60 * MINUTE)
        anna.browser.visit(under_way())
        refused(anna.browser.page, "message-unexpected")

    @pytest.fixture
    def is_unconfirmed(self, anna, refused):
        """Assert that she is told that she is out here, and what is not known."""

        def check(code):
            assert "U bent uitgelogd" in anna.browser.text
            assert "overal" not in anna.browser.title
            assert "Wij konden niet controleren" in anna.browser.text
            refused(anna.browser.page, code)

        return check

    def test_of_a_failure_says_nothing_of_the_others(
        self, anna, under_way, is_unconfirmed, caplog
    ):
        anna.browser.visit(under_way(messages.RESPONDER, messages.UNKNOWN_PRINCIPAL))
        is_unconfirmed("message-unexpected")
        assert messages.UNKNOWN_PRINCIPAL in caplog.text

    @pytest.mark.parametrize("destination", ["", LOGOUT, "https://uwv.test/"])
    def test_for_another_address_says_nothing_of_the_others(
        self, anna, under_way, is_unconfirmed, destination
    ):
        anna.browser.visit(under_way(destination=destination))
        is_unconfirmed("message-misdirected")

    def test_that_is_old_says_nothing_of_the_others(
        self, anna, under_way, is_unconfirmed
    ):
        anna.browser.visit(under_way(issued=START - 4 * MINUTE))
        is_unconfirmed("message-expired")

    def test_by_an_attacker_says_nothing_of_the_others(
        self, anna, under_way, hub, attacker_key, is_unconfirmed
    ):
        hub.key = attacker_key
        anna.browser.visit(under_way())
        is_unconfirmed("signature-untrusted")

    def test_by_another_hub_says_nothing_of_the_others(
        self, anna, under_way, party, federation, is_unconfirmed
    ):
        """One of ours too, and not the one that was asked."""
        filter_ = federation.apps["stad.test"].app
        uwv = party("uwv.test")
        known = filter_.trust.federation
        hub_role = known.entity(HUB).identity_provider
        uwv_role = replace(hub_role, signing_certificates=(uwv.key.certificate_text,))
        entities = [
            known.entity(HUB),
            replace(known.entity(uwv.entity_id), identity_provider=uwv_role),
        ]
        both = Membership(FederationMetadata(tuple(entities), None, "Test", None))
        filter_.trust = replace(
            filter_.trust, federation=both, hub_ids=(HUB, uwv.entity_id)
        )
        response = uwv.logout_response(under_way.request, SLO)
        anna.browser.visit(uwv.by_redirect(SLO, "SAMLResponse", response))
        is_unconfirmed("peer-unknown")

    def test_that_is_not_believed_leads_on_by_hand(
        self, federation, anna, hub, attacker_key
    ):
        federation.apps["inloggen.test"] = waiting
        anna.browser.visit(f"{LOGOUT}?next=/tot-ziens")
        query = urlsplit(anna.browser.trail[1]).query
        request = messages.read_logout_request(
            safe_xml.parse(bindings.read_redirect(query).octets)
        )
        hub.key = attacker_key
        response = hub.logout_response(request, SLO)
        anna.browser.visit(hub.by_redirect(SLO, "SAMLResponse", response))
        assert "Wij konden niet controleren" in anna.browser.text
        anna.browser.stops_before = "/sso"
        anna.browser.click("Naar de website van stad.test")
        assert anna.browser.trail[0] == "https://stad.test/tot-ziens"

    def test_by_an_attacker_is_refused_where_nobody_logs_out(
        self, under_way, federation, hub, attacker_key, refused
    ):
        hub.key = attacker_key
        browser = federation.browser()
        browser.visit(under_way())
        refused(browser.page, "signature-untrusted")

    def test_signed_with_sha_1_says_nothing_of_the_others(
        self, anna, under_way, hub, is_unconfirmed, caplog
    ):
        anna.browser.visit(signed_with_sha_1(under_way(), hub.key))
        is_unconfirmed("signature-untrusted")
        assert "'accept_weak = sha1-redirect'" in caplog.text

    def test_signed_with_sha_1_is_believed_by_an_explicit_option(
        self, anna, under_way, hub, federation
    ):
        """As DigiD signs it (DigiD 3.2)."""
        filter_ = federation.apps["stad.test"].app
        weak = frozenset({"sha1-redirect"})
        filter_.trust = replace(filter_.trust, weak=weak)
        anna.browser.visit(signed_with_sha_1(under_way(), hub.key))
        assert "U bent overal uitgelogd" in anna.browser.text

    def test_leads_where_the_link_said(self, federation, anna, hub):
        federation.apps["inloggen.test"] = waiting
        anna.browser.visit(f"{LOGOUT}?next=/tot-ziens")
        query = urlsplit(anna.browser.trail[1]).query
        request = messages.read_logout_request(
            safe_xml.parse(bindings.read_redirect(query).octets)
        )
        response = hub.logout_response(request, SLO)
        anna.browser.visit(hub.by_redirect(SLO, "SAMLResponse", response))
        assert anna.browser.trail[1] == "https://stad.test/tot-ziens"


def signed_with_sha_1(url, key):
    """The same address with another signature."""
    location, _, query = url.partition("?")
    message = query.partition("&SigAlg")[0]
    algorithm = quote("http://www.w3.org/2000/09/xmldsig#rsa-sha1", safe="")
    octets = f"{message}&SigAlg={algorithm}"
    signature = key.private.sign(octets.encode(), PKCS1v15(), hashes.SHA1())  # noqa: S303
    text = quote(base64.b64encode(signature).decode(), safe="")
    return f"{location}?{octets}&Signature={text}"


def waiting(environ, start_response):
    """A hub's page that does nothing until the test answers."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"one moment"]


# --- the hub asks, over SOAP ----------------------------------------------------


class TestALogoutOverSoap:
    def test_ends_what_it_names_without_a_cookie(
        self, anna, soap, request_for, federation, events
    ):
        request = request_for("anna", "_s1")
        outcome = outcome_of(soap(request), federation)
        assert outcome.status.is_success
        assert outcome.in_response_to == request.get("ID")
        assert outcome.issuer == ENTITY
        assert not anna.is_logged_in
        event = events("logout.received")[-1]
        assert event["reason"] == "1 ended"
        assert "anna" not in str(event)

    def test_ends_only_the_session_that_it_names(self, log_in, soap, request_for):
        here, elsewhere = log_in(index="_s1"), log_in(index="_s2")
        soap(request_for("anna", "_s2"))
        assert here.is_logged_in
        assert not elsewhere.is_logged_in

    def test_that_the_store_could_not_execute_is_executed_when_it_is_sent_again(
        self, anna, soap, request_for, federation, monkeypatch
    ):
        def fail(**which):
            raise StoreUnavailable("somebody has pulled the plug")

        request = request_for("anna", "_s1")
        with monkeypatch.context() as patch:
            patch.setattr(anna.sessions.store, "end", fail)
            assert soap(request).status_int == 500
        assert anna.is_logged_in
        assert outcome_of(soap(request), federation).status.is_success
        assert not anna.is_logged_in

    def test_that_names_no_session_ends_all_of_hers(self, log_in, soap, request_for):
        mine = [log_in(index="_s1"), log_in(index="_s2"), log_in(index=None)]
        bystander = log_in("bram", "_s3")
        soap(request_for("anna"))
        assert not any(visitor.is_logged_in for visitor in mine)
        assert bystander.is_logged_in

    def test_ends_every_session_that_it_names(self, log_in, soap, request_for):
        visitors = [log_in(index=f"_s{n}") for n in range(3)]
        soap(request_for("anna", "_s0", "_s2"))
        assert [v.is_logged_in for v in visitors] == [False, True, False]

    def test_succeeds_where_nobody_is_logged_in(self, soap, request_for, federation):
        outcome = outcome_of(soap(request_for("nobody")), federation)
        assert outcome.status.is_success

    def test_ignores_whose_cookie_comes_with_it(self, log_in, hub, call, request_for):
        anna, bram = log_in("anna", "_s1"), log_in("bram", "_s2")
        cookie = f"__Host-eilogin={bram.cookie}"
        call("POST", SOAP, hub.by_soap(request_for("anna")), Cookie=cookie)
        assert not anna.is_logged_in
        assert bram.is_logged_in

    @pytest.mark.parametrize(
        "name_id",
        [
            messages.NameID("anna", messages.UNSPECIFIED),
            messages.NameID("anna", "", HUB),
            messages.NameID("anna", "", "", ENTITY),
            messages.NameID("anna", messages.UNSPECIFIED, HUB, ENTITY),
        ],
        ids=["format", "qualifier", "participant's qualifier", "all"],
    )
    def test_may_say_what_it_could_leave_out(self, anna, soap, request_for, name_id):
        soap(request_for(name_id, "_s1"))
        assert not anna.is_logged_in


#: NameIDs that are not hers, though they look like hers.
OTHERS = {
    "another name": messages.NameID("bram"),
    "upper case": messages.NameID("ANNA"),
    "a longer name": messages.NameID("anna2"),
    "another format": messages.NameID("anna", messages.PERSISTENT),
    "another hub's": messages.NameID("anna", "", "https://hub.example/"),
    "another participant's": messages.NameID(
        "anna", "", "", "https://uwv.test/eilogin/metadata"
    ),
}


class TestWhatEndsNothing:
    @pytest.mark.parametrize("name_id", OTHERS.values(), ids=OTHERS)
    def test_is_a_name_that_is_not_hers(self, anna, soap, request_for, name_id):
        soap(request_for(name_id, "_s1"))
        assert anna.is_logged_in

    def test_is_a_session_that_is_not_hers(self, anna, soap, request_for):
        soap(request_for("anna", "_s2"))
        assert anna.is_logged_in

    def test_is_anothers_session_by_her_name(self, log_in, soap, request_for):
        anna, bram = log_in("anna", "_s1"), log_in("bram", "_s2")
        soap(request_for("anna", "_s2"))
        assert anna.is_logged_in
        assert bram.is_logged_in

    @pytest.mark.parametrize("whose", ["attacker", "uwv.test", "stad.test"])
    def test_is_a_message_by_another_key(
        self, soap, request_for, keys, ends_nothing, whose
    ):
        answer = soap(request_for("anna"), keys[whose])
        ends_nothing(answer, "signature-untrusted")

    def test_is_a_message_that_is_not_signed(self, call, request_for, ends_nothing):
        body = bindings.wrap_soap(request_for("anna"))
        ends_nothing(call("POST", SOAP, body), "signature-untrusted")

    def test_is_a_message_that_was_changed(
        self, hub, call, request_for, tampered, ends_nothing
    ):
        forged = tampered(hub.signed(request_for("somebody")), "somebody", "anna")
        answer = call("POST", SOAP, bindings.wrap_soap(forged))
        ends_nothing(answer, "signature-untrusted")

    def test_is_a_message_of_another_member(self, call, party, ends_nothing):
        uwv = party("uwv.test")
        request = uwv.logout_request(messages.NameID("anna"), SOAP)
        ends_nothing(call("POST", SOAP, uwv.by_soap(request)), "peer-unknown")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"issued": START - 3 * MINUTE - 1}, "message-expired"),
            ({"issued": START + MINUTE + 1}, "message-expired"),
            ({"not_on_or_after": START - MINUTE - 1}, "message-expired"),
            ({"destination": SLO}, "message-misdirected"),
            ({"destination": SOAP + "/"}, "message-misdirected"),
            ({"destination": UWV_SOAP}, "message-misdirected"),
        ],
        ids=["old", "not yet", "over", "by browser", "longer", "another's"],
    )
    def test_is_a_message_for_another_time_or_place(
        self, soap, request_for, ends_nothing, changes, code
    ):
        ends_nothing(soap(request_for("anna", **changes)), code)

    @pytest.mark.parametrize("name", ["", " "])
    def test_is_a_name_that_is_empty(self, soap, request_for, ends_nothing, name):
        answer = soap(request_for(messages.NameID(name)))
        ends_nothing(answer, "message-malformed")

    def test_is_another_message(self, soap, hub, request_for, ends_nothing):
        request = messages.read_logout_request(request_for("anna"))
        answer = soap(hub.logout_response(request, SOAP))
        ends_nothing(answer, "message-malformed")

    @pytest.mark.parametrize("method", ["GET", "PUT"])
    def test_is_another_method(self, call, hub, request_for, ends_nothing, method):
        answer = call(method, SOAP, hub.by_soap(request_for("anna")))
        ends_nothing(answer, "method-not-allowed", 405)

    def test_is_the_same_message_after_a_new_login(
        self, log_in, soap, request_for, federation, clock
    ):
        log_in()
        request = request_for("anna")
        first = outcome_of(soap(request), federation)
        clock.shift(1)
        again = log_in()
        second = outcome_of(soap(request), federation)
        assert (first.status, second.status) == (messages.Status(),) * 2
        assert again.is_logged_in

    def test_is_an_address_that_is_opened_again_after_a_new_login(
        self, log_in, hub, request_for, clock
    ):
        anna = log_in()
        url = hub.by_redirect(SLO, "SAMLRequest", request_for(destination=SLO))
        anna.browser.visit(url)
        assert not anna.is_logged_in
        clock.shift(1)
        again = log_in()
        again.browser.visit(url)
        assert again.is_logged_in


@pytest.fixture
def keys(federation, attacker_key):
    known = {host: trust.own.key for host, trust in federation.trusts.items()}
    return {**known, "attacker": attacker_key}


# --- the hub asks, through the browser ------------------------------------------


class TestALogoutThroughTheBrowser:
    def test_ends_what_it_names_and_answers(
        self, anna, hub, request_for, call, federation
    ):
        request = request_for("anna", "_s1", destination=SLO)
        answer = call("GET", hub.by_redirect(SLO, "SAMLRequest", request, "handle"))
        assert answer.status_int == 302
        assert answer.location.startswith("https://inloggen.test/slo?SAMLResponse=")
        received = bindings.read_redirect(urlsplit(answer.location).query)
        key = federation.trusts["stad.test"].own.key.public
        bindings.verify_redirect(received, [key])
        response = messages.read_logout_response(safe_xml.parse(received.octets))
        assert response.in_response_to == request.get("ID")
        assert response.destination == "https://inloggen.test/slo"
        assert response.status.is_success
        assert received.relay_state == "handle"
        assert not anna.is_logged_in

    def test_by_post_needs_no_cookie(self, anna, hub, request_for, send_form):
        request = request_for("anna", destination=SLO)
        answer = send_form(SLO, hub.by_post("SAMLRequest", request))
        assert answer.status_int == 302
        assert not anna.is_logged_in

    @pytest.mark.parametrize("destination", ["", SOAP, SLO + "/"])
    def test_for_another_address_is_refused(
        self, anna, hub, request_for, refused, destination
    ):
        request = request_for("anna", destination=destination)
        anna.browser.visit(hub.by_redirect(SLO, "SAMLRequest", request))
        refused(anna.browser.page, "message-misdirected")
        assert anna.is_logged_in

    def test_by_another_key_is_refused(
        self, anna, hub, request_for, attacker_key, refused
    ):
        hub.key = attacker_key
        request = request_for("anna", destination=SLO)
        anna.browser.visit(hub.by_redirect(SLO, "SAMLRequest", request))
        refused(anna.browser.page, "signature-untrusted")
        assert anna.is_logged_in

    def test_signed_with_sha_1_is_refused_whatever_the_options_say(
        self, anna, hub, request_for, federation, refused
    ):
        """They take DigiD's answer to a logout, and nothing that ends a session."""
        filter_ = federation.apps["stad.test"].app
        weak = frozenset({"sha1-redirect"})
        filter_.trust = replace(filter_.trust, weak=weak)
        url = hub.by_redirect(SLO, "SAMLRequest", request_for("anna", destination=SLO))
        anna.browser.visit(signed_with_sha_1(url, hub.key))
        refused(anna.browser.page, "signature-untrusted")
        assert anna.is_logged_in
        anna.browser.visit(url)
        assert not anna.is_logged_in

    def test_of_a_hub_that_takes_no_answer_is_told(
        self, anna, hub_takes, hub, request_for, refused
    ):
        hub_takes(bindings.SOAP)
        request = request_for("anna", destination=SLO)
        anna.browser.visit(hub.by_redirect(SLO, "SAMLRequest", request))
        refused(anna.browser.page, "binding-missing")
        assert anna.is_logged_in, "what is refused has ended nothing"

    def test_of_a_hub_that_takes_its_answer_by_post_is_answered_by_post(
        self, hub_takes, hub, request_for, call, federation
    ):
        """Its page may stand in a frame of that hub, alone."""
        hub_takes(bindings.POST)
        request = request_for("anna", destination=SLO)
        answer = call("GET", hub.by_redirect(SLO, "SAMLRequest", request, "handle"))
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors https://inloggen.test;" in policy
        assert "form-action 'self' https://inloggen.test;" in policy
        assert "X-Frame-Options" not in answer.headers
        [form] = html.document_fromstring(answer.text).iter("form")
        assert form.get("action") == "https://inloggen.test/slo"
        assert form.fields["RelayState"] == "handle"
        element = safe_xml.parse(base64.b64decode(form.fields["SAMLResponse"]))
        key = federation.trusts["stad.test"].own.key.public
        response = messages.read_logout_response(xml_signatures.signed(element, [key]))
        assert response.status.is_success
        assert response.destination == "https://inloggen.test/slo"

    @pytest.mark.parametrize("kind", [bindings.REDIRECT, bindings.POST])
    def test_is_answered_where_the_hub_takes_answers(
        self, federation, hub, request_for, call, kind
    ):
        """Metadata 2.2.2: ResponseLocation, where there is one."""
        filter_ = federation.apps["stad.test"].app
        known = filter_.trust.federation
        entity = known.entity(HUB)
        klaar = "https://inloggen.test/klaar"
        endpoint = Endpoint(kind, "https://inloggen.test/slo", klaar)
        role = replace(entity.identity_provider, single_logouts=(endpoint,))
        metadata = FederationMetadata(
            (replace(entity, identity_provider=role),), None, "Test", None
        )
        filter_.trust = replace(filter_.trust, federation=Membership(metadata))
        request = request_for("anna", destination=SLO)
        answer = call("GET", hub.by_redirect(SLO, "SAMLRequest", request))
        if kind == bindings.REDIRECT:
            assert answer.location.startswith(f"{klaar}?SAMLResponse=")
            octets = bindings.read_redirect(urlsplit(answer.location).query).octets
        else:
            [form] = html.document_fromstring(answer.text).iter("form")
            assert form.get("action") == klaar
            octets = base64.b64decode(form.fields["SAMLResponse"])
        assert (
            messages.read_logout_response(safe_xml.parse(octets)).destination == klaar
        )

    def test_may_ask_for_no_answer_and_gets_it(self, anna, hub, request_for, call):
        """Shibboleth sends this extension; who asks may come for the answer or not."""
        request = request_for("anna", destination=SLO)
        namespace = "urn:oasis:names:tc:SAML:2.0:protocol:ext:async-slo"
        extensions = etree.Element(safe_xml.q("samlp:Extensions"))
        etree.SubElement(extensions, f"{{{namespace}}}Asynchronous")
        request.insert(1, extensions)
        answer = call("GET", hub.by_redirect(SLO, "SAMLRequest", request))
        assert answer.location.startswith("https://inloggen.test/slo?SAMLResponse=")
        assert not anna.is_logged_in


class TestAnEncryptedName:
    @pytest.fixture
    def request_of(self, request_for, federation):
        """A LogoutRequest about somebody whom only stad can read."""
        filter_ = federation.apps["stad.test"].app
        key = filter_.trust.own.key
        own = replace(filter_.trust.own, keys=(OwnKey.of(key),))
        filter_.trust = replace(filter_.trust, own=own)

        def make(destination, encrypt_for=key):
            clear = messages.read_logout_request(
                request_for("anna", destination=destination)
            )
            return messages.write_logout_request(clear, encrypt_for.public)

        return make

    def test_is_opened_over_soap(self, anna, soap, request_of, federation):
        assert outcome_of(soap(request_of(SOAP)), federation).status.is_success
        assert not anna.is_logged_in

    def test_is_opened_in_the_browser(self, anna, hub, request_of, call):
        request = request_of(SLO)
        assert b">anna<" not in safe_xml.serialize(request)
        call("GET", hub.by_redirect(SLO, "SAMLRequest", request))
        assert not anna.is_logged_in

    def test_for_another_key_ends_nothing(
        self, soap, request_of, attacker_key, ends_nothing
    ):
        ends_nothing(soap(request_of(SOAP, attacker_key)), "decryption-failed")


# --- where the filter stands ----------------------------------------------------


def test_without_a_trust_filter_around_it_nothing_is_reached(witness, caplog):
    client = Client(validator(make_logout(validator(witness), {})))
    answer = client.get("https://uwv.test/", status=500)
    assert witness.seen == []
    assert "'trust' is missing" in caplog.text
    assert "session trust login logout identity" in caplog.text
    assert "trust" not in answer.text


def test_all_other_addresses_pass(witness, federation):
    logout = make_logout(validator(witness), {})

    def outer(environ, start_response):
        environ[env.TRUST] = federation.trusts["uwv.test"]
        environ[env.ADDRESS] = None
        return logout(environ, start_response)

    assert Client(validator(outer)).get("https://uwv.test/").status_int == 200


def test_options_that_cannot_be_used_are_refused(witness):
    with pytest.raises(InvalidOptions, match="did you mean 'next'"):
        make_logout(witness, {}, nxt="/")


@pytest.mark.parametrize("word", ["yes", "True", "on", "no", "false", "none"])
def test_app_cookies_is_no_flag(witness, word):
    """Such a name would switch ``auto`` off, and nobody would hear of it."""
    with pytest.raises(InvalidOptions, match=f"app_cookies: found '{word}'; .*'auto'"):
        make_logout(witness, {}, app_cookies=word)
