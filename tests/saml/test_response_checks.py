"""A login answer is accepted when everything about it is right, and only then."""

import secrets
from copy import deepcopy
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import SHA1
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from eilogin.errors import (
    DecryptionFailed,
    LoginFailed,
    MalformedMessage,
    MessageExpired,
    MessageMisdirected,
    MessageUnexpected,
    NotEncrypted,
    Refused,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.saml.artifact_responses import open_artifact_response
from eilogin.saml.messages import (
    AUTHN_FAILED,
    EMAIL,
    PERSISTENT,
    REQUEST_DENIED,
    REQUESTER,
    RESPONDER,
    SUCCESS,
    TRANSIENT,
    UNSPECIFIED,
    ArtifactResponse,
    LogoutRequest,
    NameID,
    Status,
    write_artifact_response,
    write_assertion,
    write_logout_request,
    write_response,
)
from eilogin.saml.printable_text import to_base64
from eilogin.saml.response_checks import LONGEST_WINDOW, accept
from eilogin.saml.safe_xml import XENC, parse, q, serialize
from eilogin.saml.weak_algorithms import CBC
from eilogin.saml.xml_encryption import Decrypter, encrypt
from eilogin.saml.xml_signatures import sign

NOW = 1_767_268_800.0
HUB = "https://inloggen.example.nl/metadata"
PARTICIPANT = "https://uwv.example.nl/eilogin/metadata"
ACS = "https://uwv.example.nl/eilogin/acs"
REQUEST = "_b1e2a3f4"
SKEW = 60
ARTIFACT_RESPONSE = ArtifactResponse("_ar1", NOW, HUB, Status(), "_resolve")


class TestAGoodAnswer:
    @pytest.mark.parametrize(
        "signs",
        [
            pytest.param(("assertion",), id="assertion-signed"),
            pytest.param(("response",), id="response-signed"),
            pytest.param(("assertion", "response"), id="both-signed"),
        ],
    )
    def test_gives_the_assertion_that_the_hub_made(self, answer, expected, signs):
        given_answer = answer.signed(*signs)
        assert accept(given_answer.element(), expected) == answer.assertion

    @pytest.mark.parametrize(
        "signs",
        [
            pytest.param(("artifact",), id="only-around-it"),
            pytest.param(("artifact", "assertion"), id="and-assertion"),
            pytest.param(("artifact", "response"), id="and-response"),
            pytest.param(("artifact", "assertion", "response"), id="and-both"),
            pytest.param(("assertion",), id="assertion-alone"),
        ],
    )
    def test_may_come_inside_an_artifact_response(self, answer, expected, signs):
        outer = answer.signed(*signs).in_artifact_response()
        assert accept(outer[-1], expected) == answer.assertion

    def test_leaves_the_message_as_it_was(self, answer, expected):
        element = answer.signed("assertion", "response").element()
        before = serialize(element)
        accept(element, expected)
        assert serialize(element) == before
        assert accept(element, expected) == answer.assertion

    def test_may_be_signed_by_any_key_of_the_hub(self, answer, expected, other_key):
        keys = [other_key.public, *expected.keys]
        assert accept(answer.element(), replace(expected, keys=keys))

    def test_may_lack_session_index_session_end_and_not_before(self, answer, expected):
        bare = answer.with_assertion(
            session_index=None, session_ends=None, not_before=None
        )
        assert accept(bare.element(), expected) == bare.assertion

    def test_may_repeat_qualifiers_that_are_the_defaults(self, answer, expected):
        name_id = NameID("q7Xw2", PERSISTENT, HUB, PARTICIPANT)
        element = answer.with_assertion(name_id=name_id).element()
        assert accept(element, expected).name_id == name_id

    def test_may_be_restricted_twice_if_both_name_us(self, answer, expected):
        audiences = ((PARTICIPANT,), (HUB, PARTICIPANT))
        element = answer.with_assertion(audiences=audiences).element()
        assert accept(element, expected).audiences == audiences

    def test_may_have_extensions_that_are_not_read(self, answer, expected):
        for signs in (("assertion",), ("response",)):
            element = answer.signed(*signs).element(
                edit_response=lambda response: response.insert(1, _extensions())
            )
            assert accept(element, expected) == answer.assertion

    def test_may_name_nobody(self, answer, expected):
        element = answer.with_assertion(name_id=None).element()
        assert next(element.iter(q("saml:NameID")), None) is None
        assert accept(element, expected).name_id is None

    def test_needs_no_destination_where_none_is_required(self, answer, expected):
        element = answer.with_response(destination="").element()
        relaxed = replace(expected, destination_required=False)
        assert accept(element, relaxed) == answer.assertion


def drop_issuer(element):
    element.remove(element.find(q("saml:Issuer")))


class TestAnAnswerWithoutIssuerAroundIt:
    """The standard asks for one where the Response is signed (errata E17)."""

    def test_is_accepted_if_the_assertion_alone_is_signed(self, answer, expected):
        element = answer.element(edit_response=drop_issuer)
        assert accept(element, expected) == answer.assertion

    def test_is_accepted_in_a_signed_artifact_response(self, answer, expected):
        bare = answer.element(edit_response=drop_issuer)
        whole = write_artifact_response(ARTIFACT_RESPONSE, bare)
        sign(whole, answer.key)
        element = parse(serialize(whole))[-1]
        assert accept(element, expected) == answer.assertion

    @pytest.mark.parametrize("signs", [("response",), ("assertion", "response")])
    def test_is_rejected_if_it_is_signed(self, answer, expected, signs):
        element = answer.signed(*signs).element(edit_response=drop_issuer)
        with pytest.raises(UnknownPeer):
            accept(element, expected)

    def test_is_rejected_if_the_assertion_is_not_signed(self, answer, expected):
        bare = answer.signed().element(edit_response=drop_issuer)
        whole = write_artifact_response(ARTIFACT_RESPONSE, bare)
        sign(whole, answer.key)
        with pytest.raises(UnknownPeer):
            accept(parse(serialize(whole))[-1], expected)

    def test_is_rejected_if_the_assertion_is_encrypted(
        self, answer, expected, reader_key
    ):
        reading = replace(expected, decrypter=Decrypter([reader_key.private]))
        encrypted = answer.for_reader(reader_key)
        assert accept(encrypted.element(), reading)
        with pytest.raises(UnknownPeer):
            accept(encrypted.element(edit_response=drop_issuer), reading)

    def test_still_needs_the_issuer_of_its_assertion(self, answer, expected):
        other = answer.with_assertion(issuer="https://evil.test/")
        with pytest.raises(UnknownPeer):
            accept(other.element(edit_response=drop_issuer), expected)


def confirm(**attributes):
    """Put another SubjectConfirmation before the one of an assertion."""

    def edit(assertion):
        confirmation = next(assertion.iter(q("saml:SubjectConfirmation")))
        other = deepcopy(confirmation)
        confirmation.addprevious(other)
        for name, value in attributes.items():
            if name == "Method":
                other.set(name, value)
            elif value is None:
                other[0].attrib.pop(name)
            else:
                other[0].set(name, value)

    return edit


#: SubjectConfirmations that do not hold.
UNCONFIRMED = [
    pytest.param({"Recipient": "https://svb.example.nl/acs"}, id="recipient"),
    pytest.param({"Recipient": None}, id="no-recipient"),
    pytest.param({"InResponseTo": "_other"}, id="request"),
    pytest.param({"InResponseTo": None}, id="no-request"),
    pytest.param({"NotOnOrAfter": "2026-01-01T11:50:00Z"}, id="over"),
    pytest.param({"NotOnOrAfter": None}, id="no-end"),
    pytest.param({"NotBefore": "2026-01-01T11:50:00Z"}, id="not-before"),
    pytest.param(
        {"Method": "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"}, id="method"
    ),
]


class TestSeveralConfirmations:
    """One that holds is enough (SAML core 2.4.1), and it holds by itself."""

    @pytest.mark.parametrize("changes", UNCONFIRMED)
    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    def test_are_accepted_if_one_holds(self, answer, expected, changes, signs):
        given_answer = answer.signed(*signs)
        element = given_answer.element(edit_assertion=confirm(**changes))
        assert accept(element, expected) == answer.assertion

    @pytest.mark.parametrize("changes", UNCONFIRMED)
    def test_are_rejected_if_none_holds(self, answer, expected, changes):
        wrong = answer.with_assertion(recipient="https://svb.example.nl/acs")
        element = wrong.element(edit_assertion=confirm(**changes))
        with pytest.raises((MessageMisdirected, MessageUnexpected, MessageExpired)):
            accept(element, expected)

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ({"Recipient": ACS + "2"}, {"in_response_to": "_other"}),
            ({"Recipient": ACS + "2"}, {"confirmation_ends": NOW - 90}),
            ({"InResponseTo": "_other"}, {"recipient": ACS + "2"}),
            ({"InResponseTo": "_other"}, {"confirmation_ends": NOW - 90}),
            ({"NotOnOrAfter": "2026-01-01T11:50:00Z"}, {"recipient": ACS + "2"}),
            ({"NotOnOrAfter": "2026-01-01T11:50:00Z"}, {"in_response_to": "_other"}),
        ],
    )
    def test_are_never_put_together(self, answer, expected, first, second):
        """What one of them lacks the other one may not lend."""
        right = {
            "Recipient": ACS,
            "InResponseTo": REQUEST,
            "NotOnOrAfter": "2026-01-01T12:02:00Z",
        }
        faulty = answer.with_assertion(**second)
        element = faulty.element(edit_assertion=confirm(**{**right, **first}))
        with pytest.raises((MessageMisdirected, MessageUnexpected, MessageExpired)):
            accept(element, expected)

    def test_do_not_excuse_another_fault(self, answer, expected):
        faulty = answer.with_assertion(audiences=(("https://svb.example.nl/",),))
        with pytest.raises(MessageMisdirected):
            accept(faulty.element(edit_assertion=confirm()), expected)

    def test_are_few(self, answer, expected):
        def many(assertion):
            for _ in range(5):
                confirm()(assertion)

        with pytest.raises(MalformedMessage, match="has 6 SubjectConfirmations"):
            accept(answer.element(edit_assertion=many), expected)


