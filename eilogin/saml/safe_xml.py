"""Parse XML from outside within limits; the namespaces of SAML.

Before a parser sees the octets, this module rejects everything but UTF-8, a DOCTYPE,
and a processing instruction. Without a DOCTYPE there are no entities, and nothing is
ever fetched. The parser drops comments, so that no text is split by one. Exclusive
canonicalisation leaves them out too, so signatures stay valid.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from importlib.resources import as_file, files
from typing import TypeVar

from lxml import etree

from eilogin.errors import Busy, MalformedMessage, MessageTooLarge
from eilogin.saml.xml_limits import MESSAGE as MESSAGE
from eilogin.saml.xml_limits import METADATA as METADATA
from eilogin.saml.xml_limits import Limits as Limits
from eilogin.saml.xml_limits import check_octets, check_shape

_T = TypeVar("_T")

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"
DS11 = "http://www.w3.org/2009/xmldsig11#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
ASLO = "urn:oasis:names:tc:SAML:2.0:protocol:ext:async-slo"
#: Ours: a participant reports to a hub when a visitor was last active.
ACTIVITY = "urn:x-eilogin:activity"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
MDUI = "urn:oasis:names:tc:SAML:metadata:ui"
MDATTR = "urn:oasis:names:tc:SAML:metadata:attribute"
ALG = "urn:oasis:names:tc:SAML:metadata:algsupport"
SHIBMD = "urn:mace:shibboleth:metadata:1.0"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XS = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XML = "http://www.w3.org/XML/1998/namespace"

#: The namespaces by the prefixes that :func:`q` understands.
NAMESPACES = {
    "saml": SAML,
    "samlp": SAMLP,
    "ds": DS,
    "ds11": DS11,
    "xenc": XENC,
    "xenc11": XENC11,
    "aslo": ASLO,
    "act": ACTIVITY,
    "md": MD,
    "mdui": MDUI,
    "mdattr": MDATTR,
    "alg": ALG,
    "shibmd": SHIBMD,
    "soap": SOAP,
    "xs": XS,
    "xsi": XSI,
    "xml": XML,
}


@cache
def q(name: str) -> str:
    """The name as lxml knows it: of ``samlp:Response``, ``{urn:…}Response``."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def add(
    parent: etree._Element, name: str, text: str | None = None, **attributes: str
) -> etree._Element:
    """A new last child of ``parent``; ``name`` is one that :func:`q` understands."""
    element = etree.SubElement(parent, q(name), attributes)
    element.text = text
    return element


#: Bytes of what one thread looks at though it has names that are new to it.
_MOST_STRANGE = 1024 * 1024
#: How many this one knows.
_names_known: Callable[[], int] = etree.memory_debugger.dict_size
#: Characters of a parser's own words, and how these write a namespace.
_LONGEST_WORDS = 300
_NAMESPACE = re.compile(r"\{([^{}]{1,256})\}")
_PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}

#: A reference by number to another character than those that end a line.
_REFERENCE = re.compile(rb"&#(?!(?:x0*[AaDd]|0*1[03]);)")
# Regular expressions in XPath are an extension, which costs something in each call.
_COUNT_INSIDE = etree.XPath("count(.//*) + count(.//@*)", regexp=False)
#: ID as SAML writes it, Id as XML signature and encryption do, and their like. One
#: after another: to unite what many attributes give takes the square of their number.
_IDENTIFIERS = tuple(
    etree.XPath(f"//*/@{name}", regexp=False, smart_strings=False)
    for name in ("ID", "Id", "id", "xml:id")
)


#: Repeated values that are checked one by one, and characters that an error quotes.
_MOST_REPEATED, _LONGEST_ID = 4, 60
#: Whether a value is the Id of ds:Signature alone, and no URI of the document has it.
_NAMES_SIGNATURES = etree.XPath(
    "not(//*[@ID=$value or @id=$value or @xml:id=$value])"
    " and not(//*[@Id=$value][not(self::ds:Signature)])"
    " and not(//@URI[contains(., $value)])",
    namespaces={"ds": DS},
    regexp=False,
)
_SIGNATURE_IDS = etree.XPath(
    ".//ds:Signature/@Id", namespaces={"ds": DS}, regexp=False, smart_strings=False
)


