"""Sign and verify octets: SignedInfo, and the query of the redirect binding."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from eilogin.errors import UntrustedSignature
from eilogin.saml.signing_keys import PublicKey, SigningKey
from eilogin.saml.xml_signatures.signature_algorithms import (
    ECDSA_METHODS,
    HASH_OF_METHOD,
    method_of,
    too_weak,
)

#: RFC 8017, 8.2.
_PADDING = PKCS1v15()


def verify_octets(
    keys: Sequence[PublicKey],
    octets: bytes,
    signature: bytes,
    algorithm: str,
    weak: Mapping[str, hashes.HashAlgorithm] = MappingProxyType({}),
) -> None:
    """Verify a signature over ``octets`` by any of ``keys``; raises UntrustedSignature.

    ``algorithm`` is the URI that came with it (SigAlg, SAML bindings 3.4.4.1). ``weak``
    are further accepted algorithms, with their hashes.
    """
    hashed_with = HASH_OF_METHOD.get(algorithm) or weak.get(algorithm)
    if hashed_with is None:
        raise too_weak("algorithm", algorithm, HASH_OF_METHOD)
    is_by_curve = algorithm in ECDSA_METHODS
    for key in keys:
        try:
            if not is_by_curve and isinstance(key, RSAPublicKey):
                key.verify(signature, octets, _PADDING, hashed_with)
                return
            if is_by_curve and isinstance(key, EllipticCurvePublicKey):
                key.verify(_as_der(signature, key), octets, ECDSA(hashed_with))
                return
        except InvalidSignature:
            continue
    raise UntrustedSignature("the signature matches no key of the expected signer")


def _as_der(signature: bytes, key: EllipticCurvePublicKey) -> bytes:
    """Convert an ECDSA signature for ``cryptography`` (RFC 3279 2.2.3).

    XML signature 6.4.3 concatenates its two numbers. Some products write the other form
    in a redirect; it stays as it is.
    """
    half = _half(key)
    if len(signature) != 2 * half:
        return signature
    r, s = (
        int.from_bytes(part, "big") for part in (signature[:half], signature[half:])
    )
    return encode_dss_signature(r, s)


def _half(key: EllipticCurvePublicKey) -> int:
    # Bytes of one of the two numbers (RFC 4050 3.3).
    return (key.curve.key_size + 7) // 8


def sign_octets(key: SigningKey, octets: bytes) -> bytes:
    """Sign ``octets``: in PKCS #1 v1.5 for RSA, as XML signature 6.4.3 for a curve."""
    hashed_with = HASH_OF_METHOD[method_of(key)]
    private = key.private
    if not isinstance(private, EllipticCurvePrivateKey):
        return private.sign(octets, _PADDING, hashed_with)
    numbers = decode_dss_signature(private.sign(octets, ECDSA(hashed_with)))
    half = _half(private.public_key())
    return b"".join(number.to_bytes(half, "big") for number in numbers)
