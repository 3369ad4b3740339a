# ruff: noqa: PLR0913, PLR0917 - fixtures are arguments
"""Answers of the hub, good and forged, brought to a participant by a browser.

Whatever is refused changes nothing: who was logged in is it still, under the same
cookie, as the same user, and her record is the same but for the stamp that she was
seen.
"""

import re
import threading
from dataclasses import dataclass, replace

import pytest
from hub_speaker import hub_changes

from eilogin.clock import now as clock_now
from eilogin.errors import OpinionsDiffer
from eilogin.saml import bindings, messages, safe_xml, second_opinion
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.metadata import Endpoint
from eilogin.testing import Browser
from eilogin.web.browser.random_handles import is_second

STAD = "https://stad.test/mijn"
ACS = "https://stad.test/eilogin/acs"
UWV = "https://uwv.test/mijn"
UWV_ACS = "https://uwv.test/eilogin/acs"
MINUTE = 60
MIDDEN = DIGID.class_of("midden")


STEP_UP = "https://stad.test/eilogin/login?next=/ander&level=midden"
SOAP = "https://stad.test/eilogin/slo/soap"
COOKIE = "__Host-eilogin"


@dataclass
class Tab:
    """A login under way: the browser, and what the participant asked of the hub."""

    browser: Browser
    request: messages.AuthnRequest
    handle: str

    def bring(self, element, handle=None):
        """Bring an answer by POST, as the hub's page does."""
        octets = safe_xml.serialize(element)
        handle = self.handle if handle is None else handle
        fields = bindings.post_fields("SAMLResponse", octets, handle)
        self.browser.post(ACS, site="cross-site", **fields)
        return self.browser

    def bring_artifact(self, artifact):
        self.browser.visit(bindings.artifact_url(UWV_ACS, artifact, self.handle))
        return self.browser


def twin(federation, browser, host):
    """Another request of a browser that waits for an answer: the same cookies."""
    other = federation.browser()
    for name, value in browser.cookies(host).items():
        other.set_cookie(host, name, value)
    return other


@pytest.fixture
def begin(federation, asked):
    """Ask for a page, in a new browser or in this one, and go no further."""

    def begin(url=STAD, browser=None):
        browser = browser or federation.browser()
        browser.visit(url)
        request, handle = asked(next(u for u in browser.trail if "SAMLRequest=" in u))
        return Tab(browser, request, handle)

    return begin


@pytest.fixture
def begins_anew(caplog, asked):
    """Assert that a lost login began anew, at the first page, and only its answer is.

    ``code`` is what the log says of the one that is lost; ``page`` is another page.
    """

    def check(browser, code, page=""):
        [again] = [url for url in browser.trail if "again=yes" in url]
        assert f"next=%2F{page}&" in again
        _, handle = asked(next(u for u in browser.trail if "SAMLRequest=" in u))
        assert is_second(handle)
        assert browser.url.startswith("https://inloggen.test/sso?")
        assert any(f"({code}):" in message for message in caplog.messages)

    return check


@pytest.fixture
def refused(caplog):
    """Assert a calm page with a reference; its cause is in the log, not on the page."""

    def check(browser, code, status=400):
        assert browser.page.status_int == status
        reference = re.search(r"\b[2-9A-Z]{3}-[2-9A-Z]{3}\b", browser.text)[0]
        line = next(m for m in caplog.messages if m.startswith(reference))
        assert f"({code}):" in line
        assert code not in browser.text

    return check


@pytest.fixture
def forgotten(caplog):
    """Assert the calm page of a login that is lost, of who is logged in."""

    def check(browser):
        assert browser.page.status_int == 409
        assert browser.title.startswith("U bent ingelogd bij")
        reference = re.search(r"\b[2-9A-Z]{3}-[2-9A-Z]{3}\b", browser.text)[0]
        assert f"{reference} login refused (login-lost):" in caplog.text

    return check


class Known:
    """A citizen who is logged in, and may not notice what others bring along."""

    def __init__(self, tab, witness, sessions):
        self.browser, self.witness, self.sessions = tab.browser, witness, sessions
        self.cookie = self._cookie()
        self.login = witness.environ["eilogin.session"]

    def _cookie(self):
        return self.browser.cookie("stad.test", "__Host-eilogin")

    def is_untouched(self):
        self.browser.visit(STAD)
        assert self.browser.trail == [STAD]
        assert self.browser.page.status_int == 200
        assert self.witness.environ["REMOTE_USER"] == "victim"
        assert self._cookie() == self.cookie
        stored = self.sessions.find(self.cookie)
        return replace(stored, seen=0.0) == replace(self.login, seen=0.0)


@pytest.fixture
def victim(federation, hub, begin, witness):
    tab = begin()
    tab.bring(hub.answer(tab.request, "victim"))
    return Known(tab, witness, federation.apps["stad.test"].sessions)


