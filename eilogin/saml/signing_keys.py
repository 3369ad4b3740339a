"""RSA and EC keys and certificates: read, check and generate them.

Trust in a certificate comes from signed metadata, so neither issuer nor validity counts
(SAML metadata interoperability profile 2.6.1).
"""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.x509.oid import NameOID

from eilogin import clock
from eilogin.errors import ConfigurationError, MalformedMessage
from eilogin.saml.printable_text import to_base64

#: Bits of RSA keys, accepted and made.
SMALLEST_KEY = 2048
#: Bits of an RSA key and its exponent: OpenSSL's own limits.
LARGEST_KEY, _LONGEST_EXPONENT = 16384, 64

#: The curves of NIST that XML signature names.
CURVES = (SECP256R1, SECP384R1, SECP521R1)
_ACCEPTED = (
    f"an RSA key of {SMALLEST_KEY} bits or more, or one of the elliptic curves P-256, "
    "P-384 and P-521"
)

#: In the first line of a PEM file.
_CERTIFICATE_MARK = b" CERTIFICATE--"
_KEY_MARK = b" PRIVATE KEY--"

#: Only RSA keys can encrypt too.
PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey
PublicKey = RSAPublicKey | EllipticCurvePublicKey

#: cryptography's exceptions for an unreadable certificate.
UNREADABLE = (ValueError, x509.InvalidVersion)
#: Characters in a message: those of real authorities have less than 4,000.
_LONGEST_CERTIFICATE = 20_000


