"""Parse the lines of ``protect``, and find the rule of a path.

The longest matching line counts; it matches whole segments. A path without a line needs
``basis`` (contrib/manual/protect/paths.rst). In doubt, the stricter rule counts:

* A path with two readings gets the stricter rule of both.
* A line for a Zope namespace (``/++resource++``) holds for all names in it. A line for
  a name that may lead nowhere (``/++lang++nl off``) opens no page behind that name.
* A line with ``methods`` holds for these methods (``GET`` includes ``HEAD``). Other
  methods get this path's line without ``methods``, or else the strictest of this path's
  lines and of the rule without them.
* If a header or the query names another method or path (``_method``,
  ``X-Original-URL``), its rule holds too. So does the rule of a Destination (RFC 4918
  10.3) for any method: an application may take it for COPY or MOVE.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import BeforeValidator

from eilogin.config import lines_of, read_lines
from eilogin.errors import PathRefused
from eilogin.participant.policy import zope_paths
from eilogin.participant.policy.path_variants import (
    Segment,
    canonical,
    is_plain,
    namespace_of,
    other_paths,
    path_of,
    segments_of,
    without_view_prefix,
)
from eilogin.participant.policy.rule_lines import RuleLine, read_line
from eilogin.participant.policy.strictest_rule import (
    DEFAULT,
    OFF,
    MethodRules,
    PathRule,
    merged,
    strictest,
)
from eilogin.saml.assurance_levels import LEVELS, Classes
from eilogin.web import environ as env
from eilogin.web.visit import Visit

#: Most paths whose rules are cached, and most characters of such a path.
_MOST_CACHED = 1024
_LONGEST_CACHED = 200

#: Headers that name another method in many frameworks.
_OVERRIDES = (
    "HTTP_X_HTTP_METHOD_OVERRIDE",
    "HTTP_X_HTTP_METHOD",
    "HTTP_X_METHOD_OVERRIDE",
)
_METHOD_IN_QUERY = "_method"
#: Most fields of a query; more than any honest query has.
_MOST_FIELDS = 1000


@dataclass(slots=True)
class _Lines:
    general: PathRule | None = None
    named: dict[str, PathRule] = field(default_factory=dict)

    def add(self, line: RuleLine) -> None:
        if not line.methods and self.general is None:
            self.general = line.rule
            return
        repeated = [name for name in line.methods if name in self.named]
        if repeated or not line.methods:
            names = ", ".join([repr(line.path), *repeated])
            raise ValueError(f"one line for each path and method, found {names} twice")
        self.named.update(dict.fromkeys(line.methods, line.rule))

    def __bool__(self) -> bool:
        return self.general is not None or bool(self.named)

    def over(self, inherited: MethodRules) -> MethodRules:
        if not self:
            return inherited
        named = dict(self.named)
        if "GET" in named:
            named.setdefault("HEAD", named["GET"])
        if self.general is not None:
            return MethodRules(self.general, named)
        own = strictest(list(named.values()))
        merged = {
            name: strictest([rule, own]) for name, rule in inherited.by_method.items()
        }
        return MethodRules(strictest([inherited.rule, own]), {**merged, **named})


class _Node:
    __slots__ = ("below", "exact", "exact_lines", "lines", "prefix")

    def __init__(self) -> None:
        self.lines = _Lines()
        self.exact_lines = _Lines()
        self.below: dict[str, _Node] = {}
        #: The rules of the paths below it, and of the path itself.
        self.prefix = DEFAULT
        self.exact = DEFAULT

    def at(self, name: str) -> "_Node | None":
        node = self.below.get(name)
        if node is None and name.startswith("++"):
            node = self.below.get(namespace_of(name))
        return node

    def settle(self, inherited: MethodRules) -> None:
        self.prefix = self.lines.over(inherited)
        self.exact = self.exact_lines.over(self.prefix)
        # A node may have two names.
        for node in set(self.below.values()):
            node.settle(self.prefix)

    def all(self) -> Iterable[MethodRules]:
        yield from (self.prefix, self.exact)
        for node in set(self.below.values()):
            yield from node.all()


class PathRules:
    """The rules of all requests, immutable after :meth:`parse`."""

    def __init__(self) -> None:
        self._root = _Node()
        #: Seconds, the shortest first.
        self.idle_limits: tuple[float, ...] = ()
        self.attributes: frozenset[str] = frozenset()
        self.levels: frozenset[str] = frozenset()
        #: Whether every path is ``off``.
        self.is_off = False
        self._cached = lru_cache(_MOST_CACHED)(self._find_rules)

    @classmethod
    def parse(cls, lines: Sequence[str]) -> "PathRules":
        """Parse ``lines`` such as ``/mijn/bezwaar midden``, or raise ValueError."""
        rules = cls()
        read_lines(lines, rules._add)
        rules._settle()
        return rules

    def beyond(self, classes: Classes) -> str:
        """Return the fault of lines whose level no hub can confirm, or ""."""
        levels = [level for level in LEVELS if level in self.levels]
        missing = ", ".join(level for level in levels if not classes.reaching(level))
        if not missing:
            return ""
        return (
            f"a line needs {missing}; expected a class in 'level_classes' for that "
            "level or a higher one, because otherwise no Response can reach it"
        )

    def _add(self, text: str) -> None:
        line = read_line(text)
        node = self._root
        for name in segments_of(line.path.removeprefix("=")):
            # The line holds for both ``@@zaken`` and ``zaken``.
            below = node.below.setdefault(without_view_prefix(name), _Node())
            node.below[name] = below
            node = below
        lines = node.exact_lines if line.path.startswith("=") else node.lines
        lines.add(line)

    def _settle(self) -> None:
        self._root.settle(DEFAULT)
        everything = list(self._root.all())
        rules = {
            rule for method_rules in everything for rule in _rules_of(method_rules)
        }
        self._strictest = strictest(rules)
        self.is_off = self._strictest.need == OFF
        self.idle_limits = tuple(sorted({rule.idle for rule in rules if rule.idle}))
        self.levels = frozenset(rule.need for rule in rules) & frozenset(LEVELS)
        self.attributes = frozenset(cond.name for cond in self._strictest.conditions)

    def rule_of(self, visit: Visit) -> PathRule:
        """Return the rule of a request; raise PathRefused."""
        environ = visit.environ
        if env.VISIBLE in environ:
            return self._rule_in_zope(visit, environ[env.VISIBLE])
        path = path_of(visit)
        # The content of _rules_at, without the call.
        rules = (
            self._cached(path)
            if len(path) <= _LONGEST_CACHED
            else self._find_rules(path)
        )
        script = environ.get("SCRIPT_NAME", "")
        # Written out for speed.
        if (
            "HTTP_DESTINATION" in environ
            or "HTTP_X_SCRIPT_NAME" in environ
            or "HTTP_X_FORWARDED_PREFIX" in environ
            or "HTTP_X_ORIGINAL_URL" in environ
            or "HTTP_X_REWRITE_URL" in environ
            or "HTTP_X_VHM_ROOT" in environ
            or (script and script != visit.trust.own.mount)
        ):
            below = visit.path_info
            rules = merged({rules, *map(self._rules_at, _others(visit, script, below))})
        return rules.under(_methods_of(visit)) if rules.by_method else rules.rule

    def rule_for(self, path: str, method: str = "GET") -> PathRule:
        """Return the rule of a path, as text, without a request; PathRefused."""
        return self._rules_at(path.encode().decode("latin-1")).under((method,))

    def _rules_at(self, path: str) -> MethodRules:
        # Longer paths are rare, and would cost memory.
        return (
            self._cached(path)
            if len(path) <= _LONGEST_CACHED
            else self._find_rules(path)
        )

    def _find_rules(self, path: str) -> MethodRules:
        if is_plain(path):
            return self._longest(segments_of(path))
        segments = segments_of(canonical(path))
        return merged(self._rules_of_readings([Segment.of(name) for name in segments]))

    def _longest(self, names: Iterable[str]) -> MethodRules:
        node = self._root
        for name in names:
            below = node.below.get(name)
            if below is None:
                return node.prefix
            node = below
        return node.exact

    def _rules_of_readings(self, segments: Iterable[Segment]) -> set[MethodRules]:
        nodes, rules = {self._root}, set[MethodRules]()
        for segment in segments:
            # If no line goes on, the last one holds for the paths below.
            ends, below = _step(nodes, segment)
            rules |= {node.prefix for node in ends}
            if segment.may_lead_nowhere:
                # The name may mean nothing, so the path behind it keeps its own rules.
                below |= ends if segment.is_resource else nodes
            nodes = below
            if segment.may_be_last:
                rules |= {node.exact for node in nodes}
        return rules | {node.exact for node in nodes}

    def _rule_in_zope(self, visit: Visit, visible: env.Visible) -> PathRule:
        form = zope_paths.look_at_form(visit)
        script = visible.path.removesuffix(visible.below)
        paths = {visible.path, *_others(visit, script, visible.below)}
        called = {
            f"{path.rstrip('/')}/{name}" for path in paths for name in form.methods
        }
        rules = merged({self._rules_at_in_zope(path) for path in paths | called})
        rule = rules.under(_methods_of(visit)) if rules.by_method else rules.rule
        if rule == self._strictest:
            return rule
        if form.may_call_anything:
            return strictest([rule, self._strictest])
        if form.is_multipart:
            visit.environ[env.UNSEEN_PARTS] = True
        return rule

    def _rules_at_in_zope(self, path: str) -> MethodRules:
        # Add the rules of each line whose names occur in the path in the same order. By
        # acquisition "/nieuws/mijn/bezwaar" leads to "/mijn/bezwaar".
        rules = self._rules_at(path)
        segments = [Segment.of(name) for name in segments_of(canonical(path))]
        return merged({rules, *self._acquired(segments)})

    def _acquired(self, segments: Sequence[Segment]) -> set[MethodRules]:
        nodes, reached = {self._root}, {self._root}
        rules = set()
        for position, segment in enumerate(segments, 1):
            still_reached = reached if segment.may_lead_nowhere else set()
            reached = still_reached | {
                below
                for node in nodes
                for name in segment.readings
                if (below := node.at(name)) is not None
            }
            nodes |= reached
            # The root's line is in the rules already, where it holds.
            named = reached - {self._root}
            rules |= {node.prefix for node in named if node.lines}
            if position == len(segments) or segment.may_be_last:
                rules |= {node.exact for node in reached if node.exact_lines}
        return rules


def _step(nodes: set[_Node], segment: Segment) -> tuple[set[_Node], set[_Node]]:
    reached = {(node, node.at(name)) for node in nodes for name in segment.readings}
    return (
        {node for node, below in reached if below is None},
        {below for _, below in reached if below is not None},
    )


def _rules_of(rules: MethodRules) -> Iterable[PathRule]:
    return (rules.rule, *rules.by_method.values())


def _others(visit: Visit, script: str, below: str) -> set[str]:
    return other_paths(visit, script, below, visit.trust.own.mount)


def _methods_of(visit: Visit) -> set[str]:
    methods = [visit.method, *map(visit.environ.get, _OVERRIDES)]
    methods += [
        value
        for name, value in _fields_of(visit.query_string)
        if name.strip() == _METHOD_IN_QUERY
    ]
    words = {word.strip() for word in methods if word}
    # Not all frameworks see methods as case-sensitive (RFC 9110 9.1).
    return words | {word.upper() for word in words}


def _fields_of(query: str) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(query.replace(";", "&"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise PathRefused(f"the query has more than {_MOST_FIELDS} fields") from None


def _protect_lines(value: object) -> object:
    if isinstance(value, PathRules):
        return value
    return PathRules.parse(lines_of(value))  # type: ignore[arg-type]


ProtectLines = Annotated[PathRules, BeforeValidator(_protect_lines)]
