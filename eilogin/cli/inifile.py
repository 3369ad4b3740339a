"""A paste ini file as PasteDeploy reads it, with nothing of it built.

PasteDeploy stops at the first fault and says little about it; here every fault is
kept, with its place. What it makes of ``use``, ``filter-with``, ``next``, pipelines
and composites becomes *stacks*: the filters around one application, the outermost
first.
"""

import configparser
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from paste.deploy.loadwsgi import ConfigLoader

from eilogin.errors import Fault
from eilogin.settings import did_you_mean

#: The prefixes of sections, and what PasteDeploy takes them for.
_KINDS = {
    "app": "app",
    "application": "app",
    "composite": "composite",
    "composit": "composite",
    "pipeline": "pipeline",
    "filter-app": "filter-app",
    "filter": "filter",
    "server": "server",
}

#: What can stand where an application is named.
_APPS = ("app", "composite", "pipeline", "filter-app")

#: Options that PasteDeploy keeps to itself.
_OF_PASTE = frozenset({"use", "filter-with", "require", "next", "pipeline"})

#: PasteDeploy: a name with a scheme (``egg:``, ``config:``, ``call:``) is no section.
_HAS_SCHEME = re.compile(r"[a-zA-Z]+:")

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Section:
    """One section, its values interpolated."""

    #: As it stands between the brackets.
    title: str
    #: ``app``, ``composite``, ``pipeline``, ``filter-app``, ``filter``, ``server``,
    #: or "" for one that is not PasteDeploy's.
    kind: str
    name: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A filter or application, with the options that its factory would get."""

    #: The section that it is in.
    title: str
    #: ``app``, ``composite``, ``filter`` or ``server``.
    kind: str
    #: What ``use`` comes down to, such as ``egg:eilogin#session``.
    use: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def distribution(self) -> str:
        """The project that it comes from, or ""."""
        scheme, _, rest = self.use.partition(":")
        return rest.partition("#")[0] if scheme == "egg" else ""

    @property
    def entry_point(self) -> str | None:
        """Its name as in ``egg:eilogin#NAME``; None where it is not of eilogin."""
        if self.distribution.lower() != "eilogin":
            return None
        return self.use.partition("#")[2] or "main"


@dataclass(frozen=True, slots=True)
class Stack:
    """The filters around one application, the outermost first, and it itself."""

    #: The section by which all of them are reached.
    title: str
    parts: Sequence[Part]


