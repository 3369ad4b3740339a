"""Paths as the application will read them, and the rule that holds for each.

``protect`` says by path who needs to be logged in, and at which level::

    protect =
        =/              optional
        /nieuws         optional
        /static         off
        /mijn/bezwaar   midden

The longest line wins, on the boundaries of segments; ``=`` means this path alone, not
what is below it; what no line names needs ``basis``. A path that could mean one thing
here and another thing to the application is refused before any rule is looked at.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote

from pydantic import BeforeValidator

from eilogin.errors import PathRefused
from eilogin.saml.levels import LEVELS
from eilogin.settings import did_you_mean, lines_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: No identity, no redirect, no cookie touched.
OFF = "off"
#: Identity where there is one; it never asks anybody to log in.
OPTIONAL = "optional"
#: What no line names.
DEFAULT = LEVELS[0]
#: All rules, the least strict first.
RULES = (OFF, OPTIONAL, *LEVELS)

_FAULTS = (
    (re.compile(r"^[^/]"), "does not begin with a slash"),
    (re.compile(r"//"), "has an empty segment"),
    (re.compile(r"/\.\.?(?:/|$)"), "has a dot segment"),
    (re.compile(r"\\"), "has a backslash"),
    (re.compile(r"[\x00-\x1f\x7f-\x9f]"), "has a control character"),
    (re.compile(r"%(?:2f|5c|2e|7f|[01][0-9a-f])", re.IGNORECASE), "is encoded twice"),
)
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)


# --- one path -------------------------------------------------------------------


def canonical(environ: "WSGIEnvironment") -> str:
    """The path of a request, SCRIPT_NAME included, decoded, in its one spelling.

    Raises :class:`eilogin.errors.PathRefused` for dot segments, empty segments,
    backslashes, control characters, encoded slashes, what is not UTF-8, and what is
    still encoded and would become one of these.
    """
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    # The server has decoded the path, and nobody can see any more whether a slash
    # was encoded; these servers keep the address as it came.
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if "%" in raw and _ENCODED_SLASH.search(raw.partition("?")[0]):
        raise PathRefused("the path has an encoded slash")
    if not path.isascii():
        path = _decoded(path)
    fault = _fault_in(path)
    if fault:
        raise PathRefused(f"the path {fault}")
    return path or "/"


def _decoded(path: str) -> str:
    """Text of what WSGI hands over as latin-1 (PEP 3333, "Unicode Issues")."""
    try:
        return path.encode("latin-1").decode()
    except UnicodeError:
        raise PathRefused("the path is not UTF-8") from None


def _fault_in(path: str) -> str:
    """What is wrong with a decoded path, or ""."""
    if _is_plain(path):
        return ""
    return next((fault for pattern, fault in _FAULTS if pattern.search(path)), "")


def _is_plain(path: str) -> bool:
    """Whether nothing can be wrong: most paths, at the price of a few searches."""
    return (
        path.startswith("/")
        and path.isprintable()
        and "//" not in path
        and "/." not in path
        and "\\" not in path
        and "%" not in path
    )


# --- the rules for all ----------------------------------------------------------


class _Node:
    """One segment in the tree of rules; "" is no rule of its own."""

    __slots__ = ("below", "exact", "prefix")

    def __init__(self) -> None:
        self.prefix = ""
        self.exact = ""
        self.below: dict[str, _Node] = {}


class Rules:
    """The rule of every path; made by :meth:`parse`, and never changed after."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root = _Node()

    @classmethod
    def parse(cls, lines: Sequence[str]) -> "Rules":
        """The rules that ``lines`` such as ``/mijn/bezwaar midden`` state.

        ValueError, with all faults, says what was expected in which line and what
        was found. A trailing slash means nothing; a path may be written encoded.
        """
        rules = cls()
        faults = []
        for number, line in enumerate(lines, 1):
            try:
                rules._add(line)
            except ValueError as fault:
                faults.append(f"{fault} (line {number}: {line!r})")
        if faults:
            raise ValueError("; expected ".join(faults))
        return rules

    def _add(self, line: str) -> None:
        path, rule = _words_of(line)
        node = self._root
        for segment in _segments(path.removeprefix("=")):
            node = node.below.setdefault(segment, _Node())
        slot = "exact" if path.startswith("=") else "prefix"
        if getattr(node, slot):
            raise ValueError(f"one line for each path, found {path!r} again")
        setattr(node, slot, rule)

    def rule_for(self, path: str) -> str:
        """``off``, ``optional`` or a level, for a path from :func:`canonical`.

        A path that reads differently when it is decoded once more, as some
        applications do, gets the stricter rule of both readings.
        """
        rule = self._longest(path)
        if "%" not in path:
            return rule
        return max(rule, self._longest(unquote(path)), key=RULES.index)

    def _longest(self, path: str) -> str:
        node = self._root
        rule = node.prefix or DEFAULT
        for segment in _segments(path):
            found = node.below.get(segment)
            if found is None:
                return rule
            node = found
            rule = node.prefix or rule
        return node.exact or rule


def _segments(path: str) -> Sequence[str]:
    inner = path.strip("/")
    return inner.split("/") if inner else ()


def _words_of(line: str) -> tuple[str, str]:
    """The decoded path of one line, its ``=`` included, and its rule."""
    match line.split():
        case [written, rule]:
            pass
        case _:
            raise ValueError("a path and a rule, such as '/mijn/bezwaar midden'")
    if rule not in RULES:
        hint = did_you_mean(rule, RULES)
        raise ValueError(f"one of {', '.join(RULES)}, found {rule!r}{hint}")
    if re.search(r"[*?#]", written):
        raise ValueError(f"a path, which covers all below it, found {written!r}")
    path = unquote(written)
    if not path.startswith(("/", "=/")):
        raise ValueError(f"a path that begins with '/' or '=/', found {written!r}")
    fault = _fault_in(path.removeprefix("="))
    if fault:
        raise ValueError(f"a path that can be asked for, found one that {fault}")
    return path, rule


def _protect_lines(value: object) -> object:
    if isinstance(value, Rules):
        return value
    return Rules.parse(lines_of(value))  # type: ignore[arg-type]


#: The type of the option ``protect``.
ProtectLines = Annotated[Rules, BeforeValidator(_protect_lines)]