@pytest.fixture
def step_up(begin, victim):
    """A login under way in the browser of who is logged in."""
    return begin(STEP_UP, victim.browser)


@pytest.fixture
def is_of_no_use(step_up, victim, refused):
    """Bring an answer to who is logged in: it is refused, and changes nothing."""

    def bring(answer, code, handle=None):
        step_up.bring(answer, handle)
        refused(step_up.browser, code)
        assert victim.is_untouched()

    return bring


@pytest.fixture
def keys(federation, attacker_key):
    """The keys of all members, and one more, by name."""
    known = {host: trust.own.key for host, trust in federation.trusts.items()}
    return {**known, "attacker": attacker_key}


def test_a_good_answer_by_post_logs_in(begin, hub, witness):
    tab = begin()
    tab.bring(hub.answer(tab.request))
    assert tab.browser.url == STAD
    assert witness.environ["REMOTE_USER"] == "anna"


@pytest.mark.parametrize("handle", ["a b", "a;b", "x" * 80])
def test_a_relay_state_that_is_not_one_of_ours_is_refused(begin, refused, handle):
    tab = begin(UWV)
    Tab(tab.browser, tab.request, handle).bring_artifact("AAQ=")
    refused(tab.browser, "login-lost")


def test_a_good_answer_takes_the_place_of_who_was_there(step_up, hub, witness, victim):
    """What the attackers below would have: the good twin of their answers."""
    step_up.bring(hub.answer(step_up.request, "admin", level_class=MIDDEN))
    assert step_up.browser.url == "https://stad.test/ander"
    assert witness.environ["REMOTE_USER"] == "admin"
    assert victim.sessions.find(victim.cookie) is None


# --- forged, foreign, old -------------------------------------------------------

#: What an assertion says in the place of what it should.
WRONG = {
    "another audience": ({"audiences": (("https://uwv.test/eilogin/metadata",),)},
                         "message-misdirected"),
    "no audience": ({"audiences": ()}, "message-misdirected"),
    "another recipient": ({"recipient": UWV_ACS}, "message-misdirected"),
    "an answer to another request": ({"in_response_to": "_other"},
                                     "message-unexpected"),
    "an answer to no request": ({"in_response_to": ""}, "message-unexpected"),
    "another hub": ({"issuer": "https://hub.example/metadata"}, "peer-unknown"),
    "another hub's name": (
        {"name_id": messages.NameID("admin", messages.PERSISTENT,
                                    "https://hub.example/")},
        "peer-unknown"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "code"), WRONG.values(), ids=WRONG)
def test_an_assertion_made_for_something_else_is_refused(
    step_up, hub, is_of_no_use, changes, code
):
    said = {"name": "admin", "level_class": MIDDEN, **changes}
    is_of_no_use(hub.answer(step_up.request, **said), code)


def by(key_of):
    """An answer that would be good, but for who signed it."""

    def forge(hub, request, keys):
        hub.key = key_of(keys)
        return hub.answer(request, "admin", level_class=MIDDEN)

    return forge


def unsigned(hub, request, keys):
    return hub.response(request, hub.assertion(request, "admin", level_class=MIDDEN))


def in_an_envelope(**changes):
    def forge(hub, request, keys):
        assertion = hub.assertion(request, "admin", level_class=MIDDEN)
        return hub.response(request, hub.signed(assertion), **changes)

    return forge


def renamed(hub, request, keys):
    answer = hub.answer(request, "bob", level_class=MIDDEN)
    octets = safe_xml.serialize(answer).replace(b">bob<", b">admin<")
    return safe_xml.parse(octets)


FORGED = {
    "unsigned": (unsigned, "signature-untrusted"),
    "signed by an attacker": (by(lambda keys: keys["attacker"]),
                              "signature-untrusted"),
    "signed by another participant": (by(lambda keys: keys["uwv.test"]),
                                      "signature-untrusted"),
    "signed by herself": (by(lambda keys: keys["stad.test"]), "signature-untrusted"),
    "changed after signing": (renamed, "signature-untrusted"),
    "another destination": (in_an_envelope(destination=UWV_ACS),
                            "message-misdirected"),
    "no destination": (in_an_envelope(destination=""), "message-misdirected"),
    "an envelope of another hub": (in_an_envelope(issuer="https://hub.example/"),
                                   "peer-unknown"),
    "an envelope for another request": (in_an_envelope(in_response_to="_other"),
                                        "message-unexpected"),
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGED.values(), ids=FORGED)
def test_a_forged_answer_is_refused(step_up, hub, keys, is_of_no_use, forgery):
    forge, code = forgery
    is_of_no_use(forge(hub, step_up.request, keys), code)


