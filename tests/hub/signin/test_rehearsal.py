"""The answers that a tester chooses, and what our own participant makes of each."""

import contextlib
import threading
import time
from dataclasses import replace
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hub_speaker import changes
from pydantic import TypeAdapter
from webob import Request

from eilogin.config import Seconds
from eilogin.errors import ConfigurationError
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.http_client import BackChannel, Reachability
from eilogin.hub.signin import rehearsal
from eilogin.saml import bindings

HUB = "https://inloggen.test"
PAGE = "https://uwv.test/mijn"
MINUTE = 60

#: What is shown for all that goes wrong with DigiD (DigiD 6, CL7 T6).
WRONG = "Er is een fout opgetreden in de communicatie met DigiD."

#: Why there is no login, in the log of the participant.
CODES = {
    rehearsal.INACTIVE: "login-failed",
    rehearsal.NOT_REACHED: "login-failed",
    rehearsal.LOWER: "level-too-low",
    rehearsal.SECTOR: "sector-refused",
    rehearsal.UNKNOWN: "login-failed",
    rehearsal.EXPIRED: "message-expired",
    rehearsal.SILENT: "peer-unavailable",
    rehearsal.OVER: "message-expired",
    rehearsal.OLD: "message-expired",
    rehearsal.BROKEN: "signature-untrusted",
}


@pytest.fixture
def hub_options():
    return {"profile": "digid", "rehearsal": "true"}


@pytest.fixture
def protect():
    return "/ basis"


@pytest.fixture
def federation(clock, witness, eilogin_federation, hub_options, protect):
    return eilogin_federation(
        {"uwv.test": witness, "stad.test": witness},
        options={
            "uwv.test": {"profile": "digid", "protect": protect},
            "stad.test": {"profile": "digid"},
        },
        hub_options=hub_options,
    )


@pytest.fixture
def is_silent(monkeypatch):
    """So long nothing is said, in this test."""
    monkeypatch.setattr(rehearsal, "SILENT_FOR", 0.2)


class TestAChoice:
    def test_is_there_for_every_answer(self, citizen):
        citizen.visit(PAGE)
        assert "Oefenen: hoe antwoordt DigiD?" in citizen.browser.text
        for choice in (rehearsal.ORDINARY, *rehearsal.CHOICES):
            assert f'name="rehearsal" value="{choice}"' in citizen.browser.page.text

    def test_is_the_ordinary_one_if_none_is_made(self, citizen, witness):
        citizen.visit(PAGE).sign_in(url=None)
        assert citizen.browser.url == PAGE
        assert witness.seen

    @pytest.mark.parametrize("choice", CODES)
    def test_leads_to_what_goes_wrong(
        self, citizen, choice, caplog, witness, is_silent
    ):
        citizen.visit(PAGE).sign_in(url=None, rehearsal=choice)
        assert WRONG in citizen.browser.text
        assert citizen.browser.url.startswith("https://uwv.test/")
        assert f"({CODES[choice]})" in caplog.text
        assert witness.seen == [], "she is not logged in"

    def test_is_told_by_its_message(self, citizen, another, caplog):
        """The clocks that a tester compares."""
        citizen.visit(PAGE).sign_in(url=None, rehearsal=rehearsal.OVER)
        assert "NotOnOrAfter" in caplog.text
        another.visit(PAGE).sign_in(url=None, rehearsal=rehearsal.OLD)
        assert "IssueInstant is 2026-11-24T08:50:00Z" in caplog.text

    def test_to_cancel_needs_no_password(self, citizen, witness):
        citizen.visit(PAGE)
        citizen.browser.press("Inloggen", rehearsal=rehearsal.CANCEL)
        assert "geannuleerd" in citizen.browser.text
        assert citizen.cookie is None
        assert witness.seen == []

    def test_stays_while_the_form_is_filled_in(self, citizen, witness):
        citizen.visit(PAGE)
        assert "Dit is een oefening van DigiD." in citizen.browser.text
        form = citizen.browser.page.text.partition('action="')[2].partition('"')[0]
        fields = {"demo-citizen": "anna", "rehearsal": rehearsal.CANCEL}
        citizen.browser.post(unescape(form), site="same-origin", **fields)
        text = citizen.browser.page.text
        assert f'value="{rehearsal.CANCEL}" checked' in text
        assert 'value="demo-anna"' in text
        assert witness.seen == []

    def test_to_be_inactive_needs_none_either(self, citizen, witness):
        citizen.visit(PAGE)
        citizen.browser.press("Inloggen", rehearsal=rehearsal.INACTIVE)
        assert WRONG in citizen.browser.text
        assert citizen.cookie is None
        assert witness.seen == []

    def test_of_another_sector_names_it_and_no_number(self, citizen, caplog):
        citizen.visit(PAGE).sign_in(url=None, rehearsal=rehearsal.SECTOR)
        assert "the NameID is a sofi number (s00000001)" in caplog.text
        assert "900000016" not in caplog.text

    def test_is_kept_where_the_password_is_wrong(self, citizen):
        citizen.visit(PAGE)
        citizen.sign_in(url=None, password="wrong", rehearsal=rehearsal.BROKEN)
        assert 'value="broken" checked' in citizen.browser.page.text
        assert "<details" in citizen.browser.page.text
        assert " open>" in citizen.browser.page.text

    def test_that_nobody_knows_is_the_ordinary_one(self, citizen):
        citizen.visit(PAGE).sign_in(url=None, rehearsal="explode")
        assert citizen.browser.url == PAGE

    def test_is_for_one_answer(self, citizen):
        citizen.visit(PAGE).sign_in(url=None, rehearsal=rehearsal.BROKEN)
        citizen.visit(PAGE)
        assert citizen.browser.url == PAGE

    def test_not_to_answer_takes_longer_than_anybody_waits(self, citizen, is_silent):
        began = time.monotonic()
        citizen.visit(PAGE).sign_in(url=None, rehearsal=rehearsal.SILENT)
        assert time.monotonic() - began >= rehearsal.SILENT_FOR


