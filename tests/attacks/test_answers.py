"""Forged, wrapped and borrowed login answers: each refused, each beside its good twin.

The attacker of these tests has a validly signed answer of her own (logging in is not
forbidden), a key of her own, and the victim's request ID where that helps her. What she
wants is that ``accept`` gives an assertion about ``admin``.
"""

import copy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from eilogin.errors import (
    DecryptionFailed,
    MalformedMessage,
    MessageExpired,
    MessageMisdirected,
    MessageUnexpected,
    Refused,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.saml.messages import (
    Assertion,
    NameID,
    Response,
    Status,
    write_assertion,
    write_response,
)
from eilogin.saml.response_checks import Expected, accept
from eilogin.saml.safe_xml import parse, q, serialize
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_encryption import Decrypter, encrypt
from eilogin.saml.xml_signatures import sign

NOW = 1_767_268_800.0
HUB = "https://inloggen.example.nl/metadata"
PARTICIPANT = "https://uwv.example.nl/eilogin/metadata"
ACS = "https://uwv.example.nl/eilogin/acs"
REQUEST = "_b1e2a3f4"
MINE = "mallory"

ASSERTION = Assertion(
    id="_mine",
    issued=NOW,
    issuer=HUB,
    name_id=NameID(MINE),
    recipient=ACS,
    in_response_to=REQUEST,
    confirmation_ends=NOW + 120,
    not_before=NOW - 120,
    not_on_or_after=NOW + 120,
    audiences=((PARTICIPANT,),),
    authn_instant=NOW,
    session_index="_s1",
    session_ends=NOW + 7200,
    level_class="urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
    attributes={"naam": ["Mallory"]},
)
RESPONSE = Response("_r1", NOW, HUB, Status(), REQUEST, ACS)


@pytest.fixture(scope="module")
def hub_key():
    return SigningKey.load(*new_key_pair("hub"))


@pytest.fixture(scope="module")
def attacker_key():
    return SigningKey.load(*new_key_pair("attacker"))


@pytest.fixture(scope="module")
def expected(hub_key):
    return Expected(
        request_id=REQUEST,
        acs_url=ACS,
        audience=PARTICIPANT,
        issuer=HUB,
        keys=[hub_key.public],
        now=NOW,
        destination_required=True,
    )


def signed_assertion(key, **changes):
    element = write_assertion(replace(ASSERTION, **changes))
    sign(element, key)
    return element


def with_signed_assertion(key):
    """The attacker's own good answer, of which the assertion is signed."""
    return write_response(RESPONSE, signed_assertion(key))


def with_signed_response(key):
    """The attacker's own good answer, of which the whole is signed."""
    response = write_response(RESPONSE, write_assertion(ASSERTION))
    sign(response, key)
    return response


def evil_assertion(identifier="_evil"):
    return write_assertion(replace(ASSERTION, id=identifier, name_id=NameID("admin")))


def received(element):
    """The message after its journey: nothing of the sender's tree is left in it."""
    return parse(serialize(element))


def assertion_of(response):
    return response.find(q("saml:Assertion"))


def signature_of(element):
    return element.find(q("ds:Signature"))


@pytest.mark.parametrize("make", [with_signed_assertion, with_signed_response])
def test_the_good_twin_is_accepted(make, hub_key, expected):
    assert accept(received(make(hub_key)), expected) == ASSERTION


# --- signature wrapping (Somorovsky et al. 2012, section 4; SAML Raider) ------------


def xsw1(response):
    """The signed Response inside the signature of an evil one."""
    evil = _evil_response(response)
    signature = signature_of(response)
    response.remove(signature)
    signature.append(response)
    evil.insert(1, signature)
    return evil


def xsw2(response):
    """The signed Response before its signature, in an evil one."""
    evil = _evil_response(response)
    signature = signature_of(response)
    response.remove(signature)
    evil.insert(1, signature)
    evil.insert(1, response)
    return evil


def xsw2_in_extensions(response):
    """The signed Response with its signature in the Extensions of an evil one."""
    evil = _evil_response(response)
    extensions = etree.Element(q("samlp:Extensions"))
    extensions.append(response)
    evil.insert(1, extensions)
    return evil


def xsw3(response):
    """An evil assertion before the signed one."""
    assertion_of(response).addprevious(evil_assertion())
    return response


def xsw3_after(response):
    """An evil assertion after the signed one."""
    response.append(evil_assertion())
    return response


def xsw4(response):
    """The signed assertion inside an evil one."""
    original = assertion_of(response)
    evil = evil_assertion()
    response.replace(original, evil)
    evil.append(original)
    return response


def xsw5(response):
    """The signature in an evil assertion, what it signs after that."""
    original = assertion_of(response)
    evil = evil_assertion()
    evil.insert(1, signature_of(original))
    original.addprevious(evil)
    return response


def xsw6(response):
    """The signature in an evil assertion, what it signs inside the signature."""
    original = assertion_of(response)
    evil = evil_assertion()
    signature = signature_of(original)
    evil.insert(1, signature)
    response.replace(original, evil)
    signature.append(original)
    return response


def xsw7(response):
    """The signed assertion last, the evil one in Extensions."""
    extensions = etree.Element(q("samlp:Extensions"))
    extensions.append(evil_assertion())
    response.insert(1, extensions)
    return response


def xsw8(response):
    """The signed assertion in a ds:Object of its signature in an evil assertion."""
    original = assertion_of(response)
    evil = evil_assertion()
    signature = signature_of(original)
    evil.insert(1, signature)
    response.replace(original, evil)
    etree.SubElement(signature, q("ds:Object")).append(original)
    return response


def same_id(response):
    """An evil assertion with the ID that the signature refers to."""
    original = assertion_of(response)
    original.addprevious(evil_assertion(original.get("ID")))
    return response


def same_id_with_signature(response):
    """A copy of the signature in an evil assertion of the same ID."""
    original = assertion_of(response)
    evil = evil_assertion(original.get("ID"))
    evil.insert(1, copy.deepcopy(signature_of(original)))
    original.addprevious(evil)
    return response


def in_place(response):
    """The signature, and the signed assertion gone."""
    original = assertion_of(response)
    evil = evil_assertion(original.get("ID"))
    evil.insert(1, signature_of(original))
    response.replace(original, evil)
    return response


def hidden_in(path, wrapper):
    """The signed assertion in some corner of an evil one."""

    def attack(response):
        original = assertion_of(response)
        evil = evil_assertion()
        response.replace(original, evil)
        corner = evil.find(path) if path else evil
        etree.SubElement(corner, wrapper).append(original)
        return response

    attack.__name__ = f"hidden_in_{etree.QName(wrapper).localname}"
    return attack


def hidden_in_status_detail(response):
    """The signed assertion in StatusDetail, an evil one in its place."""
    original = assertion_of(response)
    response.replace(original, evil_assertion())
    status = response.find(q("samlp:Status"))
    etree.SubElement(status, q("samlp:StatusDetail")).append(original)
    return response


def _evil_response(response):
    evil = write_response(replace(RESPONSE, id="_evil_response"), evil_assertion())
    assert evil.get("ID") != response.get("ID")
    return evil


SUBJECT_DATA = "/".join(
    q(f"saml:{name}")
    for name in ("Subject", "SubjectConfirmation", "SubjectConfirmationData")
)
ATTRIBUTE = "/".join(q(f"saml:{name}") for name in ("AttributeStatement", "Attribute"))

OF_A_SIGNED_RESPONSE = [xsw1, xsw2, xsw2_in_extensions]
OF_A_SIGNED_ASSERTION = [
    xsw3,
    xsw3_after,
    xsw4,
    xsw5,
    xsw6,
    xsw7,
    xsw8,
    same_id,
    same_id_with_signature,
    in_place,
    hidden_in("", q("saml:Advice")),
    hidden_in(SUBJECT_DATA, q("ds:KeyInfo")),
    hidden_in(ATTRIBUTE, q("saml:AttributeValue")),
    hidden_in_status_detail,
]


@pytest.mark.parametrize("attack", OF_A_SIGNED_RESPONSE, ids=lambda f: f.__name__)
def test_a_wrapped_response_is_refused(attack, hub_key, expected):
    response = attack(with_signed_response(hub_key))
    with pytest.raises((MalformedMessage, UntrustedSignature)):
        accept(received(response), expected)


@pytest.mark.parametrize("attack", OF_A_SIGNED_ASSERTION, ids=lambda f: f.__name__)
def test_a_wrapped_assertion_is_refused(attack, hub_key, expected):
    response = attack(with_signed_assertion(hub_key))
    with pytest.raises((MalformedMessage, UntrustedSignature)):
        accept(received(response), expected)


@pytest.mark.parametrize("attack", OF_A_SIGNED_ASSERTION, ids=lambda f: f.__name__)
def test_a_wrapped_assertion_is_refused_though_the_schema_is_not_asked(
    attack, hub_key, expected, monkeypatch
):
    """The schema catches many of these; it is not all that stands in the way."""
    monkeypatch.setattr(
        "eilogin.saml.response_checks.validate", lambda element, schema: None
    )
    with pytest.raises((MalformedMessage, UntrustedSignature)):
        accept(received(attack(with_signed_assertion(hub_key))), expected)


# --- the same, with an encryption key that everybody can read in metadata -----------


@pytest.fixture(scope="module")
def reader_key():
    return SigningKey.load(*new_key_pair("reader"))


def who_reads(expected, key):
    """One message is read: a decrypter counts what that costs."""
    return replace(expected, decrypter=Decrypter([key.private]))


@pytest.fixture
def reading(expected, reader_key):
    return who_reads(expected, reader_key)


def encrypted(assertion, key):
    return encrypt(assertion, "saml:EncryptedAssertion", key.public)


def with_encrypted(key, reader):
    """The attacker's own good answer: its assertion signed, and encrypted for us."""
    return write_response(RESPONSE, encrypted(signed_assertion(key), reader))


REFUSALS = (MalformedMessage, UntrustedSignature, DecryptionFailed)


def test_the_good_encrypted_twin_is_accepted(hub_key, reader_key, reading):
    assert accept(received(with_encrypted(hub_key, reader_key)), reading) == ASSERTION


@pytest.mark.parametrize("attack", OF_A_SIGNED_ASSERTION, ids=lambda f: f.__name__)
def test_a_wrapping_assertion_that_is_encrypted_is_refused(
    attack, hub_key, reader_key, reading
):
    """The evil one for our eyes only, the honest one where the attack left it."""
    response = attack(with_signed_assertion(hub_key))
    name = f"{q('saml:Subject')}/{q('saml:NameID')}"
    assertions = response.iter(q("saml:Assertion"))
    evil = next(each for each in assertions if each.findtext(name) == "admin")
    evil.getparent().replace(evil, encrypted(evil, reader_key))
    with pytest.raises(REFUSALS):
        accept(received(response), reading)


@pytest.fixture(params=["by-the-schema", "whatever-the-schema"])
def schema(request, monkeypatch):
    if request.param == "whatever-the-schema":
        monkeypatch.setattr("eilogin.saml.response_checks.validate", lambda *_: None)


@pytest.mark.usefixtures("schema")
@pytest.mark.parametrize("attack", OF_A_SIGNED_ASSERTION, ids=lambda f: f.__name__)
def test_a_wrapped_assertion_within_a_ciphertext_is_refused(
    attack, hub_key, reader_key, reading
):
    response = attack(with_signed_assertion(hub_key))
    for assertion in response.findall(q("saml:Assertion")):
        response.replace(assertion, encrypted(assertion, reader_key))
    with pytest.raises(REFUSALS):
        accept(received(response), reading)


def test_an_encrypted_assertion_beside_a_signed_one_is_refused(
    hub_key, reader_key, reading
):
    """CVE-2024-9487."""
    for place in (0, 2, 3):
        response = with_signed_assertion(hub_key)
        response.insert(place, encrypted(evil_assertion(), reader_key))
        with pytest.raises(MalformedMessage):
            accept(received(response), reading)


def test_an_encrypted_assertion_that_nobody_signed_is_refused(
    hub_key, attacker_key, reader_key, reading
):
    own = evil_assertion()
    sign(own, attacker_key)
    for evil in (evil_assertion(), own):
        response = write_response(RESPONSE, encrypted(evil, reader_key))
        with pytest.raises(DecryptionFailed):
            accept(received(response), reading)
        sign(response, attacker_key)
        with pytest.raises(UntrustedSignature):
            accept(received(response), reading)


def test_an_encrypted_name_in_a_clear_assertion_is_covered_by_its_signature(
    hub_key, reader_key, reading
):
    assertion = write_assertion(ASSERTION)
    name_id = next(assertion.iter(q("saml:NameID")))
    evil = etree.fromstring(serialize(name_id).replace(b"mallory", b"admin"))
    hidden = encrypt(name_id, "saml:EncryptedID", reader_key.public)
    name_id.getparent().replace(name_id, hidden)
    sign(assertion, hub_key)
    response = write_response(RESPONSE, assertion)
    assert accept(received(response), reading) == ASSERTION
    other = encrypt(evil, "saml:EncryptedID", reader_key.public)
    hidden.getparent().replace(hidden, other)
    with pytest.raises(UntrustedSignature):
        accept(received(response), reading)


# --- signatures that are missing, foreign or about something else -------------------


@pytest.mark.parametrize("make", [with_signed_assertion, with_signed_response])
def test_a_stripped_signature_is_missed(make, hub_key, expected):
    response = make(hub_key)
    signature = next(response.iter(q("ds:Signature")))
    signature.getparent().remove(signature)
    with pytest.raises(UntrustedSignature):
        accept(received(response), expected)


@pytest.mark.parametrize("make", [with_signed_assertion, with_signed_response])
def test_a_key_that_comes_with_the_message_is_not_taken(make, attacker_key, expected):
    with pytest.raises(UntrustedSignature):
        accept(received(make(attacker_key)), expected)


def test_the_certificate_of_the_hub_beside_another_key_helps_nobody(
    hub_key, attacker_key, expected
):
    response = with_signed_assertion(attacker_key)
    certificate = next(response.iter(q("ds:X509Certificate")))
    certificate.text = hub_key.certificate_text
    with pytest.raises(UntrustedSignature):
        accept(received(response), expected)


def test_a_value_that_was_changed_is_noticed(hub_key, expected):
    octets = serialize(with_signed_assertion(hub_key))
    assert octets.count(MINE.encode()) == 1
    with pytest.raises(UntrustedSignature):
        accept(parse(octets.replace(MINE.encode(), b"admin")), expected)


def test_an_envelope_may_be_signed_by_nobody_else(hub_key, attacker_key, expected):
    response = with_signed_assertion(hub_key)
    sign(response, attacker_key)
    with pytest.raises(UntrustedSignature):
        accept(received(response), expected)


def test_a_comment_splits_no_name(hub_key, expected):
    """CVE-2017-11427: canonical XML has no comments, so the signature holds."""
    name_id = NameID("admin@uwv.example.nl.evil.test")
    response = write_response(RESPONSE, signed_assertion(hub_key, name_id=name_id))
    octets = serialize(response).replace(b".nl.evil", b".nl<!-- -->.evil")
    assert accept(parse(octets), expected).name_id == name_id


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"<![CDATA[mallory]]>", id="cdata"),
        pytest.param(b"&#x6d;allory", id="reference"),
    ],
)
def test_another_spelling_of_the_same_octets_is_the_same_name(
    octets, hub_key, expected
):
    message = serialize(with_signed_assertion(hub_key)).replace(b"mallory", octets)
    assert accept(parse(message), expected).name_id.value == MINE


