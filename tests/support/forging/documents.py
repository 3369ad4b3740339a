"""Documents that a parser reads in another way than it should: DTD, encodings, sizes.

What is signed in them stays signed, wherever that can be: who reads them leniently
takes them.
"""

import re
from collections.abc import Callable
from textwrap import wrap
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from eilogin.saml import messages, safe_xml
from forging import INSIDE, MALFORMED, TOO_LARGE, Family, Message
from forging.parts import OTHER, extensions, other
from forging.signing import Signing, sign

DOCUMENTS = Family("xml-parser", reasons=(MALFORMED,))
#: More than is read of one message, by each of its limits.
SIZES = Family("size", reasons=(TOO_LARGE,))
#: As much as is read: to be taken, as what was signed says.
LARGEST = Family("size", rule="good", holds=True)
#: To be taken as it was signed, or not at all: a text that something splits which a
#: canonical form does not have, or that is written in another way.
SPLITS = Family("text-splitting", rule="good", holds=True)

_LIMITS = safe_xml.MESSAGE


def signed_anew(message: Message) -> None:
    """Sign what was changed, where a signature covers it."""
    sign(message.covered, Signing(message.key))


def _in_extensions(message: Message) -> etree._Element:
    """New Extensions, for what nobody reads; see :func:`signed_anew`.

    With the signature that it will have, so that all parts can be counted.
    """
    signed_anew(message)
    return extensions(message.root)


# --- DTD and entities -----------------------------------------------------------------


def _doctype(name: str, text: str, reference: str = "", **more: Any) -> None:
    """A DOCTYPE, and perhaps an entity in the place of a signed text.

    Where ``reference`` is what that text is in full, the signature holds.
    """

    @DOCUMENTS(name, **more)
    def doctype(message: Message) -> bytes:
        octets = message.octets
        issuer = message.root[0].text or ""
        said = text.replace("{issuer}", issuer).replace("{outside}", message.outside)
        if reference:
            octets = octets.replace(f">{issuer}<".encode(), f">{reference}<".encode())
        return said.encode() + octets


_LAUGHS = "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' if n else '<!ENTITY a0 "ha">'
    for n in range(9)
)
_doctype("doctype", "<!DOCTYPE r>", holds=True)
_doctype("doctype-after-blank", "\n\n <!DOCTYPE r>", holds=True)
_doctype("doctype-after-comment", "<!-- x --><!DOCTYPE r>", holds=True)
_doctype("doctype-in-lower-case", "<!doctype r>")
_doctype(
    "internal-entity",
    '<!DOCTYPE r [<!ENTITY i "{issuer}">]>',
    "&i;",
    holds=True,
)
_doctype("external-entity", '<!DOCTYPE r [<!ENTITY i SYSTEM "{outside}">]>', "&i;")
_doctype("external-file", '<!DOCTYPE r [<!ENTITY i SYSTEM "/etc/passwd">]>', "&i;")
_doctype("external-subset", '<!DOCTYPE r SYSTEM "{outside}">')
_doctype("external-subset-public", '<!DOCTYPE r PUBLIC "-//x//x" "{outside}">')
_doctype("parameter-entity", '<!DOCTYPE r [<!ENTITY % p SYSTEM "{outside}"> %p;]>')
_doctype("billion-laughs", f"<!DOCTYPE r [{_LAUGHS}]>", "&a8;")
_doctype(
    "quadratic-blow-up",
    f'<!DOCTYPE r [<!ENTITY a "{"a" * 50_000}">]>',
    "&a;" * 2_000,
)
_doctype(
    "recursive-entity",
    '<!DOCTYPE r [<!ENTITY a "&b;"><!ENTITY b "&a;">]>',
    "&a;",
)
_doctype("entity-that-is-not-declared", "", "&nobody;")
_doctype(
    "attributes-by-default",
    '<!DOCTYPE r [<!ATTLIST saml:Assertion x CDATA "admin">]>',
)
_doctype(
    "ids-by-declaration",
    "<!DOCTYPE r [<!ATTLIST saml:NameID Format ID #IMPLIED>]>",
)
_doctype("notation", '<!DOCTYPE r [<!NOTATION n SYSTEM "{outside}">]>', holds=True)