class ByHttp(BackChannel):
    """Asks the hub over a real connection, with this patience."""

    def __init__(self, port, timeout):
        super().__init__(timeout=timeout)
        self._port = port

    def post(self, url, body, *, timeout=None):
        address = f"http://127.0.0.1:{self._port}{urlsplit(url).path}"
        return super().post(address, body, timeout=timeout)

    def look(self, url, *, timeout=2.0):
        return Reachability.THERE


class TestNotToAnswer:
    @pytest.fixture
    def port(self, federation):
        """Where the hub answers over HTTP."""

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request.blank(f"{HUB}{self.path}", method="POST", body=body)
                request.content_type = "text/xml"
                answer = request.get_response(federation)
                with contextlib.suppress(OSError):
                    self.send_response(answer.status_int)
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)

            def log_message(self, *args):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(10)
        server.server_close()

    def test_outlasts_whoever_waits_as_long_as_is_usual(self):
        usual = TrustOptions.model_fields["back_channel_timeout"].default
        assert TypeAdapter(Seconds).validate_python(usual) * 2 < rehearsal.SILENT_FOR

    def test_is_given_up_by_a_participant_before_it_is_over(
        self, federation, port, citizen, caplog, monkeypatch
    ):
        monkeypatch.setattr(rehearsal, "SILENT_FOR", 60.0)
        # The server need not be silent after the test.
        over = threading.Event()
        monkeypatch.setattr(rehearsal, "time", SimpleNamespace(sleep=over.wait))
        changes(federation, "uwv.test", back_channel=ByHttp(port, 0.5))
        began = time.monotonic()
        citizen.visit(PAGE).sign_in(url=None, rehearsal=rehearsal.SILENT)
        took = time.monotonic() - began
        over.set()
        assert 0.5 <= took < rehearsal.SILENT_FOR
        assert citizen.browser.page.status_int == 502
        assert WRONG in citizen.browser.text
        assert "(peer-unavailable)" in caplog.text
        assert citizen.browser.cookie("uwv.test", "__Host-eilogin") is None


class TestAHigherLevel:
    @pytest.fixture
    def protect(self):
        return "/ hoog"

    def test_is_had_with_a_code_as_if_it_proved_it(self, citizen, witness):
        citizen.visit(PAGE)
        citizen.sign_in(url=None, code=citizen.code())
        assert citizen.browser.url == PAGE
        assert witness.environ["eilogin.session"].level == "hoog"

    def test_is_lowered_by_one(self, citizen, caplog):
        citizen.visit(PAGE)
        code = citizen.code()
        citizen.sign_in(url=None, code=code, rehearsal=rehearsal.LOWER)
        assert "the login needs the level hoog" in caplog.text
        assert "confirmed substantieel" in caplog.text


