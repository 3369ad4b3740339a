"""Participants that answer a logout without confirming it, and what becomes of that."""

from urllib.parse import urlsplit

import pytest
from parties import takes_only

from eilogin.saml import bindings, messages, xml

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
        #: The requests that came in the browser and over SOAP.
        self.came, self.by_soap = [], []

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            return self._over_soap(environ, start_response)
        octets = bindings.read_redirect(environ["QUERY_STRING"]).octets
        response = self._said(xml.parse(octets), self.came, destination=SLO)
        url = self.party.by_redirect(SLO, "SAMLResponse", response)
        start_response("302 Found", [("Location", url), ("Content-Type", "text/plain")])
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
