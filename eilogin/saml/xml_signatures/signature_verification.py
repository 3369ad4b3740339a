"""Verify enveloped signatures: return only signed content.

The content is parsed again from the very octets that were hashed; callers read values
only from it. Keys are arguments. Data of a message about its key (KeyName, X509Data,
KeyValue) is accepted, because real hubs send it, but only a log may repeat it.
"""

import hmac
from collections.abc import Iterable, Sequence
from itertools import islice

from lxml import etree

from eilogin.errors import MalformedMessage, UntrustedSignature
from eilogin.saml.safe_xml import canonical, parse_canonical, q
from eilogin.saml.signing_keys import PublicKey, fingerprints
from eilogin.saml.xml_signatures.octet_signatures import verify_octets
from eilogin.saml.xml_signatures.signature_algorithms import (
    DIGEST_FUNCTIONS,
    LONGEST_NAME,
)
from eilogin.saml.xml_signatures.signature_structure import Signature, read_signature

_MOST_NAMES = 3
_CUT = b"<?cut?>"


def signed(element: etree._Element, keys: Sequence[PublicKey]) -> etree._Element:
    """Verify the signature of ``element``; return the signed copy, to read instead.

    ``element`` is in the tree in which it was parsed, and stays unchanged, so
    signatures around and inside it can be verified too. ``keys`` are all keys of the
    expected signer, of which one suffices. Raises UntrustedSignature without a
    signature by one of these keys, and MalformedMessage for a structure that
    :func:`check_structure` rejects.
    """
    return parse_canonical(signed_octets(element, keys))


def signed_octets(element: etree._Element, keys: Sequence[PublicKey]) -> bytes:
    """Return the octets from which :func:`signed` parses its result; raises as it does.

    For a caller that divides a large document, and reads values only from them.
    """
    nodes = element.findall(q("ds:Signature"))
    if not nodes:
        raise UntrustedSignature("not signed")
    if len(nodes) > 1:
        raise MalformedMessage("an element has more than one signature")
    return _verified(read_signature(nodes[0]), keys)


def content(signature: Signature, keys: Sequence[PublicKey]) -> etree._Element:
    """Verify a signature that was read already; return the element that it covers.

    It is the root of a new tree. Raises UntrustedSignature if the signature is invalid,
    or not by one of ``keys``. Source: XML signature 3.2, SAML core 5.4.
    """
    return parse_canonical(_verified(signature, keys))


def _verified(signature: Signature, keys: Sequence[PublicKey]) -> bytes:
    info, covered = signature.canonical_parts or (
        canonical(signature.signed_info, signature.info_prefixes),
        covered_octets(signature),
    )
    _verify(signature, keys, info, [covered])
    return covered


def verify_covered(
    signature: Signature, keys: Sequence[PublicKey], covered: Iterable[bytes]
) -> None:
    """Verify a signature of octets that the caller has, and will read, in pieces.

    Raises UntrustedSignature if it is not by one of ``keys``, or of other octets.
    """
    info = canonical(signature.signed_info, signature.info_prefixes)
    _verify(signature, keys, info, covered)


def _verify(
    signature: Signature,
    keys: Sequence[PublicKey],
    info: bytes,
    covered: Iterable[bytes],
) -> None:
    try:
        verify_octets(keys, info, signature.value, signature.algorithm)
    except UntrustedSignature as error:
        raise UntrustedSignature(f"{error}{_described_key_info(signature)}") from None
    digest = DIGEST_FUNCTIONS[signature.digest_algorithm]()
    for piece in covered:
        digest.update(piece)
    if not hmac.compare_digest(digest.digest(), signature.digest):
        raise UntrustedSignature("the content was changed after it was signed")


def _described_key_info(signature: Signature) -> str:
    """Describe the KeyInfo of a signature for a log: it proves nothing."""
    names = [
        repr(name[:LONGEST_NAME])
        for node in signature.node.iter(q("ds:KeyName"))
        if (name := (node.text or "").strip())
    ]
    for node in islice(signature.node.iter(q("ds:X509Certificate")), 1):
        try:
            names.append(fingerprints(node.text or ""))
        except MalformedMessage:
            names.append("a certificate that eilogin cannot read")
    return (
        f"; the signature names the key {', '.join(names[:_MOST_NAMES])}"
        if names
        else ""
    )


def covered_octets(signature: Signature) -> bytes:
    """Return the canonical octets that a signature covers, not verified.

    Cuts the signature out of the octets, between two marks, not out of the tree: there
    lxml rewrites prefixes, and signatures around it would become invalid. The marks are
    processing instructions, which no message may hold: canonical text writes "<" as
    "&lt;".
    """
    element, node = signature.element, signature.node
    tail = node.tail
    begin_mark, end_mark = etree.PI("cut"), etree.PI("cut")
    node.tail = None
    node.addprevious(begin_mark)
    node.addnext(end_mark)
    end_mark.tail = tail
    try:
        octets = canonical(element, signature.prefixes)
    finally:
        end_mark.tail = None
        element.remove(begin_mark)
        element.remove(end_mark)
        node.tail = tail
    if octets.count(_CUT) != 2:  # noqa: PLR2004 (before the signature and after it)
        raise MalformedMessage("the message contains a processing instruction")
    # No copies: they may be tens of megabytes.
    view, end = memoryview(octets), octets.rfind(_CUT) + len(_CUT)
    return b"".join((view[: octets.find(_CUT)], view[end:]))
