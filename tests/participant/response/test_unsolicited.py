"""Answers that nobody asked for: refused, or taken once the visitor has agreed."""

import re

import pytest
from hub_speaker import Citizen, entity_changes

from eilogin.clock import now
from eilogin.saml import bindings, messages, safe_xml

SITE = "https://stad.test"
ACS = f"{SITE}/eilogin/acs"
MINUTE = 60


class Sender(Citizen):
    """A citizen whom the hub sends to a participant by itself."""

    def answer(self, **changes):
        request = messages.AuthnRequest(
            id="", issued=0.0, issuer=f"{SITE}/eilogin/metadata", acs_url=ACS
        )
        return self.hub.answer(request, **changes)

    def is_sent(self, relay_state="/mijn", answer=None, **changes):
        if answer is None:
            answer = self.answer(**changes)
        self.send(ACS, answer, relay_state)

    def agrees(self):
        self.browser.press("Inloggen")


@pytest.fixture
def taking(clock, witness, eilogin_federation, hub_of):
    def make(host="stad.test", **options):
        said = {"acs": "post", "protect": "/midden midden", **options}
        federation = eilogin_federation({host: witness}, options={host: said})
        return Sender(federation, hub_of(federation))

    return make


@pytest.fixture
def sender(taking):
    return taking(unsolicited="true")


def refused_as(sender, caplog, code, status=400):
    assert sender.browser.page.status_int == status
    assert f"({code}):" in caplog.text


# --- off by default -------------------------------------------------------------


def test_one_is_refused_and_the_log_says_what_would_take_it(taking, caplog, witness):
    sender = taking()
    sender.is_sent()
    refused_as(sender, caplog, "message-unexpected")
    assert "unsolicited = true accepts others" in caplog.text
    assert "https://inloggen.test/metadata" in caplog.text
    assert witness.seen == []


# --- taken ----------------------------------------------------------------------


def test_she_is_asked_and_then_logged_in(sender, witness):
    sender.is_sent()
    assert sender.browser.title.startswith("Wilt u inloggen bij stad.test?")
    assert "inloggen.test heeft u hierheen gestuurd" in sender.browser.text
    assert sender.browser.cookie("stad.test", "__Host-eilogin") is None
    sender.agrees()
    assert sender.browser.url == f"{SITE}/mijn"
    assert witness.environ["REMOTE_USER"] == "anna"


def test_a_hub_without_a_name_is_called_by_its_host(sender):
    hub = "https://inloggen.test/metadata"
    entity_changes(sender.federation, "stad.test", hub, names={})
    sender.is_sent()
    assert "inloggen.test heeft u hierheen gestuurd" in sender.browser.text
    assert hub not in sender.browser.text


def test_another_browser_gets_nothing_for_its_address(sender, witness, caplog):
    """Which is in logs: no login of this browser tells whose answer it is."""
    sender.is_sent()
    other = sender.federation.browser()
    other.visit(sender.browser.url)
    assert other.page.status_int == 400
    assert "(login-lost): another browser brought this Response" in caplog.text
    sender.agrees()
    assert witness.environ["REMOTE_USER"] == "anna"


def test_the_same_answer_twice_is_good_for_the_browser_that_brought_it(sender):
    answer = sender.answer()
    sender.is_sent(answer=answer)
    sender.is_sent(answer=answer)
    sender.agrees()
    assert sender.browser.url == f"{SITE}/mijn"


def test_two_answers_wait_side_by_side(sender, witness):
    """Each with a cookie of its own, for two minutes."""
    sender.is_sent(name="anna")
    page, url = sender.browser.page, sender.browser.url
    sender.is_sent(name="bob")
    sender.browser.page, sender.browser.url = page, url
    sender.agrees()
    assert witness.environ["REMOTE_USER"] == "anna"


def test_unsolicited_login_without_consent_is_cancelled(sender, witness):
    sender.is_sent()
    sender.browser.click("Niet inloggen")
    assert sender.was_asked()
    assert witness.seen == []


