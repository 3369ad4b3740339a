"""Forged logouts and answers to logouts, at a participant and at the hub (G17).

Over HTTP in an :mod:`arena`. A logout that is refused ends nothing, neither what it
names nor what the browser has that brings it; after it the good one is taken, in the
same session, and ends exactly what it names.
"""

from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from arena import FORM, HUB, SVB, UWV, Visitor
from forging import ROOT, Message
from forging.documents import DOCUMENTS
from forging.envelopes import ENVELOPES, Enveloped
from forging.envelopes import GOOD as GOOD_ENVELOPES
from forging.envelopes import as_we_write_it as enveloped_as_usual
from forging.logouts import (
    BINDINGS,
    NAMED,
    NAMINGS,
    NONE,
    POST,
    REDIRECT,
    REQUESTS,
    SOAP,
    Logout,
)
from forging.queries import GOOD as GOOD_QUERIES
from forging.queries import QUERIES, Redirect
from forging.shapes import SHAPES
from forging.signatures import SIGNATURES
from forging.trying import by_kind, by_name, is_even
from known import at_hub, at_participant
from parties import HubParty, Party

from eilogin.saml import bindings, messages, safe_xml

PATHS = {UWV: "/eilogin/slo", HUB: "/slo"}
#: Texts of the attacker that no page may show.
SENT = ["Citizen-", "attacker.test"]


class Side:
    """One who receives logouts, and who sends them; ``host`` receives them."""

    def __init__(self, arena, host):
        self.arena, self.host = arena, host
        trusts = arena.federation.trusts
        self.receiver = trusts[host].own.entity_id
        if host == HUB:
            self.sender = Party(trusts[UWV])
        else:
            self.sender = HubParty(trusts[HUB])
        self.member = Party(trusts[SVB])
        self.other = self._known(is_other=True)
        self._named = None

    def _known(self, *, is_other=False):
        if self.host == HUB:
            return at_hub(self.arena, "chaima" if is_other else "bram", UWV, SVB)
        return at_participant(self.arena, self.sender, self.host)

    @property
    def named(self):
        """Who is named: the same until a good logout has ended her session."""
        if self._named is None:
            self._named = self._known()
        return self._named

    def url(self, binding):
        return self.arena.url(
            self.host, PATHS[self.host] + ("/soap" if binding == SOAP else "")
        )

    def named_anew(self):
        """Her session is over, and she is logged in again."""
        self._named = self._known()

    def logout(self, binding, named=None):
        named = named or self.named
        return Logout(
            sender=self.sender,
            receiver=self.receiver,
            destination=self.url(binding),
            name_id=named.name_id,
            index=named.index,
            member=self.member,
            other=self.other.name_id,
            other_index=self.other.index,
            elsewhere=self.url(POST if binding == SOAP else SOAP),
        )

    def brings(self, binding, element, visitor=None):
        """Bring a message, signed by its sender; what comes of it."""
        return self.brings_octets(binding, self.octets(binding, element), visitor)

    def octets(self, binding, element):
        """A message, signed by its sender: a query, or XML."""
        if binding == REDIRECT:
            made = self.sender.by_redirect("", "SAMLRequest", element, "r")
            return made.partition("?")[2]
        return safe_xml.serialize(self.sender.signed(element))

    def brings_octets(self, binding, octets, visitor=None):
        if binding == REDIRECT:
            return self.brings_query(octets, visitor)
        if binding == SOAP:
            return self.brings_envelope(Enveloped(octets, b"").within(octets))
        return self.brings_form(octets, visitor)

    def brings_query(self, query, visitor=None):
        visitor = visitor or Visitor(self.arena)
        return visitor.get(f"{self.url(REDIRECT)}?{query}")

    def brings_form(self, octets, visitor=None):
        visitor = visitor or Visitor(self.arena)
        return visitor.post(self.url(POST), self.fields(octets))

    def brings_envelope(self, octets):
        return self.arena.soap(self.url(SOAP), octets)

    def fields(self, octets):
        return bindings.post_fields("SAMLRequest", octets, "r")

    def bindings_for(self, forgery):
        """By which a forgery is brought: at the hub by one, at a participant by all."""
        places = forgery.places
        if self.host != HUB:
            return places
        return [places[len(forgery.name) % len(places)]]

    # --- what must hold ---------------------------------------------------------------

    @contextmanager
    def ends_nothing(self, forgery, binding):
        """What is brought inside is refused for its trick; see :meth:`brings`."""
        answers = []
        with by_name(forgery, binding):
            with self.arena.unchanged():
                yield answers.append
            (answer,) = answers
            told = self.arena.refuses(answer, soap=binding == SOAP, sent=SENT)
            assert told["code"] == "logout", told
            forgery.expects(told["reason"])

    def goes_on(self, binding=SOAP):
        """Nobody was logged out by what was refused; the good one is taken (I8).

        That names the same session. At the hub it comes once, in the end: to sign in
        there takes a while.
        """
        assert self.named.is_everywhere, "she was logged out"
        assert self.other.is_everywhere, "another was logged out"
        if self.host != HUB:
            self.takes(binding)

    def takes(self, binding):
        """The good one ends the named session, and none of another's."""
        answer = self.brings(binding, self.logout(binding).element())
        self.is_taken(binding, answer)
        # Who asks the hub has ended her session there by itself, and is told too where
        # she may have come in again since: within the second of its message.
        there = {UWV} if self.host == HUB else set()
        assert {*self.named.is_in} <= there, "she is still logged in"
        assert self.other.is_everywhere, "another was logged out too"
        self._named = None

    def is_taken(self, binding, answer):
        # By POST the hub sends on to an address of its own, where her cookies come.
        taken = (200,) if binding == SOAP else (200, 302, 303)
        assert answer.status in taken, (answer, answer.text)
        for url in answer.targets:
            assert self.arena.is_ours(url), f"I7: {url}"


