"""A participant with ``profile = digid``: DigiD's interface to the letter."""

import base64
import hashlib
from dataclasses import replace
from urllib.parse import quote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from digid_speaker import ANNA, BRAM, Citizen, Digid, name_of, query_of
from hub_speaker import hub_changes, own_changes
from webob import Request

from eilogin import clock as instants
from eilogin.errors import OpinionsDiffer, StoreUnavailable
from eilogin.participant import logout_hint
from eilogin.saml import bindings, messages, safe_xml, second_opinion
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.metadata import Endpoint
from eilogin.saml.safe_xml import DS, q
from eilogin.saml.signing_keys import SigningKey, fingerprints, new_key_pair
from eilogin.saml.xml_signatures import EXCLUSIVE_C14N, signed
from eilogin.web import environ as env
from eilogin.web.visit import Visit

UWV = "https://uwv.test"
PROTECT = "=/ optional\n/nieuws optional\n/static off\n/bezwaar midden\n/geld hoog"
PAGE = (
    "<!doctype html><html lang=nl><head><title>UWV</title>"
    "<style>p{margin:0}</style></head><body class=a><h1>%s</h1>[%s]</body></html>"
)
CL7 = "Er is een fout opgetreden in de communicatie met DigiD."
NOT_EVERYWHERE = "Let op: u bent nog niet overal uitgelogd"
CANCELLED = "U heeft het inloggen met DigiD geannuleerd."


NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


class Site:
    """An application that keeps what it was asked."""

    def __init__(self):
        self.seen = []
        self.headers = [("Content-Security-Policy", "default-src 'none'")]
        self.asks_silently = False

    def __call__(self, environ, start_response):
        if self.asks_silently:
            answer = environ["eilogin.login"].require("basis", passive=True)
            if answer is not None:
                return answer(environ, start_response)
        self.seen.append(environ)
        kind = ("Content-Type", "text/html; charset=utf-8")
        start_response("200 OK", [kind, *self.headers])
        text = PAGE % (environ["PATH_INFO"], environ.get("REMOTE_USER", ""))
        return [text.encode()]

    @property
    def environ(self):
        return self.seen[-1]


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def make(clock, site, eilogin_federation):
    """A participant behind DigiD with these options: a citizen at her browser."""

    def made(**options):
        said = {"profile": "digid", "protect": PROTECT, "name": "UWV", **options}
        federation = eilogin_federation(
            {"uwv.test": site},
            options={"uwv.test": said},
            hub_options={"profile": "digid"},
        )
        digid = Digid(federation.trusts["inloggen.test"])
        federation.apps["inloggen.test"] = digid
        return Citizen(federation, digid)

    return made


@pytest.fixture
def anna(make):
    return make()


def own_of(citizen):
    return citizen.federation.trusts["uwv.test"].own