# --- answers that are true, and for somebody else -----------------------------------

BORROWED = [
    pytest.param({"issuer": "https://other.example.nl/"}, UnknownPeer, id="other-hub"),
    pytest.param(
        {"audiences": (("https://svb.example.nl/eilogin/metadata",),)},
        MessageMisdirected,
        id="made-for-another-participant",
    ),
    pytest.param(
        {"recipient": "https://svb.example.nl/eilogin/acs"},
        MessageMisdirected,
        id="sent-to-another-participant",
    ),
    pytest.param({"in_response_to": "_mine"}, MessageUnexpected, id="other-request"),
    pytest.param({"in_response_to": ""}, MessageUnexpected, id="stolen-unsolicited"),
    pytest.param({"confirmation_ends": NOW - 61}, MessageExpired, id="kept-too-long"),
    pytest.param({"not_on_or_after": NOW - 61}, MessageExpired, id="expired"),
    pytest.param({"session_ends": NOW - 1}, MessageExpired, id="session-over"),
    pytest.param({"issued": NOW - 3600}, MessageExpired, id="an-hour-old"),
]


@pytest.mark.parametrize(("changes", "error"), BORROWED)
def test_an_assertion_for_another_moment_or_party_is_refused(
    changes, error, hub_key, expected
):
    if changes.get("not_on_or_after"):
        changes = {**changes, "not_before": None}
    response = write_response(RESPONSE, signed_assertion(hub_key, **changes))
    with pytest.raises(error):
        accept(received(response), expected)


