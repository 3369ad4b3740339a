"""Whom no message between servers reaches is told one after another in her window."""

import re
from itertools import groupby
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from parties import takes_only

from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.saml import bindings, messages, safe_xml

HUB = "https://inloggen.test"
HOSTS = ("uwv.test", "stad.test", "land.test")
SLO = f"{HUB}/slo"
UWV_SLO = "https://uwv.test/eilogin/slo"
STAD_ENTITY = "https://stad.test/eilogin/metadata"
LAND_ENTITY = "https://land.test/eilogin/metadata"
PARTLY = (messages.SUCCESS, messages.PARTIAL_LOGOUT)


@pytest.fixture
def hub_options():
    return {"logout_in_browser": "one-by-one"}


@pytest.fixture
def kind():
    """The binding by which stad and land take a logout."""
    return bindings.REDIRECT


@pytest.fixture
def without_soap():
    """Who does not take a logout over SOAP."""
    return ("stad.test", "land.test")


@pytest.fixture
def told_in_browser(hub_believes, without_soap, kind):
    for host in without_soap:
        hub_believes(host, takes_only(kind))


@pytest.fixture
def log_out(anna, party, logout_of, told_in_browser):
    """Log out at uwv."""

    def visit():
        request = logout_of(destination=SLO)
        url = party("uwv.test").by_redirect(SLO, "SAMLRequest", request, "handle")
        anna.browser.visit(url)
        return request

    return visit


@pytest.fixture
def outcome(anna):
    """The status with which the hub has sent her back to uwv."""

    def read():
        back = anna.browser.url
        assert back.startswith(f"{UWV_SLO}?SAMLResponse="), anna.browser.text
        received = bindings.read_redirect(urlsplit(back).query)
        assert received.relay_state == "handle"
        response = messages.read_logout_response(safe_xml.parse(received.octets))
        return response.status.codes

    return read


@pytest.fixture
def passed(anna):
    """The hosts that she has come by, each where she came there."""

    def read():
        hosts = [urlsplit(url).hostname for url in anna.browser.trail]
        return [host for host, _ in groupby(hosts)]

    return read


class Speaker:
    """A participant that answers in her browser as a test wants it."""

    def __init__(self, party, answer, sessions):
        self._party, self._answer = party, answer
        #: Those that have not ended there.
        self.sessions = sessions
        #: The requests that it has got, and the cookies that came with each.
        self.came, self.cookies = [], []

    def __call__(self, environ, start_response):
        octets = bindings.read_redirect(environ["QUERY_STRING"]).octets
        self.came.append(messages.read_logout_request(safe_xml.parse(octets)))
        self.cookies.append(environ.get("HTTP_COOKIE", ""))
        location = self._answer(self._party, self.came[-1])
        headers = [("Content-Type", "text/plain")]
        if location is None:
            start_response("200 OK", headers)
            return [b"nothing"]
        start_response("302 Found", [*headers, ("Location", location)])
        return [b""]


@pytest.fixture
def answers(federation, party):
    """Have a participant answer so; what it gets is in ``came``."""

    def make(host, answer, speaks=None):
        sessions = federation.apps[host].sessions
        federation.apps[host] = Speaker(speaks or party(host), answer, sessions)
        return federation.apps[host]

    return make


def says(*codes, **changes):
    """An answer with this status."""

    def answer(party, request):
        status = messages.Status(codes or (messages.SUCCESS,))
        made = {"destination": SLO, "status": status, **changes}
        response = party.logout_response(request, **made)
        return party.by_redirect(SLO, "SAMLResponse", response)

    return answer


def no_thread(*args):
    raise RuntimeError("can't start new thread")


def keeps_her(party, request):
    """No answer: she stays there."""