@pytest.mark.parametrize(
    ("relay_state", "page"),
    [
        ("", "/"),
        ("/mijn?a=b", "/mijn?a=b"),
        (f"{SITE}/mijn", "/mijn"),
        ("https://evil.test/", "/"),
        (f"{SITE}.evil.test/", "/"),
        ("//evil.test", "/"),
        ("javascript:alert(1)", "/"),
        ("0-x", "/"),
    ],
)
def test_it_leads_to_a_page_of_this_site(sender, relay_state, page):
    sender.is_sent(relay_state)
    sender.agrees()
    assert sender.browser.url == f"{SITE}{page}"


def test_it_takes_the_place_of_who_was_logged_in_only_if_she_agrees(sender, witness):
    sender.log_in(f"{SITE}/mijn")
    before = sender.browser.cookie("stad.test", "__Host-eilogin")
    sender.is_sent(name="admin")
    assert sender.browser.cookie("stad.test", "__Host-eilogin") == before
    sender.browser.click("Niet inloggen")
    assert witness.environ["REMOTE_USER"] == "anna"
    sender.is_sent(name="bob")
    sender.agrees()
    assert witness.environ["REMOTE_USER"] == "bob"


def test_a_page_that_needs_more_asks_for_it(sender):
    sender.is_sent("/midden")
    sender.agrees()
    assert sender.was_asked()


def test_a_double_click_does_no_harm(sender, witness):
    sender.is_sent()
    page, url = sender.browser.page, sender.browser.url
    sender.agrees()
    cookie = sender.browser.cookie("stad.test", "__Host-eilogin")
    sender.browser.page, sender.browser.url = page, url
    sender.agrees()
    assert sender.browser.url == f"{SITE}/mijn"
    assert sender.browser.cookie("stad.test", "__Host-eilogin") == cookie


def test_its_page_leads_on_after_she_has_agreed(sender):
    sender.is_sent()
    url = sender.browser.url
    sender.agrees()
    sender.browser.visit(url)
    assert sender.browser.url == f"{SITE}/mijn"


# --- refused --------------------------------------------------------------------


def test_another_site_cannot_agree_in_her_place(sender, caplog, witness):
    sender.is_sent()
    key = re.search(r"answer=([0-9a-f]{64})", sender.browser.url)[1]
    sender.browser.post(ACS, site="cross-site", answer=key)
    refused_as(sender, caplog, "cross-site", 403)
    assert witness.seen == []


def test_it_waits_for_two_minutes(sender, clock, caplog):
    sender.is_sent()
    clock.shift(2 * MINUTE)
    sender.agrees()
    refused_as(sender, caplog, "login-lost")


def test_an_assertion_that_was_used_waits_for_nobody(sender, caplog):
    answer = sender.answer()
    sender.is_sent(answer=answer)
    sender.agrees()
    sender.is_sent(answer=answer)
    refused_as(sender, caplog, "message-replayed")


def test_however_often_it_is_sent_it_waits_once(sender):
    """Whoever has one could fill the store with it."""
    answer = sender.answer()
    urls = set()
    for relay_state in ("/mijn", "/mijn", "/elders", ""):
        sender.is_sent(relay_state, answer)
        urls.add(sender.browser.url)
    assert len(urls) == 1


def test_one_makes_one_session_however_many_agree(sender, witness):
    answer = sender.answer()
    browsers = [sender.browser, sender.federation.browser()]
    for sender.browser in browsers:
        sender.is_sent(answer=answer)
    for sender.browser in browsers:
        sender.agrees()
    assert browsers[0].cookie("stad.test", "__Host-eilogin")
    assert browsers[1].cookie("stad.test", "__Host-eilogin") is None
    assert sender.was_asked()
    assert len(witness.seen) == 1