@pytest.mark.parametrize(
    "late", [3 * MINUTE + 1, -MINUTE - 1], ids=["expired", "not yet"]
)
def test_an_answer_outside_of_its_time_is_refused(
    step_up, hub, is_of_no_use, clock, late
):
    answer = hub.answer(step_up.request, "admin", level_class=MIDDEN)
    clock.shift(late)
    is_of_no_use(answer, "message-expired")


def test_an_answer_in_the_last_second_of_its_time_is_taken(begin, hub, clock, witness):
    tab = begin()
    answer = hub.answer(tab.request)
    clock.shift(3 * MINUTE - 1)
    tab.bring(answer)
    assert witness.environ["REMOTE_USER"] == "anna"


@pytest.mark.parametrize("handle", ["", "unknown", "0-x"])
def test_an_answer_that_nobody_asked_for_is_refused(step_up, hub, is_of_no_use, handle):
    answer = hub.answer(step_up.request, "admin", level_class=MIDDEN)
    is_of_no_use(answer, "login-lost", handle)


# --- replayed -------------------------------------------------------------------


def test_a_double_click_leads_to_the_page(begin, hub):
    tab = begin()
    answer = hub.answer(tab.request)
    tab.bring(answer)
    cookie = tab.browser.cookie("stad.test", "__Host-eilogin")
    tab.bring(answer)
    assert tab.browser.url == STAD
    assert tab.browser.cookie("stad.test", "__Host-eilogin") == cookie


def test_an_answer_brought_again_later_is_refused(begin, hub, clock, forgotten):
    tab = begin()
    answer = hub.answer(tab.request)
    tab.bring(answer)
    clock.shift(2 * MINUTE + 1)
    tab.bring(answer)
    forgotten(tab.browser)


def test_an_answer_brought_again_after_a_logout_logs_nobody_in(
    begin, hub, refused, witness
):
    tab = begin()
    answer = hub.answer(tab.request)
    tab.bring(answer)
    tab.browser.visit("https://stad.test/eilogin/logout")
    seen = len(witness.seen)
    tab.bring(answer)
    refused(tab.browser, "login-lost")
    assert len(witness.seen) == seen


def test_an_answer_brought_in_another_login_is_refused(begin, hub, is_of_no_use):
    own = begin()
    answer = hub.answer(own.request, "admin", level_class=MIDDEN)
    own.bring(answer)
    is_of_no_use(answer, "message-unexpected")


def test_an_assertion_is_used_once_though_the_hub_itself_says_it_twice(
    begin, hub, refused
):
    first, second = begin(), begin()
    first.bring(hub.answer(first.request, id="_once"))
    second.bring(hub.answer(second.request, id="_once"))
    refused(second.browser, "message-replayed")


def test_an_assertion_that_was_used_changes_no_session(
    begin, hub, step_up, victim, is_of_no_use
):
    used = begin()
    used.bring(hub.answer(used.request, "admin", id="_once"))
    sessions = victim.sessions
    admin = sessions.find(used.browser.cookie("stad.test", "__Host-eilogin"))
    replayed = hub.answer(step_up.request, "admin", id="_once", level_class=MIDDEN)
    is_of_no_use(replayed, "message-replayed")
    assert sessions.store.find(admin.who.label()) == [admin.key]
    assert sessions.store.find(victim.login.who.label()) == [victim.login.key]


# --- another browser's ----------------------------------------------------------


def test_an_attackers_answer_does_not_log_a_victim_in_as_the_attacker(
    federation, begin, hub, begins_anew, witness
):
    """Login CSRF: the victim would fill in what the attacker then reads."""
    attacker = begin()
    answer = hub.answer(attacker.request, "attacker")
    innocent = federation.browser()
    innocent.visit("https://land.test/")
    seen = len(witness.seen)
    Tab(innocent, attacker.request, attacker.handle).bring(answer)
    begins_anew(innocent, "cookies-refused")
    assert innocent.cookie("stad.test", "__Host-eilogin") is None
    assert len(witness.seen) == seen


def test_an_attackers_answer_does_not_take_the_place_of_who_is_logged_in(
    begin, hub, victim, forgotten
):
    attacker = begin()
    answer = hub.answer(attacker.request, "attacker")
    Tab(victim.browser, attacker.request, attacker.handle).bring(answer)
    forgotten(victim.browser)
    assert victim.is_untouched()


def test_the_relay_state_of_another_browser_does_not_fit(begin, hub, is_of_no_use):
    attacker = begin()
    answer = hub.answer(attacker.request, "attacker", level_class=MIDDEN)
    is_of_no_use(answer, "message-unexpected")


def test_the_address_of_a_stashed_answer_is_of_no_use_to_another_browser(
    federation, begin, hub, send_form, begins_anew
):
    tab = begin()
    fields = hub.by_post("SAMLResponse", hub.answer(tab.request), tab.handle)
    stashed = send_form(ACS, fields)
    assert stashed.status_int == 303
    thief = federation.browser()
    thief.visit(stashed.location)
    begins_anew(thief, "cookies-refused")
    tab.browser.visit(stashed.location)
    assert tab.browser.url == STAD


