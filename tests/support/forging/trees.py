"""Changes to the tree of a message that has no signature yet."""

from collections.abc import Callable, Mapping

from lxml import etree

from eilogin.saml import safe_xml

#: What is not the address, and looks like it to who compares it loosely.
NEAR: Mapping[str, Callable[[str], str]] = {
    "suffix": lambda url: f"{url}.attacker.test/",
    "subpath": lambda url: f"{url}/more",
    "slash": lambda url: f"{url}/",
    "query": lambda url: f"{url}?a=b",
    "fragment": lambda url: f"{url}#x",
    "prefix": lambda url: url[:-1],
    "substring": lambda url: f"https://attacker.test/?u={url}",
    "scheme": lambda url: url.replace("http:", "https:"),
    "case": lambda url: url.replace("http:", "HTTP:"),
    "dots": lambda url: url.replace("/", "/./", 3).replace("/./", "/", 2),
    "escape": lambda url: f"{url[:-1]}%6F",
    "space": lambda url: f" {url}",
    "user": lambda url: url.replace("//", "//attacker@"),
    "other": lambda _: "https://attacker.test/",
}


def node(root: etree._Element, name: str) -> etree._Element:
    found = root.find(f".//{safe_xml.q(name)}")
    assert found is not None, name
    return found


def having(root: etree._Element, **attributes: "str | None") -> etree._Element:
    """The same with attributes as they are given; without those that are None."""
    for name, value in attributes.items():
        if value is None:
            del root.attrib[name]
        else:
            root.set(name, value)
    return root


def worded(root: etree._Element, name: str, text: str) -> etree._Element:
    node(root, name).text = text
    return root


def behind(root: etree._Element, name: str, made: etree._Element) -> etree._Element:
    """The same with one more element behind the one of that name."""
    node(root, name).addnext(made)
    return root


def gone(root: etree._Element, name: str) -> etree._Element:
    found = node(root, name)
    found.getparent().remove(found)
    return root


def made(name: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.Element(safe_xml.q(name), attributes)
    element.text = text
    return element