def test_the_assertion_of_another_login_in_our_envelope_is_refused(hub_key, expected):
    """The envelope, which nobody signed, names our request; the assertion does not."""
    response = write_response(
        RESPONSE, signed_assertion(hub_key, in_response_to="_of_the_attacker")
    )
    with pytest.raises(MessageUnexpected):
        accept(received(response), expected)


# --- mutants ------------------------------------------------------------------------


def _graft(one, other):
    """A part of an evil assertion, of the same name as one, into other."""
    evil = next(evil_assertion().iter(one.tag), None)
    if evil is not None:
        other.insert(0, evil)


def _rename(one, other):
    if one.get("ID"):
        one.set("ID", other.get("ID", "_evil"))


def _say_admin(one, other):
    other.text = "admin"


def _double(one, other):
    other.append(copy.deepcopy(one))


def _move(one, other):
    if one not in [other, *other.iterancestors()]:
        other.append(one)


def _drop(one, other):
    if one.getparent() is not None:
        one.getparent().remove(one)


def _comment(one, other):
    other.insert(0, etree.Comment("x"))


def _mutate(root, operation, here, there):
    """One change to the tree, at the elements that the two numbers point at."""
    elements = list(root.iter(etree.Element))
    operation(elements[here % len(elements)], elements[there % len(elements)])


