"""Signatures as DigiD has them: KeyName, and namespaces that count by a PrefixList."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from eilogin.saml import bindings
from eilogin.saml.messages import (
    ArtifactResponse,
    Assertion,
    NameID,
    Response,
    Status,
    write_artifact_response,
    write_assertion,
    write_response,
)
from eilogin.saml.safe_xml import DS, parse, q, serialize, validate
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_signatures import EXCLUSIVE_C14N, sign, signed

HUB = "https://was.digid.test/saml/idp/metadata"
NOW = 1_767_268_800.0
ASSERTION = Assertion(
    id="_a1",
    issued=NOW,
    issuer=HUB,
    name_id=NameID("s00000000:900000001"),
    recipient="https://uwv.test/eilogin/acs",
    in_response_to="_q1",
    confirmation_ends=NOW + 120,
    not_before=NOW - 120,
    not_on_or_after=NOW + 120,
    audiences=(("https://uwv.test/eilogin/metadata",),),
    authn_instant=NOW,
    session_index="_s1",
    session_ends=None,
    level_class="urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
)
RESPONSE = Response(id="_r1", issued=NOW, issuer=HUB, status=Status())
ARTIFACT_RESPONSE = ArtifactResponse(
    id="_ar1", issued=NOW, issuer=HUB, status=Status(), in_response_to="_resolve"
)
LIST = f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces"


@pytest.fixture(scope="module")
def pair():
    return new_key_pair("uwv.test")


@pytest.fixture(scope="module")
def key(pair):
    return replace(SigningKey.load(*pair), names_key=True)


@pytest.fixture
def message(key):
    """An assertion in a Response in an ArtifactResponse in SOAP; two are signed."""
    assertion = write_assertion(ASSERTION)
    sign(assertion, key)
    response = write_response(RESPONSE, assertion)
    element = write_artifact_response(ARTIFACT_RESPONSE, response)
    sign(element, key)
    return bindings.unwrap_soap(bindings.wrap_soap(element))


def both(message):
    return [message, next(message.iter(q("saml:Assertion")))]


def test_the_key_is_named_by_the_sha1_of_its_certificate(key, message):
    der = key.certificate.public_bytes(Encoding.DER)
    for element in both(message):
        info = element.find(f"{q('ds:Signature')}/{q('ds:KeyInfo')}")
        name, data = info
        assert name.tag == q("ds:KeyName")
        assert name.text == hashlib.sha1(der, usedforsecurity=False).hexdigest()
        assert data.findtext(q("ds:X509Certificate")) == key.certificate_text


def test_the_prefix_list_is_that_of_digid(message):
    for element in both(message):
        [prefix_list] = element.find(q("ds:Signature")).iter(LIST)
        assert prefix_list.get("PrefixList") == "ds saml samlp xs"
        assert prefix_list.getparent().tag == q("ds:Transform")


def test_they_are_valid_by_the_schema(message):
    validate(message, "protocol")


def test_each_holds_wherever_it_stands(key, message):
    for element in both(message):
        assert signed(element, [key.public]) is not None
    assertion = etree.fromstring(etree.tostring(both(message)[1]))
    assert signed(parse(serialize(assertion)), [key.public]) is not None


def test_another_implementation_verifies_them(pair, message):
    for element in both(message):
        manager = xmlsec.SignatureContext()
        manager.key = xmlsec.Key.from_memory(pair[1], xmlsec.KeyFormat.CERT_PEM)
        manager.register_id(element, "ID")
        manager.verify(element.find(q("ds:Signature")))


def test_they_hold_in_a_thread_that_has_read_nothing_yet(key):
    """lxml overlooks a prefix of the list that no document there had before."""

    def made():
        assertion = write_assertion(ASSERTION)
        sign(assertion, key)
        return serialize(assertion)

    with ThreadPoolExecutor(1) as new_thread:
        octets = new_thread.submit(made).result()
    assert signed(parse(octets), [key.public]) is not None


def test_a_plain_key_signs_as_ever(pair):
    assertion = write_assertion(ASSERTION)
    sign(assertion, SigningKey.load(*pair))
    assert not list(assertion.iter(LIST, f"{{{DS}}}KeyName"))
