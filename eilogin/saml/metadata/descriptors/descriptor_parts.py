"""The parts of an EntityDescriptor or of a role, and the flags and indexes in them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from eilogin.saml.metadata.schema_validation import Verdict
from eilogin.saml.safe_xml import q

EXTENSIONS = q("md:Extensions")
#: Adds a remark on a skipped part.
Remark = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class MemberReading:
    """The context in which a member is read."""

    entity_id: str
    #: Whether addresses may be on this machine.
    on_loopback: bool
    verdict: Verdict
    #: The remarks on all members.
    remarks: list[str]

    def remark(self, text: str) -> None:
        """Add a remark on this member."""
        self.remarks.append(f"entity '{self.entity_id}': {text}")


_INDEX = re.compile(r"\s*\+?(\d{1,5})\s*", re.ASCII)
ByTag = Mapping[str, Sequence[etree._Element]]  # noqa: SLF001 - it has no other name


def by_tag(parents: Sequence[etree._Element]) -> ByTag:
    """Return the children of several elements, by their names."""
    children: dict[str, list[etree._Element]] = {}
    for parent in parents:
        for child in parent:
            children.setdefault(child.tag, []).append(child)
    return children


@dataclass(frozen=True, slots=True)
class DescriptorParts:
    """An EntityDescriptor or a role, its children and its Extensions."""

    element: etree._Element
    children: ByTag
    extensions: ByTag

    @classmethod
    def of(cls, element: etree._Element) -> "DescriptorParts":
        """Find the parts of an element."""
        children = by_tag([element])
        return cls(element, children, by_tag(children.get(EXTENSIONS, ())))

    def all(self, name: str) -> Sequence[etree._Element]:
        """Return the children of one name."""
        return self.children.get(q(name), ())


def index_of(text: str | None) -> int | None:
    """Return the number in an ``index``; None if absent or no number."""
    # The schema does not check an index in Extensions.
    index = None if text is None else _INDEX.fullmatch(text)
    return int(index[1]) if index else None


def read_flag(element: etree._Element, name: str) -> bool | None:
    """Return the xs:boolean in an attribute; None if absent."""
    return flag_of(element.get(name))


def flag_of(text: str | None) -> bool | None:
    """Return the value of an xs:boolean; None for None."""
    return None if text is None else text.strip() in ("true", "1")
