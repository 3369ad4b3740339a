"""The pipelines that the sections of an ini file form; eilogin builds nothing.

``use``, ``filter-with``, ``next``, pipelines and composites become *stacks*, as
PasteDeploy would build them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from eilogin.cli.inifiles.ini_sections import IniFile, Section
from eilogin.config import did_you_mean

#: The kinds of sections that can name an application.
APPS = ("app", "composite", "pipeline", "filter-app")

_FILTER_WITH = "filter-with"

#: Options that factories do not get, by kind of section.
_PASTE_OPTIONS = {
    "server": frozenset({"use", "require"}),
    "filter-app": frozenset({"use", _FILTER_WITH, "require", "next"}),
    "pipeline": frozenset({"use", _FILTER_WITH, "require", "pipeline"}),
}
_OTHER_PASTE_OPTIONS = frozenset({"use", _FILTER_WITH, "require"})

#: A name with a scheme, such as ``egg:``, names no section.
_HAS_SCHEME = re.compile(r"[a-zA-Z]+:")

_ZOPE = re.compile(
    r"egg:(?:Zope2?|Plone|Products\.CMFPlone)(?:#|\Z)|(?:call:)?(?:Zope2|ZPublisher)[.:]",
    re.IGNORECASE,
)

#: An option of ``egg:Paste#urlmap``: a path, maybe behind ``domain HOST port PORT``.
_MOUNT_PATH = re.compile(r"(?:domain\s+\S+\s+)?(?:port\s+\d+\s+)?(?P<path>/\S*)")


@dataclass(frozen=True, slots=True)
class Part:
    """A filter or application, with the options that its factory would get."""

    title: str
    #: ``app``, ``composite``, ``filter`` or ``server``.
    kind: str
    #: End of the chain of ``use``, such as ``egg:eilogin#session``.
    use: str
    options: Mapping[str, str] = field(default_factory=dict)
    #: Section of each option, which may be one that ``use`` names.
    stands_in: Mapping[str, str] = field(default_factory=dict)
    #: Option of a composite that leads to the next part, such as ``/app``.
    branch: str = field(default="", compare=False)

    @property
    def distribution(self) -> str:
        """The project in ``egg:PROJECT``, or ""."""
        scheme, _, location = self.use.partition(":")
        return location.partition("#")[0] if scheme == "egg" else ""

    @property
    def entry_point(self) -> str | None:
        """The name in ``egg:eilogin#NAME``; None for other projects."""
        if self.distribution.lower() != "eilogin":
            return None
        return self.use.partition("#")[2] or "main"

    @property
    def mount(self) -> str:
        """The path that a composite removes before the next part, or ""."""
        if not self.branch or self.use.partition("#")[2] != "urlmap":
            return ""
        match = _MOUNT_PATH.fullmatch(self.branch)
        return match["path"].rstrip("/") if match else ""

    @property
    def is_zope(self) -> bool:
        """Whether it is the application Zope, which also runs Plone."""
        names = self.use, *map(self.options.get, ("app", "factory"))
        return self.kind == "app" and any(names_zope(name or "") for name in names)


def names_zope(use: str) -> bool:
    """Return whether ``use`` names Zope, such as ``egg:Zope#main``."""
    return _ZOPE.match(use) is not None


@dataclass(frozen=True, slots=True)
class Stack:
    """The filters around an application, the outermost first, and the application."""

    #: The section that leads to its parts.
    title: str
    parts: Sequence[Part]


