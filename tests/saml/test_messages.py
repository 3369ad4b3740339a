"""What is written is read back, is valid by its schema, and nothing else is read."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from eilogin.errors import DecryptionFailed, MalformedMessage
from eilogin.saml.messages import (
    AUTHN_FAILED,
    BEARER,
    EMAIL,
    PARTIAL_LOGOUT,
    PERSISTENT,
    RESPONDER,
    TRANSIENT,
    UNSPECIFIED,
    ActivityReport,
    ArtifactResolve,
    ArtifactResponse,
    Assertion,
    AuthnRequest,
    LogoutRequest,
    LogoutResponse,
    NameID,
    Response,
    Status,
    new_id,
    read_activity_report,
    read_artifact_resolve,
    read_artifact_response,
    read_assertion,
    read_assertions,
    read_authn_request,
    read_duration,
    read_instant,
    read_logout_request,
    read_logout_response,
    read_response,
    write_activity_report,
    write_artifact_resolve,
    write_artifact_response,
    write_assertion,
    write_authn_request,
    write_instant,
    write_logout_request,
    write_logout_response,
    write_response,
)
from eilogin.saml.safe_xml import parse, q, serialize, validate
from eilogin.saml.xml_encryption import Decrypter, encrypt
from eilogin.saml.xml_signatures import sign, signed

NOW = 1_767_268_800.0
HUB = "https://inloggen.example.nl/metadata"
UWV = "https://uwv.example.nl/eilogin/metadata"
BASIS = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"

AUTHN_REQUEST = AuthnRequest(
    id="_q1",
    issued=NOW,
    issuer=UWV,
    destination="https://inloggen.example.nl/sso",
    force_authn=True,
    is_passive=True,
    acs_url="https://uwv.example.nl/eilogin/acs",
    protocol_binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    comparison="exact",
    level_classes=(BASIS,),
    name_id_format=PERSISTENT,
    allow_create=False,
    provider_name="UWV",
    consumer_service_index=2,
)
ASSERTION = Assertion(
    id="_a1",
    issued=NOW,
    issuer=HUB,
    name_id=NameID("q7Xw2", PERSISTENT, HUB, UWV),
    recipient="https://uwv.example.nl/eilogin/acs",
    in_response_to="_q1",
    confirmation_ends=NOW + 120,
    not_before=NOW - 120,
    not_on_or_after=NOW + 120,
    audiences=((UWV, HUB), (UWV,)),
    authn_instant=NOW - 0.5,
    session_index="_s1",
    session_ends=NOW + 7200,
    level_class=BASIS,
    attributes={"naam": ["Merel"], "urn:oid:2.5.4.42": ["Merel", "Élodie", ""]},
)
RESPONSE = Response("_r1", NOW, HUB, Status(), "_q1", "https://uwv.example.nl/acs")
LOGOUT_REQUEST = LogoutRequest(
    id="_l1",
    issued=NOW,
    issuer=HUB,
    name_id=NameID("q7Xw2"),
    destination="https://uwv.example.nl/eilogin/slo",
    session_indexes=("_s1", "_s2"),
    not_on_or_after=NOW + 120,
    reason="urn:oasis:names:tc:SAML:2.0:logout:user",
)
LOGOUT_RESPONSE = LogoutResponse(
    "_m1", NOW, UWV, Status((RESPONDER, PARTIAL_LOGOUT), "niet overal"), "_l1", HUB
)
ACTIVITY_REPORT = ActivityReport("_a1", NOW, UWV, NameID("q7"), "_s1", NOW - 90, HUB)
ARTIFACT_RESOLVE = ArtifactResolve("_x1", NOW, UWV, "AAQAAA==", HUB)
ARTIFACT_RESPONSE = ArtifactResponse("_y1", NOW, HUB, Status(), "_x1")


def write_bare_response(value):
    return write_response(value, None)


def write_bare_artifact_response(value):
    return write_artifact_response(value, None)


def read_bare_artifact_response(element):
    return read_artifact_response(element)[0]


MESSAGES = [
    pytest.param(write_authn_request, read_authn_request, AUTHN_REQUEST, id="authn"),
    pytest.param(
        write_authn_request,
        read_authn_request,
        AuthnRequest("_q2", NOW, UWV, acs_index=3, name_id_format=TRANSIENT),
        id="authn-by-index",
    ),
    pytest.param(
        write_authn_request,
        read_authn_request,
        AuthnRequest("_q3", NOW, UWV),
        id="authn-smallest",
    ),
    pytest.param(write_assertion, read_assertion, ASSERTION, id="assertion"),
    pytest.param(
        write_assertion,
        read_assertion,
        replace(
            ASSERTION,
            attributes={},
            session_index=None,
            session_ends=None,
            not_before=None,
            not_on_or_after=None,
            in_response_to="",
            name_id=None,
        ),
        id="assertion-smallest",
    ),
    pytest.param(write_bare_response, read_response, RESPONSE, id="response"),
    pytest.param(
        write_logout_request, read_logout_request, LOGOUT_REQUEST, id="logout-request"
    ),
    pytest.param(
        write_logout_request,
        read_logout_request,
        replace(LOGOUT_REQUEST, is_asynchronous=True),
        id="logout-request-asynchronous",
    ),
    pytest.param(
        write_logout_response,
        read_logout_response,
        LOGOUT_RESPONSE,
        id="logout-response",
    ),
    pytest.param(
        write_activity_report,
        read_activity_report,
        ACTIVITY_REPORT,
        id="activity-report",
    ),
    pytest.param(
        write_artifact_resolve,
        read_artifact_resolve,
        ARTIFACT_RESOLVE,
        id="artifact-resolve",
    ),
    pytest.param(
        write_bare_artifact_response,
        read_bare_artifact_response,
        ARTIFACT_RESPONSE,
        id="artifact-response",
    ),
]


class TestEveryMessage:
    @pytest.mark.parametrize(("write", "read", "value"), MESSAGES)
    def test_is_read_back_as_it_was_written(self, write, read, value):
        assert read(parse(serialize(write(value)))) == value

    @pytest.mark.parametrize(("write", "read", "value"), MESSAGES)
    def test_is_valid_by_its_schema(self, write, read, value):
        element = write(value)
        is_assertion = isinstance(value, Assertion)
        validate(element, "assertion" if is_assertion else "protocol")

    @pytest.mark.parametrize(("write", "read", "value"), MESSAGES)
    @pytest.mark.parametrize(
        ("attribute", "text"),
        [
            pytest.param("Version", "1.1", id="version-1.1"),
            pytest.param("Version", None, id="no-version"),
            pytest.param("ID", None, id="no-id"),
            pytest.param("ID", "", id="empty-id"),
            pytest.param("ID", "1a", id="id-that-is-no-name"),
            pytest.param("ID", "_" * 257, id="id-too-long"),
            pytest.param("IssueInstant", None, id="no-instant"),
            pytest.param("IssueInstant", "2026-01-01T12:00:00", id="local-instant"),
        ],
    )
    def test_needs_its_version_id_and_instant(
        self, write, read, value, attribute, text
    ):
        element = write(value)
        if text is None:
            del element.attrib[attribute]
        else:
            element.set(attribute, text)
        with pytest.raises(MalformedMessage, match=rf"{attribute}|longer than"):
            read(element)

    @pytest.mark.parametrize(("write", "read", "value"), MESSAGES)
    def test_is_not_read_as_another_one(self, write, read, value):
        element = write(value)
        element.tag = q("samlp:AttributeQuery")
        with pytest.raises(MalformedMessage):
            read(element)

    @pytest.mark.parametrize(("write", "read", "value"), MESSAGES)
    @pytest.mark.parametrize(
        "edit",
        [
            pytest.param(lambda issuer: issuer.set("Format", PERSISTENT), id="format"),
            pytest.param(lambda issuer: issuer.set("Format", ""), id="empty-format"),
            pytest.param(
                lambda issuer: issuer.set("NameQualifier", HUB), id="qualifier"
            ),
            pytest.param(lambda issuer: setattr(issuer, "text", ""), id="empty"),
            pytest.param(lambda issuer: setattr(issuer, "text", " "), id="blank"),
            pytest.param(
                lambda issuer: setattr(issuer, "text", "x" * 1025), id="too-long"
            ),
            pytest.param(
                lambda issuer: etree.SubElement(issuer, "b"), id="with-an-element"
            ),
        ],
    )
    def test_has_an_issuer_that_is_an_entity(self, write, read, value, edit):
        element = write(value)
        edit(element.find(q("saml:Issuer")))
        with pytest.raises(MalformedMessage):
            read(element)

    @pytest.mark.parametrize(("write", "read", "value"), MESSAGES)
    def test_may_say_that_its_issuer_is_an_entity(self, write, read, value):
        element = write(value)
        entity = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
        element.find(q("saml:Issuer")).set("Format", entity)
        assert read(element) == value

    @pytest.mark.parametrize(("write", "read", "value"), MESSAGES)
    def test_has_one_issuer(self, write, read, value):
        element = write(value)
        element.insert(0, element.find(q("saml:Issuer")).__copy__())
        with pytest.raises(MalformedMessage):
            read(element)


def test_a_new_id_is_an_xml_name_with_160_random_bits():
    assert re.fullmatch("_[0-9a-f]{40}", new_id())
    assert new_id() != new_id()


class TestInstants:
    @pytest.mark.parametrize(
        ("instant", "text"),
        [
            pytest.param(0.0, "1970-01-01T00:00:00Z", id="epoch"),
            pytest.param(NOW, "2026-01-01T12:00:00Z", id="whole"),
            pytest.param(NOW + 0.25, "2026-01-01T12:00:00.250Z", id="milliseconds"),
            pytest.param(NOW - 0.0001, "2026-01-01T12:00:00Z", id="rounded"),
        ],
    )
    def test_are_written_in_utc(self, instant, text):
        assert write_instant(instant) == text

    @given(st.integers(min_value=-62_135_596_800_000, max_value=253_402_300_799_999))
    def test_to_the_millisecond_survive_being_written(self, milliseconds):
        instant = milliseconds / 1000
        assert write_instant(read_instant(write_instant(instant))) == write_instant(
            instant
        )
        assert read_instant(write_instant(instant)) == pytest.approx(
            instant, abs=0.0005
        )

    @given(
        st.datetimes(
            min_value=datetime(1, 1, 1),  # noqa: DTZ001 - hypothesis wants it naive
            timezones=st.just(UTC),
        ).map(lambda moment: moment.replace(microsecond=0)),
        st.text("0123456789", max_size=9),
    )
    def test_may_have_any_fraction(self, moment, fraction):
        point = "." if fraction else ""
        text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f"{point}{fraction}Z"
        micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
        exact = moment + timedelta(microseconds=micro)
        assert read_instant(text) == exact.timestamp()

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "2026-01-01",
            "2026-01-01T12:00:00",
            "2026-01-01T12:00:00+00:00",
            "2026-01-01T12:00:00z",
            "2026-01-01 12:00:00Z",
            "2026-01-01T12:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T12:00:60Z",
            "2026-02-30T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "0000-01-01T12:00:00Z",
            "12026-01-01T12:00:00Z",
            "-2026-01-01T12:00:00Z",
            "2026-01-01T12:00:00.Z",
            "2026-01-01T12:00:00,5Z",
            " 2026-01-01T12:00:00Z",
            "2026-01-01T12:00:00Z\n",
            "2026-01-01T12:00:0\u0660Z",
            "2026-W01-4T12:00:00Z",
            "20260101T120000Z",
            "1767268800",
        ],
    )
    def test_of_any_other_form_are_refused(self, text):
        with pytest.raises(MalformedMessage):
            read_instant(text)

    @given(st.text(st.characters(codec="ascii")) | st.text("0123456789-:TZ.+ "))
    def test_are_read_by_their_grammar_alone(self, text):
        is_of_the_form = re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text, re.ASCII
        )
        try:
            read_instant(text)
        except MalformedMessage:
            return
        assert is_of_the_form


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("PT1H", 3600),
            (" P1DT2H\n", 26 * 3600),
            ("P1Y2M3D", (365 + 60 + 3) * 86_400),
            ("PT90M30.5S", 90 * 60 + 30),
            ("PT0S", 0),
        ],
    )
    def test_are_about_so_many_seconds(self, text, seconds):
        assert read_duration(text) == seconds

    @pytest.mark.parametrize(
        "text",
        ["", "P", "PT", "P1DT", "-PT1H", "1H", "PT1.5H", "P\u0661D", "PT9999999999H"],
    )
    def test_that_are_none_say_nothing(self, text):
        assert read_duration(text) is None


class TestAuthnRequests:
    def test_say_force_and_passive_only_when_it_is_so(self):
        element = write_authn_request(AuthnRequest("_q", NOW, UWV))
        assert "ForceAuthn" not in element.attrib
        assert "IsPassive" not in element.attrib

    @pytest.mark.parametrize(
        ("text", "flag"), [("true", True), ("1", True), ("false", False), ("0", False)]
    )
    def test_may_spell_a_flag_in_four_ways(self, text, flag):
        element = write_authn_request(AUTHN_REQUEST)
        element.set("ForceAuthn", text)
        assert read_authn_request(element).force_authn is flag

    @pytest.mark.parametrize("text", ["", "TRUE", "yes", " true", "2"])
    def test_spell_a_flag_in_no_other_way(self, text):
        element = write_authn_request(AUTHN_REQUEST)
        element.set("IsPassive", text)
        with pytest.raises(MalformedMessage):
            read_authn_request(element)

    @pytest.mark.parametrize(
        ("name_id_format", "may_create"), [(PERSISTENT, "true"), (TRANSIENT, None)]
    )
    def test_allow_a_new_identifier_but_not_a_transient_one(
        self, name_id_format, may_create
    ):
        request = AuthnRequest("_q", NOW, UWV, name_id_format=name_id_format)
        policy = write_authn_request(request).find(q("samlp:NameIDPolicy"))
        assert policy.get("AllowCreate") == may_create

    @pytest.mark.parametrize("name_id_format", ["", PERSISTENT, TRANSIENT])
    def test_may_ask_for_whatever_name_the_hub_likes(self, name_id_format):
        """SAML core 3.4.1.1: a NameIDPolicy need not have a Format."""
        request = replace(
            AUTHN_REQUEST,
            name_id_format=name_id_format,
            allow_create=True,
            asks_for_any_name=not name_id_format,
        )
        element = write_authn_request(request)
        policy = element.find(q("samlp:NameIDPolicy"))
        assert policy.get("Format", "") == name_id_format
        assert read_authn_request(parse(serialize(element))) == request

    def test_may_forbid_a_new_identifier_of_whatever_format(self):
        request = AuthnRequest("_q", NOW, UWV, allow_create=False)
        element = write_authn_request(request)
        assert dict(element.find(q("samlp:NameIDPolicy")).attrib) == {}
        assert read_authn_request(element) == request

    def test_may_allow_a_new_identifier_and_name_no_format(self):
        """As Shibboleth asks."""
        element = write_authn_request(AuthnRequest("_q", NOW, UWV))
        etree.SubElement(element, q("samlp:NameIDPolicy"), AllowCreate="1")
        asked = AuthnRequest("_q", NOW, UWV, asks_for_any_name=True)
        assert read_authn_request(element) == asked
        assert serialize(write_authn_request(asked)).count(b"Format=") == 0

    @pytest.mark.parametrize(
        ("count", "is_alone"), [("0", True), ("-000", True), ("10", False), ("", False)]
    )
    def test_say_whether_another_hub_may_be_asked(self, count, is_alone):
        element = write_authn_request(AUTHN_REQUEST)
        etree.SubElement(element, q("samlp:Scoping"), ProxyCount=count)
        assert read_authn_request(element).is_for_one_alone is is_alone

    def test_may_say_much_that_is_passed_over(self):
        element = write_authn_request(AUTHN_REQUEST)
        element.set("Consent", "urn:oasis:names:tc:SAML:2.0:consent:obtained")
        element.insert(1, _extensions("{urn:x-test}Anything"))
        conditions = etree.Element(
            q("saml:Conditions"), NotOnOrAfter="2026-01-01T12:00:00Z"
        )
        element.find(q("samlp:NameIDPolicy")).addnext(conditions)
        scoping = etree.SubElement(element, q("samlp:Scoping"), ProxyCount="1")
        etree.SubElement(scoping, q("samlp:RequesterID")).text = HUB
        validate(element, "protocol")
        assert read_authn_request(element) == AUTHN_REQUEST

    def test_without_a_comparison_mean_exact(self):
        element = write_authn_request(AUTHN_REQUEST)
        del element.find(q("samlp:RequestedAuthnContext")).attrib["Comparison"]
        assert read_authn_request(element).comparison == "exact"

    def test_an_empty_destination_is_none(self):
        """So does pysaml2 write it over SOAP; who needs one refuses it."""
        element = write_authn_request(AUTHN_REQUEST)
        element.set("Destination", "")
        assert read_authn_request(element).destination == ""

    @pytest.mark.parametrize(
        "edit",
        [
            pytest.param(
                lambda e: e.set("AssertionConsumerServiceURL", ""), id="empty-url"
            ),
            pytest.param(
                lambda e: e.find(q("samlp:RequestedAuthnContext")).set(
                    "Comparison", "most"
                ),
                id="comparison",
            ),
            pytest.param(
                lambda e: setattr(
                    etree.SubElement(
                        e.find(q("samlp:RequestedAuthnContext")),
                        q("saml:AuthnContextDeclRef"),
                    ),
                    "text",
                    BASIS,
                ),
                id="class-and-declaration",
            ),
        ],
    )
    def test_that_say_what_none_may_say_are_refused(self, edit):
        element = write_authn_request(AUTHN_REQUEST)
        edit(element)
        with pytest.raises(MalformedMessage):
            read_authn_request(element)

    @pytest.mark.parametrize(
        ("edit", "said"),
        [
            pytest.param(
                lambda e: e.set("AssertionConsumerServiceIndex", "0"),
                {"acs_index": 0},
                id="index-and-url",
            ),
            pytest.param(
                lambda e: e.insert(1, etree.Element(q("saml:Subject"))),
                {"names_subject": True},
                id="subject",
            ),
            pytest.param(
                lambda e: e.find(q("samlp:NameIDPolicy")).set("SPNameQualifier", HUB),
                {"sp_name_qualifier": HUB},
                id="name-of-another",
            ),
            pytest.param(
                lambda e: setattr(
                    e.find(q("samlp:RequestedAuthnContext"))[0],
                    "tag",
                    q("saml:AuthnContextDeclRef"),
                ),
                {
                    "level_classes": (),
                    "level_declarations": AUTHN_REQUEST.level_classes,
                },
                id="declarations",
            ),
        ],
    )
    def test_that_cannot_be_honoured_are_read_to_be_answered(self, edit, said):
        element = write_authn_request(AUTHN_REQUEST)
        edit(element)
        assert read_authn_request(element) == replace(AUTHN_REQUEST, **said)

    def test_for_names_of_the_asker_itself_are_taken(self):
        element = write_authn_request(AUTHN_REQUEST)
        element.find(q("samlp:NameIDPolicy")).set("SPNameQualifier", UWV)
        assert read_authn_request(element) == AUTHN_REQUEST

    @pytest.mark.parametrize("text", ["", "-1", "x", "1 ", "123456", "\u0661"])
    def test_have_an_index_that_is_a_number(self, text):
        element = write_authn_request(AuthnRequest("_q", NOW, UWV))
        element.set("AssertionConsumerServiceIndex", text)
        with pytest.raises(MalformedMessage):
            read_authn_request(element)


class TestStatus:
    def test_keeps_its_codes_from_the_outermost_in(self):
        response = replace(RESPONSE, status=Status((RESPONDER, AUTHN_FAILED)))
        read = read_response(write_response(response, None))
        assert read.status.codes == (RESPONDER, AUTHN_FAILED)
        assert not read.status.is_success

    def test_has_a_code(self):
        element = write_response(RESPONSE, None)
        status = element.find(q("samlp:Status"))
        status.remove(status[0])
        with pytest.raises(MalformedMessage):
            read_response(element)

    def test_has_a_message_of_one_line_for_the_log(self):
        status = Status((RESPONDER,), "een\r\n twee\u2028drie" + "x" * 2000)
        element = write_response(replace(RESPONSE, status=status), None)
        message = read_response(element).status.message
        assert message.startswith("een twee driexxx")
        assert len(message) == 1024


def test_a_response_without_an_issuer_has_an_empty_one():
    element = write_response(RESPONSE, None)
    element.remove(element.find(q("saml:Issuer")))
    assert read_response(element).issuer == ""


class TestCarriers:
    def test_a_response_holds_its_assertion_last(self):
        element = write_response(RESPONSE, write_assertion(ASSERTION))
        validate(element, "protocol")
        assert read_assertion(element[-1]) == ASSERTION

    def test_an_artifact_response_gives_what_it_carries_in_its_place(self):
        element = write_artifact_response(
            ARTIFACT_RESPONSE, write_response(RESPONSE, None)
        )
        validate(element, "protocol")
        value, carried = read_artifact_response(element)
        assert value == ARTIFACT_RESPONSE
        assert carried.getparent() is element
        assert read_response(carried) == RESPONSE

    def test_an_artifact_response_may_carry_nothing(self):
        element = write_artifact_response(ARTIFACT_RESPONSE, None)
        assert read_artifact_response(element) == (ARTIFACT_RESPONSE, None)

    def test_an_artifact_response_carries_one_message(self):
        element = write_artifact_response(
            ARTIFACT_RESPONSE, write_response(RESPONSE, None)
        )
        element.append(write_response(RESPONSE, None))
        with pytest.raises(MalformedMessage):
            read_artifact_response(element)


class TestNameIDs:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "  ",
            "a\nb",
            "a\tb",
            "a\x85b",
            "a\u2028b",
            "a\u2029b",
            "a\x7fb",
            "x" * 257,
        ],
    )
    def test_that_are_empty_too_long_or_more_than_a_line_are_refused(self, text):
        element = write_logout_request(LOGOUT_REQUEST)
        element.find(q("saml:NameID")).text = text
        with pytest.raises(MalformedMessage):
            read_logout_request(element)

    def test_of_256_characters_are_read(self):
        request = replace(LOGOUT_REQUEST, name_id=NameID("x" * 256))
        assert read_logout_request(write_logout_request(request)) == request

    def test_are_read_on_both_sides_of_a_comment(self):
        element = write_logout_request(LOGOUT_REQUEST)
        name_id = element.find(q("saml:NameID"))
        name_id.text = "admin"
        comment = etree.Comment("x")
        comment.tail = "@evil.test"
        name_id.append(comment)
        assert read_logout_request(element).name_id.value == "admin@evil.test"

    def test_of_another_kind_are_refused(self):
        element = write_logout_request(LOGOUT_REQUEST)
        element.find(q("saml:NameID")).tag = q("saml:BaseID")
        with pytest.raises(MalformedMessage, match="BaseID is not supported"):
            read_logout_request(element)

    @pytest.mark.parametrize("text", [None, "", " \n"])
    @pytest.mark.parametrize("format_", [TRANSIENT, ""])
    def test_that_are_empty_say_what_to_ask_for(self, text, format_):
        """LemonLDAP::NG sends one if it has no value for a format."""
        element = write_assertion(replace(ASSERTION, name_id=NameID("x", format_)))
        next(element.iter(q("saml:NameID"))).text = text
        with pytest.raises(MalformedMessage, match=r"NameID is empty.*Ask the sender"):
            read_assertion(element)

    @pytest.mark.parametrize(
        "format_",
        [TRANSIENT, PERSISTENT, EMAIL, UNSPECIFIED, "urn:oasis:of:somebody", ""],
    )
    def test_of_any_format_are_read(self, format_):
        assertion = replace(ASSERTION, name_id=NameID("m@example.nl", format_))
        assert read_assertion(write_assertion(assertion)) == assertion

    def test_are_in_no_repr(self):
        assert "q7Xw2" not in repr(LOGOUT_REQUEST)
        assert "q7Xw2" not in repr(ASSERTION)

    @given(
        st.text(
            st.characters(
                codec="utf-8",
                exclude_categories=["Cc", "Cs", "Zl", "Zp"],
                exclude_characters="\ufffe\uffff",
            ),
            min_size=1,
            max_size=256,
        ).filter(str.strip)
    )
    def test_of_any_characters_survive_the_journey(self, text):
        request = replace(LOGOUT_REQUEST, name_id=NameID(text))
        octets = serialize(write_logout_request(request))
        assert read_logout_request(parse(octets)) == request


def _extensions(name):
    extensions = etree.Element(q("samlp:Extensions"))
    etree.SubElement(extensions, name)
    return extensions


@pytest.mark.parametrize(
    ("name", "is_asynchronous"),
    [
        ("{urn:oasis:names:tc:SAML:2.0:protocol:ext:async-slo}Asynchronous", True),
        ("{urn:x-test}Asynchronous", False),
    ],
)
def test_a_logout_request_may_have_extensions_before_its_name(name, is_asynchronous):
    """Shibboleth's says that it wants no answer."""
    element = write_logout_request(LOGOUT_REQUEST)
    element.insert(1, _extensions(name))
    validate(element, "protocol")
    asynchronous = replace(LOGOUT_REQUEST, is_asynchronous=is_asynchronous)
    assert read_logout_request(element) == asynchronous


