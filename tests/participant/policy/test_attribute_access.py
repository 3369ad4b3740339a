"""Who is kept out by what the hub told of her, or did not tell."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.assurance_levels import DIGID
from eilogin.web import environ as env

SITE = "https://stad.test"
ADMIN = f"{SITE}/beheer/zaken"
OPEN = f"{SITE}/mijn"
MINUTE = 60

PROTECT = """
    =/             optional
    /beheer        midden  role=beheerder|hoofd max_age=5m
    /beheer/twee   basis   role=lezer urn:oid:2.5.4.10=UWV
    /beheer/een    basis   mail=jan@uwv.test
    /beheer/geld   basis   role=hoofd methods=POST
    /beheer/geld   basis
"""


class Citizen:
    """A browser, and a hub that tells of her what the test says."""

    def __init__(self, browser, hub, asked):
        self.browser, self.hub, self.asked = browser, hub, asked
        self.told = {"role": ["lezer"]}
        self.level = "midden"

    def visit(self, url):
        """Go to a page; log in where the hub is asked."""
        self.browser.visit(url)
        self.log_in_where_asked()

    def log_in_where_asked(self):
        asked = [url for url in self.browser.trail if "SAMLRequest=" in url]
        if asked:
            self.answer(asked[-1])

    def answer(self, address):
        request, handle = self.asked(address)
        element = self.hub.answer(
            request,
            level_class=DIGID.class_of(self.level),
            attributes=self.told,
        )
        octets = safe_xml.serialize(element)
        fields = bindings.post_fields("SAMLResponse", octets, handle)
        self.browser.post(request.acs_url, site="cross-site", **fields)

    @property
    def status(self):
        return self.browser.page.status_int

    @property
    def text(self):
        return self.browser.text


def waiting(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"one moment"]


@pytest.fixture
def anna_at(clock, eilogin_federation, witness, hub, asked):
    def make(**options):
        federation = eilogin_federation(
            {"stad.test": witness},
            options={"stad.test": {"acs": "post", "protect": PROTECT, **options}},
        )
        federation.apps["inloggen.test"] = waiting
        return Citizen(federation.browser(), hub, asked)

    return make


@pytest.fixture
def anna(anna_at):
    return anna_at()


def reason_in(caplog, browser):
    """The log's line under the reference on the page."""
    reference = re.search(r"[2-9A-Z]{3}-[2-9A-Z]{3}", browser.text)[0]
    return next(m for m in caplog.messages if m.startswith(reference))


# --- on a path --------------------------------------------------------------------


@pytest.mark.parametrize("role", ["beheerder", "hoofd"])
def test_visitor_with_one_of_the_attribute_values_is_admitted(anna, witness, role):
    anna.told = {"role": ["lezer", role]}
    anna.visit(ADMIN)
    assert anna.status == 200
    assert witness.environ[env.SESSION].attributes["role"] == ["lezer", role]


def test_page_and_log_explain_refused_attribute_value(anna, witness, caplog, events):
    anna.told = {"role": ["geheim-lid"], "name": ["Anna"]}
    anna.visit(ADMIN)
    assert anna.status == 403
    assert witness.seen == []
    assert "U hebt geen toegang tot deze pagina" in anna.text
    assert "role: beheerder of hoofd" in anna.text
    assert "vertelt ons niet dat u deze pagina mag zien" in anna.text
    line = reason_in(caplog, anna.browser)
    assert "access refused (attribute-refused)" in line
    assert "the line of protect for '/beheer' expects 'role=beheerder|hoofd'" in line
    assert "'https://inloggen.test/metadata' sent the attributes 'name', 'role'" in line
    for kept_to_ourselves in (anna.text, line):
        assert "geheim-lid" not in kept_to_ourselves
        assert "Anna" not in kept_to_ourselves
    [event] = events("access")
    assert (event["outcome"], event["reason"]) == ("refused", "attribute-refused")
    [login] = events("login")
    for whose in ("pseudonym", "session", "peer", "level"):
        assert event[whose] == login[whose]
        assert event[whose]