# --- by POST --------------------------------------------------------------------


def test_an_answer_by_post_is_fetched_by_the_browser_itself(begin, hub, send_form):
    """A Lax cookie does not come with another site's POST."""
    tab = begin()
    fields = hub.by_post("SAMLResponse", hub.answer(tab.request), tab.handle)
    response = send_form(ACS, fields)
    assert response.status_int == 303
    assert response.location.startswith(f"{ACS}?answer=")
    assert "Set-Cookie" not in response.headers


def test_an_answer_that_waited_too_long_for_its_own_time_is_refused(
    begin, hub, clock, refused
):
    tab = begin()
    tab.browser.stops_before = "answer="
    ends = clock_now() + 30
    tab.bring(hub.answer(tab.request, confirmation_ends=ends))
    clock.shift(30 + MINUTE)
    tab.browser.stops_before = None
    tab.browser.visit(tab.browser.url)
    refused(tab.browser, "message-expired")
    assert tab.browser.cookie("stad.test", COOKIE) is None


def test_an_answer_waits_for_two_minutes(begin, hub, send_form, clock, refused):
    tab = begin()
    fields = hub.by_post("SAMLResponse", hub.answer(tab.request), tab.handle)
    response = send_form(ACS, fields)
    clock.shift(2 * MINUTE)
    tab.browser.visit(response.location)
    refused(tab.browser, "login-lost")


@pytest.fixture
def stashed(federation, begin, hub, send_form, monkeypatch):
    """A login whose answer waits, its address, and how to change what is kept."""
    tab = begin()
    fields = hub.by_post("SAMLResponse", hub.answer(tab.request), tab.handle)
    address = send_form(ACS, fields).location
    store = federation.apps["stad.test"].sessions.store
    read = store.get

    def change(by):
        def get(key):
            return by(read(key)) if "answer:" in key else read(key)

        monkeypatch.setattr(store, "get", get)

    return tab, address, change


@pytest.mark.parametrize(
    "spoil",
    [
        *(lambda _, garbage=garbage: garbage
          for garbage in ("", "x", "{", "[]", "null", "7", "{}", '{"handle": 7}',
                          '"\\ud800"', "[" * 10_000)),
        lambda text: text[:-1],
        lambda text: text.replace('"anna"', "7"),
        lambda text: text.replace('"handle"', '"handel"'),
        lambda text: re.sub(r'"issued": [0-9.]+', '"issued": "now"', text),
    ],
)  # fmt: skip
def test_rejects_unreadable_stashed_response(stashed, refused, caplog, spoil):
    tab, address, change = stashed
    change(spoil)
    tab.browser.visit(address)
    refused(tab.browser, "login-lost")
    assert "the kept Response cannot be read" in caplog.text
    assert "anna" not in caplog.text
    change(str)
    tab.browser.visit(address)
    assert tab.browser.url == STAD


def test_a_name_under_which_no_answer_waits_is_refused(federation, refused, caplog):
    browser = federation.browser()
    browser.visit(f"{ACS}?answer=made-up")
    refused(browser, "login-lost")
    assert "eilogin keeps no Response under this name" in caplog.text


def test_a_request_is_no_answer(begin, hub, send_form, refused):
    tab = begin()
    request = hub.logout_request(messages.NameID("anna"), ACS)
    tab.browser.post(ACS, site="cross-site", **hub.by_post("SAMLRequest", request))
    refused(tab.browser, "message-malformed")


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE"])
def test_an_answer_comes_by_get_or_post(call, method):
    assert call(method, ACS).status_int == 405


def test_a_cancelled_login_by_post_is_told(begin, hub):
    tab = begin()
    tab.bring(hub.refusal(tab.request))
    assert tab.browser.page.status_int == 200
    assert "U hebt het inloggen geannuleerd" in tab.browser.text


@pytest.fixture
def cancelled(begin, hub, send_form):
    """A login that was cancelled, and the address by which the browser learns of it."""
    tab = begin()
    refusal = safe_xml.serialize(hub.refusal(tab.request))
    fields = bindings.post_fields("SAMLResponse", refusal, tab.handle)
    return tab, send_form(ACS, fields).location


def test_a_cancellation_is_not_kept_by_us(cancelled, federation, monkeypatch):
    """It need not be signed, so anybody could make as many as she likes."""
    tab, address = cancelled
    assert address.startswith(f"{ACS}?failure=")
    assert len(address) < 500
    assert tab.handle not in address
    store = federation.apps["stad.test"].sessions.store
    monkeypatch.setattr(store, "add", None)
    tab.browser.visit(address)
    assert "U hebt het inloggen geannuleerd" in tab.browser.text


