"""Enveloped XML signatures: return only signed content.

SAML uses a small part of XML signature (SAML core 5.4): one reference, to the element
around the signature; two transforms; RSA or ECDSA. This module knows that part and no
more. :func:`check_structure` rejects everything else before anything is computed, in
every signature of a message. So other libraries only get signatures that cannot mislead
them or keep them busy. The
function :func:`signed` verifies one signature and returns the covered element, parsed
again from the very octets that were hashed. There is no other way to a value.

Keys are arguments. The data of a message about its key (KeyName, X509Data, KeyValue) is
accepted, because real hubs send it. A log may repeat it; no other code reads it.
"""

import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from lxml import etree

from eilogin.errors import AlgorithmMissing, MalformedMessage, UntrustedSignature
from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import (
    DS,
    SAML,
    SAMLP,
    canonical,
    parse_canonical,
    q,
    repeated_ids,
    serialize,
)
from eilogin.saml.signing_keys import PublicKey, SigningKey, fingerprints, key_name

ENVELOPED = DS + "enveloped-signature"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
#: The same, with comments (SAML core 5.4.3). A reference by ID selects no comments (XML
#: signature 4.4.3.3), and the parser drops those in SignedInfo: a signature over them
#: does not hold.
EXCLUSIVE_C14N_WITH_COMMENTS = EXCLUSIVE_C14N + "WithComments"
_EXCLUSIVES = (EXCLUSIVE_C14N, EXCLUSIVE_C14N_WITH_COMMENTS)
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"

#: The signature algorithms that are taken, by the kind of key, and with what they hash.
_BY_RSA: dict[str, hashes.HashAlgorithm] = {
    RSA_SHA256: hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": hashes.SHA384(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": hashes.SHA512(),
}
_BY_CURVE: dict[str, hashes.HashAlgorithm] = {
    ECDSA_SHA256: hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384": hashes.SHA384(),
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512": hashes.SHA512(),
}
_SIGNATURES = {**_BY_RSA, **_BY_CURVE}
#: How RSA signs (RFC 8017, 8.2).
_PADDING = PKCS1v15()

#: The digest algorithms that are taken, and how each is computed.
_DIGESTS = {
    SHA256: hashlib.sha256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashlib.sha384,
    "http://www.w3.org/2001/04/xmlenc#sha512": hashlib.sha512,
}

#: The same, as metadata lists them: that with which we sign is first.
SIGNATURE_METHODS = tuple(_SIGNATURES)
DIGEST_METHODS = tuple(_DIGESTS)

#: The elements that SAML signs: messages, assertions (core 5), metadata and its roles
#: (metadata 3).
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

#: The allowed parts of KeyInfo: a name, certificates, a bare key. References to
#: elsewhere (RetrievalMethod) and content of the sender's own are not allowed.
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

#: How many algorithms of a peer an error names, and characters of one.
_MOST_NAMED, _LONGEST_NAME = 10, 80
#: How many names of its key one quotes of a signature.
_MOST_SAID = 3

_INCLUSIVE_NAMESPACES = f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces"
#: Prefixes in one PrefixList, each of which a canonical form may repeat; DigiD sends
#: four.
_MOST_PREFIXES = 8

_DS = DS.encode()
_C14N = re.escape(EXCLUSIVE_C14N)
#: A Signature in canonical form, as most are: with a prefix, without a PrefixList, and
#: with one certificate or none. Between its lines there may be white space.
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

#: A mark in canonical octets.
_CUT = b"<?cut?>"

# --- structure ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Signature:
    """A ds:Signature whose shape is right; whether it is valid is not known yet."""

    #: The signed element, around the signature.
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
    #: SignedInfo and what is signed, both canonical, where they were found already.
    found: tuple[bytes, bytes] | None = None


def check_structure(
    root: etree._Element,
    *,
    ids_are_unique: bool = False,
    only_its_own: bool = False,
) -> list[Signature]:
    """Reject a message with a signature of a shape that SAML does not need.

    ``root`` is the root of a document of :func:`eilogin.saml.safe_xml.parse`. These
    rules hold for every ds:Signature in it:

    * It stands in an element that SAML signs, and refers to exactly that element by a
      unique ID.
    * It uses the enveloped-signature and exclusive-c14n transforms, and allowed
      algorithms.
    * It holds no ds:Object, and in its KeyInfo only names, certificates and keys.

    Computes no digest or signature. Returns the signatures, the outermost first:
    :func:`content` verifies one. ``ids_are_unique`` says that ``parse`` has checked
    that, with limits that say so. ``only_its_own`` checks only the signatures of
    ``root`` itself, if no code will read any other.

    Raises MalformedMessage, and UntrustedSignature for a weak or unknown algorithm.
    Source: SAML core 5.4, XML signature 4.
    """
    if only_its_own:
        signatures = [_read(node) for node in root.iterchildren(q("ds:Signature"))]
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
    """Whether the element has a ds:Signature of its own; not whether it is valid."""
    return next(element.iterchildren(q("ds:Signature")), None) is not None