class TestParticipantsWithoutSoap:
    @pytest.mark.parametrize("kind", [bindings.REDIRECT, bindings.POST])
    def test_are_told_one_after_another_and_then_she_is_back(
        self, anna, log_out, outcome, passed, delivered
    ):
        log_out()
        assert outcome() == (messages.SUCCESS,)
        hub = "inloggen.test"
        assert passed() == [hub, "land.test", hub, "stad.test", hub, "uwv.test"]
        assert anna.is_in == {"uwv.test"}
        assert delivered() == [(LAND_ENTITY, "ok"), (STAD_ENTITY, "ok")]

    def test_get_their_cookies_with_it(self, anna, log_out, answers):
        land = answers("land.test", says())
        log_out()
        cookie = anna.browser.cookie("land.test", "__Host-eilogin")
        [brought] = land.cookies
        assert f"__Host-eilogin={cookie}" in brought.split("; ")

    def test_are_named_on_a_calm_page_that_needs_no_script(self, anna, log_out):
        anna.browser.stops_before = "tell="
        log_out()
        assert anna.browser.title.startswith("U wordt uitgelogd")
        text = anna.browser.text
        assert "Bij uwv.test bent u nu uitgelogd. Wij loggen u ook uit bij: lan" in text
        assert "Gebeurt er niets? Kies dan " in text
        page = anna.browser.page
        assert "<script" not in page.text
        assert "SAML" not in page.text
        assert anna.logins["land.test"].who.name_id not in page.text
        anna.browser.url, anna.browser.stops_before = SLO, None
        anna.browser.click("Ga verder")
        assert anna.is_in == {"uwv.test"}

    def test_of_another_session_of_hers_are_told_too(
        self, anna, elsewhere, log_out, outcome, delivered
    ):
        """Each in a message of its own, for mod_auth_mellon."""
        log_out()
        assert outcome() == (messages.SUCCESS,)
        assert not elsewhere.is_in
        assert anna.is_in == {"uwv.test"}
        told = [peer for peer, _ in delivered()]
        assert told[-4:] == [LAND_ENTITY] * 2 + [STAD_ENTITY] * 2

    def test_are_told_when_she_tries_again_after_something_failed(
        self, anna, log_out, outcome, monkeypatch
    ):
        """Her sessions at the hub are over by then."""
        with monkeypatch.context() as patch:
            patch.setattr(Propagation, "send", no_thread)
            log_out()
        assert anna.is_in == set(HOSTS)
        anna.browser.reload()
        assert outcome() == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}

    @pytest.mark.usefixtures("told_in_browser")
    def test_are_told_where_she_logs_out_at_the_hub_itself(self, anna):
        anna.browser.visit(f"{HUB}/")
        anna.browser.press("Overal uitloggen")
        assert anna.browser.title.startswith("U bent overal uitgelogd")
        assert anna.is_in == set()

    @pytest.mark.usefixtures("told_in_browser")
    def test_are_told_where_another_one_signs_in(self, anna, clock, sessions):
        """In the browser in which she was logged in."""
        clock.shift(1)
        anna.browser.stops_before = "tell="
        bram = anna.citizen.sign_in("bram")
        assert "Iemand anders wordt uitgelogd" in bram.browser.title
        anna.browser.stops_before = None
        bram.browser.follow(re.search(r'/slo\?tell=[^"]+', bram.browser.page.text)[0])
        assert anna.is_in == set()
        assert bram.browser.url == f"{HUB}/"
        assert sessions.find(bram.cookie).attributes["name"] == ["Bram van den Test"]


