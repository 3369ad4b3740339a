"""The pipelines that the sections of an ini file form, with nothing built.

``use``, ``filter-with``, ``next``, pipelines and composites become *stacks*, as
PasteDeploy would build them: the filters around one application, the outermost first.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from eilogin.cli.inifiles.ini_sections import IniFile, Section
from eilogin.config import did_you_mean

#: The kinds of sections that can name an application.
APPS = ("app", "composite", "pipeline", "filter-app")

_FILTER_WITH = "filter-with"

#: Options that PasteDeploy keeps to itself, by the kind of section; in the others.
_OF_PASTE = {
    "server": frozenset({"use", "require"}),
    "filter-app": frozenset({"use", _FILTER_WITH, "require", "next"}),
    "pipeline": frozenset({"use", _FILTER_WITH, "require", "pipeline"}),
}
_OF_PASTE_ELSEWHERE = frozenset({"use", _FILTER_WITH, "require"})

#: PasteDeploy: a name with a scheme (``egg:``, ``config:``, ``call:``) is no section.
_HAS_SCHEME = re.compile(r"[a-zA-Z]+:")

#: Zope's projects, and its modules.
_OF_ZOPE = re.compile(
    r"egg:(?:Zope2?|Plone|Products\.CMFPlone)(?:#|\Z)|(?:call:)?(?:Zope2|ZPublisher)[.:]",
    re.IGNORECASE,
)

#: An option of ``egg:Paste#urlmap``: a path, maybe behind ``domain HOST port PORT``.
_MOUNTED = re.compile(r"(?:domain\s+\S+\s+)?(?:port\s+\d+\s+)?(?P<path>/\S*)")


@dataclass(frozen=True, slots=True)
class Part:
    """A filter or application, with the options that its factory would get."""

    #: The title of its section.
    title: str
    #: ``app``, ``composite``, ``filter`` or ``server``.
    kind: str
    #: The end of the chain of ``use``, such as ``egg:eilogin#session``.
    use: str
    options: Mapping[str, str] = field(default_factory=dict)
    #: The section that each option stands in, which may be one that ``use`` names.
    stands_in: Mapping[str, str] = field(default_factory=dict)
    #: The option of a composite that leads on to the next part, such as ``/app``.
    branch: str = field(default="", compare=False)

    @property
    def distribution(self) -> str:
        """The project that it comes from, or ""."""
        scheme, _, rest = self.use.partition(":")
        return rest.partition("#")[0] if scheme == "egg" else ""

    @property
    def entry_point(self) -> str | None:
        """Its entry point as in ``egg:eilogin#NAME``; None for other projects."""
        if self.distribution.lower() != "eilogin":
            return None
        return self.use.partition("#")[2] or "main"

    @property
    def mount(self) -> str:
        """The path that a composite removes before the next part, or ""."""
        if not self.branch or self.use.partition("#")[2] != "urlmap":
            return ""
        found = _MOUNTED.fullmatch(self.branch)
        return found["path"].rstrip("/") if found else ""

    @property
    def is_zope(self) -> bool:
        """Whether it is the application Zope, in which Plone runs too."""
        names = self.use, *map(self.options.get, ("app", "factory"))
        return self.kind == "app" and any(names_zope(name or "") for name in names)


def names_zope(use: str) -> bool:
    """Whether ``use`` names Zope, such as ``egg:Zope#main``."""
    return _OF_ZOPE.match(use) is not None


@dataclass(frozen=True, slots=True)
class Stack:
    """The filters around one application, the outermost first, and it itself."""

    #: The section that leads to all of them.
    title: str
    parts: Sequence[Part]