class TestANameQualifier:
    @pytest.mark.parametrize("format_", ["", UNSPECIFIED, EMAIL, "urn:x-test:windows"])
    def test_may_be_any_domain(self, answer, expected, format_):
        """SAML core 2.2.2: it says who qualifies the name, and that may be anybody."""
        name_id = NameID("merel", format_, "CORP", PARTICIPANT)
        given_answer = answer.with_assertion(name_id=name_id)
        assert accept(given_answer.element(), expected) == given_answer.assertion

    @pytest.mark.parametrize("format_", [PERSISTENT, TRANSIENT])
    def test_is_the_hub_for_a_name_of_the_hub(self, answer, expected, format_):
        """SAML core 8.3.7 and 8.3.8."""
        name_id = NameID("merel", format_, "CORP")
        with pytest.raises(UnknownPeer):
            accept(answer.with_assertion(name_id=name_id).element(), expected)


class TestWhiteSpaceAroundAUri:
    """An xs:anyURI has none (XML schema 2, 3.2.17)."""

    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    @pytest.mark.parametrize("space", [" ", "\n    ", "\r\n\t"])
    def test_is_no_part_of_it(self, answer, expected, signs, space):
        def spaced(element):
            for name in ("Issuer", "Audience", "AuthnContextClassRef"):
                for part in element.iter(q(f"saml:{name}")):
                    part.text = f"{space}{part.text.strip()}{space}"

        element = answer.signed(*signs).element(spaced)
        assert accept(element, expected) == answer.assertion
        if "response" in signs:
            element = answer.signed(*signs).element(edit_response=spaced)
            assert accept(element, expected) == answer.assertion

    def test_is_signed(self, answer, expected):
        """What is signed is compared to the last blank."""
        octets = serialize(answer.element())
        changed = octets.replace(
            f"{HUB}</saml:Issuer><ds:".encode(), f"{HUB} </saml:Issuer><ds:".encode()
        )
        assert changed != octets
        with pytest.raises(UntrustedSignature):
            accept(parse(changed), expected)

    @pytest.mark.parametrize("space", ["\u00a0", "\u200b"])
    def test_is_nothing_else(self, answer, expected, space):
        with pytest.raises(UnknownPeer):
            accept(answer.with_assertion(issuer=HUB + space).element(), expected)
        faulty = answer.with_assertion(audiences=((PARTICIPANT + space,),))
        with pytest.raises(MessageMisdirected):
            accept(faulty.element(), expected)

    def test_stays_around_a_name(self, answer, expected):
        name_id = NameID(" merel ", PERSISTENT)
        element = answer.with_assertion(name_id=name_id).element()
        assert accept(element, expected).name_id.value == " merel "


def advise(*held):
    """Put elements into the Advice of an assertion."""

    def edit(assertion):
        advice = etree.Element(q("saml:Advice"))
        advice.extend(deepcopy(each) for each in held)
        assertion.find(q("saml:Conditions")).addnext(advice)

    return edit


