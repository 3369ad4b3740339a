# ruff: noqa: PLR0913, PLR0917 - fixtures are arguments
"""Participants that answer a logout without confirming it, and what becomes of that."""

import json
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from parties import takes_only

from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.retry_queue.hub_logout_queue import RetryQueue
from eilogin.saml import bindings, messages, safe_xml
from eilogin.sessions import Subject
from eilogin.stores import Values

HUB = "https://inloggen.test"
SLO = f"{HUB}/slo"
STAD = "https://stad.test/eilogin/metadata"
UNKNOWN = (messages.RESPONDER, messages.UNKNOWN_PRINCIPAL)
EVERYWHERE = "U bent overal uitgelogd"


class Speaker:
    """A participant that answers each LogoutRequest with the status a test says.

    ``answer`` maps the number of a request (from 0) to status codes.
    """

    def __init__(self, party, answer):
        self.party, self.answer = party, answer
        #: What is otherwise in its answers.
        self.changes = {}
        #: Where its last answer in the browser led.
        self.sent = ""
        #: The requests that came in the browser and over SOAP.
        self.came, self.by_soap = [], []

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            return self._over_soap(environ, start_response)
        octets = bindings.read_redirect(environ["QUERY_STRING"]).octets
        response = self._said(safe_xml.parse(octets), self.came, destination=SLO)
        self.sent = self.party.by_redirect(SLO, "SAMLResponse", response)
        headers = [("Location", self.sent), ("Content-Type", "text/plain")]
        start_response("302 Found", headers)
        return [b""]

    def _over_soap(self, environ, start_response):
        octets = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        response = self._said(bindings.unwrap_soap(octets), self.by_soap)
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [self.party.by_soap(response)]

    def _said(self, element, came, **changes):
        request = messages.read_logout_request(element)
        number = len(self.came) + len(self.by_soap)
        came.append(request)
        status = messages.Status(self.answer(number))
        changes |= self.changes
        return self.party.logout_response(request, status=status, **changes)


@pytest.fixture
def speaks(federation, party):
    """Have a participant answer so."""

    def make(answer, host="stad.test"):
        if isinstance(answer, tuple):
            codes = answer
            answer = lambda _: codes  # noqa: E731
        federation.apps[host] = Speaker(party(host), answer)
        return federation.apps[host]

    return make


def press(browser):
    """Log out with the button of the hub."""
    browser.visit(f"{HUB}/")
    browser.press("Overal uitloggen")


@pytest.fixture
def receipt(anna):
    """The text of her receipt as it is now."""

    def read():
        anna.browser.visit(f"{HUB}/logout")
        assert urlsplit(anna.browser.url).path == "/logout"
        return anna.browser.text

    return read


class TestTwoSessionsByOneNameID:
    """One participant ends both with the first message, and knows nobody then."""

    @pytest.fixture(params=["frames", "one-by-one"])
    def hub_options(self, request):
        return {"logout_in_browser": request.param}

    @pytest.fixture
    def logs_out(self, anna, elsewhere, hub_believes, speaks):
        def run(*answers):
            hub_believes("stad.test", takes_only(bindings.REDIRECT))
            stad = speaks(lambda number: answers[number])
            press(anna.browser)
            if "Overal" not in anna.browser.title:
                anna.browser.open_frames()
            return stad

        return run

    @pytest.mark.parametrize(
        "answers",
        [((messages.SUCCESS,), UNKNOWN), (UNKNOWN, (messages.SUCCESS,))],
        ids=["in-order", "the-other-way-round"],
    )
    def test_is_done(self, logs_out, receipt, federation, answers):
        stad = logs_out(*answers)
        assert len(stad.came) == 2
        assert stad.came[0].name_id == stad.came[1].name_id
        text = receipt()
        assert EVERYWHERE in text
        assert "stad.test Uitgelogd om 10.00 uur" in text
        assert federation.work() == 0

    def test_is_audited_as_delivered_for_each(self, logs_out, delivered):
        logs_out((messages.SUCCESS,), UNKNOWN)
        assert delivered().count((STAD, "ok")) == 2

    @pytest.mark.parametrize(
        "answers",
        [
            (UNKNOWN, UNKNOWN),
            ((messages.SUCCESS,), (messages.RESPONDER, messages.REQUEST_DENIED)),
            ((messages.SUCCESS,), (messages.REQUESTER,)),
            ((messages.SUCCESS, messages.PARTIAL_LOGOUT), UNKNOWN),
        ],
        ids=["both-unknown", "denied", "requester", "partial"],
    )
    def test_is_not_done_by_anything_less(self, logs_out, receipt, answers):
        logs_out(*answers)
        text = receipt()
        assert EVERYWHERE not in text
        assert "stad.test Uitgelogd om" not in text


