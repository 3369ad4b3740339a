"""Forged activity reports: nobody keeps a session alive who must not.

The first part brings every forged signature and envelope to the hub over HTTP, in an
:mod:`arena`. The second part moves the clock: a report delays the idle limit of a
session that its issuer was told of, and nothing else.
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from arena import HUB, SVB, UWV
from forging import ROOT, Message
from forging.documents import DOCUMENTS
from forging.envelopes import ENVELOPES, Enveloped
from forging.shapes import SHAPES
from forging.signatures import SIGNATURES
from forging.trying import by_kind, by_name
from known import at_hub
from parties import Party

from eilogin import clock as now
from eilogin.saml import bindings, messages, safe_xml

GENERIC = [*SHAPES.of(ROOT), *SIGNATURES.of(ROOT), *DOCUMENTS.of(ROOT)]
ACTIVITY = "https://inloggen.test/activity"
MINUTE = 60


def report_of(issuer, name_id, index, **changes):
    """A good report of activity at this instant, but for ``changes``."""
    report = messages.ActivityReport(
        id=messages.new_id(),
        issued=now.now(),
        issuer=issuer,
        name_id=name_id,
        session_index=index,
        active_at=now.now(),
        destination=ACTIVITY,
    )
    return messages.write_activity_report(replace(report, **changes))


def status_of(octets):
    """The status codes of the hub's answer."""
    return messages.read_response(bindings.unwrap_soap(octets)).status.codes


# --- signatures and envelopes, over HTTP --------------------------------------------


@dataclass
class Reporting:
    """A participant of the arena, and a citizen who is signed in there."""

    arena: object
    known: object
    sender: Party
    member: Party

    @property
    def url(self):
        return self.arena.federation.trusts[HUB].own.url("activity")

    def evil(self, **changes):
        """A report that differs from the good one in its instant."""
        return self.element(active_at=now.now() - 1, **changes)

    def element(self, **changes):
        known = self.known
        changes = {"destination": self.url, **changes}
        return report_of(self.sender.entity_id, known.name_id, known.index, **changes)

    def signed(self, **changes):
        return self.sender.signed(self.element(**changes))

    def brings(self, octets):
        return self.arena.soap(self.url, octets)

    @contextmanager
    def is_refused(self, forgery):
        with by_name(forgery), self.arena.unchanged():
            answers = []
            yield answers.append
            (answer,) = answers
            told = self.arena.refuses(answer, soap=True)
            assert told["code"] == "address", told
            forgery.expects(told["reason"])

    def goes_on(self):
        """The good report is taken after all that was refused."""
        answer = self.brings(bindings.wrap_soap(self.signed()))
        assert answer.status == 200, answer.text
        assert status_of(answer.body) == (messages.SUCCESS,)


@pytest.fixture(scope="module")
def reporting(arena):
    known, trusts = at_hub(arena, "bram", SVB), arena.federation.trusts
    return Reporting(arena, known, Party(trusts[SVB]), Party(trusts[UWV]))


@pytest.mark.parametrize("forgeries", by_kind(GENERIC))
def test_forged_reports_are_refused(reporting, forgeries):
    for forgery in forgeries:
        root = reporting.signed()
        octets = forgery.make(
            Message(
                root=root,
                covered=root,
                key=reporting.sender.key,
                stranger=reporting.arena.stranger,
                member=reporting.member.key,
                evil=reporting.evil,
                outside=reporting.arena.outside.url,
                wrap=lambda octets: Enveloped(octets, b"").within(octets),
            )
        )
        with reporting.is_refused(forgery) as brought:
            brought(reporting.brings(octets))
    reporting.goes_on()