def test_page_and_log_explain_missing_attribute(anna, caplog):
    anna.told = {"role": [" "]}
    anna.visit(f"{SITE}/beheer/twee")
    assert anna.status == 403
    assert "wij kregen van de inlogdienst niet alle gegevens" in anna.text
    assert "role: lezer" in anna.text
    assert "urn:oid:2.5.4.10: UWV" in anna.text
    line = reason_in(caplog, anna.browser)
    assert "access refused (attribute-missing)" in line
    assert "protect for '/beheer/twee' expects the attributes 'role', 'urn:oid" in line
    assert "sent the attributes 'role', but without a value the attributes 'role'" in (
        line
    )


def test_every_condition_must_hold_and_only_what_does_not_is_told(anna):
    anna.told = {"role": ["lezer"]}
    anna.visit(f"{SITE}/beheer/twee")
    assert anna.status == 403
    assert "role" not in anna.text
    assert "urn:oid:2.5.4.10: UWV" in anna.text


def test_nobody_is_told_a_value_that_could_be_of_somebody(anna, caplog):
    anna.told = {"mail": ["piet@uwv.test"]}
    anna.visit(f"{SITE}/beheer/een")
    assert anna.status == 403
    assert "mail" in anna.text
    line = reason_in(caplog, anna.browser)
    assert "'/beheer/een' expects 'mail=a value that the log does not show'" in line
    for told in (anna.text, line):
        assert "jan" not in told
        assert "piet" not in told


def test_she_stays_logged_in_elsewhere(anna, witness):
    anna.visit(ADMIN)
    assert anna.status == 403
    anna.browser.click("Naar de website van stad.test")
    assert witness.environ["REMOTE_USER"] == "anna"
    anna.visit(OPEN)
    assert anna.status == 200


def test_she_can_log_out_and_in_again_as_someone_else(anna):
    anna.visit(ADMIN)
    [link] = re.findall(r'href="([^"]*/eilogin/logout[^"]*)"', anna.browser.page.text)
    address = urlsplit(html.unescape(link))
    assert parse_qs(address.query) == {"next": ["/beheer/zaken"]}
    anna.browser.click("Uitloggen, en als iemand anders inloggen")
    assert any("SAMLRequest=" in url for url in anna.browser.trail), "told the hub"
    anna.browser.visit(OPEN)
    assert any("/sso" in url for url in anna.browser.trail), "nobody is logged in"


def test_the_level_and_the_proof_come_first(anna, clock):
    anna.told, anna.level = {"role": ["hoofd"]}, "basis"
    anna.visit(OPEN)
    anna.told, anna.level = {}, "midden"
    anna.browser.visit(ADMIN)
    assert any("SAMLRequest=" in url for url in anna.browser.trail)
    anna.log_in_where_asked()
    assert anna.status == 403, "what the hub told last counts"
    anna.told = {"role": ["hoofd"]}
    clock.shift(5 * MINUTE + 1)
    anna.visit(ADMIN)
    assert anna.status == 200


def test_attribute_that_hub_sends_later_opens_page(anna, clock):
    anna.visit(OPEN)
    anna.visit(f"{SITE}/beheer/twee")
    assert anna.status == 403
    anna.told["urn:oid:2.5.4.10"] = ["UWV"]
    clock.shift(11 * MINUTE)
    anna.visit(f"{SITE}/beheer/twee")
    assert anna.status == 200


def test_a_script_gets_json(anna):
    anna.visit(OPEN)
    url = f"{SITE}/beheer/twee"
    answer = anna.browser.fetch(url)
    assert answer.status_int == 403
    assert answer.json["reason"] == "attribute-missing"
    assert answer.json["reference"]
    assert answer.headers["Cache-Control"] == "no-store"
    answer = anna.browser.fetch(f"{SITE}/beheer/geld", "POST")
    assert answer.status_int == 403
    assert answer.json["reason"] == "attribute-refused"


def test_a_form_needs_what_its_method_needs(anna, witness):
    anna.visit(f"{SITE}/beheer/geld")
    assert anna.status == 200
    anna.browser.post(f"{SITE}/beheer/geld", bedrag="1")
    assert anna.status == 403
    assert "role: hoofd" in anna.text
    assert len(witness.seen) == 1


