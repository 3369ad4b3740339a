"""Each message is read back as written, is valid by its schema, and needs its parts."""

from dataclasses import replace

import pytest
from example_messages import (
    ACTIVITY_REPORT,
    ARTIFACT_RESOLVE,
    ARTIFACT_RESPONSE,
    ASSERTION,
    AUTHN_REQUEST,
    HUB,
    LOGOUT_REQUEST,
    LOGOUT_RESPONSE,
    NOW,
    RESPONSE,
    UWV,
)
from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages import (
    PERSISTENT,
    TRANSIENT,
    Assertion,
    AuthnRequest,
    read_activity_report,
    read_artifact_resolve,
    read_artifact_response,
    read_assertion,
    read_authn_request,
    read_logout_request,
    read_logout_response,
    read_response,
    write_activity_report,
    write_artifact_resolve,
    write_artifact_response,
    write_assertion,
    write_authn_request,
    write_logout_request,
    write_logout_response,
    write_response,
)
from eilogin.saml.safe_xml import parse, q, serialize, validate


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
