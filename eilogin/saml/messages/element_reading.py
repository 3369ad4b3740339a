"""Read elements, texts and attributes of a message within limits.

The functions reject a missing, repeated, too long or unreadable part, because some read
an element before schema validation.
"""

import re
from collections.abc import Sequence

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages.instants import read_instant
from eilogin.saml.printable_text import CONTROL, collapsed
from eilogin.saml.safe_xml import q

#: Characters of an ID, and of a NameID (SAML core 8.3.7: 256).
LONGEST_NAME = 256
#: Characters of any other text (SAML core 8.3.6: 1024).
_LONGEST_TEXT = 1024
#: Most attributes, SessionIndexes, audiences or classes.
MOST_PARTS = 100
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
Parts = dict[str, list[etree._Element]]  # noqa: SLF001 - lxml has no other name for it


def parts_of(element: etree._Element) -> Parts:
    """Return the children of an element by name, each name in document order."""
    parts: Parts = {}
    for child in element:
        tag = child.tag
        if tag in parts:
            parts[tag].append(child)
        elif tag.__class__ is str:  # not a comment
            parts[tag] = [child]
    return parts


def all_parts(parts: Parts, name: str) -> Sequence[etree._Element]:
    """Return the children of one name."""
    children = parts.get(q(name), ())
    if len(children) > MOST_PARTS:
        raise MalformedMessage(f"there are more than {MOST_PARTS} {name}")
    return children


def optional_part(parts: Parts, name: str) -> etree._Element | None:
    """Return the one child of a name, or None."""
    return required_part(parts, name) if q(name) in parts else None


def required_part(parts: Parts, name: str) -> etree._Element:
    """Return the one child of a name."""
    children = parts.get(q(name))
    if children is None:
        raise MalformedMessage(f"{name} is missing")
    if len(children) > 1:
        raise MalformedMessage(f"there is more than one {name}")
    return children[0]


def whole_text(element: etree._Element) -> str | None:
    """Return the text of an element, without comments; None if it has elements."""
    if len(element) == 0:
        return element.text or ""
    if next(element.iterchildren("*"), None) is not None:
        return None
    return "".join(element.itertext())


def bounded(text: str, longest: int) -> str:
    """Return the text, if it is not too long."""
    if len(text) > longest:
        raise MalformedMessage(f"a text is longer than {longest} characters")
    return text


def capped(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Return the text, if it is short enough and without control characters."""
    # Printable text holds no control character, and this check is faster.
    if len(text) > longest or not text.isprintable():
        bounded(text, longest)
        if CONTROL.search(text):
            raise MalformedMessage("a text contains control characters")
    return text


def text_of(
    element: etree._Element, longest: int = _LONGEST_TEXT, if_empty: str = ""
) -> str:
    """Return the text of an element that holds nothing else; not empty."""
    text = whole_text(element)
    if text is None:
        raise MalformedMessage(f"{_name_of(element)} contains more than text")
    if not text.strip():
        raise MalformedMessage(f"{_name_of(element)} is empty{if_empty}")
    return capped(text, longest)


def uri_of(element: etree._Element) -> str:
    """Return the URI in an element, without white space around it."""
    text = whole_text(element)
    if text is None:
        raise MalformedMessage(f"{_name_of(element)} contains more than text")
    uri = collapsed(text)
    if not uri:
        raise MalformedMessage(f"{_name_of(element)} is empty")
    bounded(text, _LONGEST_TEXT)
    return capped(uri)


def _name_of(element: etree._Element) -> str:
    name: str = etree.QName(element).localname
    return name


def texts_of(parts: Parts, name: str) -> tuple[str, ...]:
    """Return the texts of all children of one name."""
    return tuple(text_of(element) for element in all_parts(parts, name))


def uris_of(parts: Parts, name: str) -> tuple[str, ...]:
    """Return the URIs in all children of one name."""
    return tuple(uri_of(element) for element in all_parts(parts, name))


def log_line(element: etree._Element) -> str:
    """Return the text for the log: one line of limited length."""
    words = CONTROL.sub(" ", "".join(element.itertext())).split()
    return " ".join(words)[:_LONGEST_TEXT]


def optional_attribute(element: etree._Element, name: str) -> str:
    """Return the value of an attribute, "" if absent; it may not be empty."""
    return "" if element.get(name) is None else required_attribute(element, name)


def text_attribute(element: etree._Element, name: str) -> str:
    """Return the value of an attribute for information; "" if absent or empty.

    SAML core 1.3.1 forbids empty text, but pysaml2 sends ``Reason=""``.
    """
    return capped(element.get(name, ""))


def required_attribute(
    element: etree._Element, name: str, longest: int = _LONGEST_TEXT
) -> str:
    """Return the value of an attribute, which may not be empty."""
    text: str | None = element.get(name)
    if not text:
        raise MalformedMessage(f"{name} is missing or empty")
    return capped(text, longest)


def instant_attribute(element: etree._Element, name: str) -> float | None:
    """Return the instant in an attribute; None if it is absent."""
    return None if element.get(name) is None else required_instant(element, name)


def required_instant(element: etree._Element, name: str) -> float:
    """Return the instant in an attribute."""
    text = required_attribute(element, name)
    try:
        return read_instant(text)
    except MalformedMessage as error:
        local = etree.QName(element).localname
        raise MalformedMessage(f"{name} of {local}: {error}") from error


def boolean_attribute(element: etree._Element, name: str) -> bool:
    """Return the xs:boolean in an attribute; False if it is absent."""
    text = element.get(name, "false")
    if text not in _BOOLEANS:
        raise MalformedMessage(f"{name} is not 'true' or 'false'")
    return _BOOLEANS[text]


def index_attribute(element: etree._Element, name: str) -> int | None:
    """Return the number in an attribute; None if it is absent."""
    text = element.get(name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,5}", text):
        raise MalformedMessage(f"{name} is not a number")
    return int(text)
