"""Levels of assurance, lowest first, and the AuthnContext classes that say them.

DIGID.md 1.4: the classes are those of DigiD; a level that was delivered may be higher
than the one that was asked for.
"""

#: Lowest first: password; password and code; and two by stronger means.
LEVELS = ("basis", "midden", "substantieel", "hoog")

# At every request: how high each is.
_height = {level: height for height, level in enumerate(LEVELS)}.__getitem__

_CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes:"

#: AuthnContextClassRef of each level.
CLASS_OF = {
    "basis": _CLASSES + "PasswordProtectedTransport",
    "midden": _CLASSES + "MobileTwoFactorContract",
    "substantieel": _CLASSES + "Smartcard",
    "hoog": _CLASSES + "SmartcardPKI",
}

#: Level of each AuthnContextClassRef; another class has none.
LEVEL_OF = {uri: level for level, uri in CLASS_OF.items()}


def reaches(level: str, wanted: str) -> bool:
    """Whether a login at ``level`` is enough where ``wanted`` is asked for."""
    return _height(level) >= _height(wanted)
