"""Logos that a page may show: PNG or SVG images in a ``data:`` address.

A logo comes from an option of this site, or from a member's metadata. A browser runs no
scripts of an image, and fetches nothing for it. Even so, eilogin accepts only a drawing
of at most 32 KiB. A PNG has at most 2048 pixels on a side, because a few bytes can
expand to gigabytes. An SVG has only elements that draw, and references within it. It
must not contain:

* a script, event handler, animation, ``foreignObject``, filter, marker or embedded
  file;
* a DOCTYPE, and thus entities;
* references that repeat its parts thousands of times;
* variables or nested rules in its styles, or odd characters in their quotes.
"""

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote_to_bytes

from lxml import etree

#: Bytes.
MOST = 32 * 1024
#: Characters of its longest ``data:`` address, each byte written as ``%3C``.
LONGEST = 3 * MOST + 200

_DATA = re.compile(
    r"\s*data:image/(png|svg\+xml)((?:;[\w.+=-]{1,40}){0,4}),", re.IGNORECASE
)
_PNG, _SVG = "png", "svg+xml"

#: PNG 5.2, 11.2.1, before width and height.
_PNG_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
#: Pixels.
_LONGEST_SIDE = 2048

_SVG_SPACE = "http://www.w3.org/2000/svg"
#: Browsers know the namespaces of the W3C, and XHTML has scripts. Drawing programs use
#: RDF.
_W3C, _RDF = "http://www.w3.org/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DRAWING = frozenset(
    (
        *("svg", "g", "defs", "symbol", "use", "switch", "title", "desc", "metadata"),
        *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"),
        *("text", "tspan", "textPath", "linearGradient", "radialGradient", "stop"),
        *("clipPath", "mask", "pattern", "style"),
    )
)
#: The permitted start of an SVG: browsers obey its encoding.
_DECLARATION = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*(?:<\?xml\s+version\s*=\s*["']1\.0["']"""
    rb"""(?:\s+encoding\s*=\s*["']utf-8["'])?"""
    rb"""(?:\s+standalone\s*=\s*["'](?:yes|no)["'])?\s*\?>)?""",
    re.IGNORECASE,
)
_OWN_PART = re.compile(r"#([\w.:-]+)")
_URL = re.compile(r"url\([ \t\r\n]*([\"']?)#([\w.:-]+)\1[ \t\r\n]*\)", re.IGNORECASE)
_XML_SPACE = " \t\r\n"
_CLASS = re.compile(r"\.([\w-]+)")
_NUMBER = re.compile(r"\+?(\d{1,9}(?:\.\d{1,9})?)\s*(?:px)?", re.ASCII)
#: Texts that refer outside a style sheet, or can hide that; and filters.
_FORBIDDEN_IN_STYLES = (
    *("\\", "//", "javascript:", "expression(", "image-set(", "src("),
    *("var(", "attr(", "element(", "blur(", "drop-shadow("),
)
#: Comments and plain words in quotes, where browsers read no rule.
_OPAQUE = re.compile(
    r"""/\*[^*]*\*/|("[\w .,:#+&=-]*"|'[\w .,:#+&=-]*')""",
)
_UNCLOSED = re.compile(r"""["']|/\*|\*/""")
#: Properties that draw at each corner of a path or process each pixel; 'none' is usual.
_COSTLY = re.compile(
    r"(?<!\w)(marker(?:-start|-mid|-end)?|filter)\s*:(?!\s*none\s*(?:[;}]|$))",
    re.IGNORECASE,
)
_COSTLY_ATTRIBUTES = ("marker", "marker-start", "marker-mid", "marker-end", "filter")
_VARIABLE = re.compile(r"(?<![\w-])--")
#: A style sheet whose braces and brackets a simple reading finds.
_RULE = r"[\w\s.#,*>+~:-]*\{(?:[^{}()\[\]]|\([^{}()\[\]]*\))*\}"
_MEDIA = rf"\s*@media(?:[\w\s,.:-]|\([\w\s,.:-]*\))*\{{(?:{_RULE})*\s*\}}"
_SHEET = re.compile(rf"(?:{_RULE}|{_MEDIA})*\s*", re.IGNORECASE)
#: Most drawn elements with references, and the longest chain of references.
_MOST_DRAWN, _LONGEST_CHAIN = 20_000, 20

#: Pixels of a drawing that states no size.
_USUAL_SIZE = 80, 80
_WIDEST = 99_999

#: Properties that children do not inherit; and elements that draw nothing themselves.
_NOT_INHERITED = ("clip-path", "mask")
_GRADIENTS = ("linearGradient", "radialGradient")

_PLAIN = "save it as a plain drawing ('Plain SVG' in Inkscape), or as a PNG"
_TOO_LARGE = f"it is larger than {MOST // 1024} KiB; expected a smaller image"
_DRAWS_TOO_MUCH = f"its references draw more than {_MOST_DRAWN} elements: {_PLAIN}"


def data_uri_of_file(path: str | Path) -> str:
    """Read a logo from a PNG or SVG file and return it as a ``data:`` address.

    Raise ValueError with the reason if no page may show it.
    """
    try:
        with Path(path).open("rb") as file:
            octets = file.read(MOST + 1)
    except OSError as error:
        raise ValueError(f"cannot read it: {(error.strerror or '').lower()}") from None
    if len(octets) > MOST:
        raise ValueError(_TOO_LARGE)
    kind = _PNG if octets.startswith(_PNG_HEAD[:8]) else _SVG
    if kind == _SVG and not re.search(rb"<([\w.-]+:)?svg", octets):
        raise ValueError("found no PNG and no SVG image; expected one of these")
    if kind == _SVG:
        octets = octets.strip()
    _size_of(kind, octets)
    return _data_uri(kind, octets)


def shown(data_uri: str) -> str:
    """Return the address by which a page may show a logo, or "", from a cache."""
    return _checked(data_uri).uri


def fault_of(data_uri: str) -> str:
    """Return the reason why no page may show a logo, or ""."""
    return _checked(data_uri).fault


def size_of(data_uri: str) -> tuple[int, int]:
    """Return width and height in pixels of a logo that a page may show."""
    return _checked(data_uri).size


def is_candidate(data_uri: str) -> bool:
    """Return whether a text may be a logo, by type and length, without decoding it."""
    return len(data_uri) <= LONGEST and bool(_DATA.match(data_uri))


@dataclass(frozen=True, slots=True)
class _CheckedLogo:
    uri: str = ""
    fault: str = ""
    size: tuple[int, int] = (0, 0)


@lru_cache(256)
def _checked(data_uri: str) -> _CheckedLogo:
    if len(data_uri) > LONGEST:
        return _CheckedLogo(fault=_TOO_LARGE)
    try:
        kind, octets = _decoded(data_uri)
        size = _size_of(kind, octets)
    except ValueError as error:
        return _CheckedLogo(fault=str(error))
    return _CheckedLogo(_data_uri(kind, octets), "", size)


def _data_uri(kind: str, octets: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(octets).decode()}"


def _decoded(data_uri: str) -> tuple[str, bytes]:
    match = _DATA.match(data_uri)
    if match is None:
        raise ValueError(
            "it is no data: address of an image; expected "
            "data:image/png;base64,… or data:image/svg+xml;base64,…"
        )
    kind, text = match[1].lower(), data_uri[match.end() :]
    if not match[2].lower().endswith(";base64"):
        return kind, unquote_to_bytes(text).strip()
    try:
        octets = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            "its base64 is incomplete, or has invalid characters"
        ) from None
    # Browsers reject white space before an XML declaration.
    return kind, octets.strip() if kind == _SVG else octets


