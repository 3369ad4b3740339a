"""Status and NameID of a message."""

from dataclasses import replace

import pytest
from example_messages import ASSERTION, LOGOUT_REQUEST, RESPONSE
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages import (
    AUTHN_FAILED,
    EMAIL,
    PERSISTENT,
    RESPONDER,
    TRANSIENT,
    UNSPECIFIED,
    NameID,
    Status,
    read_assertion,
    read_logout_request,
    read_response,
    write_assertion,
    write_logout_request,
    write_response,
)
from eilogin.saml.safe_xml import parse, q, serialize


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