def _inserted(name: str, text: str, cdata: str = "", **more: Any) -> None:
    """A thing in Extensions, under a signature where that covers them.

    ``cdata`` is written as a CDATA section, of which a canonical form has the text.
    """

    @DOCUMENTS(name, **more)
    def inserted(message: Message) -> bytes:
        place = _in_extensions(message)
        said = text.replace("MARK", escape(cdata))
        made = etree.fromstring(f'<x:other xmlns:x="{OTHER}">{said}</x:other>')
        place.append(made)
        signed_anew(message)
        octets = message.octets
        if cdata:
            written = f"<![CDATA[{cdata}]]>"
            octets = octets.replace(escape(cdata).encode(), written.encode())
        return octets


_inserted("instruction-in-cdata", "MARK", cdata="<?x y?>", rule="policy", holds=True)
_inserted("doctype-in-cdata", "MARK", cdata="<!DOCTYPE x>", rule="policy", holds=True)
_inserted("instruction", "<?x y?>", holds=True)


@SPLITS("schema-location")
def schema_location(message: Message) -> bytes:
    """Nobody looks at a schema that a message brings along."""
    found = other(extensions(message.root))
    found.set(safe_xml.q("xsi:schemaLocation"), f"{OTHER} {message.outside}")
    found.set(safe_xml.q("xsi:noNamespaceSchemaLocation"), "file:///dev/zero")
    signed_anew(message)
    return message.octets


@SPLITS("lines-of-a-signature-end-in-cr")
def lines_end_in_cr(message: Message) -> bytes:
    """As libraries in Java write base64; the canonical form has the CR as ``&#xD;``."""
    found = message.signature.find(safe_xml.q("ds:SignatureValue"))
    assert found is not None
    found.text = "\r\n".join(wrap(found.text or "", 76))
    return message.octets


@SPLITS("xinclude")
def xinclude(message: Message) -> bytes:
    """Nobody includes anything."""
    place = other(extensions(message.root))
    found = etree.SubElement(place, "{http://www.w3.org/2001/XInclude}include")
    found.set("href", message.outside)
    signed_anew(message)
    return message.octets


@DOCUMENTS("stylesheet-instruction", holds=True)
def stylesheet(message: Message) -> bytes:
    text = f'<?xml-stylesheet type="text/xsl" href="{message.outside}"?>'
    return text.encode() + message.octets


@DOCUMENTS("instruction-after", holds=True)
def instruction_after(message: Message) -> bytes:
    return message.octets + b"<?x y?>"


def _split(family: Family, name: str, splitter: str, **more: Any) -> None:
    """A name in two, in a text that the signature covers."""

    @family(f"{name}-in-issuer", **more)
    def in_issuer(message: Message) -> bytes:
        return _put_in(message, "saml:Issuer", splitter)

    @family(f"{name}-in-name-id", **more, places=(INSIDE,))
    def in_name_id(message: Message) -> bytes:
        return _put_in(message, "saml:NameID", splitter)

    @family(f"{name}-in-attribute-value", **more, places=(INSIDE,))
    def in_attribute_value(message: Message) -> bytes:
        return _put_in(message, "saml:AttributeValue", splitter)

    @family(f"{name}-in-audience", **more, places=(INSIDE,))
    def in_audience(message: Message) -> bytes:
        return _put_in(message, "saml:Audience", splitter)


def _put_in(message: Message, element: str, splitter: str) -> bytes:
    found = next(message.covered.iter(safe_xml.q(element)))
    text, middle = found.text or "", len(found.text or "") // 2
    if splitter.startswith("<?"):
        # Other than comments they are signed too.
        found.text, instruction = text[:middle], etree.PI("x", "y")
        found.append(instruction)
        instruction.tail = text[middle:]
        signed_anew(message)
        return message.octets
    found.text = "MIDDLE"
    said = splitter.replace("{next}", text[middle])
    made = f"{text[:middle]}{said}{text[middle + ('{next}' in splitter) :]}"
    return message.octets.replace(b"MIDDLE", made.encode())


