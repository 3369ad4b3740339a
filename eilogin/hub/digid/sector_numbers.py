"""The number of a citizen for a participant, by its sectors (DigiD 1.4).

It is the BSN, or the SOFI number of people without one. A citizen without any gets no
login (DigiD 2.4).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator

from eilogin.hub.participants.entity_options import read_by_entity, value_for
from eilogin.saml.metadata import EntityDescriptor
from eilogin.saml.sector_names import NUMBERS, SectorName


def name_for(
    sectors: Mapping[str, Sequence[str]],
    entity: EntityDescriptor,
    attributes: Mapping[str, Sequence[str]],
) -> SectorName | None:
    """Return the first number of ``sectors`` that the federation releases, or None."""
    its_sectors = value_for(sectors, entity.entity_id) or ()
    numbers = (
        SectorName(sector, values[0])
        for sector in its_sectors
        if (values := attributes.get(NUMBERS[sector]))
        and (entity.released is None or NUMBERS[sector] in entity.released)
    )
    return next(numbers, None)


def _read_codes(words: Sequence[str]) -> tuple[str, ...] | None:
    return tuple(words) if words and {*words} <= NUMBERS.keys() else None


def _read_sectors(value: object) -> object:
    expected = f"an entityID or '*', and one or more of {', '.join(NUMBERS)}"
    return read_by_entity(value, expected, _read_codes)


SectorLines = Annotated[Mapping[str, tuple[str, ...]], BeforeValidator(_read_sectors)]