class TestAdvice:
    """It may be ignored (SAML core 2.6.1), and nothing of it is read."""

    @pytest.fixture
    def evil(self, answer):
        """Another assertion, for us too."""
        name_id = NameID("admin", PERSISTENT)
        return write_assertion(replace(answer.assertion, id="_evil", name_id=name_id))

    @pytest.mark.parametrize(
        "signs", [("assertion",), ("response",), ("assertion", "response")]
    )
    def test_may_hold_assertions(self, answer, expected, evil, reader_key, signs):
        other = deepcopy(evil)
        other.set("ID", "_evil2")
        holder = etree.Element("holder")
        holder.append(other)
        sealed = encrypt(other, "saml:EncryptedAssertion", reader_key.public)
        for held in ([evil], [sealed], [evil, sealed]):
            element = answer.signed(*signs).element(advise(*held))
            assert accept(element, expected) == answer.assertion

    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    def test_may_hold_advice_that_holds_an_assertion(
        self, answer, expected, evil, signs
    ):
        inner = deepcopy(evil)
        inner.set("ID", "_inner")
        advise(inner)(evil)
        element = answer.signed(*signs).element(advise(evil))
        assert accept(element, expected) == answer.assertion

    def test_may_hold_an_assertion_within_an_encrypted_one(
        self, answer, expected, evil, reader_key
    ):
        reading = replace(expected, decrypter=Decrypter([reader_key.private]))
        for signs in (("assertion",), ("response",)):
            given_answer = answer.signed(*signs).for_reader(reader_key)
            element = given_answer.element(advise(evil))
            assert accept(element, reading) == answer.assertion

    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    def test_holds_nothing_that_is_signed(self, answer, expected, evil, hub_key, signs):
        sign(evil, hub_key)
        with pytest.raises(
            MalformedMessage, match="signature that is not of the assertion"
        ):
            accept(answer.signed(*signs).element(advise(evil)), expected)

    def test_does_not_make_what_is_in_it_the_answer(self, answer, expected, evil):
        """The signed one in the Advice of the one that would be read."""
        honest = answer.element().find(q("saml:Assertion"))
        advise(honest)(evil)
        element = write_response(answer.response, evil)
        with pytest.raises(MalformedMessage):
            accept(parse(serialize(element)), expected)

    def test_has_no_id_of_something_else(self, answer, evil):
        evil.set("ID", answer.assertion.id)
        with pytest.raises(MalformedMessage, match="occurs more than once"):
            answer.element(advise(evil))

    @pytest.mark.parametrize("place", ["samlp:Extensions", "samlp:StatusDetail"])
    def test_is_part_of_the_assertion(self, answer, expected, evil, place):
        """An Advice elsewhere, and what is in it, is none."""

        def put_away(response):
            corner = etree.Element(q(place))
            advice = etree.SubElement(corner, q("saml:Advice"))
            advice.append(evil)
            if place == "samlp:Extensions":
                response.insert(1, corner)
            else:
                response.find(q("samlp:Status")).append(corner)

        for signs in (("assertion",), ("response",)):
            element = answer.signed(*signs).element(edit_response=put_away)
            with pytest.raises(MalformedMessage):
                accept(element, expected)

    def test_of_another_assertion_hides_no_other_one(self, answer, expected, evil):
        """An answer with two assertions, of which one stands in an odd place."""

        def put_away(response):
            extensions = etree.Element(q("samlp:Extensions"))
            wrapper = deepcopy(evil)
            wrapper.set("ID", "_wrapper")
            advise(evil)(wrapper)
            extensions.append(wrapper)
            response.insert(1, extensions)

        with pytest.raises(MalformedMessage, match="exactly one assertion"):
            accept(answer.element(edit_response=put_away), expected)

    @pytest.mark.parametrize("part", ["assertion", "attributes", "name-id"])
    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    def test_must_not_tell_in_clear_text_what_must_be_encrypted(  # noqa: PLR0913, PLR0917
        self, answer, expected, evil, reader_key, signs, part
    ):
        """A participant that must not get clear text must not get it in Advice."""

        def hide(assertion):
            for name, wrapper in (
                ("saml:NameID", "saml:EncryptedID"),
                ("saml:Attribute", "saml:EncryptedAttribute"),
            ):
                for clear in list(assertion.iter(q(name))):
                    hidden = encrypt(clear, wrapper, reader_key.public)
                    clear.getparent().replace(clear, hidden)

        def hide_and_advise(assertion):
            hide(assertion)
            advise(evil)(assertion)

        wanting = replace(
            expected, encrypted=[part], decrypter=Decrypter([reader_key.private])
        )
        given_answer = answer.signed(*signs)
        if part != "assertion":
            assert accept(given_answer.element(hide), wanting) == answer.assertion
        with pytest.raises(NotEncrypted):
            accept(given_answer.element(hide_and_advise), wanting)


def test_two_signatures_may_have_one_id_if_nothing_refers_to_it(
    answer, expected, hub_key
):
    """As pysaml2 has it: the Id of the inner one is signed by the outer one."""
    assertion = write_assertion(answer.assertion)
    sign(assertion, hub_key)
    assertion.find(q("ds:Signature")).set("Id", "Signature1")
    response = write_response(answer.response, assertion)
    sign(response, hub_key)
    response.find(q("ds:Signature")).set("Id", "Signature1")
    element = parse(serialize(response))
    assert accept(element, expected) == answer.assertion


ASSERTION_FAULTS = [
    pytest.param({"issuer": "https://evil.test/"}, UnknownPeer, id="issuer"),
    pytest.param({"issuer": HUB + "/"}, UnknownPeer, id="issuer-suffix"),
    pytest.param({"in_response_to": ""}, MessageUnexpected, id="unsolicited"),
    pytest.param({"in_response_to": "_other"}, MessageUnexpected, id="other-request"),
    pytest.param({"recipient": ACS + "2"}, MessageMisdirected, id="recipient-suffix"),
    pytest.param(
        {"recipient": f"https://evil.test/?u={ACS}"},
        MessageMisdirected,
        id="recipient-substring",
    ),
    pytest.param({"audiences": ()}, MessageMisdirected, id="no-audience"),
    pytest.param(
        {"audiences": (("https://svb.example.nl/",),)},
        MessageMisdirected,
        id="other-audience",
    ),
    pytest.param(
        {"audiences": ((PARTICIPANT,), ("https://svb.example.nl/",))},
        MessageMisdirected,
        id="one-restriction-of-two",
    ),
    pytest.param(
        {"name_id": NameID("q7Xw2", PERSISTENT, name_qualifier="https://evil.test/")},
        UnknownPeer,
        id="name-qualifier",
    ),
    pytest.param(
        {"name_id": NameID("q7Xw2", sp_name_qualifier="https://svb.example.nl/")},
        MessageMisdirected,
        id="sp-name-qualifier",
    ),
    pytest.param({"not_on_or_after": None}, MalformedMessage, id="no-end"),
    pytest.param(
        {"not_before": NOW + 30, "not_on_or_after": NOW + 30},
        MalformedMessage,
        id="window-inverted",
    ),
    pytest.param(
        {"not_on_or_after": NOW + LONGEST_WINDOW + 1}, MalformedMessage, id="long-life"
    ),
    pytest.param(
        {"confirmation_ends": NOW + LONGEST_WINDOW + 1},
        MalformedMessage,
        id="long-confirmation",
    ),
    pytest.param({"session_ends": NOW}, MessageExpired, id="session-over"),
]

