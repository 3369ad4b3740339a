"""Forged questions for a login, at the hub, by Redirect and by POST (G20).

Over HTTP in an :mod:`arena`, from a browser that is signed in at the hub and from one
that is not. No answer goes anywhere but to an address of the asker's metadata (I7), and
there is no login in it unless the question is good.
"""

import base64
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

import pytest
from arena import HUB, SVB, UWV, Visitor
from forging import ROOT, Message
from forging.documents import DOCUMENTS
from forging.queries import GOOD as GOOD_QUERIES
from forging.queries import QUERIES, Redirect
from forging.questions import ATTACKER, GOOD, REFUSED, TOLD, Ask
from forging.shapes import SHAPES
from forging.signatures import SIGNATURES
from forging.trying import by_kind, by_name, is_even
from known import at_hub
from parties import Party

from eilogin.saml import bindings, messages, safe_xml

REDIRECT, POST = "redirect", "post"
#: Texts of the attacker that no page may show.
SENT = ["attacker.test", "<script>alert", "nobody.test"]
GENERIC = [*SHAPES.of(ROOT), *SIGNATURES.of(ROOT), *DOCUMENTS.of(ROOT)]


@dataclass
class Asking:
    """A participant that asks the hub in somebody's browser."""

    arena: object
    known: object
    ask: Ask

    @property
    def visitors(self):
        """Who is signed in, and a stranger."""
        return self.known.visitor, Visitor(self.arena)

    def octets(self, binding, element):
        sender = self.ask.sender
        if binding == REDIRECT:
            url = sender.by_redirect("", "SAMLRequest", element, "<r>")
            return url.partition("?")[2]
        return safe_xml.serialize(sender.signed(element))

    def brings(self, binding, octets, visitor):
        if binding == REDIRECT:
            answer = visitor.get(f"{self.ask.destination}?{octets}")
        else:
            fields = bindings.post_fields("SAMLRequest", octets, "<r>")
            answer = visitor.post(self.ask.destination, fields)
        if not answer.location:
            return answer
        # A page before the answer is at an address of its own, in this browser.
        url = urljoin(self.ask.destination, answer.location)
        assert url.startswith(f"{self.ask.destination}?request="), "I7"
        return visitor.get(url)

    @contextmanager
    def gets_a_page(self, forgery, how):
        """What is brought inside is refused for its trick, and answered nowhere."""
        answers = []
        with by_name(forgery, how):
            with self.arena.unchanged():
                yield answers.append
            for answer in answers:
                told = self.arena.refuses(answer, sent=SENT)
                assert told["code"] == "login", told
                assert answer.location is None, "I7"
                assert answer.form is None, "I7"
                forgery.expects(told["reason"])

    def goes_on(self):
        """After what was refused the good one is answered, with a login (I8)."""
        for binding in (REDIRECT, POST):
            octets = self.octets(binding, self.ask.element())
            self.is_answered(self.brings(binding, octets, self.known.visitor), "<r>")

    def is_answered(self, answer, relay_state):
        """There is a login, for who is signed in, where the metadata has it."""
        response, fields = self.told(answer)
        assert response.findtext(f".//{safe_xml.q('saml:NameID')}")
        assert codes_of(response) == (messages.SUCCESS,)
        assert fields.get("RelayState") == relay_state

    def told(self, answer):
        """What the participant is told, at its own address and no other."""
        assert answer.status == 200, (answer, answer.text)
        action, fields = answer.form
        assert action == self.ask.acs, "I7"
        assert answer.targets == [self.ask.acs], "I7"
        octets = base64.b64decode(fields["SAMLResponse"])
        assert "<script>alert" not in answer.text
        return safe_xml.parse(octets), fields


def codes_of(response):
    return messages.read_response(response).status.codes


@pytest.fixture(scope="module")
def asking(arena):
    known = at_hub(arena, "bram", UWV)
    trusts = arena.federation.trusts
    asking = Asking(
        arena,
        known,
        Ask(
            sender=Party(trusts[UWV]),
            member=Party(trusts[SVB]),
            hub=trusts[HUB].own.entity_id,
            destination=arena.url(HUB, "/sso"),
            acs=arena.url(UWV, "/eilogin/acs"),
            member_acs=arena.url(SVB, "/eilogin/acs"),
        ),
    )
    yield asking
    assert known.is_everywhere
    arena.others_stay()