class TestEncryptedLogoutRequests:
    def test_name_somebody_to_the_holder_of_the_key_alone(self, hub_key, other_key):
        octets = serialize(write_logout_request(LOGOUT_REQUEST, hub_key.public))
        assert b"q7Xw2" not in octets
        element = parse(octets)
        validate(element, "protocol")
        both = Decrypter([other_key.private, hub_key.private])
        assert read_logout_request(element, both) == LOGOUT_REQUEST
        with pytest.raises(DecryptionFailed):
            read_logout_request(element, Decrypter([other_key.private]))
        with pytest.raises(DecryptionFailed, match="use an RSA key"):
            read_logout_request(element)

    def test_name_nobody_in_clear_beside_it(self, hub_key):
        element = write_logout_request(LOGOUT_REQUEST)
        name_id = element.find(q("saml:NameID"))
        hidden = encrypt(
            write_logout_request(LOGOUT_REQUEST).find(q("saml:NameID")),
            "saml:EncryptedID",
            hub_key.public,
        )
        name_id.addnext(hidden)
        with pytest.raises(MalformedMessage, match="both a NameID and an EncryptedID"):
            read_logout_request(element, Decrypter([hub_key.private]))


def test_reads_an_empty_reason_of_a_logout_request_as_absent():
    """Every client of pysaml2 sends one (sources.rst, Peers)."""
    element = write_logout_request(LOGOUT_REQUEST)
    element.set("Reason", "")
    validate(element, "protocol")
    assert read_logout_request(element) == replace(LOGOUT_REQUEST, reason="")