def parse(octets: bytes, limits: Limits = MESSAGE) -> etree._Element:
    """Parse a document, and return its root element, which is not trusted yet.

    Raises MessageTooLarge beyond ``limits``. Raises MalformedMessage in these cases:

    * The document is not well-formed, or not UTF-8.
    * It has a DOCTYPE or a processing instruction.
    * It has the same ID twice, and the limits forbid that (SAML core 1.3.4, 5.4.2).

    The errors quote nothing of the document but such an ID.
    """
    if len(octets) > limits.octets:
        raise MessageTooLarge(f"the XML is larger than {limits.octets} bytes")
    root = parse_unmeasured(octets)
    check_shape(root, limits, octets)
    if limits.unique_ids:
        _require_unique_ids(root)
    return root


def parse_unmeasured(octets: bytes) -> etree._Element:
    """As :func:`parse`, where somebody else sees to the limits of the same document."""
    check_octets(octets)
    return parse_canonical(octets)


def parse_canonical(octets: bytes) -> etree._Element:
    """The root element of octets that were written from a document of :func:`parse`.

    Raises MalformedMessage where they are not well-formed.
    """
    try:
        if len(octets) > MESSAGE.octets:
            # From a trusted source.
            return etree.fromstring(octets, _parser(huge=True))
        return sparingly(lambda: etree.fromstring(octets, _own.parser), len(octets))
    except etree.XMLSyntaxError as error:
        line, column = error.position
        place = f"line {line}, column {column}"
        said = str(error.msg).removesuffix(f", {place}")
        raise _malformed(f"the XML is not well-formed ({place})", said) from None


def in_full(error: MalformedMessage) -> str:
    """The error with the parser's own words, which may quote the document.

    For metadata, in which nothing is secret; never for a message.
    """
    words = _NAMESPACE.sub(_prefix_of, error.parser_said)
    return f"{error} ({words[:_LONGEST_WORDS]})" if words else f"{error}"


def _prefix_of(found: re.Match[str]) -> str:
    """``xml:`` and its like for a namespace in braces, where we know it."""
    prefix = _PREFIXES.get(found[1])
    return found[0] if prefix is None else f"{prefix}:"


def _malformed(told: str, parser_said: str) -> MalformedMessage:
    """An error whose traceback does not have the parser's words: they quote values."""
    error = MalformedMessage(told)
    error.parser_said = parser_said
    return error


def _parser(*, huge: bool, schema: etree.XMLSchema | None = None) -> etree.XMLParser:
    return etree.XMLParser(
        schema=schema,
        encoding="UTF-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        # Our limits also cover the parser's own.
        huge_tree=huge,
    )


class _Own(threading.local):
    """Objects that each thread makes once, so that threads need not wait in turn."""

    def __init__(self) -> None:
        self.parser = _parser(huge=False)
        #: Bytes of what has brought names which it did not know.
        self.strange = 0


_own = _Own()


def sparingly(work: Callable[[], _T], octets: int) -> _T:
    """Run ``work`` on XML with names that anybody may have chosen.

    A thread keeps every name that libxml2 has ever met in it, for as long as it lives.
    These are the names in a parsed document, and in an element of which lxml makes a
    document to validate it or to write its canonical form. Invented names fill the
    memory, by some hundred kilobytes a message; there are few real ones. So if there
    were many others, ``work`` runs in a short-lived thread, which is a little slower,
    and its names go with it. ``octets`` is the size of the XML. Raises Busy if the
    machine has no thread for that.
    """
    if _own.strange > _MOST_STRANGE:
        with ThreadPoolExecutor(1) as passing:
            try:
                outcome = passing.submit(work)
            except RuntimeError as error:
                raise Busy(
                    f"eilogin cannot start a thread to read a message: {error}."
                    " Check the server's limits of tasks and memory"
                ) from None
            return outcome.result()
    known = _names_known()
    try:
        return work()
    finally:
        if _names_known() > known:
            _own.strange += octets


