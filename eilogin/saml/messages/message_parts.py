"""Read the parts that messages share: ID, IssueInstant, Issuer, NameID and Status."""

import re
from collections.abc import Callable, Collection

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages.element_reading import (
    LONGEST_NAME,
    Parts,
    capped,
    log_line,
    optional_part,
    parts_of,
    required_attribute,
    required_instant,
    required_part,
    text_of,
)
from eilogin.saml.messages.message_values import ENTITY, NameID, Status
from eilogin.saml.safe_xml import q
from eilogin.saml.xml_encryption import Decrypter

_NO_KEYS = Decrypter(())
# LemonLDAP::NG sends an empty NameID (sources.rst, Peers): all visitors would be one.
_EMPTY_NAME_ID = (
    "; expected a value that names the visitor. Ask the sender for which NameID"
    " format it has a value"
)
_NCNAME = re.compile(r"[^\W\d][\w.\-]*")


def open_message(element: etree._Element, name: str) -> Parts:
    """Return the parts of a message, which must be a ``name`` of SAML 2.0."""
    if element.tag != q(name):
        raise MalformedMessage(f"expected a {name}, found another element")
    if element.get("Version") != "2.0":
        raise MalformedMessage(f"the Version of a {name} is not 2.0")
    return parts_of(element)


def refuse_unknown(tags: Collection[str], supported: frozenset[str]) -> None:
    """Reject unsupported elements."""
    if not supported.issuperset(tags):
        unknown = next(tag for tag in tags if tag not in supported)
        raise MalformedMessage(
            f"eilogin does not support {etree.QName(unknown).localname}"
        )


def read_id(element: etree._Element) -> str:
    """Return the ID, an xs:ID."""
    text = required_attribute(element, "ID", LONGEST_NAME)
    if not _NCNAME.fullmatch(text):
        local = etree.QName(element).localname
        raise MalformedMessage(
            f"the ID of {local} is not an XML name; expected one that begins with a"
            " letter or '_'"
        )
    return text


def read_issued(element: etree._Element) -> float:
    """Return the IssueInstant."""
    return required_instant(element, "IssueInstant")


def read_destination(element: etree._Element) -> str:
    """Return the Destination, "" if absent; over SOAP pysaml2 writes an empty one."""
    return capped(element.get("Destination", ""))


def read_issuer(
    parts: Parts, read_text: Callable[[etree._Element], str] | None = None
) -> str:
    """Return the entityID in Issuer: no other form, and no qualifier (core 8.3.6)."""
    issuer = required_part(parts, "saml:Issuer")
    if issuer.keys() and issuer.items() != [("Format", ENTITY)]:
        raise MalformedMessage(
            "an Issuer has other attributes than Format; expected none, or the Format"
            " of an entityID"
        )
    return (read_text or text_of)(issuer)


def read_name_id(parts: Parts, decrypter: Decrypter | None) -> NameID | None:
    """Read a NameID, clear or encrypted (SAML core 2.2.4); None if there is none."""
    if optional_part(parts, "saml:BaseID") is not None:
        raise MalformedMessage("saml:BaseID is not supported; expected a NameID")
    clear, encrypted = (
        optional_part(parts, "saml:NameID"),
        optional_part(parts, "saml:EncryptedID"),
    )
    if clear is not None and encrypted is not None:
        raise MalformedMessage(
            "the message has both a NameID and an EncryptedID; expected one of them"
        )
    if encrypted is not None:
        clear = decrypted_element(encrypted, "saml:NameID", decrypter)
    return None if clear is None else _name_id(clear)


def _name_id(element: etree._Element) -> NameID:
    return NameID(
        value=text_of(element, LONGEST_NAME, if_empty=_EMPTY_NAME_ID),
        format=capped(element.get("Format", "")),
        name_qualifier=capped(element.get("NameQualifier", "")),
        sp_name_qualifier=capped(element.get("SPNameQualifier", "")),
    )


def read_status(parts: Parts) -> Status:
    """Read the codes of a Status, outermost first, and its message."""
    status = parts_of(required_part(parts, "samlp:Status"))
    code: etree._Element | None = required_part(status, "samlp:StatusCode")
    codes = []
    while code is not None:
        codes.append(required_attribute(code, "Value"))
        code = optional_part(parts_of(code), "samlp:StatusCode")
    message = optional_part(status, "samlp:StatusMessage")
    return Status(tuple(codes), "" if message is None else log_line(message))


def decrypted_element(
    wrapper: etree._Element, name: str, decrypter: Decrypter | None
) -> etree._Element:
    """Decrypt an element, which must be a ``name``; a verified signature covers it."""
    element = (decrypter or _NO_KEYS).open(wrapper, is_covered=True)
    if element.tag != q(name):
        raise MalformedMessage(f"the encrypted part does not contain a {name}")
    return element
