"""Read texts of metadata, by any author, so that pages and logs can show them."""

import re

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.printable_text import CONTROL
from eilogin.saml.safe_xml import in_full

#: Characters of an address or odd entityID in an error.
_MOST_SHOWN = 120
#: Characters of a text for people, or of a link.
_LONGEST_TEXT = 2048
#: The cures of frequent errors, by their texts.
_CURES = (
    (
        re.compile(r"Organization(?:Name|DisplayName|URL)'.*lang' is required"),
        'add its language (mod_auth_mellon: MellonOrganizationName "nl" "Stad")',
    ),
    (
        re.compile(r"'[0-9.-][^']*' is not a valid value of the atomic type 'xs:ID'"),
        "expected an ID that begins with a letter or an underscore",
    ),
    (
        re.compile(r"is not a valid value of the atomic type 'xs:dateTime'|a time is"),
        "expected a time in UTC, such as 2026-12-31T12:00:00Z",
    ),
    (
        re.compile("not UTF-8"),
        "save it as UTF-8 (in PowerShell: Invoke-WebRequest ADDRESS -OutFile FILE)",
    ),
    (
        re.compile(r"Missing child element.*RequestedAttribute"),
        "expected at least one RequestedAttribute in an AttributeConsumingService",
    ),
)


def shown(text: str) -> str:
    """Quote a text by any author for a log."""
    return ascii(text)[:_MOST_SHOWN]


def line(element: etree._Element) -> str:
    """Return the text of an element on one line, however it is indented."""
    text = "".join(element.itertext()) if len(element) else element.text or ""
    return clean(text)


def clean(text: str) -> str:
    """Return a text on one line of limited length, without control characters."""
    if not text.isprintable():
        text = CONTROL.sub(" ", text)
    elif "  " not in text and text == text.strip(" "):
        return text[:_LONGEST_TEXT]
    return " ".join(text.split())[:_LONGEST_TEXT]


def attribute_of(element: etree._Element, name: str) -> str:
    """Return the value of an attribute for an error, or ""."""
    return plain(element.get(name, ""))


def plain(text: str) -> str:
    """Return a text without control characters."""
    return text if text.isprintable() else CONTROL.sub(" ", text)


def in_full_with_cure(error: MalformedMessage) -> str:
    """Return an error in full, on one line, with a known cure."""
    cures = (
        cure
        for pattern, cure in _CURES
        if pattern.search(f"{error} {error.parser_said}")
    )
    return "; ".join([clean(in_full(error)), *cures])