def test_cancelled_login_does_not_lead_back_to_refused_page(anna):
    anna.visit(f"{SITE}/beheer/twee")
    assert anna.status == 403
    anna.browser.visit(f"{SITE}/eilogin/login?next=/beheer/twee&level=hoog")
    [address] = [url for url in anna.browser.trail if "SAMLRequest=" in url]
    request, handle = anna.asked(address)
    refusal = anna.hub.refusal(request, messages.AUTHN_FAILED)
    fields = bindings.post_fields("SAMLResponse", safe_xml.serialize(refusal), handle)
    anna.browser.post(request.acs_url, site="cross-site", **fields)
    anna.browser.click("Naar de website van stad.test")
    assert anna.browser.url == f"{SITE}/"


# --- at a login -------------------------------------------------------------------


@pytest.mark.parametrize("told", [{}, {"mail": []}, {"mail": [""]}, {"Mail": ["a@b"]}])
def test_without_what_everybody_must_have_nobody_is_logged_in(
    anna_at, witness, caplog, told
):
    anna = anna_at(require_attributes="urn:oid:2.5.4.10 mail")
    anna.told = {"urn:oid:2.5.4.10": ["UWV"], "name": ["Anna"], **told}
    anna.visit(OPEN)
    assert anna.status == 403
    assert "De inlogdienst gaf niet alle gegevens door" in anna.text
    assert "Wat ontbreekt: mail" in anna.text
    line = reason_in(caplog, anna.browser)
    assert "login refused (attribute-missing)" in line
    assert "require_attributes expects the attributes 'mail'" in line
    assert "'name', 'urn:oid:2.5.4.10'" in line
    is_empty = "mail" in told
    assert ("but without a value the attributes 'mail'" in line) is is_empty
    assert "ask " in line
    assert "Anna" not in line
    assert "a@b" not in line
    assert anna.browser.cookie("stad.test", "__Host-eilogin") is None
    assert witness.seen == []
    # The hub knows her still: she would be the same one again.
    anna.browser.click("Inloggen als iemand anders")
    request, _ = anna.asked(anna.browser.url)
    assert request.force_authn


def test_page_explains_missing_user_attribute_and_offers_logout(anna_at, witness):
    anna = anna_at(user="attribute:employee attribute:mail")
    anna.visit(OPEN)
    assert anna.status == 403
    assert "Zonder deze gegevens kan deze website u niet toelaten." in anna.text
    assert "Wat ontbreekt: employee of mail" in anna.text
    assert ">Naar de website van stad.test</a>" in anna.browser.page.text
    anna.browser.click("Uitloggen, en als iemand anders inloggen")
    assert anna.browser.cookie("stad.test", "__Host-eilogin") is None
    assert witness.seen == []


def test_with_all_of_it_she_is(anna_at):
    anna = anna_at(require_attributes="mail role")
    anna.told = {"mail": ["anna@uwv.test"], "role": ["x"]}
    anna.visit(OPEN)
    assert anna.status == 200


def test_a_keep_alive_without_it_does_not_renew_her_session(anna_at, clock):
    anna = anna_at(require_attributes="mail")
    anna.told = {"mail": ["anna@uwv.test"]}
    anna.visit(OPEN)
    clock.shift(11 * MINUTE)
    anna.told = {}
    anna.visit(OPEN)
    assert anna.status == 403


def test_a_stranger_whom_the_hub_knows_too_little_of_stays_one_on_an_open_page(
    anna_at, witness, caplog
):
    anna = anna_at(require_attributes="mail", silent="true")
    anna.visit(f"{SITE}/")
    assert anna.status == 200
    assert anna.browser.url.startswith(f"{SITE}/")
    assert witness.environ[env.SESSION] is None
    assert "login refused (attribute-missing)" in caplog.text
    anna.browser.visit(f"{SITE}/")
    assert anna.browser.trail == [f"{SITE}/"], "once is enough"


def test_the_log_names_no_more_attributes_than_a_line_holds(anna, caplog):
    anna.told = {f"attribute-{number:03}": ["x"] for number in range(50)}
    anna.visit(ADMIN)
    line = reason_in(caplog, anna.browser)
    assert "'attribute-019', …" in line
    assert "attribute-020" not in line


def test_an_answer_without_any_attribute_is_told_so(anna, caplog):
    anna.told = {}
    anna.visit(ADMIN)
    assert "sent no attributes" in reason_in(caplog, anna.browser)