def test_one_makes_one_session_though_its_own_time_is_over(sender, clock, witness):
    """Agreed to in the last moment it was not remembered for a moment."""
    answer = sender.answer(confirmation_ends=now() - MINUTE + 2)
    first, other = sender.browser, sender.federation.browser()
    sender.is_sent(answer=answer)
    sender.agrees()
    clock.shift(1)
    sender.browser = other
    sender.is_sent(answer=answer)
    assert other.page.status_int == 400
    assert first.cookie("stad.test", "__Host-eilogin")
    assert len(witness.seen) == 1


@pytest.mark.parametrize(
    "ends", [{"confirmation_ends": 30}, {"not_on_or_after": 30}, {"session_ends": 30}]
)
def test_rejects_unsolicited_response_that_expired_before_consent(
    sender, clock, caplog, witness, ends
):
    sender.is_sent(**{name: now() + seconds for name, seconds in ends.items()})
    clock.shift(30 + MINUTE)
    sender.agrees()
    refused_as(sender, caplog, "message-expired")
    assert witness.seen == []


def test_an_answer_to_a_question_is_none(sender, caplog, witness):
    """Who has got one for another browser cannot make an unsolicited one of it."""
    question = sender.begin(f"{SITE}/mijn")
    other = sender.federation.browser()
    element = sender.hub.answer(question[0])
    del element.attrib["InResponseTo"]
    octets = safe_xml.serialize(element)
    fields = bindings.post_fields("SAMLResponse", octets, "/mijn")
    other.post(ACS, site="cross-site", **fields)
    assert other.page.status_int == 400
    assert "(message-unexpected):" in caplog.text
    assert witness.seen == []


def test_an_answer_to_a_question_is_taken_by_the_form_too(sender):
    """Of her own login, that is: it may need her word, where she has another one."""
    question = sender.begin(f"{SITE}/mijn")
    sender.browser.stops_before = "answer="
    sender.bring(sender.hub.answer(question[0]), question)
    key = re.search(r"answer=([0-9a-f]{64})", sender.browser.url)[1]
    sender.browser.stops_before = None
    thief = sender.federation.browser()
    thief.post(ACS, site="same-origin", answer=key)
    assert thief.page.status_int == 400
    sender.browser.post(ACS, site="same-origin", answer=key)
    assert sender.browser.url == f"{SITE}/mijn"


def test_one_that_waited_while_they_were_taken_is_not_taken_any_more(
    sender, taking, caplog
):
    """The option was switched off since, and the store is the same."""
    sender.is_sent()
    apps = sender.federation.apps
    before, after = apps["stad.test"], taking().federation.apps["stad.test"]
    after.sessions, after.app.trust = before.sessions, before.app.trust
    apps["stad.test"] = after
    sender.agrees()
    refused_as(sender, caplog, "message-unexpected")


@pytest.mark.parametrize("body", ["answer=", "answer=x&answer=y", "answer=x&a=b"])
def test_a_form_that_is_none_of_ours_is_refused(sender, call, body, caplog):
    kind = "application/x-www-form-urlencoded"
    answer = call("POST", ACS, body.encode(), Content_Type=kind)
    assert answer.status_int == 400


def test_an_unsigned_one_is_refused(sender, caplog):
    request = messages.AuthnRequest(
        id="", issued=0.0, issuer=f"{SITE}/eilogin/metadata", acs_url=ACS
    )
    assertion = sender.hub.assertion(request)
    sender.is_sent(answer=sender.hub.response(request, assertion))
    refused_as(sender, caplog, "signature-untrusted")


def test_a_hub_that_is_none_of_ours_is_refused(sender, caplog, attacker_key):
    sender.hub.entity_id = "https://evil.test/metadata"
    sender.is_sent()
    refused_as(sender, caplog, "peer-unknown")


def test_a_failure_that_nobody_asked_for_changes_nothing(sender, caplog):
    request = messages.AuthnRequest(id="", issued=0.0, issuer="x", acs_url=ACS)
    answer = sender.hub.refusal(request)

    sender.is_sent(answer=answer)
    refused_as(sender, caplog, "login-failed")