# --- what gets a page ---------------------------------------------------------------


@pytest.mark.parametrize("binding", [REDIRECT, POST])
@pytest.mark.parametrize("forgeries", by_kind(REFUSED))
def test_questions_that_say_the_wrong_thing(asking, forgeries, binding):
    for forgery in forgeries:
        if forgery.name == "aq-id-empty" and binding == POST:
            continue  # there is nothing that a signature could refer to
        octets = asking.octets(binding, forgery.make(asking.ask))
        with asking.gets_a_page(forgery, binding) as brought:
            for visitor in asking.visitors:
                brought(asking.brings(binding, octets, visitor))
    asking.goes_on()


@pytest.mark.parametrize("forgeries", by_kind(GENERIC))
def test_questions_that_are_forged(asking, forgeries):
    for forgery in forgeries:
        octets = forgery.make(message_of(asking))
        with asking.gets_a_page(forgery, POST) as brought:
            brought(asking.brings(POST, octets, asking.visitors[is_even(forgery)]))
    asking.goes_on()


def message_of(asking):
    root = asking.ask.sender.signed(asking.ask.element())
    return Message(
        root=root,
        covered=root,
        key=asking.ask.sender.key,
        stranger=asking.arena.stranger,
        member=asking.arena.member,
        evil=lambda: asking.ask.element(acs_url=ATTACKER),
        outside=asking.arena.outside.url,
    )


@pytest.mark.parametrize("forgeries", by_kind(QUERIES))
def test_queries_that_are_forged(asking, forgeries):
    for forgery in forgeries:
        query = forgery.make(redirect_of(asking))
        with asking.gets_a_page(forgery, REDIRECT) as brought:
            for visitor in asking.visitors:
                brought(asking.brings(REDIRECT, query, visitor))
    asking.goes_on()


def redirect_of(asking):
    ask = asking.ask
    return Redirect(
        name="SAMLRequest",
        octets=safe_xml.serialize(ask.element()),
        evil=safe_xml.serialize(ask.element(acs_url=ATTACKER)),
        other=safe_xml.serialize(ask.element(force_authn=True)),
        relay_state="handle one",
        key=ask.sender.key,
        stranger=asking.arena.stranger,
        member=asking.arena.member,
    )


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
def test_another_method_is_no_question(asking, method):
    query = asking.octets(REDIRECT, asking.ask.element())
    with asking.arena.unchanged():
        url = f"{asking.ask.destination}?{query}"
        answer = asking.arena.ask(method, url, b"", {})
    # By HEAD a participant looks whether its hub is there before it sends somebody.
    assert answer.status == (204 if method == "HEAD" else 405)
    assert answer.location is None


def test_an_answer_is_no_question(asking):
    """A message of the right kind under the name of the other one."""
    element = asking.ask.element()
    made = asking.ask.sender.by_redirect("", "SAMLResponse", element, "r")
    fields = bindings.post_fields(
        "SAMLResponse", safe_xml.serialize(asking.ask.sender.signed(element)), "r"
    )
    for visitor in asking.visitors:
        with asking.arena.unchanged():
            got = visitor.get(f"{asking.ask.destination}{made}")
            posted = visitor.post(asking.ask.destination, fields)
        for answer in (got, posted):
            told = asking.arena.refuses(answer)
            assert told["reason"] == "message-malformed"


# --- what the participant is told ---------------------------------------------------


@pytest.mark.parametrize("binding", [REDIRECT, POST])
@pytest.mark.parametrize("told", TOLD, ids=str)
def test_a_question_that_gets_no_login(asking, told, binding):
    """Whether somebody is signed in or not, and nothing is kept of it."""
    for visitor in asking.visitors:
        octets = asking.octets(binding, told.make(asking.ask))
        answer = asking.brings(binding, octets, visitor)
        response, fields = asking.told(answer)
        assert codes_of(response) == tuple(told.codes)
        assert response.find(f".//{safe_xml.q('saml:Assertion')}") is None
        assert fields["RelayState"] == "<r>"
        assert "<r>" not in answer.text
        assert "attacker.test" not in answer.text
    asking.goes_on()