def _size_of(kind: str, octets: bytes) -> tuple[int, int]:
    if len(octets) > MOST:
        raise ValueError(_TOO_LARGE)
    try:
        return _png_size(octets) if kind == _PNG else _svg_size(octets)
    except (MemoryError, RecursionError):
        raise ValueError(_DRAWS_TOO_MUCH) from None


def _png_size(octets: bytes) -> tuple[int, int]:
    start = len(_PNG_HEAD)
    sides = [int.from_bytes(octets[at : at + 4]) for at in (start, start + 4)]
    if not octets.startswith(_PNG_HEAD) or not all(sides):
        raise ValueError("it does not begin like a PNG image")
    if max(sides) > _LONGEST_SIDE:
        raise ValueError(
            f"it has {sides[0]} x {sides[1]} pixels; expected at most"
            f" {_LONGEST_SIDE} on a side"
        )
    if b"acTL" in octets:
        raise ValueError("it is an animated PNG; expected a still image")
    return sides[0], sides[1]


# --- SVG ------------------------------------------------------------------------------


def _svg_size(octets: bytes) -> tuple[int, int]:
    root = _parsed(octets)
    if root.tag != f"{{{_SVG_SPACE}}}svg":
        raise ValueError(
            f"its root element is not 'svg' of the namespace {_SVG_SPACE}: {_PLAIN}"
        )
    elements = list(root.iter(etree.Element))
    for element in elements:
        _require_drawing(element)
    _require_few_drawn(root, elements)
    return _stated_size(root)


