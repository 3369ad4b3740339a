"""Limits of XML from outside: check octets before parsing, and the tree after it."""

import re
from codecs import utf_8_decode
from dataclasses import dataclass
from functools import cache

from lxml import etree

from eilogin.errors import MalformedMessage, MessageTooLarge


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one document."""

    #: Bytes.
    octets: int
    #: Elements within elements.
    depth: int
    elements: int
    #: Attributes of one element.
    attributes: int
    #: Elements and attributes; None if attributes are not counted.
    names: int | None
    namespaces: int
    #: Characters of its namespaces in canonical form, if every element and attribute
    #: repeated the longest one; None if not counted.
    repeated: int | None
    #: Characters of one text or attribute value.
    text: int
    #: Whether all IDs must be unique. In an aggregate of metadata, only those to which
    #: a signature refers must be (``xml_signatures.check_structure``).
    unique_ids: bool


#: Several times a Response with a hundred attributes. An encrypted part is one text.
MESSAGE = Limits(
    octets=256 * 1024,
    depth=40,
    elements=5_000,
    attributes=40,
    names=12_000,
    namespaces=500,
    repeated=2 * 1024 * 1024,
    text=120 * 1024,
    unique_ids=True,
)

#: A large federation (10,000 entities: 78 MB).
METADATA = Limits(
    octets=200 * 1024 * 1024,
    depth=60,
    elements=10_000_000,
    attributes=100,
    names=None,
    namespaces=3_000_000,
    repeated=None,
    text=1024 * 1024,
    unique_ids=False,
)

#: The only accepted XML declaration, after an optional byte order mark.
_DECLARATION = re.compile(
    rb"""(?:\xef\xbb\xbf)?(?:<\?xml\s+version\s*=\s*(?:"1\.0"|'1\.0')"""
    rb"""(?:\s+encoding\s*=\s*(?i:"utf-8"|'utf-8'))?"""
    rb"""(?:\s+standalone\s*=\s*(?:"yes"|"no"|'yes'|'no'))?\s*\?>)?"""
)

#: Characters.
_LONGEST_NAMESPACE = 256
#: Bytes that are decoded at once: the text may take four times the memory.
_DECODED = 1024 * 1024
#: Bytes, with the blank before it: `` a=""``.
_SHORTEST_ATTRIBUTE = 5
#: Bytes of a piece of a document that shows a long text.
_SHORTEST_PIECE = 4096

#: A declaration that may be too long, or may contain an ampersand: the tree decides.
#: The match reads few octets after each beginning.
_SUSPECT_NAMESPACE = re.compile(
    rb"""xmlns[^="'<>]{0,64}+"""
    rb"""(?:[^="'<>]|=\s*+(?:"[^"<&]{0,%d}+[^"]|'[^'<&]{0,%d}+[^']))"""
    % (_LONGEST_NAMESPACE, _LONGEST_NAMESPACE)
)
# The regular expressions extension slows each call.
_COUNT_ELEMENTS = etree.XPath("count(//*)", regexp=False)
_COUNT_NAMES = etree.XPath("count(//*) + count(//@*)", regexp=False)


def check_octets(octets: bytes) -> None:
    """Reject octets for their content, before any parser reads them.

    Octets that are UTF-8 without NUL cannot be UTF-16, UTF-32 or EBCDIC, so ``<?`` and
    ``<!DOCTYPE`` have no other spelling.
    """
    view, start = memoryview(octets), 0
    try:
        while start < len(octets):
            end = start + _DECODED
            start += utf_8_decode(view[start:end], "strict", end >= len(octets))[1]
    except UnicodeDecodeError:
        raise MalformedMessage("the XML is not UTF-8") from None
    if b"\0" in octets:
        raise MalformedMessage("the XML is not UTF-8: it contains a NUL byte")
    declaration = _DECLARATION.match(octets)
    if octets.find(b"<?", declaration.end() if declaration else 0) >= 0:
        raise MalformedMessage(
            "the XML contains a processing instruction, or its declaration is not"
            " XML 1.0 in UTF-8"
        )
    if b"<!DOCTYPE" in octets:
        raise MalformedMessage("the XML has a DOCTYPE")