def test_rejects_a_reason_that_holds_control_characters():
    element = write_logout_request(LOGOUT_REQUEST)
    element.set("Reason", "a\nb")
    with pytest.raises(MalformedMessage):
        read_logout_request(element)


@pytest.mark.parametrize("name", ["ProtocolBinding", "ProviderName"])
def test_reads_an_empty_text_of_an_authn_request_as_absent(name):
    element = write_authn_request(AUTHN_REQUEST)
    element.attrib.pop(name, None)
    absent = read_authn_request(element)
    element.set(name, "")
    validate(element, "protocol")
    assert read_authn_request(element) == absent


@pytest.mark.parametrize("name", ["Format", "SPNameQualifier"])
def test_reads_an_empty_text_of_a_name_id_policy_as_absent(name):
    element = write_authn_request(replace(AUTHN_REQUEST, name_id_format=PERSISTENT))
    policy = element.find(q("samlp:NameIDPolicy"))
    policy.attrib.pop(name, None)
    absent = read_authn_request(element)
    policy.set(name, "")
    validate(element, "protocol")
    assert read_authn_request(element) == absent


def test_reads_an_empty_session_index_of_an_assertion_as_absent():
    element = write_assertion(replace(ASSERTION, session_index=None))
    element.find(STATEMENT).set("SessionIndex", "")
    assert read_assertion(element).session_index is None