def test_a_cancellation_is_told_for_two_minutes(cancelled, clock, begins_anew):
    tab, address = cancelled
    clock.shift(2 * MINUTE)
    tab.browser.visit(address)
    begins_anew(tab.browser, "login-lost", "mijn")


def test_a_cancellation_is_told_to_no_other_browser(
    cancelled, begin, federation, begins_anew
):
    _, address = cancelled
    stranger = federation.browser()
    stranger.visit(address)
    begins_anew(stranger, "cookies-refused")
    other = begin().browser
    other.visit(address)
    begins_anew(other, "login-lost")


def test_a_cancellation_is_told_when_there_is_a_newer_secret(cancelled, federation):
    tab, address = cancelled
    filter_ = federation.apps["stad.test"].app
    own = filter_.trust.own
    newer = replace(own, secrets=(b"of this year", *own.sealing_secrets))
    filter_.trust = replace(filter_.trust, own=newer)
    tab.browser.visit(address)
    assert "U hebt het inloggen geannuleerd" in tab.browser.text


@pytest.mark.parametrize("text", ["", "x", "AAAA", "A" * 300, "%ff"])
def test_a_cancellation_that_was_made_up_is_refused(cancelled, refused, text):
    tab, _ = cancelled
    tab.browser.visit(f"{ACS}?failure={text}")
    code = "message-malformed" if text == "%ff" else "login-lost"
    refused(tab.browser, code)


def test_long_status_codes_are_cut(begin, hub, send_form):
    tab = begin()
    refusal = hub.refusal(tab.request, "urn:" + "x" * 1000)
    octets = safe_xml.serialize(refusal)
    fields = bindings.post_fields("SAMLResponse", octets, tab.handle)
    assert len(send_form(ACS, fields).location) < 1000


def test_forged_cancellation_does_not_replace_stashed_response(begin, hub, send_form):
    tab = begin()
    fields = hub.by_post("SAMLResponse", hub.answer(tab.request), tab.handle)
    stashed = send_form(ACS, fields).location
    refusal = safe_xml.serialize(hub.refusal(tab.request))
    send_form(ACS, bindings.post_fields("SAMLResponse", refusal, tab.handle))
    tab.browser.visit(stashed)
    assert tab.browser.url == STAD


def test_a_cancellation_after_the_login_leads_to_the_page(begin, hub):
    tab = begin()
    tab.bring(hub.answer(tab.request))
    tab.bring(hub.refusal(tab.request))
    assert tab.browser.url == STAD


# --- by artifact ----------------------------------------------------------------


@pytest.fixture
def fetched(federation, hub, begin):
    """A login under way whose artifact leads to this test's hub."""
    tab = begin(UWV)
    federation.apps["inloggen.test"] = hub
    return tab


def test_a_good_answer_by_artifact_logs_in(fetched, hub, witness):
    hub.carried = hub.answer(fetched.request)
    fetched.bring_artifact(hub.artifact())
    assert fetched.browser.url == UWV
    assert witness.environ["REMOTE_USER"] == "anna"


@pytest.mark.parametrize("destination", ["", UWV_ACS])
def test_by_artifact_a_destination_may_be_absent(fetched, hub, destination):
    assertion = hub.signed(hub.assertion(fetched.request))
    hub.carried = hub.response(fetched.request, assertion, destination=destination)
    fetched.bring_artifact(hub.artifact())
    assert fetched.browser.url == UWV


def test_an_artifact_brought_again_leads_to_the_page_and_asks_nobody(
    fetched, hub, federation
):
    hub.carried = hub.answer(fetched.request)
    artifact = hub.artifact()
    fetched.bring_artifact(artifact)
    asked_before = len(federation.back_channel_log)
    fetched.bring_artifact(artifact)
    assert fetched.browser.url == UWV
    assert len(federation.back_channel_log) == asked_before


def test_a_cancelled_login_by_artifact_is_told(fetched, hub):
    hub.carried = hub.refusal(fetched.request)
    fetched.bring_artifact(hub.artifact())
    assert fetched.browser.page.status_int == 200
    assert "U hebt het inloggen geannuleerd" in fetched.browser.text


def test_an_artifact_of_another_hub_is_not_sent_anywhere(
    fetched, federation, refused, caplog
):
    other = "https://hub.example/metadata"
    fetched.bring_artifact(bindings.new_artifact(other))
    refused(fetched.browser, "peer-unknown")
    assert federation.back_channel_log == []
    assert "went to 'https://inloggen.test/metadata', but" in caplog.text
    assert "the artifact is from another hub" in caplog.text
    assert f"found {bindings.source_id(other).hex()}" in caplog.text