def repeated_ids(root: etree._Element) -> set[str]:
    """The values that more than one ID, Id, id or xml:id of the document has."""
    values: list[str] = [value for path in _IDENTIFIERS for value in path(root)]
    if len(set(values)) == len(values):
        return set()
    return {value for value, times in Counter(values).items() if times > 1}


def _require_unique_ids(root: etree._Element) -> None:
    """Refuse a message in which an ID occurs twice; the error names that ID.

    The ``Id`` of a ds:Signature is exempt if nothing refers to it: pysaml2 gives both
    signatures of an answer the Id ``Signature1``.
    """
    repeated = repeated_ids(root)
    if len(repeated) <= _MOST_REPEATED:
        repeated = {
            each for each in repeated if not _NAMES_SIGNATURES(root, value=each)
        }
    if repeated:
        raise MalformedMessage(
            f"the ID {min(repeated)[:_LONGEST_ID]!r} occurs more than once;"
            " expected unique IDs in a message"
        )


def has_once(octets: bytes, identifier: str) -> bool:
    """Whether exactly one attribute of a document is clearly this identifier.

    The octets alone decide for most identifiers. Their characters are written in one
    way only: references by number are used for others. A parser strips white space at
    an xml:id; here there must be none.
    """
    if not re.fullmatch(r"[\w.-]+", identifier, re.ASCII):
        return False
    if b"xml:id" in octets or (b"&#" in octets and _REFERENCE.search(octets)):
        return False
    said = identifier.encode()
    return octets.count(b'"%b"' % said) + octets.count(b"'%b'" % said) == 1


def serialize(element: etree._Element) -> bytes:
    """Return the element as a UTF-8 document of its own, without an XML declaration.

    Text after the element is left out. The element declares the namespaces that are
    declared around it, so signatures inside stay valid.
    """
    octets: bytes = etree.tostring(element, encoding="UTF-8", with_tail=False)
    return octets


def canonical(
    element: etree._Element, prefixes: Sequence[str] = (), *, is_ours: bool = False
) -> bytes:
    """Return the element in exclusive canonical form, without comments, in its place.

    ``prefixes`` are those of InclusiveNamespaces PrefixList (exclusive XML
    canonicalisation 1.0, section 3). An element with ``is_ours`` has no names but those
    that we use ourselves: see :func:`sparingly`. lxml does not know "#default" in the
    list. If a default namespace is declared around the element and not used by it, the
    octets lack it, and a signature that includes it is invalid. Raises MalformedMessage
    if there is no canonical form: a namespace that is no absolute URI.
    """

    def write() -> bytes:
        octets: bytes = etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            with_tail=False,
            inclusive_ns_prefixes=list(prefixes),
        )
        return octets

    try:
        return write() if is_ours else _alone(write, element)
    except etree.C14NError as error:
        raise MalformedMessage("the message has no canonical form") from error


def _alone(work: Callable[[], _T], element: etree._Element) -> _T:
    """Do what has lxml make a document of an element, if it is within another."""
    if element.getparent() is None:
        return work()
    return sparingly(work, len(element.tag) + sum(map(len, element.attrib)))


def validate(element: etree._Element, schema: str) -> None:
    """Check an element, in its place in its tree, against a schema of OASIS.

    ``schema`` is ``protocol``, ``assertion``, ``metadata``, or ``publication``:
    metadata with its extensions. Raises MalformedMessage with the names of what is
    wrong and no values.
    """
    _schema(schema).check(element)


def has_early_fault(element: etree._Element, schema: str) -> bool:
    """Whether an element, as a document of its own, is not valid by a schema.

    It is judged piece by piece, up to the first fault. :func:`validate` finds all of
    them, and where each is, which takes the square of their number.
    """
    try:
        _schema(schema).refuse_many_faults(serialize(element))
    except MalformedMessage:
        return True
    return False


# --- schemas ------------------------------------------------------------------------

_OF_METADATA = {"saml-schema-metadata-2.0.xsd": MD}
#: The files of each schema, and their namespaces.
_SCHEMAS = {
    "protocol": {"saml-schema-protocol-2.0.xsd": SAMLP},
    "assertion": {"saml-schema-assertion-2.0.xsd": SAML},
    "metadata": _OF_METADATA,
    # Extensions are judged too, as products do that have a schema for each.
    "publication": {
        **_OF_METADATA,
        "sstc-saml-metadata-ui-v1.0.xsd": MDUI,
        "sstc-metadata-attr.xsd": MDATTR,
        "sstc-saml-metadata-algsupport-v1.0.xsd": ALG,
    },
}
_IMPORT = '<xs:import namespace="{namespace}" schemaLocation="{file}"/>'