@dataclass
class IniFile:
    """The sections of one file, and the faults in how they hang together."""

    path: Path
    sections: Mapping[str, Section] = field(default_factory=dict)
    #: What stands in ``[DEFAULT]``, with ``here`` and ``__file__``.
    defaults: Mapping[str, str] = field(default_factory=dict)
    #: By their text, so that a fault that is met twice is told once.
    _faults: dict[str, Fault] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, variables: Mapping[str, str] = _NOTHING) -> "IniFile":
        """Read a file; ``variables`` stand in for what ``[DEFAULT]`` does not say.

        A file that cannot be read has no sections and one fault.
        """
        found = cls(path)
        try:
            loader = ConfigLoader(str(path))
            loader.update_defaults(dict(variables), overwrite=False)
            found.defaults = dict(loader.parser.defaults())
        except OSError as error:
            found.note("", "", "", f"cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            found.note("", "", "", "cannot be read: it is not UTF-8")
        except configparser.Error as error:
            found.note("", "", "", " ".join(str(error).split()))
        else:
            own = _own_options(path)
            found.sections = {
                title: found._section(loader.parser, title, own.get(title, ()))
                for title in loader.parser.sections()
            }
        return found

    @property
    def faults(self) -> list[Fault]:
        """What was found to be wrong so far, in the order in which it was."""
        return list(self._faults.values())

    def note(self, title: str, option: str, found: str, expected: str) -> None:
        """Keep one fault."""
        self.keep([Fault(str(self.path), title, option, found, expected)])

    def keep(self, faults: Sequence[Fault]) -> None:
        """Keep faults that were found elsewhere."""
        for fault in faults:
            self._faults.setdefault(str(fault), fault)

    def of_kind(self, *kinds: str) -> list[Section]:
        """The sections of some kinds, in the order of the file."""
        return [s for s in self.sections.values() if s.kind in kinds]

    # --- reading ---

    def _section(
        self, parser: configparser.ConfigParser, title: str, own: Sequence[str]
    ) -> Section:
        prefix, colon, name = title.partition(":")
        kind = _KINDS.get(prefix, "") if colon else ""
        values: dict[str, str] = {}
        # Other sections (logging) have rules of their own about "%".
        for option in own if kind else ():
            self._take(parser, title, option, values)
        return Section(title, kind, name.strip(), values)

    def _take(
        self,
        parser: configparser.ConfigParser,
        title: str,
        option: str,
        values: dict[str, str],
    ) -> None:
        """Put the value of one option where PasteDeploy would put it."""
        if option in self.defaults:
            expected = "[DEFAULT] has it too, and PasteDeploy then ignores this one"
            self.note(title, option, "", expected)
            return
        try:
            value = parser.get(title, option)
        except configparser.InterpolationError:
            expected = "expected '%%' for a percent sign, or '%(NAME)s' of a known NAME"
            self.note(title, option, "", expected)
            return
        word, _, name = option.partition(" ")
        if word == "get" and name:
            if value in self.defaults:
                values[name.strip()] = self.defaults[value]
            else:
                self.note(title, option, repr(value), "is not in [DEFAULT]")
        elif word != "set" or not name:  # "set" is for the sections this one names
            values[option] = value

    # --- what hangs together ---

    def part(self, section: Section) -> Part:
        """What a section with ``use`` puts into a pipeline or server."""
        kind = "filter" if section.kind == "filter-app" else section.kind
        trail = [section.title]
        merged = dict(section.values)
        use = merged.get("use", "")
        while use and not _HAS_SCHEME.match(use):
            kinds = (kind,) if kind in ("filter", "server") else _APPS
            used = self.find(kinds, use, trail[-1], "use")
            if used is None or used.title in trail:
                if used is not None:
                    self.note(section.title, "use", repr(use), "leads to itself")
                use = ""
                break
            trail.append(used.title)
            merged = {**used.values, **merged}
            use = used.values.get("use", "")
        options = {o: v for o, v in merged.items() if o not in _OF_PASTE}
        return Part(section.title, kind, use, options)

    def find(
        self, kinds: Sequence[str], name: str, title: str, option: str
    ) -> Section | None:
        """The section of one of these kinds with a name; a fault where there is none.

        ``title`` and ``option`` are where it was named.
        """
        candidates = self.of_kind(*kinds)
        fitting = [s for s in candidates if s.name == name]
        if not fitting:
            hint = did_you_mean(name, [s.name for s in candidates])
            wanted = " or ".join(f"[{kind}:{name}]" for kind in kinds)
            self.note(title, option, repr(name), f"there is no {wanted}{hint}")
            return None
        if len(fitting) > 1:
            titles = ", ".join(f"[{s.title}]" for s in fitting)
            self.note(title, option, repr(name), f"is not clear: it may be {titles}")
        return fitting[0]

    def stacks(self) -> list[Stack]:
        """Each application with the filters around it.

        Begins at the applications that no other section names.
        """
        apps = self.of_kind(*_APPS)
        named = {title for section in apps for title in self._named_by(section)}
        return [
            Stack(section.title, parts)
            for section in apps
            if section.title not in named
            for parts in self._around(section, ())
        ]

    def _named_by(self, section: Section) -> Iterator[str]:
        """The titles of the applications that a section names."""
        names = set(section.values.get("pipeline", "").split()[-1:])
        names.add(section.values.get("next", ""))
        names.add(section.values.get("use", ""))
        if section.kind == "composite":
            names.update(section.values.values())
        yield from (
            s.title
            for s in self.of_kind(*_APPS)
            if s.name in names and s.title != section.title
        )

    def _around(self, section: Section, trail: Sequence[str]) -> list[list[Part]]:
        """The stacks that begin at a section for an application."""
        if section.title in trail:
            self.note(section.title, "", "", "leads to itself")
            return [[]]
        trail = [*trail, section.title]
        filters = self._filter_with(section, trail)
        match section.kind:
            case "pipeline":
                names = section.values.get("pipeline", "").split()
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
        """A composite's applications; of a foreign one, what can be recognised."""
        part = self.part(section)
        of_eilogin = part.entry_point == "hosts"
        known = {s.name for s in self.of_kind(*_APPS)}
        return [
            [part, *parts]
            for option, name in part.options.items()
            if of_eilogin or name in known
            for parts in self._apps(name, section, option, trail)
        ] or [[part]]

    def _apps(
        self, name: str, section: Section, option: str, trail: Sequence[str]
    ) -> list[list[Part]]:
        if not name:
            self.note(section.title, option, "", "should name an application")
            return [[]]
        if _HAS_SCHEME.match(name):
            return [[Part(section.title, "app", name)]]
        found = self.find(_APPS, name, section.title, option)
        return [[]] if found is None else self._around(found, trail)

    def _filters(
        self, name: str, section: Section, option: str, trail: Sequence[str]
    ) -> list[Part]:
        """A filter, behind those that it is filtered with itself."""
        if _HAS_SCHEME.match(name):
            return [Part(section.title, "filter", name)]
        found = self.find(["filter"], name, section.title, option)
        if found is None:
            return []
        if found.title in trail:
            self.note(found.title, "filter-with", "", "leads to itself")
            return []
        return [*self._filter_with(found, [*trail, found.title]), self.part(found)]

    def _filter_with(self, section: Section, trail: Sequence[str]) -> list[Part]:
        name = section.values.get("filter-with", "")
        return self._filters(name, section, "filter-with", trail) if name else []


def _own_options(path: Path) -> dict[str, list[str]]:
    """The options that stand in each section itself, not those of ``[DEFAULT]``."""
    parser = configparser.RawConfigParser(strict=False, default_section="")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return {title: parser.options(title) for title in parser.sections()}
