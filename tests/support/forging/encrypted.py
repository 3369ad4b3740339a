"""Answers of which something is encrypted, as nobody should encrypt it.

Whoever knows the metadata can encrypt for a participant: a ciphertext proves nothing.
INSIDE the assertion was signed and then encrypted, and nothing covers the ciphertext;
at the ROOT the Response around it is signed, ciphertext and all.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from lxml import etree

from eilogin.saml import safe_xml
from eilogin.saml.printable_text import to_base64
from forging import INSIDE, MALFORMED, ROOT, UNTRUSTED, Family
from forging.answers import Asked
from forging.signing import Signing, sign

DECRYPTION = "decryption-failed"

ENCRYPTED = Family("encryption", reasons=(DECRYPTION,))
#: To be opened, and taken as what is in it was signed.
OPENED = Family("encryption", rule="good", holds=True)

GCM = safe_xml.XENC11 + "aes256-gcm"
_SIZES = {
    GCM: 32,
    safe_xml.XENC11 + "aes192-gcm": 24,
    safe_xml.XENC11 + "aes128-gcm": 16,
    safe_xml.XENC + "aes256-cbc": 32,
    safe_xml.XENC + "aes192-cbc": 24,
    safe_xml.XENC + "aes128-cbc": 16,
    safe_xml.XENC + "tripledes-cbc": 24,
}
OAEP_1 = safe_xml.XENC + "rsa-oaep-mgf1p"
OAEP_11 = safe_xml.XENC11 + "rsa-oaep"
RSA_15 = safe_xml.XENC + "rsa-1_5"
_SHA1 = safe_xml.DS + "sha1"

_Octets = Callable[[bytes], bytes]


def _same(octets: bytes) -> bytes:
    return octets


@dataclass(frozen=True)
class Sealing:
    """An encryption in all its parts; a usual one if nothing is said."""

    cipher: str = GCM
    transport: str = OAEP_1
    #: What stands in the EncryptionMethod of the key.
    in_transport: str = f'<ds:DigestMethod Algorithm="{_SHA1}"/>'
    digest: hashes.HashAlgorithm = field(default_factory=hashes.SHA1)
    mask: hashes.HashAlgorithm = field(default_factory=hashes.SHA1)
    label: bytes | None = None
    #: Of EncryptedData.
    attributes: str = f'Type="{safe_xml.XENC}Element"'
    #: What is done to the ciphertext, to the locked key, and to their base64.
    sealed: _Octets = _same
    locked: _Octets = _same
    #: How often the key is there.
    copies: int = 1
    #: The bytes of the key that is locked, whatever was used.
    key: "Callable[[bytes], bytes]" = _same
    #: CipherData of what is encrypted, whole; before the keys in KeyInfo.
    data: str = ""
    in_info: str = ""
    #: Keys beside EncryptedData, and not in it.
    beside: bool = False
    written: Callable[[str], str] = str


def seal(octets: bytes, wrapper: str, keys: Sequence[Any], how: Sealing) -> Any:
    """A wrapper such as ``saml:EncryptedAssertion`` around encrypted octets."""
    secret = secrets.token_bytes(_SIZES.get(how.cipher, 32))
    value = to_base64(how.sealed(_ciphertext(octets, secret, how.cipher)))
    data = how.data or f"<xenc:CipherValue>{how.written(value)}</xenc:CipherValue>"
    locked = "".join(_key(key, secret, how) for key in [*keys] * how.copies)
    info = f"{how.in_info}{'' if how.beside else locked}"
    info = f"<ds:KeyInfo>{info}</ds:KeyInfo>" if info else ""
    declared = (
        f'xmlns:xenc="{safe_xml.XENC}" xmlns:ds="{safe_xml.DS}"'
        f' xmlns:saml="{safe_xml.SAML}"'
    )
    return etree.fromstring(
        f"<{wrapper} {declared}><xenc:EncryptedData {how.attributes}>"
        f'<xenc:EncryptionMethod Algorithm="{how.cipher}"/>{info}'
        f"<xenc:CipherData>{data}</xenc:CipherData></xenc:EncryptedData>"
        f"{locked if how.beside else ''}</{wrapper}>"
    )


def _key(key: Any, secret: bytes, how: Sealing) -> str:
    padding: Any = OAEP(MGF1(how.mask), how.digest, how.label)
    if how.transport == RSA_15:
        padding = PKCS1v15()
    locked = to_base64(how.locked(key.encrypt(how.key(secret), padding)))
    method = how.in_transport if how.transport != RSA_15 else ""
    return (
        f'<xenc:EncryptedKey Id="k{secrets.token_hex(8)}">'
        f'<xenc:EncryptionMethod Algorithm="{how.transport}">{method}'
        f"</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>{locked}"
        "</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
    )


def _ciphertext(octets: bytes, secret: bytes, cipher: str) -> bytes:
    if not cipher.endswith("-cbc"):
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(secret).encrypt(nonce, octets, None)
    algorithm = TripleDES(secret) if "tripledes" in cipher else AES(secret)
    size = algorithm.block_size // 8
    vector, left = secrets.token_bytes(size), size - len(octets) % size
    context = Cipher(algorithm, modes.CBC(vector)).encryptor()
    padded = octets + b"\0" * (left - 1) + bytes([left])
    return vector + context.update(padded) + context.finalize()


# --- making them ----------------------------------------------------------------------


def _assertion(asked: Asked) -> bytes:
    """What is encrypted: a good assertion, signed unless what is around it is."""
    assertion, _ = asked.made()
    if asked.place == INSIDE:
        asked.hub.signed(assertion)
    return safe_xml.serialize(assertion)


def _around(asked: Asked, sealed: Any) -> bytes:
    """The Response that holds it, signed where that is what is."""
    root = asked.hub.response(asked.request, sealed)
    if asked.place == ROOT:
        asked.hub.signed(root)
    return safe_xml.serialize(root)


def _sealed(asked: Asked, octets: bytes, how: Sealing) -> bytes:
    wrapper = seal(octets, "saml:EncryptedAssertion", [asked.reader], how)
    return _around(asked, wrapper)


def _how(name: str, family: Family = ENCRYPTED, more: Any = None, **how: Any) -> None:
    """A good assertion, encrypted in this way."""

    @family(name, **(more or {}))
    def made(asked: Asked) -> bytes:
        said = {
            k: v.replace("{outside}", asked.outside) if isinstance(v, str) else v
            for k, v in how.items()
        }
        return _sealed(asked, _assertion(asked), Sealing(**said))


def _what(name: str, make: Callable[[Asked, bytes], bytes], **more: Any) -> None:
    """Something else, encrypted in the usual way."""

    @ENCRYPTED(name, **more)
    def made(asked: Asked) -> bytes:
        return _sealed(asked, make(asked, _assertion(asked)), Sealing())


# --- algorithms -----------------------------------------------------------------------

for _name in ("aes128-cbc", "aes192-cbc", "aes256-cbc"):
    _how(f"enc-{_name}", cipher=safe_xml.XENC + _name, more={"rule": "policy"})
_how("enc-3des", cipher=safe_xml.XENC + "tripledes-cbc", more={"rule": "policy"})
_how("enc-rsa15", transport=RSA_15, more={"rule": "policy"})
_how("enc-cbc-and-rsa15", cipher=safe_xml.XENC + "aes128-cbc", transport=RSA_15)
_how("enc-many-keys", copies=4, more={"rule": "policy"})
_how("enc-no-keys", copies=0)
_how("enc-cipher-unknown", cipher="urn:example:x")
_how("enc-cipher-empty", cipher="")
_how("enc-transport-unknown", transport="urn:example:x")
_how("enc-key-wrap", transport=safe_xml.XENC + "kw-aes256")
_how(
    "enc-oaep-with-md5",
    transport=OAEP_11,
    in_transport='<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#md5"/>',
)
_how("enc-oaep-with-other-digest", digest=hashes.SHA256())
_how("enc-oaep-with-other-mask", mask=hashes.SHA256())
_how("enc-oaep-with-other-label", label=b"x")
_how("enc-type-content", attributes=f'Type="{safe_xml.XENC}Content"')
_how("enc-type-other", attributes='Type="urn:example:x"')

# --- ciphertexts ----------------------------------------------------------------------


def _flipped(place: int) -> _Octets:
    def flip(octets: bytes) -> bytes:
        changed = bytearray(octets)
        changed[place] ^= 1
        return bytes(changed)

    return flip


_how("enc-tampered", sealed=_flipped(40))
_how("enc-tampered-nonce", sealed=_flipped(0))
_how("enc-tampered-tag", sealed=_flipped(-1))
_how("enc-cut-off", sealed=lambda octets: octets[:-1])
_how("enc-short", sealed=lambda octets: octets[:20])
_how("enc-empty", sealed=lambda _: b"")
_how("enc-and-more", sealed=lambda octets: octets + b"x")
_how("enc-nothing-but-zeros", sealed=lambda octets: bytes(len(octets)))
_how("enc-key-tampered", locked=_flipped(9))
_how("enc-key-cut-off", locked=lambda octets: octets[:-1])
_how("enc-key-empty", locked=lambda _: b"")
_how("enc-key-of-zeros", locked=lambda octets: bytes(len(octets)))
_how("enc-key-too-large", locked=lambda octets: b"\xff" * len(octets))
_how("enc-key-too-short", key=lambda secret: secret[:16])
_how("enc-key-too-long", key=lambda secret: secret + secret)
_how("enc-key-of-nothing", key=lambda _: b"")
_how("enc-other-key", key=lambda secret: secrets.token_bytes(len(secret)))
_how("enc-base64-with-junk", written=lambda text: f"!{text}")
_how(
    "enc-base64-cut-off",
    written=lambda text: text[:-1],
    more={"reasons": (DECRYPTION, MALFORMED)},
)
_how(
    "enc-base64-with-element",
    written=lambda text: f"{text}<x/>",
    more={"reasons": (DECRYPTION, MALFORMED)},
)
_how(
    "enc-value-missing",
    data="<!-- -->",
    more={"reasons": (DECRYPTION, MALFORMED)},
)
_how(
    "enc-cipher-reference",
    data='<xenc:CipherReference URI="{outside}"/>',
)
_how(
    "enc-value-and-reference",
    data="<xenc:CipherValue>AAAA</xenc:CipherValue>"
    '<xenc:CipherReference URI="{outside}"/>',
    more={"reasons": (DECRYPTION, MALFORMED)},
)
_how("enc-key-elsewhere", in_info='<ds:RetrievalMethod URI="{outside}"/>')
_how("enc-key-in-a-file", in_info='<ds:RetrievalMethod URI="file:///etc/passwd"/>')
_how(
    "enc-key-by-a-sheet",
    in_info='<ds:RetrievalMethod URI="#k"><ds:Transforms><ds:Transform Algorithm='
    '"http://www.w3.org/TR/1999/REC-xslt-19991116"/></ds:Transforms>'
    "</ds:RetrievalMethod>",
)


@ENCRYPTED("enc-for-another", kind="encryption")
def for_another(asked: Asked) -> bytes:
    """For a member whose key we have not."""
    wrapper = seal(
        _assertion(asked), "saml:EncryptedAssertion", [asked.member.public], Sealing()
    )
    return _around(asked, wrapper)


@ENCRYPTED("enc-two-data", reasons=(DECRYPTION, MALFORMED))
def two_data(asked: Asked) -> bytes:
    wrapper = seal(
        _assertion(asked), "saml:EncryptedAssertion", [asked.reader], Sealing()
    )
    wrapper.append(etree.fromstring(safe_xml.serialize(wrapper[0])))
    return _around(asked, wrapper)


@ENCRYPTED("enc-no-data", reasons=(DECRYPTION, MALFORMED))
def no_data(asked: Asked) -> bytes:
    return _around(asked, etree.Element(safe_xml.q("saml:EncryptedAssertion")))


# --- what is in it --------------------------------------------------------------------
# Where nothing covers it, all that is wrong inside looks as if it could not be opened.

_INSIDE_OUT = (DECRYPTION, MALFORMED)
_what("enc-no-xml", lambda _, __: b"admin")
_what("enc-nothing", lambda _, __: b"")
_what("enc-text-before", lambda _, octets: b"x" + octets)
_what("enc-two-elements", lambda _, octets: octets + octets)
_what("enc-text-only", lambda _, __: b"<!-- -->")
_what("enc-cut-off-inside", lambda _, octets: octets[:-9])
_what("enc-doctype", lambda _, octets: b"<!DOCTYPE r>" + octets)
_what("enc-instruction", lambda _, octets: b"<?x y?>" + octets)
_what("enc-declaration", lambda _, octets: b'<?xml version="1.0"?>' + octets)
_what("enc-utf-16", lambda _, octets: octets.decode().encode("utf-16"))
_what("enc-nul", lambda _, octets: octets + b"\0")
_what("enc-end-tag", lambda _, octets: octets + b"</opened><opened>")
_what(
    "enc-other-element",
    lambda _, __: f'<saml:NameID xmlns:saml="{safe_xml.SAML}">x</saml:NameID>'.encode(),
    reasons=_INSIDE_OUT,
)
_what(
    "enc-response",
    lambda asked, _: safe_xml.serialize(asked.made()[1]),
    reasons=_INSIDE_OUT,
)


def _in_place(name: str, make: Callable[[Asked, Any], Any], **more: Any) -> None:
    """A trick with the assertion, before it is encrypted."""

    @ENCRYPTED(name, **more)
    def made(asked: Asked) -> bytes:
        signed = etree.fromstring(_assertion(asked))
        return _sealed(asked, safe_xml.serialize(make(asked, signed)), Sealing())


def _evil(asked: Asked) -> Any:
    return asked.hub.assertion(asked.request, "koningin")


def _by_stranger(asked: Asked, _: Any) -> Any:
    evil = _evil(asked)
    sign(evil, Signing(asked.stranger))
    return evil


def _by_member(asked: Asked, _: Any) -> Any:
    evil = _evil(asked)
    sign(evil, Signing(asked.member))
    return evil


def _wrapped(asked: Asked, signed: Any) -> Any:
    """The evil one with the signed one in it."""
    evil = _evil(asked)
    advice = etree.Element(safe_xml.q("saml:Advice"))
    # Without a signature it would be Advice as the schema allows it.
    advice.append(asked.hub.signed(signed))
    evil.find(safe_xml.q("saml:Conditions")).addnext(advice)
    return evil


def _moved(asked: Asked, signed: Any) -> Any:
    """The evil one with the signature of the signed one."""
    evil = _evil(asked)
    evil.insert(1, signed.find(safe_xml.q("ds:Signature")))
    evil.set("ID", signed.get("ID"))
    return evil


def _changed(_: Asked, signed: Any) -> Any:
    signed.find(f".//{safe_xml.q('saml:NameID')}").text = "koningin"
    return signed


def _for_another_audience(asked: Asked, _: Any) -> Any:
    assertion = asked.hub.assertion(asked.request, asked.name, recipient=asked.other[1])
    return asked.hub.signed(assertion)


_in_place("enc-unsigned", lambda asked, _: _evil(asked), places=(INSIDE,))
_in_place("enc-by-stranger", _by_stranger, reasons=(DECRYPTION, UNTRUSTED))
_in_place("enc-by-member", _by_member, reasons=(DECRYPTION, UNTRUSTED))
_in_place("enc-wrapping", _wrapped, reasons=_INSIDE_OUT)
_in_place("enc-moved-signature", _moved, places=(INSIDE,))
_in_place("enc-changed", _changed, places=(INSIDE,))
_in_place(
    "enc-for-another-place",
    _for_another_audience,
    reasons=(DECRYPTION, "message-misdirected"),
)


@ENCRYPTED("enc-evil-beside-signed", kind="signature-wrapping", reasons=(MALFORMED,))
def evil_beside_signed(asked: Asked) -> bytes:
    """CVE-2024-9487: the attacker encrypts what she wants, and puts it beside."""
    return _beside(asked, first=False)


@ENCRYPTED("enc-evil-before-signed", kind="signature-wrapping", reasons=(MALFORMED,))
def evil_before_signed(asked: Asked) -> bytes:
    return _beside(asked, first=True)


def _beside(asked: Asked, *, first: bool) -> bytes:
    evil = seal(
        safe_xml.serialize(_evil(asked)),
        "saml:EncryptedAssertion",
        [asked.reader],
        Sealing(),
    )
    signed = asked.hub.signed(asked.made()[0])
    root = asked.hub.response(asked.request, signed)
    (signed.addprevious if first else signed.addnext)(evil)
    if asked.place == ROOT:
        asked.hub.signed(root)
    return safe_xml.serialize(root)


@ENCRYPTED("enc-in-enc", reasons=_INSIDE_OUT)
def nested(asked: Asked) -> bytes:
    inner = seal(
        _assertion(asked), "saml:EncryptedAssertion", [asked.reader], Sealing()
    )
    return _sealed(asked, safe_xml.serialize(inner), Sealing())


# --- names and attributes -------------------------------------------------------------


def _hidden(asked: Asked, path: str, wrapper: str, how: Sealing) -> Any:
    """A good assertion in which one element is encrypted, not signed yet."""
    assertion, root = asked.made()
    found = assertion.find(path)
    sealed = seal(safe_xml.serialize(found), wrapper, [asked.reader], how)
    found.getparent().replace(found, sealed)
    return assertion, root


_NAME = f".//{safe_xml.q('saml:NameID')}"
_ATTRIBUTE = f".//{safe_xml.q('saml:Attribute')}"


def _name(name: str, family: Family = ENCRYPTED, more: Any = None, **how: Any) -> None:
    @family(f"{name}-nameid", **(more or {}))
    def in_name(asked: Asked) -> bytes:
        assertion, root = _hidden(asked, _NAME, "saml:EncryptedID", Sealing(**how))
        asked.hub.signed(assertion if asked.place == INSIDE else root)
        return safe_xml.serialize(root)

    @family(f"{name}-attribute", **(more or {}))
    def in_attribute(asked: Asked) -> bytes:
        assertion, root = _hidden(
            asked, _ATTRIBUTE, "saml:EncryptedAttribute", Sealing(**how)
        )
        asked.hub.signed(assertion if asked.place == INSIDE else root)
        return safe_xml.serialize(root)


_name("enc-cbc", cipher=safe_xml.XENC + "aes128-cbc", more={"rule": "policy"})
_name("enc-3des", cipher=safe_xml.XENC + "tripledes-cbc", more={"rule": "policy"})
_name("enc-rsa15", transport=RSA_15, more={"rule": "policy"})
_name("enc-tampered", sealed=_flipped(-1))
_name("enc-many-keys", copies=4)


def _edited(
    name: str,
    edit: Callable[[Asked, Any], None],
    family: Family = ENCRYPTED,
    **more: Any,
) -> None:
    @family(name, **more)
    def edited(asked: Asked) -> bytes:
        assertion, root = asked.made()
        edit(asked, assertion)
        asked.hub.signed(assertion if asked.place == INSIDE else root)
        return safe_xml.serialize(root)


def _of(asked: Asked, element: Any, wrapper: str) -> Any:
    return seal(safe_xml.serialize(element), wrapper, [asked.reader], Sealing())


def _name_twice(asked: Asked, assertion: Any) -> None:
    found = assertion.find(_NAME)
    found.addnext(_of(asked, found, "saml:EncryptedID"))


def _assertion_as_name(asked: Asked, assertion: Any) -> None:
    found = assertion.find(_NAME)
    found.getparent().replace(found, _of(asked, _evil(asked), "saml:EncryptedID"))


def _issuer_as_name(asked: Asked, assertion: Any) -> None:
    """A text, and not that of a name."""
    found, issuer = assertion.find(_NAME), assertion.find(safe_xml.q("saml:Issuer"))
    found.getparent().replace(found, _of(asked, issuer, "saml:EncryptedID"))


def _other_as_attribute(asked: Asked, assertion: Any) -> None:
    """With all that an attribute has, but its name."""
    found = assertion.find(_ATTRIBUTE)
    other = etree.fromstring(
        safe_xml.serialize(found)
        .replace(b"saml:Attribute ", b"saml:Other ")
        .replace(b"</saml:Attribute>", b"</saml:Other>")
    )
    sealed = _of(asked, other, "saml:EncryptedAttribute")
    found.getparent().replace(found, sealed)


def _name_as_attribute(asked: Asked, assertion: Any) -> None:
    found = assertion.find(_ATTRIBUTE)
    sealed = _of(asked, assertion.find(_NAME), "saml:EncryptedAttribute")
    found.getparent().replace(found, sealed)


def _many_attributes(count: int) -> Callable[[Asked, Any], None]:
    def edit(asked: Asked, assertion: Any) -> None:
        found = assertion.find(_ATTRIBUTE)
        for _ in range(count):
            found.addnext(_of(asked, found, "saml:EncryptedAttribute"))

    return edit


_edited("enc-id-beside-name", _name_twice, reasons=(MALFORMED,))
_edited("enc-id-holds-assertion", _assertion_as_name, reasons=(MALFORMED,))
_edited("enc-id-holds-issuer", _issuer_as_name, reasons=(MALFORMED,))
_edited("enc-attribute-holds-other", _other_as_attribute, reasons=(MALFORMED,))
_edited("enc-attribute-holds-name", _name_as_attribute, reasons=(MALFORMED,))
_edited("enc-many-attributes", _many_attributes(21), reasons=(MALFORMED,))
_edited("enc-twenty-attributes", _many_attributes(20), OPENED)

# --- good ones ------------------------------------------------------------------------

for _bits in (128, 192, 256):
    _how(f"enc-aes{_bits}-gcm", OPENED, cipher=f"{safe_xml.XENC11}aes{_bits}-gcm")
_how(
    "enc-oaep-11",
    OPENED,
    transport=OAEP_11,
    digest=hashes.SHA256(),
    mask=hashes.SHA256(),
    in_transport=f'<ds:DigestMethod Algorithm="{safe_xml.XENC}sha256"/>'
    f'<e:MGF xmlns:e="{safe_xml.XENC11}" Algorithm="{safe_xml.XENC11}mgf1sha256"/>',
)
_how("enc-oaep-without-digest", OPENED, in_transport="")
_how("enc-without-type", OPENED, attributes="")
_how("enc-three-keys", OPENED, copies=3)
_how("enc-key-beside", OPENED, beside=True)
_how(
    "enc-key-beside-by-name",
    OPENED,
    beside=True,
    in_info='<ds:RetrievalMethod URI="#k"/>',
)
_how("enc-in-lines", OPENED, written=lambda text: f"\n{text[:64]}\n{text[64:]}\n")
_name("enc-good", OPENED)


@OPENED("enc-for-several")
def for_several(asked: Asked) -> bytes:
    """For another member first, and for us."""
    keys = [asked.member.public, asked.reader]
    wrapper = seal(_assertion(asked), "saml:EncryptedAssertion", keys, Sealing())
    return _around(asked, wrapper)


@OPENED("enc-for-our-old-key")
def for_our_old_key(asked: Asked) -> bytes:
    wrapper = seal(
        _assertion(asked), "saml:EncryptedAssertion", [asked.old_reader], Sealing()
    )
    return _around(asked, wrapper)


@OPENED("enc-name-in-enc-assertion")
def name_in_assertion(asked: Asked) -> bytes:
    assertion, _ = _hidden(asked, _NAME, "saml:EncryptedID", Sealing())
    if asked.place == INSIDE:
        asked.hub.signed(assertion)
    return _sealed(asked, safe_xml.serialize(assertion), Sealing())


@OPENED("enc-signed-in-signed", places=(ROOT,))
def signed_in_signed(asked: Asked) -> bytes:
    assertion = asked.hub.signed(asked.made()[0])
    return _sealed(asked, safe_xml.serialize(assertion), Sealing())


def _written(name: str, edit: Callable[[bytes], bytes]) -> None:
    """A good assertion, written in another way before it is encrypted."""

    @OPENED(name, kind="text-splitting")
    def written(asked: Asked) -> bytes:
        octets = _assertion(asked)
        middle = octets.index(b"</saml:NameID>") - 2
        made = edit(octets[middle:])
        return _sealed(asked, octets[:middle] + made, Sealing())


_written("enc-comment-in-nameid", lambda octets: b"<!-- -->" + octets)
_written("enc-two-comments-in-nameid", lambda octets: b"<!--a--><!--b-->" + octets)
_written("enc-empty-cdata-in-nameid", lambda octets: b"<![CDATA[]]>" + octets)
_written("enc-comment-behind", lambda octets: octets + b"<!-- -->")