_OPERATIONS = st.sampled_from(
    [_graft, _rename, _say_admin, _double, _move, _drop, _comment]
)


_STEPS = st.lists(
    st.tuples(_OPERATIONS, st.integers(0, 999), st.integers(0, 999)),
    min_size=1,
    max_size=4,
)


def _is_refused_or_true(response, steps, expected):
    for step in steps:
        _mutate(response, *step)
    try:
        accepted = accept(received(response), expected)
    except Refused:
        return
    assert accepted == ASSERTION


@settings(max_examples=300)
@given(
    made_by=st.sampled_from([with_signed_assertion, with_signed_response]),
    steps=_STEPS,
)
def test_a_mutant_is_refused_or_says_what_the_hub_signed(
    made_by, steps, hub_key, expected
):
    _is_refused_or_true(made_by(hub_key), steps, expected)


@settings(max_examples=150)
@given(steps=_STEPS, is_within=st.booleans())
def test_an_encrypted_mutant_is_refused_or_says_what_the_hub_signed(
    steps, is_within, hub_key, reader_key, expected
):
    """The changes to the message, or to what is in the ciphertext."""
    reading = who_reads(expected, reader_key)
    if not is_within:
        _is_refused_or_true(with_encrypted(hub_key, reader_key), steps, reading)
        return
    assertion = signed_assertion(hub_key)
    for step in steps:
        _mutate(assertion, *step)
    response = write_response(RESPONSE, encrypted(assertion, reader_key))
    _is_refused_or_true(response, [], reading)
