"""Parse XML from outside within limits; the namespaces of SAML.

eilogin rejects other encodings than UTF-8, a DOCTYPE, and processing instructions. So
there are no entities, and nothing is fetched. The parser drops comments, so none splits
a text. Exclusive canonicalisation omits them too, so signatures stay valid.
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
    """Return the name in lxml's form, such as ``{urn:…}Response``."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def add(
    parent: etree._Element, name: str, text: str | None = None, **attributes: str
) -> etree._Element:
    """Append a child to ``parent``; ``name`` is one that :func:`q` knows."""
    element = etree.SubElement(parent, q(name), attributes)
    element.text = text
    return element


#: Bytes of XML with new names that one thread reads.
_MOST_WITH_NEW_NAMES = 1024 * 1024
_count_names: Callable[[], int] = etree.memory_debugger.dict_size
#: Characters of a parser's error, and its form of a namespace.
_LONGEST_PARSER_TEXT = 300
_NAMESPACE = re.compile(r"\{([^{}]{1,256})\}")
_PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}

#: Except to characters that end a line.
_REFERENCE = re.compile(rb"&#(?!(?:x0*[AaDd]|0*1[03]);)")
# The regular expressions extension slows each call.
_COUNT_INSIDE = etree.XPath("count(.//*) + count(.//@*)", regexp=False)
#: ID of SAML, Id of XML signature and encryption, and others. Searched one by one,
#: because a union takes the square of the number of values.
_IDENTIFIERS = tuple(
    etree.XPath(f"//*/@{name}", regexp=False, smart_strings=False)
    for name in ("ID", "Id", "id", "xml:id")
)


#: Repeated values that are checked one by one; and characters in an error.
_MOST_REPEATED, _LONGEST_ID = 4, 60
#: Whether a value is the Id of a ds:Signature alone, and no URI refers to it.
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

    Raises MessageTooLarge beyond ``limits``, and MalformedMessage for a DOCTYPE, a
    processing instruction, an ID that occurs twice if the limits forbid that (SAML core
    1.3.4, 5.4.2), or other faults. The errors quote nothing of the document but such an
    ID.
    """
    if len(octets) > limits.octets:
        raise MessageTooLarge(f"the XML is larger than {limits.octets} bytes")
    root = parse_unmeasured(octets)
    check_shape(root, limits, octets)
    if limits.unique_ids:
        _require_unique_ids(root)
    return root


def parse_unmeasured(octets: bytes) -> etree._Element:
    """Parse as :func:`parse` does, but leave the limits to the caller."""
    check_octets(octets)
    return parse_canonical(octets)


def parse_canonical(octets: bytes) -> etree._Element:
    """Parse octets from a document of :func:`parse`, or raise MalformedMessage."""
    try:
        if len(octets) > MESSAGE.octets:
            return etree.fromstring(octets, _parser(huge=True))
        return sparingly(
            lambda: etree.fromstring(octets, _per_thread.parser), len(octets)
        )
    except etree.XMLSyntaxError as error:
        line, column = error.position
        place = f"line {line}, column {column}"
        parser_said = str(error.msg).removesuffix(f", {place}")
        raise _malformed(f"the XML is not well-formed ({place})", parser_said) from None


def in_full(error: MalformedMessage) -> str:
    """Return an error with the parser's text, which may quote the document.

    For metadata, which holds no secrets; never for a message.
    """
    parser_text = _NAMESPACE.sub(_prefix_of, error.parser_said)
    return (
        f"{error} ({parser_text[:_LONGEST_PARSER_TEXT]})" if parser_text else f"{error}"
    )


def _prefix_of(match: re.Match[str]) -> str:
    prefix = _PREFIXES.get(match[1])
    return match[0] if prefix is None else f"{prefix}:"


def _malformed(text: str, parser_said: str) -> MalformedMessage:
    """The traceback must not contain the parser's text, which quotes values."""
    error = MalformedMessage(text)
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


class _PerThread(threading.local):
    """Objects that each thread makes once, so that no thread waits for another."""

    def __init__(self) -> None:
        self.parser = _parser(huge=False)
        #: Bytes of XML with names that were new.
        self.octets_with_new_names = 0


_per_thread = _PerThread()


def sparingly(work: Callable[[], _T], octets: int) -> _T:
    """Run ``work`` on XML with names that anybody may have chosen.

    A thread keeps every name that libxml2 met in it, so invented names would fill the
    memory, by some hundred kilobytes a message. After many of them, ``work`` runs in a
    short-lived thread. ``octets`` is the size of the XML. Raises Busy if the machine
    can start no thread.
    """
    if _per_thread.octets_with_new_names > _MOST_WITH_NEW_NAMES:
        with ThreadPoolExecutor(1) as executor:
            try:
                future = executor.submit(work)
            except RuntimeError as error:
                raise Busy(
                    f"eilogin cannot start a thread to read a message: {error}."
                    " Check the server's limits of tasks and memory"
                ) from None
            return future.result()
    names_before = _count_names()
    try:
        return work()
    finally:
        if _count_names() > names_before:
            _per_thread.octets_with_new_names += octets


def repeated_ids(root: etree._Element) -> set[str]:
    """Return the values of ID, Id, id and xml:id that occur more than once."""
    values: list[str] = [value for path in _IDENTIFIERS for value in path(root)]
    if len(set(values)) == len(values):
        return set()
    return {value for value, count in Counter(values).items() if count > 1}


