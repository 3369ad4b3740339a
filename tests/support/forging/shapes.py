"""Signature wrapping: the signed element stays, and another one is read.

Somorovsky et al., USENIX Security 2012: eight classic shapes, and the places in which
real stacks were fooled since.
"""

from copy import deepcopy

from lxml import etree

from eilogin.saml import xml
from forging import Family, Message

SHAPES = Family("signature-wrapping")


@SHAPES("xsw-3")
def evil_before(message: Message) -> bytes:
    """The evil one beside the signed one, before it; around it where it is the root."""
    if message.covered is message.root:
        evil = message.evil()
        evil.append(message.root)
        return xml.serialize(evil)
    message.covered.addprevious(message.evil())
    return message.octets


@SHAPES("xsw-1")
def whole_in_its_signature(message: Message) -> bytes:
    """The signed one in an Object of its own signature, which the evil one has."""
    signature, evil = message.signature, message.evil()
    whole = deepcopy(message.covered)
    whole.remove(whole.find(xml.q("ds:Signature")))
    message.covered.remove(signature)
    evil.insert(1, signature)
    etree.SubElement(signature, xml.q("ds:Object")).append(whole)
    if message.covered is message.root:
        return xml.serialize(evil)
    message.root.replace(message.covered, evil)
    return message.octets