def _parsed(octets: bytes) -> etree._Element:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8: save it as UTF-8") from None
    head = _DECLARATION.match(octets)
    if octets.find(b"<?", head.end() if head else 0) >= 0:
        raise ValueError(
            "it has a processing instruction ('<?'), or declares another "
            f"encoding than UTF-8: {_PLAIN}"
        )
    if b"<!DOCTYPE" in octets:
        raise ValueError("it has a DOCTYPE: remove it ('<!DOCTYPE …>')")
    parser = etree.XMLParser(
        encoding="UTF-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
    )
    try:
        return etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        line = error.position[0]
        raise ValueError(f"it is not well-formed XML (line {line})") from None


def _rejection(element: etree._Element, feature: str) -> ValueError:
    return ValueError(f"line {element.sourceline}: it has {feature}: {_PLAIN}")


def _require_drawing(element: etree._Element) -> None:
    name = etree.QName(element)
    space = name.namespace or ""
    if space == _SVG_SPACE and name.localname not in _DRAWING:
        raise _rejection(element, f"an element '{name.localname[:40]}'")
    if space.startswith(_W3C) and space not in (_SVG_SPACE, _RDF):
        raise _rejection(element, f"an element of the namespace {space[:80]}")
    for attribute, value in element.items():
        _require_inert(element, etree.QName(attribute), value)
    if name.localname == "style":
        _require_plain_sheet(element)


def _require_inert(element: etree._Element, name: etree.QName, value: str) -> None:
    local = name.localname.lower()
    if local.startswith("on"):
        raise _rejection(element, f"an event handler ('{local[:40]}')")
    if local in ("base", "src"):
        raise _rejection(element, f"an attribute '{local}'")
    if local == "href" and not _OWN_PART.fullmatch(value.strip(_XML_SPACE)):
        raise _rejection(element, f"a reference outside the image ({value[:60]!a})")
    if name.namespace:
        return
    if local in _COSTLY_ATTRIBUTES and value.strip() != "none":
        raise _rejection(element, f"an attribute '{local}'")
    if local == "style":
        _require_plain_style(element, value)
    elif "(" in value:
        _require_own_style(element, value)


def _require_own_style(element: etree._Element, text: str) -> None:
    lowered = text.lower()
    for forbidden in _FORBIDDEN_IN_STYLES:
        if forbidden in lowered:
            raise _rejection(element, f"'{forbidden}' in a style")
    if lowered.count("@") > lowered.count("@media"):
        raise _rejection(element, "an at-rule in a style other than '@media'")
    if lowered.count("url(") > len(_URL.findall(text)):
        raise _rejection(element, "a reference outside the image in a style")


def _require_plain_style(element: etree._Element, text: str) -> None:
    """Reject a style that may hide something, or that costs a browser much."""
    _require_own_style(element, text)
    if _UNCLOSED.search(_OPAQUE.sub(" ", text)):
        raise _rejection(element, "a comment or quote in a style that is not plain")
    uncommented = _without_comments(text)
    if _VARIABLE.search(uncommented):
        raise _rejection(element, "a variable ('--') in a style")
    if costly := _COSTLY.search(uncommented):
        raise _rejection(element, f"'{costly[1].lower()}' in a style")


def _require_plain_sheet(element: etree._Element) -> None:
    text = "".join(element.itertext())
    _require_plain_style(element, text)
    if len(element) or not _SHEET.fullmatch(_without_comments(text)):
        raise _rejection(element, "a style that is more than a plain list of rules")