@pytest.mark.parametrize("forgeries", by_kind(ENVELOPES))
def test_forged_envelopes_are_refused(reporting, forgeries):
    for forgery in forgeries:
        good, evil = reporting.signed(), reporting.evil()
        octets = forgery.make(
            Enveloped(safe_xml.serialize(good), safe_xml.serialize(evil))
        )
        with reporting.is_refused(forgery) as brought:
            brought(reporting.brings(octets))
    reporting.goes_on()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_another_method_gets_nothing(reporting, method):
    body = bindings.wrap_soap(reporting.signed())
    with reporting.arena.unchanged():
        kind = {"Content-Type": "text/xml"}
        answer = reporting.arena.ask(method, reporting.url, body, kind)
    assert answer.status == 405


# --- sessions and instants ----------------------------------------------------------


class Signed:
    """Anna, signed in at participants, as the hub and the participants know her."""

    def __init__(self, federation, *hosts):
        self.federation, self.browser = federation, federation.browser()
        for host in hosts:
            self.browser.visit(f"https://{host}/mijn")
            if "://inloggen." in self.browser.url:
                who = {"username": "anna", "password": "demo-anna"}
                self.browser.press("Inloggen", **who)
        self.hosts = hosts
        self._token = self.browser.cookie("inloggen.test", "__Host-eilogin")

    @property
    def hub_sessions(self):
        return self.federation.apps["inloggen.test"].sessions

    @property
    def at_hub(self):
        """The hub's session as its store has it; None where it has ended."""
        return self.hub_sessions.find_beyond_idle(self._token)

    @property
    def is_active(self):
        return self.hub_sessions.find(self._token) is not None

    def session(self, host):
        token = self.browser.cookie(host, "__Host-eilogin")
        return self.federation.apps[host].sessions.find_beyond_idle(token)


@pytest.fixture
def anna(federation):
    return Signed(federation, "uwv.test", "stad.test")


@pytest.fixture
def bring(call, party):
    """Bring a report of a participant on a session; the answer of the hub."""

    def send(host, login, *, by=None, **changes):
        element = report_of(
            party(host).entity_id,
            changes.pop("name_id", login.who.as_name_id()),
            changes.pop("index", login.session_index),
            **changes,
        )
        body = party(by or host).by_soap(element)
        return call("POST", ACTIVITY, body, Content_Type="text/xml")

    return send


UNKNOWN = (messages.REQUESTER, messages.UNKNOWN_PRINCIPAL)


def test_a_good_report_delays_the_idle_limit_and_no_other(anna, bring, clock):
    login, ends = anna.session("uwv.test"), anna.at_hub.ends
    clock.shift(14 * MINUTE)
    assert status_of(bring("uwv.test", login).body) == (messages.SUCCESS,)
    assert anna.at_hub.ends == ends
    clock.shift(14 * MINUTE)
    assert anna.is_active
    clock.shift(2 * MINUTE)
    assert not anna.is_active


def test_the_absolute_limit_never_moves(anna, bring, clock):
    login = anna.session("uwv.test")
    for _ in range(12):
        clock.shift(10 * MINUTE - 1)
        assert status_of(bring("uwv.test", login).body) == (messages.SUCCESS,)
    clock.shift(13)
    assert status_of(bring("uwv.test", login).body) == UNKNOWN
    assert not anna.is_active


@pytest.mark.parametrize("hours", [2, 24, 1000])
def test_an_instant_in_the_future_is_refused(anna, bring, clock, refused, hours):
    clock.shift(10 * MINUTE)
    seen = anna.at_hub.seen
    answer = bring(
        "uwv.test", anna.session("uwv.test"), active_at=now.now() + hours * 3600
    )
    refused(answer, "message-expired")
    assert anna.at_hub.seen == seen


def test_a_clock_that_is_ahead_gains_no_second(anna, bring, clock):
    clock.shift(10 * MINUTE)
    bring("uwv.test", anna.session("uwv.test"), active_at=now.now() + 59)
    assert anna.at_hub.seen == now.now()


