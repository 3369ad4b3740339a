"""XML signatures as an attacker makes them: with any part as she likes it.

What :func:`sign` makes holds by the rules of XML signature, whatever transforms and
algorithms it names, unless a part is given that makes it not hold.
"""

import hashlib
import hmac
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from eilogin.saml import safe_xml
from eilogin.saml.printable_text import to_base64
from eilogin.saml.signing_keys import SigningKey
from eilogin.saml.xml_signatures import ECDSA_SHA256, ENVELOPED, RSA_SHA256, SHA256

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
WITH_COMMENTS = EXCLUSIVE + "WithComments"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
INCLUSIVE_11 = "http://www.w3.org/2006/12/xml-c14n11"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XPATH_2 = "http://www.w3.org/2002/06/xmldsig-filter2"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
BASE64 = safe_xml.DS + "base64"
SHA1, MD5 = safe_xml.DS + "sha1", MORE + "md5"
RSA_SHA1, RSA_MD5 = safe_xml.DS + "rsa-sha1", MORE + "rsa-md5"
HMAC_SHA1, HMAC_SHA256 = safe_xml.DS + "hmac-sha1", MORE + "hmac-sha256"
RSA_PSS = MORE_2007 + "sha256-rsa-MGF1"

_DIGESTS = {
    SHA256: "sha256",
    MORE + "sha384": "sha384",
    safe_xml.XENC + "sha512": "sha512",
    SHA1: "sha1",
    MD5: "md5",
    MORE + "sha224": "sha224",
    MORE_2007 + "sha3-256": "sha3_256",
}
_BY_RSA: dict[str, hashes.HashAlgorithm] = {
    RSA_SHA256: hashes.SHA256(),
    MORE + "rsa-sha384": hashes.SHA384(),
    MORE + "rsa-sha512": hashes.SHA512(),
    MORE + "rsa-sha224": hashes.SHA224(),
    RSA_SHA1: hashes.SHA1(),  # noqa: S303 - weak, as it should be here
    RSA_MD5: hashes.MD5(),  # noqa: S303 - as above
}
_BY_CURVE: dict[str, hashes.HashAlgorithm] = {
    ECDSA_SHA256: hashes.SHA256(),
    MORE + "ecdsa-sha384": hashes.SHA384(),
}
_HMACS = {HMAC_SHA1: "sha1", HMAC_SHA256: "sha256"}
_EXCLUSIVES = {EXCLUSIVE: False, WITH_COMMENTS: True}


def canonical(element: etree._Element, method: str = EXCLUSIVE, **more: Any) -> bytes:
    """An element in its place in canonical form."""
    octets: bytes = etree.tostring(
        element,
        method="c14n",
        exclusive=method in _EXCLUSIVES,
        with_comments=method.endswith("WithComments"),
        with_tail=False,
        **more,
    )
    return octets


def transform(algorithm: str, inside: str = "") -> str:
    return f'<ds:Transform Algorithm="{algorithm}">{inside}</ds:Transform>'


USUAL = (transform(ENVELOPED), transform(EXCLUSIVE))


@dataclass(frozen=True)
class Signing:
    """A signature in all its parts; a usual one if nothing is said."""

    key: SigningKey = field(repr=False)
    method: str = RSA_SHA256
    digest: str = SHA256
    c14n: str = EXCLUSIVE
    transforms: tuple[str, ...] = USUAL
    #: Of Reference; by default that of the element around it.
    uri: str | None = None
    #: More attributes of Reference, such as `` Type="…"``.
    reference: str = ""
    #: References before and after that one, whole.
    before: str = ""
    after: str = ""
    #: What stands in SignatureMethod.
    in_method: str = ""
    #: After the value: KeyInfo and Objects.
    behind: str = ""
    #: The octets whose hash is signed, of the element as it stands without a signature.
    covers: Callable[[etree._Element], bytes] = canonical
    #: The value, of the octets of SignedInfo; by default that of the key.
    value: "Callable[[bytes], bytes] | None" = None


def digest(octets: bytes, method: str = SHA256) -> str:
    """The hash of octets, as DigestValue has it."""
    return to_base64(hashlib.new(_DIGESTS[method], octets).digest())


def public_pem(key: SigningKey) -> bytes:
    """The public key as everybody can have it: what a MAC must not be made with."""
    return key.public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(element: etree._Element, how: Signing) -> etree._Element:
    """Put a signature in the place of the one that the element has, or after Issuer."""
    for old in element.findall(safe_xml.q("ds:Signature")):
        element.remove(old)
    uri = f"#{element.get('ID')}" if how.uri is None else how.uri
    octets = how.covers(element)
    text = (
        f'<ds:Signature xmlns:ds="{safe_xml.DS}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{how.c14n}"/>'
        f'<ds:SignatureMethod Algorithm="{how.method}">{how.in_method}'
        f"</ds:SignatureMethod>{how.before}"
        f"{reference(uri, octets, how)}{how.after}</ds:SignedInfo>"
        f"<ds:SignatureValue/>{how.behind}</ds:Signature>"
    )
    signature = etree.fromstring(text)
    place = 1 if len(element) and element[0].tag == safe_xml.q("saml:Issuer") else 0
    element.insert(place, signature)
    set_value(signature, how)
    return signature


def reference(uri: str, octets: bytes, how: Signing) -> str:
    """A Reference to octets, as text."""
    listed = "".join(how.transforms)
    transforms = f"<ds:Transforms>{listed}</ds:Transforms>" if listed else ""
    return (
        f'<ds:Reference URI="{uri}"{how.reference}>{transforms}'
        f'<ds:DigestMethod Algorithm="{how.digest}"/>'
        f"<ds:DigestValue>{digest(octets, how.digest)}</ds:DigestValue>"
        "</ds:Reference>"
    )


def set_value(signature: etree._Element, how: Signing) -> None:
    """Sign the SignedInfo of a signature, as it stands, anew."""
    info, value = signature[0], signature[1]
    octets = canonical(info, how.c14n)
    made = how.value or (lambda signed: value_of(how.key, how.method, signed))
    value.text = to_base64(made(octets))


def value_of(key: SigningKey, method: str, octets: bytes) -> bytes:
    """What a key makes of octets by a method, be it weak."""
    private: Any = key.private
    if method in _HMACS:
        return hmac.digest(public_pem(key), octets, _HMACS[method])
    if method == RSA_PSS:
        chosen = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return private.sign(octets, chosen, hashes.SHA256())
    if method in _BY_CURVE:
        made = private.sign(octets, ec.ECDSA(_BY_CURVE[method]))
        half = (private.curve.key_size + 7) // 8
        return b"".join(n.to_bytes(half, "big") for n in decode_dss_signature(made))
    return private.sign(octets, padding.PKCS1v15(), _BY_RSA[method])


def without(element: etree._Element, *paths: str) -> etree._Element:
    """A copy of an element, in its namespaces, in which some elements are not."""
    copy = etree.fromstring(safe_xml.serialize(element))
    for path in paths:
        for found in copy.findall(path):
            found.getparent().remove(found)
    return copy


def copied(element: etree._Element) -> etree._Element:
    """A copy that no tree holds."""
    copy = deepcopy(element)
    copy.tail = None
    return copy