class TestTheQuestion:
    """DigiD 1.2 and 1.3."""

    def test_is_what_digid_takes_and_nothing_else(self, anna):
        anna.begins("/bezwaar")
        received = anna.digid.questions[-1]
        element = safe_xml.parse(received.octets)
        assert dict(element.attrib) == {
            "ID": element.get("ID"),
            "Version": "2.0",
            "IssueInstant": "2026-11-24T09:00:00Z",
            "Destination": "https://inloggen.test/sso",
            "AssertionConsumerServiceIndex": "0",
            "ProviderName": "UWV",
        }
        assert [child.tag for child in element] == [
            q("saml:Issuer"),
            q("samlp:RequestedAuthnContext"),
        ]
        context = element[1]
        assert context.get("Comparison") == "minimum"
        assert [c.text for c in context] == [DIGID.class_of("midden")]
        assert len(received.relay_state.encode()) <= 80

    def test_goes_by_post_where_an_option_says_so_with_the_name_of_the_key(self, make):
        anna = make(request_binding="post").begins()
        received = anna.digid.questions[-1]
        assert not received.signature
        element = safe_xml.parse(received.octets)
        key = own_of(anna).key
        assert signed(element, [key.public]) is not None
        der = key.certificate.public_bytes(Encoding.DER)
        sha1 = hashlib.sha1(der, usedforsecurity=False).hexdigest()
        assert element.findtext(f".//{{{DS}}}KeyName") == sha1
        lists = element.iter(f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces")
        assert {one.get("PrefixList") for one in lists} == {"ds saml samlp xs"}

    @pytest.mark.parametrize("path", ["/geld", "/eilogin/login?next=/geld"])
    def test_asks_for_a_fresh_proof_where_its_age_counts(self, make, clock, path):
        """DigiD's answer does not tell how old a proof is: not a single one more."""
        anna = make(protect="/ basis\n/geld basis max_age=12m").begins(path)
        assert anna.digid.question[0].force_authn
        anna.digid.confirms()
        anna.comes_back()
        assert anna.browser.url == f"{UWV}/geld"
        clock.shift(11 * 60)
        anna.browser.reload()
        assert not anna.digid.question[0].force_authn
        anna.digid.confirms()
        anna.comes_back()
        # What DigiD says without asking her is no new proof.
        clock.shift(2 * 60)
        anna.browser.reload()
        assert anna.digid.question[0].force_authn

    def test_takes_no_answer_to_an_ordinary_question_for_a_proof(self, make):
        anna = make(protect="/ basis\n/geld basis max_age=12m").logs_in()
        anna.begins("/geld")
        assert anna.digid.question[0].force_authn

    def test_takes_one_at_a_level_that_is_never_shared_for_a_proof(self, make):
        anna = make(protect="/ hoog\n/geld hoog max_age=12m").logs_in(level="hoog")
        anna.browser.visit(f"{UWV}/geld")
        assert not anna.is_asked

    def test_never_is_one_without_a_prompt(self, anna, site):
        site.asks_silently = True
        anna.browser.visit(f"{UWV}/")
        assert anna.digid.questions == []
        assert site.environ["PATH_INFO"] == "/"


class TestTheAnswer:
    """DigiD 1.4 and 1.5."""

    def test_by_artifact_logs_her_in(self, anna, site):
        anna.logs_in()
        assert anna.is_logged_in
        resolve = safe_xml.parse(anna.digid.resolves[-1])
        assert b"KeyName" in anna.digid.resolves[-1]
        assert resolve.tag == q("soap:Envelope")

    def test_without_a_signed_assertion_is_taken_for_the_envelope_is(self, anna):
        anna.begins()
        anna.digid.carried = anna.digid.response(anna.digid.assertion())
        anna.comes_back()
        assert anna.is_logged_in

    def test_by_post_is_refused(self, anna, caplog):
        anna.begins()
        response = anna.digid.response(anna.digid.signed(anna.digid.assertion()))
        octets = base64.b64encode(safe_xml.serialize(response)).decode()
        fields = {"SAMLResponse": octets, "RelayState": anna.digid.question[1]}
        anna.browser.post(anna.acs, site="cross-site", **fields)
        assert anna.browser.page.status_int == 400
        assert CL7 in anna.browser.text
        assert not anna.is_logged_in
        assert "the Response came by POST; expected an artifact" in caplog.text

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            (name_of(ANNA, "s00000001"), "is a sofi number (s00000001)"),
            (name_of(ANNA, "s00000002"), "has an unknown sector code"),
            (name_of(ANNA, "S00000000"), "is not a sector code, a colon and nine"),
            (name_of("123456789"), "fails the eleven test"),
            (messages.NameID("anna"), "is not a sector code, a colon and nine"),
        ],
    )
    def test_with_another_name_is_refused(self, anna, caplog, name, words):
        anna.begins()
        anna.digid.confirms(name_id=name)
        anna.comes_back()
        assert anna.browser.page.status_int == 403
        assert CL7 in anna.browser.text
        assert not anna.is_logged_in
        assert "(sector-refused)" in caplog.text
        assert words in caplog.text
        assert ANNA not in caplog.text
        assert "123456789" not in caplog.text

    def test_with_a_sofi_number_is_taken_where_an_option_says_so(self, make, site):
        anna = make(sectors="s00000000 s00000001", user="attribute:sofi")
        anna.logs_in(name_id=name_of(ANNA, "s00000001"))
        assert site.environ["REMOTE_USER"] == ANNA