_split(SPLITS, "comment", "<!-- -->")
_split(SPLITS, "two-comments", "<!--a--><!--b-->")
_split(SPLITS, "cdata", "<![CDATA[{next}]]>")
_split(SPLITS, "empty-cdata", "<![CDATA[]]>")
_split(DOCUMENTS, "instruction", "<?x y?>", holds=True)
_split(DOCUMENTS, "element", "<b/>", reasons=())
_split(DOCUMENTS, "null-reference", "&#0;")


# --- encodings ------------------------------------------------------------------------


def _encoded(name: str, encoding: str, start: bytes = b"", **more: Any) -> None:
    declared = more.pop("declared", encoding)

    @DOCUMENTS(name, kind="encoding", **more)
    def encoded(message: Message) -> bytes:
        text = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
        return start + (text + message.octets.decode()).encode(encoding)


_encoded("utf-16", "utf-16", holds=True)
_encoded("utf-16-little-endian", "utf-16-le", declared="utf-16le")
_encoded("utf-16-big-endian", "utf-16-be", declared="")
_encoded("utf-16-without-declaration", "utf-16", declared="", holds=True)
_encoded("utf-32", "utf-32", declared="utf-32")
_encoded("ebcdic", "cp037", declared="IBM037")
_encoded("latin-1", "latin-1", declared="ISO-8859-1", holds=True)
_encoded("ascii", "ascii", declared="US-ASCII", rule="policy", holds=True)
_encoded("utf-7", "ascii", declared="UTF-7")
_encoded("windows-1252", "cp1252", declared="windows-1252", holds=True)
_encoded("said-to-be-utf-16", "utf-8", declared="UTF-16")
_encoded("unknown-encoding", "utf-8", declared="x-nobody")
_encoded("marks-twice", "utf-8", b"\xef\xbb\xbf\xef\xbb\xbf", declared="")
_encoded("mark-of-utf-16", "utf-8", b"\xff\xfe", declared="")


def _declared(name: str, text: bytes, **more: Any) -> None:
    @DOCUMENTS(name, kind="encoding", **more)
    def declared(message: Message) -> bytes:
        return text + message.octets


_declared("xml-1.1", b'<?xml version="1.1"?>', rule="policy", holds=True)
_declared("xml-2.0", b'<?xml version="2.0"?>')
_declared("declaration-without-version", b'<?xml encoding="UTF-8"?>')
_declared("declaration-twice", b'<?xml version="1.0"?><?xml version="1.0"?>')
_declared("declaration-after-blank", b' <?xml version="1.0"?>')
_declared("declaration-in-upper-case", b'<?XML version="1.0"?>')
_declared("text-before", b"x")
_declared("nul-before", b"\0")
_declared("end-tag-before", b"</x>")


def _spoilt(name: str, old: bytes, new: bytes, **more: Any) -> None:
    """Octets that are no UTF-8, or no character of XML, in a signed text."""

    @DOCUMENTS(name, kind="encoding", **more)
    def spoilt(message: Message) -> bytes:
        octets = message.octets
        assert old in octets
        return octets.replace(old, new)


_ISSUER = b"Issuer>http"
_spoilt("nul-in-text", _ISSUER, b"Issuer>\0http")
_spoilt("overlong-utf-8", _ISSUER, b"Issuer>\xc0\xa8http")
_spoilt("overlong-nul", _ISSUER, b"Issuer>\xc0\x80http")
_spoilt("overlong-less-than", _ISSUER, b"Issuer>\xe0\x80\xbcx>http")
_spoilt("surrogate", _ISSUER, b"Issuer>\xed\xa0\x80http")
_spoilt("surrogate-pair", _ISSUER, b"Issuer>\xed\xa0\xbd\xed\xb8\x80http")
_spoilt("beyond-unicode", _ISSUER, b"Issuer>\xf5\x80\x80\x80http")
_spoilt("half-a-character", _ISSUER, b"Issuer>\xe2\x82http")
_spoilt("latin-1-octet", _ISSUER, b"Issuer>\xe9http")
_spoilt("control-character", _ISSUER, b"Issuer>\x01http")
_spoilt("reference-to-control-character", _ISSUER, b"Issuer>&#1;http")
_spoilt("reference-to-surrogate", _ISSUER, b"Issuer>&#xD800;http")
_spoilt("reference-to-nothing", _ISSUER, b"Issuer>&#x110000;http")
_spoilt("no-character", _ISSUER, b"Issuer>\xef\xbf\xbfhttp")


