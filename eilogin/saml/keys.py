"""RSA keys and certificates: read, checked, made.

A certificate is only an envelope for a key here. Trust comes from metadata that the
federation's operator signed, so neither its issuer nor its validity is looked at
(SAML metadata interoperability profile 2.6.1). The stacks in the field do the same.
"""

import base64
import binascii
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.x509.oid import NameOID

from eilogin import clock
from eilogin.errors import ConfigurationError, MalformedMessage
from eilogin.saml.text import to_base64

#: Bits of the smallest RSA key that is taken, and of those that we make.
SMALLEST_KEY = 2048

#: Characters of the longest certificate that is read from a message: those of real
#: authorities stay under 4,000.
_LONGEST_CERTIFICATE = 20_000


@dataclass(frozen=True, eq=False)
class SigningKey:
    """A private RSA key and the certificate by which others know it."""

    private: RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate

    @classmethod
    def load(cls, key_pem: bytes, certificate_pem: bytes) -> "SigningKey":
        """Read a key (PEM, without a password) and its certificate (PEM).

        Raises ConfigurationError, in a sentence for the sysadmin, where either cannot
        be read, is not RSA of 2048 bits or more, or belongs to another.
        """
        private = _load_private(key_pem)
        certificate = load_certificate(certificate_pem)
        public = rsa_public_key(certificate)
        if public.public_numbers() != private.public_key().public_numbers():
            raise ConfigurationError(
                "the key and the certificate do not belong together: "
                "the certificate is for another key"
            )
        return cls(private, certificate)

    @property
    def public(self) -> RSAPublicKey:
        """The key with which others verify."""
        return self.private.public_key()

    @property
    def certificate_text(self) -> str:
        """The certificate as ds:X509Certificate has it: base64 of DER, in one line."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return to_base64(der)


def load_certificate(pem: bytes) -> x509.Certificate:
    """Read a certificate (PEM; of several the first), or ConfigurationError."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise ConfigurationError(
            "not a certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        ) from error


def rsa_public_key(certificate: x509.Certificate) -> RSAPublicKey:
    """The key of a certificate of our own or our operator's.

    Raises ConfigurationError where it is not RSA of 2048 bits or more.
    """
    try:
        return _strong_rsa(certificate)
    except ValueError as error:
        raise ConfigurationError(f"the certificate {error}") from error


def public_key(certificate_text: str) -> RSAPublicKey:
    """The key in the text of a ds:X509Certificate (XML signature 4.5.4.1).

    ``certificate_text`` is base64 of DER; white space in it is tolerated. Raises
    MalformedMessage where it is no certificate, or not of RSA of 2048 bits or more.
    """
    if len(certificate_text) > _LONGEST_CERTIFICATE:
        raise MalformedMessage("a certificate is too long")
    try:
        der = base64.b64decode("".join(certificate_text.split()), validate=True)
        certificate = x509.load_der_x509_certificate(der)
    except (binascii.Error, ValueError) as error:
        raise MalformedMessage("a certificate cannot be read") from error
    try:
        return _strong_rsa(certificate)
    except ValueError as error:
        raise MalformedMessage(f"a certificate {error}") from error


def new_key_pair(common_name: str, days: int = 3650) -> tuple[bytes, bytes]:
    """Make an RSA key and a self-signed certificate for it.

    ``common_name`` (at most 64 characters, RFC 5280 appendix A) is what people read in
    the certificate; it is valid from now for ``days`` days. Gives the key (PEM,
    PKCS #8, without a password) and the certificate (PEM).
    """
    private = rsa.generate_private_key(public_exponent=65537, key_size=SMALLEST_KEY)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    begins = clock.utc(clock.now()).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
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


# Checking the numbers of a key takes 40 ms, and a start reads the same key several
# times: for `check`, for the metadata and for the filter.
@lru_cache(maxsize=32)
def _load_private(key_pem: bytes) -> RSAPrivateKey:
    try:
        private = serialization.load_pem_private_key(key_pem, password=None)
    except TypeError as error:
        raise ConfigurationError(
            "the key is locked with a password; eilogin reads keys without one"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            "not a private key in PEM form (-----BEGIN PRIVATE KEY-----)"
        ) from error
    if not isinstance(private, RSAPrivateKey):
        raise ConfigurationError("the key is not an RSA key")
    return private


def _strong_rsa(certificate: x509.Certificate) -> RSAPublicKey:
    """The key of a certificate; ValueError ends the sentence "the certificate …"."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("holds a key that cannot be read") from error
    if not isinstance(key, RSAPublicKey):
        raise ValueError("is not for an RSA key")  # noqa: TRY004 (it is what was sent)
    if key.key_size < SMALLEST_KEY:
        raise ValueError(
            f"is for an RSA key of {key.key_size} bits; "
            f"at least {SMALLEST_KEY} are needed"
        )
    return key
