"""Levels of assurance, lowest first, and the AuthnContext classes that say them.

DigiD 1.4: the classes are those of DigiD; a level that was delivered may be higher
than the one that was asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

#: Lowest first: password; password and code; and two by stronger means.
LEVELS = ("basis", "midden", "substantieel", "hoog")

# At every request: how high each is.
_height = {level: height for height, level in enumerate(LEVELS)}.__getitem__

_CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes:"


@dataclass(frozen=True, slots=True)
class Classes:
    """The AuthnContextClassRefs of each level, in one federation.

    ``by_level`` has the classes of each level, the preferred one first. A class belongs
    to one level only.
    """

    by_level: Mapping[str, tuple[str, ...]]

    def class_of(self, level: str) -> str:
        """The class that says ``level``, or "" where none does."""
        return next(iter(self.by_level.get(level, ())), "")

    def level_of(self, level_class: str) -> str | None:
        """The level that a class says; None for a class that says none."""
        return next(
            (level for level, uris in self.by_level.items() if level_class in uris),
            None,
        )

    def reaching(self, level: str) -> tuple[str, ...]:
        """Every class that says ``level`` or a higher one, the lowest level first."""
        return tuple(
            uri
            for one in LEVELS[LEVELS.index(level) :]
            for uri in self.by_level.get(one, ())
        )


#: The classes of DigiD (DigiD 1.4).
DIGID = Classes(
    {
        "basis": (_CLASSES + "PasswordProtectedTransport",),
        "midden": (_CLASSES + "MobileTwoFactorContract",),
        "substantieel": (_CLASSES + "Smartcard",),
        "hoog": (_CLASSES + "SmartcardPKI",),
    }
)


def reaches(level: str, wanted: str) -> bool:
    """Whether a login at ``level`` is enough where ``wanted`` is asked for."""
    return _height(level) >= _height(wanted)