RESPONSE_FAULTS = [
    pytest.param({"issuer": "https://evil.test/"}, UnknownPeer, id="issuer"),
    pytest.param({"in_response_to": "_other"}, MessageUnexpected, id="other-request"),
    pytest.param({"destination": ""}, MessageMisdirected, id="no-destination"),
    pytest.param({"destination": ACS + "/"}, MessageMisdirected, id="subpath"),
    pytest.param({"destination": ACS + "?a=1"}, MessageMisdirected, id="query"),
    pytest.param({"issued": NOW - 181}, MessageExpired, id="old"),
    pytest.param({"issued": NOW + 61}, MessageExpired, id="future"),
]


class TestAFaultyAnswer:
    @pytest.mark.parametrize(("changes", "error"), ASSERTION_FAULTS)
    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    def test_is_refused_for_its_assertion(
        self, answer, expected, changes, error, signs
    ):
        element = answer.signed(*signs).with_assertion(**changes).element()
        with pytest.raises(error):
            accept(element, expected)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"recipient": ACS + "2"},
                f"Recipient: found '{ACS}2'; expected '{ACS}'",
            ),
            (
                {"audiences": (("urn:a", "urn:b"),)},
                f"found 'urn:a', 'urn:b'; expected '{PARTICIPANT}', our entityID",
            ),
            ({"audiences": ()}, "Audience: found none"),
            (
                {"name_id": NameID("q7Xw2", TRANSIENT, name_qualifier="urn:a")},
                f"NameQualifier of the NameID: found 'urn:a'; expected '{HUB}'",
            ),
            (
                {"name_id": NameID("q7Xw2", sp_name_qualifier="urn:a")},
                (
                    "SPNameQualifier of the NameID: found 'urn:a'; expected"
                    f" '{PARTICIPANT}'"
                ),
            ),
        ],
    )
    def test_is_told_with_what_was_expected_and_what_came(
        self, answer, expected, changes, message
    ):
        element = answer.signed("assertion").with_assertion(**changes).element()
        with pytest.raises(Refused) as refused:
            accept(element, expected)
        assert message in str(refused.value)
        assert refused.value.peer == HUB

    @pytest.mark.parametrize(("changes", "error"), RESPONSE_FAULTS)
    @pytest.mark.parametrize("signs", [("assertion",), ("response",), ("artifact",)])
    def test_is_refused_for_its_envelope(self, answer, expected, changes, error, signs):
        faulty = answer.signed(*signs).with_response(**changes)
        wrap = "artifact" in signs
        element = faulty.in_artifact_response()[-1] if wrap else faulty.element()
        with pytest.raises(error):
            accept(element, expected)

    def test_by_artifact_is_refused_for_a_wrong_destination(self, answer, expected):
        element = answer.with_response(destination=ACS + "2").element()
        with pytest.raises(MessageMisdirected):
            accept(element, replace(expected, destination_required=False))

    @pytest.mark.parametrize(
        ("signs", "outcome"),
        [(("assertion",), None), (("response",), MessageUnexpected)],
    )
    def test_must_name_our_request_on_an_envelope_that_is_signed(
        self, answer, expected, signs, outcome
    ):
        element = answer.signed(*signs).with_response(in_response_to="").element()
        if outcome is None:
            assert accept(element, expected) == answer.assertion
        else:
            with pytest.raises(outcome):
                accept(element, expected)

    @pytest.mark.parametrize(
        "edit",
        [
            pytest.param(
                lambda response: response.set("Flavour", "x"), id="not-by-the-schema"
            ),
            pytest.param(
                lambda response: response.set("Version", "1.1"), id="version-1.1"
            ),
            pytest.param(
                lambda response: response.remove(response.find(q("saml:Assertion"))),
                id="no-assertion",
            ),
        ],
    )
    def test_is_refused_for_its_form(self, answer, expected, edit):
        element = answer.signed("response").element(edit_response=edit)
        with pytest.raises(MalformedMessage):
            accept(element, expected)

    def test_is_refused_for_an_odd_transform_before_anything_is_computed(
        self, answer, expected, monkeypatch
    ):
        monkeypatch.setattr("eilogin.saml.response_checks.content", _must_not_be_called)
        element = answer.element()
        _ask_for_xslt(element)
        with pytest.raises(MalformedMessage):
            accept(element, expected)


def _must_not_be_called(*arguments):
    raise AssertionError("called")


def _ask_for_xslt(element):
    transform = next(element.iter(q("ds:Transform")))
    transform.set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")


def _extensions():
    extensions = etree.Element(q("samlp:Extensions"))
    etree.SubElement(extensions, "{urn:x-test}Anything")
    return extensions


def sealed_by_cbc(assertion, key):
    """An EncryptedAssertion as of a hub that knows nothing newer."""
    octets, session_key = serialize(assertion), secrets.token_bytes(16)
    wrapper = encrypt(assertion, "saml:EncryptedAssertion", key.public)
    start, filling = secrets.token_bytes(16), 16 - len(octets) % 16
    cipher = Cipher(AES(session_key), modes.CBC(start)).encryptor()
    sealed = start + cipher.update(octets + bytes([filling]) * filling)
    oaep = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 - as peers have it
    values = (key.public.encrypt(session_key, oaep), sealed)
    places = wrapper.iter(q("xenc:CipherValue"))
    for place, value in zip(places, values, strict=True):
        place.text = to_base64(value)
    wrapper[0].find(q("xenc:EncryptionMethod")).set("Algorithm", XENC + "aes128-cbc")
    return wrapper


#: How an encrypted answer may be signed.
COVERS = [
    pytest.param(("assertion",), id="inside"),
    pytest.param(("response",), id="around"),
    pytest.param(("assertion", "response"), id="both"),
]


