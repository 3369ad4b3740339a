"""Signatures of octets by RSA and by elliptic curves."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from signed_responses import (
    DS,
    MORE,
    Foreign,
    assertion_of,
    signed_response,
    verified_by_xmlsec,
)

from eilogin.errors import UntrustedSignature
from eilogin.saml.safe_xml import parse, q
from eilogin.saml.xml_signatures import (
    ECDSA_SHA256,
    RSA_SHA256,
    check_structure,
    sign_octets,
    signed,
    suited,
    verify_octets,
)


class TestAnEllipticKey:
    """ECDSA, with the curves that XML signature has names for."""

    @pytest.mark.parametrize("bits", ["256", "384", "512"])
    def test_verifies_what_xmlsec_signs(self, its, curve, key, bits):
        root = parse(Foreign(its).signed(f"ECDSA_SHA{bits}", f"SHA{bits}"))
        check_structure(root)
        read = signed(assertion_of(root), [key.public, curve.public])
        assert read.findtext(f".//{q('saml:NameID')}") == "merel"
        with pytest.raises(UntrustedSignature):
            signed(assertion_of(root), [key.public])

    @pytest.mark.parametrize("bits", ["256", "384", "512"])
    def test_signs_what_xmlsec_verifies(self, its, curve, bits):
        wanted = suited(curve, [f"{MORE}ecdsa-sha{bits}"], [])
        octets = signed_response(wanted)
        assert octets.count(f"#ecdsa-sha{bits}".encode()) == 2
        assert verified_by_xmlsec(octets, its[1]) == 2

    def test_signs_with_sha256_where_nothing_else_is_wanted(self, its, curve):
        octets = signed_response(curve)
        assert octets.count(b"#ecdsa-sha256") == 2
        assert verified_by_xmlsec(octets, its[1]) == 2

    def test_is_of_no_use_for_what_is_changed_or_of_another_key(self, curve):
        signature = sign_octets(curve, b"octets")
        verify_octets([curve.public], b"octets", signature, ECDSA_SHA256)
        with pytest.raises(UntrustedSignature):
            verify_octets([curve.public], b"octet", signature, ECDSA_SHA256)
        another = ec.generate_private_key(curve.private.curve).public_key()
        with pytest.raises(UntrustedSignature):
            verify_octets([another], b"octets", signature, ECDSA_SHA256)
        verify_octets([another, curve.public], b"octets", signature, ECDSA_SHA256)

    def test_may_sign_octets_as_libraries_write_it(self, curve):
        der = curve.private.sign(b"octets", ec.ECDSA(hashes.SHA256()))
        verify_octets([curve.public], b"octets", der, ECDSA_SHA256)

    @pytest.mark.parametrize("signature", [b"", b"0", bytes(64), bytes(96), bytes(132)])
    def test_is_not_misled_by_what_is_no_signature(self, curve, signature):
        with pytest.raises(UntrustedSignature):
            verify_octets([curve.public], b"octets", signature, ECDSA_SHA256)

    def test_does_not_verify_what_says_to_be_by_rsa(self, key, curve):
        for signing_key, algorithm in ((key, ECDSA_SHA256), (curve, RSA_SHA256)):
            signature = sign_octets(signing_key, b"octets")
            with pytest.raises(
                UntrustedSignature, match="matches no key of the expected signer"
            ):
                verify_octets([signing_key.public], b"octets", signature, algorithm)

    def test_may_be_written_out_beside_the_signature(self, its, curve):
        octets = Foreign(its).signed("ECDSA_SHA256")
        value = (
            b'<dsig:KeyValue><d:ECKeyValue xmlns:d="http://www.w3.org/2009/xmldsig11#">'
            b'<d:NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/>'
            b"<d:PublicKey>AQAB</d:PublicKey></d:ECKeyValue></dsig:KeyValue>"
        )
        root = parse(octets.replace(b"<dsig:X509Data>", value + b"<dsig:X509Data>", 1))
        check_structure(root)
        assert signed(assertion_of(root), [curve.public]).get("ID") == "_a"


class TestOctets:
    def test_octet_signature_verifies_only_with_its_key_and_octets(self, key, other):
        signature = sign_octets(key, b"octets")
        verify_octets([other.public, key.public], b"octets", signature, RSA_SHA256)
        with pytest.raises(UntrustedSignature):
            verify_octets([key.public], b"octet", signature, RSA_SHA256)
        with pytest.raises(UntrustedSignature):
            verify_octets([other.public], b"octets", signature, RSA_SHA256)

    @pytest.mark.parametrize(
        "algorithm", ["", "rsa-sha256", DS + "rsa-sha1", MORE + "hmac-sha256"]
    )
    def test_another_algorithm_is_refused_and_none_is_the_default(self, key, algorithm):
        signature = sign_octets(key, b"octets")
        with pytest.raises(UntrustedSignature, match="algorithm"):
            verify_octets([key.public], b"octets", signature, algorithm)

    @pytest.mark.parametrize("bits", [384, 512])
    def test_the_algorithm_that_is_named_is_the_one_that_counts(self, key, bits):
        hashed = {384: hashes.SHA384(), 512: hashes.SHA512()}[bits]
        signature = key.private.sign(b"octets", PKCS1v15(), hashed)
        verify_octets([key.public], b"octets", signature, f"{MORE}rsa-sha{bits}")
        with pytest.raises(UntrustedSignature):
            verify_octets([key.public], b"octets", signature, RSA_SHA256)
