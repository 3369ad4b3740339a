"""The place of a signature, its certificate, and xmlsec verifies it."""

import pytest
from lxml import etree
from signed_responses import RESPONSE, assertion_of, signed_response, verified_by_xmlsec

from eilogin.saml.safe_xml import parse, q, serialize
from eilogin.saml.xml_signatures import sign, signed


class TestSigning:
    def test_xmlsec_verifies_what_we_sign(self, pair, key):
        assert verified_by_xmlsec(signed_response(key), pair[1]) == 2

    def test_the_signature_stands_after_the_issuer(self, key):
        root = etree.fromstring(signed_response(key))
        assert root[1].tag == q("ds:Signature")
        assert assertion_of(root)[1].tag == q("ds:Signature")

    @pytest.mark.parametrize("inside", ["", "<md:IDPSSODescriptor/>"])
    def test_the_signature_stands_first_in_metadata(self, key, inside):
        root = etree.fromstring(
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
            f' ID="_e" entityID="https://hub.test">{inside}</md:EntityDescriptor>'
        )
        sign(root, key)
        assert root[0].tag == q("ds:Signature")
        read = signed(parse(serialize(root)), [key.public])
        assert read.get("entityID") == "https://hub.test"

    def test_the_certificate_travels_along(self, key):
        root = etree.fromstring(signed_response(key))
        text = root.findtext(f"{q('ds:Signature')}//{q('ds:X509Certificate')}")
        assert text == key.certificate_text

    def test_sign_rejects_element_without_id(self, key):
        with pytest.raises(ValueError, match="with an ID"):
            sign(etree.fromstring("<a/>"), key)

    def test_sign_rejects_signed_element(self, key):
        root = etree.fromstring(signed_response(key))
        with pytest.raises(ValueError, match="no signature"):
            sign(root, key)

    def test_an_id_is_taken_literally(self, key):
        text = RESPONSE.replace('"_r"', '"_{digest}&lt;&quot;"')
        octets = signed_response(key, assertion=False, text=text)
        assert signed(parse(octets), [key.public]).get("ID") == '_{digest}<"'
