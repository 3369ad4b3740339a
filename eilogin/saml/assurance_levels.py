"""Levels of assurance, lowest first, and their AuthnContext classes (DigiD 1.4)."""

from collections.abc import Mapping
from dataclasses import dataclass

#: By password; by password and code; and two by stronger means.
LEVELS = ("basis", "midden", "substantieel", "hoog")

_rank = {level: rank for rank, level in enumerate(LEVELS)}.__getitem__

_CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes:"


@dataclass(frozen=True, slots=True)
class Classes:
    """The AuthnContextClassRefs of each level in a federation, the preferred first."""

    by_level: Mapping[str, tuple[str, ...]]

    def class_of(self, level: str) -> str:
        """Return the class of ``level``, or ""."""
        return next(iter(self.by_level.get(level, ())), "")

    def level_of(self, level_class: str) -> str | None:
        """Return the level of a class, or None."""
        return next(
            (level for level, uris in self.by_level.items() if level_class in uris),
            None,
        )

    def reaching(self, level: str) -> tuple[str, ...]:
        """Return the classes of ``level`` and higher ones, the lowest level first."""
        return tuple(
            uri
            for level_reached in LEVELS[LEVELS.index(level) :]
            for uri in self.by_level.get(level_reached, ())
        )


#: DigiD 1.4.
DIGID = Classes(
    {
        "basis": (_CLASSES + "PasswordProtectedTransport",),
        "midden": (_CLASSES + "MobileTwoFactorContract",),
        "substantieel": (_CLASSES + "Smartcard",),
        "hoog": (_CLASSES + "SmartcardPKI",),
    }
)


def reaches(level: str, required: str) -> bool:
    """Whether a login at ``level`` is enough for ``required``."""
    return _rank(level) >= _rank(required)