class TestAnEncryptedAssertion:
    @pytest.fixture
    def reading(self, expected, reader_key):
        return replace(expected, decrypter=Decrypter([reader_key.private]))

    @pytest.mark.parametrize("signs", COVERS)
    def test_is_opened_and_read(self, answer, reading, reader_key, signs):
        element = answer.signed(*signs).for_reader(reader_key).element()
        assert b"q7Xw2" not in serialize(element)
        assert accept(element, reading) == answer.assertion

    @pytest.mark.parametrize(
        "signs", [("artifact",), ("artifact", "response"), ("artifact", "assertion")]
    )
    def test_may_come_inside_an_artifact_response(
        self, answer, reading, reader_key, signs
    ):
        outer = answer.signed(*signs).for_reader(reader_key).in_artifact_response()
        assert accept(outer[-1], reading) == answer.assertion

    def test_keeps_the_prefixes_that_were_signed(
        self, answer, reading, reader_key, hub_key
    ):
        """As pysaml2 writes them: ns0 and ns1 mean one thing inside, another around."""
        octets = serialize(write_assertion(answer.assertion))
        swapped = octets.replace(b"saml:", b"ns0:").replace(b":saml", b":ns0")
        inner = parse(swapped)
        sign(inner, hub_key)
        wrapper = encrypt(inner, "saml:EncryptedAssertion", reader_key.public)
        response = serialize(write_response(answer.response, wrapper))
        response = response.replace(b"samlp:", b"ns0:").replace(b":samlp", b":ns0")
        assert accept(parse(response), reading) == answer.assertion

    @pytest.mark.parametrize("signs", COVERS)
    def test_needs_a_key(self, answer, expected, reader_key, signs):
        element = answer.signed(*signs).for_reader(reader_key).element()
        with pytest.raises(DecryptionFailed, match="use an RSA key"):
            accept(element, expected)

    def test_must_be_signed_or_in_what_is(self, answer, reading, reader_key):
        element = answer.signed().for_reader(reader_key).element()
        with pytest.raises(DecryptionFailed):
            accept(element, reading)

    @pytest.mark.parametrize("signs", COVERS)
    def test_must_be_of_the_hub(self, answer, reading, reader_key, other_key, signs):
        element = answer.signed(*signs).by(other_key).for_reader(reader_key).element()
        with pytest.raises((DecryptionFailed, UntrustedSignature)):
            accept(element, reading)

    def test_that_another_signed_says_so_where_the_hub_vouches_for_the_wrapper(
        self, answer, reading, reader_key, other_key, hub_key
    ):
        element = answer.by(other_key).for_reader(reader_key).element()
        sign(element, hub_key)
        with pytest.raises(UntrustedSignature):
            accept(parse(serialize(element)), reading)

    def test_by_cbc_is_opened_only_where_the_hub_vouches_for_the_wrapper(
        self, answer, expected, reader_key, hub_key
    ):
        """How long it takes tells anybody else whether the padding was right."""
        assertion = write_assertion(answer.assertion)
        sign(assertion, hub_key)
        wrapper = sealed_by_cbc(assertion, reader_key)
        element = write_response(answer.response, wrapper)
        decrypter = Decrypter([reader_key.private], frozenset([CBC]))
        reading = replace(expected, decrypter=decrypter)
        with pytest.raises(DecryptionFailed, match="sign its Response"):
            accept(parse(serialize(element)), reading)
        sign(element, hub_key)
        assert accept(parse(serialize(element)), reading) == answer.assertion

    def test_is_not_opened_before_what_is_around_it_was_verified(
        self, answer, expected, reader_key, other_key
    ):
        class Unused:
            def decrypt(self, *arguments):
                raise AssertionError("called")

        element = answer.signed("response").by(other_key).for_reader(reader_key)
        with pytest.raises(UntrustedSignature):
            accept(
                element.element(), replace(expected, decrypter=Decrypter([Unused()]))
            )

    @pytest.mark.parametrize(("changes", "error"), ASSERTION_FAULTS)
    def test_is_judged_as_a_clear_one(
        self, answer, reading, reader_key, changes, error
    ):
        """Where nobody has signed what is around it, the log alone knows why."""
        clear = answer.with_assertion(**changes)
        with pytest.raises(error) as caught:
            accept(clear.signed("assertion").element(), reading)
        faulty = clear.for_reader(reader_key)
        with pytest.raises(error):
            accept(faulty.signed("response").element(), reading)
        with pytest.raises(DecryptionFailed) as hidden:
            accept(faulty.signed("assertion").element(), reading)
        message = (
            f"eilogin decrypted the assertion and rejected its content: {caught.value}"
        )
        assert str(hidden.value) == message

    @pytest.mark.parametrize("beside", ["clear", "encrypted"])
    def test_is_the_only_one(self, answer, reading, reader_key, beside):
        def add_another(response):
            another = write_assertion(replace(answer.assertion, id="_a2"))
            if beside == "encrypted":
                another = encrypt(another, "saml:EncryptedAssertion", reader_key.public)
            response.append(another)

        for signs in (("assertion",), ("assertion", "response")):
            given = answer.signed(*signs).for_reader(reader_key)
            with pytest.raises(MalformedMessage, match="exactly one assertion"):
                accept(given.element(edit_response=add_another), reading)

    def test_has_the_name_of_one_too(self, answer, reading, reader_key, hub_key):
        """An assertion, and not another thing that the hub signs."""
        request = write_logout_request(LogoutRequest("_l", NOW, HUB, NameID("q7")))
        sign(request, hub_key)
        wrapper = encrypt(request, "saml:EncryptedAssertion", reader_key.public)
        element = write_response(answer.response, wrapper)
        with pytest.raises(DecryptionFailed):
            accept(parse(serialize(element)), reading)
        sign(element, hub_key)
        with pytest.raises(MalformedMessage):
            accept(parse(serialize(element)), reading)

    @pytest.mark.parametrize("is_covered", [True, False])
    def test_holds_no_other_one(self, answer, reading, reader_key, hub_key, is_covered):
        """The signed one, inside of one that is made up (XSW within the ciphertext)."""
        evil = write_assertion(
            replace(answer.assertion, id="_evil", name_id=NameID("admin"))
        )
        honest = write_assertion(answer.assertion)
        sign(honest, hub_key)
        evil.find(q("saml:Conditions")).addnext(etree.Element(q("saml:Advice")))
        evil.find(q("saml:Advice")).append(honest)
        wrapper = encrypt(evil, "saml:EncryptedAssertion", reader_key.public)
        element = write_response(answer.response, wrapper)
        if is_covered:
            sign(element, hub_key)
        with pytest.raises(MalformedMessage if is_covered else DecryptionFailed):
            accept(parse(serialize(element)), reading)

    def test_looks_alike_whatever_is_wrong_with_it(
        self, answer, reading, reader_key, other_key
    ):
        """Nobody vouches for the wrapper: what is inside must not be found out."""

        def broken(assertion):
            assertion.find(q("saml:Issuer")).text = "changed"

        def odd(assertion):
            assertion.set("Flavour", "x")

        unsigned = answer.signed()
        element = answer.for_reader(reader_key).element()
        cipher = list(element.iter(q("xenc:CipherValue")))[-1]
        cipher.text = "AAAA" + cipher.text[4:]
        wrong = [
            element,
            answer.for_reader(other_key).element(),
            unsigned.for_reader(reader_key).element(),
            unsigned.for_reader(reader_key).element(edit_assertion=odd),
            answer.by(other_key).for_reader(reader_key).element(),
            answer.for_reader(reader_key).element(edit_assertion=odd),
            _encrypted_after(answer, reader_key, broken),
        ]
        messages_seen = set()
        for element in wrong:
            with pytest.raises(DecryptionFailed) as caught:
                accept(element, reading)
            messages_seen.add((str(caught.value), caught.value.__cause__))
        assert len(messages_seen) == 1