class Pipelines:
    """The parts and stacks of a file; adds the faults of their connections."""

    def __init__(self, file: IniFile) -> None:
        self._file = file

    def part(self, section: Section) -> Part:
        """Return the filter, application or server of a section."""
        kind = "filter" if section.kind == "filter-app" else section.kind
        trail = [section]
        use = section.values.get("use", "")
        while use and not _HAS_SCHEME.match(use):
            kinds = (kind,) if kind in ("filter", "server") else APPS
            target = self._find(kinds, use, trail[-1].title, "use")
            if target is None or target in trail:
                if target is not None:
                    self._file.add_fault(
                        section.title, "use", repr(use), "leads to itself"
                    )
                use = ""
                break
            trail.append(target)
            use = target.values.get("use", "")
        options: dict[str, str] = {}
        stands_in: dict[str, str] = {}
        for source in reversed(trail):
            source_options = _factory_options(source)
            options |= source_options
            stands_in |= dict.fromkeys(source_options, source.title)
        return Part(section.title, kind, use, options, stands_in)

    def stacks(self) -> list[Stack]:
        """Return the stacks that begin at sections that no other section names."""
        apps = self._file.of_kind(*APPS)
        named = {title for section in apps for title in self._named_by(section)}
        return [
            stack
            for section in apps
            if section.title not in named
            for stack in self.around(section)
        ]

    def around(self, section: Section) -> list[Stack]:
        """Return the stacks that begin at the section of an application."""
        return [Stack(section.title, parts) for parts in self._stacks_from(section, ())]

    def takes_filter(self, section: Section) -> bool:
        """Return whether PasteDeploy can put ``filter-with`` around it."""
        # Around a pipeline, or an application with a filter, PasteDeploy builds an
        # object that takes no request (its ``_FilterWith``).
        trail = [section]
        while section.kind not in ("pipeline", "filter-app"):
            use = section.values.get("use", "")
            targets = [
                target for target in self._file.of_kind(*APPS) if target.name == use
            ]
            if len(targets) != 1 or targets[0] in trail:
                return True
            (section,) = targets
            if _FILTER_WITH in section.values:
                return False
            trail.append(section)
        return False

    def _find(
        self, kinds: Sequence[str], name: str, title: str, option: str
    ) -> Section | None:
        """Find a section by name; add a fault at the option for none or several."""
        candidates = self._file.of_kind(*kinds)
        matches = [s for s in candidates if s.name == name]
        if not matches:
            hint = did_you_mean(name, [s.name for s in candidates])
            sections = " or ".join(f"[{kind}:{name}]" for kind in kinds)
            self._file.add_fault(
                title, option, repr(name), f"there is no {sections}{hint}"
            )
            return None
        if len(matches) > 1:
            titles = ", ".join(f"[{s.title}]" for s in matches)
            self._file.add_fault(
                title, option, repr(name), f"is ambiguous: it may be {titles}"
            )
        return matches[0]

    def _named_by(self, section: Section) -> Iterator[str]:
        names = {section.values.get("use", "")}
        match section.kind:
            case "pipeline":
                names.update(_pipeline_names(section)[-1:])
            case "filter-app":
                names.add(section.values.get("next", ""))
            case "composite":
                names.update(section.values.values())
        yield from (
            s.title
            for s in self._file.of_kind(*APPS)
            if s.name in names and s.title != section.title
        )

    def _stacks_from(self, section: Section, trail: Sequence[str]) -> list[list[Part]]:
        if section.title in trail:
            self._file.add_fault(section.title, "", "", "leads to itself")
            return [[]]
        trail = [*trail, section.title]
        filters = self._outer_filters(section, trail)
        if filters and not self.takes_filter(section):
            expected = "works only around a plain application; name it in 'pipeline'"
            self._file.add_fault(section.title, _FILTER_WITH, "", expected)
        match section.kind:
            case "pipeline":
                for option in _factory_options(section):
                    self._file.add_fault(
                        section.title, option, "", "only 'pipeline' here"
                    )
                self._check_commas(section)
                names = _pipeline_names(section)
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
            expected = "expected blanks between the names, without commas"
            self._file.add_fault(pipeline.title, "pipeline", f"'{_COMMA}'", expected)

    def _app(self, section: Section, trail: Sequence[str]) -> list[list[Part]]:
        use = section.values.get("use", "")
        if not use or _HAS_SCHEME.match(use):
            return [[self.part(section)]]
        # PasteDeploy passes these options to an application, but not to a pipeline.
        part = self.part(section)
        return [
            [*parts[:-1], part] if parts and parts[-1].use == part.use else parts
            for parts in self._apps(use, section, "use", trail)
        ]

    def _branches(self, section: Section, trail: Sequence[str]) -> list[list[Part]]:
        """Return the stacks of a composite; a foreign one may have unknown options."""
        part = self.part(section)
        is_ours = part.entry_point == "hosts"
        app_names = {s.name for s in self._file.of_kind(*APPS)}
        return [
            [replace(part, branch=option), *parts]
            for option, name in part.options.items()
            if is_ours or name in app_names
            for parts in self._apps(name, section, option, trail)
        ] or [[part]]

    def _apps(
        self, name: str, section: Section, option: str, trail: Sequence[str]
    ) -> list[list[Part]]:
        if not name:
            self._file.add_fault(
                section.title, option, "", "expected the name of an application"
            )
            return [[]]
        if _HAS_SCHEME.match(name):
            return [[Part(section.title, "app", name)]]
        target = self._find(APPS, name, section.title, option)
        return [[]] if target is None else self._stacks_from(target, trail)

    def _filters(
        self, name: str, section: Section, option: str, trail: Sequence[str]
    ) -> list[Part]:
        """Return a filter after the filters around it."""
        if _HAS_SCHEME.match(name):
            return [Part(section.title, "filter", name)]
        target = self._find(["filter"], name, section.title, option)
        if target is None:
            return []
        if target.title in trail:
            self._file.add_fault(target.title, _FILTER_WITH, "", "leads to itself")
            return []
        return [*self._outer_filters(target, [*trail, target.title]), self.part(target)]

    def _outer_filters(self, section: Section, trail: Sequence[str]) -> list[Part]:
        name = section.values.get(_FILTER_WITH, "")
        return self._filters(name, section, _FILTER_WITH, trail) if name else []


#: Some sysadmins write it between the names of a pipeline. PasteDeploy reads it as part
#: of a name.
_COMMA = ","


def _pipeline_names(pipeline: Section) -> list[str]:
    return pipeline.values.get("pipeline", "").replace(_COMMA, " ").split()


def _factory_options(section: Section) -> dict[str, str]:
    reserved = _PASTE_OPTIONS.get(section.kind, _OTHER_PASTE_OPTIONS)
    return {
        option: value
        for option, value in section.values.items()
        if option not in reserved
    }