# --- shape of the whole ---------------------------------------------------------------


def _whole(name: str, make: Callable[[bytes], bytes], **more: Any) -> None:
    @DOCUMENTS(name, **more)
    def whole(message: Message) -> bytes:
        return make(message.octets)


_whole("empty", lambda _: b"")
_whole("only-blanks", lambda _: b"  \n ")
_whole("only-a-declaration", lambda _: b'<?xml version="1.0"?>')
_whole("only-a-comment", lambda _: b"<!-- x -->")
_whole("no-xml", lambda _: b"hello")
_whole("json", lambda _: b'{"NameID": "admin"}')
_whole("html", lambda _: b"<html><body><p>admin<br></body></html>")
_whole("cut-off", lambda octets: octets[:-10])
_whole("two-roots", lambda octets: octets + octets)
_whole("text-after", lambda octets: octets + b"x")
_whole("nul-after", lambda octets: octets + b"\0")
_whole("cdata-after", lambda octets: octets + b"<![CDATA[]]>")
_whole("end-tag-after", lambda octets: octets + b"</x>")
_whole("comment-that-does-not-end", lambda octets: octets + b"<!--")
_whole("comment-with-two-dashes", lambda octets: octets + b"<!-- -- -->")
_whole("gzip", lambda _: bytes.fromhex("1f8b08000000000000ff"))