# XML encryption wants a declaration of what it lets others add; of version 1.1 the one
# addition is meant that RSA-OAEP needs.
_SCHEMA = (
    f'<xs:schema xmlns:xs="{XS}" targetNamespace="{XENC11}">'
    "{imports}"
    '<xs:element name="MGF"><xs:complexType>'
    '<xs:attribute name="Algorithm" type="xs:anyURI" use="required"/>'
    "</xs:complexType></xs:element></xs:schema>"
)


#: Elements and attributes that are validated without more ado: most messages have
#: fewer.
_MOST_AT_ONCE = 200
#: Bytes of which a piece is.
_PIECE = 4096


class _Schema:
    """One compiled schema, used by one thread at a time: its error log is its own."""

    def __init__(self, name: str) -> None:
        self._is_of_metadata = MD in _SCHEMAS[name].values()
        # The schemas of OASIS and W3C as python3-saml brings them, with all that
        # they import beside them: nothing is fetched.
        with as_file(files("onelogin.saml2") / "schemas") as folder:
            imports = (
                _IMPORT.format(namespace=namespace, file=file)
                for file, namespace in _SCHEMAS[name].items()
            )
            text = _SCHEMA.format(imports="".join(imports))
            base = (folder.resolve() / "eilogin.xsd").as_uri()
            self._schema = etree.XMLSchema(etree.fromstring(text, base_url=base))
        self._lock = threading.Lock()

    def check(self, element: etree._Element) -> None:
        if not self._is_of_metadata and _repeats_signature_ids(element):
            octets = serialize(element)
            sparingly(lambda: self._check(_unnamed_signatures(octets)), len(octets))
        else:
            self._check(element)

    def _check(self, element: etree._Element) -> None:
        # Metadata is much larger, and its faults are reported one by one.
        if not self._is_of_metadata and _COUNT_INSIDE(element) > _MOST_AT_ONCE:
            octets = serialize(element)
            sparingly(lambda: self.refuse_many_faults(octets), len(octets))
        validate = partial(self._schema.validate, element)
        with self._lock:
            if _alone(validate, element):
                return
            fault = self._schema.error_log[0]
        raise _malformed(
            f"the XML is not valid by its schema: {fault.type_name.lower()} at line"
            f" {fault.line}, {fault.path[:200]}",
            fault.message,
        )

    def refuse_many_faults(self, octets: bytes) -> None:
        """Reject a document at the first piece that has a fault.

        libxml2 goes on after a fault, and keeps the place and text of each. For a
        message full of them that takes a quarter of a second, and tens of megabytes.
        After this check, few faults are left.
        """
        parser = _parser(huge=False, schema=self._schema)
        try:
            for end in range(_PIECE, len(octets) + _PIECE, _PIECE):
                parser.feed(octets[end - _PIECE : end])
                fault = next(iter(parser.feed_error_log), None)
                if fault is not None:
                    raise MalformedMessage(
                        "the XML is not valid by its schema:"
                        f" {fault.type_name.lower()} in the first {end} bytes"
                    )
        finally:
            # Else lxml keeps what it has of the document for good.
            with suppress(etree.XMLSyntaxError):
                parser.close()


def _repeats_signature_ids(element: etree._Element) -> bool:
    found = _SIGNATURE_IDS(element)
    return len(set(found)) < len(found)


def _unnamed_signatures(octets: bytes) -> etree._Element:
    """Parse an element again, with no ``Id`` on its signatures.

    The schema makes that attribute an ID, and libxml2 would reject the second one that
    :func:`parse` has accepted.
    """
    root = parse_canonical(octets)
    for signature in root.iter(q("ds:Signature")):
        signature.attrib.pop("Id", None)
    return root


@cache
def _schema(name: str) -> _Schema:
    return _Schema(name)
