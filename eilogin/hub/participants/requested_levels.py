"""The levels that satisfy an AuthnRequest, and the class that the Assertion states.

SAML core 3.3.2.2.1. If a request names classes that this federation knows and others,
the hub skips the others. A level without a class can be confirmed to nobody.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from eilogin.saml.assurance_levels import LEVELS, Classes, reaches
from eilogin.saml.messages import AuthnRequest
from eilogin.sessions import Login

#: Levels that need a fresh proof for each request (DigiD 2.3).
ALWAYS_FRESH = LEVELS[LEVELS.index("substantieel") :]
#: The highest level that participants share.
_MOST_SHARED = LEVELS[LEVELS.index("substantieel") - 1]

#: Meaning of each Comparison for the rank of a level and the ranks of the named ones
#: (SAML core 3.3.2.2.1): "better" is higher than all of them.
_COMPARED: Mapping[str, Callable[[int, Collection[int]], bool]] = {
    "exact": lambda height, named: height in named,
    "minimum": lambda height, named: height >= min(named),
    "maximum": lambda height, named: height <= max(named),
    "better": lambda height, named: height > max(named),
}


def sufficient(request: AuthnRequest, classes: Classes) -> tuple[str, ...]:
    """Return the levels that satisfy an AuthnRequest, the lowest first."""
    said = [level for level in LEVELS if classes.class_of(level)]
    if request.level_declarations:
        return ()
    if not request.level_classes:
        return tuple(said)
    known = [classes.level_of(uri) for uri in request.level_classes]
    named = {LEVELS.index(level) for level in known if level is not None}
    if not named:
        return ()
    would_do = _COMPARED[request.comparison]
    return tuple(level for level in said if would_do(LEVELS.index(level), named))


def at_least(levels: Sequence[str], required: str) -> tuple[str, ...]:
    """Return the levels that reach a required one; all of them if that is ""."""
    return tuple(one for one in levels if not required or reaches(one, required))


def to_prove(levels: Sequence[str], offered: Collection[str], comparison: str) -> str:
    """Return the lowest sufficient level that the hub offers, or "".

    The highest one if the Comparison is ``maximum``: that participant wants as much
    certainty as its limit allows.
    """
    possible = [level for level in levels if level in offered]
    return next(iter(possible[-1:] if comparison == "maximum" else possible), "")


def to_confirm(levels: Sequence[str], reached: str) -> str:
    """Return the highest sufficient level that the visitor has reached, or ""."""
    height = LEVELS.index(reached)
    return next((one for one in reversed(levels) if LEVELS.index(one) <= height), "")


def certain(login: Login, since: float) -> Login:
    """Return a session with the level that the hub may confirm to another participant.

    That is its level. But if that is one of :data:`ALWAYS_FRESH`, proven before
    ``since``, it is the highest level that participants may share. A participant that
    needs more asks for it, and the visitor gives a fresh proof (DigiD 2.3).
    """
    levels = (one for one in reversed(ALWAYS_FRESH) if reaches(login.level, one))
    fresh = next((one for one in levels if login.proven_at(one) >= since), None)
    shared = min(login.level, _MOST_SHARED, key=LEVELS.index)
    level = fresh or shared
    return login if level == login.level else replace(login, level=level)


def class_to_say(level: str, asked: Sequence[str], classes: Classes) -> str:
    """Return the class of a level: one that the request named, else the preferred one.

    Some participants compare classes as texts, and get their own back.
    """
    own_words = (uri for uri in asked if classes.level_of(uri) == level)
    return next(own_words, classes.class_of(level))