def _root_tag(make: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Edits the first tag of the document."""

    def edit(octets: bytes) -> bytes:
        found = re.match(rb"<[^>]+>", octets)
        assert found
        return make(found[0]) + octets[found.end() :]

    return edit


def _and(more: bytes) -> Callable[[bytes], bytes]:
    return _root_tag(lambda tag: tag[:-1] + b" " + more + b">")


_whole("attribute-twice", _and(b'y="1" y="2"'))
_whole(
    "attribute-twice-by-two-prefixes",
    _and(b'xmlns:p="urn:p" xmlns:q="urn:p" p:y="1" q:y="2"'),
)
_whole("prefix-that-is-not-declared", _and(b'nobody:y="1"'))
_whole("prefix-to-nothing", _and(b'xmlns:p=""'))
_whole("prefix-of-xml", _and(b'xmlns:xml="urn:p"'))
_whole("prefix-of-declarations", _and(b'xmlns:xmlns="urn:p"'))
_whole("less-than-in-attribute", _and(b'y="<"'))
_whole("attribute-without-quotes", _and(b"y=1"))
_whole("attribute-without-value", _and(b"y"))


# --- IDs ------------------------------------------------------------------------------


def _repeated(name: str, attribute: str, *, of_nobody: bool = False) -> None:
    """Something that nobody reads has the ID that is signed, or two things have one."""

    # Which of two things of one ID xmlsec takes, is left to it.
    holds = of_nobody or attribute == "id"

    @DOCUMENTS(name, kind="duplicate-id", holds=holds)
    def repeated(message: Message) -> bytes:
        place = _in_extensions(message)
        identifier = message.covered.get("ID", "")
        if of_nobody:
            identifier = messages.new_id()
            other(place, "first").set("ID", identifier)
        other(place).set(attribute, identifier)
        signed_anew(message)
        return message.octets


_repeated("duplicate-id-extension", "ID")
_repeated("duplicate-id-of-signature-syntax", "Id")
_repeated("duplicate-id-in-lower-case", "id")
_repeated("duplicate-id-of-xml", "{http://www.w3.org/XML/1998/namespace}id")
_repeated("duplicate-id-of-nobody", "ID", of_nobody=True)
_repeated("duplicate-id-of-two-kinds", "id", of_nobody=True)


@DOCUMENTS("duplicate-id-of-root", kind="duplicate-id", places=(INSIDE,))
def duplicate_id_of_root(message: Message) -> bytes:
    message.root.set("ID", message.covered.get("ID", ""))
    return message.octets


@DOCUMENTS("duplicate-id-in-signature", kind="duplicate-id", holds=True)
def duplicate_id_in_signature(message: Message) -> bytes:
    """What stands in a signature is covered by none."""
    message.signature.set("Id", message.covered.get("ID", ""))
    return message.octets


# --- sizes ----------------------------------------------------------------------------


def _sized(
    name: str, most: int, fill: Callable[[Message, int], None], **more: Any
) -> None:
    """A message of so much, and one of a little more."""

    @LARGEST(name, **more)
    def largest(message: Message) -> bytes:
        fill(message, most)
        signed_anew(message)
        return message.octets

    @SIZES(f"more-{name}", **more)
    def larger(message: Message) -> bytes:
        fill(message, most + 1)
        signed_anew(message)
        return message.octets


def _parsed(message: Message) -> etree._Element:
    """What travels, as it is read."""
    return etree.fromstring(message.octets)


def _fill_depth(message: Message, depth: int) -> None:
    place = _in_extensions(message)
    mark = other(place)
    found = next(_parsed(message).iter(mark.tag))
    reached = 1 + sum(1 for _ in found.iterancestors())
    for _ in range(depth - reached):
        mark = other(mark)


def _fill_elements(message: Message, count: int) -> None:
    place = _in_extensions(message)
    there = sum(1 for _ in _parsed(message).iter("*"))
    mark = other(place)
    for _ in range(count - there - 1):
        other(mark)


def _fill_attributes(message: Message, count: int) -> None:
    mark = other(_in_extensions(message))
    for n in range(count):
        mark.set(f"a{n}", "")


def _fill_names(message: Message, count: int) -> None:
    place = _in_extensions(message)
    mark = other(place)
    there = sum(1 + len(e.attrib) for e in _parsed(message).iter("*"))
    left = count - there
    while left > 0:
        each = other(mark)
        left -= 1
        for n in range(min(left, 30)):
            each.set(f"a{n}", "")
        left -= min(left, 30)


def _fill_namespaces(message: Message, count: int) -> None:
    place = other(_in_extensions(message))
    there = _declarations(message)
    for n in range(count - there):
        etree.SubElement(place, "n", nsmap={f"n{n}": f"urn:n{n}"})


def _declarations(message: Message) -> int:
    octets = message.octets
    tree = etree.fromstring(octets)
    return sum(1 for _ in etree.iterwalk(tree, events=("start-ns",)))


def _fill_text(message: Message, length: int) -> None:
    other(_in_extensions(message)).text = "x" * length


def _fill_attribute(message: Message, length: int) -> None:
    other(_in_extensions(message)).set("a", "x" * length)


_sized("depth", _LIMITS.depth, _fill_depth)
_sized("elements", _LIMITS.elements, _fill_elements)
_sized("attributes", _LIMITS.attributes, _fill_attributes)
_sized("names", _LIMITS.names or 0, _fill_names)
_sized("namespaces", _LIMITS.namespaces, _fill_namespaces)
_sized("text", _LIMITS.text, _fill_text)
_sized("attribute-value", _LIMITS.text, _fill_attribute)


def _padded(message: Message, length: int) -> bytes:
    octets = message.octets
    return octets + b"\n" * (length - len(octets))


@LARGEST("octets")
def octets_of_all(message: Message) -> bytes:
    return _padded(message, _LIMITS.octets)


@SIZES("more-octets")
def octets_of_more(message: Message) -> bytes:
    return _padded(message, _LIMITS.octets + 1)


@SIZES("comment-too-many", reasons=(TOO_LARGE,))
def long_comment(message: Message) -> bytes:
    return message.octets + b"<!--" + b"x" * _LIMITS.octets + b"-->"


@SIZES("long-namespace")
def long_namespace(message: Message) -> bytes:
    place = other(_in_extensions(message))
    etree.SubElement(place, "n", nsmap={"n": "urn:" + "n" * 300})
    signed_anew(message)
    return message.octets


@SIZES("namespaces-that-multiply")
def multiplying(message: Message) -> bytes:
    """Thousands of elements, each of which has a long namespace in canonical form."""
    place = other(_in_extensions(message))
    space = "urn:" + "n" * 240
    text = f'<a xmlns:n="{space}">' + '<n:b c="" d="" e=""/>' * 2_500 + "</a>"
    place.append(etree.fromstring(text))
    signed_anew(message)
    return message.octets