def _read_all(root: etree._Element) -> list[Signature]:
    """All signatures in ``root``, in document order."""
    nodes = list(root.iter(q("ds:Signature")))
    if len(nodes) == 1:
        usual = _read_usual(nodes[0])
        if usual is not None:
            return [usual]
    return [_read(node) for node in nodes]


def _read_usual(node: etree._Element) -> Signature | None:
    """Read a signature of the usual form, as :func:`_read` does; else return None.

    This takes a fifth of the time. Most signatures look the same but for the prefix. If
    a signature is the only one in its message, its canonical octets are matched as a
    whole: they have no second way to write a thing. SignedInfo standing alone differs
    by the namespace that it inherits.
    """
    parent = _signable(node)
    try:
        octets = canonical(parent)
    except MalformedMessage:
        return None
    start = octets.rfind(b"<", 0, octets.find(b":Signature xmlns:"))
    found = _USUAL.match(octets, start) if start >= 0 else None
    if found is None:
        return None
    prefix, info, *texts, digest, value = found.groups()
    method, identifier, digest_method = [text.decode() for text in texts]
    if (
        identifier != parent.get("ID")
        or method not in _SIGNATURES
        or digest_method not in _DIGESTS
    ):
        return None
    declared = b'<%b:SignedInfo xmlns:%b="%b">' % (prefix, prefix, _DS)
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
        found=(declared + info, octets[:start] + octets[found.end() :]),
    )


def _signable(node: etree._Element) -> etree._Element:
    """The element around a signature, which must be one that SAML signs."""
    parent = node.getparent()
    if parent is None or parent.tag not in _SIGNABLE:
        raise MalformedMessage("a signature is at a place where SAML has none")
    return parent


def _read(node: etree._Element) -> Signature:
    parent = _signable(node)
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
        algorithm=_strong(method, _SIGNATURES),
        digest_algorithm=_strong(digest_method, _DIGESTS),
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
        raise MalformedMessage(f"the {local} of a signature has unexpected content")
    return children


def _algorithm(element: etree._Element, allowed: Iterable[str]) -> str:
    """The Algorithm of an element, which must be one of ``allowed``."""
    uri: str = element.get("Algorithm", "")
    if uri not in allowed:
        local = etree.QName(element).localname
        raise MalformedMessage(
            f"a signature has a {local} that eilogin does not accept"
        )
    return uri


def _strong(element: etree._Element, allowed: Iterable[str]) -> str:
    """The same of a method by which something is signed or hashed.

    With another one it is as good as not signed: UntrustedSignature.
    """
    uri: str = element.get("Algorithm", "")
    if uri not in allowed:
        raise _too_weak(etree.QName(element).localname, uri, allowed)
    return uri


def _too_weak(name: str, uri: str, expected: Iterable[str]) -> UntrustedSignature:
    return UntrustedSignature(
        f"the signature uses the {name} {uri[:_LONGEST_NAME]!r}; expected one of"
        f" {', '.join(expected)}"
    )


def _exclusive_prefixes(element: etree._Element) -> tuple[str, ...]:
    """The PrefixList of an exclusive c14n method or transform; often it has none."""
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
    """The value of an element with base64 in it, and nothing else in it."""
    _children(element)
    return _decoded((element.text or "").encode())


