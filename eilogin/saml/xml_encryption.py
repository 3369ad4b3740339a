"""Encrypt elements for a peer, and decrypt elements with our keys.

SAML encrypts an assertion, a NameID and an attribute in one way (core 2.2.4, 2.3.4,
2.7.3.2, 6). A wrapper holds the encrypted data and, beside or inside it, its key,
encrypted for each reader.

eilogin does not use xmlsec for this. It follows references, chooses keys by data in the
message, and puts the decrypted element back into the tree, where its prefixes change.
Here nothing is followed, the structure is checked before anything is computed, and the
decrypted element stands alone.

**No oracle.** A sender of forged ciphertexts must not learn whether eilogin could
decrypt them. So every failure after the first use of a private key has the same text,
and every key is tried. A caller must report a fault in decrypted data in the same way,
unless a signature in it was verified before (:data:`NOT_OPENED`). The time of CBC
reveals whether its padding was right, so CBC is decrypted only if a signature of the
sender covers the encrypted data.

Source: XML encryption 1.1, 5.2, 5.5 and 6.2.
"""

import base64
import binascii
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr  # nosec B406 # it writes, and reads nothing

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric.padding import (
    MGF1,
    OAEP,
    AsymmetricPadding,
    PKCS1v15,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import (
    SHA1,
    SHA256,
    SHA384,
    SHA512,
    HashAlgorithm,
)
from lxml import etree

from eilogin.errors import AlgorithmMissing, DecryptionFailed, MalformedMessage
from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import (
    DS,
    SAML,
    XENC,
    XENC11,
    add,
    parse,
    parse_canonical,
    q,
    serialize,
)
from eilogin.saml.weak_algorithms import CBC, RSA_1_5

AES_256_GCM = XENC11 + "aes256-gcm"
RSA_OAEP = XENC + "rsa-oaep-mgf1p"
ELEMENT = XENC + "Element"

#: The text for every failure that could reveal the content of a ciphertext.
NOT_OPENED = (
    "cannot be decrypted with any of our keys, or was changed after it was encrypted"
)

#: Bytes of a key, by algorithm.
_GCM = {XENC11 + "aes128-gcm": 16, XENC11 + "aes192-gcm": 24, AES_256_GCM: 32}
_AES_CBC = {XENC + "aes128-cbc": 16, XENC + "aes192-cbc": 24, XENC + "aes256-cbc": 32}
_TRIPLE_DES = {XENC + "tripledes-cbc": 24}
_KEY_SIZES = {**_GCM, **_AES_CBC, **_TRIPLE_DES}

_RSA_OAEP_11 = XENC11 + "rsa-oaep"
_RSA_PKCS1 = XENC + "rsa-1_5"
_TRANSPORTS = frozenset({RSA_OAEP, _RSA_OAEP_11, _RSA_PKCS1})

_SHA1 = DS + "sha1"
_DIGESTS: dict[str, HashAlgorithm] = {
    _SHA1: SHA1(),  # noqa: S303 - in OAEP nothing is known against it
    XENC + "sha256": SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": SHA384(),
    XENC + "sha512": SHA512(),
}
_MGF1_SHA1 = XENC11 + "mgf1sha1"
_MASKS: dict[str, HashAlgorithm] = {
    _MGF1_SHA1: SHA1(),  # noqa: S303 - as above
    XENC11 + "mgf1sha256": SHA256(),
    XENC11 + "mgf1sha384": SHA384(),
    XENC11 + "mgf1sha512": SHA512(),
}


@dataclass(frozen=True, slots=True)
class EncryptionMethod:
    """A method that a party accepts (metadata 2.4.1.1, XML encryption 3.2).

    ``digest`` and ``mask`` are those of RSA-OAEP, "" if absent.
    """

    algorithm: str
    digest: str = ""
    mask: str = ""


#: Accepted by default and written, the preferred one first. Some products do not know
#: the last one, of XML encryption 1.1.
ENCRYPTION_METHODS = (
    *map(EncryptionMethod, sorted(_GCM, key=_GCM.__getitem__, reverse=True)),
    EncryptionMethod(RSA_OAEP),
    EncryptionMethod(_RSA_OAEP_11),
)

_NONCE, _TAG = 12, 16
#: Encrypted keys in one wrapper: each costs a private operation for each of ours.
_MOST_KEYS = 3
#: Private operations for one message: twenty attributes and two of our keys.
_MOST_OPERATIONS = 50
_LONGEST_NAME = 60


# --- for a peer ---------------------------------------------------------------------


def encrypt(
    element: etree._Element,
    wrapper: str,
    key: RSAPublicKey,
    methods: Sequence[EncryptionMethod] = (),
) -> etree._Element:
    """Encrypt an element that only the holder of ``key`` can read; return the wrapper.

    ``element`` is complete and, if needed, signed; its namespaces in scope are
    included. The first known one of the peer's ``methods`` is used; without any,
    AES-256-GCM and RSA-OAEP with SHA-1, which all tested peers know. Raises
    :class:`~eilogin.errors.AlgorithmMissing` if we have none of the methods.
    """
    cipher, transport = _choose_methods(methods)
    session_key = secrets.token_bytes(_GCM[cipher])
    nonce = secrets.token_bytes(_NONCE)
    ciphertext = nonce + AESGCM(session_key).encrypt(nonce, serialize(element), None)
    digest, mask = transport.digest or _SHA1, transport.mask or _MGF1_SHA1
    padding = OAEP(MGF1(_MASKS[mask]), _DIGESTS[digest], None)
    encrypted_session_key = key.encrypt(session_key, padding)
    outer = etree.Element(q(wrapper), nsmap={"saml": SAML})
    data = etree.SubElement(
        outer, q("xenc:EncryptedData"), {"Type": ELEMENT}, nsmap={"xenc": XENC}
    )
    add(data, "xenc:EncryptionMethod", Algorithm=cipher)
    info = etree.SubElement(data, q("ds:KeyInfo"), nsmap={"ds": DS})
    encrypted_key = add(info, "xenc:EncryptedKey")
    method = add(encrypted_key, "xenc:EncryptionMethod", Algorithm=transport.algorithm)
    add(method, "ds:DigestMethod", Algorithm=digest)
    if mask != _MGF1_SHA1:
        etree.SubElement(
            method, q("xenc11:MGF"), {"Algorithm": mask}, nsmap={"xenc11": XENC11}
        )
    _add_cipher(encrypted_key, encrypted_session_key)
    _add_cipher(data, ciphertext)
    return outer


def require_common(methods: Sequence[EncryptionMethod]) -> None:
    """Raise AlgorithmMissing if :func:`encrypt` has none of these methods."""
    _choose_methods(methods)


def _choose_methods(
    methods: Sequence[EncryptionMethod],
) -> tuple[str, EncryptionMethod]:
    ciphers = [m for m in methods if m.algorithm in _KEY_SIZES]
    transports = [m for m in methods if m.algorithm in _TRANSPORTS]
    return (
        _first_of_ours(ciphers, AES_256_GCM).algorithm,
        _first_of_ours(transports, RSA_OAEP),
    )


def _first_of_ours(
    methods: Sequence[EncryptionMethod], default: str
) -> EncryptionMethod:
    if not methods:
        return EncryptionMethod(default)
    method = next(filter(_can_write, methods), None)
    if method is None:
        listed = ", ".join(dict.fromkeys(_shown_name(m.algorithm) for m in methods))
        supported = ", ".join(_shown_name(m.algorithm) for m in ENCRYPTION_METHODS)
        raise AlgorithmMissing(
            f"the metadata of the peer lists the encryption algorithms {listed};"
            f" expected one of {supported}. Ask its administrator for metadata with one"
        )
    return method


def _can_write(method: EncryptionMethod) -> bool:
    masks = _MASKS if method.algorithm == _RSA_OAEP_11 else (_MGF1_SHA1,)
    return (
        method.algorithm in (*_GCM, RSA_OAEP, _RSA_OAEP_11)
        and (method.digest or _SHA1) in _DIGESTS
        and (method.mask or _MGF1_SHA1) in masks
    )


def _add_cipher(parent: etree._Element, octets: bytes) -> None:
    cipher = add(parent, "xenc:CipherData")
    add(cipher, "xenc:CipherValue", to_base64(octets))


# --- for us -------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Decrypter:
    """Decrypts the encrypted elements of one message.

    ``keys`` are our decryption keys, the newest first; ``weak`` holds the accepted ones
    of ``CBC`` and ``RSA_1_5``.
    """

    keys: Sequence[RSAPrivateKey] = field(repr=False)
    weak: frozenset[str] = frozenset()
    _operations: int = field(default=0, init=False, repr=False)

    def open(
        self, wrapper: etree._Element, *, is_covered: bool = False
    ) -> etree._Element:
        """Decrypt the element in an EncryptedAssertion, EncryptedID or other wrapper.

        ``wrapper`` is in the tree in which it was parsed. ``is_covered``: a verified
        signature of the sender covers it. Returns the root of a new tree, with the
        namespaces in scope at the wrapper (XML encryption 4.5). Trust it only after a
        signature of the wrapper or the element is verified. Raises
        :class:`~eilogin.errors.DecryptionFailed` for any failure.
        """
        data = _read(wrapper)
        self._require_accepted(data, is_covered=is_covered)
        plaintexts: list[bytes] = []
        for encrypted_key in data.keys:
            if not self._is_accepted(encrypted_key.algorithm):
                continue
            # Try every key, to be no oracle.
            for key in self.keys:
                session_key = self._decrypt_key(encrypted_key, key, data.key_size)
                plaintexts.append(_decrypt_data(data, session_key))
        root = _first_parsed(data, plaintexts, wrapper)
        if root is None:
            raise DecryptionFailed(f"the encrypted part {NOT_OPENED}")
        return root

    def _decrypt_key(
        self, encrypted_key: "_EncryptedKey", key: RSAPrivateKey, size: int
    ) -> bytes:
        self._operations += 1
        if self._operations > _MOST_OPERATIONS:
            raise DecryptionFailed(
                f"the message needs more than {_MOST_OPERATIONS} tries with"
                " decryption keys; ask the sender to encrypt it as a whole, or for"
                " one of our keys only"
            )
        return _decrypt_key(encrypted_key, key, size)

    def _is_accepted(self, algorithm: str) -> bool:
        if algorithm == _RSA_PKCS1:
            return RSA_1_5 in self.weak
        if algorithm in _GCM or algorithm in _TRANSPORTS:
            return True
        return algorithm in _KEY_SIZES and CBC in self.weak

    def _require_accepted(self, data: "_EncryptedData", *, is_covered: bool) -> None:
        if not self.keys:
            raise DecryptionFailed(
                "the message has an encrypted part, and this site has no key to"
                " decrypt it; use an RSA key, or ask the sender not to encrypt"
            )
        transports = [key.algorithm for key in data.keys]
        is_accepted = self._is_accepted(data.algorithm)
        if not is_accepted or not any(map(self._is_accepted, transports)):
            names = map(_shown_name, dict.fromkeys([data.algorithm, *transports]))
            raise DecryptionFailed(
                f"the message is encrypted with {', '.join(names)};"
                " expected AES-GCM, and RSA-OAEP for the key. Ask the sender to use"
                " these, or see the option accept_weak"
            )
        if data.algorithm not in _GCM and not is_covered:
            raise DecryptionFailed(
                f"the message is encrypted with {_shown_name(data.algorithm)} and"
                " signed only inside; expected a signature around it too. Ask the"
                " sender to sign its Response, or to encrypt with AES-GCM"
            )


def _shown_name(algorithm: str) -> str:
    if algorithm in _KEY_SIZES or algorithm in _TRANSPORTS:
        return algorithm.partition("#")[2]
    return repr(algorithm[:_LONGEST_NAME])


# --- structure ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _EncryptedKey:
    algorithm: str
    padding: AsymmetricPadding
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _EncryptedData:
    algorithm: str
    octets: bytes = field(repr=False)
    keys: Sequence[_EncryptedKey]

    @property
    def key_size(self) -> int:
        return _KEY_SIZES[self.algorithm]


def _read(wrapper: etree._Element) -> _EncryptedData:
    data, *siblings = list(wrapper) or [None]
    if data is None or data.tag != q("xenc:EncryptedData"):
        raise DecryptionFailed("an encrypted part has no EncryptedData")
    if data.get("Type", ELEMENT) != ELEMENT:
        raise DecryptionFailed("an encrypted part is not an XML element")
    info = data.find(q("ds:KeyInfo"))
    key_info = [] if info is None else list(info)
    _require_local_references(key_info)
    keys = [e for e in (*key_info, *siblings) if e.tag == q("xenc:EncryptedKey")]
    if len(keys) > _MOST_KEYS:
        raise DecryptionFailed(f"the message has more than {_MOST_KEYS} encrypted keys")
    algorithm = _method(data).get("Algorithm", "")
    return _EncryptedData(algorithm, _cipher(data), [_read_key(each) for each in keys])


def _require_local_references(key_info: Iterable[etree._Element]) -> None:
    """Reject an encrypted key at another address: nothing is ever fetched."""
    for reference in key_info:
        if reference.tag != q("ds:RetrievalMethod"):
            continue
        if not reference.get("URI", "").startswith("#") or len(reference):
            raise DecryptionFailed(
                "an encrypted key is at another address; expected it in the message"
            )


def _read_key(element: etree._Element) -> _EncryptedKey:
    method = _method(element)
    algorithm = method.get("Algorithm", "")
    padding = PKCS1v15() if algorithm == _RSA_PKCS1 else _oaep(method, algorithm)
    return _EncryptedKey(algorithm, padding, _cipher(element))


def _oaep(method: etree._Element, algorithm: str) -> OAEP:
    """Read the parameters of RSA-OAEP (XML encryption 5.5.2), by default SHA-1."""
    digest = _parameter(method, "ds:DigestMethod", _SHA1)
    # The older algorithm has only one mask.
    has_mask = algorithm == _RSA_OAEP_11
    mask = _parameter(method, "xenc11:MGF", _MGF1_SHA1) if has_mask else _MGF1_SHA1
    if digest not in _DIGESTS or mask not in _MASKS:
        raise DecryptionFailed(
            "a key is encrypted by RSA-OAEP with the digest"
            f" {digest[:_LONGEST_NAME]!r} and the mask {mask[:_LONGEST_NAME]!r};"
            " expected SHA-1 or SHA-256"
        )
    label = method.find(q("xenc:OAEPparams"))
    return OAEP(
        MGF1(_MASKS[mask]), _DIGESTS[digest], None if label is None else _octets(label)
    )


def _parameter(method: etree._Element, name: str, default: str) -> str:
    parameter = method.find(q(name))
    return default if parameter is None else parameter.get("Algorithm", "")


def _method(element: etree._Element) -> etree._Element:
    return _only(element, "xenc:EncryptionMethod")


def _cipher(element: etree._Element) -> bytes:
    cipher = _only(element, "xenc:CipherData")
    value = _only(cipher, "xenc:CipherValue")
    if len(cipher) != 1:
        raise DecryptionFailed("a CipherData contains more than its CipherValue")
    return _octets(value)


def _only(element: etree._Element, name: str) -> etree._Element:
    children = element.findall(q(name))
    if len(children) != 1:
        raise DecryptionFailed(f"an encrypted part does not have exactly one {name}")
    return children[0]


def _octets(element: etree._Element) -> bytes:
    if len(element):
        raise DecryptionFailed("the base64 of an encrypted part contains XML elements")
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise DecryptionFailed("an encrypted part is not base64") from None


# --- decryption: all failures have the same text ------------------------------------


def _decrypt_key(encrypted_key: _EncryptedKey, key: RSAPrivateKey, size: int) -> bytes:
    """Decrypt the key of the data; return a random one if our key is wrong.

    With RSA 1.5, an error for wrong padding would be Bleichenbacher's oracle.
    """
    random_key = secrets.token_bytes(size)
    try:
        session_key = key.decrypt(encrypted_key.octets, encrypted_key.padding)
    except ValueError:
        return random_key
    return session_key if len(session_key) == size else random_key


def _decrypt_data(data: _EncryptedData, key: bytes) -> bytes:
    if data.algorithm in _GCM:
        return _by_gcm(data.octets, key)
    cipher = TripleDES(key) if data.algorithm in _TRIPLE_DES else AES(key)
    return _by_cbc(data.octets, cipher)


def _by_gcm(octets: bytes, key: bytes) -> bytes:
    if len(octets) < _NONCE + _TAG:
        return b""
    try:
        return AESGCM(key).decrypt(octets[:_NONCE], octets[_NONCE:], None)
    except InvalidTag:
        return b""


def _by_cbc(octets: bytes, cipher: AES | TripleDES) -> bytes:
    """Decrypt CBC with the padding of XML encryption 5.2: only its last byte counts."""
    size = cipher.block_size // 8
    if len(octets) < 2 * size or len(octets) % size:
        return b""
    context = Cipher(cipher, modes.CBC(octets[:size])).decryptor()
    padded = context.update(octets[size:]) + context.finalize()
    length = padded[-1]
    return padded[:-length] if 1 <= length <= size else b""


def _first_parsed(
    data: _EncryptedData, plaintexts: Sequence[bytes], wrapper: etree._Element
) -> etree._Element | None:
    """Parse the first of the plaintexts that is an element.

    GCM proves that a plaintext is the sender's. With CBC a wrong key may seem to fit.
    """
    candidates = [octets for octets in dict.fromkeys(plaintexts) if octets]
    if data.algorithm in _GCM:
        del candidates[1:]
    parsed = (_parsed(octets, wrapper) for octets in candidates)
    return next((root for root in parsed if root is not None), None)


def _parsed(octets: bytes, wrapper: etree._Element) -> etree._Element | None:
    declarations = _declarations(wrapper.nsmap)
    try:
        root = parse(b"<opened%b>%b</opened>" % (declarations.encode(), octets))
    except MalformedMessage:
        return None
    if len(root) != 1 or (root.text or "").strip() or (root[0].tail or "").strip():
        return None
    return parse_canonical(serialize(root[0]))


def _declarations(namespaces: Mapping[str | None, str]) -> str:
    return "".join(
        f" xmlns{':' if prefix else ''}{prefix or ''}={quoteattr(uri)}"
        for prefix, uri in namespaces.items()
    )