class Pipelines:
    """The parts and stacks of one file; it notes faults in their connections."""

    def __init__(self, file: IniFile) -> None:
        self._file = file

    def part(self, section: Section) -> Part:
        """The part that a section with ``use`` puts into a pipeline or server."""
        kind = "filter" if section.kind == "filter-app" else section.kind
        trail = [section]
        use = section.values.get("use", "")
        while use and not _HAS_SCHEME.match(use):
            kinds = (kind,) if kind in ("filter", "server") else APPS
            used = self._find(kinds, use, trail[-1].title, "use")
            if used is None or used in trail:
                if used is not None:
                    self._file.note(section.title, "use", repr(use), "leads to itself")
                use = ""
                break
            trail.append(used)
            use = used.values.get("use", "")
        options: dict[str, str] = {}
        stands_in: dict[str, str] = {}
        for one in reversed(trail):
            passed = _passed_on(one)
            options |= passed
            stands_in |= dict.fromkeys(passed, one.title)
        return Part(section.title, kind, use, options, stands_in)

    def stacks(self) -> list[Stack]:
        """Each application with the filters around it.

        Begins at the applications that no other section names.
        """
        apps = self._file.of_kind(*APPS)
        named = {title for section in apps for title in self._named_by(section)}
        return [
            stack
            for section in apps
            if section.title not in named
            for stack in self.around(section)
        ]

    def around(self, section: Section) -> list[Stack]:
        """One application with the filters that its own section puts around it."""
        return [Stack(section.title, parts) for parts in self._around(section, ())]

    def takes_filter(self, section: Section) -> bool:
        """Whether PasteDeploy can put a filter of ``filter-with`` around it.

        Around a pipeline, or an application with a filter, it puts an object that takes
        no request (its ``_FilterWith`` treats all but a plain application as a filter).
        """
        trail = [section]
        while section.kind not in ("pipeline", "filter-app"):
            use = section.values.get("use", "")
            used = [one for one in self._file.of_kind(*APPS) if one.name == use]
            if len(used) != 1 or used[0] in trail:
                return True
            (section,) = used
            if _FILTER_WITH in section.values:
                return False
            trail.append(section)
        return False

    def _find(
        self, kinds: Sequence[str], name: str, title: str, option: str
    ) -> Section | None:
        """The section of one of these kinds with a name; note a fault if there is none.

        ``title`` and ``option`` are the place of the name.
        """
        candidates = self._file.of_kind(*kinds)
        fitting = [s for s in candidates if s.name == name]
        if not fitting:
            hint = did_you_mean(name, [s.name for s in candidates])
            wanted = " or ".join(f"[{kind}:{name}]" for kind in kinds)
            self._file.note(title, option, repr(name), f"there is no {wanted}{hint}")
            return None
        if len(fitting) > 1:
            titles = ", ".join(f"[{s.title}]" for s in fitting)
            self._file.note(
                title, option, repr(name), f"is ambiguous: it may be {titles}"
            )
        return fitting[0]

    def _named_by(self, section: Section) -> Iterator[str]:
        """The titles of the applications that a section names."""
        names = {section.values.get("use", "")}
        match section.kind:
            case "pipeline":
                names.update(_names_of(section)[-1:])
            case "filter-app":
                names.add(section.values.get("next", ""))
            case "composite":
                names.update(section.values.values())
        yield from (
            s.title
            for s in self._file.of_kind(*APPS)
            if s.name in names and s.title != section.title
        )

    def _around(self, section: Section, trail: Sequence[str]) -> list[list[Part]]:
        """The stacks that begin at a section for an application."""
        if section.title in trail:
            self._file.note(section.title, "", "", "leads to itself")
            return [[]]
        trail = [*trail, section.title]
        filters = self._filter_with(section, trail)
        if filters and not self.takes_filter(section):
            told = "works only around a plain application; name it in 'pipeline'"
            self._file.note(section.title, _FILTER_WITH, "", told)
        match section.kind:
            case "pipeline":
                for option in _passed_on(section):
                    self._file.note(section.title, option, "", "only 'pipeline' here")
                self._check_commas(section)
                names = _names_of(section)
                for name in names[:-1]:
                    filters += self._filters(name, section, "pipeline", trail)
                inner = self._apps("".join(names[-1:]), section, "pipeline", trail)
            case "filter-app":
                filters.append(self.part(section))
                next_name = section.values.get("next", "")
                inner = self._apps(next_name, section, "next", trail)
            case "composite":
                inner = self._branches(section, trail)
            case _:
                inner = self._app(section, trail)
        return [filters + parts for parts in inner]

    def _check_commas(self, pipeline: Section) -> None:
        if _COMMA in pipeline.values.get("pipeline", ""):
            told = "expected blanks between the names, without commas"
            self._file.note(pipeline.title, "pipeline", f"'{_COMMA}'", told)

    def _app(self, section: Section, trail: Sequence[str]) -> list[list[Part]]:
        use = section.values.get("use", "")
        if not use or _HAS_SCHEME.match(use):
            return [[self.part(section)]]
        # An application gets the options that stand here too; a pipeline does not
        # pass them on (PasteDeploy).
        part = self.part(section)
        return [
            [*parts[:-1], part] if parts and parts[-1].use == part.use else parts
            for parts in self._apps(use, section, "use", trail)
        ]

    def _branches(self, section: Section, trail: Sequence[str]) -> list[list[Part]]:
        """The applications of a composite; of a foreign one, those it can recognise."""
        part = self.part(section)
        of_eilogin = part.entry_point == "hosts"
        known = {s.name for s in self._file.of_kind(*APPS)}
        return [
            [replace(part, branch=option), *parts]
            for option, name in part.options.items()
            if of_eilogin or name in known
            for parts in self._apps(name, section, option, trail)
        ] or [[part]]

    def _apps(
        self, name: str, section: Section, option: str, trail: Sequence[str]
    ) -> list[list[Part]]:
        if not name:
            self._file.note(
                section.title, option, "", "expected the name of an application"
            )
            return [[]]
        if _HAS_SCHEME.match(name):
            return [[Part(section.title, "app", name)]]
        found = self._find(APPS, name, section.title, option)
        return [[]] if found is None else self._around(found, trail)

    def _filters(
        self, name: str, section: Section, option: str, trail: Sequence[str]
    ) -> list[Part]:
        """A filter, preceded by the filters around it."""
        if _HAS_SCHEME.match(name):
            return [Part(section.title, "filter", name)]
        found = self._find(["filter"], name, section.title, option)
        if found is None:
            return []
        if found.title in trail:
            self._file.note(found.title, _FILTER_WITH, "", "leads to itself")
            return []
        return [*self._filter_with(found, [*trail, found.title]), self.part(found)]

    def _filter_with(self, section: Section, trail: Sequence[str]) -> list[Part]:
        name = section.values.get(_FILTER_WITH, "")
        return self._filters(name, section, _FILTER_WITH, trail) if name else []


#: Some sysadmins write a comma between the names of a pipeline. PasteDeploy reads it as
#: a part of a name, and no section has such a name.
_COMMA = ","


def _names_of(pipeline: Section) -> list[str]:
    """The filters of a pipeline, and last its application."""
    return pipeline.values.get("pipeline", "").replace(_COMMA, " ").split()


def _passed_on(section: Section) -> dict[str, str]:
    """The options of a section that its factory gets."""
    kept = _OF_PASTE.get(section.kind, _OF_PASTE_ELSEWHERE)
    return {o: value for o, value in section.values.items() if o not in kept}
