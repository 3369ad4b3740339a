"""Two browsers, a hub and two participants: who is signed in where?

Attacks G17: a logout that is refused ends no session, one that is accepted exactly
those that it means, and nobody else is told. All applications are the real ones; after
every step each of them is asked by each browser, and a model
(:mod:`federation_model`) has to agree.
"""

from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import time_machine
from federation_model import KEEP_ALIVE, MINUTE, FederationModel
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from lxml import etree
from parties import Party
from webob import Request

from eilogin.hub.signin.citizen_accounts import demo_citizens
from eilogin.saml import bindings, messages, safe_xml
from eilogin.testing import Federation

NOON = 1_800_000_000
HUB = "https://inloggen.test"
HOSTS = ("uwv.test", "stad.test")
BROWSERS = ("at home", "at work")
NAMES = ("anna", "bram")
COOKIE = "__Host-eilogin"
#: Of no session at all.
MADE_UP = "ab" + "x" * 43
#: By how much the clock goes on, in seconds: seldom by more than any session lasts.
MINUTES = (3, 3, 5, 11, 11, 16, 16, 121)
STEPS = (1, 1, 50, 50, *(minutes * MINUTE for minutes in MINUTES))

browsers = st.sampled_from(BROWSERS)
hosts = st.sampled_from(HOSTS)
names = st.sampled_from(NAMES)


