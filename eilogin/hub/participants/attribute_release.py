"""The attributes of a citizen that a participant gets, and their names.

The request's AttributeConsumingServiceIndex selects a list of the metadata. The
federation's ``released-attributes`` limits all lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator

from eilogin.config import read_lines, split
from eilogin.hub.participants.entity_options import EVERYBODY, read_by_entity
from eilogin.saml.metadata import EntityDescriptor

#: NameFormats (SAML core 8.2) by their last words.
_FORMAT = "urn:oasis:names:tc:SAML:2.0:attrname-format:"
_FORMATS = ("uri", "basic", "unspecified")

_CATEGORY = "category:"
_REQUESTED = "requested"
_REQUIRED = "required"
WORDS = (_REQUESTED, _REQUIRED)


def is_entity(first_word: str) -> bool:
    """Whether the first word of a line is an entityID."""
    return first_word != EVERYBODY and not first_word.startswith(_CATEGORY)


class ReleasedName(NamedTuple):
    """The name of an attribute for participants."""

    name: str
    #: NameFormat URI; "" for the usual one.
    format: str = ""


@dataclass(frozen=True)
class AttributeRelease:
    """Selects attributes by ``lines``; ``renamed`` has the names for participants."""

    lines: Mapping[str, Sequence[str]]
    usual: Sequence[str] = ()
    renamed: Mapping[str, ReleasedName] = field(default_factory=dict)

    def of(
        self,
        entity: EntityDescriptor,
        attributes: Mapping[str, Sequence[str]],
        service_index: int | None = None,
    ) -> dict[str, Sequence[str]]:
        """Select attributes, under our names."""
        names = self._names(entity, service_index)
        if entity.released is not None:
            names &= set(self._inside(entity.released))
        return {name: attributes[name] for name in attributes if name in names}

    def outside(
        self, attributes: Mapping[str, Sequence[str]]
    ) -> dict[str, Sequence[str]]:
        """Return attributes under the participants' names."""
        return {self._outside(n): values for n, values in attributes.items()}

    @property
    def formats(self) -> Mapping[str, str]:
        """The NameFormats of the option, by the participants' names."""
        return {
            released.name: released.format
            for released in self.renamed.values()
            if released.format
        }

    def _outside(self, name: str) -> str:
        return self.renamed[name].name if name in self.renamed else name

    def _names(self, entity: EntityDescriptor, index: int | None) -> set[str]:
        words = {
            name
            for first_word in self._lines_for(entity)
            for name in self.lines.get(first_word, ())
        }
        names = words - {_REQUESTED, _REQUIRED}
        role = entity.service_provider
        service = role.attribute_service(index) if role is not None else None
        if _REQUESTED in words:
            requested = service.requested if service is not None else ()
            names |= set(self._inside(requested)) or set(self.usual)
        if _REQUIRED in words and service is not None:
            names |= set(self._inside(service.required))
        return names

    def _lines_for(self, entity: EntityDescriptor) -> list[str]:
        if entity.entity_id in self.lines:
            return [entity.entity_id]
        categories = [_CATEGORY + category for category in entity.entity_categories]
        return [
            first_word for first_word in categories if first_word in self.lines
        ] or [EVERYBODY]

    def _inside(self, names: Iterable[str]) -> list[str]:
        inside = {
            released.name: inside_name for inside_name, released in self.renamed.items()
        }
        return [inside.get(name, name) for name in names]


def _read_release(value: object) -> object:
    expected = "an entityID, 'category:' with its URI, or '*', and names of attributes"
    return read_by_entity(value, expected, tuple)


def _read_pair(line: str) -> tuple[str, str]:
    words = line.split()
    if len(words) != 2:  # noqa: PLR2004 - a pair
        raise ValueError("two words: our name, and the name for participants")
    return words[0], words[1]


def _read_pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = read_lines(split(value), _read_pair)
    for side in zip(*pairs, strict=True):
        if len(set(side)) < len(side):
            raise ValueError("each name once")
    return dict(pairs)


def _read_outside(line: str) -> tuple[str, ReleasedName]:
    inside_name, *outside_words = line.split()
    match outside_words:
        case [name]:
            return inside_name, ReleasedName(name)
        case [name, word] if word in _FORMATS:
            return inside_name, ReleasedName(name, _FORMAT + word)
    raise ValueError(
        "two words, our name and the name for participants, and optionally"
        f" {', '.join(_FORMATS)} behind them"
    )


def _read_names(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = read_lines(split(value), _read_outside)
    for side in (
        [inside_name for inside_name, _ in pairs],
        [released.name for _, released in pairs],
    ):
        if len(set(side)) < len(side):
            raise ValueError("each name once")
    return dict(pairs)


ReleaseLines = Annotated[Mapping[str, tuple[str, ...]], BeforeValidator(_read_release)]
AttributeNames = Annotated[Mapping[str, ReleasedName], BeforeValidator(_read_names)]
NamePairs = Annotated[Mapping[str, str], BeforeValidator(_read_pairs)]