@pytest.fixture(scope="module")
def at_the_hub(arena):
    """Nobody is logged out by what is refused; in the end she is, by what is good."""
    side = Side(arena, HUB)
    yield side
    for binding in BINDINGS:
        side.takes(binding)
    arena.others_stay()


@pytest.fixture(scope="module")
def at_a_participant(arena):
    yield Side(arena, UWV)
    arena.others_stay()


@pytest.fixture(params=["at_a_participant", "at_the_hub"])
def side(request):
    return request.getfixturevalue(request.param)


# --- what a well signed one says ----------------------------------------------------


@pytest.mark.parametrize("forgeries", by_kind(REQUESTS))
def test_requests_that_say_the_wrong_thing(side, forgeries):
    for forgery in forgeries:
        for binding in side.bindings_for(forgery):
            element = forgery.make(side.logout(binding))
            with side.ends_nothing(forgery, binding) as brought:
                brought(side.brings(binding, element))
    side.goes_on()


@pytest.mark.parametrize("naming", [n for n in NAMINGS if n.ends == NONE], ids=str)
def test_a_name_that_is_not_hers_ends_nothing(side, naming):
    """Whoever's browser brings it; her own neither."""
    for binding in BINDINGS:
        for visitor in (None, side.named.visitor, side.other.visitor):
            element = naming.make(side.logout(binding))
            side.is_taken(binding, side.brings(binding, element, visitor))
    side.goes_on()


#: What a NameID may say of its Format to match what the hub told its sender.
SHORTENED = pytest.mark.parametrize(
    "name_id_format", ["", messages.UNSPECIFIED], ids=["absent", "unspecified"]
)


@SHORTENED
def test_a_name_without_format_is_nobodys_by_another_sender(at_the_hub, name_id_format):
    """What UWV was told, signed by SVB; with a SessionIndex of either, or none."""
    side, thief = at_the_hub, copy(at_the_hub)
    thief.sender = side.member
    short = messages.NameID(side.named.name_id.value, name_id_format)
    for binding in BINDINGS:
        for indexes in ((), (side.named.index,), (side.other.index,)):
            element = thief.sender.logout_request(short, side.url(binding), *indexes)
            side.is_taken(binding, thief.brings(binding, element))
    side.goes_on()


@SHORTENED
def test_a_name_without_format_is_nobodys_by_anothers_session_index(
    at_the_hub, name_id_format
):
    side = at_the_hub
    short = messages.NameID(side.named.name_id.value, name_id_format)
    for binding in BINDINGS:
        element = side.logout(binding).named(short, side.other.index)
        side.is_taken(binding, side.brings(binding, element))
    side.goes_on()


@SHORTENED
def test_a_name_without_format_ends_hers_alone(at_the_hub, name_id_format):
    side = at_the_hub
    short = messages.NameID(side.named.name_id.value, name_id_format)
    for has_index in (True, False):
        indexes = (side.named.index,) if has_index else ()
        element = side.logout(SOAP).named(short, *indexes)
        side.is_taken(SOAP, side.brings(SOAP, element))
        assert {*side.named.is_in} <= {UWV}
        assert side.other.is_everywhere
        side.named_anew()


# --- what fits any message ----------------------------------------------------------