class TestAParticipantThatKeepsHer:
    """She stays there, and nothing of the hub's is shown to her any more."""

    @pytest.fixture
    def kept(self, anna, log_out, answers):
        land = answers("land.test", keeps_her)
        log_out()
        assert anna.browser.text == "nothing"
        assert anna.is_in == {"uwv.test", "stad.test", "land.test"}
        return land

    @pytest.mark.parametrize("path", ["/", "/logout"])
    def test_does_not_keep_the_rest_from_being_told(self, kept, anna, outcome, path):
        anna.browser.visit(f"{HUB}{path}")
        assert "nog niet overal uitgelogd" in anna.browser.title
        text = anna.browser.text
        assert "Het uitloggen is nog niet klaar." in text
        assert "uwv.test Uitgelogd om" in text
        anna.browser.click("Verder uitloggen")
        assert anna.is_in == {"uwv.test", "land.test"}
        text = anna.browser.text
        assert "stad.test Uitgelogd om" in text
        assert "land.test Hier is uitloggen niet gelukt" in text
        assert "Verder uitloggen" not in text
        assert len(kept.came) == 1, "she would stay there again"
        anna.browser.click("Ga verder")
        assert outcome() == PARTLY

    def test_does_not_get_her_for_her_other_session_either(
        self, anna, elsewhere, log_out, answers
    ):
        """Of which it would be told by a message of its own."""
        land = answers("land.test", keeps_her)
        log_out()
        anna.browser.visit(f"{HUB}/logout")
        anna.browser.click("Verder uitloggen")
        assert len(land.came) == 1
        assert "Verder uitloggen" not in anna.browser.text
        assert "stad.test" not in anna.is_in | elsewhere.is_in

    def test_may_have_her_back_later(self, kept, anna, party, outcome):
        """She finds its link, say, and it answers what it got before."""
        stad = says()(party("land.test"), kept.came[0])
        anna.browser.follow(stad)
        assert outcome() == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test", "land.test"}

    @pytest.mark.parametrize("without_soap", [["stad.test"]])
    def test_comes_last_where_it_is_told_again_over_soap(
        self, anna, log_out, answers, federation
    ):
        """So she is out at the others by then."""
        federation.down.add("land.test")
        land = answers("land.test", keeps_her)
        log_out()
        assert anna.browser.text == "nothing"
        assert len(land.came) == 1
        assert "stad.test" not in anna.is_in
        anna.browser.visit(f"{HUB}/logout")
        assert "land.test Hier is uitloggen nog niet gelukt" in anna.browser.text
        assert "Verder uitloggen" not in anna.browser.text

    @pytest.mark.usefixtures("told_in_browser")
    def test_keeps_another_one_too_who_signs_in_in_her_place(
        self, anna, answers, clock
    ):
        answers("land.test", keeps_her)
        clock.shift(1)
        bram = anna.citizen.sign_in("bram")
        assert bram.browser.text == "nothing"
        bram.visit(f"{HUB}/")
        assert "iemand anders is misschien nog ingelogd" in bram.browser.title
        assert "Uitgelogd om" not in bram.browser.text
        bram.browser.click("Verder uitloggen")
        assert anna.is_in == {"land.test"}
        bram.browser.click("Ga verder")
        assert bram.browser.url == f"{HUB}/"
        assert "U bent ingelogd" in bram.browser.title, "he has seen it"


