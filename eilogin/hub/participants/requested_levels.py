"""Which levels would do for who asks, and what is said of the one that was reached.

SAML core 3.3.2.2.1. A class that this federation does not know is passed over beside
one that it knows. A level that no class says cannot be confirmed to anybody.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from eilogin.saml.assurance_levels import LEVELS, Classes, reaches
from eilogin.saml.messages import AuthnRequest
from eilogin.sessions import Login

#: DIGID.md 2.3: who asks for these gets a fresh proof, whatever she has.
ALWAYS_FRESH = LEVELS[LEVELS.index("substantieel") :]
#: The level below those.
_MOST_SHARED = LEVELS[LEVELS.index("substantieel") - 1]

#: What SAML core 3.3.2.2.1 means by each Comparison, of the heights of a level and of
#: the levels that are named: "better" is better than each of them.
_COMPARED: Mapping[str, Callable[[int, Collection[int]], bool]] = {
    "exact": lambda height, named: height in named,
    "minimum": lambda height, named: height >= min(named),
    "maximum": lambda height, named: height <= max(named),
    "better": lambda height, named: height > max(named),
}


def sufficient(request: AuthnRequest, classes: Classes) -> tuple[str, ...]:
    """The levels that an AuthnRequest can be answered with, the lowest first."""
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
    """Those of some levels that reach a required one; all where none is ("")."""
    return tuple(one for one in levels if not required or reaches(one, required))


def to_prove(levels: Sequence[str], offered: Collection[str], comparison: str) -> str:
    """The level that she has to prove, of those that would do; "" where none can be.

    The lowest: only who asks for a maximum wants her as certain as that allows.
    """
    possible = [level for level in levels if level in offered]
    return next(iter(possible[-1:] if comparison == "maximum" else possible), "")


def to_confirm(levels: Sequence[str], reached: str) -> str:
    """Of the levels that would do, the highest that she has reached; "" for none."""
    height = LEVELS.index(reached)
    return next((one for one in reversed(levels) if LEVELS.index(one) <= height), "")


def certain(login: Login, since: float) -> Login:
    """What may be said of a login to who asks now, of which others were told before.

    Its level, unless that is one of :data:`ALWAYS_FRESH` that was proven before
    ``since``: then the highest one that may be shared. Who needs more asks for it, and
    gets a fresh proof (DIGID.md 2.3).
    """
    levels = (one for one in reversed(ALWAYS_FRESH) if reaches(login.level, one))
    fresh = next((one for one in levels if login.proven_at(one) >= since), None)
    shared = min(login.level, _MOST_SHARED, key=LEVELS.index)
    level = fresh or shared
    return login if level == login.level else replace(login, level=level)


def class_to_say(level: str, asked: Sequence[str], classes: Classes) -> str:
    """The class that says a level: one that was asked for, or else the preferred one.

    Who compares classes as texts is answered in its own words.
    """
    own_words = (uri for uri in asked if classes.level_of(uri) == level)
    return next(own_words, classes.class_of(level))
