"""What is judged in the place of an assertion that could not be opened."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from eilogin.errors import UntrustedSignature
from eilogin.saml import xml_signatures
from eilogin.saml.decoy_assertion import decoy
from eilogin.saml.messages import read_assertion
from eilogin.saml.safe_xml import validate


def rsa_key(size):
    return rsa.generate_private_key(public_exponent=65537, key_size=size).public_key()


KEYS = {
    "rsa": lambda: [rsa_key(2048)],
    "a longer one": lambda: [rsa_key(3072)],
    "p-256": lambda: [ec.generate_private_key(ec.SECP256R1()).public_key()],
    "p-521": lambda: [ec.generate_private_key(ec.SECP521R1()).public_key()],
    "none": list,
}


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_it_is_sound_in_all_but_its_signature(make):
    keys = make()
    element = decoy(keys)
    validate(element, "assertion")
    [signature] = xml_signatures.check_structure(element)
    with pytest.raises(
        UntrustedSignature, match="matches no key of the expected signer"
    ):
        xml_signatures.content(signature, keys)
    assert read_assertion(element).name_id.value == "nobody"


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_its_signature_is_as_long_as_one_of_that_key(make):
    """Else it would be refused before anything is computed."""
    keys = make()
    [signature] = xml_signatures.check_structure(decoy(keys))
    for key in keys:
        is_rsa = isinstance(key, rsa.RSAPublicKey)
        half = -(-key.key_size // 8)
        assert len(signature.value) == (half if is_rsa else 2 * half)
        assert ("rsa" in signature.algorithm) is is_rsa