def _encrypted_after(answer, reader, edit):
    """Edited after it was signed, and then encrypted."""
    assertion = answer.element().find(q("saml:Assertion"))
    edit(assertion)
    wrapper = encrypt(assertion, "saml:EncryptedAssertion", reader.public)
    return parse(serialize(write_response(answer.response, wrapper)))


#: What may be encrypted of an assertion, and in what.
WRAPPERS = {
    "saml:NameID": "saml:EncryptedID",
    "saml:Attribute": "saml:EncryptedAttribute",
}


class TestEncryptedParts:
    @pytest.fixture
    def reading(self, expected, reader_key):
        return replace(expected, decrypter=Decrypter([reader_key.private]))

    @pytest.fixture
    def hide(self, reader_key):
        """Have a part of the assertion encrypted before it is signed."""

        def hide(name):
            def edit(assertion):
                for part in list(assertion.iter(q(name))):
                    hidden = encrypt(part, WRAPPERS[name], reader_key.public)
                    part.getparent().replace(part, hidden)

            return edit

        return hide

    @pytest.mark.parametrize("signs", COVERS)
    @pytest.mark.parametrize("name", WRAPPERS)
    def test_are_opened_and_read(self, answer, reading, hide, signs, name):
        element = answer.signed(*signs).element(edit_assertion=hide(name))
        assert next(element.iter(q(name)), None) is None
        assert accept(element, reading) == answer.assertion

    def test_may_be_in_an_encrypted_assertion(self, answer, reading, hide, reader_key):
        def both(assertion):
            for name in WRAPPERS:
                hide(name)(assertion)

        element = answer.for_reader(reader_key).element(edit_assertion=both)
        assert accept(element, reading) == answer.assertion

    @pytest.mark.parametrize("name", WRAPPERS)
    def test_need_a_key(self, answer, expected, hide, name):
        element = answer.element(edit_assertion=hide(name))
        with pytest.raises(DecryptionFailed, match="use an RSA key"):
            accept(element, expected)

    @pytest.mark.parametrize("name", WRAPPERS)
    def test_hold_what_their_name_says(self, answer, reading, reader_key, name):
        def edit(assertion):
            part = next(assertion.iter(q(name)))
            part.getparent().replace(
                part,
                encrypt(
                    etree.Element(q("saml:Issuer")), WRAPPERS[name], reader_key.public
                ),
            )

        with pytest.raises(MalformedMessage, match=f"does not contain a {name}"):
            accept(answer.element(edit_assertion=edit), reading)


class TestAnAnswerThatNobodyAskedFor:
    @pytest.fixture
    def unsolicited(self, expected):
        return replace(expected, request_id="", unsolicited=True)

    @pytest.fixture
    def unasked(self, answer):
        """An answer that names no request, signed as ``signs`` says."""

        def unasked(*signs):
            bare = answer.with_assertion(in_response_to="").signed(*signs)
            return bare.with_response(in_response_to="")

        return unasked

    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    def test_is_taken_by_who_says_so(self, unasked, unsolicited, signs):
        given = unasked(*signs)
        assert accept(given.element(), unsolicited) == given.assertion

    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    @pytest.mark.parametrize("request_id", [REQUEST, ""])
    def test_is_refused_by_default_and_says_so(
        self, unasked, expected, signs, request_id
    ):
        with pytest.raises(MessageUnexpected, match="this site did not ask"):
            accept(unasked(*signs).element(), replace(expected, request_id=request_id))

    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    @pytest.mark.parametrize("place", ["assertion", "response"])
    def test_names_no_request_at_all(self, unasked, unsolicited, signs, place):
        """Else an answer that was stolen from another login would be taken here."""
        given = unasked(*signs)
        if place == "assertion":
            given = given.with_assertion(in_response_to=REQUEST)
        else:
            given = given.with_response(in_response_to=REQUEST)
        with pytest.raises(MessageUnexpected, match="names a request"):
            accept(given.element(), unsolicited)

    def test_may_be_that_there_is_no_login(self, unasked, unsolicited):
        failed = replace(unasked(), assertion=None).with_response(
            status=Status((RESPONDER, AUTHN_FAILED)), in_response_to=""
        )
        with pytest.raises(LoginFailed):
            accept(failed.element(), unsolicited)


class TestAFailure:
    FAILED = Status((RESPONDER, AUTHN_FAILED), "Authentication cancelled")

    @pytest.mark.parametrize("signs", [(), ("response",)])
    def test_of_the_hub_is_told_with_its_codes(self, answer, expected, signs):
        failed = replace(answer, assertion=None).with_response(status=self.FAILED)
        with pytest.raises(LoginFailed) as caught:
            accept(failed.signed(*signs).element(), expected)
        assert caught.value.status_codes == (RESPONDER, AUTHN_FAILED)

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            pytest.param({"in_response_to": "_other"}, MessageUnexpected, id="other"),
            pytest.param({"in_response_to": ""}, MessageUnexpected, id="unsolicited"),
            pytest.param({"issuer": "https://evil.test/"}, UnknownPeer, id="issuer"),
        ],
    )
    def test_that_is_no_answer_to_us_is_no_failure_of_our_login(
        self, answer, expected, changes, error
    ):
        failed = replace(answer, assertion=None).with_response(
            status=self.FAILED, **changes
        )
        with pytest.raises(error):
            accept(failed.element(), expected)

    def test_needs_no_issuer(self, answer, expected):
        failed = replace(answer, assertion=None).with_response(status=self.FAILED)
        element = failed.element()
        element.remove(element.find(q("saml:Issuer")))
        with pytest.raises(LoginFailed):
            accept(element, expected)

    def test_is_also_a_success_with_a_code_beside_it(self, answer, expected):
        mixed = answer.with_response(status=Status((SUCCESS, AUTHN_FAILED)))
        with pytest.raises(LoginFailed):
            accept(mixed.signed("assertion", "response").element(), expected)


