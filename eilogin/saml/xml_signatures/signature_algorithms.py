"""Algorithms of signatures and digests, and the choice of one that a peer knows."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from eilogin.errors import AlgorithmMissing, UntrustedSignature
from eilogin.saml.safe_xml import DS
from eilogin.saml.signing_keys import SigningKey

ENVELOPED = DS + "enveloped-signature"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
#: SAML core 5.4.3. A reference by ID selects no comments (XML signature 4.4.3.3), and
#: the parser drops those in SignedInfo, so a signature over comments is invalid.
EXCLUSIVE_C14N_WITH_COMMENTS = EXCLUSIVE_C14N + "WithComments"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
#: Accepted algorithms with their hashes, the default first.
RSA_METHODS: dict[str, hashes.HashAlgorithm] = {
    RSA_SHA256: hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": hashes.SHA384(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": hashes.SHA512(),
}
ECDSA_METHODS: dict[str, hashes.HashAlgorithm] = {
    ECDSA_SHA256: hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384": hashes.SHA384(),
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512": hashes.SHA512(),
}
HASH_OF_METHOD = {**RSA_METHODS, **ECDSA_METHODS}
#: Accepted digest algorithms.
DIGEST_FUNCTIONS = {
    SHA256: hashlib.sha256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashlib.sha384,
    "http://www.w3.org/2001/04/xmlenc#sha512": hashlib.sha512,
}
#: For our metadata, our default first.
SIGNATURE_METHODS = tuple(HASH_OF_METHOD)
DIGEST_METHODS = tuple(DIGEST_FUNCTIONS)
#: Algorithms of a peer in an error, and characters of one.
_MOST_NAMED, LONGEST_NAME = 10, 80


def too_weak(name: str, uri: str, expected: Iterable[str]) -> UntrustedSignature:
    """Return the error for an algorithm that is not among the ``expected``."""
    return UntrustedSignature(
        f"the signature uses the {name} {uri[:LONGEST_NAME]!r}; expected one of"
        f" {', '.join(expected)}"
    )


def method_of(key: SigningKey) -> str:
    """Return the URI of the algorithm by which a key signs."""
    return key.method or next(iter(_methods_of(key)))


def _methods_of(key: SigningKey) -> Mapping[str, hashes.HashAlgorithm]:
    is_curve = isinstance(key.private, EllipticCurvePrivateKey)
    return ECDSA_METHODS if is_curve else RSA_METHODS


def suited(
    key: SigningKey, methods: Sequence[str], digests: Sequence[str]
) -> SigningKey:
    """Return our key with the first algorithms of a peer's lists that we have.

    An empty list means our default. Raises :class:`~eilogin.errors.AlgorithmMissing` if
    we have none of the listed ones.
    """
    method = _first_of(methods, _methods_of(key), "signature")
    digest = _first_of(digests, DIGEST_FUNCTIONS, "digest")
    if method == key.method and digest == key.digest:
        return key
    return replace(key, method=method, digest=digest)


def _first_of(
    listed: Sequence[str], supported_algorithms: Iterable[str], kind: str
) -> str:
    if not listed:
        return ""
    supported = list(supported_algorithms)
    chosen = next((candidate for candidate in listed if candidate in supported), None)
    if chosen is None:
        names = ", ".join(uri[:LONGEST_NAME] for uri in listed[:_MOST_NAMED])
        raise AlgorithmMissing(
            f"the metadata of the peer lists the {kind} algorithms {names}; expected"
            f" one of {', '.join(supported)}. Ask its administrator for metadata with"
            " one"
        )
    return chosen
