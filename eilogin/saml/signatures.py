"""Enveloped XML signatures: see only what is signed.

SAML uses a small part of XML signature (SAML core 5.4): one reference, to the element
around the signature; two transforms; RSA. This room knows that part and no more.
:func:`check_structure` refuses all else before anything is computed, in every signature
of a message, so that other libraries are only shown what they cannot be misled or kept
busy by. :func:`signed` verifies one signature and gives what it covers, parsed anew
from the very octets that were hashed: there is no other way to a value.

Keys are arguments. What a message says about its key (KeyName, X509Data, KeyValue) is
tolerated, because real hubs send it, and never looked at.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from eilogin.errors import MalformedMessage, UntrustedSignature
from eilogin.saml.keys import SigningKey
from eilogin.saml.text import to_base64
from eilogin.saml.xml import DS, SAML, canonical, parse_canonical, q, repeated_ids

ENVELOPED = DS + "enveloped-signature"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

#: The signature algorithms that are taken, and with what they hash.
_SIGNATURES: dict[str, hashes.HashAlgorithm] = {
    RSA_SHA256: hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": hashes.SHA384(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": hashes.SHA512(),
}

#: The digest algorithms that are taken, by their names in hashlib.
_DIGESTS = {
    SHA256: "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}

#: What SAML signs: messages, assertions (core 5), metadata and its roles (metadata 3).
_SIGNABLE = frozenset(
    map(
        q,
        (
            "saml:Assertion",
            "samlp:ArtifactResolve",
            "samlp:ArtifactResponse",
            "samlp:AssertionIDRequest",
            "samlp:AttributeQuery",
            "samlp:AuthnQuery",
            "samlp:AuthnRequest",
            "samlp:AuthzDecisionQuery",
            "samlp:LogoutRequest",
            "samlp:LogoutResponse",
            "samlp:ManageNameIDRequest",
            "samlp:ManageNameIDResponse",
            "samlp:NameIDMappingRequest",
            "samlp:NameIDMappingResponse",
            "samlp:Response",
            "md:AffiliationDescriptor",
            "md:AttributeAuthorityDescriptor",
            "md:AuthnAuthorityDescriptor",
            "md:EntitiesDescriptor",
            "md:EntityDescriptor",
            "md:IDPSSODescriptor",
            "md:PDPDescriptor",
            "md:RoleDescriptor",
            "md:SPSSODescriptor",
        ),
    )
)

#: What may stand in KeyInfo: a name, certificates, a bare RSA key. Not what points
#: elsewhere (RetrievalMethod) and not what holds content of the sender's own.
_KEY_INFO = frozenset(
    map(
        q,
        (
            "ds:KeyName",
            "ds:KeyValue",
            "ds:RSAKeyValue",
            "ds:Modulus",
            "ds:Exponent",
            "ds:X509Data",
            "ds:X509Certificate",
            "ds:X509CRL",
            "ds:X509IssuerSerial",
            "ds:X509IssuerName",
            "ds:X509SerialNumber",
            "ds:X509SKI",
            "ds:X509SubjectName",
        ),
    )
)

_INCLUSIVE_NAMESPACES = f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces"
#: Prefixes in one PrefixList; DigiD sends four.
_MOST_PREFIXES = 20

# --- structure ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Signature:
    """A ds:Signature whose shape is right; whether it is valid is not known yet."""

    #: What it signs: the element around it.
    element: etree._Element
    node: etree._Element
    signed_info: etree._Element
    #: PrefixList with which SignedInfo is canonicalised.
    info_prefixes: tuple[str, ...]
    #: PrefixList with which the element around the signature is canonicalised.
    prefixes: tuple[str, ...]
    #: URI of the signature algorithm; one of _SIGNATURES.
    algorithm: str
    #: URI of the digest algorithm; one of _DIGESTS.
    digest_algorithm: str
    digest: bytes
    value: bytes


def check_structure(root: etree._Element) -> list[Signature]:
    """Refuse a message in which any signature is of a shape that SAML does not need.

    ``root`` is the root of a document of :func:`eilogin.saml.xml.parse`. Every
    ds:Signature in it must stand in an element that SAML signs, refer to exactly that
    element by an ID that is unique, use the enveloped-signature and exclusive-c14n
    transforms and algorithms of the allow-list, hold no ds:Object, and in its KeyInfo
    nothing but names, certificates and RSA keys. Nothing is computed. Gives the
    signatures, the outermost first: :func:`content` verifies one.

    Raises MalformedMessage. Source: SAML core 5.4, XML signature 4.
    """
    signatures = [_read(node) for node in root.iter(q("ds:Signature"))]
    if len({signature.element for signature in signatures}) < len(signatures):
        raise MalformedMessage("an element has more than one signature")
    repeated = repeated_ids(root) if signatures else ()
    if any(signature.element.get("ID") in repeated for signature in signatures):
        raise MalformedMessage("the ID that a signature refers to is not unique")
    return signatures


def is_signed(element: etree._Element) -> bool:
    """Whether the element has a ds:Signature of its own; not whether it is valid."""
    return element.find(q("ds:Signature")) is not None


def _read(node: etree._Element) -> Signature:
    parent = node.getparent()
    if parent is None or parent.tag not in _SIGNABLE:
        raise MalformedMessage("a signature where SAML has none")
    signed_info, value, *rest = _children(
        node, "ds:SignedInfo", "ds:SignatureValue", optional="ds:KeyInfo"
    )
    for key_info in rest:
        _check_key_info(key_info)
    c14n, method, reference = _children(
        signed_info, "ds:CanonicalizationMethod", "ds:SignatureMethod", "ds:Reference"
    )
    _children(method)
    if reference.get("URI") != f"#{parent.get('ID', '')}" or not parent.get("ID"):
        raise MalformedMessage("a signature does not refer to the element around it")
    if reference.get("Type") is not None:
        raise MalformedMessage("a signature refers to something else than an element")
    transforms, digest_method, digest = _children(
        reference, "ds:Transforms", "ds:DigestMethod", "ds:DigestValue"
    )
    _children(digest_method)
    enveloped, exclusive = _children(transforms, "ds:Transform", "ds:Transform")
    _children(enveloped)
    _algorithm(enveloped, (ENVELOPED,))
    return Signature(
        element=parent,
        node=node,
        signed_info=signed_info,
        info_prefixes=_exclusive_prefixes(c14n),
        prefixes=_exclusive_prefixes(exclusive),
        algorithm=_algorithm(method, _SIGNATURES),
        digest_algorithm=_algorithm(digest_method, _DIGESTS),
        digest=_octets(digest),
        value=_octets(value),
    )


def _children(
    element: etree._Element, *names: str, optional: str = ""
) -> list[etree._Element]:
    """The children of an element, which must be exactly ``names``, in this order."""
    children = list(element)
    expected = [q(name) for name in names]
    if optional and len(children) > len(expected):
        expected.append(q(optional))
    if [child.tag for child in children] != expected:
        local = etree.QName(element).localname
        raise MalformedMessage(f"a signature whose {local} holds what it should not")
    return children


def _algorithm(element: etree._Element, allowed: Iterable[str]) -> str:
    """The Algorithm of an element, which must be one of ``allowed``."""
    uri: str = element.get("Algorithm", "")
    if uri not in allowed:
        local = etree.QName(element).localname
        raise MalformedMessage(f"a signature with a {local} that is not taken")
    return uri


def _exclusive_prefixes(element: etree._Element) -> tuple[str, ...]:
    """The PrefixList of an exclusive c14n method or transform; often it has none."""
    _algorithm(element, (EXCLUSIVE_C14N,))
    children = list(element)
    if not children:
        return ()
    if [child.tag for child in children] != [_INCLUSIVE_NAMESPACES]:
        raise MalformedMessage("a signature whose c14n holds what it should not")
    prefixes = tuple(children[0].get("PrefixList", "").split())
    if len(prefixes) > _MOST_PREFIXES:
        raise MalformedMessage("a signature with too long a PrefixList")
    return prefixes


def _check_key_info(key_info: etree._Element) -> None:
    if any(node.tag not in _KEY_INFO for node in key_info.iterdescendants()):
        raise MalformedMessage("a signature whose KeyInfo holds what it should not")


def _octets(element: etree._Element) -> bytes:
    """The value of an element with base64 in it, and nothing else in it."""
    _children(element)
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage("a signature whose base64 cannot be read") from None


# --- verifying ----------------------------------------------------------------------


def signed(element: etree._Element, keys: Sequence[RSAPublicKey]) -> etree._Element:
    """What the signature of ``element`` covers: read this, and not ``element``.

    ``element`` stands in the tree in which it was parsed, at the root or deeper, and
    is afterwards as it was, so signatures around and inside it can be verified too, in
    any order. ``keys`` are all the keys of the party that should have signed; any of
    them will do. Gives what :func:`content` gives.

    Raises UntrustedSignature where there is no signature, or none by one of these keys,
    and MalformedMessage where it is of a shape that :func:`check_structure` refuses.
    """
    nodes = element.findall(q("ds:Signature"))
    if not nodes:
        raise UntrustedSignature("not signed")
    if len(nodes) > 1:
        raise MalformedMessage("an element has more than one signature")
    return content(_read(nodes[0]), keys)


def content(signature: Signature, keys: Sequence[RSAPublicKey]) -> etree._Element:
    """What a signature covers, as :func:`signed` does for one that was read already.

    Gives the root of a new tree, parsed from the canonical octets whose hash was
    signed; the signature itself is not in it. Raises UntrustedSignature where it is not
    by one of ``keys``, or does not hold. Source: XML signature 3.2, SAML core 5.4.
    """
    info = canonical(signature.signed_info, signature.info_prefixes)
    verify_octets(keys, info, signature.value, signature.algorithm)
    covered = _covered(signature)
    digest = hashlib.new(_DIGESTS[signature.digest_algorithm], covered).digest()
    if not hmac.compare_digest(digest, signature.digest):
        raise UntrustedSignature("changed after it was signed")
    return parse_canonical(covered)


def _covered(signature: Signature) -> bytes:
    """The canonical octets of the element that is signed, without its signature.

    The signature is cut out of the octets, between two marks, and not out of the tree:
    lxml rewrites prefixes when an element is put back, and signatures around it would
    not hold any more. The marks are processing instructions. No message may hold one,
    and elsewhere in a canonical form every "<" that is text is written as "&lt;".
    """
    element, node = signature.element, signature.node
    tail = node.tail
    before, after = etree.PI("cut"), etree.PI("cut")
    node.tail = None
    node.addprevious(before)
    node.addnext(after)
    after.tail = tail
    try:
        octets = canonical(element, signature.prefixes)
    finally:
        after.tail = None
        element.remove(before)
        element.remove(after)
        node.tail = tail
    parts = octets.split(b"<?cut?>")
    if len(parts) != 3:  # noqa: PLR2004 (what is before, the signature, what is after)
        raise MalformedMessage("a processing instruction in a message")
    return parts[0] + parts[2]


def verify_octets(
    keys: Sequence[RSAPublicKey], octets: bytes, signature: bytes, algorithm: str
) -> None:
    """Check a signature over ``octets`` by any of ``keys``.

    ``algorithm`` is the URI that came with it (SigAlg, SAML bindings 3.4.4.1); there is
    no default. Raises UntrustedSignature.
    """
    if algorithm not in _SIGNATURES:
        raise UntrustedSignature("signed with an algorithm that is not taken")
    for key in keys:
        try:
            key.verify(signature, octets, PKCS1v15(), _SIGNATURES[algorithm])
        except InvalidSignature:
            continue
        return
    raise UntrustedSignature("not signed by a key of the party that should have")


# --- signing ------------------------------------------------------------------------


def sign(element: etree._Element, key: SigningKey) -> None:
    """Add a signature to an element that has an ID and no signature yet.

    RSA-SHA256 over the exclusive canonical form. The signature stands where the schemas
    want it: after saml:Issuer in messages and assertions, first in metadata. What is
    inside must be complete, signatures included; nothing may be changed afterwards.
    """
    identifier = element.get("ID")
    if not identifier or is_signed(element):
        raise ValueError("only an element with an ID and no signature can be signed")
    digest = hashlib.sha256(canonical(element)).digest()
    signature = etree.fromstring(
        _TEMPLATE.format(digest=to_base64(digest), certificate=key.certificate_text)
    )
    signed_info, value = signature[0], signature[1]
    signed_info.find(q("ds:Reference")).set("URI", f"#{identifier}")
    first = element[0] if len(element) else None
    has_issuer = first is not None and first.tag == f"{{{SAML}}}Issuer"
    element.insert(1 if has_issuer else 0, signature)
    # Canonical in its place: the namespaces around it count.
    value.text = to_base64(sign_octets(key, canonical(signed_info)))


def sign_octets(key: SigningKey, octets: bytes) -> bytes:
    """The RSA-SHA256 signature (PKCS #1 v1.5) of ``octets``."""
    return key.private.sign(octets, PKCS1v15(), hashes.SHA256())


_TEMPLATE = (
    f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'
    f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"/>'
    f'<ds:SignatureMethod Algorithm="{RSA_SHA256}"/>'
    "<ds:Reference><ds:Transforms>"
    f'<ds:Transform Algorithm="{ENVELOPED}"/>'
    f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}"/>'
    f'</ds:Transforms><ds:DigestMethod Algorithm="{SHA256}"/>'
    "<ds:DigestValue>{digest}</ds:DigestValue>"
    "</ds:Reference></ds:SignedInfo><ds:SignatureValue/>"
    "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>"
    "</ds:X509Data></ds:KeyInfo></ds:Signature>"
)
