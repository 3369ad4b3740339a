"""Mutants of signed messages: refused, or they say what was signed, to the letter.

Each operation of ``mutants`` on each element of each message, and lists of them that
hypothesis makes and shrinks (Attacks I1). Each door runs the code of its address;
``contrib/fuzz`` goes on with the same mutants for longer.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from good_messages import (
    ACS,
    ARTIFACT_RESPONSE,
    ASSERTION,
    AUTHN_REQUEST,
    HUB,
    LOGOUT_REQUEST,
    LOGOUT_RESPONSE,
    NOW,
    PARTICIPANT,
    REQUEST,
    RESOLVE,
    RESPONSE,
    SLO,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from mutants import EVIL, MOST_STEPS, OPERATIONS, mutated

from eilogin.errors import OpinionsDiffer, PeerUnusable, Refused
from eilogin.saml import messages
from eilogin.saml.artifact_responses import open_artifact_response
from eilogin.saml.bindings import ARTIFACT, POST, REDIRECT, SOAP, wrap_soap
from eilogin.saml.message_checks import verified
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    ServiceProvider,
    read_federation,
    write_entity,
    write_federation,
)
from eilogin.saml.response_checks import Expected, accept
from eilogin.saml.safe_xml import parse, q, serialize
from eilogin.saml.second_opinion import SecondOpinion, can_judge
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_encryption import Decrypter, encrypt
from eilogin.saml.xml_signatures import sign
from eilogin.web.inbound_messages import open_soap

#: Of fuzz with the same seed each time, so that it takes as long each time.
fixed = partial(settings, derandomize=True, database=None)


@dataclass(frozen=True)
class Kind:
    """A kind of message, well made, and the door that it goes through."""

    octets: bytes
    #: What it says to who reads it, as the door gives it.
    says: object
    door: Callable[[bytes], Any]

    def outcome(self, octets):
        """Whether it is accepted, or the code of the refusal."""
        try:
            found = self.door(octets)
        except (Refused, PeerUnusable) as error:
            return error.code
        assert found == self.says, "accepted, and nobody signed it"
        return "accepted"


# --- the messages, and the doors that they go through -------------------------------


@pytest.fixture(scope="module")
def hub_key():
    return SigningKey.load(*new_key_pair("hub"))


@pytest.fixture(scope="module")
def reader_key():
    return SigningKey.load(*new_key_pair("reader"))


@pytest.fixture(scope="module")
def opinion(hub_key):
    with time_machine.travel(NOW, tick=False):
        yield SecondOpinion(
            PARTICIPANT,
            ACS,
            HUB,
            "https://inloggen.example.nl/sso",
            [hub_key.certificate_text],
        )


@dataclass(frozen=True)
class Writer:
    """Writes answers as the hub does, for one who reads what is encrypted."""

    hub_key: SigningKey
    reader_key: SigningKey

    def signed(self, element):
        sign(element, self.hub_key)
        return element

    def assertion(self):
        return messages.write_assertion(ASSERTION)

    def response(self, content):
        return messages.write_response(RESPONSE, content)

    def in_artifact(self, carried):
        return messages.write_artifact_response(ARTIFACT_RESPONSE, carried)

    def hidden(self, element, wrapper="saml:EncryptedAssertion"):
        return encrypt(element, wrapper, self.reader_key.public)

    def with_hidden_parts(self):
        whole = self.assertion()
        for name, wrapper in (
            ("saml:NameID", "saml:EncryptedID"),
            ("saml:Attribute", "saml:EncryptedAttribute"),
        ):
            part = whole.find(f".//{q(name)}")
            part.getparent().replace(part, self.hidden(part, wrapper))
        return self.signed(whole)


@dataclass(frozen=True)
class Doors:
    """What is behind the addresses of a participant, by the binding."""

    hub_key: SigningKey
    reader_key: SigningKey
    opinion: SecondOpinion

    def expected(self):
        # For one message: a Decrypter counts what it costs.
        return Expected(
            request_id=REQUEST,
            acs_url=ACS,
            audience=PARTICIPANT,
            issuer=HUB,
            keys=[self.hub_key.public],
            now=NOW,
            destination_required=True,
            decrypter=Decrypter([self.reader_key.private]),
        )

    def answer_by_post(self, octets):
        root = parse(octets)
        found = accept(root, self.expected())
        if can_judge(root):
            self.opinion.confirm(octets, REQUEST)
        return found

    def answer_by_artifact(self, octets):
        carried = open_artifact_response(
            parse(octets),
            keys=[self.hub_key.public],
            issuer=HUB,
            in_response_to=RESOLVE,
            now=NOW,
        )
        return accept(carried, self.expected())

    def by_post(self, read, octets):
        return read(verified(parse(octets), [self.hub_key.public]))

    def over_soap(self, read, octets):
        return read(
            open_soap(octets, lambda _: SimpleNamespace(keys=[self.hub_key.public]))[0]
        )

    def metadata(self, octets):
        return read_federation(octets, [self.hub_key.public])


@pytest.fixture(scope="module")
def kinds(hub_key, reader_key, opinion):
    """Every kind of message by its name."""
    doors = Doors(hub_key, reader_key, opinion)
    writer = Writer(hub_key, reader_key)
    return {**answers(writer, doors), **others(writer, doors), **metadata(doors)}


def answers(hub, doors):
    by_post = {
        "signed assertion": hub.response(hub.signed(hub.assertion())),
        "signed response": hub.signed(hub.response(hub.assertion())),
        "both signed": hub.signed(hub.response(hub.signed(hub.assertion()))),
        "encrypted": hub.response(hub.hidden(hub.signed(hub.assertion()))),
        "encrypted and signed": hub.signed(hub.response(hub.hidden(hub.assertion()))),
        "hidden parts": hub.response(hub.with_hidden_parts()),
    }
    by_artifact = {
        "by artifact": hub.signed(hub.in_artifact(hub.response(hub.assertion()))),
        "by artifact, all signed": hub.signed(
            hub.in_artifact(hub.signed(hub.response(hub.signed(hub.assertion()))))
        ),
    }
    return {
        name: Kind(serialize(element), ASSERTION, door)
        for elements, door in (
            (by_post, doors.answer_by_post),
            (by_artifact, doors.answer_by_artifact),
        )
        for name, element in elements.items()
    }


def others(hub, doors):
    known = {}
    for name, value, write, read in (
        (
            "LogoutRequest",
            LOGOUT_REQUEST,
            messages.write_logout_request,
            messages.read_logout_request,
        ),
        (
            "LogoutResponse",
            LOGOUT_RESPONSE,
            messages.write_logout_response,
            messages.read_logout_response,
        ),
        (
            "AuthnRequest",
            AUTHN_REQUEST,
            messages.write_authn_request,
            messages.read_authn_request,
        ),
    ):
        element = hub.signed(write(value))
        known[name] = Kind(serialize(element), value, partial(doors.by_post, read))
        known[f"{name} over SOAP"] = Kind(
            wrap_soap(element), value, partial(doors.over_soap, read)
        )
    return known


def metadata(doors):
    # The hub's key is everybody's.
    key = doors.hub_key
    participant = EntityDescriptor(
        entity_id=PARTICIPANT,
        service_provider=ServiceProvider(
            signing_certificates=(key.certificate_text,),
            assertion_consumers=(
                Endpoint(POST, ACS, index=0),
                Endpoint(ARTIFACT, ACS, index=1, is_default=True),
            ),
            single_logouts=(Endpoint(REDIRECT, SLO), Endpoint(SOAP, f"{SLO}/soap")),
        ),
        names={"nl": "Mijn UWV"},
    )
    hub = EntityDescriptor(
        entity_id=HUB,
        identity_provider=IdentityProvider(
            signing_certificates=(key.certificate_text,),
            single_sign_ons=(Endpoint(REDIRECT, "https://inloggen.example.nl/sso"),),
        ),
    )
    written = {
        "federation": write_federation(
            [participant, hub], name="Test", valid_until=NOW + 86400, key=key
        ),
        "entity": write_entity(hub, key),
    }
    return {
        name: Kind(octets, doors.metadata(octets), doors.metadata)
        for name, octets in written.items()
    }


ANSWERS = (
    "signed assertion",
    "signed response",
    "both signed",
    "encrypted",
    "encrypted and signed",
    "hidden parts",
    "by artifact",
    "by artifact, all signed",
)
OTHERS = tuple(
    f"{name}{how}"
    for name in ("LogoutRequest", "LogoutResponse", "AuthnRequest")
    for how in ("", " over SOAP")
)
METADATA = ("federation", "entity")
NAMES = (*ANSWERS, *OTHERS, *METADATA)


# --- the attacks --------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_good_twin_is_accepted(kinds, name):
    assert kinds[name].outcome(kinds[name].octets) == "accepted"


@pytest.mark.parametrize("name", NAMES)
def test_each_operation_on_each_element_gives_nothing_that_was_not_signed(kinds, name):
    kind = kinds[name]
    count = len(list(etree.fromstring(kind.octets).iter(etree.Element)))
    seen = Counter()
    for operation in range(len(OPERATIONS)):
        for one in range(count):
            # The other place: a neighbour, and one far away; of each kind in turn.
            other = (one * 7 + operation) % count
            octets = mutated(kind.octets, [(operation, one, other)])
            seen[kind.outcome(octets)] += 1
    assert seen["message-malformed"] > count
    assert seen["signature-untrusted"] + seen["decryption-failed"] > 0
    assert set(seen) <= {
        "accepted",
        "message-malformed",
        "message-too-large",
        "signature-untrusted",
        "decryption-failed",
        "login-failed",
        "peer-unknown",
        "message-unexpected",
        "message-misdirected",
        "message-expired",
        "peer-unusable",
        "peer-without-keys",
    }


steps = st.lists(
    st.tuples(
        st.integers(0, len(OPERATIONS) - 1), st.integers(0, 99), st.integers(0, 99)
    ),
    min_size=1,
    max_size=MOST_STEPS,
)


@pytest.mark.parametrize("name", NAMES)
@fixed(max_examples=60)
@given(steps=steps)
def test_no_list_of_operations_gives_what_was_not_signed(kinds, name, steps):
    kind = kinds[name]
    kind.outcome(mutated(kind.octets, steps))


@pytest.mark.parametrize("name", ["signed assertion", "LogoutRequest", "federation"])
@fixed(max_examples=60)
@given(
    at=st.integers(0, 2**16),
    length=st.integers(0, 40),
    instead=st.sampled_from(
        [
            b"",
            b"<!---->",
            b"<?x?>",
            b"&#65;",
            b"<![CDATA[x]]>",
            b"\xc2\x85",
            b"\0",
            b">",
        ]
    )
    | st.binary(max_size=3),
)
def test_no_octets_in_other_places_give_what_was_not_signed(
    kinds, name, at, length, instead
):
    kind = kinds[name]
    at %= len(kind.octets)
    kind.outcome(kind.octets[:at] + instead + kind.octets[at + length :])


# --- the mutants are mutants ----------------------------------------------------------


@pytest.mark.parametrize("operation", range(len(OPERATIONS)))
def test_each_operation_changes_the_message(kinds, operation):
    octets = kinds["signed assertion"].octets
    whole = etree.tostring(etree.fromstring(octets))
    places = product(range(30), repeat=2)
    mutants = (mutated(octets, [(operation, *place)]) for place in places)
    assert any(mutant not in (whole, b"") for mutant in mutants)


def test_some_mutants_would_log_in_somebody_else(kinds):
    """If nobody looked at signatures: the attacks are what they seem."""
    octets = kinds["signed assertion"].octets
    found = set()
    for operation in range(len(OPERATIONS)):
        for one in range(1, 30):
            root = etree.fromstring(mutated(octets, [(operation, one, one)]))
            found |= set(root.xpath("//*[local-name()='NameID']/text()"))
    assert EVIL in found


def test_a_disagreement_of_the_two_opinions_would_be_seen(kinds, opinion):
    octets = kinds["signed assertion"].octets
    with pytest.raises(OpinionsDiffer):
        opinion.confirm(octets, "_another")