def _decoded(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(b"".join(text.split()), strict_mode=True)
    except binascii.Error:
        raise MalformedMessage("the base64 of a signature is not valid") from None


# --- verifying ----------------------------------------------------------------------


def signed(element: etree._Element, keys: Sequence[PublicKey]) -> etree._Element:
    """Verify the signature of ``element``; return the signed copy, to read instead.

    ``element`` stands in the tree in which it was parsed, at the root or deeper. It
    stays unchanged, so signatures around and inside it can be verified too, in any
    order. ``keys`` are all the keys of the expected signer; any of them will do.
    Returns the same as :func:`content`.

    Raises UntrustedSignature without a signature by one of these keys, and
    MalformedMessage for a shape that :func:`check_structure` rejects.
    """
    return parse_canonical(signed_octets(element, keys))


def signed_octets(element: etree._Element, keys: Sequence[PublicKey]) -> bytes:
    """The canonical octets from which :func:`signed` parses what it gives.

    For who takes them apart first, as of a large document; values are read only from
    what was parsed from them. Raises as :func:`signed`.
    """
    nodes = element.findall(q("ds:Signature"))
    if not nodes:
        raise UntrustedSignature("not signed")
    if len(nodes) > 1:
        raise MalformedMessage("an element has more than one signature")
    return _verified(_read(nodes[0]), keys)


def content(signature: Signature, keys: Sequence[PublicKey]) -> etree._Element:
    """Verify a signature that was read already; return the element that it covers.

    Returns the root of a new tree, parsed from the canonical octets whose hash was
    signed, without the signature itself. Raises UntrustedSignature if the signature is
    not by one of ``keys``, or is invalid. Source: XML signature 3.2, SAML core 5.4.
    """
    return parse_canonical(_verified(signature, keys))


def _verified(signature: Signature, keys: Sequence[PublicKey]) -> bytes:
    info, covered = signature.found or (
        canonical(signature.signed_info, signature.info_prefixes),
        _covered(signature),
    )
    try:
        verify_octets(keys, info, signature.value, signature.algorithm)
    except UntrustedSignature as error:
        raise UntrustedSignature(f"{error}{_key_said(signature)}") from None
    digest = _DIGESTS[signature.digest_algorithm](covered).digest()
    if not hmac.compare_digest(digest, signature.digest):
        raise UntrustedSignature("the content was changed after it was signed")
    return covered


def _key_said(signature: Signature) -> str:
    """Describe the KeyInfo of a signature for a log: it proves nothing."""
    names = [
        repr(name[:_LONGEST_NAME])
        for node in signature.node.iter(q("ds:KeyName"))
        if (name := (node.text or "").strip())
    ]
    for node in islice(signature.node.iter(q("ds:X509Certificate")), 1):
        try:
            names.append(fingerprints(node.text or ""))
        except MalformedMessage:
            names.append("a certificate that eilogin cannot read")
    return (
        f"; the signature names the key {', '.join(names[:_MOST_SAID])}"
        if names
        else ""
    )


def _covered(signature: Signature) -> bytes:
    """Return the canonical octets of the signed element, without its signature.

    The signature is cut out of the octets, between two marks, and not out of the tree.
    When an element is put back, lxml rewrites prefixes, and signatures around it would
    become invalid. The marks are processing instructions. No message may hold one, and
    elsewhere in a canonical form every "<" in text is written as "&lt;".
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
    if octets.count(_CUT) != 2:  # noqa: PLR2004 (before the signature and after it)
        raise MalformedMessage("the message contains a processing instruction")
    # No copies in between: they may be tens of megabytes.
    whole, after = memoryview(octets), octets.rfind(_CUT) + len(_CUT)
    return b"".join((whole[: octets.find(_CUT)], whole[after:]))


def verify_octets(
    keys: Sequence[PublicKey],
    octets: bytes,
    signature: bytes,
    algorithm: str,
    weak: Mapping[str, hashes.HashAlgorithm] = MappingProxyType({}),
) -> None:
    """Check a signature over ``octets`` by any of ``keys``.

    ``algorithm`` is the URI that came with it (SigAlg, SAML bindings 3.4.4.1); there is
    no default. ``weak`` are algorithms that are taken here besides ours, and with what
    they hash. Raises UntrustedSignature.
    """
    hashed_with = _SIGNATURES.get(algorithm) or weak.get(algorithm)
    if hashed_with is None:
        raise _too_weak("algorithm", algorithm, _SIGNATURES)
    is_by_curve = algorithm in _BY_CURVE
    for key in keys:
        try:
            if not is_by_curve and isinstance(key, RSAPublicKey):
                key.verify(signature, octets, _PADDING, hashed_with)
                return
            if is_by_curve and isinstance(key, EllipticCurvePublicKey):
                key.verify(_as_der(signature, key), octets, ECDSA(hashed_with))
                return
        except InvalidSignature:
            continue
    raise UntrustedSignature("the signature matches no key of the expected signer")


def _as_der(signature: bytes, key: EllipticCurvePublicKey) -> bytes:
    """An ECDSA signature as ``cryptography`` takes it (RFC 3279 2.2.3).

    XML signature 6.4.3 has its two numbers one behind the other. In the query of a
    redirect some stacks write what their library gives, which is the other form.
    """
    half = _half(key)
    if len(signature) != 2 * half:
        return signature
    r, s = (
        int.from_bytes(part, "big") for part in (signature[:half], signature[half:])
    )
    return encode_dss_signature(r, s)


def _half(key: EllipticCurvePublicKey) -> int:
    """The bytes of one of the two numbers in a signature (RFC 4050 3.3)."""
    return (key.curve.key_size + 7) // 8


# --- signing ------------------------------------------------------------------------


def sign(element: etree._Element, key: SigningKey) -> None:
    """Add a signature to an element that has an ID and no signature yet.

    It covers the exclusive canonical form, with the algorithms of the key: see
    :func:`suited`. It stands at the place that the schemas require: after saml:Issuer
    in messages and assertions, first in metadata. The content must be complete,
    signatures included; nothing may change afterwards. A ``key`` of DigiD's profile
    signs as DigiD does.
    """
    identifier = element.get("ID")
    if not identifier or is_signed(element):
        raise ValueError("only an element with an ID and no signature can be signed")
    prefixes: tuple[str, ...] = ()
    if key.is_digid:
        prefixes = _DIGID_PREFIXES
        # These prefixes count if they are in scope, used or not. The signed element
        # declares them itself, so that putting it into another message changes nothing.
        etree.cleanup_namespaces(
            element, top_nsmap=_DIGID_SCOPE, keep_ns_prefixes=prefixes
        )
    # lxml overlooks a prefix of the list that was not read here in any document yet.
    covered = etree.fromstring(serialize(element)) if prefixes else element
    octets = canonical(covered, prefixes, is_ours=True)
    digest = _DIGESTS[key.digest or SHA256](octets).digest()
    signature = etree.fromstring(_template(key).format(digest=to_base64(digest)))
    signed_info, value = signature[0], signature[1]
    signed_info[-1].set("URI", f"#{identifier}")
    first = element[0] if len(element) else None
    has_issuer = first is not None and first.tag == f"{{{SAML}}}Issuer"
    element.insert(1 if has_issuer else 0, signature)
    # Canonical in its place: the namespaces around it count.
    info = canonical(signed_info, is_ours=True)
    value.text = to_base64(sign_octets(key, info))


def sign_octets(key: SigningKey, octets: bytes) -> bytes:
    """The signature of ``octets`` by :func:`method_of` a key.

    By RSA it is that of PKCS #1 v1.5, by a curve that of XML signature 6.4.3.
    """
    hashed_with = _SIGNATURES[method_of(key)]
    private = key.private
    if not isinstance(private, EllipticCurvePrivateKey):
        return private.sign(octets, _PADDING, hashed_with)
    numbers = decode_dss_signature(private.sign(octets, ECDSA(hashed_with)))
    half = _half(private.public_key())
    return b"".join(number.to_bytes(half, "big") for number in numbers)


def method_of(key: SigningKey) -> str:
    """The URI of the algorithm by which a key signs."""
    return key.method or next(iter(_methods_of(key)))


def _methods_of(key: SigningKey) -> Mapping[str, hashes.HashAlgorithm]:
    """Those that this kind of key can be used with."""
    is_curve = isinstance(key.private, EllipticCurvePrivateKey)
    return _BY_CURVE if is_curve else _BY_RSA


def suited(
    key: SigningKey, methods: Sequence[str], digests: Sequence[str]
) -> SigningKey:
    """A key of ours for a peer that takes these algorithms, the preferred one first.

    Where its metadata lists none it is taken to know what all know. Raises
    :class:`~eilogin.errors.AlgorithmMissing` where none of them is ours.
    """
    method = _first_of(methods, _methods_of(key), "signature")
    digest = _first_of(digests, _DIGESTS, "digest")
    if method == key.method and digest == key.digest:
        return key
    return replace(key, method=method, digest=digest)


def _first_of(listed: Sequence[str], ours: Iterable[str], what: str) -> str:
    if not listed:
        return ""
    known = list(ours)
    found = next((one for one in listed if one in known), None)
    if found is None:
        took = ", ".join(uri[:_LONGEST_NAME] for uri in listed[:_MOST_NAMED])
        raise AlgorithmMissing(
            f"the metadata of the peer lists the {what} algorithms {took}; expected"
            f" one of {', '.join(known)}. Ask its administrator for metadata with"
            " one"
        )
    return found


#: The PrefixList of DigiD (DigiD 1.3), and what of it our messages declare.
_DIGID_PREFIXES = ("ds", "saml", "samlp", "xs")
_DIGID_SCOPE = {"saml": SAML, "samlp": SAMLP}
_PREFIX_LIST = (
    f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE_C14N}"'
    f' PrefixList="{" ".join(_DIGID_PREFIXES)}"/>'
)


def _template(key: SigningKey) -> str:
    """A Signature by this key, but for its ``{digest}``, URI and value."""
    scope, name = "", ""
    if key.is_digid:
        scope = _PREFIX_LIST
        name = f"<ds:KeyName>{key_name(key.certificate_text)}</ds:KeyName>"
    return (
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"/>'
        f'<ds:SignatureMethod Algorithm="{method_of(key)}"/>'
        "<ds:Reference><ds:Transforms>"
        f'<ds:Transform Algorithm="{ENVELOPED}"/>'
        f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}">{scope}</ds:Transform>'
        f'</ds:Transforms><ds:DigestMethod Algorithm="{key.digest or SHA256}"/>'
        "<ds:DigestValue>{digest}</ds:DigestValue>"
        "</ds:Reference></ds:SignedInfo><ds:SignatureValue/>"
        f"<ds:KeyInfo>{name}<ds:X509Data>"
        f"<ds:X509Certificate>{key.certificate_text}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
