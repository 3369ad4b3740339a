"""The same forgeries at a hub and participants with ``profile = digid``.

DigiD answers each message that it rejects with the same empty page (DigiD 2.4, 3.2).
A logout ends the session of the browser that sends it; so the attacker's message comes
in the browser of a signed-in visitor. Over HTTP in an :mod:`arena`.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from arena import HUB, SVB, UWV, Visitor
from arena_as_digid import ArenaAsDigid
from forging import ROOT, Message
from forging.documents import DOCUMENTS
from forging.envelopes import ENVELOPES, Enveloped
from forging.logouts import REQUESTS, SOAP, Logout
from forging.queries import GOOD, QUERIES, Redirect
from forging.questions import ATTACKER, REFUSED, Ask
from forging.shapes import SHAPES
from forging.signatures import SIGNATURES
from forging.trying import by_kind, by_name, is_even
from known import at_hub
from parties import HubParty, Party

from eilogin.saml import bindings, safe_xml

GENERIC = [*SHAPES.of(ROOT), *SIGNATURES.of(ROOT), *DOCUMENTS.of(ROOT)]
REDIRECT, POST = "redirect", "post"


@pytest.fixture(scope="module")
def digid(tmp_path_factory):
    with ArenaAsDigid(tmp_path_factory.mktemp("digid")).open() as servers:
        yield servers
        servers.others_stay()


class Signed:
    """What a participant sends to the hub in the browser of who is signed in there."""

    def __init__(self, digid, known, path, make):
        self.digid, self.known, self.make = digid, known, make
        self.url = digid.url(HUB, path)
        self.sender = Party(digid.federation.trusts[UWV])

    def octets(self, binding, element):
        if binding == REDIRECT:
            url = self.sender.by_redirect("", "SAMLRequest", element, "r")
            return url.partition("?")[2]
        return safe_xml.serialize(self.sender.signed(element))

    def brings(self, binding, octets):
        if binding == REDIRECT:
            return self.known.visitor.get(f"{self.url}?{octets}")
        fields = bindings.post_fields("SAMLRequest", octets, "r")
        return self.known.visitor.post(self.url, fields)

    @contextmanager
    def gets_nothing(self, forgery, binding):
        answers = []
        with by_name(forgery, binding):
            with self.digid.unchanged():
                yield answers.append
            (answer,) = answers
            forgery.expects(self.digid.tells_nothing(answer))

    def message(self):
        root = self.sender.signed(self.make())
        return Message(
            root=root,
            covered=root,
            key=self.sender.key,
            stranger=self.digid.stranger,
            member=self.digid.member,
            evil=lambda: self.make(evil=True),
            outside=self.digid.outside.url,
        )

    def redirect(self):
        return Redirect(
            name="SAMLRequest",
            octets=safe_xml.serialize(self.make()),
            evil=safe_xml.serialize(self.make(evil=True)),
            other=safe_xml.serialize(self.make()),
            relay_state="handle one",
            key=self.sender.key,
            stranger=self.digid.stranger,
            member=self.digid.member,
        )


@pytest.fixture(scope="module")
def known(digid):
    """Signed in at the hub, and in at two services; in the end she is so still."""
    known = at_hub(digid, "bram", UWV, SVB)
    yield known
    assert known.is_everywhere


@pytest.fixture(scope="module")
def ask(digid):
    trusts = digid.federation.trusts
    return Ask(
        sender=Party(trusts[UWV]),
        member=Party(trusts[SVB]),
        hub=trusts[HUB].own.entity_id,
        destination=digid.url(HUB, "/sso"),
        acs=digid.url(UWV, "/eilogin/acs"),
        member_acs=digid.url(SVB, "/eilogin/acs"),
    )


@pytest.fixture(scope="module")
def question(digid, known, ask):
    """An AuthnRequest; after all that was refused the good one is answered."""

    def make(*, evil=False):
        return ask.element(acs_url=ATTACKER) if evil else ask.element()

    question = Signed(digid, known, "/sso", make)
    yield question
    for binding in (REDIRECT, POST):
        answer = question.brings(binding, question.octets(binding, make()))
        if binding == POST:
            answer = known.visitor.get(answer.location)
        assert answer.location.startswith(f"{ask.acs}?SAMLart="), answer


@pytest.fixture(scope="module")
def logout(digid, known, ask):
    """A LogoutRequest in her browser: there the good one names her services first."""
    said = logout_of(digid, known, ask, digid.url(HUB, "/slo"))

    def make(*, evil=False):
        return said.named(said.other) if evil else said.element()

    make.said = said
    logout = Signed(digid, known, "/slo", make)
    yield logout
    answer = logout.brings(REDIRECT, logout.octets(REDIRECT, make()))
    assert answer.status == 200, answer
    assert "svb.localhost" in answer.text
    assert known.is_everywhere


def logout_of(digid, known, ask, destination):
    return Logout(
        sender=ask.sender,
        receiver=ask.hub,
        destination=destination,
        name_id=known.name_id,
        index=known.index,
        member=ask.member,
        other=replace(known.name_id, value="s00000000:900000016"),
        other_index="_other",
        elsewhere=digid.url(HUB, "/slo/soap"),
    )


@pytest.fixture(params=["question", "logout"])
def signed(request):
    return request.getfixturevalue(request.param)


# --- at the hub ---------------------------------------------------------------------


@pytest.mark.parametrize("forgeries", by_kind(GENERIC))
def test_messages_that_are_forged(question, logout, forgeries):
    """Each as a question or as a logout."""
    for forgery in forgeries:
        signed = question if is_even(forgery) else logout
        octets = forgery.make(signed.message())
        with signed.gets_nothing(forgery, POST) as brought:
            brought(signed.brings(POST, octets))


@pytest.mark.parametrize("forgeries", by_kind(QUERIES))
def test_queries_that_are_forged(signed, forgeries):
    for forgery in forgeries:
        query = forgery.make(signed.redirect())
        with signed.gets_nothing(forgery, REDIRECT) as brought:
            brought(signed.brings(REDIRECT, query))


#: What is there or not DigiD does not look at, or only by POST.
PASSED_OVER = {
    "aq-destination-missing": (POST,),
    "aq-destination-empty": (POST,),
    "aq-id-empty": (REDIRECT,),
    "lr-destination-missing": (POST,),
    "lr-destination-empty": (POST,),
    "lr-format-attribute": (),
    "lr-future-a-little": (),
    "lr-old-a-second": (REDIRECT, POST),
    "lr-notonorafter-past": (),
}


def places(forgery):
    by_default = tuple(p for p in forgery.places if p in (REDIRECT, POST))
    return PASSED_OVER.get(forgery.name, by_default or (REDIRECT, POST))


@pytest.mark.parametrize("forgeries", by_kind(REFUSED))
def test_questions_that_say_the_wrong_thing(question, ask, forgeries):
    for forgery in forgeries:
        for binding in places(forgery):
            octets = question.octets(binding, forgery.make(ask))
            with question.gets_nothing(forgery, binding) as brought:
                brought(question.brings(binding, octets))


@pytest.mark.parametrize("forgeries", by_kind(REQUESTS))
def test_logouts_that_say_the_wrong_thing(logout, forgeries):
    for forgery in forgeries:
        for binding in places(forgery):
            octets = logout.octets(binding, forgery.make(logout.make.said))
            with logout.gets_nothing(forgery, binding) as brought:
                brought(logout.brings(binding, octets))


@pytest.mark.parametrize("good", [*GOOD], ids=str)
def test_a_good_query(question, good):
    query = good.make(question.redirect())
    answer = question.brings(REDIRECT, query)
    assert answer.location.startswith(question.digid.url(UWV, "/eilogin/acs?SAMLart="))
    assert answer.location.endswith("&RelayState=handle%20one")


# --- at a participant, over SOAP ----------------------------------------------------


@pytest.fixture(scope="module")
def told(digid, known, ask):
    """The hub tells a participant."""
    url = digid.url(UWV, "/eilogin/slo/soap")
    said = logout_of(digid, known, ask, url)
    hub = HubParty(digid.federation.trusts[HUB])
    receiver = digid.federation.trusts[UWV].own.entity_id
    elsewhere = digid.url(UWV, "/eilogin/slo")
    return replace(said, sender=hub, receiver=receiver, elsewhere=elsewhere)


def is_refused(digid, told, forgery, octets):
    with by_name(forgery):
        with digid.unchanged():
            answer = digid.soap(told.destination, octets)
        said = digid.refuses(answer, soap=True)
        assert said["code"] == "logout"
        forgery.expects(said["reason"])


def enveloped(told, element):
    octets = safe_xml.serialize(told.sender.signed(element))
    return Enveloped(octets, b"").within(octets)


@pytest.mark.parametrize("forgeries", by_kind(REQUESTS.of(SOAP)))
def test_requests_over_soap_that_say_the_wrong_thing(digid, known, told, forgeries):
    for forgery in forgeries:
        if forgery.name != "lr-format-attribute":  # no Format is looked at
            is_refused(digid, told, forgery, enveloped(told, forgery.make(told)))
    assert known.is_everywhere


@pytest.mark.parametrize("forgeries", by_kind(GENERIC))
def test_requests_over_soap_that_are_forged(digid, known, told, forgeries):
    for forgery in filter(is_even, forgeries):
        root = told.sender.signed(told.element(session_indexes=()))
        message = Message(
            root=root,
            covered=root,
            key=told.sender.key,
            stranger=digid.stranger,
            member=digid.member,
            evil=lambda: told.named(told.other),
            outside=digid.outside.url,
            wrap=lambda octets: Enveloped(octets, b"").within(octets),
        )
        is_refused(digid, told, forgery, forgery.make(message))
    assert known.is_everywhere


@pytest.mark.parametrize("forgeries", by_kind(ENVELOPES))
def test_envelopes_that_are_forged(digid, known, told, forgeries):
    for forgery in forgeries:
        octets = safe_xml.serialize(told.sender.signed(told.element()))
        evil = safe_xml.serialize(told.named(told.other))
        is_refused(digid, told, forgery, forgery.make(Enveloped(octets, evil)))
    assert known.is_everywhere


def test_the_good_request_over_soap_ends_what_it_names(digid, told):
    chaima = at_hub(digid, "chaima", UWV, SVB)
    named = replace(told, name_id=chaima.name_id)
    octets = enveloped(told, named.element(session_indexes=()))
    answer = digid.soap(told.destination, octets)
    assert answer.status == 200, answer.text
    assert chaima.is_in == [SVB]
    stranger = Visitor(digid)
    assert not digid.user(stranger.get(digid.url(UWV, "/mijn")))
