"""Mutants of a good message or query, each made by a list of small steps.

A step is an operation with two places, all three of them numbers; whatever numbers they
are, the step can be done, or does nothing. So the same lists come from hypothesis,
which shrinks them, and from the octets of a fuzzer (:func:`steps_of`). The operations
are those of the attacks on SAML: parts are doubled, moved, hidden and wrapped, IDs are
exchanged, texts are split, evil parts are grafted in, prefixes are declared anew.

``contrib/fuzz`` uses this file too.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from urllib.parse import quote, unquote_plus

from lxml import etree

#: An operation, and the two places that it is done at.
Step = tuple[int, int, int]

#: Octets of one step: one of the operation, two of each place.
_STEP = 5
#: More steps than this leave nothing of a message.
MOST_STEPS = 12

_DS = "http://www.w3.org/2000/09/xmldsig#"
_SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
_SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
_IDS = ("ID", "Id", "id")

#: What an attacker would like to have read.
EVIL = "admin"
#: What an attribute may say: nothing, EVIL, another party, another moment, a binding.
_SAID = (
    "",
    EVIL,
    "https://evil.test/metadata",
    "https://evil.test/acs",
    "2026-01-01T12:00:00Z",
    "9999-12-31T23:59:59.9999999Z",
    "2026-01-01T12:00:00+00:00",
    "urn:oasis:names:tc:SAML:2.0:status:Responder",
    "#_evil",
    "true",
    "65535",
    " ",
    "\N{LINE SEPARATOR}",
)


def steps_of(octets: bytes) -> list[Step]:
    """The steps that a fuzzer's octets stand for."""
    whole = range(0, min(len(octets), _STEP * MOST_STEPS) - _STEP + 1, _STEP)
    parts = (octets[start : start + _STEP] for start in whole)
    return [
        (part[0], int.from_bytes(part[1:3]), int.from_bytes(part[3:5]))
        for part in parts
    ]


def octets_of(steps: Iterable[Step]) -> bytes:
    """The octets from which :func:`steps_of` gives these steps."""
    return b"".join(
        bytes([operation]) + one.to_bytes(2) + other.to_bytes(2)
        for operation, one, other in steps
    )


# --- trees --------------------------------------------------------------------------


def mutated(octets: bytes, steps: Iterable[Step]) -> bytes:
    """The document after these steps; nothing at all where no element is left."""
    # So that the root has a parent too, and may be wrapped or doubled.
    holder = etree.Element("holder")
    holder.append(etree.fromstring(octets))
    for operation, here, there in steps:
        elements = list(holder.iterdescendants(etree.Element))
        if not elements:
            break
        one, other = (elements[n % len(elements)] for n in (here, there))
        OPERATIONS[operation % len(OPERATIONS)](one, other)
    root = next(holder.iterchildren(etree.Element), None)
    return b"" if root is None else etree.tostring(root, with_tail=False)


def _double(one: etree._Element, other: etree._Element) -> None:
    one.addnext(deepcopy(one))


def _double_elsewhere(one: etree._Element, other: etree._Element) -> None:
    other.append(deepcopy(one))


def _move_inside(one: etree._Element, other: etree._Element) -> None:
    if not _is_within(other, one):
        other.append(one)


def _move_before(one: etree._Element, other: etree._Element) -> None:
    if not _is_within(other, one):
        other.addprevious(one)


def _drop(one: etree._Element, other: etree._Element) -> None:
    one.getparent().remove(one)


def _graft_evil(one: etree._Element, other: etree._Element) -> None:
    other.addprevious(_evil(one))


def _graft_evil_inside(one: etree._Element, other: etree._Element) -> None:
    other.append(_evil(one))


def _wrap(one: etree._Element, other: etree._Element) -> None:
    """An evil one in its place, which keeps the good one somewhere inside."""
    evil = _evil(one)
    one.addprevious(evil)
    corners = list(evil.iter(etree.Element))
    corners[len(list(other.iter())) % len(corners)].append(one)


def _take_over(one: etree._Element, other: etree._Element) -> None:
    """An evil one in its place, which takes its signature and its ID; it goes away."""
    evil = _evil(one)
    for name in _IDS:
        if name in one.attrib:
            evil.set(name, one.get(name))
    for signature in one.findall(f"{{{_DS}}}Signature"):
        evil.insert(1, signature)
    one.addprevious(evil)
    one.getparent().remove(one)


def _hide(one: etree._Element, other: etree._Element) -> None:
    """One of the corners in which nobody looks, with the good one in it."""
    corners = (
        f"{{{_DS}}}Object",
        f"{{{_SAMLP}}}Extensions",
        f"{{{_SAML}}}Advice",
        f"{{{_SAMLP}}}StatusDetail",
        f"{{{_DS}}}KeyInfo",
    )
    if not _is_within(other, one):
        corner = corners[len(list(one.iter())) % len(corners)]
        etree.SubElement(other, corner).append(one)


def _swap_ids(one: etree._Element, other: etree._Element) -> None:
    for name in _IDS:
        mine, theirs = one.get(name), other.get(name)
        if mine is not None and theirs is not None:
            one.set(name, theirs)
            other.set(name, mine)


def _share_id(one: etree._Element, other: etree._Element) -> None:
    found = next((other.get(name) for name in _IDS if name in other.attrib), "_evil")
    one.set("ID", found)


def _split_by_comment(one: etree._Element, other: etree._Element) -> None:
    _split(one, etree.Comment(EVIL))


def _split_by_instruction(one: etree._Element, other: etree._Element) -> None:
    _split(one, etree.ProcessingInstruction("x"))


