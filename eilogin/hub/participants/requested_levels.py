"""The levels that satisfy an AuthnRequest, and its class (SAML core 3.3.2.2.1)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from eilogin.saml.assurance_levels import LEVELS, Classes, reaches
from eilogin.saml.messages import AuthnRequest
from eilogin.sessions import Login

#: Levels that need a fresh proof for each request (DigiD 2.3).
ALWAYS_FRESH = LEVELS[LEVELS.index("substantieel") :]
#: The highest level that participants share.
_MOST_SHARED = LEVELS[LEVELS.index("substantieel") - 1]

#: Comparisons of a level's rank with the named ranks (SAML core 3.3.2.2.1).
_COMPARED: Mapping[str, Callable[[int, Collection[int]], bool]] = {
    "exact": lambda height, named: height in named,
    "minimum": lambda height, named: height >= min(named),
    "maximum": lambda height, named: height <= max(named),
    "better": lambda height, named: height > max(named),
}


def sufficient(request: AuthnRequest, classes: Classes) -> tuple[str, ...]:
    """Return the sufficient levels, the lowest first; skip unknown classes."""
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
    """Return the levels that reach a required one; all if that is ""."""
    return tuple(one for one in levels if not required or reaches(one, required))


def to_prove(levels: Sequence[str], offered: Collection[str], comparison: str) -> str:
    """Return the lowest sufficient level that the hub offers, or "".

    The highest for ``maximum``: that participant wants all that its limit allows.
    """
    possible = [level for level in levels if level in offered]
    return next(iter(possible[-1:] if comparison == "maximum" else possible), "")


def to_confirm(levels: Sequence[str], reached: str) -> str:
    """Return the highest sufficient level that the visitor has reached, or ""."""
    height = LEVELS.index(reached)
    return next((one for one in reversed(levels) if LEVELS.index(one) <= height), "")


def certain(login: Login, since: float) -> Login:
    """Return a session with the level for another participant.

    One of :data:`ALWAYS_FRESH` from before ``since`` is not shared (DigiD 2.3).
    """
    levels = (one for one in reversed(ALWAYS_FRESH) if reaches(login.level, one))
    fresh = next((one for one in levels if login.proven_at(one) >= since), None)
    shared = min(login.level, _MOST_SHARED, key=LEVELS.index)
    level = fresh or shared
    return login if level == login.level else replace(login, level=level)


def class_to_say(level: str, asked: Sequence[str], classes: Classes) -> str:
    """Return a level's class, preferably the request's: some compare texts."""
    own_words = (uri for uri in asked if classes.level_of(uri) == level)
    return next(own_words, classes.class_of(level))