class TestTheNextAnswer:
    """Of who is logged in already, and is shown no page."""

    @pytest.fixture
    def signed_in(self, citizen):
        return citizen.visit("https://stad.test/").sign_in(url=None)

    def choose(self, citizen, choice):
        citizen.visit(f"{HUB}/")
        citizen.browser.press("Bewaren voor het volgende antwoord", rehearsal=choice)
        assert citizen.browser.url == f"{HUB}/"

    def test_is_as_it_was_chosen_once(self, signed_in):
        self.choose(signed_in, rehearsal.BROKEN)
        assert 'value="broken" checked' in signed_in.browser.page.text
        assert WRONG in signed_in.visit(PAGE).browser.text
        assert signed_in.visit(PAGE).browser.url == PAGE

    def test_may_be_that_there_is_none(self, signed_in):
        self.choose(signed_in, rehearsal.CANCEL)
        assert "geannuleerd" in signed_in.visit(PAGE).browser.text

    def test_is_what_was_chosen_last(self, signed_in):
        self.choose(signed_in, rehearsal.BROKEN)
        self.choose(signed_in, "")
        assert signed_in.visit(PAGE).browser.url == PAGE

    def test_may_be_that_the_connection_is_not_active(self, signed_in):
        self.choose(signed_in, rehearsal.INACTIVE)
        assert WRONG in signed_in.visit(PAGE).browser.text

    def test_of_a_logout_is_kept_for_that(self, signed_in):
        self.choose(signed_in, rehearsal.PARTIAL_LOGOUT)
        assert signed_in.visit(PAGE).browser.url == PAGE
        signed_in.visit(f"{HUB}/")
        assert 'value="partial-logout" checked' in signed_in.browser.page.text

    def test_is_chosen_on_our_own_page(self, signed_in, refused):
        signed_in.browser.post(f"{HUB}/", site="cross-site", rehearsal="broken")
        refused(signed_in.browser.page, "cross-site", 403)

    def test_is_nobodys_who_is_logged_in_nowhere(self, citizen):
        citizen.visit(f"{HUB}/")
        assert "Oefenen" not in citizen.browser.text
        citizen.browser.post(f"{HUB}/", site="same-origin", rehearsal="broken")
        assert "U bent niet ingelogd" in citizen.browser.text


#: What she reads who has logged out: everywhere, not everywhere, and nobody knows.
OUT = "U bent overal uitgelogd"
PARTLY = "Bij een of meer andere diensten is uitloggen niet gelukt."
UNCONFIRMED = (
    "Wij konden niet controleren of u ook bij de andere diensten bent uitgelogd."
)