class TestAnAnswerThatIsNoGood:
    """It is not believed, and she goes on to the next."""

    def is_told_on(
        self,
        anna,
        outcome,
        told="Hier is uitloggen niet gelukt",
    ):
        text = anna.browser.text
        assert f"land.test {told}" in text
        assert "stad.test Uitgelogd om" in text
        anna.browser.click("Ga verder")
        assert outcome() == PARTLY

    def test_says_that_it_did_not_work(self, anna, log_out, answers, outcome):
        answers("land.test", says(messages.RESPONDER))
        log_out()
        self.is_told_on(anna, outcome, "Deze dienst heeft het niet bevestigd")

    def test_says_that_somebody_behind_it_was_not_reached(
        self, anna, log_out, answers, outcome
    ):
        answers("land.test", says(messages.SUCCESS, messages.PARTIAL_LOGOUT))
        log_out()
        told = "Uitgelogd, maar bij diensten die hierbij horen"
        self.is_told_on(anna, outcome, told)

    @pytest.fixture
    def impostor(self, party, attacker_key):
        return party("land.test", attacker_key)

    def test_is_signed_by_another_key(self, anna, log_out, answers, impostor, outcome):
        answers("land.test", says(), impostor)
        log_out()
        self.is_told_on(anna, outcome)

    def test_is_of_another_participant(self, anna, log_out, answers, party, outcome):
        answers("land.test", says(), party("uwv.test"))
        log_out()
        self.is_told_on(anna, outcome)

    def test_is_to_something_else(self, anna, log_out, answers, outcome):
        answers("land.test", says(in_response_to="_another"))
        log_out()
        self.is_told_on(anna, outcome)

    @pytest.mark.parametrize(
        "query", ["", "?SAMLResponse=%40", "?SAMLRequest=%40", "?SAMLart=x"]
    )
    def test_is_none_at_all(self, anna, log_out, answers, outcome, query, events):  # noqa: PLR0913, PLR0917
        answers("land.test", lambda party, request: SLO + query)
        log_out()
        [event] = events("logout")
        assert (event["outcome"], event["reason"]) == ("refused", "message-malformed")
        self.is_told_on(anna, outcome)

    @pytest.mark.parametrize("field", ["SAMLResponse", "SAMLRequest"])
    def test_is_a_form_without_a_message(  # noqa: PLR0913, PLR0917
        self, anna, log_out, answers, outcome, field, events
    ):
        answers("land.test", keeps_her)
        log_out()
        anna.browser.post(SLO, site="cross-site", **{field: "garbage"})
        assert len(events("logout")) == 1
        self.is_told_on(anna, outcome)

    @pytest.mark.parametrize("field", ["SAMLResponse", "SAMLRequest"])
    def test_is_of_an_attacker_to_whom_it_is_of_no_use(  # noqa: PLR0913, PLR0917
        self, anna, log_out, answers, another, outcome, field
    ):
        """She is led on as by a click of hers, and what is not confirmed stays so."""
        garbage = f"{SLO}?{field}=%40"
        land = answers("land.test", keeps_her)
        log_out()
        another.browser.visit(garbage)
        assert another.browser.page.status_int == 400
        assert "test" not in another.browser.text.replace("inloggen.test", "")
        for is_over in (False, True, True):
            anna.browser.url = "https://evil.test/"
            anna.browser.follow(garbage)
            assert (anna.browser.page.status_int == 400) is is_over
        anna.browser.click("Naar inloggen.test")
        anna.browser.click("Bekijk waar u bent uitgelogd")
        assert len(land.came) == 1
        assert "land.test Hier is uitloggen niet gelukt" in anna.browser.text
        assert "stad.test Uitgelogd om" in anna.browser.text

    def test_does_not_keep_its_other_messages_back(
        self, anna, elsewhere, log_out, answers
    ):
        """Of which one may be about the session of this browser."""
        land = answers("land.test", says(messages.RESPONDER))
        log_out()
        assert len(land.came) == 2

    @pytest.mark.usefixtures("elsewhere")
    def test_does_not_either_where_it_does_not_say_what_it_is_to(
        self, log_out, answers, impostor
    ):
        """Whose turn it is has sent her back, whatever it is."""
        land = answers("land.test", says(), impostor)
        log_out()
        assert len(land.came) == 2

    @pytest.mark.usefixtures("elsewhere")
    def test_does_not_bring_her_where_she_was_kept(self, anna, log_out, answers):
        """Nobody knows which of the two has sent her back."""
        land = answers("land.test", keeps_her)
        log_out()
        answers("stad.test", lambda party, request: f"{SLO}?SAMLResponse=%40")
        anna.browser.visit(f"{HUB}/logout")
        anna.browser.click("Verder uitloggen")
        assert len(land.came) == 1
        assert "land.test Hier is uitloggen niet gelukt" in anna.browser.text


class TestAnAnswerThatIsNotExpected:
    """It does no harm, and nobody goes round in circles."""

    @pytest.fixture
    def after(self, anna, log_out):
        """The address of the answer of land, after all of it."""
        log_out()
        return next(
            url for url in anna.browser.trail if url.startswith(f"{SLO}?SAMLResponse=")
        )

    def test_comes_twice(self, after, anna, outcome, delivered):
        before = delivered()
        anna.browser.follow(after)
        assert outcome() == (messages.SUCCESS,)
        assert delivered() == before

    def test_comes_twice_while_another_one_has_its_turn(
        self, anna, log_out, answers, outcome
    ):
        stad = answers("stad.test", keeps_her)
        log_out()
        answer = next(url for url in anna.browser.trail if "SAMLResponse=" in url)
        anna.browser.visit(answer)
        assert "stad.test Hier is uitloggen niet gelukt" in anna.browser.text
        assert len(stad.came) == 1

    def test_comes_from_another_browser(self, after, another):
        another.browser.visit(after)
        assert another.browser.url == f"{HUB}/"
        assert "test" not in another.browser.text.replace("inloggen.test", "")

    def test_comes_after_an_hour(self, after, anna, clock):
        clock.shift(3601)
        anna.browser.visit(after)
        assert anna.browser.page.status_int == 400

    @pytest.fixture(params=["SAMLRequest", "SAMLResponse", "signed"])
    def form(self, request, party):
        """What a form of another site brings."""
        if request.param != "signed":
            return {request.param: "garbage"}
        land = party("land.test")
        response = land.logout_response(SimpleNamespace(id="_nothing"), SLO)
        return land.by_post("SAMLResponse", response)

    def test_comes_by_a_form_where_nothing_is_under_way(
        self, another, form, events, caplog, clock
    ):
        """It is one event, and what she reads of it has one reference."""
        another.browser.post(SLO, site="cross-site", **form)
        for _ in range(2):
            assert another.browser.page.status_int == 400
            [event] = events("logout")
            assert event["reference"] in another.browser.text
            assert caplog.text.count(" logout refused ") == 1
            another.browser.reload()
        clock.shift(61)
        another.browser.reload()
        assert event["reference"] not in another.browser.text
        assert "this browser has no pending logout" in caplog.text

    @pytest.mark.parametrize("reference", ["K7F-4MP!", "<b>", "K7F-4M0", "0"])
    def test_has_no_reference_that_is_none(self, another, reference, refused):
        another.browser.set_cookie("inloggen.test", "__Host-eilogin-refused", reference)
        another.browser.visit(f"{SLO}?next=")
        refused(another.browser.page, "message-unexpected")
        assert reference not in another.browser.text

    def test_comes_where_nothing_is_under_way(self, another):
        another.browser.visit(f"{SLO}?SAMLResponse=garbage")
        assert another.browser.page.status_int == 400


