"""The hub says that there is no login: a calm page, and the whole story in the log."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from hub_speaker import Citizen, entity_changes

from eilogin.saml import messages
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.metadata import Contact

STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
STAD = "https://stad.test/mijn"
OPEN = "https://stad.test/open"
HUB = "https://inloggen.test/metadata"
MIDDEN = DIGID.class_of("midden")


@pytest.fixture
def citizen(clock, witness, eilogin_federation, hub_of):
    said = {"acs": "post", "protect": "/ midden\n/open optional"}
    federation = eilogin_federation({"stad.test": witness}, options={"stad.test": said})
    contacts = (
        Contact("support", email="helpdesk@inloggen.test"),
        Contact("technical", company="Inloggen", email="techniek@inloggen.test"),
    )
    entity_changes(federation, "stad.test", HUB, contacts=contacts)
    return Citizen(federation, hub_of(federation))


def told(caplog, code):
    return next(m for m in caplog.messages if f"({code}):" in m)


WORDS = {
    "NoAuthnContext": "the hub cannot log visitors in at that level",
    "NoPassive": "eilogin had not asked for a passive login",
    "RequestDenied": "does it have our newest metadata",
    "UnknownPrincipal": "not as a user of this site",
    "InvalidNameIDPolicy": "name_id_format",
    "InvalidAttrNameOrValue": "an attribute in our metadata",
    "RequestUnsupported": "does not support a part of the AuthnRequest",
    "UnsupportedBinding": "the binding of acs",
    "NoSupportedIDP": "the hubs behind it cannot",
    "NoAvailableIDP": "cannot reach any hub behind it",
    "ProxyCountExceeded": "too many hubs are between",
}


@pytest.mark.parametrize(("code", "words"), WORDS.items(), ids=WORDS)
def test_each_status_has_its_own_words_in_the_log(citizen, caplog, code, words):
    citizen.refuse(citizen.begin(STAD), messages.RESPONDER, STATUS + code)
    assert citizen.browser.page.status_int == 400
    assert code not in citizen.browser.text
    line = told(caplog, "login-failed")
    assert f"{HUB!r} answered 'Responder/{code}'" in line
    assert "expected a login at level midden and the status Success: ask" in line
    assert f"'Responder/{code}' ({words}" in line or words in line
    assert "ask Inloggen techniek@inloggen.test" in line


MAY_PASS = {"NoAuthnContext", "NoPassive", "NoAvailableIDP"}
AGAIN = "over een paar minuten opnieuw"


@pytest.mark.parametrize("code", sorted(WORDS.keys() - MAY_PASS))
def test_permanent_failure_refers_visitor_to_organisation(citizen, caplog, code):
    citizen.refuse(citizen.begin(STAD), messages.RESPONDER, STATUS + code)
    text = citizen.browser.text
    assert "Dat ligt niet aan u. U kunt niet inloggen bij stad.test" in text
    assert "Opnieuw proberen helpt niet" in text
    assert AGAIN not in text
    assert told(caplog, "login-failed")[:7] in text
    link = re.search(
        r'class="button" href="([^"]+)">([^<]+)', citizen.browser.page.text
    )
    assert link.groups() == ("/", "Naar de website van stad.test")


def test_unreachable_level_asks_for_login_with_extra_check(citizen):
    code = STATUS + "NoAuthnContext"
    citizen.refuse(citizen.begin(STAD), messages.RESPONDER, code)
    assert "U moet inloggen met een extra controle" in citizen.browser.text
    assert AGAIN not in citizen.browser.text


@pytest.mark.parametrize("code", ["NoAvailableIDP", "NoPassive"])
def test_temporary_failure_offers_retry(citizen, code):
    citizen.refuse(citizen.begin(STAD), messages.RESPONDER, STATUS + code)
    assert AGAIN in citizen.browser.text


@pytest.mark.parametrize(
    ("codes", "shown"),
    [
        ([messages.REQUESTER], "'Requester' (the hub says that the fault is in our"),
        ([STATUS + "VersionMismatch"], "the hub does not support SAML 2.0"),
        (
            [messages.RESPONDER, "urn:x:Odd"],
            "'Responder/Odd' (the hub says that the fault is on its side",
        ),
        (["urn:x:Odd"], "answered 'Odd'; expected"),
        ([messages.SUCCESS, STATUS + "NoPassive"], "'Success/NoPassive'"),
        (["urn:x:" + "é" * 150], "\\xe9" * 80),
    ],
)
def test_codes_that_nobody_knows_are_told_as_they_are(citizen, caplog, codes, shown):
    citizen.refuse(citizen.begin(STAD), *codes)
    line = told(caplog, "login-failed")
    assert shown in line
    assert "\n" not in line
    assert len(line) < 1000


def test_audit_log_records_reason_of_failed_login(citizen, events):
    citizen.refuse(citizen.begin(STAD), messages.RESPONDER, STATUS + "RequestDenied")
    reasons = [event["reason"] for event in events("login")]
    assert reasons == ["RequestDenied", "login-failed"]


def test_a_cancel_is_no_fault_and_not_told_as_one(citizen, caplog):
    citizen.refuse(citizen.begin(STAD), messages.RESPONDER, messages.AUTHN_FAILED)
    assert citizen.browser.page.status_int == 200
    assert "U hebt het inloggen geannuleerd" in citizen.browser.text
    assert "(login-failed)" not in caplog.text


# --- answers that lack what was asked for ---------------------------------------


@pytest.mark.parametrize(
    ("level_class", "words"),
    [
        (DIGID.class_of("basis"), "confirmed basis ("),
        (
            "urn:unknown",
            "which no line of level_classes has: add it there if it is good enough,",
        ),
    ],
)
def test_a_level_that_is_too_low_is_told_with_what_came(
    citizen, caplog, level_class, words
):
    question = citizen.begin(STAD)
    answer = citizen.hub.answer(question[0], level_class=level_class)
    citizen.bring(answer, question)
    assert citizen.browser.page.status_int == 403
    line = told(caplog, "level-too-low")
    assert "the login needs the level midden" in line
    assert words in line
    assert "ask Inloggen techniek@inloggen.test" in line


def test_an_old_proof_is_told_with_both_times(citizen, caplog):
    question = citizen.begin("https://stad.test/eilogin/login?next=/open&fresh=yes")
    old = question[0].issued - 120
    citizen.bring(citizen.hub.answer(question[0], authn_instant=old), question)
    assert citizen.browser.page.status_int == 403
    text = citizen.browser.text
    assert "U moet opnieuw laten zien wie u bent" in text
    assert "extra controle" not in text
    assert "Sluit uw hele browser" in text, "she is not logged in here"
    line = told(caplog, "proof-too-old")
    assert "asked for a fresh login at 2026-11-24T09:00:00+00:00 (ForceAuthn)" in line
    assert "confirmed a login of 2026-11-24T08:58:00+00:00 (AuthnInstant)" in line


def test_stale_authentication_offers_logout_before_new_login(citizen):
    """The hub knows no ForceAuthn; after a logout it has to ask her."""
    citizen.log_in(STAD, level_class=MIDDEN)
    again = "https://stad.test/eilogin/login?next=/open?a%3Db&fresh=yes"
    question = citizen.begin(again)
    old = question[0].issued - 120
    citizen.bring(citizen.hub.answer(question[0], authn_instant=old), question)
    assert "Log eerst uit." in citizen.browser.text
    [link] = re.findall(r'href="([^"]*/logout[^"]*)"', citizen.browser.page.text)
    assert parse_qs(urlsplit(html.unescape(link)).query) == {"next": ["/open?a=b"]}
    citizen.browser.click("Uitloggen, en opnieuw inloggen")
    assert "SAMLRequest=" in citizen.browser.url, "the hub is told"
    assert citizen.browser.cookie("stad.test", "__Host-eilogin") is None


def test_a_hub_that_has_left_can_be_asked_no_more(citizen, caplog):
    trust = citizen.federation.trusts["stad.test"]
    assert trust.whom_to_ask("https://weg.test/") == (
        "'https://weg.test/' is not in our metadata (any more)"
    )


# --- answers to a question that she does not see ------------------------------------


MORE = {"/midden": {"level": "midden"}, "/vers": {"level": "basis", "force": True}}


def ask_for_more(environ, start_response):
    """An application that asks so for more than she has."""
    wanted = MORE.get(environ["PATH_INFO"])
    if wanted is not None:
        answer = environ["eilogin.login"].require(**wanted, passive=True)
        if answer is not None:
            return answer(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("REMOTE_USER", "").encode()]


class TestNoPassive:
    """The hub would have had to ask her (SAML core 3.2.2.2)."""

    @pytest.fixture
    def anna(self, clock, eilogin_federation, hub_of):
        said = {"acs": "post", "protect": "/ basis"}
        federation = eilogin_federation(
            {"stad.test": ask_for_more}, options={"stad.test": said}
        )
        anna = Citizen(federation, hub_of(federation))
        anna.log_in(STAD)
        clock.shift(60)
        return anna

    def is_in(self, anna):
        anna.browser.visit(STAD)
        return anna.browser.url == STAD

    def refuse(self, anna, question):
        anna.refuse(question, messages.RESPONDER, messages.NO_PASSIVE)

    def test_to_a_keep_alive_ends_her_session(self, anna, clock):
        clock.shift(600)
        self.refuse(anna, anna.begin(STAD))
        assert not self.is_in(anna)

    @pytest.mark.parametrize("path", MORE)
    def test_to_a_question_for_more_leaves_her_in(self, anna, path):
        question = anna.begin(f"https://stad.test{path}")
        self.refuse(anna, question)
        assert anna.browser.url == f"https://stad.test{path}"
        assert anna.browser.text == "anna"
        assert self.is_in(anna)

    def test_to_one_of_before_leaves_her_in_who_has_logged_in_since(self, anna, clock):
        """Also where the clock of the machine that was asked is a little ahead."""
        clock.shift(605)
        question = anna.begin(STAD)
        clock.shift(-5)
        anna.browser.visit("https://stad.test/eilogin/logout")
        clock.shift(1)
        anna.log_in(STAD)
        self.refuse(anna, question)
        assert self.is_in(anna)