def check_shape(root: etree._Element, limits: Limits, octets: bytes) -> None:
    """Reject a document, parsed from ``octets``, for the number and size of its parts.

    Searches the tree only if the octets do not decide: each element takes at least four
    octets, and an element around another has an end tag.
    """
    _check_namespaces(root, limits, octets)
    _check_counts(root, limits, octets)
    deeper, wider, longer = _shape_paths(limits)
    if octets.count(b"</") >= limits.depth and deeper(root):
        raise MessageTooLarge(f"the XML is more than {limits.depth} elements deep")
    if _may_be_wider(octets, limits.attributes) and wider(root):
        raise MessageTooLarge(
            f"an element has more than {limits.attributes} attributes"
        )
    if _may_be_longer(octets, limits.text) and longer(root):
        raise MessageTooLarge(f"a text has more than {limits.text} characters")


def _check_counts(root: etree._Element, limits: Limits, octets: bytes) -> None:
    may_be_many = (
        len(octets) > 4 * limits.elements and octets.count(b"<") > limits.elements
    )
    if may_be_many and _COUNT_ELEMENTS(root) > limits.elements:
        raise MessageTooLarge(f"the XML has more than {limits.elements} elements")
    limit = limits.names
    if limit is not None and len(octets) > 4 * limit and _COUNT_NAMES(root) > limit:
        raise MessageTooLarge(f"the XML has more than {limit} elements and attributes")


def _may_be_wider(octets: bytes, attributes: int) -> bool:
    """Whether an element may have more attributes.

    They are in a stretch without a "<", each with a "=" and at least five octets. So a
    stretch with too many contains a whole piece. In a small document the tree decides.
    """
    if len(octets) <= MESSAGE.octets:
        return True
    piece = (attributes + 1) * _SHORTEST_ATTRIBUTE // 2
    end = 0
    for start in range(0, len(octets) - piece + 1, piece):
        if start < end or octets.find(b"<", start, start + piece) >= 0:
            continue
        begin, end = octets.rfind(b"<", 0, start), octets.find(b"<", start)
        end = len(octets) if end < 0 else end
        if octets.count(b"=", max(begin, 0), end) > attributes:
            return True
    return False


def _may_be_longer(octets: bytes, characters: int) -> bool:
    """Whether a text or an attribute may have more characters.

    It is a stretch without a "<", or several if comments were dropped, and contains a
    whole piece.
    """
    if len(octets) <= characters:
        return False
    piece = characters // (octets.count(b"<!--") + 1) // 2
    if piece < _SHORTEST_PIECE or b"<![CDATA[" in octets:
        return True
    starts = range(0, len(octets) - piece + 1, piece)
    return any(octets.find(b"<", start, start + piece) < 0 for start in starts)


def _check_namespaces(root: etree._Element, limits: Limits, octets: bytes) -> None:
    """Reject many or long namespaces: a canonical form can repeat each many times.

    Also rejects an ampersand, which libxml2 does not escape there: a reader would see
    another namespace than was signed. The octets mostly decide: every declaration has a
    literal ``xmlns``, and each name takes at least four octets.
    """
    is_suspect = _SUSPECT_NAMESPACE.search(octets) is not None
    may_be_many = octets.count(b"xmlns") > limits.namespaces
    limit = limits.repeated
    may_repeat = limit is not None and len(octets) * _LONGEST_NAMESPACE > 4 * limit
    if not (is_suspect or may_be_many or may_repeat):
        return
    uris = [uri for _, (_, uri) in etree.iterwalk(root, events=("start-ns",))]
    if any("&" in uri for uri in uris):
        raise MalformedMessage("a namespace contains an ampersand")
    longest = max(map(len, uris), default=0)
    if longest > _LONGEST_NAMESPACE:
        raise MessageTooLarge(
            f"a namespace is too long; expected at most {_LONGEST_NAMESPACE} characters"
        )
    if len(uris) > limits.namespaces:
        raise MessageTooLarge(
            f"the XML has more than {limits.namespaces} namespace declarations"
        )
    if limit is not None and _COUNT_NAMES(root) * longest > limit:
        raise MessageTooLarge(
            "the XML has many elements and attributes, and a long namespace"
        )


@cache
def _shape_paths(limits: Limits) -> tuple[etree.XPath, etree.XPath, etree.XPath]:
    """Return paths to an element too deep, one too wide, and a text too long."""
    return (
        etree.XPath("boolean(" + "/*" * (limits.depth + 1) + ")", regexp=False),
        etree.XPath(f"boolean(//@*[{limits.attributes + 1}])", regexp=False),
        etree.XPath(
            f"boolean(//text()[string-length() > {limits.text}]"
            f" | //@*[string-length() > {limits.text}])",
            regexp=False,
        ),
    )