class TestWhoSheIs:
    def test_is_a_pseudonym_to_the_application(self, anna, site):
        anna.logs_in()
        subject = site.environ["REMOTE_USER"]
        assert len(subject) == 40
        login = site.environ["eilogin.session"]
        assert login.subject == subject
        assert login.attributes == {}
        assert ANNA not in repr(login) + repr(login.to_json())

    def test_is_the_same_at_every_login_and_another_one_with_another_key(self, make):
        first = own_of(make()).subject(f"s00000000:{ANNA}")
        assert own_of(make()).subject(f"s00000000:{ANNA}") == first
        own = own_of(make(pseudonym_key="a secret of the operator"))
        assert own.subject(f"s00000000:{ANNA}") != first
        assert own.subject(f"s00000000:{BRAM}") != own.subject(f"s00000000:{ANNA}")

    def test_is_her_bsn_where_an_option_says_so(self, make, site):
        make(user="bsn", headers="X-BSN bsn").logs_in()
        assert site.environ["REMOTE_USER"] == ANNA
        assert site.environ["HTTP_X_BSN"] == ANNA
        assert site.environ["eilogin.session"].attributes == {}

    def test_may_be_told_with_the_session_by_name(self, make, site):
        make(allow_attributes="bsn").logs_in()
        assert site.environ["eilogin.session"].attributes == {"bsn": [ANNA]}

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({}, {}),
            ({"allow_attributes": "none"}, {}),
            ({"allow_attributes": "bsn"}, {"bsn": [ANNA]}),
        ],
    )
    def test_is_told_by_the_call_for_a_login_no_sooner(self, make, site, options, told):
        make(**options).logs_in()
        service = site.environ["eilogin.login"]
        assert service.login.attributes == told
        assert service.login.subject == site.environ["eilogin.session"].subject
        assert service.require("basis") is None
        assert service.tells_proof is False
        assert service.take_proof() is False

    def test_is_in_no_log_address_or_cookie(self, anna, caplog, events):
        caplog.set_level("DEBUG")
        anna.logs_in()
        trails = list(anna.browser.trail)
        anna.begins("/bezwaar")
        anna.digid.confirms(level="midden")
        trails += anna.comes_back().browser.trail
        anna.browser.fetch(f"{UWV}/eilogin/session")
        cookies = anna.browser.cookies("uwv.test")
        anna.browser.visit(f"{UWV}/eilogin/logout")
        trails += anna.browser.trail
        anna.browser.follow(anna.digid.logout_response_url())
        trails += anna.browser.trail
        said = [*trails, *map(str, events()), *caplog.messages, str(cookies)]
        said.append(str(anna.browser.cookies("uwv.test")))
        assert {event["code"] for event in events()} >= {"login", "step-up"}
        # By Redirect alone it is in an address, deflated: DigiD takes no POST here.
        assert not [text for text in said if ANNA in text]

    def test_is_not_in_the_sealed_cookie_that_names_her_session(self, anna, site):
        anna.logs_in()
        cookies = anna.browser.cookies("uwv.test")
        header = "; ".join(f"{name}={value}" for name, value in cookies.items())
        login = logout_hint.read(Visit({**site.environ, "HTTP_COOKIE": header}))
        assert site.environ["eilogin.session"].subject == login.who.name_id
        assert ANNA not in login.to_json()
        token = cookies["__Host-eilogin"]
        stored = site.environ[env.SESSIONS].find(token)
        assert ANNA in stored.to_json(), "the record of the session has it"


class TestTheLevel:
    def test_that_is_higher_is_fine(self, anna):
        anna.logs_in("/bezwaar", level="hoog")

    def test_that_is_lower_ends_her_session_too(self, anna, events):
        anna.logs_in()
        anna.begins("/bezwaar")
        anna.digid.confirms(level="basis")
        anna.comes_back()
        assert anna.browser.page.status_int == 403
        assert CL7 in anna.browser.text
        assert "U bent uitgelogd." in anna.browser.text
        assert not anna.is_logged_in
        assert [e["reason"] for e in events("session.ended")] == ["level-too-low"]


def two_assertions(digid):
    digid.confirms()
    digid.carried.append(digid.signed(digid.assertion()))


def another_key_inside(digid):
    good, digid.key = digid.key, ANOTHER
    digid.confirms()
    digid.key = good


def no_response_inside(digid):
    element = safe_xml.parse(digid.questions[-1].octets)
    element.set("ID", messages.new_id())
    digid.carried = element


ANOTHER = SigningKey.load(*new_key_pair("another"))
FAILURES = {
    "no class": lambda digid: digid.refuses(
        messages.RESPONDER, messages.NO_AUTHN_CONTEXT
    ),
    "denied": lambda digid: digid.refuses(messages.REQUESTER, messages.REQUEST_DENIED),
    "artifact refused": lambda digid: digid.changes.update(
        status=messages.Status((messages.REQUESTER, messages.REQUEST_DENIED))
    ),
    "success without a response": lambda digid: None,
    "another audience": lambda digid: digid.confirms(audiences=(("https://x.test",),)),
    "another address": lambda digid: digid.confirms(recipient=f"{UWV}/"),
    "too old": lambda digid: digid.confirms(not_before=1.0, not_on_or_after=2.0),
    "another sector": lambda digid: digid.confirms(name_id=name_of(ANNA, "s00000001")),
    "an empty name": lambda digid: digid.confirms(name_id=messages.NameID("")),
    "an end far away": lambda digid: digid.confirms(not_on_or_after=4e9),
    "a name of another party": lambda digid: digid.confirms(
        name_id=replace(name_of(ANNA), name_qualifier="https://x.test")
    ),
    "another issuer inside": lambda digid: digid.confirms(issuer="https://x.test"),
    "another key inside": another_key_inside,
    "two assertions": two_assertions,
    "no response inside": no_response_inside,
}
FORGED = {
    "another key": lambda digid, key: setattr(digid, "key", key),
    "another question": lambda digid, key: digid.confirms(in_response_to="_x"),
}