class TestALogout:
    """As DigiD signs it, or not as it should be."""

    @pytest.fixture
    def accepted(self):
        """Weak algorithms that the participant takes."""
        return {}

    @pytest.fixture
    def federation(self, clock, witness, eilogin_federation, hub_options, accepted):
        return eilogin_federation(
            {"uwv.test": witness, "stad.test": witness},
            options={
                "uwv.test": {"profile": "digid", **accepted},
                "stad.test": {"profile": "digid"},
            },
            hub_options=hub_options,
        )

    @pytest.fixture
    def logs_out(self, citizen):
        """Log out at one participant, with what was chosen on the hub's own page."""

        def out(choice):
            citizen.visit(PAGE).sign_in(url=None)
            citizen.visit(f"{HUB}/")
            citizen.browser.press(
                "Bewaren voor het volgende antwoord", rehearsal=choice
            )
            citizen.visit("https://uwv.test/eilogin/logout")
            return citizen.browser

        return out

    def answer_of(self, browser):
        [url] = [url for url in browser.trail if "SAMLResponse" in url]
        return bindings.read_redirect(urlsplit(url).query)

    def test_is_confirmed_in_the_ordinary_way(self, logs_out):
        """With the RelayState of her login, which DigiD has kept (DigiD 1.1)."""
        browser = logs_out("")
        [question] = [url for url in browser.trail if "SAMLRequest" in url]
        assert "RelayState" not in question
        assert self.answer_of(browser).relay_state
        assert OUT in browser.title

    def test_signed_as_digid_does_is_not_believed(self, logs_out, caplog, citizen):
        browser = logs_out(rehearsal.SHA1_LOGOUT)
        assert UNCONFIRMED in browser.text
        assert "(signature-untrusted)" in caplog.text
        assert "accept_weak = sha1-redirect" in caplog.text
        assert citizen.visit(PAGE).is_asked, "she is logged out all the same"

    @pytest.mark.parametrize("accepted", [{"accept_weak": "sha1-redirect"}])
    def test_signed_as_digid_does_is_taken_where_that_is_said(self, logs_out, accepted):
        browser = logs_out(rehearsal.SHA1_LOGOUT)
        assert self.answer_of(browser).algorithm.endswith("#rsa-sha1")
        assert OUT in browser.title

    @pytest.mark.parametrize("accepted", [{"accept_weak": "sha1-redirect"}])
    def test_with_a_broken_signature_is_never_believed(
        self, logs_out, caplog, accepted
    ):
        browser = logs_out(rehearsal.BROKEN_LOGOUT)
        assert UNCONFIRMED in browser.text
        assert "(signature-untrusted)" in caplog.text

    def test_may_be_partial(self, logs_out, citizen):
        browser = logs_out(rehearsal.PARTIAL_LOGOUT)
        assert PARTLY in browser.text
        assert citizen.visit(PAGE).is_asked

    def test_is_chosen_on_the_page_that_names_the_services(self, citizen):
        citizen.visit(PAGE).sign_in(url=None)
        citizen.visit("https://stad.test/")
        citizen.visit("https://uwv.test/eilogin/logout")
        assert 'value="partial-logout"' in citizen.browser.page.text
        assert 'value="cancel"' not in citizen.browser.page.text
        citizen.browser.press("Ga verder", rehearsal=rehearsal.PARTIAL_LOGOUT)
        assert PARTLY in citizen.browser.text

    def test_is_on_that_page_as_it_was_kept(self, citizen):
        citizen.visit(PAGE).sign_in(url=None)
        citizen.visit("https://stad.test/").visit(f"{HUB}/")
        keep = "Bewaren voor het volgende antwoord"
        citizen.browser.press(keep, rehearsal=rehearsal.PARTIAL_LOGOUT)
        citizen.visit("https://uwv.test/eilogin/logout")
        assert 'value="partial-logout" checked' in citizen.browser.page.text
        citizen.browser.press("Ga verder", rehearsal="")
        assert OUT in citizen.browser.title, "what was said last counts"

    def test_is_ordinary_for_who_was_logged_out_already(self, citizen, sessions):
        citizen.visit(PAGE).sign_in(url=None)
        sessions.end_citizen(sessions.find(citizen.cookie))
        citizen.visit("https://uwv.test/eilogin/logout")
        assert OUT in citizen.browser.title

    def test_signed_as_digid_does_needs_a_key_of_rsa(self, federation):
        own = federation.trusts["inloggen.test"].own
        curve = replace(own.key, private=ec.generate_private_key(ec.SECP256R1()))
        with pytest.raises(ConfigurationError, match="expected an RSA key"):
            rehearsal.changed_logout("https://x/", rehearsal.SHA1_LOGOUT, curve)


@pytest.fixture
def keeps():
    """Have a tester keep a choice on the hub's own page."""

    def keep(citizen, choice):
        citizen.visit(f"{HUB}/")
        citizen.browser.press("Bewaren voor het volgende antwoord", rehearsal=choice)

    return keep


class TestWhatWasKept:
    """On the sign-in page of who is logged in already."""

    @pytest.fixture
    def protect(self):
        return "/ midden"

    @pytest.fixture
    def tester(self, citizen, keeps):
        citizen.visit("https://stad.test/").sign_in(url=None)
        keeps(citizen, rehearsal.BROKEN)
        citizen.visit(PAGE)
        return citizen

    def test_is_what_is_shown_and_done(self, tester):
        assert 'value="broken" checked' in tester.browser.page.text
        tester.sign_in(url=None, code=tester.code())
        assert WRONG in tester.browser.text

    def test_counts_no_more_where_the_ordinary_answer_is_chosen(self, tester, keeps):
        tester.sign_in(url=None, code=tester.code(), rehearsal=rehearsal.ORDINARY)
        assert tester.browser.url == PAGE
        tester.visit(f"{HUB}/")
        assert 'value="ordinary" checked' in tester.browser.page.text

    def test_counts_no_more_where_another_one_is_chosen(self, tester):
        tester.browser.press("Inloggen", rehearsal=rehearsal.CANCEL)
        assert "geannuleerd" in tester.browser.text
        tester.visit(PAGE)
        assert 'value="ordinary" checked' in tester.browser.page.text

    def test_is_not_shown_again_after_a_password_that_is_wrong(self, tester):
        tester.sign_in(url=None, password="wrong", rehearsal=rehearsal.ORDINARY)
        assert 'value="ordinary" checked' in tester.browser.page.text

    def test_of_a_logout_is_not_of_a_login(self, tester, keeps):
        keeps(tester, rehearsal.PARTIAL_LOGOUT)
        tester.visit(PAGE)
        assert 'value="ordinary" checked' in tester.browser.page.text
        tester.sign_in(url=None, code=tester.code())
        assert tester.browser.url == PAGE
        tester.visit("https://uwv.test/eilogin/logout")
        assert 'value="partial-logout" checked' in tester.browser.page.text

    def test_of_a_login_is_not_of_a_logout(self, tester, keeps):
        tester.sign_in(url=None, code=tester.code(), rehearsal=rehearsal.ORDINARY)
        keeps(tester, rehearsal.BROKEN)
        tester.visit("https://uwv.test/eilogin/logout")
        assert 'value="ordinary" checked' in tester.browser.page.text