def _require_unique_ids(root: etree._Element) -> None:
    """Reject a message in which an ID occurs twice; the error names that ID.

    The ``Id`` of a ds:Signature to which nothing refers may occur twice: pysaml2 gives
    both signatures of a Response the Id ``Signature1``.
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
    """Whether exactly one attribute of a document has this identifier.

    Only the octets decide, so False may also mean unknown: for other characters in an
    identifier, for character references, and for an xml:id.
    """
    if not re.fullmatch(r"[\w.-]+", identifier, re.ASCII):
        return False
    if b"xml:id" in octets or (b"&#" in octets and _REFERENCE.search(octets)):
        return False
    octets_of_id = identifier.encode()
    return (
        octets.count(b'"%b"' % octets_of_id) + octets.count(b"'%b'" % octets_of_id) == 1
    )


def serialize(element: etree._Element) -> bytes:
    """Write the element as a UTF-8 document of its own, without an XML declaration.

    The document declares the namespaces in scope, so signatures inside stay valid.
    """
    octets: bytes = etree.tostring(element, encoding="UTF-8", with_tail=False)
    return octets


def canonical(
    element: etree._Element, prefixes: Sequence[str] = (), *, is_ours: bool = False
) -> bytes:
    """Return the exclusive canonical form of an element in its place, without comments.

    ``prefixes`` are the PrefixList (exclusive XML canonicalisation 1.0, 3); lxml does
    not know "#default" there. ``is_ours``: it has only names of eilogin
    (:func:`sparingly`). Raises MalformedMessage for a namespace that is no absolute
    URI.
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
        return write() if is_ours else _in_own_document(write, element)
    except etree.C14NError as error:
        raise MalformedMessage("the message has no canonical form") from error


def _in_own_document(work: Callable[[], _T], element: etree._Element) -> _T:
    """Run ``work``; lxml copies an inner element into a document of its own for it."""
    if element.getparent() is None:
        return work()
    return sparingly(work, len(element.tag) + sum(map(len, element.attrib)))


def validate(element: etree._Element, schema: str) -> None:
    """Validate an element, in its tree, by a schema of OASIS.

    ``schema`` is ``protocol``, ``assertion``, ``metadata``, or ``publication``:
    metadata with its extensions. Raises MalformedMessage with names, but no values.
    """
    _schema(schema).check(element)


def has_early_fault(element: etree._Element, schema: str) -> bool:
    """Whether an element, as a document of its own, is invalid by a schema.

    Stops at the first fault; :func:`validate` finds all, in the square of their number.
    """
    try:
        _schema(schema).refuse_many_faults(serialize(element))
    except MalformedMessage:
        return True
    return False


# --- schemas ------------------------------------------------------------------------

_OF_METADATA = {"saml-schema-metadata-2.0.xsd": MD}
_SCHEMAS = {
    "protocol": {"saml-schema-protocol-2.0.xsd": SAMLP},
    "assertion": {"saml-schema-assertion-2.0.xsd": SAML},
    "metadata": _OF_METADATA,
    # Products with a schema for each extension validate them too.
    "publication": {
        **_OF_METADATA,
        "sstc-saml-metadata-ui-v1.0.xsd": MDUI,
        "sstc-metadata-attr.xsd": MDATTR,
        "sstc-saml-metadata-algsupport-v1.0.xsd": ALG,
    },
}
_IMPORT = '<xs:import namespace="{namespace}" schemaLocation="{file}"/>'

# XML encryption must declare its open content; from version 1.1, RSA-OAEP needs an
# addition.
_SCHEMA = (
    f'<xs:schema xmlns:xs="{XS}" targetNamespace="{XENC11}">'
    "{imports}"
    '<xs:element name="MGF"><xs:complexType>'
    '<xs:attribute name="Algorithm" type="xs:anyURI" use="required"/>'
    "</xs:complexType></xs:element></xs:schema>"
)


#: More than most messages have.
_MOST_AT_ONCE = 200
#: Bytes that the parser gets at once.
_PIECE = 4096


class _Schema:
    """One compiled schema for one thread at a time, because it holds an error log."""

    def __init__(self, name: str) -> None:
        self._is_of_metadata = MD in _SCHEMAS[name].values()
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
            sparingly(lambda: self._check(_without_signature_ids(octets)), len(octets))
        else:
            self._check(element)

    def _check(self, element: etree._Element) -> None:
        # Metadata is much larger, and its faults are reported one by one.
        if not self._is_of_metadata and _COUNT_INSIDE(element) > _MOST_AT_ONCE:
            octets = serialize(element)
            sparingly(lambda: self.refuse_many_faults(octets), len(octets))
        validate = partial(self._schema.validate, element)
        with self._lock:
            if _in_own_document(validate, element):
                return
            fault = self._schema.error_log[0]
        raise _malformed(
            f"the XML is not valid by its schema: {fault.type_name.lower()} at line"
            f" {fault.line}, {fault.path[:200]}",
            fault.message,
        )

    def refuse_many_faults(self, octets: bytes) -> None:
        """Reject a document at the first piece that has a fault.

        libxml2 keeps the place and text of each fault: a message full of them would
        take a quarter of a second, and tens of megabytes.
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
            # Otherwise lxml keeps its parts of the document for good.
            with suppress(etree.XMLSyntaxError):
                parser.close()


def _repeats_signature_ids(element: etree._Element) -> bool:
    identifiers = _SIGNATURE_IDS(element)
    return len(set(identifiers)) < len(identifiers)


def _without_signature_ids(octets: bytes) -> etree._Element:
    """Parse an element again, without ``Id`` on its signatures.

    libxml2 would reject a repeated one, which :func:`parse` accepts, as an ID.
    """
    root = parse_canonical(octets)
    for signature in root.iter(q("ds:Signature")):
        signature.attrib.pop("Id", None)
    return root


@cache
def _schema(name: str) -> _Schema:
    return _Schema(name)
