"""DigiD's names of citizens: a sector code and a number (DigiD 1.4).

Such a name *is* a citizen's number, so no error here repeats it.
"""

import re
from dataclasses import dataclass, field

#: Sector codes, and the applications' names of these numbers.
BSN = "s00000000"
SOFI = "s00000001"
NUMBERS = {BSN: "bsn", SOFI: "sofi"}

#: Nine digits, perhaps with blanks or dots. A match is empty, so that another may begin
#: inside.
_NUMBER = re.compile(r"(?<![0-9])(?=([0-9](?:[\s.]*[0-9]){8})(?![0-9]))")
_BETWEEN = re.compile(r"[\s.]+")

# DigiD writes lower case, and leading zeros.
_NAME = re.compile(r"(s[0-9]{8}):([0-9]{9})", re.ASCII)
#: The eleven test (Wet algemene bepalingen BSN).
_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)
_ELEVEN = 11


@dataclass(frozen=True, slots=True)
class SectorName:
    """A sector code and a number in it."""

    sector: str
    number: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.sector}:{self.number}"

    @classmethod
    def read(cls, text: str) -> "SectorName":
        """Read a NameID; the text of a ValueError completes "the NameID …"."""
        match = _NAME.fullmatch(text)
        if match is None:
            raise ValueError("is not a sector code, a colon and nine digits")
        name = cls(match[1], match[2])
        if name.sector not in NUMBERS:
            raise ValueError("has an unknown sector code")
        if not passes_eleven_test(name.number):
            raise ValueError("has a number that fails the eleven test")
        return name


def tells_number(name: str) -> bool:
    """Whether a name can be a citizen's number, whichever hub issued it.

    By chance this is true for one in two hundred names of 32 hexadecimal digits.
    """
    numbers = (_BETWEEN.sub("", number) for number in _NUMBER.findall(name))
    return any(map(passes_eleven_test, numbers))


def passes_eleven_test(number: str) -> bool:
    """Whether nine digits can be a BSN (or SOFI number); typing errors fail."""
    digits = [int(digit) for digit in number]
    total = sum(a * b for a, b in zip(_WEIGHTS, digits, strict=True))
    return any(digits) and total % _ELEVEN == 0
