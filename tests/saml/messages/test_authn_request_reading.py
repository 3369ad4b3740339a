"""An AuthnRequest: flags, indexes, levels, NameIDPolicy and Scoping."""

from dataclasses import replace

import pytest
from example_messages import AUTHN_REQUEST, BASIS, HUB, NOW, UWV, extensions
from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages import (
    PERSISTENT,
    TRANSIENT,
    AuthnRequest,
    read_authn_request,
    write_authn_request,
)
from eilogin.saml.safe_xml import parse, q, serialize, validate


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
        request = AuthnRequest("_q", NOW, UWV, asks_for_any_name=True)
        assert read_authn_request(element) == request
        assert serialize(write_authn_request(request)).count(b"Format=") == 0

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
        element.insert(1, extensions("{urn:x-test}Anything"))
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
        ("edit", "values"),
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
    def test_that_cannot_be_honoured_are_read_to_be_answered(self, edit, values):
        element = write_authn_request(AUTHN_REQUEST)
        edit(element)
        assert read_authn_request(element) == replace(AUTHN_REQUEST, **values)

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


def test_rejects_an_empty_address_in_an_authn_request():
    """It decides where the answer goes, so it is no text alone."""
    element = write_authn_request(AUTHN_REQUEST)
    element.set("AssertionConsumerServiceURL", "")
    with pytest.raises(MalformedMessage, match="AssertionConsumerServiceURL"):
        read_authn_request(element)