def test_rejects_an_empty_address_in_an_authn_request():
    """It decides where the answer goes, so it is no text alone."""
    element = write_authn_request(AUTHN_REQUEST)
    element.set("AssertionConsumerServiceURL", "")
    with pytest.raises(MalformedMessage, match="AssertionConsumerServiceURL"):
        read_authn_request(element)


def test_a_logout_request_names_somebody():
    element = write_logout_request(LOGOUT_REQUEST)
    element.remove(element.find(q("saml:NameID")))
    with pytest.raises(MalformedMessage, match="has no NameID"):
        read_logout_request(element)


def test_a_logout_request_names_at_most_a_hundred_sessions():
    indexes = tuple(f"_{number}" for number in range(100))
    request = replace(LOGOUT_REQUEST, session_indexes=indexes)
    assert read_logout_request(write_logout_request(request)) == request
    too_many = replace(request, session_indexes=(*indexes, "_100"))
    with pytest.raises(MalformedMessage):
        read_logout_request(write_logout_request(too_many))


def _drop(path):
    def edit(assertion):
        element = assertion.find(path)
        element.getparent().remove(element)

    return edit


def _double(path):
    def edit(assertion):
        element = assertion.find(path)
        element.addnext(element.__copy__())

    return edit


SUBJECT = q("saml:Subject")
CONFIRMATION = f"{SUBJECT}/{q('saml:SubjectConfirmation')}"
DATA = f"{CONFIRMATION}/{q('saml:SubjectConfirmationData')}"
CONDITIONS = q("saml:Conditions")
STATEMENT = q("saml:AuthnStatement")
CONTEXT = f"{STATEMENT}/{q('saml:AuthnContext')}"
ATTRIBUTES = q("saml:AttributeStatement")


