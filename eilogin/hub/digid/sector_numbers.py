"""Which number of a citizen a participant gets: that of a sector of its own.

DIGID.md 1.4. Most have the BSN; some the SOFI number, which people have who have no BSN
yet; an option of the hub says so of each. Who has no number in any sector of a
participant has no login there (2.4, point 4).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator

from eilogin.hub.participants.entity_options import read_by_entity, said_for
from eilogin.saml.metadata import EntityDescriptor
from eilogin.saml.sector_names import NUMBERS, SectorName


def name_for(
    sectors: Mapping[str, Sequence[str]],
    entity: EntityDescriptor,
    attributes: Mapping[str, Sequence[str]],
) -> SectorName | None:
    """By which number a participant knows a citizen: the first that there is of hers.

    ``sectors`` say whose are which; ``attributes`` are those of her login. Where the
    operator of the federation rules which of them it may learn, a number is one too.
    """
    wanted = said_for(sectors, entity.entity_id) or ()
    found = (
        SectorName(sector, values[0])
        for sector in wanted
        if (values := attributes.get(NUMBERS[sector]))
        and (entity.released is None or NUMBERS[sector] in entity.released)
    )
    return next(found, None)


def _read_codes(words: Sequence[str]) -> tuple[str, ...] | None:
    return tuple(words) if words and {*words} <= NUMBERS.keys() else None


def _read_sectors(value: object) -> object:
    expected = f"an entityID or '*', and one or more of {', '.join(NUMBERS)}"
    return read_by_entity(value, expected, _read_codes)


#: The type of the option ``sectors``.
SectorLines = Annotated[Mapping[str, tuple[str, ...]], BeforeValidator(_read_sectors)]