class TestAnotherName:
    def test_of_the_same_citizen_is_not_done_by_the_end_of_the_first(
        self, service_of, citizen, another, hub_believes, speaks
    ):
        """Two transient NameIDs: the participant may have one session left."""
        hub_believes("stad.test", takes_only(bindings.REDIRECT))
        stad = service_of("stad.test")
        for who in (another, citizen):
            request = stad.request(name_id_format=messages.TRANSIENT)
            who.visit(stad.address(request)).sign_in(url=None)
        answers = [(messages.SUCCESS,), UNKNOWN]
        came = speaks(answers.__getitem__).came
        press(citizen.browser)
        citizen.browser.open_frames()
        assert len({one.name_id.value for one in came}) == 2
        citizen.browser.visit(f"{HUB}/logout")
        assert EVERYWHERE not in citizen.browser.text


#: What products answer that lost their sessions in a restart, and what says the same.
LOST = {
    "shibboleth": (messages.RESPONDER, messages.PARTIAL_LOGOUT),
    "mellon": (messages.RESPONDER, messages.REQUEST_DENIED),
    "shibboleth-in-browser": (messages.REQUESTER, messages.REQUEST_DENIED),
    "unknown": UNKNOWN,
}
TRIES = 3
RETRYING = (
    "stad.test Deze dienst heeft het nog niet bevestigd. Wij blijven het proberen."
)
REFUSED = "stad.test Deze dienst heeft het niet bevestigd."


@pytest.fixture
def retries(federation, clock):
    """Let time pass; how many messages a participant got over SOAP in all."""

    def run(stad, minutes=10):
        for _ in range(minutes * 6):
            clock.shift(10)
            federation.work()
        return len(stad.by_soap)

    return run


@pytest.fixture
def logs_out_again(citizen, anna):
    """Log in once more at UWV, and at other hosts; log out; what she reads of that."""

    def run(*hosts):
        citizen.sign_in(url="https://uwv.test/mijn")
        for host in hosts:
            citizen.browser.forget(host)
            citizen.visit(f"https://{host}/mijn")
        press(anna.browser)
        return anna.browser.text

    return run


class TestOverSoap:
    @pytest.fixture
    def hub_options(self):
        return {"logout_binding": "* soap"}

    @pytest.mark.parametrize("codes", LOST.values(), ids=LOST)
    def test_is_asked_three_times_and_named_as_it_is(
        self, anna, speaks, receipt, retries, codes, caplog
    ):
        stad = speaks(codes)
        press(anna.browser)
        assert RETRYING in anna.browser.text
        assert RETRYING in receipt()
        assert retries(stad) == TRIES
        assert caplog.text.count(f"logout: {STAD} answered and did not confirm") == 1
        text = receipt()
        assert REFUSED in text
        assert "stad.test Uitgelogd" not in text
        assert EVERYWHERE not in text
        assert "Kijk opnieuw" not in text, "nothing will come of it by itself"

    def test_keeps_nobody_else_waiting(self, anna, speaks, federation, clock):
        speaks(LOST["shibboleth"])
        federation.down.add("land.test")
        press(anna.browser)
        federation.down.clear()
        clock.shift(10)
        federation.work()
        assert not anna.is_in_at("land.test")

    def test_is_left_out_of_a_later_logout(
        self, anna, speaks, retries, logs_out_again, clock
    ):
        stad = speaks(LOST["shibboleth"])
        press(anna.browser)
        assert retries(stad) == TRIES
        assert EVERYWHERE in logs_out_again()
        assert len(stad.by_soap) == TRIES

    def test_is_told_of_a_newer_login_there(
        self, anna, speaks, retries, logs_out_again, federation
    ):
        site = federation.apps["stad.test"]
        stad = speaks(LOST["shibboleth"])
        press(anna.browser)
        assert retries(stad) == TRIES
        federation.apps["stad.test"] = site
        text = logs_out_again("stad.test")
        assert EVERYWHERE in text
        assert "stad.test Uitgelogd om" in text
        assert anna.login_at("stad.test") is None

    def test_that_confirms_at_last_is_out(self, anna, speaks, receipt, retries):
        answers = [LOST["mellon"], LOST["mellon"], (messages.SUCCESS,)]
        stad = speaks(answers.__getitem__)
        press(anna.browser)
        assert retries(stad) == TRIES
        assert EVERYWHERE in receipt()

    def test_that_says_only_that_it_failed_is_asked_for_longer(
        self, anna, speaks, receipt, retries
    ):
        stad = speaks((messages.RESPONDER,))
        press(anna.browser)
        retries(stad, minutes=2)
        assert len(stad.by_soap) > TRIES
        assert RETRYING in receipt()
        assert retries(stad, minutes=15) == 10
        assert REFUSED in receipt()

    @pytest.mark.parametrize("changes", [{"in_response_to": "_x"}, {"issuer": HUB}])
    def test_is_not_counted_by_an_answer_that_is_not_its_own(
        self, anna, speaks, receipt, retries, changes
    ):
        stad = speaks(LOST["shibboleth"])
        stad.changes = changes
        press(anna.browser)
        assert "stad.test Hier is uitloggen nog niet gelukt" in receipt()
        assert retries(stad) > TRIES

    def test_is_not_counted_by_what_another_key_signed(
        self, anna, speaks, party, receipt, retries, attacker_key
    ):
        stad = speaks(LOST["shibboleth"])
        stad.party = party("stad.test", attacker_key)
        press(anna.browser)
        assert "stad.test Hier is uitloggen nog niet gelukt" in receipt()
        assert retries(stad) > TRIES

    def test_keeps_a_hub_above_from_hearing_that_all_know(
        self, anna, speaks, retries, sessions
    ):
        stad = speaks(LOST["shibboleth"])
        who = sessions.find(anna.cookie).who
        press(anna.browser)
        retries(stad)
        values = Values(sessions.store, f"{HUB}/metadata")
        queue = RetryQueue(sessions, f"{HUB}/metadata", 7.5)
        assert queue.count() == 0
        assert queue.has_any_of(values, [who])