def _say_evil(one: etree._Element, other: etree._Element) -> None:
    """EVIL as its text, or as what one of its attributes says."""
    number = len(list(other.iter()))
    names = list(one.attrib)
    if names and number % 2:
        said = _SAID[number // 2 % len(_SAID)]
        one.set(names[number // 2 % len(names)], said)
    else:
        one.text = EVIL


def _redeclare(one: etree._Element, other: etree._Element) -> None:
    """The same element, in whose scope prefixes mean other namespaces, or more do."""
    prefixes = [prefix for prefix in one.nsmap if prefix]
    number = len(list(other.iter()))
    meant = (_SAML, _SAMLP, _DS, "urn:x-evil", other.nsmap.get(other.prefix, ""))
    prefix = ["evil", *prefixes][number % (len(prefixes) + 1)]
    try:
        again = etree.Element(
            one.tag, dict(one.attrib), nsmap={prefix: meant[number % len(meant)]}
        )
    except ValueError:
        # No namespace at all.
        return
    again.text, again.tail = one.text, one.tail
    again.extend(list(one))
    one.getparent().replace(one, again)


#: The operations by their numbers.
OPERATIONS: tuple[Callable[[etree._Element, etree._Element], None], ...] = (
    _double,
    _double_elsewhere,
    _move_inside,
    _move_before,
    _drop,
    _graft_evil,
    _graft_evil_inside,
    _wrap,
    _take_over,
    _hide,
    _swap_ids,
    _share_id,
    _split_by_comment,
    _split_by_instruction,
    _say_evil,
    _redeclare,
)


def _is_within(one: etree._Element, other: etree._Element) -> bool:
    return one is other or other in one.iterancestors()


def _evil(one: etree._Element) -> etree._Element:
    """A copy without signatures, which says EVIL where the good one says anything."""
    evil = deepcopy(one)
    evil.tail = None
    for signature in list(evil.iterdescendants(f"{{{_DS}}}Signature")):
        signature.getparent().remove(signature)
    for element in evil.iter(etree.Element):
        if (
            element.text
            and element.text.strip()
            and not element.text.startswith("http")
        ):
            element.text = EVIL
        for name in _IDS:
            if name in element.attrib:
                element.set(name, f"_evil{element.get(name)}")
    return evil


def _split(one: etree._Element, part: etree._Element) -> None:
    text = one.text or ""
    half = len(text) // 2
    one.text, part.tail = text[:half], text[half:]
    one.insert(0, part)


# --- queries and forms --------------------------------------------------------------


def respelled(query: str, steps: Iterable[Step], others: Iterable[str] = ()) -> str:
    """The parameters of a query after these steps; ``others`` may be put among them."""
    parts, others = query.split("&"), (*others, "lang=nl", "", "=")
    for operation, here, there in steps:
        if not parts:
            break
        one, other = here % len(parts), there % len(parts)
        match operation % (len(SPELLINGS) + 4):
            case 0:
                parts[one], parts[other] = parts[other], parts[one]
            case 1:
                parts.insert(other, parts[one])
            case 2:
                del parts[one]
            case 3:
                parts.insert(other, others[here % len(others)])
            case number:
                name, equals, value = parts[one].partition("=")
                parts[one] = SPELLINGS[number - 4](name, equals, value, there)
    return "&".join(parts)


def _encoded(text: str, place: int) -> str:
    """The text with one more of its characters percent-encoded."""
    place %= max(len(text), 1)
    return f"{text[:place]}{quote(text[place : place + 1], safe='')}{text[place + 1 :]}"


def _escaped(text: str, place: int) -> str:
    """The text with one of its characters percent-encoded, a plain one too."""
    place %= max(len(text), 1)
    octets = text[place : place + 1].encode()
    escape = "".join(f"%{octet:02X}" for octet in octets)
    return f"{text[:place]}{escape}{text[place + 1 :]}"


#: Other ways to write one parameter: of its name, ``=`` and value, and a number.
SPELLINGS: tuple[Callable[[str, str, str, int], str], ...] = (
    lambda name, equals, value, at: f"{_escaped(name, at)}{equals}{value}",
    lambda name, equals, value, at: f"{name}{equals}{_escaped(value, at)}",
    lambda name, equals, value, at: f"{name}{equals}{_encoded(value, at)}",
    lambda name, equals, value, at: f"{name}{equals}{value.replace('%2F', '/')}",
    lambda name, equals, value, at: f"{name}{equals}{value.replace('%2B', '+')}",
    lambda name, equals, value, at: f"{name}{equals}{value.replace('%3D', '=')}",
    lambda name, equals, value, at: f"{name}{equals}{value.replace('%2F', '%2f')}",
    lambda name, equals, value, at: f"{name}{equals}{unquote_plus(value)}",
    lambda name, equals, value, at: f"{name}{equals}{quote(value, safe='')}",
    lambda name, equals, value, at: f"{name}{equals}{quote(value, safe='%')}",
    lambda name, equals, value, at: f"{name.swapcase()}{equals}{value}",
    lambda name, equals, value, at: f"{name}%00{equals}{value}",
    lambda name, equals, value, at: f"+{name}{equals}{value}",
    lambda name, equals, value, at: f"{name}{equals}{value}%0A",
    lambda name, equals, value, at: f"{name}{equals}",
    lambda name, equals, value, at: name,
    lambda name, equals, value, at: f"{name};{equals}{value}",
    lambda name, equals, value, at: f"{name}{equals}{value};x=y",
    lambda name, equals, value, at: f"{name}{equals}{value[: at % (len(value) + 1)]}",
    lambda name, equals, value, at: f"{name}[]{equals}{value}",
)
