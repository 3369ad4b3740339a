"""Forged answers to logouts: nobody is told that all know it who do not (G17).

Over HTTP in an :mod:`arena`. At a participant the hub answers in the browser that logs
out; at the hub a participant answers in a frame of that browser, or over SOAP.
"""

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from arena import HUB, SVB, UWV, Visitor
from forging import ROOT, Message
from forging.documents import DOCUMENTS
from forging.envelopes import Enveloped, enveloped
from forging.logouts import POST, REDIRECT, RESPONSES, Answered
from forging.queries import QUERIES, Redirect
from forging.shapes import SHAPES
from forging.signatures import SIGNATURES
from forging.trying import by_kind, by_name
from known import at_hub, at_participant
from parties import HubParty, Party

from eilogin.saml import bindings, messages, safe_xml

EVERYWHERE, CONFIRMED = "U bent overal uitgelogd", "U bent uitgelogd"
GENERIC = [*SHAPES.of(ROOT), *SIGNATURES.of(ROOT), *DOCUMENTS.of(ROOT)]


class ParticipantLogout:
    """A logout under way in a browser, which waits for an answer at ``url``."""

    def __init__(self, known, answered, good):
        self.arena, self.visitor = known.arena, known.visitor
        self.answered, self.url = answered, answered.destination
        #: What the page says when it is believed.
        self.good = good

    @property
    def sender(self):
        return self.answered.sender

    def message(self):
        """The good answer, signed itself; what is wanted is that it is believed."""
        root = self.sender.signed(self.answered.element())
        return Message(
            root=root,
            covered=root,
            key=self.sender.key,
            stranger=self.arena.stranger,
            member=self.answered.member.key,
            evil=self.answered.evil,
            outside=self.arena.outside.url,
        )

    def redirect(self):
        return Redirect(
            name="SAMLResponse",
            octets=safe_xml.serialize(self.answered.element()),
            evil=safe_xml.serialize(self.answered.evil()),
            other=safe_xml.serialize(self.answered.element(in_response_to="_other")),
            relay_state="handle one",
            key=self.sender.key,
            stranger=self.arena.stranger,
            member=self.answered.member.key,
        )

    def brings(self, binding, element, visitor=None):
        if binding == REDIRECT:
            made = self.sender.by_redirect("", "SAMLResponse", element, "r")
            return self.brings_query(made.partition("?")[2], visitor)
        octets = safe_xml.serialize(self.sender.signed(element))
        return self.brings_form(octets, visitor)

    def brings_query(self, query, visitor=None):
        return (visitor or self.visitor).get(f"{self.url}?{query}")

    def brings_form(self, octets, visitor=None):
        fields = bindings.post_fields("SAMLResponse", octets, "r")
        # Its own cookie of a logout comes along with a form too.
        return (visitor or self.visitor).post(self.url, fields)

    def tells_nothing(self, forgery, how, bring, *octets):
        """What is brought is refused, in her browser and in any other one."""
        for visitor in (self.visitor, Visitor(self.arena)):
            with by_name(forgery, how), self.arena.unchanged():
                answer = bring(*octets, visitor)
            with by_name(forgery, how):
                told = self.arena.refuses(answer)
                assert EVERYWHERE not in answer.text
                assert self.good == EVERYWHERE or CONFIRMED not in answer.text
                if visitor is self.visitor:
                    forgery.expects(told["reason"])

    def is_believed(self):
        answer = self.brings(REDIRECT, self.answered.element())
        if answer.status == 303:
            # Her history does not keep the message.
            answer = self.visitor.get(answer.location)
        assert answer.status == 200, (answer, answer.text)
        assert self.good in answer.text


