"""Encrypt and authenticate a value that a browser or store keeps.

A text *bound to* other texts opens only with them, so it is useless in another place. A
*tag* replaces a name without revealing it, as in a pseudonym.

To replace a secret: the newest one seals, and all open. Each text and tag begins with
the name of its secret, which reveals nothing of it.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NAME_SIZE = 4
_SALT_SIZE = 16
_KEY_SIZE = 32
_NONCE_SIZE = 12
_TAG_SIZE = 16


class NotSealed(ValueError):
    """A text that no known secret of this party sealed, or not for this place."""


class Sealer:
    """Seals and opens texts for one ``purpose``; no text of another purpose opens.

    ``party_secrets`` holds at least one secret, the newest first.
    """

    #: Octets that sealing adds.
    ADDED = _NAME_SIZE + _SALT_SIZE + _TAG_SIZE

    def __init__(self, party_secrets: Sequence[bytes], purpose: str) -> None:
        # If two secrets have one name, the newest wins.
        self._keys = {
            key[:_NAME_SIZE]: key[_NAME_SIZE:]
            for key in (_purposed(secret, purpose) for secret in party_secrets[::-1])
        }
        self._newest = next(reversed(self._keys))

    def seal(self, octets: bytes, *bound_to: str, also_by: bytes = b"") -> bytes:
        """Seal ``octets`` by AES-256-GCM; ``also_by`` is a second secret."""
        # A salt gives each text a key of its own.
        salt = secrets.token_bytes(_SALT_SIZE)
        cipher, nonce = self._cipher(self._newest, also_by, salt)
        sealed = cipher.encrypt(nonce, octets, _joined(bound_to))
        return self._newest + salt + sealed

    def open(self, sealed: bytes, *bound_to: str, also_by: bytes = b"") -> bytes:
        """Return the octets of a sealed text; raises :class:`NotSealed`."""
        name, salted = sealed[:_NAME_SIZE], sealed[_NAME_SIZE:]
        if name not in self._keys:
            raise NotSealed("sealed with an unknown secret")
        cipher, nonce = self._cipher(name, also_by, salted[:_SALT_SIZE])
        try:
            return cipher.decrypt(nonce, salted[_SALT_SIZE:], _joined(bound_to))
        except InvalidTag:
            raise NotSealed("changed, or sealed for another purpose") from None

    def may_open(self, sealed: bytes) -> bool:
        """Whether a text names a known secret; nothing proves that name yet."""
        return sealed[:_NAME_SIZE] in self._keys

    def _cipher(self, name: bytes, also_by: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
        material = self._keys[name] + also_by
        octets = _derived(material, salt, b"eilogin seal", _KEY_SIZE + _NONCE_SIZE)
        return AESGCM(octets[:_KEY_SIZE]), octets[_KEY_SIZE:]

    def tag(self, text: str) -> str:
        """The tag of ``text``, from which nobody else can learn the text."""
        return self._tag(self._newest, text)

    def is_tag_of(self, tag: str, text: str) -> bool:
        """Whether :meth:`tag` made this tag of ``text``, with a secret still known."""
        try:
            name = bytes.fromhex(tag[: 2 * _NAME_SIZE])
        except ValueError:
            return False
        return name in self._keys and hmac.compare_digest(
            self._tag(name, text).encode(), tag.encode()
        )

    def _tag(self, name: bytes, text: str) -> str:
        key = _derived(self._keys[name], b"", b"eilogin tag", _KEY_SIZE)
        return name.hex() + hmac.digest(key, text.encode(), hashlib.sha256).hex()


def as_text(sealed: bytes) -> str:
    """A sealed text as URL-safe base64 (RFC 4648 5)."""
    return base64.urlsafe_b64encode(sealed).decode()


def from_text(text: str) -> bytes:
    """Reverse :func:`as_text`; raises :class:`NotSealed`."""
    try:
        return base64.b64decode(text, altchars="-_", validate=True)
    except (binascii.Error, ValueError):
        raise NotSealed("not base64") from None


def _purposed(secret: bytes, purpose: str) -> bytes:
    info = f"eilogin {purpose}".encode()
    return _derived(secret, b"", info, _NAME_SIZE + _KEY_SIZE)


def _derived(material: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    return HKDF(SHA256(), size, salt, info).derive(material)


def _joined(texts: Iterable[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    return b"".join(len(octets).to_bytes(8) + octets for octets in encoded)