def test_an_instant_before_the_last_activity_moves_nothing(anna, bring, clock):
    login = anna.session("uwv.test")
    clock.shift(10 * MINUTE)
    bring("uwv.test", login)
    seen = anna.at_hub.seen
    clock.shift(MINUTE)
    answer = bring("uwv.test", login, active_at=seen - 5 * MINUTE)
    assert status_of(answer.body) == (messages.SUCCESS,)
    assert anna.at_hub.seen == seen


def test_a_report_that_comes_again_moves_nothing(anna, call, party, clock):
    login, service = anna.session("uwv.test"), party("uwv.test")
    clock.shift(10 * MINUTE)
    name_id, index = login.who.as_name_id(), login.session_index
    body = service.by_soap(report_of(service.entity_id, name_id, index))
    call("POST", ACTIVITY, body, Content_Type="text/xml")
    seen = anna.at_hub.seen
    clock.shift(2 * MINUTE)
    call("POST", ACTIVITY, body, Content_Type="text/xml")
    assert anna.at_hub.seen == seen


def test_a_report_that_was_kept_is_too_old(anna, bring, clock, refused):
    login, issued = anna.session("uwv.test"), now.now()
    clock.shift(4 * MINUTE)
    refused(bring("uwv.test", login, issued=issued), "message-expired")


def test_another_participant_cannot_report_it(anna, bring, clock, refused):
    clock.shift(10 * MINUTE)
    login, seen = anna.session("uwv.test"), anna.at_hub.seen
    # In its own name, with what the other was told.
    assert status_of(bring("stad.test", login).body) == UNKNOWN
    # In the name of the other, by its own key.
    refused(bring("uwv.test", login, by="stad.test"), "signature-untrusted")
    # With the qualifiers of the other.
    name_id = replace(
        login.who.as_name_id(), sp_name_qualifier="https://uwv.test/metadata"
    )
    assert status_of(bring("stad.test", login, name_id=name_id).body) == UNKNOWN
    assert anna.at_hub.seen == seen


def test_a_participant_that_was_never_told_cannot_report(anna, bring, clock):
    clock.shift(10 * MINUTE)
    seen = anna.at_hub.seen
    for host in ("uwv.test", "stad.test"):
        answer = bring("land.test", anna.session(host))
        assert status_of(answer.body) == UNKNOWN
    assert anna.at_hub.seen == seen


@pytest.mark.parametrize("index", ["_unknown", "*", "_" + "0" * 32])
def test_an_unknown_session_index_is_nobodys(anna, bring, clock, index):
    clock.shift(10 * MINUTE)
    seen = anna.at_hub.seen
    answer = bring("uwv.test", anna.session("uwv.test"), index=index)
    assert status_of(answer.body) == UNKNOWN
    assert anna.at_hub.seen == seen


def test_the_index_of_another_browser_moves_that_one_alone(federation, bring, clock):
    one, other = Signed(federation, "uwv.test"), Signed(federation, "uwv.test")
    clock.shift(10 * MINUTE)
    seen = one.at_hub.seen
    bring("uwv.test", other.session("uwv.test"))
    assert one.at_hub.seen == seen
    assert other.at_hub.seen == now.now()


def test_a_report_that_is_not_signed_is_refused(anna, call, party, clock, refused):
    login, service = anna.session("uwv.test"), party("uwv.test")
    element = report_of(service.entity_id, login.who.as_name_id(), login.session_index)
    body = bindings.wrap_soap(element)
    answer = call("POST", ACTIVITY, body, Content_Type="text/xml")
    refused(answer, "signature-untrusted")


def test_a_report_by_a_key_of_nobody_is_refused(
    anna, call, party, attacker_key, refused
):
    login, service = anna.session("uwv.test"), party("uwv.test", attacker_key)
    element = report_of(service.entity_id, login.who.as_name_id(), login.session_index)
    answer = call("POST", ACTIVITY, service.by_soap(element), Content_Type="text/xml")
    refused(answer, "signature-untrusted")


@pytest.mark.parametrize("where", ["https://inloggen.test/slo/soap", ""])
def test_a_report_for_another_address_is_refused(anna, bring, refused, where):
    answer = bring("uwv.test", anna.session("uwv.test"), destination=where)
    refused(answer, "message-misdirected")


