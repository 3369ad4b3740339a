"""Texts of metadata, which whoever may have written, as they may be told."""

from lxml import etree

from eilogin.saml.text import CONTROL

#: Characters of an address, or of an odd entityID, that an error shows.
_MOST_SHOWN = 120
#: Characters of a text for people, or of a link.
_LONGEST_TEXT = 2048


def shown(text: str) -> str:
    """A text of whoever, as it may stand in a log."""
    return ascii(text)[:_MOST_SHOWN]


def line(element: etree._Element) -> str:
    """Text for people, on one line whatever way the metadata was indented."""
    text = "".join(element.itertext()) if len(element) else element.text or ""
    return clean(text)


def clean(text: str) -> str:
    """A text on one line, without control characters, and not endless."""
    # What is printable holds no control character, and no white space but blanks.
    if not text.isprintable():
        text = CONTROL.sub(" ", text)
    elif "  " not in text and text == text.strip(" "):
        return text[:_LONGEST_TEXT]
    return " ".join(text.split())[:_LONGEST_TEXT]


def attribute_of(element: etree._Element, name: str) -> str:
    """An attribute that an error may show, or ""."""
    return plain(element.get(name, ""))


def plain(text: str) -> str:
    """A text without control characters."""
    return text if text.isprintable() else CONTROL.sub(" ", text)