class TestAssertions:
    @pytest.mark.parametrize(
        "edit",
        [
            pytest.param(_drop(SUBJECT), id="no-subject"),
            pytest.param(_drop(CONFIRMATION), id="no-confirmation"),
            pytest.param(_drop(DATA), id="no-confirmation-data"),
            pytest.param(_drop(CONDITIONS), id="no-conditions"),
            pytest.param(_drop(STATEMENT), id="no-statement"),
            pytest.param(_double(STATEMENT), id="two-statements"),
            pytest.param(_drop(CONTEXT), id="no-context"),
            pytest.param(
                _drop(f"{CONTEXT}/{q('saml:AuthnContextClassRef')}"), id="no-class"
            ),
            pytest.param(
                lambda a: a.find(CONFIRMATION).set(
                    "Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"
                ),
                id="not-a-bearer",
            ),
            pytest.param(
                lambda a: a.find(CONFIRMATION).set("Method", ""), id="empty-method"
            ),
            pytest.param(
                lambda a: a.find(DATA).set("NotBefore", "2026-01-01T00:00:00Z"),
                id="bearer-not-before",
            ),
            pytest.param(
                lambda a: a.find(DATA).attrib.pop("NotOnOrAfter"), id="bearer-no-end"
            ),
            pytest.param(
                lambda a: a.find(DATA).set("Recipient", ""), id="empty-recipient"
            ),
            pytest.param(
                lambda a: etree.SubElement(a.find(CONDITIONS), q("saml:Condition")),
                id="unknown-condition",
            ),
            pytest.param(
                lambda a: etree.SubElement(a, q("saml:AuthzDecisionStatement")),
                id="decision",
            ),
            pytest.param(
                lambda a: etree.SubElement(
                    a.find(ATTRIBUTES), "{urn:x-test}Attribute", Name="x"
                ),
                id="no-attribute",
            ),
            pytest.param(
                lambda a: a.find(ATTRIBUTES)[0].set("Name", ""), id="nameless-attribute"
            ),
            pytest.param(
                lambda a: setattr(a.find(ATTRIBUTES)[0][0], "text", "x" * 32_769),
                id="value-too-long",
            ),
        ],
    )
    def test_that_are_not_those_of_a_login_are_refused(self, edit):
        element = write_assertion(ASSERTION)
        edit(element)
        with pytest.raises(MalformedMessage):
            read_assertion(element)

    def test_have_one_value_for_each_confirmation_by_a_bearer(self):
        element = write_assertion(ASSERTION)
        for _ in range(3):
            _double(CONFIRMATION)(element)
        first, second, third, last = element.findall(CONFIRMATION)
        first.set("Method", "urn:x")
        second[0].attrib.pop("NotOnOrAfter")
        third[0].set("NotBefore", "2026-01-01T00:00:00Z")
        last[0].set("Recipient", "https://other.test/")
        other = replace(ASSERTION, recipient="https://other.test/")
        assert read_assertions(element) == [other]
        first.set("Method", BEARER)
        assert read_assertions(element) == [ASSERTION, other]

    def test_have_at_most_five_confirmations(self):
        element = write_assertion(ASSERTION)
        for _ in range(4):
            _double(CONFIRMATION)(element)
        assert read_assertions(element) == [ASSERTION] * 5
        _double(CONFIRMATION)(element)
        with pytest.raises(MalformedMessage, match="has 6 SubjectConfirmations"):
            read_assertions(element)

    @pytest.mark.parametrize(
        "path",
        [
            q("saml:Issuer"),
            f"{CONDITIONS}/{q('saml:AudienceRestriction')}/{q('saml:Audience')}",
            f"{CONTEXT}/{q('saml:AuthnContextClassRef')}",
        ],
    )
    def test_may_have_white_space_around_a_uri(self, path):
        element = write_assertion(ASSERTION)
        found = element.find(path)
        found.text = f"\r\n\t {found.text} \n"
        assert read_assertion(element) == ASSERTION

    @pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\ufeff", "\u200b"])
    def test_may_have_no_other_space_around_a_uri(self, space):
        element = write_assertion(ASSERTION)
        element.find(q("saml:Issuer")).text = f"{ASSERTION.issuer}{space}"
        assert read_assertion(element).issuer == f"{ASSERTION.issuer}{space}"

    @pytest.mark.parametrize("space", ["\x85", "\u2028"])
    def test_have_no_control_characters_in_a_uri(self, space):
        element = write_assertion(ASSERTION)
        element.find(q("saml:Issuer")).text = f"{ASSERTION.issuer}{space}"
        with pytest.raises(MalformedMessage, match="control"):
            read_assertion(element)

    def test_have_no_long_white_space_around_a_uri(self):
        element = write_assertion(ASSERTION)
        element.find(q("saml:Issuer")).text = ASSERTION.issuer + " " * 1024
        with pytest.raises(MalformedMessage, match="longer than"):
            read_assertion(element)

    def test_may_be_for_one_use(self):
        element = write_assertion(ASSERTION)
        etree.SubElement(element.find(CONDITIONS), q("saml:OneTimeUse"))
        assert read_assertion(element) == ASSERTION

    def test_tell_where_they_may_not_be_passed_on_as_one_likes(self):
        element = write_assertion(ASSERTION)
        etree.SubElement(element.find(CONDITIONS), q("saml:ProxyRestriction"))
        assert read_assertion(element) == replace(ASSERTION, is_for_us_alone=True)

    def test_may_have_comments_between_their_parts(self):
        element = write_assertion(ASSERTION)
        for parent in list(element.iter()):
            if len(parent):
                parent.insert(0, etree.Comment("x"))
        assert read_assertion(element) == ASSERTION

    def test_are_for_nobody_without_audiences(self):
        element = write_assertion(replace(ASSERTION, audiences=()))
        assert read_assertion(element).audiences == ()

    def test_have_at_most_a_hundred_attributes(self):
        attributes = {f"a{number}": ["x"] for number in range(100)}
        assertion = replace(ASSERTION, attributes=attributes)
        assert read_assertion(write_assertion(assertion)) == assertion
        attributes["one more"] = ["x"]
        with pytest.raises(MalformedMessage):
            read_assertion(write_assertion(replace(assertion, attributes=attributes)))

    def test_have_at_most_a_hundred_attributes_in_all_their_statements(self):
        attributes = {f"a{number}": ["x"] for number in range(60)}
        element = write_assertion(replace(ASSERTION, attributes=attributes))
        element.append(element.find(ATTRIBUTES).__copy__())
        with pytest.raises(MalformedMessage):
            read_assertion(element)

    def test_put_attributes_of_one_name_together(self):
        element = write_assertion(ASSERTION)
        statement = element.find(ATTRIBUTES)
        again = etree.SubElement(statement, q("saml:Attribute"), Name="naam")
        etree.SubElement(again, q("saml:AttributeValue")).text = "Merel B."
        assert read_assertion(element).attributes["naam"] == ["Merel", "Merel B."]

    @pytest.mark.parametrize(
        ("value", "texts"),
        [
            pytest.param("<V>Merel</V>", ["Merel"], id="text"),
            pytest.param('<V xsi:type="xs:string">Merel</V>', ["Merel"], id="typed"),
            pytest.param('<V xsi:type="xs:integer">7</V>', ["7"], id="number"),
            pytest.param("<V/>", [""], id="empty"),
            pytest.param('<V xsi:nil="true"/>', [], id="nil"),
            pytest.param('<V xsi:nil="1"/>', [], id="nil-1"),
            pytest.param('<V xsi:nil="&#10; true "/>', [], id="nil-with-blanks"),
            pytest.param('<V xsi:nil="false">x</V>', ["x"], id="not-nil"),
            pytest.param("<V>a</V><V>b</V><V>a</V>", ["a", "b", "a"], id="several"),
            pytest.param("<V><![CDATA[<b>]]></V>", ["<b>"], id="cdata"),
            pytest.param("<V>Ĳ 😀</V>", ["Ĳ 😀"], id="any-character"),
            pytest.param(
                "<V>\n <saml:NameID NameQualifier='h'>t1</saml:NameID>\n</V>",
                ["t1"],
                id="name",
            ),
            pytest.param(
                "<V><saml:NameID><b>t1</b></saml:NameID></V>", [], id="no-plain-name"
            ),
            pytest.param(
                "<V><saml:NameID>a</saml:NameID><saml:NameID>b</saml:NameID></V>",
                [],
                id="two-names",
            ),
            pytest.param("<V><b>x</b></V>", [], id="xml"),
            pytest.param("<V>x<b/></V>", [], id="mixed"),
            pytest.param("", [], id="none"),
        ],
    )
    def test_have_attributes_whose_values_are_texts(self, value, texts):
        attribute = (
            f'<saml:Attribute xmlns:saml="{q("saml:x")[1:-2]}"'
            ' xmlns:xs="http://www.w3.org/2001/XMLSchema"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            ' Name="urn:oid:1.3.6.1.4.1.5923.1.1.1.10" FriendlyName="eduPerson…"'
            ' NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">'
            + value.replace("<V", "<saml:AttributeValue").replace(
                "</V", "</saml:AttributeValue"
            )
            + "</saml:Attribute>"
        )
        element = write_assertion(ASSERTION)
        element.find(ATTRIBUTES).append(parse(attribute.encode()))
        read = read_assertion(parse(serialize(element))).attributes
        assert read["urn:oid:1.3.6.1.4.1.5923.1.1.1.10"] == texts

    @pytest.mark.parametrize(
        "text",
        [
            "Dorpsstraat 1\n1234 AB  Ons Dorp\n",
            "a\r\nb\rc\td",
            "".join(map(chr, (0x85, 0x2028, 0x2029, 0x7F, 0x9F, 0xD7FF, 0xFFFD))),
            "".join(chr(0x1F600 + n) for n in range(256)),
            "".join(chr(n) for n in range(0x20, 0x120)),
        ],
        ids=["address", "ends of lines", "controls", "emoji", "256"],
    )
    def test_have_values_of_any_characters_that_xml_has(self, hub_key, text):
        assertion = replace(ASSERTION, attributes={"post": [text, "x"]})
        element = write_assertion(assertion)
        sign(element, hub_key)
        received = parse(serialize(element))
        assert read_assertion(signed(received, [hub_key.public])) == assertion

    def test_may_hold_advice_which_nobody_reads(self, hub_key):
        element = write_assertion(ASSERTION)
        advice = etree.Element(q("saml:Advice"))
        etree.SubElement(advice, q("saml:AssertionIDRef")).text = "_other"
        other = etree.SubElement(advice, "{urn:x-test}Attribute", Name="name")
        other.text = "Mallory"
        element.find(CONDITIONS).addnext(advice)
        validate(parse(serialize(element)), "assertion")
        sign(element, hub_key)
        received = parse(serialize(element))
        assert read_assertion(signed(received, [hub_key.public])) == ASSERTION

    def test_have_attributes_with_long_values_and_many(self):
        attributes = {"foto": ["x" * 32_768], "groepen": [str(n) for n in range(2000)]}
        assertion = replace(ASSERTION, attributes=attributes)
        received = parse(serialize(write_assertion(assertion)))
        assert read_assertion(received) == assertion
        attributes["groepen"].append("one more")
        with pytest.raises(MalformedMessage, match="more than 2000 values"):
            read_assertion(write_assertion(assertion))

    def test_have_at_most_twenty_encrypted_attributes(self, hub_key):
        def hiding(count):
            names = [f"a{number}" for number in range(count)]
            attributes = {name: ["x"] for name in names}
            element = write_assertion(replace(ASSERTION, attributes=attributes))
            for attribute in list(element.find(ATTRIBUTES)):
                hidden = encrypt(attribute, "saml:EncryptedAttribute", hub_key.public)
                attribute.getparent().replace(attribute, hidden)
            return parse(serialize(element)), attributes

        decrypter = Decrypter([hub_key.private])
        element, attributes = hiding(20)
        assert read_assertion(element, decrypter).attributes == attributes
        element, _ = hiding(21)
        with pytest.raises(MalformedMessage, match="more than 20"):
            read_assertion(element, decrypter)

    def test_say_no_type_that_canonical_xml_would_lose(self):
        assert b"type=" not in serialize(write_assertion(ASSERTION))
