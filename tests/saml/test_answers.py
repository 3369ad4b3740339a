"""A login answer is accepted when everything about it is right, and only then."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from eilogin.errors import (
    LoginFailed,
    MalformedMessage,
    MessageExpired,
    MessageMisdirected,
    MessageUnexpected,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.saml.answers import (
    LONGEST_WINDOW,
    accept,
    open_artifact_response,
)
from eilogin.saml.messages import (
    AUTHN_FAILED,
    PERSISTENT,
    REQUEST_DENIED,
    REQUESTER,
    RESPONDER,
    SUCCESS,
    LogoutRequest,
    NameID,
    Status,
    write_logout_request,
)
from eilogin.saml.signatures import sign
from eilogin.saml.xml import parse, q, serialize

NOW = 1_767_268_800.0
HUB = "https://inloggen.example.nl/metadata"
PARTICIPANT = "https://uwv.example.nl/eilogin/metadata"
ACS = "https://uwv.example.nl/eilogin/acs"
REQUEST = "_b1e2a3f4"
SKEW = 60


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

    def test_needs_no_destination_where_none_is_required(self, answer, expected):
        element = answer.with_response(destination="").element()
        relaxed = replace(expected, destination_required=False)
        assert accept(element, relaxed) == answer.assertion


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
        {"name_id": NameID("q7Xw2", name_qualifier="https://evil.test/")},
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

    def test_without_an_issuer_on_its_envelope_is_refused(self, answer, expected):
        def drop_issuer(response):
            response.remove(response.find(q("saml:Issuer")))

        element = answer.element(edit_response=drop_issuer)
        with pytest.raises(UnknownPeer):
            accept(element, expected)

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
            pytest.param(
                lambda response: response.insert(1, _extensions()), id="extensions"
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
        monkeypatch.setattr("eilogin.saml.answers.content", _must_not_be_called)
        element = answer.element()
        _ask_for_xslt(element)
        with pytest.raises(MalformedMessage):
            accept(element, expected)

    def test_that_is_encrypted_is_told_apart(self, answer, expected):
        element = answer.element(edit_response=_encrypt)
        with pytest.raises(MalformedMessage, match="not supported yet"):
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


def _encrypt(response):
    assertion = response.find(q("saml:Assertion"))
    encrypted = etree.SubElement(response, q("saml:EncryptedAssertion"))
    data = etree.SubElement(encrypted, q("xenc:EncryptedData"))
    cipher = etree.SubElement(data, q("xenc:CipherData"))
    etree.SubElement(cipher, q("xenc:CipherValue")).text = "AAAA"
    response.remove(assertion)


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
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=60,
    deadline=None,
)


class TestEveryOneCharacterEdit:
    REFUSED = (MessageMisdirected, MessageUnexpected, MalformedMessage)

    @_SHARED
    @given(text=_one_character_edits(PARTICIPANT))
    def test_of_the_audience_is_refused(self, answer, expected, text):
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

    def test_needs_a_signature_of_its_own(self, answer, open_it):
        with pytest.raises(UntrustedSignature):
            open_it(answer.signed("assertion", "response").in_artifact_response())

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
    def test_refuses_what_is_no_answer_to_our_question(
        self, answer, open_it, changes, error
    ):
        outer = answer.signed("artifact").in_artifact_response(**changes)
        with pytest.raises(error):
            open_it(outer)

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
