"""A signing key on a PKCS#11 token: the token signs, and the key never leaves it.

A URI names the token (RFC 7512): ``pkcs11:token=NAME;object=NAME`` with
``?module-path=FILE`` for the vendor's library.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import unquote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)

from eilogin.errors import ConfigurationError
from eilogin.saml.signing_keys import PrivateKey, PublicKey

TOKEN = "pkcs11:"  # noqa: S105 - the scheme of a URI

_PARTS = ("token", "object", "id", "module-path")


@contextmanager
def token_key(uri: str, pin: str | None, public: PublicKey) -> Iterator[PrivateKey]:
    """Yield the private key of a URI and ``public``; raises ConfigurationError."""
    try:
        import pkcs11  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            "a key on a token needs python-pkcs11: pip install 'eilogin[pkcs11]'"
        ) from error
    parts = _parts(uri)
    attributes: dict[str, Any] = {"object_class": pkcs11.ObjectClass.PRIVATE_KEY}
    if "object" in parts:
        attributes["label"] = parts["object"]
    if "id" in parts:
        attributes["id"] = parts["id"].encode("latin-1")
    is_curve = isinstance(public, ec.EllipticCurvePublicKey)
    try:
        token = pkcs11.lib(parts["module-path"]).get_token(token_label=parts["token"])
        with token.open(user_pin=pin) as session:
            key = session.get_key(**attributes)
            yield _Curve(key, public) if is_curve else _RSA(key, public)
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ConfigurationError(f"{uri}: the token says {reason}") from error


def _parts(uri: str) -> dict[str, str]:
    path, _, query = uri.removeprefix(TOKEN).partition("?")
    pairs = (part.partition("=") for part in [*path.split(";"), *query.split("&")])
    parts = {
        # Text is in UTF-8, and an ID is octets (RFC 7512 2.3).
        name: unquote(value, "latin-1" if name == "id" else "utf-8")
        for name, _, value in pairs
        if value
    }
    strange = [name for name in parts if name not in _PARTS]
    if strange or not {"token", "module-path"} <= parts.keys():
        # Without the values: one may be the PIN.
        unknown = f", found {' and '.join(strange)}" if strange else ""
        raise ConfigurationError(
            f"key: expected {TOKEN}token=NAME;object=NAME?module-path=FILE, and of"
            f" these no others than {', '.join(_PARTS)}{unknown}; a PIN is 'pin'"
        )
    return parts


def _unsupported(*_: object) -> NoReturn:
    raise NotImplementedError("the key is on a token and does not leave it")


class _RSA(rsa.RSAPrivateKey):
    def __init__(self, key: Any, public: Any) -> None:
        self._key = key
        self._public: rsa.RSAPublicKey = public

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public

    def sign(self, data: Any, padding: Any, algorithm: Any) -> bytes:
        """Sign by PKCS #1 v1.5, as all of eilogin does."""
        import pkcs11  # noqa: PLC0415

        mechanism = pkcs11.Mechanism[f"{_hash_name(algorithm).upper()}_RSA_PKCS"]
        return bytes(self._key.sign(data, mechanism=mechanism))

    def __copy__(self) -> "_RSA":
        return self

    def __deepcopy__(self, memo: object) -> "_RSA":
        return self

    decrypt = private_numbers = private_bytes = _unsupported  # type: ignore[assignment]


class _Curve(ec.EllipticCurvePrivateKey):
    def __init__(self, key: Any, public: Any) -> None:
        self._key = key
        self._public: ec.EllipticCurvePublicKey = public

    @property
    def key_size(self) -> int:
        return self._public.key_size

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    def sign(self, data: Any, signature_algorithm: Any) -> bytes:
        """The token returns two numbers in a row, the result is DER."""
        import pkcs11  # noqa: PLC0415

        digest = hashlib.new(_hash_name(signature_algorithm.algorithm), data).digest()
        signature = bytes(self._key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))
        half = len(signature) // 2
        return encode_dss_signature(
            int.from_bytes(signature[:half], "big"),
            int.from_bytes(signature[half:], "big"),
        )

    def __copy__(self) -> "_Curve":
        return self

    def __deepcopy__(self, memo: object) -> "_Curve":
        return self

    exchange = private_numbers = private_bytes = _unsupported  # type: ignore[assignment]


def _hash_name(algorithm: hashes.HashAlgorithm | Prehashed) -> str:
    if isinstance(algorithm, Prehashed):
        raise NotImplementedError("a token hashes the data that it signs")
    return algorithm.name