def test_an_artifact_may_come_by_a_form(fetched, hub, federation, send_form, witness):
    """SAML bindings 3.6.3; the cookies come with the GET that follows."""
    hub.carried = hub.answer(fetched.request)
    fields = {"SAMLart": hub.artifact(), "RelayState": fetched.handle}
    answer = send_form(UWV_ACS, fields)
    assert answer.status_int == 303
    assert answer.location == bindings.artifact_url(
        UWV_ACS, fields["SAMLart"], fetched.handle
    )
    assert federation.back_channel_log == [], "nobody's cookies, nobody's artifact"
    fetched.browser.post(UWV_ACS, site="cross-site", **fields)
    assert fetched.browser.url == UWV
    assert witness.environ["REMOTE_USER"] == "anna"


def test_an_artifact_by_a_form_is_of_no_use_to_another_browser(
    fetched, hub, federation, begins_anew
):
    hub.carried = hub.answer(fetched.request)
    thief = federation.browser()
    fields = {"SAMLart": hub.artifact(), "RelayState": fetched.handle}
    thief.post(UWV_ACS, site="cross-site", **fields)
    begins_anew(thief, "cookies-refused")
    assert federation.back_channel_log == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SAMLart": "AAQ="}, "message-malformed"),
        ({"SAMLart": ""}, "message-malformed"),
        ({"SAMLResponse": "x"}, "message-malformed"),
        ({"RelayState": "made-up"}, "login-lost"),
        ({"RelayState": ""}, "login-lost"),
    ],
)
def test_a_form_with_an_artifact_is_judged_as_a_query(
    fetched, hub, federation, refused, changes, code
):
    fields = {"SAMLart": hub.artifact(), "RelayState": fetched.handle, **changes}
    fetched.browser.post(UWV_ACS, site="cross-site", **fields)
    refused(fetched.browser, code)
    assert federation.back_channel_log == []


# --- an ArtifactResponse that is not signed itself -------------------------------


def of_a_signed_assertion(hub, request):
    return hub.answer(request)


def of_a_signed_response(hub, request):
    return hub.signed(hub.response(request, hub.assertion(request)))


@pytest.mark.parametrize("answer_of", [of_a_signed_assertion, of_a_signed_response])
def test_over_tls_the_envelope_need_not_be_signed(fetched, hub, witness, answer_of):
    """So Shibboleth's identity provider answers on a port of mutual TLS."""
    hub.signs_envelope = False
    hub.carried = answer_of(hub, fetched.request)
    fetched.bring_artifact(hub.artifact())
    assert fetched.browser.url == UWV
    assert witness.environ["REMOTE_USER"] == "anna"


def test_rejects_unsigned_assertion_in_unsigned_artifact_response(
    fetched, hub, refused, caplog
):
    hub.signs_envelope = False
    hub.carried = hub.response(fetched.request, hub.assertion(fetched.request))
    fetched.bring_artifact(hub.artifact())
    refused(fetched.browser, "signature-untrusted")
    assert "expected a signature of the hub on the assertion," in caplog.text
    assert "it came in the name of 'https://inloggen.test/metadata'" in caplog.text


def test_without_tls_the_envelope_must_be_signed(
    fetched, hub, federation, refused, caplog
):
    plain = Endpoint(bindings.SOAP, "http://inloggen.test/artifact", index=0)
    hub_changes(federation, "uwv.test", artifact_resolutions=(plain,))
    hub.signs_envelope = False
    hub.carried = hub.answer(fetched.request)
    fetched.bring_artifact(hub.artifact())
    refused(fetched.browser, "signature-untrusted")
    assert "the ArtifactResponse is not signed; expected a signature" in caplog.text


@pytest.mark.parametrize("is_signed", [True, False])
def test_want_response_signed_applies_to_artifact_binding(
    eilogin_federation, hub_of, witness, begin, is_signed
):
    federation = eilogin_federation(
        {"uwv.test": witness}, options={"uwv.test": {"want_response_signed": "true"}}
    )
    tab = begin(UWV, federation.browser())
    hub = federation.apps["inloggen.test"] = hub_of(federation)
    hub.signs_envelope = is_signed
    hub.carried = hub.answer(tab.request)
    tab.bring_artifact(hub.artifact())
    assert (tab.browser.url == UWV) is is_signed


def test_an_artifact_with_an_index_that_the_metadata_does_not_have_is_resolved(
    fetched, hub, federation
):
    """At the address of the metadata all the same: pysaml2 means another number."""
    hub.carried = hub.answer(fetched.request)
    fetched.bring_artifact(hub.artifact(index=12336))
    assert fetched.browser.url == UWV
    [(url, _)] = federation.back_channel_log
    assert url == "https://inloggen.test/artifact"


def test_an_artifact_of_a_hub_whose_metadata_resolves_none_is_sent_nowhere(
    fetched, hub, federation, refused, monkeypatch
):
    known = federation.trusts["uwv.test"].federation
    entity = known.entity("https://inloggen.test/metadata")
    role = replace(entity.identity_provider, artifact_resolutions=())
    without = replace(entity, identity_provider=role)
    monkeypatch.setattr(known, "entity", lambda _: without)
    fetched.bring_artifact(hub.artifact())
    refused(fetched.browser, "binding-missing")
    assert federation.back_channel_log == []


