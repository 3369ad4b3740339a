"""The choice of algorithms that a peer lists."""

import re

import pytest
from signed_responses import DS, MORE, signed_response, verified_by_xmlsec

from eilogin.errors import AlgorithmMissing
from eilogin.saml.safe_xml import parse
from eilogin.saml.xml_signatures import RSA_SHA256, SHA256, signed, suited


class TestAPeerThatListsAlgorithms:
    """SAML metadata profile for algorithm support 2.4: it gets no others."""

    @pytest.mark.parametrize(
        ("methods", "digests", "chosen"),
        [
            ((), (), ("rsa-sha256", "#sha256")),
            ((f"{MORE}rsa-sha512",), (), ("rsa-sha512", "#sha256")),
            ((), (f"{MORE}sha384",), ("rsa-sha256", "#sha384")),
            (
                ("urn:x-test:newer", f"{MORE}ecdsa-sha256", f"{MORE}rsa-sha384"),
                ("urn:x-test:newer", "http://www.w3.org/2001/04/xmlenc#sha512"),
                ("rsa-sha384", "#sha512"),
            ),
            ((RSA_SHA256, f"{MORE}rsa-sha512"), (SHA256,), ("rsa-sha256", "#sha256")),
        ],
        ids=["none", "method", "digest", "first of ours", "usual"],
    )
    def test_gets_the_first_that_we_have(self, pair, key, methods, digests, chosen):
        octets = signed_response(suited(key, methods, digests))
        algorithms = re.findall(
            rb'(?:Signature|Digest)Method Algorithm="([^"]*)"', octets
        )
        assert len(algorithms) == 4
        for uri, end in zip(algorithms, chosen * 2, strict=True):
            assert uri.endswith(end.encode())
        assert verified_by_xmlsec(octets, pair[1]) == 2
        signed(parse(octets), [key.public])

    def test_that_we_use_anyway_gets_the_very_key(self, key):
        assert suited(key, (), ()) is key

    @pytest.mark.parametrize(
        ("methods", "digests", "what"),
        [
            ((f"{MORE}ecdsa-sha256", "urn:x-test:newer"), (), "signature"),
            ((), (DS + "sha1",), "digest"),
        ],
    )
    def test_that_we_do_not_have_is_told_both_lists(self, key, methods, digests, what):
        with pytest.raises(AlgorithmMissing) as missing:
            suited(key, methods, digests)
        for uri in (*methods, *digests, "sha512", f"the {what} algorithms"):
            assert uri in str(missing.value)

    def test_that_we_do_not_have_are_not_told_without_end(self, key):
        with pytest.raises(AlgorithmMissing) as missing:
            suited(key, ["x" * 1000] * 1000, ())
        assert len(str(missing.value)) < 1500