def test_an_idle_session_stays_idle(anna, bring, clock):
    login = anna.session("uwv.test")
    clock.shift(15 * MINUTE + 1)
    # Nobody has looked at the session since it became idle.
    for ago in (0, MINUTE, 14 * MINUTE):
        answer = bring("uwv.test", login, active_at=now.now() - ago)
        assert status_of(answer.body) == UNKNOWN
        assert not anna.is_active


def test_a_session_that_was_found_idle_stays_so_when_the_clock_is_set_back(
    anna, bring, clock
):
    login = anna.session("uwv.test")
    clock.shift(15 * MINUTE + 1)
    assert not anna.is_active
    clock.shift(-10 * MINUTE)
    assert status_of(bring("uwv.test", login).body) == UNKNOWN
    assert not anna.is_active


def test_a_session_that_has_ended_never_comes_back(anna, bring, clock):
    login = anna.session("uwv.test")
    anna.browser.visit("https://stad.test/eilogin/logout")
    assert status_of(bring("uwv.test", login).body) == UNKNOWN
    assert anna.at_hub is None
    clock.shift(MINUTE)
    assert status_of(bring("uwv.test", login).body) == UNKNOWN
    assert anna.at_hub is None


def test_a_site_that_the_visitor_left_alone_reports_in_vain(
    eilogin_federation, witness, clock
):
    """With ``confirm_logout`` a visitor may stay signed in at the other sites."""
    federation = eilogin_federation(
        {"uwv.test": witness, "stad.test": witness},
        hub_options={"confirm_logout": "true"},
    )
    anna = Signed(federation, "uwv.test", "stad.test")
    login, service = anna.session("uwv.test"), Party(federation.trusts["uwv.test"])
    anna.browser.visit("https://uwv.test/eilogin/logout")
    anna.browser.press("Ingelogd blijven")
    clock.shift(10 * MINUTE)
    element = report_of(service.entity_id, login.who.as_name_id(), login.session_index)
    answer = federation.trusts["stad.test"].back_channel.post(
        ACTIVITY, service.by_soap(element)
    )
    assert status_of(answer) == UNKNOWN


def test_a_participant_outside_single_sign_on_reports_in_vain(
    eilogin_federation, witness, clock
):
    """It shares no session with others, and keeps none of them alive."""
    federation = eilogin_federation(
        {"uwv.test": witness}, rules={"uwv.test": {"sso_domain": "none"}}
    )
    anna = Signed(federation, "uwv.test")
    login, service = anna.session("uwv.test"), Party(federation.trusts["uwv.test"])
    clock.shift(10 * MINUTE)
    seen = anna.at_hub.seen
    element = report_of(service.entity_id, login.who.as_name_id(), login.session_index)
    answer = federation.trusts["uwv.test"].back_channel.post(
        ACTIVITY, service.by_soap(element)
    )
    assert status_of(answer) == UNKNOWN
    assert anna.at_hub.seen == seen


@pytest.mark.parametrize(
    "changed",
    [
        ("act:LastActivity", "act:Other"),
        ("Instant=", "When="),
        ('SessionIndex="', 'Other="'),
        ("urn:x-eilogin:activity", "urn:x-eilogin:other"),
        ("2026-", "20260-"),
    ],
)
def test_rejects_activity_report_with_a_missing_or_invalid_field(
    anna, call, party, changed
):
    old, new = changed
    login, service = anna.session("uwv.test"), party("uwv.test")
    element = report_of(service.entity_id, login.who.as_name_id(), login.session_index)
    octets = safe_xml.serialize(element)
    assert old.encode() in octets
    other = safe_xml.parse(octets.replace(old.encode(), new.encode()))
    answer = call("POST", ACTIVITY, service.by_soap(other), Content_Type="text/xml")
    assert answer.status_int == 500
    assert "soap-env:Client" in answer.text
