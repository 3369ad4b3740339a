"""A decoy to verify if an assertion cannot be decrypted.

The time of an answer must not show a sender of forged ciphertexts whether eilogin could
decrypt one, or what it holds (``xml_encryption``).
"""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from lxml import etree

from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import DS, SAML, parse_canonical
from eilogin.saml.signing_keys import PublicKey
from eilogin.saml.xml_signatures import (
    ECDSA_SHA256,
    ENVELOPED,
    EXCLUSIVE_C14N,
    RSA_SHA256,
    SHA256,
)

#: Bytes of an RSA signature if no key decides.
_USUAL_SIZE = 256

_TEXT = f"""\
<saml:Assertion xmlns:saml="{SAML}" ID="_0" Version="2.0"
IssueInstant="2026-01-01T00:00:00Z"><saml:Issuer>https://nobody.invalid</saml:Issuer>\
<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>\
<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"/>\
<ds:SignatureMethod Algorithm="%(method)s"/><ds:Reference URI="#_0"><ds:Transforms>\
<ds:Transform Algorithm="{ENVELOPED}"/><ds:Transform Algorithm="{EXCLUSIVE_C14N}"/>\
</ds:Transforms><ds:DigestMethod Algorithm="{SHA256}"/>\
<ds:DigestValue>{to_base64(bytes(32))}</ds:DigestValue></ds:Reference>\
</ds:SignedInfo><ds:SignatureValue>%(value)s</ds:SignatureValue></ds:Signature>\
<saml:Subject><saml:NameID>nobody</saml:NameID><saml:SubjectConfirmation
Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData
NotOnOrAfter="2026-01-01T00:02:00Z" Recipient="https://nobody.invalid/acs"
InResponseTo="_1"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions
NotBefore="2026-01-01T00:00:00Z" NotOnOrAfter="2026-01-01T00:02:00Z">\
<saml:AudienceRestriction><saml:Audience>https://nobody.invalid/metadata\
</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement
AuthnInstant="2026-01-01T00:00:00Z" SessionIndex="_2"><saml:AuthnContext>\
<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password\
</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>\
<saml:AttributeStatement><saml:Attribute Name="name"><saml:AttributeValue>Niemand\
</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>"""


def decoy(keys: Sequence[PublicKey]) -> etree._Element:
    """Return an assertion with an invalid signature, to be verified with ``keys``."""
    key = next(iter(keys), None)
    method, size = RSA_SHA256, _USUAL_SIZE
    if isinstance(key, EllipticCurvePublicKey):
        method, size = ECDSA_SHA256, 2 * ((key.curve.key_size + 7) // 8)
    elif key is not None:
        size = key.key_size // 8
    value = to_base64(b"\1" * size)
    return parse_canonical((_TEXT % {"method": method, "value": value}).encode())
