"""Forged questions for what an artifact stands for, and artifacts themselves (G18).

Over HTTP in an :mod:`arena`. What stands behind an artifact is given to the participant
that it was made for, once, and to nobody else; what is refused has not spent it
(bindings 3.6.5). A participant asks the hub for no artifact that is not of that.
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import time_machine
from arena import HUB, KADASTER, SVB, UWV, Visitor
from forging import ROOT, Message
from forging.documents import DOCUMENTS
from forging.envelopes import ENVELOPES, Enveloped
from forging.envelopes import GOOD as GOOD_ENVELOPES
from forging.resolves import HANDLES, RESOLVES, SHAPES, SOURCES, Resolve
from forging.shapes import SHAPES as WRAPPINGS
from forging.signatures import SIGNATURES
from forging.trying import by_kind, by_name
from known import at_hub
from parties import Party

from eilogin import clock
from eilogin.saml import bindings, messages, safe_xml

GENERIC = [*WRAPPINGS.of(ROOT), *SIGNATURES.of(ROOT), *DOCUMENTS.of(ROOT)]
DENIED = (messages.REQUESTER, messages.REQUEST_DENIED)


@dataclass
class Resolving:
    """A participant, and somebody signed in whose browser can bring it an artifact."""

    arena: object
    known: object
    resolve: Resolve

    def fresh(self):
        """The same with an artifact that was just made."""
        sender, hub = self.resolve.sender, self.arena.url(HUB, "/sso")
        request = messages.AuthnRequest(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=sender.entity_id,
            destination=hub,
        )
        element = messages.write_authn_request(request)
        url = sender.by_redirect(hub, "SAMLRequest", element, "r")
        answer = self.known.visitor.get(url)
        assert answer.location.startswith(self.arena.url(SVB, "/eilogin/acs?"))
        (artifact,) = parse_qs(urlsplit(answer.location).query)["SAMLart"]
        resolve = replace(self.resolve, artifact=artifact)
        return Resolving(self.arena, self.known, resolve)

    def brings(self, element, sender=None):
        octets = safe_xml.serialize((sender or self.resolve.sender).signed(element))
        return self.brings_envelope(Enveloped(octets, b"").within(octets))

    def brings_envelope(self, octets):
        return self.arena.soap(self.resolve.destination, octets)

    @contextmanager
    def is_refused(self, forgery):
        """What is brought inside gets a fault, for its trick, and nothing else."""
        answers = []
        with by_name(forgery):
            with self.arena.unchanged():
                yield answers.append
            (answer,) = answers
            told = self.arena.refuses(answer, soap=True)
            assert told["code"] == "login", told
            assert b"Assertion" not in answer.body
            forgery.expects(told["reason"])

    def gets(self, answer):
        """Status codes, and the name of who is logged in by what is carried."""
        assert answer.status == 200, answer.text
        inner = bindings.unwrap_soap(answer.body)
        response, carried = messages.read_artifact_response(inner)
        name = (
            None if carried is None else carried.find(f".//{safe_xml.q('saml:NameID')}")
        )
        return response.status.codes, None if name is None else name.text

    def goes_on(self):
        """After what was refused the good one gets the login (I8), and once."""
        codes, name = self.gets(self.brings(self.resolve.element()))
        assert codes == (messages.SUCCESS,)
        assert name
        assert self.gets(self.brings(self.resolve.element())) == (DENIED, None)


@pytest.fixture(scope="module")
def made(arena):
    known = at_hub(arena, "bram", SVB)
    trusts = arena.federation.trusts
    resolve = Resolve(
        sender=Party(trusts[SVB]),
        member=Party(trusts[UWV]),
        hub=trusts[HUB].own.entity_id,
        destination=trusts[HUB].own.url("artifact"),
        artifact="",
    )
    yield Resolving(arena, known, resolve)
    assert known.is_everywhere
    arena.others_stay()


@pytest.fixture
def resolving(made):
    return made.fresh()


# --- at the hub ---------------------------------------------------------------------


@pytest.mark.parametrize("forgeries", by_kind(RESOLVES))
def test_questions_that_say_the_wrong_thing(resolving, forgeries):
    for forgery in forgeries:
        element = forgery.make(resolving.resolve)
        with resolving.is_refused(forgery) as brought:
            brought(resolving.brings(element))
    resolving.goes_on()


@pytest.mark.parametrize("forgeries", by_kind(GENERIC))
def test_questions_that_are_forged(resolving, forgeries):
    for forgery in forgeries:
        octets = forgery.make(message_of(resolving))
        with resolving.is_refused(forgery) as brought:
            brought(resolving.brings_envelope(octets))
    resolving.goes_on()


def message_of(resolving):
    """A good question for an artifact of nobody; what is wanted is the real one."""
    resolve = resolving.resolve
    nothing = bindings.new_artifact(resolve.hub)
    root = resolve.sender.signed(resolve.element(artifact=nothing))
    return Message(
        root=root,
        covered=root,
        key=resolve.sender.key,
        stranger=resolving.arena.stranger,
        member=resolve.member.key,
        evil=resolve.element,
        outside=resolving.arena.outside.url,
        wrap=lambda octets: Enveloped(octets, b"").within(octets),
    )


@pytest.mark.parametrize("forgeries", by_kind(ENVELOPES))
def test_envelopes_that_are_forged(resolving, forgeries):
    for forgery in forgeries:
        octets = forgery.make(enveloped_of(resolving))
        with resolving.is_refused(forgery) as brought:
            brought(resolving.brings_envelope(octets))
    resolving.goes_on()


def enveloped_of(resolving):
    resolve = resolving.resolve
    evil = resolve.element(artifact=bindings.new_artifact(resolve.hub))
    return Enveloped(
        safe_xml.serialize(resolve.sender.signed(resolve.element())),
        safe_xml.serialize(evil),
    )


@pytest.mark.parametrize("good", [*GOOD_ENVELOPES], ids=str)
def test_a_good_envelope(resolving, good):
    octets = good.make(enveloped_of(resolving))
    codes, name = resolving.gets(resolving.brings_envelope(octets))
    assert (codes, bool(name)) == ((messages.SUCCESS,), True)


def test_a_question_may_name_no_destination(resolving):
    answer = resolving.brings(resolving.resolve.element(destination=""))
    assert resolving.gets(answer)[0] == (messages.SUCCESS,)


#: Not what the hub made: another reader may take some for the same.
OTHERS = SHAPES | SOURCES | HANDLES


@pytest.mark.parametrize("name", sorted(OTHERS.keys() - {"art-nothing", "art-huge"}))
def test_an_artifact_that_was_not_made_gets_nothing(resolving, name):
    artifact = OTHERS[name](resolving.resolve.artifact).replace("\0", "")
    if artifact == resolving.resolve.artifact:
        return  # a NUL cannot stand in XML
    with resolving.arena.unchanged():
        answer = resolving.brings(resolving.resolve.element(artifact=artifact))
    assert resolving.gets(answer) == (DENIED, None)
    resolving.goes_on()


def test_another_member_gets_nothing_and_spends_nothing(resolving):
    """In its own name, well signed; and in that of who may have it, by its own key."""
    resolve = resolving.resolve
    own = resolve.element(issuer=resolve.member.entity_id)
    with resolving.arena.unchanged():
        answer = resolving.brings(own, resolve.member)
    assert resolving.gets(answer) == (DENIED, None)
    with resolving.arena.unchanged():
        answer = resolving.brings(resolve.element(), resolve.member)
    told = resolving.arena.refuses(answer, soap=True)
    assert told["reason"] == "signature-untrusted"
    resolving.goes_on()


def test_an_artifact_is_void_after_two_minutes(resolving):
    with time_machine.travel(clock.now() + 121, tick=True):
        answer = resolving.brings(resolving.resolve.element())
        assert resolving.gets(answer) == (DENIED, None)


def test_a_question_that_comes_again_gets_nothing(resolving):
    """One that was answered: the very octets."""
    octets = safe_xml.serialize(
        resolving.resolve.sender.signed(resolving.resolve.element())
    )
    body = Enveloped(octets, b"").within(octets)
    assert resolving.gets(resolving.brings_envelope(body))[1]
    assert resolving.gets(resolving.brings_envelope(body)) == (DENIED, None)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_another_method_gets_nothing(resolving, method):
    octets = safe_xml.serialize(
        resolving.resolve.sender.signed(resolving.resolve.element())
    )
    body = Enveloped(octets, b"").within(octets)
    with resolving.arena.unchanged():
        url = resolving.resolve.destination
        answer = resolving.arena.ask(method, url, body, {"Content-Type": "text/xml"})
    assert answer.status == 405
    resolving.goes_on()


# --- at the participant -------------------------------------------------------------


class Begun:
    """A login that waits at the hub for an artifact, and the address for that."""

    def __init__(self, arena):
        self.arena, self.under_way = arena, arena.begin(SVB)
        self.url = arena.url(SVB, "/eilogin/acs")
        self.hub = arena.federation.trusts[HUB].own.entity_id

    def brings(self, query, *, by_form=False):
        visitor = self.under_way.visitor
        if by_form:
            answer = visitor.post(self.url, query.encode())
            return visitor.get(answer.location) if answer.location else answer
        return visitor.get(f"{self.url}?{query}")

    def query(self, artifact):
        state = quote(self.under_way.relay_state, safe="")
        return f"SAMLart={quote(artifact, safe='')}&RelayState={state}"

    def goes_on(self):
        """The good one of the same login is taken, and who signs in is logged in."""
        under_way = self.under_way
        page = self.arena.arrive(
            under_way.visitor, under_way.question.location, "chaima"
        )
        assert self.arena.user(page), (page, page.text)


@pytest.fixture
def begun(arena):
    return Begun(arena)


@pytest.fixture
def hub_is_asked(arena):
    """How often the hub was asked for an artifact."""
    asked = []
    app = arena.federation.apps[HUB]

    def counts(environ, start_response):
        asked.append(environ["PATH_INFO"])
        return app(environ, start_response)

    arena.federation.instead[HUB, "/artifact"] = counts
    yield asked
    del arena.federation.instead[HUB, "/artifact"]


@pytest.mark.parametrize("by_form", [False, True], ids=["query", "form"])
@pytest.mark.parametrize("names", [[*SHAPES], [*SOURCES]], ids=["shape", "source"])
def test_an_artifact_that_is_none_is_refused_and_the_hub_not_asked(
    arena, begun, hub_is_asked, names, by_form
):
    reason = "message-malformed" if "art-type-1" in names else "peer-unknown"
    for name in names:
        artifact = (SHAPES | SOURCES)[name](bindings.new_artifact(begun.hub))
        with by_name(name):
            with arena.unchanged():
                answer = begun.brings(begun.query(artifact), by_form=by_form)
            told = arena.refuses(answer)
            assert (told["code"], told["reason"]) == ("login", reason)
    assert hub_is_asked == []
    begun.goes_on()
    assert hub_is_asked == ["/artifact"]


def test_artifacts_of_members_are_not_of_the_hub(arena, begun, hub_is_asked):
    for host in (SVB, UWV, KADASTER):
        member = arena.federation.trusts[host].own.entity_id
        with arena.unchanged():
            answer = begun.brings(begun.query(bindings.new_artifact(member)))
        assert arena.refuses(answer)["reason"] == "peer-unknown"
    assert hub_is_asked == []
    begun.goes_on()


def _queries(begun):
    """Queries that another reader may understand in another way."""
    art = f"SAMLart={quote(bindings.new_artifact(begun.hub), safe='')}"
    state = f"RelayState={quote(begun.under_way.relay_state, safe='')}"
    return {
        "twice": f"{art}&{art}&{state}",
        "two-states": f"{art}&{state}&{state}",
        "encoded-name": f"SAML%61rt{art[7:]}&{state}",
        "encoded-name-beside": f"{art}&SAML%61rt=x&{state}",
        "other-case": f"samlart{art[7:]}&{state}",
        "nul-in-name": f"{art}&SAMLart%00=x&{state}",
        "state-with-lines": f"{art}&RelayState=a%0D%0Ab",
        "state-long": f"{art}&RelayState={'a' * 81}",
        "answer-beside": f"{art}&SAMLResponse=x&{state}",
        "question-beside": f"{art}&SAMLRequest=x&{state}",
        "broken-escape": f"{art}%&{state}",
        "huge": f"{art}&{state}&x={'y' * 17_000}",
        "many": "&".join([art, state, *(["a=b"] * 50)]),
        "semicolon": f"{art};{state}",
    }


def test_queries_that_are_forged(arena, begun, hub_is_asked):
    for name, query in _queries(begun).items():
        for by_form in (False, True):
            if by_form and name == "huge":
                continue  # a form may be as long
            with by_name(name, "by form" if by_form else "by query"):
                with arena.unchanged():
                    answer = begun.brings(query, by_form=by_form)
                arena.refuses(answer)
    assert hub_is_asked == []
    begun.goes_on()


def test_an_artifact_without_its_login_signs_nobody_in(arena, begun, hub_is_asked):
    """Without its RelayState, with that of another, and in another browser."""
    art = bindings.new_artifact(begun.hub)
    other = Begun(arena)
    asked = [
        (begun, f"SAMLart={quote(art, safe='')}"),
        (begun, other.query(art)),
        (begun, f"SAMLart={quote(art, safe='')}&RelayState=%2Fmijn"),
    ]
    for one, query in asked:
        with arena.unchanged():
            answer = one.brings(query)
        signs_nobody_in(arena, answer)
    stranger = Visitor(arena)
    with arena.unchanged():
        answer = stranger.get(f"{begun.url}?{begun.query(art)}")
    signs_nobody_in(arena, answer)
    assert hub_is_asked == []
    begun.goes_on()


def signs_nobody_in(arena, answer):
    """Assert that an answer signs nobody in and leads to a new login here, once."""
    if answer.status != 303:
        arena.refuses(answer)
        return
    assert "/eilogin/login?next=%2F&" in answer.location
    assert arena.is_ours(answer.location)
    assert not arena.user(answer)


@pytest.mark.parametrize("name", HANDLES)
def test_an_artifact_that_the_hub_does_not_know_logs_nobody_in(
    arena, begun, hub_is_asked, name
):
    artifact = HANDLES[name](bindings.new_artifact(begun.hub))
    told = arena.refuses(begun.brings(begun.query(artifact)))
    assert told["reason"] == "login-failed"
    assert hub_is_asked == ["/artifact"]
    begun.goes_on()


def test_no_more_than_three_are_brought_to_the_hub(arena, begun, hub_is_asked):
    for reason in ["login-failed"] * 3 + ["login-lost"] * 2:
        answer = begun.brings(begun.query(bindings.new_artifact(begun.hub)))
        assert arena.refuses(answer)["reason"] == reason
    assert len(hub_is_asked) == 3


def test_the_artifact_of_another_login_logs_nobody_in(arena, begun, made):
    """Of an attacker's own login, brought in the browser of somebody else's."""
    theirs = made.fresh().resolve.artifact
    told = arena.refuses(begun.brings(begun.query(theirs)))
    assert told["reason"] == "message-unexpected"
    page = begun.under_way.visitor.get(begun.under_way.page)
    assert not arena.user(page)
    begun.goes_on()
