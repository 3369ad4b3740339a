"""Which number of a citizen a participant gets: that of a sector of its own.

DIGID.md 1.4. Most have the BSN; some the SOFI number, which people have who have no BSN
yet; an option of the hub says so of each. Who has no number in any sector of a
participant has no login there (2.4, point 4).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator

from eilogin.saml.sectors import NUMBERS, SectorName
from eilogin.settings import read_lines, split

#: In the place of an entityID: everybody who has no line.
_EVERYBODY = "*"


def name_for(
    sectors: Mapping[str, Sequence[str]],
    entity_id: str,
    attributes: Mapping[str, Sequence[str]],
) -> SectorName | None:
    """By which number a participant knows a citizen: the first that there is of hers.

    ``sectors`` say whose are which; ``attributes`` are those of her login.
    """
    wanted = sectors.get(entity_id, sectors.get(_EVERYBODY, ()))
    found = (
        SectorName(sector, values[0])
        for sector in wanted
        if (values := attributes.get(NUMBERS[sector]))
    )
    return next(found, None)


def _read_line(line: str) -> tuple[str, tuple[str, ...]]:
    who, *codes = line.split()
    is_somebody = who == _EVERYBODY or ":" in who
    if not (is_somebody and codes and {*codes} <= NUMBERS.keys()):
        raise ValueError(f"an entityID or '*', and one or more of {', '.join(NUMBERS)}")
    return who, tuple(codes)


def _read_sectors(value: object) -> object:
    if not isinstance(value, str):
        return value
    lines = read_lines(split(value), _read_line)
    found = dict(lines)
    if len(found) < len(lines):
        raise ValueError("one line for each")
    return found


#: The type of the option ``sectors``.
SectorLines = Annotated[Mapping[str, tuple[str, ...]], BeforeValidator(_read_sectors)]
