"""Check the structure of each ds:Signature before anything is computed.

SAML needs little of XML signature (SAML core 5.4). All else is rejected, in every
signature of a message, so that it cannot mislead other libraries or keep them busy.
"""

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.safe_xml import DS, canonical, q, repeated_ids
from eilogin.saml.xml_signatures.signature_algorithms import (
    DIGEST_FUNCTIONS,
    ENVELOPED,
    EXCLUSIVE_C14N,
    EXCLUSIVE_C14N_WITH_COMMENTS,
    HASH_OF_METHOD,
    too_weak,
)

_EXCLUSIVES = (EXCLUSIVE_C14N, EXCLUSIVE_C14N_WITH_COMMENTS)
#: Messages, assertions (core 5), metadata and roles (metadata 3).
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
#: No references (RetrievalMethod), and no extensions.
_KEY_INFO = frozenset(
    map(
        q,
        (
            "ds:KeyName",
            "ds:KeyValue",
            "ds:RSAKeyValue",
            "ds:Modulus",
            "ds:Exponent",
            "ds11:ECKeyValue",
            "ds11:NamedCurve",
            "ds11:PublicKey",
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
#: Prefixes in one PrefixList. A canonical form may repeat each; DigiD sends four.
_MOST_PREFIXES = 8
_DS = DS.encode()
_C14N = re.escape(EXCLUSIVE_C14N)
#: The usual Signature in canonical form: with a prefix, no PrefixList, at most one
#: certificate. White space may separate its lines.
_USUAL = re.compile(
    rf"""
<(?P<p>\w+):Signature xmlns:(?P=p)="{re.escape(DS)}">
<@:SignedInfo>(?P<info>
<@:CanonicalizationMethod Algorithm="{_C14N}"></@:CanonicalizationMethod>
<@:SignatureMethod Algorithm="(?P<method>[^"<]+)"></@:SignatureMethod>
<@:Reference URI="[#](?P<id>[\w.-]+)">
<@:Transforms>
<@:Transform Algorithm="{re.escape(ENVELOPED)}"></@:Transform>
<@:Transform Algorithm="{_C14N}"></@:Transform>
</@:Transforms>
<@:DigestMethod Algorithm="(?P<digest_method>[^"<]+)"></@:DigestMethod>
<@:DigestValue>(?P<digest>[^<&]*)</@:DigestValue>
</@:Reference>
</@:SignedInfo>)
<@:SignatureValue>(?P<value>[^<&]*)</@:SignatureValue>
(?:<@:KeyInfo>
<@:X509Data>
<@:X509Certificate>[^<]*</@:X509Certificate>
</@:X509Data>
</@:KeyInfo>
)?</@:Signature>
""".strip()
    .replace("\n", r"\s*")
    .replace("@:", "(?P=p):")
    .encode()
)


@dataclass(frozen=True, eq=False, slots=True)
class Signature:
    """A ds:Signature of accepted structure, not verified yet."""

    #: The signed element, around the signature.
    element: etree._Element
    node: etree._Element
    signed_info: etree._Element
    #: For the canonical form of SignedInfo.
    info_prefixes: tuple[str, ...]
    #: For the canonical form of the signed element.
    prefixes: tuple[str, ...]
    #: One of HASH_OF_METHOD.
    algorithm: str
    #: One of DIGEST_FUNCTIONS.
    digest_algorithm: str
    digest: bytes
    value: bytes
    #: Canonical SignedInfo and signed content, if known already.
    canonical_parts: tuple[bytes, bytes] | None = None


def check_structure(
    root: etree._Element,
    *,
    ids_are_unique: bool = False,
    only_its_own: bool = False,
) -> list[Signature]:
    """Reject a message with a signature of a structure that SAML does not need.

    ``root`` is the root of a document of :func:`eilogin.saml.safe_xml.parse`. These
    rules hold for every ds:Signature in it:

    * It is in an element that SAML signs, and refers to exactly that element by a
      unique ID.
    * It uses the enveloped-signature and exclusive-c14n transforms, and accepted
      algorithms.
    * It holds no ds:Object, and in its KeyInfo only names, certificates and keys.

    Returns the signatures, the outermost first, for :func:`content`.
    ``ids_are_unique``: ``parse`` has checked that, by its limits. ``only_its_own``:
    only the signatures of ``root`` itself, if no code will read any other. Raises
    MalformedMessage, and UntrustedSignature for a weak or unknown algorithm. Source:
    SAML core 5.4, XML signature 4.
    """
    if only_its_own:
        signatures = [
            read_signature(node) for node in root.iterchildren(q("ds:Signature"))
        ]
    else:
        signatures = _read_all(root)
    elements = {signature.element for signature in signatures}
    if len(elements) < len(signatures):
        raise MalformedMessage("an element has more than one signature")
    if signatures and not ids_are_unique:
        repeated = repeated_ids(root)
        if not repeated.isdisjoint(element.get("ID") for element in elements):
            raise MalformedMessage("the ID that a signature refers to is not unique")
    return signatures


def is_signed(element: etree._Element) -> bool:
    """Whether the element has a ds:Signature of its own, valid or not."""
    return next(element.iterchildren(q("ds:Signature")), None) is not None


def _read_all(root: etree._Element) -> list[Signature]:
    nodes = list(root.iter(q("ds:Signature")))
    if len(nodes) == 1:
        usual = _read_usual(nodes[0])
        if usual is not None:
            return [usual]
    return [read_signature(node) for node in nodes]


def _read_usual(node: etree._Element) -> Signature | None:
    """Read a signature of the usual form as :func:`read_signature` does; else None.

    This takes a fifth of the time. Canonical form has one spelling, so a pattern
    matches the octets of a signature that is the only one in its message. Canonical
    SignedInfo also declares its namespace.
    """
    parent = _signable(node)
    try:
        octets = canonical(parent)
    except MalformedMessage:
        return None
    start = octets.rfind(b"<", 0, octets.find(b":Signature xmlns:"))
    match = _USUAL.match(octets, start) if start >= 0 else None
    if match is None:
        return None
    prefix, info, *texts, digest, value = match.groups()
    method, identifier, digest_method = [text.decode() for text in texts]
    if (
        identifier != parent.get("ID")
        or method not in HASH_OF_METHOD
        or digest_method not in DIGEST_FUNCTIONS
    ):
        return None
    start_tag = b'<%b:SignedInfo xmlns:%b="%b">' % (prefix, prefix, _DS)
    return Signature(
        element=parent,
        node=node,
        signed_info=node[0],
        info_prefixes=(),
        prefixes=(),
        algorithm=method,
        digest_algorithm=digest_method,
        digest=_decoded(digest),
        value=_decoded(value),
        canonical_parts=(start_tag + info, octets[:start] + octets[match.end() :]),
    )


def _signable(node: etree._Element) -> etree._Element:
    parent = node.getparent()
    if parent is None or parent.tag not in _SIGNABLE:
        raise MalformedMessage("a signature is at a place where SAML has none")
    return parent


def read_signature(node: etree._Element) -> Signature:
    """Check the structure of one ds:Signature; return its parts."""
    parent = _signable(node)
    signed_info, value, *key_infos = _children(
        node, "ds:SignedInfo", "ds:SignatureValue", optional="ds:KeyInfo"
    )
    for key_info in key_infos:
        _check_key_info(key_info)
    c14n, method, reference = _children(
        signed_info, "ds:CanonicalizationMethod", "ds:SignatureMethod", "ds:Reference"
    )
    _children(method)
    if reference.get("URI") != f"#{parent.get('ID', '')}" or not parent.get("ID"):
        raise MalformedMessage("a signature does not refer to the element around it")
    if reference.get("Type") is not None:
        raise MalformedMessage("a signature refers to something other than an element")
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
        algorithm=_accepted_algorithm(method, HASH_OF_METHOD),
        digest_algorithm=_accepted_algorithm(digest_method, DIGEST_FUNCTIONS),
        digest=_octets(digest),
        value=_octets(value),
    )


def _children(
    element: etree._Element, *names: str, optional: str = ""
) -> list[etree._Element]:
    """Return the children of an element: exactly ``names``, in this order."""
    children = list(element)
    expected = [q(name) for name in names]
    if optional and len(children) > len(expected):
        expected.append(q(optional))
    if [child.tag for child in children] != expected:
        local = etree.QName(element).localname
        raise MalformedMessage(f"the {local} of a signature has unexpected content")
    return children


def _algorithm(element: etree._Element, allowed: Iterable[str]) -> str:
    uri: str = element.get("Algorithm", "")
    if uri not in allowed:
        local = etree.QName(element).localname
        raise MalformedMessage(
            f"a signature has a {local} that eilogin does not accept"
        )
    return uri


def _accepted_algorithm(element: etree._Element, allowed: Iterable[str]) -> str:
    # With another algorithm, a message is as good as unsigned.
    uri: str = element.get("Algorithm", "")
    if uri not in allowed:
        raise too_weak(etree.QName(element).localname, uri, allowed)
    return uri


def _exclusive_prefixes(element: etree._Element) -> tuple[str, ...]:
    """Return the PrefixList of an exclusive c14n method or transform, usually empty."""
    _algorithm(element, _EXCLUSIVES)
    children = list(element)
    if not children:
        return ()
    if [child.tag for child in children] != [_INCLUSIVE_NAMESPACES]:
        raise MalformedMessage(
            "the canonicalization of a signature has unexpected content"
        )
    prefixes = tuple(children[0].get("PrefixList", "").split())
    if len(prefixes) > _MOST_PREFIXES:
        raise MalformedMessage("the PrefixList of a signature is too long")
    return prefixes


def _check_key_info(key_info: etree._Element) -> None:
    if any(node.tag not in _KEY_INFO for node in key_info.iterdescendants()):
        raise MalformedMessage("the KeyInfo of a signature has unexpected content")


def _octets(element: etree._Element) -> bytes:
    _children(element)
    return _decoded((element.text or "").encode())


def _decoded(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(b"".join(text.split()), strict_mode=True)
    except binascii.Error:
        raise MalformedMessage("the base64 of a signature is not valid") from None
