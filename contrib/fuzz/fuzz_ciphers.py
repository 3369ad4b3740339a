"""What is encrypted for us: ``Decrypter.open``.

Property: it gives an element or raises DecryptionFailed. What AES-GCM has opened is the
element that was encrypted. What fails once a private key is at work fails in the same
words, whatever was encrypted.

The first octet of an input chooses: octets that are encrypted as they are, by AES-GCM
or by AES-CBC; a well-made wrapper whose tree is mutated; or a wrapper as text.
"""

from collections.abc import Iterator
from functools import cache

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import SHA1
from fuzz_parts import ASSERTION, READER, mutated, octets_of, signed, steps_of
from lxml import etree
from mutants import OPERATIONS

from eilogin.errors import DecryptionFailed, MalformedMessage
from eilogin.saml.messages import write_assertion
from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import XENC, parse, q, serialize
from eilogin.saml.weak_algorithms import CBC, RSA_1_5
from eilogin.saml.xml_encryption import NOT_OPENED, Decrypter, encrypt

_CBC = XENC + "aes256-cbc"
_BLOCK = 128
_KEY, _NONCE, _IV = bytes(range(32)), bytes(12), bytes(16)


def check(octets: bytes) -> None:
    """Hold one wrapper against the property."""
    kind, rest = octets[:1], octets[1:]
    match kind[0] % 4 if kind else 0:
        case 0:
            _as_made(rest, is_gcm=True)
        case 1:
            _as_made(rest, is_gcm=False)
        case 2:
            _mutant(rest)
        case _:
            _text(rest)


def _as_made(octets: bytes, *, is_gcm: bool) -> None:
    """Anything at all may be what was encrypted."""
    wrapper = _wrapper(octets, is_gcm=is_gcm)
    try:
        root = _decrypter().open(wrapper, is_covered=True)
    except DecryptionFailed as error:
        reason = str(error)
    else:
        reason = ""
    if reason:
        assert NOT_OPENED in reason
        return
    assert serialize(root) == serialize(parse(serialize(root)))
    whole = parse(b'<a xmlns:saml="%b">%b</a>' % (_SAML, octets))
    assert etree.tostring(root, method="c14n", exclusive=True) == etree.tostring(
        whole[0], method="c14n", exclusive=True, with_tail=False
    )


def _mutant(octets: bytes) -> None:
    steps = steps_of(octets)
    try:
        wrapper = parse(mutated(_good(), steps))
    except MalformedMessage:
        return
    try:
        root = Decrypter([READER]).open(wrapper)
    except DecryptionFailed:
        return
    assert serialize(root) == serialize(signed_assertion()), "opened, and not encrypted"


def _text(octets: bytes) -> None:
    try:
        wrapper = parse(octets)
    except MalformedMessage:
        return
    try:
        _decrypter().open(wrapper)
    except DecryptionFailed:
        return


def _decrypter() -> Decrypter:
    return Decrypter([READER], frozenset({CBC, RSA_1_5}))


@cache
def signed_assertion() -> etree._Element:
    """What the good wrapper holds."""
    return signed(write_assertion(ASSERTION))


@cache
def _good() -> bytes:
    element = parse(serialize(signed_assertion()))
    return serialize(encrypt(element, "saml:EncryptedAssertion", READER.public_key()))


@cache
def _locked() -> str:
    """The one session key, for our reader: an operation that takes its time."""
    found = READER.public_key().encrypt(_KEY, OAEP(MGF1(SHA1()), SHA1(), None))  # noqa: S303 - as RSA-OAEP has it
    return to_base64(found)


_SAML = b"urn:oasis:names:tc:SAML:2.0:assertion"


def _wrapper(octets: bytes, *, is_gcm: bool) -> etree._Element:
    wrapper = parse(_good())
    data = wrapper[0]
    if is_gcm:
        sealed = _NONCE + AESGCM(_KEY).encrypt(_NONCE, octets, None)
    else:
        padder = padding.PKCS7(_BLOCK).padder()
        padded = padder.update(octets) + padder.finalize()
        encryptor = Cipher(AES(_KEY), modes.CBC(_IV)).encryptor()
        sealed = _IV + encryptor.update(padded) + encryptor.finalize()
        data[0].set("Algorithm", _CBC)
    values = list(wrapper.iter(q("xenc:CipherValue")))
    values[0].text, values[1].text = _locked(), to_base64(sealed)
    return wrapper


def seeds() -> Iterator[bytes]:
    """Plain octets, steps, and texts."""
    plain = serialize(signed_assertion())
    for kind in b"\0\1":
        for octets in (plain, b"", b"<a/>", b"<a/><b/>", b"</opened><opened>", b"x"):
            yield bytes([kind]) + octets
    yield b"\2"
    for operation in range(len(OPERATIONS)):
        yield b"\2" + octets_of([(operation, 3, operation)])
    yield b"\3" + _good()
    yield b"\3" + _good().replace(b"aes256-gcm", b"aes128-gcm")