def test_a_second_login_that_is_lost_is_told(begin, hub, federation, refused):
    """It began anew already; then the page says what is likely."""
    tab = begin()
    stranger, second = federation.browser(), f"{tab.handle}_"
    Tab(stranger, tab.request, second).bring_artifact(hub.artifact())
    refused(stranger, "cookies-refused")
    stranger.set_cookie("uwv.test", "__Host-eilogin-probe", "1")
    Tab(stranger, tab.request, second).bring_artifact(hub.artifact())
    refused(stranger, "login-lost")


def test_an_artifact_in_another_browser_is_not_used_up(
    fetched, hub, federation, begins_anew
):
    thief = Tab(federation.browser(), fetched.request, fetched.handle)
    thief.bring_artifact(hub.artifact())
    begins_anew(thief.browser, "cookies-refused")
    assert federation.back_channel_log == []


def by_attacker(hub, key):
    hub.key = key


def unsigned_for_another(hub, key):
    hub.signs_envelope = False
    for_another(hub, key)


def unsigned_and_denied(hub, key):
    hub.signs_envelope = False
    denied(hub, key)


def for_another(hub, key):
    hub.changes = {"in_response_to": "_other"}


def with_nothing(hub, key):
    hub.carried = None


def denied(hub, key):
    hub.carried = None
    codes = (messages.REQUESTER, messages.REQUEST_DENIED)
    hub.changes = {"status": messages.Status(codes)}


@pytest.mark.parametrize(
    "spoiling",
    [
        (by_attacker, "signature-untrusted"),
        (for_another, "message-unexpected"),
        (with_nothing, "message-expired"),
        (denied, "login-failed"),
        (unsigned_for_another, "message-unexpected"),
        (unsigned_and_denied, "login-failed"),
    ],
    ids=lambda spoiling: spoiling[0].__name__,
)
def test_an_artifact_response_that_is_not_good_is_refused(
    fetched, hub, refused, attacker_key, spoiling
):
    spoil, code = spoiling
    hub.carried = hub.answer(fetched.request)
    spoil(hub, attacker_key)
    fetched.bring_artifact(hub.artifact())
    refused(fetched.browser, code)
    assert fetched.browser.cookie("uwv.test", "__Host-eilogin") is None


def test_a_hub_that_does_not_answer_is_told(fetched, hub, federation, refused, caplog):
    federation.down.add("inloggen.test")
    fetched.bring_artifact(hub.artifact())
    refused(fetched.browser, "peer-unavailable", status=502)
    told = f"it is of '{hub.entity_id}'; ask the administrator of '{hub.entity_id}'"
    assert told in caplog.text


# --- while something else happens -----------------------------------------------


@pytest.fixture
def meanwhile(federation, monkeypatch):
    """Let something happen once, when an answer is about to make a session."""
    store = federation.apps["stad.test"].sessions.store
    create, left = store.create, []

    def create_later(*session, **more):
        if left:
            left.pop()()
        return create(*session, **more)

    monkeypatch.setattr(store, "create", create_later)
    return left.append


@pytest.fixture
def known(begin, hub):
    """The tab of who is logged in by a session that the hub calls ``_one``."""
    tab = begin()
    tab.bring(hub.answer(tab.request, session_index="_one"))
    return tab


@pytest.fixture
def find(federation):
    """The session that a tab's browser has."""
    sessions = federation.apps["stad.test"].sessions
    return lambda tab: sessions.find(tab.browser.cookie("stad.test", COOKIE) or "")


def test_a_step_up_that_a_keep_alive_overtakes_counts(
    federation, hub, begin, known, find, meanwhile
):
    sessions, before = federation.apps["stad.test"].sessions, find(known)
    tab = begin(f"{STEP_UP}&fresh=yes", known.browser)

    def keep_alive():
        newer = before.confirmed_by(replace(before, attributes={}))
        sessions.create_login(newer, issued=before.confirmed, replaces=before)

    meanwhile(keep_alive)
    tab.bring(hub.answer(tab.request, session_index="_one", level_class=MIDDEN))
    assert tab.browser.url == "https://stad.test/ander"
    assert find(tab).level == "midden"
    assert find(tab).family == before.family
    # Of two tabs at once one session is left.
    assert sessions.store.find(before.who.label()) == [find(tab).key]