def message_of(side, binding):
    """A good LogoutRequest, signed itself."""
    logout = side.logout(binding)
    root = side.sender.signed(logout.element())

    def wrap(octets):
        return Enveloped(octets, b"").within(octets)

    return Message(
        root=root,
        covered=root,
        key=side.sender.key,
        stranger=side.arena.stranger,
        member=side.arena.member,
        evil=lambda: logout.named(logout.other, logout.other_index),
        outside=side.arena.outside.url,
        **({"wrap": wrap} if binding == SOAP else {}),
    )


GENERIC = [*SHAPES.of(ROOT), *SIGNATURES.of(ROOT), *DOCUMENTS.of(ROOT)]


@pytest.mark.parametrize("forgeries", by_kind(GENERIC))
def test_requests_that_are_forged(side, forgeries):
    """Each by POST or over SOAP; if so at the hub, then otherwise at a participant."""
    ways = [(POST, side.brings_form), (SOAP, side.brings_envelope)]
    for forgery in forgeries:
        binding, bring = ways[is_even(forgery) == (side.host == HUB)]
        octets = forgery.make(message_of(side, binding))
        with side.ends_nothing(forgery, binding) as brought:
            brought(bring(octets))
    side.goes_on(binding)


@pytest.mark.parametrize("forgeries", by_kind(QUERIES))
def test_queries_that_are_forged(side, forgeries):
    for forgery in forgeries:
        query = forgery.make(redirect_of(side))
        with side.ends_nothing(forgery, REDIRECT) as brought:
            brought(side.brings_query(query))
    side.goes_on(REDIRECT)


def redirect_of(side):
    logout = side.logout(REDIRECT)
    others = logout.element(session_indexes=("_none",))
    return Redirect(
        name="SAMLRequest",
        octets=safe_xml.serialize(logout.element()),
        evil=safe_xml.serialize(logout.named(logout.other, logout.other_index)),
        other=safe_xml.serialize(others),
        relay_state="handle one",
        key=side.sender.key,
        stranger=side.arena.stranger,
        member=side.arena.member,
    )


@pytest.mark.parametrize("forgeries", by_kind(ENVELOPES))
def test_envelopes_that_are_forged(side, forgeries):
    for forgery in forgeries:
        octets = forgery.make(enveloped_of(side))
        with side.ends_nothing(forgery, SOAP) as brought:
            brought(side.brings_envelope(octets))
    side.goes_on()


def enveloped_of(side):
    logout = side.logout(SOAP)
    evil = logout.named(logout.other, logout.other_index)
    return Enveloped(
        safe_xml.serialize(side.sender.signed(logout.element())),
        safe_xml.serialize(evil),
    )


# --- what is good ends what it names, and nothing else ------------------------------


@pytest.mark.parametrize("naming", [n for n in NAMINGS if n.ends != NONE], ids=str)
def test_a_good_request_ends_what_it_names_at_a_participant(arena, naming):
    side = Side(arena, UWV)
    for binding in BINDINGS:
        one = at_participant(arena, side.sender, UWV)
        two = at_participant(arena, side.sender, UWV, one.name_id.value)
        element = naming.make(side.logout(binding, one))
        # By the browser of somebody whom it does not name.
        side.is_taken(binding, side.brings(binding, element, side.other.visitor))
        with by_name(naming, binding):
            assert not one.is_in
            assert two.is_everywhere == (naming.ends == NAMED)
            assert side.other.is_everywhere


@pytest.mark.parametrize("naming", [n for n in NAMINGS if n.ends != NONE], ids=str)
def test_a_good_request_ends_all_of_hers_at_the_hub(arena, at_the_hub, naming):
    """And has the others end theirs; who asks has ended its own by itself."""
    side, binding = at_the_hub, BINDINGS[len(naming.name) % 3]
    element = naming.make(side.logout(binding))
    side.is_taken(binding, side.brings(binding, element))
    assert {*side.named.is_in} <= {UWV}
    assert side.other.is_everywhere
    side.named_anew()


@pytest.mark.parametrize("good", [*GOOD_QUERIES], ids=str)
def test_a_good_query(arena, good):
    side = Side(arena, UWV)
    answer = side.brings_query(good.make(redirect_of(side)))
    side.is_taken(REDIRECT, answer)
    assert "RelayState=handle%20one" in answer.location
    assert not side.named.is_in
    assert side.other.is_everywhere


@pytest.mark.parametrize("good", [*GOOD_ENVELOPES], ids=str)
def test_a_good_envelope(arena, good):
    side = Side(arena, UWV)
    side.is_taken(SOAP, side.brings_envelope(good.make(enveloped_of(side))))
    assert not side.named.is_in
    assert side.other.is_everywhere