class TestSignatures:
    def test_are_needed(self, answer, expected):
        with pytest.raises(UntrustedSignature):
            accept(answer.signed().element(), expected)

    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    def test_of_another_member_are_not_taken(self, answer, expected, other_key, signs):
        element = answer.signed(*signs).by(other_key).element()
        with pytest.raises(UntrustedSignature):
            accept(element, expected)

    @pytest.mark.parametrize("outer_is_foreign", [True, False])
    def test_must_all_be_of_the_hub(
        self, answer, expected, hub_key, other_key, outer_is_foreign
    ):
        keys = (hub_key, other_key) if outer_is_foreign else (other_key, hub_key)
        element = answer.by(keys[0]).element()
        sign(element, keys[1])
        with pytest.raises(UntrustedSignature):
            accept(parse(serialize(element)), expected)

    @pytest.mark.parametrize(
        ("signs", "is_taken"),
        [
            (("assertion",), False),
            (("response",), True),
            (("assertion", "response"), True),
        ],
    )
    @pytest.mark.parametrize("is_encrypted", [True, False])
    def test_of_the_response_can_be_needed(  # noqa: PLR0913, PLR0917 - facts
        self, answer, expected, reader_key, signs, is_taken, is_encrypted
    ):
        if is_encrypted:
            answer = answer.for_reader(reader_key)
        expected = replace(
            expected, response_signed=True, decrypter=Decrypter([reader_key.private])
        )
        element = answer.signed(*signs).element()
        if is_taken:
            assert accept(element, expected) == answer.assertion
            return
        with pytest.raises(
            UntrustedSignature, match="expects a signature of the Response"
        ):
            accept(element, expected)

    def test_around_an_artifact_are_of_the_response_too(self, answer, expected):
        expected = replace(expected, response_signed=True, destination_required=False)
        outer = answer.signed("artifact").in_artifact_response()
        assert accept(outer[-1], expected) == answer.assertion

    def test_must_hold(self, answer, expected):
        element = answer.element()
        name_id = next(element.iter(q("saml:NameID")))
        name_id.text = "admin"
        with pytest.raises(UntrustedSignature):
            accept(element, expected)

    def test_of_the_artifact_response_must_hold_too(self, answer, expected):
        outer = answer.signed("artifact", "assertion").in_artifact_response()
        outer.set("InResponseTo", "_changed")
        with pytest.raises(UntrustedSignature):
            accept(outer[-1], expected)

    def test_at_a_place_of_their_own_are_refused(self, answer, expected, hub_key):
        """A second, validly signed message beside the answer that is read."""

        def add_signed_request(response):
            detail = etree.SubElement(
                response.find(q("samlp:Status")), q("samlp:StatusDetail")
            )
            name_id = NameID("q7Xw2")
            request = write_logout_request(LogoutRequest("_l", NOW, HUB, name_id))
            sign(request, hub_key)
            detail.append(request)

        element = answer.element(edit_response=add_signed_request)
        with pytest.raises(MalformedMessage):
            accept(element, expected)


def _outcome(element, expected):
    try:
        accept(element, expected)
    except MessageExpired:
        return "expired"
    return "accepted"


#: Instants and their edges, in seconds from now: what happens a second before and at
#: the edge, and what a second after it.
OPENS = ("expired", "accepted")
CLOSES = ("accepted", "expired")
BOUNDARIES = [
    pytest.param("not_before", SKEW, CLOSES, id="not-before"),
    pytest.param("not_on_or_after", -SKEW, OPENS, id="not-on-or-after"),
    pytest.param("confirmation_ends", -SKEW, OPENS, id="confirmation"),
    pytest.param("issued", SKEW, CLOSES, id="issued-in-the-future"),
    pytest.param("issued", -120 - SKEW, OPENS, id="issued-long-ago"),
    pytest.param("authn_instant", SKEW, CLOSES, id="authn-instant"),
    pytest.param("session_ends", 0, OPENS, id="session-ends"),
]


class TestTime:
    @pytest.mark.parametrize(
        ("name", "instant", "message"),
        [
            ("not_before", NOW + 600, "the NotBefore of the Conditions"),
            ("not_on_or_after", NOW - 600, "the NotOnOrAfter of the Conditions"),
            ("confirmation_ends", NOW - 600, "NotOnOrAfter of the SubjectConfirmation"),
            ("issued", NOW + 600, "the IssueInstant"),
            ("issued", NOW - 600, "the IssueInstant"),
            ("authn_instant", NOW + 600, "the AuthnInstant"),
            ("session_ends", NOW - 600, "the session at the hub has ended"),
        ],
    )
    def test_is_told_by_both_clocks(self, answer, expected, name, instant, message):
        changes = {"not_before": None, name: instant}
        if name == "not_before":
            changes["not_on_or_after"] = instant + 600
        element = answer.with_assertion(**changes).element()
        with pytest.raises(MessageExpired, match=message) as caught:
            accept(element, expected)
        came = "2026-01-01T12:10:00Z" if instant > NOW else "2026-01-01T11:50:00Z"
        assert came in str(caught.value)
        assert "the time here is 2026-01-01T12:00:00Z" in str(caught.value)

    @pytest.mark.parametrize(("name", "edge", "outcomes"), BOUNDARIES)
    def test_has_one_skew_at_every_edge(self, answer, expected, name, edge, outcomes):
        at_and_before, after = outcomes
        bare = answer.with_assertion(not_before=None).assertion
        for second in (-1, 0, 1):
            changed = replace(bare, **{name: NOW + edge + second})
            outcome = _outcome(replace(answer, assertion=changed).element(), expected)
            assert outcome == (after if second > 0 else at_and_before), second

    def test_may_be_remembered_for_a_day_at_most(self, answer, expected):
        end = NOW + LONGEST_WINDOW
        element = answer.with_assertion(
            not_on_or_after=end, confirmation_ends=end
        ).element()
        assert _outcome(element, expected) == "accepted"


def _one_character_edits(text):
    """The text with one character replaced, put in, taken out or in another case."""
    place = st.integers(0, len(text) - 1)
    letter = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
    replaced = st.builds(lambda i, c: text[:i] + c + text[i + 1 :], place, letter)
    inserted = st.builds(lambda i, c: text[: i + 1] + c + text[i + 1 :], place, letter)
    deleted = place.map(lambda i: text[:i] + text[i + 1 :])
    swapped = place.map(lambda i: text[:i] + text[i].swapcase() + text[i + 1 :])
    padded = st.sampled_from([f" {text}", f"{text} ", f"\n{text}", f"{text}\t"])
    edits = st.one_of(replaced, inserted, deleted, swapped, padded)
    return edits.filter(lambda edited: edited != text)


# The fixtures are values that no example changes.
_SHARED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)