def test_a_keep_alive_that_a_step_up_overtakes_takes_no_level_away(
    federation, hub, begin, known, find, meanwhile
):
    sessions, before = federation.apps["stad.test"].sessions, find(known)
    tab = begin("https://stad.test/eilogin/login?fresh=yes", known.browser)
    step_up = before.confirmed_by(replace(before, level="midden"))
    meanwhile(
        lambda: sessions.create_login(step_up, issued=before.confirmed, replaces=before)
    )
    old = tab.browser.cookie("stad.test", COOKIE)
    tab.bring(hub.answer(tab.request, session_index="_one"))
    [key] = sessions.store.find(before.who.label())
    heir = sessions.find_renewed(old)
    assert (heir.key, heir.level) == (key, "midden")
    # Its cookie is on its way: who has the old one alone does not get it by this.
    assert tab.browser.cookie("stad.test", COOKIE) == old


def test_the_logout_of_an_older_session_refuses_no_answer_of_a_newer_one(
    hub, begin, known, find, meanwhile, call, clock
):
    """It was slow on its way; the answer is of a session that the hub made since."""
    logout = hub.logout_request(messages.NameID("anna"), SOAP, "_one")
    clock.shift(5)
    tab = begin(STEP_UP, known.browser)
    told = []

    def log_out():
        answer = call("POST", SOAP, hub.by_soap(logout), Content_Type="text/xml")
        told.append(answer.status_int)

    meanwhile(log_out)
    tab.bring(hub.answer(tab.request, session_index="_two", level_class=MIDDEN))
    assert told == [200]
    assert tab.browser.url == "https://stad.test/ander"
    assert find(tab).session_index == "_two"


def test_a_logout_of_the_session_that_an_answer_is_of_refuses_it(
    hub, begin, known, find, meanwhile, call, refused
):
    tab = begin(STEP_UP, known.browser)
    answer = hub.answer(tab.request, session_index="_one", level_class=MIDDEN)
    logout = hub.logout_request(messages.NameID("anna"), SOAP, "_one")
    meanwhile(lambda: call("POST", SOAP, hub.by_soap(logout), Content_Type="text/xml"))
    tab.bring(answer)
    refused(tab.browser, "login-ended")
    assert find(tab) is None


# --- the second opinion ---------------------------------------------------------


@pytest.fixture
def second(monkeypatch):
    """What python3-saml was asked, with an opinion of its own."""
    asked = []

    def confirm(self, octets, request_id):
        asked.append(request_id)
        raise OpinionsDiffer("python3-saml sees something that we do not")

    monkeypatch.setattr(second_opinion.SecondOpinion, "confirm", confirm)
    return asked


def test_an_artifact_is_resolved_at_the_service_that_it_names(fetched, federation, hub):
    services = [
        Endpoint(bindings.SOAP, f"https://inloggen.test/{name}", index=index)
        for index, name in enumerate(("artifact", "second", "third"))
    ]
    hub_changes(federation, "uwv.test", artifact_resolutions=tuple(services))
    hub.carried = hub.answer(fetched.request)
    fetched.bring_artifact(hub.artifact(index=1))
    assert fetched.browser.url == UWV
    assert [url for url, _ in federation.back_channel_log] == [services[1].location]


def test_when_opinions_differ_nobody_is_logged_in_by_post(begin, hub, second, refused):
    tab = begin()
    tab.bring(hub.answer(tab.request))
    refused(tab.browser, "opinions-differ")
    assert second == [tab.request.id]


def test_when_opinions_differ_nobody_is_logged_in_by_artifact(
    fetched, hub, second, refused
):
    hub.carried = hub.answer(fetched.request)
    fetched.bring_artifact(hub.artifact())
    refused(fetched.browser, "opinions-differ")
    assert second == [fetched.request.id]


def test_python3_saml_skips_assertion_signed_by_envelope_only(
    fetched, hub, second, caplog
):
    caplog.set_level("INFO", "eilogin")
    hub.carried = hub.response(fetched.request, hub.assertion(fetched.request))
    fetched.bring_artifact(hub.artifact())
    assert fetched.browser.url == UWV
    assert second == []
    assert "python3-saml did not verify it" in caplog.text


def test_the_second_opinion_can_be_switched_off(
    eilogin_federation, witness, begin, hub, second
):
    federation = eilogin_federation(
        {"stad.test": witness},
        options={"stad.test": {"acs": "post", "second_opinion": "false"}},
    )
    tab = begin(browser=federation.browser())
    tab.bring(hub.answer(tab.request))
    assert tab.browser.url == STAD
    assert second == []


def test_shortage_of_threads_reports_busy_and_response_can_be_sent_again(
    begin, hub, refused, monkeypatch
):
    """To read what has names that nobody knows takes one of its own."""
    tab = begin()
    answer = hub.answer(tab.request)

    def none_left(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(safe_xml, "_MOST_WITH_NEW_NAMES", -1)
        patch.setattr(threading.Thread, "start", none_left)
        refused(tab.bring(answer), "busy", 503)
    assert tab.browser.page.headers["Retry-After"] == "10"
    assert "Probeer het over een paar seconden opnieuw" in tab.browser.text
    assert tab.bring(answer).url == STAD, "it is good still"
