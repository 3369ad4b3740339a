"""The rule of a path, and the strictest of several rules."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from eilogin.participant.policy.attribute_conditions import Condition
from eilogin.saml.assurance_levels import LEVELS

#: The application gets no identity, and eilogin neither redirects nor seals cookies.
OFF = "off"
#: The application gets the identity of a signed-in visitor, and nobody has to log in.
OPTIONAL = "optional"
#: All needs, the least strict first.
NEEDS = (OFF, OPTIONAL, *LEVELS)


@dataclass(frozen=True, slots=True)
class PathRule:
    """The login that a request needs."""

    #: ``off``, ``optional``, or a level.
    need: str
    #: Most seconds of inactivity.
    idle: float | None = None
    #: Most seconds since the last proof of identity.
    max_age: float | None = None
    conditions: frozenset[Condition] = frozenset()
    has_limits: bool = field(init=False, repr=False, compare=False)
    #: Levels that suffice; empty if the rule has limits.
    enough: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        has_limits = (
            self.idle is not None or self.max_age is not None or bool(self.conditions)
        )
        is_enough = self.need in LEVELS and not has_limits
        enough = LEVELS[LEVELS.index(self.need) :] if is_enough else ()
        object.__setattr__(self, "has_limits", has_limits)
        object.__setattr__(self, "enough", frozenset(enough))


def strictest(rules: Collection[PathRule]) -> PathRule:
    """Return a rule at least as strict as each of these in every respect."""
    return PathRule(
        max((rule.need for rule in rules), key=NEEDS.index),
        min((rule.idle for rule in rules if rule.idle is not None), default=None),
        min((rule.max_age for rule in rules if rule.max_age is not None), default=None),
        frozenset(chain.from_iterable(rule.conditions for rule in rules)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class MethodRules:
    """The rules of a path: one rule, and others for some methods."""

    rule: PathRule
    by_method: Mapping[str, PathRule] = field(default_factory=dict)

    def under(self, methods: Iterable[str]) -> PathRule:
        """Return the strictest rule of these methods."""
        return strictest([self.by_method.get(name, self.rule) for name in methods])


DEFAULT = MethodRules(PathRule(LEVELS[0]))


def merged(several: Collection[MethodRules]) -> MethodRules:
    """Return the strictest rules, for each method."""
    if len(several) == 1:
        return next(iter(several))
    names = set(chain.from_iterable(rules.by_method for rules in several))
    return MethodRules(
        strictest([rules.rule for rules in several]),
        {
            name: strictest([rules.under((name,)) for rules in several])
            for name in names
        },
    )