@pytest.fixture(scope="module")
def at_a_participant(arena):
    """She has logged out there, and is at the hub; in the end that answers."""
    hub = HubParty(arena.federation.trusts[HUB])
    known = at_participant(arena, hub, UWV)
    way = known.visitor.get(
        arena.url(UWV, "/eilogin/logout"), **{"Sec-Fetch-Site": "same-origin"}
    )
    answered = Answered(
        sender=hub,
        receiver=arena.federation.trusts[UWV].own.entity_id,
        destination=arena.url(UWV, "/eilogin/slo"),
        request_id=request_in(way),
        other_id=messages.new_id(),
        member=Party(arena.federation.trusts[SVB]),
    )
    leaving = ParticipantLogout(known, answered, EVERYWHERE)
    yield leaving
    assert not known.is_in
    leaving.is_believed()
    arena.others_stay()


@pytest.fixture(scope="module")
def at_the_hub(arena):
    """A participant that SOAP does not reach is told in a frame, and answers there."""
    # Of two sessions by one NameID the hub notes more than of one.
    at_hub(arena, "bram", UWV, SVB)
    known = at_hub(arena, "bram", UWV, SVB)
    uwv, svb = (Party(arena.federation.trusts[host]) for host in (UWV, SVB))
    with instead(arena, SVB, "/eilogin/slo/soap", says_nothing):
        request = uwv.logout_request(known.name_id, arena.url(HUB, "/slo"), known.index)
        url = uwv.by_redirect(arena.url(HUB, "/slo"), "SAMLRequest", request, "r")
        way = known.visitor.get(url)
        # Her history does not keep the message.
        page = known.visitor.get(way.location)
    # One for each of her sessions there; other tests may have left some.
    frame, *_ = re.findall(r'<iframe src="([^"]+)"', page.text)
    way = known.visitor.get(unescape(frame))
    answered = Answered(
        sender=svb,
        receiver=arena.federation.trusts[HUB].own.entity_id,
        destination=arena.url(HUB, "/slo"),
        request_id=request_in(way),
        other_id=messages.new_id(),
        member=uwv,
    )
    leaving = ParticipantLogout(known, answered, CONFIRMED)
    yield leaving
    leaving.is_believed()
    arena.others_stay()


class instead:  # noqa: N801 - a context manager
    """Another app answers in the place of a member, at one path."""

    def __init__(self, arena, host, path, app):
        self.places, self.key, self.app = arena.federation.instead, (host, path), app

    def __enter__(self):
        self.places[self.key] = self.app

    def __exit__(self, *error):
        del self.places[self.key]


def says_nothing(environ, start_response):
    start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
    return [b""]


def request_in(answer):
    """The ID of the LogoutRequest that a redirect brings."""
    received = bindings.read_redirect(urlsplit(answer.location).query)
    return safe_xml.parse(received.octets).get("ID")


@pytest.fixture(params=["at_a_participant", "at_the_hub"])
def leaving(request):
    return request.getfixturevalue(request.param)


# --- in the browser -----------------------------------------------------------------


@pytest.mark.parametrize("forgeries", by_kind(RESPONSES))
def test_answers_that_say_the_wrong_thing(leaving, forgeries):
    for forgery in forgeries:
        for binding in forgery.places:
            element = forgery.make(leaving.answered)
            leaving.tells_nothing(forgery, binding, leaving.brings, binding, element)


@pytest.mark.parametrize("forgeries", by_kind(GENERIC))
def test_answers_that_are_forged(leaving, forgeries):
    for forgery in forgeries:
        octets = forgery.make(leaving.message())
        leaving.tells_nothing(forgery, POST, leaving.brings_form, octets)


@pytest.mark.parametrize("forgeries", by_kind(QUERIES))
def test_queries_that_are_forged(leaving, forgeries):
    for forgery in forgeries:
        query = forgery.make(leaving.redirect())
        leaving.tells_nothing(forgery, REDIRECT, leaving.brings_query, query)


