"""Who is logged in, and is to log in once more, reads why."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from hub_speaker import Citizen
from lxml import html

from eilogin.saml.assurance_levels import DIGID

UWV = "https://uwv.test"
PROTECT = "/ basis\n/bezwaar midden\n/kluis hoog\n/geld basis max_age=5m"
MORE = {
    "nl": "Voor deze pagina hebt u ook een code nodig.",
    "en": "You also need a code for this page.",
}
AGAIN = "U bent al ingelogd. Voor deze pagina moet u opnieuw laten zien wie u bent."


@pytest.fixture
def make(clock, witness, eilogin_federation, hub_of):
    """A citizen who is logged in at basis, at a participant with these options."""

    def made(**options):
        said = {"protect": PROTECT, "acs": "post", "name": "UWV", **options}
        federation = eilogin_federation(
            {"uwv.test": witness}, options={"uwv.test": said}
        )
        citizen = Citizen(federation, hub_of(federation))
        citizen.log_in(f"{UWV}/mijn")
        return citizen

    return made


def send_form(citizen, path):
    citizen.browser.post(f"{UWV}{path}", site="same-origin", naam="Anna")
    assert citizen.browser.page.status_int == 403


@pytest.mark.parametrize("kept", ["1m", "off"])
@pytest.mark.parametrize("language", MORE)
def test_a_form_that_needs_a_higher_level_names_it_in_words(make, kept, language):
    citizen = make(keep_post=kept)
    citizen.browser.language = language
    send_form(citizen, "/bezwaar")
    assert MORE[language] in citizen.browser.text
    is_kept = re.search(
        "Wij bewaren uw formulier|We keep your form", citizen.browser.text
    )
    assert bool(is_kept) == (kept != "off")


def test_a_form_that_needs_the_highest_level_names_that(make):
    citizen = make()
    send_form(citizen, "/kluis")
    assert "nodig: niveau hoog (het meest zeker)." in citizen.browser.text


def test_a_form_that_needs_a_fresh_proof_says_so(make, clock):
    citizen = make()
    clock.shift(6 * 60)
    send_form(citizen, "/geld")
    assert AGAIN in citizen.browser.text


def test_a_form_of_who_is_logged_out_says_that(make):
    citizen = make(keep_post="off")
    citizen.browser.set_cookie("uwv.test", "__Host-eilogin", "0" * 43)
    send_form(citizen, "/bezwaar")
    assert "U bent niet meer ingelogd bij UWV." in citizen.browser.text
    assert "ook een code" not in citizen.browser.text


class TestAPage:
    def test_goes_to_the_hub_at_once_unless_an_option_says_otherwise(self, make):
        citizen = make()
        citizen.browser.visit(f"{UWV}/bezwaar")
        assert citizen.was_asked()

    def test_says_why_first_where_an_option_says_so(self, make, witness):
        citizen = make(explain_step_up="true")
        seen = len(witness.seen)
        citizen.browser.visit(f"{UWV}/bezwaar?a=b")
        assert citizen.browser.trail == [f"{UWV}/bezwaar?a=b"]
        assert citizen.browser.page.status_int == 403
        assert MORE["nl"] in citizen.browser.text
        assert "autofocus" in citizen.browser.page.text
        assert len(witness.seen) == seen
        citizen.browser.click("Ga verder")
        question = citizen.question()
        assert question[0].level_classes == (DIGID.class_of("midden"),)
        midden = citizen.hub.answer(question[0], level_class=DIGID.class_of("midden"))
        citizen.bring(midden, question)
        assert citizen.browser.url == f"{UWV}/bezwaar?a=b"

    @pytest.mark.parametrize(("language", "back"), [("nl", "Terug"), ("en", "Back")])
    def test_leads_back_to_where_she_was(self, make, language, back):
        citizen = make(explain_step_up="true")
        citizen.browser.language = language
        answer = citizen.browser.fetch(
            f"{UWV}/bezwaar",
            **{"Sec-Fetch-Mode": "navigate", "Referer": f"{UWV}/mijn?a=b"},
        )
        [_, link] = html.document_fromstring(answer.text).find_class("button")
        assert (link.get("href"), link.text_content()) == ("/mijn?a=b", back)

    @pytest.mark.parametrize(
        "referer", ["", "https://evil.test/", f"{UWV}/eilogin/acs", f"{UWV}/bezwaar"]
    )
    def test_leads_back_to_no_page_of_which_nothing_is_known(self, make, referer):
        citizen = make(explain_step_up="true")
        said = {"Sec-Fetch-Mode": "navigate", "Referer": referer}
        answer = citizen.browser.fetch(f"{UWV}/bezwaar", **said)
        assert MORE["nl"] in answer.text
        [button] = html.document_fromstring(answer.text).find_class("button")
        assert button.text_content() == "Ga verder"

    def test_says_why_a_fresh_proof_is_needed(self, make, clock):
        citizen = make(explain_step_up="true")
        clock.shift(6 * 60)
        citizen.browser.visit(f"{UWV}/geld")
        assert AGAIN in citizen.browser.text
        citizen.browser.click("Ga verder")
        assert citizen.question()[0].force_authn

    def test_says_nothing_to_a_stranger_a_script_or_in_advance(self, make):
        citizen = make(explain_step_up="true")
        answer = citizen.browser.fetch(f"{UWV}/bezwaar")
        assert answer.status_int == 401
        assert answer.json["reason"] == "level-too-low"
        login = parse_qs(urlsplit(answer.json["login_url"]).query)
        assert login["level"] == ["midden"]
        citizen.browser.set_cookie("uwv.test", "__Host-eilogin", "0" * 43)
        citizen.browser.visit(f"{UWV}/bezwaar")
        assert citizen.was_asked()
