"""The levels that satisfy an AuthnRequest, and the class of the Response."""

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
    offered = [level for level in LEVELS if classes.class_of(level)]
    if request.level_declarations:
        return ()
    if not request.level_classes:
        return tuple(offered)
    requested = [classes.level_of(uri) for uri in request.level_classes]
    named = {LEVELS.index(level) for level in requested if level is not None}
    if not named:
        return ()
    compare = _COMPARED[request.comparison]
    return tuple(level for level in offered if compare(LEVELS.index(level), named))


def at_least(levels: Sequence[str], required: str) -> tuple[str, ...]:
    """Return the levels that reach a required one; all if that is ""."""
    return tuple(level for level in levels if not required or reaches(level, required))


def to_prove(levels: Sequence[str], offered: Collection[str], comparison: str) -> str:
    """Return the lowest level that is offered (the highest for ``maximum``), or ""."""
    possible = [level for level in levels if level in offered]
    return next(iter(possible[-1:] if comparison == "maximum" else possible), "")


def to_confirm(levels: Sequence[str], reached: str) -> str:
    """Return the highest sufficient level that the visitor has reached, or ""."""
    height = LEVELS.index(reached)
    return next(
        (level for level in reversed(levels) if LEVELS.index(level) <= height), ""
    )


def certain(login: Login, since: float) -> Login:
    """Return a session without the levels in ALWAYS_FRESH from before ``since``."""
    levels = (
        strict_level
        for strict_level in reversed(ALWAYS_FRESH)
        if reaches(login.level, strict_level)
    )
    fresh_level = next(
        (
            strict_level
            for strict_level in levels
            if login.proven_at(strict_level) >= since
        ),
        None,
    )
    shared = min(login.level, _MOST_SHARED, key=LEVELS.index)
    level = fresh_level or shared
    return login if level == login.level else replace(login, level=level)


def class_to_say(level: str, requested_classes: Sequence[str], classes: Classes) -> str:
    """Return a level's class, preferably the request's: some participants compare."""
    same_level = (uri for uri in requested_classes if classes.level_of(uri) == level)
    return next(same_level, classes.class_of(level))
