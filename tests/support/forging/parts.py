"""Parts of messages, where a schema has them: what is valid is looked at longest."""

from lxml import etree

from eilogin.saml import safe_xml

SIGNATURE = safe_xml.q("ds:Signature")

#: After what a part stands.
_BEFORE = {
    "saml:Advice": ("saml:Conditions",),
    "samlp:Extensions": ("ds:Signature", "saml:Issuer"),
    "md:Extensions": ("ds:Signature",),
    "samlp:StatusDetail": ("samlp:StatusMessage", "samlp:StatusCode"),
    "samlp:StatusMessage": ("samlp:StatusCode",),
    "ds:KeyInfo": ("ds:SignatureValue",),
}
#: What Extensions are for: elements of nobody's namespace.
OTHER = "urn:example:x"


def place_of_signature(element: etree._Element) -> int:
    """Where among the children the signature of an element stands."""
    has_issuer = len(element) and element[0].tag == safe_xml.q("saml:Issuer")
    return 1 if has_issuer else 0


def with_signature(
    element: etree._Element, signature: etree._Element
) -> etree._Element:
    element.insert(place_of_signature(element), signature)
    return element


def corner(element: etree._Element, *names: str) -> etree._Element:
    """The place at the end of a path in an element, made where it is not there."""
    for name in names:
        found = element.find(safe_xml.q(name))
        element = _made(element, name) if found is None else found
    return element


def extensions(element: etree._Element) -> etree._Element:
    """New Extensions of a message or a descriptor."""
    is_metadata = etree.QName(element).namespace == safe_xml.MD
    return _made(element, f"{'md' if is_metadata else 'samlp'}:Extensions")


def other(parent: etree._Element, name: str = "other") -> etree._Element:
    """A child that no schema knows, which says nothing."""
    found: etree._Element = etree.SubElement(
        parent, f"{{{OTHER}}}{name}", nsmap={"x": OTHER}
    )
    return found


def _made(parent: etree._Element, name: str) -> etree._Element:
    made = etree.Element(safe_xml.q(name), nsmap=parent.nsmap)
    before = (parent.find(safe_xml.q(each)) for each in _BEFORE.get(name, ()))
    last = next((each for each in before if each is not None), None)
    if last is not None:
        last.addnext(made)
    elif name.endswith("Extensions"):
        parent.insert(0, made)
    else:
        parent.append(made)
    return made