class TestWhereSheIsLoggedInAlready:
    @pytest.fixture
    def hub_options(self):
        return {"profile": "digid", "rehearsal": "true", "show_session": "true"}

    @pytest.fixture
    def tester(self, citizen, clock, keeps):
        citizen.visit("https://stad.test/").sign_in(url=None)
        keeps(citizen, rehearsal.LOWER)
        clock.shift(1)
        return citizen.visit(PAGE)

    def test_sso_page_shows_and_applies_the_stored_rehearsal(self, tester):
        assert "U bent al ingelogd" in tester.browser.title
        assert 'value="lower" checked' in tester.browser.page.text
        tester.browser.press("Ga verder")
        assert WRONG in tester.browser.text

    def test_choice_on_the_sso_page_replaces_the_stored_rehearsal(self, tester):
        tester.browser.press("Ga verder", rehearsal=rehearsal.ORDINARY)
        assert tester.browser.url == PAGE
        tester.visit(f"{HUB}/")
        assert 'value="ordinary" checked' in tester.browser.page.text

    def test_it_is_chosen_too(self, citizen, clock):
        citizen.visit("https://stad.test/").sign_in(url=None)
        clock.shift(1)
        citizen.visit(PAGE)
        assert "Oefenen: hoe antwoordt DigiD?" in citizen.browser.text
        citizen.browser.press("Ga verder", rehearsal=rehearsal.LOWER)
        assert WRONG in citizen.browser.text


class TestWithoutTheOption:
    @pytest.fixture
    def hub_options(self):
        return {"profile": "digid"}

    def test_nobody_can_choose(self, citizen):
        citizen.visit(PAGE)
        assert "Oefenen" not in citizen.browser.text
        citizen.sign_in(url=None, rehearsal=rehearsal.BROKEN)
        assert citizen.browser.url == PAGE

    def test_an_address_says_nothing(self, citizen):
        citizen.visit(PAGE)
        citizen.browser.stops_before = "?request="
        citizen.sign_in(url=None)
        address = citizen.browser.url
        citizen.browser.stops_before = None
        citizen.visit(f"{address}&rehearsal=broken")
        assert citizen.browser.url == PAGE


@pytest.mark.parametrize(
    ("options", "name", "expected"),
    [
        ({"rehearsal": "true"}, "rehearsal", "'profile = digid'"),
        (
            {
                "show_session": "true",
                "sign_in": "above",
                "passed_on_to": "https://uwv.test/",
            },
            "show_session",
            "none with 'sign_in = above'",
        ),
        ({"sectors": "* s00000001"}, "sectors", "'profile = digid'"),
        ({"inactive": "https://uwv.test/"}, "inactive", "'profile = digid'"),
        (
            {"rehearsal": "true", "profile": "digid", "public_url": "https://x.nl"},
            "rehearsal",
            "a loopback address",
        ),
        (
            {
                "sign_in": "above",
                "passed_on_to": "https://uwv.test/",
                "profile": "digid",
            },
            "sign_in",
            "'own'",
        ),
    ],
)
@pytest.mark.usefixtures("clock")
def test_it_is_not_for_every_hub(eilogin_federation, caplog, options, name, expected):
    federation = eilogin_federation({}, hub_options={"demo": "false", **options})
    browser = federation.browser()
    browser.visit(f"{HUB}/health")
    assert browser.page.status_int == 500
    assert f"{name}: expected {expected}" in caplog.text