def site(environ, start_response):
    """An application that says whom it sees."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [" ".join(environ["eilogin.session"].attributes["name"]).encode()]


@cache
def people():
    """What an application sees, by what they type."""
    return {one.username: one.name for one in demo_citizens()}


def other_than(host):
    """The other participant, or one of them."""
    return next(other for other in HOSTS if other != host)


def is_on_the_way(url):
    """Whether an address is of the way to the hub, or back."""
    return "SAMLRequest=" in url or "/eilogin/acs" in url


class HubMachine(RuleBasedStateMachine):
    """What citizens, participants and attackers do; and the model of it."""

    def __init__(self) -> None:
        super().__init__()
        self.travel = time_machine.travel(NOON, tick=False)
        self.clock = self.travel.start()
        self.folder = TemporaryDirectory()
        self.federation = Federation(
            Path(self.folder.name),
            dict.fromkeys(HOSTS, site),
            options={"stad.test": {"acs": "post"}},
            hub_options={"release": "* name"},
        )
        self.citizens = people()
        self.windows = {name: self.federation.browser() for name in BROWSERS}
        self.model = FederationModel(NOON, down=self.federation.down)
        #: LogoutRequests that the hub has executed, as they came.
        self.requests: list[bytes] = []
        self.pages = count(1)

    def teardown(self) -> None:
        self.folder.cleanup()
        self.travel.stop()

    # --- signing in -----------------------------------------------------------------

    @initialize(browser=browsers, name=names)
    def somebody_is_signed_in(self, browser, name) -> None:
        for host in HOSTS:
            self.she_opens_a_page(browser, host, name, 0, is_same=False)

    @rule(
        browser=browsers,
        host=hosts,
        name=names,
        minutes=st.sampled_from([0, 0, 1, 11, 16]),
        is_same=st.booleans(),
    )
    def she_opens_a_page(self, browser, host, name, minutes, is_same) -> None:
        """Signed in there, by the hub without a word, or with a password.

        That is of ``name``, or of who was signed in there before.
        """
        self.time_passes(minutes * MINUTE)
        window, model = self.windows[browser], self.model
        known = model.hub_knows(browser)
        if is_same and known is not None:
            name = known.citizen
        here = model.who(browser, host)
        target = f"https://{host}/mijn/{next(self.pages)}"
        window.visit(target)
        was_asked = any(is_on_the_way(url) for url in window.trail)
        if here is not None and was_asked:
            assert model.now - here.confirmed >= KEEP_ALIVE
        is_forced = here is None and (browser, host) in model.marked
        if was_asked and model.hub_serves(browser) is not None and not is_forced:
            model.hub_tells(browser, host)
        elif here is None:
            assert was_asked
            self.she_signs_in(browser, host, name)
        session = model.who(browser, host)
        if session is not None:
            session.seen = model.now
            assert window.url == target, window.text
            assert window.text == self.citizens[session.citizen]

    @rule(browser=browsers, host=hosts, pages=st.sampled_from([2, 5, 9]))
    def she_stays(self, browser, host, pages) -> None:
        """The hub confirms her every eleven minutes, until no session can be longer."""
        for _ in range(pages):
            self.she_opens_a_page(browser, host, "anna", 11, is_same=True)

    def she_signs_in(self, browser, host, name) -> None:
        window, model = self.windows[browser], self.model
        assert window.url.startswith(f"{HUB}/sso"), window.text
        self.begins_to_tell()
        told = model.signs_in(browser, name)
        window.press("Inloggen", username=name, password=f"demo-{name}")
        self.has_told(told)
        missed = model.hears(told)
        if not missed:
            model.hub_tells(browser, host)
        else:
            # A page says first where the one before her is signed in still.
            self.through_her_browser(window, missed, are_loaded=False)

    # --- logging out ----------------------------------------------------------------

    @rule(browser=browsers, host=hosts, are_loaded=st.booleans())
    def she_logs_out_at_a_participant(self, browser, host, are_loaded) -> None:
        self.begins_to_tell()
        told = self.model.leaves(browser, host)
        self.windows[browser].visit(f"https://{host}/eilogin/logout")
        self.is_done(browser, told, are_loaded)

    @rule(browser=browsers, are_loaded=st.booleans())
    def she_logs_out_at_the_hub(self, browser, are_loaded) -> None:
        known = self.model.hub_knows(browser)
        self.begins_to_tell()
        told = set() if known is None else self.model.ends_at_hub(known.citizen)
        self.windows[browser].visit(f"{HUB}/logout")
        self.windows[browser].post(f"{HUB}/logout", site="same-origin")
        self.is_done(browser, told, are_loaded)

    def is_done(self, browser, told, are_loaded) -> None:
        self.has_told(told)
        missed = self.model.hears(told)
        if missed:
            self.through_her_browser(self.windows[browser], missed, are_loaded)

    def through_her_browser(self, window, missed, are_loaded) -> None:
        """Whom no server has reached, small frames of the hub's page reach."""
        assert window.url.startswith(HUB), window.text
        if are_loaded:
            window.open_frames()
            self.model.ends(missed)

    @rule(
        browser=browsers,
        host=hosts,
        fault=st.sampled_from(["", "", "", "old", "key"]),
        is_down=st.booleans(),
    )
    def a_participant_asks_for_it(self, browser, host, fault, is_down) -> None:
        """From server to server, about a session of its own; the other may be down."""
        session = self.model.to_end(browser, host)
        if session is None:
            return
        self.it_cannot_be_reached(other_than(host), is_down)
        element = self.request_about(browser, host, host, fault)
        body = self.party(host, fault).by_soap(element)
        self.begins_to_tell()
        answer = self.send(f"{HUB}/slo/soap", body)
        if fault:
            self.was_refused(answer)
            return
        is_known = self.model.knows_at_hub(session)
        told = self.model.asked_to_end(host, session)
        self.has_told(told)
        missed = self.model.hears(told)
        self.requests.append(body)
        status = self.status_of(answer)
        assert (messages.UNKNOWN_PRINCIPAL in status) == (not is_known)
        assert (messages.PARTIAL_LOGOUT in status) == bool(missed)

    @precondition(lambda self: self.requests)
    @rule(number=st.integers(0, 5))
    def it_asks_again(self, number) -> None:
        """The same octets: while they are fresh, the same outcome; nothing ends."""
        self.begins_to_tell()
        body = self.requests[-1 - number % len(self.requests)]
        answer = self.send(f"{HUB}/slo/soap", body)
        assert answer.status_int in (200, 500)
        self.has_told(set())

    @rule(browser=browsers, host=hosts, way=st.sampled_from(["soap", "redirect"]))
    def another_participant_asks_for_it(self, browser, host, way) -> None:
        """It knows what she is called elsewhere, and the number of her session."""
        if self.model.to_end(browser, host) is None:
            return
        other = other_than(host)
        path = "/slo/soap" if way == "soap" else "/slo"
        element = self.request_about(browser, host, other, "", f"{HUB}{path}")
        self.begins_to_tell()
        party = self.party(other)
        if way == "soap":
            answer = self.send(f"{HUB}{path}", party.by_soap(element))
            assert messages.UNKNOWN_PRINCIPAL in self.status_of(answer)
        else:
            url = party.by_redirect(f"{HUB}{path}", "SAMLRequest", element)
            self.windows[browser].visit(url)
            assert self.windows[browser].url.startswith(f"https://{other}/")
        self.has_told(set())

    @rule(browser=browsers, host=hosts, fault=st.sampled_from(["member", "key", "old"]))
    def somebody_else_tells_a_participant(self, browser, host, fault) -> None:
        """Another member, or the hub by another key, or what it said long ago."""
        if self.model.to_end(browser, host) is None:
            return
        other = other_than(host)
        speaker = other if fault == "member" else "inloggen.test"
        address = f"https://{host}/eilogin/slo/soap"
        element = self.request_about(browser, host, speaker, fault, address)
        self.was_refused(
            self.send(address, self.party(speaker, fault).by_soap(element))
        )

    # --- the world ------------------------------------------------------------------

    @rule(host=hosts, is_down=st.booleans())
    def it_cannot_be_reached(self, host, is_down) -> None:
        """No message from server to server reaches it; a browser does."""
        (self.federation.down.add if is_down else self.federation.down.discard)(host)

    @rule(browser=browsers, host=hosts, is_lost=st.sampled_from([True, False, False]))
    def its_cookies_change(self, browser, host, is_lost) -> None:
        """They are lost, or the session cookie is a made-up one and the hint stays."""
        if is_lost:
            self.windows[browser].forget(host)
            self.model.hints.pop((browser, host), None)
            self.model.marked.discard((browser, host))
        else:
            self.windows[browser].set_cookie(host, COOKIE, MADE_UP)
        self.model.cookies.pop((browser, host), None)

    @rule(seconds=st.sampled_from(STEPS))
    def time_passes(self, seconds) -> None:
        self.clock.shift(seconds)
        self.model.now += seconds

    # --- what is true after every step ----------------------------------------------

    @invariant()
    def each_participant_sees_whom_the_model_says(self) -> None:
        for browser in BROWSERS:
            for host in HOSTS:
                response = self.windows[browser].fetch(f"https://{host}/mijn")
                session = self.model.who(browser, host)
                assert response.status_int == (401 if session is None else 200)
                if session is not None:
                    assert response.text == self.citizens[session.citizen]

    @invariant()
    def the_hub_knows_whom_the_model_says(self) -> None:
        sessions = self.federation.apps["inloggen.test"].sessions
        for browser in BROWSERS:
            token = self.windows[browser].cookie("inloggen.test", COOKIE) or ""
            found, known = (
                sessions.find_beyond_idle(token),
                self.model.hub_knows(browser),
            )
            assert (found is None) == (known is None)
            if found is not None:
                name = " ".join(found.attributes["name"])
                assert name == self.citizens[known.citizen]

    # --- small parts ----------------------------------------------------------------

    def begins_to_tell(self) -> None:
        self.federation.back_channel_log.clear()

    def has_told(self, told) -> None:
        """Exactly these participants, of exactly these sessions, were told."""
        log = [
            (urlsplit(url).hostname, bindings.unwrap_soap(body))
            for url, body in self.federation.back_channel_log
            if b"LogoutRequest" in body
        ]
        indexes = [
            (host, text)
            for host, element in log
            for text in messages.read_logout_request(element).session_indexes
        ]
        assert sorted(host for host, _ in indexes) == sorted(host for host, _ in told)
        assert len(set(indexes)) == len(indexes)

    def login_at(self, browser, host):
        """The record of her session at a participant."""
        token = self.windows[browser].cookie(host, COOKIE)
        return self.federation.apps[host].sessions.find_beyond_idle(token)

    def request_about(self, browser, host, speaker, fault, address=f"{HUB}/slo/soap"):
        """A LogoutRequest about her session at a host, in somebody's name."""
        login = self.login_at(browser, host)
        issued = self.model.now - (4 * MINUTE if fault == "old" else 0)
        return self.party(speaker).logout_request(
            login.who.as_name_id(), address, login.session_index, issued=issued
        )

    def party(self, host, fault="") -> Party:
        party = Party(self.federation.trusts[host])
        if fault == "key":
            # Of the other participant, which is a member too.
            party.key = self.federation.trusts[other_than(host)].own.key
        return party

    def send(self, url, body):
        request = Request.blank(url, method="POST", body=body)
        request.content_type = "text/xml"
        return request.get_response(self.federation)

    @staticmethod
    def was_refused(answer) -> None:
        """A SOAP Fault, of which the one who sent the message is to blame."""
        assert answer.status_int == 500
        assert "soap-env:Client" in answer.text

    @staticmethod
    def status_of(answer) -> tuple[str, ...]:
        assert answer.status_int == 200, answer.text
        element = bindings.unwrap_soap(answer.body)
        octets = safe_xml.serialize(element)
        return messages.read_logout_response(etree.fromstring(octets)).status.codes


TestHub = HubMachine.TestCase
TestHub.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    derandomize=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