def test_a_question_without_asking_gets_no_login_of_a_stranger(asking):
    octets = asking.octets(REDIRECT, asking.ask.element(is_passive=True))
    response, _ = asking.told(asking.brings(REDIRECT, octets, Visitor(asking.arena)))
    assert codes_of(response) == (messages.RESPONDER, messages.NO_PASSIVE)


def test_a_question_that_forces_gets_no_login_of_who_is_signed_in_already(asking):
    """Nor where it may not ask her: then it is told so."""
    visitor = asking.known.visitor
    octets = asking.octets(REDIRECT, asking.ask.element(force_authn=True))
    answer = asking.brings(REDIRECT, octets, visitor)
    action, fields = answer.form
    assert action.startswith(asking.arena.url(HUB, "/login?"))
    assert "SAMLResponse" not in fields
    both = asking.ask.element(force_authn=True, is_passive=True)
    answer = asking.brings(REDIRECT, asking.octets(REDIRECT, both), visitor)
    response, _ = asking.told(answer)
    assert codes_of(response) == (messages.RESPONDER, messages.NO_PASSIVE)


# --- what is good -------------------------------------------------------------------


@pytest.mark.parametrize("binding", [REDIRECT, POST])
@pytest.mark.parametrize("name", GOOD)
def test_a_good_question(asking, name, binding):
    octets = asking.octets(binding, GOOD[name](asking.ask))
    answer = asking.brings(binding, octets, asking.known.visitor)
    asking.is_answered(answer, "<r>")


@pytest.mark.parametrize("name", GOOD)
def test_a_good_question_has_a_stranger_sign_in(asking, name):
    octets = asking.octets(REDIRECT, GOOD[name](asking.ask))
    visitor = Visitor(asking.arena)
    page = asking.brings(REDIRECT, octets, visitor)
    assert 'name="password"' in page.text
    for text in SENT:
        assert text not in page.text
    for url in page.targets:
        assert asking.arena.is_ours(url), "I7"


@pytest.mark.parametrize("good", [*GOOD_QUERIES], ids=str)
def test_a_good_query(asking, good):
    query = good.make(redirect_of(asking))
    answer = asking.brings(REDIRECT, query, asking.known.visitor)
    asking.is_answered(answer, "handle one")


# --- replay -------------------------------------------------------------------------


def test_a_question_that_another_browser_brings_too_logs_nobody_in(asking):
    """aq-replay: the hub answers whoever signs in; who has begun it can use that."""
    arena, thief = asking.arena, asking.known.visitor
    under_way = arena.begin(UWV)
    url = under_way.question.location
    page = thief.get(url)
    if page.location:
        page = thief.get(urljoin(url, page.location))
    action, fields = page.form
    # In a browser that has begun nothing there.
    other = Visitor(arena)
    kept = other.post(action, fields)
    anew = other.get(urljoin(action, kept.location))
    if anew.location is None:
        assert arena.refuses(anew)["reason"] in ("login-lost", "cookies-refused")
    else:
        # It begins anew there, for whoever has that browser.
        assert "/eilogin/login?" in anew.location
        assert not arena.user(anew)
    # The question is still good in the browser in which it was asked.
    page = arena.arrive(under_way.visitor, url, "chaima")
    assert arena.user(page), (page, page.text)


def test_a_question_that_is_brought_twice_is_one_question(asking):
    """In one browser, as by its back button: it is answered as before."""
    octets = asking.octets(REDIRECT, asking.ask.element())
    request_id = safe_xml.parse(bindings.read_redirect(octets).octets).get("ID")
    for _ in range(2):
        answer = asking.brings(REDIRECT, octets, asking.known.visitor)
        response, _ = asking.told(answer)
        assert response.get("InResponseTo") == request_id
        assert codes_of(response) == (messages.SUCCESS,)