class TestEveryOneCharacterEdit:
    REFUSED = (MessageMisdirected, MessageUnexpected, MalformedMessage)

    @_SHARED
    @given(text=_one_character_edits(PARTICIPANT))
    def test_of_the_audience_is_refused(self, answer, expected, text):
        assume(text.strip(" \t\r\n") != PARTICIPANT)
        element = answer.with_assertion(audiences=((text,),)).element()
        with pytest.raises(self.REFUSED):
            accept(element, expected)

    @_SHARED
    @given(text=_one_character_edits(ACS))
    def test_of_the_recipient_is_refused(self, answer, expected, text):
        element = answer.with_assertion(recipient=text).element()
        with pytest.raises(self.REFUSED):
            accept(element, expected)

    @_SHARED
    @given(text=_one_character_edits(ACS))
    def test_of_the_destination_is_refused(self, answer, expected, text):
        element = answer.with_response(destination=text).element()
        with pytest.raises(self.REFUSED):
            accept(element, expected)

    @_SHARED
    @given(text=_one_character_edits(REQUEST))
    def test_of_the_request_in_the_assertion_is_refused(self, answer, expected, text):
        element = answer.with_assertion(in_response_to=text).element()
        with pytest.raises(self.REFUSED):
            accept(element, expected)

    @_SHARED
    @given(text=_one_character_edits(REQUEST))
    def test_of_the_request_in_the_response_is_refused(self, answer, expected, text):
        element = answer.with_response(in_response_to=text).element()
        with pytest.raises(self.REFUSED):
            accept(element, expected)


class TestOpeningAnArtifactResponse:
    @pytest.fixture
    def open_it(self, hub_key):
        def open_it(element, **changes):
            facts = {
                "keys": [hub_key.public],
                "issuer": HUB,
                "in_response_to": "_resolve",
                "now": NOW,
            }
            return open_artifact_response(element, **{**facts, **changes})

        return open_it

    @pytest.mark.parametrize("signs", [("artifact",), ("artifact", "assertion")])
    def test_gives_an_answer_that_can_be_accepted(
        self, answer, expected, open_it, signs
    ):
        outer = answer.signed(*signs).in_artifact_response()
        response = open_it(outer)
        assert response.getparent() is outer
        assert accept(response, expected) == answer.assertion

    @pytest.mark.parametrize("signs", [("artifact", "assertion"), ("assertion",)])
    def test_has_white_space_around_its_issuer(self, answer, expected, open_it, signs):
        outer = write_artifact_response(ARTIFACT_RESPONSE, answer.element())
        issuer = outer.find(q("saml:Issuer"))
        issuer.text = f"\n  {issuer.text}\n"
        if "artifact" in signs:
            sign(outer, answer.key)
        element = parse(serialize(outer))
        response = open_it(element, must_be_signed="artifact" in signs)
        assert accept(response, expected) == answer.assertion

    def test_needs_a_signature_of_its_own(self, answer, open_it):
        with pytest.raises(UntrustedSignature) as caught:
            open_it(answer.signed("assertion", "response").in_artifact_response())
        assert f"not signed; expected a signature of '{HUB}'" in str(caught.value)

    @pytest.mark.parametrize("signs", [("assertion",), ("response",)])
    def test_needs_none_where_the_channel_tells_whose_it_is(
        self, answer, expected, open_it, signs
    ):
        outer = answer.signed(*signs).in_artifact_response()
        response = open_it(outer, must_be_signed=False)
        assert accept(response, expected) == answer.assertion

    def test_of_which_nothing_is_signed_is_never_taken(self, answer, expected, open_it):
        outer = answer.signed().in_artifact_response()
        response = open_it(outer, must_be_signed=False)
        with pytest.raises(UntrustedSignature, match="expected a signature of the hub"):
            accept(response, expected)

    def test_must_hold_where_it_need_not_be_signed_and_is(
        self, answer, open_it, other_key
    ):
        outer = answer.signed("artifact", "assertion").by(other_key)
        with pytest.raises(UntrustedSignature):
            open_it(outer.in_artifact_response(), must_be_signed=False)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda outer: etree.SubElement(outer, q("samlp:Status")),
            lambda outer: outer.set("Odd", "x"),
        ],
        ids=["two statuses", "an attribute"],
    )
    @pytest.mark.parametrize("signs", [("artifact",), ("assertion",)])
    def test_is_by_the_schema(self, answer, open_it, signs, spoil):
        outer = answer.signed(*signs).in_artifact_response()
        spoil(outer)
        with pytest.raises(MalformedMessage):
            open_it(outer, must_be_signed=False)

    def test_has_no_signature_where_saml_has_none(self, answer, open_it):
        outer = answer.signed("assertion").in_artifact_response()
        detail = etree.SubElement(
            outer.find(q("samlp:Status")), q("samlp:StatusDetail")
        )
        detail.append(deepcopy(next(outer.iter(q("ds:Signature")))))
        with pytest.raises(
            MalformedMessage, match="a signature is at a place where SAML has none"
        ):
            open_it(outer, must_be_signed=False)

    def test_needs_the_key_of_the_hub(self, answer, open_it, other_key):
        outer = answer.signed("artifact").by(other_key).in_artifact_response()
        with pytest.raises(UntrustedSignature):
            open_it(outer)

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            pytest.param({"issuer": "https://evil.test/"}, UnknownPeer, id="issuer"),
            pytest.param({"in_response_to": "_x"}, MessageUnexpected, id="other"),
            pytest.param({"in_response_to": ""}, MessageUnexpected, id="unsolicited"),
            pytest.param({"issued": NOW - 180}, MessageExpired, id="old"),
            pytest.param(
                {"status": Status((REQUESTER, REQUEST_DENIED))},
                LoginFailed,
                id="refused-by-the-hub",
            ),
        ],
    )
    @pytest.mark.parametrize("signs", [("artifact",), ("assertion",)])
    def test_refuses_what_is_no_answer_to_our_question(
        self, answer, open_it, signs, changes, error
    ):
        outer = answer.signed(*signs).in_artifact_response(**changes)
        with pytest.raises(error):
            open_it(outer, must_be_signed=False)

    def _carrying(self, message, key):
        answer_of = etree.fromstring(
            f'<samlp:ArtifactResponse xmlns:samlp="{q("samlp:x")[1:-2]}" ID="_ar" '
            'Version="2.0" IssueInstant="2026-01-01T12:00:00Z" InResponseTo="_resolve">'
            f'<saml:Issuer xmlns:saml="{q("saml:x")[1:-2]}">{HUB}</saml:Issuer>'
            f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
            "</samlp:ArtifactResponse>"
        )
        if message is not None:
            answer_of.append(message)
        sign(answer_of, key)
        return parse(serialize(answer_of))

    def test_says_when_the_artifact_is_over(self, open_it, hub_key):
        with pytest.raises(MessageExpired):
            open_it(self._carrying(None, hub_key))

    def test_refuses_another_message_inside(self, open_it, hub_key):
        request = write_logout_request(LogoutRequest("_l", NOW, HUB, NameID("q7")))
        with pytest.raises(MalformedMessage):
            open_it(self._carrying(request, hub_key))
