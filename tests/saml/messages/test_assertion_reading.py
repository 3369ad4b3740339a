"""An Assertion: confirmations, audiences, attributes and what is rejected."""

from dataclasses import replace

import pytest
from example_messages import ASSERTION, double, drop
from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages import (
    BEARER,
    read_assertion,
    read_assertions,
    write_assertion,
)
from eilogin.saml.safe_xml import parse, q, serialize, validate
from eilogin.saml.xml_encryption import Decrypter, encrypt
from eilogin.saml.xml_signatures import sign, signed


def test_reads_an_empty_session_index_of_an_assertion_as_absent():
    element = write_assertion(replace(ASSERTION, session_index=None))
    element.find(STATEMENT).set("SessionIndex", "")
    assert read_assertion(element).session_index is None


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
            pytest.param(drop(SUBJECT), id="no-subject"),
            pytest.param(drop(CONFIRMATION), id="no-confirmation"),
            pytest.param(drop(DATA), id="no-confirmation-data"),
            pytest.param(drop(CONDITIONS), id="no-conditions"),
            pytest.param(drop(STATEMENT), id="no-statement"),
            pytest.param(double(STATEMENT), id="two-statements"),
            pytest.param(drop(CONTEXT), id="no-context"),
            pytest.param(
                drop(f"{CONTEXT}/{q('saml:AuthnContextClassRef')}"), id="no-class"
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
            double(CONFIRMATION)(element)
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
            double(CONFIRMATION)(element)
        assert read_assertions(element) == [ASSERTION] * 5
        double(CONFIRMATION)(element)
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
        part = element.find(path)
        part.text = f"\r\n\t {part.text} \n"
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