def _require_few_drawn(
    root: etree._Element, elements: Sequence[etree._Element]
) -> None:
    by_id: dict[str, etree._Element] = {}
    for element in elements:
        by_id.setdefault(element.get("id", ""), element)
    drawn = _DrawnElements(by_id, _by_class(elements))
    if drawn.count(root, 0) > _MOST_DRAWN:
        raise ValueError(_DRAWS_TOO_MUCH)


@dataclass
class _DrawnElements:
    by_id: Mapping[str, etree._Element]
    by_class: Mapping[str, Sequence[str]]
    counts: dict[str, int] = field(default_factory=dict)
    visited: int = 0

    def count(self, element: etree._Element, depth: int) -> int:
        """Count the elements that a browser draws for one, with its references.

        Browsers draw a pattern again for each element that inherits it.
        """
        if depth > _LONGEST_CHAIN:
            raise ValueError(
                "its parts refer to themselves, or the chain of references is "
                f"longer than {_LONGEST_CHAIN}: {_PLAIN}"
            )
        drawn: dict[etree._Element, int] = {}
        # Children before their parents.
        for descendant in reversed(list(element.iter(etree.Element))):
            repeated, painted = self._referred(descendant)
            self.visited += 1 + len(repeated) + len(painted)
            if self.visited > _MOST_DRAWN:
                raise ValueError(_DRAWS_TOO_MUCH)
            subtotal = 1 + sum(self._count_of(name, depth) for name in repeated)
            subtotal += sum(
                drawn[child] for child in descendant.iterchildren(etree.Element)
            )
            paint = 1 + sum(self._count_of(name, depth) for name in painted)
            drawn[descendant] = min(subtotal * paint, _MOST_DRAWN + 1)
        return drawn[element]

    def _count_of(self, name: str, depth: int) -> int:
        if name not in self.counts:
            target = self.by_id.get(name)
            is_plain = target is None or etree.QName(target).localname in _GRADIENTS
            self.counts[name] = 0 if is_plain else self.count(target, depth + 1)
        return self.counts[name]

    def _referred(self, element: etree._Element) -> tuple[list[str], list[str]]:
        """Return the parts that an element draws, and those with which it may paint."""
        repeated: list[str] = []
        painted: list[str] = []
        for attribute, value in element.items():
            local = etree.QName(attribute).localname.lower()
            if reference := _OWN_PART.fullmatch(value.strip(_XML_SPACE)):
                if local == "href":
                    repeated.append(reference[1])
            elif "(" in value:
                references = repeated if local in _NOT_INHERITED else painted
                references.extend(name for _, name in _URL.findall(value))
        # In a browser, repetition of a class has no effect.
        for name in dict.fromkeys(element.get("class", "").split()):
            painted.extend(self.by_class.get(name, ()))
        return repeated, painted


def _by_class(elements: Sequence[etree._Element]) -> Mapping[str, Sequence[str]]:
    names_by_class: dict[str, list[str]] = defaultdict(list)
    pairs = 0
    for element in elements:
        if etree.QName(element).localname != "style":
            continue
        for rule in _without_comments("".join(element.itertext())).split("}"):
            prelude, _, body = rule.rpartition("{")
            names = [name for _, name in _URL.findall(body)]
            selectors = prelude.rpartition("{")[2].split(",") if names else ()
            distinct = {selector.strip() for selector in selectors}
            pairs += len(distinct) * len(names)
            if pairs > _MOST_DRAWN:
                raise ValueError(_DRAWS_TOO_MUCH)
            for selector in distinct:
                match = _CLASS.fullmatch(selector)
                if match is None:
                    raise _rejection(
                        element, "a style with 'url(' that does not only select classes"
                    )
                names_by_class[match[1]] += names
    return names_by_class


def _without_comments(text: str) -> str:
    return _OPAQUE.sub(r" \1 ", text)


def _stated_size(root: etree._Element) -> tuple[int, int]:
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip())
    for lengths in ([root.get("width", ""), root.get("height", "")], box[2:4]):
        sides = [
            round(float(match[1]))
            for match in (_NUMBER.fullmatch(text.strip()) for text in lengths)
            if match
        ]
        if len(sides) == len(_USUAL_SIZE) and 0 < min(sides) <= max(sides) <= _WIDEST:
            return sides[0], sides[1]
    return _USUAL_SIZE