#: Status codes that are no success, the outermost first.
STATUSES = [
    (messages.RESPONDER,),
    (messages.REQUESTER, messages.REQUEST_DENIED),
    (messages.RESPONDER, messages.SUCCESS),
    (messages.RESPONDER, messages.UNKNOWN_PRINCIPAL, messages.SUCCESS),
    ("urn:oasis:names:tc:SAML:2.0:status:success",),
    (f"{messages.SUCCESS}ful",),
    (f" {messages.SUCCESS}",),
    ("Success",),
]
#: What they are called; the hub tells apart who knows no such session.
NO_SUCCESS = {"message-unexpected", "principal-unknown"}


@pytest.mark.parametrize("codes", STATUSES, ids=" ".join)
def test_a_status_that_is_no_success_is_not_taken_for_one(leaving, codes):
    for binding in (REDIRECT, POST):
        # The hub notes what this participant has said by its own key: that it has not
        # confirmed it, or knows nobody where it has more than one session.
        with leaving.arena.unchanged("refused-logout:", "unknown-at-logout:"):
            answer = leaving.brings(binding, leaving.answered.element(*codes))
        assert leaving.arena.refuses(answer)["reason"] in NO_SUCCESS
        assert EVERYWHERE not in answer.text


# --- from server to server, to the hub ----------------------------------------------


def told_over_soap(arena, make):
    """Status codes of a logout at the hub, where a participant answers what is made.

    ``make`` gets the good answer.
    """
    known = at_hub(arena, "chaima", UWV, SVB)
    uwv, svb = (Party(arena.federation.trusts[host]) for host in (UWV, SVB))

    def voice(environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        request = messages.read_logout_request(bindings.unwrap_soap(body))
        answered = Answered(
            sender=svb,
            receiver=request.issuer,
            destination="",
            request_id=request.id,
            other_id=messages.new_id(),
            member=uwv,
        )
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [make(answered)]

    soap = arena.url(HUB, "/slo/soap")
    request = uwv.logout_request(known.name_id, soap, known.index)
    with instead(arena, SVB, "/eilogin/slo/soap", voice):
        answer = arena.soap(soap, uwv.by_soap(request))
    assert answer.status == 200, answer.text
    response = messages.read_logout_response(bindings.unwrap_soap(answer.body))
    assert known.is_in == list(known.hosts), "nobody has ended anything of hers there"
    return response.status.codes


def signed(answered, element):
    octets = safe_xml.serialize(answered.sender.signed(element))
    return Enveloped(octets, b"").within(octets)


def _unsigned(answered):
    return bindings.wrap_soap(answered.element())


def _of_a_member(answered):
    return bindings.wrap_soap(answered.member.signed(answered.element()))


def _by_its_own(answered):
    """Another member, which says so in its own name."""
    own = answered.element(issuer=answered.member.entity_id)
    return bindings.wrap_soap(answered.member.signed(own))


FORGED = {
    "unsigned": _unsigned,
    "member-key": _of_a_member,
    "member": _by_its_own,
    "irt-another": lambda a: signed(a, a.element(in_response_to=a.other_id)),
    "old": lambda a: signed(a, a.element(issued=0.0)),
    "status": lambda a: signed(a, a.element(messages.RESPONDER, messages.SUCCESS)),
    "nothing": lambda a: b"",
    "fault": lambda a: enveloped(
        b"<s:Body><s:Fault><faultcode>s:Server</faultcode></s:Fault></s:Body>"
    ),
    "no-body": lambda a: enveloped(b""),
    "html": lambda a: b"<!DOCTYPE html><p>ok",
    "oversize": lambda a: signed(a, a.element()) + b" " * 300_000,
}


@pytest.mark.parametrize("name", FORGED)
def test_an_answer_over_soap_that_is_forged_is_no_success(arena, name):
    partly = (messages.SUCCESS, messages.PARTIAL_LOGOUT)
    assert told_over_soap(arena, FORGED[name]) == partly


def test_the_good_answer_over_soap_is_a_success(arena):
    codes = told_over_soap(arena, lambda a: signed(a, a.element()))
    assert codes == (messages.SUCCESS,)