class TestAFailure:
    """DigiD 1.6 and 8."""

    @pytest.mark.parametrize("query", ["level=hoog", "fresh=yes", "level=hoog&next=/x"])
    def test_cannot_be_brought_about_by_a_link_of_another_site(self, anna, query):
        """DigiD may say no at once, and her session here would end by that."""
        anna.logs_in()
        asked = len(anna.digid.questions)
        anna.browser.url = "https://evil.test/"
        anna.browser.follow(f"https://uwv.test/eilogin/login?{query}")
        assert anna.browser.page.status_int == 403
        assert len(anna.digid.questions) == asked
        assert anna.is_logged_in
        anna.browser.stops_before = "/sso"
        anna.browser.click("Ga verder")
        assert "https://inloggen.test/sso" in anna.browser.url

    @pytest.mark.parametrize("fail", FAILURES.values(), ids=FAILURES)
    def test_that_is_digids_own_word_ends_her_session(self, anna, fail):
        anna.logs_in()
        anna.begins("/bezwaar")
        anna.digid.carried = None
        fail(anna.digid)
        anna.comes_back()
        assert CL7 in anna.browser.text
        assert "https://www.digid.nl" in anna.browser.text
        assert not anna.is_logged_in
        assert anna.browser.cookie("uwv.test", "__Host-eilogin") is None

    def test_reload_of_failure_page_does_not_blame_cookies(self, anna):
        anna.begins()
        FAILURES["denied"](anna.digid)
        anna.comes_back()
        assert CL7 in anna.browser.text
        assert not anna.browser.cookie("uwv.test", "__Host-eilogin")
        anna.browser.visit(anna.browser.url)
        assert "cookie" not in anna.browser.text
        assert "Inloggen is niet gelukt" in anna.browser.text

    def test_that_was_used_before_ends_it_too(self, anna, caplog):
        anna.logs_in(id="_once")
        anna.begins("/bezwaar")
        anna.digid.confirms(level="midden", id="_once")
        anna.comes_back()
        assert "(message-replayed)" in caplog.text
        assert "U bent uitgelogd." in anna.browser.text
        assert not anna.is_logged_in

    def test_on_which_opinions_differ_ends_it_too(self, anna, caplog, monkeypatch):
        def confirm(*_):
            raise OpinionsDiffer("python3-saml sees something that we do not")

        anna.logs_in()
        anna.begins("/bezwaar")
        anna.digid.confirms(level="midden")
        monkeypatch.setattr(second_opinion.SecondOpinion, "confirm", confirm)
        anna.comes_back()
        assert "(opinions-differ)" in caplog.text
        assert "U bent uitgelogd." in anna.browser.text
        assert not anna.is_logged_in

    def test_of_a_clock_that_is_off_is_told_with_both_times(self, anna, caplog):
        """Our question is too old for DigiD, so its refusal names none."""
        anna.begins()
        denied = messages.Status((messages.REQUESTER, messages.REQUEST_DENIED))
        anna.digid.changes = {
            "status": denied,
            "in_response_to": "",
            "issued": instants.now() + 600,
        }
        anna.comes_back()
        assert CL7 in anna.browser.text
        (told,) = [text for text in caplog.messages if "(message-expired)" in text]
        assert "the IssueInstant is 2026" in told
        assert f"it came in the name of '{anna.digid.entity_id}'; set the clock" in told

    def test_of_who_has_another_key_is_told_with_both_keys(
        self, anna, attacker_key, caplog
    ):
        anna.begins()
        good, anna.digid.key = anna.digid.key, attacker_key
        anna.digid.confirms()
        anna.comes_back()
        (told,) = [text for text in caplog.messages if "(signature-untrusted)" in text]
        for certificate in (good.certificate_text, attacker_key.certificate_text):
            assert fingerprints(certificate) in told
        assert "SHA-256" not in anna.browser.text

    def test_that_is_not_signed_around_it_is_not_taken(self, anna, caplog):
        """DigiD signs each ArtifactResponse; whoever does not is another one."""
        anna.begins()
        anna.digid.signs_envelope = False
        anna.digid.confirms()
        anna.comes_back()
        assert CL7 in anna.browser.text
        (told,) = [text for text in caplog.messages if "(signature-untrusted)" in text]
        assert "the ArtifactResponse is not signed; expected a signature of" in told
        assert not anna.is_logged_in

    def test_so_does_its_silence(self, anna):
        anna.logs_in()
        anna.begins("/bezwaar")
        anna.federation.down.add("inloggen.test")
        anna.comes_back()
        assert anna.browser.page.status_int == 502
        assert CL7 in anna.browser.text
        assert not anna.is_logged_in

    @pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
    def test_that_is_forged_ends_nothing(self, anna, attacker_key, forge):
        anna.logs_in()
        anna.begins("/bezwaar")
        anna.digid.confirms(level="midden")
        forge(anna.digid, attacker_key)
        anna.comes_back()
        assert CL7 in anna.browser.text
        assert "U bent uitgelogd" not in anna.browser.text
        assert anna.is_logged_in

    def test_that_nobody_here_asked_for_ends_nothing(self, anna):
        anna.logs_in()
        anna.begins("/bezwaar")
        url = anna.digid.artifact_url().partition("&RelayState=")[0]
        anna.browser.follow(f"{url}&RelayState={'0' * 40}")
        assert anna.is_logged_in

    @pytest.mark.parametrize(
        "codes",
        [
            (messages.RESPONDER, messages.AUTHN_FAILED),
            (messages.REQUESTER, messages.REQUEST_DENIED),
        ],
        ids=["cancelled", "denied"],
    )
    def test_brought_once_more_does_not_end_the_session_that_came_after(
        self, anna, codes
    ):
        anna.begins()
        old = anna.digid.artifact_url()
        anna.digid.refuses(*codes)
        anna.comes_back()
        anna.logs_in()
        anna.digid.refuses(messages.REQUESTER, messages.REQUEST_DENIED)
        anna.browser.follow(old)
        assert anna.browser.page.status_int == 409
        assert anna.is_logged_in

    def test_with_the_store_down_says_that(self, anna, monkeypatch):
        anna.logs_in()
        anna.begins("/bezwaar")
        anna.digid.refuses(messages.REQUESTER, messages.REQUEST_DENIED)
        store = anna.federation.apps["uwv.test"].sessions.store

        def fail(**_):
            raise StoreUnavailable("down")

        monkeypatch.setattr(store, "end", fail)
        anna.comes_back()
        assert anna.browser.page.status_int == 503

    def test_is_told_to_a_script_in_json(self, anna):
        anna.begins()
        anna.digid.refuses(messages.REQUESTER, messages.REQUEST_DENIED)
        answer = anna.browser.fetch(anna.digid.artifact_url())
        assert answer.json["reason"] == "login-failed"

    @pytest.mark.parametrize(
        ("options", "language", "words"),
        [
            ({}, "nl", "Probeert u het later nogmaals."),
            ({}, "en", "An error has occurred in the communication with DigiD."),
            ({"error_text": "tvs"}, "nl", "Zo controleert u of uw DigiD goed werkt."),
            ({"error_text": "Bel ons."}, "en", "Bel ons."),
            ({"error_text": "tvs", "error_text_en": "Call."}, "en", "Call."),
        ],
    )
    def test_is_told_in_the_words_of_the_checklist(
        self, make, options, language, words
    ):
        anna = make(**options)
        anna.browser.language = language
        anna.begins()
        anna.digid.refuses(messages.REQUESTER, messages.REQUEST_DENIED)
        anna.comes_back()
        assert words in anna.browser.text