# --- replay -------------------------------------------------------------------------


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_request_that_comes_again_ends_nothing_more(arena, binding):
    """lr-replay, rd-replay: she has logged in again since, by the same name."""
    side = Side(arena, UWV)
    one = side.named
    octets = side.octets(binding, side.logout(binding).element(session_indexes=()))
    side.is_taken(binding, side.brings_octets(binding, octets))
    assert not one.is_in
    again = at_participant(arena, side.sender, UWV, one.name_id.value)
    with arena.unchanged():
        side.is_taken(binding, side.brings_octets(binding, octets))
    assert again.is_everywhere
    assert side.other.is_everywhere


@pytest.mark.parametrize("binding", [REDIRECT, SOAP])
def test_a_request_that_comes_again_ends_nothing_more_at_the_hub(at_the_hub, binding):
    side = at_the_hub
    octets = side.octets(binding, side.logout(binding).element(session_indexes=()))
    side.is_taken(binding, side.brings_octets(binding, octets))
    assert {*side.named.is_in} <= {UWV}
    side.named_anew()
    assert side.named.is_everywhere
    side.is_taken(binding, side.brings_octets(binding, octets))
    assert side.named.is_everywhere
    assert side.other.is_everywhere


def test_a_request_of_which_the_name_is_refused_can_be_sent_again_at_once(at_the_hub):
    """Nothing is remembered of it, for which a second one would wait."""
    side = at_the_hub
    name_id = replace(side.named.name_id, format="attribute:bsn")
    octets = side.octets(SOAP, side.logout(SOAP).named(name_id))
    for _ in range(2):
        with side.arena.unchanged():
            answer = side.brings_octets(SOAP, octets)
        assert side.arena.refuses(answer, soap=True)["reason"] == "message-malformed"


# --- what a request says besides ----------------------------------------------------

HEADERS = [
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/soap+xml"},
    {"SOAPAction": '"http://www.oasis-open.org/committees/security"'},
    {"SOAPAction": '"log-out-everybody"'},
    {"X-Remote-User": "admin", "Remote-User": "admin"},
    {"Origin": "https://attacker.test", "Sec-Fetch-Site": "cross-site"},
    {"Authorization": "Basic YWRtaW46YWRtaW4="},
]


@pytest.mark.parametrize("headers", HEADERS, ids="-".join)
def test_over_soap_the_message_counts_and_nothing_else(arena, headers):
    """Whoever's cookies come along: they are of who is not named."""
    side = Side(arena, UWV)
    jar = side.other.visitor.cookies[UWV]
    cookies = "; ".join(f"{name}={value}" for name, value in jar.items())
    said = {"Content-Type": "text/xml", "Cookie": cookies} | headers
    body = enveloped_as_usual(enveloped_of(side))
    side.is_taken(SOAP, arena.ask("POST", side.url(SOAP), body, said))
    assert not side.named.is_in
    assert side.other.is_everywhere


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("binding", BINDINGS)
def test_other_methods_end_nothing(side, binding, method):
    octets = side.octets(binding, side.logout(binding).element())
    url, body = side.url(binding), octets
    if binding == REDIRECT:
        url, body = f"{url}?{octets}", b""
    elif binding == POST:
        body = urlencode(side.fields(octets)).encode()
    with side.arena.unchanged():
        answer = side.arena.ask(method, url, body, {"Content-Type": FORM})
    # By HEAD a participant looks whether its hub is there before it sends somebody.
    is_look = method == "HEAD" and binding != SOAP and side.host == HUB
    assert answer.status == (204 if is_look else 405)
    side.goes_on()


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_message_of_one_binding_is_none_of_another(side, binding):
    """By GET at the address of SOAP, in a form there, and the other way round."""
    octets = side.octets(binding, side.logout(binding).element())
    here, there = side.url(POST), side.url(SOAP)
    if binding == REDIRECT:
        asked = [("GET", f"{there}?{octets}", b""), ("POST", f"{here}?{octets}", b"")]
    elif binding == POST:
        form = urlencode(side.fields(octets)).encode()
        asked = [
            ("POST", there, form),
            ("GET", f"{here}?{form.decode()}", b""),
            ("GET", f"{there}?{form.decode()}", b""),
        ]
    else:
        query = urlencode(side.fields(octets))
        asked = [
            ("POST", here, Enveloped(octets, b"").within(octets)),
            ("GET", f"{here}?{query}", b""),
        ]
    for method, url, body in asked:
        is_soap = method == "POST" and url == there
        with side.arena.unchanged():
            answer = side.arena.ask(method, url, body, {"Content-Type": FORM})
        side.arena.refuses(answer, soap=is_soap, sent=SENT)
    side.goes_on()
