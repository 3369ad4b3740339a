"""The key with which the operator signs: in a file, in a variable, or on a token."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.x509 import Certificate

from eilogin.errors import ConfigurationError, UntrustedSignature
from eilogin.registry.pkcs11_tokens import TOKEN, token_key
from eilogin.registry.registry_folder import OPTIONS, Folder
from eilogin.saml.signing_keys import (
    PublicKey,
    SigningKey,
    certificate_key,
    load_certificate,
)
from eilogin.saml.xml_signatures import method_of, sign_octets, verify_octets

_VARIABLE = "env:"


@contextmanager
def operator_key(
    folder: Folder, place: str = "", certificate: Path | None = None
) -> Iterator[SigningKey]:
    """Yield the key of ``federation.ini``, usable inside the context.

    Or another by ``place`` and ``certificate``. Raises ConfigurationError if it is
    missing, or does not match the certificate.
    """
    place, pin = place or folder.options.key, folder.options.pin
    path = certificate or folder.options.certificate
    pem = path.read_bytes()
    if place.startswith(TOKEN):
        public = _public_key_in(path)
        pin_text = pin.get_secret_value().decode() if pin else None
        with token_key(place, pin_text, public) as private:
            key = SigningKey(private, load_certificate(pem))
            _require_pair(place, path, key, public)
            yield key
        return
    try:
        key = SigningKey.load(_key_pem(folder.path, place), pem)
    except ConfigurationError as error:
        raise ConfigurationError(f"{folder.path}: {error}") from error
    yield key


def operator_public_key(folder: Folder) -> PublicKey:
    """The key with which others verify, without the private key."""
    return _public_key_in(folder.options.certificate)


def _public_key_in(path: Path) -> PublicKey:
    try:
        return certificate_key(certificate_in(path))
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def operator_certificate(folder: Folder) -> Certificate:
    """The certificate that members receive; raises as :func:`operator_key`."""
    return certificate_in(folder.options.certificate)


def certificate_in(path: Path) -> Certificate:
    """The certificate in a file; raises as :func:`operator_key`."""
    try:
        return load_certificate(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def operator_certificate_ends(folder: Folder) -> float:
    """The end of that certificate, which some members check."""
    return operator_certificate(folder).not_valid_after_utc.timestamp()


def _require_pair(
    place: str, certificate: Path, key: SigningKey, public: PublicKey
) -> None:
    """Reject another key of a token; only a signature shows it."""
    octets = b"eilogin"
    signature = sign_octets(key, octets)
    try:
        verify_octets([public], octets, signature, method_of(key))
    except UntrustedSignature as error:
        raise ConfigurationError(
            f"{place}: found a key that does not belong to {certificate}; expected"
            " the key of that certificate. Check 'object' and 'id'"
        ) from error


def _key_pem(folder: Path, place: str) -> bytes:
    if "-----" in place:
        # The message must not show the key as a missing path.
        raise ConfigurationError(
            f"{OPTIONS}: key: found the key itself; expected the path of a PEM"
            " file, env:NAME for a variable that holds it, or pkcs11:…. This file"
            " is for git: if anybody has seen the key, make another one"
        )
    if place.startswith(_VARIABLE):
        name = place.removeprefix(_VARIABLE)
        if not os.environ.get(name):
            raise ConfigurationError(
                f"the environment variable {name} is empty; expected the signing"
                " key in it"
            )
        return os.environ[name].encode()
    path = folder / place
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the signing key: {path}: {error.strerror}") from None