class TestARequestThatIsRefused:
    """She clicks once more, at stad, where the first logout is stuck."""

    @pytest.fixture
    def of_stad(self, anna, log_out, answers, logout_of):
        answers("land.test", keeps_her)
        log_out()
        return logout_of("stad.test", destination=SLO)

    @pytest.fixture
    def impostor(self, party, attacker_key):
        return party("stad.test", attacker_key)

    def test_leads_nowhere(self, anna, of_stad, impostor, refused):
        anna.browser.visit(impostor.by_redirect(SLO, "SAMLRequest", of_stad, "handle"))
        refused(anna.browser.page, "signature-untrusted")
        assert "Terug naar stad.test" in anna.browser.text

    def test_leads_nowhere_by_a_form_either(self, anna, of_stad, impostor, refused):
        form = impostor.by_post("SAMLRequest", of_stad, "handle")
        anna.browser.post(SLO, site="cross-site", **form)
        refused(anna.browser.page, "signature-untrusted")
        assert "Terug naar stad.test" in anna.browser.text


class TestTheAddresses:
    """They are good in the browser in which she has logged out."""

    @pytest.fixture
    def ways(self, anna, log_out):
        anna.browser.stops_before = "tell="
        log_out()
        (turn,) = set(re.findall(r'/slo\?tell=[^"]+', anna.browser.page.text))
        return turn, next(u for u in anna.browser.trail if "here=" in u)

    def test_show_another_one_nothing(self, ways, another):
        turn, here = ways
        another.browser.visit(HUB + turn)
        assert another.browser.page.status_int == 400
        handle = here.partition("here=")[2]
        another.browser.visit(f"{SLO}?next={handle}")
        assert another.browser.url == f"{HUB}/"

    def test_that_are_made_up_lead_to_what_there_is_to_read(self, ways, anna):
        anna.browser.visit(f"{SLO}?next=made-up")
        assert anna.browser.url == f"{HUB}/logout"

    def test_of_a_page_that_is_reloaded_skip_nobody(self, ways, anna, outcome):
        anna.browser.visit(ways[1])
        anna.browser.stops_before = None
        anna.browser.visit(ways[1])
        assert outcome() == (messages.SUCCESS,)
        assert anna.is_in == {"uwv.test"}

    def test_go_on_where_a_participant_has_left_meanwhile(
        self, ways, anna, leaves, caplog
    ):
        leaves("land.test")
        anna.browser.stops_before = None
        anna.browser.visit(HUB + ways[0])
        assert "no longer accepts a LogoutRequest" in caplog.text
        assert "stad.test Uitgelogd om" in anna.browser.text


def test_frames_have_no_such_addresses(eilogin_federation, witness):
    plain = eilogin_federation({"uwv.test": witness})
    browser = plain.browser()
    browser.visit(f"{SLO}?next=x")
    assert browser.page.status_int == 400