class TestCancelling:
    """DigiD 6."""

    def test_at_a_page_that_needs_a_login_is_said_in_its_place(self, anna):
        anna.begins("/mijn?jaar=2026").cancels()
        assert anna.browser.url == f"{UWV}/mijn?jaar=2026&eilogin=cancelled"
        assert anna.browser.page.status_int == 403
        heading = CANCELLED.rstrip(".")
        assert anna.browser.title.startswith(f"{heading} ")
        assert f"{heading} U bent niet ingelogd." in anna.browser.text
        assert not anna.is_logged_in
        anna.browser.click("Inloggen met DigiD")
        assert anna.is_asked
        anna.digid.confirms()
        anna.comes_back()
        assert anna.browser.url == f"{UWV}/mijn?jaar=2026"

    def test_has_a_way_back(self, anna):
        anna.begins().cancels()
        anna.browser.click("Naar de website van UWV")
        assert anna.browser.url == f"{UWV}/"
        assert CANCELLED not in anna.browser.text

    @pytest.mark.parametrize("path", ["/", "/nieuws/vandaag?x=1&y=%20"])
    def test_at_a_public_page_is_said_there_once(self, anna, site, path):
        target = quote(path, safe="")
        anna.browser.visit(f"{UWV}/eilogin/login?next={target}")
        anna.cancels()
        assert urlsplit(anna.browser.url).path == urlsplit(path).path
        assert CANCELLED in anna.browser.text
        assert f'<body class=a><p role="status" lang="nl"><strong>{CANCELLED}' in (
            anna.browser.page.text
        )
        assert anna.browser.page.headers["Cache-Control"] == "no-store"
        assert "eilogin" not in site.environ["QUERY_STRING"]
        anna.browser.reload()
        assert anna.browser.url == f"{UWV}{path}"
        assert CANCELLED not in anna.browser.text
        assert "Cache-Control" not in anna.browser.page.headers

    def test_at_a_page_that_is_left_alone_is_said_on_the_first_page(self, anna):
        anna.browser.visit(f"{UWV}/eilogin/login?next=/static/a")
        anna.cancels()
        assert anna.browser.url.startswith(f"{UWV}/?")
        assert CANCELLED in anna.browser.text

    def test_is_said_on_no_page_that_is_left_alone(self, anna, site):
        site.headers = [("Content-Encoding", "br")]
        anna.browser.visit(f"{UWV}/eilogin/login?next=/")
        anna.cancels()
        site.headers = []
        anna.browser.visit(f"{UWV}/static/a")
        assert CANCELLED not in anna.browser.text
        assert "Cache-Control" not in anna.browser.page.headers
        anna.browser.visit(f"{UWV}/nieuws")
        assert CANCELLED in anna.browser.text

    def test_is_said_by_us_where_the_first_page_is_left_alone_too(self, make):
        anna = make(protect="/ off\n/mijn basis")
        anna.browser.visit(f"{UWV}/eilogin/login?next=/static")
        anna.cancels()
        assert anna.browser.title.startswith(CANCELLED.rstrip("."))
        assert anna.browser.page.status_int == 403

    def test_leads_to_the_page_on_which_she_pressed_the_button(self, anna):
        referer = {"Referer": f"{UWV}/nieuws?x=1"}
        anna.browser.visit(f"{UWV}/nieuws?x=1")
        # This browser sends no Referer by itself.
        request = Request.blank(f"{UWV}/mijn", headers={**NAVIGATION, **referer})
        answer = request.get_response(anna.federation)
        for header in answer.headers.getall("Set-Cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            anna.browser.set_cookie("uwv.test", name, value)
        anna.browser.visit(answer.location)
        anna.cancels()
        assert anna.browser.url == f"{UWV}/nieuws?x=1&eilogin=cancelled"
        assert CANCELLED in anna.browser.text

    def test_a_step_up_ends_her_session(self, anna):
        anna.logs_in()
        anna.begins("/bezwaar").cancels()
        assert "met DigiD geannuleerd U bent uitgelogd." in anna.browser.text
        assert not anna.is_logged_in

    def test_a_step_up_is_said_to_have_logged_her_out_at_a_public_page_too(self, anna):
        anna.logs_in()
        anna.browser.visit(f"{UWV}/eilogin/login?next=/&level=midden")
        anna.cancels()
        assert f"{CANCELLED} U bent uitgelogd." in anna.browser.text

    def test_is_not_said_any_more_when_she_tries_again(self, anna, site):
        site.headers = [("Content-Encoding", "br")]
        anna.browser.visit(f"{UWV}/eilogin/login?next=/")
        anna.cancels()
        assert anna.browser.cookie("uwv.test", "__Host-eilogin-cancelled") == "1"
        anna.begins()
        assert anna.browser.cookie("uwv.test", "__Host-eilogin-cancelled") is None
        site.headers = []
        anna.browser.visit(f"{UWV}/")
        assert CANCELLED not in anna.browser.text

    def test_has_words_of_its_own_where_an_option_says_so(self, make):
        anna = make(cancel_text="Geannuleerd.", cancel_text_en="Cancelled.")
        anna.begins().cancels()
        assert anna.browser.title.startswith("Geannuleerd ")
        anna.browser.language = "en"
        anna.begins().cancels()
        assert anna.browser.title.startswith("Cancelled ")

    def test_the_marked_address_of_another_day_is_that_of_the_page(self, anna, site):
        anna.browser.visit(f"{UWV}/nieuws?eilogin=cancelled&x=1")
        assert anna.browser.url == f"{UWV}/nieuws?x=1"
        anna.browser.visit(f"{UWV}/mijn?eilogin=cancelled")
        assert anna.is_asked
        anna.browser.fetch(f"{UWV}/nieuws?eilogin=cancelled")
        assert site.environ["QUERY_STRING"] == ""


class TestAHubInside:
    """It answers whoever asked it, and her session here has ended all the same."""

    @pytest.fixture
    def stepping_up(self, anna):
        anna.logs_in()
        anna.begins("/bezwaar")
        own_changes(anna.federation, "uwv.test", hub_inside="/hub")
        anna.browser.stops_before = "/bezwaar"
        return anna

    def test_is_told_that_she_cancelled(self, stepping_up):
        stepping_up.cancels()
        assert stepping_up.browser.url == f"{UWV}/bezwaar?refused=AuthnFailed"
        assert not stepping_up.is_logged_in

    def test_is_told_that_the_level_is_too_low(self, stepping_up):
        stepping_up.digid.confirms(level="basis")
        stepping_up.comes_back()
        assert stepping_up.browser.url == f"{UWV}/bezwaar?refused=NoAuthnContext"
        assert not stepping_up.is_logged_in


class TestKeepingAlive:
    """DigiD 2.2."""

    def test_asks_in_between_ten_and_fifteen_minutes(self, anna, clock):
        anna.logs_in()
        clock.shift(9 * 60)
        anna.browser.reload()
        assert not anna.is_asked
        clock.shift(60)
        anna.browser.reload()
        assert anna.is_asked
        request, _ = anna.digid.question
        assert not request.is_passive
        assert not request.force_authn
        assert request.level_classes == (DIGID.class_of("basis"),)
        anna.digid.confirms()
        anna.comes_back()
        assert anna.browser.url == f"{UWV}/mijn"
        clock.shift(60)
        anna.browser.reload()
        assert not anna.is_asked

    def test_asks_for_the_lowest_level_whatever_she_has(self, anna, clock):
        anna.logs_in("/geld", level="hoog")
        clock.shift(11 * 60)
        anna.browser.reload()
        assert anna.digid.question[0].level_classes == (DIGID.class_of("basis"),)
        anna.digid.confirms()
        anna.comes_back()
        assert anna.browser.url == f"{UWV}/geld"

    def test_does_not_ask_when_it_would_be_too_late(self, anna, clock):
        anna.logs_in()
        for _ in range(2):
            clock.shift(8 * 60)
            answer = anna.browser.fetch(f"{UWV}/eilogin/session", "POST", Origin=UWV)
            assert answer.json["logged_in"]
        anna.browser.reload()
        assert not anna.is_asked

    def test_has_no_end_but_that_of_the_first_login(self, anna, clock):
        anna.logs_in()
        for _ in range(11):
            clock.shift(10 * 60)
            anna.browser.reload()
            anna.digid.confirms()
            anna.comes_back()
            assert anna.is_logged_in
        clock.shift(10 * 60)
        assert not anna.is_logged_in

    def test_with_another_citizen_ends_the_session_and_begins_none(
        self, anna, clock, caplog
    ):
        anna.logs_in()
        clock.shift(10 * 60)
        anna.browser.reload()
        anna.digid.confirms(BRAM)
        anna.comes_back()
        assert anna.browser.title.startswith("U bent uitgelogd")
        assert "iemand anders" in anna.browser.text
        assert not anna.is_logged_in
        assert "(subject-changed)" in caplog.text
        anna.browser.click("Inloggen met DigiD")
        assert anna.is_asked
        # DigiD knows him still: to go on as herself she has to be asked.
        assert anna.digid.question[0].force_authn
        anna.digid.confirms(BRAM)
        anna.comes_back()
        assert anna.is_logged_in

    def test_that_she_cancels_leads_back_without_a_session(self, anna, clock):
        anna.logs_in()
        clock.shift(10 * 60)
        anna.browser.reload()
        anna.cancels()
        assert anna.browser.url == f"{UWV}/mijn?eilogin=cancelled"
        assert not anna.is_logged_in

    def test_does_not_ask_while_digid_does_not_answer(self, anna, clock):
        anna.logs_in()
        clock.shift(10 * 60)
        anna.federation.down.add("inloggen.test")
        anna.browser.reload()
        assert not anna.is_asked
        assert anna.is_logged_in


class TestOurOwnHub:
    """The same with our own hub in DigiD's place (``profile = digid`` there too)."""

    @pytest.fixture
    def browser(self, clock, site, eilogin_federation):
        said = {"profile": "digid", "protect": PROTECT, "user": "bsn"}
        federation = eilogin_federation(
            {"uwv.test": site, "stad.test": site},
            options={"uwv.test": said, "stad.test": said},
            hub_options={"profile": "digid"},
        )
        return federation.browser()

    def test_logs_her_in_once_for_all_and_out_everywhere(self, browser, site):
        browser.visit(f"{UWV}/mijn")
        browser.press("Inloggen", username="anna", password="demo-anna")
        assert browser.url == f"{UWV}/mijn"
        assert site.environ["REMOTE_USER"] == ANNA
        browser.visit("https://stad.test/mijn")
        assert browser.url == "https://stad.test/mijn"
        browser.visit(f"{UWV}/eilogin/logout")
        assert "stad.test" in browser.text
        browser.press("Ga verder")
        assert browser.title.startswith("U bent overal uitgelogd")
        browser.stops_before = "/sso"
        browser.visit("https://stad.test/mijn")
        assert "/sso" in browser.url

    def test_leads_back_who_cancels_there(self, browser):
        browser.visit(f"{UWV}/eilogin/login?next=/nieuws")
        browser.press("Annuleren")
        assert urlsplit(browser.url).path == "/nieuws"
        assert CANCELLED in browser.text


def sha1_signed(url, key):
    """The same address signed with rsa-sha1, as DigiD signs it."""
    query = urlsplit(url).query.partition("&SigAlg=")[0]
    covered = f"{query}&SigAlg={quote(DS + 'rsa-sha1', safe='')}"
    value = key.private.sign(covered.encode(), PKCS1v15(), hashes.SHA1())  # noqa: S303
    signature = quote(base64.b64encode(value).decode(), safe="")
    return f"{url.partition('?')[0]}?{covered}&Signature={signature}"


class TestLoggingOut:
    """DigiD 3."""

    def test_ends_here_first_and_names_her_alone(self, anna):
        anna.logs_in()
        anna.browser.visit(f"{UWV}/eilogin/logout")
        assert not anna.is_logged_in
        element = safe_xml.parse(anna.digid.logouts[-1].octets)
        request = messages.read_logout_request(element)
        assert request.name_id == name_of(ANNA)
        assert request.session_indexes == ()
        assert [child.tag for child in element] == [
            q("saml:Issuer"),
            q("saml:NameID"),
        ]

    def test_goes_by_post_where_digid_takes_it(self, make):
        anna = make()
        slo = "https://inloggen.test/slo"
        ends = (Endpoint(bindings.REDIRECT, slo), Endpoint(bindings.POST, slo))
        hub_changes(anna.federation, "uwv.test", single_logouts=ends)
        anna.logs_in()
        anna.browser.visit(f"{UWV}/eilogin/logout")
        assert "SAMLRequest" not in query_of(anna.browser.url)
        assert (
            signed(
                safe_xml.parse(anna.digid.logouts[-1].octets), [own_of(anna).key.public]
            )
            is not None
        )

    @pytest.mark.parametrize(
        ("codes", "title"),
        [
            ((), "U bent overal uitgelogd"),
            ((messages.RESPONDER, messages.PARTIAL_LOGOUT), NOT_EVERYWHERE),
        ],
    )
    def test_is_done_though_others_were_not_reached(self, anna, codes, title):
        anna.logs_in()
        anna.browser.visit(f"{UWV}/eilogin/logout")
        anna.browser.follow(anna.digid.logout_response_url(*codes))
        assert anna.browser.page.status_int == 200
        assert anna.browser.title.startswith(title)
        assert ("uw hele browser" in anna.browser.text) == bool(codes)

    def test_an_answer_signed_with_sha1_is_unconfirmed(self, anna):
        """She reads that she is logged out; the status says what is refused."""
        anna.logs_in()
        anna.browser.visit(f"{UWV}/eilogin/logout")
        anna.browser.follow(anna.digid.logout_response_url(sign=sha1_signed))
        assert anna.browser.page.status_int == 400
        assert anna.browser.title.startswith("U bent uitgelogd")
        assert "Wij konden niet" in anna.browser.text

    def test_such_a_one_counts_where_an_option_says_so(self, make):
        anna = make(accept_weak="sha1-redirect")
        anna.logs_in()
        anna.browser.visit(f"{UWV}/eilogin/logout")
        anna.browser.follow(anna.digid.logout_response_url(sign=sha1_signed))
        assert anna.browser.title.startswith("U bent overal uitgelogd")

    def tells(self, anna, name_id):
        url = f"{UWV}/eilogin/slo/soap"
        request = Request.blank(url, method="POST", content_type="text/xml")
        request.body = anna.digid.by_soap(anna.digid.logout_request(name_id, ""))
        return request.get_response(anna.federation)

    def test_elsewhere_ends_all_her_sessions_here(self, anna):
        anna.logs_in()
        other = Citizen(anna.federation, anna.digid).logs_in()
        bram = Citizen(anna.federation, anna.digid).logs_in(number=BRAM)
        answer = self.tells(anna, name_of(ANNA))
        assert answer.status_int == 200
        assert messages.SUCCESS in answer.text
        assert not anna.is_logged_in
        assert not other.is_logged_in
        assert bram.is_logged_in

    @pytest.mark.parametrize(
        "name_id",
        [name_of(BRAM), name_of(ANNA, "S00000000"), name_of(ANNA, "s00000001")],
        ids=["nobody here", "another spelling", "another sector"],
    )
    def test_of_somebody_else_ends_nothing_and_succeeds(self, anna, name_id, events):
        anna.logs_in()
        answer = self.tells(anna, name_id)
        assert answer.status_int == 200
        assert messages.SUCCESS in answer.text
        assert anna.is_logged_in
        assert events("logout.received")[-1]["reason"] == "0 ended"