class TestInTheBrowserAlone:
    @pytest.fixture
    def logs_out(self, anna, hub_believes, speaks):
        def run(codes):
            hub_believes("stad.test", takes_only(bindings.REDIRECT))
            stad = speaks(codes)
            press(anna.browser)
            anna.browser.open_frames()
            return stad

        return run

    @pytest.mark.parametrize("codes", LOST.values(), ids=LOST)
    def test_is_named_as_it_is_and_left_out_of_later_logouts(
        self, logs_out, receipt, logs_out_again, codes
    ):
        stad = logs_out(codes)
        text = receipt()
        assert REFUSED in text
        assert "Kijk opnieuw" not in text
        assert EVERYWHERE in logs_out_again()
        assert len(stad.came) == 1

    def test_that_says_only_that_it_failed_is_asked_with_the_next(
        self, logs_out, receipt, logs_out_again, anna
    ):
        stad = logs_out((messages.RESPONDER,))
        assert REFUSED in receipt()
        stad.answer = lambda _: (messages.SUCCESS,)
        assert EVERYWHERE not in logs_out_again()
        anna.browser.open_frames()
        assert EVERYWHERE in receipt()

    def test_counts_an_answer_once_however_often_it_comes(
        self, logs_out, anna, sessions
    ):
        stad = logs_out(LOST["mellon"])
        for _ in range(3):
            anna.browser.visit(stad.sent)
            assert anna.browser.page.status_int == 400
        counted = [
            one.text
            for key, one in sessions.store._values.items()  # noqa: SLF001
            if "refused-logout:" in key and one.text
        ]
        assert [[*json.loads(text).values()] for text in counted] == [[[1, 1, 1]]]


def test_reads_a_queued_logout_of_an_older_version():
    told = Recipient(STAD, Subject(HUB, STAD, "x"), ("_1",))
    kept = told.as_json()
    assert not kept.pop("by_browser")
    assert Recipient.from_json(kept) == told
    assert Recipient.from_json(replace(told, by_browser=True).as_json()).by_browser


class TestOneThatAnswersSoapWithAPage:
    """It is asked in her browser from then on (mod_auth_mellon answers 400)."""

    def page(self, status, kind="text/html; charset=iso-8859-1"):
        def app(environ, start_response):
            if environ["REQUEST_METHOD"] == "POST":
                self.asked += 1
                start_response(status, [("Content-Type", kind)])
                return [b"<html><title>no</title></html>"]
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"nothing"]

        self.asked = 0
        return app

    def run(self, federation, clock):
        for _ in range(12):
            clock.shift(10)
            federation.work()
        return self.asked

    @pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found"])
    def test_is_asked_over_soap_once(self, federation, anna, clock, receipt, status):
        federation.apps["stad.test"] = self.page(status)
        press(anna.browser)
        assert len(anna.browser.open_frames()) == 1
        assert self.run(federation, clock) == 1
        assert "stad.test Hier is uitloggen niet gelukt" in receipt()

    def test_is_asked_in_her_browser_with_the_next_logout(
        self, federation, anna, clock, speaks, logs_out_again, receipt
    ):
        federation.apps["stad.test"] = self.page("400 Bad Request")
        press(anna.browser)
        assert self.run(federation, clock) == 1
        stad = speaks((messages.SUCCESS,))
        assert EVERYWHERE not in logs_out_again()
        anna.browser.open_frames()
        assert EVERYWHERE in receipt()
        assert (len(stad.by_soap), len(stad.came)) == (0, 1)

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            ("429 Too Many Requests", "text/html"),
            ("408 Request Timeout", "text/html"),
            ("502 Bad Gateway", "text/html"),
            ("400 Bad Request", "text/xml"),
        ],
    )
    def test_is_asked_again_where_that_may_pass(
        self, federation, anna, clock, status, kind
    ):
        federation.apps["stad.test"] = self.page(status, kind)
        press(anna.browser)
        assert self.run(federation, clock) > TRIES

    def test_is_asked_again_where_there_is_no_other_way(
        self, federation, anna, clock, hub_believes
    ):
        hub_believes("stad.test", takes_only(bindings.SOAP))
        federation.apps["stad.test"] = self.page("404 Not Found")
        press(anna.browser)
        assert self.run(federation, clock) > TRIES