@dataclass(frozen=True, eq=False)
class SigningKey:
    """A private key and its certificate."""

    private: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    #: Whether signatures contain the :func:`key_name`, and cover a list of namespace
    #: prefixes (DigiD 1.3).
    names_key: bool = False
    #: For a peer (:func:`eilogin.saml.xml_signatures.suited`), or "".
    method: str = ""
    digest: str = ""

    @classmethod
    def load(cls, key_pem: bytes, certificate_pem: bytes) -> "SigningKey":
        """Read a key (PEM, without a password) and its certificate (PEM).

        Raises ConfigurationError if one is not usable, or belongs to another.
        """
        if _CERTIFICATE_MARK in key_pem and _KEY_MARK in certificate_pem:
            raise ConfigurationError(
                "the key file holds a certificate, and the certificate file holds a"
                " key; swap the two options"
            )
        private = _load_private(key_pem)
        certificate = load_certificate(certificate_pem)
        if certificate_key(certificate) != private.public_key():
            raise ConfigurationError(
                "the key and the certificate do not belong together: the"
                " certificate is for another key"
            )
        return cls(private, certificate)

    @property
    def public(self) -> PublicKey:
        """The public key."""
        return self.private.public_key()

    @cached_property
    def certificate_text(self) -> str:
        """The certificate for a ds:X509Certificate: base64 of DER, in one line."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return to_base64(der)


def load_certificate(pem: bytes) -> x509.Certificate:
    """Read a certificate (PEM; of several the first). Raises ConfigurationError."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except UNREADABLE as error:
        finding = "a private key, and " if _KEY_MARK in pem else ""
        raise ConfigurationError(
            f"{finding}not a certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        ) from error


def certificate_key(certificate: x509.Certificate) -> PublicKey:
    """Return the key of our certificate, or of our operator's.

    Raises ConfigurationError if it is too weak, or of an unaccepted kind.
    """
    try:
        return _strong_key(certificate)
    except ValueError as error:
        raise ConfigurationError(f"the certificate {error}") from error


def public_key(certificate_text: str) -> PublicKey:
    """Return the key in the text of a ds:X509Certificate (XML signature 4.5.4.1).

    ``certificate_text`` is base64 of DER, maybe with white space. Raises
    MalformedMessage for no certificate, and for a weak or unaccepted key.
    """
    certificate = _read_certificate(certificate_text)
    try:
        return _strong_key(certificate)
    except ValueError as error:
        raise MalformedMessage(f"a certificate {error}") from error


def encryption_key(certificate_text: str) -> RSAPublicKey:
    """Return the RSA key with which to encrypt. Raises MalformedMessage."""
    key = public_key(certificate_text)
    if not isinstance(key, RSAPublicKey):
        raise MalformedMessage(
            "a certificate is not for an RSA key; expected RSA for encryption"
        )
    return key


def key_name(certificate_text: str) -> str:
    """Return DigiD's name of a key: the SHA-1 of its certificate, in hex (DigiD 1.3).

    It refers to a trusted certificate, and proves nothing. Raises MalformedMessage if
    the text is no base64.
    """
    return hashlib.sha1(_der(certificate_text), usedforsecurity=False).hexdigest()


def fingerprints(certificate_text: str) -> str:
    """Return both fingerprints of a certificate for a log; raises MalformedMessage."""
    return fingerprints_of(_read_certificate(certificate_text))


def fingerprints_of(certificate: x509.Certificate) -> str:
    """Return both fingerprints of a certificate for a log."""
    sha1 = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - nothing rests on it
    sha256 = certificate.fingerprint(hashes.SHA256())
    return f"SHA-1 {sha1.hex()}, SHA-256 {sha256.hex()}"


def certificate_ends(certificate_text: str) -> float:
    """Return when a certificate expires; raises MalformedMessage."""
    return _read_certificate(certificate_text).not_valid_after_utc.timestamp()


def certificate_begins(certificate_text: str) -> float:
    """Return when a certificate becomes valid; raises MalformedMessage."""
    return _read_certificate(certificate_text).not_valid_before_utc.timestamp()


def _read_certificate(certificate_text: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(_der(certificate_text))
    except UNREADABLE as error:
        raise MalformedMessage("eilogin cannot read a certificate") from error


def _der(certificate_text: str) -> bytes:
    if len(certificate_text) > _LONGEST_CERTIFICATE:
        raise MalformedMessage(
            f"a certificate is too long; expected at most {_LONGEST_CERTIFICATE}"
            " characters"
        )
    try:
        return base64.b64decode("".join(certificate_text.split()), validate=True)
    except ValueError as error:
        raise MalformedMessage("eilogin cannot read a certificate") from error


def new_key_pair(
    common_name: str,
    days: int = 3650,
    private: PrivateKey | None = None,
    *,
    begins: float | None = None,
) -> tuple[bytes, bytes]:
    """Make a self-signed certificate for the ``private`` key, or for a new RSA key.

    ``common_name`` has at most 64 characters (RFC 5280 appendix A). Returns the key
    (PEM, PKCS #8, without a password) and the certificate (PEM).
    """
    if private is None:
        private = rsa.generate_private_key(public_exponent=65537, key_size=SMALLEST_KEY)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start = clock.now() if begins is None else begins
    valid_from = clock.utc(start).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_from + timedelta(days=days))
        .sign(private, hashes.SHA256())
    )
    return (
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


# To check a key takes 40 ms, and a start reads each several times.
@lru_cache(maxsize=32)
def _load_private(key_pem: bytes) -> PrivateKey:
    try:
        private = serialization.load_pem_private_key(key_pem, password=None)
    except TypeError as error:
        raise ConfigurationError(
            "the key is locked with a password; expected a key without one"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        finding = "a certificate, and " if _CERTIFICATE_MARK in key_pem else ""
        raise ConfigurationError(
            f"{finding}not a private key in PEM form (-----BEGIN PRIVATE KEY-----)"
        ) from error
    if not isinstance(private, PrivateKey):
        raise ConfigurationError(f"the key is of another kind; expected {_ACCEPTED}")
    return private


def _strong_key(certificate: x509.Certificate) -> PublicKey:
    """The text of a ValueError completes the sentence "the certificate …"."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("has a key that eilogin cannot read") from error
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, CURVES):
        return key
    if not isinstance(key, RSAPublicKey):
        raise ValueError(f"is not for {_ACCEPTED}")  # noqa: TRY004 (it is what was sent)
    if key.key_size < SMALLEST_KEY:
        raise ValueError(
            f"is for an RSA key of {key.key_size} bits; expected at least"
            f" {SMALLEST_KEY} bits"
        )
    numbers = key.public_numbers()
    if (
        key.key_size > LARGEST_KEY
        or numbers.n % 2 == 0
        or numbers.e.bit_length() > _LONGEST_EXPONENT
    ):
        raise ValueError(
            f"is for an RSA key of {key.key_size} bits that is not usable; expected"
            f" at most {LARGEST_KEY} bits, an odd modulus, and an exponent of at"
            f" most {_LONGEST_EXPONENT} bits"
        )
    return key
